#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// A port of a loaded model: bit b is bit b % 8 of byte b / 8.
struct PortData {
  std::uint8_t* data = nullptr;
  int bits = 0;
  bool input = true;

  void set(std::uint64_t value) const { set_lane(0, bits < 64 ? bits : 64, value); }
  std::uint64_t get() const { return get_lane(0, bits < 64 ? bits : 64); }
  /// Lane `lane` of lanes of `width` (at most 64) bits each; the value is cut to the width.
  void set_lane(std::int64_t lane, int width, std::uint64_t value) const;
  std::uint64_t get_lane(std::int64_t lane, int width) const;
};

/// RTL compiled by build_model(), loaded into this process: do that in a child process only, since nothing vouches for generated
/// code.
class LoadedModel {
 public:
  /// `trace_file`: an FST file, or empty. Errors: the library cannot be loaded, or lacks the interface.
  static Expected<LoadedModel> load(const std::filesystem::path& library, const std::filesystem::path& trace_file, int seed);
  LoadedModel(LoadedModel&& other) noexcept;
  LoadedModel& operator=(LoadedModel&&) = delete;
  ~LoadedModel();

  Expected<PortData> port(const std::string& name) const;
  const std::map<std::string, PortData>& ports() const { return ports_; }
  bool has(const std::string& name) const { return ports_.count(name) > 0; }
  void eval() { eval_(model_); }
  /// Writes the state to the trace, if there is one; times must grow.
  void dump(std::uint64_t time) { dump_(model_, time); }

 private:
  LoadedModel() = default;
  void* library_ = nullptr;
  void* model_ = nullptr;
  void (*eval_)(void*) = nullptr;
  void (*dump_)(void*, unsigned long long) = nullptr;
  void (*destroy_)(void*) = nullptr;
  std::map<std::string, PortData> ports_;
};

}  // namespace gnomon::hls
