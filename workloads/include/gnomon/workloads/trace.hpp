#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/error.hpp"

/// Memory traces: what a memory must do. Files are read and written as streams, so that a trace of any length needs the same memory.
namespace gnomon::workloads {

/// One access of a trace, to the burst that holds byte `address`.
struct MemoryAccess {
  /// Not before this cycle of the memory's command clock; 0 in traces that carry no times.
  std::uint64_t cycle = 0;
  std::uint64_t address = 0;
  bool write = false;
  bool operator==(const MemoryAccess&) const = default;
};

/// `csv`: `index,R|W,0xADDR`, offered in order, as fast as taken. `stl`: `cycle: read|write 0xADDR`, not before that cycle
/// (at most 10^12).
enum class TraceFormat { csv, stl };
/// By the file's extension.
Expected<TraceFormat> trace_format(const std::string& file);

/// Accesses one after the other.
class AccessStream {
 public:
  virtual ~AccessStream() = default;
  /// Gives the next access; false at the end, or where the stream cannot go on (see `error`).
  virtual bool next(MemoryAccess& access) = 0;
  /// What stopped the stream, or nothing where it came to its end.
  virtual const Error* error() const { return nullptr; }
};

/// Opens a trace file. Blank lines and lines that begin with `#` are passed over; everything else must be an access.
/// `bytes` is the size of the memory; an access at or beyond it stops the stream (0: any address). Errors name file and line, say what was
/// found and what is allowed. A trace without any access is an error too.
Expected<std::unique_ptr<AccessStream>> open_trace(const std::string& file, std::uint64_t bytes = 0);
/// The same from text in memory; `shown_as` is the name that errors use.
std::unique_ptr<AccessStream> trace_from_text(std::string text, TraceFormat format, const std::string& shown_as, std::uint64_t bytes = 0);

/// Writes all accesses of the stream to the file (replacing it); gives their number. The STL cycle is that of the access.
Expected<std::uint64_t> write_trace(AccessStream& stream, const std::string& file, TraceFormat format);
/// One line of a trace, with its end.
std::string trace_line(const MemoryAccess& access, std::uint64_t index, TraceFormat format);

/// A kind of trace that `make_trace` generates.
struct TracePattern {
  std::string name;
  std::string description;
  /// What `make_trace` takes where the caller does not say.
  std::uint64_t count = 0, bytes = 0;
  /// The format in which it is shipped.
  TraceFormat format = TraceFormat::csv;
};
const std::vector<TracePattern>& trace_patterns();

struct TraceOptions {
  /// 0: the pattern's own.
  std::uint64_t count = 0;
  /// Size of the address space, a power of two from 64 KiB on; 0: the pattern's own.
  std::uint64_t bytes = 0;
  std::uint64_t seed = 42;
};
/// A seeded generator of the pattern's accesses, all to lines of 64 bytes. Errors: an unknown pattern, a size that is no power of two.
///
/// `stream`, `random`, `cloud-1`, `cloud-2`: one read a cycle; statistics of the four traces of ArchGym's DRAM space (Krishnan et al.,
/// ISCA 2023): consecutive lines; lines drawn uniformly; and blends in blocks of 50 reads, of which 96 and 101 in 200 go on with the
/// one stream while the others are uniform. The order of the blocks is shuffled.
/// `seq`, `rand`, `mix`: consecutive lines; lines drawn uniformly; half of the accesses go on with one of four streams (a quarter of the
/// memory apart) and half are uniform, a third of all are writes. Bit by bit the sequences of SplitMix64 started at the seed: one draw a
/// request (`rand`: line = draw modulo lines; `mix`: bit 0 stream, bits 1-2 which, else another draw for the line; then write where a draw
/// is divisible by 3).
/// `stride`: every 64th line (4 KiB apart), moving on by a line when the memory has been passed.
/// `two-streams`: consecutive lines in turn from the lower and the upper half of the memory, which open different rows of one bank.
/// `hot-rows`: uniform lines of 64 blocks of 8 KiB, the blocks drawn uniformly. `blocks`: blocks of 1 KiB, drawn uniformly, each read from
/// its first line to its last.
Expected<std::unique_ptr<AccessStream>> make_trace(const std::string& pattern, const TraceOptions& options = {});

}  // namespace gnomon::workloads
