#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

using Wholes = std::vector<std::int64_t>;
using Reals = std::vector<float>;

/// Distance in elements between neighbours along each axis.
Wholes strides_of(const Shape& shape) {
  Wholes strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// For every element of `out`, in order, the element of a tensor of shape `in` that broadcasts onto it.
template <class Visit>
void broadcast_each(const Shape& out, const Shape& in, Visit visit) {
  const Wholes out_strides = strides_of(out), in_strides = strides_of(in);
  const std::size_t lead = out.size() - in.size();
  const std::int64_t count = elements(out);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t from = 0;
    for (std::size_t axis = lead; axis < out.size(); ++axis) {
      if (in[axis - lead] != 1) from += (i / out_strides[axis]) % out[axis] * in_strides[axis - lead];
    }
    visit(static_cast<std::size_t>(i), static_cast<std::size_t>(from));
  }
}

void set(Value& out, Wholes values) { out.data.whole = std::make_shared<const Wholes>(std::move(values)); }
void set(Value& out, Reals values) { out.data.real = std::make_shared<const Reals>(std::move(values)); }

/// Picks elements by index out of either form.
void pick(Value& out, const Value& in, const std::vector<std::size_t>& from) {
  if (in.data.whole) {
    Wholes values;
    for (const std::size_t i : from) values.push_back((*in.data.whole)[i]);
    set(out, std::move(values));
  } else if (in.data.real) {
    Reals values;
    for (const std::size_t i : from) values.push_back((*in.data.real)[i]);
    set(out, std::move(values));
  }
  out.data.filler = in.data.filler;
}

/// Wrapping arithmetic, as tensors do it.
std::int64_t wrap(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::int64_t whole_power(std::int64_t base, std::int64_t exponent) {
  std::uint64_t result = 1, factor = static_cast<std::uint64_t>(base);
  for (auto left = static_cast<std::uint64_t>(exponent); left > 0; left >>= 1) {
    if (left & 1) result *= factor;
    factor *= factor;
  }
  return wrap(result);
}

std::optional<std::int64_t> whole_binary(const std::string& type, std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  if (type == "Add" || type == "Sum") return wrap(x + y);
  if (type == "Sub") return wrap(x - y);
  if (type == "Mul") return wrap(x * y);
  if (type == "Div" || type == "Mod") {
    if (b == 0) wrong("division by zero in a constant");
    if (b == -1) return type == "Div" ? wrap(0 - x) : 0;
    if (type == "Div") return a / b;
    const std::int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
  if (type == "Pow") return b < 0 ? std::optional<std::int64_t>() : whole_power(a, b);
  if (type == "Min") return std::min(a, b);
  if (type == "Max") return std::max(a, b);
  if (type == "Equal") return a == b;
  if (type == "Less") return a < b;
  if (type == "LessOrEqual") return a <= b;
  if (type == "Greater") return a > b;
  if (type == "GreaterOrEqual") return a >= b;
  if (type == "And") return a && b;
  if (type == "Or") return a || b;
  if (type == "Xor") return !a != !b;
  return std::nullopt;
}

std::optional<float> real_binary(const std::string& type, float a, float b) {
  if (type == "Add" || type == "Sum") return a + b;
  if (type == "Sub") return a - b;
  if (type == "Mul") return a * b;
  if (type == "Div") return a / b;
  if (type == "Pow") return std::pow(a, b);
  if (type == "Min") return std::min(a, b);
  if (type == "Max") return std::max(a, b);
  if (type == "Equal") return a == b;
  if (type == "Less") return a < b;
  if (type == "LessOrEqual") return a <= b;
  if (type == "Greater") return a > b;
  if (type == "GreaterOrEqual") return a >= b;
  return std::nullopt;
}

void fold_binary(Call& call, Value& out) {
  if (call.input_count() != 2) return;
  const Value &a = call.in(0), &b = call.in(1);
  const auto count = static_cast<std::size_t>(elements(out.shape));
  std::vector<std::size_t> from_a(count), from_b(count);
  broadcast_each(out.shape, a.shape, [&](std::size_t i, std::size_t j) { from_a[i] = j; });
  broadcast_each(out.shape, b.shape, [&](std::size_t i, std::size_t j) { from_b[i] = j; });
  if (a.data.whole && b.data.whole) {
    Wholes values;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = whole_binary(call.node.type, (*a.data.whole)[from_a[i]], (*b.data.whole)[from_b[i]]);
      if (!value) return;
      values.push_back(*value);
    }
    set(out, std::move(values));
  } else if (a.data.real && b.data.real) {
    Reals values;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = real_binary(call.node.type, (*a.data.real)[from_a[i]], (*b.data.real)[from_b[i]]);
      if (!value) return;
      values.push_back(*value);
    }
    if (out.dtype == DType::boolean) set(out, Wholes(values.begin(), values.end()));
    else set(out, std::move(values));
  }
}

