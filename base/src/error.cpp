#include "gnomon/base/error.hpp"

namespace gnomon {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::run_failed: return 1;
    case ErrorKind::usage: return 2;
    case ErrorKind::invalid_input: return 3;
    case ErrorKind::unsupported: return 4;
    case ErrorKind::infeasible: return 5;
    case ErrorKind::interrupted: return 130;
  }
  return 1;
}

std::string Problem::text() const {
  std::string out;
  if (!file.empty()) out += file + ": ";
  if (!pointer.empty()) out += pointer + ": ";
  return out + message;
}

std::string Error::text() const {
  std::string out;
  for (const Problem& problem : problems_) {
    if (!out.empty()) out += '\n';
    out += problem.text();
  }
  return out;
}

}  // namespace gnomon
