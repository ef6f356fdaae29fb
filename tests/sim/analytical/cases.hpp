#pragma once

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::test {

/// A design with one core, three private levels (from the array outwards: ifmap, filter, ofmap) as wide and as large as anybody could want.
inline arch::Design ample_design(arch::Dataflow dataflow, std::int64_t rows, std::int64_t cols, bool overlap = false) {
  arch::Design d;
  d.name = "ample";
  d.clock_mhz = 1000;
  d.clock_period_ps = 1000;
  d.technology = "45nm";
  arch::Core core;
  core.name = "npu";
  core.array.rows = rows;
  core.array.cols = cols;
  core.array.dataflow = dataflow;
  core.array.precision = {"int8", 8, false};
  core.array.overlap = overlap;
  core.vector_lanes = cols;
  for (int o = 0; o < arch::operand_count; ++o) {
    arch::Level level;
    level.name = arch::operand_names()[static_cast<std::size_t>(o)];
    level.holds[o] = true;
    level.bytes = std::int64_t{1} << 40;
    level.bytes_per_cycle = 1 << 20;
    core.levels.push_back(level);
  }
  d.cores.push_back(core);
  d.bus_bytes_per_cycle = 1 << 20;
  d.memory.type = "ideal";
  d.memory.bytes_per_cycle = 1 << 20;
  return d;
}

/// The mapping without any array tiles: everything in one, folds as large as the array.
inline arch::StepMapping whole_mapping(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work) {
  arch::StepMapping m;
  m.step = "layer";
  m.core = core.name;
  m.levels.push_back({"memory", {}, {true, true, true}});
  for (std::size_t i = design.shared.size(); i-- > 0;) {
    const arch::Level& l = design.shared[i];
    m.levels.push_back({l.name, {}, {l.holds[0], l.holds[1], l.holds[2]}});
  }
  for (std::size_t i = core.levels.size(); i-- > 0;) {
    const arch::Level& l = core.levels[i];
    m.levels.push_back({l.name, {}, {l.holds[0], l.holds[1], l.holds[2]}});
  }
  const arch::SpatialDims dims = arch::spatial_dims(core.array.dataflow);
  m.rows_dim = dims.rows;
  m.cols_dim = dims.cols;
  (void)work;
  return m;
}

/// Puts the loops over folds that the array tile needs into the mapping.
inline void fill_folds(const arch::Core& core, const arch::ArrayWork& work, arch::StepMapping& m, std::int64_t rows, std::int64_t cols, bool rows_outside) {
  std::int64_t size[4];
  for (int d = 0; d < 4; ++d) size[d] = work.extent[d];
  for (const auto& entry : m.levels) {
    for (const auto& loop : entry.loops) size[static_cast<int>(loop.dim)] = (size[static_cast<int>(loop.dim)] + loop.count - 1) / loop.count;
  }
  m.folds.clear();
  const auto one = [&](arch::Dim dim, std::int64_t most, std::int64_t& spatial) {
    const std::int64_t whole = size[static_cast<int>(dim)];
    const std::int64_t n = (whole + most - 1) / most;
    spatial = (whole + n - 1) / n;
    m.folds.push_back({dim, (whole + spatial - 1) / spatial});
  };
  (void)core;
  if (rows_outside) one(m.rows_dim, rows, m.rows_size);
  one(m.cols_dim, cols, m.cols_size);
  if (!rows_outside) one(m.rows_dim, rows, m.rows_size);
}

struct Case {
  arch::Design design;
  arch::ArrayWork work;
  arch::StepMapping mapping;
};

/// A small random design, work and mapping that fit together.
inline Case random_case(Random& random) {
  Case c;
  const auto pick = [&](std::initializer_list<std::int64_t> values) { return *(values.begin() + random.integer(0, static_cast<std::int64_t>(values.size()) - 1)); };
  const auto dataflow = static_cast<arch::Dataflow>(random.integer(0, 2));
  c.design = ample_design(dataflow, random.integer(1, 6), random.integer(1, 6), random.chance(0.5));
  arch::Core& core = c.design.cores[0];
  core.array.precision.bits = static_cast<int>(pick({4, 8, 8, 16}));
  core.array.accumulator_bits = static_cast<int>(pick({16, 20, 32, 32}));
  if (random.chance(0.3)) {
    // One level for everything.
    core.levels.resize(1);
    core.levels[0].name = "all";
    for (bool& h : core.levels[0].holds) h = true;
  }
  const bool narrow = random.chance(0.5);
  for (arch::Level& l : core.levels) {
    if (narrow) l.bytes_per_cycle = random.integer(1, 12);
    l.banks = pick({1, 2, 3, 4});
    l.double_buffered = random.chance(0.7);
  }
  if (random.chance(0.4)) {
    arch::Level l2 = core.levels[0];
    l2.name = "l2";
    l2.double_buffered = random.chance(0.7);
    l2.bytes_per_cycle = random.integer(1, 64);
    for (bool& h : l2.holds) h = random.chance(0.8);
    if (!l2.holds[0] && !l2.holds[1] && !l2.holds[2]) l2.holds[0] = true;
    c.design.shared.push_back(l2);
  }
  c.design.bus_bytes_per_cycle = random.integer(1, 64);
  c.design.memory.bytes_per_cycle = random.integer(1, 64);
  c.design.memory.latency_cycles = random.integer(0, 30);

  if (random.chance(0.35)) {
    workloads::Convolution conv;
    conv.groups = random.integer(1, 2);
    conv.in_channels = conv.groups * random.integer(1, 4);
    conv.out_channels = conv.groups * random.integer(1, 5);
    conv.batch = random.integer(1, 2);
    for (std::size_t a = 0; a < 2; ++a) {
      conv.kernel[a] = random.integer(1, 3);
      conv.stride[a] = random.integer(1, 2);
      conv.pad_begin[a] = random.integer(0, 1);
      conv.pad_end[a] = random.integer(0, 1);
      conv.in[a] = random.integer(3, 7);
      conv.out[a] = (conv.in[a] + conv.pad_begin[a] + conv.pad_end[a] - conv.kernel[a]) / conv.stride[a] + 1;
    }
    c.work.window = conv;
    c.work.extent[0] = conv.groups;
    c.work.extent[1] = conv.batch * conv.out[0] * conv.out[1];
    c.work.extent[2] = conv.out_channels / conv.groups;
    c.work.extent[3] = conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1];
  } else {
    c.work.extent[0] = random.chance(0.3) ? random.integer(2, 4) : 1;
    for (int d = 1; d < 4; ++d) c.work.extent[d] = random.integer(1, 23);
  }

  c.mapping = whole_mapping(c.design, core, c.work);
  std::int64_t size[4];
  bool cut[4] = {false, false, false, false};
  for (int d = 0; d < 4; ++d) size[d] = c.work.extent[d];
  const std::int64_t loops = random.integer(0, 5);
  for (std::int64_t i = 0; i < loops; ++i) {
    const auto d = random.integer(0, 3);
    const std::int64_t n = random.integer(1, std::min<std::int64_t>(size[d], 4));
    const std::int64_t piece = (size[d] + n - 1) / n;
    // The outermost cut of a dimension may not leave iterations empty; inner ones may.
    const std::int64_t count = cut[d] ? n : (size[d] + piece - 1) / piece;
    cut[d] = cut[d] || count > 1;
    size[d] = (size[d] + count - 1) / count;
    const std::int64_t first = c.mapping.levels.back().loops.empty() ? 0 : static_cast<std::int64_t>(c.mapping.levels.size()) - 1;
    std::int64_t entry = random.integer(first, static_cast<std::int64_t>(c.mapping.levels.size()) - 1);
    // Loops are made outer to inner: none may stand before an entry that already has some.
    for (std::size_t e = c.mapping.levels.size(); e-- > static_cast<std::size_t>(entry) + 1;) {
      if (!c.mapping.levels[e].loops.empty()) entry = std::max<std::int64_t>(entry, static_cast<std::int64_t>(e));
    }
    c.mapping.levels[static_cast<std::size_t>(entry)].loops.push_back({static_cast<arch::Dim>(d), count});
  }
  for (arch::Layout& l : c.mapping.layout) l = random.chance(0.15) ? static_cast<arch::Layout>(random.integer(1, 2)) : arch::Layout::streamed;
  fill_folds(core, c.work, c.mapping, random.integer(1, core.array.rows), random.integer(1, core.array.cols), random.chance(0.5));
  return c;
}

}  // namespace gnomon::test
