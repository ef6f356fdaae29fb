#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/shipped.hpp"

namespace gnomon::surrogate {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are little-endian and written as they lie in memory");

constexpr std::string_view magic = "{\"format\":\"gnomon-surrogate\",";
constexpr std::string_view hash_key = ",\"sha256\":\"";
constexpr std::size_t hash_digits = 64;

/// The header as it stands in the file.
struct Header {
  std::string format = "gnomon-surrogate";
  ModelInfo info;
  std::int64_t weights = 0;
  std::string sha256;
};

}  // namespace

void describe(FieldVisitor& v, Feature& f) {
  field(v, {"name", "column", "", Key::required}, f.name);
  field(v, {"unit", "unit of the column"}, f.unit);
  field(v, {"scale", "how the networks see it"}, f.scale, Choice{{"linear", "log", "log1p"}});
  field(v, {"low", "smallest training value"}, f.low);
  field(v, {"high", "largest training value"}, f.high);
  field(v, {"mean", "mean of the scaled values"}, f.mean);
  field(v, {"deviation", "standard deviation of the scaled values"}, f.deviation, RealRange{0, 1e300, true});
  field(v, {"may_miss", "training rows lacked it at times"}, f.may_miss);
  field(v, {"categories", "words seen"}, f.categories);
}

void describe(FieldVisitor& v, Target& t) {
  field(v, {"name", "column", "", Key::required}, t.name);
  field(v, {"unit", "unit of the column"}, t.unit);
  field(v, {"scale", "how the networks see it"}, t.scale, Choice{{"linear", "log", "log1p"}});
  field(v, {"divisor", "log1p: log(1 + y / divisor)"}, t.divisor, RealRange{0, 1e300, true});
  field(v, {"quantum", "answers are multiples of it; 0: any"}, t.quantum, RealRange{0, 1});
  field(v, {"low", "smallest training label"}, t.low);
  field(v, {"high", "largest training label"}, t.high);
  field(v, {"family", "learner that answers; empty: the term alone"}, t.family);
  field(v, {"why", "errors of all that were tried"}, t.why);
  field(v, {"term", "analytical term"}, t.term);
  field(v, {"hurdle", "a second output says whether the label is 0"}, t.hurdle);
  field(v, {"mean", "mean of what the learner learned"}, t.mean);
  field(v, {"deviation", "standard deviation of it"}, t.deviation, RealRange{0, 1e300, true});
  field(v, {"quantile", "conformal quantile in range"}, t.quantile, RealRange{0, 1e300});
  field(v, {"quantile_outside", "conformal quantile out of range"}, t.quantile_outside, RealRange{0, 1e300});
  field(v, {"spread_floor", "added to the ensemble's spread"}, t.spread_floor, RealRange{0, 1e300});
  field(v, {"spread_limit", "spread beyond which a row is out of range"}, t.spread_limit, RealRange{0, 1e300});
  field(v, {"residual_low", "smallest residual on the term in training"}, t.residual_low);
  field(v, {"residual_high", "largest residual on the term in training"}, t.residual_high);
  field(v, {"term_outside", "rows with features out of range are answered by the term alone"}, t.term_outside);
}

void describe(FieldVisitor& v, Head& h) {
  field(v, {"family", "family of the learner", "", Key::required}, h.family);
  field(v, {"targets", "indices of its targets", "", Key::required}, h.targets, Length{1, 10'000}, Range{0, 10'000});
  field(v, {"structure", "what the family needs besides weights"}, h.structure, Raw{R"({"type": "object"})"});
  field(v, {"weights", "float32 numbers", "", Key::required}, h.weights, Range{0, std::int64_t{1} << 40});
}

void describe(FieldVisitor& v, Score& s) {
  field(v, {"target", "target"}, s.target);
  field(v, {"rows", "rows with a label"}, s.rows);
  field(v, {"r2", "coefficient of determination"}, s.r2);
  field(v, {"smape_percent", "symmetric mean absolute percentage error", "%"}, s.smape_percent);
  field(v, {"rmse", "root mean square error"}, s.rmse);
  field(v, {"median_error_percent", "median absolute percentage error", "%"}, s.median_error_percent);
  field(v, {"coverage", "labels inside their interval"}, s.coverage);
  field(v, {"mean_width", "mean width of the intervals"}, s.mean_width);
  field(v, {"interval_score", "mean interval score"}, s.interval_score);
  field(v, {"in_range", "rows in range"}, s.in_range);
}

