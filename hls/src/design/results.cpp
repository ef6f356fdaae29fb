#include "design/shape.hpp"
#include "emit/text.hpp"
#include "gnomon/arch/dataflow.hpp"

namespace gnomon::hls {
namespace {

constexpr std::string_view head = R"(
// Where the array's results go: partial sums to and from the level of the ofmap, finished ones with the bias of their column or beat, scaled down by
// a power of two (round half to even), saturated and rectified.
module @TOP@_results (
  input  logic clk,
  input  logic rst,
  input  logic [1:0] config_write,
  input  logic [7:0] config_data,
  input  logic bias_valid,
  input  logic [@BIASW1@:0] bias_addr,
  input  logic [@A1@:0] bias_data,
  input  logic q_valid,
  output logic q_ready,
  input  logic [@RD1@:0] q,
  input  logic ofmap_valid,
?  input  logic [@C1@:0] ofmap_lanes,
  input  logic [@OW1@:0] ofmap_data,
  output logic [@C1@:0] rs_en,
  output logic [@C1@:0] rs_sums,
  output logic [@RSA1@:0] rs_addr,
  output logic [@OW1@:0] rs_data,
  output logic [@CB1@:0] ended
);
@UNPACK@
  logic [7:0] configs [0:1];
  logic [@A1@:0] biases [0:@BIASN1@];
  logic started;
  logic [31:0] beat, now_beat;
  logic [@AW1@:0] at, now_at;
  logic last_beat;
  // By lane, for the data: {bank, final} and the place of the bias.
  logic [@C1@:0] lane_bank, lane_final;
  logic [@CBIAS1@:0] lane_bias;
)";

// ws, is: the results of a fold pass column after column, a step each; what column 0 knows travels with them.
constexpr std::string_view held = R"(  logic [@LINE1@:0] line, now, next;
  logic [@CB1@:0] tail, t;
  logic [@PEND1@:0] pend, due;
  always_comb begin
    now_beat = started ? beat : 32'd0;
    now_at = started ? at : q_base;
    last_beat = ofmap_valid && ofmap_lanes[0] && now_beat + 32'd1 == q_beats;
    q_ready = last_beat;
    now = line << @ST@;
    now[@ST1@:0] = {q_bank, q_final, @BIAS0@, q_ls, now_at};
    next = now;
    rs_addr = @RSA@'d0;
    rs_sums = @C@'d0;
    rs_en = @C@'d0;
    lane_bank = @C@'d0;
    lane_final = @C@'d0;
    lane_bias = @CBIAS@'d0;
    for (int j = 0; j < @C@; j = j + 1) begin
      rs_addr[j * @AW@ +: @AW@] = now[j * @ST@ +: @AW@];
      lane_bias[j * @BIASW@ +: @BIASW@] = now[j * @ST@ + 2 * @AW@ +: @BIASW@];
      lane_final[j] = now[j * @ST@ + @ST1@ - 1];
      lane_bank[j] = now[j * @ST@ + @ST1@];
      rs_en[j] = ofmap_valid && ofmap_lanes[j];
      rs_sums[j] = !lane_final[j];
      next[j * @ST@ +: @AW@] = now[j * @ST@ +: @AW@] + now[j * @ST@ + @AW@ +: @AW@];
?      next[j * @ST@ + 2 * @AW@ +: @BIASW@] = now[j * @ST@ + 2 * @AW@ +: @BIASW@] + @BIASW@'d1;
    end
    // An array tile has ended when all results of its folds and of all folds before have left.
    t = tail == @CB@'d0 ? @CB@'d0 : tail - @CB@'d1;
    if (last_beat && q_cols - @CB@'d1 > t) t = q_cols - @CB@'d1;
    due = pend;
    for (int j = 0; j < @C@; j = j + 1)
      if (last_beat && q_last && j[@CB1@:0] == t) due[j * @CB@ +: @CB@] = due[j * @CB@ +: @CB@] + @CB@'d1;
    ended = ofmap_valid ? due[@CB1@:0] : @CB@'d0;
  end
  always_ff @(posedge clk) begin
    if (rst) begin
      started <= 1'b0;
      tail <= @CB@'d0;
      pend <= @PEND@'d0;
    end else if (ofmap_valid) begin
      tail <= t;
      pend <= due >> @CB@;
      line <= next;
      if (ofmap_lanes[0]) begin
        started <= !last_beat;
        beat <= now_beat + 32'd1;
        at <= now_at + q_bs;
      end
    end
  end
)";

constexpr std::string_view drained = R"(  logic [@AW1@:0] lane;
  always_comb begin
    now_beat = started ? beat : 32'd0;
    now_at = started ? at : q_base;
    last_beat = ofmap_valid && now_beat + 32'd1 == q_beats;
    q_ready = last_beat;
    rs_addr = @RSA@'d0;
    rs_sums = @C@'d0;
    rs_en = @C@'d0;
    lane_bank = @C@'d0;
    lane_final = @C@'d0;
    lane_bias = @CBIAS@'d0;
    lane = now_at;
    for (int j = 0; j < @C@; j = j + 1) begin
      rs_addr[j * @AW@ +: @AW@] = lane;
      lane = lane + q_ls;
      lane_bias[j * @BIASW@ +: @BIASW@] = q_bias + j[@BIASW1@:0];
      lane_final[j] = q_final;
      lane_bank[j] = q_bank;
      rs_en[j] = ofmap_valid && j < {@CLPAD@'d0, q_cols};
      rs_sums[j] = !q_final;
    end
    ended = @CB@'(last_beat && q_last);
  end
  always_ff @(posedge clk) begin
    if (rst) started <= 1'b0;
    else if (ofmap_valid) begin
      started <= !last_beat;
      beat <= now_beat + 32'd1;
      at <= now_at + q_bs;
    end
  end
)";

constexpr std::string_view tail = R"(  // ---- Requantise. Config: {relu, has_bias, shift}. ----
  logic signed [@A1@:0] sum, quotient;
  logic [@A1@:0] rest, half;
  logic [7:0] c;
  logic up;
  always_comb begin
    rs_data = @OW@'d0;
    sum = @A@'sd0;
    quotient = @A@'sd0;
    rest = @A@'d0;
    half = @A@'d0;
    c = 8'd0;
    up = 1'b0;
    for (int j = 0; j < @C@; j = j + 1) begin
      sum = ofmap_data[j * @A@ +: @A@];
      if (rs_en[j] && lane_final[j]) begin
        c = configs[lane_bank[j]];
        if (c[6]) sum = sum + $signed(biases[lane_bias[j * @BIASW@ +: @BIASW@]]);
        quotient = sum >>> c[5:0];
        rest = sum & ~(~@A@'d0 << c[5:0]);
        half = c[5:0] == 6'd0 ? @A@'d0 : @A@'d1 << (c[5:0] - 6'd1);
        up = c[5:0] != 6'd0 && (rest > half || (rest == half && quotient[0]));
        sum = quotient + $signed({@APAD@'d0, up});
        if (sum > @A@'sd@TOPVALUE@) sum = @A@'sd@TOPVALUE@;
        if (sum < -@A@'sd@LOWVALUE@) sum = -@A@'sd@LOWVALUE@;
        if (c[7] && sum < @A@'sd0) sum = @A@'sd0;
      end
      rs_data[j * @A@ +: @A@] = sum;
    end
  end
  always_ff @(posedge clk) begin
    if (bias_valid) biases[bias_addr] <= bias_data;
    if (config_write[0]) configs[0] <= config_data;
    if (config_write[1]) configs[1] <= config_data;
  end
  // A fold's descriptor is there long before its first result.
  logic unused;
  assign unused = q_valid;
endmodule
)";

}  // namespace

std::string results_text(const DesignShape& s, const Places& places) {
  const bool os = s.array.dataflow == arch::Dataflow::os;
  const DescriptorLayout fold = descriptor_layouts(s).fold;
  Places all = places;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  const std::int64_t stage = 2 + bits_for(s.bias_words - 1) + 2 * s.address_bits;
  set("RD", fold.group_bits("r_"));
  set("CBIAS", s.array.cols * bits_for(s.bias_words - 1));
  set("ST", stage);
  set("LINE", stage * s.array.cols);
  set("PEND", s.array.cols * bits_for(s.array.cols));
  set("CLPAD", 32 - bits_for(s.array.cols));
  set("APAD", s.array.accumulator_bits - 1);
  all["UNPACK"] = unpack_text(fold, "q", "r_", "q_");
  all["BIAS0"] = s.array.dataflow == arch::Dataflow::is ? fill_places("q_bias + now_beat[@BIASW1@:0]", all) : "q_bias";
  const std::string body = os ? std::string(drained) : choose_lines(held, s.array.dataflow == arch::Dataflow::ws);
  return fill_places(choose_lines(head, !os) + body + std::string(tail), all);
}

}  // namespace gnomon::hls
