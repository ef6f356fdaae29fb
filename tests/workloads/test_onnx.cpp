#include <chrono>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::workloads {
namespace {

/// A model under construction, in the file's own message types.
class Maker {
 public:
  onnx::ModelProto model;

  explicit Maker(int opset = 17) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("made");
  }

  onnx::GraphProto& graph() { return *model.mutable_graph(); }

  /// Sizes; 0 gives a symbolic dimension named `n<position>`, -1 one without a name.
  void input(const std::string& name, const std::vector<std::int64_t>& shape, int type = onnx::TensorProto::FLOAT) {
    auto* value = graph().add_input();
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      auto* dimension = tensor->mutable_shape()->add_dim();
      if (shape[i] > 0) dimension->set_dim_value(shape[i]);
      else if (shape[i] == 0) dimension->set_dim_param("n" + std::to_string(i));
    }
  }
  void output(const std::string& name) { graph().add_output()->set_name(name); }
  onnx::TensorProto* weight(const std::string& name, const std::vector<std::int64_t>& shape, int type = onnx::TensorProto::FLOAT) {
    auto* tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const auto size : shape) tensor->add_dims(size);
    return tensor;
  }
  void numbers(const std::string& name, const std::vector<std::int64_t>& values) {
    auto* tensor = weight(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const auto value : values) tensor->add_int64_data(value);
  }
  onnx::NodeProto* node(const std::string& type, const std::vector<std::string>& inputs, const std::string& result, const std::string& name = {}) {
    auto* node = graph().add_node();
    node->set_op_type(type);
    node->set_name(name);
    for (const auto& input : inputs) node->add_input(input);
    node->add_output(result);
    return node;
  }

  Expected<std::shared_ptr<const Graph>> load(const LoadOptions& options = {}) const { return parse(model.SerializeAsString(), "onnx", "m.onnx", options); }
  std::shared_ptr<const Graph> loaded(const LoadOptions& options = {}) const {
    auto done = load(options);
    EXPECT_TRUE(done) << done.error().text();
    return done ? *done : nullptr;
  }
  std::string refusal(ErrorKind kind = ErrorKind::invalid_input, const LoadOptions& options = {}) const {
    const auto done = load(options);
    if (done) return "accepted";
    EXPECT_EQ(done.error().kind(), kind) << done.error().text();
    return done.error().text();
  }
};

void whole(onnx::NodeProto* node, const std::string& name, std::int64_t value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

Maker small_convolution() {
  Maker m;
  m.input("x", {1, 3, 8, 8});
  m.weight("w", {4, 3, 3, 3});
  m.node("Conv", {"x", "w"}, "y", "conv");
  m.node("Relu", {"y"}, "z", "relu");
  m.output("z");
  return m;
}

TEST(Onnx, Weights_MayBeDefaultInputs_WithoutContent_OutsideOfTheFile_OrConstantNodes) {
  Maker m;
  m.input("x", {1, 3, 8, 8});
  m.input("w1", {3, 3, 1, 1});  // files before IR version 4 list initialisers among the inputs
  m.weight("w1", {3, 3, 1, 1});
  auto* outside = m.weight("w2", {3, 3, 1, 1});
  outside->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* place = outside->add_external_data();
  place->set_key("location");
  place->set_value("there-is-no-such-file.bin");
  auto* held = m.weight("w3", {3, 3, 1, 1});
  for (int i = 0; i < 9; ++i) held->add_float_data(static_cast<float>(i));
  m.numbers("dims", {3, 3, 1, 1});
  m.node("ConstantOfShape", {"dims"}, "w4");
  auto* constant = m.node("Constant", {}, "w5")->add_attribute();
  constant->set_name("value");
  constant->set_type(onnx::AttributeProto::TENSOR);
  *constant->mutable_t() = *held;
  std::string from = "x";
  for (int i = 1; i <= 5; ++i) {
    m.node("Conv", {from, "w" + std::to_string(i)}, "y" + std::to_string(i));
    from = "y" + std::to_string(i);
  }
  m.output(from);
  const auto graph = m.loaded();
  EXPECT_EQ(graph->operator_count(), 5u);
  EXPECT_EQ(graph->weight_elements(), 45);
  EXPECT_EQ(graph->macs(), 5 * 64 * 9);
  EXPECT_EQ(graph->inputs().size(), 1u);
  const auto values = [&](int i) { return graph->tensor(graph->op(static_cast<OperatorId>(i - 1)).inputs[1]).values; };
  EXPECT_FALSE(values(1));
  EXPECT_FALSE(values(2));
  EXPECT_EQ((*values(3))[8], 8.0f);
  EXPECT_FALSE(values(4)) << "a fill stands in for weights that are not there";
  EXPECT_EQ((*values(5))[8], 8.0f);
}

TEST(Onnx, Poolings_SayTheirDilations_AndWhetherPaddingCounts) {
  Maker m(19);
  m.input("x", {1, 3, 12, 12});
  const auto wholes = [](onnx::NodeProto* node, const std::string& name, const std::vector<std::int64_t>& values) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INTS);
    for (const auto value : values) attribute->add_ints(value);
  };
  for (const char* type : {"MaxPool", "AveragePool", "AveragePool"}) {
    const std::string y = "y" + std::to_string(m.graph().node_size());
    auto* node = m.node(type, {"x"}, y);
    wholes(node, "kernel_shape", {3, 2});
    wholes(node, "dilations", {2, 3});
    wholes(node, "pads", {1, 1, 2, 0});
    if (y == "y2") whole(node, "count_include_pad", 1);
    m.output(y);
  }
  const auto graph = m.loaded();
  ASSERT_EQ(graph->operator_count(), 3u);
  for (OperatorId id = 0; id < 3; ++id) {
    const Pooling& p = *graph->op(id).pooling;
    EXPECT_EQ(p.dilation, (std::array<std::int64_t, 2>{2, 3}));
    EXPECT_EQ(p.count_include_pad, id == 2);
    EXPECT_EQ(graph->tensor(graph->op(id).outputs[0]).shape, (std::vector<std::int64_t>{1, 3, 11, 10}));
  }
}

