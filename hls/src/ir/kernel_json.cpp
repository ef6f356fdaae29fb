#include <algorithm>
#include <cctype>
#include <set>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/affine.hpp"
#include "ir/names.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

const std::vector<std::string> kind_names{"input", "output", "local", "constant"};
const std::vector<std::string> stream_kind_names{"input", "output", "local"};
const std::vector<std::string> partition_names{"cyclic", "block", "complete"};
const std::vector<std::string> storage_names{"registers", "ram_1r1w", "ram_2r1w"};
const std::vector<std::string> unit_names{"mul", "div", "rem"};

// ---- As written. ----

struct TensorFile {
  std::string name, kind, type;
  std::vector<std::int64_t> shape;
  std::optional<std::vector<std::int64_t>> values;
};
struct StreamFile {
  std::string name, kind, type;
  std::int64_t depth = 2;
  std::optional<std::int64_t> length;
};
struct LoopFile {
  std::string name;
  std::int64_t extent = 1;
  std::optional<std::string> in, process, trip, count, repeat;
};
struct OpFile {
  std::optional<std::string> name;
  std::string op;
  std::optional<std::string> type, tensor, stream, in, process, when;
  std::optional<std::vector<std::string>> args, index;
  std::optional<std::int64_t> value, distance;
};
struct PipelineFile {
  std::optional<std::int64_t> ii;
  std::optional<std::string> loop;
};
struct PartitionFile {
  std::string kind;
  std::int64_t dim = 0;
  std::optional<std::int64_t> factor;
};
struct BindFile {
  std::optional<std::string> tensor, storage, op, array;
  std::optional<std::int64_t> units;
};
struct StreamDirectiveFile {
  std::int64_t depth = 2;
};
struct DirectivesFile {
  std::map<std::string, std::int64_t> tile;
  std::vector<std::vector<std::string>> interchange;
  std::map<std::string, std::int64_t> unroll;
  std::optional<PipelineFile> pipeline;
  std::map<std::string, std::vector<PartitionFile>> partition;
  std::vector<BindFile> bind;
  std::map<std::string, StreamDirectiveFile> stream;
  bool dataflow = true;
  double clock_ns = 10;
};
struct KernelFile {
  std::int64_t version = 1;
  std::string name;
  std::optional<std::vector<std::string>> processes;
  std::vector<TensorFile> tensors;
  std::vector<StreamFile> streams;
  std::vector<LoopFile> loops;
  std::vector<OpFile> body;
  std::optional<DirectivesFile> directives;
};

