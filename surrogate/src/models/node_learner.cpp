#include <algorithm>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <thread>

#include "gnomon/base/adam.hpp"
#include "gnomon/base/fields.hpp"
#include "models/families.hpp"
#include "models/node_networks.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;

struct NodeLearnerOptions {
  NodeNetworkOptions network;
  std::int64_t members = 3;
  std::int64_t max_epochs = 120;
};
void describe(FieldVisitor& v, NodeLearnerOptions& o) {
  field(v, {"width", "width of a node's state"}, o.network.width, Range{1, 1024});
  field(v, {"layers", "rounds of messages, or of attention"}, o.network.layers, Range{1, 12});
  field(v, {"heads", "of attention; divides the width"}, o.network.heads, Range{1, 64});
  if (o.network.heads > 0 && o.network.width % o.network.heads != 0) v.problem("heads", "found " + std::to_string(o.network.heads) + "; it must divide the width");
  field(v, {"deviations", "of the targets' log-scaled labels, as trained; 0: linear"}, o.network.deviations, Length{0, 10'000}, RealRange{0, 1e6});
  field(v, {"members", "networks"}, o.members, Range{1, 100});
  field(v, {"max_epochs", "passes over the data at most"}, o.max_epochs, Range{1, 100'000});
}

/// An ensemble of networks over node lists; the spread is the deviation among members.
template <template <class> class Network>
class NodeLearner final : public Learner {
 public:
  explicit NodeLearner(NodeLearnerOptions options) : options_(std::move(options)) {}

  std::string family() const override { return Network<float>::name; }

  Expected<void> fit(const Lesson& lesson) override {
    if (lesson.samples.nodes.rows() != lesson.samples.rows()) {
      return fail(ErrorKind::invalid_input, "the family " + family() + " learns from lists of nodes (layers, loops) of the rows; none are given");
    }
    options_.network.deviations.clear();
    for (Eigen::Index t = 0; t < lesson.labels.rows(); ++t) {
      const auto at = static_cast<std::size_t>(t);
      const bool log = at < lesson.scales.size() && lesson.scales[at].log;
      options_.network.deviations.push_back(log ? lesson.scales[at].deviation : 0.0);
    }
    const Shape shape{static_cast<int>(lesson.samples.x.rows()), static_cast<int>(lesson.samples.nodes.x.rows()), static_cast<int>(lesson.labels.rows())};
    const auto members = static_cast<std::size_t>(options_.members);
    members_.assign(members, {});
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t m = next++; m < members; m = next++) {
        const std::string piece = lesson.piece + "/member " + std::to_string(m) + "/";
        if (lesson.pieces) {
          members_[m] = Network<float>(shape, options_.network, 0);
          bool all = true;
          for (std::size_t p = 0; all && p < members_[m].parts.size(); ++p) all = lesson.pieces->take(piece + std::to_string(p), span_of(members_[m].parts[p].parameters()));
          if (all) continue;
        }
        members_[m] = train_member(lesson, shape, m);
        for (std::size_t p = 0; lesson.pieces && p < members_[m].parts.size(); ++p) lesson.pieces->keep(piece + std::to_string(p), span_of(members_[m].parts[p].parameters()));
      }
    };
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(static_cast<std::size_t>(std::max(1, lesson.threads)), members); ++i) others.emplace_back(work);
    work();
    return {};
  }

  void predict(const Samples& samples, Batch& mean, Batch* spread) const override {
    const NodeInputs<float> in(samples);
    Batch squares;
    for (const auto& member : members_) {
      NodeTape<float> tape;
      const Batch out = member.forward(in, tape);
      if (&member == &members_.front()) {
        mean = Batch::Zero(out.rows(), out.cols());
        squares = mean;
      }
      mean += out;
      if (spread) squares.array() += out.array().square();
    }
    const auto n = static_cast<float>(members_.size());
    mean /= n;
    if (spread) *spread = (squares.array() / n - mean.array().square()).max(0.0F).sqrt();
  }

  std::string structure() const override { return write_fields(options_).dump(); }

  void append_weights(std::vector<float>& blob) const override {
    for (const auto& member : members_) {
      for (const auto& part : member.parts) blob.insert(blob.end(), part.parameters().begin(), part.parameters().end());
    }
  }

  Expected<void> load(const std::string&, std::span<const float> weights, const Shape& shape, const std::string& file) override {
    if (options_.network.deviations.size() != static_cast<std::size_t>(shape.targets)) return invalid(file, "/heads", "`deviations` has another number of targets");
    members_.clear();
    for (std::int64_t m = 0; m < options_.members; ++m) {
      members_.emplace_back(shape, options_.network, 0);
      for (auto& part : members_.back().parts) {
        if (!take_weights(weights, part.parameters().size(), part.parameters().data())) return invalid(file, "/heads", "too few weights, or not finite ones");
      }
    }
    if (!weights.empty()) return invalid(file, "/heads", "too many weights");
    return {};
  }

 private:
  static std::span<float> span_of(Mlp<float>::Parameters& parameters) { return {parameters.data(), static_cast<std::size_t>(parameters.size())}; }

  Network<float> train_member(const Lesson& lesson, const Shape& shape, std::size_t member) const {
    const std::uint64_t seed = derive(derive(lesson.seed, "member"), member);
    Network<float> net(shape, options_.network, derive(seed, "weights"));
    Random random(derive(seed, "batches"));
    std::vector<Eigen::Index> learn, watch;
    watch_groups(lesson, derive(seed, "watch"), learn, watch);
    const Batch watch_labels = lesson.labels(Eigen::all, watch);
    const Samples watch_rows = select(lesson.samples, watch);
    const NodeInputs<float> watch_in(watch_rows);
    std::vector<Adam<float>> adam;
    typename Network<float>::Gradients gradients;
    constexpr double first_rate = 2e-3;
    for (const auto& part : net.parts) {
      AdamOptions options;
      options.learning_rate = first_rate;
      options.weight_decay = 0.01;
      options.clip_norm = 1;
      adam.emplace_back(part.parameters().size(), options, part.decay_mask());
      gradients.push_back(Mlp<float>::Parameters::Zero(part.parameters().size()));
    }
    const std::size_t rows = learn.size(), batch = rows < 2000 ? 32 : 64;
    const int epochs = static_cast<int>(std::min<std::int64_t>(options_.max_epochs, std::max<std::int64_t>(10, static_cast<std::int64_t>(6e5 / static_cast<double>(rows)))));
    NodeTape<float> tape;
    Network<float> best = net;
    double best_error = watch.empty() ? 0 : squared_error(net.forward(watch_in, tape), watch_labels, nullptr);
    int best_epoch = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      random.shuffle(learn);
      for (std::size_t first = 0; first < rows; first += batch) {
        const std::span<const Eigen::Index> part(learn.data() + first, std::min(batch, rows - first));
        const Samples some = select(lesson.samples, part);
        const NodeInputs<float> in(some);
        const std::vector<Eigen::Index> indices(part.begin(), part.end());
        const Batch wanted = lesson.labels(Eigen::all, indices);
        Batch out_gradient;
        squared_error(net.forward(in, tape), wanted, &out_gradient);
        for (auto& gradient : gradients) gradient.setZero();
        net.backward(in, tape, out_gradient, gradients);
        for (std::size_t p = 0; p < net.parts.size(); ++p) {
          adam[p].set_learning_rate(first_rate * 0.5 * (1 + std::cos(std::numbers::pi * epoch / epochs)));
          adam[p].step(net.parts[p].parameters(), gradients[p]);
        }
      }
      if (watch.empty()) continue;
      if (const double error = squared_error(net.forward(watch_in, tape), watch_labels, nullptr); error < best_error) {
        best_error = error;
        best = net;
        best_epoch = epoch;
      }
      if (epoch - best_epoch > std::max(15, epochs / 3)) break;
    }
    return watch.empty() ? net : best;
  }

  NodeLearnerOptions options_;
  std::vector<Network<float>> members_;
};

template <template <class> class Network>
Expected<std::unique_ptr<Learner>> make_node_learner(const std::string& options) {
  auto document = Document::parse(options, std::string("options of the ") + Network<float>::name);
  if (!document) return fail(std::move(document.error()));
  auto read = read_fields<NodeLearnerOptions>(*document);
  if (!read) return fail(std::move(read.error()));
  return std::make_unique<NodeLearner<Network>>(std::move(*read));
}

}  // namespace

Expected<std::unique_ptr<Learner>> make_graph(const std::string& options) { return make_node_learner<GraphNetwork>(options); }
Expected<std::unique_ptr<Learner>> make_transformer(const std::string& options) { return make_node_learner<TransformerNetwork>(options); }

}  // namespace gnomon::surrogate
