#include <fmt/format.h>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

/// What the forms of convolution have in common: shapes, groups and the spatial part.
struct Parts {
  Shape x, w, spatial;
  std::vector<std::int64_t> kernel;
  std::int64_t groups = 1;
};

Parts parts_of(const Call& call, std::size_t filter) {
  Parts parts;
  parts.x = call.shape(0);
  parts.w = call.shape(filter);
  if (parts.x.size() < 3) wrong(fmt::format("its input has shape {}; batch, channels and spatial sizes are needed", shape_text(parts.x)));
  if (parts.x.size() != parts.w.size()) {
    wrong(fmt::format("input {} and filter {} differ in rank", shape_text(parts.x), shape_text(parts.w)));
  }
  if (parts.x.size() > 4) refuse(fmt::format("{} spatial dimensions; 1 and 2 have a model", parts.x.size() - 2));
  parts.spatial.assign(parts.x.begin() + 2, parts.x.end());
  parts.kernel.assign(parts.w.begin() + 2, parts.w.end());
  if (call.has_attribute("kernel_shape") && call.wholes("kernel_shape") != parts.kernel) {
    wrong(fmt::format("kernel_shape {} is not that of the filter, {}", shape_text(call.wholes("kernel_shape")), shape_text(parts.w)));
  }
  parts.groups = call.whole("group", 1);
  if (parts.groups < 1) wrong(fmt::format("group is {}; 1 or more is allowed", parts.groups));
  return parts;
}

Convolution geometry(const Parts& parts, const Window& window) {
  Convolution conv;
  conv.batch = parts.x[0];
  conv.groups = parts.groups;
  conv.in_channels = parts.x[1];
  conv.in = two(parts.spatial, 1);
  conv.kernel = two(window.kernel, 1);
  conv.stride = two(window.stride, 1);
  conv.dilation = two(window.dilation, 1);
  conv.pad_begin = two(window.pad_begin, 0);
  conv.pad_end = two(window.pad_end, 0);
  conv.out = two(window.out, 1);
  return conv;
}

/// Conv, ConvInteger, QLinearConv: they differ in where the operands stand and in the output's type.
void convolution(Call& call, std::size_t filter, std::vector<std::size_t> operands, DType out_type) {
  const Parts parts = parts_of(call, filter);
  if (parts.x[1] != times(parts.w[1], parts.groups)) {
    wrong(fmt::format("input {} has {} channels, but filter {} with {} groups takes {}", shape_text(parts.x), parts.x[1], shape_text(parts.w),
                      parts.groups, parts.w[1] * parts.groups));
  }
  if (parts.w[0] % parts.groups) wrong(fmt::format("{} filters are not a multiple of {} groups", parts.w[0], parts.groups));
  const Window window = window_of(call, parts.spatial, parts.kernel, false);
  Convolution conv = geometry(parts, window);
  conv.out_channels = parts.w[0];
  Shape out{parts.x[0], parts.w[0]};
  out.insert(out.end(), window.out.begin(), window.out.end());
  call.out(0, out, out_type);
  if (call.has(operands.back()) && operands.size() == 3 && elements(call.shape(operands.back())) != parts.w[0]) {
    wrong(fmt::format("bias {} does not match {} filters", shape_text(call.shape(operands.back())), parts.w[0]));
  }
  call.op.op_class = OpClass::convolution;
  call.op.conv = conv;
  call.operands = std::move(operands);
}

void conv(Call& call) { convolution(call, 1, {0, 1, 2}, call.in(0).dtype); }
void conv_integer(Call& call) { convolution(call, 1, {0, 1}, DType::i32); }
void qlinear_conv(Call& call) { convolution(call, 3, {0, 3, 8}, call.in(7).dtype); }

