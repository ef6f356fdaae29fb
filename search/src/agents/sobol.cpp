#include "agents/sobol.hpp"

#include <algorithm>
#include <array>

#include "agents/genome.hpp"
#include "agents/info.hpp"

namespace gnomon::search {
namespace {

/// One row of the table: degree and inner coefficients of a primitive polynomial over GF(2), and the first direction integers.
struct Row {
  int degree;
  std::uint32_t coefficients;
  std::array<std::uint32_t, 8> m;
};

// Dimensions 2 to 40 of new-joe-kuo-6; dimension 1 is the van der Corput sequence.
constexpr std::array<Row, SobolSequence::max_dimensions - 1> table{{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
    {7, 7, {1, 1, 3, 13, 7, 35, 63}},
    {7, 8, {1, 3, 5, 9, 1, 25, 53}},
    {7, 14, {1, 3, 1, 13, 9, 35, 107}},
    {7, 19, {1, 3, 1, 5, 27, 61, 31}},
    {7, 21, {1, 1, 5, 11, 19, 41, 61}},
    {7, 28, {1, 3, 5, 3, 3, 13, 69}},
    {7, 31, {1, 1, 7, 13, 1, 19, 1}},
    {7, 32, {1, 3, 7, 5, 13, 19, 59}},
    {7, 37, {1, 1, 3, 9, 25, 29, 41}},
    {7, 41, {1, 3, 5, 13, 23, 1, 55}},
    {7, 42, {1, 3, 7, 3, 13, 59, 17}},
    {7, 50, {1, 3, 1, 3, 5, 53, 69}},
    {7, 55, {1, 1, 5, 5, 23, 33, 13}},
    {7, 56, {1, 1, 7, 7, 1, 61, 123}},
    {7, 59, {1, 1, 7, 9, 13, 61, 49}},
    {7, 62, {1, 3, 3, 5, 3, 55, 33}},
    {8, 14, {1, 3, 1, 15, 31, 13, 49, 245}},
    {8, 21, {1, 3, 5, 15, 31, 59, 63, 97}},
    {8, 22, {1, 3, 1, 11, 11, 11, 77, 249}},
}};

std::vector<std::uint32_t> direction_numbers(std::size_t dimension) {
  constexpr int bits = SobolSequence::bits;
  std::vector<std::uint32_t> v(bits);
  if (dimension == 0) {
    for (int i = 0; i < bits; ++i) v[static_cast<std::size_t>(i)] = std::uint32_t{1} << (bits - 1 - i);
    return v;
  }
  const Row& row = table[dimension - 1];
  const int s = row.degree;
  for (int i = 0; i < bits; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i < s) {
      v[at] = row.m[at] << (bits - 1 - i);
      continue;
    }
    v[at] = v[at - static_cast<std::size_t>(s)] ^ (v[at - static_cast<std::size_t>(s)] >> s);
    for (int k = 1; k < s; ++k) {
      if ((row.coefficients >> (s - 1 - k)) & 1U) v[at] ^= v[at - static_cast<std::size_t>(k)];
    }
  }
  return v;
}

struct SobolOptions {};
void describe(FieldVisitor&, SobolOptions&) {}

class SobolAgent final : public Agent {
 public:
  SobolAgent(const AgentSetup& setup, const SobolOptions&) : design_(setup.space, derive(setup.seed, "sobol")) {}
  std::vector<arch::Point> ask(const AskRequest& request) const override { return design_.next(request.count, request); }
  void tell(const Told&) override {}

 private:
  SobolDesign design_;
};

}  // namespace

SobolSequence::SobolSequence(std::size_t dimensions, std::uint64_t shift_seed) : dimensions_(dimensions), seed_(shift_seed) {
  for (std::size_t d = 0; d < std::min(dimensions, max_dimensions); ++d) {
    directions_.push_back(direction_numbers(d));
    shift_.push_back(shift_seed == 0 ? 0 : static_cast<std::uint32_t>(derive(shift_seed, d) >> 32));
  }
}

std::vector<double> SobolSequence::point(std::uint64_t index) const {
  const std::uint64_t gray = index ^ (index >> 1);
  std::vector<double> out(dimensions_);
  for (std::size_t d = 0; d < dimensions_; ++d) {
    if (d >= directions_.size()) {
      out[d] = Random(derive(derive(seed_, d), index)).uniform();
      continue;
    }
    std::uint32_t x = shift_[d];
    for (int b = 0; b < bits; ++b) {
      if ((gray >> b) & 1U) x ^= directions_[d][static_cast<std::size_t>(b)];
    }
    out[d] = static_cast<double>(x) * 0x1.0p-32;
  }
  return out;
}

SobolDesign::SobolDesign(std::shared_ptr<const arch::Space> space, std::uint64_t seed)
    : space_(std::move(space)), sequence_(code_size(*space_), seed == 0 ? 1 : seed) {}

std::vector<arch::Point> SobolDesign::next(std::size_t count, const AskRequest& request, const std::vector<arch::Point>& taken,
                                           std::size_t tries) const {
  std::vector<arch::Point> out;
  std::size_t looked = 0;
  bool all_known = true;
  for (std::uint64_t i = known_before_; out.size() < count && looked < tries * count; ++i, ++looked) {
    arch::Point point = to_point(*space_, genome_from_uniform(*space_, sequence_.point(i)));
    const bool fresh = request.fresh(point);
    if (!fresh && all_known) known_before_ = i + 1;
    all_known = all_known && !fresh;
    if (!fresh || std::find(out.begin(), out.end(), point) != out.end() ||
        std::find(taken.begin(), taken.end(), point) != taken.end()) {
      continue;
    }
    out.push_back(std::move(point));
  }
  return out;
}

AgentInfo sobol_info() {
  return agent_info<SobolAgent, SobolOptions>("sobol", "Sobol sequence with a random digital shift (Joe and Kuo 2008)", 0);
}

}  // namespace gnomon::search
