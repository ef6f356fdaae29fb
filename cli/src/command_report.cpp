#include <cstdio>
#include <memory>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/search/engine.hpp"

namespace gnomon::cli {

Command report_command() {
  return {"report", "Write trials.csv, pareto.csv, summary.json and report.html of a campaign's folder anew", "gnomon report out/edge-resnet50",
          [](CLI::App& app) -> Action {
            auto folder = std::make_shared<std::string>();
            app.add_option("DIR", *folder, "folder of a campaign that has run, or is running")->required();
            return [folder]() -> Expected<int> {
              auto summary = search::write_outputs(*folder);
              if (!summary) return fail(std::move(summary.error()));
              print((std::filesystem::path(*folder) / "report.html").string() + "\n");
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
