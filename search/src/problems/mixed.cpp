#include <array>
#include <cmath>
#include <numbers>

#include "gnomon/base/text.hpp"
#include "problems/entry.hpp"

namespace gnomon::search {
namespace {

constexpr double pi = std::numbers::pi;

ProblemInfo single(std::string name, std::string summary, std::string space, double optimum, const char* source, bool proven,
                   std::vector<std::string> limits = {}) {
  ProblemInfo info;
  info.name = std::move(name);
  info.summary = std::move(summary);
  info.space_json = std::move(space);
  info.objectives = {{"f", false}};
  info.metrics = {"f"};
  for (const std::string& limit : limits) {
    info.metrics.push_back(limit);
    info.constraints.push_back({limit, 0});
  }
  info.truth.optimum = optimum;
  info.truth.source = source;
  info.truth.proven = proven;
  return info;
}

// Where the minimum of the mixed Rastrigin function lies; inside the ranges and away from their middles.
constexpr std::array<double, 5> real_place{-2.71, 1.83, 3.37, -1.44, 2.29};
constexpr std::array<int, 5> whole_place{-6, 4, 7, -3, 5};

double rastrigin(double x) {
  return x * x - 10 * std::cos(2 * pi * x) + 10;
}

const std::array<const char*, 4> words{"copper", "iron", "silver", "tin"};
constexpr std::array<int, 3> right_word{2, 0, 3};

/// Ackley's function with its minimum, 0, moved to a place that the first word decides; each wrong word adds to it.
std::vector<double> word_ackley(const Values& v) {
  std::array<int, 3> chosen{};
  double wrong = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const std::string word = v.word("c" + std::to_string(i + 1));
    for (std::size_t k = 0; k < words.size(); ++k) {
      if (word == words[k]) chosen[i] = static_cast<int>(k);
    }
    if (chosen[i] != right_word[i]) wrong += 1.0 + 0.25 * std::abs(chosen[i] - right_word[i]);
  }
  double squares = 0, waves = 0;
  constexpr int reals = 4;
  for (int i = 1; i <= reals; ++i) {
    const double place = 10 * (shifted_place(i + 3 * chosen[0]) - 0.5);
    const double x = v.real("x" + std::to_string(i)) - place;
    squares += x * x / reals;
    waves += std::cos(2 * pi * x) / reals;
  }
  return {wrong + 20 - 20 * std::exp(-0.2 * std::sqrt(squares)) + std::exp(1.0) - std::exp(waves)};
}

std::vector<double> speed_reducer(const Values& v) {
  const double x1 = v.real("face"), x2 = v.real("module"), x3 = static_cast<double>(v.whole("teeth")), x4 = v.real("length1"),
               x5 = v.real("length2"), x6 = v.real("shaft1"), x7 = v.real("shaft2");
  const double f = 0.7854 * x1 * x2 * x2 * (3.3333 * x3 * x3 + 14.9334 * x3 - 43.0934) - 1.508 * x1 * (x6 * x6 + x7 * x7) +
                   7.4777 * (x6 * x6 * x6 + x7 * x7 * x7) + 0.7854 * (x4 * x6 * x6 + x5 * x7 * x7);
  return {f,
          27 / (x1 * x2 * x2 * x3) - 1,
          397.5 / (x1 * x2 * x2 * x3 * x3) - 1,
          1.93 * x4 * x4 * x4 / (x2 * x3 * std::pow(x6, 4)) - 1,
          1.93 * x5 * x5 * x5 / (x2 * x3 * std::pow(x7, 4)) - 1,
          std::sqrt(std::pow(745 * x4 / (x2 * x3), 2) + 16.9e6) / (110 * std::pow(x6, 3)) - 1,
          std::sqrt(std::pow(745 * x5 / (x2 * x3), 2) + 157.5e6) / (85 * std::pow(x7, 3)) - 1,
          x2 * x3 / 40 - 1,
          5 * x2 / x1 - 1,
          x1 / (12 * x2) - 1,
          (1.5 * x6 + 1.9) / x4 - 1,
          (1.1 * x7 + 1.9) / x5 - 1};
}

/// Compression spring of least volume of steel: wire from a list, whole turns, coil diameter.
std::vector<double> coil_spring(const Values& v) {
  const double turns = static_cast<double>(v.whole("turns")), coil = v.real("coil"), wire = v.real("wire");
  constexpr double load = 1000, strength = 189000, shear = 11.5e6, longest = 14, thinnest = 0.2, widest = 3, preload = 300, most_preload = 6,
                   working = 1.25;
  const double index = coil / wire;
  const double factor = (4 * index - 1) / (4 * index - 4) + 0.615 / index;
  const double rate = shear * std::pow(wire, 4) / (8 * turns * std::pow(coil, 3));
  const double free = load / rate + 1.05 * (turns + 2) * wire;
  const double bent = preload / rate;
  const double f = pi * pi * coil * wire * wire * (turns + 2) / 4;
  return {f,
          8 * factor * load * coil / (pi * std::pow(wire, 3)) - strength,
          free - longest,
          thinnest - wire,
          coil - widest,
          3 - index,
          bent - most_preload,
          bent + (load - preload) / rate + 1.05 * (turns + 2) * wire - free,
          working - (load - preload) / rate};
}

/// Each branch has parameters of its own, and a minimum of its own; the deepest is 0.
std::vector<double> branches(const Values& v) {
  const std::string branch = v.word("branch");
  if (branch == "polynomial") {
    const double x = v.real("slope") - 1.7;
    return {0.6 + x * x * (1 + 0.05 * static_cast<double>(v.whole("degree")))};
  }
  if (branch == "wave") {
    const double x = v.real("phase") - 0.83, n = static_cast<double>(v.whole("period")) - 11;
    return {1.5 * (1 - std::cos(2 * pi * x)) + x * x + 0.02 * n * n};
  }
  return {0.9 + std::abs(v.real("level") - 3.1)};
}

}  // namespace

