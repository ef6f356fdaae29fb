#include "gnomon/arch/space.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

constexpr double exact = 9007199254740992.0;  // 2^53

double as_number(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nan("");
}
bool is_number(const Value& value) {
  return value.index() < 2;
}

bool same(const Value& a, const Value& b) {
  return is_number(a) && is_number(b) ? as_number(a) == as_number(b) : a == b;
}

double factorial(std::size_t n) {
  double out = 1;
  for (std::size_t i = 2; i <= n; ++i) out *= static_cast<double>(i);
  return out;
}

/// Lexicographic rank of an order of 0..n-1, and back.
double rank_of(const std::vector<std::int64_t>& order) {
  double rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto smaller = std::count_if(order.begin() + static_cast<std::ptrdiff_t>(i) + 1, order.end(),
                                       [&](std::int64_t v) { return v < order[i]; });
    rank = rank * static_cast<double>(order.size() - i) + static_cast<double>(smaller);
  }
  return rank;
}
std::vector<std::int64_t> order_of(double rank, std::size_t n) {
  std::vector<std::int64_t> left(n), order;
  std::iota(left.begin(), left.end(), 0);
  for (std::size_t i = 0; i < n; ++i) {
    const double block = factorial(n - 1 - i);
    const auto pick = std::min(static_cast<std::size_t>(rank / block), n - 1 - i);
    rank -= static_cast<double>(pick) * block;
    order.push_back(left[pick]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(pick));
  }
  return order;
}

bool is_order(const std::vector<std::int64_t>& order, std::size_t n) {
  if (order.size() != n) return false;
  std::vector<bool> seen(n, false);
  for (const std::int64_t i : order) {
    if (i < 0 || i >= static_cast<std::int64_t>(n) || seen[static_cast<std::size_t>(i)]) return false;
    seen[static_cast<std::size_t>(i)] = true;
  }
  return true;
}

Json plain_json(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::get<std::vector<std::int64_t>>(value);
}

}  // namespace

std::string to_text(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value)) return number(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  std::string out;
  for (const std::int64_t i : std::get<std::vector<std::int64_t>>(value)) out += (out.empty() ? "" : " ") + std::to_string(i);
  return out;
}

std::optional<std::size_t> value_index(const Parameter& parameter, const Value& value) {
  const auto& values = parameter.values;
  if (parameter.kind == ParameterKind::integer) {
    if (!is_number(value)) return std::nullopt;
    const auto at = std::lower_bound(values.begin(), values.end(), as_number(value),
                                     [](const Value& v, double x) { return as_number(v) < x; });
    if (at == values.end() || !same(*at, value)) return std::nullopt;
    return static_cast<std::size_t>(at - values.begin());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (same(values[i], value)) return i;
  }
  return std::nullopt;
}

Space::Space(std::vector<Parameter> parameters, std::vector<Rule> rules)
    : parameters_(std::move(parameters)), rules_(std::move(rules)) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) indices_.emplace(parameters_[i].name, i);
  conditions_.resize(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    for (const auto& [name, values] : parameters_[i].active_if) {
      const auto parent = index(name);
      if (!parent || !parameters_[*parent].discrete()) continue;
      Condition condition{*parent, {}};
      for (const Value& value : values) {
        if (const auto at = value_index(parameters_[*parent], value)) condition.allowed.push_back(*at);
      }
      conditions_[i].push_back(std::move(condition));
    }
  }
  std::vector<int> state(parameters_.size(), 0);
  const auto visit = [&](auto& self, std::size_t i) -> void {
    if (state[i] != 0) return;
    state[i] = 1;
    for (const Condition& condition : conditions_[i]) self(self, condition.parent);
    if (!conditions_[i].empty()) parents_first_.push_back(i);
  };
  for (std::size_t i = 0; i < parameters_.size(); ++i) visit(visit, i);
}

std::optional<std::size_t> Space::index(const std::string& name) const {
  const auto at = indices_.find(name);
  if (at == indices_.end()) return std::nullopt;
  return at->second;
}

std::optional<double> Space::cardinality() const {
  double product = 1;
  for (const Parameter& p : parameters_) {
    if (p.kind == ParameterKind::real) return std::nullopt;
    product *= p.kind == ParameterKind::permutation ? factorial(p.size()) : static_cast<double>(p.size());
    if (product > exact) return std::nullopt;
  }
  return product;
}

bool Space::active(std::size_t parameter, const Point& point) const {
  return std::all_of(conditions_[parameter].begin(), conditions_[parameter].end(), [&](const Condition& condition) {
    if (!point[condition.parent]) return false;
    const auto at = value_index(parameters_[condition.parent], *point[condition.parent]);
    return at && std::find(condition.allowed.begin(), condition.allowed.end(), *at) != condition.allowed.end();
  });
}

void Space::normalize(Point& point) const {
  point.resize(parameters_.size());
  for (const std::size_t i : parents_first_) {
    if (!active(i, point)) point[i].reset();
  }
}

