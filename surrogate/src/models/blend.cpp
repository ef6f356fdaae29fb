#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "models/families.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;

struct Part {
  std::string family;
  std::string structure = "{}";
  std::int64_t weights = 0;
};
void describe(FieldVisitor& v, Part& part) {
  field(v, {"family", "family of the part", "", Key::required}, part.family, Choice{{"ensemble", "trees", "process"}});
  field(v, {"structure", "its options, and what it needs besides weights"}, part.structure, Raw{R"({"type": "object"})"});
  field(v, {"weights", "its float32 numbers, as trained"}, part.weights, Range{0, std::int64_t{1} << 40});
}
struct BlendOptions {
  std::vector<Part> parts = {{"ensemble", "{}", 0}, {"trees", "{}", 0}};
};
void describe(FieldVisitor& v, BlendOptions& o) { field(v, {"parts", "what is averaged"}, o.parts, Length{1, 8}); }

/// The mean of several families, whose errors differ. The spread is that of the parts and of their centres.
class Blend final : public Learner {
 public:
  Blend(BlendOptions options, std::vector<std::unique_ptr<Learner>> parts) : options_(std::move(options)), parts_(std::move(parts)) {}

  std::string family() const override { return "blend"; }

  Expected<void> fit(const Lesson& lesson) override {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      if (auto fitted = parts_[p]->fit(lesson); !fitted) return fitted;
      std::vector<float> weights;
      parts_[p]->append_weights(weights);
      options_.parts[p].structure = parts_[p]->structure();
      options_.parts[p].weights = static_cast<std::int64_t>(weights.size());
    }
    return {};
  }

  void predict(const Samples& samples, Batch& mean, Batch* spread) const override {
    const auto n = static_cast<float>(parts_.size());
    Batch centres, squares, variance, part_mean, part_spread;
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      parts_[p]->predict(samples, part_mean, spread ? &part_spread : nullptr);
      if (p == 0) centres = squares = variance = Batch::Zero(part_mean.rows(), part_mean.cols());
      centres += part_mean;
      if (!spread) continue;
      squares.array() += part_mean.array().square();
      variance.array() += part_spread.array().square();
    }
    mean = centres / n;
    if (spread) *spread = ((squares.array() / n - mean.array().square()).max(0.0F) + variance.array() / n).sqrt();
  }

  std::string structure() const override { return write_fields(options_).dump(); }

  void append_weights(std::vector<float>& blob) const override {
    for (const auto& part : parts_) part->append_weights(blob);
  }

  Expected<void> load(const std::string&, std::span<const float> weights, const Shape& shape, const std::string& file) override {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const auto count = static_cast<std::size_t>(options_.parts[p].weights);
      if (count > weights.size()) return invalid(file, "/heads", "the parts of a blend need more weights than there are");
      if (auto loaded = parts_[p]->load(options_.parts[p].structure, weights.first(count), shape, file); !loaded) return loaded;
      weights = weights.subspan(count);
    }
    if (!weights.empty()) return invalid(file, "/heads", "the parts of a blend need fewer weights than there are");
    return {};
  }

 private:
  BlendOptions options_;
  std::vector<std::unique_ptr<Learner>> parts_;
};

}  // namespace

Expected<std::unique_ptr<Learner>> make_blend(const std::string& options) {
  auto document = Document::parse(options, "options of the blend");
  if (!document) return fail(std::move(document.error()));
  auto read = read_fields<BlendOptions>(*document);
  if (!read) return fail(std::move(read.error()));
  std::vector<std::unique_ptr<Learner>> parts;
  for (const Part& part : read->parts) {
    auto learner = make_learner(part.family, part.structure);
    if (!learner) return fail(std::move(learner.error()));
    parts.push_back(std::move(*learner));
  }
  return std::make_unique<Blend>(std::move(*read), std::move(parts));
}

}  // namespace gnomon::surrogate
