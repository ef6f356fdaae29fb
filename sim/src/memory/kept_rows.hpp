#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>

#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::sim {

/// What a table that was stopped holds of whole simulations: its header and their lines, how many simulations and how many lines.
struct KeptRows {
  std::string content;
  std::int64_t simulations = 0, lines = 0;
};

/// Reads the start of a table of simulations, each of so many lines as `lines_of_row` says, whose line l begins with `begin(row, l)`; there may be no file yet. What comes behind the last whole simulation is
/// left out: a run may have been stopped between or within lines. Errors: another header, a line that begins otherwise (`whose` says what the rows should be of).
inline Expected<KeptRows> kept_rows(const std::filesystem::path& path, const std::string& header, std::int64_t count, const std::string& whose, const std::function<std::size_t(std::int64_t)>& lines_of_row,
                                    const std::function<std::string(std::int64_t, std::size_t)>& begin) {
  KeptRows out{header + "\n"};
  if (std::error_code code; !std::filesystem::exists(path, code)) return out;
  const auto text = read_file(path, std::size_t{1} << 30);
  if (!text) return fail(Error(text.error()));
  if (!text->empty() && !text->starts_with(out.content)) {
    return fail(ErrorKind::invalid_input, path.string() + ": holds another table (its header differs); give another name, or remove it");
  }
  const std::size_t end = text->rfind('\n');
  std::istringstream lines(end == text->npos ? std::string() : text->substr(0, end + 1));
  std::string line;
  std::getline(lines, line);
  while (out.simulations < count) {
    const std::size_t due = lines_of_row(out.simulations);
    std::string some;
    std::size_t got = 0;
    for (; got < due && std::getline(lines, line); ++got) {
      if (!line.starts_with(begin(out.simulations, got))) return fail(ErrorKind::invalid_input, path.string() + ": row " + std::to_string(out.lines + static_cast<std::int64_t>(got)) + " is not of " + whose);
      some += line + "\n";
    }
    if (got < due) break;
    out.content += some;
    out.lines += static_cast<std::int64_t>(due);
    ++out.simulations;
  }
  return out;
}

}  // namespace gnomon::sim
