#include "campaign/process_pool.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "gnomon/base/text.hpp"

extern char** environ;

namespace gnomon::search {
namespace {

using Clock = std::chrono::steady_clock;

/// Processor time so far, in clock ticks, and whether the process wants the processor or the disk right now.
struct Activity {
  long long ticks = 0;
  bool busy = false;
};

Activity activity_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string state, skip;
  fields >> state;
  for (int i = 0; i < 10; ++i) fields >> skip;
  Activity out;
  long long ticks = 0;
  for (int i = 0; i < 4; ++i) {
    fields >> ticks;
    out.ticks += ticks;
  }
  out.busy = state == "R" || state == "D";
  return out;
}

void add_descendants(pid_t pid, std::set<pid_t>& out) {
  if (!out.insert(pid).second) return;
  std::ifstream in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  pid_t child = 0;
  while (in >> child) add_descendants(child, out);
}

std::set<pid_t> family(pid_t pid) {
  std::set<pid_t> out;
  add_descendants(pid, out);
  return out;
}

std::string signal_text(int signal) {
  const char* name = ::strsignal(signal);
  return "signal " + std::to_string(signal) + (name ? " (" + std::string(name) + ")" : "");
}

class ProcessPool final : public Pool {
 public:
  explicit ProcessPool(PoolOptions options) : options_(std::move(options)), workers_(options_.jobs) {}
  ~ProcessPool() override {
    for (Worker& w : workers_) {
      if (w.pid <= 0) continue;
      if (w.task)
        destroy(w);
      else
        close_socket(w);
    }
    for (Worker& w : workers_) {
      if (w.pid > 0) reap(w, 2.0);
    }
  }

  std::size_t capacity() const override { return workers_.size(); }
  /// Kept, and handed to each worker before its next task: what a worker knows then does not depend on when it was started.
  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override {
    if (!options_.learns) return;
    Json line{{"subject", options_.observer.first}, {"fidelity", options_.observer.second}};
    std::string text = line.dump();
    text.pop_back();
    observed_.push_back(text + ",\"observe\":" + arch::to_json(job) + ",\"evaluation\":" + arch::to_json(result) + "}\n");
  }

  Expected<std::int64_t> submit(std::size_t task, const arch::EvaluationJob& job) override {
    Worker* free = nullptr;
    for (Worker& w : workers_) {
      if (!w.task && (!free || (w.pid > 0 && free->pid <= 0))) free = &w;
    }
    if (!free) return fail(ErrorKind::run_failed, "no worker is free");
    if (free->pid > 0 && free->runs >= options_.worker_recycle) {
      close_socket(*free);
      reap(*free, 2.0);
    }
    const std::string line = "{\"task\":" + std::to_string(task) + ",\"job\":" + arch::to_json(job) + "}\n";
    for (int attempt = 0;; ++attempt) {
      if (free->pid <= 0) {
        if (auto started = start(*free); !started) return fail(std::move(started.error()));
      }
      bool sent = true;
      for (; sent && free->observed < observed_.size(); ++free->observed) sent = send_all(*free, observed_[free->observed]);
      if (sent && send_all(*free, line)) break;
      // The idle worker had ended by itself (it leaves after it ran out of memory).
      close_socket(*free);
      reap(*free, 2.0);
      if (attempt == 2)
        return fail(ErrorKind::run_failed, "worker " + in_quotes(options_.worker_command[0]) + " ends as soon as it is started");
    }
    free->task = task;
    ++free->runs;
    free->ticks = -1;
    free->active_at = Clock::now();
    return free->pid;
  }

  std::optional<PoolOutcome> wait(double seconds) override {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    for (;;) {
      std::vector<pollfd> fds;
      std::vector<Worker*> who;
      for (Worker& w : workers_) {
        if (!w.task) continue;
        fds.push_back({w.socket, POLLIN, 0});
        who.push_back(&w);
      }
      if (fds.empty()) return {};
      const double left = std::chrono::duration<double>(until - Clock::now()).count();
      const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(std::max(0.0, std::min(left, 0.2)) * 1000) + 1);
      for (std::size_t i = 0; ready > 0 && i < fds.size(); ++i) {
        if (fds[i].revents == 0) continue;
        if (auto out = receive(*who[i])) return out;
      }
      for (Worker* w : who) {
        if (auto out = check_hang(*w)) return out;
      }
      if (Clock::now() >= until) return {};
    }
  }

 private:
  struct Worker {
    pid_t pid = 0;
    int socket = -1;
    std::string buffer;
    std::optional<std::size_t> task;
    int runs = 0;
    std::size_t observed = 0;  ///< told results that it knows
    long long ticks = -1;
    Clock::time_point active_at, looked_at;
  };
  PoolOptions options_;
  std::vector<Worker> workers_;
  std::vector<std::string> observed_;

