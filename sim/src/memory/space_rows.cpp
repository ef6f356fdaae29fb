#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/memory_space.hpp"

namespace gnomon::sim {
namespace {

using arch::LabelTable;
using arch::SpaceTable;

double as_number(const arch::Value& value) {
  return std::visit(
      [](const auto& v) -> double {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(v)>>) return static_cast<double>(v);
        return std::numeric_limits<double>::quiet_NaN();
      },
      value);
}

/// The axis called `controller.NAME`, or the number of axes.
std::size_t axis_of(const SpaceTable& table, const std::string& name) {
  std::size_t at = 0;
  while (at < table.axes().size() && table.axes()[at].name != "controller." + name) ++at;
  return at;
}

/// Of a table's provenance.
struct Origin {
  std::string device, device_sha256, trace, trace_sha256, version;
  std::int64_t requests = 0, tck_ps = 0, simulations = 0;
};
void describe(FieldVisitor& v, Origin& o) {
  field(v, {"device", "device or memory file", {}, Key::required}, o.device);
  field(v, {"requests", "of the trace", {}, Key::required}, o.requests, Range{1, std::int64_t{1} << 40});
  field(v, {"tCK_ps", "memory clock", {}, Key::required}, o.tck_ps, Range{1, 1'000'000});
  field(v, {"device_sha256", "of the memory file"}, o.device_sha256);
  field(v, {"trace", "the trace"}, o.trace);
  field(v, {"trace_sha256", "of its requests"}, o.trace_sha256);
  field(v, {"simulations", "runs behind the table"}, o.simulations);
  field(v, {"version", "of gnomon"}, o.version);
}

}  // namespace

Expected<arch::LabelTable> memory_space_rows(const SpaceTable& table, std::int64_t count, std::uint64_t seed) {
  auto provenance = Document::parse(table.provenance(), "table");
  if (!provenance) return fail(std::move(provenance.error()));
  auto origin = read_fields<Origin>(*provenance);
  if (!origin) return fail(std::move(origin.error()));
  auto device = arch::load_dram_spec(origin->device);
  if (!device) return fail(std::move(device.error()));
  const std::int64_t requests = origin->requests;
  std::vector<Problem> problems;
  for (const SpaceTable::Axis& axis : memory_space_axes()) {
    if (axis_of(table, axis.name.substr(axis.name.find('.') + 1)) == table.axes().size()) problems.push_back({"table", "", "has no parameter " + in_quotes(axis.name)});
  }
  if (table.metrics().size() < 4) problems.push_back({"table", "", "has not the four metrics of `gnomon dataset memory-space`"});
  const auto points = static_cast<std::int64_t>(table.points());
  if (count < 1 || count > points) problems.push_back({"", "count", "found " + std::to_string(count) + "; allowed: 1 to " + std::to_string(points)});
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));

  // Distinct points, in the order of their numbers (Floyd's sample: Bentley and Floyd, CACM 30(9), 1987).
  Random random(derive(seed, "memory space rows"));
  std::set<std::int64_t> chosen;
  for (std::int64_t j = points - count; j < points; ++j) {
    const std::int64_t at = random.integer(0, j);
    if (!chosen.insert(at).second) chosen.insert(j);
  }

  std::vector<LabelTable::Column> columns;
  for (const SpaceTable::Axis& axis : table.axes()) {
    LabelTable::Column column;
    column.name = axis.name.substr(axis.name.find('.') + 1);
    column.numeric = std::all_of(axis.values.begin(), axis.values.end(), [](const arch::Value& v) { return std::isfinite(as_number(v)); });
    columns.push_back(std::move(column));
  }
  const std::size_t parameters = columns.size();
  for (const char* name : {"entries", "entries_per_bank", "in_flight", "owed_refreshes", "early_refreshes"}) columns.push_back({name, "", true, {}, {}});
  columns.push_back({"total_time_us", "us", true, {}, {}});
  columns.push_back({"energy_uj", "uJ", true, {}, {}});
  columns.push_back({"power_mw", "mW", true, {}, {}});
  columns.push_back({"read_latency_cycles", "cycles", true, {}, {}});
  columns.push_back({"refresh_missing", "commands", true, {}, {}});

  const std::size_t buffer = axis_of(table, "buffer"), size = axis_of(table, "request_buffer_size"), refresh = axis_of(table, "refresh"),
                    postponed = axis_of(table, "refresh_max_postponed"), pulled = axis_of(table, "refresh_max_pulled_in"), arbiter = axis_of(table, "arbiter"),
                    active = axis_of(table, "max_active_transactions");
  const double banks = static_cast<double>(std::max<std::int64_t>(1, device->bank_groups) * std::max<std::int64_t>(1, device->banks_per_group) * std::max<std::int64_t>(1, device->ranks));
  const double tck_us = static_cast<double>(origin->tck_ps) * 1e-6;
  std::vector<std::size_t> indices(table.axes().size());
  for (const std::int64_t point : chosen) {
    std::int64_t rest = point;
    for (std::size_t a = indices.size(); a-- > 0;) {
      const auto extent = static_cast<std::int64_t>(table.axes()[a].values.size());
      indices[a] = static_cast<std::size_t>(rest % extent);
      rest /= extent;
    }
    const std::uint32_t record = table.record_of(indices);
    if (record == SpaceTable::no_record) continue;
    const auto value = [&](std::size_t axis) -> const arch::Value& { return table.axes()[axis].values[indices[axis]]; };
    const auto word = [&](std::size_t axis) { return arch::to_text(value(axis)); };
    for (std::size_t a = 0; a < parameters; ++a) {
      if (columns[a].numeric) columns[a].numbers.push_back(as_number(value(a)));
      else columns[a].words.push_back(word(a));
    }
    // What the parameters come to: a readwrite buffer has eight entries of each kind at least, the simple arbiter no limit, no refresh no debts.
    const double entries = word(buffer) == "bankwise" ? as_number(value(size)) * banks : word(buffer) == "readwrite" ? std::max(8.0, as_number(value(size))) : as_number(value(size));
    const bool refreshes = word(refresh) != "none";
    const double limit = word(arbiter) == "simple" ? static_cast<double>(requests) : as_number(value(active));
    const auto v = table.values(record);
    const double time_us = v[0] * tck_us;
    const double numbers[] = {entries, entries / banks, std::min(entries, limit), refreshes ? as_number(value(postponed)) : 0, refreshes ? as_number(value(pulled)) : 0,
                              time_us, v[1] * 1e-6, time_us > 0 ? v[1] / time_us * 1e-3 : 0, v[2] / static_cast<double>(requests), v[3]};
    for (std::size_t i = 0; i < std::size(numbers); ++i) columns[parameters + i].numbers.push_back(numbers[i]);
  }
  LabelTable out;
  for (LabelTable::Column& column : columns) out.add(std::move(column));
  return out;
}

}  // namespace gnomon::sim
