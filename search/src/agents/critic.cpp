#include "agents/critic.hpp"

#include <algorithm>

#include "agents/genome.hpp"

namespace gnomon::search {

void describe_critic(FieldVisitor& v, CriticOptions& o) {
  field(v, {"critic_hidden", "units of each of the critic's two hidden layers"}, o.hidden, Range{1, 4096});
  field(v, {"critic_steps", "steps of the critic in an update"}, o.steps, Range{1, 100000});
  field(v, {"critic_batch", "results in a step", "trials"}, o.batch, Range{1, 100000});
  field(v, {"critic_learning_rate", "Adam's step size for the critic"}, o.learning_rate, RealRange{0, 10, true});
}

Critic::Critic(std::shared_ptr<const arch::Space> space, std::size_t objectives, const CriticOptions& options, std::uint64_t seed)
    : space_(std::move(space)), options_(options), seed_(seed) {
  auto at = static_cast<Eigen::Index>(objectives);
  for (const arch::Parameter& p : space_->parameters()) {
    first_.push_back(at);
    const bool listed = p.kind == arch::ParameterKind::categorical || p.kind == arch::ParameterKind::permutation;
    at += listed ? static_cast<Eigen::Index>(p.size()) : 2;
  }
  first_.push_back(at);
  const auto hidden = static_cast<int>(options_.hidden);
  AdamOptions adam;
  adam.learning_rate = options_.learning_rate;
  adam.weight_decay = 1e-3;
  adam.clip_norm = 10;
  for (std::uint64_t k = 0; k < 2; ++k) {
    nets_.emplace_back(std::vector<int>{static_cast<int>(at), hidden, hidden, 1}, Activation::silu, derive(seed_, k), 0.1);
    adams_.emplace_back(nets_.back().parameters().size(), adam, nets_.back().decay_mask());
  }
}

void Critic::write(const arch::Parameter& p, const Gene& gene, float* at) const {
  if (p.kind == arch::ParameterKind::categorical) {
    for (std::size_t v = 0; v < p.size(); ++v) at[v] = gene.index == static_cast<std::int64_t>(v) ? 1.0F : 0.0F;
  } else if (p.kind == arch::ParameterKind::permutation) {
    for (std::size_t k = 0; k < gene.order.size(); ++k)
      at[gene.order[k]] = static_cast<float>(2.0 * static_cast<double>(k) / static_cast<double>(std::max<std::size_t>(p.size() - 1, 1)) - 1);
  } else {
    const double u = p.discrete() ? (p.size() > 1 ? static_cast<double>(gene.index) / static_cast<double>(p.size() - 1) : 0.5) : gene.position;
    const double x = 2 * u - 1;
    at[0] = static_cast<float>(x);
    at[1] = static_cast<float>(1.5 * x * x - 0.5);
  }
}

Eigen::VectorXf Critic::features(const Genome& genome, const RealVector& context) const {
  Eigen::VectorXf out(first_.back());
  out.head(context.size()) = context.cast<float>();
  for (std::size_t i = 0; i < genome.size(); ++i) write(space_->parameters()[i], genome[i], out.data() + first_[i]);
  return out;
}

void Critic::replace(Eigen::VectorXf& out, std::size_t parameter, const Gene& gene) const {
  write(space_->parameters()[parameter], gene, out.data() + first_[parameter]);
}

Eigen::VectorXf Critic::smaller(const Eigen::MatrixXf& x) const {
  const Eigen::MatrixXf a = nets_[0].forward(x), b = nets_[1].forward(x);
  return a.cwiseMin(b).row(0).transpose();
}

Eigen::VectorXf Critic::mean(const Eigen::MatrixXf& x) const {
  const Eigen::MatrixXf a = nets_[0].forward(x), b = nets_[1].forward(x);
  return 0.5F * (a + b).row(0).transpose();
}

void Critic::learn(const Eigen::MatrixXf& x, const Eigen::VectorXf& reward, std::uint64_t round) {
  const Eigen::Index n = x.cols();
  if (n == 0) return;
  const auto batch = std::min<Eigen::Index>(n, options_.batch);
  for (std::size_t k = 0; k < nets_.size(); ++k) {
    Random random(derive(derive(seed_, "batches"), 2 * round + k));
    Eigen::MatrixXf part(x.rows(), batch);
    Eigen::VectorXf target(batch);
    Eigen::VectorXf gradient(nets_[k].parameters().size());
    for (std::int64_t step = 0; step < options_.steps; ++step) {
      for (Eigen::Index b = 0; b < batch; ++b) {
        const Eigen::Index row = random.integer(0, n - 1);
        part.col(b) = x.col(row);
        target[b] = reward[row];
      }
      Mlp<float>::Trace trace;
      const Eigen::MatrixXf value = nets_[k].forward(part, trace);
      const Eigen::MatrixXf loss = (value.row(0) - target.transpose()) * (2.0F / static_cast<float>(batch));
      gradient.setZero();
      nets_[k].backward(trace, loss, gradient);
      adams_[k].step(nets_[k].parameters(), gradient);
    }
  }
}

}  // namespace gnomon::search
