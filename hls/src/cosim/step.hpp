#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "cosim/build.hpp"
#include "cosim/operands.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Compute cycles of the models for one work step whose ports never wait: analytical and SystemC, which must agree.
Expected<std::int64_t> model_cycles(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                                    const arch::StepMapping& mapping);

/// The co-simulation of work steps one after the other; arrays are built once.
class StepRunner {
 public:
  explicit StepRunner(const CosimOptions& options) : options_(options) {}

  /// Checks the options alone.
  Expected<void> check() const;
  /// `expected`: [g][m][n]. `mapping` must have passed arch::verify().
  Expected<CosimStep> run(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                          const arch::StepMapping& mapping, Operands operands, const std::vector<std::int64_t>& expected);
  /// Refuses what run() would refuse, without building anything: steps too long, arrays without RTL.
  Expected<void> acceptable(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                            const arch::StepMapping& mapping) const;

  /// The compiled library of an array that a step has run on; null for others.
  const std::filesystem::path* library(const std::string& rtl_top_name) const {
    const auto found = libraries_.find(rtl_top_name);
    return found == libraries_.end() ? nullptr : &found->second;
  }

  /// What building took so far, and the last module's name.
  double verilate_seconds = 0, compile_seconds = 0;
  std::string rtl_top, tool;
  /// In the place of the array's RTL: for tests that break it.
  std::optional<Rtl> replaced;

 private:
  const CosimOptions& options_;
  std::map<std::string, std::filesystem::path> libraries_;
};

/// Adds a step's figures, `repeats` times, to the sums.
void add(CosimFigures& total, const CosimFigures& figures, std::int64_t repeats);

}  // namespace gnomon::hls
