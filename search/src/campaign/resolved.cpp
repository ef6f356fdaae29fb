#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "campaign/accuracy.hpp"
#include "campaign/campaign_io.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

Json reals(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double v : values) out.push_back(v);
  return out;
}

void compare(const Json& a, const Json& b, const std::string& pointer, std::vector<std::string>& out) {
  constexpr std::size_t most = 50;
  if (a == b || out.size() >= most) return;
  const auto shown = [](const Json& value) {
    std::string text = value.dump();
    constexpr std::size_t longest = 100;
    if (text.size() > longest) text = text.substr(0, longest) + "...";
    return text;
  };
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      const std::string at = pointer + pointer_step(key);
      if (b.contains(key))
        compare(value, b.at(key), at, out);
      else
        out.push_back(at + ": the folder has " + shown(value) + ", the campaign has nothing");
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key))
        out.push_back(pointer + pointer_step(key) + ": the folder has nothing, the campaign has " + shown(value));
    }
    return;
  }
  if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (std::size_t i = 0; i < a.size(); ++i) compare(a[i], b[i], pointer + "/" + std::to_string(i), out);
    return;
  }
  out.push_back(pointer + ": the folder has " + shown(a) + ", the campaign has " + shown(b));
}

Json identity(Json resolved) {
  resolved.erase("name");
  resolved.erase("budget");
  resolved.erase("target");
  return resolved;
}

/// Whose parameters are paths into a design: accelerators, memories, kernels.
bool has_design(const Campaign& c) { return !c.design_json.empty(); }

}  // namespace

Json resolved_json(const Campaign& c) {
  Json out = Json::object();
  out["version"] = 1;
  out["name"] = c.name;
  out["subject"] = c.subject;
  if (has_design(c)) {
    out["workloads"] = Json::array();
    for (const arch::WorkloadRef& w : c.workloads) {
      // A path moves with the campaign's folder; what counts is the file's content, below.
      const std::filesystem::path path(w.model);
      const auto relative = path.is_absolute() ? path.lexically_relative(c.folder) : path;
      out["workloads"].push_back(
          {{"model", relative.empty() ? w.model : relative.string()}, {"batch", w.batch}, {"weight", w.weight}});
    }
    out["design"] = Json::parse(c.design_json);
    if (!c.surrogate_model.empty()) {
      const std::filesystem::path file(c.surrogate_model);
      const auto relative = file.is_absolute() ? file.lexically_relative(c.folder) : file;
      out["surrogate_model"] = relative.empty() ? c.surrogate_model : relative.string();
    }
    if (!c.synthesis.empty()) out["synthesis"] = c.synthesis;
    if (!c.accuracy_json.empty()) {
      out["accuracy"] = Json::parse(c.accuracy_json);
      if (out["accuracy"].contains("table")) {
        const auto relative = std::filesystem::path(out["accuracy"]["table"].get<std::string>()).lexically_relative(c.folder);
        if (!relative.empty()) out["accuracy"]["table"] = relative.string();
      }
    }
    out["content"] = Json::object();
    for (const auto& [file, hash] : c.content_hashes) out["content"][file] = hash;
  } else if (c.subject == "problem") {
    out["problem"] = c.problem;
    if (!c.problem_options_json.empty()) {
      Json options = Json::parse(c.problem_options_json);
      const auto relative = std::filesystem::path(options.at("file").get<std::string>()).lexically_relative(c.folder);
      if (!relative.empty()) options["file"] = relative.string();
      out["problem"] = std::move(options);
      out["content"] = Json::object();
      for (const auto& [file, hash] : c.content_hashes) out["content"][file] = hash;
    }
  } else {
    out["command"] = c.command;
  }
  out["space"] = Json::parse(c.space_json);
  out["rules"] = Json::array();
  for (const arch::Rule& rule : c.space.rules()) out["rules"].push_back(rule.text());
  out["objectives"] = Json::array();
  for (const ObjectiveSpec& o : c.objectives)
    out["objectives"].push_back({{"metric", o.metric}, {"goal", o.maximise ? "max" : "min"}});
  out["constraints"] = Json::array();
  for (const ConstraintSpec& k : c.constraints) {
    Json one{{"metric", k.metric}};
    if (k.max) one["max"] = *k.max;
    if (k.min) one["min"] = *k.min;
    out["constraints"].push_back(std::move(one));
  }
  out["agent"] = {{"name", c.agent}, {"batch", c.batch}};
  out["agent"]["options"] = c.agent_options_json.empty() ? Json::object() : Json::parse(c.agent_options_json);
  out["fidelity"] = {{"ladder", c.ladder}};
  if (c.ladder.size() > 1) out["fidelity"]["promote"] = c.promote;
  if (c.ladder.size() > 1 && c.by_residual) out["fidelity"]["by"] = "residual";
  if (c.hypervolume_reference) out["hypervolume_reference"] = reals(*c.hypervolume_reference);
  if (c.target) out["target"] = reals(*c.target);
  out["seeds"] = Json::array();
  for (const arch::Point& p : c.seeds) out["seeds"].push_back(c.space.to_json(p));
  out["limits"] = {{"cpu_s", c.limits.cpu_s}, {"memory_mib", c.limits.memory_mib}, {"hang_s", c.limits.hang_s}};
  out["seed"] = c.seed;
  out["budget"] = {{"evaluations", c.budget.evaluations}};
  if (c.budget.wall_s) out["budget"]["wall_s"] = *c.budget.wall_s;
  return out;
}

