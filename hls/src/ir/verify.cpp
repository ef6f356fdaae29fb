#include <algorithm>
#include <cstdlib>
#include <set>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/affine.hpp"
#include "ir/functions.hpp"
#include "ir/machine.hpp"
#include "ir/program.hpp"
#include "ir/ranges.hpp"

namespace gnomon::hls {
namespace {

std::string text_of(Wide value) {
  if (value >= INT64_MIN && value <= INT64_MAX) return std::to_string(static_cast<std::int64_t>(value));
  return number(static_cast<double>(value));
}

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel) : kernel_(kernel) {}

  Expected<void> run() {
    tensors();
    loops();
    if (!problems_.empty()) return done();
    ops();
    if (!problems_.empty()) return done();
    accesses();
    ownership();
    for (std::size_t p = 0; p < kernel_.processes.size(); ++p) {
      const auto program = make_program(kernel_, p);
      if (!program)
        wrong("/body/" + std::to_string(program.error().op), "loop " + in_quotes(kernel_.loops[program.error().loop].name) +
                                                                  " would run a second time; what belongs to a loop must stand together");
      else if (program->empty())
        wrong("/processes/" + std::to_string(p), "process " + in_quotes(kernel_.processes[p]) + " does nothing");
    }
    directives();
    if (problems_.empty()) streams_flow();
    return done();
  }

 private:
  void wrong(const std::string& pointer, const std::string& message) { problems_.push_back({kernel_.file, pointer, message}); }
  Expected<void> done() {
    if (problems_.empty()) return {};
    return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
  }

  void width(const std::string& pointer, const NumberType& type) {
    if (type.bits < 1 || type.bits > 64) wrong(pointer, "a width of " + std::to_string(type.bits) + " bits; 1 to 64 are allowed");
  }

  void tensors() {
    std::int64_t elements = 0;
    for (std::size_t t = 0; t < kernel_.tensors.size(); ++t) {
      const KernelTensor& tensor = kernel_.tensors[t];
      const std::string at = "/tensors/" + std::to_string(t);
      elements = std::min(std::int64_t{1} << 40, elements + tensor.elements());
      if (elements > std::int64_t{1} << 27) wrong(at + "/shape", "with tensor " + in_quotes(tensor.name) + ", the kernel has more than 2^27 elements");
      width(at + "/type", tensor.type);
      if (tensor.kind != TensorKind::constant) continue;
      if (static_cast<std::int64_t>(tensor.values.size()) != tensor.elements()) {
        wrong(at + "/values", in_quotes(tensor.name) + " has " + std::to_string(tensor.elements()) + " elements, " +
                                  std::to_string(tensor.values.size()) + " values are given");
        continue;
      }
      for (std::size_t i = 0; i < tensor.values.size(); ++i) {
        const Wide value = exact(tensor.type, tensor.values[i]);
        if (value >= tensor.type.lowest() && value <= tensor.type.highest()) continue;
        wrong(at + "/values/" + std::to_string(i), text_of(value) + " does not fit in " + tensor.type.text());
        break;
      }
    }
    for (std::size_t s = 0; s < kernel_.streams.size(); ++s) width("/streams/" + std::to_string(s) + "/type", kernel_.streams[s].type);
  }

  void loops() {
    for (std::size_t l = 0; l < kernel_.loops.size(); ++l) {
      const KernelLoop& loop = kernel_.loops[l];
      const std::string at = "/loops/" + std::to_string(l);
      if (loop.extent < 1) wrong(at + "/extent", "a loop needs at least one iteration");
      if (loop.parent && (*loop.parent >= l || kernel_.loops[*loop.parent].process != loop.process)) {
        wrong(at + "/in", "the loop around a loop must stand before it, in the same process");
        continue;
      }
      if (int{loop.trip.has_value()} + int{loop.count.has_value()} + int{loop.repeat.has_value()} > 1) wrong(at, "\"trip\", \"count\" and \"while\" exclude each other");
      if (loop.trip) {
        const auto [low, high] = affine_range(kernel_, *loop.trip, loop.parent);
        around(at + "/trip", *loop.trip, loop.parent);
        if (low < 0 || high > loop.extent)
          wrong(at + "/trip", in_quotes(to_text(*loop.trip, kernel_)) + " runs from " + text_of(low) + " to " + text_of(high) +
                                  "; 0 to the extent " + std::to_string(loop.extent) + " are allowed");
      }
    }
  }

