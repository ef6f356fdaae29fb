#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/model.hpp"

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
  field(v, {"low", "smallest training label"}, t.low);
  field(v, {"high", "largest training label"}, t.high);
  field(v, {"mean", "mean of the scaled labels"}, t.mean);
  field(v, {"deviation", "standard deviation of the scaled labels"}, t.deviation, RealRange{0, 1e300, true});
  field(v, {"quantile", "conformal quantile"}, t.quantile, RealRange{0, 1e300});
  field(v, {"spread_floor", "added to the ensemble's spread"}, t.spread_floor, RealRange{0, 1e300});
  field(v, {"spread_limit", "spread beyond which a row is out of range"}, t.spread_limit, RealRange{0, 1e300});
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
  field(v, {"version", "version of the format", "", Key::required}, info.version, Range{1, 1});
  field(v, {"label_kind", "where labels come from"}, info.label_kind);
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
  field(v, {"hidden", "widths of hidden layers", "", Key::required}, info.hidden, Length{1, 8}, Range{1, 4096});
  field(v, {"activation", "activation of hidden layers", "", Key::required}, info.activation, Choice{{"linear", "tanh", "relu", "silu"}});
  field(v, {"members", "networks", "", Key::required}, info.members, Range{1, 1000});
  field(v, {"metrics", "scores by split"}, info.metrics);
  field(v, {"notes", "what training has to say"}, info.notes);
}

namespace {

void describe_header(FieldVisitor& v, Header& h) {
  field(v, {"format", "what the file is", "", Key::required}, h.format, Choice{{"gnomon-surrogate"}});
  describe(v, h.info);
  field(v, {"weights", "float32 numbers after the header line", "", Key::required}, h.weights, Range{1, std::int64_t{1} << 40});
  field(v, {"sha256", "hash of everything else", "", Key::required}, h.sha256);
}

std::vector<int> widths_of(const ModelInfo& info) {
  std::vector<int> widths{input_count(info.features)};
  for (const std::int64_t width : info.hidden) widths.push_back(static_cast<int>(width));
  widths.push_back(static_cast<int>(info.targets.size()));
  return widths;
}

}  // namespace

std::string Model::to_bytes() const {
  Header header;
  header.info = info_;
  std::string blob;
  const auto put = [&](const Mlp<float>& net) {
    const auto* bytes = reinterpret_cast<const char*>(net.parameters().data());
    blob.append(bytes, static_cast<std::size_t>(net.parameters().size()) * sizeof(float));
    header.weights += net.parameters().size();
  };
  put(base_);
  for (const Mlp<float>& member : members_) put(member);
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
  if (const auto at = document->root().find("version"); at != document->root().end() && at->is_number_integer() && *at != 1) {
    return fail(Error(ErrorKind::unsupported, Problem{file, "/version", "found version " + at->dump() + " of the model format; this gnomon reads version 1"}));
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

  Model model;
  model.info_ = std::move(header.info);
  std::size_t inputs = 0;
  for (const Feature& feature : model.info_.features) inputs += feature.categories.size() + 2;
  if (inputs > 1'000'000) return invalid(file, "/features", "more than a million categories");
  const std::vector<int> widths = widths_of(model.info_);
  const std::vector<int> linear{widths.front(), widths.back()};
  const Eigen::Index each = Mlp<float>::parameter_count(widths), first = Mlp<float>::parameter_count(linear);
  if (header.weights != first + each * model.info_.members) {
    return invalid(file, "/weights", "found " + std::to_string(header.weights) + "; the widths need " + std::to_string(first + each * model.info_.members));
  }
  Activation activation = Activation::silu;
  parse_activation(model.info_.activation, activation);
  const char* at = bytes.data() + line_end + 1;
  const auto take = [&](Mlp<float>& net) {
    const std::size_t count = static_cast<std::size_t>(net.parameters().size()) * sizeof(float);
    std::memcpy(net.parameters().data(), at, count);
    at += count;
    return net.parameters().allFinite();
  };
  model.base_ = Mlp<float>(linear, Activation::linear, 0);
  bool finite = take(model.base_);
  for (std::int64_t m = 0; m < model.info_.members; ++m) {
    model.members_.emplace_back(widths, activation, 0);
    finite = take(model.members_.back()) && finite;
  }
  if (!finite) return invalid(file, "", "holds weights that are not finite");
  return model;
}

Expected<Model> Model::load(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  if (!bytes) return fail(Error(bytes.error()));
  return from_bytes(*bytes, path.string());
}

}  // namespace gnomon::surrogate
