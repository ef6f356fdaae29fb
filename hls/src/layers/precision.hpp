#pragma once

#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

/// Errors name the key as a JSON pointer, without a file.
Expected<NumberType> input_type(const Network& network);
/// `n_in`: inputs of the product; 0: a layer without weights.
Expected<LayerTypes> layer_types(const Network& network, std::size_t l, const NumberType& in, std::int64_t n_in);

/// What relu gives of a type: the same without sign.
NumberType rectified(const NumberType& type);
/// Bits and places are equal, however numbers get there.
inline bool same_values(const NumberType& a, const NumberType& b) { return a.is_signed == b.is_signed && a.bits == b.bits && a.fraction == b.fraction; }

/// A stored value in units of 2^-fraction; truncated where these are coarser.
Wide in_units(Wide value, int from_fraction, int fraction);
/// A sum, in its units, as the layer's result.
std::int64_t cast_sum(const LayerTypes& types, Wide sum);
/// The activation (but softmax) of a result.
std::int64_t activated(const Layer& layer, const LayerTypes& types, std::int64_t result);

}  // namespace gnomon::hls
