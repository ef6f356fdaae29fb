#include <algorithm>
#include <cmath>
#include <set>

#include "gnomon/arch/space.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {

struct Rule::Node {
  enum class Kind {
    number,
    word,
    parameter,
    negate,
    invert,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    less,
    less_equal,
    greater,
    greater_equal,
    equal,
    differ,
    both,
    either,
    least,
    most
  };
  enum class Type { number, word, truth };
  Kind kind = Kind::number;
  Type type = Type::number;
  double number = 0;
  std::string word;
  std::size_t parameter = 0;
  std::vector<Node> children;
};

namespace {

using Node = Rule::Node;
using Kind = Node::Kind;
using Type = Node::Type;

bool is_word(const Parameter& p) {
  return !p.values.empty() && std::holds_alternative<std::string>(p.values.front());
}

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Recursive descent; the first error ends it.
class Parser {
 public:
  Parser(const std::string& text, const std::vector<Parameter>& parameters, const Constants& constants)
      : text_(text), parameters_(parameters), constants_(constants) {
    for (const Parameter& p : parameters) names_.push_back(p.name);
    for (const auto& c : constants) names_.push_back(c.first);
  }

  Expected<Node> run() {
    if (text_.size() > 10000) return wrong(0, "the rule is longer than 10000 characters");
    auto node = condition();
    if (!node) return node;
    skip();
    if (at_ < text_.size())
      return wrong(at_, "found " + in_quotes(text_.substr(at_, 12)) + "; an operator or the end is expected");
    if (node->type != Type::truth) return wrong(0, "is not a condition; compare something, as in \"a * b <= 64\"");
    return node;
  }
  const std::set<std::size_t>& used() const { return used_; }

 private:
  const std::string& text_;
  const std::vector<Parameter>& parameters_;
  const Constants& constants_;
  std::vector<std::string> names_;
  std::set<std::size_t> used_;
  std::size_t at_ = 0;
  int depth_ = 0;

  static constexpr int deepest = 100;

