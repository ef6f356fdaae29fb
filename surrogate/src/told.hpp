#pragma once

#include "gnomon/surrogate/train.hpp"

namespace gnomon::surrogate {

/// How evaluators learn from what a campaign tells them: a small ensemble, quick enough to be trained anew while the campaign runs.
inline TrainOptions told_options(int max_epochs) {
  TrainOptions options;
  options.label_kind = "told results";
  options.family = "ensemble";
  options.term = "never";
  options.folds = 1;
  options.hidden = {32, 32};
  options.members = 4;
  options.max_epochs = max_epochs;
  options.test_fraction = 0;
  options.threads = 1;  // evaluators run in threads of their own already
  return options;
}

}  // namespace gnomon::surrogate
