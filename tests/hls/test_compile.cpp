// The kernel compiler: schedules against exact ones, and random kernels whose interpreter, RTL in Verilator and emitted C++ must
// give the same values, and whose RTL must take the cycles that the schedule says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <unistd.h>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/hls/random_kernel.hpp"
#include "schedule/datapath.hpp"
#include "schedule/problem.hpp"
#include "vendor_types.hpp"

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
  std::string text = "#include \"ap_fixed.h\"\n#include \"ap_int.h\"\n#include \"hls_stream.h\"\n#include <cstdio>\n" + std::string(stored_bits), calls;
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
      if (t.fraction == 0 && t.rounding == Rounding::down && t.overflow == Overflow::wrap) return (t.is_signed ? "ap_int<" : "ap_uint<") + std::to_string(t.bits) + ">";
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
      if (t.kind == TensorKind::input) body += values(t.name) + "for (int i = 0; i < " + n + "; ++i) test_set((&" + first + ")[i], in_" + t.name + "[i]);\n";
      if (t.kind == TensorKind::output) prints += "for (int i = 0; i < " + n + "; ++i) std::printf(\"%lld \", test_bits((&" + first + ")[i]));\nstd::printf(\"\\n\");\n";
    }
    for (const KernelStream& s : k.streams) {
      if (s.kind == StreamKind::local) continue;
      body += "hls::stream<" + type(s.type) + "> " + s.name + ";\n";
      arguments += (arguments.empty() ? "" : ", ") + s.name;
      if (s.kind == StreamKind::input)
        body += values(s.name) + "for (int i = 0; i < " + std::to_string(s.length) + "; ++i) { " + type(s.type) + " x; test_set(x, in_" + s.name + "[i]); " + s.name + ".write(x); }\n";
      else
        prints += "while (!" + s.name + ".empty()) std::printf(\"%lld \", test_bits(" + s.name + ".read()));\nstd::printf(\"\\n\");\n";
    }
    text += "static void call() {\n" + body + "kernel_" + k.name + "(" + arguments + ");\n" + prints + "}\n}\n";
    calls += "  k" + std::to_string(i) + "::call();\n";
  }
  text += "int main() {\n" + calls + "}\n";
  const std::string own = "kernels" + std::to_string(getpid());
  const fs::path source = folder() / (own + ".cpp"), program = folder() / own;
  std::vector<TensorValues> outputs;
  if (!write_file(source, text)) return outputs;
  auto built = run_process({"g++", "-std=c++17", "-O0", "-w", "-fsanitize=address", "-I", vendor_headers(), source.string(), "-o", program.string()});
  EXPECT_TRUE(built && built->exit_status == 0) << (built ? built->err.substr(0, 3000) : built.error().text());
  if (!built || built->exit_status != 0) return outputs;
  auto ran = run_process({program.string()}, {.wall_seconds = 120});
  EXPECT_TRUE(ran && ran->exit_status == 0) << (ran ? ran->err : ran.error().text());
  std::error_code ignored;
  fs::remove(source, ignored);
  fs::remove(program, ignored);
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

/// Kernels in which an operation and something else (a directive, a depth, a kind of loop) occur together.
using Coverage = std::map<std::string, std::map<std::string, int>>;

/// Whether RTL, timing model or C++ of one kernel differ from the interpreter.
bool differs(const Kernel& kernel) {
  Kernel copy = kernel;
  auto compiled = compile_random(copy);
  if (!compiled) return compiled.error().kind() == ErrorKind::run_failed;
  for (const double stall : {0.0, 0.3}) {
    auto rtl = cosimulate_kernels({&*compiled}, options(stall));
    if (!rtl || !rtl->front().outputs_match || rtl->front().cycle_difference != 0) return true;
  }
  const TensorValues inputs = random_inputs(copy, 7);
  const auto cpp = run_cpp({&*compiled}, {inputs});
  auto golden = interpret(copy, inputs);
  return cpp.size() != 1 || !golden || cpp[0] != *golden;
}

