// Compiled forms of the programs of a backend: which program gets one, and when it comes in. Code
// is loaded only between two launches, because the driver waits for a resident kernel. Host only,
// no CUDA. now() and later() one thread at a time, facts() any. Spec: docs/internals/jit.md, "A
// run".
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "backend/backend.hpp"
#include "cache/code_cache.hpp"
#include "cuda/host/device_backend.hpp"
#include "cuda/host/door.hpp"
#include "cuda/link/code_maker.hpp"
#include "reservation.hpp"
#include "resident.hpp"

namespace vyre::cuda {

/// Programs whose compiled form is not in yet, at most; further ones stay interpreted.
inline constexpr std::size_t kMaxWaitingPrograms{4'096};
/// Programs of one module that the background makes.
inline constexpr std::size_t kModulePrograms{64};
/// Modules that a backend loads, all together: code is never unloaded while a kernel may come back.
inline constexpr std::uint64_t kMaxCodeBytes{std::uint64_t{256} << 20};

class CompiledCode {
 public:
  CompiledCode(Door& door, const Reservation& reserved, Resident& resident,
               const DeviceOptions& device)
      : door_(door), reserved_(reserved), resident_(resident), device_(device) {}
  CompiledCode(const CompiledCode&) = delete;
  CompiledCode& operator=(const CompiledCode&) = delete;
  ~CompiledCode() { stop(); }

  /// Once, first. An error: compiling was forced, and nothing can be compiled here.
  [[nodiscard]] Status open();
  /// Nothing comes in any more. Again: no effect.
  void stop() noexcept;

  /// Jit::force: the address of the program's function; 0: it stays interpreted (class C).
  [[nodiscard]] Result<std::uint64_t> now(const backend::ProgramOp& program, Deadline deadline);
  /// Jit::automatic: the address comes to `word`, on the device, when the kernel has parked.
  void later(const backend::ProgramOp& program, std::uint8_t* word);

  [[nodiscard]] backend::CodeFacts facts() const;
  [[nodiscard]] backend::Jit jit() const noexcept { return device_.jit; }

 private:
  struct Waiting {
    std::string name;
    std::shared_ptr<const core::Image> image;
    std::uint8_t* word;
  };
  [[nodiscard]] bool compiles() const noexcept { return maker_.has_value(); }
  /// Whether it is of class A or B and fits; counts it otherwise.
  [[nodiscard]] bool is_compiled(const core::Image& image);
  /// In a gap.
  [[nodiscard]] Result<std::vector<std::uint64_t>> load(const MadeCode& made);
  void compile_in_background() noexcept;
  void bring_in(std::vector<Waiting> batch);
  [[nodiscard]] bool told_to_stop() const;

  Door& door_;
  const Reservation& reserved_;
  Resident& resident_;
  const DeviceOptions& device_;
  std::optional<cache::CodeCache> cache_;
  std::optional<CodeMaker> maker_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  backend::CodeFacts facts_;
  std::uint64_t code_bytes_{0};
  bool exit_{false};
  std::thread thread_;
};

}  // namespace vyre::cuda
