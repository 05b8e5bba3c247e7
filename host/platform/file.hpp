// The door to the file system: whole-file reads and appending (output.hpp writes). Host only; every
// failure is Errc::io with errno in `detail` and the path in the message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace vyre::platform {

/// Whatever the path names, pipes too: it waits for their writer. "-" is standard input as it
/// stands. A stop signal ends the wait with Errc::cancelled.
[[nodiscard]] Result<Bytes> read_file(const std::string& path,
                                      std::uint64_t max_bytes = ~std::uint64_t{0});
/// "standard input", or the path in quotes: for messages.
[[nodiscard]] std::string input_name(const std::string& path);
/// For paths inside a directory that another program wrote: what is no regular file is refused at
/// once.
[[nodiscard]] Result<Bytes> read_regular_file(const std::string& path,
                                              std::uint64_t max_bytes = ~std::uint64_t{0});
[[nodiscard]] Status append_file(const std::string& path, ByteSpan bytes);
/// Of a regular file; nothing if it is empty.
[[nodiscard]] Result<std::optional<std::uint8_t>> last_byte(const std::string& path);
[[nodiscard]] Status make_directories(const std::string& path);

}  // namespace vyre::platform
