#include "campaign/command.hpp"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

std::string tail(const std::string& text) {
  constexpr std::size_t longest = 300;
  const std::string_view all = trimmed(text);
  return std::string(all.size() > longest ? all.substr(all.size() - longest) : all);
}

class CommandEvaluator final : public arch::Evaluator {
 public:
  bool needs_process() const override { return true; }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    auto document = Document::parse(job.options_json, "job");
    if (!document) return fail(std::move(document.error()));
    std::vector<std::string> argv;
    double cpu_s = 600;
    try {
      argv = document->root().at("command").get<std::vector<std::string>>();
      cpu_s = document->root().at("cpu_s").get<double>();
    } catch (const std::exception& error) {
      return fail(ErrorKind::invalid_input, std::string("the job has no command: ") + error.what());
    }
    if (argv.empty()) return fail(ErrorKind::invalid_input, "the command is empty");
    const std::string shown = in_quotes(argv[0]);
    if (argv[0].find('/') != std::string::npos && argv[0][0] != '/') {
      argv[0] = (std::filesystem::path(job.base_folder) / argv[0]).lexically_normal().string();
    }
    // A worker process has one thread, so its environment may be set.
    ::setenv("GNOMON_FIDELITY", job.fidelity.c_str(), 1);
    ::setenv("GNOMON_SEED", std::to_string(job.seed).c_str(), 1);
    ProcessOptions options;
    options.input = job.parameters_json + "\n";
    options.folder = job.base_folder;
    // The processor-time limit is inherited from the worker; this one ends a program that only waits.
    options.wall_seconds = 60 + 20 * cpu_s;
    auto result = run_process(argv, options);
    if (!result) return fail(std::move(result.error()));
    if (result->too_much_output)
      return fail(ErrorKind::run_failed, "command " + shown + " printed more than " + std::to_string(options.output_limit_bytes >> 20) + " MiB and was killed");
    if (result->timed_out)
      return fail(ErrorKind::run_failed, "command " + shown + " did not end within " + number(options.wall_seconds) + " s");
    if (result->exit_status != 0) {
      const std::string said = tail(result->err);
      const std::string how = result->exit_status > 128 ? "was ended by signal " + std::to_string(result->exit_status - 128)
                                                        : "ended with exit code " + std::to_string(result->exit_status);
      return fail(ErrorKind::run_failed, "command " + shown + " " + how + (said.empty() ? "" : ": " + said));
    }
    auto answer = Document::parse(result->out, "stdout of " + argv[0]);
    if (!answer) return fail(std::move(answer.error()));
    if (!answer->root().is_object())
      return fail(ErrorKind::run_failed, "command " + shown + " answered no JSON object: " + in_quotes(result->out));
    arch::Evaluation out;
    for (const auto& [name, value] : answer->root().items()) {
      if (!value.is_number())
        return fail(ErrorKind::run_failed, "command " + shown + ": metric " + in_quotes(name) + " is not a number");
      out.metrics.push_back({name, value.get<double>()});
    }
    return out;
  }
};

}  // namespace

std::unique_ptr<arch::Evaluator> make_command_evaluator() {
  return std::make_unique<CommandEvaluator>();
}

}  // namespace gnomon::search
