#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cosim/build.hpp"
#include "cosim/worker.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::hls {

inline std::filesystem::path test_cache() {
  return std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-cache";
}

/// g products of m x k by k x n with noise.
inline Operands random_operands(std::int64_t g, std::int64_t m, std::int64_t n, std::int64_t k, int bits, std::uint64_t seed) {
  arch::ArrayWork work;
  work.extent[0] = g;
  work.extent[1] = m;
  work.extent[2] = n;
  work.extent[3] = k;
  Operands operands = *empty_operands(work);
  fill_random(operands, bits, seed);
  return operands;
}

/// Folds of the array's size whose K is cut into parts of at most `k_part` (where k lies on rows: at most the array's), all parts
/// of a product's outputs before the next part. `waits`: some folds wait for one before them.
inline std::vector<Fold> cut_folds(const ArrayParameters& p, const Operands& o, std::int64_t k_part, Random* waits = nullptr,
                                   std::int64_t stream_part = 1 << 30) {
  std::vector<Fold> folds;
  const arch::SpatialDims dims = arch::spatial_dims(p.dataflow);
  std::int64_t part[arch::dim_count] = {1, stream_part, stream_part, k_part};
  part[static_cast<int>(dims.rows)] = dims.rows == arch::Dim::k ? std::min(p.rows, k_part) : p.rows;
  part[static_cast<int>(dims.cols)] = p.cols;
  const std::int64_t M = o.extent[1], N = o.extent[2], K = o.extent[3];
  for (std::int64_t g = 0; g < o.extent[0]; ++g)
    for (std::int64_t k = 0; k < K; k += part[3])
      for (std::int64_t m = 0; m < M; m += part[1])
        for (std::int64_t n = 0; n < N; n += part[2]) {
          const std::int64_t size[] = {1, std::min(part[1], M - m), std::min(part[2], N - n), std::min(part[3], K - k)};
          Fold fold{g, m, n, k, size[static_cast<int>(dims.rows)], size[static_cast<int>(dims.cols)],
                    size[static_cast<int>(dims.streamed)], 0};
          if (waits != nullptr && p.overlap && waits->chance(0.3)) fold.wait = waits->integer(1, std::min<std::int64_t>(p.wait_distance(), 4));
          folds.push_back(fold);
        }
  return folds;
}

inline Expected<DriveResult> drive(const Rtl& rtl, const ArrayParameters& p, const Operands& operands,
                                   const std::vector<Fold>& folds, double stall = 0, std::uint64_t seed = 1,
                                   double cpu_seconds = 60) {
  auto built = build_model(rtl, test_cache(), false);
  if (!built) return fail(std::move(built.error()));
  WorkerJob job;
  job.library = built->library.string();
  job.array = p;
  job.operands = operands;
  job.folds = folds;
  job.drive.stall = stall;
  job.drive.seed = seed;
  job.drive.max_cycles = 10'000'000;
  job.cpu_seconds = cpu_seconds;
  return run_in_child(job, {GNOMON_COSIM_WORKER});
}

/// The text with one place changed; fails where the place is not there exactly once.
inline Rtl mutate(Rtl rtl, const std::string& from, const std::string& to) {
  const std::size_t at = rtl.text.find(from);
  if (at == std::string::npos || rtl.text.find(from, at + 1) != std::string::npos) return {};
  rtl.text.replace(at, from.size(), to);
  return rtl;
}

}  // namespace gnomon::hls
