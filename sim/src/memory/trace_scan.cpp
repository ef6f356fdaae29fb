#include <algorithm>
#include <cmath>

#include "gnomon/base/text.hpp"
#include "gnomon/sim/trace_part.hpp"
#include "trace_bounds.hpp"

namespace gnomon::sim {
namespace {

/// Segments beyond which two become one, so that a trace of any length needs the same memory.
constexpr std::size_t most_segments = std::size_t{1} << 20;

/// Mean and deviation over mean of what is added.
struct Spread {
  double sum = 0, squares = 0, n = 0;
  void add(double x) {
    sum += x;
    squares += x * x;
    n += 1;
  }
  double over_mean() const {
    if (n < 2 || sum <= 0) return 0;
    const double mean = sum / n;
    return std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean;
  }
};

}  // namespace

PieceBounds::PieceBounds(const arch::Dram& dram) : dram_(dram) {
  using T = arch::DramTiming;
  const arch::DramController& c = dram.controller;
  const std::size_t buses = static_cast<std::size_t>(dram.channels) * static_cast<std::size_t>(dram.pseudo_channels);
  ranks_ = static_cast<std::size_t>(dram.ranks);
  groups_ = static_cast<std::size_t>(dram.bank_groups);
  banks_ = static_cast<std::size_t>(dram.banks_per_group);
  open_.assign(buses * ranks_ * groups_ * banks_, -1);
  bank_.resize(open_.size());
  bus_.resize(buses);
  group_.assign(buses * ranks_ * groups_, 0);
  rank_.assign(buses * ranks_, 0);
  entries_ = c.buffer_capacity();
  // As many requests as the controller may choose from.
  const double held = c.buffer == arch::DramBuffer::bankwise ? entries_ * dram.banks_per_channel() : entries_;
  piece_ = static_cast<std::size_t>(std::clamp(held * dram.channels, 8.0, 64.0));
  const auto t = [&](T timing) { return static_cast<double>(dram[timing]); };
  column_ = std::max({t(T::tCCD), t(T::tCCD_L), static_cast<double>(dram.burst_cycles)});
  const double precharge = std::max(t(T::tRP), t(T::tRPab));
  row_cycle_ = t(T::tRC) > 0 ? t(T::tRC) : t(T::tRAS) + precharge;
  miss_ = precharge + t(T::tRCD);
  hits_in_row_cycle_ = std::floor(std::max(0.0, row_cycle_ - miss_) / column_);
  activate_ = std::max({t(T::tRRD), t(T::tRRD_S), t(T::tFAW) / 4});
  answer_ = t(T::CL) + dram.burst_cycles;
  // A write, then a read, and a read, then a write, beyond the bursts themselves.
  turn_ = (t(T::CWL) + std::max(t(T::tWTR), t(T::tWTR_S)) + std::max(0.0, t(T::CL) - t(T::CWL)) + 2) / 2;
}

PieceBounds::Bounds PieceBounds::of(const std::vector<TraceRequest>& requests) {
  using F = arch::DramField;
  const arch::DramController& c = dram_.controller;
  const bool closed = c.page_policy == arch::DramPagePolicy::closed, adaptive = c.page_policy == arch::DramPagePolicy::closed_adaptive;
  const bool in_order = c.scheduler == arch::DramScheduler::fifo;
  Bounds out;
  for (const TraceRequest& request : requests) {
    const auto field = [&](F f) { return static_cast<std::size_t>(dram_.map.fields[static_cast<std::size_t>(f)].of(request.address)); };
    const std::size_t bus = field(F::channel) * static_cast<std::size_t>(dram_.pseudo_channels) + field(F::pseudo_channel);
    const std::size_t rank = bus * ranks_ + field(F::rank), group = rank * groups_ + field(F::bank_group), bank = group * banks_ + field(F::bank);
    const auto row = static_cast<std::int64_t>(field(F::row));
    BankPiece& b = bank_[bank];
    if (b.requests++ == 0) {
      banks_touched_.push_back(bank);
      if (adaptive) open_[bank] = -1;
    }
    bool hit = open_[bank] == row;
    // Requests to one row are served together, whatever comes between.
    if (!hit && !in_order) hit = std::find(b.rows.begin(), b.rows.end(), row) != b.rows.end();
    if (!hit) {
      open_[bank] = row;
      if (!in_order) b.rows.push_back(row);
    }
    if (closed) hit = false;
    BusPiece& on = bus_[bus];
    if (on.requests++ == 0) buses_touched_.push_back(bus);
    if (on.requests > 1 && on.last_write != request.write) ++on.turns;
    on.last_write = request.write;
    ++group_[group];
    if (hit) {
      out.hits += 1;
    } else {
      ++b.misses;
      ++rank_[rank];
    }
  }
  const double n = static_cast<double>(requests.size());
  for (const std::size_t bank : banks_touched_) {
    BankPiece& b = bank_[bank];
    const double further = std::max(0.0, static_cast<double>(b.requests - b.misses) - static_cast<double>(b.misses) * hits_in_row_cycle_);
    out.bank = std::max(out.bank, static_cast<double>(b.misses) * row_cycle_ + further * column_);
    out.group = std::max(out.group, static_cast<double>(group_[bank / banks_]) * column_);
    out.activate = std::max(out.activate, static_cast<double>(rank_[bank / banks_ / groups_]) * activate_);
  }
  for (const std::size_t bank : banks_touched_) {
    group_[bank / banks_] = 0;
    rank_[bank / banks_ / groups_] = 0;
    bank_[bank].requests = bank_[bank].misses = 0;
    bank_[bank].rows.clear();
  }
  const bool simple = c.arbiter == arch::DramArbiter::simple;
  for (const std::size_t bus : buses_touched_) {
    BusPiece& on = bus_[bus];
    const double data = static_cast<double>(on.requests) * dram_.burst_cycles;
    const double turns = c.scheduler == arch::DramScheduler::frfcfs_grp ? std::min<double>(on.turns, 2) : on.turns;
    out.bus = std::max(out.bus, data);
    out.turn = std::max(out.turn, data + turns * turn_);
    // The arbiter hands a channel a request every second cycle.
    if (!simple) out.port = std::max(out.port, 2.0 * static_cast<double>(on.requests) * (dram_.pseudo_channels > 1 ? dram_.pseudo_channels : 1));
    on = {};
  }
  const double misses = n - out.hits;
  out.port = std::max(out.port, simple ? n : 2 * n);
  const double places = c.buffer == arch::DramBuffer::bankwise ? entries_ * static_cast<double>(banks_touched_.size())
                                                              : entries_ * std::min<double>(dram_.channels, static_cast<double>(buses_touched_.size()));
  out.buffer = (misses * miss_ + n) / std::max(1.0, places);
  if (!simple) out.buffer = std::max(out.buffer, (misses * miss_ + n * (answer_ + 4)) / c.max_active_transactions);
  out.banks = static_cast<double>(banks_touched_.size());
  banks_touched_.clear();
  buses_touched_.clear();
  return out;
}

double TraceScan::at(const std::vector<double>& sums, std::int64_t request) const {
  if (sums.empty() || request <= 0) return 0;
  const auto segment = static_cast<std::size_t>(request / segment_requests);
  if (segment >= sums.size() || request >= requests) return sums.back();
  const double before = segment == 0 ? 0 : sums[segment - 1];
  const std::int64_t first = static_cast<std::int64_t>(segment) * segment_requests, size = std::min(segment_requests, requests - first);
  return before + (sums[segment] - before) * static_cast<double>(request - first) / static_cast<double>(size);
}

Expected<TraceScan> scan_trace(const arch::Dram& dram, TraceSource& source) {
  PieceBounds bounds(dram);
  TraceScan out;
  const auto piece_size = static_cast<std::int64_t>(bounds.piece());
  out.segment_requests = piece_size;
  Spread cost, gaps;
  std::vector<TraceRequest> piece;
  std::uint64_t before = 0;
  std::int64_t piece_arrival = 0;
  bool had = false, was_write = false;
  const auto bytes = static_cast<std::uint64_t>(dram.bytes());
  const auto finish = [&] {
    const PieceBounds::Bounds b = bounds.of(piece);
    const double worst = b.most();
    for (auto [bound, share] : {std::pair{b.bus, &out.bus}, {b.turn, &out.turn}, {b.group, &out.group}, {b.bank, &out.bank}, {b.activate, &out.activate}, {b.buffer, &out.buffer}, {b.port, &out.port}}) {
      if (bound < worst) continue;
      *share += worst;
      break;
    }
    out.cost_cycles += worst;
    out.hits += b.hits;
    out.banks += b.banks;
    const std::int64_t arrival = piece.back().cycle;
    out.no_wait_cycles = std::max(std::max(out.no_wait_cycles, static_cast<double>(piece.front().cycle)) + worst, static_cast<double>(arrival));
    if (piece.size() == bounds.piece()) {
      cost.add(worst);
      gaps.add(static_cast<double>(arrival - piece_arrival));
    }
    piece_arrival = arrival;
    // Pieces fill segments one after the other.
    const bool opens = (out.requests - static_cast<std::int64_t>(piece.size())) % out.segment_requests == 0;
    if (opens) {
      if (out.cost_sum.size() == most_segments) {
        for (std::size_t i = 0; i < most_segments / 2; ++i) {
          out.cost_sum[i] = out.cost_sum[2 * i + 1];
          out.hit_sum[i] = out.hit_sum[2 * i + 1];
          out.arrival[i] = out.arrival[2 * i + 1];
        }
        for (auto* sums : {&out.cost_sum, &out.hit_sum}) sums->resize(most_segments / 2);
        out.arrival.resize(most_segments / 2);
        out.segment_requests *= 2;
      }
      out.cost_sum.push_back(0);
      out.hit_sum.push_back(0);
      out.arrival.push_back(0);
    }
    out.cost_sum.back() = out.cost_cycles;
    out.hit_sum.back() = out.hits;
    out.arrival.back() = arrival;
    piece.clear();
  };
  for (TraceRequest request; source.next(request);) {
    if (request.address >= bytes) {
      return fail(ErrorKind::invalid_input, "request " + std::to_string(out.requests) + ": address " + std::to_string(request.address) + " lies outside the memory of " + std::to_string(bytes) + " bytes");
    }
    if (had) {
      const std::uint64_t distance = request.address > before ? request.address - before : before - request.address;
      (distance <= static_cast<std::uint64_t>(dram.burst_bytes) ? out.next : distance <= 8192 ? out.near : out.far) += 1;
      out.turns += was_write != request.write ? 1 : 0;
    }
    had = true;
    before = request.address;
    was_write = request.write;
    ++out.requests;
    out.writes += request.write ? 1 : 0;
    out.last_arrival_cycle = std::max(out.last_arrival_cycle, request.cycle);
    piece.push_back(request);
    if (piece.size() == bounds.piece()) finish();
  }
  if (auto fine = source.status(); !fine) return fail(std::move(fine.error()));
  if (!piece.empty()) finish();
  if (out.requests == 0) return out;
  const double n = static_cast<double>(out.requests);
  for (double* share : {&out.bus, &out.group, &out.bank, &out.activate, &out.turn, &out.buffer, &out.port}) *share /= out.cost_cycles;
  for (double* share : {&out.next, &out.near, &out.far, &out.turns}) *share /= n;
  out.banks /= std::ceil(n / static_cast<double>(piece_size));
  out.cost_deviation = cost.over_mean();
  if (out.last_arrival_cycle > 0) out.arrival_deviation = gaps.over_mean();
  Spread slow;
  for (std::int64_t i = 0; i < 16; ++i) slow.add(out.cost_at((i + 1) * out.requests / 16) - out.cost_at(i * out.requests / 16));
  out.slow_deviation = slow.over_mean();
  return out;
}

}  // namespace gnomon::sim
