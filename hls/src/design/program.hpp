#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "design/network.hpp"
#include "design/shape.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/sim/memory_port.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::hls {

/// Descriptors of one queue, packed one after the other, `bytes` each (lowest bits first).
struct DescriptorStream {
  std::int64_t bytes = 0, count = 0;
  std::vector<std::uint8_t> data;
};

/// Progress counters (ended, then each class of each unit of transfers) at the end of each work step.
using Progress = std::array<std::int64_t, 1 + transfer_classes * most_engines>;
/// The place of a class' counter; engine 0 is the memory's unit, the links' follow.
constexpr std::size_t counter_of(std::size_t engine, int cls) { return 1 + transfer_classes * engine + static_cast<std::size_t>(cls); }

/// What a transfer asks of a memory that is a device (cut into its bursts there), in the order of the transfers.
struct DeviceTransfer {
  std::vector<sim::MemoryRun> runs;
  std::int64_t bytes = 0, bytes_per_cycle = 0, words = 0;
  Progress need{};  ///< what it waits for
  bool bus = true;  ///< it has an end in the core
  std::int64_t before = 0;  ///< transfers of the bus' unit that stand before it on the bus
};

/// A transfer over a link that several cores share.
struct LinkTransfer {
  Progress need{};
  std::int64_t cycles = 0;  ///< for which it has the link
  std::int64_t before = 0;  ///< transfers of the memory's unit, up to the last one that stands before it on the bus
};
/// Those of a unit, and the link's place in the design (DesignShape::Link).
struct SharedLink {
  std::int64_t engine = 0, place = 0;
  std::vector<LinkTransfer> transfers;
};

/// What a complete design is given to do, and where its tensors lie in the memory (a word an address).
struct DesignProgram {
  DescriptorStream transfers, folds, configs, chunks;
  std::vector<DescriptorStream> links;  ///< transfers between levels
  std::vector<std::int64_t> biases;  ///< of all layers; place i of a workload is place i modulo bias_words of the design
  /// By array step: the first bias behind its own, and how many tiles and chunks have ended with it.
  std::vector<std::int64_t> bias_ends, array_ends;
  std::vector<Progress> ends;  ///< by work step
  std::int64_t memory_words = 0;
  std::vector<DeviceTransfer> device;  ///< for a device, or several cores, only
  std::vector<SharedLink> shared_links;  ///< of several cores
  /// Where each stored tensor begins, and where the weights of each product do.
  std::map<workloads::TensorId, std::int64_t> tensor_at;
  std::map<workloads::OperatorId, std::int64_t> weights_at;
};

/// Compiles the planned work steps of one core for a design; where several cores have steps, the places of all tensors are the same in each one's program. Unsupported, naming operator or mapping field: layouts other than `streamed` where the shape is not banked,
/// operands kept in two levels where the shape is not nested, tiles of several images that cut a row, strided and dilated windows that read rows or columns at uneven distances, poolings whose windows reach too far, tables that overflow.
Expected<DesignProgram> compile_design_program(const arch::Design& design, const DesignShape& shape, const workloads::Graph& graph,
                                               const std::vector<sim::PlannedStep>& plan, const Network& network, std::size_t core = 0);

}  // namespace gnomon::hls
