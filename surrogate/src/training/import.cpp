#include "gnomon/surrogate/benchmark.hpp"
#include "gnomon/surrogate/import.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "features/layouts.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/table.hpp"
#include "training/wa_records.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool has_all(const LabelTable& table, std::initializer_list<const char*> names) {
  return std::all_of(names.begin(), names.end(), [&](const char* name) { return table.find(name) != nullptr; });
}

/// Of a table that a model is asked about only what it wants, texts of whole networks being long (and without the file's name); all of it where nothing is said.
LabelTable wanted_part(const LabelTable& table, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return table;
  LabelTable out;
  for (const LabelTable::Column& column : table.columns())
    if (std::find(wanted.begin(), wanted.end(), column.name) != wanted.end()) out.add(column);
  return out;
}

const LabelTable::Column& column_of(const LabelTable& table, const char* name) { return *table.find(name); }

Expected<ImportedTable> import_hlsyn(const LabelTable& table, const std::vector<std::string>& wanted) {
  ImportedTable out{"HLSyn", {}, {"kernel"}, "HLSyn: cycles and utilisation", "Vitis HLS"};
  const std::size_t rows = table.rows();
  const auto& points = column_of(table, "point_json");
  std::map<std::string, std::vector<double>> numbers;
  std::map<std::string, std::vector<std::string>> words;
  for (const std::string& name : wanted) {
    if (name.starts_with("PARA_") || name.starts_with("TILE_")) numbers.emplace(name, std::vector<double>(rows, 0));
    if (name.starts_with("PIPE_")) words.emplace(name, std::vector<std::string>(rows, "absent"));
  }
  std::vector<double> parallel(rows, 1), tile(rows, 1), pipelined(rows, 0), flattened(rows, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::string text = points.numeric ? "" : points.words[r];
    const auto point = nlohmann::json::parse(text, nullptr, false);
    if (!point.is_object()) {
      return invalid(table.file(), "column \"point_json\"", "row " + std::to_string(r + 1) + ": found " + in_quotes(text) + "; a JSON object of pragmas is due");
    }
    for (const auto& [key, value] : point.items()) {
      std::string name = key;
      while (name.starts_with("_")) name.erase(0, 1);
      if (const std::size_t at = name.find("__"); at != std::string::npos) name.replace(at, 2, "_");
      if (value.is_number()) {
        auto& column = numbers.emplace(name, std::vector<double>(rows, 0)).first->second;
        column[r] = value.get<double>();
        if (const ColumnRule* rule = rule_of(Layout::hlsyn, name); rule && !rule->allows(column[r])) {
          return fail(Error(ErrorKind::invalid_input, Problem{table.file_of(r), table.place_of(r) + ", column \"point_json\"", in_quotes(key) + ": found " + value.dump() + "; " + rule->due()}));
        }
        if (name.starts_with("PARA")) parallel[r] *= std::max(1.0, column[r]);
        if (name.starts_with("TILE")) tile[r] *= std::max(1.0, column[r]);
      } else if (value.is_string()) {
        const auto word = value.get<std::string>();
        words.emplace(name, std::vector<std::string>(rows, "absent")).first->second[r] = word.empty() ? "on" : word;
        pipelined[r] += word.empty() ? 1 : 0;
        flattened[r] += word == "flatten" ? 1 : 0;
      } else {
        return invalid(table.file(), "column \"point_json\"", "row " + std::to_string(r + 1) + ", " + in_quotes(key) + ": found " + value.dump() + "; a number or a word is due");
      }
    }
  }
  std::vector<bool> finished(rows, true);
  if (const auto* cycles = table.find("perf_cycles"); cycles && cycles->numeric) {
    for (std::size_t r = 0; r < rows; ++r) finished[r] = cycles->numbers[r] > 0;
  }
  const std::set<std::string> labels{"perf_cycles", "bram", "dsp", "lut", "ff", "util_bram", "util_dsp", "util_lut", "util_ff"};
  for (LabelTable::Column column : table.columns()) {
    if (labels.contains(column.name) && column.numeric) {
      for (std::size_t r = 0; r < rows; ++r) column.numbers[r] = finished[r] ? column.numbers[r] : nan;
    }
    out.table.add(std::move(column));
  }
  if (const auto* version = table.find("hls_version"); version && !version->numeric) {
    const std::set<std::string> versions(version->words.begin(), version->words.end());
    out.label_tool += " (" + join({versions.begin(), versions.end()}) + ")";
    // One version of the tool in a table tells nothing; several do.
    if (versions.size() > 1) out.features.push_back("hls_version");
  }
  const auto add = [&](LabelTable::Column column) {
    if (table.find(column.name)) return;
    out.features.push_back(column.name);
    out.table.add(std::move(column));
  };
  for (auto& [name, values] : numbers) add({name, "", true, std::move(values), {}});
  for (auto& [name, values] : words) add({name, "", false, {}, std::move(values)});
  add({"parallel", "", true, parallel, {}});
  add({"tile", "", true, tile, {}});
  add({"pipelined", "", true, pipelined, {}});
  add({"flattened", "", true, flattened, {}});
  out.table.take_places(table);
  return out;
}

