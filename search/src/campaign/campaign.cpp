#include "gnomon/search/campaign.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "campaign/accuracy.hpp"
#include "campaign/campaign_io.hpp"
#include "campaign/synthesis.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/metrics.hpp"
#include "gnomon/arch/synthesis.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/problems.hpp"
#include "problems/table.hpp"

namespace gnomon::search {

void describe(FieldVisitor& v, Budget& s) {
  field(v, {"evaluations", "trials at the last fidelity", "trials"}, s.evaluations, Range{1, 100'000'000});
  field(v, {"wall_s", "stop after the batch in which this much time is used up, over all sessions", "s"}, s.wall_s,
        RealRange{0, 1e9, true});
}

void describe(FieldVisitor& v, Limits& s) {
  field(v, {"cpu_s", "processor time of one evaluation", "s"}, s.cpu_s, RealRange{0, 1e9, true});
  field(v, {"memory_mib", "address space of one worker process", "MiB"}, s.memory_mib, Range{64, 1 << 24});
  field(v, {"hang_s", "a worker that waits and uses no processor time for this long has failed", "s"}, s.hang_s,
        RealRange{0, 1e9, true});
}

namespace {

struct WorkloadSpec {
  std::string model;
  std::int64_t batch = 1;
  double weight = 1;
};
void describe(FieldVisitor& v, WorkloadSpec& s) {
  field(v, {"model", "a path (.onnx, .csv topology, .json) or zoo:NAME", {}, Key::required}, s.model);
  field(v, {"batch", "inputs that run together"}, s.batch, Range{1, 1 << 20});
  field(v, {"weight", "share in metrics that are summed over the workloads"}, s.weight, RealRange{0, 1e12, true});
}

struct ObjectiveField {
  std::string metric, goal = "min";
};
void describe(FieldVisitor& v, ObjectiveField& s) {
  field(v, {"metric", "a metric of the subject (`gnomon list metrics`), or NAME@MODEL", {}, Key::required}, s.metric);
  field(v, {"goal", "better is smaller, or larger"}, s.goal, Choice{{"min", "max"}});
}

struct ConstraintField {
  std::string metric;
  std::optional<double> max, min;
};
void describe(FieldVisitor& v, ConstraintField& s) {
  field(v, {"metric", "a metric of the subject, or NAME@MODEL", {}, Key::required}, s.metric);
  field(v, {"max", "largest value allowed, in the metric's unit"}, s.max);
  field(v, {"min", "smallest value allowed, in the metric's unit"}, s.min);
  if (v.reading() && !s.max && !s.min) v.problem("", "found neither \"max\" nor \"min\"; a constraint needs one or both");
}

struct AgentField {
  std::string name = "nsga2";
  std::int64_t batch = 8;
  std::string options;
};
void describe(FieldVisitor& v, AgentField& s) {
  field(v, {"name", "search agent (`gnomon list agents`)"}, s.name);
  field(v, {"batch", "trials asked before any of their results becomes visible", "trials"}, s.batch, Range{1, 10000});
  field(v, {"options", "the agent's own options"}, s.options, Raw{R"({"type": "object"})"});
}

const std::vector<std::string>& fidelity_names() {
  static const std::vector<std::string> names{"analytical", "surrogate", "cycle", "rtl"};
  return names;
}

std::string table_schema() {
  TableSpec spec;
  Json schema = schema_described([&](FieldVisitor& v) { describe(v, spec); }, "table");
  schema.erase("$schema");
  return schema.dump();
}

std::string accuracy_schema() {
  AccuracySpec spec;
  Json schema = schema_described([&](FieldVisitor& v) { describe(v, spec); }, "accuracy");
  schema.erase("$schema");
  return schema.dump();
}

struct CampaignSpec {
  std::int64_t version = 1;
  std::string name, subject = "accelerator", design, problem, surrogate_model, synthesis, accuracy, space, fidelity;
  std::vector<WorkloadSpec> workloads;
  std::vector<std::string> command, rules, seeds;
  std::vector<ObjectiveField> objectives;
  std::vector<ConstraintField> constraints;
  AgentField agent;
  Budget budget;
  std::optional<std::vector<double>> hypervolume_reference, target;
  Limits limits;
  std::int64_t seed = 0;
};

void describe(FieldVisitor& v, CampaignSpec& s) {
  field(v, {"version", "form of this file", {}, Key::required}, s.version, Range{1, 1});
  field(v, {"name", "what the report calls it"}, s.name);
  field(v, {"subject", "what is explored"}, s.subject, Choice{{"accelerator", "memory", "kernel", "problem", "command"}});
  field(v, {"workloads", "what the accelerator must do; metrics of several are summed by weight"}, s.workloads, Length{0, 1000});
  field(v, {"design", "base design: a path relative to this file, or the design itself"}, s.design,
        Raw{R"({"type": ["string", "object"]})"});
  field(v, {"problem", "subject `problem`: a built-in one (`gnomon list problems`), or a table as {\"name\": \"table\", \"file\": ...}"}, s.problem,
        Raw{R"({"oneOf": [{"type": "string"}, )" + table_schema() + R"(]})"});
  field(v, {"command", "subject `command`: program and arguments; parameters as JSON on stdin, metrics as JSON on stdout"},
        s.command);
  field(v, {"surrogate_model", "model for the fidelity `surrogate`: a file, relative to this one, or a shipped model's name"}, s.surrogate_model);
  field(v, {"synthesis", "also synthesise each design, for one target or a list of them: xcup and xc7 add lut, ff, dsp, bram to its metrics, ice40 also fmax_mhz, osu018 cell_area_um2, ff, fmax_mhz; "
                         "TARGET-complete: with the control of its complete RTL; what several targets have, the first one in the list gives"}, s.synthesis, Raw{synthesis_schema()});
  field(v, {"accuracy", "where the metric accuracy of the network comes from: {\"command\": [...]}, {\"table\": FILE}, {\"trainer\": \"digits\"} or {\"callable\": true}"},
        s.accuracy, Raw{accuracy_schema()});
  field(v, {"space", "parameters: name (a path into the design) -> int | real | ordinal | categorical | permutation"}, s.space,
        Raw{R"({"type": "object"})"});
  field(v, {"rules", "conditions on parameters that every trial obeys"}, s.rules, Length{0, 10000});
  field(v, {"objectives", "what is made small or large"}, s.objectives, Length{0, 20});
  field(v, {"constraints", "limits on metrics"}, s.constraints, Length{0, 100});
  field(v, {"agent", "who proposes trials"}, s.agent);
  field(v, {"budget", "when to stop"}, s.budget);
  field(
      v, {"fidelity", "analytical | surrogate | cycle | rtl, or {\"ladder\": [...], \"promote\": 0.25}"}, s.fidelity,
      Raw{R"({"oneOf": [{"enum": ["analytical", "surrogate", "cycle", "rtl"]}, {"type": "object", "properties": {"ladder": {"type": "array",
             "items": {"enum": ["analytical", "surrogate", "cycle", "rtl"]}, "minItems": 1}, "promote": {"type": "number", "exclusiveMinimum": 0,
             "maximum": 1}, "by": {"enum": ["rank", "residual"]}}, "required": ["ladder"], "additionalProperties": false}]})"});
  field(v, {"hypervolume_reference", "one value per objective; left out: the worst of the first 20 feasible trials"},
        s.hypervolume_reference, Length{1, 20});
  field(v, {"target", "one value per objective: the run says after how many evaluations one feasible design was as good in all"},
        s.target, Length{1, 20});
  field(v, {"seeds", "designs to try first, as {\"parameter\": value}"}, s.seeds, Length{0, 10000}, Raw{R"({"type": "object"})"});
  field(v, {"limits", "what one evaluation may use"}, s.limits);
  field(v, {"seed", "of everything that is drawn"}, s.seed, Range{0, std::numeric_limits<std::int64_t>::max()});
}

