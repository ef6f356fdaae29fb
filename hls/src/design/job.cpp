#include "design/job.hpp"


#include <cmath>
#include <cstdlib>
#include <cstring>

#include "design/drive.hpp"
#include "cosim/child.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

/// A job or its results without the tensors and queues, as JSON.
struct DesignJobFile {
  std::string library, trace, seed, record;
  std::int64_t word_bits = 8, lanes = 1, bias_words = 1, latency_cycles = 0, max_cycles = 0, trace_from = 0, trace_to = 0, memory_words = 0, record_cycles = 0, stalled = 0, watched_word = -1, watched_cycle = -1;
  double stall = 0, cpu_seconds = 0;
  bool has_vector = false;
  std::vector<std::int64_t> stream_bytes, stream_counts, biases, bias_ends, array_ends, ends, step_ends;
};

void describe(FieldVisitor& v, DesignJobFile& job) {
  field(v, {"library", "compiled RTL", "", Key::required}, job.library);
  field(v, {"trace", "FST file"}, job.trace);
  field(v, {"record", "file of port values"}, job.record);
  field(v, {"seed", "decimal", "", Key::required}, job.seed);
  field(v, {"word_bits", "of the memory", "bits", Key::required}, job.word_bits, Range{2, 32});
  field(v, {"lanes", "words a cycle", "", Key::required}, job.lanes, Range{1, 512});
  field(v, {"latency_cycles", "of the memory", "cycles", Key::required}, job.latency_cycles, Range{0});
  field(v, {"max_cycles", "limit", "cycles", Key::required}, job.max_cycles, Range{1});
  field(v, {"trace_from", "cycle"}, job.trace_from, Range{0});
  field(v, {"trace_to", "cycle"}, job.trace_to, Range{0});
  field(v, {"record_cycles", "cycles"}, job.record_cycles, Range{0});
  field(v, {"memory_words", "size", "", Key::required}, job.memory_words, Range{0});
  field(v, {"stalled", "result", "cycles"}, job.stalled);
  field(v, {"watched_word", "of the memory"}, job.watched_word, Range{-1});
  field(v, {"watched_cycle", "result", "cycle"}, job.watched_cycle, Range{-1});
  field(v, {"stall", "chance"}, job.stall, RealRange{0, 0.9});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, job.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"has_vector", "vector unit"}, job.has_vector);
  field(v, {"stream_bytes", "of a descriptor, by queue"}, job.stream_bytes, Length{0, 4}, Range{0});
  field(v, {"stream_counts", "descriptors, by queue"}, job.stream_counts, Length{0, 4}, Range{0});
  field(v, {"biases", "of all layers"}, job.biases, Length{0, std::size_t{1} << 20}, Range{});
  field(v, {"bias_words", "biases that the design holds", "", Key::required}, job.bias_words, Range{1});
  field(v, {"bias_ends", "by array step"}, job.bias_ends, Length{0, std::size_t{1} << 20}, Range{0});
  field(v, {"array_ends", "by array step"}, job.array_ends, Length{0, std::size_t{1} << 20}, Range{0});
  field(v, {"ends", "counters at the end of each step, flat"}, job.ends, Length{0, std::size_t{1} << 24}, Range{});
  field(v, {"step_ends", "result"}, job.step_ends, Length{0, std::size_t{1} << 24}, Range{});
}

namespace {

namespace fs = std::filesystem;

std::array<DescriptorStream*, 4> streams(DesignProgram& program) { return {&program.transfers, &program.folds, &program.configs, &program.chunks}; }

std::string_view bytes_of(const std::vector<std::int32_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int32_t)};
}

Expected<std::vector<std::int32_t>> read_memory(const fs::path& path, std::int64_t words) {
  auto bytes = read_file(path, std::size_t{1} << 32);
  if (!bytes) return fail(std::move(bytes.error()));
  if (bytes->size() != static_cast<std::size_t>(words) * sizeof(std::int32_t)) return fail(ErrorKind::run_failed, "the job's memory is incomplete");
  std::vector<std::int32_t> out(static_cast<std::size_t>(words));
  if (words > 0) std::memcpy(out.data(), bytes->data(), bytes->size());
  return out;
}

}  // namespace

bool holds_design_job(const fs::path& folder) { return fs::exists(folder / "design_job.json"); }

