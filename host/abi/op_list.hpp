// What a session was asked about its ops. The descriptions stay where they are until it ends, so
// that callers may keep their strings. Any thread.
//
// Lock: a mutex of its own; nothing is called under it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/error.hpp"
#include "runtime/session.hpp"

namespace vyre::abi {

class OpList {
 public:
  [[nodiscard]] Result<const runtime::OpInfo*> describe(const runtime::Session& engine,
                                                        std::uint32_t op);

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::unique_ptr<const runtime::OpInfo>> known_;
};

}  // namespace vyre::abi
