#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/dataset.hpp"
#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/hls/kernel_hardware.hpp"
#include "gnomon/hls/random_kernel.hpp"
#include "gnomon/hls/synth.hpp"
#include "synth/table_file.hpp"
#include "synth/yosys.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

/// Deterministic caps: what is larger is not synthesised.
constexpr std::size_t synth_text_bytes = 60'000;
constexpr std::int64_t synth_register_elements = 256;  ///< of tensors that are kept in registers
constexpr std::int64_t rows_at_once = 20;

const std::vector<std::string>& resources() {
  static const std::vector<std::string> names{"lut", "ff", "dsp", "bram"};
  return names;
}

std::string header() {
  std::string out = "row,split,seed,name,loops,depth,iterations,tensor_elements,tensor_bits,widest_bits,unroll,banks";
  for (const std::string& name : op_names()) out += ",op_" + name;
  out += ",directives,kernel,total_cycles,units,unit_operations,registers";
  for (const HardwareColumn& column : hardware_columns()) out += "," + column.name;
  for (const std::string& name : resources()) out += "," + name;
  return out + ",target,tool,mode,cosimulated";
}

struct Row {
  std::optional<CompiledKernel> compiled;
  std::string resources, mode;
  std::optional<Error> error;
};

std::string row_text(const KernelTableOptions& o, std::int64_t row, const Row& made, const std::string& tool, bool cosimulated) {
  const CompiledKernel& c = *made.compiled;
  const Kernel& k = c.source;
  const double at = Random(derive(derive(o.seed, "kernels/split"), static_cast<std::uint64_t>(row))).uniform();
  std::string out = std::to_string(row) + "," + (at < 0.7 ? "train" : at < 0.85 ? "validation" : "test") + "," + std::to_string(o.seed) + "," + quoted(k.name);
  const auto put = [&](std::int64_t v) { out += "," + std::to_string(v); };
  std::size_t depth = 0;
  std::int64_t iterations = 0, elements = 0, bits = 0, widest = 0, unroll = 1, banks = 0;
  for (std::size_t l = 0; l < k.loops.size(); ++l) {
    const auto path = k.path(l);
    depth = std::max(depth, path.size());
    // Of innermost loops, by their largest extents.
    if (std::any_of(k.loops.begin(), k.loops.end(), [&](const KernelLoop& other) { return other.parent == l; })) continue;
    std::int64_t product = 1;
    for (const std::size_t p : path) product *= k.loops[p].extent;
    iterations += product;
  }
  for (const KernelTensor& t : k.tensors) elements += t.elements(), bits += t.elements() * t.type.bits;
  for (const KernelOp& op : k.ops) widest = std::max<std::int64_t>(widest, op.type.bits);
  for (const auto& [loop, factor] : k.directives.unroll) unroll *= factor;
  for (const MemoryReport& memory : c.memories) banks += memory.banks;
  put(static_cast<std::int64_t>(k.loops.size())), put(static_cast<std::int64_t>(depth));
  put(iterations), put(elements), put(bits), put(widest);
  put(unroll), put(banks);
  for (std::size_t code = 0; code < op_names().size(); ++code) put(std::count_if(k.ops.begin(), k.ops.end(), [&](const KernelOp& op) { return static_cast<std::size_t>(op.code) == code; }));
  std::string directives;
  for (const std::string& feature : features(k))
    if (feature.starts_with("directive ")) directives += (directives.empty() ? "" : ";") + feature.substr(10);
  out += "," + directives + "," + quoted(write_kernel(k).dump());
  put(c.total_cycles);
  std::int64_t served = 0;
  for (const UnitReport& unit : c.units) served += unit.operations;
  put(static_cast<std::int64_t>(c.units.size())), put(served), put(c.registers);
  for (const double value : hardware_of(c)) out += "," + number(value);
  return out + made.resources + "," + (made.mode.empty() ? "," : o.target + "," + tool) + "," + made.mode + "," + (cosimulated ? "1" : "0");
}

const Kernel& given(const KernelTableOptions& o, std::int64_t row) { return o.kernels[static_cast<std::size_t>(row) % o.kernels.size()]; }

Kernel kernel_of(const KernelTableOptions& o, std::int64_t row) {
  const std::uint64_t seed = derive(derive(o.seed, "kernels"), static_cast<std::uint64_t>(row));
  if (o.kernels.empty()) return random_kernel(seed);
  Kernel kernel = given(o, row);
  kernel.directives.array.clear();
  return row < static_cast<std::int64_t>(o.kernels.size()) ? kernel : with_random_directives(kernel, seed);
}

Row make_row(const KernelTableOptions& o, std::int64_t row) {
  Row out;
  Kernel kernel = kernel_of(o, row);
  auto compiled = compile_random(kernel);
  if (!compiled) {
    out.error = std::move(compiled.error());
    return out;
  }
  if (!compiled->schedule_verified) out.error = Error(ErrorKind::run_failed, "the checker refuses the schedule");
  out.compiled = std::move(*compiled);
  out.resources = std::string(resources().size(), ',');
  std::int64_t in_registers = 0;
  for (const MemoryReport& memory : out.compiled->memories)
    if (memory.storage == "registers") in_registers += memory.banks * memory.bank_elements;
  if (o.target.empty() || out.compiled->rtl.text.size() > synth_text_bytes || in_registers > synth_register_elements) return out;
  SynthOptions synth;
  synth.target = o.target;
  synth.cache = o.cache;
  synth.flat = true;
  synth.timing = false;
  auto result = synthesise(out.compiled->rtl, synth);
  if (!result) {
    out.error = std::move(result.error());
    return out;
  }
  const SynthFigures& f = result->total;
  out.resources.clear();
  for (const auto& figure : {f.lut, f.ff, f.dsp, f.bram}) out.resources += "," + (figure ? number(*figure) : std::string());
  out.mode = "flat";
  return out;
}

