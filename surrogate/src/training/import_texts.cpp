#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "features/layouts.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/import.hpp"
#include "training/wa_records.hpp"

namespace gnomon::surrogate {
namespace {

constexpr double largest_size = 1e9;  // products of two of them are exact

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

struct Shape {
  double height = 1, width = 1, channels = 1;

  double elements() const { return height * width * channels; }
  bool operator==(const Shape&) const = default;
};

std::string in_words(const Shape& s) { return number(s.height) + " x " + number(s.width) + " x " + number(s.channels); }

/// A layer as `gnomon dataset layers` writes it.
struct LayerText {
  std::string type, activation = "linear";
  double n_in = 0, n_out = 0, reuse_factor = 1;
  bool bias = false, residual = false;
  Shape in, out;
  double kernel = 1, stride = 1;

  bool weights() const { return n_in > 0; }
  std::string text() const {
    std::string out_text = type;
    const auto put = [&](double v) { out_text += ":" + number(v); };
    put(n_in), put(n_out), put(reuse_factor);
    out_text += ":" + activation;
    for (const double v : {bias ? 1.0 : 0.0, residual ? 1.0 : 0.0, in.height, in.width, in.channels, out.height, out.width, out.channels, kernel, stride}) put(v);
    return out_text;
  }
};

/// The valid reuse factor (a divisor of n_in, or n_in by a divisor of n_out) nearest to a wish; of two as near, the smaller.
double nearest_reuse(double n_in, double n_out, double wish) {
  double best = 1;
  const auto offer = [&](double r) {
    if (std::abs(r - wish) < std::abs(best - wish)) best = r;
  };
  const auto divisors = [](double of, const auto& each) {
    for (double d = 1; d * d <= of; ++d) {
      if (std::fmod(of, d) == 0) each(d), each(of / d);
    }
  };
  std::set<double> valid;
  divisors(n_in, [&](double d) { valid.insert(d); });
  divisors(n_out, [&](double d) { valid.insert(n_in * d); });
  for (const double r : valid) offer(r);
  return best;
}

class Reader {
 public:
  Reader(const Json& record, std::size_t index, const std::string& file) : record_(record), where_("/" + std::to_string(index)), file_(file) {}

  Expected<void> read() {
    const Json* layers = member(record_, "model_config");
    config_ = member(record_, "hls_config");
    if (!layers || !layers->is_array() || layers->empty()) return invalid(file_, where_ + "/model_config", "a list of layers is due");
    if (!config_) return invalid(file_, where_ + "/hls_config", "an object is due");
    static const Json none = Json::object();
    model_ = member(*config_, "Model") ? member(*config_, "Model") : &none;
    reuse_ = number_of_(model_, "ReuseFactor", where_ + "/hls_config/Model");
    strategy_ = lower(text_of(member(*model_, "Strategy")));
    if (auto sound = precision(text_of(member(*model_, "Precision")), "/hls_config/Model/Precision"); !sound) return sound;
    if (std::isnan(bits_)) return invalid(file_, where_ + "/hls_config/Model/Precision", "found " + in_quotes(text_of(member(*model_, "Precision"))) + "; a type like ap_fixed<8,1> is due");
    if (auto sound = by_name(); !sound) return sound;
    for (std::size_t l = 0; l < layers->size(); ++l) {
      if (auto sound = layer((*layers)[l], "/model_config/" + std::to_string(l)); !sound) return sound;
    }
    if (std::none_of(layers_.begin(), layers_.end(), [](const LayerText& l) { return l.weights(); })) return invalid(file_, where_ + "/model_config", "has no dense or convolutional layer");
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
      if (layers_[l].activation == "softmax") return unsupported("/model_config", "softmax stands before the last layer; it is known at the end alone");
    }
    if (const std::string part = lower(text_of(member(record_, "target_part"))); !part.empty() && !ultrascale_plus(part)) unmodelled("target_part = " + part + " is no UltraScale+ part");
    return {};
  }

  Expected<void> add_to(GrowingColumns& rows) {
    std::string text;
    for (const LayerText& l : layers_) text += (text.empty() ? "" : ";") + l.text();
    double multipliers = 0;
    for (const LayerText& l : layers_) multipliers += l.n_in * l.n_out / l.reuse_factor;
    const Json* meta = member(record_, "meta_data");
    rows.word("network", "n" + where_.substr(1));
    rows.word("name", text_of(meta ? member(*meta, "model_name") : nullptr));
    rows.word("family", "wa-hls4ml");
    rows.number("precision_bits", "bits", bits_);
    rows.word("strategy", strategy_);
    rows.word("io", lower(text_of(member(*config_, "io_type"))));
    rows.number("reuse_factor", "", reuse_);
    rows.number("layer_count", "", static_cast<double>(layers_.size()));
    rows.number("multipliers", "", multipliers);
    rows.word("layers", text);
    add_labels(record_, where_, number_of_, rows);
    return number_of_.sound(file_);
  }
  std::string unmodelled() const { return join(unmodelled_, "; "); }

