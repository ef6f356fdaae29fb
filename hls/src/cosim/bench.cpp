#include "cosim/bench.hpp"

#include <algorithm>

#include "cosim/testbench.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::hls {

namespace fs = std::filesystem;

Expected<Bench> make_bench(const CosimOptions& options, const std::string& name) {
  Bench bench;
  std::error_code code;
  bench.trace_from = options.trace_from;
  bench.trace_to = options.trace_to;
  if (!options.trace.empty()) bench.trace = fs::absolute(options.trace, code);
  if (!options.mismatch_trace.empty()) bench.mismatch_trace = fs::absolute(options.mismatch_trace, code);
  bench.icarus = options.icarus;
  bench.record_cycles = options.replay_cycles;
  if (!options.artifacts.empty()) {
    bench.folder = fs::absolute(options.artifacts, code);
    if (!name.empty()) bench.folder /= name;
    fs::create_directories(bench.folder, code);
    if (code) return fail(ErrorKind::invalid_input, bench.folder.string() + ": " + code.message());
    bench.mismatch_trace = bench.folder / "mismatch.fst";
    fs::remove(bench.mismatch_trace, code);  // of a run before
    if (bench.trace.empty() && options.opening_cycles > 0) {
      bench.trace = bench.folder / "opening.fst";
      bench.trace_from = 0;
      bench.trace_to = options.opening_cycles;
    }
  } else if (options.icarus) {
    auto made = TemporaryFolder::make();
    if (!made) return fail(std::move(made.error()));
    bench.folder = bench.scratch.emplace(std::move(*made)).path();
  }
  return bench;
}

Expected<std::optional<CosimReplay>> Bench::finish(const Rtl& rtl) const {
  if (folder.empty()) return std::optional<CosimReplay>();
  auto vectors = read_file(folder / "vectors.hex", std::size_t{1} << 32);
  if (!vectors) return fail(std::move(vectors.error()));
  const std::int64_t lines = std::count(vectors->begin(), vectors->end(), '\n');
  auto done = write_file(folder / "dut.sv", rtl.text);
  if (done) done = write_file(folder / "tb.sv", testbench_text(rtl, std::max<std::int64_t>(lines, 1)));
  if (!done) return fail(std::move(done.error()));
  if (!icarus) return std::optional<CosimReplay>();
  auto replay = run_icarus(folder);
  if (!replay) return fail(std::move(replay.error()));
  return std::optional<CosimReplay>(std::move(*replay));
}

}  // namespace gnomon::hls