void fold_unary(Call& call, Value& out) {
  const std::string& type = call.node.type;
  const Data& data = call.in(0).data;
  if (data.real) {
    float (*f)(float) = nullptr;
    if (type == "Floor") f = [](float x) { return std::floor(x); };
    else if (type == "Ceil") f = [](float x) { return std::ceil(x); };
    else if (type == "Round") f = [](float x) { return std::nearbyint(x); };
    else if (type == "Sqrt") f = [](float x) { return std::sqrt(x); };
    else if (type == "Neg") f = [](float x) { return -x; };
    else if (type == "Abs") f = [](float x) { return std::abs(x); };
    else if (type == "Reciprocal") f = [](float x) { return 1.0f / x; };
    else if (type == "Exp") f = [](float x) { return std::exp(x); };
    else if (type == "Log") f = [](float x) { return std::log(x); };
    if (!f) return;
    Reals values;
    for (const float x : *data.real) values.push_back(f(x));
    set(out, std::move(values));
  } else if (data.whole) {
    Wholes values;
    for (const std::int64_t x : *data.whole) {
      if (type == "Neg") values.push_back(wrap(0 - static_cast<std::uint64_t>(x)));
      else if (type == "Abs") values.push_back(x < 0 ? wrap(0 - static_cast<std::uint64_t>(x)) : x);
      else if (type == "Not") values.push_back(!x);
      else return;
    }
    set(out, std::move(values));
  }
}

std::int64_t narrowed(std::int64_t value, DType to) {
  switch (to) {
    case DType::boolean: return value != 0;
    case DType::i8: return static_cast<std::int8_t>(value);
    case DType::u8: return static_cast<std::uint8_t>(value);
    case DType::i16: return static_cast<std::int16_t>(value);
    case DType::u16: return static_cast<std::uint16_t>(value);
    case DType::i32: return static_cast<std::int32_t>(value);
    case DType::u32: return static_cast<std::uint32_t>(value);
    default: return value;
  }
}

bool floating(DType dtype) { return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16; }

void fold_cast(Call& call, Value& out) {
  const Data& data = call.in(0).data;
  if (out.dtype == DType::text || !data.known()) return;
  if (floating(out.dtype)) {
    if (data.real) out.data.real = data.real;  // narrower floats keep single precision here: only sizes are computed from them
    else set(out, Reals(data.whole->begin(), data.whole->end()));
  } else if (data.whole) {
    Wholes values;
    for (const std::int64_t x : *data.whole) values.push_back(narrowed(x, out.dtype));
    set(out, std::move(values));
  } else {
    Wholes values;
    for (const float x : *data.real) {
      if (out.dtype == DType::boolean) values.push_back(x != 0.0f);
      else if (!(std::abs(x) < 9.0e18f)) return;
      else values.push_back(narrowed(static_cast<std::int64_t>(x), out.dtype));
    }
    set(out, std::move(values));
  }
  out.data.filler = data.filler;
}

void fold_concat(Call& call, Value& out) {
  const std::size_t axis = axis_of(call.whole("axis", call.opset < 4 ? 1 : 0), out.shape.size());
  std::int64_t outer = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= out.shape[i];
  bool whole = true, filler = false;
  for (std::size_t i = 0; i < call.input_count(); ++i) {
    if (elements(call.shape(i)) == 0) continue;
    if (!call.in(i).data.known()) return;
    whole = whole && call.in(i).data.whole;
    filler = filler || call.in(i).data.filler;
  }
  Wholes wholes;
  Reals reals;
  for (std::int64_t row = 0; row < outer; ++row) {
    for (std::size_t i = 0; i < call.input_count(); ++i) {
      const Data& data = call.in(i).data;
      const std::int64_t inner = elements(call.shape(i)) / outer;
      for (std::int64_t k = row * inner; k < (row + 1) * inner; ++k) {
        if (whole) wholes.push_back((*data.whole)[static_cast<std::size_t>(k)]);
        else if (data.real) reals.push_back((*data.real)[static_cast<std::size_t>(k)]);
        else return;
      }
    }
  }
  if (whole) set(out, std::move(wholes));
  else set(out, std::move(reals));
  out.data.filler = filler;
}

