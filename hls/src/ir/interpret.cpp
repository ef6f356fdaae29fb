#include <algorithm>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {
namespace {

__extension__ typedef __int128 Wide;

/// The low bits of a value as its type reads them; 64-bit unsigned ones keep their bits.
std::int64_t cut(IntType type, std::uint64_t value) {
  const int unused = 64 - type.bits;
  if (type.is_signed) return static_cast<std::int64_t>(value << unused) >> unused;
  return static_cast<std::int64_t>((value << unused) >> unused);
}

/// The number that stored bits stand for.
Wide exact(IntType type, std::int64_t bits) {
  return type.is_signed ? Wide{bits} : Wide{static_cast<std::uint64_t>(bits)};
}

class Machine {
 public:
  Machine(const Kernel& kernel, std::vector<std::vector<std::int64_t>>& memory) : kernel_(kernel), memory_(memory) {
    values_.resize(kernel.ops.size());
    loops_.resize(kernel.loops.size());
    for (const KernelOp& op : kernel.ops) {
      Access access;
      access.factor.assign(kernel.loops.size(), 0);
      if (op.tensor) {
        std::uint64_t stride = 1;
        const auto& shape = kernel.tensors[*op.tensor].shape;
        for (std::size_t d = shape.size(); d-- > 0;) {
          access.base += stride * static_cast<std::uint64_t>(op.index[d].constant);
          for (std::size_t l = 0; l < op.index[d].coefficients.size(); ++l)
            access.factor[l] += stride * static_cast<std::uint64_t>(op.index[d].coefficients[l]);
          stride *= static_cast<std::uint64_t>(shape[d]);
        }
      }
      access_.push_back(std::move(access));
    }
  }

  /// Ops [begin, end), all inside the first `depth` loops.
  void run(std::size_t depth, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end;) {
      if (kernel_.ops[i].depth == depth) {
        execute(i++);
        continue;
      }
      std::size_t stop = i;
      while (stop < end && kernel_.ops[stop].depth > depth) ++stop;
      for (std::int64_t at = 0; at < kernel_.loops[depth].extent; ++at) {
        loops_[depth] = at;
        run(depth + 1, i, stop);
      }
      i = stop;
    }
  }

 private:
  /// Unsigned, since single terms may pass 64 bits (a loop of one iteration may have any factor); their sum is inside the tensor.
  struct Access {
    std::uint64_t base = 0;
    std::vector<std::uint64_t> factor;
  };

  std::int64_t& element(std::size_t i) {
    std::uint64_t at = access_[i].base;
    for (std::size_t l = 0; l < kernel_.ops[i].depth; ++l) at += access_[i].factor[l] * static_cast<std::uint64_t>(loops_[l]);
    return memory_[*kernel_.ops[i].tensor][static_cast<std::size_t>(at)];
  }
  Wide number_of(std::size_t arg) const { return exact(kernel_.ops[arg].type, values_[arg]); }

