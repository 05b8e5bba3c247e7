// The decoder's state, shared by the files that read a part each: envelope and buffers
// (decode.cpp), trees (decode_tree.cpp), types (decode_types.cpp). Host only,
// private to this room.
#pragma once

#include <vector>

#include "vir/program/given_up.hpp"
#include "vir/wire/reader.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::vir {

class WireDecoder {
 public:
  /// `version` as in the header; the caller has checked envelope and digest.
  WireDecoder(ByteSpan blob, std::size_t body, const DecodeOptions& options, std::uint16_t version)
      : in_(blob, body),
        profile_(options.profile),
        interrupt_(options.interrupt),
        version_(version) {}

  [[nodiscard]] Result<Program> run();

 private:
  // decode.cpp
  [[nodiscard]] bool late() const noexcept {
    return profile_ != Profile::v4_0_6_3;
  }  // 0.6.4 and later

  void node_section();
  void metadata();
  void metadata_buffer();
  MemoryHints hints();
  ShapePredicate predicate(std::uint32_t depth, bool may_be_none);
  void memory_regions();
  void memory_region(std::uint32_t index);
  void check_buffer(const BufferDecl& buffer, std::uint64_t shape_count, std::size_t offset);
  void output_set();

  // decode_tree.cpp
  NodeId node();
  void node_fields(Node& node, std::uint8_t tag, std::size_t offset);
  Range node_list(const char* what);
  ExprId expr();
  void expr_fields(Expr& expr, std::uint8_t tag, std::size_t offset);
  void call(Expr& expr);
  void atomic(Expr& expr);
  void opaque_expr(Expr& expr, std::size_t offset);
  std::uint8_t op_tag(bool known(std::uint8_t), const char* what, std::uint32_t& extension);
  Ordering ordering();
  CollectiveOp collective();
  Symbol name(const char* what) { return program_.intern(in_.string(what)); }
  /// Depth shared by nodes and expressions of one record (and types, in wire version 6).
  [[nodiscard]] bool descend(std::size_t offset);
  void ascend() { --depth_; }

  // decode_types.cpp
  TypeId data_type();
  TypeId data_type_inner();
  void quantised(DataType& type, TypeTag storage, std::size_t offset);
  void check_quant_params(const DataType& type, std::size_t offset);
  std::vector<std::uint32_t> dims(const char* what);
  std::uint32_t extension_id(std::uint32_t id, std::size_t offset, const char* what);
  TypeId shape_element(std::uint8_t tag, std::size_t offset);

  WireReader in_;
  Program program_;
  Profile profile_;
  Interrupt* interrupt_;
  std::uint16_t version_;
  std::uint32_t depth_{0};
  std::uint32_t type_depth_{0};
  std::vector<std::uint32_t> pending_;  // children of lists still open, innermost last
};

}  // namespace vyre::vir
