#include "gnomon/hls/synth.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>
#include <tuple>

#include "cosim/cache.hpp"
#include "emit/array.hpp"
#include "gnomon/base/text.hpp"
#include "synth/modules.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

/// How an instance's surroundings differ from the inside of the array: outputs that nobody takes, inputs that are 0, and ports of fewer bits (an
/// input's upper ones are copies of its highest, an output's are not taken).
struct Edge {
  std::vector<std::string> open, tied;
  std::vector<std::pair<std::string, std::int64_t>> narrow;
  bool none() const { return open.empty() && tied.empty() && narrow.empty(); }
  auto operator<=>(const Edge&) const = default;
};

/// The module inside a wrapper of the same text: what nobody takes, and what a constant or copies of one bit decide, is not built there.
SynthJob at_edge(const Module& pe, const Edge& edge) {
  const std::size_t end = pe.text.find(");\n");
  std::string ports, connections, wires;
  std::size_t at = pe.text.find("(\n") + 2;
  while (at < end) {
    const std::size_t stop = std::min(pe.text.find('\n', at), end);
    std::string line = pe.text.substr(at, stop - at);
    at = stop + 1;
    if (!line.empty() && line.back() == ',') line.pop_back();
    const std::string port = line.substr(line.rfind(' ') + 1);
    const auto among = [&](const std::vector<std::string>& names) { return std::find(names.begin(), names.end(), port) != names.end(); };
    const bool is_open = among(edge.open), is_tied = among(edge.tied);
    std::string from = port;
    for (const auto& [narrow, narrow_bits] : edge.narrow) {
      if (narrow != port || is_open || is_tied) continue;
      const std::size_t range = line.find('[') + 1, bits = line.find(':', range);
      const std::string high = line.substr(range, bits - range), low = std::to_string(narrow_bits - 1);
      line.replace(range, bits - range, low);
      from = port + "_whole";
      wires += "  wire signed [" + high + ":0] " + from + ";\n";
      if (line.find("input") != line.npos) wires += "  assign " + from + " = $signed(" + port + ");\n";
      else wires += "  assign " + port + " = " + from + "[" + low + ":0];\n";
    }
    connections += (connections.empty() ? "." : ", .") + port + (is_open ? "()" : is_tied ? "('0)" : "(" + from + ")");
    if (!is_open && !is_tied) ports += (ports.empty() ? "" : ",\n") + line;
  }
  std::string name = pe.name;
  for (const std::string& port : edge.open) name += "_no_" + port;
  for (const std::string& port : edge.tied) name += "_zero_" + port;
  for (const auto& [port, bits] : edge.narrow) name += "_" + std::to_string(bits) + "_" + port;
  return {name, pe.text + "\nmodule " + name + " (\n" + ports + "\n);\n" + wires + "  " + pe.name + " pe (" + connections + ");\nendmodule\n", true};
}

/// Deterministic caps: what is larger takes hours, or more memory than a machine has.
constexpr std::int64_t composed_pes = 4096, flat_pes = 64, bank_words = 1 << 20;

