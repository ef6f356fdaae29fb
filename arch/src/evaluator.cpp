#include "gnomon/arch/evaluator.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

/// A double that JSON cannot hold travels as the text `nan`, `inf` or `-inf`.
Json to_value(double value) {
  return std::isfinite(value) ? Json(value) : Json(number(value));
}

/// Reads what `to_json` writes: positions are known, so problems are told by pointer and the first one ends it.
class Cursor {
 public:
  Cursor(const Json& here, std::string pointer, std::string& problem)
      : here_(here), pointer_(std::move(pointer)), problem_(problem) {}

  void text(const char* key, std::string& out) const {
    if (const Json* at = find(key, &Json::is_string, "a text")) out = at->get<std::string>();
  }
  void integer(const char* key, std::int64_t& out) const {
    const Json* at = find(key, &Json::is_number_integer, "a whole number");
    if (!at) return;
    if (at->is_number_unsigned() &&
        at->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return wrong(key, "a whole number of 63 bits");
    }
    out = at->get<std::int64_t>();
  }
  void seed(const char* key, std::uint64_t& out) const {
    const Json* at = find(key, &Json::is_number_integer, "a whole number of at least 0");
    if (!at) return;
    if (!at->is_number_unsigned() && at->get<std::int64_t>() < 0) return wrong(key, "a whole number of at least 0");
    out = at->get<std::uint64_t>();
  }
  void boolean(const char* key, bool& out) const {
    if (const Json* at = find(key, &Json::is_boolean, "true or false")) out = at->get<bool>();
  }
  void real(const char* key, double& out) const {
    const Json* at = find(key, nullptr, "");
    if (at && !value(*at, out)) wrong(key, "a number");
  }
  template <class Item>
  void list(const char* key, const Item& item) const {
    const Json* at = find(key, &Json::is_array, "a list");
    if (!at) return;
    for (std::size_t i = 0; i < at->size() && problem_.empty(); ++i) {
      const std::string here = pointer_ + "/" + key + "/" + std::to_string(i);
      if (!(*at)[i].is_object()) {
        problem_ = here + ": an object is expected";
        return;
      }
      item(Cursor((*at)[i], here, problem_));
    }
  }
  template <class Item>
  void numbers(const char* key, const Item& item) const {
    const Json* at = find(key, &Json::is_object, "an object");
    if (!at) return;
    for (const auto& [name, json] : at->items()) {
      double out = 0;
      if (!value(json, out)) return wrong(key, "an object of numbers");
      item(name, out);
    }
  }

 private:
  const Json& here_;
  std::string pointer_;
  std::string& problem_;

  static bool value(const Json& json, double& out) {
    if (json.is_number()) {
      out = json.get<double>();
      return true;
    }
    if (!json.is_string()) return false;
    const auto& word = json.get_ref<const std::string&>();
    if (word == "nan")
      out = std::numeric_limits<double>::quiet_NaN();
    else if (word == "inf")
      out = std::numeric_limits<double>::infinity();
    else if (word == "-inf")
      out = -std::numeric_limits<double>::infinity();
    else
      return false;
    return true;
  }
  const Json* find(const char* key, bool (Json::*type)() const noexcept, const char* what) const {
    if (!problem_.empty()) return nullptr;
    const auto at = here_.find(key);
    if (at == here_.end()) {
      problem_ = pointer_ + "/" + key + ": is missing";
      return nullptr;
    }
    if (type && !((*at).*type)()) {
      wrong(key, what);
      return nullptr;
    }
    return &*at;
  }
  void wrong(const char* key, const std::string& what) const { problem_ = pointer_ + "/" + key + ": " + what + " is expected"; }
};

template <class Read>
Expected<void> read_object(const std::string& text, const char* what, const Read& read) {
  auto document = Document::parse(text, what);
  if (!document) return fail(std::move(document.error()));
  if (!document->root().is_object()) return invalid(what, "", "found something else than an object");
  std::string problem;
  read(Cursor(document->root(), "", problem));
  if (!problem.empty()) return invalid(what, "", problem);
  return {};
}

