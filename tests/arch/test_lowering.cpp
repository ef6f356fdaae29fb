#include <gtest/gtest.h>

#include "gnomon/arch/lowering.hpp"

namespace gnomon::arch {
namespace {

using workloads::Graph;
using workloads::OpClass;
using workloads::Operator;
using workloads::TensorId;

Core core(std::int64_t cols, std::int64_t lanes) {
  Core c;
  c.name = "npu";
  c.array.rows = 8;
  c.array.cols = cols;
  c.array.precision = {"int8", 8, false};
  c.vector_lanes = lanes;
  return c;
}

struct Builder {
  Graph graph{"g"};
  TensorId tensor(std::vector<std::int64_t> shape, bool constant = false, workloads::DType dtype = workloads::DType::f32) {
    workloads::Tensor t;
    t.name = "t" + std::to_string(graph.tensor_count());
    t.shape = std::move(shape);
    t.constant = constant;
    t.dtype = dtype;
    return graph.add_tensor(t);
  }
  Operator op(const std::string& name, OpClass op_class, std::vector<TensorId> in, std::vector<TensorId> out) {
    Operator o;
    o.name = name;
    o.type = name;
    o.op_class = op_class;
    o.inputs = std::move(in);
    o.outputs = std::move(out);
    return o;
  }
  void finish(std::vector<TensorId> in, std::vector<TensorId> out) {
    graph.set_inputs(std::move(in));
    graph.set_outputs(std::move(out));
    auto done = graph.finish();
    ASSERT_TRUE(done) << done.error().text();
  }
};

/// x -> conv (bias) -> relu -> relu2 -> output, with pooling beside.
struct Chain : Builder {
  TensorId x, y, z, out;
  explicit Chain(bool y_is_output = false) {
    x = tensor({1, 4, 6, 6});
    const TensorId w = tensor({8, 2, 3, 3}, true), b = tensor({8}, true);
    y = tensor({1, 8, 4, 4});
    z = tensor({1, 8, 4, 4});
    out = tensor({1, 8, 4, 4});
    Operator conv = op("conv", OpClass::convolution, {x, w, b}, {y});
    workloads::Convolution c;
    c.groups = 2;
    c.in_channels = 4;
    c.out_channels = 8;
    c.in = {6, 6};
    c.out = {4, 4};
    c.kernel = {3, 3};
    conv.conv = c;
    graph.add_operator(conv);
    Operator relu = op("relu", OpClass::elementwise, {y}, {z});
    relu.fusible = true;
    relu.vector_ops = 128;
    graph.add_operator(relu);
    Operator second = op("relu2", OpClass::elementwise, {z}, {out});
    second.fusible = true;
    second.vector_ops = 128;
    graph.add_operator(second);
    finish({x}, y_is_output ? std::vector<TensorId>{y, out} : std::vector<TensorId>{out});
  }
};

TEST(Lowering, ConvolutionAndWhatRidesAlong) {
  Chain chain;
  auto lowered = lower(chain.graph, core(16, 16));
  ASSERT_TRUE(lowered) << lowered.error().text();
  ASSERT_EQ(lowered->size(), 3u);
  const LoweredOperator& conv = (*lowered)[0];
  ASSERT_EQ(conv.steps.size(), 1u);
  const ArrayWork& work = *conv.steps[0].array;
  EXPECT_EQ(work.size(Dim::g), 2);
  EXPECT_EQ(work.size(Dim::m), 16);
  EXPECT_EQ(work.size(Dim::n), 4);
  EXPECT_EQ(work.size(Dim::k), 18);
  EXPECT_EQ(work.macs(), conv.macs);
  EXPECT_TRUE(work.window);
  EXPECT_EQ(conv.fused, (std::vector<std::string>{"relu", "relu2"}));
  EXPECT_EQ(conv.fused_vector_ops, 128 + 128 + 128);  // bias, and both
  EXPECT_TRUE((*lowered)[1].is_fused && (*lowered)[2].is_fused);
  EXPECT_TRUE((*lowered)[1].steps.empty());
}

TEST(Lowering, NoRidingOnNarrowUnitsOrGraphOutputs) {
  Chain chain;
  auto narrow = lower(chain.graph, core(16, 15));
  ASSERT_TRUE(narrow);
  EXPECT_FALSE((*narrow)[1].is_fused);
  EXPECT_EQ((*narrow)[1].steps.at(0).vector.ops, 128);
  EXPECT_EQ((*narrow)[1].steps.at(0).vector.in_elements, 128);
  Chain seen(true);
  auto output = lower(seen.graph, core(16, 16));
  ASSERT_TRUE(output);
  EXPECT_FALSE((*output)[1].is_fused);
}

TEST(Lowering, VectorWorkNeedsAVectorUnit) {
  Chain chain;
  auto none = lower(chain.graph, core(16, 0));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind(), ErrorKind::unsupported);
  ASSERT_EQ(none.error().problems().size(), 2u);
  EXPECT_EQ(none.error().problems()[0].text(),
            "g: operator \"relu\" (relu): core \"npu\" has no vector unit; give it \"vector\": {\"lanes\": N}");
}

TEST(Lowering, AttentionStacksHeadsThatShareKeys) {
  Builder b;
  const TensorId q = b.tensor({2, 8, 5, 16}), k = b.tensor({2, 4, 9, 16}), v = b.tensor({2, 4, 9, 16}),
                 out = b.tensor({2, 8, 5, 16});
  Operator op = b.op("att", OpClass::attention, {q, k, v}, {out});
  op.attention = workloads::Attention{2, 8, 4, 5, 9, 16, false};
  b.graph.add_operator(op);
  b.finish({q, k, v}, {out});
  auto lowered = lower(b.graph, core(8, 8));
  ASSERT_TRUE(lowered) << lowered.error().text();
  const auto& steps = (*lowered)[0].steps;
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].label, "att.qk");
  EXPECT_EQ(steps[1].label, "att.softmax");
  EXPECT_EQ(steps[2].label, "att.av");
  const ArrayWork& qk = *steps[0].array;
  EXPECT_EQ(qk.size(Dim::g), 8);   // 2 images x 4 key heads
  EXPECT_EQ(qk.size(Dim::m), 10);  // 5 queries of 2 heads
  EXPECT_EQ(qk.size(Dim::n), 9);
  EXPECT_EQ(qk.size(Dim::k), 16);
  EXPECT_EQ(steps[2].array->size(Dim::k), 9);
  EXPECT_EQ(qk.macs() + steps[2].array->macs(), op.macs());
  EXPECT_EQ(steps[1].vector.in_elements, 2 * 8 * 5 * 9);
  EXPECT_EQ(steps[1].vector.ops, softmax_ops_per_score * 2 * 8 * 5 * 9);
}

