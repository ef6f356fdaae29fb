#pragma once

#include "command.hpp"
#include "load_tables.hpp"

namespace gnomon::cli {

/// `gnomon surrogate suggest` and `gnomon surrogate benchmark`: what trained models are used for.
void add_suggest(CLI::App& parent, Action& action);
void add_benchmark(CLI::App& parent, Action& action);

/// `gnomon surrogate predict`.
void add_predict(CLI::App& parent, Action& action);

}  // namespace gnomon::cli