std::vector<ProblemEntry> mixed_problems() {
  std::vector<ProblemEntry> out;
  const char* by_design = "by construction";

  std::string space = "{";
  for (int i = 1; i <= 5; ++i) space += "\"x" + std::to_string(i) + "\": {\"real\": [-5.12, 5.12]}, ";
  for (int i = 1; i <= 5; ++i) space += "\"n" + std::to_string(i) + (i < 5 ? "\": {\"int\": [-10, 10]}, " : "\": {\"int\": [-10, 10]}}");
  out.push_back({single("mixed_rastrigin", "Rastrigin's function of 5 reals and 5 integers, shifted; optimum 0 (Muehlenbein et al., 1991)", space, 0,
                        by_design, true),
                 [](const Values& v) {
                   double f = 0;
                   for (std::size_t i = 0; i < real_place.size(); ++i) f += rastrigin(v.real("x" + std::to_string(i + 1)) - real_place[i]);
                   for (std::size_t i = 0; i < whole_place.size(); ++i) {
                     const auto d = static_cast<double>(v.whole("n" + std::to_string(i + 1)) - whole_place[i]);
                     // Whole numbers would not see the waves: their period is 4 here.
                     f += d * d / 4 + 5 * (1 - std::cos(pi * d / 2));
                   }
                   return std::vector<double>{f};
                 }});

  space = "{";
  for (int i = 1; i <= 3; ++i) space += "\"c" + std::to_string(i) + R"(": {"categorical": ["copper", "iron", "silver", "tin"]}, )";
  for (int i = 1; i <= 4; ++i) space += "\"x" + std::to_string(i) + (i < 4 ? "\": {\"real\": [-5, 5]}, " : "\": {\"real\": [-5, 5]}}");
  out.push_back({single("word_ackley", "Ackley's function of 4 reals whose place depends on the first of 3 categories; optimum 0 (after Ackley, 1987)", space,
                        0, by_design, true),
                 word_ackley});

  out.push_back({single("gear_train", "gear train, 4 whole numbers: ratio nearest to 1 / 6.931; optimum 2.700857e-12 (Sandgren, J. Mech. Des. 112, 1990)",
                        R"({"a": {"int": [12, 60]}, "b": {"int": [12, 60]}, "d": {"int": [12, 60]}, "e": {"int": [12, 60]}})", 2.7008571488865134e-12,
                        "all 49^4 points", true),
                 [](const Values& v) {
                   const auto w = [&](const char* name) { return static_cast<double>(v.whole(name)); };
                   const double miss = 1 / 6.931 - w("b") * w("d") / (w("a") * w("e"));
                   return std::vector<double>{miss * miss};
                 }});

  std::vector<std::string> limits;
  for (int i = 1; i <= 11; ++i) limits.push_back("g" + std::to_string(i));
  out.push_back({single("speed_reducer", "speed reducer, 6 reals and 1 integer, 11 constraints (Golinski, J. Mech. 5, 1970)",
                        R"({"face": {"real": [2.6, 3.6]}, "module": {"real": [0.7, 0.8]}, "teeth": {"int": [17, 28]}, "length1": {"real": [7.3, 8.3]},
                            "length2": {"real": [7.3, 8.3]}, "shaft1": {"real": [2.9, 3.9]}, "shaft2": {"real": [5, 5.5]}})",
                        2994.471066, "all numbers of teeth, reals by sequential quadratic programming from many starts", false, limits),
                 speed_reducer});

  limits.resize(8);
  out.push_back({single("coil_spring", "compression spring, wire from a list of 42, whole turns, coil diameter, 8 constraints (Sandgren, 1990)",
                        R"({"turns": {"int": [1, 70]}, "coil": {"real": [0.6, 3]}, "wire": {"ordinal": [0.009, 0.0095, 0.0104, 0.0118, 0.0128, 0.0132, 0.014,
                            0.015, 0.0162, 0.0173, 0.018, 0.02, 0.023, 0.025, 0.028, 0.032, 0.035, 0.041, 0.047, 0.054, 0.063, 0.072, 0.08, 0.092, 0.105,
                            0.12, 0.135, 0.148, 0.162, 0.177, 0.192, 0.207, 0.225, 0.244, 0.263, 0.283, 0.307, 0.331, 0.362, 0.394, 0.4375, 0.5]}})",
                        2.658559, "all wires and turns, coil diameter on its binding limit", true, limits),
                 coil_spring});

  out.push_back({single("branches", "three branches with parameters of their own (conditional); optimum 0",
                        R"({"branch": {"categorical": ["polynomial", "wave", "level"]},
                            "slope": {"real": [-4, 4], "active_if": {"branch": ["polynomial"]}}, "degree": {"int": [1, 9], "active_if": {"branch": ["polynomial"]}},
                            "phase": {"real": [-3, 3], "active_if": {"branch": ["wave"]}}, "period": {"int": [1, 16], "active_if": {"branch": ["wave"]}},
                            "level": {"real": [0, 4], "active_if": {"branch": ["level"]}}})",
                        0, by_design, true),
                 branches});
  return out;
}

}  // namespace gnomon::search
