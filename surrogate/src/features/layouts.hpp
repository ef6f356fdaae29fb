#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Tables whose columns' meaning is known (import.hpp; operators: features.hpp).
enum class Layout { none, hls4ml, hlsyn, networks, designs, operators };

/// What a column of a known layout may hold.
struct ColumnRule {
  std::string unit;
  double least = 0;    ///< smallest value allowed
  bool above = false;  ///< `least` itself is not allowed
  bool whole = false;
  bool label = false;

  bool allows(double value) const;  ///< a missing value is not asked about
  std::string due() const;          ///< `a whole number of at least 1 is due`
};

/// The layout whose identifying columns, or whose features, are there.
Layout layout_of(const std::function<bool(const std::string&)>& has);
Layout layout_of(const arch::LabelTable& table);
Layout layout_of(const std::vector<Feature>& features);
/// Null for columns that the layout does not know.
const ColumnRule* rule_of(Layout layout, const std::string& column);

/// The unit that a name ends with (`_kib`, `_bytes_per_cycle`, `_cycles`, `_pj`, `_mhz`, ...); empty where it ends with none.
std::string unit_of_name(const std::string& name);
/// Whether two spellings are of one unit (`bit` and `bits`).
bool same_unit(const std::string& a, const std::string& b);
/// The message where a stated unit is not the one of the model's column; empty where it fits or none is stated.
std::string wrong_unit(const std::string& stated, const std::string& of_model);
/// Whether a column holds an amount, which is never negative: its unit is one of amounts (B, bits, cycles, ...), and its name does not say that it is a difference.
bool holds_amounts(const std::string& name, const std::string& unit);

/// Checks the columns that a layout knows, values and units; `skip` says which to leave out.
void check_layout(const arch::LabelTable& table, Layout layout, const std::function<bool(const std::string&)>& skip, std::vector<Problem>& problems);
/// The layout's units where a column states none.
void fill_units(arch::LabelTable& table, Layout layout);

}  // namespace gnomon::surrogate
