#pragma once

#include "command.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon::cli {

/// `gnomon surrogate explain`.
void add_surrogate_explain(CLI::App& parent, Action& action);

}  // namespace gnomon::cli
