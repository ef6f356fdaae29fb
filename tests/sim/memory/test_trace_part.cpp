// Traces from a part of their simulation. Truth: the whole simulation, recounts of the trace, arrival times.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/trace_part.hpp"

namespace gnomon::sim {
namespace {

class Listed final : public TraceSource {
 public:
  explicit Listed(const std::vector<TraceRequest>& requests) : requests_(requests) {}
  bool next(TraceRequest& request) override {
    if (at_ == requests_.size()) return false;
    request = requests_[at_++];
    return true;
  }

 private:
  const std::vector<TraceRequest>& requests_;
  std::size_t at_ = 0;
};

arch::Dram device(const std::string& name) {
  auto dram = arch::load_dram(name);
  if (!dram) throw std::runtime_error(dram.error().text());
  return std::move(*dram);
}

std::vector<TraceRequest> drawn(const arch::Dram& dram, const std::string& kind, std::uint64_t seed, std::int64_t count) {
  auto source = random_trace(kind, trace_kinds(), seed, count, dram.bytes(), dram.burst_bytes, trace_peak(dram));
  std::vector<TraceRequest> out;
  for (TraceRequest r; source->next(r);) out.push_back(r);
  return out;
}

TraceOpener opener(const std::vector<TraceRequest>& requests) {
  return [&requests]() -> Expected<std::unique_ptr<TraceSource>> { return std::make_unique<Listed>(requests); };
}

std::vector<TraceRequest> streamed(std::int64_t count, std::uint64_t first) {
  std::vector<TraceRequest> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back({0, first + 64 * static_cast<std::uint64_t>(i), false});
  return out;
}

TEST(TracesTogether, OneIsAsAlone) {
  const arch::Dram dram = device("ddr4-2400");
  const auto requests = drawn(dram, "mix", 5, 5000);
  Listed alone(requests), together(requests);
  const auto one = run_trace(dram, alone);
  const auto same = run_traces(dram, {&together});
  ASSERT_TRUE(one && same);
  EXPECT_EQ(one->statistics.cycles, same->statistics.cycles);
  EXPECT_EQ(one->statistics.row_hits, same->statistics.row_hits);
  EXPECT_EQ(same->end_cycles, std::vector<std::int64_t>{same->statistics.cycles});
}

TEST(TracesTogether, ShareTheMemory) {
  const arch::Dram dram = device("ddr4-2400");
  const auto a = streamed(4000, 0), b = streamed(2000, std::uint64_t{1} << 31);
  Listed first(a), second(b), alone(a);
  const auto both = run_traces(dram, {&first, &second});
  const auto one = run_trace(dram, alone);
  ASSERT_TRUE(both && one);
  ASSERT_EQ(both->statistics.requesters.size(), 2U);
  EXPECT_EQ(both->statistics.requesters[0].reads, 4000);
  EXPECT_EQ(both->statistics.requesters[1].reads, 2000);
  EXPECT_GT(both->end_cycles[0], one->statistics.cycles);
  EXPECT_LT(both->end_cycles[1], both->end_cycles[0]);
  EXPECT_EQ(std::max(both->end_cycles[0], both->end_cycles[1]), both->statistics.cycles);
  EXPECT_FALSE(run_traces(dram, {}));
}

TEST(TraceScan, CountsAsARecount) {
  const arch::Dram dram = device("ddr3-1600");
  for (const std::string& kind : trace_kinds()) {
    const auto requests = drawn(dram, kind, 11, 3001);
    Listed source(requests);
    const auto scan = scan_trace(dram, source);
    ASSERT_TRUE(scan) << scan.error().text();
    std::int64_t writes = 0, turns = 0, next = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      writes += requests[i].write;
      if (i == 0) continue;
      turns += requests[i].write != requests[i - 1].write;
      const auto distance = static_cast<std::int64_t>(requests[i].address) - static_cast<std::int64_t>(requests[i - 1].address);
      next += std::abs(distance) <= dram.burst_bytes;
    }
    EXPECT_EQ(scan->requests, 3001);
    EXPECT_EQ(scan->writes, writes) << kind;
    EXPECT_NEAR(scan->turns * 3001, static_cast<double>(turns), 1e-6) << kind;
    EXPECT_NEAR(scan->next * 3001, static_cast<double>(next), 1e-6) << kind;
    EXPECT_EQ(scan->last_arrival_cycle, requests.back().cycle);
    EXPECT_NEAR(scan->bus + scan->group + scan->bank + scan->activate + scan->turn + scan->buffer + scan->port, 1, 1e-9) << kind;
    EXPECT_NEAR(scan->cost_at(3001), scan->cost_cycles, 1e-6);
    EXPECT_LE(scan->cost_at(1000), scan->cost_at(1500));
    // No order of the requests could be done in less than the data bus takes.
    EXPECT_GE(scan->cost_cycles, 3001.0 * dram.burst_cycles - 1e-6) << kind;
  }
}

TEST(TraceScan, HitsOfAStreamAreAllButRows) {
  const arch::Dram dram = device("ddr4-2400");
  const auto requests = streamed(8192, 0);  // 512 KiB: rows of 8 KiB
  Listed source(requests);
  const auto scan = scan_trace(dram, source);
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->hits, 8192.0 - 64);
  EXPECT_EQ(scan->next, 8191.0 / 8192);
}

