#include <xgboost/c_api.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "models/families.hpp"
#include "models/forest.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;

struct TreeOptions {
  std::int64_t members = 3;
  std::int64_t rounds = 1500;
  std::int64_t depth = 10;
  double learning_rate = 0.04;
  double row_share = 0.8;
  double column_share = 0.7;
  std::int64_t bins = 256;
  double leaf_rows = 2;
  double leaf_penalty = 1;
  std::vector<std::int64_t> counts;  ///< trees per target and member, filled by training
};
void describe(FieldVisitor& v, TreeOptions& o) {
  field(v, {"members", "boosters, each of which watches other groups"}, o.members, Range{1, 100});
  field(v, {"rounds", "trees of a booster at most"}, o.rounds, Range{1, 10'000});
  field(v, {"depth", "deepest leaf"}, o.depth, Range{1, 12});
  field(v, {"learning_rate", "shrinkage"}, o.learning_rate, RealRange{1e-4, 1});
  field(v, {"row_share", "rows that a tree sees"}, o.row_share, RealRange{0.05, 1});
  field(v, {"column_share", "inputs that a tree sees"}, o.column_share, RealRange{0.05, 1});
  field(v, {"bins", "thresholds that an input may have, about"}, o.bins, Range{2, 4096});
  field(v, {"leaf_rows", "fewest rows of a leaf"}, o.leaf_rows, RealRange{0, 1e6});
  field(v, {"leaf_penalty", "rows of label 0 (standardised) that each leaf counts besides its own"}, o.leaf_penalty, RealRange{0, 1e6});
  field(v, {"counts", "trees per target and member, as trained"}, o.counts, Length{0, 1'000'000}, Range{0, 10'000});
}

struct Booster {
  Forest forest;
  float base = 0;
};

/// Owners of the library's handles.
struct Matrix {
  DMatrixHandle handle = nullptr;
  Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle) XGDMatrixFree(handle);
  }
};
struct Machine {
  BoosterHandle handle = nullptr;
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
    if (handle) XGBoosterFree(handle);
  }
};

tl::unexpected<Error> library_error() { return fail(ErrorKind::run_failed, "XGBoost: " + std::string(XGBGetLastError())); }

bool make_matrix(const Batch& x, const Batch& labels, Eigen::Index target, const std::vector<Eigen::Index>& rows, Matrix& out) {
  Batch part(x.rows(), static_cast<Eigen::Index>(rows.size()));
  std::vector<float> y;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    part.col(static_cast<Eigen::Index>(i)) = x.col(rows[i]);
    y.push_back(labels(target, rows[i]));
  }
  // One sample a column, column-major, is row-major with one sample a row.
  if (XGDMatrixCreateFromMat(part.data(), rows.size(), static_cast<bst_ulong>(x.rows()), std::numeric_limits<float>::quiet_NaN(), &out.handle) != 0) return false;
  return XGDMatrixSetFloatInfo(out.handle, "label", y.data(), y.size()) == 0;
}

/// The library's own JSON, laid out so that the children of a node lie side by side, and so do the nodes of a few levels: a walk reads few lines of memory.
Expected<Booster> read_booster(const std::string& text, std::size_t trees_wanted, int inputs) {
  constexpr int levels = 3;  // 14 nodes below a pair of children
  const auto json = nlohmann::json::parse(text, nullptr, false);
  Booster out;
  std::vector<TreeNode> nodes;
  std::vector<std::int32_t> roots;
  try {
    const auto& learner = json.at("learner");
    out.base = std::stof(learner.at("learner_model_param").at("base_score").get<std::string>());
    const auto& trees = learner.at("gradient_booster").at("model").at("trees");
    for (std::size_t t = 0; t < std::min(trees.size(), trees_wanted); ++t) {
      const auto left = trees[t].at("left_children").get<std::vector<int>>();
      const auto right = trees[t].at("right_children").get<std::vector<int>>();
      const auto input = trees[t].at("split_indices").get<std::vector<int>>();
      const auto value = trees[t].at("split_conditions").get<std::vector<float>>();
      roots.push_back(static_cast<std::int32_t>(nodes.size()));
      nodes.emplace_back();
      struct Place {
        int from;
        std::int32_t to;
        int level;
      };
      // A node whose children are to lie in the next block waits until its own block is laid out.
      std::deque<Place> blocks{{0, roots.back(), levels - 1}};
      while (!blocks.empty()) {
        std::deque<Place> open{blocks.front()};
        blocks.pop_front();
        while (!open.empty()) {
          const Place at = open.front();
          open.pop_front();
          const auto i = static_cast<std::size_t>(at.from);
          if (left.at(i) < 0) {
            nodes[static_cast<std::size_t>(at.to)] = {-1, value.at(i), 0};
            continue;
          }
          if (at.level < 0) {
            blocks.push_back({at.from, at.to, levels - 1});
            continue;
          }
          const auto below = static_cast<std::int32_t>(nodes.size());
          nodes[static_cast<std::size_t>(at.to)] = {input.at(i), value.at(i), below};
          if (input[i] < 0 || input[i] >= inputs) return fail(ErrorKind::run_failed, "XGBoost's model asks for an input that there is not");
          nodes.resize(nodes.size() + 2);
          open.push_back({left[i], below, at.level - 1});
          open.push_back({right.at(i), below + 1, at.level - 1});
        }
      }
    }
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, "XGBoost's model is not in the form known: " + std::string(error.what()));
  }
  out.forest = Forest(nodes, std::move(roots), inputs);
  return out;
}

