#include "emit/kernel_cpp.hpp"
namespace gnomon::hls {
std::string emit_kernel_cpp(const Kernel& k) { return "// " + k.name + "\n"; }
}  // namespace gnomon::hls
