#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gnomon {

/// SHA-256 (FIPS 180-4) of the bytes, as 64 hexadecimal digits: for provenance, where two inputs must not be confused.
std::string sha256(std::string_view bytes);

/// 64-bit FNV-1a of the bytes: for tables in memory.
std::uint64_t fnv1a(std::string_view bytes);

}  // namespace gnomon
