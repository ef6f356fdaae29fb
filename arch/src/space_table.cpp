#include "gnomon/arch/space_table.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

constexpr std::string_view magic = "gnomon space table 1\n";
constexpr std::size_t most_points = std::size_t{1} << 31, most_records = 50'000'000;

Json value_json(const Value& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

std::size_t box_bytes(const SpaceTable::Axis& axis) { return (axis.values.size() + 7) / 8; }

std::uint64_t all_of(const SpaceTable::Axis& axis) {
  return axis.values.size() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << axis.values.size()) - 1;
}

Error damaged(const std::string& file, const std::string& what) {
  return Error(ErrorKind::invalid_input, file + ": " + what + "; a space table is written by `gnomon dataset memory-space`");
}

}  // namespace

SpaceTable::SpaceTable(std::vector<Axis> axes, std::vector<Metric> metrics, std::string provenance)
    : axes_(std::move(axes)), metrics_(std::move(metrics)), provenance_(std::move(provenance)) {
  points_ = axes_.empty() ? 0 : 1;
  for (const Axis& axis : axes_) points_ *= axis.values.size();
}

void SpaceTable::add(std::span<const std::uint64_t> box, std::span<const double> values) {
  boxes_.insert(boxes_.end(), box.begin(), box.end());
  values_.insert(values_.end(), values.begin(), values.end());
}

void SpaceTable::index() {
  record_of_.assign(points_, no_record);
  std::vector<std::vector<std::size_t>> chosen(axes_.size());
  std::vector<std::size_t> at(axes_.size());
  for (std::size_t record = 0; record < records(); ++record) {
    // Every point of the box: an odometer over the axes' chosen values.
    bool empty = false;
    for (std::size_t a = 0; a < axes_.size(); ++a) {
      chosen[a].clear();
      for (std::uint64_t bits = box(record)[a]; bits != 0; bits &= bits - 1) chosen[a].push_back(static_cast<std::size_t>(std::countr_zero(bits)));
      empty = empty || chosen[a].empty();
    }
    if (empty) continue;
    std::fill(at.begin(), at.end(), 0);
    for (;;) {
      std::size_t point = 0;
      for (std::size_t a = 0; a < axes_.size(); ++a) point = point * axes_[a].values.size() + chosen[a][at[a]];
      if (record_of_[point] == no_record) record_of_[point] = static_cast<std::uint32_t>(record);
      std::size_t a = axes_.size();
      while (a > 0 && ++at[a - 1] == chosen[a - 1].size()) at[--a] = 0;
      if (a == 0) break;
    }
  }
}

std::size_t SpaceTable::missing() const { return static_cast<std::size_t>(std::count(record_of_.begin(), record_of_.end(), no_record)); }

std::uint32_t SpaceTable::record_of(std::span<const std::size_t> indices) const {
  std::size_t point = 0;
  for (std::size_t a = 0; a < axes_.size(); ++a) point = point * axes_[a].values.size() + indices[a];
  return record_of_[point];
}

std::vector<std::size_t> SpaceTable::front_of(const std::vector<std::size_t>& metrics, std::vector<std::size_t> candidates) const {
  const auto value = [&](std::size_t record, std::size_t m) { return values_[record * metrics_.size() + metrics[m]]; };
  const auto compare = [&](std::size_t a, std::size_t b) {
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      if (value(a, m) != value(b, m)) return value(a, m) < value(b, m);
    }
    return a < b;
  };
  // In ascending order nothing later dominates something earlier.
  std::sort(candidates.begin(), candidates.end(), compare);
  std::vector<std::size_t> front;
  for (const std::size_t candidate : candidates) {
    const bool beaten = std::any_of(front.begin(), front.end(), [&](std::size_t better) {
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        if (value(better, m) > value(candidate, m)) return false;
      }
      return true;
    });
    if (!beaten) front.push_back(candidate);
  }
  return front;
}

std::string SpaceTable::bytes() const {
  std::string raw;
  const std::size_t n = records();
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    for (std::size_t byte = 0; byte < box_bytes(axes_[a]); ++byte) {
      for (std::size_t r = 0; r < n; ++r) raw += static_cast<char>(boxes_[r * axes_.size() + a] >> (8 * byte) & 0xff);
    }
  }
  // Bytes of equal weight side by side: they resemble each other.
  for (std::size_t m = 0; m < metrics_.size(); ++m) {
    for (int byte = 0; byte < 8; ++byte) {
      for (std::size_t r = 0; r < n; ++r) raw += static_cast<char>(std::bit_cast<std::uint64_t>(values_[r * metrics_.size() + m]) >> (8 * byte) & 0xff);
    }
  }
  Json header{{"axes", Json::array()}, {"metrics", Json::array()}, {"records", n}, {"raw_bytes", raw.size()}, {"raw_sha256", sha256(raw)}};
  for (const Axis& axis : axes_) {
    Json values = Json::array();
    for (const Value& v : axis.values) values.push_back(value_json(v));
    header["axes"].push_back({{"name", axis.name}, {"values", std::move(values)}});
  }
  for (const Metric& metric : metrics_) header["metrics"].push_back({{"name", metric.name}, {"unit", metric.unit}});
  header["provenance"] = Json::parse(provenance_);
  uLongf packed_bytes = compressBound(raw.size());
  std::string packed(packed_bytes, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &packed_bytes, reinterpret_cast<const Bytef*>(raw.data()), raw.size(), 9);
  packed.resize(packed_bytes);
  return std::string(magic) + header.dump() + "\n" + packed;
}

