#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gnomon::search {

/// The tables of DRAM controllers that are part of the library, by trace.
std::vector<std::pair<std::string, std::string_view>> table_bytes();

}  // namespace gnomon::search
