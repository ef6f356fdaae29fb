#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/space.hpp"

namespace gnomon::arch {
namespace {

Expected<Space> read(const std::string& text, const Constants& constants = {}) {
  auto document = Document::parse(text, "c.json");
  if (!document) return fail(std::move(document.error()));
  return read_space(*document, "/space", "/rules", constants);
}
std::string error(const std::string& text) {
  auto space = read(text);
  return space ? "accepted" : space.error().text();
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const char* campaign = R"({"space": {
  "cores.npu.array.rows": {"int": [8, 128], "step": "pow2"},
  "cores.npu.array.cols": {"int": [4, 20], "step": 4},
  "cores.npu.array.dataflow": {"categorical": ["os", "ws", "is"]},
  "cores.npu.array.overlap": {"categorical": [false, true]},
  "cores.npu.levels.ifmap.kib": {"ordinal": [16, 32, 64.5]},
  "clock_mhz": {"real": [200, 1200], "log": true},
  "order": {"permutation": ["m", "n", "k"], "active_if": {"cores.npu.array.dataflow": ["ws", "is"], "cores.npu.array.overlap": [true]}}},
  "rules": ["cores.npu.array.rows * cores.npu.array.cols <= 1024", "cores.npu.array.dataflow != 'is' or not cores.npu.array.overlap"]})";

TEST(Space, ReadsEveryKind) {
  auto space = read(campaign);
  ASSERT_TRUE(space) << space.error().text();
  const auto& p = space->parameters();
  ASSERT_EQ(p.size(), 7u);
  EXPECT_EQ(p[0].values,
            (std::vector<Value>{std::int64_t{8}, std::int64_t{16}, std::int64_t{32}, std::int64_t{64}, std::int64_t{128}}));
  EXPECT_EQ(p[1].size(), 5u);
  EXPECT_TRUE(p[3].boolean);
  EXPECT_EQ(p[4].values[2], Value(64.5));
  EXPECT_TRUE(p[5].log);
  EXPECT_EQ(p[6].active_if.size(), 2u);
  EXPECT_EQ(space->index("clock_mhz"), 5u);
  EXPECT_FALSE(space->index("clock"));
  EXPECT_FALSE(space->cardinality());
}

