#include <algorithm>
#include <cmath>

#include "schedule/datapath.hpp"
#include "schedule/delay_table.hpp"

namespace gnomon::hls {
namespace {

double log2_up(double n) { return n <= 1 ? 0 : std::ceil(std::log2(n)); }

/// Between measured widths along the line, beyond them along the last one; never falling with the width, as single runs do.
double at_width(const measured::Delays& table, double width) {
  double before = table.front().first, low = table.front().second;
  for (const auto& [bits, ns] : table) {
    const double high = std::max(low, ns);
    if (width <= bits) return bits == before ? high : low + (high - low) * std::max(0.0, width - before) / (bits - before);
    before = bits;
    low = high;
  }
  // As steep as from the first to the last.
  return low + (low - table.front().second) / std::max(1.0, before - table.front().first) * (width - before);
}

// Of the 0.18 um library, measured (delay_table.hpp). They decide how expressions are cut into stages, never results.
double adder(int bits) { return at_width(measured::add, bits); }
double multiplier(int a, int b) {
  // Tables are of squares; an oblong product has the longer side's sums and the shorter side's rows.
  return (at_width(measured::multiply, std::max(a, b)) + at_width(measured::multiply, std::min(a, b))) / 2;
}
double multiplexer(double inputs) { return at_width(measured::choose, inputs); }
double comparator(int bits) { return at_width(measured::less, bits); }
double gate() { return measured::logic.front().second; }

}  // namespace

double multiplexer_ns(double inputs) { return multiplexer(inputs); }

double delay_of(const Node& node, const std::vector<Node>& nodes, const Kernel& kernel, const Memory* memory) {
  const auto arg = [&](std::size_t a) -> const NumberType& { return nodes[static_cast<std::size_t>(node.args[a])].type; };
  // What rounding, clamping and their adders cost.
  const auto cut = [&](int fraction) {
    double delay = 0;
    if (fraction > node.type.fraction && node.type.rounding != Rounding::down) delay += adder(node.type.bits);
    if (node.type.overflow == Overflow::saturate) delay += comparator(node.type.bits) / 2 + multiplexer(4);
    return delay;
  };
  switch (node.kind) {
    case NodeKind::constant:
    case NodeKind::live_in:
      return 0.3;
    case NodeKind::affine: {
      int terms = node.affine.constant != 0 ? 1 : 0;
      for (const std::int64_t c : node.affine.coefficients)
        if (c != 0) terms += (c & (c - 1)) == 0 ? 1 : 2;
      for (const auto& v : node.affine.values) terms += (v.second & (v.second - 1)) == 0 ? 1 : 2;
      return terms <= 1 ? 0.3 : 0.3 + log2_up(terms) * adder(node.type.bits);
    }
    case NodeKind::quotient:
    case NodeKind::modulo:
      return (node.value & (node.value - 1)) == 0 ? 0 : adder(arg(0).bits) * std::max(1.0, arg(0).bits - log2_up(static_cast<double>(node.value)));
    case NodeKind::predicate:
      return 0.9;
    case NodeKind::load:
      return memory->storage == Memory::registers ? multiplexer(static_cast<double>(kernel.tensors[static_cast<std::size_t>(node.tensor)].elements()))
                                                  : 1.2 + (node.bank < 0 ? multiplexer(static_cast<double>(memory->banks)) : 0);
    case NodeKind::store:
    case NodeKind::write:
    case NodeKind::live_out:
      return 0.3;
    case NodeKind::read:
      return 0.8;
    case NodeKind::hold:
      return multiplexer(2);
    case NodeKind::compute:
      break;
  }
  if (node.latency > 0) return 0.4;
  switch (node.code) {
    case OpCode::add:
    case OpCode::sub:
      return adder(std::min(node.type.bits, std::max(arg(0).bits, arg(1).bits) + 1)) + cut(std::max(arg(0).fraction, arg(1).fraction));
    case OpCode::mul:
      return multiplier(arg(0).bits, arg(1).bits) + node.share_ns;
    case OpCode::shl:
    case OpCode::shr:
      return nodes[static_cast<std::size_t>(node.args[1])].kind == NodeKind::constant
                 ? cut(arg(0).fraction)
                 : at_width(measured::shift, std::max(node.type.bits, arg(0).bits)) + comparator(arg(1).bits) + cut(arg(0).fraction);
    case OpCode::bit_and:
    case OpCode::bit_or:
    case OpCode::bit_xor:
      return gate();
    case OpCode::clz:
      return at_width(measured::zeros, arg(0).bits);
    case OpCode::select:
      return at_width(measured::equal, arg(0).bits) + multiplexer(2) + cut(std::max(arg(1).fraction, arg(2).fraction));
    case OpCode::min:
    case OpCode::max:
      return comparator(std::max(arg(0).bits, arg(1).bits)) + multiplexer(2) + cut(std::max(arg(0).fraction, arg(1).fraction));
    case OpCode::eq:
    case OpCode::ne:
      return at_width(measured::equal, std::max(arg(0).bits, arg(1).bits));
    case OpCode::lt:
    case OpCode::le:
      return comparator(std::max(arg(0).bits, arg(1).bits));
    case OpCode::cast:
      return cut(arg(0).fraction);
    case OpCode::scale:
      return cut(arg(0).fraction - static_cast<int>(node.value));
    default:
      return 0.3;
  }
}

int divider_bits_per_stage(int bits, double clock_ns) {
  return std::clamp(static_cast<int>(clock_ns / (adder(bits) + multiplexer(2))), 1, std::max(1, bits));
}

int divider_latency(int bits, double clock_ns) {
  const int each = divider_bits_per_stage(bits, clock_ns);
  return (bits + each - 1) / each + 1;
}

}  // namespace gnomon::hls
