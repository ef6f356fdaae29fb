#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/fields.hpp"

/// DRAM devices and their controllers as memory files describe them. Nothing here simulates; `sim` builds timing rules and controllers from
/// `Dram`.
namespace gnomon::arch {

enum class DramStandard { ddr3, ddr4, ddr5, lpddr4, lpddr5, hbm2, hbm3 };
inline constexpr int dram_standard_count = 7;
/// `ddr3`, `ddr4`, ...
const std::vector<std::string>& dram_standard_names();
bool is_hbm(DramStandard standard);

/// Timings in memory clocks (`tCK`), save the clock period itself. Names as in the JEDEC standards. The list of names, with meanings and the
/// standards that have them, is `dram_timings()`.
enum class DramTiming {
  tCK_ps, BL, CL, CWL, AL, tRCD, tRCDWR, tRP, tRPab, tRAS, tRC, tRTP, tWR, tCCD, tCCD_S, tCCD_L, tCCD_L_WR, tRRD, tRRD_S, tRRD_L, tFAW,
  tWTR, tWTR_S, tWTR_L, tRTW, tRPRE, tWPRE, tRPST, tDQSCK, tWCKDQO, WCK, tPPD, tRTRS, tREFI, tRFC, tRFCpb, tRFCsb, tRREFD, tpbR2act,
  tXP, tCKE, tPD, tXS, tXSDLL, tCKESR, tACTPDEN, tPRPDEN, tREFPDEN,
  count
};
inline constexpr int dram_timing_count = static_cast<int>(DramTiming::count);

/// One timing name: what it means, its range, and which standards have it (bit masks over DramStandard). Where it may be left out, `fallback`
/// says which value it then has.
struct DramTimingInfo {
  DramTiming timing;
  std::string name, doc, fallback;
  std::int64_t min, max;
  unsigned required, optional;
  bool required_for(DramStandard s) const { return required >> static_cast<int>(s) & 1u; }
  bool known_for(DramStandard s) const { return (required | optional) >> static_cast<int>(s) & 1u; }
};
const std::vector<DramTimingInfo>& dram_timings();

// ---- As written. ----

struct DramTimingSpec {
  std::array<std::optional<std::int64_t>, dram_timing_count> values;
};
struct DramControllerSpec {
  std::string scheduler = "frfcfs";
  std::string buffer = "shared";
  std::int64_t request_buffer_size = 32;
  std::string page_policy = "open";
  std::string refresh = "all_bank";
  std::int64_t refresh_max_postponed = 0;
  std::int64_t refresh_max_pulled_in = 0;
  std::optional<std::int64_t> refresh_guard_cycles;
  std::string arbiter = "simple";
  std::string response_queue = "fifo";
  std::int64_t max_active_transactions = 64;
  std::int64_t write_high = 0;
  std::int64_t write_low = 0;
  /// true, false, or one of the words of `DramPowerDown`; JSON text.
  std::string power_down = "false";
};
void describe(FieldVisitor& v, DramControllerSpec& spec);

/// Currents of one supply, in mA per device, as the data sheet's IDD table gives them (IPP, IDDQ ... for other supplies).
struct DramSupplySpec {
  std::string name;
  double voltage_v = 0;
  double IDD0 = 0, IDD2N = 0, IDD3N = 0, IDD4R = 0, IDD4W = 0, IDD5B = 0;
  std::optional<double> IDD2P0, IDD2P1, IDD3P0, IDD3P1, IDD5PB, IDD6;
};
struct DramPowerSpec {
  std::string source;
  std::vector<DramSupplySpec> supplies;
};
struct DramSpec {
  std::int64_t version = 1;
  std::string name;
  std::string standard;
  std::string speed;
  std::int64_t channels = 1;
  /// HBM: 2 where omitted; 1 elsewhere.
  std::optional<std::int64_t> pseudo_channels;
  std::int64_t ranks = 1;
  std::int64_t bank_groups = 1;
  std::int64_t banks_per_group = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t device_width = 0;
  std::int64_t data_width_bits = 0;
  DramTimingSpec timing;
  /// A field order as a JSON string, or an object (JSON text).
  std::string address_mapping;
  DramControllerSpec controller;
  std::optional<DramPowerSpec> power;
  /// Where values are from: by the name of a value (`tRFC`, `rows`, `IDD0`) or of a block (`organisation`, `timing`, `controller`).
  std::map<std::string, std::string> sources;
};
void describe(FieldVisitor& v, DramSpec& spec);

// ---- Resolved. ----

enum class DramScheduler { fifo, frfcfs, frfcfs_grp };
enum class DramBuffer { bankwise, readwrite, shared };
enum class DramPagePolicy { open, open_adaptive, closed, closed_adaptive };
enum class DramRefresh { none, all_bank, per_bank, same_bank };
enum class DramArbiter { simple, fifo, reorder };
enum class DramResponseQueue { fifo, reorder };
/// `power_down`: a rank without requests goes to power-down and wakes for refreshes. `self_refresh`: moreover, one that is still without
/// requests after such a wake-up goes to self-refresh.
enum class DramPowerDown { none, power_down, self_refresh };

/// What the controller does; the ten parameters of ArchGym's DRAM space with the meaning that they have in DRAMSys 5.1, and more.
struct DramController {
  DramScheduler scheduler = DramScheduler::frfcfs;
  DramBuffer buffer = DramBuffer::shared;
  /// Requests held: per bank (bankwise), per kind (readwrite), or in all (shared), in each channel. A readwrite buffer has at least
  /// eight entries of each kind, as DRAMSys 5.1 has whatever this parameter says; so ArchGym's values of 1 to 8 make no difference there.
  int request_buffer_size = 32;
  int buffer_capacity() const { return buffer == DramBuffer::readwrite && request_buffer_size < 8 ? 8 : request_buffer_size; }
  DramPagePolicy page_policy = DramPagePolicy::open;
  DramRefresh refresh = DramRefresh::all_bank;
  /// In all-bank refresh intervals; 0: a refresh is due as soon as its interval has passed.
  int refresh_max_postponed = 0;
  int refresh_max_pulled_in = 0;
  /// A refresh that must not be put off any more stops its banks so many cycles before it is due. With tRAS (the default) every row may be closed by then,
  /// and the refresh comes at most tRP late. 0, as in DRAMSys 5.1: the banks are stopped when it is due, and it comes as soon as they are closed.
  int refresh_guard_cycles = 0;
  DramArbiter arbiter = DramArbiter::simple;
  DramResponseQueue response_queue = DramResponseQueue::fifo;
  /// Per port, for the arbiters fifo and reorder; the simple arbiter has no limit.
  int max_active_transactions = 64;
  /// Write drain: from `write_high` waiting writes on, writes go first, until only `write_low` are left; reads go first otherwise.
  /// 0: no drain, reads and writes by age and row hits alone.
  int write_high = 0;
  int write_low = 0;
  DramPowerDown power_down = DramPowerDown::none;
};

/// Where a burst lies. `bank` counts within its bank group.
struct DramLocation {
  int channel = 0, pseudo_channel = 0, rank = 0, bank_group = 0, bank = 0;
  std::int64_t row = 0;
  /// In bursts: the column bits above the offset.
  std::int64_t column = 0;
  bool operator==(const DramLocation&) const = default;
};

enum class DramField { channel, pseudo_channel, rank, bank_group, bank, row, column };
inline constexpr int dram_field_count = 7;

/// A linear one-to-one map (over bits) from byte addresses to places.
class DramAddressMap {
 public:
  /// A piece of a field: address bits [from, from + width) become field bits [to, to + width).
  struct Piece {
    int from = 0, to = 0, width = 0;
  };
  /// Field bit `to` is moreover inverted by the parity of the address under `mask`.
  struct Xor {
    int to = 0;
    std::uint64_t mask = 0;
  };
  struct Field {
    int bits = 0;
    std::vector<Piece> pieces;
    std::vector<Xor> xors;
    std::uint64_t of(std::uint64_t address) const {
      std::uint64_t value = 0;
      for (const Piece& p : pieces) value |= (address >> p.from & ((std::uint64_t{1} << p.width) - 1)) << p.to;
      for (const Xor& x : xors) value ^= static_cast<std::uint64_t>(__builtin_parityll(address & x.mask)) << x.to;
      return value;
    }
  };
  std::array<Field, dram_field_count> fields;
  int offset_bits = 0;

