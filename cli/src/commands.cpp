#include "command.hpp"
#include "dataset.hpp"

namespace gnomon::cli {

std::vector<Command> all_commands() {
  return {
      run_command(),
      simulate_command(),
      memory_command(),
      cosim_command(),
      hls_command(),
      synth_command(),
      surrogate_command(),
      dataset_command(),
      compare_command(),
      report_command(),
      list_command(),
      explain_command(),
      validate_command(),
      schema_command(),
      doctor_command(),
  };
}

Command unbuilt_command(const std::string& name, const std::string& summary) {
  return {name, summary + " (not built in this version)", "", [name](CLI::App& app) -> Action {
            app.allow_extras();
            return [name]() -> Expected<int> {
              return fail(ErrorKind::unsupported, "`gnomon " + name + "` is not built in this version; `gnomon --help` lists what is");
            };
          }};
}

}  // namespace gnomon::cli
