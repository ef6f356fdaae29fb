#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// The binary command log of the DRAM model, for tools that replay it. Nothing but the format is here.
namespace gnomon::sim {

/// Commands as the standards name them. PREsb and REFsb: the bank of that number in every bank group. REF: all banks of a rank.
enum class DramCommand : std::uint8_t { ACT, PRE, PREsb, PREA, RD, RDA, WR, WRA, REF, REFpb, REFsb, PDE, PDX, SRE, SRX };
inline constexpr int dram_command_count = 15;
inline constexpr std::array<std::string_view, dram_command_count> dram_command_names{"ACT", "PRE",   "PREsb", "PREA", "RD",  "RDA", "WR", "WRA",
                                                                                     "REF", "REFpb", "REFsb", "PDE",  "PDX", "SRE", "SRX"};

/// One command. `cycle` is the command's first clock (commands of several clocks: ACT of lpddr4 4, RD and WR of lpddr4 4, PRE, REF ... of lpddr4 2;
/// ACT of lpddr5, hbm2, hbm3 2; ACT, RD, WR of ddr5 2; all others 1). Fields that a command does not have are 0: a rank command has no bank.
struct DramLogRecord {
  std::uint64_t cycle = 0;
  DramCommand command = DramCommand::ACT;
  std::uint8_t channel = 0;
  std::uint8_t pseudo_channel = 0;
  std::uint8_t rank = 0;
  std::uint8_t bank_group = 0;
  /// Within its bank group.
  std::uint8_t bank = 0;
  std::uint16_t reserved = 0;
  /// Of ACT, RD and WR (the open row).
  std::uint32_t row = 0;
  /// Of RD and WR, in bursts.
  std::uint32_t column = 0;
  bool operator==(const DramLogRecord&) const = default;
};
static_assert(sizeof(DramLogRecord) == 24);

/// The file: this header, then `memory_bytes` bytes of the resolved memory file (JSON), then records, all little-endian, in time order per
/// channel (channels interleave).
struct DramLogHeader {
  std::array<char, 8> magic{'G', 'N', 'M', 'D', 'R', 'A', 'M', '1'};
  std::uint32_t record_bytes = sizeof(DramLogRecord);
  std::uint32_t memory_bytes = 0;
};
static_assert(sizeof(DramLogHeader) == 16);

/// Takes the commands of a run, each channel's in time order.
class DramLogSink {
 public:
  virtual ~DramLogSink() = default;
  virtual void record(const DramLogRecord& record) = 0;
};

}  // namespace gnomon::sim
