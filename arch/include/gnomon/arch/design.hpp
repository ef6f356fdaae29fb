#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/dataflow.hpp"
#include "gnomon/arch/dram.hpp"
#include "gnomon/base/fields.hpp"

namespace gnomon::arch {

const std::vector<std::string>& operand_names();

// ---- As written: what the JSON says, omissions left open. ----

struct ArraySpec {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::string dataflow;
  std::string precision = "int8";
  std::int64_t accumulator_bits = 32;
  std::string timing = "rtl";
  bool overlap = false;
};
struct LevelSpec {
  std::string name;
  std::vector<std::string> holds;
  double kib = 0;
  std::int64_t banks = 1;
  std::optional<std::int64_t> bytes_per_cycle;
  bool double_buffered = true;
};
struct VectorSpec {
  std::int64_t lanes = 0;
};
struct CoreSpec {
  std::string name;
  ArraySpec array;
  std::vector<LevelSpec> levels;
  std::optional<VectorSpec> vector;
};
struct InterconnectSpec {
  std::string type = "bus";
  std::optional<std::int64_t> bytes_per_cycle;
};
struct MemorySpec {
  std::string type;
  std::optional<std::int64_t> bytes_per_cycle;
  std::optional<std::int64_t> latency_cycles;
  std::optional<std::int64_t> channels;
  /// Controller options of a device, as JSON text; read by the memory model.
  std::string controller;
};
struct DesignSpec {
  std::int64_t version = 1;
  std::string name;
  double clock_mhz = 0;
  std::string technology = "45nm";
  std::vector<CoreSpec> cores;
  std::vector<LevelSpec> shared;
  InterconnectSpec interconnect;
  MemorySpec memory;
};
void describe(FieldVisitor& v, DesignSpec& spec);

// ---- Resolved: defaults applied, derived values computed, cross-field rules checked. Models see nothing else. ----

enum class Timing { rtl, scalesim };

/// Element format of operands: bits, and whether the MAC is an integer or a floating-point one.
struct Precision {
  std::string name;
  int bits = 8;
  bool floating = false;
};

struct Array {
  std::int64_t rows = 1;
  std::int64_t cols = 1;
  Dataflow dataflow = {};
  Precision precision;
  int accumulator_bits = 32;
  Timing timing = Timing::rtl;
  bool overlap = false;
  std::int64_t pes() const { return rows * cols; }
};

/// A scratchpad. `slots` of a tile are held at a time: 2 when double buffered, else 1; a held operand needs slots x its tile.
struct Level {
  std::string name;
  bool holds[operand_count] = {false, false, false};
  std::int64_t bytes = 0;
  std::int64_t banks = 1;
  /// Width of its one read port and of its one write port.
  std::int64_t bytes_per_cycle = 1;
  bool double_buffered = true;
  int slots() const { return double_buffered ? 2 : 1; }
};

struct Core {
  std::string name;
  Array array;
  /// From the array outwards.
  std::vector<Level> levels;
  /// 0: no vector unit; operators that need one are refused on this core.
  std::int64_t vector_lanes = 0;
};

enum class MemoryKind { ideal, device };

struct Memory {
  MemoryKind kind = MemoryKind::ideal;
  /// `ideal`, a device name, or a memory file's path.
  std::string type;
  /// In array cycles: one access port for reads and writes together. Of a device: its peak rate (rounded up) and the time of a read from a
  /// closed bank (tRCD + CL + burst, rounded up), with which the analytical model estimates.
  std::int64_t bytes_per_cycle = 1;
  std::int64_t latency_cycles = 0;
  /// The device with the design's channels and controller options; none for ideal memory.
  std::shared_ptr<const Dram> dram;
};

struct Design {
  std::string name;
  double clock_mhz = 0;
  /// Array clock period, whole picoseconds: round(1e6 / clock_mhz). All times of the array's domain are multiples of it.
  std::int64_t clock_period_ps = 0;
  std::string technology;
  std::vector<Core> cores;
  /// From the cores outwards; they serve all cores.
  std::vector<Level> shared;
  /// Omitted in the file: the memory's bytes_per_cycle.
  std::int64_t bus_bytes_per_cycle = 1;
  Memory memory;
  /// The design as resolved, in the contract's JSON form, compact; what provenance hashes and the store keeps.
  std::string resolved_json;
};

/// Whether `Design::resolved_json` is written; who only looks at a design, as a query of a surrogate does, can do without the work.
enum class ResolvedText { written, left_empty };

/// Names of dataflows that the contract knows; those that no model computes yet are refused as unsupported.
Expected<DesignSpec> read_design(const Document& document, const std::string& pointer = "");
/// Applies defaults and checks the cross-field rules (names unique, every operand held by at least one level of every core, scalesim without overlap, ...).
/// Problems name `file` and pointers into it. A memory file's path is looked up from `folder`.
Expected<Design> resolve(const DesignSpec& spec, const std::string& file, const std::filesystem::path& folder, ResolvedText text = ResolvedText::written);
/// A memory file's path is looked up from the design's own folder.
Expected<Design> load_design(const std::filesystem::path& path);
Expected<Design> parse_design(const Document& document, const std::filesystem::path& folder = {}, ResolvedText text = ResolvedText::written);
/// An omitted `bytes_per_cycle`: what the array can take from or give to this level in its widest step of the dataflow (definition in
/// docs/microarchitecture.md), so that no step waits for the port. For the operands that the level holds, the widest step of each is added up
/// (folds that overlap move several at once): streamed operand a word per row, stationary one (or the second streamed one) a word per
/// column, ofmap an accumulator per column, read and written; the larger of reads and writes. A shared level gets the sum over all cores.
std::int64_t full_rate_bytes_per_cycle(const Array& array, const Level& level);
/// JSON Schema of the design file.
Json design_schema();

}  // namespace gnomon::arch
