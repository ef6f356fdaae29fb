#include "trace_source.hpp"

#include "gnomon/sim/memory.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::sim {
namespace {

class StreamSource final : public TraceSource {
 public:
  explicit StreamSource(std::unique_ptr<workloads::AccessStream> stream) : stream_(std::move(stream)) {}
  bool next(TraceRequest& request) override {
    workloads::MemoryAccess access;
    if (!stream_->next(access)) return false;
    request.cycle = static_cast<std::int64_t>(access.cycle);
    request.address = access.address;
    request.write = access.write;
    return true;
  }
  Expected<void> status() const override {
    if (stream_->error() != nullptr) return fail(*stream_->error());
    return {};
  }

 private:
  std::unique_ptr<workloads::AccessStream> stream_;
};

}  // namespace

Expected<std::unique_ptr<TraceSource>> open_trace_source(const std::string& trace, const arch::Dram& dram) {
  const auto bytes = static_cast<std::uint64_t>(dram.bytes());
  const std::string built_in = "trace:";
  Expected<std::unique_ptr<workloads::AccessStream>> stream = fail(ErrorKind::invalid_input, "");
  if (trace.starts_with(built_in)) {
    const std::string name = trace.substr(built_in.size());
    workloads::TraceOptions options;
    // A pattern made for a larger memory fills this one.
    for (const workloads::TracePattern& pattern : workloads::trace_patterns()) {
      if (pattern.name == name && pattern.bytes > bytes) options.bytes = bytes;
    }
    stream = workloads::make_trace(name, options);
  } else {
    stream = workloads::open_trace(trace, bytes);
  }
  if (!stream) return fail(std::move(stream.error()));
  return std::make_unique<StreamSource>(std::move(*stream));
}

bool KeptTrace::next(TraceRequest& request) {
  if (at_ == requests_->size()) return false;
  request = (*requests_)[at_++];
  return true;
}

Expected<std::vector<TraceRequest>> read_whole(TraceSource& source, std::size_t most) {
  std::vector<TraceRequest> requests;
  for (TraceRequest request; requests.size() <= most && source.next(request);) requests.push_back(request);
  if (auto fine = source.status(); !fine) return fail(std::move(fine.error()));
  return requests;
}

}  // namespace gnomon::sim