TEST(Lowering, TransposedConvolutionGivesProductsThenAddsThemUp) {
  Builder b;
  const TensorId x = b.tensor({1, 4, 5, 5}), w = b.tensor({4, 6, 3, 3}, true), y = b.tensor({1, 6, 11, 11});
  Operator op = b.op("up", OpClass::convolution, {x, w}, {y});
  workloads::Convolution c;
  c.in_channels = 4;
  c.out_channels = 6;
  c.in = {5, 5};
  c.out = {11, 11};
  c.kernel = {3, 3};
  c.stride = {2, 2};
  c.transposed = true;
  op.conv = c;
  b.graph.add_operator(op);
  b.finish({x}, {y});
  auto lowered = lower(b.graph, core(8, 8));
  ASSERT_TRUE(lowered);
  const auto& steps = (*lowered)[0].steps;
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].array->size(Dim::m), 25);
  EXPECT_EQ(steps[0].array->size(Dim::n), 54);
  EXPECT_EQ(steps[0].array->size(Dim::k), 4);
  EXPECT_FALSE(steps[0].array->window);
  EXPECT_EQ(steps[0].array->macs(), op.macs());
  EXPECT_EQ(steps[1].label, "up.col2im");
  EXPECT_EQ(steps[1].vector.ops, 25 * 54);
  EXPECT_EQ(steps[1].vector.out_elements, 6 * 121);
}

