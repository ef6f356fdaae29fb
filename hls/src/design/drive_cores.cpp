#include <algorithm>

#include "design/cores_job.hpp"
#include "design/drive.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

/// Cores side by side. All their transfers with the memory pass the bus, one at a time, so one link is decided on whatever the memory is.
class Cores : public sim::CycleUser {
 public:
  Cores(std::vector<LoadedModel>& models, CoresJob& job) : job_(job), ended_(job.labels.size(), false) {
    for (std::size_t c = 0; c < job.cores.size(); ++c) {
      Core& core = cores_.emplace_back();
      core.job = &job.cores[c];
      core.job->job.begins.assign(core.job->steps.size(), 0);
      core.rtl = make_core_rtl(models[c], core.job->job, job.memory);
    }
  }

  Expected<void> run() {
    auto document = Document::parse(job_.design, "design");
    auto design = document ? arch::parse_design(*document) : fail(std::move(document.error()));
    if (!design) return fail(std::move(design.error()));
    for (const Core& core : cores_)
      if (auto ok = core.rtl->start(); !ok) return ok;
    if (auto ran = sim::run_against_memory(*design, *this); !ran) return fail(std::move(ran.error()));
    for (const Core& core : cores_)
      if (auto ok = core.rtl->write_record(); !ok) return ok;
    return {};
  }

  void begin(std::int64_t cycle) override {
    if (cycle > 0) end_cycle();
    cycle_ = cycle;
    for (Core& core : cores_) core.works = !core.rtl->finished();
    if (stuck()) return;
    for (const Core& core : cores_)
      if (core.works) core.rtl->begin_cycle();
  }

  std::optional<Request> hear(const Tags& released, const Tags& completed) override {
    if (!released.empty()) bus_free_ = true;
    if (finished()) return std::nullopt;
    std::vector<Tags> own(cores_.size());
    for (const std::uint64_t tag : completed) own[tag >> tag_bits].push_back(tag & ((std::uint64_t{1} << tag_bits) - 1));
    for (std::size_t c = 0; c < cores_.size(); ++c)
      if (cores_[c].works) cores_[c].rtl->complete(own[c]);
    // The order of the model: cores one after the other, then transfers, until nothing moves.
    std::optional<Request> request;
    for (bool moved = true; moved;) {
      moved = false;
      for (Core& core : cores_) moved = (core.works && advance(core)) || moved;
      if (auto asked = start_transfer()) {
        request = std::move(asked);
        moved = true;
      }
    }
    return request;
  }

  bool finished() const override {
    return std::all_of(cores_.begin(), cores_.end(), [](const Core& core) { return core.rtl->finished(); }) ||
           std::any_of(cores_.begin(), cores_.end(), [](const Core& core) { return !core.job->job.stuck.empty(); });
  }

 private:
  struct Core {
    CoresJob::Core* job = nullptr;
    std::unique_ptr<CoreRtl> rtl;
    std::size_t at = 0;      ///< its present work step, or the next one
    bool in_step = false, works = true;
    std::int64_t waits_since = -1;  ///< its next transfer, which has all but the link
  };
  static constexpr int tag_bits = 40;
  CoresJob& job_;
  std::vector<bool> ended_;
  std::vector<Core> cores_;
  std::int64_t cycle_ = 0;
  bool bus_free_ = true;

  /// Ends the present work step, and begins the next one if what it reads is there; whether something of that happened.
  bool advance(Core& core) {
    bool moved = false;
    if (core.in_step) {
      if (!core.rtl->reached(core.at)) return false;
      ended_[core.job->steps[core.at++]] = true;
      core.in_step = false;
      moved = true;
    }
    if (core.at == core.job->steps.size()) return moved;
    const auto& after = job_.after[core.job->steps[core.at]];
    const bool granted = std::all_of(after.begin(), after.end(), [&](std::size_t step) { return ended_[step]; });
    core.rtl->set_run(granted);
    if (!granted) return moved;
    core.in_step = true;
    core.job->job.begins[core.at] = cycle_;
    return true;
  }

  /// The transfer that could begin first goes first, ties to the core that stands first. When it could, the program says; whether it does, the RTL.
  std::optional<sim::CycleUser::Request> start_transfer() {
    Core* best = nullptr;
    for (Core& core : cores_) {
      if (!core.works) continue;
      if (core.waits_since < 0 && core.in_step && core.rtl->next_has_all()) core.waits_since = cycle_;
      const auto since = [&](const Core& one) { return one.waits_since < 0 ? cycle_ : one.waits_since; };
      if (bus_free_ && (best == nullptr || since(core) < since(*best)) && core.rtl->asks()) best = &core;
    }
    if (best == nullptr) return std::nullopt;
    auto request = best->rtl->begin_transfer();
    if (!request) return std::nullopt;
    bus_free_ = false;
    // Its next one may have all it needs at once.
    best->waits_since = best->in_step && best->rtl->next_has_all() ? cycle_ : -1;
    request->tag |= static_cast<std::uint64_t>(best - cores_.data()) << tag_bits;
    request->core = best->job->index;
    return request;
  }

  void end_cycle() {
    for (const Core& core : cores_)
      if (core.works) core.rtl->end_cycle();
  }

  /// Notes where the cores stand if they do not come to their end.
  bool stuck() {
    if (finished()) return false;
    std::int64_t moved = 0;
    for (const Core& core : cores_) moved = std::max(moved, core.rtl->last_moved());
    const bool late = cycle_ > job_.max_cycles;
    if (!late && cycle_ - moved <= job_.patience_cycles) return false;
    for (const Core& core : cores_) {
      if (core.rtl->finished()) continue;
      std::string why = late ? "it has not finished after " + std::to_string(cycle_) + " cycles" : "nothing has moved at the cores' ports since cycle " + std::to_string(moved);
      const std::size_t step = core.job->steps[std::min(core.at, core.job->steps.size() - 1)];
      std::string awaited;
      for (const std::size_t before : job_.after[step])
        if (!ended_[before] && !core.in_step) awaited += (awaited.empty() ? "" : ", ") + in_quotes(job_.labels[before]);
      why += ", in step " + in_quotes(job_.labels[step]) + (awaited.empty() ? "" : ", which waits for the end of " + awaited);
      core.rtl->give_up(late ? cycle_ : moved, why);
    }
    return true;
  }
};

}  // namespace

Expected<void> drive_cores(std::vector<LoadedModel>& models, CoresJob& job) { return Cores(models, job).run(); }

}  // namespace gnomon::hls
