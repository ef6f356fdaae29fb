#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gnomon/search/campaign.hpp"

namespace gnomon::search {

/// What became of one design: the evaluation, and what the campaign makes of it.
struct Judged {
  arch::Evaluation evaluation;
  std::vector<double> objectives;  ///< as stated
  std::vector<double> violations;
  bool feasible = false;
};

/// Evaluates designs of a campaign outside a run, with nothing stored: for environments in which somebody else's agent learns. Threads or
/// worker processes as in a run, kept from call to call. One thread at a time.
class CampaignEvaluator {
 public:
  /// `fidelity` empty: the campaign's last one. Error: no evaluator for it.
  static Expected<CampaignEvaluator> create(const Campaign& campaign, const std::string& fidelity, std::size_t jobs,
                                            const std::vector<std::string>& worker_command, const arch::EvaluatorRegistry& registry);
  CampaignEvaluator(CampaignEvaluator&&) noexcept;
  CampaignEvaluator& operator=(CampaignEvaluator&&) noexcept;
  ~CampaignEvaluator();

  /// One answer per point, in order; a point that cannot be evaluated has an error of its own.
  std::vector<Expected<Judged>> evaluate(const std::vector<arch::Point>& points);

 private:
  CampaignEvaluator();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon::search
