// Layers as hls4ml makes them: RTL in Verilator against the golden model (written from the definition, on integers) and against the timing
// model (control stepped without data), random networks of every kind, with and without stalls.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cosim/build.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/dataset_networks.hpp"
#include "mixed_network.hpp"
#include "synth/yosys.hpp"
#include "vendor_types.hpp"

namespace gnomon::hls {
namespace {

TEST(Layers, RandomNetworksInVerilator) {
  const int count = std::getenv("GNOMON_LONG") != nullptr ? 200 : 14;
  const std::uint64_t seed = 20;
  std::int64_t stalled = 0;
  for (int i = 0; i < count; ++i) {
    const Network network = small_network(derive(seed, static_cast<std::uint64_t>(i)), i);
    CosimOptions options;
    options.seed = static_cast<std::uint64_t>(i) + 1;
    options.worker = {GNOMON_COSIM_WORKER};
    for (const double stall : {0.0, 0.3}) {
      options.stall = stall;
      auto result = cosimulate_network(network, options, 3);
      ASSERT_TRUE(result) << result.error().text() << "\nseed " << seed << ", network " << i;
      EXPECT_EQ(result->mismatches, 0) << result->first_mismatch << "\nseed " << seed << ", network " << i << ", stall " << stall;
      EXPECT_EQ(result->rtl_cycles, result->model_cycles) << "seed " << seed << ", network " << i << ", stall " << stall;
      if (stall > 0) stalled += result->rtl_cycles;
    }
  }
  EXPECT_GT(stalled, 0);
}

// Operands of products that need more bits than the product: two-bit words without sign against weights of which some are a sign alone.
TEST(Layers, NarrowestNetworkInVerilator) {
  Network network;
  network.precision_bits = 2;
  network.reuse_factor = 8;
  network.channels = 7;
  for (const std::int64_t size : {12, 16, 12}) network.layers.push_back({.size = size, .activation = "relu"});
  network.layers.push_back({.size = 2, .activation = "softmax"});
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{2176323392371279}}) {
    network.weight_seed = seed;
    CosimOptions options;
    options.worker = {GNOMON_COSIM_WORKER};
    auto result = cosimulate_network(network, options, 3);
    ASSERT_TRUE(result) << result.error().text() << "\nweight seed " << seed;
    EXPECT_EQ(result->mismatches, 0) << result->first_mismatch;
    EXPECT_EQ(result->rtl_cycles, result->model_cycles);
  }
}

