// The items of one run: which files stream and which become buffers, within the memory bound, their
// results to the sink in the order of the files. Main thread only. Spec: docs/running-files.md,
// "How files are read".
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "piece_reader.hpp"
#include "progress.hpp"
#include "run_engine.hpp"
#include "run_sink.hpp"
#include "shell.hpp"
#include "watch_log.hpp"

namespace vyre::cli {

/// 0 for all that is no regular file or has no size to go by, and for what is not there.
[[nodiscard]] std::uint64_t regular_bytes(const std::string& path);

class Runner {
 public:
  Runner(const Shell& shell, const RunOptions& options, const RunPlan& plan, Engine& engine);

  /// Errors end the run: the stream cannot be had, or standard output, or a stop signal came.
  [[nodiscard]] Status run();
  /// After the engine's end, whose error belongs to the same answer.
  [[nodiscard]] Outcome end(Status ended);
  [[nodiscard]] std::vector<v0::InputFailure> take_failures() { return std::move(input_failures_); }
  /// What --watch wrote down; nullopt without it.
  [[nodiscard]] std::optional<v0::DebugRecords> watched() const { return watch_log_.records(); }
  /// nullopt without --report-files.
  [[nodiscard]] std::optional<std::vector<v0::InputTotal>> take_file_totals() {
    if (!options_.report_files) return std::nullopt;
    return std::move(file_totals_);
  }

 private:
  [[nodiscard]] Status all_items();
  /// Items end in the order of the files, the failed ones too.
  struct Waiting {
    ItemName name;
    std::uint64_t bytes{0};                 // of memory while in flight
    std::uint64_t read{0};                  // of the input that no item before it had
    std::optional<Error> failure;           // it never started
    std::optional<std::uint64_t> streamed;  // a whole file: its number in the stream
    bool ends_pieces{false};                // no item: all pieces of the file stand before it
  };
  struct Memory {
    std::uint64_t need{0};
    /// Of these, beyond the item: a recording stores what items wrote at its end.
    std::uint64_t kept{0};
  };

  [[nodiscard]] bool streams(std::size_t index);
  [[nodiscard]] bool may_stream(const std::string& path);
  [[nodiscard]] std::uint64_t recorded_bytes(std::uint64_t size, std::uint64_t outputs) const;
  [[nodiscard]] Status open_stream();
  [[nodiscard]] Memory memory_of(const std::vector<std::uint64_t>& bytes, bool of_item) const;

  [[nodiscard]] Status submit(std::size_t index);
  [[nodiscard]] Status submit_pieces(const std::string& file);
  [[nodiscard]] Status submit_pieces(const std::string& file, PieceReader::Open open);
  [[nodiscard]] Status submit(const std::string& file, PieceReader::Piece piece);
  void end_pieces(const std::string& file);
  [[nodiscard]] Status end_followed(const std::string& file, PieceReader& reader);
  [[nodiscard]] Status catch_up();
  /// A stop was asked for, and this is not how the run ends because of it.
  [[nodiscard]] bool stopped() const;
  [[nodiscard]] bool read_here(const std::string& file) const;
  [[nodiscard]] Status start(ItemName name, ItemInput input);
  [[nodiscard]] Status give_up(ItemName name, Error error);
  void look_at_total();
  void warn_of_empty_outputs(const ItemName& name, std::uint64_t item_bytes,
                             const std::vector<std::uint64_t>& bytes);
  [[nodiscard]] Status make_room(std::uint64_t bytes);
  [[nodiscard]] Status retire();
  [[nodiscard]] Status retire_all();
  [[nodiscard]] Status collect(const Waiting& file);
  [[nodiscard]] Status end_file(const ItemName& name);
  /// `read`: bytes of the input that no item before it had.
  [[nodiscard]] Status out(const ItemName& name, std::uint64_t read,
                           const Result<std::vector<ByteSpan>>& outputs);

  const Shell& shell_;
  const RunOptions& options_;
  const RunPlan& plan_;
  Engine& engine_;
  Sink sink_;
  WatchLog watch_log_;
  Progress progress_;
  std::deque<Waiting> waiting_;
  std::uint64_t in_flight_bytes_{0};
  std::uint64_t kept_bytes_{0};       // until the recording has ended
  std::uint64_t kept_of_streams_{0};  // of these
  std::uint64_t ended_{0};
  std::uint64_t followed_{0};           // files that --follow has met
  std::uint64_t read_{0};               // bytes of input whose items have ended
  std::optional<std::uint64_t> total_;  // bytes of all input, where that is known and of use
  std::vector<v0::InputFailure> input_failures_;
  std::vector<v0::InputTotal> file_totals_;
  v0::InputTotal file_total_;  // of the file whose items come now
  bool finishing_{false};      // what a followed file has given so far, after a stop

  enum class Way : std::uint8_t { unknown, buffers, stream };
  std::vector<Way> ways_;        // of the files, decided when first asked for
  std::size_t source_next_{0};   // file that the stream looks at next
  std::uint64_t streamed_{0};    // files of the stream that were submitted
  std::vector<bool> warned_of_;  // by declared buffer: it had no elements
};

}  // namespace vyre::cli
