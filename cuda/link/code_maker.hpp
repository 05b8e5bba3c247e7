// From images to a module that a device loads: emitted, looked for in the cache, and linked where
// it is not there. Host only; any thread. Spec: docs/internals/jit.md, "Linking" and "The cache".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/code_cache.hpp"
#include "core/image.hpp"
#include "linker.hpp"

namespace vyre::cuda {

struct MadeCode {
  std::shared_ptr<const Bytes> cubin;
  /// Of each image: bytes of scratch that a warp needs for its function.
  std::vector<std::uint64_t> scratch_bytes;
  cache::Level found{cache::Level::none};  // none: it was linked
  std::chrono::nanoseconds link_time{0};   // zero where it was found
};

class CodeMaker {
 public:
  /// `driver`: its version, which is part of every key. `cache` outlives it.
  CodeMaker(std::shared_ptr<const Linker> linker, cache::CodeCache& cache, const CodeTarget& target,
            std::string driver);

  /// One module with a function for each image, in their order; all of class A or B. An error is a
  /// mistake of the emitter: it names the file in which the text was kept, if there is a folder.
  [[nodiscard]] Result<MadeCode> make(std::span<const core::Image* const> images) const;

 private:
  [[nodiscard]] Digest key_of(const std::string& text, ByteSpan library) const;
  /// Where the text was kept, in words.
  [[nodiscard]] std::string keep(const std::string& text, const Digest& key) const;

  std::shared_ptr<const Linker> linker_;
  cache::CodeCache& cache_;
  CodeTarget target_;
  std::string driver_;
};

}  // namespace vyre::cuda
