#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/memory_space.hpp"
#include "trace_source.hpp"

namespace gnomon::sim {
namespace {

enum Axis : std::size_t { page, scheduler, buffer, size, response, refresh, postponed, pulled_in, arbiter, active, axis_count };
constexpr std::array<std::size_t, axis_count> axis_sizes{4, 3, 3, 8, 2, 2, 8, 8, 3, 8};
using Indices = std::array<std::size_t, axis_count>;
using Box = std::array<std::uint64_t, axis_count>;
constexpr std::size_t metric_count = 4;

/// One simulation: its own point, what it stands for, what came out.
struct Record {
  Indices own{};
  Box box{};
  std::array<double, metric_count> values{};
};

enum Rule : std::size_t { no_refresh, simple_arbiter, readwrite_buffer, buffer_not_met, active_not_met, postponed_not_met, pulled_in_not_met, answers_in_order, requests_in_order, rule_count };
const std::array<const char*, rule_count> rule_names{"refresh parameters without refresh",
                                                     "active transactions with the simple arbiter",
                                                     "request_buffer_size of readwrite buffers",
                                                     "request_buffer_size never met",
                                                     "max_active_transactions never met",
                                                     "refresh_max_postponed never met",
                                                     "refresh_max_pulled_in never met",
                                                     "response queue without overtaking",
                                                     "arbiter without overtaking"};
/// The axis along which a rule folds; refresh parameters count along the postponed ones.
constexpr std::array<Axis, rule_count> rule_axis{postponed, active, size, size, active, postponed, pulled_in, response, arbiter};

arch::DramController controller_of(arch::DramController c, const Indices& at) {
  c.page_policy = static_cast<arch::DramPagePolicy>(at[page]);
  c.scheduler = static_cast<arch::DramScheduler>(at[scheduler]);
  c.buffer = static_cast<arch::DramBuffer>(at[buffer]);
  c.request_buffer_size = static_cast<int>(at[size]) + 1;
  c.response_queue = static_cast<arch::DramResponseQueue>(at[response]);
  c.refresh = at[refresh] == 0 ? arch::DramRefresh::none : arch::DramRefresh::all_bank;
  c.refresh_max_postponed = static_cast<int>(at[postponed]) + 1;
  c.refresh_max_pulled_in = static_cast<int>(at[pulled_in]) + 1;
  c.arbiter = static_cast<arch::DramArbiter>(at[arbiter]);
  c.max_active_transactions = 1 << at[active];
  return c;
}

std::uint64_t everything(std::size_t axis) { return (std::uint64_t{1} << axis_sizes[axis]) - 1; }
std::uint64_t only(std::size_t index) { return std::uint64_t{1} << index; }

/// Values of a limit for which the run is the same; `value_at` gives the limit at a position.
template <class ValueAt>
std::uint64_t same_for(const DramLimit& limit, std::size_t axis, std::size_t own, ValueAt value_at) {
  if (limit.met) return only(own);
  std::uint64_t bits = only(own);
  for (std::size_t i = 0; i < axis_sizes[axis]; ++i) {
    if (value_at(i) >= limit.peak) bits |= only(i);
  }
  return bits;
}

class SpaceRun {
 public:
  SpaceRun(const arch::Dram& dram, const std::vector<TraceRequest>& trace, const MemorySpaceOptions& options) : dram_(dram), trace_(trace), options_(options) {}

  /// A part: page policy, scheduler, buffer and refresh are given.
  static constexpr std::size_t parts = 4 * 3 * 3 * 2;
  static Indices part_indices(std::size_t part) {
    Indices at{};
    at[refresh] = part % 2;
    at[buffer] = part / 2 % 3;
    at[scheduler] = part / 6 % 3;
    at[page] = part / 18;
    return at;
  }

