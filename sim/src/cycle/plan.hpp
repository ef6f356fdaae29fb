#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "geometry.hpp"
#include "gnomon/arch/design.hpp"

namespace gnomon::sim::cycle {

/// A work step on the array, bound to its core and mapping, with what every part of the model asks about it.
struct ArrayStep {
  const arch::Design* design = nullptr;
  std::size_t core_index = 0;
  const arch::Core* core = nullptr;
  const arch::ArrayWork* work = nullptr;
  const arch::StepMapping* mapping = nullptr;
  std::vector<Loop> loops;                       ///< of all entries, outer to inner
  std::vector<Keeper> chain[arch::operand_count];  ///< who keeps the operand, from the outermost, without the memory
  bool partial_sums = false;                       ///< K is cut by loops or folds
  /// Where the operands' tensors begin in the memory, and where unfinished sums go.
  std::uint64_t operand_address[arch::operand_count] = {0, 0, 0};
  std::uint64_t sums_address = 0;
  /// Array tiles from this one on do not take place.
  std::int64_t tile_limit = std::numeric_limits<std::int64_t>::max();

  std::size_t first_core_entry() const { return 1 + design->shared.size(); }
  bool is_shared(std::size_t entry) const { return entry < first_core_entry(); }
  /// The level of an entry other than the memory's.
  const arch::Level& level(std::size_t entry) const;
  /// Index of the operand's innermost level in Core::levels.
  std::size_t innermost_level(Operand operand) const;
  /// Index into Counts::level: the core's levels, then the shared ones.
  std::size_t count_index(std::size_t entry) const;
};

/// `address`: where the step's tensors lie in the memory, one behind the other, each from a multiple of `tensor_alignment` on.
ArrayStep plan_array_step(const arch::Design& design, std::size_t core, const arch::ArrayWork& work, const arch::StepMapping& mapping, std::uint64_t address = 0);

inline constexpr std::uint64_t tensor_alignment = 4096;
/// Bytes that the tensors of array work (with room for unfinished sums) or of vector work take in the memory, alignment included.
std::uint64_t placed_bytes(const arch::Array& array, const arch::ArrayWork& work);
std::uint64_t placed_bytes(const arch::Array& array, const arch::VectorWork& work);

}  // namespace gnomon::sim::cycle
