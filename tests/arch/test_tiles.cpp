#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>
#include <tuple>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

constexpr std::uint64_t seed = 20260401;

workloads::Convolution random_convolution(Random& random) {
  workloads::Convolution c;
  c.batch = random.integer(1, 3);
  c.groups = random.integer(1, 3);
  c.in_channels = c.groups * random.integer(1, 4);
  c.out_channels = c.groups * random.integer(1, 4);
  for (std::size_t a = 0; a < 2; ++a) {
    do {
      c.in[a] = random.integer(1, 12);
      c.kernel[a] = random.integer(1, 5);
      c.stride[a] = random.integer(1, 5);
      c.dilation[a] = random.integer(1, 4);
      c.pad_begin[a] = random.integer(0, 6);
      c.pad_end[a] = random.integer(0, 6);
      const std::int64_t room = c.in[a] + c.pad_begin[a] + c.pad_end[a] - ((c.kernel[a] - 1) * c.dilation[a] + 1);
      c.out[a] = room < 0 ? 0 : room / c.stride[a] + 1;
    } while (c.out[a] < 1);
  }
  return c;
}

ArrayWork work_of(const workloads::Convolution& c) {
  ArrayWork work;
  work.extent[0] = c.groups;
  work.extent[1] = c.batch * c.out[0] * c.out[1];
  work.extent[2] = c.out_channels / c.groups;
  work.extent[3] = c.in_channels / c.groups * c.kernel[0] * c.kernel[1];
  work.window = c;
  return work;
}

/// What the definition says, by walking every output and every tap.
struct Touched {
  std::int64_t distinct = 0;  ///< the exact set of pixels that the range's outputs and taps read
  std::int64_t product = 0;   ///< the documented count: per image, rows touched x columns touched, whole windows
};
Touched brute_force(const workloads::Convolution& c, const TileRange& r) {
  const std::int64_t taps = c.kernel[0] * c.kernel[1];
  const std::int64_t image = c.out[0] * c.out[1];
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>> pixels;
  std::set<std::int64_t> channels;
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> image_range;
  for (std::int64_t k = r.begin[3]; k < r.end[3]; ++k) channels.insert(k / taps);
  for (std::int64_t m = r.begin[1]; m < r.end[1]; ++m) {
    const std::int64_t n = m / image, row = m % image / c.out[1], col = m % c.out[1];
    auto [at, fresh] = image_range.try_emplace(n, m % image, m % image);
    at->second.second = m % image;
    for (std::int64_t k = r.begin[3]; k < r.end[3]; ++k) {
      const std::int64_t y = row * c.stride[0] - c.pad_begin[0] + k % taps / c.kernel[1] * c.dilation[0];
      const std::int64_t x = col * c.stride[1] - c.pad_begin[1] + k % c.kernel[1] * c.dilation[1];
      if (y >= 0 && y < c.in[0] && x >= 0 && x < c.in[1]) pixels.insert({n, k / taps, y, x});
    }
  }
  const auto axis = [&](int a, std::int64_t first, std::int64_t last) {
    std::set<std::int64_t> positions;
    for (std::int64_t o = first; o <= last; ++o) {
      for (std::int64_t t = 0; t < c.kernel[a]; ++t) {
        const std::int64_t p = o * c.stride[a] - c.pad_begin[a] + t * c.dilation[a];
        if (p >= 0 && p < c.in[a]) positions.insert(p);
      }
    }
    return static_cast<std::int64_t>(positions.size());
  };
  Touched out;
  for (const auto& [n, range] : image_range) {
    const std::int64_t first_row = range.first / c.out[1], last_row = range.second / c.out[1];
    const bool crosses = first_row != last_row;
    out.product += axis(0, first_row, last_row) *
                   axis(1, crosses ? 0 : range.first % c.out[1], crosses ? c.out[1] - 1 : range.second % c.out[1]);
  }
  out.product *= static_cast<std::int64_t>(channels.size()) * r.size(Dim::g);
  out.distinct = static_cast<std::int64_t>(pixels.size()) * r.size(Dim::g);
  return out;
}

TileRange random_range(Random& random, const ArrayWork& work) {
  TileRange r;
  for (int d = 0; d < dim_count; ++d) {
    r.begin[d] = random.integer(0, work.extent[d] - 1);
    r.end[d] = random.integer(r.begin[d] + 1, work.extent[d]);
  }
  return r;
}

