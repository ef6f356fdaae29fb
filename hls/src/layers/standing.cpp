#include "layers/standing.hpp"

#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::size_t words_per_stage = 3;

std::string n(std::int64_t v) { return std::to_string(v); }

/// Beats of one inference that a stage gives of those that it takes.
std::int64_t beats_given(const Stage& s, std::int64_t taken) {
  if (s.kind == BlockKind::gather) return taken / s.p[0];
  if (s.kind != BlockKind::window) return taken;
  return ((s.p[0] - s.p[2]) / s.p[4] + 1) * ((s.p[1] - s.p[3]) / s.p[4] + 1);
}

struct Seen {
  std::string name;
  bool in_valid = false, in_ready = false, out_valid = false, out_ready = false;
  std::int64_t took = 0, gave = 0, takes = 0, gives = 0;  ///< beats; how many they should be
};

}  // namespace

Rtl observed(const BuiltNetwork& network) {
  Rtl rtl = network.rtl;
  const std::size_t module = rtl.text.find("module " + rtl.top + " ("), ports = rtl.text.find("\n);\n", module), end = rtl.text.find("\nendmodule", module);
  if (module == std::string::npos || ports == std::string::npos || end == std::string::npos) return rtl;
  std::string list, counters;
  for (std::size_t i = 0; i < network.stages.size(); ++i) {
    const std::string P = "s" + n(static_cast<std::int64_t>(i)) + "_";
    counters += "  logic [31:0] " + P + "took, " + P + "gave;\n  always_ff @(posedge clk)\n    if (rst) begin\n      " + P + "took <= '0;\n      " + P + "gave <= '0;\n    end else begin\n      " + P + "took <= " + P + "took + {31'd0, " + P +
                "in_valid & " + P + "in_ready};\n      " + P + "gave <= " + P + "gave + {31'd0, " + P + "out_valid & " + P + "out_ready};\n    end\n";
    list = P + "gave, " + P + "took, {28'd0, " + P + "out_ready, " + P + "out_valid, " + P + "in_ready, " + P + "in_valid}" + (list.empty() ? "" : ", ") + list;
  }
  const int bits = static_cast<int>(32 * words_per_stage * network.stages.size());
  rtl.text.insert(end + 1, counters + "  assign status = {" + list + "};\n");
  rtl.text.insert(ports, ",\n  output logic [" + n(bits - 1) + ":0] status");
  rtl.ports.push_back({"status", bits, false});
  return rtl;
}

std::string standing(const BuiltNetwork& network, int inferences, const std::vector<std::int64_t>& status) {
  if (status.size() != words_per_stage * network.stages.size()) return {};
  std::vector<Seen> stages;
  std::int64_t beats = network.in_beats;
  for (std::size_t i = 0; i < network.stages.size(); ++i) {
    const std::int64_t* w = &status[words_per_stage * i];
    Seen s{network.stages[i].name, (w[0] & 1) != 0, (w[0] & 2) != 0, (w[0] & 4) != 0, (w[0] & 8) != 0, w[1], w[2], beats * inferences, 0};
    beats = beats_given(network.stages[i], beats);
    s.gives = beats * inferences;
    stages.push_back(s);
  }
  const std::size_t last = stages.size() - 1;
  const auto from = [&](std::size_t i) { return i == 0 ? std::string("port in") : stages[i - 1].name; };
  const auto stream = [&](std::size_t i) { return "from " + from(i) + " to " + (i > last ? std::string("port out") : stages[i].name); };
  const auto counts = [](const Seen& s) { return "took " + n(s.took) + " of " + n(s.takes) + " beats and gave " + n(s.gave) + " of " + n(s.gives); };
  std::vector<std::string> parts, full, empty;
  for (std::size_t i = 1; i <= last && parts.empty(); ++i)
    if (stages[i - 1].gave != stages[i].took)
      parts.push_back("blocked: the stream " + stream(i) + ": one gave " + n(stages[i - 1].gave) + " beats, the other took " + n(stages[i].took));
  // The last stage that is offered something, takes none, and could give.
  for (std::size_t i = last + 1; i-- > 0 && parts.empty();) {
    const Seen& s = stages[i];
    if (s.in_valid && !s.in_ready && (!s.out_valid || s.out_ready)) parts.push_back("blocked: the full stream " + stream(i) + ": " + s.name + " takes nothing although its output is free; it " + counts(s));
  }
  for (std::size_t i = 0; i <= last && parts.empty(); ++i)
    if (stages[i].took == stages[i].takes && stages[i].gave < stages[i].gives) parts.push_back("blocked: the empty stream " + stream(i + 1) + ": " + stages[i].name + " " + counts(stages[i]));
  for (std::size_t i = 0; i <= last; ++i) {
    if (stages[i].in_valid && !stages[i].in_ready) full.push_back(stream(i));
    if (!stages[i].in_valid) empty.push_back(stream(i));
  }
  (stages[last].out_valid ? full : empty).push_back(stream(last + 1));
  if (!full.empty()) parts.push_back("full: " + join(full));
  if (!empty.empty()) parts.push_back("empty: " + join(empty));
  return join(parts, "; ");
}

}  // namespace gnomon::hls
