// Descriptions of complete designs. Truth: the design as written, closed forms, and the shapes of block RAMs (AMD UG573).
#include <gtest/gtest.h>

#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/import.hpp"

namespace gnomon::surrogate {
namespace {

std::string design(const std::string& more = "", const std::string& levels = R"({"name": "a", "holds": ["ifmap"], "kib": 16, "banks": 4, "bytes_per_cycle": 4},
    {"name": "b", "holds": ["filter"], "kib": 4, "bytes_per_cycle": 9}, {"name": "c", "holds": ["ofmap"], "kib": 4, "banks": 4, "bytes_per_cycle": 32})") {
  return R"({"version": 1, "name": "d", "clock_mhz": 500, "cores": [{"name": "npu", "array": {"rows": 3, "cols": 5, "dataflow": "ws", "precision": "int8", "accumulator_bits": 24,
    "overlap": true}, "levels": [)" + levels + R"(], "vector": {"lanes": 6}}], "memory": {"type": "ideal", "bytes_per_cycle": 8, "latency_cycles": 9})" + more + "}";
}

double value(const arch::LabelTable& table, const std::string& name) {
  const auto column = table.column(name);
  return column && (*column)->numeric ? (*column)->numbers[0] : -1;
}

TEST(DesignFeatures, AreTheDesignAndItsClosedForms) {
  const auto described = read_design_table(design(), "d.json");
  ASSERT_TRUE(described) << described.error().text();
  ASSERT_TRUE(is_design_table(*described));
  const arch::LabelTable table = with_design_features(*described);
  EXPECT_EQ((*table.column("dataflow"))->words[0], "ws");
  const std::pair<const char*, double> expected[] = {
      {"rows", 3}, {"cols", 5}, {"overlap", 1}, {"precision_bits", 8}, {"accumulator_bits", 24}, {"ifmap_kib", 16}, {"ifmap_banks", 4}, {"filter_bytes_per_cycle", 9}, {"lanes", 6},
      {"memory_bytes_per_cycle", 8}, {"memory_latency_cycles", 9}, {"pes", 15}, {"products", 15}, {"array_bits", 15 * (8 + 8 + 24 + 8)}, {"skew_bits", 8 * (0 + 1 + 2 + 0 + 1 + 2 + 3 + 4)},
      {"result_bits", 5 * 24}, {"stream_bits", 8 * 8}, {"transfer_lanes", 8}, {"vector_bits", 48},
      // 4 banks of 4096 x 8 bits: one block each; 456 x 72: one; 4 of 128 x 64: a half block is 36 bits wide, so one each.
      {"block_rams", 4 + 1 + 4}, {"small_bank_bits", 0}};
  for (const auto& [name, truth] : expected) EXPECT_EQ(value(table, name), truth) << name;
  // Lanes of the streams of ws; operands of 8 bits in 15 PEs; words that three levels join: transfers, and two and one a lane of the vector unit.
  for (const auto& [name, truth] : std::initializer_list<std::pair<const char*, double>>{{"ifmap_lanes", 3}, {"filter_lanes", 5}, {"product_bits", 15 * 64}, {"joined_bits", 8 * (8 + 2 * 6 + 1)}})
    EXPECT_EQ(value(table, name), truth) << name;
  // A third row has, in five PEs, three operands of 8 bits (the one that waits too), but for the last column's on its way; the second row then hands on sums of 18 bits;
  // ten flip-flops of control.
  const auto narrow = read_design_table(design().replace(design().find("\"rows\": 3"), 9, "\"rows\": 2"), "d.json");
  ASSERT_TRUE(narrow);
  const double more = value(table, "analytical_ff") - value(with_design_features(*narrow), "analytical_ff");
  EXPECT_EQ(more, 5 * 24 - 8 + 5 * 18 + 10);
  // Fewer lanes, shorter paths.
  const auto few = read_design_table(design().replace(design().find("\"lanes\": 6"), 10, "\"lanes\": 1"), "d.json");
  ASSERT_TRUE(few);
  EXPECT_GT(value(with_design_features(*few), "analytical_lut"), 0);
  EXPECT_LT(value(with_design_features(*few), "analytical_lut"), value(table, "analytical_lut"));
  EXPECT_GE(value(with_design_features(*few), "analytical_fmax_mhz"), value(table, "analytical_fmax_mhz"));
  // The import of a table with these columns adds the derived ones, and names all as what to learn from.
  const auto imported = import_layout(*described);
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->layout, "complete designs");
  EXPECT_EQ(imported->features.size(), design_features().size());
  EXPECT_EQ(value(imported->table, "pes"), 15);
}

TEST(DesignFeatures, ListsAndWhatHasNoCompleteRtl) {
  const auto two = read_design_table("[" + design() + "," + design() + "]", "d.json");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->rows(), 2u);
  EXPECT_TRUE(holds_designs("[" + design() + "]"));
  EXPECT_FALSE(holds_designs("[]"));
  EXPECT_FALSE(holds_designs("{}"));
  EXPECT_FALSE(holds_designs("nothing"));
  EXPECT_FALSE(read_design_table("nothing", "d.json"));
  const auto one_level = read_design_table(design("", R"({"name": "all", "holds": ["ifmap", "filter", "ofmap"], "kib": 16})"), "d.json");
  ASSERT_FALSE(one_level);
  EXPECT_EQ(one_level.error().kind(), ErrorKind::unsupported);
  EXPECT_NE(one_level.error().text().find("/cores/0/levels"), std::string::npos) << one_level.error().text();
  const auto shared = read_design_table(design(R"(, "shared": [{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": 64}])"), "d.json");
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().kind(), ErrorKind::unsupported);
  const auto odd = read_design_table(design(R"(, "colour": 1)"), "d.json");
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().kind(), ErrorKind::invalid_input);
}

}  // namespace
}  // namespace gnomon::surrogate