// The emitted C++, compiled with the stand-ins for the vendor's types, against the golden model.
TEST(Layers, EmittedCppEqualsTheGoldenModel) {
  const std::uint64_t seed = 21;
  const int count = std::getenv("GNOMON_LONG") != nullptr ? 150 : 21;
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) networks.push_back(small_network(derive(seed, static_cast<std::uint64_t>(i)), i));
  for (int i = 0; i < count; ++i) networks.push_back(mixed_network(derive(derive(seed, "mixed"), static_cast<std::uint64_t>(i)), i));
  // Results and activations without fraction bits: truncation goes downward, in vendors' integers toward zero.
  Network whole;
  whole.precision_bits = 0;
  whole.precision = NetworkPrecision{.fallback = "ap_fixed<8,3>"};
  whole.channels = 6;
  for (const char* type : {"ap_fixed<5,5>", "ap_fixed<4,4>"}) whole.layers.push_back({.type = "dense", .size = 8, .activation = "linear", .precision = LayerPrecision{.result = type}});
  networks.push_back(whole);
  for (const char* name : {"conv_stream", "jet_tagger", "jet_pruned", "small_cnn"}) {
    auto document = Document::load(std::string(GNOMON_SOURCE_DIR) + "/examples/networks/" + name + ".json");
    ASSERT_TRUE(document);
    networks.push_back(*read_network(*document));
  }
  std::string text = "#include <ap_fixed.h>\n#include <ap_int.h>\n#include <hls_stream.h>\n#include <cstdio>\n" + std::string(stored_bits), calls;
  std::vector<std::vector<std::int64_t>> expected;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const Network& network = networks[i];
    auto emitted = emit_network_cpp(network);
    ASSERT_TRUE(emitted) << emitted.error().text();
    const auto shapes = *network_shapes(network);
    Random random(derive(derive(seed, "inputs"), i));
    const NumberType& type = shapes.front().types.in;
    const std::int64_t pixels = network.height * network.width;
    std::vector<std::int64_t> inputs(static_cast<std::size_t>(pixels * network.channels));
    for (std::int64_t& x : inputs) x = random.integer(static_cast<std::int64_t>(type.lowest()), static_cast<std::int64_t>(type.highest()));
    expected.push_back(evaluate(network, shapes, inputs));
    std::string values;
    for (const std::int64_t x : inputs) values += std::to_string(x) + ", ";
    const std::string channels = std::to_string(network.channels), outputs = std::to_string(shapes.back().channels);
    const bool vectors = emitted->find("void gnomon_network(const value_t in[") != std::string::npos;
    text += "namespace n" + std::to_string(i) + " {\n" + *emitted + "static void call() {\n  static const long long values[] = {" + values + "};\n";
    if (vectors)
      text += "  value_t x[" + channels + "];\n  for (int i = 0; i < " + channels + "; ++i) test_set(x[i], values[i]);\n  auto run = [&](auto f, auto* y) { f(x, y); for (int j = 0; j < " + outputs +
              "; ++j) std::printf(\"%lld \", test_bits(y[j])); };\n  call_with(run, gnomon_network);\n";
    else
      text += "  hls::stream<gnomon_vector<value_t, " + channels + "> > in(\"in\");\n  for (int p = 0; p < " + std::to_string(pixels) + "; ++p) {\n    gnomon_vector<value_t, " + channels +
              "> x;\n    for (int c = 0; c < " + channels + "; ++c) test_set(x.v[c], values[p * " + channels + " + c]);\n    in.write(x);\n  }\n  stream_with(in, gnomon_network);\n";
    text += "  std::printf(\"\\n\");\n}\n}\n";
    calls += "  n" + std::to_string(i) + "::call();\n";
  }
  // The outputs' type follows from the function's.
  const std::string with =
      "template <class Run, class In, class T> void call_with(Run run, void (*f)(In, T*)) { static T y[4096]; run(f, y); }\n"
      "template <class In, class V> void stream_with(hls::stream<In>& in, void (*f)(hls::stream<In>&, hls::stream<V>&)) {\n  hls::stream<V> out(\"out\");\n  f(in, out);\n"
      "  while (!out.empty()) { V y = out.read(); for (auto& e : y.v) std::printf(\"%lld \", test_bits(e)); }\n}\n";
  text.insert(text.find("namespace n0"), with);
  text += "int main() {\n" + calls + "}\n";
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  ASSERT_TRUE(write_file(folder->path() / "networks.cpp", text));
  auto built = run_process({"g++", "-std=c++17", "-O0", "-w", "-fsanitize=address,undefined", "-fno-sanitize=shift", "-I", vendor_headers(), (folder->path() / "networks.cpp").string(), "-o",
                            (folder->path() / "networks").string()});
  ASSERT_TRUE(built && built->exit_status == 0) << (built ? built->err.substr(0, 3000) : built.error().text());
  auto ran = run_process({(folder->path() / "networks").string()}, {.wall_seconds = 300});
  ASSERT_TRUE(ran && ran->exit_status == 0) << (ran ? ran->err.substr(0, 2000) : ran.error().text());
  std::istringstream lines(ran->out);
  for (std::size_t i = 0; i < networks.size(); ++i) {
    std::string line;
    std::getline(lines, line);
    std::istringstream words(line);
    std::vector<std::int64_t> got;
    for (std::int64_t v = 0; words >> v;) got.push_back(v);
    EXPECT_EQ(got, expected[i]) << "seed " << seed << ", network " << i << ": " << write_network(networks[i]).dump();
  }
}

Network two_dense(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs, std::int64_t reuse) {
  Network network;
  network.channels = inputs;
  network.layers = {{.type = "dense", .size = hidden, .activation = "relu", .reuse_factor = reuse}, {.type = "dense", .size = outputs, .reuse_factor = reuse}};
  return network;
}