  /// Only loops around the place may stand in an affine sum.
  void around(const std::string& pointer, const Affine& affine, std::optional<std::size_t> innermost) {
    const std::vector<std::size_t> path = kernel_.path(innermost);
    for (std::size_t l = 0; l < affine.coefficients.size(); ++l)
      if (affine.coefficients[l] != 0 && std::find(path.begin(), path.end(), l) == path.end())
        wrong(pointer, "loop " + in_quotes(kernel_.loops[l].name) + " does not run around this operation");
  }

  /// Whether `user` (inside `loop`) may take the value of op `arg`.
  bool sees(const std::string& pointer, std::size_t arg, std::size_t user, std::optional<std::size_t> loop, std::size_t process) {
    if (arg >= user) {
      wrong(pointer, "a value that is computed later");
      return false;
    }
    const KernelOp& op = kernel_.ops[arg];
    if (has_no_value(op.code)) {
      wrong(pointer, "a " + op_names()[static_cast<std::size_t>(op.code)] + " has no value");
      return false;
    }
    if (op.process != process) {
      wrong(pointer, in_quotes(op.name) + " belongs to process " + in_quotes(kernel_.processes[op.process]) + "; a stream is needed");
      return false;
    }
    const std::vector<std::size_t> path = kernel_.path(loop);
    if (op.loop && std::find(path.begin(), path.end(), *op.loop) == path.end()) {
      wrong(pointer, in_quotes(op.name) + " is computed inside loop " + in_quotes(kernel_.loops[*op.loop].name) + ", this is outside of it");
      return false;
    }
    return true;
  }

  void ops() {
    for (std::size_t i = 0; i < kernel_.ops.size(); ++i) {
      const KernelOp& op = kernel_.ops[i];
      const std::string at = "/body/" + std::to_string(i);
      width(at + "/type", op.type);
      if (op.args.size() != args_of(op.code)) {
        wrong(at + "/args", "\"" + op_names()[static_cast<std::size_t>(op.code)] + "\" takes " + std::to_string(args_of(op.code)) +
                                " values, not " + std::to_string(op.args.size()));
        continue;
      }
      bool sound = true;
      for (std::size_t a = 0; a < op.args.size(); ++a) sound = sees(at + "/args/" + std::to_string(a), op.args[a], i, op.loop, op.process) && sound;
      if (op.when) sees(at + "/when", *op.when, i, op.loop, op.process);
      if (op.code == OpCode::constant) {
        const Wide value = exact(op.type, op.value);
        if (value < op.type.lowest() || value > op.type.highest()) wrong(at + "/value", std::to_string(op.value) + " does not fit in " + op.type.text());
      }
      if (sound) exactness(at, op);
    }
    for (std::size_t l = 0; l < kernel_.loops.size(); ++l) {
      const KernelLoop& loop = kernel_.loops[l];
      if (loop.repeat && kernel_.ops[*loop.repeat].loop != l)
        wrong("/loops/" + std::to_string(l) + "/while", in_quotes(kernel_.ops[*loop.repeat].name) + " is not computed directly in the body of " + in_quotes(loop.name) + ", in no other loop");
      if (loop.repeat && has_no_value(kernel_.ops[*loop.repeat].code)) wrong("/loops/" + std::to_string(l) + "/while", "an operation without a value");
      if (!loop.count) continue;
      const std::string at = "/loops/" + std::to_string(l) + "/count";
      std::size_t first = kernel_.ops.size();
      for (std::size_t i = kernel_.ops.size(); i-- > 0;) {
        const std::vector<std::size_t> path = kernel_.path(kernel_.ops[i].loop);
        if (std::find(path.begin(), path.end(), l) != path.end()) first = i;
      }
      if (sees(at, *loop.count, first, loop.parent, loop.process) && kernel_.ops[*loop.count].type.fraction != 0) wrong(at, "a number of iterations must be an integer");
    }
  }

