#include "design/array_program.hpp"

#include <algorithm>

#include "gnomon/arch/layout.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {

using arch::Dim;
using arch::Operand;
using arch::TileRange;

void DescriptorWriter::set(const std::string& name, std::int64_t value) {
  std::uint8_t* const data = &stream_.data[static_cast<std::size_t>((stream_.count - 1) * stream_.bytes)];
  const int at = layout_.at(name), width = layout_.width(name);
  for (int b = 0; b < width; ++b) {
    const std::uint8_t bit = static_cast<std::uint8_t>(1u << ((at + b) % 8));
    std::uint8_t& byte = data[(at + b) / 8];
    byte = static_cast<std::uint8_t>(((value >> std::min(b, 63)) & 1) != 0 ? byte | bit : byte & ~bit);
  }
}

std::int64_t ProgramState::beat(std::size_t level) const {
  return bytes_per_cycle(level) * 8 / shape.array.precision_bits;
}

std::int64_t ProgramState::bytes_per_cycle(std::size_t level) const { return std::min(outer_bytes_per_cycle(design), shape.levels[level].bytes_per_cycle); }

Expected<void> ProgramState::add(const TransferWords& t) {
  if (t.images.total > 0) return add_images(t);
  // Loops that go on where the one inside ends are one loop.
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;
  std::array<std::int64_t, 5> start{};
  const bool whole = t.start == decltype(t.start){};
  for (std::size_t d = 0; d < t.loops.size(); ++d) {
    const auto& [count, stride] = t.loops[d];
    if (count == 1) continue;
    if (!loops.empty() && whole && loops.back().first * loops.back().second == stride) {
      loops.back().first *= count;
      continue;
    }
    if (d < t.start.size()) start[loops.size()] = t.start[d];
    loops.push_back({count, stride});
  }
  if (loops.size() > 5) return fail(ErrorKind::unsupported, "a transfer along more than five loops");
  loops.resize(5, {1, 0});
  begin_transfer(t);
  for (std::size_t d = 0; d < t.start.size(); ++d) transfer.set("i" + std::to_string(d), start[d]);
  std::int64_t back = 0;
  for (std::size_t d = 0; d < 5; ++d) {
    if (d < 4) transfer.set("c" + std::to_string(d), loops[d].first);
    transfer.set("d" + std::to_string(d), loops[d].second - back);
    back += (loops[d].first - 1) * loops[d].second;
  }
  end_transfer(t);
  return {};
}

/// Four loops: the first, rows of images, and two around them.
Expected<void> ProgramState::add_images(const TransferWords& t) {
  const ImageSpan& s = t.images;
  if (s.start > 65535) return fail(ErrorKind::unsupported, "a batch of images of more than 65536 pixels or rows");
  begin_transfer(t);
  const auto [inner, inner_step] = t.loops[0];
  const std::int64_t last = s.start + s.total - 1, back = (inner - 1) * inner_step, through = last / s.count * s.stride + (last % s.count - s.start) * s.step + back;
  transfer.set("images", 1);
  transfer.set("i1", s.start);
  transfer.set("c0", inner);
  transfer.set("d0", inner_step);
  transfer.set("c1", s.count);
  transfer.set("d1", s.step - back);
  transfer.set("c2", s.total);
  transfer.set("d2", s.stride - (s.count - 1) * s.step - back);
  transfer.set("c3", t.loops[1].first);
  transfer.set("d3", t.loops[1].second - through);
  transfer.set("d4", t.loops[2].second - through - (t.loops[1].first - 1) * t.loops[1].second);
  end_transfer(t);
  return {};
}

void ProgramState::begin_transfer(const TransferWords& t) {
  transfer.begin();
  transfer.set("write", t.write ? 1 : 0);
  transfer.set("cls", t.cls);
  transfer.set("beat", t.beat);
  transfer.set("words", t.words);
  transfer.set("mem", t.mem);
}

