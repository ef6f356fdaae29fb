#include "emit/kernel_rtl.hpp"

#include "emit/kernel_emitter.hpp"

namespace gnomon::hls {

/// Constants in a memory that nothing writes.
std::string Emitter::filled_memory(const std::string& name, const std::vector<std::int64_t>& values, int bits) {
  std::string text = "  initial begin\n";
  for (std::size_t i = 0; i < values.size(); ++i) text += "    " + name + "[" + n(static_cast<std::int64_t>(i)) + "] = " + sv_literal(values[i], bits) + ";\n";
  return text + "  end\n";
}

void Emitter::tensors() {
  for (std::size_t t = 0; t < k_.tensors.size(); ++t) {
    const KernelTensor& tensor = k_.tensors[t];
    const Memory& memory = d_.memories[t];
    const std::string M = "m" + n(static_cast<std::int64_t>(t));
    const int bits = tensor.type.bits;
    if (tensor.kind == TensorKind::input) loader(t);
    if (tensor.kind == TensorKind::output) drainer(t);
    if (memory.clear) {
      clear_elements_ = std::max(clear_elements_, memory.bank_elements);
      for (std::int64_t b = 0; b < memory.banks; ++b) {
        const int address = sv_bits(memory.bank_elements - 1);
        uses_[t].writes[b].push_back({"clearing && clear_at < " + sv_literal(memory.bank_elements, 32), sv_fit({"clear_at", 32}, address), sv_literal(0, bits)});
      }
    }
    if (memory.storage == Memory::registers) {
      if (memory.bank_elements == 1) {
        declare(M, bits);
        if (tensor.kind == TensorKind::constant) body_ += "  assign " + M + " = " + sv_literal(tensor.values[0], bits) + ";\n";
      } else {
        declarations_ += "  logic [" + n(bits - 1) + ":0] " + M + " [0:" + n(memory.bank_elements - 1) + "];\n";
        if (tensor.kind == TensorKind::constant) body_ += filled_memory(M, tensor.values, bits);
      }
      for (const PortUse& w : uses_[t].writes[0])
        clocked_ += "    if (" + w.when + ") " + M + (memory.bank_elements == 1 ? "" : "[" + w.address + "]") + " <= " + w.data + ";\n";
      continue;
    }
    const int address_bits = sv_bits(memory.bank_elements - 1);
    // An input that nothing reads is taken all the same.
    if (tensor.kind == TensorKind::input && uses_[t].reads.empty()) define(M + "_unused", 1, "^" + tensor.name + "_data");
    for (std::int64_t b = 0; b < memory.banks; ++b) {
      const std::string B = M + "_b" + n(b);
      const auto& writes = uses_[t].writes[b];
      std::vector<std::pair<int, std::vector<PortUse>>> reads;
      for (const auto& [key, list] : uses_[t].reads)
        if (key.first == b) reads.push_back({key.second, list});
      std::vector<std::int64_t> values(static_cast<std::size_t>(memory.bank_elements), 0);
      if (tensor.kind == TensorKind::constant)
        for (std::int64_t e = 0; e < tensor.elements(); ++e)
          if (memory.bank_of(tensor, e) == b) values[static_cast<std::size_t>(memory.offset_of(tensor, e))] = tensor.values[static_cast<std::size_t>(e)];
      // Two read ports are two copies that are written alike.
      for (const auto& [port, list] : reads) {
        const std::string copy = B + "_" + n(port);
        declarations_ += "  logic [" + n(bits - 1) + ":0] " + copy + " [0:" + n(memory.bank_elements - 1) + "];\n";
        if (tensor.kind == TensorKind::constant) body_ += filled_memory(copy, values, bits);
        declare(B + "_rd" + n(port), bits);
        declare(B + "_ra" + n(port), address_bits);
        declare(B + "_re" + n(port), 1);
        std::string address, enable;
        std::set<std::string> seen;
        for (const PortUse& use : list) {
          address += use.when + " ? " + use.address + " : ";
          if (seen.insert(use.data).second && !use.data.empty()) enable += " || " + use.data;
        }
        std::size_t owner = 0;
        for (const KernelOp& op : k_.ops)
          if (op.tensor == t) owner = op.process;
        body_ += "  assign " + B + "_ra" + n(port) + " = " + address + sv_literal(0, address_bits) + ";\n";
        body_ += "  assign " + B + "_re" + n(port) + " = p" + n(static_cast<std::int64_t>(owner)) + "_en" + enable + ";\n";
        clocked_ += "    if (" + B + "_re" + n(port) + ") " + B + "_rd" + n(port) + " <= " + copy + "[" + B + "_ra" + n(port) + "];\n";
        if (!writes.empty()) clocked_ += "    if (" + B + "_we) " + copy + "[" + B + "_wa] <= " + B + "_wd;\n";
      }
      if (writes.empty() || reads.empty()) continue;
      std::string any, address, data;
      for (const PortUse& w : writes) {
        any += (any.empty() ? "(" : " || (") + w.when + ")";
        address += "(" + w.when + ") ? " + w.address + " : ";
        data += "(" + w.when + ") ? " + w.data + " : ";
      }
      define(B + "_we", 1, any);
      define(B + "_wa", address_bits, address + sv_literal(0, address_bits));
      define(B + "_wd", bits, data + sv_literal(0, bits));
    }
  }
}

namespace {

/// Row-major counters over the elements of a tensor, as bank and offset along every dimension.
struct Walker {
  std::string declarations, step, address, bank, last;
  int address_bits = 1, bank_bits = 1;
};

Walker element_walker(const std::string& name, const KernelTensor& tensor, const Memory& memory) {
  Walker w;
  w.address_bits = sv_bits(memory.bank_elements - 1);
  w.bank_bits = sv_bits(memory.banks - 1);
  std::string inner;
  std::vector<std::string> lasts;
  std::int64_t stride = 1, bank_stride = 1;
  for (std::size_t d = tensor.shape.size(); d-- > 0;) {
    const Memory::Dimension& dim = memory.dimensions[d];
    const std::string i = name + "_i" + n(static_cast<std::int64_t>(d)), o = name + "_o" + n(static_cast<std::int64_t>(d)), b = name + "_k" + n(static_cast<std::int64_t>(d));
    const int ib = sv_bits(tensor.shape[d] - 1), ob = sv_bits(dim.each - 1), bb = sv_bits(dim.banks - 1);
    w.declarations += "  " + sv_declare(i, ib) + ";\n  " + sv_declare(o, ob) + ";\n  " + sv_declare(b, bb) + ";\n";
    const std::string last = "(" + i + " == " + sv_literal(tensor.shape[d] - 1, ib) + ")";
    const bool cyclic = dim.kind != PartitionKind::block;
    const std::string &fast = cyclic ? b : o, &slow = cyclic ? o : b;
    const int fb = cyclic ? bb : ob, sb = cyclic ? ob : bb;
    const std::int64_t turn = cyclic ? dim.banks : dim.each;
    const std::string wrap = "(" + fast + " == " + sv_literal(turn - 1, fb) + ")";
    std::string step = "      " + i + " <= " + last + " ? " + sv_literal(0, ib) + " : " + i + " + " + sv_literal(1, ib) + ";\n";
    step += "      " + fast + " <= " + last + " || " + wrap + " ? " + sv_literal(0, fb) + " : " + fast + " + " + sv_literal(1, fb) + ";\n";
    step += "      " + slow + " <= " + last + " ? " + sv_literal(0, sb) + " : " + wrap + " ? " + slow + " + " + sv_literal(1, sb) + " : " + slow + ";\n";
    w.step += inner.empty() ? step : "      if (" + inner + ") begin\n" + step + "      end\n";
    inner += (inner.empty() ? "" : " && ") + last;
    const auto term = [&](const std::string& s, int sbits, std::int64_t factor, int bits) {
      return "(" + sv_fit({s, sbits}, bits) + " * " + sv_literal(factor, bits) + ")";
    };
    if (dim.each > 1) w.address += (w.address.empty() ? "" : " + ") + term(o, ob, stride, w.address_bits);
    if (dim.banks > 1) w.bank += (w.bank.empty() ? "" : " + ") + term(b, bb, bank_stride, w.bank_bits);
    stride *= dim.each;
    bank_stride *= dim.banks;
  }
  if (w.address.empty()) w.address = sv_literal(0, w.address_bits);
  if (w.bank.empty()) w.bank = sv_literal(0, w.bank_bits);
  w.last = inner.empty() ? "1'b1" : inner;
  return w;
}

std::string walker_reset(const std::string& name, const KernelTensor& tensor, const Memory& memory) {
  std::string text;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    const std::string D = n(static_cast<std::int64_t>(d));
    text += "      " + name + "_i" + D + " <= " + sv_literal(0, sv_bits(tensor.shape[d] - 1)) + ";\n";
    text += "      " + name + "_o" + D + " <= " + sv_literal(0, sv_bits(memory.dimensions[d].each - 1)) + ";\n";
    text += "      " + name + "_k" + D + " <= " + sv_literal(0, sv_bits(memory.dimensions[d].banks - 1)) + ";\n";
  }
  return text;
}

}  // namespace