/// The kernels side by side in one model, twice each, without and with stalls.
Expected<void> check_in_rtl(const KernelTableOptions& o, const std::vector<Row>& rows, const std::vector<std::size_t>& checked, std::int64_t from) {
  std::vector<const CompiledKernel*> kernels;
  for (const std::size_t i : checked) kernels.push_back(&*rows[i].compiled);
  if (kernels.empty()) return {};
  for (const double stall : {0.0, 0.3}) {
    CosimOptions cosim;
    cosim.cache = o.cache;
    cosim.worker = o.worker;
    cosim.seed = derive(derive(o.seed, "kernels/values"), static_cast<std::uint64_t>(from)) >> 11;
    cosim.stall = stall;
    auto run = cosimulate_kernels(kernels, cosim);
    if (!run) return fail(std::move(run.error()));
    for (std::size_t c = 0; c < checked.size(); ++c) {
      const KernelCosim& one = (*run)[c];
      const std::string where = "row " + std::to_string(from + static_cast<std::int64_t>(checked[c])) + ": ";
      if (!one.outputs_match) return fail(ErrorKind::run_failed, where + "the RTL's outputs differ from the interpreter's: " + one.first_mismatch + one.stuck);
      if (one.cycle_difference != 0) return fail(ErrorKind::run_failed, where + "the RTL takes " + std::to_string(one.cycle_difference) + " cycles more than the schedule");
    }
  }
  return {};
}

}  // namespace

Expected<KernelTable> write_kernel_table(const KernelTableOptions& o) {
  if (o.count < 1 || o.count > 1'000'000) return fail(ErrorKind::invalid_input, "count is " + std::to_string(o.count) + "; 1 to 1000000 is allowed");
  if (!(o.cosim >= 0 && o.cosim <= 1)) return fail(ErrorKind::invalid_input, "cosim is " + number(o.cosim) + "; a share from 0 to 1 is allowed");
  if (!o.target.empty() && o.target != "xcup" && o.target != "xc7" && o.target != "ice40")
    return fail(ErrorKind::unsupported, "target " + in_quotes(o.target) + ": kernels are labelled for xcup, xc7 and ice40");
  std::string tool;
  if (!o.target.empty()) {
    auto version = yosys_version();
    if (!version) return fail(std::move(version.error()));
    tool = std::move(*version);
  }
  const std::string first = header();
  auto kept = kept_lines(o.out, first);
  if (!kept) return fail(std::move(kept.error()));
  const std::size_t columns = fields_of(first).size();
  KernelTable table;
  std::string text = first + "\n";
  for (const std::string& line : *kept) {
    if (table.kept == o.count) break;
    const auto fields = fields_of(line);
    const std::string& target = fields.size() == columns ? fields[columns - 4] : line;
    const std::string due = o.kernels.empty() ? "random" : given(o, table.kept).name;
    if (fields.size() != columns || fields[3] != due || fields[0] != std::to_string(table.kept) || fields[2] != std::to_string(o.seed) || (!target.empty() && target != o.target))
      return fail(ErrorKind::invalid_input, o.out.string() + ": row " + std::to_string(table.kept) + " is not of seed " + std::to_string(o.seed) + ", target " + in_quotes(o.target) + " and kernel " + in_quotes(due));
    table.too_big += fields[columns - 2].empty();
    table.cosimulated += fields[columns - 1] == "1";
    ++table.kept;
    text += line + "\n";
  }
  if (auto done = write_file(o.out, text); !done) return fail(std::move(done.error()));
  std::ofstream out(o.out, std::ios::app | std::ios::binary);
  for (std::int64_t from = table.kept; from < o.count;) {
    // Batches end at multiples of their size wherever the run began, so that the same kernels share a model.
    const std::int64_t next = std::min(o.count, (from / rows_at_once + 1) * rows_at_once);
    std::vector<Row> rows(static_cast<std::size_t>(next - from));
    in_threads(o.jobs, rows.size(), [&](std::size_t i) { rows[i] = make_row(o, from + static_cast<std::int64_t>(i)); });
    std::vector<std::size_t> checked;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t row = from + static_cast<std::int64_t>(i);
      if (rows[i].error) return fail(rows[i].error->kind(), "row " + std::to_string(row) + ": " + rows[i].error->text());
      if (Random(derive(derive(o.seed, "kernels/cosim"), static_cast<std::uint64_t>(row))).chance(o.cosim)) checked.push_back(i);
    }
    if (auto done = check_in_rtl(o, rows, checked, from); !done) return fail(std::move(done.error()));
    const std::set<std::size_t> done(checked.begin(), checked.end());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string line = row_text(o, from + static_cast<std::int64_t>(i), rows[i], tool, done.contains(i)) + "\n";
      out << line;
      text += line;
      table.cosimulated += done.contains(i);
      table.too_big += rows[i].mode.empty();
    }
    out << std::flush;
    if (!out) return fail(ErrorKind::run_failed, o.out.string() + ": cannot be written");
    from = next;
    if (o.progress) o.progress(from, o.count);
  }
  table.rows = o.count;
  table.hash = sha256(text);
  return table;
}

}  // namespace gnomon::hls
