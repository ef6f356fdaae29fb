// Worker (`plain-worker`: with the shipped evaluators only) and coordinator of the engine's tests: `worker` is the worker loop;
// `run CAMPAIGN.json OUT JOBS` runs a campaign with itself as worker, `compare CAMPAIGN.json OUT` compares two agents on it.
#include <unistd.h>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "gnomon/base/process.hpp"
#include "gnomon/search/compare.hpp"
#include "gnomon/search/engine.hpp"
#include "gnomon/search/worker.hpp"
#include "test_evaluators.hpp"

int main(int argc, char** argv) {
  gnomon::arch::EvaluatorRegistry registry;
  gnomon::search::test::register_test_evaluators(registry);
  if (argc >= 2 && std::string(argv[1]) == "worker") return gnomon::search::worker_main(registry);
  if (argc >= 2 && std::string(argv[1]) == "plain-worker") {
    gnomon::arch::EvaluatorRegistry plain;
    gnomon::search::register_problems(plain);
    return gnomon::search::worker_main(plain);
  }
  if (argc >= 4 && std::string(argv[1]) == "compare") {
    auto campaign = gnomon::search::load_campaign(argv[2]);
    if (!campaign) return 3;
    gnomon::search::CompareOptions options;
    options.out_dir = argv[3];
    options.agents = {"random", "nsga2"};
    options.seeds = 3;
    options.jobs = 2;
    options.worker_command = {gnomon::this_program().string(), "worker"};
    return gnomon::search::compare_agents(*campaign, options, registry) ? 0 : 1;
  }
  if (argc < 5) return 2;
  auto campaign = gnomon::search::load_campaign(argv[2]);
  if (!campaign) {
    std::fprintf(stderr, "%s\n", campaign.error().text().c_str());
    return 3;
  }
  gnomon::search::RunOptions options;
  options.out_dir = argv[3];
  options.jobs = std::atoi(argv[4]);
  options.worker_command = {gnomon::this_program().string(), "worker"};
  auto summary = gnomon::search::run_campaign(*campaign, options, registry);
  if (!summary) {
    std::fprintf(stderr, "%s\n", summary.error().text().c_str());
    return 1;
  }
  return 0;
}
