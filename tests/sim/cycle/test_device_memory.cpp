#include <gtest/gtest.h>

#include <iostream>
#include <systemc>

#include "gnomon/base/random.hpp"
#include "gnomon/sim/device_memory.hpp"
#include "gnomon/sim/session.hpp"
#include "gnomon/sim/tlm.h"

#include <tlm_utils/simple_initiator_socket.h>

namespace gnomon::sim {
namespace {

constexpr std::uint64_t seed = 20260601;

struct Job {
  std::int64_t time_ps = 0;
  std::uint64_t address = 0;
  std::int64_t bytes = 0;
  bool write = false;
};

std::vector<Job> random_jobs(int count, std::uint64_t which, const arch::Dram& dram) {
  Random random(seed + which);
  std::vector<Job> jobs;
  std::int64_t time_ps = 0;
  for (int i = 0; i < count; ++i) {
    // Bursts of work, and pauses of up to a few refresh intervals.
    time_ps += random.integer(0, 9) == 0 ? random.integer(0, 20'000'000) : random.integer(0, 20'000);
    const std::int64_t bytes = random.integer(1, 3) == 1 ? random.integer(1, 4096) : 64;
    const auto address = static_cast<std::uint64_t>(random.integer(0, dram.bytes() - bytes));
    jobs.push_back({time_ps, address, bytes, random.integer(0, 2) == 0});
  }
  return jobs;
}

std::int64_t burst_floor(const arch::Dram& dram, std::uint64_t address) { return static_cast<std::int64_t>(address) / dram.burst_bytes * dram.burst_bytes; }

/// Time at which each job was released and completed.
struct Times {
  std::vector<std::int64_t> released, completed;
};

/// Truth: the controller model by itself, driven cycle by cycle without SystemC. One port; the next job is offered when its time has come and
/// the port is free.
struct Direct : DramClient {
  Times times;
  std::int64_t tck_ps = 1, array_ps = 1;
  std::size_t open = 0;
  void released(std::uint64_t tag, std::int64_t cycle) override { times.released[tag] = edge(cycle); }
  void completed(std::uint64_t tag, std::int64_t cycle) override { times.completed[tag] = edge(cycle); }
  std::int64_t edge(std::int64_t cycle) const { return (cycle * tck_ps + array_ps - 1) / array_ps * array_ps; }
};
Times direct(const arch::Dram& dram, const std::vector<Job>& jobs, std::int64_t array_ps) {
  Direct client;
  client.tck_ps = dram.tck_ps();
  client.array_ps = array_ps;
  client.times.released.assign(jobs.size(), -1);
  client.times.completed.assign(jobs.size(), -1);
  DramSystem system(dram);
  const int port = system.add_port(client);
  std::int64_t free_ps = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::int64_t at_ps = std::max((jobs[i].time_ps + array_ps - 1) / array_ps * array_ps, free_ps);
    const std::int64_t cycle = (at_ps + client.tck_ps - 1) / client.tck_ps;
    while (system.now() < cycle - 1) system.run(cycle - 1);
    const std::int64_t first = burst_floor(dram, jobs[i].address);
    const std::int64_t end = burst_floor(dram, jobs[i].address + static_cast<std::uint64_t>(jobs[i].bytes - 1)) + dram.burst_bytes;
    EXPECT_TRUE(system.submit(port, {static_cast<std::uint64_t>(first), end - first, jobs[i].write, i, 0}, cycle));
    // One cycle at a time, so that nothing is run ahead of what may still be asked.
    while (client.times.released[i] < 0) system.run(system.now() + 1);
    free_ps = client.times.released[i];
  }
  while (!system.idle()) system.run(system.now() + 1);
  return client.times;
}

struct Asker : sc_core::sc_module, MemoryClient {
  MemoryPort* port = nullptr;
  std::vector<Job> jobs;
  std::int64_t array_ps = 1;
  Times times;
  std::size_t next = 0;
  bool busy = false;
  sc_core::sc_event wake;
  Asker(sc_core::sc_module_name name, MemoryPort& to, std::vector<Job> work, std::int64_t period_ps) : sc_module(name), port(&to), jobs(std::move(work)), array_ps(period_ps) {
    times.released.assign(jobs.size(), -1);
    times.completed.assign(jobs.size(), -1);
    SC_HAS_PROCESS(Asker);
    SC_METHOD(ask);
    sensitive << wake;
  }
  void ask() {
    if (busy || next == jobs.size()) return;
    const auto now = static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
    const std::int64_t due = (jobs[next].time_ps + array_ps - 1) / array_ps * array_ps;
    if (due > now) {
      wake.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(due - now)));
      return;
    }
    MemoryRequest request;
    request.time_ps = now;
    request.address = jobs[next].address;
    request.bytes = jobs[next].bytes;
    request.write = jobs[next].write;
    request.tag = next++;
    busy = true;
    port->request(request, *this);
  }
  void memory_released(std::uint64_t tag, std::int64_t time_ps) override {
    times.released[tag] = time_ps;
    busy = false;
    wake.notify(sc_core::SC_ZERO_TIME);
  }
  void memory_completed(std::uint64_t tag, std::int64_t time_ps) override { times.completed[tag] = time_ps; }
};

