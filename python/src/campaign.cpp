#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "compose.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/search/evaluate.hpp"
#include "gnomon/search/engine.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace gnomon::python {
namespace {

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// A campaign whose designs Python chooses: parameters in and out as JSON texts.
class Campaign {
 public:
  explicit Campaign(const std::string& path) : campaign_(value_or_raise(load_campaign(path))) {}

  std::string info() const {
    Json out{{"name", campaign_.name}, {"subject", campaign_.subject}, {"ladder", campaign_.ladder}, {"batch", campaign_.batch},
             {"seed", campaign_.seed}, {"budget", campaign_.budget.evaluations}, {"limits", search::limit_names(campaign_)}};
    out["objectives"] = Json::array();
    for (const auto& o : campaign_.objectives) out["objectives"].push_back({{"metric", o.metric}, {"goal", o.maximise ? "max" : "min"}});
    out["limit_values"] = Json::array();
    for (const auto& k : campaign_.constraints) {
      if (k.max) out["limit_values"].push_back(*k.max);
      if (k.min) out["limit_values"].push_back(*k.min);
    }
    out["parameters"] = Json::array();
    for (const arch::Parameter& p : campaign_.space.parameters()) {
      Json one{{"name", p.name}, {"log", p.log}, {"conditional", !p.active_if.empty()}};
      const char* kinds[] = {"int", "real", "ordinal", "categorical", "permutation"};
      one["kind"] = kinds[static_cast<int>(p.kind)];
      one["low"] = p.low;
      one["high"] = p.high;
      one["values"] = Json::array();
      for (const arch::Value& v : p.values) {
        if (p.boolean) one["values"].push_back(arch::to_text(v) == "true");
        else one["values"].push_back(std::visit([](const auto& x) { return Json(x); }, v));
      }
      out["parameters"].push_back(std::move(one));
    }
    return dumped(out);
  }

  /// Normalised parameters; nothing where bounds, values or rules do not allow them.
  std::optional<std::string> checked(const std::string& params) const {
    auto point = read(params);
    campaign_.space.normalize(point);
    if (!campaign_.space.valid(point)) return {};
    return dumped(campaign_.space.to_json(point));
  }
  std::string sample(std::uint64_t seed) const {
    Random random(seed);
    auto point = campaign_.space.sample(random, 200000);
    if (!point) raise(Error(ErrorKind::infeasible, "no point of the space obeys its rules"));
    return dumped(campaign_.space.to_json(*point));
  }
  std::vector<double> encode(const std::string& params) const { return campaign_.space.encode(read(params)); }
  /// The point nearest to a code, conditions applied, rules not.
  std::string decode(const std::vector<double>& code) const {
    if (code.size() != campaign_.space.parameters().size()) raise(Error(ErrorKind::invalid_input, "the code has another length than the space has parameters"));
    return dumped(campaign_.space.to_json(campaign_.space.decode(code)));
  }

  void open(const std::string& fidelity, std::size_t jobs, const std::vector<std::string>& worker) {
    evaluator_ = std::make_unique<search::CampaignEvaluator>(
        value_or_raise(search::CampaignEvaluator::create(campaign_, fidelity, jobs, worker, evaluators())));
  }
  std::vector<std::string> evaluate(const std::vector<std::string>& params) {
    if (!evaluator_) raise(Error(ErrorKind::usage, "open() comes before evaluate()"));
    std::vector<arch::Point> points;
    for (const std::string& text : params) {
      points.push_back(read(text));
      campaign_.space.normalize(points.back());
      if (!campaign_.space.valid(points.back())) raise(Error(ErrorKind::invalid_input, "lies outside the space or breaks a rule: " + text));
    }
    std::vector<Expected<search::Judged>> results;
    {
      py::gil_scoped_release released;
      results = evaluator_->evaluate(points);
    }
    std::vector<std::string> out;
    for (const auto& r : results) {
      if (!r) {
        out.push_back(dumped(Json{{"error", r.error().text()}}));
        continue;
      }
      Json metrics = Json::object();
      for (const arch::Metric& m : r->evaluation.metrics) metrics[m.name] = m.value;
      out.push_back(dumped(Json{{"metrics", metrics}, {"objectives", r->objectives}, {"violations", r->violations}, {"feasible", r->feasible}}));
    }
    return out;
  }

 private:
  search::Campaign campaign_;
  std::unique_ptr<search::CampaignEvaluator> evaluator_;

  arch::Point read(const std::string& params) const {
    auto document = value_or_raise(Document::parse(params, "parameters"));
    return value_or_raise(campaign_.space.from_json(document));
  }
};

/// The first exception that Python code raised inside a run, and the flag that stops it.
struct Trouble {
  std::optional<py::error_already_set> error;
  std::atomic<bool> stop{false};
  void take(py::error_already_set&& e) {
    if (!error) error.emplace(std::move(e));
    stop = true;
  }
};

/// An object with ask and tell as an agent. Objectives are handed over minimised (a maximised one with its sign flipped).
class PythonAgent final : public search::Agent {
 public:
  PythonAgent(py::object object, const search::AgentSetup& setup, Trouble& trouble) : object_(std::move(object)), space_(setup.space), trouble_(trouble) {}
  ~PythonAgent() override {
    py::gil_scoped_acquire held;
    object_ = py::object();
  }
  std::vector<arch::Point> ask(const search::AskRequest& request) const override {
    py::gil_scoped_acquire held;
    std::vector<arch::Point> out;
    if (trouble_.stop) return out;
    try {
      for (const py::handle text : object_.attr("ask")(request.count)) {
        auto document = Document::parse(text.cast<std::string>(), "ask");
        if (!document) raise(document.error());
        auto point = space_->from_json(*document);
        if (!point) raise(point.error());
        space_->normalize(*point);
        out.push_back(std::move(*point));
      }
    } catch (py::error_already_set& e) {
      trouble_.take(std::move(e));
    }
    return out;
  }
  void tell(const search::Told& told) override {
    py::gil_scoped_acquire held;
    if (trouble_.stop) return;
    try {
      object_.attr("tell")(dumped(space_->to_json(told.point)), told.objectives, told.violations, told.failed, told.exact);
    } catch (py::error_already_set& e) {
      trouble_.take(std::move(e));
    }
  }

