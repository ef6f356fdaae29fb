#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "cosim/cache.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "layers/build.hpp"
#include "layers/compose.hpp"
#include "synth/yosys.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

std::string shown(const std::optional<double>& v) { return v ? number(*v) : "-"; }

/// Figures of blocks by the hash of their text, in one file that is only appended to, by one process at a time: a line is whole, or not read.
class BlockStore {
 public:
  static Expected<BlockStore> open(const SynthOptions& options) {
    auto version = yosys_version();
    if (!version) return fail(std::move(version.error()));
    BlockStore store;
    store.cache_ = options.cache.empty() ? default_cache() : options.cache;
    std::error_code code;
    fs::create_directories(store.cache_, code);
    std::string name = "blocks-3-" + *version + "-" + options.target + ".txt";
    std::replace(name.begin(), name.end(), ' ', '-');
    store.file_ = store.cache_ / name;
    store.take();
    return store;
  }
  static std::string hash_of(const BlockKey& key) { return sha256(block_text(key)).substr(0, 32); }
  const SynthFigures* find(const std::string& hash) const {
    const auto at = known_.find(hash);
    return at == known_.end() ? nullptr : &at->second;
  }
  /// Keeps figures, where no other process has kept those of the same block meanwhile.
  Expected<void> put(const std::string& hash, const SynthFigures& f) {
    const int file = ::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || ::flock(file, LOCK_EX) != 0) {
      const std::string why = std::strerror(errno);
      if (file >= 0) ::close(file);
      return fail(ErrorKind::run_failed, file_.string() + ": cannot be written: " + why);
    }
    take();
    std::string text;
    // What a killed process left of a line is ended, and not read.
    char last = '\n';
    if (const off_t end = ::lseek(file, 0, SEEK_END); end > 0 && ::pread(file, &last, 1, end - 1) == 1 && last != '\n') text = " cut\n";
    if (known_.try_emplace(hash, f).second) {
      text += hash + " " + shown(f.lut) + " " + shown(f.ff) + " " + shown(f.dsp) + " " + shown(f.bram) + " " + shown(f.area_um2) + " " + std::to_string(f.cell_count) + "\n";
    }
    bool whole = true;
    for (std::size_t at = 0; at < text.size() && whole;) {
      const ssize_t put = ::write(file, text.data() + at, text.size() - at);
      whole = put > 0 || (put < 0 && errno == EINTR);
      if (put > 0) at += static_cast<std::size_t>(put);
    }
    const std::string why = whole ? std::string() : std::strerror(errno);
    ::close(file);
    if (!whole) return fail(ErrorKind::run_failed, file_.string() + ": cannot be written: " + why);
    return {};
  }
  const fs::path& cache() const { return cache_; }

 private:
  /// Reads what is new in the file; of several lines of a block the first holds.
  void take() {
    std::ifstream file(file_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(read_));
    std::string text(std::istreambuf_iterator<char>(file), {});
    text.resize(text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1);
    read_ += text.size();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string hash, v[5], more;
      SynthFigures f;
      if (!(words >> hash >> v[0] >> v[1] >> v[2] >> v[3] >> v[4] >> f.cell_count) || words >> more || hash.size() != 32) continue;
      std::optional<double>* to[] = {&f.lut, &f.ff, &f.dsp, &f.bram, &f.area_um2};
      bool sound = true;
      for (int i = 0; i < 5; ++i) {
        if (double d; parse_real(v[i], d)) *to[i] = d;
        else sound = sound && v[i] == "-";
      }
      if (sound) known_.try_emplace(hash, f);
    }
  }

  fs::path cache_, file_;
  std::size_t read_ = 0;
  std::map<std::string, SynthFigures> known_;
};

