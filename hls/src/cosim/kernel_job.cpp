#include "cosim/kernel_job.hpp"


#include <cmath>
#include <cstdlib>

#include "cosim/exchange.hpp"
#include "cosim/model.hpp"
#include "cosim/testbench.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

// Found by the field tables in the namespace of the structs.
void describe(FieldVisitor& v, KernelPort& port) {
  field(v, {"name", "port", "", Key::required}, port.name);
  field(v, {"is_signed", "signed", "", Key::required}, port.is_signed);
  field(v, {"bits", "width", "bits", Key::required}, port.bits, Range{1, 64});
  field(v, {"values", "elements", "", Key::required}, port.values, Length{0, std::size_t{1} << 28}, Range{});
  field(v, {"cycles", "of elements", "", Key::required}, port.cycles, Length{0, std::size_t{1} << 28}, Range{});
  field(v, {"expected", "elements", "", Key::required}, port.expected);
}
void describe(FieldVisitor& v, KernelDrive& drive) {
  field(v, {"prefix", "of ports", "", Key::required}, drive.prefix);
  field(v, {"inputs", "ports", "", Key::required}, drive.inputs);
  field(v, {"outputs", "ports", "", Key::required}, drive.outputs);
  field(v, {"seed", "decimal", "", Key::required}, drive.seed);
  field(v, {"stall", "chance", "", Key::required}, drive.stall, RealRange{0, 0.9});
  field(v, {"max_cycles", "limit", "cycles", Key::required}, drive.max_cycles, Range{1});
  field(v, {"patience_cycles", "limit", "cycles", Key::required}, drive.patience_cycles, Range{1});
  field(v, {"tells_status", "has a port for it", "", Key::required}, drive.tells_status);
  field(v, {"stuck_cycle", "result", "cycle", Key::required}, drive.stuck_cycle);
  field(v, {"status", "result", "", Key::required}, drive.status, Length{0, std::size_t{1} << 20}, Range{});
  field(v, {"busy_cycles", "result", "cycles", Key::required}, drive.busy_cycles);
  field(v, {"first_input", "result", "cycle", Key::required}, drive.first_input);
  field(v, {"last_output", "result", "cycle", Key::required}, drive.last_output);
  field(v, {"first_busy", "result", "cycle", Key::required}, drive.first_busy);
  field(v, {"surplus", "result", "elements", Key::required}, drive.surplus);
  field(v, {"stuck", "result", "", Key::required}, drive.stuck);
}
void describe(FieldVisitor& v, KernelJob& job) {
  field(v, {"library", "compiled RTL", "", Key::required}, job.library);
  field(v, {"trace", "FST file", "", Key::required}, job.trace);
  field(v, {"trace_from", "first cycle of the trace", "", Key::required}, job.trace_from, Range{0});
  field(v, {"trace_to", "cycle behind its last", "", Key::required}, job.trace_to, Range{0});
  field(v, {"record", "file of port values", "", Key::required}, job.record);
  field(v, {"record_cycles", "their cycles", "", Key::required}, job.record_cycles, Range{0});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, job.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"kernels", "to drive", "", Key::required}, job.kernels);
}

