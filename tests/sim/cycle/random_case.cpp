#include "random_case.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace gnomon::sim::testing {
namespace {

using arch::Dim;

std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

arch::Level random_level(Random& random, const std::string& name, bool ample) {
  arch::Level level;
  level.name = name;
  for (bool& holds : level.holds) holds = random.chance(0.7);
  level.banks = random.pick<std::int64_t>({1, 2, 3, 4, 8});
  level.bytes_per_cycle = ample ? 1024 : random.pick<std::int64_t>({1, 2, 3, 4, 6, 8, 16, 32, 64});
  level.double_buffered = ample || random.chance(0.6);
  level.bytes = std::int64_t{1} << 40;
  return level;
}

arch::Core random_core(Random& random, const std::string& name, const CaseOptions& options) {
  arch::Core core;
  core.name = name;
  core.array.rows = random.integer(1, options.largest_array);
  core.array.cols = random.integer(1, options.largest_array);
  core.array.dataflow = random.pick<arch::Dataflow>({arch::Dataflow::os, arch::Dataflow::ws, arch::Dataflow::is});
  core.array.overlap = random.chance(0.5);
  const int bits = random.pick<int>({4, 8, 8, 16});
  core.array.precision = {"int" + std::to_string(bits), bits, false};
  core.array.accumulator_bits = random.pick<int>({16, 20, 24, 32});
  if (options.array) core.array = *options.array;
  const std::int64_t count = random.integer(1, 3);
  for (std::int64_t l = 0; l < count; ++l) core.levels.push_back(random_level(random, "level" + std::to_string(l), options.ample));
  for (int o = 0; o < 3; ++o) {
    const bool held = std::any_of(core.levels.begin(), core.levels.end(), [&](const arch::Level& l) { return l.holds[o]; });
    if (!held) core.levels[static_cast<std::size_t>(random.integer(0, count - 1))].holds[o] = true;
  }
  core.vector_lanes = random.integer(1, 8);
  return core;
}

arch::ArrayWork random_work(Random& random, const CaseOptions& options) {
  arch::ArrayWork work;
  if (random.chance(0.6)) {
    work.extent[0] = random.chance(0.3) ? random.integer(2, 3) : 1;
    for (int d = 1; d < 4; ++d) work.extent[d] = random.chance(0.15) ? 1 : random.integer(1, options.largest_extent);
    return work;
  }
  workloads::Convolution c;
  c.batch = random.integer(1, 2);
  c.groups = random.chance(0.3) ? 2 : 1;
  c.in_channels = c.groups * random.integer(1, 3);
  c.out_channels = c.groups * random.integer(1, 6);
  for (std::size_t a = 0; a < 2; ++a) {
    c.kernel[a] = random.integer(1, 3);
    c.stride[a] = random.integer(1, 3);
    c.dilation[a] = random.integer(1, 2);
    c.pad_begin[a] = random.integer(0, 2);
    c.pad_end[a] = random.integer(0, 2);
    const std::int64_t reach = (c.kernel[a] - 1) * c.dilation[a] + 1;
    c.in[a] = std::max<std::int64_t>(reach, random.integer(2, 7));
    c.out[a] = (c.in[a] + c.pad_begin[a] + c.pad_end[a] - reach) / c.stride[a] + 1;
  }
  work.window = c;
  work.extent[0] = c.groups;
  work.extent[1] = c.batch * c.out[0] * c.out[1];
  work.extent[2] = c.out_channels / c.groups;
  work.extent[3] = c.in_channels / c.groups * c.kernel[0] * c.kernel[1];
  return work;
}

/// A count of tiles that leaves none of them empty.
std::int64_t whole_count(std::int64_t extent, std::int64_t count) { return up(extent, up(extent, count)); }

arch::StepMapping random_mapping(Random& random, const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const std::string& name) {
  arch::StepMapping mapping;
  mapping.step = name;
  mapping.core = core.name;
  std::vector<const arch::Level*> inwards{nullptr};
  for (auto level = design.shared.rbegin(); level != design.shared.rend(); ++level) inwards.push_back(&*level);
  for (auto level = core.levels.rbegin(); level != core.levels.rend(); ++level) inwards.push_back(&*level);
  std::int64_t extent[4];
  std::copy(work.extent, work.extent + 4, extent);
  int cuts = 0;
  for (std::size_t e = 0; e < inwards.size(); ++e) {
    arch::LevelLoops entry;
    entry.level = e == 0 ? "memory" : inwards[e]->name;
    for (int o = 0; o < 3; ++o) entry.keeps[o] = e == 0 || (inwards[e]->holds[o] && random.chance(0.8));
    const std::int64_t loops = random.integer(0, 3);
    for (std::int64_t l = 0; l < loops && cuts < 6; ++l) {
      const auto d = static_cast<std::size_t>(random.integer(0, 3));
      const std::int64_t count = whole_count(extent[d], random.integer(1, std::min<std::int64_t>(4, extent[d])));
      if (count == 1 && random.chance(0.8)) continue;
      entry.loops.push_back({static_cast<Dim>(d), count});
      extent[d] = up(extent[d], count);
      ++cuts;
    }
    mapping.levels.push_back(entry);
  }
  const std::size_t first_core = 1 + design.shared.size();
  for (int o = 0; o < 3; ++o) {
    std::vector<std::size_t> able;
    bool kept = false;
    for (std::size_t e = first_core; e < inwards.size(); ++e) {
      kept = kept || mapping.levels[e].keeps[o];
      if (inwards[e]->holds[o]) able.push_back(e);
    }
    if (!kept) mapping.levels[random.pick(able)].keeps[o] = true;
  }
  const arch::SpatialDims dims = arch::spatial_dims(core.array.dataflow);
  mapping.rows_dim = dims.rows;
  mapping.cols_dim = dims.cols;
  mapping.rows_size = random.chance(0.7) ? core.array.rows : random.integer(1, core.array.rows);
  mapping.cols_size = random.chance(0.7) ? core.array.cols : random.integer(1, core.array.cols);
  const std::int64_t row_tile = extent[static_cast<int>(dims.rows)], col_tile = extent[static_cast<int>(dims.cols)];
  mapping.folds = {{dims.rows, whole_count(row_tile, up(row_tile, mapping.rows_size))}, {dims.cols, whole_count(col_tile, up(col_tile, mapping.cols_size))}};
  if (random.chance(0.5)) std::swap(mapping.folds[0], mapping.folds[1]);
  if (random.chance(0.4)) {
    for (arch::Layout& layout : mapping.layout) layout = random.pick<arch::Layout>({arch::Layout::streamed, arch::Layout::row_major, arch::Layout::col_major});
  }
  return mapping;
}

}  // namespace