  Expected<Record> simulate(const Indices& at) const {
    arch::Dram dram = dram_;
    dram.controller = controller_of(dram.controller, at);
    KeptTrace source(trace_);
    auto result = run_trace(dram, source);
    if (!result) return fail(std::move(result.error()));
    const DramStatistics& s = result->statistics;
    Record record;
    record.own = at;
    for (std::size_t a = 0; a < axis_count; ++a) record.box[a] = only(at[a]);
    const auto count = [](std::size_t i) { return static_cast<std::int64_t>(i) + 1; };
    // A readwrite buffer has its least size of eight for all of these.
    record.box[size] = static_cast<arch::DramBuffer>(at[buffer]) == arch::DramBuffer::readwrite ? everything(size) : same_for(s.request_buffer, size, at[size], count);
    if (at[refresh] == 0) {
      record.box[postponed] = everything(postponed);
      record.box[pulled_in] = everything(pulled_in);
    } else {
      record.box[postponed] = same_for(s.refresh_postponed, postponed, at[postponed], count);
      record.box[pulled_in] = same_for(s.refresh_pulled_in, pulled_in, at[pulled_in], count);
    }
    if (static_cast<arch::DramArbiter>(at[arbiter]) == arch::DramArbiter::simple) {
      record.box[active] = everything(active);
    } else {
      record.box[active] = same_for(s.active_transactions, active, at[active], [](std::size_t i) { return std::int64_t{1} << i; });
    }
    if (static_cast<arch::DramResponseQueue>(at[response]) == arch::DramResponseQueue::reorder && !s.responses_out_of_order) record.box[response] = everything(response);
    if (static_cast<arch::DramArbiter>(at[arbiter]) == arch::DramArbiter::reorder && !s.arbiter_out_of_order) {
      record.box[arbiter] |= only(static_cast<std::size_t>(arch::DramArbiter::fifo));
    }
    record.values = {static_cast<double>(s.cycles), s.energy ? std::round(s.energy->total_pj()) : 0.0, std::round(s.read_latency.mean * static_cast<double>(s.reads)),
                     static_cast<double>(refresh_missing(dram, s))};
    return record;
  }

  Expected<std::vector<Record>> part(std::size_t number) const {
    std::vector<Record> records;
    // Inner axes, loosest limits first, so that one run covers much.
    constexpr std::array<Axis, 6> inner{response, arbiter, size, active, postponed, pulled_in};
    std::size_t points = 1;
    for (const Axis a : inner) points *= axis_sizes[a];
    std::vector<char> covered(points, 0);
    const auto position = [&](const Indices& at) {
      std::size_t p = 0;
      for (const Axis a : inner) p = p * axis_sizes[a] + at[a];
      return p;
    };
    for (std::size_t from_loose = 0; from_loose < points; ++from_loose) {
      Indices at = part_indices(number);
      std::size_t rest = points - 1 - from_loose;
      const std::size_t here = rest;
      for (std::size_t i = inner.size(); i-- > 0;) {
        at[inner[i]] = rest % axis_sizes[inner[i]];
        rest /= axis_sizes[inner[i]];
      }
      if (covered[here]) continue;
      if (options_.stop != nullptr && *options_.stop) return fail(ErrorKind::interrupted, "interrupted; finished parts are kept");
      auto record = simulate(at);
      if (!record) return fail(std::move(record.error()));
      Indices each = at;
      const auto cover = [&](auto& self, std::size_t depth) -> void {
        if (depth == inner.size()) {
          covered[position(each)] = 1;
          return;
        }
        for (std::size_t i = 0; i < axis_sizes[inner[depth]]; ++i) {
          if ((record->box[inner[depth]] >> i & 1) == 0) continue;
          each[inner[depth]] = i;
          self(self, depth + 1);
        }
      };
      cover(cover, 0);
      records.push_back(*record);
    }
    return records;
  }

 private:
  const arch::Dram& dram_;
  const std::vector<TraceRequest>& trace_;
  const MemorySpaceOptions& options_;
};

/// Whether a rule was at work in a record.
bool folds(const Record& r, std::size_t rule) {
  const Axis axis = rule_axis[rule];
  if (r.box[axis] == only(r.own[axis])) return false;
  const bool simple = static_cast<arch::DramArbiter>(r.own[arbiter]) == arch::DramArbiter::simple;
  if (rule == no_refresh) return r.own[refresh] == 0;
  if (rule == postponed_not_met || rule == pulled_in_not_met) return r.own[refresh] != 0;
  if (rule == simple_arbiter) return simple;
  const bool readwrite = static_cast<arch::DramBuffer>(r.own[buffer]) == arch::DramBuffer::readwrite;
  if (rule == readwrite_buffer) return readwrite;
  if (rule == buffer_not_met) return !readwrite;
  if (rule == active_not_met) return !simple;
  return true;
}

Json part_json(std::size_t part, const std::vector<Record>& records) {
  Json rows = Json::array();
  for (const Record& r : records) rows.push_back({r.own, r.box, r.values});
  return Json{{"part", part}, {"records", std::move(rows)}};
}

/// Finished parts of an interrupted run; a last line that was cut off is passed over. `identity` is the file's first line.
Expected<std::map<std::size_t, std::vector<Record>>> read_partial(const std::filesystem::path& path, const std::string& identity) {
  std::map<std::size_t, std::vector<Record>> parts;
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line)) return parts;
  if (line != identity) return fail(ErrorKind::invalid_input, path.string() + ": holds parts of another space, trace, device or version; remove it to begin anew");
  while (std::getline(in, line)) {
    const Json value = Json::parse(line, nullptr, false);
    if (value.is_discarded()) break;
    try {
      std::vector<Record>& records = parts[value.at("part").get<std::size_t>()];
      for (const Json& row : value.at("records")) {
        records.push_back({row.at(0).get<Indices>(), row.at(1).get<Box>(), row.at(2).get<std::array<double, metric_count>>()});
      }
    } catch (const std::exception&) {
      return fail(ErrorKind::invalid_input, path.string() + ": damaged; remove it to begin anew");
    }
  }
  return parts;
}

