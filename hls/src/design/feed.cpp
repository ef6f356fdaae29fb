#include "design/shape.hpp"
#include "emit/text.hpp"
#include "gnomon/arch/dataflow.hpp"

namespace gnomon::hls {
namespace {

// Places of the next output pixel (m) and the next filter tap (k).
constexpr std::string_view next_m = R"(        if (ox + 16'd1 == c_ow) begin
          ox = 16'd0;
          x = c_x0;
@NEXTROW@        end else begin
          ox = ox + 16'd1;
          x = x + c_sx;
          ma = ma + q_am_x;
        end
)";
constexpr std::string_view next_row = R"(          y = y + c_sy;
          ma = ma + q_am_row;
)";
constexpr std::string_view next_image = R"(          if (oy + 16'd1 == c_oh) begin
            oy = 16'd0;
            y = c_y0;
            ma = ma + q_am_image;
          end else begin
            oy = oy + 16'd1;
            y = y + c_sy;
            ma = ma + q_am_row;
          end
)";
constexpr std::string_view next_k = R"(        if (kx + 16'd1 < c_kw) begin
          kx = kx + @DX@;
          ka = ka + q_ak_x;
        end else begin
          kx = 16'd0;
          if (ky + 16'd1 < c_kh) begin
            ky = ky + @DY@;
            ka = ka + q_ak_y;
          end else begin
            ky = 16'd0;
            ka = ka + q_ak_c;
          end
        end
)";

constexpr std::string_view head = R"(
// The ifmap's stream: for every lane the word of a pixel (m, k), or the zero of the padding. Coordinates of the window and of the tap within it are
// counted, never divided.
module @TOP@_feed_ifmap (
  input  logic clk,
  input  logic rst,
  input  logic [1:0] config_write,
  input  logic [@CFG1@:0] config_data,
  input  logic q_valid,
  output logic q_ready,
  input  logic [@ID1@:0] q,
?  input  logic gate,
  output logic valid,
  input  logic ready,
  output logic [@IFA1@:0] addr,
  input  logic [@IFD1@:0] words,
  output logic [@IFD1@:0] data
);
@UNPACK@
  logic [@CFG1@:0] configs [0:1];
  wire [@CFG1@:0] c = configs[q_bank];
  wire [15:0] c_kw = c[15:0], c_kh = c[31:16], c_ow = c[47:32];
  wire signed [15:0] c_h = c[63:48], c_w = c[79:64], c_sx = c[95:80], c_sy = c[111:96], c_x0 = c[127:112];@OYC@@DC@
  logic started;
  logic [31:0] beat, now_beat;
  logic [@IFLANES1@:0] real_word;
  logic signed [15:0] y, x, yy, xx;
  logic [15:0] ox, @OY@ky, kx;
  logic [@AW1@:0] ma, ka;
)";

// os: lanes along m, beats along k. ws: the other way round.
constexpr std::string_view streamed = R"(  logic [@AW1@:0] at_a, next_a;
  logic [15:0] at_u, at_v, next_u, next_v;
!  logic signed [15:0] at_y, next_y;@OYD@
  always_comb begin
    now_beat = started ? beat : 32'd0;
    real_word = @IFLANES@'d0;
    addr = @IFA@'d0;
    yy = 16'sd0;
    xx = 16'sd0;
?    // at: tap of this beat
?    ka = started ? at_a : q_ka;
?    ky = started ? at_u : q_ky;
?    kx = started ? at_v : q_kx;
?    ma = q_ma;
?    y = q_y;
?    x = q_x;
?    ox = q_ox;@OYQ@
!    // at: pixel of this beat
!    ma = started ? at_a : q_ma;
!    y = started ? at_y : q_y;
!    x = started ? at_u : q_x;
!    ox = started ? at_v : q_ox;@OYS@
!    ka = q_ka;
!    ky = q_ky;
!    kx = q_kx;
    for (int i = 0; i < @IFLANES@; i = i + 1) begin
      yy = y + ky;
      xx = x + kx;
      real_word[i] = yy >= 16'sd0 && yy < c_h && xx >= 16'sd0 && xx < c_w;
      addr[i * @AW@ +: @AW@] = q_base + ma + ka;
@LANE@    end
?    ka = started ? at_a : q_ka;
?    ky = started ? at_u : q_ky;
?    kx = started ? at_v : q_kx;
!    ma = started ? at_a : q_ma;
!    y = started ? at_y : q_y;
!    x = started ? at_u : q_x;
!    ox = started ? at_v : q_ox;@OYS@
@BEAT@
?    next_a = ka;
?    next_u = ky;
?    next_v = kx;
!    next_a = ma;
!    next_y = y;
!    next_u = x;
!    next_v = ox;@OYN@
  end
  always_ff @(posedge clk)
    if (valid && ready) begin
      at_a <= next_a;
      at_u <= next_u;
      at_v <= next_v;
!      at_y <= next_y;@OYR@
    end
)";

// is: lanes along m, beats along k from the last one down.
constexpr std::string_view preloaded = R"(  logic [@AW1@:0] tap_a;
  logic [15:0] tap_y, tap_x;
  logic [31:0] tap;
  always_comb begin
    now_beat = started ? beat : 32'd0;
    tap = q_beats - 32'd1 - now_beat;
    real_word = @IFLANES@'d0;
    addr = @IFA@'d0;
    yy = 16'sd0;
    xx = 16'sd0;
    ka = q_ka;
    ky = q_ky;
    kx = q_kx;
    tap_a = q_ka;
    tap_y = q_ky;
    tap_x = q_kx;
    for (int i = 0; i < @R@; i = i + 1) begin
      if (i == tap) begin
        tap_a = ka;
        tap_y = ky;
        tap_x = kx;
      end
