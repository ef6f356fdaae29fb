#include "movement.hpp"

namespace gnomon::sim {

Movements movements_of(const Ports& ports, const FoldSize& fold, std::int64_t x, bool reads_sums, bool final_results) {
  Movements out;
  const auto [r, c, t] = fold;
  const auto add = [&](Operand operand, bool write, bool block, int bits, std::int64_t start, std::int64_t lanes, std::int64_t length) {
    out.item[out.n++] = {operand, write, block, bits, start, lanes, length};
  };
  const int result_bits = final_results ? ports.bits : ports.accumulator_bits;
  const arch::DataflowInfo& flow = arch::info(ports.dataflow);
  if (flow.outputs_stay()) {
    add(Operand::ifmap, false, false, ports.bits, x, r, t);
    add(Operand::filter, false, false, ports.bits, x, c, t);
    const std::int64_t drain = x + t + r + c - 2;
    add(Operand::ofmap, true, true, result_bits, drain, c, r);
    if (reads_sums) add(Operand::ofmap, false, true, ports.accumulator_bits, drain, c, r);
    return out;
  }
  // With overlap the preload enters with the columns' skew: c lanes, each r long.
  add(flow.stationary, false, !ports.overlap, ports.bits, x - r, c, r);
  add(flow.flowing(), false, false, ports.bits, x, r, t);
  add(Operand::ofmap, true, false, result_bits, x + r - 1, c, t);
  if (reads_sums) add(Operand::ofmap, false, false, ports.accumulator_bits, x + r - 1, c, t);
  return out;
}

std::int64_t fold_price(const Ports& ports, const FoldSize& fold, bool reads_sums, bool final_results) {
  const bool os = arch::info(ports.dataflow).outputs_stay();
  const std::int64_t x = steps_to_stream(fold, os);
  const Movements moves = movements_of(ports, fold, x, reads_sums, final_results);
  const std::int64_t end = x + steps_from_stream(fold, os);
  PortLoads loads(ports);
  std::int64_t sum = 0;
  for (std::int64_t step = 0; step < end;) {
    std::int64_t next = end;
    loads.clear();
    for (int i = 0; i < moves.n; ++i) {
      loads.add(moves.item[i], step);
      next = std::min(next, moves.item[i].next_change(step));
    }
    sum += (next - step) * loads.price();
    step = next;
  }
  return sum;
}

}  // namespace gnomon::sim
