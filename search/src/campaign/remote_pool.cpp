#include "campaign/remote_pool.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "campaign/accuracy.hpp"
#include "campaign/process_pool.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

class RemotePool final : public Pool {
 public:
  explicit RemotePool(const Remote& remote) : remote_(remote) {}
  std::size_t capacity() const override { return std::max<std::size_t>(1, remote_.capacity); }
  Expected<std::int64_t> submit(std::size_t task, const arch::EvaluationJob& job) override {
    if (auto sent = remote_.submit(task, arch::to_json(job)); !sent) return fail(std::move(sent.error()));
    return this_process();
  }
  std::optional<PoolOutcome> wait(double seconds) override {
    auto answer = remote_.wait(seconds);
    if (!answer) return {};
    return PoolOutcome{answer->first, read_answer(answer->second)};
  }
  void observe(const arch::EvaluationJob&, const arch::Evaluation&) override {}

 private:
  const Remote& remote_;
};

}  // namespace

std::unique_ptr<Pool> make_remote_pool(const Remote& remote) {
  return std::make_unique<RemotePool>(remote);
}

Expected<arch::Evaluation> read_answer(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (json.contains("evaluation")) return arch::evaluation_from_json(json.at("evaluation").dump());
    return fail(kind_of_word(json.at("kind").get<std::string>()), json.at("error").get<std::string>());
  } catch (const std::exception&) {
    return fail(ErrorKind::run_failed, "the worker's answer cannot be read: " + in_quotes(text));
  }
}

std::string answer_job(const std::string& job_json, const arch::EvaluatorRegistry& registry,
                       std::map<std::pair<std::string, std::string>, std::unique_ptr<arch::Evaluator>>& evaluators) {
  const auto error = [](const Error& e) {
    return Json{{"kind", kind_word(e.kind())}, {"error", e.text()}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  auto job = arch::job_from_json(job_json);
  if (!job) return error(job.error());
  auto& evaluator = evaluators[{job->subject, job->fidelity}];
  if (!evaluator) {
    auto made = registry.make(job->subject, job->fidelity);
    if (!made) return error(made.error());
    evaluator = std::move(*made);
  }
  try {
    auto result = evaluate_job(*evaluator, *job);
    if (!result) return error(result.error());
    return "{\"evaluation\":" + arch::to_json(*result) + "}";
  } catch (const std::exception& e) {
    evaluator.reset();
    return error(Error(ErrorKind::run_failed, std::string("the evaluator failed: ") + e.what()));
  }
}

}  // namespace gnomon::search