RandomCase random_case(Random& random, const CaseOptions& options) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    RandomCase out;
    arch::Design& design = out.design;
    design.name = "random";
    design.clock_mhz = 1000;
    design.clock_period_ps = random.pick<std::int64_t>({1000, 1250, 833});
    const std::int64_t shared = random.integer(0, options.largest_shared);
    for (std::int64_t s = 0; s < shared; ++s) design.shared.push_back(random_level(random, "shared" + std::to_string(s), options.ample));
    for (int c = 0; c < options.cores; ++c) design.cores.push_back(random_core(random, "core" + std::to_string(c), options));
    design.bus_bytes_per_cycle = options.ample ? 4096 : random.pick<std::int64_t>({1, 2, 4, 8, 16, 64});
    design.memory.type = "ideal";
    design.memory.bytes_per_cycle = options.ample ? 4096 : random.pick<std::int64_t>({1, 2, 4, 5, 8, 16, 64});
    design.memory.latency_cycles = options.ample || random.chance(0.3) ? 0 : random.integer(1, 60);
    bool valid = true;
    for (int s = 0; s < options.steps && valid; ++s) {
      RandomCase::Step step;
      step.core = static_cast<std::size_t>(random.integer(0, options.cores - 1));
      arch::Core& core = design.cores[step.core];
      step.is_array = !options.vector || random.chance(0.5);
      if (step.is_array) {
        step.work = random_work(random, options);
        step.mapping = random_mapping(random, design, core, step.work, "step" + std::to_string(s));
        valid = arch::verify(design, core, step.work, step.mapping, "random", "/steps").has_value();
      } else {
        step.vector = {random.integer(0, 300), random.integer(0, 200), random.integer(0, 200)};
        core.levels[0].bytes = random.integer(10, 200);
      }
      out.steps.push_back(step);
    }
    for (const RandomCase::Step& step : out.steps) {
      if (!step.is_array || !valid) continue;
      arch::Core& core = design.cores[step.core];
      const auto needed = arch::capacity_needed(core, design.shared, step.work, step.mapping);
      // Levels as large as they must be at least, so that vector chunks are small and the check of capacity is met exactly.
      for (std::size_t l = 0; l < core.levels.size(); ++l) {
        std::int64_t& bytes = core.levels[l].bytes;
        const std::int64_t need = needed[needed.size() - 1 - l];
        bytes = bytes == std::int64_t{1} << 40 ? std::max<std::int64_t>(need, 1) : std::max(bytes, need);
      }
    }
    if (valid) return out;
  }
  throw std::runtime_error("no valid random case in 1000 attempts");
}

