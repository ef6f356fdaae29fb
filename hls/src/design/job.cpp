#include "design/job.hpp"


#include <cmath>
#include <cstdlib>
#include <cstring>

#include "design/drive.hpp"
#include "cosim/exchange.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

/// A job or its results without the memory and the queues' descriptors, as JSON.
struct DesignJobFile {
  DesignJob job;
  std::string seed;
  std::vector<std::int64_t> stream_bytes, stream_counts;
  bool device = false;
  std::vector<std::vector<std::int64_t>> step_needs;
};

void describe(FieldVisitor& v, DesignJobFile& file) {
  DesignJob& job = file.job;
  constexpr Length many{0, std::size_t{1} << 20};
  field(v, {"library", "compiled RTL", "", Key::required}, job.library);
  field(v, {"trace", "FST file"}, job.trace);
  field(v, {"record", "file of port values"}, job.record);
  field(v, {"seed", "decimal", "", Key::required}, file.seed);
  field(v, {"word_bits", "of the memory", "bits", Key::required}, job.word_bits, Range{2, 32});
  field(v, {"lanes", "words a cycle", "", Key::required}, job.lanes, Range{1, 512});
  field(v, {"latency_cycles", "of the memory", "cycles", Key::required}, job.latency_cycles, Range{0});
  field(v, {"max_cycles", "limit", "cycles", Key::required}, job.max_cycles, Range{1});
  field(v, {"patience_cycles", "limit of a standstill", "cycles", Key::required}, job.patience_cycles, Range{1});
  field(v, {"trace_from", "cycle"}, job.trace_from, Range{0});
  field(v, {"trace_to", "cycle"}, job.trace_to, Range{0});
  field(v, {"record_cycles", "cycles"}, job.record_cycles, Range{0});
  field(v, {"memory_words", "size", "", Key::required}, job.program.memory_words, Range{0});
  field(v, {"stalled", "result", "cycles"}, job.stalled);
  field(v, {"watched_word", "of the memory"}, job.watched_word, Range{-1});
  field(v, {"watched_cycle", "result", "cycle"}, job.watched_cycle, Range{-1});
  field(v, {"tells_status", "has a port for it"}, job.tells_status);
  field(v, {"stuck", "result"}, job.stuck);
  field(v, {"stuck_cycle", "result", "cycle"}, job.stuck_cycle, Range{-1});
  field(v, {"status", "result"}, job.status, many, Range{});
  field(v, {"stall", "chance"}, job.stall, RealRange{0, 0.9});
  field(v, {"cpu_seconds", "limit", "s", Key::required}, job.cpu_seconds, RealRange{0.1, 1e6});
  field(v, {"has_vector", "vector unit"}, job.has_vector);
  field(v, {"device", "design.json and runs.bin say which memory"}, file.device);
  field(v, {"stream_bytes", "of a descriptor, by queue", "", Key::required}, file.stream_bytes, Length{4, 3 + most_engines}, Range{0});
  field(v, {"stream_counts", "descriptors, by queue", "", Key::required}, file.stream_counts, Length{4, 3 + most_engines}, Range{0});
  field(v, {"biases", "of all layers"}, job.program.biases, many, Range{});
  field(v, {"bias_words", "biases that the design holds", "", Key::required}, job.bias_words, Range{1});
  field(v, {"bias_ends", "by array step"}, job.program.bias_ends, many, Range{0});
  field(v, {"array_ends", "by array step"}, job.program.array_ends, many, Range{0});
  field(v, {"step_needs", "counters at the end of each work step"}, file.step_needs, many, Length{Progress{}.size(), Progress{}.size()}, Range{});
  field(v, {"ends", "result: cycle by work step"}, job.ends, many, Range{});
  field(v, {"begins", "result: cycle by work step"}, job.begins, many, Range{});
}

