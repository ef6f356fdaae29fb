#pragma once

#include <string>
#include <vector>

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// `2*m + k - 1` over the loops; the error is a message without a place.
tl::expected<Affine, std::string> parse_affine(const std::string& text, const std::vector<KernelLoop>& loops);
std::string to_text(const Affine& affine, const std::vector<KernelLoop>& loops);

}  // namespace gnomon::hls
