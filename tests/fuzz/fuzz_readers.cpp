// Mutated inputs through every reader, built with the address and undefined-behaviour sanitisers. What is checked is only that nothing
// crashes, hangs or allocates without bound: a sanitiser report, a signal or the alarm ends the program.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/arch/space_table.hpp"
#include "gnomon/workloads/trace.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/label_table.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel.hpp"
#include "gnomon/search/campaign.hpp"
#include "gnomon/workloads/load.hpp"

extern "C" const char* __asan_default_options() { return "detect_leaks=0:max_allocation_size_mb=4096:allocator_may_return_null=0"; }

namespace {

using gnomon::Document;
using gnomon::Random;

constexpr unsigned seconds_per_input = 20;

struct Reader {
  std::string kind;
  std::vector<std::string> seeds;
  std::function<bool(const std::string&)> read;  // whether the input was accepted
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string mutate(const std::string& seed, Random& random) {
  static const std::array<const char*, 26> words{"null", "-1", "0", "1e308", "-1e999", "99999999999999999999", "4294967296", "9223372036854775807", "[]", "{}", "\"\"",
                                                  "true", "\xff\xfe", "1.5", "\"os\"", ",", ",,", "\n", "[[[[[[[[", "0x10", "NaN", "\"zoo:resnet18\"", "-9223372036854775808",
                                                  "\\u0000", "2147483648", "1e-320"};
  std::string out = seed;
  const auto edits = random.integer(1, 4);
  for (std::int64_t i = 0; i < edits && !out.empty(); ++i) {
    const auto at = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(out.size()) - 1));
    const auto length = static_cast<std::size_t>(random.integer(1, 32));
    switch (random.integer(0, 7)) {
      case 0: out[at] = static_cast<char>(random.integer(0, 255)); break;
      case 1: out[at] = static_cast<char>(out[at] ^ (1 << random.integer(0, 7))); break;
      case 2: out.erase(at, length); break;
      case 3: out.insert(at, out.substr(static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(out.size()) - 1)), length)); break;
      case 4: out.resize(at); break;
      case 5: out.insert(at, words[static_cast<std::size_t>(random.integer(0, words.size() - 1))]); break;
      case 6: {  // a number becomes another one
        const std::size_t digit = out.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const std::size_t end = out.find_first_not_of("0123456789.", digit);
        out.replace(digit, end == std::string::npos ? std::string::npos : end - digit, words[static_cast<std::size_t>(random.integer(0, words.size() - 1))]);
        break;
      }
      default: out += out.substr(at, length); break;
    }
  }
  return out;
}

bool read_json(const std::string& text, const std::function<bool(const Document&)>& next) {
  const auto document = Document::parse(text, "fuzz.json");
  return document && next(*document);
}

