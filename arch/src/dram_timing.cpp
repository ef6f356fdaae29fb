#include <algorithm>

#include "gnomon/arch/dram.hpp"

namespace gnomon::arch {
namespace {

constexpr unsigned bit(DramStandard s) { return 1u << static_cast<int>(s); }
constexpr unsigned D3 = bit(DramStandard::ddr3), D4 = bit(DramStandard::ddr4), D5 = bit(DramStandard::ddr5);
constexpr unsigned L4 = bit(DramStandard::lpddr4), L5 = bit(DramStandard::lpddr5);
constexpr unsigned H2 = bit(DramStandard::hbm2), H3 = bit(DramStandard::hbm3);
constexpr unsigned ddr = D3 | D4 | D5, lp = L4 | L5, hbm = H2 | H3, all = ddr | lp | hbm;
constexpr unsigned flat = D3 | L4, grouped = D4 | D5 | L5 | hbm;
constexpr std::int64_t cycles = 4096, long_cycles = 1'000'000;

}  // namespace

bool is_hbm(DramStandard standard) { return standard == DramStandard::hbm2 || standard == DramStandard::hbm3; }

const std::vector<std::string>& dram_standard_names() {
  static const std::vector<std::string> names{"ddr3", "ddr4", "ddr5", "lpddr4", "lpddr5", "hbm2", "hbm3"};
  return names;
}

const std::vector<DramTimingInfo>& dram_timings() {
  using T = DramTiming;
  static const std::vector<DramTimingInfo> table{
      {T::tCK_ps, "tCK_ps", "period of the memory clock (lpddr5, hbm3: of CK, not of WCK or WDQS) in ps", "", 50, 100'000, all, 0},
      {T::BL, "BL", "beats of a burst", "", 2, 32, all, 0},
      {T::CL, "CL", "read latency: RD to first data", "", 1, cycles, all, 0},
      {T::CWL, "CWL", "write latency: WR to first data", "", 1, cycles, all, 0},
      {T::AL, "AL", "additive latency", "0", 0, cycles, 0, D3 | D4},
      {T::tRCD, "tRCD", "ACT to RD and, where there is no tRCDWR, to WR", "", 1, cycles, all, 0},
      {T::tRCDWR, "tRCDWR", "ACT to WR", "tRCD", 1, cycles, 0, hbm},
      {T::tRP, "tRP", "PRE to ACT, same bank", "", 1, cycles, all, 0},
      {T::tRPab, "tRPab", "PREA to ACT", "tRP", 1, cycles, 0, lp},
      {T::tRAS, "tRAS", "ACT to PRE, same bank", "", 1, cycles, all, 0},
      {T::tRC, "tRC", "ACT to ACT, same bank", "", 1, cycles, all, 0},
      {T::tRTP, "tRTP", "RD to PRE, same bank (lpddr4: for a burst of 16, as the standard counts it; lpddr5: tRBTP, from the end of the burst)", "", 1, cycles, all, 0},
      {T::tWR, "tWR", "end of write data to PRE, same bank", "", 1, cycles, all, 0},
      {T::tCCD, "tCCD", "RD to RD, WR to WR", "", 1, cycles, flat, 0},
      {T::tCCD_S, "tCCD_S", "RD to RD, WR to WR, different bank group", "", 1, cycles, grouped, 0},
      {T::tCCD_L, "tCCD_L", "RD to RD, WR to WR, same bank group", "", 1, cycles, grouped, 0},
      {T::tCCD_L_WR, "tCCD_L_WR", "WR to WR, same bank group", "tCCD_L", 1, cycles, 0, D5},
      {T::tRRD, "tRRD", "ACT to ACT, different banks", "", 1, cycles, flat, 0},
      {T::tRRD_S, "tRRD_S", "ACT to ACT, different bank group", "", 1, cycles, grouped, 0},
      {T::tRRD_L, "tRRD_L", "ACT to ACT, same bank group", "", 1, cycles, grouped, 0},
      {T::tFAW, "tFAW", "at most four ACT of a rank within this window", "", 1, cycles, all, 0},
      {T::tWTR, "tWTR", "end of write data to RD", "", 1, cycles, flat, 0},
      {T::tWTR_S, "tWTR_S", "end of write data to RD, different bank group", "", 1, cycles, grouped, 0},
      {T::tWTR_L, "tWTR_L", "end of write data to RD, same bank group", "", 1, cycles, grouped, 0},
      {T::tRTW, "tRTW", "RD to WR", "from CL, BL, CWL and the pre- and postambles", 1, cycles, 0, all},
      {T::tRPRE, "tRPRE", "read preamble", "1", 0, 16, 0, D4 | D5 | lp},
      {T::tWPRE, "tWPRE", "write preamble", "1; 2 for lpddr4", 0, 16, 0, D4 | D5 | lp},
      {T::tRPST, "tRPST", "read postamble, whole clocks", "0", 0, 16, 0, lp},
      {T::tDQSCK, "tDQSCK", "clock to read strobe, whole clocks", "0", 0, 64, 0, L4},
      {T::tWCKDQO, "tWCKDQO", "WCK to read data, whole clocks", "0", 0, 64, 0, L5},
      {T::WCK, "WCK", "WCK cycles per CK cycle: 2 or 4", "4", 2, 4, 0, L5},
      {T::tPPD, "tPPD", "PRE to PRE", "2 (ddr5, lpddr5), 4 (lpddr4)", 0, cycles, 0, D5 | lp},
      {T::tRTRS, "tRTRS", "gap on the data bus when the rank changes", "1", 0, cycles, 0, all},
      {T::tREFI, "tREFI", "mean interval of all-bank refreshes", "", 16, long_cycles, all, 0},
      {T::tRFC, "tRFC", "all-bank refresh to next command", "", 1, long_cycles, all, 0},
      {T::tRFCpb, "tRFCpb", "per-bank refresh to next command of the bank; needed for refresh per_bank", "", 1, long_cycles, 0, lp | hbm},
      {T::tRFCsb, "tRFCsb", "same-bank refresh to next command of these banks; needed for refresh same_bank", "", 1, long_cycles, 0, D5},
      {T::tRREFD, "tRREFD", "per-bank refresh to such a refresh of another bank (tpbR2pbR; HBM: also to an ACT there); same-bank refresh to an ACT of other banks (tREFSBRD)",
       "tRFCpb (lpddr4, lpddr5), tRRD_L", 1, long_cycles, 0, D5 | lp | hbm},
      {T::tpbR2act, "tpbR2act", "per-bank refresh to an ACT of another bank", "7.5 ns", 1, cycles, 0, L5},
      {T::tXP, "tXP", "power-down exit to next command; needed for power_down", "", 1, cycles, 0, all},
      {T::tCKE, "tCKE", "power-down exit to next entry; needed for power_down", "", 1, cycles, 0, all},
      {T::tPD, "tPD", "power-down entry to exit", "tCKE", 1, cycles, 0, all},
      {T::tXS, "tXS", "self-refresh exit to next command without DLL; needed for power_down self_refresh", "", 1, long_cycles, 0, all},
      {T::tXSDLL, "tXSDLL", "self-refresh exit to RD or WR", "tXS", 1, long_cycles, 0, D3 | D4 | D5},
      {T::tCKESR, "tCKESR", "self-refresh entry to exit", "tCKE + 1", 1, cycles, 0, all},
      {T::tACTPDEN, "tACTPDEN", "ACT to power-down entry", "1", 0, cycles, 0, all},
      {T::tPRPDEN, "tPRPDEN", "PRE to power-down entry", "1", 0, cycles, 0, all},
      {T::tREFPDEN, "tREFPDEN", "REF to power-down entry", "1", 0, cycles, 0, all},
  };
  return table;
}

}  // namespace gnomon::arch