 private:
  tl::unexpected<Error> unsupported(const std::string& place, const std::string& what) const {
    return fail(Error(ErrorKind::unsupported, Problem{file_, where_ + place, what}));
  }
  void unmodelled(const std::string& what) {
    if (std::find(unmodelled_.begin(), unmodelled_.end(), what) == unmodelled_.end()) unmodelled_.push_back(what);
  }

  static bool ultrascale_plus(const std::string& part) {
    for (const char* family : {"xcup", "xcu2", "xcu5", "xczu", "xcau"}) {
      if (part.starts_with(family)) return true;
    }
    // Of these the older UltraScale parts have no p in their names.
    return (part.starts_with("xcvu") || part.starts_with("xcku")) && part.find('p') != std::string::npos;
  }

  /// The network has one type. Words without digits (`auto`) say nothing.
  Expected<void> precision(const std::string& text, const std::string& place) {
    const std::vector<double> found = numbers_in(text);
    if (found.empty()) return {};
    if (!std::isnan(bits_) && found.front() != bits_) {
      return unsupported(place, "found " + in_quotes(text) + " beside " + number(bits_) + " bits elsewhere; networks of one precision are known");
    }
    bits_ = found.front();
    if (text.find("int") != std::string::npos) unmodelled("precision = " + text + "; fixed<X,1> was learned");
    else if (found.size() > 1 && found[1] != 1) unmodelled("integer bits = " + number(found[1]) + "; 1 was learned");
    return {};
  }

  /// What single layers have of their own.
  Expected<void> by_name() {
    const Json* names = member(*config_, "LayerName");
    if (!names || !names->is_object()) return {};
    for (const auto& [name, own] : names->items()) {
      const std::string place = "/hls_config/LayerName/" + name;
      if (const Json* types = member(own, "Precision")) {
        if (!types->is_object()) {
          if (auto sound = precision(text_of(types), place + "/Precision"); !sound) return sound;
        } else {
          // Accumulators are exact and tables as wide as what they give, whatever is said of them.
          for (const char* kind : {"default", "weight", "bias", "result"}) {
            if (auto sound = precision(text_of(member(*types, kind)), place + "/Precision/" + kind); !sound) return sound;
          }
        }
      }
      const std::string strategy = lower(text_of(member(own, "Strategy")));
      if (strategy.empty() || strategy == strategy_) continue;
      if (!strategy_.empty()) return unsupported(place + "/Strategy", "found " + in_quotes(strategy) + " beside " + in_quotes(strategy_) + "; networks of one strategy are known");
      strategy_ = strategy;
    }
    return {};
  }

  Expected<Shape> shape(const Json& layer, const char* key, const std::string& place) const {
    const std::vector<double> n = numbers_in(text_of(member(layer, key)));
    const bool sized = std::all_of(n.begin(), n.end(), [](double v) { return v >= 1 && v <= largest_size; });
    if (n.empty() || n.size() > 3 || !sized) return invalid(file_, where_ + place + "/" + key, "found " + in_quotes(text_of(member(layer, key))) + "; one to three sizes of at least 1 are due");
    return Shape{n.size() > 2 ? n[n.size() - 3] : 1, n.size() > 1 ? n[n.size() - 2] : 1, n.back()};
  }

  /// A window's or stride's one size.
  Expected<double> square(const Json& layer, const char* key, const std::string& place, double otherwise) const {
    const std::vector<double> n = numbers_in(text_of(member(layer, key)));
    if (n.empty()) return otherwise;
    if (std::any_of(n.begin(), n.end(), [&](double v) { return v != n.front(); })) return unsupported(place + "/" + key, "found " + text_of(member(layer, key)) + "; windows and strides of equal sides are known");
    if (n.front() < 1 || n.front() > largest_size) return invalid(file_, where_ + place + "/" + key, "found " + text_of(member(layer, key)) + "; a size of at least 1 is due");
    return n.front();
  }

