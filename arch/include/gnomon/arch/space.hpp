#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  bool boolean = false;      ///< a categorical one of true and false: its values are these words, and plain true and false in JSON
  double low = 0, high = 0;  ///< reals
  bool log = false;
  /// Active only when another parameter has one of these values (all entries must hold); inactive parameters have no value.
  std::vector<std::pair<std::string, std::vector<Value>>> active_if;

  bool discrete() const { return kind != ParameterKind::real && kind != ParameterKind::permutation; }
  std::size_t size() const { return values.size(); }
};
/// Where a discrete parameter lists this value (numbers compare as numbers); nothing where it does not.
std::optional<std::size_t> value_index(const Parameter& parameter, const Value& value);

/// A point of the space: one entry per parameter, in the space's order; nothing where the parameter is inactive.
using Point = std::vector<std::optional<Value>>;

/// Numbers that rules may name beside parameters, by path: the fixed numeric fields of the base design.
using Constants = std::map<std::string, double>;

/// A rule: a condition over parameters, constants, numbers and quoted words.
///
///     condition  := all { "or" all }              all := one { "and" one }          one := [ "not" ] ( comparison | boolean )
///     comparison := sum ( == | != | < | <= | > | >= ) sum                            sum := product { ( + | - ) product }
///     product    := factor { ( * | / | % ) factor }     factor := [ - ] ( number | name | "word" | min(...) | max(...) | ( ... ) )
///
/// Numbers are doubles (whole numbers exact to 2^53); % is the remainder with the dividend's sign. A division by zero makes the rule not hold.
/// Words are compared with == and != only. A rule that names an inactive parameter holds.
class Rule {
 public:
  Rule() = default;
  /// Errors: the place in the text, and the nearest name. A parameter hides a constant of the same name.
  static Expected<Rule> parse(const std::string& text, const std::vector<Parameter>& parameters, const Constants& constants = {});
  bool holds(const std::vector<Parameter>& parameters, const Point& point) const;
  const std::string& text() const { return text_; }

  struct Node;

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
  std::vector<std::size_t> names_;  ///< parameters that the rule names
};

class Space {
 public:
  Space() = default;
  /// Conditions among parameters must be acyclic and name discrete parameters (read_space checks it); a condition that does not is left out.
  Space(std::vector<Parameter> parameters, std::vector<Rule> rules);

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
  /// A uniform draw of the discrete indices and permutations (reals uniform, or log-uniform), normalised, repeated until the rules hold; nothing
  /// after `tries`. Without conditionals this is uniform over the valid points; a point with inactive parameters stands for all their values.
  std::optional<Point> sample(Random& random, int tries = 10000) const;

  /// Same text, same point: the key for finding duplicates.
  std::string key(const Point& point) const;
  Json to_json(const Point& point) const;  ///< {"name": value}, inactive ones left out
  Expected<Point> from_json(const Document& values) const;

  /// Point as numbers in [0, 1], one per parameter: discrete index / (size - 1), reals by (log) position; permutations by lexicographic rank /
  /// (n! - 1); 0.5 where inactive or where there is but one value.
  std::vector<double> encode(const Point& point) const;
  /// The nearest point to a code, normalised; rules are not looked at.
  Point decode(const std::vector<double>& code) const;

 private:
  /// One entry of a parameter's active_if, by index.
  struct Condition {
    std::size_t parent = 0;
    std::vector<std::size_t> allowed;
  };
  std::vector<Parameter> parameters_;
  std::vector<Rule> rules_;
  std::map<std::string, std::size_t> indices_;
  std::vector<std::vector<Condition>> conditions_;  ///< by parameter
  std::vector<std::size_t> parents_first_;          ///< conditional parameters, each after those it depends on

  bool active(std::size_t parameter, const Point& point) const;
  bool in_range(std::size_t parameter, const Value& value) const;
};

/// Reads `space` and `rules` of a campaign (objects at those pointers of the document). All errors at once.
/// `{"int": [8, 128], "step": "pow2"}`: powers of two only; `{"int": [1, 9], "step": 2}`; `{"real": [200, 1200], "log": true}`;
/// `{"ordinal": [...]}`, `{"categorical": [...]}` (numbers, words, or true and false), `{"permutation": [...]}` (2 to 16 entries).
/// An integer parameter may list at most a million values.
Expected<Space> read_space(const Document& document, const std::string& space_pointer, const std::string& rules_pointer,
                           const Constants& constants = {});

/// The numeric fields of a design by path, list entries by their `name`: what rules may name beside parameters.
Constants design_constants(const Json& design);

/// Refuses a space in which no point satisfies the rules, and says which rules hold nowhere. Spaces of up to a million points are
/// enumerated; of others 100,000 random points are looked at.
Expected<void> check_not_empty(const Space& space, const std::string& file = "", const std::string& pointer = "/rules");

/// Puts parameters into a design JSON: `cores.npu.array.rows` goes to the core named `npu`; list entries are found by their `name`. Keys are created where the
/// path exists but for its last step; the optional objects `interconnect`, `vector` and `controller` are created too. Errors: a path that leads
/// nowhere, with the nearest name.
Expected<Json> apply(const Json& design, const Space& space, const Point& point, const std::string& file);

}  // namespace gnomon::arch
