#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

void view(Call& call, Shape shape) {
  call.out(0, std::move(shape));
  call.op.op_class = OpClass::view;
  call.operands = std::vector<std::size_t>{0};
}

void identity(Call& call) { view(call, call.shape(0)); }

void reshape(Call& call) {
  const Shape& x = call.shape(0);
  std::vector<std::int64_t> target = call.has_attribute("shape") ? call.wholes("shape") : call.known_wholes(1, "target shape");
  const bool zero_copies = call.whole("allowzero", 0) == 0;
  const std::int64_t count = elements(x);
  std::int64_t known = 1;
  std::optional<std::size_t> free;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && zero_copies) {
      if (i >= x.size()) wrong(fmt::format("target {} copies dimension {} of {}", shape_text(target), i, shape_text(x)));
      target[i] = x[i];
    }
    if (target[i] == -1) {
      if (free) wrong(fmt::format("target {} leaves two sizes open", shape_text(target)));
      free = i;
    } else if (target[i] < 0) {
      wrong(fmt::format("target {} has a negative size", shape_text(target)));
    } else {
      known = times(known, target[i]);
    }
  }
  // A target written for batch 1 goes along with the batch that took its place.
  if (call.batch > 1 && !call.in(0).constant && !target.empty() && !x.empty() && x[0] % call.batch == 0) {
    const bool leading_one = free && target[0] == 1 && *free != 0;
    const bool exactly_off = !free && known > 0 && count % known == 0 && count / known == call.batch;
    if (leading_one || exactly_off) {
      target[0] = times(target[0], call.batch);
      known = times(known, call.batch);
    }
  }
  if (free) {
    if (known == 0 || count % known) wrong(fmt::format("{} does not reshape to {}", shape_text(x), shape_text(target)));
    target[*free] = count / known;
  } else if (known != count) {
    wrong(fmt::format("{} elements of {} do not reshape to {}", count, shape_text(x), shape_text(target)));
  }
  view(call, target);
}

void flatten(Call& call) {
  const Shape& x = call.shape(0);
  const std::int64_t given = call.whole("axis", 1);
  const std::size_t axis = given == static_cast<std::int64_t>(x.size()) ? x.size() : axis_of(given, x.size());
  const auto cut = x.begin() + static_cast<std::ptrdiff_t>(axis);
  view(call, {elements(Shape(x.begin(), cut)), elements(Shape(cut, x.end()))});
}

void squeeze(Call& call) {
  const Shape& x = call.shape(0);
  const auto axes = call.attribute_or_input("axes", 1);
  std::vector<bool> gone(x.size(), false);
  for (std::size_t i = 0; i < x.size() && !axes; ++i) gone[i] = x[i] == 1;
  if (axes) {
    for (const std::int64_t axis : *axes) {
      const std::size_t i = axis_of(axis, x.size());
      if (x[i] != 1) wrong(fmt::format("dimension {} of {} is not 1 and cannot be squeezed", axis, shape_text(x)));
      gone[i] = true;
    }
  }
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!gone[i]) out.push_back(x[i]);
  }
  view(call, out);
}

void unsqueeze(Call& call) {
  const Shape& x = call.shape(0);
  const auto axes = call.attribute_or_input("axes", 1);
  if (!axes) wrong("axes are missing");
  if (axes->size() > 32) wrong("more than 32 axes");
  const std::size_t rank = x.size() + axes->size();
  std::vector<bool> fresh(rank, false);
  for (const std::int64_t axis : *axes) {
    const std::size_t i = axis_of(axis, rank);
    if (fresh[i]) wrong(fmt::format("axis {} stands twice", axis));
    fresh[i] = true;
  }
  Shape out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) out.push_back(fresh[i] ? 1 : x[next++]);
  view(call, out);
}

void shape_of(Call& call) {
  const Shape& x = call.shape(0);
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t first = bound(call.whole("start", 0)), last = bound(call.whole("end", rank));
  std::vector<std::int64_t> values;
  for (std::int64_t i = first; i < last; ++i) values.push_back(x[static_cast<std::size_t>(i)]);
  const auto size = static_cast<std::int64_t>(values.size());
  call.out_values(0, {size}, DType::i64, std::move(values));
}

void size_of(Call& call) { call.out_values(0, {}, DType::i64, {elements(call.shape(0))}); }

void set_constant(Call& call, const Constant& constant) {
  Value* out = call.output(0);
  if (!out) return;
  const std::int64_t count = elements(constant.shape);
  if (constant.data.known() && static_cast<std::int64_t>(constant.data.size()) != count) wrong("its values do not fill its shape");
  call.out(0, constant.shape, constant.dtype);
  out->constant = true;
  out->data = constant.data;
}