/// Tables of `gnomon dataset` without a layout: what names a row, and what is a label, is not learned from unless it is asked for.
struct OwnTable {
  std::string name;
  std::vector<std::string> marks;  ///< columns that no other table has together
  std::set<std::string> no_features;
  std::string label_kind, label_tool = {};
};

const std::vector<OwnTable>& own_tables() {
  static const std::vector<OwnTable> list{
      {"operators", {"design", "layer", "analytical_energy_pj"}, {"design", "layer", "latency_cycles", "energy_pj"}, "gnomon dataset operators: cycle model", "gnomon " + version()},
      {"kernels", {"kernel", "directives", "total_cycles"},
       {"row", "split", "seed", "name", "kernel", "directives", "total_cycles", "ii", "depth_cycles", "latency_cycles", "lut", "ff", "dsp", "bram", "target", "tool", "mode", "cosimulated"},
       "gnomon dataset kernels: yosys, and the verified schedule"},
  };
  return list;
}

/// The different words of the columns that say what made a table's labels.
std::string tool_of(const LabelTable& table) {
  constexpr std::size_t most_words = 6;
  std::vector<std::string> out;
  for (const char* name : {"tool", "target", "mode"}) {
    const auto* column = table.find(name);
    if (!column || column->numeric) continue;
    const std::set<std::string> words(column->words.begin(), column->words.end());
    // So many words are no tools.
    if (words.size() > most_words) continue;
    for (const std::string& word : words)
      if (!word.empty()) out.push_back(word);
  }
  return join(out, ", ");
}

Expected<ImportedTable> import_columns(const LabelTable& table, const std::vector<std::string>& wanted) {
  if (has_all(table, {"kernel", "point_json"})) return import_hlsyn(table, wanted);
  if (has_all(table, {"d_in", "d_out", "prec", "rf", "strategy"})) {
    // `prec` is in bits by its name.
    return ImportedTable{"hls4ml layers", table, {"d_in", "d_out", "prec", "rf", "strategy"}, "hls4ml C synthesis", "hls4ml, and the HLS tool behind it"};
  }
  if (is_layers_table(table)) {
    auto derived = layers_features(table);
    if (!derived) return fail(std::move(derived.error()));
    ImportedTable out{"networks of layers", wanted_part(table, wanted), {}, "gnomon dataset layers: yosys, composed, xcup"};
    for (LabelTable::Column& column : *derived) {
      if (!column.name.starts_with("analytical_") && column.name != "macs" && column.name != "weight_bits") continue;
      out.features.push_back(column.name);
      if (!has_all(table, {column.name.c_str()})) out.table.add(std::move(column));
    }
    for (const LabelTable::Column& column : table.columns())
      if (column.name == "precision_bits" || column.name == "strategy" || column.name == "io" || column.name == "layer_count") out.features.push_back(column.name);
    return out;
  }
  if (is_design_table(table)) {
    ImportedTable out{"complete designs", with_design_features(table), {}, "gnomon dataset designs: yosys, complete RTL, composed, xcup" + std::string(table.find("cell_area_um2") ? "; osu018 with OpenSTA" : "")};
    for (const DesignFeature& feature : design_features()) out.features.push_back(feature.name);
    return out;
  }
  for (const OwnTable& own : own_tables()) {
    if (!std::all_of(own.marks.begin(), own.marks.end(), [&](const std::string& name) { return has_all(table, {name.c_str()}); })) continue;
    ImportedTable out{own.name, table, {}, own.label_kind, own.label_tool};
    for (const LabelTable::Column& column : table.columns())
      if (!own.no_features.contains(column.name)) out.features.push_back(column.name);
    return out;
  }
  return ImportedTable{"", table, {}, ""};
}

}  // namespace

Expected<ImportedTable> import_layout(const LabelTable& table, const std::vector<std::string>& wanted) {
  auto out = import_columns(table, wanted);
  if (!out) return out;
  fill_units(out->table, layout_of(table));
  if (out->table.file().empty()) out->table.take_places(table);
  // In a table of no known layout such a column may be anything.
  if (const std::string told = tool_of(table); !out->layout.empty() && table.find("tool") && !told.empty()) out->label_tool = told;
  return out;
}

bool names_or_labels_networks(const std::string& column) {
  static const std::set<std::string> names{"network", "name", "lut", "ff", "dsp", "bram", "cycles", "ii"};
  return names.contains(column);
}

void LabelSource::add(const LabelSource& more) {
  for (const auto part : {&LabelSource::kind, &LabelSource::tool}) {
    std::string& own = this->*part;
    if ((more.*part).empty() || ("; " + own + "; ").find("; " + more.*part + "; ") != own.npos) continue;
    own += (own.empty() ? "" : "; ") + more.*part;
  }
}

Expected<LabelTable> load_table(const std::filesystem::path& path) {
  const auto text = read_unpacked(path);
  if (!text) return fail(Error(text.error()));
  return LabelTable::parse(*text, path.string());
}

}  // namespace gnomon::surrogate
