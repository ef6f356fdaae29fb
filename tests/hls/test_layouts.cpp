// Complete designs whose mappings lay operands out so that words of a step share banks. Truths: the SystemC model, in whose cycles every work step must end; the
// integer interpreter for all outputs; broken RTL is found.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "design/shape.hpp"
#include "drawn_case.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

/// Cycles of all steps in the model.
std::int64_t model_cycles_of(const arch::Design& made, const workloads::Graph& graph, const arch::Mapping& mapping) {
  auto lowered = arch::lower(graph, sim::lowering_core(made));
  EXPECT_TRUE(lowered);
  auto plan = sim::plan(made, graph, *lowered, mapping, "mapping");
  EXPECT_TRUE(plan) << plan.error().text();
  auto run = sim::run_cycle_model(made, sim::cycle_steps(*plan));
  EXPECT_TRUE(run) << run.error().text();
  std::int64_t cycles = 0;
  for (const sim::StepResult& step : run->steps) cycles += step.latency_cycles;
  return cycles;
}

arch::Mapping streamed(arch::Mapping mapping) {
  for (arch::StepMapping& step : mapping.steps)
    for (arch::Layout& layout : step.layout) layout = arch::Layout::streamed;
  return mapping;
}

// Three flows, with and without overlap, one to three levels with any operands, slots, ports and banks, any mapping of loops and folds, a layout of its own for at
// least one operand of every step; four work steps a design. GNOMON_LONG=1: 120 designs.
TEST(Layouts, RandomDesignsAndMappings) {
  const std::uint64_t wanted = long_run() ? 120 : 12;
  std::uint64_t designs = 0;
  std::int64_t steps = 0, bound = 0, refused = 0;
  for (std::uint64_t seed = 1; designs < wanted; ++seed) {
    Random random(derive(seed, "layouts"));
    sim::testing::CaseOptions wish;
    wish.largest_shared = 0;
    wish.largest_extent = 16;
    wish.steps = 4;
    sim::testing::RandomCase drawn = sim::testing::random_case(random, wish);
    arch::Array& array = drawn.design.cores[0].array;
    if (!has_design_rtl(drawn)) continue;
    if (static_cast<std::uint64_t>(array.dataflow) * 2 + (array.overlap ? 1 : 0) != designs % 6) continue;
    for (auto& step : drawn.steps)
      for (std::int64_t first = random.integer(0, 2), o = 0; o < 3; ++o)
        if (o == first || random.chance(0.5)) step.mapping.layout[o] = random.pick<arch::Layout>({arch::Layout::row_major, arch::Layout::col_major});
        else step.mapping.layout[o] = arch::Layout::streamed;
    const std::string memory = random.chance(0.8) ? "ideal" : "ddr4-2400";
    const arch::Design made = design_of(drawn, memory);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + memory + "\n" + drawn.text());
    const auto graph = workload_of(drawn);
    ASSERT_TRUE(graph);
    const arch::Mapping mapping = mapping_of(drawn, made, *graph, true);
    CosimOptions o = options();
    o.seed = seed;
    o.stall = designs % 6 == 5 && designs > 6 ? 0.3 : 0;
    auto run = cosimulate_design({made, *graph, mapping, o, {}});
    if (!run && refuses_tile(run.error().text())) {
      ++refused;
      continue;
    }
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->mismatches, 0);
    std::int64_t cycles = 0;
    for (const DesignStep& step : run->steps) {
      cycles += step.model_latency_cycles;
      if (o.stall == 0) {
        EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
      }
    }
    if (testing::Test::HasFailure()) return;
    ++designs;
    steps += static_cast<std::int64_t>(run->steps.size());
    bound += cycles > model_cycles_of(made, *graph, streamed(mapping)) ? 1 : 0;
  }
  EXPECT_GT(bound, static_cast<std::int64_t>(wanted) / 3);
  std::printf("%llu designs, %lld steps, %lld of the designs slower than with streamed words; %lld refused\n", static_cast<unsigned long long>(designs), static_cast<long long>(steps),
              static_cast<long long>(bound), static_cast<long long>(refused));
}

