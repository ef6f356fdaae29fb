/* Surrogates from C, and from any language that calls C: load a model file, ask it, free it. Link libgnomon_surrogate.so, which has all else
 * of ours inside: cc program.c -IPREFIX/include -LPREFIX/lib -lgnomon_surrogate -Wl,-rpath,PREFIX/lib (docs/surrogate.md, From C++ and C).
 *
 *   char error[512];
 *   gnomon_surrogate* model = gnomon_surrogate_load("edge.gnomon", error, sizeof error);
 *   double x[2] = {64, 128}, mean[1], lower[1], upper[1];
 *   unsigned char in_range[1];
 *   if (model && gnomon_surrogate_predict(model, x, 1, mean, lower, upper, in_range, error, sizeof error) == 0) ...
 *   gnomon_surrogate_free(model);
 *
 * A model may be asked by several threads at once. Errors are returned as text, cut to the room given; nothing is printed and nothing throws. */
#ifndef GNOMON_SURROGATE_H
#define GNOMON_SURROGATE_H

#include <stddef.h>

#if defined(__GNUC__)
#define GNOMON_SURROGATE_API __attribute__((visibility("default")))
#else
#define GNOMON_SURROGATE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gnomon_surrogate gnomon_surrogate;

/* A model from a file, or NULL and an error. */
GNOMON_SURROGATE_API gnomon_surrogate* gnomon_surrogate_load(const char* path, char* error, size_t error_size);
GNOMON_SURROGATE_API void gnomon_surrogate_free(gnomon_surrogate* model);

/* Numbers and names of features and targets; NULL beyond the last. The strings live as long as the model. */
GNOMON_SURROGATE_API size_t gnomon_surrogate_features(const gnomon_surrogate* model);
GNOMON_SURROGATE_API size_t gnomon_surrogate_targets(const gnomon_surrogate* model);
GNOMON_SURROGATE_API const char* gnomon_surrogate_feature_name(const gnomon_surrogate* model, size_t feature);
GNOMON_SURROGATE_API const char* gnomon_surrogate_target_name(const gnomon_surrogate* model, size_t target);
/* The number that stands for a word of a categorical feature; -1 for a word never seen, or a feature of numbers. */
GNOMON_SURROGATE_API double gnomon_surrogate_category(const gnomon_surrogate* model, size_t feature, const char* word);

/* Answers for `rows` rows x [rows][features], row by row, in the features' own units, NaN for a missing value. mean, lower and upper are
 * [rows][targets], in_range is [rows]; any of the last three may be NULL. 0, or -1 and an error. */
GNOMON_SURROGATE_API int gnomon_surrogate_predict(const gnomon_surrogate* model, const double* x, size_t rows, double* mean, double* lower, double* upper,
                                                  unsigned char* in_range, char* error, size_t error_size);
/* Which features of those rows lie outside what training saw: outside is [rows][features], 1 or 0. A row may be out of range without one, where the
 * model's members disagree. 0, or -1 and an error. */
GNOMON_SURROGATE_API int gnomon_surrogate_outside(const gnomon_surrogate* model, const double* x, size_t rows, unsigned char* outside, char* error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
