#include "design/shape.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::string_view dma = R"(
// Transfers between memory and levels, one after the other on the link. A descriptor says what must have ended before it may begin; its words lie
// along five nested loops in the memory (the first three may be entered in their midst), and at a fixed distance from each other in the levels; a ring there begins
// again at the first word of all.
module @TOP@@UNIT@ (
  input  logic clk,
  input  logic rst,
  input  logic run,
  input  logic d_valid,
  output logic d_ready,
  input  logic [@TD1@:0] d,
  input  logic [31:0] ended,
  output logic [127:0] done,
@ALLPORT@@TURNPORT@  output logic rd_valid,
  input  logic rd_ready,
  output logic [@L1@:0] rd_lanes,
  output logic [@LM1@:0] rd_addr,
  input  logic rr_valid,
  input  logic [@LW1@:0] rr_data,
  output logic wr_valid,
  input  logic wr_ready,
  output logic wr_last,
  output logic [@L1@:0] wr_lanes,
  output logic [@LM1@:0] wr_addr,
  output logic [@LW1@:0] wr_data,
!  input  logic wa_valid,
?  input  logic rq_ready,
?  output logic [@TAG1@:0] rq_tag,
?  input  logic [@TAGS1@:0] complete,
  output logic [@LA1@:0] lv_raddr,
  input  logic [@LW1@:0] lv_rdata,
  output logic [@L1@:0] lv_wen,
  output logic [@LA1@:0] lv_waddr,
  output logic [@LW1@:0] lv_wdata
);
@UNPACK@
  // ---- Issue. ----
  logic started, may, go, last;
  logic [31:0] left, addr, now_left, now_addr, next_addr;
  logic [31:0] i1, i2, i3, now_i1, now_i2, now_i3, next_i1, next_i2, next_i3;
  logic [31:0] i0, now_i0, next_i0;
@I4@  logic [@AW1@:0] laddr, now_laddr, next_laddr;
  logic [@L1@:0] lanes;
  logic [@LM1@:0] addrs;
  logic [@LA1@:0] laddrs;
  logic full;
  logic [31:0] done0, done1, done2, done3;