  Expected<void> start(Worker& w) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
      return fail(ErrorKind::run_failed, std::string("no socket for a worker: ") + std::strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGXCPU}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    // A group of its own: Ctrl-C at the terminal reaches the coordinator, which lets running trials finish.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> argv;
    for (const std::string& argument : options_.worker_command) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_t pid = 0;
    const int code = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(pair[1]);
    if (code != 0) {
      ::close(pair[0]);
      return fail(ErrorKind::run_failed,
                  "worker " + in_quotes(options_.worker_command[0]) + " cannot be started: " + std::strerror(code));
    }
    w = Worker{};
    w.pid = pid;
    w.socket = pair[0];
    Json limits{{"cpu_s", options_.limits.cpu_s},
                {"memory_mib", options_.limits.memory_mib},
                {"parent", static_cast<std::int64_t>(::getpid())}};
    send_all(w, limits.dump() + "\n");
    return {};
  }

  static bool send_all(const Worker& w, const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t n = ::send(w.socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  static void close_socket(Worker& w) {
    if (w.socket >= 0) ::close(w.socket);
    w.socket = -1;
  }

  /// Waits for the process to end, kills it when `patience` seconds are over. Returns its status.
  static int reap(Worker& w, double patience) {
    int status = 0;
    const auto until = Clock::now() + std::chrono::duration<double>(patience);
    for (;;) {
      const pid_t got = ::waitpid(w.pid, &status, WNOHANG);
      if (got == w.pid || (got < 0 && errno == ECHILD)) break;
      if (Clock::now() >= until) {
        for (const pid_t pid : family(w.pid)) ::kill(pid, SIGKILL);
        while (::waitpid(w.pid, &status, 0) < 0 && errno == EINTR) {
        }
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    w.pid = 0;
    return status;
  }

  static int destroy(Worker& w) {
    close_socket(w);
    const int status = reap(w, 0);
    w.task.reset();
    return status;
  }

  std::optional<PoolOutcome> receive(Worker& w) {
    char bytes[65536];
    const ssize_t n = ::recv(w.socket, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) return {};
    if (n <= 0) {
      const std::size_t task = *w.task;
      close_socket(w);
      w.task.reset();
      return PoolOutcome{task, fail(ErrorKind::run_failed, death(reap(w, 5.0)))};
    }
    w.buffer.append(bytes, static_cast<std::size_t>(n));
    const std::size_t end = w.buffer.find('\n');
    if (end == std::string::npos) {
      constexpr std::size_t longest = std::size_t{256} << 20;
      if (w.buffer.size() <= longest) return {};
    }
    const std::size_t task = *w.task;
    PoolOutcome out{task, answer(w.buffer.substr(0, end), task)};
    w.buffer.clear();
    w.task.reset();
    return out;
  }

  std::string death(int status) const {
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      if (signal == SIGXCPU) return "the evaluation used more than " + number(options_.limits.cpu_s) + " s of processor time";
      return "the worker was ended by " + signal_text(signal);
    }
    return "the worker ended with exit code " + std::to_string(WEXITSTATUS(status)) + " before it answered";
  }

  static Expected<arch::Evaluation> answer(const std::string& line, std::size_t task) {
    try {
      const Json json = Json::parse(line);
      if (json.at("task").get<std::size_t>() != task) return fail(ErrorKind::run_failed, "the worker answered another task");
      if (json.contains("evaluation")) return arch::evaluation_from_json(json.at("evaluation").dump());
      return fail(kind_of_word(json.at("kind").get<std::string>()), json.at("error").get<std::string>());
    } catch (const std::exception&) {
      return fail(ErrorKind::run_failed, "the worker's answer cannot be read: " + in_quotes(line));
    }
  }

  std::optional<PoolOutcome> check_hang(Worker& w) {
    const auto now = Clock::now();
    if (!w.task || now - w.looked_at < std::chrono::milliseconds(200)) return {};
    w.looked_at = now;
    Activity all;
    for (const pid_t pid : family(w.pid)) {
      const Activity one = activity_of(pid);
      all.ticks += one.ticks;
      all.busy = all.busy || one.busy;
    }
    if (all.busy || all.ticks != w.ticks) w.active_at = now;
    w.ticks = all.ticks;
    if (now - w.active_at < std::chrono::duration<double>(options_.limits.hang_s)) return {};
    const std::size_t task = *w.task;
    destroy(w);
    return PoolOutcome{task, fail(ErrorKind::run_failed,
                                  "the evaluation hung: no processor time used for " + number(options_.limits.hang_s) + " s")};
  }
};

}  // namespace

std::int64_t this_process() {
  return ::getpid();
}

Expected<std::unique_ptr<Pool>> make_process_pool(const PoolOptions& options) {
  if (options.worker_command.empty()) {
    return fail(ErrorKind::run_failed, "this fidelity runs in worker processes, and no worker program was given");
  }
  return std::unique_ptr<Pool>(std::make_unique<ProcessPool>(options));
}

}  // namespace gnomon::search
