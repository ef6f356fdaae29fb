#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/arch/dataflow.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "features/layouts.hpp"
#include "gnomon/surrogate/features.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;
using Column = LabelTable::Column;

constexpr std::array<const char*, arch::operand_count> operands{"ifmap", "filter", "ofmap"};

/// Memories of so few words are built of LUTs and registers.
constexpr double small_words = 64;

/// 36 Kib blocks of a memory with one read and one write port, in the narrowest of their shapes (AMD UG573; 18 Kib ones are half).
double blocks_of(double words, double bits) {
  struct Shape {
    double words, bits, blocks;
  };
  constexpr Shape shapes[] = {{32768, 1, 1}, {16384, 2, 1}, {8192, 4, 1}, {4096, 9, 1}, {2048, 18, 1}, {1024, 36, 1}, {512, 72, 1},
                              {16384, 1, .5}, {8192, 2, .5}, {4096, 4, .5}, {2048, 9, .5}, {1024, 18, .5}, {512, 36, .5}};
  double least = INFINITY;
  for (const Shape& shape : shapes) least = std::min(least, shape.blocks * std::ceil(words / shape.words) * std::ceil(bits / shape.bits));
  return least;
}

/// Whether the dataflow of that name keeps this operand in the PEs.
bool stays(const std::string& dataflow, arch::Operand operand) {
  const auto& all = arch::dataflows();
  return std::any_of(all.begin(), all.end(), [&](const arch::DataflowInfo& info) { return info.name == dataflow && info.stationary == operand; });
}
bool outputs_stay(const std::string& dataflow) { return stays(dataflow, arch::Operand::ofmap); }

/// What the units of a complete design come to (docs/rtl.md), counted by lanes and bits. Constants are those of the units for int8 with 20 address bits as
/// yosys gives them for xcup and for osu018, rounded: what a learner corrects, not what it replaces.
struct Reckoned {
  double lut = 0, ff = 0, dsp = 0, cell_ff = 0, cell_area_um2 = 0, fmax_mhz = 0;
};
struct Shape {
  double rows, cols, bits, sums, lanes, transfers, ifmap_lanes, filter_lanes;
  bool stay, overlap;
};

Reckoned reckon(const Shape& s) {
  const double pes = s.rows * s.cols, skew = s.bits * (s.rows * (s.rows - 1) + s.cols * (s.cols - 1)) / 2;
  const double joined = s.bits * (s.transfers + 2 * s.lanes + 1);
  // Registers of the PEs: operands on their way, sums (of the held dataflows only as wide as a column's is so far), and what waits where folds overlap. Nobody
  // takes what the last column, the last row and, of the held ones, the last sums hand on.
  double pe_ff = pes * (2 * s.bits + (s.overlap ? (s.stay ? s.sums : s.bits) : 0)) - s.rows * s.bits;
  if (s.stay) pe_ff += pes * s.sums - s.cols * s.bits;
  for (double row = 1; !s.stay && row < s.rows; ++row) pe_ff += s.cols * std::min(s.sums, 2 * s.bits + std::floor(std::log2(row)) + 1);
  const double result_ff = s.stay ? 70 : 70 * s.cols;
  const double control_ff = 150 + (s.stay ? 8 * s.cols : 20 * s.cols + 10 * s.rows);
  const double queue_bits = 4 * (567 + 506 + 692) + 8 * (177 + 273 + 92 + 110) + 64 * 78;
  // Products of more than four bits are DSP blocks'.
  const double pe_lut = s.stay ? 2 * s.sums + (2 * s.bits > 8 ? 0 : 6 * s.bits * s.bits) : 34;
  const double array_lut = s.stay ? 640 + 10 * s.rows + 35 * s.cols : 400 + (23 + 0.9 * s.bits) * pes;
  Reckoned out;
  out.lut = 1650 + joined + (360 + 690 * s.transfers) + (240 + 240 * s.ifmap_lanes) + (73 + 20 * s.filter_lanes) + (250 + (320 + 67 * s.sums) * s.cols) + (s.lanes > 0 ? 1000 + 1790 * s.lanes : 0) +
            array_lut + pe_lut * pes;
  out.ff = 116 + 414 + 345 + 53 + result_ff + 265 + control_ff + pe_ff;
  out.dsp = (2 * s.bits > 8 ? pes : 0) + 4 * s.lanes;  // a lane multiplies a sum by 24 bits for a mean
  out.cell_ff = out.ff - 90 + skew + queue_bits;
  out.cell_area_um2 = 33e3 + 64 * joined + (118e3 + 52e3 * s.transfers) + (87e3 + 29e3 * s.ifmap_lanes) + (22e3 + 2.6e3 * s.filter_lanes) + (22e3 + 1100 * s.sums * s.cols) +
                      (s.lanes > 0 ? 100e3 + 285e3 * s.lanes : 0) + 77e3 + 300 * skew + (s.stay ? 0 : 900 * pes) + pes * (1000 * std::pow(s.bits, 1.585) + 200 * s.sums) + 150 * pe_ff +
                      210 * queue_bits;
  // Paths go on from lane to lane.
  out.fmax_mhz = 1000 / std::max(11.6 + 2.5 * s.transfers, s.lanes > 0 ? 3 + 4.7 * s.lanes : 0);
  return out;
}