Expected<Booster> train_booster(const Lesson& lesson, const TreeOptions& options, Eigen::Index target, std::uint64_t seed) {
  std::vector<Eigen::Index> learn, watch;
  watch_groups(lesson, derive(seed, "watch"), learn, watch);
  const auto labelled = [&](std::vector<Eigen::Index>& rows) { std::erase_if(rows, [&](Eigen::Index r) { return std::isnan(lesson.labels(target, r)); }); };
  labelled(learn);
  labelled(watch);
  if (learn.empty()) std::swap(learn, watch);
  if (learn.empty()) return Booster{Forest({TreeNode{}}, {0}, static_cast<int>(lesson.samples.x.rows())), 0};
  Matrix train, held;
  if (!make_matrix(lesson.samples.x, lesson.labels, target, learn, train)) return library_error();
  if (!watch.empty() && !make_matrix(lesson.samples.x, lesson.labels, target, watch, held)) return library_error();
  const std::size_t rows = learn.size();
  Machine machine;
  if (XGBoosterCreate(&train.handle, 1, &machine.handle) != 0) return library_error();
  // A bounded amount of work, about 15 million rows through trees; fewer trees take larger steps.
  const auto rounds = std::min<std::int64_t>(options.rounds, std::max<std::int64_t>(60, static_cast<std::int64_t>(1.5e7 / static_cast<double>(rows))));
  const double rate = std::min(std::max(0.2, options.learning_rate), options.learning_rate * static_cast<double>(options.rounds) / static_cast<double>(rounds));
  const std::pair<const char*, std::string> settings[] = {
      {"objective", "reg:squarederror"}, {"tree_method", "hist"}, {"nthread", "1"}, {"base_score", "0"}, {"verbosity", "0"},
      {"seed", std::to_string(seed & 0x7fffffff)}, {"eta", number(rate)},
      {"max_depth", std::to_string(options.depth)}, {"subsample", number(options.row_share)}, {"colsample_bynode", number(options.column_share)},
      {"min_child_weight", number(options.leaf_rows)}, {"lambda", number(options.leaf_penalty)}, {"max_bin", std::to_string(options.bins)}};
  for (const auto& [name, value] : settings) {
    if (XGBoosterSetParam(machine.handle, name, value.c_str()) != 0) return library_error();
  }
  std::size_t best = static_cast<std::size_t>(rounds);
  double best_error = std::numeric_limits<double>::infinity();
  const char* name = "watch";
  for (std::int64_t round = 0; round < rounds; ++round) {
    if (XGBoosterUpdateOneIter(machine.handle, static_cast<int>(round), train.handle) != 0) return library_error();
    if (watch.empty()) continue;
    const char* report = nullptr;
    if (XGBoosterEvalOneIter(machine.handle, static_cast<int>(round), &held.handle, &name, 1, &report) != 0) return library_error();
    const std::string text(report);
    double error = 0;
    if (!parse_real(std::string_view(text).substr(text.rfind(':') + 1), error)) return fail(ErrorKind::run_failed, "XGBoost reports " + in_quotes(text));
    if (error < best_error) {
      best_error = error;
      best = static_cast<std::size_t>(round) + 1;
    }
    if (static_cast<std::size_t>(round) > best + 40) break;
  }
  bst_ulong length = 0;
  const char* bytes = nullptr;
  if (XGBoosterSaveModelToBuffer(machine.handle, R"({"format": "json"})", &length, &bytes) != 0) return library_error();
  return read_booster(std::string(bytes, length), best, static_cast<int>(lesson.samples.x.rows()));
}

/// Gradient-boosted regression trees (Chen and Guestrin, KDD 2016), one booster per target and member, trained by XGBoost with one thread a booster, walked
/// by our own code: answers need no library. The spread is the deviation among members.
class Trees final : public Learner {
 public:
  explicit Trees(TreeOptions options) : options_(std::move(options)) {}

  std::string family() const override { return "trees"; }

