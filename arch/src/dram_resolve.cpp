#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

using T = DramTiming;

std::size_t at(T t) { return static_cast<std::size_t>(t); }

const std::vector<std::string> organisation_names{"channels", "pseudo_channels", "ranks", "bank_groups", "banks_per_group", "rows",
                                                  "columns", "device_width", "data_width_bits"};

template <class E>
E word_of(const std::string& word, const std::vector<std::string>& words) {
  const auto found = std::find(words.begin(), words.end(), word);
  return static_cast<E>(found == words.end() ? 0 : found - words.begin());
}

/// Collects what is wrong with one memory while it is resolved.
class Resolver {
 public:
  Resolver(const DramSpec& spec, const std::string& file) : spec_(spec), file_(file) {}

  Expected<Dram> run() {
    const auto known = std::find(dram_standard_names().begin(), dram_standard_names().end(), spec_.standard);
    if (known == dram_standard_names().end()) {
      wrong("/standard", unknown_word("value", spec_.standard, dram_standard_names()));
      return give_up();
    }
    out_.standard = static_cast<DramStandard>(known - dram_standard_names().begin());
    out_.speed = spec_.speed;
    out_.name = spec_.name.empty() ? spec_.standard + "-" + spec_.speed : spec_.name;
    const std::size_t before = problems_.size();
    organisation();
    const bool sound = problems_.size() == before;
    timing();
    if (sound && out_.burst_bytes > 0 && problems_at_columns_ == 0) mapping();
    controller();
    power();
    sources();
    if (!problems_.empty()) return give_up();
    out_.resolved_json = canonical();
    return std::move(out_);
  }

 private:
  const DramSpec& spec_;
  const std::string& file_;
  std::vector<Problem> problems_;
  Dram out_;
  int problems_at_columns_ = 0;

  void wrong(const std::string& pointer, std::string message) { problems_.push_back({file_, pointer, std::move(message)}); }
  tl::unexpected<Error> give_up() { return fail(Error(ErrorKind::invalid_input, std::move(problems_))); }

  void power_of_two(const char* name, std::int64_t value) {
    if (value < 1 || (value & (value - 1)) != 0)
      wrong(std::string("/") + name, "found " + std::to_string(value) + "; allowed: powers of two, since address bits choose among them");
  }

  void organisation() {
    const DramSpec& s = spec_;
    power_of_two("channels", s.channels);
    power_of_two("ranks", s.ranks);
    power_of_two("bank_groups", s.bank_groups);
    power_of_two("banks_per_group", s.banks_per_group);
    power_of_two("rows", s.rows);
    power_of_two("columns", s.columns);
    power_of_two("device_width", s.device_width);
    power_of_two("data_width_bits", s.data_width_bits);
    const bool flat = out_.standard == DramStandard::ddr3 || out_.standard == DramStandard::lpddr4;
    if (flat && s.bank_groups != 1)
      wrong("/bank_groups", "found " + std::to_string(s.bank_groups) + "; " + s.standard + " has no bank groups; allowed: 1");
    const std::int64_t pseudo = s.pseudo_channels.value_or(is_hbm(out_.standard) ? 2 : 1);
    if (!is_hbm(out_.standard) && pseudo != 1)
      wrong("/pseudo_channels", "found " + std::to_string(pseudo) + "; only hbm2 and hbm3 have pseudo-channels; allowed: 1");
    if (s.device_width > s.data_width_bits)
      wrong("/device_width", "found " + std::to_string(s.device_width) + ", wider than data_width_bits (" + std::to_string(s.data_width_bits) + ")");
    out_.channels = static_cast<int>(s.channels);
    out_.pseudo_channels = static_cast<int>(pseudo);
    out_.ranks = static_cast<int>(s.ranks);
    out_.bank_groups = static_cast<int>(s.bank_groups);
    out_.banks_per_group = static_cast<int>(s.banks_per_group);
    out_.rows = s.rows;
    out_.columns = s.columns;
    out_.device_width = static_cast<int>(s.device_width);
    out_.data_width_bits = static_cast<int>(s.data_width_bits);
    if (std::int64_t{out_.banks_per_rank()} * out_.ranks * out_.pseudo_channels > 1024)
      wrong("/banks_per_group", "makes more than 1024 banks in a channel; allowed: at most 1024");
  }

