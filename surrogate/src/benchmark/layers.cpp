#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "features/cells.hpp"
#include "features/layouts.hpp"
#include "features/network.hpp"
#include "features/text_plan.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/benchmark.hpp"

namespace gnomon::surrogate {
using namespace std::string_view_literals;
namespace {

using arch::LabelTable;

/// What a layer's text consists of, in its order.
constexpr std::array<const char*, 15> fields{"type",  "n_in",     "n_out",       "reuse_factor", "activation", "bias",  "residual",
                                             "in_height", "in_width", "in_channels", "height",       "width",      "channels", "kernel", "stride"};
enum : std::size_t { at_type = 0, at_n_in, at_n_out, at_reuse, at_activation, at_bias, at_residual, at_in_height, at_in_width, at_in_channels, at_height, at_width, at_channels, at_kernel, at_stride };
constexpr bool is_word(std::size_t field) { return field == at_type || field == at_activation; }

/// One layer as read: its words and numbers by field, and what follows from them.
struct LayerRow {
  std::string_view type, activation;
  std::array<double, fields.size()> numbers;
  double products = 0, macs = 0;

  std::string_view& word(std::size_t field) { return field == at_type ? type : activation; }
  const std::string_view& word(std::size_t field) const { return field == at_type ? type : activation; }
  NetworkLayer shape() const {
    const auto& n = numbers;
    return {layer_kind(type), layer_activation(activation), n[at_n_in], n[at_n_out], n[at_reuse], n[at_bias] != 0, n[at_residual] != 0, n[at_in_height], n[at_in_width], n[at_in_channels],
            n[at_height], n[at_width], n[at_channels], n[at_kernel], n[at_stride]};
  }
};

std::string_view next_part(std::string_view& text, char at) {
  const std::size_t end = std::min(text.find(at), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool count_in(std::string_view text, double& value) {
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto [stopped, error] = std::from_chars(text.data(), end, whole); error == std::errc() && stopped == end) {
    value = static_cast<double>(whole);
    return whole >= 0;
  }
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stopped == end && std::isfinite(value) && value >= 0 && value == std::floor(value);
}

/// Reads a layer off the front of the text where all its numbers are written in digits alone; else nothing is taken.
bool take_plain(std::string_view& text, LayerRow& layer) {
  const char *at = text.data(), *const end = at + text.size();
  for (std::size_t f = 0; f < fields.size(); ++f) {
    const char* const from = at;
    if (is_word(f)) {
      while (at < end && *at != ':' && *at != ';') ++at;
    } else {
      std::int64_t value = 0;
      while (at < end && *at >= '0' && *at <= '9' && at - from < 15) value = 10 * value + (*at++ - '0');
      if (at == from) return false;
      layer.numbers[f] = static_cast<double>(value);
    }
    if (is_word(f)) layer.word(f) = {from, static_cast<std::size_t>(at - from)};
    const bool last = f + 1 == fields.size();
    if (last ? at < end && *at != ';' : at == end || *at != ':') return false;
    if (at < end) ++at;
  }
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  return true;
}

/// The layers of one row into `out`, which keeps its room.
Expected<void> read_layers(const LabelTable& table, std::size_t row, std::string_view text, std::vector<LayerRow>& out) {
  const auto refuse = [&](const std::string& what) { return fail(Error(ErrorKind::invalid_input, Problem{table.file_of(row), table.place_of(row) + ", column \"layers\"", what})); };
  const auto finish = [](LayerRow& layer) {
    layer.products = layer.numbers[at_n_in] * layer.numbers[at_n_out];
    layer.macs = layer.products * (layer.type.starts_with("conv") ? layer.numbers[at_height] * layer.numbers[at_width] : 1);
  };
  out.clear();
  do {
    LayerRow& layer = out.emplace_back();
    if (take_plain(text, layer)) {
      finish(layer);
      continue;
    }
    const std::string_view whole = next_part(text, ';');
    const std::size_t count = static_cast<std::size_t>(std::count(whole.begin(), whole.end(), ':')) + 1;
    if (count != fields.size()) {
      return refuse("a layer has " + std::to_string(count) + " fields, not " + std::to_string(fields.size()) + ": " + in_quotes(std::string(whole)));
    }
    std::string_view left = whole;
    for (std::size_t f = 0; f < fields.size(); ++f) {
      const std::string_view part = next_part(left, ':');
      if (is_word(f)) layer.word(f) = part;
      else if (!count_in(part, layer.numbers[f])) return refuse(std::string(fields[f]) + " of a layer is " + in_quotes(std::string(part)) + ", not a count");
    }
    finish(layer);
  } while (!text.empty());
  return {};
}

const LabelTable::Column* exact(const LabelTable& table, std::string_view name) {
  const auto& all = table.columns();
  const auto found = std::find_if(all.begin(), all.end(), [&](const LabelTable::Column& column) { return column.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// The columns that describe a row's network.
struct Described {
  const LabelTable::Column *layers = nullptr, *bits = nullptr, *strategy = nullptr, *io = nullptr;

  static Expected<Described> of(const LabelTable& table) {
    Described out{exact(table, "layers"), exact(table, "precision_bits"), exact(table, "strategy"), exact(table, "io")};
    std::vector<Problem> problems;
    if (out.layers == nullptr || out.layers->numeric) problems.push_back({table.file(), "layers", "is not a column of words"});
    if (out.bits == nullptr || !out.bits->numeric) problems.push_back({table.file(), "precision_bits", "is not a column of numbers"});
    if (problems.empty()) refuse_cells(table, *out.bits, [&](std::size_t r) { return !(out.bits->numbers[r] >= 1); }, "bits of at least 1 are due", problems);
    if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
    return out;
  }
};

/// What physics gives for a whole row.
constexpr std::array<const char*, 14> derived_names{"macs", "weight_bits", "reuse_depth_sum", "bit_operations", "analytical_lut", "analytical_ff", "analytical_dsp", "analytical_bram",
                                                    "analytical_cycles", "analytical_ii", "analytical_adder_lut", "analytical_product_lut", "analytical_select_lut", "analytical_table_lut"};

std::array<double, derived_names.size()> derived_of(const std::vector<LayerRow>& layers, std::vector<NetworkLayer>& shapes, double bits, bool resource, bool stream) {
  double macs = 0, weight_bits = 0, depth = 0;
  shapes.clear();
  for (const LayerRow& layer : layers) {
    shapes.push_back(layer.shape());
    macs += layer.macs;
    weight_bits += layer.products * bits;
    if (layer.products > 0) depth += layer.numbers[at_reuse] * (layer.macs / layer.products);
  }
  const NetworkEstimate e = estimate_network(shapes, static_cast<int>(std::clamp(bits, 2.0, 16.0)), resource, stream);
  return {macs, weight_bits, depth, macs * bits * bits, e.lut(), e.ff, e.dsp, e.bram, e.cycles, e.ii, e.adder_lut, e.product_lut, e.select_lut, e.table_lut};
}

/// Columns of a table that are features as they stand, and the reuse factor wished for, which is not.
constexpr std::array<std::string_view, 5> given_names{"precision_bits", "strategy", "io", "layer_count", "reuse_factor"};
enum : std::size_t { at_bits = 0, at_strategy, at_io, at_count, at_wished };

/// Reads row by row and tells `each` the layers and what is derived from them.
template <class Each>
Expected<void> walk(const LabelTable& table, const Described& described, const Each& each) {
  const auto& [layers, bits, strategy, io] = described;
  std::vector<LayerRow> read;
  std::vector<NetworkLayer> shapes;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    if (auto sound = read_layers(table, r, layers->words[r], read); !sound) return sound;
    const bool resource = strategy && !strategy->numeric && strategy->words[r] == "resource", stream = io && !io->numeric && io->words[r] == "io_stream";
    each(r, read, bits->numbers[r], derived_of(read, shapes, bits->numbers[r], resource, stream));
  }
  return {};
}

template <class Each>
Expected<void> walk(const LabelTable& table, const Each& each) {
  const auto described = Described::of(table);
  if (!described) return fail(Error(described.error()));
  return walk(table, *described, each);
}

std::vector<LabelTable::Column> derived_columns(std::size_t rows) {
  std::vector<LabelTable::Column> out;
  for (const char* name : derived_names) {
    out.push_back({name, std::string_view(name) == "weight_bits" ? "bit" : "", true, {}, {}});
    out.back().numbers.reserve(rows);
  }
  return out;
}

}  // namespace

bool is_layers_table(const LabelTable& table) {
  return exact(table, "layers") && exact(table, "network") && exact(table, "family") && exact(table, "precision_bits");
}

Expected<std::vector<LabelTable::Column>> layers_features(const LabelTable& table) {
  std::vector<LabelTable::Column> out = derived_columns(table.rows());
  auto walked = walk(table, [&](std::size_t, const auto&, double, const auto& derived) {
    for (std::size_t d = 0; d < derived.size(); ++d) out[d].numbers.push_back(derived[d]);
  });
  if (!walked) return fail(std::move(walked.error()));
  return out;
}

TextPlan::TextPlan(const std::vector<Feature>& features) {
  if (layout_of(features) != Layout::networks) return;
  for (const Feature& feature : features) {
    const std::string& name = feature.name;
    // As the importer has it: other derived columns must be given.
    const bool made = name.starts_with("analytical_") || name == "macs" || name == "weight_bits";
    const auto value = std::find_if(derived_names.begin(), derived_names.end(), [&](const char* known) { return made && name == known; });
    const auto given = std::find(given_names.begin(), given_names.end(), name);
    const bool words = name == "strategy" || name == "io";
    if ((value == derived_names.end() && given == given_names.end()) || feature.may_miss || feature.categories.empty() == words) return;
    sources_.push_back(value != derived_names.end() ? static_cast<int>(value - derived_names.begin()) : -1 - static_cast<int>(given - given_names.begin()));
  }
  ready_ = true;
}

bool TextPlan::encode(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const LabelTable& table, RealMatrix& x) const {
  if (!ready_) return false;
  std::array<const LabelTable::Column*, given_names.size()> given{};
  const LabelTable::Column *layers = nullptr;
  bool network = false, family = false;
  for (const LabelTable::Column& column : table.columns()) {
    // Views are compared by their lengths first.
    const std::string_view name = column.name;
    if (name == "network"sv) network = true;
    else if (name == "family"sv) family = true;
    else if (name == "layers"sv) layers = &column;
    else if (name == "multipliers"sv && (!column.numeric || !column.unit.empty() || std::any_of(column.numbers.begin(), column.numbers.end(), [](double v) { return v < 0; }))) return false;
    else if (name == "macs"sv || name == "weight_bits"sv || name.starts_with("analytical_"sv) || name == "kernel"sv || name == "prec"sv) return false;
    else if (const auto at = std::find(given_names.begin(), given_names.end(), name); at != given_names.end()) given[static_cast<std::size_t>(at - given_names.begin())] = &column;
  }
  if (!network || !family || layers == nullptr || layers->numeric || !layers->unit.empty()) return false;
  for (std::size_t g = 0; g < given.size(); ++g) {
    const LabelTable::Column* column = given[g];
    if (g == at_wished && column == nullptr) continue;  // is checked where it is there, and not used
    const bool words = g == at_strategy || g == at_io;
    if (column == nullptr || column->numeric == words || (!column->unit.empty() && !(g == at_bits && column->unit == "bits"))) return false;
    if (!words && std::any_of(column->numbers.begin(), column->numbers.end(), [&](double v) { return !(v >= 1 && v == std::floor(v)) && !(g == at_wished && std::isnan(v)); })) return false;
  }
  const auto code = [](const std::vector<std::string>& categories, const std::string& word) {
    const auto found = std::find(categories.begin(), categories.end(), word);
    return found == categories.end() ? -1.0 : static_cast<double>(found - categories.begin());
  };
  x.resize(static_cast<Eigen::Index>(table.rows()), static_cast<Eigen::Index>(features.size()));
  bool allowed = true;
  const auto walked = walk(table, {layers, given[at_bits], given[at_strategy], given[at_io]}, [&](std::size_t r, const auto&, double, const auto& derived) {
    for (std::size_t f = 0; f < features.size(); ++f) {
      const int source = sources_[f];
      double value = 0;
      if (source >= 0) {
        value = derived[static_cast<std::size_t>(source)];
      } else {
        const LabelTable::Column& column = *given[static_cast<std::size_t>(-1 - source)];
        value = column.numeric ? column.numbers[r] : code(features[f].categories, column.words[r]);
      }
      if (features[f].categories.empty()) allowed = allowed && std::isfinite(value) && bounds[f].allows(value);
      x(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(f)) = value;
    }
  });
  return walked && allowed;
}

Expected<NetworkTables> layers_tables(const LabelTable& table) {
  const LabelTable::Column *family = exact(table, "family"), *kind = exact(table, "kind");
  std::vector<Problem> problems;
  for (const auto& [name, found] : {std::pair{"family", family}, {"kind", kind}}) {
    if (found == nullptr || found->numeric) problems.push_back({table.file(), name, "is not a column of words"});
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));

  NetworkTables out;
  LabelTable::Column name{"network", "", false, {}, {}}, exemplar{"exemplar", "", false, {}, {}}, subset{"subset", "", false, {}, {}};
  std::vector<LabelTable::Column> nodes{{"network", "", false, {}, {}}};
  for (std::size_t f = 0; f < fields.size(); ++f) nodes.push_back({fields[f], "", !is_word(f), {}, {}});
  for (const char* derived : {"macs", "multipliers", "weight_bits", "precision_bits"}) nodes.push_back({derived, "", true, {}, {}});
  std::vector<LabelTable::Column> derived = derived_columns(table.rows());
  auto walked = walk(table, [&](std::size_t r, const std::vector<LayerRow>& layers, double bits, const auto& values) {
    name.words.push_back("row " + std::to_string(r));
    exemplar.words.push_back(kind->words[r] == "exemplar" ? family->words[r] : "");
    subset.words.push_back(family->words[r] == "fc" ? "dense" : family->words[r]);
    for (const LayerRow& layer : layers) {
      nodes[0].words.push_back(name.words.back());
      for (std::size_t f = 0; f < fields.size(); ++f) {
        if (is_word(f)) nodes[f + 1].words.emplace_back(layer.word(f));
        else nodes[f + 1].numbers.push_back(layer.numbers[f]);
      }
      const double own[] = {layer.macs, layer.products / std::max(1.0, layer.numbers[at_reuse]), layer.products * bits, bits};
      for (std::size_t d = 0; d < std::size(own); ++d) nodes[fields.size() + 1 + d].numbers.push_back(own[d]);
    }
    for (std::size_t d = 0; d < values.size(); ++d) derived[d].numbers.push_back(values[d]);
  });
  if (!walked) return fail(std::move(walked.error()));
  for (auto* own : {&name, &exemplar, &subset}) out.rows.add(std::move(*own));
  for (LabelTable::Column& own : derived) out.rows.add(std::move(own));
  for (const LabelTable::Column& other : table.columns()) {
    for (const char* kept : {"split", "precision_bits", "strategy", "io", "reuse_factor", "layer_count", "multipliers", "lut", "ff", "dsp", "bram", "cycles", "ii"}) {
      if (other.name == kept) out.rows.add(other);
    }
    if (other.name.starts_with("flat_") && other.numeric) out.rows.add(other);
  }
  for (LabelTable::Column& node : nodes) out.nodes.add(std::move(node));
  return out;
}

}  // namespace gnomon::surrogate
