#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "gnomon/base/text.hpp"
#include "import/lower.hpp"

namespace gnomon::workloads::import {
namespace {

/// Sizes beyond this are slips; it also keeps every sum of two sizes in range.
constexpr std::int64_t largest_size = std::int64_t{1} << 40;

struct Cell {
  std::string text;
  std::size_t column = 1;  ///< first character, counted from 1
};

struct Line {
  std::size_t number = 0;
  std::vector<Cell> cells;
};

/// Splits one line at commas; double quotes protect commas, two of them inside stand for one.
std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> cells;
  std::size_t i = 0;
  while (true) {
    Cell cell;
    while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) ++i;
    cell.column = i + 1;
    if (i < line.size() && line[i] == '"') {
      for (++i; i < line.size(); ++i) {
        if (line[i] != '"') cell.text += line[i];
        else if (i + 1 < line.size() && line[i + 1] == '"') cell.text += line[i++];
        else break;
      }
      if (i < line.size()) ++i;
    }
    while (i < line.size() && line[i] != ',') cell.text += line[i++];
    cell.text = std::string(trimmed(cell.text));
    cells.push_back(std::move(cell));
    if (i >= line.size()) return cells;
    ++i;
  }
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    std::vector<Cell> cells = cells_of(line);
    while (!cells.empty() && cells.back().text.empty()) cells.pop_back();
    if (!cells.empty()) lines.push_back({number, std::move(cells)});
  }
  return lines;
}

/// Header words compare without case, blanks and punctuation.
std::string plain(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

using Names = std::vector<std::vector<std::string>>;  // of each column, the spellings in use
const Names& gemm_columns() {
  static const Names names = {{"layer", "layername", "name"}, {"m"}, {"n"}, {"k"}};
  return names;
}
const Names& conv_columns() {
  static const Names names = {{"layername", "layer", "name"}, {"ifmapheight", "ifmaph"}, {"ifmapwidth", "ifmapw"}, {"filterheight", "filterh"},
                              {"filterwidth", "filterw"}, {"channels", "channel"}, {"numfilter", "numfilters", "filters"},
                              {"strides", "stride"}};
  return names;
}
constexpr const char* gemm_form = "Layer, M, N, K";
constexpr const char* conv_form = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides";

bool matches(const std::vector<Cell>& header, const Names& names) {
  if (header.size() != names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(names[i].begin(), names[i].end(), plain(header[i].text)) == names[i].end()) return false;
  }
  return true;
}

class TopologyReader {
 public:
  TopologyReader(std::string shown_as, std::int64_t batch) : file_(std::move(shown_as)), batch_(batch) {}

  Expected<std::shared_ptr<const Graph>> run(std::string_view text) {
    const std::vector<Line> lines = lines_of(text);
    if (lines.empty()) return invalid(file_, {}, fmt::format("the file is empty; a header is needed: `{}` or `{}`", gemm_form, conv_form));
    const bool gemm = matches(lines[0].cells, gemm_columns());
    if (!gemm && !matches(lines[0].cells, conv_columns())) {
      return invalid(place(lines[0], 0), {}, fmt::format("the header is neither `{}` nor `{}`", gemm_form, conv_form));
    }
    if (lines.size() == 1) return invalid(place(lines[0], 0), {}, "a header without layers");
    // The stem is the workload's name.
    Graph graph(std::filesystem::path(file_).stem().string());
    std::vector<TensorId> inputs, outputs;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      if (gemm) add_gemm(graph, lines[i], inputs, outputs);
      else add_convolution(graph, lines[i], inputs, outputs);
    }
    if (!problems_.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
    graph.set_inputs(std::move(inputs));
    graph.set_outputs(std::move(outputs));
    if (auto done = graph.finish(); !done) {
      std::vector<Problem> problems = done.error().problems();
      for (Problem& problem : problems) problem.file = file_;
      return fail(Error(done.error().kind(), std::move(problems)));
    }
    return std::make_shared<const Graph>(std::move(graph));
  }

 private:
  std::string file_;
  std::int64_t batch_;
  std::vector<Problem> problems_;
  std::set<std::string> names_;

  std::string place(const Line& line, std::size_t cell) const {
    const std::size_t column = cell < line.cells.size() ? line.cells[cell].column : line.cells.back().column + line.cells.back().text.size();
    return fmt::format("{}:{}:{}", file_, line.number, column);
  }

