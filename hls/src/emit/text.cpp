#include "emit/text.hpp"

namespace gnomon::hls {

std::string fill_places(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = text.find('@');
    const std::size_t end = begin == text.npos ? text.npos : text.find('@', begin + 1);
    const auto value = end == text.npos ? values.end() : values.find(std::string(text.substr(begin + 1, end - begin - 1)));
    if (begin == text.npos) return out.append(text);
    if (value == values.end()) {
      out.append(text.substr(0, begin + 1));
      text.remove_prefix(begin + 1);
      continue;
    }
    out.append(text.substr(0, begin)).append(value->second);
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string choose_lines(std::string_view text, bool variant) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!line.empty() && (line.front() == '?' || line.front() == '!')) {
      if ((line.front() == '?') != variant) continue;
      line.remove_prefix(1);
    }
    out.append(line).push_back('\n');
  }
  return out;
}

int bits_for(std::int64_t value) {
  int bits = 1;
  while (value >> bits) ++bits;
  return bits;
}

}  // namespace gnomon::hls
