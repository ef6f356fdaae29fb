#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include "gnomon/base/text.hpp"
#include "import/call.hpp"
#include "import/lower.hpp"

namespace gnomon::workloads::import {
namespace {

/// Values are taken over up to this many elements in all (4 GiB of floats); beyond, weights keep their shapes only.
constexpr std::int64_t most_values = std::int64_t{1} << 30;

float half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ffu;
  float value = 0;
  if (exponent == 0) {
    value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  const std::uint32_t word = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (fraction << 13);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

float brain_half(std::uint16_t bits) {
  const std::uint32_t word = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

/// The i-th little-endian word of raw data.
template <class T>
T word_at(const std::string& raw, std::size_t index) {
  T value;
  std::memcpy(&value, raw.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class Word, class Out, class Convert>
std::shared_ptr<const std::vector<Out>> unpack(const std::string& raw, std::size_t count, Convert convert) {
  auto values = std::make_shared<std::vector<Out>>(count);
  for (std::size_t i = 0; i < count; ++i) (*values)[i] = convert(word_at<Word>(raw, i));
  return values;
}

template <class Out, class Field>
std::shared_ptr<const std::vector<Out>> copied(const Field& list) {
  return std::make_shared<const std::vector<Out>>(list.begin(), list.end());
}

/// Converts integers, to whole numbers where small (they may be shapes) and to reals where large (they are weights).
template <class Word>
void take_integers(Data& data, const std::string& raw, std::size_t count) {
  if (count <= static_cast<std::size_t>(fold_limit)) {
    data.whole = unpack<Word, std::int64_t>(raw, count, [](Word w) { return static_cast<std::int64_t>(w); });
  } else {
    data.real = unpack<Word, float>(raw, count, [](Word w) { return static_cast<float>(w); });
  }
}

class Reader {
 public:
  Reader(const onnx::ModelProto& proto, std::string file) : proto_(proto) { model_.file = std::move(file); }

  Expected<Model> run() {
    try {
      read();
    } catch (const Fault& fault) {
      return fail(Error(fault.kind, Problem{model_.file, {}, fault.message}));
    }
    return std::move(model_);
  }

 private:
  const onnx::ModelProto& proto_;
  Model model_;
  std::int64_t values_taken_ = 0;

  void read() {
    if (!proto_.has_graph()) wrong("no graph in it: not an ONNX model, or a damaged one");
    const onnx::GraphProto& graph = proto_.graph();
    if (graph.node_size() == 0) wrong("the graph has no nodes");
    model_.name = graph.name();
    read_opset();
    if (graph.sparse_initializer_size() > 0) refuse("sparse initialisers have no model; store the weights densely");
    for (const auto& tensor : graph.initializer()) {
      try {
        model_.constants.push_back(constant(tensor));
      } catch (const Fault& fault) {
        throw Fault{fault.kind, fmt::format("initialiser {}: {}", in_quotes(tensor.name()), fault.message)};
      }
    }
    for (const auto& input : graph.input()) model_.inputs.push_back(graph_input(input));
    for (const auto& output : graph.output()) model_.outputs.push_back(output.name());
    for (const auto& node : graph.node()) {
      try {
        model_.nodes.push_back(read_node(node));
      } catch (const Fault& fault) {
        throw Fault{fault.kind, fmt::format("node {} ({}): {}", in_quotes(node.name()), node.op_type(), fault.message)};
      }
    }
  }

  void read_opset() {
    bool found = false;
    for (const auto& entry : proto_.opset_import()) {
      if (entry.domain().empty() || entry.domain() == "ai.onnx") {
        model_.opset = entry.version();
        found = true;
      }
    }
    if (!found) model_.opset = 1;  // before opsets were declared
    if (model_.opset < 3 || model_.opset > 23) refuse(fmt::format("opset {}; 3 to 23 are supported, convert the model", model_.opset));
  }

  static ModelInput graph_input(const onnx::ValueInfoProto& info) {
    ModelInput input;
    input.name = info.name();
    if (!info.type().has_tensor_type()) {
      input.refusal = info.has_type() ? "it is not a tensor (sequences, maps and optionals have no model)" : "";
      return input;
    }
    const auto& type = info.type().tensor_type();
    try {
      input.dtype = dtype_of_code(type.elem_type());
    } catch (const Fault& fault) {
      input.refusal = fault.message;
    }
    input.has_shape = type.has_shape();
    for (const auto& dimension : type.shape().dim()) {
      input.shape.push_back({dimension.has_dim_value() ? dimension.dim_value() : 0, dimension.dim_param()});
      if (input.shape.back().size < 0) input.shape.back().size = 0;  // exporters write -1 for what is not known
    }
    return input;
  }

  Constant constant(const onnx::TensorProto& tensor) {
    Constant out;
    out.name = tensor.name();
    out.dtype = dtype_of_code(tensor.data_type());
    out.shape.assign(tensor.dims().begin(), tensor.dims().end());
    const std::int64_t count = elements(out.shape);
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) return out;
    if (count == 0 || values_taken_ + count > most_values) return out;
    take_values(tensor, out, static_cast<std::size_t>(count));
    if (out.data.known()) values_taken_ += count;
    return out;
  }

  static void take_values(const onnx::TensorProto& tensor, Constant& out, std::size_t count) {
    using TensorProto = onnx::TensorProto;
    const auto need = [&](std::size_t found) {
      if (found == 0) return false;  // a tensor without content: its shape is all there is
      if (found != count) wrong(fmt::format("it holds {} values for shape {}", found, shape_text(out.shape)));
      return true;
    };
    const std::string& raw = tensor.raw_data();
    if (!raw.empty()) {
      if (out.dtype == DType::text) wrong("strings in raw data");
      const std::size_t width = static_cast<std::size_t>(bits(out.dtype)) / 8;
      if (raw.size() % width != 0 || raw.size() / width != count) {
        wrong(fmt::format("it holds {} bytes for shape {} of {}", raw.size(), shape_text(out.shape), workloads::name(out.dtype)));
      }
      Data& data = out.data;
      switch (out.dtype) {
        case DType::f32: data.real = unpack<float, float>(raw, count, [](float v) { return v; }); break;
        case DType::f64: data.real = unpack<double, float>(raw, count, [](double v) { return static_cast<float>(v); }); break;
        case DType::f16: data.real = unpack<std::uint16_t, float>(raw, count, half); break;
        case DType::bf16: data.real = unpack<std::uint16_t, float>(raw, count, brain_half); break;
        case DType::i8: take_integers<std::int8_t>(data, raw, count); break;
        case DType::i16: take_integers<std::int16_t>(data, raw, count); break;
        case DType::i32: take_integers<std::int32_t>(data, raw, count); break;
        case DType::i64: take_integers<std::int64_t>(data, raw, count); break;
        case DType::u8: take_integers<std::uint8_t>(data, raw, count); break;
        case DType::u16: take_integers<std::uint16_t>(data, raw, count); break;
        case DType::u32: take_integers<std::uint32_t>(data, raw, count); break;
        case DType::u64: take_integers<std::uint64_t>(data, raw, count); break;
        case DType::boolean: take_integers<std::uint8_t>(data, raw, count); break;
        case DType::text: break;
      }
      return;
    }
    switch (tensor.data_type()) {
      case TensorProto::FLOAT:
        if (need(static_cast<std::size_t>(tensor.float_data_size()))) out.data.real = copied<float>(tensor.float_data());
        break;
      case TensorProto::DOUBLE:
        if (need(static_cast<std::size_t>(tensor.double_data_size()))) out.data.real = copied<float>(tensor.double_data());
        break;
      case TensorProto::INT64:
        if (need(static_cast<std::size_t>(tensor.int64_data_size()))) out.data.whole = copied<std::int64_t>(tensor.int64_data());
        break;
      case TensorProto::UINT32:
      case TensorProto::UINT64:
        if (need(static_cast<std::size_t>(tensor.uint64_data_size()))) out.data.whole = copied<std::int64_t>(tensor.uint64_data());
        break;
      case TensorProto::FLOAT16:
      case TensorProto::BFLOAT16:
        if (need(static_cast<std::size_t>(tensor.int32_data_size()))) {
          auto values = std::make_shared<std::vector<float>>();
          for (const auto word : tensor.int32_data()) {
            const auto bits16 = static_cast<std::uint16_t>(word);
            values->push_back(tensor.data_type() == TensorProto::FLOAT16 ? half(bits16) : brain_half(bits16));
          }
          out.data.real = std::move(values);
        }
        break;
      case TensorProto::STRING: break;
      default:
        if (need(static_cast<std::size_t>(tensor.int32_data_size()))) out.data.whole = copied<std::int64_t>(tensor.int32_data());
    }
  }

  Node read_node(const onnx::NodeProto& proto) {
    Node node;
    node.type = proto.op_type();
    node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    node.name = proto.name();
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    for (const auto& attribute : proto.attribute()) {
      if (!node.attributes.emplace(attribute.name(), read_attribute(attribute)).second) {
        wrong(fmt::format("attribute {} stands twice", in_quotes(attribute.name())));
      }
    }
    return node;
  }

  /// Files before IR version 4 may leave the type out; then it is the field that is filled.
  static int attribute_type(const onnx::AttributeProto& proto) {
    using A = onnx::AttributeProto;
    if (proto.type() != A::UNDEFINED) return proto.type();
    if (proto.has_f()) return A::FLOAT;
    if (proto.has_i()) return A::INT;
    if (proto.has_s()) return A::STRING;
    if (proto.has_t()) return A::TENSOR;
    if (proto.floats_size()) return A::FLOATS;
    if (proto.ints_size()) return A::INTS;
    if (proto.strings_size()) return A::STRINGS;
    return A::UNDEFINED;
  }

  Attribute read_attribute(const onnx::AttributeProto& proto) {
    using A = onnx::AttributeProto;
    Attribute out;
    switch (attribute_type(proto)) {
      case A::FLOAT:
        out.kind = Attribute::Kind::real;
        out.real = proto.f();
        break;
      case A::INT:
        out.kind = Attribute::Kind::whole;
        out.whole = proto.i();
        break;
      case A::STRING:
        out.kind = Attribute::Kind::text;
        out.text = proto.s();
        break;
      case A::TENSOR:
        out.kind = Attribute::Kind::tensor;
        out.tensor = constant(proto.t());
        break;
      case A::FLOATS:
        out.kind = Attribute::Kind::reals;
        out.reals.assign(proto.floats().begin(), proto.floats().end());
        break;
      case A::INTS:
        out.kind = Attribute::Kind::wholes;
        out.wholes.assign(proto.ints().begin(), proto.ints().end());
        break;
      case A::STRINGS:
        out.kind = Attribute::Kind::texts;
        out.texts.assign(proto.strings().begin(), proto.strings().end());
        break;
      default: break;
    }
    return out;
  }
};

Expected<Model> from_stream(google::protobuf::io::ZeroCopyInputStream& stream, const std::string& shown_as) {
  google::protobuf::LogSilencer quiet;
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
  onnx::ModelProto proto;
  if (!proto.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage()) {
    return invalid(shown_as, {}, "not an ONNX model, or a damaged or truncated one (the protobuf message does not parse)");
  }
  return Reader(proto, shown_as).run();
}

}  // namespace

DType dtype_of_code(std::int64_t code) {
  using T = onnx::TensorProto;
  switch (code) {
    case T::FLOAT: return DType::f32;
    case T::FLOAT16: return DType::f16;
    case T::BFLOAT16: return DType::bf16;
    case T::DOUBLE: return DType::f64;
    case T::INT8: return DType::i8;
    case T::INT16: return DType::i16;
    case T::INT32: return DType::i32;
    case T::INT64: return DType::i64;
    case T::UINT8: return DType::u8;
    case T::UINT16: return DType::u16;
    case T::UINT32: return DType::u32;
    case T::UINT64: return DType::u64;
    case T::BOOL: return DType::boolean;
    case T::STRING: return DType::text;
    default: refuse(fmt::format("element type {} of ONNX has no model; allowed: floats of 16 to 64 bits, integers of 8 to 64, bool", code));
  }
}

Expected<Model> parse_onnx(std::string_view bytes, const std::string& shown_as) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return invalid(shown_as, {}, "bigger than 2 GB, which no ONNX message is; store the weights as external data");
  }
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  return from_stream(stream, shown_as);
}

Expected<Model> read_onnx(const std::filesystem::path& path, const std::string& shown_as) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (code) return invalid(shown_as, {}, "cannot read the file: " + code.message());
  if (size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max())) {
    return invalid(shown_as, {}, "bigger than 2 GB, which no ONNX message is; store the weights as external data");
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return invalid(shown_as, {}, std::string("cannot read the file: ") + std::strerror(errno));
  Expected<Model> model = [&] {
    google::protobuf::io::FileInputStream stream(descriptor);
    return from_stream(stream, shown_as);
  }();
  ::close(descriptor);
  return model;
}

}  // namespace gnomon::workloads::import
