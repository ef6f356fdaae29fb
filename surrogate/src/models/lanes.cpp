#include "models/lanes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "models/scaling.hpp"
#include "models/vectors.hpp"

namespace gnomon::surrogate {
namespace {

using Plan = LanePlan;
constexpr int lanes = Learner::lanes;
constexpr std::size_t pad = 8;  // numbers of double precision in the widest vector
/// Rows that go through a network before the next network: its weights are fetched once for all of them.
constexpr Eigen::Index block_rows = 256;
/// Up to here rows are quicker one by one than side by side.
constexpr Eigen::Index few_rows = 8;
/// Standardised inputs go no farther than this, as in Model::samples.
constexpr double farthest = 50;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double load(const double* from) {
  return *reinterpret_cast<const typename Of<Bytes>::Double*>(from);
}
template <int Bytes>
GNOMON_INLINE void store(double* to, typename Of<Bytes>::Double value) {
  *reinterpret_cast<typename Of<Bytes>::Double*>(to) = value;
}
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Long load_mask(const std::int64_t* from) {
  typename Of<Bytes>::Long out;
  __builtin_memcpy(&out, from, Bytes);
  return out;
}
template <int Bytes>
GNOMON_INLINE void store_mask(std::int64_t* to, typename Of<Bytes>::Long value) {
  __builtin_memcpy(to, &value, Bytes);
}
template <class Double>
GNOMON_INLINE Double least_of(Double a, Double b) {
  return b < a ? b : a;
}
template <class Double>
GNOMON_INLINE Double most_of(Double a, Double b) {
  return a < b ? b : a;
}

/// A feature as the scale has it; NaN where the scale does not take it.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double of_log(typename Of<Bytes>::Double raw) {
  using Double = typename Of<Bytes>::Double;
  return raw >= std::numeric_limits<double>::min() ? logarithm<Bytes>(raw) : Double{} + nan;
}
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double of_log1p(typename Of<Bytes>::Double raw) {
  using Double = typename Of<Bytes>::Double;
  return raw >= 0.0 ? logarithm1p<Bytes>(raw) : Double{} + nan;
}

/// The standardised input; `outside` is set where the value is not inside the training range, or not allowed.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double standardised(typename Of<Bytes>::Double raw, typename Of<Bytes>::Double value, typename Of<Bytes>::Long whole, typename Of<Bytes>::Double low, typename Of<Bytes>::Double high,
                                                      typename Of<Bytes>::Double mean, typename Of<Bytes>::Double slope, typename Of<Bytes>::Double least, typename Of<Bytes>::Long& outside) {
  using Double = typename Of<Bytes>::Double;
  const Double nearest = (raw + 6755399441055744.0) - 6755399441055744.0;
  const auto inside = (value >= low) & (value <= high) & (raw >= least) & (~whole | (nearest == raw));
  outside |= ~inside;
  const Double standard = ((value == value ? value : low) - mean) * slope;
  return least_of<Double>(most_of<Double>(standard, Double{} - farthest), Double{} + farthest);
}

/// One feature of rows to its input in [blocks][inputs][lanes]. Kind: 0 linear, 1 log, 2 log1p.
template <int Bytes, int Kind>
GNOMON_INLINE void column_body(const Plan::Table& t, long f, const double* from, long blocks, long apart, float* to, std::int64_t* outside) {
  using Double = typename Of<Bytes>::Double;
  using Long = typename Of<Bytes>::Long;
  constexpr int step = Of<Bytes>::doubles, vectors = lanes / step;
  const Double low = Double{} + t.low[f], high = Double{} + t.high[f], mean = Double{} + t.mean[f], slope = Double{} + t.slope[f], least = Double{} + t.least[f];
  const Long whole = Long{} + t.whole[f];
  for (long s = 0; s < blocks; ++s, from += lanes, to += apart, outside += lanes) {
    for (int v = 0; v < vectors; ++v) {
      const Double given = load<Bytes>(from + v * step);
      Double value = given;
      if constexpr (Kind == 1) value = of_log<Bytes>(given);
      if constexpr (Kind == 2) value = of_log1p<Bytes>(given);
      Long beyond = load_mask<Bytes>(outside + v * step);
      const Double standard = standardised<Bytes>(given, value, whole, low, high, mean, slope, least, beyond);
      store_mask<Bytes>(outside + v * step, beyond);
      *reinterpret_cast<typename Of<Bytes>::Half*>(to + v * step) = __builtin_convertvector(standard, typename Of<Bytes>::Half);
    }
  }
}