  DramLocation location(std::uint64_t address) const;
  /// The first byte address of a place.
  std::uint64_t address(const DramLocation& location) const;
};

struct DramSupply {
  std::string name;
  double voltage_v = 0;
  double IDD0 = 0, IDD2N = 0, IDD2P0 = 0, IDD2P1 = 0, IDD3N = 0, IDD3P0 = 0, IDD3P1 = 0, IDD4R = 0, IDD4W = 0, IDD5B = 0, IDD5PB = 0, IDD6 = 0;
  bool has_per_bank_refresh = false;
};
struct DramPower {
  std::string source;
  std::vector<DramSupply> supplies;
};

/// A checked memory: everything is there, fits together and has its final value.
struct Dram {
  std::string name;
  DramStandard standard = DramStandard::ddr4;
  std::string speed;
  int channels = 1, pseudo_channels = 1, ranks = 1, bank_groups = 1, banks_per_group = 1;
  std::int64_t rows = 1, columns = 1;
  int device_width = 8;
  /// Of one channel, or of one pseudo-channel where there are some.
  int data_width_bits = 64;
  std::array<std::int64_t, dram_timing_count> timings{};
  /// Memory clocks of data per burst.
  int burst_cycles = 4;
  std::int64_t burst_bytes = 0;
  DramAddressMap map;
  DramController controller;
  std::optional<DramPower> power;
  /// The file as resolved, in the contract's JSON form, compact.
  std::string resolved_json;

