#pragma once

#include <limits>
#include <set>

#include "layers/build.hpp"
#include "layers/precision.hpp"

namespace gnomon::hls {

/// Builds a network stage by stage: what is counted, and where text is wanted what is written.
class NetworkEmitter {
 public:
  NetworkEmitter(const Network& network, const std::vector<LayerShape>& shapes, bool text) : net_(network), shapes_(shapes), b_(text) {}

  BuiltNetwork run();

 private:
  /// What a product makes of its weights before anything is built. Numbers are in units of the sum.
  struct Product {
    LayerWeights weights;              ///< 0 where the input is constant, or nobody takes the output
    std::vector<std::int64_t> start;   ///< of each sum: the bias, and what constant inputs bring
    int start_place = std::numeric_limits<int>::max();  ///< no bit below it is 1 in any of them
    bool any_start = false, folded = false;             ///< folded: constant inputs bring something
    std::vector<std::optional<std::int64_t>> fixed;     ///< outputs that no input decides
  };

  void begin(BlockKind kind, std::array<std::int64_t, 5> p, const std::string& name);
  void end(std::array<std::int64_t, 5> p);
  std::string layer_name() const { return "layer " + std::to_string(layer_) + " (" + net_.layers[layer_].type + ")"; }

  void register_stage();
  int activate(int w, const std::string& activation, const LayerTypes& t);
  template <class Value>
  int table_word(int w, int k, ValueType type, const Value& value, std::array<std::int64_t, 8> logic_block, const std::string& table);
  std::int64_t activations(std::vector<int>& y, const LayerTypes& t, bool rectified_already);
  void skip_due(const std::string& place);
  void residual_begin(std::int64_t in_flight);
  std::int64_t residual_end(std::vector<int>& y, const LayerTypes& t);
  void softmax(const LayerTypes& t);
  void window(const LayerShape& s, bool pool);
  std::string line_cell(std::int64_t cell, int per, int bits) const;
  void pool(const LayerShape& s);
  void flatten(const LayerShape& s);
  Rtl finish(const BuiltNetwork& built);

  /// Which elements (of images: channels) of each layer's output some output of the network hangs on; one list more, for the input.
  std::vector<std::vector<char>> heard() const;

  Product plan(const LayerShape& s);
  void parallel(const LayerShape& s);
  void shared(const LayerShape& s);
  /// Lowest bit of the sum that the result hangs on.
  int lowest_bit(const Product& p, const LayerTypes& t) const;
  /// A product in units of the sum; `registered`: one that must be cut waits for it in a register of its own.
  Term to_sum(Term term, const LayerTypes& t, bool registered);
  int biased(const Term& t, std::int64_t start, int low, ValueType type, bool stage);
  /// Bits [from, to) of a word, with zeros below it.
  std::string bits_of(int w, int from, int to) const;
  /// A word without its lowest `drop` bits as another type: registered where the cast takes logic, else a name.
  int as_type(int w, int drop, const NumberType& to);
  int cast(int w, int drop, const NumberType& to);
  std::string cast_value(int w, int drop, const NumberType& to);

  const Network& net_;
  const std::vector<LayerShape>& shapes_;
  Builder b_;
  std::size_t layer_ = 0;
  std::vector<int> data_, skip_;
  std::vector<char> heard_;  ///< of the layer being built
  int skip_bits_ = 1;
  std::vector<Stage> stages_;
  std::string prefix_, handshakes_, control_;
  std::set<std::string> tables_;
  std::int64_t copies_ = 0;
};

/// Levels of a balanced tree.
int tree_levels(std::int64_t terms);

}  // namespace gnomon::hls