namespace {

namespace fs = std::filesystem;

std::vector<DescriptorStream*> streams(DesignProgram& program) {
  std::vector<DescriptorStream*> out{&program.transfers, &program.folds, &program.configs, &program.chunks};
  for (DescriptorStream& link : program.links) out.push_back(&link);
  return out;
}

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

/// What a run waits for and moves, as numbers of 64 bits; how many of a kind follow, stands before them.
class Numbers {
 public:
  Numbers() = default;
  explicit Numbers(const std::string& bytes) : all_(bytes.size() / sizeof(std::int64_t)) {
    if (!all_.empty()) std::memcpy(all_.data(), bytes.data(), all_.size() * sizeof(std::int64_t));
  }
  std::string bytes() const { return {reinterpret_cast<const char*>(all_.data()), all_.size() * sizeof(std::int64_t)}; }
  void put(std::initializer_list<std::int64_t> numbers) { all_.insert(all_.end(), numbers); }
  void put(const Progress& need) { all_.insert(all_.end(), need.begin(), need.end()); }
  /// 0 beyond the end, after which `complete` is false.
  std::int64_t take() { return at_ < all_.size() ? all_[at_++] : (over_ = true, 0); }
  Progress take_need() {
    Progress need{};
    for (std::int64_t& one : need) one = take();
    return need;
  }
  /// A count of things of at least `each` numbers.
  std::int64_t take_count(std::size_t each) {
    const std::int64_t count = take();
    if (count >= 0 && static_cast<std::uint64_t>(count) <= (all_.size() - at_) / each) return count;
    over_ = true;
    return 0;
  }
  bool complete() const { return !over_ && at_ == all_.size(); }

 private:
  std::vector<std::int64_t> all_;
  std::size_t at_ = 0;
  bool over_ = false;
};

std::string packed_transfers(const DesignProgram& program) {
  const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  Numbers out;
  out.put({count(program.device)});
  for (const DeviceTransfer& t : program.device) {
    out.put({t.bytes, t.bytes_per_cycle, t.words, t.bus ? 1 : 0, t.before});
    out.put(t.need);
    out.put({count(t.runs)});
    for (const sim::MemoryRun& run : t.runs) out.put({static_cast<std::int64_t>(run.address), run.bytes});
  }
  out.put({count(program.shared_links)});
  for (const SharedLink& link : program.shared_links) {
    out.put({link.engine, link.place, count(link.transfers)});
    for (const LinkTransfer& t : link.transfers) {
      out.put({t.cycles, t.before});
      out.put(t.need);
    }
  }
  return out.bytes();
}

Expected<void> unpack_transfers(const std::string& bytes, DesignProgram& program) {
  Numbers in(bytes);
  for (std::int64_t count = in.take_count(1); count > 0; --count) {
    DeviceTransfer& t = program.device.emplace_back();
    for (std::int64_t* number : {&t.bytes, &t.bytes_per_cycle, &t.words}) *number = in.take();
    t.bus = in.take() != 0;
    t.before = in.take();
    t.need = in.take_need();
    for (std::int64_t runs = in.take_count(2); runs > 0; --runs) {
      const auto address = static_cast<std::uint64_t>(in.take());
      t.runs.push_back({address, in.take()});
    }
  }
  for (std::int64_t count = in.take_count(1); count > 0; --count) {
    SharedLink& link = program.shared_links.emplace_back();
    link.engine = in.take();
    link.place = in.take();
    for (std::int64_t transfers = in.take_count(1); transfers > 0; --transfers) {
      LinkTransfer& t = link.transfers.emplace_back();
      t.cycles = in.take();
      t.before = in.take();
      t.need = in.take_need();
    }
  }
  if (!in.complete()) return fail(ErrorKind::run_failed, "the job's transfers are incomplete");
  return {};
}

void add_stream(DesignJobFile& file, const DescriptorStream& stream) {
  file.stream_bytes.push_back(stream.bytes);
  file.stream_counts.push_back(stream.count);
}

/// All but the memory, the queues' descriptors and the transfers, which have files of their own.
DesignJobFile file_of(const DesignJob& job) {
  DesignJobFile file;
  file.job = job;
  file.seed = std::to_string(job.seed);
  file.device = !job.device.empty();
  for (const DescriptorStream* stream : {&job.program.transfers, &job.program.folds, &job.program.configs, &job.program.chunks}) add_stream(file, *stream);
  for (const DescriptorStream& link : job.program.links) add_stream(file, link);
  for (const Progress& end : job.program.ends) file.step_needs.emplace_back(end.begin(), end.end());
  return file;
}

}  // namespace

bool holds_design_job(const fs::path& folder) { return fs::exists(folder / "design_job.json"); }

