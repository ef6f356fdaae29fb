#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "gnomon/base/error.hpp"

namespace gnomon {

/// SHA-256 (FIPS 180-4) of the bytes, as 64 hexadecimal digits: for provenance, where two inputs must not be confused.
std::string sha256(std::string_view bytes);
/// Of a file's content, read piece by piece.
Expected<std::string> sha256_file(const std::filesystem::path& path);

/// The same for bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// Of everything so far; afterwards only a new object may be used.
  std::string finish();

 private:
  std::array<std::uint32_t, 8> state_{};
  std::array<unsigned char, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t bytes_ = 0;
  void take(const unsigned char* block);
};

/// 64-bit FNV-1a of the bytes: for tables in memory.
std::uint64_t fnv1a(std::string_view bytes);

}  // namespace gnomon
