// The library's functions by name; their types are those of its header, which need not be here. See
// linker.hpp.
#include "linker.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "base/message.hpp"

namespace vyre::cuda {
namespace {

using Handle = struct Linking*;
constexpr int kSuccess{0};
constexpr int kInputPtx{2};
constexpr int kInputFatbin{4};
/// Of the library, newest first; the last one is what a toolkit's own folder has.
constexpr std::array<const char*, 3> kNames{"libnvJitLink.so.13", "libnvJitLink.so.12",
                                            "libnvJitLink.so"};
/// Looked into where the loader's own path has none.
constexpr const char* kToolkit{"/usr/local/cuda/lib64/"};

struct Library {
  int (*create)(Handle*, std::uint32_t, const char**){nullptr};
  int (*destroy)(Handle*){nullptr};
  int (*add)(Handle, int, const void*, std::size_t, const char*){nullptr};
  int (*complete)(Handle){nullptr};
  int (*cubin_bytes)(Handle, std::size_t*){nullptr};
  int (*cubin)(Handle, void*){nullptr};
  int (*error_bytes)(Handle, std::size_t*){nullptr};
  int (*error)(Handle, char*){nullptr};
  int (*version)(unsigned*, unsigned*){nullptr};
};

template <class F>
bool find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

bool find_all(void* library, Library& out) {
  return find(library, "nvJitLinkCreate", out.create) &&
         find(library, "nvJitLinkDestroy", out.destroy) &&
         find(library, "nvJitLinkAddData", out.add) &&
         find(library, "nvJitLinkComplete", out.complete) &&
         find(library, "nvJitLinkGetLinkedCubinSize", out.cubin_bytes) &&
         find(library, "nvJitLinkGetLinkedCubin", out.cubin) &&
         find(library, "nvJitLinkGetErrorLogSize", out.error_bytes) &&
         find(library, "nvJitLinkGetErrorLog", out.error) &&
         find(library, "nvJitLinkVersion", out.version);
}

/// The name of a section with data of a constant bank that is not the arguments'; empty: there is
/// none. `cubin`: ELF, 64 bits.
std::string constant_bank(ByteSpan cubin) {
  constexpr std::size_t kSectionBytes{64};
  if (cubin.size() < kSectionBytes) return "a file that is no cubin";
  const std::uint64_t headers = load_le<std::uint64_t>(cubin, 0x28);
  const std::uint16_t count = load_le<std::uint16_t>(cubin, 0x3C);
  const std::uint16_t names_at = load_le<std::uint16_t>(cubin, 0x3E);
  if (headers > cubin.size() || (cubin.size() - headers) / kSectionBytes < count ||
      names_at >= count)
    return "a file that is no cubin";
  const auto section = [&](std::uint16_t index) { return headers + index * kSectionBytes; };
  const std::uint64_t names = load_le<std::uint64_t>(cubin, section(names_at) + 0x18);
  for (std::uint16_t index = 0; index < count; ++index) {
    const std::uint64_t at = names + load_le<std::uint32_t>(cubin, section(index));
    if (at >= cubin.size()) return "a file that is no cubin";
    const auto* const begin = reinterpret_cast<const char*>(cubin.data() + at);
    const std::string name(begin, ::strnlen(begin, cubin.size() - at));
    if (name.starts_with(".nv.constant") && !name.starts_with(".nv.constant0.")) return name;
  }
  return {};
}

class FoundLinker final : public Linker {
 public:
  FoundLinker(const Library& library, std::string version)
      : library_(library), version_(std::move(version)) {}

  [[nodiscard]] const std::string& version() const noexcept override { return version_; }

  [[nodiscard]] Result<Bytes> link(const std::string& text, ByteSpan functions,
                                   const CodeTarget& target) const override {
    const std::string architecture = message("-arch=sm_{}", target.architecture);
    const std::string registers = message("-maxrregcount={}", target.max_registers);
    // A kernel that calls the code has constant banks of its own: nothing may lie in one.
    std::vector<const char*> options{architecture.c_str(), "-Xptxas=--disable-optimizer-constants"};
    if (target.max_registers != 0) options.push_back(registers.c_str());
    Work work(library_);
    int said =
        library_.create(&work.handle, static_cast<std::uint32_t>(options.size()), options.data());
    if (said != kSuccess) return refused("beginning", said, work.handle);
    // The library wants the zero behind the text.
    said = library_.add(work.handle, kInputPtx, text.c_str(), text.size() + 1, "programs");
    if (said != kSuccess) return refused("assembling", said, work.handle);
    if (!functions.empty()) {
      said =
          library_.add(work.handle, kInputFatbin, functions.data(), functions.size(), "functions");
      if (said != kSuccess) return refused("adding our functions to", said, work.handle);
    }
    said = library_.complete(work.handle);
    if (said != kSuccess) return refused("linking", said, work.handle);
    std::size_t bytes = 0;
    said = library_.cubin_bytes(work.handle, &bytes);
    Bytes cubin(bytes);
    if (said == kSuccess) said = library_.cubin(work.handle, cubin.data());
    if (said != kSuccess) return refused("taking", said, work.handle);
    if (const std::string bank = constant_bank(cubin); !bank.empty()) {
      return fail(Errc::unsupported,
                  message("nvJitLink {} put data of emitted programs into '{}', which a kernel of "
                          "another module does not see",
                          version_, bank));
    }
    return cubin;
  }

 private:
  struct Work {
    explicit Work(const Library& of) : library(of) {}
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() {
      if (handle != nullptr) (void)library.destroy(&handle);
    }
    const Library& library;
    Handle handle{nullptr};
  };

  [[nodiscard]] tl::unexpected<Error> refused(const char* doing, int code, Handle handle) const {
    std::string words;
    std::size_t bytes = 0;
    if (handle != nullptr && library_.error_bytes(handle, &bytes) == kSuccess && bytes != 0) {
      words.resize(bytes);
      if (library_.error(handle, words.data()) != kSuccess) words.clear();
      while (!words.empty() && (words.back() == '\0' || words.back() == '\n')) words.pop_back();
    }
    return fail(Errc::internal, message("nvJitLink {} gave {} while {} emitted programs: {}",
                                        version_, code, doing, words.empty() ? "no words" : words));
  }

  const Library library_;
  const std::string version_;
};

Result<std::shared_ptr<const Linker>> find_linker() {
  std::string tried;
  for (const std::string& folder : {std::string(), std::string(kToolkit)}) {
    for (const char* const name : kNames) {
      const std::string path = folder + name;
      tried += (tried.empty() ? "" : ", ") + path;
      void* const opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (opened == nullptr) continue;
      Library library;
      unsigned major = 0;
      unsigned minor = 0;
      // It stays open: what it has made may use it until the process ends.
      if (!find_all(opened, library) || library.version(&major, &minor) != kSuccess) continue;
      return std::shared_ptr<const Linker>(
          std::make_shared<const FoundLinker>(library, message("{}.{}", major, minor)));
    }
  }
  return fail(Errc::unsupported,
              message("nvJitLink was not found ({}); install it or put its folder into "
                      "LD_LIBRARY_PATH",
                      tried));
}

}  // namespace

Result<std::shared_ptr<const Linker>> Linker::load() {
  static std::mutex mutex;
  static std::shared_ptr<const Linker> found;
  const std::lock_guard lock(mutex);
  if (found) return found;
  VYRE_ASSIGN(found, find_linker());
  return found;
}

}  // namespace vyre::cuda
