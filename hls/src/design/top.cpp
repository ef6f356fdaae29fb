#include "design/shape.hpp"
#include "emit/text.hpp"
#include "gnomon/hls/design.hpp"

namespace gnomon::hls {
namespace {

constexpr std::string_view text = R"(
// Complete design: array, levels, transfers, vector unit, and the sequencer that lets each of them begin what its program asks for as soon as what it
// waits for has ended.
module @TOP@ (
  input  logic clk,
  input  logic rst,
  input  logic run,
  input  logic transfer_valid,
  output logic transfer_ready,
  input  logic [@TD1@:0] transfer_data,
  input  logic fold_valid,
  output logic fold_ready,
  input  logic [@FD1@:0] fold_data,
  input  logic config_valid,
  output logic config_ready,
  input  logic [@CD1@:0] config_data,
?  input  logic chunk_valid,
?  output logic chunk_ready,
?  input  logic [@VD1@:0] chunk_data,
@LINKPORTS@  input  logic bias_valid,
  input  logic [@BIASW1@:0] bias_addr,
  input  logic [@A1@:0] bias_data,
  output logic rd_valid,
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
@ACKPORTS@  output logic [31:0] ended,
  output logic [@DONE1@:0] done
);
  // ---- Program queues. ----
  logic t_valid, t_ready, n_valid, n_ready;
  logic [@TD1@:0] t_data;
  logic [@FD1@:0] n_data;
  @TOP@_fifo @QUEUE_transfers@ (.clk(clk), .rst(rst), .in_valid(transfer_valid), .in_ready(transfer_ready), .in_data(transfer_data),
    .out_valid(t_valid), .out_ready(t_ready), .out_data(t_data));
  @TOP@_fifo @QUEUE_folds@ (.clk(clk), .rst(rst), .in_valid(fold_valid), .in_ready(fold_ready), .in_data(fold_data),
    .out_valid(n_valid), .out_ready(n_ready), .out_data(n_data));

  // ---- Settings of a layer: two sets, so that the next layer's are there when it begins. ----
@CONFIG@
  logic [1:0] config_write;
  logic [15:0] configs;
  assign config_ready = ended >= c_need_e;
  assign config_write = config_valid && config_ready ? (c_bank ? 2'b10 : 2'b01) : 2'b00;

  // ---- Folds go to the array and to those who address its streams. ----
  logic array_ready, at_valid, at_ready, if_valid, if_ready, fi_valid, fi_ready, rs_valid, rs_ready;
  logic gate_room, if_room, fi_room, rs_room, all_room;
  logic [@GD1@:0] gate_data;
  logic [@IQ1@:0] if_desc;
  logic [@NQ1@:0] fi_desc;
  logic [@RQ1@:0] rs_desc;
  assign all_room = array_ready && gate_room && if_room && fi_room && rs_room;
  assign n_ready = all_room;
  @TOP@_fifo @QUEUE_gates@ (.clk(clk), .rst(rst), .in_valid(n_valid && all_room), .in_ready(gate_room), .in_data(n_data[@GAT@ +: @GD@]),
    .out_valid(at_valid), .out_ready(at_ready), .out_data(gate_data));
  @TOP@_fifo @QUEUE_ifmaps@ (.clk(clk), .rst(rst), .in_valid(n_valid && all_room), .in_ready(if_room), .in_data(n_data[@IAT@ +: @IQ@]),
    .out_valid(if_valid), .out_ready(if_ready), .out_data(if_desc));
  @TOP@_fifo @QUEUE_filters@ (.clk(clk), .rst(rst), .in_valid(n_valid && all_room), .in_ready(fi_room), .in_data(n_data[@NAT@ +: @NQ@]),
    .out_valid(fi_valid), .out_ready(fi_ready), .out_data(fi_desc));
  @TOP@_fifo @QUEUE_results@ (.clk(clk), .rst(rst), .in_valid(n_valid && all_room), .in_ready(rs_room), .in_data(n_data[@RAT@ +: @RQ@]),
    .out_valid(rs_valid), .out_ready(rs_ready), .out_data(rs_desc));

  // ---- An array tile begins when its operands' tiles are there. ----
@GATE@
  logic gate;
  assign gate = run && at_valid && (!g_begin || (configs >= g_need_c && ended >= g_need_e && @GATEMET@));
  assign at_ready = @HOLDER@_ready;

