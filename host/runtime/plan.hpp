// Plan: what a session found out about a batch before it is submitted. Making one changes nothing,
// and it may be submitted any number of times. Host only; copies share the contents, which never
// change, so any thread may use them. Spec: docs/internals/planner.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/session.hpp"

namespace vyre::runtime {

/// For Session::plan().
struct PlanOptions {
  std::uint32_t queue{0};
  bool dedupe{true};
  bool fuse{true};
  /// The session tracks lineage from the submission of the plan on, and describe() shows it.
  bool lineage{false};
  /// Buffers, or sets of buffers, of which the bytes do not matter once the plan has run: what goes
  /// from one item to another in a register need not be stored there.
  std::span<const Handle> scratch{};
  /// QueueFlags by item; empty: none.
  std::span<const std::uint8_t> flags{};
};

/// limit_exceeded where a plan cannot have so many items.
[[nodiscard]] Status check_plan_size(std::size_t items);

struct PlanContents;

class Plan {
 public:
  explicit Plan(std::shared_ptr<const PlanContents> contents) : contents_(std::move(contents)) {}

  [[nodiscard]] std::size_t items() const noexcept;
  /// How many are not published as long as no buffer changes.
  [[nodiscard]] std::size_t removed() const noexcept;
  /// One screen for a reader, and the same as a JSON object.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::string describe_json() const;

  [[nodiscard]] const PlanContents& contents() const noexcept { return *contents_; }

 private:
  std::shared_ptr<const PlanContents> contents_;
};

/// What a submission of a plan came to.
struct SubmittedPlan {
  /// By item. One that another item stands for has the ticket of that one. `session` is 0 where
  /// the item was not accepted.
  std::vector<Ticket> tickets;
  std::uint64_t accepted{0};
  std::uint64_t deduped{0};         // of these: another item stands for it
  std::optional<Error> stopped_by;  // why not all
};

}  // namespace vyre::runtime
