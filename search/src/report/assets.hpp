#pragma once

#include <string>

#include "gnomon/base/json.hpp"

/// Pages, style and scripts of the reports (page.*, kit.js, compare.*), put into the library when it is built.
namespace gnomon::search {

extern const char* const page_html;
extern const char* const page_css;
extern const char* const page_js;
extern const char* const kit_js;  ///< what both pages draw with
extern const char* const compare_html;
extern const char* const compare_js;

/// The page with the style, a script and the data put in; nothing in the data can end their element early.
std::string fill_page(const std::string& page, const std::string& script, const Json& data);

}  // namespace gnomon::search
