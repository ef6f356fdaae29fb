#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "sample.hpp"

namespace gnomon {
namespace {

std::string error_of(const std::string& text) {
  const auto document = Document::parse(text, "d.json");
  return document ? "parsed" : document.error().text();
}

TEST(Document, TakesCommentsAndKeepsTheOrderOfKeys) {
  const auto document = Document::parse("{ // first\n \"z\": 1, /* then */ \"a\": [true, null, \"\xc3\xa9\"] }", "d.json");
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->root().dump(), "{\"z\":1,\"a\":[true,null,\"\xc3\xa9\"]}");
}

TEST(Document, RefusesRepeatedKeysAllOfThem) {
  EXPECT_EQ(error_of(R"({"a": 1, "b": {"x": 1, "x": {"y": 2}}, "a": [1]})"),
            "d.json: key \"x\" stands twice in one object; keep one\nd.json: key \"a\" stands twice in one object; keep one");
}

TEST(Document, RefusesDepthBeyond200) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(error_of(nested(200)), "parsed");
  EXPECT_EQ(error_of(nested(201)), "d.json: not valid JSON: nested deeper than 200 levels");
  EXPECT_EQ(error_of(std::string(2'000'000, '[')), "d.json: not valid JSON: nested deeper than 200 levels");
}

TEST(Document, SaysWhereTheTextBreaks) {
  EXPECT_EQ(error_of("{\"a\": 1,\n \"b\" 2}").find("d.json: not valid JSON: parse error at line 2, column 6"), 0U) << error_of("{\"a\": 1,\n \"b\" 2}");
  EXPECT_NE(error_of("{\"a\": tru"), "parsed");
  EXPECT_NE(error_of(""), "parsed");
  EXPECT_NE(error_of("{} {}"), "parsed");
  EXPECT_NE(error_of("{\"a\": /* never closed"), "parsed");
}

TEST(Document, RefusesNumbersBeyondDoubleAndBadUtf8) {
  EXPECT_EQ(error_of("[1e999]").find("d.json: not valid JSON: "), 0U);
  EXPECT_NE(error_of("[1e999]").find("1e999"), std::string::npos) << error_of("[1e999]");
  EXPECT_NE(error_of("[NaN]"), "parsed");
  EXPECT_NE(error_of("[Infinity]"), "parsed");
  const std::string bad = error_of("[\"\xff\xfe\"]");
  EXPECT_NE(bad, "parsed");
  for (const char c : bad) EXPECT_GE(static_cast<unsigned char>(c), 0x0a) << "control bytes must not reach a terminal";
  EXPECT_EQ(bad.find('\xff'), std::string::npos);
  EXPECT_EQ(error_of("[18446744073709551615, 123456789012345678901234567890]"), "parsed");  // the second becomes a double
}

TEST(Document, LoadNamesTheFile) {
  const auto folder = std::filesystem::temp_directory_path();
  EXPECT_EQ(Document::load(folder / "there_is_no_such.json").error().text(), (folder / "there_is_no_such.json").string() + ": no such file");
  EXPECT_EQ(Document::load(folder).error().text(), folder.string() + ": is a folder, not a file");
  const auto path = folder / ("gnomon_base_" + std::to_string(::getpid()) + ".json");
  ASSERT_TRUE(write_file(path, "{\"a\": 1}"));
  const auto document = Document::load(path);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root()["a"], 1);
  EXPECT_EQ(document->file(), path.string());
  EXPECT_EQ(read_file(path, 3).error().kind(), ErrorKind::invalid_input);
  std::filesystem::remove(path);
  EXPECT_EQ(write_file(folder / "no_such_folder_here" / "x", "y").error().kind(), ErrorKind::run_failed);
}

TEST(Pointer, EscapesAsRfc6901) {
  EXPECT_EQ(pointer_step("a/b~c"), "/a~1b~0c");
  EXPECT_EQ(pointer_step(""), "/");
}

// 10,000 texts, each a valid one with up to eight random edits: the readers answer with a value or with problems that name the file.
TEST(Fuzz, MutatedTextsNeverCrashTheReaders) {
  const std::uint64_t seed = 20260101;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::string sound =
      R"({"rows": 16, "small": -3, "anything": 9223372036854775807, "clock_mhz": 812.5, "overlap": true, "dataflow": "os", "title": "\u00e9 \"q\"",)"
      R"( "lanes": 4, "extra": {"name": "x", "kib": 2.5}, "levels": [{"name": "a", "kib": 64, "banks": 8}, {"name": "b", "kib": 1e3}],)"
      R"( "sizes": [1, 2, 3], "weights": {"m": 0.5, "n/o": 1}, "main": {"name": "l", "kib": 3}}  // end)";
  const std::string alphabet = "{}[]\",:0123456789.eE+-/\\*untrfalse \n\t";
  ASSERT_TRUE(read_fields<sample::Box>(*Document::parse(sound, "fuzz.json")));
  std::size_t sound_after = 0, readable_after = 0;
  Random random(seed);
  const auto position = [&](const std::string& text) { return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(text.size()) - 1)); };
  for (int round = 0; round < 10'000; ++round) {
    std::string text = sound;
    for (std::int64_t edit = random.integer(1, 8); edit > 0 && !text.empty(); --edit) {
      const std::size_t at = position(text);
      switch (random.integer(0, 5)) {
        case 0: text[at] = static_cast<char>(random.integer(0, 255)); break;
        case 1: text[at] = alphabet[position(alphabet)]; break;
        case 2: text.erase(at, static_cast<std::size_t>(random.integer(1, 5))); break;
        case 3: text.insert(at, 1, alphabet[position(alphabet)]); break;
        case 4: text.insert(at, text.substr(position(text), static_cast<std::size_t>(random.integer(1, 40)))); break;
        default: text.resize(random.chance(0.1) ? at : text.size()); break;
      }
    }
    const auto document = Document::parse(text, "fuzz.json");
    if (!document) {
      ASSERT_FALSE(document.error().problems().empty());
      for (const Problem& problem : document.error().problems()) ASSERT_EQ(problem.file, "fuzz.json");
      continue;
    }
    ++readable_after;
    const auto box = read_fields<sample::Box>(*document);
    if (box) {
      ++sound_after;
      // What was read obeys the rules, and survives a round trip.
      ASSERT_GE(box->rows, 1);
      ASSERT_LE(box->rows, 1024);
      ASSERT_EQ(*read_fields<sample::Box>(Document::wrap(write_fields(*box), "again")), *box);
    } else {
      ASSERT_FALSE(box.error().text().empty());
    }
  }
  // The mutations reach all three outcomes.
  EXPECT_GT(readable_after, 500U);
  EXPECT_GT(sound_after, 100U);
  EXPECT_LT(sound_after, readable_after);
}

}  // namespace
}  // namespace gnomon
