// Networks of layers that get stuck because their RTL is broken on purpose: which stream is blocked, what is full and what empty, and waves.
#include <gtest/gtest.h>

#include <filesystem>

#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

TEST(Standing, ABrokenHandshakeNamesTheBlockedStream) {
  Network network;
  network.name = "pipes";
  network.io = "io_stream";
  network.precision_bits = 4;
  network.height = network.width = 3;
  network.channels = 1;
  network.layers = {{.type = "conv2d", .size = 2, .kernel = 2}, {.type = "flatten"}, {.type = "dense", .size = 2, .reuse_factor = 4}};
  const Rtl sound = *emit_network(network);
  EXPECT_EQ(sound.text.find("status"), std::string::npos) << "what users and synthesis get tells nothing";
  // Stages: 0 window, 1 product, 2 stream register, 3 flatten, 4 stream register, 5 dense. Nine pixels an image, four of the convolution, one vector; three images.
  const struct {
    const char *from, *to;
    std::vector<const char*> words;
  } cases[] = {
      // A stream register is never ready.
      {"assign s4_en = ", "assign s4_en = 1'b0 && ",
       {"out gave 0 of 3", "blocked: the full stream from layer 1 (flatten) to the stream register before layer 2 (dense)", "takes nothing although its output is free; it took 0 of 3 beats and gave 0 of 3",
        "full: from port in to the window of layer 0 (conv2d), ", "empty: from the stream register before layer 2 (dense) to layer 2 (dense), from layer 2 (dense) to port out"}},
      // The dense layer takes a vector and never comes to its last step.
      {"wire s5_last = ", "wire s5_last = 1'b0 && ", {"blocked: the full stream from the stream register before layer 2 (dense) to layer 2 (dense)", "it took 1 of 3 beats and gave 0 of 3"}},
      // What the convolution gives does not arrive.
      {"assign s2_in_valid = s1_out_valid", "assign s2_in_valid = 1'b0",
       {"in took 27 of 27", "blocked: the stream from layer 0 (conv2d) to the stream register before layer 1 (flatten): one gave 12 beats, the other took 0"}},
      // The convolution swallows its windows.
      {"assign s1_out_valid = ", "assign s1_out_valid = 1'b0 && ", {"in took 27 of 27", "blocked: the empty stream from layer 0 (conv2d)", "layer 0 (conv2d) took 12 of 12 beats and gave 0 of 12"}},
      // The first stage takes nothing.
      {"assign s0_in_ready = ", "assign s0_in_ready = 1'b0 && ", {"in took 0 of 27 beats and takes none", "blocked: the full stream from port in to the window of layer 0 (conv2d)"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.from);
    Rtl broken = sound;
    const std::size_t at = broken.text.find(c.from);
    ASSERT_NE(at, std::string::npos);
    broken.text.replace(at, std::string(c.from).size(), c.to);
    CosimOptions options;
    options.worker = {GNOMON_COSIM_WORKER};
    options.artifacts = fs::path(GNOMON_BINARY_DIR) / "hls-test-standing";
    fs::remove_all(options.artifacts);
    auto run = cosimulate_layers(network, options, broken);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind(), ErrorKind::run_failed);
    const std::string text = run.error().text();
    EXPECT_NE(text.find("the RTL of network \"pipes\" does not come to its end: no handshake at a port since cycle "), std::string::npos) << text;
    for (const char* word : c.words) EXPECT_NE(text.find(word), std::string::npos) << text << "\nlacks " << word;
    EXPECT_GT(fs::file_size(options.artifacts / "mismatch.fst"), 100u) << text;
  }
}

}  // namespace
}  // namespace gnomon::hls
