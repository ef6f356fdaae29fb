#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gnomon/workloads/load.hpp"

namespace gnomon::workloads {
namespace {

std::shared_ptr<const Graph> read(const std::string& text) {
  auto graph = parse(text, "json", "w.json");
  EXPECT_TRUE(graph) << graph.error().text();
  return graph ? *graph : nullptr;
}

std::string refusal(const std::string& text, ErrorKind kind = ErrorKind::invalid_input) {
  const auto graph = parse(text, "json", "w.json");
  if (graph) return "accepted";
  EXPECT_EQ(graph.error().kind(), kind);
  return graph.error().text();
}

/// A workload of the given tensors and operators.
std::string workload(const std::string& tensors, const std::string& operators) {
  return R"({"version": 1, "name": "w", "tensors": [)" + tensors + R"(], "operators": [)" + operators + "]}";
}

void expect_equal(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.name(), b.name());
  ASSERT_EQ(a.tensor_count(), b.tensor_count());
  ASSERT_EQ(a.operator_count(), b.operator_count());
  EXPECT_EQ(a.inputs(), b.inputs());
  EXPECT_EQ(a.outputs(), b.outputs());
  EXPECT_EQ(a.order(), b.order());
  for (TensorId id = 0; id < a.tensor_count(); ++id) {
    const Tensor &x = a.tensor(id), &y = b.tensor(id);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.shape, y.shape);
    EXPECT_EQ(x.dtype, y.dtype);
    EXPECT_EQ(x.density, y.density);
    EXPECT_EQ(x.constant, y.constant);
  }
  for (OperatorId id = 0; id < a.operator_count(); ++id) {
    const Operator &x = a.op(id), &y = b.op(id);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.type, y.type);
    EXPECT_EQ(x.op_class, y.op_class);
    EXPECT_EQ(x.inputs, y.inputs);
    EXPECT_EQ(x.outputs, y.outputs);
    EXPECT_EQ(x.vector_ops, y.vector_ops) << x.name;
    EXPECT_EQ(x.fusible, y.fusible) << x.name;
    EXPECT_EQ(x.macs(), y.macs()) << x.name;
    ASSERT_EQ(x.conv.has_value(), y.conv.has_value());
    if (x.conv) {
      EXPECT_EQ(x.conv->in, y.conv->in);
      EXPECT_EQ(x.conv->out, y.conv->out);
      EXPECT_EQ(x.conv->kernel, y.conv->kernel);
      EXPECT_EQ(x.conv->stride, y.conv->stride);
      EXPECT_EQ(x.conv->dilation, y.conv->dilation);
      EXPECT_EQ(x.conv->pad_begin, y.conv->pad_begin);
      EXPECT_EQ(x.conv->pad_end, y.conv->pad_end);
      EXPECT_EQ(x.conv->groups, y.conv->groups);
      EXPECT_EQ(x.conv->batch, y.conv->batch);
    }
    ASSERT_EQ(x.pooling.has_value(), y.pooling.has_value());
    if (x.pooling) {
      EXPECT_EQ(x.pooling->kernel, y.pooling->kernel);
      EXPECT_EQ(x.pooling->pad_end, y.pooling->pad_end);
      EXPECT_EQ(x.pooling->count_include_pad, y.pooling->count_include_pad);
    }
  }
}

TEST(WorkloadJson, EveryBuiltInModel_ReadsBackAsWritten) {
  for (const ZooEntry& entry : zoo_entries()) {
    SCOPED_TRACE(entry.name);
    const auto graph = load("zoo:" + entry.name);
    ASSERT_TRUE(graph);
    expect_equal(**graph, *read(write_workload(**graph).dump()));
  }
}

TEST(WorkloadJson, Topology_ReadsBackAsWritten) {
  const auto graph = parse("Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides\na,224,9,7,3,3,8,2\n", "csv", "t.csv");
  ASSERT_TRUE(graph);
  expect_equal(**graph, *read(write_workload(**graph).dump()));
}

