#include <boost/version.hpp>
#include <Eigen/Core>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/hls/synth.hpp"
#include "gnomon/sim/session.hpp"

namespace gnomon::cli {
namespace {

struct Part {
  std::string name;
  std::string purpose;
  bool found = false;
  std::string version;
  std::string remedy;
  bool required = true;
};

std::string first_line(const std::string& text) {
  const std::string_view line = trimmed(std::string_view(text).substr(0, text.find('\n')));
  return std::string(line.substr(0, 90));
}

Part program(const std::string& name, const std::string& purpose, const std::string& package, bool required,
             const std::vector<std::string>& version_arguments) {
  Part part{name, purpose, false, "", "apt-get install " + package, required};
  if (find_program(name).empty()) return part;
  std::vector<std::string> arguments{name};
  arguments.insert(arguments.end(), version_arguments.begin(), version_arguments.end());
  ProcessOptions options;
  options.wall_seconds = 20;
  const auto result = run_process(arguments, options);
  part.found = result.has_value() && !result->timed_out && result->exit_status == 0;
  if (part.found) part.version = first_line(result->out.empty() ? result->err : result->out);
  return part;
}

/// The interpreter that `gnomonw` set up lies beside the build; a plain installation uses the one on PATH.
Part python_module() {
  Part part{"python module", "gnomon from Python", false, "", "./gnomonw doctor builds it; or: pip install .", true};
  std::vector<std::string> candidates;
  const auto root = this_program().parent_path().parent_path().parent_path().parent_path();
  if (std::filesystem::exists(root / ".venv/bin/python")) candidates.push_back((root / ".venv/bin/python").string());
  candidates.push_back("python3");
  for (const std::string& python : candidates) {
    ProcessOptions options;
    options.wall_seconds = 60;
    const auto result = run_process({python, "-c", "import gnomon, sys; print(gnomon.__version__, 'for Python', sys.version.split()[0])"}, options);
    if (result && result->exit_status == 0) {
      part.found = true;
      part.version = first_line(result->out);
      break;
    }
  }
  return part;
}

std::vector<Part> examine() {
  std::vector<Part> parts;
  parts.push_back({"gnomon", "this program", true, version() + " (" + commit() + ")", "", true});
  parts.push_back({"SystemC", "cycle-level models", true, sim::systemc_version(), "apt-get install libsystemc-dev", true});
  parts.push_back({"Boost", "graphs", true, fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100), "", true});
  parts.push_back({"Eigen", "surrogate, agents", true, fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION), "", true});
  parts.push_back({"SQLite", "store", true, sqlite3_libversion(), "", true});
  parts.push_back(program("verilator", "co-simulation of RTL", "verilator", true, {"--version"}));
  parts.push_back(program("g++", "compiles verilated RTL", "g++", true, {"--version"}));
  parts.push_back(program("yosys", "checks and synthesises RTL", "yosys", false, {"-V"}));
  Part cells{"osu018", "standard cells to synthesise for", false, "", "apt-get install qflow-tech-osu018", false};
  if (const auto library = hls::osu018_liberty()) {
    cells.found = true;
    cells.version = library->string();
  }
  parts.push_back(std::move(cells));
  parts.push_back(program("sta", "timing and power of standard cells", "opensta", false, {"-version"}));
  parts.push_back(program("nextpnr-ice40", "place and route for ice40", "nextpnr-ice40", false, {"--version"}));
  parts.push_back(program("iverilog", "second opinion on RTL (tests)", "iverilog", false, {"-V"}));
  parts.push_back(python_module());
  parts.push_back(program("chromium", "browser test of the report (tests)", "chromium", false, {"--version", "--no-sandbox"}));
  return parts;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "Report every part that gnomon needs, its version, and how to get what is missing", "gnomon doctor", [](CLI::App& app) -> Action {
            auto json = std::make_shared<bool>(false);
            app.add_flag("--json", *json, "print one JSON document");
            return [json]() -> Expected<int> {
              const std::vector<Part> parts = examine();
              bool sound = true;
              Json list = Json::array();
              std::vector<std::vector<std::string>> rows;
              for (const Part& part : parts) {
                sound = sound && (part.found || !part.required);
                list.push_back(Json{{"name", part.name}, {"purpose", part.purpose}, {"found", part.found}, {"required", part.required},
                                    {"version", part.found ? Json(part.version) : Json(nullptr)}, {"remedy", part.found ? Json(nullptr) : Json(part.remedy)}});
                const std::string state = part.found ? "ok" : part.required ? "MISSING" : "absent";
                rows.push_back({part.name, state, part.found ? part.version : part.remedy, part.purpose});
              }
              if (*json) print_json(Json{{"schema", "gnomon.doctor/1"}, {"sound", sound}, {"parts", list}});
              else print(table({"part", "state", "version or remedy", "used for"}, rows, 4));
              return sound ? 0 : 1;
            };
          }};
}

}  // namespace gnomon::cli
