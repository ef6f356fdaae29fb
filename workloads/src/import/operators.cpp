#include <string>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

HandlerTable every_handler() {
  HandlerTable table;
  add_convolution(table);
  add_elementwise(table);
  add_matmul(table);
  add_movement(table);
  add_normalization(table);
  add_pooling(table);
  add_resample(table);
  add_shape(table);
  return table;
}

}  // namespace

Handler handler_of(const Node& node) {
  static const HandlerTable table = every_handler();
  const auto at = table.find(node.domain.empty() ? node.type : node.domain + ":" + node.type);
  return at == table.end() ? nullptr : at->second;
}

}  // namespace gnomon::workloads::import
