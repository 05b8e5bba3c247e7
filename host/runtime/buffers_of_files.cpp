// Buffers that begin as files: mapped, or loaded through the pump. See buffers.hpp.
#include <algorithm>

#include "base/message.hpp"
#include "buffers.hpp"

namespace vyre::runtime {

Result<Handle> Buffers::map_file(const std::string& path, const MapOptions& options,
                                 Deadline deadline) {
  VYRE_TRY(over_.life.open());
  const std::uint32_t queues = over_.setup.options.queues;
  if (options.only_queue && *options.only_queue >= queues) {
    return fail(Errc::invalid_argument,
                message("only_queue is {}: this session has {} queues, numbered from 0",
                        *options.only_queue, queues));
  }
  VYRE_ASSIGN(auto file, ingest::File::open(path, over_.pump.tier_for_pieces()));
  Made made{.kind = HandleRecord::Kind::file,
            .bytes = file->bytes(),
            .file = std::move(file),
            .only_queue = options.only_queue.value_or(ingest::kAnyQueue)};
  {
    const OrderLock lock(over_.order);
    VYRE_ASSIGN(made.handle, over_.handles.take_place(lock));
  }
  Status mapped = over_.maker.make(deadline, [&](backend::Backend& backend) {
    return backend.map_file(made.handle, {path, made.file->descriptor(), made.bytes}, deadline);
  });
  if (!mapped) {
    undo(made);
    return tl::unexpected<Error>(std::move(mapped).error());
  }
  const std::uint64_t bytes = made.bytes;
  VYRE_ASSIGN(const Handle put, put_made(made));
  SessionCounters::add(over_.counters.files, 1);
  SessionCounters::add(over_.counters.mapped_bytes, bytes);
  return put;
}

Status Buffers::load(const ingest::File& file, const backend::Backend::ReadPiece& read, Handle into,
                     std::optional<ByteSpan> there, const CopyUntil& until) {
  Bytes piece;
  for (std::uint64_t at = 0; at < file.bytes();) {
    const std::uint64_t bytes = std::min(kCopyPieceBytes, file.bytes() - at);
    if (there) {
      VYRE_TRY(read(at, {const_cast<std::uint8_t*>(there->data()) + at, bytes}));
    } else {
      piece.resize(bytes);
      VYRE_TRY(read(at, piece));
      VYRE_TRY(over_.copies.write(into, at, piece, until));
    }
    at += bytes;
  }
  return {};
}

Result<std::shared_ptr<const ingest::File>> Buffers::open_to_load(const std::string& path) {
  VYRE_TRY(over_.life.open());
  const SessionOptions& options = over_.setup.options;
  const auto tier = options.ingest_bytes == 0 ? ingest::TierChoice::buffered : options.ingest_tier;
  return ingest::File::open(path, tier);
}

Result<Handle> Buffers::load_file(const std::string& path, const CopyUntil& until) {
  VYRE_ASSIGN(const auto file, open_to_load(path));
  return load_opened(file, until);
}

Result<Handle> Buffers::load_opened(const std::shared_ptr<const ingest::File>& file,
                                    const CopyUntil& until) {
  const auto read = over_.files.piece_reader(file, until);
  VYRE_ASSIGN(const Handle handle, allocate(file->bytes(), nullptr, until));
  // On the CPU the bytes go where they stay: no other caller knows the handle yet.
  const auto there = over_.backend.host_bytes(handle.id);
  if (auto loaded = load(*file, read, handle, there, until); !loaded) {
    std::vector<DoneCall> none;
    (void)retire(handle, none);  // nothing uses it
    return tl::unexpected<Error>(std::move(loaded).error());
  }
  if (const ingest::Pump* running = over_.pump.running()) over_.pump.count_file(*running, *file);
  SessionCounters::add(over_.counters.files, 1);
  SessionCounters::add(over_.counters.read_bytes, file->bytes());
  if (there) {
    SessionCounters::add(over_.counters.bytes_in, file->bytes());
    const OrderLock lock(over_.order);
    over_.tap.tell(over_.tap.hold(lock),
                   [&](SessionObserver& observer) { observer.on_write(handle, 0, *there); });
  }
  return handle;
}

}  // namespace vyre::runtime
