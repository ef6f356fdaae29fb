// Complete designs of several cores. Truths: the SystemC model, in whose cycles every work step must begin and end; the integer interpreter for all outputs; RTL that
// begins too early is found.
#include <gtest/gtest.h>

#include <cstdio>

#include "design/cores_job.hpp"
#include "design/shape.hpp"
#include "design_case.hpp"
#include "gnomon/arch/lowering.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/sim/result.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

Json core(const std::string& name, const std::string& flow, std::int64_t rows, std::int64_t cols, bool overlap, std::int64_t rate, std::int64_t lanes) {
  Json out = Json::parse(R"({"array": {"precision": "int8", "accumulator_bits": 32}, "levels": []})");
  out["name"] = name;
  out["array"]["dataflow"] = flow;
  out["array"]["rows"] = rows;
  out["array"]["cols"] = cols;
  out["array"]["overlap"] = overlap;
  for (const char* operand : {"ifmap", "filter", "ofmap"}) out["levels"].push_back(Json{{"name", operand}, {"holds", {operand}}, {"kib", 4}, {"banks", 2}, {"bytes_per_cycle", rate}});
  if (lanes > 0) out["vector"]["lanes"] = lanes;
  return out;
}

arch::Design cores(const std::vector<Json>& list, std::int64_t bus, const std::string& memory, std::int64_t rate = 4, std::int64_t latency = 5,
                   const std::function<void(Json&)>& changes = {}) {
  return design("os", false, [&](Json& json) {
    json["cores"] = list;
    json["interconnect"]["bytes_per_cycle"] = bus;
    if (memory == "ideal") json["memory"] = Json{{"type", memory}, {"bytes_per_cycle", rate}, {"latency_cycles", latency}};
    else json["memory"] = Json{{"type", memory}, {"channels", 1}};
    if (changes) changes(json);
  });
}

/// Every array step on the core that `choose` gives for it, mapped as if that core were alone.
arch::Mapping spread(const arch::Design& made, const workloads::Graph& graph, const std::function<std::size_t(std::size_t)>& choose) {
  arch::Mapping out;
  auto lowered = arch::lower(graph, sim::lowering_core(made));
  EXPECT_TRUE(lowered) << lowered.error().text();
  if (!lowered) return out;
  std::vector<arch::Mapping> alone;
  for (std::size_t c = 0; c < made.cores.size(); ++c) {
    arch::Design one = core_alone(made, c);
    one.cores[0].vector_lanes = std::max<std::int64_t>(1, one.cores[0].vector_lanes);  // vector steps go elsewhere
    auto mapped = sim::map(one, graph, *lowered);
    EXPECT_TRUE(mapped) << mapped.error().text();
    if (!mapped) return out;
    alone.push_back(std::move(*mapped));
  }
  for (std::size_t s = 0; s < alone[0].steps.size(); ++s) out.steps.push_back(alone[choose(s)].steps[s]);
  return out;
}

/// Products, additions and rectifiers, each of what came before: chains that run side by side, part and meet.
std::shared_ptr<const workloads::Graph> branches(Random& random, std::int64_t count) {
  Json json = Json::parse(R"({"version": 1, "name": "branches", "tensors": [], "operators": []})");
  const std::int64_t rows = random.integer(1, 24);
  std::vector<std::int64_t> columns;
  const auto tensor = [&](const std::string& name, const std::vector<std::int64_t>& shape, bool constant) {
    json["tensors"].push_back(Json{{"name", name}, {"shape", shape}});
    if (constant) json["tensors"].back()["constant"] = true;
  };
  const auto data = [&](std::int64_t wide) {
    columns.push_back(wide);
    tensor("t" + std::to_string(columns.size() - 1), {1, rows, wide}, false);
  };
  data(random.integer(1, 40));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto one = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(columns.size()) - 1));
    const std::string n = "s" + std::to_string(i), from = "t" + std::to_string(one), to = "t" + std::to_string(columns.size());
    std::vector<std::string> alike;
    for (std::size_t t = 0; t < columns.size(); ++t)
      if (t != one && columns[t] == columns[one]) alike.push_back("t" + std::to_string(t));
    if (!alike.empty() && random.chance(0.6)) {
      json["operators"].push_back(Json{{"name", n}, {"op", "elementwise"}, {"type", "Add"}, {"inputs", {from, random.pick<std::string>(alike)}}, {"outputs", {to}}});
      data(columns[one]);
      continue;
    }
    const std::int64_t wide = random.chance(0.5) ? columns[one] : random.integer(1, 40);
    tensor(n + ".w", {1, columns[one], wide}, true);
    json["operators"].push_back(Json{{"name", n}, {"op", "matmul"}, {"type", "MatMul"}, {"inputs", {from, n + ".w"}}, {"outputs", {to}}});
    data(wide);
  }
  auto graph = workloads::parse(json.dump(), "json", "branches.json");
  EXPECT_TRUE(graph) << graph.error().text() << json.dump();
  return graph ? *graph : nullptr;
}