  void execute(std::size_t i) {
    const KernelOp& op = kernel_.ops[i];
    const auto bits = [&](std::size_t a) { return static_cast<std::uint64_t>(values_[op.args[a]]); };
    const auto value = [&](std::size_t a) { return number_of(op.args[a]); };
    // Sums, products and left shifts agree with the exact result in the low 64 bits, and no type has more.
    std::uint64_t result = 0;
    switch (op.code) {
      case OpCode::constant:
        result = static_cast<std::uint64_t>(op.value);
        break;
      case OpCode::load:
        values_[i] = element(i);
        return;
      case OpCode::store:
        element(i) = cut(op.type, bits(0));
        return;
      case OpCode::add:
        result = bits(0) + bits(1);
        break;
      case OpCode::sub:
        result = bits(0) - bits(1);
        break;
      case OpCode::mul:
        result = bits(0) * bits(1);
        break;
      case OpCode::mac:
        result = bits(0) * bits(1) + bits(2);
        break;
      case OpCode::shl: {
        const Wide by = value(1);
        result = by < 0 || by >= 64 ? 0 : bits(0) << static_cast<int>(by);
        break;
      }
      case OpCode::shr: {
        const Wide by = value(1);
        result = static_cast<std::uint64_t>(value(0) >> static_cast<int>(by < 0 || by > 64 ? 64 : by));
        break;
      }
      case OpCode::select:
        result = bits(values_[op.args[0]] != 0 ? 1 : 2);
        break;
      case OpCode::min:
        result = bits(value(0) <= value(1) ? 0 : 1);
        break;
      case OpCode::max:
        result = bits(value(0) >= value(1) ? 0 : 1);
        break;
      case OpCode::eq:
        result = value(0) == value(1);
        break;
      case OpCode::ne:
        result = value(0) != value(1);
        break;
      case OpCode::lt:
        result = value(0) < value(1);
        break;
      case OpCode::le:
        result = value(0) <= value(1);
        break;
      case OpCode::cast:
        result = bits(0);
        break;
    }
    values_[i] = cut(op.type, result);
  }

  const Kernel& kernel_;
  std::vector<std::vector<std::int64_t>>& memory_;
  std::vector<std::int64_t> values_, loops_;
  std::vector<Access> access_;
};

}  // namespace

Expected<TensorValues> interpret(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops) {
  if (auto sound = verify(kernel); !sound) return fail(std::move(sound.error()));
  Wide work = 0;
  for (const KernelOp& op : kernel.ops) {
    Wide times = 1;
    for (std::size_t l = 0; l < op.depth && times <= max_ops; ++l) times *= kernel.loops[l].extent;
    work += times;
  }
  if (work > max_ops)
    return fail(ErrorKind::unsupported,
                "interpreting " + in_quotes(kernel.name) + " takes more than " + std::to_string(max_ops) + " operations");

  std::vector<std::vector<std::int64_t>> memory;
  std::size_t used = 0;
  for (const KernelTensor& tensor : kernel.tensors) {
    const auto given = inputs.find(tensor.name);
    if (tensor.kind != TensorKind::input) {
      memory.emplace_back(static_cast<std::size_t>(tensor.elements()), 0);
      continue;
    }
    if (given == inputs.end()) return fail(ErrorKind::invalid_input, "no values for the input " + in_quotes(tensor.name));
    ++used;
    if (static_cast<std::int64_t>(given->second.size()) != tensor.elements())
      return fail(ErrorKind::invalid_input, "input " + in_quotes(tensor.name) + " has " + std::to_string(tensor.elements()) +
                                                " elements, " + std::to_string(given->second.size()) + " values are given");
    for (std::size_t i = 0; i < given->second.size(); ++i)
      if (cut(tensor.type, static_cast<std::uint64_t>(given->second[i])) != given->second[i])
        return fail(ErrorKind::invalid_input, "input " + in_quotes(tensor.name) + ": value " + std::to_string(given->second[i]) +
                                                  " of element " + std::to_string(i) + " does not fit in " + tensor.type.text());
    memory.push_back(given->second);
  }
  if (used != inputs.size())
    for (const auto& entry : inputs) {
      const auto known = std::find_if(kernel.tensors.begin(), kernel.tensors.end(), [&](const KernelTensor& t) {
        return t.kind == TensorKind::input && t.name == entry.first;
      });
      if (known == kernel.tensors.end())
        return fail(ErrorKind::invalid_input, in_quotes(entry.first) + " is not an input of the kernel");
    }

  Machine(kernel, memory).run(0, 0, kernel.ops.size());
  TensorValues outputs;
  for (std::size_t t = 0; t < kernel.tensors.size(); ++t)
    if (kernel.tensors[t].kind == TensorKind::output) outputs[kernel.tensors[t].name] = std::move(memory[t]);
  return outputs;
}

}  // namespace gnomon::hls
