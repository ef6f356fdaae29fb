#include <gtest/gtest.h>

#include "problems.hpp"

namespace gnomon::search::test {
namespace {

const char* const grid = R"({"x": {"int": [0, 9]}, "y": {"int": [0, 9]}})";

Study study(StudyOptions o = options("random", 2, 1, 1)) {
  return std::move(Study::create(space(grid), std::move(o)).value());
}
arch::Point at(std::int64_t x, std::int64_t y) {
  return {arch::Value(x), arch::Value(y)};
}

TEST(Study, FrontAndBestFollowTheGoals) {
  StudyOptions o = options("random", 2, 1, 1);
  o.objectives[1].maximise = true;
  Study s = study(o);
  ASSERT_TRUE(s.tell(at(0, 0), {1, 5}, {-1}));
  ASSERT_TRUE(s.tell(at(0, 1), {2, 9}, {0}));
  ASSERT_TRUE(s.tell(at(0, 2), {2, 9}, {-1}));
  ASSERT_TRUE(s.tell(at(0, 3), {3, 8}, {-1}));
  ASSERT_TRUE(s.tell(at(0, 4), {0.5, 99}, {0.001}));
  ASSERT_TRUE(s.tell_failed(at(0, 5)));
  std::vector<std::uint64_t> numbers;
  for (const StudyTrial& t : s.pareto_front()) numbers.push_back(t.number);
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{0, 1, 2})) << "ties are kept, an infeasible one is not";
  EXPECT_EQ(s.best()->number, 0u);
  // Minimised first, maximised second objective: (5-1)(5-0) + (5-2)(9-5) above the reference (5, 0).
  EXPECT_DOUBLE_EQ(s.hypervolume({5, 0}).value(), 4 * 5 + 3 * 4);
  EXPECT_FALSE(s.hypervolume({5}));
}

TEST(Study, WhatIsToldWronglyIsRefused) {
  Study s = study();
  const auto t = s.ask(1)[0];
  const auto text = [](const auto& r) { return r ? std::string() : r.error().text(); };
  EXPECT_EQ(text(s.tell(77, {1, 2}, {0})), "trial 77 was never asked");
  EXPECT_EQ(text(s.tell(t.number, {1}, {0})), "found 1 objectives; the study has 2");
  EXPECT_EQ(text(s.tell(t.number, {1, 2}, {})), "found 0 constraint values; the study has 1");
  EXPECT_EQ(text(s.tell(t.number, {1, std::nan("")}, {0})), "objective \"f2\" is nan; tell a failed trial instead");
  EXPECT_EQ(text(s.tell(t.number, {1, 2}, {HUGE_VAL})), "a constraint value is inf; tell a failed trial instead");
  EXPECT_TRUE(s.tell(t.number, {1, 2}, {0}));
  EXPECT_EQ(text(s.tell(t.number, {1, 2}, {0})), "trial 0 was told already");
  EXPECT_EQ(text(s.tell(at(3, 70), {1, 2}, {0})), "the point 3,?70 lies outside the space or breaks a rule");
  EXPECT_EQ(text(s.tell(t.point, {1, 2}, {0})), "trial 0 was told already");
}

TEST(Study, ToldPointsAreNeverAskedAndPendingOnesMayBeToldByTheirParameters) {
  Study s = study();
  for (int x = 0; x < 10; ++x) {
    for (int y = 0; y < 9; ++y) ASSERT_TRUE(s.tell(at(x, y), {1, 1}, {0}));
  }
  const auto rest = s.ask(20);
  EXPECT_EQ(rest.size(), 10u);
  EXPECT_TRUE(s.exhausted());
  for (const StudyTrial& t : rest) EXPECT_EQ(std::get<std::int64_t>(*t.point[1]), 9);
  EXPECT_EQ(s.tell(rest[3].point, {0, 0}, {0}).value(), rest[3].number);
}

TEST(Study, SeedsComeFirst) {
  StudyOptions o = options("nsga2", 2, 1, 1);
  o.seeds = {at(4, 4), at(7, 1)};
  Study s = study(o);
  const auto trials = s.ask(3);
  EXPECT_EQ(trials[0].point, at(4, 4));
  EXPECT_EQ(trials[1].point, at(7, 1));
  o.seeds = {at(4, 40)};
  EXPECT_FALSE(Study::create(space(grid), o));
}

TEST(Study, AStudyNeedsAnObjectiveAndParameters) {
  EXPECT_FALSE(Study::create(space(grid), options("random", 0, 0, 1)));
  EXPECT_FALSE(Study::create(arch::Space({}, {}), options("random", 1, 0, 1)));
}

TEST(Problems, HaveTheirKnownValues) {
  const auto value = [](const char* name, const char* parameters) { return evaluate_problem(name, parameters).value(); };
  const auto vessel = value("pressure_vessel", R"({"shell":13,"head":7,"radius":42.0984456,"length":176.6365958})");
  EXPECT_NEAR(vessel[0], 6059.714335, 1e-3);
  EXPECT_NEAR(vessel[1], 0, 1e-6);
  EXPECT_NEAR(value("circle_tour", R"({"tour":[0,3,6,1,4,7,2,5]})")[0], 16 * std::sin(M_PI / 8), 1e-12);
  for (const ProblemInfo& info : problems()) {
    const auto s = problem_space(info);
    ASSERT_TRUE(s) << s.error().text();
    Random random(1);
    const auto values = evaluate_problem(info.name, s->to_json(*s->sample(random)).dump());
    ASSERT_TRUE(values) << info.name << values.error().text();
    EXPECT_EQ(values->size(), info.metrics.size());
  }
  EXPECT_FALSE(evaluate_problem("zdt1", "{}"));
}

}  // namespace
}  // namespace gnomon::search::test
