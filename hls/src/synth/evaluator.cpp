#include <algorithm>
#include <memory>

#include "gnomon/arch/synthesis.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel_synth.hpp"
#include "gnomon/hls/register.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {
namespace {

/// Another evaluator's answer with the figures of synthesis beside it, where the job asks for targets: of a metric that several have, the first one's.
class WithSynthesis : public arch::Evaluator {
 public:
  explicit WithSynthesis(std::unique_ptr<arch::Evaluator> inner) : inner_(std::move(inner)) {}
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
    const std::vector<std::string> targets = arch::synthesis_targets(arch::take_option(plain, "synthesis"));
    auto evaluation = inner_->evaluate(plain);
    if (!evaluation || targets.empty()) return evaluation;
    auto document = Document::parse(job.design_json, "design");
    if (!document) return fail(std::move(document.error()));
    const auto given = arch::synthesis_metrics(targets);
    for (const std::string& target : targets) {
      if (std::none_of(given.begin(), given.end(), [&](const auto& one) { return one.second == target; })) continue;
      SynthOptions options;
      const std::string whole = "-complete";
      options.complete = target.ends_with(whole);
      options.target = options.complete ? target.substr(0, target.size() - whole.size()) : target;
      options.jobs = 1;  // evaluations run beside each other
      auto synth = job.subject == "kernel" ? of_kernel(*document, options) : of_design(*document, options);
      if (!synth) return fail(std::move(synth.error()));
      for (const auto& [name, giver] : given) {
        if (giver != target) continue;
        if (const auto value = figure(*synth, name)) evaluation->metrics.push_back({name, *value});
      }
    }
    return evaluation;
  }

 private:
  std::unique_ptr<arch::Evaluator> inner_;

  static std::optional<double> figure(const SynthResult& synth, const std::string& metric) {
    const std::pair<const char*, const std::optional<double>*> all[] = {{"lut", &synth.total.lut},   {"ff", &synth.total.ff},
                                                                        {"dsp", &synth.total.dsp},   {"bram", &synth.total.bram},
                                                                        {"cell_area_um2", &synth.total.area_um2}, {"fmax_mhz", &synth.fmax_mhz}};
    for (const auto& [name, value] : all)
      if (metric == name) return *value;
    return std::nullopt;
  }
  static Expected<SynthResult> of_design(const Document& document, const SynthOptions& options) {
    auto design = arch::parse_design(document);
    if (!design) return fail(std::move(design.error()));
    return synthesise(*design, options);
  }
  static Expected<SynthResult> of_kernel(const Document& document, const SynthOptions& options) {
    auto kernel = read_kernel(document);
    if (!kernel) return fail(std::move(kernel.error()));
    return synthesise(*kernel, options);
  }
};

}  // namespace

arch::EvaluatorRegistry with_synthesis(arch::EvaluatorRegistry inner) {
  return arch::wrapped(std::move(inner), [](const std::string& subject, const std::string& fidelity, std::unique_ptr<arch::Evaluator> evaluator) -> std::unique_ptr<arch::Evaluator> {
    // What a surrogate says of a kernel holds the synthesised metrics too, learned from the slower fidelities.
    if (subject != "accelerator" && (subject != "kernel" || fidelity == "surrogate")) return evaluator;
    return std::make_unique<WithSynthesis>(std::move(evaluator));
  });
}

}  // namespace gnomon::hls
