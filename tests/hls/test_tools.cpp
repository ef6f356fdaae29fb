// The emitted RTL through other tools: lint, synthesis front end, and a second simulator with four-valued logic.
#include <gtest/gtest.h>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "rtl_case.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

using arch::Dataflow;
const ArrayParameters designs[] = {
    {4, 4, 8, 32, false}, {4, 4, 8, 32, true},  {1, 1, 8, 16, false}, {1, 1, 4, 12, true},
    {1, 5, 8, 32, true},  {5, 1, 8, 32, false}, {3, 7, 16, 40, true}, {16, 16, 8, 32, true},
    {4, 4, 8, 32, false, Dataflow::ws}, {4, 4, 8, 32, true, Dataflow::is}, {1, 1, 4, 12, false, Dataflow::is},
    {1, 1, 8, 16, true, Dataflow::ws}, {1, 5, 8, 32, true, Dataflow::ws}, {5, 1, 8, 32, true, Dataflow::is},
    {3, 7, 16, 40, false, Dataflow::is}, {16, 16, 8, 32, true, Dataflow::ws}};
constexpr RtlStyle styles[] = {RtlStyle::loops, RtlStyle::modules};

fs::path folder(const std::string& name) {
  const fs::path path = fs::path(GNOMON_BINARY_DIR) / "hls-test-tools" / name;
  fs::create_directories(path);
  return path;
}

TEST(Tools, VerilatorLintIsClean) {
  for (const RtlStyle style : styles)
    for (const ArrayParameters& p : designs) {
      if (style == RtlStyle::modules && p.rows == 16) continue;
      const Rtl rtl = *emit_array(p, style);
      expect_lint_clean(rtl, folder("lint"));
    }
}

TEST(Tools, YosysCheckIsClean) {
  for (const RtlStyle style : styles)
    for (const std::size_t d : {1, 2, 3, 6, 8, 9, 11, 12, 13}) {
      // Loops are for simulation: rings of beats become multiplexers, minutes of them for larger arrays.
      const bool large = d == 6 || d == 9 || d > 11;
      if (style == RtlStyle::loops && large) continue;
      expect_check_clean(*emit_array(designs[d], style), folder("yosys"));
    }
  expect_check_clean(*emit_array({2, 3, 16, 40, true}, RtlStyle::loops), folder("yosys"));
}

std::string hex_beat(const std::vector<std::uint64_t>& lanes, int bits) {
  std::vector<bool> all;
  for (const std::uint64_t lane : lanes)
    for (int b = 0; b < bits; ++b) all.push_back((lane >> b) & 1);
  std::string text;
  for (std::size_t at = 0; at < all.size(); at += 4) {
    int digit = 0;
    for (std::size_t b = 0; b < 4 && at + b < all.size(); ++b) digit |= int{all[at + b]} << b;
    text.insert(text.begin(), "0123456789abcdef"[digit]);
  }
  return text;
}

/// A testbench that offers every beat as early as it is taken and prints cycle and beat of every result.
std::string testbench(const Rtl& rtl, const ArrayParameters& p, std::size_t folds, std::size_t beats) {
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  std::string wait = p.overlap ? ", .fold_wait(f[97])" : "";
  return "module tb;\n  reg clk = 0, rst = 1; always #5 clk = ~clk;\n  integer cycle = 0, fi = 0, bi = 0;\n"
         "  reg [97:0] fold_mem [0:" +
         n(static_cast<std::int64_t>(folds)) +
         "];\n"
         "  reg [" +
         n(p.rows * p.precision_bits - 1) + ":0] a_mem [0:" + n(static_cast<std::int64_t>(beats)) +
         "];\n"
         "  reg [" +
         n(p.cols * p.precision_bits - 1) + ":0] b_mem [0:" + n(static_cast<std::int64_t>(beats)) +
         "];\n"
         "  initial begin $readmemh(\"folds.hex\", fold_mem); $readmemh(\"a.hex\", a_mem); $readmemh(\"b.hex\", b_mem); #42 rst "
         "= 0; #20000 $finish; end\n"
         "  wire [97:0] f = fold_mem[fi];\n  wire fr, ir, wr, pr, ov;\n"
         "  wire fv = fi < " +
         n(static_cast<std::int64_t>(folds)) + ", bv = bi < " + n(static_cast<std::int64_t>(beats)) +
         ";\n"
         "  wire [" +
         n(p.cols * p.accumulator_bits - 1) +
         ":0] od;\n"
         "  " +
         rtl.top + " dut(.clk(clk), .rst(rst), .hold(1'b0), .fold_valid(fv), .fold_ready(fr), .fold_rows(f[" + n(31 + 1) +
         " +: $bits(dut.fold_rows)]),"
         " .fold_cols(f[64 +: $bits(dut.fold_cols)]), .fold_length(f[31:0]), .fold_accumulate(f[96])" +
         wait +
         ", .ifmap_valid(bv), .ifmap_ready(ir), .ifmap_data(a_mem[bi]), .filter_valid(bv), .filter_ready(wr), "
         ".filter_data(b_mem[bi]),"
         " .psum_valid(1'b0), .psum_ready(pr), .psum_data({" +
         n(p.cols * p.accumulator_bits) +
         "{1'b0}}), .ofmap_valid(ov), .ofmap_ready(1'b1), .ofmap_data(od));\n"
         "  always @(negedge clk) if (!rst) begin\n"
         "    if (bv && ir && bi == 0) $display(\"first %0d\", cycle);\n    if (ov) $display(\"row %0d %h\", cycle, od);\n  end\n"
         "  always @(posedge clk) if (!rst) begin\n    cycle <= cycle + 1;\n    if (fv && fr) fi <= fi + 1;\n    if (bv && ir) "
         "bi <= bi + 1;\n  end\n"
         "endmodule\n";
}

