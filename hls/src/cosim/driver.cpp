#include "cosim/driver.hpp"

#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

using arch::Dim;

/// A stream's position: fold, and beat within it.
struct Position {
  std::size_t fold = 0;
  std::int64_t beat = 0;
};

class Driver {
 public:
  Driver(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands, const std::vector<Fold>& folds,
         const DriveOptions& options)
      : model_(model),
        p_(parameters),
        o_(operands),
        folds_(folds),
        options_(options),
        address_(operands),
        stalls_(derive(options.seed, "stalls")),
        noise_(derive(options.seed, "noise")) {}

  Expected<DriveResult> run();

 private:
  Expected<void> connect();
  void put_ifmap();
  void put_filter();
  void put_psum();
  void put_fold();
  void take_ofmap();
  void clock(bool edge) {
    clk_.set(edge ? 1 : 0);
    model_.eval();
    model_.dump(time_ += 5);
  }
  std::string where() const;
  std::size_t output_at(const Fold& fold, std::int64_t row, std::int64_t col) const {
    return static_cast<std::size_t>((fold.g * o_.size(Dim::m) + fold.m + row) * o_.size(Dim::n) + fold.n + col);
  }

  LoadedModel& model_;
  const ArrayParameters& p_;
  const Operands& o_;
  const std::vector<Fold>& folds_;
  const DriveOptions& options_;
  IfmapAddress address_;
  Random stalls_, noise_;
  PortData clk_, rst_, fold_valid_, fold_ready_, fold_rows_, fold_cols_, fold_length_, fold_accumulate_, fold_wait_;
  PortData ifmap_valid_, ifmap_ready_, ifmap_data_, filter_valid_, filter_ready_, filter_data_, psum_valid_, psum_ready_,
      psum_data_;
  PortData ofmap_valid_, ofmap_ready_, ofmap_data_;
  bool has_wait_ = false;
  std::uint64_t time_ = 0;
  std::size_t next_fold_ = 0;
  Position ifmap_, filter_, ofmap_;
  std::vector<IfmapAddress::Row> rows_;
  std::int64_t cycle_ = 0;
  DriveResult result_;
};

Expected<void> Driver::connect() {
  const std::pair<const char*, PortData*> wanted[] = {{"clk", &clk_},
                                                      {"rst", &rst_},
                                                      {"fold_valid", &fold_valid_},
                                                      {"fold_ready", &fold_ready_},
                                                      {"fold_rows", &fold_rows_},
                                                      {"fold_cols", &fold_cols_},
                                                      {"fold_length", &fold_length_},
                                                      {"fold_accumulate", &fold_accumulate_},
                                                      {"ifmap_valid", &ifmap_valid_},
                                                      {"ifmap_ready", &ifmap_ready_},
                                                      {"ifmap_data", &ifmap_data_},
                                                      {"filter_valid", &filter_valid_},
                                                      {"filter_ready", &filter_ready_},
                                                      {"filter_data", &filter_data_},
                                                      {"psum_valid", &psum_valid_},
                                                      {"psum_ready", &psum_ready_},
                                                      {"psum_data", &psum_data_},
                                                      {"ofmap_valid", &ofmap_valid_},
                                                      {"ofmap_ready", &ofmap_ready_},
                                                      {"ofmap_data", &ofmap_data_}};
  for (const auto& [name, port] : wanted) {
    auto found = model_.port(name);
    if (!found) return fail(std::move(found.error()));
    *port = *found;
  }
  has_wait_ = model_.has("fold_wait");
  if (has_wait_) fold_wait_ = *model_.port("fold_wait");
  return {};
}

void Driver::put_ifmap() {
  if (ifmap_.fold >= folds_.size()) return;
  const Fold& fold = folds_[ifmap_.fold];
  if (ifmap_.beat == 0) {
    rows_.clear();
    for (std::int64_t i = 0; i < fold.rows; ++i) rows_.push_back(address_.row(fold.g, fold.m + i));
  }
  const IfmapAddress::Tap tap = address_.tap(fold.k + ifmap_.beat);
  for (std::int64_t i = 0; i < p_.rows; ++i) {
    std::uint64_t value = 0;
    if (i < fold.rows) {
      const std::int64_t at = address_(rows_[static_cast<std::size_t>(i)], tap);
      value = at < 0 ? 0 : static_cast<std::uint64_t>(std::int64_t{o_.ifmap[static_cast<std::size_t>(at)]});
    } else {
      value = noise_.next();
    }
    ifmap_data_.set_lane(i, p_.precision_bits, value);
  }
}

