#include "gnomon/surrogate/benchmark.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/table.hpp"
#include "training/trainer.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;

constexpr double level_alpha = 0.1;

double cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string word(const LabelTable::Column& column, std::size_t row) { return column.numeric ? number(column.numbers[row]) : column.words[row]; }

bool is_meta(const std::string& name) {
  static const std::set<std::string> names{"network", "row", "exemplar", "subset", "split", "seed", "tool", "synthesis"};
  return names.contains(name) || name.starts_with("flat_");
}

/// What physics derives; the paper's models see none of it.
bool is_derived(const std::string& name) {
  for (const char* part : {"mac", "multiplier", "weight_bits", "bit_op", "analytical", "bound", "depth_sum", "table_bits"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

struct Data {
  const LabelTable& rows;
  const LabelTable* nodes;
  std::string node_key;
  std::vector<std::size_t> learn, test;
  std::map<std::string, std::vector<std::size_t>> exemplars, subsets;
  std::vector<std::size_t> flat;
  std::vector<std::string> features;
};

LabelTable::Column part_of(const LabelTable::Column& column, const std::vector<std::size_t>& rows) {
  LabelTable::Column out{column.name, column.unit, column.numeric, {}, {}};
  for (const std::size_t r : rows) {
    if (column.numeric) out.numbers.push_back(column.numbers[r]);
    else out.words.push_back(column.words[r]);
  }
  return out;
}

/// The nodes of some rows.
LabelTable nodes_of(const Data& data, const std::vector<std::size_t>& rows, bool raw) {
  LabelTable out;
  const LabelTable::Column* key = data.rows.find(data.node_key);
  std::set<std::string> wanted;
  for (const std::size_t r : rows) wanted.insert(word(*key, r));
  std::vector<std::size_t> kept;
  const LabelTable::Column* network = data.nodes->find("network");
  for (std::size_t n = 0; n < data.nodes->rows(); ++n) {
    if (wanted.contains(word(*network, n))) kept.push_back(n);
  }
  for (const LabelTable::Column& column : data.nodes->columns()) {
    if (column.name == "network") {
      LabelTable::Column renamed{data.node_key, "", false, {}, {}};
      for (const std::size_t n : kept) renamed.words.push_back(word(column, n));
      out.add(std::move(renamed));
    } else if (!raw || !is_derived(column.name)) {
      out.add(part_of(column, kept));
    }
  }
  return out;
}

/// Global settings of rows, and where `statistics` says so the counts and means of the layers' sizes by type, as rule4ml's networks see them.
LabelTable raw_rows(const Data& data, const std::vector<std::size_t>& rows, bool statistics) {
  LabelTable out;
  for (const std::string& name : data.features) {
    if (!is_derived(name)) out.add(part_of(*data.rows.find(name), rows));
  }
  if (!statistics || data.nodes == nullptr) return out;
  const LabelTable::Column* network = data.nodes->find("network");
  const LabelTable::Column* type = data.nodes->find("type");
  std::map<std::string, std::vector<std::size_t>> by_row;
  std::set<std::string> types;
  for (std::size_t n = 0; n < data.nodes->rows(); ++n) {
    by_row[word(*network, n)].push_back(n);
    types.insert(type ? word(*type, n) : "layer");
  }
  const LabelTable::Column* key = data.rows.find(data.node_key);
  for (const std::string& t : types) {
    LabelTable::Column count{"count_" + t, "", true, {}, {}};
    for (const std::size_t r : rows) {
      const auto& mine = by_row[word(*key, r)];
      count.numbers.push_back(static_cast<double>(std::count_if(mine.begin(), mine.end(), [&](std::size_t n) { return !type || word(*type, n) == t; })));
    }
    out.add(std::move(count));
    for (const LabelTable::Column& column : data.nodes->columns()) {
      if (!column.numeric || column.name == "network" || is_derived(column.name)) continue;
      LabelTable::Column mean{"mean_" + t + "_" + column.name, column.unit, true, {}, {}};
      for (const std::size_t r : rows) {
        double sum = 0, nodes = 0;
        for (const std::size_t n : by_row[word(*key, r)]) {
          if ((type && word(*type, n) != t) || !std::isfinite(column.numbers[n])) continue;
          sum += column.numbers[n];
          nodes += 1;
        }
        mean.numbers.push_back(nodes > 0 ? sum / nodes : 0);
      }
      out.add(std::move(mean));
    }
  }
  return out;
}

void add_columns(LabelTable& to, const LabelTable& rows, const std::vector<std::size_t>& which, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const LabelTable::Column* column = rows.find(name); column && !to.find(name)) to.add(part_of(*column, which));
  }
}

/// A trained model of the benchmark: one network for all targets, or one each.
class Entrant {
 public:
  Entrant(const Data& data, const BenchmarkOptions& options, std::string name) : data_(data), options_(options), name_(std::move(name)) {}

  Expected<void> fit() {
    if (name_ == "analytical") return {};
    const std::vector<std::vector<std::string>> sets = name_ == "mlp" ? singles() : std::vector<std::vector<std::string>>{options_.targets};
    for (const auto& targets : sets) {
      LabelTable table = inputs(data_.learn);
      TrainOptions train_options;
      for (const LabelTable::Column& column : table.columns()) train_options.features.push_back(column.name);
      add_columns(table, data_.rows, data_.learn, targets);
      std::vector<std::string> kept{"network"};
      if (uses_nodes()) kept.push_back(data_.node_key);
      add_columns(table, data_.rows, data_.learn, kept);
      train_options.targets = targets;
      train_options.group = "network";
      train_options.label_kind = "benchmark";
      train_options.seed = options_.seed;
      train_options.test_fraction = 0;
      train_options.threads = options_.threads;
      LabelTable nodes;
      if (uses_nodes()) {
        nodes = nodes_of(data_, data_.learn, baseline());
        train_options.nodes = &nodes;
        train_options.node_key = data_.node_key;
      }
      if (baseline()) {
        train_options.term = "never";
        // The share that the protocol gives to validation calibrates.
        train_options.folds = 1;
        train_options.family = name_ == "mlp" ? "ensemble" : name_ == "gnn" ? "graph" : "transformer";
        train_options.members = 2;
        // As deep as the paper's, narrower: five rounds of messages; two blocks with eight heads.
        const std::string epochs = std::to_string(std::max(1, static_cast<int>(200 * options_.effort)));
        if (name_ == "gnn") train_options.learner_options = R"({"layers": 5, "members": 1, "max_epochs": )" + epochs + "}";
        if (name_ == "transformer") train_options.learner_options = R"({"heads": 8, "members": 1, "max_epochs": )" + epochs + "}";
        train_options.hidden = {64, 128, 128, 64};
        train_options.activation = "relu";
        train_options.max_epochs = std::max(1, static_cast<int>(200 * options_.effort));
      }
      auto model = train(table, train_options);
      if (!model) return fail(std::move(model.error()));
      models_.push_back(std::move(*model));
    }
    return {};
  }

  /// What the models make of some rows' columns; the seconds of `answer` start behind it.
  Expected<std::vector<Encoded>> encode(const std::vector<std::size_t>& rows) const {
    LabelTable table = inputs(rows), nodes;
    if (uses_nodes()) {
      add_columns(table, data_.rows, rows, {data_.node_key});
      nodes = nodes_of(data_, rows, baseline());
    }
    std::vector<Encoded> out;
    for (const Model& model : models_) {
      auto one = model.encode(table, uses_nodes() ? &nodes : nullptr);
      if (!one) return fail(std::move(one.error()));
      out.push_back(std::move(*one));
    }
    return out;
  }

  Expected<Prediction> answer(const std::vector<std::size_t>& rows, const std::vector<Encoded>& encoded) const {
    Prediction out;
    const auto n = static_cast<Eigen::Index>(rows.size()), t = static_cast<Eigen::Index>(options_.targets.size());
    for (RealMatrix* part : {&out.mean, &out.lower, &out.upper}) part->resize(n, t);
    out.in_range.assign(rows.size(), 1);
    for (Eigen::Index k = 0; models_.empty() && k < t; ++k) {
      const LabelTable::Column* column = data_.rows.find("analytical_" + options_.targets[static_cast<std::size_t>(k)]);
      for (Eigen::Index r = 0; r < n; ++r) out.mean(r, k) = out.lower(r, k) = out.upper(r, k) = column->numbers[rows[static_cast<std::size_t>(r)]];
    }
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const Model& model = models_[m];
      auto one = model.predict(encoded[m]);
      if (!one) return fail(std::move(one.error()));
      for (std::size_t k = 0; k < model.target_count(); ++k) {
        const auto at = static_cast<Eigen::Index>(std::find(options_.targets.begin(), options_.targets.end(), model.info().targets[k].name) - options_.targets.begin());
        const auto from = static_cast<Eigen::Index>(k);
        out.mean.col(at) = one->mean.col(from);
        out.lower.col(at) = one->lower.col(from);
        out.upper.col(at) = one->upper.col(from);
      }
      for (std::size_t r = 0; r < rows.size(); ++r) out.in_range[r] = out.in_range[r] && one->in_range[r];
    }
    return out;
  }

 private:
  const Data& data_;
  const BenchmarkOptions& options_;
  std::string name_;
  std::vector<Model> models_;

  bool baseline() const { return name_ != "gnomon"; }
  /// Where an analytical model has been through the layers, gnomon's models learn from what it says.
  bool uses_nodes() const { return data_.nodes != nullptr && name_ != "mlp" && (baseline() || !data_.rows.find("analytical_lut")); }
  std::vector<std::vector<std::string>> singles() const {
    std::vector<std::vector<std::string>> out;
    for (const std::string& target : options_.targets) out.push_back({target});
    return out;
  }
  LabelTable inputs(const std::vector<std::size_t>& rows) const {
    if (baseline()) return raw_rows(data_, rows, name_ == "mlp");
    LabelTable out;
    for (const std::string& name : data_.features) out.add(part_of(*data_.rows.find(name), rows));
    return out;
  }
};

