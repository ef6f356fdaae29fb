#include "design/cores_job.hpp"

#include <cstring>

#include "cosim/exchange.hpp"
#include "gnomon/base/temporary_folder.hpp"

namespace gnomon::hls {

/// A core's place in the run; its job stands in a folder of its own.
struct CoreFile {
  std::string name;
  std::int64_t index = 0;
  std::vector<std::int64_t> steps;
};
struct CoresJobFile {
  std::vector<CoreFile> cores;
  std::vector<std::string> labels;
  std::vector<std::vector<std::int64_t>> after;
  std::int64_t max_cycles = 0, patience_cycles = 1;
  double cpu_seconds = 900;
};

namespace {

constexpr Length many_steps{0, std::size_t{1} << 20};

}  // namespace

void describe(FieldVisitor& v, CoreFile& core) {
  field(v, {"name", "of the core", "", Key::required}, core.name);
  field(v, {"index", "in the design", "", Key::required}, core.index, Range{0});
  field(v, {"steps", "of the run", "", Key::required}, core.steps, many_steps, Range{0});
}

void describe(FieldVisitor& v, CoresJobFile& file) {
  field(v, {"cores", "with work", "", Key::required}, file.cores, many_steps);
  field(v, {"labels", "of work steps", "", Key::required}, file.labels, many_steps);
  field(v, {"after", "earlier steps, by step", "", Key::required}, file.after, many_steps, many_steps, Range{0});
  field(v, {"max_cycles", "limit", "cycles", Key::required}, file.max_cycles, Range{1});
  field(v, {"patience_cycles", "limit of a standstill", "cycles", Key::required}, file.patience_cycles, Range{1});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, file.cpu_seconds, RealRange{0.1, 1e6});
}

namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& folder, std::size_t core) { return folder / ("core" + std::to_string(core)); }

Expected<void> write_words(const fs::path& path, const std::vector<std::int32_t>& words) {
  return write_file(path, std::string_view(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::int32_t)));
}

Expected<std::vector<std::int32_t>> read_words(const fs::path& path) {
  auto bytes = read_file(path, std::size_t{1} << 32);
  if (!bytes) return fail(std::move(bytes.error()));
  std::vector<std::int32_t> words(bytes->size() / sizeof(std::int32_t));
  if (!words.empty()) std::memcpy(words.data(), bytes->data(), words.size() * sizeof(std::int32_t));
  return words;
}

}  // namespace

bool holds_cores_job(const fs::path& folder) { return fs::exists(folder / "cores_job.json"); }

Expected<void> do_cores_job(const fs::path& folder) {
  auto file = read_job_file<CoresJobFile>(folder, "cores");
  if (!file) return fail(std::move(file.error()));
  limit_this_process(file->cpu_seconds);
  CoresJob job;
  job.labels = std::move(file->labels);
  for (const auto& steps : file->after) job.after.emplace_back(steps.begin(), steps.end());
  job.max_cycles = file->max_cycles;
  job.patience_cycles = file->patience_cycles;
  auto memory = read_words(folder / "memory.bin");
  if (!memory) return fail(std::move(memory.error()));
  job.memory = std::move(*memory);
  auto design = read_file(folder / "design.json", std::size_t{1} << 24);
  if (!design) return fail(std::move(design.error()));
  job.design = std::move(*design);
  std::vector<LoadedModel> models;
  for (std::size_t c = 0; c < file->cores.size(); ++c) {
    const CoreFile& core = file->cores[c];
    auto one = read_design_job(folder_of(folder, c), false);
    if (!one) return fail(std::move(one.error()));
    auto model = LoadedModel::load(one->library, one->trace, static_cast<int>(one->seed % 0x7fffffff) + 1);
    if (!model) return fail(std::move(model.error()));
    models.push_back(std::move(*model));
    if (one->program.memory_words != static_cast<std::int64_t>(job.memory.size()) || one->program.ends.size() != core.steps.size()) return fail(ErrorKind::run_failed, "the job's files are incomplete");
    job.cores.push_back({core.name, static_cast<std::size_t>(core.index), {core.steps.begin(), core.steps.end()}, std::move(*one)});
  }
  if (auto done = drive_cores(models, job); !done) return done;
  for (std::size_t c = 0; c < job.cores.size(); ++c)
    if (auto done = write_design_result(job.cores[c].job, folder_of(folder, c), false); !done) return done;
  return write_words(folder / "memory.bin", job.memory);
}

Expected<void> run_cores_job(CoresJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  CoresJobFile file;
  file.labels = job.labels;
  for (const auto& steps : job.after) file.after.emplace_back(steps.begin(), steps.end());
  file.max_cycles = job.max_cycles;
  file.patience_cycles = job.patience_cycles;
  file.cpu_seconds = job.cpu_seconds;
  for (std::size_t c = 0; c < job.cores.size(); ++c) {
    CoresJob::Core& core = job.cores[c];
    file.cores.push_back({core.name, static_cast<std::int64_t>(core.index), {core.steps.begin(), core.steps.end()}});
    std::error_code made;
    std::filesystem::create_directories(folder_of(folder->path(), c), made);
    if (auto done = write_design_job(core.job, folder_of(folder->path(), c), false); !done) return done;
  }
  auto done = write_words(folder->path() / "memory.bin", job.memory);
  if (done) done = write_file(folder->path() / "design.json", job.design);
  if (done) done = write_file(folder->path() / "cores_job.json", write_fields(file).dump());
  if (done) done = run_child(folder->path(), worker, job.cpu_seconds);
  for (std::size_t c = 0; done && c < job.cores.size(); ++c) done = read_design_result(job.cores[c].job, folder_of(folder->path(), c), false);
  if (!done) return done;
  auto memory = read_words(folder->path() / "memory.bin");
  if (!memory) return fail(std::move(memory.error()));
  if (memory->size() != job.memory.size()) return fail(ErrorKind::run_failed, "the RTL's process left an incomplete memory");
  job.memory = std::move(*memory);
  return {};
}

}  // namespace gnomon::hls
