#include <algorithm>
#include <bit>
#include <map>

#include "design/shape.hpp"
#include "emit/array.hpp"
#include "emit/text.hpp"
#include "gnomon/base/text.hpp"
#include "synth/modules.hpp"

namespace gnomon::hls {

std::vector<Module> modules_of(const std::string& text) {
  std::vector<Module> out;
  for (std::size_t at = text.find("module "); at != text.npos;) {
    if (at > 0 && text[at - 1] != '\n') {  // a word in a comment, or the end of `endmodule`
      at = text.find("module ", at + 1);
      continue;
    }
    const std::size_t end = text.find("\nendmodule\n", at);
    if (end == text.npos) break;
    Module one;
    one.text = text.substr(at, end + 11 - at);
    const std::size_t name = at + 7;
    one.name = text.substr(name, text.find_first_of(" #(", name) - name);
    out.push_back(std::move(one));
    at = text.find("module ", end + 11);
  }
  return out;
}

std::string black_box(const Module& module) { return "(* blackbox *)\n" + module.text.substr(0, module.text.find(");\n") + 3) + "endmodule\n"; }

namespace {

const std::string common = "gnomon_design";  // the parts of all designs are named alike, so that equal ones are synthesised once

/// The module of that name, and of `also` where it is given, from a text.
SynthJob job_of(const std::string& text, const std::string& name, const std::string& also = "") {
  SynthJob job{name, "", true};
  for (const Module& module : modules_of(text))
    if (module.name == name || module.name == also) job.text += module.text + "\n";
  return job;
}

/// Lanes from which wider units are reckoned.
struct Lanes {
  std::int64_t few, fewer;
};
constexpr Lanes fpga_lanes{4, 2}, cell_lanes{2, 1};

/// A unit of `lanes` equal lanes: itself, or from two narrow ones along their straight line. `of`: the unit of so many lanes.
template <class Of>
SynthPart by_lanes(const std::string& name, std::int64_t lanes, const Lanes& from, const Of& of) {
  const auto [few, fewer] = from;
  SynthPart part{name, of(std::min(lanes, few)), 1, {}};
  if (lanes <= few) return part;
  part.chained = true;
  const double steps = static_cast<double>(lanes - fewer) / static_cast<double>(few - fewer);
  part.name += ", " + std::to_string(lanes) + " lanes reckoned from " + std::to_string(fewer) + " and " + std::to_string(few);
  part.narrower = {{steps, part.job}, {1 - steps, of(fewer)}};
  return part;
}

std::int64_t floor_power(std::int64_t value) { return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(value))); }

/// What decides the sequencer and its queues: the descriptors' widths. All else that stands in its text is the width of wires from part to part.
DesignShape narrowed(const DesignShape& shape) {
  DesignShape out = shape;
  out.array.rows = floor_power(shape.array.rows);
  out.array.cols = floor_power(shape.array.cols);
  if (bits_for(out.array.wait_distance()) != bits_for(shape.array.wait_distance())) {
    out.array.rows = shape.array.rows;
    out.array.cols = shape.array.cols;
  }
  out.array.precision_bits = 2;
  out.array.accumulator_bits = 8;
  out.sum_words = 4;
  out.dma_lanes = 1;
  out.vector_lanes = std::min<std::int64_t>(shape.vector_lanes, 1);
  out.flight_log = 4;
  out.link_lanes = 1;
  for (DesignShape::Level& level : out.levels)
    level = {.words = 1, .offset = 0, .banks = 1, .bytes_per_cycle = 1, .holds = {level.holds[0], level.holds[1], level.holds[2]}, .narrow = level.narrow, .shared = level.shared};
  return out;
}

/// Bits at which words of several levels are joined, by the number of levels: wires of the whole that are not of one part alone.
std::map<std::int64_t, std::int64_t> joined_bits(const DesignShape& s) {
  std::map<std::int64_t, std::int64_t> out;
  const auto count = [&](std::int64_t levels, std::int64_t bits) {
    if (levels > 1) out[levels] += bits;
  };
  const std::int64_t all = static_cast<std::int64_t>(s.levels.size()), bits = s.array.precision_bits;
  const auto those = [&](const auto& are) {
    std::int64_t found = 0;
    for (std::size_t l = 0; l < s.levels.size(); ++l) found += are(l) ? 1 : 0;
    return found;
  };
  const auto holders = [&](arch::Operand operand) { return those([&](std::size_t l) { return s.levels[l].gives(operand); }); };
  count(all, s.dma_lanes * bits);
  count(holders(arch::Operand::ifmap), s.ifmap_lanes() * bits);
  count(holders(arch::Operand::filter), s.filter_lanes() * bits);
  count(holders(arch::Operand::ofmap), s.array.cols * s.array.accumulator_bits);
  if (s.vector_lanes > 0) count(those([&](std::size_t l) { return !s.levels[l].shared; }), (2 * s.vector_lanes + 1) * bits);
  for (const DesignShape::Link& link : s.links) {
    count(those([&](std::size_t l) { return link.inner(l); }), s.link_lanes * bits);
    count(those([&](std::size_t l) { return link.outer(l); }), s.link_lanes * bits);
  }
  return out;
}

