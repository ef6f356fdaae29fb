#include <algorithm>

#include "emit/array.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

// Ports and sequencer, common to both styles.
constexpr std::string_view head =
    R"(// Array of dataflow @FLOW@, @R@ x @C@ PEs, int@B@ operands, @A@-bit accumulators, @MODE@. The @HOLD@ stays in the PEs.
// A fold preloads its rows (bottom row first) in `rows` steps up to step X; step X + t takes element t of the stream; PE (i, j) multiplies it in
// step X + t + i + j; column j gives result t below row rows-1 in step X + t + (rows-1) + j.
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
?  input  logic [@WB1@:0] fold_wait,
  input  logic @HOLD@_valid,
  output logic @HOLD@_ready,
  input  logic [@CW1@:0] @HOLD@_data,
  input  logic @MOVE@_valid,
  output logic @MOVE@_ready,
  input  logic [@RW1@:0] @MOVE@_data,
  input  logic psum_valid,
  output logic psum_ready,
  output logic [@C1@:0] psum_lanes,
  input  logic [@OW1@:0] psum_data,
  output logic ofmap_valid,
  input  logic ofmap_ready,
  output logic [@C1@:0] ofmap_lanes,
  output logic [@OW1@:0] ofmap_data@DUEPORT@
);
  // ---- Sequencer: the fold that streams (cur), the one that preloads (ld), the one after it (nxt). ----
  logic cur_valid, ld_valid, nxt_valid;
  logic [@RB1@:0] cur_rows, ld_rows, nxt_rows, ld_count;
  logic [@CB1@:0] cur_cols, ld_cols, nxt_cols;
  logic [31:0] cur_length, ld_length, nxt_length;
  logic cur_accumulate, ld_accumulate, nxt_accumulate;
?  logic [@WB1@:0] nxt_wait;
?  logic cur_bank, ld_bank;  // which of the two stationary registers
  logic [34:0] age, age_next;  // steps since X of cur; stays at its largest value
  logic loading, moving, ld_last, take_next, step;
?  logic last_beat;
  // The fold that will have begun to stream last after this step, and for how long it will have.
  logic ref_valid;
  logic [@RB1@:0] ref_rows;
!  logic [@CB1@:0] ref_cols;
  logic [31:0] ref_length;
  logic [34:0] ref_age, gap;  // gap: steps from X of that fold to the next one's first preload step
?  logic [34:0] nxt_steps;
?  // tail: for d = 1, 2, ..., the steps until all folds have ended that have streamed, but for the last d - 1 of them.
?  logic [@TAIL1@:0] tail, tail_next;
?  logic [@DB1@:0] left;
?  logic [@WB1@:0] ended_index;
?  logic ended;

  // Tags {valid, bank, accumulate, rows, cols} of the elements in column 0, row by row, and of the results at the columns' exits.
  logic [@TAG1@:0] tag;
  logic [@TAG1@:0] tag_now;
  logic [@EXIT1@:0] exits;
  logic [@EXIT1@:0] exits_now;
  logic [@XB1@:0] leaving;
  // {bank, valid} by diagonal.
  logic [@BEAT1@:0] beat;
  logic [@BEAT1@:0] beat_now;
  logic bank_now;
