#include "gnomon/workloads/load.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "import/lower.hpp"
#include "zoo/builder.hpp"

namespace gnomon::workloads {
namespace {

/// `NAME?key=1&key=2` cut into the name and its sizes.
Expected<std::string> cut_dimensions(const std::string& reference, std::map<std::string, std::int64_t>& dimensions) {
  const std::size_t mark = reference.find('?');
  if (mark == std::string::npos) return reference;
  std::string_view rest = std::string_view(reference).substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view item = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::size_t equals = item.find('=');
    long long size = 0;
    if (equals == std::string_view::npos || equals == 0 || !parse_integer(item.substr(equals + 1), size) || size < 1) {
      return invalid(reference, {}, fmt::format("{} is not a size; write ?NAME=SIZE&NAME=SIZE", in_quotes(item)));
    }
    dimensions[std::string(item.substr(0, equals))] = size;
  }
  return reference.substr(0, mark);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

Expected<void> only_symbolic(const std::string& shown_as, const LoadOptions& options) {
  if (options.dimensions.empty()) return {};
  return invalid(shown_as, {}, fmt::format("sizes of symbolic dimensions ({}) belong to ONNX files and built-in models",
                                           in_quotes(options.dimensions.begin()->first)));
}

}  // namespace

Expected<std::shared_ptr<const Graph>> load(const std::string& reference, const LoadOptions& given) {
  LoadOptions options = given;
  if (reference.empty()) return fail(ErrorKind::invalid_input, "no workload named; give a file (.onnx, .csv, .json) or zoo:NAME");
  if (options.batch < 1 || options.batch > 1 << 20) {
    return invalid(reference, {}, fmt::format("batch {} is not allowed; 1 to {}", options.batch, 1 << 20));
  }
  std::string name = reference;
  std::error_code code;
  const auto file_of = [&](const std::string& text) {
    const std::filesystem::path path(text);
    return path.is_relative() && !options.base.empty() ? options.base / path : path;
  };
  if (!std::filesystem::exists(file_of(name), code)) {
    auto cut = cut_dimensions(reference, options.dimensions);
    if (!cut) return fail(std::move(cut.error()));
    name = *cut;
  }
  if (name.rfind("zoo:", 0) == 0) return zoo::load_zoo(name.substr(4), options);

  const std::filesystem::path path = file_of(name);
  const std::string shown_as = path.string();
  const std::string kind = lower_case(path.extension().string());
  if (kind != ".onnx" && kind != ".csv" && kind != ".json") {
    return invalid(shown_as, {}, fmt::format("unknown kind of workload {}; allowed: .onnx, .csv (topology), .json, zoo:NAME", in_quotes(kind)));
  }
  if (std::filesystem::is_directory(path, code)) return invalid(shown_as, {}, "a directory, not a workload");
  if (kind == ".onnx") {
    auto model = import::read_onnx(path, shown_as);
    if (!model) return fail(std::move(model.error()));
    return import::lower(std::move(*model), options);
  }
  if (auto done = only_symbolic(shown_as, options); !done) return fail(std::move(done.error()));
  if (kind == ".csv") {
    auto text = read_file(path);
    if (!text) return fail(std::move(text.error()));
    return import::read_topology(*text, shown_as, options.batch);
  }
  auto document = Document::load(path);
  if (!document) return fail(std::move(document.error()));
  return read_workload(*document, options.batch);
}

Expected<std::shared_ptr<const Graph>> parse(std::string_view bytes, const std::string& kind, const std::string& shown_as, const LoadOptions& options) {
  if (kind == "onnx") {
    auto model = import::parse_onnx(bytes, shown_as);
    if (!model) return fail(std::move(model.error()));
    return import::lower(std::move(*model), options);
  }
  if (kind == "csv") return import::read_topology(bytes, shown_as, options.batch);
  if (kind == "json") {
    auto document = Document::parse(bytes, shown_as);
    if (!document) return fail(std::move(document.error()));
    return read_workload(*document, options.batch);
  }
  return fail(ErrorKind::usage, unknown_word("kind of workload", kind, {"onnx", "csv", "json"}));
}

}  // namespace gnomon::workloads
