#include "emit/array.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

// Ports and sequencer, common to both styles.
constexpr std::string_view head =
    R"(// Output-stationary array, @R@ x @C@ PEs, int@B@ operands, @A@-bit accumulators, @MODE@.
// Step X + t of a fold takes element t; PE (i, j) multiplies it in step X + t + i + j; rows leave from step X + length + (rows-1) + (cols-1).
module @TOP@ (
  input  logic clk,
  input  logic rst,
  input  logic hold,
  input  logic fold_valid,
  output logic fold_ready,
  input  logic [@RB1@:0] fold_rows,
  input  logic [@CB1@:0] fold_cols,
  input  logic [31:0] fold_length,
  input  logic fold_accumulate,
?  input  logic fold_wait,
  input  logic ifmap_valid,
  output logic ifmap_ready,
  input  logic [@RW1@:0] ifmap_data,
  input  logic filter_valid,
  output logic filter_ready,
  input  logic [@CW1@:0] filter_data,
  input  logic psum_valid,
  output logic psum_ready,
  input  logic [@OW1@:0] psum_data,
  output logic ofmap_valid,
  input  logic ofmap_ready,
  output logic [@OW1@:0] ofmap_data@DUEPORT@
);
  // ---- Sequencer: the fold that streams (cur), the one after it (nxt), the one that drains. ----
  logic cur_valid, nxt_valid;
  logic [@RB1@:0] cur_rows, nxt_rows;
  logic [@CB1@:0] cur_cols, nxt_cols;
  logic [31:0] cur_length, nxt_length;
  logic cur_accumulate, nxt_accumulate;
?  logic nxt_wait;
  logic [34:0] age, age_next;  // steps since the fold's first; stays at its largest value
  logic [34:0] tail, gap;      // gap: steps from this fold's first to the next one's
