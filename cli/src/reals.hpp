#pragma once

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <string>

namespace gnomon::cli {

/// Numbers from `least` to `most`. CLI::Range lets NaN pass, which is in no range.
inline CLI::Validator reals(double least, double most) {
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) return "";
        return fmt::format("found {}; a number from {} to {} is allowed", text, least, most);
      },
      fmt::format("FLOAT in [{} - {}]", least, most));
}

}  // namespace gnomon::cli
