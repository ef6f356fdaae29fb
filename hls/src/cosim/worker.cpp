#include "cosim/worker.hpp"


#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cosim/child.hpp"
#include "cosim/kernel_job.hpp"
#include "cosim/layers_job.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/cosim.hpp"
#include "cosim/system.hpp"
#include "cosim/together.hpp"
#include "design/cores_job.hpp"
#include "design/job.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

/// The job without its tensors, as JSON.
struct JobFile {
  std::string library, trace, seed, dataflow, record;
  std::int64_t rows = 1, cols = 1, bits = 8, accumulator_bits = 32, max_cycles = 0, core = 0, trace_from = 0, trace_to = 0, record_cycles = 0;
  bool system = false, trace_in_system = false;
  bool overlap = false;
  double stall = 0, cpu_seconds = 0;
  std::vector<std::int64_t> extent, window;
};

void describe(FieldVisitor& v, JobFile& job) {
  field(v, {"library", "compiled RTL", "", Key::required}, job.library);
  field(v, {"trace", "FST file"}, job.trace);
  field(v, {"seed", "decimal", "", Key::required}, job.seed);
  field(v, {"dataflow", "os, ws or is", "", Key::required}, job.dataflow);
  field(v, {"rows", "PE rows", "", Key::required}, job.rows, Range{1, 256});
  field(v, {"cols", "PE columns", "", Key::required}, job.cols, Range{1, 256});
  field(v, {"bits", "operand bits", "", Key::required}, job.bits, Range{2, 32});
  field(v, {"accumulator_bits", "accumulator bits", "", Key::required}, job.accumulator_bits, Range{2, 64});
  field(v, {"overlap", "folds overlap"}, job.overlap);
  field(v, {"max_cycles", "limit of RTL cycles", "", Key::required}, job.max_cycles, Range{1});
  field(v, {"record", "file of port values"}, job.record);
  field(v, {"record_cycles", "their cycles"}, job.record_cycles, Range{0});
  field(v, {"trace_from", "cycle"}, job.trace_from, Range{0});
  field(v, {"trace_to", "cycle"}, job.trace_to, Range{0});
  field(v, {"core", "index of the core in design.json"}, job.core, Range{0});
  field(v, {"system", "run in the system of design.json and mapping.json"}, job.system);
  field(v, {"trace_in_system", "the trace is of that run"}, job.trace_in_system);
  field(v, {"stall", "chance"}, job.stall, RealRange{0, 0.9});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, job.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"extent", "g, m, n, k", "", Key::required}, job.extent, Length{4, 4}, Range{1});
  field(v, {"window", "geometry of a convolution"}, job.window, Length{0, 18}, Range{});
}

/// Where RTL stood still or broke its protocol.
struct StopFile {
  std::int64_t cycle = -1;
  bool in_system = false;
};

void describe(FieldVisitor& v, StopFile& stop) {
  field(v, {"cycle", "of the run", "", Key::required}, stop.cycle, Range{0});
  field(v, {"in_system", "of the run in the system", "", Key::required}, stop.in_system);
}

struct ResultFile {
  std::int64_t rtl_cycles = 0, stalls_injected = 0;
  bool system = false;
  std::vector<std::int64_t> figures;  ///< of the system
  std::string difference;
};

void describe(FieldVisitor& v, ResultFile& result) {
  field(v, {"rtl_cycles", "cycles", "", Key::required}, result.rtl_cycles);
  field(v, {"stalls_injected", "cycles", "", Key::required}, result.stalls_injected);
  field(v, {"system", "a run in the system was made"}, result.system);
  field(v, {"figures", "of the run in the system"}, result.figures, Length{0, 10}, Range{});
  field(v, {"difference", "what differs there"}, result.difference);
}

}  // namespace

std::vector<std::int64_t> window_numbers(const workloads::Convolution& c) {
  return {c.batch,       c.groups,      c.in_channels,  c.out_channels, c.in[0],      c.in[1],
          c.out[0],      c.out[1],      c.kernel[0],    c.kernel[1],    c.stride[0],  c.stride[1],
          c.dilation[0], c.dilation[1], c.pad_begin[0], c.pad_begin[1], c.pad_end[0], c.pad_end[1]};
}

