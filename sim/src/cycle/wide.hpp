#pragma once

namespace gnomon::sim::cycle {

/// Products of two 64-bit counts.
__extension__ typedef __int128 Wide;

}  // namespace gnomon::sim::cycle
