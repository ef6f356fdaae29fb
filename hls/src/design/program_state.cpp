#include <algorithm>

#include "design/array_program.hpp"

namespace gnomon::hls {

void DescriptorWriter::set(const std::string& name, std::int64_t value) {
  std::uint8_t* const data = &stream_.data[static_cast<std::size_t>((stream_.count - 1) * stream_.bytes)];
  const int at = layout_.at(name), width = layout_.width(name);
  for (int b = 0; b < width; ++b) {
    const std::uint8_t bit = static_cast<std::uint8_t>(1u << ((at + b) % 8));
    std::uint8_t& byte = data[(at + b) / 8];
    byte = static_cast<std::uint8_t>(((value >> std::min(b, 63)) & 1) != 0 ? byte | bit : byte & ~bit);
  }
}

std::int64_t ProgramState::beat(std::size_t level) const {
  return bytes_per_cycle(level) * 8 / shape.array.precision_bits;
}

std::int64_t ProgramState::bytes_per_cycle(std::size_t level) const { return std::min(outer_bytes_per_cycle(design, shape.levels[level].shared), shape.levels[level].bytes_per_cycle); }

void ProgramState::set_needs(DescriptorWriter& d, const std::string& prefix, const Progress& need) const {
  d.set(prefix + "need_e", need[0]);
  for (std::size_t c = 0; c < shape.counters(); ++c) d.set(prefix + "need" + std::to_string(c), need[1 + c]);
}

Expected<void> ProgramState::add(const TransferWords& t) {
  if (t.rows.total > 0) return add_spans(t);
  // Loops that go on where the one inside ends are one loop.
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;
  std::array<std::int64_t, 5> start{};
  const bool whole = t.start == decltype(t.start){};
  for (std::size_t d = 0; d < t.loops.size(); ++d) {
    const auto& [count, stride] = t.loops[d];
    if (count == 1) continue;
    if (!loops.empty() && whole && loops.back().first * loops.back().second == stride) {
      loops.back().first *= count;
      continue;
    }
    if (d < t.start.size()) start[loops.size()] = t.start[d];
    loops.push_back({count, stride});
  }
  if (loops.size() > 5) return fail(ErrorKind::unsupported, "a transfer along more than five loops");
  loops.resize(5, {1, 0});
  begin_transfer(t);
  DescriptorWriter& d = of(t);
  for (std::size_t l = 0; l < t.start.size(); ++l) d.set("i" + std::to_string(l), start[l]);
  std::int64_t back = 0;
  for (std::size_t l = 0; l < 5; ++l) {
    if (l < 4) d.set("c" + std::to_string(l), loops[l].first);
    d.set("d" + std::to_string(l), loops[l].second - back);
    back += (loops[l].first - 1) * loops[l].second;
  }
  end_transfer(t);
  return {};
}

/// Columns and rows, each from the midst of a block to the midst of another one, and two loops around them.
Expected<void> ProgramState::add_spans(const TransferWords& t) {
  const BlockSpan &rows = t.rows, columns = t.columns.total > 0 ? t.columns : BlockSpan{t.loops[0].first, 0, t.loops[0].first, t.loops[0].second, 0};
  if (rows.start > 65535 || columns.start > 65535) return fail(ErrorKind::unsupported, "a batch of images of more than 65536 pixels or rows");
  begin_transfer(t);
  const auto until = [](const BlockSpan& s, std::int64_t last) { return last / s.count * s.stride + (last % s.count - s.start) * s.step; };
  const std::int64_t back = until(columns, columns.start + columns.total - 1), through = until(rows, rows.start + rows.total - 1) + back;
  DescriptorWriter& d = of(t);
  d.set("images", 1);
  d.set("i1", rows.start);
  d.set("c0", columns.count);
  d.set("d0", columns.step);
  if (d.has("c4")) {
    d.set("i0", columns.start);
    d.set("c4", columns.total);
    d.set("d5", columns.stride - (columns.count - 1) * columns.step);
  }
  d.set("c1", rows.count);
  d.set("d1", rows.step - back);
  d.set("c2", rows.total);
  d.set("d2", rows.stride - (rows.count - 1) * rows.step - back);
  d.set("c3", t.loops[1].first);
  d.set("d3", t.loops[1].second - through);
  d.set("d4", t.loops[2].second - through - (t.loops[1].first - 1) * t.loops[1].second);
  end_transfer(t);
  return {};
}

void ProgramState::begin_transfer(const TransferWords& t) {
  DescriptorWriter& d = of(t);
  d.begin();
  d.set("write", t.write ? 1 : 0);
  d.set("cls", t.cls);
  d.set("beat", t.beat);
  d.set("words", t.words);
  d.set("mem", t.mem);
}

void ProgramState::end_transfer(const TransferWords& t) {
  DescriptorWriter& d = of(t);
  d.set("lvl", t.lvl);
  d.set("lstep", t.lstep);
  d.set("wrap", t.ring > 0 ? t.ring : -1);  // no word has this address
  Progress need = t.need;
  const auto counted = [&](std::size_t engine, int cls) { return now[counter_of(engine, cls)]; };
  if (shape.bus_engine > 0) {  // what comes before it on the bus
    for (int cls = 0; t.engine == 0 && t.bus && cls < transfer_classes; ++cls)
      need[counter_of(shape.bus_engine, cls)] = std::max(need[counter_of(shape.bus_engine, cls)], counted(shape.bus_engine, cls));
    d.set("need_i", t.engine == shape.bus_engine ? bus_until : 0);
  }
  set_needs(d, "", need);
  // Cores that share links are told when a transfer has all but its links: what has them before it is no part of that.
  const auto moved = [&](std::size_t engine) { return counted(engine, 0) + counted(engine, 1) + counted(engine, 2) + counted(engine, write_back_class); };
  if (shape.device && t.engine == 0) program.device.push_back({t.runs, t.bytes, t.bytes_per_cycle, t.words, t.need, t.bus, t.bus && shape.bus_engine > 0 ? moved(shape.bus_engine) : 0});
  for (SharedLink& link : program.shared_links)
    if (link.engine == static_cast<std::int64_t>(t.engine)) link.transfers.push_back({t.need, (t.words - 1) / t.beat + 1, t.engine == shape.bus_engine ? bus_until : 0});
  ++now[counter_of(t.engine, t.cls)];
  if (t.engine == 0 && t.bus) bus_until = moved(0);
}

}  // namespace gnomon::hls
