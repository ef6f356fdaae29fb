#include "gnomon/workloads/workload_json.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/text.hpp"
#include "import/call.hpp"
#include "import/geometry.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads {
namespace form {

constexpr std::int64_t largest_size = std::int64_t{1} << 40;
constexpr Length axes{1, 2};

struct TensorForm {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string dtype = "f32";
  double density = 1.0;
  bool constant = false;
};

struct OperatorForm {
  std::string name;
  std::string op = "elementwise";
  std::optional<std::string> type;
  std::vector<std::string> inputs, outputs;
  std::optional<ConvolutionForm> convolution;
  std::optional<MatmulForm> matmul;
  std::optional<AttentionForm> attention;
  std::optional<PoolingForm> pooling;
  std::optional<std::int64_t> vector_ops;
  std::optional<bool> fusible;
};

struct WorkloadForm {
  std::int64_t version = 1;
  std::string name;
  std::vector<std::string> inputs, outputs;
  std::vector<TensorForm> tensors;
  std::vector<OperatorForm> operators;
};

void describe(FieldVisitor& v, TensorForm& t) {
  field(v, {"name", "by which operators name it", "", Key::required}, t.name);
  field(v, {"shape", "sizes, outermost first; empty for a scalar", "elements", Key::required}, t.shape, Length{0, 32}, Range{1, largest_size});
  field(v, {"dtype", "element type"}, t.dtype, Choice{dtype_names()});
  field(v, {"density", "fraction of elements that are not zero"}, t.density, RealRange{0.0, 1.0});
  field(v, {"constant", "known before the run, such as weights"}, t.constant);
}

void describe(FieldVisitor& v, ConvolutionForm& c) {
  field(v, {"groups", "independent groups of channels; as many as channels for a depthwise convolution"}, c.groups, Range{1, largest_size});
  field(v, {"stride", "{height, width}; one number for a 1-D convolution"}, c.stride, axes, Range{1, largest_size});
  field(v, {"dilation", "distance of neighbouring taps"}, c.dilation, axes, Range{1, largest_size});
  field(v, {"pad_begin", "padding above and to the left"}, c.pad_begin, axes, Range{0, largest_size});
  field(v, {"pad_end", "padding below and to the right"}, c.pad_end, axes, Range{0, largest_size});
  field(v, {"transposed", "a transposed convolution: filter [in, out / groups, height, width]"}, c.transposed);
}

void describe(FieldVisitor& v, MatmulForm& m) {
  field(v, {"batch", "independent products"}, m.batch, Range{1, largest_size});
  field(v, {"m", "rows of the result", "", Key::required}, m.m, Range{1, largest_size});
  field(v, {"n", "columns of the result", "", Key::required}, m.n, Range{1, largest_size});
  field(v, {"k", "summed size", "", Key::required}, m.k, Range{1, largest_size});
}

void describe(FieldVisitor& v, AttentionForm& a) {
  field(v, {"heads", "query heads; needed where tensors are [batch, tokens, heads x size]"}, a.heads, Range{1, largest_size});
  field(v, {"kv_heads", "key and value heads; as many as query heads unless said"}, a.kv_heads, Range{1, largest_size});
  field(v, {"keys", "tokens attended to, those in the KV cache included; those of the key tensor unless said", "tokens"}, a.keys, Range{1, largest_size});
  field(v, {"causal", "a token sees only itself and those before"}, a.causal);
}

void describe(FieldVisitor& v, PoolingForm& p) {
  field(v, {"kernel", "{height, width} of the window", "", Key::required}, p.kernel, axes, Range{1, largest_size});
  field(v, {"stride", "{height, width}"}, p.stride, axes, Range{1, largest_size});
  field(v, {"dilation", "distance of neighbouring taps"}, p.dilation, axes, Range{1, largest_size});
  field(v, {"pad_begin", "padding above and to the left"}, p.pad_begin, axes, Range{0, largest_size});
  field(v, {"pad_end", "padding below and to the right"}, p.pad_end, axes, Range{0, largest_size});
  field(v, {"count_include_pad", "a mean is divided by its window's elements in the padding too"}, p.count_include_pad);
}

void describe(FieldVisitor& v, OperatorForm& o) {
  field(v, {"name", "unique", "", Key::required}, o.name);
  field(v, {"op", "its class", "", Key::required}, o.op, Choice{op_class_names()});
  field(v, {"type", "the operator within its class, in ONNX names (Relu, MaxPool, ...)"}, o.type);
  field(v, {"inputs", "tensors read: convolution input, filter, bias; matmul left, right, bias; attention query, key, value", "", Key::required},
        o.inputs, Length{0, 4096});
  field(v, {"outputs", "tensors written", "", Key::required}, o.outputs, Length{1, 4096});
  field(v, {"convolution", "geometry of a convolution; sizes follow from the tensors"}, o.convolution);
  field(v, {"matmul", "sizes of a matrix product; from the tensors [..., m, k] and [..., k, n] unless said"}, o.matmul);
  field(v, {"attention", "heads and tokens of an attention"}, o.attention);
  field(v, {"pooling", "window of a pooling"}, o.pooling);
  field(v, {"vector_ops", "scalar operations on the vector unit; by the type's table unless said"}, o.vector_ops,
        Range{0, std::int64_t{1} << 62});
  field(v, {"fusible", "may ride along with the producer of its first input; by rule unless said"}, o.fusible);
}

void describe(FieldVisitor& v, WorkloadForm& w) {
  field(v, {"version", "version of the format", "", Key::required}, w.version, Range{1, 1});
  field(v, {"name", "name of the workload"}, w.name);
  field(v, {"inputs", "tensors given from outside; those nobody writes and that are not constant, unless said"}, w.inputs);
  field(v, {"outputs", "tensors handed out; those nobody reads, unless said"}, w.outputs);
  field(v, {"tensors", "every tensor that operators name", "", Key::required}, w.tensors);
  field(v, {"operators", "in any order", "", Key::required}, w.operators, Length{1, 1'000'000});
}

}  // namespace form