/// Numeric features, column by column. `raw`: the first row's first column; columns lie `stride` apart.
template <int Bytes>
GNOMON_INLINE void columns_body(const Plan::Table& t, const Eigen::Index* columns, const int* at, long count, const double* raw, long stride, long blocks, long inputs, float* x, std::int64_t* outside) {
  for (long f = 0; f < count; ++f) {
    const double* from = raw + columns[f] * stride;
    float* to = x + static_cast<long>(at[f]) * lanes;
    if (t.log[f] != 0) column_body<Bytes, 1>(t, f, from, blocks, inputs * lanes, to, outside);
    else if (t.log1p[f] != 0) column_body<Bytes, 2>(t, f, from, blocks, inputs * lanes, to, outside);
    else column_body<Bytes, 0>(t, f, from, blocks, inputs * lanes, to, outside);
  }
}

/// Numeric features of one row, side by side (padded), to inputs in their order. Whether one is outside.
template <int Bytes>
GNOMON_INLINE bool row_body(const Plan::Table& t, long count, const double* raw, float* x) {
  using Double = typename Of<Bytes>::Double;
  using Long = typename Of<Bytes>::Long;
  constexpr int step = Of<Bytes>::doubles;
  Long beyond{};
  for (long f = 0; f < count; f += step) {
    const Double given = load<Bytes>(raw + f);
    Double value = given;
    if (t.any_log) value = load_mask<Bytes>(&t.log[f]) != 0 ? of_log<Bytes>(given) : value;
    if (t.any_log1p) value = load_mask<Bytes>(&t.log1p[f]) != 0 ? of_log1p<Bytes>(given) : value;
    const Double standard = standardised<Bytes>(given, value, load_mask<Bytes>(&t.whole[f]), load<Bytes>(&t.low[f]), load<Bytes>(&t.high[f]), load<Bytes>(&t.mean[f]), load<Bytes>(&t.slope[f]),
                                                load<Bytes>(&t.least[f]), beyond);
    *reinterpret_cast<typename Of<Bytes>::Half*>(x + f) = __builtin_convertvector(standard, typename Of<Bytes>::Half);
  }
  bool any = false;
  for (int i = 0; i < step; ++i) any = any || beyond[i] != 0;
  return any;
}

/// What one place of the answers is made from: arrays side by side, rows of one target or targets of one row.
struct Places {
  const double *mean = nullptr, *spread = nullptr, *hurdle = nullptr;  // standardised, of learners; hurdle: 1 where there is none
  const double *value = nullptr, *relative = nullptr;                  // of terms
  const double* parameter[Plan::parameters] = {};
  double *centre = nullptr, *doubt = nullptr, *other = nullptr;         // between the two steps
  std::int64_t* inside = nullptr;
  double *out_mean = nullptr, *out_lower = nullptr, *out_upper = nullptr;
};

/// Parameters as they stand in a place's arrays (Each), or the same for all rows.
template <int Bytes, bool Each>
GNOMON_INLINE typename Of<Bytes>::Double get(const Places& p, Plan::Parameter k, long i) {
  if constexpr (Each) return load<Bytes>(p.parameter[k] + i);
  else return typename Of<Bytes>::Double{} + *p.parameter[k];
}

