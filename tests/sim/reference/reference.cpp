#include "reference.hpp"

#include <algorithm>

#include "machine.hpp"

namespace gnomon::sim::reference {

int level_link(const arch::Design& design, std::size_t core, std::size_t entry) {
  if (entry <= design.shared.size()) return 2 + static_cast<int>(entry);
  return 100 * static_cast<int>(core + 1) + static_cast<int>(entry);
}

const arch::Level& level_of(const arch::Design& design, std::size_t core, std::size_t entry) {
  std::vector<const arch::Level*> inwards{nullptr};
  for (auto level = design.shared.rbegin(); level != design.shared.rend(); ++level) inwards.push_back(&*level);
  for (auto level = design.cores[core].levels.rbegin(); level != design.cores[core].levels.rend(); ++level) inwards.push_back(&*level);
  return *inwards[entry];
}

std::vector<Outcome> run(const arch::Design& design, const std::vector<Job>& jobs, std::uint64_t seed) {
  struct Core {
    std::vector<std::size_t> jobs;
    std::size_t next = 0;
    std::unique_ptr<Work> work;
    std::map<int, std::vector<std::size_t>> queue;  // by link: transfers in order
    std::map<int, std::size_t> head;
  };
  std::vector<Core> cores(design.cores.size());
  for (std::size_t j = 0; j < jobs.size(); ++j) cores[jobs[j].core].jobs.push_back(j);
  std::vector<Outcome> outcomes(jobs.size());
  std::vector<bool> ended(jobs.size(), false);
  std::map<int, std::int64_t> link_free_at;
  const Random random(seed);

  constexpr std::int64_t limit = 20'000'000;
  for (std::int64_t now = 0; now < limit; ++now) {
    // What is over at this cycle.
    for (Core& core : cores) {
      if (!core.work) continue;
      for (Transfer& transfer : core.work->transfers) {
        if (!transfer.started || transfer.complete || transfer.complete_at != now) continue;
        transfer.complete = true;
        core.work->complete(transfer);
      }
      core.work->end(now);
    }
    // What begins; a work step that is over makes room for the next.
    for (bool moved = true; moved;) {
      moved = false;
      for (Core& core : cores) {
        if (core.work) {
          const auto& all = core.work->transfers;
          if (core.work->worked_off() && std::all_of(all.begin(), all.end(), [](const Transfer& t) { return t.complete; })) {
            const std::size_t job = core.jobs[core.next++];
            core.work->check();
            outcomes[job] = core.work->outcome;
            outcomes[job].latency = now - core.work->outcome.start;
            ended[job] = true;
            core.work.reset();
            moved = true;
          }
        }
        if (!core.work && core.next < core.jobs.size()) {
          const std::size_t job = core.jobs[core.next];
          const auto& after = jobs[job].after;
          if (!std::all_of(after.begin(), after.end(), [&](std::size_t before) { return ended[before]; })) continue;
          core.work = jobs[job].work != nullptr ? array_work(design, jobs[job], random.split(job)) : vector_work(design, jobs[job]);
          core.work->outcome.start = now;
          core.queue.clear();
          core.head.clear();
          for (std::size_t t = 0; t < core.work->transfers.size(); ++t) {
            for (const int link : core.work->transfers[t].links) core.queue[link].push_back(t);
          }
          moved = true;
        }
        if (core.work) {
          if (core.work->begin(now)) moved = true;
          core.work->end(now);  // a chunk may take no time
        }
      }
      // Transfers, one after the other, the one that may start earliest first.
      for (;;) {
        Core* chosen = nullptr;
        Transfer* best = nullptr;
        for (Core& core : cores) {
          if (!core.work) continue;
          for (auto& [link, queue] : core.queue) {
            if (core.head[link] == queue.size()) continue;
            Transfer& transfer = core.work->transfers[queue[core.head[link]]];
            const bool next_on_all = std::all_of(transfer.links.begin(), transfer.links.end(), [&](int l) {
              return core.head[l] < core.queue[l].size() && &core.work->transfers[core.queue[l][core.head[l]]] == &transfer;
            });
            if (!next_on_all) continue;
            if (transfer.may_start_at < 0 && core.work->may_start(transfer)) transfer.may_start_at = now;
            if (transfer.may_start_at < 0) continue;
            const bool free = std::all_of(transfer.links.begin(), transfer.links.end(), [&](int l) { return link_free_at[l] <= now; });
            if (!free) continue;
            if (best == nullptr || transfer.may_start_at < best->may_start_at) {
              best = &transfer;
              chosen = &core;
            }
          }
        }
        if (best == nullptr) break;
        best->started = true;
        best->complete_at = now + best->cycles + best->latency;
        for (const int link : best->links) {
          link_free_at[link] = now + best->cycles;
          ++chosen->head[link];
        }
        chosen->work->start(*best);
        moved = true;
      }
    }
    if (std::all_of(cores.begin(), cores.end(), [](const Core& core) { return !core.work && core.next == core.jobs.size(); })) return outcomes;
  }
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    if (!ended[j]) outcomes[j].error = "no end after " + std::to_string(limit) + " cycles";
  }
  return outcomes;
}

}  // namespace gnomon::sim::reference