void describe(FieldVisitor& v, TensorFile& t) {
  field(v, {"name", "identifier", "", Key::required}, t.name);
  field(v, {"kind", "who gives or takes it", "", Key::required}, t.kind, Choice{kind_names});
  field(v, {"type", "int1 to int64, uint1 to uint64, fixed<W,I,ROUNDING,OVERFLOW> or ufixed<...>", "", Key::required}, t.type);
  field(v, {"shape", "sizes, row-major", "elements", Key::required}, t.shape, Length{0, 8}, Range{1, std::int64_t{1} << 28});
  field(v, {"values", "of a constant, row-major, as stored bits (value x 2^fraction)"}, t.values, Length{1, std::size_t{1} << 22}, Range{});
}
void describe(FieldVisitor& v, StreamFile& s) {
  field(v, {"name", "identifier", "", Key::required}, s.name);
  field(v, {"kind", "local streams connect two processes", "", Key::required}, s.kind, Choice{stream_kind_names});
  field(v, {"type", "as a tensor's", "", Key::required}, s.type);
  field(v, {"depth", "elements that it holds", "elements"}, s.depth, Range{1, 1 << 16});
  field(v, {"length", "elements that an input stream brings in one run", "elements"}, s.length, Range{1, std::int64_t{1} << 27});
}
void describe(FieldVisitor& v, LoopFile& l) {
  field(v, {"name", "identifier", "", Key::required}, l.name);
  field(v, {"extent", "runs from 0 to extent - 1", "iterations", Key::required}, l.extent, Range{1, std::int64_t{1} << 40});
  field(v, {"in", "loop around it, \"\" for none; the loop before it in the list where left out"}, l.in);
  field(v, {"process", "of a loop that is in no other; the process of the loop before it, or the first, where left out"}, l.process);
  field(v, {"trip", "iterations as an affine sum of the loops around it, at most extent"}, l.trip);
  field(v, {"count", "iterations as a value computed outside of it, clamped to 0 to extent"}, l.count);
  field(v, {"while", "value computed in its body: the loop runs once, and again while it is not 0, extent times at most"}, l.repeat);
}
void describe(FieldVisitor& v, OpFile& op) {
  field(v, {"name", "identifier of the value; store, scatter and write have none"}, op.name);
  field(v, {"op", "operation", "", Key::required}, op.op, Choice{op_names()});
  field(v, {"type", "type that the value is cut to; a load has its tensor's, a read its stream's, a comparison uint1"}, op.type);
  field(v, {"args", "names of earlier values"}, op.args, Length{0, 3});
  field(v, {"tensor", "loaded from or stored to"}, op.tensor);
  field(v, {"stream", "read from or written to"}, op.stream);
  field(v, {"index", "one affine sum of loops per dimension, as \"2*m + k - 1\"; of gather and scatter also of values"}, op.index, Length{0, 8});
  field(v, {"value", "of a constant, as stored bits; of scale, the power of 2"}, op.value);
  field(v, {"in", "innermost loop around the operation, \"\" for none; the last loop of the list where left out"}, op.in);
  field(v, {"process", "of an operation in no loop"}, op.process);
  field(v, {"when", "value that must not be 0 for a store, scatter, read or write to be done"}, op.when);
  field(v, {"distance", "of gather and scatter: iterations within which two accesses never meet; 1: any may", "iterations"}, op.distance, Range{1, std::int64_t{1} << 40});
}
void describe(FieldVisitor& v, PipelineFile& p) {
  field(v, {"ii", "cycles between iterations; the least where left out", "cycles"}, p.ii, Range{1, 1'000'000});
  field(v, {"loop", "outermost loop of the pipeline; the best where left out"}, p.loop);
}
void describe(FieldVisitor& v, PartitionFile& p) {
  field(v, {"kind", "how elements go to banks", "", Key::required}, p.kind, Choice{partition_names});
  field(v, {"dim", "dimension"}, p.dim, Range{0, 7});
  field(v, {"factor", "banks of cyclic and block", "banks"}, p.factor, Range{1, 4096});
}
void describe(FieldVisitor& v, BindFile& b) {
  field(v, {"tensor", "tensor whose storage is chosen"}, b.tensor);
  field(v, {"storage", "of the tensor"}, b.storage, Choice{storage_names});
  field(v, {"op", "operation whose units are limited"}, b.op, Choice{unit_names});
  field(v, {"units", "units of the operation in a process", "units"}, b.units, Range{1, 4096});
  field(v, {"array", "a matrix multiplication on the systolic array: rows and columns by unroll"}, b.array, Choice{{"os"}});
}
void describe(FieldVisitor& v, StreamDirectiveFile& s) {
  field(v, {"depth", "elements that it holds", "elements", Key::required}, s.depth, Range{1, 1 << 16});
}
void describe(FieldVisitor& v, DirectivesFile& d) {
  field(v, {"tile", "iterations of the inner loop NAME; the outer becomes NAME_tile", "iterations"}, d.tile, Range{1, std::int64_t{1} << 40});
  field(v, {"interchange", "new orders of loops of perfect nests, outermost first"}, d.interchange, Length{0, 16}, Length{2, 16});
  field(v, {"unroll", "copies of a loop's body, by loop", "copies"}, d.unroll, Range{1, 1'000'000});
  field(v, {"pipeline", "pipelining of innermost loops"}, d.pipeline);
  field(v, {"partition", "tensors over banks"}, d.partition, Length{1, 8});
  field(v, {"bind", "storage of tensors, units of operations"}, d.bind, Length{0, 64});
  field(v, {"stream", "depths of streams"}, d.stream);
  field(v, {"dataflow", "processes run at the same time, not one after the other"}, d.dataflow);
  field(v, {"clock_ns", "delay that may be chained in a cycle, by the delay table", "ns"}, d.clock_ns, RealRange{0.1, 1e6});
}
void describe(FieldVisitor& v, KernelFile& k) {
  field(v, {"version", "of the format", "", Key::required}, k.version, Range{1, 1});
  field(v, {"name", "identifier", "", Key::required}, k.name);
  field(v, {"processes", "names of processes; one where left out"}, k.processes, Length{1, 32});
  field(v, {"tensors", "arrays", ""}, k.tensors, Length{0, 64});
  field(v, {"streams", "channels of finite depth"}, k.streams, Length{0, 64});
  field(v, {"loops", "a loop before those inside it", "", Key::required}, k.loops, Length{0, 256});
  field(v, {"body", "operations in the order in which they run", "", Key::required}, k.body, Length{1, 10'000});
  field(v, {"directives", "how the hardware is made"}, k.directives);
}

// ---- From the file to the kernel: names become indices. ----

class Builder {
 public:
  Builder(const KernelFile& file, const std::string& path) : file_(file), path_(path) {}

  Expected<Kernel> build() {
    kernel_.file = path_;
    kernel_.name = file_.name;
    name_rule("/name", file_.name);
    if (file_.processes) {
      kernel_.processes.clear();
      for (std::size_t i = 0; i < file_.processes->size(); ++i) {
        const std::string& name = (*file_.processes)[i];
        name_rule("/processes/" + std::to_string(i), name);
        if (std::find(kernel_.processes.begin(), kernel_.processes.end(), name) != kernel_.processes.end())
          wrong("/processes/" + std::to_string(i), "two processes " + in_quotes(name));
        kernel_.processes.push_back(name);
      }
    }
    for (std::size_t i = 0; i < file_.tensors.size(); ++i) tensor(i);
    for (std::size_t i = 0; i < file_.streams.size(); ++i) stream(i);
    for (std::size_t i = 0; i < file_.loops.size(); ++i) loop(i);
    for (std::size_t i = 0; i < file_.body.size(); ++i) op(i);
    for (std::size_t i = 0; i < file_.loops.size(); ++i)
      if (file_.loops[i].count) kernel_.loops[i].count = lookup("/loops/" + std::to_string(i) + "/count", "value", *file_.loops[i].count, kernel_.ops);
    for (std::size_t i = 0; i < file_.loops.size(); ++i)
      if (file_.loops[i].repeat) kernel_.loops[i].repeat = lookup("/loops/" + std::to_string(i) + "/while", "value", *file_.loops[i].repeat, kernel_.ops);
    directives();
    if (!problems_.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
    if (auto sound = verify(kernel_); !sound) return fail(std::move(sound.error()));
    return std::move(kernel_);
  }

 private:
  void wrong(const std::string& pointer, const std::string& message) { problems_.push_back({path_, pointer, message}); }

  void name_rule(const std::string& pointer, const std::string& name) {
    if (const std::string problem = name_problem(name); !problem.empty()) wrong(pointer, problem);
  }
  bool fresh(const std::string& pointer, const std::string& name) {
    name_rule(pointer, name);
    if (names_.insert(name).second) return true;
    wrong(pointer, "the name " + in_quotes(name) + " is used twice; tensors, streams, loops and values share one set of names");
    return false;
  }
  NumberType type(const std::string& pointer, const std::string& text) {
    if (const auto found = type_named(text)) return *found;
    wrong(pointer, "unknown type " + in_quotes(text) +
                       "; allowed are int1 to int64, uint1 to uint64, and fixed<W,I> or ufixed<W,I> with W of 1 to 64 bits, I of them (W-64 to W) "
                       "before the point, optionally \",down|half_up|half_even,wrap|saturate\"");
    return {};
  }
  template <class Kind>
  Kind kind(const std::string& text, const std::vector<std::string>& words) {
    return static_cast<Kind>(std::find(words.begin(), words.end(), text) - words.begin());
  }

  void tensor(std::size_t i) {
    const TensorFile& t = file_.tensors[i];
    const std::string at = "/tensors/" + std::to_string(i);
    fresh(at + "/name", t.name);
    const auto k = kind<TensorKind>(t.kind, kind_names);
    if ((k == TensorKind::constant) != t.values.has_value())
      wrong(at, t.values ? "only constants have \"values\"" : "a constant needs \"values\"");
    kernel_.tensors.push_back({t.name, k, type(at + "/type", t.type), t.shape, t.values.value_or(std::vector<std::int64_t>{})});
  }
  void stream(std::size_t i) {
    const StreamFile& s = file_.streams[i];
    const std::string at = "/streams/" + std::to_string(i);
    fresh(at + "/name", s.name);
    kernel_.streams.push_back({s.name, kind<StreamKind>(s.kind, stream_kind_names), type(at + "/type", s.type), s.depth, s.length.value_or(0)});
  }
  std::size_t process(const std::string& pointer, const std::string& name) {
    const auto at = std::find(kernel_.processes.begin(), kernel_.processes.end(), name);
    if (at != kernel_.processes.end()) return static_cast<std::size_t>(at - kernel_.processes.begin());
    wrong(pointer, unknown_word("process", name, kernel_.processes));
    return 0;
  }
  void loop(std::size_t i) {
    const LoopFile& f = file_.loops[i];
    const std::string at = "/loops/" + std::to_string(i);
    fresh(at + "/name", f.name);
    KernelLoop loop;
    loop.name = f.name;
    loop.extent = f.extent;
    if (f.in && !f.in->empty()) {
      loop.parent = lookup(at + "/in", "earlier loop", *f.in, kernel_.loops);
      if (f.process) wrong(at + "/process", "a loop in another belongs to its process");
    } else if (!f.in && !f.process && i > 0) {
      loop.parent = i - 1;
    }
    if (loop.parent) loop.process = kernel_.loops[*loop.parent].process;
    else if (f.process) loop.process = process(at + "/process", *f.process);
    else if (i > 0) loop.process = kernel_.loops[i - 1].process;
    if (f.trip) {
      auto affine = parse_affine(*f.trip, kernel_, false);
      if (affine) loop.trip = std::move(*affine);
      else wrong(at + "/trip", affine.error());
    }
    kernel_.loops.push_back(std::move(loop));
    for (KernelLoop& l : kernel_.loops)
      if (l.trip) l.trip->coefficients.resize(file_.loops.size(), 0);
  }

  template <class List>
  std::optional<std::size_t> lookup(const std::string& pointer, const char* what, const std::string& name, const List& list) {
    std::vector<std::string> known;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].name == name && !name.empty()) return i;
      if (!list[i].name.empty()) known.push_back(list[i].name);
    }
    wrong(pointer, unknown_word(what, name, known));
    return std::nullopt;
  }

  void op(std::size_t i) {
    const OpFile& f = file_.body[i];
    const std::string at = "/body/" + std::to_string(i);
    KernelOp op;
    op.code = kind<OpCode>(f.op, op_names());
    const bool memory = touches_tensor(op.code), stream = touches_stream(op.code);
    const auto misplaced = [&](bool given, bool wanted, const char* key) {
      if (given && !wanted) wrong(at + "/" + key, std::string("\"") + f.op + "\" takes no \"" + key + "\"");
      if (!given && wanted) wrong(at, std::string("\"") + f.op + "\" needs \"" + key + "\"");
      return given && wanted;
    };
    const auto optional = [&](bool given, bool allowed, const char* key) { return given && misplaced(true, allowed, key); };
    if (misplaced(f.name.has_value(), !has_no_value(op.code), "name")) op.name = *f.name;
    if (misplaced(f.type.has_value(), !memory && !stream && !is_comparison(op.code), "type")) op.type = type(at + "/type", *f.type);
    if (is_comparison(op.code)) op.type = {false, 1};
    if (misplaced(f.tensor.has_value(), memory, "tensor")) op.tensor = lookup(at + "/tensor", "tensor", *f.tensor, kernel_.tensors);
    if (op.tensor) op.type = kernel_.tensors[*op.tensor].type;
    if (misplaced(f.stream.has_value(), stream, "stream")) op.stream = lookup(at + "/stream", "stream", *f.stream, kernel_.streams);
    if (op.stream) op.type = kernel_.streams[*op.stream].type;
    if (misplaced(f.index.has_value(), memory || op.code == OpCode::index, "index"))
      for (std::size_t d = 0; d < f.index->size(); ++d) {
        auto affine = parse_affine((*f.index)[d], kernel_, op.code == OpCode::gather || op.code == OpCode::scatter);
        if (affine)
          op.index.push_back(std::move(*affine));
        else
          wrong(at + "/index/" + std::to_string(d), affine.error());
      }
    if (misplaced(f.value.has_value(), op.code == OpCode::constant || op.code == OpCode::scale, "value")) op.value = *f.value;
    if (optional(f.distance.has_value(), op.code == OpCode::gather || op.code == OpCode::scatter, "distance")) op.distance = *f.distance;
    if (optional(f.when.has_value(), writes_tensor(op.code) || stream, "when")) op.when = lookup(at + "/when", "earlier value", *f.when, kernel_.ops);
    if (f.args || args_of(op.code) > 0) {
      if (misplaced(f.args.has_value(), args_of(op.code) > 0, "args"))
        for (std::size_t a = 0; a < f.args->size(); ++a)
          if (const auto found = lookup(at + "/args/" + std::to_string(a), "earlier value", (*f.args)[a], kernel_.ops)) op.args.push_back(*found);
    }
    if (!kernel_.loops.empty()) op.loop = kernel_.loops.size() - 1;
    if (f.process && !f.in) op.loop.reset();
    if (f.in) {
      op.loop.reset();
      if (!f.in->empty()) op.loop = lookup(at + "/in", "loop", *f.in, kernel_.loops);
    }
    if (op.loop) op.process = kernel_.loops[*op.loop].process;
    if (f.process) {
      op.process = process(at + "/process", *f.process);
      if (op.loop && op.process != kernel_.loops[*op.loop].process) wrong(at + "/process", "an operation in a loop belongs to the loop's process");
    }
    if (!op.name.empty()) fresh(at + "/name", op.name);
    kernel_.ops.push_back(std::move(op));
  }

  void directives() {
    if (!file_.directives) return;
    const DirectivesFile& d = *file_.directives;
    Directives& to = kernel_.directives;
    std::vector<KernelLoop> loops = kernel_.loops;
    for (const auto& [name, size] : d.tile)
      if (lookup("/directives/tile" + pointer_step(name), "loop", name, kernel_.loops)) {
        to.tile[name] = size;
        loops.push_back({name + "_tile"});
        if (names_.count(name + "_tile") > 0) wrong("/directives/tile" + pointer_step(name), "the name " + in_quotes(name + "_tile") + " is taken");
      }
    for (std::size_t i = 0; i < d.interchange.size(); ++i)
      for (std::size_t j = 0; j < d.interchange[i].size(); ++j)
        lookup("/directives/interchange/" + std::to_string(i) + "/" + std::to_string(j), "loop", d.interchange[i][j], loops);
    to.interchange = d.interchange;
    for (const auto& [name, factor] : d.unroll)
      if (lookup("/directives/unroll" + pointer_step(name), "loop", name, loops)) to.unroll[name] = factor;
    if (d.pipeline) {
      to.pipeline_ii = d.pipeline->ii;
      if (d.pipeline->loop && lookup("/directives/pipeline/loop", "loop", *d.pipeline->loop, loops)) to.pipeline_loop = *d.pipeline->loop;
    }
    for (const auto& [name, list] : d.partition) {
      const auto tensor = lookup("/directives/partition" + pointer_step(name), "tensor", name, kernel_.tensors);
      if (!tensor) continue;
      for (std::size_t i = 0; i < list.size(); ++i) {
        Partition p{kind<PartitionKind>(list[i].kind, partition_names), static_cast<std::size_t>(list[i].dim), list[i].factor.value_or(1)};
        const std::string at = "/directives/partition" + pointer_step(name) + "/" + std::to_string(i);
        if ((p.kind == PartitionKind::complete) == list[i].factor.has_value())
          wrong(at, list[i].factor ? "\"complete\" takes no \"factor\"" : in_quotes(list[i].kind) + " needs \"factor\"");
        if (p.kind == PartitionKind::complete && p.dim < kernel_.tensors[*tensor].shape.size()) p.factor = kernel_.tensors[*tensor].shape[p.dim];
        to.partition[name].push_back(p);
      }
    }
    for (std::size_t i = 0; i < d.bind.size(); ++i) {
      const BindFile& b = d.bind[i];
      const std::string at = "/directives/bind/" + std::to_string(i);
      if (b.tensor && b.storage && !b.op && !b.units && !b.array) {
        if (lookup(at + "/tensor", "tensor", *b.tensor, kernel_.tensors)) to.storage[*b.tensor] = *b.storage;
      } else if (b.op && b.units && !b.tensor && !b.storage && !b.array) {
        to.units[*b.op] = *b.units;
      } else if (b.array && !b.op && !b.units && !b.tensor && !b.storage) {
        to.array = *b.array;
      } else {
        wrong(at, "\"tensor\" with \"storage\", \"op\" with \"units\", or \"array\" alone is needed");
      }
    }
    for (const auto& [name, s] : d.stream)
      if (lookup("/directives/stream" + pointer_step(name), "stream", name, kernel_.streams)) to.streams[name] = s.depth;
    to.dataflow = d.dataflow;
    to.clock_ns = d.clock_ns;
  }

  const KernelFile& file_;
  const std::string& path_;
  Kernel kernel_;
  std::set<std::string> names_;
  std::vector<Problem> problems_;
};

}  // namespace

