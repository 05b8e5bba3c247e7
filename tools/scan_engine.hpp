// Runs match.literals over the inputs of `vyre scan`: a stream over regular files, and pieces of
// everything else, as they come. Through the C++ API. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "input_bytes.hpp"
#include "library.hpp"
#include "scan_lines.hpp"
#include "scan_options.hpp"
#include "scan_words.hpp"

namespace vyre::cli {

class ScanEngine {
 public:
  /// Gets what the engine found, piece by piece.
  class Sink {
   public:
    virtual ~Sink() = default;
    /// File number `file` of the stream, as `next` gave it. False: nothing more of it need come.
    [[nodiscard]] virtual bool piece(std::uint64_t file, const ScanPiece& piece) = 0;
    /// The file could not be read; nothing more comes of it.
    virtual void failed(std::uint64_t file, const Error& error) = 0;
    /// No other file need come.
    [[nodiscard]] virtual bool enough() const = 0;
    /// The next bytes are not there yet, and all pieces before them were given.
    virtual void waiting() = 0;
  };
  using NextPath = std::function<std::optional<std::string>()>;

  [[nodiscard]] static Result<std::unique_ptr<ScanEngine>> open(const ScanOptions& options,
                                                                const ScanWords& words);
  /// Regular files, until `next` gives none.
  [[nodiscard]] Status scan_files(NextPath next, Sink& sink);
  /// One input, as file number 0. What stands before an error is given.
  [[nodiscard]] Status scan_input(InputBytes& input, Sink& sink);
  /// docs/report.md
  [[nodiscard]] Result<std::string> timeline();
  [[nodiscard]] Result<std::string> report(const v0::ReportOptions& options);

 private:
  /// A piece of an input that was submitted.
  struct Pending {
    Bytes bytes;
    std::uint64_t offset{0};
    std::uint64_t seen{0};
    bool last{false};
    v0::Buffer text, hits, inputs;
    v0::Ticket ticket;
  };

  ScanEngine(const ScanOptions& options, v0::Session session, v0::Op op, v0::Buffer automaton,
             std::uint64_t overlap);
  [[nodiscard]] Result<Pending> submit(Bytes bytes, std::uint64_t most_hits);
  struct Hits {
    std::vector<LiteralHit> records;
    std::uint64_t count{0};  // of what there is; the output may have had room for less
    [[nodiscard]] bool all() const { return records.size() == count; }
  };
  [[nodiscard]] Result<Hits> hits_of(const Pending& pending);
  /// Gives a piece with more hits than an output has room for, in parts that have fewer: memory is
  /// that of a part, and a sink that has had enough is spared the others. False: it has.
  [[nodiscard]] Result<bool> give_in_parts(std::uint64_t file, const ScanPiece& piece, Sink& sink);
  [[nodiscard]] Status wait(v0::Ticket ticket);

  const ScanOptions& options_;
  v0::Session session_;
  v0::Op op_;
  v0::Buffer automaton_;
  const std::uint64_t overlap_;
};

}  // namespace vyre::cli
