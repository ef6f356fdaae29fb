#include <cstdlib>
#include <gtest/gtest.h>

#include "gnomon/workloads/load.hpp"

namespace gnomon::workloads {
namespace {

const std::string conv_header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n";
const std::string gemm_header = "Layer,M,N,K,\n";

std::shared_ptr<const Graph> read(const std::string& text, const LoadOptions& options = {}) {
  auto graph = parse(text, "csv", "t.csv", options);
  EXPECT_TRUE(graph) << graph.error().text();
  return graph ? *graph : nullptr;
}

std::string refusal(const std::string& text) {
  const auto graph = parse(text, "csv", "t.csv");
  if (graph) return "accepted";
  EXPECT_EQ(graph.error().kind(), ErrorKind::invalid_input);
  return graph.error().text();
}

// Output sizes are ceil((H - Kh + stride) / stride), without padding, as the format's own tool has them.
TEST(Topology, Convolution_RoundsItsOutputUp) {
  const auto graph = read(conv_header + "Conv1,224,220,7,5,3,64,2,\nFC,1,1,1,1,512,1000,1,");
  ASSERT_EQ(graph->operator_count(), 2u);
  const Convolution& conv = *graph->op(0).conv;
  EXPECT_EQ(conv.out, (std::array<std::int64_t, 2>{110, 109}));
  EXPECT_EQ(conv.macs(), 110 * 109 * 64 * 3 * 7 * 5);
  // The geometry holds together: the last window ends where input and padding end.
  for (int axis = 0; axis < 2; ++axis) EXPECT_EQ((conv.out[axis] - 1) * 2 + conv.kernel[axis], conv.in[axis] + conv.pad_end[axis]);
  EXPECT_EQ(graph->op(1).conv->macs(), 512'000);
  EXPECT_EQ(graph->weight_elements(), 7 * 5 * 3 * 64 + 512'000);
  EXPECT_EQ(boost::num_edges(graph->boost_graph()), 0u) << "layers of a topology do not feed each other";
}

TEST(Topology, Blanks_TrailingCommas_BlankLines_QuotesAndCarriageReturns_AreAllowed) {
  const auto graph = read("\xef\xbb\xbf\"Layer\", m ,N,K,\t\r\n\r\n  a , 3,\t4 , 5 ,,\r\n\"b, c\",1,2,3\r\n,7,8,9,\n,,,\n\n");
  ASSERT_EQ(graph->operator_count(), 3u);
  EXPECT_EQ(graph->op(0).name, "a");
  EXPECT_EQ(graph->op(1).name, "b, c");
  EXPECT_EQ(graph->op(2).name, "line5");
  EXPECT_EQ(graph->macs(), 60 + 6 + 504);
}

TEST(Topology, RepeatedNames_GetNumbers) {
  const auto graph = read(gemm_header + "a,1,1,1\na,1,1,1\n");
  EXPECT_EQ(graph->op(1).name, "a_2");
}

TEST(Topology, Batch_MultipliesImages_OrRows) {
  EXPECT_EQ(read(gemm_header + "a,3,4,5\n", {.batch = 2})->op(0).matmul->m, 6);
  EXPECT_EQ(read(conv_header + "a,8,8,3,3,2,4,1\n", {.batch = 2})->op(0).conv->batch, 2);
}

TEST(Topology, BadFiles_SayWhere) {
  const std::string forms = "`Layer, M, N, K` or `Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides`";
  EXPECT_EQ(refusal(""), "t.csv: the file is empty; a header is needed: " + forms);
  EXPECT_EQ(refusal(" ,,\n\r\n"), "t.csv: the file is empty; a header is needed: " + forms);
  EXPECT_EQ(refusal("a,b\n1,2\n").substr(0, 30), "t.csv:1:1: the header is neith");
  EXPECT_EQ(refusal(gemm_header), "t.csv:1:1: a header without layers");
  EXPECT_EQ(refusal(gemm_header + "a,-3,4,5\nb,1,x,1\n"),
            "t.csv:2:3: \"-3\" is not a whole number from 1 to 2^40\nt.csv:3:5: \"x\" is not a whole number from 1 to 2^40");
  EXPECT_EQ(refusal(gemm_header + "a,0,4,5\n"), "t.csv:2:3: \"0\" is not a whole number from 1 to 2^40");
  EXPECT_EQ(refusal(gemm_header + "a,1.5,4,5\n"), "t.csv:2:3: \"1.5\" is not a whole number from 1 to 2^40");
  EXPECT_EQ(refusal(gemm_header + "a,1,4\n"), "t.csv:2:6: 3 columns; `Layer, M, N, K` needs 4");
  EXPECT_EQ(refusal(gemm_header + "a,1,4,5,1:2\n"), "t.csv:2:9: \"1:2\" is one column too many; `Layer, M, N, K` has 4");
  EXPECT_EQ(refusal(gemm_header + "a,99999999999999999999,4,5\n").substr(0, 11), "t.csv:2:3: ");
  EXPECT_EQ(refusal(conv_header + "a,5,5,6,1,1,1,1\n"), "t.csv:2:7: a filter of 6 is larger than its ifmap of 5; a topology has no padding");
  EXPECT_EQ(refusal(gemm_header + "a,1099511627776,1099511627776,1099511627776\n").substr(0, 48), "t.csv: tensor \"a.A\" of shape [1099511627776, 109");
}

// Facts of the files themselves: number of layers, and MACs by the format's formula, counted apart with awk.
TEST(Topology, RealFiles_Load) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set: the real topologies are not there";
  struct Fact {
    const char* file;
    std::size_t layers;
    std::int64_t macs;
  };
  for (const Fact& fact : {Fact{"Resnet18", 21, 1471181568}, Fact{"alexnet", 5, 805118496}, Fact{"gpt2", 6, 20686307328}, Fact{"mobilenet", 27, 565519488},
                           Fact{"transformer_partial", 6, 807403520}, Fact{"vit_s", 5, 275165184}, Fact{"yolo_tiny", 9, 1753649072}}) {
    const auto graph = load(std::string(data) + "/topologies/" + fact.file + ".csv");
    ASSERT_TRUE(graph) << graph.error().text();
    EXPECT_EQ((*graph)->operator_count(), fact.layers) << fact.file;
    EXPECT_EQ((*graph)->macs(), fact.macs) << fact.file;
    EXPECT_EQ((*graph)->name(), fact.file);
  }
}

}  // namespace
}  // namespace gnomon::workloads
