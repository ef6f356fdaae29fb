#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Names of the targets: `xcup` (UltraScale+), `xc7` (7 series), `ice40`, `osu018` (the OSU 0.18 um library).
const std::vector<std::string>& synth_targets();

/// The library of standard cells of `osu018`, or an error that names the package.
Expected<std::filesystem::path> osu018_liberty();

struct SynthOptions {
  std::string target = "xcup";
  /// One flat run over a whole array, or with `complete` over all but the banks of the levels (FPGAs), instead of PE and control composed; only what is
  /// small (see the caps in the errors).
  bool flat = false;
  /// With the control of the complete design: transfers, address generators, sequencer, requantisation, vector unit (minutes the first time).
  bool complete = false;
  /// Place and route (ice40, where it fits) or static timing (osu018), for fmax; neither exists for xcup and xc7.
  bool timing = true;
  int jobs = 2;  ///< blocks synthesised at a time
  /// Where figures and netlists of blocks are kept; empty: the compile cache's folder.
  std::filesystem::path cache;
};

/// What a synthesis run gives. A figure that a target does not have is absent: LUTs of a standard-cell library, area of an FPGA.
struct SynthFigures {
  std::optional<double> lut, ff, dsp, bram, area_um2;
  double memory_bits = 0;  ///< of memories that the target has no cells for (osu018, control of complete designs); not in the area
  std::int64_t cell_count = 0;
};

struct SynthBlock {
  std::string name;
  std::string module;
  std::int64_t count = 1;  ///< instances in the whole
  SynthFigures each;
  bool from_cache = false;
};

struct SynthResult {
  std::string target;
  std::string mode;  ///< `flat` or `composed`
  bool complete = false;
  std::string tool;
  SynthFigures total;
  std::optional<double> fmax_mhz, path_ns, power_mw;
  std::string timing_tool;           ///< empty where fmax is unknown
  std::string slowest;               ///< the block that has the path; empty where fmax is unknown
  std::int64_t sram_bits = 0;        ///< memories that the target has no cells for (osu018); not in the area
  std::vector<SynthBlock> blocks;
  std::vector<std::string> notes;
  double seconds = 0;
};

/// Resources of a design's cores by yosys: the array (control, skew lines, PEs), the banks of its levels and of the shared ones, and
/// the lanes of the vector unit; with `complete` also what the complete RTL (emit_design) has besides, its vector unit in place of the lanes, units of
/// more than four lanes reckoned from two and four. Not in it: interconnect, the routing between lanes and banks; without `complete` address generators,
/// tile sequencer and DMA.
///
/// `composed`: every distinct block is synthesised once (cached by its text, the target and yosys' version) and counted; nothing is
/// optimised across blocks. LUT: LUT cells, distributed RAM and shift registers by the LUTs they take; DSP: DSP48 or MAC16 cells;
/// BRAM: 36 Kib blocks (an 18 Kib one is half; ice40: 4 Kib ones). Timing (osu018): OpenSTA on the composed netlist of the array.
/// Errors: unsupported (unknown target, arrays without RTL, sizes beyond the caps, tools that are not installed with their package),
/// run_failed (tools).
Expected<SynthResult> synthesise(const arch::Design& design, const SynthOptions& options);

/// Brings the figures of all blocks of these designs into the cache, each distinct one synthesised once, `options.jobs` at a time; errors as above.
Expected<void> synthesise_blocks(const std::vector<arch::Design>& designs, const SynthOptions& options);

/// One module with all that it contains, flat. Too long a text or too many bits of memory (size, never time, decides) are unsupported.
Expected<SynthResult> synthesise(const Rtl& rtl, const SynthOptions& options);

/// The fields of design.md section 4 for `synth`.
Json synth_document(const SynthResult& result);

/// A synchronous memory of one read and one write port, as the banks of a level are.
Rtl emit_bank(std::int64_t words, std::int64_t word_bits);

/// A lane of the vector unit: every cycle with `en`, y of the cycle before is replaced by one of: requantise (a shifted right by `shift`
/// with round half to even, saturated), the same of max(a, 0), the saturated a + b (b of `precision_bits`), max(a, b) (pooling).
Rtl emit_vector_lane(int precision_bits, int accumulator_bits);

}  // namespace gnomon::hls