struct LadderField {
  std::vector<std::string> ladder;
  double promote = 0.25;
  std::string by = "rank";
};
void describe(FieldVisitor& v, LadderField& s) {
  field(v, {"ladder", "fidelities from cheap to dear", {}, Key::required}, s.ladder, Length{1, 4}, Choice{fidelity_names()});
  field(v, {"promote", "fraction of a batch that goes on to the next fidelity"}, s.promote, RealRange{0, 1, true});
  field(v, {"by", "best by the rung's own figures, or by what a model of the fidelities' difference expects of the last one"}, s.by,
        Choice{{"rank", "residual"}});
}

class Reading {
 public:
  Reading(const Document& document, const std::filesystem::path& folder) : document_(document), folder_(folder) {
    campaign_.file = document.file();
    campaign_.folder = folder;
  }

  Expected<Campaign> read() {
    auto spec = read_fields<CampaignSpec>(document_);
    if (!spec) return fail(std::move(spec.error()));
    spec_ = std::move(*spec);
    campaign_.name = spec_.name;
    campaign_.subject = spec_.subject;
    campaign_.agent = spec_.agent.name;
    campaign_.batch = spec_.agent.batch;
    campaign_.agent_options_json = spec_.agent.options;
    campaign_.budget = spec_.budget;
    campaign_.limits = spec_.limits;
    campaign_.seed = static_cast<std::uint64_t>(spec_.seed);
    campaign_.hypervolume_reference = spec_.hypervolume_reference;
    campaign_.target = spec_.target;
    fidelity();
    subject();
    space();
    metrics();
    agent();
    if (!problems_.empty()) return fail(Error(kind_, std::move(problems_)));
    return std::move(campaign_);
  }

