#include "cosim/build.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;
constexpr double tool_wall_seconds = 900;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Runs a tool; the last of what it says goes into the error.
Expected<std::string> run_tool(const std::vector<std::string>& arguments, const std::string& what) {
  auto result = run_process(arguments, {.wall_seconds = tool_wall_seconds});
  if (!result) return fail(std::move(result.error()));
  if (result->timed_out) return fail(ErrorKind::run_failed, what + ": no end after " + number(tool_wall_seconds) + " s");
  if (result->exit_status != 0) {
    const std::string said = result->out + result->err;
    return fail(ErrorKind::run_failed,
                what + " failed (" + in_quotes(arguments.front()) + " ended with status " + std::to_string(result->exit_status) +
                    "): " + std::string(trimmed(said.substr(said.size() > 2000 ? said.size() - 2000 : 0))));
  }
  return std::move(result->out);
}

struct Verilator {
  std::string version;
  fs::path root;
};

/// Asked once per process: each question starts an interpreter.
Expected<Verilator> find_verilator() {
  static std::mutex mutex;
  static std::optional<Verilator> found;
  const std::lock_guard lock(mutex);
  if (found) return *found;
  auto version = verilator_version();
  if (!version) return fail(std::move(version.error()));
  auto root = run_tool({"verilator", "--getenv", "VERILATOR_ROOT"}, "asking Verilator for its folder");
  if (!root) return fail(std::move(root.error()));
  found = Verilator{*version, std::string(trimmed(*root))};
  return *found;
}

}  // namespace

std::string shim_text(const Rtl& rtl) {
  std::string text =
      "#include \"Vdut.h\"\n"
      "#include \"verilated.h\"\n"
      "#if VM_TRACE_FST\n#include \"verilated_fst_c.h\"\n#endif\n"
      "#include <new>\n"
      "#define GNOMON_API extern \"C\" __attribute__((visibility(\"default\")))\n"
      "struct GnomonPort { const char* name; int bits; int input; void* data; };\n"
      "struct GnomonModel {\n"
      "  VerilatedContext context;\n"
      "  Vdut* dut;\n"
      "  GnomonPort ports[" +
      std::to_string(rtl.ports.size()) +
      "];\n"
      "#if VM_TRACE_FST\n  VerilatedFstC* trace;\n#endif\n"
      "};\n"
      "GNOMON_API void* gnomon_rtl_create(const char* trace_file, int seed) {\n"
      "  GnomonModel* m = new GnomonModel;\n"
      "  m->context.randReset(2);\n"  // registers start with noise, so that a missing reset shows
      "  m->context.randSeed(seed);\n"
      "#if VM_TRACE_FST\n  m->context.traceEverOn(true);\n#endif\n"
      "  m->dut = new Vdut(&m->context);\n"
      "  int n = 0;\n";
  for (const Port& port : rtl.ports)
    text += "  m->ports[n++] = GnomonPort{\"" + port.name + "\", " + std::to_string(port.bits) + ", " + (port.input ? "1" : "0") +
            ", (void*)&m->dut->" + port.name + "};\n";
  text +=
      "#if VM_TRACE_FST\n"
      "  m->trace = 0;\n"
      "  if (trace_file) { m->trace = new VerilatedFstC; m->dut->trace(m->trace, 99); m->trace->open(trace_file); }\n"
      "#else\n  (void)trace_file;\n#endif\n"
      "  return m;\n}\n"
      "GNOMON_API const GnomonPort* gnomon_rtl_ports(void* model, int* count) {\n"
      "  *count = " +
      std::to_string(rtl.ports.size()) +
      ";\n  return static_cast<GnomonModel*>(model)->ports;\n}\n"
      "GNOMON_API void gnomon_rtl_eval(void* model) { static_cast<GnomonModel*>(model)->dut->eval(); }\n"
      "GNOMON_API void gnomon_rtl_dump(void* model, unsigned long long time) {\n"
      "#if VM_TRACE_FST\n  GnomonModel* m = static_cast<GnomonModel*>(model);\n  if (m->trace) "
      "m->trace->dump(static_cast<uint64_t>(time));\n"
      "#else\n  (void)model; (void)time;\n#endif\n}\n"
      "GNOMON_API void gnomon_rtl_destroy(void* model) {\n"
      "  GnomonModel* m = static_cast<GnomonModel*>(model);\n"
      "  m->dut->final();\n"
      "#if VM_TRACE_FST\n  if (m->trace) { m->trace->close(); delete m->trace; }\n#endif\n"
      "  delete m->dut;\n  delete m;\n}\n";
  return text;
}

