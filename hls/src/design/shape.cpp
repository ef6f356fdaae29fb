#include "design/shape.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "design/turns.hpp"
#include "emit/array.hpp"
#include "emit/text.hpp"
#include "gnomon/arch/dataflow.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

/// A level's place in the design.
std::string level_field(const DesignShape& shape, std::size_t level) {
  const auto core = static_cast<std::size_t>(std::count_if(shape.levels.begin(), shape.levels.end(), [](const auto& l) { return !l.shared; }));
  return level < core ? "/cores/0/levels/" + std::to_string(level) : "/shared/" + std::to_string(level - core);
}

/// Adds to a link the transfers between two levels that hold the same operand.
Expected<void> add_pair(DesignShape& shape, DesignShape::Link& link, std::size_t inner, std::size_t outer) {
  const DesignShape::Level &from = shape.levels[outer], &to = shape.levels[inner];
  bool both = false;
  for (std::size_t o = 0; o < arch::operand_count; ++o) both = both || (from.holds[o] && to.holds[o]);
  if (!both) return {};
  const std::int64_t rate = shape.link_bytes_per_cycle(inner, outer);
  const std::string narrowest = rate == to.bytes_per_cycle ? level_field(shape, inner) : rate == from.bytes_per_cycle ? level_field(shape, outer) : "/interconnect";
  const std::string field = "complete RTL: " + narrowest + "/bytes_per_cycle: ";
  if (rate * 8 % shape.array.precision_bits != 0)
    return fail(ErrorKind::unsupported, field + "transfers of " + std::to_string(rate) + " bytes a cycle between levels cut a word of " + std::to_string(shape.array.precision_bits) + " bits");
  if (shape.link_beat(inner, outer) > 512) return fail(ErrorKind::unsupported, field + "transfers of more than 512 words a cycle between levels");
  shape.link_lanes = std::max(shape.link_lanes, shape.link_beat(inner, outer));
  link.pairs.push_back({inner, outer});
  return {};
}

/// Core levels have a link each, to the core's levels further out that hold an operand of theirs; so do shared levels, to shared ones. All
/// between a core level and a shared one is one link, the bus.
Expected<void> add_links(DesignShape& shape) {
  const std::size_t count = shape.levels.size();
  DesignShape::Link bus;
  std::vector<DesignShape::Link> own(count);
  for (std::size_t inner = 0; inner < count; ++inner)
    for (std::size_t outer = inner + 1; outer < count; ++outer)
      if (auto added = add_pair(shape, shape.levels[inner].shared == shape.levels[outer].shared ? own[inner] : bus, inner, outer); !added) return added;
  const auto first_shared = static_cast<std::size_t>(std::count_if(shape.levels.begin(), shape.levels.end(), [](const auto& l) { return !l.shared; }));
  for (std::size_t inner = 0; inner < count; ++inner) {
    if (own[inner].pairs.empty()) continue;
    if (inner >= first_shared) own[inner].place = static_cast<std::int64_t>(inner - first_shared);
    shape.links.push_back(std::move(own[inner]));
  }
  if (!bus.pairs.empty()) {
    bus.place = DesignShape::bus_link;
    shape.links.push_back(std::move(bus));
    shape.bus_engine = shape.links.size();
  }
  if (shape.engines() > most_engines)
    return fail(ErrorKind::unsupported, "complete RTL: /cores/0/levels: " + std::to_string(shape.links.size()) + " links between levels; at most " + std::to_string(most_engines - 1) + " are supported");
  return {};
}

}  // namespace

bool DesignShape::Link::inner(std::size_t level) const {
  return std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == level; });
}

bool DesignShape::Link::outer(std::size_t level) const {
  return std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.second == level; });
}

std::size_t DesignShape::counters() const { return transfer_classes * engines(); }

std::size_t DesignShape::link_between(std::size_t inner, std::size_t outer) const {
  for (std::size_t l = 0; l < links.size(); ++l)
    if (std::find(links[l].pairs.begin(), links[l].pairs.end(), std::pair{inner, outer}) != links[l].pairs.end()) return l;
  throw std::logic_error("no link between levels");
}

