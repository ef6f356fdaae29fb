#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "compare.hpp"
#include "worked_tables.hpp"

namespace gnomon::sim::testing {
namespace {

TEST(WorkedTables, StandInTheDefinitionAsTheReferenceGivesThem) {
  const std::string path = std::string(GNOMON_SOURCE_DIR) + "/docs/microarchitecture.md";
  std::ostringstream read;
  read << std::ifstream(path).rdbuf();
  std::string text = read.str();
  const std::string tables = worked_tables();
  const std::size_t section = text.find("## Worked tables");
  if (std::getenv("GNOMON_WRITE_DOCS") != nullptr) {
    text = (section == std::string::npos ? text + (text.ends_with('\n') ? "\n" : "\n\n") : text.substr(0, section)) + tables;
    std::ofstream(path) << text;
    return;
  }
  ASSERT_NE(section, std::string::npos) << path << " has no section \"Worked tables\"; write it with GNOMON_WRITE_DOCS=1";
  EXPECT_EQ(text.substr(section), tables);
}

TEST(WorkedTables, AreWhatTheModelDoes) {
  for (const arch::Dataflow dataflow : {arch::Dataflow::os, arch::Dataflow::ws, arch::Dataflow::is}) {
    for (const bool overlap : {false, true}) EXPECT_EQ(difference_to_reference(worked_case(dataflow, overlap), 1), "");
  }
}

/// design.md section 8: the square os fold alone takes K + 3N - 2 steps.
TEST(WorkedTables, SquareFoldAlone) {
  for (const auto& [n, cycles] : {std::pair<std::int64_t, std::int64_t>{8, 278}, {16, 302}, {32, 350}}) {
    RandomCase one = worked_case(arch::Dataflow::os, false);
    arch::Core& core = one.design.cores[0];
    core.array.rows = core.array.cols = n;
    for (arch::Level& level : core.levels) level = {level.name, {level.holds[0], level.holds[1], level.holds[2]}, 1 << 20, 1, 4 * n, true};
    RandomCase::Step& step = one.steps[0];
    for (const int d : {1, 2}) step.work.extent[d] = n;
    step.work.extent[3] = 256;
    step.mapping.rows_size = step.mapping.cols_size = n;
    step.mapping.folds.clear();
    const auto run = run_cycle_model(one.design, cycle_steps_of(one));
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->steps[0].compute_cycles, cycles);
  }
}

}  // namespace
}  // namespace gnomon::sim::testing
