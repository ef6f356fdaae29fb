#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/base/random.hpp"
#include "gnomon/sim/dram.hpp"

/// Traces and memories for the tests of the DRAM model.
namespace gnomon::sim::test {

/// A trace in memory.
class ListSource : public TraceSource {
 public:
  explicit ListSource(std::vector<TraceRequest> requests) : requests_(std::move(requests)) {}
  bool next(TraceRequest& request) override {
    if (at_ == requests_.size()) return false;
    request = requests_[at_++];
    return true;
  }

 private:
  std::vector<TraceRequest> requests_;
  std::size_t at_ = 0;
};

/// `count` requests, each made by the function when it is asked for.
class MadeSource : public TraceSource {
 public:
  MadeSource(std::int64_t count, std::function<TraceRequest(std::int64_t)> make) : count_(count), make_(std::move(make)) {}
  bool next(TraceRequest& request) override {
    if (at_ == count_) return false;
    request = make_(at_++);
    return true;
  }

 private:
  std::int64_t count_, at_ = 0;
  std::function<TraceRequest(std::int64_t)> make_;
};

/// SplitMix64, from which the traces of the peers' comparison are drawn.
struct SplitMix {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
};
/// `seq`, `rand` and `mix` over 8 GiB, 100,000 lines of 64 bytes, seed 42.
std::vector<TraceRequest> peer_trace(const std::string& name, std::int64_t count = 100'000);
/// An STL file as its writers keep it: `cycle: read|write 0xADDR`. Ends the test program where it cannot be read.
std::vector<TraceRequest> read_stl(const std::filesystem::path& path);

/// A device with changes, resolved; ends the test program where that fails.
arch::Dram memory(const std::string& device, const std::function<void(arch::DramSpec&)>& change = {});
DramStatistics run(const arch::Dram& dram, std::vector<TraceRequest> requests, DramLogSink* log = nullptr);

/// Keeps the commands.
struct CommandList : DramLogSink {
  std::vector<DramLogRecord> records;
  void record(const DramLogRecord& r) override { records.push_back(r); }
};

/// A random controller for a device: every choice of every parameter comes up.
void randomise(arch::DramSpec& spec, Random& random);
/// Random traffic of one of six kinds: uniform, stream, few rows, bursts with pauses, one bank, blocks.
std::vector<TraceRequest> random_traffic(const arch::Dram& dram, Random& random, std::int64_t count);

}  // namespace gnomon::sim::test
