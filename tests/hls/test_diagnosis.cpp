// What is said of RTL that is broken on purpose: place, cycle and loops of the first wrong value, waves around it, and who waits for which stream.
#include <fstream>
#include <regex>

#include "cosim/diagnosis.hpp"
#include "design_case.hpp"
#include "gnomon/hls/kernel_cosim.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

fs::path fresh(const char* name) {
  const fs::path path = fs::path(GNOMON_BINARY_DIR) / "hls-test-diagnosis" / name;
  fs::remove_all(path);
  return path;
}

/// First and last time in an FST file, by its header: block type 0, length, start, end (big-endian 64-bit words).
std::pair<std::int64_t, std::int64_t> span_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  char bytes[25] = {};
  in.read(bytes, sizeof bytes);
  EXPECT_TRUE(in && bytes[0] == 0) << file;
  const auto word = [&](int at) {
    std::int64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value * 256 + static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  return {word(9), word(17)};
}

/// A cycle takes 10 time units; the reset before cycle 0 some more.
void expect_window(const fs::path& file, std::int64_t cycle, std::int64_t reset_cycles) {
  const auto [from, to] = span_of(file);
  const std::int64_t at = 10 * (reset_cycles + cycle) + 5;
  EXPECT_LE(from, at);
  EXPECT_GE(to, at);
  EXPECT_LE(to - from, 10 * (2 * 64 + 1 + (cycle <= 64 ? reset_cycles : 0)));
}

CompiledKernel compiled(const std::string& text) {
  auto document = Document::parse(text, "kernel.json");
  EXPECT_TRUE(document);
  auto kernel = compile(*read_kernel(*document));
  EXPECT_TRUE(kernel) << kernel.error().text();
  return *kernel;
}

CompiledKernel changed(CompiledKernel kernel, const std::string& from, const std::string& to) {
  const std::string text = std::regex_replace(kernel.rtl.text, std::regex(from), to, std::regex_constants::format_first_only);
  EXPECT_NE(text, kernel.rtl.text) << from;
  kernel.rtl.text = text;
  return kernel;
}

// y = A'(A x): y leaves at the end of the run, an element a cycle; its element k is written last in iteration i = 11.
TEST(Diagnosis, AKernelsMismatchHasCycleLoopsAndWaves) {
  const CompiledKernel sound = compiled(*read_file(fs::path(GNOMON_SOURCE_DIR) / "examples" / "kernels" / "atax.json"));
  const CompiledKernel broken = changed(sound, " \\* \\$signed", " + $signed");
  CosimOptions o = options();
  o.artifacts = fresh("kernel");
  o.opening_cycles = 100;
  auto run = cosimulate_kernels({&broken}, o, 1);
  ASSERT_TRUE(run) << run.error().text();
  const KernelCosim& k = run->front();
  ASSERT_TRUE(k.mismatch);
  ASSERT_EQ(k.mismatch->index.size(), 1u);
  const std::int64_t e = k.mismatch->index[0];
  EXPECT_EQ(k.cycle_difference, 0);
  EXPECT_EQ(k.mismatch->cycle, k.rtl_cycles - 12 + e);
  EXPECT_EQ(k.mismatch->loops, (std::vector<std::pair<std::string, std::int64_t>>{{"i", 11}, {"k", e}}));
  EXPECT_NE(k.mismatch->expected, k.mismatch->got);
  EXPECT_EQ(k.mismatch->trace, (o.artifacts / "mismatch.fst").string());
  expect_window(k.mismatch->trace, k.mismatch->cycle, 2);
  const auto [from, to] = span_of(o.artifacts / "opening.fst");
  EXPECT_LE(from, 25);
  EXPECT_EQ(to, 10 * (2 + 100));
  for (const char* name : {"dut.sv", "tb.sv", "vectors.hex"}) EXPECT_TRUE(fs::exists(o.artifacts / name)) << name;
}