/// A column of a description; numbers but for the dataflow.
class Values {
 public:
  Values(const LabelTable& table, const std::string& name) : column_(*table.find(name)) {}
  double operator()(std::size_t row) const { return column_.numeric ? column_.numbers[row] : std::nan(""); }
  std::string word(std::size_t row) const { return column_.numeric ? number(column_.numbers[row]) : column_.words[row]; }

 private:
  const Column& column_;
};

}  // namespace

const std::vector<DesignFeature>& design_features() {
  static const std::vector<DesignFeature> list = [] {
    std::vector<DesignFeature> out{{"rows", "PEs", false}, {"cols", "PEs", false}, {"dataflow", "", false}, {"overlap", "", false}, {"precision_bits", "bits", false}, {"accumulator_bits", "bits", false}};
    for (const std::string operand : operands) {
      out.push_back({operand + "_kib", "KiB", false});
      out.push_back({operand + "_banks", "", false});
      out.push_back({operand + "_bytes_per_cycle", "B/cycle", false});
    }
    out.insert(out.end(), {{"lanes", "", false}, {"memory_bytes_per_cycle", "B/cycle", false}, {"memory_latency_cycles", "cycles", false}});
    out.insert(out.end(), {{"pes", "PEs", true}, {"products", "", true}, {"array_bits", "bits", true}, {"skew_bits", "bits", true}, {"result_bits", "bits", true}, {"stream_bits", "bits", true},
                           {"transfer_lanes", "", true}, {"vector_bits", "bits", true}, {"block_rams", "BRAMs", true}, {"small_bank_bits", "bits", true}, {"ifmap_lanes", "", true}, {"filter_lanes", "", true},
                           {"product_bits", "bits", true}, {"joined_bits", "bits", true}, {"analytical_lut", "LUTs", true}, {"analytical_ff", "flip-flops", true}, {"analytical_dsp", "DSPs", true},
                           {"analytical_cell_ff", "flip-flops", true}, {"analytical_cell_area_um2", "um2", true}, {"analytical_fmax_mhz", "MHz", true}});
    return out;
  }();
  return list;
}

bool is_design_table(const LabelTable& table) {
  return std::all_of(design_features().begin(), design_features().end(), [&](const DesignFeature& feature) { return feature.derived || table.find(feature.name); });
}

LabelTable with_design_features(LabelTable table) {
  struct Level {
    Values kib, banks, rate;
  };
  std::vector<Level> levels;
  for (const std::string operand : operands) levels.push_back({{table, operand + "_kib"}, {table, operand + "_banks"}, {table, operand + "_bytes_per_cycle"}});
  const Values all_rows(table, "rows"), all_cols(table, "cols"), all_bits(table, "precision_bits"), all_sums(table, "accumulator_bits"), all_overlaps(table, "overlap"), all_lanes(table, "lanes"),
      all_flows(table, "dataflow"), all_memories(table, "memory_bytes_per_cycle");
  std::vector<Column> derived;
  derived.reserve(design_features().size());
  for (const DesignFeature& feature : design_features())
    if (feature.derived) derived.push_back({feature.name, feature.unit, true, std::vector<double>(table.rows()), {}});
  for (std::size_t r = 0; r < table.rows(); ++r) {
    const double rows = all_rows(r), cols = all_cols(r), bits = all_bits(r), sums = all_sums(r), overlap = all_overlaps(r), lanes = all_lanes(r);
    const std::string flow = all_flows.word(r);
    // A PE's registers: both operands and the sum, and what waits beside them where folds overlap (a sum where it stays, else an operand).
    const double registers = 2 * bits + sums + (overlap > 0 ? (outputs_stay(flow) ? sums : bits) : 0);
    double transfers = 0, blocks = 0, small = 0;
    for (const Level& level : levels) {
      const double bytes = level.kib(r) * 1024, banks = level.banks(r), rate = level.rate(r);
      transfers = std::max(transfers, std::min(rate, all_memories(r)) * 8 / bits);
      const double word = std::max(1.0, std::floor(rate / banks));
      const double words = std::ceil(bytes / (banks * word));
      (words > small_words ? blocks : small) += banks * (words > small_words ? blocks_of(words, 8 * word) : 8 * word);
    }
    const bool held_rows = stays(flow, arch::Operand::ifmap);
    const double ifmap_lanes = held_rows ? cols : rows, filter_lanes = held_rows ? rows : cols;
    const Reckoned reckoned = reckon({rows, cols, bits, sums, lanes, transfers, ifmap_lanes, filter_lanes, outputs_stay(flow), overlap > 0});
    const double small_luts = 0.6 * small;  // a bank of 64 words: two words of 32 to a LUT and what joins them
    // Products of up to eight bits are built of LUTs.
    const double values[] = {rows * cols, 2 * bits > 8 ? rows * cols : 0, rows * cols * registers, bits * (rows * (rows - 1) + cols * (cols - 1)) / 2, cols * sums, (rows + cols) * bits, transfers,
                             lanes * bits, blocks, small, ifmap_lanes, filter_lanes, rows * cols * bits * bits, bits * (transfers + 2 * lanes + 1), reckoned.lut + small_luts, reckoned.ff + small, reckoned.dsp, reckoned.cell_ff,
                             reckoned.cell_area_um2, reckoned.fmax_mhz};
    for (std::size_t d = 0; d < derived.size(); ++d) derived[d].numbers[r] = values[d];
  }
  for (Column& column : derived)
    if (!table.find(column.name)) table.add(std::move(column));
  return table;
}