/// A clock that does nothing: the model behind the port must not run past events that could ask something.
struct Ticker : sc_core::sc_module {
  std::int64_t left;
  sc_core::sc_event tick;
  explicit Ticker(sc_core::sc_module_name name, std::int64_t count) : sc_module(name), left(count) {
    SC_HAS_PROCESS(Ticker);
    SC_METHOD(on_tick);
    sensitive << tick;
  }
  void on_tick() {
    if (left-- > 0) tick.notify(sc_core::sc_time(777, sc_core::SC_PS));
  }
};

class DeviceMemoryOn : public ::testing::TestWithParam<const char*> {};

// Truth: the controller model driven by hand (above). 1250 ps: an array clock that is no multiple of the memory's.
TEST_P(DeviceMemoryOn, AnswersAsTheControllerModelDoes) {
  std::cout << "seed " << seed << "\n";
  const auto dram = arch::load_dram(GetParam());
  ASSERT_TRUE(dram) << dram.error().text();
  for (const std::int64_t array_ps : {1250, 400}) {
    const auto jobs = random_jobs(300, static_cast<std::uint64_t>(array_ps), *dram);
    const Times want = direct(*dram, jobs, array_ps);
    for (const std::int64_t ticks : {0, 20000}) {
      auto session = SimSession::open();
      ASSERT_TRUE(session);
      auto memory = make_device_memory("memory", *dram, ClockDomain{array_ps}, 1);
      Asker asker("asker", memory->port(0), jobs, array_ps);
      Ticker ticker("ticker", ticks);
      ASSERT_TRUE(session->run());
      EXPECT_EQ(asker.times.released, want.released) << GetParam() << " " << array_ps << " ticks " << ticks;
      EXPECT_EQ(asker.times.completed, want.completed) << GetParam() << " " << array_ps << " ticks " << ticks;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Devices, DeviceMemoryOn, ::testing::Values("ddr3-1600", "ddr4-2400", "lpddr4-3200", "hbm2-2000"));

// Truth: bytes asked for, in whole bursts; a burst that two pieces share is read once.
TEST(DeviceMemory, PiecesBecomeBurstsEachOnce) {
  const auto dram = arch::load_dram("ddr4-2400");
  ASSERT_TRUE(dram);
  auto session = SimSession::open();
  ASSERT_TRUE(session);
  auto memory = make_device_memory("memory", *dram, ClockDomain{1000}, 1);
  struct Once : sc_core::sc_module, MemoryClient {
    MemoryPort& port;
    std::int64_t completed = -1, released = -1;
    std::vector<MemoryRun> runs{{0, 1}, {10, 20}, {63, 2}, {128, 64}, {1000, 1}};  // bursts 0, 1, 2, 15
    Once(sc_core::sc_module_name name, MemoryPort& to) : sc_module(name), port(to) {
      SC_HAS_PROCESS(Once);
      SC_METHOD(ask);
    }
    void ask() {
      MemoryRequest request;
      request.bytes = 88;
      request.runs = runs;
      request.bytes_per_cycle = 1;
      port.request(request, *this);
    }
    void memory_released(std::uint64_t, std::int64_t time_ps) override { released = time_ps; }
    void memory_completed(std::uint64_t, std::int64_t time_ps) override { completed = time_ps; }
  } once("once", memory->port(0));
  ASSERT_TRUE(session->run());
  EXPECT_EQ(memory->statistics().reads, 4);
  // The other end takes a byte a cycle: 88 cycles, whatever the memory could do.
  EXPECT_EQ(once.released, 88'000);
  EXPECT_EQ(once.completed, 88'000);
}

/// An AT initiator that obeys the base protocol's exclusion rules and answers responses at once.
struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> socket;
  std::vector<Job> jobs;
  std::int64_t array_ps;
  Times times;
  std::size_t next = 0;
  bool busy = false;
  sc_core::sc_event wake;
  std::deque<tlm::tlm_generic_payload> payloads;
  std::vector<std::array<unsigned char, 4096>> data;
  Initiator(sc_core::sc_module_name name, std::vector<Job> work, std::int64_t period_ps) : sc_module(name), socket("socket"), jobs(std::move(work)), array_ps(period_ps), data(jobs.size()) {
    times.released.assign(jobs.size(), -1);
    times.completed.assign(jobs.size(), -1);
    socket.register_nb_transport_bw(this, &Initiator::nb_transport_bw);
    SC_HAS_PROCESS(Initiator);
    SC_METHOD(ask);
    sensitive << wake;
  }
  void ask() {
    if (busy || next == jobs.size()) return;
    const auto now = static_cast<std::int64_t>(sc_core::sc_time_stamp().value());
    const std::int64_t due = (jobs[next].time_ps + array_ps - 1) / array_ps * array_ps;
    if (due > now) {
      wake.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(due - now)));
      return;
    }
    tlm::tlm_generic_payload& payload = payloads.emplace_back();
    payload.set_command(jobs[next].write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(jobs[next].address);
    payload.set_data_length(static_cast<unsigned>(jobs[next].bytes));
    payload.set_streaming_width(static_cast<unsigned>(jobs[next].bytes));
    data[next].fill(static_cast<unsigned char>(next));
    payload.set_data_ptr(data[next].data());
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    ++next;
    busy = true;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    EXPECT_EQ(socket->nb_transport_fw(payload, phase, delay), tlm::TLM_ACCEPTED);
  }
  std::size_t index(const tlm::tlm_generic_payload& payload) const {
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      if (&payloads[i] == &payload) return i;
    }
    return payloads.size();
  }
  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    const auto now = static_cast<std::int64_t>((sc_core::sc_time_stamp() + delay).value());
    if (phase == tlm::END_REQ) {
      times.released[index(payload)] = now;
      busy = false;
      wake.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_ACCEPTED;
    }
    EXPECT_EQ(phase, tlm::BEGIN_RESP);
    EXPECT_TRUE(payload.is_response_ok()) << payload.get_response_string();
    times.completed[index(payload)] = now;
    phase = tlm::END_RESP;
    return tlm::TLM_UPDATED;
  }
};

