// The built-in ops as the command knows them: by name, with what the library says of each. It is
// there before the session of a run is, and needs no device. Main thread. Spec: docs/ops.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "library.hpp"

namespace vyre::cli {

struct BuiltinOp {
  v0::Op op;  // of the catalogue's session
  std::uint32_t number{0};
  v0::OpInfo info;
};

class OpCatalogue {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const OpCatalogue>> open();

  /// In the order of their numbers.
  [[nodiscard]] const std::vector<BuiltinOp>& ops() const { return ops_; }
  /// Null: there is none of this name.
  [[nodiscard]] const BuiltinOp* find(std::string_view name) const;
  /// Names that look like this one, with commas; empty: none does.
  [[nodiscard]] std::string names_near(std::string_view name) const;
  /// Of an op's outputs, for inputs of these sizes.
  [[nodiscard]] Result<std::vector<v0::OutputSize>> output_sizes(
      const BuiltinOp& op, std::span<const std::uint64_t> input_bytes, std::uint32_t param) const;

 private:
  OpCatalogue(v0::Session session, std::vector<BuiltinOp> ops)
      : session_(std::move(session)), ops_(std::move(ops)) {}

  v0::Session session_;
  std::vector<BuiltinOp> ops_;
};

/// Of all built-in ops; none where they cannot be asked for.
[[nodiscard]] std::vector<std::string> op_names();
/// "u32"; "bytes" for what is no number.
[[nodiscard]] std::string_view element_name(std::uint32_t element);

}  // namespace vyre::cli