  std::int64_t value(T t) const { return out_.timings[at(t)]; }
  void fallback(T t, std::int64_t value) {
    const auto& info = dram_timings()[at(t)];
    if (info.known_for(out_.standard) && !spec_.timing.values[at(t)]) out_.timings[at(t)] = value;
  }

  void timing() {
    const DramStandard s = out_.standard;
    const std::size_t before = problems_.size();
    for (const DramTimingInfo& info : dram_timings()) {
      const auto& given = spec_.timing.values[at(info.timing)];
      if (given && !info.known_for(s)) {
        wrong("/timing/" + info.name, spec_.standard + " has no " + info.name + "; it has " + join(names(s)));
      } else if (!given && info.required_for(s)) {
        wrong("/timing", "key " + in_quotes(info.name) + " is missing (" + info.doc + ")");
      }
      out_.timings[at(info.timing)] = given.value_or(0);
    }
    if (problems_.size() != before) return;
    burst();
    if (problems_.size() != before) return;
    defaults();
    cross_rules();
  }

  static std::vector<std::string> names(DramStandard s) {
    std::vector<std::string> out;
    for (const DramTimingInfo& info : dram_timings()) {
      if (info.known_for(s)) out.push_back(info.name);
    }
    return out;
  }

  void burst() {
    std::vector<std::int64_t> lengths;
    switch (out_.standard) {
      case DramStandard::ddr3:
      case DramStandard::ddr4:
      case DramStandard::hbm3: lengths = {8}; break;
      case DramStandard::ddr5: lengths = {16}; break;
      case DramStandard::lpddr4:
      case DramStandard::lpddr5: lengths = {16, 32}; break;
      case DramStandard::hbm2: lengths = {4}; break;
    }
    const std::int64_t bl = value(T::BL);
    if (std::find(lengths.begin(), lengths.end(), bl) == lengths.end()) {
      wrong("/timing/BL", "found " + std::to_string(bl) + "; allowed for " + spec_.standard + ": " + std::to_string(lengths.front()) +
                              (lengths.size() > 1 ? " or " + std::to_string(lengths.back()) : ""));
      return;
    }
    fallback(T::WCK, 4);
    std::int64_t beats_per_clock = 2;
    if (out_.standard == DramStandard::lpddr5) {
      if (value(T::WCK) == 3) wrong("/timing/WCK", "found 3; allowed: 2 or 4");
      beats_per_clock = 2 * value(T::WCK);
    }
    // JESD238: the data strobes run at twice CK.
    if (out_.standard == DramStandard::hbm3) beats_per_clock = 4;
    out_.burst_cycles = static_cast<int>(bl / beats_per_clock);
    out_.burst_bytes = bl * out_.data_width_bits / 8;
    if (out_.columns < bl && ++problems_at_columns_)
      wrong("/columns", "found " + std::to_string(out_.columns) + ", less than one burst; allowed: at least BL (" + std::to_string(bl) + ")");
  }

  void defaults() {
    const bool lp4 = out_.standard == DramStandard::lpddr4, lp5 = out_.standard == DramStandard::lpddr5;
    fallback(T::AL, 0);
    fallback(T::tRCDWR, value(T::tRCD));
    fallback(T::tRPab, value(T::tRP));
    fallback(T::tCCD_L_WR, value(T::tCCD_L));
    fallback(T::tRPRE, 1);
    fallback(T::tWPRE, lp4 ? 2 : 1);
    fallback(T::tPPD, lp4 ? 4 : 2);
    fallback(T::tRTRS, 1);
    fallback(T::tpbR2act, (7500 + value(T::tCK_ps) - 1) / value(T::tCK_ps));
    fallback(T::tRREFD, lp4 || lp5 ? value(T::tRFCpb) : value(T::tRRD_L));
    fallback(T::tPD, value(T::tCKE));
    fallback(T::tXSDLL, value(T::tXS));
    fallback(T::tCKESR, value(T::tCKE) + 1);
    fallback(T::tACTPDEN, 1);
    fallback(T::tPRPDEN, 1);
    fallback(T::tREFPDEN, 1);
    // The read's data, its postamble and the write's preamble must not meet on the bus.
    std::int64_t read_to_write = value(T::CL) + out_.burst_cycles - value(T::CWL);
    switch (out_.standard) {
      case DramStandard::ddr3: read_to_write += 2; break;
      case DramStandard::ddr4:
      case DramStandard::ddr5: read_to_write += 1 + value(T::tWPRE); break;
      case DramStandard::lpddr4: read_to_write += value(T::tDQSCK) + value(T::tRPST) + value(T::tWPRE); break;
      case DramStandard::lpddr5: read_to_write += value(T::tWCKDQO) + value(T::tRPST); break;
      case DramStandard::hbm2:
      case DramStandard::hbm3: read_to_write += 1; break;
    }
    if (lp5 && read_to_write < value(T::tCCD_S)) read_to_write = value(T::tCCD_S);
    fallback(T::tRTW, std::max<std::int64_t>(read_to_write, 1));
  }

