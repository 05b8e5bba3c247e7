#include "model/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace vyre::model {
namespace {
World* current_world = nullptr;  // one execution at a time, on one thread
}

World::World() : threads_(kMaxThreads) {}
World::~World() = default;

World& World::current() {
  return *current_world;
}

Outcome World::run(const std::vector<std::function<void()>>& bodies, Chooser& chooser, Kill kill,
                   std::uint32_t max_steps) {
  if (bodies.size() > kMaxThreads) std::abort();
  current_world = this;
  count_ = static_cast<std::uint32_t>(bodies.size());
  chooser_ = &chooser;
  kill_ = kill;
  killed_ = false;
  writes_ = 0;
  steps_ = 0;
  location_index_.clear();
  locations_.clear();
  fenced_ = {};
  payloads_.clear();
  failure_.clear();
  failed_ = false;
  for (std::uint32_t t = 0; t < count_; ++t) {
    Thread& thread = threads_[t];
    if (!thread.fiber) thread.fiber = std::make_unique<Fiber>();
    thread.state = State::runnable;
    thread.knowledge = {};
    thread.knowledge.clock[t] = 1;
    thread.parked_at = 0;
    thread.accesses = 0;
    thread.fresh = false;
    thread.parked_fresh = false;
    thread.fiber->start(bodies[t]);
  }
  running_ = 0;
  Outcome outcome;
  chosen_ = false;
  max_steps_ = max_steps;
  while (chosen_ || pick_next()) {
    chosen_ = false;
    Thread& thread = self();
    thread.fiber->resume();
    if (failed_) {
      outcome.ending = Ending::failed;
      outcome.what = "thread " + std::to_string(running_) + ": " + failure_;
      break;
    }
    if (thread.fiber->finished()) thread.state = State::done;
    if (steps_ > max_steps_) {
      outcome.ending = Ending::too_long;
      outcome.what = "no end after " + std::to_string(steps_) + " steps";
      break;
    }
  }
  if (outcome.ending == Ending::finished) {
    for (std::uint32_t t = 0; t < count_; ++t) {
      if (threads_[t].state == State::parked) {
        outcome.ending = Ending::stuck;
        outcome.what += "thread " + std::to_string(t) + " waits for ever; ";
      }
    }
  }
  outcome.steps = steps_;
  current_world = nullptr;
  return outcome;
}

bool World::pick_next() {
  std::array<std::uint32_t, kMaxThreads> options{};
  std::uint32_t n = 0;
  const auto ready = [this](std::uint32_t t) {
    return threads_[t].state == State::runnable ||
           (threads_[t].state == State::parked && threads_[t].parked_at != writes_);
  };
  const bool can_go_on = ready(running_);
  if (can_go_on) options[n++] = running_;
  for (std::uint32_t t = 0; t < count_; ++t) {
    if (t != running_ && ready(t)) options[n++] = t;
  }
  bool fresh = false;
  if (n == 0) {
    // Nobody has news. What was written becomes visible in the end: let those look again who may
    // have read old values.
    for (std::uint32_t t = 0; t < count_ && n == 0; ++t) {
      if (threads_[t].state == State::parked && !threads_[t].parked_fresh) options[n++] = t;
    }
    if (n == 0) return false;
    fresh = true;
  }
  running_ = options[n == 1 ? 0 : chooser_->thread(n)];
  Thread& next = self();
  if (next.state == State::parked) {
    next.state = State::runnable;
    next.fresh = fresh;
    next.fresh_since = writes_;
    if (!fresh) next.parked_fresh = false;
  }
  return true;
}

void World::before_access() {
  Thread& me = self();
  ++steps_;
  if (running_ == kill_.thread && me.accesses == kill_.at_step) {
    me.state = State::dead;
    killed_ = true;
    me.fiber->leave();
    std::abort();  // nobody resumes the dead
  }
  ++me.accesses;
  const std::uint32_t mine = running_;
  if (steps_ > max_steps_) {
    me.fiber->leave();
  } else if (pick_next() && running_ != mine) {
    chosen_ = true;  // going on needs no change of stacks, and is what happens mostly
    me.fiber->leave();
  }
  ++me.knowledge.clock[mine];
}

void World::park() {
  Thread& me = self();
  me.state = State::parked;
  me.parked_at = writes_;
  me.parked_fresh = me.fresh && me.fresh_since == writes_;
  me.fresh = false;
  ++steps_;
  me.fiber->leave();
}