void conv_transpose(Call& call) {
  const Parts parts = parts_of(call, 1);
  const std::size_t axes = parts.spatial.size();
  if (parts.x[1] != parts.w[0]) {
    wrong(fmt::format("input {} has {} channels, but filter {} takes {}", shape_text(parts.x), parts.x[1], shape_text(parts.w), parts.w[0]));
  }
  if (parts.x[1] % parts.groups) wrong(fmt::format("{} channels are not a multiple of {} groups", parts.x[1], parts.groups));
  Window window;
  window.kernel = parts.kernel;
  window.stride = call.wholes("strides", std::vector<std::int64_t>(axes, 1));
  window.dilation = call.wholes("dilations", std::vector<std::int64_t>(axes, 1));
  std::vector<std::int64_t> pads = call.wholes("pads", std::vector<std::int64_t>(2 * axes, 0));
  const std::vector<std::int64_t> extra = call.wholes("output_padding", std::vector<std::int64_t>(axes, 0));
  const std::vector<std::int64_t> wanted = call.wholes("output_shape");
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (window.stride.size() != axes || window.dilation.size() != axes || pads.size() != 2 * axes || extra.size() != axes) {
    wrong(fmt::format("strides, dilations, pads and output_padding must cover {} spatial dimensions", axes));
  }
  if (!wanted.empty() && wanted.size() != axes && wanted.size() != axes + 2) {
    wrong(fmt::format("output_shape must cover {} spatial dimensions", axes));
  }
  for (std::size_t i = 0; i < axes; ++i) {
    if (window.stride[i] < 1 || window.dilation[i] < 1 || extra[i] < 0) wrong("strides and dilations must be 1 or more, output_padding 0 or more");
    // The span without any padding taken off.
    const std::int64_t full = plus(plus(times(window.stride[i], parts.spatial[i] - 1), extra[i]), plus(times(window.dilation[i], parts.kernel[i] - 1), 1));
    const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (!wanted.empty() || same) {
      const std::int64_t size = wanted.empty() ? times(parts.spatial[i], window.stride[i]) : wanted[wanted.size() - axes + i];
      if (size < 1) wrong(fmt::format("output_shape has size {}; 1 or more is allowed", size));
      const std::int64_t total = std::max<std::int64_t>(0, full - size);
      const std::int64_t small = total / 2;
      // The specification puts the larger half at the end for SAME_UPPER only.
      pads[i] = mode == "SAME_UPPER" ? small : total - small;
      pads[axes + i] = total - pads[i];
      window.out.push_back(size);
    } else {
      if (mode != "NOTSET" && mode != "VALID") wrong(fmt::format("auto_pad \"{}\" is unknown; allowed: NOTSET, SAME_UPPER, SAME_LOWER, VALID", mode));
      if (mode == "VALID") pads[i] = pads[axes + i] = 0;
      window.out.push_back(plus(full, -plus(pads[i], pads[axes + i])));
    }
    if (window.out.back() < 1) wrong(fmt::format("its output would have size {}", window.out.back()));
    window.pad_begin.push_back(pads[i]);
    window.pad_end.push_back(pads[axes + i]);
  }
  Convolution conv = geometry(parts, window);
  conv.out_channels = times(parts.w[1], parts.groups);
  conv.transposed = true;
  Shape out{parts.x[0], conv.out_channels};
  out.insert(out.end(), window.out.begin(), window.out.end());
  call.out(0, out);
  call.op.op_class = OpClass::convolution;
  call.op.conv = conv;
}

}  // namespace

Window window_of(const Call& call, const Shape& spatial, const std::vector<std::int64_t>& kernel, bool ceil_mode) {
  const std::size_t axes = spatial.size();
  Window window;
  window.kernel = kernel;
  window.stride = call.wholes("strides", std::vector<std::int64_t>(axes, 1));
  window.dilation = call.wholes("dilations", std::vector<std::int64_t>(axes, 1));
  std::vector<std::int64_t> pads = call.wholes("pads", std::vector<std::int64_t>(2 * axes, 0));
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (kernel.size() != axes || window.stride.size() != axes || window.dilation.size() != axes || pads.size() != 2 * axes) {
    wrong(fmt::format("kernel_shape, strides, dilations and pads must cover {} spatial dimensions", axes));
  }
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t stride = window.stride[i];
    if (kernel[i] < 1 || stride < 1 || window.dilation[i] < 1) wrong("kernel sizes, strides and dilations must be 1 or more");
    if (pads[i] < 0 || pads[axes + i] < 0) refuse("negative pads");
    const std::int64_t reach = plus(times(window.dilation[i], kernel[i] - 1), 1);
    std::int64_t out = 0;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      out = plus(spatial[i], stride - 1) / stride;
      const std::int64_t total = std::max<std::int64_t>(0, plus(times(out - 1, stride), reach) - spatial[i]);
      pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[axes + i] = total - pads[i];
    } else if (mode == "NOTSET" || mode == "VALID" || mode.empty()) {
      if (mode == "VALID") pads[i] = pads[axes + i] = 0;
      const std::int64_t room = plus(plus(spatial[i], pads[i]), pads[axes + i]) - reach;
      if (room < 0) wrong(fmt::format("a window of {} does not fit into {} with its padding", reach, spatial[i]));
      out = room / stride + 1;
      if (ceil_mode && room % stride != 0) {
        ++out;
        // A window that would start in the padding behind the input does not count.
        if (times(out - 1, stride) >= plus(spatial[i], pads[i])) --out;
      }
    } else {
      wrong(fmt::format("auto_pad \"{}\" is unknown; allowed: NOTSET, SAME_UPPER, SAME_LOWER, VALID", mode));
    }
    window.pad_begin.push_back(pads[i]);
    window.pad_end.push_back(pads[axes + i]);
    window.out.push_back(out);
  }
  return window;
}

void add_convolution(HandlerTable& table) {
  table["Conv"] = conv;
  table["ConvInteger"] = conv_integer;
  table["QLinearConv"] = qlinear_conv;
  table["ConvTranspose"] = conv_transpose;
}

}  // namespace gnomon::workloads::import
