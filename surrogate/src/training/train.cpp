#include "gnomon/surrogate/train.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "features/cells.hpp"
#include "features/layouts.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/import.hpp"
#include "models/scaling.hpp"
#include "training/checkpoints.hpp"
#include "training/trainer.hpp"

namespace gnomon::surrogate {
namespace {

/// Up to here every variant is compared, and calibrated, on all rows; beyond, variants are compared on as many rows of whole groups, and a fifth of
/// the groups calibrates.
constexpr std::size_t compare_rows = 1500;
/// Up to here the final model learns the calibration rows too.
constexpr std::size_t refit_rows = 20'000;
/// A variant other than the ensemble, which answers fastest, must be better than it by this factor; and than an ensemble that corrects an analytical model, which is as
/// fast and still says something where nothing was learned, by this.
constexpr double worth = 0.9, worth_with_model = 0.7;
/// A learner that makes the analytical model's error on held-out sizes smaller by this factor is trusted beyond the ranges that it learned.
constexpr double clearly = 1.5;
/// An analytical term whose mean error is above so many deviations of the label (the mean's is 0.8 for normal labels) is none.
constexpr double useless_error = 0.5;

/// Runs independent pieces of work; which thread does which does not matter to the result.
void in_parallel(std::size_t pieces, int threads, const std::function<void(std::size_t)>& piece) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < pieces; i = next++) piece(i);
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < std::min<int>(threads, static_cast<int>(pieces)); ++i) others.emplace_back(work);
  work();
}

/// Deals whole groups, at random, until `fraction` of the rows is taken; `keep` groups stay.
std::pair<Rows, Rows> take_groups(const TrainingData& data, const Rows& rows, double fraction, std::size_t keep, std::uint64_t seed) {
  std::map<std::size_t, std::size_t> size;
  for (const std::size_t row : rows) ++size[data.columns.group[row]];
  std::vector<std::size_t> order;
  for (const auto& [group, count] : size) order.push_back(group);
  Random(seed).shuffle(order);
  std::set<std::size_t> taken;
  double count = 0;
  for (std::size_t i = 0; i + keep < order.size() && count < fraction * static_cast<double>(rows.size()); ++i) {
    taken.insert(order[i]);
    count += static_cast<double>(size[order[i]]);
  }
  std::pair<Rows, Rows> out;
  for (const std::size_t row : rows) (taken.contains(data.columns.group[row]) ? out.first : out.second).push_back(row);
  return out;
}

/// Rows held out for the test, and the rest, by `options.split`.
Expected<std::pair<Rows, Rows>> test_rows(const TrainingData& data, const arch::LabelTable& table, const TrainOptions& options) {
  const Rows& rows = data.columns.rows;
  double fraction = options.test_fraction;
  if (const std::size_t equals = options.split.find('='); equals != std::string::npos) {
    const auto column = table.column(options.split.substr(0, equals));
    if (!column) return fail(Error(column.error()));
    std::pair<Rows, Rows> out;
    for (const std::size_t row : rows) {
      const std::string word = (*column)->numeric ? number((*column)->numbers[row]) : (*column)->words[row];
      (word == options.split.substr(equals + 1) ? out.first : out.second).push_back(row);
    }
    if (out.first.empty()) return invalid(table.file(), "column " + in_quotes(options.split.substr(0, equals)), "no row has the value " + in_quotes(options.split.substr(equals + 1)));
    return out;
  }
  if (options.split == "largest") {
    const auto folds = make_folds(data, rows, 0, 100, options.seed);
    if (folds.empty()) return invalid(table.file(), "", "the split `largest` needs a feature of sizes (positive, of at least 4 values, spanning a factor of 8 or more)");
    std::set<std::size_t> large;
    for (const Fold& fold : folds) large.insert(fold.answer.begin(), fold.answer.end());
    std::pair<Rows, Rows> out;
    for (const std::size_t row : rows) (large.contains(row) ? out.first : out.second).push_back(row);
    if (out.second.size() < least_rows) return invalid(table.file(), "", "the split `largest` leaves " + std::to_string(out.second.size()) + " rows to train on");
    return out;
  }
  if (fraction < 0) fraction = rows.size() < 10'000 ? 0 : 0.1;
  if (fraction == 0 || data.columns.groups < 5) return std::pair<Rows, Rows>{{}, rows};
  return take_groups(data, rows, fraction, 4, derive(options.seed, "split"));
}

