#include <stdlib.h>

#include <algorithm>
#include <chrono>

#include "cosim/bench.hpp"
#include "cosim/build.hpp"
#include "cosim/layers_job.hpp"
#include "cosim/model.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "layers/standing.hpp"
#include "layers/timing.hpp"

namespace gnomon::hls {
namespace {

/// Characters of RTL times cycles; a longer run repays the compiler's optimisation.
constexpr double brief_work = 4e9;

}  // namespace

Expected<NetworkCosim> cosimulate_network(const Network& network, const CosimOptions& options, int inferences, const std::optional<Rtl>& rtl) {
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  auto built = build_network(network, true);
  if (!built) return fail(std::move(built.error()));
  if (rtl) built->rtl = *rtl;
  auto timing = network_cycles(*built, inferences, options.stall, options.seed);
  if (!timing) return fail(std::move(timing.error()));
  LayersJob job;
  job.stall = options.stall;
  job.seed = std::to_string(options.seed);
  auto bench = make_bench(options, "");
  if (!bench) return fail(std::move(bench.error()));
  job.trace = bench->trace.string();
  job.trace_from = bench->trace_from;
  job.trace_to = bench->trace_to;
  job.record = bench->record();
  job.record_cycles = bench->record_cycles;
  job.cpu_seconds = options.cpu_seconds;
  job.in_bits = built->in_bits, job.in_elements = built->in_elements;
  job.out_bits = built->out_bits, job.out_elements = built->out_elements, job.out_signed = built->out_signed;
  job.out_beats = built->out_beats * inferences;
  job.max_cycles = 2 * timing->total + 1000;
  job.patience_cycles = 2 * timing->longest_silence + 1000;
  std::vector<std::int64_t> expected;
  for (int i = 0; i < inferences; ++i) {
    Random random(derive(derive(options.seed, "inputs"), static_cast<std::uint64_t>(i)));
    std::vector<std::int64_t> x(static_cast<std::size_t>(built->in_beats * built->in_elements));
    const NumberType& type = shapes->front().types.in;
    for (std::int64_t& v : x) v = random.integer(static_cast<std::int64_t>(type.lowest()), static_cast<std::int64_t>(type.highest()));
    const auto y = evaluate(network, *shapes, x);
    expected.insert(expected.end(), y.begin(), y.end());
    job.inputs.insert(job.inputs.end(), x.begin(), x.end());
  }
  const bool brief = static_cast<double>(built->rtl.text.size()) * static_cast<double>(timing->total) < brief_work;
  auto model = build_model(built->rtl, options.cache.empty() ? default_cache() : options.cache, !bench->trace.empty(), brief);
  if (!model) return fail(std::move(model.error()));
  job.library = model->library.string();
  if (auto ran = run_layers_job(job, options.worker); !ran) return fail(std::move(ran.error()));
  NetworkCosim out;
  auto replay = bench->finish(built->rtl);
  if (!replay) return fail(std::move(replay.error()));
  out.replay = std::move(*replay);
  out.outputs = static_cast<std::int64_t>(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool there = i < job.outputs.size();
    if (there && job.outputs[i] == expected[i]) continue;
    if (++out.mismatches > 1) continue;
    out.first_mismatch = "output " + std::to_string(i) + (there ? " is " + std::to_string(job.outputs[i]) : std::string(" never came")) + ", expected " + std::to_string(expected[i]);
    Mismatch& first = out.mismatch.emplace();
    const auto each = static_cast<std::int64_t>(expected.size()) / inferences, at = static_cast<std::int64_t>(i);
    first.run = at / each;
    first.index = {at % each / built->out_elements, at % built->out_elements};
    first.step = "beat " + std::to_string(first.index[0]) + ", element " + std::to_string(first.index[1]) + " of inference " + std::to_string(first.run) + (there ? "" : ", which never came");
    first.expected = expected[i];
    first.got = there ? job.outputs[i] : 0;
    first.cycle = there ? job.beat_cycles[i / static_cast<std::size_t>(built->out_elements)] : -1;
  }
  out.mismatches += job.surplus;
  out.stuck = job.stuck;
  if ((out.mismatch && !bench->mismatch_trace.empty()) || !out.stuck.empty()) {
    // Once more: with waves, and where it is stuck with RTL that tells what every stream did.
    const Rtl again_rtl = out.stuck.empty() ? built->rtl : observed(*built);
    auto traced = build_model(again_rtl, options.cache.empty() ? default_cache() : options.cache, !bench->mismatch_trace.empty(), brief);
    if (!traced) return fail(std::move(traced.error()));
    const std::int64_t cycle = out.mismatch && out.mismatch->cycle >= 0 ? out.mismatch->cycle : job.last_moved;
    LayersJob again = job;
    again.library = traced->library.string();
    again.outputs.clear();
    again.beat_cycles.clear();
    again.record.clear();
    again.stuck.clear();
    again.surplus = 0;
    again.tells_status = !out.stuck.empty();
    again.trace = bench->mismatch_trace.string();
    again.trace_from = std::max<std::int64_t>(0, cycle - mismatch_margin_cycles);
    again.trace_to = std::max<std::int64_t>(0, cycle) + mismatch_margin_cycles + 1;
    if (auto ran = run_layers_job(again, options.worker); !ran) return fail(std::move(ran.error()));
    if (out.mismatch) out.mismatch->trace = again.trace;
    if (const std::string why = standing(*built, inferences, again.status); !why.empty()) out.stuck += "; " + why;
  }
  out.rtl_cycles = job.last_output - job.first_input + 1;
  out.model_cycles = timing->total;
  return out;
}

}  // namespace gnomon::hls
