#include "cosim/driver.hpp"

#include <algorithm>

#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

using arch::Dim;

/// A stream's position: fold, and beat within it.
struct Position {
  std::size_t fold = 0;
  std::int64_t beat = 0;
};

/// A ready/valid stream of lanes.
struct Stream {
  const char* name;
  PortData valid, ready, data;
  bool moves() const { return valid.get() && ready.get(); }
};

class Driver {
 public:
  Driver(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands, const std::vector<Fold>& folds,
         const DriveOptions& options)
      : model_(model),
        p_(parameters),
        held_(!arch::info(parameters.dataflow).outputs_stay()),
        o_(operands),
        folds_(folds),
        options_(options),
        address_(operands),
        stalls_(derive(options.seed, "stalls")),
        noise_(derive(options.seed, "noise")) {
    rows_.name = p_.dataflow == arch::Dataflow::is ? "filter" : "ifmap";
    columns_.name = p_.dataflow == arch::Dataflow::is ? "ifmap" : "filter";
  }

  Expected<DriveResult> run();

 private:
  Expected<void> connect();
  void put_rows();
  void put_columns();
  void put_psum();
  void put_fold();
  /// What leaves now; an error where the lanes are not those that are due.
  Expected<void> take_ofmap();
  void clock(bool edge) {
    clk_.set(edge ? 1 : 0);
    model_.eval();
    model_.dump(time_ += 5);
  }
  std::string where() const;
  std::int64_t beats_at_columns(const Fold& fold) const { return held_ ? fold.rows : fold.length; }
  std::int64_t results_per_column(const Fold& fold) const { return held_ ? fold.length : fold.rows; }
  std::size_t output_at(const Fold& fold, std::int64_t col, std::int64_t beat) const {
    const Place at = result_place(p_.dataflow, fold, col, beat);
    return static_cast<std::size_t>((fold.g * o_.size(Dim::m) + at.first) * o_.size(Dim::n) + at.second);
  }
  std::uint64_t ifmap_value(const IfmapAddress::Row& row, const IfmapAddress::Tap& tap) const {
    const std::int64_t at = address_(row, tap);
    return at < 0 ? 0 : static_cast<std::uint64_t>(std::int64_t{o_.ifmap[static_cast<std::size_t>(at)]});
  }
  std::uint64_t filter_value(std::int64_t g, const Place& at) const {
    return static_cast<std::uint64_t>(
        std::int64_t{o_.filter[static_cast<std::size_t>(filter_index(o_, g, at.first, at.second))]});
  }
  /// The next fold of which column `col` gives results.
  void skip_narrow(Position& at, std::int64_t col) const {
    while (at.fold < folds_.size() && folds_[at.fold].cols <= col) ++at.fold;
  }

  LoadedModel& model_;
  const ArrayParameters& p_;
  const bool held_;
  const Operands& o_;
  const std::vector<Fold>& folds_;
  const DriveOptions& options_;
  IfmapAddress address_;
  Random stalls_, noise_;
  PortData clk_, rst_, fold_valid_, fold_ready_, fold_rows_, fold_cols_, fold_length_, fold_accumulate_, fold_wait_;
  Stream rows_{}, columns_{}, psum_{"psum", {}, {}, {}}, ofmap_{"ofmap", {}, {}, {}};
  PortData psum_lanes_, ofmap_lanes_;
  bool has_wait_ = false;
  std::uint64_t time_ = 0;
  std::size_t next_fold_ = 0;
  Position row_at_, column_at_;
  std::vector<Position> result_at_;  ///< by column
  std::vector<std::uint8_t> psum_stale_;
  std::int64_t results_left_ = 0;
  std::vector<IfmapAddress::Row> lines_;
  std::vector<IfmapAddress::Tap> taps_;
  std::int64_t cycle_ = 0;
  DriveResult result_;
};

Expected<void> Driver::connect() {
  std::vector<std::pair<std::string, PortData*>> wanted{{"clk", &clk_},
                                                        {"rst", &rst_},
                                                        {"fold_valid", &fold_valid_},
                                                        {"fold_ready", &fold_ready_},
                                                        {"fold_rows", &fold_rows_},
                                                        {"fold_cols", &fold_cols_},
                                                        {"fold_length", &fold_length_},
                                                        {"fold_accumulate", &fold_accumulate_}};
  for (Stream* stream : {&rows_, &columns_, &psum_, &ofmap_}) {
    const std::string name = stream->name;
    wanted.push_back({name + "_valid", &stream->valid});
    wanted.push_back({name + "_ready", &stream->ready});
    wanted.push_back({name + "_data", &stream->data});
  }
  if (held_) {
    wanted.push_back({"psum_lanes", &psum_lanes_});
    wanted.push_back({"ofmap_lanes", &ofmap_lanes_});
  }
  has_wait_ = p_.overlap;
  if (has_wait_) wanted.push_back({"fold_wait", &fold_wait_});
  for (const auto& [name, port] : wanted) {
    auto found = model_.port(name);
    if (!found) return fail(std::move(found.error()));
    *port = *found;
  }
  return {};
}

