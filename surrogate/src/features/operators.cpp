#include "features/layouts.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/evaluator.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {
namespace {

/// Keeps the rows of the one workload, and answers as the analytical model does.
class RowMaker : public sim::AcceleratorEvaluator {
 public:
  arch::LabelTable table;

 protected:
  Expected<arch::Evaluation> simulate(const Run& run) override {
    auto analytical = sim::analyze(run.design, run.graph, run.mapping);
    if (analytical) table = layer_table(run.design, run.lowered, *analytical);
    return analytical;
  }
};

}  // namespace

bool takes_operators(const Model& model) { return layout_of(model.info().features) == Layout::operators; }

Expected<arch::LabelTable> operator_table(const std::vector<std::string>& designs, const arch::WorkloadRef& workload, std::vector<std::size_t>& first) {
  RowMaker maker;
  std::vector<arch::LabelTable::Column> columns;
  for (const LayerFeature& feature : layer_features()) columns.push_back({feature.name, feature.unit, !feature.words, {}, {}});
  first.assign(1, 0);
  for (std::size_t d = 0; d < designs.size(); ++d) {
    arch::EvaluationJob job;
    job.design_json = designs[d];
    job.workloads = {workload};
    if (auto made = maker.evaluate(job); !made) {
      std::vector<Problem> problems = made.error().problems();
      for (Problem& problem : problems)
        if (problem.file.empty() || problem.file == "design") problem.file = "design " + std::to_string(d);
      return fail(problems.empty() ? made.error() : Error(made.error().kind(), std::move(problems)));
    }
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto& from = maker.table.columns()[c];
      columns[c].numbers.insert(columns[c].numbers.end(), from.numbers.begin(), from.numbers.end());
      columns[c].words.insert(columns[c].words.end(), from.words.begin(), from.words.end());
    }
    first.push_back(first.back() + maker.table.rows());
  }
  arch::LabelTable out;
  for (auto& column : columns) out.add(std::move(column));
  return out;
}

}  // namespace gnomon::surrogate
