#pragma once

#include "command.hpp"

namespace gnomon::cli {

/// `gnomon dataset KIND`. A new kind is one function below, one file `command_dataset_KIND.cpp` and one line in `dataset_kinds()`.
Command dataset_command();

Command traces_dataset();
Command memory_space_dataset();
Command designs_dataset();
Command parts_dataset();
Command memory_points_dataset();
Command layers_dataset();
Command operators_dataset();
Command kernels_dataset();

}  // namespace gnomon::cli
