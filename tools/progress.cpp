#include "progress.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "base/message.hpp"

namespace vyre::cli {
namespace {

using std::chrono::steady_clock;

/// "12.3 MiB"
std::string bytes_text(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  const auto tenths = static_cast<std::uint64_t>(bytes * 10);
  if (unit == 0) return message("{} B", tenths / 10);
  return message("{}.{} {}", tenths / 10, tenths % 10, kUnits[unit]);
}

/// "1 h 2 min", "3 min 4 s" or "5 s"
std::string time_text(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::ceil(seconds));
  if (s >= 3'600) return message("{} h {} min", s / 3'600, s / 60 % 60);
  return s >= 60 ? message("{} min {} s", s / 60, s % 60) : message("{} s", s);
}

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      begun_(steady_clock::now()),
      next_(begun_ + std::chrono::seconds(1)) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

bool Progress::due() {
  if (!terminal_) return false;
  const auto now = steady_clock::now();
  if (now < next_) return false;
  next_ = now + std::chrono::milliseconds(200);
  return true;
}

void Progress::show(const std::string& text) {
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s: %s", what_.c_str(), text.c_str());
  std::fflush(stderr);
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (due()) show(message("{} of {}", done, total));
}

void Progress::update_bytes(std::uint64_t done, std::optional<std::uint64_t> total) {
  if (!due()) return;
  const double took = std::chrono::duration<double>(steady_clock::now() - begun_).count();
  const double rate = static_cast<double>(done) / took;
  std::string text = bytes_text(static_cast<double>(done));
  if (total) text += message(" of {}", bytes_text(static_cast<double>(*total)));
  text += message(", {}/s", bytes_text(rate));
  if (total && done != 0 && done <= *total)
    text += message(", {} left", time_text(static_cast<double>(*total - done) / rate));
  show(text);
}

}  // namespace vyre::cli
