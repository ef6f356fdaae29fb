#pragma once

// Made by bench/delays.py with Yosys 0.23 and OpenSTA 2.0.17 and osu018_stdcells.lib.
// sha256 of the modules, the commands, the library and the versions: ba5bf5bd079ea8a1c08e25f113ba34d3f2241c1c1951e232a8fbdd7df0558159

#include <utility>
#include <vector>

namespace gnomon::hls::measured {

/// Width in bits (`choose`: inputs) and ns from inputs to outputs.
using Delays = std::vector<std::pair<int, double>>;

inline const Delays add{{1, 0.21}, {2, 0.36}, {4, 0.59}, {8, 1.18}, {12, 1.73}, {16, 2.3}, {24, 3.35}, {32, 4.47}, {48, 6.01}, {64, 7.72}};
inline const Delays multiply{{2, 0.51}, {4, 1.7}, {8, 3.09}, {12, 4.25}, {16, 5.21}, {24, 6.58}, {32, 8.71}};
inline const Delays less{{1, 0.23}, {2, 0.36}, {4, 0.44}, {8, 0.6}, {12, 0.89}, {16, 0.77}, {24, 0.87}, {32, 0.93}, {48, 1.01}, {64, 1.22}};
inline const Delays equal{{1, 0.21}, {2, 0.28}, {4, 0.37}, {8, 0.41}, {12, 0.46}, {16, 0.54}, {24, 0.55}, {32, 0.59}, {48, 0.7}, {64, 0.71}};
inline const Delays shift{{2, 0.41}, {4, 0.61}, {8, 1.17}, {12, 1}, {16, 1.21}, {24, 0.99}, {32, 1.14}, {48, 2.17}, {64, 2.89}};
inline const Delays choose{{2, 0.24}, {4, 0.32}, {8, 0.45}, {16, 0.58}, {32, 0.63}, {64, 1.3}, {128, 1.07}, {256, 2.85}};
inline const Delays zeros{{2, 0.23}, {4, 0.31}, {8, 0.48}, {16, 0.81}, {32, 1.48}, {64, 2.81}};
inline const Delays logic{{1, 0.21}};

}  // namespace gnomon::hls::measured