void fold_gather(Call& call, Value& out) {
  const Value &x = call.in(0), &indices = call.in(1);
  if (!indices.data.whole) return;
  const std::size_t axis = axis_of(call.whole("axis", 0), x.shape.size());
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= x.shape[i];
  for (std::size_t i = axis + 1; i < x.shape.size(); ++i) inner *= x.shape[i];
  std::vector<std::size_t> from;
  for (std::int64_t row = 0; row < outer; ++row) {
    for (std::int64_t index : *indices.data.whole) {
      if (index < -x.shape[axis] || index >= x.shape[axis]) wrong("an index outside of its tensor");
      if (index < 0) index += x.shape[axis];
      for (std::int64_t k = 0; k < inner; ++k) from.push_back(static_cast<std::size_t>((row * x.shape[axis] + index) * inner + k));
    }
  }
  pick(out, x, from);
}

void fold_transpose(Call& call, Value& out) {
  const Shape& x = call.shape(0);
  const Wholes in_strides = strides_of(x), out_strides = strides_of(out.shape);
  Wholes order = call.wholes("perm");
  if (!call.has_attribute("perm")) {
    for (std::size_t i = x.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::size_t> from;
  for (std::int64_t i = 0; i < elements(out.shape); ++i) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < order.size(); ++axis) {
      at += (i / out_strides[axis]) % out.shape[axis] * in_strides[axis_of(order[axis], x.size())];
    }
    from.push_back(static_cast<std::size_t>(at));
  }
  pick(out, call.in(0), from);
}

void fold_slice(Call& call, Value& out) {
  if (elements(out.shape) == 0) return;
  const Shape& x = call.shape(0);
  const Wholes starts = *call.attribute_or_input("starts", 1);
  Wholes axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (const auto given = call.attribute_or_input("axes", 3)) axes = *given;
  Wholes steps(starts.size(), 1);
  if (call.has(4)) steps = call.known_wholes(4, "steps");
  Wholes first(x.size(), 0), step(x.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], x.size());
    const std::int64_t size = x[axis];
    std::int64_t start = starts[i] < -size ? 0 : starts[i] < 0 ? starts[i] + size : starts[i];
    start = std::clamp<std::int64_t>(start, 0, steps[i] > 0 ? size : size - 1);
    first[axis] = start;
    step[axis] = out.shape[axis] > 1 ? steps[i] : 1;
  }
  const Wholes in_strides = strides_of(x), out_strides = strides_of(out.shape);
  std::vector<std::size_t> from;
  for (std::int64_t i = 0; i < elements(out.shape); ++i) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < x.size(); ++axis) {
      at += (first[axis] + (i / out_strides[axis]) % out.shape[axis] * step[axis]) * in_strides[axis];
    }
    from.push_back(static_cast<std::size_t>(at));
  }
  pick(out, call.in(0), from);
}

void fold_expand(Call& call, Value& out) {
  std::vector<std::size_t> from(static_cast<std::size_t>(elements(out.shape)));
  broadcast_each(out.shape, call.shape(0), [&](std::size_t i, std::size_t j) { from[i] = j; });
  pick(out, call.in(0), from);
}

void fold_tile(Call& call, Value& out) {
  const Shape& x = call.shape(0);
  const Wholes in_strides = strides_of(x), out_strides = strides_of(out.shape);
  std::vector<std::size_t> from;
  for (std::int64_t i = 0; i < elements(out.shape); ++i) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < x.size(); ++axis) at += (i / out_strides[axis]) % out.shape[axis] % x[axis] * in_strides[axis];
    from.push_back(static_cast<std::size_t>(at));
  }
  pick(out, call.in(0), from);
}

void fold_where(Call& call, Value& out) {
  const Value &condition = call.in(0), &a = call.in(1), &b = call.in(2);
  if (!condition.data.whole) return;
  const auto count = static_cast<std::size_t>(elements(out.shape));
  std::vector<std::size_t> at_c(count), at_a(count), at_b(count);
  broadcast_each(out.shape, condition.shape, [&](std::size_t i, std::size_t j) { at_c[i] = j; });
  broadcast_each(out.shape, a.shape, [&](std::size_t i, std::size_t j) { at_a[i] = j; });
  broadcast_each(out.shape, b.shape, [&](std::size_t i, std::size_t j) { at_b[i] = j; });
  if (a.data.whole && b.data.whole) {
    Wholes values;
    for (std::size_t i = 0; i < count; ++i) values.push_back((*condition.data.whole)[at_c[i]] ? (*a.data.whole)[at_a[i]] : (*b.data.whole)[at_b[i]]);
    set(out, std::move(values));
  } else if (a.data.real && b.data.real) {
    Reals values;
    for (std::size_t i = 0; i < count; ++i) values.push_back((*condition.data.whole)[at_c[i]] ? (*a.data.real)[at_a[i]] : (*b.data.real)[at_b[i]]);
    set(out, std::move(values));
  }
}

