#include "load_tables.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel_hardware.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon {
namespace {

/// So many features are named in a message.
constexpr std::size_t most_named = 6;

bool takes_kernels(const surrogate::Model& model) {
  const auto& columns = hls::hardware_columns();
  return std::any_of(columns.begin(), columns.end(), [&](const auto& column) { return !model.info().features.empty() && column.name == model.info().features.front().name; });
}

/// Of a campaign: paths into the design, and the workload's MACs.
bool takes_parameters(const surrogate::Model& model) {
  const auto& features = model.info().features;
  return std::any_of(features.begin(), features.end(), [](const auto& feature) { return feature.name == "macs"; }) &&
         std::any_of(features.begin(), features.end(), [](const auto& feature) { return feature.name.find('.') != std::string::npos; });
}

JsonKind kind_of(const Json& document) {
  const Json* first = document.is_array() && !document.empty() ? &document[0] : &document;
  if (!first->is_object()) return JsonKind::other;
  if (first->contains("cores")) return JsonKind::designs;
  if (first->contains("body") && first->contains("tensors")) return JsonKind::kernels;
  return first->contains("model_config") ? JsonKind::records : JsonKind::other;
}

/// What a document looks like, for a message.
std::string look_of(const Json& document, JsonKind kind) {
  switch (kind) {
    case JsonKind::designs: return "designs (\"cores\")";
    case JsonKind::kernels: return "kernels (\"tensors\" and \"body\")";
    case JsonKind::records: return "records of the wa-hls4ml schema (\"model_config\")";
    case JsonKind::other: break;
  }
  const Json* first = document.is_array() && !document.empty() ? &document[0] : &document;
  if (!first->is_object()) return document.is_array() ? (document.empty() ? "an empty list" : "a list of values that are no objects") : "a value that is no object";
  if (first->contains("space") && first->contains("objectives")) return "a campaign (give the folder of its results, or its designs)";
  std::string names;
  std::size_t count = 0;
  for (const auto& [name, value] : first->items()) {
    if (count++ < most_named) names += (names.empty() ? "" : ", ") + in_quotes(name);
  }
  return names.empty() ? "an object without members" : "an object with the members " + names + (count > most_named ? ", ..." : "");
}

/// Nothing where a model takes what a document holds.
Expected<void> fits(const surrogate::Model& model, const Json& document, JsonKind kind, const std::string& file) {
  const bool designs = surrogate::takes_complete_designs(model), operators = surrogate::takes_operators(model), networks = surrogate::takes_layer_texts(model), kernels = takes_kernels(model);
  if (kind == JsonKind::designs && (operators || takes_parameters(model))) {
    return fail(ErrorKind::usage, file + " holds designs; this model knows them with a workload: give predict --workload");
  }
  const bool right = (kind == JsonKind::designs && designs) || (kind == JsonKind::kernels && kernels) ||
                     (kind == JsonKind::records && !designs && !operators && !kernels);
  // A document without an object is told about by the reader of records.
  if (right || (kind == JsonKind::other && networks && !document.is_object())) return {};
  return invalid(file, "", "holds " + look_of(document, kind) + "; the model wants " + wanted_by(model));
}

}  // namespace

bool is_json(const std::string& file) {
  for (const char* ending : {".json", ".jsonl", ".json.gz", ".jsonl.gz"})
    if (file.ends_with(ending)) return true;
  return false;
}

std::string wanted_by(const surrogate::Model& model) {
  std::string names;
  const auto& features = model.info().features;
  for (std::size_t f = 0; f < features.size() && f < most_named; ++f) names += (f == 0 ? "" : ", ") + features[f].name;
  if (features.size() > most_named) names += ", ...";
  const std::string table = "a table (.csv) with its " + std::to_string(features.size()) + " features (" + names + ")";
  if (surrogate::takes_complete_designs(model)) return "designs (.json with \"cores\": one or a list), or " + table;
  if (surrogate::takes_operators(model) || takes_parameters(model)) return "designs with a workload (predict --arch DESIGN.json --workload NAME), or " + table;
  if (surrogate::takes_layer_texts(model)) return "records of the wa-hls4ml schema (.json with \"model_config\"), or a table (.csv) as `gnomon dataset layers` writes";
  if (takes_kernels(model)) return "kernels (.json with \"tensors\" and \"body\": one or a list), or " + table;
  return table;
}

Expected<surrogate::NetworkTables> json_tables(const std::string& text, const std::string& file, JsonKind kind, const surrogate::Model* asked) {
  if (kind == JsonKind::designs || kind == JsonKind::kernels) {
    auto rows = kind == JsonKind::designs ? surrogate::read_design_table(text, file) : hls::read_hardware_table(text, file);
    if (!rows) return fail(std::move(rows.error()));
    return surrogate::NetworkTables{std::move(*rows), {}};
  }
  return asked && surrogate::takes_layer_texts(*asked) ? surrogate::read_wa_texts(text, file) : surrogate::read_wa_hls4ml(text, file);
}

Expected<surrogate::NetworkTables> load_tables(const std::string& data, const std::string& nodes, const surrogate::Model* asked) {
  if (!nodes.empty() && asked && asked->info().node_features.empty()) return fail(ErrorKind::usage, "the model takes no nodes; found the table of nodes " + in_quotes(nodes));
  if (!nodes.empty() && is_json(data)) return fail(ErrorKind::usage, data + " brings its own nodes; found the table of nodes " + in_quotes(nodes));
  if (data.ends_with(".json")) {
    auto text = read_file(data);
    if (!text) return fail(std::move(text.error()));
    const Json document = Json::parse(*text, nullptr, false, true);
    // What is no JSON as a whole may be one record a line; the reader tells where it is wrong.
    const JsonKind kind = document.is_discarded() ? JsonKind::records : kind_of(document);
    if (asked && !document.is_discarded()) {
      if (auto right = fits(*asked, document, kind, data); !right) return fail(std::move(right.error()));
    }
    return json_tables(*text, data, kind, asked);
  }
  if (is_json(data)) return asked && surrogate::takes_layer_texts(*asked) ? surrogate::load_wa_texts(data) : surrogate::load_wa_hls4ml(data);
  auto rows = surrogate::load_training_table(data);
  if (!rows) return fail(std::move(rows.error()));
  surrogate::NetworkTables out{std::move(rows->table), {}};
  if (nodes.empty()) return out;
  auto list = surrogate::load_table(nodes);
  if (!list) return fail(std::move(list.error()));
  out.nodes = std::move(*list);
  return out;
}

}  // namespace gnomon
