// Whether programs are compiled for a device, and what came of it. Host only. Spec:
// docs/internals/jit.md, "A run".
#pragma once

#include <cstdint>
#include <string>

namespace vyre::backend {

enum class Jit : std::uint8_t {
  off,
  /// In the background; a compiled form comes in when the kernel has parked.
  automatic,
  /// Before add_program() returns, if the program can be compiled at all; refused by name where
  /// nothing can.
  force,
};

/// Of a program's units, as its compiled form took them.
struct CompiledUnits {
  std::uint64_t ran{0};    // by the compiled form
  std::uint64_t again{0};  // begun by it, and left to the interpreter
};

/// What became of compiling.
struct CodeFacts {
  Jit jit{Jit::off};
  std::string why_not;           // programs stay interpreted; "": they need not
  std::uint64_t compiled{0};     // programs
  std::uint64_t interpreted{0};  // programs that have no compiled form (class C)
  std::uint64_t failed{0};       // programs that could not be compiled or loaded
  std::uint64_t waiting{0};      // programs whose compiled form is not in yet
  std::uint64_t from_memory{0};  // modules that the cache had
  std::uint64_t from_folder{0};
  std::uint64_t made{0};  // and those that were linked
  std::uint64_t link_ns{0};
};

}  // namespace vyre::backend
