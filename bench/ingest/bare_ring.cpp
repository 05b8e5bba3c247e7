#include "ingest/bare_ring.hpp"

#include <liburing.h>

#include <cstring>

namespace vyre::bench {
namespace {

/// IORING_SETUP_SUBMIT_ALL, SINGLE_ISSUER and DEFER_TASKRUN where the headers are older than the
/// kernel.
constexpr unsigned kOneThread{1u << 7 | 1u << 12 | 1u << 13};

tl::unexpected<Error> refused(const char* call, int error) {
  return fail(Errc::unsupported, std::string(call) + ": " + std::strerror(-error));
}

class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (up_) ::io_uring_queue_exit(&ring_);
  }
  Status start(std::uint32_t depth) {
    int error = ::io_uring_queue_init(depth, &ring_, kOneThread);
    if (error == -EINVAL) error = ::io_uring_queue_init(depth, &ring_, 0);
    if (error < 0) return refused("io_uring_queue_init", error);
    up_ = true;
    return {};
  }
  io_uring* get() noexcept { return &ring_; }

 private:
  io_uring ring_{};
  bool up_{false};
};

}  // namespace

Result<Took> bare_ring_lap(const FileSet& files, const Contents& contents, Segments& segments,
                           bool direct) {
  const std::uint32_t depth = segments.shape().depth;
  VYRE_ASSIGN(const OpenFiles open, OpenFiles::open(files, direct ? O_DIRECT : 0));
  Ring ring;
  VYRE_TRY(ring.start(depth));
  const iovec region{segments.memory().data(), segments.memory().size()};
  if (const int error = ::io_uring_register_buffers(ring.get(), &region, 1); error < 0)
    return refused("io_uring_register_buffers", error);

  Ledger ledger(files, contents, segments);
  ChunkWalk walk(files, segments.shape().chunk_bytes);
  std::vector<Chunk> under_way(depth);
  std::uint32_t reading = 0;
  const auto begin = [&](std::size_t segment) {
    const auto chunk = walk.next();
    if (!chunk) return;
    under_way[segment] = *chunk;
    io_uring_sqe* entry = ::io_uring_get_sqe(ring.get());  // a segment each: there is room
    ::io_uring_prep_read_fixed(entry, open[chunk->file], segments.segment(segment).data(),
                               static_cast<unsigned>(chunk->bytes), chunk->offset, 0);
    entry->user_data = segment;
    ++reading;
  };
  VYRE_ASSIGN(const Took took, timed([&]() -> Status {
                for (std::size_t segment = 0; segment < depth; ++segment) begin(segment);
                while (reading > 0) {
                  if (const int error = ::io_uring_submit_and_wait(ring.get(), 1);
                      error < 0 && error != -EINTR)
                    return refused("io_uring_submit_and_wait", error);
                  io_uring_cqe* entry = nullptr;
                  while (::io_uring_peek_cqe(ring.get(), &entry) == 0) {
                    const auto segment = static_cast<std::size_t>(entry->user_data);
                    const int result = entry->res;
                    ::io_uring_cqe_seen(ring.get(), entry);
                    --reading;
                    if (result != static_cast<int>(under_way[segment].bytes) ||
                        !ledger.landed(segment, under_way[segment], 0))
                      return wrong_chunk(under_way[segment]);
                    begin(segment);
                  }
                }
                return {};
              }));
  VYRE_TRY(ledger.check());
  return took;
}

}  // namespace vyre::bench
