#include "gnomon/base/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gnomon/base/text.hpp"

namespace gnomon {
namespace {

struct Pipe {
  int read_end = -1, write_end = -1;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  static void close_one(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  ~Pipe() {
    close_one(read_end);
    close_one(write_end);
  }
};

/// False where there is more than the limit allows; the text then holds as much as it does.
bool drain(int& end, std::string& into, std::size_t limit) {
  std::array<char, 1 << 16> buffer{};
  const ssize_t got = ::read(end, buffer.data(), buffer.size());
  if (got > 0) {
    const std::size_t room = limit - std::min(limit, into.size());
    into.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
    return static_cast<std::size_t>(got) <= room;
  }
  if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    Pipe::close_one(end);
  }
  return true;
}

/// A descriptor under another number, kept over exec.
bool place(int from, int to) { return from == to ? ::fcntl(to, F_SETFD, 0) == 0 : ::dup2(from, to) == to; }

struct Started {
  pid_t child;
  int error;  ///< of errno; 0: it runs
};

/// As posix_spawnp, but the child dies with the thread that calls this (which waits for it), whatever kills us.
Started start(const std::vector<std::string>& arguments, const std::filesystem::path& folder, int in, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const char* const where = folder.empty() ? nullptr : folder.c_str();
  const pid_t parent = ::getpid();
  // Handlers must not run in the child while it has our memory: signals wait until it has none.
  sigset_t all, none, before;
  sigfillset(&all);
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int error = 0;
  const pid_t child = ::vfork();
  if (child == 0) {
    // The death of the parent before this line sends nothing, and is seen by the new parent.
    const bool alone = ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent;
    if (alone) ::_exit(127);
    // A group of its own, so that a time-out also ends what the child has started.
    bool done = ::setpgid(0, 0) == 0 && place(in, 0) && place(out, 1) && place(err, 2);
    if (done && where != nullptr) done = ::chdir(where) == 0;
    if (done) {
      for (int number_of = 1; number_of < NSIG; ++number_of) {
        struct sigaction action {};
        if (::sigaction(number_of, nullptr, &action) != 0 || action.sa_handler == SIG_DFL) continue;
        if (action.sa_handler == SIG_IGN && number_of != SIGPIPE && number_of != SIGINT) continue;
        action = {};
        action.sa_handler = SIG_DFL;
        ::sigaction(number_of, &action, nullptr);
      }
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execvp(argv[0], argv.data());
    }
    error = errno;
    ::_exit(127);
  }
  const int failed = child < 0 ? errno : 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) return {-1, failed};
  if (error != 0)
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  return {child, error};
}

}  // namespace

Expected<ProcessResult> run_process(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  if (arguments.empty()) return fail(ErrorKind::run_failed, "no program to start");
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return fail(ErrorKind::run_failed, std::string("no pipe: ") + std::strerror(errno));

  const auto [child, spawned] = start(arguments, options.folder, in.read_end, out.write_end, err.write_end);
  if (spawned != 0) return fail(ErrorKind::run_failed, "cannot start " + in_quotes(arguments[0]) + ": " + std::strerror(spawned));
  Pipe::close_one(in.read_end);
  Pipe::close_one(out.write_end);
  Pipe::close_one(err.write_end);

  // A child that closes its stdin early must not kill us.
  struct sigaction ignore {}, before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  ProcessResult result;
  std::size_t written = 0;
  if (options.input.empty()) Pipe::close_one(in.write_end);
  else ::fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto left_seconds = [&] { return options.wall_seconds - std::chrono::duration<double>(Clock::now() - start).count(); };
  // What has left the child's group may hold the pipes open after a time-out; its output is not waited for.
  constexpr double grace_seconds = 1;
  while (out.read_end >= 0 || err.read_end >= 0 || in.write_end >= 0) {
    int wait_ms = -1;
    if (options.wall_seconds > 0) {
      double left = left_seconds();
      if (left <= 0 && !result.timed_out) {
        result.timed_out = true;
        ::kill(-child, SIGKILL);
      }
      if (result.timed_out) left += grace_seconds;
      if (left <= 0) break;
      wait_ms = static_cast<int>(std::min(left * 1000 + 1, 1e9));
    }
    std::array<pollfd, 3> waits{{{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}}};
    if (::poll(waits.data(), waits.size(), wait_ms) < 0 && errno != EINTR) break;
    bool within = waits[0].revents == 0 || drain(out.read_end, result.out, options.output_limit_bytes);
    within = (waits[1].revents == 0 || drain(err.read_end, result.err, options.output_limit_bytes)) && within;
    if (!within) {
      result.too_much_output = true;
      ::kill(-child, SIGKILL);
      break;
    }
    if (waits[2].revents != 0) {
      const ssize_t put = ::write(in.write_end, options.input.data() + written, options.input.size() - written);
      if (put > 0) written += static_cast<std::size_t>(put);
      if ((put < 0 && errno != EAGAIN && errno != EINTR) || written == options.input.size()) Pipe::close_one(in.write_end);
    }
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  int status = 0;
  for (;;) {
    // A child may go on after it has closed its outputs; its time is limited all the same.
    const bool limited = options.wall_seconds > 0 && !result.timed_out;
    const pid_t ended = ::waitpid(child, &status, limited ? WNOHANG : 0);
    if (ended == child || (ended < 0 && errno != EINTR)) break;
    if (!limited || ended < 0) continue;
    if (left_seconds() <= 0) {
      result.timed_out = true;
      ::kill(-child, SIGKILL);
    } else {
      ::poll(nullptr, 0, 2);
    }
  }
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::filesystem::path find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::filesystem::path candidate = std::filesystem::path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && !std::filesystem::is_directory(candidate)) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return {};
}

std::filesystem::path this_program() {
  std::error_code code;
  return std::filesystem::read_symlink("/proc/self/exe", code);
}

}  // namespace gnomon
