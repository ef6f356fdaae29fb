#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>

#include "gnomon/base/text.hpp"
#include "problems.hpp"

namespace gnomon::search::test {
namespace {

/// Every agent runs this suite; a new one is in it as soon as it is registered.
class Conformance : public testing::TestWithParam<std::string> {};

std::vector<std::string> all_agents() {
  std::vector<std::string> out;
  for (const auto& [name, info] : agents().entries()) {
    out.push_back(name);
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Agents, Conformance, testing::ValuesIn(all_agents()), [](const auto& about) { return about.param; });

const char* const mixed_space =
    R"({"n": {"int": [1, 12]}, "p": {"int": [4, 512], "step": "pow2"}, "o": {"ordinal": [0.5, 1, 4, 10]},
    "c": {"categorical": ["red", "green", "blue"]}, "flag": {"categorical": [true, false]}, "r": {"real": [-2, 3]},
    "g": {"real": [0.001, 1000], "log": true}, "w": {"permutation": ["a", "b", "c", "d"]}})";
const char* const conditional_space =
    R"({"kind": {"categorical": ["flat", "deep"]}, "depth": {"int": [2, 9], "active_if": {"kind": ["deep"]}},
    "skip": {"categorical": ["yes", "no"], "active_if": {"depth": [7, 8, 9]}}, "width": {"int": [1, 30]}})";

/// Some smooth function of the code, another one per objective; violations with both signs.
std::vector<double> objectives_at(const arch::Space& space, const arch::Point& point, std::size_t count) {
  const auto code = space.encode(point);
  std::vector<double> out;
  for (std::size_t k = 0; k < count; ++k) {
    double sum = 0.1;
    for (std::size_t i = 0; i < code.size(); ++i) {
      const double centre = k == 0 ? 0.23 + 0.05 * static_cast<double>(i % 3) : k == 1 ? 0.81 : 0.5;
      sum += (code[i] - centre) * (code[i] - centre);
    }
    out.push_back(sum);
  }
  return out;
}

void tell(Study& study, const StudyTrial& t, std::size_t objectives, std::size_t constraints) {
  if (t.number % 11 == 5) {
    ASSERT_TRUE(study.tell_failed(t.number));
    return;
  }
  std::vector<double> violations(constraints);
  const auto code = study.space().encode(t.point);
  for (std::size_t c = 0; c < constraints; ++c) violations[c] = code[c % code.size()] - 0.7;
  ASSERT_TRUE(study.tell(t.number, objectives_at(study.space(), t.point, objectives), violations));
}

std::string transcript(Study& study, std::size_t batches, std::size_t batch, std::size_t objectives, std::size_t constraints) {
  std::string out;
  for (std::size_t b = 0; b < batches; ++b) {
    const auto trials = study.ask(batch);
    for (const StudyTrial& t : trials) {
      EXPECT_TRUE(study.space().valid(t.point)) << study.space().key(t.point);
      out += std::to_string(t.number) + " " + study.space().key(t.point) + "\n";
    }
    for (const StudyTrial& t : trials) tell(study, t, objectives, constraints);
  }
  return out;
}

Study make(const std::string& agent, const char* space_json, const char* rules, std::size_t objectives, std::size_t constraints,
           std::uint64_t seed) {
  auto study = Study::create(space(space_json, rules), options(agent, objectives, constraints, seed));
  EXPECT_TRUE(study) << study.error().text();
  return std::move(*study);
}

struct Case {
  const char* space;
  const char* rules;
  std::size_t objectives, constraints;
};
const Case all_cases[] = {{mixed_space, "[]", 1, 0},
                          {mixed_space, R"j(["n * p <= 600", "c != \"red\" or r > 0"])j", 2, 1},
                          {mixed_space, R"j(["n * p <= 600", "c != \"red\" or r > 0"])j", 1, 2},
                          {mixed_space, "[]", 3, 2},
                          {conditional_space, R"j(["kind == \"flat\" or depth + width < 28"])j", 1, 1},
                          {conditional_space, "[]", 2, 0}};

