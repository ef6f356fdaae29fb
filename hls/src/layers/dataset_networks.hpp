#pragma once

#include <string>
#include <vector>

#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

/// Random fully connected and convolutional networks in the ranges of the wa-hls4ml set, scaled to what one machine can label: 2 to 7 layers,
/// 8 to 128 neurons, 2 to 16 bits, reuse factors 1 to 4096, both strategies.
Network fully_connected_network(std::uint64_t seed);
Network convolutional_network(std::uint64_t seed);
/// Of a size that synthesis and simulation of the whole take seconds for; `kind` goes through strategies, kinds of layers and activations.
Network small_network(std::uint64_t seed, int kind);

struct Exemplar {
  std::string family;
  Network network;
};
/// The seven exemplar networks of the wa-hls4ml benchmark at even precisions, about a dozen reuse factors and both strategies.
std::vector<Exemplar> exemplar_networks();

}  // namespace gnomon::hls