namespace {

std::vector<std::string> compile_flags(const Verilator& verilator, bool trace) {
  const std::string t = trace ? "1" : "0";
  return {"-std=c++17",
          "-O1",
          "-fPIC",
          "-fvisibility=hidden",
          "-fno-gnu-unique",
          "-w",
          "-DVERILATOR=1",
          "-DVM_COVERAGE=0",
          "-DVM_SC=0",
          "-DVM_TRACE=" + t,
          "-DVM_TRACE_FST=" + t,
          "-DVM_TRACE_VCD=0",
          "-I" + (verilator.root / "include").string(),
          "-I" + (verilator.root / "include" / "vltstd").string()};
}

/// Verilator's runtime, compiled once per cache: half of the time that the first build takes.
Expected<fs::path> build_runtime(const Verilator& verilator, const fs::path& cache, bool trace) {
  std::vector<std::string> flags = compile_flags(verilator, trace);
  const fs::path place =
      cache / ("runtime-" + sha256("runtime 1\n" + verilator.version + "\n" + join(flags, "\n")).substr(0, 32));
  const fs::path object = place / "runtime.o";
  if (fs::exists(object)) {
    touch_cached(place);
    return object;
  }
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  const fs::path include = verilator.root / "include";
  std::string text = "#include \"" + (include / "verilated.cpp").string() + "\"\n#include \"" +
                     (include / "verilated_threads.cpp").string() + "\"\n";
  if (trace) text += "#include \"" + (include / "verilated_fst_c.cpp").string() + "\"\n";
  if (auto done = write_file(work->path() / "runtime.cpp", text); !done) return fail(std::move(done.error()));
  std::vector<std::string> command{"g++"};
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), {"-c", (work->path() / "runtime.cpp").string(), "-o", (work->path() / "runtime.o").string()});
  if (auto done = run_tool(command, "compiling Verilator's runtime"); !done) return fail(std::move(done.error()));
  if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
  return object;
}

}  // namespace

Expected<std::string> verilator_version() {
  auto said = run_process({"verilator", "--version"}, {.wall_seconds = 60});
  if (!said || said->exit_status != 0)
    return fail(ErrorKind::run_failed, "Verilator does not run; install the Debian package \"verilator\"");
  return std::string(trimmed(said->out));
}

Expected<BuiltModel> build_model(const Rtl& rtl, const fs::path& cache, bool trace, bool brief) {
  auto verilator = find_verilator();
  if (!verilator) return fail(std::move(verilator.error()));
  // Unrolled loops would take minutes to compile at 32 x 32.
  std::vector<std::string> verilate{"verilator",    "--cc",        "-Wall", "-Wno-DECLFILENAME", "--prefix",  "Vdut",
                                    "--top-module", rtl.top,       "--unroll-count", "1",         "--x-assign",
                                    "unique",       "--x-initial", "unique",         "--threads", "1"};
  if (trace) verilate.push_back("--trace-fst");
  std::vector<std::string> flags = compile_flags(*verilator, trace);
  if (brief) std::replace(flags.begin(), flags.end(), std::string("-O1"), std::string("-O0"));
  const std::string shim = shim_text(rtl);
  const std::string key = sha256("model 1\n" + verilator->version + "\n" + join(verilate, "\n") + "\n" + join(flags, "\n") +
                                 "\n" + shim + "\n" + rtl.text);

  BuiltModel built;
  built.tool = verilator->version;
  const fs::path place = cache / ("model-" + key.substr(0, 32));
  built.library = place / "model.so";
  if (fs::exists(built.library)) {
    built.from_cache = true;
    touch_cached(place);
    return built;
  }
  auto runtime = build_runtime(*verilator, cache, trace);
  if (!runtime) return fail(std::move(runtime.error()));
  auto work = TemporaryFolder::make(cache);
  if (!work) return fail(std::move(work.error()));
  const fs::path source = work->path() / (rtl.top + ".sv");
  if (auto done = write_file(source, rtl.text); !done) return fail(std::move(done.error()));

  const double start = now_seconds();
  const fs::path generated = work->path() / "generated";
  verilate.insert(verilate.end(), {"-Mdir", generated.string(), source.string()});
  if (auto done = run_tool(verilate, "verilating " + rtl.top); !done) return fail(std::move(done.error()));
  built.verilate_seconds = now_seconds() - start;

  std::vector<std::string> parts;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(generated, code))
    if (entry.path().extension() == ".cpp") parts.push_back(entry.path().string());
  std::sort(parts.begin(), parts.end());
  std::string all;
  for (const std::string& part : parts) all += "#include \"" + part + "\"\n";
  if (auto done = write_file(work->path() / "model.cpp", all + shim); !done) return fail(std::move(done.error()));
  std::vector<std::string> compile{"g++"};
  compile.insert(compile.end(), flags.begin(), flags.end());
  compile.insert(compile.end(), {"-shared", "-I" + generated.string(), (work->path() / "model.cpp").string(), runtime->string(),
                                 "-o", (work->path() / "model.so").string(), "-pthread"});
  if (trace) compile.push_back("-lz");
  if (auto done = run_tool(compile, "compiling " + rtl.top); !done) return fail(std::move(done.error()));
  built.compile_seconds = now_seconds() - start - built.verilate_seconds;
  fs::remove_all(generated, code);
  if (auto done = work->publish(place); !done) return fail(std::move(done.error()));
  trim_cache(cache);
  return built;
}

}  // namespace gnomon::hls