TEST(WorkloadJson, Convolution_TakesItsSizesFromTheTensors) {
  // Depthwise, dilated by 2, stride 2, pads 1 and 2: (12 + 3 - 5) / 2 + 1 = 6.
  const auto graph = read(workload(
      R"({"name": "x", "shape": [2, 8, 12, 12], "density": 0.5}, {"name": "w", "shape": [8, 1, 3, 3], "dtype": "i8", "constant": true}, {"name": "y", "shape": [2, 8, 6, 6]})",
      R"({"name": "dw", "op": "convolution", "inputs": ["x", "w"], "outputs": ["y"],
          "convolution": {"groups": 8, "stride": [2, 2], "dilation": [2, 2], "pad_begin": [1, 1], "pad_end": [2, 2]}})"));
  EXPECT_EQ(graph->macs(), 2 * 36 * 8 * 9);
  EXPECT_EQ(graph->tensor(0).density, 0.5);
  EXPECT_EQ(graph->tensor(1).dtype, DType::i8);
  EXPECT_EQ(graph->inputs(), (std::vector<TensorId>{0}));
  EXPECT_EQ(graph->outputs(), (std::vector<TensorId>{2}));
  // Transposed: 4 x 4 inputs, each meeting 3 x 3 taps of 2 x 8 channels; 2 * 3 + 3 = 9 outputs.
  const auto up = read(workload(R"({"name": "x", "shape": [1, 8, 4, 4]}, {"name": "w", "shape": [8, 2, 3, 3], "constant": true}, {"name": "y", "shape": [1, 2, 9, 9]})",
                                R"({"name": "up", "op": "convolution", "inputs": ["x", "w"], "outputs": ["y"], "convolution": {"stride": [2, 2], "transposed": true}})"));
  EXPECT_EQ(up->macs(), 16 * 9 * 8 * 2);
}

TEST(WorkloadJson, Attention_WithHeadsCacheAndCausality) {
  // 1 new token of 8 heads against a cache that makes 100, keys and values shared by 4 heads: 2 x 8 x 100 x 16.
  const std::string tensors = R"({"name": "q", "shape": [1, 1, 128]}, {"name": "k", "shape": [1, 1, 32]}, {"name": "v", "shape": [1, 1, 32]},
    {"name": "cache", "shape": [2, 2, 99, 16]}, {"name": "y", "shape": [1, 1, 128]})";
  const auto graph = read(workload(tensors, R"({"name": "a", "op": "attention", "inputs": ["q", "k", "v", "cache"], "outputs": ["y"],
    "attention": {"heads": 8, "kv_heads": 2, "keys": 100, "causal": true}})"));
  EXPECT_EQ(graph->macs(), 2 * 8 * 100 * 16);
  EXPECT_TRUE(graph->op(0).attention->causal);
  EXPECT_EQ(graph->op(0).vector_ops, 8 * 100 * 13) << "scale, mask and softmax of every score";
  EXPECT_EQ(refusal(workload(tensors, R"({"name": "a", "op": "attention", "inputs": ["q", "k", "v"], "outputs": ["y"]})")),
            "w.json: /operators/0: operator \"a\": \"heads\" is needed with tensors [batch, tokens, heads x size]");
  EXPECT_EQ(refusal(workload(tensors, R"({"name": "a", "op": "attention", "inputs": ["q", "k", "v"], "outputs": ["y"], "attention": {"heads": 8, "kv_heads": 3}})")),
            "w.json: /operators/0: operator \"a\": query [1, 1, 128], key [1, 1, 32] and value [1, 1, 32] do not match");
}

TEST(WorkloadJson, OtherClasses_TakeTheirCostFromTheTable) {
  const auto graph = read(workload(
      R"({"name": "x", "shape": [1, 4, 8, 8]}, {"name": "a", "shape": [1, 4, 8, 8]}, {"name": "b", "shape": [1, 4, 4, 4]}, {"name": "c", "shape": [64]},
         {"name": "d", "shape": [64]}, {"name": "tokens", "shape": [10, 16]}, {"name": "choice", "shape": [10, 2]}, {"name": "e", "shape": [10]})",
      R"({"name": "relu", "op": "elementwise", "type": "Relu", "inputs": ["x"], "outputs": ["a"]},
         {"name": "pool", "op": "pooling", "inputs": ["a"], "outputs": ["b"], "pooling": {"kernel": [2, 2], "stride": [2, 2]}},
         {"name": "flat", "op": "view", "inputs": ["b"], "outputs": ["c"]},
         {"name": "soft", "op": "softmax", "inputs": ["c"], "outputs": ["d"]},
         {"name": "route", "op": "routing", "inputs": ["tokens"], "outputs": ["choice"]},
         {"name": "hash", "op": "tabular", "type": "hash", "inputs": ["choice"], "outputs": ["e"], "vector_ops": 70})"));
  EXPECT_EQ(graph->op(0).vector_ops, 256);
  EXPECT_TRUE(graph->op(0).fusible);
  EXPECT_EQ(graph->op(1).vector_ops, 64 * 4);
  EXPECT_EQ(graph->op(2).vector_ops, 0);
  EXPECT_EQ(graph->op(3).vector_ops, 64 * 11);
  EXPECT_EQ(graph->op(4).vector_ops, 160 * 2) << "a heap of two: two comparisons each";
  EXPECT_EQ(graph->op(5).vector_ops, 70);
  EXPECT_EQ(graph->macs(), 0);
}

