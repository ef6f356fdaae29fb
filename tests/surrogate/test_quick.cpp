// The quick way to answers (models/lanes.hpp, models/fast_mlp.hpp): the truth is the general way in double precision with the standard library's functions, Mlp::forward, and the
// standard library's exp and log.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <iostream>

#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "models/fast_mlp.hpp"
#include "models/lanes.hpp"
#include "models/vectors.hpp"

namespace gnomon::surrogate {

/// Both ways of a model, and the quick one by a width of vectors.
class ModelProbe {
 public:
  static Prediction general(const Model& model, const RealMatrix& x, bool intervals) {
    Encoded encoded;
    encoded.rows = x;
    Prediction out = room(model, x, intervals);
    if (auto done = model.answer(encoded, intervals, out); !done) throw std::runtime_error(done.error().text());
    return out;
  }
  /// Rows that it leaves to the general way are in `outside`.
  static Prediction quick(const Model& model, const RealMatrix& x, bool intervals, int bytes, std::vector<Eigen::Index>& outside) {
    const auto plan = LanePlan::make(model.info_, model.learners_, model.ranges_, model.bounds_, bytes);
    if (!plan) throw std::runtime_error("the model has no quick way");
    Prediction out = room(model, x, intervals);
    EXPECT_TRUE(plan->answer(x, model.learners_, {out.mean.data(), intervals ? out.lower.data() : nullptr, intervals ? out.upper.data() : nullptr, out.in_range.data()}, outside));
    return out;
  }

