#include <algorithm>
#include <array>
#include <bit>

#include "gnomon/base/text.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::workloads {
namespace {

constexpr std::uint64_t line_bytes = 64, kib = 1024, gib = std::uint64_t{1} << 30;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) as a sequence that starts at the seed itself, which `Random` does not: published traces
/// are defined by this sequence.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// Common to all: how many accesses are left, and the size of the memory in lines (a power of two).
class Generator : public AccessStream {
 public:
  Generator(std::uint64_t count, std::uint64_t bytes, std::uint64_t seed) : count_(count), lines_(bytes / line_bytes), draws_(seed) {}
  bool next(MemoryAccess& access) final {
    if (index_ == count_) return false;
    access = MemoryAccess{timed() ? index_ : 0, 0, false};
    access.address = line(index_, access.write) * line_bytes;
    ++index_;
    return true;
  }

 protected:
  virtual std::uint64_t line(std::uint64_t index, bool& write) = 0;
  virtual bool timed() const { return false; }
  std::uint64_t uniform() { return draws_.next() % lines_; }

  std::uint64_t count_, lines_, index_ = 0;
  SplitMix draws_;
};

class Sequence : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t index, bool&) override { return index % lines_; }
};

class Uniform : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t, bool&) override { return uniform(); }
};

template <class Base>
class OneACycle final : public Base {
 public:
  using Base::Base;
  bool timed() const override { return true; }
};

/// Blocks of 50 reads; of 200 blocks `streamed` go on with the stream.
class Blend final : public Generator {
 public:
  Blend(std::uint64_t count, std::uint64_t bytes, std::uint64_t seed, std::uint64_t streamed) : Generator(count, bytes, seed) {
    for (std::size_t i = 0; i < blocks; ++i) is_stream_[i] = i < streamed;
  }
  bool timed() const override { return true; }
  std::uint64_t line(std::uint64_t index, bool&) override {
    const std::uint64_t block = index / block_reads % blocks;
    if (index % (block_reads * blocks) == 0) {
      for (std::size_t i = blocks; i > 1; --i) std::swap(is_stream_[i - 1], is_stream_[draws_.next() % i]);
    }
    return is_stream_[block] ? at_++ % lines_ : uniform();
  }

 private:
  static constexpr std::uint64_t block_reads = 50, blocks = 200;
  std::array<bool, blocks> is_stream_{};
  std::uint64_t at_ = 0;
};

class Mix final : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t, bool& write) override {
    const std::uint64_t draw = draws_.next();
    std::uint64_t at;
    if (draw & 1) {
      const std::size_t stream = draw >> 1 & 3;
      at = (stream * (lines_ / 4) + done_[stream]++) % lines_;
    } else {
      at = uniform();
    }
    write = draws_.next() % 3 == 0;
    return at;
  }

 private:
  std::array<std::uint64_t, 4> done_{};
};

class Stride final : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t index, bool&) override {
    constexpr std::uint64_t step = 4 * kib / line_bytes;
    const std::uint64_t steps = lines_ / step;
    return index % steps * step + index / steps % step;
  }
};

class TwoStreams final : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t index, bool&) override { return index % 2 * (lines_ / 2) + index / 2 % (lines_ / 2); }
};

