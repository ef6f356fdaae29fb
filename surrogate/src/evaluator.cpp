#include "gnomon/surrogate/evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "gnomon/arch/technology.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/evaluator.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "told.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::surrogate {
namespace {

using arch::Evaluation;
using arch::EvaluationJob;
using arch::LabelTable;

constexpr const char* latency_label = "latency_cycles";
constexpr const char* energy_label = "energy_pj";

struct Options {
  std::string model;
  std::optional<std::string> goal;
};
void describe(FieldVisitor& v, Options& o) {
  field(v, {"model", "surrogate model file"}, o.model);
  field(v, {"goal", "what a mapping is chosen for"}, o.goal, Choice{{"latency", "energy", "edp"}});
}

Expected<Options> options_of(const EvaluationJob& job) {
  if (job.options_json.empty()) return Options{};
  auto document = Document::parse(job.options_json, "options");
  if (!document) return fail(std::move(document.error()));
  return read_fields<Options>(*document);
}

/// The job as the analytical model takes it.
EvaluationJob analytical_job(const EvaluationJob& job, const Options& options) {
  EvaluationJob out = job;
  out.fidelity = "analytical";
  out.options_json = options.goal ? "{\"goal\":\"" + *options.goal + "\"}" : std::string();
  return out;
}

void set(Evaluation& evaluation, const std::string& name, double value) {
  for (arch::Metric& metric : evaluation.metrics) {
    if (metric.name == name) {
      metric.value = value;
      return;
    }
  }
  evaluation.metrics.push_back({name, value});
}

double get(const Evaluation& evaluation, const std::string& name) {
  const double* found = evaluation.find(name);
  return found ? *found : 0.0;
}

std::optional<Eigen::Index> target_index(const Model& model, const std::string& name) {
  for (std::size_t t = 0; t < model.target_count(); ++t) {
    if (model.info().targets[t].name == name) return static_cast<Eigen::Index>(t);
  }
  return {};
}

/// Runs mapper and analytical model, and keeps the features of every workload's layers.
class FeatureMaker : public sim::AcceleratorEvaluator {
 public:
  struct Part {
    LabelTable table;
    std::vector<std::size_t> layers;  // row of the table -> row of the analytical answer
    Evaluation analytical;
  };
  std::vector<Part> parts;

  Expected<Evaluation> evaluate(const EvaluationJob& job) override {
    parts.clear();
    return AcceleratorEvaluator::evaluate(job);
  }

 protected:
  Expected<Evaluation> simulate(const Run& run) override {
    auto analytical = sim::analyze(run.design, run.graph, run.mapping);
    if (!analytical) return analytical;
    Part part;
    part.table = layer_table(run.design, run.lowered, *analytical, &part.layers);
    part.analytical = *analytical;
    parts.push_back(std::move(part));
    return predicted(run.design, parts.back());
  }
  virtual Expected<Evaluation> predicted(const arch::Design&, const Part& part) { return part.analytical; }
};

}  // namespace

struct LayerLabels::Impl {
  FeatureMaker maker;
  std::vector<LabelTable::Column> columns;
  std::set<std::string> seen;
  std::set<std::string> designs;
  std::size_t rows = 0;

  Impl() {
    for (const LayerFeature& feature : layer_features()) columns.push_back({feature.name, feature.unit, !feature.words, {}, {}});
    columns.push_back({"design", "", false, {}, {}});
    columns.push_back({"layer", "", false, {}, {}});
    columns.push_back({latency_label, "cycles", true, {}, {}});
    columns.push_back({energy_label, "pJ", true, {}, {}});
  }
};

LayerLabels::LayerLabels() : impl_(std::make_unique<Impl>()) {}
LayerLabels::~LayerLabels() = default;
LayerLabels::LayerLabels(LayerLabels&&) noexcept = default;
LayerLabels& LayerLabels::operator=(LayerLabels&&) noexcept = default;
std::size_t LayerLabels::rows() const { return impl_->rows; }
std::size_t LayerLabels::designs() const { return impl_->designs.size(); }

