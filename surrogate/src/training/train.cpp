#include "gnomon/surrogate/train.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>
#include <thread>

#include "gnomon/base/adam.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "training/columns.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;
using Rows = std::vector<std::size_t>;

struct Split {
  Rows training, calibration, test;
};

/// Deals whole groups: first to test, then to calibration, each until it has its share of rows, the rest to training, which keeps one at least.
Split deal(const Columns& columns, const TrainOptions& options) {
  std::vector<std::size_t> order(columns.groups);
  for (std::size_t g = 0; g < order.size(); ++g) order[g] = g;
  Random(derive(options.seed, "split")).shuffle(order);
  std::vector<std::size_t> size(columns.groups, 0);
  for (const std::size_t row : columns.rows) ++size[columns.group[row]];

  enum Part : char { to_training, to_calibration, to_test };
  std::vector<Part> part(columns.groups, to_training);
  const auto rows = static_cast<double>(columns.rows.size());
  std::size_t next = 0;
  const auto take = [&](Part to, double fraction, std::size_t keep) {
    double taken = 0;
    while (next + keep < order.size() && taken < fraction * rows) {
      taken += static_cast<double>(size[order[next]]);
      part[order[next++]] = to;
    }
  };
  // With few groups none can be spared for the test.
  if (columns.groups >= 5) take(to_test, options.test_fraction, 4);
  take(to_calibration, options.calibration_fraction, 1);

  Split split;
  for (const std::size_t row : columns.rows) {
    const Part to = part[columns.group[row]];
    (to == to_training ? split.training : to == to_calibration ? split.calibration : split.test).push_back(row);
  }
  return split;
}

/// The (1 - alpha) quantile of scores with the finite-sample correction for `groups` independent groups; the largest where there are too few.
double conformal_quantile(std::vector<double> scores, std::size_t groups, double level) {
  if (scores.empty()) return 0;
  std::sort(scores.begin(), scores.end());
  const double corrected = level * (1 + 1 / static_cast<double>(std::max<std::size_t>(groups, 1)));
  const double rank = std::ceil(corrected * static_cast<double>(scores.size()));
  return scores[std::min(scores.size(), std::max<std::size_t>(1, static_cast<std::size_t>(rank))) - 1];
}

/// Standardised labels [targets, rows]; NaN where missing.
Batch standard_labels(const RealMatrix& labels, const std::vector<Target>& targets, const Rows& rows) {
  Batch out(static_cast<Eigen::Index>(targets.size()), static_cast<Eigen::Index>(rows.size()));
  for (std::size_t t = 0; t < targets.size(); ++t) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double value = labels(static_cast<Eigen::Index>(rows[i]), static_cast<Eigen::Index>(t));
      const double scaled = to_scale(targets[t].scale, targets[t].divisor, value);
      out(static_cast<Eigen::Index>(t), static_cast<Eigen::Index>(i)) = static_cast<float>((scaled - targets[t].mean) / targets[t].deviation);
    }
  }
  return out;
}

/// Ridge regression of each target on the inputs and a constant, over the rows that have a label.
Mlp<float> fit_base(const Batch& in, const Batch& labels) {
  const Eigen::Index inputs = in.rows(), targets = labels.rows();
  Mlp<float> base({static_cast<int>(inputs), static_cast<int>(targets)}, Activation::linear, 0);
  base.parameters().setZero();
  Eigen::Map<Batch> weights(base.parameters().data(), targets, inputs);
  auto bias = base.parameters().tail(targets);
  RealMatrix x(inputs + 1, in.cols());
  x.topRows(inputs) = in.cast<double>();
  x.row(inputs).setOnes();
  for (Eigen::Index t = 0; t < targets; ++t) {
    const RealVector present = labels.row(t).transpose().unaryExpr([](float v) { return std::isnan(v) ? 0.0F : 1.0F; }).cast<double>();
    const RealVector y = labels.row(t).transpose().unaryExpr([](float v) { return std::isnan(v) ? 0.0F : v; }).cast<double>();
    RealMatrix gram = RealMatrix::Zero(inputs + 1, inputs + 1);
    const RealMatrix weighted = x * present.asDiagonal();
    gram.noalias() = weighted * x.transpose();
    const double ridge = 1e-3 * std::max(1.0, present.sum());
    gram.diagonal().head(inputs).array() += ridge;
    gram(inputs, inputs) += 1e-9 * std::max(1.0, present.sum());
    const RealVector solution = Eigen::LDLT<RealMatrix>(gram).solve(x * y);
    if (!solution.allFinite()) continue;
    weights.row(t) = solution.head(inputs).transpose().cast<float>();
    bias[t] = static_cast<float>(solution[inputs]);
  }
  return base;
}

