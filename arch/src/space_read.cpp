#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/space.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

constexpr std::int64_t most_values = 1'000'000;
constexpr std::int64_t widest = std::int64_t{1} << 53;
constexpr std::size_t most_ordered = 16;

std::string shown(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 80) + "..." : text;
}

/// Reads the parameters of one space; collects what is wrong.
class Reader {
 public:
  Reader(const std::string& file, std::vector<Problem>& problems) : file_(file), problems_(problems) {}

  std::vector<Parameter> parameters(const Json& space, const std::string& pointer) {
    std::vector<Parameter> out;
    if (!space.is_object()) {
      wrong(pointer, "found " + shown(space) + "; allowed: an object of parameters");
      return out;
    }
    if (space.empty()) wrong(pointer, "names no parameter");
    for (const auto& [name, entry] : space.items()) {
      Parameter p;
      p.name = name;
      const std::string here = pointer + pointer_step(name);
      if (name.empty())
        wrong(here, "a parameter needs a name");
      else if (parameter(entry, here, p))
        out.push_back(std::move(p));
      names_.push_back(name);
    }
    for (const auto& [name, entry] : space.items()) {
      if (!entry.is_object() || !entry.contains("active_if")) continue;
      const auto at = std::find_if(out.begin(), out.end(), [&n = name](const Parameter& p) { return p.name == n; });
      if (at != out.end()) conditions(entry["active_if"], pointer + pointer_step(name) + "/active_if", *at, out);
    }
    cycles(out, pointer);
    return out;
  }

 private:
  const std::string& file_;
  std::vector<Problem>& problems_;
  std::vector<std::string> names_;

  bool wrong(const std::string& pointer, const std::string& message) {
    problems_.push_back({file_, pointer, message});
    return false;
  }

  bool parameter(const Json& entry, const std::string& here, Parameter& p) {
    if (!entry.is_object()) return wrong(here, "found " + shown(entry) + "; allowed: an object such as {\"int\": [1, 8]}");
    static const std::vector<std::string> kinds{"int", "real", "ordinal", "categorical", "permutation"};
    std::vector<std::string> found;
    for (const auto& [key, value] : entry.items()) {
      if (std::find(kinds.begin(), kinds.end(), key) != kinds.end()) found.push_back(key);
    }
    if (found.size() != 1) {
      std::vector<std::string> keys;
      for (const auto& [key, value] : entry.items()) keys.push_back(key);
      std::string near;
      for (const std::string& key : keys) near = near.empty() ? nearest(key, kinds) : near;
      return wrong(here,
                   (found.empty() ? "has no kind" + (near.empty() ? std::string() : "; did you mean " + in_quotes(near) + "?")
                                  : "has several kinds: " + gnomon::join(found)) +
                       "; allowed: one of " + gnomon::join(kinds));
    }
    const std::string& kind = found.front();
    std::vector<std::string> allowed{kind, "active_if"};
    if (kind == "int") allowed.push_back("step");
    if (kind == "real") allowed.push_back("log");
    bool good = true;
    for (const auto& [key, value] : entry.items()) {
      if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
        good = wrong(here + pointer_step(key), unknown_word("key", key, allowed));
    }
    const Json& value = entry[kind];
    const std::string there = here + "/" + kind;
    if (kind == "int") return integers(entry, value, here, p) && good;
    if (kind == "real") return reals(entry, value, here, p) && good;
    return listed(value, there, kind, p) && good;
  }

