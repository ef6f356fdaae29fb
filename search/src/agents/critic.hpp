#pragma once

#include <vector>

#include "agents/genome.hpp"
#include "agents/models.hpp"
#include "gnomon/base/adam.hpp"
#include "gnomon/base/nn.hpp"

namespace gnomon::search {

struct CriticOptions {
  std::int64_t hidden = 48;
  std::int64_t steps = 20;
  std::int64_t batch = 64;
  double learning_rate = 3e-3;
};
void describe_critic(FieldVisitor& v, CriticOptions& o);

/// The value of a design under given weights of the objectives: two networks that learn the reward by least squares from all
/// results kept. Input: the weights, and per parameter its place in [-1, 1] with the square, or one column per category, or each
/// item's place in a permutation.
class Critic {
 public:
  Critic(std::shared_ptr<const arch::Space> space, std::size_t objectives, const CriticOptions& options, std::uint64_t seed);
  Eigen::VectorXf features(const Genome& genome, const RealVector& context) const;
  /// The same with one gene replaced.
  void replace(Eigen::VectorXf& features, std::size_t parameter, const Gene& gene) const;
  /// Smaller of the two networks' values, [columns of x].
  Eigen::VectorXf smaller(const Eigen::MatrixXf& x) const;
  Eigen::VectorXf mean(const Eigen::MatrixXf& x) const;
  /// Some steps on random batches; `round` numbers the calls.
  void learn(const Eigen::MatrixXf& x, const Eigen::VectorXf& reward, std::uint64_t round);

 private:
  void write(const arch::Parameter& p, const Gene& gene, float* at) const;

  std::shared_ptr<const arch::Space> space_;
  CriticOptions options_;
  std::uint64_t seed_;
  std::vector<Eigen::Index> first_;  ///< by parameter: its first column; then the number of all
  std::vector<Mlp<float>> nets_;
  std::vector<Adam<float>> adams_;
};

}  // namespace gnomon::search
