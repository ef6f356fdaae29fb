#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

/// A module to be synthesised; modules that its text marks as black boxes are counted by the caller.
struct SynthJob {
  std::string module;
  std::string text;
  bool flatten = true;
  /// For osu018: a part of a complete design's control. Black boxes, the modules whose names contain `apart`, and memories of more words than a queue has
  /// (their bits are counted) are left out, and what led to them are ports, so that timing sees paths that begin or end there.
  bool unit = false;
  std::string apart;
  /// For FPGAs: tables one behind the other that a path may have, where something else in the same netlist has as many; what is not on the longest path is
  /// mapped for area up to there. 0: as deep as it is.
  std::int64_t depth = 0;
};

struct SynthRun {
  SynthFigures figures;
  std::filesystem::path netlist;  ///< mapped Verilog
  std::string module;             ///< its top
  /// Where figures are reckoned from narrower blocks: these.
  struct Narrower {
    double weight;
    std::filesystem::path netlist;
    std::string module;
  };
  std::vector<Narrower> narrower;
  bool from_cache = false;
};

/// `Yosys 0.23`, or an error that names the package.
Expected<std::string> yosys_version();
Expected<SynthRun> run_yosys(const SynthJob& job, const std::string& target, const std::filesystem::path& cache);

/// Tables one behind the other between registers, ports, carries and hard blocks, on the longest path of a netlist that was mapped for an FPGA.
Expected<std::int64_t> mapped_depth(const std::filesystem::path& netlist);

/// Figures of a small block alone, which are not kept. A process for each: what else a process has synthesised moves abc's result by some percent.
/// `memories`: its text may become memories; where it does all the same, that is an error.
Expected<SynthFigures> run_yosys_block(const SynthJob& job, bool memories, const std::string& target, const std::filesystem::path& cache);

struct TimingRun {
  std::optional<double> fmax_mhz, path_ns, power_mw;
  std::string tool;  ///< empty: not available, and why
  std::string note;
};
/// OpenSTA on mapped netlists (osu018), which stand in the cache; kept there as well. Paths begin and end at flip-flops and ports.
Expected<TimingRun> run_sta(const std::vector<std::filesystem::path>& netlists, const std::string& top,
                            const std::filesystem::path& cache);
/// nextpnr on ice40: the module behind shift registers, on the smallest part that holds it.
Expected<TimingRun> run_nextpnr(const Rtl& rtl, const SynthFigures& figures, const std::filesystem::path& cache);

}  // namespace gnomon::hls
