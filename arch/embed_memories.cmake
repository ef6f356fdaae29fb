# Writes OUTPUT, a C++ file with the text of every memories/*.json, in the order of their names.
file(GLOB files ${FOLDER}/*.json)
list(SORT files)
set(entries "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"memory_file(${text})memory_file\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include <algorithm>

#include \"gnomon/arch/dram.hpp\"

namespace gnomon::arch {
namespace {

struct Device {
  std::string_view name, text;
};
const Device devices[] = {
${entries}};

}  // namespace

std::vector<std::string> dram_devices() {
  std::vector<std::string> names;
  for (const Device& device : devices) names.emplace_back(device.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string_view> dram_device_text(std::string_view name) {
  for (const Device& device : devices) {
    if (device.name == name) return device.text;
  }
  return std::nullopt;
}

}  // namespace gnomon::arch
")
