#include "gnomon/arch/dram.hpp"

#include <nlohmann/json.hpp>

#include "gnomon/base/text.hpp"

namespace gnomon::arch {

const std::vector<std::string>& dram_scheduler_words() {
  static const std::vector<std::string> words{"fifo", "frfcfs", "frfcfs_grp"};
  return words;
}
const std::vector<std::string>& dram_buffer_words() {
  static const std::vector<std::string> words{"bankwise", "readwrite", "shared"};
  return words;
}
const std::vector<std::string>& dram_page_policy_words() {
  static const std::vector<std::string> words{"open", "open_adaptive", "closed", "closed_adaptive"};
  return words;
}
const std::vector<std::string>& dram_refresh_words() {
  static const std::vector<std::string> words{"none", "all_bank", "per_bank", "same_bank"};
  return words;
}
const std::vector<std::string>& dram_arbiter_words() {
  static const std::vector<std::string> words{"simple", "fifo", "reorder"};
  return words;
}
const std::vector<std::string>& dram_response_queue_words() {
  static const std::vector<std::string> words{"fifo", "reorder"};
  return words;
}
const std::vector<std::string>& dram_power_down_words() {
  static const std::vector<std::string> words{"none", "power_down", "self_refresh"};
  return words;
}

static void describe(FieldVisitor& v, DramTimingSpec& s) {
  for (const DramTimingInfo& info : dram_timings()) {
    std::vector<std::string> has;
    for (int i = 0; i < dram_standard_count; ++i) {
      if (info.known_for(static_cast<DramStandard>(i))) has.push_back(dram_standard_names()[static_cast<std::size_t>(i)]);
    }
    std::string doc = info.doc + (has.size() == dram_standard_count ? "" : " (" + join(has) + ")");
    if (!info.fallback.empty()) doc += "; omitted: " + info.fallback;
    const std::string unit = info.timing == DramTiming::tCK_ps ? "ps" : info.timing == DramTiming::BL ? "beats" : "memory clocks";
    field(v, {info.name, doc, unit}, s.values[static_cast<std::size_t>(info.timing)], Range{info.min, info.max});
  }
}

void describe(FieldVisitor& v, DramControllerSpec& s) {
  field(v, {"scheduler", "which request a bank takes next: the oldest; the oldest row hit; the same, reads and writes grouped"}, s.scheduler,
        Choice{dram_scheduler_words()});
  field(v, {"buffer", "how request_buffer_size is counted: per bank, per kind (reads, writes), or in all"}, s.buffer,
        Choice{dram_buffer_words()});
  field(v, {"request_buffer_size", "requests held by a channel; a readwrite buffer has at least 8 of each kind", "requests"}, s.request_buffer_size, Range{1, 4096});
  field(v, {"page_policy", "when rows are closed"}, s.page_policy, Choice{dram_page_policy_words()});
  field(v, {"refresh", "which banks a refresh takes; none loses the data"}, s.refresh, Choice{dram_refresh_words()});
  field(v, {"refresh_max_postponed", "refreshes put off while there are requests", "refresh intervals"}, s.refresh_max_postponed, Range{0, 64});
  field(v, {"refresh_max_pulled_in", "refreshes done ahead while there are none", "refresh intervals"}, s.refresh_max_pulled_in, Range{0, 64});
  field(v, {"refresh_guard_cycles", "how long before a due refresh its banks take no more commands, so that it comes on time; 0: they are stopped when it is due; omitted: tRAS",
            "memory clocks"},
        s.refresh_guard_cycles, Range{0, 4096});
  field(v, {"arbiter", "how ports reach the channels: one at a time; queued; queued and answered in order"}, s.arbiter,
        Choice{dram_arbiter_words()});
  field(v, {"response_queue", "answers in the order of the data, or of the requests"}, s.response_queue, Choice{dram_response_queue_words()});
  field(v, {"max_active_transactions", "open requests of a port, for the arbiters fifo and reorder", "requests"}, s.max_active_transactions,
        Range{1, 65536});
  field(v, {"write_high", "waiting writes that start a write drain; 0: reads and writes are taken alike", "requests"}, s.write_high,
        Range{0, 4096});
  field(v, {"write_low", "waiting writes that end it", "requests"}, s.write_low, Range{0, 4096});
  field(v, {"power_down", "idle ranks: false, true (power-down), or \"self_refresh\" (also self-refresh)"}, s.power_down,
        Raw{R"({"enum": [false, true, "none", "power_down", "self_refresh"]})"});
}

static void describe(FieldVisitor& v, DramSupplySpec& s) {
  const RealRange current{0, 100000};
  const std::string ma = "mA per device";
  field(v, {"name", "name of the supply, as VDD", "", Key::required}, s.name);
  field(v, {"voltage_v", "its voltage", "V", Key::required}, s.voltage_v, RealRange{0, 20, true});
  field(v, {"IDD0", "one bank, ACT and PRE", ma, Key::required}, s.IDD0, current);
  field(v, {"IDD2N", "precharge standby", ma, Key::required}, s.IDD2N, current);
  field(v, {"IDD2P0", "precharge power-down, slow exit", ma}, s.IDD2P0, current);
  field(v, {"IDD2P1", "precharge power-down, fast exit", ma}, s.IDD2P1, current);
  field(v, {"IDD3N", "active standby", ma, Key::required}, s.IDD3N, current);
  field(v, {"IDD3P0", "active power-down, slow exit", ma}, s.IDD3P0, current);
  field(v, {"IDD3P1", "active power-down, fast exit", ma}, s.IDD3P1, current);
  field(v, {"IDD4R", "burst reads", ma, Key::required}, s.IDD4R, current);
  field(v, {"IDD4W", "burst writes", ma, Key::required}, s.IDD4W, current);
  field(v, {"IDD5B", "all-bank refreshes one after the other", ma, Key::required}, s.IDD5B, current);
  field(v, {"IDD5PB", "per-bank or same-bank refreshes one after the other", ma}, s.IDD5PB, current);
  field(v, {"IDD6", "self-refresh", ma}, s.IDD6, current);
}

static void describe(FieldVisitor& v, DramPowerSpec& s) {
  field(v, {"source", "where the currents are from", "", Key::required}, s.source);
  field(v, {"supplies", "the IDD table of each supply", "", Key::required}, s.supplies, Length{1, 8});
}

void describe(FieldVisitor& v, DramSpec& s) {
  const Range size{1, std::int64_t{1} << 24};
  field(v, {"version", "version of this format", "", Key::required}, s.version, Range{1, 1});
  field(v, {"name", "what reports call the memory"}, s.name);
  field(v, {"standard", "JEDEC standard", "", Key::required}, s.standard, Choice{dram_standard_names()});
  field(v, {"speed", "speed grade, as the data sheet calls it", "", Key::required}, s.speed);
  field(v, {"channels", "independent channels"}, s.channels, Range{1, 64});
  field(v, {"pseudo_channels", "pseudo-channels of a channel (hbm2, hbm3; there 2 where omitted)"}, s.pseudo_channels, Range{1, 2});
  field(v, {"ranks", "ranks of a channel (HBM: stack IDs)"}, s.ranks, Range{1, 16});
  field(v, {"bank_groups", "bank groups of a rank; 1 for ddr3 and lpddr4"}, s.bank_groups, Range{1, 64});
  field(v, {"banks_per_group", "banks of a bank group", "", Key::required}, s.banks_per_group, Range{1, 64});
  field(v, {"rows", "rows of a bank", "", Key::required}, s.rows, size);
  field(v, {"columns", "columns of a row, each as wide as the data bus", "", Key::required}, s.columns, size);
  field(v, {"device_width", "data pins of a device", "bits", Key::required}, s.device_width, Range{4, 1024});
  field(v, {"data_width_bits", "data pins of a channel (HBM: of a pseudo-channel)", "bits", Key::required}, s.data_width_bits, Range{8, 1024});
  field(v, {"timing", "timings", "", Key::required}, s.timing);
  field(v,
        {"address_mapping",
         "fields from the most significant down, as \"row-rank-bank-bankgroup-column-channel\" (the default); or lists of address bits, lowest first, "
         "as {\"column\": [6, 7], ...}; or {\"order\": ...}; both with \"xor\": [{\"bit\": B, \"with\": [...]}]"},
        s.address_mapping, Raw{R"({"type": ["string", "object"]})"});
  field(v, {"controller", "the memory controller"}, s.controller);
  field(v, {"power", "currents; omitted: energies are null"}, s.power);
  field(v, {"sources", "where values are from: by name of a value (as tRFC) or of a block (organisation, timing, controller)"}, s.sources);
}

Expected<DramSpec> read_dram(const Document& document, const std::string& pointer) { return read_fields<DramSpec>(document, pointer); }

Expected<Dram> parse_dram(const Document& document) {
  auto spec = read_dram(document);
  if (!spec) return fail(std::move(spec.error()));
  return resolve(*spec, document.file());
}

namespace {

Expected<Document> device_document(const std::string& device) {
  if (device.find('/') != std::string::npos || device.ends_with(".json")) return Document::load(device);
  const auto text = dram_device_text(device);
  if (!text) {
    return fail(ErrorKind::invalid_input, unknown_word("memory", device, dram_devices()) + ", or the path of a memory file");
  }
  return Document::parse(*text, device);
}

}  // namespace

Expected<DramSpec> load_dram_spec(const std::string& device) {
  auto document = device_document(device);
  if (!document) return fail(std::move(document.error()));
  return read_dram(*document);
}

Expected<Dram> load_dram(const std::string& device) {
  auto document = device_document(device);
  if (!document) return fail(std::move(document.error()));
  return parse_dram(*document);
}

Expected<void> apply_controller(DramSpec& spec, const std::string& controller_json, const std::string& file, const std::string& pointer) {
  if (controller_json.empty()) return {};
  const Json given = Json::parse(controller_json, nullptr, false);
  if (!given.is_object()) return invalid(file, pointer, "found no object; allowed: controller options");
  // Keys left out keep the device's values: the reader overwrites only what it finds.
  DramControllerSpec controller = spec.controller;
  Json nested = given;
  std::string where = pointer;
  // The reader names pointers from its document's root: the object is wrapped at its own place.
  while (!where.empty()) {
    const std::size_t slash = where.rfind('/');
    Json outer = Json::object();
    outer[where.substr(slash == std::string::npos ? 0 : slash + 1)] = std::move(nested);
    nested = std::move(outer);
    where = slash == std::string::npos ? "" : where.substr(0, slash);
  }
  const Document document = Document::wrap(nested, file);
  auto done = read_described(document, [&](FieldVisitor& v) { describe(v, controller); }, pointer);
  if (!done) return done;
  spec.controller = controller;
  return {};
}

Json dram_schema() { return schema_fields<DramSpec>("gnomon memory"); }

}  // namespace gnomon::arch
