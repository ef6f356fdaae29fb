#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/gp.hpp"
#include "gnomon/base/random.hpp"
#include "models/families.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;

struct ProcessOptions {
  std::int64_t fit_rows = 160;
  std::vector<std::int64_t> rows;  ///< rows of each target's process, filled by training
};
void describe(FieldVisitor& v, ProcessOptions& o) {
  field(v, {"fit_rows", "rows that set the hyperparameters"}, o.fit_rows, Range{10, 1000});
  field(v, {"rows", "rows of each target's process, as trained"}, o.rows, Length{0, 10'000}, Range{0, 1000});
}

/// A Gaussian process per target (base/gp.hpp) on the standardised inputs, scaled to about a unit cube. The spread is the deviation of the
/// posterior with its noise. At most 1000 labelled rows.
class Process final : public Learner {
 public:
  static constexpr std::size_t most_rows = 1000;
  /// Standardised inputs times this lie in about [-0.5, 0.5], which the length scales' priors expect.
  static constexpr double shrink = 0.25;

  explicit Process(ProcessOptions options) : options_(std::move(options)) {}

  std::string family() const override { return "process"; }

  Expected<void> fit(const Lesson& lesson) override {
    processes_.clear();
    options_.rows.clear();
    for (Eigen::Index t = 0; t < lesson.labels.rows(); ++t) {
      std::vector<Eigen::Index> rows;
      for (Eigen::Index r = 0; r < lesson.labels.cols(); ++r) {
        if (!std::isnan(lesson.labels(t, r))) rows.push_back(r);
      }
      if (rows.size() > most_rows) {
        return fail(ErrorKind::unsupported, "a Gaussian process takes at most " + std::to_string(most_rows) + " labelled rows; found " + std::to_string(rows.size()));
      }
      RealMatrix x(static_cast<Eigen::Index>(rows.size()), lesson.samples.x.rows());
      RealVector y(static_cast<Eigen::Index>(rows.size()));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto at = static_cast<Eigen::Index>(i);
        x.row(at) = shrink * lesson.samples.x.col(rows[i]).transpose().cast<double>();
        y[at] = static_cast<double>(lesson.labels(t, rows[i]));
      }
      GpOptions options;
      options.max_fit_rows = static_cast<int>(options_.fit_rows);
      options.least_noise = 1e-3;
      options.seed = derive(lesson.seed, static_cast<std::uint64_t>(t));
      auto process = GaussianProcess::fit(x, y, options);
      if (!process) return fail(std::move(process.error()));
      options_.rows.push_back(x.rows());
      processes_.push_back({std::move(*process), x, y});
    }
    return {};
  }

  void predict(const Samples& samples, Batch& mean, Batch* spread) const override {
    const RealMatrix x = shrink * samples.x.transpose().cast<double>();
    mean.resize(static_cast<Eigen::Index>(processes_.size()), x.rows());
    if (spread) spread->resize(mean.rows(), x.rows());
    for (std::size_t t = 0; t < processes_.size(); ++t) {
      if (!spread) {
        mean.row(static_cast<Eigen::Index>(t)) = processes_[t].process.predict_mean(x).transpose().cast<float>();
        continue;
      }
      const auto answer = processes_[t].process.predict(x);
      const double noise = processes_[t].process.hyperparameters().noise_variance;
      mean.row(static_cast<Eigen::Index>(t)) = answer.mean.transpose().cast<float>();
      spread->row(static_cast<Eigen::Index>(t)) = (answer.variance.array() + noise).sqrt().matrix().transpose().cast<float>();
    }
  }

  std::string structure() const override { return write_fields(options_).dump(); }

  /// Per target: signal and noise variance, the lengths, then rows (inputs, label).
  void append_weights(std::vector<float>& blob) const override {
    for (const Part& part : processes_) {
      const GpHyperparameters& hyper = part.process.hyperparameters();
      blob.push_back(static_cast<float>(hyper.signal_variance));
      blob.push_back(static_cast<float>(hyper.noise_variance));
      for (const double length : hyper.length) blob.push_back(static_cast<float>(length));
      for (Eigen::Index r = 0; r < part.x.rows(); ++r) {
        for (Eigen::Index c = 0; c < part.x.cols(); ++c) blob.push_back(static_cast<float>(part.x(r, c)));
        blob.push_back(static_cast<float>(part.y[r]));
      }
    }
  }

  Expected<void> load(const std::string&, std::span<const float> weights, const Shape& shape, const std::string& file) override {
    const auto refuse = [&](const std::string& what) { return invalid(file, "/heads", "the weights of the Gaussian process do not fit: " + what); };
    if (options_.rows.size() != static_cast<std::size_t>(shape.targets)) return refuse("`rows` has another number of targets");
    processes_.clear();
    for (const std::int64_t rows : options_.rows) {
      std::vector<float> head(static_cast<std::size_t>(2 + shape.inputs)), row(static_cast<std::size_t>(shape.inputs + 1));
      if (!take_weights(weights, 2 + shape.inputs, head.data())) return refuse("too few or not finite");
      GpHyperparameters hyper;
      hyper.signal_variance = static_cast<double>(head[0]);
      hyper.noise_variance = static_cast<double>(head[1]);
      hyper.length = Eigen::Map<const Eigen::VectorXf>(head.data() + 2, shape.inputs).cast<double>();
      hyper.weight = RealVector::Zero(shape.inputs);
      if (!(hyper.signal_variance > 0) || !(hyper.noise_variance > 0) || !(hyper.length.array() > 0).all()) return refuse("a variance or length that is not positive");
      RealMatrix x(rows, shape.inputs);
      RealVector y(rows);
      for (Eigen::Index r = 0; r < rows; ++r) {
        if (!take_weights(weights, shape.inputs + 1, row.data())) return refuse("too few or not finite");
        x.row(r) = Eigen::Map<const Eigen::RowVectorXf>(row.data(), shape.inputs).cast<double>();
        y[r] = static_cast<double>(row.back());
      }
      auto process = GaussianProcess::with(x, y, hyper);
      if (!process) return fail(std::move(process.error()));
      processes_.push_back({std::move(*process), std::move(x), std::move(y)});
    }
    if (!weights.empty()) return refuse("too many");
    return {};
  }

 private:
  struct Part {
    GaussianProcess process;
    RealMatrix x;
    RealVector y;
  };
  ProcessOptions options_;
  std::vector<Part> processes_;
};

}  // namespace

Expected<std::unique_ptr<Learner>> make_process(const std::string& options) {
  auto document = Document::parse(options, "options of the Gaussian process");
  if (!document) return fail(std::move(document.error()));
  auto read = read_fields<ProcessOptions>(*document);
  if (!read) return fail(std::move(read.error()));
  return std::make_unique<Process>(std::move(*read));
}

}  // namespace gnomon::surrogate
