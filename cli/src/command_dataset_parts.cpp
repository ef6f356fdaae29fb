#include <fmt/format.h>
#include <memory>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/sim/part.hpp"

namespace gnomon::cli {

Command parts_dataset() {
  return {"parts", "A table of whole simulations beside the simulation of a small part of each", "gnomon dataset parts --out parts.csv --count 100", [](CLI::App& app) -> Action {
            auto options = std::make_shared<sim::PartTableOptions>();
            auto out = std::make_shared<std::string>();
            app.add_option("--out", *out, "the table (CSV); one of the same seed is taken up where it ends")->required();
            app.add_option("--count", options->count, "simulations of two networks on two cores; a row for either")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}));
            app.add_option("--seed", options->seed, "of networks and designs")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--fraction", options->fraction, "share of the work that the part may simulate")->capture_default_str()->check(CLI::Range(1e-6, 1.0));
            app.add_option("--networks", options->networks, "workloads to draw from, with commas between; default random ones")->delimiter(',');
            return [options, out]() -> Expected<int> {
              options->out = *out;
              auto rows = sim::write_part_table(*options);
              if (!rows) return fail(std::move(rows.error()));
              print(fmt::format("{} rows in {}\n", *rows, *out));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
