#include <algorithm>
#include <cctype>
#include <set>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/affine.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

const std::vector<std::string> kind_names{"input", "output", "local"};

// ---- As written. ----

struct TensorFile {
  std::string name, kind, type;
  std::vector<std::int64_t> shape;
};
struct LoopFile {
  std::string name;
  std::int64_t extent = 1;
};
struct OpFile {
  std::optional<std::string> name;
  std::string op;
  std::optional<std::string> type, tensor, in;
  std::optional<std::vector<std::string>> args, index;
  std::optional<std::int64_t> value;
};
struct PipelineFile {
  std::int64_t ii = 1;
};
struct DirectivesFile {
  std::map<std::string, std::int64_t> unroll;
  std::optional<PipelineFile> pipeline;
  std::optional<std::string> tile, interchange, partition, bind, stream;
};
struct KernelFile {
  std::int64_t version = 1;
  std::string name;
  std::vector<TensorFile> tensors;
  std::vector<LoopFile> loops;
  std::vector<OpFile> body;
  std::optional<DirectivesFile> directives;
};

void describe(FieldVisitor& v, TensorFile& t) {
  field(v, {"name", "identifier", "", Key::required}, t.name);
  field(v, {"kind", "who gives or takes it", "", Key::required}, t.kind, Choice{kind_names});
  field(v, {"type", "int1 to int64, uint1 to uint64", "", Key::required}, t.type);
  field(v, {"shape", "sizes, row-major", "elements", Key::required}, t.shape, Length{0, 8}, Range{1, std::int64_t{1} << 28});
}
void describe(FieldVisitor& v, LoopFile& l) {
  field(v, {"name", "identifier", "", Key::required}, l.name);
  field(v, {"extent", "runs from 0 to extent - 1", "iterations", Key::required}, l.extent, Range{1, std::int64_t{1} << 40});
}
void describe(FieldVisitor& v, OpFile& op) {
  field(v, {"name", "identifier of the value; a store has none"}, op.name);
  field(v, {"op", "operation", "", Key::required}, op.op, Choice{op_names()});
  field(v, {"type", "type that the value is cut to; a load has its tensor's, a comparison uint1"}, op.type);
  field(v, {"args", "names of earlier values"}, op.args, Length{0, 3});
  field(v, {"tensor", "loaded from or stored to"}, op.tensor);
  field(v, {"index", "one affine sum of loops per dimension, as \"2*m + k - 1\""}, op.index, Length{0, 8});
  field(v, {"value", "of a constant"}, op.value);
  field(v, {"in", "innermost loop around the operation, \"\" for none; the innermost of all where left out"}, op.in);
}
void describe(FieldVisitor& v, PipelineFile& p) {
  field(v, {"ii", "steps between iterations of the innermost loop", "steps", Key::required}, p.ii, Range{1, 1'000'000});
}
void describe(FieldVisitor& v, DirectivesFile& d) {
  const Raw any{R"({"description": "of the contract, not carried out by this version"})"};
  field(v, {"unroll", "copies of a loop's body, by loop", "copies"}, d.unroll, Range{1, 1'000'000});
  field(v, {"pipeline", "pipelining of the innermost loop"}, d.pipeline);
  field(v, {"tile", "tiling"}, d.tile, any);
  field(v, {"interchange", "order of loops"}, d.interchange, any);
  field(v, {"partition", "arrays over banks"}, d.partition, any);
  field(v, {"bind", "operations to units"}, d.bind, any);
  field(v, {"stream", "depths of streams"}, d.stream, any);
}
void describe(FieldVisitor& v, KernelFile& k) {
  field(v, {"version", "of the format", "", Key::required}, k.version, Range{1, 1});
  field(v, {"name", "identifier", "", Key::required}, k.name);
  field(v, {"tensors", "arrays of integers", "", Key::required}, k.tensors, Length{1, 64});
  field(v, {"loops", "the nest, outermost first", "", Key::required}, k.loops, Length{0, 16});
  field(v, {"body", "operations in the order in which they run", "", Key::required}, k.body, Length{1, 10'000});
  field(v, {"directives", "how the hardware is made"}, k.directives);
}

// ---- From the file to the kernel: names become indices. ----

/// SystemVerilog and C++ words are no trouble later, since emitters put a prefix before every name.
bool is_identifier(const std::string& name) {
  if (name.empty() || name.size() > 64 || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
}

class Builder {
 public:
  Builder(const KernelFile& file, const std::string& path) : file_(file), path_(path) {}

  Expected<Kernel> build() {
    kernel_.file = path_;
    kernel_.name = file_.name;
    name_rule("/name", file_.name);
    for (std::size_t i = 0; i < file_.tensors.size(); ++i) tensor(i);
    for (std::size_t i = 0; i < file_.loops.size(); ++i) loop(i);
    for (std::size_t i = 0; i < file_.body.size(); ++i) op(i);
    directives();
    if (!problems_.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
    if (!unsupported_.empty()) return fail(Error(ErrorKind::unsupported, std::move(unsupported_)));
    if (auto sound = verify(kernel_); !sound) return fail(std::move(sound.error()));
    return std::move(kernel_);
  }

 private:
  void wrong(const std::string& pointer, const std::string& message) { problems_.push_back({path_, pointer, message}); }

  void name_rule(const std::string& pointer, const std::string& name) {
    if (!is_identifier(name))
      wrong(pointer,
            in_quotes(name) + " is not a name; letters, digits and _ are allowed, not beginning with a digit, at most 64");
  }
  bool fresh(const std::string& pointer, const std::string& name) {
    name_rule(pointer, name);
    if (names_.insert(name).second) return true;
    wrong(pointer, "the name " + in_quotes(name) + " is used twice; tensors, loops and values share one set of names");
    return false;
  }
  IntType type(const std::string& pointer, const std::string& text) {
    if (const auto found = type_named(text)) return *found;
    wrong(pointer, "unknown type " + in_quotes(text) + "; allowed are int1 to int64 and uint1 to uint64");
    return {};
  }

  void tensor(std::size_t i) {
    const TensorFile& t = file_.tensors[i];
    const std::string at = "/tensors/" + std::to_string(i);
    fresh(at + "/name", t.name);
    const auto kind = std::find(kind_names.begin(), kind_names.end(), t.kind) - kind_names.begin();
    kernel_.tensors.push_back({t.name, static_cast<TensorKind>(kind), type(at + "/type", t.type), t.shape});
  }
  void loop(std::size_t i) {
    fresh("/loops/" + std::to_string(i) + "/name", file_.loops[i].name);
    kernel_.loops.push_back({file_.loops[i].name, file_.loops[i].extent});
  }

  template <class List>
  std::optional<std::size_t> lookup(const std::string& pointer, const char* what, const std::string& name, const List& list) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].name == name) return i;
      if (!list[i].name.empty()) known.push_back(list[i].name);
    }
    wrong(pointer, unknown_word(what, name, known));
    return std::nullopt;
  }

  void op(std::size_t i) {
    const OpFile& f = file_.body[i];
    const std::string at = "/body/" + std::to_string(i);
    KernelOp op;
    op.code = static_cast<OpCode>(std::find(op_names().begin(), op_names().end(), f.op) - op_names().begin());
    const bool memory = op.code == OpCode::load || op.code == OpCode::store;
    const bool comparison = op.code == OpCode::eq || op.code == OpCode::ne || op.code == OpCode::lt || op.code == OpCode::le;
    const auto misplaced = [&](bool given, bool wanted, const char* key) {
      if (given && !wanted) wrong(at + "/" + key, std::string("\"") + f.op + "\" takes no \"" + key + "\"");
      if (!given && wanted) wrong(at, std::string("\"") + f.op + "\" needs \"" + key + "\"");
      return given && wanted;
    };
    if (misplaced(f.name.has_value(), op.code != OpCode::store, "name")) op.name = *f.name;
    if (misplaced(f.type.has_value(), !memory && !comparison, "type")) op.type = type(at + "/type", *f.type);
    if (comparison) op.type = {false, 1};
    if (misplaced(f.tensor.has_value(), memory, "tensor"))
      op.tensor = lookup(at + "/tensor", "tensor", *f.tensor, kernel_.tensors);
    if (op.tensor) op.type = kernel_.tensors[*op.tensor].type;
    if (misplaced(f.index.has_value(), memory, "index"))
      for (std::size_t d = 0; d < f.index->size(); ++d) {
        auto affine = parse_affine((*f.index)[d], kernel_.loops);
        if (affine)
          op.index.push_back(std::move(*affine));
        else
          wrong(at + "/index/" + std::to_string(d), affine.error());
      }
    if (misplaced(f.value.has_value(), op.code == OpCode::constant, "value")) op.value = *f.value;
    if (misplaced(f.args.has_value(), op.code != OpCode::constant && op.code != OpCode::load, "args"))
      for (std::size_t a = 0; a < f.args->size(); ++a)
        if (const auto found = lookup(at + "/args/" + std::to_string(a), "earlier value", (*f.args)[a], kernel_.ops))
          op.args.push_back(*found);
    op.depth = kernel_.loops.size();
    if (f.in) {
      op.depth = 0;
      if (!f.in->empty())
        if (const auto found = lookup(at + "/in", "loop", *f.in, kernel_.loops)) op.depth = *found + 1;
    }
    if (!op.name.empty()) fresh(at + "/name", op.name);
    kernel_.ops.push_back(std::move(op));
  }

  void directives() {
    if (!file_.directives) return;
    const DirectivesFile& d = *file_.directives;
    const auto refuse = [&](const char* name, const std::optional<std::string>& value) {
      if (value)
        unsupported_.push_back(
            {path_, std::string("/directives/") + name,
             std::string("the directive \"") + name + "\" is not carried out by this version; \"unroll\" and \"pipeline\" are"});
    };
    refuse("tile", d.tile);
    refuse("interchange", d.interchange);
    refuse("partition", d.partition);
    refuse("bind", d.bind);
    refuse("stream", d.stream);
    for (const auto& [name, factor] : d.unroll)
      if (lookup("/directives/unroll" + pointer_step(name), "loop", name, kernel_.loops))
        kernel_.directives.unroll[name] = factor;
    if (d.pipeline) kernel_.directives.pipeline_ii = d.pipeline->ii;
  }

  const KernelFile& file_;
  const std::string& path_;
  Kernel kernel_;
  std::set<std::string> names_;
  std::vector<Problem> problems_, unsupported_;
};

}  // namespace

