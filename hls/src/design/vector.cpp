#include "design/shape.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::string_view unit = R"(
// Vector unit: one scalar operation a lane and cycle, in the order of the outputs; a window's operations follow each other through the lanes.
// Kinds: 0 rectify, 1 add (then scale down), 2 largest of a window, 3 mean of a window (sum, then scale by a factor).
module @TOP@_vector (
  input  logic clk,
  input  logic rst,
  input  logic run,
  input  logic q_valid,
  output logic q_ready,
  input  logic [@VD1@:0] q,
  input  logic [31:0] ended,
  input  logic [@DONE1@:0] done,
  output logic [@VRA1@:0] vr_addr,
  input  logic [@VRD1@:0] vr_data,
  output logic [@V1@:0] vw_en,
  output logic [@VWA1@:0] vw_addr,
  output logic [@VWD1@:0] vw_data
);
@UNPACK@
  logic started, active, last;
  logic [31:0] left, now_left;
  logic [@AW1@:0] in_at, out_at, next_in, next_out, now_in, now_out;
  logic pool;
  // Window: tap, addresses of its origin, of the tap's row and of the tap, place of the tap in its block, origin (y, x), output's place. Inputs lie block by block: a
  // chunk that ends inside a channel has then all that its windows read.
  logic [@AW1@:0] win, next_win, row, next_row, at, next_at, base, place;
  logic [7:0] px, py, next_px, next_py;
  logic onward;
  logic [15:0] tap, kx, ox, oy, next_tap, next_kx, next_ox, next_oy;
  logic signed [15:0] wy, wx, ty, tx, next_wy, next_wx, next_ty;
  logic signed [31:0] acc, next_acc;
  logic [@B1@:0] carry;
  logic [@V1@:0] lane_on, lane_first, lane_inside, lane_out, lane_carry;
@COUNT@
  assign pool = q_kind[1];
  // A chunk goes on where the one before it ended, even inside a window.
  assign onward = started || q_resume;
  assign base = started ? @AW@'d0 : q_in;
  always_comb begin
    now_left = started ? left : q_ops;
    active = started || (run && q_valid && ended >= q_need_e && @MET@);
    last = now_left <= 32'd@V@;
    q_ready = active && last;
  end

  // ---- What each lane reads and writes. ----
  always_comb begin
    now_in = started ? in_at : q_in;
    now_out = started ? out_at : q_out;
    next_in = now_in;
    next_out = now_out;
    next_win = onward ? win + base : q_in;
    next_row = onward ? row + base : q_in;
    next_at = onward ? at + base : q_in;
    next_px = onward ? px : q_px;
    next_py = onward ? py : q_py;
    next_tap = onward ? tap : 16'd0;
    next_kx = onward ? kx : 16'd0;
    next_ox = onward ? ox : 16'd0;
    next_oy = onward ? oy : 16'd0;
    next_wy = onward ? wy : q_y0;
    next_wx = onward ? wx : q_x0;
    next_ty = onward ? ty : q_y0;
    place = @AW@'d0;
    tx = 16'sd0;
    lane_on = @V@'d0;
    lane_first = @V@'d0;
    lane_inside = @V@'d0;