TEST(Tiles, IfmapElementsEqualTheDefinitionOnRandomConvolutions) {
  Random random(seed);
  int exact = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto conv = random_convolution(random);
    const ArrayWork work = work_of(conv);
    const TileRange range = random_range(random, work);
    const Touched truth = brute_force(conv, range);
    const std::int64_t found = tile_elements(work, Operand::ifmap, range);
    ASSERT_EQ(found, truth.product) << "seed " << seed << " case " << i;
    ASSERT_GE(found, truth.distinct) << "seed " << seed << " case " << i;
    exact += found == truth.distinct ? 1 : 0;
  }
  EXPECT_GT(exact, 300);  // the cases of the next test are among them
}

// Whole rows of outputs, or pieces of one row, with whole channels: nothing is over-counted.
TEST(Tiles, WholeRowsAndSingleRowsAreExact) {
  Random random(seed + 1);
  for (int i = 0; i < 2000; ++i) {
    const auto conv = random_convolution(random);
    const ArrayWork work = work_of(conv);
    TileRange range = random_range(random, work);
    const std::int64_t taps = conv.kernel[0] * conv.kernel[1];
    const std::int64_t channels = conv.in_channels / conv.groups;
    const std::int64_t first = random.integer(0, channels - 1);
    range.begin[3] = first * taps;
    range.end[3] = random.integer(first + 1, channels) * taps;
    const std::int64_t rows = conv.batch * conv.out[0];
    const std::int64_t row = random.integer(0, rows - 1);
    if (random.chance(0.5)) {
      range.begin[1] = row * conv.out[1];
      range.end[1] = random.integer(row + 1, rows) * conv.out[1];
    } else {
      range.begin[1] = row * conv.out[1] + random.integer(0, conv.out[1] - 1);
      range.end[1] = random.integer(range.begin[1] + 1, (row + 1) * conv.out[1]);
    }
    ASSERT_EQ(tile_elements(work, Operand::ifmap, range), brute_force(conv, range).distinct)
        << "seed " << seed + 1 << " case " << i;
  }
}

// ResNet-50's first layer: 7 x 7, stride 2, pad 3, 224 -> 112. One output row touches 7 rows less 3 of padding at the top, all
// 224 columns.
TEST(Tiles, KnownValues) {
  workloads::Convolution c;
  c.in_channels = 3;
  c.out_channels = 64;
  c.in = {224, 224};
  c.out = {112, 112};
  c.kernel = {7, 7};
  c.stride = {2, 2};
  c.pad_begin = {3, 3};
  c.pad_end = {3, 3};
  const ArrayWork work = work_of(c);
  EXPECT_EQ(work.macs(), 118013952);
  TileRange all;
  std::copy(work.extent, work.extent + dim_count, all.end);
  EXPECT_EQ(tile_elements(work, Operand::ifmap, all), 3 * 224 * 224);
  EXPECT_EQ(tile_elements(work, Operand::filter, all), 64 * 147);
  EXPECT_EQ(tile_elements(work, Operand::ofmap, all), 112 * 112 * 64);
  TileRange row = all;
  row.end[1] = 112;
  EXPECT_EQ(tile_elements(work, Operand::ifmap, row), 3 * 4 * 224);
  // A 1 x 1 kernel with stride 2 leaves every second row and column untouched.
  c.kernel = {1, 1};
  c.pad_begin = c.pad_end = {0, 0};
  const ArrayWork strided = work_of(c);
  std::copy(strided.extent, strided.extent + dim_count, all.end);
  EXPECT_EQ(tile_elements(strided, Operand::ifmap, all), 3 * 112 * 112);
}

TEST(Tiles, PackedBytesRoundUp) {
  EXPECT_EQ(packed_bytes(0, 8), 0);
  EXPECT_EQ(packed_bytes(3, 4), 2);
  EXPECT_EQ(packed_bytes(5, 2), 2);
  EXPECT_EQ(packed_bytes(9, 12), 14);
  EXPECT_EQ(packed_bytes(std::int64_t{1} << 58, 8), std::int64_t{1} << 58);  // no overflow on the way
}

StepMapping random_loops(Random& random, int levels) {
  StepMapping mapping;
  for (int i = 0; i < levels; ++i) {
    LevelLoops entry;
    const auto loops = random.integer(0, 3);
    for (std::int64_t j = 0; j < loops; ++j)
      entry.loops.push_back({static_cast<Dim>(random.integer(0, 3)), random.integer(1, 5)});
    mapping.levels.push_back(std::move(entry));
  }
  return mapping;
}

