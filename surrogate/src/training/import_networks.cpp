#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/import.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(const Json* value) { return !value ? std::string() : value->is_string() ? value->get<std::string>() : value->dump(); }

/// A number, or a text that is one; NaN where there is none (nothing, an empty text, `None`, `N/A`). What is none of these is kept for the error.
class Numbers {
 public:
  double operator()(const Json* object, const char* key, const std::string& where) {
    const Json* value = object ? member(*object, key) : nullptr;
    if (!value) return nan;
    double out = nan;
    if (value->is_number()) {
      out = value->get<double>();
    } else {
      const std::string text = text_of(value);
      const std::string_view word = trimmed(text);
      if (word.empty() || word == "None" || word == "N/A" || word == "nan") return nan;
      if (!value->is_string() || !parse_real(word, out)) out = -1;
    }
    if (!(out >= 0 && out <= 1e300)) wrong_ = {where + "/" + key, text_of(value)};
    return out;
  }
  const std::pair<std::string, std::string>& wrong() const { return wrong_; }

 private:
  std::pair<std::string, std::string> wrong_;
};

/// All whole numbers in a shape, whatever its brackets: `[null, 16]`, `(None, 32, 3)`.
std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] < '0' || text[i] > '9') {
      ++i;
      continue;
    }
    double value = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) value = std::min(1e15, 10 * value + (text[i] - '0'));
    out.push_back(value);
  }
  return out;
}

double product_of(const std::vector<double>& values) {
  double out = 1;
  for (const double value : values) out *= std::max(1.0, value);
  return out;
}

/// Bits of `ap_fixed<16,6>`, `fixed<8,3>` or a plain number; NaN where there are none.
double bits_of(const std::string& precision) {
  const std::vector<double> found = numbers_in(precision);
  return found.empty() ? nan : found.front();
}

struct Columns {
  std::vector<LabelTable::Column> list;

  void number(const std::string& name, const std::string& unit, double value) {
    LabelTable::Column& column = find(name, unit, true);
    column.numbers.push_back(value);
  }
  void word(const std::string& name, std::string value) { find(name, "", false).words.push_back(std::move(value)); }
  LabelTable table() const {
    LabelTable out;
    for (const LabelTable::Column& column : list) out.add(column);
    return out;
  }

 private:
  LabelTable::Column& find(const std::string& name, const std::string& unit, bool numeric) {
    for (LabelTable::Column& column : list) {
      if (column.name == name) return column;
    }
    list.push_back({name, unit, numeric, {}, {}});
    return list.back();
  }
};

/// Multiply-accumulates of a layer from its shapes: outputs times the inputs that each needs; 0 for layers without weights.
double macs_of(const Json& layer, const std::vector<double>& in, const std::vector<double>& out) {
  const std::string kind = text_of(member(layer, "class_name"));
  if (in.empty() || out.empty()) return 0;
  if (kind.find("Dense") != std::string::npos) return in.back() * product_of(out);
  if (kind.find("Conv") == std::string::npos) return 0;
  const double kernel = std::max(1.0, product_of(numbers_in(text_of(member(layer, "kernel_size")))));
  const bool depthwise = kind.find("Depthwise") != std::string::npos;
  const double square = kind.find("2D") != std::string::npos && numbers_in(text_of(member(layer, "kernel_size"))).size() == 1 ? kernel : 1;
  return product_of(out) * kernel * square * (depthwise ? 1 : in.back());
}

