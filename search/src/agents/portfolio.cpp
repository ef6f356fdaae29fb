#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"

namespace gnomon::search {
namespace {

struct AutoOptions {
  double floor = 0.04;
  std::int64_t top = 10;
  std::int64_t patience = 80;
  double scouting = 0.65;
};

void describe(FieldVisitor& v, AutoOptions& o) {
  field(v, {"floor", "smallest share of the trials that each method keeps"}, o.floor, RealRange{0, 0.3});
  field(v, {"top", "with one objective: a result among so many best counts as a gain", "points"}, o.top, Range{1, 1000});
  field(v, {"patience", "trials without a better best after which the scout sets out; also what a scout is given", "trials"}, o.patience,
        Range{1, 1000000});
  field(v, {"scouting", "share of the trials that the scout then gets"}, o.scouting, RealRange{0, 1});
}

/// A portfolio. It starts with the user's seeds (see Study) and the Sobol points of `bayes`; then each trial belongs to one of
/// four methods: `bayes` (constrained Gaussian processes), evolution (`nsga2`; `ga` for one objective), local refinement (one or
/// two parameters of one of the best results changed), and the scout. The first three learn from all results. The scout is for one
/// objective and gets most trials while the best has not become better by half a percent for `patience` trials: a `bayes` of its
/// own that starts anew, from other Sobol points, learns only from its own trials, and is replaced by the next one when it stands
/// still in turn, as restarts of trust regions do (TuRBO: Eriksson et al., NeurIPS 2019). Trials are shared out in blocks of
/// 16, in proportion to the square of each method's recent rate of gains; before there are 12 trials per parameter the other two are
/// only tried now and then. A gain is a result that joins the front, or, with one objective, the `top` best. Whose a trial was is worked out when it is told,
/// from the results of the blocks before the previous one, so that it follows from what was told.
class Auto final : public Agent {
 public:
  Auto(const AgentSetup& setup, const AutoOptions& options)
      : space_(setup.space), options_(options), seed_(derive(setup.seed, "auto")), single_(setup.objectives == 1), best_(setup, options.top) {
    own_ = setup;
    own_.options_json.clear();
    own_.seed = seed_;
    model_ = std::move(bayes_info().make(own_).value());
    evolution_ = std::move((setup.objectives == 1 ? ga_info() : nsga2_info()).make(own_).value());
    send_scout();
  }

  void tell(const Told& told) override {
    model_->tell(told);
    evolution_->tell(told);
    const std::uint64_t block = told.number / block_size;
    if (!shares_.contains(block)) shares_.emplace(block, shares_of(block));
    const std::size_t method = pick(told.number, shares_.at(block));
    const double gain = best_.enter(told) ? 1 : 0;
    const bool counts = !told.failed && told.feasible() && told.exact;
    const bool improved = counts && better(told.objectives.front(), lowest_);
    if (improved) lowest_ = told.objectives.front();
    if (told.asked) gains_.emplace(told.number, Gain{method, gain, improved});
    if (method != scout || !told.asked) return;
    scout_->tell(told);
    ++scouted_;
    if (counts && better(told.objectives.front(), scout_lowest_)) {
      scout_lowest_ = told.objectives.front();
      scout_last_ = scouted_;
    }
    const auto patience = static_cast<std::size_t>(options_.patience);
    if (scouted_ >= 3 * patience / 2 && scouted_ - scout_last_ > patience / 2) send_scout();
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<std::size_t> methods;
    std::size_t modelled = 0, scouts = 0;
    for (std::size_t k = 0; k < request.count; ++k) {
      const std::uint64_t number = request.number + k, block = number / block_size;
      const auto known = shares_.find(block);
      methods.push_back(best_.empty() ? bayes : pick(number, known != shares_.end() ? known->second : shares_of(block)));
      modelled += methods.back() == bayes ? 1 : 0;
      scouts += methods.back() == scout ? 1 : 0;
    }
    AskRequest one = request;
    one.count = modelled;
    std::vector<arch::Point> from_model = modelled > 0 ? model_->ask(one) : std::vector<arch::Point>{};
    std::vector<arch::Point> out = from_model;
    std::size_t next_model = 0, next_scout = 0;
    std::vector<arch::Point> ordered;
    const auto fresh = [&](const arch::Point& p) { return request.fresh(p) && std::find(out.begin(), out.end(), p) == out.end(); };
    one.count = scouts;
    one.fresh = fresh;
    one.pending = {};
    const std::vector<arch::Point> from_scout = scouts > 0 ? scout_->ask(one) : std::vector<arch::Point>{};
    out.insert(out.end(), from_scout.begin(), from_scout.end());
    for (std::size_t k = 0; k < request.count; ++k) {
      if (methods[k] == scout && next_scout < from_scout.size()) {
        ordered.push_back(from_scout[next_scout++]);
        continue;
      }
      if (methods[k] == bayes && next_model < from_model.size()) {
        ordered.push_back(from_model[next_model++]);
        continue;
      }
      AskRequest single = request;
      single.count = 1;
      single.number = request.number + k;
      single.fresh = fresh;
      std::optional<arch::Point> point;
      if (methods[k] == local) {
        point = refine(single);
      } else if (const auto points = evolution_->ask(single); !points.empty()) {
        point = points.front();
      }
      if (!point) continue;
      out.push_back(*point);
      ordered.push_back(std::move(*point));
    }
    return ordered;
  }

