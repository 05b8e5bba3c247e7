// Membership in the vocabularies; see tables.hpp.
#include "tables.hpp"

namespace vyre::vir::tables {

bool is_bin_op(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_BINOP(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_un_op(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_UNOP(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_atomic_op(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_ATOMICOP(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_ordering(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_ORDERING(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_collective_op(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_COLLECTIVEOP(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_access(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_ACCESS(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_memory_kind(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_MEMORYKIND(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_locality(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_LOCALITY(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_reduce_op(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_REDUCEOP(name, value, text) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_type(std::uint8_t tag) noexcept {
  switch (tag) {
#define VYRE_DATATYPE(name, value, text, size, bits, parameters) case value:
#include "vir/program/vocabulary.def"
    return true;
    default:
      return false;
  }
}

bool is_quantized_storage(TypeTag tag) noexcept {
  switch (tag) {
    case TypeTag::I4:
    case TypeTag::I8:
    case TypeTag::I16:
    case TypeTag::U8:
    case TypeTag::U16:
    case TypeTag::F8E4M3:
    case TypeTag::F8E5M2:
    case TypeTag::FP4:
    case TypeTag::NF4:
      return true;
    default:
      return false;
  }
}

std::string_view node_op_id(NodeTag tag) noexcept {
  switch (tag) {
#define VYRE_NODE(name, value, text) \
  case NodeTag::name:                \
    return "vyre.node." text;
#include "vir/program/vocabulary.def"
    case NodeTag::Opaque:
      return {};
  }
  return {};
}

}  // namespace vyre::vir::tables
