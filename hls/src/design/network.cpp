#include "design/network.hpp"

#include <algorithm>
#include <cmath>

#include "cosim/quantise.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

using workloads::OpClass;

std::int32_t scaled_down(std::int64_t value, int shift, int bits) {
  std::int64_t quotient = value >> shift;
  if (shift > 0) {
    const std::int64_t rest = value - (quotient << shift), half = std::int64_t{1} << (shift - 1);
    if (rest > half || (rest == half && (quotient & 1) != 0)) ++quotient;
  }
  const std::int64_t top = (std::int64_t{1} << (bits - 1)) - 1;
  return static_cast<std::int32_t>(std::clamp(quotient, -top - 1, top));
}

arch::ArrayWork array_work(const workloads::Operator& op) {
  arch::ArrayWork work;
  if (op.matmul) {
    work.extent[0] = op.matmul->batch;
    work.extent[1] = op.matmul->m;
    work.extent[2] = op.matmul->n;
    work.extent[3] = op.matmul->k;
    return work;
  }
  const workloads::Convolution& c = *op.conv;
  work.extent[0] = c.groups;
  work.extent[1] = c.batch * c.out[0] * c.out[1];
  work.extent[2] = c.out_channels / c.groups;
  work.extent[3] = c.in_channels / c.groups * c.kernel[0] * c.kernel[1];
  work.window = c;
  return work;
}

std::vector<std::int64_t> image_shape(const workloads::Tensor& tensor) {
  std::vector<std::int64_t> shape = tensor.shape;
  if (shape.size() == 3) shape.insert(shape.begin() + 2, 1);
  return shape;
}

namespace {

double mean_square(const std::vector<std::int64_t>& sums) {
  double total = 0;
  for (const std::int64_t sum : sums) total += static_cast<double>(sum) * static_cast<double>(sum);
  return total / std::max<double>(1, static_cast<double>(sums.size()));
}

/// So that the root mean square comes to lie at about a quarter of the range: some values saturate, most do not.
int shift_for(double square, int bits, int limit) {
  if (square < 1) return 0;
  const int shift = static_cast<int>(std::lround(0.5 * std::log2(square) - (bits - 3)));
  return std::clamp(shift, 0, limit);
}

class Interpreter {
 public:
  Interpreter(const workloads::Graph& graph, int bits, int accumulator_bits, std::uint64_t seed)
      : graph_(graph), bits_(bits), accumulator_bits_(accumulator_bits), seed_(seed) {}

  Expected<Network> run() {
    for (workloads::TensorId t = 0; t < graph_.tensor_count(); ++t) {
      const workloads::Tensor& tensor = graph_.tensor(t);
      if (tensor.constant || graph_.producer(t)) continue;
      if (tensor.elements() > limit) {
        problems_.push_back({graph_.name(), "", "tensor " + in_quotes(tensor.name) + " has more than 2^27 elements"});
        continue;
      }
      out_.values[t] = noise(tensor.name, tensor.elements());
    }
    for (const workloads::OperatorId id : graph_.order()) {
      if (!problems_.empty()) {
        check_only(id);
        continue;
      }
      apply(id);
    }
    if (!problems_.empty()) return fail(Error(ErrorKind::unsupported, std::move(problems_)));
    return std::move(out_);
  }

 private:
  static constexpr std::int64_t limit = std::int64_t{1} << 27;
  const workloads::Graph& graph_;
  int bits_, accumulator_bits_;
  std::uint64_t seed_;
  Network out_;
  std::vector<Problem> problems_;

  void refuse(const workloads::Operator& op, const std::string& what) {
    problems_.push_back({graph_.name(), "", "operator " + in_quotes(op.name) + " (" + op.type + "): " + what});
  }
  std::vector<std::int32_t> noise(const std::string& name, std::int64_t elements) {
    Random random(derive(seed_, name));
    std::vector<std::int32_t> out(static_cast<std::size_t>(elements));
    for (std::int32_t& value : out) value = static_cast<std::int32_t>(wrap(random.next(), bits_));
    return out;
  }
  const std::vector<std::int32_t>* input(const workloads::Operator& op, std::size_t i) {
    if (i >= op.inputs.size()) return nullptr;
    const auto found = out_.values.find(op.inputs[i]);
    return found == out_.values.end() ? nullptr : &found->second;
  }

