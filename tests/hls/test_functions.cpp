// exp, log, recip and rsqrt: bit by bit what the stated error allows against long double, and the same in RTL and C++.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/evaluate.hpp"
#include "ir/functions.hpp"

namespace gnomon::hls {
namespace {

long double exact_result(OpCode code, long double x) {
  switch (code) {
    case OpCode::exp:
      return std::exp(x);
    case OpCode::log:
      return std::log(x);
    case OpCode::recip:
      return 1 / x;
    default:
      return 1 / std::sqrt(x);
  }
}

/// Off by how many of the result's last bits; what is clamped counts as its end.
long double error_ulp(OpCode code, const NumberType& from, const NumberType& to, std::int64_t x, std::int64_t y) {
  const long double in = std::ldexp(static_cast<long double>(exact(from, x)), -from.fraction), got = static_cast<long double>(exact(to, y));
  const bool positive_only = code == OpCode::log || code == OpCode::rsqrt;
  if ((positive_only && in <= 0) || (code == OpCode::recip && in == 0))
    return std::abs(got - static_cast<long double>(code == OpCode::log ? to.lowest() : to.highest()));
  long double wanted = std::ldexp(exact_result(code, in), to.fraction);
  if (code != OpCode::log || to.overflow == Overflow::saturate) wanted = std::min(std::max(wanted, static_cast<long double>(to.lowest())), static_cast<long double>(to.highest()));
  if (wanted < static_cast<long double>(to.lowest()) - 1 || wanted > static_cast<long double>(to.highest()) + 1) return 0;  // wraps
  const long double off = std::abs(got - wanted);
  // A logarithm that the last rounding takes over the end wraps.
  const long double span = static_cast<long double>(to.highest()) - static_cast<long double>(to.lowest()) + 1;
  return to.overflow == Overflow::wrap && code == OpCode::log ? std::min(off, std::abs(off - span)) : off;
}

long double allowed(const NumberType& to) { return to.rounding == Rounding::down ? 1.125L : 0.625L; }

NumberType random_type(Random& r, bool result, bool log) {
  NumberType t;
  t.is_signed = r.chance(0.5);
  t.bits = static_cast<int>(r.integer(1, 32));
  t.fraction = static_cast<int>(r.chance(0.8) ? r.integer(0, t.bits) : r.integer(0, log ? log_fraction : 50));
  if (result) {
    t.rounding = static_cast<Rounding>(r.integer(0, 2));
    t.overflow = r.chance(0.5) ? Overflow::saturate : Overflow::wrap;
  }
  return t;
}

const OpCode codes[] = {OpCode::exp, OpCode::log, OpCode::recip, OpCode::rsqrt};

std::int64_t apply(OpCode code, const NumberType& from, const NumberType& to, std::int64_t x) {
  KernelOp op;
  op.code = code;
  op.type = to;
  return evaluate_op(op, &from, &x);
}

// All values of types of up to 12 bits.
TEST(Functions, NarrowTypesExhaustively) {
  long double worst[4] = {0, 0, 0, 0};
  for (int c = 0; c < 4; ++c)
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      Random r(derive(seed, static_cast<std::uint64_t>(c)));
      NumberType from = random_type(r, false, false), to = random_type(r, true, codes[c] == OpCode::log);
      from.bits = static_cast<int>(r.integer(1, 12));
      from.fraction = static_cast<int>(r.integer(0, from.bits + 2));
      to.bits = static_cast<int>(r.integer(1, 16));
      SCOPED_TRACE(op_names()[static_cast<std::size_t>(codes[c])] + " of " + from.text() + " to " + to.text() + ", seed " + std::to_string(seed));
      for (std::int64_t x = static_cast<std::int64_t>(from.lowest()); x <= static_cast<std::int64_t>(from.highest()); ++x) {
        const long double off = error_ulp(codes[c], from, to, x, apply(codes[c], from, to, x));
        worst[c] = std::max(worst[c], off - (to.rounding == Rounding::down ? 1 : 0.5L));
        ASSERT_LT(off, allowed(to)) << "of " << x << " got " << apply(codes[c], from, to, x);
      }
    }
  for (int c = 0; c < 4; ++c) std::printf("%-6s off by %.4f of the last bit before rounding\n", op_names()[static_cast<std::size_t>(codes[c])].c_str(), static_cast<double>(worst[c]));
}

TEST(Functions, WideTypesSampled) {
  for (int c = 0; c < 4; ++c)
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      Random r(derive(1000 + seed, static_cast<std::uint64_t>(c)));
      const NumberType from = random_type(r, false, false), to = random_type(r, true, codes[c] == OpCode::log);
      SCOPED_TRACE(op_names()[static_cast<std::size_t>(codes[c])] + " of " + from.text() + " to " + to.text() + ", seed " + std::to_string(seed));
      for (int i = 0; i < 300; ++i) {
        // Small and large ones alike.
        const std::int64_t x = quantise({from.is_signed, from.bits}, static_cast<Wide>(r.next()) >> r.integer(0, 63), 0);
        ASSERT_LT(error_ulp(codes[c], from, to, x, apply(codes[c], from, to, x)), allowed(to)) << "of " << x << " got " << apply(codes[c], from, to, x);
      }
    }
}

