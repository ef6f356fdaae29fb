#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"
#include "gnomon/hls/number_type.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

/// Types of a layer's numbers as vendor tools write them: `ap_fixed<W,I[,Q[,O]]>`, `ap_ufixed<...>`, `ap_int<W>`, `ap_uint<W>`; Q of AP_TRN (default), AP_RND, AP_RND_CONV, O of AP_WRAP
/// (default), AP_SAT; the prefixes may be left out. A type that is not given is the network's.
struct LayerPrecision {
  std::optional<std::string> weight, bias;
  std::optional<std::string> accum;       ///< every product and the bias are truncated to it and the sum wraps in it; none: sums are exact
  std::optional<std::string> result;      ///< the sum is cast to it, before the activation
  std::optional<std::string> activation;  ///< what the activation gives; none: relu the result without its sign, tanh fixed<W,1>, sigmoid and softmax ufixed<W-1,0>, of W bits of the result
  bool operator==(const LayerPrecision&) const = default;
};
struct NetworkPrecision {
  std::optional<std::string> fallback;  ///< `default`: in the place of precision_bits
  std::optional<std::string> input, weight, bias, accum, result;
  bool operator==(const NetworkPrecision&) const = default;
};

/// One layer as hls4ml makes it. Dense and convolution: exact sums (or in `accum`), then cast to the result's type, then the activation.
/// Shapes follow from the layer before; `flatten` makes a vector of an image, row-major, channels innermost.
struct Layer {
  std::string type = "dense";         ///< dense, conv1d, conv2d, max_pool, flatten
  std::int64_t size = 8;              ///< dense: neurons; convolution: filters
  std::int64_t kernel = 1;            ///< convolution, pooling: rows (conv2d) and columns of the window
  std::int64_t stride = 1;            ///< convolution; of a pool it is the kernel
  std::string activation = "linear";  ///< linear, relu, tanh, sigmoid, softmax (dense, last)
  bool bias = true;
  bool residual = false;              ///< dense of as many neurons as inputs: the layer's input is added to its output (cast again)
  std::int64_t reuse_factor = 0;      ///< 0: the valid one nearest to the network's
  /// Trained ones in place of the drawn, as stored bits: w stands for w / 2^(X-1), or w / 2^(W-I) of the layer's own types. Row by row, a row for each input (of a convolution: kernel row,
  /// kernel column, channel), in it a weight for each neuron or filter; a bias for each of these. All layers of a network give theirs, or none.
  std::optional<std::vector<std::int64_t>> weights, biases;
  std::optional<LayerPrecision> precision;
  bool operator==(const Layer&) const = default;
};

/// A network of layers in fixed point, everything of type fixed<X,1> (X = precision_bits) where `precision` and those of the layers say nothing else; weights and biases given or drawn from a
/// seed (uniform over their types).
struct Network {
  std::string name = "network";
  int precision_bits = 8;             ///< 2 to 32; 0: `precision->fallback` is given
  std::optional<NetworkPrecision> precision;
  std::string strategy = "latency";   ///< latency, resource
  std::string io = "io_parallel";     ///< io_parallel, io_stream
  std::int64_t reuse_factor = 1;      ///< wish; each layer takes the nearest valid one
  std::uint64_t weight_seed = 1;
  std::int64_t height = 1, width = 1, channels = 1;  ///< of the input; a vector has height and width 1
  std::vector<Layer> layers;
  bool operator==(const Network&) const = default;
};

/// Whether a document is a network's and not a kernel's.
bool holds_network(const Document& document);

/// Types of the numbers of one layer. Layers without weights give what they take.
struct LayerTypes {
  NumberType in, weight, bias, result, activated, out;  ///< `activated`: behind the activation; `out`: behind the addition of the input too
  std::optional<NumberType> accum;
  int product_fraction = 0, sum_fraction = 0;  ///< of products, and of sums: smaller where `accum` truncates, larger where biases are finer
  int sum_bits = 0;    ///< the sum is made modulo 2^sum_bits
  bool whole = false;  ///< all of the sum's bits decide (saturation, or a sum that wraps in `accum`), not the lowest ones alone
  /// Whether the cast to the result takes more than leaving bits out.
  bool casts() const { return result.rounding != Rounding::down || result.overflow != Overflow::wrap; }
};

/// What a layer takes and gives, and its true reuse factor.
struct LayerShape {
  std::int64_t in_height = 1, in_width = 1, in_channels = 1, height = 1, width = 1, channels = 1;
  std::int64_t n_in = 0, n_out = 0;   ///< of its matrix product; 0: none
  std::int64_t reuse_factor = 1, multipliers = 0;
  LayerTypes types;
};

