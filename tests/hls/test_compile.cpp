// The kernel compiler: schedules against exact ones, and random kernels whose interpreter, RTL in Verilator and emitted C++ must
// give the same values, and whose RTL must take the cycles that the schedule says.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/hls/random_kernel.hpp"
#include "schedule/datapath.hpp"
#include "schedule/problem.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  const fs::path path = fs::path(GNOMON_BINARY_DIR) / "hls-test-compile";
  fs::create_directories(path);
  return path;
}

CosimOptions options(double stall) {
  CosimOptions o;
  o.stall = stall;
  o.worker = {GNOMON_COSIM_WORKER};
  o.cache = fs::path(GNOMON_BINARY_DIR) / "hls-test-cache";
  return o;
}

bool satisfied(const ScheduleProblem& p, const std::vector<int>& time, int ii) {
  for (const DependenceEdge& e : p.edges)
    if (time[static_cast<std::size_t>(e.to)] < time[static_cast<std::size_t>(e.from)] + e.latency - e.distance * ii) return false;
  std::map<std::pair<int, int>, int> used;
  for (std::size_t v = 0; v < time.size(); ++v)
    for (const int r : p.uses[v])
      if (time[v] < 0 || ++used[{r, time[v] % ii}] > p.capacity[static_cast<std::size_t>(r)]) return false;
  return true;
}

TEST(Schedule, NamedInstancesReachTheirLeastInterval) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(GNOMON_SOURCE_DIR) / "tests" / "hls" / "instances")) {
    SCOPED_TRACE(entry.path().string());
    auto named = read_problem(*read_file(entry.path()), entry.path().filename());
    ASSERT_TRUE(named) << named.error().text();
    const auto found = least_ii(named->problem, 1, false);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ii, named->least_ii);
    EXPECT_TRUE(satisfied(named->problem, found->time, found->ii));
    bool undecided = false;
    EXPECT_FALSE(exact_schedule(named->problem, named->least_ii - 1, 1'000'000, undecided));
    EXPECT_FALSE(undecided);
    ++count;
  }
  EXPECT_GE(count, 3);
}

// Random graphs of up to 8 nodes, where the exact solver decides every interval.
TEST(Schedule, LeastIntervalIsTheExactOne) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random r(seed);
    ScheduleProblem p;
    p.nodes = static_cast<int>(r.integer(2, 8));
    p.uses.resize(static_cast<std::size_t>(p.nodes));
    for (int c = static_cast<int>(r.integer(1, 2)); c > 0; --c) p.capacity.push_back(static_cast<int>(r.integer(1, 2)));
    for (auto& uses : p.uses)
      if (r.chance(0.7)) uses.push_back(static_cast<int>(r.integer(0, static_cast<std::int64_t>(p.capacity.size()) - 1)));
    for (int e = static_cast<int>(r.integer(1, 10)); e > 0; --e) {
      const int a = static_cast<int>(r.integer(0, p.nodes - 1)), b = static_cast<int>(r.integer(0, p.nodes - 1));
      p.edges.push_back({a, b, static_cast<int>(r.integer(0, 3)), a < b ? r.integer(0, 1) : r.integer(1, 3)});
    }
    const auto found = least_ii(p, 1, false);
    ASSERT_TRUE(found);
    ASSERT_TRUE(satisfied(p, found->time, found->ii));
    for (int ii = 1; ii < found->ii; ++ii) {
      bool undecided = false;
      ASSERT_FALSE(exact_schedule(p, ii, 10'000'000, undecided)) << "an interval of " << ii << " is possible";
      ASSERT_FALSE(undecided);
    }
  }
}