?  // {count, bank, valid} of the preload by column.
?  logic [@LOAD1@:0] load;
?  logic [@LOAD1@:0] load_now;

  always_comb begin
    age_next = (&age) ? age : age + 35'd1;
    loading = ld_valid;
    ld_last = ld_valid && (ld_count + @RB@'d1 == ld_rows);
    moving = cur_valid && (age < {3'd0, cur_length});
?    last_beat = cur_valid && (age_next == {3'd0, cur_length});
?    bank_now = cur_bank;
!    bank_now = 1'b0;
    tag_now = tag << @XB@;
    tag_now[@XB1@:0] = {moving, bank_now, cur_accumulate, cur_rows, cur_cols};
    beat_now = beat << 2;
    beat_now[1:0] = {bank_now, moving};
?    load_now = load << @LB@;
?    load_now[@LB1@:0] = {ld_count, ld_bank, loading};
    // The results of column 0 leave below the last row of their fold, those of column j j steps later.
    leaving = @XB@'d0;
    for (int i = 0; i < @R@; i = i + 1)
      if (tag_now[i * @XB@ + @XB1@] && tag_now[i * @XB@ + @CB@ +: @RB@] == i[@RB1@:0] + @RB@'d1) leaving = tag_now[i * @XB@ +: @XB@];
    exits_now = exits << @XB@;
    exits_now[@XB1@:0] = leaving;
    for (int j = 0; j < @C@; j = j + 1) begin
      ofmap_lanes[j] = exits_now[j * @XB@ + @XB1@] && (j[@CB1@:0] < exits_now[j * @XB@ +: @CB@]);
      psum_lanes[j] = ofmap_lanes[j] && exits_now[j * @XB@ + @CB@ + @RB@];
    end
@SPLIT@    ofmap_valid = !hold && (|ofmap_lanes) && (!loading || @HOLD@_valid) && (!moving || @MOVE@_valid) && (!(|psum_lanes) || psum_valid);
    step = !hold && (!loading || @HOLD@_valid) && (!moving || @MOVE@_valid) && (!(|psum_lanes) || psum_valid) && (!(|ofmap_lanes) || ofmap_ready);
    @HOLD@_ready = loading && step;
    @MOVE@_ready = moving && step;
    psum_ready = (|psum_lanes) && step;

    ref_valid = ld_last || cur_valid;
    ref_rows = ld_last ? ld_rows : cur_rows;
!    ref_cols = ld_last ? ld_cols : cur_cols;
    ref_length = ld_last ? ld_length : cur_length;
    ref_age = ld_last ? 35'd0 : age_next;
!    gap = {3'd0, ref_length} + {@RPAD@'d0, ref_rows} + {@CPAD@'d0, ref_cols} - 35'd2;
?    nxt_steps = {@RPAD@'d0, nxt_rows};
?    gap = {3'd0, ref_length} + ((ref_rows > nxt_rows) ? {@RPAD@'d0, ref_rows - nxt_rows} : 35'd0);
?    gap = (gap > nxt_steps) ? gap - nxt_steps : 35'd0;
?    tail_next = tail;
?    for (int d = 0; d < @D@; d = d + 1)
?      if (tail[d * @DB@ +: @DB@] != @DB@'d0) tail_next[d * @DB@ +: @DB@] = tail[d * @DB@ +: @DB@] - @DB@'d1;
?    left = {@DRPAD@'d0, cur_rows} + {@DCPAD@'d0, cur_cols} - @DB@'d2;
?    if (last_beat) begin
?      if (left < tail_next[@DB1@:0]) left = tail_next[@DB1@:0];
?      for (int d = @D1@; d > 0; d = d - 1) tail_next[d * @DB@ +: @DB@] = tail_next[(d - 1) * @DB@ +: @DB@];
?      tail_next[@DB1@:0] = left;
?    end
?    // Counted from the last fold that has streamed: the one that streams still is not among them.
?    ended_index = (ref_age >= {3'd0, ref_length}) ? nxt_wait : nxt_wait - @WB@'d1;
?    ended = (nxt_wait == @WB@'d0) || !ref_valid;
?    for (int d = 0; d < @D@; d = d + 1)
?      if (ended_index == d[@WB1@:0] + @WB@'d1 && tail_next[d * @DB@ +: @DB@] == @DB@'d0) ended = 1'b1;
!    take_next = step && nxt_valid && (!ld_valid || ld_last) && (!ref_valid || (ref_age >= gap));
?    take_next = step && nxt_valid && (!ld_valid || ld_last) && (!ref_valid || (ref_age >= gap)) && ended;
    fold_ready = !nxt_valid || take_next;
  end

@DUE@  always_ff @(posedge clk) begin
    if (rst) begin
      cur_valid <= 1'b0;
      ld_valid <= 1'b0;
      nxt_valid <= 1'b0;
?      ld_bank <= 1'b0;
?      cur_bank <= 1'b0;
?      tail <= @TAIL@'d0;
?      load <= @LOAD@'d0;
      age <= 35'd0;
      tag <= @TAG@'d0;
      exits <= @EXIT@'d0;
      beat <= @BEAT@'d0;
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
        ld_valid <= 1'b1;
        ld_rows <= nxt_rows;
        ld_cols <= nxt_cols;
        ld_length <= nxt_length;
        ld_accumulate <= nxt_accumulate;
        ld_count <= @RB@'d0;
?        ld_bank <= !ld_bank;
      end else if (step && ld_valid) begin
        if (ld_last) ld_valid <= 1'b0;
        ld_count <= ld_count + @RB@'d1;
      end
      if (step && ld_last) begin
        cur_valid <= 1'b1;
        cur_rows <= ld_rows;
        cur_cols <= ld_cols;
        cur_length <= ld_length;
        cur_accumulate <= ld_accumulate;
?        cur_bank <= ld_bank;
        age <= 35'd0;
      end else if (step && cur_valid) begin
        age <= age_next;
      end
      if (step) begin
        tag <= tag_now;
        exits <= exits_now;
        beat <= beat_now;
?        load <= load_now;
?        tail <= tail_next;
      end
    end
  end

)";

// Loop style: diagonal by diagonal, since the PEs (i, d - i) work on the same beat, that of d steps ago. Sizes are powers of two, words as wide as a
// processor's and loop variables set before any condition: no masks, no bounds and registers in what Verilator makes of it.
constexpr std::string_view loops_array =
    R"(  // ---- Array by diagonals: [d][i] is PE (i, d - i). Sums are cut to @A@ bits where they leave. ----
  logic [@SB1@:0] now;  // slot of this step's beat
  logic signed [@N1@:0] moved [0:@SLOTS1@][0:@RP1@];
?  logic signed [@N1@:0] words [0:@SLOTS1@][0:@CP1@];
  logic signed [@N1@:0] down [0:@SLOTS1@][0:@RP1@];
  logic signed [@N1@:0] held0 [0:@SLOTS1@][0:@RP1@];
?  logic signed [@N1@:0] held1 [0:@SLOTS1@][0:@RP1@];

  // Blocking assignments from the last diagonal to the first: each reads what the one before it held in the step before.
  /* verilator lint_off BLKSEQ */
@STEP@    if (rst) begin
      now = @SB@'d0;
      for (d = 0; d <= @SLOTS1@; d = d + 1) begin
        for (i = 0; i <= @RP1@; i = i + 1) begin
          moved[d][i] = @N@'sd0;
          down[d][i] = @N@'sd0;
          held0[d][i] = @N@'sd0;
?          held1[d][i] = @N@'sd0;
        end
?        for (j = 0; j <= @CP1@; j = j + 1) words[d][j] = @N@'sd0;
      end
    end else if (step) begin
      for (i = 0; i < @R@; i = i + 1) moved[now][i] = @N@'($signed(@MOVE@_data[i * @B@ +: @B@]));
      for (d = @R@ + @C1@ - 1; d > 0; d = d - 1)
        if (beat_now[d * 2]) begin
          at = now - @SB@'(d);
!          for (i = (d < @C@) ? 1 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) down[d][i] = down[d - 1][i - 1] + moved[at][i] * held0[d][i];
!          if (d < @C@) down[d][0] = moved[at][0] * held0[d][0];
?          if (beat_now[d * 2 + 1]) begin
?            for (i = (d < @C@) ? 1 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) down[d][i] = down[d - 1][i - 1] + moved[at][i] * held1[d][i];
?            if (d < @C@) down[d][0] = moved[at][0] * held1[d][0];
?          end else begin
?            for (i = (d < @C@) ? 1 : d - @C1@; i <= ((d < @R@) ? d : @R1@); i = i + 1) down[d][i] = down[d - 1][i - 1] + moved[at][i] * held0[d][i];
?            if (d < @C@) down[d][0] = moved[at][0] * held0[d][0];
?          end
        end
!      if (beat_now[0]) down[0][0] = moved[now][0] * held0[0][0];
?      if (beat_now[0]) down[0][0] = moved[now][0] * (beat_now[1] ? held1[0][0] : held0[0][0]);
!      if (loading) begin
!        for (i = @R1@; i > 0; i = i - 1)
!          for (j = 0; j < @C@; j = j + 1) held0[i + j][i] = held0[i + j - 1][i - 1];
!        for (j = 0; j < @C@; j = j + 1) held0[j][0] = @N@'($signed(@HOLD@_data[j * @B@ +: @B@]));
!      end
?      // A word moves down a row a step, and a register changes only when one arrives: elements of earlier folds may still need it.
?      if (loading)
?        for (j = 0; j < @C@; j = j + 1) words[now][j] = @N@'($signed(@HOLD@_data[j * @B@ +: @B@]));
?      for (j = 0; j < @C@; j = j + 1)
?        if (load_now[j * @LB@]) begin
?          at = now - @SB@'(j);
?          for (i = @R1@; i > 0; i = i - 1)
?            if (i[@RB1@:0] <= load_now[j * @LB@ + 2 +: @RB@]) begin
?              if (load_now[j * @LB@ + 1]) held1[i + j][i] = held1[i + j - 1][i - 1];
?              else held0[i + j][i] = held0[i + j - 1][i - 1];
?            end
?          if (load_now[j * @LB@ + 1]) held1[j][0] = words[at][j];
?          else held0[j][0] = words[at][j];
?        end
      now = now + @SB@'d1;
    end
  end
  /* verilator lint_on BLKSEQ */

  // The exits: what the last row of the fold computes in this very step.
  logic [@IB1@:0] exit_row;
  logic [@SB1@:0] exit_diagonal, exit_slot;  // the slot by name: Icarus Verilog does not wrap a difference that stands as an index
  logic signed [@N1@:0] exit_moved, exit_held;
  logic [@A1@:0] exit_sum;
  always_comb begin
    exit_row = @IB@'d0;
    exit_diagonal = @SB@'d0;
    exit_slot = @SB@'d0;
    exit_moved = @N@'sd0;
    exit_held = @N@'sd0;
    exit_sum = @A@'d0;
    ofmap_data = @OW@'d0;
    for (int j = 0; j < @C@; j = j + 1)
      if (ofmap_lanes[j]) begin
        exit_row = @IB@'(exits_now[j * @XB@ + @CB@ +: @RB@] - @RB@'d1);
        exit_diagonal = @SB@'(exit_row) + @SB@'(j);
        exit_slot = now - exit_diagonal;
        if (exit_diagonal == @SB@'d0) exit_moved = @N@'($signed(@MOVE@_data[@B1@:0]));
        else exit_moved = moved[exit_slot][exit_row];
!        exit_held = held0[exit_diagonal][exit_row];
?        exit_held = exits_now[j * @XB@ + @CB@ + @RB@ + 1] ? held1[exit_diagonal][exit_row] : held0[exit_diagonal][exit_row];
        exit_sum = @A@'(exit_moved * exit_held);
        if (exit_row != @IB@'d0) exit_sum = exit_sum + @A@'(down[exit_diagonal - @SB@'d1][exit_row - @IB@'d1]);
        ofmap_data[j * @A@ +: @A@] = exit_sum + (psum_lanes[j] ? psum_data[j * @A@ +: @A@] : @A@'d0);
      end
  end
endmodule
)";

// Module style: what synthesis tools handle PE by PE.
constexpr std::string_view modules_array =
    R"(  // ---- Array: a module per PE. ----
  logic [@PEB1@:0] moved;
  logic [@PEA1@:0] sums;
  genvar gi, gj;
  generate
    for (gi = 0; gi < @R@; gi = gi + 1) begin : row_skew
      if (gi == 0) assign moved[@B1@:0] = @MOVE@_data[@B1@:0];
      else @TOP@_skew #(.BITS(@B@), .STEPS(gi)) skew (.clk(clk), .step(step), .in(@MOVE@_data[gi * @B@ +: @B@]), .out(moved[gi * @C@ * @B@ +: @B@]));
    end
    for (gj = 0; gj < @C@; gj = gj + 1) begin : column
      logic [@COLB1@:0] words;
?      if (gj == 0) assign words[@B1@:0] = @HOLD@_data[@B1@:0];
?      else @TOP@_skew #(.BITS(@B@), .STEPS(gj)) skew (.clk(clk), .step(step), .in(@HOLD@_data[gj * @B@ +: @B@]), .out(words[@B1@:0]));
!      assign words[@B1@:0] = @HOLD@_data[gj * @B@ +: @B@];
      for (gi = 0; gi < @R@; gi = gi + 1) begin : pe_row
        /* verilator lint_off UNUSEDSIGNAL */  // at the edges nobody takes them
        logic [@B1@:0] a_out, w_out;
        logic [@A1@:0] above, sum, partial;
        /* verilator lint_on UNUSEDSIGNAL */
        @PE@ pe (.clk(clk), .step(step),
?          .bank(beat_now[(gi + gj) * 2 + 1]), .load_bank(load_now[gj * @LB@ + 1]),
?          .load0(step && load_now[gj * @LB@] && !load_now[gj * @LB@ + 1] && (load_now[gj * @LB@ + 2 +: @RB@] + 1 > gi)),
?          .load1(step && load_now[gj * @LB@] && load_now[gj * @LB@ + 1] && (load_now[gj * @LB@ + 2 +: @RB@] + 1 > gi)),
!          .load(step && loading),
          .w_in(words[gi * @B@ +: @B@]), .a_in(moved[(gi * @C@ + gj) * @B@ +: @B@]), .above(above),
          .a_out(a_out), .w_out(w_out), .sum(sum), .partial(partial));
        // Bits that a sum of gi + 1 products has; its upper ones are its sign.
        localparam BITS = 2 * @B@ + $clog2(gi + 1) < @A@ ? 2 * @B@ + $clog2(gi + 1) : @A@;
        assign sums[(gi * @C@ + gj) * @A@ +: @A@] = @A@'($signed(sum[BITS-1:0]));
        if (gi == 0) assign above = @A@'d0;
        else assign above = @A@'($signed(column[gj].pe_row[gi - 1].partial[column[gj].pe_row[gi - 1].BITS-1:0]));
        if (gj + 1 < @C@) assign moved[(gi * @C@ + gj + 1) * @B@ +: @B@] = a_out;
        if (gi + 1 < @R@) assign words[(gi + 1) * @B@ +: @B@] = w_out;
      end
    end
  endgenerate

  // The exits: what the last row of the fold computes in this very step.
  logic [@A1@:0] exit_sum;
  always_comb begin
    for (int c = 0; c < @C@; c = c + 1) begin
      exit_sum = @A@'d0;
      for (int r = 0; r < @R@; r = r + 1)
        if (exits_now[c * @XB@ + @CB@ +: @RB@] == r[@RB1@:0] + @RB@'d1) exit_sum = sums[(r * @C@ + c) * @A@ +: @A@];
      ofmap_data[c * @A@ +: @A@] = ofmap_lanes[c] ? exit_sum + (psum_lanes[c] ? psum_data[c * @A@ +: @A@] : @A@'d0) : @A@'d0;
    end
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
?  input  logic bank,
?  input  logic load_bank,
?  input  logic load0,
?  input  logic load1,
!  input  logic load,
  input  logic signed [@B1@:0] w_in,
  input  logic signed [@B1@:0] a_in,
  input  logic signed [@A1@:0] above,
  output logic signed [@B1@:0] a_out,
  output logic [@B1@:0] w_out,
  output logic signed [@A1@:0] sum,
  output logic signed [@A1@:0] partial
);
  logic signed [@B1@:0] held0;
?  logic signed [@B1@:0] held1;
  logic signed [@P1@:0] product;
!  assign product = a_in * held0;
?  logic signed [@B1@:0] word;
?  assign word = bank ? held1 : held0;
?  assign product = a_in * word;
  /* verilator lint_off WIDTH */
  assign sum = above + product;
  /* verilator lint_on WIDTH */
!  assign w_out = held0;
?  assign w_out = load_bank ? held1 : held0;
  always_ff @(posedge clk) begin
    if (step) begin
      a_out <= a_in;
      partial <= sum;
    end
!    if (load) held0 <= w_in;
?    if (load0) held0 <= w_in;
?    if (load1) held1 <= w_in;
  end
endmodule
)";

}  // namespace

std::string held_text(const ArrayParameters& p, RtlStyle style, const std::map<std::string, std::string>& places) {
  auto all = places;
  const auto width = [&](const std::string& name, std::int64_t count, std::int64_t bits) {
    all[name] = std::to_string(count * bits);
    all[name + "1"] = std::to_string(count * bits - 1);
  };
  const int row_bits = bits_for(p.rows), tag_bits = 3 + row_bits + bits_for(p.cols);
  width("TAG", p.rows, tag_bits);
  width("EXIT", p.cols, tag_bits);
  width("BEAT", p.rows + p.cols - 1, 2);
  width("LOAD", p.cols, 2 + row_bits);
  width("TAIL", p.rows + p.cols - 1, bits_for(p.rows + p.cols) + 1);
  width("PEB", p.rows * p.cols, p.precision_bits);
  width("PEA", p.rows * p.cols, p.accumulator_bits);
  width("COLB", p.rows, p.precision_bits);
  const std::string text = std::string(head) + std::string(style == RtlStyle::loops ? loops_array : modules_array);
  return fill_places(choose_lines(text, p.overlap), all);
}

}  // namespace gnomon::hls