void Emitter::loader(std::size_t t) {
  const KernelTensor& tensor = k_.tensors[t];
  const Memory& memory = d_.memories[t];
  ports_.push_back({tensor.name, tensor.type.bits, true});
  const std::string I = "in" + n(static_cast<std::int64_t>(t));
  const Walker w = element_walker(I, tensor, memory);
  declarations_ += w.declarations;
  declare(I + "_full", 1);
  define(I + "_take", 1, "loading && !" + I + "_full && " + tensor.name + "_valid");
  define(I + "_at", w.address_bits, w.address);
  define(I + "_bank", w.bank_bits, w.bank);
  body_ += "  assign " + tensor.name + "_ready = loading && !" + I + "_full;\n";
  clocked_ += "    if (rst || start) begin\n      " + I + "_full <= 1'b0;\n" + walker_reset(I, tensor, memory) + "    end else if (" + I + "_take) begin\n" + w.step +
              "      if (" + w.last + ") " + I + "_full <= 1'b1;\n    end\n";
  loaded_.push_back(I + "_full");
  for (std::int64_t b = 0; b < memory.banks; ++b)
    uses_[t].writes[b].push_back({I + "_take && " + I + "_bank == " + sv_literal(b, w.bank_bits), I + "_at", tensor.name + "_data"});
}

