#include "emit/array.hpp"

#include <algorithm>

#include "emit/text.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

Expected<ArrayParameters> array_parameters(const arch::Array& array) {
  if (array.timing != arch::Timing::rtl)
    return fail(ErrorKind::unsupported, "RTL exists for timing \"rtl\" only, not for \"scalesim\"");
  if (array.precision.floating)
    return fail(ErrorKind::unsupported, "RTL exists for integer precisions only, not for " + in_quotes(array.precision.name));
  return ArrayParameters{array.rows,    array.cols,    array.precision.bits, array.accumulator_bits,
                         array.overlap, array.dataflow};
}

std::int64_t ArrayParameters::wait_distance() const {
  if (!overlap) return 0;
  return arch::info(dataflow).outputs_stay() ? 1 : rows + cols - 1;
}

std::string pe_name(const ArrayParameters& p) {
  return std::string("gnomon_") + (arch::info(p.dataflow).outputs_stay() ? "os" : "held") + "_i" + std::to_string(p.precision_bits) + "_a" + std::to_string(p.accumulator_bits) +
         (p.overlap ? "_overlap_pe" : "_pe");
}

std::map<std::string, std::string> array_places(const ArrayParameters& p, const std::string& top) {
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  const arch::DataflowInfo& flow = arch::info(p.dataflow);
  const bool held = !flow.outputs_stay();
  const int row_bits = bits_for(p.rows), col_bits = bits_for(p.cols), delay_bits = bits_for(p.rows + p.cols) + 1;
  const int slot_bits = std::max(1, bits_for(p.rows + p.cols - 2)), native_bits = p.accumulator_bits <= 32 ? 32 : 64;
  const int row_index_bits = bits_for(p.rows - 1);
  const std::int64_t distance = std::max<std::int64_t>(1, p.wait_distance());
  const std::string hold = held && flow.stationary == arch::Operand::ifmap ? "ifmap" : "filter";
  return {{"TOP", top},
          {"PE", pe_name(p)},
          {"FLOW", flow.name},
          {"HOLD", hold},
          {"MOVE", hold == "ifmap" ? "filter" : "ifmap"},
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
          {"P1", n(std::min(p.accumulator_bits, 2 * p.precision_bits) - 1)},  // of a product
          {"RB", n(row_bits)},
          {"RB1", n(row_bits - 1)},
          {"CB", n(col_bits)},
          {"CB1", n(col_bits - 1)},
          {"DB", n(delay_bits)},
          {"DB1", n(delay_bits - 1)},
          {"WB", n(bits_for(distance))},
          {"WB1", n(bits_for(distance) - 1)},
          {"D", n(distance)},
          {"D1", n(distance - 1)},
          {"RPAD", n(35 - row_bits)},
          {"CPAD", n(35 - col_bits)},
          {"DRPAD", n(delay_bits - row_bits)},
          {"DCPAD", n(delay_bits - col_bits)},
          {"RW", n(p.rows * p.precision_bits)},
          {"RW1", n(p.rows * p.precision_bits - 1)},
          {"CW", n(p.cols * p.precision_bits)},
          {"CW1", n(p.cols * p.precision_bits - 1)},
          {"OW", n(p.cols * p.accumulator_bits)},
          {"OW1", n(p.cols * p.accumulator_bits - 1)},
          {"IB", n(row_index_bits)},
          {"IB1", n(row_index_bits - 1)},
          {"SB", n(slot_bits)},
          {"SB1", n(slot_bits - 1)},
          {"SLOTS1", n((1LL << slot_bits) - 1)},
          {"RP1", n((1LL << row_index_bits) - 1)},
          {"CP1", n((1LL << bits_for(p.cols - 1)) - 1)},
          {"N", n(native_bits)},
          {"N1", n(native_bits - 1)},
          // What a step of an array in loops begins with.
          {"STEP", "  always_ff @(posedge clk) begin : array_step\n    int i, j, d;\n    logic [" + n(slot_bits - 1) + ":0] at;\n    i = 0;\n    j = 0;\n    d = 0;\n    at = " + n(slot_bits) + "'d0;\n"},
          {"XB", n(3 + row_bits + col_bits)},
          {"XB1", n(2 + row_bits + col_bits)},
          {"LB", n(2 + row_bits)},
          {"LB1", n(1 + row_bits)},
          {"DIAG", n(p.rows + p.cols - 1)},
          {"DIAG1", n(p.rows + p.cols - 2)}};
}