/// Gradient of the mean squared error over the labels present; returns the error.
double squared_error(const Batch& out, const Batch& labels, Batch* gradient) {
  const auto present = labels.array().isNaN().select(0.0F, Batch::Ones(labels.rows(), labels.cols()).array()).eval();
  const auto count = static_cast<float>(std::max(1.0F, present.sum()));
  const Batch difference = labels.array().isNaN().select(0.0F, out.array() - labels.array());
  if (gradient) *gradient = difference / (0.5F * count);
  return static_cast<double>(difference.squaredNorm()) / static_cast<double>(count);
}

struct Lesson {
  const Batch& in;      // [inputs, training rows]
  const Batch& labels;  // what the base leaves, [targets, training rows]
  const std::vector<std::size_t>& group;  // of each training row
  std::size_t groups = 0;
};

Batch columns_of(const Batch& from, const std::vector<Eigen::Index>& order, std::size_t first, std::size_t count) {
  Batch out(from.rows(), static_cast<Eigen::Index>(count));
  for (std::size_t i = 0; i < count; ++i) out.col(static_cast<Eigen::Index>(i)) = from.col(order[first + i]);
  return out;
}

Mlp<float> train_member(const Lesson& lesson, const TrainOptions& options, std::size_t member) {
  const std::uint64_t seed = derive(derive(options.seed, "member"), member);
  std::vector<int> widths{static_cast<int>(lesson.in.rows())};
  widths.insert(widths.end(), options.hidden.begin(), options.hidden.end());
  widths.push_back(static_cast<int>(lesson.labels.rows()));
  Activation activation = Activation::silu;
  parse_activation(options.activation, activation);
  Mlp<float> net(widths, activation, derive(seed, "weights"), 0.1);

  // Every tenth group of a shuffled order watches for overfitting; with few groups, none does.
  Random random(derive(seed, "batches"));
  std::vector<std::size_t> shuffled(lesson.groups);
  for (std::size_t g = 0; g < shuffled.size(); ++g) shuffled[g] = g;
  random.shuffle(shuffled);
  std::vector<bool> watching(lesson.groups, false);
  if (lesson.groups >= 10) {
    for (std::size_t i = 0; i < lesson.groups; i += 10) watching[shuffled[i]] = true;
  }
  std::vector<Eigen::Index> learn, watch;
  for (std::size_t i = 0; i < lesson.group.size(); ++i) (watching[lesson.group[i]] ? watch : learn).push_back(static_cast<Eigen::Index>(i));
  const Batch watch_in = columns_of(lesson.in, watch, 0, watch.size());
  const Batch watch_labels = columns_of(lesson.labels, watch, 0, watch.size());

  const std::size_t rows = learn.size();
  const std::size_t batch = rows < 1000 ? 32 : rows < 8000 ? 64 : 256;
  const int budget = static_cast<int>(std::clamp(2e6 / static_cast<double>(rows), 30.0, 1e6));
  const int epochs = std::min(options.max_epochs, budget);
  constexpr double first_rate = 3e-3;
  AdamOptions adam_options;
  adam_options.learning_rate = first_rate;
  adam_options.weight_decay = 0.02;
  adam_options.clip_norm = 1;
  Adam<float> adam(net.parameters().size(), adam_options, net.decay_mask());
  Mlp<float>::Trace trace;
  Mlp<float>::Parameters gradient(net.parameters().size()), best = net.parameters();
  double best_error = watch.empty() ? 0 : squared_error(net.forward(watch_in), watch_labels, nullptr);
  int best_epoch = 0;
  Batch out_gradient;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    adam.set_learning_rate(first_rate * 0.5 * (1 + std::cos(std::numbers::pi * epoch / epochs)));
    random.shuffle(learn);
    for (std::size_t first = 0; first < rows; first += batch) {
      const std::size_t count = std::min(batch, rows - first);
      const Batch in = columns_of(lesson.in, learn, first, count);
      const Batch labels = columns_of(lesson.labels, learn, first, count);
      squared_error(net.forward(in, trace), labels, &out_gradient);
      gradient.setZero();
      net.backward(trace, out_gradient, gradient);
      adam.step(net.parameters(), gradient);
    }
    if (watch.empty()) continue;
    const double error = squared_error(net.forward(watch_in), watch_labels, nullptr);
    if (error < best_error) {
      best_error = error;
      best = net.parameters();
      best_epoch = epoch;
    }
    if (epoch - best_epoch > std::max(30, epochs / 4)) break;
  }
  if (!watch.empty()) net.parameters() = best;
  return net;
}

