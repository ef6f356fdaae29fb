#include <Eigen/Cholesky>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <thread>

#include "gnomon/base/adam.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/base/random.hpp"
#include "models/families.hpp"
#include "models/fast_mlp.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;

struct EnsembleOptions {
  std::int64_t members = 5;
  std::vector<std::int64_t> hidden = {64, 64};
  std::string activation = "silu";
  std::int64_t max_epochs = 400;
  std::int64_t rows_seen = 2'000'000;
};
void describe(FieldVisitor& v, EnsembleOptions& o) {
  field(v, {"members", "networks"}, o.members, Range{1, 1000});
  field(v, {"hidden", "widths of the hidden layers"}, o.hidden, Length{1, 8}, Range{1, 4096});
  field(v, {"activation", "of the hidden layers"}, o.activation, Choice{{"linear", "tanh", "relu", "silu"}});
  field(v, {"max_epochs", "passes over the data at most; fewer for large tables, by rows_seen"}, o.max_epochs, Range{1, 100'000});
  field(v, {"rows_seen", "rows that a member sees in all passes at most, but at least 20 passes"}, o.rows_seen, Range{1, 1'000'000'000});
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

Batch columns_of(const Batch& from, const std::vector<Eigen::Index>& order, std::size_t first, std::size_t count) {
  Batch out(from.rows(), static_cast<Eigen::Index>(count));
  for (std::size_t i = 0; i < count; ++i) out.col(static_cast<Eigen::Index>(i)) = from.col(order[first + i]);
  return out;
}

Mlp<float> train_member(const Lesson& lesson, const Batch& labels, const EnsembleOptions& options, const std::vector<int>& widths, std::size_t member) {
  const std::uint64_t seed = derive(derive(lesson.seed, "member"), member);
  Activation activation = Activation::silu;
  parse_activation(options.activation, activation);
  Mlp<float> net(widths, activation, derive(seed, "weights"), 0.1);
  Random random(derive(seed, "batches"));
  std::vector<Eigen::Index> learn, watch;
  watch_groups(lesson, derive(seed, "watch"), learn, watch);
  const Batch watch_in = columns_of(lesson.samples.x, watch, 0, watch.size());
  const Batch watch_labels = columns_of(labels, watch, 0, watch.size());

  const std::size_t rows = learn.size();
  const std::size_t batch = rows < 1000 ? 32 : rows < 8000 ? 64 : 256;
  const int budget = static_cast<int>(std::clamp(static_cast<double>(options.rows_seen) / static_cast<double>(rows), 20.0, 1e6));
  const int epochs = std::min(static_cast<int>(options.max_epochs), budget);
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
      const Batch in = columns_of(lesson.samples.x, learn, first, count);
      const Batch wanted = columns_of(labels, learn, first, count);
      squared_error(net.forward(in, trace), wanted, &out_gradient);
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

/// A ridge-regression base (in log domain a power law) plus the mean of small networks that learned what the base leaves. The spread is the
/// deviation among the networks, each of which watched another tenth of the groups.
class Ensemble final : public Learner {
 public:
  explicit Ensemble(EnsembleOptions options) : options_(std::move(options)) {}

  std::string family() const override { return "ensemble"; }

  Expected<void> fit(const Lesson& lesson) override {
    base_ = fit_base(lesson.samples.x, lesson.labels);
    const Batch labels = lesson.labels - base_.forward(lesson.samples.x);
    const std::vector<int> widths = widths_of({static_cast<int>(lesson.samples.x.rows()), 0, static_cast<int>(lesson.labels.rows())});
    const auto members = static_cast<std::size_t>(options_.members);
    members_.assign(members, {});
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t m = next++; m < members; m = next++) {
        const std::string piece = lesson.piece + "/member " + std::to_string(m);
        Activation activation = Activation::silu;
        parse_activation(options_.activation, activation);
        Mlp<float> kept(widths, activation, 0);
        if (lesson.pieces && lesson.pieces->take(piece, {kept.parameters().data(), static_cast<std::size_t>(kept.parameters().size())})) {
          members_[m] = std::move(kept);
          continue;
        }
        members_[m] = train_member(lesson, labels, options_, widths, m);
        if (lesson.pieces) lesson.pieces->keep(piece, {members_[m].parameters().data(), static_cast<std::size_t>(members_[m].parameters().size())});
      }
    };
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(static_cast<std::size_t>(std::max(1, lesson.threads)), members); ++i) others.emplace_back(work);
    work();
    others.clear();
    make_fast();
    return {};
  }

  void predict(const Samples& samples, Batch& mean, Batch* spread) const override {
    const auto members = static_cast<float>(members_.size());
    if (fast_.nets() == 0) {
      Batch sum = Batch::Zero(base_.outputs(), samples.x.cols()), squares = sum;
      for (const Mlp<float>& member : members_) {
        const Batch out = member.forward(samples.x);
        sum += out;
        if (spread) squares.array() += out.array().square();
      }
      sum /= members;
      mean = base_.forward(samples.x) + sum;
      if (spread) *spread = (squares.array() / members - sum.array().square()).max(0.0F).sqrt();
      return;
    }
    const Eigen::Index inputs = samples.x.rows(), rows = samples.x.cols(), outputs = base_.outputs();
    LaneFloats x, centres, spreads, scratch;
    mean.resize(outputs, rows);
    if (spread) spread->resize(outputs, rows);
    for (Eigen::Index first = 0; first < rows; first += lanes) {
      const Eigen::Index count = std::min<Eigen::Index>(lanes, rows - first);
      if (count <= few_rows) {
        for (Eigen::Index r = first; r < rows; ++r) predict_row(samples.x.col(r).data(), mean.col(r).data(), spread ? spread->col(r).data() : nullptr, scratch);
        break;
      }
      x.assign(static_cast<std::size_t>(inputs * lanes), 0.0F);
      centres.resize(static_cast<std::size_t>(outputs * lanes));
      spreads.resize(centres.size());
      for (Eigen::Index r = 0; r < count; ++r) {
        const float* row = samples.x.col(first + r).data();
        for (Eigen::Index i = 0; i < inputs; ++i) x[static_cast<std::size_t>(i * lanes + r)] = row[i];
      }
      predict_lanes(x.data(), 1, centres.data(), spread ? spreads.data() : nullptr, scratch);
      for (Eigen::Index t = 0; t < outputs; ++t) {
        for (Eigen::Index r = 0; r < count; ++r) {
          mean(t, first + r) = centres[static_cast<std::size_t>(t * lanes + r)];
          if (spread) (*spread)(t, first + r) = spreads[static_cast<std::size_t>(t * lanes + r)];
        }
      }
    }
  }

  bool by_lanes() const override { return fast_.nets() > 0; }

  void predict_lanes(const float* x, std::size_t blocks, float* mean, float* spread, LaneFloats& scratch) const override {
    const auto inputs = static_cast<std::size_t>(base_.inputs()), each = static_cast<std::size_t>(base_.outputs()) * lanes;
    const std::size_t room = std::max(fast_.scratch(), fast_base_.scratch());
    if (scratch.size() < room + blocks * each) scratch.resize(room + blocks * each);
    float* const squares = scratch.data() + room;
    std::fill_n(mean, blocks * each, 0.0F);
    if (spread) std::fill_n(squares, blocks * each, 0.0F);
    for (int m = 0; m < fast_.nets(); ++m) {
      for (std::size_t b = 0; b < blocks; ++b) {
        const float* out = fast_.forward(m, x + b * inputs * lanes, scratch.data());
        fast_.add(out, each, mean + b * each, spread ? squares + b * each : nullptr);
      }
    }
    for (std::size_t b = 0; b < blocks; ++b) {
      const float* base = fast_base_.forward(0, x + b * inputs * lanes, scratch.data());
      fast_.finish(base, each, mean + b * each, spread ? squares + b * each : nullptr, spread ? spread + b * each : nullptr);
    }
  }

  void predict_row(const float* x, float* mean, float* spread, LaneFloats& scratch) const override {
    const auto outputs = static_cast<std::size_t>(base_.outputs());
    const std::size_t room = std::max(fast_.scratch(), fast_base_.scratch());
    if (scratch.size() < room + outputs) scratch.resize(room + outputs);
    float* const squares = scratch.data() + room;
    std::fill_n(mean, outputs, 0.0F);
    std::fill_n(squares, outputs, 0.0F);
    int apart = 0;
    const float* out = fast_.forward_one(x, scratch.data(), apart);
    for (int m = 0; m < fast_.nets(); ++m, out += apart) fast_.add(out, outputs, mean, squares);
    const float* base = fast_base_.forward_one(x, scratch.data(), apart);
    fast_.finish(base, outputs, mean, squares, spread);
  }

  std::string structure() const override { return write_fields(options_).dump(); }

  void append_weights(std::vector<float>& blob) const override {
    const auto put = [&](const Mlp<float>& net) { blob.insert(blob.end(), net.parameters().begin(), net.parameters().end()); };
    put(base_);
    for (const Mlp<float>& member : members_) put(member);
  }

  Expected<void> load(const std::string&, std::span<const float> weights, const Shape& shape, const std::string& file) override {
    const std::vector<int> widths = widths_of(shape);
    const Eigen::Index each = Mlp<float>::parameter_count(widths), linear = Mlp<float>::parameter_count({shape.inputs, shape.targets});
    const auto needed = static_cast<std::size_t>(linear + each * options_.members);
    if (weights.size() != needed) {
      return invalid(file, "/heads", "found " + std::to_string(weights.size()) + " weights of an ensemble; its widths need " + std::to_string(needed));
    }
    Activation activation = Activation::silu;
    parse_activation(options_.activation, activation);
    base_ = Mlp<float>({shape.inputs, shape.targets}, Activation::linear, 0);
    bool sound = take_weights(weights, linear, base_.parameters().data());
    members_.clear();
    for (std::int64_t m = 0; m < options_.members; ++m) {
      members_.emplace_back(widths, activation, 0);
      sound = take_weights(weights, each, members_.back().parameters().data()) && sound;
    }
    if (!sound) return invalid(file, "", "holds weights that are not finite");
    make_fast();
    return {};
  }

 private:
  std::vector<int> widths_of(const Shape& shape) const {
    std::vector<int> widths{shape.inputs};
    for (const std::int64_t width : options_.hidden) widths.push_back(static_cast<int>(width));
    widths.push_back(shape.targets);
    return widths;
  }

  /// Up to here rows are quicker one by one than side by side.
  static constexpr Eigen::Index few_rows = 8;

  void make_fast() {
    fast_ = fast_base_ = {};
    if (members_.empty() || !FastMlps::takes(members_.front().hidden())) return;
    fast_base_ = FastMlps({&base_});
    std::vector<const Mlp<float>*> nets;
    for (const Mlp<float>& member : members_) nets.push_back(&member);
    fast_ = FastMlps(nets);
  }

  EnsembleOptions options_;
  FastMlps fast_, fast_base_;  // members and base as answers use them
  Mlp<float> base_;
  std::vector<Mlp<float>> members_;
};

}  // namespace

Expected<std::unique_ptr<Learner>> make_ensemble(const std::string& options) {
  auto document = Document::parse(options, "options of the ensemble");
  if (!document) return fail(std::move(document.error()));
  auto read = read_fields<EnsembleOptions>(*document);
  if (!read) return fail(std::move(read.error()));
  return std::make_unique<Ensemble>(std::move(*read));
}

}  // namespace gnomon::surrogate