@BEAT@    end
    ma = q_ma;
    y = q_y;
    x = q_x;
    ox = q_ox;@OYQ@
    for (int i = 0; i < @IFLANES@; i = i + 1) begin
      yy = y + tap_y;
      xx = x + tap_x;
      real_word[i] = yy >= 16'sd0 && yy < c_h && xx >= 16'sd0 && xx < c_w;
      addr[i * @AW@ +: @AW@] = q_base + ma + tap_a;
@LANE@    end
  end
)";

constexpr std::string_view tail = R"(  always_comb begin
    data = @IFD@'d0;
    for (int i = 0; i < @IFLANES@; i = i + 1)
      if (real_word[i]) data[i * @B@ +: @B@] = words[i * @B@ +: @B@];
  end
?  assign valid = q_valid && (started || gate);
!  assign valid = q_valid;
  assign q_ready = valid && ready && now_beat + 32'd1 == q_beats;
  always_ff @(posedge clk) begin
    if (rst) started <= 1'b0;
    else if (valid && ready) begin
      started <= !q_ready;
      beat <= now_beat + 32'd1;
    end
    if (config_write[0]) configs[0] <= config_data;
    if (config_write[1]) configs[1] <= config_data;
  end
endmodule
)";

constexpr std::string_view filter = R"(
// The filter's stream: words at fixed distances between lanes and between beats.
module @TOP@_feed_filter (
  input  logic clk,
  input  logic rst,
  input  logic q_valid,
  output logic q_ready,
  input  logic [@ND1@:0] q,
?  input  logic gate,
  output logic valid,
  input  logic ready,
  output logic [@FIA1@:0] addr
);
@UNPACK@
  logic started;
  logic [31:0] beat, now_beat;
  logic [@AW1@:0] at, now_at, lane;
  always_comb begin
    now_beat = started ? beat : 32'd0;
    now_at = started ? at : q_base;
    lane = now_at;
    addr = @FIA@'d0;
    for (int i = 0; i < @FILANES@; i = i + 1) begin
      addr[i * @AW@ +: @AW@] = lane;
      lane = lane + q_ls;
    end
  end
?  assign valid = q_valid && (started || gate);
!  assign valid = q_valid;
  assign q_ready = valid && ready && now_beat + 32'd1 == q_beats;
  always_ff @(posedge clk) begin
    if (rst) started <= 1'b0;
    else if (valid && ready) begin
      started <= !q_ready;
      beat <= now_beat + 32'd1;
      at <= now_at + q_bs;
    end
  end
endmodule
)";

}  // namespace

std::string feed_text(const DesignShape& s, const Places& places) {
  const bool swapped = s.array.dataflow == arch::Dataflow::is, os = s.array.dataflow == arch::Dataflow::os;
  const DescriptorLayout fold = descriptor_layouts(s).fold;
  Places all = places;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  set("ID", fold.group_bits("i_"));
  set("ND", fold.group_bits("f_"));
  all["UNPACK"] = unpack_text(fold, "q", "i_", "q_");
  const auto images = [&](const std::string& text) { return s.images ? text : std::string(); };
  all["NEXTROW"] = s.images ? next_image : next_row;
  const int dilation_at = s.images ? 160 : 128;
  set("CFG", dilation_at + (s.spread ? 32 : 0));
  const auto field = [&](const char* name, int at) { return "\n  wire [15:0] " + std::string(name) + " = c[" + std::to_string(at + 15) + ":" + std::to_string(at) + "];"; };
  all["DC"] = s.spread ? field("c_dx", dilation_at) + field("c_dy", dilation_at + 16) : "";
  all["DX"] = s.spread ? "c_dx" : "16'd1";
  all["DY"] = s.spread ? "c_dy" : "16'd1";
  all["OY"] = images("oy, ");
  all["OYC"] = images("\n  wire [15:0] c_oh = c[143:128];\n  wire signed [15:0] c_y0 = c[159:144];");
  all["OYQ"] = images("\n    oy = q_oy;");
  all["OYS"] = images("\n    oy = started ? at_oy : q_oy;");
  all["OYN"] = images("\n    next_oy = oy;");
  all["OYR"] = images("\n      at_oy <= next_oy;");
  all["OYD"] = images("\n  logic [15:0] at_oy, next_oy;");
  const std::string m = fill_places(next_m, all), k = fill_places(next_k, all);
  all["LANE"] = swapped || os ? m : k;
  all["BEAT"] = swapped || os ? k : m;
  // The operand that enters at the columns waits for its array tile: in the first step of a fold nothing else enters that could not wait with it.
  const std::string ifmap = choose_lines(head, swapped) + (swapped ? std::string(preloaded) : choose_lines(streamed, os)) + choose_lines(tail, swapped);
  std::string out = fill_places(ifmap, all);
  all["UNPACK"] = unpack_text(fold, "q", "f_", "q_");
  return out + fill_places(choose_lines(filter, !swapped), all);
}

}  // namespace gnomon::hls
