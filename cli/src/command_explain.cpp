#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/metrics.hpp"

namespace gnomon::cli {

Command explain_command() {
  return {"explain", "Say what a metric counts, in which unit, and how it is computed", "gnomon explain utilization", [](CLI::App& app) -> Action {
            struct Options {
              std::string metric;
              bool json = false;
            };
            auto options = std::make_shared<Options>();
            app.add_option("METRIC", options->metric, "a metric's name; `gnomon list metrics` lists them")->required();
            app.add_flag("--json", options->json, "print one JSON document");
            return [options]() -> Expected<int> {
              auto found = arch::find_metric(options->metric);
              if (!found) return fail(std::move(found.error()));
              const arch::MetricInfo& info = **found;
              if (options->json) {
                print_json(Json{{"name", info.name}, {"unit", info.unit}, {"summary", info.summary}, {"definition", info.definition},
                                {"subjects", info.subjects}});
              } else {
                print(fmt::format("{} [{}]: {}\n\n{}\n\nSubjects: {}\n", info.name, info.unit, info.summary, info.definition, info.subjects));
              }
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
