// Memory files: what is wrong is said all at once and in its place; what is right resolves to known values; mappings are one-to-one.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

const char* good = R"({
  "version": 1, "standard": "ddr3", "speed": "1600", "ranks": 1, "banks_per_group": 8, "rows": 16384, "columns": 1024, "device_width": 8,
  "data_width_bits": 64,
  "timing": {"tCK_ps": 1250, "BL": 8, "CL": 10, "CWL": 8, "tRCD": 10, "tRP": 10, "tRAS": 28, "tRC": 38, "tRTP": 6, "tWR": 12, "tCCD": 4, "tRRD": 5,
             "tFAW": 24, "tWTR": 6, "tREFI": 6240, "tRFC": 88},
  "address_mapping": "row-bank-column"
})";

/// The good file with some keys replaced (JSON merge patch).
std::string with(const std::string& patch) {
  Json json = Json::parse(good);
  json.merge_patch(Json::parse(patch));
  return json.dump();
}
Expected<Dram> parse(const std::string& text) {
  auto document = Document::parse(text, "m.json");
  if (!document) return fail(document.error());
  return parse_dram(*document);
}
/// All problems of a file, or nothing.
std::string problems(const std::string& patch) {
  auto dram = parse(with(patch));
  return dram ? std::string() : dram.error().text();
}

TEST(DramFile, GoodFileResolves) {
  const auto d = parse(good);
  ASSERT_TRUE(d) << d.error().text();
  EXPECT_EQ(d->name, "ddr3-1600");
  EXPECT_EQ(d->bytes(), std::int64_t{1} << 30);
  EXPECT_EQ(d->burst_bytes, 64);
  EXPECT_EQ(d->burst_cycles, 4);
  EXPECT_EQ(d->devices_per_rank(), 8);
  EXPECT_DOUBLE_EQ(d->peak_bandwidth_gb_s(), 12.8);
  EXPECT_EQ((*d)[DramTiming::tRTW], 10 + 4 + 2 - 8);
  EXPECT_EQ((*d)[DramTiming::tRTRS], 1);
  EXPECT_EQ(d->controller.scheduler, DramScheduler::frfcfs);
  EXPECT_EQ(d->controller.refresh_guard_cycles, 28);
  EXPECT_FALSE(d->power);
}

TEST(DramFile, ResolvedFileReadsBackTheSame) {
  for (const std::string& name : dram_devices()) {
    const auto d = load_dram(name);
    ASSERT_TRUE(d) << d.error().text();
    const auto again = parse(d->resolved_json);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->resolved_json, d->resolved_json);
    EXPECT_EQ(again->timings, d->timings);
  }
}