/// Answers in the target's scale; with `intervals` also the members' spread and the answer without a floor, and whether the spread is known.
template <int Bytes, bool Each>
GNOMON_INLINE void centre_body(const Places& p, long count, bool intervals, bool terms) {
  using Double = typename Of<Bytes>::Double;
  constexpr int step = Of<Bytes>::doubles;
  const auto par = [&](Plan::Parameter k, long i) __attribute__((always_inline)) { return get<Bytes, Each>(p, k, i); };
  for (long i = 0; i < count; i += step) {
    const Double deviation = par(Plan::deviation, i);
    Double centre = load<Bytes>(p.mean + i) * deviation + par(Plan::middle, i), other = centre;
    Double spread = intervals ? load<Bytes>(p.spread + i) * deviation : Double{};
    if (terms) {
      const auto has = par(Plan::has_term, i) != 0.0, log = par(Plan::is_log, i) != 0.0, log1p = par(Plan::is_log1p, i) != 0.0;
      const Double learned = least_of<Double>(most_of<Double>(centre, par(Plan::residual_low, i)), par(Plan::residual_high, i));
      const Double v = load<Bytes>(p.value + i), relative = load<Bytes>(p.relative + i), divisor = par(Plan::divisor, i);
      const Double floored = logarithm<Bytes>(most_of<Double>(v, par(Plan::least_value, i))), shifted = logarithm1p<Bytes>(v / divisor);
      const Double plain = log ? (v >= std::numeric_limits<double>::min() ? logarithm<Bytes>(v) : Double{} - infinity) : log1p ? shifted : v;
      const Double whole = log ? floored : log1p ? shifted : v;
      const Double doubt = log ? relative : log1p ? relative * v / (v + divisor) : relative * v;
      const Double narrow = least_of<Double>(spread, par(Plan::spread_most, i));
      other = has ? plain + learned : other;
      centre = has ? whole + learned : centre;
      store<Bytes>(p.doubt + i, has ? doubt : Double{});
      spread = has ? narrow : spread;
    }
    store<Bytes>(p.centre + i, centre);
    if (!intervals) continue;
    store<Bytes>(p.other + i, other);
    if (terms) {
      const Double d = load<Bytes>(p.doubt + i), squares = spread * spread + d * d;
      Double root{};
      for (int l = 0; l < step; ++l) root[l] = __builtin_sqrt(squares[l]);
      spread = d == 0.0 ? spread : root;
    }
    store<Bytes>(p.doubt + i, spread);
    store_mask<Bytes>(p.inside + i, load_mask<Bytes>(p.inside + i) & (spread <= par(Plan::spread_limit, i)));
  }
}

template <int Bytes, bool Each>
GNOMON_INLINE typename Of<Bytes>::Double back(typename Of<Bytes>::Double z, const Places& p, long i) {
  using Double = typename Of<Bytes>::Double;
  const Double most = get<Bytes, Each>(p, Plan::most, i);
  const auto linear = get<Bytes, Each>(p, Plan::is_linear, i) != 0.0, log = get<Bytes, Each>(p, Plan::is_log, i) != 0.0;
  const Double e = exponential<Bytes>(least_of<Double>(z, most));
  const Double shifted = most_of<Double>((e - 1.0) * get<Bytes, Each>(p, Plan::divisor, i), Double{});
  return linear ? least_of<Double>(most_of<Double>(z, -most), most) : log ? e : shifted;
}

/// std::round of numbers of either sign.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double rounded(typename Of<Bytes>::Double x) {
  using Double = typename Of<Bytes>::Double;
  const Double a = x < 0.0 ? -x : x;
  Double n = (a + 4503599627370496.0) - 4503599627370496.0;  // halves to the even one
  n = a - n == 0.5 ? n + 1.0 : n;
  n = a < 4503599627370496.0 ? n : a;
  return x < 0.0 ? -n : n;
}

/// As Finisher does it. False: an answer is not finite.
template <int Bytes, bool Each>
GNOMON_INLINE bool finish_body(const Places& p, long count, bool intervals) {
  using Double = typename Of<Bytes>::Double;
  using Long = typename Of<Bytes>::Long;
  constexpr int step = Of<Bytes>::doubles;
  const auto par = [&](Plan::Parameter k, long i) __attribute__((always_inline)) { return get<Bytes, Each>(p, k, i); };
  Long wrong{};
  for (long i = 0; i < count; i += step) {
    const Double centre = load<Bytes>(p.centre + i);
    const auto zero = load<Bytes>(p.hurdle + i) < 0.0;
    const Double z = least_of<Double>(most_of<Double>(centre, par(Plan::low, i)), par(Plan::high, i));
    const Double quantum = par(Plan::quantum, i), plain = zero ? Double{} : back<Bytes, Each>(z, p, i);
    const Double mean = quantum > 0.0 ? rounded<Bytes>(plain / (quantum > 0.0 ? quantum : Double{} + 1.0)) * quantum : plain;
    store<Bytes>(p.out_mean + i, mean);
    wrong |= (mean - mean) != 0.0;
    if (!intervals) continue;
    const auto term = par(Plan::has_term, i) != 0.0;
    const Double other = load<Bytes>(p.other + i), nothing{};
    Double half = (load_mask<Bytes>(p.inside + i) != 0 ? par(Plan::quantile, i) : par(Plan::quantile_outside, i)) * (load<Bytes>(p.doubt + i) + par(Plan::spread_floor, i));
    half = term ? least_of<Double>(half, par(Plan::widest, i)) : half;
    Double from = z - half, to = (zero ? nothing : z) + half;
    from = zero ? least_of<Double>(from, nothing) : from;
    from = term ? from : most_of<Double>(from, least_of<Double>(z, par(Plan::widest_low, i)));
    to = term ? to : least_of<Double>(to, most_of<Double>(z, par(Plan::widest_high, i)));
    from = least_of<Double>(from, least_of<Double>(centre, other));
    const Double upper = most_of<Double>(centre, other);
    to = most_of<Double>(to, zero ? nothing : upper);
    from = term ? from : most_of<Double>(from, par(Plan::least, i));
    to = term ? to : least_of<Double>(to, par(Plan::most_end, i));
    const Double lowest = least_of<Double>(mean, back<Bytes, Each>(from, p, i)), highest = most_of<Double>(mean, back<Bytes, Each>(to, p, i));
    store<Bytes>(p.out_lower + i, lowest);
    store<Bytes>(p.out_upper + i, highest);
    wrong |= ((lowest - lowest) != 0.0) | ((highest - highest) != 0.0);
  }
  bool any = false;
  for (int l = 0; l < step; ++l) any = any || wrong[l] != 0;
  return !any;
}