std::string RandomCase::text() const {
  std::ostringstream out;
  for (const auto* levels : {&design.shared}) {
    for (const arch::Level& l : *levels) out << "shared " << l.name << " slots " << l.slots() << " bpc " << l.bytes_per_cycle << " banks " << l.banks << "\n";
  }
  out << "bus " << design.bus_bytes_per_cycle << " memory " << design.memory.bytes_per_cycle << " latency " << design.memory.latency_cycles << "\n";
  for (const arch::Core& core : design.cores) {
    const arch::Array& a = core.array;
    out << core.name << " " << a.rows << "x" << a.cols << " dataflow " << static_cast<int>(a.dataflow) << (a.overlap ? " overlap" : "") << " bits "
        << a.precision.bits << "/" << a.accumulator_bits << " lanes " << core.vector_lanes << "\n";
    for (const arch::Level& l : core.levels) {
      out << "  " << l.name << " slots " << l.slots() << " bpc " << l.bytes_per_cycle << " banks " << l.banks << " bytes " << l.bytes << "\n";
    }
  }
  for (const Step& step : steps) {
    out << "step on core " << step.core << ": ";
    if (!step.is_array) {
      out << "vector " << step.vector.ops << " ops, " << step.vector.in_elements << " in, " << step.vector.out_elements << " out\n";
      continue;
    }
    out << "g m n k";
    for (const std::int64_t e : step.work.extent) out << " " << e;
    if (step.work.window) {
      const workloads::Convolution& c = *step.work.window;
      out << " (convolution of " << c.batch << " images, groups " << c.groups << ", channels " << c.in_channels << " to " << c.out_channels;
      for (std::size_t a = 0; a < 2; ++a)
        out << ", in " << c.in[a] << " kernel " << c.kernel[a] << " stride " << c.stride[a] << " dilation " << c.dilation[a] << " pads " << c.pad_begin[a] << " " << c.pad_end[a];
      out << ")";
    }
    out << "\n";
    for (const arch::LevelLoops& level : step.mapping.levels) {
      out << "  " << level.level << " keeps " << level.keeps[0] << level.keeps[1] << level.keeps[2] << " loops";
      for (const arch::Loop& loop : level.loops) out << " " << arch::letter(loop.dim) << loop.count;
      out << "\n";
    }
    out << "  folds";
    for (const arch::Loop& loop : step.mapping.folds) out << " " << arch::letter(loop.dim) << loop.count;
    out << " layouts";
    for (const arch::Layout layout : step.mapping.layout) out << " " << static_cast<int>(layout);
    out << "\n";
  }
  return out.str();
}

}  // namespace gnomon::sim::testing
