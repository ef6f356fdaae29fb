#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::cli {

/// Whether stderr is a terminal on which colour is welcome (`NO_COLOR` unset, `TERM` not dumb).
bool stderr_in_colour();

/// Prints each problem on a line of its own to stderr, `gnomon: ` in front.
void print_error(const Error& error);

/// One JSON document on stdout.
void print_json(const Json& document);
void print(const std::string& text);

/// Columns aligned for reading; numbers (all but the first `left` columns) to the right.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows, std::size_t left = 1);

/// 12.3 k, 4.56 M, ... with three digits; whole numbers below 1000 as they are.
std::string short_number(double value);
/// 1 234 567 written 1,234,567.
std::string grouped(std::int64_t value);
/// As an integer in JSON where it is whole and exact.
Json json_number(double value);

/// `{"version": ..., "commit": ..., "input_sha256": ..., "seed": ...}`.
Json provenance(const std::string& resolved_input, std::uint64_t seed);

}  // namespace gnomon::cli
