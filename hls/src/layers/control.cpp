#include "emit/text.hpp"
#include "layers/blocks.hpp"

namespace gnomon::hls {

// Names with the prefix P: in_valid, in_ready, out_valid, out_ready (declared outside), en (the layer moves), and what each control gives.

std::string pipe_text(const std::string& prefix, std::int64_t stages) {
  std::string text = R"(
  assign @P@en = @P@out_ready | ~@P@out_valid;
  assign @P@in_ready = @P@en;
  logic [@S1@:0] @P@live;
  always_ff @(posedge clk)
    if (rst) @P@live <= '0;
    else if (@P@en) @P@live <= @NEXT@;
  assign @P@out_valid = @P@live[@S1@];
)";
  return fill_places(text, {{"P", prefix}, {"S1", std::to_string(stages - 1)}, {"NEXT", stages == 1 ? prefix + "in_valid" : "{" + prefix + "live[" + std::to_string(stages - 2) + ":0], " + prefix + "in_valid}"}});
}

std::string core_text(const std::string& prefix, std::int64_t reuse, std::int64_t rounds, std::int64_t tree, std::int64_t extra) {
  const auto n = [](std::int64_t v) { return std::to_string(v); };
  const std::int64_t steps = reuse / rounds;
  const int tb = bits_for(reuse - 1), ib = bits_for(steps - 1), rb = bits_for(rounds - 1);
  const auto literal = [&](int bits, std::int64_t v) { return n(bits) + "'d" + n(v); };
  std::string text = R"(
  logic @P@busy;
  logic [@T1@:0] @P@step;
  wire @P@last = @P@step == @TLAST@;
  assign @P@en = @P@out_ready | ~@P@out_valid;
  assign @P@in_ready = @P@en & (~@P@busy | @P@last);
  wire @P@accept = @P@in_valid & @P@in_ready;
  wire @P@load = @P@in_valid & (~@P@busy | @P@last);
  always_ff @(posedge clk)
    if (rst) @P@busy <= 1'b0;
    else if (@P@en & (~@P@busy | @P@last)) @P@busy <= @P@in_valid;
  always_ff @(posedge clk)
    if (rst) @P@step <= '0;
    else if (@P@en) @P@step <= (@P@busy & ~@P@last) ? @P@step + 1'b1 : '0;
)";
  if (rounds > 1)
    text += R"(  logic [@I1@:0] @P@item;
  logic [@R1@:0] @P@round;
  wire @P@item_last = @P@item == @ILAST@;
  always_ff @(posedge clk)
    if (rst) @P@item <= '0;
    else if (@P@en) @P@item <= (@P@busy & ~@P@item_last) ? @P@item + 1'b1 : '0;
  always_ff @(posedge clk)
    if (rst) @P@round <= '0;
    else if (@P@en & @P@busy & @P@item_last) @P@round <= @P@last ? '0 : @P@round + 1'b1;
  wire @P@ends = @P@busy & @P@item_last;
)";
  else
    text += R"(  wire @P@ends = @P@busy & @P@last;
)";
  // A sum goes on while `more`; where a round's last product is there, the sum is given and its register starts anew.
  text += R"(  logic [@F1@:0] @P@more_line, @P@done_line;
  always_ff @(posedge clk)
    if (rst) begin
      @P@more_line <= '0;
      @P@done_line <= '0;
    end else if (@P@en) begin
      @P@more_line <= {@P@more_line[@F2@:0], @P@busy & ~@P@ends};
      @P@done_line <= {@P@done_line[@F2@:0], @P@ends};
    end
  wire @P@more = @P@more_line[@F1@];
  wire @P@clear = @P@en & ~@P@more;
  wire @P@give = @P@en & @P@done_line[@F1@];
)";
  if (rounds > 1)
    text += R"(  logic [@F1@:0] @P@whole_line;
  always_ff @(posedge clk)
    if (rst) @P@whole_line <= '0;
    else if (@P@en) @P@whole_line <= {@P@whole_line[@F2@:0], @P@busy & @P@last};
  wire @P@whole = @P@whole_line[@F1@];
)";
  else
    text += "  wire @P@whole = @P@done_line[@F1@];\n";
  text += R"(  logic [@E1@:0] @P@live;
  always_ff @(posedge clk)
    if (rst) @P@live <= '0;
    else if (@P@en) @P@live <= @ENEXT@;
  assign @P@out_valid = @P@live[@E1@];
)";
  return fill_places(text, {{"P", prefix}, {"T1", n(tb - 1)}, {"TLAST", literal(tb, reuse - 1)}, {"I1", n(ib - 1)}, {"ILAST", literal(ib, steps - 1)}, {"R1", n(rb - 1)},
                            {"F1", n(tree + 1)}, {"F2", n(tree)}, {"E1", n(extra)},
                            {"ENEXT", extra == 0 ? prefix + "whole" : "{" + prefix + "live[" + n(extra - 1) + ":0], " + prefix + "whole}"}});
}

