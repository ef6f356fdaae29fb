#include <algorithm>

#include "agents/builtin.hpp"
#include "agents/genome.hpp"
#include "agents/info.hpp"

namespace gnomon::search {
namespace {

struct RandomOptions {};
void describe(FieldVisitor&, RandomOptions&) {}

/// Uniform over the points that the rules allow, without repetition.
class RandomAgent final : public Agent {
 public:
  RandomAgent(const AgentSetup& setup, const RandomOptions&) : space_(setup.space), seed_(derive(setup.seed, "random")) {}

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    for (std::size_t i = 0; i < request.count; ++i) {
      // One stream per trial: what a trial is does not depend on how many are asked at a time.
      AskRequest one = request;
      one.number = request.number + i;
      Random random(one.seed(seed_));
      for (int t = 0; t < 100; ++t) {
        auto point = space_->sample(random);
        if (!point) break;
        if (!request.fresh(*point) || std::find(out.begin(), out.end(), *point) != out.end()) continue;
        out.push_back(std::move(*point));
        break;
      }
    }
    return out;
  }
  void tell(const Told&) override {}

 private:
  std::shared_ptr<const arch::Space> space_;
  std::uint64_t seed_;
};

}  // namespace

AgentInfo random_info() {
  return agent_info<RandomAgent, RandomOptions>("random", "uniform draws without repetition", 0);
}

}  // namespace gnomon::search