  logic ifmap_valid, ifmap_ready, filter_valid, filter_ready, psum_ready, ofmap_valid;
  logic [@IFA1@:0] if_addr;
  logic [@IFD1@:0] if_words, ifmap_data;
  logic [@FIA1@:0] fi_addr;
  logic [@FID1@:0] filter_data;
  logic [@OW1@:0] psum_data, ofmap_data, rs_data;
@LANES@@DUE@  logic [@C1@:0] rs_en, rs_sums;
  logic [@RSA1@:0] rs_addr;
  logic [@CB1@:0] tiles_ended;
  @TOP@_feed_ifmap feed_ifmap (.clk(clk), .rst(rst), .config_write(config_write), .config_data({@IMAGES@c_x0, c_sy, c_sx, c_w, c_h, c_ow, c_kh, c_kw}),
    .q_valid(if_valid), .q_ready(if_ready), .q(if_desc@ISLICE@),@IFGATE@ .valid(ifmap_valid), .ready(ifmap_ready), .addr(if_addr), .words(if_words), .data(ifmap_data));
  @TOP@_feed_filter feed_filter (.clk(clk), .rst(rst), .q_valid(fi_valid), .q_ready(fi_ready), .q(fi_desc@NSLICE@),@FIGATE@
    .valid(filter_valid), .ready(filter_ready), .addr(fi_addr));
  @ARRAY@ array (.clk(clk), .rst(rst), .hold(@HOLDWIRE@), .fold_valid(n_valid && gate_room && if_room && fi_room && rs_room), .fold_ready(array_ready),
    .fold_rows(n_data[@AROWS@]), .fold_cols(n_data[@ACOLS@]), .fold_length(n_data[@ALENGTH@]), .fold_accumulate(n_data[@AACC@]),@AWAIT@
    .ifmap_valid(ifmap_valid), .ifmap_ready(ifmap_ready), .ifmap_data(ifmap_data), .filter_valid(filter_valid), .filter_ready(filter_ready),
    .filter_data(filter_data), .psum_valid(1'b1), .psum_ready(psum_ready), .psum_data(psum_data), .ofmap_valid(ofmap_valid), .ofmap_ready(1'b1),
    .ofmap_data(ofmap_data)@ALANES@@DUEWIRE@);
  @TOP@_results exits (.clk(clk), .rst(rst), .config_write(config_write), .config_data({c_relu, c_has_bias, c_shift}), .bias_valid(bias_valid),
    .bias_addr(bias_addr), .bias_data(bias_data), .q_valid(rs_valid), .q_ready(rs_ready), .q(rs_desc@RSLICE@), .ofmap_valid(ofmap_valid),@RLANES@
    .ofmap_data(ofmap_data), .rs_en(rs_en), .rs_sums(rs_sums), .rs_addr(rs_addr), .rs_data(rs_data), .ended(tiles_ended));

@METER@  // ---- Vector unit. ----
?  logic v_valid, v_ready;
?  logic [@VD1@:0] v_data;
?  logic [@VRA1@:0] vr_addr;
?  logic [@VRD1@:0] vr_data;
?  logic [@V1@:0] vw_en;
?  logic [@VWA1@:0] vw_addr;
?  logic [@VWD1@:0] vw_data;
?  @TOP@_fifo @QUEUE_chunks@ (.clk(clk), .rst(rst), .in_valid(chunk_valid), .in_ready(chunk_ready), .in_data(chunk_data),
?    .out_valid(v_valid), .out_ready(v_ready), .out_data(v_data));
?  @TOP@_vector vector (.clk(clk), .rst(rst), .run(run), .q_valid(v_valid), .q_ready(v_ready), .q(v_data), .ended(ended), .done(done),
?    .vr_addr(vr_addr), .vr_data(vr_data), .vw_en(vw_en), .vw_addr(vw_addr), .vw_data(vw_data));