  /// The exact result must fit in 128 bits, and some operations want integers.
  void exactness(const std::string& at, const KernelOp& op) {
    const auto type = [&](std::size_t a) -> const NumberType& { return kernel_.ops[op.args[a]].type; };
    const auto aligned = [](int bits_a, int fraction_a, int bits_b, int fraction_b) {
      const int fraction = std::max(fraction_a, fraction_b);
      return std::max(bits_a + fraction - fraction_a, bits_b + fraction - fraction_b) + 2;
    };
    int bits = 0, fraction = op.type.fraction;
    switch (op.code) {
      case OpCode::add:
      case OpCode::sub:
      case OpCode::min:
      case OpCode::max:
      case OpCode::eq:
      case OpCode::ne:
      case OpCode::lt:
      case OpCode::le:
        bits = aligned(type(0).bits, type(0).fraction, type(1).bits, type(1).fraction);
        fraction = std::max(type(0).fraction, type(1).fraction);
        break;
      case OpCode::mul:
        bits = type(0).bits + type(1).bits;
        fraction = type(0).fraction + type(1).fraction;
        break;
      case OpCode::mac:
        fraction = type(0).fraction + type(1).fraction;
        bits = aligned(type(0).bits + type(1).bits, fraction, type(2).bits, type(2).fraction);
        fraction = std::max(fraction, type(2).fraction);
        break;
      case OpCode::div: {
        const int up = op.type.fraction - type(0).fraction + type(1).fraction;
        bits = std::max(type(0).bits + std::max(up, 0), type(1).bits + std::max(-up, 0)) + 1;
        break;
      }
      case OpCode::scale:
        bits = type(0).bits;
        fraction = type(0).fraction - static_cast<int>(std::clamp<std::int64_t>(op.value, -64, 64));
        if (op.value < -64 || op.value > 64) wrong(at + "/value", "a power of " + std::to_string(op.value) + "; -64 to 64 are allowed");
        break;
      case OpCode::exp:
      case OpCode::log:
      case OpCode::recip:
      case OpCode::rsqrt:
        if (type(0).bits > function_bits || op.type.bits > function_bits)
          wrong(at + "/type", "\"" + op_names()[static_cast<std::size_t>(op.code)] + "\" of " + std::to_string(type(0).bits) + " bits to " + std::to_string(op.type.bits) + "; at most " +
                                  std::to_string(function_bits) + " are allowed");
        if (op.code == OpCode::log && op.type.fraction > log_fraction) wrong(at + "/type", "\"log\" gives at most " + std::to_string(log_fraction) + " bits behind the point");
        break;
      case OpCode::shl:
        // Wrapping types see the low bits only, which are right whatever is lost above.
        bits = op.type.overflow == Overflow::saturate || op.type.fraction < type(0).fraction ? type(0).bits + 64 : type(0).bits;
        fraction = type(0).fraction;
        break;
      default:
        if (!op.args.empty()) {
          bits = type(op.args.size() - 1).bits;
          fraction = type(op.args.size() - 1).fraction;
        }
    }
    // Room for rounding and for zeros below the point. What compares or divides looks at all bits, whatever type the result wraps to.
    const bool by_size = op.code == OpCode::div || op.code == OpCode::min || op.code == OpCode::max;
    const bool modular = !by_size && op.type.overflow == Overflow::wrap && (bits <= 126 || op.type.fraction >= fraction);
    if ((bits + std::max(0, op.type.fraction - fraction) + 1 > 126 && !modular) || std::abs(op.type.fraction - fraction) > 126)
      wrong(at, "the exact result needs more than 126 bits");
    const bool bitwise = op.code == OpCode::bit_and || op.code == OpCode::bit_or || op.code == OpCode::bit_xor;
    if (bitwise && type(0).fraction != type(1).fraction) wrong(at + "/args", "bit operations need values of equal fraction");
    if (op.code == OpCode::rem && (type(0).fraction != 0 || type(1).fraction != 0)) wrong(at + "/args", "\"rem\" is for integers");
    if ((op.code == OpCode::shl || op.code == OpCode::shr) && type(1).fraction != 0) wrong(at + "/args/1", "a number of bits must be an integer");
    if (op.code == OpCode::div && op.type.rounding != Rounding::down) wrong(at + "/type", "\"div\" truncates towards 0; the type must round \"down\"");
  }

