#pragma once

#include "cosim/folds.hpp"
#include "design/program.hpp"
#include "design/tile_words.hpp"
#include "gnomon/sim/cycle.hpp"

namespace gnomon::hls {

/// Collects descriptors; fields are set by name, numbers are cut to their width.
class DescriptorWriter {
 public:
  DescriptorWriter(DescriptorStream& stream, const DescriptorLayout& layout) : stream_(stream), layout_(layout) {
    stream_.bytes = (layout.bits() + 7) / 8;
  }
  void begin() {
    ++stream_.count;
    stream_.data.resize(static_cast<std::size_t>(stream_.count * stream_.bytes), 0);
  }
  void set(const std::string& name, std::int64_t value);
  bool has(const std::string& name) const { return layout_.has(name); }

 private:
  DescriptorStream& stream_;
  const DescriptorLayout& layout_;
};

/// A transfer's words: up to five nested loops in the memory from `mem` on (innermost first), `lstep` apart in the levels from `lvl` on.
struct TransferWords {
  bool write = false;
  std::size_t engine = 0;  ///< the memory's, or a link's, to which the outer level is the memory
  bool bus = true;  ///< of the memory's: it has an end in the core
  int cls = 0;
  std::int64_t beat = 1, words = 0, mem = 0, lvl = 0, lstep = 1;
  std::int64_t ring = 0;  ///< fills with lstep 1: the level's word at which they go on with word 0; 0: none
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;  ///< count, stride
  std::array<std::int64_t, 3> start{};                       ///< of the first loops: where `mem` is in them
  /// Of several images, or where a window leaves rows or columns out: in the place of a second loop between the first two; in the place of the first one (where there are rows).
  BlockSpan rows, columns;
  Progress need{};
  std::vector<sim::MemoryRun> runs;  ///< for a device: where its bytes lie in it
  std::int64_t bytes = 0, bytes_per_cycle = 0;
};

/// State shared by the compilers of array and vector work.
struct ProgramState {
  const arch::Design& design;
  const DesignShape& shape;
  DesignProgram& program;
  DescriptorWriter transfer, fold, config, chunk;
  std::vector<DescriptorWriter> links;
  Progress now{};  ///< at the end of what has been compiled so far
  std::vector<std::int64_t> array_ends;  ///< items ended after each array step
  std::int64_t bus_until = 0;            ///< transfers of the memory's unit up to the last one with an end in the core
  /// Words a cycle of transfers between memory and a level.
  std::int64_t beat(std::size_t level) const;
  /// The same in bytes.
  std::int64_t bytes_per_cycle(std::size_t level) const;
  /// What a descriptor waits for.
  void set_needs(DescriptorWriter& d, const std::string& prefix, const Progress& need) const;
  /// Adds a transfer and counts it. Unsupported: more than five loops.
  Expected<void> add(const TransferWords& words);

 private:
  Expected<void> add_spans(const TransferWords& words);
  DescriptorWriter& of(const TransferWords& words) { return words.engine == 0 ? transfer : links[words.engine - 1]; }
  void begin_transfer(const TransferWords& words);
  void end_transfer(const TransferWords& words);
};

/// Where the tensors of array work lie, and what becomes of its sums.
struct ArrayPlace {
  std::int64_t ifmap = 0, filter = 0, ofmap = 0, sums = 0;
  std::int64_t bias = -1;  ///< place of the first bias, or none
  int shift = 0;
  bool relu = false;
  sim::TensorPlaces device;  ///< in a device
};

Expected<void> compile_array_step(ProgramState& state, const arch::ArrayWork& work, const arch::StepMapping& mapping, const ArrayPlace& place);

/// Where the tensors of vector work lie. `second` for additions.
struct VectorPlace {
  std::int64_t first = 0, second = 0, out = 0;
  sim::TensorPlaces device;
};
Expected<void> compile_vector_step(ProgramState& state, const workloads::Graph& graph, const workloads::Operator& op, const OperatorNumbers& numbers,
                                   const arch::VectorWork& work, const VectorPlace& place);

}  // namespace gnomon::hls
