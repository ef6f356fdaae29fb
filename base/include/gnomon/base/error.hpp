#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace gnomon {

/// What kind of thing went wrong; the command line maps each kind to one exit code (see `exit_code`).
enum class ErrorKind {
  run_failed,     ///< the run itself failed (a worker died, a tool returned an error)
  usage,          ///< the command line was wrong
  invalid_input,  ///< a file or a value from outside is wrong
  unsupported,    ///< the input is right, but gnomon has no model for it
  infeasible,     ///< finished, and nothing satisfies the constraints
  interrupted     ///< stopped from outside, state saved
};

/// Exit code of the command line for an error kind: 1, 2, 3, 4, 5 or 130.
int exit_code(ErrorKind kind);

/// One thing that is wrong, and where: `file: /json/pointer: message`. File and pointer may be empty.
struct Problem {
  std::string file;
  std::string pointer;
  std::string message;

  std::string text() const;
  bool operator==(const Problem&) const = default;
};

/// Everything that is wrong with one input, in the order found. Never empty.
class Error {
 public:
  Error(ErrorKind kind, Problem problem) : kind_(kind), problems_{std::move(problem)} {}
  Error(ErrorKind kind, std::vector<Problem> problems) : kind_(kind), problems_(std::move(problems)) {}
  Error(ErrorKind kind, std::string message) : Error(kind, Problem{{}, {}, std::move(message)}) {}

  ErrorKind kind() const { return kind_; }
  const std::vector<Problem>& problems() const { return problems_; }
  /// One line per problem, without a final newline.
  std::string text() const;

 private:
  ErrorKind kind_;
  std::vector<Problem> problems_;
};

/// The result of anything that a user's input can make fail.
template <class T>
using Expected = tl::expected<T, Error>;

/// Shorthand for returning an error from a function that gives an Expected.
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error(kind, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> invalid(std::string file, std::string pointer, std::string message) {
  return tl::unexpected<Error>(
      Error(ErrorKind::invalid_input, Problem{std::move(file), std::move(pointer), std::move(message)}));
}

}  // namespace gnomon
