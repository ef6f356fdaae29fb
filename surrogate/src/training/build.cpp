#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "models/scaling.hpp"
#include "training/checkpoints.hpp"
#include "training/trainer.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Moments {
  double low = 0, high = 0, mean = 0, deviation = 1;
};
/// Of scaled values; NaN is left out.
template <class Values, class Scale>
Moments moments_of(const Values& values, const Scale& scale) {
  Moments out;
  double sum = 0, squares = 0, n = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    if (n == 0) out.low = out.high = value;
    out.low = std::min(out.low, value);
    out.high = std::max(out.high, value);
    sum += scale(value);
    n += 1;
  }
  if (n == 0) return out;
  out.mean = sum / n;
  for (const double value : values) {
    if (!std::isnan(value)) squares += (scale(value) - out.mean) * (scale(value) - out.mean);
  }
  const double deviation = std::sqrt(squares / n);
  // A constant column stays at 0 whatever its rounding noise.
  out.deviation = deviation > 1e-12 * (1 + std::abs(out.mean)) ? deviation : 1.0;
  return out;
}

/// The feature with the range and moments of some rows only.
void restrict_to(Feature& feature, const RealMatrix& x, Eigen::Index column) {
  if (!feature.categories.empty()) return;
  std::vector<double> values(x.col(column).begin(), x.col(column).end());
  const Moments m = moments_of(values, [&](double v) {
    const double scaled = to_scale(feature.scale, 1, v);
    return std::isnan(scaled) ? 0.0 : scaled;
  });
  feature.low = m.low;
  feature.high = m.high;
  feature.mean = m.mean;
  feature.deviation = m.deviation;
}

/// Labels of tools are repeatable. In a table of this many rows what one row says is worth a leaf of its own; in smaller ones leaves of several rows, drawn
/// to the mean, answer better what lies between.
constexpr std::size_t fine_rows = 2000;

std::string learner_options(const TrainOptions& options, const std::string& family, bool quick, std::size_t rows) {
  const std::string plain = "{}";
  if (!options.learner_options.empty()) return options.learner_options;
  if (family == "ensemble") {
    const int members = quick ? std::min(options.members, 3) : options.members;
    std::string hidden;
    for (const int width : options.hidden) hidden += (hidden.empty() ? "" : ", ") + std::to_string(width);
    return "{\"members\": " + std::to_string(members) + ", \"hidden\": [" + hidden + "], \"activation\": \"" + options.activation +
           "\", \"max_epochs\": " + std::to_string(quick ? std::min(options.max_epochs, 100) : options.max_epochs) + "}";
  }
  if (family == "trees") {
    // Time goes by leaves and thresholds; for comparing, fewer and coarser ones do.
    if (rows >= fine_rows) return std::string(quick ? R"({"members": 2, "rounds": 120, "learning_rate": 0.2, "bins": 64, )" : "{") + R"("leaf_rows": 1, "leaf_penalty": 0.05})";
    return quick ? R"({"members": 2, "rounds": 250, "learning_rate": 0.1})" : plain;
  }
  if (family == "process") return quick ? R"({"fit_rows": 80})" : plain;
  if (family == "blend") {
    return R"({"parts": [{"family": "ensemble", "structure": )" + learner_options(options, "ensemble", quick, rows) + R"(}, {"family": "trees", "structure": )" +
           learner_options(options, "trees", quick, rows) + "}]}";
  }
  return plain;
}

}  // namespace