namespace {

using namespace form;

class WorkloadReader {
 public:
  explicit WorkloadReader(std::string file) : file_(std::move(file)) {}

  Expected<std::shared_ptr<const Graph>> run(const WorkloadForm& workload) {
    Graph graph(workload.name);
    for (std::size_t i = 0; i < workload.tensors.size(); ++i) add_tensor(graph, workload.tensors[i], fmt::format("/tensors/{}", i));
    if (problems_.empty()) {
      for (std::size_t i = 0; i < workload.operators.size(); ++i) add_operator(graph, workload.operators[i], fmt::format("/operators/{}", i));
    }
    if (problems_.empty()) {
      graph.set_inputs(ends(graph, workload.inputs, "/inputs", false));
      graph.set_outputs(ends(graph, workload.outputs, "/outputs", true));
    }
    if (problems_.empty()) {
      if (auto done = graph.finish(); !done) {
        problems_ = done.error().problems();
        for (Problem& problem : problems_) problem.file = file_;
      }
    }
    if (!problems_.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
    return std::make_shared<const Graph>(std::move(graph));
  }

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::map<std::string, TensorId> tensors_;
  std::map<std::string, std::size_t> names_;
  std::vector<bool> read_, written_;

  void report(std::string pointer, std::string message) { problems_.push_back({file_, std::move(pointer), std::move(message)}); }

  void add_tensor(Graph& graph, const TensorForm& in, const std::string& at) {
    if (in.name.empty()) return report(at + "/name", "a tensor needs a name");
    try {
      import::elements(in.shape);
    } catch (const import::Fault& fault) {
      return report(at + "/shape", fault.message);
    }
    Tensor tensor;
    tensor.name = in.name;
    tensor.shape = in.shape;
    tensor.dtype = dtype_named(in.dtype).value_or(DType::f32);
    tensor.density = in.density;
    tensor.constant = in.constant;
    if (!tensors_.emplace(in.name, graph.tensor_count()).second) return report(at + "/name", fmt::format("two tensors are named {}", in_quotes(in.name)));
    graph.add_tensor(std::move(tensor));
    read_.push_back(false);
    written_.push_back(false);
  }

  std::optional<TensorId> find(const std::string& name, const std::string& at) {
    const auto found = tensors_.find(name);
    if (found != tensors_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& entry : tensors_) names.push_back(entry.first);
    const std::string near = nearest(name, names);
    report(at, fmt::format("no tensor is named {}{}", in_quotes(name), near.empty() ? "" : fmt::format("; did you mean {}?", in_quotes(near))));
    return std::nullopt;
  }

  std::vector<TensorId> ends(const Graph& graph, const std::vector<std::string>& given, const std::string& at, bool last) {
    std::vector<TensorId> ids;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (const auto id = find(given[i], fmt::format("{}/{}", at, i))) ids.push_back(*id);
    }
    if (!given.empty()) return ids;
    for (TensorId id = 0; id < graph.tensor_count(); ++id) {
      const bool end = last ? written_[id] && !read_[id] : read_[id] && !written_[id] && !graph.tensor(id).constant;
      if (end) ids.push_back(id);
    }
    return ids;
  }