TEST(WorkloadJson, BadFiles_GiveEveryProblemWithItsPlace) {
  EXPECT_EQ(refusal("[]").substr(0, 8), "w.json: ");
  EXPECT_EQ(refusal(R"({"version": 1, "tensors": [], "operators": []})").substr(0, 20), "w.json: /operators: ");
  const std::string x = R"({"name": "x", "shape": [4]})", y = R"({"name": "y", "shape": [4]})";
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "r", "op": "elementwise", "typ": "Relu", "inputs": ["x"], "outputs": ["y"]})")).substr(0, 66),
            "w.json: /operators/0/typ: unknown key \"typ\"; did you mean \"type\"? ");
  EXPECT_NE(refusal(workload(R"({"name": "x", "shape": [-4]})", R"({"name": "r", "op": "view", "inputs": [], "outputs": ["x"]})")).find("/tensors/0/shape/0"), std::string::npos);
  EXPECT_NE(refusal(workload(R"({"name": "x", "shape": [1.5]})", R"({"name": "r", "op": "view", "inputs": [], "outputs": ["x"]})")).find("/tensors/0/shape/0"), std::string::npos);
  EXPECT_EQ(refusal(workload(R"({"name": "x", "shape": [1000000000000, 1000000000000]})", R"({"name": "r", "op": "view", "inputs": ["x"], "outputs": ["x"]})")),
            "w.json: /tensors/0/shape: a tensor of shape [1000000000000, 1000000000000] is too big: elements must fit in 62 bits");
  EXPECT_EQ(refusal(workload(x + "," + x, R"({"name": "r", "op": "view", "inputs": ["x"], "outputs": ["x"]})")), "w.json: /tensors/1/name: two tensors are named \"x\"");
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "r", "op": "view", "inputs": ["x"], "outputs": ["y"]}, {"name": "r", "op": "view", "inputs": ["x"], "outputs": ["y"]})")),
            "w.json: /operators/1/name: two operators are named \"r\"");
  EXPECT_EQ(refusal(workload(R"({"name": "ifmap", "shape": [4]})", R"({"name": "r", "op": "view", "inputs": ["ifmp"], "outputs": ["ifmap"]})")),
            "w.json: /operators/0/inputs/0: no tensor is named \"ifmp\"; did you mean \"ifmap\"?");
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "r", "op": "elementwise", "type": "Rlu", "inputs": ["x"], "outputs": ["y"]})")),
            "w.json: /operators/0: operator \"r\": the cost of elementwise \"Rlu\" is not known; say \"vector_ops\"");
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "r", "op": "elementwise", "inputs": ["x"], "outputs": ["y"]})")),
            "w.json: /operators/0: class \"elementwise\" needs a \"type\", such as \"Relu\" or \"Add\"");
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "r", "op": "view", "inputs": ["x"], "outputs": ["y"], "pooling": {"kernel": [1]}})")),
            "w.json: /operators/0/pooling: belongs to op \"pooling\", not to \"view\"");
  EXPECT_EQ(refusal(workload(x + "," + y, R"({"name": "a", "op": "view", "inputs": ["x"], "outputs": ["y"]}, {"name": "b", "op": "view", "inputs": ["y"], "outputs": ["x"]})")),
            "w.json: operators wait for each other in a cycle: \"a\", \"b\"");
  EXPECT_EQ(refusal(workload(R"({"name": "x", "shape": [1, 3, 8, 8]}, {"name": "w", "shape": [4, 3, 3, 3]}, {"name": "y", "shape": [1, 4, 7, 6]})",
                             R"({"name": "c", "op": "convolution", "inputs": ["x", "w"], "outputs": ["y"]})")),
            "w.json: /operators/0: operator \"c\": output [1, 4, 7, 6] does not fit its geometry: an axis has 7, not 6");
  EXPECT_EQ(refusal(workload(R"({"name": "x", "shape": [2, 3]}, {"name": "w", "shape": [4, 5]}, {"name": "y", "shape": [2, 5]})",
                             R"({"name": "m", "op": "matmul", "inputs": ["x", "w"], "outputs": ["y"], "matmul": {"m": 2, "n": 5, "k": 3}})")),
            "w.json: /operators/0: operator \"m\": [2, 3] x [4, 5] = [2, 5] is not 1 products of 2 x 5 x 3");
  const auto batched = parse(workload(x + "," + y, R"({"name": "r", "op": "view", "inputs": ["x"], "outputs": ["y"]})"), "json", "w.json", {.batch = 2});
  ASSERT_FALSE(batched);
  EXPECT_EQ(batched.error().kind(), ErrorKind::unsupported);
}

TEST(WorkloadJson, Schema_NamesEveryClassAndType) {
  const Json schema = workload_schema();
  EXPECT_EQ(schema["properties"]["tensors"]["items"]["properties"]["dtype"]["enum"].size(), dtype_names().size());
  EXPECT_EQ(schema["properties"]["operators"]["items"]["properties"]["op"]["enum"].size(), op_class_names().size());
  EXPECT_EQ(schema["additionalProperties"], false);
}

}  // namespace
}  // namespace gnomon::workloads
