#include <algorithm>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <new>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "command.hpp"
#include "console.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/search/worker.hpp"

namespace gnomon::cli {
namespace {

constexpr const char* headline = "gnomon explores, simulates and verifies hardware accelerator designs.";
constexpr const char* exit_codes =
    "Exit codes: 0 ok, 1 run failed, 2 usage, 3 invalid input, 4 unsupported model or feature,\n"
    "            5 finished but nothing feasible, 130 interrupted with state saved.\n"
    "stdout carries data, stderr talk. `gnomon COMMAND --help` shows options and an example.";

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// CLI11 says which words were left over; this says which were meant.
Error usage_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const CLI::App* chosen : app.get_subcommands()) at = chosen;
  for (const CLI::App* chosen : at->get_subcommands()) at = chosen;
  std::string message = error.what();
  // A misspelt option comes first: what CLI11 misses otherwise is often the option that was meant.
  const std::vector<std::string> known = option_names(*at);
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (name.starts_with("--") && name.size() > 2 && std::find(known.begin(), known.end(), name) == known.end()) {
      return Error(ErrorKind::usage, unknown_word("option", name, known) + "; see `" + (at == &app ? "gnomon" : "gnomon " + at->get_name()) + " --help`");
    }
  }
  const std::string prefix = "The following argument";
  if (message.starts_with(prefix)) {
    const std::size_t colon = message.find(": ");
    const std::string word = colon == std::string::npos ? "" : message.substr(colon + 2, message.find(' ', colon + 2) - colon - 2);
    message = word.starts_with("-") ? unknown_word("option", word, option_names(*at)) : "unexpected argument " + in_quotes(word);
  }
  return Error(ErrorKind::usage, message + "; see `" + (at == &app ? "gnomon" : "gnomon " + at->get_name()) + " --help`");
}

int run(int argc, char** argv) {
  // Hidden commands, by which the program starts itself as a worker: no parsing, so that they start fast.
  if (argc >= 2 && std::string_view(argv[1]) == "worker") return search::worker_main(evaluators());
  if (argc >= 2 && std::string_view(argv[1]) == "cosim-worker") return hls::cosim_worker_main(argc - 1, argv + 1);

  CLI::App app{headline, "gnomon"};
  app.set_version_flag("--version", "gnomon " + version() + " (" + commit() + ")");
  app.require_subcommand(1);
  app.footer(exit_codes);
  Action action;
  std::vector<std::string> names;
  for (const Command& command : all_commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    if (!command.example.empty()) sub->footer("Example:\n  " + command.example);
    auto act = std::make_shared<Action>(command.setup(*sub));
    sub->callback([&action, act] { action = *act; });
    names.push_back(command.name);
  }
  std::string shell;
  CLI::App* completion = app.add_subcommand("completion", "Print a completion script for a shell");
  completion->add_option("SHELL", shell, "bash, zsh or fish")->required();
  completion->footer("Example:\n  source <(gnomon completion bash)");
  completion->callback([&] {
    action = [&]() -> Expected<int> {
      auto script = completion_script(app, shell);
      if (!script) return fail(std::move(script.error()));
      print(*script);
      return 0;
    };
  });
  names.push_back("completion");

  if (argc >= 2 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    const Error error(ErrorKind::usage, unknown_word("command", argv[1], names));
    print_error(error);
    return exit_code(error.kind());
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    const Error usage = usage_error(app, error, std::vector<std::string>(argv + 1, argv + argc));
    print_error(usage);
    return exit_code(usage.kind());
  }
  auto done = action();
  if (!done) {
    print_error(done.error());
    return exit_code(done.error().kind());
  }
  return *done;
}

}  // namespace
}  // namespace gnomon::cli

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // Models' matrices come and go thousands of times: their pages are kept instead of being asked for again.
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
  try {
    const int status = gnomon::cli::run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      std::fputs("gnomon: stdout cannot be written\n", stderr);
      return status != 0 ? status : 1;
    }
    return status;
  } catch (const std::bad_alloc&) {
    std::fputs("gnomon: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gnomon: internal error: %s\n", error.what());
  }
  return 1;
}
