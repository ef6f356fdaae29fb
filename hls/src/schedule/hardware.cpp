#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "gnomon/base/json.hpp"
#include "gnomon/hls/kernel_hardware.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {
namespace {

struct Hardware {
  double ii = 0, depth_cycles = 0, latency_cycles = 0, clock_ns = 0;
  double add_bits = 0, compare_bits = 0, select_bits = 0, logic_bits = 0, shift_bits = 0, round_bits = 0, saturate_bits = 0;
  double constant_product_bits = 0, narrow_product_bits = 0, dsp_blocks = 0, division_bits = 0, share_mux_bits = 0;
  double address_bits = 0, address_product_bits = 0, modulo_bits = 0, predicate_bits = 0, guards = 0;
  double register_bits = 0, kept_bits = 0, counter_bits = 0, stages = 0, blocks = 0, pipelines = 0, processes = 0;
  double file_bits = 0, file_read_bits = 0, file_write_bits = 0, file_decode = 0;
  double ram_bits = 0, lut_ram = 0, ram_blocks = 0, ram_port_bits = 0, bank_mux_bits = 0;
  double constant_bits = 0, stream_bits = 0, streams = 0, port_bits = 0, load_mux_bits = 0;
  double table_sum = 0, flip_flop_sum = 0;

  /// Tables of six inputs: a sum's bit takes one, three of a comparison, two of a choice of two, four of a choice of two of four; all by what they would take alone.
  void sum() {
    table_sum = add_bits + compare_bits / 3 + (select_bits + share_mux_bits + bank_mux_bits) / 2 + logic_bits / 2 + shift_bits / 2 + round_bits + saturate_bits + constant_product_bits +
                     narrow_product_bits + division_bits + address_bits + modulo_bits + predicate_bits / 5 + guards / 5 + counter_bits + file_read_bits / 3 + file_write_bits / 4 + file_decode / 2 + lut_ram +
                     ram_port_bits / 2 + stream_bits / 32 + load_mux_bits / 4 + 3 * blocks;
    flip_flop_sum = register_bits + kept_bits + counter_bits + stages + file_bits + ram_port_bits / 2 + streams * 6 + blocks;
  }
};

struct Named {
  const char* name;
  const char* unit;
  double Hardware::*value;
};
const Named columns[] = {{"ii", "cycles", &Hardware::ii},
                         {"depth_cycles", "cycles", &Hardware::depth_cycles},
                         {"latency_cycles", "cycles", &Hardware::latency_cycles},
                         {"clock_ns", "ns", &Hardware::clock_ns},
                         {"add_bits", "bits", &Hardware::add_bits},
                         {"compare_bits", "bits", &Hardware::compare_bits},
                         {"select_bits", "bits", &Hardware::select_bits},
                         {"logic_bits", "bits", &Hardware::logic_bits},
                         {"shift_bits", "bits", &Hardware::shift_bits},
                         {"round_bits", "bits", &Hardware::round_bits},
                         {"saturate_bits", "bits", &Hardware::saturate_bits},
                         {"constant_product_bits", "bits", &Hardware::constant_product_bits},
                         {"narrow_product_bits", "bits", &Hardware::narrow_product_bits},
                         {"dsp_blocks", "", &Hardware::dsp_blocks},
                         {"division_bits", "bits", &Hardware::division_bits},
                         {"share_mux_bits", "bits", &Hardware::share_mux_bits},
                         {"address_bits", "bits", &Hardware::address_bits},
                         {"address_product_bits", "bits", &Hardware::address_product_bits},
                         {"modulo_bits", "bits", &Hardware::modulo_bits},
                         {"predicate_bits", "bits", &Hardware::predicate_bits},
                         {"guards", "", &Hardware::guards},
                         {"register_bits", "bits", &Hardware::register_bits},
                         {"kept_bits", "bits", &Hardware::kept_bits},
                         {"counter_bits", "bits", &Hardware::counter_bits},
                         {"stages", "", &Hardware::stages},
                         {"blocks", "", &Hardware::blocks},
                         {"pipelines", "", &Hardware::pipelines},
                         {"processes", "", &Hardware::processes},
                         {"file_bits", "bits", &Hardware::file_bits},
                         {"file_read_bits", "bits", &Hardware::file_read_bits},
                         {"file_write_bits", "bits", &Hardware::file_write_bits},
                         {"file_decode", "", &Hardware::file_decode},
                         {"ram_bits", "bits", &Hardware::ram_bits},
                         {"lut_ram", "", &Hardware::lut_ram},
                         {"ram_blocks", "", &Hardware::ram_blocks},
                         {"ram_port_bits", "bits", &Hardware::ram_port_bits},
                         {"bank_mux_bits", "bits", &Hardware::bank_mux_bits},
                         {"constant_bits", "bits", &Hardware::constant_bits},
                         {"stream_bits", "bits", &Hardware::stream_bits},
                         {"streams", "", &Hardware::streams},
                         {"port_bits", "bits", &Hardware::port_bits},
                         {"load_mux_bits", "bits", &Hardware::load_mux_bits},
                         {"table_sum", "", &Hardware::table_sum},
                         {"flip_flop_sum", "", &Hardware::flip_flop_sum}};

double ceil_of(double a, double b) { return std::ceil(a / b); }
double log2_up(double x) { return x <= 1 ? 0 : std::ceil(std::log2(x)); }
std::uint64_t magnitude(std::int64_t value) { return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value); }
double bits_of(std::int64_t value) { return std::max(1, static_cast<int>(std::bit_width(magnitude(value)))); }

