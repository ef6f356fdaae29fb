#include <map>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {
namespace {

/// Puts values into `@NAME@` places. A name without a value stays as it is and fails in every tool that reads the text.
std::string fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = text.find('@');
    const std::size_t end = begin == text.npos ? text.npos : text.find('@', begin + 1);
    const auto value = end == text.npos ? values.end() : values.find(std::string(text.substr(begin + 1, end - begin - 1)));
    if (begin == text.npos) return out.append(text);
    if (value == values.end()) {
      out.append(text.substr(0, begin + 1));
      text.remove_prefix(begin + 1);
      continue;
    }
    out.append(text.substr(0, begin)).append(value->second);
    text.remove_prefix(end + 1);
  }
  return out;
}

/// Lines that belong to one of the two variants begin with `?` (with overlap) or `!` (without).
std::string choose(std::string_view text, bool overlap) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!line.empty() && (line.front() == '?' || line.front() == '!')) {
      if ((line.front() == '?') != overlap) continue;
      line.remove_prefix(1);
    }
    out.append(line).push_back('\n');
  }
  return out;
}

int bits_for(std::int64_t value) {
  int bits = 1;
  while (value >> bits) ++bits;
  return bits;
}

constexpr std::string_view os_template =
    R"(// Output-stationary array, @R@ x @C@ PEs, int@B@ operands, @A@-bit accumulators, @MODE@.
