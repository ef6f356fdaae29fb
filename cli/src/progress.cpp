#include "progress.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "console.hpp"

namespace gnomon::cli {
namespace {

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60) : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

void ProgressView::show(const search::Progress& progress) {
  const bool terminal = ::isatty(2) != 0;
  const bool last = progress.done >= progress.total;
  const double interval_s = terminal ? 0.1 : 10;
  if (!last && progress.elapsed_s - last_shown_s_ < interval_s) return;
  last_shown_s_ = progress.elapsed_s;
  std::string text = fmt::format("{}/{} evaluations", progress.done, progress.total);
  if (progress.rate_per_s > 0) text += fmt::format(", {:.3g}/s", progress.rate_per_s);
  if (progress.eta_s) text += ", " + clock_text(*progress.eta_s) + " left";
  if (progress.best) text += fmt::format(", best {} {:.4g}{}", objective_, *progress.best, unit_.empty() ? "" : " " + unit_);
  if (progress.hypervolume) text += fmt::format(", hypervolume {:.4g}", *progress.hypervolume);
  if (progress.failed > 0) text += fmt::format(", {} failed", progress.failed);
  if (terminal) {
    text = text.substr(0, terminal_width() - 1);
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

void ProgressView::finish() {
  if (open_) std::fputc('\n', stderr);
  open_ = false;
}

}  // namespace gnomon::cli