  Expected<void> fit(const Lesson& lesson) override {
    const auto targets = static_cast<std::size_t>(lesson.labels.rows()), members = static_cast<std::size_t>(options_.members);
    boosters_.assign(targets * members, {});
    std::vector<std::optional<Error>> errors(boosters_.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i = next++; i < boosters_.size(); i = next++) {
        auto booster = train_booster(lesson, options_, static_cast<Eigen::Index>(i / members), derive(derive(lesson.seed, "booster"), i % members));
        if (booster) boosters_[i] = std::move(*booster);
        else errors[i] = booster.error();
      }
    };
    {
      std::vector<std::jthread> others;
      for (int i = 1; i < std::min(lesson.threads, static_cast<int>(boosters_.size())); ++i) others.emplace_back(work);
      work();
    }
    for (auto& error : errors) {
      if (error) return fail(std::move(*error));
    }
    options_.counts.clear();
    for (const Booster& booster : boosters_) options_.counts.push_back(static_cast<std::int64_t>(booster.forest.roots().size()));
    return {};
  }

  void predict(const Samples& samples, Batch& mean, Batch* spread) const override {
    const auto members = static_cast<std::size_t>(options_.members);
    const auto targets = static_cast<Eigen::Index>(boosters_.size() / members);
    mean.resize(targets, samples.x.cols());
    if (spread) spread->resize(targets, samples.x.cols());
    const float n = static_cast<float>(members);
    std::vector<float> sums(static_cast<std::size_t>(samples.x.cols()));
    for (Eigen::Index t = 0; t < targets; ++t) {
      mean.row(t).setZero();
      if (spread) spread->row(t).setZero();
      for (std::size_t m = 0; m < members; ++m) {
        const Booster& booster = boosters_[static_cast<std::size_t>(t) * members + m];
        std::fill(sums.begin(), sums.end(), booster.base);
        booster.forest.add(samples.x, sums.data());
        for (std::size_t r = 0; r < sums.size(); ++r) {
          mean(t, static_cast<Eigen::Index>(r)) += sums[r];
          if (spread) (*spread)(t, static_cast<Eigen::Index>(r)) += sums[r] * sums[r];
        }
      }
      mean.row(t) /= n;
      if (spread) spread->row(t) = (spread->row(t).array() / n - mean.row(t).array().square()).max(0.0F).sqrt();
    }
  }

  std::string structure() const override { return write_fields(options_).dump(); }

  /// Per booster: base, number of nodes, then (input, threshold, child) of each node. Roots are the nodes that are no node's child.
  void append_weights(std::vector<float>& blob) const override {
    for (const Booster& booster : boosters_) {
      blob.push_back(booster.base);
      const std::vector<TreeNode> nodes = booster.forest.nodes();
      blob.push_back(static_cast<float>(nodes.size()));
      for (const TreeNode& node : nodes) blob.insert(blob.end(), {static_cast<float>(node.input), node.threshold, static_cast<float>(node.below)});
    }
  }

  Expected<void> load(const std::string&, std::span<const float> weights, const Shape& shape, const std::string& file) override {
    const auto refuse = [&](const std::string& what) { return invalid(file, "/heads", "the trees' weights do not fit: " + what); };
    const auto boosters = static_cast<std::size_t>(shape.targets) * static_cast<std::size_t>(options_.members);
    if (options_.counts.size() != boosters) return refuse("counts has " + std::to_string(options_.counts.size()) + " entries; " + std::to_string(boosters) + " are due");
    boosters_.assign(boosters, {});
    for (std::size_t b = 0; b < boosters; ++b) {
      Booster& booster = boosters_[b];
      float head[2];
      if (!take_weights(weights, 2, head)) return refuse("too few or not finite");
      booster.base = head[0];
      if (!(head[1] >= 1 && head[1] < 1.6e7F) || static_cast<double>(head[1]) * 3 > static_cast<double>(weights.size())) return refuse("a number of nodes");
      const auto count = static_cast<std::size_t>(head[1]);
      std::vector<bool> child(count, false);
      std::vector<TreeNode> nodes;
      std::vector<std::int32_t> roots;
      for (std::size_t i = 0; i < count; ++i) {
        float node[3];
        if (!take_weights(weights, 3, node)) return refuse("too few or not finite");
        const auto below = static_cast<double>(node[2]);
        if (!(node[0] >= -1 && node[0] < static_cast<float>(shape.inputs))) return refuse("an input outside the model's");
        if (node[0] >= 0 && !(below > static_cast<double>(i) && below + 1 < static_cast<double>(count))) return refuse("a child outside its booster");
        nodes.push_back({static_cast<std::int32_t>(node[0]), node[1], static_cast<std::int32_t>(below)});
        if (node[0] >= 0) child[static_cast<std::size_t>(below)] = child[static_cast<std::size_t>(below) + 1] = true;
      }
      for (std::size_t i = 0; i < count; ++i) {
        if (!child[i]) roots.push_back(static_cast<std::int32_t>(i));
      }
      if (static_cast<std::int64_t>(roots.size()) != options_.counts[b]) return refuse("a number of trees");
      booster.forest = Forest(nodes, std::move(roots), shape.inputs);
    }
    if (!weights.empty()) return refuse("too many");
    return {};
  }

 private:
  TreeOptions options_;
  std::vector<Booster> boosters_;  // [target * members + member]
};

}  // namespace

Expected<std::unique_ptr<Learner>> make_trees(const std::string& options) {
  auto document = Document::parse(options, "options of the trees");
  if (!document) return fail(std::move(document.error()));
  auto read = read_fields<TreeOptions>(*document);
  if (!read) return fail(std::move(read.error()));
  return std::make_unique<Trees>(std::move(*read));
}

}  // namespace gnomon::surrogate
