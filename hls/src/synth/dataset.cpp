#include "gnomon/hls/dataset.hpp"

#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

struct Row {
  Json design;
  std::int64_t m = 1, n = 1, k = 1;
  std::vector<std::pair<std::string, std::string>> columns;
};

Row draw(std::uint64_t seed, std::int64_t number_of_row) {
  Random random(derive(seed, "designs/" + std::to_string(number_of_row)));
  Row row;
  const std::int64_t rows = random.pick<std::int64_t>({2, 3, 4, 6, 8, 12, 16}), cols = random.pick<std::int64_t>({2, 3, 4, 6, 8, 12, 16});
  const std::string flow = random.pick<std::string>({"os", "ws", "is"});
  const bool overlap = random.chance(0.5), double_buffered = random.chance(0.7);
  const int bits = random.pick<int>({4, 8, 8, 16});
  const int sums = bits == 16 ? random.pick<int>({32, 40, 48}) : random.pick<int>({20, 24, 32});
  const std::int64_t kib = random.pick<std::int64_t>({4, 8, 16, 32, 64}), banks = random.pick<std::int64_t>({1, 2, 4, 8});
  const std::int64_t memory = random.pick<std::int64_t>({4, 8, 16, 32}), latency = random.integer(0, 100);
  row.m = random.log_integer(1, 256);
  row.n = random.log_integer(1, 256);
  row.k = random.log_integer(1, 512);
  const auto level = [&](const char* name) {
    return Json{{"name", name}, {"holds", Json::array({name})}, {"kib", kib}, {"banks", banks}, {"double_buffered", double_buffered}};
  };
  row.design = Json{{"version", 1}, {"name", "row" + std::to_string(number_of_row)}, {"clock_mhz", 500}};
  row.design["cores"] = Json::array(
      {Json{{"name", "npu"},
            {"array", Json{{"rows", rows}, {"cols", cols}, {"dataflow", flow}, {"precision", "int" + std::to_string(bits)}, {"accumulator_bits", sums}, {"overlap", overlap}}},
            {"levels", Json::array({level("ifmap"), level("filter"), level("ofmap")})},
            {"vector", Json{{"lanes", cols}}}}});
  row.design["memory"] = Json{{"type", "ideal"}, {"bytes_per_cycle", memory}, {"latency_cycles", latency}};
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  row.columns = {{"seed", std::to_string(seed)}, {"row", n(number_of_row)}, {"rows", n(rows)}, {"cols", n(cols)}, {"dataflow", flow},
                 {"overlap", overlap ? "1" : "0"}, {"precision_bits", n(bits)}, {"accumulator_bits", n(sums)}, {"level_kib", n(kib)}, {"banks", n(banks)},
                 {"double_buffered", double_buffered ? "1" : "0"}, {"lanes", n(cols)}, {"memory_bytes_per_cycle", n(memory)}, {"memory_latency_cycles", n(latency)},
                 {"m", n(row.m)}, {"n", n(row.n)}, {"k", n(row.k)}};
  return row;
}

const std::vector<std::string>& model_labels() {
  static const std::vector<std::string> names{"latency_cycles", "compute_cycles", "utilization", "dram_read_bytes", "dram_write_bytes", "energy_pj", "area_um2"};
  return names;
}

std::vector<std::string> synthesis_labels(const std::string& target) {
  if (target.empty()) return {};
  if (target == "osu018") return {"ff", "cell_area_um2", "fmax_mhz"};
  if (target == "ice40") return {"lut", "ff", "dsp", "bram", "fmax_mhz"};
  return {"lut", "ff", "dsp", "bram"};
}

}  // namespace

Expected<DesignTable> write_design_table(const DesignTableOptions& options, const arch::EvaluatorRegistry& evaluators) {
  if (options.count < 1 || options.count > 10'000'000)
    return fail(ErrorKind::invalid_input, "count is " + std::to_string(options.count) + "; 1 to 10000000 is allowed");
  if (!(options.cosim >= 0 && options.cosim <= 1)) return fail(ErrorKind::invalid_input, "cosim is " + number(options.cosim) + "; a share from 0 to 1 is allowed");
  std::vector<std::string> names;
  for (const auto& [name, value] : draw(options.seed, 0).columns) names.push_back(name);
  names.insert(names.end(), model_labels().begin(), model_labels().end());
  const std::vector<std::string> resources = synthesis_labels(options.target);
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
  for (table.rows = table.kept; table.rows < options.count; ++table.rows) {
    const Row row = draw(options.seed, table.rows);
    const fs::path work = scratch->path() / "work.csv";
    if (auto done = write_file(work, "Layer, M, N, K,\nproduct, " + std::to_string(row.m) + ", " + std::to_string(row.n) + ", " + std::to_string(row.k) + ",\n"); !done)
      return fail(std::move(done.error()));
    arch::EvaluationJob job;
    job.design_json = row.design.dump();
    job.workloads = {{work.string(), 1, 1.0}};
    job.seed = derive(options.seed, "values/" + std::to_string(table.rows));
    if (!options.target.empty()) job.options_json = Json{{"synthesis", options.target}}.dump();
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
    for (const std::string& name : resources) put(name);
    line += (options.target.empty() ? "" : options.target + " composed") + "," + (check ? "1" : "0") + "\n";
    out << line << std::flush;
    if (!out) return fail(ErrorKind::run_failed, options.out.string() + ": cannot be written");
    if (options.progress) options.progress(table.rows + 1);
  }
  return table;
}

}  // namespace gnomon::hls