TEST(Onnx, RawData_OfEveryWidth_IsRead) {
  Maker m;
  m.input("x", {2});
  const auto raw = [&](const std::string& name, int type, const std::string& bytes) { m.weight(name, {2}, type)->set_raw_data(bytes); };
  using T = onnx::TensorProto;
  raw("f32", T::FLOAT, std::string("\0\0\x80\x3f\0\0\0\xc0", 8));                              // 1, -2
  raw("f16", T::FLOAT16, std::string("\x00\x3c\x01\x00", 4));                                  // 1, 2^-24
  raw("bf16", T::BFLOAT16, std::string("\x80\x3f\x00\xc0", 4));                                // 1, -2
  raw("i8", T::INT8, std::string("\xff\x05", 2));                                              // -1, 5
  raw("u8", T::UINT8, std::string("\xff\x05", 2));                                             // 255, 5
  raw("i64", T::INT64, std::string("\xfe\xff\xff\xff\xff\xff\xff\xff\x07\0\0\0\0\0\0\0", 16));  // -2, 7
  const std::vector<std::pair<std::string, std::vector<float>>> truth = {{"f32", {1, -2}}, {"f16", {1, 0x1p-24f}}, {"bf16", {1, -2}},
                                                                        {"i8", {-1, 5}},  {"u8", {255, 5}},       {"i64", {-2, 7}}};
  for (const auto& [name, values] : truth) m.node("Add", {"x", name}, "y_" + name, name);
  m.output("y_f32");
  const auto graph = m.loaded();
  for (OperatorId id = 0; id < truth.size(); ++id) EXPECT_EQ(*graph->tensor(graph->op(id).inputs[1]).values, truth[id].second) << truth[id].first;
}

TEST(Onnx, Batch_TakesTheLeadingDimension_AndConstantReshapesFollow) {
  for (const std::int64_t leading : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}}) {
    Maker m;
    m.input("x", {leading, 3, 4, 4});
    m.numbers("flat", {leading == 1 ? 1 : 0, 48});
    m.numbers("open", {leading == 1 ? 1 : 0, -1});
    m.weight("w", {48, 10});
    m.node("Reshape", {"x", "flat"}, "a");
    m.node("Reshape", {"a", "open"}, "b");
    m.node("MatMul", {"b", "w"}, "y", "fc");
    m.output("y");
    for (const std::int64_t batch : {1, 5}) {
      const auto graph = m.loaded({.batch = batch});
      EXPECT_EQ(graph->macs(), batch * 480);
      EXPECT_EQ(graph->tensor(graph->outputs()[0]).shape, (std::vector<std::int64_t>{batch, 10}));
    }
  }
  Maker fixed;
  fixed.input("x", {197, 8});
  fixed.node("Relu", {"x"}, "y");
  fixed.output("y");
  EXPECT_EQ(fixed.loaded()->activation_elements(), 197 * 8);
  EXPECT_EQ(fixed.refusal(ErrorKind::unsupported, {.batch = 2}),
            "m.onnx: input \"x\": its leading dimension is fixed at 197, so batch 2 cannot take its place; export with a batch of 1 or a symbolic one");
}

