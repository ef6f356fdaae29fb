// Select passes of the top-k kernel over random trials, beside the values of SpAtten's engine: bench_topk [trials] [n k lanes].
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel.hpp"

using namespace gnomon;

namespace {

/// Means over 2,000 trials of the published engine's latency model, by size and lanes (1, 4, 8, 16, 32).
struct Golden {
  std::int64_t n, k;
  double mean[5];
};
const std::int64_t lanes[5] = {1, 4, 8, 16, 32};
const Golden golden[] = {{64, 32, {219, 72, 49, 37, 31}},
                         {256, 32, {704, 201, 116, 75, 53}},
                         {1024, 512, {3501, 897, 476, 255, 152}},
                         {1024, 128, {2817, 735, 393, 215, 126}},
                         {1024, 32, {2350, 609, 327, 179, 109}}};

/// Places of the k largest in order, of equals the first: by sorting.
std::vector<std::int64_t> expected(const std::vector<std::int64_t>& x, std::int64_t k) {
  std::vector<std::int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)]; });
  order.resize(static_cast<std::size_t>(k));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

int main(int argc, char** argv) {
  const int trials = argc > 1 ? std::atoi(argv[1]) : 2000;
  bool fine = trials > 0;
  std::printf("%6s %5s %6s %10s %8s %8s %8s\n", "n", "k", "lanes", "mean", "sigma", "table", "off_%");
  for (const Golden& g : golden)
    for (int p = 0; p < 5; ++p) {
      if (argc > 4 && (g.n != std::atoi(argv[2]) || g.k != std::atoi(argv[3]) || lanes[p] != std::atoi(argv[4]))) continue;
      auto kernel = hls::topk_kernel({g.n, g.k, lanes[p]});
      if (!kernel) {
        std::fprintf(stderr, "%s\n", kernel.error().text().c_str());
        return 1;
      }
      double sum = 0, squares = 0;
      for (int t = 0; t < trials; ++t) {
        const auto inputs = hls::random_inputs(*kernel, derive(static_cast<std::uint64_t>(g.n * 4096 + g.k), static_cast<std::uint64_t>(t)));
        auto passes = hls::topk_passes(*kernel, inputs);
        if (!passes || passes->ids != expected(inputs.at("x"), g.k)) {
          std::fprintf(stderr, "trial %d: %s\n", t, passes ? "other elements than by sorting" : passes.error().text().c_str());
          return 1;
        }
        const double cycles = static_cast<double>(passes->cycles());
        sum += cycles;
        squares += cycles * cycles;
      }
      const double mean = sum / trials, off = 100 * (mean / g.mean[p] - 1);
      fine = fine && std::abs(off) <= 3;
      std::printf("%6lld %5lld %6lld %10.2f %8.2f %8.0f %8.2f\n", static_cast<long long>(g.n), static_cast<long long>(g.k), static_cast<long long>(lanes[p]), mean,
                  std::sqrt(std::max(0.0, squares / trials - mean * mean)), g.mean[p], off);
      std::fflush(stdout);
    }
  return fine ? 0 : 1;
}