  /// Whether the type of an operator is one that has integers here; says why not.
  bool supported(const workloads::Operator& op) {
    if (op.outputs.size() != 1 && op.op_class != OpClass::pooling) {
      refuse(op, "several outputs");
      return false;
    }
    switch (op.op_class) {
      case OpClass::view:
        return true;
      case OpClass::convolution:
        if (op.conv->transposed) refuse(op, "transposed convolutions have no complete RTL");
        else return true;
        return false;
      case OpClass::matmul:
        if (op.inputs.size() < 2 || !graph_.tensor(op.inputs[1]).constant) refuse(op, "products of two activations have no complete RTL");
        else return true;
        return false;
      case OpClass::elementwise:
        if (op.type == "Relu" || (op.type == "Add" && op.inputs.size() == 2 && graph_.tensor(op.inputs[0]).shape == graph_.tensor(op.inputs[1]).shape &&
                                  !graph_.tensor(op.inputs[0]).constant && !graph_.tensor(op.inputs[1]).constant))
          return true;
        break;
      case OpClass::pooling: {
        const bool mean = op.type == "AveragePool" || op.type == "GlobalAveragePool";
        if (op.pooling && (mean || op.type == "MaxPool" || op.type == "GlobalMaxPool")) return true;
        break;
      }
      default:
        break;
    }
    refuse(op, "no complete RTL; Conv, Gemm and MatMul by constants, Relu, Add of two tensors of one shape, MaxPool and AveragePool have");
    return false;
  }
  void check_only(workloads::OperatorId id) { supported(graph_.op(id)); }

  void apply(workloads::OperatorId id) {
    const workloads::Operator& op = graph_.op(id);
    if (!supported(op)) return;
    const std::vector<std::int32_t>* x = input(op, 0);
    if (x == nullptr) return refuse(op, "its first input is a constant");
    std::vector<std::int32_t>& y = out_.values[op.outputs[0]];
    switch (op.op_class) {
      case OpClass::view:
        y = *x;
        return;
      case OpClass::elementwise:
        if (op.type == "Relu") {
          for (const std::int32_t value : *x) y.push_back(std::max(0, value));
        } else {
          add(id, *x, *input(op, 1), y);
        }
        return;
      case OpClass::pooling:
        return pool(id, *x, y);
      default:
        return product(id, *x, y);
    }
  }

  void add(workloads::OperatorId id, const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b, std::vector<std::int32_t>& y) {
    std::vector<std::int64_t> sums(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) sums[i] = std::int64_t{a[i]} + b[i];
    OperatorNumbers& numbers = out_.numbers[id];
    numbers.shift = shift_for(mean_square(sums), bits_, 1);
    for (const std::int64_t sum : sums) y.push_back(scaled_down(sum, numbers.shift, bits_));
  }

  void pool(workloads::OperatorId id, const std::vector<std::int32_t>& x, std::vector<std::int32_t>& y) {
    const workloads::Operator& op = graph_.op(id);
    const workloads::Pooling& p = *op.pooling;
    const auto in = image_shape(graph_.tensor(op.inputs[0])), out = image_shape(graph_.tensor(op.outputs[0]));
    const bool mean = op.type == "AveragePool" || op.type == "GlobalAveragePool";
    const auto factor = [](std::int64_t elements) { return elements == 0 ? 0 : std::max<std::int64_t>(1, std::llround(65536.0 / static_cast<double>(elements))); };
    std::int64_t least = p.kernel[0] * p.kernel[1], largest = 0;
    for (std::int64_t plane = 0; plane < in[0] * in[1]; ++plane)
      for (std::int64_t oy = 0; oy < out[2]; ++oy)
        for (std::int64_t ox = 0; ox < out[3]; ++ox) {
          std::int64_t most = -(std::int64_t{1} << (bits_ - 1)), sum = 0, padded = 0, inside = 0;
          for (std::int64_t ky = 0; ky < p.kernel[0]; ++ky)
            for (std::int64_t kx = 0; kx < p.kernel[1]; ++kx) {
              const std::int64_t iy = oy * p.stride[0] + ky * p.dilation[0] - p.pad_begin[0], ix = ox * p.stride[1] + kx * p.dilation[1] - p.pad_begin[1];
              if (iy < in[2] + p.pad_end[0] && ix < in[3] + p.pad_end[1]) ++padded;
              if (iy < 0 || iy >= in[2] || ix < 0 || ix >= in[3]) continue;
              const std::int64_t value = x[static_cast<std::size_t>((plane * in[2] + iy) * in[3] + ix)];
              most = std::max(most, value);
              sum += value;
              ++inside;
            }
          const std::int64_t elements = p.count_include_pad ? padded : inside;
          least = std::min(least, elements);
          largest = std::max(largest, elements);
          y.push_back(mean ? scaled_down(sum * factor(elements), 16, bits_) : static_cast<std::int32_t>(most));
        }
    if (!mean) return;
    OperatorNumbers& numbers = out_.numbers[id];
    numbers.shift = 16;
    numbers.factor = factor(largest);
    numbers.counted = least != largest;
  }