void ProgramState::end_transfer(const TransferWords& t) {
  transfer.set("lvl", t.lvl);
  transfer.set("lstep", t.lstep);
  transfer.set("wrap", t.ring > 0 ? t.ring : -1);  // no word has this address
  transfer.set("need_e", t.need[0]);
  for (int c = 0; c < transfer_classes; ++c) transfer.set("need" + std::to_string(c), t.need[static_cast<std::size_t>(c) + 1]);
  ++now[static_cast<std::size_t>(t.cls) + 1];
  if (shape.device) program.device.push_back({t.runs, t.bytes, t.bytes_per_cycle, t.words});
}

namespace {

std::size_t at(Dim dim) { return static_cast<std::size_t>(dim); }

/// An operand's tile in its level.
struct Tile {
  std::int64_t first = 0, last = 0;  ///< array tiles
  TileRange range;
  std::int64_t k_begin = 0, k_end = 0;
};

/// How a tile's words lie in memory and level.
struct TileWords {
  std::int64_t elements = 0, mem = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;
  // Local places, in elements: along the dimensions; of a window's ifmap m is along an output pixel's column, the others along its row and a tap's
  // column, row and channel.
  std::int64_t step[arch::dim_count] = {};
  std::int64_t m_row = 0, tap_x = 0, tap_y = 0, channel = 0;
  std::int64_t y_origin = 0, x_origin = 0, first_channel = 0;
  ImageSpan images;                             ///< of several images
  std::int64_t first_image = 0, image_words = 0;  ///< words of a channel of an image in the midst
};

/// Positions of one axis that outputs first..last read.
struct Touched {
  std::int64_t begin = 0, count = 0, step = 1;
  bool dense = true;  ///< neighbours; else one for each output
};

class ArrayCompiler {
 public:
  ArrayCompiler(ProgramState& state, const arch::ArrayWork& work, const arch::StepMapping& mapping, const ArrayPlace& place)
      : s_(state), core_(state.design.cores[0]), work_(work), mapping_(mapping), place_(place) {
    for (std::size_t d = 0; d < arch::dim_count; ++d) size_[d] = work.extent[d];
    const auto* c = work.window ? &*work.window : nullptr;
    windowed_ = c != nullptr && !(c->kernel[0] == 1 && c->kernel[1] == 1 && c->stride[0] == 1 && c->stride[1] == 1 && c->pad_begin[0] == 0 &&
                                  c->pad_begin[1] == 0 && c->in[0] == c->out[0] && c->in[1] == c->out[1]);
  }

  Expected<void> run() {
    if (auto ok = check(); !ok) return ok;
    if (auto ok = walk_tiles(); !ok) return ok;
    if (auto ok = place_slots(); !ok) return ok;
    begin_ = s_.now;
    if (auto ok = transfers(); !ok) return ok;
    if (auto ok = folds(); !ok) return ok;
    s_.now[0] += tiles_;
    s_.array_ends.push_back(s_.now[0]);
    return {};
  }

 private:
  ProgramState& s_;
  const arch::Core& core_;
  const arch::ArrayWork& work_;
  const arch::StepMapping& mapping_;
  const ArrayPlace& place_;
  std::int64_t size_[arch::dim_count] = {};
  bool windowed_ = false, sums_ = false;
  std::size_t entry_[arch::operand_count] = {}, level_[arch::operand_count] = {};
  int slots_[arch::operand_count] = {};
  std::int64_t tiles_ = 0;
  std::vector<Tile> of_[arch::operand_count];
  std::vector<TileWords> words_[arch::operand_count];
  std::int64_t slot_at_[arch::operand_count] = {}, slot_words_[arch::operand_count] = {};
  Progress begin_{};

  Expected<void> refuse(const std::string& what) const { return fail(ErrorKind::unsupported, "complete RTL of step " + in_quotes(mapping_.step) + ": " + what); }
  /// Words of an element of the operand in its level.
  std::int64_t width(std::size_t operand) const { return operand == 2 && sums_ ? s_.shape.sum_words : 1; }