?  logic [34:0] excess;
  logic streaming, last_beat, drains, step, take_next;
  logic [@DB1@:0] drain_delay;
  logic [@RB1@:0] drain_left;
  logic drain_accumulate;

  always_comb begin
    age_next = (&age) ? age : age + 35'd1;
    tail = {@RPAD@'d0, cur_rows} + {@RPAD@'d0, cur_rows} + {@CPAD@'d0, cur_cols} - 35'd2;
!    gap = {3'd0, cur_length} + tail;
?    excess = (cur_length > nxt_length) ? {3'd0, cur_length - nxt_length} : 35'd0;
?    if (nxt_wait) gap = {3'd0, cur_length} + tail;
?    else if (tail + excess > {3'd0, cur_length}) gap = tail + excess;
?    else gap = {3'd0, cur_length};
    streaming = cur_valid && (age < {3'd0, cur_length});
    last_beat = cur_valid && (age_next == {3'd0, cur_length});
    drains = (drain_left != @RB@'d0) && (drain_delay == @DB@'d0);
@SPLIT@    ofmap_valid = !hold && drains && (!streaming || (ifmap_valid && filter_valid)) && (!drain_accumulate || psum_valid);
    step = !hold && (!streaming || (ifmap_valid && filter_valid)) && (!drains || (ofmap_ready && (!drain_accumulate || psum_valid)));
    ifmap_ready = streaming && step;
    filter_ready = streaming && step;
    psum_ready = drains && drain_accumulate && step;
    take_next = step && nxt_valid && (!cur_valid || (age_next >= gap));
    fold_ready = !nxt_valid || take_next;
  end

@DUE@  always_ff @(posedge clk) begin
    if (rst) begin
      cur_valid <= 1'b0;
      nxt_valid <= 1'b0;
      age <= 35'd0;
      drain_left <= @RB@'d0;
      drain_delay <= @DB@'d0;
      drain_accumulate <= 1'b0;
    end else begin
      if (fold_valid && fold_ready) begin
        nxt_valid <= 1'b1;
        nxt_rows <= fold_rows;
        nxt_cols <= fold_cols;
        nxt_length <= fold_length;
        nxt_accumulate <= fold_accumulate;
?        nxt_wait <= fold_wait;
      end else if (take_next) begin
        nxt_valid <= 1'b0;
      end
      if (take_next) begin
        cur_valid <= 1'b1;
        cur_rows <= nxt_rows;
        cur_cols <= nxt_cols;
        cur_length <= nxt_length;
        cur_accumulate <= nxt_accumulate;
        age <= 35'd0;
      end else if (step && cur_valid) begin
        age <= age_next;
      end
      if (step) begin
        if (last_beat) begin
          drain_left <= cur_rows;
          drain_delay <= {@DRPAD@'d0, cur_rows} + {@DCPAD@'d0, cur_cols} - @DB@'d2;
          drain_accumulate <= cur_accumulate;
        end else if (drains) begin
          drain_left <= drain_left - @RB@'d1;
        end else if (drain_left != @RB@'d0) begin
          drain_delay <= drain_delay - @DB@'d1;
        end
      end
    end
  end

)";

// Loop style: diagonal by diagonal, since the PEs (i, d - i) work on the same beat, that of d steps ago, and share their tag. Operands stay where they
// came in (a ring of beats), and rows leave from where they are. Sizes are powers of two, words as wide as a processor's and loop variables set before
// any condition: no masks, no bounds and registers in what Verilator makes of it.
constexpr std::string_view loops_array =
    R"(  // ---- Array. By diagonals: [d][i] is PE (i, d - i). Tags {valid, first, last} travel with them, one a step. Sums are cut to @A@ bits where they leave. ----
  logic [2:0] tag [0:@DIAG1@];
  logic [@SB1@:0] now;        // slot of this step's beat
  logic [@IB1@:0] drain_row;  // the row that leaves next
  logic signed [@N1@:0] a [0:@SLOTS1@][0:@RP1@];
  logic signed [@N1@:0] b [0:@SLOTS1@][0:@CP1@];
  logic signed [@N1@:0] acc [0:@SLOTS1@][0:@RP1@];
?  logic signed [@N1@:0] aside [0:@SLOTS1@][0:@RP1@];

  /* verilator lint_off BLKSEQ */
@STEP@    if (rst) begin
      now = @SB@'d0;
      drain_row = @IB@'d0;
      for (d = 0; d < @DIAG@; d = d + 1) tag[d] = 3'd0;
      for (d = 0; d <= @SLOTS1@; d = d + 1) begin
        for (i = 0; i <= @RP1@; i = i + 1) begin
          a[d][i] = @N@'sd0;
          acc[d][i] = @N@'sd0;
?          aside[d][i] = @N@'sd0;
        end
        for (j = 0; j <= @CP1@; j = j + 1) b[d][j] = @N@'sd0;
      end
    end else if (step) begin
      if (last_beat) drain_row = @IB@'d0;
      else if (drains) drain_row = drain_row + @IB@'d1;
      for (d = @DIAG1@; d > 0; d = d - 1) tag[d] = tag[d - 1];
      tag[0] = {streaming, age == 35'd0, last_beat};
      if (streaming) begin
        for (i = 0; i < @R@; i = i + 1) a[now][i] = @N@'($signed(ifmap_data[i * @B@ +: @B@]));
        for (j = 0; j < @C@; j = j + 1) b[now][j] = @N@'($signed(filter_data[j * @B@ +: @B@]));
      end
      for (d = 0; d < @DIAG@; d = d + 1)
        if (tag[d][2]) begin
          at = now - @SB@'(d);
          if (tag[d][1])
            for (i = (d < @C@) ? 0 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) acc[d][i] = a[at][i] * b[at][d - i];
          else
            for (i = (d < @C@) ? 0 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) acc[d][i] = acc[d][i] + a[at][i] * b[at][d - i];
?          if (tag[d][0])
?            for (i = (d < @C@) ? 0 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) aside[d][i] = acc[d][i];
        end
      now = now + @SB@'d1;
    end
  end
  /* verilator lint_on BLKSEQ */

  always_comb begin
    for (int j = 0; j < @C@; j = j + 1)
      ofmap_data[j * @A@ +: @A@] = @A@'(@DRAIN@[@SB@'(drain_row) + @SB@'(j)][drain_row]) + (drain_accumulate ? psum_data[j * @A@ +: @A@] : @A@'d0);
  end
endmodule
)";

// Module style: what synthesis tools handle PE by PE.
constexpr std::string_view modules_array =
    R"(  // ---- Array: a module per PE. Tags {valid, first, last} travel with the diagonals, one a step: PE (i, j) sees now[i + j]. ----
  logic [@TAG1@:0] tag;
  logic [@TAG1@:0] now;
  always_comb begin
    now = tag << 3;
    now[2:0] = {streaming, age == 35'd0, last_beat};
  end
  always_ff @(posedge clk) begin
    if (rst) tag <= @TAG@'d0;
    else if (step) tag <= now;
  end
  // By diagonal, once for all its PEs: which registers change, and what they take.
  logic [@DIAG1@:0] first, en;
!  logic [@DIAG1@:0] valid;
?  logic [@DIAG1@:0] last, en_aside;
  always_comb begin
    for (int d = 0; d < @DIAG@; d = d + 1) begin
      first[d] = now[d * 3 + 1];
!      valid[d] = now[d * 3 + 2];
!      en[d] = step && (now[d * 3 + 2] || drains);
?      last[d] = now[d * 3 + 2] && now[d * 3];
?      en[d] = step && now[d * 3 + 2];
?      en_aside[d] = step && ((now[d * 3 + 2] && now[d * 3]) || drains);
    end
  end
  logic [@PEB1@:0] a_in;
  logic [@PEB1@:0] b_in;
  logic [@PEA1@:0] kept;
  genvar gi, gj;
  generate
    for (gi = 0; gi < @R@; gi = gi + 1) begin : row_skew
      if (gi == 0) assign a_in[@B1@:0] = ifmap_data[@B1@:0];
      else @TOP@_skew #(.BITS(@B@), .STEPS(gi)) skew (.clk(clk), .step(step), .in(ifmap_data[gi * @B@ +: @B@]), .out(a_in[gi * @C@ * @B@ +: @B@]));
    end
    for (gj = 0; gj < @C@; gj = gj + 1) begin : col_skew
      if (gj == 0) assign b_in[@B1@:0] = filter_data[@B1@:0];
      else @TOP@_skew #(.BITS(@B@), .STEPS(gj)) skew (.clk(clk), .step(step), .in(filter_data[gj * @B@ +: @B@]), .out(b_in[gj * @B@ +: @B@]));
    end
    for (gi = 0; gi < @R@; gi = gi + 1) begin : row
      for (gj = 0; gj < @C@; gj = gj + 1) begin : col
        /* verilator lint_off UNUSEDSIGNAL */  // at the edges nobody takes them
        logic [@B1@:0] a_out, b_out;
        /* verilator lint_on UNUSEDSIGNAL */
        logic [@A1@:0] below;
        @PE@ pe (.clk(clk), .step(step), .first(first[gi + gj]), .en(en[gi + gj]),
!          .valid(valid[gi + gj]),
?          .last(last[gi + gj]), .en_aside(en_aside[gi + gj]),
          .below(below), .a_in(a_in[(gi * @C@ + gj) * @B@ +: @B@]), .b_in(b_in[(gi * @C@ + gj) * @B@ +: @B@]),
          .a_out(a_out), .b_out(b_out), .kept(kept[(gi * @C@ + gj) * @A@ +: @A@]));
        if (gj + 1 < @C@) assign a_in[(gi * @C@ + gj + 1) * @B@ +: @B@] = a_out;
        if (gi + 1 < @R@) assign b_in[((gi + 1) * @C@ + gj) * @B@ +: @B@] = b_out;
        if (gi + 1 < @R@) assign below = kept[((gi + 1) * @C@ + gj) * @A@ +: @A@];
        else assign below = @A@'d0;
      end
    end
  endgenerate

  always_comb begin
    for (int j = 0; j < @C@; j = j + 1)
      ofmap_data[j * @A@ +: @A@] = kept[j * @A@ +: @A@] + (drain_accumulate ? psum_data[j * @A@ +: @A@] : @A@'d0);
  end
endmodule

// A delay of STEPS steps.
module @TOP@_skew #(parameter BITS = 8, parameter STEPS = 1) (
  input  logic clk,
  input  logic step,
  input  logic [BITS-1:0] in,
  output logic [BITS-1:0] out
);
  logic [BITS*STEPS-1:0] line;
  assign out = line[BITS*STEPS-1 -: BITS];
  generate
    if (STEPS == 1) begin : one
      always_ff @(posedge clk) if (step) line <= in;
    end else begin : many
      always_ff @(posedge clk) if (step) line <= {line[BITS*(STEPS-1)-1:0], in};
    end
  endgenerate
endmodule

module @PE@ (
  input  logic clk,
  input  logic step,
  input  logic first,
  input  logic en,
!  input  logic valid,
?  input  logic last,
?  input  logic en_aside,
  input  logic [@A1@:0] below,
  input  logic signed [@B1@:0] a_in,
  input  logic signed [@B1@:0] b_in,
  output logic signed [@B1@:0] a_out,
  output logic signed [@B1@:0] b_out,
  output logic [@A1@:0] kept
);
  logic signed [@A1@:0] acc, sum;
?  logic signed [@A1@:0] aside;
  // No wider than it is, so that synthesis finds the narrower operand of the sum wherever the PE stands.
  logic signed [@P1@:0] product;
  assign product = a_in * b_in;
  /* verilator lint_off WIDTH */
  assign sum = (first ? @A@'sd0 : acc) + product;
  /* verilator lint_on WIDTH */
  assign kept = @DRAIN@;
  always_ff @(posedge clk) begin
    if (step) begin
      a_out <= a_in;
      b_out <= b_in;
    end
!    if (en) acc <= valid ? sum : below;
?    if (en) acc <= sum;
?    if (en_aside) aside <= last ? sum : below;
  end
endmodule
)";

}  // namespace

std::string os_text(const ArrayParameters& p, RtlStyle style, const std::map<std::string, std::string>& places) {
  auto all = places;
  const auto add = [&](const char* name, std::int64_t value) { all[name] = std::to_string(value); };
  const std::int64_t tags = 3 * (p.rows + p.cols - 1);
  add("TAG", tags);
  add("TAG1", tags - 1);
  add("PEB1", p.rows * p.cols * p.precision_bits - 1);
  add("PEA1", p.rows * p.cols * p.accumulator_bits - 1);
  const std::string text = std::string(head) + std::string(style == RtlStyle::loops ? loops_array : modules_array);
  return fill_places(choose_lines(text, p.overlap), all);
}

}  // namespace gnomon::hls