void Driver::put_rows() {
  if (row_at_.fold >= folds_.size()) return;
  const Fold& fold = folds_[row_at_.fold];
  const bool filters = p_.dataflow == arch::Dataflow::is;
  // Of an ifmap element's address, what stays over the beats of a fold is worked out once.
  if (!filters && row_at_.beat == 0) {
    lines_.clear();
    taps_.clear();
    for (std::int64_t i = 0; i < fold.rows; ++i) {
      if (held_) taps_.push_back(address_.tap(fold.k + i));
      else lines_.push_back(address_.row(fold.g, fold.m + i));
    }
  }
  IfmapAddress::Row line;
  IfmapAddress::Tap tap;
  if (!filters && held_) line = address_.row(fold.g, fold.m + row_at_.beat);
  if (!filters && !held_) tap = address_.tap(fold.k + row_at_.beat);
  for (std::int64_t i = 0; i < p_.rows; ++i) {
    std::uint64_t value = 0;
    if (i >= fold.rows) value = noise_.next();
    else if (filters) value = filter_value(fold.g, row_place(p_.dataflow, fold, i, row_at_.beat));
    else if (held_) value = ifmap_value(line, taps_[static_cast<std::size_t>(i)]);
    else value = ifmap_value(lines_[static_cast<std::size_t>(i)], tap);
    rows_.data.set_lane(i, p_.precision_bits, value);
  }
}

void Driver::put_columns() {
  if (column_at_.fold >= folds_.size()) return;
  const Fold& fold = folds_[column_at_.fold];
  for (std::int64_t j = 0; j < p_.cols; ++j) {
    std::uint64_t value = 0;
    if (j >= fold.cols) {
      value = noise_.next();
    } else {
      const Place at = column_place(p_.dataflow, fold, j, column_at_.beat);
      value = p_.dataflow == arch::Dataflow::is ? ifmap_value(address_.row(fold.g, at.first), address_.tap(at.second))
                                                : filter_value(fold.g, at);
    }
    columns_.data.set_lane(j, p_.precision_bits, value);
  }
}

