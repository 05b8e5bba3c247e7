// The doors agree: a text that the validator accepts is encoded, decoded to the same program,
// accepted again and lowered to the same image. The first byte chooses: 0 the text as it is; else
// the text is made of repeated pieces, often one more or less than a limit of the wire format.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/support.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace {

using namespace vyre;
using test::require;
using vir::Profile;
using vir::Program;

constexpr std::string_view kPieces[] = {
    "buffer out: u32[4] read_write output live_out;\n",
    "buffer in: u32[] @1 read_only;\n",
    "region \"r\" {\n",
    "}\n",
    "{",
    "}",
    "let x = ",
    "out[0] = ",
    "1u",
    ";\n",
    "~",
    " + 1u",
    " * out[1]",
    "out[",
    "]",
    "(",
    ")",
    "if true {}",
    " else if out[0] < 2u {}",
    "if gid.x == 0u {",
    "for i in 0u..4u {",
    "cast(",
    "vec(",
    "u32",
    ", 1)",
    ", 1u)",
    "return;",
    "barrier;",
    "call f(",
    "1u, ",
    "async_load(in, out, 0u, 4u, t);\nasync_wait(t);\n",
    "atomic_add(out[0], 1u)",
    "select(true, 1u, 2u)",
    "u32(",
    "x",
    "workgroup 32, 1, 1;\n",
};
constexpr std::uint32_t kCounts[] = {1,  1,  1,  2,  3,  4,  29, 30, 31,  32,       33,          58,
                                     59, 60, 61, 62, 63, 64, 65, 66, 130, kMaxArgs, kMaxArgs + 1};

/// Pieces, each behind the number of its repeats; names and buffers have numbers of their own.
std::string blown_up(ByteSpan data) {
  constexpr std::size_t kLongest{std::size_t{4} << 20};
  std::string text;
  for (std::size_t i = 0; i + 1 < data.size() && text.size() < kLongest; i += 2) {
    const std::uint8_t what = data[i] % (std::size(kPieces) + 2);
    if (what == std::size(kPieces)) {  // buffers, up to one more than a program has
      const std::uint32_t count =
          data[i + 1] >= 250 ? kMaxBuffers - 252 + data[i + 1] : data[i + 1];
      for (std::uint32_t k = 0; k < count; ++k) {
        const std::string number = std::to_string(10 + k);
        text += "buffer b" + number + ": u32[1] @" + number + " workgroup;\n";
      }
    } else if (what == std::size(kPieces) + 1) {  // a name
      const std::size_t length =
          data[i + 1] >= 250 ? kMaxStringBytes - 252u + data[i + 1] : data[i + 1] % 9 + 1u;
      text += "let " + std::string(length, static_cast<char>('a' + data[i + 1] % 26)) + " = 1u;\n";
    } else {
      const std::uint32_t count = kCounts[data[i + 1] % std::size(kCounts)];
      for (std::uint32_t k = 0; k < count; ++k) text += kPieces[what];
    }
  }
  return text;
}

/// What the format's own encoder writes or refuses although programs with it run: no limits
/// (docs/internals/vir0.md, "Encoding").
bool has_no_wire_form(const Program& program) {
  for (const vir::BufferDecl& buffer : program.buffers) {
    const vir::DataType& type = program.types[buffer.element];
    switch (type.tag) {
      case vir::TypeTag::Vec:
      case vir::TypeTag::TensorShaped:
      case vir::TypeTag::SparseCsr:
      case vir::TypeTag::SparseCoo:
      case vir::TypeTag::SparseBsr:
      case vir::TypeTag::DeviceMesh:
      case vir::TypeTag::Quantized:
      case vir::TypeTag::Opaque:
        return true;
      default:
        break;
    }
    if (buffer.output_byte_range ||
        (buffer.count == 0 && (buffer.is_output || buffer.pipeline_live_out))) {
      return true;
    }
  }
  return false;
}

bool accepted(const Program& program, Program& prepared) {
  auto made = vir::prepare(program);
  if (!made || !vir::validate(*made)) return false;
  prepared = std::move(*made);
  return true;
}

void agree(const Program& program, const Program& prepared) {
  const auto image = vir::lower(prepared);
  std::string why = "no profile";
  for (const Profile profile : {Profile::v4_0_6_3, Profile::v4_0_6_4, Profile::v6}) {
    const auto blob = vir::encode(program, profile);
    if (!blob) {
      why = blob.error().message;
      continue;
    }
    const auto back = vir::decode(*blob, {profile});
    require(back.has_value(),
            "what is encoded is decoded: " + (back ? std::string() : back.error().message));
    const auto again = vir::encode(*back, profile);
    require(again && *again == *blob, "an encoding comes back as it is");
    Program prepared_back;
    require(accepted(*back, prepared_back), "what was accepted is accepted again");
    const auto image_back = vir::lower(prepared_back);
    require(image.has_value() == image_back.has_value(), "both are lowered, or none");
    if (image && vir::same_program(program, *back)) {
      require(image->code.size() == image_back->code.size() &&
                  image->statements == image_back->statements &&
                  image->constants == image_back->constants,
              "one program has one image");
    }
    return;
  }
  require(has_no_wire_form(program), "what is accepted can be written: " + why);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  const std::string text =
      data[0] == 0 ? std::string(reinterpret_cast<const char*>(rest.data()), rest.size())
                   : blown_up(rest);
  const auto program = vir::assemble(text);
  if (!program) {
    require(program.error().line != 0, "a refusal names its place");
    return 0;
  }
  Program prepared;
  if (accepted(*program, prepared) && !has_no_wire_form(*program)) agree(*program, prepared);
  return 0;
}