TEST(Onnx, OtherSymbolicDimensions_AreNamed_AndCanBeGiven) {
  Maker m;
  m.input("ids", {0, 0, -1});
  m.node("Relu", {"ids"}, "y");
  m.output("y");
  EXPECT_EQ(m.refusal(),
            "m.onnx: input \"ids\": dimension 1 (\"n1\") has no size; export with a fixed size or say `?n1=SIZE` behind the file's name\n"
            "m.onnx: input \"ids\": dimension 2 has no size; export with a fixed size");
  Maker named;
  named.input("ids", {0, 0});
  named.node("Relu", {"ids"}, "y");
  named.output("y");
  EXPECT_EQ(named.loaded({.batch = 2, .dimensions = {{"n1", 7}}})->activation_elements(), 14);
  EXPECT_EQ(named.refusal(ErrorKind::invalid_input, {.dimensions = {{"n1", 7}, {"seq", 7}}}), "m.onnx: unknown dimension \"seq\"; allowed: n0, n1");
}

TEST(Onnx, Unsupported_ListsEveryNode_ByOperatorNameAndCount) {
  Maker m;
  m.input("x", {1, 3, 8, 8, 8});
  m.weight("w", {4, 3, 3, 3, 3});
  m.node("Conv", {"x", "w"}, "a", "volume");
  m.node("LSTM", {"a"}, "b", "first");
  m.node("LSTM", {"b"}, "c", "second");
  m.node("Frob", {"x"}, "d", "odd")->set_domain("my.domain");
  m.node("Loop", {"", "", "x"}, "e");
  m.node("Relu", {"c"}, "y");
  m.output("y");
  EXPECT_EQ(m.refusal(ErrorKind::unsupported),
            "m.onnx: operator Conv (1 node) has no model in this form (3 spatial dimensions; 1 and 2 have a model): \"volume\"\n"
            "m.onnx: operator LSTM (2 nodes) has no model: \"first\", \"second\"\n"
            "m.onnx: operator Loop (1 node) has no model: \"e\"\n"
            "m.onnx: operator my.domain:Frob (1 node) has no model: \"odd\"");
  const auto graph = m.loaded({.skip_unsupported = true});
  ASSERT_EQ(graph->operator_count(), 1u);
  EXPECT_EQ(graph->tensor(graph->op(0).inputs[0]).name, "x");
}

TEST(Onnx, Opsets_BeyondThoseKnown_AreRefused) {
  for (const int opset : {2, 24}) {
    Maker m = small_convolution();
    m.model.mutable_opset_import(0)->set_version(opset);
    EXPECT_EQ(m.refusal(ErrorKind::unsupported), "m.onnx: opset " + std::to_string(opset) + "; 3 to 23 are supported, convert the model");
  }
  for (const int opset : {3, 7, 13, 23}) {
    Maker m = small_convolution();
    m.model.mutable_opset_import(0)->set_version(opset);
    EXPECT_EQ(m.loaded()->macs(), 36 * 4 * 27);
  }
}

// Broadcasting before opset 7: the second operand's dimensions are laid at `axis`.
TEST(Onnx, OldBroadcast_IsAlignedAtItsAxis) {
  Maker m(6);
  m.input("x", {1, 3, 8, 8});
  m.weight("s", {3});
  auto* node = m.node("Mul", {"x", "s"}, "y");
  whole(node, "axis", 1);
  whole(node, "broadcast", 1);
  m.output("y");
  EXPECT_EQ(m.loaded()->activation_elements(), 192);
}

TEST(Onnx, NamesOfNodes_AreMadeDistinct) {
  Maker m;
  m.input("x", {4});
  m.node("Relu", {"x"}, "a");
  m.node("Relu", {"a"}, "b", "same");
  m.node("Relu", {"b"}, "c", "same");
  m.output("c");
  const auto graph = m.loaded();
  EXPECT_EQ(graph->op(0).name, "a");
  EXPECT_EQ(graph->op(1).name, "same");
  EXPECT_EQ(graph->op(2).name, "same_2");
}

TEST(Onnx, NodesInAnyOrder_AreSorted) {
  Maker m;
  m.input("x", {4});
  m.node("Relu", {"a"}, "y", "second");
  m.node("Neg", {"x"}, "a", "first");
  m.output("y");
  const auto graph = m.loaded();
  EXPECT_EQ(graph->op(graph->order()[0]).name, "first");
}

