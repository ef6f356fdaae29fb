#include <algorithm>
#include <memory>

#include "dataset.hpp"

namespace gnomon::cli {
namespace {

std::vector<Command> dataset_kinds() { return {traces_dataset(), memory_space_dataset(), designs_dataset(), parts_dataset(), memory_points_dataset(), layers_dataset(), operators_dataset()}; }

struct Unbuilt {
  const char *name, *summary;
};
constexpr Unbuilt unbuilt[] = {{"layers", "Labelled layers"},
                               {"kernels", "Labelled kernels"},
                               {"designs", "Labelled complete designs"},
                               {"memory-space", "The whole space of DRAM controllers for a trace"}};

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
            for (const Unbuilt& kind : unbuilt) {
              if (std::any_of(kinds.begin(), kinds.end(), [&](const Command& built) { return built.name == kind.name; })) continue;
              CLI::App* sub = app.add_subcommand(kind.name, std::string(kind.summary) + " (not built in this version)");
              sub->allow_extras();
              sub->callback([action, name = std::string(kind.name)] {
                *action = [name]() -> Expected<int> {
                  return fail(ErrorKind::unsupported, "`gnomon dataset " + name + "` is not built in this version; `gnomon dataset --help` lists what is");
                };
              });
            }
            return [action] { return (*action)(); };
          }};
}

}  // namespace gnomon::cli