// What is counted block by block against one run over the whole.
TEST(Layers, ComposedAgainstFlat) {
  if (auto version = yosys_version(); !version) GTEST_SKIP() << version.error().text();
  std::vector<Network> networks{two_dense(6, 4, 3, 2), two_dense(8, 4, 2, 8), two_dense(4, 6, 4, 1)};
  if (std::getenv("GNOMON_LONG") != nullptr) {
    networks.clear();
    for (int i = 0; i < 60; ++i) networks.push_back(small_network(derive(std::uint64_t{31}, static_cast<std::uint64_t>(i)), i));
  }
  const auto count = static_cast<int>(networks.size());
  std::vector<double> lut, ff;
  for (int i = 0; i < count; ++i) {
    const Network& network = networks[static_cast<std::size_t>(i)];
    SynthOptions options;
    auto composed = synthesise(network, options);
    options.flat = true;
    auto flat = synthesise(network, options);
    ASSERT_TRUE(composed && flat) << (composed ? flat.error().text() : composed.error().text());
    EXPECT_EQ(*composed->total.dsp, *flat->total.dsp) << "network " << i;
    EXPECT_EQ(*composed->total.bram, *flat->total.bram) << "network " << i;
    lut.push_back(std::abs(*composed->total.lut / *flat->total.lut - 1));
    ff.push_back(std::abs(*composed->total.ff / *flat->total.ff - 1));
    RecordProperty("network_" + std::to_string(i), std::to_string(lut.back()) + " " + std::to_string(ff.back()));
  }
  for (auto* differences : {&lut, &ff}) {
    std::nth_element(differences->begin(), differences->begin() + count / 2, differences->end());
    EXPECT_LE((*differences)[static_cast<std::size_t>(count / 2)], 0.05);
  }
}

// For standard cells, registers and adders are blocks too, and tables behind memories are bits without area.
TEST(Layers, AreaComposedAgainstFlat) {
  if (!osu018_liberty()) GTEST_SKIP() << "no OSU 0.18 um library here";
  SynthOptions options;
  options.target = "osu018";
  auto composed = synthesise(two_dense(8, 4, 2, 8), options);
  ASSERT_TRUE(composed) << composed.error().text();
  options.flat = true;
  auto flat = synthesise(two_dense(8, 4, 2, 8), options);
  ASSERT_TRUE(flat) << flat.error().text();
  EXPECT_FALSE(composed->total.lut);
  EXPECT_EQ(composed->sram_bits, 0);
  EXPECT_NEAR(*composed->total.area_um2 / *flat->total.area_um2, 1, 0.08);
  EXPECT_NEAR(*composed->total.ff / *flat->total.ff, 1, 0.03);
}

// Two processes on one empty cache, with equal blocks in different runs, after a third one that was killed in the middle of a line. Truth: each other, a run
// afterwards that has all from the cache, and the lines themselves.
TEST(Layers, TwoProcessesShareACache) {
  if (!osu018_liberty()) GTEST_SKIP() << "no OSU 0.18 um library here";
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder) << folder.error().text();
  SynthOptions options;
  options.target = "osu018";
  options.jobs = 1;
  options.cache = folder->path() / "cache";
  const std::vector<Network> networks{two_dense(6, 4, 3, 2), two_dense(4, 6, 4, 1), two_dense(8, 4, 2, 8)};
  auto version = yosys_version();
  ASSERT_TRUE(version) << version.error().text();
  std::string name = "blocks-3-" + *version + "-osu018.txt";
  std::replace(name.begin(), name.end(), ' ', '-');
  std::filesystem::create_directories(options.cache);
  const std::filesystem::path store = options.cache / name;
  ASSERT_TRUE(write_file(store, "0123456789abcdef0123456789abcdef - 8 - - 100 1"));
  const auto labels = [&](bool backwards) {
    std::string out;
    for (std::size_t i = 0; i < networks.size(); ++i) {
      const std::size_t which = backwards ? networks.size() - 1 - i : i;
      auto result = synthesise(networks[which], options);
      const std::string line = result ? number(*result->total.area_um2) + " " + number(*result->total.ff) + " " + std::to_string(result->total.cell_count) + "\n" : result.error().text();
      out = backwards ? line + out : out + line;
    }
    return out;
  };
  std::vector<pid_t> children;
  for (const bool backwards : {false, true}) {
    children.push_back(::fork());
    ASSERT_GE(children.back(), 0);
    if (children.back() == 0) ::_exit(write_file(folder->path() / (backwards ? "backwards" : "forwards"), labels(backwards)) ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const std::string forwards = read_file(folder->path() / "forwards").value_or("nothing"), backwards = read_file(folder->path() / "backwards").value_or("nothing either");
  EXPECT_EQ(forwards, backwards);
  const std::string before = read_file(store).value_or("");
  EXPECT_EQ(labels(false), forwards);
  EXPECT_EQ(read_file(store).value_or("gone"), before) << "all blocks were known";
  std::istringstream lines(before);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(line, "0123456789abcdef0123456789abcdef - 8 - - 100 1 cut");
  std::set<std::string> hashes;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
    ASSERT_EQ(all.size(), 7U) << line;
    EXPECT_EQ(all[0].size(), 32U) << line;
    EXPECT_TRUE(hashes.insert(all[0]).second) << line;
  }
  EXPECT_GT(hashes.size(), 10U);
}

