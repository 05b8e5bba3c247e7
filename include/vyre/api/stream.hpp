// Stream: files cut into chunks, an item for each, results in order or as they come, in bounded
// memory. One thread at a time; another gets Code::busy. Spec: docs/streams.md.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "vyre/api/error.hpp"
#include "vyre/api/handle.hpp"
#include "vyre/api/item.hpp"
#include "vyre/api/namespace.hpp"
#include "vyre/api/timeout.hpp"
#include "vyre/vyre.h"

namespace vyre::VYRE_V0 {

enum class Place : std::uint32_t {
  automatic = VYRE_PLACE_AUTO,
  in_place = VYRE_PLACE_IN_PLACE,  // in the pages that they were read into
  device = VYRE_PLACE_DEVICE,      // copied to the device's memory first
};

/// An own buffer of `bytes` bytes for each chunk, or one that all chunks share.
struct StreamOutput {
  std::uint64_t bytes{0};
  BufferRef shared{};
};
static_assert(sizeof(StreamOutput) == sizeof(vyre_stream_output));

/// Zero means the default, as in vyre_stream_options.
struct StreamOptions {
  std::uint64_t chunk_bytes{0};    // overlap included
  std::uint64_t overlap_bytes{0};  // that a chunk shares with the one before it
  bool in_order{true};
  std::uint32_t param{0};
  std::uint32_t max_in_flight{0};
  std::uint64_t max_ahead{0};
  bool keep_bytes{false};               // Chunk::bytes(); memory is free after the result only
  std::vector<BufferRef> inputs{};      // in declaration order, one of them BufferRef{}: the chunk
  std::vector<StreamOutput> outputs{};  // in declaration order; empty: of their declared sizes
  Place place{Place::automatic};
};

/// A chunk and its result: a view that is valid until the next call on the stream.
class Chunk {
 public:
  explicit Chunk(const vyre_chunk* chunk) : chunk_(chunk) {}

  [[nodiscard]] std::uint64_t file() const { return chunk_->file; }    // index, from 0
  [[nodiscard]] std::uint64_t index() const { return chunk_->index; }  // in the file
  [[nodiscard]] std::uint64_t offset() const { return chunk_->offset; }
  [[nodiscard]] std::uint64_t size_bytes() const { return chunk_->bytes; }
  /// Leading bytes that the chunk before it had as well.
  [[nodiscard]] std::uint64_t seen_bytes() const { return chunk_->seen_bytes; }
  [[nodiscard]] bool last() const { return chunk_->last != 0; }  // of its file
  [[nodiscard]] std::string_view path() const { return chunk_->path; }
  /// The ticket in it means nothing.
  [[nodiscard]] ItemResult result() const {
    return {{},           static_cast<ItemStatus>(chunk_->status),
            chunk_->code, chunk_->workgroup,
            chunk_->lane, chunk_->statement};
  }
  /// The file could not be read; no more comes of it.
  [[nodiscard]] std::optional<Error> error() const {
    if (chunk_->error == nullptr) return std::nullopt;
    return Error::from(chunk_->error);
  }
  /// With StreamOptions::keep_bytes; else none.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(chunk_->data.data), chunk_->data.size};
  }
  /// Own outputs, where the item is done; else none.
  [[nodiscard]] std::size_t outputs() const { return chunk_->output_count; }
  /// Empty where there is no output `i`.
  template <class T = std::uint8_t>
  [[nodiscard]] std::span<const T> output(std::size_t i) const {
    if (i >= outputs()) return {};
    const vyre_span& span = chunk_->outputs[i];
    return {static_cast<const T*>(span.data), static_cast<std::size_t>(span.size / sizeof(T))};
  }

 private:
  const vyre_chunk* chunk_;
};

/// Gives one path a call, then nothing. Called from calls on the stream. Where it throws, the list
/// ends there; the results of the paths before it come, and then every call throws the same.
using PathSource = std::function<std::optional<std::string>()>;

class Stream {
 public:
  /// The next result; nothing at the end. Code::deadline_exceeded: nothing came in time, ask
  /// again. At the end it throws what the path source threw, however often it is called.
  [[nodiscard]] Result<std::optional<Chunk>> next(Timeout timeout = {}) {
    const vyre_chunk* chunk = nullptr;
    const detail::Failed failed{vyre_stream_next(get(), timeout.ns(), &chunk)};
    if (failed) return failed.error();
    if (chunk == nullptr) {
      rethrow();
      return std::optional<Chunk>{};
    }
    return std::optional<Chunk>{chunk};
  }
  /// Gives every chunk to `sink` until the end, until `sink` returns false, or until nothing has
  /// come for `timeout`. True: the end was reached. Throws what `sink` threw; the stream stays
  /// usable.
  template <class Sink>
  [[nodiscard]] Result<bool> for_each(Sink&& sink, Timeout timeout = {}) {
    struct Context {
      std::remove_reference_t<Sink>& sink;
      std::exception_ptr thrown;
      bool stopped;
    } context{sink, nullptr, false};
    const vyre_sink give = [](void* opaque, const vyre_chunk* chunk) -> std::int32_t {
      auto& into = *static_cast<Context*>(opaque);
      VYRE_API_TRY {
        if constexpr (std::is_void_v<std::invoke_result_t<Sink&, Chunk>>) {
          std::invoke(into.sink, Chunk(chunk));
        } else {
          into.stopped = !std::invoke(into.sink, Chunk(chunk));
        }
      }
      VYRE_API_CATCH_ALL {
        into.thrown = std::current_exception();
      }
      return into.stopped || into.thrown ? 1 : 0;
    };
    const detail::Failed failed{vyre_stream_for_each(get(), give, &context, timeout.ns())};
    if (context.thrown) std::rethrow_exception(context.thrown);
    if (context.stopped) return false;
    if (failed) return failed.error();
    rethrow();
    return true;
  }
  /// No more chunks begin; what is under way still comes, then Code::cancelled. Any thread.
  void cancel() noexcept { vyre_stream_cancel(get()); }
  /// Goes on without chunks before this one. Any thread.
  void skip_to(std::uint64_t file, std::uint64_t chunk) noexcept {
    vyre_stream_skip_to(get(), file, chunk);
  }
  /// Any thread.
  [[nodiscard]] Result<vyre_stream_progress> progress() const {
    vyre_stream_progress progress = VYRE_INIT(vyre_stream_progress);
    const detail::Failed failed{vyre_stream_describe(get(), &progress)};
    if (failed) return failed.error();
    return progress;
  }
  [[nodiscard]] vyre_stream* get() const noexcept { return stream_.get(); }

 private:
  friend class Queue;
  struct Paths {
    PathSource source;
    std::string path;
    std::exception_ptr thrown;
  };
  Stream(vyre_stream* owned, std::unique_ptr<Paths> paths)
      : paths_(std::move(paths)), stream_(owned) {}
  static const char* next_path(void* context) {
    auto& paths = *static_cast<Paths*>(context);
    VYRE_API_TRY {
      std::optional<std::string> path = paths.source();
      if (!path) return nullptr;
      paths.path = std::move(*path);
      return paths.path.c_str();
    }
    VYRE_API_CATCH_ALL {
      paths.thrown = std::current_exception();
      return nullptr;
    }
  }
  void rethrow() {
    if (paths_ && paths_->thrown) std::rethrow_exception(paths_->thrown);
  }

  std::unique_ptr<Paths> paths_;  // the stream calls it until it is freed
  detail::Owner<vyre_stream, vyre_stream_free> stream_;
};

}  // namespace vyre::VYRE_V0