  void accesses() {
    const auto ranges = value_ranges(kernel_);
    for (std::size_t i = 0; i < kernel_.ops.size(); ++i) {
      const KernelOp& op = kernel_.ops[i];
      const std::string at = "/body/" + std::to_string(i);
      if (op.code == OpCode::index) {
        if (op.index.size() != 1) {
          wrong(at + "/index", "\"index\" takes one sum of loops");
          continue;
        }
        around(at + "/index/0", op.index[0], op.loop);
        const auto [low, high] = affine_range(kernel_, op.index[0], op.loop);
        if (op.type.fraction != 0) wrong(at + "/type", "an index is an integer");
        if (low < op.type.lowest() || high > op.type.highest())
          wrong(at + "/index/0", in_quotes(to_text(op.index[0], kernel_)) + " runs from " + text_of(low) + " to " + text_of(high) + ", which does not fit in " + op.type.text());
      }
      if (!touches_tensor(op.code)) continue;
      if (!op.tensor || *op.tensor >= kernel_.tensors.size()) {
        wrong(at + "/tensor", "a load or store needs a tensor");
        continue;
      }
      const KernelTensor& tensor = kernel_.tensors[*op.tensor];
      if (writes_tensor(op.code) && (tensor.kind == TensorKind::input || tensor.kind == TensorKind::constant))
        wrong(at + "/tensor", std::string("a store to the ") + (tensor.kind == TensorKind::input ? "input " : "constant ") + in_quotes(tensor.name));
      if (op.index.size() != tensor.shape.size()) {
        wrong(at + "/index", in_quotes(tensor.name) + " has " + std::to_string(tensor.shape.size()) + " dimensions, not " + std::to_string(op.index.size()));
        continue;
      }
      for (std::size_t d = 0; d < op.index.size(); ++d) {
        const std::string place = at + "/index/" + std::to_string(d);
        around(place, op.index[d], op.loop);
        auto [low, high] = affine_range(kernel_, op.index[d], op.loop);
        bool sound = true;
        for (const auto& [value, factor] : op.index[d].values) {
          if (!sees(place, value, i, op.loop, op.process)) {
            sound = false;
            continue;
          }
          if (kernel_.ops[value].type.fraction != 0) wrong(place, in_quotes(kernel_.ops[value].name) + " is not an integer");
          const Wide a = factor * ranges[value].first, b = factor * ranges[value].second;
          low += std::min(a, b);
          high += std::max(a, b);
        }
        if (sound && (low < 0 || high >= tensor.shape[d]))
          wrong(place, in_quotes(to_text(op.index[d], kernel_)) + " runs from " + text_of(low) + " to " + text_of(high) + "; dimension " +
                           std::to_string(d) + " of " + in_quotes(tensor.name) + " has 0 to " + std::to_string(tensor.shape[d] - 1));
      }
    }
  }

  void ownership() {
    std::vector<std::set<std::size_t>> users(kernel_.tensors.size()), readers(kernel_.streams.size()), writers(kernel_.streams.size());
    std::vector<bool> written(kernel_.tensors.size(), false), busy(kernel_.loops.size(), false);
    for (const KernelOp& op : kernel_.ops) {
      if (op.tensor) users[*op.tensor].insert(op.process);
      if (writes_tensor(op.code) && op.tensor) written[*op.tensor] = true;
      if (op.code == OpCode::read && op.stream) readers[*op.stream].insert(op.process);
      if (op.code == OpCode::write && op.stream) writers[*op.stream].insert(op.process);
      for (const std::size_t l : kernel_.path(op.loop)) busy[l] = true;
    }
    for (std::size_t l = 0; l < kernel_.loops.size(); ++l)
      if (!busy[l]) wrong("/loops/" + std::to_string(l), "nothing runs inside loop " + in_quotes(kernel_.loops[l].name));
    for (std::size_t t = 0; t < kernel_.tensors.size(); ++t) {
      const std::string at = "/tensors/" + std::to_string(t);
      if (kernel_.tensors[t].kind == TensorKind::output && !written[t]) wrong(at, "the output " + in_quotes(kernel_.tensors[t].name) + " is never stored to");
      if (users[t].empty()) wrong(at, "tensor " + in_quotes(kernel_.tensors[t].name) + " is never used");
      if (users[t].size() > 1)
        wrong(at, "tensor " + in_quotes(kernel_.tensors[t].name) + " is used by " + std::to_string(users[t].size()) + " processes; each tensor belongs to one, and streams connect them");
    }
    for (std::size_t s = 0; s < kernel_.streams.size(); ++s) {
      const KernelStream& stream = kernel_.streams[s];
      const std::string at = "/streams/" + std::to_string(s);
      const bool in = stream.kind == StreamKind::input, out = stream.kind == StreamKind::output;
      if (in && stream.length < 1) wrong(at + "/length", "an input stream needs the number of elements of one run");
      if (!in && stream.length != 0) wrong(at + "/length", "only input streams have a length");
      if (readers[s].size() != (out ? 0u : 1u)) wrong(at, "stream " + in_quotes(stream.name) + (out ? " is an output and must not be read" : " must be read by one process, not by " + std::to_string(readers[s].size())));
      if (writers[s].size() != (in ? 0u : 1u)) wrong(at, "stream " + in_quotes(stream.name) + (in ? " is an input and must not be written" : " must be written by one process, not by " + std::to_string(writers[s].size())));
    }
  }

