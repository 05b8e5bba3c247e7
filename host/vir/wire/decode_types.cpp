// Data types of Cast targets and of buffer elements (two layouts of the same tags). Spec:
// docs/internals/vir0.md, "Wire".
#include "base/message.hpp"
#include "decoder.hpp"
#include "protocol/limits.hpp"
#include "tables.hpp"

namespace vyre::vir {

std::uint32_t WireDecoder::extension_id(std::uint32_t id, std::size_t offset, const char* what) {
  if (in_.ok() && (id & tables::kExtensionBit) == 0) {
    in_.fail(Errc::malformed, message("{} extension id {} must have bit 31 set", what, id), offset);
  }
  return id;
}

std::vector<std::uint32_t> WireDecoder::dims(const char* what) {
  const std::size_t offset = in_.at();
  const std::uint32_t count = in_.u32(what);
  std::vector<std::uint32_t> values;
  if (late() && count > kMaxTypeDims) {
    in_.fail(Errc::limit_exceeded, message("{} is {}, the limit is {}", what, count, kMaxTypeDims),
             offset);
    return values;
  }
  const ByteSpan raw =
      in_.bytes(std::size_t{count} * 4, what);  // fails before anything is reserved
  values.reserve(raw.size() / 4);
  for (std::size_t i = 0; i < raw.size(); i += 4) values.push_back(load_le<std::uint32_t>(raw, i));
  return values;
}

void WireDecoder::check_quant_params(const DataType& type, std::size_t offset) {
  const QuantParam scale = type.scale;
  const QuantParam zero = type.zero_point;
  const bool scale_ok = scale.tag == 1 || (scale.tag == 0 && scale.value == 0) ||
                        (scale.tag == 2 && scale.value != 0);
  if (!scale_ok) {
    in_.fail(Errc::malformed,
             message("quantisation scale {} with parameter {} is not per tensor (0, 0), per "
                     "channel (1, axis) or per group (2, size > 0)",
                     scale.tag, scale.value),
             offset);
  }
  const bool zero_ok =
      zero.tag == 2 || (zero.tag <= 1 && zero.value == 0) || (zero.tag == 3 && zero.value != 0);
  if (!zero_ok) {
    in_.fail(Errc::malformed,
             message("zero point {} with parameter {} is not absent (0, 0), per tensor (1, 0), per "
                     "channel (2, axis) or per group (3, size > 0)",
                     zero.tag, zero.value),
             offset);
  }
}

TypeId WireDecoder::data_type() {
  // Wire 4 shares no counter between types and expressions and upstream has no cap there. The cap
  // here keeps hostile input from using up the call stack.
  const std::size_t offset = in_.at();
  const bool shared = profile_ == Profile::v6;
  if (shared) {
    if (!descend(offset)) return kNone;
  } else if (type_depth_ >= kMaxDecodeDepth) {
    in_.fail(Errc::limit_exceeded,
             message("data types nest deeper than {} levels", kMaxDecodeDepth), offset);
    return kNone;
  }
  ++type_depth_;
  const TypeId id = data_type_inner();
  --type_depth_;
  if (shared) ascend();
  return id;
}

TypeId WireDecoder::data_type_inner() {
  const std::size_t offset = in_.at();
  const std::uint8_t tag = in_.u8("data type tag");
  if (!in_.ok()) return kNone;
  if (!tables::is_type(tag)) {
    in_.fail(Errc::malformed, message("data type tag {} is unknown", tag), offset);
    return kNone;
  }
  DataType type;
  type.tag = static_cast<TypeTag>(tag);
  switch (type.tag) {
    case TypeTag::Array:
      type.a = in_.u32("array element size");
      break;
    case TypeTag::Handle:
      type.a = in_.u32("handle type id");
      break;
    case TypeTag::Vec:
      type.element = data_type();
      type.a = in_.u8("vector lanes");
      break;
    case TypeTag::TensorShaped:
      type.element = data_type();
      type.dims = dims("tensor rank");
      break;
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
      type.element = data_type();
      break;
    case TypeTag::SparseBsr:
      type.element = data_type();
      type.a = in_.u32("block rows");
      type.b = in_.u32("block columns");
      break;
    case TypeTag::DeviceMesh:
      type.dims = dims("mesh axes");
      break;
    case TypeTag::Quantized: {
      type.element = data_type();
      type.scale.tag = in_.u8("scale tag");
      type.scale.value = in_.u32("scale parameter");
      type.zero_point.tag = in_.u8("zero point tag");
      type.zero_point.value = in_.u32("zero point parameter");
      if (in_.ok()) quantised(type, program_.types[type.element].tag, offset);
      break;
    }
    case TypeTag::Opaque:
      type.a = extension_id(in_.u32("data type extension id"), offset, "data type");
      break;
    default:
      break;
  }
  return in_.ok() ? program_.add_type(type) : kNone;
}

void WireDecoder::quantised(DataType& type, TypeTag storage, std::size_t offset) {
  if (!tables::is_quantized_storage(storage)) {
    in_.fail(Errc::malformed,
             message("data type {} cannot be the storage of a quantised type",
                     static_cast<unsigned>(storage)),
             offset);
  }
  check_quant_params(type, offset);
}

TypeId WireDecoder::shape_element(std::uint8_t tag, std::size_t offset) {
  DataType type;
  type.tag = static_cast<TypeTag>(tag);
  switch (type.tag) {
    case TypeTag::Array: {
      const std::uint64_t size = in_.leb("array element size");
      type.a = static_cast<std::uint32_t>(size);
      type.b = static_cast<std::uint32_t>(size >> 32);
      break;
    }
    case TypeTag::Handle:
      type.a = in_.leb_u32("handle type id");
      break;
    case TypeTag::Opaque:
      type.a = extension_id(in_.leb_u32("data type extension id"), offset, "data type");
      break;
    case TypeTag::Quantized: {
      const auto storage = static_cast<std::uint8_t>(in_.leb_up_to(0xFF, "quantised storage tag"));
      const std::uint64_t scale = in_.leb("scale tag");
      type.scale.value = in_.leb_u32("scale parameter");
      const std::uint64_t zero = in_.leb("zero point tag");
      type.zero_point.value = in_.leb_u32("zero point parameter");
      if (!in_.ok()) return kNone;
      // 0xFF is no tag of either list, so a larger number stays an error.
      type.scale.tag = static_cast<std::uint8_t>(scale > 0xFF ? 0xFF : scale);
      type.zero_point.tag = static_cast<std::uint8_t>(zero > 0xFF ? 0xFF : zero);
      const auto storage_tag = static_cast<TypeTag>(storage);
      quantised(type, storage_tag, offset);
      if (in_.ok()) type.element = program_.scalar(storage_tag);
      break;
    }
    case TypeTag::Vec:
    case TypeTag::TensorShaped:
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
    case TypeTag::SparseBsr:
    case TypeTag::DeviceMesh:
      in_.fail(Errc::malformed, message("element type {} has no dense layout for a buffer", tag),
               offset);
      break;
    default:
      if (!tables::is_type(tag)) {
        in_.fail(Errc::malformed, message("element type tag {} is unknown", tag), offset);
      }
      break;
  }
  return in_.ok() ? program_.add_type(type) : kNone;
}

}  // namespace vyre::vir