Expected<void> LayerLabels::add(const EvaluationJob& job, const Evaluation& evaluation) {
  if (evaluation.layers.empty()) return {};
  auto options = options_of(job);
  if (!options) return fail(std::move(options.error()));
  if (auto made = impl_->maker.evaluate(analytical_job(job, *options)); !made) return fail(std::move(made.error()));
  if (impl_->maker.parts.empty()) return {};
  const FeatureMaker::Part& part = impl_->maker.parts.front();
  std::map<std::string, const arch::LayerMetrics*> by_name;
  for (const arch::LayerMetrics& layer : evaluation.layers) by_name[layer.name] = &layer;
  const std::string design = sha256(job.design_json).substr(0, 16);
  const std::size_t features = layer_features().size();
  for (std::size_t r = 0; r < part.layers.size(); ++r) {
    const std::string& name = part.analytical.layers[part.layers[r]].name;
    const auto label = by_name.find(name);
    if (label == by_name.end() || label->second->latency_cycles <= 0) continue;
    std::string key;
    for (const LabelTable::Column& column : part.table.columns()) key += (column.numeric ? number(column.numbers[r]) : column.words[r]) + "\x1f";
    if (!impl_->seen.insert(key).second) continue;
    for (std::size_t c = 0; c < features; ++c) {
      const LabelTable::Column& from = part.table.columns()[c];
      if (from.numeric) impl_->columns[c].numbers.push_back(from.numbers[r]);
      else impl_->columns[c].words.push_back(from.words[r]);
    }
    impl_->columns[features].words.push_back(design);
    impl_->columns[features + 1].words.push_back(name);
    impl_->columns[features + 2].numbers.push_back(static_cast<double>(label->second->latency_cycles));
    impl_->columns[features + 3].numbers.push_back(label->second->energy_pj);
    impl_->designs.insert(design);
    ++impl_->rows;
  }
  return {};
}

LabelTable LayerLabels::table() const {
  LabelTable out;
  for (const LabelTable::Column& column : impl_->columns) out.add(column);
  return out;
}

namespace {

/// Layer by layer, with a model that somebody else owns.
class LayerPredictor : public FeatureMaker {
 public:
  const Model* model = nullptr;

  Expected<Evaluation> evaluate(const EvaluationJob& job) override {
    answers_.clear();
    auto out = FeatureMaker::evaluate(job);
    if (!out) return out;
    // The combination over workloads keeps metrics only; ranges and intervals are put back here.
    out->in_range = std::all_of(answers_.begin(), answers_.end(), [](const Evaluation& e) { return e.in_range; });
    out->intervals.clear();
    if (!model) return out;
    for (const char* name : {"latency_s", latency_label, energy_label}) {
      Evaluation::Interval sum{name, 0, 0};
      for (std::size_t i = 0; i < answers_.size() && i < job.workloads.size(); ++i) {
        for (const Evaluation::Interval& part : answers_[i].intervals) {
          if (part.name != name) continue;
          sum.lower += job.workloads[i].weight * part.lower;
          sum.upper += job.workloads[i].weight * part.upper;
        }
      }
      out->intervals.push_back(sum);
    }
    return out;
  }

 protected:
  Expected<Evaluation> predicted(const arch::Design& design, const Part& part) override {
    Evaluation out = part.analytical;
    out.in_range = model != nullptr;
    if (model) {
      if (auto done = apply(design, part, out); !done) return fail(std::move(done.error()));
    }
    answers_.push_back(out);
    return out;
  }

 private:
  std::vector<Evaluation> answers_;