  bool whole(const Json& json, std::int64_t& out) const {
    if (json.is_number_float()) {
      const double real = json.get<double>();
      if (std::floor(real) != real || std::abs(real) > static_cast<double>(widest)) return false;
      out = static_cast<std::int64_t>(real);
      return true;
    }
    if (!json.is_number_integer()) return false;
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(widest)) return false;
    out = json.get<std::int64_t>();
    return out >= -widest && out <= widest;
  }

  bool integers(const Json& entry, const Json& value, const std::string& here, Parameter& p) {
    std::int64_t low = 0, high = 0;
    p.kind = ParameterKind::integer;
    if (!value.is_array() || value.size() != 2 || !whole(value[0], low) || !whole(value[1], high)) {
      return wrong(here + "/int", "found " + shown(value) + "; allowed: [lowest, highest], whole numbers up to 2^53");
    }
    if (low > high)
      return wrong(here + "/int", "the lowest, " + std::to_string(low) + ", is above the highest, " + std::to_string(high));
    std::int64_t step = 1;
    if (entry.contains("step")) {
      const Json& given = entry["step"];
      if (given.is_string() && given.get_ref<const std::string&>() == "pow2") {
        for (std::int64_t v = 1; v <= high; v *= 2) {
          if (v >= low) p.values.emplace_back(v);
        }
        return !p.values.empty() ||
               wrong(here + "/int", "no power of two lies between " + std::to_string(low) + " and " + std::to_string(high));
      }
      if (!whole(given, step) || step < 1)
        return wrong(here + "/step", "found " + shown(given) + "; allowed: a whole number of at least 1, or \"pow2\"");
    }
    const std::int64_t count = (high - low) / step + 1;
    if (count > most_values) {
      return wrong(here + "/int", "lists " + std::to_string(count) + " values; allowed: at most " + std::to_string(most_values) +
                                      ", give a step or use \"real\"");
    }
    p.values.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) p.values.emplace_back(low + i * step);
    return true;
  }

  bool reals(const Json& entry, const Json& value, const std::string& here, Parameter& p) {
    p.kind = ParameterKind::real;
    if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_number()) {
      return wrong(here + "/real", "found " + shown(value) + "; allowed: [lowest, highest]");
    }
    p.low = value[0].get<double>();
    p.high = value[1].get<double>();
    if (!(p.low < p.high))
      return wrong(here + "/real", "the lowest, " + number(p.low) + ", is not below the highest, " + number(p.high));
    if (!std::isfinite(p.high - p.low)) return wrong(here + "/real", "the range is wider than a double holds");
    if (entry.contains("log")) {
      if (!entry["log"].is_boolean()) return wrong(here + "/log", "found " + shown(entry["log"]) + "; allowed: true or false");
      p.log = entry["log"].get<bool>();
      if (p.log && p.low <= 0) return wrong(here + "/real", "a logarithmic range begins above 0; found " + number(p.low));
    }
    return true;
  }

  bool listed(const Json& value, const std::string& there, const std::string& kind, Parameter& p) {
    p.kind = kind == "ordinal"       ? ParameterKind::ordinal
             : kind == "categorical" ? ParameterKind::categorical
                                     : ParameterKind::permutation;
    if (!value.is_array() || value.empty())
      return wrong(there, "found " + shown(value) + "; allowed: a list of at least one value");
    if (static_cast<std::int64_t>(value.size()) > most_values)
      return wrong(there, "lists more than " + std::to_string(most_values) + " values");
    if (kind == "permutation" && (value.size() < 2 || value.size() > most_ordered)) {
      return wrong(there, "found a list of " + std::to_string(value.size()) + "; allowed: 2 to " + std::to_string(most_ordered) +
                              " values");
    }
    bool good = true;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Json& entry = value[i];
      const std::string here = there + "/" + std::to_string(i);
      const bool truth = entry.is_boolean() && kind == "categorical";
      std::int64_t integer = 0;
      if (entry.is_string())
        p.values.emplace_back(entry.get<std::string>());
      else if (truth)
        p.values.emplace_back(std::string(entry.get<bool>() ? "true" : "false"));
      else if (whole(entry, integer))
        p.values.emplace_back(integer);
      else if (entry.is_number_float())
        p.values.emplace_back(entry.get<double>());
      else {
        good = wrong(here, "found " + shown(entry) + "; allowed: a number or a text" +
                               (kind == "categorical" ? ", or true and false" : ""));
        continue;
      }
      p.boolean = p.boolean || truth;
      const bool first_is_text = value[0].is_string(), first_is_truth = value[0].is_boolean();
      if (entry.is_string() != first_is_text || entry.is_boolean() != first_is_truth) {
        good = wrong(
            here, "found " + shown(entry) + " among values of another kind; allowed: all numbers, all texts, or true and false");
      }
      if (!seen.insert((entry.is_string() ? "t" : "n") + to_text(p.values.back())).second)
        good = wrong(here, shown(entry) + " is listed twice");
    }
    return good;
  }

  void conditions(const Json& given, const std::string& here, Parameter& p, const std::vector<Parameter>& all) {
    if (!given.is_object() || given.empty()) {
      wrong(here, "found " + shown(given) + "; allowed: an object such as {\"parameter\": [values]}");
      return;
    }
    for (const auto& [name, values] : given.items()) {
      const std::string there = here + pointer_step(name);
      const auto parent = std::find_if(all.begin(), all.end(), [&n = name](const Parameter& q) { return q.name == n; });
      if (parent == all.end()) {
        // A parameter that exists but is wrong has been reported already.
        if (std::find(names_.begin(), names_.end(), name) == names_.end()) wrong(there, unknown_word("parameter", name, names_));
        continue;
      }
      if (!parent->discrete()) {
        wrong(there, in_quotes(name) + " has no list of values; conditions are over int, ordinal and categorical parameters");
        continue;
      }
      if (!values.is_array() || values.empty()) {
        wrong(there, "found " + shown(values) + "; allowed: a list of its values");
        continue;
      }
      std::vector<Value> allowed;
      for (std::size_t i = 0; i < values.size(); ++i) {
        std::int64_t integer = 0;
        Value value = 0.0;
        if (values[i].is_string())
          value = values[i].get<std::string>();
        else if (values[i].is_boolean())
          value = std::string(values[i].get<bool>() ? "true" : "false");
        else if (whole(values[i], integer))
          value = integer;
        else if (values[i].is_number())
          value = values[i].get<double>();
        const auto at = values[i].is_boolean() == parent->boolean ? value_index(*parent, value) : std::nullopt;
        if (!at || values[i].is_null() || values[i].is_structured()) {
          std::vector<std::string> words;
          for (std::size_t k = 0; k < std::min<std::size_t>(parent->size(), 20); ++k) words.push_back(to_text(parent->values[k]));
          wrong(there + "/" + std::to_string(i), "found " + shown(values[i]) + ", which " + in_quotes(name) +
                                                     " never is; its values: " + gnomon::join(words) +
                                                     (parent->size() > 20 ? ", ..." : ""));
          continue;
        }
        allowed.push_back(parent->values[*at]);
      }
      p.active_if.emplace_back(name, std::move(allowed));
    }
  }

  /// A parameter whose condition leads back to itself could never be decided.
  void cycles(const std::vector<Parameter>& all, const std::string& pointer) {
    std::map<std::string, int> state;  // 1 while being visited, 2 when done
    std::map<std::string, const Parameter*> by_name;
    for (const Parameter& p : all) by_name[p.name] = &p;
    const auto visit = [&](auto& self, const Parameter& p) -> bool {
      if (state[p.name] == 2) return true;
      if (state[p.name] == 1) return false;
      state[p.name] = 1;
      bool good = true;
      for (const auto& [parent, values] : p.active_if) {
        if (const auto at = by_name.find(parent); at != by_name.end()) good = self(self, *at->second) && good;
      }
      state[p.name] = 2;
      if (!good)
        wrong(pointer + pointer_step(p.name) + "/active_if", "the conditions of " + in_quotes(p.name) + " lead back to itself");
      return true;
    };
    for (const Parameter& p : all) visit(visit, p);
  }
};