/// Operands that work steps keep in shared levels.
std::int64_t kept_in_shared(const arch::Design& made, const arch::Mapping& mapping) {
  std::int64_t out = 0;
  for (const arch::StepMapping& step : mapping.steps)
    for (const arch::LevelLoops& entry : step.levels)
      if (std::any_of(made.shared.begin(), made.shared.end(), [&](const arch::Level& level) { return level.name == entry.level; }))
        out += std::count(std::begin(entry.keeps), std::end(entry.keeps), true);
  return out;
}

struct Compared {
  std::int64_t steps = 0, at_once = 0;  ///< at_once: steps that run while one of another core does
  bool refused = false;                 ///< a pooling
};

Compared compare(const arch::Design& made, const workloads::Graph& graph, const arch::Mapping& mapping, double stall, std::uint64_t seed) {
  CosimOptions o = options();
  o.stall = stall;
  o.seed = seed;
  auto run = cosimulate_design({made, graph, mapping, o, {}, {}});
  Compared out;
  out.refused = !run && run.error().text().find("a device's transfers are not cut") != std::string::npos;
  if (out.refused) return out;
  EXPECT_TRUE(run) << run.error().text();
  if (!run) return out;
  EXPECT_GT(run->outputs, 0);
  EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->tensor << "[" << run->first_mismatch->element << "]: " << run->first_mismatch->expected << ", got " << run->first_mismatch->got;
  for (const DesignStep& step : run->steps) {
    if (stall == 0) {
      EXPECT_EQ(step.start_cycle, step.model_start_cycle) << step.label << " on core " << step.core;
      EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label << " on core " << step.core;
    }
    ++out.steps;
    out.at_once += std::any_of(run->steps.begin(), run->steps.end(), [&](const DesignStep& other) {
      return other.core != step.core && other.start_cycle < step.start_cycle + step.latency_cycles && step.start_cycle < other.start_cycle + other.latency_cycles;
    });
  }
  if (stall > 0) {
    EXPECT_GT(run->stalls_injected, 0);
  }
  return out;
}

// The shipped designs of two cores at a DRAM device.
TEST(Cores, PairsRunLenet) {
  for (const char* name : {"pair.json", "pair-l2.json"}) {
    SCOPED_TRACE(name);
    const auto made = arch::load_design((std::filesystem::path(GNOMON_SOURCE_DIR) / "examples/designs" / name).string());
    ASSERT_TRUE(made) << made.error().text();
    const auto lenet = workload("examples/workloads/lenet5.json");
    EXPECT_EQ(compare(*made, *lenet, {}, 0, 1).steps, 7);
    compare(*made, *lenet, spread(*made, *lenet, [](std::size_t step) { return step % 2; }), 0, 1);
  }
}

