#pragma once

#include <filesystem>
#include <string>

#include "cosim/cache.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// A module compiled to a shared library with the C interface of cosim/model.hpp.
struct BuiltModel {
  std::filesystem::path library;
  std::string tool;  ///< Verilator's version
  bool from_cache = false;
  double verilate_seconds = 0;
  double compile_seconds = 0;
};

/// Verilator (`--cc`), then one compiler run over its output, the shim and the runtime (compiled once per cache). The library is
/// kept under the SHA-256 of RTL, shim, flags and Verilator's version. `trace`: with FST tracing, which is a build of its own. `brief`: for a
/// run of few cycles, compiled without optimisation: a third of the time, some four times as long a run.
Expected<BuiltModel> build_model(const Rtl& rtl, const std::filesystem::path& cache, bool trace, bool brief = false);

/// The C++ between a verilated module and the C interface.
std::string shim_text(const Rtl& rtl);

/// `Verilator 5.006 ...`, or an error that names the Debian package.
Expected<std::string> verilator_version();

}  // namespace gnomon::hls
