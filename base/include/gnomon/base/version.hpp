#pragma once

#include <string>

namespace gnomon {

/// Release, as in `0.1.0`.
std::string version();
/// Commit that the program was built from, twelve digits, `+` behind it if the tree had changes; `unknown` outside a checkout.
std::string commit();

}  // namespace gnomon
