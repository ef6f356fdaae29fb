#pragma once

#include "gnomon/search/engine.hpp"

namespace gnomon::cli {

/// Shows a campaign's progress on stderr: a line that is rewritten on a terminal, else a new line every ten seconds.
class ProgressView {
 public:
  ProgressView(std::string objective, std::string unit) : objective_(std::move(objective)), unit_(std::move(unit)) {}
  ~ProgressView() { finish(); }
  void show(const search::Progress& progress);
  /// Ends the rewritten line.
  void finish();

 private:
  std::string objective_, unit_;
  double last_shown_s_ = -1e9;
  bool open_ = false;
};

}  // namespace gnomon::cli
