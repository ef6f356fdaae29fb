#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/hls/dataset.hpp"

namespace gnomon::cli {

Command kernels_dataset() {
  return {"kernels", "Random kernels with directives: interval, depth, cycles and resources", "gnomon dataset kernels --out kernels.csv --count 100", [](CLI::App& app) -> Action {
            struct Texts {
              std::string out;
              bool json = false;
            };
            auto options = std::make_shared<hls::KernelTableOptions>();
            auto texts = std::make_shared<Texts>();
            options->jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
            app.add_option("--out", texts->out, "the table (CSV); one that was stopped is taken up where it ends")->required();
            app.add_option("--count", options->count, "kernels")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
            app.add_option("--seed", options->seed, "of kernels, directives and values")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--target", options->target, "synthesis: xcup, xc7, ice40 or none")->capture_default_str()->check(CLI::IsMember({"xcup", "xc7", "ice40", "none"}));
            app.add_option("--cosim", options->cosim, "share of rows that are run in RTL and must agree in bits and cycles")->capture_default_str()->check(CLI::Range(0.0, 1.0));
            app.add_option("--jobs", options->jobs, "synthesis runs at a time; default all cores")->check(CLI::Range(1, 64));
            app.add_flag("--json", texts->json, "print one JSON document");
            return [options, texts]() -> Expected<int> {
              options->out = texts->out;
              if (options->target == "none") options->target.clear();
              options->progress = [](std::int64_t done, std::int64_t all) { std::fprintf(stderr, "%lld of %lld\n", static_cast<long long>(done), static_cast<long long>(all)); };
              auto table = hls::write_kernel_table(*options);
              if (!table) return fail(std::move(table.error()));
              if (texts->json) {
                print_json({{"schema", "gnomon.dataset.kernels/1"}, {"provenance", provenance(table->hash, options->seed)}, {"file", texts->out}, {"rows", table->rows}, {"cosimulated", table->cosimulated},
                            {"without_resources", table->too_big}, {"sha256", table->hash}});
                return 0;
              }
              print(fmt::format("{} rows in {} ({} were there), {} co-simulated, {} without resources\nsha256 of the table: {}\n", table->rows, texts->out, table->kept, table->cosimulated, table->too_big,
                                table->hash));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
