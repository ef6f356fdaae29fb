#include <algorithm>
#include <bit>
#include <cmath>

#include "gnomon/base/random.hpp"
#include "gnomon/sim/trace_part.hpp"

namespace gnomon::sim {
namespace {

/// Addresses of one kind, in bursts, without end.
class Pattern {
 public:
  virtual ~Pattern() = default;
  virtual std::uint64_t next(bool& write) = 0;
};
using PatternPtr = std::unique_ptr<Pattern>;

/// Where and how large: bursts [base, base + size) of the memory.
struct Place {
  std::uint64_t base = 0, size = 1;
};

Place any_place(Random& random, std::uint64_t bursts) {
  Place out;
  const std::int64_t most = static_cast<std::int64_t>(std::bit_width(bursts)) - 1;
  out.size = std::uint64_t{1} << random.integer(std::min<std::int64_t>(10, most), most);
  out.size = std::min(out.size, bursts);
  out.base = static_cast<std::uint64_t>(random.integer(0, static_cast<std::int64_t>((bursts - out.size) / 64))) * 64;
  return out;
}

/// Reads and writes: each stream of its own kind, or runs.
class Writes {
 public:
  explicit Writes(Random& random) : random_(Random(random.next())), share_(random.chance(0.35) ? 0.0 : random.uniform(0.05, 0.6)), run_(random.chance(0.5) ? 1 : random.log_integer(2, 64)) {}
  bool next() {
    if (share_ == 0) return false;
    if (left_-- == 0) {
      write_ = random_.chance(share_);
      left_ = run_ - 1;
    }
    return write_;
  }

 private:
  Random random_;
  double share_;
  std::int64_t run_, left_ = 0;
  bool write_ = false;
};

class Streams final : public Pattern {
 public:
  Streams(Random& random, std::uint64_t bursts, bool strided) : random_(Random(random.next())), in_turn_(random.chance(0.5)) {
    const std::int64_t count = random.log_integer(1, 8);
    run_ = random.log_integer(1, 32);
    for (std::int64_t i = 0; i < count; ++i) {
      Stream s;
      s.place = any_place(random, bursts);
      s.write = random.chance(0.3);
      if (strided) s.step = static_cast<std::uint64_t>(random.chance(0.5) ? std::int64_t{1} << random.integer(1, 10) : random.log_integer(2, 1500));
      s.at = static_cast<std::uint64_t>(random.integer(0, static_cast<std::int64_t>(s.place.size) - 1));
      streams_.push_back(s);
    }
  }
  std::uint64_t next(bool& write) override {
    if (left_-- == 0) {
      now_ = in_turn_ ? (now_ + 1) % streams_.size() : static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(streams_.size()) - 1));
      left_ = run_ - 1;
    }
    Stream& s = streams_[now_];
    write = s.write;
    const std::uint64_t out = s.place.base + s.at % s.place.size;
    s.at += s.step;
    // A stride that has passed its place starts anew a burst further.
    if (s.at >= s.place.size) s.at = s.step > 1 ? ++s.shift % s.step : 0;
    return out;
  }

 private:
  struct Stream {
    Place place;
    std::uint64_t at = 0, step = 1, shift = 0;
    bool write = false;
  };
  Random random_;
  bool in_turn_;
  std::vector<Stream> streams_;
  std::size_t now_ = 0;
  std::int64_t run_ = 1, left_ = 0;
};

/// Uniform; or blocks drawn uniformly, each from its first burst to its last.
class Scattered final : public Pattern {
 public:
  Scattered(Random& random, std::uint64_t bursts, bool blocks) : random_(Random(random.next())), writes_(random), place_(any_place(random, bursts)), block_(blocks ? static_cast<std::uint64_t>(random.log_integer(2, 64)) : 1) {}
  std::uint64_t next(bool& write) override {
    if (at_ % block_ == 0) at_ = static_cast<std::uint64_t>(random_.integer(0, static_cast<std::int64_t>(place_.size / block_))) * block_;
    write = writes_.next();
    return place_.base + at_++ % place_.size;
  }

 private:
  Random random_;
  Writes writes_;
  Place place_;
  std::uint64_t block_, at_ = 0;
};

