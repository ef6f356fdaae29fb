#include <algorithm>
#include <bit>
#include <map>

#include "design/shape.hpp"
#include "emit/array.hpp"
#include "emit/text.hpp"
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
constexpr std::int64_t few = 4, fewer = 2;

/// A unit of `lanes` equal lanes: itself, or from two narrow ones along their straight line. `of`: the unit of so many lanes.
template <class Of>
SynthPart by_lanes(const std::string& name, std::int64_t lanes, const Of& of) {
  SynthPart part{name, of(std::min(lanes, few)), 1, {}};
  if (lanes <= few) return part;
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
  for (DesignShape::Level& level : out.levels) level = {.words = 1, .offset = 0, .banks = 1, .bytes_per_cycle = 1, .holds = {level.holds[0], level.holds[1], level.holds[2]}, .narrow = level.narrow};
  return out;
}

/// Bits at which words of several levels are joined, by the number of levels: wires of the whole that are not of one part alone.
std::map<std::int64_t, std::int64_t> joined_bits(const DesignShape& s) {
  std::map<std::int64_t, std::int64_t> out;
  const auto count = [&](std::int64_t levels, std::int64_t bits) {
    if (levels > 1) out[levels] += bits;
  };
  const auto holders = [&](std::size_t operand) { return std::count_if(s.levels.begin(), s.levels.end(), [&](const auto& level) { return level.holds[operand]; }); };
  const std::int64_t all = static_cast<std::int64_t>(s.levels.size()), bits = s.array.precision_bits;
  count(all, s.dma_lanes * bits);
  count(holders(0), s.ifmap_lanes() * bits);
  count(holders(1), s.filter_lanes() * bits);
  count(holders(2), s.array.cols * s.array.accumulator_bits);
  if (s.vector_lanes > 0) count(all, (2 * s.vector_lanes + 1) * bits);
  return out;
}

Expected<SynthJob> sequencer(const DesignShape& shape) {
  auto array = emit_array(shape.array, RtlStyle::loops, shape.prices_steps());
  if (!array) return fail(std::move(array.error()));
  const Places places = design_places(shape, common);
  SynthJob job = job_of(dma_text(shape, places), common + "_fifo");
  job.module = common;
  std::string parts = dma_text(shape, places) + feed_text(shape, places) + results_text(shape, places);
  if (shape.vector_lanes > 0) parts += vector_text(shape, places);
  if (shape.prices_steps()) parts += meter_text(shape, places);
  for (std::size_t l = 0; l < shape.levels.size(); ++l) parts += level_text(shape, l, places);
  for (const Module& module : modules_of(array->text + parts))
    if (module.name != common + "_fifo") job.text += black_box(module);
  job.text += whole_text(shape, array->top, places);
  return job;
}

}  // namespace

Expected<std::vector<SynthPart>> control_parts(const arch::Design& design) {
  auto shaped = design_shape(design);
  if (!shaped) return fail(std::move(shaped.error()));
  const DesignShape& shape = *shaped;
  const std::string& name = design.cores[0].name;
  // A unit of a shape that differs from this design's in one number.
  const auto unit = [&](const std::string& part, std::string (*text)(const DesignShape&, const Places&), void (*set)(DesignShape&, std::int64_t)) {
    return [&shape, part, text, set](std::int64_t lanes) {
      DesignShape one = shape;
      set(one, lanes);
      return job_of(text(one, design_places(one, common)), common + part, part == "_dma" ? common + "_fifo" : "");
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
  parts.push_back(by_lanes(name + " transfers", shape.dma_lanes, unit("_dma", dma_text, [](DesignShape& s, std::int64_t lanes) { s.dma_lanes = lanes; })));
  parts.push_back(by_lanes(name + " ifmap addresses", shape.ifmap_lanes(), unit("_feed_ifmap", feed_text, square)));
  parts.push_back(by_lanes(name + " filter addresses", shape.filter_lanes(), unit("_feed_filter", feed_text, square)));
  parts.push_back(by_lanes(name + " results", shape.array.cols, unit("_results", results_text, square)));
  if (shape.prices_steps())  // a count over all lanes, which has no straight line
    parts.push_back({name + " prices of steps", job_of(meter_text(shape, design_places(shape, common)), common + "_meter"), 1, {}});
  if (shape.vector_lanes > 0)
    parts.push_back(by_lanes(name + " vector unit", shape.vector_lanes, unit("_vector", vector_text, [](DesignShape& s, std::int64_t lanes) { s.vector_lanes = lanes; })));
  return parts;
}

}  // namespace gnomon::hls
