#include "rules.hpp"

#include <cstdlib>

namespace gnomon::sim {
namespace {

using enum DramCommand;
using L = DramLevel;
constexpr CommandMask R = mask(RD, RDA), W = mask(WR, WRA), PREs = mask(PRE, PREA), sleep = mask(PDE, SRE);
constexpr auto other = DramSibling::other_rank;

// ---- What several standards share, piece by piece. ----

#define GNOMON_ROW_RULES                                                        \
  {"tRC", L::bank, mask(ACT), mask(ACT), "tRC"},                                \
  {"tRAS", L::bank, mask(ACT), mask(PRE), "tRAS"},                              \
  {"tRAS", L::rank, mask(ACT), mask(PREA), "tRAS"},                             \
  {"tRP", L::bank, mask(PRE), mask(ACT), "tRP"},                                \
  {"tRC", L::rank, mask(ACT), mask(REF, SRE), "tRC"},                           \
  {"tRP", L::rank, mask(PRE), mask(REF, SRE), "tRP"},                           \
  {"tRFC", L::rank, mask(REF), mask(ACT, REF, SRE), "tRFC"}

#define GNOMON_SLEEP_RULES                                                      \
  {"tACTPDEN", L::rank, mask(ACT), mask(PDE), "tACTPDEN"},                      \
  {"tPRPDEN", L::rank, PREs, mask(PDE), "tPRPDEN"},                             \
  {"tREFPDEN", L::rank, mask(REF), mask(PDE), "tREFPDEN"},                      \
  {"tPD", L::rank, mask(PDE), mask(PDX), "tPD"},                                \
  {"tCKE", L::rank, mask(PDX), mask(PDE), "tCKE"},                              \
  {"tXP", L::rank, mask(PDX), mask(ACT, PRE, PREA, REF, SRE) | R | W, "tXP"},   \
  {"tCKESR", L::rank, mask(SRE), mask(SRX), "tCKESR"},                          \
  {"tXS", L::rank, mask(SRX), mask(ACT, REF, PDE, SRE), "tXS"}

constexpr TimingRule ddr3_rules[] = {
    GNOMON_ROW_RULES,
    {"tRCD", L::bank, mask(ACT), R | W, "tRCD - AL"},
    {"tRTP", L::bank, mask(RD), mask(PRE), "AL + tRTP"},
    {"tRTP", L::rank, R, mask(PREA), "AL + tRTP"},
    {"tWR", L::bank, mask(WR), mask(PRE), "AL + CWL + burst + tWR"},
    {"tWR", L::rank, W, mask(PREA), "AL + CWL + burst + tWR"},
    {"tWR before auto-precharge", L::bank, mask(WR), mask(RDA), "CWL + burst + tWR - tRTP"},
    {"tRTP + tRP", L::bank, mask(RDA), mask(ACT), "AL + tRTP + tRP"},
    {"tRTP + tRP", L::rank, mask(RDA), mask(REF, SRE), "AL + tRTP + tRP"},
    {"tWR + tRP", L::bank, mask(WRA), mask(ACT), "AL + CWL + burst + tWR + tRP"},
    {"tWR + tRP", L::rank, mask(WRA), mask(REF, SRE), "AL + CWL + burst + tWR + tRP"},
    {"tRP", L::rank, mask(PREA), mask(ACT, REF, SRE), "tRP"},
    {"tRRD", L::rank, mask(ACT), mask(ACT), "tRRD"},
    {"tFAW", L::rank, mask(ACT), mask(ACT), "tFAW", 4},
    {"tCCD", L::rank, R, R, "tCCD"},
    {"tCCD", L::rank, W, W, "tCCD"},
    {"read to write", L::rank, R, W, "tRTW"},
    {"tWTR", L::rank, W, R, "CWL + burst + tWTR"},
    {"tRTRS", L::pseudo_channel, R, R, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, W, W, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, R, W, "CL + burst + tRTRS - CWL", 1, other},
    {"tRTRS", L::pseudo_channel, W, R, "CWL + burst + tRTRS - CL", 1, other},
    GNOMON_SLEEP_RULES,
    {"tXSDLL", L::rank, mask(SRX), R | W, "tXSDLL"},
    {"read before sleep", L::rank, R, sleep, "AL + CL + burst + 1"},
    {"tWR before sleep", L::rank, mask(WR), mask(PDE), "AL + CWL + burst + tWR"},
    {"tWR before sleep", L::rank, mask(WRA), mask(PDE), "AL + CWL + burst + tWR + 1"},
};

// AL and NO_AL: the terms of the additive latency, which ddr5 does not have.
#define GNOMON_DDR_GROUP_RULES(AL, NO_AL)                                               \
  {"tRCD", L::bank, mask(ACT), R | W, "tRCD" NO_AL},                                     \
  {"tRTP", L::bank, mask(RD), mask(PRE), AL "tRTP"},                                  \
  {"tRTP", L::rank, R, mask(PREA), AL "tRTP"},                                        \
  {"tWR", L::bank, mask(WR), mask(PRE), AL "CWL + burst + tWR"},                      \
  {"tWR", L::rank, W, mask(PREA), AL "CWL + burst + tWR"},                            \
  {"tWR before auto-precharge", L::bank, mask(WR), mask(RDA), "CWL + burst + tWR - tRTP"}, \
  {"tRTP + tRP", L::bank, mask(RDA), mask(ACT), AL "tRTP + tRP"},                     \
  {"tRTP + tRP", L::rank, mask(RDA), mask(REF, SRE), AL "tRTP + tRP"},                \
  {"tWR + tRP", L::bank, mask(WRA), mask(ACT), AL "CWL + burst + tWR + tRP"},         \
  {"tWR + tRP", L::rank, mask(WRA), mask(REF, SRE), AL "CWL + burst + tWR + tRP"},    \
  {"tRP", L::rank, mask(PREA), mask(ACT, REF, SRE), "tRP"},                             \
  {"tRRD_L", L::bank_group, mask(ACT), mask(ACT), "tRRD_L"},                            \
  {"tRRD_S", L::rank, mask(ACT), mask(ACT), "tRRD_S"},                                  \
  {"tFAW", L::rank, mask(ACT), mask(ACT), "tFAW", 4},                                   \
  {"tCCD_L", L::bank_group, R, R, "tCCD_L"},                                            \
  {"tCCD_S", L::rank, R, R, "tCCD_S"},                                                  \
  {"tCCD_S", L::rank, W, W, "tCCD_S"},                                                  \
  {"read to write", L::rank, R, W, "tRTW"},                                             \
  {"tWTR_L", L::bank_group, W, R, "CWL + burst + tWTR_L"},                              \
  {"tWTR_S", L::rank, W, R, "CWL + burst + tWTR_S"},                                    \
  {"tRTRS", L::pseudo_channel, R, R, "burst + tRTRS", 1, other},                        \
  {"tRTRS", L::pseudo_channel, W, W, "burst + tRTRS", 1, other},                        \
  {"tRTRS", L::pseudo_channel, R, W, "CL + burst + tRTRS + tWPRE - CWL", 1, other},     \
  {"tRTRS", L::pseudo_channel, W, R, "CWL + burst + tRTRS + tRPRE - CL", 1, other},     \
  GNOMON_SLEEP_RULES,                                                                   \
  {"tXSDLL", L::rank, mask(SRX), R | W, "tXSDLL"},                                      \
  {"read before sleep", L::rank, R, sleep, AL "CL + burst + 1"},                      \
  {"tWR before sleep", L::rank, mask(WR), mask(PDE), AL "CWL + burst + tWR"},         \
  {"tWR before sleep", L::rank, mask(WRA), mask(PDE), AL "CWL + burst + tWR + 1"}

constexpr TimingRule ddr4_rules[] = {
    GNOMON_ROW_RULES,
    GNOMON_DDR_GROUP_RULES("AL + ", " - AL"),
    {"tCCD_L", L::bank_group, W, W, "tCCD_L"},
};

constexpr TimingRule ddr5_rules[] = {
    GNOMON_ROW_RULES,
    GNOMON_DDR_GROUP_RULES("", ""),
    {"tCCD_L_WR", L::bank_group, W, W, "tCCD_L_WR"},
    {"tPPD", L::rank, mask(PRE, PREsb, PREA), mask(PRE, PREsb, PREA), "tPPD"},
    {"tRAS", L::bank, mask(ACT), mask(PREsb), "tRAS"},
    {"tRTP", L::bank, R, mask(PREsb), "tRTP"},
    {"tWR", L::bank, W, mask(PREsb), "CWL + burst + tWR"},
    {"tRP", L::bank, mask(PREsb), mask(ACT, REFsb), "tRP"},
    {"tRP", L::rank, mask(PREsb), mask(REF, SRE), "tRP"},
    {"tRP", L::bank, mask(PRE), mask(REFsb), "tRP"},
    {"tRP", L::rank, mask(PREA), mask(REFsb), "tRP"},
    {"tRC", L::bank, mask(ACT), mask(REFsb), "tRC"},
    {"tRTP + tRP", L::bank, mask(RDA), mask(REFsb), "tRTP + tRP"},
    {"tWR + tRP", L::bank, mask(WRA), mask(REFsb), "CWL + burst + tWR + tRP"},
    {"tRRD_L", L::rank, mask(ACT), mask(REFsb), "tRRD_L"},
    {"tRFCsb", L::bank, mask(REFsb), mask(ACT), "tRFCsb"},
    {"tRFCsb", L::rank, mask(REFsb), mask(REFsb, REF, SRE), "tRFCsb"},
    {"tREFSBRD", L::rank, mask(REFsb), mask(ACT), "tRREFD"},
    {"tRFC", L::rank, mask(REF), mask(REFsb), "tRFC"},
    {"tREFPDEN", L::rank, mask(REFsb), mask(PDE), "tREFPDEN"},
    {"tPRPDEN", L::rank, mask(PREsb), mask(PDE), "tPRPDEN"},
    {"tXP", L::rank, mask(PDX), mask(PREsb, REFsb), "tXP"},
    {"tXS", L::rank, mask(SRX), mask(REFsb), "tXS"},
};

// Rules about REFpb that LPDDR and HBM share.
#define GNOMON_PER_BANK_RULES                                                   \
  {"tRP", L::bank, mask(PRE), mask(REFpb), "tRP"},                              \
  {"tRC", L::bank, mask(ACT), mask(REFpb), "tRC"},                              \
  {"tRFCpb", L::bank, mask(REFpb), mask(ACT, REFpb), "tRFCpb"},                 \
  {"tRFCpb", L::rank, mask(REFpb), mask(REF, SRE), "tRFCpb"},                   \
  {"tRREFD", L::rank, mask(REFpb), mask(REFpb), "tRREFD"},                      \
  {"tRFC", L::rank, mask(REF), mask(REFpb), "tRFC"},                            \
  {"tREFPDEN", L::rank, mask(REFpb), mask(PDE), "tREFPDEN"},                    \
  {"tXP", L::rank, mask(PDX), mask(REFpb), "tXP"},                              \
  {"tXS", L::rank, mask(SRX), mask(REFpb), "tXS"}

constexpr TimingRule lpddr4_rules[] = {
    GNOMON_ROW_RULES,
    GNOMON_PER_BANK_RULES,
    {"tRCD", L::bank, mask(ACT), R | W, "tRCD"},
    {"tRTP", L::bank, mask(RD), mask(PRE), "burst + tRTP - 8"},
    {"tRTP", L::rank, R, mask(PREA), "burst + tRTP - 8"},
    {"tWR", L::bank, mask(WR), mask(PRE), "CWL + 1 + burst + tWR"},
    {"tWR", L::rank, W, mask(PREA), "CWL + 1 + burst + tWR"},
    {"tWR before auto-precharge", L::bank, mask(WR), mask(RDA), "CWL + 9 + tWR - tRTP"},
    {"tRTP + tRP", L::bank, mask(RDA), mask(ACT, REFpb), "burst + tRTP - 8 + tRP"},
    {"tRTP + tRP", L::rank, mask(RDA), mask(REF, SRE), "burst + tRTP - 8 + tRP"},
    {"tWR + tRP", L::bank, mask(WRA), mask(ACT, REFpb), "CWL + 1 + burst + tWR + tRP"},
    {"tWR + tRP", L::rank, mask(WRA), mask(REF, SRE), "CWL + 1 + burst + tWR + tRP"},
    {"tRPab", L::rank, mask(PREA), mask(ACT, REF, REFpb, SRE), "tRPab"},
    {"tPPD", L::rank, PREs, PREs, "tPPD"},
    {"tRRD", L::rank, mask(ACT), mask(ACT, REFpb), "tRRD"},
    {"tRRD", L::rank, mask(REFpb), mask(ACT), "tRRD"},
    {"tFAW", L::rank, mask(ACT, REFpb), mask(ACT, REFpb), "tFAW", 4},
    {"tCCD", L::rank, R, R, "tCCD"},
    {"tCCD", L::rank, W, W, "tCCD"},
    {"read to write", L::rank, R, W, "tRTW"},
    {"tWTR", L::rank, W, R, "CWL + 1 + burst + tWTR"},
    {"tRTRS", L::pseudo_channel, R, R, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, W, W, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, R, W, "CL + tDQSCK + burst + tRTRS - CWL", 1, other},
    {"tRTRS", L::pseudo_channel, W, R, "CWL + 1 + burst + tRTRS - CL", 1, other},
    GNOMON_SLEEP_RULES,
    {"tXS", L::rank, mask(SRX), R | W, "tXS"},
    {"read before sleep", L::rank, R, sleep, "CL + tDQSCK + burst + tRPST"},
    {"tWR before sleep", L::rank, W, mask(PDE), "CWL + 1 + burst + tWR"},
};

constexpr TimingRule lpddr5_rules[] = {
    GNOMON_ROW_RULES,
    GNOMON_PER_BANK_RULES,
    // Within a bank group the array takes BL/n_max clocks, which is tCCD_L.
    {"tWTR_L", L::bank_group, W, R, "CWL + tCCD_L + tWTR_L"},
    {"tRCD", L::bank, mask(ACT), R | W, "tRCD"},
    {"tRTP", L::bank, mask(RD), mask(PRE), "burst + tRTP"},
    {"tRTP", L::rank, R, mask(PREA), "burst + tRTP"},
    {"tWR", L::bank, mask(WR), mask(PRE), "CWL + 1 + burst + tWR"},
    {"tWR", L::rank, W, mask(PREA), "CWL + 1 + burst + tWR"},
    {"tWR before auto-precharge", L::bank, mask(WR), mask(RDA), "CWL + 1 + tWR - tRTP"},
    {"tRTP + tRP", L::bank, mask(RDA), mask(ACT, REFpb), "burst + tRTP + tRP"},
    {"tRTP + tRP", L::rank, mask(RDA), mask(REF, SRE), "burst + tRTP + tRP"},
    {"tWR + tRP", L::bank, mask(WRA), mask(ACT, REFpb), "CWL + 1 + burst + tWR + tRP"},
    {"tWR + tRP", L::rank, mask(WRA), mask(REF, SRE), "CWL + 1 + burst + tWR + tRP"},
    {"tRPab", L::rank, mask(PREA), mask(ACT, REF, REFpb, SRE), "tRPab"},
    {"tPPD", L::rank, PREs, PREs, "tPPD"},
    {"tRRD_L", L::bank_group, mask(ACT), mask(ACT, REFpb), "tRRD_L"},
    {"tRRD_S", L::rank, mask(ACT), mask(ACT, REFpb), "tRRD_S"},
    {"tpbR2act", L::rank, mask(REFpb), mask(ACT), "tpbR2act"},
    {"tFAW", L::rank, mask(ACT, REFpb), mask(ACT, REFpb), "tFAW", 4},
    {"tCCD_L", L::bank_group, R, R, "tCCD_L"},
    {"tCCD_L", L::bank_group, W, W, "tCCD_L"},
    {"tCCD_S", L::rank, R, R, "tCCD_S"},
    {"tCCD_S", L::rank, W, W, "tCCD_S"},
    {"read to write", L::rank, R, W, "tRTW"},
    {"tWTR_S", L::rank, W, R, "CWL + burst + tWTR_S"},
    {"tRTRS", L::pseudo_channel, R, R, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, W, W, "burst + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, R, W, "CL + tWCKDQO + burst + tRTRS - CWL", 1, other},
    {"tRTRS", L::pseudo_channel, W, R, "CWL + burst + tRTRS - CL", 1, other},
    GNOMON_SLEEP_RULES,
    {"tXS", L::rank, mask(SRX), R | W, "tXS"},
    {"read before sleep", L::rank, R, sleep, "CL + tWCKDQO + burst + tRPST"},
    {"tWR before sleep", L::rank, W, mask(PDE), "CWL + 1 + burst + tWR"},
};

// HBM2 and HBM3 differ in their values; ranks are stack IDs, which share the data bus of a pseudo-channel.
constexpr TimingRule hbm_rules[] = {
    GNOMON_ROW_RULES,
    GNOMON_PER_BANK_RULES,
    {"tRCDRD", L::bank, mask(ACT), R, "tRCD"},
    {"tRCDWR", L::bank, mask(ACT), W, "tRCDWR"},
    {"tRTP", L::bank, mask(RD), mask(PRE), "tRTP"},
    {"tRTP", L::rank, R, mask(PREA), "tRTP"},
    {"tWR", L::bank, mask(WR), mask(PRE), "CWL + burst + tWR"},
    {"tWR", L::rank, W, mask(PREA), "CWL + burst + tWR"},
    {"tWR before auto-precharge", L::bank, mask(WR), mask(RDA), "CWL + burst + tWR - tRTP"},
    {"tRTP + tRP", L::bank, mask(RDA), mask(ACT, REFpb), "tRTP + tRP"},
    {"tRTP + tRP", L::rank, mask(RDA), mask(REF, SRE), "tRTP + tRP"},
    {"tWR + tRP", L::bank, mask(WRA), mask(ACT, REFpb), "CWL + burst + tWR + tRP"},
    {"tWR + tRP", L::rank, mask(WRA), mask(REF, SRE), "CWL + burst + tWR + tRP"},
    {"tRP", L::rank, mask(PREA), mask(ACT, REF, REFpb, SRE), "tRP"},
    {"tRRD_L", L::bank_group, mask(ACT), mask(ACT, REFpb), "tRRD_L"},
    {"tRRD_S", L::rank, mask(ACT), mask(ACT, REFpb), "tRRD_S"},
    {"tRREFD", L::rank, mask(REFpb), mask(ACT), "tRREFD"},
    {"tFAW", L::rank, mask(ACT, REFpb), mask(ACT, REFpb), "tFAW", 4},
    {"tCCD_L", L::bank_group, R, R, "tCCD_L"},
    {"tCCD_L", L::bank_group, W, W, "tCCD_L"},
    {"tCCD_S", L::rank, R, R, "tCCD_S"},
    {"tCCD_S", L::rank, W, W, "tCCD_S"},
    {"read to write", L::rank, R, W, "tRTW"},
    {"tWTR_L", L::bank_group, W, R, "CWL + burst + tWTR_L"},
    {"tWTR_S", L::rank, W, R, "CWL + burst + tWTR_S"},
    {"tRTRS", L::pseudo_channel, R, R, "tCCD_S + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, W, W, "tCCD_S + tRTRS", 1, other},
    {"tRTRS", L::pseudo_channel, R, W, "CL + burst + tRTRS - CWL", 1, other},
    {"tRTRS", L::pseudo_channel, W, R, "CWL + burst + tRTRS - CL", 1, other},
    GNOMON_SLEEP_RULES,
    {"tXS", L::rank, mask(SRX), R | W, "tXS"},
    {"read before sleep", L::rank, R, sleep, "CL + burst + 1"},
    {"tWR before sleep", L::rank, W, mask(PDE), "CWL + burst + tWR + 1"},
};

#undef GNOMON_ROW_RULES
#undef GNOMON_SLEEP_RULES
#undef GNOMON_DDR_GROUP_RULES
#undef GNOMON_PER_BANK_RULES

std::int64_t term(std::string_view word, const arch::Dram& dram) {
  if (word == "burst") return dram.burst_cycles;
  if (!word.empty() && word.front() >= '0' && word.front() <= '9') {
    std::int64_t value = 0;
    for (char c : word) value = value * 10 + (c - '0');
    return value;
  }
  for (const arch::DramTimingInfo& info : arch::dram_timings()) {
    if (info.name == word) return dram[info.timing];
  }
  std::abort();
}

}  // namespace

std::span<const TimingRule> timing_rules(arch::DramStandard standard) {
  switch (standard) {
    case arch::DramStandard::ddr3: return ddr3_rules;
    case arch::DramStandard::ddr4: return ddr4_rules;
    case arch::DramStandard::ddr5: return ddr5_rules;
    case arch::DramStandard::lpddr4: return lpddr4_rules;
    case arch::DramStandard::lpddr5: return lpddr5_rules;
    case arch::DramStandard::hbm2:
    case arch::DramStandard::hbm3: return hbm_rules;
  }
  return {};
}

int command_clocks(arch::DramStandard standard, DramCommand command) {
  const bool activate_or_column = command == ACT || is_column(command);
  switch (standard) {
    case arch::DramStandard::ddr5: return activate_or_column ? 2 : 1;
    case arch::DramStandard::lpddr4: return activate_or_column ? 4 : (command == PDE || command == PDX) ? 1 : 2;
    case arch::DramStandard::lpddr5:
    case arch::DramStandard::hbm2:
    case arch::DramStandard::hbm3: return command == ACT ? 2 : 1;
    default: return 1;
  }
}

int reference_clock(arch::DramStandard standard, DramCommand command) {
  return standard == arch::DramStandard::ddr5 ? 0 : command_clocks(standard, command) - 1;
}

bool has_two_command_buses(arch::DramStandard standard) { return arch::is_hbm(standard); }

std::int64_t data_delay(const arch::Dram& dram, bool write) {
  using T = arch::DramTiming;
  const int last = reference_clock(dram.standard, write ? WR : RD);
  if (write) return last + dram[T::AL] + dram[T::CWL] + (dram.standard == arch::DramStandard::lpddr4 ? 1 : 0);
  return last + dram[T::AL] + dram[T::CL] + dram[T::tDQSCK] + dram[T::tWCKDQO];
}

std::int64_t evaluate(std::string_view latency, const arch::Dram& dram) {
  std::int64_t value = 0, sign = 1;
  std::size_t at = 0;
  while (at < latency.size()) {
    const std::size_t end = std::min(latency.find(' ', at), latency.size());
    const std::string_view word = latency.substr(at, end - at);
    at = end + 1;
    if (word == "+") {
      sign = 1;
    } else if (word == "-") {
      sign = -1;
    } else {
      value += sign * term(word, dram);
    }
  }
  return value;
}

std::int64_t start_to_start(const TimingRule& rule, DramCommand prev, DramCommand next, const arch::Dram& dram) {
  return evaluate(rule.latency, dram) + reference_clock(dram.standard, prev) - reference_clock(dram.standard, next);
}

}  // namespace gnomon::sim
