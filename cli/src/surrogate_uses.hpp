#pragma once

#include <string>

#include "command.hpp"
#include "gnomon/surrogate/import.hpp"

namespace gnomon::cli {

/// `gnomon surrogate suggest` and `gnomon surrogate benchmark`: what trained models are used for.
void add_suggest(CLI::App& parent, Action& action);
void add_benchmark(CLI::App& parent, Action& action);

/// A table, a design or a list of designs (.json), or records of the wa-hls4ml schema (.json, .jsonl), and the nodes of its rows where there are any.
Expected<surrogate::NetworkTables> load_tables(const std::string& data, const std::string& nodes);

}  // namespace gnomon::cli