  Expected<void> apply(const arch::Design& design, const Part& part, Evaluation& out) const {
    auto prediction = model->predict(part.table);
    if (!prediction) return fail(std::move(prediction.error()));
    const auto latency = target_index(*model, latency_label), energy = target_index(*model, energy_label);
    double old_cycles = 0, cycles = 0, cycles_low = 0, cycles_high = 0, energy_low = 0, energy_high = 0;
    for (std::size_t r = 0; r < part.layers.size(); ++r) {
      arch::LayerMetrics& row = out.layers[part.layers[r]];
      const auto at = static_cast<Eigen::Index>(r);
      const auto least = static_cast<double>(std::max<std::int64_t>(row.compute_cycles, 1));
      const auto bounded = [&](double value) { return std::clamp(std::round(value), least, 9e18); };
      const double before = static_cast<double>(row.latency_cycles);
      row.latency_cycles = static_cast<std::int64_t>(bounded(prediction->mean(at, *latency)));
      row.stall_cycles = row.latency_cycles - row.compute_cycles;
      row.utilization *= before / static_cast<double>(row.latency_cycles);
      row.energy_pj = std::max(0.0, prediction->mean(at, *energy));
      old_cycles += before;
      cycles += static_cast<double>(row.latency_cycles);
      cycles_low += bounded(prediction->lower(at, *latency));
      cycles_high += bounded(prediction->upper(at, *latency));
      energy_low += std::max(0.0, prediction->lower(at, *energy)) - row.energy_pj;
      energy_high += prediction->upper(at, *energy) - row.energy_pj;
      if (!prediction->in_range[r]) out.in_range = false;
    }
    double total_energy = 0, stalls = 0;
    for (const arch::LayerMetrics& row : out.layers) {
      total_energy += row.energy_pj;
      stalls += static_cast<double>(row.stall_cycles);
    }
    // On one core the old total is the old sum, and this is the new sum.
    const double scale = old_cycles > 0 ? get(part.analytical, latency_label) / old_cycles : 1.0;
    const double total = std::round(cycles * scale);
    const double cycle_s = static_cast<double>(design.clock_period_ps) * 1e-12;
    const double seconds = total * cycle_s;
    set(out, latency_label, total);
    set(out, "latency_s", seconds);
    set(out, "stall_cycles", stalls);
    set(out, energy_label, total_energy);
    set(out, "edp_js", total_energy * 1e-12 * seconds);
    set(out, "power_w", seconds > 0 ? total_energy * 1e-12 / seconds : 0.0);
    if (total > 0) set(out, "utilization", get(part.analytical, "utilization") * get(part.analytical, latency_label) / total);
    // Operators out of range err together: the interval spans the analytical model's totals too.
    if (!out.in_range) {
      const double model_cycles = get(part.analytical, latency_label) / std::max(scale, 1e-300), model_energy = get(part.analytical, energy_label) - total_energy;
      cycles_low = std::min(cycles_low, model_cycles);
      cycles_high = std::max(cycles_high, model_cycles);
      energy_low = std::min(energy_low, model_energy);
      energy_high = std::max(energy_high, model_energy);
    }
    // The parts of the energy are not predicted.
    out.energy_breakdown_pj.clear();
    out.intervals = {{latency_label, cycles_low * scale, cycles_high * scale},
                     {"latency_s", cycles_low * scale * cycle_s, cycles_high * scale * cycle_s},
                     {energy_label, total_energy + energy_low, total_energy + energy_high}};
    return {};
  }
};

/// The value at a path like `cores.npu.array.rows`; list entries go by their `name`.
const Json* at_path(const Json& root, const std::string& path) {
  const Json* here = &root;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string step = path.substr(begin, end - begin);
    const Json* next = nullptr;
    if (here->is_object()) {
      if (const auto found = here->find(step); found != here->end()) next = &*found;
    } else if (here->is_array()) {
      for (const Json& entry : *here) {
        if (entry.is_object() && entry.contains("name") && entry["name"] == step) next = &entry;
      }
    }
    if (!next) return nullptr;
    here = next;
    begin = end + 1;
  }
  return here;
}