  void at_least(T t, std::int64_t least, const std::string& what) {
    if (value(t) >= least) return;
    wrong("/timing/" + dram_timings()[at(t)].name, "found " + std::to_string(value(t)) + "; allowed: at least " + what + " (" + std::to_string(least) + ")");
  }

  void cross_rules() {
    const bool grouped = dram_timings()[at(T::tCCD_S)].known_for(out_.standard);
    at_least(T::tRC, value(T::tRAS) + value(T::tRP), "tRAS + tRP");
    at_least(T::tRAS, value(T::tRCD), "tRCD");
    if (dram_timings()[at(T::tRPab)].known_for(out_.standard)) at_least(T::tRPab, value(T::tRP), "tRP");
    at_least(grouped ? T::tCCD_S : T::tCCD, out_.burst_cycles, "the data of one burst");
    if (grouped) {
      at_least(T::tCCD_L, value(T::tCCD_S), "tCCD_S");
      at_least(T::tRRD_L, value(T::tRRD_S), "tRRD_S");
      at_least(T::tWTR_L, value(T::tWTR_S), "tWTR_S");
      if (dram_timings()[at(T::tCCD_L_WR)].known_for(out_.standard)) at_least(T::tCCD_L_WR, value(T::tCCD_S), "tCCD_S");
    }
    at_least(T::tFAW, value(grouped ? T::tRRD_S : T::tRRD), grouped ? "tRRD_S" : "tRRD");
    at_least(T::tREFI, value(T::tRFC) + value(T::tRP) + 1, "one more than tRFC + tRP, or nothing but refresh would be done");
    if (value(T::AL) >= value(T::tRCD)) wrong("/timing/AL", "found " + std::to_string(value(T::AL)) + "; allowed: less than tRCD");
  }

  void mapping() {
    const auto bits = [](std::int64_t n) { return std::countr_zero(static_cast<std::uint64_t>(n)); };
    const int offset = bits(out_.burst_bytes);
    const std::array<int, dram_field_count> sizes{bits(out_.channels), bits(out_.pseudo_channels), bits(out_.ranks), bits(out_.bank_groups),
                                                  bits(out_.banks_per_group), bits(out_.rows), bits(out_.columns / value(T::BL))};
    int total = offset;
    for (int n : sizes) total += n;
    if (total > 48) {
      wrong("/rows", "makes a memory of 2^" + std::to_string(total) + " bytes; allowed: at most 2^48");
      return;
    }
    const std::string text = spec_.address_mapping.empty() ? R"("row-rank-bank-bankgroup-column-pseudochannel-channel")" : spec_.address_mapping;
    out_.map = detail::read_mapping(text, sizes, offset, file_, problems_);
  }

  bool has(T t) const { return spec_.timing.values[at(t)].has_value(); }
  void needs(T t, const std::string& pointer, const std::string& word) {
    if (!has(t)) wrong(pointer, in_quotes(word) + " needs the timing " + dram_timings()[at(t)].name + ", which is not given");
  }