TEST(Diagnosis, ABrokenHandshakeNamesWhoWaitsForWhichStream) {
  const CompiledKernel sound = compiled(R"({"version": 1, "name": "pair", "processes": ["scale", "gather"],
      "tensors": [{"name": "x", "kind": "input", "type": "int8", "shape": [16]}, {"name": "y", "kind": "output", "type": "int16", "shape": [16]}],
      "streams": [{"name": "mid", "kind": "local", "type": "int8", "depth": 2}],
      "loops": [{"name": "i", "extent": 16, "in": "", "process": "scale"}, {"name": "j", "extent": 16, "in": "", "process": "gather"}],
      "body": [{"name": "a", "op": "load", "tensor": "x", "index": ["i"], "in": "i"}, {"op": "write", "stream": "mid", "args": ["a"], "in": "i"},
               {"name": "b", "op": "read", "stream": "mid", "in": "j"}, {"name": "c", "op": "add", "type": "int16", "args": ["b", "b"], "in": "j"},
               {"op": "store", "tensor": "y", "index": ["j"], "args": ["c"], "in": "j"}]})");
  EXPECT_EQ(sound.rtl.text.find("status"), std::string::npos) << "what users and synthesis get tells nothing";
  const struct {
    const char *from, *to;
    std::vector<const char*> words;
  } cases[] = {
      {"assign s0_pop = ", "assign s0_pop = 1'b0 && ", {"process \"scale\" waits to write to the full stream \"mid\" (2 of 2)", "process \"gather\" does not run", "full: \"mid\" (2 of 2)"}},
      {"assign s0_push = ", "assign s0_push = 1'b0 && ", {"process \"gather\" waits to read from the empty stream \"mid\"", "empty: \"mid\" (0 of 2)"}},
      {"assign in0_take = ", "assign in0_take = 1'b0 && ", {"y gave 0 of ", "offers none", "process \"scale\" does not run"}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.from);
    const CompiledKernel broken = changed(sound, c.from, c.to);
    CosimOptions o = options();
    o.artifacts = fresh("stuck");
    auto run = cosimulate_compiled(broken, o);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind(), ErrorKind::run_failed);
    const std::string text = run.error().text();
    for (const char* word : c.words) EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_GT(fs::file_size(o.artifacts / "mismatch.fst"), 100u) << text;
  }
}

// PEs that subtract all products but the first.
TEST(Diagnosis, AnArraysMismatchHasWaves) {
  const arch::Design made = design("os", true);
  const auto graph = products("one,20,6,150\n");
  const Rtl sound = *emit_array(*array_parameters(made.cores[0].array));
  CosimRequest request{made, *graph, "", {}, options()};
  request.rtl = mutate(sound, "acc[d][i] + a[at][i]", "acc[d][i] - a[at][i]");
  ASSERT_FALSE(request.rtl->text.empty());
  request.options.artifacts = fresh("array");
  auto run = cosimulate(request);
  ASSERT_TRUE(run) << run.error().text();
  ASSERT_TRUE(run->total.first_mismatch);
  const Mismatch& first = *run->total.first_mismatch;
  EXPECT_EQ(first.m + first.n, 0);
  ASSERT_FALSE(first.trace.empty());
  EXPECT_EQ(fs::path(first.trace).filename(), "mismatch.fst");
  expect_window(first.trace, first.cycle, 4);
  // The step's product for users of vendor tools.
  EXPECT_NE(read_file(fs::path(first.trace).parent_path() / "product.cpp")->find("kernel_product"), std::string::npos);
}

TEST(Diagnosis, ADesignsMismatchHasIndexCycleAndWaves) {
  const arch::Design made = design("os", true);
  const auto graph = products("one,20,6,30\n");
  DesignRequest request{made, *graph, {}, options()};
  request.options.artifacts = fresh("design");
  request.rtl = mutate(*emit_design(made), "rest == half && quotient[0]", "rest == half || quotient[0]");
  ASSERT_FALSE(request.rtl->text.empty());
  auto run = cosimulate_design(request);
  ASSERT_TRUE(run) << run.error().text();
  ASSERT_TRUE(run->first_mismatch);
  const DesignMismatch& first = *run->first_mismatch;
  std::int64_t flat = 0;
  for (const std::int64_t i : first.index) flat = flat * 6 + i;  // [20, 6], or with leading 1s
  EXPECT_EQ(flat, first.element);
  EXPECT_GE(first.cycle, 0);
  EXPECT_LT(first.cycle, run->rtl_cycles);
  const auto [from, to] = span_of(first.trace);
  EXPECT_LT(from, to);
  EXPECT_LE(to - from, 10 * 200);
}