/// Kernels of these seeds, all in one model: interpreter, RTL with and without stalls, emitted C++.
void check_random(std::uint64_t first, int count, Coverage& coverage) {
  std::vector<CompiledKernel> compiled;
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
    Kernel kernel = random_kernel(seed);
    auto one = compile_random(kernel);
    ASSERT_TRUE(one) << "seed " << seed << ": " << one.error().text();
    EXPECT_TRUE(one->schedule_verified);
    const std::vector<std::string> found = features(kernel);
    for (const std::string& f : found)
      if (f.rfind("op ", 0) == 0) {
        ++coverage[f.substr(3)]["kernels"];
        for (const std::string& other : found)
          if (other.rfind("op ", 0) != 0) ++coverage[f.substr(3)][other];
      }
    compiled.push_back(std::move(*one));
    seeds.push_back(seed);
  }
  std::vector<const CompiledKernel*> kernels;
  std::vector<TensorValues> inputs;
  for (const CompiledKernel& k : compiled) {
    kernels.push_back(&k);
    inputs.push_back(random_inputs(k.source, 7));
  }
  std::vector<bool> wrong(kernels.size(), false);
  for (const double stall : {0.0, 0.3}) {
    auto rtl = cosimulate_kernels(kernels, options(stall));
    ASSERT_TRUE(rtl) << rtl.error().text();
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(seeds[i]) + ", stall " + std::to_string(stall));
      EXPECT_TRUE((*rtl)[i].outputs_match) << (*rtl)[i].first_mismatch << (*rtl)[i].stuck << ": expected " << ((*rtl)[i].mismatch ? (*rtl)[i].mismatch->expected : 0) << ", got " << ((*rtl)[i].mismatch ? (*rtl)[i].mismatch->got : 0);
      EXPECT_EQ((*rtl)[i].cycle_difference, 0);
      wrong[i] = wrong[i] || !(*rtl)[i].outputs_match || (*rtl)[i].cycle_difference != 0;
    }
  }
  const auto cpp = run_cpp(kernels, inputs);
  ASSERT_EQ(cpp.size(), kernels.size());
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seeds[i]));
    auto golden = interpret(kernels[i]->source, inputs[i]);
    ASSERT_TRUE(golden) << golden.error().text();
    EXPECT_EQ(cpp[i], *golden) << kernels[i]->cpp;
    wrong[i] = wrong[i] || cpp[i] != *golden;
    if (wrong[i]) std::printf("seed %llu, the smallest that still differs:\n%s\n", static_cast<unsigned long long>(seeds[i]), write_kernel(shrink(kernels[i]->source, differs)).dump(2).c_str());
  }
}

std::string table_of(const Coverage& coverage) {
  std::ostringstream out;
  std::vector<std::string> columns;
  for (const auto& [op, row] : coverage)
    for (const auto& [feature, count] : row)
      if (feature != "kernels" && std::find(columns.begin(), columns.end(), feature) == columns.end()) columns.push_back(feature);
  std::sort(columns.begin(), columns.end());
  out << "Kernels with an operation and, in the columns:\n";
  for (std::size_t c = 0; c < columns.size(); ++c) out << "  " << c + 1 << " " << columns[c] << "\n";
  const auto cell = [&](const std::string& text, std::size_t width) { out << std::string(width > text.size() ? width - text.size() : 0, ' ') << text; };
  cell("", 8);
  cell("kernels", 8);
  for (std::size_t c = 0; c < columns.size(); ++c) cell(std::to_string(c + 1), 6);
  out << "\n";
  for (const auto& [op, row] : coverage) {
    cell(op, 8);
    cell(std::to_string(row.at("kernels")), 8);
    for (const std::string& column : columns) cell(std::to_string(row.count(column) > 0 ? row.at(column) : 0), 6);
    out << "\n";
  }
  return out.str();
}

