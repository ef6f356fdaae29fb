// Stand-in for the vendor's streams: without a limit of depth, and reading an empty one ends the program with a message.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace hls {

template <class T>
class stream {
 public:
  stream() = default;
  explicit stream(const char* name) : name_(name) {}
  stream(const stream&) = delete;
  void write(const T& value) { queue_.push_back(value); }
  T read() {
    if (queue_.empty()) {
      std::fprintf(stderr, "stream %s is read while it is empty\n", name_.c_str());
      std::exit(9);
    }
    T value = queue_.front();
    queue_.pop_front();
    return value;
  }
  bool empty() const { return queue_.empty(); }
  std::size_t size() const { return queue_.size(); }

 private:
  std::deque<T> queue_;
  std::string name_ = "?";
};

}  // namespace hls