TEST(Space, EveryFaultIsNamed) {
  const auto entry = [](const std::string& e) { return error(R"({"space": {"a": )" + e + R"(, "b": {"int": [1, 4]}}})"); };
  EXPECT_PRED2(has, entry("3"), "c.json: /space/a: found 3; allowed: an object");
  EXPECT_PRED2(has, entry(R"({"integer": [1, 2]})"), "/space/a: has no kind");
  EXPECT_PRED2(has, entry(R"({"catagorical": ["x"]})"), "did you mean \"categorical\"?");
  EXPECT_PRED2(has, entry(R"({"int": [1, 2], "real": [1, 2]})"), "has several kinds: int, real");
  EXPECT_PRED2(has, entry(R"({"int": [4, 1]})"), "/space/a/int: the lowest, 4, is above the highest, 1");
  EXPECT_PRED2(has, entry(R"({"int": [1.5, 3]})"), "/space/a/int: found [1.5,3]");
  EXPECT_PRED2(has, entry(R"({"int": [0, 9000000]})"), "lists 9000001 values");
  EXPECT_PRED2(has, entry(R"({"int": [1, 8], "step": 0})"), "/space/a/step: found 0");
  EXPECT_PRED2(has, entry(R"({"int": [5, 7], "step": "pow2"})"), "no power of two lies between 5 and 7");
  EXPECT_PRED2(has, entry(R"({"int": [1, 8], "stop": 2})"), "/space/a/stop: unknown key \"stop\"; did you mean \"step\"?");
  EXPECT_PRED2(has, entry(R"({"int": [1, 8], "log": true})"), "/space/a/log: unknown key \"log\"");
  EXPECT_PRED2(has, entry(R"({"real": [2, 2]})"), "/space/a/real: the lowest, 2, is not below the highest, 2");
  EXPECT_PRED2(has, entry(R"({"real": [0, 2], "log": true})"), "a logarithmic range begins above 0");
  EXPECT_PRED2(has, entry(R"({"real": [-1e308, 1e308]})"), "wider than a double");
  EXPECT_PRED2(has, entry(R"({"ordinal": []})"), "/space/a/ordinal: found []");
  EXPECT_PRED2(has, entry(R"({"ordinal": [1, 2, 1.0]})"), "/space/a/ordinal/2: 1.0 is listed twice");
  EXPECT_PRED2(has, entry(R"({"ordinal": [1, "x"]})"), "/space/a/ordinal/1: found \"x\" among values of another kind");
  EXPECT_PRED2(has, entry(R"({"ordinal": [true]})"), "/space/a/ordinal/0: found true");
  EXPECT_PRED2(has, entry(R"({"categorical": [[1]]})"), "/space/a/categorical/0: found [1]");
  EXPECT_PRED2(has, entry(R"({"permutation": ["x"]})"), "allowed: 2 to 16 values");
  EXPECT_PRED2(has, entry(R"({"int": [1, 2], "active_if": {"c": [1]}})"), "/space/a/active_if/c: unknown parameter \"c\"");
  EXPECT_PRED2(has, entry(R"({"int": [1, 2], "active_if": {"b": [7]}})"),
               "/space/a/active_if/b/0: found 7, which \"b\" never is; its values: 1, 2, 3, 4");
  EXPECT_PRED2(has, entry(R"({"int": [1, 2], "active_if": {"a": [1]}})"),
               "/space/a/active_if: the conditions of \"a\" lead back to itself");
  EXPECT_PRED2(has, entry(R"({"int": [1, 2], "active_if": {}})"), "/space/a/active_if: found {}");
  EXPECT_PRED2(has, error(R"({"space": {}})"), "/space: names no parameter");
  EXPECT_PRED2(has, error("{}"), "c.json: /space: is missing");
  EXPECT_PRED2(
      has, error(R"({"space": {"a": {"int": [1, 2], "active_if": {"b": [1]}}, "b": {"int": [1, 2], "active_if": {"a": [1]}}}})"),
      "lead back to itself");
  // All at once.
  const std::string both = error(R"({"space": {"a": {"int": [4, 1]}, "b": {"ordinal": []}}, "rules": [1]})");
  EXPECT_PRED2(has, both, "/space/a/int");
  EXPECT_PRED2(has, both, "/space/b/ordinal");
  EXPECT_PRED2(has, both, "/rules/0: found 1");
}

std::vector<Parameter> rule_parameters() {
  return read(
             R"({"space": {"a": {"int": [-9, 9]}, "b.c": {"int": [0, 9]}, "r": {"real": [0, 10]}, "w": {"categorical": ["os", "ws"]},
    "on": {"categorical": [false, true]}, "x-y": {"int": [0, 9]}, "p": {"permutation": [1, 2]}}})")
      ->parameters();
}
Point rule_point(std::int64_t a, std::int64_t bc, double r = 1.5, const std::string& w = "ws", const std::string& on = "true",
                 std::int64_t xy = 4) {
  return {Value(a), Value(bc), Value(r), Value(w), Value(on), Value(xy), Value(std::vector<std::int64_t>{0, 1})};
}
bool holds(const std::string& text, const Point& point, const Constants& constants = {}) {
  const auto parameters = rule_parameters();
  auto rule = Rule::parse(text, parameters, constants);
  EXPECT_TRUE(rule) << rule.error().text();
  return rule && rule->holds(parameters, point);
}