 private:
  const Document& document_;
  std::filesystem::path folder_;
  CampaignSpec spec_;
  Campaign campaign_;
  std::vector<Problem> problems_;
  ErrorKind kind_ = ErrorKind::invalid_input;
  std::shared_ptr<const ProblemInfo> problem_;
  bool space_read_ = false;

  void report(const std::string& pointer, std::string message) {
    problems_.push_back({document_.file(), pointer, std::move(message)});
  }
  void take(const Error& error) {
    // A wrong input weighs more than an unsupported one: it must be mended first.
    if (problems_.empty() && error.kind() == ErrorKind::unsupported)
      kind_ = ErrorKind::unsupported;
    else if (error.kind() != ErrorKind::unsupported)
      kind_ = ErrorKind::invalid_input;
    problems_.insert(problems_.end(), error.problems().begin(), error.problems().end());
  }
  void only_for(bool present, const std::string& key, const std::string& subject) {
    if (present && spec_.subject != subject)
      report("/" + key, "belongs to the subject " + in_quotes(subject) + "; found subject " + in_quotes(spec_.subject));
  }

  void fidelity() {
    if (spec_.fidelity.empty()) return;
    const Json value = Json::parse(spec_.fidelity);
    if (value.is_string()) {
      const auto name = value.get<std::string>();
      if (std::find(fidelity_names().begin(), fidelity_names().end(), name) == fidelity_names().end()) {
        return report("/fidelity", unknown_word("fidelity", name, fidelity_names()));
      }
      campaign_.ladder = {name};
      return;
    }
    auto ladder = read_fields<LadderField>(document_, "/fidelity");
    if (!ladder) return take(ladder.error());
    for (std::size_t i = 1; i < ladder->ladder.size(); ++i) {
      const auto& names = fidelity_names();
      if (std::find(names.begin(), names.end(), ladder->ladder[i]) <=
          std::find(names.begin(), names.end(), ladder->ladder[i - 1])) {
        return report("/fidelity/ladder/" + std::to_string(i), in_quotes(ladder->ladder[i]) + " does not come after " +
                                                                   in_quotes(ladder->ladder[i - 1]) +
                                                                   "; order: " + join(names, " -> "));
      }
    }
    campaign_.ladder = ladder->ladder;
    campaign_.promote = ladder->promote;
    campaign_.by_residual = ladder->by == "residual";
  }

  std::filesystem::path resolved_path(const std::string& path) const {
    const std::filesystem::path given(path);
    return (given.is_absolute() ? given : folder_ / given).lexically_normal();
  }
  void hash_content(const std::string& pointer, const std::string& name, const std::filesystem::path& path) {
    auto content = read_file(path);
    if (!content) return report(pointer, content.error().problems().front().text());
    campaign_.content_hashes.emplace_back(name, sha256(*content));
  }

