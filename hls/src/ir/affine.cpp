#include "ir/affine.hpp"

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

}  // namespace

tl::expected<Affine, std::string> parse_affine(const std::string& text, const std::vector<KernelLoop>& loops) {
  const auto wrong = [&](const std::string& message) {
    return tl::unexpected<std::string>(in_quotes(text) + " is not an affine index: " + message);
  };
  Affine affine;
  affine.coefficients.assign(loops.size(), 0);
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
    std::optional<std::size_t> loop;
    int parts = 0;
    do {
      const std::string_view word = scan.word();
      if (word.empty()) return wrong("a number or a loop is missing");
      long long value = 0;
      if (std::isdigit(static_cast<unsigned char>(word.front()))) {
        if (!parse_integer(word, value) || value > limit) return wrong(in_quotes(word) + " is not a whole number up to 2^40");
        if (factor > limit / std::max<std::int64_t>(1, value)) return wrong("a factor beyond 2^40");
        factor *= value;
      } else {
        std::vector<std::string> names;
        for (std::size_t l = 0; l < loops.size(); ++l) {
          names.push_back(loops[l].name);
          if (loops[l].name != word) continue;
          if (loop) return wrong("a product of two loops");
          loop = l;
        }
        if (names.empty() || std::find(names.begin(), names.end(), word) == names.end())
          return wrong(unknown_word("loop", word, names));
      }
    } while (++parts < 8 && scan.take('*'));
    std::int64_t& place = loop ? affine.coefficients[*loop] : affine.constant;
    place += sign * factor;
    if (place > limit || place < -limit) return wrong("a factor beyond 2^40");
  }
  return affine;
}

std::string to_text(const Affine& affine, const std::vector<KernelLoop>& loops) {
  std::string text;
  const auto add = [&](std::int64_t factor, const std::string& loop) {
    if (factor == 0) return;
    text += text.empty() ? (factor < 0 ? "-" : "") : (factor < 0 ? " - " : " + ");
    const std::int64_t size = factor < 0 ? -factor : factor;
    if (loop.empty())
      text += std::to_string(size);
    else
      text += size == 1 ? loop : std::to_string(size) + "*" + loop;
  };
  for (std::size_t l = 0; l < loops.size() && l < affine.coefficients.size(); ++l) add(affine.coefficients[l], loops[l].name);
  add(affine.constant, "");
  return text.empty() ? "0" : text;
}

}  // namespace gnomon::hls