std::size_t most_objectives(const std::string& agent) {
  const std::size_t most = (*agents().find(agent))->max_objectives;
  return most == 0 ? 1000 : most;
}
std::size_t at_most(const std::string& agent, std::size_t objectives) { return std::min(objectives, most_objectives(agent)); }

/// The cases that an agent is for.
std::vector<Case> cases_of(const std::string& agent) {
  std::vector<Case> out;
  for (const Case& c : all_cases) {
    if (c.objectives <= most_objectives(agent)) out.push_back(c);
  }
  return out;
}

TEST_P(Conformance, AsksValidPointsWithoutDuplicatesOnAllKindsOfSpaces) {
  for (const Case& c : cases_of(GetParam())) {
    Study study = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 3);
    transcript(study, 8, 6, c.objectives, c.constraints);
    EXPECT_EQ(study.trials().size(), 48u);
    std::set<std::string> keys;
    for (const auto& [number, t] : study.trials()) {
      EXPECT_TRUE(study.space().valid(t.point)) << study.space().key(t.point);
      EXPECT_TRUE(keys.insert(study.space().key(t.point)).second) << "twice: " << study.space().key(t.point);
    }
  }
}

TEST_P(Conformance, SameSeedSameTrialsAnotherSeedOthers) {
  for (const Case& c : cases_of(GetParam())) {
    Study a = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 17);
    Study b = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 17);
    Study other = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 18);
    const std::string first = transcript(a, 6, 7, c.objectives, c.constraints);
    EXPECT_EQ(first, transcript(b, 6, 7, c.objectives, c.constraints));
    EXPECT_NE(first, transcript(other, 6, 7, c.objectives, c.constraints));
  }
}

TEST_P(Conformance, ReplayingTheTellsRestoresTheAgent) {
  for (const Case& c : cases_of(GetParam())) {
    Study whole = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 5);
    transcript(whole, 5, 6, c.objectives, c.constraints);
    Study again = make(GetParam(), c.space, c.rules, c.objectives, c.constraints, 5);
    for (const auto& [number, t] : whole.trials()) ASSERT_TRUE(again.restore(number, t.point));
    for (const auto& [number, t] : whole.trials()) tell(again, t, c.objectives, c.constraints);
    EXPECT_EQ(transcript(whole, 3, 6, c.objectives, c.constraints), transcript(again, 3, 6, c.objectives, c.constraints));
  }
}

TEST_P(Conformance, PendingTrialsAreNotAskedAgain) {
  Study study = make(GetParam(), mixed_space, "[]", 1, 0, 9);
  std::set<std::string> keys;
  for (int i = 0; i < 40; ++i) {
    const auto one = study.ask(1);
    ASSERT_EQ(one.size(), 1u);
    EXPECT_TRUE(keys.insert(study.space().key(one[0].point)).second);
    if (i % 3 == 0) tell(study, one[0], 1, 0);
  }
}

TEST_P(Conformance, ATinySpaceIsUsedUpCompletely) {
  Study study = make(GetParam(), R"({"a": {"int": [0, 4]}, "b": {"categorical": ["x", "y", "z"]}})", R"(["a != 2"])", 1, 0, 1);
  std::size_t found = 0;
  for (int b = 0; b < 10 && !study.exhausted(); ++b) {
    for (const StudyTrial& t : study.ask(5)) {
      ++found;
      tell(study, t, 1, 0);
    }
  }
  EXPECT_EQ(found, 12u);
  EXPECT_TRUE(study.exhausted());
  EXPECT_TRUE(study.ask(3).empty());
}

TEST_P(Conformance, WarmStartsAndOnlyFailuresAreEndured) {
  const std::size_t objectives = at_most(GetParam(), 2);
  Study study = make(GetParam(), mixed_space, "[]", objectives, 1, 2);
  Random random(4);
  for (int i = 0; i < 30; ++i) {
    std::vector<double> values(objectives);
    for (double& v : values) v = random.uniform();
    ASSERT_TRUE(study.tell(*study.space().sample(random), values, {random.uniform() - 0.5}));
  }
  transcript(study, 3, 8, objectives, 1);
  Study failing = make(GetParam(), mixed_space, "[]", 1, 0, 2);
  for (int b = 0; b < 8; ++b) {
    const auto trials = failing.ask(8);
    ASSERT_EQ(trials.size(), 8u);
    for (const StudyTrial& t : trials) ASSERT_TRUE(failing.tell_failed(t.number));
  }
  EXPECT_FALSE(failing.best());
}

