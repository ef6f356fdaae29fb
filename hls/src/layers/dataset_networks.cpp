#include "layers/dataset_networks.hpp"

#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

std::string hidden_activation(Random& random) { return random.pick<std::string>({"relu", "relu", "relu", "linear", "tanh", "sigmoid"}); }

}  // namespace

Network fully_connected_network(std::uint64_t seed) {
  Random random(seed);
  Network n;
  n.name = "fc";
  n.precision_bits = static_cast<int>(2 * random.integer(1, 8));
  n.strategy = random.pick<std::string>({"latency", "resource"});
  n.io = random.chance(0.8) ? "io_parallel" : "io_stream";
  n.reuse_factor = random.log_integer(1, 4096);
  n.weight_seed = derive(seed, "weights") >> 11;
  n.channels = 8 * random.integer(1, 16);
  const std::int64_t layers = random.integer(2, 7);
  for (std::int64_t l = 0; l < layers; ++l) {
    Layer layer;
    layer.size = 8 * random.integer(1, 16);
    layer.bias = random.chance(0.9);
    layer.activation = hidden_activation(random);
    if (l + 1 == layers) layer.activation = random.pick<std::string>({"linear", "softmax", "sigmoid", "relu"});
    if (layer.activation == "softmax") layer.size = random.integer(2, 32);
    n.layers.push_back(layer);
  }
  return n;
}

Network convolutional_network(std::uint64_t seed) {
  Random random(seed);
  const bool two = random.chance(0.5);
  Network n;
  n.name = two ? "conv2d" : "conv1d";
  n.precision_bits = static_cast<int>(2 * random.integer(1, 8));
  n.strategy = random.chance(0.7) ? "resource" : "latency";
  n.io = "io_stream";
  n.reuse_factor = random.log_integer(1, 4096);
  n.weight_seed = derive(seed, "weights") >> 11;
  n.height = two ? 4 * random.integer(2, 8) : 1;
  n.width = two ? n.height : 16 * random.integer(2, 8);
  n.channels = random.integer(1, 4);
  std::int64_t size = n.width, rows = n.height, channels = n.channels;
  const std::int64_t convolutions = random.integer(1, 3);
  for (std::int64_t l = 0; l < convolutions; ++l) {
    Layer layer;
    layer.type = n.name;
    layer.kernel = random.pick<std::int64_t>({1, 3, 3, 5});
    if (layer.kernel > size) layer.kernel = 1;
    layer.size = 4 * random.integer(1, 8);
    layer.stride = random.chance(0.2) && size > layer.kernel + 2 ? 2 : 1;
    layer.activation = hidden_activation(random);
    layer.bias = random.chance(0.9);
    n.layers.push_back(layer);
    size = (size - layer.kernel) / layer.stride + 1;
    rows = two ? size : 1;
    channels = layer.size;
    if (size >= 4 && (size > 8 || random.chance(0.6))) {
      Layer pool;
      pool.type = "max_pool";
      pool.kernel = 2;
      n.layers.push_back(pool);
      size /= 2;
      rows = two ? size : 1;
    }
    if (size < 4) break;
  }
  // What is flattened stays below 512 elements, by pools.
  while (size >= 4 && size * rows * channels > 512) {
    Layer pool;
    pool.type = "max_pool";
    pool.kernel = 2;
    n.layers.push_back(pool);
    size /= 2;
    rows = two ? size : 1;
  }
  Layer flat;
  flat.type = "flatten";
  n.layers.push_back(flat);
  const std::int64_t dense = random.integer(1, 2);
  for (std::int64_t l = 0; l < dense; ++l) {
    Layer layer;
    layer.size = 8 * random.integer(1, 8);
    layer.activation = hidden_activation(random);
    if (l + 1 == dense) layer.size = random.integer(2, 16), layer.activation = random.pick<std::string>({"linear", "softmax"});
    n.layers.push_back(layer);
  }
  return n;
}

