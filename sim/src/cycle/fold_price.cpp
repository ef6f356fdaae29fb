#include "fold_price.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace gnomon::sim::cycle {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
/// Profiles that are kept; more distinct windows than that do not repeat.
constexpr std::size_t memo_limit = 20000;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t Movement::words(std::int64_t step, std::int64_t& until) const {
  const std::int64_t u = step - start;
  if (u < 0) {
    until = std::min(until, start);
    return 0;
  }
  const std::int64_t all = steps();
  if (u >= all) return 0;
  if (!skewed) {
    until = std::min(until, start + all);
    return lanes;
  }
  const std::int64_t most = std::min(lanes, beats);
  if (u < most - 1) {
    until = std::min(until, step + 1);
    return u + 1;
  }
  const std::int64_t falls = all - (most - 1);
  if (u < falls) {
    until = std::min(until, start + falls);
    return most;
  }
  until = std::min(until, step + 1);
  return all - u;
}

void Profile::add(std::int64_t steps, std::int64_t price) {
  if (runs_.empty() || runs_.back().price != price) runs_.push_back({steps_, cycles_, price});
  steps_ += steps;
  cycles_ += steps * price;
}

std::int64_t Profile::cycles(std::int64_t steps) const {
  if (steps >= steps_) return cycles_;
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), steps, [](std::int64_t s, const Run& run) { return s < run.first_step; });
  const Run& run = *(after - 1);
  return run.first_cycle + (steps - run.first_step) * run.price;
}

void ArrayTraffic::add(const ArrayTraffic& other, std::int64_t times) {
  for (std::size_t o = 0; o < read.size(); ++o) {
    read[o] += other.read[o] * times;
    write[o] += other.write[o] * times;
  }
}

