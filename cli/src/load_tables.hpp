#pragma once

#include <string>

#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon {

/// Whether a file's name says that it holds records or designs, compressed or not.
bool is_json(const std::string& file);

/// What a JSON document holds, by the members of the first object.
enum class JsonKind { designs, kernels, records, other };

/// Rows from JSON of a known kind, in the form that the model takes (null: one that is to be trained).
Expected<surrogate::NetworkTables> json_tables(const std::string& text, const std::string& file, JsonKind kind, const surrogate::Model* asked);

/// A table, a design or a list of designs (.json), kernels (.json), or records of the wa-hls4ml schema (.json, .jsonl, compressed or not), and the nodes of its rows where there are any; in the
/// form that the model takes, where one is given. Errors: what the file holds and what the model wants, where these differ.
Expected<surrogate::NetworkTables> load_tables(const std::string& data, const std::string& nodes, const surrogate::Model* asked = nullptr);

/// What a model is to be asked with, in words: `designs (.json with "cores", ...), or a table with its features (...)`.
std::string wanted_by(const surrogate::Model& model);

}  // namespace gnomon
