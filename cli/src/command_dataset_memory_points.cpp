#include <fmt/format.h>
#include <memory>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/memory_space.hpp"

namespace gnomon::cli {

Command memory_points_dataset() {
  struct Options {
    std::string table, out;
    std::int64_t count = 20000, seed = 1;
  };
  return {"memory-points", "Rows of a table of controllers, with what their parameters come to, for training",
          "gnomon dataset memory-points --table random.table --count 20000 --out points.csv", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--table", options->table, "what `gnomon dataset memory-space` wrote")->required();
            app.add_option("--out", options->out, "the rows (CSV)")->required();
            app.add_option("--count", options->count, "distinct designs")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
            app.add_option("--seed", options->seed, "decides which")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            return [options]() -> Expected<int> {
              auto table = arch::SpaceTable::load(options->table);
              if (!table) return fail(std::move(table.error()));
              table->index();
              auto rows = sim::memory_space_rows(*table, options->count, static_cast<std::uint64_t>(options->seed));
              if (!rows) return fail(std::move(rows.error()));
              if (auto written = write_file(options->out, rows->to_csv()); !written) return fail(std::move(written.error()));
              print(fmt::format("{} rows in {}\n", rows->rows(), options->out));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
