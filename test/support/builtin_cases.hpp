// Cases of the built-in ops, one list for every backend: what goes in, what has to come out. Known
// answers by hand, odd lengths and large ones by the plain forms (builtin/ops.hpp), which have
// tests of their own. Test support, host only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "protocol/completion.hpp"
#include "runtime/session.hpp"

namespace vyre::test {

/// Which operands of a case are one buffer under two names.
enum class Alias : std::uint8_t { none, output_is_input, outputs_are_one, inputs_are_one };

struct BuiltinCase {
  std::string name;
  std::uint32_t op{0};
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;  // as they are before: an op leaves what it does not write
  std::uint32_t param{0};
  Alias alias{Alias::none};
  FaultCode fault{FaultCode::none};
  std::vector<Bytes> expected{};  // outputs afterwards; of a fault: untouched
};

/// Calls `visit` with each case, one after the other: all of them at once would be large.
void each_builtin_case(const std::function<void(const BuiltinCase&)>& visit);

/// Runs the case; empty, or what was wrong with it. Leaves no buffer behind.
[[nodiscard]] std::string run_builtin_case(runtime::Session& session, const BuiltinCase& c);

/// 64 bits of noise from `state`, which goes on.
[[nodiscard]] std::uint64_t noise(std::uint64_t& state);
[[nodiscard]] Bytes noise_bytes(std::size_t count, std::uint64_t seed);
[[nodiscard]] ByteSpan bytes_of(std::string_view text);
[[nodiscard]] Bytes words_of(std::initializer_list<std::uint32_t> words);
/// Blob of compile_literals; aborts if it is refused.
[[nodiscard]] Bytes literals_of(std::initializer_list<std::string_view> patterns,
                                bool ignore_ascii_case = false);

}  // namespace vyre::test