Expected<void> add_record(const Json& record, std::size_t index, const std::string& file, Columns& rows, Columns& nodes) {
  const std::string where = "/" + std::to_string(index);
  const Json* layers = member(record, "model_config");
  const Json* config = member(record, "hls_config");
  if (!layers || !layers->is_array() || layers->empty()) return invalid(file, where + "/model_config", "a list of layers is due");
  if (!config) return invalid(file, where + "/hls_config", "an object is due");
  const std::string network = "n" + std::to_string(index);
  static const Json none = Json::object();
  const Json* model = member(*config, "Model");
  if (!model) model = &none;
  Numbers number_of;
  const double bits = bits_of(text_of(member(*model, "Precision"))), reuse = number_of(model, "ReuseFactor", where + "/hls_config/Model");
  const std::string strategy = text_of(member(*model, "Strategy"));
  double macs = 0, multipliers = 0, weight_bits = 0, bit_operations = 0, largest_reuse = 0;
  for (std::size_t l = 0; l < layers->size(); ++l) {
    const Json& layer = (*layers)[l];
    const auto in = numbers_in(text_of(member(layer, "input_shape"))), out = numbers_in(text_of(member(layer, "output_shape")));
    const std::string at = where + "/model_config/" + std::to_string(l);
    const double own_reuse = number_of(&layer, "reuse_factor", at);
    const double factor = std::max(1.0, std::isnan(own_reuse) ? (std::isnan(reuse) ? 1.0 : reuse) : own_reuse);
    const double work = macs_of(layer, in, out);
    const double parameters = number_of(&layer, "parameters", at);
    const double weights = std::isnan(parameters) ? 0 : parameters;
    // A multiplier does `factor` products for each position of a convolution.
    const double products = text_of(member(layer, "class_name")).find("Conv") != std::string::npos && out.size() > 1 ? work / product_of({out.begin(), out.end() - 1}) : work;
    nodes.word("network", network);
    nodes.word("kind", text_of(member(layer, "class_name")));
    nodes.word("activation", text_of(member(layer, "activation")));
    nodes.number("inputs_of_layer", "", in.empty() ? 1 : product_of(in));
    nodes.number("outputs_of_layer", "", out.empty() ? 1 : product_of(out));
    nodes.number("bits", "bits", std::isnan(bits) ? 0 : bits);
    nodes.number("reuse_factor", "", factor);
    nodes.number("macs", "", work);
    nodes.number("multipliers", "", products / factor);
    nodes.number("weight_bits", "", weights * (std::isnan(bits) ? 1 : bits));
    macs += work;
    multipliers += products / factor;
    weight_bits += weights * (std::isnan(bits) ? 1 : bits);
    bit_operations += products / factor * (std::isnan(bits) ? 1 : bits) * (std::isnan(bits) ? 1 : bits);
    largest_reuse = std::max(largest_reuse, work > 0 ? factor : 1.0);
  }
  rows.word("network", network);
  rows.word("name", text_of(member(record, "meta_data") ? member(*member(record, "meta_data"), "model_name") : nullptr));
  rows.word("part", text_of(member(record, "target_part")));
  rows.word("strategy", strategy);
  rows.word("io_type", text_of(member(*config, "io_type")));
  rows.number("clock_ns", "ns", number_of(config, "clock_period", where + "/hls_config"));
  rows.number("layers", "", static_cast<double>(layers->size()));
  rows.number("bits", "bits", bits);
  rows.number("reuse_factor", "", reuse);
  rows.number("largest_reuse", "", largest_reuse);
  rows.number("macs", "", macs);
  rows.number("multipliers", "", multipliers);
  rows.number("weight_bits", "", weight_bits);
  rows.number("bit_operations", "", bit_operations);
  const Json* resources = member(record, "resource_report");
  const Json* latency = member(record, "latency_report");
  for (const char* name : {"lut", "ff", "dsp", "bram"}) rows.number(name, "", number_of(resources, name, where + "/resource_report"));
  rows.number("cycles", "", number_of(latency, "cycles_max", where + "/latency_report"));
  rows.number("ii", "", number_of(latency, "interval_max", where + "/latency_report"));
  if (const auto& [place, found] = number_of.wrong(); !place.empty()) {
    return invalid(file, place, "found " + in_quotes(found) + "; allowed: a number that is not negative, or nothing where it is missing");
  }
  return {};
}

}  // namespace

Expected<NetworkTables> load_wa_hls4ml(const std::filesystem::path& path) {
  Columns rows, nodes;
  const auto text = read_file(path, std::size_t{4} << 30);
  if (!text) return fail(Error(text.error()));
  const std::string file = path.string();
  std::size_t index = 0;
  if (const auto first = text->find_first_not_of(" \t\r\n"); first != std::string::npos && (*text)[first] == '[') {
    const auto document = Document::parse(*text, file);
    if (!document) return fail(Error(document.error()));
    for (const Json& record : document->root()) {
      if (auto done = add_record(record, index++, file, rows, nodes); !done) return fail(std::move(done.error()));
    }
  } else {
    for (std::size_t begin = 0; begin < text->size();) {
      const std::size_t end = std::min(text->find('\n', begin), text->size());
      const std::string_view line = trimmed(std::string_view(*text).substr(begin, end - begin));
      begin = end + 1;
      if (line.empty()) continue;
      const auto document = Document::parse(line, file);
      if (!document) return fail(Error(document.error()));
      if (auto done = add_record(document->root(), index++, file, rows, nodes); !done) return fail(std::move(done.error()));
    }
  }
  if (index == 0) return invalid(file, "", "has no record");
  return NetworkTables{rows.table(), nodes.table()};
}

}  // namespace gnomon::surrogate
