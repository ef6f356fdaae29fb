#include "compose.hpp"

#include <utility>

#include "gnomon/base/json.hpp"
#include "gnomon/hls/kernel.hpp"
#include "gnomon/hls/register.hpp"
#include "gnomon/search/problems.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/surrogate/evaluator.hpp"

namespace gnomon {

const arch::EvaluatorRegistry& evaluators() {
  static const arch::EvaluatorRegistry registry = [] {
    arch::EvaluatorRegistry all;
    sim::register_analytical(all);
    sim::register_cycle(all);
    sim::register_memory(all);
    surrogate::register_evaluators(all);
    hls::register_evaluators(all);
    hls::register_kernels(all);
    search::register_problems(all);
    return surrogate::with_predicted_resources(hls::with_synthesis(std::move(all)));
  }();
  return registry;
}

Expected<search::Campaign> load_campaign(const std::filesystem::path& path) {
  auto campaign = search::load_campaign(path);
  if (!campaign || campaign->subject != "kernel") return campaign;
  auto document = Document::parse(campaign->design_json, campaign->file + " /design");
  if (!document) return fail(std::move(document.error()));
  if (auto kernel = hls::read_kernel(*document); !kernel) return fail(std::move(kernel.error()));
  return campaign;
}

}  // namespace gnomon
