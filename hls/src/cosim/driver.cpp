#include "cosim/driver.hpp"

#include "cosim/streams.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::hls {

Expected<DriveResult> drive_array(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands,
                                  const std::vector<Fold>& folds, const DriveOptions& options, std::int64_t& stop_cycle) {
  ArrayStreams s(model, parameters, operands, folds, options.seed);
  Recorder recorder(model, options.record_cycles);
  s.trace_from = options.trace_from;
  s.trace_to = options.trace_to;
  if (auto done = s.begin(); !done) return fail(std::move(done.error()));
  if (!options.record.empty()) s.recorder = &recorder;
  Random stalls(derive(options.seed, "stalls"));
  DriveResult result;

  // No step of a sound array is further from a handshake than a fold's flush; stalls stretch it by the inverse of their chance.
  const std::int64_t patience =
      static_cast<std::int64_t>(static_cast<double>(4 * (parameters.rows + parameters.cols) + 64) * 20 / (1 - options.stall));
  std::int64_t last_moved = 0, first_beat = -1, last_beat = 0;
  const auto stopped = [&](std::int64_t at, std::string message) {
    stop_cycle = at;
    return fail(ErrorKind::run_failed, std::move(message));
  };
  for (; s.results_left > 0; ++s.cycle) {
    if (s.cycle - last_moved > patience)
      return stopped(last_moved, "the RTL is stuck: no stream has moved for " + std::to_string(patience) + " cycles; " + s.where());
    if (s.cycle >= options.max_cycles)
      return stopped(last_moved, "the RTL has not finished after " + std::to_string(s.cycle) + " cycles; " + s.where());
    const auto chance = [&] { return options.stall > 0 && stalls.chance(options.stall); };
    const bool late_rows = chance(), late_columns = chance(), late_psum = chance(), full_ofmap = chance();
    const bool rows_left = s.rows_left(), columns_left = s.columns_left();
    s.put();

    bool held = false;
    if (late_rows || late_columns || late_psum || full_ofmap) {
      s.rows.valid.set(rows_left);
      s.columns.valid.set(columns_left);
      s.psum.valid.set(1);
      s.ofmap.ready.set(1);
      s.look();
      held = (late_rows && rows_left && s.rows.ready.get()) || (late_columns && columns_left && s.columns.ready.get()) ||
             (late_psum && s.psum.ready.get()) || (full_ofmap && s.ofmap.valid.get());
    }
    s.rows.valid.set(rows_left && !late_rows);
    s.columns.valid.set(columns_left && !late_columns);
    s.psum.valid.set(!late_psum);
    s.ofmap.ready.set(!full_ofmap);
    s.clock(false);
    if (held && (s.rows.moves() || s.columns.moves() || s.psum.moves() || s.ofmap.moves()))
      return stopped(s.cycle, "the RTL moved a stream while another one held it; " + s.where());
    if (auto done = s.take(); !done) return stopped(s.cycle, done.error().text());
    if (s.took_ofmap) last_beat = s.cycle;
    if ((s.took_rows || s.took_columns) && first_beat < 0) first_beat = s.cycle;
    if (held && first_beat >= 0) ++result.stalls_injected;
    if (s.took_fold || s.took_rows || s.took_columns || s.took_ofmap) last_moved = s.cycle;
    s.clock(true);
  }
  result.rtl_cycles = last_beat - first_beat + 1;

  // Afterwards nothing may come out any more.
  s.rows.valid.set(0);
  s.columns.valid.set(0);
  s.ofmap.ready.set(1);
  for (std::int64_t i = 0; i < 2 * (parameters.rows + parameters.cols); ++i) {
    s.clock(false);
    if (s.ofmap.valid.get()) return stopped(s.cycle, "the RTL gave a result after its last fold");
    s.clock(true);
    ++s.cycle;
  }
  if (!options.record.empty())
    if (auto done = write_file(options.record, recorder.text()); !done) return fail(std::move(done.error()));
  result.outputs = std::move(s.outputs);
  result.output_cycles = std::move(s.output_cycles);
  return result;
}

}  // namespace gnomon::hls
