#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "gnomon/arch/layout.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

constexpr std::uint64_t seed = 20260411;

std::set<std::int64_t> bytes_of(const std::vector<ByteRun>& runs) {
  std::set<std::int64_t> bytes;
  std::uint64_t end = 0;
  for (const ByteRun& run : runs) {
    EXPECT_GT(run.bytes, 0);
    EXPECT_TRUE(bytes.empty() || run.offset > end) << "pieces overlap or touch";
    end = run.offset + static_cast<std::uint64_t>(run.bytes);
    for (std::uint64_t b = run.offset; b < end; ++b) bytes.insert(static_cast<std::int64_t>(b));
  }
  return bytes;
}

TileRange random_range(const ArrayWork& work, Random& random) {
  TileRange range;
  for (std::size_t d = 0; d < dim_count; ++d) {
    range.begin[d] = random.integer(0, work.extent[d] - 1);
    range.end[d] = random.integer(range.begin[d] + 1, work.extent[d]);
  }
  return range;
}

template <class Visit>
void for_each(const TileRange& r, Visit visit) {
  for (std::int64_t g = r.begin[0]; g < r.end[0]; ++g)
    for (std::int64_t m = r.begin[1]; m < r.end[1]; ++m)
      for (std::int64_t n = r.begin[2]; n < r.end[2]; ++n)
        for (std::int64_t k = r.begin[3]; k < r.end[3]; ++k) visit(g, m, n, k);
}

// Truth: the index formula of a row-major tensor, element by element.
TEST(Layout, MatrixTilesLieWhereTheIndexFormulaSays) {
  std::cout << "seed " << seed << "\n";
  Random random(seed);
  for (int i = 0; i < 200; ++i) {
    ArrayWork work;
    for (std::int64_t& extent : work.extent) extent = random.integer(1, 6);
    const TileRange range = random_range(work, random);
    const std::int64_t m_size = work.extent[1], n_size = work.extent[2], k_size = work.extent[3];
    std::set<std::int64_t> want[operand_count];
    for_each(range, [&](auto g, auto m, auto n, auto k) {
      want[0].insert((g * m_size + m) * k_size + k);
      want[1].insert((g * k_size + k) * n_size + n);
      want[2].insert((g * m_size + m) * n_size + n);
    });
    for (std::size_t o = 0; o < operand_count; ++o) {
      std::vector<ByteRun> runs;
      memory_runs(work, static_cast<Operand>(o), range, 8, runs);
      EXPECT_EQ(bytes_of(runs), want[o]) << "case " << i << " operand " << o;
    }
  }
}

workloads::Convolution random_convolution(Random& random) {
  workloads::Convolution c;
  c.batch = random.integer(1, 2);
  c.groups = random.integer(1, 2);
  c.in_channels = c.groups * random.integer(1, 3);
  c.out_channels = c.groups * random.integer(1, 3);
  for (std::size_t a = 0; a < 2; ++a) {
    do {
      c.in[a] = random.integer(1, 8);
      c.kernel[a] = random.integer(1, 3);
      c.stride[a] = random.integer(1, 3);
      c.dilation[a] = random.integer(1, 2);
      c.pad_begin[a] = random.integer(0, 2);
      c.pad_end[a] = random.integer(0, 2);
      const std::int64_t room = c.in[a] + c.pad_begin[a] + c.pad_end[a] - ((c.kernel[a] - 1) * c.dilation[a] + 1);
      c.out[a] = room < 0 ? 0 : room / c.stride[a] + 1;
    } while (c.out[a] < 1);
  }
  return c;
}

// Truth: every pixel that some output and tap of the tile read is in the pieces; the pieces hold nothing outside the touched rows and channels;
// filters and outputs are exact. Pixels read are at least tile_elements' own lower count where no stride leaves columns out.
TEST(Layout, ConvolutionTilesCoverWhatTheirOutputsRead) {
  std::cout << "seed " << seed + 1 << "\n";
  Random random(seed + 1);
  for (int i = 0; i < 200; ++i) {
    const auto c = random_convolution(random);
    ArrayWork work;
    work.extent[0] = c.groups;
    work.extent[1] = c.batch * c.out[0] * c.out[1];
    work.extent[2] = c.out_channels / c.groups;
    work.extent[3] = c.in_channels / c.groups * c.kernel[0] * c.kernel[1];
    work.window = c;
    const TileRange range = random_range(work, random);
    const std::int64_t taps = c.kernel[0] * c.kernel[1], pixels = c.out[0] * c.out[1];
    const std::int64_t in_group = c.in_channels / c.groups, out_group = c.out_channels / c.groups;
    std::set<std::int64_t> read, filter, ofmap, rows_touched;
    for_each(range, [&](auto g, auto m, auto n, auto k) {
      const std::int64_t image = m / pixels, row = m % pixels / c.out[1], col = m % c.out[1];
      const std::int64_t y = row * c.stride[0] + k % taps / c.kernel[1] * c.dilation[0] - c.pad_begin[0];
      const std::int64_t x = col * c.stride[1] + k % c.kernel[1] * c.dilation[1] - c.pad_begin[1];
      const std::int64_t plane = (image * c.groups + g) * in_group + k / taps;
      if (y >= 0 && y < c.in[0] && x >= 0 && x < c.in[1]) read.insert((plane * c.in[0] + y) * c.in[1] + x);
      // A range of K touches its channels' whole windows.
      for (std::int64_t tap = 0; tap < c.kernel[0]; ++tap) {
        rows_touched.insert(plane * c.in[0] + row * c.stride[0] + tap * c.dilation[0] - c.pad_begin[0]);
      }
      filter.insert((g * out_group + n) * work.extent[3] + k);
      ofmap.insert(((image * c.groups + g) * out_group + n) * pixels + m % pixels);
    });
    std::vector<ByteRun> runs;
    memory_runs(work, Operand::ifmap, range, 8, runs);
    const auto bytes = bytes_of(runs);
    EXPECT_TRUE(std::includes(bytes.begin(), bytes.end(), read.begin(), read.end())) << "case " << i;
    for (const std::int64_t byte : bytes) EXPECT_TRUE(rows_touched.count(byte / c.in[1])) << "case " << i;
    EXPECT_GE(static_cast<std::int64_t>(bytes.size()), tile_elements(work, Operand::ifmap, range)) << "case " << i;
    if (c.stride[1] == 1 && c.dilation[1] == 1) {
      EXPECT_EQ(static_cast<std::int64_t>(bytes.size()), tile_elements(work, Operand::ifmap, range)) << "case " << i;
    }
    EXPECT_TRUE(bytes.empty() || *bytes.rbegin() < stored_bytes(work, Operand::ifmap, 8));
    memory_runs(work, Operand::filter, range, 8, runs);
    EXPECT_EQ(bytes_of(runs), filter) << "case " << i;
    memory_runs(work, Operand::ofmap, range, 8, runs);
    EXPECT_EQ(bytes_of(runs), ofmap) << "case " << i;
  }
}

TEST(Layout, FractionsOfBytesTakeTheBytesTheyLieIn) {
  ArrayWork work;
  work.extent[1] = 3;
  work.extent[3] = 5;
  TileRange range;
  range.begin[1] = 1, range.end[1] = 2;
  range.begin[3] = 0, range.end[3] = 5;
  std::vector<ByteRun> runs;
  memory_runs(work, Operand::ifmap, range, 4, runs);  // nibbles 5..9
  EXPECT_EQ(runs, (std::vector<ByteRun>{{2, 3}}));
  EXPECT_EQ(stored_bytes(work, Operand::ifmap, 4), 8);
}

}  // namespace
}  // namespace gnomon::arch
