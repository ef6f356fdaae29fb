#include "gnomon/hls/dataset.hpp"

#include <stdlib.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <sstream>

#include "gnomon/arch/design.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/synth.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

struct Row {
  Json design;
  std::int64_t m = 1, n = 1, k = 1;
  std::vector<std::pair<std::string, std::string>> columns;
};

struct Level {
  std::string name;
  std::int64_t kib = 0, banks = 0, bytes_per_cycle = 0;
};

/// Rows that share an array, each with other surroundings: its control is the block that no other size shares.
constexpr std::int64_t rows_an_array = 8;

/// Numbers come from short lists, so that blocks recur and a table of hundreds of rows is synthesised in minutes.
Row draw(const DesignTableOptions& options, std::int64_t number_of_row) {
  const std::uint64_t seed = options.seed;
  Random random(derive(seed, "designs/" + std::to_string(number_of_row)));
  const std::int64_t at = number_of_row / rows_an_array;
  Random of_array(derive(seed, "arrays/" + std::to_string(at)));
  Row row;
  const std::int64_t rows = of_array.pick<std::int64_t>({4, 6, 8, 12}), cols = of_array.pick<std::int64_t>({4, 6, 8, 12});
  struct Numbers {
    std::string flow;
    int bits, sums;
    bool overlap;
  };
  std::vector<Numbers> kinds{{"os", 4, 16, true}, {"os", 8, 24, true}, {"os", 16, 48, false}, {"ws", 8, 24, true}, {"ws", 16, 48, false}, {"is", 8, 24, true}};
  std::erase_if(kinds, [&](const Numbers& kind) { return std::find(options.precisions.begin(), options.precisions.end(), kind.bits) == options.precisions.end(); });
  const Numbers numbers = kinds[static_cast<std::size_t>(at) % kinds.size()];
  const std::string& flow = numbers.flow;
  const bool double_buffered = random.chance(0.7);
  const std::int64_t memory = random.pick<std::int64_t>({4, 8, 16, 32}), latency = random.integer(20, 60);
  const std::int64_t lanes = random.pick<std::int64_t>({2, 4, 8, 16, 32});
  row.m = random.log_integer(1, 256);
  row.n = random.log_integer(1, 256);
  row.k = random.log_integer(1, 512);
  // Banks of powers of two, wide enough together for what a step of the array takes at once.
  const std::int64_t word = (numbers.bits + 7) / 8, sum = (numbers.sums + 7) / 8;
  std::vector<Level> levels;
  for (const auto& [name, reads] : {std::pair{"ifmap", (flow == "is" ? cols : rows) * word}, {"filter", (flow == "is" ? rows : cols) * word}, {"ofmap", cols * sum}}) {
    const auto rate = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(reads, 4))));
    const std::int64_t bank_bytes = random.pick<std::int64_t>({4, 16});
    levels.push_back({name, random.pick<std::int64_t>({4, 16, 64}), std::max<std::int64_t>(1, rate / bank_bytes), rate});
  }
  row.design = Json{{"version", 1}, {"name", "row" + std::to_string(number_of_row)}, {"clock_mhz", 500}};
  Json level_list = Json::array();
  for (const Level& level : levels)
    level_list.push_back(Json{{"name", level.name}, {"holds", Json::array({level.name})}, {"kib", level.kib}, {"banks", level.banks}, {"bytes_per_cycle", level.bytes_per_cycle},
                              {"double_buffered", double_buffered}});
  row.design["cores"] = Json::array(
      {Json{{"name", "npu"},
            {"array", Json{{"rows", rows}, {"cols", cols}, {"dataflow", flow}, {"precision", "int" + std::to_string(numbers.bits)}, {"accumulator_bits", numbers.sums}, {"overlap", numbers.overlap}}},
            {"levels", level_list},
            {"vector", Json{{"lanes", lanes}}}}});
  row.design["memory"] = Json{{"type", "ideal"}, {"bytes_per_cycle", memory}, {"latency_cycles", latency}};
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  row.columns = {{"seed", std::to_string(seed)}, {"row", n(number_of_row)}, {"array", flow + "_" + n(rows) + "x" + n(cols) + "_i" + n(numbers.bits) + "_a" + n(numbers.sums) + (numbers.overlap ? "_overlap" : "")}, {"rows", n(rows)}, {"cols", n(cols)}, {"dataflow", flow},
                 {"overlap", numbers.overlap ? "1" : "0"}, {"precision_bits", n(numbers.bits)}, {"accumulator_bits", n(numbers.sums)}};
  for (const Level& level : levels) {
    row.columns.emplace_back(level.name + "_kib", n(level.kib));
    row.columns.emplace_back(level.name + "_banks", n(level.banks));
    row.columns.emplace_back(level.name + "_bytes_per_cycle", n(level.bytes_per_cycle));
  }
  row.columns.insert(row.columns.end(), {{"double_buffered", double_buffered ? "1" : "0"}, {"lanes", n(lanes)}, {"memory_bytes_per_cycle", n(memory)},
                                         {"memory_latency_cycles", n(latency)}, {"m", n(row.m)}, {"n", n(row.n)}, {"k", n(row.k)}});
  return row;
}

