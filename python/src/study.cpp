#include "module.hpp"

#include <nlohmann/json.hpp>
#include <pybind11/stl.h>

#include "gnomon/arch/space.hpp"
#include "gnomon/search/study.hpp"

namespace py = pybind11;

namespace gnomon::python {
namespace {

using Row = py::tuple;  // number, parameters (JSON), state, objectives, violations, feasible, asked

class Study {
 public:
  Study(const std::string& problem_text, const std::vector<std::pair<std::string, bool>>& objectives, std::size_t constraints,
        const std::string& agent, const std::string& agent_options, std::uint64_t seed)
      : study_(value_or_raise(make(problem_text, objectives, constraints, agent, agent_options, seed))) {}

  std::vector<Row> ask(std::size_t count) {
    std::vector<search::StudyTrial> trials;
    {
      py::gil_scoped_release released;
      trials = study_.ask(count);
    }
    return rows(trials);
  }
  void tell(std::uint64_t number, const std::vector<double>& objectives, const std::vector<double>& violations) {
    done_or_raise(study_.tell(number, objectives, violations));
  }
  void tell_failed(std::uint64_t number) { done_or_raise(study_.tell_failed(number)); }
  std::uint64_t tell_point(const std::string& parameters, const std::vector<double>& objectives, const std::vector<double>& violations) {
    return value_or_raise(study_.tell(point(parameters), objectives, violations));
  }
  std::uint64_t tell_point_failed(const std::string& parameters) { return value_or_raise(study_.tell_failed(point(parameters))); }
  std::optional<Row> best() const {
    const auto trial = study_.best();
    if (!trial) return std::nullopt;
    return row(*trial);
  }
  std::vector<Row> pareto_front() const { return rows(study_.pareto_front()); }
  double hypervolume(const std::vector<double>& reference) const { return value_or_raise(study_.hypervolume(reference)); }
  bool exhausted() const { return study_.exhausted(); }
  std::vector<Row> trials() const {
    std::vector<Row> out;
    for (const auto& [number, trial] : study_.trials()) out.push_back(row(trial));
    return out;
  }

 private:
  search::Study study_;

  static Expected<search::Study> make(const std::string& problem_text, const std::vector<std::pair<std::string, bool>>& objectives,
                                      std::size_t constraints, const std::string& agent, const std::string& agent_options, std::uint64_t seed) {
    auto document = Document::parse(problem_text, "study");
    if (!document) return fail(std::move(document.error()));
    auto space = arch::read_space(*document, "/space", "/rules");
    if (!space) return fail(std::move(space.error()));
    search::StudyOptions options;
    options.agent = agent;
    options.agent_options_json = agent_options;
    for (const auto& [metric, maximise] : objectives) options.objectives.push_back({metric, maximise});
    options.constraints = constraints;
    options.seed = seed;
    options.file = "study";
    options.pointer = "/agent";
    return search::Study::create(std::move(*space), std::move(options));
  }
  arch::Point point(const std::string& parameters) const {
    auto document = value_or_raise(Document::parse(parameters, "params"));
    return value_or_raise(study_.space().from_json(document));
  }
  Row row(const search::StudyTrial& trial) const {
    const char* state = trial.state == search::TrialState::asked ? "asked" : trial.state == search::TrialState::done ? "done" : "failed";
    return py::make_tuple(trial.number, study_.space().to_json(trial.point).dump(), state, trial.objectives, trial.violations, trial.feasible(), trial.asked);
  }
  std::vector<Row> rows(const std::vector<search::StudyTrial>& trials) const {
    std::vector<Row> out;
    for (const search::StudyTrial& trial : trials) out.push_back(row(trial));
    return out;
  }
};

}  // namespace

void bind_study(py::module_& module) {
  py::class_<Study>(module, "Study")
      .def(py::init<const std::string&, const std::vector<std::pair<std::string, bool>>&, std::size_t, const std::string&, const std::string&,
                    std::uint64_t>())
      .def("ask", &Study::ask)
      .def("tell", &Study::tell)
      .def("tell_failed", &Study::tell_failed)
      .def("tell_point", &Study::tell_point)
      .def("tell_point_failed", &Study::tell_point_failed)
      .def("best", &Study::best)
      .def("pareto_front", &Study::pareto_front)
      .def("hypervolume", &Study::hypervolume)
      .def("exhausted", &Study::exhausted)
      .def("trials", &Study::trials);
}

}  // namespace gnomon::python