struct Kernels {
  void (*columns)(const Plan::Table&, const Eigen::Index*, const int*, long, const double*, long, long, long, float*, std::int64_t*) = nullptr;
  bool (*row)(const Plan::Table&, long, const double*, float*) = nullptr;
  void (*centre_rows)(const Places&, long, bool, bool) = nullptr;
  void (*centre_targets)(const Places&, long, bool, bool) = nullptr;
  bool (*finish_rows)(const Places&, long, bool) = nullptr;
  bool (*finish_targets)(const Places&, long, bool) = nullptr;
};

#define GNOMON_KERNELS(b, attributes)                                                                                                                                            \
  attributes void columns_##b(const Plan::Table& t, const Eigen::Index* c, const int* at, long n, const double* raw, long stride, long s, long in, float* x, std::int64_t* out) {    \
    columns_body<b>(t, c, at, n, raw, stride, s, in, x, out);                                                                                                                     \
  }                                                                                                                                                                               \
  attributes bool row_##b(const Plan::Table& t, long n, const double* raw, float* x) { return row_body<b>(t, n, raw, x); }                                                        \
  attributes void centre_rows_##b(const Places& p, long n, bool i, bool t) { centre_body<b, false>(p, n, i, t); }                                                                 \
  attributes void centre_targets_##b(const Places& p, long n, bool i, bool t) { centre_body<b, true>(p, n, i, t); }                                                               \
  attributes bool finish_rows_##b(const Places& p, long n, bool i) { return finish_body<b, false>(p, n, i); }                                                                     \
  attributes bool finish_targets_##b(const Places& p, long n, bool i) { return finish_body<b, true>(p, n, i); }                                                                   \
  constexpr Kernels kernels_##b{columns_##b, row_##b, centre_rows_##b, centre_targets_##b, finish_rows_##b, finish_targets_##b};
GNOMON_KERNELS(16, GNOMON_FOR_ANY)
#if GNOMON_WIDTHS
GNOMON_KERNELS(32, GNOMON_FOR_256)
GNOMON_KERNELS(64, GNOMON_FOR_512)
#endif
#undef GNOMON_KERNELS

const Kernels& kernels_of(int bytes) {
#if GNOMON_WIDTHS
  if (bytes == 64) return kernels_64;
  if (bytes == 32) return kernels_32;
#endif
  return kernels_16;
}

}  // namespace

/// Room of one thread.
struct LanePlan::Buffers {
  LaneFloats x, mean, spread, scratch;
  std::vector<double, LineAllocator<double>> raw, doubles;
  std::vector<std::int64_t> outside, inside;
  std::vector<double> features;
};

