#include "design/program.hpp"

#include <algorithm>

#include "design/array_program.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

/// Where tensors lie: views are their input, and what a fused operator writes takes the place of what it reads.
class Storage {
 public:
  Storage(const workloads::Graph& graph, const std::vector<sim::PlannedStep>& plan) : graph_(graph), root_(graph.tensor_count()) {
    for (workloads::TensorId t = 0; t < root_.size(); ++t) root_[t] = t;
    std::map<std::string, workloads::OperatorId> named;
    for (const workloads::OperatorId id : graph.order()) named[graph.op(id).name] = id;
    std::map<workloads::OperatorId, bool> fused;
    for (const sim::PlannedStep& step : plan)
      for (const std::string& name : step.op->fused) fused[named.at(name)] = true;
    for (const workloads::OperatorId id : graph.order()) {
      const workloads::Operator& op = graph.op(id);
      if (op.inputs.empty() || (op.op_class != workloads::OpClass::view && !fused.count(id))) continue;
      root_[op.outputs[0]] = root_[op.inputs[0]];
    }
  }
  workloads::TensorId root(workloads::TensorId t) const { return root_[t]; }

 private:
  const workloads::Graph& graph_;
  std::vector<workloads::TensorId> root_;
};

}  // namespace

Expected<DesignProgram> compile_design_program(const arch::Design& design, const DesignShape& shape, const workloads::Graph& graph,
                                               const std::vector<sim::PlannedStep>& plan, const Network& network, std::size_t core) {
  DesignProgram program;
  const arch::Design own = core_alone(design, core);
  const DescriptorLayouts layouts = descriptor_layouts(shape);
  program.links.resize(shape.links.size());
  for (std::size_t e = 1; e < shape.engines(); ++e)
    if (shape.waits_for_grant(e)) program.shared_links.push_back({static_cast<std::int64_t>(e), shape.links[e - 1].place, {}});
  ProgramState state{own,
                     shape,
                     program,
                     DescriptorWriter(program.transfers, layouts.transfer),
                     DescriptorWriter(program.folds, layouts.fold),
                     DescriptorWriter(program.configs, layouts.config),
                     DescriptorWriter(program.chunks, layouts.chunk),
                     {},
                     {},
                     {}};
  for (DescriptorStream& link : program.links) state.links.emplace_back(link, layouts.transfer);
  const Storage storage(graph, plan);
  constexpr std::int64_t most_words = std::int64_t{1} << 28;
  std::int64_t at = 0;
  for (const auto& [tensor, values] : network.values) {
    if (storage.root(tensor) != tensor) continue;
    program.tensor_at[tensor] = at;
    at += static_cast<std::int64_t>(values.size());
  }
  for (const auto& [tensor, values] : network.values) program.tensor_at[tensor] = program.tensor_at[storage.root(tensor)];
  std::int64_t most_sums = 0;
  for (const sim::PlannedStep& step : plan) {
    if (!step.step->array) continue;
    const auto numbers = network.numbers.find(step.op->op);
    if (numbers == network.numbers.end() || numbers->second.weights.empty())
      return fail(ErrorKind::unsupported, "complete RTL of step " + in_quotes(step.step->label) + ": an operator of several steps");
    program.weights_at[step.op->op] = at;
    at += static_cast<std::int64_t>(numbers->second.weights.size());
    const arch::ArrayWork& work = *step.step->array;
    most_sums = std::max(most_sums, work.size(arch::Dim::g) * work.size(arch::Dim::m) * work.size(arch::Dim::n) * shape.sum_words);
  }
  const std::int64_t sums_at = at + static_cast<std::int64_t>(core) * most_sums;
  program.memory_words = at + static_cast<std::int64_t>(design.cores.size()) * most_sums;
  if (program.memory_words > most_words) return fail(ErrorKind::unsupported, "complete RTL of a workload with more than 2^28 words in the memory");

  std::vector<sim::TensorPlaces> in_device(plan.size());
  if (shape.device) in_device = sim::tensor_places(design, sim::cycle_steps(plan));
  for (const sim::PlannedStep& step : plan) {
    if (step.core != core) continue;
    const sim::TensorPlaces& device = in_device[static_cast<std::size_t>(&step - plan.data())];
    const workloads::Operator& op = graph.op(step.op->op);
    const workloads::TensorId in = op.inputs.at(0), out = op.outputs.at(0);
    static const OperatorNumbers none;
    const auto found = network.numbers.find(step.op->op);
    const OperatorNumbers& numbers = found == network.numbers.end() ? none : found->second;
    if (step.step->array) {
      ArrayPlace place;
      place.device = device;
      place.ifmap = program.tensor_at.at(in);
      place.filter = program.weights_at.at(step.op->op);
      place.ofmap = program.tensor_at.at(out);
      place.sums = sums_at;
      place.shift = numbers.shift;
      for (const std::string& fused : step.op->fused) {
        const auto& order = graph.order();
        const auto at_op = std::find_if(order.begin(), order.end(), [&](workloads::OperatorId id) { return graph.op(id).name == fused; });
        if (graph.op(*at_op).type != "Relu") return fail(ErrorKind::unsupported, "complete RTL of operator " + in_quotes(fused) + " (" + graph.op(*at_op).type + ") at its producer's outputs");
        place.relu = true;
      }
      if (!numbers.bias.empty()) {
        place.bias = static_cast<std::int64_t>(program.biases.size());
        program.biases.insert(program.biases.end(), numbers.bias.begin(), numbers.bias.end());
        if (static_cast<std::int64_t>(numbers.bias.size()) > shape.bias_words)
          return fail(ErrorKind::unsupported, "complete RTL of step " + in_quotes(step.step->label) + ": " + std::to_string(numbers.bias.size()) + " biases; " +
                                                  std::to_string(shape.bias_words) + " are supported");
      }
      program.bias_ends.push_back(static_cast<std::int64_t>(program.biases.size()));
      if (auto ok = compile_array_step(state, *step.step->array, *step.mapping, place); !ok) return fail(std::move(ok.error()));
    } else {
      VectorPlace place{program.tensor_at.at(in), 0, program.tensor_at.at(out), device};
      if (op.type == "Add") place.second = program.tensor_at.at(op.inputs.at(1));
      if (auto ok = compile_vector_step(state, graph, op, numbers, step.step->vector, place); !ok) return fail(std::move(ok.error()));
    }
    program.ends.push_back(state.now);
  }
  program.array_ends = state.array_ends;
  return program;
}

}  // namespace gnomon::hls
