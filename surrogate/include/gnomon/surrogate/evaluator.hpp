#pragma once

#include <memory>
#include <string>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Label tables from evaluations: for every operator that takes time the columns of `layer_features()`, `design` (a hash: the group that must stay
/// together in splits), `layer`, and the labels `latency_cycles` and `energy_pj`. Rows whose features were added before are left out.
class LayerLabels {
 public:
  LayerLabels();
  ~LayerLabels();
  LayerLabels(LayerLabels&&) noexcept;
  LayerLabels& operator=(LayerLabels&&) noexcept;

  /// Adds the layers of an evaluation (of the job's first workload, which is what evaluations hold). The analytical model and the
  /// mapper run once to make the features.
  Expected<void> add(const arch::EvaluationJob& job, const arch::Evaluation& evaluation);
  std::size_t rows() const;
  std::size_t designs() const;
  arch::LabelTable table() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `accelerator/surrogate`. The job's options are `{"model": FILE}`, or nothing.
///
/// A model file whose features are those of `layer_features()` and whose targets include `latency_cycles` and `energy_pj` predicts layer by
/// layer; cycles never fall below the exact compute cycles, and operators that take no time keep their exact energy. Totals are sums; their
/// intervals are sums of the layers' ends, as if all layers erred together, which is wider than need be and never narrower; where an operator is out of range they span the analytical model's totals too. On several
/// cores, the total latency is the analytical one scaled by the layers' sum.
///
/// A model file trained on a campaign's folder (features: parameters as paths into the design, and `macs`) predicts totals only. It knows the
/// workload by its MACs alone: another count is out of range.
///
/// Without a model file it learns: results of slower fidelities that `observe` brings become training rows, and a small ensemble is trained anew
/// whenever they have grown by a third, beginning with 60 rows of 8 designs. Before that it answers as the analytical model does, marked out of range.
/// Rows outside what was learned are marked out of range too; a campaign simulates what its last fidelity marks so.
std::unique_ptr<arch::Evaluator> make_accelerator_surrogate();

/// What `accelerator/surrogate` answers, from a model that the caller has: whole workloads on designs. The model must outlive it.
class WorkloadPredictor {
 public:
  explicit WorkloadPredictor(const Model& model);
  ~WorkloadPredictor();
  WorkloadPredictor(const WorkloadPredictor&) = delete;
  WorkloadPredictor& operator=(const WorkloadPredictor&) = delete;

  /// Metrics of the job's workloads on its design, with intervals and whether all of it is in range. Errors: those of the readers of designs and workloads, a model whose features
  /// are neither those of layers nor paths into this design.
  Expected<arch::Evaluation> predict(const arch::EvaluationJob& job);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `memory/surrogate` and `kernel/surrogate`: all metrics from a campaign's parameters alone. The job's options are `{"model": FILE}`, a model trained on a campaign's folder
/// whose features are parameters of this campaign, or nothing: then it learns. Results of slower fidelities that `observe` brings are rows, a design each; a small ensemble is trained
/// anew whenever they have grown by a third, beginning with 24 rows; metrics that were the same in all of them are given as they were. Before that it answers with no
/// metric and out of range: such designs go on to the next rung. It knows one campaign: its workloads, traces and base design are in nothing that it sees.
std::unique_ptr<arch::Evaluator> make_parameter_surrogate(const std::string& subject);

/// The same evaluators, but `accelerator/surrogate` answers jobs with `"synthesis": "xcup-complete"` from the shipped model `design`: LUT, FF, DSP and BRAM with their
/// intervals, and out of range where the design lies outside what that model learned. Other targets go to `inner`. Unsupported designs: see design_table().
arch::EvaluatorRegistry with_predicted_resources(arch::EvaluatorRegistry inner);

/// Adds `surrogate` for the subjects accelerator, memory and kernel.
void register_evaluators(arch::EvaluatorRegistry& registry);

}  // namespace gnomon::surrogate
