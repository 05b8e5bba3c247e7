// The public calls of streams. What they do is in stream_engine.cpp.
#include "runtime/stream.hpp"

#include <new>

#include "session_stream_host.hpp"
#include "stream_engine.hpp"

namespace vyre::runtime {

Result<Stream> Session::stream(std::function<std::optional<std::string>()> files, OpHandle op,
                               const StreamOptions& options) {
  if (!usable()) return tl::unexpected<Error>(why_unusable());
  if (core_->closing()) return fail(Errc::closed, "the session is closed");
  if (!files) return fail(Errc::invalid_argument, "a stream needs a source of files");
  if (options.queue >= core_->options().queues)
    return tl::unexpected<Error>(core_->no_such_queue(options.queue));
  try {
    auto host = std::make_unique<Stream::SessionHost>(core_, options.queue);
    VYRE_ASSIGN(auto engine, Stream::Engine::make(std::move(host), std::move(files), op, options));
    return Stream(std::move(engine));
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "there is no host memory to open a stream");
  }
}

Result<Stream> Session::stream(std::vector<std::string> files, OpHandle op,
                               const StreamOptions& options) {
  return stream(
      [files = std::move(files), at = std::size_t{0}]() mutable -> std::optional<std::string> {
        if (at == files.size()) return std::nullopt;
        return std::move(files[at++]);
      },
      op, options);
}

Stream::Stream(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    Stream ended(std::move(*this));
    engine_ = std::move(other.engine_);
  }
  return *this;
}
Stream::~Stream() {
  if (!engine_) return;
  if (engine_->forked())
    (void)new std::shared_ptr<Engine>(std::move(engine_));  // it cannot be ended here
  else
    engine_->end();
}

Result<const StreamResult*> Stream::next(Deadline deadline) {
  if (!engine_) return tl::unexpected<Error>(moved_from("Stream"));
  if (engine_->forked()) return tl::unexpected<Error>(of_the_parent("stream"));
  return engine_->next(deadline);
}
void Stream::cancel() noexcept {
  if (engine_) engine_->cancel();
}
void Stream::skip_to(std::uint64_t file, std::uint64_t chunk) noexcept {
  if (engine_) engine_->skip_to(file, chunk);
}
StreamProgress Stream::progress() const {
  return engine_ ? engine_->progress() : StreamProgress{};
}

}  // namespace vyre::runtime