@COUNT0@    lane_out = @V@'d0;
    lane_carry = @V@'d0;
    vr_addr = @VRA@'d0;
    vw_addr = @VWA@'d0;
    for (int l = 0; l < @V@; l = l + 1) begin
      if (active && l < now_left) begin
        lane_on[l] = 1'b1;
        vw_addr[l * @AW@ +: @AW@] = next_out;
        if (pool) begin
          tx = next_wx + next_kx;
          lane_first[l] = next_tap == 16'd0;
          // A mean's operation without a tap is its first: those of a chunk then never outrun its inputs.
          lane_inside[l] = next_tap >= {15'd0, q_tail} && next_ty >= 16'sd0 && next_ty < $signed(q_h) && tx >= 16'sd0 && tx < $signed(q_w);
@COUNTED@          place = next_at >= q_ring ? next_at - q_ring : next_at;
          vr_addr[2 * l * @AW@ +: @AW@] = place;
          if (next_tap + 16'd1 < q_taps + {15'd0, q_tail}) begin
            if (next_tap >= {15'd0, q_tail}) begin
              if (next_kx + 16'd1 < q_kw) begin
                next_kx = next_kx + @DX@;
                next_at = next_at + (@PX@ ? q_x_jump : q_x_step);
                next_px = @PX@ ? @PXTHEN@;
              end else begin
                next_kx = 16'd0;
                next_ty = next_ty + @DY@;
                next_row = next_row + (@PY@ ? q_y_jump : q_y_step);
                next_py = @PY@ ? @PYTHEN@;
                next_at = next_row;
                next_px = q_px;
              end
            end
            next_tap = next_tap + 16'd1;
          end else begin
            lane_out[l] = 1'b1;
            next_out = next_out + @AW@'d1;
            next_tap = 16'd0;
            next_kx = 16'd0;
            if (next_ox + 16'd1 < q_ow) begin
              next_ox = next_ox + 16'd1;
              next_wx = next_wx + q_sx;
              next_win = next_win + q_win_step;
            end else begin
              next_ox = 16'd0;
              next_wx = q_x0;
              if (next_oy + 16'd1 < q_oh) begin
                next_oy = next_oy + 16'd1;
                next_wy = next_wy + q_sy;
                next_win = next_win + q_row_step;
              end else begin
                next_oy = 16'd0;
                next_wy = q_y0;
                next_win = next_win + q_plane_step;
              end
            end
            next_ty = next_wy;
            next_row = next_win;
            next_at = next_win;
            next_px = q_px;
            next_py = q_py;
          end
        end else begin
          lane_out[l] = 1'b1;
          vr_addr[2 * l * @AW@ +: @AW@] = next_in;
          lane_carry[l] = l == 0 && !started && q_carry;
          if (q_kind[0]) begin
            if (!lane_carry[l]) next_in = next_in + @AW@'d1;
            vr_addr[(2 * l + 1) * @AW@ +: @AW@] = next_in;
          end
          next_in = next_in + @AW@'d1;
          next_out = next_out + @AW@'d1;
        end
      end
    end
    // What an addition leaves for the next chunk.
    vr_addr[2 * @V@ * @AW@ +: @AW@] = q_in + q_in_words - @AW@'d1;
  end

  // ---- What each lane computes. ----
  logic signed [@B1@:0] a, b;
  logic signed [55:0] value, rest, half;
  always_comb begin
    next_acc = acc;
@COUNTNOW@    vw_en = @V@'d0;
    vw_data = @VWD@'d0;
    a = @B@'sd0;
    b = @B@'sd0;
    value = 56'sd0;
    rest = 56'sd0;
    half = 56'sd0;
    for (int l = 0; l < @V@; l = l + 1) begin
      a = lane_carry[l] ? carry : vr_data[2 * l * @B@ +: @B@];
      b = vr_data[(2 * l + 1) * @B@ +: @B@];
      value = {{@BPAD@{a[@B1@]}}, a};
      if (q_kind == 2'd0 && a[@B1@]) value = 56'sd0;
      if (q_kind == 2'd1) value = value + $signed({{@BPAD@{b[@B1@]}}, b});
      if (lane_on[l] && q_kind == 2'd2) begin
        if (lane_first[l]) next_acc = -32'sd@LOWVALUE@;
        if (lane_inside[l] && $signed({{@B32PAD@{a[@B1@]}}, a}) > next_acc) next_acc = {{@B32PAD@{a[@B1@]}}, a};
        value = {{24{next_acc[31]}}, next_acc};
      end
      if (lane_on[l] && q_kind == 2'd3) begin
        if (lane_first[l]) next_acc = 32'sd0;
@COUNTNEXT@        if (lane_inside[l]) next_acc = next_acc + $signed({{@B32PAD@{a[@B1@]}}, a});
        value = {{24{next_acc[31]}}, next_acc};
        if (lane_out[l]) value = value * $signed({32'd0, @MULT@});
      end
      rest = value & ~(~56'sd0 << q_shift);
      half = q_shift == 6'd0 ? 56'sd0 : 56'sd1 << (q_shift - 6'd1);
      value = value >>> q_shift;
      if (q_shift != 6'd0 && (rest > half || (rest == half && value[0]))) value = value + 56'sd1;
      if (value > 56'sd@TOPVALUE@) value = 56'sd@TOPVALUE@;
      if (value < -56'sd@LOWVALUE@) value = -56'sd@LOWVALUE@;
      vw_en[l] = lane_out[l];
      vw_data[l * @B@ +: @B@] = value[@B1@:0];
    end
  end

  always_ff @(posedge clk) begin
    if (rst) started <= 1'b0;
    else if (active) begin
      started <= !last;
      left <= now_left - 32'd@V@;
      in_at <= next_in;
      out_at <= next_out;
      win <= next_win;
      row <= next_row;
      at <= next_at;
      px <= next_px;
      py <= next_py;
      tap <= next_tap;
      kx <= next_kx;
      ox <= next_ox;
      oy <= next_oy;
      wy <= next_wy;
      wx <= next_wx;
      ty <= next_ty;
      acc <= next_acc;
@COUNTREG@      if (last) carry <= vr_data[2 * @V@ * @B@ +: @B@];
    end
  end
endmodule
)";

// Means over what a window has of the image (or of the padding that counts): its number of elements, and the factors for all numbers.
constexpr std::string_view count = R"(  logic [@V1@:0] lane_counted;
  logic [@N1@:0] n, next_n;
  logic [16:0] factors [0:@COUNTS1@];
  initial begin
    factors[0] = 17'd0;
    for (int i = 1; i < @COUNTS@; i = i + 1) factors[i] = 17'((131072 + i) / (2 * i));
  end
)";
constexpr std::string_view count_none = R"(    lane_counted = @V@'d0;
)";
constexpr std::string_view counted = R"(          lane_counted[l] = next_tap >= {15'd0, q_tail} && (q_pads || (next_ty >= 16'sd0 && tx >= 16'sd0)) && next_ty < $signed(q_nh) && tx < $signed(q_nw);
)";
constexpr std::string_view count_now = R"(    next_n = n;
)";
constexpr std::string_view count_next = R"(        if (lane_first[l]) next_n = @N@'d0;
        if (lane_counted[l]) next_n = next_n + @N@'d1;
)";
constexpr std::string_view count_kept = R"(      n <= next_n;
)";

}  // namespace

std::string vector_text(const DesignShape& s, const Places& places) {
  Places all = places;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  const int bits = s.array.precision_bits;
  set("BPAD", 56 - bits);
  set("B32PAD", 32 - bits);
  // With dilated windows a tap lies so many rows or columns behind the one before it, and from some places in a block on in one block more.
  all["DX"] = s.spread ? "q_dx" : "16'd1";
  all["DY"] = s.spread ? "$signed(q_dy)" : "16'sd1";
  all["PX"] = s.spread ? "next_px > q_bx" : "next_px == q_bx";
  all["PY"] = s.spread ? "next_py > q_by" : "next_py == q_by";
  all["PXTHEN"] = s.spread ? "next_px - q_x_back : next_px + q_x_on" : "8'd0 : next_px + 8'd1";
  all["PYTHEN"] = s.spread ? "next_py - q_y_back : next_py + q_y_on" : "8'd0 : next_py + 8'd1";
  const bool counts = s.mean_log > 0;
  set("N", s.mean_log);
  set("COUNTS", std::int64_t{1} << s.mean_log);
  for (const auto& [place, text] : {std::pair{"COUNT", count}, {"COUNT0", count_none}, {"COUNTED", counted}, {"COUNTNOW", count_now}, {"COUNTNEXT", count_next}, {"COUNTREG", count_kept}})
    all[place] = counts ? fill_places(text, all) : "";
  all["MULT"] = counts ? "q_counted ? {7'd0, factors[next_n]} : q_mult" : "q_mult";
  all["MET"] = needs_met(s, "done", "q_");
  all["UNPACK"] = unpack_text(descriptor_layouts(s).chunk, "q", "", "q_");
  return fill_places(unit, all);
}

}  // namespace gnomon::hls