std::shared_ptr<const LanePlan> LanePlan::make(const ModelInfo& info, const Learners& learners, const std::vector<std::pair<double, double>>& ranges, const std::vector<Bound>& bounds, int bytes) {
  if (!info.node_features.empty() || !std::all_of(learners.begin(), learners.end(), [](const auto& l) { return l && l->by_lanes(); })) return nullptr;
  auto out = std::make_shared<LanePlan>();
  LanePlan& plan = *out;
  plan.bytes_ = bytes == 0 ? vector_bytes() : bytes;
  plan.features_ = info.features;
  plan.targets_ = info.targets.size();
  const auto add = [&](double low, double high, double mean, double slope, double least, int kind, bool whole) {
    Table& t = plan.table_;
    t.low.push_back(low), t.high.push_back(high), t.mean.push_back(mean), t.slope.push_back(slope), t.least.push_back(least);
    t.log.push_back(kind == 1 ? -1 : 0), t.log1p.push_back(kind == 2 ? -1 : 0), t.whole.push_back(whole ? -1 : 0);
    t.any_log = t.any_log || kind == 1;
    t.any_log1p = t.any_log1p || kind == 2;
  };
  int at = 0;
  for (std::size_t f = 0; f < info.features.size(); ++f) {
    const Feature& feature = info.features[f];
    const auto column = static_cast<Eigen::Index>(f);
    if (!feature.categories.empty()) {
      plan.words_.emplace_back(column, std::pair{at, static_cast<int>(feature.categories.size())});
      at += static_cast<int>(feature.categories.size());
      continue;
    }
    // Rows that lack a value are left to the general way.
    plan.columns_.push_back(column);
    plan.at_.push_back(at);
    const Bound& bound = bounds[f];
    const double smallest = bound.above ? std::nextafter(bound.least, infinity) : bound.least;
    add(ranges[f].first, ranges[f].second, feature.mean, 1 / feature.deviation, smallest, feature.scale == "log" ? 1 : feature.scale == "log1p" ? 2 : 0, bound.whole);
    at += feature.may_miss ? 2 : 1;
  }
  plan.inputs_ = at;
  while (plan.table_.low.size() % pad != 0) add(-infinity, infinity, 0, 0, -infinity, 0, false);

  plan.output_.assign(plan.targets_, -1);
  plan.hurdle_.assign(plan.targets_, -1);
  for (const gnomon::surrogate::Head& head : info.heads) {
    const int first = static_cast<int>(plan.outputs_);
    int hurdle = first + static_cast<int>(head.targets.size());
    for (std::size_t i = 0; i < head.targets.size(); ++i) {
      const auto t = static_cast<std::size_t>(head.targets[i]);
      plan.output_[t] = first + static_cast<int>(i);
      if (info.targets[t].hurdle) plan.hurdle_[t] = hurdle++;
    }
    plan.head_outputs_.push_back(static_cast<std::size_t>(hurdle - first));
    plan.outputs_ += plan.head_outputs_.back();
  }
  const std::size_t padded = (plan.targets_ + pad - 1) / pad * pad;
  for (auto& values : plan.of_target_) values.assign(padded, 0.0);
  for (std::size_t t = 0; t < padded; ++t) {
    // What stands behind the last target is one of the kind that no answer fails of.
    const auto set = [&](Parameter k, double value) { plan.of_target_[k][t] = value; };
    set(divisor, 1);
    set(is_linear, 1);
    if (t >= plan.targets_) continue;
    const Target& target = info.targets[t];
    const bool learned = plan.output_[t] >= 0;
    const Finisher finisher(target);
    set(divisor, finisher.divisor_), set(quantum, finisher.quantum_), set(quantile, finisher.quantile_), set(quantile_outside, finisher.quantile_outside_);
    set(spread_floor, finisher.floor_), set(most, finisher.most_), set(low, finisher.low_), set(high, finisher.high_);
    set(widest_low, finisher.widest_low_), set(widest_high, finisher.widest_high_), set(widest, finisher.widest_);
    set(least, finisher.least_), set(most_end, finisher.most_end_);
    set(deviation, target.deviation);
    set(middle, target.mean);
    set(spread_limit, target.spread_limit);
    set(is_linear, target.scale == "linear");
    set(is_log, target.scale == "log");
    set(is_log1p, target.scale == "log1p");
    set(has_term, !target.term.empty());
    auto [smallest, greatest] = residual_bounds(target);
    // Without a learner what is added to the term is the mean of its residuals.
    if (target.family.empty() || !learned) smallest = -infinity, greatest = infinity;
    set(residual_low, smallest);
    set(residual_high, greatest);
    set(spread_most, greatest - smallest);
    set(least_value, 1e-3 * target.low);
    plan.terms_.push_back(target.term);
    Simple simple;
    if (target.term.trees.size() == 1 && target.term.trees[0].nodes.size() == 1) {
      const auto& products = target.term.trees[0].nodes[0].products;
      if (products.size() == 1 && products[0].factors.size() == 1) {
        const TermFactor& factor = products[0].factors[0];
        if (factor.power == 1 && factor.step == 0 && factor.blocks == 0 && info.features[static_cast<std::size_t>(factor.feature)].categories.empty())
          simple = {factor.feature, products[0].coefficient, info.features[static_cast<std::size_t>(factor.feature)].low};
      }
    }
    plan.simple_.push_back(simple);
    plan.any_term_ = plan.any_term_ || !target.term.empty();
  }
  return out;
}

