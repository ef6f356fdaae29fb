#include <gtest/gtest.h>

#include "gnomon/base/random.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::workloads {
namespace {

TensorId tensor(Graph& graph, std::string name, std::vector<std::int64_t> shape, bool constant = false) {
  Tensor out;
  out.name = std::move(name);
  out.shape = std::move(shape);
  out.constant = constant;
  return graph.add_tensor(std::move(out));
}

OperatorId relu(Graph& graph, std::string name, TensorId from, TensorId to) {
  Operator op;
  op.name = std::move(name);
  op.type = "Relu";
  op.inputs = {from};
  op.outputs = {to};
  return graph.add_operator(std::move(op));
}

std::string problem(Graph& graph) {
  const auto done = graph.finish();
  return done ? std::string() : done.error().text();
}

TEST(Graph, Order_IsTopological_WithTiesInOrderOfInsertion) {
  Graph graph("g");
  const TensorId x = tensor(graph, "x", {4}), a = tensor(graph, "a", {4}), b = tensor(graph, "b", {4}), c = tensor(graph, "c", {4});
  const OperatorId last = relu(graph, "last", b, c), second = relu(graph, "second", a, b), first = relu(graph, "first", x, a);
  const OperatorId other = relu(graph, "other", x, tensor(graph, "d", {4}));
  ASSERT_EQ(problem(graph), "");
  EXPECT_EQ(graph.order(), (std::vector<OperatorId>{first, second, last, other}));
  EXPECT_EQ(graph.producer(b), second);
  EXPECT_FALSE(graph.producer(x));
  EXPECT_EQ(graph.consumers(x), (std::vector<OperatorId>{first, other}));
  EXPECT_EQ(boost::num_edges(graph.boost_graph()), 2u);
  // Finishing again changes nothing.
  ASSERT_EQ(problem(graph), "");
  EXPECT_EQ(boost::num_edges(graph.boost_graph()), 2u);
}

TEST(Graph, Order_PutsEveryProducerFirst_OnRandomGraphs) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 50; ++round) {
    Graph graph("random");
    const int count = static_cast<int>(random.integer(1, 40));
    std::vector<TensorId> out;
    for (int i = 0; i <= count; ++i) out.push_back(tensor(graph, "t" + std::to_string(i), {2}));
    std::vector<int> which(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) which[static_cast<std::size_t>(i)] = i;
    random.shuffle(which);
    for (const int i : which) {  // operator i reads some earlier tensors and writes tensor i + 1
      Operator op;
      op.name = "op" + std::to_string(i);
      for (int n = static_cast<int>(random.integer(1, 3)); n > 0; --n) op.inputs.push_back(out[static_cast<std::size_t>(random.integer(0, i))]);
      op.outputs = {out[static_cast<std::size_t>(i) + 1]};
      graph.add_operator(std::move(op));
    }
    ASSERT_EQ(problem(graph), "");
    ASSERT_EQ(graph.order().size(), static_cast<std::size_t>(count));
    std::vector<bool> ready(graph.tensor_count(), false);
    ready[out[0]] = true;
    for (const OperatorId id : graph.order()) {
      for (const TensorId t : graph.op(id).inputs) EXPECT_TRUE(ready[t]);
      for (const TensorId t : graph.op(id).outputs) ready[t] = true;
    }
  }
}

TEST(Graph, Cycle_IsRefused_AndNamed) {
  Graph graph("g");
  const TensorId a = tensor(graph, "a", {4}), b = tensor(graph, "b", {4});
  relu(graph, "one", a, b);
  relu(graph, "two", b, a);
  EXPECT_EQ(problem(graph), "g: operators wait for each other in a cycle: \"one\", \"two\"");
}

TEST(Graph, SecondProducer_RepeatedName_WrittenConstantAndUnknownTensor_AreRefused) {
  Graph graph("g");
  const TensorId x = tensor(graph, "x", {4}), y = tensor(graph, "y", {4}), w = tensor(graph, "w", {4}, true);
  relu(graph, "one", x, y);
  relu(graph, "one", x, y);
  relu(graph, "three", x, w);
  relu(graph, "four", 99, x);
  EXPECT_EQ(problem(graph),
            "g: two operators are named \"one\"; names must be unique\n"
            "g: tensor \"y\" is written by both \"one\" and \"one\"; one producer is allowed\n"
            "g: operator \"three\" writes the constant \"w\"\n"
            "g: operator \"four\" names a tensor that does not exist");
}

TEST(Graph, ShapesThatAreNotPositive_OrTooBig_AreRefused) {
  Graph graph("g");
  tensor(graph, "zero", {4, 0});
  tensor(graph, "negative", {-3});
  tensor(graph, "big", {std::int64_t{1} << 40, std::int64_t{1} << 40});
  tensor(graph, "scalar", {});
  EXPECT_EQ(problem(graph),
            "g: tensor \"zero\" has shape [4, 0]; every dimension must be 1 or more\n"
            "g: tensor \"negative\" has shape [-3]; every dimension must be 1 or more\n"
            "g: tensor \"big\" of shape [1099511627776, 1099511627776] is too big: elements must fit in 62 bits");
}

TEST(Graph, SumOfMacs_BeyondSixtyTwoBits_IsRefused) {
  Graph graph("g");
  for (int i = 0; i < 3; ++i) {
    Operator op;
    op.name = "m" + std::to_string(i);
    op.op_class = OpClass::matmul;
    op.matmul = Matmul{1, std::int64_t{1} << 31, std::int64_t{1} << 15, std::int64_t{1} << 15};
    op.outputs = {tensor(graph, op.name + ".out", {1})};
    graph.add_operator(std::move(op));
  }
  EXPECT_EQ(problem(graph), "g: the operations of the whole graph do not fit in 62 bits");
}

// Counted by hand: 3x3, 8 -> 16 channels in 4 groups, 10 x 10 outputs: 100 x 16 x 2 x 9.
TEST(Convolution, Macs_CountGroupsAndPaddingTaps) {
  Convolution conv;
  conv.groups = 4;
  conv.in_channels = 8;
  conv.out_channels = 16;
  conv.in = conv.out = {10, 10};
  conv.kernel = {3, 3};
  conv.pad_begin = conv.pad_end = {1, 1};
  EXPECT_EQ(conv.macs(), 100 * 16 * 2 * 9);
  conv.batch = 3;
  EXPECT_EQ(conv.macs(), 3 * 100 * 16 * 2 * 9);
  // Every input element meets every tap of every filter of its group.
  conv.transposed = true;
  conv.out = {21, 21};
  EXPECT_EQ(conv.macs(), 3 * 100 * 16 * 2 * 9);
}

TEST(Names, OfTypesAndClasses_ReadBack) {
  for (const auto& text : dtype_names()) {
    ASSERT_TRUE(dtype_named(text));
    EXPECT_EQ(name(*dtype_named(text)), text);
    EXPECT_GT(bits(*dtype_named(text)), 0);
  }
  for (const auto& text : op_class_names()) EXPECT_EQ(name(*op_class_named(text)), text);
  EXPECT_FALSE(dtype_named("f31"));
  EXPECT_FALSE(op_class_named("conv"));
}

}  // namespace
}  // namespace gnomon::workloads
