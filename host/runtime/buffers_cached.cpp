// Buffers that callers with equal bytes share. See buffers.hpp and resident_inputs.hpp.
#include <array>
#include <utility>
#include <vector>

#include "base/message.hpp"
#include "buffers.hpp"
#include "runtime/budget.hpp"

namespace vyre::runtime {
namespace {

/// A file that changes while it is loaded is loaded again, so often.
constexpr int kLoads{3};

Result<ContentKey> key_of_bytes(ByteSpan bytes, const CopyUntil& until) {
  Blake3 digest;
  VYRE_TRY(copy_in_pieces(bytes.size(), "the digest of the upload", until,
                          [&](std::uint64_t at, std::uint64_t piece) -> Status {
                            digest.update(bytes.subspan(at, piece));
                            return {};
                          })
               .status);
  return ContentKey{ContentKey::Of::bytes, digest.finish(), bytes.size()};
}

ContentKey key_of_file(const ingest::FileIdentity& file) {
  const std::array<std::uint64_t, 5> words{file.device, file.inode, file.bytes,
                                           static_cast<std::uint64_t>(file.modified_ns),
                                           static_cast<std::uint64_t>(file.changed_ns)};
  const auto* const first = reinterpret_cast<const std::uint8_t*>(words.data());
  return {ContentKey::Of::file, blake3({first, sizeof(words)}), file.bytes};
}

}  // namespace

std::uint64_t Buffers::evict(std::uint64_t bytes) {
  std::uint64_t sum = 0;
  while (sum < bytes) {
    const auto evicted = evict_one();
    if (!evicted) break;
    sum += counted_bytes(*evicted);
  }
  return sum;
}

std::optional<std::uint64_t> Buffers::evict_one() {
  std::vector<DoneCall> none;  // no caller lent a cached buffer
  OrderLock lock(over_.order);
  over_.retirements.make_room(lock);
  HandleRecord* const oldest = over_.inputs.take_oldest(lock);
  if (oldest == nullptr) {
    over_.retirements.need_no_room(lock);
    return std::nullopt;
  }
  const std::uint64_t bytes = oldest->bytes;
  SessionCounters::add(over_.counters.inputs_evicted, 1);
  over_.retirements.take(lock, *oldest, Clock::now(), none);
  return bytes;
}

std::optional<Handle> Buffers::hold_cached(const ContentKey& key) {
  const OrderLock lock(over_.order);
  const auto held = over_.inputs.hold(lock, key);
  if (held) {
    SessionCounters::add(over_.counters.inputs_found, 1);
    SessionCounters::add(over_.counters.input_bytes_found, key.bytes);
  }
  return held;
}

Result<Handle> Buffers::share(const ContentKey& key, Handle made, Deadline deadline) {
  Status sealed = over_.maker.make(deadline, [&](backend::Backend& backend) {
    return backend.make_read_only(made.id, deadline);
  });
  SessionCounters::add(over_.counters.inputs_sent, 1);
  SessionCounters::add(over_.counters.input_bytes_sent, key.bytes);
  std::optional<Handle> earlier;
  if (sealed) {
    const OrderLock lock(over_.order);
    earlier = over_.inputs.hold(lock, key);
    if (!earlier) {
      HandleRecord& record = *over_.handles.find(lock, made.id);
      over_.inputs.add(lock, record, key);
      record.read_only = true;
      return made;
    }
  }
  std::vector<DoneCall> none;
  (void)retire(made, none);  // nothing uses it
  if (!sealed) return tl::unexpected<Error>(std::move(sealed).error());
  return *earlier;
}

Result<Handle> Buffers::upload_cached(ByteSpan bytes, const CopyUntil& until) {
  VYRE_TRY(over_.life.open());
  const Deadline begin = Clock::now();
  VYRE_ASSIGN(const ContentKey key, key_of_bytes(bytes, until));
  const std::chrono::nanoseconds took = Clock::now() - begin;
  SessionCounters::add(over_.counters.input_digest_ns, static_cast<std::uint64_t>(took.count()));
  if (const auto held = hold_cached(key)) return *held;
  VYRE_ASSIGN(const Handle made, allocate(bytes.size(), &bytes, until));
  return share(key, made, until.deadline);
}

Result<Handle> Buffers::load_file_cached(const std::string& path, const CopyUntil& until) {
  for (int load = 0; load < kLoads; ++load) {
    VYRE_ASSIGN(const auto file, open_to_load(path));
    VYRE_ASSIGN(const ingest::FileIdentity before, file->identity_now());
    const ContentKey key = key_of_file(before);
    if (const auto held = hold_cached(key)) return *held;
    VYRE_ASSIGN(const Handle made, load_opened(file, until));
    const auto after = file->identity_now();
    if (after && *after == before) return share(key, made, until.deadline);
    std::vector<DoneCall> none;
    (void)retire(made, none);  // nothing uses it
  }
  return fail(Errc::io, message("{} changed each of the {} times that it was loaded; load it "
                                "uncached, or when nothing writes it",
                                path, kLoads));
}

}  // namespace vyre::runtime
