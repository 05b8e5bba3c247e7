#include "shared_vectors.hpp"

#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/wire/wire.hpp"

namespace vyre::test {
namespace {

std::optional<std::string> read_gzip(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  std::vector<char> chunk(std::size_t{1} << 16);
  int count = 0;
  while ((count = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  gzclose(file);
  return text;
}

std::vector<Bytes> hex_list(const nlohmann::json& line, const char* key) {
  std::vector<Bytes> out;
  if (!line.contains(key)) return out;
  for (const auto& item : line[key]) out.push_back(from_hex(item.get<std::string>()).value());
  return out;
}

Vector parse(const std::string& text) {
  const auto line = nlohmann::json::parse(text);
  Vector vector;
  vector.name = line["name"].get<std::string>();
  vector.tags = line.value("tags", "");
  vector.error = line.value("error", "");
  vector.order_dependent = line.value("order", "") == "dependent";
  vector.ulp = line.value("ulp", 0u);
  if (line.contains("grid")) vector.grid = line["grid"].get<std::array<std::uint32_t, 3>>();
  vector.inputs = hex_list(line, "inputs");
  vector.outputs = hex_list(line, "outputs");
  auto program = vir::decode(from_hex(line["wire"].get<std::string>()).value());
  if (program) {
    vector.program = std::move(*program);
  } else {
    vector.error = "undecodable";
  }
  return vector;
}

std::int64_t ordered(std::uint32_t bits) {
  const auto magnitude = static_cast<std::int64_t>(bits & 0x7FFFFFFFu);
  return (bits >> 31) != 0 ? -magnitude - 1 : magnitude;
}

bool within(std::uint32_t a, std::uint32_t b, std::uint32_t ulp) {
  if (a == b) return true;
  const bool any_nan = (a & 0x7FFFFFFFu) > 0x7F800000u || (b & 0x7FFFFFFFu) > 0x7F800000u;
  return !any_nan && std::abs(ordered(a) - ordered(b)) <= ulp;
}

}  // namespace

std::filesystem::path source_folder() {
  const char* given = std::getenv("VYRE_SOURCE");
  return given != nullptr ? given : VYRE_SOURCE_DIR;
}

std::filesystem::path shared_vectors_folder() {
  if (const char* given = std::getenv("VYRE_SHARED_VECTORS"); given != nullptr) return given;
  std::error_code none;
  const auto beside =
      std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / "vectors";
  if (std::filesystem::is_directory(beside, none)) return beside;
  return source_folder() / ".." / "shared" / "vectors";
}

bool for_each_vector(const std::string& file, const std::function<void(const Vector&)>& use) {
  const auto text = read_gzip(shared_vectors_folder() / file);
  if (!text) return false;
  std::size_t at = 0;
  while (at < text->size()) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    if (end > at) use(parse(text->substr(at, end - at)));
    at = end + 1;
  }
  return true;
}

void for_each_case(const std::function<void(const Case&)>& use) {
  for (const auto& entry :
       std::filesystem::directory_iterator(source_folder() / "test" / "cases")) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    for (const auto& row : nlohmann::json::parse(file)) {
      if (row.contains("refused")) continue;
      Case one;
      one.name = row["name"].get<std::string>();
      one.program = vir::assemble(row["program"].get<std::string>()).value();
      one.grid = row["grid"].get<std::array<std::uint32_t, 3>>();
      for (const auto& words : row["inputs"]) {
        Bytes& bytes = one.inputs.emplace_back();
        for (const auto& word : words) append_le(bytes, word.get<std::uint32_t>());
      }
      use(one);
    }
  }
}

std::string difference(const Vector& vector, const std::vector<Bytes>& actual) {
  if (actual.size() != vector.outputs.size()) return "number of outputs";
  std::size_t output = 0;
  for (const vir::BufferDecl& decl : vector.program.buffers) {
    if (!vir::is_returned(vir::role_of(decl))) continue;
    const Bytes& want = vector.outputs[output];
    const Bytes& have = actual[output];
    const std::string where = "output " + std::to_string(output++);
    if (want.size() != have.size()) return where + " length " + std::to_string(have.size());
    const bool f32 = vector.program.types[decl.element].tag == vir::TypeTag::F32;
    const std::size_t step = f32 ? 4 : 1;
    for (std::size_t i = 0; i + step <= want.size(); i += step) {
      const bool same =
          f32 ? within(load_le<std::uint32_t>(want, i), load_le<std::uint32_t>(have, i), vector.ulp)
              : want[i] == have[i];
      if (!same) {
        return where + " at byte " + std::to_string(i) + ": want " +
               to_hex(ByteSpan(want).subspan(i, step)) + ", have " +
               to_hex(ByteSpan(have).subspan(i, step));
      }
    }
  }
  return "";
}

}  // namespace vyre::test