std::int64_t DesignShape::link_bytes_per_cycle(std::size_t inner, std::size_t outer) const {
  const std::int64_t ports = std::min(levels[inner].bytes_per_cycle, levels[outer].bytes_per_cycle);
  return levels[inner].shared == levels[outer].shared ? ports : std::min(ports, bus_bytes_per_cycle);
}

std::int64_t DesignShape::link_beat(std::size_t inner, std::size_t outer) const { return link_bytes_per_cycle(inner, outer) * 8 / array.precision_bits; }

std::string needs_met(const DesignShape& shape, const std::string& done, const std::string& prefix) {
  std::string out;
  for (std::size_t c = 0; c < shape.counters(); ++c)
    out += (c > 0 ? " && " : "") + done + "[" + std::to_string(32 * c + 31) + ":" + std::to_string(32 * c) + "] >= " + prefix + "need" + std::to_string(c);
  return out;
}

Expected<DesignShape> design_shape(const arch::Design& design, bool nested) {
  const auto refuse = [&](const std::string& field, const std::string& what) {
    return fail(ErrorKind::unsupported, "RTL of the complete design " + in_quotes(design.name) + ": " + field + ": " + what);
  };
  if (design.cores.size() != 1) return refuse("/cores", std::to_string(design.cores.size()) + " cores; one is supported");
  if (design.memory.kind != arch::MemoryKind::ideal && !design.memory.dram) return refuse("/memory/type", in_quotes(design.memory.type) + ": the design has not been resolved");
  const arch::Core& core = design.cores[0];
  auto array = array_parameters(core.array);
  if (!array) return fail(std::move(array.error()));
  DesignShape shape;
  shape.array = *array;
  const int bits = array->precision_bits;
  if (array->accumulator_bits % bits != 0)
    return refuse("/cores/0/array/accumulator_bits", std::to_string(array->accumulator_bits) + " is no multiple of the precision's " + std::to_string(bits) + " bits");
  shape.sum_words = array->accumulator_bits / bits;
  shape.vector_lanes = core.vector_lanes;
  if (core.vector_lanes > 256) return refuse("/cores/0/vector/lanes", std::to_string(core.vector_lanes) + "; at most 256 are supported");
  shape.device = design.memory.kind != arch::MemoryKind::ideal;
  shape.bus_bytes_per_cycle = design.bus_bytes_per_cycle;
  std::int64_t offset = 0;
  for (std::size_t l = 0; l < core.levels.size() + design.shared.size(); ++l) {
    const bool shared = l >= core.levels.size();
    const arch::Level& level = shared ? design.shared[l - core.levels.size()] : core.levels[l];
    const std::string field = shared ? "/shared/" + std::to_string(l - core.levels.size()) : "/cores/0/levels/" + std::to_string(l);
    const std::int64_t rate = std::min(outer_bytes_per_cycle(design, shared), level.bytes_per_cycle);
    if (rate * 8 % bits != 0)
      return refuse(field + "/bytes_per_cycle", "transfers of " + std::to_string(rate) + " bytes a cycle cut a word of " + std::to_string(bits) + " bits");
    if (rate * 8 / bits > 512) return refuse(field + "/bytes_per_cycle", "transfers of more than 512 words a cycle");
    if (level.bytes > (std::int64_t{1} << 24)) return refuse(field + "/kib", "more than 16 MiB");
    shape.dma_lanes = std::max(shape.dma_lanes, rate * 8 / bits);
    DesignShape::Level out;
    out.words = level.bytes * 8 / bits;
    out.offset = offset;
    out.banks = level.banks;
    out.bytes_per_cycle = level.bytes_per_cycle;
    std::copy(std::begin(level.holds), std::end(level.holds), std::begin(out.holds));
    out.shared = shared;
    out.narrow = !shared && level.bytes_per_cycle < arch::full_rate_bytes_per_cycle(core.array, level);
    offset += out.words;
    shape.levels.push_back(out);
  }
  shape.nested = nested;
  if (nested)
    if (auto linked = add_links(shape); !linked) return fail(std::move(linked.error()));
  // A spare bit: the difference to a level's first word then tells words below it apart too.
  // Widths and depths come in steps, so that controllers of many designs are the same.
  shape.address_bits = std::max(20, (bits_for(offset) + 1 + 3) / 4 * 4);
  if (shape.device) return shape;  // requests have tags
  if (design.memory.latency_cycles > 4000) return refuse("/memory/latency_cycles", "more than 4000");
  shape.flight_log = std::max(4, (bits_for(design.memory.latency_cycles + 2) + 1) / 2 * 2);
  return shape;
}

