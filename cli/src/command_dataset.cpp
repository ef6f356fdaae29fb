#include <memory>

#include "dataset.hpp"

namespace gnomon::cli {
namespace {

std::vector<Command> dataset_kinds() {
  return {traces_dataset(), memory_space_dataset(), designs_dataset(), parts_dataset(), memory_points_dataset(), layers_dataset(), kernels_dataset(), operators_dataset()};
}

}  // namespace

Command dataset_command() {
  return {"dataset", "Write a table of labelled layers, kernels, designs or traces", "gnomon dataset traces --out traces", [](CLI::App& app) -> Action {
            auto action = std::make_shared<Action>();
            app.require_subcommand(1);
            const std::vector<Command> kinds = dataset_kinds();
            for (const Command& kind : kinds) {
              CLI::App* sub = app.add_subcommand(kind.name, kind.summary);
              sub->footer("Example:\n  " + kind.example);
              sub->callback([action, run = kind.setup(*sub)] { *action = run; });
            }
            return [action] { return (*action)(); };
          }};
}

}  // namespace gnomon::cli