TEST(DramFile, EveryProblemIsNamedInItsPlace) {
  const auto contains = [](const std::string& patch, std::initializer_list<const char*> parts) {
    const std::string text = problems(patch);
    for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << patch << "\n" << text;
  };
  contains(R"({"timing": {"tRC": 30}})", {"m.json: /timing/tRC: found 30; allowed: at least tRAS + tRP (38)"});
  contains(R"({"banks_per_group": 0})", {"/banks_per_group: found 0"});
  contains(R"({"banks_per_group": 6})", {"/banks_per_group: found 6; allowed: powers of two"});
  contains(R"({"standard": "ddr6"})", {"/standard", "\"ddr6\"", "ddr5"});
  contains(R"({"address_mapping": "row-column"})", {"/address_mapping: misses the 3 bits of \"bank\""});
  contains(R"({"address_mapping": "row-bank-row-column"})", {"names \"row\" twice"});
  contains(R"({"address_mapping": "row-bank-colum"})", {"unknown field \"colum\"; did you mean \"column\"?"});
  contains(R"({"address_mapping": 5})", {"/address_mapping: found neither text nor an object"});
  contains(R"({"controller": {"refresh": "per_bank"}})", {"/controller/refresh: found \"per_bank\", which ddr3 does not have; allowed: none, all_bank"});
  contains(R"({"controller": {"scheduler": "frfcf"}})", {"/controller/scheduler", "frfcfs"});
  contains(R"({"controller": {"request_buffer_size": 0}})", {"/controller/request_buffer_size: found 0"});
  contains(R"({"controller": {"write_high": 4, "write_low": 4}})", {"/controller/write_low: found 4; allowed: less than write_high (4)"});
  contains(R"({"controller": {"power_down": true}})", {"/controller/power_down", "tXP", "tCKE"});
  contains(R"({"controller": {"power_down": "maybe"}})", {"/controller/power_down: found", "maybe"});
  contains(R"({"controller": {"refresh_guard_cycles": 4000}})", {"/controller/refresh_guard_cycles: found 4000"});
  contains(R"({"timing": {"tCCD_S": 4}})", {"/timing/tCCD_S: ddr3 has no tCCD_S; it has"});
  contains(R"({"timing": {"tRFC": null}})", {"/timing", "tRFC"});
  contains(R"({"timing": {"BL": 16}})", {"/timing/BL: found 16; allowed for ddr3: 8"});
  contains(R"({"timing": {"tCCD": 2}})", {"/timing/tCCD: found 2; allowed: at least the data of one burst (4)"});
  contains(R"({"timing": {"tREFI": 50}})", {"/timing/tREFI"});
  contains(R"({"bank_groups": 4})", {"/bank_groups: found 4; ddr3 has no bank groups"});
  contains(R"({"pseudo_channels": 2})", {"/pseudo_channels"});
  contains(R"({"rows": 100000000000})", {"/rows"});
  contains(R"({"sources": {"tRCDD": "x"}})", {"/sources/tRCDD: unknown value", "did you mean \"tRCD\"?"});
  contains(R"({"sources": {"tRCD": " "}})", {"/sources/tRCD: is empty"});
  contains(R"({"power": {"source": "", "supplies": []}})", {"/power"});
  contains(R"({"spede": 3})", {"spede", "speed"});
  // All at once.
  const std::string text = problems(R"({"timing": {"tRC": 1, "tFAW": 2}, "address_mapping": "row", "controller": {"refresh": "same_bank", "write_low": 2}})");
  for (const char* part : {"/timing/tRC", "/timing/tFAW", "\"bank\"", "\"column\"", "/controller/refresh", "/controller/write_low"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(DramFile, NoNumberBreaksIt) {
  // Whatever whole number stands at whatever key: an answer, and where it is refused, with a pointer.
  for (const char* number : {"-9223372036854775808", "-1", "0", "1", "2", "3", "1048576", "9223372036854775807", "18446744073709551615", "1e300", "0.5"}) {
    for (const char* key : {"channels", "ranks", "bank_groups", "banks_per_group", "rows", "columns", "device_width", "data_width_bits"}) {
      const auto d = parse(with(std::string("{\"") + key + "\": " + number + "}"));
      if (!d) {
        EXPECT_NE(d.error().text().find("m.json: /"), std::string::npos);
      }
    }
    for (const DramTimingInfo& info : dram_timings()) {
      const auto d = parse(with("{\"timing\": {\"" + info.name + "\": " + number + "}}"));
      if (!d) {
        EXPECT_NE(d.error().text().find("m.json: /"), std::string::npos);
      }
    }
  }
}

TEST(DramFile, BitListsAndXorAreChecked) {
  const auto mapping = [](const std::string& json) { return problems("{\"address_mapping\": " + json + "}"); };
  const std::string bank = R"("bank": [13, 14, 15])", column = R"("column": [6, 7, 8, 9, 10, 11, 12])",
                    row = R"("row": [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])";
  EXPECT_EQ(mapping("{" + bank + "," + column + "," + row + "}"), "");
  EXPECT_NE(mapping("{" + column + "," + row + "}").find("misses the 3 bits of \"bank\""), std::string::npos);
  EXPECT_NE(mapping(R"({"bank": [13, 14, 14],)" + column + "," + row + "}").find("/address_mapping/bank/2: address bit 14 is already part of \"bank\""),
            std::string::npos);
  EXPECT_NE(mapping(R"({"bank": [13, 14],)" + column + "," + row + "}").find("/address_mapping/bank: has 2 bits; the field has 3"), std::string::npos);
  EXPECT_NE(mapping(R"({"bank": [13, 14, 30],)" + column + "," + row + "}").find("an address bit from 6 to 29"), std::string::npos);
  EXPECT_NE(mapping(R"({"bank": [13, 14, 5],)" + column + "," + row + "}").find("an address bit from 6 to 29"), std::string::npos);
  EXPECT_EQ(mapping(R"({"order": "row-bank-column", "xor": [{"bit": 13, "with": [16]}, {"bit": 14, "with": [17, 18]}]})"), "");
  EXPECT_NE(mapping(R"({"order": "row-bank-column", "xor": [{"bit": 13, "with": [13]}]})").find("/address_mapping/xor: makes two addresses meet"),
            std::string::npos);
  EXPECT_NE(mapping(R"({"order": "row-bank-column", "xor": [{"bit": 13, "with": [16]}, {"bit": 16, "with": [13]}]})").find("makes two addresses meet"),
            std::string::npos);
  EXPECT_NE(mapping(R"({"order": "row-bank-column", "xor": [{"bit": 99, "with": [16]}]})").find("/address_mapping/xor/0/bit"), std::string::npos);
  EXPECT_NE(mapping(R"({"order": "row-bank-column", "bank": [13, 14, 15]})").find("allowed: one of them"), std::string::npos);
}

TEST(DramMapping, FieldOrderPutsBitsWhereTheNamesSay) {
  const auto d = parse(good);
  ASSERT_TRUE(d);
  // row-bank-column over 64-byte bursts: columns from bit 6 on, banks from bit 13, rows from bit 16.
  const DramLocation at = d->map.location((std::uint64_t{5} << 16) | (std::uint64_t{3} << 13) | (std::uint64_t{9} << 6) | 17);
  EXPECT_EQ(at.row, 5);
  EXPECT_EQ(at.bank, 3);
  EXPECT_EQ(at.column, 9);
}

TEST(DramMapping, AddressAndPlaceAreInverse) {
  Random random(3);
  for (const std::string& name : dram_devices()) {
    for (const bool mixed : {false, true}) {
      auto spec = load_dram_spec(name);
      ASSERT_TRUE(spec);
      spec->channels = 2;
      spec->ranks = 2;
      if (mixed) {
        spec->address_mapping =
            R"({"order": "row-rank-pseudochannel-bank-bankgroup-column-channel", "xor": [{"bit": 10, "with": [20, 24]}, {"bit": 12, "with": [21, 25]}]})";
      }
      const auto d = resolve(*spec, name);
      ASSERT_TRUE(d) << d.error().text();
      for (int i = 0; i < 2000; ++i) {
        const std::uint64_t address = random.next() % static_cast<std::uint64_t>(d->bytes());
        const std::uint64_t first = address & ~(static_cast<std::uint64_t>(d->burst_bytes) - 1);
        ASSERT_EQ(d->map.address(d->map.location(address)), first) << name;
      }
    }
  }
}

TEST(DramMapping, NoTwoBurstsShareAPlace) {
  // A small memory, all of it.
  const auto d = parse(with(R"({"rows": 16, "columns": 64, "address_mapping": {"order": "row-bank-column", "xor": [{"bit": 9, "with": [12, 13]}]}})"));
  ASSERT_TRUE(d) << d.error().text();
  std::set<std::array<std::int64_t, 3>> places;
  for (std::int64_t a = 0; a < d->bytes(); a += d->burst_bytes) {
    const DramLocation at = d->map.location(static_cast<std::uint64_t>(a));
    EXPECT_TRUE(places.insert({at.bank, at.row, at.column}).second);
  }
  EXPECT_EQ(static_cast<std::int64_t>(places.size()), d->bytes() / d->burst_bytes);
}

TEST(DramDevices, ContractNamesAreThereAndSourced) {
  const auto devices = dram_devices();
  for (const char* name : {"ddr3-1600", "ddr4-2400", "lpddr4-3200", "hbm2-2000"}) {
    EXPECT_NE(std::find(devices.begin(), devices.end(), name), devices.end()) << name;
  }
  std::set<DramStandard> standards;
  for (const std::string& name : devices) {
    const auto spec = load_dram_spec(name);
    ASSERT_TRUE(spec);
    const auto d = load_dram(name);
    ASSERT_TRUE(d) << d.error().text();
    standards.insert(d->standard);
    EXPECT_EQ(d->name, name);
    // Each value has a source of its own or of its block.
    EXPECT_TRUE(spec->sources.contains("organisation")) << name;
    EXPECT_TRUE(spec->sources.contains("address_mapping")) << name;
    EXPECT_TRUE(spec->sources.contains("controller")) << name;
    for (const DramTimingInfo& info : dram_timings()) {
      if (!spec->timing.values[static_cast<std::size_t>(info.timing)]) continue;
      EXPECT_TRUE(spec->sources.contains("timing") || spec->sources.contains(info.name)) << name << " " << info.name;
    }
    EXPECT_TRUE(!spec->power || !spec->power->source.empty()) << name;
  }
  EXPECT_EQ(standards.size(), static_cast<std::size_t>(dram_standard_count));
}

TEST(DramDevices, UnknownNameSuggestsAKnownOne) {
  const auto d = load_dram("ddr4-2401");
  ASSERT_FALSE(d);
  EXPECT_NE(d.error().text().find("did you mean \"ddr4-2400\"?"), std::string::npos);
  EXPECT_FALSE(load_dram("/nowhere/memory.json"));
}

TEST(DramController, OptionsOfADesignLieOverTheDevices) {
  auto spec = load_dram_spec("ddr4-2400");
  ASSERT_TRUE(spec);
  ASSERT_TRUE(apply_controller(*spec, R"({"scheduler": "fifo", "request_buffer_size": 4})", "d.json", "/memory/controller"));
  EXPECT_EQ(spec->controller.scheduler, "fifo");
  EXPECT_EQ(spec->controller.request_buffer_size, 4);
  EXPECT_EQ(spec->controller.page_policy, "open");
  const auto wrong = apply_controller(*spec, R"({"shceduler": "fifo", "buffer": "x"})", "d.json", "/memory/controller");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().text().find("d.json: /memory/controller/buffer"), std::string::npos) << wrong.error().text();
  EXPECT_NE(wrong.error().text().find("scheduler"), std::string::npos) << wrong.error().text();
}

TEST(DramSchema, ListsEveryTiming) {
  const Json schema = dram_schema();
  const Json& timing = schema["properties"]["timing"]["properties"];
  for (const DramTimingInfo& info : dram_timings()) EXPECT_TRUE(timing.contains(info.name)) << info.name;
}

}  // namespace
}  // namespace gnomon::arch
