#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

/// One layer as hls4ml makes it. Dense and convolution: exact sums, then cast to the network's type (truncated, wrapped), then the activation.
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
  /// Trained ones in place of the drawn: w stands for w / 2^(X-1). Row by row, a row for each input (of a convolution: kernel row, kernel column, channel), in it a weight for each neuron
  /// or filter; a bias for each of these.
  std::optional<std::vector<std::int64_t>> weights, biases;
  bool operator==(const Layer&) const = default;
};

/// A network of layers in fixed point, everything of type fixed<X,1> (X = precision_bits), weights and biases given or drawn from a seed (uniform over the type).
struct Network {
  std::string name = "network";
  int precision_bits = 8;             ///< 2 to 16
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

/// What a layer takes and gives, and its true reuse factor.
struct LayerShape {
  std::int64_t in_height = 1, in_width = 1, in_channels = 1, height = 1, width = 1, channels = 1;
  std::int64_t n_in = 0, n_out = 0;   ///< of its matrix product; 0: none
  std::int64_t reuse_factor = 1, multipliers = 0;
};

void describe(FieldVisitor& v, Layer& layer);
void describe(FieldVisitor& v, Network& network);
Expected<Network> read_network(const Document& document);
Json write_network(const Network& network);
Json network_schema();
/// Shapes and reuse factors. Errors: sizes beyond the limits, windows larger than images, unknown words, layers that do not fit together.
Expected<std::vector<LayerShape>> network_shapes(const Network& network);

/// Reuse factors that divide a product of n_in x n_out as hls4ml allows: divisors of n_in, and multiples of n_in by divisors of n_out.
std::vector<std::int64_t> valid_reuse_factors(std::int64_t n_in, std::int64_t n_out);

/// Stored bits of weights [in][out] and biases [out] of layer l.
struct LayerWeights {
  std::vector<std::int32_t> weights, bias;
};
LayerWeights layer_weights(const Network& network, std::size_t l, const LayerShape& shape);

/// The bit-exact golden model: inputs (row-major, channels innermost, stored bits) to outputs.
std::vector<std::int64_t> evaluate(const Network& network, const std::vector<LayerShape>& shapes, const std::vector<std::int64_t>& inputs);

/// Cycles by the timing model: from the first input taken to the last output given, both included, of one inference; II: cycles between
/// inferences in steady state.
struct NetworkCycles {
  std::int64_t cycles = 0, ii = 0;
  std::int64_t total = 0;  ///< of all inferences that were run
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
  std::optional<Mismatch> mismatch;  ///< the same: inference, {beat, element}, values, cycle, waves where they were asked for
  std::optional<CosimReplay> replay;  ///< of the first cycles in Icarus Verilog, where asked for
};
/// RTL in Verilator against the golden model and the timing model (stalls included), over seeded inputs.
Expected<NetworkCosim> cosimulate_network(const Network& network, const CosimOptions& options, int inferences = 3);

/// The same in the form of other co-simulations.
Expected<CosimResult> cosimulate_layers(const Network& network, const CosimOptions& options);

/// Writes network.sv, network.cpp and network.json (the normal form) into `folder`; gives the fields of design.md section 4 for `hls`.
Expected<Json> write_network_files(const Network& network, const std::filesystem::path& folder);

}  // namespace gnomon::hls
