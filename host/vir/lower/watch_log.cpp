// Reads what the regions of watch.cpp wrote.
#include <algorithm>
#include <tuple>

#include "base/bytes.hpp"
#include "base/message.hpp"
#include "vir/lower/watch.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/program/statements.hpp"
#include "watch_words.hpp"

namespace vyre::vir {
namespace {

std::uint32_t watch_word(ByteSpan bytes, std::uint64_t index) {
  return load_le<std::uint32_t>(bytes, static_cast<std::size_t>(index * 4));
}

}  // namespace

Result<WatchLog> read_watch_log(const Watched& watched, std::span<const ByteSpan> buffers) {
  const auto wrong = [](const char* what) {
    return fail(Errc::malformed,
                message("the buffers are not those of a watched program: {}", what));
  };
  std::vector<ByteSpan> log, floats, wide;
  std::size_t next = 0;
  for (const BufferDecl& buffer : watched.program.buffers) {
    if (!is_watch_name(watched.program, buffer.name)) continue;
    if (next == buffers.size()) return wrong("there are too few");
    VYRE_ASSIGN(const std::uint64_t bytes, required_bytes(watched.program, buffer));
    if (buffers[next].size() != bytes) return wrong("one has another size");
    const TypeTag type = watched.program.types[buffer.element].tag;
    (type == TypeTag::U32 ? log : type == TypeTag::F32 ? floats : wide).push_back(buffers[next++]);
  }
  if (next != buffers.size() || log.size() != 1) return wrong("their number is another one");

  std::vector<std::pair<std::uint32_t, std::uint32_t>> sites;  // watch, and which of its sites
  for (std::uint32_t w = 0; w < watched.kinds.size(); ++w) {
    for (std::uint32_t s = 0; s < watched.kinds[w].size(); ++s) sites.emplace_back(w, s);
  }
  WatchLog read;
  const std::uint64_t slots = log[0].size() / 4 / kRecordWords - 1;
  const std::uint64_t taken = std::min<std::uint64_t>(watch_word(log[0], kTaken), slots);
  read.dropped =
      std::uint64_t{watch_word(log[0], kDroppedWraps)} << 32 | watch_word(log[0], kDropped);
  for (std::uint64_t slot = 0; slot < taken; ++slot) {
    const std::uint64_t at = (slot + 1) * kRecordWords;
    const std::uint32_t site = watch_word(log[0], at + kSite);
    if (site == 0) continue;  // its item was stopped there
    if (site > sites.size()) return wrong("a record is of no site");
    WatchRecord record;
    std::tie(record.watch, record.site) = sites[site - 1];
    for (std::uint32_t axis = 0; axis < 3; ++axis)
      record.workgroup[axis] = watch_word(log[0], at + kWorkgroup + axis);
    record.lane = watch_word(log[0], at + kLane);
    const auto& kinds = watched.kinds[record.watch][record.site];
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const std::uint64_t pair = slot * kWatchedValues + i;
      record.values[i] = kinds[i] == WatchedKind::f32 ? watch_word(floats[0], pair)
                         : kinds[i] == WatchedKind::u64
                             ? load_le<std::uint64_t>(wide[0], static_cast<std::size_t>(pair * 8))
                             : watch_word(log[0], at + kValues + i);
    }
    read.records.push_back(record);
  }
  const auto place = [](const WatchRecord& r) {
    return std::tuple(r.workgroup[2], r.workgroup[1], r.workgroup[0], r.lane);
  };
  std::stable_sort(read.records.begin(), read.records.end(),
                   [&](const WatchRecord& a, const WatchRecord& b) { return place(a) < place(b); });
  return read;
}

}  // namespace vyre::vir
