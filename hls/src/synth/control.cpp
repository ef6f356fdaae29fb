#include "gnomon/hls/design.hpp"
#include "synth/modules.hpp"

namespace gnomon::hls {

std::vector<Module> modules_of(const std::string& text) {
  std::vector<Module> out;
  for (std::size_t at = text.find("module "); at != text.npos;) {
    if (at > 0 && text[at - 1] != '\n') {  // a word in a comment, or the end of `endmodule`
      at = text.find("module ", at + 1);
      continue;
    }
    const std::size_t end = text.find("\nendmodule\n", at);
    if (end == text.npos) break;
    Module one;
    one.text = text.substr(at, end + 11 - at);
    const std::size_t name = at + 7;
    one.name = text.substr(name, text.find_first_of(" #(", name) - name);
    out.push_back(std::move(one));
    at = text.find("module ", end + 11);
  }
  return out;
}

std::string black_box(const Module& module) { return "(* blackbox *)\n" + module.text.substr(0, module.text.find(");\n") + 3) + "endmodule\n"; }

namespace {

/// The modules of a design's complete RTL by their parts' names ("_dma"; "" is the whole, "array" the array), named alike for all designs, so that equal
/// parts of different designs are synthesised once.
Expected<std::vector<std::pair<std::string, Module>>> parts_of(const arch::Design& design) {
  auto rtl = emit_design(design);
  if (!rtl) return fail(std::move(rtl.error()));
  const std::string common = "gnomon_design";
  std::vector<std::pair<std::string, Module>> out;
  for (Module& module : modules_of(rtl->text)) {
    const bool own = module.name.compare(0, rtl->top.size(), rtl->top) == 0;
    const std::string part = own ? module.name.substr(rtl->top.size()) : "array";
    for (std::size_t at = module.text.find(rtl->top); at != std::string::npos; at = module.text.find(rtl->top, at + common.size()))
      module.text.replace(at, rtl->top.size(), common);
    out.emplace_back(part, Module{own ? common + part : module.name, std::move(module.text)});
  }
  return out;
}

/// One part with the queue that it may use.
Expected<SynthJob> part_of(const arch::Design& design, const std::string& part) {
  auto parts = parts_of(design);
  if (!parts) return fail(std::move(parts.error()));
  SynthJob job;
  for (const auto& [name, module] : *parts) {
    if (name != part && name != "_fifo") continue;
    if (name == part) job.module = module.name;
    if (name == part || part == "_dma") job.text += module.text + "\n";
  }
  if (job.module.empty()) return fail(ErrorKind::run_failed, "the complete RTL has no part " + part);
  return job;
}

/// Lanes from which wider units are reckoned.
constexpr std::int64_t few = 4, fewer = 2;

/// A unit of `lanes` equal lanes: itself, or from two narrow ones along their straight line.
template <class Narrowed>
Expected<SynthPart> by_lanes(const std::string& name, const std::string& suffix, const arch::Design& design, std::int64_t lanes, const Narrowed& narrowed) {
  SynthPart part;
  part.name = name;
  auto own = part_of(lanes > few ? narrowed(design, few) : design, suffix);
  if (!own) return fail(std::move(own.error()));
  part.job = std::move(*own);
  if (lanes <= few) return part;
  auto small = part_of(narrowed(design, fewer), suffix);
  if (!small) return fail(std::move(small.error()));
  const double steps = static_cast<double>(lanes - fewer) / static_cast<double>(few - fewer);
  part.name += ", " + std::to_string(lanes) + " lanes reckoned from " + std::to_string(fewer) + " and " + std::to_string(few);
  part.narrower = {{steps, part.job}, {1 - steps, std::move(*small)}};
  return part;
}

}  // namespace

Expected<std::vector<SynthPart>> control_parts(const arch::Design& design) {
  auto modules = parts_of(design);
  if (!modules) return fail(std::move(modules.error()));
  const arch::Core& core = design.cores[0];
  std::vector<SynthPart> parts;
  SynthPart whole{core.name + " sequencer and queues", {}, 1, {}};
  for (const auto& [part, module] : *modules) {
    whole.job.text += part.empty() || part == "_fifo" ? module.text + "\n" : black_box(module);
    if (part.empty()) whole.job.module = module.name;
  }
  parts.push_back(std::move(whole));
  const std::pair<const char*, const char*> alone[] = {{"_dma", " transfers"}, {"_feed_ifmap", " ifmap addresses"}, {"_feed_filter", " filter addresses"}};
  for (const auto& [part, name] : alone) {
    auto job = part_of(design, part);
    if (!job) return fail(std::move(job.error()));
    parts.push_back({core.name + name, std::move(*job), 1, {}});
  }
  auto results = by_lanes(core.name + " results", "_results", design, core.array.cols, [](arch::Design narrow, std::int64_t lanes) {
    narrow.cores[0].array.cols = lanes;
    return narrow;
  });
  if (!results) return fail(std::move(results.error()));
  parts.push_back(std::move(*results));
  if (core.vector_lanes > 0) {
    auto vector = by_lanes(core.name + " vector unit", "_vector", design, core.vector_lanes, [](arch::Design narrow, std::int64_t lanes) {
      narrow.cores[0].vector_lanes = lanes;
      return narrow;
    });
    if (!vector) return fail(std::move(vector.error()));
    parts.push_back(std::move(*vector));
  }
  return parts;
}

}  // namespace gnomon::hls
