#pragma once

#include <memory>

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::search {

/// Runs a user's program for each evaluation: the parameters as a JSON object on its stdin, GNOMON_FIDELITY and GNOMON_SEED in
/// its environment, the campaign's folder as its working folder; it answers with one JSON object of numbers on stdout and exit
/// code 0. A program name with a slash is looked up from the campaign's folder, another one on PATH.
std::unique_ptr<arch::Evaluator> make_command_evaluator();

}  // namespace gnomon::search