TEST(Onnx, Costs_AndFusibility) {
  Maker m;
  m.input("x", {1, 3, 8, 8});
  m.weight("w", {4, 3, 3, 3});
  for (const char* name : {"scale", "shift", "mean", "variance"}) m.weight(name, {4});
  m.node("Conv", {"x", "w"}, "a", "conv");
  m.node("BatchNormalization", {"a", "scale", "shift", "mean", "variance"}, "b", "norm");
  m.node("Sigmoid", {"b"}, "c", "sigmoid");
  m.node("Add", {"c", "b"}, "d", "residual");
  m.node("Flatten", {"d"}, "e", "flat");
  m.node("Softmax", {"e"}, "f", "softmax");
  m.output("f");
  const auto graph = m.loaded();
  const auto op = [&](OperatorId id) { return graph->op(id); };
  EXPECT_EQ(op(0).vector_ops, 0);
  EXPECT_EQ(op(1).vector_ops, 144 * 2);
  EXPECT_TRUE(op(1).fusible);
  EXPECT_EQ(op(2).vector_ops, 144 * 10) << "negate, exponential, add, divide";
  EXPECT_TRUE(op(2).fusible);
  EXPECT_EQ(op(3).vector_ops, 144);
  EXPECT_FALSE(op(3).fusible) << "its second operand is not constant";
  EXPECT_EQ(op(4).op_class, OpClass::view);
  EXPECT_EQ(op(5).vector_ops, 144 * 11);
  EXPECT_EQ(graph->activation_elements(), 144 * 5) << "views write nothing";
}

// Quantised weights are stored in eight bits, whatever they are called after dequantising.
TEST(Onnx, DequantisedWeights_KeepTheirStoredType) {
  Maker m;
  m.input("x", {2, 8});
  m.weight("q", {8, 4}, onnx::TensorProto::INT8);
  m.weight("scale", {});
  m.node("DequantizeLinear", {"q", "scale"}, "w");
  m.node("MatMul", {"x", "w"}, "y");
  m.output("y");
  const auto graph = m.loaded();
  EXPECT_EQ(graph->tensor(graph->op(0).inputs[1]).dtype, DType::i8);
  EXPECT_EQ(graph->tensor(graph->outputs()[0]).dtype, DType::f32);
}

TEST(Onnx, BadModels_SayWhatAndWhere) {
  EXPECT_EQ(parse("", "onnx", "m.onnx").error().text(), "m.onnx: no graph in it: not an ONNX model, or a damaged one");
  EXPECT_EQ(parse("this is no protobuf", "onnx", "m.onnx").error().text(),
            "m.onnx: not an ONNX model, or a damaged or truncated one (the protobuf message does not parse)");
  {
    Maker m;
    EXPECT_EQ(m.refusal(), "m.onnx: the graph has no nodes");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_node(0)->set_input(1, "nowhere");
    EXPECT_EQ(m.refusal(), "m.onnx: node \"conv\" (Conv) reads \"nowhere\", which nothing provides");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_node(1)->set_output(0, "y");
    EXPECT_EQ(m.refusal(), "m.onnx: tensor \"y\" is written by two nodes");
  }
  {
    Maker m;
    m.input("x", {4});
    m.node("Relu", {"b"}, "a", "one");
    m.node("Relu", {"a"}, "b", "two");
    EXPECT_EQ(m.refusal(), "m.onnx: nodes wait for each other in a cycle, among them \"one\"");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_initializer(0)->set_dims(1, 2);
    EXPECT_EQ(m.refusal(), "m.onnx: node \"conv\" (Conv): input [1, 3, 8, 8] has 3 channels, but filter [4, 2, 3, 3] with 1 groups takes 2");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_initializer(0)->set_dims(2, -3);
    EXPECT_EQ(m.refusal(), "m.onnx: initialiser \"w\": shape [4, 3, -3, 3] has a negative size");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_initializer(0)->add_float_data(1.0f);
    EXPECT_EQ(m.refusal(), "m.onnx: initialiser \"w\": it holds 1 values for shape [4, 3, 3, 3]");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
    EXPECT_EQ(m.refusal(), "m.onnx: input \"x\": it has no shape; export the model with input shapes");
  }
  {
    Maker m = small_convolution();
    m.graph().mutable_output(0)->set_name("missing");
    EXPECT_EQ(m.refusal(), "m.onnx: output \"missing\" is written by no node");
  }
  {
    Maker m;
    m.input("x", {std::int64_t{1} << 62, std::int64_t{1} << 62});
    m.node("Relu", {"x"}, "y");
    m.output("y");
    EXPECT_EQ(m.refusal(), "m.onnx: input \"x\": a tensor of shape [4611686018427387904, 4611686018427387904] is too big: elements must fit in 62 bits");
  }
  {
    Maker m;
    m.input("x", {1, 1 << 20, 1 << 20});
    m.weight("w", {1, 1 << 20, 1 << 20});
    m.node("MatMul", {"x", "w"}, "y", "huge");
    m.output("y");
    EXPECT_EQ(m.loaded()->macs(), std::int64_t{1} << 60);
    m.node("MatMul", {"y", "w"}, "z", "huge2");
    for (int i = 0; i < 4; ++i) m.node("MatMul", {"z", "w"}, "z" + std::to_string(i), "more");
    EXPECT_EQ(m.refusal(), "m.onnx: the operations of the whole graph do not fit in 62 bits");
  }
}

