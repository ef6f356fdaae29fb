#pragma once

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// A field of a CSV table in quotes; quotes within are doubled.
std::string quoted(const std::string& text);
/// The fields of a line, quotes taken off.
std::vector<std::string> fields_of(const std::string& line);
/// Lines of a table that was stopped: whole ones behind the header `first`; none without a file. Error: another header.
Expected<std::vector<std::string>> kept_lines(const std::filesystem::path& file, const std::string& first);
/// Writes `path` compressed; it is there whole or not at all.
Expected<void> write_gzip(const std::filesystem::path& path, const std::string& text);

/// work(0) to work(count - 1), `jobs` of them at a time.
template <class Work>
void in_threads(int jobs, std::size_t count, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 1; t < std::min<std::size_t>(count, static_cast<std::size_t>(std::clamp(jobs, 1, 64))); ++t) threads.emplace_back(run);
  run();
  for (std::thread& t : threads) t.join();
}

}  // namespace gnomon::hls
