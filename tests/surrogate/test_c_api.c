/* A C program asks a model that test_families.cpp wrote: y = 3 a - 2 b. Without GNOMON_TEST_MODEL only what needs no model is looked at. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnomon/surrogate/gnomon_surrogate.h"

static int failures = 0;

static void expect(int right, const char* what) {
  if (right) return;
  ++failures;
  fprintf(stderr, "wrong: %s\n", what);
}

int main(void) {
  char error[256];
  gnomon_surrogate* none = gnomon_surrogate_load("/no/such/model", error, sizeof error);
  expect(none == NULL && strstr(error, "no such file") != NULL, "a missing file is told");
  gnomon_surrogate_free(NULL);

  const char* path = getenv("GNOMON_TEST_MODEL");
  if (path) {
    gnomon_surrogate* model = gnomon_surrogate_load(path, error, sizeof error);
    if (!model) {
      fprintf(stderr, "%s\n", error);
      return 1;
    }
    expect(gnomon_surrogate_features(model) == 3 && gnomon_surrogate_targets(model) == 1, "three features, one target");
    expect(strcmp(gnomon_surrogate_feature_name(model, 1), "b") == 0, "names");
    expect(gnomon_surrogate_feature_name(model, 3) == NULL, "no name beyond the last");
    expect(gnomon_surrogate_category(model, 0, "os") == -1, "no category");
    const double x[6] = {1.5, -1, 1, 0, 1, 0};
    double mean[2], lower[2], upper[2];
    unsigned char in_range[2];
    expect(gnomon_surrogate_predict(model, x, 2, mean, lower, upper, in_range, error, sizeof error) == 0, "an answer");
    expect(fabs(mean[0] - 6.5) < 0.5 && fabs(mean[1] + 2) < 0.5, "y = 3 a - 2 b");
    expect(lower[0] <= mean[0] && mean[0] <= upper[0] && in_range[0] == 1, "an interval around it");
    /* Training saw values between -2 and 2: 1e6 is outside, and only that. */
    const double far[3] = {1, 1e6, 1};
    unsigned char outside[3] = {9, 9, 9};
    expect(gnomon_surrogate_predict(model, far, 1, mean, NULL, NULL, in_range, error, sizeof error) == 0 && in_range[0] == 0, "a row out of range");
    expect(gnomon_surrogate_outside(model, far, 1, outside, error, sizeof error) == 0 && outside[0] == 0 && outside[1] == 1 && outside[2] == 0, "the feature that is outside");
    expect(gnomon_surrogate_outside(NULL, far, 1, outside, error, sizeof error) == -1, "no model");
    const double bad[3] = {NAN, 0, 0};
    expect(gnomon_surrogate_predict(model, bad, 1, mean, NULL, NULL, NULL, error, 20) == -1 && strlen(error) == 19, "an error, cut to the room");
    gnomon_surrogate_free(model);
  }
  if (failures == 0) puts("all right");
  return failures == 0 ? 0 : 1;
}