  void directives() {
    const Directives& d = kernel_.directives;
    for (const auto& [name, partitions] : d.partition) {
      const auto tensor = std::find_if(kernel_.tensors.begin(), kernel_.tensors.end(), [&, n = name](const KernelTensor& t) { return t.name == n; });
      if (tensor == kernel_.tensors.end()) {
        wrong("/directives/partition" + pointer_step(name), "unknown tensor " + in_quotes(name));
        continue;
      }
      std::set<std::size_t> seen;
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        const Partition& p = partitions[i];
        const std::string at = "/directives/partition" + pointer_step(name) + "/" + std::to_string(i);
        if (p.dim >= tensor->shape.size())
          wrong(at + "/dim", in_quotes(name) + " has " + std::to_string(tensor->shape.size()) + " dimensions");
        else if (!seen.insert(p.dim).second)
          wrong(at + "/dim", "dimension " + std::to_string(p.dim) + " of " + in_quotes(name) + " is partitioned twice");
        else if (p.kind != PartitionKind::complete && (p.factor < 1 || p.factor > tensor->shape[p.dim]))
          wrong(at + "/factor", std::to_string(p.factor) + " banks along a dimension of " + std::to_string(tensor->shape[p.dim]) + " elements of " + in_quotes(name));
      }
    }
    for (const auto& [name, factor] : d.unroll) {
      if (std::none_of(kernel_.loops.begin(), kernel_.loops.end(), [n = name](const KernelLoop& l) { return l.name == n || l.name + "_tile" == n; }))
        wrong("/directives/unroll" + pointer_step(name), "unknown loop " + in_quotes(name));
      if (factor < 1) wrong("/directives/unroll" + pointer_step(name), "a factor below 1");
    }
    if (!(d.clock_ns >= 0.1 && d.clock_ns <= 1e6)) wrong("/directives/clock_ns", "0.1 to 1e6 ns are allowed");
  }

  /// Where neither trips nor guards depend on data, whether streams block does not either: only reads and writes are carried out.
  void streams_flow() {
    if (kernel_.streams.empty()) return;
    for (const KernelLoop& l : kernel_.loops)
      if (l.data_decides()) return;
    for (const KernelOp& op : kernel_.ops)
      if (touches_stream(op.code) && op.when) return;
    Shared shared(kernel_);
    shared.streams_only = true;
    shared.max_ops = 1 << 22;
    for (std::size_t s = 0; s < kernel_.streams.size(); ++s)
      if (kernel_.streams[s].kind == StreamKind::input) shared.queues[s].assign(static_cast<std::size_t>(std::min<std::int64_t>(kernel_.streams[s].length, 1 << 22)), 0);
    auto ran = shared.run(kernel_);
    if (!ran && ran.error().kind() == ErrorKind::invalid_input)
      problems_.insert(problems_.end(), ran.error().problems().begin(), ran.error().problems().end());
  }

  const Kernel& kernel_;
  std::vector<Problem> problems_;
};

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

std::vector<std::size_t> Kernel::path(std::optional<std::size_t> innermost) const {
  std::vector<std::size_t> path;
  // A parent always stands before its child, so that this ends.
  for (auto l = innermost; l && *l < loops.size(); l = loops[*l].parent) {
    path.insert(path.begin(), *l);
    if (loops[*l].parent && *loops[*l].parent >= *l) break;
  }
  return path;
}

bool touches_tensor(OpCode code) { return code >= OpCode::load && code <= OpCode::scatter; }
bool writes_tensor(OpCode code) { return code == OpCode::store || code == OpCode::scatter; }
bool touches_stream(OpCode code) { return code == OpCode::read || code == OpCode::write; }
bool is_comparison(OpCode code) { return code >= OpCode::eq && code <= OpCode::le; }
bool is_function(OpCode code) { return code >= OpCode::exp && code <= OpCode::rsqrt; }
bool has_no_value(OpCode code) { return writes_tensor(code) || code == OpCode::write; }

std::size_t args_of(OpCode code) {
  switch (code) {
    case OpCode::constant:
    case OpCode::load:
    case OpCode::gather:
    case OpCode::read:
    case OpCode::index:
      return 0;
    case OpCode::store:
    case OpCode::scatter:
    case OpCode::write:
    case OpCode::cast:
    case OpCode::clz:
    case OpCode::scale:
    case OpCode::exp:
    case OpCode::log:
    case OpCode::recip:
    case OpCode::rsqrt:
      return 1;
    case OpCode::mac:
    case OpCode::select:
      return 3;
    default:
      return 2;
  }
}

Expected<void> verify(const Kernel& kernel) { return Verifier(kernel).run(); }

}  // namespace gnomon::hls
