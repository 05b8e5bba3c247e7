// See structures.hpp.
#include "structures.hpp"

#include <charconv>

namespace vyre::abi {

Status check_struct_size(std::uint32_t size, const char* type) {
  constexpr std::uint32_t kStep{8};  // every such structure has members of 8 bytes
  if (size >= kStep && size % kStep == 0 && size <= kMaxStructBytes) return {};
  return fail(Errc::invalid_argument, "struct_size of a " + std::string(type) + " is " +
                                          std::to_string(size) + ": set it to sizeof(" + type +
                                          "), as VYRE_INIT does");
}

Status check_tail(const void* structure, std::uint32_t known, std::uint32_t size,
                  const char* type) {
  const auto* bytes = static_cast<const unsigned char*>(structure);
  for (std::uint32_t i = known; i < size; ++i) {
    if (bytes[i] != 0) {
      return fail(Errc::unsupported, "byte " + std::to_string(i) + " of a " + type +
                                         " is set, and this library (" VYRE_VERSION_STRING
                                         ") knows " +
                                         std::to_string(known) + "; install a newer one");
    }
  }
  return {};
}

Status read_named(const vyre_option* options, std::size_t count,
                  const std::vector<NamedOption>& known,
                  const std::vector<std::string_view>& reserved) {
  if (count != 0 && options == nullptr) {
    return fail(Errc::invalid_argument, "options is NULL with an option_count of " +
                                            std::to_string(count) + "; give that many options");
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (options[i].key == nullptr || options[i].value == nullptr) {
      return fail(Errc::invalid_argument,
                  "option " + std::to_string(i) + " has no key or no value; give both as strings");
    }
    const std::string_view key{options[i].key};
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const NamedOption& option) { return option.key == key; });
    if (found != known.end()) {
      VYRE_TRY(found->set(options[i].value));
      continue;
    }
    if (std::find(reserved.begin(), reserved.end(), key) != reserved.end()) {
      return fail(Errc::unsupported, "option '" + std::string(key) +
                                         "' is reserved for a later release; leave it out");
    }
    std::string names;
    for (const NamedOption& option : known) {
      names += (names.empty() ? "" : ", ") + std::string(option.key);
    }
    return fail(Errc::unsupported, "option '" + std::string(key) + "' is not known here; known: " +
                                       (names.empty() ? "none" : names));
  }
  return {};
}

Result<std::uint64_t> whole_number(std::string_view key, std::string_view value,
                                   std::uint64_t most) {
  std::uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error == std::errc{} && stop == end && number <= most) return number;
  return fail(Errc::invalid_argument, "option '" + std::string(key) + "' is '" +
                                          std::string(value) + "': choose a whole number up to " +
                                          std::to_string(most));
}

}  // namespace vyre::abi
