#pragma once

#include <filesystem>
#include <string>

#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/search/store.hpp"

namespace gnomon::search {

/// Everything that the report shows, as one JSON object: campaign and provenance, columns with units, finished trials
/// (parameters, objectives, metrics), the front, convergence (best and hypervolume against the final reference), layers and
/// energy by component of the front's designs and of the best ones. Follows from the store without its times: same trials, same
/// bytes.
Expected<Json> report_data(const Store& store);

/// One HTML page with everything inside it; opens without a network.
std::string render_report(const Json& data);

/// Writes report.html into a campaign's folder. Returns its path.
Expected<std::filesystem::path> write_report(const std::filesystem::path& folder);

}  // namespace gnomon::search
