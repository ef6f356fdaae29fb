#include "design/turns.hpp"

#include <algorithm>

#include "emit/text.hpp"
#include "gnomon/arch/dataflow.hpp"

namespace gnomon::hls {
namespace {

using arch::Operand;

std::int64_t word_bits(const DesignShape::Level& level) { return 8 * std::max<std::int64_t>(1, level.bytes_per_cycle / level.banks); }

std::int64_t below(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// A sum of two places, digit by digit: bit within the word, bank, row.
constexpr std::string_view moved = R"(
  function automatic logic [@P1@:0] moved(input logic [@P1@:0] from, input logic [@P1@:0] by, input logic [@O@:0] word_bits, input logic [@BK@:0] banks);
    logic [@O@:0] low;
    logic [@BK@:0] bank;
    logic over_word, over_bank;
    low = {1'b0, from[@O1@:0]} + {1'b0, by[@O1@:0]};
    over_word = low >= word_bits;
    if (over_word) low = low - word_bits;
    bank = {1'b0, from[@O@ +: @BK@]} + {1'b0, by[@O@ +: @BK@]} + {@BK@'d0, over_word};
    over_bank = bank >= banks;
    if (over_bank) bank = bank - banks;
    moved = {from[@P1@:@LOW@] + by[@P1@:@LOW@] + {@ROW1@'d0, over_bank}, bank[@BK1@:0], low[@O1@:0]};
  endfunction
)";

/// Where the words of the fold at hand begin in this beat.
constexpr std::string_view beats = R"(    @NAME@_from = @NAME@_started ? @NAME@_next : @NAME@_base;
)";

/// What enters at lane 0 goes on by a lane in every step; its place moves with it.
constexpr std::string_view line = R"(    @NAME@_places = @NAME@_place_line << @Q@;
    @NAME@_places[@Q1@:0] = {@NAME@_tag, @NAME@_banked, @NAME@_by_lane, @NAME@_from};
    @NAME@_places_next = @NAME@_places;
    for (int i = 0; i < @SIZE@; i = i + 1) begin
      @NAME@_where[i * @K@ +: @K@] = {@NAME@_places[i * @Q@ + @Q1@], @NAME@_places[i * @Q@ + @O@ +: @KEY@]};
      @NAME@_meets[i] = @NAME@_places[i * @Q@ + @Q1@ - 1];
      @NAME@_places_next[i * @Q@ +: @P@] = moved(@NAME@_places[i * @Q@ +: @P@], @NAME@_places[i * @Q@ + @P@ +: @P@], @WORD@, @BANKS@);
    end
)";

/// All lanes have the same beat of one fold.
constexpr std::string_view block = R"(    @NAME@_lane = @NAME@_from;
    for (int i = 0; i < @SIZE@; i = i + 1) begin
      @NAME@_where[i * @K@ +: @K@] = {@NAME@_tag, @NAME@_lane[@P1@:@O@]};
      @NAME@_meets[i] = @NAME@_banked;
      @NAME@_lane = moved(@NAME@_lane, @NAME@_by_lane, @WORD@, @BANKS@);
    end
)";

/// Of several lanes in the same word the first one counts, in the word's bank.
constexpr std::string_view counted = R"(    for (int i = 0; i < @SIZE@; i = i + 1)
      if (@NAME@_meets[i] && @VALID@) begin
        first = 1'b1;
        for (int j = 0; j < i; j = j + 1)
          if (@EARLIER@ && @NAME@_where[j * @K@ +: @K@] == @NAME@_where[i * @K@ +: @K@]) first = 1'b0;
        if (first)
          for (int b = 0; b < @COUNT@; b = b + 1)
            if (@NAME@_where[i * @K@ +: @BK@] == b[@BK1@:0]) @PORT@[b * @T@ +: @T@] = @PORT@[b * @T@ +: @T@] + @T@'d1;
      end
)";

class Turns {
 public:
  Turns(const DesignShape& shape, const Places& places) : s_(shape), all_(places), place_(bank_places(shape)) {
    os_ = arch::info(s_.array.dataflow).outputs_stay();
    set_place(all_, "P", place_.bits());
    set_place(all_, "O", place_.bit_bits);
    set_place(all_, "BK", place_.bank_bits);
    set_place(all_, "ROW", place_.row_bits);
    set_place(all_, "LOW", place_.bit_bits + place_.bank_bits);
    set_place(all_, "KEY", place_.row_bits + place_.bank_bits);
    set_place(all_, "K", place_.row_bits + place_.bank_bits + 1);
    set_place(all_, "Q", 2 * place_.bits() + 2);
    set_place(all_, "T", bits_for(s_.array.rows + 2 * s_.array.cols));
  }

