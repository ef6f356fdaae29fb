#include <algorithm>
#include <map>

#include "command.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::cli {
namespace {

std::vector<std::string> words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) words.push_back(sub->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

/// Words that may follow each chain of commands, e.g. "gnomon surrogate".
std::map<std::string, std::vector<std::string>> vocabulary(const CLI::App& app, const std::string& chain = "gnomon") {
  std::map<std::string, std::vector<std::string>> out{{chain, words_of(app)}};
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.merge(vocabulary(*sub, chain + " " + sub->get_name()));
  }
  return out;
}

std::string bash(const CLI::App& app) {
  std::string out =
      "# bash completion for gnomon\n"
      "_gnomon() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} chain=gnomon word words=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$chain $word\" in\n";
  const auto known = vocabulary(app);
  std::vector<std::string> chains;
  for (const auto& [chain, words] : known) {
    if (chain != "gnomon") chains.push_back("\"" + chain + "\"");
  }
  out += "      " + join(chains, "|") + ") chain=\"$chain $word\" ;;\n    esac\n  done\n  case \"$chain\" in\n";
  for (const auto& [chain, words] : known) out += "    \"" + chain + "\") words=\"" + join(words, " ") + "\" ;;\n";
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ $current == -* || ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "}\n"
      "complete -o filenames -F _gnomon gnomon gnomonw ./gnomonw\n";
  return out;
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion for gnomon\n";
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string summary = sub->get_description();
    std::replace(summary.begin(), summary.end(), '\'', ' ');
    out += "complete -c gnomon -n __fish_use_subcommand -a " + sub->get_name() + " -d '" + summary + "'\n";
    for (const std::string& word : words_of(*sub)) {
      const bool option = word.starts_with("--");
      out += "complete -c gnomon -n '__fish_seen_subcommand_from " + sub->get_name() + "' " + (option ? "-l " + word.substr(2) : "-a " + word) + "\n";
    }
  }
  return out;
}

}  // namespace

Expected<std::string> completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash(app);
  // zsh runs bash completions through its own compatibility layer.
  if (shell == "zsh") return "# zsh completion for gnomon\nautoload -U +X bashcompinit && bashcompinit\n" + bash(app);
  if (shell == "fish") return fish(app);
  return fail(ErrorKind::usage, unknown_word("shell", shell, {"bash", "zsh", "fish"}));
}

}  // namespace gnomon::cli
