#include "gnomon/surrogate/table.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/arch/metrics.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;

/// What of a campaign's summary tells of its table: names of metrics, whatever its subject, and the version that computed them; empty where there is no readable summary.
struct Summary {
  std::vector<std::string> metrics;
  std::string version;
};
Summary summary_of(const std::filesystem::path& folder) {
  Summary out;
  const auto summary = Document::load(folder / "summary.json");
  if (!summary || !summary->root().is_object()) return out;
  const auto made = summary->root().find("provenance");
  if (made != summary->root().end() && made->is_object() && made->contains("version") && (*made)["version"].is_string()) out.version = (*made)["version"].get<std::string>();
  const auto best = summary->root().find("best");
  if (best == summary->root().end() || !best->is_object()) return out;
  for (const auto& [objective, trial] : best->items()) {
    if (!trial.is_object() || !trial.contains("metrics") || !trial["metrics"].is_object()) continue;
    for (const auto& [name, value] : trial["metrics"].items()) out.metrics.push_back(name);
  }
  return out;
}

/// `trials.csv`: trial, state, feasible, fidelity, then the parameters, then the metrics.
Expected<TrainingTable> load_trials(const std::filesystem::path& folder) {
  const auto path = folder / "trials.csv";
  auto table = LabelTable::load(path);
  if (!table) return fail(std::move(table.error()));
  TrainingTable out;
  const Summary summary = summary_of(folder);
  const std::vector<std::string>& metrics = summary.metrics;
  bool among = false;
  for (const LabelTable::Column& column : table->columns()) {
    const bool metric = std::find(metrics.begin(), metrics.end(), column.name) != metrics.end() || arch::find_metric(column.name).has_value();
    if (among && (metric || column.name.starts_with("violation ") || column.name == "error")) break;
    if (among) out.features.push_back(column.name);
    among = among || column.name == "fidelity";
  }
  if (out.features.empty()) return invalid(path.string(), "", "has no parameter columns after `fidelity`; it is not the trials of a campaign");
  const auto state = table->column("state"), fidelity = table->column("fidelity");
  if (!state) return fail(Error(state.error()));
  // Of a ladder, the labels of the slowest fidelity reached; others are another quantity.
  std::string slowest;
  for (const char* name : {"surrogate", "analytical", "cycle", "rtl"}) {
    for (std::size_t r = 0; r < table->rows() && !(*fidelity)->numeric && !(*state)->numeric; ++r) {
      if ((*state)->words[r] == "done" && (*fidelity)->words[r] == name) slowest = name;
    }
  }
  std::vector<std::size_t> done;
  for (std::size_t r = 0; r < table->rows(); ++r) {
    if (!slowest.empty() && (*state)->words[r] == "done" && (*fidelity)->words[r] == slowest) done.push_back(r);
  }
  if (done.empty()) return invalid(path.string(), "column \"state\"", "no trial is done yet");
  // The number of MACs tells workloads apart.
  if (const auto* macs = table->find("macs"); macs && macs->numeric) out.features.push_back("macs");
  out.table = rows_of(*table, done);
  out.source = {"trials of a campaign at the fidelity " + slowest, summary.version.empty() ? "gnomon" : "gnomon " + summary.version};
  // A parameter has the values of its list, so words among its numbers are there on purpose.
  for (const std::string& name : out.features) {
    if (const auto* column = out.table.find(name); column && !column->numeric) out.categories.push_back(name);
  }
  return out;
}

}  // namespace

LabelTable rows_of(const LabelTable& table, const std::vector<std::size_t>& rows) {
  LabelTable out;
  for (const LabelTable::Column& column : table.columns()) {
    LabelTable::Column part{column.name, column.unit, column.numeric, {}, {}};
    for (const std::size_t row : rows) {
      if (column.numeric) part.numbers.push_back(column.numbers.at(row));
      else part.words.push_back(column.words.at(row));
    }
    out.add(std::move(part));
  }
  out.take_places(table, rows);
  return out;
}

LabelTable table_of(const RealMatrix& x, const std::vector<std::string>& names, const std::vector<std::string>& units) {
  LabelTable out;
  for (std::size_t c = 0; c < names.size() && static_cast<Eigen::Index>(c) < x.cols(); ++c) {
    LabelTable::Column column{names[c], c < units.size() ? units[c] : std::string(), true, {}, {}};
    const auto values = x.col(static_cast<Eigen::Index>(c));
    column.numbers.assign(values.begin(), values.end());
    out.add(std::move(column));
  }
  return out;
}

Expected<TrainingTable> load_training_table(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) return load_trials(path);
  auto table = load_table(path);
  if (!table) return fail(std::move(table.error()));
  return TrainingTable{std::move(*table), {}};
}

Expected<TrainingTable> load_training_tables(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty()) return fail(ErrorKind::usage, "no training data are given");
  auto first = load_training_table(paths.front());
  if (!first || paths.size() == 1) return first;
  std::vector<LabelTable::Column> columns = first->table.columns();
  std::vector<LabelTable> more_tables;
  for (std::size_t i = 1; i < paths.size(); ++i) {
    auto next = load_training_table(paths[i]);
    if (!next) return next;
    std::vector<Problem> problems;
    if (next->table.columns().size() != columns.size()) {
      problems.push_back({paths[i].string(), "", "has " + std::to_string(next->table.columns().size()) + " columns; " + paths.front().string() + " has " +
                                                     std::to_string(columns.size())});
    }
    for (LabelTable::Column& column : columns) {
      const auto found = next->table.column(column.name);
      if (!found) {
        problems.push_back({paths[i].string(), "", found.error().problems().front().message});
        continue;
      }
      const LabelTable::Column& more = **found;
      if (more.unit != column.unit) {
        problems.push_back({paths[i].string(), "column " + in_quotes(column.name), "found the unit " + in_quotes(more.unit) + "; " +
                                                                                    paths.front().string() + " has " + in_quotes(column.unit)});
      }
      // A column that is numeric in one file and holds words in another holds words in both.
      const auto words = [](const LabelTable::Column& from) {
        std::vector<std::string> out;
        for (const double value : from.numbers) out.push_back(std::isnan(value) ? std::string() : number(value));
        return from.numeric ? out : from.words;
      };
      if (column.numeric && more.numeric) {
        column.numbers.insert(column.numbers.end(), more.numbers.begin(), more.numbers.end());
      } else {
        std::vector<std::string> all = words(column), added = words(more);
        all.insert(all.end(), added.begin(), added.end());
        column.numeric = false;
        column.numbers.clear();
        column.words = std::move(all);
      }
    }
    if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
    first->source.add(next->source);
    for (const std::string& name : next->categories) {
      if (std::find(first->categories.begin(), first->categories.end(), name) == first->categories.end()) first->categories.push_back(name);
    }
    more_tables.push_back(std::move(next->table));
  }
  TrainingTable out;
  for (LabelTable::Column& column : columns) out.table.add(std::move(column));
  out.table.take_places(first->table);
  for (const LabelTable& table : more_tables) out.table.take_places(table);
  out.features = first->features;
  out.categories = first->categories;
  out.source = first->source;
  return out;
}

}  // namespace gnomon::surrogate
