#include "cosim/cache.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace gnomon::hls {

namespace fs = std::filesystem;

fs::path default_cache() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg == '/') return fs::path(xdg) / "gnomon";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return fs::path(home) / ".cache" / "gnomon";
  std::error_code code;
  return fs::temp_directory_path(code) / ("gnomon-cache-" + std::to_string(getuid()));
}

void touch_cached(const fs::path& place) {
  std::error_code ignored;
  fs::last_write_time(place, fs::file_time_type::clock::now(), ignored);
}

void trim_cache(const fs::path& cache) {
  struct Entry {
    fs::path path;
    fs::file_time_type used;
    std::uintmax_t bytes;
  };
  std::uintmax_t limit = std::uintmax_t{2048} << 20;
  if (const char* wish = std::getenv("GNOMON_CACHE_MIB")) {
    char* end = nullptr;
    const unsigned long long mib = std::strtoull(wish, &end, 10);
    if (end != wish && *end == '\0' && mib <= (1ull << 30)) limit = static_cast<std::uintmax_t>(mib) << 20;
  }
  std::error_code code;
  std::vector<Entry> entries;
  std::uintmax_t total = 0;
  for (fs::directory_iterator at(cache, code), end; !code && at != end; at.increment(code)) {
    const std::string name = at->path().filename().string();
    std::error_code gone;  // another process may be trimming as well
    if (name.starts_with("gnomon-") || name.starts_with("work-old-")) {  // what a killed run left: no tool works in it for so long
      if (fs::last_write_time(at->path(), gone) < fs::file_time_type::clock::now() - std::chrono::hours(24) && !gone) fs::remove_all(at->path(), gone);
      continue;
    }
    if (!name.starts_with("model-") && !name.starts_with("runtime-") && !name.starts_with("synth-") && !name.starts_with("sta-")) continue;
    Entry entry{at->path(), fs::last_write_time(at->path(), gone), 0};
    for (fs::directory_iterator file(at->path(), gone), last; !gone && file != last; file.increment(gone)) {
      std::error_code size_error;
      const std::uintmax_t size = fs::file_size(file->path(), size_error);
      if (!size_error) entry.bytes += size;
    }
    total += entry.bytes;
    entries.push_back(std::move(entry));
  }
  if (total <= limit) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  const auto recent = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const Entry& entry : entries) {
    if (total <= limit || entry.used > recent) break;
    // Renamed first, so that nobody finds half of it.
    const fs::path doomed = cache / ("work-old-" + entry.path.filename().string());
    std::error_code gone;
    fs::rename(entry.path, doomed, gone);
    if (gone) continue;
    fs::remove_all(doomed, gone);
    total -= std::min(total, entry.bytes);
  }
}

}  // namespace gnomon::hls
