#include "design/shape.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {

std::string level_text(const DesignShape& s, std::size_t index, const Places& places) {
  const DesignShape::Level& level = s.levels[index];
  Places all = places;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  const int aw = s.address_bits, bits = s.array.precision_bits;
  const std::int64_t depth = (level.words + level.banks - 1) / level.banks;
  const auto holds = [&](arch::Operand o) { return level.gives(o); };
  set("I", static_cast<std::int64_t>(index));
  set("OFF", level.offset);
  set("WORDS", level.words);
  set("BANKS", level.banks);
  set("DEPTH", depth);
  // The word's place: bank and word in the bank, of an offset into the level.
  const int bank_bits = bits_for(level.banks - 1), depth_bits = bits_for(depth - 1);
  const bool power = (std::int64_t{1} << bank_bits) == level.banks;
  const auto place = [&](const std::string& at) {
    if (level.banks == 1) return "[0][" + at + "[" + std::to_string(depth_bits - 1) + ":0]]";
    if (power)
      return "[" + at + "[" + std::to_string(bank_bits - 1) + ":0]][" +
             (depth == 1 ? std::string("1'b0") : at + "[" + std::to_string(bank_bits) + " +: " + std::to_string(depth_bits) + "]") + "]";
    const std::string n = std::to_string(aw) + "'d" + std::to_string(level.banks);
    return "[" + std::to_string(bank_bits) + "'(" + at + " % " + n + ")][" + std::to_string(depth_bits) + "'(" + at + " / " + n + ")]";
  };

  std::string ports, reads, writes;
  const auto read_port = [&](const std::string& name, std::int64_t lanes, const std::string& a, const std::string& d) {
    ports += ",\n  input  logic [@" + a + "1@:0] " + name + "_addr,\n  output logic [@" + d + "1@:0] " + name + "_data";
    all["LANES"] = std::to_string(lanes);
    const std::string x = name + "_at";
    reads += fill_places("  logic [@AW1@:0] " + x + ";\n  always_comb begin\n    " + x + " = @AW@'d0;\n    " + name + "_data = @" + d +
                             "@'d0;\n    for (int i = 0; i < @LANES@; i = i + 1) begin\n      " + x + " = " + name +
                             "_addr[i * @AW@ +: @AW@] - @AW@'d@OFF@;\n      if (" + x + " < @AW@'d@WORDS@) " + name + "_data[i * @B@ +: @B@] = mem" + place(x) + ";\n    end\n  end\n",
                         all);
  };
  // One line a lane: assignments to an array in loops would not be delayed ones in every tool.
  const auto write_lane = [&](const std::string& enable, const std::string& address, const std::string& data, const std::string& wire) {
    reads += fill_places("  wire [@AW1@:0] " + wire + " = " + address + " - @AW@'d@OFF@;\n", all);
    writes += fill_places("    if (" + enable + " && " + wire + " < @AW@'d@WORDS@) mem" + place(wire) + " <= " + data + ";\n", all);
  };
  const auto n = [](std::int64_t v) { return std::to_string(v); };

  read_port("dr", s.dma_lanes, "LA", "LW");
  ports += ",\n  input  logic [@L1@:0] dw_en,\n  input  logic [@LA1@:0] dw_addr,\n  input  logic [@LW1@:0] dw_data";
  for (std::int64_t l = 0; l < s.dma_lanes; ++l)
    write_lane("dw_en[" + n(l) + "]", "dw_addr[" + n(l * aw) + " +: @AW@]", "dw_data[" + n(l * bits) + " +: @B@]", "dw" + n(l));
  if (holds(arch::Operand::ifmap)) read_port("if", s.ifmap_lanes(), "IFA", "IFD");
  if (holds(arch::Operand::filter)) read_port("fi", s.filter_lanes(), "FIA", "FID");
  if (holds(arch::Operand::ofmap)) {
    // Where a sum takes one word only, all lanes write alike.
    std::string sums_port = "  input  logic [@C1@:0] rs_sums,\n";
    if (s.sum_words == 1) sums_port = "  /* verilator lint_off UNUSEDSIGNAL */\n" + sums_port + "  /* verilator lint_on UNUSEDSIGNAL */\n";
    ports += ",\n  input  logic [@C1@:0] rs_en,\n  input  logic rs_sums_any,\n" + sums_port + "  input  logic [@RSA1@:0] rs_addr,\n  input  logic [@OW1@:0] rs_data,\n  output logic [@OW1@:0] ps_data";
    reads += fill_places("  logic [@AW1@:0] ps_at;\n  always_comb begin\n    ps_at = @AW@'d0;\n    ps_data = @OW@'d0;\n    if (rs_sums_any)\n      for (int i = 0; i < @C@; i = i + 1)\n        for (int w = 0; w < @SW@; w = w + 1) begin\n"
                         "          ps_at = rs_addr[i * @AW@ +: @AW@] + w[@AW1@:0] - @AW@'d@OFF@;\n          if (ps_at < @AW@'d@WORDS@) ps_data[i * @A@ + w * @B@ +: @B@] = mem" + place("ps_at") + ";\n        end\n  end\n", all);
    for (std::int64_t j = 0; j < s.array.cols; ++j)
      for (std::int64_t w = 0; w < s.sum_words; ++w)
        write_lane("rs_en[" + n(j) + "]" + (w > 0 ? " && rs_sums[" + n(j) + "]" : ""), "rs_addr[" + n(j * aw) + " +: @AW@] + @AW@'d" + n(w),
                   "rs_data[" + n(j * s.array.accumulator_bits + w * bits) + " +: @B@]", "rs" + n(j) + "_" + n(w));
  }
  if (s.vector_lanes > 0 && !level.shared) {
    read_port("vr", 2 * s.vector_lanes + 1, "VRA", "VRD");
    ports += ",\n  input  logic [@V1@:0] vw_en,\n  input  logic [@VWA1@:0] vw_addr,\n  input  logic [@VWD1@:0] vw_data";
    for (std::int64_t l = 0; l < s.vector_lanes; ++l)
      write_lane("vw_en[" + n(l) + "]", "vw_addr[" + n(l * aw) + " +: @AW@]", "vw_data[" + n(l * bits) + " +: @B@]", "vw" + n(l));
  }
  for (std::size_t k = 0; k < s.links.size(); ++k)
    for (const bool inner : {true, false}) {
      if (!(inner ? s.links[k].inner(index) : s.links[k].outer(index))) continue;
      const std::string name = (inner ? "i" : "o") + n(static_cast<std::int64_t>(k) + 1);
      read_port(name + "r", s.link_lanes, "KA", "KW");
      ports += ",\n  input  logic [@K1@:0] " + name + "w_en,\n  input  logic [@KA1@:0] " + name + "w_addr,\n  input  logic [@KW1@:0] " + name + "w_data";
      for (std::int64_t l = 0; l < s.link_lanes; ++l)
        write_lane(name + "w_en[" + n(l) + "]", name + "w_addr[" + n(l * aw) + " +: @AW@]", name + "w_data[" + n(l * bits) + " +: @B@]", name + "w" + n(l));
    }
  const std::string text = "\n// Level @I@: @WORDS@ words in @BANKS@ banks, neighbours in neighbouring banks. Words of other levels give 0.\nmodule @TOP@_level@I@ (\n  input  logic clk" + ports +
                           "\n);\n  logic [@B1@:0] mem [0:@BANKS1@][0:@DEPTH1@];\n" + reads + "  always_ff @(posedge clk) begin\n" + writes + "  end\nendmodule\n";
  return fill_places(text, all);
}

}  // namespace gnomon::hls