const std::vector<std::string>& model_labels() {
  static const std::vector<std::string> names{"latency_cycles", "compute_cycles", "utilization", "dram_read_bytes", "dram_write_bytes", "energy_pj", "area_um2"};
  return names;
}

/// Columns that synthesis fills.
std::vector<std::string> synthesis_labels(const DesignTableOptions& options) {
  std::vector<std::string> out;
  if (!options.target.empty()) out = {"lut", "ff", "dsp", "bram"};
  if (options.cells) out.insert(out.end(), {"cell_area_um2", "cell_ff", "cell_memory_bits", "fmax_mhz"});
  return out;
}

/// What a row's design takes: a value for each of `synthesis_labels()`, and which tools said so, with a comma behind each.
Expected<std::string> synthesised(const DesignTableOptions& options, const arch::Design& design, SynthOptions synthesis) {
  std::string out, tools;
  const auto put = [&](const std::optional<double>& value) { out += (value ? number(*value) : "") + ","; };
  if (!options.target.empty()) {
    synthesis.target = options.target;
    auto result = synthesise(design, synthesis);
    if (!result) return fail(std::move(result.error()));
    put(result->total.lut);
    put(result->total.ff);
    put(result->total.dsp);
    put(result->total.bram);
    tools = options.target + " complete composed";
  }
  if (options.cells) {
    synthesis.target = "osu018";
    auto result = synthesise(design, synthesis);
    if (!result) return fail(std::move(result.error()));
    if (!result->fmax_mhz) return fail(ErrorKind::unsupported, result->notes.empty() ? "no timing of osu018" : result->notes.front());
    put(result->total.area_um2);
    put(result->total.ff);
    put(static_cast<double>(result->sram_bits));
    put(result->fmax_mhz);
    tools += (tools.empty() ? "osu018 complete composed and " : "; osu018 the same and ") + result->timing_tool;
  }
  return out + tools + ",";
}

}  // namespace

