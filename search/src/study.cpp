#include "gnomon/search/study.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "agents/genome.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {

struct Study::State {
  std::shared_ptr<const arch::Space> space;
  StudyOptions options;
  std::unique_ptr<Agent> agent;
  std::map<std::uint64_t, StudyTrial> trials;
  std::set<std::uint64_t> pending;
  std::unordered_map<std::string, std::uint64_t> known;  // key of a point -> trial
  std::uint64_t next_number = 0;
  bool exhausted = false;
  /// Walk over all points of a small discrete space, in an order drawn by the seed: start + step * i modulo the cardinality.
  std::uint64_t walk_at = 0;

  bool fresh(const arch::Point& point) const { return space->valid(point) && !known.contains(space->key(point)); }

  StudyTrial& enter(const arch::Point& point, bool asked) {
    StudyTrial trial;
    trial.number = next_number++;
    trial.point = point;
    trial.asked = asked;
    known.emplace(space->key(point), trial.number);
    pending.insert(trial.number);
    return trials.emplace(trial.number, std::move(trial)).first->second;
  }

  std::optional<arch::Point> seed_point() const {
    for (const arch::Point& point : options.seeds) {
      if (fresh(point)) return point;
    }
    return {};
  }

  arch::Point point_at(std::uint64_t place) const {
    const auto& parameters = space->parameters();
    Genome genome(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto n = static_cast<std::uint64_t>(parameters[i].size());
      genome[i].index = static_cast<std::int64_t>(place % n);
      place /= n;
    }
    return to_point(*space, genome);
  }

  /// A point that no agent found: a neighbour of what is known, a random one, then the walk over a space of at most 2^22 points.
  std::optional<arch::Point> any_fresh() {
    Random random(derive(derive(options.seed, "study/fallback"), next_number));
    for (int t = 0; t < 200; ++t) {
      auto point = space->sample(random, 2000);
      if (!point) break;
      if (fresh(*point)) return point;
    }
    if (!known.empty()) {
      int looked = 0;
      for (auto at = trials.rbegin(); at != trials.rend() && looked < 50; ++at, ++looked) {
        const auto near = fresh_neighbours(*space, at->second.point, [this](const arch::Point& p) { return fresh(p); });
        if (!near.empty()) return near.front();
      }
    }
    const auto count = space->cardinality();
    constexpr double largest_walk = 4194304;
    const bool all_discrete =
        std::all_of(space->parameters().begin(), space->parameters().end(), [](const auto& p) { return p.discrete(); });
    if (count && all_discrete && *count <= largest_walk) {
      const auto total = static_cast<std::uint64_t>(*count);
      for (; walk_at < total; ++walk_at) {
        arch::Point point = point_at(walk_at);
        if (fresh(point)) return point;
      }
    } else {
      for (int t = 0; t < 10000; ++t) {
        auto point = space->sample(random, 10);
        if (point && fresh(*point)) return point;
      }
    }
    return {};
  }

  std::vector<double> minimised(const std::vector<double>& objectives) const {
    std::vector<double> out = objectives;
    for (std::size_t k = 0; k < out.size(); ++k) {
      if (options.objectives[k].maximise) out[k] = -out[k];
    }
    return out;
  }

  Expected<void> finish(std::uint64_t number, const std::vector<double>& objectives, const std::vector<double>& violations,
                        bool failed, bool exact) {
    const auto at = trials.find(number);
    if (at == trials.end()) return fail(ErrorKind::invalid_input, "trial " + std::to_string(number) + " was never asked");
    StudyTrial& trial = at->second;
    if (trial.state != TrialState::asked)
      return fail(ErrorKind::invalid_input, "trial " + std::to_string(number) + " was told already");
    if (auto good = check(objectives, violations, failed); !good) return good;
    trial.state = failed ? TrialState::failed : TrialState::done;
    trial.objectives = objectives;
    trial.violations = violations;
    trial.exact = exact;
    pending.erase(number);
    agent->tell(Told{trial.point, minimised(objectives), violations, failed, number, trial.asked, exact});
    return {};
  }

