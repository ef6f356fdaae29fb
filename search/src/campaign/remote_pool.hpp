#pragma once

#include <memory>

#include "campaign/pool.hpp"
#include "gnomon/search/engine.hpp"

namespace gnomon::search {

/// A pool behind somebody else's executor. Results that evaluators should learn from do not reach it.
std::unique_ptr<Pool> make_remote_pool(const Remote& remote);

Expected<arch::Evaluation> read_answer(const std::string& text);

}  // namespace gnomon::search
