#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "layers/blocks.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {

/// A word of the network: registered values and elements of vectors between layers. Bits below `drop` are not built.
struct Word {
  std::int64_t low = 0, high = 0;  ///< values
  int bits = 1, drop = 0;
  bool is_signed = true;
  bool constant = false;  ///< the same in every vector: no register is made for it
  std::string name;  ///< only where text is wanted
  /// The lowest `low_bits` are delayed bits of another word: which, and through which registers. Synthesis keeps one copy of such bits.
  int low_source = -1, low_bits = 0;
  std::uint64_t low_path = 0;
  /// What its bits are: the first ones in `known`, the others `fresh` and so on. Bits of one number are equal, always.
  std::vector<int> known;
  int fresh = 0;
};

/// sign x (word << shift): a term of a sum.
struct Term {
  int word = 0, shift = 0;
  bool negative = false;
};

/// A bit of a table of constants: 0, 1, or a registered signal.
struct TableBit {
  int signal = -2;  ///< -2: constant 0, -1: constant 1, else a signal
};

/// Builds a network word by word. Equal expressions become one word, so that synthesis of the whole finds nothing to share; what is counted
/// and what is written come from the same calls.
class Builder {
 public:
  explicit Builder(bool text) : text_(text) {}

  BlockCounts counts;
  bool given_weights = false;  ///< of the layer: not drawn
  std::string declarations, clocked, reset, combinational, modules;

  void begin_layer(const std::string& prefix) { prefix_ = prefix, seen_.clear(), seen_wide_.clear(), copied_.clear(), functions_.clear(); }
  /// Puts the layer's registers into clocked blocks that run with its `en`.
  void end_layer();

  bool text() const { return text_; }
  const std::string& prefix() const { return prefix_; }
  const Word& word(int w) const { return words_[static_cast<std::size_t>(w)]; }

  int element(const std::string& name, ValueType type);
  /// A number that no input decides.
  int constant(ValueType type, std::int64_t value);
  /// A word without its lowest bits: the floor of it by 2^drop. Of a word without sign, and of one with it, one bit is left.
  int trim(int w, int drop);
  /// The floor of -w by 2^drop, registered.
  int negate(int w, int drop);
  /// A register more, reset so that no shift register is made of several.
  int pass(int w);
  int pass(int w, int times) {
    while (times-- > 0) w = pass(w);
    return w;
  }
  /// a +- (b << shift) modulo 2^cap, registered; bits below `drop` left out.
  int add(int a, int b, int shift, bool subtract, int cap, int drop);
  int max(int a, int b);
  int distance(int a, int b, int bits);
  int multiply_constant(int x, std::int64_t odd, int cap);
  int multiply(int x, const std::vector<TableBit>& weight, int cap);
  /// s + a register that starts from the bias (a constant, or bits of a table at `bias_place`) and takes the sum: gives the sum.
  int accumulate(int s, int bits, std::int64_t bias, const std::vector<TableBit>& table, int bias_place);
  /// A register whose value is any text; counted by the caller.
  int custom(ValueType type, const std::string& value, const std::string& enable = "");

  /// The sum of two terms of a tree. `last`: its bits below `root_drop` (of the value) are not needed.
  Term combine(const Term& a, const Term& b, int cap, int root_drop = 0);
  Term pass(const Term& t, int times = 1) { return {pass(t.word, times), t.shift, t.negative}; }
  /// Sums terms in a balanced tree, a level a cycle; gives the levels.
  Term sum(std::vector<Term> terms, int cap, int root_drop, int& levels);

  /// Bits [from, to) of a word, extended.
  std::string slice(int w, int from, int to) const;
  void block(BlockKind kind, std::array<std::int64_t, 8> p, std::int64_t times = 1) { counts.blocks[{kind, p}] += times; }
  /// The same for standard cells, with the registers that are counted apart.
  void cells(BlockKind kind, std::array<std::int64_t, 8> p, std::int64_t registers) {
    ++counts.cells[{kind, p}];
    counts.cell_ff += registers;
  }
  void adder_cells(bool a_signed, int a_bits, bool b_signed, int b_bits, bool subtract, int bits, int drop, int equal = 0);

  /// Counts the inverters of a subtrahend's lowest bits in a subtraction of so many bits.
  void inverters(int id, int bits);

  /// Counts the logic of an adder; its registers are counted by the caller.
  void adder(bool a_signed, int a_bits, bool b_signed, int b_bits, bool subtract);

  /// The same where both operands are one word, shifted: a table for every pair of its bits that meets, whatever sums they meet in.
  void self_adder(int id, int shift, int bits, bool subtract);
  /// Counts registers that take bits [from, to) of a word as they are, where no other register does. `kind` tells resets apart.
  void count_copies(const Word& source, int id, int from, int to, std::uint64_t kind);
  /// Says of a new word that its lowest bits are those of another.
  static void note_copies(Word& copy, const Word& source, int id, int to, std::uint64_t kind);

  std::string signal_name(int signal) const { return prefix_ + "c" + std::to_string(signal); }

 private:
  int make(Word w);
  /// Number of a word's bit; of copies of its sign, and -1 of zeros.
  int number_of(const Word& w, int bit) const;
  /// Number of a function of numbered bits: equal ones have the same.
  int function(int kind, int a, int b = -1, int c = -1);
  /// Registers that take bits [from, to) of a word as they are: numbers them for a new word, and counts those that have an equal, beside the `counted` ones that
  /// have one in `counts.ff`.
  void copy_numbers(const Word& source, int from, int to, int kind, std::int64_t counted, std::vector<int>& known);
  /// Numbers the registers of a sum's bits; gives how many of the lowest, from `drop` on, have an equal.
  int sum_numbers(const Word& a, int from, const Word& b, bool subtract, int bits, int drop, std::vector<int>& known);
  void assign(const Word& w, const std::string& value) { step_ += "      " + w.name + " <= " + value + ";\n"; }

  struct Hash {
    std::size_t operator()(const std::array<std::int64_t, 3>& k) const {
      std::uint64_t h = 0x9e3779b97f4a7c15u;
      for (const std::int64_t v : k) h = (h ^ static_cast<std::uint64_t>(v)) * 0xff51afd7ed558ccdu, h ^= h >> 32;
      return h;
    }
  };
  bool text_;
  int constants_ = 0, numbers_ = 0;
  std::string prefix_, step_, reset_step_;
  std::vector<Word> words_;
  std::unordered_map<std::array<std::int64_t, 3>, int, Hash> seen_;
  std::map<std::vector<std::int64_t>, int> seen_wide_;
  std::unordered_map<std::array<std::int64_t, 3>, std::uint64_t, Hash> copied_;
  std::unordered_map<std::array<std::int64_t, 3>, int, Hash> functions_;
};

/// Digits of an odd constant in non-adjacent form: place and sign.
struct Digit {
  int place;
  bool negative;
};
std::vector<Digit> signed_digits(std::int64_t odd);

/// Bits of a range of values; no sign where none is negative.
ValueType type_of_range(Wide low, Wide high);

}  // namespace gnomon::hls
