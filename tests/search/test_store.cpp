#include <gtest/gtest.h>

#include <sqlite3.h>
#include <fstream>

#include "gnomon/base/json.hpp"
#include "gnomon/search/store.hpp"
#include "problems.hpp"

namespace gnomon::search::test {
namespace {

arch::Evaluation evaluation(double value) {
  arch::Evaluation out;
  out.metrics = {{"a", value}, {"b", 2 * value}};
  out.intervals = {{"a", value - 1, value + 1}};
  arch::LayerMetrics layer;
  layer.name = "conv1";
  layer.op = "Conv";
  layer.latency_cycles = 123;
  layer.energy_pj = value;
  out.layers = {layer};
  out.energy_breakdown_pj = {{"mac", value}};
  return out;
}

/// Runs SQL from outside; the message of a refusal.
std::string sql(const std::filesystem::path& folder, const std::string& text) {
  sqlite3* db = nullptr;
  sqlite3_open(store_path(folder).c_str(), &db);
  char* message = nullptr;
  sqlite3_exec(db, text.c_str(), nullptr, nullptr, &message);
  std::string out = message ? message : "";
  sqlite3_free(message);
  sqlite3_close(db);
  return out;
}

void fill(Store& store) {
  ASSERT_TRUE(store.set_campaign("{\"name\": \"x\"}", "hash", 18446744073709551615ULL));
  ASSERT_TRUE(store.add_batch(0, {{0, 7, "{\"x\":1}"}, {1, 18446744073709551615ULL, "{\"x\":2}"}, {2, 9, "{\"x\":3}"}}));
  auto attempt = store.start_attempt(0, "cycle", 42);
  ASSERT_TRUE(attempt);
  ASSERT_TRUE(store.finish_evaluation(0, "cycle", evaluation(1.5), *attempt, TrialEnd{0, false, "", "cycle", true, {-0.5}}));
  attempt = store.start_attempt(1, "cycle", 42);
  ASSERT_TRUE(store.finish_evaluation(1, "cycle", fail(ErrorKind::run_failed, "broke"), *attempt,
                                      TrialEnd{1, true, "broke", "cycle", false, {}}));
  ASSERT_TRUE(store.start_attempt(2, "cycle", 43));
}

TEST(Store, KeepsWhatItIsGiven) {
  const auto folder = fresh_folder("store_keeps");
  {
    auto store = Store::open(folder);
    ASSERT_TRUE(store) << store.error().text();
    fill(*store);
  }
  auto store = Store::open_read(folder);
  ASSERT_TRUE(store) << store.error().text();
  const auto trials = store->trials().value();
  ASSERT_EQ(trials.size(), 3u);
  EXPECT_EQ(trials[0].state, "done");
  EXPECT_EQ(trials[0].violations, std::vector<double>{-0.5});
  EXPECT_EQ(trials[0].at("cycle")->metrics[1].value, 3.0);
  EXPECT_EQ(trials[0].at("cycle")->intervals[0].upper, 2.5);
  EXPECT_EQ(trials[1].state, "failed");
  EXPECT_EQ(trials[1].error, "broke");
  EXPECT_EQ(trials[1].seed, 18446744073709551615ULL);
  EXPECT_EQ(trials[2].state, "running");
  EXPECT_EQ(store->layers(0, "cycle").value()[0].latency_cycles, 123);
  EXPECT_EQ(store->energy_breakdown(0, "cycle").value()[0].first, "mac");
  EXPECT_EQ(store->campaign().value(), "{\"name\": \"x\"}");
  std::filesystem::remove_all(folder);
}

TEST(Store, RunningTrialsGoBackToTheQueueWithTheirSeed) {
  const auto folder = fresh_folder("store_queue");
  {
    auto store = Store::open(folder);
    fill(*store);
  }
  auto store = Store::open(folder);
  const auto trials = store->trials().value();
  EXPECT_EQ(trials[2].state, "queued");
  EXPECT_EQ(trials[2].seed, 9u);
  EXPECT_EQ(trials[2].params_json, "{\"x\":3}");
  std::filesystem::remove_all(folder);
}

TEST(Store, FinishedTrialsAreImmutable) {
  const auto folder = fresh_folder("store_immutable");
  {
    auto store = Store::open(folder);
    fill(*store);
    EXPECT_FALSE(store->finish_evaluation(0, "rtl", evaluation(2), 1, {})) << "a finished trial takes no further result";
    EXPECT_FALSE(store->finish_trials({TrialEnd{0, true, "no", "cycle", false, {}}}));
    EXPECT_FALSE(store->add_batch(1, {{5, 1, "{\"x\":1}"}})) << "the same parameters twice";
  }
  for (const char* attempt :
       {"UPDATE trial SET params = '{}' WHERE number = 0", "DELETE FROM trial WHERE number = 1",
        "UPDATE metric SET value = 0 WHERE trial = 0", "DELETE FROM metric WHERE trial = 0", "UPDATE layer SET energy_pj = 0",
        "DELETE FROM violation", "INSERT INTO metric VALUES (0, 'cycle', 9, 'c', 1)",
        "UPDATE evaluation SET failed = 1 WHERE trial = 0"}) {
    EXPECT_EQ(sql(folder, attempt), "finished trials are immutable") << attempt;
  }
  std::filesystem::remove_all(folder);
}

TEST(Store, CosimsAreAddedBesideATrial) {
  const auto folder = fresh_folder("store_cosim");
  auto store = Store::open(folder);
  fill(*store);
  ASSERT_TRUE(store->add_cosim(0, R"({"outputs_match": true})"));
  ASSERT_TRUE(store->add_cosim(0, R"({"outputs_match": false})"));
  EXPECT_FALSE(store->add_cosim(99, "{}")) << "there is no such trial";
  const auto all = store->cosims().value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].second, R"({"outputs_match": false})");
  // The same run of the same thing again takes the place of the first; with other stalls it is another run.
  for (const char* row : {R"({"kind": "array", "workload": "w", "layer": null, "stall": 0.0, "seed": 1, "rtl_cycles": 5})",
                          R"({"kind": "array", "workload": "w", "layer": null, "stall": 0.3, "seed": 1, "rtl_cycles": 7})",
                          R"({"kind": "array", "workload": "w", "layer": null, "stall": 0.0, "seed": 1, "rtl_cycles": 6})"})
    ASSERT_TRUE(store->add_cosim(0, row));
  EXPECT_EQ(store->cosims()->size(), 4u);
  EXPECT_NE(store->cosims()->back().second.find("\"rtl_cycles\": 6"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Store, ADamagedFileIsSaidNotSuffered) {
  const auto folder = fresh_folder("store_damage");
  {
    auto store = Store::open(folder);
    fill(*store);
  }
  const std::string good = read_file(store_path(folder)).value();
  Random random(12);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    if (round % 3 == 0)
      bad.resize(static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(good.size()) - 1)));
    else {
      for (int k = 0; k < 200; ++k)
        bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(good.size()) - 1))] =
            static_cast<char>(random.next());
    }
    if (round == 1)
      bad = "this is not a database, but long enough to be looked at as one, one should think, if it goes on like this.";
    ASSERT_TRUE(write_file(store_path(folder), bad));
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(store_path(folder).string() + suffix);
    auto store = Store::open(folder);
    if (!store) {
      ++refused;
      EXPECT_NE(store.error().text().find("campaign.sqlite"), std::string::npos) << store.error().text();
      continue;
    }
    // An empty file is a new database; a change in a text or a number may pass. Reading must not crash either.
    (void)store->trials();
    (void)store->campaign();
    (void)store->layers(0, "cycle");
  }
  EXPECT_GT(refused, 30);
  std::filesystem::remove_all(folder);
}

TEST(Store, AnotherSchemaVersionIsRefused) {
  const auto folder = fresh_folder("store_version");
  {
    auto store = Store::open(folder);
  }
  EXPECT_EQ(sql(folder, "PRAGMA user_version = 99"), "");
  const auto store = Store::open(folder);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().text().find("schema version 99; this program reads version 3"), std::string::npos)
      << store.error().text();
  EXPECT_TRUE(Store::open(folder, true)) << "--fresh starts again";
  std::filesystem::remove_all(folder);
}

TEST(Store, OneWriterManyReaders) {
  const auto folder = fresh_folder("store_writer");
  auto writer = Store::open(folder);
  fill(*writer);
  EXPECT_FALSE(Store::open(folder));
  EXPECT_TRUE(Store::open_read(folder));
  EXPECT_FALSE(Store::open_read(folder / "nowhere"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gnomon::search::test
