#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

namespace gnomon::hls {

/// Kinds of blocks between registers. Parameters in the order of block_text().
enum class BlockKind { add, max, distance, mul, mul_constant, acc, relu, rotate, table_logic, table_memory, probability, pipe, core, window, gather, line, skip, skip_pointers };

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
};

/// A block's SystemVerilog, one module of that name.
std::string block_name(const BlockKey& key);
std::string block_text(const BlockKey& key);

// Texts that blocks and whole networks share.
std::string pipe_text(const std::string& prefix, std::int64_t stages);
std::string core_text(const std::string& prefix, std::int64_t reuse, std::int64_t rounds, std::int64_t tree, std::int64_t extra);
std::string window_text(const std::string& prefix, std::int64_t height, std::int64_t width, std::int64_t kh, std::int64_t kw, std::int64_t stride);
std::string gather_text(const std::string& prefix, std::int64_t count);
std::string skip_pointer_text(const std::string& prefix, std::int64_t address_bits);

}  // namespace gnomon::hls