workloads::Convolution window_from(const std::vector<std::int64_t>& n) {
  workloads::Convolution c;
  std::int64_t* const places[] = {&c.batch,       &c.groups,      &c.in_channels,  &c.out_channels, &c.in[0],      &c.in[1],
                                  &c.out[0],      &c.out[1],      &c.kernel[0],    &c.kernel[1],    &c.stride[0],  &c.stride[1],
                                  &c.dilation[0], &c.dilation[1], &c.pad_begin[0], &c.pad_begin[1], &c.pad_end[0], &c.pad_end[1]};
  for (std::size_t i = 0; i < std::min(n.size(), std::size(places)); ++i) *places[i] = n[i];
  return c;
}

namespace {

template <class T>
Expected<void> write_numbers(const fs::path& path, const std::vector<T>& values) {
  return write_file(path, std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

template <class T>
Expected<std::vector<T>> read_numbers(const fs::path& path) {
  auto bytes = read_file(path, std::size_t{1} << 32);
  if (!bytes) return fail(std::move(bytes.error()));
  std::vector<T> values(bytes->size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes->data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

Expected<void> write_job(const WorkerJob& job, const fs::path& folder) {
  JobFile file;
  file.library = job.library;
  file.trace = job.trace;
  file.seed = std::to_string(job.drive.seed);
  file.dataflow = arch::info(job.array.dataflow).name;
  file.rows = job.array.rows;
  file.cols = job.array.cols;
  file.bits = job.array.precision_bits;
  file.accumulator_bits = job.array.accumulator_bits;
  file.max_cycles = job.drive.max_cycles;
  file.core = job.core;
  file.record = job.drive.record;
  file.record_cycles = job.drive.record_cycles;
  file.trace_from = job.drive.trace_from;
  file.trace_to = job.drive.trace_to;
  file.system = !job.design_json.empty();
  file.trace_in_system = job.trace_in_system;
  file.overlap = job.array.overlap;
  file.stall = job.drive.stall;
  file.cpu_seconds = job.cpu_seconds;
  file.extent.assign(job.operands.extent, job.operands.extent + arch::dim_count);
  if (job.operands.window) file.window = window_numbers(*job.operands.window);
  std::vector<std::int64_t> folds;
  for (const Fold& f : job.folds) folds.insert(folds.end(), {f.g, f.m, f.n, f.k, f.rows, f.cols, f.length, f.wait, f.tile, f.begins_tile ? 1 : 0});
  auto done = write_file(folder / "job.json", write_fields(file).dump());
  if (done) done = write_numbers(folder / "ifmap.bin", job.operands.ifmap);
  if (done) done = write_numbers(folder / "filter.bin", job.operands.filter);
  if (done) done = write_numbers(folder / "folds.bin", folds);
  if (done && file.system) done = write_file(folder / "design.json", job.design_json);
  if (done && file.system) done = write_file(folder / "mapping.json", job.mapping_json);
  return done;
}

Expected<WorkerJob> read_job(const fs::path& folder) {
  auto document = Document::load(folder / "job.json");
  if (!document) return fail(std::move(document.error()));
  auto file = read_fields<JobFile>(*document);
  if (!file) return fail(std::move(file.error()));
  WorkerJob job;
  job.library = file->library;
  job.trace = file->trace;
  job.array = {file->rows, file->cols, static_cast<int>(file->bits), static_cast<int>(file->accumulator_bits), file->overlap};
  for (const arch::DataflowInfo& flow : arch::dataflows())
    if (flow.name == file->dataflow) job.array.dataflow = flow.dataflow;
  job.drive.stall = file->stall;
  job.drive.seed = std::strtoull(file->seed.c_str(), nullptr, 10);
  job.drive.max_cycles = file->max_cycles;
  job.drive.record = file->record;
  job.drive.record_cycles = file->record_cycles;
  job.drive.trace_from = file->trace_from;
  job.drive.trace_to = file->trace_to;
  job.cpu_seconds = file->cpu_seconds;
  job.core = file->core;
  job.trace_in_system = file->trace_in_system;
  if (file->system) {
    auto design = read_file(folder / "design.json");
    auto mapping = read_file(folder / "mapping.json");
    if (!design) return fail(std::move(design.error()));
    if (!mapping) return fail(std::move(mapping.error()));
    job.design_json = std::move(*design);
    job.mapping_json = std::move(*mapping);
  }
  arch::ArrayWork work;
  for (int d = 0; d < arch::dim_count; ++d) work.extent[d] = file->extent[static_cast<std::size_t>(d)];
  if (!file->window.empty()) work.window = window_from(file->window);
  auto operands = empty_operands(work);
  if (!operands) return fail(std::move(operands.error()));
  auto ifmap = read_numbers<std::int32_t>(folder / "ifmap.bin");
  if (!ifmap) return fail(std::move(ifmap.error()));
  auto filter = read_numbers<std::int32_t>(folder / "filter.bin");
  if (!filter) return fail(std::move(filter.error()));
  auto folds = read_numbers<std::int64_t>(folder / "folds.bin");
  if (!folds) return fail(std::move(folds.error()));
  if (ifmap->size() != operands->ifmap.size() || filter->size() != operands->filter.size() || folds->size() % 10 != 0)
    return fail(ErrorKind::run_failed, "the job's files are incomplete");
  job.operands = std::move(*operands);
  job.operands.ifmap = std::move(*ifmap);
  job.operands.filter = std::move(*filter);
  for (std::size_t i = 0; i + 10 <= folds->size(); i += 10) {
    const std::int64_t* n = &(*folds)[i];
    job.folds.push_back({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9] != 0});
  }
  return job;
}

namespace {

std::vector<std::int64_t CosimSystem::*> system_figures() {
  return {&CosimSystem::latency_cycles, &CosimSystem::model_latency_cycles, &CosimSystem::compute_cycles, &CosimSystem::model_compute_cycles,
          &CosimSystem::rtl_cycles,     &CosimSystem::model_cycles,         &CosimSystem::held_cycles,    &CosimSystem::waited_cycles,
          &CosimSystem::stalls_injected, &CosimSystem::mismatches};
}

/// The same step with the RTL in the system; a model object of its own, since the first has run.
Expected<CosimSystem> work_in_system(const WorkerJob& job, const std::vector<std::int64_t>& outputs, std::int64_t& stop_cycle) {
  auto design_document = Document::parse(job.design_json, "design");
  if (!design_document) return fail(std::move(design_document.error()));
  auto design = arch::parse_design(*design_document);
  if (!design) return fail(std::move(design.error()));
  auto mapping_document = Document::parse(job.mapping_json, "mapping");
  if (!mapping_document) return fail(std::move(mapping_document.error()));
  auto mapping = arch::read_mapping(*mapping_document);
  if (!mapping) return fail(std::move(mapping.error()));
  if (mapping->steps.size() != 1 || job.core >= static_cast<std::int64_t>(design->cores.size()))
    return fail(ErrorKind::run_failed, "the job's design and mapping do not fit");
  arch::ArrayWork work;
  std::copy(job.operands.extent, job.operands.extent + arch::dim_count, work.extent);
  work.window = job.operands.window;
  auto model = LoadedModel::load(job.library, job.trace_in_system ? job.trace : std::string(), static_cast<int>(job.drive.seed % 0x7fffffff) + 1);
  if (!model) return fail(std::move(model.error()));
  auto run = run_in_system(*model, job.array, *design, static_cast<std::size_t>(job.core), work, mapping->steps[0], job.operands, job.folds,
                           job.drive, stop_cycle);
  if (!run) return fail(std::move(run.error()));
  CosimSystem out;
  out.latency_cycles = run->latency_cycles;
  out.model_latency_cycles = run->model_latency_cycles;
  out.compute_cycles = run->compute_cycles;
  out.model_compute_cycles = run->model_compute_cycles;
  out.rtl_cycles = run->rtl_cycles;
  out.model_cycles = run->model_cycles;
  out.held_cycles = run->held_cycles;
  out.waited_cycles = run->waited_cycles;
  out.stalls_injected = run->stalls_injected;
  out.difference = run->difference;
  for (std::size_t i = 0; i < outputs.size(); ++i) out.mismatches += run->outputs[i] != outputs[i];
  return out;
}

/// A run that has failed says so in any case; without the note it has no waves.
void note_stop(const fs::path& folder, StopFile stop) { (void)write_file(folder / "stop.json", write_fields(stop).dump()); }

Expected<void> work(const fs::path& folder) {
  auto job = read_job(folder);
  if (!job) return fail(std::move(job.error()));
  limit_this_process(job->cpu_seconds);
  auto model = LoadedModel::load(job->library, job->trace_in_system ? std::string() : job->trace, static_cast<int>(job->drive.seed % 0x7fffffff) + 1);
  if (!model) return fail(std::move(model.error()));
  std::int64_t stop = -1;
  auto result = drive_array(*model, job->array, job->operands, job->folds, job->drive, stop);
  if (stop >= 0) note_stop(folder, {stop, false});
  if (!result) return fail(std::move(result.error()));
  if (auto done = write_numbers(folder / "outputs.bin", result->outputs); !done) return done;
  if (auto done = write_numbers(folder / "cycles.bin", result->output_cycles); !done) return done;
  ResultFile file;
  file.rtl_cycles = result->rtl_cycles;
  file.stalls_injected = result->stalls_injected;
  if (!job->design_json.empty()) {
    auto system = work_in_system(*job, result->outputs, stop);
    if (stop >= 0) note_stop(folder, {stop, true});
    if (!system) return fail(std::move(system.error()));
    file.system = true;
    for (const auto figure : system_figures()) file.figures.push_back((*system).*figure);
    file.difference = system->difference;
  }
  return write_file(folder / "result.json", write_fields(file).dump());
}

}  // namespace

Expected<DriveResult> run_in_child(const WorkerJob& job, const std::vector<std::string>& worker, WorkerStop* stop) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  if (auto done = write_job(job, folder->path()); !done) return fail(std::move(done.error()));
  if (auto done = run_child(folder->path(), worker, job.cpu_seconds); !done) {
    if (stop != nullptr)
      if (auto noted = Document::load(folder->path() / "stop.json"))
        if (auto place = read_fields<StopFile>(*noted)) *stop = {place->cycle, place->in_system};
    return fail(std::move(done.error()));
  }

  auto document = Document::load(folder->path() / "result.json");
  if (!document) return fail(ErrorKind::run_failed, "the RTL's process left no result");
  auto figures = read_fields<ResultFile>(*document);
  if (!figures) return fail(std::move(figures.error()));
  auto outputs = read_numbers<std::int64_t>(folder->path() / "outputs.bin");
  if (!outputs) return fail(std::move(outputs.error()));
  if (static_cast<std::int64_t>(outputs->size()) != job.operands.outputs())
    return fail(ErrorKind::run_failed, "the RTL's process left incomplete outputs");
  auto cycles = read_numbers<std::int64_t>(folder->path() / "cycles.bin");
  if (!cycles || cycles->size() != outputs->size()) return fail(ErrorKind::run_failed, "the RTL's process left incomplete cycles");
  DriveResult result;
  result.outputs = std::move(*outputs);
  result.output_cycles = std::move(*cycles);
  result.rtl_cycles = figures->rtl_cycles;
  result.stalls_injected = figures->stalls_injected;
  if (figures->system) {
    const auto places = system_figures();
    if (figures->figures.size() != places.size()) return fail(ErrorKind::run_failed, "the RTL's process left an incomplete result");
    result.system.emplace();
    for (std::size_t i = 0; i < places.size(); ++i) (*result.system).*places[i] = figures->figures[i];
    result.system->difference = figures->difference;
  }
  return result;
}

int cosim_worker_main(int argc, const char* const* argv) {
  if (argc < 2) {
    std::fputs("a folder with a co-simulation job is needed\n", stderr);
    return exit_code(ErrorKind::usage);
  }
  const fs::path folder = argv[argc - 1];
  const auto job = holds_kernel_job(folder) ? do_kernel_job : holds_design_job(folder) ? do_design_job : holds_cores_job(folder) ? do_cores_job : holds_layers_job(folder) ? do_layers_job : holds_together_job(folder) ? do_together_job : work;
  if (auto done = job(folder); !done) {
    std::fprintf(stderr, "%s\n", done.error().text().c_str());
    return exit_code(done.error().kind());
  }
  return 0;
}

}  // namespace gnomon::hls
