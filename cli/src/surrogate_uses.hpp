#pragma once

#include <string>

#include "command.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::cli {

/// `gnomon surrogate suggest` and `gnomon surrogate benchmark`: what trained models are used for.
void add_suggest(CLI::App& parent, Action& action);
void add_benchmark(CLI::App& parent, Action& action);

/// `gnomon surrogate predict`.
void add_predict(CLI::App& parent, Action& action);

/// Whether a file's name says that it holds records or designs, compressed or not.
bool is_json(const std::string& file);
/// A table, a design or a list of designs (.json), or records of the wa-hls4ml schema (.json, .jsonl, compressed or not), and the nodes of its rows where there are any; in the form that
/// the model takes, where one is given.
Expected<surrogate::NetworkTables> load_tables(const std::string& data, const std::string& nodes, const surrogate::Model* asked = nullptr);

}  // namespace gnomon::cli