  Expected<void> check() {
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      const std::string name = arch::operand_names()[o];
      if (mapping_.layout[o] != arch::Layout::streamed) return refuse("layout/" + name + " of the mapping; only \"streamed\" is supported");
      const auto chain = arch::chain(mapping_, static_cast<Operand>(o));
      if (chain.size() != 2) return refuse("the mapping keeps " + name + " in " + std::to_string(chain.size() - 1) + " levels; one is supported");
      entry_[o] = chain[1];
      for (std::size_t l = 0; l < core_.levels.size(); ++l)
        if (core_.levels[l].name == mapping_.levels[chain[1]].level) level_[o] = l;
      slots_[o] = core_.levels[level_[o]].slots();
    }
    if (work_.window) {
      const workloads::Convolution& c = *work_.window;
      if (c.batch != 1 && !s_.shape.images) return refuse(std::to_string(c.batch) + " images, and the RTL is for one");
      for (int a = 0; a < 2; ++a) {
        if (c.kernel[a] > 1 && c.dilation[a] != 1) return refuse("a dilated convolution");
        if (c.pad_begin[a] > 16000 || c.kernel[a] > 16000) return refuse("a window or padding of more than 16000 rows or columns");
        if (c.kernel[a] > 1 && c.kernel[a] < c.stride[a]) return refuse("a window smaller than its stride");
        if (c.in[a] > 16000 || c.out[a] > 16000) return refuse("an image of more than 16000 rows or columns");
      }
    }
    const auto spatial = arch::spatial_dims(core_.array.dataflow);
    for (const arch::FlatLoop& loop : arch::flatten(mapping_)) sums_ = sums_ || loop.dim == Dim::k;
    for (const arch::Loop& loop : mapping_.folds) sums_ = sums_ || (spatial.rows == Dim::k && loop.dim == Dim::k && loop.count > 1);
    return {};
  }

  Expected<void> walk_tiles() {
    const auto flat = arch::flatten(mapping_);
    const auto outside = arch::loops_outside(mapping_);
    std::vector<std::int64_t> before, here(flat.size());
    for (arch::TileWalk walk(work_, flat); !walk.done(); walk.next()) {
      if (tiles_ > 2'000'000) return refuse("more than 2000000 array tiles");
      for (std::size_t i = 0; i < flat.size(); ++i)
        here[i] = walk.tile(i + 1).begin[at(flat[i].dim)] - walk.tile(i).begin[at(flat[i].dim)];
      for (std::size_t o = 0; o < arch::operand_count; ++o) {
        bool fresh = before.empty();
        for (std::size_t i = 0; i < outside[entry_[o]] && !fresh; ++i)
          fresh = arch::relevant(static_cast<Operand>(o), flat[i].dim) && here[i] != before[i];
        if (fresh) of_[o].push_back({tiles_, tiles_, walk.tile(outside[entry_[o]]), walk.tile().begin[at(Dim::k)], 0});
        of_[o].back().last = tiles_;
        of_[o].back().k_end = walk.tile().end[at(Dim::k)];
      }
      before = here;
      ++tiles_;
    }
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (const Tile& tile : of_[o]) {
        words_[o].push_back(tile_words(o, tile.range));
        // The model then counts some columns alone.
        if (words_[o].back().elements != arch::tile_elements(work_, static_cast<Operand>(o), tile.range))
          return refuse("the mapping has a tile of " + std::string(arch::operand_names()[o]) + " that goes on to another image and begins in the last row of the one or ends in the first row of the other");
      }
    return {};
  }

  Touched touched(int axis, std::int64_t first, std::int64_t last) const {
    const workloads::Convolution& c = *work_.window;
    Touched t;
    if (c.kernel[axis] == 1 && c.stride[axis] > 1) {
      const std::int64_t low = std::max(first, (c.pad_begin[axis] + c.stride[axis] - 1) / c.stride[axis]);
      const std::int64_t high = std::min(last, (c.in[axis] - 1 + c.pad_begin[axis]) / c.stride[axis]);
      return {low * c.stride[axis] - c.pad_begin[axis], std::max<std::int64_t>(0, high - low + 1), c.stride[axis], false};
    }
    t.begin = std::max<std::int64_t>(0, first * c.stride[axis] - c.pad_begin[axis]);
    const std::int64_t end = std::min(c.in[axis], last * c.stride[axis] - c.pad_begin[axis] + c.kernel[axis]);
    t.count = std::max<std::int64_t>(0, end - t.begin);
    return t;
  }