TEST(Rule, PrecedenceAndOperators) {
  EXPECT_TRUE(holds("a + b.c * 2 == 11", rule_point(5, 3)));
  EXPECT_TRUE(holds("(a + b.c) * 2 == 16", rule_point(5, 3)));
  EXPECT_TRUE(holds("a - b.c - 1 == 1", rule_point(5, 3)));  // from the left
  EXPECT_TRUE(holds("12 / 2 / 3 == 2", rule_point(0, 0)));
  EXPECT_TRUE(holds("-a == 5", rule_point(-5, 0)));
  EXPECT_TRUE(holds("--a == -5", rule_point(-5, 0)));
  EXPECT_TRUE(holds("a % 4 == 1", rule_point(9, 0)));
  EXPECT_TRUE(holds("a % 4 == -1", rule_point(-9, 0)));
  EXPECT_TRUE(holds("min(a, b.c, 2) == 2 and max(a, b.c, 2) == 7", rule_point(7, 3)));
  EXPECT_TRUE(holds("r >= 1.5 and r <= 1.5e0 and r != 2", rule_point(0, 0)));
  EXPECT_TRUE(holds("w == \"ws\" and w != 'os'", rule_point(0, 0)));
  EXPECT_TRUE(holds("on and not (a > 0)", rule_point(0, 0)));
  EXPECT_TRUE(holds("on == true", rule_point(0, 0)));
  EXPECT_FALSE(holds("not on", rule_point(0, 0)));
  // "and" binds tighter than "or", "not" tighter than both.
  EXPECT_TRUE(holds("a == 1 or a == 2 and b.c == 9", rule_point(1, 0)));
  EXPECT_TRUE(holds("not a == 1 or a == 1", rule_point(1, 0)));
  // A name with a dash is one name where it is known.
  EXPECT_TRUE(holds("x-y + 1 == 5", rule_point(0, 0)));
  EXPECT_TRUE(holds("a-1 == 2", rule_point(3, 0)));
}

// Whole numbers are exact to 2^53: an error of one is seen.
TEST(Rule, ExactWholeNumbers) {
  EXPECT_TRUE(holds("9007199254740991 + a == 9007199254740992", rule_point(1, 0)));
  EXPECT_FALSE(holds("9007199254740991 + a == 9007199254740991", rule_point(1, 0)));
}

TEST(Rule, DivisionByZeroDoesNotHold) {
  EXPECT_FALSE(holds("a / b.c < 100", rule_point(1, 0)));
  EXPECT_FALSE(holds("not (a / b.c < 100)", rule_point(1, 0)));
  EXPECT_FALSE(holds("a % b.c == 0", rule_point(1, 0)));
  EXPECT_TRUE(holds("b.c == 0 or a / b.c < 100", rule_point(1, 0)));  // decided before
}

TEST(Rule, InactiveParametersMakeItHold) {
  Point point = rule_point(5, 0);
  point[0].reset();
  EXPECT_TRUE(holds("a == 1 and b.c == 7", point));
}

TEST(Rule, ConstantsOfTheDesign) {
  EXPECT_TRUE(holds("a * cols <= 64", rule_point(2, 0), {{"cols", 32}}));
  EXPECT_FALSE(holds("a * cols <= 64", rule_point(3, 0), {{"cols", 32}}));
  EXPECT_TRUE(holds("a == 3", rule_point(3, 0), {{"a", 100}}));  // the parameter goes first
}