Expected<std::int64_t> synthesise_missing(const std::set<BlockKey>& keys, BlockStore& store, const SynthOptions& options) {
  std::vector<SynthJob> jobs;
  std::vector<bool> memories;
  std::vector<std::string> hashes;
  for (const BlockKey& key : keys) {
    std::string text = block_text(key), hash = sha256(text).substr(0, 32);
    if (store.find(hash)) continue;
    jobs.push_back({block_name(key), std::move(text), true});
    memories.push_back(key.kind == BlockKind::table_logic || block_memory_bits(key) > 0);
    hashes.push_back(std::move(hash));
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> error;
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      auto figures = run_yosys_block(jobs[i], memories[i], options.target, store.cache());
      const std::lock_guard lock(mutex);
      auto kept = figures ? store.put(hashes[i], *figures) : Expected<void>(fail(std::move(figures.error())));
      if (kept) continue;
      if (!error) error = kept.error();
      next = jobs.size();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 1; t < std::min<std::size_t>(jobs.size(), static_cast<std::size_t>(std::clamp(options.jobs, 1, 64))); ++t) threads.emplace_back(work);
  work();
  for (std::thread& t : threads) t.join();
  if (error) return fail(std::move(*error));
  return static_cast<std::int64_t>(jobs.size());
}

}  // namespace

struct Composer::Store {
  BlockStore blocks;
  std::map<BlockKey, SynthFigures> by_key;
};

Composer::Composer(SynthOptions options) : options_(std::move(options)) {}
Composer::~Composer() = default;

Expected<std::int64_t> Composer::prepare(const std::set<BlockKey>& keys) {
  if (!store_) {
    auto opened = BlockStore::open(options_);
    if (!opened) return fail(std::move(opened.error()));
    store_ = std::make_unique<Store>(Store{std::move(*opened), {}});
  }
  return synthesise_missing(keys, store_->blocks, options_);
}

namespace {

/// `counts.ff` and `counts.lut` are of six-input tables with carry chains of their own; elsewhere what they count is synthesised as well.
bool counted_by_cells(const std::string& target) { return target == "osu018" || target == "ice40"; }

}  // namespace

std::map<BlockKey, std::int64_t> needed_blocks(const BlockCounts& counts, const std::string& target) {
  if (!counted_by_cells(target)) return counts.blocks;
  std::map<BlockKey, std::int64_t> out;
  for (const auto& [cell, times] : counts.cells) {
    BlockKey key = cell;
    // What becomes a DSP block is decided by widths; constant bits of the weight matter in products of logic alone.
    if (target == "ice40" && key.kind == BlockKind::mul_register && key.p[1] + key.p[2] > 9) key.p[4] = 0, key.p[5] = key.p[2];
    if (key.kind == BlockKind::add_register) {
      // What has an equal elsewhere is built there; ice40's inverters are counted apart.
      if (target == "osu018") key.p[6] += key.p[7];
      else if (key.p[4] != 0) key.p[4] = 2;
      key.p[7] = 0;
      if (key.p[6] == key.p[5]) continue;
    }
    out[key] += times;
  }
  for (const auto& [key, times] : counts.blocks)
    if (key.kind != BlockKind::add && key.kind != BlockKind::mul && key.kind != BlockKind::mul_constant && (target != "osu018" || block_memory_bits(key) == 0)) out[key] += times;
  std::int64_t plain = counts.ff - counts.cell_ff - counts.reset_ff, reset = counts.reset_ff;
  if (target == "osu018") plain -= counts.equal_ff - counts.equal_reset_ff, reset -= counts.equal_reset_ff;
  if (plain > 0) out[{BlockKind::registers, {0}}] += plain;
  if (reset > 0) out[{BlockKind::registers, {1}}] += reset;
  return out;
}

