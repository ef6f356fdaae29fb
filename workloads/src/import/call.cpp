#include "import/call.hpp"

#include <fmt/format.h>

#include "gnomon/base/text.hpp"

namespace gnomon::workloads::import {
namespace {
constexpr std::int64_t largest = std::int64_t{1} << 62;

/// The input without data, as errors speak of it.
std::string describe_input(const Value& value) {
  return fmt::format("{} is computed from data and known only at run time", in_quotes(value.name));
}
}  // namespace

void wrong(std::string message) { throw Fault{ErrorKind::invalid_input, std::move(message)}; }
void refuse(std::string message) { throw Fault{ErrorKind::unsupported, std::move(message)}; }

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t value = 0;
  if (__builtin_mul_overflow(a, b, &value) || value > largest || value < -largest) wrong("a size does not fit in 62 bits");
  return value;
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t value = 0;
  if (__builtin_add_overflow(a, b, &value) || value > largest || value < -largest) wrong("a size does not fit in 62 bits");
  return value;
}

std::int64_t elements(const Shape& shape) {
  if (shape.size() > most_dimensions) wrong(fmt::format("a tensor of {} dimensions; at most {} are allowed", shape.size(), most_dimensions));
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) wrong(fmt::format("shape {} has a negative size", shape_text(shape)));
    empty = empty || size == 0;
  }
  if (empty) return 0;
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(count, size, &count) || count > largest) {
      wrong(fmt::format("a tensor of shape {} is too big: elements must fit in 62 bits", shape_text(shape)));
    }
  }
  return count;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape out(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t x = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const std::int64_t y = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (x != y && x != 1 && y != 1) wrong(fmt::format("shapes {} and {} do not broadcast", shape_text(a), shape_text(b)));
    out[i] = x == 1 ? y : x;
  }
  return out;
}

std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) wrong(fmt::format("axis {} is outside of a tensor of rank {}", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

std::array<std::int64_t, 2> two(const std::vector<std::int64_t>& list, std::int64_t fill) {
  if (list.size() == 1) return {fill, list[0]};
  return {list.at(0), list.at(1)};
}

const Value& Call::in(std::size_t index) const {
  if (!has(index)) wrong(fmt::format("input {} is missing", index));
  return *inputs_[index];
}

void Call::out(std::size_t index, Shape shape, DType dtype) {
  if (!has_output(index)) return;
  elements(shape);
  outputs_[index]->shape = std::move(shape);
  outputs_[index]->dtype = dtype;
}

bool Call::may_fold(std::int64_t count) {
  if (count > fold_limit || count > fold_budget_) return false;
  fold_budget_ -= count;
  return true;
}

void Call::out_values(std::size_t index, Shape shape, DType dtype, std::vector<std::int64_t> values) {
  if (!has_output(index)) return;
  out(index, std::move(shape), dtype);
  outputs_[index]->constant = true;
  outputs_[index]->data.whole = std::make_shared<const std::vector<std::int64_t>>(std::move(values));
}

std::int64_t Call::whole(const std::string& key, std::int64_t fallback) const {
  const auto at = node.attributes.find(key);
  if (at == node.attributes.end()) return fallback;
  if (at->second.kind != Attribute::Kind::whole) wrong(fmt::format("attribute {} must be a whole number", key));
  return at->second.whole;
}

double Call::real(const std::string& key, double fallback) const {
  const auto at = node.attributes.find(key);
  if (at == node.attributes.end()) return fallback;
  if (at->second.kind != Attribute::Kind::real) wrong(fmt::format("attribute {} must be a real number", key));
  return at->second.real;
}

std::string Call::text(const std::string& key, const std::string& fallback) const {
  const auto at = node.attributes.find(key);
  if (at == node.attributes.end()) return fallback;
  if (at->second.kind != Attribute::Kind::text) wrong(fmt::format("attribute {} must be a text", key));
  return at->second.text;
}

std::vector<std::int64_t> Call::wholes(const std::string& key, std::vector<std::int64_t> fallback) const {
  const auto at = node.attributes.find(key);
  if (at == node.attributes.end()) return fallback;
  if (at->second.kind != Attribute::Kind::wholes) wrong(fmt::format("attribute {} must be a list of whole numbers", key));
  return at->second.wholes;
}

std::vector<std::int64_t> Call::known_wholes(std::size_t index, std::string_view what) const {
  const Value& value = in(index);
  if (!value.data.whole) {
    if (value.constant && elements(value.shape) == 0) return {};
    if (value.data.real) wrong(fmt::format("{} must be whole numbers", what));
    refuse(fmt::format("{}: {}", what, describe_input(value)));
  }
  return *value.data.whole;
}

std::vector<double> Call::known_reals(std::size_t index, std::string_view what) const {
  const Value& value = in(index);
  if (value.data.real) return {value.data.real->begin(), value.data.real->end()};
  if (value.data.whole) return {value.data.whole->begin(), value.data.whole->end()};
  if (value.constant && elements(value.shape) == 0) return {};
  refuse(fmt::format("{}: {}", what, describe_input(value)));
}

std::optional<std::vector<std::int64_t>> Call::attribute_or_input(const std::string& key, std::size_t index) const {
  if (has_attribute(key)) return wholes(key);
  if (has(index)) return known_wholes(index, key);
  return std::nullopt;
}

}  // namespace gnomon::workloads::import
