#include "design/shape.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {
namespace {

// The outer level stands in the memory's place: it takes and answers in the cycle of the request, and what is written to it is complete in the next one. Over a link
// that several cores share it does so while the transfer has the link.
constexpr std::string_view instance = R"(  logic k@E@_valid, k@E@_ready, k@E@_rd_valid, k@E@_wr_valid, k@E@_wr_last;
  logic [@TD1@:0] k@E@_data;
  logic [@K1@:0] k@E@_wr_lanes, k@E@_in_en, k@E@_out_en;
  /* verilator lint_off UNUSEDSIGNAL */  // addresses of the outer level have fewer bits than those of a memory; it gives all lanes
  logic [@K1@:0] k@E@_rd_lanes;
  logic [@KM1@:0] k@E@_rd_at, k@E@_wr_at;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [@KA1@:0] k@E@_in_raddr, k@E@_in_waddr, k@E@_out_raddr, k@E@_out_waddr;
  logic [@KW1@:0] k@E@_in_rdata, k@E@_in_wdata, k@E@_out_rdata, k@E@_out_wdata;
  @TOP@_fifo @QUEUE_k@E@@ (.clk(clk), .rst(rst), .in_valid(link@E@_valid), .in_ready(link@E@_ready), .in_data(link@E@_data),
    .out_valid(k@E@_valid), .out_ready(k@E@_ready), .out_data(k@E@_data));
  @TOP@_link move@E@ (.clk(clk), .rst(rst), .run(run), .d_valid(k@E@_valid), .d_ready(k@E@_ready), .d(k@E@_data), .ended(ended), .done(done[@AT@ +: 128]), .all(done),@TURN@
    .rd_valid(k@E@_rd_valid), .rd_ready(@READY@), .rd_lanes(k@E@_rd_lanes), .rd_addr(k@E@_rd_at), .rr_valid(k@E@_rd_valid@MOVES@), .rr_data(k@E@_out_rdata),
    .wr_valid(k@E@_wr_valid), .wr_ready(@READY@), .wr_last(k@E@_wr_last), .wr_lanes(k@E@_wr_lanes), .wr_addr(k@E@_wr_at), .wr_data(k@E@_out_wdata),
    .wa_valid(k@E@_wr_valid && k@E@_wr_last@MOVES@), .lv_raddr(k@E@_in_raddr), .lv_rdata(k@E@_in_rdata), .lv_wen(k@E@_in_en), .lv_waddr(k@E@_in_waddr), .lv_wdata(k@E@_in_wdata));
  assign k@E@_out_en = k@E@_wr_valid@MOVES@ ? k@E@_wr_lanes : @K@'d0;
@ASKS@)";

}  // namespace

std::string link_instances(const DesignShape& s, const Places& places) {
  std::string out;
  for (std::size_t e = 1; e < s.engines(); ++e) {
    Places all = places;
    const std::string n = std::to_string(e);
    all["E"] = n;
    all["AT"] = std::to_string(128 * e);
    all["TURN"] = s.bus_engine > 0 ? " .issued(issued)," : "";
    const bool granted = s.waits_for_grant(e);
    all["READY"] = granted ? "link" + n + "_grant" : "1'b1";
    all["MOVES"] = granted ? " && link" + n + "_grant" : "";
    all["ASKS"] = granted ? "  assign link" + n + "_asks = k" + n + "_rd_valid || k" + n + "_wr_valid;\n" : "";
    std::string text = fill_places(instance, {{"E", n}});
    text = fill_places(text, all);
    const std::string k = "k" + n;
    for (std::int64_t l = 0; l < s.link_lanes; ++l) {
      const auto lane = [&](const char* to, const char* from) {
        text += "  assign " + k + to + "[" + std::to_string(l * s.address_bits) + " +: " + std::to_string(s.address_bits) + "] = " + k + from + "[" + std::to_string(l * 32) + " +: " +
                std::to_string(s.address_bits) + "];\n";
      };
      lane("_out_raddr", "_rd_at");
      lane("_out_waddr", "_wr_at");
    }
    out += text;
  }
  return out;
}

}  // namespace gnomon::hls
