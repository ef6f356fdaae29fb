#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/import.hpp"
#include "training/wa_records.hpp"

namespace gnomon::surrogate {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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

Expected<void> add_record(const Json& record, std::size_t index, const std::string& file, GrowingColumns& rows, GrowingColumns& nodes) {
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
  add_labels(record, where, number_of, rows);
  return number_of.sound(file);
}

}  // namespace

Expected<NetworkTables> load_wa_hls4ml(const std::filesystem::path& path) {
  const auto text = read_unpacked(path, std::size_t{4} << 30);
  if (!text) return fail(Error(text.error()));
  return read_wa_hls4ml(*text, path.string());
}

Expected<NetworkTables> read_wa_hls4ml(const std::string& text, const std::string& file) {
  GrowingColumns rows, nodes;
  LabelSource source;
  auto read = for_each_record(text, file, [&](const Json& record, std::size_t index) {
    source.add(source_of(record));
    return add_record(record, index, file, rows, nodes);
  });
  if (!read) return fail(std::move(read.error()));
  return NetworkTables{rows.table(), nodes.table(), {}, source};
}

}  // namespace gnomon::surrogate