Expected<Rtl> emit_array(const ArrayParameters& p, RtlStyle style, bool tells_due) {
  const arch::DataflowInfo& flow = arch::info(p.dataflow);
  const auto refuse = [&](const std::string& what, std::int64_t value, std::int64_t low, std::int64_t high) {
    return fail(ErrorKind::unsupported, "RTL of an array: " + what + " is " + std::to_string(value) + "; allowed are " +
                                            std::to_string(low) + " to " + std::to_string(high));
  };
  if (p.rows < 1 || p.rows > 256) return refuse("rows", p.rows, 1, 256);
  if (p.cols < 1 || p.cols > 256) return refuse("cols", p.cols, 1, 256);
  if (p.precision_bits < 2 || p.precision_bits > 32) return refuse("bits of the precision", p.precision_bits, 2, 32);
  if (p.accumulator_bits < p.precision_bits || p.accumulator_bits > 64)
    return refuse("accumulator_bits", p.accumulator_bits, p.precision_bits, 64);

  Rtl rtl;
  rtl.top = "gnomon_" + flow.name + "_" + std::to_string(p.rows) + "x" + std::to_string(p.cols) + "_i" +
            std::to_string(p.precision_bits) + "_a" + std::to_string(p.accumulator_bits) + (p.overlap ? "_overlap" : "") +
            (style == RtlStyle::modules ? "_pe" : "");
  auto places = array_places(p, rtl.top);
  const bool held = !flow.outputs_stay();
  const bool swapped = held && flow.stationary == arch::Operand::ifmap;
  const int row_beat = static_cast<int>(p.rows * p.precision_bits), col_beat = static_cast<int>(p.cols * p.precision_bits);
  const int out_beat = static_cast<int>(p.cols * p.accumulator_bits);
  rtl.ports = {{"clk", 1, true},
               {"rst", 1, true},
               {"hold", 1, true},
               {"fold_valid", 1, true},
               {"fold_ready", 1, false},
               {"fold_rows", bits_for(p.rows), true},
               {"fold_cols", bits_for(p.cols), true},
               {"fold_length", 32, true},
               {"fold_accumulate", 1, true},
               {"ifmap_valid", 1, true},
               {"ifmap_ready", 1, false},
               {"ifmap_data", swapped ? col_beat : row_beat, true},
               {"filter_valid", 1, true},
               {"filter_ready", 1, false},
               {"filter_data", swapped ? row_beat : col_beat, true},
               {"psum_valid", 1, true},
               {"psum_ready", 1, false},
               {"psum_data", out_beat, true},
               {"ofmap_valid", 1, false},
               {"ofmap_ready", 1, true},
               {"ofmap_data", out_beat, false}};
  if (p.overlap) rtl.ports.push_back({"fold_wait", bits_for(p.wait_distance()), true});
  if (held) {
    rtl.ports.push_back({"psum_lanes", static_cast<int>(p.cols), false});
    rtl.ports.push_back({"ofmap_lanes", static_cast<int>(p.cols), false});
  }
  if (tells_due) rtl.ports.push_back({"due", held ? 3 : 4, false});
  places["DUEPORT"] = tells_due ? std::string(",\n  output logic ") + (held ? "[2:0]" : "[3:0]") + " due" : "";
  places["SPLIT"] = tells_due ? "  end\n\n  always_comb begin\n" : "";  // what `hold` follows from must not stand in one block with what follows from it
  places["DUE"] = !tells_due ? ""
                  : held     ? fill_places("  assign due = {loading, moving, (!loading || @HOLD@_valid) && (!moving || @MOVE@_valid) && (!(|psum_lanes) || psum_valid) &&\n"
                                           "                (!(|ofmap_lanes) || ofmap_ready)};\n\n", places)
                             : "  assign due = {drains, streaming, streaming, (!streaming || (ifmap_valid && filter_valid)) &&\n"
                               "                (!drains || (ofmap_ready && (!drain_accumulate || psum_valid)))};\n\n";
  rtl.text = held ? held_text(p, style, places) : os_text(p, style, places);
  return rtl;
}

}  // namespace gnomon::hls
