#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sys/resource.h>
#include <unistd.h>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::workloads {
namespace {

std::vector<MemoryAccess> all(AccessStream& stream) {
  std::vector<MemoryAccess> out;
  for (MemoryAccess a; stream.next(a);) out.push_back(a);
  return out;
}

std::vector<MemoryAccess> made(const std::string& pattern, const TraceOptions& options = {}) {
  auto stream = make_trace(pattern, options);
  EXPECT_TRUE(stream) << stream.error().text();
  return all(**stream);
}

std::string as_text(const std::vector<MemoryAccess>& accesses, TraceFormat format) {
  std::string out;
  for (std::size_t i = 0; i < accesses.size(); ++i) out += trace_line(accesses[i], i, format);
  return out;
}

/// What facts about ArchGym's traces are stated in: the share of accesses to the line after the one before, and how many lines follow on
/// from one stream that starts at 0.
struct Statistics {
  double next_line = 0;
  std::size_t streamed = 0, distinct = 0, writes = 0;
  std::map<std::size_t, std::size_t> runs;  // length of a piece of consecutive lines -> how often
  std::uint64_t highest = 0;
  bool one_a_cycle = true;
};

Statistics statistics(const std::vector<MemoryAccess>& accesses) {
  Statistics out;
  std::set<std::uint64_t> lines;
  std::uint64_t stream = 0;
  std::size_t run = 1, next = 0;
  for (std::size_t i = 0; i < accesses.size(); ++i) {
    const MemoryAccess& a = accesses[i];
    lines.insert(a.address / 64);
    out.writes += a.write;
    out.highest = std::max(out.highest, a.address);
    out.one_a_cycle = out.one_a_cycle && a.cycle == i;
    if (a.address == stream) {
      ++out.streamed;
      stream += 64;
    }
    if (i == 0) continue;
    if (a.address == accesses[i - 1].address + 64) {
      ++next;
      ++run;
    } else {
      ++out.runs[run];
      run = 1;
    }
  }
  ++out.runs[run];
  out.next_line = static_cast<double>(next) / static_cast<double>(accesses.size() - 1);
  out.distinct = lines.size();
  return out;
}

/// The truth: the four traces that ArchGym ships, as counted in them.
struct Shipped {
  const char* name;
  double next_line;
  std::size_t streamed;
};
const Shipped shipped[] = {{"stream", 1.0, 10'000}, {"random", 0.0, 0}, {"cloud-1", 0.475, 4'800}, {"cloud-2", 0.499, 5'050}};

TEST(Trace, GeneratedTracesHaveTheStatisticsOfTheShippedOnes) {
  for (const Shipped& s : shipped) {
    for (const std::uint64_t seed : {42u, 7u}) {
      SCOPED_TRACE(std::string(s.name) + ", seed " + std::to_string(seed));
      const auto accesses = made(s.name, {.seed = seed});
      const Statistics got = statistics(accesses);
      EXPECT_EQ(accesses.size(), 10'000u);
      EXPECT_EQ(got.writes, 0u);
      EXPECT_TRUE(got.one_a_cycle);
      EXPECT_LT(got.highest, std::uint64_t{1} << 30);
      EXPECT_EQ(got.streamed, s.streamed);
      // Each stretch of stream blocks costs one next-line access; their number has a standard deviation of about 3.5.
      EXPECT_NEAR(got.next_line, s.next_line, 0.0015);
      for (const auto& [length, times] : got.runs) EXPECT_TRUE(length == 1 || length % 50 == 0 || length == 10'000) << length;
    }
  }
}

TEST(Trace, TheShippedTracesThemselvesAgree) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set";
  for (const Shipped& s : shipped) {
    SCOPED_TRACE(s.name);
    auto stream = open_trace(std::string(data) + "/dram/" + s.name + ".stl", std::uint64_t{1} << 30);
    ASSERT_TRUE(stream) << stream.error().text();
    const auto theirs = all(**stream);
    ASSERT_EQ((*stream)->error(), nullptr) << (*stream)->error()->text();
    const Statistics a = statistics(theirs), b = statistics(made(s.name));
    EXPECT_EQ(theirs.size(), 10'000u);
    EXPECT_EQ(a.streamed, s.streamed);
    EXPECT_EQ(a.streamed, b.streamed);
    EXPECT_EQ(a.writes, b.writes);
    EXPECT_TRUE(a.one_a_cycle);
    EXPECT_NEAR(a.next_line, b.next_line, 0.0015);
    EXPECT_NEAR(static_cast<double>(a.distinct), static_cast<double>(b.distinct), 10);
    // Both spread the uniform part over the same gigabyte.
    EXPECT_EQ(s.streamed == 10'000, a.highest < 10'000 * 64);
    if (s.streamed < 10'000) {
      EXPECT_NEAR(static_cast<double>(a.highest), static_cast<double>(b.highest), 0x1p30 * 0.005);
    }
  }
}

TEST(Trace, TheHarmonisedTracesAreThePublishedBytes) {
  // SHA-256 of the CSV files with which the peer simulators were measured (independent generator, splitmix64, seed 42).
  EXPECT_EQ(sha256(as_text(made("seq"), TraceFormat::csv)), "a16286ea63b1be3618d9fbe4777752f1cd668cc983ce6d6460635029fa89f4fb");
  EXPECT_EQ(sha256(as_text(made("rand"), TraceFormat::csv)), "56c183536dc212e8f465074aba0cf7d4f5b734d24e318fe257da6b41db818c52");
  EXPECT_EQ(sha256(as_text(made("mix"), TraceFormat::csv)), "d64a76ebfc4fb28fe33aaf04a36a76277168a638f4bf5ee0b4e6770632123404");
}

TEST(Trace, PatternsAreWhatTheySay) {
  const auto stride = made("stride", {.count = 5, .bytes = 65536});
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(stride[i].address, i * 4096);
  const auto around = made("stride", {.count = 40, .bytes = 65536});
  EXPECT_EQ(around[16].address, 64u) << "the memory was passed once";
  EXPECT_EQ(statistics(around).distinct, 40u);

  const auto two = made("two-streams", {.count = 6, .bytes = 1 << 20});
  const std::uint64_t half = 1 << 19;
  const std::vector<std::uint64_t> expected{0, half, 64, half + 64, 128, half + 128};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(two[i].address, expected[i]);

  std::set<std::uint64_t> rows;
  for (const MemoryAccess& a : made("hot-rows")) rows.insert(a.address / 8192);
  EXPECT_EQ(rows.size(), 64u);
  std::set<std::uint64_t> all_rows;
  for (const MemoryAccess& a : made("hot-rows", {.bytes = 65536})) all_rows.insert(a.address / 8192);
  EXPECT_EQ(all_rows.size(), 8u) << "fewer blocks than 64 in the memory";

  const auto blocks = made("blocks");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i].address % 1024, i % 16 * 64);
    EXPECT_EQ(blocks[i].address / 1024, blocks[i - i % 16].address / 1024);
  }
  const Statistics mix = statistics(made("mix"));
  EXPECT_NEAR(static_cast<double>(mix.writes), 100'000.0 / 3, 4 * std::sqrt(100'000 * 2.0 / 9));
}

TEST(Trace, SeedsAndSizes) {
  for (const TracePattern& p : trace_patterns()) {
    SCOPED_TRACE(p.name);
    EXPECT_EQ(made(p.name, {.count = 1000}), made(p.name, {.count = 1000}));
    for (const MemoryAccess& a : made(p.name, {.count = 3000, .bytes = 65536})) {
      ASSERT_LT(a.address, 65536u);
      ASSERT_EQ(a.address % 64, 0u);
    }
    // A longer trace goes on where the shorter one ends.
    auto longer = made(p.name, {.count = 1500});
    longer.resize(1000);
    EXPECT_EQ(longer, made(p.name, {.count = 1000}));
  }
  EXPECT_NE(made("rand", {.count = 100, .seed = 1}), made("rand", {.count = 100, .seed = 2}));
  EXPECT_FALSE(make_trace("rand", {.bytes = 65535}));
  EXPECT_FALSE(make_trace("rand", {.bytes = 64}));
  const auto unknown = make_trace("two-stream");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().text().find("two-streams"), std::string::npos) << unknown.error().text();
}

