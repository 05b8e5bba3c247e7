// All shared vectors through prepare, validate, lower and the interpreter; skips where they are
// absent.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cpu/interpreter/interpreter.hpp"
#include "protocol/fault_names.hpp"
#include "protocol/limits.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/subgroup_ids.hpp"
#include "vir/validate/validate.hpp"
#include "vir/wire/wire.hpp"

namespace {

using vyre::Bytes;

Bytes from_hex(const std::string& text) {
  Bytes out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  }
  return out;
}

std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return lines;
  std::string text;
  char chunk[1 << 16];
  for (int n = gzread(file, chunk, sizeof chunk); n > 0; n = gzread(file, chunk, sizeof chunk)) {
    text.append(chunk, static_cast<std::size_t>(n));
  }
  gzclose(file);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::int64_t ordered(std::uint32_t bits) {
  return (bits & 0x80000000u) != 0 ? -static_cast<std::int64_t>(bits & 0x7FFFFFFFu)
                                   : static_cast<std::int64_t>(bits);
}

bool near(const Bytes& a, const Bytes& b, bool f32, std::int64_t ulp) {
  if (a == b) return true;
  if (!f32 || a.size() != b.size() || a.size() % 4 != 0) return false;
  for (std::size_t i = 0; i < a.size(); i += 4) {
    const auto x = vyre::load_le<std::uint32_t>(a, i);
    const auto y = vyre::load_le<std::uint32_t>(b, i);
    if (x == y) continue;
    if (std::isnan(vyre::load_le<float>(a, i)) || std::isnan(vyre::load_le<float>(b, i)))
      return false;
    if (std::abs(ordered(x) - ordered(y)) > ulp) return false;
  }
  return true;
}

struct Outcome {
  std::string verdict;  // done, refused, fault
  std::string why;
  std::vector<Bytes> outputs;
};

Outcome execute(const vyre::vir::Program& decoded, const std::vector<Bytes>& inputs, bool optimise,
                vyre::vir::Program& program) {
  using namespace vyre;
  auto prepared = vir::prepare(decoded);
  if (!prepared) return {"refused", prepared.error().message, {}};
  program = *prepared;
  if (auto valid = vir::validate(program); !valid) return {"refused", valid.error().message, {}};
  std::vector<std::uint64_t> lengths;
  for (const Bytes& input : inputs) lengths.push_back(input.size());
  auto plan = vir::plan_buffers(program, lengths);
  if (!plan) return {"refused", plan.error().message, {}};
  auto grid = vir::infer_grid(program, plan->byte_lengths);
  if (!grid) return {"refused", grid.error().message, {}};
  auto image = vir::lower(program, {optimise});
  if (!image) return {"refused", "lower: " + image.error().message, {}};
  std::vector<std::vector<std::uint64_t>> memory;  // 8-byte words: aligned
  std::vector<core::BufferView> views;
  for (std::size_t i = 0; i < plan->roles.size(); ++i) {
    const std::uint64_t bytes =
        plan->roles[i] == vir::BufferRole::workgroup ? 0 : plan->byte_lengths[i];
    memory.emplace_back(bytes / 8 + 2);
    if (vir::takes_input(plan->roles[i]) && bytes != 0) {
      std::memcpy(memory.back().data(), inputs[plan->input_index[i]].data(), bytes);
    }
    views.push_back({reinterpret_cast<std::uint8_t*>(memory.back().data()), bytes});
  }
  cpu::Interpreter interpreter;
  const std::uint64_t groups = std::uint64_t{(*grid)[0]} * (*grid)[1] * (*grid)[2];
  const auto result = interpreter.run(*image, views, *grid, {0, groups}, kDefaultFuel);
  if (result.fault.code != FaultCode::none)
    return {"fault", std::string(fault_name(result.fault.code)), {}};
  Outcome out{"done", "", {}};
  for (std::size_t i = 0; i < plan->roles.size(); ++i) {
    if (!vir::is_returned(plan->roles[i])) continue;
    Bytes bytes(views[i].data, views[i].data + views[i].bytes);
    if (const auto& range = program.buffers[i].output_byte_range;
        range && range->start <= range->end && range->end <= bytes.size()) {
      bytes = Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(range->start),
                    bytes.begin() + static_cast<std::ptrdiff_t>(range->end));
    }
    out.outputs.push_back(std::move(bytes));
  }
  return out;
}