/// Totals from design parameters, with a model that was trained on a campaign.
class TotalPredictor {
 public:
  Expected<Evaluation> evaluate(const Model& model, const EvaluationJob& job) {
    auto document = Document::parse(job.design_json, "design");
    if (!document) return fail(std::move(document.error()));
    auto design = arch::parse_design(*document, job.base_folder);
    if (!design) return fail(std::move(design.error()));
    auto macs = total_macs(*design, job);
    if (!macs) return fail(std::move(macs.error()));
    const Json resolved = Json::parse(design->resolved_json);

    LabelTable table;
    std::vector<Problem> problems;
    for (const Feature& feature : model.info().features) {
      LabelTable::Column column{feature.name, feature.unit, feature.categories.empty(), {}, {}};
      const Json* value = at_path(document->root(), feature.name);
      if (!value) value = at_path(resolved, feature.name);
      if (feature.name == "macs") {
        column.numbers.push_back(*macs);
      } else if (!value || value->is_structured()) {
        problems.push_back({"", "surrogate model", "its feature " + in_quotes(feature.name) + " is neither a feature of layers nor a path into this design"});
        continue;
      } else if (column.numeric) {
        column.numbers.push_back(value->is_number() ? value->get<double>() : std::nan(""));
      } else {
        column.words.push_back(value->is_string() ? value->get<std::string>() : value->is_number() ? number(value->get<double>()) : value->dump());
      }
      table.add(std::move(column));
    }
    if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
    auto prediction = model.predict(table);
    if (!prediction) return fail(std::move(prediction.error()));

    Evaluation out;
    out.in_range = prediction->in_range[0] != 0;
    for (std::size_t t = 0; t < model.target_count(); ++t) {
      const std::string& name = model.info().targets[t].name;
      const auto column = static_cast<Eigen::Index>(t);
      set(out, name, prediction->mean(0, column));
      out.intervals.push_back({name, prediction->lower(0, column), prediction->upper(0, column)});
    }
    // What needs no model, or follows from what was predicted.
    const auto derive = [&](const std::string& name, double value) {
      if (!out.find(name) && std::isfinite(value)) out.metrics.push_back({name, value});
    };
    derive("macs", *macs);
    derive("area_um2", arch::area_um2(*design));
    const double period_s = static_cast<double>(design->clock_period_ps) * 1e-12;
    if (out.find("latency_cycles")) derive("latency_s", get(out, "latency_cycles") * period_s);
    if (out.find("latency_s")) derive("latency_cycles", std::round(get(out, "latency_s") / period_s));
    if (out.find("latency_s") && out.find("energy_pj")) {
      derive("edp_js", get(out, "latency_s") * get(out, "energy_pj") * 1e-12);
      derive("power_w", get(out, "energy_pj") * 1e-12 / get(out, "latency_s"));
    }
    return out;
  }

 private:
  std::map<std::string, std::shared_ptr<const workloads::Graph>> graphs_;

  Expected<double> total_macs(const arch::Design& design, const EvaluationJob& job) {
    double sum = 0;
    for (const arch::WorkloadRef& workload : job.workloads) {
      auto& graph = graphs_[workload.model + "\n" + std::to_string(workload.batch) + "\n" + job.base_folder];
      if (!graph) {
        workloads::LoadOptions options;
        options.batch = workload.batch;
        options.base = job.base_folder;
        auto loaded = workloads::load(workload.model, options);
        if (!loaded) return fail(std::move(loaded.error()));
        graph = std::move(*loaded);
      }
      auto lowered = arch::lower(*graph, sim::lowering_core(design));
      if (!lowered) return fail(std::move(lowered.error()));
      for (const arch::LoweredOperator& op : *lowered) sum += workload.weight * static_cast<double>(op.macs);
    }
    return sum;
  }
};

/// Answers from a model file, of whichever kind.
class ModelPredictor {
 public:
  Expected<Evaluation> evaluate(const Model& model, const std::string& file, const EvaluationJob& job, const Options& options) {
    if (!by_layers(model)) return totals_.evaluate(model, job);
    if (auto known = targets_of_layers(model, file); !known) return fail(std::move(known.error()));
    layers_.model = &model;
    return layers_.evaluate(analytical_job(job, options));
  }

  /// Whether the model answers for designs like the job's.
  Expected<void> check(const Model& model, const std::string& file, const EvaluationJob& job) {
    if (by_layers(model)) return targets_of_layers(model, file);
    if (auto answered = totals_.evaluate(model, job); !answered) return fail(std::move(answered.error()));
    return {};
  }

 private:
  LayerPredictor layers_;
  TotalPredictor totals_;

  static Expected<void> targets_of_layers(const Model& model, const std::string& file) {
    for (const char* name : {latency_label, energy_label}) {
      if (!target_index(model, name)) return fail(Error(ErrorKind::invalid_input, Problem{file, "", "predicts layers, but not the target " + in_quotes(name)}));
    }
    return {};
  }