// Icarus Verilog knows x: an unset register that mattered would show as x in the results.
TEST(Tools, IcarusAgrees) {
  for (const ArrayParameters& p : {ArrayParameters{3, 2, 8, 20, false}, ArrayParameters{3, 2, 8, 20, true}}) {
    const Rtl rtl = *emit_array(p);
    SCOPED_TRACE(rtl.top);
    const Operands o = random_operands(1, 5, 3, 7, 8, 4);
    const std::vector<Fold> folds = cut_folds(p, o, 7);
    std::string fold_text, a_text, b_text;
    std::size_t beats = 0;
    for (const Fold& f : folds) {
      const std::uint64_t words[] = {static_cast<std::uint64_t>(f.length), static_cast<std::uint64_t>(f.rows),
                                     static_cast<std::uint64_t>(f.cols)};
      fold_text += "0" + hex_beat({words[0], words[1], words[2]}, 32) + "\n";
      for (std::int64_t t = 0; t < f.length; ++t, ++beats) {
        std::vector<std::uint64_t> a, b;
        for (std::int64_t i = 0; i < p.rows; ++i)
          a.push_back(i < f.rows ? static_cast<std::uint64_t>(std::int64_t{o.ifmap[static_cast<std::size_t>((f.m + i) * 7 + t)]})
                                 : 0x55);
        for (std::int64_t j = 0; j < p.cols; ++j)
          b.push_back(j < f.cols ? static_cast<std::uint64_t>(std::int64_t{o.filter[static_cast<std::size_t>(t * 3 + f.n + j)]})
                                 : 0x33);
        a_text += hex_beat(a, 8) + "\n";
        b_text += hex_beat(b, 8) + "\n";
      }
    }
    const fs::path at = folder("icarus-" + rtl.top);
    ASSERT_TRUE(write_file(at / "dut.sv", rtl.text));
    ASSERT_TRUE(write_file(at / "tb.sv", testbench(rtl, p, folds.size(), beats)));
    ASSERT_TRUE(write_file(at / "folds.hex", fold_text));
    ASSERT_TRUE(write_file(at / "a.hex", a_text));
    ASSERT_TRUE(write_file(at / "b.hex", b_text));
    auto compiled = run_process({"iverilog", "-g2012", "-o", "tb.vvp", "-s", "tb", "tb.sv", "dut.sv"}, {.folder = at});
    ASSERT_TRUE(compiled) << compiled.error().text();
    ASSERT_EQ(compiled->exit_status, 0) << compiled->out << compiled->err;
    auto run = run_process({"vvp", "-n", "tb.vvp"}, {.wall_seconds = 60, .folder = at});
    ASSERT_TRUE(run) << run.error().text();

    const std::vector<std::int64_t> expected = reference_outputs(o, 20);
    std::istringstream said(run->out);
    std::string word, hex;
    std::int64_t first = -1, last = -1, cycle = 0;
    std::size_t fold = 0;
    std::int64_t row = 0;
    while (said >> word) {
      if (word == "first") said >> first;
      if (word != "row") continue;
      said >> cycle >> hex;
      last = cycle;
      ASSERT_LT(fold, folds.size()) << run->out;
      const Fold& f = folds[fold];
      ASSERT_EQ(hex.substr(0, 10).find('x'), std::string::npos) << hex;
      // 2 lanes of 20 bits: five digits each, lane 0 last.
      for (std::int64_t j = 0; j < f.cols; ++j) {
        const std::string digits = hex.substr(hex.size() - 5 * static_cast<std::size_t>(j + 1), 5);
        EXPECT_EQ(wrap(std::stoull(digits, nullptr, 16), 20), expected[static_cast<std::size_t>((f.m + row) * 3 + f.n + j)])
            << "cycle " << cycle;
      }
      if (++row == f.rows) {
        row = 0;
        ++fold;
      }
    }
    EXPECT_EQ(fold, folds.size()) << run->out << run->err;
    EXPECT_EQ(last - first + 1, count_steps(folds, p));
  }
}

}  // namespace
}  // namespace gnomon::hls
