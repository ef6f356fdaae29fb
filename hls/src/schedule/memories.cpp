#include <algorithm>

#include "schedule/memories.hpp"

namespace gnomon::hls {

std::int64_t Memory::bank_of(const KernelTensor& tensor, std::int64_t element) const {
  std::int64_t bank = 0, stride = 1;
  for (std::size_t d = dimensions.size(); d-- > 0;) {
    const std::int64_t at = element % tensor.shape[d];
    element /= tensor.shape[d];
    bank += stride * (dimensions[d].kind == PartitionKind::block ? at / dimensions[d].each : at % dimensions[d].banks);
    stride *= dimensions[d].banks;
  }
  return bank;
}

std::int64_t Memory::offset_of(const KernelTensor& tensor, std::int64_t element) const {
  std::int64_t offset = 0, stride = 1;
  for (std::size_t d = dimensions.size(); d-- > 0;) {
    const std::int64_t at = element % tensor.shape[d];
    element /= tensor.shape[d];
    offset += stride * (dimensions[d].kind == PartitionKind::block ? at % dimensions[d].each : at / dimensions[d].banks);
    stride *= dimensions[d].each;
  }
  return offset;
}

std::vector<Memory> place_memories(const Kernel& kernel) {
  std::vector<Memory> memories;
  for (const KernelTensor& tensor : kernel.tensors) {
    Memory m;
    for (const std::int64_t size : tensor.shape) m.dimensions.push_back({PartitionKind::cyclic, 1, size});
    if (const auto at = kernel.directives.partition.find(tensor.name); at != kernel.directives.partition.end())
      for (const Partition& p : at->second) {
        const std::int64_t banks = p.kind == PartitionKind::complete ? tensor.shape[p.dim] : p.factor;
        const std::int64_t each = (tensor.shape[p.dim] + banks - 1) / banks;
        m.dimensions[p.dim] = {p.kind == PartitionKind::block ? PartitionKind::block : PartitionKind::cyclic, banks, each};
      }
    for (const auto& d : m.dimensions) {
      m.banks *= d.banks;
      m.bank_elements *= d.each;
    }
    if (m.bank_elements == 1) m.storage = Memory::registers;
    if (const auto at = kernel.directives.storage.find(tensor.name); at != kernel.directives.storage.end()) {
      m.storage = at->second == "registers" ? Memory::registers : Memory::ram;
      m.read_ports = at->second == "ram_2r1w" ? 2 : 1;
    }
    if (m.storage == Memory::registers) {
      // One array that is read anywhere at any time.
      m.dimensions.clear();
      for (const std::int64_t size : tensor.shape) m.dimensions.push_back({PartitionKind::cyclic, 1, size});
      m.banks = 1;
      m.bank_elements = tensor.elements();
    }
    m.clear = tensor.kind == TensorKind::local || tensor.kind == TensorKind::output;
    memories.push_back(std::move(m));
  }
  return memories;
}

}  // namespace gnomon::hls
