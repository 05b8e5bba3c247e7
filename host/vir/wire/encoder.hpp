// The encoder's state, shared by encode.cpp (envelope and buffers) and encode_tree.cpp
// (trees and types); fingerprint.cpp borrows the parts. One sticky error, as in the reader. Host
// only, private to this room.
#pragma once

#include <optional>

#include "protocol/limits.hpp"
#include "vir/program/given_up.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {

class WireEncoder {
 public:
  WireEncoder(const Program& program, Profile profile, Interrupt* interrupt = nullptr)
      : program_(program), profile_(profile), interrupt_(interrupt) {}

  [[nodiscard]] Result<Bytes> whole();

  /// One expression or type as the wire writes it (canonical order compares these bytes). Of a long
  /// expression at least the first `enough` bytes come out, and perhaps no more.
  void expr(ExprId id);
  void expr_prefix(ExprId id, std::size_t enough) {
    enough_ = enough;
    expr(id);
  }
  void data_type(TypeId id);
  [[nodiscard]] bool ok() const noexcept { return !error_; }
  [[nodiscard]] const Bytes& bytes() const noexcept { return out_; }

 private:
  // encode.cpp
  void body();
  void metadata();
  void metadata_buffer(const BufferDecl& buffer);
  void hints(const MemoryHints& hints);
  void predicate(const ShapePredicate& predicate, std::uint32_t depth);
  void memory_region(const BufferDecl& buffer, std::uint32_t index);
  void shape(const BufferDecl& buffer);
  void check_range(const BufferDecl& buffer);

  // encode_tree.cpp
  void node(NodeId id);
  void node_fields(const Node& node);
  void expr_fields(const Expr& expr);
  void node_list(Range list);
  void op(bool known(std::uint8_t), std::uint8_t tag, std::uint32_t extension, const char* what);
  void name(Symbol symbol);
  void opaque(Symbol kind, Range payload);
  void ordering(Ordering ordering);
  void collective(CollectiveOp op);
  void dims(const std::vector<std::uint32_t>& dims);
  void quant_params(const DataType& type);
  void check_count(std::uint64_t count, std::uint64_t limit, const char* what);
  /// A level below the current one; the decoder counts the same way.
  [[nodiscard]] bool descend();
  void ascend() { --depth_; }
  [[nodiscard]] bool descend_type();
  void ascend_type() { --(profile_ == Profile::v6 ? depth_ : type_depth_); }

  void fail(Errc code, std::string message) {
    if (!error_) error_ = Error{code, std::move(message), kNoOffset, 0, 0, 0};
  }
  void u8(std::uint8_t value) { out_.push_back(value); }
  void u32(std::uint32_t value) { append_le(out_, value); }
  void leb(std::uint64_t value);
  void string(std::string_view text);
  void leb_string(std::string_view text);
  /// Length prefix and contents of what `write` appends, moved behind its length.
  template <class Write>
  void prefixed(Write write, std::uint64_t limit = ~std::uint64_t{0}) {
    Bytes outer;
    outer.swap(out_);
    write();
    outer.swap(out_);
    check_count(outer.size(), limit, "bytes of one record");
    leb(outer.size());
    out_.insert(out_.end(), outer.begin(), outer.end());
  }

  const Program& program_;
  Profile profile_;
  Interrupt* interrupt_;
  std::size_t enough_{~std::size_t{0}};
  Bytes out_;
  std::optional<Error> error_;
  std::uint32_t depth_{0};
  std::uint32_t type_depth_{0};
  std::uint32_t levels_{kMaxEncodeDepth};  // whole() writes no more than a decoder reads
};

}  // namespace vyre::vir