/// Two or three of six cores, at an ideal memory or a device, with up to two shared levels.
arch::Design drawn(Random& random, std::string& memory, std::int64_t shared = 0) {
  const std::vector<Json> all{core("a", "os", 4, 4, true, 8, 4), core("b", "ws", 4, 6, true, 4, 0), core("c", "is", 3, 4, false, 8, 2),
                              core("d", "ws", 2, 8, false, 4, 4), core("e", "os", 5, 3, false, 8, 1), core("f", "is", 4, 4, true, 4, 3)};
  std::vector<Json> list;
  for (std::int64_t i = random.integer(2, 3); i > 0; --i) {
    list.push_back(all[static_cast<std::size_t>(random.integer(0, 5))]);
    list.back()["name"] = "core" + std::to_string(list.size());
  }
  list[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(list.size()) - 1))]["vector"]["lanes"] = 4;
  memory = random.chance(0.6) ? "ideal" : random.pick<std::string>({"ddr4-2400", "hbm2-2000", "lpddr4-3200"});
  const auto rate = random.pick<std::int64_t>({4, 8}), latency = random.pick<std::int64_t>({0, 1, 7, 40});
  return cores(list, shared > 0 ? random.pick<std::int64_t>({2, 4, 8}) : 8, memory, rate, latency, [&](Json& json) {
    for (std::int64_t s = 0; s < shared; ++s) {
      Json level{{"name", "shared" + std::to_string(s)}, {"kib", random.pick<std::int64_t>({12, 24, 48}) * (s + 1)}, {"bytes_per_cycle", random.pick<std::int64_t>({2, 4, 8})}, {"double_buffered", random.chance(0.5)}};
      level["holds"] = random.chance(0.5) ? Json{"ifmap", "filter", "ofmap"} : random.pick<Json>({Json{"filter", "ofmap"}, Json{"ifmap", "filter"}, Json{"ifmap", "ofmap"}});
      json["shared"].push_back(level);
    }
    if (shared > 0)  // small ones, which are filled again and again
      for (Json& core : json["cores"])
        for (Json& level : core["levels"]) level["kib"] = random.pick<double>({0.5, 1, 4});
  });
}

// Five designs, two workloads each; GNOMON_LONG=1: 60 designs of 4 workloads each.
TEST(Cores, RandomDesignsAndNetworks) {
  const std::uint64_t wanted = long_run() ? 60 : 5, networks = long_run() ? 4 : 2;
  Compared all;
  std::int64_t runs = 0, devices = 0, refused = 0;
  const std::vector<std::shared_ptr<const workloads::Graph>> known{workload("tests/hls/workloads/residual_block.json"), workload("tests/hls/workloads/strided_block.json"),
                                                                   products("a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,20,30\ne,12,12,12\n"), workload("examples/workloads/lenet5.json")};
  for (std::uint64_t seed = 1; seed <= wanted; ++seed) {
    Random random(derive(seed, "cores"));
    std::string memory;
    const arch::Design made = drawn(random, memory);
    for (std::uint64_t n = 0; n < networks; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", workload " + std::to_string(n) + ", " + memory + ", " + std::to_string(made.cores.size()) + " cores");
      const auto graph = n % 2 == 0 ? branches(random, random.integer(4, 12)) : known[static_cast<std::size_t>(random.integer(0, 3))];
      ASSERT_TRUE(graph);
      const arch::Mapping mapping = spread(made, *graph, [&](std::size_t) { return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(made.cores.size()) - 1)); });
      if (testing::Test::HasFailure()) return;
      const Compared one = compare(made, *graph, mapping, 0, seed);
      if (testing::Test::HasFailure()) return;
      refused += one.refused;
      if (one.refused) continue;
      all.steps += one.steps;
      all.at_once += one.at_once;
      ++runs;
      devices += memory == "ideal" ? 0 : 1;
      if ((seed + n) % 3 == 0) compare(made, *graph, mapping, 0.3, seed);
      if (testing::Test::HasFailure()) return;
    }
  }
  std::printf("%lld runs (%lld at a DRAM device), %lld work steps, %lld of them while another core had one: no difference; %lld runs refused\n", static_cast<long long>(runs), static_cast<long long>(devices),
              static_cast<long long>(all.steps), static_cast<long long>(all.at_once), static_cast<long long>(refused));
  EXPECT_GT(all.at_once, all.steps / 8);
}

