// See device_choice.hpp.
#include "cuda/host/device_choice.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/message.hpp"

namespace vyre::cuda {
namespace {

constexpr std::size_t kPrefix{4};          // "GPU-" and "MIG-"
constexpr std::size_t kUuid{36};           // behind it, with four hyphens
constexpr std::size_t kLeastOfUuid{8};     // the digits before the first hyphen
constexpr std::size_t kMostNameBytes{64};  // of a name that a message repeats

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::optional<std::size_t> ordinal(std::string_view wanted) {
  std::size_t number = 0;
  const char* const end = wanted.data() + wanted.size();
  const auto [behind, wrong] = std::from_chars(wanted.data(), end, number);
  if (wanted.empty() || wrong != std::errc{} || behind != end) return std::nullopt;
  return number;
}

/// The digits and hyphens behind "GPU-", or nothing if it is no UUID.
std::optional<std::string_view> uuid_digits(std::string_view wanted) {
  if (!wanted.starts_with("GPU-") && !wanted.starts_with("MIG-")) return std::nullopt;
  const std::string_view digits = wanted.substr(kPrefix);
  if (digits.size() < kLeastOfUuid || digits.size() > kUuid) return std::nullopt;
  const auto fits = [&](std::size_t at) {
    const bool hyphen = at == 8 || at == 13 || at == 18 || at == 23;
    return hyphen ? digits[at] == '-' : is_hex(digits[at]);
  };
  for (std::size_t at = 0; at < digits.size(); ++at) {
    if (!fits(at)) return std::nullopt;
  }
  return digits;
}

bool begins(const DeviceIdentity& device, std::string_view digits) {
  if (device.uuid.size() < kPrefix + digits.size()) return false;
  return std::equal(digits.begin(), digits.end(), device.uuid.begin() + kPrefix,
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string list_of(std::span<const DeviceIdentity> devices) {
  std::string text;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    text += message("{}{}: {} ({})", i == 0 ? "" : ", ", i, devices[i].name, devices[i].uuid);
  }
  return text;
}

}  // namespace

Status check_device_name(std::string_view wanted) {
  if (ordinal(wanted) || uuid_digits(wanted)) return {};
  return fail(Errc::invalid_argument,
              message("'{}' names no device: give its number (0, 1, ...) or its UUID (GPU- and at "
                      "least {} digits of it), as `nvidia-smi -L` lists them",
                      wanted.substr(0, kMostNameBytes), kLeastOfUuid));
}

Result<std::size_t> find_device(std::string_view wanted, std::span<const DeviceIdentity> devices) {
  VYRE_TRY(check_device_name(wanted));
  std::optional<std::size_t> found;
  if (const auto number = ordinal(wanted)) {
    if (*number < devices.size()) return *number;
  } else {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (!begins(devices[i], *uuid_digits(wanted))) continue;
      if (found) {
        return fail(Errc::invalid_argument,
                    message("'{}' begins the UUIDs of several devices; give more of it: {}", wanted,
                            list_of(devices)));
      }
      found = i;
    }
  }
  if (found) return *found;
  return fail(Errc::not_found,
              message("there is no device '{}'; the driver lists {}", wanted, list_of(devices)));
}

std::string uuid_text(std::span<const char, 16> bytes) {
  constexpr std::string_view kDigits{"0123456789abcdef"};
  std::string text = "GPU-";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace vyre::cuda
