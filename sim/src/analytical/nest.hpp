#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gnomon/arch/mapping.hpp"

namespace gnomon::sim {

using arch::Dim;
using arch::Operand;

constexpr int at(Dim dim) { return static_cast<int>(dim); }
constexpr int at(Operand operand) { return static_cast<int>(operand); }

/// Quotients of non-negative numbers; the 32-bit instruction is several times faster, and nearly all sizes fit.
inline std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if (((a | b) >> 32) == 0) return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  return a / b;
}
inline std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) { return quotient(a + b - 1, b); }
inline std::int64_t bytes_of(std::int64_t elements, int bits) {
  return (bits & 7) == 0 ? elements * (bits >> 3) : elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

/// Products of two counts.
__extension__ typedef __int128 Wide;

inline constexpr int max_loops = 96;
inline constexpr int max_cuts = 6;  ///< cuts of one dimension, folds included: at most 2^6 sizes

/// The blocks into which nested loops cut a dimension, by size. The blocks of one dimension do not depend on the others.
struct Blocks {
  int sizes = 1;
  std::int64_t size[1 << max_cuts];
  std::int64_t count[1 << max_cuts];
  std::int64_t total = 1;
  std::int64_t first = 1;  ///< size of the first block, the largest
  std::int64_t last = 1;

  Blocks() = default;
  Blocks(const Blocks& other) { *this = other; }
  Blocks& operator=(const Blocks& other) {
    sizes = other.sizes;
    total = other.total;
    first = other.first;
    last = other.last;
    std::copy(other.size, other.size + sizes, size);
    std::copy(other.count, other.count + sizes, count);
    return *this;
  }

  void start(std::int64_t extent) {
    sizes = 1;
    size[0] = first = last = extent;
    count[0] = total = 1;
  }

  /// Cuts every block by a loop of `n`; returns the fewest pieces that any block falls into.
  std::int64_t cut(std::int64_t n) {
    const Blocks before(*this);
    sizes = 0;
    total = 0;
    std::int64_t fewest = std::int64_t{1} << 62;
    for (int i = 0; i < before.sizes; ++i) {
      const std::int64_t s = before.size[i];
      const std::int64_t piece = ceil_quotient(s, n);
      const std::int64_t pieces = ceil_quotient(s, piece);
      const std::int64_t rest = s - (pieces - 1) * piece;
      fewest = std::min(fewest, pieces);
      total += pieces * before.count[i];
      if (rest == piece) {
        put(piece, pieces * before.count[i]);
      } else {
        if (pieces > 1) put(piece, (pieces - 1) * before.count[i]);
        put(rest, before.count[i]);
      }
    }
    first = ceil_quotient(first, n);
    const std::int64_t piece = ceil_quotient(last, n);
    last -= (ceil_quotient(last, piece) - 1) * piece;
    return fewest;
  }

  std::int64_t smallest() const { return *std::min_element(size, size + sizes); }

 private:
  void put(std::int64_t s, std::int64_t c) {
    for (int i = 0; i < sizes; ++i) {
      if (size[i] == s) {
        count[i] += c;
        return;
      }
    }
    size[sizes] = s;
    count[sizes++] = c;
  }
};

/// Rows, columns and stream of one fold.
struct FoldSize {
  std::int64_t rows = 1, cols = 1, stream = 1;
  bool operator==(const FoldSize&) const = default;
};
/// Steps from the first streamed element to the fold's end.
inline std::int64_t steps_from_stream(const FoldSize& f, bool os) { return f.stream + f.rows + f.cols - 2 + (os ? f.rows : 0); }
/// Steps from the fold's first step to the first streamed element.
inline std::int64_t steps_to_stream(const FoldSize& f, bool os) { return os ? 0 : f.rows; }
/// Steps from a fold's first streamed element to the next one's, where folds overlap.
inline std::int64_t fold_distance(const FoldSize& f, const FoldSize& next, bool os) {
  if (os) return std::max(f.stream, 2 * f.rows + f.cols - 2 + std::max<std::int64_t>(0, f.stream - next.stream));
  return std::max(f.stream + std::max<std::int64_t>(0, f.rows - next.rows), next.rows);
}

/// A level that keeps an operand: its slots hold folds back where folds overlap.
struct Holder {
  int operand;
  std::size_t entry;
  int slots;
};
struct Holders {
  Holder item[arch::operand_count * 33];
  int n = 0;
  void add(int operand, std::size_t entry, int slots) { item[n++] = {operand, entry, slots}; }
};

/// Which tiles of the levels are in use as array tiles go by, and the end E that a new one waits for.
class SlotWatch {
 public:
  SlotWatch(const arch::StepMapping& mapping, const Holders& holders);
  /// For each array tile in order, `end` being the latest end of any fold before it: the step before which its first fold may not begin.
  std::int64_t earliest(const arch::TileWalk& tiles, std::int64_t end);

 private:
  struct Held {
    Holder holder;
    std::size_t depth;
    std::int64_t begin[arch::dim_count] = {};
    std::int64_t before = 0;       ///< latest end of any fold before its present tile
    std::int64_t before_last = 0;  ///< and before the one before that
  };
  std::vector<Held> held_;
  bool first_ = true;
};

/// Whether slots could delay a fold where folds overlap; false is certain.
bool slots_may_bind(const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims, bool os, const Holders& holders);
/// Steps of the whole work where folds overlap and every step costs one cycle.
std::int64_t overlapped_steps(const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims, bool os,
                              const Holders& holders, bool slots_bind);

/// What a fold moves through which port: everything the prices of steps depend on.
struct Ports {
  int level[arch::operand_count];                ///< index into Core::levels of the operand's innermost level
  const std::vector<arch::Level>* levels;
  arch::Dataflow dataflow;
  int bits;
  int accumulator_bits;
  bool overlap;
};
/// Sum of the prices of a fold that nothing overlaps, ports alone. `reads_sums`: partial sums exist; `final_results`: they are complete after it.
std::int64_t fold_price(const Ports& ports, const FoldSize& fold, bool reads_sums, bool final_results);
/// Sum of the prices of all steps by walking the folds in order: for folds that overlap and narrow ports, and for layouts with bank conflicts.
std::int64_t walked_price(const Ports& ports, const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims,
                          const Holders& holders);

}  // namespace gnomon::sim