Expected<SynthJob> sequencer(const DesignShape& shape) {
  auto array = emit_array(shape.array, RtlStyle::loops, shape.prices_steps());
  if (!array) return fail(std::move(array.error()));
  const Places places = design_places(shape, common);
  SynthJob job = job_of(dma_text(shape, places), common + "_fifo");
  job.module = common;
  std::string parts = dma_text(shape, places) + feed_text(shape, places) + results_text(shape, places);
  if (shape.nested) parts += link_text(shape, places);
  if (shape.vector_lanes > 0) parts += vector_text(shape, places);
  if (shape.prices_steps()) parts += meter_text(shape, places);
  for (std::size_t l = 0; l < shape.levels.size(); ++l) parts += level_text(shape, l, places);
  for (const Module& module : modules_of(array->text + parts))
    if (module.name != common + "_fifo") job.text += black_box(module);
  job.text += whole_text(shape, array->top, places);
  return job;
}

/// A queue by the bit: its bits are alike, and its pointers do not depend on them.
SynthPart queue_part(const std::string& core, const std::string& text, const QueueShape& queue) {
  const std::int64_t bits = queue.bits;
  const int log = queue.log;
  constexpr std::int64_t wide = 16, narrow = 8;
  const auto of = [&](std::int64_t width) {
    const std::string w = std::to_string(width), l = std::to_string(log), name = "gnomon_queue_" + w + "x" + std::to_string(std::int64_t{1} << log);
    SynthJob job = job_of(text, common + "_fifo");
    job.module = name;
    job.text += "module " + name + " (\n  input  logic clk,\n  input  logic rst,\n  input  logic in_valid,\n  output logic in_ready,\n  input  logic [" + std::to_string(width - 1) +
                ":0] in_data,\n  output logic out_valid,\n  input  logic out_ready,\n  output logic [" + std::to_string(width - 1) + ":0] out_data\n);\n  " + common + "_fifo #(.W(" + w + "), .LOG(" + l +
                ")) queue (.clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data), .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data));\nendmodule\n";
    return job;
  };
  SynthPart part{core + " queue of " + std::to_string(std::int64_t{1} << log) + " x " + std::to_string(bits) + " bits", of(wide), 1, {}};
  const double steps = static_cast<double>(bits - narrow) / static_cast<double>(wide - narrow);
  part.narrower = {{steps, part.job}, {1 - steps, of(narrow)}};
  return part;
}

/// What a shared level holds reaches the array only through the units between levels; without one, labels are of the RTL without such units.
Expected<DesignShape> synthesised_shape(const arch::Design& design, std::size_t core) { return design.cores.size() > 1 ? core_shape(design, core, !design.shared.empty()) : design_shape(design, !design.shared.empty()); }

void mark_unit(SynthJob& job) {
  job.unit = true;
  if (job.text.find("module " + common + "_fifo ") != job.text.npos) job.apart = "_fifo";
}

}  // namespace

