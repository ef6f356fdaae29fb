#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/hls/design.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Everything that decides the RTL of a complete design. A word is an element of the operands' precision; a partial sum takes
/// `sum_words` of them. The words of all levels, the core's and then the shared ones, have one address space, level after level.
struct DesignShape {
  ArrayParameters array;
  struct Level {
    std::int64_t words = 0, offset = 0, banks = 1;
    std::int64_t bytes_per_cycle = 1;
    bool holds[arch::operand_count] = {};
    bool narrow = false;  ///< a step of the array can ask a port for more than it passes in a cycle
    bool shared = false;  ///< between the core and the memory, reached over the bus; the array and the vector unit have no ports there
    bool gives(arch::Operand operand) const { return holds[static_cast<std::size_t>(operand)] && !shared; }  ///< to the array
  };
  std::vector<Level> levels;
  std::int64_t sum_words = 4;
  std::int64_t vector_lanes = 0;
  std::int64_t dma_lanes = 1;    ///< words that a transfer moves in a cycle, at most
  int flight_log = 2;            ///< reads under way, as a power of two
  int address_bits = 1;          ///< of a word in the levels
  std::int64_t bias_words = 4096;
  bool images = false;           ///< convolutions of several images
  bool spread = false;           ///< windows that leave rows or columns out: dilated ones, and convolutions' that are smaller than their stride
  int mean_log = 0;              ///< means by each window's own count of taps, which is below this power of two; 0: none
  bool banked = false;           ///< layouts in which words share banks
  bool nested = false;           ///< operands kept in two levels or more: units for the transfers between levels
  bool device = false;           ///< a DRAM device behind the ports: requests complete in any order, by tag
  bool granted = false;          ///< one core of several: when a transfer on a link that they share begins is decided outside
  static constexpr int tag_log = 6;  ///< of a device's requests that are not complete, as a power of two
  static constexpr std::int64_t core_link = -2, bus_link = -1;
  /// A unit that moves words between levels, on a link of its own, and the pairs of levels (inner, outer) between which it may.
  struct Link {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    std::int64_t place = core_link;  ///< in the design: `core_link` the core's own, `bus_link`, or the shared level that is filled over it
    bool inner(std::size_t level) const;
    bool outer(std::size_t level) const;
  };
  std::vector<Link> links;    ///< only where nested
  std::int64_t link_lanes = 1;  ///< words that a link moves in a cycle, at most
  std::int64_t bus_bytes_per_cycle = 0;
  /// The unit between core and shared levels, which has the bus in turns with the memory's; 0: there is none.
  std::size_t bus_engine = 0;
  /// Units of transfers: the memory's, then the links'. Each counts what it has completed in `transfer_classes` counters.
  std::size_t engines() const { return 1 + links.size(); }
  std::size_t counters() const;
  /// A unit whose link other cores use too.
  bool waits_for_grant(std::size_t engine) const { return granted && engine > 0 && links[engine - 1].place != core_link; }
  /// Its units for memory and bus have the bus in turns, and what the memory has taken is said from outside.
  bool told_of_release() const { return granted && bus_engine > 0; }
  /// The link between two levels.
  std::size_t link_between(std::size_t inner, std::size_t outer) const;
  /// Bytes and words a cycle of transfers between two levels.
  std::int64_t link_bytes_per_cycle(std::size_t inner, std::size_t outer) const;
  std::int64_t link_beat(std::size_t inner, std::size_t outer) const;
  /// Steps can take several cycles: some level is narrow, or words of a step may share a bank.
  bool prices_steps() const;
  /// Words or sums are fractions of a byte, so that folds in flight together are rounded up to bytes one by one.
  bool cuts_bytes() const { return array.precision_bits % 8 != 0 || array.accumulator_bits % 8 != 0; }
  /// Several levels hold the operand: the mapping says which one.
  bool several_hold(arch::Operand operand) const;
  /// Words of a beat of each operand's stream into the array.
  std::int64_t ifmap_lanes() const { return array.dataflow == arch::Dataflow::is ? array.cols : array.rows; }
  std::int64_t filter_lanes() const { return array.dataflow == arch::Dataflow::is ? array.rows : array.cols; }
};