  void subject() {
    if (spec_.subject != "memory") only_for(!spec_.workloads.empty(), "workloads", "accelerator");
    if (spec_.subject != "memory" && spec_.subject != "kernel") only_for(!spec_.design.empty(), "design", "accelerator");
    if (spec_.subject != "memory" && spec_.subject != "kernel") only_for(!spec_.surrogate_model.empty(), "surrogate_model", "accelerator");
    if (spec_.subject != "kernel") only_for(!spec_.synthesis.empty(), "synthesis", "accelerator");
    std::vector<std::string> targets;
    for (const auto& [pointer, message] : read_synthesis(spec_.synthesis, spec_.subject == "kernel", targets)) report("/synthesis" + pointer, message);
    for (const std::string& target : targets) campaign_.synthesis += (campaign_.synthesis.empty() ? "" : ",") + target;
    if (!spec_.surrogate_model.empty()) {
      // A word that is no file is a shipped model's name, which the evaluator knows.
      const auto path = resolved_path(spec_.surrogate_model);
      std::error_code ignored;
      const bool word = spec_.surrogate_model.find_first_of("/.") == std::string::npos && !std::filesystem::exists(path, ignored);
      campaign_.surrogate_model = word ? spec_.surrogate_model : path.string();
      if (!word) hash_content("/surrogate_model", spec_.surrogate_model, path);
    }
    only_for(!spec_.accuracy.empty(), "accuracy", "accelerator");
    only_for(!spec_.problem.empty(), "problem", "problem");
    only_for(!spec_.command.empty(), "command", "command");
    if (spec_.subject == "accelerator") {
      accelerator();
    } else if (spec_.subject == "memory") {
      memory();
    } else if (spec_.subject == "kernel") {
      kernel();
    } else if (spec_.subject == "problem") {
      if (spec_.problem.empty()) return report("", "key \"problem\" is missing (a built-in problem)");
      problem();
      if (campaign_.ladder != std::vector<std::string>{"analytical"})
        report("/fidelity", "a problem has one fidelity, \"analytical\"");
    } else {
      if (spec_.command.empty()) return report("", "key \"command\" is missing (program and arguments)");
      campaign_.command = spec_.command;
    }
  }

  void problem() {
    const Json value = Json::parse(spec_.problem);
    if (value.is_string()) {
      auto found = find_problem(value.get<std::string>());
      if (!found) return report("/problem", found.error().problems().front().message);
      // The built-in ones live as long as the program.
      problem_ = std::shared_ptr<const ProblemInfo>(std::shared_ptr<void>(), *found);
      campaign_.problem = value.get<std::string>();
      return;
    }
    if (!value.is_object()) return report("/problem", "found " + value.dump() + "; allowed: a name in quotes, or an object");
    auto spec = read_fields<TableSpec>(document_, "/problem");
    if (!spec) return take(spec.error());
    const auto path = resolved_path(spec->file);
    hash_content("/problem/file", spec->file, path);
    if (!problems_.empty()) return;
    spec->file = path.string();
    campaign_.problem = spec->name;
    campaign_.problem_options_json = write_fields(*spec).dump();
    auto table = TableProblem::open(campaign_.problem_options_json);
    if (!table) return take(table.error());
    problem_ = std::shared_ptr<const ProblemInfo>(*table, &(*table)->info());
  }

  /// Those of a subject; a prediction from parameters alone is learned from a slower rung, or read from a file.
  void only_fidelities(const std::vector<std::string>& names, const std::string& what) {
    for (const std::string& name : campaign_.ladder)
      if (std::find(names.begin(), names.end(), name) == names.end()) report("/fidelity", "found " + in_quotes(name) + "; " + what);
    if (campaign_.ladder == std::vector<std::string>{"surrogate"} && spec_.surrogate_model.empty())
      report("/fidelity", "surrogate alone needs a model file (surrogate_model), or a slower fidelity to learn from: {\"ladder\": [\"surrogate\", \"cycle\"]}");
  }