void Driver::put_filter() {
  if (filter_.fold >= folds_.size()) return;
  const Fold& fold = folds_[filter_.fold];
  for (std::int64_t j = 0; j < p_.cols; ++j) {
    std::uint64_t value = 0;
    if (j < fold.cols)
      value = static_cast<std::uint64_t>(
          std::int64_t{o_.filter[static_cast<std::size_t>(filter_index(o_, fold.g, fold.k + filter_.beat, fold.n + j))]});
    else
      value = noise_.next();
    filter_data_.set_lane(j, p_.precision_bits, value);
  }
}

void Driver::put_psum() {
  if (ofmap_.fold >= folds_.size()) return;
  const Fold& fold = folds_[ofmap_.fold];
  for (std::int64_t j = 0; j < p_.cols; ++j) {
    const bool used = fold.accumulate() && j < fold.cols;
    psum_data_.set_lane(j, p_.accumulator_bits,
                        used ? static_cast<std::uint64_t>(result_.outputs[output_at(fold, ofmap_.beat, j)]) : noise_.next());
  }
}

void Driver::put_fold() {
  fold_valid_.set(next_fold_ < folds_.size());
  if (next_fold_ >= folds_.size()) return;
  const Fold& fold = folds_[next_fold_];
  fold_rows_.set(static_cast<std::uint64_t>(fold.rows));
  fold_cols_.set(static_cast<std::uint64_t>(fold.cols));
  fold_length_.set(static_cast<std::uint64_t>(fold.length));
  fold_accumulate_.set(fold.accumulate());
  if (has_wait_) fold_wait_.set(fold.wait);
}

void Driver::take_ofmap() {
  const Fold& fold = folds_[ofmap_.fold];
  for (std::int64_t j = 0; j < fold.cols; ++j)
    result_.outputs[output_at(fold, ofmap_.beat, j)] = wrap(ofmap_data_.get_lane(j, p_.accumulator_bits), p_.accumulator_bits);
  if (++ofmap_.beat == fold.rows) ofmap_ = {ofmap_.fold + 1, 0};
}

std::string Driver::where() const {
  const auto stream = [&](const char* name, const PortData& valid, const PortData& ready, const Position& at) {
    return std::string(name) + (valid.get() ? " offered" : " not offered") + (ready.get() ? ", taken" : ", not taken") +
           " (fold " + std::to_string(at.fold) + " beat " + std::to_string(at.beat) + ")";
  };
  return "cycle " + std::to_string(cycle_) + ", " + std::to_string(next_fold_) + " of " + std::to_string(folds_.size()) +
         " folds given; " + stream("ifmap", ifmap_valid_, ifmap_ready_, ifmap_) + "; " +
         stream("filter", filter_valid_, filter_ready_, filter_) + "; " + stream("psum", psum_valid_, psum_ready_, ofmap_) +
         "; " + stream("ofmap", ofmap_valid_, ofmap_ready_, ofmap_);
}