// 60 kernels; 3,000 with GNOMON_LONG, GNOMON_RANDOM_KERNELS any number, from seed GNOMON_RANDOM_FIRST on. What was covered so far goes to
// the file GNOMON_RANDOM_OUT.
TEST(Random, InterpreterEqualsRtlEqualsCpp) {
  const char* const wanted = std::getenv("GNOMON_LONG");
  const char* const number = std::getenv("GNOMON_RANDOM_KERNELS");
  const int count = number != nullptr ? std::atoi(number) : wanted != nullptr && *wanted != '\0' && *wanted != '0' ? 3000 : 60;
  Coverage coverage;
  int done = 0;
  const char *const first = std::getenv("GNOMON_RANDOM_FIRST"), *const out = std::getenv("GNOMON_RANDOM_OUT");
  const int from = first != nullptr ? std::atoi(first) : 1;
  std::string result;
  while (done < count && !HasFatalFailure()) {
    const int batch = std::min(20, count - done);
    check_random(static_cast<std::uint64_t>(from + done), batch, coverage);
    done += batch;
    result = std::to_string(done) + " random kernels (seeds " + std::to_string(from) + " to " + std::to_string(from + done - 1) +
             "): interpreter, RTL in Verilator without and with 30 % stalls (values and cycles), emitted C++: " + (HasFailure() ? "DIFFERENCES" : "all equal") + "\n" + table_of(coverage);
    if (out != nullptr) {
      ASSERT_TRUE(write_file(out, result));
    }
  }
  std::printf("%s", result.c_str());
}

// A tile beyond the end of a loop in which data decide how often a loop inside runs; the larger of a value without sign and of what is always 0.
TEST(Random, SeedsThatDifferedOnce) {
  Coverage coverage;
  for (const std::uint64_t seed : {1719, 2652}) check_random(seed, 1, coverage);
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
  // RTL: another operation, a store that is turned over, values kept a cycle too long, a loop that never ends, a port that lies.
  const std::pair<const char*, const char*> mutations[] = {{" \\* \\$signed", " + $signed"},
                                                           {"<= (m[0-9]+_b[0-9]+_wd);", "<= ~$1;"},
                                                           {"(q[0-9]+_k[0-9]+) <= p0q", "$1 <= ~p0q"},
                                                           {"assign p0q0_done = ", "assign p0q0_done = 1'b0 && "},
                                                           {"assign y_valid = ", "assign y_valid = 1'b1 | "}};
  std::vector<CompiledKernel> wrong;
  for (const auto& [from, to] : mutations) {
    wrong.push_back(*compiled);
    wrong.back().rtl.text = std::regex_replace(compiled->rtl.text, std::regex(from), to, std::regex_constants::format_first_only);
    EXPECT_NE(wrong.back().rtl.text, compiled->rtl.text) << from;
  }
  std::vector<const CompiledKernel*> kernels{&*compiled};
  for (const CompiledKernel& k : wrong) kernels.push_back(&k);
  auto rtl = cosimulate_kernels(kernels, options(0), 1);
  ASSERT_TRUE(rtl) << rtl.error().text();
  EXPECT_TRUE((*rtl)[0].outputs_match && (*rtl)[0].cycle_difference == 0);
  for (std::size_t m = 1; m < kernels.size(); ++m) EXPECT_TRUE(!(*rtl)[m].outputs_match || (*rtl)[m].cycle_difference != 0) << mutations[m - 1].first;
  EXPECT_NE((*rtl)[1].first_mismatch.find("y["), std::string::npos);
}