TEST(Rule, MessagesHaveThePlaceAndTheNearest) {
  const auto parameters = rule_parameters();
  const auto message = [&](const std::string& text) {
    auto rule = Rule::parse(text, parameters);
    return rule ? "accepted" : rule.error().text();
  };
  EXPECT_PRED2(has, message("a + b.d <= 3"), "rule \"a + b.d <= 3\", character 5: unknown name \"b.d\"; did you mean \"b.c\"?");
  EXPECT_PRED2(has, message("a +"), "character 4: ends where a number, a name or \"(\" is expected");
  EXPECT_PRED2(has, message("a + 1"), "is not a condition");
  EXPECT_PRED2(has, message("a"), "is not a condition");
  EXPECT_PRED2(has, message("(a < 1"), "character 7: \")\" is missing");
  EXPECT_PRED2(has, message("a < 1 b"), "character 7: found \"b\"; an operator or the end is expected");
  EXPECT_PRED2(has, message("a = 1"), "equality is written \"==\"");
  EXPECT_PRED2(has, message("1 < a < 3"), "comparisons cannot be chained");
  EXPECT_PRED2(has, message("w < 'ws'"), "only numbers are ordered");
  EXPECT_PRED2(has, message("w == 'wss'"), "unknown value of w \"wss\"; did you mean \"ws\"?");
  EXPECT_PRED2(has, message("w == 3"), "of different kinds");
  EXPECT_PRED2(has, message("w + 1 == 3"), "found a word; \"+\" takes numbers");
  EXPECT_PRED2(has, message("a and a < 3"), "character 1: found a number; \"and\" joins conditions");
  EXPECT_PRED2(has, message("not a"), "\"not\" takes a condition");
  EXPECT_PRED2(has, message("p == 1"), "\"p\" is a permutation");
  EXPECT_PRED2(has, message("w == 'ws"), "a quote is opened and never closed");
  EXPECT_PRED2(has, message("min(a < 3"), "\")\" or \",\" is expected");
  EXPECT_PRED2(has, message("a < 1.2.3"), "found \"1.2.3\"; a number is expected");
  EXPECT_PRED2(has, message("a < $"), "found \"$\"");
  EXPECT_PRED2(has, message(""), "character 1: ends where");
  EXPECT_PRED2(has, message(std::string(5000, '(')), "nested too deeply");
  EXPECT_PRED2(has, message(std::string(5000, '-') + "1 < 2"), "nested too deeply");
  std::string nots;
  for (int i = 0; i < 2000; ++i) nots += "not ";
  EXPECT_PRED2(has, message(nots + "on"), "nested too deeply");
}

TEST(Rule, RandomTextNeverCrashes) {
  constexpr std::uint64_t seed = 5;
  Random random(seed);
  const auto parameters = rule_parameters();
  const std::vector<std::string> parts{"a", "b.c", "w", "on", "x-y", "'ws'", "1",  "2.5", "+",    "-", "*", "/",
                                       "%", "(",   ")", "<",  "==",  "and",  "or", "not", "min(", ",", " ", "true"};
  int parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto n = random.integer(1, 9); n > 0; --n)
      text += parts[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(parts.size()) - 1))] + " ";
    auto rule = Rule::parse(text, parameters);
    if (!rule) continue;
    ++parsed;
    (void)rule->holds(parameters, rule_point(1, 0));
  }
  EXPECT_GT(parsed, 20) << "seed " << seed;
}

/// All points of a small space without reals.
std::vector<Point> all_points(const Space& space) {
  std::set<std::string> keys;
  std::vector<Point> out;
  std::vector<std::size_t> digit(space.parameters().size(), 0);
  for (;;) {
    Point point;
    for (std::size_t i = 0; i < digit.size(); ++i) point.push_back(space.parameters()[i].values[digit[i]]);
    space.normalize(point);
    if (space.rules_hold(point) && keys.insert(space.key(point)).second) out.push_back(point);
    std::size_t i = 0;
    while (i < digit.size() && ++digit[i] == space.parameters()[i].size()) digit[i++] = 0;
    if (i == digit.size()) return out;
  }
}

// Chi-square over the valid points: 60 draws expected at each.
TEST(Space, SamplesAreUniformOverValidPoints) {
  auto space = read(
      R"({"space": {"a": {"int": [1, 12]}, "b": {"ordinal": [1, 2, 5, 9]}, "c": {"categorical": ["x", "y"]}}, "rules": ["a * b <= 20", "c == 'x' or a > 2"]})");
  ASSERT_TRUE(space);
  const auto points = all_points(*space);
  std::map<std::string, int> hits;
  for (const Point& point : points) hits[space->key(point)] = 0;
  const int draws = 60 * static_cast<int>(points.size());
  constexpr std::uint64_t seed = 3;
  Random random(seed);
  for (int i = 0; i < draws; ++i) {
    auto point = space->sample(random);
    ASSERT_TRUE(point);
    ASSERT_TRUE(space->valid(*point));
    ASSERT_EQ(hits.count(space->key(*point)), 1u);
    ++hits[space->key(*point)];
  }
  double chi = 0;
  for (const auto& [key, n] : hits) chi += (n - 60.0) * (n - 60.0) / 60.0;
  const double freedom = static_cast<double>(points.size()) - 1;
  EXPECT_LT(chi, freedom + 5 * std::sqrt(2 * freedom)) << "seed " << seed;
  EXPECT_GT(chi, freedom - 5 * std::sqrt(2 * freedom)) << "seed " << seed;
}

