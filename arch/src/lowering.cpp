#include "gnomon/arch/lowering.hpp"

#include <algorithm>
#include <limits>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

using workloads::DType;
using workloads::Graph;
using workloads::OpClass;
using workloads::Operator;
using workloads::OperatorId;
using workloads::Tensor;
using workloads::TensorId;

/// Beyond these, products of sizes and widths could leave 63 bits somewhere in a model.
constexpr std::int64_t most_elements = std::int64_t{1} << 48;
constexpr std::int64_t most_macs = std::int64_t{1} << 56;

/// Arguments that say how, not what: shapes, axes, pads. They are attributes in disguise and are not streamed.
bool is_argument(const Tensor& tensor) {
  return tensor.constant && (tensor.dtype == DType::i64 || tensor.dtype == DType::text);
}

std::int64_t input_elements(const Graph& graph, const Operator& op, std::size_t first = 0) {
  std::int64_t sum = 0;
  for (std::size_t i = first; i < op.inputs.size(); ++i) {
    const Tensor& tensor = graph.tensor(op.inputs[i]);
    if (!is_argument(tensor)) sum += tensor.elements();
  }
  return sum;
}

std::int64_t output_elements(const Graph& graph, const Operator& op) {
  std::int64_t sum = 0;
  for (const TensorId id : op.outputs) sum += graph.tensor(id).elements();
  return sum;
}

WorkStep array_step(std::string label, std::int64_t g, std::int64_t m, std::int64_t n, std::int64_t k) {
  WorkStep step;
  step.label = std::move(label);
  step.array.emplace();
  step.array->extent[static_cast<int>(Dim::g)] = g;
  step.array->extent[static_cast<int>(Dim::m)] = m;
  step.array->extent[static_cast<int>(Dim::n)] = n;
  step.array->extent[static_cast<int>(Dim::k)] = k;
  return step;
}

WorkStep vector_step(std::string label, VectorWork work) {
  WorkStep step;
  step.label = std::move(label);
  step.vector = work;
  return step;
}

void lower_convolution(const workloads::Convolution& conv, const std::string& name, std::vector<WorkStep>& steps) {
  const std::int64_t taps = conv.kernel[0] * conv.kernel[1];
  const std::int64_t in_per_group = conv.in_channels / conv.groups;
  const std::int64_t out_per_group = conv.out_channels / conv.groups;
  if (!conv.transposed) {
    steps.push_back(array_step(name, conv.groups, conv.batch * conv.out[0] * conv.out[1], out_per_group, in_per_group * taps));
    steps.back().array->window = conv;
    return;
  }
  // Every input pixel gives `taps` products per output channel, which are then added up where they overlap.
  const std::int64_t pixels = conv.batch * conv.in[0] * conv.in[1];
  steps.push_back(array_step(name, conv.groups, pixels, out_per_group * taps, in_per_group));
  const std::int64_t products = pixels * conv.out_channels * taps;
  steps.push_back(
      vector_step(name + ".col2im", {products, products, conv.batch * conv.out_channels * conv.out[0] * conv.out[1]}));
}

void lower_attention(const workloads::Attention& attention, const std::string& name, std::vector<WorkStep>& steps) {
  // Query heads that share keys and values are stacked as rows of one product, so that shared data is counted once.
  const bool even = attention.kv_heads > 0 && attention.heads % attention.kv_heads == 0;
  const std::int64_t products = attention.batch * (even ? attention.kv_heads : attention.heads);
  const std::int64_t rows = attention.queries * (even ? attention.heads / attention.kv_heads : 1);
  const std::int64_t scores = products * rows * attention.keys;
  steps.push_back(array_step(name + ".qk", products, rows, attention.keys, attention.head_dim));
  steps.push_back(vector_step(name + ".softmax", {softmax_ops_per_score * scores, scores, scores}));
  steps.push_back(array_step(name + ".av", products, rows, attention.head_dim, attention.keys));
}

VectorWork lower_vector(const Graph& graph, const Operator& op) {
  const std::int64_t out = output_elements(graph, op);
  switch (op.op_class) {
    case OpClass::movement:
      // A slice reads what it passes on, a pad writes more than it reads.
      return {0, std::min(input_elements(graph, op), out), out};
    case OpClass::embedding:
      // The rows looked up, and the indices; not the whole table.
      return {op.vector_ops, out + input_elements(graph, op, 1), out};
    default:
      return {op.vector_ops, input_elements(graph, op), out};
  }
}

class Lowering {
 public:
  Lowering(const Graph& graph, const Core& core) : graph_(graph), core_(core), place_(graph.operator_count(), none) {}