void collect(const Json& json, const std::string& path, Constants& out, int depth) {
  if (depth > 20) return;
  if (json.is_number() && !path.empty()) {
    out[path] = json.get<double>();
  } else if (json.is_object()) {
    for (const auto& [key, value] : json.items()) collect(value, path.empty() ? key : path + "." + key, out, depth + 1);
  } else if (json.is_array()) {
    for (const Json& entry : json) {
      if (entry.is_object() && entry.contains("name") && entry["name"].is_string()) {
        collect(entry, (path.empty() ? "" : path + ".") + entry["name"].get<std::string>(), out, depth + 1);
      }
    }
  }
}

std::vector<std::string> steps_of(const std::string& name) {
  std::vector<std::string> out(1);
  for (const char c : name) {
    if (c == '.')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

/// Objects of a design or memory file that may be left out.
const std::vector<std::string> optional_objects{"interconnect", "vector", "controller"};

/// Walks one step down; an error text where it cannot.
Json* descend(Json& here, const std::string& step, std::string& problem) {
  std::vector<std::string> there;
  if (here.is_object()) {
    if (const auto at = here.find(step); at != here.end()) return &*at;
    if (std::find(optional_objects.begin(), optional_objects.end(), step) != optional_objects.end())
      return &(here[step] = Json::object());
    for (const auto& [key, value] : here.items()) there.push_back(key);
  } else if (here.is_array()) {
    for (std::size_t i = 0; i < here.size(); ++i) {
      Json& entry = here[i];
      // Entries without names go by their places.
      if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string()) {
        if (step == std::to_string(i)) return &entry;
        there.push_back(std::to_string(i));
        continue;
      }
      if (entry["name"].get_ref<const std::string&>() == step) return &entry;
      there.push_back(entry["name"].get<std::string>());
    }
  } else {
    problem = "a value ends the path before " + in_quotes(step);
    return nullptr;
  }
  problem = unknown_word("name", step, there);
  return nullptr;
}

}  // namespace

