#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gnomon/base/text.hpp"
#include "synth/yosys.hpp"

namespace gnomon::hls {
namespace {

/// Netlists as `write_verilog -noattr` writes them: declarations, instances with named ports, assignments of bits to bits.
class Netlist {
 public:
  explicit Netlist(std::string_view text) : text_(text) {}

  Expected<std::int64_t> depth() {
    for (std::string_view word = next(); !word.empty(); word = next())
      if (auto done = statement(word); !done) return fail(std::move(done.error()));
    std::int64_t deepest = 0;
    for (const Cell& cell : cells_) deepest = std::max(deepest, arrival(cell.output));
    return deepest;
  }

 private:
  struct Net {
    int first, low;
    int bits;
  };
  struct Cell {
    int steps;  ///< a table's 1; multiplexers between tables and inverters have none
    int output;
    std::vector<int> inputs;
  };

  std::string_view next() {
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      if (text_.substr(at_, 2) == "/*") at_ = std::min(text_.find("*/", at_), text_.size() - 2) + 2;
      else if (text_.substr(at_, 2) == "//") at_ = std::min(text_.find('\n', at_), text_.size());
      else break;
    }
    if (at_ >= text_.size()) return {};
    const std::size_t from = at_;
    const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '\''; };
    if (text_[at_] == '\\') {
      while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    } else if (word(text_[at_])) {
      while (at_ < text_.size() && word(text_[at_])) ++at_;
    } else {
      ++at_;
    }
    return text_.substr(from, at_ - from);
  }

  std::string_view peek() {
    const std::size_t before = at_;
    const std::string_view word = next();
    at_ = before;
    return word;
  }

  Expected<void> damaged(std::string_view word) const { return fail(ErrorKind::run_failed, "netlist of yosys: " + in_quotes(std::string(word)) + " is not understood"); }

  Expected<void> statement(std::string_view word) {
    if (word == "module" || word == "endmodule" || word == "reg") {
      while (word != "endmodule" && !word.empty() && word != ";") word = next();
      return {};
    }
    if (word == "input" || word == "output" || word == "inout" || word == "wire") {
      int high = 0, low = 0;
      if (peek() == "[") {
        next();
        high = whole(next());
        next();
        low = whole(next());
        next();
      }
      const std::string_view name = next();
      const int bits = std::abs(high - low) + 1;
      if (nets_.try_emplace(name, Net{count_, std::min(high, low), bits}).second) count_ += bits;
      return next() == ";" ? Expected<void>() : damaged(name);
    }
    driver_.resize(static_cast<std::size_t>(count_), -1);
    alias_.resize(static_cast<std::size_t>(count_), -1);
    if (word == "assign") {
      auto to = bits(), from = std::vector<int>();
      if (next() != "=") return damaged(word);
      from = bits();
      if (to.size() != from.size() || next() != ";") return damaged("assign");
      for (std::size_t i = 0; i < to.size(); ++i)
        if (to[i] >= 0) alias_[static_cast<std::size_t>(to[i])] = from[i];
      return {};
    }
    return instance(word);
  }

  static int whole(std::string_view word) { return std::atoi(std::string(word).c_str()); }

  /// A net, a bit or bits of one, a constant, or such in braces; the highest first; constants are -1.
  std::vector<int> bits() {
    std::vector<int> out;
    std::string_view word = next();
    if (word == "{") {
      while (peek() != "}" && !peek().empty()) {
        const auto one = bits();
        out.insert(out.end(), one.begin(), one.end());
        if (peek() == ",") next();
      }
      next();
      return out;
    }
    const std::size_t quote = word.find('\'');
    if (quote != word.npos) return std::vector<int>(static_cast<std::size_t>(std::max(1, whole(word.substr(0, quote)))), -1);
    const auto net = nets_.find(word);
    if (net == nets_.end()) return out;
    const auto& [first, low, width] = net->second;
    int high = low + width - 1, last = low;
    if (peek() == "[") {
      next();
      high = last = whole(next());
      if (peek() == ":") {
        next();
        last = whole(next());
      }
      next();
    }
    for (int i = high; i >= last; --i) out.push_back(i >= low && i < low + width ? first + i - low : -1);
    return out;
  }

