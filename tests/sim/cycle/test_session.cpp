#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <systemc>

#include "compare.hpp"
#include "gnomon/sim/memory_port.hpp"
#include "gnomon/sim/session.hpp"
#include "memory/ideal_memory.hpp"

namespace gnomon::sim::testing {
namespace {

double resident_kib() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  file >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

/// Answers of the memory, in picoseconds.
struct Asker : sc_core::sc_module, MemoryClient {
  std::vector<std::int64_t> released, completed;
  MemoryPort* port = nullptr;
  std::vector<MemoryRequest> requests;  // offered one after the other, as soon as the port is free
  explicit Asker(sc_core::sc_module_name name) : sc_module(name) {
    SC_HAS_PROCESS(Asker);
    SC_METHOD(ask);
    sensitive << next_;
  }
  void ask() {
    if (released.size() < requests.size()) port->request(requests[released.size()], *this);
  }
  void memory_released(std::uint64_t tag, std::int64_t time_ps) override {
    EXPECT_EQ(tag, released.size());
    released.push_back(time_ps);
    next_.notify(sc_core::SC_ZERO_TIME);
  }
  void memory_completed(std::uint64_t tag, std::int64_t time_ps) override {
    EXPECT_EQ(tag, completed.size());
    completed.push_back(time_ps);
  }
  sc_core::sc_event next_;
};

TEST(IdealMemory, TakesCeilOfBytesOverTheLowerRateAndAnswersAfterItsLatency) {
  auto session = SimSession::open();
  ASSERT_TRUE(session) << session.error().text();
  IdealMemory memory("memory", ClockDomain{1250}, 8, 10);
  Asker asker("asker");
  asker.port = &memory;
  // time, address, bytes, write, requester, rate of the other end, tag
  const auto request = [](std::int64_t time_ps, std::uint64_t address, std::int64_t bytes, bool write, std::int64_t bytes_per_cycle, std::uint64_t tag) {
    MemoryRequest one;
    one.time_ps = time_ps;
    one.address = address;
    one.bytes = bytes;
    one.write = write;
    one.bytes_per_cycle = bytes_per_cycle;
    one.tag = tag;
    return one;
  };
  asker.requests = {request(0, 0, 64, false, 0, 0), request(0, 64, 65, true, 0, 1), request(0, 0, 64, false, 3, 2), request(100000, 0, 1, false, 0, 3)};
  ASSERT_TRUE(session->run());
  // 64/8 = 8 cycles, then ceil(65/8) = 9, then ceil(64/3) = 22; the last starts at its own time, 80 cycles.
  EXPECT_EQ(asker.released, (std::vector<std::int64_t>{8 * 1250, 17 * 1250, 39 * 1250, 81 * 1250}));
  EXPECT_EQ(asker.completed, (std::vector<std::int64_t>{18 * 1250, 27 * 1250, 49 * 1250, 91 * 1250}));
}

TEST(ClockDomain, CrossingLandsOnTheNextEdge) {
  const ClockDomain clock{833};
  EXPECT_EQ(clock.next_edge(0), 0);
  EXPECT_EQ(clock.next_edge(1), 833);
  EXPECT_EQ(clock.next_edge(833), 833);
  EXPECT_EQ(clock.next_edge(834), 1666);
  EXPECT_EQ(clock.cycles(834), 2);
  EXPECT_EQ(clock.time_ps(3), 2499);
}

TEST(SimSession, OneAtATime) {
  auto first = SimSession::open();
  ASSERT_TRUE(first);
  const auto second = SimSession::open();
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text().find("a simulation is running in this process already"), std::string::npos);
  Random random(5);
  const RandomCase drawn = random_case(random);
  EXPECT_FALSE(run_cycle_model(drawn.design, cycle_steps_of(drawn)));
}

TEST(SimSession, ReportsOfSystemCBecomeErrors) {
  auto session = SimSession::open();
  ASSERT_TRUE(session);
  struct Broken : sc_core::sc_module {
    explicit Broken(sc_core::sc_module_name name) : sc_module(name) {
      SC_HAS_PROCESS(Broken);
      SC_METHOD(fail);
    }
    void fail() { SC_REPORT_ERROR("test", "on purpose"); }
  };
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  {
    Broken broken("broken");
    const auto ran = session->run();
    ASSERT_FALSE(ran);
    EXPECT_NE(ran.error().text().find("on purpose"), std::string::npos);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr(), "");
}

TEST(SimSession, ThousandsInOneProcessNeedHardlyMoreMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitiser holds freed memory back";
#endif
  Random random(7);
  const RandomCase drawn = random_case(random);
  const auto steps = cycle_steps_of(drawn);
  const auto first = run_cycle_model(drawn.design, steps);
  ASSERT_TRUE(first) << first.error().text();
  for (int run = 0; run < 100; ++run) ASSERT_TRUE(run_cycle_model(drawn.design, steps));
  const double before = resident_kib();
  constexpr int runs = 2000;
  for (int run = 0; run < runs; ++run) {
    const auto again = run_cycle_model(drawn.design, steps);
    ASSERT_TRUE(again) << again.error().text();
    ASSERT_EQ(again->steps[0].latency_cycles, first->steps[0].latency_cycles);
    ASSERT_EQ(again->simulated_cycles, first->simulated_cycles);
  }
  const double per_run = (resident_kib() - before) / runs;
  RecordProperty("kib_per_run", std::to_string(per_run));
  std::printf("%.1f KiB a run\n", per_run);
  // The kernel's context that each session leaves behind.
  EXPECT_LT(per_run, 32);
}

}  // namespace
}  // namespace gnomon::sim::testing