TEST(Trace, FilesReadBackAsWritten) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("gnomon_trace_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  for (const TraceFormat format : {TraceFormat::csv, TraceFormat::stl}) {
    const std::string file = (folder / (format == TraceFormat::csv ? "t.csv" : "t.stl")).string();
    const char* const pattern = format == TraceFormat::csv ? "mix" : "cloud-1";
    auto stream = make_trace(pattern);
    ASSERT_TRUE(stream);
    const auto written = write_trace(**stream, file, format);
    ASSERT_TRUE(written) << written.error().text();
    auto back = open_trace(file, std::uint64_t{8} << 30);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(all(**back), made(pattern));
    EXPECT_EQ((*back)->error(), nullptr);
  }
  std::filesystem::remove_all(folder);
}

TEST(Trace, TextInAllAllowedShapes) {
  const auto csv = trace_from_text("# comment\r\n\r\n0,R,0x0\r\n  7 , W , 0X3fC0\t\n\n8,R,0xffffffffffffffff", TraceFormat::csv, "t.csv");
  const std::vector<MemoryAccess> expected{{0, 0, false}, {0, 0x3fc0, true}, {0, ~std::uint64_t{0}, false}};
  EXPECT_EQ(all(*csv), expected);
  EXPECT_EQ(csv->error(), nullptr);
  const auto stl = trace_from_text("0:\tread\t0x40\n10:\twrite 0x80\n10: read 0xC0\n\n", TraceFormat::stl, "t.stl");
  const std::vector<MemoryAccess> timed{{0, 0x40, false}, {10, 0x80, true}, {10, 0xc0, false}};
  EXPECT_EQ(all(*stl), timed);
  EXPECT_EQ(stl->error(), nullptr);
}

