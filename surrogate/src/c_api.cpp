#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

#include "gnomon/surrogate/gnomon_surrogate.h"
#include "gnomon/surrogate/model.hpp"

struct gnomon_surrogate {
  gnomon::surrogate::Model model;
};

namespace {

void tell(const std::string& message, char* error, size_t error_size) {
  if (!error || error_size == 0) return;
  const size_t length = std::min(error_size - 1, message.size());
  std::memcpy(error, message.data(), length);
  error[length] = '\0';
}

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void put(const gnomon::RealMatrix& from, double* to) {
  if (to) Eigen::Map<RowMajor>(to, from.rows(), from.cols()) = from;
}

}  // namespace

extern "C" {

gnomon_surrogate* gnomon_surrogate_load(const char* path, char* error, size_t error_size) {
  try {
    if (!path) return tell("no path is given", error, error_size), nullptr;
    auto model = gnomon::surrogate::Model::load(path);
    if (!model) return tell(model.error().text(), error, error_size), nullptr;
    return new gnomon_surrogate{std::move(*model)};
  } catch (const std::exception& problem) {
    return tell(problem.what(), error, error_size), nullptr;
  }
}

void gnomon_surrogate_free(gnomon_surrogate* model) { delete model; }

size_t gnomon_surrogate_features(const gnomon_surrogate* model) { return model ? model->model.feature_count() : 0; }
size_t gnomon_surrogate_targets(const gnomon_surrogate* model) { return model ? model->model.target_count() : 0; }
const char* gnomon_surrogate_feature_name(const gnomon_surrogate* model, size_t feature) {
  return feature < gnomon_surrogate_features(model) ? model->model.info().features[feature].name.c_str() : nullptr;
}
const char* gnomon_surrogate_target_name(const gnomon_surrogate* model, size_t target) {
  return target < gnomon_surrogate_targets(model) ? model->model.info().targets[target].name.c_str() : nullptr;
}

double gnomon_surrogate_category(const gnomon_surrogate* model, size_t feature, const char* word) {
  if (!word || feature >= gnomon_surrogate_features(model)) return -1;
  const auto& words = model->model.info().features[feature].categories;
  const auto at = std::find(words.begin(), words.end(), std::string_view(word));
  return at == words.end() ? -1 : static_cast<double>(at - words.begin());
}

int gnomon_surrogate_predict(const gnomon_surrogate* model, const double* x, size_t rows, double* mean, double* lower, double* upper,
                             unsigned char* in_range, char* error, size_t error_size) {
  try {
    if (!model || (rows > 0 && (!x || !mean))) return tell("model, x and mean must be given", error, error_size), -1;
    const gnomon::RealMatrix input = Eigen::Map<const RowMajor>(x, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(model->model.feature_count()));
    const auto answer = model->model.predict(input);
    if (!answer) return tell(answer.error().text(), error, error_size), -1;
    put(answer->mean, mean);
    put(answer->lower, lower);
    put(answer->upper, upper);
    if (in_range) std::copy(answer->in_range.begin(), answer->in_range.end(), in_range);
    return 0;
  } catch (const std::exception& problem) {
    return tell(problem.what(), error, error_size), -1;
  }
}

int gnomon_surrogate_outside(const gnomon_surrogate* model, const double* x, size_t rows, unsigned char* outside, char* error, size_t error_size) {
  try {
    if (!model || (rows > 0 && (!x || !outside))) return tell("model, x and outside must be given", error, error_size), -1;
    const gnomon::RealMatrix input = Eigen::Map<const RowMajor>(x, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(model->model.feature_count()));
    const auto flags = model->model.outside(input);
    std::copy(flags.begin(), flags.end(), outside);
    return 0;
  } catch (const std::exception& problem) {
    return tell(problem.what(), error, error_size), -1;
  }
}

}  // extern "C"
