#include <algorithm>
#include <map>
#include <set>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::sim {
namespace {

/// Operators with steps whose results an operator reads, through operators without steps; the first input's come first.
void sources(const workloads::Graph& graph, workloads::OperatorId op, const std::map<workloads::OperatorId, std::size_t>& last_step,
             std::set<workloads::OperatorId>& seen, std::vector<std::size_t>& out) {
  for (const workloads::TensorId input : graph.op(op).inputs) {
    const auto producer = graph.producer(input);
    if (!producer || !seen.insert(*producer).second) continue;
    if (const auto found = last_step.find(*producer); found != last_step.end()) {
      out.push_back(found->second);
    } else {
      sources(graph, *producer, last_step, seen, out);
    }
  }
}

}  // namespace

Expected<std::vector<PlannedStep>> plan(const arch::Design& design, const workloads::Graph& graph,
                                        const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                        const std::string& mapping_file) {
  std::vector<PlannedStep> out;
  std::vector<Problem> problems;
  std::map<std::string, std::size_t> core_named;
  std::vector<std::string> core_names;
  std::size_t first_vector_core = 0;
  for (std::size_t i = design.cores.size(); i-- > 0;) {
    core_named[design.cores[i].name] = i;
    core_names.insert(core_names.begin(), design.cores[i].name);
    if (design.cores[i].vector_lanes > 0) first_vector_core = i;
  }
  std::map<std::string, const arch::StepMapping*> mapping_of;
  for (const arch::StepMapping& m : mapping.steps) mapping_of.try_emplace(m.step, &m);
  std::map<workloads::OperatorId, std::size_t> last_step;
  for (const arch::LoweredOperator& op : lowered) {
    std::vector<std::size_t> after;
    std::set<workloads::OperatorId> seen;
    if (!op.steps.empty()) sources(graph, op.op, last_step, seen, after);
    for (const arch::WorkStep& step : op.steps) {
      PlannedStep planned;
      planned.op = &op;
      planned.step = &step;
      planned.core = after.empty() ? 0 : out[after.front()].core;
      if (step.array) {
        const auto found = mapping_of.find(step.label);
        if (found == mapping_of.end()) {
          problems.push_back({mapping_file, "/steps", "no mapping for step " + in_quotes(step.label)});
          planned.core = 0;
        } else {
          planned.mapping = found->second;
          const std::string where = "/steps/" + pointer_step(step.label);
          const auto core = core_named.find(planned.mapping->core);
          if (core == core_named.end()) {
            problems.push_back({mapping_file, where + "/core", unknown_word("core", planned.mapping->core, core_names)});
          } else {
            planned.core = core->second;
            if (auto ok = arch::verify(design, design.cores[planned.core], *step.array, *planned.mapping, mapping_file, where); !ok) {
              for (const Problem& p : ok.error().problems()) problems.push_back(p);
            }
          }
        }
      } else if (design.cores[planned.core].vector_lanes == 0) {
        planned.core = first_vector_core;
      }
      std::sort(after.begin(), after.end());
      for (const std::size_t a : after) {
        if (out[a].core != planned.core) planned.after.push_back(a);
      }
      after = {out.size()};
      last_step[op.op] = out.size();
      out.push_back(std::move(planned));
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return out;
}

}  // namespace gnomon::sim
