#include "cosim/model.hpp"

#include <dlfcn.h>

#include <cstring>

#include "gnomon/base/text.hpp"

namespace gnomon::hls {

void PortData::set_lane(std::int64_t lane, int width, std::uint64_t value) const {
  if (width == 8) {
    data[lane] = static_cast<std::uint8_t>(value);
    return;
  }
  std::int64_t bit = lane * width;
  for (int left = width; left > 0;) {
    const int offset = static_cast<int>(bit % 8), part = std::min(8 - offset, left);
    const std::uint8_t mask = static_cast<std::uint8_t>(((1u << part) - 1) << offset);
    data[bit / 8] = static_cast<std::uint8_t>((data[bit / 8] & ~mask) | (static_cast<std::uint8_t>(value << offset) & mask));
    value >>= part;
    bit += part;
    left -= part;
  }
}

std::uint64_t PortData::get_lane(std::int64_t lane, int width) const {
  if (width == 32) {
    std::uint32_t word;
    std::memcpy(&word, data + lane * 4, 4);
    return word;
  }
  std::uint64_t value = 0;
  std::int64_t bit = lane * width;
  for (int done = 0; done < width;) {
    const int offset = static_cast<int>(bit % 8), part = std::min(8 - offset, width - done);
    value |= static_cast<std::uint64_t>((data[bit / 8] >> offset) & ((1u << part) - 1)) << done;
    bit += part;
    done += part;
  }
  return value;
}

Expected<LoadedModel> LoadedModel::load(const std::filesystem::path& library, const std::filesystem::path& trace_file, int seed) {
  struct CPort {
    const char* name;
    int bits;
    int input;
    void* data;
  };
  LoadedModel model;
  model.library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (model.library_ == nullptr)
    return fail(ErrorKind::run_failed, "cannot load " + in_quotes(library.string()) + ": " + dlerror());
  const auto symbol = [&](const char* name) { return dlsym(model.library_, name); };
  const auto create = reinterpret_cast<void* (*)(const char*, int)>(symbol("gnomon_rtl_create"));
  const auto ports = reinterpret_cast<const CPort* (*)(void*, int*)>(symbol("gnomon_rtl_ports"));
  model.eval_ = reinterpret_cast<void (*)(void*)>(symbol("gnomon_rtl_eval"));
  model.dump_ = reinterpret_cast<void (*)(void*, unsigned long long)>(symbol("gnomon_rtl_dump"));
  model.destroy_ = reinterpret_cast<void (*)(void*)>(symbol("gnomon_rtl_destroy"));
  if (!create || !ports || !model.eval_ || !model.dump_ || !model.destroy_)
    return fail(ErrorKind::run_failed, in_quotes(library.string()) + " is not a compiled model");
  model.model_ = create(trace_file.empty() ? nullptr : trace_file.c_str(), seed);
  int count = 0;
  const CPort* list = ports(model.model_, &count);
  for (int i = 0; i < count; ++i)
    model.ports_[list[i].name] = PortData{static_cast<std::uint8_t*>(list[i].data), list[i].bits, list[i].input != 0};
  return model;
}

LoadedModel::LoadedModel(LoadedModel&& other) noexcept
    : library_(other.library_),
      model_(other.model_),
      eval_(other.eval_),
      dump_(other.dump_),
      destroy_(other.destroy_),
      ports_(std::move(other.ports_)) {
  other.library_ = other.model_ = nullptr;
}

LoadedModel::~LoadedModel() {
  if (model_ != nullptr) destroy_(model_);
  if (library_ != nullptr) dlclose(library_);
}

Expected<PortData> LoadedModel::port(const std::string& name) const {
  const auto at = ports_.find(name);
  if (at == ports_.end()) return fail(ErrorKind::run_failed, "the compiled model has no port " + in_quotes(name));
  return at->second;
}

}  // namespace gnomon::hls
