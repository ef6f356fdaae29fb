#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "layers/tables.hpp"

namespace gnomon::hls {

/// Kinds of blocks between registers. Parameters in the order of block_text().
enum class BlockKind { add, max, distance, mul, mul_constant, acc, relu, rotate, table_logic, table_memory, probability, pipe, core, window, gather, line, skip, skip_pointers, add_register, acc_clear, mul_register, constant_sum, mul_ones, column, registers, cast };

struct BlockKey {
  BlockKind kind = BlockKind::add;
  std::array<std::int64_t, 8> p{};
  auto operator<=>(const BlockKey&) const = default;
};

/// Instances of blocks; flip-flops and look-up tables whose number follows from the text alone (registers without logic; a function of two to six
/// registered bits per column of a small table; inverters of an addition of a constant).
struct BlockCounts {
  std::map<BlockKey, std::int64_t> blocks;
  std::int64_t ff = 0, lut = 0;
  /// For a library of standard cells: adders, products and table columns with their registers, in place of `lut` and of the blocks of kinds `add`, `mul`
  /// and `mul_constant`. Of `ff`: how many are in these, and how many of the rest have a reset beside their enable.
  std::map<BlockKey, std::int64_t> cells;
  std::int64_t cell_ff = 0, reset_ff = 0;
  /// For ice40, whose carries take their operands as they are: bits that subtractions take inverted, each once.
  std::int64_t inverters = 0;
  /// For standard cells, where synthesis keeps one of all registers that take the same function: how many of those without logic have an equal elsewhere, and
  /// of these how many have a reset. Lowest bits of a sum that have are the last parameter of its cell.
  std::int64_t equal_ff = 0, equal_reset_ff = 0;
};

/// Equal instances that a block is made of: figures of one are the block's divided by them.
std::int64_t block_lanes(const BlockKey& key);
/// Bits of memory in a block that is one, else 0.
std::int64_t block_memory_bits(const BlockKey& key);

/// A block's SystemVerilog, one module of that name.
std::string block_name(const BlockKey& key);
std::string block_text(const BlockKey& key);

/// Parameters of a function's table in logic.
std::array<std::int64_t, 8> table_logic_block(const std::string& function, const NumberType& in, const NumberType& out);

/// A number of another type: of a word `source`, of whose fraction the lowest `drop` bits leave (below 0: bits come), rounded and clamped as `to` says. Declarations begin with `name`.
struct CastText {
  std::string declarations, value;
};
CastText cast_text(const std::string& name, const std::string& source, ValueType from, int drop, const NumberType& to);

// Texts that blocks and whole networks share.
std::string pipe_text(const std::string& prefix, std::int64_t stages);
std::string core_text(const std::string& prefix, std::int64_t reuse, std::int64_t rounds, std::int64_t tree, std::int64_t extra);
std::string window_text(const std::string& prefix, std::int64_t height, std::int64_t width, std::int64_t kh, std::int64_t kw, std::int64_t stride);
std::string gather_text(const std::string& prefix, std::int64_t count);
std::string skip_pointer_text(const std::string& prefix, std::int64_t address_bits);

}  // namespace gnomon::hls