/// Few rows' worth of bursts, some far more often than others.
class Hot final : public Pattern {
 public:
  Hot(Random& random, std::uint64_t bursts) : random_(Random(random.next())), writes_(random), skew_(random.uniform(1.0, 4.0)) {
    const Place place = any_place(random, bursts);
    region_ = std::min<std::uint64_t>(place.size, static_cast<std::uint64_t>(16) << random.integer(0, 4));
    for (std::int64_t i = random.log_integer(4, 512); i > 0; --i) {
      hot_.push_back(place.base + static_cast<std::uint64_t>(random.integer(0, static_cast<std::int64_t>(place.size / region_) - 1)) * region_);
    }
  }
  std::uint64_t next(bool& write) override {
    write = writes_.next();
    const auto which = static_cast<std::size_t>(std::pow(random_.uniform(), skew_) * static_cast<double>(hot_.size()));
    return hot_[std::min(which, hot_.size() - 1)] + static_cast<std::uint64_t>(random_.integer(0, static_cast<std::int64_t>(region_) - 1));
  }

 private:
  Random random_;
  Writes writes_;
  double skew_;
  std::uint64_t region_ = 16;
  std::vector<std::uint64_t> hot_;
};

/// Tiles of a matrix, row by row of the tile, read or written, tile after tile.
class Tiles final : public Pattern {
 public:
  Tiles(Random& random, std::uint64_t bursts) : place_(any_place(random, bursts)) {
    width_ = static_cast<std::uint64_t>(random.log_integer(1, 32));
    height_ = static_cast<std::uint64_t>(random.log_integer(2, 64));
    pitch_ = width_ * static_cast<std::uint64_t>(random.log_integer(2, 64));
    if (random.chance(0.4)) pitch_ = std::bit_ceil(pitch_);
    every_ = random.chance(0.4) ? 0 : random.integer(2, 6);
  }
  std::uint64_t next(bool& write) override {
    const std::uint64_t per_line = pitch_ / width_;
    const std::uint64_t at = tile_ / per_line * height_ * pitch_ + tile_ % per_line * width_ + y_ * pitch_ + x_;
    write = every_ > 0 && static_cast<std::int64_t>(tile_) % every_ == every_ - 1;
    if (++x_ == width_) {
      x_ = 0;
      if (++y_ == height_) y_ = 0, ++tile_;
    }
    return place_.base + at % place_.size;
  }

 private:
  Place place_;
  std::uint64_t width_, height_, pitch_, tile_ = 0, x_ = 0, y_ = 0;
  std::int64_t every_;
};

/// One access after the other, each of a node of some bursts at an address that the one before says.
class Pointers final : public Pattern {
 public:
  Pointers(Random& random, std::uint64_t bursts) : random_(Random(random.next())), place_(any_place(random, bursts)), node_(random.integer(1, 3)), close_(random.uniform(0, 0.5)), update_(random.uniform(0, 0.3)) {}
  std::uint64_t next(bool& write) override {
    if (left_-- == 0) {
      // Nodes made one after the other often lie beside each other.
      if (!random_.chance(close_)) at_ = static_cast<std::uint64_t>(random_.integer(0, static_cast<std::int64_t>(place_.size) - 1));
      left_ = node_ - 1;
    }
    write = left_ == 0 && random_.chance(update_);
    return place_.base + at_++ % place_.size;
  }

 private:
  Random random_;
  Place place_;
  std::int64_t node_, left_ = 0;
  double close_, update_;
  std::uint64_t at_ = 0;
};

PatternPtr make(const std::string& kind, const std::vector<std::string>& kinds, Random& random, std::uint64_t bursts, std::int64_t requests);

/// Several patterns at once, by weight, in runs.
class Mixed final : public Pattern {
 public:
  Mixed(const std::vector<std::string>& kinds, Random& random, std::uint64_t bursts, std::int64_t requests) : random_(Random(random.next())), run_(random.log_integer(1, 32)) {
    for (std::int64_t i = random.integer(2, 4); i > 0; --i) {
      patterns_.push_back(make(random.pick(kinds), kinds, random, bursts, requests));
      weights_.push_back(random.uniform(0.1, 1));
    }
  }
  std::uint64_t next(bool& write) override {
    if (left_-- == 0) {
      now_ = random_.weighted(weights_);
      left_ = run_ - 1;
    }
    return patterns_[now_]->next(write);
  }

 private:
  Random random_;
  std::int64_t run_, left_ = 0;
  std::vector<PatternPtr> patterns_;
  std::vector<double> weights_;
  std::size_t now_ = 0;
};

/// Several patterns one after the other, some coming again.
class Phases final : public Pattern {
 public:
  Phases(const std::vector<std::string>& kinds, Random& random, std::uint64_t bursts, std::int64_t requests) : random_(Random(random.next())), least_(std::max<std::int64_t>(1, requests / 50)), most_(std::max<std::int64_t>(2, requests / 4)) {
    for (std::int64_t i = random.integer(2, 4); i > 0; --i) patterns_.push_back(make(random.pick(kinds), kinds, random, bursts, requests));
  }
  std::uint64_t next(bool& write) override {
    if (left_-- == 0) {
      now_ = (now_ + 1) % patterns_.size();
      left_ = random_.log_integer(least_, most_) - 1;
    }
    return patterns_[now_]->next(write);
  }

