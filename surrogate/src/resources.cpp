#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/shipped.hpp"

namespace gnomon::surrogate {
namespace {

constexpr const char* target = "xcup-complete";

const Expected<Model>& resource_model() {
  // The shipped one, whatever files lie in the working folder.
  static const Expected<Model> model = [] {
    const std::vector<ShippedModel>& all = shipped_models();
    const auto found = std::find_if(all.begin(), all.end(), [](const ShippedModel& one) { return one.name == "design"; });
    if (found == all.end()) return Expected<Model>(fail(ErrorKind::run_failed, "the model of complete designs is not shipped"));
    return Model::from_bytes(std::string(found->bytes), found->name);
  }();
  return model;
}

/// Another evaluator's answer with predicted resources beside it, where the job asks for what the model knows.
class WithResources : public arch::Evaluator {
 public:
  explicit WithResources(std::unique_ptr<arch::Evaluator> inner) : inner_(std::move(inner)) {}
  bool needs_process() const override { return inner_->needs_process(); }
  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override {
    arch::EvaluationJob plain = job;
    taken(plain);
    inner_->observe(plain, result);
  }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    arch::EvaluationJob plain = job;
    if (!taken(plain)) return inner_->evaluate(job);
    auto evaluation = inner_->evaluate(plain);
    if (!evaluation) return evaluation;
    const Expected<Model>& model = resource_model();
    if (!model) return fail(Error(model.error()));
    auto table = read_design_table(job.design_json, "design");
    if (!table) return fail(std::move(table.error()));
    auto prediction = model->predict(*table);
    if (!prediction) return fail(std::move(prediction.error()));
    for (std::size_t t = 0; t < model->target_count(); ++t) {
      const std::string& name = model->info().targets[t].name;
      const auto at = static_cast<Eigen::Index>(t);
      evaluation->metrics.push_back({name, prediction->mean(0, at)});
      evaluation->intervals.push_back({name, prediction->lower(0, at), prediction->upper(0, at)});
    }
    evaluation->in_range = evaluation->in_range && prediction->in_range[0] != 0;
    return evaluation;
  }

 private:
  std::unique_ptr<arch::Evaluator> inner_;

  /// Takes the wish out of the job's options; false where it asks for nothing, or for another target.
  static bool taken(arch::EvaluationJob& job) {
    if (job.options_json.find("\"synthesis\"") == std::string::npos) return false;
    Json options = Json::parse(job.options_json, nullptr, false);
    if (!options.is_object() || !options.contains("synthesis") || options.at("synthesis") != target) return false;
    options.erase("synthesis");
    job.options_json = options.empty() ? "" : options.dump();
    return true;
  }
};

}  // namespace

arch::EvaluatorRegistry with_predicted_resources(arch::EvaluatorRegistry inner) {
  const auto shared = std::make_shared<const arch::EvaluatorRegistry>(std::move(inner));
  arch::EvaluatorRegistry out;
  for (const std::string& subject : shared->subjects())
    for (const std::string& fidelity : shared->fidelities(subject))
      out.add(subject, fidelity, [shared, subject, fidelity]() -> std::unique_ptr<arch::Evaluator> {
        auto made = shared->make(subject, fidelity);
        if (subject != "accelerator" || fidelity != "surrogate") return std::move(*made);
        return std::make_unique<WithResources>(std::move(*made));
      });
  return out;
}

}  // namespace gnomon::surrogate