/// The shape of a design. Unsupported, naming the field: several cores, more than one transfer rate per fraction of a word, accumulators that
/// are no multiple of the precision. `nested`: with transfers between levels, the shared ones among them; without, shared levels are filled from the memory alone.
Expected<DesignShape> design_shape(const arch::Design& design, bool nested = false);
/// The design with this core alone, and with its part of the shared levels.
arch::Design core_alone(const arch::Design& design, std::size_t core);
/// The shape of one core of several: as if it were alone, with the ports of a device, since what others do decides when a transfer begins; of shared
/// levels the core's part is its own.
Expected<DesignShape> core_shape(const arch::Design& design, std::size_t core, bool nested = false);
/// The shape has what the workload needs.
void add_parts(DesignShape& shape, const WorkloadParts& parts);
/// RTL of a shape.
Expected<Rtl> emit_shape(const DesignShape& shape);
/// Bytes a cycle between core levels (or shared ones, without the bus) and the memory, the levels' ports apart. A device's own rate is its controller's matter.
std::int64_t outer_bytes_per_cycle(const arch::Design& design, bool shared);

/// A field of a descriptor: its bits follow those of the field before it.
struct DescriptorField {
  std::string name;
  int bits = 1;
};

/// A descriptor's fields in order, lowest bits first.
class DescriptorLayout {
 public:
  explicit DescriptorLayout(std::vector<DescriptorField> fields);
  const std::vector<DescriptorField>& fields() const { return fields_; }
  int bits() const { return bits_; }
  /// First bit and width; the name must exist.
  int at(const std::string& name) const;
  int width(const std::string& name) const;
  bool has(const std::string& name) const;
  /// First bit of the first field, and bits of all fields (0: there are none), whose names begin with `prefix` (they stand together).
  int group_at(const std::string& prefix) const;
  int group_bits(const std::string& prefix) const;

 private:
  std::vector<DescriptorField> fields_;
  std::vector<int> at_;
  int bits_ = 0;
  std::size_t find(const std::string& name) const;
};

/// What the program of a design is made of (docs/rtl.md, "Complete designs").
struct DescriptorLayouts {
  DescriptorLayout transfer, fold, config, chunk;
};
DescriptorLayouts descriptor_layouts(const DesignShape& shape);

/// Counters of progress: array tiles and vector chunks ended; fills of ifmap, filter, ofmap and write-backs complete.
inline constexpr int transfer_classes = 4;
inline constexpr int first_fill_class = 0;  ///< of the ifmap; filter and ofmap follow. Vector work has this one alone
inline constexpr int write_back_class = 3;
/// Units of transfers that a design may have.
inline constexpr std::size_t most_engines = 8;

/// `done[31:0] >= PREFIXneed0 && ...`: all counters of transfers have reached what a descriptor asks for.
std::string needs_met(const DesignShape& shape, const std::string& done, const std::string& prefix);

using Places = std::map<std::string, std::string>;
/// A number at `NAME`, and at `NAME1` one less: the last bit or index.
void set_place(Places& places, const std::string& name, std::int64_t value);

/// A queue that the RTL builds.
struct QueueShape {
  std::string name;       ///< of its instance
  std::int64_t bits = 1;  ///< of a word
  int log = 2;            ///< words, as a power of two
};
/// The queues of a transfers' unit, of a link's, and those of the whole beside its parts.
std::vector<QueueShape> dma_queues(const DesignShape& shape);
std::vector<QueueShape> link_queues(const DesignShape& shape);
std::vector<QueueShape> whole_queues(const DesignShape& shape);
/// The beginning of a queue's instance, parameters and name, at `QUEUE_name`.
void set_queue_places(Places& places, const std::vector<QueueShape>& queues);

/// SystemVerilog of the parts; each returns the text of its modules. `places`: what array_places() gives and the widths that the parts share.
Places design_places(const DesignShape& shape, const std::string& top);
std::string dma_text(const DesignShape& shape, const Places& places);
/// A link's unit; all of a design are alike.
std::string link_text(const DesignShape& shape, const Places& places);
std::string level_text(const DesignShape& shape, std::size_t level, const Places& places);
std::string feed_text(const DesignShape& shape, const Places& places);
/// What holds the array while a level's port needs further cycles for a step; only where steps are priced.
std::string meter_text(const DesignShape& shape, const Places& places);
/// Its instance in the whole, and what that instance needs there.
std::string meter_instance(const DesignShape& shape);
std::string results_text(const DesignShape& shape, const Places& places);
std::string vector_text(const DesignShape& shape, const Places& places);
/// The links' instances, and the words that they and the levels exchange.
std::string link_instances(const DesignShape& shape, const Places& places);
/// The whole around them, with the array's module of that name; its text has only this module.
std::string whole_text(const DesignShape& shape, const std::string& array, const Places& places);
/// `assign`s from a descriptor's bits to wires `PREFIXname`, with their declarations; only fields that begin with `group`.
std::string unpack_text(const DescriptorLayout& layout, const std::string& from, const std::string& group, const std::string& prefix);

}  // namespace gnomon::hls
