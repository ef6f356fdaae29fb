#include "synth/yosys.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <sstream>

#include "cosim/cache.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;
constexpr double tool_wall_seconds = 3600;

Expected<std::string> run_tool(const std::vector<std::string>& arguments, const fs::path& folder, const std::string& what) {
  auto result = run_process(arguments, {.wall_seconds = tool_wall_seconds, .folder = folder});
  if (!result) return fail(std::move(result.error()));
  const std::string said = result->out + result->err;
  if (result->timed_out) return fail(ErrorKind::run_failed, what + ": no end after " + number(tool_wall_seconds) + " s");
  if (result->exit_status != 0)
    return fail(ErrorKind::run_failed, what + " failed (" + in_quotes(arguments.front()) + " ended with status " +
                                           std::to_string(result->exit_status) + "): " +
                                           std::string(trimmed(said.substr(said.size() > 1500 ? said.size() - 1500 : 0))));
  return said;
}

/// LUTs that a cell takes; 0 for other cells.
double luts_of(const std::string& cell) {
  if (cell == "SB_LUT4" || cell == "INV") return 1;
  if (cell.starts_with("LUT") && cell.size() == 4) return 1;
  if (cell.starts_with("SRL16") || cell.starts_with("SRLC")) return 1;
  if (cell.starts_with("RAM") && !cell.starts_with("RAMB")) {
    if (cell.find("64M") != cell.npos || cell.find("32M") != cell.npos) return cell.find("16") != cell.npos ? 8 : 4;
    if (cell.find("256X1D") != cell.npos) return 8;
    if (cell.find("128X1D") != cell.npos || cell.find("256X1S") != cell.npos) return 4;
    if (cell.ends_with("X1D") || cell.find("128X1S") != cell.npos) return 2;
    return 1;
  }
  return 0;
}

/// Cells by type as yosys' `stat -json` wrote them.
Expected<std::map<std::string, std::int64_t>> counted_cells(const fs::path& file, const SynthJob& job) {
  auto text = read_file(file);
  if (!text) return fail(std::move(text.error()));
  const Json stat = Json::parse(*text, nullptr, false);
  if (!stat.is_object() || !stat.contains("design") || !stat.at("design").contains("num_cells_by_type"))
    return fail(ErrorKind::run_failed, "synthesis of " + job.module + ": the statistics of yosys cannot be read");
  std::map<std::string, std::int64_t> cells;
  for (const auto& [cell, number_of] : stat.at("design").at("num_cells_by_type").items()) {
    // Black boxes are counted where they are defined.
    if (job.text.find("(* blackbox *)\nmodule " + cell + " ") != std::string::npos) continue;
    if (cell.starts_with("$paramod")) continue;
    cells[cell] += number_of.get<std::int64_t>();
  }
  return cells;
}

SynthFigures count(const std::map<std::string, std::int64_t>& cells, const std::string& target) {
  SynthFigures out;
  if (target == "osu018") {
    out.ff = 0;
  } else {
    out.lut = out.ff = out.dsp = out.bram = 0;
  }
  for (const auto& [cell, number_of] : cells) {
    const auto n = static_cast<double>(number_of);
    out.cell_count += number_of;
    if (cell.starts_with("DFF") || cell.starts_with("LATCH") || cell.starts_with("FD") || cell.starts_with("SB_DFF")) *out.ff += n;
    if (target == "osu018") continue;
    *out.lut += n * luts_of(cell);
    if (cell.starts_with("DSP48") || cell == "SB_MAC16") *out.dsp += n;
    if (cell.starts_with("RAMB36") || cell == "SB_RAM40_4K") *out.bram += n;
    if (cell.starts_with("RAMB18")) *out.bram += n / 2;
  }
  return out;
}

Json to_json(const SynthFigures& f) {
  Json out;
  const auto put = [&](const char* name, const std::optional<double>& value) { out[name] = value ? Json(*value) : Json(nullptr); };
  put("lut", f.lut);
  put("ff", f.ff);
  put("dsp", f.dsp);
  put("bram", f.bram);
  put("area_um2", f.area_um2);
  if (f.memory_bits > 0) out["memory_bits"] = f.memory_bits;
  out["cell_count"] = f.cell_count;
  return out;
}