/// Without an analytical term, trees answer what they saw last and a Gaussian process its mean; where sizes may grow, the latter is not asked alone.
/// Terms are not looked for where an analytical model's answer is among the features of every target.
std::vector<Variant> variants_of(const TrainOptions& options, std::size_t rows, bool nodes, bool sizes, const TrainingData& data) {
  std::vector<std::string> families{options.family};
  if (options.family == "auto") {
    families = {"ensemble", "trees", "blend"};
    if (rows <= 1000) families.push_back("process");
    if (nodes) {
      for (const LearnerFamily& family : learner_families()) {
        if (family.needs_nodes) families.push_back(family.name);
      }
    }
  }
  std::vector<Variant> out;
  for (const std::string& family : families) {
    if (options.family != "auto" || family != "process" || !sizes || options.term == "never") out.push_back({family, 0, false});
  }
  if (options.term == "auto") {
    std::size_t answered = 0;
    for (std::size_t t = 0; t < data.targets.size(); ++t) answered += analytical_feature(data, t) >= 0 ? 1 : 0;
    for (const int term : {1, 2, 3}) {
      if (term == 3 ? answered == 0 : answered == data.targets.size()) continue;
      out.push_back({"", term, false});
      for (const std::string& family : families) out.push_back({family, term, false});
    }
  }
  if (options.hurdle == "always") {
    for (Variant& variant : out) variant.hurdle = !variant.family.empty();
  } else if (options.family == "auto" && options.hurdle == "auto") {
    out.push_back({"ensemble", 0, true});
    out.push_back({"trees", 0, true});
  }
  return out;
}

/// A hurdle is for counts of which some, not all, are 0.
bool takes_hurdle(const TrainingData& data, std::size_t target) {
  if (data.targets[target].scale != "log1p") return false;
  double zeros = 0, labels = 0;
  for (const std::size_t row : data.columns.rows) {
    const double y = data.columns.labels(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(target));
    labels += std::isnan(y) ? 0 : 1;
    zeros += y == 0 ? 1 : 0;
  }
  return zeros >= 0.05 * labels && zeros <= 0.95 * labels;
}

constexpr auto no_fold = std::numeric_limits<std::size_t>::max();

/// Over all folds but `without`.
double mean_error(const std::vector<HeldOut>& rows, double deviation, std::size_t without) {
  double sum = 0, n = 0;
  for (const HeldOut& held : rows) {
    if (std::isnan(held.truth) || held.fold == without) continue;
    sum += std::min(1.0, std::abs(held.truth - (held.answer.zero ? 0.0 : held.answer.centre)) / deviation);
    n += 1;
  }
  return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN();
}

std::string short_number(double value) {
  if (!(value > 0)) return number(value);
  const double scale = std::pow(10.0, 1 - std::floor(std::log10(value)));
  return number(std::round(value * scale) / scale);
}

