#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

/// Data that changes place: the first `moved` inputs carry it, the others only say how.
void moves(Call& call, Shape out, std::size_t moved = 1) {
  call.out(0, std::move(out));
  call.op.op_class = OpClass::movement;
  std::vector<std::size_t> operands(moved);
  std::iota(operands.begin(), operands.end(), std::size_t{0});
  call.operands = std::move(operands);
}

void concat(Call& call) {
  Shape out = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", call.opset < 4 ? 1 : 0), out.size());
  for (std::size_t i = 1; i < call.input_count(); ++i) {
    Shape other = call.shape(i);
    if (other.size() != out.size()) wrong(fmt::format("{} and {} differ in rank", shape_text(out), shape_text(other)));
    const std::int64_t length = other[axis];
    other[axis] = out[axis];
    if (other != out) wrong(fmt::format("input {} of shape {} does not fit beside {}", i, shape_text(call.shape(i)), shape_text(call.shape(0))));
    out[axis] = plus(out[axis], length);
  }
  const std::size_t count = call.input_count();
  moves(call, out, count);
  if (count == 1) call.op.op_class = OpClass::view;
}

void split(Call& call) {
  const Shape& x = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", 0), x.size());
  std::vector<std::int64_t> parts;
  if (const auto given = call.attribute_or_input("split", 1)) {
    parts = *given;
  } else {
    const std::int64_t count = call.whole("num_outputs", static_cast<std::int64_t>(call.output_count()));
    if (count < 1 || count != static_cast<std::int64_t>(call.output_count())) wrong(fmt::format("num_outputs is {} for {} outputs", count, call.output_count()));
    const std::int64_t chunk = (x[axis] + count - 1) / count;
    if (chunk * (count - 1) >= x[axis] || (call.opset < 18 && x[axis] % count)) wrong(fmt::format("{} does not split into {} parts", x[axis], count));
    parts.assign(static_cast<std::size_t>(count), chunk);
    parts.back() = x[axis] - chunk * (count - 1);
  }
  std::int64_t sum = 0;
  for (const std::int64_t part : parts) {
    if (part < 0) wrong("a part of negative size");
    sum = plus(sum, part);
  }
  if (parts.size() != call.output_count() || sum != x[axis]) {
    wrong(fmt::format("parts {} do not cover dimension {} of {}, or are not {} in number", shape_text(parts), axis, shape_text(x), call.output_count()));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Shape out = x;
    out[axis] = parts[i];
    call.out(i, out);
  }
  call.op.op_class = OpClass::movement;
  call.operands = std::vector<std::size_t>{0};
}

void slice(Call& call) {
  Shape out = call.shape(0);
  const auto starts = call.attribute_or_input("starts", 1);
  const auto ends = call.attribute_or_input("ends", 2);
  const auto given_axes = call.attribute_or_input("axes", 3);
  if (!starts || !ends) wrong("starts or ends are missing");
  std::vector<std::int64_t> axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  if (given_axes) axes = *given_axes;
  std::vector<std::int64_t> steps(starts->size(), 1);
  if (call.has(4)) steps = call.known_wholes(4, "steps");
  if (ends->size() != starts->size() || axes.size() != starts->size() || steps.size() != starts->size()) wrong("starts, ends, axes and steps differ in length");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], out.size());
    const std::int64_t size = call.shape(0)[axis], step = steps[i];
    if (step == 0) wrong("a step of 0");
    const auto from_front = [&](std::int64_t at) { return at < 0 ? (at < -size ? -1 : at + size) : at; };
    std::int64_t first = from_front((*starts)[i]), last = from_front((*ends)[i]);
    std::int64_t count = 0;
    if (size == 0) {
      count = 0;
    } else if (step > 0) {
      first = std::clamp<std::int64_t>(first, 0, size);
      last = std::clamp<std::int64_t>(last, 0, size);
      if (last > first) count = (last - first - 1) / step + 1;
    } else {
      if ((*starts)[i] < -size) first = 0;
      first = std::clamp<std::int64_t>(first, 0, size - 1);
      last = std::clamp<std::int64_t>(last, -1, size - 1);
      const std::int64_t back = step == INT64_MIN ? INT64_MAX : -step;
      if (first > last) count = (first - last - 1) / back + 1;
    }
    out[axis] = count;
  }
  const bool whole = out == call.shape(0) && std::all_of(steps.begin(), steps.end(), [](std::int64_t s) { return s == 1; });
  moves(call, out);
  if (whole) call.op.op_class = OpClass::view;
}