/// Outputs of the emitted C++ of several kernels, compiled in one piece with the stand-ins for the vendor's headers.
std::vector<TensorValues> run_cpp(const std::vector<const CompiledKernel*>& kernels, const std::vector<TensorValues>& inputs) {
  std::string text = "#include \"ap_int.h\"\n#include \"hls_stream.h\"\n#include <cstdio>\n", calls;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const Kernel& k = kernels[i]->source;
    text += "namespace k" + std::to_string(i) + " {\n";
    std::istringstream lines(kernels[i]->cpp);
    for (std::string line; std::getline(lines, line);)
      if (line.rfind("#include", 0) != 0) text += line + "\n";
    std::string body, arguments, prints;
    const auto values = [&](const std::string& name) {
      std::string list;
      for (const std::int64_t v : inputs[i].at(name)) list += (list.empty() ? "" : ", ") + std::to_string(static_cast<std::uint64_t>(v)) + "ULL";
      return "static const unsigned long long in_" + name + "[] = {" + list + "};\n";
    };
    // Types as the kernel's arguments have them: an element's type is taken from the array or stream.
    const auto type = [](const NumberType& t) {
      const char* const q[] = {"AP_TRN", "AP_RND", "AP_RND_CONV"};
      return std::string(t.is_signed ? "ap_fixed<" : "ap_ufixed<") + std::to_string(t.bits) + ", " + std::to_string(t.bits - t.fraction) + ", " + q[static_cast<int>(t.rounding)] +
             ", " + (t.overflow == Overflow::wrap ? "AP_WRAP>" : "AP_SAT>");
    };
    for (const KernelTensor& t : k.tensors) {
      if (t.kind != TensorKind::input && t.kind != TensorKind::output) continue;
      std::string dims, first = t.name;
      for (const std::int64_t size : t.shape) {
        dims += "[" + std::to_string(size) + "]";
        first += "[0]";
      }
      body += "static " + type(t.type) + " " + t.name + dims + ";\n";
      arguments += (arguments.empty() ? "" : ", ") + t.name;
      const std::string n = std::to_string(t.elements());
      if (t.kind == TensorKind::input) body += values(t.name) + "for (int i = 0; i < " + n + "; ++i) (&" + first + ")[i].set_bits((ap_wide)in_" + t.name + "[i]);\n";
      if (t.kind == TensorKind::output) prints += "for (int i = 0; i < " + n + "; ++i) std::printf(\"%lld \", (long long)(&" + first + ")[i].bits);\nstd::printf(\"\\n\");\n";
    }
    for (const KernelStream& s : k.streams) {
      if (s.kind == StreamKind::local) continue;
      body += "hls::stream<" + type(s.type) + "> " + s.name + ";\n";
      arguments += (arguments.empty() ? "" : ", ") + s.name;
      if (s.kind == StreamKind::input)
        body += values(s.name) + "for (int i = 0; i < " + std::to_string(s.length) + "; ++i) { " + type(s.type) + " x; x.set_bits((ap_wide)in_" + s.name + "[i]); " + s.name + ".write(x); }\n";
      else
        prints += "while (!" + s.name + ".empty()) std::printf(\"%lld \", (long long)" + s.name + ".read().bits);\nstd::printf(\"\\n\");\n";
    }
    text += "static void call() {\n" + body + "kernel_" + k.name + "(" + arguments + ");\n" + prints + "}\n}\n";
    calls += "  k" + std::to_string(i) + "::call();\n";
  }
  text += "int main() {\n" + calls + "}\n";
  const fs::path source = folder() / "kernels.cpp", program = folder() / "kernels";
  std::vector<TensorValues> outputs;
  if (!write_file(source, text)) return outputs;
  auto built = run_process({"g++", "-std=c++17", "-O0", "-w", "-I", std::string(GNOMON_SOURCE_DIR) + "/hls/standin", source.string(), "-o", program.string()});
  EXPECT_TRUE(built && built->exit_status == 0) << (built ? built->err.substr(0, 3000) : built.error().text());
  if (!built || built->exit_status != 0) return outputs;
  auto ran = run_process({program.string()}, {.wall_seconds = 120});
  EXPECT_TRUE(ran && ran->exit_status == 0) << (ran ? ran->err : ran.error().text());
  if (!ran) return outputs;
  std::istringstream lines(ran->out);
  for (const CompiledKernel* compiled : kernels) {
    TensorValues& values = outputs.emplace_back();
    const auto take = [&](const std::string& name) {
      std::string line;
      std::getline(lines, line);
      std::istringstream words(line);
      values[name];
      for (long long v = 0; words >> v;) values[name].push_back(v);
    };
    for (const KernelTensor& t : compiled->source.tensors)
      if (t.kind == TensorKind::output) take(t.name);
    for (const KernelStream& s : compiled->source.streams)
      if (s.kind == StreamKind::output) take(s.name);
  }
  return outputs;
}