/// The definition by recursion: ceil(extent / count) per tile, the last one smaller, empty ones left out.
void tiles_of(const std::vector<FlatLoop>& loops, std::size_t at, const TileRange& range, std::vector<TileRange>& out) {
  if (at == loops.size()) return out.push_back(range);
  const auto d = static_cast<std::size_t>(loops[at].dim);
  const std::int64_t size = range.end[d] - range.begin[d];
  const std::int64_t piece = (size + loops[at].count - 1) / loops[at].count;
  for (std::int64_t i = 0; i < loops[at].count && i * piece < size; ++i) {
    TileRange part = range;
    part.begin[d] = range.begin[d] + i * piece;
    part.end[d] = std::min(part.begin[d] + piece, range.end[d]);
    tiles_of(loops, at + 1, part, out);
  }
}

TEST(Tiles, WalkVisitsEveryElementOnceInLoopOrder) {
  Random random(seed + 2);
  for (int i = 0; i < 500; ++i) {
    ArrayWork work;
    for (auto& extent : work.extent) extent = random.integer(1, 9);
    const StepMapping mapping = random_loops(random, 3);
    const auto loops = flatten(mapping);
    std::vector<TileRange> expected;
    TileRange whole;
    std::copy(work.extent, work.extent + dim_count, whole.end);
    tiles_of(loops, 0, whole, expected);
    std::vector<bool> seen(static_cast<std::size_t>(work.macs()), false);
    std::size_t n = 0;
    for (TileWalk walk(work, loops); !walk.done(); walk.next(), ++n) {
      ASSERT_LT(n, expected.size());
      const TileRange& tile = walk.tile();
      for (int d = 0; d < dim_count; ++d) {
        ASSERT_EQ(tile.begin[d], expected[n].begin[d]) << "seed " << seed + 2 << " case " << i;
        ASSERT_EQ(tile.end[d], expected[n].end[d]);
      }
      for (std::int64_t g = tile.begin[0]; g < tile.end[0]; ++g)
        for (std::int64_t m = tile.begin[1]; m < tile.end[1]; ++m)
          for (std::int64_t nn = tile.begin[2]; nn < tile.end[2]; ++nn)
            for (std::int64_t k = tile.begin[3]; k < tile.end[3]; ++k) {
              auto mac = seen[static_cast<std::size_t>(((g * work.extent[1] + m) * work.extent[2] + nn) * work.extent[3] + k)];
              ASSERT_FALSE(mac);
              mac = true;
            }
      ASSERT_TRUE(n == 0 || walk.changed() < walk.depth());
    }
    EXPECT_EQ(n, expected.size());
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool b) { return b; }));
  }
}

TEST(Tiles, ChangedTellsWhichTilesAreNew) {
  ArrayWork work;
  work.extent[1] = 4;
  work.extent[2] = 2;
  TileWalk walk(work, {{0, Dim::m, 2}, {0, Dim::n, 2}, {1, Dim::m, 2}});
  std::vector<std::size_t> changed;
  for (; !walk.done(); walk.next()) changed.push_back(walk.changed());
  EXPECT_EQ(changed, (std::vector<std::size_t>{0, 2, 1, 2, 0, 2, 1, 2}));
}

// The bound that capacity is counted with, against all tiles that the walk makes.
TEST(Tiles, LargestTileIsNeverExceededAndTightWithoutBorders) {
  Random random(seed + 3);
  double ratio = 0;
  int cases = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto conv = random_convolution(random);
    const ArrayWork work = work_of(conv);
    StepMapping mapping = random_loops(random, 2);
    mapping.levels.push_back({"inner", {}, {true, true, true}});
    Core core;
    core.levels.push_back({"inner", {true, true, true}, 1 << 20, 1, 1, false});
    core.array.accumulator_bits = 8;
    core.array.precision = {"int8", 8, false};
    const std::int64_t needed = capacity_needed(core, {}, work, mapping).at(2);
    std::int64_t largest[operand_count] = {0, 0, 0};
    for (TileWalk walk(work, flatten(mapping)); !walk.done(); walk.next()) {
      for (int o = 0; o < operand_count; ++o)
        largest[o] = std::max(largest[o], tile_elements(work, static_cast<Operand>(o), walk.tile()));
    }
    const std::int64_t used = largest[0] + largest[1] + largest[2];
    ASSERT_GE(needed, used) << "seed " << seed + 3 << " case " << i;
    ratio += static_cast<double>(needed) / static_cast<double>(used);
    ++cases;
  }
  std::cout << "capacity bound over largest tile, mean: " << ratio / cases << "\n";
  EXPECT_LT(ratio / cases, 1.25);
}

}  // namespace
}  // namespace gnomon::arch