void transpose(Call& call) {
  const Shape& x = call.shape(0);
  std::vector<std::int64_t> order = call.wholes("perm");
  if (!call.has_attribute("perm")) {
    for (std::size_t i = x.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  if (order.size() != x.size()) wrong(fmt::format("perm {} does not fit shape {}", shape_text(order), shape_text(x)));
  std::vector<bool> used(x.size(), false);
  Shape out;
  std::size_t last = 0;
  bool same_order = true;
  for (const std::int64_t axis : order) {
    const std::size_t i = axis_of(axis, x.size());
    if (used[i]) wrong(fmt::format("perm {} names an axis twice", shape_text(order)));
    used[i] = true;
    out.push_back(x[i]);
    if (x[i] != 1) {
      same_order = same_order && i >= last;
      last = i;
    }
  }
  moves(call, out);
  // Where only dimensions of 1 change place, every element stays where it is.
  if (same_order) call.op.op_class = OpClass::view;
}

void gather(Call& call) {
  const Shape &x = call.shape(0), &indices = call.shape(1);
  const std::size_t axis = axis_of(call.whole("axis", 0), x.size());
  Shape out(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), x.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.end());
  // Known places only say which part is taken, like the starts of a slice.
  moves(call, out, call.in(1).constant ? 1 : 2);
  if (call.in(0).constant && axis == 0 && x.size() >= 2) call.op.op_class = OpClass::embedding;
}

void gather_elements(Call& call) { moves(call, call.shape(1), 2); }

void gather_nd(Call& call) {
  const Shape &x = call.shape(0), &indices = call.shape(1);
  const std::int64_t batch = call.whole("batch_dims", 0);
  if (indices.empty() || batch < 0) wrong("indices must have a dimension, batch_dims must not be negative");
  const std::int64_t depth = plus(indices.back(), batch);
  if (indices.back() < 0 || depth > static_cast<std::int64_t>(x.size()) || batch >= static_cast<std::int64_t>(indices.size())) {
    wrong(fmt::format("indices {} reach too deep into {}", shape_text(indices), shape_text(x)));
  }
  Shape out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), x.begin() + static_cast<std::ptrdiff_t>(depth), x.end());
  moves(call, out, 2);
}

/// The result is the data with some places overwritten.
void scatter(Call& call) { moves(call, call.shape(0), 3); }

void pad(Call& call) {
  Shape out = call.shape(0);
  std::vector<std::int64_t> pads;
  if (call.has_attribute("paddings")) pads = call.wholes("paddings");  // opset 1
  else if (const auto given = call.attribute_or_input("pads", 1)) pads = *given;
  else wrong("pads are missing");
  std::vector<std::int64_t> axes(out.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has(3)) axes = call.known_wholes(3, "axes");
  if (pads.size() != 2 * axes.size()) wrong(fmt::format("{} pads for {} axes; two for each are needed", pads.size(), axes.size()));
  bool nothing = true;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& size = out[axis_of(axes[i], out.size())];
    size = plus(size, plus(pads[i], pads[axes.size() + i]));
    nothing = nothing && pads[i] == 0 && pads[axes.size() + i] == 0;
    if (size < 1) wrong("pads take away the whole dimension");
  }
  moves(call, out);
  if (nothing) call.op.op_class = OpClass::view;
}

void tile(Call& call) {
  Shape out = call.shape(0);
  const std::vector<std::int64_t> repeats = call.known_wholes(1, "repeats");
  if (repeats.size() != out.size()) wrong(fmt::format("repeats {} do not fit {}", shape_text(repeats), shape_text(out)));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (repeats[i] < 0) wrong("a negative repeat");
    out[i] = times(out[i], repeats[i]);
  }
  moves(call, out);
}

void expand(Call& call) {
  const Shape out = broadcast(call.shape(0), call.known_wholes(1, "target shape"));
  const bool same = elements(out) == elements(call.shape(0));
  moves(call, out);
  if (same) call.op.op_class = OpClass::view;
}

std::int64_t block_of(const Call& call) {
  const std::int64_t block = call.whole("blocksize", 0);
  if (call.rank(0) != 4) wrong(fmt::format("its input has shape {}; four dimensions are needed", shape_text(call.shape(0))));
  if (block < 1 || block > 1 << 20) wrong(fmt::format("blocksize is {}; 1 or more is allowed", block));
  return block;
}

void depth_to_space(Call& call) {
  const std::int64_t block = block_of(call);
  const Shape& x = call.shape(0);
  if (x[1] % (block * block)) wrong(fmt::format("{} channels are not a multiple of {} squared", x[1], block));
  moves(call, {x[0], x[1] / (block * block), times(x[2], block), times(x[3], block)});
}

void space_to_depth(Call& call) {
  const std::int64_t block = block_of(call);
  const Shape& x = call.shape(0);
  if (x[2] % block || x[3] % block) wrong(fmt::format("{} x {} is not a multiple of {}", x[2], x[3], block));
  moves(call, {x[0], times(x[1], block * block), x[2] / block, x[3] / block});
}

void reverse(Call& call) { moves(call, call.shape(0)); }

void one_hot(Call& call) {
  const std::vector<double> depth = call.known_reals(1, "depth");
  if (depth.size() != 1 || !(depth[0] >= 1.0 && depth[0] < 1e15)) wrong("depth must be one number of 1 or more");
  Shape out = call.shape(0);
  const std::int64_t axis = call.whole("axis", -1);
  const auto rank = static_cast<std::int64_t>(out.size()) + 1;
  if (axis < -rank || axis >= rank) wrong(fmt::format("axis {} is outside of a tensor of rank {}", axis, rank));
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis), static_cast<std::int64_t>(depth[0]));
  moves(call, out);
  call.out(0, out, call.in(2).dtype);
}

}  // namespace

void add_movement(HandlerTable& table) {
  table["Concat"] = concat;
  table["Split"] = split;
  table["Slice"] = slice;
  table["Transpose"] = transpose;
  table["Gather"] = gather;
  table["GatherElements"] = gather_elements;
  table["GatherND"] = gather_nd;
  table["Scatter"] = scatter;
  table["ScatterElements"] = scatter;
  table["ScatterND"] = scatter;
  table["Pad"] = pad;
  table["Tile"] = tile;
  table["Expand"] = expand;
  table["DepthToSpace"] = depth_to_space;
  table["SpaceToDepth"] = space_to_depth;
  table["ReverseSequence"] = reverse;
  table["Trilu"] = reverse;
  table["OneHot"] = one_hot;
}

}  // namespace gnomon::workloads::import
