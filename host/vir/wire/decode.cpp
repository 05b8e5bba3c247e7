// Decoding a whole blob: envelope, node section, buffers, output set, in the order in which
// upstream checks. Host only; reads untrusted bytes. Spec: docs/internals/vir0.md, "Wire".
#include <cstring>

#include "base/message.hpp"
#include "decoder.hpp"
#include "protocol/limits.hpp"
#include "tables.hpp"

namespace vyre::vir {
namespace {

constexpr std::uint16_t kFlagCompressed{1};
constexpr std::uint16_t kFlagSealed{2};
constexpr std::uint16_t kFlagEndianFixed{4};

bool version_fits(Profile profile, std::uint16_t version) noexcept {
  return profile == Profile::v6 ? version >= 4 && version <= 6 : version == 4;
}

Result<std::uint16_t> check_envelope(ByteSpan blob, Profile profile) {
  if (blob.size() > kMaxProgramBytes) {
    return fail(Errc::limit_exceeded,
                message("program has {} bytes, the limit is {}", blob.size(), kMaxProgramBytes));
  }
  const bool magic = blob.size() >= 4 && std::memcmp(blob.data(), "VYRE", 4) == 0;
  std::uint16_t version = 0;
  if (magic && blob.size() >= 6) {
    version = load_le<std::uint16_t>(blob, 4);
    if (!version_fits(profile, version)) {
      return fail(Errc::version_mismatch,
                  message("wire version {}, profile {} reads {}", version, profile_name(profile),
                          (profile == Profile::v6 ? "4 to 6" : "4; try another profile")),
                  4);
    }
  }
  if (!magic) return fail(Errc::malformed, "not a VIR0 program: the magic is not \"VYRE\"", 0);
  if (blob.size() < tables::kHeaderBytes) {
    return fail(Errc::malformed,
                message("program has {} bytes, its header alone takes {}", blob.size(),
                        tables::kHeaderBytes),
                blob.size());
  }
  const auto flags = load_le<std::uint16_t>(blob, 6);
  if ((flags & ~(kFlagCompressed | kFlagSealed | kFlagEndianFixed)) != 0) {
    return fail(Errc::malformed, message("header flags {} have unknown bits", flags), 6);
  }
  if ((flags & kFlagCompressed) != 0) {
    return fail(Errc::unsupported, "compressed programs are not part of this format version", 6);
  }
  if ((flags & kFlagSealed) != 0) {
    return fail(Errc::unsupported, "sealed programs are not part of this format version", 6);
  }
  if ((flags & kFlagEndianFixed) == 0) {
    return fail(Errc::malformed, "header flag 4 (little-endian opaque payloads) is missing", 6);
  }
  const Digest digest = blake3(blob.subspan(tables::kHeaderBytes));
  if (std::memcmp(digest.bytes.data(), blob.data() + tables::kDigestOffset, digest.bytes.size()) !=
      0) {
    return fail(
        Errc::malformed,
        message(
            "digest of the body is {}, the header has another; the program is damaged or truncated",
            digest.hex()),
        tables::kDigestOffset);
  }
  return version;
}

}  // namespace

std::string_view profile_name(Profile profile) noexcept {
  switch (profile) {
    case Profile::v4_0_6_3:
      return "v4-0.6.3";
    case Profile::v4_0_6_4:
      return "v4-0.6.4";
    case Profile::v6:
      return "v6";
  }
  return "unknown";
}

Result<Profile> parse_profile(std::string_view name) {
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    if (name == profile_name(profile)) return profile;
  }
  return fail(Errc::invalid_argument,
              message("wire profile \"{}\" is unknown; use v4-0.6.3, v4-0.6.4 or v6", name));
}

Result<Program> decode(ByteSpan blob, const DecodeOptions& options) {
  VYRE_ASSIGN(const std::uint16_t version, check_envelope(blob, options.profile));
  return WireDecoder(blob, tables::kHeaderBytes, options, version).run();
}