void Emitter::drainer(std::size_t t) {
  const KernelTensor& tensor = k_.tensors[t];
  const Memory& memory = d_.memories[t];
  const int bits = tensor.type.bits;
  ports_.push_back({tensor.name, bits, false});
  const std::string O = "out" + n(static_cast<std::int64_t>(t)), M = "m" + n(static_cast<std::int64_t>(t));
  const Walker w = element_walker(O, tensor, memory);
  declarations_ += w.declarations;
  declare(O + "_asked", 1);
  declare(O + "_there", 1);
  declare(O + "_from", w.bank_bits);
  define(O + "_go", 1, "draining && (!" + O + "_there || " + tensor.name + "_ready)");
  define(O + "_at", w.address_bits, w.address);
  define(O + "_bank", w.bank_bits, w.bank);
  body_ += "  assign " + tensor.name + "_valid = " + O + "_there;\n";
  clocked_ += "    if (rst || start) begin\n      " + O + "_asked <= 1'b0;\n      " + O + "_there <= 1'b0;\n" + walker_reset(O, tensor, memory) + "    end else if (" + O +
              "_go) begin\n      " + O + "_there <= !" + O + "_asked;\n      " + O + "_from <= " + O + "_bank;\n      if (!" + O + "_asked) begin\n" + w.step + "      if (" + w.last +
              ") " + O + "_asked <= 1'b1;\n      end\n    end\n";
  drained_.push_back("(" + O + "_asked && (!" + O + "_there || " + tensor.name + "_ready))");
  if (memory.storage == Memory::registers) {
    declare(O + "_word", bits);
    clocked_ += "    if (" + O + "_go) " + O + "_word <= " + (memory.bank_elements == 1 ? M : M + "[" + O + "_at]") + ";\n";
    body_ += "  assign " + tensor.name + "_data = " + O + "_word;\n";
    return;
  }
  std::string data;
  for (std::int64_t b = 0; b < memory.banks; ++b) {
    // First of all uses of the port, so that addresses of the drain win.
    auto& list = uses_[t].reads[{b, 0}];
    list.insert(list.begin(), {"draining", O + "_at", O + "_go"});
    const std::string word = M + "_b" + n(b) + "_rd0";
    data = b == 0 ? word : "(" + O + "_from == " + sv_literal(b, w.bank_bits) + ") ? " + word + " : " + data;
  }
  body_ += "  assign " + tensor.name + "_data = " + data + ";\n";
}

