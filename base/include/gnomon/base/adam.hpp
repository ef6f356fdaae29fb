#pragma once

#include <Eigen/Core>

namespace gnomon {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;   ///< decoupled (AdamW): parameters shrink by learning_rate * weight_decay a step
  double clip_norm = 0;      ///< gradients with a larger Euclidean norm are scaled down to it; 0 switches it off
};

/// Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019) and clipping by global norm.
template <class Scalar>
class Adam {
 public:
  using Parameters = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  /// `decay_mask` [size]: 1 where weight decay applies; empty means everywhere (see Mlp::decay_mask).
  Adam(Eigen::Index size, AdamOptions options, Parameters decay_mask = {});
  /// One step down the gradient, both [size]. A gradient that is not finite is skipped, and false returned.
  bool step(Parameters& parameters, const Parameters& gradient);
  void set_learning_rate(double rate) { options_.learning_rate = rate; }
  const AdamOptions& options() const { return options_; }
  long steps() const { return steps_; }

 private:
  AdamOptions options_;
  Parameters mask_, first_, second_;
  long steps_ = 0;
};

extern template class Adam<float>;
extern template class Adam<double>;

}  // namespace gnomon