  TurnsText text() {
    const bool swapped = s_.array.dataflow == arch::Dataflow::is;
    out_.declare += fill(moved) + fill("  logic [@T1@:0] turn;  // of this step, at all ports\n  logic first;\n");
    out_.reset += fill("      turn <= @T@'d1;\n");
    out_.step += fill("      turn <= @T@'d1;\n");
    out_.lanes += "    first = 1'b0;\n";
    const Stream row{"row", swapped ? Operand::filter : Operand::ifmap, s_.array.rows, "due[1]", true};
    const Stream col{"col", swapped ? Operand::ifmap : Operand::filter, s_.array.cols, "due[2]", os_ || s_.array.overlap};
    const Stream result{"result", Operand::ofmap, s_.array.cols, os_ ? "due[3]" : "ofmap_lanes[0]", !os_};
    for (const Stream& stream : {row, col, result}) places(stream);
    for (std::size_t l = 0; l < s_.levels.size(); ++l) {
      port(l, "reads" + std::to_string(l), {{row, here(row)}, {col, here(col)}, {result, os_ ? lane("drained_adds && due[3]", "drained") : Lanes{"psum_lanes[i]", "psum_lanes[j]"}}});
      port(l, "writes" + std::to_string(l), {{result, os_ ? lane("due[3]", "drained") : Lanes{"ofmap_lanes[i]", "ofmap_lanes[j]"}}});
    }
    // Bytes may take longer than all turns there are.
    out_.further = "      if (" + out_.over + ")" + fill(" turn <= turn + @T@'d1;\n");
    return std::move(out_);
  }

 private:
  struct Stream {
    std::string name;
    Operand operand;
    std::int64_t size;
    std::string enters;
    bool skewed;
  };
  /// Whether lane i, and lane j before it, has a word in this step.
  struct Lanes {
    std::string of_i, of_j;
  };
  const DesignShape& s_;
  Places all_;
  BankPlaces place_;
  bool os_ = false;
  TurnsText out_;

  std::string fill(std::string_view text, const std::map<std::string, std::string>& own = {}) const {
    Places places = all_;
    for (const auto& [name, value] : own) places[name] = value;
    return fill_places(text, places);
  }

  /// Lanes below a count that all have their words together.
  Lanes lane(const std::string& when, const std::string& count) const {
    const std::string bits = std::to_string(bits_for(s_.array.cols) - 1);
    return {when + " && i[" + bits + ":0] < " + count, when + " && j[" + bits + ":0] < " + count};
  }
  Lanes here(const Stream& stream) const {
    if (!stream.skewed) return lane(stream.enters, stream.name + "_lanes");
    return {stream.name + "_here[i]", stream.name + "_here[j]"};
  }

  /// A number of the level that the operand's stream is in; `bits` wide.
  template <class Number>
  std::string by_level(const Stream& stream, int bits, const Number& number) const {
    std::string out;
    for (const DesignShape::Level& level : s_.levels) {
      if (!level.gives(stream.operand)) continue;
      const std::string value = std::to_string(bits) + "'d" + std::to_string(number(level));
      if (out.empty()) out = value;
      else out = "(" + stream.name + "_at == " + fill("@LEV@'d") + std::to_string(&level - s_.levels.data()) + " ? " + value + " : " + out + ")";
    }
    return out;
  }