void LanePlan::term(std::size_t target, const RealMatrix& x, Eigen::Index first, Eigen::Index count, std::vector<double>& scratch, double* value, double* relative) const {
  const Simple& simple = simple_[target];
  if (simple.feature >= 0) {
    const double* from = x.data() + simple.feature * x.outerStride() + first;
    for (Eigen::Index i = 0; i < count; ++i) {
      const double given = !(from[i] > 0) && simple.low > 0 ? simple.low : from[i];
      const double sum = simple.coefficient * given;
      value[i] = std::isfinite(sum) ? std::max(0.0, sum) : 0.0;
      relative[i] = 0;
    }
    return;
  }
  scratch.resize(features_.size());
  for (Eigen::Index i = 0; i < count; ++i) {
    for (std::size_t f = 0; f < features_.size(); ++f) {
      const double given = x(first + i, static_cast<Eigen::Index>(f));
      scratch[f] = features_[f].categories.empty() && !(given > 0) && features_[f].low > 0 ? features_[f].low : given;
    }
    terms_[target].evaluate(scratch.data(), value[i], relative[i]);
  }
}

bool LanePlan::fill_words(const RealMatrix& x, Eigen::Index first, Eigen::Index count, int apart, float* in, std::int64_t* beyond) const {
  bool known = true;
  for (const auto& [column, inputs] : words_) {
    const double* from = x.data() + column * x.outerStride() + first;
    std::fill_n(in + static_cast<long>(inputs.first) * apart, static_cast<long>(inputs.second) * apart, 0.0F);
    for (Eigen::Index i = 0; i < count; ++i) {
      if (from[i] >= 0 && from[i] < inputs.second && from[i] == static_cast<double>(static_cast<int>(from[i]))) {
        in[static_cast<long>(inputs.first + static_cast<int>(from[i])) * apart + i] = 1;
      } else {
        known = false;
        if (beyond) beyond[i] = -1;
      }
    }
  }
  return known;
}