TEST(Trace, GarbageIsNamedWithItsLine) {
  struct Case {
    TraceFormat format;
    const char *line, *said;
  };
  const Case cases[] = {
      {TraceFormat::csv, "x,R,0x0", "no index"},
      {TraceFormat::csv, "99999999999999999999,R,0x0", "no index"},
      {TraceFormat::csv, "-1,R,0x0", "no index"},
      {TraceFormat::csv, "1;R;0x0", "no comma after the index"},
      {TraceFormat::csv, "1,X,0x0", "neither R nor W"},
      {TraceFormat::csv, "1,r,0x0", "neither R nor W"},
      {TraceFormat::csv, "1,R 0x0", "no comma after R or W"},
      {TraceFormat::csv, "1,R,64", "no address"},
      {TraceFormat::csv, "1,R,0x", "no address"},
      {TraceFormat::csv, "1,R,0x10000000000000000", "no address"},
      {TraceFormat::csv, "1,R,0x40,5", "something after the address"},
      {TraceFormat::csv, "1,R,0x4g", "something after the address"},
      {TraceFormat::csv, "1,R,0x10000", "outside the memory of 65536 bytes; allowed: 0x0 to 0xffff"},
      {TraceFormat::csv, "0:\tread\t0x0", "no comma after the index"},
      {TraceFormat::csv, "\x01\xff\x80", "no index"},
      {TraceFormat::stl, "read 0x0", "no cycle"},
      {TraceFormat::stl, "1,R,0x0", "no colon"},
      {TraceFormat::stl, "1000000000001: read 0x0", "a cycle beyond 10^12"},
      {TraceFormat::stl, "99999999999999999999: read 0x0", "no cycle"},
      {TraceFormat::stl, "1: load 0x0", "neither read nor write"},
      {TraceFormat::stl, "1: (64) read 0x0", "neither read nor write"},
      {TraceFormat::stl, "1: readx 0x0", "no blank"},
      {TraceFormat::stl, "1: read", "no blank"},
      {TraceFormat::stl, "1: read 12", "no address"},
      {TraceFormat::stl, "1: write 0x40 0xdeadbeef", "something after the address"},
      {TraceFormat::stl, "1: read 0x123456789", "outside the memory"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.line);
    const std::string good = c.format == TraceFormat::csv ? "0,R,0x0\n" : "0: read 0x0\n";
    const auto stream = trace_from_text(good + "\n# third line\n" + c.line + "\n" + good, c.format, "bad.trace", 65536);
    EXPECT_EQ(all(*stream).size(), 1u) << "what lies before the error is given";
    ASSERT_NE(stream->error(), nullptr);
    const std::string text = stream->error()->text();
    EXPECT_EQ(text.find("bad.trace: line 4: "), 0u) << text;
    EXPECT_NE(text.find(c.said), std::string::npos) << text;
    EXPECT_NE(text.find("allowed: "), std::string::npos) << text;
    EXPECT_EQ(stream->error()->kind(), ErrorKind::invalid_input);
    MemoryAccess after;
    EXPECT_FALSE(stream->next(after)) << "an error is final";
  }
}