TEST_P(Conformance, NothingFeasibleAndEqualValuesAreEndured) {
  const std::size_t objectives = at_most(GetParam(), 2);
  Study study = make(GetParam(), mixed_space, "[]", objectives, 1, 6);
  for (int b = 0; b < 6; ++b) {
    for (const StudyTrial& t : study.ask(8)) ASSERT_TRUE(study.tell(t.number, std::vector<double>(objectives, 1.0), {2.5}));
  }
  EXPECT_EQ(study.trials().size(), 48u);
  EXPECT_TRUE(study.pareto_front().empty());
}

TEST_P(Conformance, HugeAndTinyValuesAreEndured) {
  const std::size_t objectives = at_most(GetParam(), 2);
  Study study = make(GetParam(), mixed_space, "[]", objectives, 1, 6);
  Random random(8);
  for (int b = 0; b < 6; ++b) {
    for (const StudyTrial& t : study.ask(8)) {
      std::vector<double> values;
      for (std::size_t k = 0; k < objectives; ++k) values.push_back((k % 2 == 0 ? 1 : -1) * std::pow(10, random.uniform(-300, 300)));
      ASSERT_TRUE(study.tell(t.number, values, {std::pow(10, random.uniform(-300, 300)) - 1}));
    }
  }
  EXPECT_EQ(study.trials().size(), 48u);
}