/// Some variants' answers on all folds: [variant][target]. `terms`: of each fold.
Expected<std::vector<std::vector<Record>>> answers_on(const TrainingData& data, const TrainOptions& options, const std::vector<Fold>& folds,
                                                      const std::vector<Variant>& variants, const std::vector<std::vector<std::vector<PhysicalTerm>>>& terms, bool quick,
                                                      int threads) {
  const std::size_t targets = data.targets.size();
  std::vector<std::vector<std::vector<HeldOut>>> answers(folds.size() * variants.size());
  std::vector<std::optional<Error>> errors(answers.size());
  in_parallel(answers.size(), threads, [&](std::size_t piece) {
    const Fold& fold = folds[piece / variants.size()];
    const Variant& variant = variants[piece % variants.size()];
    std::vector<Variant> choice(targets, variant);
    for (std::size_t t = 0; t < targets; ++t) choice[t].hurdle = variant.hurdle && takes_hurdle(data, t);
    const std::string name = "fold " + std::to_string(piece / variants.size()) + "/" + variant.name();
    if (data.checkpoints) {
      if (const auto kept = data.checkpoints->find(name)) {
        if (auto read = read_answers(*kept, targets)) {
          answers[piece] = std::move(*read);
          return;
        }
        data.checkpoints->useless(name);
      }
    }
    const auto model = Trainer::build(data, options, fold.learn, choice, terms[piece / variants.size()], quick, 1);
    if (!model) {
      errors[piece] = model.error();
      return;
    }
    answers[piece] = Trainer::answers(*model, data, fold.learn, fold.answer);
    if (data.checkpoints) data.checkpoints->put(name, answers_bytes(answers[piece]));
  });
  std::vector<std::vector<Record>> out(variants.size(), std::vector<Record>(targets));
  for (std::size_t piece = 0; piece < answers.size(); ++piece) {
    if (errors[piece]) return fail(std::move(*errors[piece]));
    for (std::size_t t = 0; t < targets; ++t) {
      Record& record = out[piece % variants.size()][t];
      auto& to = folds[piece / variants.size()].sizes ? record.sizes : record.groups;
      for (HeldOut& held : answers[piece][t]) held.fold = piece / variants.size();
      to.insert(to.end(), answers[piece][t].begin(), answers[piece][t].end());
    }
  }
  return out;
}

/// Deviation of a target's scaled labels.
double deviation_of(const TrainingData& data, std::size_t target) {
  double sum = 0, squares = 0, n = 0;
  for (const std::size_t row : data.columns.rows) {
    const double z = to_scale(data.targets[target].scale, data.targets[target].divisor, data.columns.labels(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(target)));
    if (std::isnan(z)) continue;
    sum += z;
    squares += z * z;
    n += 1;
  }
  return std::max(1e-12, std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))));
}

/// All variants' answers on all folds: records[variant][target]. Analytical terms answer first: variants with a kind of term that says little about
/// any target are taken off the list.
Expected<std::vector<std::vector<Record>>> compare(const TrainingData& data, const TrainOptions& options, const std::vector<Fold>& folds,
                                                   std::vector<Variant>& variants, bool quick, int threads) {
  std::vector<std::vector<std::vector<PhysicalTerm>>> terms(folds.size());
  in_parallel(folds.size(), threads, [&](std::size_t f) { terms[f] = Trainer::terms(data, options, folds[f].learn, variants, 3, "fold " + std::to_string(f) + "/terms"); });
  std::vector<Variant> alone, others;
  std::copy_if(variants.begin(), variants.end(), std::back_inserter(alone), [](const Variant& v) { return v.family.empty(); });
  auto records = answers_on(data, options, folds, alone, terms, quick, threads);
  if (!records) return records;
  std::set<int> useless;
  for (std::size_t v = 0; v < alone.size(); ++v) {
    bool useful = false;
    for (std::size_t t = 0; t < data.targets.size(); ++t) useful |= !(mean_error((*records)[v][t].groups, deviation_of(data, t), no_fold) > useless_error);
    if (!useful) useless.insert(alone[v].term);
  }
  std::copy_if(variants.begin(), variants.end(), std::back_inserter(others), [&](const Variant& v) { return !v.family.empty() && !useless.contains(v.term); });
  auto rest = answers_on(data, options, folds, others, terms, quick, threads);
  if (!rest) return rest;
  std::move(rest->begin(), rest->end(), std::back_inserter(*records));
  variants = std::move(alone);
  variants.insert(variants.end(), others.begin(), others.end());
  return records;
}