  /// A device's name stands for its file; a trace is a file or `trace:PATTERN`.
  void memory() {
    workloads("trace:", "key \"workloads\" is missing or empty (the traces, as {\"model\": \"trace:PATTERN\" or a .csv or .stl file})");
    if (spec_.fidelity.empty()) campaign_.ladder = {"cycle"};
    only_fidelities({"surrogate", "cycle"}, "a memory has the fidelities surrogate and cycle");
    if (spec_.design.empty()) return report("", "key \"design\" is missing (the base memory: a device name, a memory file, or the memory itself)");
    const Json value = Json::parse(spec_.design);
    campaign_.design_folder = folder_;
    Expected<Document> memory = fail(ErrorKind::invalid_input, "");
    if (value.is_string()) {
      const auto name = value.get<std::string>();
      if (const auto text = arch::dram_device_text(name)) {
        memory = Document::parse(std::string(*text), name);
      } else if (name.find('/') == std::string::npos && !name.ends_with(".json")) {
        return report("/design", unknown_word("memory", name, arch::dram_devices()) + ", or the path of a memory file");
      } else {
        memory = Document::load(resolved_path(name));
      }
    } else if (value.is_object()) {
      memory = Document::wrap(value, document_.file() + " /design");
    } else {
      return report("/design", "found " + value.dump() + "; allowed: a name or path in quotes, or an object");
    }
    if (!memory) return take(memory.error());
    if (auto sound = arch::parse_dram(*memory); !sound) take(sound.error());
    campaign_.design_json = memory->root().dump();
  }

  /// Groups of directives that the kernel lacks are there all the same, so that parameters can name what is in them.
  void kernel() {
    if (spec_.fidelity.empty()) campaign_.ladder = {"cycle"};
    only_fidelities({"surrogate", "cycle", "rtl"}, "a kernel has the fidelities surrogate, cycle (its checked schedule) and rtl");
    if (spec_.design.empty()) return report("", "key \"design\" is missing (the kernel: a path, or the kernel itself)");
    const Json value = Json::parse(spec_.design);
    campaign_.design_folder = folder_;
    Expected<Document> kernel = fail(ErrorKind::invalid_input, "");
    if (value.is_string()) {
      kernel = Document::load(resolved_path(value.get<std::string>()));
    } else if (value.is_object()) {
      kernel = Document::wrap(value, document_.file() + " /design");
    } else {
      return report("/design", "found " + value.dump() + "; allowed: a path in quotes, or an object");
    }
    if (!kernel) return take(kernel.error());
    Json full = kernel->root();
    if (!full.is_object() || !full.contains("loops")) return report("/design", "is no kernel: it has no \"loops\"");
    if (!full.contains("directives")) full["directives"] = Json::object();
    if (full["directives"].is_object())
      for (const char* group : {"tile", "unroll", "pipeline", "partition", "stream"})
        if (!full["directives"].contains(group)) full["directives"][group] = Json::object();
    campaign_.design_json = full.dump();
  }

  void workloads(const std::string& built_in, const std::string& missing) {
    if (spec_.workloads.empty()) report("", missing);
    for (std::size_t i = 0; i < spec_.workloads.size(); ++i) {
      const WorkloadSpec& w = spec_.workloads[i];
      arch::WorkloadRef ref{w.model, w.batch, w.weight};
      if (!w.model.starts_with(built_in)) {
        const auto path = resolved_path(w.model);
        ref.model = path.string();
        hash_content("/workloads/" + std::to_string(i) + "/model", w.model, path);
      }
      campaign_.workloads.push_back(std::move(ref));
    }
  }

  void accelerator() {
    workloads("zoo:", "key \"workloads\" is missing or empty (what the accelerator must do)");
    if (!spec_.accuracy.empty()) {
      auto accuracy = read_fields<AccuracySpec>(document_, "/accuracy");
      if (!accuracy) {
        take(accuracy.error());
      } else {
        Json source = Json::object();
        if (accuracy->callable) source["callable"] = true;
        if (!accuracy->command.empty()) source["command"] = accuracy->command;
        if (!accuracy->trainer.empty()) source = {{"trainer", accuracy->trainer}, {"epochs", accuracy->epochs}};
        if (!accuracy->table.empty()) {
          const auto path = resolved_path(accuracy->table);
          hash_content("/accuracy/table", accuracy->table, path);
          source["table"] = path.string();
        }
        campaign_.accuracy_json = source.dump();
      }
    }
    if (spec_.design.empty()) return report("", "key \"design\" is missing (the base design)");
    const Json value = Json::parse(spec_.design);
    std::optional<Document> design;
    campaign_.design_folder = folder_;
    if (value.is_string()) {
      const auto path = resolved_path(value.get<std::string>());
      campaign_.design_folder = path.parent_path();
      auto loaded = Document::load(path);
      if (!loaded) return take(loaded.error());
      design = std::move(*loaded);
    } else if (value.is_object()) {
      design = Document::wrap(value, document_.file() + " /design");
    } else {
      return report("/design", "found " + value.dump() + "; allowed: a path in quotes, or an object");
    }
    if (auto sound = arch::parse_design(*design, campaign_.design_folder); !sound) take(sound.error());
    campaign_.design_json = design->root().dump();
  }