const std::vector<std::string>& op_names() {
  static const std::vector<std::string> names{"const", "load", "store", "gather", "scatter", "read", "write",  "index", "add", "sub",
                                              "mul",   "mac",  "div",   "rem",    "shl",     "shr",  "and",    "or",    "xor", "clz",
                                              "select", "min", "max",   "eq",     "ne",      "lt",   "le",     "cast",   "scale", "exp", "log", "recip", "rsqrt"};
  return names;
}

Expected<Kernel> read_kernel(const Document& document) {
  auto file = read_fields<KernelFile>(document);
  if (!file) return fail(std::move(file.error()));
  return Builder(*file, document.file()).build();
}

Json write_kernel(const Kernel& kernel) {
  KernelFile file;
  file.name = kernel.name;
  if (kernel.processes != Kernel{}.processes) file.processes = kernel.processes;
  for (const KernelTensor& t : kernel.tensors) {
    file.tensors.push_back({t.name, kind_names[static_cast<std::size_t>(t.kind)], t.type.text(), t.shape, {}});
    if (t.kind == TensorKind::constant) file.tensors.back().values = t.values;
  }
  for (const KernelStream& s : kernel.streams) {
    file.streams.push_back({s.name, stream_kind_names[static_cast<std::size_t>(s.kind)], s.type.text(), s.depth, {}});
    if (s.length > 0) file.streams.back().length = s.length;
  }
  for (std::size_t l = 0; l < kernel.loops.size(); ++l) {
    const KernelLoop& loop = kernel.loops[l];
    LoopFile f{loop.name, loop.extent, {}, {}, {}, {}, {}};
    const bool follows = l > 0 && loop.parent == l - 1;
    if (!follows && (l > 0 || loop.parent)) f.in = loop.parent ? kernel.loops[*loop.parent].name : "";
    if (!loop.parent && loop.process != (l > 0 ? kernel.loops[l - 1].process : 0)) f.process = kernel.processes[loop.process];
    if (loop.trip) f.trip = to_text(*loop.trip, kernel);
    if (loop.count) f.count = kernel.ops[*loop.count].name;
    if (loop.repeat) f.repeat = kernel.ops[*loop.repeat].name;
    file.loops.push_back(std::move(f));
  }
  for (const KernelOp& op : kernel.ops) {
    OpFile f;
    const bool memory = touches_tensor(op.code), stream = touches_stream(op.code);
    f.op = op_names()[static_cast<std::size_t>(op.code)];
    if (!has_no_value(op.code)) f.name = op.name;
    if (!memory && !stream && !is_comparison(op.code)) f.type = op.type.text();
    if (op.tensor) f.tensor = kernel.tensors[*op.tensor].name;
    if (op.stream) f.stream = kernel.streams[*op.stream].name;
    if (memory || op.code == OpCode::index) {
      f.index.emplace();
      for (const Affine& affine : op.index) f.index->push_back(to_text(affine, kernel));
    }
    if (op.code == OpCode::constant || op.code == OpCode::scale) f.value = op.value;
    if (op.distance != 1) f.distance = op.distance;
    if (op.when) f.when = kernel.ops[*op.when].name;
    if (args_of(op.code) > 0) {
      f.args.emplace();
      for (const std::size_t a : op.args) f.args->push_back(kernel.ops[a].name);
    }
    const bool last = kernel.loops.empty() ? !op.loop : op.loop == kernel.loops.size() - 1;
    if (!last) f.in = op.loop ? kernel.loops[*op.loop].name : "";
    if (!op.loop && op.process != 0) f.process = kernel.processes[op.process];
    file.body.push_back(std::move(f));
  }
  const Directives& d = kernel.directives;
  if (!(d == Directives{})) {
    DirectivesFile& to = file.directives.emplace();
    to.tile = d.tile;
    to.interchange = d.interchange;
    to.unroll = d.unroll;
    if (d.pipeline_ii || !d.pipeline_loop.empty()) {
      to.pipeline.emplace();
      to.pipeline->ii = d.pipeline_ii;
      if (!d.pipeline_loop.empty()) to.pipeline->loop = d.pipeline_loop;
    }
    for (const auto& [name, list] : d.partition)
      for (const Partition& p : list) {
        PartitionFile f{partition_names[static_cast<std::size_t>(p.kind)], static_cast<std::int64_t>(p.dim), {}};
        if (p.kind != PartitionKind::complete) f.factor = p.factor;
        to.partition[name].push_back(f);
      }
    for (const auto& [name, storage] : d.storage) to.bind.push_back({name, storage, {}, {}, {}});
    for (const auto& [name, units] : d.units) to.bind.push_back({{}, {}, name, {}, units});
    if (!d.array.empty()) to.bind.push_back({{}, {}, {}, d.array, {}});
    for (const auto& [name, depth] : d.streams) to.stream[name] = {depth};
    to.dataflow = d.dataflow;
    to.clock_ns = d.clock_ns;
  }
  return write_fields(file);
}

Json kernel_schema() {
  return schema_fields<KernelFile>("gnomon kernel");
}

}  // namespace gnomon::hls