Expected<DriveResult> Driver::run() {
  if (auto done = connect(); !done) return fail(std::move(done.error()));
  result_.outputs.assign(static_cast<std::size_t>(o_.outputs()), 0);
  for (const PortData* port : {&fold_valid_, &ifmap_valid_, &filter_valid_, &psum_valid_, &ofmap_ready_}) port->set(0);
  rst_.set(1);
  for (int i = 0; i < 4; ++i) {
    clock(false);
    clock(true);
  }
  rst_.set(0);

  // No step of a sound array is further from a handshake than a fold's flush; stalls stretch it by the inverse of their chance.
  const std::int64_t patience =
      static_cast<std::int64_t>(static_cast<double>(4 * (p_.rows + p_.cols) + 64) * 20 / (1 - options_.stall));
  std::int64_t last_moved = 0, first_beat = -1, last_beat = 0;
  bool ifmap_new = true, filter_new = true, psum_new = true;
  while (ofmap_.fold < folds_.size()) {
    if (cycle_ - last_moved > patience)
      return fail(ErrorKind::run_failed,
                  "the RTL is stuck: no stream has moved for " + std::to_string(patience) + " cycles; " + where());
    if (cycle_ >= options_.max_cycles)
      return fail(ErrorKind::run_failed, "the RTL has not finished after " + std::to_string(cycle_) + " cycles; " + where());
    const bool late_ifmap = options_.stall > 0 && stalls_.chance(options_.stall),
               late_filter = options_.stall > 0 && stalls_.chance(options_.stall);
    const bool late_psum = options_.stall > 0 && stalls_.chance(options_.stall),
               full_ofmap = options_.stall > 0 && stalls_.chance(options_.stall);
    const bool operands_left = ifmap_.fold < folds_.size(), filters_left = filter_.fold < folds_.size();
    put_fold();
    if (ifmap_new) put_ifmap();
    if (filter_new) put_filter();
    if (psum_new) put_psum();
    ifmap_new = filter_new = psum_new = false;

    bool held = false;
    if (late_ifmap || late_filter || late_psum || full_ofmap) {
      ifmap_valid_.set(operands_left);
      filter_valid_.set(filters_left);
      psum_valid_.set(1);
      ofmap_ready_.set(1);
      clk_.set(0);
      model_.eval();
      held = (late_ifmap && operands_left && ifmap_ready_.get()) || (late_filter && filters_left && filter_ready_.get()) ||
             (late_psum && psum_ready_.get()) || (full_ofmap && ofmap_valid_.get());
    }
    ifmap_valid_.set(operands_left && !late_ifmap);
    filter_valid_.set(filters_left && !late_filter);
    psum_valid_.set(!late_psum);
    ofmap_ready_.set(!full_ofmap);
    clock(false);

    const bool took_fold = fold_valid_.get() && fold_ready_.get(), took_ifmap = ifmap_valid_.get() && ifmap_ready_.get();
    const bool took_filter = filter_valid_.get() && filter_ready_.get(), took_psum = psum_valid_.get() && psum_ready_.get();
    const bool took_ofmap = ofmap_valid_.get() && ofmap_ready_.get();
    if (held && (took_ifmap || took_filter || took_psum || took_ofmap))
      return fail(ErrorKind::run_failed, "the RTL moved a stream while another one held it; " + where());
    if (took_ifmap != took_filter) return fail(ErrorKind::run_failed, "the RTL took one operand without the other; " + where());
    if (took_psum != (took_ofmap && folds_[ofmap_.fold].accumulate()))
      return fail(ErrorKind::run_failed, "the RTL took partial sums out of turn; " + where());
    if (took_ofmap) {
      take_ofmap();
      psum_new = true;
      last_beat = cycle_;
    }
    if (took_ifmap && first_beat < 0) first_beat = cycle_;
    if (held && first_beat >= 0) ++result_.stalls_injected;
    if (took_fold) ++next_fold_;
    if (took_ifmap) {
      if (++ifmap_.beat == folds_[ifmap_.fold].length) ifmap_ = {ifmap_.fold + 1, 0};
      if (++filter_.beat == folds_[filter_.fold].length) filter_ = {filter_.fold + 1, 0};
      ifmap_new = filter_new = true;
    }
    if (took_fold || took_ifmap || took_ofmap) last_moved = cycle_;
    clock(true);
    ++cycle_;
  }
  result_.rtl_cycles = last_beat - first_beat + 1;

  // Afterwards nothing may come out any more.
  ifmap_valid_.set(0);
  filter_valid_.set(0);
  ofmap_ready_.set(1);
  for (std::int64_t i = 0; i < 2 * (p_.rows + p_.cols); ++i) {
    clock(false);
    if (ofmap_valid_.get()) return fail(ErrorKind::run_failed, "the RTL gave a result after its last fold");
    clock(true);
  }
  return std::move(result_);
}

}  // namespace

Expected<DriveResult> drive_os_array(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands,
                                     const std::vector<Fold>& folds, const DriveOptions& options) {
  return Driver(model, parameters, operands, folds, options).run();
}

}  // namespace gnomon::hls