void Emitter::streams() {
  for (std::size_t i = 0; i < k_.streams.size(); ++i) {
    const KernelStream& stream = k_.streams[i];
    const std::string S = "s" + n(static_cast<std::int64_t>(i));
    const int bits = stream.type.bits;
    const auto given = k_.directives.streams.find(stream.name);
    const std::int64_t depth = given == k_.directives.streams.end() ? stream.depth : given->second;
    const int count_bits = sv_bits(depth), place_bits = sv_bits(depth - 1);
    std::string push, data, pop;
    for (const PortUse& u : pushes_[static_cast<int>(i)]) {
      push += (push.empty() ? "" : " || ") + u.when;
      data += u.when + " ? " + u.data + " : ";
    }
    for (const std::string& u : pops_[static_cast<int>(i)]) pop += (pop.empty() ? "" : " || ") + u;
    if (stream.kind != StreamKind::local) ports_.push_back({stream.name, bits, stream.kind == StreamKind::input});
    declare(S + "_count", count_bits);
    define(S + "_some", 1, S + "_count != " + sv_literal(0, count_bits));
    define(S + "_room", 1, S + "_count != " + sv_literal(depth, count_bits));
    if (stream.kind == StreamKind::input) {
      push = "(" + stream.name + "_valid && " + S + "_room)";
      data = stream.name + "_data";
      body_ += "  assign " + stream.name + "_ready = " + S + "_room;\n";
    } else {
      data += sv_literal(0, bits);
    }
    if (stream.kind == StreamKind::output) {
      pop = "(" + stream.name + "_ready && " + S + "_some)";
      body_ += "  assign " + stream.name + "_valid = " + S + "_some;\n  assign " + stream.name + "_data = " + S + "_front;\n";
    }
    define(S + "_push", 1, push);
    define(S + "_pop", 1, pop);
    define(S + "_back", bits, data);
    declare(S + "_front", bits);
    if (depth == 1) {
      declare(S + "_word", bits);
      body_ += "  assign " + S + "_front = " + S + "_word;\n";
      clocked_ += "    if (" + S + "_push) " + S + "_word <= " + S + "_back;\n";
    } else {
      declarations_ += "  logic [" + n(bits - 1) + ":0] " + S + "_words [0:" + n(depth - 1) + "];\n";
      declare(S + "_read", place_bits);
      declare(S + "_write", place_bits);
      body_ += "  assign " + S + "_front = " + S + "_words[" + S + "_read];\n";
      const auto turn = [&](const std::string& at) {
        return at + " <= " + at + " == " + sv_literal(depth - 1, place_bits) + " ? " + sv_literal(0, place_bits) + " : " + at + " + " + sv_literal(1, place_bits) + ";";
      };
      clocked_ += "    if (" + S + "_push) begin " + S + "_words[" + S + "_write] <= " + S + "_back; " + turn(S + "_write") + " end\n    if (" + S + "_pop) " + turn(S + "_read") +
                  "\n";
      resets_.push_back(S + "_read <= " + sv_literal(0, place_bits) + ";");
      resets_.push_back(S + "_write <= " + sv_literal(0, place_bits) + ";");
    }
    clocked_ += "    if (" + S + "_push && !" + S + "_pop) " + S + "_count <= " + S + "_count + " + sv_literal(1, count_bits) + ";\n    if (!" + S + "_push && " + S + "_pop) " + S +
                "_count <= " + S + "_count - " + sv_literal(1, count_bits) + ";\n";
    resets_.push_back(S + "_count <= " + sv_literal(0, count_bits) + ";");
  }
}

void Emitter::top_state() {
  declare("loading", 1);
  declare("computing", 1);
  declare("draining", 1);
  std::vector<std::string> loaded = loaded_, halted;
  if (clear_elements_ > 0) {
    declare("clear_at", 32);
    define("clearing", 1, "loading && clear_at != " + sv_literal(clear_elements_, 32));
    clocked_ += "    if (clearing) clear_at <= clear_at + 32'h1;\n    if (rst || start) clear_at <= 32'h0;\n";
    loaded.push_back("!clearing");
  }
  for (std::size_t p = 0; p < d_.processes.size(); ++p) halted.push_back("p" + n(static_cast<std::int64_t>(p)) + "_halted");
  define("start", 1, join_and([&] {
           std::vector<std::string> all{"loading"};
           all.insert(all.end(), loaded.begin(), loaded.end());
           return all;
         }()));
  define("finished", 1, "computing && " + join_and(halted));
  define("emptied", 1, "draining && " + join_and(drained_));
  body_ += "  assign busy = computing;\n";
  clocked_ += "    if (start) begin loading <= 1'b0; computing <= 1'b1; end\n    if (finished) begin computing <= 1'b0; draining <= 1'b1; end\n"
              "    if (emptied) begin draining <= 1'b0; loading <= 1'b1; end\n    if (rst) begin\n      loading <= 1'b1;\n      computing <= 1'b0;\n      draining <= 1'b0;\n";
  for (const std::string& r : resets_) clocked_ += "      " + r + "\n";
  clocked_ += "    end\n";
}

Rtl emit_kernel(const Datapath& datapath) { return Emitter(datapath).run(); }

}  // namespace gnomon::hls
