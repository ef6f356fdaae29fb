#pragma once

#include <string>

#include "design/shape.hpp"

namespace gnomon::hls {

/// A place in banks as the RTL counts it: row of a bank, bank, and bit within the bank's word, so that nothing is divided.
struct BankPlaces {
  int row_bits = 32, bank_bits = 1, bit_bits = 3;
  int bits() const { return row_bits + bank_bits + bit_bits; }
  /// As the fields stand in a descriptor, from the place's bits counted from the tile's first one. Of a distance, too, which may be negative.
  std::int64_t of(std::int64_t position_bits, const DesignShape::Level& level) const;
};
BankPlaces bank_places(const DesignShape& shape);

/// What the meter has besides for layouts whose words share banks: pieces of its text.
struct TurnsText {
  std::string inputs, declare, lanes, over, reset, further, step;
};
TurnsText turns_text(const DesignShape& shape, const Places& places);

/// The fields of an operand in the folds' descriptors.
std::vector<DescriptorField> turns_fields(const DesignShape& shape, const std::string& prefix);

}  // namespace gnomon::hls
