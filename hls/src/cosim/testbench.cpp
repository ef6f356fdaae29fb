#include "cosim/testbench.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

constexpr double replay_wall_seconds = 600;

bool is_clocking(const std::string& name) { return name == "clk" || name == "rst"; }

/// Ports by name, as the vectors have them.
std::map<std::string, Port> sorted(const Rtl& rtl) {
  std::map<std::string, Port> out;
  for (const Port& port : rtl.ports)
    if (!is_clocking(port.name)) out.emplace(port.name, port);
  return out;
}

/// In Icarus Verilog 11 blocks of `always_comb` can trigger each other for ever through the event by which they all begin at time 0 (its issue 508);
/// `always @*` has no such event. The testbench reads nothing before the reset has changed what such a block waits for.
std::string for_icarus(std::string text) {
  constexpr std::string_view from = "always_comb", to = "always @*  ";
  static_assert(from.size() == to.size());
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

}  // namespace

Recorder::Recorder(const LoadedModel& model, std::int64_t cycles) : limit_(cycles) {
  for (const auto& [name, port] : model.ports()) {
    if (is_clocking(name)) continue;
    std::int64_t& bits = port.input ? in_bits_ : out_bits_;
    at_[name] = bits;
    bits += port.bits;
  }
}

void Recorder::begin_cycle() { mask_.assign(static_cast<std::size_t>(out_bits_), 0); }

void Recorder::means(const char* output, std::int64_t bit, int bits) {
  const auto port = at_.find(output);
  if (port == at_.end()) return;
  for (int b = 0; b < bits; ++b) mask_[static_cast<std::size_t>(port->second + bit + b)] = 1;
}

void Recorder::end_cycle(const LoadedModel& model) {
  if (count_ >= limit_) return;
  ++count_;
  std::vector<char> bits(static_cast<std::size_t>(in_bits_ + 2 * out_bits_));
  for (const auto& [name, port] : model.ports()) {
    if (is_clocking(name)) continue;
    const std::int64_t from = at_.at(name) + (port.input ? 0 : in_bits_);
    for (int b = 0; b < port.bits; ++b) bits[static_cast<std::size_t>(from + b)] = (port.data[b / 8] >> (b % 8)) & 1;
  }
  for (std::int64_t b = 0; b < out_bits_; ++b)
    bits[static_cast<std::size_t>(in_bits_ + out_bits_ + b)] = mask_[static_cast<std::size_t>(b)];
  std::string line;
  for (std::size_t at = 0; at < bits.size(); at += 4) {
    int digit = 0;
    for (std::size_t b = 0; b < 4 && at + b < bits.size(); ++b) digit |= bits[at + b] << b;
    line.push_back("0123456789abcdef"[digit]);
  }
  text_.append(line.rbegin(), line.rend());
  text_.push_back('\n');
}

std::string testbench_text(const Rtl& rtl, std::int64_t cycles) {
  const auto ports = sorted(rtl);
  std::int64_t in_bits = 0, out_bits = 0;
  std::string connections;
  for (const auto& [name, port] : ports) {
    std::int64_t& at = port.input ? in_bits : out_bits;
    connections += ",\n    ." + name + "(" + (port.input ? "in" : "out") + "[" + std::to_string(at) + " +: " + std::to_string(port.bits) + "])";
    at += port.bits;
  }
  const auto n = [](std::int64_t value) { return std::to_string(value); };
  return "// Replays vectors.hex ({mask, outputs, inputs} a cycle, ports by name) on " + rtl.top +
         " and compares.\n"
         "module tb;\n"
         "  localparam integer CYCLES = " + n(cycles) + ";\n"
         "  reg clk = 0, rst = 1;\n"
         "  reg [" + n(in_bits + 2 * out_bits - 1) + ":0] vectors [0:CYCLES-1];\n"
         "  reg [" + n(in_bits - 1) + ":0] in = 0;\n"
         "  wire [" + n(out_bits - 1) + ":0] out;\n"
         "  reg [" + n(out_bits - 1) + ":0] expected, mask;\n"
         "  integer cycle, mismatches = 0;\n"
         "  " + rtl.top + " dut (.clk(clk), .rst(rst)" + connections + ");\n"
         "  initial begin\n"
         "    $readmemh(\"vectors.hex\", vectors);\n"
         "    repeat (4) begin #5 clk = 1; #5 clk = 0; end\n"
         "    rst = 0;\n"
         "    for (cycle = 0; cycle < CYCLES; cycle = cycle + 1) begin\n"
         "      {mask, expected, in} = vectors[cycle];\n"
         "      #5;\n"
         "      // A bit that is x differs from both values.\n"
         "      if ((out & mask) !== (expected & mask)) begin\n"
         "        mismatches = mismatches + 1;\n"
         "        if (mismatches <= 10) $display(\"cycle %0d: outputs %h, expected %h, mask %h\", cycle, out, expected, mask);\n"
         "      end\n"
         "      clk = 1; #5 clk = 0;\n"
         "    end\n"
         "    $display(\"gnomon: %0d cycles, %0d mismatches\", CYCLES, mismatches);\n"
         "    $finish;\n"
         "  end\n"
         "endmodule\n";
}

Json replay_json(const CosimReplay& replay) { return Json{{"tool", replay.tool}, {"cycles", replay.cycles}, {"mismatches", replay.mismatches}}; }

Expected<CosimReplay> run_icarus(const std::filesystem::path& folder) {
  if (find_program("iverilog").empty())
    return fail(ErrorKind::unsupported, "Icarus Verilog does not run; install the Debian package \"iverilog\"");
  CosimReplay out;
  auto version = run_process({"iverilog", "-V"}, {.wall_seconds = 60});
  if (!version) return fail(std::move(version.error()));
  out.tool = version->out.substr(0, version->out.find(" (", 24));
  auto text = read_file(folder / "dut.sv", std::size_t{1} << 28);
  if (!text) return fail(std::move(text.error()));
  if (auto written = write_file(folder / "dut.icarus.sv", for_icarus(std::move(*text))); !written) return fail(std::move(written.error()));
  const auto late = [](const char* program) {
    return fail(ErrorKind::run_failed, std::string(program) + " did not end within " + number(replay_wall_seconds) + " s and was stopped; replay fewer cycles, or a smaller design");
  };
  auto compiled = run_process({"iverilog", "-g2012", "-o", "tb.vvp", "-s", "tb", "tb.sv", "dut.icarus.sv"}, {.wall_seconds = replay_wall_seconds, .folder = folder});
  if (!compiled) return fail(std::move(compiled.error()));
  if (compiled->timed_out) return late("iverilog");
  if (compiled->exit_status != 0)
    return fail(ErrorKind::run_failed, "Icarus Verilog refuses the RTL: " + std::string(trimmed(compiled->err.substr(0, 2000))));
  auto run = run_process({"vvp", "-n", "tb.vvp"}, {.wall_seconds = replay_wall_seconds, .folder = folder});
  if (!run) return fail(std::move(run.error()));
  if (run->timed_out) return late("vvp");
  const std::size_t at = run->out.rfind("gnomon: ");
  long long cycles = 0, mismatches = 0;
  if (at == std::string::npos || std::sscanf(run->out.c_str() + at, "gnomon: %lld cycles, %lld mismatches", &cycles, &mismatches) != 2)
    return fail(ErrorKind::run_failed, "Icarus Verilog did not finish: " + std::string(trimmed((run->out + run->err).substr(0, 2000))));
  out.cycles = cycles;
  out.mismatches = mismatches;
  return out;
}

}  // namespace gnomon::hls