Result<Program> WireDecoder::run() {
  node_section();
  if (in_.ok()) memory_regions();
  if (in_.ok()) output_set();
  if (in_.ok() && in_.remaining() != 0) {
    in_.fail(Errc::malformed, message("{} bytes follow the end of the program", in_.remaining()),
             in_.at());
  }
  if (!in_.ok()) return tl::unexpected<Error>(in_.take_error());
  return std::move(program_);
}

void WireDecoder::node_section() {
  const std::size_t start = in_.at();
  const std::uint64_t records = in_.leb_up_to(kMaxNodes, "record count");
  if (in_.ok() && records == 0) {
    in_.fail(Errc::malformed, "a program without records has no metadata", start);
  }
  for (std::uint64_t i = 0; i < records && in_.ok(); ++i) {
    const std::size_t id_offset = in_.at();
    const std::string_view op_id = in_.leb_string("record op id");
    const std::size_t length_offset = in_.at();
    const std::uint64_t length = in_.leb("record payload length");
    if (late() && length > kMaxRecordPayloadBytes) {
      in_.fail(
          Errc::limit_exceeded,
          message("record payload has {} bytes, the limit is {}", length, kMaxRecordPayloadBytes),
          length_offset);
    }
    if (in_.ok() && length > in_.remaining()) {
      in_.fail(Errc::malformed,
               message("record payload has {} bytes, {} are left", length, in_.remaining()),
               length_offset);
    }
    if (!in_.ok()) return;
    if (i == 0 && op_id != tables::kMetadataOpId) {
      in_.fail(Errc::malformed, "the first record is not vyre.program.metadata", id_offset);
      return;
    }
    const std::size_t outer = in_.enter(static_cast<std::size_t>(length));
    if (i == 0) {
      metadata();
    } else {
      depth_ = 0;
      const NodeId id = node();
      pending_.push_back(id);
    }
    in_.leave(outer, "record payload");
    if (in_.ok() && i > 0 && tables::node_op_id(program_.nodes[pending_.back()].tag) != op_id) {
      in_.fail(Errc::malformed, message("record is named \"{}\" but holds another node", op_id),
               id_offset);
    }
    const std::size_t operand_offset = in_.at();
    const std::uint64_t operands = in_.leb_up_to(kMaxNodes, "operand count");
    if (operands != 0) {
      in_.fail(Errc::malformed, message("record has {} operands, none are defined", operands),
               operand_offset);
    }
  }
  program_.entry = program_.add_list(pending_);
  pending_.clear();
}

void WireDecoder::metadata() {
  const std::size_t start = in_.at();
  const ByteSpan magic = in_.bytes(tables::kMetadataMagic.size(), "metadata magic");
  if (in_.ok() && std::memcmp(magic.data(), tables::kMetadataMagic.data(), magic.size()) != 0) {
    in_.fail(Errc::malformed, "metadata does not start with \"VYRE-META\"", start);
  }
  if (in_.strict("entry op id presence")) {
    program_.entry_op_id = std::string(in_.string("entry op id"));
  }
  for (std::uint32_t& size : program_.workgroup) {
    const std::size_t offset = in_.at();
    size = in_.u32("workgroup size");
    if (in_.ok() && size == 0) {
      in_.fail(Errc::malformed, "a workgroup dimension is 0, it must be at least 1", offset);
    }
  }
  program_.non_composable_with_self = in_.strict("non_composable_with_self");
  const std::uint64_t count = in_.leb_up_to(kMaxBuffers, "buffer count");
  for (std::uint64_t i = 0; i < count && in_.ok(); ++i) metadata_buffer();
}

