#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace gnomon::hls {

/// Puts values into `@NAME@` places. A name without a value stays as it is and fails in every tool that reads the text.
std::string fill_places(std::string_view text, const std::map<std::string, std::string>& values);

/// Lines that begin with `?` belong to the variant (their mark is taken off), lines that begin with `!` to its opposite.
std::string choose_lines(std::string_view text, bool variant);

/// Bits of an unsigned number that holds `value`; at least 1.
int bits_for(std::int64_t value);

}  // namespace gnomon::hls
