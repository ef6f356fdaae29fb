#include "import/lower.hpp"

#include <fmt/format.h>
#include <map>
#include <set>
#include <unordered_map>

#include "gnomon/base/text.hpp"
#include "import/call.hpp"
#include "import/geometry.hpp"

namespace gnomon::workloads::import {
namespace {

/// Nodes so that each comes after those it reads from; exporters write them so, but nothing depends on it.
Expected<std::vector<std::size_t>> sorted_nodes(const Model& model) {
  std::unordered_map<std::string_view, std::size_t> producers;
  for (std::size_t i = 0; i < model.nodes.size(); ++i) {
    for (const auto& output : model.nodes[i].outputs) {
      if (output.empty()) continue;
      if (!producers.emplace(output, i).second) {
        return invalid(model.file, {}, fmt::format("tensor {} is written by two nodes", in_quotes(output)));
      }
    }
  }
  std::vector<std::size_t> waiting(model.nodes.size(), 0);
  std::vector<std::vector<std::size_t>> next(model.nodes.size());
  for (std::size_t i = 0; i < model.nodes.size(); ++i) {
    for (const auto& input : model.nodes[i].inputs) {
      const auto at = producers.find(input);
      if (input.empty() || at == producers.end()) continue;
      next[at->second].push_back(i);
      ++waiting[i];
    }
  }
  std::set<std::size_t> ready;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i] == 0) ready.insert(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t i = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(i);
    for (const std::size_t follower : next[i]) {
      if (--waiting[follower] == 0) ready.insert(follower);
    }
  }
  if (order.size() != model.nodes.size()) {
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i]) {
        return invalid(model.file, {}, fmt::format("nodes wait for each other in a cycle, among them {}", in_quotes(model.nodes[i].name)));
      }
    }
  }
  return order;
}

class Lowering {
 public:
  Lowering(Model model, const LoadOptions& options) : model_(std::move(model)), options_(options), graph_(model_.name) {}

  Expected<std::shared_ptr<const Graph>> run() {
    name_nodes();
    auto order = sorted_nodes(model_);
    if (!order) return fail(std::move(order.error()));
    if (auto done = add_constants(); !done) return fail(std::move(done.error()));
    if (auto done = add_inputs(); !done) return fail(std::move(done.error()));
    for (const std::size_t index : *order) {
      if (auto done = visit(model_.nodes[index]); !done) return fail(std::move(done.error()));
    }
    if (!unsupported_.empty() && !options_.skip_unsupported) return fail(unsupported_error());
    if (auto done = add_outputs(); !done) return fail(std::move(done.error()));
    if (graph_.operator_count() == 0) return invalid(model_.file, {}, "nothing is left to compute: every node is constant");
    if (auto done = graph_.finish(); !done) {
      std::vector<Problem> problems = done.error().problems();
      for (Problem& problem : problems) problem.file = model_.file;
      return fail(Error(done.error().kind(), std::move(problems)));
    }
    return std::make_shared<const Graph>(std::move(graph_));
  }

 private:
  Model model_;
  const LoadOptions& options_;
  Graph graph_;
  std::map<std::string, Value> values_;  // stable addresses; by tensor name
  std::set<std::string> read_;           // names that some node or output reads
  std::int64_t batch_scale_ = 1;
  std::int64_t fold_budget_ = fold_budget;
  /// Operator -> (reason -> names of its nodes).
  std::map<std::string, std::map<std::string, std::vector<std::string>>> unsupported_;

  /// Nodes may come without names or share one; layers are spoken of by name, so they get distinct ones.
  void name_nodes() {
    std::set<std::string> taken;
    for (Node& node : model_.nodes) {
      if (node.name.empty()) {
        for (const auto& output : node.outputs) {
          if (!output.empty()) {
            node.name = output;
            break;
          }
        }
      }
      if (node.name.empty()) node.name = node.type;
      std::string candidate = node.name;
      for (int n = 2; !taken.insert(candidate).second; ++n) candidate = fmt::format("{}_{}", node.name, n);
      node.name = std::move(candidate);
      for (const auto& input : node.inputs) {
        if (!input.empty()) read_.insert(input);
      }
    }
    for (const auto& output : model_.outputs) read_.insert(output);
  }

  Expected<void> add_constants() {
    for (Constant& constant : model_.constants) {
      Value value;
      value.name = constant.name;
      value.dtype = constant.dtype;
      value.constant = true;
      try {
        const std::int64_t count = elements(constant.shape);
        if (constant.data.known() && static_cast<std::int64_t>(constant.data.size()) != count) {
          wrong(fmt::format("it holds {} values for shape {}", constant.data.size(), shape_text(constant.shape)));
        }
      } catch (const Fault& fault) {
        return invalid(model_.file, {}, fmt::format("constant {}: {}", in_quotes(constant.name), fault.message));
      }
      value.shape = std::move(constant.shape);
      value.data = std::move(constant.data);
      if (!values_.emplace(value.name, std::move(value)).second) {
        return invalid(model_.file, {}, fmt::format("two constants are named {}", in_quotes(constant.name)));
      }
    }
    return {};
  }