 private:
  py::object object_;
  std::shared_ptr<const arch::Space> space_;
  Trouble& trouble_;
};

std::string run(const std::string& path, const std::string& out, const py::dict& options) {
  const auto has = [&](const char* key) { return options.contains(key) && !options[key].is_none(); };
  auto loaded = value_or_raise(load_campaign(path));
  search::Overrides overrides;
  if (has("agent")) overrides.agent = options["agent"].cast<std::string>();
  if (has("fidelity")) overrides.fidelity = options["fidelity"].cast<std::string>();
  if (has("seed")) overrides.seed = options["seed"].cast<std::uint64_t>();
  if (has("budget")) overrides.budget = options["budget"].cast<std::int64_t>();
  search::Campaign campaign = value_or_raise(search::with_overrides(std::move(loaded), overrides));
  search::RunOptions run;
  run.out_dir = out;
  run.worker_command = options["worker"].cast<std::vector<std::string>>();
  if (has("jobs")) run.jobs = options["jobs"].cast<int>();
  if (has("fresh")) run.fresh = options["fresh"].cast<bool>();
  Trouble trouble;
  run.stop = &trouble.stop;
  const auto signals = [&trouble] {
    if (PyErr_CheckSignals() != 0) trouble.take(py::error_already_set());
  };
  run.progress = [&](const search::Progress&) {
    py::gil_scoped_acquire held;
    signals();
  };
  if (has("object")) {
    campaign.agent = options["object_name"].cast<std::string>();
    campaign.agent_options_json.clear();
    run.make_agent = [&trouble, object = options["object"].cast<py::object>()](const search::AgentSetup& setup) -> Expected<std::unique_ptr<search::Agent>> {
      py::gil_scoped_acquire held;
      return std::unique_ptr<search::Agent>(std::make_unique<PythonAgent>(object, setup, trouble));
    };
  }
  if (has("accuracy")) {
    run.accuracy = [&trouble, function = options["accuracy"].cast<py::object>()](const std::string& parameters) -> Expected<double> {
      py::gil_scoped_acquire held;
      try {
        return function(parameters).cast<double>();
      } catch (py::error_already_set& e) {
        const std::string what = e.what();
        trouble.take(std::move(e));
        return fail(ErrorKind::run_failed, "accuracy: " + what);
      }
    };
  }
  if (has("submit")) {
    search::Remote remote;
    remote.capacity = options["capacity"].cast<std::size_t>();
    remote.submit = [&trouble, submit = options["submit"].cast<py::object>()](std::size_t task, const std::string& job) -> Expected<void> {
      py::gil_scoped_acquire held;
      try {
        submit(task, job);
      } catch (py::error_already_set& e) {
        const std::string what = e.what();
        trouble.take(std::move(e));
        return fail(ErrorKind::run_failed, "the executor refused a job: " + what);
      }
      return {};
    };
    remote.wait = [&trouble, &signals, wait = options["wait"].cast<py::object>()](double seconds) -> std::optional<std::pair<std::size_t, std::string>> {
      py::gil_scoped_acquire held;
      try {
        signals();
        py::object answer = wait(seconds);
        if (answer.is_none()) return {};
        return answer.cast<std::pair<std::size_t, std::string>>();
      } catch (py::error_already_set& e) {
        trouble.take(std::move(e));
        return {};
      }
    };
    run.remote = std::move(remote);
  }
  auto summary = [&] {
    py::gil_scoped_release released;
    return search::run_campaign(campaign, run, evaluators());
  }();
  // The functions hold Python objects: they go while the interpreter is ours.
  run.make_agent = nullptr;
  run.accuracy = nullptr;
  run.remote.reset();
  if (trouble.error) throw py::error_already_set(std::move(*trouble.error));
  const search::Summary done = value_or_raise(std::move(summary));
  const auto outcome = done.outcome();
  return dumped(Json{{"summary", search::to_json(done, campaign)}, {"outcome", outcome ? exit_code(*outcome) : 0}});
}

std::string evaluate_job(const std::string& job) {
  static std::map<std::pair<std::string, std::string>, std::unique_ptr<arch::Evaluator>> known;
  static std::mutex one_at_a_time;
  py::gil_scoped_release released;
  const std::lock_guard<std::mutex> guard(one_at_a_time);
  return search::answer_job(job, evaluators(), known);
}

}  // namespace

void bind_campaign(py::module_& module) {
  py::class_<Campaign>(module, "Campaign")
      .def(py::init<std::string>(), py::arg("path"))
      .def("info", &Campaign::info)
      .def("checked", &Campaign::checked, py::arg("params"))
      .def("sample", &Campaign::sample, py::arg("seed"))
      .def("encode", &Campaign::encode, py::arg("params"))
      .def("decode", &Campaign::decode, py::arg("code"))
      .def("open", &Campaign::open, py::arg("fidelity"), py::arg("jobs"), py::arg("worker"))
      .def("evaluate", &Campaign::evaluate, py::arg("params"));
  module.def("run_campaign", &run, py::arg("path"), py::arg("out"), py::arg("options"));
  module.def("evaluate_job", &evaluate_job, py::arg("job"));
}

}  // namespace gnomon::python