/// What is wrong with kernels of these seeds, and what they covered.
void check_random(std::uint64_t first, int count, double stall, std::map<std::string, int>& covered) {
  std::vector<CompiledKernel> compiled;
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
    Kernel kernel = random_kernel(seed);
    auto one = compile_random(kernel);
    ASSERT_TRUE(one) << "seed " << seed << ": " << one.error().text();
    EXPECT_TRUE(one->schedule_verified);
    for (const std::string& f : features(kernel)) ++covered[f];
    compiled.push_back(std::move(*one));
    seeds.push_back(seed);
  }
  std::vector<const CompiledKernel*> kernels;
  std::vector<TensorValues> inputs;
  for (const CompiledKernel& k : compiled) {
    kernels.push_back(&k);
    inputs.push_back(random_inputs(k.source, 7));
  }
  auto rtl = cosimulate_kernels(kernels, options(stall));
  ASSERT_TRUE(rtl) << rtl.error().text();
  const auto cpp = run_cpp(kernels, inputs);
  ASSERT_EQ(cpp.size(), kernels.size());
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seeds[i]));
    EXPECT_TRUE((*rtl)[i].outputs_match) << (*rtl)[i].first_mismatch << (*rtl)[i].stuck << ": expected " << (*rtl)[i].expected << ", got " << (*rtl)[i].got;
    EXPECT_EQ((*rtl)[i].cycle_difference, 0);
    auto golden = interpret(kernels[i]->source, inputs[i]);
    ASSERT_TRUE(golden) << golden.error().text();
    EXPECT_EQ(cpp[i], *golden) << kernels[i]->cpp;
  }
}

TEST(Random, InterpreterEqualsRtlEqualsCpp) {
  const char* const wanted = std::getenv("GNOMON_LONG");
  const int batches = wanted != nullptr && *wanted != '\0' && *wanted != '0' ? 150 : 1;
  std::map<std::string, int> covered;
  for (int b = 0; b < batches; ++b) {
    check_random(1 + static_cast<std::uint64_t>(b) * 1000, 12, 0, covered);
    check_random(501 + static_cast<std::uint64_t>(b) * 1000, 8, 0.3, covered);
  }
  for (const auto& [feature, count] : covered) std::printf("%5d %s\n", count, feature.c_str());
}

// A schedule and RTL that are broken on purpose.
TEST(Random, WhatIsBrokenIsNoticed) {
  auto document = Document::load(fs::path(GNOMON_SOURCE_DIR) / "examples" / "kernels" / "atax.json");
  ASSERT_TRUE(document);
  auto compiled = compile(*read_kernel(*document));
  ASSERT_TRUE(compiled) << compiled.error().text();
  int refused = 0, tried = 0;
  for (std::size_t p = 0; p < compiled->datapath->processes[0].pipes.size(); ++p)
    for (std::size_t node = 0; node < compiled->datapath->processes[0].pipes[p].nodes.size(); ++node) {
      Datapath broken = *compiled->datapath;
      Pipe& pipe = broken.processes[0].pipes[p];
      // An operation that others depend on, later than they can bear.
      if (pipe.nodes[node].kind != NodeKind::load && pipe.nodes[node].kind != NodeKind::store) continue;
      pipe.time[node] += 3;
      ++tried;
      refused += check_schedule(broken) ? 0 : 1;
    }
  EXPECT_GT(tried, 3);
  EXPECT_EQ(refused, tried);
  CompiledKernel wrong = *compiled;
  const std::size_t at = wrong.rtl.text.find(" * $signed(");
  ASSERT_NE(at, std::string::npos);
  wrong.rtl.text.replace(at, 3, " + ");
  auto rtl = cosimulate_kernels({&wrong}, options(0), 1);
  ASSERT_TRUE(rtl) << rtl.error().text();
  EXPECT_FALSE((*rtl)[0].outputs_match);
  EXPECT_NE((*rtl)[0].first_mismatch.find("y["), std::string::npos);
}