  void controller() {
    const DramControllerSpec& s = spec_.controller;
    DramController& c = out_.controller;
    c.scheduler = word_of<DramScheduler>(s.scheduler, dram_scheduler_words());
    c.buffer = word_of<DramBuffer>(s.buffer, dram_buffer_words());
    c.page_policy = word_of<DramPagePolicy>(s.page_policy, dram_page_policy_words());
    c.refresh = word_of<DramRefresh>(s.refresh, dram_refresh_words());
    c.arbiter = word_of<DramArbiter>(s.arbiter, dram_arbiter_words());
    c.response_queue = word_of<DramResponseQueue>(s.response_queue, dram_response_queue_words());
    c.request_buffer_size = static_cast<int>(s.request_buffer_size);
    c.refresh_max_postponed = static_cast<int>(s.refresh_max_postponed);
    c.refresh_max_pulled_in = static_cast<int>(s.refresh_max_pulled_in);
    c.refresh_guard_cycles = static_cast<int>(s.refresh_guard_cycles.value_or(value(T::tRAS)));
    c.max_active_transactions = static_cast<int>(s.max_active_transactions);
    c.write_high = static_cast<int>(s.write_high);
    c.write_low = static_cast<int>(s.write_low);
    if (c.write_high > 0 && c.write_low >= c.write_high) {
      wrong("/controller/write_low", "found " + std::to_string(c.write_low) + "; allowed: less than write_high (" + std::to_string(c.write_high) + ")");
    } else if (c.write_high == 0 && c.write_low != 0) {
      wrong("/controller/write_low", "found " + std::to_string(c.write_low) + " without write_high; allowed: 0");
    }
    refresh();
    power_down();
  }

  void refresh() {
    const DramRefresh mode = out_.controller.refresh;
    const std::string& word = spec_.controller.refresh;
    const auto modes = [&](const std::string& more) {
      wrong("/controller/refresh", "found " + in_quotes(word) + ", which " + spec_.standard + " does not have; allowed: none, all_bank" + more);
    };
    const DramStandard s = out_.standard;
    const bool per_bank = dram_timings()[at(T::tRFCpb)].known_for(s), same_bank = s == DramStandard::ddr5;
    const std::int64_t interval = value(T::tREFI);
    if (mode != DramRefresh::none && spec_.controller.refresh_guard_cycles && 2 * *spec_.controller.refresh_guard_cycles >= interval)
      wrong("/controller/refresh_guard_cycles", "found " + std::to_string(*spec_.controller.refresh_guard_cycles) + "; allowed: less than half of tREFI (" + std::to_string(interval) + ")");
    if (mode == DramRefresh::per_bank) {
      if (!per_bank) return modes(same_bank ? ", same_bank" : "");
      needs(T::tRFCpb, "/controller/refresh", word);
      if (interval / out_.banks_per_rank() < std::max<std::int64_t>(value(T::tRREFD), 1) || value(T::tRFCpb) + value(T::tRC) >= interval)
        wrong("/controller/refresh", "per-bank refreshes of " + std::to_string(out_.banks_per_rank()) +
                                         " banks do not fit into tREFI; allowed: tREFI / banks >= tRREFD and tRFCpb + tRC < tREFI");
    } else if (mode == DramRefresh::same_bank) {
      if (!same_bank) return modes(per_bank ? ", per_bank" : "");
      needs(T::tRFCsb, "/controller/refresh", word);
      if (interval / out_.banks_per_group <= value(T::tRFCsb) + value(T::tRP))
        wrong("/controller/refresh", "same-bank refreshes do not fit into tREFI; allowed: tRFCsb + tRP < tREFI / banks_per_group");
    }
  }

