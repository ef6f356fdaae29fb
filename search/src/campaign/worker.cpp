#include "gnomon/search/worker.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmath>
#include <csignal>
#include <map>
#include <new>
#include <nlohmann/json.hpp>

#include "campaign/accuracy.hpp"
#include "campaign/pool.hpp"

namespace gnomon::search {
namespace {

class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}
  bool next(std::string& line) {
    for (;;) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return true;
      }
      char bytes[65536];
      const ssize_t n = ::read(fd_, bytes, sizeof bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      buffer_.append(bytes, static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
  std::string buffer_;
};

bool write_all(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = ::write(fd, text.data() + sent, text.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

/// The kernel ends the process with SIGXCPU once it has used `limit_s` more than now; children inherit the limit.
void allow_cpu(double limit_s) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const double until = std::ceil(seconds(used.ru_utime) + seconds(used.ru_stime) + limit_s);
  rlimit limit{};
  ::getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = until < 1e9 ? static_cast<rlim_t>(until) : RLIM_INFINITY;
  if (limit.rlim_max != RLIM_INFINITY) limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  ::setrlimit(RLIMIT_CPU, &limit);
}

void allow_memory(std::int64_t mib) {
#if defined(__SANITIZE_ADDRESS__)
  (void)mib;  // the sanitiser reserves terabytes of address space
#else
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = static_cast<rlim_t>(mib) << 20;
  if (limit.rlim_max != RLIM_INFINITY) limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

std::string error_line(std::size_t task, const std::string& kind, const std::string& text) {
  return Json{{"task", task}, {"kind", kind}, {"error", text}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int worker_main(const arch::EvaluatorRegistry& registry) {
  ::signal(SIGINT, SIG_IGN);
  const int out = ::fcntl(1, F_DUPFD_CLOEXEC, 3);
  if (out < 0 || ::dup2(2, 1) < 0) return 1;
  Lines lines(0);
  std::string line;
  if (!lines.next(line)) return 0;
  double cpu_s = 0;
  std::int64_t memory_mib = 0;
  try {
    const Json limits = Json::parse(line);
    cpu_s = limits.at("cpu_s");
    memory_mib = limits.at("memory_mib");
    // The coordinator's end ends this process, whatever it is doing; it may have gone before this was said.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != limits.at("parent").get<pid_t>()) return 0;
  } catch (const std::exception&) {
    return 2;
  }
  allow_memory(memory_mib);
  std::map<std::pair<std::string, std::string>, std::unique_ptr<arch::Evaluator>> evaluators;
  while (lines.next(line)) {
    std::size_t task = 0;
    std::string answer;
    bool leave = false;
    try {
      const Json request = Json::parse(line);
      if (request.contains("observe")) {
        // A told result: nothing is answered.
        auto& evaluator = evaluators[{request.at("subject"), request.at("fidelity")}];
        if (!evaluator) {
          if (auto made = registry.make(request.at("subject"), request.at("fidelity"))) evaluator = std::move(*made);
        }
        auto job = arch::job_from_json(request.at("observe").dump());
        auto result = arch::evaluation_from_json(request.at("evaluation").dump());
        allow_cpu(cpu_s);
        if (evaluator && job && result) evaluator->observe(*job, *result);
        continue;
      }
      task = request.at("task");
      auto job = arch::job_from_json(request.at("job").dump());
      if (!job) {
        answer = error_line(task, kind_word(job.error().kind()), job.error().text());
      } else {
        auto& evaluator = evaluators[{job->subject, job->fidelity}];
        if (!evaluator) {
          auto made = registry.make(job->subject, job->fidelity);
          if (made)
            evaluator = std::move(*made);
          else
            answer = error_line(task, kind_word(made.error().kind()), made.error().text());
        }
        if (evaluator) {
          allow_cpu(cpu_s);
          auto result = evaluate_job(*evaluator, *job);
          if (result)
            answer = "{\"task\":" + std::to_string(task) + ",\"evaluation\":" + arch::to_json(*result) + "}\n";
          else
            answer = error_line(task, kind_word(result.error().kind()), result.error().text());
        }
      }
    } catch (const std::bad_alloc&) {
      // What was half built may be in any state: answer, and let the coordinator start a new worker.
      answer =
          error_line(task, "run_failed", "the evaluation needs more than the " + std::to_string(memory_mib) + " MiB it may use");
      leave = true;
    } catch (const std::exception& error) {
      answer = error_line(task, "run_failed", std::string("the evaluator failed: ") + error.what());
      leave = true;
    }
    if (!write_all(out, answer)) return 0;
    if (leave) ::_exit(0);
  }
  return 0;
}

}  // namespace gnomon::search