void WireDecoder::metadata_buffer() {
  BufferDecl buffer;
  const std::size_t start = in_.at();
  buffer.name = name("buffer name");
  buffer.binding = in_.u32("buffer binding");
  buffer.count = in_.u32("buffer element count");
  buffer.is_output = in_.lax("is_output");
  buffer.pipeline_live_out = in_.lax("pipeline_live_out");
  if (in_.ok() && buffer.count == 0 && (buffer.is_output || buffer.pipeline_live_out)) {
    in_.fail(Errc::malformed,
             message("buffer \"{}\" is an output with count 0", program_.name(buffer.name)), start);
  }
  if (in_.strict("output byte range presence")) {
    const std::size_t offset = in_.at();
    ByteRange range;
    range.start = in_.leb("output range start");
    range.end = in_.leb("output range end");
    if (range.start > range.end) {
      in_.fail(Errc::malformed,
               message("output range starts at {} and ends at {}", range.start, range.end), offset);
    }
    buffer.output_byte_range = range;
  }
  buffer.hints = hints();
  if (version_ >= 6) {
    const std::size_t offset = in_.at();
    buffer.linear_type = in_.u8("linear type");
    if (buffer.linear_type > 3) {
      in_.fail(Errc::malformed, message("linear type {} is unknown", buffer.linear_type), offset);
    }
    buffer.bytes_extraction = in_.strict("bytes_extraction");
    buffer.shape_predicate = predicate(0, true);
  }
  if (in_.ok()) program_.buffers.push_back(std::move(buffer));
}

MemoryHints WireDecoder::hints() {
  MemoryHints hints;
  if (in_.strict("coalesce axis presence")) hints.coalesce_axis = in_.u8("coalesce axis");
  hints.preferred_alignment = in_.u32("preferred alignment");
  const std::size_t offset = in_.at();
  const std::uint8_t locality = in_.u8("cache locality");
  if (!tables::is_locality(locality)) {
    in_.fail(Errc::malformed, message("cache locality {} is unknown", locality), offset);
  } else {
    hints.locality = static_cast<Locality>(locality);
  }
  return hints;
}

ShapePredicate WireDecoder::predicate(std::uint32_t depth, bool may_be_none) {
  ShapePredicate result;
  const std::size_t offset = in_.at();
  result.tag = in_.u8("shape predicate");
  if (!in_.ok()) return result;
  if (depth >= kMaxPredicateDepth) {
    in_.fail(Errc::limit_exceeded,
             message("shape predicates nest deeper than {} levels", kMaxPredicateDepth), offset);
    return result;
  }
  switch (result.tag) {
    case 0:
      if (!may_be_none) in_.fail(Errc::malformed, "a nested shape predicate is absent", offset);
      break;
    case 1:
    case 2:
    case 3:
    case 4:
      result.values[0] = in_.u32("predicate value");
      break;
    case 5:
      result.values[0] = in_.u32("predicate modulus");
      result.values[1] = in_.u32("predicate remainder");
      break;
    case 6:
      for (std::int64_t& value : result.values) {
        value = static_cast<std::int64_t>(in_.leb("predicate coefficient"));
      }
      break;
    case 7:
    case 8:
    case 9:
      for (int i = 0; i < (result.tag == 9 ? 1 : 2) && in_.ok(); ++i) {
        result.children.push_back(predicate(depth + 1, false));
      }
      break;
    default:
      in_.fail(Errc::malformed, message("shape predicate {} is unknown", result.tag), offset);
  }
  return result;
}

void WireDecoder::memory_regions() {
  const std::size_t offset = in_.at();
  const std::uint64_t count = in_.leb_up_to(kMaxBuffers, "memory region count");
  if (in_.ok() && count != program_.buffers.size()) {
    in_.fail(Errc::malformed,
             message("{} memory regions for {} declared buffers", count, program_.buffers.size()),
             offset);
  }
  for (std::uint32_t i = 0; i < count && in_.ok(); ++i) memory_region(i);
}

