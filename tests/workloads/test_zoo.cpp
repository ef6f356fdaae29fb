#include <gtest/gtest.h>

#include "gnomon/workloads/load.hpp"

namespace gnomon::workloads {
namespace {

std::shared_ptr<const Graph> loaded(const std::string& reference, const LoadOptions& options = {}) {
  auto graph = load(reference, options);
  EXPECT_TRUE(graph) << graph.error().text();
  return graph ? *graph : nullptr;
}

std::string refusal(const std::string& reference, const LoadOptions& options = {}) {
  const auto graph = load(reference, options);
  return graph ? "accepted" : graph.error().text();
}

/// Parameters as papers and libraries count them: of every batch normalisation folded away, one number a channel is gone (its scale and
/// shift became the convolution's bias); single numbers such as the 1/8 of an attention are no parameters.
std::int64_t published_parameters(const Graph& graph, bool normalised) {
  std::int64_t count = 0;
  for (TensorId id = 0; id < graph.tensor_count(); ++id) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.constant && !tensor.shape.empty()) count += tensor.elements();
  }
  for (OperatorId id = 0; id < graph.operator_count() && normalised; ++id) {
    if (graph.op(id).conv) count += graph.op(id).conv->out_channels;
  }
  return count;
}

struct Published {
  const char* name;
  std::int64_t macs, parameters;
  bool normalised;  ///< has batch normalisation behind every convolution
};

// MACs: the layer tables of the papers, convolutions and matrix products at 224 x 224. Parameters: torchvision's model documentation
// (AlexNet, VGG-16, ResNets, MobileNetV2, ViT-B/16), Keras' count of trainable ones (MobileNetV1), the released checkpoints (BERT, GPT-2).
class PublishedCounts : public testing::TestWithParam<Published> {};

TEST_P(PublishedCounts, MacsAndParameters) {
  const auto graph = loaded(std::string("zoo:") + GetParam().name);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->macs(), GetParam().macs);
  EXPECT_EQ(published_parameters(*graph, GetParam().normalised), GetParam().parameters);
}

// Transformers by formula: 12 layers of tokens x 12 x 768^2 and 2 x tokens x keys x 768.
constexpr std::int64_t blocks(std::int64_t tokens, std::int64_t keys) { return 12 * (tokens * 12 * 768 * 768 + 2 * tokens * keys * 768); }

INSTANTIATE_TEST_SUITE_P(
    Zoo, PublishedCounts,
    testing::Values(Published{"alexnet", 714'188'480, 61'100'840, false}, Published{"vgg16", 15'470'264'320, 138'357'544, false},
                    Published{"resnet18", 1'814'073'344, 11'689'512, true}, Published{"resnet50", 4'089'184'256, 25'557'032, true},
                    Published{"mobilenet_v1", 568'740'352, 4'231'976, true}, Published{"mobilenet_v2", 300'774'272, 3'504'872, true},
                    Published{"bert_base", blocks(128, 128) + 768 * 768, 109'482'240, false},
                    Published{"gpt2_prefill", blocks(1024, 1024) + 1024LL * 768 * 50257, 124'439'808, false},
                    Published{"gpt2_decode", blocks(1, 1024) + 768LL * 50257, 124'439'808, false},
                    Published{"vit_b16", blocks(197, 197) + 196LL * 768 * 768 + 768 * 1000, 86'567'656, false}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Zoo, EveryEntry_Loads_AndNamesItsSource) {
  for (const ZooEntry& entry : zoo_entries()) {
    EXPECT_FALSE(entry.description.empty()) << entry.name;
    EXPECT_FALSE(entry.source.empty()) << entry.name;
    EXPECT_TRUE(loaded("zoo:" + entry.name));
  }
  EXPECT_EQ(zoo_entries().size(), 11u);
}

TEST(Zoo, Batch_MultipliesMacsAndActivations_NotWeights) {
  for (const char* name : {"zoo:resnet18", "zoo:mobilenet_v2", "zoo:bert_base", "zoo:gpt2_decode"}) {
    const auto one = loaded(name), four = loaded(name, {.batch = 4});
    EXPECT_EQ(four->macs(), 4 * one->macs()) << name;
    EXPECT_EQ(four->activation_elements(), 4 * one->activation_elements()) << name;
    EXPECT_EQ(four->weight_elements(), one->weight_elements()) << name;
  }
}

TEST(Zoo, Tokens_AreChosenInTheReference) {
  EXPECT_EQ(loaded("zoo:bert_base?seq=384")->macs(), blocks(384, 384) + 768 * 768);
  EXPECT_EQ(loaded("zoo:gpt2_decode", {.dimensions = {{"seq", 512}}})->macs(), blocks(1, 512) + 768LL * 50257);
  EXPECT_EQ(refusal("zoo:bert_base?seq=513"), "zoo:bert_base: seq 513 is not allowed; 1 to 512");
  EXPECT_EQ(refusal("zoo:bert_base?seq=0"), "zoo:bert_base?seq=0: \"seq=0\" is not a size; write ?NAME=SIZE&NAME=SIZE");
  EXPECT_EQ(refusal("zoo:bert_base?sep=2"), "zoo:bert_base: unknown dimension \"sep\"; did you mean \"seq\"? (allowed: seq)");
  EXPECT_EQ(refusal("zoo:vgg16?seq=2"), "zoo:vgg16: the model has no dimension to choose, \"seq\" was given");
}

TEST(Zoo, UnknownName_NamesTheNearest) {
  const std::string text = "zoo:resnet5: unknown built-in model \"resnet5\"; did you mean \"resnet50\"? (allowed: alexnet, ";
  EXPECT_EQ(refusal("zoo:resnet5").substr(0, text.size()), text);
}

TEST(Zoo, DecodeWritesItsCache_AndReadsThePast) {
  const auto graph = loaded("zoo:gpt2_decode");
  std::size_t caches = 0;
  for (const TensorId id : graph->inputs()) caches += graph->tensor(id).shape == std::vector<std::int64_t>{1, 12, 1023, 64};
  EXPECT_EQ(caches, 24u);
  caches = 0;
  for (const TensorId id : graph->outputs()) caches += graph->tensor(id).shape == std::vector<std::int64_t>{1, 12, 1024, 64};
  EXPECT_EQ(caches, 24u);
}

}  // namespace
}  // namespace gnomon::workloads
