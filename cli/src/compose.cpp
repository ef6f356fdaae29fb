#include "compose.hpp"

#include <utility>

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
    search::register_problems(all);
    return hls::with_synthesis(std::move(all));
  }();
  return registry;
}

}  // namespace gnomon
