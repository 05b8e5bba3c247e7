// See structures.hpp.
#include "structures.hpp"

#include <charconv>

#include "base/message.hpp"
#include "guard.hpp"

namespace vyre::abi {

Status check_struct_size(std::uint32_t size, const char* type) {
  constexpr std::uint32_t kStep{8};  // every such structure has members of 8 bytes
  if (size >= kStep && size % kStep == 0 && size <= kMaxStructBytes) return {};
  return fail(Errc::invalid_argument,
              message("struct_size of a {} is {}: set it to sizeof({}), as VYRE_INIT does", type,
                      size, type));
}

Status check_tail(const void* structure, std::uint32_t known, std::uint32_t size,
                  const char* type) {
  const auto* bytes = static_cast<const unsigned char*>(structure);
  for (std::uint32_t i = known; i < size; ++i) {
    if (bytes[i] != 0) {
      return fail(
          Errc::unsupported,
          message("byte {} of a {} is set, and this library ({}) knows {}; install a newer one", i,
                  type, VYRE_VERSION_STRING, known));
    }
  }
  return {};
}

Error not_zero(std::uint32_t reserved, const char* type) {
  return {Errc::invalid_argument,
          message("reserved of a {} is {}: set it to 0, as VYRE_INIT does", type, reserved)};
}

Status read_named(const vyre_option* options, std::size_t count,
                  const std::vector<NamedOption>& known,
                  const std::vector<std::string_view>& reserved) {
  if (count != 0 && options == nullptr) {
    return fail(
        Errc::invalid_argument,
        message("options is NULL with an option_count of {}; give that many options", count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (options[i].key == nullptr || options[i].value == nullptr) {
      return fail(Errc::invalid_argument,
                  message("option {} has no key or no value; give both as strings", i));
    }
    const std::string_view key{options[i].key};
    const auto first = std::find_if(options, options + i,
                                    [&](const vyre_option& earlier) { return key == earlier.key; });
    if (first != options + i) {
      return fail(Errc::invalid_argument,
                  message("option '{}' is given twice, as '{}' and as '{}'; give it once", key,
                          first->value, options[i].value));
    }
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const NamedOption& option) { return option.key == key; });
    if (found != known.end()) {
      VYRE_TRY(found->set(options[i].value));
      continue;
    }
    if (std::find(reserved.begin(), reserved.end(), key) != reserved.end()) {
      return fail(Errc::unsupported,
                  message("option '{}' is reserved for a later release; leave it out", key));
    }
    std::string names;
    for (const NamedOption& option : known) {
      names += (names.empty() ? "" : ", ") + std::string(option.key);
    }
    return fail(Errc::unsupported, message("option '{}' is not known here; known: {}", key,
                                           names.empty() ? "none" : names));
  }
  return {};
}

Result<std::vector<std::string>> read_strings(const char* const* strings, std::size_t count,
                                              const char* what) {
  VYRE_TRY(given_array(strings, count, what));
  std::vector<std::string> list;
  for (std::size_t i = 0; i < count; ++i) {
    if (strings[i] == nullptr) {
      return fail(Errc::invalid_argument,
                  message("entry {} of {} is NULL; give {} strings", i, what, count));
    }
    list.emplace_back(strings[i]);
  }
  return list;
}

Result<std::vector<std::string>> read_paths(const char* const* paths, std::size_t count,
                                            const char* what) {
  VYRE_TRY(given_array(paths, count, what));
  std::vector<std::string> list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    VYRE_TRY(given_path(paths[i], "a path"));
    list.emplace_back(paths[i]);
  }
  return list;
}

Result<std::uint64_t> whole_number(std::string_view key, std::string_view value,
                                   std::uint64_t most) {
  std::uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error == std::errc{} && stop == end && number <= most) return number;
  return fail(Errc::invalid_argument,
              message("option '{}' is '{}': choose a whole number up to {}", key, value, most));
}

}  // namespace vyre::abi