std::optional<SynthFigures> figures_from(const fs::path& file) {
  auto text = read_file(file);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("cell_count") || !json.at("cell_count").is_number_integer()) return std::nullopt;
  SynthFigures f;
  const auto get = [&](const char* name, std::optional<double>& value) {
    if (json.contains(name) && json.at(name).is_number()) value = json.at(name).get<double>();
  };
  get("lut", f.lut);
  get("ff", f.ff);
  get("dsp", f.dsp);
  get("bram", f.bram);
  get("area_um2", f.area_um2);
  if (json.contains("memory_bits") && json.at("memory_bits").is_number()) f.memory_bits = json.at("memory_bits").get<double>();
  f.cell_count = json.at("cell_count").get<std::int64_t>();
  return f;
}

Json to_json(const TimingRun& run) {
  return Json{{"path_ns", *run.path_ns}, {"fmax_mhz", *run.fmax_mhz}, {"power_mw", run.power_mw ? Json(*run.power_mw) : Json(nullptr)}, {"tool", run.tool}, {"note", run.note}};
}

std::optional<TimingRun> timing_from(const fs::path& file) {
  auto text = read_file(file);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("path_ns") || !json.contains("fmax_mhz") || !json.value("tool", Json("")).is_string() || !json.value("note", Json("")).is_string() || !json.at("path_ns").is_number() || !json.at("fmax_mhz").is_number()) return std::nullopt;
  TimingRun run{.fmax_mhz = json.at("fmax_mhz").get<double>(), .path_ns = json.at("path_ns").get<double>(), .power_mw = {}, .tool = json.value("tool", ""), .note = json.value("note", "")};
  if (json.contains("power_mw") && json.at("power_mw").is_number()) run.power_mw = json.at("power_mw").get<double>();
  return run;
}

/// Memories of more words are none that one builds of flip-flops.
constexpr std::int64_t register_words = 256;

/// A unit of the control for standard cells. Left out, as they take most of the time where multipliers are wide: the generic mapping before the library's
/// own, and SAT sweeping (ifraig, scorr).
std::string unit_script(const SynthJob& job, const std::string& liberty) {
  const std::string& top = job.module;
  const std::string memories = "t:$mem_v2 r:SIZE>" + std::to_string(register_words) + " %i";
  return "read_verilog -sv block.sv\nhierarchy -check -top " + top + "\n" + (job.apart.empty() ? "" : "blackbox *" + job.apart + "*\n") + "expose -evert " + top + "\nsynth -noabc -top " + top +
         " -flatten -run begin:fine\ntee -q -o memories.txt dump " + memories + "\nsubmod -name gnomon_memory " + memories +
         "\nblackbox gnomon_memory\nexpose -evert " + top + "\ndelete -port " + top + "/o:*.clk\nsynth -noabc -top " + top + " -flatten -run fine:check\ndfflibmap -liberty " + liberty +
         "\nabc -D 5000 -constr abc.constr -liberty " + liberty + " -script +strash;dc2;dch;map,-B,0.9,{D};topo;buffer,-c;upsize,{D};dnsize,{D};stime,-p\nsetundef -zero\nsplitnets -ports\nopt_clean -purge\ntee -q -o area.txt stat -liberty " + liberty +
         "\ntee -q -o stat.json stat -json\nwrite_verilog -noattr netlist.v\n";
}

/// Bits of the memories that `dump` wrote.
double dumped_bits(const std::string& text) {
  double bits = 0, words = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view at = trimmed(line);
    if (at.starts_with("cell ")) words = 0;
    if (at.starts_with("parameter \\SIZE ")) words = std::strtod(std::string(at.substr(16)).c_str(), nullptr);
    if (at.starts_with("parameter \\WIDTH ")) bits += words * std::strtod(std::string(at.substr(17)).c_str(), nullptr);
  }
  return bits;
}