BenchmarkScore score_of(const std::string& target, const LabelTable::Column& labels, const std::vector<std::size_t>& rows, const Prediction& prediction, Eigen::Index column) {
  BenchmarkScore out;
  out.target = target;
  double sum = 0, squares = 0, error = 0, smape = 0, covered = 0, width = 0, interval = 0;
  std::vector<double> relative;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = labels.numbers[rows[i]];
    if (!std::isfinite(y)) continue;
    const auto at = static_cast<Eigen::Index>(i);
    const double p = prediction.mean(at, column), low = prediction.lower(at, column), high = prediction.upper(at, column);
    ++out.rows;
    sum += y;
    squares += y * y;
    error += (p - y) * (p - y);
    smape += 200 * std::abs(p - y) / (std::abs(p) + std::abs(y) + 1);
    if (y != 0) relative.push_back(100 * std::abs(p - y) / std::abs(y));
    covered += low <= y && y <= high;
    width += high - low;
    interval += (high - low) + 2 / level_alpha * (std::max(0.0, low - y) + std::max(0.0, y - high));
  }
  if (out.rows == 0) return out;
  const auto n = static_cast<double>(out.rows);
  const double variance = squares - sum * sum / n;
  out.r2 = variance > 0 ? 1 - error / variance : 0;
  out.smape_percent = smape / n;
  out.rmse = std::sqrt(error / n);
  if (!relative.empty()) {
    std::nth_element(relative.begin(), relative.begin() + static_cast<std::ptrdiff_t>(relative.size() / 2), relative.end());
    out.median_error_percent = relative[relative.size() / 2];
  }
  out.coverage = covered / n;
  out.mean_width = width / n;
  out.interval_score = interval / n;
  return out;
}

