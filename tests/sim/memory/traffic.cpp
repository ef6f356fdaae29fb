#include "traffic.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

namespace gnomon::sim::test {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << why << "\n";
  std::abort();
}

const std::string& one_of(const std::vector<std::string>& words, Random& random) {
  return words[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(words.size()) - 1))];
}

}  // namespace

std::vector<TraceRequest> peer_trace(const std::string& name, std::int64_t count) {
  constexpr std::uint64_t line = 64, lines = (std::uint64_t{8} << 30) / line;
  SplitMix draw{42};
  std::vector<TraceRequest> out;
  std::uint64_t streams[4] = {0, std::uint64_t{2} << 30, std::uint64_t{4} << 30, std::uint64_t{6} << 30};
  for (std::int64_t i = 0; i < count; ++i) {
    TraceRequest request;
    if (name == "seq") {
      request.address = static_cast<std::uint64_t>(i) * line;
    } else if (name == "rand") {
      request.address = draw.next() % lines * line;
    } else {
      const std::uint64_t a = draw.next();
      if (a & 1) {
        std::uint64_t& at = streams[a >> 1 & 3];
        request.address = at;
        at += line;
      } else {
        request.address = draw.next() % lines * line;
      }
      request.write = draw.next() % 3 == 0;
    }
    out.push_back(request);
  }
  return out;
}

std::vector<TraceRequest> read_stl(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) give_up("cannot read " + path.string());
  std::vector<TraceRequest> out;
  for (std::string line; std::getline(file, line);) {
    TraceRequest request;
    long long cycle = 0;
    unsigned long long address = 0;
    char word[8] = {};
    if (std::sscanf(line.c_str(), "%lld: %7s %llx", &cycle, word, &address) != 3) give_up(path.string() + ": " + line);
    request.cycle = cycle;
    request.address = address;
    request.write = std::strcmp(word, "write") == 0;
    out.push_back(request);
  }
  return out;
}

arch::Dram memory(const std::string& device, const std::function<void(arch::DramSpec&)>& change) {
  auto spec = arch::load_dram_spec(device);
  if (!spec) give_up(spec.error().text());
  if (change) change(*spec);
  auto dram = arch::resolve(*spec, device);
  if (!dram) give_up(dram.error().text());
  return *dram;
}

DramStatistics run(const arch::Dram& dram, std::vector<TraceRequest> requests, DramLogSink* log) {
  ListSource source(std::move(requests));
  DramOptions options;
  options.log = log;
  auto result = run_trace(dram, source, options);
  if (!result) give_up(result.error().text());
  return result->statistics;
}

void randomise(arch::DramSpec& spec, Random& random) {
  arch::DramControllerSpec& c = spec.controller;
  c.scheduler = one_of(arch::dram_scheduler_words(), random);
  c.buffer = one_of(arch::dram_buffer_words(), random);
  c.request_buffer_size = std::int64_t{1} << random.integer(0, 7);
  c.page_policy = one_of(arch::dram_page_policy_words(), random);
  c.arbiter = one_of(arch::dram_arbiter_words(), random);
  c.response_queue = one_of(arch::dram_response_queue_words(), random);
  c.max_active_transactions = random.integer(1, 100);
  c.refresh_max_postponed = random.integer(0, 8);
  c.refresh_max_pulled_in = random.integer(0, 8);
  std::vector<std::string> refreshes{"none", "all_bank", "all_bank"};
  const auto given = [&](arch::DramTiming t) { return spec.timing.values[static_cast<std::size_t>(t)].has_value(); };
  if (given(arch::DramTiming::tRFCpb)) refreshes.insert(refreshes.end(), 2, "per_bank");
  if (given(arch::DramTiming::tRFCsb)) refreshes.insert(refreshes.end(), 2, "same_bank");
  c.refresh = one_of(refreshes, random);
  c.refresh_guard_cycles.reset();
  if (random.chance(0.5)) c.refresh_guard_cycles = random.integer(0, 60);
  c.write_high = c.write_low = 0;
  if (random.chance(0.3)) {
    c.write_high = random.integer(1, c.request_buffer_size);
    c.write_low = random.integer(0, c.write_high - 1);
  }
  std::vector<std::string> sleeps{"false"};
  if (given(arch::DramTiming::tXP) && given(arch::DramTiming::tCKE)) {
    sleeps.push_back("true");
    if (given(arch::DramTiming::tXS) && c.refresh != "none") sleeps.push_back("\"self_refresh\"");
  }
  c.power_down = one_of(sleeps, random);
  if (c.power_down != "false") spec.power.reset();
  spec.ranks = std::int64_t{1} << random.integer(0, 2);
  if (random.chance(0.3)) spec.channels = 2;
}

std::vector<TraceRequest> random_traffic(const arch::Dram& dram, Random& random, std::int64_t count) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(dram.bytes()), line = static_cast<std::uint64_t>(dram.burst_bytes);
  const std::int64_t kind = random.integer(0, 5);
  const double writes = static_cast<double>(random.integer(0, 3)) / 4;
  std::vector<TraceRequest> out;
  std::uint64_t at = random.next() % bytes / line * line;
  std::int64_t cycle = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    TraceRequest request;
    request.write = random.chance(writes);
    switch (kind) {
      case 0: at = random.next() % bytes; break;
      case 1: at = (at + line) % bytes; break;
      case 2: at = (random.next() % 8 * (bytes / 8) + random.next() % 64 * line) % bytes; break;
      case 3:
        at = random.next() % 16 * 65536 % bytes;
        if (random.chance(0.03)) cycle += random.integer(0, random.chance(0.1) ? 60'000 : 400);
        break;
      case 4: at = random.next() % 4 * (bytes / 4) + random.next() % 4 * line; break;
      default: at = i % 16 == 0 ? random.next() % bytes / 1024 * 1024 : (at + line) % bytes; break;
    }
    request.address = at / line * line;
    request.cycle = cycle;
    out.push_back(request);
  }
  return out;
}

}  // namespace gnomon::sim::test
