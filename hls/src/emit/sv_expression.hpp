#pragma once

#include <string>

#include "gnomon/hls/number_type.hpp"

namespace gnomon::hls {

/// A declared vector `name [bits-1:0]`, and how its bits are read.
struct Signal {
  std::string name;
  int bits = 1;
  bool is_signed = false;
  int fraction = 0;
};

/// `value` modulo 2^bits as a sized literal.
std::string sv_literal(Wide value, int bits);
/// `logic [bits-1:0] name`
std::string sv_declare(const std::string& name, int bits);
/// The signal times 2^zeros, extended by its sign or cut to `bits`; every operand has exactly the width that is asked for.
std::string sv_fit(const Signal& signal, int bits, int zeros = 0);
/// The signal in another type: rounded, wrapped or clamped. Declarations of helper signals (named `name`_...) go to `text`.
std::string sv_quantise(const Signal& signal, const NumberType& type, const std::string& name, std::string& text);
int sv_bits(Wide value);

}  // namespace gnomon::hls
