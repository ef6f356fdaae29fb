#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/surrogate/learner.hpp"
#include "gnomon/surrogate/train.hpp"
#include "training/trainer.hpp"

namespace gnomon::surrogate {

/// Finished pieces of a training, one file each in a folder beside the model: folds' terms and answers, learners, members. A file begins with a JSON line (training, piece, size, SHA-256 of the
/// rest); it is written whole or not at all. Pieces of another training, and damaged ones, are passed over, and said once each. Threads may ask at the same time.
class Checkpoints final : public Pieces {
 public:
  /// `training`: hash of everything that decides the model. An empty folder name: nothing is kept.
  Checkpoints(std::filesystem::path folder, std::string training, std::function<void(const std::string&)> say);

  std::optional<std::string> find(const std::string& piece);
  void put(const std::string& piece, const std::string& bytes);
  /// Says of a piece that it was of no use.
  void useless(const std::string& piece);
  bool take(const std::string& name, std::span<float> numbers) override;
  void keep(const std::string& name, std::span<const float> numbers) override;
  /// After the training: says how many pieces were taken over.
  void finish();

 private:
  std::filesystem::path folder_;
  std::string training_;
  std::function<void(const std::string&)> say_;
  std::mutex mutex_;
  std::size_t taken_ = 0, foreign_ = 0;
  bool cannot_write_ = false;

  std::filesystem::path file_of(const std::string& piece) const;
  void say(const std::string& what);
};

/// What decides a model: table, nodes, options (but threads), version.
std::string training_key(const arch::LabelTable& table, const TrainOptions& options);

std::string answers_bytes(const std::vector<std::vector<HeldOut>>& answers);
/// Nothing where the bytes are no answers of so many targets.
std::optional<std::vector<std::vector<HeldOut>>> read_answers(const std::string& bytes, std::size_t targets);
std::string terms_bytes(const std::vector<std::vector<PhysicalTerm>>& terms);
std::optional<std::vector<std::vector<PhysicalTerm>>> read_terms(const std::string& bytes, std::size_t features);

}  // namespace gnomon::surrogate
