#include "gnomon/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gnomon {
namespace {

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t golden_gamma = 0x9e3779b97f4a7c15ULL;

}  // namespace

std::uint64_t derive(std::uint64_t seed, std::uint64_t n) { return mix(mix(seed + golden_gamma) ^ mix(n * golden_gamma + 1)); }

std::uint64_t derive(std::uint64_t seed, std::string_view name) {
  std::uint64_t out = seed;
  for (const char c : name) out = derive(out, static_cast<unsigned char>(c));
  return derive(out, name.size());
}

std::uint64_t Random::next() { return mix(mix(seed_) + golden_gamma * ++counter_); }

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::int64_t Random::integer(std::int64_t low, std::int64_t high) {
  const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  if (span == 0) return static_cast<std::int64_t>(next());
  const std::uint64_t refuse_below = (0 - span) % span;
  std::uint64_t draw = next();
  while (draw < refuse_below) draw = next();
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + draw % span);
}

std::int64_t Random::log_integer(std::int64_t low, std::int64_t high) {
  const double value = std::exp(uniform(std::log(static_cast<double>(low)), std::log(static_cast<double>(high) + 1)));
  return std::clamp(static_cast<std::int64_t>(value), low, high);
}

double Random::normal() {
  const double u = 1.0 - uniform();
  const double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::size_t Random::weighted(std::span<const double> weights) {
  double total = 0;
  for (const double w : weights) total += w;
  double at = uniform() * total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    at -= weights[i];
    if (at < 0) return i;
  }
  return weights.empty() ? 0 : weights.size() - 1;
}

}  // namespace gnomon
