// Where items run: a session (asynchronously, any number in flight) or the reference executor (at
// once). Main thread only. Items that were started end in the order they were started; files that
// stream end in the order of their source.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "library.hpp"
#include "run_plan.hpp"

namespace vyre::cli {

/// The bytes of one item: here, or the whole of a regular file that the engine brings.
struct ItemInput {
  std::string path;
  Bytes bytes;
  std::uint64_t size{0};
  bool in_file{false};
  std::uint64_t seen{0};  // leading bytes that the item before it had, too
};

/// How regular files that do not stream become items.
enum class FileWay : std::uint8_t {
  read,  // by the command, into ItemInput::bytes
  load,  // by the engine, into memory
  map,   // by the engine; their pages are the system's to drop
};

/// Paths, one a call, until nullopt.
using FileSource = std::function<std::optional<std::string>()>;

/// How one chunk of a file that streams ended.
struct StreamedItem {
  std::uint64_t offset{0};
  std::uint64_t bytes{0};
  std::uint64_t seen{0};                    // leading bytes that the chunk before it had, too
  bool last{true};                          // nothing more comes of the file
  bool input_failed{false};                 // `outputs` says why the file could not be read
  Result<std::vector<ByteSpan>> outputs{};  // valid until the next call of next_streamed()
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// `buffer_bytes` from RunPlan::buffer_bytes. An error leaves nothing started.
  [[nodiscard]] virtual Status start(ItemInput input,
                                     const std::vector<std::uint64_t>& buffer_bytes) = 0;
  /// Waits for the oldest started item: its returned buffers in declaration order, or why there are
  /// none.
  [[nodiscard]] virtual Result<std::vector<Bytes>> finish_oldest() = 0;
  [[nodiscard]] virtual std::size_t max_in_flight() const = 0;
  [[nodiscard]] virtual FileWay file_way() const = 0;
  [[nodiscard]] virtual std::string_view executor() const = 0;

  /// Bytes of the largest file that may stream; 0: none does in this run.
  [[nodiscard]] virtual std::uint64_t stream_limit() const { return 0; }
  /// Once, where stream_limit() is not 0. `files` is called from next_streamed().
  [[nodiscard]] virtual Status stream(FileSource files);
  /// Waits for chunk `chunk` of the `file`-th file of the source, both from 0 and asked for in that
  /// order; chunks before it are passed over. Errors: it is late, or the stream is over.
  [[nodiscard]] virtual Result<StreamedItem> next_streamed(std::uint64_t file, std::uint64_t chunk);

  /// What plans of items said of themselves (RunOptions::plan); empty: there were none.
  [[nodiscard]] virtual std::string plans() const { return {}; }

  /// A stop was asked for: what is under way gets half a second from now on.
  virtual void end_soon() {}
  /// After the last item, or once a stop was asked for. Seals a recording and closes.
  [[nodiscard]] virtual Status end() = 0;
  /// The report of the run, after its end, also where that failed.
  [[nodiscard]] virtual Result<v0::Blob> report(const v0::ReportOptions& options) const = 0;
  /// What happened when (RunOptions::timeline).
  [[nodiscard]] virtual Result<v0::Blob> timeline() const;
};

/// The program must be ready at `ready_by`.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_session_engine(const RunPlan& plan,
                                                                  const RunOptions& options,
                                                                  Deadline ready_by);
[[nodiscard]] Result<std::unique_ptr<Engine>> make_reference_engine(const RunPlan& plan,
                                                                    const RunOptions& options,
                                                                    Deadline ready_by);

}  // namespace vyre::cli