TEST(Functions, ExactResultsAreExact) {
  const NumberType x{true, 16, 8}, y{true, 24, 16};
  EXPECT_EQ(apply(OpCode::exp, x, y, 0), 1 << 16);
  EXPECT_EQ(apply(OpCode::log, x, y, 256), 0);
  for (int p = 0; p < 7; ++p) {
    EXPECT_EQ(apply(OpCode::recip, x, y, 256 << p), 65536 >> p);
    EXPECT_EQ(apply(OpCode::recip, x, y, -(256 << p)), -(65536 >> p));
    EXPECT_EQ(apply(OpCode::rsqrt, x, y, 4 << (2 * (p / 2) + 2)), 524288 >> (p / 2 + 1));
  }
}

Expected<TensorValues> run_example(const std::string& name, const std::function<void(TensorValues&)>& change, TensorValues& inputs) {
  auto document = Document::load(std::filesystem::path(GNOMON_SOURCE_DIR) / "examples" / "kernels" / (name + ".json"));
  if (!document) return fail(std::move(document.error()));
  auto kernel = read_kernel(*document);
  if (!kernel) return fail(std::move(kernel.error()));
  inputs = random_inputs(*kernel, 3);
  change(inputs);
  return interpret(*kernel, inputs);
}

// The examples against their formulas in double.
TEST(Functions, ExamplesFollowTheirFormulas) {
  TensorValues in;
  // Scores within 4 of each other, and any.
  for (const int shift : {3, 0}) {
    auto out = run_example("softmax", [&](TensorValues& v) { for (auto& x : v["x"]) x >>= shift; }, in);
    ASSERT_TRUE(out) << out.error().text();
    double most = -100, sum = 0;
    for (const auto x : in["x"]) most = std::max(most, static_cast<double>(x) / 1024);
    for (const auto x : in["x"]) sum += std::exp(static_cast<double>(x) / 1024 - most);
    for (std::size_t i = 0; i < 16; ++i)
      EXPECT_NEAR(static_cast<double>(out->at("y")[i]) / 32768, std::exp(static_cast<double>(in["x"][i]) / 1024 - most) / sum, 1e-4);
  }
  auto out = run_example("layer_norm", [](TensorValues& v) { for (auto& x : v["x"]) x >>= 2; }, in);
  ASSERT_TRUE(out) << out.error().text();
  double mean = 0, variance = 0;
  for (const auto x : in["x"]) mean += static_cast<double>(x) / 1024 / 16;
  for (const auto x : in["x"]) variance += std::pow(static_cast<double>(x) / 1024 - mean, 2) / 16;
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_NEAR(static_cast<double>(out->at("y")[i]) / 1024, (static_cast<double>(in["x"][i]) / 1024 - mean) / std::sqrt(variance), 0.003);
  out = run_example("tabular", [](TensorValues& v) { for (std::size_t i = 0; i < 16; ++i) v["dense"][i] = static_cast<std::int64_t>(i); }, in);
  ASSERT_TRUE(out) << out.error().text();
  for (std::size_t i = 0; i < 32; ++i)
    EXPECT_NEAR(static_cast<double>(out->at("scaled")[i]) / 32768, std::log1p(std::max(0.0, static_cast<double>(in["dense"][i]))), 0.63 / 32768);
}

}  // namespace
}  // namespace gnomon::hls
