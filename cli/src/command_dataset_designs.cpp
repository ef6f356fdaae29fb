#include <cstdio>
#include <fmt/format.h>
#include <memory>

#include "compose.hpp"
#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/hls/dataset.hpp"
#include "reals.hpp"

namespace gnomon::cli {

Command designs_dataset() {
  return {"designs", "A table of random designs with cycles, energy and resources", "gnomon dataset designs --out designs.csv --count 50 --target xcup", [](CLI::App& app) -> Action {
            auto options = std::make_shared<hls::DesignTableOptions>();
            auto out = std::make_shared<std::string>();
            app.add_option("--out", *out, "the table (CSV); one of the same seed is taken up where it ends")->required();
            app.add_option("--count", options->count, "rows")->capture_default_str()->check(CLI::Range(1, 10000000));
            app.add_option("--precisions", options->precisions, "bits of the operands, with commas between: 4, 8, 16")->delimiter(',')->capture_default_str();
            app.add_option("--jobs", options->jobs, "blocks synthesised at a time")->capture_default_str()->check(CLI::Range(1, 64));
            app.add_option("--seed", options->seed, "of designs, products and values")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--target", options->target, "resources of an FPGA: xcup, xc7, ice40 or none")->capture_default_str()->check(CLI::IsMember({"xcup", "xc7", "ice40", "none"}));
            auto cells = std::make_shared<std::string>("osu018");
            app.add_option("--cells", *cells, "area and fmax in standard cells: osu018 or none")->capture_default_str()->check(CLI::IsMember({"osu018", "none"}));
            app.add_option("--cosim", options->cosim, "share of rows whose cycles and outputs are checked in RTL")->capture_default_str()->check(reals(0.0, 1.0));
            return [options, out, cells]() -> Expected<int> {
              options->out = *out;
              if (options->target == "none") options->target.clear();
              options->cells = *cells != "none";
              auto table = hls::write_design_table(*options, evaluators());
              if (!table) return fail(std::move(table.error()));
              print(fmt::format("{} rows in {} ({} were there), {} co-simulated\n", table->rows, *out, table->kept, table->cosimulated));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
