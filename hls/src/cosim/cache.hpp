#pragma once

#include <filesystem>

namespace gnomon::hls {

/// $XDG_CACHE_HOME/gnomon, ~/.cache/gnomon, or a folder beside the temporary files.
std::filesystem::path default_cache();

/// Marks a cached folder as used now.
void touch_cached(const std::filesystem::path& place);

/// Removes the folders that have not been used for longest (compiled models, runtimes, synthesised blocks) until the cache holds at
/// most GNOMON_CACHE_MIB (default 2048) MiB. Folders used within the last hour stay, whatever the size: another process may be about
/// to load them.
void trim_cache(const std::filesystem::path& cache);

}  // namespace gnomon::hls
