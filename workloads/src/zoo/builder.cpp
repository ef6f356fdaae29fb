#include "zoo/builder.hpp"

namespace gnomon::workloads::zoo {

using import::Attribute;
using import::Shape;

Attribute whole(std::int64_t value) {
  Attribute out;
  out.kind = Attribute::Kind::whole;
  out.whole = value;
  return out;
}

Attribute wholes(std::vector<std::int64_t> values) {
  Attribute out;
  out.kind = Attribute::Kind::wholes;
  out.wholes = std::move(values);
  return out;
}

Builder::Builder(std::string name) {
  model_.name = name;
  model_.file = "zoo:" + name;
  model_.opset = 17;
}

std::string Builder::input(const std::string& name, Shape shape, DType dtype) {
  import::ModelInput out;
  out.name = name;
  out.dtype = dtype;
  out.has_shape = true;
  for (const std::int64_t size : shape) out.shape.push_back({size, {}});
  model_.inputs.push_back(std::move(out));
  return name;
}

std::string Builder::weight(const std::string& name, Shape shape) {
  model_.constants.push_back({name, std::move(shape), DType::f32, {}});
  return name;
}

std::string Builder::numbers(const std::string& name, std::vector<std::int64_t> values) {
  import::Constant out;
  out.name = name;
  out.shape = {static_cast<std::int64_t>(values.size())};
  out.dtype = DType::i64;
  out.data.whole = std::make_shared<const std::vector<std::int64_t>>(std::move(values));
  model_.constants.push_back(std::move(out));
  return name;
}

std::string Builder::scalar(const std::string& name, float value) {
  import::Constant out;
  out.name = name;
  out.data.real = std::make_shared<const std::vector<float>>(1, value);
  model_.constants.push_back(std::move(out));
  return name;
}

std::string Builder::node(const std::string& type, const std::string& name, std::vector<std::string> inputs,
                          std::vector<std::pair<std::string, Attribute>> attributes) {
  import::Node out;
  out.type = type;
  out.name = name;
  out.inputs = std::move(inputs);
  out.outputs = {name + "_out"};
  for (auto& [key, value] : attributes) out.attributes.emplace(key, std::move(value));
  model_.nodes.push_back(std::move(out));
  return name + "_out";
}

std::string Builder::conv(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions o) {
  const std::string filter = weight(name + ".weight", {out, in / o.groups, kernel, kernel});
  const std::string bias = weight(name + ".bias", {out});
  return node("Conv", name, {x, filter, bias},
              {{"kernel_shape", wholes({kernel, kernel})}, {"strides", wholes({o.stride, o.stride})},
               {"pads", wholes({o.pad, o.pad, o.pad, o.pad})}, {"group", whole(o.groups)}});
}

std::string Builder::max_pool(const std::string& name, const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return node("MaxPool", name, {x},
              {{"kernel_shape", wholes({kernel, kernel})}, {"strides", wholes({stride, stride})}, {"pads", wholes({pad, pad, pad, pad})}});
}

std::string Builder::gemm(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out) {
  const std::string matrix = weight(name + ".weight", {out, in});
  const std::string bias = weight(name + ".bias", {out});
  return node("Gemm", name, {x, matrix, bias}, {{"transB", whole(1)}});
}

std::string Builder::linear(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out) {
  const std::string matrix = weight(name + ".weight", {in, out});
  const std::string product = node("MatMul", name, {x, matrix});
  const std::string bias = weight(name + ".bias", {out});
  return node("Add", name + ".add", {product, bias});
}

std::string Builder::layer_norm(const std::string& name, const std::string& x, std::int64_t size) {
  const std::string scale = weight(name + ".weight", {size});
  const std::string shift = weight(name + ".bias", {size});
  return node("LayerNormalization", name, {x, scale, shift}, {{"axis", whole(-1)}});
}

std::string Builder::reshape(const std::string& name, const std::string& x, std::vector<std::int64_t> shape) {
  const std::string target = numbers(name + ".shape", std::move(shape));
  return node("Reshape", name, {x, target});
}

std::string Builder::transpose(const std::string& name, const std::string& x, std::vector<std::int64_t> order) {
  return node("Transpose", name, {x}, {{"perm", wholes(std::move(order))}});
}

}  // namespace gnomon::workloads::zoo
