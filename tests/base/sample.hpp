#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/fields.hpp"

/// A struct with one field of every kind that field tables know.
namespace sample {

struct Level {
  std::string name;
  double kib = 0;
  std::int64_t banks = 1;
  bool operator==(const Level&) const = default;
};
inline void describe(gnomon::FieldVisitor& v, Level& level) {
  field(v, {"name", "how others call it", "", gnomon::Key::required}, level.name);
  field(v, {"kib", "capacity", "KiB", gnomon::Key::required}, level.kib, gnomon::RealRange{0, 1048576, true});
  field(v, {"banks", "banks"}, level.banks, gnomon::Range{1, 1024});
}

struct Box {
  std::int64_t rows = 8;
  int small = 0;
  std::int64_t anything = 0;
  double clock_mhz = 100;
  bool overlap = false;
  std::string dataflow = "ws";
  std::string title;
  std::optional<std::int64_t> lanes;
  std::optional<Level> extra;
  std::vector<Level> levels;
  std::vector<std::int64_t> sizes;
  std::map<std::string, double> weights;
  Level main{"m", 1, 1};
  bool operator==(const Box&) const = default;
};
inline void describe(gnomon::FieldVisitor& v, Box& box) {
  using namespace gnomon;
  field(v, {"rows", "PE rows", "PEs", Key::required}, box.rows, Range{1, 1024});
  field(v, {"small", "a narrow number"}, box.small);
  field(v, {"anything", "any whole number"}, box.anything);
  field(v, {"clock_mhz", "array clock", "MHz"}, box.clock_mhz, RealRange{0, 10000, true});
  field(v, {"overlap", "folds overlap"}, box.overlap);
  field(v, {"dataflow", "what stays in the PEs"}, box.dataflow, Choice{{"os", "ws", "is"}});
  field(v, {"title", "free text"}, box.title);
  field(v, {"lanes", "vector lanes"}, box.lanes, Range{1, 512});
  field(v, {"extra", "one more level"}, box.extra);
  field(v, {"levels", "scratchpads"}, box.levels);
  field(v, {"sizes", "tile sizes"}, box.sizes, Length{0, 4}, Range{1, 100});
  field(v, {"weights", "by name"}, box.weights, RealRange{0, 1});
  field(v, {"main", "main level"}, box.main);
  if (box.rows == 13) v.problem("rows", "13 brings bad luck; take another");
}

}  // namespace sample
