// See compiled_code.hpp.
#include "compiled_code.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/message.hpp"
#include "jit/jit.hpp"
#include "platform/log.hpp"

namespace vyre::cuda {
namespace {

constexpr std::chrono::milliseconds kParkLook{10};  // whether the kernel has parked
constexpr std::chrono::seconds kParkedGap{1};       // for a gap while it is parked
constexpr std::chrono::seconds kForcedGap{60};      // for one that a caller without end waits for

}  // namespace

Status CompiledCode::open() {
  facts_.jit = device_.jit;
  if (device_.jit == backend::Jit::off) return {};
  auto linker = Linker::load();
  if (!linker) {
    facts_.why_not = linker.error().message;
  } else if (reserved_.facts.architecture == 0) {
    facts_.why_not = reserved_.facts.why_no_code;
  } else if (own_functions().empty()) {
    facts_.why_not = "this build has no device code of its f32 functions";
  } else {
    cache_.emplace(device_.cache_folder);
    maker_.emplace(*linker, *cache_,
                   CodeTarget{reserved_.facts.architecture, reserved_.facts.kernel_registers},
                   reserved_.facts.driver);
  }
  if (!compiles() && device_.jit == backend::Jit::force) {
    return fail(Errc::unsupported, message("programs cannot be compiled for the device: {}; leave "
                                           "jit off or automatic",
                                           facts_.why_not));
  }
  return {};
}

void CompiledCode::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    exit_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool CompiledCode::told_to_stop() const {
  const std::lock_guard lock(mutex_);
  return exit_;
}

bool CompiledCode::is_compiled(const core::Image& image) {
  if (jit::classify(image).kind != jit::Class::c) return true;
  const std::lock_guard lock(mutex_);
  ++facts_.interpreted;
  return false;
}

Result<std::vector<std::uint64_t>> CompiledCode::load(const MadeCode& made) {
  const auto bytes = static_cast<std::uint64_t>(made.cubin->size());
  {
    const std::lock_guard lock(mutex_);
    facts_.made += made.found == cache::Level::none ? 1 : 0;
    facts_.from_memory += made.found == cache::Level::memory ? 1 : 0;
    facts_.from_folder += made.found == cache::Level::folder ? 1 : 0;
    facts_.link_ns += static_cast<std::uint64_t>(made.link_time.count());
    if (code_bytes_ + bytes > kMaxCodeBytes) {
      return fail(Errc::limit_exceeded,
                  message("compiled forms of {} bytes are loaded, {} more are beyond {} "
                          "(kMaxCodeBytes); open another session",
                          code_bytes_, bytes, kMaxCodeBytes));
    }
  }
  VYRE_ASSIGN(auto addresses,
              door_.load_code(*made.cubin, static_cast<std::uint32_t>(made.scratch_bytes.size())));
  const std::lock_guard lock(mutex_);
  code_bytes_ += bytes;
  return addresses;
}

Result<std::uint64_t> CompiledCode::now(const backend::ProgramOp& program, Deadline deadline) {
  if (!is_compiled(*program.image)) return 0;
  const core::Image* const image = program.image.get();
  const auto failed = [&](Error error) {
    {
      const std::lock_guard lock(mutex_);
      ++facts_.failed;
    }
    error.message = message("compiling program '{}': {}", program.name, error.message);
    return tl::unexpected<Error>(std::move(error));
  };
  auto made = maker_->make({&image, 1});
  if (!made) return failed(std::move(made).error());
  if (made->scratch_bytes[0] > reserved_.program_scratch_bytes) {
    const std::lock_guard lock(mutex_);
    ++facts_.interpreted;
    return 0;
  }
  std::uint64_t address = 0;
  const std::function<Status()> work = [&]() -> Status {
    VYRE_ASSIGN(const std::vector<std::uint64_t> addresses, load(*made));
    address = addresses.at(0);
    return {};
  };
  const Deadline until = std::min(deadline, Clock::now() + kForcedGap);
  if (Status in = resident_.in_gap(work, until); !in) return failed(std::move(in).error());
  const std::lock_guard lock(mutex_);
  ++facts_.compiled;
  return address;
}

void CompiledCode::later(const backend::ProgramOp& program, std::uint8_t* word) {
  if (!compiles()) return;
  const std::lock_guard lock(mutex_);
  if (exit_ || waiting_.size() >= kMaxWaitingPrograms) {
    ++facts_.failed;
    return;
  }
  waiting_.push_back({program.name, program.image, word});
  ++facts_.waiting;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { compile_in_background(); });
    } catch (const std::system_error& e) {
      platform::log().warn("programs stay interpreted: no thread to compile them: {}", e.what());
      facts_.failed += waiting_.size();
      facts_.waiting = 0;
      waiting_.clear();
    }
  }
  changed_.notify_all();
}

void CompiledCode::compile_in_background() noexcept {
  for (;;) {
    std::vector<Waiting> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return exit_ || !waiting_.empty(); });
      if (exit_) return;
      while (!waiting_.empty() && batch.size() < kModulePrograms) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    bring_in(std::move(batch));
  }
}

void CompiledCode::bring_in(std::vector<Waiting> batch) {
  const std::size_t taken = batch.size();
  std::erase_if(batch, [this](const Waiting& one) { return !is_compiled(*one.image); });
  const auto settle = [&](std::uint64_t compiled, std::uint64_t failed) {
    const std::lock_guard lock(mutex_);
    facts_.waiting -= taken;
    facts_.compiled += compiled;
    facts_.failed += failed;
  };
  if (batch.empty()) return settle(0, 0);
  std::vector<const core::Image*> images;
  for (const Waiting& one : batch) images.push_back(one.image.get());
  const auto made = maker_->make(images);
  if (!made) {
    platform::log().error("{} programs from '{}' on stay interpreted: {}", batch.size(),
                          batch.front().name, made.error().message);
    return settle(0, batch.size());
  }
  std::uint64_t placed = 0;
  const std::function<Status()> work = [&]() -> Status {
    VYRE_ASSIGN(const std::vector<std::uint64_t> addresses, load(*made));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (made->scratch_bytes[i] > reserved_.program_scratch_bytes) continue;
      VYRE_TRY(door_.put_word(batch[i].word, addresses[i]));
      ++placed;
    }
    return {};
  };
  for (;;) {
    if (told_to_stop()) return settle(0, 0);
    if (resident_.parked()) {
      const Status in = resident_.in_gap(work, Clock::now() + kParkedGap);
      if (in) break;
      if (in.error().code != Errc::deadline_exceeded) {
        platform::log().error("{} programs from '{}' on stay interpreted: {}", batch.size(),
                              batch.front().name, in.error().message);
        return settle(placed, batch.size() - placed);
      }
    }
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, kParkLook, [this] { return exit_; });
  }
  settle(placed, 0);
}

backend::CodeFacts CompiledCode::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

}  // namespace vyre::cuda
