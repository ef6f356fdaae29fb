#include <algorithm>

#include "design/shape.hpp"
#include "design/turns.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

using arch::Operand;

constexpr std::string_view meter = R"(
// Prices the step at hand: the bytes that each port of a level passes in it, counted in the skew of rows and columns, against what the port passes in a
// cycle. The array is held while a port needs further cycles; they count from the cycle in which all that the step needs is there.
module @TOP@_meter (
  input  logic clk,
  input  logic rst,
  input  logic [@DUE1@:0] due,
@INPUTS@  output logic hold
);
@DECLARE@
  always_comb begin
@LANES@@COUNT@@PORTS@    hold = due[0] && (@OVER@);
  end
  always_ff @(posedge clk) begin
    if (rst) begin
@RESET@    end else if (hold) begin
@FURTHER@    end else if (due[0]) begin
@STEP@    end
  end
endmodule
)";

/// What the meter is made of for a shape.
class MeterText {
 public:
  MeterText(const DesignShape& shape, const Places& places) : s_(shape), all_(places) {
    const bool swapped = s_.array.dataflow == arch::Dataflow::is;
    os_ = s_.array.dataflow == arch::Dataflow::os;
    row_ = swapped ? Operand::filter : Operand::ifmap;
    col_ = swapped ? Operand::ifmap : Operand::filter;
    const std::int64_t word = (s_.array.precision_bits + 7) / 8, sum = (s_.array.accumulator_bits + 7) / 8;
    const std::int64_t most = (s_.array.rows + s_.array.cols) * word + s_.array.cols * sum;
    set_place(all_, "N", bits_for(s_.cuts_bytes() ? 16 * most + 8 : 2 * most));  // of a number of bytes or, below a byte, of bits
    set_place(all_, "DUE", os_ ? 4 : 3);
    set_place(all_, "LEV", bits_for(static_cast<std::int64_t>(s_.levels.size()) - 1));
  }

  std::string text() {
    stream("row", s_.array.rows, bits_for(s_.array.rows), "due[1]", true, row_);
    stream("col", s_.array.cols, bits_for(s_.array.cols), "due[2]", os_ || s_.array.overlap, col_);
    if (os_) drained();
    else results();
    if (s_.cuts_bytes()) declare_ += fill("  logic [@N1@:0] run;\n  logic last_odd;\n");
    ports();
    if (s_.banked) turns();
    Places parts = all_;
    for (const auto& [name, value] : {std::pair{"INPUTS", inputs_}, {"DECLARE", declare_}, {"LANES", lanes_}, {"COUNT", count_}, {"PORTS", ports_}, {"OVER", over_},
                                      {"RESET", reset_}, {"FURTHER", further_}, {"STEP", step_}})
      parts[name] = value;
    return fill_places(meter, parts);
  }

 private:
  const DesignShape& s_;
  Places all_;
  bool os_ = false;
  Operand row_ = Operand::ifmap, col_ = Operand::filter;
  std::string inputs_, declare_, lanes_, count_, ports_, over_, reset_, further_, step_;

  std::string fill(std::string_view text) const { return fill_places(text, all_); }
  /// The same with the places of one stream.
  std::string fill(std::string_view text, const std::map<std::string, std::string>& own) const {
    Places places = all_;
    for (const auto& [name, value] : own) places[name] = value;
    return fill_places(text, places);
  }

  /// `x` times a constant, without a multiplier.
  static std::string times(const std::string& x, std::int64_t factor) {
    std::string out;
    for (int bit = 0; factor >> bit != 0; ++bit)
      if ((factor >> bit & 1) != 0) out += (out.empty() ? "" : " + ") + (bit == 0 ? x : "(" + x + " << " + std::to_string(bit) + ")");
    return out.find(" + ") == out.npos ? out : "(" + out + ")";
  }
  /// Bytes of `count` elements of one fold.
  std::string packed(const std::string& count, std::int64_t bits) const {
    return bits % 8 == 0 ? times(count, bits / 8) : "((" + times(count, bits) + fill(" + @N@'d7) >> 3)");
  }