std::string point_text(const Indices& at) {
  const auto axes = memory_space_axes();
  std::string text;
  for (std::size_t a = 0; a < axis_count; ++a) text += (a ? ", " : "") + axes[a].name + " " + arch::to_text(axes[a].values[at[a]]);
  return text;
}

std::string trace_hash(const std::vector<TraceRequest>& trace) {
  Sha256 hash;
  for (const TraceRequest& r : trace) hash.update(std::to_string(r.cycle) + (r.write ? "w" : "r") + std::to_string(r.address) + "\n");
  return hash.finish();
}

}  // namespace

std::vector<arch::SpaceTable::Axis> memory_space_axes() {
  const auto words = [](const std::vector<std::string>& list, std::size_t count) {
    std::vector<arch::Value> values;
    for (std::size_t i = 0; i < count; ++i) values.emplace_back(list[i]);
    return values;
  };
  const auto numbers = [](bool powers) {
    std::vector<arch::Value> values;
    for (std::int64_t i = 0; i < 8; ++i) values.emplace_back(powers ? std::int64_t{1} << i : i + 1);
    return values;
  };
  return {{"controller.page_policy", words(arch::dram_page_policy_words(), 4)},
          {"controller.scheduler", words(arch::dram_scheduler_words(), 3)},
          {"controller.buffer", words(arch::dram_buffer_words(), 3)},
          {"controller.request_buffer_size", numbers(false)},
          {"controller.response_queue", words(arch::dram_response_queue_words(), 2)},
          {"controller.refresh", words(arch::dram_refresh_words(), 2)},
          {"controller.refresh_max_postponed", numbers(false)},
          {"controller.refresh_max_pulled_in", numbers(false)},
          {"controller.arbiter", words(arch::dram_arbiter_words(), 3)},
          {"controller.max_active_transactions", numbers(true)}};
}