  /// The sizes behind the name, or nothing where one of them is wrong (all are reported).
  std::optional<std::vector<std::int64_t>> sizes(const Line& line, const char* form, std::size_t columns) {
    bool good = true;
    const auto report = [&](std::size_t cell, std::string message) {
      problems_.push_back({place(line, cell), {}, std::move(message)});
      good = false;
    };
    if (line.cells.size() < columns) report(line.cells.size(), fmt::format("{} columns; `{}` needs {}", line.cells.size(), form, columns));
    if (line.cells.size() > columns) {
      report(columns, fmt::format("{} is one column too many; `{}` has {}", in_quotes(line.cells[columns].text), form, columns));
    }
    std::vector<std::int64_t> out;
    for (std::size_t i = 1; i < std::min(columns, line.cells.size()); ++i) {
      long long value = 0;
      if (!parse_integer(line.cells[i].text, value) || value < 1 || value > largest_size) {
        report(i, fmt::format("{} is not a whole number from 1 to 2^40", in_quotes(line.cells[i].text)));
      }
      out.push_back(value);
    }
    if (!good) return std::nullopt;
    return out;
  }

  std::string unique_name(const Line& line) {
    const std::string wanted = line.cells[0].text.empty() ? fmt::format("line{}", line.number) : line.cells[0].text;
    std::string name = wanted;
    for (int n = 2; !names_.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  }

  TensorId tensor(Graph& graph, const std::string& name, std::vector<std::int64_t> shape, bool constant) {
    Tensor out;
    out.name = name;
    out.shape = std::move(shape);
    out.constant = constant;
    return graph.add_tensor(std::move(out));
  }

  void add_gemm(Graph& graph, const Line& line, std::vector<TensorId>& inputs, std::vector<TensorId>& outputs) {
    const auto size = sizes(line, gemm_form, 4);
    if (!size) return;
    const std::string name = unique_name(line);
    std::int64_t rows = 0;
    if (__builtin_mul_overflow((*size)[0], batch_, &rows)) {
      problems_.push_back({place(line, 1), {}, "M times the batch does not fit in 63 bits"});
      return;
    }
    Operator op;
    op.name = name;
    op.type = "MatMul";
    op.op_class = OpClass::matmul;
    op.matmul = Matmul{1, rows, (*size)[1], (*size)[2]};
    inputs.push_back(tensor(graph, name + ".A", {rows, op.matmul->k}, false));
    op.inputs = {inputs.back(), tensor(graph, name + ".B", {op.matmul->k, op.matmul->n}, true)};
    outputs.push_back(tensor(graph, name + ".C", {rows, op.matmul->n}, false));
    op.outputs = {outputs.back()};
    graph.add_operator(std::move(op));
  }

  void add_convolution(Graph& graph, const Line& line, std::vector<TensorId>& inputs, std::vector<TensorId>& outputs) {
    const auto size = sizes(line, conv_form, 8);
    if (!size) return;
    const auto& s = *size;
    Convolution conv;
    conv.batch = batch_;
    conv.in = {s[0], s[1]};
    conv.kernel = {s[2], s[3]};
    conv.in_channels = s[4];
    conv.out_channels = s[5];
    conv.stride = {s[6], s[6]};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      if (conv.kernel[axis] > conv.in[axis]) {
        problems_.push_back({place(line, 3 + axis), {}, fmt::format("a filter of {} is larger than its ifmap of {}; a topology has no padding",
                                                                    conv.kernel[axis], conv.in[axis])});
        return;
      }
      // The format rounds up: ceil((H - Kh + stride) / stride). The last window then reaches beyond the ifmap, into padding.
      const std::int64_t room = conv.in[axis] - conv.kernel[axis];
      conv.out[axis] = (room + conv.stride[axis] + conv.stride[axis] - 1) / conv.stride[axis];
      conv.pad_end[axis] = (conv.out[axis] - 1) * conv.stride[axis] - room;
    }
    const std::string name = unique_name(line);
    Operator op;
    op.name = name;
    op.type = "Conv";
    op.op_class = OpClass::convolution;
    op.conv = conv;
    inputs.push_back(tensor(graph, name + ".ifmap", {batch_, conv.in_channels, conv.in[0], conv.in[1]}, false));
    op.inputs = {inputs.back(), tensor(graph, name + ".filter", {conv.out_channels, conv.in_channels, conv.kernel[0], conv.kernel[1]}, true)};
    outputs.push_back(tensor(graph, name + ".ofmap", {batch_, conv.out_channels, conv.out[0], conv.out[1]}, false));
    op.outputs = {outputs.back()};
    graph.add_operator(std::move(op));
  }
};

}  // namespace

Expected<std::shared_ptr<const Graph>> read_topology(std::string_view text, const std::string& shown_as, std::int64_t batch) {
  return TopologyReader(shown_as, batch).run(text);
}

}  // namespace gnomon::workloads::import
