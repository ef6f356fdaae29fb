#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/registry.hpp"

namespace gnomon::arch {

struct WorkloadRef {
  std::string model;  ///< a path (already resolved against the campaign's folder) or `zoo:NAME`
  std::int64_t batch = 1;
  double weight = 1.0;
};

/// One evaluation as it is handed to a worker: everything that decides the answer, nothing else.
struct EvaluationJob {
  std::string subject = "accelerator";  ///< accelerator | memory | kernel | problem | command
  std::string design_json;              ///< the subject's design with the parameters put in, compact JSON
  std::string parameters_json;          ///< the parameters alone, compact JSON (subjects `problem` and `command` use only these)
  std::string base_folder;              ///< relative paths inside the design are looked up from here
  std::vector<WorkloadRef> workloads;
  std::string fidelity = "analytical";
  std::string mapping_json;  ///< a given mapping, or empty: the evaluator chooses one
  std::string options_json;  ///< what only the subject's evaluator understands (command line of `command`, model file of `surrogate`)
  std::uint64_t seed = 0;
};

/// Numbers of one layer (design.md section 4). `extra` holds further named metrics in a fixed order.
struct LayerMetrics {
  std::string name;
  std::string op;
  std::int64_t macs = 0;
  std::int64_t latency_cycles = 0;
  std::int64_t compute_cycles = 0;
  std::int64_t stall_cycles = 0;
  double utilization = 0;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  std::int64_t sram_read_bytes = 0;
  std::int64_t sram_write_bytes = 0;
  double energy_pj = 0;
  std::string mapping_json;  ///< the layer's own object of a mapping file; empty without array work
  std::vector<std::pair<std::string, double>> extra;
};

struct Metric {
  std::string name;
  double value = 0;
};

/// What an evaluation answers. `metrics` has the subject's total figures in the order of arch/metrics.hpp; `NAME@MODEL` entries follow
/// where there are several workloads.
struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<LayerMetrics> layers;                               ///< of the first workload
  std::vector<std::pair<std::string, double>> energy_breakdown_pj;  ///< by component, adds up to energy_pj
  /// Intervals of predicted metrics (surrogate), and whether the design is inside what the model has seen.
  struct Interval {
    std::string name;
    double lower = 0, upper = 0;
  };
  std::vector<Interval> intervals;
  bool in_range = true;
  /// Cycles that transfers of the core `who`, ready to start, waited for a link or the memory while `whom` had it; cores of the first workload
  /// with something to wait for.
  struct Waiting {
    std::string who, whom;
    std::int64_t cycles = 0;
  };
  std::vector<Waiting> waiting;

  const double* find(const std::string& name) const;
};

/// One fidelity of one subject. `evaluate` may be called many times on one object, from one thread at a time.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual Expected<Evaluation> evaluate(const EvaluationJob& job) = 0;
  /// Whether jobs like this one can be answered as far as that does not depend on the design's values: a model that is missing, damaged or made for something else is an
  /// error here, before anything is evaluated.
  virtual Expected<void> check(const EvaluationJob& job) {
    (void)job;
    return {};
  }
  /// Told results of any fidelity come back here, in trial order; evaluators that learn use them.
  virtual void observe(const EvaluationJob& job, const Evaluation& result) {
    (void)job;
    (void)result;
  }
  /// Whether evaluations must run in worker processes of their own (simulators with global state, or which may crash or hang).
  virtual bool needs_process() const { return false; }
};

using EvaluatorFactory = std::function<std::unique_ptr<Evaluator>()>;

/// Evaluators by `subject/fidelity`, e.g. `accelerator/cycle`. Each folder adds its own by an explicit list
/// (`sim::register_analytical`, `sim::register_cycle`, `surrogate::register_evaluators`, `hls::register_evaluators`, `search::register_problems`).
class EvaluatorRegistry {
 public:
  void add(const std::string& subject, const std::string& fidelity, EvaluatorFactory factory);
  /// Unknown or not built: unsupported, with the known fidelities of the subject.
  Expected<std::unique_ptr<Evaluator>> make(const std::string& subject, const std::string& fidelity) const;
  std::vector<std::string> fidelities(const std::string& subject) const;
  std::vector<std::string> subjects() const;

 private:
  std::map<std::string, std::map<std::string, EvaluatorFactory>> factories_;
};

/// What makes another evaluator of one (adds metrics to its answers, say), or gives it back as it is.
using EvaluatorWrap = std::function<std::unique_ptr<Evaluator>(const std::string& subject, const std::string& fidelity, std::unique_ptr<Evaluator> inner)>;
/// All evaluators of `inner`, each through `wrap` when it is made.
EvaluatorRegistry wrapped(EvaluatorRegistry inner, EvaluatorWrap wrap);

/// The text at a key of the job's options, taken out of them, so that an evaluator inside need not know it; empty where there is none.
std::string take_option(EvaluationJob& job, const std::string& key);

/// JSON of jobs and answers, as workers exchange and the store keeps them.
std::string to_json(const EvaluationJob& job);
Expected<EvaluationJob> job_from_json(const std::string& text);
std::string to_json(const Evaluation& evaluation);
Expected<Evaluation> evaluation_from_json(const std::string& text);

}  // namespace gnomon::arch