  void product(workloads::OperatorId id, const std::vector<std::int32_t>& x, std::vector<std::int32_t>& y) {
    const workloads::Operator& op = graph_.op(id);
    auto operands = empty_operands(array_work(op));
    if (!operands) return refuse(op, operands.error().text());
    if (operands->ifmap.size() != x.size()) return refuse(op, "its input has another size than its product");
    operands->ifmap = x;
    const workloads::Tensor& filter = graph_.tensor(op.inputs[1]);
    if (op.conv && filter.values && filter.values->size() == operands->filter.size()) operands->filter = quantise(*filter.values, bits_);
    else operands->filter = noise(filter.name, static_cast<std::int64_t>(operands->filter.size()));
    std::vector<std::int64_t> sums = reference_outputs(*operands, accumulator_bits_);
    const std::int64_t g = operands->size(arch::Dim::g), m = operands->size(arch::Dim::m), n = operands->size(arch::Dim::n);
    OperatorNumbers& numbers = out_.numbers[id];
    if (op.inputs.size() > 2) {
      const std::int64_t columns = op.conv ? g * n : n;
      if (graph_.tensor(op.inputs[2]).elements() != columns || !graph_.tensor(op.inputs[2]).constant)
        return refuse(op, "a third operand other than a constant for each output channel has no complete RTL");
      Random random(derive(seed_, graph_.tensor(op.inputs[2]).name));
      const double spread = 0.5 * std::sqrt(mean_square(sums));
      for (std::int64_t c = 0; c < columns; ++c) numbers.bias.push_back(wrap(static_cast<std::uint64_t>(std::llround(random.uniform(-spread, spread))), accumulator_bits_));
      for (std::int64_t gi = 0; gi < g; ++gi)
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            std::int64_t& sum = sums[static_cast<std::size_t>((gi * m + i) * n + j)];
            sum = wrap(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(numbers.bias[static_cast<std::size_t>(op.conv ? gi * n + j : j)]), accumulator_bits_);
          }
    }
    numbers.shift = shift_for(mean_square(sums), bits_, accumulator_bits_ - 2);
    numbers.weights = std::move(operands->filter);
    y.resize(sums.size());
    // [g][m][n] to the tensor: images by channels by pixels, or as it is.
    const std::int64_t images = op.conv ? op.conv->batch : 1, pixels = m / images;
    for (std::int64_t gi = 0; gi < g; ++gi)
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          const std::int64_t at = op.conv ? ((i / pixels * g + gi) * n + j) * pixels + i % pixels : (gi * m + i) * n + j;
          y[static_cast<std::size_t>(at)] = scaled_down(sums[static_cast<std::size_t>((gi * m + i) * n + j)], numbers.shift, bits_);
        }
  }
};

}  // namespace

Expected<Network> interpret_network(const workloads::Graph& graph, int bits, int accumulator_bits, std::uint64_t seed) {
  return Interpreter(graph, bits, accumulator_bits, seed).run();
}

}  // namespace gnomon::hls
