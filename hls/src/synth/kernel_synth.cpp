#include "gnomon/hls/kernel_synth.hpp"

#include "gnomon/hls/compile.hpp"

namespace gnomon::hls {

Expected<SynthResult> synthesise(const Kernel& kernel, const SynthOptions& options) {
  if (kernel.directives.array.empty()) {
    auto compiled = compile(kernel);
    if (!compiled) return fail(std::move(compiled.error()));
    return synthesise(compiled->rtl, options);
  }
  constexpr std::int64_t most_pes = 64;
  auto shape = match_matmul(kernel);
  if (!shape) return fail(std::move(shape.error()));
  if (shape->rows * shape->cols > most_pes)
    return fail(ErrorKind::unsupported, "synthesis of a kernel's array of " + std::to_string(shape->rows * shape->cols) + " PEs; at most " + std::to_string(most_pes) +
                                            " (arrays of designs are composed, and may be larger)");
  ArrayParameters array;
  array.rows = shape->rows;
  array.cols = shape->cols;
  array.precision_bits = shape->bits;
  array.accumulator_bits = shape->accumulator_bits;
  auto rtl = emit_array(array, RtlStyle::modules);
  if (!rtl) return fail(std::move(rtl.error()));
  return synthesise(*rtl, options);
}

}  // namespace gnomon::hls
