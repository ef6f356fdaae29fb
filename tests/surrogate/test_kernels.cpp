// Tables of kernels with pragmas (HLSyn), from a formula of cycles: the truth is the formula.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/train.hpp"
#include "models/families.hpp"

namespace gnomon::surrogate {
namespace {

struct Design {
  int kernel = 0;
  int outer = 1, inner = 1;  ///< parallel factors
  int pipe = 0;              ///< off, on, flatten
};

/// Two loops; `flatten` unrolls the inner one whatever its own factor is, as Merlin does.
double cycles(const Design& d) {
  const double outer = 64 << (d.kernel % 3), inner = 16 << (d.kernel / 3), depth = 3 + 2 * d.kernel;
  const double body = d.pipe == 2 ? depth : d.pipe == 1 ? inner / d.inner + depth : inner / d.inner * depth;
  return std::ceil(outer / d.outer) * body + 10;
}

/// Kernels of odd numbers lack the pragma of the outer loop.
std::string point(const Design& d) {
  static const char* const pipes[] = {"off", "", "flatten"};
  std::string out = "\"{\"\"__PARA__L1\"\":" + std::to_string(d.inner) + ",\"\"__PIPE__L0\"\":\"\"" + pipes[d.pipe] + "\"\"";
  if (d.kernel % 2 == 0) out += ",\"\"__PARA__L0\"\":" + std::to_string(d.outer);
  return out + "}\"";
}

arch::LabelTable table_of(const std::vector<Design>& designs) {
  std::string text = "kernel,perf_cycles,point_json\n";
  for (const Design& d : designs) text += "k" + std::to_string(d.kernel) + "," + std::to_string(cycles(d)) + "," + point(d) + "\n";
  return *arch::LabelTable::parse(text, "kernels.csv");
}

/// Every design of the kernels, shuffled: two thirds to learn, a third to ask.
struct Split {
  std::vector<Design> learn, ask;
  Split() {
    std::vector<Design> all;
    for (int kernel = 0; kernel < 6; ++kernel) {
      for (const int outer : {1, 2, 4, 8, 16, 32}) {
        if (kernel % 2 == 1 && outer > 1) continue;
        for (const int inner : {1, 2, 4, 8, 16}) {
          for (int pipe = 0; pipe < 3; ++pipe) all.push_back({kernel, outer, inner, pipe});
        }
      }
    }
    Random(5).shuffle(all);
    const auto cut = static_cast<std::ptrdiff_t>(all.size() * 2 / 3);
    learn.assign(all.begin(), all.begin() + cut);
    ask.assign(all.begin() + cut, all.end());
  }
};

TrainOptions trees_only() {
  TrainOptions options;
  options.targets = {"perf_cycles"};
  options.family = "trees";
  options.term = "never";
  options.folds = 2;
  options.threads = 1;
  return options;
}

TEST(Kernels, TreesLearnTheFormula) {
  const Split split;
  const auto model = train(table_of(split.learn), trees_only());
  ASSERT_TRUE(model) << model.error().text();
  const auto scores = evaluate(*model, table_of(split.ask));
  ASSERT_TRUE(scores) << scores.error().text();
  EXPECT_LT((*scores)[0].median_error_percent, 12);  // of cycles that span a factor of a thousand
  EXPECT_EQ((*scores)[0].in_range, 1);
  // One row is taken down many trees at a time, many rows down one: the same answers.
  const auto asked = model->encode(table_of(split.ask));
  ASSERT_TRUE(asked) << asked.error().text();
  const auto all = model->predict(*asked);
  ASSERT_TRUE(all);
  ASSERT_GE(asked->rows.rows(), 8);
  for (Eigen::Index r = 0; r < asked->rows.rows(); ++r) {
    const auto one = model->predict(RealMatrix(asked->rows.row(r)));
    ASSERT_TRUE(one);
    EXPECT_EQ(one->mean(0, 0), all->mean(r, 0)) << r;
    EXPECT_EQ(one->upper(0, 0), all->upper(r, 0)) << r;
  }
}

/// A tenth of the rows watches. Many groups stay whole; of few large ones every group is learned.
TEST(Kernels, WatchingTakesNoWholeKernel) {
  for (const std::size_t groups : {20, 200}) {
    std::vector<std::size_t> group(600);
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = i % groups;
    const Samples samples;
    const Mlp<float>::Batch labels;
    std::vector<Eigen::Index> learn, watch;
    watch_groups({samples, labels, group, groups}, 3, learn, watch);
    EXPECT_EQ(learn.size(), 540U);
    EXPECT_EQ(watch.size(), 60U);
    std::set<std::size_t> learned, watching;
    for (const Eigen::Index row : learn) learned.insert(group[static_cast<std::size_t>(row)]);
    for (const Eigen::Index row : watch) watching.insert(group[static_cast<std::size_t>(row)]);
    if (groups == 20) EXPECT_EQ(learned.size(), 20U);
    else EXPECT_EQ(learned.size() + watching.size(), 200U);
  }
}

/// Rows of one kernel are asked about, which lack pragmas of the others; and a kernel that nobody knows, with pragmas of its own.
TEST(Kernels, OneKernelAloneAndUnknownOnes) {
  const Split split;
  const auto model = train(table_of(split.learn), trees_only());
  ASSERT_TRUE(model) << model.error().text();
  std::vector<Design> one;
  std::copy_if(split.ask.begin(), split.ask.end(), std::back_inserter(one), [](const Design& d) { return d.kernel == 1; });
  ASSERT_FALSE(one.empty());
  const auto alone = model->predict(table_of(one)), together = model->predict(table_of(split.ask));
  ASSERT_TRUE(alone) << alone.error().text();
  ASSERT_TRUE(together);
  Eigen::Index at = 0;
  for (std::size_t i = 0; i < split.ask.size(); ++i) {
    if (split.ask[i].kernel != 1) continue;
    EXPECT_EQ(alone->mean(at, 0), together->mean(static_cast<Eigen::Index>(i), 0));
    EXPECT_EQ(alone->in_range[static_cast<std::size_t>(at)], 1);
    ++at;
  }
  const auto unknown = model->predict(*arch::LabelTable::parse("kernel,point_json\n"
                                                               "other,\"{\"\"__PARA__L0\"\":4,\"\"__PARA__L9\"\":2,\"\"__TILE__L0\"\":2}\"\n",
                                                               "unknown.csv"));
  ASSERT_TRUE(unknown) << unknown.error().text();
  EXPECT_EQ(unknown->in_range[0], 0);
}

/// Labels that no product of sizes explains: terms answer alone and are not combined with every family. Those that one does: they are.
TEST(Kernels, TermsThatSayNothingAreDropped) {
  Random random(17);
  arch::LabelTable::Column a{"a"}, word{"word", "", false}, odd{"odd"}, product{"product"};
  const char* const words[] = {"p", "q", "r", "s", "t", "u"};
  double level[6][6];
  for (auto& row : level) {
    for (double& value : row) value = std::exp(random.normal() * 3);
  }
  for (int i = 0; i < 180; ++i) {
    const auto w = static_cast<std::size_t>(i % 6), s = static_cast<std::size_t>(random.integer(0, 5));
    a.numbers.push_back(std::exp2(static_cast<double>(s)));
    word.words.emplace_back(words[w]);
    odd.numbers.push_back(level[w][s]);
    product.numbers.push_back(7 * a.numbers.back() + 3);
  }
  arch::LabelTable table;
  for (auto* column : {&a, &word, &odd, &product}) table.add(*column);
  TrainOptions options;
  options.max_epochs = 20;
  options.folds = 2;
  options.threads = 1;
  options.ignore = {"product"};
  options.targets = {"odd"};
  const auto none = train(table, options);
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_EQ(none->info().targets[0].why.find("term + "), std::string::npos) << none->info().targets[0].why;
  options.ignore = {"odd"};
  options.targets = {"product"};
  const auto form = train(table, options);
  ASSERT_TRUE(form) << form.error().text();
  EXPECT_NE(form->info().targets[0].why.find("term + "), std::string::npos) << form->info().targets[0].why;
}

}  // namespace
}  // namespace gnomon::surrogate
