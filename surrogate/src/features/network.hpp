#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gnomon::surrogate {

enum class LayerKind : char { dense, conv1d, conv2d, flatten, max_pool, other };
enum class LayerActivation : char { linear, relu, tanh, sigmoid, softmax, other };
LayerKind layer_kind(std::string_view word);
LayerActivation layer_activation(std::string_view word);

/// A layer of a network as `gnomon dataset layers` writes it (docs/labels.md): n_in x n_out of its matrix product (0: none), the true reuse factor, shapes of what it takes and gives.
struct NetworkLayer {
  LayerKind type = LayerKind::dense;
  LayerActivation activation = LayerActivation::linear;
  double n_in = 0, n_out = 0, reuse_factor = 1;
  bool bias = false, residual = false;
  double in_height = 1, in_width = 1, in_channels = 1, height = 1, width = 1, channels = 1, kernel = 1, stride = 1;
};

/// What a network of such layers needs by expectation over its weights, from shapes alone. Counts; `bram` in blocks of 36 Kib.
struct NetworkEstimate {
  double ff = 0, dsp = 0, bram = 0, cycles = 1, ii = 1;
  // Look-up tables by what they do: carry chains, products without a hardware multiplier, selection and rectification, tables of constants, control.
  double adder_lut = 0, product_lut = 0, select_lut = 0, table_lut = 0, control_lut = 0;

  double lut() const { return adder_lut + product_lut + select_lut + table_lut + control_lut; }
};

/// An analytical model of the layers of docs/labels.md, layer by layer, in closed form: words and their widths, expected numbers of different constants among uniformly drawn
/// weights, banks of table memories, steps. What it ignores: common sums of different outputs, unequal widths inside a tree of sums, what synthesis simplifies, and
/// back-pressure within an image (streams are taken as even). Microseconds; never fails.
NetworkEstimate estimate_network(const std::vector<NetworkLayer>& layers, int bits, bool resource, bool stream);

}  // namespace gnomon::surrogate
