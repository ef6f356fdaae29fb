#include "layers/table_cosim.hpp"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "layers/timing.hpp"
#include "synth/table_file.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

constexpr int inferences = 3;
constexpr double most_text = 2e6, most_work = 6e11;

/// What a co-simulation hangs on, in one word.
std::string network_hash(const Network& network) { return sha256(write_network(network).dump()).substr(0, 16); }

struct Size {
  double text = 0;  ///< characters of RTL
  bool fits = false;
  NetworkCycles cycles;
};

Expected<Size> size_of(const Network& network) {
  auto built = build_network(network, true);
  if (!built) return fail(std::move(built.error()));
  auto cycles = network_cycles(*built, inferences, 0, 1);
  if (!cycles) return fail(std::move(cycles.error()));
  const double text = static_cast<double>(built->rtl.text.size());
  return Size{text, text <= most_text && text * static_cast<double>(cycles->total) <= most_work, *cycles};
}

}  // namespace

Expected<std::set<std::int64_t>> cosimulate_share(const LayerTableOptions& o, const std::vector<CosimRow>& rows) {
  const auto where = [](std::size_t row) { return "row " + std::to_string(row) + ": "; };
  // The turns, and from each row on whether it is within the caps.
  const auto drawn = [&](std::size_t row) { return Random(derive(derive(o.seed, "cosim"), static_cast<std::uint64_t>(row))).chance(o.cosim); };
  std::vector<std::optional<Expected<Size>>> sizes(rows.size());
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (drawn(i)) first.push_back(i);
  in_threads(o.jobs, first.size(), [&](std::size_t i) { sizes[first[i]] = size_of(*rows[first[i]].network); });
  std::vector<std::size_t> chosen;
  std::int64_t owed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    owed += drawn(i);
    if (owed == 0) continue;
    if (!sizes[i]) sizes[i] = size_of(*rows[i].network);
    if (!*sizes[i]) return fail((*sizes[i]).error().kind(), where(i) + (*sizes[i]).error().text());
    if (!(**sizes[i]).fits) continue;
    --owed;
    const NetworkCycles& c = (**sizes[i]).cycles;
    if (rows[i].cycles != std::to_string(c.cycles) || rows[i].ii != std::to_string(c.ii))
      return fail(ErrorKind::run_failed, where(i) + "the table has " + rows[i].cycles + " cycles and an interval of " + rows[i].ii + ", the timing model " + std::to_string(c.cycles) + " and " + std::to_string(c.ii));
    chosen.push_back(i);
  }

  const fs::path file = o.out.string() + ".cosim.csv";
  const std::string header = "row,network,outputs,cycles";
  auto kept = kept_lines(file, header);
  if (!kept) return fail(std::move(kept.error()));
  std::string begun = header + "\n";
  std::set<std::pair<std::string, std::string>> known;
  for (const std::string& line : *kept) {
    const auto f = fields_of(line);
    if (f.size() != 4) return fail(ErrorKind::invalid_input, file.string() + ": a line has " + std::to_string(f.size()) + " fields; 4 are expected");
    known.insert({f[0], f[1]});
    begun += line + "\n";
  }
  if (auto done = write_file(file, begun); !done) return fail(std::move(done.error()));
  std::vector<std::size_t> missing;
  for (const std::size_t row : chosen)
    if (!known.contains({std::to_string(row), network_hash(*rows[row].network)})) missing.push_back(row);

  // The largest take most of the time; what is known early does not wait for them.
  std::stable_sort(missing.begin(), missing.end(), [&](std::size_t a, std::size_t b) { return (**sizes[a]).text < (**sizes[b]).text; });

  std::ofstream out(file, std::ios::app | std::ios::binary);
  std::mutex mutex;
  std::optional<Error> error;
  std::int64_t finished = static_cast<std::int64_t>(chosen.size() - missing.size());
  in_threads(o.jobs, missing.size(), [&](std::size_t i) {
    {
      const std::lock_guard lock(mutex);
      if (error) return;
    }
    const std::size_t row = missing[i];
    CosimOptions cosim;
    cosim.cache = o.cache;
    cosim.worker = o.worker;
    cosim.cpu_seconds = 3600;
    cosim.seed = derive(derive(o.seed, "values"), static_cast<std::uint64_t>(row)) >> 11;
    auto result = cosimulate_network(*rows[row].network, cosim, inferences);
    const std::int64_t model = (**sizes[row]).cycles.total;
    const std::lock_guard lock(mutex);
    const auto wrong = [&](ErrorKind kind, const std::string& text) {
      if (!error) error = Error(kind, where(row) + text);
    };
    if (!result) return wrong(result.error().kind(), result.error().text());
    if (result->mismatches > 0) return wrong(ErrorKind::run_failed, result->stuck.empty() ? "the RTL's outputs differ from the golden model: " + result->first_mismatch : "the RTL does not come to its end: " + result->stuck);
    if (result->rtl_cycles != model) return wrong(ErrorKind::run_failed, "the RTL takes " + std::to_string(result->rtl_cycles) + " cycles for three inferences, the timing model " + std::to_string(model));
    out << std::to_string(row) + "," + network_hash(*rows[row].network) + "," + std::to_string(result->outputs) + "," + std::to_string(result->rtl_cycles) + "\n" << std::flush;
    if (o.progress) o.progress(++finished, static_cast<std::int64_t>(chosen.size()));
  });
  if (error) return fail(std::move(*error));
  if (!out) return fail(ErrorKind::run_failed, file.string() + ": cannot be written");
  std::set<std::int64_t> done;
  for (const std::size_t row : chosen) done.insert(static_cast<std::int64_t>(row));
  return done;
}

}  // namespace gnomon::hls
