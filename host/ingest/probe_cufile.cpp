// Asks libcufile, if there is one. See probe_cufile.hpp. The three structs are laid out here, since
// its header comes with a toolkit that a host build does not need.
#include "probe_cufile.hpp"

#include <dlfcn.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/message.hpp"

namespace vyre::ingest {
namespace {

struct CufileError {
  std::int32_t code;  // 0: success
  std::int32_t cuda;
};
struct CufileProperties {
  std::uint32_t major;  // of the kernel driver nvidia-fs; 0.0: there is none
  std::uint32_t minor;
  std::size_t poll_threshold;
  std::size_t max_direct_bytes;
  std::uint32_t status_flags;
  std::uint32_t control_flags;
  std::array<std::uint32_t, 64> others;  // room for what newer versions write
};
using OpenCall = CufileError (*)();
using PropertiesCall = CufileError (*)(CufileProperties*);

}  // namespace

std::string describe_cufile(unsigned major, unsigned minor, unsigned status_flags) {
  if (status_flags == 0) {
    return message(
        "cuFile runs in compatibility mode (nvidia-fs {}.{}, no storage that it reaches directly): "
        "it would copy through host memory, which is what A does without it",
        major, minor);
  }
  return message(
      "cuFile reports a direct path (nvidia-fs {}.{}, status flags {}); reading through cuFile is "
      "not built here, so it is not used",
      major, minor, status_flags);
}

std::string why_no_cufile() {
  void* library = nullptr;
  for (const char* const name : {"libcufile.so.0", "libcufile.so"}) {
    library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) return "no cuFile library (libcufile.so.0, libcufile.so) on this machine";
  // The library starts threads and is never unloaded under them: it stays for the process.
  const auto open = reinterpret_cast<OpenCall>(::dlsym(library, "cuFileDriverOpen"));
  const auto close = reinterpret_cast<OpenCall>(::dlsym(library, "cuFileDriverClose"));
  const auto ask = reinterpret_cast<PropertiesCall>(::dlsym(library, "cuFileDriverGetProperties"));
  if (open == nullptr || ask == nullptr)
    return "libcufile lacks cuFileDriverOpen or cuFileDriverGetProperties";
  const CufileError opened = open();
  if (opened.code != 0) {
    return message("cuFileDriverOpen says {} (CUDA {})", opened.code, opened.cuda);
  }
  CufileProperties properties{};
  const CufileError asked = ask(&properties);
  if (close != nullptr) (void)close();
  if (asked.code != 0) return message("cuFileDriverGetProperties says {}", asked.code);
  return describe_cufile(properties.major, properties.minor, properties.status_flags);
}

}  // namespace vyre::ingest
