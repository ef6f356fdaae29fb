#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "campaign/campaign_io.hpp"
#include "gnomon/search/problems.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

std::vector<double> value(const std::string& problem, const std::vector<double>& x, const std::string& prefix = "x") {
  Json parameters = Json::object();
  for (std::size_t i = 0; i < x.size(); ++i) parameters[prefix + std::to_string(i + 1)] = x[i];
  auto out = evaluate_problem(problem, parameters.dump());
  EXPECT_TRUE(out) << problem << ": " << (out ? "" : out.error().text());
  return out ? *out : std::vector<double>{};
}

const ProblemInfo& info_of(const std::string& name) {
  return **find_problem(name);
}

int broken(const ProblemInfo& info, const std::vector<double>& metrics) {
  int out = 0;
  for (std::size_t i = info.objectives.size(); i < metrics.size(); ++i) out += metrics[i] > 0 ? 1 : 0;
  return out;
}

// pymoo's values at the same points (make_problem_values.py).
TEST(Problems, AgreeWithAnotherImplementation) {
  auto document = Document::load(std::string(SEARCH_TEST_DATA) + "/problem_values.json");
  ASSERT_TRUE(document) << document.error().text();
  for (const auto& [name, rows] : document->root().items()) {
    const ProblemInfo& info = info_of(name);
    for (const Json& row : rows) {
      const auto got = value(name, row.at("x").get<std::vector<double>>(), name.starts_with("wfg") ? "z" : "x");
      const auto expected = row.at("f").get<std::vector<double>>();
      ASSERT_EQ(info.objectives.size(), expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        EXPECT_NEAR(got[k], expected[k], 1e-9 * (1 + std::abs(expected[k]))) << name << " " << row.dump();
      }
      EXPECT_EQ(broken(info, got), row.at("broken").get<int>()) << name << " " << row.dump();
    }
  }
}

// The points that the report of CEC 2006 publishes with its optima; rounding leaves active constraints at the last digits.
TEST(Problems, PublishedPointsHaveThePublishedValues) {
  const std::vector<std::pair<std::string, std::vector<double>>> points{
      {"g01", {1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 1}},
      {"g04", {78, 33, 29.9952560256815985, 45, 36.7758129057882073}},
      {"g06", {14.095, 0.8429607892154795668}},
      {"g07", {2.17199634142692, 2.3636830416034, 8.77392573913157, 5.09598443745173, 0.990654756560493, 1.43057392853463, 1.32164415364306,
               9.82872576524495, 8.2800915887356, 8.3759266477347}},
      {"g08", {1.22797135260752599, 4.24537336612274885}},
      {"g09", {2.33049935147405174, 1.95137236847114592, -0.477541399510615805, 4.36572624923625874, -0.624486959100388983, 1.03813099410962173,
               1.5942266780671519}},
      {"g10", {579.306685017979589, 1359.97067807935605, 5109.97065743133317, 182.01769963061534, 295.601173702746792, 217.982300369384632,
               286.41652592786852, 395.601173702746735}},
      {"g18", {-0.657776192427943163, -0.153418773482438542, 0.323413871675240938, -0.946257611651304398, -0.657776194376798906,
               -0.753213434632691414, 0.323413874123576972, -0.346462947962331735, 0.59979466285217542}},
      {"g24", {2.329520197477623, 3.178493074173062}},
  };
  for (const auto& [name, x] : points) {
    const auto got = value(name, x);
    const double optimum = *info_of(name).truth.optimum;
    EXPECT_NEAR(got[0], optimum, 1e-8 * (1 + std::abs(optimum))) << name;
    for (std::size_t i = 1; i < got.size(); ++i) EXPECT_LE(got[i], 1e-6) << name << " constraint " << i;
  }
}

TEST(Problems, OptimaByConstruction) {
  const auto at = [](const std::string& name, const std::string& parameters) { return evaluate_problem(name, parameters).value().at(0); };
  EXPECT_NEAR(at("mixed_rastrigin", R"({"x1": -2.71, "x2": 1.83, "x3": 3.37, "x4": -1.44, "x5": 2.29, "n1": -6, "n2": 4, "n3": 7, "n4": -3, "n5": 5})"), 0, 1e-12);
  EXPECT_NEAR(at("branches", R"({"branch": "wave", "phase": 0.83, "period": 11})"), 0, 1e-12);
  EXPECT_NEAR(at("gear_train", R"({"a": 43, "b": 16, "d": 19, "e": 49})"), 2.7008571488865134e-12, 1e-18);
  EXPECT_NEAR(at("circle_tour", R"({"tour": [0, 3, 6, 1, 4, 7, 2, 5]})"), *info_of("circle_tour").truth.optimum, 1e-12);
}