Encoded rows_of(const Encoded& encoded, const Rows& rows) {
  Encoded out;
  out.rows = encoded.rows(std::vector<Eigen::Index>(rows.begin(), rows.end()), Eigen::all);
  if (encoded.node_first.size() < 2) return out;
  std::vector<Eigen::Index> nodes;
  for (const std::size_t row : rows) {
    const std::int32_t shift = static_cast<std::int32_t>(nodes.size()) - encoded.node_first[row];
    for (std::int32_t n = encoded.node_first[row]; n < encoded.node_first[row + 1]; ++n) nodes.push_back(n);
    for (std::int32_t e = encoded.edge_first[row]; e < encoded.edge_first[row + 1]; ++e) {
      const auto& [from, to] = encoded.edges[static_cast<std::size_t>(e)];
      out.edges.emplace_back(from + shift, to + shift);
    }
    out.node_first.push_back(static_cast<std::int32_t>(nodes.size()));
    out.edge_first.push_back(static_cast<std::int32_t>(out.edges.size()));
  }
  out.nodes = encoded.nodes(nodes, Eigen::all);
  return out;
}

std::int64_t analytical_feature(const TrainingData& data, std::size_t target) {
  const Target& wanted = data.targets[target];
  for (std::size_t f = 0; f < data.features.size(); ++f) {
    const Feature& feature = data.features[f];
    if (feature.name == "analytical_" + wanted.name && feature.categories.empty() && !feature.may_miss && feature.unit == wanted.unit && feature.low >= 0) return static_cast<std::int64_t>(f);
  }
  return -1;
}

std::vector<std::vector<PhysicalTerm>> Trainer::terms(const TrainingData& data, const TrainOptions& options, const Rows& rows,
                                                      const std::vector<Variant>& wanted, int trees, const std::string& piece) {
  // In logarithms of the number of rows: true regimes gain hundreds, chance tens.
  constexpr double split_costs[] = {30, 6};
  std::vector<std::vector<PhysicalTerm>> out(3);
  if (data.checkpoints) {
    if (const auto kept = data.checkpoints->find(piece)) {
      auto terms = read_terms(*kept, data.features.size());
      if (terms && terms->size() == out.size()) return std::move(*terms);
      data.checkpoints->useless(piece);
    }
  }
  const std::vector<Eigen::Index> index(rows.begin(), rows.end());
  const RealMatrix x = data.encoded.rows(index, Eigen::all);
  std::vector<std::size_t> group;
  std::map<std::size_t, std::size_t> numbers;
  for (const std::size_t row : rows) group.push_back(numbers.emplace(data.columns.group[row], numbers.size()).first->second);
  for (int kind = 1; kind <= 2; ++kind) {
    if (std::none_of(wanted.begin(), wanted.end(), [&](const Variant& v) { return v.term == kind; })) continue;
    for (std::size_t t = 0; t < data.targets.size(); ++t) {
      const RealVector y = data.columns.labels.col(static_cast<Eigen::Index>(t))(index);
      out[static_cast<std::size_t>(kind) - 1].push_back(
          fit_term(x, data.features, y, group, numbers.size(), derive(options.seed, "term"), trees, split_costs[kind - 1]));
    }
  }
  for (std::size_t t = 0; t < data.targets.size(); ++t) {
    const std::int64_t feature = analytical_feature(data, t);
    out[2].push_back(feature < 0 ? PhysicalTerm{} : PhysicalTerm{{{{{-1, -1, 0, -1, -1, {{1, {{feature, 1, 0, 0}}}}}}}}});
  }
  if (data.checkpoints) data.checkpoints->put(piece, terms_bytes(out));
  return out;
}

namespace {

/// Families whose weights in a file are all that they are; the others learn anew, in little time.
bool keeps_whole(const std::string& family) { return family == "ensemble" || family == "trees" || family == "graph" || family == "transformer"; }

/// A learner that was kept, or nothing.
std::unique_ptr<Learner> kept_learner(Checkpoints& checkpoints, const std::string& piece, const std::string& family, const Learner::Shape& shape) {
  const auto bytes = checkpoints.find(piece);
  if (!bytes) return nullptr;
  const std::size_t line = bytes->find('\n');
  if (line != bytes->npos && (bytes->size() - line - 1) % sizeof(float) == 0) {
    const std::string structure = bytes->substr(0, line);
    std::vector<float> weights((bytes->size() - line - 1) / sizeof(float));
    std::memcpy(weights.data(), bytes->data() + line + 1, weights.size() * sizeof(float));
    auto learner = make_learner(family, structure);
    if (learner && (*learner)->load(structure, weights, shape, piece)) return std::move(*learner);
  }
  checkpoints.useless(piece);
  return nullptr;
}

}  // namespace