  void space() {
    Json both = Json::object();
    if (spec_.space.empty() && problem_) {
      both["space"] = Json::parse(problem_->space_json);
      both["rules"] = problem_->rules;
      for (const std::string& rule : spec_.rules) both["rules"].push_back(rule);
    } else if (spec_.space.empty()) {
      return report("", "key \"space\" is missing (the parameters)");
    } else {
      both["space"] = Json::parse(spec_.space);
      both["rules"] = spec_.rules;
    }
    // Rules may name the fixed numbers of the base design too.
    arch::Constants constants;
    if (!campaign_.design_json.empty()) constants = arch::design_constants(Json::parse(campaign_.design_json));
    auto read = arch::read_space(Document::wrap(both, document_.file()), "/space", "/rules", constants);
    if (!read) return take(read.error());
    campaign_.space = std::move(*read);
    campaign_.space_json = both["space"].dump();
    space_read_ = true;
    if (campaign_.space.parameters().empty()) return report("/space", "found no parameter; a campaign needs at least one");
    if (problem_) {
      if (auto fits = problem_fits(*problem_, campaign_.space); !fits) {
        for (const Problem& p : fits.error().problems()) report("/space", p.message);
        return;
      }
    }
    if (auto some = arch::check_not_empty(campaign_.space, document_.file(), "/rules"); !some) return take(some.error());
    Random random(derive(campaign_.seed, "campaign/check"));
    const auto point = campaign_.space.sample(random, 200000);
    for (std::size_t i = 0; i < spec_.seeds.size(); ++i) {
      const std::string pointer = "/seeds/" + std::to_string(i);
      auto given = campaign_.space.from_json(Document::wrap(Json::parse(spec_.seeds[i]), document_.file()));
      if (!given) {
        for (const Problem& p : given.error().problems()) report(pointer + p.pointer, p.message);
        continue;
      }
      campaign_.space.normalize(*given);
      if (!campaign_.space.valid(*given))
        report(pointer, "breaks a rule or lies outside the space: " + campaign_.space.key(*given));
      else
        campaign_.seeds.push_back(std::move(*given));
    }
    if (point && !campaign_.design_json.empty()) {
      auto applied = arch::apply(Json::parse(campaign_.design_json), hardware_space(campaign_.space), hardware_point(campaign_.space, *point), document_.file());
      if (!applied) return take(applied.error());
      // A last step that does not exist yet is made; whether the design may have such a key, its reader knows.
      const auto sound = problems_of(*applied, document_.file() + " /design with parameters of the space");
      const std::size_t before = problems_.size();
      for (const arch::Parameter& parameter : campaign_.space.parameters()) values_of(parameter);
      // What is wrong whatever a parameter's values are, such as a key that no design has.
      if (!sound.empty() && problems_.size() == before) take(Error(ErrorKind::invalid_input, sound));
    }
  }

  /// What the fields of a design (of a memory) say against it, rules between fields apart.
  std::vector<Problem> problems_of(const Json& design, const std::string& file) const {
    // What a kernel may be, its compiler knows; it is asked by the evaluators.
    if (spec_.subject == "kernel") return {};
    const Document document = Document::wrap(design, file);
    if (spec_.subject == "memory") {
      const auto spec = arch::read_dram(document);
      return spec ? std::vector<Problem>{} : spec.error().problems();
    }
    const auto spec = arch::read_design(document);
    return spec ? std::vector<Problem>{} : spec.error().problems();
  }

