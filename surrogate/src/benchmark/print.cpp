#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <map>

#include "benchmark/published.hpp"
#include "gnomon/surrogate/benchmark.hpp"

namespace gnomon::surrogate {
namespace {

const std::vector<std::string>& paper_order() {
  static const std::vector<std::string> order{"bram", "dsp", "ff", "lut", "cycles", "ii"};
  return order;
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string head(const std::vector<std::string>& cells) {
  std::string rule = "|";
  for (std::size_t i = 0; i < cells.size(); ++i) rule += "---|";
  return row(cells) + rule + "\n";
}

template <class Value>
std::string join_scores(const BenchmarkCell& cell, Value value) {
  std::string out;
  for (const BenchmarkScore& score : cell.scores) out += (out.empty() ? "" : " ") + (score.rows > 0 ? value(score) : std::string("-"));
  return out;
}

template <std::size_t N>
std::string join_numbers(const double (&values)[N], const std::vector<std::string>& targets, const char* format) {
  std::string out;
  for (const std::string& target : targets) {
    const auto at = static_cast<std::size_t>(std::find(paper_order().begin(), paper_order().end(), target) - paper_order().begin());
    out += (out.empty() ? "" : " ") + (at < N ? fmt::format(fmt::runtime(format), values[at]) : std::string("-"));
  }
  return out;
}

std::string figure(double value) { return std::abs(value) >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value); }

}  // namespace

std::string benchmark_markdown(const BenchmarkReport& report, const BenchmarkOptions& options) {
  std::string names;
  for (const std::string& target : options.targets) names += (names.empty() ? "" : " ") + target;
  std::string out = fmt::format("Networks: {} to train, {} to validate, {} to test; {} exemplars, {} of the test networks synthesised flat. In each cell: {}.\n\n", report.train_networks,
                                report.validation_networks, report.test_networks, report.exemplar_networks, report.flat_networks, names);
  out += head({"subset", "networks", "model", "R2", "SMAPE (+1) %", "RMSE"});
  std::string last;
  for (const BenchmarkCell& cell : report.cells) {
    std::int64_t rows = 0;
    for (const BenchmarkScore& score : cell.scores) rows = std::max(rows, score.rows);
    out += row({cell.subset == last ? "" : cell.subset, std::to_string(rows), cell.model, join_scores(cell, [](const auto& s) { return fmt::format("{:.2f}", s.r2); }),
                join_scores(cell, [](const auto& s) { return fmt::format("{:.1f}", s.smape_percent); }), join_scores(cell, [](const auto& s) { return figure(s.rmse); })});
    last = cell.subset;
  }
  out += "\n" + head({"subset", "model", "median error %", "coverage of 90 % intervals", "mean width", "interval score"});
  last.clear();
  for (const BenchmarkCell& cell : report.cells) {
    out += row({cell.subset == last ? "" : cell.subset, cell.model, join_scores(cell, [](const auto& s) { return fmt::format("{:.1f}", s.median_error_percent); }),
                join_scores(cell, [](const auto& s) { return fmt::format("{:.2f}", s.coverage); }), join_scores(cell, [](const auto& s) { return figure(s.mean_width); }),
                join_scores(cell, [](const auto& s) { return figure(s.interval_score); })});
    last = cell.subset;
  }
  out += "\n" + head({"model", "what it is", "training, CPU s", "us a query in a batch", "us a query alone"});
  for (const BenchmarkModelInfo& model : report.models) {
    out += row({model.name, model.what, fmt::format("{:.1f}", model.train_cpu_s), fmt::format("{:.2f}", model.batch_us), fmt::format("{:.1f}", model.single_us)});
  }
  out += "\nPublished figures, on their own labels (Vivado and Vitis HLS, 102,484 and 92,933 test networks):\n\n";
  out += head({"subset", "model", "source", "R2", "SMAPE (+1) %"});
  for (const Published& p : published()) {
    out += row({p.subset, p.model, p.source, join_numbers(p.r2, options.targets, "{:.2f}"), join_numbers(p.smape, options.targets, "{:.1f}")});
  }
  for (const PublishedExemplars& p : published_exemplars()) {
    out += row({"exemplars", p.model, "leaderboard, 886 networks", fmt::format("mean {:.2f}", p.mean_r2), join_numbers(p.smape, options.targets, "{:.1f}")});
  }
  for (const std::string& note : report.notes) out += "\n" + note + "\n";
  return out;
}

Json benchmark_json(const BenchmarkReport& report, const BenchmarkOptions& options) {
  Json out{{"schema", "gnomon.surrogate.benchmark/1"},
           {"networks", Json{{"train", report.train_networks},
                             {"validation", report.validation_networks},
                             {"test", report.test_networks},
                             {"exemplars", report.exemplar_networks},
                             {"flat", report.flat_networks}}},
           {"targets", options.targets}};
  out["scores"] = Json::array();
  for (const BenchmarkCell& cell : report.cells) {
    for (const BenchmarkScore& s : cell.scores) {
      if (s.rows == 0) continue;
      out["scores"].push_back(Json{{"subset", cell.subset}, {"model", cell.model}, {"target", s.target}, {"rows", s.rows}, {"r2", s.r2}, {"smape_percent", s.smape_percent},
                                   {"rmse", s.rmse}, {"median_error_percent", s.median_error_percent}, {"coverage", s.coverage}, {"mean_width", s.mean_width},
                                   {"interval_score", s.interval_score}});
    }
  }
  out["models"] = Json::array();
  for (const BenchmarkModelInfo& m : report.models) {
    out["models"].push_back(Json{{"name", m.name}, {"what", m.what}, {"train_cpu_s", m.train_cpu_s}, {"batch_us", m.batch_us}, {"single_us", m.single_us}});
  }
  out["published"] = Json::array();
  const auto by_target = [&](const double(&values)[6]) {
    Json object = Json::object();
    for (std::size_t i = 0; i < paper_order().size(); ++i) object[paper_order()[i]] = values[i];
    return object;
  };
  for (const Published& p : published()) {
    out["published"].push_back(Json{{"subset", p.subset}, {"model", p.model}, {"source", p.source}, {"r2", by_target(p.r2)}, {"smape_percent", by_target(p.smape)}});
  }
  for (const PublishedExemplars& p : published_exemplars()) {
    out["published"].push_back(Json{{"subset", "exemplars"}, {"model", p.model}, {"source", "leaderboard"}, {"mean_r2", p.mean_r2}, {"smape_percent", by_target(p.smape)}});
  }
  out["notes"] = report.notes;
  return out;
}

}  // namespace gnomon::surrogate
