#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gnomon::search {

/// JSON Schema of the key `synthesis`: a target or a list of them.
std::string synthesis_schema();
/// The targets of the key's JSON text (empty text: none). Returns what is wrong, by pointer below the key; what is sound is in `targets` all the same.
std::vector<std::pair<std::string, std::string>> read_synthesis(const std::string& json_text, bool kernel, std::vector<std::string>& targets);
/// Why a metric cannot come from these targets, or empty, also for metrics that no target gives; `asked`: the campaign has the key.
std::string synthesis_problem(const std::string& metric, bool kernel, bool asked, const std::vector<std::string>& targets);

}  // namespace gnomon::search