  tl::unexpected<Error> wrong(std::size_t where, const std::string& message) const {
    return fail(ErrorKind::invalid_input,
                "rule " + in_quotes(text_) + ", character " + std::to_string(where + 1) + ": " + message);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  bool take(std::string_view symbol) {
    skip();
    if (text_.compare(at_, symbol.size(), symbol) != 0) return false;
    at_ += symbol.size();
    return true;
  }
  bool take_word(std::string_view word) {
    skip();
    if (text_.compare(at_, word.size(), word) != 0) return false;
    const std::size_t end = at_ + word.size();
    if (end < text_.size() && (letter_or_digit(text_[end]) || text_[end] == '.')) return false;
    at_ = end;
    return true;
  }
  static Node join(Kind kind, Type type, Node left, Node right) {
    Node node;
    node.kind = kind;
    node.type = type;
    node.children.push_back(std::move(left));
    node.children.push_back(std::move(right));
    return node;
  }
  Expected<void> expect(const Node& node, Type type, std::size_t where, const std::string& what) const {
    if (node.type == type) return {};
    const char* found = node.type == Type::word ? "a word" : node.type == Type::truth ? "a condition" : "a number";
    return wrong(where, std::string("found ") + found + "; " + what);
  }

  /// left { word right }, both conditions.
  template <class Next>
  Expected<Node> chain(std::string_view word, Kind kind, const Next& next) {
    skip();
    const std::size_t start = at_;
    auto left = next();
    while (left && take_word(word)) {
      skip();
      const std::size_t right_start = at_;
      auto right = next();
      if (!right) return right;
      const std::string what = "\"" + std::string(word) + "\" joins conditions";
      if (auto ok = expect(*left, Type::truth, start, what); !ok) return fail(std::move(ok.error()));
      if (auto ok = expect(*right, Type::truth, right_start, what); !ok) return fail(std::move(ok.error()));
      left = join(kind, Type::truth, std::move(*left), std::move(*right));
    }
    return left;
  }
  Expected<Node> condition() {
    if (++depth_ > deepest) return wrong(at_, "nested too deeply");
    auto out = chain("or", Kind::either, [this] { return chain("and", Kind::both, [this] { return inverted(); }); });
    --depth_;
    return out;
  }
  Expected<Node> inverted() {
    if (!take_word("not")) return comparison();
    if (++depth_ > deepest) return wrong(at_, "nested too deeply");
    skip();
    const std::size_t start = at_;
    auto inner = inverted();
    --depth_;
    if (!inner) return inner;
    if (auto ok = expect(*inner, Type::truth, start, "\"not\" takes a condition"); !ok) return fail(std::move(ok.error()));
    Node node;
    node.kind = Kind::invert;
    node.type = Type::truth;
    node.children.push_back(std::move(*inner));
    return node;
  }
  std::optional<Kind> comparator() {
    for (const auto& [symbol, kind] : {std::pair{"==", Kind::equal},
                                       {"!=", Kind::differ},
                                       {"<=", Kind::less_equal},
                                       {">=", Kind::greater_equal},
                                       {"<", Kind::less},
                                       {">", Kind::greater}}) {
      if (take(symbol)) return kind;
    }
    return std::nullopt;
  }
  Expected<Node> comparison() {
    skip();
    const std::size_t start = at_;
    auto left = sum();
    if (!left) return left;
    const auto kind = comparator();
    if (!kind) {
      skip();
      if (at_ < text_.size() && text_[at_] == '=') return wrong(at_, "found \"=\"; equality is written \"==\"");
      return left;
    }
    skip();
    const std::size_t right_start = at_;
    auto right = sum();
    if (!right) return right;
    const std::size_t after = at_;
    if (comparator()) return wrong(after, "comparisons cannot be chained; join two with \"and\"");
    if (left->type != right->type)
      return wrong(right_start, "the two sides of a comparison are of different kinds (numbers, words, conditions)");
    if (left->type != Type::number && *kind != Kind::equal && *kind != Kind::differ)
      return wrong(start, "only numbers are ordered; words and conditions take == and !=");
    if (auto ok = known_word(*left, *right, right_start); !ok) return fail(std::move(ok.error()));
    if (auto ok = known_word(*right, *left, start); !ok) return fail(std::move(ok.error()));
    return join(*kind, Type::truth, std::move(*left), std::move(*right));
  }
  /// A word that the parameter on the other side never takes is a slip.
  Expected<void> known_word(const Node& parameter, const Node& word, std::size_t where) const {
    if (parameter.kind != Kind::parameter || word.kind != Kind::word) return {};
    std::vector<std::string> values;
    for (const Value& value : parameters_[parameter.parameter].values) values.push_back(to_text(value));
    if (std::find(values.begin(), values.end(), word.word) != values.end()) return {};
    return wrong(where, unknown_word("value of " + parameters_[parameter.parameter].name, word.word, values));
  }
  template <class Next>
  Expected<Node> arithmetic(const std::vector<std::pair<char, Kind>>& symbols, const Next& next) {
    skip();
    const std::size_t start = at_;
    auto left = next();
    while (left) {
      skip();
      const auto symbol = std::find_if(symbols.begin(), symbols.end(),
                                       [&](const auto& s) { return at_ < text_.size() && text_[at_] == s.first; });
      if (symbol == symbols.end()) break;
      ++at_;
      skip();
      const std::size_t right_start = at_;
      auto right = next();
      if (!right) return right;
      const std::string what = std::string("\"") + symbol->first + "\" takes numbers";
      if (auto ok = expect(*left, Type::number, start, what); !ok) return fail(std::move(ok.error()));
      if (auto ok = expect(*right, Type::number, right_start, what); !ok) return fail(std::move(ok.error()));
      left = join(symbol->second, Type::number, std::move(*left), std::move(*right));
    }
    return left;
  }
  Expected<Node> sum() {
    return arithmetic({{'+', Kind::add}, {'-', Kind::subtract}}, [this] {
      return arithmetic({{'*', Kind::multiply}, {'/', Kind::divide}, {'%', Kind::remainder}}, [this] { return factor(); });
    });
  }
  Expected<Node> factor() {
    skip();
    const std::size_t start = at_;
    if (at_ >= text_.size()) return wrong(at_, "ends where a number, a name or \"(\" is expected");
    if (take("-")) {
      if (++depth_ > deepest) return wrong(at_, "nested too deeply");
      auto inner = factor();
      --depth_;
      if (!inner) return inner;
      if (auto ok = expect(*inner, Type::number, start + 1, "\"-\" takes a number"); !ok) return fail(std::move(ok.error()));
      Node node;
      node.kind = Kind::negate;
      node.children.push_back(std::move(*inner));
      return node;
    }
    if (take("(")) {
      auto inner = condition();
      if (inner && !take(")")) return wrong(at_, "\")\" is missing");
      return inner;
    }
    const char c = text_[at_];
    if (c == '"' || c == '\'') return quoted(c);
    if (auto named = name()) return std::move(*named);
    if ((c >= '0' && c <= '9') || c == '.') return literal();
    for (const auto& [word, kind] : {std::pair{"min", Kind::least}, {"max", Kind::most}}) {
      if (take_word(word)) return call(word, kind);
    }
    for (const auto& [word, value] : {std::pair{"true", 1.0}, {"false", 0.0}}) {
      if (!take_word(word)) continue;
      Node node;
      node.type = Type::truth;
      node.number = value;
      return node;
    }
    std::size_t end = at_;
    while (end < text_.size() && (letter_or_digit(text_[end]) || text_[end] == '.')) ++end;
    if (end == at_) return wrong(at_, "found " + in_quotes(text_.substr(at_, 1)) + "; a number, a name or \"(\" is expected");
    return wrong(at_, unknown_word("name", text_.substr(at_, end - at_), names_));
  }
  Expected<Node> quoted(char quote) {
    const std::size_t start = at_++;
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string::npos) return wrong(start, "a quote is opened and never closed");
    Node node;
    node.kind = Kind::word;
    node.type = Type::word;
    node.word = text_.substr(at_, end - at_);
    at_ = end + 1;
    return node;
  }
  Expected<Node> literal() {
    std::size_t end = at_;
    while (end < text_.size() && (letter_or_digit(text_[end]) || text_[end] == '.' ||
                                  ((text_[end] == '-' || text_[end] == '+') && (text_[end - 1] == 'e' || text_[end - 1] == 'E'))))
      ++end;
    Node node;
    if (!parse_real(std::string_view(text_).substr(at_, end - at_), node.number))
      return wrong(at_, "found " + in_quotes(text_.substr(at_, end - at_)) + "; a number is expected");
    at_ = end;
    return node;
  }
  Expected<Node> call(const std::string& word, Kind kind) {
    if (!take("(")) return wrong(at_, "\"(\" is expected after " + word);
    Node node;
    node.kind = kind;
    do {
      skip();
      const std::size_t start = at_;
      if (++depth_ > deepest) return wrong(at_, "nested too deeply");
      auto part = sum();
      --depth_;
      if (!part) return part;
      if (auto ok = expect(*part, Type::number, start, word + " takes numbers"); !ok) return fail(std::move(ok.error()));
      node.children.push_back(std::move(*part));
    } while (take(","));
    if (!take(")")) return wrong(at_, "\")\" or \",\" is expected");
    return node;
  }
  /// The longest known name here. Names may hold dashes, which elsewhere are minus signs.
  std::optional<Expected<Node>> name() {
    std::size_t best = names_.size();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::string& known = names_[i];
      if (known.empty() || text_.compare(at_, known.size(), known) != 0) continue;
      const std::size_t end = at_ + known.size();
      if (end < text_.size() && (letter_or_digit(text_[end]) || text_[end] == '.')) continue;
      if (best == names_.size() || known.size() > names_[best].size()) best = i;
    }
    if (best == names_.size()) return std::nullopt;
    const std::size_t start = at_;
    at_ += names_[best].size();
    Node node;
    if (best >= parameters_.size()) {
      node.number = constants_.at(names_[best]);
      return node;
    }
    const Parameter& p = parameters_[best];
    if (p.kind == ParameterKind::permutation)
      return wrong(start, in_quotes(p.name) + " is a permutation; rules are over numbers and words");
    node.kind = Kind::parameter;
    node.parameter = best;
    node.type = p.boolean ? Type::truth : is_word(p) ? Type::word : Type::number;
    used_.insert(best);
    return node;
  }
};

