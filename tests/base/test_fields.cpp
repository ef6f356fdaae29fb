#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/random.hpp"
#include "sample.hpp"

namespace gnomon {
namespace {

using sample::Box;

std::string read(const std::string& text) {
  const auto document = Document::parse(text, "box.json");
  if (!document) return document.error().text();
  const auto box = read_fields<Box>(*document);
  return box ? "read" : box.error().text();
}

TEST(Reader, DefaultsStandWhereKeysAreAbsent) {
  const auto box = read_fields<Box>(*Document::parse(R"({"$schema": "x", "rows": 4})", "box.json"));
  ASSERT_TRUE(box);
  Box expected;
  expected.rows = 4;
  EXPECT_EQ(*box, expected);
}

TEST(Reader, MessagesNamePlaceFoundAllowedAndNearest) {
  EXPECT_EQ(read(R"({"rows": 4, "dataflow": "wss"})"), R"(box.json: /dataflow: unknown value "wss"; did you mean "ws"? (allowed: os, ws, is))");
  EXPECT_EQ(read(R"({"rows": 4, "dataflow": "systolic"})"), R"(box.json: /dataflow: unknown value "systolic"; allowed: os, ws, is)");
  EXPECT_EQ(read(R"({"rows": 4, "dataflow": 3})"), "box.json: /dataflow: found 3; allowed: os, ws, is");
  EXPECT_EQ(read(R"({"rows": 4, "main": {"name": "x", "kib": 1, "bansk": 2}})"),
            R"(box.json: /main/bansk: unknown key "bansk"; did you mean "banks"? (allowed: banks, kib, name))");
  EXPECT_EQ(read("{}"), R"(box.json: key "rows" is missing (PE rows))");
  EXPECT_EQ(read(R"({"rows": 4, "levels": [{"name": "a", "kib": 1}, {"name": "b"}]})"), R"(box.json: /levels/1: key "kib" is missing (capacity))");
  EXPECT_EQ(read(R"({"rows": 4, "levels": {"name": "a"}})"), "box.json: /levels: found an object; allowed: a list [...]");
  EXPECT_EQ(read(R"({"rows": 4, "main": [1]})"), "box.json: /main: found a list; allowed: an object {...}");
  EXPECT_EQ(read(R"({"rows": 4, "overlap": 1})"), "box.json: /overlap: found 1; allowed: true or false");
  EXPECT_EQ(read(R"({"rows": 4, "title": null})"), "box.json: /title: found null; allowed: a text in quotes");
  EXPECT_EQ(read(R"({"rows": 4, "sizes": [1, 2, 3, 4, 5]})"), "box.json: /sizes: found a list of 5; allowed: 0 to 4 entries");
  EXPECT_EQ(read(R"({"rows": 4, "sizes": [1, 0]})"), "box.json: /sizes/1: found 0; allowed: a whole number from 1 to 100");
  EXPECT_EQ(read(R"({"rows": 4, "weights": {"a/b": 2}})"), "box.json: /weights/a~1b: found 2; allowed: a number of at least 0 and at most 1");
  EXPECT_EQ(read(R"({"rows": 4, "clock_mhz": 0})"), "box.json: /clock_mhz: found 0; allowed: a number above 0 and at most 10000 (MHz)");
  EXPECT_EQ(read(R"({"rows": 4, "clock_mhz": "fast"})"),
            R"(box.json: /clock_mhz: found the text "fast"; allowed: a number above 0 and at most 10000 (MHz))");
  EXPECT_EQ(read(R"({"rows": 4, "lanes": true})"), "box.json: /lanes: found true; allowed: a whole number from 1 to 512");
  EXPECT_EQ(read(R"({"rows": 13})"), "box.json: /rows: 13 brings bad luck; take another");
  EXPECT_EQ(read("[1]"), "box.json: found a list; allowed: an object {...}");
}

// The cases that nlohmann's own conversion lets pass (4294967292 for -4, 16 for 16.9, the first enumerator for an unknown word).
TEST(Reader, WholeNumbersAreNotRoundedWrappedOrCut) {
  EXPECT_EQ(read(R"({"rows": -4})"), "box.json: /rows: found -4; allowed: a whole number from 1 to 1024 (PEs)");
  EXPECT_EQ(read(R"({"rows": 16.9})"), "box.json: /rows: found 16.9; allowed: a whole number from 1 to 1024 (PEs)");
  EXPECT_EQ(read(R"({"rows": 16.0})"), "read");
  EXPECT_EQ(read(R"({"rows": 1e2})"), "read");
  EXPECT_EQ(read(R"({"rows": 4, "anything": 9223372036854775807})"), "read");
  EXPECT_EQ(read(R"({"rows": 4, "anything": -9223372036854775808})"), "read");
  EXPECT_EQ(read(R"({"rows": 4, "anything": 9223372036854775808})"), "box.json: /anything: found 9223372036854775808; allowed: a whole number");
  EXPECT_EQ(read(R"({"rows": 4, "anything": 1e300})"), "box.json: /anything: found 1e+300; allowed: a whole number");
  EXPECT_EQ(read(R"({"rows": 4, "small": 4294967297})"), "box.json: /small: found 4294967297; allowed: a whole number");
  EXPECT_EQ(read(R"({"rows": "4"})"), R"(box.json: /rows: found the text "4"; allowed: a whole number from 1 to 1024 (PEs))");
}

TEST(Reader, CollectsEveryProblemOfTheFile) {
  const auto box = read_fields<Box>(*Document::parse(R"({"rows": 0, "overlp": true, "levels": [{"kib": -1}], "dataflow": 1})", "box.json"));
  ASSERT_FALSE(box);
  std::vector<std::string> places;
  for (const Problem& problem : box.error().problems()) places.push_back(problem.pointer);
  EXPECT_EQ(places, (std::vector<std::string>{"/rows", "/dataflow", "/levels/0", "/levels/0/kib", "/overlp"}));
  EXPECT_EQ(exit_code(box.error().kind()), 3);

  std::string many = R"({"rows": 4)";
  for (int i = 0; i < 500; ++i) many += ",\"unknown" + std::to_string(i) + "\": 1";
  const auto flooded = read_fields<Box>(*Document::parse(many + "}", "box.json"));
  ASSERT_FALSE(flooded);
  EXPECT_EQ(flooded.error().problems().size(), 101U);
  EXPECT_EQ(flooded.error().problems().back().message, "and 400 more problems");
}

TEST(Reader, ReadsBelowAPointer) {
  const auto document = Document::parse(R"({"boxes": [{"rows": 1}, {"rows": 0}]})", "f");
  EXPECT_TRUE(read_fields<Box>(*document, "/boxes/0"));
  EXPECT_EQ(read_fields<Box>(*document, "/boxes/1").error().problems()[0].pointer, "/boxes/1/rows");
  EXPECT_EQ(read_fields<Box>(*document, "/crates").error().text(), "f: /crates: is missing");
}

Box random_box(std::uint64_t seed) {
  Random r(seed);
  const auto text = [&] {
    std::string out;
    for (std::int64_t n = r.integer(0, 6); n > 0; --n) out += std::string{"ab/~\"\\ \n{"}[static_cast<std::size_t>(r.integer(0, 8))];
    return out;
  };
  const auto level = [&] { return sample::Level{text(), r.uniform(1e-6, 1048576), r.integer(1, 1024)}; };
  Box box;
  do box.rows = r.integer(1, 1024);
  while (box.rows == 13);
  box.small = static_cast<int>(r.integer(std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
  box.anything = static_cast<std::int64_t>(r.next());
  box.clock_mhz = r.chance(0.5) ? r.uniform(1e-300, 1) : r.uniform(1, 10000);
  box.overlap = r.chance(0.5);
  box.dataflow = std::vector<std::string>{"os", "ws", "is"}[static_cast<std::size_t>(r.integer(0, 2))];
  box.title = text();
  if (r.chance(0.5)) box.lanes = r.integer(1, 512);
  if (r.chance(0.5)) box.extra = level();
  for (std::int64_t n = r.integer(0, 3); n > 0; --n) box.levels.push_back(level());
  for (std::int64_t n = r.integer(0, 4); n > 0; --n) box.sizes.push_back(r.integer(1, 100));
  for (std::int64_t n = r.integer(0, 3); n > 0; --n) box.weights[text()] = r.uniform();
  box.main = level();
  return box;
}

// The law of the field tables: reading what was written gives the same value, by way of text.
TEST(RoundTrip, ParseOfWriteIsTheSame) {
  EXPECT_TRUE(rc::check("parse(write(box)) == box", [](std::uint64_t seed) {
    const Box box = random_box(seed);
    const std::string text = write_fields(box).dump();
    const auto document = Document::parse(text, "box.json");
    RC_ASSERT(document.has_value());
    const auto back = read_fields<Box>(*document);
    if (!back) RC_FAIL(back.error().text());
    RC_ASSERT(*back == box);
    RC_ASSERT(write_fields(*back).dump() == text);
  }));
}

TEST(Table, RowsNamePointersUnitsAndDefaults) {
  Box box;
  const auto rows = table_described([&](FieldVisitor& v) { describe(v, box); });
  const auto row = [&](const std::string& pointer) {
    for (const FieldRow& r : rows) {
      if (r.pointer == pointer) return r;
    }
    ADD_FAILURE() << pointer;
    return FieldRow{};
  };
  EXPECT_TRUE(row("/rows").required);
  EXPECT_EQ(row("/rows").unit, "PEs");
  EXPECT_EQ(row("/rows").allowed, "a whole number from 1 to 1024");
  EXPECT_EQ(row("/clock_mhz").fallback, "100");
  EXPECT_EQ(row("/dataflow").allowed, "os | ws | is");
  EXPECT_EQ(row("/levels/*/kib").doc, "capacity");
  EXPECT_EQ(row("/weights/NAME").type, "number");
  EXPECT_EQ(row("/lanes").fallback, "");
}

TEST(Schema, SaysWhatTheReaderAllows) {
  const Json schema = schema_fields<Box>("box");
  EXPECT_EQ(schema["title"], "box");
  EXPECT_EQ(schema["required"], Json::parse(R"(["rows"])"));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["rows"].dump(), R"({"type":"integer","minimum":1,"maximum":1024,"description":"PE rows [PEs]"})");
  EXPECT_EQ(schema["properties"]["clock_mhz"]["exclusiveMinimum"], 0);
  EXPECT_EQ(schema["properties"]["dataflow"]["enum"], Json::parse(R"(["os", "ws", "is"])"));
  EXPECT_EQ(schema["properties"]["levels"]["items"]["required"], Json::parse(R"(["name", "kib"])"));
}

}  // namespace
}  // namespace gnomon