TEST(Space, SampleGivesUpAndRepeats) {
  auto none = read(R"({"space": {"a": {"int": [1, 9]}}, "rules": ["a > 9"]})");
  Random random(1);
  EXPECT_FALSE(none->sample(random, 100));
  auto space = read(campaign);
  Random one(9), two(9);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(space->key(*space->sample(one)), space->key(*space->sample(two)));
}

TEST(Space, ConditionalsAppearExactlyWhenActive) {
  auto space = read(campaign);
  ASSERT_TRUE(space);
  Random random(2);
  int on = 0;
  for (int i = 0; i < 500; ++i) {
    const Point point = *space->sample(random);
    const bool expected = std::get<std::string>(*point[2]) == "ws" &&
                          std::get<std::string>(*point[3]) == "true";  // "is" with overlap breaks a rule
    EXPECT_EQ(point[6].has_value(), expected);
    on += expected ? 1 : 0;
    EXPECT_TRUE(space->valid(point));
    Point wrong = point;
    if (expected)
      wrong[6].reset();
    else
      wrong[6] = std::vector<std::int64_t>{0, 1, 2};
    EXPECT_FALSE(space->valid(wrong));
  }
  EXPECT_GT(on, 20);
  // A grandchild goes with its parent, in whatever order they are written.
  auto chain = read(
      R"({"space": {"c": {"int": [1, 2], "active_if": {"b": [1]}}, "b": {"int": [1, 2], "active_if": {"a": [1]}}, "a": {"int": [1, 2]}}})");
  Point point{Value(std::int64_t{1}), Value(std::int64_t{1}), Value(std::int64_t{2})};
  chain->normalize(point);
  EXPECT_FALSE(point[0] || point[1]);
}

TEST(Space, ValidChecksValues) {
  auto space = read(campaign);
  Random random(4);
  const Point point = *space->sample(random);
  const auto with = [&](std::size_t i, Value value) {
    Point other = point;
    other[i] = std::move(value);
    return space->valid(other);
  };
  EXPECT_FALSE(with(0, std::int64_t{9}));
  EXPECT_FALSE(with(2, std::string("rs")));
  EXPECT_FALSE(with(5, 1201.0));
  EXPECT_FALSE(with(5, std::nan("")));
  EXPECT_FALSE(space->valid({}));
}

TEST(Space, CodesAndJsonComeBack) {
  auto space = read(campaign);
  Random random(6);
  std::set<std::string> keys;
  for (int i = 0; i < 300; ++i) {
    const Point point = *space->sample(random);
    keys.insert(space->key(point));
    const auto code = space->encode(point);
    ASSERT_EQ(code.size(), 7u);
    for (const double x : code) ASSERT_TRUE(x >= 0 && x <= 1);
    const Point back = space->decode(code);
    for (std::size_t k = 0; k < point.size(); ++k) {
      if (k == 5) {
        EXPECT_NEAR(std::get<double>(*back[k]), std::get<double>(*point[k]), 1e-9);
      } else {
        EXPECT_EQ(back[k], point[k]);
      }
    }
    auto read_back = space->from_json(Document::wrap(space->to_json(point), "p"));
    ASSERT_TRUE(read_back) << read_back.error().text();
    EXPECT_EQ(*read_back, point);
  }
  EXPECT_EQ(keys.size(), 300u);  // a real parameter: all differ
  // Any code decodes to a point inside the space.
  for (int i = 0; i < 300; ++i) {
    std::vector<double> code;
    for (int k = 0; k < 7; ++k) code.push_back(random.uniform(-0.5, 1.5));
    if (i == 0) code[0] = std::nan("");
    const Point point = space->decode(code);
    const Space free(space->parameters(), {});
    EXPECT_TRUE(free.valid(point));
  }
}