Expected<Data> read(const LabelTable& rows, const LabelTable* nodes, const BenchmarkOptions& options) {
  Data data{rows, nodes, "", {}, {}, {}, {}, {}, {}};
  auto network = rows.column("network");
  if (!network) return fail(std::move(network.error()));
  std::vector<Problem> problems;
  for (const std::string& target : options.targets) {
    auto column = rows.column(target);
    if (!column) return fail(std::move(column.error()));
    if (!(*column)->numeric) problems.push_back({rows.file(), target, "has words; a target has numbers"});
  }
  if (options.targets.empty()) problems.push_back({"", "targets", "found none"});
  if (nodes != nullptr) {
    if (auto key = nodes->column("network"); !key) return fail(std::move(key.error()));
    data.node_key = rows.find("row") ? "row" : "network";
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  for (const LabelTable::Column& column : rows.columns()) {
    if (is_meta(column.name) || std::find(options.targets.begin(), options.targets.end(), column.name) != options.targets.end()) continue;
    data.features.push_back(column.name);
  }
  const LabelTable::Column* exemplar = rows.find("exemplar");
  const LabelTable::Column* subset = rows.find("subset");
  const LabelTable::Column* split = rows.find("split");
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const std::string name = word(**network, r);
    if (exemplar && !exemplar->numeric && !exemplar->words[r].empty()) {
      data.exemplars[exemplar->words[r]].push_back(r);
      continue;
    }
    const std::string part = split && !split->numeric && !split->words[r].empty() ? split->words[r] : benchmark_split(name);
    if (part != "test") {
      data.learn.push_back(r);
      continue;
    }
    data.test.push_back(r);
    if (subset) data.subsets[word(*subset, r)].push_back(r);
    for (const std::string& target : options.targets) {
      const LabelTable::Column* flat = rows.find("flat_" + target);
      if (!flat || !flat->numeric || !std::isfinite(flat->numbers[r])) continue;
      data.flat.push_back(r);
      break;
    }
  }
  if (data.learn.size() < least_rows) problems.push_back({rows.file(), "", "has " + std::to_string(data.learn.size()) + " rows to learn from; " + std::to_string(least_rows) + " are needed"});
  if (data.test.empty()) problems.push_back({rows.file(), "", "has no test networks"});
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return data;
}

}  // namespace