  void places(const Stream& stream) {
    std::map<std::string, std::string> own{{"NAME", stream.name}, {"SIZE", std::to_string(stream.size)}, {"ENTERS", stream.enters}};
    set_place(own, "LINE", stream.size * (2 * place_.bits() + 2));
    set_place(own, "WHERE", stream.size * (place_.row_bits + place_.bank_bits + 1));
    set_place(own, "SIZE", stream.size);
    own["WORD"] = by_level(stream, place_.bit_bits + 1, word_bits);
    own["BANKS"] = by_level(stream, place_.bank_bits + 1, [](const DesignShape::Level& level) { return level.banks; });
    out_.inputs += fill("  input  logic @NAME@_last,\n  input  logic @NAME@_banked,\n  input  logic @NAME@_tag,\n"
                        "  input  logic [@P1@:0] @NAME@_base,\n  input  logic [@P1@:0] @NAME@_by_lane,\n  input  logic [@P1@:0] @NAME@_by_beat,\n", own);
    out_.declare += fill("  logic @NAME@_started;\n  logic [@P1@:0] @NAME@_next, @NAME@_from;\n  logic [@WHERE1@:0] @NAME@_where;\n  logic [@SIZE1@:0] @NAME@_meets;\n", own);
    out_.declare += fill(stream.skewed ? "  logic [@LINE1@:0] @NAME@_place_line, @NAME@_places, @NAME@_places_next;\n" : "  logic [@P1@:0] @NAME@_lane;\n", own);
    out_.lanes += fill(beats, own) + fill("    @NAME@_where = @WHERE@'d0;\n    @NAME@_meets = @SIZE@'d0;\n", own) + fill(stream.skewed ? line : block, own);
    out_.reset += fill("      @NAME@_started <= 1'b0;\n", own);
    if (stream.skewed) out_.step += fill("      @NAME@_place_line <= @NAME@_places_next;\n", own);
    out_.step += fill("      if (@ENTERS@) begin\n        @NAME@_started <= !@NAME@_last;\n        @NAME@_next <= moved(@NAME@_from, @NAME@_by_beat, @WORD@, @BANKS@);\n      end\n", own);
  }

  void port(std::size_t level, const std::string& name, const std::vector<std::pair<Stream, Lanes>>& streams) {
    const std::int64_t banks = s_.levels[level].banks;
    std::string text;
    for (const auto& [stream, lanes] : streams) {
      if (!s_.levels[level].gives(stream.operand)) continue;
      const std::string in_level = s_.several_hold(stream.operand) ? stream.name + "_at == " + fill("@LEV@'d") + std::to_string(level) + " && " : "";
      text += fill(counted, {{"NAME", stream.name}, {"SIZE", std::to_string(stream.size)}, {"VALID", in_level + lanes.of_i}, {"EARLIER", lanes.of_j}, {"COUNT", std::to_string(banks)}, {"PORT", name}});
    }
    if (text.empty()) return;
    const std::map<std::string, std::string> own{{"PORT", name}, {"COUNT", std::to_string(banks)}, {"ALL", std::to_string(banks * bits_for(s_.array.rows + 2 * s_.array.cols))},
                                                 {"ALL1", std::to_string(banks * bits_for(s_.array.rows + 2 * s_.array.cols) - 1)}};
    out_.declare += fill("  logic [@ALL1@:0] @PORT@;  // words by bank\n  logic @PORT@_over;\n", own);
    out_.lanes += fill("    @PORT@ = @ALL@'d0;\n", own) + text + fill("    @PORT@_over = 1'b0;\n    for (int b = 0; b < @COUNT@; b = b + 1)\n      if (@PORT@[b * @T@ +: @T@] > turn) @PORT@_over = 1'b1;\n", own);
    out_.over += (out_.over.empty() ? "" : " || ") + name + "_over";
  }
};

}  // namespace

std::int64_t BankPlaces::of(std::int64_t position_bits, const DesignShape::Level& level) const {
  const std::int64_t size = word_bits(level), word = below(position_bits, size), row = below(word, level.banks);
  return ((row & ((std::int64_t{1} << row_bits) - 1)) << (bank_bits + bit_bits)) | (word - row * level.banks) << bit_bits | (position_bits - word * size);
}

BankPlaces bank_places(const DesignShape& shape) {
  BankPlaces out;
  for (const DesignShape::Level& level : shape.levels) {
    if (level.shared) continue;
    out.bank_bits = std::max(out.bank_bits, bits_for(level.banks - 1));
    out.bit_bits = std::max(out.bit_bits, bits_for(word_bits(level) - 1));
  }
  return out;
}

TurnsText turns_text(const DesignShape& shape, const Places& places) { return Turns(shape, places).text(); }

std::vector<DescriptorField> turns_fields(const DesignShape& shape, const std::string& prefix) {
  const int bits = bank_places(shape).bits();
  return {{prefix + "banked", 1}, {prefix + "tag", 1}, {prefix + "base", bits}, {prefix + "by_lane", bits}, {prefix + "by_beat", bits}};
}

}  // namespace gnomon::hls
