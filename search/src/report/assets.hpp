#pragma once

/// The report's page, style and script (page.html, page.css, page.js), put into the library when it is built.
namespace gnomon::search {

extern const char* const page_html;
extern const char* const page_css;
extern const char* const page_js;

}  // namespace gnomon::search
