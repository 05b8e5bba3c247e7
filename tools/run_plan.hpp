// What `vyre run` and `vyre record` do with each buffer of a program, decided once before the first
// file. Main thread only. Spec: docs/running-files.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format.hpp"
#include "input_options.hpp"
#include "library.hpp"
#include "reduce.hpp"
#include "run_target.hpp"

namespace vyre::cli {

struct RunOptions : InputOptions {
  std::string program;
  std::vector<std::string> files;
  bool recursive{false};  // files that are folders stand for what lies in them
  std::string profile{"v4-0.6.3"};
  std::string executor{"auto"};
  std::string check;  // "races", or nothing is checked beside the run
  std::string item;   // the buffer that gets the file; empty: the first that needs bytes
  std::vector<std::string> binds;    // NAME=FILE or NAME=u32:1,2,3 ...
  std::vector<std::string> counts;   // NAME=EXPRESSION
  std::vector<std::string> trims;    // NAME=BUFFER
  std::vector<std::string> outputs;  // names; empty: every returned buffer
  std::vector<std::string> reduces;  // RULE or NAME=RULE
  std::string format{"auto"};
  std::string out_file;
  std::string out_directory;
  std::string trace_directory;  // record only
  std::string report;
  std::vector<std::string> labels;   // of the report, NAME=VALUE
  std::string timeline;              // a file; empty: none
  std::vector<std::string> watches;  // what lanes write down when they get there
  std::uint32_t watch_records{0};    // that an item keeps; 0: the library's default
  bool report_files{false};          // the report has a row for each file
  std::string report_every;          // between snapshots in the report's file; empty: none
  std::uint32_t invocations{0};
  std::uint32_t param{0};  // of a built-in op
  std::uint32_t workers{0};
  double timeout_s{600};
  std::uint64_t max_memory_bytes{std::uint64_t{1} << 30};
  std::uint64_t fuel{0};         // 0: the runtime's default
  std::uint64_t chunk_bytes{0};  // 0: a file is one item
  std::uint64_t overlap_bytes{0};
  std::string align;  // "lines": chunks end where lines end
  std::string tier{"auto"};
  std::string jit{"off"};
  std::string cache_folder;                   // of compiled programs; empty: the user's
  bool plan{false};                           // items go in plans
  bool lineage{false};                        // which are asked what derives from what
  std::vector<std::string> rules;             // of the program; empty: its name
  std::optional<std::uint64_t> ingest_bytes;  // nullopt: the runtime's default
};

enum class SourceKind : std::uint8_t { none, item, bound, zeros, seen };

/// What a buffer of SourceKind::seen holds: `seen` in so many bytes.
[[nodiscard]] Bytes seen_number(std::uint64_t seen, std::size_t bytes);

/// The index of no buffer.
inline constexpr std::uint32_t kNoBuffer{0xFFFF'FFFF};

/// Where the bytes of one declared buffer come from.
struct BufferSource {
  SourceKind kind{SourceKind::none};
  Bytes bound;
  std::string count;          // zeros: the expression of its elements; empty: see `follows_item`
  bool follows_item{false};   // zeros: as many elements as the item has
  bool sized_by_item{false};  // zeros: how many depends on the item's size
};

/// One returned buffer that is wanted. `returned` indexes the returned buffers in declaration
/// order.
struct WantedOutput {
  std::string name;
  std::size_t returned{0};
  Format format{Format::hex};
  /// Bytes come in multiples of this: what is left of a file behind its last whole element is out
  /// of the program's reach.
  std::uint64_t step{1};
  std::uint32_t trim_by{kNoBuffer};  // index of the returned buffer whose first word is the length
  std::uint32_t element{0};          // VYRE_ELEMENT_...
  Reduce reduce{Reduce::none};       // what makes one of those of a file's items
  bool total{false};                 // and of all files, because the caller said so
};

/// What the names of buffers begin with that a watched program writes its records to.
inline constexpr std::string_view kWatchBuffers{"vyre.watch"};

struct RunPlan {
  RunTarget target;
  std::vector<v0::ProgramBuffer> buffers;  // as the program or op declares them
  std::vector<BufferSource> sources{};     // of each
  std::uint32_t param{0};                  // of each item
  std::uint32_t item_buffer{kNoBuffer};
  std::vector<WantedOutput> wanted{};

  /// Each file has one of every output, however many items it has.
  [[nodiscard]] bool reduces_all() const;
  [[nodiscard]] bool has_total() const;

  /// Bytes of every buffer that takes input, for an item of this size; zeros evaluated.
  [[nodiscard]] Result<std::vector<std::uint64_t>> buffer_bytes(std::uint64_t item_bytes) const;
  /// Refuses an item so large that invocation ids do not reach its end. `invocations` as in
  /// RunOptions.
  [[nodiscard]] Status check_reach(const std::string& name, std::uint64_t item_bytes,
                                   std::uint32_t invocations) const;
  /// Whether items differ only in the file that they read and in outputs of fixed sizes: such items
  /// can share the rest.
  [[nodiscard]] bool items_share_inputs() const;

  /// Puts what the outputs of a built-in op need behind the sizes of its inputs, but for those that
  /// --count gives.
  [[nodiscard]] Status size_outputs(std::vector<std::uint64_t>& bytes) const;
};

/// Refuses contradictions and unknown names, and says which flag helps.
[[nodiscard]] Result<RunPlan> make_plan(RunTarget target, const RunOptions& options);

}  // namespace vyre::cli