std::vector<Reader> readers(const std::filesystem::path& source, const std::filesystem::path& scratch) {
  const auto examples = source / "examples";
  const auto data = source / "tests/data/fuzz";
  const auto load_as = [scratch](const char* name) {
    return [file = (scratch / name).string()](const std::string& text) {
      std::ofstream(file, std::ios::binary) << text;
      return gnomon::workloads::load(file).has_value();
    };
  };
  std::vector<Reader> all;
  all.push_back({"design", {slurp(examples / "designs/edge.json"), slurp(data / "design.json")}, [](const std::string& text) {
                   return read_json(text, [](const Document& document) { return gnomon::arch::parse_design(document).has_value(); });
                 }});
  all.push_back({"campaign", {slurp(examples / "edge-resnet50.json"), slurp(data / "campaign.json")}, [examples](const std::string& text) {
                   return read_json(text, [&](const Document& document) { return gnomon::search::read_campaign(document, examples).has_value(); });
                 }});
  all.push_back({"mapping", {slurp(data / "mapping.json")}, [](const std::string& text) {
                   return read_json(text, [](const Document& document) { return gnomon::arch::read_mapping(document).has_value(); });
                 }});
  Reader memory{"memory", {}, [](const std::string& text) {
                  return read_json(text, [](const Document& document) { return gnomon::arch::parse_dram(document).has_value(); });
                }};
  for (const auto& entry : std::filesystem::directory_iterator(source / "arch/memories")) memory.seeds.push_back(slurp(entry.path()));
  all.push_back(std::move(memory));
  for (const auto format : {gnomon::workloads::TraceFormat::csv, gnomon::workloads::TraceFormat::stl}) {
    const bool csv = format == gnomon::workloads::TraceFormat::csv;
    all.push_back({csv ? "trace csv" : "trace stl",
                   {csv ? "0,R,0x40\n1,W,0x1fc0\n# a remark\n2,R,0x80\n" : "0:\tread\t0x40\n17: write 0x1fc0\n17:\tread 0x80\n"},
                   [format](const std::string& text) {
                     const auto stream = gnomon::workloads::trace_from_text(text, format, "fuzz", std::uint64_t{1} << 33);
                     for (gnomon::workloads::MemoryAccess access; stream->next(access);) {
                     }
                     return stream->error() == nullptr;
                   }});
  }
  Reader space_table{"space table", {}, [](const std::string& text) { return gnomon::arch::SpaceTable::parse(text, "fuzz.table").has_value(); }};
  space_table.seeds.push_back(slurp(source / "search/tables/dram-stream.table"));
  all.push_back(std::move(space_table));
  Reader kernel{"kernel", {}, [](const std::string& text) {
                  return read_json(text, [](const Document& document) { return gnomon::hls::read_kernel(document).has_value(); });
                }};
  for (const auto& entry : std::filesystem::directory_iterator(examples / "kernels")) kernel.seeds.push_back(slurp(entry.path()));
  all.push_back(std::move(kernel));
  all.push_back({"workload", {slurp(data / "workload.json")}, load_as("workload.json")});
  all.push_back({"topology", {slurp(data / "conv.csv"), slurp(data / "gemm.csv")}, load_as("topology.csv")});
  Reader onnx{"onnx", {}, load_as("model.onnx")};
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().extension() == ".onnx") onnx.seeds.push_back(slurp(entry.path()));
  }
  all.push_back(std::move(onnx));
  all.push_back({"table", {slurp(data / "table.csv")}, [](const std::string& text) { return gnomon::arch::LabelTable::parse(text, "fuzz.csv").has_value(); }});
  all.push_back({"job", {gnomon::arch::to_json(gnomon::arch::EvaluationJob{})},
                 [](const std::string& text) { return gnomon::arch::job_from_json(text).has_value(); }});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = argc > 1 ? std::atoll(argv[1]) : 10000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const auto scratch = std::filesystem::temp_directory_path() / ("gnomon-fuzz-" + std::to_string(::getpid()));
  std::filesystem::create_directories(scratch);
  const auto all = readers(GNOMON_SOURCE_DIR, scratch);
  std::printf("seed %llu, %lld inputs\n", static_cast<unsigned long long>(seed), static_cast<long long>(count));
  std::vector<std::int64_t> tried(all.size()), accepted(all.size());
  for (std::size_t r = 0; r < all.size(); ++r) {
    // The seeds themselves are sound: a reader that refuses everything would pass any fuzzing.
    for (const std::string& text : all[r].seeds) {
      if (text.empty() || !all[r].read(text)) {
        std::printf("FAILED: the %s reader refuses its own seed\n", all[r].kind.c_str());
        return 1;
      }
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    Random random(gnomon::derive(seed, static_cast<std::uint64_t>(i)));
    const auto r = static_cast<std::size_t>(i) % all.size();
    const auto& seeds = all[r].seeds;
    const std::string text = mutate(seeds[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(seeds.size()) - 1))], random);
    std::ofstream(scratch / "last-input", std::ios::binary) << text;  // what to look at after a crash
    ::alarm(seconds_per_input);
    accepted[r] += all[r].read(text) ? 1 : 0;
    ++tried[r];
  }
  ::alarm(0);
  for (std::size_t r = 0; r < all.size(); ++r) {
    std::printf("%-10s %lld inputs, %lld accepted\n", all[r].kind.c_str(), static_cast<long long>(tried[r]), static_cast<long long>(accepted[r]));
  }
  std::filesystem::remove_all(scratch);
  return 0;
}