TEST(Space, PermutationsAreCodedByRank) {
  auto space = read(R"({"space": {"p": {"permutation": [10, 20, 30, 40]}}})");
  EXPECT_EQ(space->cardinality(), 24);
  std::set<std::string> seen;
  for (int rank = 0; rank < 24; ++rank) {
    const Point point = space->decode({rank / 23.0});
    seen.insert(space->key(point));
    EXPECT_DOUBLE_EQ(space->encode(point)[0], rank / 23.0);
  }
  EXPECT_EQ(seen.size(), 24u);
  EXPECT_EQ(space->to_json(space->decode({1.0})).dump(), R"({"p":[40,30,20,10]})");
}

TEST(Space, FromJsonNamesEachFault) {
  auto space = read(campaign);
  const auto message = [&](const std::string& text) {
    auto point = space->from_json(*Document::parse(text, "p.json"));
    return point ? "accepted" : point.error().text();
  };
  EXPECT_PRED2(has, message(R"({"clock_mzh": 300})"),
               "p.json: /clock_mzh: unknown parameter \"clock_mzh\"; did you mean \"clock_mhz\"?");
  EXPECT_PRED2(has, message(R"({"clock_mhz": 100})"), "/clock_mhz: found 100; allowed: a number from 200 to 1200");
  EXPECT_PRED2(has, message(R"({"cores.npu.array.rows": 9})"), "found 9; allowed: 8, 16, 32, 64, 128");
  EXPECT_PRED2(has, message(R"({"cores.npu.array.overlap": "true"})"), "found \"true\"; allowed: false, true");
  EXPECT_PRED2(has, message(R"({"order": ["m", "m", "k"]})"), "an order of m, n, k");
  EXPECT_PRED2(has, message("{}"), "parameter \"clock_mhz\" is missing");
  EXPECT_PRED2(
      has,
      message(
          R"({"cores.npu.array.rows": 8, "cores.npu.array.cols": 8.0, "cores.npu.array.dataflow": "os", "cores.npu.array.overlap": true,
    "cores.npu.levels.ifmap.kib": 16, "clock_mhz": 300, "order": ["m", "n", "k"]})"),
      "p.json: /order: the parameter is inactive here");
}

TEST(Space, CardinalityCountsDiscreteSpaces) {
  EXPECT_EQ(read(R"({"space": {"a": {"int": [1, 10]}, "b": {"ordinal": [1, 2, 3]}}})")->cardinality(), 30);
  EXPECT_FALSE(read(R"({"space": {"a": {"real": [1, 10]}}})")->cardinality());
  EXPECT_FALSE(read(R"({"space": {"a": {"permutation": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}, "b": {"int": [1, 1000000]}}})")
                   ->cardinality());
}

TEST(Space, EmptySpacesAreRefusedWithTheRule) {
  const auto message = [](const std::string& text) {
    auto space = read(text);
    EXPECT_TRUE(space) << space.error().text();
    auto ok = check_not_empty(*space, "c.json");
    EXPECT_TRUE(ok || ok.error().kind() == ErrorKind::invalid_input);
    return ok ? "" : ok.error().text();
  };
  EXPECT_EQ(message(campaign), "");
  EXPECT_EQ(message(R"({"space": {"a": {"int": [1, 9]}}, "rules": ["a < 5", "a > 9"]})"),
            "c.json: /rules/1: the rule \"a > 9\" holds in none of the space's 9 points");
  EXPECT_EQ(message(R"({"space": {"a": {"int": [1, 9]}}, "rules": ["a < 5", "a > 5"]})"),
            "c.json: /rules: the rules hold together in none of the space's 9 points, though each holds somewhere");
  EXPECT_EQ(message(R"({"space": {"r": {"real": [0, 1]}}, "rules": ["r > 2"]})"),
            "c.json: /rules/0: the rule \"r > 2\" holds in none of 100000 random points");
  // A needle in a million points is found by enumeration.
  EXPECT_EQ(message(R"({"space": {"a": {"int": [1, 1000]}, "b": {"int": [1, 1000]}}, "rules": ["a == 1000 and b == 1000"]})"),
            "");
}