// No random feasible point may beat what is said to be the optimum, nor may random points dominate the known front; and the middle
// of the space is never within 1 % of the best.
TEST(Problems, NothingBeatsTheTruthAndTheMiddleIsNoOptimum) {
  constexpr std::uint64_t seed = 7;
  for (const ProblemInfo& info : problems()) {
    auto space = problem_space(info);
    ASSERT_TRUE(space) << info.name << ": " << space.error().text();
    if (!info.truth.known()) continue;
    std::vector<std::vector<double>> seen;
    const auto look = [&](const arch::Point& point) -> std::optional<std::vector<double>> {
      auto metrics = evaluate_problem(info.name, space->to_json(point).dump());
      EXPECT_TRUE(metrics) << info.name << ": " << metrics.error().text();
      if (!metrics || metrics->size() != info.metrics.size()) return {};
      for (const double m : *metrics) EXPECT_TRUE(std::isfinite(m)) << info.name;
      for (const auto& limit : info.constraints) {
        for (std::size_t i = 0; i < info.metrics.size(); ++i) {
          if (info.metrics[i] == limit.metric && (*metrics)[i] > limit.max) return {};
        }
      }
      metrics->resize(info.objectives.size());
      return *metrics;
    };
    Random random(derive(seed, info.name));
    for (int i = 0; i < 2000; ++i) {
      auto point = space->sample(random);
      ASSERT_TRUE(point);
      if (auto f = look(*point)) seen.push_back(*f);
    }
    const auto middle = look(space->decode(std::vector<double>(space->parameters().size(), 0.5)));
    if (info.truth.optimum) {
      const double best = *info.truth.optimum, slack = 1e-7 * (1 + std::abs(best));
      for (const auto& f : seen) EXPECT_GE(f[0], best - slack) << info.name;
      if (middle && info.name != "gear_train") {
        EXPECT_GT((*middle)[0], best + 0.01 * std::abs(best)) << info.name;
      }
      continue;
    }
    const auto scaled = [&](const std::vector<double>& f) {
      std::vector<double> out;
      for (std::size_t k = 0; k < f.size(); ++k) out.push_back((f[k] - info.truth.ideal[k]) / (info.truth.nadir[k] - info.truth.ideal[k]));
      return out;
    };
    for (const auto& f : seen) {
      for (const double s : scaled(f)) EXPECT_GE(s, -1e-9) << info.name;
    }
    std::vector<std::vector<double>> points;
    for (const std::size_t i : nondominated(seen)) points.push_back(scaled(seen[i]));
    const std::vector<double> reference(info.objectives.size(), 1.1);
    EXPECT_LE(hypervolume(points, reference), *info.truth.hypervolume * (1 + 1e-6)) << info.name;
    if (middle) {
      EXPECT_LT(hypervolume({scaled(*middle)}, reference), 0.95 * *info.truth.hypervolume) << info.name;
    }
  }
}

// The hypervolumes again, from the fronts sampled through the problems themselves (optimal distance parameters).
TEST(Problems, SampledFrontsHaveTheStatedHypervolume) {
  const auto place = [](int i) {
    const double golden = std::fmod(0.6180339887498949 * i, 1.0);
    return golden < 0.5 ? 0.12 + 0.56 * golden : 0.32 + 0.56 * golden;
  };
  const auto share = [](const ProblemInfo& info, const std::vector<std::vector<double>>& found) {
    std::vector<std::vector<double>> points;
    for (const std::size_t i : nondominated(found)) {
      points.push_back({});
      for (std::size_t k = 0; k < found[i].size(); ++k) {
        points.back().push_back((found[i][k] - info.truth.ideal[k]) / (info.truth.nadir[k] - info.truth.ideal[k]));
      }
    }
    return hypervolume(points, std::vector<double>(info.objectives.size(), 1.1)) / *info.truth.hypervolume;
  };
  for (const char* name : {"zdt1", "zdt2", "zdt3", "zdt4", "zdt6"}) {
    std::vector<std::vector<double>> found;
    for (int s = 0; s <= 4000; ++s) {
      std::vector<double> x{s / 4000.0};
      for (int i = 2; i <= 10; ++i) x.push_back(place(i));
      found.push_back(value(name, x));
    }
    EXPECT_NEAR(share(info_of(name), found), 1, 2e-3) << name;
  }
  for (const char* name : {"dtlz1", "dtlz2", "dtlz3", "dtlz7"}) {
    std::vector<std::vector<double>> found;
    for (int s = 0; s <= 40; ++s) {
      for (int t = 0; t <= 40; ++t) {
        std::vector<double> x{s / 40.0, t / 40.0};
        for (int i = 3; i <= 7; ++i) x.push_back(place(i));
        found.push_back(value(name, x));
      }
    }
    const double got = share(info_of(name), found);
    EXPECT_LE(got, 1 + 1e-6) << name;
    EXPECT_GE(got, 0.95) << name;
  }
  for (const char* name : {"wfg2", "wfg4", "wfg5", "wfg7"}) {
    std::vector<std::vector<double>> found;
    for (int s = 0; s <= 40; ++s) {
      for (int t = 0; t <= 40; ++t) {
        std::vector<double> z{s / 40.0 * 2, s / 40.0 * 4, t / 40.0 * 6, t / 40.0 * 8};
        for (int i = 5; i <= 8; ++i) z.push_back(0.35 * 2 * i);
        found.push_back(value(name, z, "z"));
      }
    }
    const double got = share(info_of(name), found);
    EXPECT_LE(got, 1 + 1e-6) << name;
    EXPECT_GE(got, 0.85) << name;
  }
}

TEST(Problems, TruthHoldsForTheProblemAsItIsOnly) {
  const auto truth = [](const std::string& more) {
    auto document = Document::parse(R"({"version": 1, "subject": "problem", "problem": "g24")" + more + "}", "campaign.json");
    auto campaign = read_campaign(*document, "/");
    EXPECT_TRUE(campaign) << campaign.error().text();
    return campaign_truth(*campaign).value();
  };
  EXPECT_TRUE(truth("").optimum.has_value());
  EXPECT_FALSE(truth(R"(, "objectives": [{"metric": "g1"}])").known());
  EXPECT_FALSE(truth(R"(, "space": {"x1": {"real": [0, 1]}, "x2": {"real": [0, 4]}})").known());
  EXPECT_FALSE(truth(R"(, "rules": ["x1 <= 2"])").known());
}

}  // namespace
}  // namespace gnomon::search
