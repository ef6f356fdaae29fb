#include "cosim/quantise.hpp"

#include <algorithm>
#include <cmath>

namespace gnomon::hls {

std::vector<std::int32_t> quantise(const std::vector<float>& values, int bits) {
  const double top = std::ldexp(1.0, bits - 1) - 1;
  double largest = 0;
  for (const float value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  int exponent = largest > 0 ? static_cast<int>(std::ceil(std::log2(largest / top))) : 0;
  while (largest > 0 && std::ldexp(top, exponent) < largest) ++exponent;
  std::vector<std::int32_t> out;
  for (const float value : values) {
    const double scaled = std::isnan(value) ? 0 : std::nearbyint(std::ldexp(static_cast<double>(value), -exponent));
    out.push_back(static_cast<std::int32_t>(std::clamp(scaled, -top - 1, top)));
  }
  return out;
}

}  // namespace gnomon::hls