  /// Every value that a parameter lists, and both ends of its range, must be one that a design can have: such a value would only cost trials.
  /// Each is put into the base design alone. Of the rules between fields only the names of technologies and dataflows are looked at:
  /// the others may hold with other values of other parameters.
  void values_of(arch::Parameter parameter) {
    parameter.active_if.clear();
    std::vector<arch::Value> values = parameter.values;
    if (parameter.kind == arch::ParameterKind::real) values = {parameter.low, parameter.high};
    if (parameter.kind == arch::ParameterKind::permutation) return;
    if (parameter.kind == arch::ParameterKind::integer && values.size() > 2) values = {values.front(), values.back()};
    const std::string name = parameter.name.substr(parameter.name.rfind('.') + 1);
    const arch::Space alone({parameter}, {});
    if (network_parameter(parameter.name)) return;
    for (const arch::Value& value : values) {
      auto applied = arch::apply(Json::parse(campaign_.design_json), alone, arch::Point{value}, document_.file());
      if (!applied) return;
      std::vector<Problem> found = problems_of(*applied, "");
      if (found.empty() && spec_.subject == "accelerator" && (name == "technology" || name == "dataflow")) {
        if (auto design = arch::parse_design(Document::wrap(*applied, ""), campaign_.design_folder); !design) found = design.error().problems();
      }
      for (const Problem& problem : found) {
        if (problem.pointer.ends_with("/" + name)) report("/space" + pointer_step(parameter.name), arch::to_text(value) + ": " + problem.message);
      }
    }
  }

  void metric(const std::string& pointer, const std::string& name) {
    if (spec_.subject == "command") {
      if (name.empty()) report(pointer, "found an empty name");
    } else if (problem_) {
      const auto& known = problem_->metrics;
      if (std::find(known.begin(), known.end(), name) == known.end()) report(pointer, unknown_word("metric", name, known));
    } else if (!spec_.accuracy.empty() && (name == "accuracy" || name == "trained")) {
      return;
    } else {
      const std::string& subject = spec_.subject;
      auto found = arch::find_metric(name);
      if (!found) return report(pointer, found.error().problems().front().message);
      if ((*found)->subjects.find(subject) == std::string::npos) {
        std::vector<std::string> known;
        for (const arch::MetricInfo& info : arch::metric_infos()) {
          if (info.subjects.find(subject) != std::string::npos) known.push_back(info.name);
        }
        return report(pointer, "metric " + in_quotes(name) + " is one of: " + (*found)->subjects + "; the subject " + in_quotes(subject) + " has: " + join(known));
      }
      if (const std::string missing = synthesis_problem(name, spec_.subject == "kernel", !spec_.synthesis.empty(), arch::synthesis_targets(campaign_.synthesis)); !missing.empty()) return report(pointer, missing);
      const std::size_t at = name.find('@');
      if (at == std::string::npos) return;
      std::vector<std::string> models;
      for (const WorkloadSpec& w : spec_.workloads) models.push_back(w.model);
      const std::string model = name.substr(at + 1);
      if (std::find(models.begin(), models.end(), model) == models.end())
        report(pointer, unknown_word("workload", model, models));
    }
  }

  void metrics() {
    if (spec_.objectives.empty() && problem_) {
      campaign_.objectives = problem_->objectives;
      if (spec_.constraints.empty()) {
        for (const auto& limit : problem_->constraints) campaign_.constraints.push_back({limit.metric, limit.max, {}});
      }
    } else if (spec_.objectives.empty()) {
      report("", "key \"objectives\" is missing or empty (what is made small or large)");
    }
    for (std::size_t i = 0; i < spec_.objectives.size(); ++i) {
      const std::string pointer = "/objectives/" + std::to_string(i) + "/metric";
      metric(pointer, spec_.objectives[i].metric);
      for (std::size_t j = 0; j < i; ++j) {
        if (spec_.objectives[j].metric == spec_.objectives[i].metric)
          report(pointer, in_quotes(spec_.objectives[i].metric) + " stands twice");
      }
      campaign_.objectives.push_back({spec_.objectives[i].metric, spec_.objectives[i].goal == "max"});
    }
    for (std::size_t i = 0; i < spec_.constraints.size(); ++i) {
      const ConstraintField& c = spec_.constraints[i];
      const std::string pointer = "/constraints/" + std::to_string(i);
      metric(pointer + "/metric", c.metric);
      if (c.max && c.min && *c.max < *c.min) {
        report(pointer, "no value lies between min " + number(*c.min) + " and max " + number(*c.max));
      }
      campaign_.constraints.push_back({c.metric, c.max, c.min});
    }
    for (const auto& [pointer, values] : {std::pair{"/hypervolume_reference", spec_.hypervolume_reference}, std::pair{"/target", spec_.target}}) {
      if (!values || values->size() == campaign_.objectives.size()) continue;
      report(pointer, "found " + std::to_string(values->size()) + " values; allowed: one for each of " +
                          std::to_string(campaign_.objectives.size()) + " objectives");
    }
  }