/// What the mapper chooses for each core alone, with one step on each in turn, and this layout for every operand.
arch::Mapping mapped(const arch::Design& made, const workloads::Graph& graph, arch::Layout layout) {
  auto lowered = arch::lower(graph, sim::lowering_core(made));
  EXPECT_TRUE(lowered);
  arch::Mapping out;
  for (std::size_t c = 0; c < made.cores.size(); ++c) {
    auto alone = sim::map(core_alone(made, c), graph, *lowered);
    EXPECT_TRUE(alone) << alone.error().text();
    out.steps.resize(alone->steps.size());
    for (std::size_t s = c; s < out.steps.size(); s += made.cores.size()) out.steps[s] = alone->steps[s];
  }
  for (arch::StepMapping& step : out.steps)
    for (arch::Layout& one : step.layout) one = layout;
  return out;
}

arch::Design few_banks(const std::string& flow, std::int64_t banks, const std::function<void(Json&)>& changes = {}) {
  return design(flow, true, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) {
      level["kib"] = 1;
      level["banks"] = banks;
      level["bytes_per_cycle"] = 9;
    }
    if (changes) changes(json);
  });
}

// Two cores, each with banks of its own, behind a shared level or not.
TEST(Layouts, OnSeveralCores) {
  const auto graph = products("a,13,6,70\nb,17,20,30\nc,9,11,12\n");
  for (const bool shared : {false, true}) {
    if (shared && !long_run()) continue;
    const arch::Design made = few_banks("ws", 3, [&](Json& json) {
      json["cores"].push_back(json["cores"][0]);
      json["cores"][1]["name"] = "other";
      json["cores"][1]["array"]["dataflow"] = "os";
      for (Json& level : json["cores"][1]["levels"]) level["banks"] = 2;
      if (shared) json["shared"] = Json::parse(R"([{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": 16, "bytes_per_cycle": 8}])");
    });
    const arch::Mapping mapping = mapped(made, *graph, arch::Layout::row_major);
    auto run = cosimulate_design({made, *graph, mapping, options(), {}});
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->mismatches, 0);
    std::set<std::string> used;
    std::int64_t cycles = 0;
    for (const DesignStep& step : run->steps) {
      EXPECT_EQ(step.start_cycle, step.model_start_cycle) << step.label;
      EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
      used.insert(step.core);
      cycles += step.model_latency_cycles;
    }
    EXPECT_EQ(used.size(), 2u);
    EXPECT_GT(cycles, model_cycles_of(made, *graph, streamed(mapping)));
  }
}

// A change in what counts turns shows in cycles; so does another number of banks in RTL and design.
TEST(Layouts, BrokenTurnsAreFound) {
  const auto graph = products("a,13,6,70\nb,17,20,30\n");
  const arch::Design made = few_banks("ws", 3);  // words of three bytes
  const arch::Mapping mapping = mapped(made, *graph, arch::Layout::col_major);
  const Rtl sound = *emit_design(made, {.banked = true});
  Rtl two_banks = sound;
  const std::size_t meter = sound.text.find("_meter (\n");
  for (std::size_t at = meter; (at = two_banks.text.find("3'd3)", at)) < two_banks.text.find("endmodule", meter);) two_banks.text.replace(at, 5, "3'd2)");
  EXPECT_NE(two_banks.text, sound.text);
  std::vector<std::pair<std::string, Rtl>> broken{{"two banks", two_banks}};
  const std::pair<const char*, const char*> mutations[] = {{"if (over_bank) bank = bank - banks;", ""},
                                                           {"> turn) reads1_over", "> turn + 1) reads1_over"},
                                                           {"if (over_word) low = low - word_bits;", ""},
                                                           {"col_started <= !col_last;", "col_started <= 1'b1;"},
                                                           {"{row_tag, row_banked, row_by_lane, row_from}", "{row_tag, row_banked, row_by_beat, row_from}"},
                                                           {"moved(result_from, result_by_beat,", "moved(result_from, result_by_lane,"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i)
    if (i < 1 || long_run()) broken.push_back({mutations[i].first, mutate(sound, mutations[i].first, mutations[i].second)});  // each is a build of its own
  DesignRequest request{made, *graph, mapping, options(), {}};
  auto run = cosimulate_design(request);
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->cycle_difference, 0);
  EXPECT_GT(run->model_cycles, model_cycles_of(made, *graph, streamed(mapping)));
  for (const auto& [name, rtl] : broken) {
    SCOPED_TRACE(name);
    ASSERT_FALSE(rtl.text.empty()) << "not in the text";
    request.rtl = rtl;
    run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->cycle_difference != 0);
  }
}