/// Digits other than 0 of a constant in canonical signed-digit form: a product with it sums that many shifted operands.
int signed_digits(std::int64_t value) {
  int digits = 0;
  for (std::uint64_t v = magnitude(value); v != 0; v >>= 1)
    if ((v & 1) != 0) {
      ++digits;
      if ((v & 3) == 3) v += 1;  // -1 here and a carry
    }
  return digits;
}

class Counter {
 public:
  explicit Counter(const CompiledKernel& compiled) : c_(compiled), d_(*compiled.datapath) {}

  Hardware run() {
    h_.ii = static_cast<double>(c_.ii);
    h_.depth_cycles = static_cast<double>(c_.depth_cycles);
    h_.latency_cycles = static_cast<double>(c_.latency_cycles);
    h_.clock_ns = c_.source.directives.clock_ns;
    h_.register_bits = static_cast<double>(c_.register_bits);
    h_.processes = static_cast<double>(d_.processes.size());
    for (const Process& process : d_.processes) {
      h_.blocks += static_cast<double>(process.control.size());
      for (const Pipe& pipe : process.pipes) {
        h_.pipelines += 1;
        h_.stages += pipe.depth;
        seen_.clear();
        for (std::size_t i = 0; i < pipe.nodes.size(); ++i) count(pipe.nodes[i], pipe.nodes, pipe.time[i]);
      }
    }
    for (const KernelLoop& loop : d_.kernel.loops) h_.counter_bits += bits_of(loop.extent - 1);
    for (const BoundUnit& unit : d_.binding.units) {
      if (unit.code == OpCode::mul) product(unit.left_bits, unit.right_bits);
      else h_.division_bits += unit.left_bits * unit.left_bits;
      h_.share_mux_bits += static_cast<double>(unit.uses.size() - 1) * (unit.left_bits + unit.right_bits);
    }
    for (std::size_t t = 0; t < d_.memories.size(); ++t) memory(d_.memories[t], d_.kernel.tensors[t]);
    for (const KernelStream& stream : d_.kernel.streams) {
      h_.streams += 1;
      (stream.kind == StreamKind::local ? h_.stream_bits : h_.port_bits) += (stream.kind == StreamKind::local ? static_cast<double>(stream.depth) : 1) * stream.type.bits;
    }
    h_.sum();
    return h_;
  }

 private:
  /// DSP blocks of 27 x 18 bits (UG579): slices of 26 and 17 bits beside the sign. Yosys builds products of less than 9 bits of logic.
  void product(int left, int right) {
    if (left + right < 9 || right < 2) h_.narrow_product_bits += left * right;
    else h_.dsp_blocks += std::min(ceil_of(left - 1, 26) * ceil_of(right - 1, 17), ceil_of(left - 1, 17) * ceil_of(right - 1, 26));
  }