  Expected<void> add_inputs() {
    std::vector<Problem> problems;
    const auto report = [&](const ModelInput& input, const std::string& message) {
      problems.push_back({model_.file, {}, fmt::format("input {}: {}", in_quotes(input.name), message)});
    };
    std::vector<TensorId> ids;
    ErrorKind kind = ErrorKind::invalid_input;
    std::set<std::string> names;
    std::set<std::string> symbols;
    for (const ModelInput& input : model_.inputs) {
      if (!names.insert(input.name).second) {
        report(input, "the name stands twice among the inputs");
        continue;
      }
      if (values_.count(input.name) || !read_.count(input.name)) continue;  // has a default value, or nobody reads it
      if (!input.refusal.empty()) {
        kind = ErrorKind::unsupported;
        report(input, input.refusal);
        continue;
      }
      if (!input.has_shape) {
        report(input, "it has no shape; export the model with input shapes");
        continue;
      }
      Value value;
      value.name = input.name;
      value.dtype = input.dtype;
      for (std::size_t i = 0; i < input.shape.size(); ++i) {
        const Dimension& dimension = input.shape[i];
        if (!dimension.symbol.empty()) symbols.insert(dimension.symbol);
        const auto given = options_.dimensions.find(dimension.symbol);
        std::int64_t size = dimension.size;
        if (dimension.size < 1 && !dimension.symbol.empty() && given != options_.dimensions.end()) {
          size = given->second;
        } else if (i == 0 && dimension.size <= 1) {
          size = options_.batch;
          if (dimension.size == 1) batch_scale_ = options_.batch;
        } else if (i == 0 && options_.batch != 1) {
          kind = ErrorKind::unsupported;
          report(input, fmt::format("its leading dimension is fixed at {}, so batch {} cannot take its place; export with a batch of 1 "
                                    "or a symbolic one", dimension.size, options_.batch));
        } else if (dimension.size < 1) {
          report(input, fmt::format("dimension {}{} has no size; export with a fixed size{}", i,
                                    dimension.symbol.empty() ? "" : fmt::format(" ({})", in_quotes(dimension.symbol)),
                                    dimension.symbol.empty() ? "" : fmt::format(" or say `?{}=SIZE` behind the file's name", dimension.symbol)));
          continue;
        }
        value.shape.push_back(size);
      }
      if (value.shape.size() != input.shape.size()) continue;
      try {
        if (elements(value.shape) < 1) wrong(fmt::format("shape {}; every dimension must be 1 or more", shape_text(value.shape)));
      } catch (const Fault& fault) {
        report(input, fault.message);
        continue;
      }
      Value& kept = values_.emplace(value.name, std::move(value)).first->second;
      ids.push_back(tensor_of(kept));
    }
    for (const auto& [symbol, size] : options_.dimensions) {
      if (size < 1) problems.push_back({model_.file, {}, fmt::format("dimension {} must be 1 or more, not {}", in_quotes(symbol), size)});
      if (!symbols.count(symbol)) {
        problems.push_back({model_.file, {}, unknown_word("dimension", symbol, {symbols.begin(), symbols.end()})});
      }
    }
    if (!problems.empty()) return fail(Error(kind, std::move(problems)));
    graph_.set_inputs(std::move(ids));
    return {};
  }

  /// The graph's tensor of a value, made when first asked for.
  TensorId tensor_of(Value& value) {
    if (value.tensor) return *value.tensor;
    Tensor tensor;
    tensor.name = value.name;
    tensor.shape = value.shape;
    tensor.dtype = value.constant && value.stored ? *value.stored : value.dtype;
    tensor.constant = value.constant;
    if (value.constant && !value.data.filler) {
      if (value.data.real) {
        tensor.values = value.data.real;
      } else if (value.data.whole) {
        tensor.values = std::make_shared<const std::vector<float>>(value.data.whole->begin(), value.data.whole->end());
      }
    }
    value.tensor = graph_.add_tensor(std::move(tensor));
    return *value.tensor;
  }