Expected<void> do_design_job(const fs::path& folder) {
  auto document = Document::load(folder / "design_job.json");
  if (!document) return fail(std::move(document.error()));
  auto file = read_fields<DesignJobFile>(*document);
  if (!file) return fail(std::move(file.error()));
  DesignJob job;
  job.library = file->library;
  job.trace = file->trace;
  job.record = file->record;
  job.record_cycles = file->record_cycles;
  job.watched_word = file->watched_word;
  job.seed = std::strtoull(file->seed.c_str(), nullptr, 10);
  job.word_bits = file->word_bits;
  job.lanes = file->lanes;
  job.latency_cycles = file->latency_cycles;
  job.max_cycles = file->max_cycles;
  job.trace_from = file->trace_from;
  job.trace_to = file->trace_to;
  job.stall = file->stall;
  job.has_vector = file->has_vector;
  job.program.memory_words = file->memory_words;
  job.program.biases = file->biases;
  job.program.bias_ends = file->bias_ends;
  job.program.array_ends = file->array_ends;
  job.bias_words = file->bias_words;
  const auto queues = streams(job.program);
  if (file->stream_bytes.size() != queues.size() || file->stream_counts.size() != queues.size() || file->bias_ends.size() != file->array_ends.size() || file->ends.size() % Progress{}.size() != 0)
    return fail(ErrorKind::run_failed, "the job's file is incomplete");
  for (std::size_t q = 0; q < queues.size(); ++q) {
    auto bytes = read_file(folder / ("queue" + std::to_string(q) + ".bin"), std::size_t{1} << 32);
    if (!bytes) return fail(std::move(bytes.error()));
    queues[q]->bytes = file->stream_bytes[q];
    queues[q]->count = file->stream_counts[q];
    queues[q]->data.assign(bytes->begin(), bytes->end());
    if (static_cast<std::int64_t>(queues[q]->data.size()) != queues[q]->bytes * queues[q]->count) return fail(ErrorKind::run_failed, "the job's queues are incomplete");
  }
  for (std::size_t i = 0; i < file->ends.size(); i += Progress{}.size()) {
    Progress end;
    std::copy_n(file->ends.begin() + static_cast<std::ptrdiff_t>(i), end.size(), end.begin());
    job.program.ends.push_back(end);
  }
  auto memory = read_memory(folder / "memory.bin", file->memory_words);
  if (!memory) return fail(std::move(memory.error()));
  job.memory = std::move(*memory);

  limit_this_process(file->cpu_seconds);
  auto model = LoadedModel::load(job.library, job.trace, static_cast<int>(job.seed % 0x7fffffff) + 1);
  if (!model) return fail(std::move(model.error()));
  if (auto done = drive_design(*model, job); !done) return done;
  file->step_ends = job.ends;
  file->stalled = job.stalled;
  file->watched_cycle = job.watched_cycle;
  if (auto done = write_file(folder / "memory.bin", bytes_of(job.memory)); !done) return done;
  return write_file(folder / "design_result.json", write_fields(*file).dump());
}

Expected<void> run_design_job(DesignJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  DesignJobFile file;
  file.library = job.library;
  file.trace = job.trace;
  file.record = job.record;
  file.record_cycles = job.record_cycles;
  file.watched_word = job.watched_word;
  file.seed = std::to_string(job.seed);
  file.word_bits = job.word_bits;
  file.lanes = job.lanes;
  file.latency_cycles = job.latency_cycles;
  file.max_cycles = job.max_cycles;
  file.trace_from = job.trace_from;
  file.trace_to = job.trace_to;
  file.stall = job.stall;
  file.cpu_seconds = job.cpu_seconds;
  file.has_vector = job.has_vector;
  file.memory_words = job.program.memory_words;
  file.biases = job.program.biases;
  file.bias_ends = job.program.bias_ends;
  file.array_ends = job.program.array_ends;
  file.bias_words = job.bias_words;
  for (const Progress& end : job.program.ends) file.ends.insert(file.ends.end(), end.begin(), end.end());
  const auto queues = streams(job.program);
  for (std::size_t q = 0; q < queues.size(); ++q) {
    file.stream_bytes.push_back(queues[q]->bytes);
    file.stream_counts.push_back(queues[q]->count);
    const std::string_view bytes(reinterpret_cast<const char*>(queues[q]->data.data()), queues[q]->data.size());
    if (auto done = write_file(folder->path() / ("queue" + std::to_string(q) + ".bin"), bytes); !done) return done;
  }
  if (auto done = write_file(folder->path() / "memory.bin", bytes_of(job.memory)); !done) return done;
  if (auto done = write_file(folder->path() / "design_job.json", write_fields(file).dump()); !done) return done;
  if (auto done = run_child(folder->path(), worker, job.cpu_seconds); !done) return done;
  auto document = Document::load(folder->path() / "design_result.json");
  if (!document) return fail(ErrorKind::run_failed, "the RTL's process left no result");
  auto result = read_fields<DesignJobFile>(*document);
  if (!result) return fail(std::move(result.error()));
  if (result->step_ends.size() != job.program.ends.size()) return fail(ErrorKind::run_failed, "the RTL's process left an incomplete result");
  job.ends = result->step_ends;
  job.stalled = result->stalled;
  job.watched_cycle = result->watched_cycle;
  auto memory = read_memory(folder->path() / "memory.bin", job.program.memory_words);
  if (!memory) return fail(std::move(memory.error()));
  job.memory = std::move(*memory);
  return {};
}

}  // namespace gnomon::hls