 private:
  static Prediction room(const Model& model, const RealMatrix& x, bool intervals) {
    const auto targets = static_cast<Eigen::Index>(model.target_count());
    Prediction out;
    out.mean.resize(x.rows(), targets);
    if (!intervals) return out;
    out.lower.resize(x.rows(), targets);
    out.upper.resize(x.rows(), targets);
    out.in_range.assign(static_cast<std::size_t>(x.rows()), 1);
    return out;
  }
};

namespace {

/// Largest relative difference, of numbers below 1e-6 the absolute one.
double apart(const RealMatrix& a, const RealMatrix& b) { return ((a - b).array().abs() / a.array().abs().max(1e-6)).maxCoeff(); }
bool same_bytes(const RealMatrix& a, const RealMatrix& b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(double)) == 0; }

/// Random rows over the features' ranges and a little beyond; words among those known, and now and then others.
RealMatrix rows_for(const ModelInfo& info, Eigen::Index count, std::uint64_t seed) {
  std::cout << "seed " << seed << '\n';
  Random random(seed);
  RealMatrix x(count, static_cast<Eigen::Index>(info.features.size()));
  for (Eigen::Index r = 0; r < count; ++r) {
    const bool beyond = random.chance(0.1);
    for (std::size_t f = 0; f < info.features.size(); ++f) {
      const Feature& feature = info.features[f];
      double& value = x(r, static_cast<Eigen::Index>(f));
      if (!feature.categories.empty()) {
        value = beyond && random.chance(0.1) ? -1.0 : std::floor(random.uniform(0, 0.999) * static_cast<double>(feature.categories.size()));
        continue;
      }
      const double low = to_scale(feature.scale, 1, feature.low), high = to_scale(feature.scale, 1, feature.high);
      const double scaled = random.uniform(low, beyond ? high + 0.3 * (high - low) : high);
      value = from_scale(feature.scale, 1, scaled);
      if (feature.may_miss && random.chance(0.2)) value = std::nan("");
      // Sizes are whole, and so are the ends of their ranges.
      if (feature.low == std::round(feature.low) && feature.high == std::round(feature.high)) value = std::max(feature.low, std::round(value));
    }
  }
  return x;
}

void agree(const Model& model, const RealMatrix& x) {
  const auto wanted = ModelProbe::general(model, x, true);
  std::vector<Prediction> by_width;
  for (const int bytes : {16, 32, 64}) {
    if (bytes > vector_bytes()) break;
    std::vector<Eigen::Index> outside;
    by_width.push_back(ModelProbe::quick(model, x, true, bytes, outside));
    Prediction& out = by_width.back();
    EXPECT_LT(outside.size(), static_cast<std::size_t>(x.rows()));
    for (const Eigen::Index r : outside) {
      out.mean.row(r) = wanted.mean.row(r), out.lower.row(r) = wanted.lower.row(r), out.upper.row(r) = wanted.upper.row(r);
      out.in_range[static_cast<std::size_t>(r)] = wanted.in_range[static_cast<std::size_t>(r)];
    }
    // Roundings of whole answers may fall to the other side only where they are a half to the last bits; none here does.
    EXPECT_LT(apart(wanted.mean, out.mean), 1e-9) << bytes;
    EXPECT_LT(apart(wanted.lower, out.lower), 1e-9) << bytes;
    EXPECT_LT(apart(wanted.upper, out.upper), 1e-9) << bytes;
    EXPECT_EQ(wanted.in_range, out.in_range) << bytes;
  }
  if (by_width.size() == 3) {
    EXPECT_TRUE(same_bytes(by_width[1].mean, by_width[2].mean));
    EXPECT_TRUE(same_bytes(by_width[1].lower, by_width[2].lower));
    EXPECT_TRUE(same_bytes(by_width[1].upper, by_width[2].upper));
  }
  // What everybody asks: the same to the byte alone and among others, with and without intervals.
  const auto all = model.predict(x);
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_TRUE(same_bytes(all->mean, *model.predict_mean(x)));
  for (Eigen::Index r = 0; r < std::min<Eigen::Index>(x.rows(), 300); ++r) {
    const auto one = model.predict(RealMatrix(x.row(r)));
    ASSERT_TRUE(one) << one.error().text();
    EXPECT_TRUE(same_bytes(one->mean, all->mean.row(r))) << r;
    EXPECT_TRUE(same_bytes(one->lower, all->lower.row(r))) << r;
    EXPECT_TRUE(same_bytes(one->upper, all->upper.row(r))) << r;
    EXPECT_EQ(one->in_range[0], all->in_range[static_cast<std::size_t>(r)]) << r;
  }
}

TEST(QuickWay, ShippedModelsAnswerAsTheGeneralWay) {
  for (const char* name : {"network", "accelerator", "part"}) {
    const auto model = Model::load(name);
    ASSERT_TRUE(model) << model.error().text();
    // Numbers of rows that fill blocks, and that do not.
    for (const Eigen::Index count : {Eigen::Index{1003}, Eigen::Index{256}, Eigen::Index{41}}) agree(*model, rows_for(model->info(), count, 100 + static_cast<std::uint64_t>(count)));
  }
}

TEST(QuickWay, LabelledNetworksAnswerAsTheGeneralWay) {
  const auto model = Model::load("network");
  ASSERT_TRUE(model) << model.error().text();
  const auto table = load_table(GNOMON_SOURCE_DIR "/surrogate/data/layers.csv.gz");
  ASSERT_TRUE(table) << table.error().text();
  agree(*model, model->encode(*table)->rows);
}

TEST(QuickWay, HurdlesScalesAndMissingValues) {
  // Targets of all scales, counts that are often 0, features of all scales, words and missing values.
  std::cout << "seed 5\n";
  Random random(5);
  arch::LabelTable table;
  arch::LabelTable::Column a{"a", "", true, {}, {}}, b{"b", "", true, {}, {}}, kind{"kind", "", false, {}, {}}, zero{"zero", "", true, {}, {}}, flat{"flat", "", true, {}, {}}, steep{"steep", "", true, {}, {}}, gap{"gap", "", true, {}, {}};
  for (int r = 0; r < 400; ++r) {
    a.numbers.push_back(std::exp(random.uniform(0, 7)));
    b.numbers.push_back(random.uniform(-3, 3));
    gap.numbers.push_back(random.chance(0.3) ? std::nan("") : std::floor(random.uniform(0, 900)));
    kind.words.push_back(random.chance(0.5) ? "x" : "y");
    zero.numbers.push_back(b.numbers.back() < 0.5 ? 0 : std::floor(a.numbers.back() / 3));
    flat.numbers.push_back(b.numbers.back() * 2 + (kind.words.back() == "x" ? 1 : 0));
    steep.numbers.push_back(3 * a.numbers.back() * a.numbers.back() + 1);
  }
  for (auto* column : {&a, &b, &gap, &kind, &zero, &flat, &steep}) table.add(*column);
  for (const char* term : {"never", "auto"}) {
    TrainOptions options;
    options.targets = {"zero", "flat", "steep"};
    options.family = "ensemble";
    options.term = term;
    options.folds = 2;
    options.threads = 1;
    options.learner_options = R"({"members": 3, "hidden": [20, 36], "activation": "relu", "max_epochs": 30})";
    const auto model = train(table, options);
    ASSERT_TRUE(model) << model.error().text();
    agree(*model, rows_for(model->info(), 500, 9));
  }
}

TEST(QuickWay, NetworksAgreeWithTheirForwardPass) {
  for (const std::vector<int>& widths : {std::vector<int>{30, 64, 64, 6}, {7, 20, 3}, {1, 96, 96, 17}, {16, 48, 48, 2}, {5, 4}}) {
    std::vector<Mlp<float>> nets;
    for (std::uint64_t m = 0; m < 5; ++m) nets.emplace_back(widths, Activation::silu, 1 + m);
    std::vector<const Mlp<float>*> all;
    for (const auto& net : nets) all.push_back(&net);
    std::cout << "seed 3\n";
    Random random(3);
    const int in = widths.front(), out = widths.back();
    Mlp<float>::Batch x(in, FastMlps::lanes);
    for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.uniform(-50, 50));
    LaneFloats side(static_cast<std::size_t>(x.size()));
    for (int i = 0; i < in; ++i)
      for (int r = 0; r < FastMlps::lanes; ++r) side[static_cast<std::size_t>(i * FastMlps::lanes + r)] = x(i, r);
    std::vector<std::vector<float>> by_width;
    for (const int bytes : {16, 32, 64}) {
      if (bytes > vector_bytes()) break;
      const FastMlps fast(all, bytes);
      LaneFloats scratch(fast.scratch()), other(fast.scratch());
      auto& kept = by_width.emplace_back();
      for (int m = 0; m < 5; ++m) {
        const Mlp<float>::Batch wanted = nets[static_cast<std::size_t>(m)].forward(x);
        const float* got = fast.forward(m, side.data(), scratch.data());
        const float scale = wanted.cwiseAbs().maxCoeff();
        for (int o = 0; o < out; ++o)
          for (int r = 0; r < FastMlps::lanes; ++r) EXPECT_NEAR(got[o * FastMlps::lanes + r], wanted(o, r), 1e-5F * scale);
        kept.insert(kept.end(), got, got + static_cast<long>(out) * FastMlps::lanes);
        for (int r = 0; r < FastMlps::lanes; ++r) {
          int apart_by = 0;
          const float* one = fast.forward_one(x.col(r).data(), other.data(), apart_by) + static_cast<long>(m) * apart_by;
          for (int o = 0; o < out; ++o) EXPECT_EQ(one[o], got[o * FastMlps::lanes + r]) << "a row alone, " << bytes;
        }
      }
    }
    if (by_width.size() == 3) {
      EXPECT_EQ(by_width[1], by_width[2]) << "vectors of 32 and 64 bytes";
    }
  }
}