void LanePlan::block(const RealMatrix& x, Eigen::Index first, Eigen::Index count, const Learners& learners, const Answers& to, Buffers& b, std::vector<Eigen::Index>& outside, bool& finite) const {
  const Kernels& kernels = kernels_of(bytes_);
  const auto blocks = static_cast<std::size_t>((count + lanes - 1) / lanes);
  const std::size_t in = static_cast<std::size_t>(inputs_) * lanes, each = outputs_ * lanes;
  const bool intervals = to.lower != nullptr;
  const Eigen::Index stride = x.outerStride();
  if (b.x.size() < blocks * in) b.x.resize(blocks * in);
  if (b.mean.size() < blocks * each) b.mean.resize(blocks * each), b.spread.resize(blocks * each);
  b.outside.assign(blocks * lanes, 0);
  const auto numbers = static_cast<long>(columns_.size());
  const std::size_t whole = static_cast<std::size_t>(count / lanes);
  kernels.columns(table_, columns_.data(), at_.data(), numbers, x.data() + first, stride, static_cast<long>(whole), inputs_, b.x.data(), b.outside.data());
  for (std::size_t s = 0; s < blocks; ++s) {
    float* inputs = b.x.data() + s * in;
    const Eigen::Index at = first + static_cast<Eigen::Index>(s) * lanes, rows = std::min<Eigen::Index>(lanes, first + count - at);
    for (std::size_t f = 0; f < columns_.size(); ++f)
      if (features_[static_cast<std::size_t>(columns_[f])].may_miss) std::fill_n(inputs + static_cast<long>(at_[f] + 1) * lanes, lanes, 0.0F);
    if (s >= whole) {
      // The last rows, and copies of the first of them up to a whole block.
      b.raw.resize(static_cast<std::size_t>(x.cols()) * lanes);
      for (Eigen::Index c = 0; c < x.cols(); ++c)
        for (Eigen::Index i = 0; i < lanes; ++i) b.raw[static_cast<std::size_t>(c * lanes + i)] = x(at + (i < rows ? i : 0), c);
      kernels.columns(table_, columns_.data(), at_.data(), numbers, b.raw.data(), lanes, 1, inputs_, inputs, b.outside.data() + s * lanes);
    }
    fill_words(x, at, rows, lanes, inputs, b.outside.data() + s * lanes);
    if (rows < lanes)
      for (const auto& [column, words] : words_)
        for (int w = 0; w < words.second; ++w) std::fill(inputs + static_cast<long>(words.first + w) * lanes + rows, inputs + static_cast<long>(words.first + w + 1) * lanes, 0.0F);
  }
  std::size_t from = 0;
  for (std::size_t h = 0; h < learners.size(); ++h) {
    learners[h]->predict_lanes(b.x.data(), blocks, b.mean.data() + from * blocks * lanes, intervals ? b.spread.data() + from * blocks * lanes : nullptr, b.scratch);
    from += head_outputs_[h];
  }
  // An output's place: heads one after the other, in each [blocks][outputs][lanes].
  const auto place = [&](int output, std::size_t s) {
    std::size_t head = 0, before = 0;
    const auto o = static_cast<std::size_t>(output);
    while (before + head_outputs_[head] <= o) before += head_outputs_[head++];
    return before * blocks * lanes + (s * head_outputs_[head] + o - before) * lanes;
  };
  for (Eigen::Index i = 0; i < count; ++i)
    if (b.outside[static_cast<std::size_t>(i)] != 0) outside.push_back(first + i);
  b.doubles.resize(static_cast<std::size_t>(11 * lanes));
  b.inside.assign(blocks * lanes, -1);
  double* const room = b.doubles.data();
  double *mean = room, *spread = room + lanes, *hurdle = room + 2 * lanes, *value = room + 3 * lanes, *relative = room + 4 * lanes;
  Places p;
  p.mean = mean, p.spread = spread, p.hurdle = hurdle, p.value = value, p.relative = relative;
  p.centre = room + 5 * lanes, p.doubt = room + 6 * lanes, p.other = room + 7 * lanes;
  p.out_mean = room + 8 * lanes, p.out_lower = room + 9 * lanes, p.out_upper = room + 10 * lanes;
  for (std::size_t t = 0; t < targets_; ++t) {
    for (std::size_t k = 0; k < parameters; ++k) p.parameter[k] = &of_target_[k][t];
    const bool has = !terms_[t].empty();
    for (std::size_t s = 0; s < blocks; ++s) {
      const Eigen::Index at = first + static_cast<Eigen::Index>(s) * lanes, rows = std::min<Eigen::Index>(lanes, first + count - at);
      if (output_[t] >= 0) {
        const float *m = b.mean.data() + place(output_[t], s), *d = b.spread.data() + place(output_[t], s);
        for (int i = 0; i < lanes; ++i) mean[i] = m[i];
        for (int i = 0; intervals && i < lanes; ++i) spread[i] = d[i];
      } else {
        std::fill_n(mean, lanes, 0.0);
        std::fill_n(spread, lanes, 0.0);
      }
      std::fill_n(hurdle, lanes, 1.0);
      if (hurdle_[t] >= 0) std::copy_n(b.mean.data() + place(hurdle_[t], s), lanes, hurdle);
      if (has) {
        term(t, x, at, rows, b.features, value, relative);
        std::fill(value + rows, value + lanes, rows > 0 ? value[0] : 1.0);
        std::fill(relative + rows, relative + lanes, 0.0);
      }
      p.inside = b.inside.data() + s * lanes;
      kernels.centre_rows(p, lanes, intervals, has);
      const bool sound = kernels.finish_rows(p, lanes, intervals);
      std::copy_n(p.out_mean, rows, to.mean + static_cast<Eigen::Index>(t) * stride + at);
      if (intervals) {
        std::copy_n(p.out_lower, rows, to.lower + static_cast<Eigen::Index>(t) * stride + at);
        std::copy_n(p.out_upper, rows, to.upper + static_cast<Eigen::Index>(t) * stride + at);
      }
      if (sound) continue;
      // Answers of rows outside are not this way's.
      for (Eigen::Index i = 0; i < rows; ++i) {
        const bool fine = std::isfinite(p.out_mean[i]) && (!intervals || (std::isfinite(p.out_lower[i]) && std::isfinite(p.out_upper[i])));
        if (!fine && b.outside[s * lanes + static_cast<std::size_t>(i)] == 0) finite = false;
      }
    }
  }
  for (Eigen::Index i = 0; intervals && i < count; ++i) to.in_range[first + i] = b.inside[static_cast<std::size_t>(i)] != 0 ? 1 : 0;
}