/// The variant with the smallest product of errors on held-out groups and on held-out sizes, by all folds but `without`, and why.
std::size_t choose(const std::vector<Variant>& variants, const std::vector<std::vector<Record>>& records, std::size_t target, const TrainingData& data,
                   std::size_t without, std::string& why) {
  const double deviation = deviation_of(data, target);
  // Errors below a thousandth of the labels' deviation are alike.
  constexpr double alike = 1e-3;
  std::size_t best = 0;
  double best_score = std::numeric_limits<double>::infinity();
  std::vector<std::string> words;
  const bool hurdle = takes_hurdle(data, target);
  const auto name = [&](Variant variant) {
    variant.hurdle = variant.hurdle && hurdle;
    return variant.name();
  };
  for (std::size_t v = 0; v < variants.size(); ++v) {
    if (variants[v].hurdle && !hurdle && std::find(variants.begin(), variants.end(), Variant{variants[v].family, variants[v].term, false}) != variants.end()) continue;
    if (variants[v].term == 3 && analytical_feature(data, target) < 0) continue;
    const double inside = mean_error(records[v][target].groups, deviation, without), outside = mean_error(records[v][target].sizes, deviation, without);
    double score = std::isnan(inside) ? 0 : std::log(inside + alike);
    if (!std::isnan(outside)) score += std::log(outside + alike);
    if (variants[v].term == 3 ? variants[v].family.empty() || variants[v].family == "ensemble" : variants[v].family == "ensemble" && variants[v].term == 0) {
      score += std::log(variants[v].term == 3 ? worth_with_model : worth) * (std::isnan(outside) ? 1 : 2);
    }
    if (score < best_score) {
      best_score = score;
      best = v;
    }
    words.push_back(name(variants[v]) + " " + short_number(inside) + (std::isnan(outside) ? "" : " and " + short_number(outside)));
  }
  why = name(variants[best]) + ": mean error in deviations of the label on held-out groups" +
        (records[best][target].sizes.empty() ? "" : " and on held-out sizes") + ": " + join(words, ", ");
  return best;
}

/// The held-out answers that set a target's intervals. Those of the variant taken would look better than it is, for they had a say in the choice; so each
/// fold is answered by the variant that all the other folds would take.
Record unbiased(const std::vector<Variant>& variants, const std::vector<std::vector<Record>>& records, std::size_t target, const TrainingData& data,
                std::size_t folds) {
  Record out;
  for (std::size_t f = 0; f < folds; ++f) {
    std::string ignored;
    const Record& from = records[choose(variants, records, target, data, f, ignored)][target];
    std::copy_if(from.groups.begin(), from.groups.end(), std::back_inserter(out.groups), [&](const HeldOut& held) { return held.fold == f; });
    std::copy_if(from.sizes.begin(), from.sizes.end(), std::back_inserter(out.sizes), [&](const HeldOut& held) { return held.fold == f; });
  }
  return out;
}

/// Whether rows out of range are to be answered by the analytical model alone: unless the learner makes its error on held-out sizes clearly smaller. If so,
/// the record's rows out of range are answered in that way too.
bool term_answers_outside(const std::vector<Variant>& variants, const std::vector<std::vector<Record>>& records, std::size_t target, const TrainingData& data,
                          const Variant& taken, Record& record) {
  const auto alone = std::find(variants.begin(), variants.end(), Variant{"", taken.term, false});
  const auto chosen = std::find(variants.begin(), variants.end(), taken);
  if (taken.term != 3 || taken.family.empty() || alone == variants.end() || chosen == variants.end()) return false;
  const Record& plain = records[static_cast<std::size_t>(alone - variants.begin())][target];
  const double deviation = deviation_of(data, target);
  const double by_term = mean_error(plain.sizes, deviation, no_fold), learned = mean_error(records[static_cast<std::size_t>(chosen - variants.begin())][target].sizes, deviation, no_fold);
  if (!(by_term <= clearly * learned)) return false;
  std::map<std::pair<std::size_t, std::size_t>, double> centre;
  for (const auto* list : {&plain.groups, &plain.sizes}) {
    for (const HeldOut& held : *list) centre[{held.fold, held.row}] = held.answer.centre;
  }
  for (auto* list : {&record.groups, &record.sizes}) {
    for (HeldOut& held : *list) {
      if (held.inside) continue;
      held.answer.other = held.answer.centre;
      held.answer.centre = centre[{held.fold, held.row}];
    }
  }
  return true;
}

