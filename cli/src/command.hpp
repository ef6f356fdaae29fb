#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "compose.hpp"
#include "gnomon/base/error.hpp"

namespace gnomon::cli {

/// What a parsed command does; gives the exit code, or an error that `main` prints and maps to one.
using Action = std::function<Expected<int>()>;

/// One command: `setup` declares options on its CLI11 app and returns what runs when the command was chosen.
struct Command {
  std::string name;
  std::string summary;
  std::string example;
  std::function<Action(CLI::App&)> setup;
};

/// All commands in the order of `gnomon --help`.
std::vector<Command> all_commands();

Command run_command();
Command simulate_command();
Command memory_command();
Command cosim_command();
Command hls_command();
Command surrogate_command();
Command synth_command();
Command compare_command();
Command report_command();
Command list_command();
Command explain_command();
Command validate_command();
Command schema_command();
Command doctor_command();

/// A name of the contract for which no model is built: says so and exits with code 4.
Command unbuilt_command(const std::string& name, const std::string& summary);

/// Completion script for bash, zsh or fish, from the app's own commands and options.
Expected<std::string> completion_script(const CLI::App& app, const std::string& shell);


}  // namespace gnomon::cli
