#include "cosim/child.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdlib>

#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

Expected<void> run_child(const std::filesystem::path& folder, const std::vector<std::string>& worker, double cpu_seconds) {
  std::vector<std::string> command = worker;
  if (command.empty()) {
    const char* named = std::getenv("GNOMON_COSIM_WORKER");
    command = {named != nullptr && *named != '\0' ? std::string(named) : this_program().string(), "cosim-worker"};
  }
  command.push_back(folder.string());
  // A child that sleeps uses no CPU time; the wall clock is there for it alone and is generous, since machines are busy.
  auto ended = run_process(command, {.wall_seconds = 120 + 20 * cpu_seconds});
  if (!ended) return fail(std::move(ended.error()));
  constexpr std::size_t most_said = 2000;
  const std::string said(trimmed(ended->err.substr(ended->err.size() > most_said ? ended->err.size() - most_said : 0)));
  if (ended->timed_out) return fail(ErrorKind::run_failed, "the RTL's process did not end and was killed");
  if (ended->exit_status == 128 + SIGXCPU || ended->exit_status == 128 + SIGKILL)
    return fail(ErrorKind::run_failed, "the RTL's process was ended after " + number(cpu_seconds) + " s of CPU time");
  if (ended->exit_status > 128)
    return fail(ErrorKind::run_failed,
                "the RTL's process crashed with signal " + std::to_string(ended->exit_status - 128) + (said.empty() ? "" : ": " + said));
  if (ended->exit_status != 0) return fail(ErrorKind::run_failed, said.empty() ? "the RTL's process failed" : said);
  return {};
}

void limit_this_process(double cpu_seconds) {
  const auto seconds = static_cast<rlim_t>(std::ceil(cpu_seconds));
  // The hard limit follows in case the signal is caught.
  const rlimit limit{seconds, seconds + 5}, no_core{0, 0};
  setrlimit(RLIMIT_CPU, &limit);
  setrlimit(RLIMIT_CORE, &no_core);
}

}  // namespace gnomon::hls