std::string campaign_hash(const Json& resolved) {
  return sha256(identity(resolved).dump());
}

std::vector<std::string> campaign_differences(const Json& stored, const Json& now) {
  std::vector<std::string> out;
  compare(identity(stored), identity(now), "", out);
  return out;
}

Expected<Campaign> campaign_from_resolved(const std::string& resolved) {
  auto document = Document::parse(resolved, "campaign.sqlite");
  if (!document) return fail(std::move(document.error()));
  Campaign c;
  try {
    const Json& j = document->root();
    c.name = j.at("name");
    c.subject = j.at("subject");
    if (j.contains("workloads")) {
      for (const Json& w : j.at("workloads")) c.workloads.push_back({w.at("model"), w.at("batch"), w.at("weight")});
    }
    if (j.contains("design")) c.design_json = j.at("design").dump();
    if (j.contains("synthesis")) c.synthesis = j.at("synthesis");
    if (j.contains("surrogate_model")) c.surrogate_model = j.at("surrogate_model");
    if (j.contains("problem") && j.at("problem").is_string()) c.problem = j.at("problem");
    if (j.contains("problem") && j.at("problem").is_object()) {
      c.problem = j.at("problem").at("name");
      c.problem_options_json = j.at("problem").dump();
    }
    if (j.contains("command")) c.command = j.at("command").get<std::vector<std::string>>();
    c.space_json = j.at("space").dump();
    arch::Constants constants;
    if (j.contains("design")) constants = arch::design_constants(j.at("design"));
    auto space = arch::read_space(*document, "/space", "/rules", constants);
    if (!space) return fail(std::move(space.error()));
    c.space = std::move(*space);
    for (const Json& o : j.at("objectives")) c.objectives.push_back({o.at("metric"), o.at("goal") == "max"});
    for (const Json& k : j.at("constraints")) {
      ConstraintSpec one{k.at("metric"), {}, {}};
      if (k.contains("max")) one.max = k.at("max").get<double>();
      if (k.contains("min")) one.min = k.at("min").get<double>();
      c.constraints.push_back(std::move(one));
    }
    c.agent = j.at("agent").at("name");
    c.batch = j.at("agent").at("batch");
    c.agent_options_json = j.at("agent").at("options").dump();
    c.ladder = j.at("fidelity").at("ladder").get<std::vector<std::string>>();
    if (j.at("fidelity").contains("promote")) c.promote = j.at("fidelity").at("promote");
    c.by_residual = j.at("fidelity").contains("by");
    if (j.contains("hypervolume_reference")) c.hypervolume_reference = j.at("hypervolume_reference").get<std::vector<double>>();
    if (j.contains("target")) c.target = j.at("target").get<std::vector<double>>();
    c.limits = {j.at("limits").at("cpu_s"), j.at("limits").at("memory_mib"), j.at("limits").at("hang_s")};
    c.seed = j.at("seed");
    c.budget.evaluations = j.at("budget").at("evaluations");
    if (j.at("budget").contains("wall_s")) c.budget.wall_s = j.at("budget").at("wall_s").get<double>();
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, "campaign.sqlite: the campaign in it cannot be read: " + std::string(error.what()));
  }
  return c;
}