  Expected<void> check(const std::vector<double>& objectives, const std::vector<double>& violations, bool failed) const {
    if (failed) return {};
    if (objectives.size() != options.objectives.size()) {
      return fail(ErrorKind::invalid_input, "found " + std::to_string(objectives.size()) + " objectives; the study has " +
                                                std::to_string(options.objectives.size()));
    }
    if (violations.size() != options.constraints) {
      return fail(ErrorKind::invalid_input, "found " + std::to_string(violations.size()) + " constraint values; the study has " +
                                                std::to_string(options.constraints));
    }
    for (std::size_t k = 0; k < objectives.size(); ++k) {
      if (!std::isfinite(objectives[k])) {
        return fail(ErrorKind::invalid_input, "objective " + in_quotes(options.objectives[k].metric) + " is " +
                                                  number(objectives[k]) + "; tell a failed trial instead");
      }
    }
    for (const double v : violations) {
      if (!std::isfinite(v))
        return fail(ErrorKind::invalid_input, "a constraint value is " + number(v) + "; tell a failed trial instead");
    }
    return {};
  }

  Expected<std::uint64_t> tell_point(const arch::Point& given, const std::vector<double>& objectives,
                                     const std::vector<double>& violations, bool failed) {
    arch::Point point = given;
    if (point.size() != space->parameters().size()) {
      return fail(ErrorKind::invalid_input, "the point has " + std::to_string(point.size()) + " parameters; the space has " +
                                                std::to_string(space->parameters().size()));
    }
    space->normalize(point);
    if (!space->valid(point)) {
      return fail(ErrorKind::invalid_input, "the point " + space->key(point) + " lies outside the space or breaks a rule");
    }
    if (auto good = check(objectives, violations, failed); !good) return fail(std::move(good.error()));
    const auto at = known.find(space->key(point));
    const std::uint64_t number = at != known.end() ? at->second : enter(point, false).number;
    if (auto done = finish(number, objectives, violations, failed, true); !done) return fail(std::move(done.error()));
    return number;
  }
};

bool StudyTrial::feasible() const {
  return state == TrialState::done && std::all_of(violations.begin(), violations.end(), [](double v) { return v <= 0; });
}

Study::Study() : state_(std::make_unique<State>()) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

Expected<Study> Study::create(arch::Space space, StudyOptions options) {
  if (space.parameters().empty()) return fail(ErrorKind::invalid_input, "the space has no parameters");
  Study study;
  State& s = *study.state_;
  s.space = std::make_shared<const arch::Space>(std::move(space));
  AgentSetup setup;
  setup.space = s.space;
  setup.objectives = options.objectives.size();
  setup.constraints = options.constraints;
  setup.seed = derive(options.seed, "agent");
  setup.options_json = options.agent_options_json;
  setup.file = options.file;
  setup.pointer = options.pointer;
  auto agent = options.make ? options.make(setup) : make_agent(options.agent, setup);
  if (!agent) return fail(std::move(agent.error()));
  s.agent = std::move(*agent);
  for (std::size_t i = 0; i < options.seeds.size(); ++i) {
    s.space->normalize(options.seeds[i]);
    if (!s.space->valid(options.seeds[i])) {
      return fail(ErrorKind::invalid_input, "seed point " + std::to_string(i) + " lies outside the space or breaks a rule");
    }
  }
  s.options = std::move(options);
  return study;
}