const std::vector<std::string>& op_names() {
  static const std::vector<std::string> names{"const",  "load", "store", "add", "sub", "mul", "mac", "shl", "shr",
                                              "select", "min",  "max",   "eq",  "ne",  "lt",  "le",  "cast"};
  return names;
}

std::optional<IntType> type_named(const std::string& text) {
  const bool is_signed = text.rfind("int", 0) == 0;
  const std::string prefix = is_signed ? "int" : "uint";
  if (text.rfind(prefix, 0) != 0) return std::nullopt;
  const std::string digits = text.substr(prefix.size());
  long long bits = 0;
  if (digits.empty() || digits.front() == '0' || digits.front() == '+' || digits.front() == '-' || !parse_integer(digits, bits))
    return std::nullopt;
  if (bits < 1 || bits > 64) return std::nullopt;
  return IntType{is_signed, static_cast<int>(bits)};
}

Expected<Kernel> read_kernel(const Document& document) {
  auto file = read_fields<KernelFile>(document);
  if (!file) return fail(std::move(file.error()));
  return Builder(*file, document.file()).build();
}

Json write_kernel(const Kernel& kernel) {
  KernelFile file;
  file.name = kernel.name;
  for (const KernelTensor& t : kernel.tensors)
    file.tensors.push_back({t.name, kind_names[static_cast<std::size_t>(t.kind)], t.type.text(), t.shape});
  for (const KernelLoop& l : kernel.loops) file.loops.push_back({l.name, l.extent});
  for (const KernelOp& op : kernel.ops) {
    OpFile f;
    const bool memory = op.code == OpCode::load || op.code == OpCode::store;
    const bool comparison = op.code == OpCode::eq || op.code == OpCode::ne || op.code == OpCode::lt || op.code == OpCode::le;
    f.op = op_names()[static_cast<std::size_t>(op.code)];
    if (op.code != OpCode::store) f.name = op.name;
    if (!memory && !comparison) f.type = op.type.text();
    if (op.tensor) f.tensor = kernel.tensors[*op.tensor].name;
    if (memory) {
      f.index.emplace();
      for (const Affine& affine : op.index) f.index->push_back(to_text(affine, kernel.loops));
    }
    if (op.code == OpCode::constant) f.value = op.value;
    if (op.code != OpCode::constant && op.code != OpCode::load) {
      f.args.emplace();
      for (const std::size_t a : op.args) f.args->push_back(kernel.ops[a].name);
    }
    if (op.depth != kernel.loops.size()) f.in = op.depth == 0 ? "" : kernel.loops[op.depth - 1].name;
    file.body.push_back(std::move(f));
  }
  if (!kernel.directives.unroll.empty() || kernel.directives.pipeline_ii) {
    file.directives.emplace();
    file.directives->unroll = kernel.directives.unroll;
    if (kernel.directives.pipeline_ii) file.directives->pipeline = PipelineFile{*kernel.directives.pipeline_ii};
  }
  return write_fields(file);
}

Json kernel_schema() {
  return schema_fields<KernelFile>("gnomon kernel");
}

}  // namespace gnomon::hls