// Sizes that would make a reader allocate without end: the shapes alone are kept.
TEST(Onnx, AbsurdConstants_AllocateNothing) {
  Maker m;
  m.input("x", {1});
  m.numbers("dims", {1 << 30, 1 << 30});
  m.numbers("one", {1});
  m.node("ConstantOfShape", {"dims"}, "big");
  m.node("Transpose", {"big"}, "turned");
  m.node("Add", {"turned", "turned"}, "sum");
  m.node("Mul", {"x", "sum"}, "y");
  m.output("y");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(m.loaded()->activation_elements(), std::int64_t{1} << 60);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

/// Loads every prefix at a stride, and copies with bytes flipped: any answer will do, as long as there is one.
void survive(const std::string& bytes) {
  std::size_t refused = 0;
  for (std::size_t size = 0; size < bytes.size(); size += 97) refused += !parse(std::string_view(bytes).substr(0, size), "onnx", "cut.onnx");
  EXPECT_GT(refused, 0u);
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 150 + 1) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    const auto done = parse(damaged, "onnx", "damaged.onnx");
    if (!done) {
      EXPECT_FALSE(done.error().problems().empty());
    }
  }
}

TEST(Onnx, TruncatedAndDamagedFiles_AreRefusedOrRead_NeverMore) {
  Maker m = small_convolution();
  for (int i = 0; i < 30; ++i) m.node("Gemm", {"z", "w"}, "more" + std::to_string(i), "a longer name to fill the file " + std::to_string(i));
  survive(m.model.SerializeAsString());
  survive(small_convolution().model.SerializeAsString());
}

struct Counted {
  std::string file;
  std::int64_t macs, weights, activations;
};

std::vector<Counted> counted() {
  std::vector<Counted> out;
  std::ifstream file(GNOMON_SOURCE_DIR "/tests/workloads/data/onnx_counts.csv");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    for (char& c : line) c = c == ',' ? ' ' : c;
    Counted row;
    std::istringstream(line) >> row.file >> row.macs >> row.weights >> row.activations;
    out.push_back(row);
  }
  return out;
}

TEST(OnnxRealGraphs, Counts_AreThoseOfTheOnnxPackage) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set: the nine real ONNX graphs are not there";
  ASSERT_EQ(counted().size(), 9u);
  for (const Counted& row : counted()) {
    const auto start = std::chrono::steady_clock::now();
    const auto graph = load(std::string(data) + "/onnx/" + row.file);
    const auto took = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(graph) << graph.error().text();
    EXPECT_EQ((*graph)->macs(), row.macs) << row.file;
    EXPECT_EQ((*graph)->weight_elements(), row.weights) << row.file;
    EXPECT_EQ((*graph)->activation_elements(), row.activations) << row.file;
    EXPECT_LT(took, std::chrono::seconds(2)) << row.file;
  }
}

TEST(OnnxRealGraphs, Batch_MultipliesTheMacs) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set: the nine real ONNX graphs are not there";
  for (const Counted& row : counted()) {
    const auto graph = load(std::string(data) + "/onnx/" + row.file, {.batch = 3});
    ASSERT_TRUE(graph) << graph.error().text();
    EXPECT_EQ((*graph)->macs(), 3 * row.macs) << row.file;
    EXPECT_EQ((*graph)->weight_elements(), row.weights) << row.file;
  }
}

TEST(OnnxRealGraphs, TruncatedAtEvery97thByte_AreRefused) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set: the nine real ONNX graphs are not there";
  for (const char* file : {"light_bvlc_alexnet.onnx", "light_squeezenet.onnx", "light_inception_v1.onnx"}) {
    const auto bytes = read_file(std::string(data) + "/onnx/" + file);
    ASSERT_TRUE(bytes);
    survive(*bytes);
  }
}

}  // namespace
}  // namespace gnomon::workloads
