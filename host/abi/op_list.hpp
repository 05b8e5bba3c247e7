// What a session was asked about its ops, and where their statements lie. The descriptions stay
// where they are until it ends, so that callers may keep their strings. Any thread.
//
// Lock: a mutex of its own; nothing is called under it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/error.hpp"
#include "program.hpp"
#include "runtime/session.hpp"

namespace vyre::abi {

class OpList {
 public:
  [[nodiscard]] Result<const runtime::OpInfo*> describe(const runtime::Session& engine,
                                                        std::uint32_t op);

  /// For an op that was made of a text.
  void keep_places(std::uint32_t op, std::shared_ptr<const StatementPlaces> places);
  /// Null where the op has no text.
  [[nodiscard]] std::shared_ptr<const StatementPlaces> places(std::uint32_t op) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::unique_ptr<const runtime::OpInfo>> known_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const StatementPlaces>> places_;
};

}  // namespace vyre::abi