 private:
  enum Method : std::size_t { bayes, evolution, local, scout };
  static constexpr std::size_t count = 4;
  static constexpr std::uint64_t block_size = 16;
  using Shares = std::array<double, count>;
  struct Gain {
    std::size_t method;
    double value;
    bool improved;  ///< the best
  };

  /// Lower by half a percent; anything is lower than nothing.
  static bool better(double value, double than) {
    constexpr double least = 0.005;
    return std::isinf(than) || value < than - least * std::abs(than);
  }

  void send_scout() {
    AgentSetup setup = own_;
    setup.seed = derive(derive(seed_, "scout"), sent_++);
    scout_ = std::move(bayes_info().make(setup).value());
    scouted_ = scout_last_ = 0;
    scout_lowest_ = HUGE_VAL;
  }


  Shares shares_of(std::uint64_t block) const {
    // A trial of the past counts less the longer ago it was; the first counts are what is believed before anything is seen.
    Shares tried{60, 10, 10, 1}, gained{30, 1.5, 1.5, 0};
    std::uint64_t improved = 0;
    constexpr double memory = 0.985;
    if (block >= 2) {
      for (const auto& [number, gain] : gains_) {
        if (number >= block_size * (block - 1)) break;
        if (gain.improved) improved = number;
        for (std::size_t m = 0; m < count; ++m) {
          tried[m] *= m == gain.method ? memory : 1;
          gained[m] *= m == gain.method ? memory : 1;
        }
        tried[gain.method] += 1;
        gained[gain.method] += gain.value;
      }
    }
    Shares out{};
    // Where models pay most: the first dozen trials per parameter. The others are only tried.
    constexpr double modelled = 12, probe = 0.03;
    if (static_cast<double>(block * block_size) < modelled * static_cast<double>(space_->parameters().size()))
      return {1 - 2 * probe, probe, probe, 0};
    double total = 0;
    for (std::size_t m = 0; m < scout; ++m) total += out[m] = std::pow(gained[m] / tried[m] + 1e-3, 2);
    const bool still = single_ && block * block_size > improved + static_cast<std::uint64_t>(options_.patience) + block_size;
    const double rest = still ? 1 - options_.scouting : 1;
    for (double& share : out) share = rest * (options_.floor + (1 - static_cast<double>(scout) * options_.floor) * share / total);
    out[scout] = 1 - rest;
    return out;
  }

  std::size_t pick(std::uint64_t number, const Shares& shares) const {
    return Random(derive(derive(seed_, "method"), number)).weighted(shares);
  }

  std::optional<arch::Point> refine(const AskRequest& request) const {
    if (best_.empty()) return {};
    Random random(request.seed(derive(seed_, "local")));
    const double d = static_cast<double>(std::max<std::size_t>(space_->parameters().size(), 1));
    Genome last;
    constexpr int tries = 24;
    for (int t = 0; t < tries; ++t) {
      last = best_.pick(random);
      mutate(*space_, last, random.chance(0.5) ? 0.0 : std::min(1.0, 1.0 / d), 0.03, random);
      arch::Point point = to_point(*space_, last);
      if (request.fresh(point)) return point;
    }
    return fresh_variant(*space_, last, request, {}, random);
  }

  std::shared_ptr<const arch::Space> space_;
  AutoOptions options_;
  std::uint64_t seed_;
  AgentSetup own_;
  bool single_;
  std::unique_ptr<Agent> model_, evolution_, scout_;
  double lowest_ = HUGE_VAL, scout_lowest_ = HUGE_VAL;
  std::size_t scouted_ = 0, scout_last_ = 0;  ///< trials of the present scout; those up to its best
  std::uint64_t sent_ = 0;
  Elites best_;
  std::map<std::uint64_t, Gain> gains_;
  std::map<std::uint64_t, Shares> shares_;
};

}  // namespace

AgentInfo auto_info() {
  return agent_info<Auto, AutoOptions>("auto", "portfolio: Sobol, constrained Gaussian processes, evolution and local refinement, shared by gain", 0);
}

}  // namespace gnomon::search