Expected<DesignTable> write_design_table(const DesignTableOptions& options, const arch::EvaluatorRegistry& evaluators) {
  if (options.count < 1 || options.count > 10'000'000)
    return fail(ErrorKind::invalid_input, "count is " + std::to_string(options.count) + "; 1 to 10000000 is allowed");
  for (const int bits : options.precisions)
    if (bits != 4 && bits != 8 && bits != 16) return fail(ErrorKind::invalid_input, "precisions: " + std::to_string(bits) + " bits; 4, 8 and 16 are allowed");
  if (options.precisions.empty()) return fail(ErrorKind::invalid_input, "precisions: none; 4, 8 and 16 are allowed");
  if (!(options.cosim >= 0 && options.cosim <= 1)) return fail(ErrorKind::invalid_input, "cosim is " + number(options.cosim) + "; a share from 0 to 1 is allowed");
  std::vector<std::string> names;
  for (const auto& [name, value] : draw(options, 0).columns) names.push_back(name);
  names.insert(names.end(), model_labels().begin(), model_labels().end());
  const std::vector<std::string> resources = synthesis_labels(options);
  names.insert(names.end(), resources.begin(), resources.end());
  names.push_back("synthesis");
  names.push_back("cosimulated");
  const std::string header = join(names, ",");

  DesignTable table;
  if (std::error_code code; fs::exists(options.out, code)) {
    auto text = read_file(options.out, std::size_t{1} << 30);
    if (!text) return fail(std::move(text.error()));
    if (!text->empty()) {
      // A last line without an end was cut off by whatever stopped the run.
      const std::size_t whole = text->rfind('\n');
      std::istringstream lines(whole == text->npos ? std::string() : text->substr(0, whole + 1));
      std::string line, kept = header + "\n";
      std::getline(lines, line);
      if (line != header)
        return fail(ErrorKind::invalid_input, options.out.string() + ": holds another table (its header differs); give another name, or remove it");
      while (std::getline(lines, line) && table.kept < options.count) {
        const std::string begin = std::to_string(options.seed) + "," + std::to_string(table.kept) + ",";
        if (!line.starts_with(begin))
          return fail(ErrorKind::invalid_input, options.out.string() + ": row " + std::to_string(table.kept) + " is not of seed " + std::to_string(options.seed));
        kept += line + "\n";
        table.cosimulated += line.ends_with(",1");
        ++table.kept;
      }
      if (auto done = write_file(options.out, kept); !done) return fail(std::move(done.error()));
    }
  }
  if (table.kept == 0)
    if (auto done = write_file(options.out, header + "\n"); !done) return fail(std::move(done.error()));
  std::ofstream out(options.out, std::ios::app | std::ios::binary);
  if (!out) return fail(ErrorKind::invalid_input, options.out.string() + ": cannot be written");

  auto scratch = TemporaryFolder::make();
  if (!scratch) return fail(std::move(scratch.error()));
  SynthOptions synthesis;
  synthesis.complete = true;
  synthesis.timing = options.cells;
  synthesis.jobs = options.jobs;
  std::int64_t ahead = table.kept;  // rows whose blocks are there
  for (table.rows = table.kept; table.rows < options.count; ++table.rows) {
    const Row row = draw(options, table.rows);
    if (!resources.empty() && table.rows >= ahead) {
      constexpr std::int64_t chunk = 8 * rows_an_array;  // arrays enough to keep all jobs busy
      std::vector<arch::Design> designs;
      for (; ahead < std::min(options.count, table.rows + chunk); ++ahead) {
        auto document = Document::parse(draw(options, ahead).design.dump(), "row " + std::to_string(ahead));
        if (!document) return fail(std::move(document.error()));
        auto design = arch::parse_design(*document);
        if (!design) return fail(std::move(design.error()));
        designs.push_back(std::move(*design));
      }
      for (const std::string& target : {options.target, std::string(options.cells ? "osu018" : "")}) {
        if (target.empty()) continue;
        synthesis.target = target;
        if (auto done = synthesise_blocks(designs, synthesis); !done) return fail(std::move(done.error()));
      }
    }
    const fs::path work = scratch->path() / "work.csv";
    if (auto done = write_file(work, "Layer, M, N, K,\nproduct, " + std::to_string(row.m) + ", " + std::to_string(row.n) + ", " + std::to_string(row.k) + ",\n"); !done)
      return fail(std::move(done.error()));
    arch::EvaluationJob job;
    job.design_json = row.design.dump();
    job.workloads = {{work.string(), 1, 1.0}};
    job.seed = derive(options.seed, "values/" + std::to_string(table.rows));
    const bool check = Random(derive(options.seed, "cosim/" + std::to_string(table.rows))).chance(options.cosim);
    job.fidelity = check ? "rtl" : "cycle";
    auto evaluator = evaluators.make("accelerator", job.fidelity);
    if (!evaluator) return fail(std::move(evaluator.error()));
    auto evaluation = (*evaluator)->evaluate(job);
    const std::string where = "row " + std::to_string(table.rows) + ": ";
    if (!evaluation) return fail(evaluation.error().kind(), where + evaluation.error().text());
    if (check) {
      const double* match = evaluation->find("outputs_match");
      if (match == nullptr || *match != 1) return fail(ErrorKind::run_failed, where + "the RTL's outputs are wrong");
      ++table.cosimulated;
    }
    std::string line;
    for (const auto& [name, value] : row.columns) line += value + ",";
    const auto put = [&](const std::string& name) {
      const double* value = evaluation->find(name);
      line += (value != nullptr ? number(*value) : "") + ",";
    };
    for (const std::string& name : model_labels()) put(name);
    if (resources.empty()) {
      line += ",";
    } else {
      auto document = Document::parse(job.design_json, "row " + std::to_string(table.rows));
      if (!document) return fail(std::move(document.error()));
      auto design = arch::parse_design(*document);
      if (!design) return fail(std::move(design.error()));
      auto figures = synthesised(options, *design, synthesis);
      if (!figures) return fail(figures.error().kind(), where + figures.error().text());
      line += *figures;
    }
    line += std::string(check ? "1" : "0") + "\n";
    out << line << std::flush;
    if (!out) return fail(ErrorKind::run_failed, options.out.string() + ": cannot be written");
    if (options.progress) options.progress(table.rows + 1);
  }
  return table;
}

}  // namespace gnomon::hls
