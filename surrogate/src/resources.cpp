#include <algorithm>
#include <memory>

#include "gnomon/arch/synthesis.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/shipped.hpp"

namespace gnomon::surrogate {
namespace {

/// What a job may ask for, and which of the model's targets answers each metric of it.
struct Asked {
  const char* synthesis;
  std::vector<std::pair<std::string, std::string>> metrics;  ///< target, metric
};

const std::vector<Asked>& all_asked() {
  static const std::vector<Asked> list{
      {"xcup-complete", {{"lut", "lut"}, {"ff", "ff"}, {"dsp", "dsp"}, {"bram", "bram"}}},
      {"osu018-complete", {{"cell_ff", "ff"}, {"cell_area_um2", "cell_area_um2"}, {"fmax_mhz", "fmax_mhz"}}},
  };
  return list;
}

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
  Expected<void> check(const arch::EvaluationJob& job) override {
    arch::EvaluationJob plain = job;
    arch::take_option(plain, "synthesis");
    return inner_->check(plain);
  }
  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override {
    arch::EvaluationJob plain = job;
    arch::take_option(plain, "synthesis");
    inner_->observe(plain, result);
  }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    arch::EvaluationJob plain = job;
    const auto asked = taken(plain);
    if (asked.empty()) return inner_->evaluate(job);
    const Expected<Model>& model = resource_model();
    if (!model) return fail(Error(model.error()));
    auto evaluation = inner_->evaluate(plain);
    if (!evaluation) return evaluation;
    auto table = read_design_table(job.design_json, "design");
    if (!table) return fail(std::move(table.error()));
    auto prediction = model->predict(*table);
    if (!prediction) return fail(std::move(prediction.error()));
    for (const auto& [target, name] : asked) {
      const auto& targets = model->info().targets;
      const auto found = std::find_if(targets.begin(), targets.end(), [&](const auto& one) { return one.name == target; });
      if (found == targets.end()) return fail(ErrorKind::run_failed, "the shipped model of complete designs has no target " + in_quotes(target));
      const auto at = static_cast<Eigen::Index>(found - targets.begin());
      evaluation->metrics.push_back({name, prediction->mean(0, at)});
      evaluation->intervals.push_back({name, prediction->lower(0, at), prediction->upper(0, at)});
    }
    evaluation->in_range = evaluation->in_range && prediction->in_range[0] != 0;
    return evaluation;
  }

 private:
  std::unique_ptr<arch::Evaluator> inner_;

  /// Takes the wish out of the job's options: the model's targets and the metrics that they answer, of a metric that several ask for the first one's. Empty where
  /// it asks for nothing, or for anything that the model does not know.
  static std::vector<std::pair<std::string, std::string>> taken(arch::EvaluationJob& job) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const std::string& synthesis : arch::synthesis_targets(arch::take_option(job, "synthesis"))) {
      const std::vector<Asked>& all = all_asked();
      const auto found = std::find_if(all.begin(), all.end(), [&](const Asked& one) { return synthesis == one.synthesis; });
      if (found == all.end()) return {};
      for (const auto& [target, metric] : found->metrics)
        if (std::none_of(out.begin(), out.end(), [&](const auto& known) { return known.second == metric; })) out.emplace_back(target, metric);
    }
    return out;
  }
};

}  // namespace

arch::EvaluatorRegistry with_predicted_resources(arch::EvaluatorRegistry inner) {
  return arch::wrapped(std::move(inner), [](const std::string& subject, const std::string& fidelity, std::unique_ptr<arch::Evaluator> evaluator) -> std::unique_ptr<arch::Evaluator> {
    if (subject != "accelerator" || fidelity != "surrogate") return evaluator;
    return std::make_unique<WithResources>(std::move(evaluator));
  });
}

}  // namespace gnomon::surrogate
