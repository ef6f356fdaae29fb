#pragma once

#include <vector>

#include "gnomon/base/nn.hpp"

namespace gnomon::surrogate {

/// The forward pass of a small network, for answers only: 32 rows at a time side by side, four outputs at a time, in the widest vectors of the processor
/// at hand (chosen when the program starts). Agrees with Mlp::forward up to rounding; a row's answer does not depend on the rows beside it.
class FastMlp {
 public:
  static constexpr int lanes = 32;  ///< rows side by side
  static constexpr int width = 16;  ///< outputs side by side

  FastMlp() = default;
  explicit FastMlp(const Mlp<float>& net);
  /// Only hidden layers of these kinds are built: linear, relu, silu.
  static bool takes(Activation hidden) { return hidden != Activation::tanh; }

  /// Room that `forward` needs, in floats.
  std::size_t scratch() const;
  /// x [inputs][lanes] to the outputs [outputs][lanes], which lie in `scratch` afterwards.
  const float* forward(const float* x, float* scratch) const;
  /// The same for one row: x [inputs] to [outputs].
  const float* forward_one(const float* x, float* scratch) const;

 private:
  struct Layer {
    int in = 0, out = 0;         // out is a multiple of 4
    int padded = 0;              // outputs up to a multiple of `width`
    std::vector<float> weights;  // [padded / width][in][width]
    std::vector<float> bias;     // [padded]
    int activation = 0;          // 0 none, 1 relu, 2 silu
  };
  std::vector<Layer> layers_;
  int widest_ = 0;
};

}  // namespace gnomon::surrogate
