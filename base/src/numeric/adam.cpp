#include "gnomon/base/adam.hpp"

#include <cassert>
#include <cmath>
#include <utility>

namespace gnomon {

template <class Scalar>
Adam<Scalar>::Adam(Eigen::Index size, AdamOptions options, Parameters decay_mask)
    : options_(options), mask_(std::move(decay_mask)), first_(Parameters::Zero(size)), second_(Parameters::Zero(size)) {
  assert(mask_.size() == 0 || mask_.size() == size);
}

template <class Scalar>
bool Adam<Scalar>::step(Parameters& parameters, const Parameters& gradient) {
  assert(parameters.size() == first_.size() && gradient.size() == first_.size());
  const double norm = std::sqrt(static_cast<double>(gradient.squaredNorm()));
  if (!std::isfinite(norm)) return false;
  const Scalar scale = static_cast<Scalar>(options_.clip_norm > 0 && norm > options_.clip_norm ? options_.clip_norm / norm : 1.0);
  ++steps_;
  const Scalar b1 = static_cast<Scalar>(options_.beta1), b2 = static_cast<Scalar>(options_.beta2);
  first_ = b1 * first_ + (1 - b1) * scale * gradient;
  second_.array() = b2 * second_.array() + (1 - b2) * (scale * gradient.array()).square();
  const double correct1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correct2 = std::sqrt(1 - std::pow(options_.beta2, static_cast<double>(steps_)));
  const Scalar rate = static_cast<Scalar>(options_.learning_rate * correct2 / correct1);
  const Scalar epsilon = static_cast<Scalar>(options_.epsilon * correct2);
  if (options_.weight_decay > 0) {
    const Scalar shrink = static_cast<Scalar>(options_.learning_rate * options_.weight_decay);
    if (mask_.size() > 0) parameters.array() -= shrink * mask_.array() * parameters.array();
    else parameters *= 1 - shrink;
  }
  parameters.array() -= rate * first_.array() / (second_.array().sqrt() + epsilon);
  return true;
}

template class Adam<float>;
template class Adam<double>;

}  // namespace gnomon