/// Two products in a row, each on a core of its own.
struct Row {
  arch::Design made = cores({core("a", "os", 4, 4, true, 8, 4), core("b", "ws", 4, 6, true, 4, 0)}, 8, "ideal");
  std::shared_ptr<const workloads::Graph> graph = [] {
    auto parsed = workloads::parse(R"({"version": 1, "name": "row", "tensors": [{"name": "x", "shape": [1, 20, 9]}, {"name": "w1", "shape": [1, 9, 12], "constant": true},
        {"name": "y", "shape": [1, 20, 12]}, {"name": "w2", "shape": [1, 12, 7], "constant": true}, {"name": "z", "shape": [1, 20, 7]}],
        "operators": [{"name": "one", "op": "matmul", "type": "MatMul", "inputs": ["x", "w1"], "outputs": ["y"]}, {"name": "two", "op": "matmul", "type": "MatMul", "inputs": ["y", "w2"], "outputs": ["z"]}]})", "json", "row.json");
    EXPECT_TRUE(parsed) << parsed.error().text();
    return *parsed;
  }();
  arch::Mapping mapping = spread(made, *graph, [](std::size_t step) { return step; });
  std::vector<Rtl> rtl{*emit_core(made, 0), *emit_core(made, 1)};

  Expected<DesignCosim> run() const { return cosimulate_design({made, *graph, mapping, options(), {}, rtl}); }
};

// A unit that moves words over the bus without having it shows in a cycle, a word or a refusal.
TEST(Cores, BusWithoutGrantIsFound) {
  const Json level{{"name", "buffer"}, {"kib", 32}, {"bytes_per_cycle", 4}, {"holds", {"ifmap", "ofmap"}}};  // filters go past it, so that both units use the bus
  const arch::Design made = cores({core("a", "os", 4, 4, true, 8, 4), core("b", "ws", 4, 6, true, 4, 0)}, 4, "ideal", 4, 5, [&](Json& json) {
    json["shared"] = Json::array({level});
    for (Json& one : json["cores"])
      for (Json& own : one["levels"]) own["kib"] = 0.5;
  });
  const auto graph = products("a,25,17,29\nb,23,16,70\n");
  const arch::Mapping mapping = spread(made, *graph, [](std::size_t step) { return step; });
  ASSERT_EQ(kept_in_shared(made, mapping), 4);
  const std::vector<Rtl> sound{*emit_core(made, 0, {.nested = true}), *emit_core(made, 1, {.nested = true})};
  auto run = cosimulate_design({made, *graph, mapping, options(), {}, sound});
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_TRUE(run->outputs_match());
  for (const DesignStep& step : run->steps) EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
  const std::pair<const char*, const char*> mutations[] = {{".rd_ready(link1_grant)", ".rd_ready(1'b1)"}, {"!started && !released", "!started && released"}};
  for (const auto& [from, to] : mutations) {
    SCOPED_TRACE(from);
    std::vector<Rtl> broken = sound;
    broken[1] = mutate(sound[1], from, to);
    ASSERT_FALSE(broken[1].text.empty()) << "not in the text";
    auto wrong = cosimulate_design({made, *graph, mapping, options(), {}, broken});
    EXPECT_TRUE(!wrong || wrong->mismatches > 0 || std::any_of(wrong->steps.begin(), wrong->steps.end(), [](const DesignStep& step) { return step.latency_cycles != step.model_latency_cycles; }));
  }
}

