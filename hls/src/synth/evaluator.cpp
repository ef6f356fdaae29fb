#include <algorithm>
#include <memory>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/compile.hpp"
#include "gnomon/hls/register.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {
namespace {

/// Another evaluator's answer with the figures of synthesis beside it, where the job asks for a target.
class WithSynthesis : public arch::Evaluator {
 public:
  explicit WithSynthesis(std::unique_ptr<arch::Evaluator> inner) : inner_(std::move(inner)) {}
  bool needs_process() const override { return inner_->needs_process(); }
  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override {
    arch::EvaluationJob plain = job;
    arch::take_option(plain, "synthesis");
    inner_->observe(plain, result);
  }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    arch::EvaluationJob plain = job;
    const std::string target = arch::take_option(plain, "synthesis");
    auto evaluation = inner_->evaluate(plain);
    if (!evaluation || target.empty()) return evaluation;
    auto document = Document::parse(job.design_json, "design");
    if (!document) return fail(std::move(document.error()));
    SynthOptions options;
    const std::string whole = "-complete";
    options.complete = target.size() > whole.size() && target.compare(target.size() - whole.size(), whole.size(), whole) == 0;
    options.target = options.complete ? target.substr(0, target.size() - whole.size()) : target;
    options.jobs = 1;  // evaluations run beside each other
    auto synth = job.subject == "kernel" ? of_kernel(*document, options) : of_design(*document, options);
    if (!synth) return fail(std::move(synth.error()));
    const auto put = [&](const char* name, const std::optional<double>& value) {
      if (value) evaluation->metrics.push_back({name, *value});
    };
    put("lut", synth->total.lut);
    put("ff", synth->total.ff);
    put("dsp", synth->total.dsp);
    put("bram", synth->total.bram);
    put("cell_area_um2", synth->total.area_um2);
    put("fmax_mhz", synth->fmax_mhz);
    return evaluation;
  }

 private:
  std::unique_ptr<arch::Evaluator> inner_;

  static Expected<SynthResult> of_design(const Document& document, const SynthOptions& options) {
    auto design = arch::parse_design(document);
    if (!design) return fail(std::move(design.error()));
    return synthesise(*design, options);
  }
  static Expected<SynthResult> of_kernel(const Document& document, const SynthOptions& options) {
    auto kernel = read_kernel(document);
    if (!kernel) return fail(std::move(kernel.error()));
    auto compiled = compile(*kernel);
    if (!compiled) return fail(std::move(compiled.error()));
    return synthesise(compiled->rtl, options);
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
