#include "design/diagnosis.hpp"

#include <map>

#include "emit/text.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

struct Word {
  std::string name, text;  ///< in the top module; at most 32 bits
};

struct Queue {
  const char *name, *text;
  int depth;
};

std::vector<Queue> queues(const DesignShape& s) {
  std::vector<Queue> out{{"transfers", "transfers", 4}, {"folds", "folds", 4}, {"array's tiles", "gates", 8}, {"addresses of ifmap", "ifmaps", 8}, {"addresses of filter", "filters", 8},
                         {"places of results", "results", 8}, {"reads under way", "dma.flights", 1 << s.flight_log}};
  if (s.vector_lanes > 0) out.push_back({"vector chunks", "chunks", 4});
  return out;
}

std::vector<Word> words(const DesignShape& s) {
  std::vector<Word> out;
  for (const Queue& q : queues(s)) out.push_back({q.text, "{" + std::to_string(32 - bits_for(q.depth)) + "'d0, " + q.text + ".wr - " + q.text + ".rd}"});
  const auto bits = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) out.push_back({name, "32'(" + std::string(name) + ")"});
  };
  const auto needs = [&](const std::string& prefix) {
    out.push_back({prefix + "need_e", prefix + "need_e"});
    for (std::size_t c = 0; c < s.counters(); ++c) out.push_back({prefix + "need" + std::to_string(c), prefix + "need" + std::to_string(c)});
  };
  out.push_back({"ended", "ended"});
  for (std::size_t c = 0; c < s.counters(); ++c) out.push_back({"done" + std::to_string(c), "done[" + std::to_string(32 * c) + " +: 32]"});
  bits({"configs", "config_valid", "config_ready", "c_need_e"});
  bits({"n_valid", "array_ready", "gate_room", "if_room", "fi_room", "rs_room"});
  bits({"at_valid", "gate", "g_need_c", "ifmap_valid", "ifmap_ready", "filter_valid", "filter_ready"});
  needs("g_");
  bits({"t_valid", "dma.started", "dma.full", "dma.q_cls", "dma.left", "rd_valid", "rd_ready", "wr_valid", "wr_ready"});
  needs("dma.q_");
  for (std::size_t e = 1; e < s.engines(); ++e) {
    const std::string k = "k" + std::to_string(e), unit = "move" + std::to_string(e);
    for (const std::string& name : {k + "_valid", k + "_rd_valid", k + "_wr_valid", unit + ".q_cls", unit + ".now_left"}) out.push_back({name, "32'(" + name + ")"});
    needs(unit + ".q_");
    if (s.bus_engine > 0) out.push_back({unit + ".q_need_i", unit + ".q_need_i"});
  }
  if (s.bus_engine > 0) out.push_back({"issued", "issued"});
  if (s.prices_steps()) bits({"hold"});
  if (s.vector_lanes > 0) {
    bits({"v_valid", "vector.active"});
    needs("vector.q_");
  }
  return out;
}

}  // namespace

Rtl observed_design(const DesignShape& shape, Rtl rtl) {
  const std::size_t ports = rtl.text.find("\n);\n", rtl.text.find("module " + rtl.top + " (")), end = rtl.text.rfind("endmodule");
  if (ports == std::string::npos || end == std::string::npos) return rtl;
  const std::vector<Word> all = words(shape);
  std::string list;
  for (std::size_t w = all.size(); w-- > 0;) list += all[w].text + (w > 0 ? ", " : "");
  const int bits = static_cast<int>(32 * all.size());
  rtl.text.insert(end, "  assign status = {" + list + "};\n");
  rtl.text.insert(ports, ",\n  output logic [" + std::to_string(bits - 1) + ":0] status");
  rtl.ports.push_back({"status", bits, false});
  return rtl;
}

