#include "gnomon/surrogate/table.hpp"

#include <algorithm>
#include <cmath>

#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;

/// Columns of trials.csv that hold a parameter begin with this.
constexpr std::string_view parameter_prefix = "p:";

Expected<TrainingTable> load_trials(const std::filesystem::path& folder) {
  const auto path = folder / "trials.csv";
  auto table = LabelTable::load(path);
  if (!table) return fail(std::move(table.error()));
  TrainingTable out;
  for (const LabelTable::Column& column : table->columns()) {
    if (column.name.starts_with(parameter_prefix)) out.features.push_back(column.name);
  }
  if (out.features.empty()) return invalid(path.string(), "", "has no parameter columns (`p:NAME`); it is not the trials of a campaign");
  const auto state = table->column("state");
  if (!state) return fail(Error(state.error()));
  std::vector<std::size_t> done;
  for (std::size_t r = 0; r < table->rows(); ++r) {
    if (!(*state)->numeric && (*state)->words[r] == "done") done.push_back(r);
  }
  if (done.empty()) return invalid(path.string(), "column \"state\"", "no trial is done yet");
  out.table = rows_of(*table, done);
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
  auto table = LabelTable::load(path);
  if (!table) return fail(std::move(table.error()));
  return TrainingTable{std::move(*table), {}};
}

Expected<TrainingTable> load_training_tables(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty()) return fail(ErrorKind::usage, "no training data are given");
  auto first = load_training_table(paths.front());
  if (!first || paths.size() == 1) return first;
  std::vector<LabelTable::Column> columns = first->table.columns();
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
  }
  TrainingTable out;
  for (LabelTable::Column& column : columns) out.table.add(std::move(column));
  out.features = first->features;
  return out;
}

}  // namespace gnomon::surrogate