/// Predictions and labels of held-out rows as matrices, for scores.
void score_held_out(ModelInfo& info, const std::string& name, const std::vector<std::vector<HeldOut>>& held, bool inside) {
  std::map<std::size_t, Eigen::Index> place;
  for (const auto& list : held) {
    for (const HeldOut& row : list) place.emplace(row.row, 0);
  }
  if (place.empty()) return;
  Eigen::Index next = 0;
  for (auto& [row, at] : place) at = next++;
  const auto targets = static_cast<Eigen::Index>(info.targets.size());
  Prediction prediction;
  prediction.mean = prediction.lower = prediction.upper = RealMatrix::Zero(next, targets);
  prediction.in_range.assign(static_cast<std::size_t>(next), 1);
  RealMatrix labels = RealMatrix::Constant(next, targets, std::numeric_limits<double>::quiet_NaN());
  for (Eigen::Index t = 0; t < targets; ++t) {
    const Target& target = info.targets[static_cast<std::size_t>(t)];
    for (const HeldOut& row : held[static_cast<std::size_t>(t)]) {
      const Eigen::Index at = place[row.row];
      const bool in = inside && row.inside && row.answer.spread <= target.spread_limit;
      const Finished done = finish(target, row.answer, in);
      prediction.mean(at, t) = done.mean;
      prediction.lower(at, t) = done.lower;
      prediction.upper(at, t) = done.upper;
      if (!in) prediction.in_range[static_cast<std::size_t>(at)] = 0;
      if (!std::isnan(row.truth)) labels(at, t) = from_scale(target.scale, target.divisor, row.truth);
    }
  }
  info.metrics.push_back({name, score(info, prediction, labels)});
}

Expected<void> check(const TrainOptions& options) {
  std::vector<Problem> problems;
  const auto refuse = [&](bool wrong, const std::string& name, double found, const std::string& allowed) {
    if (wrong) problems.push_back({"", "option " + name, "found " + number(found) + "; allowed: " + allowed});
  };
  const auto word = [&](const std::string& name, const std::string& found, const std::vector<std::string>& allowed) {
    if (std::find(allowed.begin(), allowed.end(), found) == allowed.end()) problems.push_back({"", "option " + name, unknown_word("value", found, allowed)});
  };
  refuse(options.members < 2 || options.members > 100, "members", options.members, "2 to 100");
  refuse(options.hidden.empty() || options.hidden.size() > 8, "hidden", static_cast<double>(options.hidden.size()), "1 to 8 layers");
  for (const int width : options.hidden) refuse(width < 1 || width > 4096, "hidden", width, "widths from 1 to 4096");
  refuse(options.max_epochs < 1 || options.max_epochs > 100'000, "max_epochs", options.max_epochs, "1 to 100000");
  refuse(!(options.calibration_fraction >= 0.05 && options.calibration_fraction <= 0.5), "calibration_fraction", options.calibration_fraction,
         "0.05 to 0.5");
  refuse(!(options.test_fraction == -1 || (options.test_fraction >= 0 && options.test_fraction <= 0.5)), "test_fraction", options.test_fraction, "-1, 0 to 0.5");
  refuse(!(options.level >= 0.5 && options.level <= 0.999), "level", options.level, "0.5 to 0.999");
  refuse(options.threads < 0 || options.threads > 1024, "threads", options.threads, "0 to 1024");
  refuse(options.folds < 0 || options.folds > 20, "folds", options.folds, "0 to 20");
  word("activation", options.activation, {"tanh", "relu", "silu"});
  word("term", options.term, {"auto", "never"});
  word("hurdle", options.hurdle, {"auto", "always", "never"});
  std::vector<std::string> families{"auto"};
  for (const LearnerFamily& family : learner_families()) families.push_back(family.name);
  word("family", options.family, families);
  if (!options.learner_options.empty() && options.family == "auto") problems.push_back({"", "option learner_options", "needs a family; found auto"});
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  // What a family refuses is told before the first piece is learned.
  if (!options.learner_options.empty())
    if (auto made = make_learner(options.family, options.learner_options); !made) return fail(std::move(made.error()));
  const auto& known = learner_families();
  if (options.nodes == nullptr && std::any_of(known.begin(), known.end(), [&](const LearnerFamily& f) { return f.name == options.family && f.needs_nodes; }))
    return fail(ErrorKind::invalid_input, "the family " + options.family + " learns from lists of nodes (layers, loops) of the rows; none are given");
  if (options.split.find('=') == std::string::npos) word("split", options.split, {"random", "largest"});
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return {};
}

}  // namespace