Json pairs_to_json(const std::vector<std::pair<std::string, double>>& pairs) {
  Json out = Json::object();
  for (const auto& [name, value] : pairs) out[name] = to_value(value);
  return out;
}

Json layer_to_json(const LayerMetrics& layer) {
  return Json{{"name", layer.name},
              {"op", layer.op},
              {"macs", layer.macs},
              {"latency_cycles", layer.latency_cycles},
              {"compute_cycles", layer.compute_cycles},
              {"stall_cycles", layer.stall_cycles},
              {"utilization", to_value(layer.utilization)},
              {"dram_read_bytes", layer.dram_read_bytes},
              {"dram_write_bytes", layer.dram_write_bytes},
              {"sram_read_bytes", layer.sram_read_bytes},
              {"sram_write_bytes", layer.sram_write_bytes},
              {"energy_pj", to_value(layer.energy_pj)},
              {"mapping", layer.mapping_json},
              {"extra", pairs_to_json(layer.extra)}};
}

LayerMetrics read_layer(const Cursor& c) {
  LayerMetrics layer;
  c.text("name", layer.name);
  c.text("op", layer.op);
  c.integer("macs", layer.macs);
  c.integer("latency_cycles", layer.latency_cycles);
  c.integer("compute_cycles", layer.compute_cycles);
  c.integer("stall_cycles", layer.stall_cycles);
  c.real("utilization", layer.utilization);
  c.integer("dram_read_bytes", layer.dram_read_bytes);
  c.integer("dram_write_bytes", layer.dram_write_bytes);
  c.integer("sram_read_bytes", layer.sram_read_bytes);
  c.integer("sram_write_bytes", layer.sram_write_bytes);
  c.real("energy_pj", layer.energy_pj);
  c.text("mapping", layer.mapping_json);
  c.numbers("extra", [&](const std::string& name, double value) { layer.extra.emplace_back(name, value); });
  return layer;
}

/// Names that came from files may hold bytes that are not UTF-8; they are shown with a replacement character.
std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

const double* Evaluation::find(const std::string& name) const {
  for (const Metric& metric : metrics) {
    if (metric.name == name) return &metric.value;
  }
  return nullptr;
}

void EvaluatorRegistry::add(const std::string& subject, const std::string& fidelity, EvaluatorFactory factory) {
  factories_[subject][fidelity] = std::move(factory);
}

Expected<std::unique_ptr<Evaluator>> EvaluatorRegistry::make(const std::string& subject, const std::string& fidelity) const {
  const auto of_subject = factories_.find(subject);
  if (of_subject == factories_.end()) {
    return fail(ErrorKind::unsupported,
                "no evaluator of the subject " + in_quotes(subject) + " is built; built: " + join(subjects()));
  }
  const auto factory = of_subject->second.find(fidelity);
  if (factory == of_subject->second.end()) {
    return fail(ErrorKind::unsupported, "the subject " + in_quotes(subject) + " has no fidelity " + in_quotes(fidelity) +
                                            "; it has: " + join(fidelities(subject)));
  }
  return factory->second();
}

std::vector<std::string> EvaluatorRegistry::fidelities(const std::string& subject) const {
  std::vector<std::string> out;
  if (const auto at = factories_.find(subject); at != factories_.end()) {
    for (const auto& entry : at->second) out.push_back(entry.first);
  }
  return out;
}

std::vector<std::string> EvaluatorRegistry::subjects() const {
  std::vector<std::string> out;
  for (const auto& entry : factories_) out.push_back(entry.first);
  return out;
}

EvaluatorRegistry wrapped(EvaluatorRegistry inner, EvaluatorWrap wrap) {
  const auto shared = std::make_shared<const EvaluatorRegistry>(std::move(inner));
  EvaluatorRegistry out;
  for (const std::string& subject : shared->subjects())
    for (const std::string& fidelity : shared->fidelities(subject))
      out.add(subject, fidelity, [shared, wrap, subject, fidelity] { return wrap(subject, fidelity, std::move(*shared->make(subject, fidelity))); });
  return out;
}

