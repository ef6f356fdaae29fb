#include "gnomon/search/evaluate.hpp"

#include <algorithm>

#include "campaign/pool.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::search {

struct CampaignEvaluator::Impl {
  Campaign campaign;
  std::string fidelity;
  std::unique_ptr<Pool> pool;
  std::uint64_t number = 0;
};

CampaignEvaluator::CampaignEvaluator() : impl_(std::make_unique<Impl>()) {}
CampaignEvaluator::CampaignEvaluator(CampaignEvaluator&&) noexcept = default;
CampaignEvaluator& CampaignEvaluator::operator=(CampaignEvaluator&&) noexcept = default;
CampaignEvaluator::~CampaignEvaluator() = default;

Expected<CampaignEvaluator> CampaignEvaluator::create(const Campaign& campaign, const std::string& fidelity, std::size_t jobs,
                                                      const std::vector<std::string>& worker_command,
                                                      const arch::EvaluatorRegistry& registry) {
  CampaignEvaluator out;
  Impl& s = *out.impl_;
  s.campaign = campaign;
  s.fidelity = fidelity.empty() ? campaign.ladder.back() : fidelity;
  PoolOptions options;
  options.jobs = std::max<std::size_t>(1, jobs);
  options.worker_command = worker_command;
  options.limits = campaign.limits;
  auto pool = make_pool(registry, campaign.subject, s.fidelity, options);
  if (!pool) return fail(std::move(pool.error()));
  s.pool = std::move(*pool);
  return out;
}

std::vector<Expected<Judged>> CampaignEvaluator::evaluate(const std::vector<arch::Point>& points) {
  Impl& s = *impl_;
  std::vector<Expected<Judged>> out(points.size(), fail(ErrorKind::run_failed, "not evaluated"));
  const auto judge = [&](Expected<arch::Evaluation> result) -> Expected<Judged> {
    if (!result) return fail(std::move(result.error()));
    Judged judged;
    auto objectives = objectives_of(s.campaign, result->metrics);
    auto violations = violations_of(s.campaign, result->metrics);
    if (!objectives) return fail(std::move(objectives.error()));
    if (!violations) return fail(std::move(violations.error()));
    judged.feasible = std::all_of(violations->begin(), violations->end(), [](double v) { return v <= 0; });
    judged.evaluation = std::move(*result);
    judged.objectives = std::move(*objectives);
    judged.violations = std::move(*violations);
    return judged;
  };
  std::size_t next = 0, running = 0;
  while (next < points.size() || running > 0) {
    while (next < points.size() && running < s.pool->capacity()) {
      const std::size_t task = next++;
      auto job = make_job(s.campaign, points[task], s.fidelity, derive(s.campaign.seed, s.number++));
      if (!job) {
        out[task] = fail(std::move(job.error()));
        continue;
      }
      auto started = s.pool->submit(task, *job);
      if (!started)
        out[task] = fail(std::move(started.error()));
      else
        ++running;
    }
    if (running == 0) continue;
    auto outcome = s.pool->wait(0.2);
    if (!outcome) continue;
    --running;
    out[outcome->task] = judge(std::move(outcome->result));
  }
  return out;
}

}  // namespace gnomon::search