TEST(QuickWay, FunctionsKeepTheirBounds) {
  std::cout << "seed 11\n";
  Random random(11);
  double exp_error = 0, log_error = 0, log1p_error = 0, silu_error = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double z = random.uniform(-700, 700), x = std::exp(random.uniform(-690, 690)), y = std::exp(random.uniform(-40, 40));
    exp_error = std::max(exp_error, std::abs(exponential<16>(Of<16>::Double{z, z})[0] / std::exp(z) - 1));
    log_error = std::max(log_error, std::abs(logarithm<16>(Of<16>::Double{x, x})[0] - std::log(x)) / (1 + std::abs(std::log(x))));
    log1p_error = std::max(log1p_error, std::abs(logarithm1p<16>(Of<16>::Double{y, y})[0] / std::log1p(y) - 1));
    const auto s = static_cast<float>(random.uniform(-20, 200));
    const double wanted = static_cast<double>(s) / (1 + std::exp(-static_cast<double>(s)));
    silu_error = std::max(silu_error, std::abs(static_cast<double>(silu<16>(Of<16>::Vector{s, s, s, s})[0]) / wanted - 1));
  }
  std::cout << "largest errors: exp " << exp_error << ", log " << log_error << ", log1p " << log1p_error << ", silu " << silu_error << '\n';
  EXPECT_LT(exp_error, 2e-15);  // without fused multiply-add
  EXPECT_LT(log_error, 5e-16);
  EXPECT_LT(log1p_error, 2e-15);
  EXPECT_LT(silu_error, 2e-6);
  EXPECT_EQ((exponential<16>(Of<16>::Double{-800, -INFINITY})[0]), 0);
  EXPECT_EQ((exponential<16>(Of<16>::Double{-800, -INFINITY})[1]), 0);
  EXPECT_EQ((exponential<16>(Of<16>::Double{0, 0})[0]), 1);
  EXPECT_EQ((logarithm<16>(Of<16>::Double{1, 1})[0]), 0);
}

}  // namespace
}  // namespace gnomon::surrogate
