#include "gnomon/arch/dataflow.hpp"

namespace gnomon::arch {

const std::vector<DataflowInfo>& dataflows() {
  static const std::vector<DataflowInfo> all{
      {Dataflow::os, "os", Dim::m, Dim::n, Dim::k, Operand::ofmap},
      {Dataflow::ws, "ws", Dim::k, Dim::n, Dim::m, Operand::filter},
      {Dataflow::is, "is", Dim::k, Dim::m, Dim::n, Operand::ifmap},
  };
  return all;
}

const DataflowInfo& info(Dataflow dataflow) { return dataflows()[static_cast<std::size_t>(dataflow)]; }

}  // namespace gnomon::arch
