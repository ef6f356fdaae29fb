#pragma once

#include <vector>

#include "gnomon/base/nn.hpp"
#include "gnomon/surrogate/learner.hpp"

namespace gnomon::surrogate {

/// The forward pass of small networks of equal shape, for answers only, in the widest vectors of the processor at hand (chosen when the program starts).
/// Agrees with Mlp::forward up to rounding; a row's answer does not depend on the rows beside it, nor on the width of vectors where there is fused
/// multiply-add.
class FastMlps {
 public:
  static constexpr int lanes = Learner::lanes;
  static constexpr int width = 16;  ///< outputs side by side

  FastMlps() = default;
  /// All of one shape. `bytes`: of vectors; 0 for the widest.
  explicit FastMlps(const std::vector<const Mlp<float>*>& nets, int bytes = 0);
  /// Only hidden layers of these kinds are built: linear, relu, silu.
  static bool takes(Activation hidden) { return hidden != Activation::tanh; }
  int nets() const { return nets_; }

  /// Room that `forward` and `forward_one` need, in floats.
  std::size_t scratch() const;
  /// x [inputs][lanes] to the outputs [outputs][lanes] of one network, which lie in `scratch` afterwards.
  const float* forward(int net, const float* x, float* scratch) const;
  /// One row: x [inputs] to the outputs of all networks, each `stride` floats after the one before, in `scratch`.
  const float* forward_one(const float* x, float* scratch, int& stride) const;

  /// Adds outputs of a network to the sums, and their squares where asked for.
  void add(const float* out, std::size_t count, float* sum, float* squares) const;
  /// Sums over all networks to base + mean, and to the deviation among them where asked for.
  void finish(const float* base, std::size_t count, float* sum, const float* squares, float* spread) const;

 private:
  struct Layer {
    int in = 0, out = 0;         // out is a multiple of 4
    int padded = 0;              // outputs up to a multiple of `width`
    LaneFloats weights;          // [nets][padded / width][in][width]
    LaneFloats bias;             // [nets][padded]
    int activation = 0;          // 0 none, 1 relu, 2 silu
  };
  std::vector<Layer> layers_;
  int nets_ = 0, widest_ = 0, bytes_ = 0;
};

}  // namespace gnomon::surrogate
