#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/workloads/graph.hpp"

/// A model as its source states it: nodes, attributes and names, without inferred shapes. The ONNX reader and the built-in models make
/// one; `lower()` turns it into a Graph.
namespace gnomon::workloads::import {

using Shape = std::vector<std::int64_t>;

/// The content of a constant, in one of two forms: whole numbers (also booleans) or reals. Both absent: the content is not known.
/// `filler`: the values stand in for weights that the file does not hold (ConstantOfShape); they take part in folding only.
struct Data {
  std::shared_ptr<const std::vector<std::int64_t>> whole;
  std::shared_ptr<const std::vector<float>> real;
  bool filler = false;

  bool known() const { return whole || real; }
  std::size_t size() const { return whole ? whole->size() : real ? real->size() : 0; }
};

/// A constant tensor of the source.
struct Constant {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  Data data;
};

struct Attribute {
  enum class Kind { whole, real, text, wholes, reals, texts, tensor, other };
  Kind kind = Kind::other;
  std::int64_t whole = 0;
  float real = 0;
  std::string text;
  std::vector<std::int64_t> wholes;
  std::vector<float> reals;
  std::vector<std::string> texts;
  std::optional<Constant> tensor;
};

struct Node {
  std::string type;
  std::string domain;
  std::string name;
  /// Names; empty for an optional one that is left out.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;
};

/// One dimension of a graph input: a size of at least 1, or a symbol (possibly without name).
struct Dimension {
  std::int64_t size = 0;
  std::string symbol;
};

struct ModelInput {
  std::string name;
  std::vector<Dimension> shape;
  DType dtype = DType::f32;
  /// False where the source gives none, which only matters if something reads the input.
  bool has_shape = false;
  /// Why the input cannot be a tensor of a graph (a sequence, an odd element type); empty where it can.
  std::string refusal;
};

struct Model {
  std::string name;
  /// As errors name it.
  std::string file;
  std::int64_t opset = 17;
  std::vector<ModelInput> inputs;
  std::vector<Constant> constants;
  std::vector<std::string> outputs;
  std::vector<Node> nodes;
};

}  // namespace gnomon::workloads::import