std::string script(const SynthJob& job, const std::string& target, const std::string& liberty) {
  if (target == "osu018" && job.unit) return unit_script(job, liberty);
  std::string text = "read_verilog -sv block.sv\nhierarchy -check -top " + job.module + "\n";
  const std::string flatten = job.flatten ? " -flatten" : "";
  // abc's own script for tables, but for the depth that `if` may use.
  if (job.depth > 0)
    text += "scratchpad -set abc.script +strash;&get,-n;&fraig,-x;&put;scorr;dc2;dretime;strash;dch,-f;if,-D," + std::to_string(job.depth) + ";mfs2" + (target == "ice40" ? ";lutpack,-S,1" : "") + "\n";
  if (target == "xcup" || target == "xc7") {
    text += "synth_xilinx -family " + target + " -top " + job.module + flatten + " -noiopad -noclkbuf\n";
  } else if (target == "ice40") {
    text += "synth_ice40 -dsp -top " + job.module + (job.flatten ? "" : " -noflatten") + "\n";
  } else {
    text += "synth -top " + job.module + flatten + "\ndfflibmap -liberty " + liberty + "\nabc -D 5000 -constr abc.constr -liberty " + liberty +
            "\nsetundef -zero\nsplitnets\nopt_clean -purge\ntee -q -o area.txt stat -liberty " + liberty + "\n";
  }
  return text + "tee -q -o stat.json stat -json\nwrite_verilog -noattr netlist.v\n";
}

/// Runs the script over the block in a folder of their own.
Expected<void> synthesise_in(const fs::path& folder, const SynthJob& job, const std::string& commands) {
  if (auto done = write_file(folder / "block.sv", job.text); !done) return fail(std::move(done.error()));
  if (auto done = write_file(folder / "run.ys", commands); !done) return fail(std::move(done.error()));
  // With a driver and a load, abc buffers nets of high fan-out and sizes cells.
  if (auto done = write_file(folder / "abc.constr", "set_driving_cell BUFX4\nset_load 0.02 [all_outputs]\n"); !done) return fail(std::move(done.error()));
  if (auto done = run_tool({"yosys", "-q", "run.ys"}, folder, "synthesis of " + job.module); !done) return fail(std::move(done.error()));
  return {};
}

/// What the script wrote.
Expected<SynthFigures> figures_in(const fs::path& folder, const SynthJob& job, const std::string& target) {
  auto cells = counted_cells(folder / "stat.json", job);
  if (!cells) return fail(std::move(cells.error()));
  SynthFigures figures = count(*cells, target);
  if (target != "osu018") return figures;
  if (job.unit) {
    auto memories = read_file(folder / "memories.txt");
    if (!memories) return fail(std::move(memories.error()));
    figures.memory_bits = dumped_bits(*memories);
  }
  auto area = read_file(folder / "area.txt");
  if (!area) return fail(std::move(area.error()));
  // `Chip area for module '\x': 123.0`, or `for top module` where there is a hierarchy; the last line is the whole.
  const std::size_t at = area->rfind("Chip area for");
  const std::size_t colon = at == area->npos ? at : area->find("': ", at);
  figures.area_um2 = colon == area->npos ? 0.0 : std::strtod(area->c_str() + colon + 3, nullptr);
  return figures;
}

}  // namespace

Expected<std::string> yosys_version() {
  static std::mutex mutex;
  static std::string known;
  const std::lock_guard lock(mutex);
  if (!known.empty()) return known;
  auto said = run_process({"yosys", "-V"}, {.wall_seconds = 60});
  if (!said || said->exit_status != 0)
    return fail(ErrorKind::unsupported, "yosys does not run; install the Debian package \"yosys\"");
  // `Yosys 0.23 (git sha1 ...)`
  const std::string first(trimmed(said->out));
  const std::size_t begin = std::min(first.find(' '), first.size()), end = std::min(first.find(' ', begin + 1), first.size());
  known = "yosys" + first.substr(begin, end - begin);
  return known;
}

Expected<fs::path> osu018_liberty() {
  const fs::path file = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";
  std::error_code code;
  if (!fs::exists(file, code))
    return fail(ErrorKind::unsupported, "target osu018 needs the library " + file.string() +
                                            "; install the Debian package \"qflow-tech-osu018\"");
  return file;
}