Expected<SynthResult> Composer::compose(const BlockCounts& counts, bool list_blocks) {
  const bool cells = counted_by_cells(options_.target);
  const std::map<BlockKey, std::int64_t> needed = needed_blocks(counts, options_.target);
  std::set<BlockKey> keys;
  for (const auto& [key, times] : needed)
    if (!store_ || !store_->by_key.contains(key)) keys.insert(key);
  if (!keys.empty() || !store_) {
    auto done = prepare(keys);
    if (!done) return fail(std::move(done.error()));
    for (const BlockKey& key : keys) store_->by_key[key] = *store_->blocks.find(BlockStore::hash_of(key));
  }
  SynthResult out;
  out.target = options_.target;
  out.mode = "composed";
  out.tool = *yosys_version();
  SynthFigures& total = out.total;
  if (!cells) {
    total.lut = static_cast<double>(counts.lut), total.dsp = total.bram = 0;
    total.ff = static_cast<double>(counts.ff);
    total.cell_count = counts.ff + counts.lut;
  } else if (options_.target == "ice40") {
    total.lut = static_cast<double>(counts.inverters), total.ff = total.dsp = total.bram = 0;
    total.cell_count = counts.inverters;
  } else {
    total.area_um2 = 0;
    for (const auto& [key, times] : counts.blocks) out.sram_bits += block_memory_bits(key) * times;
  }
  const auto add = [](std::optional<double>& to, const std::optional<double>& each, double times) {
    if (each) to = to.value_or(0) + *each * times;
  };
  double lane_cells = 0;
  for (const auto& [key, count] : needed) {
    const SynthFigures& f = store_->by_key.at(key);
    const std::int64_t lanes = block_lanes(key);
    const double times = static_cast<double>(count) / static_cast<double>(lanes);
    add(total.lut, f.lut, times);
    add(total.ff, f.ff, times);
    add(total.dsp, f.dsp, times);
    add(total.bram, f.bram, times);
    add(total.area_um2, f.area_um2, times);
    if (lanes > 1) lane_cells += static_cast<double>(f.cell_count) * times;
    else total.cell_count += f.cell_count * count;
    if (!list_blocks) continue;
    const std::string name = block_name(key);
    out.blocks.push_back({lanes > 1 ? name + ", " + std::to_string(lanes) + " of them" : name, name, count, f, true});
  }
  total.cell_count += std::llround(lane_cells);
  if (out.sram_bits > 0) out.notes.push_back(std::to_string(out.sram_bits) + " bits of tables and line memories are not in the area: the library has no memories");
  return out;
}

Expected<std::int64_t> prepare_blocks(const std::vector<Network>& networks, const SynthOptions& options) {
  std::set<BlockKey> keys;
  for (const Network& network : networks) {
    auto built = build_network(network, false);
    if (!built) return fail(std::move(built.error()));
    for (const auto& [key, times] : needed_blocks(built->counts, options.target)) keys.insert(key);
  }
  return Composer(options).prepare(keys);
}

Expected<SynthResult> synthesise(const Network& network, const SynthOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto& targets = synth_targets();
  if (std::find(targets.begin(), targets.end(), options.target) == targets.end()) return fail(ErrorKind::invalid_input, unknown_word("target", options.target, targets));
  if (options.flat) {
    auto rtl = emit_network(network);
    if (!rtl) return fail(std::move(rtl.error()));
    SynthOptions one = options;
    one.timing = options.timing && options.target == "ice40";
    return synthesise(*rtl, one);
  }
  auto built = build_network(network, false);
  if (!built) return fail(std::move(built.error()));
  auto out = Composer(options).compose(built->counts, true);
  if (!out) return out;
  if (!counted_by_cells(options.target)) {
    out->blocks.push_back({"registers without logic, table columns, inverters", "", 1, {}, false});
    out->blocks.back().each.ff = static_cast<double>(built->counts.ff);
    out->blocks.back().each.lut = static_cast<double>(built->counts.lut);
  }
  if (options.target == "ice40" && built->counts.inverters > 0) {
    out->blocks.push_back({"inverters of subtrahends", "", 1, {}, false});
    out->blocks.back().each.lut = static_cast<double>(built->counts.inverters);
  }
  if (options.target == "ice40" && options.timing) {
    // The network whole, where it fits a part.
    auto rtl = emit_network(network);
    if (!rtl) return fail(std::move(rtl.error()));
    auto timing = run_nextpnr(*rtl, out->total, options.cache.empty() ? default_cache() : options.cache);
    if (!timing) return fail(std::move(timing.error()));
    out->fmax_mhz = timing->fmax_mhz;
    out->path_ns = timing->path_ns;
    out->timing_tool = timing->tool;
    if (timing->fmax_mhz) out->slowest = rtl->top;
    if (!timing->note.empty()) out->notes.push_back(timing->note);
  } else if (options.target != "ice40") {
    out->notes.push_back(options.target == "osu018" ? "no timing of composed networks" : "no timing: yosys has none for " + options.target);
  }
  out->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace gnomon::hls
