#include <cmath>
#include <fmt/format.h>

#include "import/call.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads::import {
namespace {

Shape scaled(const Shape& x, const std::vector<double>& scales) {
  if (scales.size() != x.size()) wrong(fmt::format("{} scales for shape {}", scales.size(), shape_text(x)));
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    // Scales are single-precision numbers; the product is taken as the specification's reference does.
    const double size = std::floor(static_cast<double>(static_cast<float>(x[i]) * static_cast<float>(scales[i])));
    if (!(scales[i] > 0.0) || !(size >= 1.0) || size > 1e15) wrong(fmt::format("scale {} of dimension {} of {}", scales[i], i, shape_text(x)));
    out.push_back(static_cast<std::int64_t>(size));
  }
  return out;
}

/// Nearest neighbours are moved; interpolation multiplies and adds the taps of the dimensions that change.
void resampled(Call& call, const Shape& out) {
  const Shape x = call.shape(0);
  call.out(0, out);
  call.operands = std::vector<std::size_t>{0};
  const std::string mode = call.text("mode", "nearest");
  std::int64_t taps = 1;
  const std::int64_t per_axis = mode == "cubic" ? 4 : 2;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] != x[i] && mode != "nearest") taps = times(taps, per_axis);
  }
  if (out == x) {
    call.op.op_class = OpClass::view;
  } else if (mode == "nearest") {
    call.op.op_class = OpClass::movement;
  } else if (mode == "linear" || mode == "bilinear" || mode == "cubic") {
    call.op.op_class = OpClass::elementwise;
    call.vector_work(elements(out), interpolation_cost(taps));
  } else {
    wrong(fmt::format("mode \"{}\" is unknown; allowed: nearest, linear, cubic", mode));
  }
}

void upsample(Call& call) {
  const auto at = call.node.attributes.find("scales");
  if (at != call.node.attributes.end()) {
    resampled(call, scaled(call.shape(0), {at->second.reals.begin(), at->second.reals.end()}));
  } else if (call.has_attribute("height_scale")) {
    resampled(call, scaled(call.shape(0), {1.0, 1.0, call.real("height_scale", 1), call.real("width_scale", 1)}));
  } else {
    resampled(call, scaled(call.shape(0), call.known_reals(1, "scales")));
  }
}

void resize(Call& call) {
  const Shape& x = call.shape(0);
  if (call.opset < 11) {
    resampled(call, scaled(x, call.known_reals(1, "scales")));
    return;
  }
  std::vector<std::int64_t> axes = call.wholes("axes");
  if (!call.has_attribute("axes")) {
    for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  const bool by_sizes = call.has(3) && elements(call.shape(3)) > 0;
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  if (by_sizes) {
    const std::vector<std::int64_t> sizes = call.known_wholes(3, "sizes");
    if (sizes.size() != axes.size()) wrong(fmt::format("{} sizes for {} axes", sizes.size(), axes.size()));
    if (policy != "stretch") refuse("Resize that keeps the aspect ratio");
    Shape out = x;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (sizes[i] < 1) wrong(fmt::format("size {}; 1 or more is allowed", sizes[i]));
      out[axis_of(axes[i], x.size())] = sizes[i];
    }
    // Targets computed for batch 1 follow the batch that took its place.
    if (call.batch > 1 && !x.empty() && out[0] == 1) out[0] = x[0];
    resampled(call, out);
    return;
  }
  if (!call.has(2)) wrong("neither scales nor sizes");
  const std::vector<double> given = call.known_reals(2, "scales");
  if (given.size() != axes.size()) wrong(fmt::format("{} scales for {} axes", given.size(), axes.size()));
  std::vector<double> scales(x.size(), 1.0);
  for (std::size_t i = 0; i < axes.size(); ++i) scales[axis_of(axes[i], x.size())] = given[i];
  resampled(call, scaled(x, scales));
}

}  // namespace

void add_resample(HandlerTable& table) {
  table["Upsample"] = upsample;
  table["Resize"] = resize;
}

}  // namespace gnomon::workloads::import
