#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/arch/mapping.hpp"

/// The slow reference of docs/microarchitecture.md: one loop per array cycle, real integers through modelled registers, tiles in tables.
/// It is written from that page alone and made for small sizes.
namespace gnomon::sim::reference {

struct Bytes {
  std::int64_t read = 0, write = 0;
  bool operator==(const Bytes&) const = default;
};

/// What a step of the array moves: words of an operand between a fold and the operand's innermost level.
struct Move {
  std::size_t fold = 0;
  int operand = 0;
  bool write = false;
  std::int64_t words = 0;
};
struct Step {
  std::int64_t start = 0, price = 1;  ///< cycles; the start counts from the work step's
  std::vector<Move> moves;
};

struct Outcome {
  std::int64_t start = 0, latency = 0, compute = 0;
  std::vector<Bytes> level;  ///< the core's levels, then the shared ones
  std::int64_t dram_read = 0, dram_write = 0, bus = 0;
  /// What went wrong: a word read that was not there, a wrong result, words that meet in a register, no end.
  std::string error;
  std::vector<Step> steps;  ///< where the job asks for them
};

/// A work step: array work with a mapping, or vector work.
struct Job {
  std::size_t core = 0;
  const arch::ArrayWork* work = nullptr;
  const arch::StepMapping* mapping = nullptr;
  arch::VectorWork vector;
  std::vector<std::size_t> after;
  bool log_steps = false;
};

/// Runs the jobs of all cores beside each other, each core's in the order given. Values are drawn from `seed`.
std::vector<Outcome> run(const arch::Design& design, const std::vector<Job>& jobs, std::uint64_t seed);

}  // namespace gnomon::sim::reference