Expected<DesignJob> read_design_job(const fs::path& folder, bool with_memory) {
  auto file = read_job_file<DesignJobFile>(folder, "design");
  if (!file) return fail(std::move(file.error()));
  DesignJob& job = file->job;
  job.seed = std::strtoull(file->seed.c_str(), nullptr, 10);
  if (job.program.bias_ends.size() != job.program.array_ends.size()) return fail(ErrorKind::run_failed, "the job's file is incomplete");
  if (file->stream_counts.size() != file->stream_bytes.size()) return fail(ErrorKind::run_failed, "the job's file is incomplete");
  job.program.links.resize(file->stream_bytes.size() - 4);
  const auto queues = streams(job.program);
  for (std::size_t q = 0; q < queues.size(); ++q) {
    auto bytes = read_file(folder / ("queue" + std::to_string(q) + ".bin"), std::size_t{1} << 32);
    if (!bytes) return fail(std::move(bytes.error()));
    queues[q]->bytes = file->stream_bytes[q];
    queues[q]->count = file->stream_counts[q];
    queues[q]->data.assign(bytes->begin(), bytes->end());
    if (static_cast<std::int64_t>(queues[q]->data.size()) != queues[q]->bytes * queues[q]->count) return fail(ErrorKind::run_failed, "the job's queues are incomplete");
  }
  for (const std::vector<std::int64_t>& needs : file->step_needs) std::copy(needs.begin(), needs.end(), job.program.ends.emplace_back().begin());
  if (with_memory) {
    auto memory = read_memory(folder / "memory.bin", job.program.memory_words);
    if (!memory) return fail(std::move(memory.error()));
    job.memory = std::move(*memory);
  }
  if (!file->device) return std::move(job);
  auto design = read_file(folder / "design.json", std::size_t{1} << 24);
  if (!design) return fail(std::move(design.error()));
  job.device = std::move(*design);
  auto runs = read_file(folder / "runs.bin", std::size_t{1} << 32);
  if (!runs) return fail(std::move(runs.error()));
  if (auto read = unpack_transfers(*runs, job.program); !read) return fail(std::move(read.error()));
  if (static_cast<std::int64_t>(job.program.device.size()) != job.program.transfers.count) return fail(ErrorKind::run_failed, "the job's transfers are incomplete");
  return std::move(job);
}

Expected<void> write_design_result(DesignJob& job, const fs::path& folder, bool with_memory) {
  auto done = with_memory ? write_file(folder / "memory.bin", bytes_of(job.memory)) : Expected<void>();
  if (!done) return done;
  DesignJobFile file = file_of(job);
  return write_file(folder / "design_result.json", write_fields(file).dump());
}

Expected<void> do_design_job(const fs::path& folder) {
  auto job = read_design_job(folder);
  if (!job) return fail(std::move(job.error()));
  limit_this_process(job->cpu_seconds);
  auto model = LoadedModel::load(job->library, job->trace, static_cast<int>(job->seed % 0x7fffffff) + 1);
  if (!model) return fail(std::move(model.error()));
  if (auto done = drive_design(*model, *job); !done) return done;
  return write_design_result(*job, folder);
}

Expected<void> write_design_job(DesignJob& job, const fs::path& folder, bool with_memory) {
  const auto queues = streams(job.program);
  for (std::size_t q = 0; q < queues.size(); ++q) {
    const std::string_view bytes(reinterpret_cast<const char*>(queues[q]->data.data()), queues[q]->data.size());
    if (auto done = write_file(folder / ("queue" + std::to_string(q) + ".bin"), bytes); !done) return done;
  }
  if (with_memory)
    if (auto done = write_file(folder / "memory.bin", bytes_of(job.memory)); !done) return done;
  if (!job.device.empty()) {
    if (auto done = write_file(folder / "design.json", job.device); !done) return done;
    if (auto done = write_file(folder / "runs.bin", packed_transfers(job.program)); !done) return done;
  }
  DesignJobFile file = file_of(job);
  return write_file(folder / "design_job.json", write_fields(file).dump());
}

Expected<void> read_design_result(DesignJob& job, const fs::path& folder, bool with_memory) {
  auto result = read_result<DesignJobFile>(folder, "design");
  if (!result) return fail(std::move(result.error()));
  DesignJob& left = result->job;
  if (left.ends.size() != job.program.ends.size()) return fail(ErrorKind::run_failed, "the RTL's process left an incomplete result");
  job.ends = std::move(left.ends);
  job.begins = std::move(left.begins);
  job.stalled = left.stalled;
  job.watched_cycle = left.watched_cycle;
  job.stuck = std::move(left.stuck);
  job.stuck_cycle = left.stuck_cycle;
  job.status = std::move(left.status);
  if (!with_memory) return {};
  auto memory = read_memory(folder / "memory.bin", job.program.memory_words);
  if (!memory) return fail(std::move(memory.error()));
  job.memory = std::move(*memory);
  return {};
}

Expected<void> run_design_job(DesignJob& job, const std::vector<std::string>& worker) {
  auto folder = TemporaryFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  if (auto done = write_design_job(job, folder->path()); !done) return done;
  if (auto done = run_child(folder->path(), worker, job.cpu_seconds); !done) return done;
  return read_design_result(job, folder->path());
}

}  // namespace gnomon::hls
