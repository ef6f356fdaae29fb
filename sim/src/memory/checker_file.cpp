#include <cstring>
#include <fstream>
#include <vector>

#include "gnomon/base/json.hpp"
#include "gnomon/sim/dram_checker.hpp"

namespace gnomon::sim {

Expected<DramCheckReport> check_dram_log(const std::filesystem::path& path, const arch::Dram* dram, const DramCheckOptions& options) {
  const std::string file = path.string();
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, ignored)) return invalid(file, "", "could not be opened");
  const DramLogHeader expected;
  DramLogHeader header;
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (in.gcount() != static_cast<std::streamsize>(sizeof header) || header.magic != expected.magic)
    return invalid(file, "", "is no DRAM command log; allowed: a file that begins with GNMDRAM1");
  if (header.record_bytes != expected.record_bytes)
    return invalid(file, "", "has records of " + std::to_string(header.record_bytes) + " bytes; allowed: " + std::to_string(expected.record_bytes));
  constexpr std::uint32_t longest_memory_file = 1 << 20;
  if (header.memory_bytes > longest_memory_file)
    return invalid(file, "", "has a memory file of " + std::to_string(header.memory_bytes) + " bytes; allowed: at most " + std::to_string(longest_memory_file));
  std::string memory(header.memory_bytes, '\0');
  in.read(memory.data(), static_cast<std::streamsize>(memory.size()));
  if (in.gcount() != static_cast<std::streamsize>(memory.size())) return invalid(file, "", "ends within its memory file");
  arch::Dram own;
  if (!dram) {
    auto document = Document::parse(memory, file + " (memory)");
    if (!document) return fail(std::move(document.error()));
    auto parsed = arch::parse_dram(*document);
    if (!parsed) return fail(std::move(parsed.error()));
    own = std::move(*parsed);
    dram = &own;
  }
  DramChecker checker(*dram, options);
  std::vector<DramLogRecord> records(4096);
  for (;;) {
    in.read(reinterpret_cast<char*>(records.data()), static_cast<std::streamsize>(records.size() * sizeof(DramLogRecord)));
    const auto bytes = static_cast<std::size_t>(in.gcount());
    for (std::size_t i = 0; i < bytes / sizeof(DramLogRecord); ++i) checker.record(records[i]);
    if (bytes % sizeof(DramLogRecord) != 0) return invalid(file, "", "ends within record " + std::to_string(checker.report().commands));
    if (bytes < records.size() * sizeof(DramLogRecord)) break;
  }
  if (in.bad()) return fail(ErrorKind::run_failed, file + ": could not be read");
  return checker.finish();
}

}  // namespace gnomon::sim