TEST_P(Conformance, SeedsComeFirstAndAskingInOtherBatchesIsEndured) {
  auto o = options(GetParam(), 1, 0, 3);
  const arch::Space where = space(mixed_space);
  Random random(12);
  for (int i = 0; i < 3; ++i) o.seeds.push_back(*where.sample(random));
  auto study = Study::create(where, o);
  ASSERT_TRUE(study);
  std::vector<std::string> first;
  for (const StudyTrial& t : study->ask(5)) first.push_back(where.key(t.point));
  ASSERT_EQ(first.size(), 5u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(first[i], where.key(o.seeds[i]));
  // Told in another order than asked, some never told, batches of changing size: no duplicates, nothing invalid.
  std::set<std::string> keys(first.begin(), first.end());
  std::vector<StudyTrial> open;
  for (std::size_t batch = 1; batch < 9; ++batch) {
    for (const StudyTrial& t : study->ask(batch)) {
      EXPECT_TRUE(where.valid(t.point));
      EXPECT_TRUE(keys.insert(where.key(t.point)).second);
      open.push_back(t);
    }
    while (open.size() > 4) {
      tell(*study, open.back(), 1, 0);
      open.pop_back();
    }
  }
  EXPECT_EQ(keys.size(), 5u + 36u);
}

TEST_P(Conformance, TheSameTellsGiveTheSameProposalsHoweverOftenItIsAsked) {
  // One agent is asked at every step, the other one only at the end: what an ask looks at must not change what comes later.
  const arch::Space where = space(mixed_space);
  AgentSetup setup;
  setup.space = std::make_shared<const arch::Space>(where);
  setup.objectives = at_most(GetParam(), 2);
  setup.constraints = 1;
  setup.seed = 21;
  const auto often = make_agent(GetParam(), setup), once = make_agent(GetParam(), setup);
  ASSERT_TRUE(often && once);
  std::set<std::string> known;
  AskRequest request;
  request.count = 2;
  request.fresh = [&](const arch::Point& p) { return where.valid(p) && !known.contains(where.key(p)); };
  Random random(5);
  for (std::uint64_t i = 0; i < 70; ++i) {
    request.number = i;
    (*often)->ask(request);
    Told told;
    told.point = *where.sample(random);
    told.number = i;
    told.objectives = objectives_at(where, told.point, setup.objectives);
    told.violations = {where.encode(told.point)[0] - 0.6};
    known.insert(where.key(told.point));
    (*often)->tell(told);
    (*once)->tell(told);
  }
  request.number = 70;
  request.count = 5;
  EXPECT_EQ((*often)->ask(request), (*once)->ask(request));
}

TEST_P(Conformance, MoreObjectivesThanItTakesAreRefused) {
  if (most_objectives(GetParam()) > 100) return;
  const auto refused = Study::create(space(mixed_space), options(GetParam(), most_objectives(GetParam()) + 1, 0, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
  EXPECT_NE(refused.error().text().find("agent \"" + GetParam() + "\" takes at most"), std::string::npos) << refused.error().text();
}

TEST_P(Conformance, UnknownOptionsAreRefusedWithTheirPlace) {
  auto o = options(GetParam(), 1, 0, 1);
  o.agent_options_json = R"({"populatoin": 3})";
  o.file = "c.json";
  o.pointer = "/agent/options";
  const auto refused = Study::create(space(mixed_space), o);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("c.json: /agent/options/populatoin: unknown key \"populatoin\""), std::string::npos)
      << refused.error().text();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double quality(const std::string& problem, const std::string& agent, std::size_t evaluations, std::uint64_t seed) {
  const Study study = run_problem(problem, agent, evaluations, seed);
  if (problem == "zdt1") return study.hypervolume({1.1, 6}).value();
  if (problem == "dtlz2") return study.hypervolume({1.5, 1.5, 1.5}).value();
  if (problem == "systolic") return study.hypervolume({0.05, 5e11}).value();
  const auto best = study.best();
  return best ? -best->objectives[0] : -1e30;
}

double median_quality(const std::string& problem, const std::string& agent, std::size_t evaluations) {
  std::vector<double> values;
  for (std::uint64_t seed = 0; seed < 5; ++seed) values.push_back(quality(problem, agent, evaluations, seed));
  return median(values);
}

TEST(Quality, NsgaAndBayesBeatRandomOnTheShippedProblems) {
  for (const char* problem : {"zdt1", "dtlz2", "pressure_vessel", "circle_tour", "systolic"}) {
    const double random = median_quality(problem, "random", 120);
    for (const char* agent : {"nsga2", "bayes"})
      EXPECT_GT(median_quality(problem, agent, 120), random) << agent << " on " << problem;
  }
}

TEST(Quality, PoliciesLearnTheSystolicArray) {
  const double random = median_quality("systolic", "random", 400);
  for (const char* agent : {"ppo", "ippo"}) EXPECT_GT(median_quality("systolic", agent, 400), random) << agent;
}

TEST(Quality, BayesComesNearTheKnownOptima) {
  // Best known pressure vessel: 6059.714335; the shortest tour is 16 sin(pi / 8).
  EXPECT_LT(-median_quality("pressure_vessel", "bayes", 150), 1.05 * 6059.714335);
  EXPECT_NEAR(-median_quality("circle_tour", "bayes", 120), 16 * std::sin(M_PI / 8), 1e-9);
}

TEST(Quality, AnEvolutionaryAskTakesLessThanAMillisecond) {
  Study study = run_problem("systolic", "nsga2", 296, 1);
  // Processor time: how long it takes on the wall depends on who else is there.
  const std::clock_t start = std::clock();
  const auto trials = study.ask(8);
  const double ms = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_EQ(trials.size(), 8u);
  EXPECT_LT(ms / 8, 1.0);
}

TEST(Agents, AllNamesOfTheContractAreThereAndOthersAreRefused) {
  for (const char* name : {"random", "sobol", "ga", "nsga2", "nsga3", "cmaes", "aco", "anneal", "bayes", "forest", "ppo", "sac", "ippo", "mappo", "auto"})
    EXPECT_TRUE(Study::create(space(mixed_space), options(name, 1, 0, 1))) << name;
  const auto unknown = Study::create(space(mixed_space), options("nsga22", 1, 0, 1));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::invalid_input);
  EXPECT_NE(unknown.error().text().find("unknown agent \"nsga22\"; did you mean \"nsga2\"?"), std::string::npos)
      << unknown.error().text();
}

}  // namespace
}  // namespace gnomon::search::test
