#include "gnomon/arch/design.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/technology.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

/// Those that the models compute, then names of the contract without a model.
std::vector<std::string> dataflow_words(bool built_only) {
  std::vector<std::string> words;
  for (const DataflowInfo& about : dataflows()) words.push_back(about.name);
  if (!built_only) words.insert(words.end(), {"rs", "nvdla", "shidiannao"});
  return words;
}
const std::vector<std::string> timing_words{"rtl", "scalesim"};
const std::vector<Precision> precisions{{"int2", 2, false},   {"int4", 4, false}, {"int8", 8, false}, {"int16", 16, false},
                                        {"int32", 32, false}, {"fp16", 16, true}, {"bf16", 16, true}, {"fp32", 32, true}};
/// Component names of breakdowns and of mappings, which a level may therefore not have.
const std::vector<std::string> reserved_level_names{"memory", "array", "vector", "bus", "memory_phy"};

std::vector<std::string> precision_words() {
  std::vector<std::string> words;
  for (const Precision& precision : precisions) words.push_back(precision.name);
  return words;
}

}  // namespace

const std::vector<std::string>& operand_names() {
  static const std::vector<std::string> names{"ifmap", "filter", "ofmap"};
  return names;
}

static void describe(FieldVisitor& v, ArraySpec& s) {
  field(v, {"rows", "rows of processing elements", "PEs", Key::required}, s.rows, Range{1, 1024});
  field(v, {"cols", "columns of processing elements", "PEs", Key::required}, s.cols, Range{1, 1024});
  field(v, {"dataflow", "what stays in the processing elements", "", Key::required}, s.dataflow, Choice{dataflow_words(false)});
  field(v, {"precision", "element format of inputs, weights and outputs"}, s.precision, Choice{precision_words()});
  field(v, {"accumulator_bits", "width of partial sums, which wrap around", "bits"}, s.accumulator_bits, Range{2, 64});
  field(v, {"timing", "step timing: our microarchitecture, or SCALE-Sim's fold formulas"}, s.timing, Choice{timing_words});
  field(v, {"overlap", "a fold starts before the one before has ended"}, s.overlap);
}

static void describe(FieldVisitor& v, LevelSpec& s) {
  field(v, {"name", "unique in its core and among shared levels", "", Key::required}, s.name);
  field(v, {"holds", "operands that may lie here", "", Key::required}, s.holds, Length{1, operand_count},
        Choice{operand_names()});
  field(v, {"kib", "capacity in all", "KiB", Key::required}, s.kib, RealRange{0, 1048576, true});
  field(v, {"banks", "banks that work side by side"}, s.banks, Range{1, 4096});
  field(v, {"bytes_per_cycle", "width of its read port and of its write port; omitted: the array's full rate", "bytes/cycle"},
        s.bytes_per_cycle, Range{1, 1 << 20});
  field(v, {"double_buffered", "the next tile is filled while this one is used"}, s.double_buffered);
}

static void describe(FieldVisitor& v, VectorSpec& s) {
  field(v, {"lanes", "scalar operations per cycle", "operations/cycle", Key::required}, s.lanes, Range{1, 65536});
}

static void describe(FieldVisitor& v, CoreSpec& s) {
  field(v, {"name", "unique among cores", "", Key::required}, s.name);
  field(v, {"array", "the processing elements", "", Key::required}, s.array);
  field(v, {"levels", "scratchpads, from the array outwards", "", Key::required}, s.levels, Length{1, 16});
  field(v, {"vector", "unit for work without multiply-accumulates; omitted: none"}, s.vector);
}

static void describe(FieldVisitor& v, InterconnectSpec& s) {
  field(v, {"type", "how levels and memory are joined"}, s.type, Choice{{"bus"}});
  field(v, {"bytes_per_cycle", "omitted: the memory's rate", "bytes/cycle"}, s.bytes_per_cycle, Range{1, 1 << 20});
}