 private:
  Random random_;
  std::int64_t least_, most_, left_ = 0;
  std::vector<PatternPtr> patterns_;
  std::size_t now_ = 0;
};

PatternPtr make(const std::string& kind, const std::vector<std::string>& kinds, Random& random, std::uint64_t bursts, std::int64_t requests) {
  if (kind == "stream" || kind == "strided") return std::make_unique<Streams>(random, bursts, kind == "strided");
  if (kind == "random" || kind == "blocks") return std::make_unique<Scattered>(random, bursts, kind == "blocks");
  if (kind == "hot") return std::make_unique<Hot>(random, bursts);
  if (kind == "tiles") return std::make_unique<Tiles>(random, bursts);
  if (kind == "pointer") return std::make_unique<Pointers>(random, bursts);
  if (kind == "mix") return std::make_unique<Mixed>(kinds, random, bursts, requests);
  return std::make_unique<Phases>(kinds, random, bursts, requests);
}

/// When requests come.
class Arrivals {
 public:
  Arrivals(Random& random, double bursts_per_cycle) : random_(Random(random.next())) {
    const double kind = random.uniform();
    kind_ = kind < 0.4 ? none : kind < 0.55 ? even : kind < 0.75 ? at_random : in_bursts;
    mean_ = 1 / (bursts_per_cycle * random.uniform(0.1, 1.3));
    on_ = random.log_integer(8, 2048);
    // What a burst's requests take of the mean distance.
    squeeze_ = random.uniform(0, 0.6);
  }
  std::int64_t next() {
    switch (kind_) {
      case none: return 0;
      case even: time_ += mean_; break;
      case at_random: time_ += -mean_ * std::log(1 - random_.uniform()); break;
      case in_bursts:
        time_ += mean_ * squeeze_;
        if (left_-- == 0) {
          left_ = random_.log_integer(std::max<std::int64_t>(1, on_ / 4), on_ * 4);
          time_ += mean_ * (1 - squeeze_) * static_cast<double>(left_);
        }
        break;
    }
    return static_cast<std::int64_t>(time_);
  }

 private:
  enum Kind { none, even, at_random, in_bursts };
  Random random_;
  Kind kind_;
  double mean_, squeeze_, time_ = 0;
  std::int64_t on_, left_ = 0;
};

class RandomTrace final : public TraceSource {
 public:
  RandomTrace(const std::string& kind, const std::vector<std::string>& kinds, std::uint64_t seed, std::int64_t requests, std::int64_t bytes, std::int64_t burst_bytes, double bursts_per_cycle)
      : random_(seed), pattern_(make(kind, kinds, random_, static_cast<std::uint64_t>(bytes / burst_bytes), requests)), arrivals_(random_, bursts_per_cycle), left_(requests),
        bursts_(static_cast<std::uint64_t>(bytes / burst_bytes)), burst_bytes_(static_cast<std::uint64_t>(burst_bytes)) {}
  bool next(TraceRequest& request) override {
    if (left_ == 0) return false;
    --left_;
    request.write = false;
    request.address = pattern_->next(request.write) % bursts_ * burst_bytes_;
    request.cycle = arrivals_.next();
    return true;
  }

 private:
  Random random_;
  PatternPtr pattern_;
  Arrivals arrivals_;
  std::int64_t left_;
  std::uint64_t bursts_, burst_bytes_;
};

}  // namespace

const std::vector<std::string>& trace_kinds() {
  static const std::vector<std::string> all{"stream", "strided", "random", "blocks", "hot", "tiles", "pointer", "mix", "phases"};
  return all;
}

std::unique_ptr<TraceSource> random_trace(const std::string& kind, const std::vector<std::string>& kinds, std::uint64_t seed, std::int64_t requests, std::int64_t bytes,
                                          std::int64_t burst_bytes, double bursts_per_cycle) {
  std::vector<std::string> simple;
  for (const std::string& one : kinds) {
    if (one != "mix" && one != "phases") simple.push_back(one);
  }
  if (simple.empty()) simple = {"stream", "random"};
  return std::make_unique<RandomTrace>(kind, simple, seed, requests, bytes, burst_bytes, bursts_per_cycle);
}

}  // namespace gnomon::sim
