#include "problems/table.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/arch/space_table.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {

void describe(FieldVisitor& v, TableSpec& s) {
  field(v, {"name", "table (space table or CSV), or iccad22", {}, Key::required}, s.name, Choice{{"table", "iccad22"}});
  field(v, {"file", "the table, relative to this file", {}, Key::required}, s.file);
  field(v, {"parameters", "columns of a CSV that are parameters; all other numeric columns are metrics"}, s.parameters, Length{0, 1000});
  field(v, {"missing", "a point that no row of a CSV has: the nearest row answers, or the trial fails"}, s.missing, Choice{{"nearest", "fail"}});
}

namespace {

Json plain(const arch::Value& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

std::string space_text(const std::vector<std::pair<std::string, std::vector<arch::Value>>>& axes) {
  Json space = Json::object();
  for (const auto& [name, values] : axes) {
    Json list = Json::array();
    bool numbers = true;
    for (const arch::Value& v : values) {
      numbers = numbers && (std::holds_alternative<std::int64_t>(v) || std::holds_alternative<double>(v));
      list.push_back(plain(v));
    }
    space[name] = Json{{numbers ? "ordinal" : "categorical", std::move(list)}};
  }
  return space.dump();
}

/// Truth of one set of outcomes, which are all that can be had.
class Best {
 public:
  Best(const Campaign& c, const std::vector<std::string>& metrics) : c_(c) {
    const auto place = [&](const std::string& name) {
      const auto at = std::find(metrics.begin(), metrics.end(), name);
      known_ = known_ && at != metrics.end();
      return static_cast<std::size_t>(at - metrics.begin());
    };
    for (const ObjectiveSpec& o : c.objectives) objectives_.push_back(place(o.metric));
    for (const ConstraintSpec& k : c.constraints) constraints_.push_back(place(k.metric));
  }
  void add(std::span<const double> values) {
    if (!known_) return;
    for (std::size_t i = 0; i < constraints_.size(); ++i) {
      const double v = values[constraints_[i]];
      if ((c_.constraints[i].max && v > *c_.constraints[i].max) || (c_.constraints[i].min && v < *c_.constraints[i].min)) return;
    }
    std::vector<double> f;
    for (std::size_t k = 0; k < objectives_.size(); ++k) f.push_back(c_.objectives[k].maximise ? -values[objectives_[k]] : values[objectives_[k]]);
    if (std::all_of(f.begin(), f.end(), [](double v) { return std::isfinite(v); })) points_.push_back(std::move(f));
  }
  ProblemTruth truth(const std::string& source) {
    ProblemTruth out;
    out.source = source;
    if (points_.empty() || objectives_.empty()) return out;
    std::sort(points_.begin(), points_.end());
    points_.erase(std::unique(points_.begin(), points_.end()), points_.end());
    if (objectives_.size() == 1) {
      out.optimum = c_.objectives[0].maximise ? -points_[0][0] : points_[0][0];
      return out;
    }
    std::vector<std::vector<double>> front;
    for (const std::size_t i : nondominated(points_)) front.push_back(points_[i]);
    out.ideal = out.nadir = front[0];
    for (const auto& p : front) {
      for (std::size_t k = 0; k < p.size(); ++k) {
        out.ideal[k] = std::min(out.ideal[k], p[k]);
        out.nadir[k] = std::max(out.nadir[k], p[k]);
      }
    }
    for (auto& p : front) {
      for (std::size_t k = 0; k < p.size(); ++k) {
        const double span = out.nadir[k] - out.ideal[k];
        p[k] = (p[k] - out.ideal[k]) / (span > 0 ? span : 1.0);
      }
    }
    out.hypervolume = hypervolume(front, std::vector<double>(objectives_.size(), 1.1));
    out.source += ", front of " + std::to_string(front.size()) + " points";
    return out;
  }

 private:
  const Campaign& c_;
  std::vector<std::size_t> objectives_, constraints_;
  std::vector<std::vector<double>> points_;
  bool known_ = true;
};

/// All points of a discrete space without conditions that its rules allow, as indices; false where there are more than `most`.
template <class Visit>
bool walk(const arch::Space& space, double most, Visit&& visit) {
  const auto cardinality = space.cardinality();
  if (!cardinality || *cardinality > most) return false;
  const auto& parameters = space.parameters();
  if (std::any_of(parameters.begin(), parameters.end(), [](const arch::Parameter& p) { return !p.discrete() || !p.active_if.empty(); })) return false;
  std::vector<std::size_t> at(parameters.size(), 0);
  arch::Point point;
  for (const arch::Parameter& p : parameters) point.emplace_back(p.values[0]);
  for (;;) {
    if (space.rules().empty() || space.rules_hold(point)) visit(at);
    std::size_t i = parameters.size();
    while (i > 0) {
      --i;
      at[i] = (at[i] + 1) % parameters[i].size();
      point[i] = parameters[i].values[at[i]];
      if (at[i] != 0) break;
      if (i == 0) return true;
    }
  }
}
constexpr double most_points = 3e7;

class SpaceTableProblem final : public TableProblem {
 public:
  SpaceTableProblem(arch::SpaceTable table, const std::string& file) : table_(std::move(table)) {
    std::vector<std::pair<std::string, std::vector<arch::Value>>> axes;
    for (const auto& axis : table_.axes()) axes.emplace_back(axis.name, axis.values);
    info_.name = "table";
    info_.summary = "space table " + file;
    info_.space_json = space_text(axes);
    for (const auto& metric : table_.metrics()) info_.metrics.push_back(metric.name);
    if (auto space = problem_space(info_)) parameters_ = space->parameters();
    table_.index();
  }

  Expected<std::vector<double>> evaluate(const std::string& parameters_json) const override {
    auto document = Document::parse(parameters_json, "parameters");
    if (!document) return fail(std::move(document.error()));
    std::vector<std::size_t> at;
    for (const arch::Parameter& p : parameters_) {
      const auto index = index_in(p, document->root());
      if (!index) return fail(ErrorKind::invalid_input, "the table's parameter " + in_quotes(p.name) + " has another value than the table lists");
      at.push_back(*index);
    }
    const std::uint32_t record = table_.record_of(at);
    if (record == arch::SpaceTable::no_record) return fail(ErrorKind::run_failed, "the table has no such point");
    const auto values = table_.values(record);
    return std::vector<double>(values.begin(), values.end());
  }

  ProblemTruth truth(const Campaign& campaign) const override {
    Best best(campaign, info_.metrics);
    // The campaign's parameters in the table's order and places.
    const auto& own = campaign.space.parameters();
    std::vector<std::size_t> from;
    std::vector<std::vector<std::size_t>> place;
    for (const arch::Parameter& p : parameters_) {
      const auto i = campaign.space.index(p.name);
      if (!i) return {};
      from.push_back(*i);
      place.emplace_back();
      for (const arch::Value& v : own[*i].values) {
        const auto index = arch::value_index(p, v);
        if (!index) return {};
        place.back().push_back(*index);
      }
    }
    std::vector<char> reached(table_.records(), 0);
    std::vector<std::size_t> at(parameters_.size());
    const bool all = walk(campaign.space, most_points, [&](const std::vector<std::size_t>& indices) {
      for (std::size_t i = 0; i < at.size(); ++i) at[i] = place[i][indices[from[i]]];
      const std::uint32_t record = table_.record_of(at);
      if (record != arch::SpaceTable::no_record) reached[record] = 1;
    });
    if (!all) return {};
    for (std::size_t r = 0; r < reached.size(); ++r) {
      if (reached[r] != 0) best.add(table_.values(r));
    }
    return best.truth("every point of the table that the campaign allows");
  }

 private:
  arch::SpaceTable table_;
  std::vector<arch::Parameter> parameters_;

  static std::optional<std::size_t> index_in(const arch::Parameter& p, const Json& parameters) {
    if (!parameters.is_object() || !parameters.contains(p.name)) return {};
    const Json& v = parameters.at(p.name);
    if (v.is_string()) return arch::value_index(p, v.get<std::string>());
    if (v.is_boolean()) return arch::value_index(p, std::string(v.get<bool>() ? "true" : "false"));
    if (v.is_number_integer()) return arch::value_index(p, v.get<std::int64_t>());
    if (v.is_number()) return arch::value_index(p, v.get<double>());
    return {};
  }
};

class RowsProblem final : public TableProblem {
 public:
  static Expected<std::shared_ptr<const TableProblem>> make(const arch::LabelTable& table, const TableSpec& spec) {
    auto out = std::make_shared<RowsProblem>();
    out->nearest_ = spec.missing == "nearest";
    out->info_.name = spec.name;
    out->info_.summary = "table " + spec.file;
    if (spec.name == "iccad22") out->info_.objectives = {{"ipc", true}, {"power", false}, {"area", false}};
    std::vector<Problem> wrong;
    std::vector<std::string> names;
    for (const auto& column : table.columns()) names.push_back(column.name);
    for (const std::string& name : spec.parameters) {
      if (std::find(names.begin(), names.end(), name) == names.end()) wrong.push_back({table.file(), "", unknown_word("column", name, names)});
    }
    if (spec.parameters.empty()) wrong.push_back({table.file(), "", "\"parameters\" names no column; columns: " + join(names)});
    if (table.rows() == 0) wrong.push_back({table.file(), "", "the table has no row"});
    if (!wrong.empty()) return fail(Error(ErrorKind::invalid_input, std::move(wrong)));
    out->rows_ = table.rows();
    std::vector<std::pair<std::string, std::vector<arch::Value>>> axes;
    for (const auto& column : table.columns()) {
      const bool parameter = std::find(spec.parameters.begin(), spec.parameters.end(), column.name) != spec.parameters.end();
      if (!parameter) {
        if (!column.numeric) continue;
        out->info_.metrics.push_back(column.name);
        out->values_.push_back(column.numbers);
        continue;
      }
      std::vector<std::size_t> places(out->rows_);
      std::vector<arch::Value> values;
      if (column.numeric) {
        std::vector<double> numbers = column.numbers;
        for (std::size_t r = 0; r < numbers.size(); ++r) {
          if (!std::isfinite(numbers[r]))
            wrong.push_back({table.file(), "", "row " + std::to_string(r + 1) + " has no number for the parameter " + in_quotes(column.name)});
        }
        if (!wrong.empty()) return fail(Error(ErrorKind::invalid_input, std::move(wrong)));
        std::sort(numbers.begin(), numbers.end());
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
        for (std::size_t r = 0; r < places.size(); ++r) {
          places[r] = static_cast<std::size_t>(std::lower_bound(numbers.begin(), numbers.end(), column.numbers[r]) - numbers.begin());
        }
        for (const double n : numbers) {
          if (std::floor(n) == n && std::abs(n) < 9e15)
            values.emplace_back(static_cast<std::int64_t>(n));
          else
            values.emplace_back(n);
        }
      } else {
        std::vector<std::string> words = column.words;
        std::sort(words.begin(), words.end());
        words.erase(std::unique(words.begin(), words.end()), words.end());
        for (std::size_t r = 0; r < places.size(); ++r) {
          places[r] = static_cast<std::size_t>(std::lower_bound(words.begin(), words.end(), column.words[r]) - words.begin());
        }
        for (const std::string& w : words) values.emplace_back(w);
      }
      if (values.size() < 2) continue;
      out->ordered_.push_back(column.numeric);
      out->places_.push_back(std::move(places));
      axes.emplace_back(column.name, std::move(values));
    }
    if (axes.empty()) return fail(ErrorKind::invalid_input, table.file() + ": no parameter has two values");
    out->info_.space_json = space_text(axes);
    auto space = problem_space(out->info_);
    if (!space) return fail(std::move(space.error()));
    out->space_ = std::move(*space);
    for (std::size_t r = 0; r < out->rows_; ++r) out->row_of_.emplace(out->key(r), r);
    return std::shared_ptr<const TableProblem>(std::move(out));
  }

  Expected<std::vector<double>> evaluate(const std::string& parameters_json) const override {
    auto document = Document::parse(parameters_json, "parameters");
    if (!document) return fail(std::move(document.error()));
    auto point = space_.from_json(*document);
    if (!point) return fail(std::move(point.error()));
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const auto index = (*point)[i] ? arch::value_index(space_.parameters()[i], *(*point)[i]) : std::nullopt;
      if (!index) return fail(ErrorKind::invalid_input, "the table's parameter " + in_quotes(space_.parameters()[i].name) + " is missing or has another value");
      at.push_back(*index);
    }
    const auto row = row_at(at);
    if (!row) return fail(ErrorKind::run_failed, "the table has no such row");
    std::vector<double> out;
    for (const auto& column : values_) out.push_back(column[*row]);
    return out;
  }

  ProblemTruth truth(const Campaign& campaign) const override {
    Best best(campaign, info_.metrics);
    std::vector<char> reached(rows_, 0);
    const bool whole = campaign.space.rules().empty() && Json::parse(campaign.space_json) == Json::parse(info_.space_json);
    if (whole) {
      // Of several rows with the same parameters the first answers.
      for (const auto& [key, row] : row_of_) reached[row] = 1;
    } else {
      constexpr double most_searched = 2e9;
      std::vector<std::size_t> from;
      std::vector<std::vector<std::size_t>> place;
      for (const arch::Parameter& p : space_.parameters()) {
        const auto i = campaign.space.index(p.name);
        if (!i) return {};
        from.push_back(*i);
        place.emplace_back();
        for (const arch::Value& v : campaign.space.parameters()[*i].values) {
          const auto index = arch::value_index(p, v);
          if (!index) return {};
          place.back().push_back(*index);
        }
      }
      std::vector<std::size_t> at(from.size());
      const double cost = nearest_ ? static_cast<double>(rows_) : 1;
      if (!walk(campaign.space, most_searched / cost, [&](const std::vector<std::size_t>& indices) {
            for (std::size_t i = 0; i < at.size(); ++i) at[i] = place[i][indices[from[i]]];
            if (const auto row = row_at(at)) reached[*row] = 1;
          })) {
        return {};
      }
    }
    std::vector<double> values(values_.size());
    for (std::size_t r = 0; r < rows_; ++r) {
      if (reached[r] == 0) continue;
      for (std::size_t m = 0; m < values.size(); ++m) values[m] = values_[m][r];
      best.add(values);
    }
    return best.truth("every row of the table that the campaign allows");
  }

 private:
  bool nearest_ = true;
  std::size_t rows_ = 0;
  arch::Space space_;
  std::vector<bool> ordered_;
  std::vector<std::vector<std::size_t>> places_;  ///< parameter, row
  std::vector<std::vector<double>> values_;       ///< metric, row
  std::map<std::string, std::size_t> row_of_;

  std::string key(std::size_t row) const {
    std::string out;
    for (const auto& places : places_) out += std::to_string(places[row]) + ",";
    return out;
  }

  std::optional<std::size_t> row_at(const std::vector<std::size_t>& at) const {
    std::string wanted;
    for (const std::size_t i : at) wanted += std::to_string(i) + ",";
    const auto found = row_of_.find(wanted);
    if (found != row_of_.end()) return found->second;
    if (!nearest_) return {};
    std::vector<double> distance(rows_, 0.0);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const auto span = static_cast<double>(space_.parameters()[i].size() - 1);
      for (std::size_t r = 0; r < rows_; ++r) {
        const std::size_t other = places_[i][r];
        if (other == at[i]) continue;
        distance[r] += ordered_[i] ? static_cast<double>(other > at[i] ? other - at[i] : at[i] - other) / span : 1.0;
      }
    }
    return static_cast<std::size_t>(std::min_element(distance.begin(), distance.end()) - distance.begin());
  }
};