Expected<CompiledKernel> from_text(const std::string& directives) {
  const std::string text =
      R"({"version": 1, "name": "sum", "tensors": [{"name": "x", "kind": "input", "type": "int8", "shape": [16]}, {"name": "s", "kind": "output", "type": "int16", "shape": [16]}],
       "loops": [{"name": "i", "extent": 15}], "body": [{"name": "a", "op": "load", "tensor": "s", "index": ["i"]}, {"name": "b", "op": "load", "tensor": "x", "index": ["i"]},
       {"name": "c", "op": "mac", "type": "int16", "args": ["a", "b", "b"]}, {"op": "store", "tensor": "s", "index": ["i + 1"], "args": ["c"]}], "directives": )" +
      directives + "}";
  auto document = Document::parse(text, "sum.json");
  if (!document) return fail(std::move(document.error()));
  auto kernel = read_kernel(*document);
  if (!kernel) return fail(std::move(kernel.error()));
  return compile(*kernel);
}

TEST(Compile, BadDirectivesSayWhereAndWhy) {
  ASSERT_TRUE(from_text("{}"));
  const std::pair<std::string, std::string> bad[] = {
      {R"({"pipeline": {"ii": 1}})", "/directives/pipeline/ii: an interval of 1 cycles is not possible; recurrences in loop \"i\" need at least 2"},
      {R"({"partition": {"x": [{"kind": "cyclic", "factor": 17}]}})", "/directives/partition/x/0/factor: 17 banks along a dimension of 16 elements"},
      {R"({"partition": {"y": [{"kind": "complete"}]}})", "unknown tensor \"y\""},
      {R"({"interchange": [["i", "i"]]})", "\"i\" stands twice"},
      {R"({"pipeline": {"loop": "j"}})", "unknown loop \"j\""},
      {R"({"unroll": {"i": 0}})", "/directives/unroll/i"}};
  for (const auto& [directives, message] : bad) {
    auto compiled = from_text(directives);
    ASSERT_FALSE(compiled) << directives;
    EXPECT_EQ(compiled.error().kind(), ErrorKind::invalid_input);
    EXPECT_NE(compiled.error().text().find(message), std::string::npos) << compiled.error().text();
  }
}

TEST(Compile, ExamplesMatchToTheBitAndTheCycle) {
  std::vector<CompiledKernel> compiled;
  for (const auto& entry : fs::directory_iterator(fs::path(GNOMON_SOURCE_DIR) / "examples" / "kernels")) {
    auto document = Document::load(entry.path());
    ASSERT_TRUE(document) << document.error().text();
    auto kernel = read_kernel(*document);
    ASSERT_TRUE(kernel) << kernel.error().text();
    if (!kernel->directives.array.empty()) continue;
    auto one = compile(*kernel);
    ASSERT_TRUE(one) << one.error().text();
    compiled.push_back(std::move(*one));
  }
  std::vector<const CompiledKernel*> kernels;
  for (const CompiledKernel& k : compiled) kernels.push_back(&k);
  auto rtl = cosimulate_kernels(kernels, options(0.2), 1);
  ASSERT_TRUE(rtl) << rtl.error().text();
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    SCOPED_TRACE(kernels[i]->source.name);
    EXPECT_TRUE((*rtl)[i].outputs_match) << (*rtl)[i].first_mismatch << (*rtl)[i].stuck;
    EXPECT_EQ((*rtl)[i].cycle_difference, 0);
  }
}

}  // namespace
}  // namespace gnomon::hls
