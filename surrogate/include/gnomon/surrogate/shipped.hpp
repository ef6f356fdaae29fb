#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gnomon::surrogate {

/// A trained model that comes with gnomon; `surrogate/models/README.md` has its card, `surrogate/models/make.sh` makes it.
struct ShippedModel {
  std::string name, summary;
  std::string_view bytes;
};
/// `Model::load` takes these names where no file is called so.
const std::vector<ShippedModel>& shipped_models();

}  // namespace gnomon::surrogate