  void agent() {
    if (!space_read_ || campaign_.objectives.empty() || campaign_.space.parameters().empty()) {
      if (auto known = agents().find(spec_.agent.name); !known) report("/agent/name", known.error().problems().front().message);
      return;
    }
    if (auto good = check_campaign_agent(campaign_); !good) take(good.error());
  }
};

}  // namespace

std::string Campaign::fallback() const { return ladder.back() == "surrogate" && !surrogate_model.empty() ? "cycle" : ""; }

bool Campaign::is_final(const std::string& fidelity) const { return fidelity == ladder.back() || (!fidelity.empty() && fidelity == fallback()); }

std::size_t Campaign::violations() const {
  std::size_t n = 0;
  for (const ConstraintSpec& c : constraints) n += (c.max ? 1U : 0U) + (c.min ? 1U : 0U);
  return n;
}

Expected<void> check_campaign_agent(const Campaign& campaign) {
  AgentSetup setup;
  setup.space = std::make_shared<const arch::Space>(campaign.space);
  setup.objectives = campaign.objectives.size();
  setup.constraints = campaign.violations();
  setup.options_json = campaign.agent_options_json;
  setup.file = campaign.file;
  setup.pointer = "/agent/options";
  if (!agents().find(campaign.agent)) setup.pointer = "/agent/name";
  return check_agent(campaign.agent, setup);
}

/// A surrogate that has no model and is told nothing slower would only repeat the analytical model.
Expected<void> check_surrogate(const Campaign& campaign) {
  if (campaign.subject != "accelerator" || campaign.ladder.back() != "surrogate" || !campaign.surrogate_model.empty()) return {};
  return invalid(campaign.file, "/fidelity",
                 "\"surrogate\" as the last fidelity needs a trained model: name its file as surrogate_model, or let a slower fidelity follow in a ladder");
}

Expected<Campaign> read_campaign(const Document& document, const std::filesystem::path& folder) {
  auto campaign = Reading(document, folder).read();
  if (!campaign) return campaign;
  if (auto known = check_surrogate(*campaign); !known) return fail(std::move(known.error()));
  return campaign;
}

Expected<Campaign> load_campaign(const std::filesystem::path& path) {
  auto document = Document::load(path);
  if (!document) return fail(std::move(document.error()));
  std::error_code code;
  const auto whole = std::filesystem::absolute(path, code);
  return read_campaign(*document, (code ? path : whole).parent_path());
}

Json campaign_schema() {
  return schema_fields<CampaignSpec>("gnomon campaign");
}

std::vector<FieldRow> campaign_fields() {
  CampaignSpec spec;
  return table_described([&](FieldVisitor& v) { describe(v, spec); });
}

Expected<Campaign> with_overrides(Campaign campaign, const Overrides& overrides) {
  if (overrides.agent && *overrides.agent != campaign.agent) {
    campaign.agent = *overrides.agent;
    campaign.agent_options_json.clear();
    campaign.file.clear();
    if (auto good = check_campaign_agent(campaign); !good) {
      std::vector<Problem> problems = good.error().problems();
      for (Problem& p : problems) p = {"", "", "--agent: " + p.message};
      return fail(Error(good.error().kind(), std::move(problems)));
    }
  }
  if (overrides.fidelity) {
    if (std::find(fidelity_names().begin(), fidelity_names().end(), *overrides.fidelity) == fidelity_names().end()) {
      return fail(ErrorKind::usage, "--fidelity: " + unknown_word("fidelity", *overrides.fidelity, fidelity_names()));
    }
    campaign.ladder = {*overrides.fidelity};
    if (auto known = check_surrogate(campaign); !known) return fail(std::move(known.error()));
  }
  if (overrides.seed) campaign.seed = *overrides.seed;
  if (overrides.budget) {
    if (*overrides.budget < 1)
      return fail(ErrorKind::usage, "--budget: found " + std::to_string(*overrides.budget) + "; allowed: at least 1");
    campaign.budget.evaluations = *overrides.budget;
  }
  return campaign;
}

}  // namespace gnomon::search