std::string window_text(const std::string& prefix, std::int64_t height, std::int64_t width, std::int64_t kh, std::int64_t kw, std::int64_t stride) {
  const auto n = [](std::int64_t v) { return std::to_string(v); };
  const auto literal = [&](int bits, std::int64_t v) { return n(bits) + "'d" + n(v); };
  const int cb = bits_for(width - 1), rb = bits_for(height - 1), pb = bits_for(std::max(kw, stride) - 1), qb = bits_for(std::max(kh, stride) - 1);
  std::string text = R"(
  logic [@C1@:0] @P@column, @P@next_column;
  logic [@PC1@:0] @P@column_wait;
  wire @P@row_end = @P@column == @CLAST@;
  assign @P@next_column = @P@row_end ? '0 : @P@column + 1'b1;
  assign @P@in_ready = ~@P@out_valid | @P@out_ready;
  wire @P@accept = @P@in_valid & @P@in_ready;
  always_ff @(posedge clk)
    if (rst) begin
      @P@column <= '0;
      @P@column_wait <= @KW1@;
    end else if (@P@accept) begin
      @P@column <= @P@next_column;
      @P@column_wait <= @P@row_end ? @KW1@ : @P@column_wait == '0 ? @SC1@ : @P@column_wait - 1'b1;
    end
)";
  if (height > 1)
    text += R"(  logic [@R1@:0] @P@row;
  logic [@PR1@:0] @P@row_wait;
  wire @P@image_end = @P@row == @RLAST@;
  always_ff @(posedge clk)
    if (rst) begin
      @P@row <= '0;
      @P@row_wait <= @KH1@;
    end else if (@P@accept & @P@row_end) begin
      @P@row <= @P@image_end ? '0 : @P@row + 1'b1;
      @P@row_wait <= @P@image_end ? @KH1@ : @P@row_wait == '0 ? @SR1@ : @P@row_wait - 1'b1;
    end
  wire @P@hit = @P@column_wait == '0 && @P@row_wait == '0;
)";
  else
    text += "  wire @P@hit = @P@column_wait == '0;\n";
  text += R"(  always_ff @(posedge clk)
    if (rst) @P@out_valid <= 1'b0;
    else if (@P@in_ready) @P@out_valid <= @P@in_valid & @P@hit;
)";
  return fill_places(text, {{"P", prefix}, {"C1", n(cb - 1)}, {"CLAST", literal(cb, width - 1)}, {"PC1", n(pb - 1)}, {"KW1", literal(pb, kw - 1)}, {"SC1", literal(pb, stride - 1)}, {"R1", n(rb - 1)},
                            {"RLAST", literal(rb, height - 1)}, {"PR1", n(qb - 1)}, {"KH1", literal(qb, kh - 1)}, {"SR1", literal(qb, stride - 1)}});
}

std::string gather_text(const std::string& prefix, std::int64_t count) {
  const int b = bits_for(count - 1);
  return fill_places(R"(
  logic [@B1@:0] @P@count;
  wire @P@full = @P@count == @LAST@;
  assign @P@in_ready = ~@P@out_valid | @P@out_ready;
  wire @P@accept = @P@in_valid & @P@in_ready;
  always_ff @(posedge clk)
    if (rst) @P@count <= '0;
    else if (@P@accept) @P@count <= @P@full ? '0 : @P@count + 1'b1;
  always_ff @(posedge clk)
    if (rst) @P@out_valid <= 1'b0;
    else if (@P@in_ready) @P@out_valid <= @P@in_valid & @P@full;
)",
                     {{"P", prefix}, {"B1", std::to_string(b - 1)}, {"LAST", std::to_string(b) + "'d" + std::to_string(count - 1)}});
}

std::string skip_pointer_text(const std::string& prefix, std::int64_t address_bits) {
  return fill_places(R"(  logic [@A1@:0] @P@skip_in, @P@skip_out;
  always_ff @(posedge clk)
    if (rst) @P@skip_in <= '0;
    else if (@P@push) @P@skip_in <= @P@skip_in + 1'b1;
  always_ff @(posedge clk)
    if (rst) @P@skip_out <= '0;
    else if (@P@pop) @P@skip_out <= @P@skip_out + 1'b1;
)",
                     {{"P", prefix}, {"A1", std::to_string(address_bits - 1)}});
}

}  // namespace gnomon::hls