Expected<LabelTable> design_table(const std::vector<arch::Design>& designs) {
  std::vector<Column> columns;
  columns.reserve(design_features().size());
  for (const DesignFeature& feature : design_features())
    if (!feature.derived) columns.push_back({feature.name, feature.unit, feature.name != "dataflow", {}, {}});
  for (const arch::Design& design : designs) {
    const auto refuse = [&](const std::string& field, const std::string& what) {
      return fail(ErrorKind::unsupported, "resources of the complete design " + in_quotes(design.name) + ": " + field + ": " + what);
    };
    if (design.cores.size() != 1) return refuse("/cores", std::to_string(design.cores.size()) + " cores; one is supported");
    if (!design.shared.empty()) return refuse("/shared", "shared levels are not supported");
    if (design.memory.kind != arch::MemoryKind::ideal) return refuse("/memory/type", in_quotes(design.memory.type) + "; only \"ideal\" is supported");
    const arch::Core& core = design.cores[0];
    if (core.array.timing != arch::Timing::rtl) return refuse("/cores/0/array/timing", "only \"rtl\" is supported");
    if (core.array.precision.floating) return refuse("/cores/0/array/precision", in_quotes(core.array.precision.name) + "; only integers are supported");
    std::array<const arch::Level*, arch::operand_count> of{};
    for (const arch::Level& level : core.levels)
      for (std::size_t o = 0; o < arch::operand_count; ++o) {
        if (!level.holds[o]) continue;
        const bool alone = std::count(std::begin(level.holds), std::end(level.holds), true) == 1;
        if (!alone || of[o] != nullptr) return refuse("/cores/0/levels", "one level for each operand is supported, and " + in_quotes(level.name) + " is not that");
        of[o] = &level;
      }
    const arch::Array& array = core.array;
    std::vector<double> numbers{static_cast<double>(array.rows), static_cast<double>(array.cols), 0, array.overlap ? 1.0 : 0.0, static_cast<double>(array.precision.bits),
                                static_cast<double>(array.accumulator_bits)};
    for (const arch::Level* level : of)
      numbers.insert(numbers.end(), {static_cast<double>(level->bytes) / 1024, static_cast<double>(level->banks), static_cast<double>(level->bytes_per_cycle)});
    numbers.insert(numbers.end(), {static_cast<double>(core.vector_lanes), static_cast<double>(std::min(design.memory.bytes_per_cycle, design.bus_bytes_per_cycle)),
                                   static_cast<double>(design.memory.latency_cycles)});
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].numeric) columns[c].numbers.push_back(numbers[c]);
      else columns[c].words.push_back(arch::info(array.dataflow).name);
    }
  }
  LabelTable out;
  out.reserve(design_features().size());
  for (Column& column : columns) out.add(std::move(column));
  return out;
}

bool takes_complete_designs(const Model& model) { return layout_of(model.info().features) == Layout::designs; }

bool holds_designs(const std::string& json) {
  const Json document = Json::parse(json, nullptr, false, true);
  const Json* first = document.is_array() && !document.empty() ? &document[0] : &document;
  return first->is_object() && first->contains("cores");
}

Expected<LabelTable> read_design_table(const std::string& json, const std::string& file) {
  auto documents = Document::parse_list(json, file);
  if (!documents) return fail(std::move(documents.error()));
  std::vector<arch::Design> designs;
  for (const Document& document : *documents) {
    auto design = arch::parse_design(document, {}, arch::ResolvedText::left_empty);
    if (!design) return fail(std::move(design.error()));
    designs.push_back(std::move(*design));
  }
  auto table = design_table(designs);
  if (!table) return table;
  return with_design_features(std::move(*table));
}

}  // namespace gnomon::surrogate