// Step X + t of a fold takes element t; PE (i, j) multiplies it in step X + t + i + j; rows leave from step X + length + (rows-1) + (cols-1).
module @TOP@ (
  input  logic clk,
  input  logic rst,
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
  output logic [@OW1@:0] ofmap_data
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
    ofmap_valid = drains && (!streaming || (ifmap_valid && filter_valid)) && (!drain_accumulate || psum_valid);
    step = (!streaming || (ifmap_valid && filter_valid)) && (!drains || (ofmap_ready && (!drain_accumulate || psum_valid)));
    ifmap_ready = streaming && step;
    filter_ready = streaming && step;
    psum_ready = drains && drain_accumulate && step;
    take_next = step && nxt_valid && (!cur_valid || (age_next >= gap));
    fold_ready = !nxt_valid || take_next;
  end

  always_ff @(posedge clk) begin
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

  // ---- Array. Tags {valid, first, last} travel with the diagonals, one a step: PE (i, j) sees tag[i + j]. ----
  logic [2:0] tag [0:@DIAG1@];
  logic [@RW1@:0] ifmap_line [0:@R1@];   // skew: beat of s steps ago
  logic [@CW1@:0] filter_line [0:@C1@];
  logic signed [@B1@:0] a [0:@R1@][0:@C1@];
  logic signed [@B1@:0] b [0:@R1@][0:@C1@];
  logic signed [@A1@:0] acc [0:@R1@][0:@C1@];
?  logic signed [@A1@:0] aside [0:@R1@][0:@C1@];
  logic signed [@A1@:0] sum;

  // Blocking assignments from the last PE to the first: each reads what its neighbours held in the step before.
  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    if (rst) begin
      for (int d = 0; d < @DIAG@; d = d + 1) tag[d] = 3'd0;
    end else if (step) begin
      for (int d = @DIAG1@; d > 0; d = d - 1) tag[d] = tag[d - 1];
      tag[0] = {streaming, age == 35'd0, last_beat};
      for (int s = @R1@; s > 0; s = s - 1) ifmap_line[s] = ifmap_line[s - 1];
      for (int s = @C1@; s > 0; s = s - 1) filter_line[s] = filter_line[s - 1];
      ifmap_line[0] = ifmap_data;
      filter_line[0] = filter_data;
      if (drains) begin
        for (int i = 0; i < @R1@; i = i + 1)
          for (int j = 0; j < @C@; j = j + 1) @DRAIN@[i][j] = @DRAIN@[i + 1][j];
      end
      for (int i = 0; i < @R@; i = i + 1)
        for (int j = @C1@; j > 0; j = j - 1) a[i][j] = a[i][j - 1];
      for (int i = 0; i < @R@; i = i + 1) a[i][0] = ifmap_line[i][i * @B@ +: @B@];
      for (int i = @R1@; i > 0; i = i - 1)
        for (int j = 0; j < @C@; j = j + 1) b[i][j] = b[i - 1][j];
      for (int j = 0; j < @C@; j = j + 1) b[0][j] = filter_line[j][j * @B@ +: @B@];
      for (int i = 0; i < @R@; i = i + 1)
        for (int j = 0; j < @C@; j = j + 1)
          if (tag[i + j][2]) begin
            sum = (tag[i + j][1] ? @A@'sd0 : acc[i][j]) + a[i][j] * b[i][j];
            acc[i][j] = sum;
?            if (tag[i + j][0]) aside[i][j] = sum;
          end
    end
  end
  /* verilator lint_on BLKSEQ */

  always_comb begin
    for (int j = 0; j < @C@; j = j + 1)
      ofmap_data[j * @A@ +: @A@] = @DRAIN@[0][j] + (drain_accumulate ? psum_data[j * @A@ +: @A@] : @A@'d0);
  end
endmodule
)";

}  // namespace

Expected<ArrayParameters> array_parameters(const arch::Array& array) {
  const arch::DataflowInfo& flow = arch::info(array.dataflow);
  if (!flow.outputs_stay()) {
    return fail(ErrorKind::unsupported, "RTL exists for dataflow \"os\" only, not for " + in_quotes(flow.name));
  }
  if (array.timing != arch::Timing::rtl)
    return fail(ErrorKind::unsupported, "RTL exists for timing \"rtl\" only, not for \"scalesim\"");
  if (array.precision.floating)
    return fail(ErrorKind::unsupported, "RTL exists for integer precisions only, not for " + in_quotes(array.precision.name));
  return ArrayParameters{array.rows, array.cols, array.precision.bits, array.accumulator_bits, array.overlap};
}

Expected<Rtl> emit_os_array(const ArrayParameters& p) {
  const auto refuse = [](const std::string& what, std::int64_t value, std::int64_t low, std::int64_t high) {
    return fail(ErrorKind::unsupported, "RTL of an os array: " + what + " is " + std::to_string(value) + "; allowed are " +
                                            std::to_string(low) + " to " + std::to_string(high));
  };
  if (p.rows < 1 || p.rows > 256) return refuse("rows", p.rows, 1, 256);
  if (p.cols < 1 || p.cols > 256) return refuse("cols", p.cols, 1, 256);
  if (p.precision_bits < 2 || p.precision_bits > 32) return refuse("bits of the precision", p.precision_bits, 2, 32);
  if (p.accumulator_bits < p.precision_bits || p.accumulator_bits > 64)
    return refuse("accumulator_bits", p.accumulator_bits, p.precision_bits, 64);

  const int row_bits = bits_for(p.rows), col_bits = bits_for(p.cols), delay_bits = bits_for(p.rows + p.cols) + 1;
  Rtl rtl;
  rtl.top = "gnomon_os_" + std::to_string(p.rows) + "x" + std::to_string(p.cols) + "_i" + std::to_string(p.precision_bits) +
            "_a" + std::to_string(p.accumulator_bits) + (p.overlap ? "_overlap" : "");
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  const int beat_bits[] = {int(p.rows * p.precision_bits), int(p.cols * p.precision_bits), int(p.cols * p.accumulator_bits)};
  rtl.ports = {{"clk", 1, true},
               {"rst", 1, true},
               {"fold_valid", 1, true},
               {"fold_ready", 1, false},
               {"fold_rows", row_bits, true},
               {"fold_cols", col_bits, true},
               {"fold_length", 32, true},
               {"fold_accumulate", 1, true},
               {"ifmap_valid", 1, true},
               {"ifmap_ready", 1, false},
               {"ifmap_data", beat_bits[0], true},
               {"filter_valid", 1, true},
               {"filter_ready", 1, false},
               {"filter_data", beat_bits[1], true},
               {"psum_valid", 1, true},
               {"psum_ready", 1, false},
               {"psum_data", beat_bits[2], true},
               {"ofmap_valid", 1, false},
               {"ofmap_ready", 1, true},
               {"ofmap_data", beat_bits[2], false}};
  if (p.overlap) rtl.ports.push_back({"fold_wait", 1, true});
  rtl.text = fill(choose(os_template, p.overlap), {{"TOP", rtl.top},
                                                   {"MODE", p.overlap ? "folds overlap" : "folds one after the other"},
                                                   {"DRAIN", p.overlap ? "aside" : "acc"},
                                                   {"R", n(p.rows)},
                                                   {"R1", n(p.rows - 1)},
                                                   {"C", n(p.cols)},
                                                   {"C1", n(p.cols - 1)},
                                                   {"B", n(p.precision_bits)},
                                                   {"B1", n(p.precision_bits - 1)},
                                                   {"A", n(p.accumulator_bits)},
                                                   {"A1", n(p.accumulator_bits - 1)},
                                                   {"RB", n(row_bits)},
                                                   {"RB1", n(row_bits - 1)},
                                                   {"CB1", n(col_bits - 1)},
                                                   {"DB", n(delay_bits)},
                                                   {"DB1", n(delay_bits - 1)},
                                                   {"RPAD", n(35 - row_bits)},
                                                   {"CPAD", n(35 - col_bits)},
                                                   {"DRPAD", n(delay_bits - row_bits)},
                                                   {"DCPAD", n(delay_bits - col_bits)},
                                                   {"RW1", n(beat_bits[0] - 1)},
                                                   {"CW1", n(beat_bits[1] - 1)},
                                                   {"OW1", n(beat_bits[2] - 1)},
                                                   {"DIAG", n(p.rows + p.cols - 1)},
                                                   {"DIAG1", n(p.rows + p.cols - 2)}});
  return rtl;
}

}  // namespace gnomon::hls
