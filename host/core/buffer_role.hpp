// What a buffer of a program is for. Every executor binds by it. Host and device.
#pragma once

#include <cstdint>

namespace vyre::core {

enum class BufferRole : std::uint32_t {
  workgroup,   // memory of a workgroup; an item binds nothing
  read,        // bound by the item, never written
  read_write,  // bound by the item, written in place and returned
  allocated,   // bound by the item as an output, zero-filled before the run
};

}  // namespace vyre::core
