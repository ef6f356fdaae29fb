#include "cosim/diagnosis.hpp"

#include <algorithm>

#include "emit/sv_expression.hpp"
#include "gnomon/base/text.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::size_t value) { return std::to_string(value); }

std::int64_t depth_of(const Kernel& kernel, std::size_t stream) {
  const auto given = kernel.directives.streams.find(kernel.streams[stream].name);
  return given == kernel.directives.streams.end() ? kernel.streams[stream].depth : given->second;
}

/// A read or write of a scheduled kernel, and the wire that says it is due.
struct Access {
  std::size_t process = 0, stream = 0;
  bool reads = false;
  std::string due;
};

std::vector<Access> accesses(const Datapath& d) {
  std::vector<Access> out;
  for (std::size_t p = 0; p < d.processes.size(); ++p)
    for (std::size_t c = 0; c < d.processes[p].pipes.size(); ++c) {
      const Pipe& pipe = d.processes[p].pipes[c];
      const std::string P = "p" + n(p), Q = P + "q" + n(c) + "_";
      for (std::size_t i = 0; i < pipe.nodes.size(); ++i) {
        const Node& node = pipe.nodes[i];
        if (node.stream < 0) continue;
        const bool reads = node.kind == NodeKind::read;
        // A read of the first cycle keeps the iteration from starting.
        const bool starts = reads && pipe.time[i] == 0;
        out.push_back({p, static_cast<std::size_t>(node.stream), reads, starts ? Q + "active && " + P + "_more" : Q + "n" + n(i) + "_do"});
      }
    }
  return out;
}

}  // namespace

Rtl observed(const CompiledKernel& compiled) {
  const Datapath& d = *compiled.datapath;
  std::vector<std::string> words;
  for (std::size_t s = 0; s < d.kernel.streams.size(); ++s) words.push_back(sv_fit({"s" + n(s) + "_count", sv_bits(depth_of(d.kernel, s))}, 32));
  for (std::size_t p = 0; p < d.processes.size(); ++p) words.push_back("{31'h0, p" + n(p) + "_run}");
  for (const Access& a : accesses(d)) words.push_back("{31'h0, " + a.due + "}");
  Rtl rtl = compiled.rtl;
  const std::size_t ports = rtl.text.find("\n);\n", rtl.text.find("module " + rtl.top)), end = rtl.text.rfind("endmodule");
  if (ports == std::string::npos || end == std::string::npos) return rtl;
  std::string list;
  for (std::size_t w = words.size(); w-- > 0;) list += words[w] + (w > 0 ? ", " : "");
  const int bits = static_cast<int>(32 * words.size());
  rtl.text.insert(end, "  assign status = {" + list + "};\n");
  rtl.text.insert(ports, ",\n  output logic [" + std::to_string(bits - 1) + ":0] status");
  rtl.ports.push_back({"status", bits, false});
  return rtl;
}

std::string standing(const CompiledKernel& compiled, const std::vector<std::int64_t>& status) {
  const Datapath& d = *compiled.datapath;
  const Kernel& k = d.kernel;
  const auto list = accesses(d);
  const std::size_t first_process = k.streams.size(), first_access = first_process + d.processes.size();
  if (status.size() != first_access + list.size()) return {};
  std::vector<std::string> parts;
  const auto fill = [&](std::size_t s) { return in_quotes(k.streams[s].name) + " (" + std::to_string(status[s]) + " of " + std::to_string(depth_of(k, s)) + ")"; };
  for (std::size_t p = 0; p < d.processes.size(); ++p) {
    std::vector<std::string> waits;
    for (std::size_t a = 0; a < list.size(); ++a) {
      const std::size_t s = list[a].stream;
      if (list[a].process != p || status[first_access + a] == 0 || status[s] != (list[a].reads ? 0 : depth_of(k, s))) continue;
      const std::string wait = list[a].reads ? "to read from the empty stream " + in_quotes(k.streams[s].name) : "to write to the full stream " + fill(s);
      if (std::find(waits.begin(), waits.end(), wait) == waits.end()) waits.push_back(wait);
    }
    const std::string name = "process " + in_quotes(k.processes[p]);
    if (status[first_process + p] == 0) parts.push_back(name + " does not run");
    else parts.push_back(waits.empty() ? name + " runs and waits for no stream" : name + " waits " + join(waits, " and "));
  }
  std::vector<std::string> full, empty, between;
  for (std::size_t s = 0; s < k.streams.size(); ++s) (status[s] == depth_of(k, s) ? full : status[s] == 0 ? empty : between).push_back(fill(s));
  if (!full.empty()) parts.push_back("full: " + join(full));
  if (!empty.empty()) parts.push_back("empty: " + join(empty));
  if (!between.empty()) parts.push_back("neither: " + join(between));
  return join(parts, "; ");
}

}  // namespace gnomon::hls