Expected<Model> Trainer::build(const TrainingData& data, const TrainOptions& options, const Rows& rows, const std::vector<Variant>& choice,
                               const std::vector<std::vector<PhysicalTerm>>& terms, bool quick, int threads, const std::string& piece) {
  Model model;
  ModelInfo& info = model.info_;
  info.level = options.level;
  info.seed = options.seed;
  info.label_kind = options.label_kind;
  info.label_tool = options.label_tool;
  info.group = options.group;
  info.features = data.features;
  info.targets = data.targets;
  const bool nodes = std::any_of(choice.begin(), choice.end(), [](const Variant& v) {
    const auto& known = learner_families();
    return std::any_of(known.begin(), known.end(), [&](const LearnerFamily& f) { return f.name == v.family && f.needs_nodes; });
  });
  const Encoded part = rows_of(data.encoded, rows);
  for (std::size_t f = 0; f < info.features.size(); ++f) restrict_to(info.features[f], part.rows, static_cast<Eigen::Index>(f));
  if (nodes) {
    info.node_features = data.node_features;
    info.node_key = options.node_key;
    for (std::size_t f = 0; f < info.node_features.size(); ++f) restrict_to(info.node_features[f], part.nodes, static_cast<Eigen::Index>(f));
  }
  const auto n = static_cast<Eigen::Index>(rows.size());
  std::vector<std::uint8_t> ignored(rows.size(), 1);
  const Samples samples = model.samples(part, 0, n, ignored.data());
  std::vector<std::size_t> group;
  std::map<std::size_t, std::size_t> numbers;
  for (const std::size_t row : rows) group.push_back(numbers.emplace(data.columns.group[row], numbers.size()).first->second);

  // Labels as the learners see them, [targets, rows], and whether a count is there at all.
  Batch labels(static_cast<Eigen::Index>(info.targets.size()), n), present = labels;
  std::vector<double> raw(info.features.size());
  for (std::size_t t = 0; t < info.targets.size(); ++t) {
    Target& target = info.targets[t];
    const auto at = static_cast<Eigen::Index>(t);
    target.family = choice[t].family;
    target.hurdle = choice[t].hurdle;
    const auto kind = static_cast<std::size_t>(choice[t].term);
    target.term = kind > 0 && kind <= terms.size() && t < terms[kind - 1].size() ? terms[kind - 1][t] : PhysicalTerm{};
    std::vector<double> values, plain;
    for (Eigen::Index i = 0; i < n; ++i) {
      const double label = data.columns.labels(static_cast<Eigen::Index>(rows[static_cast<std::size_t>(i)]), at);
      plain.push_back(label);
      double z = to_scale(target.scale, target.divisor, label);
      present(at, i) = std::isnan(label) ? std::numeric_limits<float>::quiet_NaN() : label > 0 ? 1.0F : -1.0F;
      if (target.hurdle && !(label > 0)) z = nan;
      if (!target.term.empty() && !std::isnan(z)) {
        for (std::size_t f = 0; f < raw.size(); ++f) raw[f] = part.rows(i, static_cast<Eigen::Index>(f));
        z -= scaled_term(target, info.features, raw.data()).value;
      }
      values.push_back(z);
    }
    const Moments range = moments_of(plain, [](double v) { return v; });
    const Moments m = moments_of(values, [](double v) { return v; });
    target.low = range.low;
    target.high = range.high;
    target.mean = target.family.empty() ? 0 : m.mean;
    target.deviation = m.deviation;
    if (!target.term.empty()) {
      target.residual_low = m.low;
      target.residual_high = m.high;
    }
    for (Eigen::Index i = 0; i < n; ++i) labels(at, i) = static_cast<float>((values[static_cast<std::size_t>(i)] - m.mean) / m.deviation);
  }

  std::map<std::string, std::vector<std::int64_t>> by_family;
  for (std::size_t t = 0; t < choice.size(); ++t) {
    if (!choice[t].family.empty()) by_family[choice[t].family].push_back(static_cast<std::int64_t>(t));
  }
  for (const auto& [family, targets] : by_family) {
    Head head;
    head.family = family;
    head.targets = targets;
    std::vector<Eigen::Index> first(targets.begin(), targets.end()), second;
    for (const std::int64_t t : targets) {
      if (info.targets[static_cast<std::size_t>(t)].hurdle) second.push_back(t);
    }
    Batch wanted(static_cast<Eigen::Index>(first.size() + second.size()), n);
    wanted.topRows(static_cast<Eigen::Index>(first.size())) = labels(first, Eigen::all);
    wanted.bottomRows(static_cast<Eigen::Index>(second.size())) = present(second, Eigen::all);
    Lesson lesson{samples, wanted, group, numbers.size(), derive(options.seed, family), threads, {}};
    for (const std::int64_t t : targets) {
      const Target& target = info.targets[static_cast<std::size_t>(t)];
      lesson.scales.push_back({target.scale != "linear" && target.term.empty(), target.mean, target.deviation});
    }
    for (std::size_t i = 0; i < second.size(); ++i) lesson.scales.push_back({});
    const bool keep = data.checkpoints != nullptr && !piece.empty();
    const std::string name = piece + "/" + family;
    std::unique_ptr<Learner> learner;
    if (keep && keeps_whole(family)) {
      learner = kept_learner(*data.checkpoints, name, family, {static_cast<int>(samples.x.rows()), static_cast<int>(samples.nodes.x.rows()), static_cast<int>(wanted.rows())});
    }
    const bool found = learner != nullptr;
    if (!found) {
      auto made = make_learner(family, learner_options(options, family, quick, data.columns.rows.size()));
      if (!made) return fail(std::move(made.error()));
      learner = std::move(*made);
      if (keep) {
        lesson.pieces = data.checkpoints;
        lesson.piece = name;
      }
      if (auto fitted = learner->fit(lesson); !fitted) return fail(std::move(fitted.error()));
    }
    head.structure = learner->structure();
    std::vector<float> weights;
    learner->append_weights(weights);
    if (keep && keeps_whole(family) && !found) {
      data.checkpoints->put(name, head.structure + "\n" + std::string(reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float)));
    }
    head.weights = static_cast<std::int64_t>(weights.size());
    info.heads.push_back(std::move(head));
    model.learners_.push_back(std::move(learner));
  }
  return model;
}