Network small_network(std::uint64_t seed, int kind) {
  Random random(seed);
  Network n;
  n.name = "small";
  n.precision_bits = static_cast<int>(random.integer(2, 12));
  n.strategy = kind % 2 == 0 ? "latency" : "resource";
  n.io = kind % 3 == 0 ? "io_stream" : "io_parallel";
  n.reuse_factor = kind % 4 == 0 ? 1 : random.log_integer(1, 64);
  n.weight_seed = derive(seed, "weights") >> 11;
  if (kind % 7 >= 5) {
    const bool two = kind % 7 == 5;
    n.height = two ? random.integer(5, 8) : 1;
    n.width = random.integer(6, 10);
    n.channels = random.integer(1, 3);
    Layer conv;
    conv.type = two ? "conv2d" : "conv1d";
    conv.kernel = random.integer(1, 3);
    conv.stride = random.integer(1, 2);
    conv.size = random.integer(2, 4);
    conv.activation = hidden_activation(random);
    n.layers.push_back(conv);
    if ((n.width - conv.kernel) / conv.stride + 1 >= 4 && (!two || (n.height - conv.kernel) / conv.stride + 1 >= 2)) {
      Layer pool;
      pool.type = "max_pool";
      pool.kernel = 2;
      n.layers.push_back(pool);
    }
    Layer flat;
    flat.type = "flatten";
    n.layers.push_back(flat);
  } else {
    n.channels = random.integer(3, 16);
    Layer layer;
    layer.size = random.integer(2, 16);
    layer.bias = random.chance(0.7);
    layer.activation = hidden_activation(random);
    n.layers.push_back(layer);
    if (random.chance(0.4)) {
      layer.residual = true;
      n.layers.push_back(layer);
    }
  }
  Layer last;
  last.size = random.integer(2, 6);
  last.activation = random.pick<std::string>({"linear", "softmax", "relu", "sigmoid"});
  n.layers.push_back(last);
  return n;
}

std::vector<Exemplar> exemplar_networks() {
  struct Family {
    const char* name;
    std::int64_t inputs;
    std::vector<std::int64_t> sizes;
    const char* last;
    bool residual, bias;
  };
  const std::vector<Family> families{{"jet", 16, {32, 32, 32, 5}, "softmax", false, true},
                                     {"top_quarks", 10, {32, 1}, "sigmoid", false, true},
                                     {"anomaly", 128, {8, 4, 128, 4, 128}, "softmax", false, true},
                                     {"bipc", 36, {36, 36, 36, 36, 36, 36}, "relu", true, false},
                                     {"cookie_box", 512, {4, 32, 32, 5}, "softmax", false, true},
                                     {"automlp", 7, {12, 16, 12, 2}, "softmax", false, true},
                                     {"particle_tracking", 14, {32, 32, 32, 3}, "softmax", false, true}};
  std::vector<Exemplar> out;
  for (const Family& f : families)
    for (const int bits : {2, 4, 6, 8, 10, 12, 14, 16})
      for (const std::int64_t reuse : {1, 2, 4, 8, 16, 64, 256, 1024})
        for (const char* strategy : {"latency", "resource"}) {
          Network n;
          n.name = f.name;
          n.precision_bits = bits;
          n.strategy = strategy;
          n.reuse_factor = reuse;
          n.weight_seed = derive(derive(std::uint64_t{77}, f.name), static_cast<std::uint64_t>(bits)) >> 11;
          n.channels = f.inputs;
          for (std::size_t l = 0; l < f.sizes.size(); ++l) {
            Layer layer;
            layer.size = f.sizes[l];
            layer.bias = f.bias;
            layer.activation = l + 1 == f.sizes.size() ? f.last : "relu";
            layer.residual = f.residual && l > 0;
            n.layers.push_back(layer);
          }
          out.push_back({f.name, n});
        }
  return out;
}

}  // namespace gnomon::hls