  /// A word for an activation, quantised ones like those they stand for.
  Expected<std::string> activation(std::string word, const std::string& place) const {
    word = lower(word);
    if (word.starts_with("quantized_")) word = word.substr(10);
    word = word.substr(0, word.find('('));
    if (word.empty() || word == "none" || word == "linear" || word == "bits") return std::string("linear");
    for (const char* known : {"relu", "tanh", "sigmoid", "softmax"}) {
      if (word == known) return word;
    }
    return unsupported(place, "the activation " + in_quotes(word) + " is not modelled; linear, relu, tanh, sigmoid and softmax are");
  }

  /// The activation of the last layer; one that stands alone (`after`) must follow it directly.
  Expected<void> activate(const std::string& word, const std::string& place, bool after) {
    auto kind = activation(word, place);
    if (!kind) return fail(std::move(kind.error()));
    if (*kind == "linear") return {};
    if (layers_.empty() || !layers_.back().weights() || layers_.back().activation != "linear" || (after && layers_.back().residual)) {
      return unsupported(place, *kind + " does not follow a dense or convolutional layer directly; it is modelled as such a layer's activation");
    }
    LayerText& last = layers_.back();
    if (*kind == "softmax" && (last.type != "dense" || last.n_out < 2 || last.n_out > 256)) return unsupported(place, "softmax is modelled after dense layers of 2 to 256 neurons");
    last.activation = *kind;
    return {};
  }

  Expected<void> layer(const Json& given, const std::string& place) {
    std::string kind = text_of(member(given, "class_name"));
    if (kind.size() > 1 && kind[0] == 'Q' && std::isupper(static_cast<unsigned char>(kind[1])) != 0) kind.erase(0, 1);
    if (auto sound = precision(text_of(member(given, "precision")), place + "/precision"); !sound) return sound;
    if (kind == "InputLayer" || kind == "Dropout" || kind == "GaussianNoise") return {};
    if (kind == "Activation" || kind == "QActivation") return activate(text_of(member(given, "activation")), place + "/activation", true);
    if (kind == "ReLU" || kind == "Softmax" || kind == "TanH" || kind == "Sigmoid") return activate(kind, place + "/class_name", true);
    if (kind == "Add") {
      if (layers_.empty() || layers_.back().type != "dense" || layers_.back().n_in != layers_.back().n_out || layers_.back().residual || layers_.back().activation == "softmax") {
        return unsupported(place + "/class_name", "a sum is modelled where it adds a dense layer's input to its output, as many of one as of the other");
      }
      layers_.back().residual = true;
      return {};
    }
    LayerText out;
    const bool dense = kind == "Dense", two = kind == "Conv2D", convolution = two || kind == "Conv1D", pool = kind == "MaxPooling1D" || kind == "MaxPooling2D";
    if (!dense && !convolution && !pool && kind != "Flatten") {
      return unsupported(place + "/class_name", "found " + in_quotes(kind) + "; Dense, Conv1D, Conv2D, MaxPooling1D, MaxPooling2D, Flatten, Add, activations, Dropout and InputLayer are known");
    }
    auto in = shape(given, "input_shape", place), to = shape(given, "output_shape", place);
    if (!in) return fail(std::move(in.error()));
    if (!to) return fail(std::move(to.error()));
    out.in = *in;
    out.out = *to;
    if (!layers_.empty() && layers_.back().out.elements() != in->elements()) {
      return invalid(file_, where_ + place + "/input_shape", "found " + in_words(*in) + "; the layer before gives " + in_words(layers_.back().out));
    }
    const std::string padding = lower(text_of(member(given, "padding")));
    if (!padding.empty() && padding != "valid") return unsupported(place + "/padding", "found " + in_quotes(padding) + "; windows that stay inside the image (valid) are known");
    const auto misshaped = [&](const Shape& due) { return invalid(file_, where_ + place + "/output_shape", "found " + in_words(*to) + "; " + in_words(due) + " follows from what the layer takes"); };
    if (dense) {
      if (in->height * in->width != 1 || to->height * to->width != 1) return unsupported(place + "/input_shape", "a dense layer over an image of " + in_words(*in) + "; a flatten layer must stand before it");
      out.type = "dense";
      out.n_in = in->channels;
      out.n_out = to->channels;
    } else if (kind == "Flatten") {
      out.type = "flatten";
      if (const Shape due{1, 1, in->elements()}; *to != due) return misshaped(due);
    } else {
      out.type = pool ? "max_pool" : two ? "conv2d" : "conv1d";
      // A pool's window, where it is not told, is the smallest that gives what comes out.
      const double guess = pool ? std::max(1.0, std::ceil((in->width + 1) / (to->width + 1))) : 1;
      auto kernel = square(given, pool ? "pool_size" : "kernel_size", place, guess);
      if (!kernel) return fail(std::move(kernel.error()));
      auto stride = square(given, "strides", place, pool ? *kernel : 1);
      if (!stride) return fail(std::move(stride.error()));
      if (pool && *stride != *kernel) return unsupported(place + "/strides", "found " + number(*stride) + "; pools whose windows do not overlap are known");
      if (!pool && !member(given, "kernel_size")) return invalid(file_, where_ + place + "/kernel_size", "is missing");
      out.kernel = *kernel;
      out.stride = *stride;
      const bool rows = two || (pool && in->height > 1);
      const auto steps = [&](double size) { return std::floor((size - *kernel) / *stride) + 1; };
      const Shape due{rows ? steps(in->height) : in->height, steps(in->width), pool ? in->channels : to->channels};
      if (*to != due || due.height < 1 || due.width < 1) return misshaped(due);
      if (convolution) {
        out.n_in = (two ? *kernel : 1) * *kernel * in->channels;
        out.n_out = to->channels;
      }
    }
    if (out.weights()) {
      const char* outputs = dense ? "neurons" : "filters";
      const double told = number_of_(&given, outputs, where_ + place);
      if (auto sound = number_of_.sound(file_); !sound) return sound;
      if (!std::isnan(told) && told != out.n_out) {
        return invalid(file_, where_ + place + "/" + outputs, "found " + number(told) + "; output_shape says " + number(out.n_out));
      }
      if (auto sound = weights(given, place, out); !sound) return sound;
    }
    layers_.push_back(out);
    return out.weights() ? activate(text_of(member(given, "activation")), place + "/activation", false) : Expected<void>();
  }