std::size_t FoldPricer::KeyHash::operator()(const Key& key) const {
  std::uint64_t hash = 0x9e3779b97f4a7c15u;
  for (const std::int64_t word : key) {
    hash = (hash ^ static_cast<std::uint64_t>(word)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

FoldPricer::FoldPricer(const ArrayStep& step) : step_(step), dataflow_(step.core->array.dataflow), overlap_(step.core->array.overlap) {
  for (const arch::Level& level : step.core->levels) {
    const Port port{level.bytes_per_cycle, level.banks, std::max<std::int64_t>(1, level.bytes_per_cycle / level.banks)};
    ports_.push_back(port);
    ports_.push_back(port);
  }
  port_bytes_.resize(ports_.size());
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    const bool accumulates = static_cast<Operand>(o) == Operand::ofmap && step.partial_sums;
    bits_[o] = accumulates ? step.core->array.accumulator_bits : step.core->array.precision.bits;
    banked_[o] = step.mapping->layout[o] != arch::Layout::streamed;
    any_banked_ = any_banked_ || banked_[o];
    const Port& port = ports_[2 * step.innermost_level(static_cast<Operand>(o))];
    const std::int64_t round = 8 * port.word_bytes * port.banks;
    period_[o] = round / std::gcd<std::int64_t, std::int64_t>(round, bits_[o]);
  }
}

Movement FoldPricer::movement(const Fold& fold, Operand operand, bool write, int bits, std::int64_t start, Dim lane, std::int64_t lanes, Dim beat,
                              std::int64_t beats, bool skewed, bool reversed) const {
  Movement m;
  m.port = static_cast<int>(2 * step_.innermost_level(operand)) + (write ? 1 : 0);
  m.operand = operand;
  m.write = write;
  m.skewed = skewed;
  m.bits = bits;
  m.start = start;
  m.lanes = lanes;
  m.beats = beats;
  const Placement& place = fold.place[static_cast<std::size_t>(operand)];
  m.lane_stride = place.stride[static_cast<int>(lane)];
  m.beat_stride = place.stride[static_cast<int>(beat)];
  m.base = place.base;
  m.tag = place.tag;
  if (reversed) {
    m.base += (beats - 1) * m.beat_stride;
    m.beat_stride = -m.beat_stride;
  }
  return m;
}

const std::vector<Movement>& FoldPricer::movements(const Fold& fold) {
  const arch::Array& array = step_.core->array;
  const int word = array.precision.bits;
  const int sum = array.accumulator_bits;
  const std::int64_t r = fold.rows, c = fold.cols, t = fold.streamed;
  movements_.clear();
  const auto move = [&](auto... arguments) { movements_.push_back(movement(fold, arguments...)); };
  const auto results = [&](std::int64_t start, Dim lane, Dim beat, std::int64_t beats, bool skewed) {
    move(Operand::ofmap, true, fold.is_final ? word : sum, start, lane, c, beat, beats, skewed, false);
    if (fold.adds_partial_sums) move(Operand::ofmap, false, sum, start, lane, c, beat, beats, skewed, false);
  };
  const arch::DataflowInfo& flow = arch::info(dataflow_);
  if (flow.outputs_stay()) {
    move(Operand::ifmap, false, word, std::int64_t{0}, flow.rows, r, flow.streamed, t, true, false);
    move(Operand::filter, false, word, std::int64_t{0}, flow.cols, c, flow.streamed, t, true, false);
    results(t + (r - 1) + (c - 1), flow.cols, flow.rows, r, false);
  } else {
    move(flow.stationary, false, word, std::int64_t{0}, flow.cols, c, flow.rows, r, overlap_, true);
    move(flow.flowing(), false, word, r, flow.rows, r, flow.streamed, t, true, false);
    results(r + (r - 1), flow.cols, flow.streamed, t, true);
  }
  return movements_;
}

ArrayTraffic FoldPricer::traffic(const Fold& fold) {
  key_.assign({fold.rows, fold.cols, fold.streamed, fold.adds_partial_sums ? 1 : 0, fold.is_final ? 1 : 0});
  const auto known = traffics_.find(key_);
  if (known != traffics_.end()) return known->second;
  ArrayTraffic sum;
  for (const Movement& m : movements(fold)) {
    std::int64_t bytes = 0;
    const std::int64_t end = m.start + m.steps();
    for (std::int64_t step = m.start; step < end;) {
      std::int64_t until = end;
      const std::int64_t words = m.words(step, until);
      bytes += arch::packed_bytes(words, m.bits) * (until - step);
      step = until;
    }
    (m.write ? sum.write : sum.read)[static_cast<std::size_t>(m.operand)] += bytes;
  }
  if (traffics_.size() >= memo_limit) traffics_.clear();
  return traffics_[key_] = sum;
}

void FoldPricer::append_key(const Fold& fold, std::int64_t first) {
  key_.insert(key_.end(), {fold.preload_step - first, fold.rows, fold.cols, fold.streamed * 4 + (fold.adds_partial_sums ? 2 : 0) + (fold.is_final ? 1 : 0)});
}

const Profile& FoldPricer::window(const std::vector<Fold>& in_flight, std::int64_t first, std::int64_t length) {
  key_.assign(1, length);
  for (const Fold& fold : in_flight) append_key(fold, first);
  // A window with banks repeats when its words are the same but for a whole number of rounds through the banks, together.
  if (any_banked_) {
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      if (!banked_[o]) continue;
      std::int64_t origin[2] = {never, never};
      for (const Fold& fold : in_flight) {
        const Placement& place = fold.place[o];
        std::int64_t& tile = origin[place.tag];
        if (tile == never) tile = place.base - place.base % period_[o];
        key_.insert(key_.end(), {place.base - tile, place.tag});
        for (const std::int64_t stride : place.stride) key_.push_back(stride);
      }
    }
  }
  if (last_ != nullptr && key_ == last_key_) return *last_;
  auto known = windows_.find(key_);
  if (known == windows_.end()) {
    placed_.clear();
    for (const Fold& fold : in_flight) {
      for (Movement m : movements(fold)) {
        m.start += fold.preload_step - first;
        placed_.push_back(m);
      }
    }
    if (windows_.size() >= memo_limit) windows_.clear();
    known = windows_.emplace(key_, price(length)).first;
  }
  last_key_ = key_;
  last_ = &known->second;
  return *last_;
}

std::int64_t FoldPricer::alone(const Fold& fold) {
  one_.assign(1, fold);
  return window(one_, fold.preload_step, fold.end_step - fold.preload_step).cycles();
}

Profile FoldPricer::price(std::int64_t length) {
  Profile profile;
  for (std::int64_t step = 0; step < length;) {
    std::int64_t until = length;
    std::fill(port_bytes_.begin(), port_bytes_.end(), 0);
    bool conflicts = false;
    for (const Movement& m : placed_) {
      const std::int64_t words = m.words(step, until);
      if (words == 0) continue;
      port_bytes_[static_cast<std::size_t>(m.port)] += arch::packed_bytes(words, m.bits);
      conflicts = conflicts || banked_[static_cast<std::size_t>(m.operand)];
    }
    std::int64_t price = 1;
    for (std::size_t p = 0; p < ports_.size(); ++p) {
      if (port_bytes_[p] == 0) continue;
      price = std::max(price, ceil_div(port_bytes_[p], ports_[p].bytes_per_cycle));
      if (conflicts) price = std::max(price, turns(step, static_cast<int>(p)));
    }
    if (conflicts) until = step + 1;
    profile.add(until - step, price);
    step = until;
  }
  return profile;
}

std::int64_t FoldPricer::turns(std::int64_t step, int port) {
  const Port& limits = ports_[static_cast<std::size_t>(port)];
  touched_.clear();
  for (const Movement& m : placed_) {
    if (m.port != port || !banked_[static_cast<std::size_t>(m.operand)]) continue;
    const std::int64_t u = step - m.start;
    if (u < 0 || u >= m.steps()) continue;
    const std::int64_t stored = bits_[static_cast<std::size_t>(m.operand)];
    const std::int64_t tag = static_cast<std::int64_t>(m.operand) * 2 + m.tag;
    std::int64_t low = 0, high = m.lanes;
    if (m.skewed) {
      low = std::max<std::int64_t>(0, u - m.beats + 1);
      high = std::min(m.lanes, u + 1);
    }
    for (std::int64_t lane = low; lane < high; ++lane) {
      const std::int64_t index = m.base + lane * m.lane_stride + (m.skewed ? u - lane : u) * m.beat_stride;
      const std::int64_t word = index * stored / 8 / limits.word_bytes;
      touched_.push_back({word % limits.banks, tag, word});
    }
  }
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  std::int64_t most = 0;
  for (std::size_t i = 0, from = 0; i < touched_.size(); ++i) {
    if (touched_[i].bank != touched_[from].bank) from = i;
    most = std::max(most, static_cast<std::int64_t>(i - from + 1));
  }
  return most;
}

}  // namespace gnomon::sim::cycle