void constant(Call& call) {
  if (call.input_count() > 0) wrong("a Constant takes no input");
  for (const auto& [key, attribute] : call.node.attributes) {
    Constant value;
    switch (attribute.kind) {
      case Attribute::Kind::tensor: value = *attribute.tensor; break;
      case Attribute::Kind::whole:
      case Attribute::Kind::wholes: {
        const bool one = attribute.kind == Attribute::Kind::whole;
        value.dtype = DType::i64;
        value.data.whole = std::make_shared<const std::vector<std::int64_t>>(one ? std::vector<std::int64_t>{attribute.whole} : attribute.wholes);
        if (!one) value.shape = {static_cast<std::int64_t>(attribute.wholes.size())};
        break;
      }
      case Attribute::Kind::real:
      case Attribute::Kind::reals: {
        const bool one = attribute.kind == Attribute::Kind::real;
        value.data.real = std::make_shared<const std::vector<float>>(one ? std::vector<float>{attribute.real} : attribute.reals);
        if (!one) value.shape = {static_cast<std::int64_t>(attribute.reals.size())};
        break;
      }
      case Attribute::Kind::text:
      case Attribute::Kind::texts:
        value.dtype = DType::text;
        if (attribute.kind == Attribute::Kind::texts) value.shape = {static_cast<std::int64_t>(attribute.texts.size())};
        break;
      case Attribute::Kind::other: refuse("a Constant of this kind (sparse)");
    }
    set_constant(call, value);
    return;
  }
  wrong("a Constant without a value");
}

/// A fill of a known shape; its values take part in folding, but stand in for weights that the file does not hold.
void constant_of_shape(Call& call) {
  Constant value;
  value.shape = call.known_wholes(0, "shape");
  const std::int64_t count = elements(value.shape);
  DType dtype = DType::f32;
  std::int64_t whole = 0;
  float real = 0;
  const auto at = call.node.attributes.find("value");
  if (at != call.node.attributes.end()) {
    if (!at->second.tensor) wrong("attribute value must be a tensor");
    dtype = at->second.tensor->dtype;
    const Data& data = at->second.tensor->data;
    if (data.whole && !data.whole->empty()) whole = data.whole->front();
    if (data.real && !data.real->empty()) real = data.real->front();
  }
  value.dtype = dtype;
  const bool floating = dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f64;
  // Reals take part in shape arithmetic as short lists only (scales); longer ones are weights.
  if ((!floating || count <= 1024) && call.may_fold(count)) {
    if (floating) value.data.real = std::make_shared<const std::vector<float>>(static_cast<std::size_t>(count), real);
    else value.data.whole = std::make_shared<const std::vector<std::int64_t>>(static_cast<std::size_t>(count), whole);
    value.data.filler = true;
  }
  set_constant(call, value);
}

void range(Call& call) {
  const std::vector<double> start = call.known_reals(0, "start"), limit = call.known_reals(1, "limit"), delta = call.known_reals(2, "delta");
  if (start.size() != 1 || limit.size() != 1 || delta.size() != 1 || delta[0] == 0.0) wrong("start, limit and delta must be single numbers, delta not 0");
  const double steps = std::ceil((limit[0] - start[0]) / delta[0]);
  if (!(steps < 1e15)) wrong("a range too long");
  const std::int64_t count = steps > 0 ? static_cast<std::int64_t>(steps) : 0;
  Constant value;
  value.shape = {count};
  value.dtype = call.in(0).dtype;
  if (call.may_fold(count)) {
    if (call.in(0).data.whole && call.in(2).data.whole) {
      std::vector<std::int64_t> list;
      const std::int64_t first = call.in(0).data.whole->front();
      for (std::int64_t i = 0; i < count; ++i) list.push_back(plus(first, times(i, call.in(2).data.whole->front())));
      value.data.whole = std::make_shared<const std::vector<std::int64_t>>(std::move(list));
    } else {
      std::vector<float> list;
      for (std::int64_t i = 0; i < count; ++i) list.push_back(static_cast<float>(start[0] + static_cast<double>(i) * delta[0]));
      value.data.real = std::make_shared<const std::vector<float>>(std::move(list));
    }
  }
  set_constant(call, value);
}

/// A diagonal of ones; only its shape matters to a graph.
void eye_like(Call& call) {
  Constant value;
  value.shape = call.shape(0);
  value.dtype = call.has_attribute("dtype") ? dtype_of_code(call.whole("dtype", 1)) : call.in(0).dtype;
  set_constant(call, value);
}

}  // namespace

void add_shape(HandlerTable& table) {
  table["Identity"] = identity;
  table["Reshape"] = reshape;
  table["Flatten"] = flatten;
  table["Squeeze"] = squeeze;
  table["Unsqueeze"] = unsqueeze;
  table["Shape"] = shape_of;
  table["Size"] = size_of;
  table["Constant"] = constant;
  table["ConstantOfShape"] = constant_of_shape;
  table["Range"] = range;
  table["EyeLike"] = eye_like;
}

}  // namespace gnomon::workloads::import