struct Evaluation {
  const std::vector<Parameter>& parameters;
  const Point& point;
  bool defined = true;  // false after a division by zero

  const std::string& word(const Node& node) const {
    return node.kind == Kind::word ? node.word : std::get<std::string>(*point[node.parameter]);
  }
  double parameter(const Node& node) const {
    const Value& value = *point[node.parameter];
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    if (const auto* text = std::get_if<std::string>(&value)) return *text == "true" ? 1 : 0;
    return 0;
  }
  double run(const Node& node) {
    if (!defined) return 0;
    const auto left = [&] { return run(node.children[0]); };
    const auto right = [&] { return run(node.children[1]); };
    const auto by_words = [&] { return node.children[0].type == Type::word; };
    switch (node.kind) {
      case Kind::number:
        return node.number;
      case Kind::word:
        return 0;
      case Kind::parameter:
        return parameter(node);
      case Kind::negate:
        return -left();
      case Kind::invert:
        return left() == 0 ? 1 : 0;
      case Kind::add:
        return left() + right();
      case Kind::subtract:
        return left() - right();
      case Kind::multiply:
        return left() * right();
      case Kind::divide:
      case Kind::remainder: {
        const double a = left();
        const double b = right();
        if (b == 0) {
          defined = false;
          return 0;
        }
        return node.kind == Kind::divide ? a / b : std::fmod(a, b);
      }
      case Kind::less:
        return left() < right() ? 1 : 0;
      case Kind::less_equal:
        return left() <= right() ? 1 : 0;
      case Kind::greater:
        return left() > right() ? 1 : 0;
      case Kind::greater_equal:
        return left() >= right() ? 1 : 0;
      case Kind::equal:
        return (by_words() ? word(node.children[0]) == word(node.children[1]) : left() == right()) ? 1 : 0;
      case Kind::differ:
        return (by_words() ? word(node.children[0]) != word(node.children[1]) : left() != right()) ? 1 : 0;
      case Kind::both:
        return left() != 0 && right() != 0 ? 1 : 0;
      case Kind::either:
        return left() != 0 || right() != 0 ? 1 : 0;
      case Kind::least:
      case Kind::most: {
        double best = left();
        for (std::size_t i = 1; i < node.children.size(); ++i) {
          const double next = run(node.children[i]);
          best = node.kind == Kind::least ? std::min(best, next) : std::max(best, next);
        }
        return best;
      }
    }
    return 0;
  }
};

}  // namespace

Expected<Rule> Rule::parse(const std::string& text, const std::vector<Parameter>& parameters, const Constants& constants) {
  Parser parser(text, parameters, constants);
  auto node = parser.run();
  if (!node) return fail(std::move(node.error()));
  Rule rule;
  rule.text_ = text;
  rule.root_ = std::make_shared<const Node>(std::move(*node));
  rule.names_.assign(parser.used().begin(), parser.used().end());
  return rule;
}

bool Rule::holds(const std::vector<Parameter>& parameters, const Point& point) const {
  if (!root_) return true;
  for (const std::size_t name : names_) {
    if (name >= point.size() || !point[name]) return true;
  }
  Evaluation evaluation{parameters, point};
  const double value = evaluation.run(*root_);
  return evaluation.defined && value != 0;
}

}  // namespace gnomon::arch
