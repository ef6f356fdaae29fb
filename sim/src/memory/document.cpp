#include <nlohmann/json.hpp>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/sim/memory.hpp"

namespace gnomon::sim {
namespace {

Json latency_json(const DramLatency& l) {
  return Json{{"count", l.count}, {"mean", l.mean}, {"min", l.min}, {"p50", l.p50}, {"p95", l.p95}, {"p99", l.p99}, {"max", l.max}};
}

Json banks_json(const arch::Dram& dram, const DramStatistics& s) {
  Json banks = Json::array();
  for (std::size_t c = 0; c < s.channels.size(); ++c) {
    for (std::size_t i = 0; i < s.channels[c].banks.size(); ++i) {
      const DramBankStatistics& b = s.channels[c].banks[i];
      auto index = static_cast<int>(i);
      const int bank = index % dram.banks_per_group;
      index /= dram.banks_per_group;
      const int group = index % dram.bank_groups;
      index /= dram.bank_groups;
      banks.push_back({{"channel", c},
                       {"pseudo_channel", index / dram.ranks},
                       {"rank", index % dram.ranks},
                       {"bank_group", group},
                       {"bank", bank},
                       {"activates", b.activates},
                       {"precharges", b.precharges},
                       {"reads", b.reads},
                       {"writes", b.writes},
                       {"refreshes", b.refreshes},
                       {"row_hits", b.row_hits},
                       {"row_misses", b.row_misses},
                       {"row_conflicts", b.row_conflicts}});
    }
  }
  return banks;
}

Json energy_json(const DramEnergy& e) {
  return Json{{"activate", e.activate_pj},
              {"precharge", e.precharge_pj},
              {"read", e.read_pj},
              {"write", e.write_pj},
              {"refresh", e.refresh_pj},
              {"active_standby", e.active_standby_pj},
              {"precharge_standby", e.precharge_standby_pj},
              {"active_power_down", e.active_power_down_pj},
              {"precharge_power_down", e.precharge_power_down_pj},
              {"self_refresh", e.self_refresh_pj}};
}

}  // namespace

Json memory_document(const arch::Dram& dram, const std::string& trace, const DramStatistics& s) {
  Json out{{"schema", "gnomon.memory/1"},
           {"memory", dram.name},
           {"trace", trace},
           {"cycles", s.cycles},
           {"reads", s.reads},
           {"writes", s.writes},
           {"bandwidth_gb_s", s.bandwidth_gb_s},
           {"row_hits", s.row_hits},
           {"row_misses", s.row_misses},
           {"activates", s.activates},
           {"refreshes", s.refreshes},
           {"mean_read_latency_cycles", s.read_latency.mean},
           {"energy_pj", s.energy ? Json(s.energy->total_pj()) : Json(nullptr)},
           {"power_mw", s.power_mw ? Json(*s.power_mw) : Json(nullptr)},
           {"total_time_us", static_cast<double>(s.cycles) * static_cast<double>(dram.tck_ps()) * 1e-6},
           {"peak_bandwidth_gb_s", s.peak_bandwidth_gb_s},
           {"row_conflicts", s.row_conflicts},
           {"precharges", s.precharges},
           {"refresh_missing", refresh_missing(dram, s)},
           {"read_latency_cycles", latency_json(s.read_latency)},
           {"write_latency_cycles", latency_json(s.write_latency)},
           {"energy_breakdown_pj", s.energy ? energy_json(*s.energy) : Json(nullptr)}};
  Json ranks = Json::array();
  for (const DramRankStatistics& r : s.ranks) {
    ranks.push_back({{"channel", r.channel},
                     {"pseudo_channel", r.pseudo_channel},
                     {"rank", r.rank},
                     {"refreshes", r.refreshes},
                     {"cycles",
                      {{"active_standby", r.residency.active_standby},
                       {"precharge_standby", r.residency.precharge_standby},
                       {"active_power_down", r.residency.active_power_down},
                       {"precharge_power_down", r.residency.precharge_power_down},
                       {"self_refresh", r.residency.self_refresh}}}});
  }
  out["ranks"] = std::move(ranks);
  out["banks"] = banks_json(dram, s);
  const auto content = trace.starts_with("trace:") ? Expected<std::string>(trace) : sha256_file(trace);
  out["provenance"] = Json{{"version", version()}, {"commit", commit()}, {"input_sha256", sha256(dram.resolved_json + "\n" + content.value_or(trace))}, {"seed", 0}};
  return out;
}

}  // namespace gnomon::sim
