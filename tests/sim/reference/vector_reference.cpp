#include <algorithm>

#include "machine.hpp"

namespace gnomon::sim::reference {
namespace {

/// Vector work: everything in tables by chunk.
class VectorReference : public Work {
 public:
  VectorReference(const arch::Design& design, const Job& job) {
    const arch::Core& core = design.cores[job.core];
    const std::int64_t bits = core.array.precision.bits;
    const std::int64_t in = (job.vector.in_elements * bits + 7) / 8, out = (job.vector.out_elements * bits + 7) / 8;
    std::int64_t room = 0;
    for (const arch::Level& level : core.levels) room += level.bytes;
    const std::int64_t n = std::max<std::int64_t>(1, (2 * (in + out) + room - 1) / room);
    const std::int64_t rate = std::min({design.memory.bytes_per_cycle, design.bus_bytes_per_cycle, core.levels[0].bytes_per_cycle});
    const auto part = [n](std::int64_t x, std::int64_t i) { return x * (i + 1) / n - x * i / n; };
    fill_.assign(static_cast<std::size_t>(n), -1);
    write_back_.assign(static_cast<std::size_t>(n), -1);
    for (std::int64_t i = 0; i < n; ++i) {
      cycles_.push_back((part(job.vector.ops, i) + core.vector_lanes - 1) / core.vector_lanes);
      for (const bool fill : {true, false}) {
        const std::int64_t bytes = part(fill ? in : out, i);
        if (bytes == 0) continue;
        Transfer t;
        t.fill = fill;
        t.tile = i;
        t.trigger = fill ? std::max<std::int64_t>(i - 2, -1) : i;
        t.bytes = bytes;
        t.cycles = (bytes + rate - 1) / rate;
        t.latency = design.memory.latency_cycles;
        t.links = {0, 1};
        transfers.push_back(t);
      }
    }
    std::stable_sort(transfers.begin(), transfers.end(), [](const Transfer& a, const Transfer& b) {
      return std::tuple(a.trigger, a.fill, a.tile) < std::tuple(b.trigger, b.fill, b.tile);
    });
    for (std::size_t t = 0; t < transfers.size(); ++t) {
      (transfers[t].fill ? fill_ : write_back_)[static_cast<std::size_t>(transfers[t].tile)] = static_cast<std::int64_t>(t);
      (transfers[t].fill ? outcome.dram_read : outcome.dram_write) += transfers[t].bytes;
      outcome.bus += transfers[t].bytes;
    }
    outcome.level.resize(core.levels.size() + design.shared.size());
    outcome.level[0] = {in + out, in + out};
  }

  void end(std::int64_t now) override {
    if (running_ && now == free_at_) {
      running_ = false;
      ++done_;
    }
  }
  bool begin(std::int64_t now) override {
    if (running_ || done_ == cycles_.size()) return false;
    const std::size_t i = done_;
    if (fill_[i] >= 0 && !transfers[static_cast<std::size_t>(fill_[i])].complete) return false;
    if (i >= 2 && write_back_[i - 2] >= 0 && !transfers[static_cast<std::size_t>(write_back_[i - 2])].complete) return false;
    running_ = true;
    free_at_ = now + cycles_[i];
    outcome.compute += cycles_[i];
    return true;
  }
  bool worked_off() const override { return done_ == cycles_.size(); }
  bool may_start(const Transfer& t) const override {
    const auto done = static_cast<std::int64_t>(done_);
    return t.fill ? t.tile < 2 || done > t.tile - 2 : done > t.tile;
  }
  void start(Transfer&) override {}
  void complete(Transfer&) override {}

 private:
  std::vector<std::int64_t> cycles_, fill_, write_back_;
  std::size_t done_ = 0;
  bool running_ = false;
  std::int64_t free_at_ = 0;
};

}  // namespace

std::unique_ptr<Work> vector_work(const arch::Design& design, const Job& job) { return std::make_unique<VectorReference>(design, job); }

}  // namespace gnomon::sim::reference