Expected<void> array_parts(const ArrayParameters& p, const std::string& name, bool flat, std::vector<SynthPart>& parts) {
  auto rtl = emit_array(p, RtlStyle::modules);
  if (!rtl) return fail(std::move(rtl.error()));
  const std::int64_t pes = p.rows * p.cols, cap = flat ? flat_pes : composed_pes;
  if (pes > cap)
    return fail(ErrorKind::unsupported, "synthesis of an array of " + std::to_string(pes) + " PEs, " +
                                            (flat ? "flat; at most " : "composed; at most ") + std::to_string(cap) +
                                            (flat ? " (composed synthesis takes up to " + std::to_string(composed_pes) + ")" : ""));
  if (flat) {
    parts.push_back({name + " array", {rtl->top, rtl->text, true}, 1, {}});
    return {};
  }
  std::string control;
  const Module* pe = nullptr;
  const auto modules = modules_of(rtl->text);
  for (const Module& module : modules) {
    if (module.name == pe_name(p)) {
      pe = &module;
      control += black_box(module);
    } else {
      control += module.text + "\n";
    }
  }
  if (pe == nullptr) return fail(ErrorKind::run_failed, "the array has no PE module");
  // Inside, and at the edges: the first row has no sums from above (its adders fall away), the upper rows' sums are narrow, the last row and column
  // hand nothing on.
  const bool held = !arch::info(p.dataflow).outputs_stay();
  const auto sum_bits = [&](std::int64_t row) { return std::min<std::int64_t>(p.accumulator_bits, 2 * p.precision_bits + std::bit_width(static_cast<std::uint64_t>(row))); };
  std::map<Edge, std::int64_t> kinds;
  std::int64_t inside = 0;
  for (std::int64_t i = 0; i < p.rows; ++i)
    for (std::int64_t j = 0; j < p.cols; ++j) {
      Edge edge;
      if (j + 1 == p.cols) edge.open.push_back("a_out");
      if (i + 1 == p.rows) {
        edge.open.push_back(held ? "w_out" : "b_out");
        if (held) edge.open.push_back("partial");
        else edge.tied.push_back("below");
      }
      if (held && i == 0) edge.tied.push_back("above");
      if (held && i > 0 && sum_bits(i - 1) < p.accumulator_bits) edge.narrow.emplace_back("above", sum_bits(i - 1));
      if (held && sum_bits(i) < p.accumulator_bits) edge.narrow.insert(edge.narrow.end(), {{"sum", sum_bits(i)}, {"partial", sum_bits(i)}});
      if (edge.none()) ++inside;
      else ++kinds[edge];
    }
  parts.push_back({name + " PE", {pe->name, pe->text, true}, inside, {}});
  parts.push_back({name + " control, skew and exits", {rtl->top, control, true}, 1, {}});
  int kind = 0;
  for (const auto& [edge, count] : kinds) parts.push_back({name + " PE, edge " + std::to_string(++kind), at_edge(*pe, edge), count, {}});
  return {};
}

Expected<void> level_parts(const arch::Level& level, const std::string& name, const std::string& target, std::vector<SynthPart>& parts,
                           SynthResult& result) {
  const std::int64_t word_bytes = std::max<std::int64_t>(1, level.bytes_per_cycle / level.banks);
  const std::int64_t words = (level.bytes + level.banks * word_bytes - 1) / (level.banks * word_bytes);
  if (target == "osu018") {
    result.sram_bits += words * word_bytes * 8 * level.banks;
    return {};
  }
  if (words > bank_words || word_bytes > 4096)
    return fail(ErrorKind::unsupported, "synthesis of " + name + ": a bank of " + std::to_string(words) + " words of " +
                                            std::to_string(word_bytes) + " bytes; at most " + std::to_string(bank_words) +
                                            " words of 4096 bytes");
  const Rtl rtl = emit_bank(words, word_bytes * 8);
  parts.push_back({name + " bank", {rtl.top, rtl.text, true}, level.banks, {}});
  return {};
}

void add(std::optional<double>& total, const std::optional<double>& each, std::int64_t count) {
  if (each) total = total.value_or(0) + *each * static_cast<double>(count);
}

/// Lanes' figures along a straight line; what is counted stays whole.
SynthFigures weighted(const std::vector<std::pair<double, SynthFigures>>& runs) {
  const auto sum = [&](std::optional<double> SynthFigures::* figure) {
    std::optional<double> total;
    for (const auto& [weight, figures] : runs)
      if (figures.*figure) total = total.value_or(0) + weight * *(figures.*figure);
    return total ? std::optional(std::max(0.0, std::round(*total * 2) / 2)) : total;
  };
  double cells = 0;
  for (const auto& [weight, figures] : runs) cells += weight * static_cast<double>(figures.cell_count);
  double memory_bits = 0;
  for (const auto& [weight, figures] : runs) memory_bits += weight * figures.memory_bits;
  return {sum(&SynthFigures::lut), sum(&SynthFigures::ff), sum(&SynthFigures::dsp), sum(&SynthFigures::bram), sum(&SynthFigures::area_um2), std::round(std::max(0.0, memory_bits)),
          std::llround(std::max(0.0, cells))};
}

