#include "megakernel/tiny_items.hpp"

#include <array>

#include "support/tiny.hpp"
#include "vir/text/text.hpp"

namespace vyre::bench {
namespace {

using Words = std::array<std::uint32_t, kTinyLanes>;

Words input_of(std::uint32_t item) {
  Words words{};
  for (std::uint32_t lane = 0; lane < kTinyLanes; ++lane)
    words[lane] = (item * kTinyLanes + lane) * 2246822519u;
  return words;
}
ByteSpan bytes_of(const Words& words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words};
}

}  // namespace

Result<std::vector<MegakernelWorkItem>> make_tiny_items(Machine& machine, std::uint32_t count) {
  VYRE_ASSIGN(const std::uint32_t op, machine.add_program(kTinyProgram));
  std::vector<MegakernelWorkItem> items;
  for (std::uint32_t i = 0; i < count; ++i) {
    VYRE_ASSIGN(const std::uint32_t x, machine.buffer(bytes_of(input_of(i))));
    VYRE_ASSIGN(const std::uint32_t y, machine.buffer(sizeof(Words)));
    items.push_back({op, x, y, 0});
  }
  return items;
}

Status check_tiny_items(Machine& machine, std::span<const MegakernelWorkItem> items) {
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    Words wrote{};
    VYRE_TRY(machine.read(items[i].output_handle,
                          {reinterpret_cast<std::uint8_t*>(wrote.data()), sizeof wrote}));
    const Words x = input_of(i);
    for (std::uint32_t lane = 0; lane < kTinyLanes; ++lane) {
      if (wrote[lane] != tiny_value(x[lane])) {
        return fail(Errc::mismatch, "lane " + std::to_string(lane) + " of tiny item " +
                                        std::to_string(i) + " holds a wrong word");
      }
    }
  }
  return {};
}

Result<MegakernelWorkItem> make_tiny_item(runtime::Session& session) {
  VYRE_ASSIGN(const vir::Program program, vir::assemble(kTinyProgram));
  VYRE_ASSIGN(const runtime::OpHandle op, session.register_program("tiny", program));
  VYRE_ASSIGN(const runtime::Handle x, session.upload(bytes_of(input_of(0))));
  VYRE_ASSIGN(const runtime::Handle y, session.allocate(sizeof(Words)));
  return MegakernelWorkItem{op.id, x.id, y.id, 0};
}

}  // namespace vyre::bench
