#pragma once

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "gnomon/search/problems.hpp"
#include "gnomon/search/study.hpp"

namespace gnomon::search::test {

/// A space from JSON text; the test stops where it is wrong.
inline arch::Space space(const std::string& space_json, const std::string& rules_json = "[]") {
  const auto document = Document::parse("{\"space\": " + space_json + ", \"rules\": " + rules_json + "}", "test");
  auto read = arch::read_space(document.value(), "/space", "/rules");
  return std::move(read.value());
}

inline StudyOptions options(const std::string& agent, std::size_t objectives, std::size_t constraints, std::uint64_t seed) {
  StudyOptions out;
  out.agent = agent;
  for (std::size_t k = 0; k < objectives; ++k) out.objectives.push_back({"f" + std::to_string(k + 1), false});
  out.constraints = constraints;
  out.seed = seed;
  return out;
}

/// Runs a study on a shipped problem, a batch at a time, and gives it back.
inline Study run_problem(const std::string& name, const std::string& agent, std::size_t evaluations, std::uint64_t seed,
                         std::size_t batch = 8) {
  const ProblemInfo& info = **find_problem(name);
  StudyOptions o;
  o.agent = agent;
  o.objectives = info.objectives;
  o.constraints = info.constraints.size();
  o.seed = seed;
  Study study = std::move(Study::create(problem_space(info).value(), o).value());
  while (study.trials().size() < evaluations) {
    const auto trials = study.ask(std::min(batch, evaluations - study.trials().size()));
    if (trials.empty()) break;
    for (const StudyTrial& t : trials) {
      const auto values = evaluate_problem(name, study.space().to_json(t.point).dump()).value();
      const auto at = [&](const std::string& metric) {
        for (std::size_t i = 0; i < info.metrics.size(); ++i) {
          if (info.metrics[i] == metric) return values[i];
        }
        return 0.0;
      };
      std::vector<double> objectives, violations;
      for (const auto& objective : info.objectives) objectives.push_back(at(objective.metric));
      for (const auto& limit : info.constraints) violations.push_back(at(limit.metric) - limit.max);
      if (!study.tell(t.number, objectives, violations)) std::abort();
    }
  }
  return study;
}

/// An empty folder of this test, below the system's temporary folder.
inline std::filesystem::path fresh_folder(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() / ("gnomon_" + name + "_" + std::to_string(::getpid()));
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace gnomon::search::test