Expected<std::vector<SynthPart>> control_parts(const arch::Design& design, const std::string& target, std::size_t core) {
  auto shaped = synthesised_shape(design, core);
  if (!shaped) return fail(std::move(shaped.error()));
  const DesignShape& shape = *shaped;
  const bool cells = target == "osu018";
  const Lanes& from = cells ? cell_lanes : fpga_lanes;
  const std::string& name = design.cores[core].name;
  // A unit of a shape that differs from this design's in one number.
  const auto unit = [&](const std::string& part, std::string (*text)(const DesignShape&, const Places&), void (*set)(DesignShape&, std::int64_t)) {
    return [&shape, part, text, set](std::int64_t lanes) {
      DesignShape one = shape;
      set(one, lanes);
      return job_of(text(one, design_places(one, common)), common + part, part == "_dma" || part == "_link" ? common + "_fifo" : "");
    };
  };
  const auto square = [](DesignShape& s, std::int64_t lanes) { s.array.rows = s.array.cols = lanes; };
  const DesignShape narrow = narrowed(shape);
  std::vector<SynthPart> parts;
  auto whole = sequencer(narrow);
  if (!whole) return fail(std::move(whole.error()));
  parts.push_back({name + " sequencer and queues", std::move(*whole), 1, {}});
  auto less = joined_bits(narrow);
  for (const auto& [levels, bits] : joined_bits(shape)) {
    const std::string n = std::to_string(levels), module = "gnomon_join_" + n;
    parts.push_back({name + " words of " + n + " levels joined",
                     {module, "module " + module + " (\n  input  logic [" + std::to_string(levels - 1) + ":0] words,\n  output logic word\n);\n  assign word = |words;\nendmodule\n", true},
                     bits - less[levels], {}});
  }
  parts.push_back(by_lanes(name + " transfers", shape.dma_lanes, from, unit("_dma", dma_text, [](DesignShape& s, std::int64_t lanes) { s.dma_lanes = lanes; })));
  if (shape.nested) {
    const auto with_queue = [](const DesignShape& s, const Places& places) { return dma_text(s, places) + link_text(s, places); };
    parts.push_back(by_lanes(name + " transfers between levels", shape.link_lanes, from, unit("_link", with_queue, [](DesignShape& s, std::int64_t lanes) { s.link_lanes = lanes; })));
    parts.back().count = static_cast<std::int64_t>(shape.links.size());
  }
  parts.push_back(by_lanes(name + " ifmap addresses", shape.ifmap_lanes(), from, unit("_feed_ifmap", feed_text, square)));
  parts.push_back(by_lanes(name + " filter addresses", shape.filter_lanes(), from, unit("_feed_filter", feed_text, square)));
  parts.push_back(by_lanes(name + " results", shape.array.cols, from, unit("_results", results_text, square)));
  if (shape.prices_steps())  // a count over all lanes, which has no straight line
    parts.push_back({name + " prices of steps", job_of(meter_text(shape, design_places(shape, common)), common + "_meter"), 1, {}});
  if (shape.vector_lanes > 0)
    parts.push_back(by_lanes(name + " vector unit", shape.vector_lanes, from, unit("_vector", vector_text, [](DesignShape& s, std::int64_t lanes) { s.vector_lanes = lanes; })));
  if (!cells) return parts;
  std::vector<SynthPart> queues;
  for (SynthPart& part : parts) {
    mark_unit(part.job);
    for (auto& [weight, job] : part.narrower) mark_unit(job);
  }
  for (const QueueShape& queue : whole_queues(narrow)) queues.push_back(queue_part(name, parts[0].job.text, queue));
  for (const QueueShape& queue : dma_queues(shape)) queues.push_back(queue_part(name, parts[0].job.text, queue));
  for (const QueueShape& queue : shape.nested ? link_queues(shape) : std::vector<QueueShape>()) {
    queues.push_back(queue_part(name, parts[0].job.text, queue));
    queues.back().count = static_cast<std::int64_t>(shape.links.size());
  }
  parts.insert(parts.end(), std::make_move_iterator(queues.begin()), std::make_move_iterator(queues.end()));
  return parts;
}

Expected<SynthPart> whole_part(const arch::Design& design, const std::string& target, std::size_t which) {
  if (target == "osu018") return fail(ErrorKind::unsupported, "flat synthesis of a complete design for osu018: its memories would be flip-flops; without --flat its parts are composed");
  auto shaped = synthesised_shape(design, which);
  if (!shaped) return fail(std::move(shaped.error()));
  const DesignShape& shape = *shaped;
  const arch::Core& core = design.cores[which];
  constexpr std::int64_t most_pes = 16, most_lanes = 8;
  const auto within = [&](const std::string& what, std::int64_t value, std::int64_t most) -> Expected<void> {
    if (value <= most) return {};
    return fail(ErrorKind::unsupported, "flat synthesis of a complete design: " + what + " of " + core.name + " is " + std::to_string(value) + "; at most " + std::to_string(most) +
                                            " (without --flat, its parts are composed)");
  };
  if (auto fits = within("the number of PEs", shape.array.rows * shape.array.cols, most_pes); !fits) return fail(std::move(fits.error()));
  if (auto fits = within("the number of vector lanes", shape.vector_lanes, most_lanes); !fits) return fail(std::move(fits.error()));
  if (auto fits = within("the number of words that a transfer moves in a cycle", std::max(shape.dma_lanes, shape.link_lanes), most_lanes); !fits) return fail(std::move(fits.error()));
  auto array = emit_array(shape.array, RtlStyle::modules, shape.prices_steps());
  if (!array) return fail(std::move(array.error()));
  const Places places = design_places(shape, common);
  SynthPart part{core.name + " array and control", {common, array->text + dma_text(shape, places) + feed_text(shape, places) + results_text(shape, places), true}, 1, {}};
  std::string& text = part.job.text;
  if (shape.nested) text += link_text(shape, places);
  if (shape.vector_lanes > 0) text += vector_text(shape, places);
  if (shape.prices_steps()) text += meter_text(shape, places);
  for (std::size_t l = 0; l < shape.levels.size(); ++l)
    for (const Module& module : modules_of(level_text(shape, l, places))) text += black_box(module);
  text += whole_text(shape, array->top, places);
  return part;
}

}  // namespace gnomon::hls
