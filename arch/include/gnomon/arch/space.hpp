#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {

/// A value that a parameter takes: a whole number, a real, a word, (permutation) an order, or (categorical) true or false.
/// In rules, true is 1 and false is 0.
using Value = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, bool>;
std::string to_text(const Value& value);

enum class ParameterKind { integer, real, ordinal, categorical, permutation };

/// One parameter of a design space. Integer, ordinal and categorical ones list their values (`values`, in order), so that every
/// discrete parameter is an index 0..values.size()-1; reals have bounds; a permutation orders `values`.
struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::integer;
  std::vector<Value> values;
  double low = 0, high = 0;  ///< reals
  bool log = false;
  /// Active only when another parameter has one of these values (all entries must hold); inactive parameters have no value.
  std::vector<std::pair<std::string, std::vector<Value>>> active_if;

  bool discrete() const { return kind != ParameterKind::real && kind != ParameterKind::permutation; }
  std::size_t size() const { return values.size(); }
};

/// A point of the space: one entry per parameter, in the space's order; nothing where the parameter is inactive.
using Point = std::vector<std::optional<Value>>;

/// A rule: arithmetic, comparisons, and, or, not, min, max over parameters and numbers; grammar in the campaign reference. A rule that names an
/// inactive parameter holds.
class Rule {
 public:
  Rule() = default;
  static Expected<Rule> parse(const std::string& text, const std::vector<Parameter>& parameters);
  bool holds(const std::vector<Parameter>& parameters, const Point& point) const;
  const std::string& text() const { return text_; }

 private:
  struct Node;
  std::string text_;
  std::shared_ptr<const Node> root_;
};

class Space {
 public:
  Space() = default;
  Space(std::vector<Parameter> parameters, std::vector<Rule> rules) : parameters_(std::move(parameters)), rules_(std::move(rules)) {}

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Rule>& rules() const { return rules_; }
  std::optional<std::size_t> index(const std::string& name) const;

  /// Number of points if all parameters are discrete and the product fits in 2^53, rules and conditions not applied.
  std::optional<double> cardinality() const;
  /// Sets inactive parameters to nothing (parents are looked at first; cycles are refused on reading).
  void normalize(Point& point) const;
  /// All active parameters set and inside their values, inactive ones absent, and all rules hold.
  bool valid(const Point& point) const;
  bool rules_hold(const Point& point) const;
  /// A uniform draw of the discrete indices (reals uniform, or log-uniform), repeated until the rules hold; nothing after `tries`.
  std::optional<Point> sample(Random& random, int tries = 10000) const;

  /// Same text, same point: the key for finding duplicates.
  std::string key(const Point& point) const;
  Json to_json(const Point& point) const;  ///< {"name": value}, inactive ones left out
  Expected<Point> from_json(const Document& values) const;

  /// Point as numbers in [0, 1]: discrete index / (size - 1), reals by (log) position; permutations by rank; 0.5 where inactive.
  std::vector<double> encode(const Point& point) const;
  /// The nearest point to a code, normalised; rules are not looked at.
  Point decode(const std::vector<double>& code) const;

 private:
  std::vector<Parameter> parameters_;
  std::vector<Rule> rules_;
};

/// Reads `space` and `rules` of a campaign (objects at those pointers of the document). All errors at once.
Expected<Space> read_space(const Document& document, const std::string& space_pointer, const std::string& rules_pointer);

/// Puts parameters into a design JSON: `cores.npu.array.rows` goes to the core named `npu`; list entries are found by their `name`. Keys are created where the
/// path exists but for its last step. Errors: a path that leads nowhere, with the nearest name.
Expected<Json> apply(const Json& design, const Space& space, const Point& point, const std::string& file);

}  // namespace gnomon::arch
