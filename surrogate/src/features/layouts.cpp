#include "features/layouts.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "features/cells.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/features.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;
using Rules = std::map<std::string, ColumnRule>;

const ColumnRule size_rule{"", 1, false, true, false}, bits_rule{"bits", 1, false, true, false};

const Rules& hls4ml_rules() {
  static const Rules rules{{"d_in", size_rule}, {"d_out", size_rule}, {"rf", size_rule}, {"prec", bits_rule}};
  return rules;
}

const Rules& hlsyn_rules() {
  static const Rules rules{{"parallel", {"", 1}}, {"tile", {"", 1}}, {"pipelined", {"", 0}}, {"flattened", {"", 0}}};
  return rules;
}

const Rules& network_rules() {
  static const Rules rules{{"precision_bits", bits_rule}, {"reuse_factor", size_rule}, {"layer_count", size_rule}, {"macs", {"", 0, false, true}}, {"weight_bits", {"bit", 0}}, {"multipliers", {"", 0}}};
  return rules;
}

const Rules& design_rules() {
  static const Rules rules = [] {
    Rules out;
    const std::set<std::string> whole{"rows", "cols", "precision_bits", "accumulator_bits", "lanes", "overlap", "memory_latency_cycles", "pes"};
    const std::set<std::string> from_zero{"lanes", "overlap", "memory_latency_cycles", "ifmap_lanes", "filter_lanes"};
    for (const DesignFeature& feature : design_features()) {
      if (feature.name == "dataflow") continue;
      ColumnRule rule{feature.unit, 0, false, false, false};
      if (!feature.derived) {
        rule.whole = whole.contains(feature.name) || feature.name.ends_with("_banks");
        rule.least = rule.whole && !from_zero.contains(feature.name) ? 1 : 0;
        rule.above = !rule.whole;
      }
      out.emplace(feature.name, rule);
    }
    return out;
  }();
  return rules;
}

const Rules& operator_rules() {
  static const Rules rules = [] {
    Rules out;
    const std::set<std::string> sizes{"cores", "rows", "cols", "bits", "accumulator_bits"};
    for (const LayerFeature& feature : layer_features()) {
      if (feature.words) continue;
      ColumnRule rule{feature.unit, 0, false, false, false};
      rule.whole = feature.name != "clock_mhz" && feature.name != "analytical_energy_pj";
      rule.least = sizes.contains(feature.name) ? 1 : 0;
      rule.above = feature.name == "clock_mhz";
      out.emplace(feature.name, rule);
    }
    return out;
  }();
  return rules;
}

/// Labels of all layouts: counts, times, energies, areas.
const Rules& label_rules() {
  static const Rules rules = [] {
    Rules out;
    for (const char* name : {"lut", "ff", "dsp", "bram", "cycles", "ii", "flat_lut", "flat_ff", "flat_dsp", "flat_bram", "util_lut", "util_ff", "util_dsp", "util_bram", "perf_cycles", "latency_cycles",
                             "compute_cycles", "energy_pj", "area_um2", "cell_area_um2", "cell_ff", "cell_memory_bits", "fmax_mhz", "dram_read_bytes", "dram_write_bytes"}) {
      out.emplace(name, ColumnRule{unit_of_name(name), 0, false, false, true});
    }
    return out;
  }();
  return rules;
}

struct Ending {
  const char* text;
  const char* unit;
};

}  // namespace

bool ColumnRule::allows(double value) const { return std::isnan(value) || ((above ? value > least : value >= least) && (!whole || value == std::floor(value))); }

std::string ColumnRule::due() const {
  const std::string kind = whole ? "a whole number" : "a number";
  return kind + (above ? " above " : " of at least ") + number(least) + " is due";
}

Layout layout_of(const std::function<bool(const std::string&)>& has) {
  const auto all = [&](std::initializer_list<const char*> names) { return std::all_of(names.begin(), names.end(), has); };
  if (all({"kernel", "point_json"})) return Layout::hlsyn;
  if (all({"d_in", "d_out", "prec", "rf", "strategy"})) return Layout::hls4ml;
  if (all({"layers", "network", "family", "precision_bits"}) || all({"analytical_lut", "analytical_ii", "precision_bits", "layer_count"})) return Layout::networks;
  const auto& described = design_features();
  if (std::all_of(described.begin(), described.end(), [&](const DesignFeature& f) { return f.derived || has(f.name); })) return Layout::designs;
  if (all({"least_ifmap_bytes", "least_filter_bytes", "ifmap_port_bytes", "analytical_latency_cycles"})) return Layout::operators;
  return Layout::none;
}

Layout layout_of(const LabelTable& table) {
  return layout_of([&](const std::string& name) { return table.find(name) != nullptr; });
}

Layout layout_of(const std::vector<Feature>& features) {
  return layout_of([&](const std::string& name) { return std::any_of(features.begin(), features.end(), [&](const Feature& f) { return f.name == name; }); });
}