  Expected<void> weights(const Json& given, const std::string& place, LayerText& out) {
    const double own = number_of_(&given, "reuse_factor", where_ + place);
    if (auto sound = number_of_.sound(file_); !sound) return sound;
    const double wish = std::max(1.0, std::isnan(own) ? (std::isnan(reuse_) ? 1.0 : reuse_) : own);
    out.reuse_factor = nearest_reuse(out.n_in, out.n_out, wish);
    if (!std::isnan(own) && own != out.reuse_factor) {
      unmodelled("reuse factor = " + number(own) + " does not divide a product of " + number(out.n_in) + " x " + number(out.n_out) + "; " + number(out.reuse_factor) + " is taken");
    }
    const double parameters = number_of_(&given, "parameters", where_ + place);
    const double products = out.n_in * out.n_out;
    if (!std::isnan(parameters) && parameters != products && parameters != products + out.n_out) {
      unmodelled("parameters = " + number(parameters) + " of a layer with " + number(products) + " weights and up to " + number(out.n_out) + " biases");
    }
    const std::string bias = lower(text_of(member(given, "use_bias")));
    out.bias = bias.empty() ? std::isnan(parameters) || parameters != products : bias == "true" || bias == "1";
    out.residual = lower(text_of(member(given, "residual"))) == "true";
    if (out.residual && (out.type != "dense" || out.n_in != out.n_out)) return unsupported(place + "/residual", "is known of dense layers with as many neurons as inputs");
    return number_of_.sound(file_);
  }

  const Json& record_;
  const std::string where_;
  const std::string& file_;
  const Json *config_ = nullptr, *model_ = nullptr;
  Numbers number_of_;
  double bits_ = std::nan(""), reuse_ = std::nan("");
  std::string strategy_;
  std::vector<LayerText> layers_;
  std::vector<std::string> unmodelled_;
};

}  // namespace

bool takes_layer_texts(const Model& model) { return layout_of(model.info().features) == Layout::networks; }

Expected<NetworkTables> read_wa_texts(const std::string& text, const std::string& file) {
  GrowingColumns rows;
  NetworkTables out;
  auto read = for_each_record(text, file, [&](const Json& record, std::size_t index) -> Expected<void> {
    Reader reader(record, index, file);
    if (auto sound = reader.read(); !sound) return sound;
    out.unmodelled.push_back(reader.unmodelled());
    return reader.add_to(rows);
  });
  if (!read) return fail(std::move(read.error()));
  out.rows = rows.table();
  return out;
}

Expected<NetworkTables> load_wa_texts(const std::filesystem::path& path) {
  const auto text = read_unpacked(path, std::size_t{4} << 30);
  if (!text) return fail(Error(text.error()));
  return read_wa_texts(*text, path.string());
}

}  // namespace gnomon::surrogate