const std::vector<BenchmarkModel>& benchmark_models() {
  static const std::vector<BenchmarkModel> models{
      {"gnomon", "the analytical model of layers and what families learn of its errors, or terms, chosen per target by held-out networks", false},
      {"analytical", "the analytical model of layers alone, which has seen no label", false},
      {"mlp", "baseline: statistics over layers by type, 64-128-128-64 for each target", false},
      {"gnn", "baseline: five rounds of messages along the chain of layers, 48 wide, pooled; sizes only", true},
      {"transformer", "baseline: encoder over layer tokens, two blocks, eight heads, 48 wide; sizes only", true},
  };
  return models;
}

std::string benchmark_split(const std::string& network) {
  std::uint64_t bits = 0;
  for (const char digit : sha256(network).substr(0, 8)) bits = bits * 16 + static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  const double at = static_cast<double>(bits) / 4294967296.0;
  return at < 0.7 ? "train" : at < 0.85 ? "validation" : "test";
}

Expected<BenchmarkReport> run_benchmark(const LabelTable& rows, const LabelTable* nodes, const BenchmarkOptions& options) {
  auto data = read(rows, nodes, options);
  if (!data) return fail(std::move(data.error()));
  std::vector<std::string> names, chosen = options.models;
  const bool has_analytical = std::all_of(options.targets.begin(), options.targets.end(), [&](const std::string& target) {
    const LabelTable::Column* column = rows.find("analytical_" + target);
    return column && column->numeric;
  });
  for (const BenchmarkModel& model : benchmark_models()) {
    names.push_back(model.name);
    if (options.models.empty() && (!model.needs_nodes || nodes) && (model.name != "analytical" || has_analytical)) chosen.push_back(model.name);
  }
  BenchmarkReport report;
  std::array<std::set<std::string>, 3> seen;
  const LabelTable::Column* network = rows.find("network");
  const LabelTable::Column* split = rows.find("split");
  for (const std::size_t r : data->learn) {
    const bool validation = (split && !split->numeric ? split->words[r] : benchmark_split(word(*network, r))) == "validation";
    seen[validation ? 1 : 0].insert(word(*network, r));
  }
  for (const std::size_t r : data->test) seen[2].insert(word(*network, r));
  report.train_networks = static_cast<std::int64_t>(seen[0].size());
  report.validation_networks = static_cast<std::int64_t>(seen[1].size());
  report.test_networks = static_cast<std::int64_t>(seen[2].size());
  report.flat_networks = static_cast<std::int64_t>(data->flat.size());
  std::vector<std::pair<std::string, std::vector<std::size_t>>> parts{{"all", data->test}};
  for (const auto& [name, which] : data->subsets) parts.emplace_back(name, which);
  if (!data->flat.empty()) parts.emplace_back("synthesised flat", data->flat);
  std::vector<std::size_t> all_exemplars;
  for (const auto& [name, which] : data->exemplars) all_exemplars.insert(all_exemplars.end(), which.begin(), which.end());
  report.exemplar_networks = static_cast<std::int64_t>(all_exemplars.size());
  if (!all_exemplars.empty()) parts.emplace_back("exemplars", all_exemplars);
  for (const auto& [name, which] : data->exemplars) parts.emplace_back("exemplar " + name, which);

  std::map<std::string, std::vector<BenchmarkCell>> by_part;
  for (const std::string& name : chosen) {
    const auto known = std::find_if(benchmark_models().begin(), benchmark_models().end(), [&](const BenchmarkModel& m) { return m.name == name; });
    if (known == benchmark_models().end()) return fail(ErrorKind::invalid_input, unknown_word("benchmark model", name, names));
    if (name == "analytical" && !has_analytical) return fail(ErrorKind::invalid_input, "benchmark model \"analytical\" needs a table of `gnomon dataset layers`");
    if (known->needs_nodes && !nodes) return fail(ErrorKind::invalid_input, "benchmark model " + in_quotes(name) + " needs the table of layers");
    if (options.progress) options.progress("training " + name);
    Entrant entrant(*data, options, name);
    BenchmarkModelInfo info{name, known->what, 0, 0, 0};
    double before = cpu_s();
    if (auto fitted = entrant.fit(); !fitted) return fail(fitted.error().kind(), "model " + in_quotes(name) + ": " + fitted.error().text());
    info.train_cpu_s = cpu_s() - before;
    for (const auto& [part, which] : parts) {
      const auto encoded = entrant.encode(which);
      if (!encoded) return fail(Error(encoded.error()));
      before = cpu_s();
      auto prediction = entrant.answer(which, *encoded);
      if (!prediction) return fail(std::move(prediction.error()));
      if (part == "all") {
        info.batch_us = options.features_us + 1e6 * (cpu_s() - before) / static_cast<double>(which.size());
        std::vector<std::vector<Encoded>> singles;
        for (std::size_t q = 0; q < std::min<std::size_t>(which.size(), 200); ++q) {
          singles.emplace_back();
          for (const Encoded& whole : *encoded) singles.back().push_back(rows_of(whole, Rows{q}));
        }
        before = cpu_s();
        for (std::size_t q = 0; q < singles.size(); ++q) {
          if (auto one = entrant.answer({which[q]}, singles[q]); !one) return fail(std::move(one.error()));
        }
        info.single_us = options.features_us + 1e6 * (cpu_s() - before) / static_cast<double>(singles.size());
      }
      BenchmarkCell cell{name, part, {}};
      for (std::size_t t = 0; t < options.targets.size(); ++t) {
        const std::string& target = options.targets[t];
        const std::string label = part == "synthesised flat" ? "flat_" + target : target;
        const LabelTable::Column* labels = rows.find(label);
        if (labels && labels->numeric) cell.scores.push_back(score_of(target, *labels, which, *prediction, static_cast<Eigen::Index>(t)));
        else cell.scores.push_back({target, 0, 0, 0, 0, 0, 0, 0, 0});
      }
      by_part[part].push_back(std::move(cell));
    }
    report.models.push_back(std::move(info));
  }
  for (const auto& [part, which] : parts) {
    for (BenchmarkCell& cell : by_part[part]) report.cells.push_back(std::move(cell));
  }
  if (!nodes) report.notes.push_back("No table of layers was given: baselines that read layers were left out.");
  report.notes.push_back("Baselines keep the paper's structures and depth at widths that a CPU trains in minutes (6 networks on statistics; 5 rounds of messages, summed instead of weighed by attention, 48 wide for 5 x 512; 2 encoder blocks with 8 heads, 48 wide for 512; at most 200 epochs), on the same networks and labels as gnomon's models. Times are processor time of one thread or more, intervals and the features of a network included, the reading of tables not.");
  return report;
}

}  // namespace gnomon::surrogate
