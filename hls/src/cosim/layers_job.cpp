#include "cosim/layers_job.hpp"


#include <cmath>
#include <cstdlib>

#include "cosim/exchange.hpp"
#include "cosim/kernel_job.hpp"
#include "cosim/model.hpp"
#include "cosim/testbench.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

void describe(FieldVisitor& v, LayersJob& job) {
  field(v, {"library", "compiled RTL", "", Key::required}, job.library);
  field(v, {"trace", "FST file", "", Key::required}, job.trace);
  field(v, {"trace_from", "first cycle of the trace", "", Key::required}, job.trace_from, Range{0});
  field(v, {"trace_to", "cycle behind its last", "", Key::required}, job.trace_to, Range{0});
  field(v, {"record", "file of port values", "", Key::required}, job.record);
  field(v, {"record_cycles", "their cycles", "", Key::required}, job.record_cycles, Range{0});
  field(v, {"seed", "decimal", "", Key::required}, job.seed);
  field(v, {"stall", "chance", "", Key::required}, job.stall, RealRange{0, 0.9});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, job.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"patience_cycles", "limit of silence", "cycles", Key::required}, job.patience_cycles, Range{0});
  field(v, {"tells_status", "port of the RTL", "", Key::required}, job.tells_status);
  field(v, {"in_bits", "of an element", "bits", Key::required}, job.in_bits, Range{1, 64});
  field(v, {"in_elements", "of a beat", "", Key::required}, job.in_elements, Range{1});
  field(v, {"out_bits", "of an element", "bits", Key::required}, job.out_bits, Range{1, 64});
  field(v, {"out_elements", "of a beat", "", Key::required}, job.out_elements, Range{1});
  field(v, {"out_beats", "expected", "", Key::required}, job.out_beats, Range{1});
  field(v, {"max_cycles", "limit", "cycles", Key::required}, job.max_cycles, Range{1});
  field(v, {"out_signed", "elements", "", Key::required}, job.out_signed);
  field(v, {"inputs", "elements", "", Key::required}, job.inputs, Length{0, std::size_t{1} << 28}, Range{});
  field(v, {"outputs", "result", "", Key::required}, job.outputs, Length{0, std::size_t{1} << 28}, Range{});
  field(v, {"beat_cycles", "result", "cycles", Key::required}, job.beat_cycles, Length{0, std::size_t{1} << 28}, Range{});
  field(v, {"first_input", "result", "cycle", Key::required}, job.first_input);
  field(v, {"last_output", "result", "cycle", Key::required}, job.last_output);
  field(v, {"surplus", "result", "beats", Key::required}, job.surplus);
  field(v, {"stuck", "result", "", Key::required}, job.stuck);
  field(v, {"last_moved", "result", "cycle", Key::required}, job.last_moved);
  field(v, {"status", "result", "", Key::required}, job.status, Length{0, std::size_t{1} << 20}, Range{});
}