std::vector<StudyTrial> Study::ask(std::size_t count) {
  State& s = *state_;
  std::vector<StudyTrial> out;
  while (out.size() < count) {
    const auto seed = s.seed_point();
    if (!seed) break;
    out.push_back(s.enter(*seed, true));
  }
  const std::uint64_t first = s.next_number;
  constexpr std::uint64_t attempts = 4;
  for (std::uint64_t attempt = 0; attempt < attempts && out.size() < count; ++attempt) {
    std::vector<arch::Point> pending;
    for (const std::uint64_t number : s.pending) pending.push_back(s.trials.at(number).point);
    AskRequest request;
    request.count = count - out.size();
    request.number = attempt == 0 ? first : s.next_number;
    request.attempt = attempt;
    request.pending = pending;
    request.fresh = [&s](const arch::Point& point) { return s.fresh(point); };
    for (const arch::Point& point : s.agent->ask(request)) {
      if (out.size() < count && s.fresh(point)) out.push_back(s.enter(point, true));
    }
  }
  while (out.size() < count) {
    const auto point = s.any_fresh();
    if (!point) {
      s.exhausted = true;
      break;
    }
    out.push_back(s.enter(*point, true));
  }
  return out;
}

Expected<void> Study::tell(std::uint64_t number, const std::vector<double>& objectives, const std::vector<double>& violations,
                           bool exact) {
  return state_->finish(number, objectives, violations, false, exact);
}
Expected<void> Study::tell_failed(std::uint64_t number) {
  return state_->finish(number, {}, {}, true, true);
}
Expected<std::uint64_t> Study::tell(const arch::Point& point, const std::vector<double>& objectives,
                                    const std::vector<double>& violations) {
  return state_->tell_point(point, objectives, violations, false);
}
Expected<std::uint64_t> Study::tell_failed(const arch::Point& point) {
  return state_->tell_point(point, {}, {}, true);
}

Expected<void> Study::restore(std::uint64_t number, const arch::Point& point) {
  State& s = *state_;
  if (number != s.next_number) {
    return fail(ErrorKind::invalid_input,
                "trial " + std::to_string(number) + " cannot be restored; the next one is " + std::to_string(s.next_number));
  }
  if (!s.fresh(point)) {
    return fail(ErrorKind::invalid_input,
                "trial " + std::to_string(number) + " " + s.space->key(point) + " is a duplicate or lies outside the space");
  }
  s.enter(point, true);
  return {};
}

const arch::Space& Study::space() const {
  return *state_->space;
}
const StudyOptions& Study::options() const {
  return state_->options;
}
const std::map<std::uint64_t, StudyTrial>& Study::trials() const {
  return state_->trials;
}
bool Study::exhausted() const {
  return state_->exhausted;
}

std::optional<StudyTrial> Study::best() const {
  const StudyTrial* best = nullptr;
  const bool maximise = state_->options.objectives[0].maximise;
  for (const auto& [number, trial] : state_->trials) {
    if (!trial.feasible() || !trial.exact) continue;
    if (!best || (maximise ? trial.objectives[0] > best->objectives[0] : trial.objectives[0] < best->objectives[0]))
      best = &trial;
  }
  if (!best) return {};
  return *best;
}

std::vector<StudyTrial> Study::pareto_front() const {
  std::vector<const StudyTrial*> feasible;
  std::vector<std::vector<double>> objectives;
  for (const auto& [number, trial] : state_->trials) {
    if (!trial.feasible() || !trial.exact) continue;
    feasible.push_back(&trial);
    objectives.push_back(state_->minimised(trial.objectives));
  }
  std::vector<StudyTrial> out;
  for (const std::size_t i : nondominated(objectives)) out.push_back(*feasible[i]);
  return out;
}

Expected<double> Study::hypervolume(const std::vector<double>& reference) const {
  if (reference.size() != state_->options.objectives.size()) {
    return fail(ErrorKind::invalid_input, "the reference has " + std::to_string(reference.size()) + " values; the study has " +
                                              std::to_string(state_->options.objectives.size()) + " objectives");
  }
  std::vector<std::vector<double>> points;
  for (const StudyTrial& trial : pareto_front()) points.push_back(state_->minimised(trial.objectives));
  return search::hypervolume(points, state_->minimised(reference));
}

}  // namespace gnomon::search