std::int64_t outer_bytes_per_cycle(const arch::Design& design, bool shared) {
  const std::int64_t bus = shared ? std::numeric_limits<std::int64_t>::max() : design.bus_bytes_per_cycle;
  return design.memory.kind == arch::MemoryKind::ideal ? std::min(design.memory.bytes_per_cycle, bus) : bus;
}

bool DesignShape::prices_steps() const {
  return banked || std::any_of(levels.begin(), levels.end(), [](const Level& level) { return level.narrow; });
}

bool DesignShape::several_hold(arch::Operand operand) const {
  return std::count_if(levels.begin(), levels.end(), [&](const Level& level) { return level.gives(operand); }) > 1;
}

DescriptorLayout::DescriptorLayout(std::vector<DescriptorField> fields) : fields_(std::move(fields)) {
  for (const DescriptorField& field : fields_) {
    at_.push_back(bits_);
    bits_ += field.bits;
  }
}

std::size_t DescriptorLayout::find(const std::string& name) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].name == name) return i;
  throw std::logic_error("no descriptor field " + name);
}

bool DescriptorLayout::has(const std::string& name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const DescriptorField& field) { return field.name == name; });
}

int DescriptorLayout::at(const std::string& name) const { return at_[find(name)]; }
int DescriptorLayout::width(const std::string& name) const { return fields_[find(name)].bits; }

int DescriptorLayout::group_at(const std::string& prefix) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].name.starts_with(prefix)) return at_[i];
  throw std::logic_error("no descriptor fields " + prefix);
}

int DescriptorLayout::group_bits(const std::string& prefix) const {
  int bits = 0;
  for (const DescriptorField& field : fields_)
    if (field.name.starts_with(prefix)) bits += field.bits;
  return bits;
}

