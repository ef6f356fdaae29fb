#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/arch/space.hpp"

namespace gnomon::arch {

/// The outcomes of every point of a discrete space, in little room: each record holds for a box, a set of values for each parameter.
///
/// A box says what simulation proved: a limit that was never met gives the same outcome for all looser values. The file is a line of
/// identification, a JSON header (parameters, metrics, provenance) and a zlib stream of the records, column by column.
class SpaceTable {
 public:
  /// At most 64 values.
  struct Axis {
    std::string name;
    std::vector<Value> values;
  };
  struct Metric {
    std::string name;
    std::string unit;
  };

  SpaceTable() = default;
  /// `provenance`: a JSON object as text, kept as it is.
  SpaceTable(std::vector<Axis> axes, std::vector<Metric> metrics, std::string provenance);

  /// `box`: for each axis the set of its values as bits; `values`: one for each metric. Boxes may overlap only where they agree: the first stands.
  void add(std::span<const std::uint64_t> box, std::span<const double> values);
  std::size_t records() const { return axes_.empty() ? 0 : boxes_.size() / axes_.size(); }
  std::span<const std::uint64_t> box(std::size_t record) const { return {&boxes_[record * axes_.size()], axes_.size()}; }
  std::span<const double> values(std::size_t record) const { return {&values_[record * metrics_.size()], metrics_.size()}; }

  const std::vector<Axis>& axes() const { return axes_; }
  const std::vector<Metric>& metrics() const { return metrics_; }
  const std::string& provenance() const { return provenance_; }
  /// Number of points of the space: the product of the axes' sizes, at most 2^31.
  std::size_t points() const { return points_; }
  /// Points that no record covers.
  std::size_t missing() const;
  /// Fills the index by which points find their records (4 bytes a point); `missing` and `record_of` need it, and after `add` need it anew.
  void index();
  /// The record of a point, given by its value's position on each axis; `no_record` where none covers it.
  static constexpr std::uint32_t no_record = 0xffffffff;
  std::uint32_t record_of(std::span<const std::size_t> indices) const;

  /// Records on the exact front (smaller is better) of some metrics among those that `feasible` allows, one for each distinct outcome, in ascending
  /// order of the first metric.
  template <class Feasible>
  std::vector<std::size_t> front(const std::vector<std::size_t>& metrics, Feasible feasible) const {
    std::vector<std::size_t> candidates;
    for (std::size_t r = 0; r < records(); ++r) {
      if (feasible(r)) candidates.push_back(r);
    }
    return front_of(metrics, std::move(candidates));
  }

  /// Errors: a file of another kind or version, a damaged one (the content's hash is in it), axes or metrics that make no table.
  static Expected<SpaceTable> parse(std::string_view bytes, const std::string& file);
  static Expected<SpaceTable> load(const std::filesystem::path& path);
  std::string bytes() const;
  Expected<void> save(const std::filesystem::path& path) const;

 private:
  std::vector<Axis> axes_;
  std::vector<Metric> metrics_;
  std::string provenance_ = "{}";
  std::size_t points_ = 0;
  std::vector<std::uint64_t> boxes_;
  std::vector<double> values_;
  std::vector<std::uint32_t> record_of_;  ///< by point, the last axis fastest

  std::vector<std::size_t> front_of(const std::vector<std::size_t>& metrics, std::vector<std::size_t> candidates) const;
};

}  // namespace gnomon::arch
