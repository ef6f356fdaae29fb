#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "features/network.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/benchmark.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;

std::vector<std::string> cut(const std::string& text, char at) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

}  // namespace

bool is_layers_table(const LabelTable& table) {
  return table.column("layers") && table.column("network") && table.column("family") && table.column("precision_bits");
}

Expected<NetworkTables> layers_tables(const LabelTable& table) {
  static const std::vector<std::string> fields{"type",  "n_in",     "n_out",       "reuse_factor", "activation", "bias",  "residual",
                                               "in_height", "in_width", "in_channels", "height",       "width",      "channels", "kernel", "stride"};
  const auto column = [&](const char* name) -> const LabelTable::Column* {
    auto found = table.column(name);
    return found && (*found)->name == name ? *found : nullptr;
  };
  const LabelTable::Column *layers = column("layers"), *family = column("family"), *kind = column("kind"), *bits = column("precision_bits");
  std::vector<Problem> problems;
  for (const auto& [name, found] : {std::pair{"layers", layers}, {"family", family}, {"kind", kind}}) {
    if (found == nullptr || found->numeric) problems.push_back({table.file(), name, "is not a column of words"});
  }
  if (bits == nullptr || !bits->numeric) problems.push_back({table.file(), "precision_bits", "is not a column of numbers"});
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));

  NetworkTables out;
  LabelTable::Column name{"network", "", false, {}, {}}, exemplar{"exemplar", "", false, {}, {}}, subset{"subset", "", false, {}, {}};
  std::vector<LabelTable::Column> nodes{{"network", "", false, {}, {}}};
  for (const std::string& field : fields) nodes.push_back({field, "", field != "type" && field != "activation", {}, {}});
  for (const char* derived : {"macs", "multipliers", "weight_bits", "precision_bits"}) nodes.push_back({derived, "", true, {}, {}});
  LabelTable::Column macs{"macs", "", true, {}, {}}, weight_bits{"weight_bits", "bit", true, {}, {}}, reuse_sum{"reuse_depth_sum", "", true, {}, {}},
      bit_operations{"bit_operations", "", true, {}, {}};
  const LabelTable::Column *strategy = column("strategy"), *io = column("io");
  std::vector<LabelTable::Column> expected;
  for (const char* what : {"lut", "ff", "dsp", "bram", "cycles", "ii", "adder_lut", "product_lut", "select_lut", "table_lut"}) expected.push_back({std::string("analytical_") + what, "", true, {}, {}});
  for (std::size_t r = 0; r < table.rows(); ++r) {
    std::vector<NetworkLayer> shapes;
    name.words.push_back("row " + std::to_string(r));
    exemplar.words.push_back(kind->words[r] == "exemplar" ? family->words[r] : "");
    subset.words.push_back(family->words[r] == "fc" ? "dense" : family->words[r]);
    double all_macs = 0, all_bits = 0, depth = 0;
    for (const std::string& layer : cut(layers->words[r], ';')) {
      const std::vector<std::string> values = cut(layer, ':');
      if (values.size() != fields.size()) {
        return fail(Error(ErrorKind::invalid_input, Problem{table.file(), "row " + std::to_string(r), "a layer has " + std::to_string(values.size()) + " fields, not " +
                                                                                                                   std::to_string(fields.size()) + ": " + in_quotes(layer)}));
      }
      std::map<std::string, double> numbers;
      nodes[0].words.push_back(name.words.back());
      for (std::size_t f = 0; f < fields.size(); ++f) {
        LabelTable::Column& to = nodes[f + 1];
        if (!to.numeric) {
          to.words.push_back(values[f]);
          continue;
        }
        double value = 0;
        const auto [end, error] = std::from_chars(values[f].data(), values[f].data() + values[f].size(), value);
        if (error != std::errc() || end != values[f].data() + values[f].size() || !std::isfinite(value) || value < 0) {
          return fail(Error(ErrorKind::invalid_input, Problem{table.file(), "row " + std::to_string(r), fields[f] + " of a layer is " + in_quotes(values[f]) + ", not a count"}));
        }
        numbers[fields[f]] = value;
        to.numbers.push_back(value);
      }
      const double products = numbers["n_in"] * numbers["n_out"], pixels = values[0].starts_with("conv") ? numbers["height"] * numbers["width"] : 1;
      const double derived[] = {products * pixels, products / std::max(1.0, numbers["reuse_factor"]), products * bits->numbers[r], bits->numbers[r]};
      for (std::size_t d = 0; d < std::size(derived); ++d) nodes[fields.size() + 1 + d].numbers.push_back(derived[d]);
      shapes.push_back({values[0], values[4], numbers["n_in"], numbers["n_out"], numbers["reuse_factor"], numbers["bias"] != 0, numbers["residual"] != 0, numbers["in_height"], numbers["in_width"],
                        numbers["in_channels"], numbers["height"], numbers["width"], numbers["channels"], numbers["kernel"], numbers["stride"]});
      all_macs += derived[0];
      all_bits += derived[2];
      if (products > 0) depth += numbers["reuse_factor"] * pixels;
    }
    const NetworkEstimate e = estimate_network(shapes, static_cast<int>(std::clamp(bits->numbers[r], 2.0, 16.0)), strategy && !strategy->numeric && strategy->words[r] == "resource",
                                               io && !io->numeric && io->words[r] == "io_stream");
    const double estimates[] = {e.lut(), e.ff, e.dsp, e.bram, e.cycles, e.ii, e.adder_lut, e.product_lut, e.select_lut, e.table_lut};
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i].numbers.push_back(estimates[i]);
    macs.numbers.push_back(all_macs);
    weight_bits.numbers.push_back(all_bits);
    reuse_sum.numbers.push_back(depth);
    bit_operations.numbers.push_back(all_macs * bits->numbers[r] * bits->numbers[r]);
  }
  for (auto* own : {&name, &exemplar, &subset, &macs, &weight_bits, &reuse_sum, &bit_operations}) out.rows.add(std::move(*own));
  for (LabelTable::Column& own : expected) out.rows.add(std::move(own));
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
