#pragma once

#include <vector>

namespace gnomon::surrogate {

/// Figures of others, in the order BRAM, DSP, FF, LUT, cycles, II; on their labels (Vivado and Vitis HLS, Alveo parts).
struct Published {
  const char* model;
  const char* source;
  const char* subset;
  double r2[6], smape[6];
};

inline const std::vector<Published>& published() {
  static const std::vector<Published> rows{
      {"MLP", "paper, Table 4", "all", {.32, .03, .20, .49, .54, .56}, {33.9, 105.7, 24.9, 15.5, 31.8, 25.8}},
      {"GNN", "paper, Table 4 (three cells disputed)", "all", {.51, .89, .74, .73, .89, .91}, {19.5, 15.1, 11.6, 11.4, 15.7, 13.4}},
      {"transformer", "paper, Table 4", "all", {.39, .29, .72, .67, .95, .95}, {14.1, 10.8, 2.9, 2.9, 10.1, 14.1}},
      {"MLP", "paper, Table 4", "dense", {.47, .03, .13, .49, .74, .77}, {33.3, 106.6, 24.5, 14.8, 30.9, 24.8}},
      {"GNN", "paper, Table 4", "dense", {-.51, -.74, .73, .73, .82, .91}, {24.6, 23.9, 11.8, 11.6, 15.8, 13.4}},
      {"transformer", "paper, Table 4", "dense", {.39, .29, .71, .67, .95, .91}, {13.6, 10.2, 2.7, 2.7, 9.9, 14.1}},
      {"MLP", "paper, Table 4", "conv1d", {.39, -.07, .31, .24, .38, .40}, {44.7, 80.5, 28.7, 27.2, 48.4, 43.8}},
      {"GNN", "paper, Table 4", "conv1d", {.69, .02, .95, .96, .97, .97}, {33.7, 36.7, 7.7, 6.2, 11.0, 11.1}},
      {"transformer", "paper, Table 4", "conv1d", {.77, .41, .97, .96, .96, .96}, {29.9, 22.7, 7.2, 5.8, 10.4, 11.2}},
      {"MLP", "paper, Table 4", "conv2d", {-.50, .15, .51, .41, .33, .35}, {51.5, 87.0, 41.8, 34.4, 56.1, 54.7}},
      {"GNN", "paper, Table 4", "conv2d", {.44, .51, .92, .95, .84, .88}, {31.2, 34.8, 8.8, 6.7, 19.5, 18.5}},
      {"transformer", "paper, Table 4", "conv2d", {.79, .55, .93, .96, .93, .93}, {18.8, 25.3, 8.0, 6.8, 16.3, 16.9}},
      {"MLP", "leaderboard, synthesised labels", "all", {.318, .033, .198, .491, .539, .335}, {33.9, 105.7, 24.9, 15.5, 31.8, 27.0}},
      {"GNN", "leaderboard, synthesised labels", "all", {.640, .565, .935, .901, .815, .827}, {21.6, 14.8, 14.1, 14.0, 17.9, 14.5}},
      {"transformer", "leaderboard, synthesised labels", "all", {.349, .827, .925, .904, .930, .918}, {18.9, 8.8, 3.6, 4.5, 11.3, 14.7}},
      {"rule4ml 0.2 GNN", "leaderboard, synthesised labels", "all", {.703, .184, .511, .552, .789, .558}, {46.3, 103.3, 16.0, 16.5, 12.9, 14.2}},
  };
  return rows;
}

/// SMAPE on the exemplar networks, from the leaderboard (886 networks), where R2 is published as a mean only.
struct PublishedExemplars {
  const char* model;
  double mean_r2;
  double smape[6];
};
inline const std::vector<PublishedExemplars>& published_exemplars() {
  static const std::vector<PublishedExemplars> rows{
      {"MLP", .248, {84.6, 89.3, 62.9, 71.9, 82.7, 86.1}},
      {"GNN", -1.96, {57.2, 84.1, 85.6, 57.0, 88.0, 116.3}},
      {"transformer", -.517, {59.3, 107.3, 81.5, 55.4, 84.2, 112.3}},
      {"rule4ml GNN", -1.91, {116.7, 113.0, 114.7, 81.9, 78.4, 90.0}},
  };
  return rows;
}

}  // namespace gnomon::surrogate
