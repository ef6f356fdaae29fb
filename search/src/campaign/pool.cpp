#include "campaign/pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "campaign/accuracy.hpp"
#include "campaign/process_pool.hpp"

namespace gnomon::search {
namespace {

Expected<arch::Evaluation> evaluated(arch::Evaluator& evaluator, const arch::EvaluationJob& job) {
  try {
    return evaluate_job(evaluator, job);
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::run_failed, "out of memory");
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, std::string("the evaluator failed: ") + error.what());
  }
}

/// One evaluator in the caller's own thread: its answers take microseconds, less than a hand-over between threads.
class InPlacePool final : public Pool {
 public:
  explicit InPlacePool(std::unique_ptr<arch::Evaluator> evaluator) : evaluator_(std::move(evaluator)) {}
  std::size_t capacity() const override { return 1; }
  Expected<std::int64_t> submit(std::size_t task, const arch::EvaluationJob& job) override {
    task_.emplace(task, job);
    return this_process();
  }
  std::optional<PoolOutcome> wait(double) override {
    if (!task_) return {};
    PoolOutcome out;
    out.task = task_->first;
    out.result = evaluated(*evaluator_, task_->second);
    task_.reset();
    return out;
  }
  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override { evaluator_->observe(job, result); }

 private:
  std::unique_ptr<arch::Evaluator> evaluator_;
  std::optional<std::pair<std::size_t, arch::EvaluationJob>> task_;
};

class ThreadPool final : public Pool {
 public:
  ThreadPool(std::vector<std::unique_ptr<arch::Evaluator>> evaluators) : evaluators_(std::move(evaluators)) {
    for (const auto& evaluator : evaluators_) threads_.emplace_back([this, e = evaluator.get()] { work(*e); });
  }
  ~ThreadPool() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  std::size_t capacity() const override { return evaluators_.size(); }

  Expected<std::int64_t> submit(std::size_t task, const arch::EvaluationJob& job) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.emplace_back(task, job);
    }
    wake_.notify_one();
    return this_process();
  }

  std::optional<PoolOutcome> wait(double seconds) override {
    std::unique_lock lock(mutex_);
    if (!ready_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return !results_.empty(); })) return {};
    PoolOutcome out = std::move(results_.front());
    results_.pop_front();
    return out;
  }

  void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) override {
    for (const auto& evaluator : evaluators_) evaluator->observe(job, result);
  }

 private:
  void work(arch::Evaluator& evaluator) {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto [task, job] = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      PoolOutcome out;
      out.task = task;
      out.result = evaluated(evaluator, job);
      lock.lock();
      results_.push_back(std::move(out));
      lock.unlock();
      ready_.notify_one();
    }
  }

  std::vector<std::unique_ptr<arch::Evaluator>> evaluators_;
  std::mutex mutex_;
  std::condition_variable wake_, ready_;
  std::deque<std::pair<std::size_t, arch::EvaluationJob>> tasks_;
  std::deque<PoolOutcome> results_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

Expected<std::unique_ptr<Pool>> make_pool(const arch::EvaluatorRegistry& registry, const std::string& subject,
                                          const std::string& fidelity, const PoolOptions& options) {
  std::vector<std::unique_ptr<arch::Evaluator>> evaluators;
  auto first = registry.make(subject, fidelity);
  if (!first) return fail(std::move(first.error()));
  if ((*first)->needs_process()) {
    PoolOptions processes = options;
    processes.observer = {subject, fidelity};
    return make_process_pool(processes);
  }
  if (options.jobs == 1 && subject == "problem") return std::unique_ptr<Pool>(std::make_unique<InPlacePool>(std::move(*first)));
  evaluators.push_back(std::move(*first));
  while (evaluators.size() < options.jobs) {
    auto next = registry.make(subject, fidelity);
    if (!next) return fail(std::move(next.error()));
    evaluators.push_back(std::move(*next));
  }
  return std::unique_ptr<Pool>(std::make_unique<ThreadPool>(std::move(evaluators)));
}

namespace {
constexpr std::pair<ErrorKind, const char*> kind_words[] = {
    {ErrorKind::run_failed, "run_failed"},   {ErrorKind::usage, "usage"},           {ErrorKind::invalid_input, "invalid"},
    {ErrorKind::unsupported, "unsupported"}, {ErrorKind::infeasible, "infeasible"}, {ErrorKind::interrupted, "interrupted"}};
}

std::string kind_word(ErrorKind kind) {
  for (const auto& [k, word] : kind_words) {
    if (k == kind) return word;
  }
  return "run_failed";
}
ErrorKind kind_of_word(const std::string& word) {
  for (const auto& [k, w] : kind_words) {
    if (w == word) return k;
  }
  return ErrorKind::run_failed;
}

}  // namespace gnomon::search
