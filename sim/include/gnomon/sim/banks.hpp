#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"

namespace gnomon::sim {

/// Rows and columns of an operand's matrix.
inline std::array<arch::Dim, 2> matrix_dims(arch::Operand operand) {
  return {operand == arch::Operand::filter ? arch::Dim::k : arch::Dim::m, operand == arch::Operand::ifmap ? arch::Dim::k : arch::Dim::n};
}

/// An operand's tile in its level as `row_major` or `col_major` lay it: a matrix for each of its products, one after the other.
struct TileMatrix {
  std::int64_t begin[3];   ///< product, row and column of the first element
  std::int64_t stride[3];  ///< elements from one product, row and column to the next

  TileMatrix(arch::Operand operand, arch::Layout layout, const arch::TileRange& tile) {
    const auto [row, col] = matrix_dims(operand);
    const std::int64_t rows = tile.size(row), cols = tile.size(col);
    const bool by_rows = layout == arch::Layout::row_major;
    begin[0] = tile.begin[static_cast<int>(arch::Dim::g)];
    begin[1] = tile.begin[static_cast<int>(row)];
    begin[2] = tile.begin[static_cast<int>(col)];
    stride[0] = rows * cols;
    stride[1] = by_rows ? cols : 1;
    stride[2] = by_rows ? 1 : rows;
  }
  /// Place of an element from the tile's first one.
  std::int64_t index(std::int64_t product, std::int64_t row, std::int64_t col) const {
    return (product - begin[0]) * stride[0] + (row - begin[1]) * stride[1] + (col - begin[2]) * stride[2];
  }
};

/// Bytes of a bank's word.
inline std::int64_t bank_word_bytes(const arch::Level& level) { return std::max<std::int64_t>(1, level.bytes_per_cycle / level.banks); }

/// Turns of a step: the largest number of distinct words in a bank at a port (docs/microarchitecture.md section 4). The words of two tiles, and of two
/// operands, are different ones.
class BankTurns {
 public:
  explicit BankTurns(const std::vector<arch::Level>& levels) : levels_(levels), touched_(2 * levels.size()) {}
  void clear() {
    for (auto& port : touched_) port.clear();
  }
  /// An element that passes a port of level `level`; `tile` is a number of the operand's tile.
  void touch(std::size_t level, bool write, arch::Operand operand, std::int64_t tile, std::int64_t index, int bits) {
    const std::int64_t word = index * bits / 8 / bank_word_bytes(levels_[level]);
    touched_[2 * level + (write ? 1 : 0)].push_back({word % levels_[level].banks, tile * arch::operand_count + static_cast<int>(operand), word});
  }
  std::int64_t turns() {
    std::int64_t most = 0;
    for (auto& port : touched_) {
      std::sort(port.begin(), port.end());
      port.erase(std::unique(port.begin(), port.end()), port.end());
      for (std::size_t i = 0, from = 0; i < port.size(); ++i) {
        if (port[i][0] != port[from][0]) from = i;
        most = std::max(most, static_cast<std::int64_t>(i - from + 1));
      }
    }
    return most;
  }

 private:
  const std::vector<arch::Level>& levels_;
  std::vector<std::vector<std::array<std::int64_t, 3>>> touched_;  ///< by port: bank, tile, word
};

}  // namespace gnomon::sim
