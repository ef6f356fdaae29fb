#include <memory>

#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/hls/register.hpp"

namespace gnomon::hls {
namespace {

/// A kernel with its directives. Fidelity `cycle`: compiled, with the schedule that the independent checker accepts; data-dependent control as
/// seeded inputs decide it. Fidelity `rtl`: the same, and its RTL in Verilator against interpreter and timing model. Errors: those of read_kernel()
/// and compile() (directives that cannot be carried out fail the trial), of tools; run_failed where the RTL's cycles differ.
class KernelEvaluator final : public arch::Evaluator {
 public:
  explicit KernelEvaluator(bool rtl) : rtl_(rtl) {}
  bool needs_process() const override { return true; }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    auto document = Document::parse(job.design_json, "kernel");
    if (!document) return fail(std::move(document.error()));
    auto kernel = read_kernel(*document);
    if (!kernel) return fail(std::move(kernel.error()));
    if (!kernel->directives.array.empty()) return fail(ErrorKind::unsupported, "a kernel on the systolic array; explore it as an accelerator");
    auto compiled = compile(*kernel);
    if (!compiled) return fail(std::move(compiled.error()));
    arch::Evaluation out;
    const auto put = [&](const char* name, double value) { out.metrics.push_back({name, value}); };
    put("latency_cycles", static_cast<double>(compiled->total_cycles));
    put("latency_s", static_cast<double>(compiled->total_cycles) * kernel->directives.clock_ns * 1e-9);
    put("compute_cycles", static_cast<double>(compiled->latency_cycles));
    put("ii", static_cast<double>(compiled->ii));
    put("depth_cycles", static_cast<double>(compiled->depth_cycles));
    put("register_bits", static_cast<double>(compiled->register_bits));
    if (!rtl_) return out;
    CosimOptions options;
    options.seed = job.seed;
    auto run = cosimulate_kernels({&*compiled}, options);
    if (!run) return fail(std::move(run.error()));
    const KernelCosim& one = run->front();
    if (!one.stuck.empty()) return fail(ErrorKind::run_failed, "the RTL does not end: " + one.stuck);
    if (one.cycle_difference != 0)
      return fail(ErrorKind::run_failed, "the RTL takes " + std::to_string(one.rtl_cycles) + " cycles, the timing model says " + std::to_string(one.model_cycles));
    put("outputs_match", one.outputs_match ? 1 : 0);
    put("mismatches", static_cast<double>(one.mismatches));
    put("rtl_cycles", static_cast<double>(one.rtl_cycles));
    put("model_cycles", static_cast<double>(one.model_cycles));
    put("cycle_difference", static_cast<double>(one.cycle_difference));
    return out;
  }

 private:
  bool rtl_;
};

}  // namespace

void register_kernels(arch::EvaluatorRegistry& registry) {
  registry.add("kernel", "cycle", [] { return std::make_unique<KernelEvaluator>(false); });
  registry.add("kernel", "rtl", [] { return std::make_unique<KernelEvaluator>(true); });
}

}  // namespace gnomon::hls
