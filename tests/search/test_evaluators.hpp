#pragma once

#include <unistd.h>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/search/problems.hpp"

namespace gnomon::search::test {

/// The closed-form `systolic` problem in a worker process, under the subject `command` (whose parameters are free), with
/// parameter `trouble` deciding what goes wrong: `none`, `crash`, `abort`, `exit`, `spin`, `sleep`, `memory`, `error`, `noise`
/// (prints to stdout), `nan`. The fidelity `analytical` runs in threads and is off by 20 % and a fixed ripple; `cycle` is exact.
class TroubleEvaluator final : public arch::Evaluator {
 public:
  explicit TroubleEvaluator(bool process) : process_(process) {}
  bool needs_process() const override { return process_; }
  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    const auto params = nlohmann::ordered_json::parse(job.parameters_json);
    const std::string trouble = params.value("trouble", std::string("none"));
    if (trouble == "crash") std::raise(SIGSEGV);
    if (trouble == "abort") std::abort();
    if (trouble == "exit") ::_exit(7);
    if (trouble == "spin") {
      std::atomic<std::uint64_t> turns = 0;
      for (;;) turns.fetch_add(1);
    }
    if (trouble == "sleep") {
      for (;;) ::pause();
    }
    if (trouble == "memory") {
      std::vector<std::vector<char>> held;
      for (;;) held.emplace_back(std::size_t{64} << 20, 'x');
    }
    if (trouble == "error") return fail(ErrorKind::invalid_input, "this design is wrong, on purpose");
    if (trouble == "noise") {
      std::printf("{\"task\": 0, \"evaluation\": \"not one\"}\n");
      std::fflush(stdout);
    }
    const double x = params.at("x").get<double>(), y = params.at("y").get<double>();
    double first = (x - 3) * (x - 3) + y, second = (x - 9) * (x - 9) + 0.5 * y + 1;
    if (!process_) {
      first = 1.2 * first + 0.3 * std::sin(7 * x + y);
      second = 1.2 * second;
    }
    if (trouble == "nan") first = std::nan("");
    arch::Evaluation out;
    out.metrics = {{"first", first}, {"second", second}, {"third", x + y}, {"pid", static_cast<double>(::getpid())}};
    // The process id is what a result must never depend on; tests that compare bytes leave it out.
    if (!params.contains("with_pid")) out.metrics.pop_back();
    arch::LayerMetrics layer;
    layer.name = "conv1";
    layer.op = "Conv";
    layer.macs = 1000;
    layer.latency_cycles = static_cast<std::int64_t>(100 * x) + 1;
    layer.energy_pj = first;
    out.layers.push_back(layer);
    out.energy_breakdown_pj = {{"mac", 0.25 * first}, {"dram", 0.75 * first}};
    return out;
  }

 private:
  bool process_;
};

/// In a worker process: answers with the number of results that it was told.
class Listener final : public arch::Evaluator {
 public:
  bool needs_process() const override { return true; }
  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    const auto params = nlohmann::ordered_json::parse(job.parameters_json);
    arch::Evaluation out;
    out.metrics = {{"first", params.at("x").get<double>()}, {"second", params.at("y").get<double>()}, {"third", 0}, {"heard", static_cast<double>(heard_)}};
    return out;
  }
  void observe(const arch::EvaluationJob&, const arch::Evaluation& result) override { heard_ += result.metrics.empty() ? 0 : 1; }

 private:
  int heard_ = 0;
};

inline void register_test_evaluators(arch::EvaluatorRegistry& registry) {
  register_problems(registry);
  registry.add("command", "analytical", [] { return std::make_unique<TroubleEvaluator>(false); });
  registry.add("command", "cycle", [] { return std::make_unique<TroubleEvaluator>(true); });
  registry.add("command", "rtl", [] { return std::make_unique<Listener>(); });
}

}  // namespace gnomon::search::test