std::vector<std::vector<HeldOut>> Trainer::answers(const Model& model, const TrainingData& data, const Rows& learned, const Rows& rows) {
  std::vector<std::vector<HeldOut>> out(data.targets.size());
  if (rows.empty()) return out;
  Encoded part = rows_of(data.encoded, rows);
  // Words that the learned rows lack are words never seen.
  for (std::size_t f = 0; f < data.features.size(); ++f) {
    if (data.features[f].categories.empty()) continue;
    std::set<double> seen;
    for (const std::size_t row : learned) seen.insert(data.encoded.rows(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(f)));
    for (double& code : part.rows.col(static_cast<Eigen::Index>(f))) code = seen.contains(code) ? code : -1;
  }
  std::vector<std::uint8_t> inside(rows.size(), 1);
  const Model::Scaled answer = model.scaled(part, 0, part.rows.rows(), inside.data(), true);
  for (std::size_t t = 0; t < data.targets.size(); ++t) {
    const Target& target = data.targets[t];
    const auto at = static_cast<Eigen::Index>(t);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto column = static_cast<Eigen::Index>(i);
      const double truth = to_scale(target.scale, target.divisor, data.columns.labels(static_cast<Eigen::Index>(rows[i]), at));
      out[t].push_back({rows[i], truth, answer.at(at, column), inside[i] != 0});
    }
  }
  return out;
}

}  // namespace gnomon::surrogate
