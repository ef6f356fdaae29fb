#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::cli {
namespace {

/// What is written where nothing is chosen: the traces of ArchGym's DRAM space.
const std::vector<std::string> shipped{"stream", "random", "cloud-1", "cloud-2"};

std::string pattern_table() {
  std::string out = "Patterns:\n";
  for (const workloads::TracePattern& p : workloads::trace_patterns()) {
    out += "  " + p.name + std::string(p.name.size() < 13 ? 13 - p.name.size() : 1, ' ') + p.description + " (" + std::to_string(p.count) + " accesses over " +
           std::to_string(p.bytes >> 30) + " GiB)\n";
  }
  return out;
}

}  // namespace

Command traces_dataset() {
  return {"traces", "Write generated memory traces, one file for each pattern",
          "gnomon dataset traces --out traces\n  gnomon dataset traces --pattern rand --count 1000000 --seed 7 --out traces\n\n" + pattern_table(),
          [](CLI::App& app) -> Action {
            struct Options {
              std::vector<std::string> patterns = shipped;
              std::string out, format;
              workloads::TraceOptions trace;
              bool json = false;
            };
            auto options = std::make_shared<Options>();
            app.add_option("--out", options->out, "folder for the files, made where it is missing")->required();
            app.add_option("--pattern", options->patterns, "patterns, with commas between; default " + join(shipped))->delimiter(',');
            app.add_option("--count", options->trace.count, "accesses of each; default the pattern's own")->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
            app.add_option("--bytes", options->trace.bytes, "memory that the addresses cover, a power of two; default the pattern's own");
            app.add_option("--seed", options->trace.seed, "decides everything drawn")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--format", options->format, "csv (as fast as taken) or stl (with times); default the pattern's own")->check(CLI::IsMember({"csv", "stl"}));
            app.add_flag("--json", options->json, "one JSON document on stdout");
            return [options]() -> Expected<int> {
              // All patterns are checked before the first file is written.
              for (const std::string& name : options->patterns) {
                auto trace = workloads::make_trace(name, options->trace);
                if (!trace) return fail(std::move(trace.error()));
              }
              std::error_code error;
              std::filesystem::create_directories(options->out, error);
              if (error) return fail(ErrorKind::run_failed, options->out + ": could not be made: " + error.message());
              std::vector<std::vector<std::string>> rows;
              Json traces = Json::array();
              for (const workloads::TracePattern& pattern : workloads::trace_patterns()) {
                if (std::find(options->patterns.begin(), options->patterns.end(), pattern.name) == options->patterns.end()) continue;
                auto trace = workloads::make_trace(pattern.name, options->trace);
                if (!trace) return fail(std::move(trace.error()));
                const std::string extension = !options->format.empty() ? options->format : pattern.format == workloads::TraceFormat::csv ? "csv" : "stl";
                const std::string file = (std::filesystem::path(options->out) / (pattern.name + "." + extension)).string();
                const auto count = workloads::write_trace(**trace, file, extension == "csv" ? workloads::TraceFormat::csv : workloads::TraceFormat::stl);
                if (!count) return fail(count.error());
                rows.push_back({file, pattern.name, grouped(static_cast<std::int64_t>(*count))});
                traces.push_back({{"file", file}, {"pattern", pattern.name}, {"accesses", *count}});
              }
              if (options->json) {
                print_json({{"schema", "gnomon.dataset.traces/1"},
                            {"provenance", provenance(join(options->patterns), options->trace.seed)},
                            {"traces", traces}});
              } else {
                print(table({"file", "pattern", "accesses"}, rows, 2));
              }
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