/// A sum of products of degree three: six multiplications an iteration.
Expected<CompiledKernel> cubic(const std::string& directives) {
  std::string body;
  for (int i = 0; i < 3; ++i) {
    const std::string n = std::to_string(i);
    body += R"({"name": "a)" + n + R"(", "op": "load", "tensor": "x", "index": ["3*i + )" + n + R"("]}, {"name": "b)" + n + R"(", "op": "mul", "type": "int32", "args": ["a)" + n + R"(", "a)" + n +
            R"("]}, {"name": "c)" + n + R"(", "op": "mul", "type": "int48", "args": ["b)" + n + R"(", "a)" + n + R"("]}, )";
  }
  const std::string text = R"({"version": 1, "name": "cubic", "tensors": [{"name": "x", "kind": "input", "type": "int16", "shape": [48]},
       {"name": "y", "kind": "output", "type": "int48", "shape": [16]}], "loops": [{"name": "i", "extent": 16}], "body": [)" + body +
                           R"({"name": "d", "op": "add", "type": "int48", "args": ["c0", "c1"]}, {"name": "e", "op": "add", "type": "int48", "args": ["d", "c2"]},
       {"op": "store", "tensor": "y", "index": ["i"], "args": ["e"]}], "directives": )" + directives + "}";
  auto document = Document::parse(text, "cubic.json");
  if (!document) return fail(std::move(document.error()));
  auto kernel = read_kernel(*document);
  if (!kernel) return fail(std::move(kernel.error()));
  return compile(*kernel);
}