Expected<Model> Trainer::run(const arch::LabelTable& table, const TrainOptions& options) {
  TrainingData data;
  Checkpoints checkpoints(options.checkpoints, options.checkpoints.empty() ? "" : training_key(table, options), options.say);
  if (!options.checkpoints.empty()) data.checkpoints = &checkpoints;
  auto columns = choose_columns(table, options);
  if (!columns) return fail(std::move(columns.error()));
  data.columns = std::move(*columns);
  for (const std::string& name : data.columns.features) data.features.push_back(describe_feature(**table.column(name), data.columns.rows));
  for (const std::string& name : options.targets) data.targets.push_back(describe_target(**table.column(name), data.columns.rows));
  if (options.nodes) {
    Rows all(options.nodes->rows());
    for (std::size_t r = 0; r < all.size(); ++r) all[r] = r;
    for (const auto& column : options.nodes->columns()) {
      if (column.name == options.node_key || column.name == "inputs" || column.name == "name") continue;
      std::vector<Problem> problems;
      if (refuse_mixed(*options.nodes, column, problems)) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
      data.node_features.push_back(describe_feature(column, all));
    }
  }
  Model reader;
  reader.info_.features = data.features;
  reader.info_.node_features = data.node_features;
  reader.info_.node_key = options.node_key;
  auto encoded = reader.encode(table, options.nodes);
  if (!encoded) return fail(std::move(encoded.error()));
  data.encoded = std::move(*encoded);

  auto split = test_rows(data, table, options);
  if (!split) return fail(std::move(split.error()));
  const auto& [test, rows] = *split;
  for (std::size_t t = 0; t < data.targets.size(); ++t) {
    const bool any = std::any_of(rows.begin(), rows.end(), [&](std::size_t row) {
      return !std::isnan(data.columns.labels(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(t)));
    });
    if (!any) return invalid(table.file(), "column " + in_quotes(data.targets[t].name), "has labels in too few groups; none is left for training");
  }
  const int threads = options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::vector<Variant> variants = variants_of(options, rows.size(), options.nodes != nullptr, !make_folds(data, rows, 0, 1, options.seed).empty(), data);

  // Which variant for which target, and the answers on rows held out from it.
  std::vector<Variant> choice(data.targets.size(), variants.front());
  for (std::size_t t = 0; t < choice.size(); ++t) choice[t].hurdle = choice[t].hurdle && takes_hurdle(data, t);
  std::vector<std::string> why(data.targets.size());
  std::vector<Record> records(data.targets.size());
  const bool small = rows.size() <= compare_rows && options.folds != 1;
  if (variants.size() > 1 || small) {
    Rows looked_at = rows;
    if (rows.size() > compare_rows) {
      looked_at = take_groups(data, rows, static_cast<double>(compare_rows) / static_cast<double>(rows.size()), 1, derive(options.seed, "compare")).first;
    }
    const std::size_t group_folds = options.folds > 1 ? static_cast<std::size_t>(options.folds) : small ? 5 : 3;
    const auto folds = make_folds(data, looked_at, group_folds, small ? 4 : 2, options.seed);
    auto compared = compare(data, options, folds, variants, variants.size() > 1, threads);
    if (!compared) return fail(std::move(compared.error()));
    for (std::size_t t = 0; t < data.targets.size(); ++t) {
      const std::size_t best = choose(variants, *compared, t, data, no_fold, why[t]);
      choice[t] = variants[best];
      choice[t].hurdle = choice[t].hurdle && takes_hurdle(data, t);
      records[t] = unbiased(variants, *compared, t, data, folds.size());
      data.targets[t].term_outside = term_answers_outside(variants, *compared, t, data, variants[best], records[t]);
    }
  }
  Rows learned = rows;
  std::optional<Model> kept;
  std::size_t calibration = rows.size();
  if (!small) {
    // The calibration rows are answered by a model as the final one is, but for a fifth of the groups.
    const auto [held, rest] = take_groups(data, rows, options.calibration_fraction, 1, derive(options.seed, "calibration"));
    const auto terms = Trainer::terms(data, options, rest, choice, 5, "calibration/terms");
    auto model = build(data, options, rest, choice, terms, false, threads, "calibration");
    if (!model) return model;
    const auto answered = answers(*model, data, rest, held);
    for (std::size_t t = 0; t < data.targets.size(); ++t) records[t].groups = answered[t];
    calibration = held.size();
    if (rows.size() > refit_rows || options.folds == 1) {
      learned = rest;
      kept = std::move(*model);
    }
  }
  if (!kept) {
    const auto terms = Trainer::terms(data, options, rows, choice, 5, "all/terms");
    auto model = build(data, options, rows, choice, terms, false, threads, "all");
    if (!model) return model;
    kept = std::move(*model);
  }
  Model model = std::move(*kept);
  ModelInfo& info = model.info_;
  // Rows that set the intervals count as known, learned or not.
  for (std::size_t f = 0; f < info.features.size(); ++f) {
    for (const std::size_t row : rows) {
      const double value = data.encoded.rows(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(f));
      if (std::isnan(value) || !info.features[f].categories.empty()) continue;
      info.features[f].low = std::min(info.features[f].low, value);
      info.features[f].high = std::max(info.features[f].high, value);
    }
  }
  info.training_sha256 = sha256(table.to_csv());
  info.training_rows = static_cast<std::int64_t>(learned.size());
  info.calibration_rows = static_cast<std::int64_t>(calibration);
  info.test_rows = static_cast<std::int64_t>(test.size());
  info.notes = data.columns.notes;
  for (std::size_t t = 0; t < info.targets.size(); ++t) {
    info.targets[t].why = why[t];
    calibrate(info.targets[t], records[t], data, options.level);
  }

  const auto lists_of = [&](bool sizes) {
    std::vector<std::vector<HeldOut>> lists;
    for (const Record& record : records) lists.push_back(sizes ? record.sizes : record.groups);
    return lists;
  };
  score_held_out(info, "train", answers(model, data, learned, learned), true);
  score_held_out(info, "held-out groups", lists_of(false), true);
  score_held_out(info, "held-out sizes", lists_of(true), false);
  score_held_out(info, "test", answers(model, data, learned, test), true);
  model.settle();
  checkpoints.finish();
  return model;
}

void remove_checkpoints(const std::filesystem::path& folder) {
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    // Also what was being written when a training was killed.
    if (entry.path().filename().string().find(".piece") != std::string::npos) std::filesystem::remove(entry.path(), code);
  }
  std::filesystem::remove(folder, code);
}

Expected<Model> train(const arch::LabelTable& given, const TrainOptions& options) {
  if (auto sound = check(options); !sound) return fail(std::move(sound.error()));
  std::vector<Problem> problems;
  const Layout layout = layout_of(given);
  const auto among = [](const std::vector<std::string>& list, const std::string& name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  check_layout(given, layout, [&](const std::string& name) { return among(options.ignore, name) || (rule_of(layout, name)->label && !among(options.targets, name)); }, problems);
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  auto imported = import_layout(given);
  if (!imported) return fail(std::move(imported.error()));
  TrainOptions all = options;
  if (!imported->layout.empty()) {
    if (all.features.empty()) all.features = imported->features;
    if (all.label_kind.empty()) all.label_kind = imported->label_kind;
  }
  if (all.label_tool.empty()) all.label_tool = imported->label_tool;
  return Trainer::run(imported->table, all);
}

}  // namespace gnomon::surrogate