Expected<SpaceTable> SpaceTable::parse(std::string_view bytes, const std::string& file) {
  if (!bytes.starts_with(magic)) return fail(damaged(file, "found no space table of this version"));
  const std::size_t begin = magic.size(), end = bytes.find('\n', begin);
  if (end == std::string_view::npos) return fail(damaged(file, "the header has no end"));
  auto document = Document::parse(std::string(bytes.substr(begin, end - begin)), file);
  if (!document) return fail(std::move(document.error()));
  SpaceTable table;
  std::size_t n = 0, raw_bytes = 0;
  std::string hash;
  try {
    const Json& header = document->root();
    std::vector<Axis> axes;
    double points = 1;
    for (const Json& a : header.at("axes")) {
      Axis axis{a.at("name").get<std::string>(), {}};
      for (const Json& v : a.at("values")) {
        if (v.is_boolean())
          axis.values.emplace_back(v.get<bool>());
        else if (v.is_number_integer())
          axis.values.emplace_back(v.get<std::int64_t>());
        else if (v.is_number())
          axis.values.emplace_back(v.get<double>());
        else
          axis.values.emplace_back(v.get<std::string>());
      }
      if (axis.values.empty() || axis.values.size() > 64) return fail(damaged(file, "axis " + in_quotes(axis.name) + " has " + std::to_string(axis.values.size()) + " values; allowed: 1 to 64"));
      points *= static_cast<double>(axis.values.size());
      axes.push_back(std::move(axis));
    }
    if (axes.empty() || axes.size() > 64 || points > static_cast<double>(most_points)) return fail(damaged(file, "the space has no axis, or more than 2^31 points"));
    std::vector<Metric> metrics;
    for (const Json& m : header.at("metrics")) metrics.push_back({m.at("name").get<std::string>(), m.at("unit").get<std::string>()});
    if (metrics.empty() || metrics.size() > 64) return fail(damaged(file, "found " + std::to_string(metrics.size()) + " metrics; allowed: 1 to 64"));
    n = header.at("records").get<std::size_t>();
    raw_bytes = header.at("raw_bytes").get<std::size_t>();
    hash = header.at("raw_sha256").get<std::string>();
    table = SpaceTable(std::move(axes), std::move(metrics), header.at("provenance").dump());
  } catch (const std::exception& error) {
    return fail(damaged(file, "the header cannot be read (" + std::string(error.what()) + ")"));
  }
  std::size_t record_bytes = 8 * table.metrics_.size();
  for (const Axis& axis : table.axes_) record_bytes += box_bytes(axis);
  if (n > most_records || raw_bytes != n * record_bytes) return fail(damaged(file, "the header's sizes do not fit together"));
  std::string raw(raw_bytes, '\0');
  uLongf got = raw.size();
  const std::string_view packed = bytes.substr(end + 1);
  if (uncompress(reinterpret_cast<Bytef*>(raw.data()), &got, reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK || got != raw.size() || sha256(raw) != hash) {
    return fail(damaged(file, "the records are damaged"));
  }
  const auto at = [&](std::size_t column, std::size_t r) { return static_cast<std::uint64_t>(static_cast<unsigned char>(raw[column * n + r])); };
  std::vector<std::uint64_t> box(table.axes_.size());
  std::vector<double> values(table.metrics_.size());
  for (std::size_t r = 0; r < n; ++r) {
    std::size_t column = 0;
    for (std::size_t a = 0; a < box.size(); ++a) {
      box[a] = 0;
      for (std::size_t byte = 0; byte < box_bytes(table.axes_[a]); ++byte) box[a] |= at(column++, r) << (8 * byte);
      if ((box[a] & ~all_of(table.axes_[a])) != 0) return fail(damaged(file, "a record names a value that its axis does not have"));
    }
    for (double& v : values) {
      std::uint64_t bits = 0;
      for (int byte = 0; byte < 8; ++byte) bits |= at(column++, r) << (8 * byte);
      v = std::bit_cast<double>(bits);
    }
    table.add(box, values);
  }
  return table;
}

Expected<SpaceTable> SpaceTable::load(const std::filesystem::path& path) {
  auto bytes = read_file(path, std::size_t{1} << 30);
  if (!bytes) return fail(std::move(bytes.error()));
  return parse(*bytes, path.string());
}

Expected<void> SpaceTable::save(const std::filesystem::path& path) const { return write_file(path, bytes()); }

}  // namespace gnomon::arch
