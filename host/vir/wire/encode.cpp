// Encoding a whole program: what upstream's encoder refuses is refused here, by name, and so is
// what lies beyond a limit of the decoder; the same bytes come out for everything else. Host only.
// Spec: docs/internals/vir0.md, "Wire".
#include <cstring>

#include "base/message.hpp"
#include "base/utf8.hpp"
#include "encoder.hpp"
#include "protocol/limits.hpp"
#include "tables.hpp"
#include "vir/wire/reader.hpp"

namespace vyre::vir {

void WireEncoder::leb(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
  u8(static_cast<std::uint8_t>(value));
}

void WireEncoder::check_count(std::uint64_t count, std::uint64_t limit, const char* what) {
  if (count <= limit) return;
  fail(Errc::limit_exceeded, message("the program has {} {}, the limit is {}", count, what, limit));
}

void WireEncoder::string(std::string_view text) {
  if (text.size() > kMaxStringBytes) {
    fail(Errc::limit_exceeded,
         message("a string has {} bytes, the limit is {}", text.size(), kMaxStringBytes));
    return;
  }
  if (const std::size_t bad = find_bad_utf8(text); bad != std::string_view::npos) {
    fail(Errc::invalid_argument, message("byte {} of a string is not UTF-8; rename it", bad));
    return;
  }
  u32(static_cast<std::uint32_t>(text.size()));
  out_.insert(out_.end(), text.begin(), text.end());
}

void WireEncoder::leb_string(std::string_view text) {
  if (text.size() > kMaxStringBytes) {
    fail(Errc::limit_exceeded,
         message("an op id has {} bytes, the limit is {}", text.size(), kMaxStringBytes));
    return;
  }
  leb(text.size());
  out_.insert(out_.end(), text.begin(), text.end());
}

Result<Bytes> WireEncoder::whole() {
  out_.assign(tables::kHeaderBytes, 0);
  std::memcpy(out_.data(), "VYRE", 4);
  out_[4] = profile_ == Profile::v6 ? 6 : 4;
  out_[6] = 4;
  levels_ = kMaxDecodeDepth;
  body();
  if (ok() && out_.size() > kMaxProgramBytes) {
    fail(Errc::limit_exceeded,
         message("program encodes to {} bytes, the limit is {}", out_.size(), kMaxProgramBytes));
  }
  if (error_) return tl::unexpected<Error>(std::move(*error_));
  const Digest digest = blake3(ByteSpan(out_).subspan(tables::kHeaderBytes));
  std::memcpy(out_.data() + tables::kDigestOffset, digest.bytes.data(), digest.bytes.size());
  return std::move(out_);
}

void WireEncoder::body() {
  const std::uint64_t record_bytes =
      profile_ == Profile::v4_0_6_3 ? ~std::uint64_t{0} : kMaxRecordPayloadBytes;
  check_count(std::uint64_t{program_.entry.count} + 1, kMaxNodes, "records");
  check_count(program_.buffers.size(), kMaxBuffers, "buffers");
  if (!ok()) return;
  leb(std::uint64_t{program_.entry.count} + 1);
  leb_string(tables::kMetadataOpId);
  prefixed([this] { metadata(); }, record_bytes);
  u8(0);
  for (const NodeId id : program_.list(program_.entry)) {
    if (!ok()) return;
    const Node& n = program_.nodes[id];
    if (n.tag == NodeTag::Opaque) {
      leb_string(n.name < program_.names.size() ? std::string_view(program_.names[n.name])
                                                : std::string_view());
    } else {
      leb_string(tables::node_op_id(n.tag));
    }
    prefixed([this, id] { node(id); }, record_bytes);
    u8(0);
  }
  leb(program_.buffers.size());
  std::uint32_t index = 0;
  for (const BufferDecl& buffer : program_.buffers) memory_region(buffer, index++);
  const auto writable = [](const BufferDecl& b) {
    return b.access == Access::ReadWrite || b.access == Access::WriteOnly;
  };
  std::uint64_t outputs = 0;
  for (const BufferDecl& buffer : program_.buffers) outputs += writable(buffer) ? 1 : 0;
  leb(outputs);
  for (std::size_t i = 0; i < program_.buffers.size(); ++i) {
    if (writable(program_.buffers[i])) leb(i);
  }
}

void WireEncoder::metadata() {
  out_.insert(out_.end(), tables::kMetadataMagic.begin(), tables::kMetadataMagic.end());
  u8(program_.entry_op_id ? 1 : 0);
  if (program_.entry_op_id) string(*program_.entry_op_id);
  for (const std::uint32_t size : program_.workgroup) {
    if (size == 0)
      fail(Errc::invalid_argument, "a workgroup dimension is 0, it must be at least 1");
    u32(size);
  }
  u8(program_.non_composable_with_self ? 1 : 0);
  leb(program_.buffers.size());
  for (const BufferDecl& buffer : program_.buffers) metadata_buffer(buffer);
}

void WireEncoder::check_range(const BufferDecl& buffer) {
  const auto refuse = [&](const std::string& why) {
    fail(Errc::invalid_argument, message("buffer \"{}\" {}", program_.name(buffer.name), why));
  };
  const ByteRange range = *buffer.output_byte_range;
  if (range.start > range.end) {
    refuse(message("has an output range from {} to {}", range.start, range.end));
  }
  if (buffer.count == 0) return;
  if (!has_size(program_, buffer.element)) {
    refuse("has an output range but its element type has no size");
    return;
  }
  const std::uint64_t size = size_bytes(program_, buffer.element);
  const bool fits =
      size == 0 ? range.end == 0
                : range.end / size + (range.end % size != 0 ? 1 : 0) <= std::uint64_t{buffer.count};
  if (!fits) refuse(message("has an output range beyond its end, at byte {}", range.end));
}

void WireEncoder::metadata_buffer(const BufferDecl& buffer) {
  name(buffer.name);
  if (!ok()) return;
  const auto refuse = [&](const char* why) {
    fail(Errc::invalid_argument, message("buffer \"{}\" {}", program_.name(buffer.name), why));
  };
  if (buffer.count == 0 && buffer.access == Access::Workgroup) {
    refuse("is workgroup memory with count 0");
  }
  if (buffer.count == 0 && buffer.pipeline_live_out) refuse("is a live-out with count 0");
  u32(buffer.binding);
  u32(buffer.count);
  u8(buffer.is_output ? 1 : 0);
  u8(buffer.pipeline_live_out ? 1 : 0);
  u8(buffer.output_byte_range ? 1 : 0);
  if (buffer.output_byte_range) {
    check_range(buffer);
    leb(buffer.output_byte_range->start);
    leb(buffer.output_byte_range->end);
  }
  hints(buffer.hints);
  if (profile_ != Profile::v6) return;
  if (buffer.linear_type > 3) refuse("has an unknown linear type");
  u8(buffer.linear_type);
  u8(buffer.bytes_extraction ? 1 : 0);
  predicate(buffer.shape_predicate, 0);
}

void WireEncoder::hints(const MemoryHints& hints) {
  u8(hints.coalesce_axis ? 1 : 0);
  if (hints.coalesce_axis) u8(*hints.coalesce_axis);
  u32(hints.preferred_alignment);
  const auto locality = static_cast<std::uint8_t>(hints.locality);
  if (!tables::is_locality(locality)) {
    fail(Errc::invalid_argument, message("cache locality {} is unknown", locality));
  }
  u8(locality);
}

void WireEncoder::predicate(const ShapePredicate& p, std::uint32_t depth) {
  if (depth >= kMaxPredicateDepth) {
    fail(Errc::limit_exceeded,
         message("shape predicates nest deeper than {} levels", kMaxPredicateDepth));
    return;
  }
  const std::size_t children = p.tag == 9 ? 1 : p.tag == 7 || p.tag == 8 ? 2 : 0;
  if (p.tag > 9 || (p.tag == 0 && depth > 0) || p.children.size() != children) {
    fail(Errc::invalid_argument,
         message("shape predicate {} is unknown, absent or has the wrong parts", p.tag));
    return;
  }
  if (p.tag >= 1 && p.tag <= 5) {
    constexpr std::int64_t kMaxU32{0xFFFF'FFFF};
    for (int i = 0; i < (p.tag == 5 ? 2 : 1); ++i) {
      if (p.values[i] < 0 || p.values[i] > kMaxU32) {
        fail(Errc::limit_exceeded,
             message("the value {} of a shape predicate does not fit 32 bits", p.values[i]));
      }
    }
  }
  u8(p.tag);
  if (p.tag >= 1 && p.tag <= 5) u32(static_cast<std::uint32_t>(p.values[0]));
  if (p.tag == 5) u32(static_cast<std::uint32_t>(p.values[1]));
  if (p.tag == 6) {
    for (const std::int64_t value : p.values) leb(static_cast<std::uint64_t>(value));
  }
  for (const ShapePredicate& child : p.children) predicate(child, depth + 1);
}

void WireEncoder::memory_region(const BufferDecl& buffer, std::uint32_t index) {
  if (!ok()) return;
  const auto kind = static_cast<std::uint8_t>(buffer.kind);
  const auto access = static_cast<std::uint8_t>(buffer.access);
  if (!tables::is_memory_kind(kind) || !tables::is_access(access) ||
      buffer.element >= program_.types.size()) {
    fail(Errc::invalid_argument,
         message("buffer \"{}\" has an unknown memory kind, access or element type",
                 program_.name(buffer.name)));
    return;
  }
  leb(index);
  u8(kind);
  u8(access);
  u8(static_cast<std::uint8_t>(program_.types[buffer.element].tag));
  u8(0);
  prefixed([&] { shape(buffer); });
  prefixed([&] { hints(buffer.hints); });
}

void WireEncoder::shape(const BufferDecl& buffer) {
  leb(buffer.count);
  const DataType& t = program_.types[buffer.element];
  switch (t.tag) {
    case TypeTag::Array:
      leb(std::uint64_t{t.b} << 32 | t.a);
      break;
    case TypeTag::Handle:
    case TypeTag::Opaque:
      leb(t.a);
      break;
    case TypeTag::Quantized:
      quant_params(t);
      if (!ok()) return;
      leb(static_cast<std::uint8_t>(program_.types[t.element].tag));
      leb(t.scale.tag);
      leb(t.scale.value);
      leb(t.zero_point.tag);
      leb(t.zero_point.value);
      break;
    case TypeTag::SparseCsr:
    case TypeTag::SparseCoo:
    case TypeTag::SparseBsr:
    case TypeTag::DeviceMesh:
      fail(Errc::invalid_argument,
           message("buffer \"{}\" has a sparse or mesh element type, which has no layout",
                   program_.name(buffer.name)));
      break;
    default:
      if (!tables::is_type(static_cast<std::uint8_t>(t.tag))) {
        fail(Errc::invalid_argument,
             message("buffer \"{}\" has an unknown element type", program_.name(buffer.name)));
      }
  }
}

Result<Bytes> encode(const Program& program, Profile profile, Interrupt* interrupt) {
  return WireEncoder(program, profile, interrupt).whole();
}

}  // namespace vyre::vir
