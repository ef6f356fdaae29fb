#include "campaign/synthesis.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gnomon/arch/synthesis.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

template <class T>
bool holds(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::vector<std::string> metrics_of(const std::vector<std::string>& targets) {
  std::vector<std::string> out;
  for (const auto& [metric, target] : arch::synthesis_metrics(targets)) out.push_back(metric);
  return out;
}

}  // namespace

std::string synthesis_schema() {
  Json targets = Json::array();
  for (const arch::SynthesisInfo& info : arch::synthesis_infos()) targets.push_back(info.target);
  const Json one{{"enum", targets}};
  const Json list{{"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}};
  return Json{{"oneOf", Json::array({one, list})}}.dump();
}

std::vector<std::pair<std::string, std::string>> read_synthesis(const std::string& json_text, bool kernel, std::vector<std::string>& targets) {
  std::vector<std::pair<std::string, std::string>> problems;
  if (json_text.empty()) return problems;
  Json value = Json::parse(json_text);
  const bool list = value.is_array();
  if (!list) value = Json::array({value});
  std::vector<std::string> known;
  for (const arch::SynthesisInfo& info : arch::synthesis_infos())
    if (!kernel || !info.complete) known.push_back(info.target);
  if (value.empty()) problems.emplace_back("", "found an empty list; allowed: " + join(known));
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string pointer = list ? "/" + std::to_string(i) : "";
    if (!value[i].is_string()) {
      problems.emplace_back(pointer, "found " + value[i].dump() + "; allowed: " + join(known));
      continue;
    }
    const auto target = value[i].get<std::string>();
    if (kernel && target.ends_with("-complete")) {
      problems.emplace_back(pointer, in_quotes(target) + " is for accelerators; a kernel's RTL is complete");
    } else if (!holds(known, target)) {
      problems.emplace_back(pointer, unknown_word("target", target, known));
    } else {
      const std::size_t before = arch::synthesis_metrics(targets).size();
      targets.push_back(target);
      if (arch::synthesis_metrics(targets).size() > before) continue;
      problems.emplace_back(pointer, in_quotes(target) + " gives nothing that the targets before it in the list do not give");
      targets.pop_back();
    }
  }
  return problems;
}

std::string synthesis_problem(const std::string& metric, bool kernel, bool asked, const std::vector<std::string>& targets) {
  const std::string bare = metric.substr(0, metric.find('@'));
  std::vector<std::string> givers;
  for (const arch::SynthesisInfo& info : arch::synthesis_infos())
    if ((!kernel || !info.complete) && holds(info.metrics, bare)) givers.push_back(info.target);
  if (givers.empty()) return "";
  if (!asked) return "metric " + in_quotes(metric) + " comes from synthesis; the campaign has no \"synthesis\" (" + join(givers) + ")";
  const std::vector<std::string> given = metrics_of(targets);
  if (targets.empty() || holds(given, bare)) return "";  // without a sound target: told at the key
  return "synthesis for " + join(targets) + " gives no " + in_quotes(metric) + ", it gives: " + join(given) + "; " + in_quotes(metric) + " is given by: " + join(givers) +
         " (\"synthesis\" may be a list of targets)";
}

}  // namespace gnomon::search
