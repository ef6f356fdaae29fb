#include <nlohmann/json.hpp>

#include "gnomon/search/report.hpp"
#include "report/assets.hpp"

namespace gnomon::search {
namespace {

void put(std::string& page, const std::string& mark, const std::string& text) {
  const std::size_t at = page.find(mark);
  if (at != std::string::npos) page.replace(at, mark.size(), text);
}

/// The title is text inside HTML; the data are JSON inside a script element, where only `<` could end it early.
std::string html_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

std::string script_text(const std::string& json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string fill_page(const std::string& with, const std::string& script, const Json& data) {
  std::string page = with;
  // The data come last: nothing in them can stand for another mark.
  put(page, "%STYLE%", page_css);
  put(page, "%SCRIPT%", script);
  const std::size_t title = page.find("%TITLE%");
  const std::string name = html_text(data.value("name", std::string("campaign")));
  if (title != std::string::npos) page.replace(title, 7, name);
  const std::size_t place = page.rfind("%DATA%");
  if (place != std::string::npos) page.replace(place, 6, script_text(data.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return page;
}

std::string render_report(const Json& data) {
  return fill_page(page_html, std::string(kit_js) + page_js, data);
}

}  // namespace gnomon::search