  std::int64_t operator[](DramTiming t) const { return timings[static_cast<std::size_t>(t)]; }
  std::int64_t tck_ps() const { return (*this)[DramTiming::tCK_ps]; }
  int devices_per_rank() const { return data_width_bits / device_width; }
  int banks_per_rank() const { return bank_groups * banks_per_group; }
  /// Over ranks and pseudo-channels.
  int banks_per_channel() const { return banks_per_rank() * ranks * pseudo_channels; }
  std::int64_t bytes() const {
    return std::int64_t{channels} * banks_per_channel() * rows * columns * data_width_bits / 8;
  }
  double peak_bandwidth_gb_s() const {
    return static_cast<double>(channels) * pseudo_channels * static_cast<double>(burst_bytes) / (burst_cycles * tck_ps()) * 1000.0;
  }
};

Expected<DramSpec> read_dram(const Document& document, const std::string& pointer = "");
/// Applies defaults and checks everything that one key alone does not tell (tRC >= tRAS + tRP, powers of two, the mapping, the standard's own
/// names and modes, ...). All problems are collected; they name `file` and pointers into it.
Expected<Dram> resolve(const DramSpec& spec, const std::string& file);
Expected<Dram> parse_dram(const Document& document);
/// `device` is a name of `dram_devices()` or a path. A name with a slash or that ends in `.json` is a path.
Expected<Dram> load_dram(const std::string& device);
/// As load_dram, before resolving: for callers that change controller options or the number of channels.
Expected<DramSpec> load_dram_spec(const std::string& device);
/// The controller options of a design's `memory.controller` (JSON text) laid over those of the device; keys left out keep their values.
Expected<void> apply_controller(DramSpec& spec, const std::string& controller_json, const std::string& file, const std::string& pointer);

/// Devices whose files are built into the program, sorted.
std::vector<std::string> dram_devices();
/// The file's text, or nothing where there is no such device.
std::optional<std::string_view> dram_device_text(std::string_view name);
/// JSON Schema of the memory file (`gnomon schema memory`).
Json dram_schema();

/// The words of the JSON, in the order of the enumerations.
const std::vector<std::string>& dram_scheduler_words();
const std::vector<std::string>& dram_buffer_words();
const std::vector<std::string>& dram_page_policy_words();
const std::vector<std::string>& dram_refresh_words();
const std::vector<std::string>& dram_arbiter_words();
const std::vector<std::string>& dram_response_queue_words();
const std::vector<std::string>& dram_power_down_words();
const std::vector<std::string>& dram_field_words();

namespace detail {
/// Reads an address mapping (JSON text) for the given number of bits of each field; problems are appended.
DramAddressMap read_mapping(const std::string& json, const std::array<int, dram_field_count>& bits, int offset_bits, const std::string& file,
                            std::vector<Problem>& problems);
}

}  // namespace gnomon::arch