bool Space::in_range(std::size_t parameter, const Value& value) const {
  const Parameter& p = parameters_[parameter];
  if (p.discrete()) return value_index(p, value).has_value();
  if (p.kind == ParameterKind::real) return is_number(value) && as_number(value) >= p.low && as_number(value) <= p.high;
  const auto* order = std::get_if<std::vector<std::int64_t>>(&value);
  return order && is_order(*order, p.size());
}

bool Space::rules_hold(const Point& point) const {
  return std::all_of(rules_.begin(), rules_.end(), [&](const Rule& rule) { return rule.holds(parameters_, point); });
}

bool Space::valid(const Point& point) const {
  if (point.size() != parameters_.size()) return false;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (active(i, point) != point[i].has_value()) return false;
    if (point[i] && !in_range(i, *point[i])) return false;
  }
  return rules_hold(point);
}

std::optional<Point> Space::sample(Random& random, int tries) const {
  for (int t = 0; t < tries; ++t) {
    Point point(parameters_.size());
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const Parameter& p = parameters_[i];
      if (p.discrete()) {
        if (p.values.empty()) return std::nullopt;
        point[i] = p.values[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(p.size()) - 1))];
      } else if (p.kind == ParameterKind::real) {
        const double value = p.log ? std::exp(random.uniform(std::log(p.low), std::log(p.high))) : random.uniform(p.low, p.high);
        point[i] = std::clamp(value, p.low, p.high);
      } else {
        std::vector<std::int64_t> order(p.size());
        std::iota(order.begin(), order.end(), 0);
        random.shuffle(order);
        point[i] = std::move(order);
      }
    }
    normalize(point);
    if (rules_hold(point)) return point;
  }
  return std::nullopt;
}

std::string Space::key(const Point& point) const {
  std::string out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (i > 0) out += ',';
    if (i >= point.size() || !point[i]) {
      out += '-';
    } else if (parameters_[i].discrete()) {
      const auto at = value_index(parameters_[i], *point[i]);
      out += at ? std::to_string(*at) : "?" + to_text(*point[i]);
    } else if (parameters_[i].kind == ParameterKind::real) {
      out += number(as_number(*point[i]));
    } else {
      out += to_text(*point[i]);
    }
  }
  return out;
}

namespace {

Json value_json(const Parameter& p, const Value& value) {
  if (p.boolean) return std::get<std::string>(value) == "true";
  if (p.kind != ParameterKind::permutation) return plain_json(value);
  Json out = Json::array();
  for (const std::int64_t i : std::get<std::vector<std::int64_t>>(value))
    out.push_back(plain_json(p.values[static_cast<std::size_t>(i)]));
  return out;
}

std::string allowed_text(const Parameter& p) {
  if (p.kind == ParameterKind::real) return "a number from " + number(p.low) + " to " + number(p.high);
  std::vector<std::string> words;
  for (const Value& value : p.values) {
    if (words.size() == 20) {
      words.push_back("... " + to_text(p.values.back()));
      break;
    }
    words.push_back(to_text(value));
  }
  return (p.kind == ParameterKind::permutation ? "an order of " : "") + join(words);
}

/// A JSON scalar as a value; whole floats become whole numbers. Nothing for lists, objects and null.
std::optional<Value> scalar(const Json& json) {
  if (json.is_boolean()) return Value(std::string(json.get<bool>() ? "true" : "false"));
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_number_integer()) {
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return Value(json.get<std::int64_t>());
  }
  if (!json.is_number_float()) return std::nullopt;
  const double real = json.get<double>();
  if (std::floor(real) == real && std::abs(real) <= exact) return Value(static_cast<std::int64_t>(real));
  return Value(real);
}

std::optional<Value> value_from(const Parameter& p, const Json& json) {
  if (p.kind == ParameterKind::permutation) {
    if (!json.is_array() || json.size() != p.size()) return std::nullopt;
    std::vector<std::int64_t> order;
    for (const Json& entry : json) {
      const auto value = scalar(entry);
      if (!value) return std::nullopt;
      const auto at = std::find_if(p.values.begin(), p.values.end(), [&](const Value& v) { return same(v, *value); });
      if (at == p.values.end()) return std::nullopt;
      order.push_back(at - p.values.begin());
    }
    if (!is_order(order, p.size())) return std::nullopt;
    return Value(std::move(order));
  }
  if (json.is_boolean() != p.boolean) return std::nullopt;
  const auto value = scalar(json);
  if (!value) return std::nullopt;
  if (p.kind == ParameterKind::real) {
    if (!is_number(*value)) return std::nullopt;
    const double real = as_number(*value);
    if (real < p.low || real > p.high) return std::nullopt;
    return Value(real);
  }
  const auto at = value_index(p, *value);
  if (!at) return std::nullopt;
  return p.values[*at];
}

}  // namespace

Json Space::to_json(const Point& point) const {
  Json out = Json::object();
  for (std::size_t i = 0; i < parameters_.size() && i < point.size(); ++i) {
    if (point[i]) out[parameters_[i].name] = value_json(parameters_[i], *point[i]);
  }
  return out;
}