// An array that gives nothing, and one that takes an operand while a level's port holds it, which only shows in the system.
TEST(Diagnosis, AStuckArrayHasWavesAroundItsLastMovement) {
  const arch::Design made = design("os", false, [](Json& d) { d["cores"][0]["levels"][0]["bytes_per_cycle"] = 1; });
  const auto graph = products("one,20,6,150\n");
  const Rtl sound = *emit_array(*array_parameters(made.cores[0].array));
  const std::pair<const char*, const char*> mutations[] = {{"ofmap_valid = !hold", "ofmap_valid = 1'b0"}, {"ifmap_ready = streaming && step", "ifmap_ready = streaming && (step || hold)"}};
  for (const bool system : {false, true}) {
    const auto& [from, to] = mutations[system];
    SCOPED_TRACE(from);
    CosimRequest request{made, *graph, "", {}, options()};
    request.rtl = mutate(sound, from, to);
    ASSERT_FALSE(request.rtl->text.empty());
    request.options.artifacts = fresh("stuck_array");
    request.options.system = system;
    auto run = cosimulate(request);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind(), ErrorKind::run_failed);
    const std::string text = run.error().text();
    EXPECT_NE(text.find(system ? "moved a stream while it was held" : "no stream has moved"), std::string::npos) << text;
    const fs::path waves = request.options.artifacts / "testbench" / "one" / "mismatch.fst";
    EXPECT_NE(text.find("waves: " + waves.string()), std::string::npos) << text;
    const auto [begin, end] = span_of(waves);
    EXPECT_LT(begin, end);
    EXPECT_LE(end - begin, 10 * 200);
  }
}

TEST(Diagnosis, AStuckDesignNamesWhoWaitsForWhatAndHasWaves) {
  const arch::Design made = design("os", true);
  const auto graph = workload("tests/hls/workloads/strided_block.json");
  const Rtl sound = *emit_design(made);
  EXPECT_EQ(sound.text.find("status"), std::string::npos) << "what users and synthesis get tells nothing";
  const struct {
    const char *from, *to;
    std::vector<const char*> words;
  } cases[] = {
      {"done1 <= done1 + 32'd1", "done1 <= done1", {"array waits for 1 fills of filter (0 so far)", "full: \"transfers\" (4 of 4)", "vector unit "}},
      {" + {31'd0, v_ready};", ";", {"ended tiles and chunks (", "transfer unit waits with a ", "empty: "}},
      {"assign gate = run && ", "assign gate = 1'b0 && ", {"array does not run", "the next fold waits for room in "}}};
  for (const auto& c : cases) {
    if (&c != cases && !long_run()) continue;  // each is two builds of its own
    SCOPED_TRACE(c.from);
    DesignRequest request{made, *graph, {}, options()};
    request.options.artifacts = fresh("stuck_design");
    request.rtl = mutate(sound, c.from, c.to);
    ASSERT_FALSE(request.rtl->text.empty());
    auto run = cosimulate_design(request);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind(), ErrorKind::run_failed);
    const std::string text = run.error().text();
    for (const char* word : c.words) EXPECT_NE(text.find(word), std::string::npos) << text;
    const fs::path waves = request.options.artifacts / "mismatch.fst";
    EXPECT_NE(text.find("waves: " + waves.string()), std::string::npos) << text;
    const auto [begin, end] = span_of(waves);
    EXPECT_LT(begin, end);
    EXPECT_LE(end - begin, 10 * 200);
  }
}

}  // namespace
}  // namespace gnomon::hls