// A block's figures are its own, whatever else is synthesised: the same labels from an empty cache for each network, and from one cache for all, in another order
// and two at a time. Truth: each other.
TEST(Layers, LabelsDoNotDependOnTheCache) {
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder) << folder.error().text();
  std::vector<std::string> targets{"xcup"};
  if (osu018_liberty()) targets.push_back("osu018");
  for (const std::string& target : targets) {
    std::vector<Network> networks{two_dense(6, 4, 3, 2), target == "xcup" ? two_dense(4, 2, 2, 1) : two_dense(4, 6, 4, 1)};
    if (target == "osu018") networks[1].layers[1].activation = "softmax";  // 61 blocks, which would differ in one run
    SynthOptions options;
    options.target = target;
    options.timing = false;
    const auto labels = [&](const Network& network) {
      auto result = synthesise(network, options);
      EXPECT_TRUE(result) << result.error().text();
      std::string text;
      if (!result) return text;
      for (const SynthBlock& block : result->blocks)
        text += block.module + " " + number(block.each.lut.value_or(0)) + " " + number(block.each.ff.value_or(0)) + " " + number(block.each.area_um2.value_or(0)) + " " + std::to_string(block.each.cell_count) + "\n";
      return text;
    };
    std::vector<std::string> alone;
    for (std::size_t i = 0; i < networks.size(); ++i) {
      options.cache = folder->path() / (target + std::to_string(i));
      options.jobs = 1;
      alone.push_back(labels(networks[i]));
      EXPECT_NE(alone.back(), "");
    }
    options.cache = folder->path() / target;
    options.jobs = 2;
    for (std::size_t i = networks.size(); i-- > 0;) EXPECT_EQ(labels(networks[i]), alone[i]) << target;
  }
}

// For ice40 as for standard cells, with memories; the clock is that of the whole network on the part, however its figures came about.
TEST(Layers, ComposedForIce40) {
  if (auto version = yosys_version(); !version) GTEST_SKIP() << version.error().text();
  SynthOptions options;
  options.target = "ice40";
  auto composed = synthesise(two_dense(4, 4, 2, 4), options);
  ASSERT_TRUE(composed) << composed.error().text();
  options.flat = true;
  auto flat = synthesise(two_dense(4, 4, 2, 4), options);
  ASSERT_TRUE(flat) << flat.error().text();
  EXPECT_EQ(composed->mode, "composed");
  EXPECT_EQ(composed->total.dsp, flat->total.dsp);
  EXPECT_EQ(composed->total.bram, flat->total.bram);
  EXPECT_NEAR(*composed->total.lut / *flat->total.lut, 1, 0.15);
  EXPECT_NEAR(*composed->total.ff / *flat->total.ff, 1, 0.05);
  EXPECT_EQ(composed->fmax_mhz, flat->fmax_mhz);
  const bool placed = composed->fmax_mhz.has_value();
  EXPECT_EQ(placed, !find_program("nextpnr-ice40").empty()) << join(composed->notes, "; ");
}