class HotRows final : public Generator {
 public:
  HotRows(std::uint64_t count, std::uint64_t bytes, std::uint64_t seed) : Generator(count, bytes, seed) {
    const std::uint64_t blocks = lines_ / block_lines;
    if (blocks <= rows_.size()) {
      for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = i % blocks;
      return;
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      do {
        rows_[i] = draws_.next() % blocks;
      } while (std::find(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(i), rows_[i]) != rows_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  std::uint64_t line(std::uint64_t, bool&) override {
    const std::uint64_t draw = draws_.next();
    return rows_[draw % rows_.size()] * block_lines + draw / rows_.size() % block_lines;
  }

 private:
  static constexpr std::uint64_t block_lines = 8 * kib / line_bytes;
  std::array<std::uint64_t, 64> rows_{};
};

class Blocks final : public Generator {
 public:
  using Generator::Generator;
  std::uint64_t line(std::uint64_t index, bool&) override {
    constexpr std::uint64_t block_lines = kib / line_bytes;
    if (index % block_lines == 0) first_ = draws_.next() % (lines_ / block_lines) * block_lines;
    return first_ + index % block_lines;
  }

 private:
  std::uint64_t first_ = 0;
};

}  // namespace

const std::vector<TracePattern>& trace_patterns() {
  static const std::vector<TracePattern> patterns{
      {"stream", "consecutive lines, one read a cycle", 10'000, gib, TraceFormat::stl},
      {"random", "lines drawn uniformly, one read a cycle", 10'000, gib, TraceFormat::stl},
      {"cloud-1", "blend of stream (48 %) and random in blocks of 50 reads, one read a cycle", 10'000, gib, TraceFormat::stl},
      {"cloud-2", "blend of stream (50.5 %) and random in blocks of 50 reads, one read a cycle", 10'000, gib, TraceFormat::stl},
      {"seq", "consecutive lines", 100'000, 8 * gib, TraceFormat::csv},
      {"rand", "lines drawn uniformly", 100'000, 8 * gib, TraceFormat::csv},
      {"mix", "half of it four streams, half of it uniform; a third are writes", 100'000, 8 * gib, TraceFormat::csv},
      {"stride", "lines 4 KiB apart", 100'000, 8 * gib, TraceFormat::csv},
      {"two-streams", "two streams in turn, in different rows of the same bank", 100'000, 8 * gib, TraceFormat::csv},
      {"hot-rows", "uniform lines of 64 blocks of 8 KiB", 100'000, 8 * gib, TraceFormat::csv},
      {"blocks", "whole blocks of 1 KiB, drawn uniformly", 100'000, 8 * gib, TraceFormat::csv},
  };
  return patterns;
}

Expected<std::unique_ptr<AccessStream>> make_trace(const std::string& pattern, const TraceOptions& options) {
  const auto& patterns = trace_patterns();
  const auto found = std::find_if(patterns.begin(), patterns.end(), [&](const TracePattern& p) { return p.name == pattern; });
  if (found == patterns.end()) {
    std::vector<std::string> names;
    for (const TracePattern& p : patterns) names.push_back(p.name);
    return fail(ErrorKind::invalid_input, unknown_word("trace pattern", pattern, names));
  }
  const std::uint64_t count = options.count ? options.count : found->count, bytes = options.bytes ? options.bytes : found->bytes;
  if (!std::has_single_bit(bytes) || bytes < 64 * kib || bytes > std::uint64_t{1} << 48) {
    return fail(ErrorKind::invalid_input,
                "a trace over " + std::to_string(bytes) + " bytes; allowed: powers of two from 65536 to 2^48");
  }
  const std::uint64_t seed = options.seed;
  std::unique_ptr<AccessStream> out;
  if (pattern == "stream") out = std::make_unique<OneACycle<Sequence>>(count, bytes, seed);
  if (pattern == "random") out = std::make_unique<OneACycle<Uniform>>(count, bytes, seed);
  if (pattern == "cloud-1") out = std::make_unique<Blend>(count, bytes, seed, 96);
  if (pattern == "cloud-2") out = std::make_unique<Blend>(count, bytes, seed, 101);
  if (pattern == "seq") out = std::make_unique<Sequence>(count, bytes, seed);
  if (pattern == "rand") out = std::make_unique<Uniform>(count, bytes, seed);
  if (pattern == "mix") out = std::make_unique<Mix>(count, bytes, seed);
  if (pattern == "stride") out = std::make_unique<Stride>(count, bytes, seed);
  if (pattern == "two-streams") out = std::make_unique<TwoStreams>(count, bytes, seed);
  if (pattern == "hot-rows") out = std::make_unique<HotRows>(count, bytes, seed);
  if (pattern == "blocks") out = std::make_unique<Blocks>(count, bytes, seed);
  return out;
}

}  // namespace gnomon::workloads
