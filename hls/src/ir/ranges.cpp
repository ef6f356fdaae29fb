#include "ir/ranges.hpp"

#include <algorithm>

#include "ir/affine.hpp"

namespace gnomon::hls {

std::vector<std::pair<Wide, Wide>> value_ranges(const Kernel& kernel) {
  using Range = std::pair<Wide, Wide>;
  std::vector<Range> ranges;
  for (const KernelOp& op : kernel.ops) {
    const Range all{op.type.lowest(), op.type.highest()};
    const auto arg = [&](std::size_t a) { return a < op.args.size() && op.args[a] < ranges.size() ? ranges[op.args[a]] : all; };
    // Intervals are followed through integers only; anything else may have every value of its type.
    bool integers = op.type.fraction == 0;
    for (const std::size_t a : op.args) integers = integers && a < kernel.ops.size() && kernel.ops[a].type.fraction == 0;
    Range range = all;
    const auto hull = [](std::initializer_list<Wide> values) { return Range{std::min(values), std::max(values)}; };
    switch (op.code) {
      case OpCode::constant: {
        const Wide value = exact(op.type, op.value);
        range = {value, value};
        break;
      }
      case OpCode::load:
      case OpCode::gather:
        if (op.tensor && *op.tensor < kernel.tensors.size() && kernel.tensors[*op.tensor].kind == TensorKind::constant &&
            !kernel.tensors[*op.tensor].values.empty()) {
          const auto& values = kernel.tensors[*op.tensor].values;
          range = {exact(op.type, values[0]), exact(op.type, values[0])};
          for (const std::int64_t v : values) range = {std::min(range.first, exact(op.type, v)), std::max(range.second, exact(op.type, v))};
        }
        break;
      case OpCode::index:
        if (op.index.size() == 1) range = affine_range(kernel, op.index[0], op.loop);
        break;
      case OpCode::add:
        if (integers) range = {arg(0).first + arg(1).first, arg(0).second + arg(1).second};
        break;
      case OpCode::bit_xor:
        if (op.args.size() == 2 && op.args[0] == op.args[1]) range = {0, 0};
        break;
      case OpCode::sub:
        if (op.args.size() == 2 && op.args[0] == op.args[1]) range = {0, 0};
        else if (integers) range = {arg(0).first - arg(1).second, arg(0).second - arg(1).first};
        break;
      case OpCode::mul:
        if (integers) {
          const Range x = arg(0), y = arg(1);
          if (x.first > -(Wide{1} << 60) && x.second < (Wide{1} << 60) && y.first > -(Wide{1} << 60) && y.second < (Wide{1} << 60))
            range = hull({x.first * y.first, x.first * y.second, x.second * y.first, x.second * y.second});
        }
        break;
      case OpCode::bit_and:
        if (integers && (arg(0).first >= 0 || arg(1).first >= 0))
          range = {0, arg(0).first < 0 ? arg(1).second : arg(1).first < 0 ? arg(0).second : std::min(arg(0).second, arg(1).second)};
        break;
      case OpCode::shr:
        if (integers && arg(1).first >= 0) {
          const int least = static_cast<int>(std::min<Wide>(arg(1).first, 64)), most = static_cast<int>(std::min<Wide>(arg(1).second, 64));
          range = hull({arg(0).first >> least, arg(0).first >> most, arg(0).second >> least, arg(0).second >> most});
        }
        break;
      case OpCode::div:
        if (integers && arg(1).first > 0)
          range = hull({arg(0).first / arg(1).first, arg(0).first / arg(1).second, arg(0).second / arg(1).first, arg(0).second / arg(1).second});
        break;
      case OpCode::rem:
        if (integers && arg(1).first > 0) {
          const Wide most = arg(1).second - 1;
          range = {arg(0).first < 0 ? std::max(-most, arg(0).first) : Wide{0}, arg(0).second < 0 ? Wide{0} : std::min(most, arg(0).second)};
        }
        break;
      case OpCode::clz:
        if (!op.args.empty() && op.args[0] < kernel.ops.size()) range = {0, kernel.ops[op.args[0]].type.bits};
        break;
      case OpCode::select:
        if (integers) range = {std::min(arg(1).first, arg(2).first), std::max(arg(1).second, arg(2).second)};
        break;
      case OpCode::min:
        if (integers) range = {std::min(arg(0).first, arg(1).first), std::min(arg(0).second, arg(1).second)};
        break;
      case OpCode::max:
        if (integers) range = {std::max(arg(0).first, arg(1).first), std::max(arg(0).second, arg(1).second)};
        break;
      case OpCode::cast:
        if (integers) range = arg(0);
        break;
      case OpCode::eq:
      case OpCode::ne:
      case OpCode::lt:
      case OpCode::le:
        range = {0, 1};
        break;
      default:
        break;
    }
    // What does not fit wraps or is clamped: then nothing is known but the type.
    if (range.first < all.first || range.second > all.second || range.first > range.second) range = all;
    // A read that is not done has the value 0.
    if (op.code == OpCode::read && op.when) range = {std::min<Wide>(range.first, 0), std::max<Wide>(range.second, 0)};
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace gnomon::hls