  Expected<void> visit(Node& node) {
    std::vector<Value*> inputs, outputs;
    bool unknown = false;
    for (const auto& input : node.inputs) {
      if (input.empty()) {
        inputs.push_back(nullptr);
        continue;
      }
      const auto at = values_.find(input);
      if (at == values_.end()) {
        return invalid(model_.file, {}, fmt::format("node {} ({}) reads {}, which nothing provides", in_quotes(node.name), node.type,
                                                    in_quotes(input)));
      }
      unknown = unknown || at->second.unknown;
      inputs.push_back(&at->second);
    }
    for (const auto& output : node.outputs) {
      if (output.empty()) {
        outputs.push_back(nullptr);
        continue;
      }
      Value value;
      value.name = output;
      const auto [at, added] = values_.emplace(output, std::move(value));
      if (!added) {
        return invalid(model_.file, {}, fmt::format("node {} ({}) writes {}, which is an input or a constant", in_quotes(node.name), node.type,
                                                    in_quotes(output)));
      }
      outputs.push_back(&at->second);
    }
    const auto give_up = [&] {
      for (Value* output : outputs) {
        if (output) output->unknown = true;
      }
    };
    const Handler handler = handler_of(node);
    if (!handler) {
      note_unsupported(node, "");
      skip(inputs, outputs);
      return {};
    }
    if (unknown) {
      give_up();
      return {};
    }
    Call call(node, model_.opset, batch_scale_, fold_budget_, inputs, outputs);
    call.op.name = node.name;
    call.op.type = node.type;
    try {
      handler(call);
      finish(call, inputs, outputs);
    } catch (const Fault& fault) {
      if (fault.kind == ErrorKind::unsupported) {
        note_unsupported(node, fault.message);
        skip(inputs, outputs);
        return {};
      }
      return fail(Error(fault.kind, Problem{model_.file, {}, fmt::format("node {} ({}): {}", in_quotes(node.name), node.type, fault.message)}));
    }
    return {};
  }

  void finish(Call& call, const std::vector<Value*>& inputs, const std::vector<Value*>& outputs) {
    bool all_constant = true, settled = true;
    for (const Value* input : inputs) all_constant = all_constant && (!input || input->constant);
    for (const Value* output : outputs) settled = settled && (!output || output->constant);
    if (settled) return;
    if (all_constant) {
      fold(call);
      for (Value* output : outputs) {
        if (output) output->constant = true;
      }
      return;
    }
    std::vector<std::size_t> operands;
    if (call.operands) {
      operands = *call.operands;
    } else {
      for (std::size_t i = 0; i < inputs.size(); ++i) operands.push_back(i);
    }
    for (const std::size_t index : operands) {
      if (!call.has(index)) continue;
      if (elements(inputs[index]->shape) == 0) continue;
      call.op.inputs.push_back(tensor_of(*inputs[index]));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i] || outputs[i]->constant) continue;
      if (i > 0 && !read_.count(outputs[i]->name)) continue;
      if (elements(outputs[i]->shape) == 0) wrong(fmt::format("its output has shape {}: nothing is in it", shape_text(outputs[i]->shape)));
      call.op.outputs.push_back(tensor_of(*outputs[i]));
    }
    call.op.fusible = may_ride_along(graph_, call.op);
    graph_.add_operator(std::move(call.op));
  }

  void note_unsupported(const Node& node, const std::string& reason) {
    const std::string type = node.domain.empty() ? node.type : node.domain + ":" + node.type;
    unsupported_[type][reason].push_back(node.name);
  }

  /// Without a model the outputs are unknown; or, where the user asked to leave such nodes out, they are the first input.
  void skip(const std::vector<Value*>& inputs, const std::vector<Value*>& outputs) {
    Value* first = nullptr;
    for (Value* input : inputs) {
      if (input && !input->unknown && (!first || (first->constant && !input->constant))) first = input;
    }
    for (Value* output : outputs) {
      if (!output) continue;
      if (!options_.skip_unsupported || !first) {
        output->unknown = true;
        continue;
      }
      output->shape = first->shape;
      output->dtype = first->dtype;
      output->constant = first->constant;
      output->tensor = tensor_of(*first);
    }
  }

  Error unsupported_error() const {
    std::vector<Problem> problems;
    for (const auto& [type, reasons] : unsupported_) {
      for (const auto& [reason, nodes] : reasons) {
        std::vector<std::string> quoted;
        for (const auto& node : nodes) quoted.push_back(in_quotes(node));
        problems.push_back({model_.file, {}, fmt::format("operator {} ({} node{}) has no model{}: {}", type, nodes.size(), nodes.size() == 1 ? "" : "s",
                                                         reason.empty() ? "" : " in this form (" + reason + ")", join(quoted))});
      }
    }
    return Error(ErrorKind::unsupported, std::move(problems));
  }

  Expected<void> add_outputs() {
    std::vector<TensorId> ids;
    for (const auto& output : model_.outputs) {
      const auto at = values_.find(output);
      if (at == values_.end()) return invalid(model_.file, {}, fmt::format("output {} is written by no node", in_quotes(output)));
      if (at->second.unknown || at->second.constant) continue;
      ids.push_back(tensor_of(at->second));
    }
    graph_.set_outputs(std::move(ids));
    return {};
  }
};

}  // namespace

Expected<std::shared_ptr<const Graph>> lower(Model model, const LoadOptions& options) {
  if (options.batch < 1 || options.batch > (std::int64_t{1} << 31)) {
    return invalid(model.file, {}, fmt::format("batch {} is not allowed; 1 to 2^31", options.batch));
  }
  return Lowering(std::move(model), options).run();
}

}  // namespace gnomon::workloads::import