  void add_operator(Graph& graph, const OperatorForm& in, const std::string& at) {
    if (in.name.empty()) return report(at + "/name", "an operator needs a name");
    if (!names_.emplace(in.name, names_.size()).second) return report(at + "/name", fmt::format("two operators are named {}", in_quotes(in.name)));
    Operator op;
    op.name = in.name;
    op.op_class = op_class_named(in.op).value_or(OpClass::elementwise);
    op.type = in.type ? *in.type : default_type(op.op_class);
    if (op.type.empty()) return report(at, fmt::format("class {} needs a \"type\", such as \"Relu\" or \"Add\"", in_quotes(in.op)));
    bool good = true;
    for (std::size_t i = 0; i < in.inputs.size(); ++i) {
      const auto id = find(in.inputs[i], fmt::format("{}/inputs/{}", at, i));
      good = good && id;
      if (id) op.inputs.push_back(*id), read_[*id] = true;
    }
    for (std::size_t i = 0; i < in.outputs.size(); ++i) {
      const auto id = find(in.outputs[i], fmt::format("{}/outputs/{}", at, i));
      good = good && id;
      if (id) op.outputs.push_back(*id), written_[*id] = true;
    }
    const auto belongs = [&](bool given, const char* key, OpClass op_class) {
      if (!given || op.op_class == op_class) return;
      report(at + "/" + key, fmt::format("belongs to op \"{}\", not to {}", name(op_class), in_quotes(in.op)));
      good = false;
    };
    belongs(in.convolution.has_value(), "convolution", OpClass::convolution);
    belongs(in.matmul.has_value(), "matmul", OpClass::matmul);
    belongs(in.attention.has_value(), "attention", OpClass::attention);
    belongs(in.pooling.has_value(), "pooling", OpClass::pooling);
    if (!good) return;
    try {
      if (op.op_class == OpClass::convolution) op.conv = convolution_from(graph, op, in.convolution.value_or(ConvolutionForm{}));
      if (op.op_class == OpClass::matmul) op.matmul = matmul_from(graph, op, in.matmul);
      if (op.op_class == OpClass::attention) op.attention = attention_from(graph, op, in.attention.value_or(AttentionForm{}));
      if (in.pooling) op.pooling = pooling_from(graph, op, *in.pooling);
      check_shapes(graph, op);
      const auto vector_ops = in.vector_ops ? in.vector_ops : default_vector_ops(graph, op);
      if (!vector_ops) {
        import::wrong(fmt::format("the cost of {} {} is not known; say \"vector_ops\"{}", in.op, in_quotes(op.type),
                                  op.op_class == OpClass::pooling ? " or \"pooling\"" : ""));
      }
      op.vector_ops = *vector_ops;
    } catch (const import::Fault& fault) {
      return report(at, fmt::format("operator {}: {}", in_quotes(in.name), fault.message));
    }
    op.fusible = in.fusible ? *in.fusible : may_ride_along(graph, op);
    graph.add_operator(std::move(op));
  }
};

std::vector<std::int64_t> list(const std::array<std::int64_t, 2>& pair) { return {pair[0], pair[1]}; }

OperatorForm form_of(const Graph& graph, const Operator& op) {
  OperatorForm out;
  out.name = op.name;
  out.op = name(op.op_class);
  out.type = op.type;
  for (const TensorId id : op.inputs) out.inputs.push_back(graph.tensor(id).name);
  for (const TensorId id : op.outputs) out.outputs.push_back(graph.tensor(id).name);
  if (op.conv) {
    const Convolution& c = *op.conv;
    out.convolution = ConvolutionForm{c.groups, list(c.stride), list(c.dilation), list(c.pad_begin), list(c.pad_end), c.transposed};
  }
  if (op.matmul) out.matmul = MatmulForm{op.matmul->batch, op.matmul->m, op.matmul->n, op.matmul->k};
  if (op.attention) out.attention = AttentionForm{op.attention->heads, op.attention->kv_heads, op.attention->keys, op.attention->causal};
  if (op.pooling) {
    const Pooling& p = *op.pooling;
    out.pooling = PoolingForm{list(p.kernel), list(p.stride), list(p.dilation), list(p.pad_begin), list(p.pad_end), p.count_include_pad};
  }
  out.vector_ops = op.vector_ops;
  out.fusible = op.fusible;
  return out;
}

}  // namespace

Expected<std::shared_ptr<const Graph>> read_workload(const Document& document, std::int64_t batch) {
  if (batch != 1) {
    return fail(Error(ErrorKind::unsupported, Problem{document.file(), {}, fmt::format("a workload JSON states its shapes; batch {} cannot be applied, 1 is allowed", batch)}));
  }
  auto workload = read_fields<WorkloadForm>(document);
  if (!workload) return fail(std::move(workload.error()));
  return WorkloadReader(document.file()).run(*workload);
}

Json write_workload(const Graph& graph) {
  WorkloadForm out;
  out.name = graph.name();
  for (const TensorId id : graph.inputs()) out.inputs.push_back(graph.tensor(id).name);
  for (const TensorId id : graph.outputs()) out.outputs.push_back(graph.tensor(id).name);
  for (TensorId id = 0; id < graph.tensor_count(); ++id) {
    const Tensor& t = graph.tensor(id);
    out.tensors.push_back({t.name, t.shape, name(t.dtype), t.density, t.constant});
  }
  for (OperatorId id = 0; id < graph.operator_count(); ++id) out.operators.push_back(form_of(graph, graph.op(id)));
  return write_fields(out);
}

Json workload_schema() { return schema_fields<WorkloadForm>("gnomon workload"); }

}  // namespace gnomon::workloads