Expected<SynthRun> run_yosys(const SynthJob& job, const std::string& target, const fs::path& cache) {
  auto version = yosys_version();
  if (!version) return fail(std::move(version.error()));
  std::string liberty;
  if (target == "osu018") {
    auto file = osu018_liberty();
    if (!file) return fail(std::move(file.error()));
    liberty = file->string();
  }
  const std::string commands = script(job, target, liberty);
  const fs::path place = cache / ("synth-" + sha256("synth 1\n" + *version + "\n" + commands + "\n" + job.text).substr(0, 32));
  SynthRun run;
  run.netlist = place / "netlist.v";
  run.module = job.module;
  std::error_code code;
  if (auto known = figures_from(place / "figures.json"); known && fs::exists(run.netlist, code)) {
    run.figures = *known;
    run.from_cache = true;
    touch_cached(place);
    return run;
  }
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  if (auto done = synthesise_in(work->path(), job, commands); !done) return fail(std::move(done.error()));
  auto figures = figures_in(work->path(), job, target);
  if (!figures) return fail(std::move(figures.error()));
  run.figures = *figures;
  if (auto done = write_file(work->path() / "figures.json", to_json(run.figures).dump()); !done)
    return fail(std::move(done.error()));
  if (!figures_from(place / "figures.json") || !fs::exists(run.netlist, code)) fs::remove_all(place, code);  // a damaged one gives way
  if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
  trim_cache(cache);
  return run;
}

namespace {

/// The cells that the scripts for xcup and xc7 may put into a netlist, without memories and of memories.
constexpr const char *fpga_cells =
    "=LUT1 =LUT2 =LUT3 =LUT4 =LUT5 =LUT6 =MUXF7 =MUXF8 =MUXF9 =CARRY4 =CARRY8 =FDRE =FDSE =FDCE =FDPE =LDCE =LDPE =INV =DSP48E1 =DSP48E2 =SRL16E =SRLC32E", *fpga_memories = " =RAM* =URAM288";

/// These cells in yosys' own form, cut out of its library once: reading all of it takes ten times as long as a small block does.
Expected<fs::path> fpga_library(const std::string& version, bool memories, const fs::path& cache) {
  const std::string commands = "read_verilog -lib -specify +/xilinx/cells_sim.v\nread_verilog -lib +/xilinx/cells_xtra.v\nselect -set cells " + std::string(fpga_cells) +
                               (memories ? fpga_memories : "") + "\ndelete =* @cells %d\nwrite_rtlil library.il\n";
  const fs::path place = cache / ("library-" + sha256("library 1\n" + version + "\n" + commands).substr(0, 32));
  std::error_code code;
  if (fs::exists(place / "library.il", code)) {
    touch_cached(place);
    return place / "library.il";
  }
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  if (auto done = write_file(work->path() / "run.ys", commands); !done) return fail(std::move(done.error()));
  if (auto done = run_tool({"yosys", "-q", "run.ys"}, work->path(), "reading yosys' library"); !done) return fail(std::move(done.error()));
  if (!fs::exists(place / "library.il", code)) fs::remove_all(place, code);  // a damaged one gives way
  if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
  return place / "library.il";
}

}  // namespace

Expected<SynthFigures> run_yosys_block(const SynthJob& job, bool memories, const std::string& target, const fs::path& cache) {
  auto version = yosys_version();
  if (!version) return fail(std::move(version.error()));
  std::string liberty;
  if (target == "osu018") {
    auto file = osu018_liberty();
    if (!file) return fail(std::move(file.error()));
    liberty = file->string();
  }
  std::string commands = script(job, target, liberty);
  commands.resize(commands.rfind("write_verilog"));
  // The generic mapping before the library's own takes more than half of the time and moves the areas of small blocks by less than chance does.
  if (target == "osu018") commands.replace(commands.find("synth -top"), 10, "synth -noabc -top");
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  if (target == "xcup" || target == "xc7") {
    auto library = fpga_library(*version, memories, cache);
    if (!library) return fail(std::move(library.error()));
    std::error_code code;
    fs::copy_file(*library, work->path() / "library.il", code);
    if (code) return fail(ErrorKind::run_failed, library->string() + ": cannot be copied: " + code.message());
    const std::size_t from = commands.find("synth_xilinx"), to = commands.find('\n', from);
    const std::string whole = commands.substr(from, to - from);
    // Without memories, what yosys reads to map them is not needed.
    commands.replace(from, to - from, "read_rtlil library.il\n" + (memories ? whole + " -run prepare:" : whole + " -run prepare:map_memory\nselect -assert-none t:$mem*\n" + whole + " -run map_ffram:"));
  }
  if (auto done = synthesise_in(work->path(), job, commands); !done) return fail(std::move(done.error()));
  return figures_in(work->path(), job, target);
}

