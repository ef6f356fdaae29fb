#include "console.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unistd.h>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/version.hpp"

namespace gnomon::cli {

bool stderr_in_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(2) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

void print_error(const Error& error) {
  const bool colour = stderr_in_colour();
  for (const Problem& problem : error.problems()) {
    std::string text = problem.text();
    std::fprintf(stderr, "%sgnomon:%s %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "", text.c_str());
  }
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const Json& document) { print(document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"); }

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> width(head.size());
  const auto widen = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size() && i < width.size(); ++i) width[i] = std::max(width[i], row[i].size());
  };
  widen(head);
  for (const auto& row : rows) widen(row);
  std::string out;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size() && i < width.size(); ++i) {
      const std::string pad(width[i] - row[i].size(), ' ');
      text += (i > 0 ? "  " : "") + (i < left ? row[i] + pad : pad + row[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(head);
  for (const auto& row : rows) line(row);
  return out;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return fmt::format("{}", value);
  if (size < 1000 && value == std::floor(value)) return fmt::format("{:.0f}", value);
  constexpr std::string_view big[] = {"", " k", " M", " G", " T", " P"};
  constexpr std::string_view little[] = {"", " m", " u", " n", " p", " f"};
  if (size >= 1) {
    double scaled = value;
    std::size_t step = 0;
    while (std::abs(scaled) >= 999.5 && step + 1 < std::size(big)) {
      scaled /= 1000;
      ++step;
    }
    return fmt::format("{:.3g}{}", scaled, big[step]);
  }
  double scaled = value;
  std::size_t step = 0;
  while (std::abs(scaled) < 0.9995 && scaled != 0 && step + 1 < std::size(little)) {
    scaled *= 1000;
    ++step;
  }
  return fmt::format("{:.3g}{}", scaled, little[step]);
}

std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return (value < 0 ? "-" : "") + digits;
}

Json json_number(double value) {
  constexpr double exact = 9007199254740992.0;
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) <= exact) return static_cast<std::int64_t>(value);
  return value;
}

Json provenance(const std::string& resolved_input, std::uint64_t seed) {
  return Json{{"version", version()}, {"commit", commit()}, {"input_sha256", sha256(resolved_input)}, {"seed", seed}};
}

}  // namespace gnomon::cli
