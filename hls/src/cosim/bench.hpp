#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Cycles before and behind a mismatch that its waves show.
constexpr std::int64_t mismatch_margin_cycles = 64;

/// What a run leaves for people: recorded ports with a testbench, waves, and the waves around a mismatch. Which of them, and where, the options say.
struct Bench {
  std::filesystem::path folder;  ///< of vectors.hex, dut.sv and tb.sv; empty: ports are not recorded
  std::filesystem::path trace;   ///< FST file, or empty
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62;
  std::filesystem::path mismatch_trace;  ///< FST file for a second run where the first was wrong, or empty
  std::int64_t record_cycles = 0;
  bool icarus = false;
  std::optional<TemporaryFolder> scratch;

  std::string record() const { return folder.empty() ? std::string() : (folder / "vectors.hex").string(); }
  /// After the run: writes RTL and testbench beside the vectors, and replays them in Icarus Verilog where that was asked for.
  Expected<std::optional<CosimReplay>> finish(const Rtl& rtl) const;
};

/// `name`: of the folder inside `options.artifacts`; empty: that folder itself.
Expected<Bench> make_bench(const CosimOptions& options, const std::string& name);

}  // namespace gnomon::hls