TEST(Lowering, MovementsViewsAndLookups) {
  Builder b;
  const TensorId x = b.tensor({10, 10}), starts = b.tensor({2}, true, workloads::DType::i64), cut = b.tensor({3, 10});
  const TensorId flat = b.tensor({30}), table = b.tensor({1000, 8}, true), rows = b.tensor({30, 8});
  b.graph.add_operator(b.op("slice", OpClass::movement, {x, starts}, {cut}));
  b.graph.add_operator(b.op("reshape", OpClass::view, {cut}, {flat}));
  b.graph.add_operator(b.op("gather", OpClass::embedding, {table, flat}, {rows}));
  b.finish({x}, {rows});
  auto lowered = lower(b.graph, core(8, 1));
  ASSERT_TRUE(lowered) << lowered.error().text();
  EXPECT_EQ((*lowered)[0].steps.at(0).vector.in_elements, 30);
  EXPECT_EQ((*lowered)[0].steps.at(0).vector.out_elements, 30);
  EXPECT_EQ((*lowered)[0].steps.at(0).vector.ops, 0);
  EXPECT_TRUE((*lowered)[1].steps.empty());
  EXPECT_FALSE((*lowered)[1].is_fused);
  EXPECT_EQ((*lowered)[2].steps.at(0).vector.in_elements, 240 + 30);  // not the table's 8000
}

TEST(Lowering, TooBigIsRefused) {
  Builder b;
  const TensorId x = b.tensor({std::int64_t{1} << 25, std::int64_t{1} << 24}),
                 y = b.tensor({std::int64_t{1} << 25, std::int64_t{1} << 24});
  Operator op = b.op("relu", OpClass::elementwise, {x}, {y});
  op.vector_ops = 1;
  b.graph.add_operator(op);
  b.finish({x}, {y});
  auto lowered = lower(b.graph, core(8, 8));
  ASSERT_FALSE(lowered);
  EXPECT_NE(lowered.error().text().find("562949953421312 elements; no more than 2^48"), std::string::npos)
      << lowered.error().text();
}

// Weights 8*2*3*3 + 8 = 152 throughout; x 144, y 128, z 128: the largest time is conv (x and y) against relu (y and z).
TEST(Lowering, PeakMemoryByHand) {
  Chain chain;
  EXPECT_EQ(peak_memory_bytes(chain.graph, {"int8", 8, false}), 152 + 144 + 128);
  EXPECT_EQ(peak_memory_bytes(chain.graph, {"int16", 16, false}), 2 * (152 + 144 + 128));
  Builder b;
  const TensorId x = b.tensor({100}), v = b.tensor({10, 10}), y = b.tensor({100}), z = b.tensor({10});
  b.graph.add_operator(b.op("view", OpClass::view, {x}, {v}));
  b.graph.add_operator(b.op("relu", OpClass::elementwise, {v}, {y}));
  b.graph.add_operator(b.op("sum", OpClass::reduction, {y, v}, {z}));
  b.finish({x}, {z});
  EXPECT_EQ(peak_memory_bytes(b.graph, {"int8", 8, false}), 210);  // the view is x itself, alive until the end
}

TEST(Lowering, RelevanceOfDimensions) {
  const auto letters = [](Operand operand) {
    std::string out;
    for (int d = 0; d < dim_count; ++d) {
      if (relevant(operand, static_cast<Dim>(d))) out += letter(static_cast<Dim>(d));
    }
    return out;
  };
  EXPECT_EQ(letters(Operand::ifmap), "gmk");
  EXPECT_EQ(letters(Operand::filter), "gnk");
  EXPECT_EQ(letters(Operand::ofmap), "gmn");
}

}  // namespace
}  // namespace gnomon::arch