DescriptorLayouts descriptor_layouts(const DesignShape& s) {
  const int aw = s.address_bits;
  const auto needs = [&](std::vector<DescriptorField> fields, const std::string& prefix) {
    fields.push_back({prefix + "need_e", 32});
    for (std::size_t c = 0; c < s.counters(); ++c) fields.push_back({prefix + "need" + std::to_string(c), 32});
    return fields;
  };
  std::vector<DescriptorField> transfer{{"write", 1}, {"cls", 2}, {"beat", 16}, {"words", 32}, {"mem", 32}, {"i0", s.spread ? 16 : 8}, {"i1", 16}, {"i2", 16}};
  for (int d = 0; d < 4; ++d) transfer.push_back({"c" + std::to_string(d), 32});
  for (int d = 0; d < 5; ++d) transfer.push_back({"d" + std::to_string(d), 32});
  transfer.push_back({"lvl", aw});
  transfer.push_back({"lstep", 8});
  transfer.push_back({"wrap", aw});
  if (s.images || s.spread) transfer.push_back({"images", 1});
  if (s.spread) transfer.insert(transfer.end(), {{"c4", 32}, {"d5", 32}});
  const auto with_turn = [&](std::vector<DescriptorField> fields) {  // what of the memory's unit must be off the bus
    if (s.bus_engine > 0) fields.push_back({"need_i", 32});
    return fields;
  };

  std::vector<DescriptorField> fold{{"a_rows", bits_for(s.array.rows)}, {"a_cols", bits_for(s.array.cols)}, {"a_length", 32}, {"a_accumulate", 1}};
  if (s.array.overlap) fold.push_back({"a_wait", bits_for(s.array.wait_distance())});
  fold.push_back({"g_begin", 1});
  fold.push_back({"g_need_c", 16});
  fold = needs(std::move(fold), "g_");
  const auto add = [&](std::vector<DescriptorField> fields) { fold.insert(fold.end(), fields.begin(), fields.end()); };
  // What the price of a step is reckoned from goes with the descriptors of the streams: lanes, which of two folds, which level.
  const bool os = s.array.dataflow == arch::Dataflow::os;
  const auto price = [&](const std::string& prefix, arch::Operand operand, std::int64_t lanes) {
    if (!s.prices_steps()) return;
    const bool block = operand == arch::Operand::ofmap ? os : operand == arch::info(s.array.dataflow).stationary && !s.array.overlap;  // one fold in a step
    if (operand != arch::Operand::ofmap) add({{prefix + "lanes", bits_for(lanes)}});
    else if (os) add({{prefix + "adds", 1}});
    if (s.cuts_bytes() && !block) add({{prefix + "odd", 1}});
    if (s.several_hold(operand)) add({{prefix + "level", bits_for(static_cast<std::int64_t>(s.levels.size()) - 1)}});
    if (s.banked) add(turns_fields(s, prefix));
  };
  add({{"i_beats", 32}, {"i_bank", 1}, {"i_base", aw}, {"i_ka", aw}, {"i_ky", 16}, {"i_kx", 16}, {"i_ma", aw}, {"i_y", 16}, {"i_x", 16}, {"i_ox", 16},
       {"i_am_x", aw}, {"i_am_row", aw}, {"i_ak_x", aw}, {"i_ak_y", aw}, {"i_ak_c", aw}});
  if (s.images) add({{"i_oy", 16}, {"i_am_image", aw}});
  price("pi_", arch::Operand::ifmap, s.ifmap_lanes());
  add({{"f_beats", 32}, {"f_base", aw}, {"f_ls", aw}, {"f_bs", aw}});
  price("pf_", arch::Operand::filter, s.filter_lanes());
  add({{"r_beats", 32}, {"r_cols", bits_for(s.array.cols)}, {"r_bank", 1}, {"r_final", 1}, {"r_last", 1}, {"r_base", aw}, {"r_ls", aw}, {"r_bs", aw},
       {"r_bias", bits_for(s.bias_words - 1)}});
  price("pr_", arch::Operand::ofmap, s.array.cols);

  std::vector<DescriptorField> config{{"bank", 1}, {"need_e", 32}, {"kw", 16}, {"kh", 16}, {"ow", 16}, {"h", 16}, {"w", 16}, {"sx", 16}, {"sy", 16},
                                      {"x0", 16}, {"has_bias", 1}, {"relu", 1}, {"shift", 6}};
  if (s.images) config.insert(config.end(), {{"oh", 16}, {"y0", 16}});
  if (s.spread) config.insert(config.end(), {{"dx", 16}, {"dy", 16}});
  std::vector<DescriptorField> chunk{{"kind", 2}, {"ops", 32}, {"in", aw}, {"out", aw}, {"in_words", aw}, {"carry", 1}, {"taps", 16}, {"tail", 1},
                                     {"shift", 6}, {"mult", 24}, {"kw", 16}, {"sx", 16}, {"sy", 16}, {"y0", 16}, {"x0", 16}, {"h", 16}, {"w", 16}, {"oh", 16}, {"ow", 16},
                                     {"resume", 1}, {"ring", aw}, {"px", 8}, {"py", 8}, {"bx", 8}, {"by", 8}, {"x_step", aw}, {"x_jump", aw}, {"y_step", aw}, {"y_jump", aw},
                                     {"win_step", aw}, {"row_step", aw}, {"plane_step", aw}};
  if (s.spread) chunk.insert(chunk.end(), {{"dx", 16}, {"dy", 16}, {"x_on", 8}, {"x_back", 8}, {"y_on", 8}, {"y_back", 8}});
  if (s.mean_log > 0) chunk.insert(chunk.end(), {{"counted", 1}, {"pads", 1}, {"nh", 16}, {"nw", 16}});
  return {DescriptorLayout(with_turn(needs(std::move(transfer), ""))), DescriptorLayout(std::move(fold)), DescriptorLayout(std::move(config)),
          DescriptorLayout(needs(std::move(chunk), ""))};
}