  static bool by_layers(const Model& model) {
    const auto& known = layer_features();
    bool only_macs = true;
    for (const Feature& feature : model.info().features) {
      if (std::none_of(known.begin(), known.end(), [&](const LayerFeature& f) { return f.name == feature.name; })) return false;
      // `clock_mhz` and `macs` are names of design parameters and totals as well.
      only_macs = only_macs && (feature.name == "macs" || feature.name == "clock_mhz");
    }
    return !only_macs;
  }
};

class AcceleratorSurrogate : public arch::Evaluator {
 public:
  Expected<Evaluation> evaluate(const EvaluationJob& job) override {
    auto options = options_of(job);
    if (!options) return fail(std::move(options.error()));
    if (options->model.empty()) {
      learn();
      layers_.model = learned_ ? &*learned_ : nullptr;
      return layers_.evaluate(analytical_job(job, *options));
    }
    auto model = load(options->model);
    if (!model) return fail(std::move(model.error()));
    return predicted_.evaluate(**model, options->model, job, *options);
  }

  Expected<void> check(const EvaluationJob& job) override {
    auto options = options_of(job);
    if (!options) return fail(std::move(options.error()));
    if (options->model.empty()) return {};
    auto model = load(options->model);
    if (!model) return fail(std::move(model.error()));
    return predicted_.check(**model, options->model, job);
  }

  void observe(const EvaluationJob& job, const Evaluation& result) override {
    // Only labels of slower fidelities teach anything; those that cannot be read again are of no use, and harm nobody.
    if (job.subject != "accelerator" || job.fidelity == "analytical" || job.fidelity == "surrogate") return;
    EvaluationJob plain = job;
    plain.options_json.clear();
    [[maybe_unused]] const auto added = labels_.add(plain, result);
  }

 private:
  LayerPredictor layers_;
  ModelPredictor predicted_;
  LayerLabels labels_;
  std::map<std::string, Model> models_;
  std::optional<Model> learned_;
  std::size_t learned_rows_ = 0;

  Expected<const Model*> load(const std::string& path) {
    if (const auto found = models_.find(path); found != models_.end()) return &found->second;
    auto model = Model::load(path);
    if (!model) return fail(std::move(model.error()));
    return &models_.emplace(path, std::move(*model)).first->second;
  }

  void learn() {
    constexpr std::size_t first_rows = 60, first_designs = 8, most_rows = 4000;
    const std::size_t rows = labels_.rows();
    if (rows < first_rows || labels_.designs() < first_designs || rows < learned_rows_ + learned_rows_ / 3) return;
    if (learned_ && rows == learned_rows_) return;
    learned_rows_ = rows;
    LabelTable table = labels_.table();
    if (rows > most_rows) {
      std::vector<std::size_t> newest;
      for (std::size_t r = rows - most_rows; r < rows; ++r) newest.push_back(r);
      table = rows_of(table, newest);
    }
    TrainOptions options = told_options(120);
    options.targets = {latency_label, energy_label};
    for (const LayerFeature& feature : layer_features()) options.features.push_back(feature.name);
    options.group = "design";
    if (auto model = train(table, options)) learned_ = std::move(*model);
  }
};

}  // namespace

struct WorkloadPredictor::Impl {
  const Model& model;
  ModelPredictor predictor = {};
};

WorkloadPredictor::WorkloadPredictor(const Model& model) : impl_(std::make_unique<Impl>(Impl{model})) {}
WorkloadPredictor::~WorkloadPredictor() = default;

Expected<Evaluation> WorkloadPredictor::predict(const EvaluationJob& job) {
  auto options = options_of(job);
  if (!options) return fail(std::move(options.error()));
  return impl_->predictor.evaluate(impl_->model, "model", job, *options);
}

std::unique_ptr<arch::Evaluator> make_accelerator_surrogate() { return std::make_unique<AcceleratorSurrogate>(); }

void register_evaluators(arch::EvaluatorRegistry& registry) {
  registry.add("accelerator", "surrogate", [] { return make_accelerator_surrogate(); });
  for (const char* subject : {"memory", "kernel"}) registry.add(subject, "surrogate", [subject] { return make_parameter_surrogate(subject); });
}

}  // namespace gnomon::surrogate
