#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gnomon/search/campaign.hpp"
#include "gnomon/search/problems.hpp"

namespace gnomon::search {

/// A problem whose answers stand in a file, so that its best designs are known exactly: a space table (`gnomon dataset memory-space`), a CSV
/// with one header line, or the ICCAD 2022 contest table (15,633 rows of 33 numbers without a header).
///
/// A CSV's distinct values make the parameters (ordinal where numeric, else categorical; a column with one value is left out). A point that no
/// row has is answered by the nearest row (sum over parameters of the distance of places in the list, as a share of the list's length; 1 for
/// other words), the first of several, or fails.
class TableProblem {
 public:
  virtual ~TableProblem() = default;
  const ProblemInfo& info() const { return info_; }
  /// The metrics, in the order of `info().metrics`. `parameters_json`: an object.
  virtual Expected<std::vector<double>> evaluate(const std::string& parameters_json) const = 0;
  /// Of the rows that the campaign's space and rules can reach, by its own objectives and constraints. Unknown where the space is too
  /// large to be walked through and is not the table's own.
  virtual ProblemTruth truth(const Campaign& campaign) const = 0;

  /// `options_json`: {"name", "file" (absolute), "parameters", "missing"}. Tables are kept in memory while somebody uses them.
  static Expected<std::shared_ptr<const TableProblem>> open(const std::string& options_json);

 protected:
  ProblemInfo info_;
};

/// What a campaign's `problem` may say about a table.
struct TableSpec {
  std::string name, file, missing = "nearest";
  std::vector<std::string> parameters;
};
void describe(FieldVisitor& v, TableSpec& s);

}  // namespace gnomon::search