void WireDecoder::memory_region(std::uint32_t index) {
  const std::size_t start = in_.at();
  BufferDecl& buffer = program_.buffers[index];
  if (const std::uint32_t id = in_.leb_u32("memory region id"); in_.ok() && id != index) {
    in_.fail(Errc::malformed, message("memory region {} has id {}", index, id), start);
  }
  const std::size_t tags = in_.at();
  const std::uint8_t kind = in_.u8("memory kind");
  const std::uint8_t access = in_.u8("buffer access");
  const std::uint8_t element = in_.u8("element type");
  const std::uint8_t shape = in_.u8("shape tag");
  if (!tables::is_memory_kind(kind)) {
    in_.fail(Errc::malformed, message("memory kind {} is unknown", kind), tags);
  }
  if (!tables::is_access(access)) {
    in_.fail(Errc::malformed, message("buffer access {} is unknown", access), tags + 1);
  }
  if (shape != 0) {
    in_.fail(Errc::malformed, message("shape tag {}, only 0 (dense) exists", shape), tags + 3);
  }
  const auto section = [&](const char* what) {
    const std::size_t offset = in_.at();
    const auto length = static_cast<std::size_t>(in_.leb_up_to(kMaxHintBytes, what));
    if (in_.ok() && length > in_.remaining()) {
      in_.fail(Errc::malformed, message("{} runs past the end of the program", what), offset);
    }
    return in_.ok() ? length : 0;
  };
  std::size_t outer = in_.enter(section("shape payload"));
  const std::uint32_t count = in_.leb_u32("shape count");
  const TypeId type = in_.ok() ? shape_element(element, tags + 2) : kNone;
  in_.leave(outer, "shape payload");
  outer = in_.enter(section("hints payload"));
  const MemoryHints region_hints = hints();
  in_.leave(outer, "hints payload");
  if (!in_.ok()) return;
  buffer.kind = static_cast<MemoryKind>(kind);
  buffer.access = static_cast<Access>(access);
  buffer.element = type;
  buffer.hints = region_hints;  // the metadata's copy is not compared, as upstream does not
  check_buffer(buffer, count, start);
}

void WireDecoder::check_buffer(const BufferDecl& buffer, std::uint64_t shape_count,
                               std::size_t offset) {
  const auto refuse = [&](const std::string& why) {
    in_.fail(Errc::malformed, message("buffer \"{}\" {}", program_.name(buffer.name), why), offset);
  };
  if (shape_count != buffer.count) {
    refuse(message("has {} elements in the metadata and {} in its memory region", buffer.count,
                   shape_count));
    return;
  }
  if (buffer.count == 0 && buffer.access == Access::Workgroup) {
    refuse("is workgroup memory with count 0");
  }
  if (!buffer.output_byte_range) return;
  const std::uint64_t end = buffer.output_byte_range->end;
  if (!has_size(program_, buffer.element)) {
    refuse("has an output range but its element type has no size");
    return;
  }
  // An array's element size may be any 64-bit number; dividing keeps the product from wrapping.
  const std::uint64_t size = size_bytes(program_, buffer.element);
  const bool fits =
      size == 0 ? end == 0 : end / size + (end % size != 0 ? 1 : 0) <= std::uint64_t{buffer.count};
  if (!fits) {
    refuse(message("has an output range that ends at byte {}, beyond its {} elements of {} bytes",
                   end, buffer.count, size));
  }
}

void WireDecoder::output_set() {
  const std::uint64_t count = in_.leb_up_to(kMaxBuffers, "output count");
  std::uint64_t next = 0;  // every writable buffer below has been listed
  const auto writable = [&](std::uint64_t i) {
    const Access access = program_.buffers[i].access;
    return access == Access::ReadWrite || access == Access::WriteOnly;
  };
  const std::uint64_t buffers = program_.buffers.size();
  for (std::uint64_t i = 0; i < count && in_.ok(); ++i) {
    const std::size_t offset = in_.at();
    const std::uint32_t index = in_.leb_u32("output buffer index");
    if (!in_.ok()) return;
    if (index >= buffers) {
      in_.fail(Errc::malformed, message("output {} of {} buffers", index, buffers), offset);
    } else if (!writable(index)) {
      in_.fail(Errc::malformed, message("output {} is not writable", index), offset);
    } else if (index < next) {
      in_.fail(Errc::malformed, "outputs are not in ascending order", offset);
    } else {
      while (next < index && !writable(next)) ++next;
      if (next != index) {
        in_.fail(Errc::malformed, message("writable buffer {} is missing from the outputs", next),
                 offset);
      }
      next = std::uint64_t{index} + 1;
    }
  }
  while (in_.ok() && next < buffers && !writable(next)) ++next;
  if (in_.ok() && next < buffers) {
    in_.fail(Errc::malformed, message("writable buffer {} is missing from the outputs", next),
             in_.at());
  }
}

}  // namespace vyre::vir