void Driver::put_psum() {
  for (std::int64_t j = 0; j < p_.cols; ++j) {
    if (!psum_stale_[static_cast<std::size_t>(j)]) continue;
    psum_stale_[static_cast<std::size_t>(j)] = 0;
    const Position& at = result_at_[static_cast<std::size_t>(j)];
    const bool used = at.fold < folds_.size() && folds_[at.fold].accumulate() && j < folds_[at.fold].cols;
    psum_.data.set_lane(j, p_.accumulator_bits,
                        used ? static_cast<std::uint64_t>(result_.outputs[output_at(folds_[at.fold], j, at.beat)])
                             : noise_.next());
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
  if (has_wait_) fold_wait_.set(static_cast<std::uint64_t>(fold.wait));
}

Expected<void> Driver::take_ofmap() {
  const bool adds = psum_.moves();
  bool added = false;
  for (std::int64_t j = 0; j < p_.cols; ++j) {
    Position& at = result_at_[static_cast<std::size_t>(j)];
    if (held_ ? !ofmap_lanes_.get_lane(j, 1) : at.fold >= folds_.size()) {
      if (held_ && psum_lanes_.get_lane(j, 1)) return fail(ErrorKind::run_failed, "the RTL adds a partial sum where no result is; " + where());
      continue;
    }
    if (at.fold >= folds_.size())
      return fail(ErrorKind::run_failed, "the RTL gave a result that nobody asked for in column " + std::to_string(j) + "; " + where());
    const Fold& fold = folds_[at.fold];
    if (j < fold.cols) {
      const bool adds_here = held_ ? psum_lanes_.get_lane(j, 1) != 0 : adds;
      added = added || adds_here;
      if (adds_here != fold.accumulate())
        return fail(ErrorKind::run_failed, "the RTL took partial sums out of turn in column " + std::to_string(j) + "; " + where());
      result_.outputs[output_at(fold, j, at.beat)] = wrap(ofmap_.data.get_lane(j, p_.accumulator_bits), p_.accumulator_bits);
      --results_left_;
    }
    psum_stale_[static_cast<std::size_t>(j)] = 1;
    if (++at.beat == results_per_column(fold)) {
      at = {at.fold + 1, 0};
      if (held_) skip_narrow(at, j);
    }
  }
  if (adds != added) return fail(ErrorKind::run_failed, "the RTL took partial sums that no result needs; " + where());
  return {};
}

std::string Driver::where() const {
  const auto stream = [&](const Stream& s, const Position& at) {
    return std::string(s.name) + (s.valid.get() ? " offered" : " not offered") + (s.ready.get() ? ", taken" : ", not taken") +
           " (fold " + std::to_string(at.fold) + " beat " + std::to_string(at.beat) + ")";
  };
  // ifmap before filter, whichever enters at the rows.
  const bool rows_first = p_.dataflow != arch::Dataflow::is;
  const std::string a = stream(rows_, row_at_), b = stream(columns_, column_at_);
  return "cycle " + std::to_string(cycle_) + ", " + std::to_string(next_fold_) + " of " + std::to_string(folds_.size()) +
         " folds given; " + (rows_first ? a : b) + "; " + (rows_first ? b : a) + "; " + stream(psum_, result_at_[0]) + "; " +
         stream(ofmap_, result_at_[0]);
}

Expected<DriveResult> Driver::run() {
  if (auto done = connect(); !done) return fail(std::move(done.error()));
  result_.outputs.assign(static_cast<std::size_t>(o_.outputs()), 0);
  result_at_.resize(static_cast<std::size_t>(p_.cols));
  psum_stale_.assign(result_at_.size(), 1);
  for (const Fold& fold : folds_) results_left_ += fold.cols * results_per_column(fold);
  if (held_)
    for (std::size_t j = 0; j < result_at_.size(); ++j) skip_narrow(result_at_[j], static_cast<std::int64_t>(j));
  for (const PortData* port : {&fold_valid_, &rows_.valid, &columns_.valid, &psum_.valid, &ofmap_.ready}) port->set(0);
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
  bool rows_new = true, columns_new = true, psum_new = true;
  while (results_left_ > 0) {
    if (cycle_ - last_moved > patience)
      return fail(ErrorKind::run_failed,
                  "the RTL is stuck: no stream has moved for " + std::to_string(patience) + " cycles; " + where());
    if (cycle_ >= options_.max_cycles)
      return fail(ErrorKind::run_failed, "the RTL has not finished after " + std::to_string(cycle_) + " cycles; " + where());
    const bool late_rows = options_.stall > 0 && stalls_.chance(options_.stall),
               late_columns = options_.stall > 0 && stalls_.chance(options_.stall);
    const bool late_psum = options_.stall > 0 && stalls_.chance(options_.stall),
               full_ofmap = options_.stall > 0 && stalls_.chance(options_.stall);
    const bool rows_left = row_at_.fold < folds_.size(), columns_left = column_at_.fold < folds_.size();
    put_fold();
    if (rows_new) put_rows();
    if (columns_new) put_columns();
    if (psum_new) put_psum();
    rows_new = columns_new = psum_new = false;

    bool held = false;
    if (late_rows || late_columns || late_psum || full_ofmap) {
      rows_.valid.set(rows_left);
      columns_.valid.set(columns_left);
      psum_.valid.set(1);
      ofmap_.ready.set(1);
      clk_.set(0);
      model_.eval();
      held = (late_rows && rows_left && rows_.ready.get()) || (late_columns && columns_left && columns_.ready.get()) ||
             (late_psum && psum_.ready.get()) || (full_ofmap && ofmap_.valid.get());
    }
    rows_.valid.set(rows_left && !late_rows);
    columns_.valid.set(columns_left && !late_columns);
    psum_.valid.set(!late_psum);
    ofmap_.ready.set(!full_ofmap);
    clock(false);

    const bool took_fold = fold_valid_.get() && fold_ready_.get(), took_rows = rows_.moves(), took_columns = columns_.moves();
    const bool took_psum = psum_.moves(), took_ofmap = ofmap_.moves();
    if (held && (took_rows || took_columns || took_psum || took_ofmap))
      return fail(ErrorKind::run_failed, "the RTL moved a stream while another one held it; " + where());
    if (!held_ && took_rows != took_columns)
      return fail(ErrorKind::run_failed, "the RTL took one operand without the other; " + where());
    if (took_psum && !took_ofmap) return fail(ErrorKind::run_failed, "the RTL took partial sums out of turn; " + where());
    if (took_ofmap) {
      if (auto done = take_ofmap(); !done) return fail(std::move(done.error()));
      psum_new = true;
      last_beat = cycle_;
    }
    if ((took_rows || took_columns) && first_beat < 0) first_beat = cycle_;
    if (held && first_beat >= 0) ++result_.stalls_injected;
    if (took_fold) ++next_fold_;
    if (took_rows) {
      if (++row_at_.beat == folds_[row_at_.fold].length) row_at_ = {row_at_.fold + 1, 0};
      rows_new = true;
    }
    if (took_columns) {
      if (++column_at_.beat == beats_at_columns(folds_[column_at_.fold])) column_at_ = {column_at_.fold + 1, 0};
      columns_new = true;
    }
    if (took_fold || took_rows || took_columns || took_ofmap) last_moved = cycle_;
    clock(true);
    ++cycle_;
  }
  result_.rtl_cycles = last_beat - first_beat + 1;

  // Afterwards nothing may come out any more.
  rows_.valid.set(0);
  columns_.valid.set(0);
  ofmap_.ready.set(1);
  for (std::int64_t i = 0; i < 2 * (p_.rows + p_.cols); ++i) {
    clock(false);
    if (ofmap_.valid.get()) return fail(ErrorKind::run_failed, "the RTL gave a result after its last fold");
    clock(true);
  }
  return std::move(result_);
}

}  // namespace

Expected<DriveResult> drive_array(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands,
                                  const std::vector<Fold>& folds, const DriveOptions& options) {
  return Driver(model, parameters, operands, folds, options).run();
}

}  // namespace gnomon::hls
