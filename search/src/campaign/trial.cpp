#include "gnomon/search/trial.hpp"

#include <nlohmann/json.hpp>

#include "campaign/campaign_io.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/store.hpp"

namespace gnomon::search {
namespace {

namespace fs = std::filesystem;

/// The file `name` of a campaign, by content.
Expected<std::string> find_file(const std::string& name, const std::string& hash, const std::vector<fs::path>& bases) {
  bool changed = false;
  for (const fs::path& base : bases) {
    std::error_code code;
    const fs::path path = fs::absolute(base / name, code).lexically_normal();
    if (!fs::is_regular_file(path, code)) continue;
    const auto content = read_file(path, std::size_t{4} << 30);
    if (!content) continue;
    if (hash.empty() || sha256(*content) == hash) return path.string();
    changed = true;
  }
  return fail(ErrorKind::invalid_input,
              "the campaign's file " + in_quotes(name) +
                  (changed ? " has changed since the campaign ran" : " is not found; give the folder of the campaign file as base"));
}

}  // namespace

Expected<StoredJob> stored_job(const fs::path& folder, std::uint64_t number, const std::string& fidelity, const fs::path& base) {
  if (std::error_code code; !fs::exists(store_path(folder), code))
    return fail(ErrorKind::invalid_input, folder.string() + ": no campaign's store (campaign.sqlite) is there");
  auto store = Store::open_read(folder);
  if (!store) return fail(std::move(store.error()));
  auto resolved = store->campaign();
  if (!resolved) return fail(std::move(resolved.error()));
  if (!*resolved) return fail(ErrorKind::invalid_input, folder.string() + ": the store holds no campaign");
  auto campaign = campaign_from_resolved(**resolved);
  if (!campaign) return fail(std::move(campaign.error()));
  if (campaign->subject != "accelerator" && campaign->subject != "kernel")
    return fail(ErrorKind::unsupported, "a campaign of subject " + in_quotes(campaign->subject) + " has no design to co-simulate");
  auto trials = store->trials();
  if (!trials) return fail(std::move(trials.error()));
  const StoredTrial* trial = nullptr;
  for (const StoredTrial& one : *trials)
    if (one.number == number) trial = &one;
  if (trial == nullptr)
    return fail(ErrorKind::invalid_input,
                "no trial " + std::to_string(number) + " in " + folder.string() +
                    (trials->empty() ? "; it has none" : "; there are " + std::to_string(trials->front().number) + " to " +
                                                             std::to_string(trials->back().number)));
  auto parameters = Document::parse(trial->params_json, "campaign.sqlite");
  if (!parameters) return fail(std::move(parameters.error()));
  auto point = campaign->space.from_json(*parameters);
  if (!point) return fail(std::move(point.error()));

  std::vector<fs::path> bases;
  if (!base.empty()) bases.push_back(base);
  std::error_code code;
  bases.push_back(fs::current_path(code));
  for (fs::path at = fs::absolute(folder, code); !at.empty() && bases.size() < 32; at = at.parent_path()) {
    bases.push_back(at);
    if (at == at.parent_path()) break;
  }
  const Json content = Json::parse(**resolved, nullptr, false).value("content", Json::object());
  for (arch::WorkloadRef& workload : campaign->workloads) {
    if (workload.model.starts_with("zoo:")) continue;
    const std::string hash = content.contains(workload.model) ? content.at(workload.model).get<std::string>() : "";
    auto found = find_file(workload.model, hash, bases);
    if (!found) return fail(std::move(found.error()));
    workload.model = *found;
  }
  campaign->design_folder = base.empty() ? bases.front() : base;
  auto job = make_job(*campaign, *point, fidelity, trial->seed);
  if (!job) return fail(std::move(job.error()));
  return StoredJob{std::move(*job), trial->state, trial->params_json};
}

}  // namespace gnomon::search
