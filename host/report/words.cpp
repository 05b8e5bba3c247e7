// Numbers as people read them. See words.hpp.
#include "words.hpp"

#include <algorithm>
#include <cstdio>

#include "base/message.hpp"

namespace vyre::report {
namespace {

std::string with_unit(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text,
                value < 10    ? "%.2f %s"
                : value < 100 ? "%.1f %s"
                              : "%.0f %s",
                value, unit);
  return text;
}

}  // namespace

std::string time_text(double ns) {
  if (ns < 1e3) return with_unit(ns, "ns");
  if (ns < 1e6) return with_unit(ns / 1e3, "us");
  if (ns < 1e9) return with_unit(ns / 1e6, "ms");
  return with_unit(ns / 1e9, "s");
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 10'000) return message("{} B", bytes);
  if (value < 1e7) return with_unit(value / 1e3, "kB");
  if (value < 1e10) return with_unit(value / 1e6, "MB");
  return with_unit(value / 1e9, "GB");
}

std::string rate_text(double per_second) {
  if (per_second < 1e3) return with_unit(per_second, "items/s");
  if (per_second < 1e6) return with_unit(per_second / 1e3, "k items/s");
  return with_unit(per_second / 1e6, "M items/s");
}

std::uint64_t median(std::vector<std::uint64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace vyre::report