  void power_down() {
    std::string word = spec_.controller.power_down;
    if (word.size() >= 2 && word.front() == '"') word = word.substr(1, word.size() - 2);
    if (word == "false") word = "none";
    if (word == "true") word = "power_down";
    const auto& words = dram_power_down_words();
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      wrong("/controller/power_down", "found " + in_quotes(spec_.controller.power_down) + "; allowed: false, true, \"none\", \"power_down\", \"self_refresh\"");
      return;
    }
    out_.controller.power_down = word_of<DramPowerDown>(word, words);
    if (out_.controller.power_down == DramPowerDown::none) return;
    needs(T::tXP, "/controller/power_down", word);
    needs(T::tCKE, "/controller/power_down", word);
    if (out_.controller.power_down == DramPowerDown::self_refresh) {
      needs(T::tXS, "/controller/power_down", word);
      if (out_.controller.refresh == DramRefresh::none)
        wrong("/controller/power_down", "\"self_refresh\" with refresh \"none\"; allowed: with a refresh");
    }
  }

  void power() {
    if (!spec_.power) return;
    DramPower power;
    power.source = spec_.power->source;
    if (trimmed(power.source).empty()) wrong("/power/source", "is empty; allowed: where the currents are from");
    const bool sleeps = out_.controller.power_down != DramPowerDown::none;
    std::set<std::string> taken;
    for (std::size_t i = 0; i < spec_.power->supplies.size(); ++i) {
      const DramSupplySpec& s = spec_.power->supplies[i];
      const std::string here = "/power/supplies/" + std::to_string(i);
      if (!taken.insert(s.name).second) wrong(here + "/name", "supply " + in_quotes(s.name) + " is named twice");
      if (sleeps && (!s.IDD2P1 || !s.IDD3P1)) wrong(here, "power_down needs the currents IDD2P1 and IDD3P1");
      if (out_.controller.power_down == DramPowerDown::self_refresh && !s.IDD6) wrong(here, "self_refresh needs the current IDD6");
      DramSupply r;
      r.name = s.name;
      r.voltage_v = s.voltage_v;
      r.IDD0 = s.IDD0;
      r.IDD2N = s.IDD2N;
      r.IDD3N = s.IDD3N;
      r.IDD4R = s.IDD4R;
      r.IDD4W = s.IDD4W;
      r.IDD5B = s.IDD5B;
      r.IDD2P1 = s.IDD2P1.value_or(s.IDD2P0.value_or(0));
      r.IDD2P0 = s.IDD2P0.value_or(r.IDD2P1);
      r.IDD3P1 = s.IDD3P1.value_or(s.IDD3P0.value_or(0));
      r.IDD3P0 = s.IDD3P0.value_or(r.IDD3P1);
      r.IDD6 = s.IDD6.value_or(0);
      r.IDD5PB = s.IDD5PB.value_or(0);
      r.has_per_bank_refresh = s.IDD5PB.has_value();
      power.supplies.push_back(r);
    }
    out_.power = std::move(power);
  }

  void sources() {
    std::vector<std::string> known{"organisation", "timing", "controller", "address_mapping"};
    known.insert(known.end(), organisation_names.begin(), organisation_names.end());
    for (const DramTimingInfo& info : dram_timings()) known.push_back(info.name);
    for (const auto& [name, text] : spec_.sources) {
      const std::string here = "/sources" + pointer_step(name);
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        const std::string near = nearest(name, known);
        wrong(here, "unknown value " + in_quotes(name) + (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?") +
                        " (allowed: organisation, timing, controller, address_mapping, or the name of a key of these)");
      } else if (trimmed(text).empty()) {
        wrong(here, "is empty; allowed: a data sheet, a standard, or another published configuration");
      }
    }
  }

  std::string canonical() const {
    DramSpec spec = spec_;
    spec.name = out_.name;
    if (is_hbm(out_.standard)) spec.pseudo_channels = out_.pseudo_channels;
    for (const DramTimingInfo& info : dram_timings()) {
      const std::size_t i = at(info.timing);
      const bool unset = info.fallback.empty() || info.timing == T::tPD || info.timing == T::tXSDLL || info.timing == T::tCKESR;
      if (info.known_for(out_.standard) && (!unset || out_.timings[i] > 0)) spec.timing.values[i] = out_.timings[i];
    }
    // Timings that nothing needs and nobody gave stay out: 0 is not in their range.
    for (const DramTimingInfo& info : dram_timings()) {
      auto& v = spec.timing.values[at(info.timing)];
      if (v && *v < info.min) v.reset();
    }
    spec.controller.refresh_guard_cycles = out_.controller.refresh_guard_cycles;
    spec.controller.power_down = in_quotes(dram_power_down_words()[static_cast<std::size_t>(out_.controller.power_down)]);
    if (spec.address_mapping.empty()) spec.address_mapping = R"("row-rank-bank-bankgroup-column-pseudochannel-channel")";
    return write_fields(spec).dump();
  }
};

}  // namespace

Expected<Dram> resolve(const DramSpec& spec, const std::string& file) { return Resolver(spec, file).run(); }

}  // namespace gnomon::arch