Expected<void> check(const TrainOptions& options) {
  std::vector<Problem> problems;
  const auto refuse = [&](bool wrong, const std::string& name, double found, const std::string& allowed) {
    if (wrong) problems.push_back({"", "option " + name, "found " + number(found) + "; allowed: " + allowed});
  };
  refuse(options.members < 2 || options.members > 100, "members", options.members, "2 to 100");
  refuse(options.hidden.empty() || options.hidden.size() > 8, "hidden", static_cast<double>(options.hidden.size()), "1 to 8 layers");
  for (const int width : options.hidden) refuse(width < 1 || width > 4096, "hidden", width, "widths from 1 to 4096");
  refuse(options.max_epochs < 1 || options.max_epochs > 100'000, "max_epochs", options.max_epochs, "1 to 100000");
  refuse(!(options.calibration_fraction >= 0.05 && options.calibration_fraction <= 0.5), "calibration_fraction", options.calibration_fraction,
         "0.05 to 0.5");
  refuse(!(options.test_fraction >= 0 && options.test_fraction <= 0.5), "test_fraction", options.test_fraction, "0 to 0.5");
  refuse(!(options.level >= 0.5 && options.level <= 0.999), "level", options.level, "0.5 to 0.999");
  refuse(options.threads < 0 || options.threads > 1024, "threads", options.threads, "0 to 1024");
  const std::vector<std::string> activations{"tanh", "relu", "silu"};
  if (std::find(activations.begin(), activations.end(), options.activation) == activations.end()) {
    problems.push_back({"", "option activation", unknown_word("value", options.activation, activations)});
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return {};
}

}  // namespace

/// Builds a model step by step; the only one besides the file reader who may.
class Trainer {
 public:
  static Expected<Model> run(const arch::LabelTable& table, const TrainOptions& options) {
    auto columns = choose_columns(table, options);
    if (!columns) return fail(std::move(columns.error()));
    const Split split = deal(*columns, options);

    Model model;
    ModelInfo& info = model.info_;
    info.label_kind = options.label_kind;
    info.level = options.level;
    info.seed = options.seed;
    info.training_sha256 = sha256(table.to_csv());
    info.training_rows = static_cast<std::int64_t>(split.training.size());
    info.calibration_rows = static_cast<std::int64_t>(split.calibration.size());
    info.test_rows = static_cast<std::int64_t>(split.test.size());
    info.group = options.group;
    info.hidden.assign(options.hidden.begin(), options.hidden.end());
    info.activation = options.activation;
    info.members = options.members;
    info.notes = columns->notes;
    // Ranges and categories are those of all rows that shape the model: the intervals of calibration rows count as known too.
    Rows known = split.training;
    known.insert(known.end(), split.calibration.begin(), split.calibration.end());
    for (const std::string& name : columns->features) info.features.push_back(describe_feature(**table.column(name), known));
    for (const std::string& name : options.targets) info.targets.push_back(describe_target(**table.column(name), known));
    for (const Target& target : info.targets) {
      const auto column = static_cast<Eigen::Index>(&target - info.targets.data());
      const bool any = std::any_of(split.training.begin(), split.training.end(),
                                   [&](std::size_t row) { return !std::isnan(columns->labels(static_cast<Eigen::Index>(row), column)); });
      if (!any) return invalid(table.file(), "column " + in_quotes(target.name), "has labels in too few groups; none is left for training");
    }

    const int inputs = input_count(info.features);
    model.base_ = Mlp<float>({inputs, static_cast<int>(info.targets.size())}, Activation::linear, 0);
    auto x = model.encode(table);
    if (!x) return fail(std::move(x.error()));
    const auto inputs_of = [&](const Rows& rows) {
      RealMatrix part(static_cast<Eigen::Index>(rows.size()), x->cols());
      for (std::size_t i = 0; i < rows.size(); ++i) part.row(static_cast<Eigen::Index>(i)) = x->row(static_cast<Eigen::Index>(rows[i]));
      std::vector<std::uint8_t> ignored(rows.size(), 1);
      return model.inputs(part, 0, part.rows(), ignored);
    };
    const Batch in = inputs_of(split.training);
    Batch labels = standard_labels(columns->labels, info.targets, split.training);
    model.base_ = fit_base(in, labels);
    labels -= model.base_.forward(in);

    std::vector<std::size_t> group, renumbered(columns->groups, columns->groups);
    std::size_t groups = 0;
    for (const std::size_t row : split.training) {
      std::size_t& number = renumbered[columns->group[row]];
      if (number == columns->groups) number = groups++;
      group.push_back(number);
    }
    train_members(model, Lesson{in, labels, group, groups}, options);
    calibrate(model, inputs_of(split.calibration), standard_labels(columns->labels, info.targets, split.calibration), *columns, split);

    const auto measure = [&](const std::string& name, const Rows& rows) -> Expected<void> {
      if (rows.empty()) return {};
      RealMatrix part(static_cast<Eigen::Index>(rows.size()), x->cols()), truth(static_cast<Eigen::Index>(rows.size()), columns->labels.cols());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        part.row(static_cast<Eigen::Index>(i)) = x->row(static_cast<Eigen::Index>(rows[i]));
        truth.row(static_cast<Eigen::Index>(i)) = columns->labels.row(static_cast<Eigen::Index>(rows[i]));
      }
      // A test row may lack a feature that every training row had: such rows cannot be answered and are not measured.
      std::vector<Eigen::Index> whole;
      for (Eigen::Index r = 0; r < part.rows(); ++r) {
        if (model.check(part.row(r))) whole.push_back(r);
      }
      const RealMatrix whole_x = part(whole, Eigen::all), whole_y = truth(whole, Eigen::all);
      const auto prediction = model.predict(whole_x);
      if (!prediction) return fail(Error(prediction.error()));
      info.metrics.push_back({name, score(info, *prediction, whole_y)});
      return {};
    };
    for (const auto& [name, rows] : {std::pair<const char*, const Rows&>{"train", split.training}, {"calibration", split.calibration}, {"test", split.test}}) {
      if (auto done = measure(name, rows); !done) return fail(std::move(done.error()));
    }
    return model;
  }

 private:
  static void train_members(Model& model, const Lesson& lesson, const TrainOptions& options) {
    const auto members = static_cast<std::size_t>(options.members);
    model.members_.resize(members);
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t m = next++; m < members; m = next++) model.members_[m] = train_member(lesson, options, m);
    };
    const std::size_t wanted = options.threads > 0 ? static_cast<std::size_t>(options.threads) : std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(wanted, members); ++i) others.emplace_back(work);
    work();
  }

  /// Sets quantile, floor and limit of every target from the calibration rows.
  static void calibrate(Model& model, const Batch& in, const Batch& labels, const Columns& columns, const Split& split) {
    Batch centre, spread;
    model.outputs(in, centre, spread);
    for (std::size_t t = 0; t < model.info_.targets.size(); ++t) {
      Target& target = model.info_.targets[t];
      const auto row = static_cast<Eigen::Index>(t);
      std::vector<double> spreads;
      std::vector<bool> counted(columns.groups, false);
      std::size_t groups = 0;
      for (Eigen::Index i = 0; i < in.cols(); ++i) {
        spreads.push_back(static_cast<double>(spread(row, i)));
        if (std::isnan(labels(row, i))) continue;
        const std::size_t group = columns.group[split.calibration[static_cast<std::size_t>(i)]];
        if (!counted[group]) ++groups;
        counted[group] = true;
      }
      std::sort(spreads.begin(), spreads.end());
      target.spread_limit = spreads.empty() ? 0 : spreads.back();
      // Without a floor, a row on which all members happen to agree would get an interval of no width.
      target.spread_floor = spreads.empty() ? 0 : std::max(0.25 * spreads[spreads.size() / 2], 1e-6);
      std::vector<double> scores;
      for (Eigen::Index i = 0; i < in.cols(); ++i) {
        if (std::isnan(labels(row, i))) continue;
        const double error = std::abs(static_cast<double>(labels(row, i)) - static_cast<double>(centre(row, i)));
        scores.push_back(error / (static_cast<double>(spread(row, i)) + target.spread_floor));
      }
      if (scores.empty()) {
        model.info_.notes.push_back("target " + in_quotes(target.name) + " has no label among the calibration rows: its interval is the whole range seen");
        target.quantile = 2 * (to_scale(target.scale, target.divisor, target.high) - to_scale(target.scale, target.divisor, target.low)) /
                          target.deviation / target.spread_floor;
      } else {
        target.quantile = conformal_quantile(std::move(scores), groups, model.info_.level);
      }
    }
  }
};

Expected<Model> train(const arch::LabelTable& table, const TrainOptions& options) {
  if (auto sound = check(options); !sound) return fail(std::move(sound.error()));
  return Trainer::run(table, options);
}

}  // namespace gnomon::surrogate
