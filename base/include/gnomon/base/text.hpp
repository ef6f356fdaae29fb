#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gnomon {

/// The candidate nearest to `word` by edit distance (insert, delete, replace, swap of neighbours, case ignored), or empty
/// where none is near enough to be a slip: more than a third of the longer word, and at most 4, away.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// `a, b, c`.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

/// The text of a message about a word that is not among the allowed ones: `unknown WHAT "word"; did you mean "near"? (allowed: ...)`.
std::string unknown_word(std::string_view what, std::string_view word, const std::vector<std::string>& allowed);

/// The text with quotes around it; control characters and invalid bytes shown as escapes, cut after 80 characters.
std::string in_quotes(std::string_view text);

/// A finite double as the shortest decimal that reads back to the same value; independent of the locale. `nan`, `inf`, `-inf` otherwise.
std::string number(double value);

/// The text without blanks (space, tab, CR, LF) at both ends.
std::string_view trimmed(std::string_view text);

/// Parses a whole decimal integer or a whole finite floating-point number; false where anything else is in the text.
bool parse_integer(std::string_view text, long long& value);
bool parse_real(std::string_view text, double& value);

}  // namespace gnomon