  /// `NAME_bytes`: bytes of the elements in `lanes`, of which those of each fold (told apart by NAME_odds) are rounded up on their own.
  void count(const std::string& name, const std::string& lanes, std::int64_t size, std::int64_t bits, const std::string& odds) {
    const std::map<std::string, std::string> own{{"NAME", name}, {"LANES", lanes}, {"SIZE", std::to_string(size)}, {"BITS", std::to_string(bits)}, {"ODDS", odds}};
    declare_ += fill("  logic [@N1@:0] @NAME@_bytes;\n", own);
    if (bits % 8 == 0) {
      count_ += fill("    @NAME@_bytes = @N@'d0;\n    for (int i = 0; i < @SIZE@; i = i + 1) @NAME@_bytes = @NAME@_bytes + {@N1@'d0, @LANES@[i]};\n", own);
      if (bits > 8) count_ += "    " + name + "_bytes = " + times(name + "_bytes", bits / 8) + ";\n";
      return;
    }
    count_ += fill(R"(    @NAME@_bytes = @N@'d0;
    run = @N@'d0;
    last_odd = @ODDS@[0];
    for (int i = 0; i < @SIZE@; i = i + 1) begin
      if (@ODDS@[i] != last_odd) begin
        @NAME@_bytes = @NAME@_bytes + ((run + @N@'d7) >> 3);
        run = @N@'d0;
      end
      last_odd = @ODDS@[i];
      if (@LANES@[i]) run = run + @N@'d@BITS@;
    end
    @NAME@_bytes = @NAME@_bytes + ((run + @N@'d7) >> 3);
)", own);
  }

  /// The level of an operand that several hold: what its stream last began with.
  void level(const std::string& name, Operand operand, const std::string& enters) {
    if (!s_.several_hold(operand)) return;
    const std::map<std::string, std::string> own{{"NAME", name}, {"ENTERS", enters}};
    inputs_ += fill("  input  logic [@LEV1@:0] @NAME@_level,\n", own);
    declare_ += fill("  logic [@LEV1@:0] @NAME@_at, @NAME@_kept;\n", own);
    lanes_ += fill("    @NAME@_at = @ENTERS@ ? @NAME@_level : @NAME@_kept;\n", own);
    reset_ += fill("      @NAME@_kept <= @LEV@'d0;\n", own);
    step_ += fill("      @NAME@_kept <= @NAME@_at;\n", own);
  }

  /// An operand on its way in: lane i has in this step what entered i steps ago (all lanes at once where a block enters).
  void stream(const std::string& name, std::int64_t size, int bits, const std::string& enters, bool skewed, Operand operand) {
    const bool odd = s_.cuts_bytes() && skewed;
    std::map<std::string, std::string> own{{"NAME", name}, {"ENTERS", enters}, {"SIZE", std::to_string(size)}};
    set_place(own, "S", bits);
    set_place(own, "E", bits + (odd ? 1 : 0));
    set_place(own, "LINE", size * (bits + (odd ? 1 : 0)));
    own["SIZE1"] = std::to_string(size - 1);
    inputs_ += fill("  input  logic [@S1@:0] @NAME@_lanes,\n", own);
    level(name, operand, enters);
    if (!skewed) {
      set_place(own, "PAD", std::stoll(all_.at("N")) - bits);
      declare_ += fill("  logic [@N1@:0] @NAME@_bytes;\n", own);
      count_ += fill("    @NAME@_bytes = @ENTERS@ ? {@PAD@'d0, @NAME@_lanes} : @N@'d0;\n", own);
      if (s_.array.precision_bits != 8) count_ += "    " + name + "_bytes = " + packed(name + "_bytes", s_.array.precision_bits) + ";\n";
      return;
    }
    if (odd) inputs_ += fill("  input  logic @NAME@_odd,\n", own);
    declare_ += fill("  logic [@LINE1@:0] @NAME@_line, @NAME@_now;\n  logic [@SIZE1@:0] @NAME@_here;\n", own);
    if (odd) declare_ += fill("  logic [@SIZE1@:0] @NAME@_odds;\n", own);
    lanes_ += fill("    @NAME@_now = @NAME@_line << @E@;\n", own);
    lanes_ += fill(odd ? "    @NAME@_now[@E1@:0] = {@NAME@_odd, @ENTERS@ ? @NAME@_lanes : @S@'d0};\n" : "    @NAME@_now[@E1@:0] = @ENTERS@ ? @NAME@_lanes : @S@'d0;\n", own);
    lanes_ += fill("    for (int i = 0; i < @SIZE@; i = i + 1) begin\n      @NAME@_here[i] = i[@S1@:0] < @NAME@_now[i * @E@ +: @S@];\n", own);
    if (odd) lanes_ += fill("      @NAME@_odds[i] = @NAME@_now[i * @E@ + @E1@];\n", own);
    lanes_ += "    end\n";
    reset_ += fill("      @NAME@_line <= @LINE@'d0;\n", own);
    step_ += fill("      @NAME@_line <= @NAME@_now;\n", own);
    count(name, name + "_here", size, s_.array.precision_bits, name + "_odds");
  }

  /// os: a row of one fold in a step, and the partial sums that are added to it.
  void drained() {
    level("result", Operand::ofmap, "due[3]");
    inputs_ += fill("  input  logic [@CB1@:0] drained,\n  input  logic drained_sums,\n  input  logic drained_adds,\n");
    declare_ += fill("  logic [@N1@:0] result_words, result_bytes, psum_bytes;\n");
    count_ += fill("    result_words = due[3] ? {@PAD@'d0, drained} : @N@'d0;\n", {{"PAD", std::to_string(std::stoll(all_.at("N")) - bits_for(s_.array.cols))}});
    const std::string sums = packed("result_words", s_.array.accumulator_bits);
    count_ += fill("    result_bytes = drained_sums ? " + sums + " : " + packed("result_words", s_.array.precision_bits) + ";\n    psum_bytes = drained_adds ? " + sums + " : @N@'d0;\n");
  }

  /// ws, is: the results of a fold pass column after column, a step each; what column 0 knows travels with them.
  void results() {
    const bool odd = s_.cuts_bytes();
    const std::int64_t entry = odd ? 2 : 1, line = s_.array.cols * entry;
    level("result", Operand::ofmap, "ofmap_lanes[0]");
    std::map<std::string, std::string> own{{"E", std::to_string(entry)}};
    set_place(own, "LINE", line);
    inputs_ += fill("  input  logic [@C1@:0] ofmap_lanes,\n  input  logic [@C1@:0] psum_lanes,\n  input  logic result_sums,\n");
    if (odd) inputs_ += "  input  logic result_odd,\n";
    declare_ += fill("  logic [@LINE1@:0] result_line, result_now;\n  logic [@C1@:0] sum_lanes, final_lanes;\n  logic [@N1@:0] result_bytes;\n", own);
    if (odd) declare_ += fill("  logic [@C1@:0] result_odds;\n");
    lanes_ += fill("    result_now = result_line << @E@;\n", own) + (odd ? "    result_now[1:0] = {result_odd, result_sums};\n" : "    result_now[0] = result_sums;\n");
    lanes_ += fill("    for (int i = 0; i < @C@; i = i + 1) begin\n      sum_lanes[i] = ofmap_lanes[i] && result_now[i * @E@];\n      final_lanes[i] = ofmap_lanes[i] && !result_now[i * @E@];\n", own);
    if (odd) lanes_ += "      result_odds[i] = result_now[i * 2 + 1];\n";
    lanes_ += "    end\n";
    reset_ += fill("      result_line <= @LINE@'d0;\n", own);
    step_ += "      result_line <= result_now;\n";
    count("final", "final_lanes", s_.array.cols, s_.array.precision_bits, "result_odds");
    count("sum", "sum_lanes", s_.array.cols, s_.array.accumulator_bits, "result_odds");
    count("psum", "psum_lanes", s_.array.cols, s_.array.accumulator_bits, "result_odds");
    count_ += "    result_bytes = final_bytes + sum_bytes;\n";
  }

  /// The turns of words that share banks.
  void turns() {
    const TurnsText turns = turns_text(s_, all_);
    inputs_ += turns.inputs;
    declare_ += turns.declare;
    ports_ += turns.lanes;
    over_ += (over_.empty() ? "" : " || ") + turns.over;
    reset_ += turns.reset;
    further_ += turns.further;
    step_ += turns.step;
  }

  void ports() {
    for (std::size_t l = 0; l < s_.levels.size(); ++l) {
      if (!s_.levels[l].narrow) continue;
      const std::string i = std::to_string(l), rate = fill("@N@'d" + std::to_string(s_.levels[l].bytes_per_cycle));
      const auto part = [&](const std::string& name, const std::string& bytes, Operand operand) {
        if (!s_.levels[l].holds[static_cast<std::size_t>(operand)]) return std::string();
        return s_.several_hold(operand) ? "(" + name + "_at == " + fill("@LEV@'d" + i) + " ? " + bytes + fill(" : @N@'d0)") : bytes;
      };
      std::string reads;
      for (const std::string& one : {part("row", "row_bytes", row_), part("col", "col_bytes", col_), part("result", "psum_bytes", Operand::ofmap)})
        if (!one.empty()) reads += (reads.empty() ? "" : " + ") + one;
      const std::string writes = part("result", "result_bytes", Operand::ofmap);
      // A port that has passed its part waits for the others.
      declare_ += fill("  logic [@N1@:0] quota" + i + ";  // bytes that level " + i + "'s ports have passed by the end of this cycle\n  logic over" + i + ";\n");
      ports_ += "    over" + i + " = " + reads + " > quota" + i + (writes.empty() ? "" : " || " + writes + " > quota" + i) + ";\n";
      over_ += (over_.empty() ? "over" : " || over") + i;
      reset_ += "      quota" + i + " <= " + rate + ";\n";
      further_ += "      if (over" + i + ") quota" + i + " <= quota" + i + " + " + rate + ";\n";
      step_ += "      quota" + i + " <= " + rate + ";\n";
    }
    // A stream whose levels are all wide enough.
    const auto priced = [&](Operand operand) {
      return std::any_of(s_.levels.begin(), s_.levels.end(), [&](const auto& level) { return level.narrow && level.holds[static_cast<std::size_t>(operand)]; });
    };
    std::string idle;
    for (const auto& [operand, name] : {std::pair{row_, "row"}, {col_, "col"}, {Operand::ofmap, "result"}}) {
      if (priced(operand)) continue;
      idle += (idle.empty() ? "" : ", ") + std::string(name) + "_bytes" + (operand == Operand::ofmap ? ", psum_bytes" : "");
      if (s_.several_hold(operand)) idle += ", " + std::string(name) + "_at";
    }
    if (!idle.empty()) {
      declare_ += "  logic unused;  // levels wide enough for all that a step moves\n";
      ports_ += "    unused = ^{" + idle + "};\n";
    }
  }
};

}  // namespace

std::string meter_text(const DesignShape& shape, const Places& places) { return MeterText(shape, places).text(); }

std::string meter_instance(const DesignShape& s) {
  const bool swapped = s.array.dataflow == arch::Dataflow::is, os = s.array.dataflow == arch::Dataflow::os;
  const DescriptorLayout fold = descriptor_layouts(s).fold;
  std::string out = "  // ---- Price of a step. ----\n  @TOP@_meter meter (.clk(clk), .rst(rst), .due(due)";
  const auto pin = [&](const std::string& port, const std::string& bits) { out += ", ." + port + "(" + bits + ")"; };
  const auto from = [&](const std::string& queue, const std::string& group, const std::string& field) {
    return queue + "[" + std::to_string(fold.at(field) - fold.group_at(group)) + " +: " + std::to_string(fold.width(field)) + "]";
  };
  const auto turns = [&](const std::string& name, const std::string& queue, const std::string& group) {
    if (!s.banked) return;
    pin(name + "_last", queue.substr(0, 2) + "_ready");
    for (const DescriptorField& field : turns_fields(s, "")) pin(name + "_" + field.name, from(queue, group, "p" + group + field.name));
  };
  const auto stream = [&](const std::string& name, bool ifmap) {
    const std::string queue = ifmap ? "if_desc" : "fi_desc", group = ifmap ? "i_" : "f_", prefix = "p" + group;
    pin(name + "_lanes", from(queue, group, prefix + "lanes"));
    if (fold.has(prefix + "level")) pin(name + "_level", from(queue, group, prefix + "level"));
    if (fold.has(prefix + "odd")) pin(name + "_odd", from(queue, group, prefix + "odd"));
    turns(name, queue, group);
  };
  stream("row", !swapped);
  stream("col", swapped);
  if (fold.has("pr_level")) pin("result_level", from("rs_desc", "r_", "pr_level"));
  const std::string sums = "!" + from("rs_desc", "r_", "r_final");
  if (os) {
    pin("drained", from("rs_desc", "r_", "r_cols"));
    pin("drained_sums", sums);
    pin("drained_adds", from("rs_desc", "r_", "pr_adds"));
  } else {
    pin("ofmap_lanes", "ofmap_lanes");
    pin("psum_lanes", "psum_lanes");
    pin("result_sums", sums);
    if (fold.has("pr_odd")) pin("result_odd", from("rs_desc", "r_", "pr_odd"));
  }
  turns("result", "rs_desc", "r_");
  return out + ",\n    .hold(hold));\n\n";
}

}  // namespace gnomon::hls