void describe(FieldVisitor& v, LayerPrecision& precision);
void describe(FieldVisitor& v, NetworkPrecision& precision);
void describe(FieldVisitor& v, Layer& layer);
void describe(FieldVisitor& v, Network& network);
Expected<Network> read_network(const Document& document);
Json write_network(const Network& network);
Json network_schema();
/// A type by one of the names that LayerPrecision allows, of 2 to 32 bits (without sign: 1 to 32), accumulators to 63.
Expected<NumberType> precision_named(const std::string& text, int most_bits = 32);
/// A type as vendor tools write it.
std::string vendor_type(const NumberType& type);
/// Shapes, types and reuse factors. Errors: sizes beyond the limits, windows larger than images, unknown words, layers that do not fit together.
Expected<std::vector<LayerShape>> network_shapes(const Network& network);

/// Reuse factors that divide a product of n_in x n_out as hls4ml allows: divisors of n_in, and multiples of n_in by divisors of n_out.
std::vector<std::int64_t> valid_reuse_factors(std::int64_t n_in, std::int64_t n_out);

/// Stored bits of weights [in][out] and biases [out] of layer l.
struct LayerWeights {
  std::vector<std::int64_t> weights, bias;
};
LayerWeights layer_weights(const Network& network, std::size_t l, const LayerShape& shape);

/// The bit-exact golden model: inputs (row-major, channels innermost, stored bits) to outputs.
std::vector<std::int64_t> evaluate(const Network& network, const std::vector<LayerShape>& shapes, const std::vector<std::int64_t>& inputs);

/// Cycles by the timing model: from the first input taken to the last output given, both included, of one inference; II: cycles between
/// inferences in steady state.
struct NetworkCycles {
  std::int64_t cycles = 0, ii = 0;
  std::int64_t total = 0;  ///< of all inferences that were run
  std::int64_t longest_silence = 0;  ///< cycles without a handshake at a port
};
/// Steps the control of every layer. `stall`: share of cycles in which a port takes no part (as in co-simulation). Unsupported: more than 2^26 cycles.
Expected<NetworkCycles> network_cycles(const Network& network, int inferences = 3, double stall = 0, std::uint64_t seed = 1);

/// RTL of the whole network: `in_*` and `out_*` are ready/valid streams of vectors (io_parallel, dense) or pixels.
Expected<Rtl> emit_network(const Network& network);

/// The same network as C++ for Vitis HLS with its pragmas, `gnomon_network`: of vectors (dense layers, io_parallel) or of streams of pixels, whose
/// convolutions keep as many rows as a window has. Results equal evaluate(). Errors: those of network_shapes.
Expected<std::string> emit_network_cpp(const Network& network);

/// Synthesis: composed of blocks, each synthesised once (several in one run of yosys) and kept in `cache`; or flat.
Expected<SynthResult> synthesise(const Network& network, const SynthOptions& options);
/// Blocks that the networks need and the cache lacks are synthesised, `options.jobs` runs at a time. Gives how many.
Expected<std::int64_t> prepare_blocks(const std::vector<Network>& networks, const SynthOptions& options);

struct NetworkCosim {
  std::int64_t outputs = 0, mismatches = 0, rtl_cycles = 0, model_cycles = 0;
  std::string first_mismatch;
  std::string stuck;  ///< not empty: outputs did not come; which stream is blocked, and which are full and which empty
  std::optional<Mismatch> mismatch;  ///< the same: inference, {beat, element}, values, cycle, waves where they were asked for
  std::optional<CosimReplay> replay;  ///< of the first cycles in Icarus Verilog, where asked for
};
/// RTL in Verilator against the golden model and the timing model (stalls included), over seeded inputs. `rtl`: another one in the network's place, as tests that break it need.
Expected<NetworkCosim> cosimulate_network(const Network& network, const CosimOptions& options, int inferences = 3, const std::optional<Rtl>& rtl = {});

/// The same in the form of other co-simulations; a network that gets stuck is an error.
Expected<CosimResult> cosimulate_layers(const Network& network, const CosimOptions& options, const std::optional<Rtl>& rtl = {});

/// Writes network.sv, network.cpp and network.json (the normal form) into `folder`; gives the fields of design.md section 4 for `hls`.
Expected<Json> write_network_files(const Network& network, const std::filesystem::path& folder);

}  // namespace gnomon::hls
