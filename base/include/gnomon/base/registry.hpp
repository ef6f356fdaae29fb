#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon {

/// Named things of one kind (agents, dataflows, models), filled by an explicit list in the folder that owns them.
/// `Entry` is whatever is looked up: a descriptor struct, a factory function.
template <class Entry>
class Registry {
 public:
  explicit Registry(std::string kind) : kind_(std::move(kind)) {}

  void add(const std::string& name, Entry entry) { entries_.insert_or_assign(name, std::move(entry)); }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : entries_) out.push_back(entry.first);
    return out;
  }

  /// The entry, or an error that names the known ones and the nearest.
  Expected<const Entry*> find(std::string_view name) const {
    const auto at = entries_.find(std::string(name));
    if (at == entries_.end()) return fail(ErrorKind::invalid_input, unknown_word(kind_, name, names()));
    return &at->second;
  }

  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::string kind_;
  std::map<std::string, Entry> entries_;
};

}  // namespace gnomon