namespace {

namespace fs = std::filesystem;
constexpr std::int64_t after_cycles = 64;

Expected<void> drive(LoadedModel& model, LayersJob& job) {
  const char* const names[] = {"clk", "rst", "in_valid", "in_ready", "in_data", "out_valid", "out_ready", "out_data"};
  PortData p[8];
  for (int i = 0; i < 8; ++i) {
    auto port = model.port(names[i]);
    if (!port) return fail(std::move(port.error()));
    p[i] = *port;
  }
  auto &clk = p[0], &rst = p[1], &in_valid = p[2], &in_ready = p[3], &in_data = p[4], &out_valid = p[5], &out_ready = p[6], &out_data = p[7];
  std::uint64_t time = 0;
  std::int64_t cycle = 0;
  const auto half = [&](std::uint64_t level) {
    clk.set(level);
    model.eval();
    time += 5;
    if (cycle >= job.trace_from && cycle < job.trace_to) model.dump(time);
  };
  Recorder recorder(model, job.record_cycles);
  const bool records = !job.record.empty();
  const std::uint64_t seed = std::strtoull(job.seed.c_str(), nullptr, 10);
  rst.set(1);
  in_valid.set(0);
  out_ready.set(0);
  for (int i = 0; i < 2; ++i) half(0), half(1);
  clk.set(0);
  model.eval();
  rst.set(0);
  const std::int64_t beats = static_cast<std::int64_t>(job.inputs.size()) / job.in_elements;
  std::int64_t taken = 0, given = 0, left = after_cycles;
  const auto note_stuck = [&]() -> Expected<void> {
    const auto count = [](std::int64_t part, std::int64_t of) { return std::to_string(part) + " of " + std::to_string(of); };
    job.stuck = "no handshake at a port since cycle " + std::to_string(job.last_moved) + " (now " + std::to_string(cycle) + "), in took " + count(taken, beats) + " beats" + (taken < beats && in_ready.get() == 0 ? " and takes none" : "") + ", out gave " +
                count(given, job.out_beats) + (out_valid.get() != 0 ? "" : " and offers none");
    if (!job.tells_status) return {};
    // Both ports take part, so that what stands still does so by itself.
    in_valid.set(taken < beats ? 1 : 0);
    out_ready.set(1);
    model.eval();
    auto status = model.port("status");
    if (!status) return fail(std::move(status.error()));
    for (int w = 0; w < status->bits / 32; ++w) job.status.push_back(static_cast<std::int64_t>(status->get_lane(w, 32)));
    return {};
  };
  for (; cycle < job.max_cycles && left > 0; ++cycle) {
    const bool offer = taken < beats && !withheld(seed, job.stall, "in", cycle);
    in_valid.set(offer ? 1 : 0);
    for (std::int64_t i = 0; i < job.in_elements; ++i)
      in_data.set_lane(i, static_cast<int>(job.in_bits), offer ? static_cast<std::uint64_t>(job.inputs[static_cast<std::size_t>(taken * job.in_elements + i)]) : derive(seed, static_cast<std::uint64_t>(cycle + i)));
    out_ready.set(withheld(seed, job.stall, "out", cycle) ? 0 : 1);
    half(0);
    if (records && recorder.cycles() < job.record_cycles) {
      recorder.begin_cycle();
      recorder.means("in_ready", 0, 1);
      recorder.means("out_valid", 0, 1);
      if (out_valid.get() != 0) recorder.means("out_data", 0, out_data.bits);
      recorder.end_cycle(model);
    }
    if (offer && in_ready.get() != 0) {
      if (taken == 0) job.first_input = cycle;
      ++taken;
      job.last_moved = cycle;
    }
    if (out_valid.get() != 0 && out_ready.get() != 0) {
      job.last_moved = cycle;
      if (given == job.out_beats) {
        ++job.surplus;
      } else {
        for (std::int64_t i = 0; i < job.out_elements; ++i) {
          const int unused = 64 - static_cast<int>(job.out_bits);
          const std::uint64_t bits = out_data.get_lane(i, static_cast<int>(job.out_bits)) << unused;
          job.outputs.push_back(job.out_signed ? static_cast<std::int64_t>(bits) >> unused : static_cast<std::int64_t>(bits >> unused));
        }
        job.last_output = cycle;
        job.beat_cycles.push_back(cycle);
        ++given;
      }
    }
    if (given == job.out_beats) --left;
    if (given < job.out_beats && (cycle + 1 >= job.max_cycles || cycle - job.last_moved >= job.patience_cycles)) {
      if (auto noted = note_stuck(); !noted) return noted;
      break;
    }
    half(1);
  }
  return records ? write_file(job.record, recorder.text()) : Expected<void>();
}

}  // namespace

bool holds_layers_job(const fs::path& folder) { return fs::exists(folder / "layers_job.json"); }

Expected<void> do_layers_job(const fs::path& folder) {
  auto job = read_job_file<LayersJob>(folder, "layers");
  if (!job) return fail(std::move(job.error()));
  limit_this_process(job->cpu_seconds);
  auto model = LoadedModel::load(job->library, job->trace, 1);
  if (!model) return fail(std::move(model.error()));
  if (auto done = drive(*model, *job); !done) return done;
  return write_file(folder / "layers_result.json", write_fields(*job).dump());
}

Expected<void> run_layers_job(LayersJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  auto done = exchange<LayersJob>(folder->path(), "layers", job, worker, job.cpu_seconds);
  if (!done) return fail(std::move(done.error()));
  job = std::move(*done);
  return {};
}

}  // namespace gnomon::hls