  /// A block of a tensor [g][outer][inner], packed in the level.
  TileWords block_words(const TileRange& r, Dim outer, Dim inner) const {
    TileWords w;
    const std::int64_t rows = size_[at(outer)], columns = size_[at(inner)];
    w.elements = r.size(Dim::g) * r.size(outer) * r.size(inner);
    w.loops = {{r.size(inner), 1}, {r.size(outer), columns}, {r.size(Dim::g), rows * columns}};
    w.mem = (r.begin[at(Dim::g)] * rows + r.begin[at(outer)]) * columns + r.begin[at(inner)];
    w.step[at(inner)] = 1;
    w.step[at(outer)] = r.size(inner);
    w.step[at(Dim::g)] = r.size(outer) * r.size(inner);
    return w;
  }

  /// Of convolutions, activations lie channel by channel and filters one after the other; matrices lie row by row.
  TileWords tile_words(std::size_t operand, const TileRange& r) const {
    const bool images = work_.window.has_value();
    if (images && work_.window->batch > 1 && operand != 1 && !(operand == 0 && windowed_)) return pixel_words(r, operand == 0 ? Dim::k : Dim::n);
    if (operand == 0) return windowed_ ? window_words(r) : images ? block_words(r, Dim::k, Dim::m) : block_words(r, Dim::m, Dim::k);
    if (operand == 1) return images ? block_words(r, Dim::n, Dim::k) : block_words(r, Dim::k, Dim::n);
    return images ? block_words(r, Dim::n, Dim::m) : block_words(r, Dim::m, Dim::n);
  }

  /// Pixels of neighbouring images, channel by channel.
  TileWords pixel_words(const TileRange& r, Dim channel) const {
    TileWords w;
    const std::int64_t pixels = work_.window->out[0] * work_.window->out[1], channels = size_[at(channel)];
    const std::int64_t m = r.size(Dim::m), first = r.begin[at(Dim::m)];
    w.elements = r.size(Dim::g) * r.size(channel) * m;
    w.images = {pixels, first % pixels, m, 1, size_[at(Dim::g)] * channels * pixels};
    w.loops = {{1, 0}, {r.size(channel), pixels}, {r.size(Dim::g), channels * pixels}};
    w.mem = first / pixels * w.images.stride + (r.begin[at(Dim::g)] * channels + r.begin[at(channel)]) * pixels + w.images.start;
    w.step[at(Dim::m)] = 1;
    w.step[at(channel)] = m;
    w.step[at(Dim::g)] = r.size(channel) * m;
    return w;
  }