Expected<Space> read_space(const Document& document, const std::string& space_pointer, const std::string& rules_pointer,
                           const Constants& constants) {
  std::vector<Problem> problems;
  const Json& root = document.root();
  const Json::json_pointer at_space(space_pointer);
  if (!root.contains(at_space)) return invalid(document.file(), space_pointer, "is missing");
  std::vector<Parameter> parameters = Reader(document.file(), problems).parameters(root.at(at_space), space_pointer);
  const bool sound = problems.empty();
  std::vector<Rule> rules;
  const Json::json_pointer at_rules(rules_pointer);
  if (root.contains(at_rules)) {
    const Json& list = root.at(at_rules);
    if (!list.is_array())
      problems.push_back({document.file(), rules_pointer, "found " + shown(list) + "; allowed: a list of texts"});
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
      const std::string here = rules_pointer + "/" + std::to_string(i);
      if (!list[i].is_string()) {
        problems.push_back(
            {document.file(), here, "found " + shown(list[i]) + "; allowed: a text such as \"rows * cols <= 4096\""});
        continue;
      }
      // Rules over a broken space would only repeat its errors.
      if (!sound) continue;
      auto rule = Rule::parse(list[i].get<std::string>(), parameters, constants);
      if (rule)
        rules.push_back(std::move(*rule));
      else
        problems.push_back({document.file(), here, rule.error().problems().front().message});
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return Space(std::move(parameters), std::move(rules));
}

Constants design_constants(const Json& design) {
  Constants out;
  collect(design, "", out, 0);
  return out;
}

Expected<Json> apply(const Json& design, const Space& space, const Point& point, const std::string& file) {
  Json out = design;
  std::vector<Problem> problems;
  const Json values = space.to_json(point);
  for (const auto& [name, value] : values.items()) {
    const std::vector<std::string> steps = steps_of(name);
    Json* here = &out;
    std::string pointer, problem;
    for (std::size_t i = 0; here && i + 1 < steps.size(); ++i) {
      Json* next = descend(*here, steps[i], problem);
      if (next) pointer += pointer_step(steps[i]);
      here = next;
    }
    if (here && !here->is_object()) {
      // A list's entry may not be replaced, and a number has no keys.
      problem = here->is_array() ? "names an entry of a list, not a value in it"
                                 : "a value ends the path before " + in_quotes(steps.back());
      here = nullptr;
    }
    if (!here) {
      problems.push_back({file, pointer, "parameter " + in_quotes(name) + " leads nowhere: " + problem});
      continue;
    }
    (*here)[steps.back()] = value;
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return out;
}

}  // namespace gnomon::arch
