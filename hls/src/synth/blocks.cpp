#include "emit/text.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {
namespace {

constexpr std::string_view bank_template = R"(// A bank of a level: @D@ words of @W@ bits, one read and one write a cycle; a word read comes a cycle later.
module @TOP@ (
  input  logic clk,
  input  logic we,
  input  logic [@AB1@:0] waddr,
  input  logic [@W1@:0] wdata,
  input  logic re,
  input  logic [@AB1@:0] raddr,
  output logic [@W1@:0] rdata
);
  logic [@W1@:0] words [0:@D1@];
  always_ff @(posedge clk) begin
    if (we) words[waddr] <= wdata;
    if (re) rdata <= words[raddr];
  end
endmodule
)";

// Round half to even: add half, less the last bit where the fraction is exactly half and the result would be odd.
constexpr std::string_view lane_template = R"(// A lane of the vector unit: requantise, the same after ReLU, add, pool (op 0 to 3); results saturate to int@B@.
module @TOP@ (
  input  logic clk,
  input  logic en,
  input  logic [1:0] op,
  input  logic [@SB1@:0] shift,
  input  logic signed [@A1@:0] a,
  input  logic signed [@B1@:0] b,
  output logic signed [@B1@:0] y
);
  logic signed [@A@:0] x, other, rounded, wide;
  logic [@A@:0] below, half;
  logic up;
  localparam logic signed [@A@:0] most = @TOPV@;
  always_comb begin
    x = {a[@A1@], a};
    other = {{@PAD@{b[@B1@]}}, b};
    if (op == 2'd1 && a[@A1@]) x = @A2@'sd0;
    half = (@A2@'d1 << shift) >> 1;
    below = x & ((@A2@'d1 << shift) - @A2@'d1);
    rounded = x >>> shift;
    up = (shift != @SB@'d0) && (below > half || (below == half && rounded[0]));
    case (op)
      2'd2: wide = x + other;
      2'd3: wide = (x > other) ? x : other;
      default: wide = up ? rounded + @A2@'sd1 : rounded;
    endcase
  end
  always_ff @(posedge clk)
    if (en) y <= (wide > most) ? most[@B1@:0] : (wide < ~most) ? ~most[@B1@:0] : wide[@B1@:0];
endmodule
)";

}  // namespace

Rtl emit_bank(std::int64_t words, std::int64_t word_bits) {
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  const int address = bits_for(words - 1);
  Rtl rtl;
  rtl.top = "gnomon_bank_" + n(words) + "x" + n(word_bits);
  rtl.ports = {{"clk", 1, true},       {"we", 1, true},          {"waddr", address, true},
               {"wdata", static_cast<int>(word_bits), true}, {"re", 1, true}, {"raddr", address, true},
               {"rdata", static_cast<int>(word_bits), false}};
  rtl.text = fill_places(bank_template, {{"TOP", rtl.top}, {"D", n(words)}, {"D1", n(words - 1)}, {"W", n(word_bits)},
                                         {"W1", n(word_bits - 1)}, {"AB1", n(address - 1)}});
  return rtl;
}

Rtl emit_vector_lane(int b, int a) {
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  const int shift = bits_for(a - 1);
  Rtl rtl;
  rtl.top = "gnomon_lane_i" + n(b) + "_a" + n(a);
  rtl.ports = {{"clk", 1, true}, {"en", 1, true}, {"op", 2, true}, {"shift", shift, true},
               {"a", a, true},   {"b", b, true},  {"y", b, false}};
  const std::int64_t most = (std::int64_t{1} << (b - 1)) - 1;
  rtl.text = fill_places(lane_template, {{"TOP", rtl.top}, {"A", n(a)}, {"A1", n(a - 1)}, {"A2", n(a + 1)}, {"B", n(b)},
                                         {"B1", n(b - 1)}, {"SB", n(shift)}, {"SB1", n(shift - 1)}, {"PAD", n(a + 1 - b)},
                                         {"TOPV", n(a + 1) + "'sd" + n(most)}});
  return rtl;
}

}  // namespace gnomon::hls