  void count(const Node& node, const std::vector<Node>& nodes, int time) {
    const auto arg = [&](std::size_t i) -> const Node& { return nodes[static_cast<std::size_t>(node.args[i])]; };
    const double bits = node.type.bits;
    double widest = bits;
    for (const int a : node.args) widest = std::max(widest, static_cast<double>(nodes[static_cast<std::size_t>(a)].type.bits));
    h_.guards += static_cast<double>(node.guards.size());
    switch (node.kind) {
      case NodeKind::affine: {
        double terms = node.affine.constant != 0 ? 1 : 0;
        for (std::size_t l = 0; l < node.affine.coefficients.size(); ++l) {
          const std::int64_t factor = node.affine.coefficients[l];
          if (factor == 0) continue;
          terms += 1;
          // Addresses of one cycle share it.
          if (signed_digits(factor) > 1 && seen_.insert({time, l, factor}).second) h_.address_product_bits += bits_of(d_.kernel.loops[l].extent - 1) * bits_of(factor);
        }
        for (const auto& [place, factor] : node.affine.values) {
          terms += 1;
          if (signed_digits(factor) > 1) h_.address_product_bits += static_cast<double>(arg(place).type.bits) * bits_of(factor);
        }
        h_.address_bits += std::max(0.0, terms - 1) * bits;
        return;
      }
      case NodeKind::quotient:
      case NodeKind::modulo:
        if (!std::has_single_bit(static_cast<std::uint64_t>(node.value))) h_.modulo_bits += static_cast<double>(arg(0).type.bits) * bits_of(node.value);
        return;
      case NodeKind::predicate:
        for (const std::size_t l : node.loops) h_.predicate_bits += bits_of(d_.kernel.loops[l].extent - 1);
        return;
      case NodeKind::live_out:
      case NodeKind::hold: h_.kept_bits += bits; return;
      case NodeKind::load: {
        const Memory& m = d_.memories[static_cast<std::size_t>(node.tensor)];
        if (m.storage == Memory::registers) h_.file_read_bits += arg(0).kind == NodeKind::constant ? 0 : static_cast<double>(m.banks * m.bank_elements - 1) * bits;
        else h_.ram_port_bits += bits;
        if (m.storage == Memory::ram && node.bank < 0) h_.bank_mux_bits += static_cast<double>(m.banks - 1) * bits;
        return;
      }
      case NodeKind::store: {
        const Memory& m = d_.memories[static_cast<std::size_t>(node.tensor)];
        const double stored = d_.kernel.tensors[static_cast<std::size_t>(node.tensor)].type.bits;
        if (m.storage == Memory::registers) {
          h_.file_write_bits += (arg(1).kind == NodeKind::constant ? 1 : static_cast<double>(m.banks * m.bank_elements)) * stored;
          h_.file_decode += arg(1).kind == NodeKind::constant ? 0 : static_cast<double>(m.banks * m.bank_elements);
        } else {
          h_.ram_port_bits += stored;
        }
        return;
      }
      case NodeKind::compute: break;
      default: return;
    }
    int fraction = 0;
    for (const int a : node.args) fraction = std::max(fraction, nodes[static_cast<std::size_t>(a)].type.fraction);
    if (node.type.rounding != Rounding{} && fraction > node.type.fraction) h_.round_bits += bits;
    if (node.type.overflow == Overflow::saturate) h_.saturate_bits += bits;
    switch (node.code) {
      case OpCode::add:
      case OpCode::sub: h_.add_bits += bits; return;
      case OpCode::mac:
      case OpCode::mul: {
        if (node.code == OpCode::mac) h_.add_bits += bits;
        for (std::size_t i = 0; i < 2; ++i)
          if (arg(i).kind == NodeKind::constant) {
            const int digits = signed_digits(arg(i).value);
            h_.constant_product_bits += std::max(0, digits - 1) * static_cast<double>(arg(1 - i).type.bits);
            const OperandBits operands = operand_bits(node, nodes);
            const int wide = operands.swapped == (i == 0) ? operands.left : operands.right;
            if (digits > 1) product(wide, static_cast<int>(bits_of(arg(i).value)) + 1);
            return;
          }
        const OperandBits operands = operand_bits(node, nodes);
        if (node.unit < 0) product(operands.left, operands.right);
        return;
      }
      case OpCode::shl:
      case OpCode::shr: h_.shift_bits += arg(1).kind == NodeKind::constant ? 0 : widest * log2_up(widest); return;
      case OpCode::bit_and:
      case OpCode::bit_or:
      case OpCode::bit_xor: h_.logic_bits += bits; return;
      case OpCode::clz: h_.shift_bits += widest; return;
      case OpCode::select: h_.select_bits += bits; return;
      case OpCode::min:
      case OpCode::max: h_.select_bits += bits; h_.compare_bits += widest; return;
      case OpCode::eq:
      case OpCode::ne:
      case OpCode::lt:
      case OpCode::le: h_.compare_bits += widest; return;
      default: return;
    }
  }