  // ---- Transfers. ----
  logic [@LA1@:0] dr_addr, dw_addr;
  logic [@LW1@:0] dr_data, dw_data;
  logic [@L1@:0] dw_en;
@TURNWIRE@  @TOP@_dma dma (.clk(clk), .rst(rst), .run(run), .d_valid(t_valid), .d_ready(t_ready), .d(t_data), .ended(ended), @DMADONE@,
    .rd_valid(rd_valid), .rd_ready(rd_ready), .rd_lanes(rd_lanes), .rd_addr(rd_addr), .rr_valid(rr_valid), .rr_data(rr_data),
    .wr_valid(wr_valid), .wr_ready(wr_ready), .wr_last(wr_last), .wr_lanes(wr_lanes), .wr_addr(wr_addr), .wr_data(wr_data), @ACKPINS@,
    .lv_raddr(dr_addr), .lv_rdata(dr_data), .lv_wen(dw_en), .lv_waddr(dw_addr), .lv_wdata(dw_data));

@LINKS@  // ---- Levels. ----
@LEVELS@
  always_ff @(posedge clk) begin
    if (rst) begin
      ended <= 32'd0;
      configs <= 16'd0;
    end else begin
?      ended <= ended + {@EPAD@'d0, tiles_ended} + {31'd0, v_ready};
!      ended <= ended + {@EPAD@'d0, tiles_ended};
      if (config_write != 2'b00) configs <= configs + 16'd1;
    end
  end
endmodule
)";

/// Bits of a fold's group and of what prices its steps.
std::int64_t priced_bits(const DescriptorLayout& fold, const std::string& group) { return fold.group_bits(group) + fold.group_bits("p" + group); }

}  // namespace

std::vector<QueueShape> whole_queues(const DesignShape& shape) {
  const DescriptorLayouts layouts = descriptor_layouts(shape);
  std::vector<QueueShape> out{{"transfers", layouts.transfer.bits(), 2}, {"folds", layouts.fold.bits(), 2}, {"gates", layouts.fold.group_bits("g_"), 3}};
  for (const auto& [name, group] : {std::pair{"ifmaps", "i_"}, {"filters", "f_"}, {"results", "r_"}}) out.push_back({name, priced_bits(layouts.fold, group), 3});
  if (shape.vector_lanes > 0) out.push_back({"chunks", layouts.chunk.bits(), 2});
  for (std::size_t e = 1; e < shape.engines(); ++e) out.push_back({"k" + std::to_string(e), layouts.transfer.bits(), 2});
  return out;
}

std::string whole_text(const DesignShape& s, const std::string& array, const Places& places) {
  const bool has_vector = s.vector_lanes > 0, os = arch::info(s.array.dataflow).outputs_stay();
  const bool swapped = s.array.dataflow == arch::Dataflow::is;
  const DescriptorLayouts layouts = descriptor_layouts(s);
  Places all = places;
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(all, name, value); };
  set_queue_places(all, whole_queues(s));
  set("EPAD", 32 - bits_for(s.array.cols));
  for (const auto& [name, group] : {std::pair{"G", "g_"}, {"I", "i_"}, {"N", "f_"}, {"R", "r_"}}) {
    set(std::string(name) + "D", layouts.fold.group_bits(group));
    set(std::string(name) + "AT", layouts.fold.group_at(group));
    const std::int64_t own = layouts.fold.group_bits(group), both = priced_bits(layouts.fold, group);
    set(std::string(name) + "Q", both);
    all[std::string(name) + "SLICE"] = both > own ? "[" + std::to_string(own - 1) + ":0]" : "";
  }
  const auto slice = [&](const std::string& name) {
    return std::to_string(layouts.fold.at(name)) + (layouts.fold.width(name) > 1 ? " +: " + std::to_string(layouts.fold.width(name)) : std::string());
  };
  all["AROWS"] = slice("a_rows");
  all["ACOLS"] = slice("a_cols");
  all["ALENGTH"] = slice("a_length");
  all["AACC"] = slice("a_accumulate");
  all["AWAIT"] = s.array.overlap ? " .fold_wait(n_data[" + slice("a_wait") + "])," : "";
  all["ALANES"] = os ? "" : ", .psum_lanes(psum_lanes), .ofmap_lanes(ofmap_lanes)";
  all["RLANES"] = os ? "" : " .ofmap_lanes(ofmap_lanes),";
  all["LANES"] = fill_places(os ? "" : "  logic [@C1@:0] ofmap_lanes;\n  /* verilator lint_off UNUSEDSIGNAL */  // the level reads all lanes\n  logic [@C1@:0] psum_lanes;\n  /* verilator lint_on UNUSEDSIGNAL */\n", all);
  all["HOLDWIRE"] = s.prices_steps() ? "hold" : "1'b0";
  all["DUEWIRE"] = s.prices_steps() ? ", .due(due)" : "";
  all["DUE"] = s.prices_steps() ? std::string("  logic hold;\n  logic ") + (os ? "[3:0]" : "[2:0]") + " due;\n" : "";
  all["METER"] = s.prices_steps() ? fill_places(meter_instance(s), all) : "";
  all["ACKPORTS"] = s.device ? "  input  logic rq_ready,\n  output logic [" + std::to_string(DesignShape::tag_log - 1) + ":0] rq_tag,\n  input  logic [" + std::to_string((1 << DesignShape::tag_log) - 1) + ":0] complete,\n"
                             : "  input  logic wa_valid,\n";
  all["ACKPINS"] = s.device ? ".rq_ready(rq_ready), .rq_tag(rq_tag), .complete(complete)" : ".wa_valid(wa_valid)";
  all["IMAGES"] = std::string(s.spread ? "c_dy, c_dx, " : "") + (s.images ? "c_y0, c_oh, " : "");
  all["ARRAY"] = array;
  // A line that has its break where there are four counters.
  std::string met = needs_met(s, "done", "g_");
  met.replace(met.find(" done[95"), 1, "\n                ");
  all["GATEMET"] = met;
  all["DMADONE"] = std::string(s.nested ? ".done(done[127:0]), .all(done)" : ".done(done)") + (s.bus_engine > 0 ? ", .issued(issued)" : "") + (s.told_of_release() ? ", .released(released)" : "");
  all["TURNWIRE"] = s.bus_engine > 0 ? "  logic [31:0] issued;  // transfers of the memory that have left their links\n" : "";
  all["LINKPORTS"] = "";
  for (std::size_t e = 1; e < s.engines(); ++e) {
    const std::string n = std::to_string(e);
    all["LINKPORTS"] += fill_places("  input  logic link" + n + "_valid,\n  output logic link" + n + "_ready,\n  input  logic [@TD1@:0] link" + n + "_data,\n", places);
    if (s.waits_for_grant(e)) all["LINKPORTS"] += "  output logic link" + n + "_asks,\n  input  logic link" + n + "_grant,\n";
  }
  if (s.told_of_release()) all["LINKPORTS"] += "  input  logic released,\n";
  all["LINKS"] = s.nested ? "  // ---- Transfers between levels. ----\n" + link_instances(s, all) + "\n" : "";
  all["CONFIG"] = unpack_text(layouts.config, "config_data", "", "c_");
  // From the queue's output, not from the fold that enters.
  all["GATE"] = unpack_text(layouts.fold, "gate_data", "g_", "g_");
  all["HOLDER"] = swapped ? "if" : "fi";
  all["IFGATE"] = swapped ? " .gate(gate)," : "";
  all["FIGATE"] = swapped ? "" : " .gate(gate),";