// Reuse factors as hls4ml allows them: of the divisors of n_in x n_out, those that share a multiplier evenly.
TEST(Layers, ReuseFactors) {
  for (const auto& [n_in, n_out] : std::vector<std::pair<std::int64_t, std::int64_t>>{{16, 5}, {12, 8}, {7, 7}, {1, 6}, {36, 36}}) {
    std::vector<std::int64_t> expected;
    for (std::int64_t rf = 1; rf <= n_in * n_out; ++rf) {
      const std::int64_t limit = (n_in * n_out + std::min(n_in, rf) - 1) / std::min(n_in, rf);
      if ((limit % n_out == 0 || rf >= n_in) && (rf % n_in == 0 || rf < n_in) && n_in * n_out % rf == 0) expected.push_back(rf);
    }
    EXPECT_EQ(valid_reuse_factors(n_in, n_out), expected) << n_in << " x " << n_out;
  }
}

// Cycles in closed form: a dense layer with io_parallel takes its reuse factor, the levels of its adder tree, and three registers.
TEST(Layers, CyclesOfADenseLayer) {
  for (const auto& [n_in, n_out, reuse] : std::vector<std::array<std::int64_t, 3>>{{16, 8, 4}, {16, 8, 16}, {16, 8, 64}, {24, 6, 2}, {9, 3, 3}}) {
    Network network;
    network.channels = n_in;
    network.layers = {{.type = "dense", .size = n_out, .activation = "relu", .reuse_factor = reuse}};
    auto cycles = network_cycles(network);
    ASSERT_TRUE(cycles);
    std::int64_t tree = 0;
    while ((std::int64_t{1} << tree) < n_in / std::min(n_in, reuse)) ++tree;
    EXPECT_EQ(cycles->cycles, reuse + tree + 3 + 1);
    EXPECT_EQ(cycles->ii, reuse);
  }
}

// A trained layer by hand: 8 bits, so weights stand for w / 128 and results are truncated to 1/128; half of the first input less the second, and its opposite, with biases.
TEST(Layers, GivenWeights) {
  Network network;
  network.precision_bits = 8;
  network.channels = 2;
  network.layers = {{.type = "dense", .size = 2}};
  network.layers[0].weights = std::vector<std::int64_t>{64, -64, -128, 127};  // input 0 to both neurons, input 1 to both
  network.layers[0].biases = std::vector<std::int64_t>{10, -3};
  const auto shapes = network_shapes(network);
  ASSERT_TRUE(shapes) << shapes.error().text();
  // floor((64 * 100 - 128 * 30) / 128) + 10 = 20 + 10; floor((-64 * 100 + 127 * 30 - 3 * 128) / 128) = floor(-23.23)
  EXPECT_EQ(evaluate(network, *shapes, {100, 30}), (std::vector<std::int64_t>{30, -24}));
  for (const char* strategy : {"latency", "resource"})
    for (const std::int64_t reuse : {1, 2, 4}) {
      network.strategy = strategy;
      network.reuse_factor = reuse;
      CosimOptions options;
      options.worker = {GNOMON_COSIM_WORKER};
      auto result = cosimulate_network(network, options, 3);
      ASSERT_TRUE(result) << result.error().text();
      EXPECT_EQ(result->mismatches, 0) << result->first_mismatch << "; " << strategy << ", reuse factor " << reuse;
    }
  // The file says them, and networks without them are written as ever.
  const auto again = read_network(*Document::parse(write_network(network).dump(), "network"));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->layers, network.layers);
  Network drawn = network;
  drawn.layers[0].weights.reset();
  drawn.layers[0].biases.reset();
  EXPECT_EQ(write_network(drawn).dump().find("weights"), std::string::npos);

  const auto refused = [&](std::vector<std::int64_t> weights, std::vector<std::int64_t> biases) {
    network.layers[0].weights = std::move(weights);
    network.layers[0].biases = std::move(biases);
    const auto sound = network_shapes(network);
    return sound ? std::string("accepted") : sound.error().text();
  };
  EXPECT_EQ(refused({1, 2, 3}, {0, 0}), "/layers/0/weights: 3 are given; the layer has 2 x 2");
  EXPECT_EQ(refused({1, 2, 3, 128}, {0, 0}), "/layers/0/weights: number 3 is 128; -128 to 127 is allowed (8 bits)");
  EXPECT_EQ(refused({1, 2, 3, 4}, {0}), "/layers/0/biases: 1 are given; the layer has 2");
  EXPECT_EQ(refused({1, 2, 0, 0}, {0, 0}), "accepted") << "a pruned input";
}

}  // namespace
}  // namespace gnomon::hls
