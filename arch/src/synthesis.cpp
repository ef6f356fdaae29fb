#include "gnomon/arch/synthesis.hpp"

#include <algorithm>
#include <sstream>

namespace gnomon::arch {

const std::vector<SynthesisInfo>& synthesis_infos() {
  static const std::vector<SynthesisInfo> infos = [] {
    const std::vector<std::string> blocks{"lut", "ff", "dsp", "bram"}, placed{"lut", "ff", "dsp", "bram", "fmax_mhz"}, cells{"cell_area_um2", "ff", "fmax_mhz"};
    std::vector<SynthesisInfo> out{{"xcup", blocks}, {"xc7", blocks}, {"ice40", placed}, {"osu018", cells}};
    for (std::size_t i = 0; i < 4; ++i) out.push_back({out[i].target + "-complete", out[i].metrics, true});
    return out;
  }();
  return infos;
}

std::vector<std::string> synthesis_targets(const std::string& joined) {
  std::vector<std::string> out;
  std::istringstream text(joined);
  for (std::string target; std::getline(text, target, ',');) out.push_back(target);
  return out;
}

std::vector<std::pair<std::string, std::string>> synthesis_metrics(const std::vector<std::string>& targets) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& target : targets)
    for (const SynthesisInfo& info : synthesis_infos()) {
      if (info.target != target) continue;
      for (const std::string& metric : info.metrics)
        if (std::none_of(out.begin(), out.end(), [&](const auto& known) { return known.first == metric; })) out.emplace_back(metric, target);
    }
  return out;
}

}  // namespace gnomon::arch