  Expected<std::vector<LoweredOperator>> run() {
    out_.reserve(graph_.operator_count());
    for (const OperatorId id : graph_.order()) add(id);
    if (!problems_.empty()) return fail(Error(ErrorKind::unsupported, std::move(problems_)));
    return std::move(out_);
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  const Graph& graph_;
  const Core& core_;
  /// Index in out_ of the operator at whose outputs a fusible consumer may ride along, by operator.
  std::vector<std::size_t> place_;
  std::vector<LoweredOperator> out_;
  std::vector<Problem> problems_;

  void refuse(const Operator& op, const std::string& message) {
    problems_.push_back({graph_.name(), "", "operator " + in_quotes(op.name) + " (" + op.type + "): " + message});
  }

  std::size_t host_of(const Operator& op) const {
    if (!op.fusible || op.inputs.empty() || core_.vector_lanes < core_.array.cols) return none;
    const TensorId id = op.inputs.front();
    const auto producer = graph_.producer(id);
    if (!producer || graph_.consumers(id).size() != 1) return none;
    if (std::find(graph_.outputs().begin(), graph_.outputs().end(), id) != graph_.outputs().end()) return none;
    return place_[*producer];
  }

  void add(OperatorId id) {
    const Operator& op = graph_.op(id);
    LoweredOperator lowered;
    lowered.op = id;
    lowered.name = op.name;
    lowered.type = op.type;
    lowered.macs = op.macs();
    if (!sizes_fit(op)) return;
    if (const std::size_t host = host_of(op); host != none) {
      out_[host].fused_vector_ops += op.vector_ops;
      out_[host].fused.push_back(op.name);
      lowered.is_fused = true;
      place_[id] = host;
      out_.push_back(std::move(lowered));
      return;
    }
    switch (op.op_class) {
      case OpClass::view:
        break;
      case OpClass::convolution:
        lower_convolution(*op.conv, op.name, lowered.steps);
        break;
      case OpClass::matmul:
        lowered.steps.push_back(array_step(op.name, op.matmul->batch, op.matmul->m, op.matmul->n, op.matmul->k));
        break;
      case OpClass::attention:
        lower_attention(*op.attention, op.name, lowered.steps);
        break;
      default:
        lowered.steps.push_back(vector_step(op.name, lower_vector(graph_, op)));
    }
    // A third operand is the bias (or its like): one addition per output element, at the outputs.
    const bool product = op.op_class == OpClass::convolution || op.op_class == OpClass::matmul;
    if (product && op.inputs.size() > 2) lowered.fused_vector_ops += output_elements(graph_, op);
    if (core_.vector_lanes == 0 &&
        std::any_of(lowered.steps.begin(), lowered.steps.end(), [](const WorkStep& s) { return !s.array; })) {
      refuse(op, "core " + in_quotes(core_.name) + " has no vector unit; give it \"vector\": {\"lanes\": N}");
      return;
    }
    if (!lowered.steps.empty() && lowered.steps.back().array) place_[id] = out_.size();
    out_.push_back(std::move(lowered));
  }

  bool sizes_fit(const Operator& op) {
    for (const auto* ids : {&op.inputs, &op.outputs}) {
      for (const TensorId id : *ids) {
        if (graph_.tensor(id).elements() <= most_elements) continue;
        refuse(op, "tensor " + in_quotes(graph_.tensor(id).name) + " has " + std::to_string(graph_.tensor(id).elements()) +
                       " elements; no more than 2^48 can be simulated");
        return false;
      }
    }
    if (op.macs() > most_macs) {
      refuse(op, std::to_string(op.macs()) + " multiply-accumulates; no more than 2^56 can be simulated");
      return false;
    }
    return true;
  }
};

}  // namespace

char letter(Dim dim) {
  return "gmnk"[static_cast<int>(dim)];
}

bool relevant(Operand operand, Dim dim) {
  switch (dim) {
    case Dim::g:
      return true;
    case Dim::m:
      return operand != Operand::filter;
    case Dim::n:
      return operand != Operand::ifmap;
    case Dim::k:
      return operand != Operand::ofmap;
  }
  return false;
}

Expected<std::vector<LoweredOperator>> lower(const Graph& graph, const Core& core) {
  return Lowering(graph, core).run();
}

std::int64_t peak_memory_bytes(const Graph& graph, const Precision& precision) {
  const std::size_t tensors = graph.tensor_count();
  // A view's output is its input under another name.
  std::vector<TensorId> buffer(tensors);
  for (TensorId t = 0; t < tensors; ++t) buffer[t] = t;
  for (const OperatorId id : graph.order()) {
    const Operator& op = graph.op(id);
    if (op.op_class != OpClass::view || op.inputs.empty()) continue;
    for (const TensorId t : op.outputs) buffer[t] = buffer[op.inputs.front()];
  }
  const auto& order = graph.order();
  constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> last_use(tensors, never);
  std::int64_t constants = 0;
  std::vector<bool> counted(tensors, false);
  for (std::size_t when = 0; when < order.size(); ++when) {
    const Operator& op = graph.op(order[when]);
    for (const TensorId t : op.inputs) {
      last_use[buffer[t]] = when;
      if (graph.tensor(t).constant && !is_argument(graph.tensor(t)) && !counted[t]) {
        counted[t] = true;
        constants += packed_bytes(graph.tensor(t).elements(), precision.bits);
      }
    }
  }
  for (const TensorId t : graph.outputs()) last_use[buffer[t]] = order.size();
  std::vector<std::vector<TensorId>> dies(order.size() + 1);
  std::vector<bool> alive(tensors, false);
  std::int64_t bytes = 0;
  const auto born = [&](TensorId t, std::size_t now) {
    const TensorId b = buffer[t];
    if (alive[b] || graph.tensor(b).constant) return;
    alive[b] = true;
    bytes += packed_bytes(graph.tensor(b).elements(), precision.bits);
    // What nobody reads lives while it is written.
    dies[last_use[b] == never ? now : last_use[b]].push_back(b);
  };
  for (const TensorId t : graph.inputs()) born(t, 0);
  std::int64_t peak = bytes;
  for (std::size_t when = 0; when < order.size(); ++when) {
    for (const TensorId t : graph.op(order[when]).outputs) born(t, when);
    peak = std::max(peak, bytes);
    for (const TensorId t : dies[when]) bytes -= packed_bytes(graph.tensor(t).elements(), precision.bits);
  }
  return constants + peak;
}

}  // namespace gnomon::arch
