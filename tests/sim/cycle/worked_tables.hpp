#pragma once

#include <string>

#include "random_case.hpp"

namespace gnomon::sim::testing {

/// The small work step of a worked table: two folds on a 2 x 2 array, everything on the chip in one tile.
RandomCase worked_case(arch::Dataflow dataflow, bool overlap);
/// The section "Worked tables" of docs/microarchitecture.md, from the slow reference.
std::string worked_tables();

}  // namespace gnomon::sim::testing
