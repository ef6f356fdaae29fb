#include "cosim/streams.hpp"

namespace gnomon::hls {

using arch::Dim;

ArrayStreams::ArrayStreams(LoadedModel& loaded, const ArrayParameters& parameters, const Operands& operands,
                           const std::vector<Fold>& in_order, std::uint64_t seed)
    : model(loaded),
      p(parameters),
      held(!arch::info(parameters.dataflow).outputs_stay()),
      o(operands),
      folds(in_order),
      address_(operands),
      noise_(derive(seed, "noise")) {
  rows.name = p.dataflow == arch::Dataflow::is ? "filter" : "ifmap";
  columns.name = p.dataflow == arch::Dataflow::is ? "ifmap" : "filter";
}

Expected<void> ArrayStreams::begin() {
  if (auto done = connect(); !done) return done;
  outputs.assign(static_cast<std::size_t>(o.outputs()), 0);
  output_cycles.assign(outputs.size(), -1);
  result_at.resize(static_cast<std::size_t>(p.cols));
  psum_stale_.assign(result_at.size(), 1);
  for (const Fold& fold : folds) {
    results_open.push_back(fold.cols * results_per_column(fold));
    results_left += results_open.back();
  }
  if (held)
    for (std::size_t j = 0; j < result_at.size(); ++j) skip_narrow(result_at[j], static_cast<std::int64_t>(j));
  for (const PortData* port : {&hold, &fold_valid, &rows.valid, &columns.valid, &psum.valid, &ofmap.ready}) port->set(0);
  rst.set(1);
  for (int i = 0; i < 4; ++i) {
    clock(false);
    clock(true);
  }
  rst.set(0);
  return {};
}

void ArrayStreams::put() {
  put_fold();
  if (rows_new_) put_rows();
  if (columns_new_) put_columns();
  if (psum_new_) put_psum();
  rows_new_ = columns_new_ = psum_new_ = false;
}

Expected<void> ArrayStreams::take() {
  took_fold = fold_valid.get() && fold_ready.get();
  took_rows = rows.moves();
  took_columns = columns.moves();
  took_psum = psum.moves();
  took_ofmap = ofmap.moves();
  if (recorder != nullptr) {
    // Lanes without a result mean nothing, and neither does any lane while there is none.
    recorder->begin_cycle();
    if (ofmap.valid.get())
      for (std::int64_t j = 0; j < p.cols; ++j) {
        const Position& at = result_at[static_cast<std::size_t>(j)];
        if (held ? ofmap_lanes.get_lane(j, 1) != 0 : at.fold < folds.size() && j < folds[at.fold].cols)
          recorder->means("ofmap_data", j * p.accumulator_bits, p.accumulator_bits);
      }
    for (const char* name : {"fold_ready", "ifmap_ready", "filter_ready", "psum_ready", "ofmap_valid"}) recorder->means(name, 0, 1);
    if (held) {
      recorder->means("ofmap_lanes", 0, static_cast<int>(p.cols));
      recorder->means("psum_lanes", 0, static_cast<int>(p.cols));
    }
    recorder->end_cycle(model);
  }
  if (!held && took_rows != took_columns)
    return fail(ErrorKind::run_failed, "the RTL took one operand without the other; " + where());
  if (took_psum && !took_ofmap) return fail(ErrorKind::run_failed, "the RTL took partial sums out of turn; " + where());
  if (took_ofmap) {
    if (auto done = take_ofmap(); !done) return done;
    psum_new_ = true;
  }
  if (took_fold) ++next_fold;
  if (took_rows) {
    if (++row_at.beat == folds[row_at.fold].length) row_at = {row_at.fold + 1, 0};
    rows_new_ = true;
  }
  if (took_columns) {
    if (++column_at.beat == beats_at_columns(folds[column_at.fold])) column_at = {column_at.fold + 1, 0};
    columns_new_ = true;
  }
  return {};
}

Expected<void> ArrayStreams::connect() {
  std::vector<std::pair<std::string, PortData*>> wanted{{"clk", &clk},
                                                        {"rst", &rst},
                                                        {"hold", &hold},
                                                        {"fold_valid", &fold_valid},
                                                        {"fold_ready", &fold_ready},
                                                        {"fold_rows", &fold_rows},
                                                        {"fold_cols", &fold_cols},
                                                        {"fold_length", &fold_length},
                                                        {"fold_accumulate", &fold_accumulate}};
  for (Stream* stream : {&rows, &columns, &psum, &ofmap}) {
    const std::string name = stream->name;
    wanted.push_back({name + "_valid", &stream->valid});
    wanted.push_back({name + "_ready", &stream->ready});
    wanted.push_back({name + "_data", &stream->data});
  }
  if (held) {
    wanted.push_back({"psum_lanes", &psum_lanes});
    wanted.push_back({"ofmap_lanes", &ofmap_lanes});
  }
  if (p.overlap) wanted.push_back({"fold_wait", &fold_wait});
  for (const auto& [name, port] : wanted) {
    auto found = model.port(name);
    if (!found) return fail(std::move(found.error()));
    *port = *found;
  }
  return {};
}

void ArrayStreams::put_rows() {
  if (row_at.fold >= folds.size()) return;
  const Fold& fold = folds[row_at.fold];
  const bool filters = p.dataflow == arch::Dataflow::is;
  // Of an ifmap element's address, what stays over the beats of a fold is worked out once.
  if (!filters && row_at.beat == 0) {
    lines_.clear();
    taps_.clear();
    for (std::int64_t i = 0; i < fold.rows; ++i) {
      if (held) taps_.push_back(address_.tap(fold.k + i));
      else lines_.push_back(address_.row(fold.g, fold.m + i));
    }
  }
  IfmapAddress::Row line;
  IfmapAddress::Tap tap;
  if (!filters && held) line = address_.row(fold.g, fold.m + row_at.beat);
  if (!filters && !held) tap = address_.tap(fold.k + row_at.beat);
  for (std::int64_t i = 0; i < p.rows; ++i) {
    std::uint64_t value = 0;
    if (i >= fold.rows) value = noise_.next();
    else if (filters) value = filter_value(fold.g, row_place(p.dataflow, fold, i, row_at.beat));
    else if (held) value = ifmap_value(line, taps_[static_cast<std::size_t>(i)]);
    else value = ifmap_value(lines_[static_cast<std::size_t>(i)], tap);
    rows.data.set_lane(i, p.precision_bits, value);
  }
}

void ArrayStreams::put_columns() {
  if (column_at.fold >= folds.size()) return;
  const Fold& fold = folds[column_at.fold];
  for (std::int64_t j = 0; j < p.cols; ++j) {
    std::uint64_t value = 0;
    if (j >= fold.cols) {
      value = noise_.next();
    } else {
      const Place at = column_place(p.dataflow, fold, j, column_at.beat);
      value = p.dataflow == arch::Dataflow::is ? ifmap_value(address_.row(fold.g, at.first), address_.tap(at.second))
                                                : filter_value(fold.g, at);
    }
    columns.data.set_lane(j, p.precision_bits, value);
  }
}

void ArrayStreams::put_psum() {
  for (std::int64_t j = 0; j < p.cols; ++j) {
    if (!psum_stale_[static_cast<std::size_t>(j)]) continue;
    psum_stale_[static_cast<std::size_t>(j)] = 0;
    const Position& at = result_at[static_cast<std::size_t>(j)];
    const bool used = at.fold < folds.size() && folds[at.fold].accumulate() && j < folds[at.fold].cols;
    psum.data.set_lane(j, p.accumulator_bits,
                        used ? static_cast<std::uint64_t>(outputs[output_at(folds[at.fold], j, at.beat)])
                             : noise_.next());
  }
}

void ArrayStreams::put_fold() {
  fold_valid.set(next_fold < folds.size());
  if (next_fold >= folds.size()) return;
  const Fold& fold = folds[next_fold];
  fold_rows.set(static_cast<std::uint64_t>(fold.rows));
  fold_cols.set(static_cast<std::uint64_t>(fold.cols));
  fold_length.set(static_cast<std::uint64_t>(fold.length));
  fold_accumulate.set(fold.accumulate());
  if (p.overlap) fold_wait.set(static_cast<std::uint64_t>(fold.wait));
}

Expected<void> ArrayStreams::take_ofmap() {
  const bool adds = psum.moves();
  bool added = false;
  for (std::int64_t j = 0; j < p.cols; ++j) {
    Position& at = result_at[static_cast<std::size_t>(j)];
    if (held ? !ofmap_lanes.get_lane(j, 1) : at.fold >= folds.size()) {
      if (held && psum_lanes.get_lane(j, 1)) return fail(ErrorKind::run_failed, "the RTL adds a partial sum where no result is; " + where());
      continue;
    }
    if (at.fold >= folds.size())
      return fail(ErrorKind::run_failed, "the RTL gave a result that nobody asked for in column " + std::to_string(j) + "; " + where());
    const Fold& fold = folds[at.fold];
    if (j < fold.cols) {
      const bool adds_here = held ? psum_lanes.get_lane(j, 1) != 0 : adds;
      added = added || adds_here;
      if (adds_here != fold.accumulate())
        return fail(ErrorKind::run_failed, "the RTL took partial sums out of turn in column " + std::to_string(j) + "; " + where());
      outputs[output_at(fold, j, at.beat)] = wrap(ofmap.data.get_lane(j, p.accumulator_bits), p.accumulator_bits);
      output_cycles[output_at(fold, j, at.beat)] = cycle;
      --results_left;
      --results_open[at.fold];
    }
    psum_stale_[static_cast<std::size_t>(j)] = 1;
    if (++at.beat == results_per_column(fold)) {
      at = {at.fold + 1, 0};
      if (held) skip_narrow(at, j);
    }
  }
  if (adds != added) return fail(ErrorKind::run_failed, "the RTL took partial sums that no result needs; " + where());
  return {};
}

std::string ArrayStreams::where() const {
  const auto stream = [&](const Stream& s, const Position& at) {
    return std::string(s.name) + (s.valid.get() ? " offered" : " not offered") + (s.ready.get() ? ", taken" : ", not taken") +
           " (fold " + std::to_string(at.fold) + " beat " + std::to_string(at.beat) + ")";
  };
  // ifmap before filter, whichever enters at the rows.
  const bool rows_first = p.dataflow != arch::Dataflow::is;
  const std::string a = stream(rows, row_at), b = stream(columns, column_at);
  return "cycle " + std::to_string(cycle) + ", " + std::to_string(next_fold) + " of " + std::to_string(folds.size()) +
         " folds given; " + (rows_first ? a : b) + "; " + (rows_first ? b : a) + "; " + stream(psum, result_at[0]) + "; " +
         stream(ofmap, result_at[0]);
}

}  // namespace gnomon::hls