  TileWords window_words(const TileRange& r) const {
    TileWords w;
    const std::int64_t g = r.size(Dim::g), m = r.size(Dim::m), k = r.size(Dim::k);
    const std::int64_t g0 = r.begin[at(Dim::g)], m0 = r.begin[at(Dim::m)], k0 = r.begin[at(Dim::k)];
    const workloads::Convolution& c = *work_.window;
    const std::int64_t taps = c.kernel[0] * c.kernel[1], width = c.out[1], last = m0 + m - 1;
    const std::int64_t pixels = c.out[0] * width, image0 = m0 / pixels, image1 = last / pixels;
    const std::int64_t row0 = m0 % pixels / width, row1 = last % pixels / width;
    const bool one_row = image0 == image1 && row0 == row1;
    Touched y = touched(0, row0, image0 == image1 ? row1 : c.out[0] - 1);
    const Touched x = one_row ? touched(1, m0 % width, last % width) : touched(1, 0, width - 1);
    w.first_channel = k0 / taps;
    const std::int64_t channels = (k0 + k - 1) / taps - w.first_channel + 1;
    w.elements = g * channels * y.count * x.count;
    w.loops = {{x.count, x.step}, {y.count, y.step * c.in[1]}, {channels, c.in[0] * c.in[1]}, {g, c.in_channels / c.groups * c.in[0] * c.in[1]}};
    w.mem = ((image0 * c.in_channels + g0 * (c.in_channels / c.groups) + w.first_channel) * c.in[0] + y.begin) * c.in[1] + x.begin;
    if (c.batch > 1) {
      const Touched all = touched(0, 0, c.out[0] - 1);
      w.images = {y.count, 0, y.count, y.step * c.in[1], c.in_channels * c.in[0] * c.in[1]};
      if (image0 != image1) {
        w.images.count = all.count;
        w.images.start = (y.begin - all.begin) / y.step;
        w.images.total = y.count + (image1 - image0 - 1) * all.count + touched(0, 0, row1).count;
        y.count = w.images.total;
        w.elements = g * channels * y.count * x.count;
      }
      w.loops = {{x.count, x.step}, {channels, c.in[0] * c.in[1]}, {g, c.in_channels / c.groups * c.in[0] * c.in[1]}};
      w.first_image = image0;
      w.image_words = all.count * x.count;
    }
    w.channel = y.count * x.count;
    w.step[at(Dim::g)] = channels * w.channel;
    w.tap_y = x.count;
    w.tap_x = 1;
    w.m_row = (y.dense ? c.stride[0] : 1) * x.count;
    w.step[at(Dim::m)] = x.dense ? c.stride[1] : 1;
    w.y_origin = y.dense ? (c.pad_begin[0] + y.begin) * x.count : (y.begin + c.pad_begin[0]) / c.stride[0] * x.count;
    w.x_origin = x.dense ? c.pad_begin[1] + x.begin : (x.begin + c.pad_begin[1]) / c.stride[1];
    return w;
  }

