#pragma once

#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Where a model of layered networks has its features from, found once: which of the values that the text of the layers gives, or which column. It answers tables
/// that are plain in form; of others it says so, and the importer takes them, or says what is wrong with them.
class TextPlan {
 public:
  TextPlan() = default;
  explicit TextPlan(const std::vector<Feature>& features);

  /// [rows, features] as import and encoding make them. False: it is for these to say.
  bool encode(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const arch::LabelTable& table, RealMatrix& x) const;

 private:
  bool ready_ = false;
  std::vector<int> sources_;  // per feature: a derived value, or -1 - a column
};

}  // namespace gnomon::surrogate
