// A shared object opened at run time, for baselines that a machine may lack (NVRTC, NVML). Host
// only; closed when it goes, so it must outlive every function found in it.
#pragma once

#include <dlfcn.h>

#include <initializer_list>
#include <type_traits>

namespace vyre::bench {

class SharedObject {
 public:
  SharedObject() = default;
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;
  ~SharedObject() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }

  /// The first of the names that can be opened; false: none.
  [[nodiscard]] bool open(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (handle_ == nullptr) handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    return handle_ != nullptr;
  }
  /// Puts the function of that name into `function`; false: there is none.
  template <class Function>
  [[nodiscard]] bool find(Function*& function, const char* name) const {
    static_assert(std::is_function_v<Function>);
    function = reinterpret_cast<Function*>(::dlsym(handle_, name));
    return function != nullptr;
  }

 private:
  void* handle_{nullptr};
};

}  // namespace vyre::bench