Expected<Point> Space::from_json(const Document& values) const {
  const Json& root = values.root();
  if (!root.is_object()) return invalid(values.file(), "", "an object of parameters is expected");
  std::vector<Problem> problems;
  Point point(parameters_.size());
  std::vector<std::string> names;
  for (const Parameter& p : parameters_) names.push_back(p.name);
  for (const auto& [name, json] : root.items()) {
    const auto i = index(name);
    if (!i) {
      problems.push_back({values.file(), pointer_step(name), unknown_word("parameter", name, names)});
      continue;
    }
    point[*i] = value_from(parameters_[*i], json);
    if (!point[*i])
      problems.push_back({values.file(), pointer_step(name),
                          "found " + json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80) +
                              "; allowed: " + allowed_text(parameters_[*i])});
  }
  if (problems.empty()) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const bool on = active(i, point);
      if (on && !point[i]) problems.push_back({values.file(), "", "parameter " + in_quotes(names[i]) + " is missing"});
      if (!on && point[i])
        problems.push_back({values.file(), pointer_step(names[i]), "the parameter is inactive here; leave it out"});
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return point;
}

std::vector<double> Space::encode(const Point& point) const {
  std::vector<double> code(parameters_.size(), 0.5);
  for (std::size_t i = 0; i < parameters_.size() && i < point.size(); ++i) {
    const Parameter& p = parameters_[i];
    if (!point[i] || !in_range(i, *point[i])) continue;
    if (p.discrete()) {
      if (p.size() > 1) code[i] = static_cast<double>(*value_index(p, *point[i])) / static_cast<double>(p.size() - 1);
    } else if (p.kind == ParameterKind::real) {
      const double value = as_number(*point[i]);
      if (p.high > p.low)
        code[i] = p.log ? std::log(value / p.low) / std::log(p.high / p.low) : (value - p.low) / (p.high - p.low);
    } else if (p.size() > 1) {
      code[i] = rank_of(std::get<std::vector<std::int64_t>>(*point[i])) / (factorial(p.size()) - 1);
    }
  }
  return code;
}

Point Space::decode(const std::vector<double>& code) const {
  Point point(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    const double raw = i < code.size() ? code[i] : 0.5;
    const double at = std::isnan(raw) ? 0.5 : std::clamp(raw, 0.0, 1.0);
    if (p.discrete()) {
      if (!p.values.empty()) point[i] = p.values[static_cast<std::size_t>(std::llround(at * static_cast<double>(p.size() - 1)))];
    } else if (p.kind == ParameterKind::real) {
      const double value = p.log ? p.low * std::pow(p.high / p.low, at) : p.low + (p.high - p.low) * at;
      point[i] = std::clamp(value, p.low, p.high);
    } else {
      point[i] = order_of(std::round(at * (factorial(p.size()) - 1)), p.size());
    }
  }
  normalize(point);
  return point;
}

Expected<void> check_not_empty(const Space& space, const std::string& file, const std::string& pointer) {
  const auto& rules = space.rules();
  if (rules.empty()) return {};
  std::vector<bool> ever(rules.size(), false);
  const auto look = [&](Point& point) {
    space.normalize(point);
    bool all = true;
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const bool holds = rules[r].holds(space.parameters(), point);
      ever[r] = ever[r] || holds;
      all = all && holds;
    }
    return all;
  };
  constexpr double most_enumerated = 1e6;
  constexpr int samples = 100000;
  const auto points = space.cardinality();
  const bool enumerated = points && *points <= most_enumerated;
  if (enumerated) {
    const auto& parameters = space.parameters();
    std::vector<std::size_t> digit(parameters.size(), 0);
    const auto base = [&](std::size_t i) {
      return parameters[i].kind == ParameterKind::permutation ? static_cast<std::size_t>(factorial(parameters[i].size()))
                                                              : parameters[i].size();
    };
    for (bool more = true; more;) {
      Point point(parameters.size());
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (parameters[i].discrete())
          point[i] = parameters[i].values[digit[i]];
        else
          point[i] = order_of(static_cast<double>(digit[i]), parameters[i].size());
      }
      if (look(point)) return {};
      std::size_t i = 0;
      while (i < digit.size() && ++digit[i] == base(i)) digit[i++] = 0;
      more = i < digit.size();
    }
  } else {
    const Space free(space.parameters(), {});
    Random random(derive(0, "check_not_empty"));
    for (int i = 0; i < samples; ++i) {
      auto point = free.sample(random, 1);
      if (point && look(*point)) return {};
    }
  }
  const std::string where =
      enumerated ? "none of the space's " + number(*points) + " points" : "none of " + std::to_string(samples) + " random points";
  std::vector<Problem> problems;
  for (std::size_t r = 0; r < rules.size(); ++r) {
    if (!ever[r])
      problems.push_back(
          {file, pointer + "/" + std::to_string(r), "the rule " + in_quotes(rules[r].text()) + " holds in " + where});
  }
  if (problems.empty())
    problems.push_back({file, pointer, "the rules hold together in " + where + ", though each holds somewhere"});
  return fail(Error(ErrorKind::invalid_input, std::move(problems)));
}

}  // namespace gnomon::arch