const char* design = R"({"version": 1, "clock_mhz": 800, "cores": [{"name": "npu", "array": {"rows": 8, "cols": 8},
  "levels": [{"name": "ifmap", "holds": ["ifmap"]}, {"name": "filter", "kib": 4}]}], "shared": [{"name": "l2", "kib": 1}], "memory": {"type": "ideal"}})";

TEST(Apply, PutsValuesWhereThePathLeads) {
  auto space = read(
      R"({"space": {"cores.npu.array.rows": {"int": [16, 16]}, "cores.npu.levels.ifmap.kib": {"ordinal": [64]}, "shared.l2.banks": {"int": [4, 4]},
    "cores.npu.array.overlap": {"categorical": [true]}, "cores.npu.vector.lanes": {"int": [8, 8]}, "interconnect.bytes_per_cycle": {"int": [3, 3]},
    "memory.bytes_per_cycle": {"int": [5, 5]}, "clock_mhz": {"real": [100, 200]}}})");
  ASSERT_TRUE(space) << space.error().text();
  Random random(1);
  const Point point = *space->sample(random);
  auto out = apply(Json::parse(design), *space, point, "d.json");
  ASSERT_TRUE(out) << out.error().text();
  const Json& core = (*out)["cores"][0];
  EXPECT_EQ(core["array"]["rows"], 16);
  EXPECT_EQ(core["array"]["overlap"], true);
  EXPECT_EQ(core["levels"][0]["kib"], 64);
  EXPECT_EQ(core["levels"][1]["kib"], 4);
  EXPECT_EQ(core["vector"]["lanes"], 8);
  EXPECT_EQ((*out)["shared"][0]["banks"], 4);
  EXPECT_EQ((*out)["interconnect"]["bytes_per_cycle"], 3);
  EXPECT_EQ((*out)["memory"]["bytes_per_cycle"], 5);
  EXPECT_EQ((*out)["clock_mhz"].get<double>(), std::get<double>(*point[7]));
}

TEST(Apply, PathsThatLeadNowhere) {
  const auto message = [](const std::string& path) {
    auto space = read(R"({"space": {")" + path + R"(": {"int": [1, 1]}}})");
    Random random(1);
    auto out = apply(Json::parse(design), *space, *space->sample(random), "d.json");
    return out ? "accepted" : out.error().text();
  };
  EXPECT_EQ(message("cores.npuu.array.rows"),
            "d.json: /cores: parameter \"cores.npuu.array.rows\" leads nowhere: unknown name \"npuu\"; did you mean \"npu\"? "
            "(allowed: npu)");
  EXPECT_PRED2(
      has, message("cores.npu.aray.rows"),
      "d.json: /cores/npu: parameter \"cores.npu.aray.rows\" leads nowhere: unknown name \"aray\"; did you mean \"array\"?");
  EXPECT_PRED2(has, message("core.npu.array.rows"), "did you mean \"cores\"?");
  EXPECT_PRED2(has, message("clock_mhz.x"), "a value ends the path before \"x\"");
  EXPECT_PRED2(has, message("cores.npu"), "names an entry of a list");
  EXPECT_PRED2(has, message("clock_mhz.x.y"), "a value ends the path before \"x\"");
}

TEST(Apply, ConstantsAreTheNumericFields) {
  const Constants constants = design_constants(Json::parse(design));
  EXPECT_EQ(constants, (Constants{{"version", 1},
                                  {"clock_mhz", 800},
                                  {"cores.npu.array.rows", 8},
                                  {"cores.npu.array.cols", 8},
                                  {"cores.npu.levels.filter.kib", 4},
                                  {"shared.l2.kib", 1}}));
  EXPECT_TRUE(read(
      R"({"space": {"cores.npu.array.rows": {"int": [1, 9]}}, "rules": ["cores.npu.array.rows * cores.npu.array.cols <= 64"]})",
      constants));
}

}  // namespace
}  // namespace gnomon::arch