static void describe(FieldVisitor& v, MemorySpec& s) {
  field(v, {"type", "ideal, a device name (" + join(dram_devices()) + "), or a memory file's path", "", Key::required}, s.type);
  field(v, {"bytes_per_cycle", "ideal memory only: reads and writes together, in array cycles", "bytes/cycle"}, s.bytes_per_cycle,
        Range{1, 1 << 20});
  field(v, {"latency_cycles", "ideal memory only: from request to first data", "array cycles"}, s.latency_cycles,
        Range{0, 1'000'000'000});
  field(v, {"channels", "devices only"}, s.channels, Range{1, 64});
  field(v, {"controller", "devices only: controller options"}, s.controller, Raw{R"({"type": "object"})"});
}

void describe(FieldVisitor& v, DesignSpec& s) {
  field(v, {"version", "version of this format", "", Key::required}, s.version, Range{1, 1});
  field(v, {"name", "what reports call the design"}, s.name);
  field(v, {"clock_mhz", "array clock", "MHz", Key::required}, s.clock_mhz, RealRange{0.001, 20000});
  field(v, {"technology", "process node: " + join(technology_names())}, s.technology);
  field(v, {"cores", "arrays with their scratchpads", "", Key::required}, s.cores, Length{1, 64});
  field(v, {"shared", "scratchpads that serve all cores, from the cores outwards"}, s.shared, Length{0, 16});
  field(v, {"interconnect", "what joins cores, shared levels and memory"}, s.interconnect);
  field(v, {"memory", "main memory", "", Key::required}, s.memory);
}

namespace {

/// Collects what is wrong with one design while it is resolved.
class Resolver {
 public:
  Resolver(const DesignSpec& spec, const std::string& file, const std::filesystem::path& folder) : spec_(spec), file_(file), folder_(folder) {}

  Expected<Design> run(ResolvedText text) {
    Design out;
    if (!(spec_.clock_mhz > 0))
      return invalid(file_, "/clock_mhz", "found " + number(spec_.clock_mhz) + "; allowed: a number above 0");
    out.name = spec_.name.empty() ? "design" : spec_.name;
    out.technology = spec_.technology;
    out.clock_mhz = spec_.clock_mhz;
    out.clock_period_ps = std::llround(1e6 / spec_.clock_mhz);
    technology();
    std::set<std::string> core_names, shared_names;
    for (std::size_t i = 0; i < spec_.shared.size(); ++i) {
      out.shared.push_back(level(spec_.shared[i], "/shared/" + std::to_string(i), shared_names));
    }
    for (std::size_t i = 0; i < spec_.cores.size(); ++i) {
      const std::string here = "/cores/" + std::to_string(i);
      name(spec_.cores[i].name, here, "core", core_names);
      out.cores.push_back(core(spec_.cores[i], here, shared_names));
    }
    memory(out);
    if (!problems_.empty()) return fail(Error(ErrorKind::invalid_input, all()));
    if (!unsupported_.empty()) return fail(Error(ErrorKind::unsupported, unsupported_));
    rates(out);
    if (text == ResolvedText::written) out.resolved_json = write_fields(canonical(out)).dump();
    return out;
  }

 private:
  const DesignSpec& spec_;
  const std::string& file_;
  const std::filesystem::path& folder_;
  std::vector<Problem> problems_, unsupported_;

  void wrong(const std::string& pointer, const std::string& message) { problems_.push_back({file_, pointer, message}); }
  void refuse(const std::string& pointer, const std::string& message) { unsupported_.push_back({file_, pointer, message}); }
  std::vector<Problem> all() const {
    std::vector<Problem> out = problems_;
    out.insert(out.end(), unsupported_.begin(), unsupported_.end());
    return out;
  }

  void technology() {
    auto node = find_technology(spec_.technology);
    if (!node) return wrong("/technology", unknown_word("technology", spec_.technology, technology_names()));
    if (auto volt = voltage_for_clock(**node, spec_.clock_mhz); !volt)
      wrong("/clock_mhz", volt.error().problems().front().message);
  }

  void name(const std::string& text, const std::string& here, const std::string& what, std::set<std::string>& taken) {
    const auto plain = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), plain)) {
      wrong(here + "/name", "found " + in_quotes(text) + "; allowed: 1 to 64 letters, digits, _ and -");
    } else if (!taken.insert(text).second) {
      wrong(here + "/name", "the " + what + " name " + in_quotes(text) + " is taken already; names must differ");
    }
  }

  Level level(const LevelSpec& spec, const std::string& here, std::set<std::string>& taken) {
    Level out;
    name(spec.name, here, "level", taken);
    if (std::find(reserved_level_names.begin(), reserved_level_names.end(), spec.name) != reserved_level_names.end()) {
      wrong(here + "/name", "a level cannot be called " + in_quotes(spec.name) +
                                "; these names mean something else: " + join(reserved_level_names));
    }
    out.name = spec.name;
    for (std::size_t i = 0; i < spec.holds.size(); ++i) {
      const auto at = std::find(operand_names().begin(), operand_names().end(), spec.holds[i]);
      if (at == operand_names().end()) {
        wrong(here + "/holds/" + std::to_string(i), unknown_word("value", spec.holds[i], operand_names()));
        continue;
      }
      bool& held = out.holds[at - operand_names().begin()];
      if (held) wrong(here + "/holds/" + std::to_string(i), in_quotes(spec.holds[i]) + " is listed twice");
      held = true;
    }
    out.bytes = std::llround(spec.kib * 1024);
    if (out.bytes < 1)
      wrong(here + "/kib", "found " + number(spec.kib) + "; allowed: at least one byte (" + number(1.0 / 1024) + " KiB)");
    out.banks = spec.banks;
    if (out.bytes >= 1 && out.banks > out.bytes) {
      wrong(here + "/banks", "found " + std::to_string(out.banks) + " banks in " + std::to_string(out.bytes) +
                                 " bytes; allowed: at most one bank per byte");
    }
    out.bytes_per_cycle = spec.bytes_per_cycle.value_or(0);
    out.double_buffered = spec.double_buffered;
    return out;
  }

  Core core(const CoreSpec& spec, const std::string& here, const std::set<std::string>& shared_names) {
    Core out;
    out.name = spec.name;
    out.array = array(spec.array, here + "/array");
    std::set<std::string> taken = shared_names;
    bool held[operand_count] = {false, false, false};
    for (std::size_t i = 0; i < spec.levels.size(); ++i) {
      out.levels.push_back(level(spec.levels[i], here + "/levels/" + std::to_string(i), taken));
      for (int o = 0; o < operand_count; ++o) held[o] = held[o] || out.levels.back().holds[o];
    }
    for (int o = 0; o < operand_count; ++o) {
      if (!held[o])
        wrong(here + "/levels",
              "no level of core " + in_quotes(spec.name) + " holds the " + operand_names()[o] + "; each operand needs one");
    }
    out.vector_lanes = spec.vector ? spec.vector->lanes : 0;
    return out;
  }

  Array array(const ArraySpec& spec, const std::string& here) {
    Array out;
    out.rows = spec.rows;
    out.cols = spec.cols;
    const auto known = std::find_if(dataflows().begin(), dataflows().end(), [&](const DataflowInfo& d) { return d.name == spec.dataflow; });
    if (known != dataflows().end()) {
      out.dataflow = known->dataflow;
    } else {
      refuse(here + "/dataflow", "no model computes the dataflow " + in_quotes(spec.dataflow) + " yet; supported: " + join(dataflow_words(true)));
    }
    for (const Precision& precision : precisions) {
      if (precision.name == spec.precision) out.precision = precision;
    }
    if (out.precision.name.empty()) wrong(here + "/precision", unknown_word("value", spec.precision, precision_words()));
    out.accumulator_bits = static_cast<int>(spec.accumulator_bits);
    if (out.accumulator_bits < out.precision.bits) {
      wrong(here + "/accumulator_bits", "found " + std::to_string(out.accumulator_bits) + "; allowed: at least the " +
                                            std::to_string(out.precision.bits) + " bits of " + spec.precision);
    } else if (out.precision.floating && out.accumulator_bits != 16 && out.accumulator_bits != 32) {
      wrong(here + "/accumulator_bits",
            "found " + std::to_string(out.accumulator_bits) + "; allowed for " + spec.precision + ": 16 or 32");
    }
    out.timing = spec.timing == "scalesim" ? Timing::scalesim : Timing::rtl;
    out.overlap = spec.overlap;
    if (out.timing == Timing::scalesim && out.overlap) {
      wrong(here + "/overlap",
            "found true with timing \"scalesim\", whose folds never overlap; allowed: false, or timing \"rtl\"");
    }
    return out;
  }

  void memory(Design& out) {
    const MemorySpec& spec = spec_.memory;
    out.memory.type = spec.type;
    if (spec.type == "ideal") {
      out.memory.kind = MemoryKind::ideal;
      if (!spec.bytes_per_cycle)
        wrong("/memory", "key \"bytes_per_cycle\" is missing (ideal memory: bytes per array cycle, reads and writes together)");
      if (!spec.latency_cycles)
        wrong("/memory", "key \"latency_cycles\" is missing (ideal memory: array cycles from request to first data)");
      if (spec.channels) wrong("/memory/channels", "is for devices; an ideal memory has bytes_per_cycle and latency_cycles");
      if (!spec.controller.empty()) wrong("/memory/controller", "is for devices; an ideal memory has no controller");
      out.memory.bytes_per_cycle = spec.bytes_per_cycle.value_or(1);
      out.memory.latency_cycles = spec.latency_cycles.value_or(0);
      return;
    }
    out.memory.kind = MemoryKind::device;
    if (spec.bytes_per_cycle) wrong("/memory/bytes_per_cycle", "is for ideal memory; a device's rate follows from its timing");
    if (spec.latency_cycles) wrong("/memory/latency_cycles", "is for ideal memory; a device's latency follows from its timing");
    const std::vector<std::string> devices = dram_devices();
    const bool device = std::find(devices.begin(), devices.end(), spec.type) != devices.end();
    const bool path = spec.type.find('/') != std::string::npos || spec.type.ends_with(".json");
    if (!device && !path) {
      std::vector<std::string> words{"ideal"};
      words.insert(words.end(), devices.begin(), devices.end());
      wrong("/memory/type", unknown_word("memory", spec.type, words) + ", or the path of a memory file");
      return;
    }
    const std::string name = device ? spec.type : (folder_ / spec.type).string();
    auto dram = device_of(spec, name);
    if (!dram) {
      for (const Problem& problem : dram.error().problems()) problems_.push_back(problem);
      return;
    }
    out.memory.dram = std::make_shared<const Dram>(std::move(*dram));
    if (out.clock_period_ps < 1) return;  // an error already
    const Dram& d = *out.memory.dram;
    // GB/s x ps = 1e-3 bytes.
    out.memory.bytes_per_cycle = std::max<std::int64_t>(1, std::llround(std::ceil(d.peak_bandwidth_gb_s() * static_cast<double>(out.clock_period_ps) * 1e-3 - 1e-9)));
    const std::int64_t latency_ps = (d[DramTiming::tRCD] + d[DramTiming::CL] + d.burst_cycles) * d.tck_ps();
    out.memory.latency_cycles = (latency_ps + out.clock_period_ps - 1) / out.clock_period_ps;
  }

  Expected<Dram> device_of(const MemorySpec& spec, const std::string& name) {
    auto device = load_dram_spec(name);
    if (!device) return fail(std::move(device.error()));
    if (spec.channels) device->channels = *spec.channels;
    if (!spec.controller.empty()) {
      if (auto ok = apply_controller(*device, spec.controller, file_, "/memory/controller"); !ok) return fail(std::move(ok.error()));
    }
    return arch::resolve(*device, name);
  }

  /// Omitted port widths: the array's full rate; for shared levels that of all cores together. Omitted bus width: the memory's
  /// rate.
  void rates(Design& out) {
    for (Core& core : out.cores) {
      for (Level& level : core.levels) {
        if (level.bytes_per_cycle == 0) level.bytes_per_cycle = full_rate_bytes_per_cycle(core.array, level);
      }
    }
    for (Level& level : out.shared) {
      if (level.bytes_per_cycle != 0) continue;
      for (const Core& core : out.cores) level.bytes_per_cycle += full_rate_bytes_per_cycle(core.array, level);
    }
    out.bus_bytes_per_cycle = spec_.interconnect.bytes_per_cycle.value_or(out.memory.bytes_per_cycle);
  }

  static LevelSpec canonical(const Level& level) {
    LevelSpec spec;
    spec.name = level.name;
    for (int o = 0; o < operand_count; ++o) {
      if (level.holds[o]) spec.holds.push_back(operand_names()[o]);
    }
    spec.kib = static_cast<double>(level.bytes) / 1024;
    spec.banks = level.banks;
    spec.bytes_per_cycle = level.bytes_per_cycle;
    spec.double_buffered = level.double_buffered;
    return spec;
  }

  DesignSpec canonical(const Design& design) const {
    DesignSpec spec = spec_;
    spec.name = design.name;
    for (std::size_t i = 0; i < design.cores.size(); ++i) {
      for (std::size_t j = 0; j < design.cores[i].levels.size(); ++j)
        spec.cores[i].levels[j] = canonical(design.cores[i].levels[j]);
    }
    for (std::size_t i = 0; i < design.shared.size(); ++i) spec.shared[i] = canonical(design.shared[i]);
    spec.interconnect.bytes_per_cycle = design.bus_bytes_per_cycle;
    if (design.memory.dram) spec.memory.channels = design.memory.dram->channels;
    return spec;
  }
};

}  // namespace

