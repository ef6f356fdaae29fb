#include "cosim/together.hpp"

#include <cmath>
#include <memory>

#include "cosim/exchange.hpp"
#include "cosim/system.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

/// A work step as the child reads it; its mapping stands in mapping.json.
struct TogetherStepFile {
  std::string label;
  std::int64_t core = 0, ops = 0, in_elements = 0, out_elements = 0;
  bool array = false, rtl = false;
  std::vector<std::int64_t> after, extent, window;
};
struct TogetherFile {
  double cpu_seconds = 900;
  std::vector<TogetherStepFile> steps;
};
/// What the child found, by step: figures in the order of `figures_of`.
struct TogetherResultFile {
  std::vector<std::vector<std::int64_t>> figures;
  std::string difference;
};

void describe(FieldVisitor& v, TogetherStepFile& s) {
  field(v, {"label", "name", "", Key::required}, s.label);
  field(v, {"core", "index", "", Key::required}, s.core, Range{0});
  field(v, {"after", "earlier steps", "", Key::required}, s.after, Length{0, std::size_t{1} << 20}, Range{0});
  field(v, {"ops", "of vector work"}, s.ops, Range{0});
  field(v, {"in_elements", "of vector work"}, s.in_elements, Range{0});
  field(v, {"out_elements", "of vector work"}, s.out_elements, Range{0});
  field(v, {"array", "array work"}, s.array);
  field(v, {"rtl", "its array is RTL"}, s.rtl);
  field(v, {"extent", "g, m, n, k"}, s.extent, Length{0, 4}, Range{1});
  field(v, {"window", "geometry of a convolution"}, s.window, Length{0, 18}, Range{});
}

void describe(FieldVisitor& v, TogetherFile& file) {
  field(v, {"cpu_seconds", "limit", "s", Key::required}, file.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"steps", "work steps", "", Key::required}, file.steps, Length{1, std::size_t{1} << 20});
}

void describe(FieldVisitor& v, TogetherResultFile& file) {
  field(v, {"figures", "by step", "", Key::required}, file.figures, Length{1, std::size_t{1} << 20}, Length{6, 6}, Range{});
  field(v, {"difference", "what differs"}, file.difference);
}

namespace {

namespace fs = std::filesystem;

std::vector<std::int64_t CosimTogether::Step::*> figures_of() {
  using Step = CosimTogether::Step;
  return {&Step::start_cycle, &Step::model_start_cycle, &Step::latency_cycles, &Step::model_latency_cycles, &Step::waited_cycles, &Step::stalls_injected};
}

fs::path folder_of(const fs::path& folder, std::size_t step) { return folder / ("step" + std::to_string(step)); }

/// One array of RTL and all that it refers to.
struct Standing {
  WorkerJob job;
  LoadedModel model;
  std::unique_ptr<RtlArray> array;
};

Expected<std::vector<sim::CycleStep>> steps_of(const TogetherFile& file, const arch::Mapping& mapping) {
  std::vector<sim::CycleStep> out;
  for (const TogetherStepFile& one : file.steps) {
    sim::CycleStep step;
    step.label = one.label;
    step.core = static_cast<std::size_t>(one.core);
    step.after.assign(one.after.begin(), one.after.end());
    step.vector = {one.ops, one.in_elements, one.out_elements};
    if (one.array) {
      const arch::StepMapping* found = mapping.find(one.label);
      if (found == nullptr || one.extent.size() != arch::dim_count) return fail(ErrorKind::run_failed, "the job's step " + in_quotes(one.label) + " is incomplete");
      arch::ArrayWork work;
      std::copy(one.extent.begin(), one.extent.end(), work.extent);
      if (!one.window.empty()) work.window = window_from(one.window);
      step.array = work;
      step.mapping = *found;
    }
    out.push_back(std::move(step));
  }
  return out;
}

}  // namespace

bool holds_together_job(const fs::path& folder) { return fs::exists(folder / "together_job.json"); }