std::string unpack_text(const DescriptorLayout& layout, const std::string& from, const std::string& group, const std::string& prefix) {
  std::string out;
  const int base = group.empty() ? 0 : layout.group_at(group);
  for (const DescriptorField& field : layout.fields()) {
    if (!field.name.starts_with(group)) continue;
    const std::string name = prefix + field.name.substr(group.size());
    const int at = layout.at(field.name) - base;
    out += "  wire " + (field.bits > 1 ? "[" + std::to_string(field.bits - 1) + ":0] " : std::string()) + name + " = " + from + "[" +
           std::to_string(at) + (field.bits > 1 ? " +: " + std::to_string(field.bits) : std::string()) + "];\n";
  }
  return out;
}

void set_place(Places& places, const std::string& name, std::int64_t value) {
  places[name] = std::to_string(value);
  places[name + "1"] = std::to_string(value - 1);
}

Places design_places(const DesignShape& s, const std::string& top) {
  Places places = array_places(s.array, top);
  const auto set = [&](const std::string& name, std::int64_t value) { set_place(places, name, value); };
  const DescriptorLayouts layouts = descriptor_layouts(s);
  set("AW", s.address_bits);
  set("L", s.dma_lanes);
  set("LM", s.dma_lanes * 32);
  set("LW", s.dma_lanes * s.array.precision_bits);
  set("LA", s.dma_lanes * s.address_bits);
  set("TD", layouts.transfer.bits());
  set("FD", layouts.fold.bits());
  set("CD", layouts.config.bits());
  set("VD", layouts.chunk.bits());
  set("DONE", static_cast<std::int64_t>(32 * s.counters()));
  set("K", s.link_lanes);
  set("KA", s.link_lanes * s.address_bits);
  set("KW", s.link_lanes * s.array.precision_bits);
  set("KM", s.link_lanes * 32);
  set("SW", s.sum_words);
  set("BIASW", bits_for(s.bias_words - 1));
  set("BIASN", s.bias_words);
  // Lanes, addresses and data of the operands' streams, and of results.
  const int aw = s.address_bits, bits = s.array.precision_bits;
  set("IFLANES", s.ifmap_lanes());
  set("IFA", s.ifmap_lanes() * aw);
  set("IFD", s.ifmap_lanes() * bits);
  set("FILANES", s.filter_lanes());
  set("FIA", s.filter_lanes() * aw);
  set("FID", s.filter_lanes() * bits);
  set("RSA", s.array.cols * aw);
  // A lane of the vector unit reads two words and writes one; one more read for what an addition leaves over.
  set("V", std::max<std::int64_t>(1, s.vector_lanes));
  set("VRA", (2 * s.vector_lanes + 1) * aw);
  set("VRD", (2 * s.vector_lanes + 1) * bits);
  set("VWA", s.vector_lanes * aw);
  set("VWD", s.vector_lanes * bits);
  set("TOPVALUE", (std::int64_t{1} << (bits - 1)) - 1);
  set("LOWVALUE", std::int64_t{1} << (bits - 1));
  return places;
}

void set_queue_places(Places& places, const std::vector<QueueShape>& queues) {
  for (const QueueShape& queue : queues) places["QUEUE_" + queue.name] = "#(.W(" + std::to_string(queue.bits) + "), .LOG(" + std::to_string(queue.log) + ")) " + queue.name;
}

}  // namespace gnomon::hls
