#include <algorithm>
#include <map>
#include <mutex>

#include "gnomon/arch/space_table.hpp"
#include "gnomon/search/pareto.hpp"
#include "problems/entry.hpp"
#include "problems/table_bytes.hpp"

namespace gnomon::search {
namespace {

const std::vector<std::string> table_metrics{"total_time_us", "power_mw", "energy_pj", "mean_read_latency_cycles", "refresh_missing"};

/// A table that is read when it is first asked, and indexed when a point is first looked up.
class DramTable {
 public:
  DramTable(std::string trace, std::string_view bytes) : trace_(std::move(trace)), bytes_(bytes) {}
  const std::string& trace() const { return trace_; }
  const arch::SpaceTable& table() {
    std::call_once(read_, [this] {
      auto parsed = arch::SpaceTable::parse(bytes_, "dram-" + trace_ + ".table");
      if (!parsed) throw std::runtime_error(parsed.error().text());
      table_ = std::move(*parsed);
      const Json about = Json::parse(table_.provenance());
      tck_us_ = about.at("tCK_ps").get<double>() * 1e-6;
      requests_ = about.at("requests").get<double>();
    });
    return table_;
  }
  std::vector<double> outcome(std::size_t record) {
    const auto v = table().values(record);
    const double us = v[0] * tck_us_;
    return {us, v[1] / us * 1e-3, v[1], v[2] / requests_, v[3]};
  }
  std::vector<double> at(const Values& point) {
    table();
    std::call_once(indexed_, [this] { table_.index(); });
    std::vector<std::size_t> indices;
    for (const auto& axis : table_.axes()) {
      const bool words = std::holds_alternative<std::string>(axis.values.front());
      const arch::Value value = words ? arch::Value(point.word(axis.name)) : arch::Value(point.whole(axis.name));
      const auto found = std::find(axis.values.begin(), axis.values.end(), value);
      if (found == axis.values.end()) throw std::runtime_error("the table has no " + axis.name + " " + arch::to_text(value));
      indices.push_back(static_cast<std::size_t>(found - axis.values.begin()));
    }
    return outcome(table_.record_of(indices));
  }

 private:
  std::string trace_;
  std::string_view bytes_;
  std::once_flag read_, indexed_;
  arch::SpaceTable table_;
  double tck_us_ = 1, requests_ = 1;
};

std::map<std::string, DramTable>& tables() {
  static std::map<std::string, DramTable> all = [] {
    std::map<std::string, DramTable> made;
    for (const auto& [trace, bytes] : table_bytes()) made.try_emplace("dram-" + trace, trace, bytes);
    return made;
  }();
  return all;
}

std::size_t metric_index(const std::string& name) {
  return static_cast<std::size_t>(std::find(table_metrics.begin(), table_metrics.end(), name) - table_metrics.begin());
}

const char* const space_json = R"({
    "controller.page_policy": {"categorical": ["open", "open_adaptive", "closed", "closed_adaptive"]},
    "controller.scheduler": {"categorical": ["fifo", "frfcfs", "frfcfs_grp"]}, "controller.buffer": {"categorical": ["bankwise", "readwrite", "shared"]},
    "controller.request_buffer_size": {"int": [1, 8]}, "controller.response_queue": {"categorical": ["fifo", "reorder"]},
    "controller.refresh": {"categorical": ["none", "all_bank"]}, "controller.refresh_max_postponed": {"int": [1, 8]},
    "controller.refresh_max_pulled_in": {"int": [1, 8]}, "controller.arbiter": {"categorical": ["simple", "fifo", "reorder"]},
    "controller.max_active_transactions": {"int": [1, 128], "step": "pow2"}})";

}  // namespace

std::vector<ProblemEntry> table_problems() {
  std::vector<ProblemEntry> out;
  for (auto& [name, table] : tables()) {
    ProblemEntry entry;
    entry.info.name = name;
    entry.info.summary = "every DRAM controller of ArchGym's space (1,769,472) for the trace " + table.trace() + ", simulated (gnomon dataset memory-space)";
    entry.info.space_json = space_json;
    entry.info.objectives = {{"total_time_us", false}, {"power_mw", false}};
    entry.info.constraints = {{"refresh_missing", 0}};
    entry.info.metrics = table_metrics;
    entry.formula = [&table = table](const Values& point) { return table.at(point); };
    out.push_back(std::move(entry));
  }
  return out;
}

std::optional<ProblemTruth> table_truth(const std::string& problem, const std::vector<ObjectiveSpec>& objectives, const std::vector<ConstraintSpec>& constraints) {
  const auto found = tables().find(problem);
  if (found == tables().end() || objectives.empty()) return {};
  DramTable& table = found->second;
  std::vector<std::vector<double>> values;
  for (std::size_t r = 0; r < table.table().records(); ++r) {
    const std::vector<double> outcome = table.outcome(r);
    const bool allowed = std::all_of(constraints.begin(), constraints.end(), [&](const ConstraintSpec& limit) {
      const double v = outcome[metric_index(limit.metric)];
      return (!limit.max || v <= *limit.max) && (!limit.min || v >= *limit.min);
    });
    if (!allowed) continue;
    std::vector<double>& one = values.emplace_back();
    for (const ObjectiveSpec& o : objectives) one.push_back((o.maximise ? -1 : 1) * outcome[metric_index(o.metric)]);
  }
  ProblemTruth truth;
  if (values.empty()) return truth;
  truth.source = "all 1,769,472 designs simulated";
  if (objectives.size() == 1) {
    truth.optimum = std::min_element(values.begin(), values.end())->front() * (objectives[0].maximise ? -1 : 1);
    return truth;
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<std::vector<double>> front;
  for (const std::size_t i : nondominated(values)) front.push_back(values[i]);
  truth.ideal = truth.nadir = front.front();
  for (const auto& f : front) {
    for (std::size_t i = 0; i < f.size(); ++i) {
      truth.ideal[i] = std::min(truth.ideal[i], f[i]);
      truth.nadir[i] = std::max(truth.nadir[i], f[i]);
    }
  }
  // One outcome that is best in everything has no extent to scale by.
  for (std::size_t i = 0; i < truth.ideal.size(); ++i) {
    if (truth.ideal[i] == truth.nadir[i]) return ProblemTruth{};
  }
  for (auto& f : front) {
    for (std::size_t i = 0; i < f.size(); ++i) f[i] = (f[i] - truth.ideal[i]) / (truth.nadir[i] - truth.ideal[i]);
  }
  truth.hypervolume = hypervolume(front, std::vector<double>(truth.ideal.size(), 1.1));
  return truth;
}

}  // namespace gnomon::search