// One read port: an iteration every 3 cycles, in which each multiplier serves three products.
TEST(Binding, UnitsAreSharedBySlot) {
  auto shared = cubic("{}");
  ASSERT_TRUE(shared) << shared.error().text();
  EXPECT_EQ(shared->ii, 3);
  ASSERT_EQ(shared->units.size(), 2u);
  for (const UnitReport& u : shared->units) EXPECT_EQ(u.operations, 3);
  EXPECT_LT(shared->registers, shared->kept_values);
  auto one = cubic(R"({"pipeline": {"ii": 6}, "bind": [{"op": "mul", "units": 1}]})");
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_EQ(one->units.size(), 2u);  // two forms of operands
  auto wide = cubic(R"({"partition": {"x": [{"kind": "cyclic", "factor": 3}]}})");
  ASSERT_TRUE(wide) << wide.error().text();
  EXPECT_EQ(wide->ii, 1);
  EXPECT_EQ(wide->units.size(), 6u);
  // The multipliers of the text are the units of the report.
  const auto multipliers = [](const CompiledKernel& k) {
    int count = 0;
    for (std::size_t at = k.rtl.text.find(" * $signed("); at != std::string::npos; at = k.rtl.text.find(" * $signed(", at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(multipliers(*shared), 2);
  EXPECT_EQ(multipliers(*wide), 6);
  auto rtl = cosimulate_kernels({&*shared, &*one, &*wide}, options(0.3), 2);
  ASSERT_TRUE(rtl) << rtl.error().text();
  for (const KernelCosim& k : *rtl) {
    EXPECT_TRUE(k.outputs_match) << k.first_mismatch << k.stuck;
    EXPECT_EQ(k.cycle_difference, 0);
  }
}

TEST(Binding, WhatIsBrokenIsRefused) {
  auto compiled = cubic("{}");
  ASSERT_TRUE(compiled) << compiled.error().text();
  ASSERT_TRUE(check_binding(*compiled->datapath));
  int tried = 0, refused = 0;
  const auto breaks = [&](const auto& change) {
    Datapath broken = *compiled->datapath;
    change(broken);
    ++tried;
    refused += check_binding(broken) ? 0 : 1;
  };
  const Datapath& d = *compiled->datapath;
  for (std::size_t u = 0; u < d.binding.units.size(); ++u) {
    breaks([&](Datapath& b) { b.binding.units[u].left_bits -= 1; });
    breaks([&](Datapath& b) { b.binding.units[u].uses.pop_back(); });
    breaks([&](Datapath& b) { b.binding.units[u].uses.push_back(b.binding.units[u].uses.front()); });
  }
  for (std::size_t q = 0; q < d.processes[0].pipes.size(); ++q)
    for (const auto& [node, list] : d.binding.registers[0][q].of_node) {
      const int n = node;
      breaks([&](Datapath& b) { b.binding.registers[0][q].of_node.at(n).pop_back(); });
      // Another value's register of the same width.
      for (const auto& [other, registers] : d.binding.registers[0][q].of_node)
        if (other != n && registers.back() != list.back() && d.binding.registers[0][q].bits[static_cast<std::size_t>(registers.back())] == d.binding.registers[0][q].bits[static_cast<std::size_t>(list.back())] &&
            registers.size() > 1) {
          const int taken = registers.front();
          breaks([&](Datapath& b) { b.binding.registers[0][q].of_node.at(n).back() = taken; });
        }
    }
  EXPECT_GT(tried, 8);
  EXPECT_EQ(refused, tried);
}

// x[i], x[i + 1], x[i + 2] are in three different banks of three, whichever those are.
TEST(Binding, BanksAreProvedApart) {
  const auto window = [](const std::string& kind) -> Expected<CompiledKernel> {
    auto document = Document::parse(R"({"version": 1, "name": "window", "tensors": [{"name": "x", "kind": "input", "type": "int8", "shape": [34]},
       {"name": "y", "kind": "output", "type": "int10", "shape": [32]}], "loops": [{"name": "i", "extent": 32}],
       "body": [{"name": "a", "op": "load", "tensor": "x", "index": ["i"]}, {"name": "b", "op": "load", "tensor": "x", "index": ["i + 1"]},
       {"name": "c", "op": "load", "tensor": "x", "index": ["i + 2"]}, {"name": "d", "op": "add", "type": "int10", "args": ["a", "b"]},
       {"name": "e", "op": "add", "type": "int10", "args": ["d", "c"]}, {"op": "store", "tensor": "y", "index": ["i"], "args": ["e"]}],
       "directives": {"partition": {"x": [{"kind": ")" + kind + R"(", "factor": 3}]}}})", "window.json");
    if (!document) return fail(std::move(document.error()));
    return compile(*read_kernel(*document));
  };
  auto proved = window("cyclic"), unproved = window("block");
  ASSERT_TRUE(proved) << proved.error().text();
  ASSERT_TRUE(unproved) << unproved.error().text();
  EXPECT_EQ(proved->ii, 1);
  EXPECT_EQ(unproved->ii, 3);
  auto rtl = cosimulate_kernels({&*proved, &*unproved}, options(0.3), 2);
  ASSERT_TRUE(rtl) << rtl.error().text();
  for (const KernelCosim& k : *rtl) EXPECT_TRUE(k.outputs_match) << k.first_mismatch << k.stuck;
  // One time of the three moved away, or a factor that divides their distance.
  Datapath broken = *proved->datapath;
  for (std::size_t node = 0; node < broken.processes[0].pipes[0].nodes.size(); ++node)
    if (broken.processes[0].pipes[0].nodes[node].kind == NodeKind::load) broken.kernel.ops[broken.processes[0].pipes[0].nodes[node].op].index[0].constant *= 3;
  EXPECT_FALSE(check_schedule(broken));
}

/// Whether the checker refuses a kernel's schedule in which every store is `later` cycles late.
bool refuses_late_stores(const std::string& text, int later) {
  auto document = Document::parse(text, "late.json");
  EXPECT_TRUE(document);
  auto kernel = read_kernel(*document);
  EXPECT_TRUE(kernel) << kernel.error().text();
  auto compiled = compile(*kernel);
  EXPECT_TRUE(compiled) << compiled.error().text();
  if (!compiled) return false;
  Datapath broken = *compiled->datapath;
  for (Pipe& pipe : broken.processes[0].pipes) {
    pipe.depth += later;
    for (std::size_t n = 0; n < pipe.nodes.size(); ++n)
      if (pipe.nodes[n].kind == NodeKind::store) pipe.time[n] += later;
  }
  return !check_schedule(broken);
}

// t[i] and t[N - 1 - i] meet half-way only, where no replay comes; scatters and gathers of t[i % 8] by their promise.
TEST(Schedule, OrderIsCheckedWhereNothingIsReplayed) {
  const auto mirror = [](const std::string& n, const std::string& last) {
    return R"({"version": 1, "name": "mirror", "tensors": [{"name": "x", "kind": "input", "type": "int4", "shape": []}, {"name": "t", "kind": "local", "type": "int4", "shape": [)" + n +
           R"(]}, {"name": "y", "kind": "output", "type": "int4", "shape": []}], "loops": [{"name": "i", "extent": )" + n + R"(}],
           "body": [{"name": "a", "op": "load", "tensor": "t", "index": [")" + last + R"( - i"]}, {"op": "store", "tensor": "y", "index": [], "args": ["a"]},
           {"name": "b", "op": "load", "tensor": "x", "index": []}, {"op": "store", "tensor": "t", "index": ["i"], "args": ["b"]}]})";
  };
  EXPECT_FALSE(refuses_late_stores(mirror("1000000", "999999"), 0));
  EXPECT_TRUE(refuses_late_stores(mirror("1000000", "999999"), 3));
  const std::string ring = R"({"version": 1, "name": "ring", "tensors": [{"name": "t", "kind": "output", "type": "int8", "shape": [8]}], "loops": [{"name": "i", "extent": 64}],
           "body": [{"name": "p", "op": "index", "type": "uint6", "index": ["i"]}, {"name": "m", "op": "const", "type": "uint6", "value": 7}, {"name": "q", "op": "and", "type": "uint3", "args": ["p", "m"]},
           {"name": "a", "op": "gather", "tensor": "t", "index": ["q"], "distance": 8}, {"name": "c", "op": "const", "type": "int8", "value": 3},
           {"name": "b", "op": "add", "type": "int8", "args": ["a", "c"]}, {"op": "scatter", "tensor": "t", "index": ["q"], "args": ["b"], "distance": 8}]})";
  EXPECT_FALSE(refuses_late_stores(ring, 1));
  EXPECT_TRUE(refuses_late_stores(ring, 8));
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

