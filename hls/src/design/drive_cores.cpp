#include <algorithm>
#include <map>

#include "design/cores_job.hpp"
#include "design/drive.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

/// Cores side by side, and the links that they share: an ideal memory's, the bus, and one for each shared level that is filled from another one.
class Cores : public sim::CycleUser {
 public:
  Cores(std::vector<LoadedModel>& models, CoresJob& job) : job_(job), ended_(job.labels.size(), false) {
    for (std::size_t c = 0; c < job.cores.size(); ++c) {
      Core& core = cores_.emplace_back();
      core.job = &job.cores[c];
      core.job->job.begins.assign(core.job->steps.size(), 0);
      const DesignProgram& program = core.job->job.program;
      core.units.resize(1 + program.shared_links.size());
      for (std::size_t u = 1; u < core.units.size(); ++u) core.units[u].link = &program.shared_links[u - 1];
      core.rtl = make_core_rtl(models[c], core.job->job, job.memory);
    }
  }

  Expected<void> run() {
    auto document = Document::parse(job_.design, "design");
    auto design = document ? arch::parse_design(*document) : fail(std::move(document.error()));
    if (!design) return fail(std::move(design.error()));
    for (const Core& core : cores_)
      if (auto ok = core.rtl->start(); !ok) return ok;
    // Every core has its own way to a device.
    one_memory_ = !design->memory.dram;
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
    for (Core& core : cores_)
      for (Unit& unit : core.units)
        if (unit.link != nullptr && unit.until == cycle_) {
          core.rtl->grant(*unit.link, false);
          busy_[unit.link->place] = false;
          unit.until = -1;
        }
  }

  std::vector<Request> hear(const Tags& released, const Tags& completed) override {
    if (finished()) return {};
    for (const std::uint64_t tag : released) {
      Core& core = cores_[tag >> tag_bits];
      if (core.job->job.program.device[own_tag(tag)].bus) busy_[DesignShape::bus_link] = false;
      busy_[memory_of(core)] = false;
      if (core.works) core.rtl->release();
    }
    std::vector<Tags> own(cores_.size());
    for (const std::uint64_t tag : completed) own[tag >> tag_bits].push_back(own_tag(tag));
    for (std::size_t c = 0; c < cores_.size(); ++c)
      if (cores_[c].works) cores_[c].rtl->complete(own[c]);
    // The order of the model: cores one after the other, then transfers, until nothing moves.
    std::vector<Request> requests;
    for (bool moved = true; moved;) {
      moved = false;
      for (Core& core : cores_) moved = (core.works && advance(core)) || moved;
      while (start_transfer(requests)) moved = true;
    }
    return requests;
  }

  bool finished() const override {
    return std::all_of(cores_.begin(), cores_.end(), [](const Core& core) { return core.rtl->finished(); }) ||
           std::any_of(cores_.begin(), cores_.end(), [](const Core& core) { return !core.job->job.stuck.empty(); });
  }

 private:
  /// A unit of transfers whose links other cores use too: the memory's (no link here), or a link's.
  struct Unit {
    const SharedLink* link = nullptr;
    std::int64_t started = 0;
    std::int64_t until = -1;        ///< it has the link before this cycle; the memory says so itself
    std::int64_t waits_since = -1;  ///< its next transfer, which has all but its links
  };
  struct Core {
    CoresJob::Core* job = nullptr;
    std::unique_ptr<CoreRtl> rtl;
    std::vector<Unit> units;
    std::size_t at = 0;      ///< its present work step, or the next one
    bool in_step = false, works = true;
  };
  static constexpr int tag_bits = 40;
  static constexpr std::int64_t first_memory = 1 << 20;
  static std::uint64_t own_tag(std::uint64_t tag) { return tag & ((std::uint64_t{1} << tag_bits) - 1); }
  CoresJob& job_;
  std::vector<bool> ended_;
  std::vector<Core> cores_;
  std::int64_t cycle_ = 0;
  bool one_memory_ = true;
  std::map<std::int64_t, bool> busy_;  ///< links, by their place in the design; behind the shared levels', the memory's or (of a device) each core's

  std::int64_t memory_of(const Core& core) const { return first_memory + (one_memory_ ? 0 : &core - cores_.data()); }

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

  /// The unit's next transfer is the core's next on its links, and what it waits for is there; by the program.
  bool has_all(const Core& core, const Unit& unit) const {
    const DesignProgram& program = core.job->job.program;
    if (!core.in_step) return false;
    const auto next = static_cast<std::size_t>(unit.started);
    if (unit.link != nullptr)
      return next < unit.link->transfers.size() && core.units[0].started >= unit.link->transfers[next].before && core.rtl->has(unit.link->transfers[next].need);
    if (next >= program.device.size()) return false;
    const DeviceTransfer& transfer = program.device[next];
    const auto bus = std::find_if(core.units.begin(), core.units.end(), [](const Unit& one) { return one.link != nullptr && one.link->place == DesignShape::bus_link; });
    return (bus == core.units.end() || bus->started >= transfer.before) && core.rtl->has(transfer.need);
  }

  bool links_free(const Core& core, const Unit& unit) {
    if (unit.link != nullptr) return !busy_[unit.link->place];
    const auto& device = core.job->job.program.device;
    const auto next = static_cast<std::size_t>(unit.started);
    return !busy_[memory_of(core)] && (next >= device.size() || !device[next].bus || !busy_[DesignShape::bus_link]);
  }

  /// The transfer that could begin first goes first, ties to the core that stands first. When it could, the program says; whether it does, the RTL.
  bool start_transfer(std::vector<Request>& requests) {
    Core* best_core = nullptr;
    Unit* best = nullptr;
    for (Core& core : cores_) {
      if (!core.works) continue;
      for (Unit& unit : core.units) {
        if (unit.waits_since < 0 && has_all(core, unit)) unit.waits_since = cycle_;
        const auto since = [&](const Unit& one) { return one.waits_since < 0 ? cycle_ : one.waits_since; };
        if (!links_free(core, unit) || (best != nullptr && since(unit) >= since(*best))) continue;
        if (!(unit.link != nullptr ? core.rtl->asks(*unit.link) : core.rtl->asks())) continue;
        best_core = &core;
        best = &unit;
      }
    }
    if (best == nullptr) return false;
    const auto next = static_cast<std::size_t>(best->started);
    if (best->link != nullptr) {
      if (next >= best->link->transfers.size()) return false;  // it begins what it was not given: it comes to no end
      busy_[best->link->place] = true;
      best->until = cycle_ + best->link->transfers[next].cycles;
      best_core->rtl->grant(*best->link, true);
    } else {
      auto request = best_core->rtl->begin_transfer();
      if (!request) return false;
      busy_[memory_of(*best_core)] = true;
      if (best_core->job->job.program.device[next].bus) busy_[DesignShape::bus_link] = true;
      request->tag |= static_cast<std::uint64_t>(best_core - cores_.data()) << tag_bits;
      request->core = best_core->job->index;
      requests.push_back(std::move(*request));
    }
    ++best->started;
    best->waits_since = -1;
    return true;
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
