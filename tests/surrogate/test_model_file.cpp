#include <gtest/gtest.h>

#include <filesystem>

#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/train.hpp"
#include "synthetic.hpp"

namespace gnomon::surrogate {
namespace {

const Model& small_model() {
  static const Model model = [] {
    TrainOptions options;
    options.targets = {"latency_cycles", "spills"};
    options.ignore = {"shape", "energy_pj", "slack"};
    options.seed = 18446744073709551615ULL;
    options.family = "ensemble";
    options.term = "never";
    options.max_epochs = 10;
    options.hidden = {16};
    options.label_kind = "a formula";
    auto trained = train(synthetic::table(120, 4), options);
    if (!trained) throw std::runtime_error(trained.error().text());
    return std::move(*trained);
  }();
  return model;
}

std::string load_error(const std::string& bytes) {
  const auto model = Model::from_bytes(bytes, "m.gnomon");
  return model ? "loaded" : model.error().text();
}

TEST(ModelFile, SavedAndLoadedPredictTheSameBits) {
  const auto path = std::filesystem::temp_directory_path() / ("gnomon_model_" + std::to_string(::getpid()));
  ASSERT_TRUE(small_model().save(path));
  const auto loaded = Model::load(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->to_bytes(), small_model().to_bytes());
  EXPECT_EQ(loaded->info().seed, 18446744073709551615ULL);
  EXPECT_EQ(loaded->info().label_kind, "a formula");
  const auto x = *small_model().encode(synthetic::table(300, 5));
  const auto a = *small_model().predict(x), b = *loaded->predict(x);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.lower, b.lower);
  EXPECT_EQ(a.upper, b.upper);
  EXPECT_EQ(a.in_range, b.in_range);
  EXPECT_EQ(Model::load(path).error().text(), path.string() + ": no such file");
}

TEST(ModelFile, HeaderIsOneLineOfJson) {
  const std::string bytes = small_model().to_bytes();
  const auto header = Document::parse(bytes.substr(0, bytes.find('\n')), "header");
  ASSERT_TRUE(header) << header.error().text();
}

TEST(ModelFile, DamagedAndForeignFilesAreRefused) {
  const std::string good = small_model().to_bytes();
  const std::size_t line = good.find('\n');
  ASSERT_EQ(load_error(good), "loaded");
  EXPECT_EQ(load_error("").find("m.gnomon: is not a surrogate model file"), 0U);
  EXPECT_EQ(load_error("{\"version\": 1}").find("m.gnomon: is not a surrogate model file"), 0U);
  EXPECT_EQ(load_error("\x89PNG\r\n").find("m.gnomon: is not a surrogate model file"), 0U);
  EXPECT_EQ(load_error(good.substr(0, line - 5)), "m.gnomon: is a truncated surrogate model file: its header line does not end");
  const std::size_t weights = good.size() - line - 1;
  EXPECT_EQ(load_error(good.substr(0, good.size() - 7)), "m.gnomon: is truncated: " + std::to_string(weights - 7) +
                                                              " bytes of weights after the header; it announces " + std::to_string(weights));
  EXPECT_EQ(load_error(good + "x").find("m.gnomon: is too long"), 0U);
  std::string flipped = good;
  flipped[good.size() - 100] ^= 4;
  EXPECT_EQ(load_error(flipped), "m.gnomon: /sha256: does not fit the content: the file is damaged or was changed by hand");
  std::string edited = good;
  edited.replace(edited.find("a formula"), 9, "no secret");
  EXPECT_EQ(load_error(edited), "m.gnomon: /sha256: does not fit the content: the file is damaged or was changed by hand");
  std::string newer = good;
  newer.replace(newer.find("\"version\":2"), 11, "\"version\":3");
  EXPECT_EQ(load_error(newer), "m.gnomon: /version: found version 3 of the model format; this gnomon reads version 2");
  EXPECT_EQ(Model::from_bytes(newer, "m").error().kind(), ErrorKind::unsupported);
}

// Any single damaged byte is found, and none crashes the reader.
TEST(ModelFile, EveryDamagedByteIsFound) {
  const std::uint64_t seed = 6;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::string good = small_model().to_bytes();
  Random random(seed);
  for (int round = 0; round < 1500; ++round) {
    std::string bad = good;
    // Half of the damage goes to the header.
    const auto last = static_cast<std::int64_t>(round % 2 == 0 ? good.find('\n') : good.size() - 1);
    const auto at = static_cast<std::size_t>(random.integer(0, last));
    switch (random.integer(0, 2)) {
      case 0: bad[at] = static_cast<char>(bad[at] ^ static_cast<char>(random.integer(1, 255))); break;
      case 1: bad.erase(at, static_cast<std::size_t>(random.integer(1, 9))); break;
      default: bad.insert(at, 1, static_cast<char>(random.integer(0, 255))); break;
    }
    ASSERT_NE(load_error(bad), "loaded") << "byte " << at;
  }
}

}  // namespace
}  // namespace gnomon::surrogate