// A row of partial sums takes more cycles for its bytes than there are words to take turns.
TEST(Layouts, BytesMayTakeLongerThanTurns) {
  const auto graph = products("a,13,8,2\n");
  const arch::Design made = few_banks("ws", 1, [](Json& json) {
    json["cores"][0]["array"].update(Json{{"rows", 1}, {"cols", 3}});
    for (Json& level : json["cores"][0]["levels"]) level["bytes_per_cycle"] = 1;
  });
  DesignRequest request{made, *graph, mapped(made, *graph, arch::Layout::col_major), options(), {}};
  auto run = cosimulate_design(request);
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->mismatches, 0);
  EXPECT_EQ(run->cycle_difference, 0);
  request.rtl = mutate(*emit_design(made, {.banked = true}), ") turn <= turn +", " || 1'b1) turn <= turn +");  // a count that overflows
  ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
  run = cosimulate_design(request);
  EXPECT_TRUE(!run || run->cycle_difference != 0);
}

// Banks' words so wide that the last word of a tile and the first one of the next have the same place: they are two words.
TEST(Layouts, TilesInUseTogetherHaveWordsOfTheirOwn) {
  const auto graph = products("a,13,6,70\nb,17,20,30\n");
  const arch::Design made = few_banks("ws", 2, [](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level.update(Json{{"kib", 0.0625}, {"bytes_per_cycle", 64}});
  });
  DesignRequest request{made, *graph, mapped(made, *graph, arch::Layout::col_major), options(), {}};
  auto run = cosimulate_design(request);
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->mismatches, 0);
  EXPECT_EQ(run->cycle_difference, 0);
  request.rtl = mutate(*emit_design(made, {.banked = true}), "{row_tag, row_banked,", "{1'b0, row_banked,");
  ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
  run = cosimulate_design(request);
  EXPECT_TRUE(!run || run->cycle_difference != 0);
}

// Streamed words need none of it.
TEST(Layouts, OnlyWhereTheyAreNeeded) {
  const arch::Design made = few_banks("os", 2);
  EXPECT_EQ(emit_design(made)->text.find("turn"), std::string::npos);
  EXPECT_NE(emit_design(made, {.banked = true})->text.find("turn"), std::string::npos);
}

TEST(Layouts, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "layouts";
  int banks = 1;
  for (const char* flow : flows)
    for (const bool overlap : {false, true}) {
      if (overlap != (flow == flows[1]) && !long_run()) continue;
      SCOPED_TRACE(flow);
      const arch::Design made = few_banks(flow, banks++, [&](Json& json) {
        Json& core = json["cores"][0];
        core["array"].update(Json{{"rows", 2}, {"cols", overlap ? 3 : 1}, {"overlap", overlap}});
        core["vector"]["lanes"] = 1;
        for (Json& level : core["levels"]) level["kib"] = 0.0625;
        core["levels"].push_back(Json{{"name", "far"}, {"holds", {"filter", "ofmap"}}, {"kib", 0.0625}, {"bytes_per_cycle", 2}});
        if (overlap) core["levels"][1]["holds"] = {"filter", "ifmap"};
      });
      const Rtl rtl = *emit_design(made, {.nested = true, .banked = true});
      expect_lint_clean(rtl, folder);
      expect_check_clean(rtl, folder);
    }
}

}  // namespace
}  // namespace gnomon::hls