void run_file(const char* name, bool optimise) {
  const std::string path =
      std::string(VYRE_SOURCE_DIR) + "/../shared/vectors/" + name + ".jsonl.gz";
  const auto lines = read_lines(path);
  if (lines.empty()) GTEST_SKIP() << "no vectors at " << path;
  std::size_t failures = 0;
  for (const std::string& line : lines) {
    const auto j = nlohmann::json::parse(line);
    const auto label = j["name"].get<std::string>();
    const std::string expected =
        j.contains("error") && !j["error"].is_null() ? j["error"].get<std::string>() : "done";
    auto decoded = vyre::vir::decode(from_hex(j["wire"].get<std::string>()));
    Outcome got{"refused", "decode", {}};
    vyre::vir::Program program;
    if (decoded) {
      std::vector<Bytes> inputs;
      for (const auto& input : j["inputs"]) inputs.push_back(from_hex(input.get<std::string>()));
      got = execute(*decoded, inputs, optimise, program);
    }
    if (expected != "done" && vyre::vir::uses_subgroup_ids(program)) continue;  // no value there
    if (expected == "done" ? got.verdict != "done" : got.verdict == "done") {
      ++failures;
      ADD_FAILURE() << label << ": expected " << expected << ", got " << got.verdict << ": "
                    << got.why;
    } else if (expected == "done" && j["order"] == "independent") {
      const std::int64_t ulp = j.value("ulp", 0);
      std::vector<bool> floats;
      for (const auto& buffer : program.buffers) {
        if (vyre::vir::is_returned(vyre::vir::role_of(buffer))) {
          floats.push_back(program.types[buffer.element].tag == vyre::vir::TypeTag::F32);
        }
      }
      bool same = got.outputs.size() == j["outputs"].size();
      for (std::size_t i = 0; same && i < got.outputs.size(); ++i) {
        same = near(got.outputs[i], from_hex(j["outputs"][i].get<std::string>()), floats[i], ulp);
      }
      if (!same) {
        ++failures;
        ADD_FAILURE() << label << ": outputs differ";
      }
    }
    if (failures > 25) break;
  }
}

}  // namespace

TEST(SharedVectors, OpsGiveTheReferenceBytes) {
  run_file("vir0-ops", true);
}
TEST(SharedVectors, RandomProgramsGiveTheReferenceBytes) {
  run_file("vir0-random", true);
}
TEST(SharedVectors, SyntheticProgramsGiveTheReferenceBytes) {
  run_file("vir0-synthetic", true);
}
TEST(SharedVectors, UpstreamOpsGiveTheReferenceBytes) {
  run_file("upstream-ops-half", true);
}
TEST(SharedVectors, UpstreamSubgroupProgramsGiveTheReferenceBytes) {
  run_file("upstream-subgroups", true);
}
TEST(SharedVectors, OpsGiveTheSameBytesUnoptimised) {
  run_file("vir0-ops", false);
}
TEST(SharedVectors, RandomProgramsGiveTheSameBytesUnoptimised) {
  run_file("vir0-random", false);
}
TEST(SharedVectors, SyntheticProgramsGiveTheSameBytesUnoptimised) {
  run_file("vir0-synthetic", false);
}
TEST(SharedVectors, UpstreamOpsGiveTheSameBytesUnoptimised) {
  run_file("upstream-ops-half", false);
}
TEST(SharedVectors, UpstreamSubgroupProgramsGiveTheSameBytesUnoptimised) {
  run_file("upstream-subgroups", false);
}
