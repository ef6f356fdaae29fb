#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "gnomon/search/compare.hpp"
#include "store/sqlite.hpp"

namespace gnomon::search {

/// compare.sqlite: one row per finished run. What follows from the campaign is in `cell`, times are in `pace`. One writer, by a lock
/// on the folder.
class Cells {
 public:
  /// `identity` is the campaign without agent, seed, name and budget, as JSON; a folder that holds another one is refused.
  static Expected<Cells> open(const std::filesystem::path& folder, const std::string& identity, bool fresh);
  Cells(Cells&&) noexcept;
  Cells& operator=(Cells&&) noexcept;
  ~Cells();

  /// A finished run with its pace, `agent`, `variant` and `seed` left to the caller.
  Expected<std::optional<CompareCell>> find(const std::string& key) const;
  Expected<void> add(const std::string& key, const std::string& agent, const std::string& options, std::int64_t budget,
                     const CompareCell& cell);

 private:
  Cells();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon::search