/// All elements into one, or along one axis of a vector: what shape arithmetic needs.
void fold_reduce(Call& call, Value& out) {
  const Data& data = call.in(0).data;
  if (elements(out.shape) != 1 || !data.whole || data.whole->empty()) return;
  std::int64_t result = data.whole->front();
  for (std::size_t i = 1; i < data.whole->size(); ++i) {
    const std::int64_t x = (*data.whole)[i];
    const std::string& type = call.node.type;
    const char* step = type == "ReduceSum" ? "Add" : type == "ReduceProd" ? "Mul" : type == "ReduceMax" ? "Max" : "Min";
    result = *whole_binary(step, result, x);
  }
  set(out, Wholes{result});
}

void fold_split(Call& call) {
  const Shape& x = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", 0), x.size());
  std::int64_t outer = 1, inner = 1, done = 0;
  for (std::size_t i = 0; i < axis; ++i) outer *= x[i];
  for (std::size_t i = axis + 1; i < x.size(); ++i) inner *= x[i];
  for (std::size_t k = 0; k < call.output_count(); ++k) {
    Value* out = call.output(k);
    if (!out) return;
    std::vector<std::size_t> from;
    for (std::int64_t row = 0; row < outer; ++row) {
      for (std::int64_t i = 0; i < out->shape[axis] * inner; ++i) from.push_back(static_cast<std::size_t>((row * x[axis] + done) * inner + i));
    }
    pick(*out, call.in(0), from);
    done += out->shape[axis];
  }
}

using Fold = void (*)(Call&, Value&);

const std::unordered_map<std::string_view, Fold>& folds() {
  static const std::unordered_map<std::string_view, Fold> table = [] {
    std::unordered_map<std::string_view, Fold> t;
    for (const char* type : {"Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Sum", "Equal", "Less", "LessOrEqual", "Greater",
                             "GreaterOrEqual", "And", "Or", "Xor"}) {
      t[type] = fold_binary;
    }
    for (const char* type : {"Floor", "Ceil", "Round", "Sqrt", "Neg", "Abs", "Reciprocal", "Exp", "Log", "Not"}) t[type] = fold_unary;
    for (const char* type : {"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"}) t[type] = fold_reduce;
    t["Concat"] = fold_concat;
    t["Gather"] = fold_gather;
    t["Transpose"] = fold_transpose;
    t["Slice"] = fold_slice;
    t["Expand"] = fold_expand;
    t["Tile"] = fold_tile;
    t["Where"] = fold_where;
    return t;
  }();
  return table;
}

}  // namespace

void fold(Call& call) {
  Value* out = call.output(0);
  if (!out) return;
  const std::string& type = call.node.type;
  if (type == "DequantizeLinear") {
    out->stored = call.in(0).dtype;
    return;
  }
  // Nothing moves: the values are shared, however large.
  if (call.op.op_class == OpClass::view && out->dtype == call.in(0).dtype) {
    out->data = call.in(0).data;
    out->stored = call.in(0).stored;
    return;
  }
  if (type == "Transpose") out->stored = call.in(0).stored;
  bool filler = false;
  for (std::size_t i = 0; i < call.input_count(); ++i) {
    if (!call.has(i)) continue;
    // Also bounds the work where the result is small.
    if (elements(call.shape(i)) > fold_limit) return;
    if (!call.in(i).data.known() && elements(call.shape(i)) > 0) return;
    filler = filler || call.in(i).data.filler;
  }
  for (std::size_t i = 0; i < call.output_count(); ++i) {
    if (call.output(i) && !call.may_fold(elements(call.output(i)->shape))) return;
  }
  if (type == "Cast" || type == "CastLike") {
    fold_cast(call, *out);
  } else if (type == "Split") {
    fold_split(call);
  } else if (const auto at = folds().find(type); at != folds().end()) {
    at->second(call, *out);
    out->data.filler = filler;
  }
}

}  // namespace gnomon::workloads::import