// One or two shared levels between the cores and the memory: an ideal memory's link, the bus, and that between the shared levels are had by one core at a time.
// Four designs; GNOMON_LONG=1: 60.
TEST(Cores, RandomDesignsWithSharedLevels) {
  const std::uint64_t wanted = long_run() ? 60 : 4, networks = long_run() ? 4 : 2;
  Compared all;
  std::int64_t runs = 0, devices = 0, refused = 0, kept = 0, two = 0;
  const std::vector<std::shared_ptr<const workloads::Graph>> known{workload("tests/hls/workloads/residual_block.json"), products("a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,20,30\ne,12,12,12\n"),
                                                                   workload("examples/workloads/lenet5.json")};
  for (std::uint64_t seed = 1; seed <= wanted; ++seed) {
    Random random(derive(seed, "cores and shared levels"));
    std::string memory;
    const arch::Design made = drawn(random, memory, random.integer(1, 2));
    for (std::uint64_t n = 0; n < networks; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", workload " + std::to_string(n) + ", " + memory + ", " + std::to_string(made.cores.size()) + " cores, " + std::to_string(made.shared.size()) + " shared levels");
      const auto graph = n % 2 == 0 ? branches(random, random.integer(4, 12)) : known[static_cast<std::size_t>(random.integer(0, 2))];
      ASSERT_TRUE(graph);
      const arch::Mapping mapping = spread(made, *graph, [&](std::size_t) { return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(made.cores.size()) - 1)); });
      if (testing::Test::HasFailure()) return;
      const Compared one = compare(made, *graph, mapping, 0, seed);
      if (testing::Test::HasFailure()) return;
      refused += one.refused;
      if (one.refused) continue;
      all.steps += one.steps;
      all.at_once += one.at_once;
      kept += kept_in_shared(made, mapping);
      ++runs;
      devices += memory == "ideal" ? 0 : 1;
      two += made.shared.size() > 1 ? 1 : 0;
      if ((seed + n) % 3 == 0) compare(made, *graph, mapping, 0.3, seed);
      if (testing::Test::HasFailure()) return;
    }
  }
  std::printf("%lld runs (%lld at a DRAM device, %lld with two shared levels), %lld work steps, %lld of them while another core had one, %lld operands kept in shared levels: no difference; %lld runs refused\n",
              static_cast<long long>(runs), static_cast<long long>(devices), static_cast<long long>(two), static_cast<long long>(all.steps), static_cast<long long>(all.at_once), static_cast<long long>(kept),
              static_cast<long long>(refused));
  EXPECT_GT(all.at_once, all.steps / 8);
  EXPECT_GT(kept, all.steps / 3);
}

TEST(Cores, BeginsTooEarlyIsFound) {
  Row row;
  auto sound = row.run();
  ASSERT_TRUE(sound) << sound.error().text();
  EXPECT_TRUE(sound->outputs_match());
  EXPECT_EQ(sound->cycle_difference, 0);
  EXPECT_EQ(sound->steps[1].start_cycle, sound->steps[0].start_cycle + sound->steps[0].latency_cycles);
  // The second core's transfers do not wait until the first one's step has ended.
  row.rtl[1] = mutate(row.rtl[1], "may = run && rq_ready", "may = (run || q_words != 32'd0) && rq_ready");
  auto broken = row.run();
  ASSERT_TRUE(broken) << broken.error().text();
  EXPECT_GT(broken->mismatches, 0);
  EXPECT_NE(broken->steps[1].latency_cycles, broken->steps[1].model_latency_cycles);
}

TEST(Cores, StandstillNamesCoresAndWhatTheyWaitFor) {
  Row row;
  row.rtl[0] = mutate(row.rtl[0], "done3 <= done3 + {25'd0, more3};", "done3 <= done3;");
  auto run = row.run();
  ASSERT_FALSE(run);
  const std::string text = run.error().text();
  EXPECT_NE(text.find("core \"a\": nothing has moved"), std::string::npos) << text;
  EXPECT_NE(text.find("core \"b\": nothing has moved"), std::string::npos) << text;
  EXPECT_NE(text.find("which waits for the end of \"one\""), std::string::npos) << text;
  EXPECT_NE(text.find("in core \"a\": transfer unit"), std::string::npos) << text;
}

TEST(Cores, WhatHasNoRtlIsRefusedByName) {
  Row row;
  const auto refused = [&](const std::function<void(Json&)>& change, const std::string& field) {
    const arch::Design made = design("os", false, [&](Json& json) {
      json["cores"] = {core("a", "os", 4, 4, true, 8, 4), core("b", "ws", 4, 6, true, 4, 0)};
      change(json);
    });
    auto run = cosimulate_design({made, *row.graph, {}, options(), {}, {}});
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind(), ErrorKind::unsupported);
    EXPECT_NE(run.error().text().find(field), std::string::npos) << run.error().text();
  };
  refused([](Json& json) { json["cores"][1]["array"]["precision"] = "int16"; }, "/cores/1/array/precision");
  refused([](Json& json) { json["cores"][1]["array"]["accumulator_bits"] = 24; }, "/cores/1/array/accumulator_bits");
  refused([](Json& json) { json["cores"][1]["vector"]["lanes"] = 300; }, "/cores/1/vector/lanes");
}

TEST(Cores, RtlIsCleanForLint) {
  const Row row;
  for (const Rtl& rtl : row.rtl) expect_lint_clean(rtl, test_cache() / "lint");
}

}  // namespace
}  // namespace gnomon::hls