!  assign done = {done3, done2, done1, done0};
?  // ---- A memory that takes one request at a time and completes them in any order: each has a tag until then. Of a class
?  // they count in order, the last one in the very cycle in which it is complete. ----
?  logic [@TAG1@:0] tag;
?  logic [@TAGS1@:0] open, finished, counted;
?  logic [@TAGS1@:0] class_low, class_high;
?  wire [@TAG1@:0] following = tag + @TAG@'d1;
?  logic [@TAG@:0] more0, more1, more2, more3;
?  assign rq_tag = tag;
?  assign done = {done3 + {@TAGPAD@'d0, more3}, done2 + {@TAGPAD@'d0, more2}, done1 + {@TAGPAD@'d0, more1}, done0 + {@TAGPAD@'d0, more0}};
@TURN@
  always_comb begin
    now_left = started ? left : q_words;
    now_addr = started ? addr : q_mem;
    now_i0 = started ? i0 : {@I0PAD@'d0, q_i0};
    now_i1 = started ? i1 : {16'd0, q_i1};
    now_i2 = started ? i2 : {16'd0, q_i2};
    now_i3 = started ? i3 : 32'd0;
@I4NOW@    now_laddr = started ? laddr : q_lvl;
    next_addr = now_addr;
    next_i0 = now_i0;
    next_i1 = now_i1;
    next_i2 = now_i2;
    next_i3 = now_i3;
@I4NEXT@    next_laddr = now_laddr;
    lanes = @L@'d0;
    addrs = @LM@'d0;
    laddrs = @LA@'d0;
    for (int l = 0; l < @L@; l = l + 1) begin
      if (l[15:0] < q_beat && l < now_left) begin
        lanes[l] = 1'b1;
        addrs[l * 32 +: 32] = next_addr;
        laddrs[l * @AW@ +: @AW@] = next_laddr;
        next_laddr = next_laddr + {@LSPAD@'d0, q_lstep};
@NEXT@      end
    end
!    may = run && ended >= q_need_e && @MET@ && (q_write || !full);
?    may = run && rq_ready && ended >= q_need_e && @MET@ && (q_write || !full) && !open[tag] && !open[following];
    last = now_left <= {16'd0, q_beat};
    rd_valid = d_valid && !q_write && (started || may);
    wr_valid = d_valid && q_write && (started || may);
    go = (rd_valid && rd_ready) || (wr_valid && wr_ready);
    d_ready = go && last;
    wr_last = last;
    rd_lanes = lanes;
    wr_lanes = lanes;
    rd_addr = addrs;
    wr_addr = addrs;
    lv_raddr = laddrs;
    wr_data = lv_rdata;
  end

  // ---- Answers to reads, in order: where the words of each go. An answer may come in the cycle of its request. ----
!  wire [@KD1@:0] here = {q_wrap, q_cls, q_beat, q_words, q_lvl, q_lstep};
?  wire [@KD1@:0] here = {q_wrap, q_beat, q_words, q_lvl, q_lstep};
  wire begins = rd_valid && rd_ready && !started;
  logic kept_valid, room, pop, r_started, r_last;
  logic [@KD1@:0] kept, k;
  logic [31:0] r_left, r_now_left;
  logic [@AW1@:0] r_laddr, r_now_laddr;
  @TOP@_fifo @QUEUE_flights@ (.clk(clk), .rst(rst), .in_valid(begins && !(rr_valid && r_last && !kept_valid)), .in_ready(room),
    .in_data(here), .out_valid(kept_valid), .out_ready(pop), .out_data(kept));
  assign full = !room;
  always_comb begin
    k = kept_valid ? kept : here;
    r_now_left = r_started ? r_left : k[@AW8@ +: 32];
    r_last = r_now_left <= {16'd0, k[@AW40@ +: 16]};
    pop = rr_valid && r_last && kept_valid;
    r_now_laddr = r_started ? r_laddr : k[8 +: @AW@];
    lv_wen = @L@'d0;
    lv_waddr = @LA@'d0;
    for (int l = 0; l < @L@; l = l + 1)
      if (rr_valid && l[15:0] < k[@AW40@ +: 16] && l < r_now_left) begin
        lv_wen[l] = 1'b1;
        lv_waddr[l * @AW@ +: @AW@] = r_now_laddr;
        r_now_laddr = r_now_laddr + {@LSPAD@'d0, k[7:0]};
        if (r_now_laddr == k[@AW58@ +: @AW@]) r_now_laddr = @AW@'d0;
      end
    lv_wdata = rr_data;
  end

?  // Tags by age, the oldest first. Of a class those are counted that lie below the first that is not complete: where a number is taken one from, the bits below its lowest one turn.
?  function automatic logic [@TAGS1@:0] turned(input logic [@TAGS1@:0] bits, input logic [@TAG1@:0] by);
?    turned = (bits >> by) | (bits << (@TAG@'d0 - by));
?  endfunction
?  wire [@TAGS1@:0] aged = turned(open, following), ready = turned(complete | finished, following);
?  wire [@TAGS1@:0] aged_low = turned(class_low, following), aged_high = turned(class_high, following);
?  wire [@TAGS1@:0] all0 = aged & ~aged_high & ~aged_low, all1 = aged & ~aged_high & aged_low;
?  wire [@TAGS1@:0] all2 = aged & aged_high & ~aged_low, all3 = aged & aged_high & aged_low;
?  wire [@TAGS1@:0] late0 = all0 & ~ready, late1 = all1 & ~ready, late2 = all2 & ~ready, late3 = all3 & ~ready;
?  wire [@TAGS1@:0] aged0 = all0 & ~late0 & (late0 - @TAGS@'d1), aged1 = all1 & ~late1 & (late1 - @TAGS@'d1);
?  wire [@TAGS1@:0] aged2 = all2 & ~late2 & (late2 - @TAGS@'d1), aged3 = all3 & ~late3 & (late3 - @TAGS@'d1);
?  assign counted = turned(aged0 | aged1 | aged2 | aged3, @TAG@'d0 - following);
?
?  always_comb begin
?    more0 = '0;
?    more1 = '0;
?    more2 = '0;
?    more3 = '0;
?    for (int i = 0; i < @TAGS@; i = i + 1) begin
?      more0 = more0 + {@TAG@'d0, aged0[i]};
?      more1 = more1 + {@TAG@'d0, aged1[i]};
?      more2 = more2 + {@TAG@'d0, aged2[i]};
?      more3 = more3 + {@TAG@'d0, aged3[i]};
?    end
?  end
?
  always_ff @(posedge clk) begin
    if (rst) begin
?      tag <= @TAG@'d0;
?      open <= @TAGS@'d0;
?      finished <= @TAGS@'d0;
@TURNRESET@      started <= 1'b0;
      r_started <= 1'b0;
      done0 <= 32'd0;
      done1 <= 32'd0;
      done2 <= 32'd0;
      done3 <= 32'd0;
    end else begin
@TURNCOUNT@      if (go) begin
        started <= !last;
        left <= now_left - {16'd0, q_beat};
        addr <= next_addr;
        i0 <= next_i0;
        i1 <= next_i1;
        i2 <= next_i2;
        i3 <= next_i3;
@I4REG@        laddr <= next_laddr;
      end
      if (rr_valid) begin
        r_started <= !r_last;
        r_left <= r_now_left - {16'd0, k[@AW40@ +: 16]};
        r_laddr <= r_now_laddr;
!        if (r_last) begin
!          if (k[@AW56@ +: 2] == 2'd0) done0 <= done0 + 32'd1;
!          if (k[@AW56@ +: 2] == 2'd1) done1 <= done1 + 32'd1;
!          if (k[@AW56@ +: 2] == 2'd2) done2 <= done2 + 32'd1;
!        end
      end
!      if (wa_valid) done3 <= done3 + 32'd1;
?      if (go && !started) begin
?        open[tag] <= 1'b1;
?        class_low[tag] <= q_cls[0];
?        class_high[tag] <= q_cls[1];
?      end
?      if (go && last) tag <= following;
?      for (int i = 0; i < @TAGS@; i = i + 1)
?        if (counted[i]) begin
?          open[i] <= 1'b0;
?          finished[i] <= 1'b0;
?        end else if (complete[i]) finished[i] <= 1'b1;
?      done0 <= done0 + {@TAGPAD@'d0, more0};
?      done1 <= done1 + {@TAGPAD@'d0, more1};
?      done2 <= done2 + {@TAGPAD@'d0, more2};
?      done3 <= done3 + {@TAGPAD@'d0, more3};
    end
  end
endmodule
)";

/// The next word's place.
constexpr std::string_view nested = R"(        if (next_i0 + 32'd1 < q_c0) begin
          next_i0 = next_i0 + 32'd1;
          next_addr = next_addr + q_d0;
        end else begin
          next_i0 = 32'd0;
          if (next_i1 + 32'd1 < q_c1) begin
            next_i1 = next_i1 + 32'd1;
            next_addr = next_addr + q_d1;
          end else begin
            next_i1 = 32'd0;
            if (next_i2 + 32'd1 < q_c2) begin
              next_i2 = next_i2 + 32'd1;
              next_addr = next_addr + q_d2;
            end else begin
              next_i2 = 32'd0;
              if (next_i3 + 32'd1 < q_c3) begin
                next_i3 = next_i3 + 32'd1;
                next_addr = next_addr + q_d3;
              end else begin
                next_i3 = 32'd0;
                next_addr = next_addr + q_d4;
              end
            end
          end
        end
)";
constexpr std::string_view stacked = R"(        if (q_images) begin
          // Rows (or pixels) of neighbouring images: from the midst of the first to the midst of the last, channel by channel.
@COLUMN@            if (next_i2 + 32'd1 < q_c2) begin
              next_i2 = next_i2 + 32'd1;
              if (next_i1 + 32'd1 < q_c1) begin
                next_i1 = next_i1 + 32'd1;
                next_addr = next_addr + q_d1;
              end else begin
                next_i1 = 32'd0;
                next_addr = next_addr + q_d2;
              end
            end else begin
              next_i2 = 32'd0;
              next_i1 = {16'd0, q_i1};
              if (next_i3 + 32'd1 < q_c3) begin
                next_i3 = next_i3 + 32'd1;
                next_addr = next_addr + q_d3;
              end else begin
                next_i3 = 32'd0;
                next_addr = next_addr + q_d4;
              end
            end
          end
        end else begin
)";

/// The next column: in a row without blocks, and in one with them (from the midst of a block to the midst of another).
constexpr std::string_view plain_column = R"(          if (next_i0 + 32'd1 < q_c0) begin
            next_i0 = next_i0 + 32'd1;
            next_addr = next_addr + q_d0;
          end else begin
            next_i0 = 32'd0;
)";
constexpr std::string_view spread_column = R"(          // Of windows that leave rows or columns out: so many of each in a block, a tap's or an output's.
          if (next_i4 + 32'd1 < q_c4) begin
            next_i4 = next_i4 + 32'd1;
            if (next_i0 + 32'd1 < q_c0) begin
              next_i0 = next_i0 + 32'd1;
              next_addr = next_addr + q_d0;
            end else begin
              next_i0 = 32'd0;
              next_addr = next_addr + q_d5;
            end
          end else begin
            next_i4 = 32'd0;
            next_i0 = {16'd0, q_i0};
)";

constexpr std::string_view fifo = R"(
// A queue whose first word stands at its output.
module @TOP@_fifo #(parameter W = 8, parameter LOG = 2) (
  input  logic clk,
  input  logic rst,
  input  logic in_valid,
  output logic in_ready,
  input  logic [W-1:0] in_data,
  output logic out_valid,
  input  logic out_ready,
  output logic [W-1:0] out_data
);
  logic [W-1:0] mem [0:(1<<LOG)-1];
  logic [LOG:0] wr, rd;
  assign in_ready = !(wr[LOG] != rd[LOG] && wr[LOG-1:0] == rd[LOG-1:0]);
  assign out_valid = wr != rd;
  assign out_data = mem[rd[LOG-1:0]];
  always_ff @(posedge clk) begin
    if (rst) begin
      wr <= '0;
      rd <= '0;
    end else begin
      if (in_valid && in_ready) begin
        mem[wr[LOG-1:0]] <= in_data;
        wr <= wr + 1'b1;
      end
      if (out_valid && out_ready) rd <= rd + 1'b1;
    end
  end
endmodule
)";

}  // namespace

std::vector<QueueShape> dma_queues(const DesignShape& shape) { return {{"flights", (shape.device ? 0 : 2) + 16 + 32 + 2 * shape.address_bits + 8, shape.flight_log}}; }

namespace {

/// Core and shared levels have the bus in turns with the memory: the memory's unit tells how many of its transfers have left their links, which is when their last words have been
/// asked for or, at a device, when its controller has taken their last burst and the next request may come (several cores are told: `released`).
void add_turns(const DesignShape& shape, bool link, Places& all) {
  all["TURNPORT"] = link ? "  input  logic [31:0] issued,\n" : "  output logic [31:0] issued,\n";
  if (link) {
    all["MET"] += " && issued >= q_need_i";
    return;
  }
  all["UNPACK"].insert(all["UNPACK"].find("  wire [31:0] q_need_i "), "  /* verilator lint_off UNUSEDSIGNAL */  // of links\n");
  all["UNPACK"] += "  /* verilator lint_on UNUSEDSIGNAL */\n";
  if (shape.granted) all["TURNPORT"] += "  input  logic released,\n";
  all["TURN"] = shape.granted ? "  logic [31:0] asked;\n  assign issued = asked - {31'd0, asked != 32'd0 && !started && !released};\n"
                : shape.device ? "  logic [31:0] asked;\n  assign issued = asked - {31'd0, asked != 32'd0 && !started && !rq_ready};\n" : "  logic [31:0] asked;\n  assign issued = asked;\n";
  all["TURNRESET"] = "      asked <= 32'd0;\n";
  all["TURNCOUNT"] = "      if (go && last) asked <= asked + 32'd1;\n";
}

/// The unit at the memory, or (with `link`) one between levels, to which the outer level is a memory that answers in the same cycle.
std::string unit_text(const DesignShape& shape, bool link, const Places& places) {
  Places all = places;
  const std::vector<QueueShape> queues = dma_queues(shape);
  set_queue_places(all, queues);
  const int aw = shape.address_bits;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  set("LSPAD", aw - 8);
  set("KD", queues[0].bits);
  set("AW8", aw + 8);
  set("AW40", aw + 40);
  set("AW56", aw + 56);
  set("AW58", aw + (shape.device ? 56 : 58));
  set("TAG", DesignShape::tag_log);
  set("TAGS", 1 << DesignShape::tag_log);
  set("TAGPAD", 31 - DesignShape::tag_log);
  all["UNIT"] = link ? "_link" : "_dma";
  all["ALLPORT"] = shape.nested ? fill_places("  input  logic [@DONE1@:0] all,\n", places) : "";
  all["MET"] = shape.nested ? needs_met(shape, "all", "q_") : shape.device ? needs_met(shape, "done", "q_") : "done0 >= q_need0 && done1 >= q_need1 && done2 >= q_need2 && done3 >= q_need3";
  all["UNPACK"] = unpack_text(descriptor_layouts(shape).transfer, "d", "", "q_");
  for (const char* place : {"TURNPORT", "TURN", "TURNRESET", "TURNCOUNT"}) all[place] = "";
  if (shape.bus_engine > 0) add_turns(shape, link, all);
  set("I0PAD", shape.spread ? 16 : 24);
  all["I4"] = shape.spread ? "  logic [31:0] i4, now_i4, next_i4;\n" : "";
  all["I4NOW"] = shape.spread ? "    now_i4 = started ? i4 : 32'd0;\n" : "";
  all["I4NEXT"] = shape.spread ? "    next_i4 = now_i4;\n" : "";
  all["I4REG"] = shape.spread ? "        i4 <= next_i4;\n" : "";
  all["COLUMN"] = shape.spread ? spread_column : plain_column;
  all["NEXT"] = shape.images || shape.spread ? fill_places(stacked, all) + std::string(nested) + "        end\n" : std::string(nested);
  return fill_places(choose_lines(dma, shape.device), all);
}

/// A link as a unit at a memory: the outer level is one.
DesignShape as_link(const DesignShape& shape) {
  DesignShape like = shape;
  like.device = false;
  like.flight_log = 2;
  like.dma_lanes = shape.link_lanes;
  return like;
}

}  // namespace

std::string dma_text(const DesignShape& shape, const Places& places) { return fill_places(fifo, places) + unit_text(shape, false, places); }

std::vector<QueueShape> link_queues(const DesignShape& shape) { return dma_queues(as_link(shape)); }

std::string link_text(const DesignShape& shape, const Places& places) {
  const DesignShape like = as_link(shape);
  Places all = places;
  for (const auto& [own, links] : {std::pair{"L", "K"}, {"LM", "KM"}, {"LW", "KW"}, {"LA", "KA"}})
    for (const char* end : {"", "1"}) all[std::string(own) + end] = places.at(std::string(links) + end);
  return unit_text(like, true, all);
}

}  // namespace gnomon::hls
