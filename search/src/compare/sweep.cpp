#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/base/random.hpp"
#include "gnomon/search/agent.hpp"
#include "gnomon/search/compare.hpp"

namespace gnomon::search {
namespace {

constexpr double octaves = 2;

/// A number's value in a variant; `schema` is its part of the options' schema.
Json drawn(const Json& schema, const Json& base, Random& random) {
  const double factor = std::exp2(random.uniform(-octaves, octaves));
  const double value = base.get<double>();
  const double low = schema.contains("minimum") ? schema["minimum"].get<double>() : schema.value("exclusiveMinimum", -1e300);
  const double high = schema.value("maximum", 1e300);
  const bool whole = schema.value("type", std::string()) == "integer";
  if (!(value > 0)) return base;
  double out = value * factor;
  if (!whole && low >= 0 && high == 1 && value < 1) out = 1 / (1 + (1 - value) / value / factor);
  out = std::clamp(out, low, high);
  if (whole) return static_cast<std::int64_t>(std::llround(out));
  // Three digits are more than a setting needs, and read well in the log.
  const double digit = std::pow(10.0, std::floor(std::log10(out)) - 2);
  return std::clamp(std::round(out / digit) * digit, low, high);
}

}  // namespace

std::vector<std::string> sweep_of(const std::string& agent, const std::string& base, std::int64_t count) {
  std::vector<std::string> out{base.empty() ? "{}" : base};
  const auto found = agents().find(agent);
  if (!found || !(*found)->options_schema) return out;
  const Json schema = Json::parse((*found)->options_schema());
  const Json start = Json::parse(out[0]);
  Json defaults = Json::object();
  for (const auto& [name, field] : schema.at("properties").items()) {
    const std::string type = field.value("type", std::string());
    if ((type != "integer" && type != "number") || !field.contains("default")) continue;
    defaults[name] = start.contains(name) ? start.at(name) : field.at("default");
  }
  Random random(derive(derive(0, "sweep"), agent));
  constexpr int tries = 50;
  for (int t = 0; t < tries && static_cast<std::int64_t>(out.size()) < count; ++t) {
    Json variant = start;
    for (const auto& [name, value] : defaults.items()) variant[name] = drawn(schema.at("properties").at(name), value, random);
    const std::string text = variant.dump();
    if (text != out[0] && variant != defaults && std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  }
  return out;
}

}  // namespace gnomon::search
