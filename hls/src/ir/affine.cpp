#include "ir/affine.hpp"

#include <algorithm>
#include <cctype>

#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t limit = std::int64_t{1} << 40;

struct Scanner {
  std::string_view text;
  std::size_t at = 0;

  void blanks() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  }
  bool take(char c) {
    blanks();
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
  }
  std::string_view word() {
    blanks();
    const std::size_t begin = at;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_')) ++at;
    return text.substr(begin, at - begin);
  }
  bool done() {
    blanks();
    return at == text.size();
  }
};

template <class List>
std::optional<std::size_t> position(const List& list, std::string_view name) {
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].name == name) return i;
  return std::nullopt;
}

}  // namespace

tl::expected<Affine, std::string> parse_affine(const std::string& text, const Kernel& kernel, bool values_allowed) {
  const auto wrong = [&](const std::string& message) {
    return tl::unexpected<std::string>(in_quotes(text) + " is not an affine index: " + message);
  };
  Affine affine;
  affine.coefficients.assign(kernel.loops.size(), 0);
  Scanner scan{text};
  bool first = true;
  while (first || !scan.done()) {
    std::int64_t sign = 1;
    if (scan.take('-'))
      sign = -1;
    else if (!scan.take('+') && !first)
      return wrong("a sum of terms like 2*m, k, 3 is needed");
    first = false;
    std::int64_t factor = 1;
    std::optional<std::size_t> loop, value;
    int parts = 0;
    do {
      const std::string_view word = scan.word();
      if (word.empty()) return wrong("a number or a loop is missing");
      long long digits = 0;
      if (std::isdigit(static_cast<unsigned char>(word.front()))) {
        if (!parse_integer(word, digits) || digits > limit) return wrong(in_quotes(word) + " is not a whole number up to 2^40");
        if (factor > limit / std::max<std::int64_t>(1, digits)) return wrong("a factor beyond 2^40");
        factor *= digits;
        continue;
      }
      if (loop || value) return wrong("a product of two loops");
      loop = position(kernel.loops, word);
      if (!loop) value = position(kernel.ops, word);
      if (value && !values_allowed)
        return wrong(in_quotes(word) + " is a value; an index that depends on data must be declared: \"gather\" or \"scatter\"");
      if (!loop && !value) {
        std::vector<std::string> names;
        for (const KernelLoop& l : kernel.loops) names.push_back(l.name);
        if (values_allowed)
          for (const KernelOp& op : kernel.ops)
            if (!op.name.empty()) names.push_back(op.name);
        return wrong(unknown_word(values_allowed ? "loop or earlier value" : "loop", word, names));
      }
    } while (++parts < 8 && scan.take('*'));
    if (value) {
      affine.values.push_back({*value, sign * factor});
      continue;
    }
    std::int64_t& place = loop ? affine.coefficients[*loop] : affine.constant;
    place += sign * factor;
    if (place > limit || place < -limit) return wrong("a factor beyond 2^40");
  }
  return affine;
}

std::string to_text(const Affine& affine, const Kernel& kernel) {
  std::string text;
  const auto add = [&](std::int64_t factor, const std::string& name) {
    if (factor == 0) return;
    text += text.empty() ? (factor < 0 ? "-" : "") : (factor < 0 ? " - " : " + ");
    const std::int64_t size = factor < 0 ? -factor : factor;
    if (name.empty())
      text += std::to_string(size);
    else
      text += (size == 1 ? "" : std::to_string(size) + "*") + name;
  };
  for (std::size_t l = 0; l < affine.coefficients.size() && l < kernel.loops.size(); ++l)
    add(affine.coefficients[l], kernel.loops[l].name);
  for (const auto& [op, factor] : affine.values) add(factor, kernel.ops[op].name);
  add(affine.constant, "");
  return text.empty() ? "0" : text;
}

std::pair<Wide, Wide> affine_range(const Kernel& kernel, const Affine& affine, std::optional<std::size_t> innermost) {
  const std::vector<std::size_t> path = kernel.path(innermost);
  Wide ends[2];
  for (int high = 0; high < 2; ++high) {
    std::vector<Wide> factors(affine.coefficients.begin(), affine.coefficients.end());
    factors.resize(kernel.loops.size(), 0);
    Wide sum = affine.constant;
    // From the innermost loop outwards: the loop's variable is 0 or its trip - 1, which is a sum of the loops outside it.
    for (std::size_t p = path.size(); p-- > 0;) {
      const KernelLoop& loop = kernel.loops[path[p]];
      const Wide factor = factors[path[p]];
      if (factor == 0 || (factor > 0) != (high == 1)) continue;
      if (!loop.trip) {
        sum += factor * (loop.extent - 1);
        continue;
      }
      sum += factor * (Wide{loop.trip->constant} - 1);
      for (std::size_t l = 0; l < loop.trip->coefficients.size(); ++l) factors[l] += factor * loop.trip->coefficients[l];
    }
    ends[high] = sum;
  }
  return {ends[0], ends[1]};
}

}  // namespace gnomon::hls
