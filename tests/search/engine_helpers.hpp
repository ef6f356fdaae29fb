#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/search/engine.hpp"
#include "gnomon/search/store.hpp"
#include "problems.hpp"
#include "test_evaluators.hpp"

namespace gnomon::search::test {

inline arch::EvaluatorRegistry test_registry() {
  arch::EvaluatorRegistry registry;
  register_test_evaluators(registry);
  return registry;
}

/// A campaign over the test evaluator; `more` is spliced in as further keys.
inline std::string campaign_text(const std::string& space, const std::string& more) {
  return R"({"version": 1, "name": "test", "subject": "command", "command": ["unused"], "space": )" + space +
         R"(, "objectives": [{"metric": "first"}, {"metric": "second"}], "constraints": [{"metric": "third", "max": 16}])" +
         (more.empty() ? "" : ", " + more) + "}";
}
inline const char* plain_space() {
  return R"({"x": {"int": [0, 15]}, "y": {"int": [0, 15]}})";
}

inline Campaign parse_campaign(const std::string& text) {
  auto document = Document::parse(text, "campaign.json");
  EXPECT_TRUE(document) << document.error().text();
  auto campaign = read_campaign(*document, std::filesystem::temp_directory_path());
  EXPECT_TRUE(campaign) << campaign.error().text();
  return std::move(*campaign);
}

inline RunOptions run_options(const std::filesystem::path& folder, int jobs) {
  RunOptions options;
  options.out_dir = folder;
  options.jobs = jobs;
  options.worker_command = {SEARCH_TEST_WORKER, "worker"};
  return options;
}

inline std::string content(const std::filesystem::path& path) {
  return read_file(path).value_or("");
}

/// The first line in which two texts differ, for messages; empty where they are equal.
inline std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  for (std::string x, y;;) {
    const bool more_left = static_cast<bool>(std::getline(left, x)), more_right = static_cast<bool>(std::getline(right, y));
    if (!more_left && !more_right) return "";
    if (!more_left) x = "(end)";
    if (!more_right) y = "(end)";
    if (x != y) return x + "\n  and\n" + y;
  }
}

/// Every row of the tables that follow from the campaign alone, as text.
std::string dump_results(const std::filesystem::path& folder);

}  // namespace gnomon::search::test
