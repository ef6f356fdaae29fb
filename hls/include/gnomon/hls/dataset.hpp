#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

struct DesignTableOptions {
  std::filesystem::path out;  ///< CSV
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  std::vector<int> precisions = {4, 8, 16};  ///< bits of the operands that arrays are drawn with
  std::string target = "xcup";   ///< of synthesis for an FPGA, or empty: none
  bool cells = true;             ///< also for the standard cells of osu018, with static timing
  double cosim = 0.05;           ///< share of the rows whose cycles are checked in RTL
  int jobs = 2;                  ///< blocks synthesised at a time
  std::function<void(std::int64_t done)> progress;
};

struct DesignTable {
  std::int64_t rows = 0, kept = 0, cosimulated = 0;
};

/// A table of random complete designs (array, levels, vector unit, ideal memory), 8 around each array, each with one random matrix product: latency, compute
/// cycles, traffic and energy by the cycle model, area by the area model, resources by composed synthesis of the complete RTL (LUT, FF, DSP, BRAM for an
/// FPGA; area, flip-flops, bits of the memories that are not in the area, and fmax of standard cells). A seeded share of the rows is
/// run in RTL as well (alone and in the SystemC system), and must agree in every cycle and output: a difference ends the run.
///
/// Row i depends on the seed, `precisions` and i alone. A file that holds rows of the same seed and columns is taken up where it ends; rows are
/// written as they come. Errors: a file of another seed or with other columns (invalid_input), what evaluators refuse.
Expected<DesignTable> write_design_table(const DesignTableOptions& options, const arch::EvaluatorRegistry& evaluators);

struct LayerTableOptions {
  std::filesystem::path out;  ///< CSV; with the ending .gz compressed, and then grown in `OUT.partial`
  std::int64_t fully_connected = 100, convolutional = 0;
  bool exemplars = false;     ///< the seven networks of the wa-hls4ml benchmark at 128 points each
  std::uint64_t seed = 1;
  std::string target = "xcup";
  double cosim = 0.05;        ///< share of the rows that are run in RTL
  std::int64_t flat = 0;      ///< networks of the test set that are synthesised whole as well
  std::filesystem::path flat_out;  ///< their table; empty: `OUT.flat.csv`
  std::filesystem::path wa_json;   ///< the rows in the wa-hls4ml JSON form, or empty
  int jobs = 2;
  std::filesystem::path cache;     ///< of synthesised blocks and compiled RTL; empty: the default
  std::vector<std::string> worker = {};  ///< as in CosimOptions
  std::function<void(std::int64_t done, std::int64_t all)> progress;
};

struct LayerTable {
  std::int64_t rows = 0, kept = 0, cosimulated = 0, blocks = 0, flat = 0;
  std::string hash;  ///< SHA-256 of the table's text
};

/// A table of random networks (layers.hpp) with resources by composed synthesis and cycles by the timing model. A seeded share is run in RTL and
/// must agree in every output and cycle, or the run ends with an error; networks beyond the size that is co-simulated hand their turn to the next.
/// Row i depends on the seed and i alone, and not on `jobs`; a table that was stopped anywhere is taken up where it ends.
Expected<LayerTable> write_layer_table(const LayerTableOptions& options);
struct KernelTableOptions {
  std::filesystem::path out;  ///< CSV
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  std::string target = "xcup";  ///< of synthesis, or empty: no resources
  /// Where not empty, row i is kernel i modulo their number: first with its own directives, in later rounds with random ones; bound to no array.
  std::vector<Kernel> kernels = {};
  double cosim = 0.05;          ///< share of the rows that are run in RTL
  int jobs = 2;
  std::filesystem::path cache;  ///< of synthesised and compiled RTL; empty: the default
  std::vector<std::string> worker = {};  ///< as in CosimOptions
  std::function<void(std::int64_t done, std::int64_t all)> progress;
};

struct KernelTable {
  std::int64_t rows = 0, kept = 0, cosimulated = 0, too_big = 0;
  std::string hash;  ///< SHA-256 of the table's text
};

/// A table of random kernels with random directives (random_kernel.hpp), or of given ones: what the bound hardware consists of (kernel_hardware.hpp), interval, depth and cycles from the schedule that the independent checker
/// has accepted, resources by flat synthesis of the emitted SystemVerilog; kernels beyond a cap on the text's size, the same on every machine, have
/// none. A seeded share is run in RTL without and with stalls and must agree in every output and cycle, or the run ends with an error.
/// Row i depends on the seed and i alone, and not on `jobs`; a table that was stopped anywhere is taken up where it ends.
Expected<KernelTable> write_kernel_table(const KernelTableOptions& options);

}  // namespace gnomon::hls
