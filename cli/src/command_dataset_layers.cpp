#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/hls/dataset.hpp"
#include "reals.hpp"

namespace gnomon::cli {

Command layers_dataset() {
  return {"layers", "Random layered networks as hls4ml makes them, with resources, cycles and II",
          "gnomon dataset layers --out layers.csv --count 50 --conv 10\n  gnomon dataset layers --out layers.csv.gz --count 3000 --conv 400 --exemplars --flat 200", [](CLI::App& app) -> Action {
            struct Texts {
              std::string out, flat_out, wa_json;
              bool json = false;
            };
            auto options = std::make_shared<hls::LayerTableOptions>();
            auto texts = std::make_shared<Texts>();
            options->jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
            const auto whole = CLI::Range(std::int64_t{0}, std::int64_t{1'000'000});
            app.add_option("--out", texts->out, "the table (.csv or .csv.gz); one that was stopped is taken up where it ends")->required();
            app.add_option("--count", options->fully_connected, "fully connected networks")->capture_default_str()->check(whole);
            app.add_option("--conv", options->convolutional, "convolutional networks")->capture_default_str()->check(whole);
            app.add_flag("--exemplars", options->exemplars, "the seven networks of the wa-hls4ml benchmark, 128 points each");
            app.add_option("--seed", options->seed, "of networks, weights and choices")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--target", options->target, "synthesis: xcup, xc7 or osu018 (area)")->capture_default_str()->check(CLI::IsMember({"xcup", "xc7", "osu018"}));
            app.add_option("--cosim", options->cosim, "share of rows that are run in RTL and must agree in bits and cycles")->capture_default_str()->check(reals(0.0, 1.0));
            app.add_option("--flat", options->flat, "networks of the test set that are synthesised whole as well")->capture_default_str()->check(whole);
            app.add_option("--flat-out", texts->flat_out, "their table; default OUT.flat.csv");
            app.add_option("--wa-json", texts->wa_json, "the rows in the JSON form of wa-hls4ml (.json or .json.gz)");
            app.add_option("--jobs", options->jobs, "networks and synthesis runs at a time; default all cores")->check(CLI::Range(1, 64));
            app.add_flag("--json", texts->json, "print one JSON document");
            return [options, texts]() -> Expected<int> {
              options->out = texts->out;
              options->flat_out = texts->flat_out;
              options->wa_json = texts->wa_json;
              options->progress = [](std::int64_t done, std::int64_t all) { std::fprintf(stderr, "%lld of %lld\n", static_cast<long long>(done), static_cast<long long>(all)); };
              auto table = hls::write_layer_table(*options);
              if (!table) return fail(std::move(table.error()));
              if (texts->json) {
                print_json({{"schema", "gnomon.dataset.layers/1"}, {"provenance", provenance(table->hash, options->seed)}, {"file", texts->out}, {"rows", table->rows}, {"cosimulated", table->cosimulated},
                            {"flat", table->flat}, {"sha256", table->hash}});
                return 0;
              }
              print(fmt::format("{} rows in {} ({} were there), {} co-simulated, {} synthesised flat, {} blocks synthesised\nsha256 of the rows: {}\n", table->rows, texts->out, table->kept, table->cosimulated, table->flat,
                                table->blocks, table->hash));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