void LanePlan::row(const RealMatrix& x, Eigen::Index at, const Learners& learners, const Answers& to, Buffers& b, std::vector<Eigen::Index>& outside, bool& finite) const {
  const Kernels& kernels = kernels_of(bytes_);
  const bool intervals = to.lower != nullptr;
  const Eigen::Index stride = x.outerStride();
  const std::size_t features = table_.low.size(), numbers = columns_.size();
  if (b.raw.size() < features) b.raw.resize(features);
  const std::size_t in = static_cast<std::size_t>(inputs_);
  if (b.x.size() < in + features) b.x.resize(in + features);
  if (b.mean.size() < outputs_) b.mean.resize(outputs_), b.spread.resize(outputs_);
  for (std::size_t f = 0; f < numbers; ++f) b.raw[f] = x.data()[columns_[f] * stride + at];
  std::fill(b.raw.begin() + static_cast<std::ptrdiff_t>(numbers), b.raw.begin() + static_cast<std::ptrdiff_t>(features), 0.0);
  float* const standard = b.x.data() + in;
  const bool beyond = kernels.row(table_, static_cast<long>(features), b.raw.data(), standard);
  for (std::size_t f = 0; f < numbers; ++f) {
    b.x[static_cast<std::size_t>(at_[f])] = standard[f];
    if (features_[static_cast<std::size_t>(columns_[f])].may_miss) b.x[static_cast<std::size_t>(at_[f]) + 1] = 0;
  }
  if (!fill_words(x, at, 1, 1, b.x.data(), nullptr) || beyond) {
    outside.push_back(at);
    return;
  }
  std::size_t from = 0;
  for (std::size_t h = 0; h < learners.size(); ++h) {
    learners[h]->predict_row(b.x.data(), b.mean.data() + from, intervals ? b.spread.data() + from : nullptr, b.scratch);
    from += head_outputs_[h];
  }
  const std::size_t padded = of_target_[0].size();
  b.doubles.resize(11 * padded);
  b.inside.assign(padded, -1);
  double* const room = b.doubles.data();
  const auto part = [&](std::size_t k) { return room + k * padded; };
  Places p;
  double *mean = part(0), *spread = part(1), *hurdle = part(2), *value = part(3), *relative = part(4);
  p.mean = mean, p.spread = spread, p.hurdle = hurdle, p.value = value, p.relative = relative;
  p.centre = part(5), p.doubt = part(6), p.other = part(7), p.out_mean = part(8), p.out_lower = part(9), p.out_upper = part(10);
  p.inside = b.inside.data();
  for (std::size_t k = 0; k < parameters; ++k) p.parameter[k] = of_target_[k].data();
  for (std::size_t t = 0; t < padded; ++t) {
    const int output = t < targets_ ? output_[t] : -1;
    mean[t] = output >= 0 ? b.mean[static_cast<std::size_t>(output)] : 0.0;
    spread[t] = output >= 0 && intervals ? b.spread[static_cast<std::size_t>(output)] : 0.0;
    hurdle[t] = t < targets_ && hurdle_[t] >= 0 ? b.mean[static_cast<std::size_t>(hurdle_[t])] : 1.0;
    value[t] = 1;
    relative[t] = 0;
    if (t < targets_ && !terms_[t].empty()) term(t, x, at, 1, b.features, value + t, relative + t);
  }
  kernels.centre_targets(p, static_cast<long>(padded), intervals, any_term_);
  // A target's interval knows of the spreads of those before it, as Model::predict has it.
  for (std::size_t t = 1; intervals && t < targets_; ++t) b.inside[t] &= b.inside[t - 1];
  if (!kernels.finish_targets(p, static_cast<long>(padded), intervals)) finite = false;
  for (std::size_t t = 0; t < targets_; ++t) {
    const auto place = static_cast<Eigen::Index>(t) * stride + at;
    to.mean[place] = p.out_mean[t];
    if (!intervals) continue;
    to.lower[place] = p.out_lower[t];
    to.upper[place] = p.out_upper[t];
  }
  if (intervals) to.in_range[at] = b.inside[targets_ - 1] != 0 ? 1 : 0;
}

bool LanePlan::answer(const RealMatrix& x, const Learners& learners, const Answers& to, std::vector<Eigen::Index>& outside) const {
  thread_local Buffers buffers;
  bool finite = true;
  const Eigen::Index n = x.rows();
  for (Eigen::Index first = 0; first < n; first += block_rows) {
    const Eigen::Index count = std::min(block_rows, n - first), whole = count % lanes <= few_rows ? count / lanes * lanes : count;
    if (whole > 0) block(x, first, whole, learners, to, buffers, outside, finite);
    for (Eigen::Index r = first + whole; r < first + count; ++r) row(x, r, learners, to, buffers, outside, finite);
  }
  return finite;
}

}  // namespace gnomon::surrogate