std::int64_t full_rate_bytes_per_cycle(const Array& array, const Level& level) {
  // Where folds overlap, a row's elements may belong to as many folds, each rounded up to bytes on its own.
  const auto widest = [&](std::int64_t elements, int bits) {
    return array.overlap ? elements * ((bits + 7) / 8) : (elements * bits + 7) / 8;
  };
  const std::int64_t by_row = widest(array.rows, array.precision.bits);
  const std::int64_t by_col = widest(array.cols, array.precision.bits);
  const std::int64_t sums = widest(array.cols, array.accumulator_bits);
  std::int64_t reads = 0;
  std::int64_t writes = 0;
  // Inputs enter along the columns where they are preloaded, or where both stream and N lies on the columns; else along the rows.
  const DataflowInfo& about = info(array.dataflow);
  for (const Operand input : {Operand::ifmap, Operand::filter}) {
    if (!level.holds[static_cast<int>(input)]) continue;
    const bool by_columns = about.outputs_stay() ? input == Operand::filter : input == about.stationary;
    reads += by_columns ? by_col : by_row;
  }
  if (level.holds[static_cast<int>(Operand::ofmap)]) {
    reads += sums;
    writes += sums;
  }
  return std::max({reads, writes, std::int64_t{1}});
}

Expected<DesignSpec> read_design(const Document& document, const std::string& pointer) {
  return read_fields<DesignSpec>(document, pointer);
}

Expected<Design> resolve(const DesignSpec& spec, const std::string& file, const std::filesystem::path& folder, ResolvedText text) {
  return Resolver(spec, file, folder).run(text);
}

Expected<Design> parse_design(const Document& document, const std::filesystem::path& folder, ResolvedText text) {
  auto spec = read_design(document);
  if (!spec) return fail(std::move(spec.error()));
  return resolve(*spec, document.file(), folder, text);
}

Expected<Design> load_design(const std::filesystem::path& path) {
  auto document = Document::load(path);
  if (!document) return fail(std::move(document.error()));
  return parse_design(*document, path.parent_path());
}

Json design_schema() {
  return schema_fields<DesignSpec>("gnomon design");
}

}  // namespace gnomon::arch