/// The contest's table has blanks between its numbers and no header: 29 parameters, IPC, power, area and the tool's time.
Expected<arch::LabelTable> read_iccad22(const TableSpec& spec, std::vector<std::string>& parameters) {
  constexpr std::size_t count = 29;
  const std::vector<std::string> metrics{"ipc", "power", "area", "tool_s"};
  auto text = read_file(spec.file);
  if (!text) return fail(std::move(text.error()));
  std::string csv;
  parameters.clear();
  for (std::size_t i = 1; i <= count; ++i) {
    parameters.push_back("p" + std::to_string(i));
    csv += parameters.back() + ",";
  }
  csv += join(metrics, ",") + "\n";
  std::istringstream lines(*text);
  std::string line;
  for (std::size_t n = 1; std::getline(lines, line); ++n) {
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(word);
    if (row.empty()) continue;
    if (row.size() != count + metrics.size()) {
      return fail(ErrorKind::invalid_input, spec.file + ": line " + std::to_string(n) + " has " + std::to_string(row.size()) +
                                                " numbers; the ICCAD 2022 contest table has " + std::to_string(count + metrics.size()));
    }
    csv += join(row, ",") + "\n";
  }
  return arch::LabelTable::parse(csv, spec.file);
}

Expected<std::shared_ptr<const TableProblem>> load(const TableSpec& spec) {
  if (spec.name == "iccad22") {
    TableSpec full = spec;
    auto table = read_iccad22(spec, full.parameters);
    if (!table) return fail(std::move(table.error()));
    return RowsProblem::make(*table, full);
  }
  std::ifstream in(spec.file, std::ios::binary);
  std::string first;
  std::getline(in, first);
  if (first.starts_with("gnomon space table")) {
    auto table = arch::SpaceTable::load(spec.file);
    if (!table) return fail(std::move(table.error()));
    return std::shared_ptr<const TableProblem>(std::make_shared<SpaceTableProblem>(std::move(*table), spec.file));
  }
  auto table = arch::LabelTable::load(spec.file);
  if (!table) return fail(std::move(table.error()));
  return RowsProblem::make(*table, spec);
}

}  // namespace

Expected<std::shared_ptr<const TableProblem>> TableProblem::open(const std::string& options_json) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const TableProblem>> known;
  auto document = Document::parse(options_json, "problem");
  if (!document) return fail(std::move(document.error()));
  auto spec = read_fields<TableSpec>(*document);
  if (!spec) return fail(std::move(spec.error()));
  const std::lock_guard lock(mutex);
  // A file that has changed since is another table.
  std::error_code code;
  const auto changed = std::filesystem::last_write_time(spec->file, code);
  const std::string key = options_json + "@" + std::to_string(code ? 0 : changed.time_since_epoch().count());
  if (auto table = known[key].lock()) return table;
  auto made = load(*spec);
  if (made) known[key] = *made;
  return made;
}

}  // namespace gnomon::search
