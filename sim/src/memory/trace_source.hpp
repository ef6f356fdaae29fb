#pragma once

#include <vector>

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// A trace that lies in memory.
class KeptTrace final : public TraceSource {
 public:
  explicit KeptTrace(const std::vector<TraceRequest>& requests) : requests_(&requests) {}
  bool next(TraceRequest& request) override;

 private:
  const std::vector<TraceRequest>* requests_;
  std::size_t at_ = 0;
};

/// All requests, or the first `most` + 1 where there are more.
Expected<std::vector<TraceRequest>> read_whole(TraceSource& source, std::size_t most);

}  // namespace gnomon::sim
