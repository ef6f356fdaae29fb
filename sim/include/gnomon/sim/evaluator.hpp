#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/sim/result.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::sim {

/// What all models of an accelerator share: from a job to design, graphs and mappings, and from several workloads to one answer.
///
/// Workloads are loaded once per object and kept. Over several workloads, cycles, seconds, bytes, MACs and energies are weighted sums, peak memory
/// is the largest, area is the design's; power, utilization and the energy-delay product follow from the sums. `NAME@MODEL` gives each alone
/// (`MODEL?batch=N` where a model occurs with several batches). A given mapping is checked; without one, the mapper chooses
/// (least energy-delay product; with `{"goal": "latency" | "energy" | "edp"}` in the job's options, what they say).
class AcceleratorEvaluator : public arch::Evaluator {
 public:
  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override;

 protected:
  /// Everything about one workload on one design that a model needs; references live as long as the call.
  struct Run {
    const arch::Design& design;
    const workloads::Graph& graph;
    const std::vector<arch::LoweredOperator>& lowered;
    const arch::Mapping& mapping;
    const std::vector<PlannedStep>& plan;
    const arch::EvaluationJob& job;
  };
  virtual Expected<arch::Evaluation> simulate(const Run& run) = 0;

 private:
  std::map<std::string, std::shared_ptr<const workloads::Graph>> graphs_;

  Expected<std::shared_ptr<const workloads::Graph>> graph(const arch::WorkloadRef& workload, const std::string& base_folder);
};

}  // namespace gnomon::sim