Expected<arch::EvaluationJob> make_job(const Campaign& c, const arch::Point& point, const std::string& fidelity,
                                       std::uint64_t trial_seed) {
  arch::EvaluationJob job;
  job.subject = c.subject;
  job.fidelity = fidelity;
  job.seed = trial_seed;
  job.parameters_json = c.space.to_json(point).dump();
  job.workloads = c.workloads;
  job.base_folder = c.design_folder.string();
  if (has_design(c)) {
    auto design = arch::apply(Json::parse(c.design_json), hardware_space(c.space), hardware_point(c.space, point), c.file);
    if (!design) return fail(std::move(design.error()));
    job.design_json = design->dump();
    Json options = Json::object();
    if (!c.surrogate_model.empty() && fidelity == "surrogate") options["model"] = c.surrogate_model;
    if (!c.synthesis.empty()) options["synthesis"] = c.synthesis;
    if (const std::string exploration = accuracy_options(c, point); !exploration.empty()) options["exploration"] = Json::parse(exploration);
    if (!options.empty()) job.options_json = options.dump();
    const std::string suffix = network_suffix(c.space, point);
    for (arch::WorkloadRef& w : job.workloads) w.model = with_sizes(w.model, suffix);
  } else if (c.subject == "problem") {
    job.options_json = c.problem_options_json.empty() ? Json{{"problem", c.problem}}.dump() : Json{{"table", Json::parse(c.problem_options_json)}}.dump();
  } else {
    job.base_folder = c.folder.string();
    job.options_json = Json{{"command", c.command}, {"cpu_s", c.limits.cpu_s}}.dump();
  }
  return job;
}

namespace {

Expected<double> metric_of(const std::vector<arch::Metric>& metrics, const std::string& name) {
  for (const arch::Metric& m : metrics) {
    if (m.name != name) continue;
    if (!std::isfinite(m.value)) return fail(ErrorKind::run_failed, "metric " + in_quotes(name) + " is " + number(m.value));
    return m.value;
  }
  std::vector<std::string> names;
  for (const arch::Metric& m : metrics) names.push_back(m.name);
  return fail(ErrorKind::run_failed, "the evaluation has no " + unknown_word("metric", name, names).substr(8));
}

}  // namespace

Expected<std::vector<double>> violations_of(const Campaign& campaign, const std::vector<arch::Metric>& metrics) {
  std::vector<double> out;
  for (const ConstraintSpec& k : campaign.constraints) {
    auto value = metric_of(metrics, k.metric);
    if (!value) return fail(std::move(value.error()));
    if (k.max) out.push_back(*value - *k.max);
    if (k.min) out.push_back(*k.min - *value);
  }
  return out;
}

Expected<std::vector<double>> objectives_of(const Campaign& campaign, const std::vector<arch::Metric>& metrics) {
  std::vector<double> out;
  for (const ObjectiveSpec& o : campaign.objectives) {
    auto value = metric_of(metrics, o.metric);
    if (!value) return fail(std::move(value.error()));
    out.push_back(*value);
  }
  return out;
}

std::vector<std::string> limit_names(const Campaign& campaign) {
  std::vector<std::string> out;
  for (const ConstraintSpec& k : campaign.constraints) {
    if (k.max) out.push_back(k.metric + " <= " + number(*k.max));
    if (k.min) out.push_back(k.metric + " >= " + number(*k.min));
  }
  return out;
}

}  // namespace gnomon::search