Expected<void> do_together_job(const fs::path& folder) {
  auto file = read_job_file<TogetherFile>(folder, "together");
  if (!file) return fail(std::move(file.error()));
  limit_this_process(file->cpu_seconds);
  auto design_document = Document::load(folder / "design.json");
  if (!design_document) return fail(std::move(design_document.error()));
  auto design = arch::parse_design(*design_document);
  if (!design) return fail(std::move(design.error()));
  auto mapping_document = Document::load(folder / "mapping.json");
  if (!mapping_document) return fail(std::move(mapping_document.error()));
  auto mapping = arch::read_mapping(*mapping_document);
  if (!mapping) return fail(std::move(mapping.error()));
  auto steps = steps_of(*file, *mapping);
  if (!steps) return fail(std::move(steps.error()));
  auto expected = sim::run_cycle_model(*design, *steps);
  if (!expected) return fail(std::move(expected.error()));

  std::vector<std::unique_ptr<Standing>> standing(steps->size());
  std::vector<sim::ArrayStandIn*> arrays(steps->size(), nullptr);
  for (std::size_t i = 0; i < steps->size(); ++i) {
    if (!file->steps[i].rtl || !(*steps)[i].array) continue;
    auto job = read_job(folder_of(folder, i));
    if (!job) return fail(std::move(job.error()));
    auto model = LoadedModel::load(job->library, {}, static_cast<int>(job->drive.seed % 0x7fffffff) + 1);
    if (!model) return fail(std::move(model.error()));
    standing[i] = std::make_unique<Standing>(Standing{std::move(*job), std::move(*model), nullptr});
    Standing& one = *standing[i];
    // As many cycles as the model takes, twice, and what stalls may add.
    one.job.drive.max_cycles = static_cast<std::int64_t>(10'000 + 2.0 * static_cast<double>(expected->steps[i].latency_cycles) / std::pow(1 - one.job.drive.stall, 4));
    one.array = std::make_unique<RtlArray>(one.model, one.job.array, one.job.operands, one.job.folds, *design, (*steps)[i].core, *(*steps)[i].mapping, one.job.drive);
    if (auto done = one.array->begin(); !done) return done;
    arrays[i] = one.array.get();
  }
  auto run = sim::run_cycle_model(*design, *steps, arrays);
  if (!run) return fail(std::move(run.error()));

  TogetherResultFile out;
  const auto compare = [&](const std::string& what, std::int64_t rtl, std::int64_t says) {
    if (rtl == says || out.difference.size() > 500) return;
    out.difference += (out.difference.empty() ? "" : "; ") + what + " " + std::to_string(rtl) + ", the model says " + std::to_string(says);
  };
  bool stalled = false;
  for (const auto& one : standing) stalled = stalled || (one && one->job.drive.stall > 0);
  for (std::size_t i = 0; i < steps->size(); ++i) {
    const sim::StepResult &got = run->steps[i], &says = expected->steps[i];
    const Standing* one = standing[i].get();
    out.figures.push_back({got.start_cycle, says.start_cycle, got.latency_cycles, says.latency_cycles, one ? one->array->waited_cycles() : 0, one ? one->array->stalls() : 0});
    const std::string name = (*steps)[i].label + ": ";
    if (!stalled) {
      compare(name + "starts in cycle", got.start_cycle, says.start_cycle);
      compare(name + "takes cycles:", got.latency_cycles, says.latency_cycles);
    }
    for (std::size_t l = 0; l < design->cores[(*steps)[i].core].levels.size() + design->shared.size(); ++l) {
      compare(name + "bytes read from level " + std::to_string(l) + ":", got.counts.level[l].read, says.counts.level[l].read);
      compare(name + "bytes written to level " + std::to_string(l) + ":", got.counts.level[l].write, says.counts.level[l].write);
    }
    compare(name + "bytes read from memory:", got.counts.dram_read_bytes, says.counts.dram_read_bytes);
    compare(name + "bytes written to memory:", got.counts.dram_write_bytes, says.counts.dram_write_bytes);
    if (!one) continue;
    const std::vector<std::int64_t> outputs = standing[i]->array->take_outputs();
    const std::string_view bytes(reinterpret_cast<const char*>(outputs.data()), outputs.size() * sizeof(std::int64_t));
    if (auto done = write_file(folder_of(folder, i) / "outputs.bin", bytes); !done) return done;
  }
  return write_file(folder / "together_result.json", write_fields(out).dump());
}

Expected<CosimTogether> run_together(const TogetherJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  TogetherFile file;
  file.cpu_seconds = job.cpu_seconds;
  arch::Mapping mapping;
  for (const sim::CycleStep& step : job.steps) {
    TogetherStepFile one;
    one.label = step.label;
    one.core = static_cast<std::int64_t>(step.core);
    one.after.assign(step.after.begin(), step.after.end());
    one.ops = step.vector.ops;
    one.in_elements = step.vector.in_elements;
    one.out_elements = step.vector.out_elements;
    one.array = step.array.has_value();
    if (step.array) {
      one.extent.assign(step.array->extent, step.array->extent + arch::dim_count);
      if (step.array->window) one.window = window_numbers(*step.array->window);
      mapping.steps.push_back(*step.mapping);
    }
    file.steps.push_back(std::move(one));
  }
  for (const TogetherJob::Array& array : job.arrays) {
    file.steps[array.step].rtl = true;
    const fs::path place = folder_of(folder->path(), array.step);
    std::error_code made;
    fs::create_directories(place, made);
    if (auto done = write_job(array.job, place); !done) return fail(std::move(done.error()));
  }
  auto done = write_file(folder->path() / "design.json", job.design_json);
  if (done) done = write_file(folder->path() / "mapping.json", arch::write_mapping(mapping).dump());
  if (!done) return fail(std::move(done.error()));
  auto result = exchange<TogetherResultFile>(folder->path(), "together", file, worker, job.cpu_seconds);
  if (!result) return fail(std::move(result.error()));
  if (result->figures.size() != job.steps.size()) return fail(ErrorKind::run_failed, "the RTL's process left an incomplete result");
  CosimTogether out;
  out.difference = result->difference;
  const auto places = figures_of();
  for (std::size_t i = 0; i < job.steps.size(); ++i) {
    CosimTogether::Step& step = out.steps.emplace_back();
    step.label = job.steps[i].label;
    for (std::size_t f = 0; f < places.size(); ++f) step.*places[f] = result->figures[i][f];
    out.latency_cycles = std::max(out.latency_cycles, step.start_cycle + step.latency_cycles);
    out.model_latency_cycles = std::max(out.model_latency_cycles, step.model_start_cycle + step.model_latency_cycles);
  }
  std::int64_t mismatches = 0;
  for (const TogetherJob::Array& array : job.arrays) {
    CosimTogether::Step& step = out.steps[array.step];
    step.rtl = true;
    step.outputs = static_cast<std::int64_t>(array.expected.size());
    auto bytes = read_file(folder_of(folder->path(), array.step) / "outputs.bin", std::size_t{1} << 32);
    if (!bytes) return fail(std::move(bytes.error()));
    if (bytes->size() != array.expected.size() * sizeof(std::int64_t)) return fail(ErrorKind::run_failed, "the RTL's process left incomplete outputs");
    for (std::size_t i = 0; i < array.expected.size(); ++i) {
      std::int64_t got = 0;
      std::copy_n(bytes->data() + i * sizeof got, sizeof got, reinterpret_cast<char*>(&got));
      step.mismatches += got != array.expected[i];
    }
    mismatches += step.mismatches;
  }
  if (mismatches > 0) out.difference += (out.difference.empty() ? "" : "; ") + std::to_string(mismatches) + " outputs differ";
  out.agrees = out.difference.empty();
  return out;
}

}  // namespace gnomon::hls
