#include <algorithm>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/affine.hpp"

namespace gnomon::hls {
namespace {

__extension__ typedef __int128 Wide;

std::size_t args_of(OpCode code) {
  switch (code) {
    case OpCode::constant:
    case OpCode::load:
      return 0;
    case OpCode::store:
    case OpCode::cast:
      return 1;
    case OpCode::mac:
    case OpCode::select:
      return 3;
    default:
      return 2;
  }
}

}  // namespace

std::int64_t KernelTensor::elements() const {
  std::int64_t total = 1;
  for (const std::int64_t size : shape) {
    // Saturates: anything this large is refused by verify().
    if (size < 1 || total > (std::int64_t{1} << 40) / size) return std::int64_t{1} << 40;
    total *= size;
  }
  return total;
}

Expected<void> verify(const Kernel& kernel) {
  std::vector<Problem> problems;
  const auto wrong = [&](const std::string& pointer, const std::string& message) {
    problems.push_back({kernel.file, pointer, message});
  };

  std::int64_t elements = 0;
  for (std::size_t t = 0; t < kernel.tensors.size(); ++t) {
    const KernelTensor& tensor = kernel.tensors[t];
    elements = std::min(std::int64_t{1} << 40, elements + tensor.elements());
    if (elements > std::int64_t{1} << 27)
      wrong("/tensors/" + std::to_string(t) + "/shape",
            "with tensor " + in_quotes(tensor.name) + ", the kernel has more than 2^27 elements");
    if (tensor.type.bits < 1 || tensor.type.bits > 64)
      wrong("/tensors/" + std::to_string(t) + "/type",
            "a width of " + std::to_string(tensor.type.bits) + " bits; 1 to 64 are allowed");
  }
  for (std::size_t l = 0; l < kernel.loops.size(); ++l)
    if (kernel.loops[l].extent < 1) wrong("/loops/" + std::to_string(l) + "/extent", "a loop needs at least one iteration");

  std::vector<bool> written(kernel.tensors.size(), false);
  std::vector<int> visits(kernel.loops.size() + 1, 0);
  std::size_t depth_before = 0;
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    const KernelOp& op = kernel.ops[i];
    const std::string at = "/body/" + std::to_string(i);
    if (op.depth > kernel.loops.size()) {
      wrong(at + "/in", "more loops around it than there are");
      continue;
    }
    // Loops from the depth before up to this one are entered anew; each may be entered once, since the nest is one chain.
    for (std::size_t d = depth_before; d < op.depth; ++d)
      if (++visits[d] > 1)
        wrong(at,
              "loop " + in_quotes(kernel.loops[d].name) + " would run a second time; what belongs to a loop must stand together");
    depth_before = op.depth;

    if (op.type.bits < 1 || op.type.bits > 64)
      wrong(at + "/type", "a width of " + std::to_string(op.type.bits) + " bits; 1 to 64 are allowed");
    if (op.args.size() != args_of(op.code))
      wrong(at + "/args", "\"" + op_names()[static_cast<std::size_t>(op.code)] + "\" takes " + std::to_string(args_of(op.code)) +
                              " values, not " + std::to_string(op.args.size()));
    for (std::size_t a = 0; a < op.args.size(); ++a) {
      const std::string place = at + "/args/" + std::to_string(a);
      if (op.args[a] >= i)
        wrong(place, "a value that is computed later");
      else if (kernel.ops[op.args[a]].code == OpCode::store)
        wrong(place, "a store has no value");
      else if (kernel.ops[op.args[a]].depth > op.depth)
        wrong(place, in_quotes(kernel.ops[op.args[a]].name) + " is computed inside loop " +
                         in_quotes(kernel.loops[op.depth].name) + ", this is outside of it");
    }
    if (op.code == OpCode::constant) {
      const Wide value = op.value, low = op.type.is_signed ? -(Wide{1} << (op.type.bits - 1)) : 0;
      const Wide high = (Wide{1} << (op.type.is_signed ? op.type.bits - 1 : op.type.bits)) - 1;
      if (op.type.bits >= 1 && op.type.bits <= 64 && (value < low || value > high))
        wrong(at + "/value", std::to_string(op.value) + " does not fit in " + op.type.text());
    }
    if (op.code != OpCode::load && op.code != OpCode::store) continue;
    if (!op.tensor || *op.tensor >= kernel.tensors.size()) {
      wrong(at + "/tensor", "a load or store needs a tensor");
      continue;
    }
    const KernelTensor& tensor = kernel.tensors[*op.tensor];
    if (op.code == OpCode::store) {
      written[*op.tensor] = true;
      if (tensor.kind == TensorKind::input) wrong(at + "/tensor", "a store to the input " + in_quotes(tensor.name));
    }
    if (op.index.size() != tensor.shape.size()) {
      wrong(at + "/index", in_quotes(tensor.name) + " has " + std::to_string(tensor.shape.size()) + " dimensions, not " +
                               std::to_string(op.index.size()));
      continue;
    }
    for (std::size_t d = 0; d < op.index.size(); ++d) {
      Wide low = op.index[d].constant, high = low;
      for (std::size_t l = 0; l < op.index[d].coefficients.size() && l < kernel.loops.size(); ++l) {
        const Wide factor = op.index[d].coefficients[l];
        if (factor != 0 && l >= op.depth)
          wrong(at + "/index/" + std::to_string(d),
                "loop " + in_quotes(kernel.loops[l].name) + " does not run around this operation");
        (factor < 0 ? low : high) += factor * (kernel.loops[l].extent - 1);
      }
      if (low < 0 || high >= tensor.shape[d])
        wrong(at + "/index/" + std::to_string(d),
              in_quotes(to_text(op.index[d], kernel.loops)) + " runs from " + number(static_cast<double>(low)) + " to " +
                  number(static_cast<double>(high)) + "; dimension " + std::to_string(d) + " of " + in_quotes(tensor.name) +
                  " has 0 to " + std::to_string(tensor.shape[d] - 1));
    }
  }
  for (std::size_t l = 0; l < kernel.loops.size(); ++l)
    if (visits[l] == 0) wrong("/loops/" + std::to_string(l), "nothing runs inside loop " + in_quotes(kernel.loops[l].name));
  for (std::size_t t = 0; t < kernel.tensors.size(); ++t)
    if (kernel.tensors[t].kind == TensorKind::output && !written[t])
      wrong("/tensors/" + std::to_string(t), "the output " + in_quotes(kernel.tensors[t].name) + " is never stored to");
  for (const auto& [name, factor] : kernel.directives.unroll) {
    bool known = false;
    for (const KernelLoop& loop : kernel.loops) known = known || loop.name == name;
    if (!known) wrong("/directives/unroll", "unknown loop " + in_quotes(name));
    if (factor < 1) wrong("/directives/unroll", "a factor below 1");
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return {};
}

}  // namespace gnomon::hls