Expected<TimingRun> run_sta(const std::vector<fs::path>& netlists, const std::string& top, const fs::path& cache) {
  TimingRun out;
  if (find_program("sta").empty()) {
    out.note = "no timing: OpenSTA is not installed (Debian package \"opensta\")";
    return out;
  }
  auto liberty = osu018_liberty();
  if (!liberty) return fail(std::move(liberty.error()));
  // A block's folder is named by what its netlist follows from.
  std::string key = "sta 1\n" + top + "\n";
  for (const fs::path& netlist : netlists) key += netlist.parent_path().filename().string() + "\n";
  const fs::path place = cache / ("sta-" + sha256(key).substr(0, 32));
  if (auto known = timing_from(place / "timing.json")) {
    touch_cached(place);
    return *known;
  }
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  constexpr double period_ns = 100;
  std::string text = "read_liberty " + liberty->string() + "\n";
  for (std::size_t i = 0; i < netlists.size(); ++i) {
    std::error_code code;
    const std::string name = "part" + std::to_string(i) + ".v";
    fs::copy_file(netlists[i], work->path() / name, code);
    if (code) return fail(ErrorKind::run_failed, "cannot read " + netlists[i].string() + ": " + code.message());
    text += "read_verilog " + name + "\n";
  }
  text += "link_design " + top + "\ncreate_clock -name clk -period " + number(period_ns) +
          " clk\nset_input_delay 0 -clock clk [all_inputs]\nset_output_delay 0 -clock clk [all_outputs]\n"
          "puts \"slack [worst_slack -max]\"\nflush stdout\nreport_power\nexit\n";
  if (auto done = write_file(work->path() / "run.tcl", text); !done) return fail(std::move(done.error()));
  // Debian's OpenSTA of 2019 sometimes crashes in its power report; what it has said before counts.
  auto ran = run_process({"sta", "-no_splash", "-exit", "run.tcl"}, {.wall_seconds = tool_wall_seconds, .folder = work->path()});
  if (!ran) return fail(std::move(ran.error()));
  const std::string* said = &ran->out;
  // Some Verilog it cannot read, and goes on with what it has.
  if (const std::size_t error = (ran->out + ran->err).find("Error: "); error != std::string::npos) {
    const std::string line = (ran->out + ran->err).substr(error, 200);
    out.note = "no timing: OpenSTA says " + in_quotes(line.substr(0, line.find('\n')));
    return out;
  }
  const std::size_t at = said->find("slack ");
  char* end = nullptr;
  const double slack = at == said->npos ? NAN : std::strtod(said->c_str() + at + 6, &end);
  if (!std::isfinite(slack) || slack >= period_ns) {
    out.note = "no timing: OpenSTA gives no path" + (ran->exit_status == 0 ? std::string() : " (status " + std::to_string(ran->exit_status) + ")");
    return out;
  }
  out.path_ns = period_ns - slack;
  out.fmax_mhz = 1000 / *out.path_ns;
  out.tool = "OpenSTA";
  // Total  internal  switching  leakage  total  100.0%, in watts, at the clock given.
  const std::size_t total = said->rfind("\nTotal");
  if (total != said->npos) {
    double value[4] = {};
    const char* from = said->c_str() + total + 6;
    for (double& one : value) {
      one = std::strtod(from, &end);
      from = end;
    }
    if (std::isfinite(value[3]) && value[3] > 0) out.power_mw = value[3] * 1e3 * period_ns / *out.path_ns;
  }
  if (!out.power_mw) out.note = "no power: OpenSTA ended with status " + std::to_string(ran->exit_status);
  if (auto done = write_file(work->path() / "timing.json", to_json(out).dump()); !done) return fail(std::move(done.error()));
  if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
  return out;
}