/// One run a part; of parts from narrower ones the weighted figures and the widest one's netlist.
Expected<std::vector<SynthRun>> run_all(const std::vector<SynthPart>& parts, const SynthOptions& options, const fs::path& cache) {
  std::vector<const SynthJob*> jobs;
  std::map<std::tuple<std::string, std::string, std::int64_t>, std::size_t> known;  // equal ones run once
  std::vector<std::size_t> places;
  const auto want = [&](const SynthJob& job) {
    const auto [at, fresh] = known.try_emplace({job.module, job.text, job.depth}, jobs.size());
    if (fresh) jobs.push_back(&job);
    places.push_back(at->second);
  };
  for (const SynthPart& part : parts) {
    if (part.narrower.empty()) want(part.job);
    for (const auto& [weight, job] : part.narrower) want(job);
  }
  std::vector<Expected<SynthRun>> runs(jobs.size(), SynthRun{});
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) runs[i] = run_yosys(*jobs[i], options.target, cache);
  };
  std::vector<std::thread> threads;
  const std::size_t count = std::min<std::size_t>(jobs.size(), static_cast<std::size_t>(std::clamp(options.jobs, 1, 64)));
  for (std::size_t t = 1; t < count; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  for (auto& run : runs)
    if (!run) return fail(std::move(run.error()));
  std::vector<SynthRun> out;
  std::size_t at = 0;
  for (const SynthPart& part : parts) {
    if (part.narrower.empty()) {
      out.push_back(*runs[places[at++]]);
      continue;
    }
    SynthRun whole = *runs[places[at]];  // the widest
    std::vector<std::pair<double, SynthFigures>> lanes;
    for (const auto& [weight, job] : part.narrower) {
      const SynthRun& run = *runs[places[at++]];
      whole.from_cache = whole.from_cache && run.from_cache;
      lanes.emplace_back(weight, run.figures);
      whole.narrower.push_back({weight, run.netlist, run.module});
    }
    whole.figures = weighted(lanes);
    out.push_back(std::move(whole));
  }
  return out;
}

Expected<void> check(const SynthOptions& options) {
  const auto& names = synth_targets();
  if (std::find(names.begin(), names.end(), options.target) == names.end())
    return fail(ErrorKind::invalid_input, unknown_word("target", options.target, names));
  auto version = yosys_version();
  if (!version) return fail(std::move(version.error()));
  return {};
}

/// Of one flat run: three times the largest of the shipped kernels and networks, and some. Memories of standard cells are flip-flops.
constexpr std::size_t flat_text_bytes = 1'000'000;
constexpr std::int64_t flat_memory_bits = std::int64_t{1} << 22, flat_cell_memory_bits = std::int64_t{1} << 17;

/// Bits of the memories that the emitted text declares: `logic [7:0] m0 [0:63];`.
std::int64_t declared_bits(const std::string& text) {
  std::int64_t bits = 0;
  for (std::size_t at = text.find(" [0:"); at != text.npos; at = text.find(" [0:", at + 1)) {
    const std::size_t line = text.rfind('\n', at) + 1, width = text.find(" [", line);
    if (text.find("logic", line) > at || text.find(";", line) < at) continue;
    const std::int64_t words = std::strtoll(text.c_str() + at + 4, nullptr, 10) + 1;
    bits += words * (width < at ? std::strtoll(text.c_str() + width + 2, nullptr, 10) + 1 : 1);
  }
  return bits;
}

/// Sizes and not time-outs decide what is too big for one flat run.
Expected<void> flat_fits(const Rtl& rtl, const std::string& target) {
  if (rtl.text.size() > flat_text_bytes)
    return fail(ErrorKind::unsupported, "flat synthesis of " + rtl.top + ": its RTL has " + std::to_string(rtl.text.size()) + " bytes of text; at most " + std::to_string(flat_text_bytes) +
                                            " (less unrolling or fewer banks make it shorter)");
  const std::int64_t bits = declared_bits(rtl.text), most = target == "osu018" ? flat_cell_memory_bits : flat_memory_bits;
  if (bits > most)
    return fail(ErrorKind::unsupported, "flat synthesis of " + rtl.top + " for " + target + ": its memories have " + std::to_string(bits) + " bits; at most " + std::to_string(most) +
                                            (target == "osu018" ? " (the library has no memories: they are built of flip-flops)" : ""));
  return {};
}

/// Tables one behind the other in a part; where paths go on from lane to lane, they grow as figures do.
Expected<std::int64_t> depth_of(const SynthPart& part, const SynthRun& run) {
  auto widest = mapped_depth(run.netlist);
  if (!widest || !part.chained) return widest;
  double all = 0;
  for (const SynthRun::Narrower& one : run.narrower) {
    auto depth = mapped_depth(one.netlist);
    if (!depth) return depth;
    all += one.weight * static_cast<double>(*depth);
  }
  return std::max<std::int64_t>(*widest, std::llround(all));
}