  Expected<void> place_slots() {
    std::vector<std::int64_t> used(core_.levels.size(), 0);
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      std::int64_t largest = 0;
      for (const TileWords& w : words_[o]) largest = std::max(largest, w.elements);
      slot_words_[o] = largest * width(o);
      slot_at_[o] = s_.shape.levels[level_[o]].offset + used[level_[o]];
      used[level_[o]] += slot_words_[o] * slots_[o];
      if (used[level_[o]] > s_.shape.levels[level_[o]].words)
        return refuse("level " + in_quotes(core_.levels[level_[o]].name) + " has no room for the words of its tiles");
    }
    return {};
  }

  std::int64_t slot(std::size_t operand, std::int64_t index) const { return slot_at_[operand] + index % slots_[operand] * slot_words_[operand]; }
  /// The last array tile of the tile whose slot tile `index` takes, or -1.
  std::int64_t slot_trigger(std::size_t operand, std::int64_t index) const {
    return index < slots_[operand] ? -1 : of_[operand][static_cast<std::size_t>(index - slots_[operand])].last;
  }
  bool has_fill(std::size_t operand, std::size_t index) const {
    return operand == 2 ? of_[2][index].k_begin != 0 : words_[operand][index].elements > 0;
  }

  TransferWords transfer(std::size_t operand, std::size_t index, bool write) const {
    const TileWords& w = words_[operand][index];
    const Tile& tile = of_[operand][index];
    const bool sums = operand == 2 && (!write || tile.k_end != size_[at(Dim::k)]);
    const std::int64_t words = sums ? s_.shape.sum_words : 1;
    TransferWords t;
    t.write = write;
    t.cls = write ? write_back_class : static_cast<int>(operand);
    t.beat = s_.beat(level_[operand]);
    t.words = w.elements * words;
    t.mem = sums ? place_.sums + w.mem * words : (operand == 0 ? place_.ifmap : operand == 1 ? place_.filter : place_.ofmap) + w.mem;
    t.loops = w.loops;
    t.images = w.images;
    if (sums && w.images.total > 0) {
      for (auto& loop : t.loops) loop.second *= words;
      t.loops[0] = {words, 1};
      t.images.step *= words;
      t.images.stride *= words;
    } else if (sums) {
      for (auto& loop : t.loops) loop.second *= words;
      t.loops.insert(t.loops.begin(), {words, 1});
    }
    t.lvl = slot(operand, static_cast<std::int64_t>(index));
    t.lstep = sums ? 1 : width(operand);
    t.need = begin_;
    if (s_.shape.device) {
      const int bits = sums ? core_.array.accumulator_bits : core_.array.precision.bits;
      std::vector<arch::ByteRun> runs;
      arch::memory_runs(work_, static_cast<Operand>(operand), tile.range, bits, runs);
      for (const arch::ByteRun& run : runs) t.runs.push_back({(sums ? place_.device.sums : place_.device.operand[operand]) + run.offset, run.bytes});
      t.bytes = arch::packed_bytes(w.elements, bits);
      t.bytes_per_cycle = s_.bytes_per_cycle(level_[operand]);
    }
    return t;
  }

  /// The order of docs/microarchitecture.md section 6.
  Expected<void> transfers() {
    struct Ordered {
      std::array<std::int64_t, 5> key;
      TransferWords words;
    };
    std::vector<Ordered> all;
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (std::size_t q = 0; q < of_[o].size(); ++q) {
        const auto index = static_cast<std::int64_t>(q), operand = static_cast<std::int64_t>(o), entry = static_cast<std::int64_t>(entry_[o]);
        if (has_fill(o, q)) {
          TransferWords t = transfer(o, q, false);
          const std::int64_t trigger = slot_trigger(o, index);
          if (o == 2) t.need[1 + write_back_class] += std::max<std::int64_t>(0, index - slots_[o] + 1);
          else t.need[0] += trigger + 1;
          all.push_back({{trigger, 1, of_[o][q].first, entry, operand}, t});
        }
        if (o == 2) {
          TransferWords t = transfer(o, q, true);
          t.need[0] += of_[o][q].last + 1;
          all.push_back({{of_[o][q].last, 0, -entry, operand, index}, t});
        }
      }
    std::sort(all.begin(), all.end(), [](const Ordered& a, const Ordered& b) { return a.key < b.key; });
    for (const Ordered& one : all)
      if (auto ok = s_.add(one.words); !ok) return ok;
    return {};
  }

  void add_config() {
    const std::size_t step = s_.array_ends.size();
    s_.config.begin();
    s_.config.set("bank", static_cast<std::int64_t>(step % 2));
    s_.config.set("need_e", step >= 2 ? s_.array_ends[step - 2] : 0);
    workloads::Convolution c;
    if (windowed_) c = *work_.window;
    s_.config.set("kh", c.kernel[0]);
    s_.config.set("kw", c.kernel[1]);
    s_.config.set("ow", c.out[1]);
    s_.config.set("h", c.in[0]);
    s_.config.set("w", c.in[1]);
    s_.config.set("sy", windowed_ ? c.stride[0] : 0);
    s_.config.set("sx", windowed_ ? c.stride[1] : 0);
    if (s_.shape.images) {
      s_.config.set("oh", c.out[0]);
      s_.config.set("y0", -c.pad_begin[0]);
    }
    s_.config.set("x0", -c.pad_begin[1]);
    s_.config.set("has_bias", place_.bias >= 0 ? 1 : 0);
    s_.config.set("relu", place_.relu ? 1 : 0);
    s_.config.set("shift", place_.shift);
  }

  Expected<void> folds() {
    auto folds = enumerate_folds(s_.design, core_, work_, mapping_);
    if (!folds) return refuse(folds.error().text());
    const std::size_t step = s_.array_ends.size();
    if (step > 60000) return refuse("more than 60000 array steps");
    add_config();
    std::size_t q[arch::operand_count] = {};
    const std::size_t bank = step % 2;
    const arch::Dataflow flow = core_.array.dataflow;
    std::int64_t fills[arch::operand_count] = {};
    for (std::size_t o = 0; o < arch::operand_count; ++o) fills[o] = has_fill(o, 0) ? 1 : 0;
    for (std::size_t f = 0; f < folds->size(); ++f) {
      const Fold& fold = (*folds)[f];
      for (std::size_t o = 0; o < arch::operand_count; ++o)
        if (of_[o][q[o]].last < fold.tile) fills[o] += has_fill(o, ++q[o]) ? 1 : 0;
      s_.fold.begin();
      s_.fold.set("a_rows", fold.rows);
      s_.fold.set("a_cols", fold.cols);
      s_.fold.set("a_length", fold.length);
      s_.fold.set("a_accumulate", fold.accumulate() ? 1 : 0);
      // A work step begins when all folds of the one before have ended.
      if (s_.shape.array.overlap) s_.fold.set("a_wait", f == 0 ? (s_.now[0] > 0 ? 1 : 0) : fold.wait);
      Progress need = begin_;
      if (fold.begins_tile) {
        for (std::size_t o = 0; o < arch::operand_count; ++o) {
          if (of_[o][q[o]].first != fold.tile) continue;
          const auto index = static_cast<std::int64_t>(q[o]);
          if (has_fill(o, q[o])) need[1 + o] = std::max(need[1 + o], begin_[1 + o] + fills[o]);
          else if (o == 2) need[1 + write_back_class] = std::max(need[1 + write_back_class], begin_[1 + write_back_class] + std::max<std::int64_t>(0, index - slots_[o] + 1));
          else need[0] = std::max(need[0], begin_[0] + slot_trigger(o, index) + 1);
        }
      }
      s_.fold.set("g_begin", fold.begins_tile ? 1 : 0);
      s_.fold.set("g_need_c", static_cast<std::int64_t>(step) + 1);
      s_.fold.set("g_need_e", need[0]);
      for (int c = 0; c < transfer_classes; ++c) s_.fold.set("g_need" + std::to_string(c), need[static_cast<std::size_t>(c) + 1]);
      for (std::size_t o = 0; o < arch::operand_count; ++o) {
        const std::string prefix = o == 0 ? "pi_" : o == 1 ? "pf_" : "pr_";
        const bool by_columns = flow == arch::Dataflow::is ? o == 0 : o == 1;
        set_if(prefix + "lanes", by_columns ? fold.cols : fold.rows);
        set_if(prefix + "adds", fold.accumulate() ? 1 : 0);
        set_if(prefix + "odd", s_.program.folds.count % 2);
        set_if(prefix + "level", static_cast<std::int64_t>(level_[o]));
      }
      add_ifmap(fold, q[0], static_cast<std::int64_t>(bank), flow);
      add_filter(fold, q[1], flow);
      const bool last = f + 1 == folds->size() || (*folds)[f + 1].begins_tile;
      add_result(fold, q[2], static_cast<std::int64_t>(bank), last, flow);
    }
    return {};
  }

  void set_if(const std::string& name, std::int64_t value) {
    if (s_.fold.has(name)) s_.fold.set(name, value);
  }

  /// Where in its tile an element of index `index` along one dimension lies.
  static std::int64_t within(const TileWords& w, const TileRange& r, Dim dim, std::int64_t index) { return (index - r.begin[at(dim)]) * w.step[at(dim)]; }

  void add_ifmap(const Fold& fold, std::size_t index, std::int64_t bank, arch::Dataflow flow) {
    const TileWords& w = words_[0][index];
    const TileRange& r = of_[0][index].range;
    DescriptorWriter& d = s_.fold;
    d.set("i_beats", flow == arch::Dataflow::is ? fold.rows : fold.length);
    d.set("i_bank", bank);
    d.set("i_base", slot(0, static_cast<std::int64_t>(index)) + within(w, r, Dim::g, fold.g));
    if (!windowed_) {
      d.set("i_ma", within(w, r, Dim::m, fold.m));
      d.set("i_ka", within(w, r, Dim::k, fold.k));
      d.set("i_am_row", w.step[at(Dim::m)]);
      d.set("i_ak_c", w.step[at(Dim::k)]);
      set_if("i_am_image", w.step[at(Dim::m)]);
      return;
    }
    const workloads::Convolution& c = *work_.window;
    const std::int64_t taps = c.kernel[0] * c.kernel[1], pixels = c.out[0] * c.out[1], oy = fold.m % pixels / c.out[1], ox = fold.m % c.out[1];
    const std::int64_t channel = fold.k / taps, ky = fold.k % taps / c.kernel[1], kx = fold.k % c.kernel[1];
    d.set("i_ma", (fold.m / pixels - w.first_image) * w.image_words + oy * w.m_row - w.y_origin + ox * w.step[at(Dim::m)] - w.x_origin);
    d.set("i_y", oy * c.stride[0] - c.pad_begin[0]);
    d.set("i_x", ox * c.stride[1] - c.pad_begin[1]);
    d.set("i_ox", ox);
    set_if("i_oy", oy);
    set_if("i_am_image", w.image_words - (c.out[0] - 1) * w.m_row - (c.out[1] - 1) * w.step[at(Dim::m)]);
    d.set("i_ka", (channel - w.first_channel) * w.channel + ky * w.tap_y + kx * w.tap_x);
    d.set("i_ky", ky);
    d.set("i_kx", kx);
    d.set("i_am_x", w.step[at(Dim::m)]);
    d.set("i_am_row", w.m_row - (c.out[1] - 1) * w.step[at(Dim::m)]);
    d.set("i_ak_x", w.tap_x);
    d.set("i_ak_y", w.tap_y - (c.kernel[1] - 1) * w.tap_x);
    d.set("i_ak_c", w.channel - (c.kernel[0] - 1) * w.tap_y - (c.kernel[1] - 1) * w.tap_x);
  }

  void add_filter(const Fold& fold, std::size_t index, arch::Dataflow flow) {
    const TileWords& w = words_[1][index];
    const TileRange& r = of_[1][index].range;
    DescriptorWriter& d = s_.fold;
    const std::int64_t n_step = w.step[at(Dim::n)], k_step = w.step[at(Dim::k)];
    std::int64_t k = fold.k, lane = n_step, beat = k_step, beats = fold.length;
    if (flow == arch::Dataflow::ws) {  // the bottom row first
      k += fold.rows - 1;
      beat = -k_step;
      beats = fold.rows;
    } else if (flow == arch::Dataflow::is) {
      lane = k_step;
      beat = n_step;
    }
    d.set("f_beats", beats);
    d.set("f_base", slot(1, static_cast<std::int64_t>(index)) + within(w, r, Dim::g, fold.g) + within(w, r, Dim::n, fold.n) + within(w, r, Dim::k, k));
    d.set("f_ls", lane);
    d.set("f_bs", beat);
  }

  void add_result(const Fold& fold, std::size_t index, std::int64_t bank, bool last, arch::Dataflow flow) {
    const TileWords& w = words_[2][index];
    const TileRange& r = of_[2][index].range;
    const std::int64_t wide = width(2), k_part = flow == arch::Dataflow::os ? fold.length : fold.rows;
    const bool swapped = flow == arch::Dataflow::is;
    DescriptorWriter& d = s_.fold;
    d.set("r_beats", flow == arch::Dataflow::os ? fold.rows : fold.length);
    d.set("r_cols", fold.cols);
    d.set("r_bank", bank);
    d.set("r_final", fold.k + k_part == size_[at(Dim::k)] ? 1 : 0);
    d.set("r_last", last ? 1 : 0);
    d.set("r_base", slot(2, static_cast<std::int64_t>(index)) + (within(w, r, Dim::g, fold.g) + within(w, r, Dim::m, fold.m) + within(w, r, Dim::n, fold.n)) * wide);
    d.set("r_ls", w.step[at(swapped ? Dim::m : Dim::n)] * wide);
    d.set("r_bs", w.step[at(swapped ? Dim::n : Dim::m)] * wide);
    const std::int64_t column = work_.window ? fold.g * size_[at(Dim::n)] + fold.n : fold.n;
    d.set("r_bias", place_.bias >= 0 ? place_.bias + column : 0);
  }
};

}  // namespace

Expected<void> compile_array_step(ProgramState& state, const arch::ArrayWork& work, const arch::StepMapping& mapping, const ArrayPlace& place) {
  return ArrayCompiler(state, work, mapping, place).run();
}

}  // namespace gnomon::hls
