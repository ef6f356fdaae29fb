#pragma once

#include <map>
#include <string>

#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// The values of the templates' places that all dataflows share.
std::map<std::string, std::string> array_places(const ArrayParameters& parameters, const std::string& top);

/// The module of a PE: the same for arrays of all sizes, so that synthesis meets it once.
std::string pe_name(const ArrayParameters& parameters);

/// Text of the two families; the places are filled already.
std::string os_text(const ArrayParameters& parameters, RtlStyle style, const std::map<std::string, std::string>& places);
std::string held_text(const ArrayParameters& parameters, RtlStyle style, const std::map<std::string, std::string>& places);

}  // namespace gnomon::hls
