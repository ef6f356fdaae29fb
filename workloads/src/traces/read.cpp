#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "gnomon/base/text.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::workloads {
namespace {

/// No access needs more; whatever is longer is no trace, and must not fill the memory.
constexpr std::size_t longest_line = 256;
/// Some twenty minutes of memory time: what comes later is a slip, and its refreshes alone would be simulated for hours.
constexpr std::uint64_t last_cycle = 1'000'000'000'000;

/// Where the text comes from, piece by piece.
class Input {
 public:
  virtual ~Input() = default;
  virtual std::size_t read(char* to, std::size_t size) = 0;
  virtual bool failed() const { return false; }
};

class FileInput final : public Input {
 public:
  explicit FileInput(const std::string& file) : in_(file, std::ios::binary) {}
  bool open() const { return in_.is_open(); }
  std::size_t read(char* to, std::size_t size) override {
    in_.read(to, static_cast<std::streamsize>(size));
    return static_cast<std::size_t>(in_.gcount());
  }
  bool failed() const override { return in_.bad(); }

 private:
  std::ifstream in_;
};

class TextInput final : public Input {
 public:
  explicit TextInput(std::string text) : text_(std::move(text)) {}
  std::size_t read(char* to, std::size_t size) override {
    const std::size_t n = std::min(size, text_.size() - at_);
    std::memcpy(to, text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// A place in a line that moves on as parts are taken off.
struct Cursor {
  const char* at;
  const char* end;

  void skip_blanks() {
    while (at != end && is_blank(*at)) ++at;
  }
  bool take(char c) { return at != end && *at == c ? (++at, true) : false; }
  bool take(std::string_view word) {
    if (static_cast<std::size_t>(end - at) < word.size() || std::string_view(at, word.size()) != word) return false;
    at += word.size();
    return true;
  }
  /// False where there is no digit or the number passes 64 bits.
  bool decimal(std::uint64_t& value) {
    const char* first = at;
    value = 0;
    for (; at != end && *at >= '0' && *at <= '9'; ++at) {
      const auto digit = static_cast<std::uint64_t>(*at - '0');
      if (value > (~std::uint64_t{0} - digit) / 10) return false;
      value = value * 10 + digit;
    }
    return at != first;
  }
  bool hexadecimal(std::uint64_t& value) {
    if (!take('0') || !(take('x') || take('X'))) return false;
    const char* first = at;
    value = 0;
    for (; at != end; ++at) {
      std::uint64_t digit;
      if (*at >= '0' && *at <= '9') {
        digit = static_cast<std::uint64_t>(*at - '0');
      } else if (*at >= 'a' && *at <= 'f') {
        digit = static_cast<std::uint64_t>(*at - 'a' + 10);
      } else if (*at >= 'A' && *at <= 'F') {
        digit = static_cast<std::uint64_t>(*at - 'A' + 10);
      } else {
        break;
      }
      if (value >> 60) return false;
      value = value << 4 | digit;
    }
    return at != first;
  }
};

const char* const csv_rule = "allowed: index,R|W,0xADDRESS, as 12,R,0x3c0";
const char* const stl_rule = "allowed: cycle: read|write 0xADDRESS, as 12: read 0x3c0";

class TraceReader final : public AccessStream {
 public:
  TraceReader(std::unique_ptr<Input> input, TraceFormat format, std::string file, std::uint64_t bytes)
      : input_(std::move(input)), format_(format), file_(std::move(file)), bytes_(bytes), buffer_(64 * 1024) {}

  const Error* error() const override { return error_ ? &*error_ : nullptr; }

  bool next(MemoryAccess& access) override {
    Cursor line{};
    while (next_line(line)) {
      while (line.end != line.at && (is_blank(line.end[-1]) || line.end[-1] == '\r')) --line.end;
      const char* const first = line.at;
      line.skip_blanks();
      if (line.at == line.end || *line.at == '#') continue;
      const std::string_view text(first, static_cast<std::size_t>(line.end - first));
      if (const char* wrong = format_ == TraceFormat::csv ? csv(line, access) : stl(line, access)) return stop(text, wrong);
      if (line.at != line.end) {
        return stop(text, format_ == TraceFormat::csv ? "something after the address" : "something after the address (data and lengths are not read)");
      }
      if (bytes_ && access.address >= bytes_) {
        char hex[32];
        std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(access.address));
        char last[32];
        std::snprintf(last, sizeof last, "0x%llx", static_cast<unsigned long long>(bytes_ - 1));
        return stop_with(std::string("address ") + hex + " is outside the memory of " + std::to_string(bytes_) + " bytes; allowed: 0x0 to " + last);
      }
      ++accesses_;
      return true;
    }
    if (!error_ && accesses_ == 0) error_.emplace(ErrorKind::invalid_input, Problem{file_, "", "no access in the trace; " + rule()});
    return false;
  }

 private:
  std::string rule() const { return format_ == TraceFormat::csv ? csv_rule : stl_rule; }

  static const char* csv(Cursor& line, MemoryAccess& access) {
    std::uint64_t index;
    if (!line.decimal(index)) return "no index";
    line.skip_blanks();
    if (!line.take(',')) return "no comma after the index";
    line.skip_blanks();
    if (line.take('R')) {
      access.write = false;
    } else if (line.take('W')) {
      access.write = true;
    } else {
      return "neither R nor W";
    }
    line.skip_blanks();
    if (!line.take(',')) return "no comma after R or W";
    line.skip_blanks();
    if (!line.hexadecimal(access.address)) return "no address of up to 64 bits";
    access.cycle = 0;
    return nullptr;
  }

  static const char* stl(Cursor& line, MemoryAccess& access) {
    if (!line.decimal(access.cycle)) return "no cycle";
    if (access.cycle > last_cycle) return "a cycle beyond 10^12";
    line.skip_blanks();
    if (!line.take(':')) return "no colon after the cycle";
    line.skip_blanks();
    if (line.take("read")) {
      access.write = false;
    } else if (line.take("write")) {
      access.write = true;
    } else {
      return "neither read nor write";
    }
    if (line.at == line.end || !is_blank(*line.at)) return "no blank after read or write";
    line.skip_blanks();
    if (!line.hexadecimal(access.address)) return "no address of up to 64 bits";
    return nullptr;
  }

  bool stop(std::string_view text, const char* wrong) { return stop_with(std::string(wrong) + ": found " + in_quotes(text) + "; " + rule()); }
  bool stop_with(std::string message) {
    error_.emplace(ErrorKind::invalid_input, Problem{file_, "line " + std::to_string(line_), std::move(message)});
    return false;
  }

  /// The next line without its end. A line stays valid until the next call.
  bool next_line(Cursor& line) {
    if (error_) return false;
    for (;;) {
      const char* const first = buffer_.data() + begin_;
      const void* const newline = std::memchr(first, '\n', end_ - begin_);
      if (newline) {
        line = {first, static_cast<const char*>(newline)};
        begin_ += static_cast<std::size_t>(line.end - line.at) + 1;
        ++line_;
        return check_length(line);
      }
      if (end_ - begin_ > longest_line || (ended_ && begin_ != end_)) {
        line = {first, buffer_.data() + end_};
        begin_ = end_;
        ++line_;
        return check_length(line);
      }
      if (ended_) return false;
      std::memmove(buffer_.data(), first, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      const std::size_t got = input_->read(buffer_.data() + end_, buffer_.size() - end_);
      if (input_->failed()) {
        error_.emplace(ErrorKind::run_failed, Problem{file_, "", "could not be read"});
        return false;
      }
      ended_ = got == 0;
      end_ += got;
    }
  }

  bool check_length(const Cursor& line) {
    if (static_cast<std::size_t>(line.end - line.at) <= longest_line) return true;
    return stop(std::string_view(line.at, longest_line), "a line of more than 256 characters");
  }

  std::unique_ptr<Input> input_;
  TraceFormat format_;
  std::string file_;
  std::uint64_t bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
  std::uint64_t line_ = 0, accesses_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Expected<TraceFormat> trace_format(const std::string& file) {
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension == ".csv") return TraceFormat::csv;
  if (extension == ".stl") return TraceFormat::stl;
  return invalid(file, "", "extension " + in_quotes(extension) + " of a trace; allowed: .csv (index,R|W,0xADDRESS), .stl (cycle: read|write 0xADDRESS)");
}

Expected<std::unique_ptr<AccessStream>> open_trace(const std::string& file, std::uint64_t bytes) {
  auto format = trace_format(file);
  if (!format) return fail(std::move(format.error()));
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return invalid(file, "", "a folder; a trace file is needed");
  errno = 0;
  auto input = std::make_unique<FileInput>(file);
  if (!input->open()) return invalid(file, "", std::string("could not be opened: ") + std::strerror(errno ? errno : ENOENT));
  return std::make_unique<TraceReader>(std::move(input), *format, file, bytes);
}

std::unique_ptr<AccessStream> trace_from_text(std::string text, TraceFormat format, const std::string& shown_as, std::uint64_t bytes) {
  return std::make_unique<TraceReader>(std::make_unique<TextInput>(std::move(text)), format, shown_as, bytes);
}

std::string trace_line(const MemoryAccess& access, std::uint64_t index, TraceFormat format) {
  char text[96];
  if (format == TraceFormat::csv) {
    std::snprintf(text, sizeof text, "%llu,%c,0x%llx\n", static_cast<unsigned long long>(index), access.write ? 'W' : 'R',
                  static_cast<unsigned long long>(access.address));
  } else {
    std::snprintf(text, sizeof text, "%llu:\t%s\t0x%llx\n", static_cast<unsigned long long>(access.cycle), access.write ? "write" : "read",
                  static_cast<unsigned long long>(access.address));
  }
  return text;
}

Expected<std::uint64_t> write_trace(AccessStream& stream, const std::string& file, TraceFormat format) {
  std::ofstream out(file, std::ios::binary);
  if (!out) return fail(ErrorKind::run_failed, file + ": could not be written");
  MemoryAccess access;
  std::uint64_t count = 0;
  while (out && stream.next(access)) out << trace_line(access, count++, format);
  if (stream.error()) return fail(*stream.error());
  out.close();
  if (!out) return fail(ErrorKind::run_failed, file + ": could not be written");
  return count;
}

}  // namespace gnomon::workloads
