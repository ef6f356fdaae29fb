#pragma once

#include <string>
#include <utility>

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// `2*m + k - 1` over the kernel's loops and, where allowed, its ops so far; the error is a message without a place.
tl::expected<Affine, std::string> parse_affine(const std::string& text, const Kernel& kernel, bool values_allowed);
std::string to_text(const Affine& affine, const Kernel& kernel);

/// Smallest and largest value of the loops' part of an affine sum inside `innermost`: exact where every loop runs at least once.
std::pair<Wide, Wide> affine_range(const Kernel& kernel, const Affine& affine, std::optional<std::size_t> innermost);

}  // namespace gnomon::hls