std::string standing_of_design(const DesignShape& shape, const std::vector<std::int64_t>& status) {
  const std::vector<Word> all = words(shape);
  if (status.size() != all.size()) return {};
  std::map<std::string, std::int64_t> at;
  for (std::size_t i = 0; i < all.size(); ++i) at[all[i].name] = status[i];
  static const char* const fills[] = {"fill of ifmap", "fill of filter", "fill of partial sums", "write-back"};
  static const char* const many[] = {"fills of ifmap", "fills of filter", "fills of partial sums", "write-backs"};
  // Counters that have not reached what a descriptor asks for.
  const auto awaited = [&](const std::string& prefix) {
    std::vector<std::string> out;
    const auto ask = [&](std::int64_t need, std::int64_t have, const std::string& what) {
      if (have < need) out.push_back(std::to_string(need) + " " + what + " (" + std::to_string(have) + " so far)");
    };
    ask(at[prefix + "need_e"], at["ended"], "ended tiles and chunks");
    for (std::size_t c = 0; c < shape.counters(); ++c)
      ask(at[prefix + "need" + std::to_string(c)], at["done" + std::to_string(c)], many[c % transfer_classes] + (c < transfer_classes ? std::string() : " of link " + std::to_string(c / transfer_classes)));
    return out;
  };
  std::vector<std::string> parts;

  std::string transfer = "transfer unit ";
  const std::string what = fills[at["dma.q_cls"] & 3];
  if (at["t_valid"] == 0) transfer += "has nothing to do";
  else if (at["rd_valid"] != 0 || at["wr_valid"] != 0) {
    const bool taken = at["rd_valid"] != 0 ? at["rd_ready"] != 0 : at["wr_ready"] != 0;
    transfer += "is in a " + what + (at["dma.started"] != 0 ? ", " + std::to_string(at["dma.left"]) + " words left" : "") + (taken ? "" : ", which the memory does not take");
  } else {
    std::vector<std::string> waits = awaited("dma.q_");
    if (waits.empty() && at["dma.full"] != 0) waits.push_back("answers of the memory");
    transfer += waits.empty() ? "could begin a " + what : "waits with a " + what + " for " + join(waits);
  }
  parts.push_back(transfer);

  for (std::size_t e = 1; e < shape.engines(); ++e) {
    const std::string n = std::to_string(e), one = fills[at["move" + n + ".q_cls"] & 3];
    std::string link = "link " + n + " ";
    if (at["k" + n + "_valid"] == 0) link += "has nothing to do";
    else if (at["k" + n + "_rd_valid"] != 0 || at["k" + n + "_wr_valid"] != 0) link += "is in a " + one + ", " + std::to_string(at["move" + n + ".now_left"]) + " words left";
    else {
      std::vector<std::string> waits = awaited("move" + n + ".q_");
      const std::int64_t turn = shape.bus_engine > 0 ? at["move" + n + ".q_need_i"] : 0;
      if (at["issued"] < turn) waits.push_back("the bus, until the memory's transfer " + std::to_string(turn) + " has left it (" + std::to_string(at["issued"]) + " so far)");
      link += "waits with a " + one + " for " + join(waits);
    }
    parts.push_back(link);
  }

  std::string array = "array ";
  if (at["at_valid"] == 0) array += "has no tile to begin";
  else if (at["gate"] == 0) {
    std::vector<std::string> waits = awaited("g_");
    if (at["configs"] < at["g_need_c"]) waits.push_back(std::to_string(at["g_need_c"]) + " layers' settings (" + std::to_string(at["configs"]) + " so far)");
    array += waits.empty() ? "does not run" : "waits for " + join(waits);
  } else {
    const auto stream = [&](const std::string& name) { return name + (at[name + "_valid"] != 0 ? " offered" : " not offered") + (at[name + "_ready"] != 0 ? ", taken" : ", not taken"); };
    array += "may run: " + stream("ifmap") + "; " + stream("filter");
  }
  if (at.count("hold") > 0 && at["hold"] != 0) array += "; held by a level's port";
  parts.push_back(array);
  if (at["n_valid"] != 0) {
    std::vector<std::string> rooms;
    if (at["array_ready"] == 0) rooms.push_back("the array");
    for (const auto& [wire, queue] : {std::pair{"gate_room", "array's tiles"}, {"if_room", "addresses of ifmap"}, {"fi_room", "addresses of filter"}, {"rs_room", "places of results"}})
      if (at[wire] == 0) rooms.push_back(in_quotes(queue));
    if (!rooms.empty()) parts.push_back("the next fold waits for room in " + join(rooms));
  }
  if (at["config_valid"] != 0 && at["config_ready"] == 0)
    parts.push_back("a layer's settings wait for " + std::to_string(at["c_need_e"]) + " ended tiles and chunks (" + std::to_string(at["ended"]) + " so far)");
  if (shape.vector_lanes > 0) {
    const std::vector<std::string> waits = awaited("vector.q_");
    parts.push_back(std::string("vector unit ") + (at["v_valid"] == 0 ? "has no chunk" : at["vector.active"] != 0 ? "runs" : waits.empty() ? "does not run" : "waits for " + join(waits)));
  }

  std::vector<std::string> full, empty, between;
  for (const Queue& q : queues(shape)) {
    const std::int64_t fill = at[q.text];
    (fill == q.depth ? full : fill == 0 ? empty : between).push_back(in_quotes(q.name) + " (" + std::to_string(fill) + " of " + std::to_string(q.depth) + ")");
  }
  if (!full.empty()) parts.push_back("full: " + join(full));
  if (!empty.empty()) parts.push_back("empty: " + join(empty));
  if (!between.empty()) parts.push_back("neither: " + join(between));
  return join(parts, "; ");
}

}  // namespace gnomon::hls