const ColumnRule* rule_of(Layout layout, const std::string& column) {
  const Rules* rules = nullptr;
  switch (layout) {
    case Layout::none: return nullptr;
    case Layout::hls4ml: rules = &hls4ml_rules(); break;
    case Layout::hlsyn: rules = &hlsyn_rules(); break;
    case Layout::networks: rules = &network_rules(); break;
    case Layout::designs: rules = &design_rules(); break;
    case Layout::operators: rules = &operator_rules(); break;
  }
  if (const auto found = rules->find(column); found != rules->end()) return &found->second;
  if (const auto found = label_rules().find(column); found != label_rules().end()) return &found->second;
  static const ColumnRule expected{"", 0, false, false, false}, reported{"", 0, false, false, true}, factor{"", 0, false, true, false};
  if (layout == Layout::networks && column.starts_with("analytical_")) return &expected;
  if (layout == Layout::hls4ml && column.ends_with("_hls")) return &reported;
  if (layout == Layout::hlsyn && (column.starts_with("PARA_") || column.starts_with("TILE_"))) return &factor;
  return nullptr;
}

std::string unit_of_name(const std::string& given) {
  std::string name;
  for (const char c : given) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  static const std::map<std::string, std::string> whole{{"prec", "bits"}, {"precision", "bits"}, {"bits", "bits"}, {"bitwidth", "bits"}, {"bit_width", "bits"}, {"word_length", "bits"},
                                                        {"cycles", "cycles"}, {"ii", "cycles"}, {"lut", "LUTs"}, {"ff", "flip-flops"}, {"dsp", "DSPs"}, {"bram", "BRAMs"}, {"latency_s", "s"}};
  if (const auto found = whole.find(name); found != whole.end()) return found->second;
  static constexpr Ending endings[] = {{"_bytes_per_cycle", "B/cycle"}, {"_bytes", "B"}, {"_kib", "KiB"}, {"_mib", "MiB"}, {"_bits", "bits"}, {"_precision", "bits"}, {"_prec", "bits"}, {"_cycles", "cycles"},
                                       {"_ii", "cycles"}, {"_pj", "pJ"}, {"_mhz", "MHz"}, {"_um2", "um2"}, {"_ns", "ns"}, {"_lut", "LUTs"}, {"_ff", "flip-flops"}, {"_dsp", "DSPs"}, {"_bram", "BRAMs"}};
  for (const Ending& ending : endings) {
    if (name.ends_with(ending.text)) return ending.unit;
  }
  return "";
}

bool same_unit(const std::string& a, const std::string& b) {
  static const std::map<std::string, std::string> spellings{{"bit", "bits"}, {"byte", "B"}, {"bytes", "B"}, {"cycle", "cycles"}, {"array cycles", "cycles"}, {"kib", "KiB"}, {"mib", "MiB"}, {"mhz", "MHz"}, {"pj", "pJ"},
                                                            {"um^2", "um2"}, {"bytes/cycle", "B/cycle"}, {"LUT", "LUTs"}, {"FF", "flip-flops"}, {"FFs", "flip-flops"}, {"DSP", "DSPs"}, {"BRAM", "BRAMs"}};
  const auto plain = [&](const std::string& unit) {
    const auto found = spellings.find(unit);
    return found == spellings.end() ? unit : found->second;
  };
  return plain(a) == plain(b);
}

std::string wrong_unit(const std::string& stated, const std::string& of_model) {
  if (stated.empty() || stated == of_model || same_unit(stated, of_model)) return "";
  return "found the unit " + in_quotes(stated) + "; " + (of_model.empty() ? "the model has none here, so that it cannot be compared" : "the model was trained in " + in_quotes(of_model));
}

bool holds_amounts(const std::string& name, const std::string& unit) {
  static const std::set<std::string> amounts{"B", "byte", "bytes", "kB", "KiB", "kib", "MB", "MiB", "mib", "GB", "GiB", "bit", "bits", "cycle", "cycles", "B/cycle", "bytes/cycle", "PEs", "words", "LUT", "LUTs", "FFs",
                                             "flip-flops", "DSP", "DSPs", "BRAM", "BRAMs", "kHz", "MHz", "GHz", "um2", "um^2", "mm2", "mm^2", "ps", "ns", "us", "ms", "s", "pJ", "nJ", "uJ", "mJ", "J", "uW", "mW", "W", "MB/s",
                                             "GB/s"};
  if (!amounts.contains(unit)) return false;
  static constexpr const char* differences[] = {"diff", "delta", "error", "change", "slack", "residual", "offset", "skew", "_less_", "margin", "saved", "gain"};
  return std::none_of(std::begin(differences), std::end(differences), [&](const char* word) { return name.find(word) != std::string::npos; });
}

void check_layout(const LabelTable& table, Layout layout, const std::function<bool(const std::string&)>& skip, std::vector<Problem>& problems) {
  for (const LabelTable::Column& column : table.columns()) {
    const ColumnRule* rule = rule_of(layout, column.name);
    if (!rule || skip(column.name)) continue;
    if (!column.unit.empty() && !rule->unit.empty() && !same_unit(column.unit, rule->unit)) {
      problems.push_back({table.file(), "column " + in_quotes(column.name), "found the unit " + in_quotes(column.unit) + "; this column is in " + in_quotes(rule->unit)});
    }
    if (column.numeric) refuse_cells(table, column, [&](std::size_t r) { return !rule->allows(column.numbers[r]); }, rule->due(), problems);
  }
}

void fill_units(LabelTable& table, Layout layout) {
  if (layout == Layout::none) return;
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    const LabelTable::Column& column = table.columns()[c];
    const ColumnRule* rule = column.unit.empty() ? rule_of(layout, column.name) : nullptr;
    if (rule) table.set_unit(column.name, rule->unit.empty() ? unit_of_name(column.name) : rule->unit);
  }
}

}  // namespace gnomon::surrogate