void describe(FieldVisitor& v, SplitScores& s) {
  field(v, {"split", "which rows"}, s.split);
  field(v, {"scores", "one per target"}, s.scores);
}

void describe(FieldVisitor& v, ModelInfo& info) {
  field(v, {"version", "version of the format", "", Key::required}, info.version, Range{2, 2});
  field(v, {"label_kind", "where labels come from"}, info.label_kind);
  field(v, {"label_tool", "what computed them"}, info.label_tool);
  field(v, {"level", "nominal coverage"}, info.level, RealRange{0.5, 0.999});
  std::string seed = std::to_string(info.seed);  // as text: 64 bits do not fit in a JSON number that every reader keeps exact
  field(v, {"seed", "seed of the training"}, seed);
  const auto parsed = std::from_chars(seed.data(), seed.data() + seed.size(), info.seed);
  if (parsed.ec != std::errc{} || parsed.ptr != seed.data() + seed.size()) {
    v.problem("seed", "found " + in_quotes(seed) + "; allowed: a whole number of at least 0, in quotes");
  }
  field(v, {"training_sha256", "hash of the training table"}, info.training_sha256);
  field(v, {"training_rows", "rows that networks learned from"}, info.training_rows, Range{0});
  field(v, {"calibration_rows", "rows that set the intervals"}, info.calibration_rows, Range{0});
  field(v, {"test_rows", "rows that only measured"}, info.test_rows, Range{0});
  field(v, {"group", "column that kept rows together"}, info.group);
  field(v, {"features", "inputs", "", Key::required}, info.features, Length{1, 10'000});
  field(v, {"targets", "outputs", "", Key::required}, info.targets, Length{1, 10'000});
  field(v, {"node_features", "inputs of each node"}, info.node_features, Length{0, 10'000});
  field(v, {"node_key", "column that says which row a node belongs to"}, info.node_key);
  field(v, {"heads", "learners, in the order of their weights"}, info.heads, Length{0, 10'000});
  field(v, {"metrics", "scores by split"}, info.metrics);
  field(v, {"notes", "what training has to say"}, info.notes);
}

namespace {

void describe_header(FieldVisitor& v, Header& h) {
  field(v, {"format", "what the file is", "", Key::required}, h.format, Choice{{"gnomon-surrogate"}});
  describe(v, h.info);
  field(v, {"weights", "float32 numbers after the header line", "", Key::required}, h.weights, Range{0, std::int64_t{1} << 40});
  field(v, {"sha256", "hash of everything else", "", Key::required}, h.sha256);
}

/// The parts of a header fit together: indices are inside, and every target has exactly one answer.
Expected<void> consistent(const ModelInfo& info, const std::string& file) {
  std::size_t inputs = 0;
  for (const auto* list : {&info.features, &info.node_features}) {
    for (const Feature& feature : *list) inputs += feature.categories.size() + 2;
  }
  if (inputs > 1'000'000) return invalid(file, "/features", "more than a million categories");
  std::vector<int> answers(info.targets.size(), 0);
  for (const Head& head : info.heads) {
    for (const std::int64_t target : head.targets) {
      if (target >= static_cast<std::int64_t>(info.targets.size())) return invalid(file, "/heads", "names target " + std::to_string(target) + " of " + std::to_string(info.targets.size()));
      if (info.targets[static_cast<std::size_t>(target)].family != head.family) return invalid(file, "/heads", "a target and its head are of different families");
      ++answers[static_cast<std::size_t>(target)];
    }
  }
  for (std::size_t t = 0; t < info.targets.size(); ++t) {
    const Target& target = info.targets[t];
    if (answers[t] != (target.family.empty() ? 0 : 1)) return invalid(file, "/heads", "target " + in_quotes(target.name) + " has " + std::to_string(answers[t]) + " heads");
    if (!sound(target.term, info.features.size())) return invalid(file, "/targets", "the term of " + in_quotes(target.name) + " does not fit the features");
  }
  return {};
}

}  // namespace

std::string Model::to_bytes() const {
  Header header;
  header.info = info_;
  std::vector<float> numbers;
  for (const auto& learner : learners_) learner->append_weights(numbers);
  header.weights = static_cast<std::int64_t>(numbers.size());
  const std::string blob(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float));
  Json json = write_described([&](FieldVisitor& v) { describe_header(v, header); });
  json.erase("sha256");
  // Text from a user's table may hold bytes that are not UTF-8; they are replaced rather than refused here.
  std::string head = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  head.pop_back();  // the closing brace comes after the hash
  return head + std::string(hash_key) + sha256(head + blob) + "\"}\n" + blob;
}

Expected<void> Model::save(const std::filesystem::path& path) const { return write_file(path, to_bytes()); }

Expected<Model> Model::from_bytes(const std::string& bytes, const std::string& file) {
  if (!bytes.starts_with(magic)) return invalid(file, "", "is not a surrogate model file (it does not begin with " + in_quotes(magic.substr(0, 28)) + ")");
  const std::size_t line_end = bytes.find('\n');
  const std::size_t tail = hash_key.size() + hash_digits + 2;
  if (line_end == std::string::npos || line_end < magic.size() + tail) return invalid(file, "", "is a truncated surrogate model file: its header line does not end");
  const std::size_t hash_at = line_end - tail;
  const auto document = Document::parse(std::string_view(bytes).substr(0, line_end), file);
  if (!document) return fail(Error(document.error()));
  Header header;
  // The version is looked at first: another version may have other keys.
  if (const auto at = document->root().find("version"); at != document->root().end() && at->is_number_integer() && *at != 2) {
    return fail(Error(ErrorKind::unsupported, Problem{file, "/version", "found version " + at->dump() + " of the model format; this gnomon reads version 2"}));
  }
  auto read = read_described(*document, [&](FieldVisitor& v) { describe_header(v, header); });
  if (!read) return fail(std::move(read.error()));
  const std::size_t expected = static_cast<std::size_t>(header.weights) * sizeof(float);
  const std::size_t present = bytes.size() - line_end - 1;
  if (present != expected) {
    return invalid(file, "", "is " + std::string(present < expected ? "truncated" : "too long") + ": " + std::to_string(present) +
                                 " bytes of weights after the header; it announces " + std::to_string(expected));
  }
  if (std::string_view(bytes).substr(hash_at, hash_key.size()) != hash_key) return invalid(file, "/sha256", "is not the last key of the header");
  if (sha256(bytes.substr(0, hash_at) + bytes.substr(line_end + 1)) != header.sha256) {
    return invalid(file, "/sha256", "does not fit the content: the file is damaged or was changed by hand");
  }

  if (auto fits = consistent(header.info, file); !fits) return fail(std::move(fits.error()));
  Model model;
  model.info_ = std::move(header.info);
  std::vector<float> numbers(static_cast<std::size_t>(header.weights));
  std::memcpy(numbers.data(), bytes.data() + line_end + 1, expected);
  std::span<const float> rest(numbers);
  for (const Head& head : model.info_.heads) {
    if (static_cast<std::uint64_t>(head.weights) > rest.size()) return invalid(file, "/weights", "the heads need more than the " + std::to_string(header.weights) + " announced");
    auto learner = make_learner(head.family, head.structure);
    if (!learner) return fail(std::move(learner.error()));
    int outputs = static_cast<int>(head.targets.size());
    for (const std::int64_t target : head.targets) outputs += model.info_.targets[static_cast<std::size_t>(target)].hurdle ? 1 : 0;
    const Learner::Shape shape{input_count(model.info_.features), input_count(model.info_.node_features), outputs};
    const auto count = static_cast<std::size_t>(head.weights);
    auto loaded = (*learner)->load(head.structure, rest.first(count), shape, file);
    if (!loaded) return fail(std::move(loaded.error()));
    rest = rest.subspan(count);
    model.learners_.push_back(std::move(*learner));
  }
  if (!rest.empty()) return invalid(file, "/weights", "found " + std::to_string(header.weights) + "; the heads need " + std::to_string(static_cast<std::size_t>(header.weights) - rest.size()));
  model.settle();
  return model;
}

Expected<Model> Model::load(const std::filesystem::path& path) {
  if (std::error_code code; !std::filesystem::exists(path, code)) {
    std::vector<std::string> names;
    for (const ShippedModel& shipped : shipped_models()) {
      if (path == shipped.name) return from_bytes(std::string(shipped.bytes), shipped.name);
      names.push_back(shipped.name);
    }
    if (!path.has_parent_path() && !path.has_extension()) return fail(ErrorKind::invalid_input, path.string() + ": no such file, and " + unknown_word("shipped model", path.string(), names));
  }
  const auto bytes = read_file(path);
  if (!bytes) return fail(Error(bytes.error()));
  return from_bytes(*bytes, path.string());
}

}  // namespace gnomon::surrogate