TEST(Trace, EmptyAndImpossibleFiles) {
  for (const char* text : {"", "\n\n", "# only a comment"}) {
    const auto stream = trace_from_text(text, TraceFormat::csv, "empty.csv");
    EXPECT_TRUE(all(*stream).empty());
    ASSERT_NE(stream->error(), nullptr);
    EXPECT_NE(stream->error()->text().find("no access"), std::string::npos);
  }
  EXPECT_FALSE(open_trace("/nonexistent/trace.csv"));
  EXPECT_FALSE(open_trace("/"));
  EXPECT_FALSE(open_trace("trace.txt"));
  const auto endless = trace_from_text(std::string(3'000'000, 'a'), TraceFormat::csv, "one-line.csv");
  EXPECT_TRUE(all(*endless).empty());
  ASSERT_NE(endless->error(), nullptr);
  EXPECT_NE(endless->error()->text().find("more than 256 characters"), std::string::npos) << endless->error()->text();
}

TEST(Trace, RandomBytesNeverCrash) {
  Random draws(20240522);
  const std::string alphabet = "0123456789abcdefxRW,:readwrit \t\r\n#\xff";
  std::size_t errors = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const auto length = draws.integer(0, 400);
    for (std::int64_t i = 0; i < length; ++i) text += alphabet[static_cast<std::size_t>(draws.integer(0, static_cast<std::int64_t>(alphabet.size()) - 1))];
    const auto stream = trace_from_text(text, round % 2 ? TraceFormat::csv : TraceFormat::stl, "fuzz", 1 << 20);
    for (const MemoryAccess& a : all(*stream)) EXPECT_LT(a.address, std::uint64_t{1} << 20);
    errors += stream->error() != nullptr;
  }
  EXPECT_GT(errors, 2900u);
}

TEST(Trace, LongFilesNeedNoMoreMemory) {
  // Streaming: 3 million accesses (40 MB of text) must not show in the resident set. Truth: the reader's buffer is 64 KiB.
  const std::string file = (std::filesystem::temp_directory_path() / ("gnomon_long_" + std::to_string(getpid()) + ".csv")).string();
  auto stream = make_trace("rand", {.count = 3'000'000});
  ASSERT_TRUE(stream);
  ASSERT_TRUE(write_trace(**stream, file, TraceFormat::csv));
  ASSERT_GT(std::filesystem::file_size(file), 40'000'000u);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  auto back = open_trace(file);
  ASSERT_TRUE(back);
  std::size_t n = 0;
  for (MemoryAccess a; (*back)->next(a);) ++n;
  getrusage(RUSAGE_SELF, &after);
  std::filesystem::remove(file);
  EXPECT_EQ(n, 3'000'000u);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 2048) << "KiB";
}

}  // namespace
}  // namespace gnomon::workloads
