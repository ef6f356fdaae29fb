#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "gnomon/base/text.hpp"
#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {
namespace {

class FileLog final : public DramLogWriter {
 public:
  FileLog(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) { buffer_.reserve(4096); }
  ~FileLog() override {
    if (file_) std::fclose(file_);
  }
  void record(const DramLogRecord& record) override {
    buffer_.push_back(record);
    if (buffer_.size() == 4096) flush();
  }
  bool write(const void* data, std::size_t bytes) {
    if (!failed_ && std::fwrite(data, 1, bytes, file_) != bytes) {
      failed_ = true;
      reason_ = std::strerror(errno);
    }
    return !failed_;
  }
  Expected<void> close() override {
    flush();
    if (file_ && std::fclose(file_) != 0 && !failed_) {
      failed_ = true;
      reason_ = std::strerror(errno);
    }
    file_ = nullptr;
    if (failed_) return fail(ErrorKind::run_failed, path_ + ": cannot be written: " + reason_);
    return {};
  }

 private:
  std::FILE* file_;
  std::string path_, reason_;
  std::vector<DramLogRecord> buffer_;
  bool failed_ = false;

  void flush() {
    if (file_) write(buffer_.data(), buffer_.size() * sizeof(DramLogRecord));
    buffer_.clear();
  }
};

}  // namespace

Expected<std::unique_ptr<DramLogWriter>> DramLogWriter::create(const std::filesystem::path& path, const arch::Dram& dram) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return fail(ErrorKind::run_failed, path.string() + ": cannot be written: " + std::strerror(errno));
  auto log = std::make_unique<FileLog>(file, path.string());
  DramLogHeader header;
  header.memory_bytes = static_cast<std::uint32_t>(dram.resolved_json.size());
  log->write(&header, sizeof header);
  log->write(dram.resolved_json.data(), dram.resolved_json.size());
  return std::unique_ptr<DramLogWriter>(std::move(log));
}

}  // namespace gnomon::sim
