#include "gnomon/search/compare.hpp"

#include <nlohmann/json.hpp>

#include "report/assets.hpp"

namespace gnomon::search {

std::string render_comparison(const Json& comparison) {
  return fill_page(compare_html, std::string(kit_js) + compare_js, comparison);
}

}  // namespace gnomon::search