namespace {

/// `nextpnr-ice40 0.4-1+b1`; empty where it does not run.
std::string nextpnr_version() {
  static std::mutex mutex;
  static std::string known;
  const std::lock_guard lock(mutex);
  if (!known.empty() || find_program("nextpnr-ice40").empty()) return known;
  const auto said = run_process({"nextpnr-ice40", "--version"}, {.wall_seconds = 60});
  if (!said || said->exit_status != 0) return known;
  // `nextpnr-ice40 -- Next Generation Place and Route (Version 0.4-1+b1)`, on stderr
  const std::string text = said->out + said->err, before = "(Version ";
  const std::size_t at = text.find(before), end = text.find(')', at);
  known = "nextpnr-ice40" + (end == text.npos ? std::string() : " " + text.substr(at + before.size(), end - at - before.size()));
  return known;
}

/// What is kept of a place and route: the clock, or why there is none.
Expected<void> keep_placed(const TemporaryFolder& work, const TimingRun& run) {
  return write_file(work.path() / "placed.json", Json{{"fmax_mhz", run.fmax_mhz ? Json(*run.fmax_mhz) : Json(nullptr)}, {"note", run.note}}.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<TimingRun> placed_before(const fs::path& file) {
  auto text = read_file(file);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("fmax_mhz") || !json.contains("note") || !json.at("note").is_string()) return std::nullopt;
  TimingRun run;
  run.note = json.at("note").get<std::string>();
  if (json.at("fmax_mhz").is_number()) run.fmax_mhz = json.at("fmax_mhz").get<double>();
  else if (run.note.empty()) return std::nullopt;
  return run;
}

}  // namespace

Expected<TimingRun> run_nextpnr(const Rtl& rtl, const SynthFigures& figures, const fs::path& cache) {
  TimingRun out;
  auto yosys = yosys_version();
  if (!yosys) return fail(std::move(yosys.error()));
  const std::string nextpnr = nextpnr_version();
  if (nextpnr.empty()) {
    out.note = "no timing: nextpnr-ice40 does not run; install the Debian package \"nextpnr-ice40\"";
    return out;
  }
  std::int64_t in_bits = 0, out_bits = 0;
  for (const Port& port : rtl.ports)
    if (port.name != "clk") (port.input ? in_bits : out_bits) += port.bits;
  const double cells = std::max(*figures.lut, *figures.ff) + static_cast<double>(in_bits + out_bits);
  constexpr double fill = 0.85, product_cells = 60;  // the least that a product of logic takes
  struct Part {
    const char* flag;
    const char* package;
    double cells, dsp, bram;
  };
  const Part parts[] = {{"--up5k", "sg48", 5280, 8, 30}, {"--hx8k", "ct256", 7680, 0, 32}};
  const Part* part = nullptr;
  for (const Part& one : parts)
    if (part == nullptr && cells <= fill * one.cells && *figures.dsp <= one.dsp && *figures.bram <= one.bram &&
        (*figures.dsp > 0 || std::string(one.flag) == "--hx8k"))
      part = &one;
  // Products that are too many for up5k may fit hx8k as logic; how many cells that takes is seen after synthesis.
  const bool in_logic = part == nullptr && *figures.dsp > 0 && *figures.bram <= parts[1].bram && cells + product_cells * *figures.dsp <= fill * parts[1].cells;
  if (in_logic) part = &parts[1];
  if (part == nullptr) {
    out.note = "no place and route: about " + number(std::ceil(cells)) + " logic cells, " + number(*figures.dsp) + " DSP and " + number(*figures.bram) +
               " BRAM blocks fit neither up5k (5280 cells, 8 DSP, 30 BRAM) nor hx8k (7680 cells, no DSP, 32 BRAM)";
    return out;
  }
  // All inputs from one pin through a shift register, all outputs through another, so that pins do not limit.
  const std::string ni = std::to_string(in_bits), no = std::to_string(out_bits);
  std::string wrap = "module gnomon_pins (input clk, input si, input sel, output so);\n  reg [" + ni + ":0] in;\n  reg [" + no +
                     ":0] out;\n  wire [" + no + "-1:0] o;\n  assign so = out[" + no + "];\n  reg s;\n" +
                     "  always @(posedge clk) begin\n    s <= sel;\n    in <= {in[" + ni + "-1:0], si};\n    out <= s ? {1'b0, o} : {out[" +
                     no + "-1:0], 1'b0};\n  end\n  " + rtl.top + " dut (.clk(clk)";
  std::int64_t at_in = 0, at_out = 0;
  for (const Port& port : rtl.ports) {
    if (port.name == "clk") continue;
    std::int64_t& at = port.input ? at_in : at_out;
    wrap += ", ." + port.name + "(" + (port.input ? "in" : "o") + "[" + std::to_string(at) + " +: " + std::to_string(port.bits) + "])";
    at += port.bits;
  }
  wrap += ");\nendmodule\n";
  const std::string key = sha256("nextpnr 2\n" + *yosys + "\n" + nextpnr + "\n" + std::string(part->flag) + (in_logic ? " products in logic" : "") + wrap + rtl.text).substr(0, 32);
  const fs::path place = cache / ("synth-" + key);
  if (auto known = placed_before(place / "placed.json")) {
    out = std::move(*known);
    touch_cached(place);
  } else {
    auto work = TemporaryFolder::make(cache);
    if (!work) return fail(std::move(work.error()));
    if (auto done = write_file(work->path() / "all.sv", rtl.text + "\n" + wrap); !done) return fail(std::move(done.error()));
    if (auto done = run_tool({"yosys", "-q", "-p", "read_verilog -sv all.sv; synth_ice40 " + std::string(in_logic ? "" : "-dsp ") + "-top gnomon_pins -json all.json; tee -q -o stat.json stat -json"},
                             work->path(), "synthesis of " + rtl.top);
        !done)
      return fail(std::move(done.error()));
    if (in_logic) {
      auto cells_of = counted_cells(work->path() / "stat.json", {rtl.top, rtl.text});
      if (!cells_of) return fail(std::move(cells_of.error()));
      const SynthFigures whole = count(*cells_of, "ice40");
      if (std::max(*whole.lut, *whole.ff) > fill * part->cells)
        out.note = "no place and route: " + number(*figures.dsp) + " DSP blocks do not fit up5k (8), nor about " + number(std::max(*whole.lut, *whole.ff)) + " logic cells, with the products in logic, hx8k (7680)";
    }
    if (out.note.empty()) {
      // One thread and a given seed: the same clock whenever and wherever.
      auto ran = run_process({"nextpnr-ice40", "-q", "--seed", "1", "--threads", "1", part->flag, "--package", part->package, "--json", "all.json", "--pcf-allow-unconstrained", "--timing-allow-fail", "--report",
                              "report.json"},
                             {.wall_seconds = tool_wall_seconds, .folder = work->path()});
      if (!ran) return fail(std::move(ran.error()));
      if (ran->timed_out) return fail(ErrorKind::run_failed, "place and route of " + rtl.top + ": no end after " + number(tool_wall_seconds) + " s");
      if (ran->exit_status != 0) {
        // What does not fit it says as `ERROR: ...`; all else is a failure of the tool.
        const std::string said = ran->out + ran->err;
        const std::size_t at = said.find("ERROR: ");
        if (at == said.npos)
          return fail(ErrorKind::run_failed, "place and route of " + rtl.top + " failed (\"nextpnr-ice40\" ended with status " + std::to_string(ran->exit_status) + ")");
        out.note = "no place and route on " + std::string(part->flag + 2) + ": " + std::string(trimmed(std::string_view(said).substr(at + 7, said.find('\n', at) - at - 7)));
      } else {
        auto text = read_file(work->path() / "report.json");
        if (!text) return fail(std::move(text.error()));
        const Json report = Json::parse(*text, nullptr, false);
        if (report.is_object() && report.contains("fmax"))
          for (const auto& [clock, value] : report.at("fmax").items())
            if (value.contains("achieved")) out.fmax_mhz = value.at("achieved").get<double>();
        if (!out.fmax_mhz) out.note = "no timing: no path from register to register";
      }
    }
    if (auto done = keep_placed(*work, out); !done) return fail(std::move(done.error()));
    if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
    trim_cache(cache);
  }
  if (!out.fmax_mhz) return out;
  out.path_ns = 1000 / *out.fmax_mhz;
  out.tool = nextpnr + " " + (part->flag + 2) + ", seed 1" + (in_logic ? ", products in logic" : "");
  return out;
}

}  // namespace gnomon::hls