/// The C++ of a kernel against the interpreter, on random inputs.
void cpp_equals_interpreter(const Document& document) {
  auto kernel = read_kernel(document);
  ASSERT_TRUE(kernel) << kernel.error().text();
  auto compiled = compile(*kernel);
  ASSERT_TRUE(compiled) << compiled.error().text();
  const TensorValues inputs = random_inputs(*kernel, 3);
  auto golden = interpret(*kernel, inputs);
  ASSERT_TRUE(golden) << golden.error().text();
  const auto cpp = run_cpp({&*compiled}, {inputs});
  ASSERT_EQ(cpp.size(), 1U);
  EXPECT_EQ(cpp[0], *golden) << compiled->cpp;
}

// Names that helpers of the emitted C++ might have had: it compiles, and gives what the interpreter gives.
TEST(Compile, NamesOfUsersDoNotMeetThoseOfHelpers) {
  auto document = Document::parse(R"({"version": 1, "name": "q", "tensors": [
      {"name": "x", "kind": "input", "type": "int8", "shape": [16]}, {"name": "first", "kind": "local", "type": "int8", "shape": [16]},
      {"name": "process_main", "kind": "output", "type": "fixed<16,8>", "shape": [16]}],
      "loops": [{"name": "i", "extent": 16}],
      "body": [{"name": "v0", "op": "load", "tensor": "x", "index": ["i"]}, {"op": "store", "tensor": "first", "index": ["i"], "args": ["v0"]},
               {"name": "q_a", "op": "add", "type": "int9", "args": ["v0", "v0"]}, {"name": "q_b", "op": "load", "tensor": "first", "index": ["i"]},
               {"name": "i_end", "op": "div", "type": "fixed<16,8>", "args": ["q_a", "v0"]}, {"name": "i_end_a", "op": "add", "type": "fixed<16,8>", "args": ["i_end", "q_b"]},
               {"op": "store", "tensor": "process_main", "index": ["i"], "args": ["i_end_a"]}]})",
                                  "names.json");
  ASSERT_TRUE(document) << document.error().text();
  cpp_equals_interpreter(*document);
}