  std::string body;
  std::string read_dr, read_if, read_fi, read_ps, read_vr;
  std::vector<std::string> read_in(s.links.size()), read_out(s.links.size());
  for (std::size_t l = 0; l < s.levels.size(); ++l) {
    const std::string i = std::to_string(l);
    const auto holds = [&](arch::Operand o) { return s.levels[l].gives(o); };
    const auto joined = [](std::string& list, const std::string& wire) { list += (list.empty() ? "" : " | ") + wire; };
    body += "  logic [@LW1@:0] dr" + i + ";\n";
    std::string ports = ".clk(clk), .dr_addr(dr_addr), .dr_data(dr" + i + "), .dw_en(dw_en), .dw_addr(dw_addr), .dw_data(dw_data)";
    joined(read_dr, "dr" + i);
    if (holds(arch::Operand::ifmap)) {
      body += "  logic [@IFD1@:0] if" + i + ";\n";
      ports += ", .if_addr(if_addr), .if_data(if" + i + ")";
      joined(read_if, "if" + i);
    }
    if (holds(arch::Operand::filter)) {
      body += "  logic [@FID1@:0] fi" + i + ";\n";
      ports += ", .fi_addr(fi_addr), .fi_data(fi" + i + ")";
      joined(read_fi, "fi" + i);
    }
    if (holds(arch::Operand::ofmap)) {
      body += "  logic [@OW1@:0] ps" + i + ";\n";
      ports += ", .rs_en(rs_en), .rs_sums_any(psum_ready), .rs_sums(rs_sums), .rs_addr(rs_addr), .rs_data(rs_data), .ps_data(ps" + i + ")";
      joined(read_ps, "ps" + i);
    }
    if (has_vector && !s.levels[l].shared) {
      body += "  logic [@VRD1@:0] vr" + i + ";\n";
      ports += ", .vr_addr(vr_addr), .vr_data(vr" + i + "), .vw_en(vw_en), .vw_addr(vw_addr), .vw_data(vw_data)";
      joined(read_vr, "vr" + i);
    }
    for (std::size_t k = 0; k < s.links.size(); ++k) {
      const auto side = [&](const std::string& wire, const std::string& port, std::string& read) {
        body += "  logic [@KW1@:0] " + wire + "_" + i + ";\n";
        ports += ", ." + port + "r_addr(" + wire + "_raddr), ." + port + "r_data(" + wire + "_" + i + "), ." + port + "w_en(" + wire + "_en), ." + port + "w_addr(" + wire + "_waddr), ." + port + "w_data(" +
                 wire + "_wdata)";
        joined(read, wire + "_" + i);
      };
      const std::string n = std::to_string(k + 1);
      if (s.links[k].inner(l)) side("k" + n + "_in", "i" + n, read_in[k]);
      if (s.links[k].outer(l)) side("k" + n + "_out", "o" + n, read_out[k]);
    }
    body += "  @TOP@_level" + i + " level" + i + " (" + ports + ");\n";
  }
  body += "  assign dr_data = " + read_dr + ";\n  assign if_words = " + read_if + ";\n  assign filter_data = " + read_fi + ";\n  assign psum_data = " + read_ps + ";\n";
  if (has_vector) body += "  assign vr_data = " + read_vr + ";\n";
  for (std::size_t k = 0; k < s.links.size(); ++k) {
    const std::string n = std::to_string(k + 1);
    body += "  assign k" + n + "_in_rdata = " + read_in[k] + ";\n  assign k" + n + "_out_rdata = " + read_out[k] + ";\n";
  }
  all["LEVELS"] = fill_places(body, all);
  return fill_places(choose_lines(text, has_vector), all);
}

void add_parts(DesignShape& shape, const WorkloadParts& parts) {
  shape.images = parts.images;
  shape.spread = parts.spread;
  shape.mean_log = parts.mean_log;
  shape.banked = parts.banked;
}

Expected<Rtl> emit_design(const arch::Design& design, const WorkloadParts& parts) {
  auto shaped = design_shape(design, parts.nested);
  if (!shaped) return fail(std::move(shaped.error()));
  add_parts(*shaped, parts);
  return emit_shape(*shaped);
}

Expected<Rtl> emit_shape(const DesignShape& s) {
  auto array = emit_array(s.array, RtlStyle::loops, s.prices_steps());
  if (!array) return fail(std::move(array.error()));
  const bool has_vector = s.vector_lanes > 0;
  const std::string top = "gnomon_design_" + array->top.substr(7);
  const Places places = design_places(s, top);
  const DescriptorLayouts layouts = descriptor_layouts(s);
  const int bits = s.array.precision_bits;
  std::string levels;
  for (std::size_t l = 0; l < s.levels.size(); ++l) levels += level_text(s, l, places);
  Rtl rtl;
  rtl.top = top;
  rtl.text = array->text + dma_text(s, places) + (s.links.empty() ? "" : link_text(s, places)) + feed_text(s, places) + results_text(s, places) + (has_vector ? vector_text(s, places) : "") + levels +
             (s.prices_steps() ? meter_text(s, places) : "") + whole_text(s, array->top, places);
  const auto port = [&](const char* name, std::int64_t width, bool input) { rtl.ports.push_back({name, static_cast<int>(width), input}); };
  port("clk", 1, true);
  port("rst", 1, true);
  port("run", 1, true);
  const auto stream = [&](const std::string& name, int width) {
    rtl.ports.push_back({name + "_valid", 1, true});
    rtl.ports.push_back({name + "_ready", 1, false});
    rtl.ports.push_back({name + "_data", width, true});
  };
  stream("transfer", layouts.transfer.bits());
  stream("fold", layouts.fold.bits());
  stream("config", layouts.config.bits());
  if (has_vector) stream("chunk", layouts.chunk.bits());
  for (std::size_t e = 1; e < s.engines(); ++e) {
    const std::string link = "link" + std::to_string(e);
    stream(link, layouts.transfer.bits());
    if (!s.waits_for_grant(e)) continue;
    rtl.ports.push_back({link + "_asks", 1, false});
    rtl.ports.push_back({link + "_grant", 1, true});
  }
  if (s.told_of_release()) port("released", 1, true);
  port("bias_valid", 1, true);
  port("bias_addr", bits_for(s.bias_words - 1), true);
  port("bias_data", s.array.accumulator_bits, true);
  port("rd_valid", 1, false);
  port("rd_ready", 1, true);
  port("rd_lanes", s.dma_lanes, false);
  port("rd_addr", s.dma_lanes * 32, false);
  port("rr_valid", 1, true);
  port("rr_data", s.dma_lanes * bits, true);
  port("wr_valid", 1, false);
  port("wr_ready", 1, true);
  port("wr_last", 1, false);
  port("wr_lanes", s.dma_lanes, false);
  port("wr_addr", s.dma_lanes * 32, false);
  port("wr_data", s.dma_lanes * bits, false);
  if (s.device) {
    port("rq_ready", 1, true);
    port("rq_tag", DesignShape::tag_log, false);
    port("complete", 1 << DesignShape::tag_log, true);
  } else {
    port("wa_valid", 1, true);
  }
  port("ended", 32, false);
  port("done", static_cast<std::int64_t>(32 * s.counters()), false);
  return rtl;
}

}  // namespace gnomon::hls