namespace {

namespace fs = std::filesystem;
/// Cycles that are watched after the last expected output, for outputs that nobody asked for.
constexpr std::int64_t after_cycles = 40;

struct PortWires {
  PortData valid, ready, data;
  std::size_t at = 0;  ///< elements through so far
  bool stopped = false;
};

struct Driven {
  KernelDrive* drive;
  std::uint64_t seed = 0;
  PortData busy, status;
  std::vector<PortWires> inputs, outputs;
  std::int64_t missing = 0, left = after_cycles, last_moved = 0;
};

/// Which outputs mean something in this cycle: all of the handshake, and data that are offered.
void record(Recorder& recorder, const LoadedModel& model, const std::vector<Driven>& driven) {
  recorder.begin_cycle();
  for (const Driven& d : driven) {
    const KernelDrive& k = *d.drive;
    recorder.means((k.prefix + "busy").c_str(), 0, 1);
    for (const KernelPort& p : k.inputs) recorder.means((k.prefix + p.name + "_ready").c_str(), 0, 1);
    for (std::size_t i = 0; i < k.outputs.size(); ++i) {
      const std::string name = k.prefix + k.outputs[i].name;
      recorder.means((name + "_valid").c_str(), 0, 1);
      if (d.outputs[i].valid.get() != 0) recorder.means((name + "_data").c_str(), 0, static_cast<int>(k.outputs[i].bits));
    }
  }
  recorder.end_cycle(model);
}

/// What stands at the ports of a kernel whose outputs do not come.
void note_stuck(Driven& d, std::int64_t cycle) {
  KernelDrive& k = *d.drive;
  k.stuck_cycle = cycle;
  k.stuck = "no handshake since cycle " + std::to_string(d.last_moved) + " (now " + std::to_string(cycle) + "), " + (d.busy.get() != 0 ? "computing" : "not computing");
  for (std::size_t i = 0; i < d.inputs.size(); ++i)
    if (d.inputs[i].at < k.inputs[i].values.size())
      k.stuck += ", " + k.inputs[i].name + " took " + std::to_string(d.inputs[i].at) + " of " + std::to_string(k.inputs[i].values.size()) + (d.inputs[i].ready.get() != 0 ? "" : " and takes none");
  for (std::size_t i = 0; i < d.outputs.size(); ++i)
    k.stuck += ", " + k.outputs[i].name + " gave " + std::to_string(k.outputs[i].values.size()) + " of " + std::to_string(k.outputs[i].expected) + (d.outputs[i].valid.get() != 0 ? "" : " and offers none");
  for (int w = 0; k.tells_status && w < d.status.bits / 32; ++w) k.status.push_back(static_cast<std::int64_t>(d.status.get_lane(w, 32)));
}

Expected<void> drive_all(LoadedModel& model, KernelJob& job) {
  std::vector<KernelDrive>& kernels = job.kernels;
  Recorder recorder(model, job.record.empty() ? 0 : job.record_cycles);
  auto clk = model.port("clk"), rst = model.port("rst");
  if (!clk) return fail(std::move(clk.error()));
  if (!rst) return fail(std::move(rst.error()));
  std::vector<Driven> driven;
  for (KernelDrive& k : kernels) {
    Driven d{&k, std::strtoull(k.seed.c_str(), nullptr, 10), {}, {}, {}, {}, 0, after_cycles, 0};
    auto busy = model.port(k.prefix + "busy");
    if (!busy) return fail(std::move(busy.error()));
    d.busy = *busy;
    if (k.tells_status) {
      auto status = model.port(k.prefix + "status");
      if (!status) return fail(std::move(status.error()));
      d.status = *status;
    }
    for (auto* list : {&k.inputs, &k.outputs})
      for (const KernelPort& p : *list) {
        auto valid = model.port(k.prefix + p.name + "_valid"), ready = model.port(k.prefix + p.name + "_ready"), data = model.port(k.prefix + p.name + "_data");
        if (!valid || !ready || !data) return fail(ErrorKind::run_failed, "the compiled kernel has no port " + in_quotes(k.prefix + p.name));
        (list == &k.inputs ? d.inputs : d.outputs).push_back({*valid, *ready, *data, 0, false});
      }
    for (const KernelPort& p : k.outputs) d.missing += p.expected;
    driven.push_back(std::move(d));
  }
  std::uint64_t time = 0;
  std::int64_t cycle = 0;
  const auto half = [&](int level) {
    clk->set(static_cast<std::uint64_t>(level));
    model.eval();
    time += 5;
    if (cycle >= job.trace_from && cycle < job.trace_to) model.dump(time);
  };
  rst->set(1);
  for (Driven& d : driven) {
    for (PortWires& p : d.inputs) p.valid.set(0);
    for (PortWires& p : d.outputs) p.ready.set(0);
  }
  for (int i = 0; i < 2; ++i) half(0), half(1);
  clk->set(0);
  model.eval();
  rst->set(0);
  for (;; ++cycle) {
    bool running = false;
    for (Driven& d : driven) {
      KernelDrive& k = *d.drive;
      for (std::size_t i = 0; i < d.inputs.size(); ++i) {
        PortWires& p = d.inputs[i];
        const bool offer = p.at < k.inputs[i].values.size() && !withheld(d.seed, k.stall, k.inputs[i].name, cycle);
        p.valid.set(offer ? 1 : 0);
        // Noise where nothing is offered: what is taken unasked shows.
        p.data.set(offer ? static_cast<std::uint64_t>(k.inputs[i].values[p.at]) : derive(d.seed, static_cast<std::uint64_t>(cycle)));
      }
      for (std::size_t i = 0; i < d.outputs.size(); ++i) d.outputs[i].ready.set(withheld(d.seed, k.stall, k.outputs[i].name, cycle) ? 0 : 1);
    }
    half(0);
    if (recorder.cycles() < job.record_cycles && !job.record.empty()) record(recorder, model, driven);
    for (Driven& d : driven) {
      KernelDrive& k = *d.drive;
      if (d.missing == 0 ? d.left == 0 : !k.stuck.empty()) continue;
      running = true;
      for (std::size_t i = 0; i < d.inputs.size(); ++i) {
        PortWires& p = d.inputs[i];
        if ((p.valid.get() & p.ready.get()) == 0) continue;
        ++p.at;
        d.last_moved = cycle;
        if (k.first_input < 0) k.first_input = cycle;
      }
      for (std::size_t i = 0; i < d.outputs.size(); ++i) {
        PortWires& p = d.outputs[i];
        KernelPort& port = k.outputs[i];
        if ((p.valid.get() & p.ready.get()) == 0) continue;
        d.last_moved = cycle;
        if (static_cast<std::int64_t>(port.values.size()) == port.expected) {
          ++k.surplus;
          continue;
        }
        std::uint64_t bits = p.data.get();
        const int unused = 64 - static_cast<int>(port.bits);
        bits <<= unused;
        port.values.push_back(port.is_signed ? static_cast<std::int64_t>(bits) >> unused : static_cast<std::int64_t>(bits >> unused));
        port.cycles.push_back(cycle);
        k.last_output = cycle;
        --d.missing;
      }
      if (d.missing == 0) {
        --d.left;
      }
      if (d.busy.get() != 0 && (d.missing > 0 || d.left == after_cycles - 1)) {
        ++k.busy_cycles;
        if (k.first_busy < 0) k.first_busy = cycle;
      }
      if (d.missing > 0 && (cycle + 1 >= k.max_cycles || cycle - d.last_moved >= k.patience_cycles)) note_stuck(d, cycle);
    }
    half(1);
    if (!running) return job.record.empty() ? Expected<void>() : write_file(job.record, recorder.text());
  }
}

}  // namespace

bool withheld(std::uint64_t seed, double stall, const std::string& port, std::int64_t cycle) {
  if (stall <= 0) return false;
  return static_cast<double>(derive(derive(seed, port), static_cast<std::uint64_t>(cycle)) >> 11) * 0x1p-53 < stall;
}

bool holds_kernel_job(const fs::path& folder) { return fs::exists(folder / "kernel_job.json"); }

Expected<void> do_kernel_job(const fs::path& folder) {
  auto job = read_job_file<KernelJob>(folder, "kernel");
  if (!job) return fail(std::move(job.error()));
  limit_this_process(job->cpu_seconds);
  auto model = LoadedModel::load(job->library, job->trace, 1);
  if (!model) return fail(std::move(model.error()));
  if (auto done = drive_all(*model, *job); !done) return done;
  return write_file(folder / "kernel_result.json", write_fields(*job).dump());
}

Expected<void> run_kernel_job(KernelJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  auto done = exchange<KernelJob>(folder->path(), "kernel", job, worker, job.cpu_seconds);
  if (!done) return fail(std::move(done.error()));
  job.kernels = std::move(done->kernels);
  return {};
}

}  // namespace gnomon::hls