std::string take_option(EvaluationJob& job, const std::string& key) {
  if (job.options_json.find('"' + key + '"') == std::string::npos) return "";
  Json options = Json::parse(job.options_json, nullptr, false);
  if (!options.is_object() || !options.contains(key) || !options.at(key).is_string()) return "";
  std::string text = options.at(key).get<std::string>();
  options.erase(key);
  job.options_json = options.empty() ? "" : options.dump();
  return text;
}

std::string to_json(const EvaluationJob& job) {
  Json workloads = Json::array();
  for (const WorkloadRef& w : job.workloads)
    workloads.push_back(Json{{"model", w.model}, {"batch", w.batch}, {"weight", to_value(w.weight)}});
  return dumped(Json{{"subject", job.subject},
                     {"design", job.design_json},
                     {"parameters", job.parameters_json},
                     {"base_folder", job.base_folder},
                     {"workloads", workloads},
                     {"fidelity", job.fidelity},
                     {"mapping", job.mapping_json},
                     {"options", job.options_json},
                     {"seed", job.seed}});
}

Expected<EvaluationJob> job_from_json(const std::string& text) {
  EvaluationJob job;
  auto done = read_object(text, "evaluation job", [&](const Cursor& c) {
    c.text("subject", job.subject);
    c.text("design", job.design_json);
    c.text("parameters", job.parameters_json);
    c.text("base_folder", job.base_folder);
    c.list("workloads", [&](const Cursor& w) {
      WorkloadRef& ref = job.workloads.emplace_back();
      w.text("model", ref.model);
      w.integer("batch", ref.batch);
      w.real("weight", ref.weight);
    });
    c.text("fidelity", job.fidelity);
    c.text("mapping", job.mapping_json);
    c.text("options", job.options_json);
    c.seed("seed", job.seed);
  });
  if (!done) return fail(std::move(done.error()));
  return job;
}

std::string to_json(const Evaluation& evaluation) {
  Json metrics = Json::object();
  for (const Metric& metric : evaluation.metrics) metrics[metric.name] = to_value(metric.value);
  Json layers = Json::array();
  for (const LayerMetrics& layer : evaluation.layers) layers.push_back(layer_to_json(layer));
  Json intervals = Json::array();
  for (const auto& interval : evaluation.intervals) {
    intervals.push_back(Json{{"name", interval.name}, {"lower", to_value(interval.lower)}, {"upper", to_value(interval.upper)}});
  }
  Json waiting = Json::array();
  for (const auto& w : evaluation.waiting) waiting.push_back(Json{{"who", w.who}, {"whom", w.whom}, {"cycles", w.cycles}});
  return dumped(Json{{"metrics", metrics},
                     {"layers", layers},
                     {"energy_breakdown_pj", pairs_to_json(evaluation.energy_breakdown_pj)},
                     {"intervals", intervals},
                     {"in_range", evaluation.in_range},
                     {"waiting", waiting}});
}

Expected<Evaluation> evaluation_from_json(const std::string& text) {
  Evaluation out;
  auto done = read_object(text, "evaluation", [&](const Cursor& c) {
    c.numbers("metrics", [&](const std::string& name, double value) { out.metrics.push_back({name, value}); });
    c.list("layers", [&](const Cursor& layer) { out.layers.push_back(read_layer(layer)); });
    c.numbers("energy_breakdown_pj",
              [&](const std::string& name, double value) { out.energy_breakdown_pj.emplace_back(name, value); });
    c.list("intervals", [&](const Cursor& i) {
      auto& interval = out.intervals.emplace_back();
      i.text("name", interval.name);
      i.real("lower", interval.lower);
      i.real("upper", interval.upper);
    });
    c.boolean("in_range", out.in_range);
    c.list("waiting", [&](const Cursor& w) {
      auto& waiting = out.waiting.emplace_back();
      w.text("who", waiting.who);
      w.text("whom", waiting.whom);
      w.integer("cycles", waiting.cycles);
    });
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

}  // namespace gnomon::arch