  Expected<void> instance(std::string_view type) {
    if (peek() == "#") {
      next();
      next();
      for (int open = 1; open > 0 && !peek().empty();) {
        const std::string_view word = next();
        open += word == "(" ? 1 : word == ")" ? -1 : 0;
      }
    }
    const std::string_view name = next();
    if (next() != "(") return damaged(type);
    const bool table = type.starts_with("LUT") || type == "SB_LUT4", carry = type == "SB_CARRY";
    Cell cell{table ? 1 : 0, -1, {}};
    while (peek() != ")" && !peek().empty()) {
      if (next() != ".") return damaged(name);
      const std::string_view port = next();
      if (next() != "(") return damaged(name);
      const std::vector<int> to = peek() == ")" ? std::vector<int>() : bits();
      if (next() != ")") return damaged(name);
      if (peek() == ",") next();
      if (carry && port == "CO")
        for (const int bit : to) carries_.push_back(bit);
      if (port == "O" && to.size() == 1) cell.output = to[0];
      else if (port != "O") cell.inputs.insert(cell.inputs.end(), to.begin(), to.end());
    }
    next();
    if (next() != ";") return damaged(name);
    if ((!table && !type.starts_with("MUXF") && type != "INV") || cell.output < 0) return {};
    driver_[static_cast<std::size_t>(cell.output)] = static_cast<int>(cells_.size());
    cells_.push_back(std::move(cell));
    return {};
  }

  int source(int bit) const {
    for (int steps = 0; bit >= 0 && alias_[static_cast<std::size_t>(bit)] >= 0 && steps < count_; ++steps) bit = alias_[static_cast<std::size_t>(bit)];
    return bit;
  }

  std::int64_t arrival(int bit) {
    if (known_.empty()) {
      known_.assign(static_cast<std::size_t>(count_), -1);
      // The table behind a carry belongs to the chain.
      for (int& carry : carries_) carry = source(carry);
      std::vector<bool> carried(static_cast<std::size_t>(count_));
      for (const int carry : carries_)
        if (carry >= 0) carried[static_cast<std::size_t>(carry)] = true;
      for (const Cell& cell : cells_)
        for (const int input : cell.inputs)
          if (const int from = source(input); from >= 0 && carried[static_cast<std::size_t>(from)]) known_[static_cast<std::size_t>(cell.output)] = 0;
    }
    std::vector<int> open{source(bit)};
    while (!open.empty()) {
      const int top = open.back();
      if (top < 0 || known_[static_cast<std::size_t>(top)] >= 0) {
        open.pop_back();
        continue;
      }
      const int driver = driver_[static_cast<std::size_t>(top)];
      if (driver < 0) {
        known_[static_cast<std::size_t>(top)] = 0;
        continue;
      }
      std::int64_t latest = 0;
      bool waits = false;
      for (const int input : cells_[static_cast<std::size_t>(driver)].inputs) {
        const int from = source(input);
        if (from < 0) continue;
        const std::int64_t arrives = known_[static_cast<std::size_t>(from)];
        if (arrives == -1) {
          known_[static_cast<std::size_t>(from)] = driver_[static_cast<std::size_t>(from)] < 0 ? 0 : -1;
          if (known_[static_cast<std::size_t>(from)] == -1 && static_cast<int>(open.size()) <= count_) open.push_back(from), waits = true;
        }
        latest = std::max(latest, std::max<std::int64_t>(arrives, 0));
      }
      if (!waits) known_[static_cast<std::size_t>(top)] = latest + cells_[static_cast<std::size_t>(driver)].steps;
    }
    const int from = source(bit);
    return from < 0 ? 0 : known_[static_cast<std::size_t>(from)];
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::unordered_map<std::string_view, Net> nets_;
  int count_ = 0;
  std::vector<int> driver_, alias_, carries_;
  std::vector<Cell> cells_;
  std::vector<std::int64_t> known_;
};

}  // namespace

Expected<std::int64_t> mapped_depth(const std::filesystem::path& netlist) {
  auto text = read_file(netlist);
  if (!text) return fail(std::move(text.error()));
  return Netlist(*text).depth();
}

}  // namespace gnomon::hls
