#include "training/checkpoints.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"

namespace gnomon::surrogate {
namespace {

constexpr const char* format = "gnomon-training-piece";

template <class T>
void put_value(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
bool take_value(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

struct TermLists {
  std::vector<PhysicalTerm> terms;
  std::vector<std::int64_t> sizes;
};
void describe(FieldVisitor& v, TermLists& lists) {
  field(v, {"terms", "of all kinds, one kind after the other"}, lists.terms, Length{0, 1'000'000});
  field(v, {"sizes", "of each kind"}, lists.sizes, Length{0, 100}, Range{0, 1'000'000});
}

}  // namespace

Checkpoints::Checkpoints(std::filesystem::path folder, std::string training, std::function<void(const std::string&)> say)
    : folder_(std::move(folder)), training_(std::move(training)), say_(std::move(say)) {}

std::filesystem::path Checkpoints::file_of(const std::string& piece) const { return folder_ / (sha256(piece).substr(0, 32) + ".piece"); }

void Checkpoints::say(const std::string& what) {
  if (say_) say_(what);
}

std::optional<std::string> Checkpoints::find(const std::string& piece) {
  if (folder_.empty()) return std::nullopt;
  const std::filesystem::path path = file_of(piece);
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return std::nullopt;
  const auto bytes = read_file(path, std::size_t{4} << 30);
  const std::lock_guard lock(mutex_);
  const auto damaged = [&](const std::string& how) {
    say(path.string() + ": " + how + "; the piece " + in_quotes(piece) + " is learned anew");
    return std::nullopt;
  };
  if (!bytes) return damaged("cannot be read");
  const std::size_t line = bytes->find('\n');
  const Json head = line == bytes->npos ? Json() : Json::parse(bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(line), nullptr, false);
  const auto text = [&](const char* key) { return head.is_object() && head.contains(key) && head[key].is_string() ? head[key].get<std::string>() : std::string(); };
  if (text("format") != format) return damaged("is no piece of a training");
  if (text("training") != training_ || text("piece") != piece) {
    if (foreign_++ == 0) say(folder_.string() + ": has pieces of another training (other labels, options or version); they are not taken over");
    return std::nullopt;
  }
  std::string rest = bytes->substr(line + 1);
  if (text("sha256") != sha256(rest)) return damaged("is damaged");
  ++taken_;
  return rest;
}

void Checkpoints::put(const std::string& piece, const std::string& bytes) {
  if (folder_.empty() || cannot_write_) return;
  const Json head{{"format", format}, {"training", training_}, {"piece", piece}, {"sha256", sha256(bytes)}};
  std::error_code code;
  std::filesystem::create_directories(folder_, code);
  auto done = write_file(file_of(piece), head.dump() + "\n" + bytes);
  if (done) return;
  const std::lock_guard lock(mutex_);
  if (!cannot_write_) say(done.error().text() + "; this training cannot be taken up where it ends");
  cannot_write_ = true;
}

void Checkpoints::useless(const std::string& piece) {
  const std::lock_guard lock(mutex_);
  --taken_;
  say(file_of(piece).string() + ": does not fit; the piece " + in_quotes(piece) + " is learned anew");
}

bool Checkpoints::take(const std::string& name, std::span<float> numbers) {
  const auto bytes = find(name);
  if (!bytes) return false;
  if (bytes->size() != numbers.size_bytes()) {
    useless(name);
    return false;
  }
  std::memcpy(numbers.data(), bytes->data(), bytes->size());
  return true;
}

void Checkpoints::keep(const std::string& name, std::span<const float> numbers) { put(name, std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes())); }

void Checkpoints::finish() {
  if (taken_ > 0) say(folder_.string() + ": " + std::to_string(taken_) + " finished pieces of an earlier run were taken over");
}

std::string training_key(const arch::LabelTable& table, const TrainOptions& o) {
  const Json all{{"version", version()}, {"commit", commit()}, {"table", sha256(table.to_csv())}, {"nodes", o.nodes == nullptr ? "" : sha256(o.nodes->to_csv())}, {"node_key", o.node_key},
                 {"targets", o.targets}, {"features", o.features}, {"ignore", o.ignore}, {"categories", o.categories}, {"group", o.group}, {"label_kind", o.label_kind}, {"label_tool", o.label_tool}, {"hurdle", o.hurdle}, {"seed", std::to_string(o.seed)},
                 {"family", o.family}, {"term", o.term}, {"learner_options", o.learner_options}, {"folds", o.folds}, {"members", o.members}, {"hidden", o.hidden},
                 {"activation", o.activation}, {"max_epochs", o.max_epochs}, {"calibration_fraction", o.calibration_fraction}, {"test_fraction", o.test_fraction},
                 {"split", o.split}, {"level", o.level}};
  return sha256(all.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string answers_bytes(const std::vector<std::vector<HeldOut>>& answers) {
  std::string out;
  for (const auto& list : answers) {
    put_value(out, static_cast<std::uint64_t>(list.size()));
    for (const HeldOut& h : list) {
      put_value(out, static_cast<std::uint64_t>(h.row));
      for (const double value : {h.truth, h.answer.centre, h.answer.spread, h.answer.other, h.answer.farther}) put_value(out, value);
      put_value(out, static_cast<std::uint8_t>((h.answer.zero ? 1 : 0) | (h.inside ? 2 : 0)));
    }
  }
  return out;
}

std::optional<std::vector<std::vector<HeldOut>>> read_answers(const std::string& bytes, std::size_t targets) {
  std::string_view rest(bytes);
  std::vector<std::vector<HeldOut>> out(targets);
  for (auto& list : out) {
    std::uint64_t count = 0;
    if (!take_value(rest, count) || count > rest.size()) return std::nullopt;
    for (std::uint64_t i = 0; i < count; ++i) {
      HeldOut h;
      std::uint64_t row = 0;
      std::uint8_t flags = 0;
      bool fine = take_value(rest, row);
      for (double* value : {&h.truth, &h.answer.centre, &h.answer.spread, &h.answer.other, &h.answer.farther}) fine = fine && take_value(rest, *value);
      if (!fine || !take_value(rest, flags)) return std::nullopt;
      h.row = static_cast<std::size_t>(row);
      h.answer.zero = (flags & 1) != 0;
      h.inside = (flags & 2) != 0;
      list.push_back(h);
    }
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

std::string terms_bytes(const std::vector<std::vector<PhysicalTerm>>& terms) {
  TermLists lists;
  for (const auto& kind : terms) {
    lists.sizes.push_back(static_cast<std::int64_t>(kind.size()));
    lists.terms.insert(lists.terms.end(), kind.begin(), kind.end());
  }
  return write_fields(lists).dump();
}

std::optional<std::vector<std::vector<PhysicalTerm>>> read_terms(const std::string& bytes, std::size_t features) {
  const auto document = Document::parse(bytes, "piece");
  if (!document) return std::nullopt;
  const auto lists = read_fields<TermLists>(*document);
  if (!lists) return std::nullopt;
  std::vector<std::vector<PhysicalTerm>> out;
  std::size_t at = 0;
  for (const std::int64_t size : lists->sizes) {
    out.emplace_back();
    for (std::int64_t i = 0; i < size; ++i) {
      if (at == lists->terms.size() || !sound(lists->terms[at], features)) return std::nullopt;
      out.back().push_back(lists->terms[at++]);
    }
  }
  if (at != lists->terms.size()) return std::nullopt;
  return out;
}

}  // namespace gnomon::surrogate
