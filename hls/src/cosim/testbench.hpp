#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cosim/model.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Writes down what stands at the ports of a model in each cycle, just before the clock's edge: a line of hexadecimal digits for a
/// cycle, {mask, outputs, inputs}, ports in the order of their names, clk and rst left out. The mask says which output bits mean
/// something.
class Recorder {
 public:
  Recorder(const LoadedModel& model, std::int64_t cycles);
  void begin_cycle();
  /// Bits [bit, bit + bits) of an output mean something in this cycle.
  void means(const char* output, std::int64_t bit, int bits);
  void end_cycle(const LoadedModel& model);
  const std::string& text() const { return text_; }
  std::int64_t cycles() const { return count_; }

 private:
  std::int64_t limit_, count_ = 0, in_bits_ = 0, out_bits_ = 0;
  std::map<std::string, std::int64_t> at_;  ///< first bit of each port, among inputs or outputs
  std::vector<char> mask_;
  std::string text_;
};

/// A self-checking SystemVerilog testbench that replays `cycles` lines of vectors.hex: it prints each cycle in which an output
/// differs (or is x), and at its end `gnomon: N cycles, M mismatches`.
std::string testbench_text(const Rtl& rtl, std::int64_t cycles);

/// Runs dut.sv and testbench in Icarus Verilog, in a folder that holds dut.sv, tb.sv and vectors.hex. Errors: Icarus is not installed
/// (unsupported, with the package), or fails.
Expected<CosimReplay> run_icarus(const std::filesystem::path& folder);
Json replay_json(const CosimReplay& replay);

}  // namespace gnomon::hls