// Truth: the port's own times for the same requests.
TEST(MemoryTlmTarget, FourPhasesHaveThePortsCycles) {
  std::cout << "seed " << seed << "\n";
  const auto dram = arch::load_dram("ddr4-2400");
  ASSERT_TRUE(dram);
  const auto jobs = random_jobs(300, 5, *dram);
  Times want;
  {
    auto session = SimSession::open();
    ASSERT_TRUE(session);
    auto memory = make_device_memory("memory", *dram, ClockDomain{1000}, 1);
    Asker asker("asker", memory->port(0), jobs, 1000);
    ASSERT_TRUE(session->run());
    want = asker.times;
  }
  auto session = SimSession::open();
  ASSERT_TRUE(session);
  auto memory = make_device_memory("memory", *dram, ClockDomain{1000}, 1);
  MemoryTlmTarget target("target", memory->port(0), static_cast<std::uint64_t>(dram->bytes()));
  Initiator initiator("initiator", jobs, 1000);
  initiator.socket.bind(target.socket);
  ASSERT_TRUE(session->run());
  EXPECT_EQ(initiator.times.released, want.released);
  EXPECT_EQ(initiator.times.completed, want.completed);
}

// Truth: what was written comes back; a memory keeps its bytes. Accesses outside get the standard's address error.
TEST(MemoryTlmTarget, BlockingAndDebugCallsMoveData) {
  const auto dram = arch::load_dram("ddr3-1600");
  ASSERT_TRUE(dram);
  auto session = SimSession::open();
  ASSERT_TRUE(session);
  auto memory = make_device_memory("memory", *dram, ClockDomain{1000}, 1);
  const auto bytes = static_cast<std::uint64_t>(dram->bytes());
  MemoryTlmTarget target("target", memory->port(0), bytes);
  struct Blocking : sc_core::sc_module {
    tlm_utils::simple_initiator_socket<Blocking> socket;
    std::uint64_t end;
    bool done = false;
    Blocking(sc_core::sc_module_name name, std::uint64_t bytes) : sc_module(name), socket("socket"), end(bytes) {
      SC_HAS_PROCESS(Blocking);
      SC_THREAD(work);
    }
    tlm::tlm_response_status access(bool write, std::uint64_t address, unsigned char* data, unsigned length) {
      tlm::tlm_generic_payload payload;
      payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
      payload.set_address(address);
      payload.set_data_ptr(data);
      payload.set_data_length(length);
      payload.set_streaming_width(length);
      sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
      socket->b_transport(payload, delay);
      return payload.get_response_status();
    }
    void work() {
      unsigned char out[200], in[200];
      for (unsigned i = 0; i < sizeof out; ++i) out[i] = static_cast<unsigned char>(i * 7 + 1);
      const std::uint64_t at = 4096 - 100;  // across a page of the store
      const sc_core::sc_time before = sc_core::sc_time_stamp();
      EXPECT_EQ(access(true, at, out, sizeof out), tlm::TLM_OK_RESPONSE);
      EXPECT_GT(sc_core::sc_time_stamp(), before);
      EXPECT_EQ(access(false, at, in, sizeof in), tlm::TLM_OK_RESPONSE);
      EXPECT_EQ(std::memcmp(in, out, sizeof in), 0);
      tlm::tlm_generic_payload debug;
      debug.set_command(tlm::TLM_READ_COMMAND);
      debug.set_address(at + 8);
      debug.set_data_ptr(in);
      debug.set_data_length(16);
      debug.set_streaming_width(16);
      EXPECT_EQ(socket->transport_dbg(debug), 16u);
      EXPECT_EQ(std::memcmp(in, out + 8, 16), 0);
      EXPECT_EQ(access(false, end - 4, in, 8), tlm::TLM_ADDRESS_ERROR_RESPONSE);
      done = true;
    }
  } blocking("blocking", bytes);
  blocking.socket.bind(target.socket);
  ASSERT_TRUE(session->run());
  EXPECT_TRUE(blocking.done);
}

}  // namespace
}  // namespace gnomon::sim
