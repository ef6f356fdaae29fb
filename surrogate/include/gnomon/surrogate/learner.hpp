#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/nn.hpp"

namespace gnomon::surrogate {

/// Nodes (layers of a network, loops of a kernel) of many rows, one row's after the other's. A row may have none.
struct NodeBatch {
  Mlp<float>::Batch x;                                           ///< [node inputs, nodes], standardised
  std::vector<std::int32_t> first{0};                            ///< [rows + 1]: row r has the nodes first[r] .. first[r + 1] - 1
  std::vector<std::int32_t> edge_first{0};                       ///< [rows + 1]: row r has the edges edge_first[r] .. edge_first[r + 1] - 1
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;      ///< (from, to), counted over all nodes

  bool empty() const { return first.size() < 2; }
  Eigen::Index rows() const { return static_cast<Eigen::Index>(first.size()) - 1; }
};

/// Rows as every model family sees them.
struct Samples {
  Mlp<float>::Batch x;  ///< [inputs, rows], scaled and standardised (Feature::scale)
  NodeBatch nodes;      ///< of the same rows; empty where the data have no node lists

  Eigen::Index rows() const { return x.cols(); }
};
/// The rows given by index, in that order.
Samples select(const Samples& samples, std::span<const Eigen::Index> rows);

/// Where learners keep what is finished, so that an interrupted training goes on with it. Threads may ask at the same time.
class Pieces {
 public:
  virtual ~Pieces() = default;
  /// Fills `numbers` with a piece that was kept; false where there is none of this size.
  virtual bool take(const std::string& name, std::span<float> numbers) = 0;
  virtual void keep(const std::string& name, std::span<const float> numbers) = 0;
};

/// What a learner gets to learn from.
struct Lesson {
  const Samples& samples;
  const Mlp<float>::Batch& labels;        ///< [targets, rows], standardised in the target's scale; NaN where missing
  const std::vector<std::size_t>& group;  ///< [rows], 0 .. groups - 1: rows of a group stay together wherever rows are held out
  std::size_t groups = 0;
  std::uint64_t seed = 1;
  int threads = 1;  ///< the result does not depend on it
  /// Per target, how standardised labels are to be read where physics adds: a label is `mean + deviation * standardised`, in the log domain
  /// (of y, or of 1 + y / divisor) where `log` says so. Empty: all linear, mean 0, deviation 1.
  struct Scale {
    bool log = false;
    double mean = 0, deviation = 1;
  };
  std::vector<Scale> scales = {};
  /// Where members are kept, each by a name that begins with `piece`; null: nowhere.
  Pieces* pieces = nullptr;
  std::string piece = {};
};

/// Memory that begins with a line of the cache, as the widest vectors like it.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  LineAllocator() = default;
  template <class Other>
  LineAllocator(const LineAllocator<Other>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, line); }
  bool operator==(const LineAllocator&) const = default;
};
using LaneFloats = std::vector<float, LineAllocator<float>>;

/// One family of models behind one interface: small networks, trees, a Gaussian process, a graph network, a transformer. Targets are columns of
/// one model where the family can share (networks), and independent inside it where not. Learners are immutable once fitted and
/// `predict` may run in several threads. Same lesson, same bytes.
class Learner {
 public:
  using Batch = Mlp<float>::Batch;

  virtual ~Learner() = default;
  /// Name in `learner_families()`.
  virtual std::string family() const = 0;
  /// Fits from nothing. Errors: a lesson that the family cannot take (too many rows, no node lists).
  virtual Expected<void> fit(const Lesson& lesson) = 0;
  /// Centre and spread [targets, rows] in standardised units. The spread is the family's own measure of doubt (deviation among members, or the
  /// posterior's deviation); it is made an interval by calibration, never read as one. `spread` null: not wanted, and not computed.
  virtual void predict(const Samples& samples, Batch& mean, Batch* spread) const = 0;
  /// Whether the family also answers rows side by side; the same answers as `predict`, to the byte.
  virtual bool by_lanes() const { return false; }
  static constexpr int lanes = 32;
  /// x [blocks][inputs][lanes] to centre and spread [blocks][outputs][lanes]; `scratch` grows as needed.
  virtual void predict_lanes(const float* /*x*/, std::size_t /*blocks*/, float* /*mean*/, float* /*spread*/, LaneFloats& /*scratch*/) const {}
  /// x [inputs] of one row to centre and spread [outputs].
  virtual void predict_row(const float* /*x*/, float* /*mean*/, float* /*spread*/, LaneFloats& /*scratch*/) const {}
  /// What besides the weights is needed to load it, as compact JSON; goes into the model file's header.
  virtual std::string structure() const = 0;
  virtual void append_weights(std::vector<float>& blob) const = 0;
  /// Rebuilds from `structure` (of `file`, for messages) and the weights that `append_weights` gave. Refuses what does not fit, also widths
  /// other than those of the model: `inputs`, `node_inputs`, `targets`.
  struct Shape {
    int inputs = 0, node_inputs = 0, targets = 0;
  };
  virtual Expected<void> load(const std::string& structure, std::span<const float> weights, const Shape& shape, const std::string& file) = 0;
};

/// A family: how it is called and made. `options` is JSON of the family's own options (`{}` for the defaults), refused where it does not fit.
struct LearnerFamily {
  std::string name;
  std::string summary;
  bool needs_nodes = false;
  /// Most rows it takes; 0: any number.
  std::size_t most_rows = 0;
  Expected<std::unique_ptr<Learner>> (*make)(const std::string& options) = nullptr;
};
/// `ensemble`, `trees`, `process`, `blend` (ensemble and trees), `graph`, `transformer`.
const std::vector<LearnerFamily>& learner_families();
/// A learner by name. Error: the nearest name.
Expected<std::unique_ptr<Learner>> make_learner(const std::string& family, const std::string& options = "{}");

}  // namespace gnomon::surrogate
