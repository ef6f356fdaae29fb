#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/search/campaign.hpp"

namespace gnomon::search {

struct PoolOutcome {
  std::size_t task = 0;
  Expected<arch::Evaluation> result = fail(ErrorKind::run_failed, "");
};

/// Evaluators of one subject and fidelity at work side by side. Used from one thread.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual std::size_t capacity() const = 0;
  /// Starts a task; there must be room (fewer than `capacity()` running). Returns the process that does it.
  virtual Expected<std::int64_t> submit(std::size_t task, const arch::EvaluationJob& job) = 0;
  /// The next result, or nothing after `seconds`.
  virtual std::optional<PoolOutcome> wait(double seconds) = 0;
  /// A told result; nothing may be running.
  virtual void observe(const arch::EvaluationJob& job, const arch::Evaluation& result) = 0;
};

struct PoolOptions {
  std::size_t jobs = 1;
  std::vector<std::string> worker_command;
  int worker_recycle = 1000;
  Limits limits;
  bool learns = false;  ///< told results are sent to worker processes too, also to those that start later
  std::pair<std::string, std::string> observer;  ///< subject and fidelity of the evaluator that learns
};

/// Threads with an evaluator each, or worker processes where the evaluator asks for them. Error: unsupported where nothing is
/// registered.
Expected<std::unique_ptr<Pool>> make_pool(const arch::EvaluatorRegistry& registry, const std::string& subject,
                                          const std::string& fidelity, const PoolOptions& options);

/// Wire names of error kinds between worker and coordinator.
std::string kind_word(ErrorKind kind);
ErrorKind kind_of_word(const std::string& word);

}  // namespace gnomon::search
