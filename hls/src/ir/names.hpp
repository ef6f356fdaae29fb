#pragma once

#include <string>

namespace gnomon::hls {

/// Empty where a name may be used; else what is wrong with it: not an identifier, or a word of SystemVerilog or C++.
std::string name_problem(const std::string& name);

}  // namespace gnomon::hls