// Whole numbers made from fractions: truncation goes downward in the interpreter and the RTL, and towards zero in the vendor's integers.
TEST(Compile, WholeNumbersOfFractionsAreTheFloorInCpp) {
  std::string body = R"({"name": "a", "op": "load", "tensor": "x", "index": ["i"]}, {"name": "b", "op": "load", "tensor": "z", "index": ["i"]})";
  const char* const ops[] = {"add", "sub", "mul", "div", "min", "max"};
  int next = 0;
  const auto store = [&](const std::string& value) {
    body += R"(, {"op": "store", "tensor": "y", "index": ["i", ")" + std::to_string(next++) + R"("], "args": [")" + value + R"("]})";
  };
  for (const std::string op : ops) {
    body += R"(, {"name": "v_)" + op + R"(", "op": ")" + op + R"(", "type": "int9", "args": ["a", "b"]})";
    store("v_" + op);
  }
  body += R"(, {"name": "v_mac", "op": "mac", "type": "int9", "args": ["a", "b", "a"]}, {"name": "less", "op": "lt", "args": ["a", "b"]},
             {"name": "v_select", "op": "select", "type": "int9", "args": ["less", "a", "b"]}, {"name": "v_neg", "op": "sub", "type": "uint9", "args": ["a", "b"]},
             {"name": "v_wide", "op": "cast", "type": "int9", "args": ["v_neg"]})";
  store("v_mac");
  store("v_select");
  store("v_wide");
  auto document = Document::parse(R"({"version": 1, "name": "floors", "tensors": [
      {"name": "x", "kind": "input", "type": "fixed<9,4>", "shape": [64]}, {"name": "z", "kind": "input", "type": "fixed<7,3>", "shape": [64]},
      {"name": "y", "kind": "output", "type": "int9", "shape": [64, )" + std::to_string(next) + R"(]}], "loops": [{"name": "i", "extent": 64}], "body": [)" + body + "]}", "floors.json");
  ASSERT_TRUE(document) << document.error().text();
  cpp_equals_interpreter(*document);
}

// The front end of synthesis finds no driver conflict, no loop of gates and nothing undriven in any shipped kernel; a third of them by default.
TEST(Compile, YosysCheckIsCleanForTheExamples) {
  const bool all = std::getenv("GNOMON_LONG") != nullptr;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(GNOMON_SOURCE_DIR) / "examples" / "kernels")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  int checked = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(files[i].filename().string());
    auto document = Document::load(files[i]);
    ASSERT_TRUE(document) << document.error().text();
    auto kernel = read_kernel(*document);
    ASSERT_TRUE(kernel) << kernel.error().text();
    if (!kernel->directives.array.empty()) continue;
    auto one = compile(*kernel);
    ASSERT_TRUE(one) << one.error().text();
    if (!all && (i % 3 != 0 || one->rtl.text.size() > 40'000)) continue;
    const fs::path file = folder() / (one->rtl.top + ".sv");
    ASSERT_TRUE(write_file(file, one->rtl.text));
    auto run = run_process({"yosys", "-q", "-p", "read_verilog -sv " + file.string() + "; hierarchy -check -top " + one->rtl.top + "; proc; opt; check -assert"});
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->exit_status, 0) << run->out << run->err;
    ++checked;
  }
  EXPECT_GE(checked, all ? 29 : 6);
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