  void memory(const Memory& m, const KernelTensor& tensor) {
    const double bits = tensor.type.bits, elements = static_cast<double>(m.bank_elements), banks = static_cast<double>(m.banks);
    const bool outside = tensor.kind == TensorKind::input || tensor.kind == TensorKind::output;
    if (outside) h_.port_bits += bits;
    if (tensor.kind == TensorKind::constant) h_.constant_bits += static_cast<double>(tensor.elements()) * bits;
    if (m.storage == Memory::registers) {
      if (tensor.kind != TensorKind::constant) h_.file_bits += banks * elements * bits;
      if (outside) h_.load_mux_bits += banks * elements * bits;
      return;
    }
    if (outside) h_.load_mux_bits += banks * bits;
    const double ports = std::max(1, m.read_ports);
    h_.ram_bits += banks * elements * bits;
    // What takes more than 50 tables of 64 bits is put into block RAMs of 18 Kib (what yosys' costs come to for the shipped kernels); each read port has a copy.
    const double tables = bits * ceil_of(elements, 64);
    if (tables <= 50) h_.lut_ram += banks * ports * tables;
    else h_.ram_blocks += 0.5 * banks * ports * std::min({ceil_of(bits, 36) * ceil_of(elements, 512), ceil_of(bits, 18) * ceil_of(elements, 1024), ceil_of(bits, 9) * ceil_of(elements, 2048)});
  }

  const CompiledKernel& c_;
  const Datapath& d_;
  Hardware h_;
  std::set<std::tuple<int, std::size_t, std::int64_t>> seen_;  ///< cycle, loop and factor of the pipeline's address products
};

}  // namespace

const std::vector<HardwareColumn>& hardware_columns() {
  static const std::vector<HardwareColumn> out = [] {
    std::vector<HardwareColumn> all;
    for (const Named& column : columns) all.push_back({column.name, column.unit});
    return all;
  }();
  return out;
}

std::vector<double> hardware_of(const CompiledKernel& compiled) {
  const Hardware hardware = Counter(compiled).run();
  std::vector<double> out;
  for (const Named& column : columns) out.push_back(hardware.*column.value);
  return out;
}

bool holds_kernels(const std::string& json) {
  const Json document = Json::parse(json, nullptr, false, true);
  const Json* first = document.is_array() && !document.empty() ? &document[0] : &document;
  return first->is_object() && first->contains("body") && first->contains("tensors");
}

Expected<arch::LabelTable> read_hardware_table(const std::string& json, const std::string& file) {
  auto documents = Document::parse_list(json, file);
  if (!documents) return fail(std::move(documents.error()));
  std::vector<arch::LabelTable::Column> filled;
  for (const HardwareColumn& column : hardware_columns()) filled.push_back({column.name, column.unit, true, {}, {}});
  for (const Document& document : *documents) {
    auto kernel = read_kernel(document);
    if (!kernel) return fail(std::move(kernel.error()));
    if (!kernel->directives.array.empty())
      return fail(ErrorKind::unsupported, document.file() + ": /directives/array: a kernel that is bound to an array has no columns of its own; give its design to the model `design`");
    auto compiled = compile(*kernel);
    if (!compiled) return fail(std::move(compiled.error()));
    const std::vector<double> row = hardware_of(*compiled);
    for (std::size_t c = 0; c < filled.size(); ++c) filled[c].numbers.push_back(row[c]);
  }
  arch::LabelTable table;
  for (arch::LabelTable::Column& column : filled) table.add(std::move(column));
  return table;
}

}  // namespace gnomon::hls