Expected<MemorySpaceResult> evaluate_memory_space(const arch::DramSpec& device, const std::vector<TraceRequest>& trace, const std::string& trace_name,
                                                  const MemorySpaceOptions& options) {
  auto dram = arch::resolve(device, device.name);
  if (!dram) return fail(std::move(dram.error()));
  const SpaceRun run(*dram, trace, options);
  const std::string identity = Json{{"memory_space", 1}, {"version", version()}, {"commit", commit()}, {"device", sha256(dram->resolved_json)}, {"trace", trace_hash(trace)}}.dump();

  MemorySpaceResult out;
  std::map<std::size_t, std::vector<Record>> done;
  std::ofstream keep;
  if (!options.partial.empty()) {
    auto before = read_partial(options.partial, identity);
    if (!before) return fail(std::move(before.error()));
    done = std::move(*before);
    // Written anew, so that a cut-off line does not stand in the middle.
    keep.open(options.partial, std::ios::trunc);
    keep << identity << "\n";
    for (const auto& [part, records] : done) {
      keep << part_json(part, records).dump() << "\n";
      out.resumed += static_cast<std::int64_t>(records.size());
    }
    if (!keep.flush()) return fail(ErrorKind::run_failed, options.partial.string() + ": cannot be written");
  }

  std::vector<std::size_t> todo;
  for (std::size_t part = 0; part < SpaceRun::parts; ++part) {
    if (!done.count(part)) todo.push_back(part);
  }
  // With refresh first: they take longest.
  std::stable_sort(todo.begin(), todo.end(), [](std::size_t a, std::size_t b) { return a % 2 > b % 2; });
  std::mutex mutex;
  std::optional<Error> failed;
  std::size_t next = 0;
  const auto work = [&] {
    for (;;) {
      std::size_t part = 0;
      {
        const std::lock_guard lock(mutex);
        if (failed || next == todo.size()) return;
        part = todo[next++];
      }
      auto records = run.part(part);
      const std::lock_guard lock(mutex);
      if (!records) {
        if (!failed) failed = std::move(records.error());
        return;
      }
      out.simulations += static_cast<std::int64_t>(records->size());
      if (keep.is_open() && !(keep << part_json(part, *records).dump() << "\n").flush()) {
        failed = Error(ErrorKind::run_failed, options.partial.string() + ": cannot be written");
        return;
      }
      done[part] = std::move(*records);
      if (options.progress) options.progress(static_cast<std::int64_t>(done.size()), static_cast<std::int64_t>(SpaceRun::parts), out.simulations);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < options.jobs; ++i) threads.emplace_back(work);
  work();
  threads.clear();
  if (failed) return fail(std::move(*failed));

  std::vector<const Record*> records;
  std::vector<std::vector<const Record*>> by_rule(rule_count);
  for (const auto& [part, some] : done) {
    for (const Record& r : some) {
      records.push_back(&r);
      for (std::size_t rule = 0; rule < rule_count; ++rule) {
        if (folds(r, rule)) by_rule[rule].push_back(&r);
      }
    }
  }

  // Folded points that are simulated all the same, one rule's axis moved away from the run that stands for them.
  for (std::size_t rule = 0; rule < rule_count; ++rule) {
    FoldRule about{rule_names[rule], 0, 0};
    for (const Record* r : by_rule[rule]) {
      std::int64_t points = 1;
      for (std::size_t a = 0; a < axis_count; ++a) points *= std::popcount(r->box[a]);
      about.folded += points - points / std::popcount(r->box[rule_axis[rule]]);
    }
    std::vector<std::pair<const Record*, Indices>> sample;
    Random random(derive(options.seed, std::string("memory-space/") + rule_names[rule]));
    const std::int64_t most = by_rule[rule].empty() ? 0 : std::min(options.check, about.folded);
    for (std::int64_t i = 0; i < most; ++i) {
      const Record* r = by_rule[rule][static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(by_rule[rule].size()) - 1))];
      Indices at = r->own;
      const auto move = [&](Axis axis) {
        std::vector<std::size_t> others;
        for (std::size_t v = 0; v < axis_sizes[axis]; ++v) {
          if ((r->box[axis] >> v & 1) && v != r->own[axis]) others.push_back(v);
        }
        if (!others.empty()) at[axis] = others[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(others.size()) - 1))];
      };
      move(rule_axis[rule]);
      if (rule == no_refresh) move(pulled_in);
      sample.emplace_back(r, at);
    }
    std::size_t at_sample = 0;
    const auto check = [&] {
      for (;;) {
        std::size_t i = 0;
        {
          const std::lock_guard lock(mutex);
          if (failed || at_sample == sample.size()) return;
          i = at_sample++;
        }
        if (options.stop != nullptr && *options.stop) {
          const std::lock_guard lock(mutex);
          failed = Error(ErrorKind::interrupted, "interrupted; finished parts are kept");
          return;
        }
        auto again = run.simulate(sample[i].second);
        const std::lock_guard lock(mutex);
        if (!again) {
          failed = std::move(again.error());
        } else if (again->values != sample[i].first->values) {
          failed = Error(ErrorKind::run_failed, std::string("the rule \"") + rule_names[rule] + "\" does not hold: " + point_text(sample[i].second) + " takes " +
                                                    number(again->values[0]) + " cycles and " + number(again->values[1]) + " pJ, but " + number(sample[i].first->values[0]) +
                                                    " cycles and " + number(sample[i].first->values[1]) + " pJ at " + point_text(sample[i].first->own));
        } else {
          ++about.checked;
        }
      }
    };
    for (int i = 1; i < options.jobs; ++i) threads.emplace_back(check);
    check();
    threads.clear();
    if (failed) return fail(std::move(*failed));
    out.rules.push_back(std::move(about));
  }

  const Json provenance{{"device", dram->name},          {"device_sha256", sha256(dram->resolved_json)}, {"trace", trace_name}, {"trace_sha256", trace_hash(trace)},
                        {"requests", trace.size()},      {"tCK_ps", dram->tck_ps()},                     {"simulations", records.size()},
                        {"version", version()}};
  out.table = arch::SpaceTable(memory_space_axes(),
                               {{"cycles", "memory cycles"}, {"energy_pj", "pJ"}, {"read_latency_sum_cycles", "memory cycles"}, {"refresh_missing", "commands"}},
                               provenance.dump());
  for (const Record* r : records) out.table.add(r->box, r->values);
  out.table.index();
  if (out.table.missing() != 0) return fail(ErrorKind::run_failed, "internal error: points of the space were left out");
  return out;
}

}  // namespace gnomon::sim