/// In one netlist only the longest path is mapped for depth, all else for area: parts that are not the deepest of theirs run again with that depth.
Expected<void> use_slack(std::vector<SynthPart> parts, const SynthOptions& options, const fs::path& cache, std::vector<SynthRun>& runs) {
  std::map<int, std::int64_t> deepest;
  std::vector<std::int64_t> depths(parts.size(), 0);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].netlist < 0) continue;
    auto depth = depth_of(parts[i], runs[i]);
    if (!depth) return fail(std::move(depth.error()));
    depths[i] = *depth;
    deepest[parts[i].netlist] = std::max(deepest[parts[i].netlist], *depth);
  }
  std::vector<SynthPart> again;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (depths[i] == 0 || depths[i] == deepest[parts[i].netlist]) continue;
    parts[i].job.depth = deepest[parts[i].netlist];
    for (auto& [weight, job] : parts[i].narrower) job.depth = parts[i].job.depth;
    again.push_back(std::move(parts[i]));
    places.push_back(i);
  }
  auto done = run_all(again, options, cache);
  if (!done) return fail(std::move(done.error()));
  for (std::size_t i = 0; i < again.size(); ++i) runs[places[i]] = std::move((*done)[i]);
  return {};
}

Expected<SynthResult> finish(SynthResult result, const std::vector<SynthPart>& parts, const SynthOptions& options, const fs::path& cache,
                             std::vector<SynthRun>& runs) {
  auto done = run_all(parts, options, cache);
  if (!done) return fail(std::move(done.error()));
  runs = std::move(*done);
  if (options.target != "osu018")
    if (auto slack = use_slack(parts, options, cache, runs); !slack) return fail(std::move(slack.error()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const SynthFigures& f = runs[i].figures;
    result.blocks.push_back({parts[i].name, parts[i].job.module, parts[i].count, f, runs[i].from_cache});
    add(result.total.lut, f.lut, parts[i].count);
    add(result.total.ff, f.ff, parts[i].count);
    add(result.total.dsp, f.dsp, parts[i].count);
    add(result.total.bram, f.bram, parts[i].count);
    add(result.total.area_um2, f.area_um2, parts[i].count);
    result.total.cell_count += f.cell_count * parts[i].count;
    result.total.memory_bits += f.memory_bits * static_cast<double>(parts[i].count);
  }
  return result;
}

/// Timing of a part: of one reckoned from narrower ones, the widest stands for it, but where paths go on from lane to lane, theirs grow as figures do.
Expected<TimingRun> part_timing(const SynthPart& part, const SynthRun& run, const fs::path& cache) {
  auto timing = run_sta({run.netlist}, run.module, cache);
  if (!timing || !part.chained || !timing->path_ns) return timing;
  double path = 0;
  for (const SynthRun::Narrower& one : run.narrower) {
    auto narrower = run_sta({one.netlist}, one.module, cache);
    if (!narrower || !narrower->path_ns) return narrower;
    path += one.weight * *narrower->path_ns;
  }
  if (path > *timing->path_ns) {
    timing->path_ns = path;
    timing->fmax_mhz = 1000 / path;
  }
  return timing;
}

void take(SynthResult& result, const TimingRun& timing, const std::string& block) {
  result.timing_tool = timing.tool;
  if (!timing.note.empty()) result.notes.push_back(timing.note);
  if (!timing.path_ns) return;
  // Several arrays: the slowest decides.
  if (result.path_ns && *result.path_ns >= *timing.path_ns) return;
  result.path_ns = timing.path_ns;
  result.fmax_mhz = timing.fmax_mhz;
  result.power_mw = timing.power_mw;
  result.slowest = block;
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

const std::vector<std::string>& synth_targets() {
  static const std::vector<std::string> names{"xcup", "xc7", "ice40", "osu018"};
  return names;
}

namespace {

/// The parts of a design: arrays, levels, vector lanes or, with `complete`, the control from `control_from` on.
struct DesignParts {
  std::vector<SynthPart> parts;
  std::vector<std::pair<std::size_t, ArrayParameters>> arrays;  ///< first part of each
  std::size_t control_from = 0;
};

Expected<DesignParts> parts_of(const arch::Design& design, const SynthOptions& options, SynthResult& result) {
  DesignParts out;
  const auto shared_parts = [&]() -> Expected<void> {
    for (const arch::Level& level : design.shared)
      if (auto done = level_parts(level, level.name, options.target, out.parts, result); !done) return done;
    return {};
  };
  if (options.flat && options.complete) {
    for (std::size_t c = 0; c < design.cores.size(); ++c) {
      auto whole = whole_part(design, options.target, c);
      if (!whole) return fail(std::move(whole.error()));
      out.parts.push_back(std::move(*whole));
      for (const arch::Level& level : design.cores[c].levels)
        if (auto done = level_parts(level, design.cores[c].name + " " + level.name, options.target, out.parts, result); !done) return fail(std::move(done.error()));
    }
    if (auto done = shared_parts(); !done) return fail(std::move(done.error()));
    out.control_from = out.parts.size();
    return out;
  }
  for (const arch::Core& core : design.cores) {
    auto parameters = array_parameters(core.array);
    if (!parameters) return fail(std::move(parameters.error()));
    const std::size_t first = out.parts.size();
    out.arrays.emplace_back(first, *parameters);
    if (auto done = array_parts(*parameters, core.name, options.flat, out.parts); !done) return fail(std::move(done.error()));
    // A core is a netlist: with its control, or else its PEs and their surroundings.
    for (std::size_t i = first; i < out.parts.size(); ++i) out.parts[i].netlist = static_cast<int>(out.arrays.size()) - 1;
    for (const arch::Level& level : core.levels)
      if (auto done = level_parts(level, core.name + " " + level.name, options.target, out.parts, result); !done) return fail(std::move(done.error()));
    if (core.vector_lanes > 0 && !options.complete) {
      const Rtl lane = emit_vector_lane(parameters->precision_bits, parameters->accumulator_bits);
      out.parts.push_back({core.name + " vector lane", {lane.top, lane.text, true}, core.vector_lanes, {}});
    }
  }
  if (auto done = shared_parts(); !done) return fail(std::move(done.error()));
  out.control_from = out.parts.size();
  if (!options.complete) return out;
  for (std::size_t c = 0; c < design.cores.size(); ++c) {
    auto control = control_parts(design, options.target, c);
    if (!control) return fail(std::move(control.error()));
    for (SynthPart& part : *control) part.netlist = static_cast<int>(c);
    out.parts.insert(out.parts.end(), std::make_move_iterator(control->begin()), std::make_move_iterator(control->end()));
  }
  return out;
}

}  // namespace

Expected<void> synthesise_blocks(const std::vector<arch::Design>& designs, const SynthOptions& options) {
  if (auto sound = check(options); !sound) return fail(std::move(sound.error()));
  std::vector<SynthPart> all;
  for (const arch::Design& design : designs) {
    SynthResult unused;
    auto made = parts_of(design, options, unused);
    if (!made) return fail(std::move(made.error()));
    all.insert(all.end(), std::make_move_iterator(made->parts.begin()), std::make_move_iterator(made->parts.end()));
  }
  if (auto done = run_all(all, options, options.cache.empty() ? default_cache() : options.cache); !done) return fail(std::move(done.error()));
  return {};
}

Expected<SynthResult> synthesise(const arch::Design& design, const SynthOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (auto sound = check(options); !sound) return fail(std::move(sound.error()));
  const fs::path cache = options.cache.empty() ? default_cache() : options.cache;
  SynthResult result;
  result.target = options.target;
  result.mode = options.flat ? "flat" : "composed";
  result.complete = options.complete;
  result.tool = *yosys_version();
  auto made = parts_of(design, options, result);
  if (!made) return fail(std::move(made.error()));
  const auto& [parts, arrays, control_from] = *made;
  std::vector<SynthRun> runs;
  auto finished = finish(std::move(result), parts, options, cache, runs);
  if (!finished) return finished;
  result = std::move(*finished);
  result.sram_bits += std::llround(result.total.memory_bits);
  if (result.sram_bits > 0)
    result.notes.push_back(std::to_string(result.sram_bits) + " bits of SRAM are not in the area" + (options.complete ? " (levels and biases)" : "") + ": the library has no memories");
  if (options.complete && design.cores.size() > 1)
    result.notes.push_back("one RTL per core: the bus between the " + std::to_string(design.cores.size()) + " cores and the memory is not in it" +
                           (design.shared.empty() ? "" : ", nor what grants them the links to the shared levels"));
  for (const auto& [first, parameters] : arrays) {
    if (!options.timing) break;
    if (options.target == "osu018") {
      std::vector<fs::path> netlists{runs[first].netlist};
      if (!options.flat) netlists.push_back(runs[first + 1].netlist);
      auto timing = run_sta(netlists, parts[options.flat ? first : first + 1].job.module, cache);
      if (!timing) return fail(std::move(timing.error()));
      take(result, *timing, parts[first].name.substr(0, parts[first].name.find(' ')) + " array");
    } else if (options.target == "ice40") {
      auto rtl = emit_array(parameters, RtlStyle::modules);
      SynthFigures array = runs[first].figures;
      if (!options.flat) {
        const std::int64_t pes = parameters.rows * parameters.cols;
        SynthFigures whole = runs[first + 1].figures;
        add(whole.lut, array.lut, pes);
        add(whole.ff, array.ff, pes);
        add(whole.dsp, array.dsp, pes);
        array = whole;
      }
      auto timing = run_nextpnr(*rtl, array, cache);
      if (!timing) return fail(std::move(timing.error()));
      take(result, *timing, parts[first].name.substr(0, parts[first].name.find(' ')) + " array");
    }
  }
  // The slowest of array and control decides.
  for (std::size_t i = control_from; options.timing && options.target == "osu018" && i < parts.size(); ++i) {
    if (parts[i].job.text.find(" clk,") == std::string::npos) continue;  // gates alone
    auto timing = part_timing(parts[i], runs[i], cache);
    if (!timing) return fail(std::move(timing.error()));
    timing->power_mw = result.power_mw;
    take(result, *timing, parts[i].name);
  }
  const std::string of_array = design.cores.size() > 1 ? "the slowest array" : "the array";
  if (options.target == "xcup" || options.target == "xc7")
    result.notes.push_back("no timing: yosys has none for " + options.target);
  else if (result.path_ns)
    result.notes.push_back(options.complete && options.target == "osu018" ? "the path is the slowest of array and control, block by block (" + result.slowest + "): paths from one through others are not seen; power is " + of_array + " alone"
                                                                           : "timing and power are those of " + of_array + " alone");
  result.seconds = since(start);
  return result;
}

Expected<SynthResult> synthesise(const Rtl& rtl, const SynthOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (auto sound = check(options); !sound) return fail(std::move(sound.error()));
  if (auto fits = flat_fits(rtl, options.target); !fits) return fail(std::move(fits.error()));
  const fs::path cache = options.cache.empty() ? default_cache() : options.cache;
  SynthResult result;
  result.target = options.target;
  result.mode = "flat";
  result.tool = *yosys_version();
  std::vector<SynthRun> runs;
  auto finished = finish(std::move(result), {{rtl.top, {rtl.top, rtl.text, true}, 1, {}}}, options, cache, runs);
  if (!finished) return finished;
  result = std::move(*finished);
  if (options.timing && options.target == "osu018") {
    auto timing = run_sta({runs[0].netlist}, rtl.top, cache);
    if (!timing) return fail(std::move(timing.error()));
    take(result, *timing, rtl.top);
  } else if (options.timing && options.target == "ice40") {
    auto timing = run_nextpnr(rtl, runs[0].figures, cache);
    if (!timing) return fail(std::move(timing.error()));
    take(result, *timing, rtl.top);
  }
  result.seconds = since(start);
  return result;
}

Json synth_document(const SynthResult& result) {
  const auto value = [](const std::optional<double>& number_of) { return number_of ? Json(*number_of) : Json(nullptr); };
  Json out;
  out["schema"] = "gnomon.synth/1";
  out["target"] = result.target;
  out["mode"] = result.mode;
  out["complete"] = result.complete;
  const auto figures = [&](Json& to, const SynthFigures& f) {
    to["lut"] = value(f.lut);
    to["ff"] = value(f.ff);
    to["dsp"] = value(f.dsp);
    to["bram"] = value(f.bram);
    to["area_um2"] = value(f.area_um2);
    to["cell_count"] = f.cell_count;
  };
  figures(out, result.total);
  out["fmax_mhz"] = value(result.fmax_mhz);
  out["path_ns"] = value(result.path_ns);
  out["power_mw"] = value(result.power_mw);
  out["tool"] = result.tool + ", " + result.mode;
  out["timing_tool"] = result.timing_tool.empty() ? Json(nullptr) : Json(result.timing_tool);
  out["slowest_block"] = result.slowest.empty() ? Json(nullptr) : Json(result.slowest);
  out["sram_bits"] = result.sram_bits;
  out["blocks"] = Json::array();
  for (const SynthBlock& block : result.blocks) {
    Json one{{"name", block.name}, {"module", block.module}, {"count", block.count}};
    figures(one, block.each);
    out["blocks"].push_back(std::move(one));
  }
  out["notes"] = result.notes;
  out["seconds"] = result.seconds;
  return out;
}

}  // namespace gnomon::hls