/// Median and worst over kinds, of parts of 1,000 requests; the bench measures longer traces.
TEST(TracePart, TellsTheWhole) {
  std::vector<double> errors;
  for (const char* name : {"ddr4-2400", "lpddr4-3200"}) {
    const arch::Dram dram = device(name);
    std::uint64_t seed = 100;
    for (const std::string& kind : trace_kinds()) {
      const auto requests = drawn(dram, kind, ++seed, 20'000);
      const auto part = simulate_trace_part(dram, {opener(requests)}, 0.05);
      ASSERT_TRUE(part) << part.error().text();
      Listed source(requests);
      const auto whole = run_traces(dram, {&source});
      ASSERT_TRUE(whole);
      EXPECT_LE(part->simulated, 20'000 * 0.06) << kind;
      EXPECT_GT(part->simulated, 20'000 * 0.03) << kind;
      const double told = trace_throughput(dram, 20'000, part->cycles), truth = trace_throughput(dram, 20'000, static_cast<double>(whole->end_cycles[0]));
      std::cout << name << " " << kind << " seed " << seed << ": " << told << " told, " << truth << " true\n";
      errors.push_back(std::abs(told - truth));
      EXPECT_NEAR(part->row_hit_rate, static_cast<double>(whole->statistics.row_hits) / 20'000, 0.12) << kind;
      EXPECT_NEAR(*part->energy_pj / whole->statistics.energy->total_pj(), 1, 0.15) << kind;
    }
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.025);
  EXPECT_LT(errors.back(), 0.15);
}

/// The first twentieth says nothing of a second half that is of another kind.
TEST(TracePart, SeesPhases) {
  const arch::Dram dram = device("ddr4-2400");
  auto requests = streamed(20'000, 0);
  const auto scattered = drawn(dram, "random", 3, 20'000);
  for (const TraceRequest& r : scattered) requests.push_back({0, r.address, false});
  const auto part = simulate_trace_part(dram, {opener(requests)}, 0.05);
  Listed source(requests);
  const auto whole = run_traces(dram, {&source});
  ASSERT_TRUE(part && whole);
  const double truth = static_cast<double>(whole->end_cycles[0]);
  EXPECT_NEAR(part->cycles / truth, 1, 0.06);
  std::vector<TraceRequest> begin(requests.begin(), requests.begin() + 2000);
  Listed first(begin);
  EXPECT_LT(20.0 * static_cast<double>(run_traces(dram, {&first})->statistics.cycles) / truth, 0.92);
}

/// A trace that leaves the memory idle ends with its last arrival.
TEST(TracePart, ArrivalsSetTheEnd) {
  const arch::Dram dram = device("ddr4-2400");
  auto requests = drawn(dram, "random", 9, 20'000);
  for (std::size_t i = 0; i < requests.size(); ++i) requests[i].cycle = static_cast<std::int64_t>(i) * 40;
  const auto part = simulate_trace_part(dram, {opener(requests)}, 0.05);
  ASSERT_TRUE(part);
  EXPECT_NEAR(part->cycles, 40.0 * 20'000, 0.01 * 40 * 20'000);
}

TEST(TracePart, TwoTracesOfOtherLengths) {
  const arch::Dram dram = device("ddr4-2400");
  const auto a = drawn(dram, "blocks", 21, 40'000), b = streamed(10'000, 0);
  const auto part = simulate_trace_part(dram, {opener(a), opener(b)}, 0.05);
  ASSERT_TRUE(part) << part.error().text();
  Listed first(a), second(b);
  const auto whole = run_traces(dram, {&first, &second});
  ASSERT_TRUE(whole);
  for (std::size_t p = 0; p < 2; ++p) {
    const std::int64_t requests = part->ports[p].scan.requests;
    EXPECT_NEAR(trace_throughput(dram, requests, part->ports[p].cycles), trace_throughput(dram, requests, static_cast<double>(whole->end_cycles[p])), 0.05) << p;
  }
  const auto again = simulate_trace_part(dram, {opener(a), opener(b)}, 0.05);
  EXPECT_EQ(again->cycles, part->cycles);
  EXPECT_EQ(again->energy_pj, part->energy_pj);
  const auto features = trace_part_features(dram, *part, 1);
  for (const TracePartFeature& feature : features) EXPECT_TRUE(std::isfinite(feature.value)) << feature.name;
}

TEST(TracePart, Refusals) {
  const arch::Dram dram = device("ddr4-2400");
  const auto few = streamed(1000, 0);
  for (const double fraction : {0.0, 1.0, -1.0, std::nan("")}) EXPECT_FALSE(simulate_trace_part(dram, {opener(few)}, fraction));
  const auto part = simulate_trace_part(dram, {opener(few)}, 0.05);
  ASSERT_FALSE(part);
  EXPECT_NE(part.error().text().find("1000 requests are too few"), std::string::npos) << part.error().text();
  std::vector<TraceRequest> outside(2000, {0, static_cast<std::uint64_t>(dram.bytes()), false});
  EXPECT_NE(simulate_trace_part(dram, {opener(outside)}, 0.05).error().text().find("outside the memory"), std::string::npos);
  EXPECT_FALSE(simulate_trace_part(dram, {}, 0.05));
}

}  // namespace
}  // namespace gnomon::sim