void World::fail(const std::string& what) {
  failed_ = true;
  failure_ = what;
  self().fiber->leave();
  std::abort();
}

std::uint32_t World::location_of(const void* word, std::uint64_t now) {
  const auto [at, is_new] =
      location_index_.try_emplace(word, static_cast<std::uint32_t>(locations_.size()));
  if (is_new) {
    if (locations_.size() == kMaxLocations) std::abort();
    locations_.emplace_back();
    locations_.back().messages.push_back({now, false, {}});
  }
  return at->second;
}

void World::join(Knowledge& into, const Knowledge& from) {
  for (std::uint32_t t = 0; t < kMaxThreads; ++t)
    into.clock[t] = std::max(into.clock[t], from.clock[t]);
  for (std::uint32_t i = 0; i < kMaxLocations; ++i) {
    into.seen[i] = std::max(into.seen[i], from.seen[i]);
  }
}

std::uint64_t World::load(const void* word, std::uint64_t now, bool acquire) {
  Thread& me = self();
  const std::uint32_t location = location_of(word, now);
  const Location& place = locations_[location];
  const auto newest = static_cast<std::uint32_t>(place.messages.size() - 1);
  std::uint16_t& oldest = me.knowledge.seen[location];
  const std::uint32_t options = newest - oldest + 1u;
  const std::uint32_t back = options == 1 || me.fresh ? 0 : chooser_->message(options);
  const std::uint32_t pick = newest - back;
  oldest = static_cast<std::uint16_t>(pick);
  const Message& message = place.messages[pick];
  if (acquire && message.release) join(me.knowledge, message.knowledge);
  return message.value;
}

void World::store(const void* word, std::uint64_t now, std::uint64_t value, bool release) {
  Thread& me = self();
  const std::uint32_t location = location_of(word, now);
  me.knowledge.seen[location] = static_cast<std::uint16_t>(locations_[location].messages.size());
  locations_[location].messages.push_back({value, release, release ? me.knowledge : Knowledge{}});
  ++writes_;
}

void World::read_modify_write(const void* word, std::uint64_t now, std::uint64_t value,
                              bool acquire, bool release) {
  Thread& me = self();
  const std::uint32_t location = location_of(word, now);
  const Message read = locations_[location].messages.back();
  if (acquire && read.release) join(me.knowledge, read.knowledge);
  me.knowledge.seen[location] = static_cast<std::uint16_t>(locations_[location].messages.size());
  Message written{value, release || read.release, {}};
  if (read.release) written.knowledge = read.knowledge;  // the release sequence goes on
  if (release) join(written.knowledge, me.knowledge);
  locations_[location].messages.push_back(std::move(written));
  ++writes_;
}

void World::fence_seq_cst() {
  before_access();
  std::array<std::uint16_t, kMaxLocations>& seen = self().knowledge.seen;
  for (std::uint32_t i = 0; i < kMaxLocations; ++i) {
    seen[i] = std::max(seen[i], fenced_[i]);
    fenced_[i] = seen[i];
  }
}

void World::payload_load(const void* word) {
  Thread& me = self();
  ++me.knowledge.clock[running_];  // an access of its own: an earlier release does not cover it
  Payload& payload = payloads_[word];
  if (me.knowledge.clock[payload.writer] < payload.write_clock) {
    fail("reads a payload word that thread " + std::to_string(payload.writer) +
         " wrote without an order between them");
  }
  payload.read_clock[running_] = me.knowledge.clock[running_];
}

void World::payload_store(const void* word) {
  Thread& me = self();
  ++me.knowledge.clock[running_];  // an access of its own: an earlier release does not cover it
  Payload& payload = payloads_[word];
  if (me.knowledge.clock[payload.writer] < payload.write_clock) {
    fail("writes a payload word that thread " + std::to_string(payload.writer) +
         " wrote without an order between them");
  }
  for (std::uint32_t t = 0; t < count_; ++t) {
    if (me.knowledge.clock[t] < payload.read_clock[t]) {
      fail("writes a payload word that thread " + std::to_string(t) +
           " reads without an order between them");
    }
  }
  payload.writer = running_;
  payload.write_clock = me.knowledge.clock[running_];
}

}  // namespace vyre::model
