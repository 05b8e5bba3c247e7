// Sessions: opening by options, closing, totals, capabilities. See session.hpp.
#include "session.hpp"

#include <limits>
#include <memory>
#include <utility>

#include "base/message.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

constexpr std::uint32_t kDefaultQueues{4};

/// "auto", "cpu", "cuda", or "cuda:" and the number or UUID of a device.
Status read_device(const char* device, runtime::SessionOptions& to) {
  constexpr std::string_view kOneOf{"cuda:"};
  const std::string_view name = device == nullptr ? "auto" : device;
  if (name == "auto") {
    to.backend = runtime::BackendKind::automatic;
  } else if (name == "cpu") {
    to.backend = runtime::BackendKind::cpu;
  } else if (name == "cuda") {
    to.backend = runtime::BackendKind::cuda;
  } else if (name.size() > kOneOf.size() && name.starts_with(kOneOf)) {
    to.backend = runtime::BackendKind::cuda;
    to.device = name.substr(kOneOf.size());
  } else {
    return fail(Errc::invalid_argument,
                message("device '{}' is unknown; use auto, cpu, cuda, or cuda: and the number or "
                        "UUID of a device",
                        name));
  }
  return {};
}

Result<ingest::TierChoice> tier_of(std::string_view name) {
  constexpr std::pair<std::string_view, ingest::TierChoice> kTiers[]{
      {"auto", ingest::TierChoice::automatic}, {"a", ingest::TierChoice::direct_fixed},
      {"b", ingest::TierChoice::direct},       {"c", ingest::TierChoice::buffered},
      {"d", ingest::TierChoice::gpudirect},    {"e", ingest::TierChoice::thread_pool}};
  for (const auto& [text, tier] : kTiers) {
    if (text == name) return tier;
  }
  return fail(Errc::invalid_argument,
              message("option 'ingest_tier' is '{}': choose auto, a, b, c, d or e", name));
}

Result<backend::Jit> jit_of(std::string_view name) {
  constexpr std::pair<std::string_view, backend::Jit> kModes[]{{"off", backend::Jit::off},
                                                               {"auto", backend::Jit::automatic},
                                                               {"force", backend::Jit::force}};
  for (const auto& [text, mode] : kModes) {
    if (text == name) return mode;
  }
  return fail(Errc::invalid_argument,
              message("option 'jit' is '{}': choose off, auto or force", name));
}

/// Options that have a name and no member of their own.
Status read_rare(const vyre_session_options& from, runtime::SessionOptions& to) {
  const auto number = [](const char* key, auto& into) {
    return NamedOption{key, [key, &into](std::string_view value) -> Status {
                         using Into = std::remove_reference_t<decltype(into)>;
                         VYRE_ASSIGN(const std::uint64_t given,
                                     whole_number(key, value, std::numeric_limits<Into>::max()));
                         into = static_cast<Into>(given);
                         return {};
                       }};
  };
  const auto duration = [](const char* key, std::chrono::nanoseconds& into) {
    return NamedOption{key, [key, &into](std::string_view value) -> Status {
                         VYRE_ASSIGN(const std::uint64_t given,
                                     whole_number(key, value, std::uint64_t{INT64_MAX}));
                         into = std::chrono::nanoseconds{static_cast<std::int64_t>(given)};
                         return {};
                       }};
  };
  return read_named(from.options, from.option_count,
                    {duration("producer_timeout_ns", to.producer_timeout),
                     number("ingest_bytes", to.ingest_bytes),
                     {"ingest_tier",
                      [&to](std::string_view value) -> Status {
                        VYRE_ASSIGN(to.ingest_tier, tier_of(value));
                        return {};
                      }},
                     number("timeline", to.timeline_events),
                     number("device_memory_bytes", to.device_memory_bytes),
                     number("max_blocks", to.max_blocks),
                     number("staging_bytes", to.staging_bytes),
                     duration("park_after_ns", to.park_after),
                     duration("watchdog_ns", to.watchdog),
                     number("drain_after", to.drain_after),
                     {"jit",
                      [&to](std::string_view value) -> Status {
                        VYRE_ASSIGN(to.jit, jit_of(value));
                        return {};
                      }},
                     {"cache_dir",
                      [&to](std::string_view value) -> Status {
                        to.cache_dir = value;
                        return {};
                      }}},
                    {"tenant", "priority", "plan"});
}

Result<runtime::SessionOptions> engine_options(const vyre_session_options& from) {
  runtime::SessionOptions to;
  VYRE_TRY(read_device(from.device, to));
  to.queues = from.queues != 0 ? from.queues : kDefaultQueues;
  to.workers = from.workers;
  if (from.ring_slots != 0) to.ring_slots = from.ring_slots;
  to.memory_budget_bytes = from.memory_bytes;
  if (from.fuel != 0) to.fuel = from.fuel;
  to.max_wall_time = std::chrono::nanoseconds{from.max_wall_time};
  if (from.close_timeout != 0) to.close_timeout = std::chrono::nanoseconds{from.close_timeout};
  VYRE_TRY(read_rare(from, to));
  return to;
}

std::string device_of(const runtime::Session& opened) {
  return opened.caps().supported ? opened.report().run.device.value_or("") : std::string();
}

}  // namespace

Deadline deadline_after(vyre_ns timeout, vyre_ns otherwise) noexcept {
  if (timeout < 0) timeout = otherwise;
  if (timeout == 0) return Deadline{};  // in the past: the clock need not be asked
  if (timeout == VYRE_FOREVER) return Deadline::max();
  return after(std::chrono::nanoseconds{timeout});
}

Result<std::uint32_t> op_number(const vyre_session& session, vyre_op op) {
  const Number number = Number::of(op);
  if (!names(op, Kind::op, session.tag)) {
    return tl::unexpected<Error>(not_a(Kind::op, op, session.tag));
  }
  if (number.generation == kOnlyGeneration) return number.index;
  return fail(Errc::invalid_argument, message("op {} is none that this session gave out", op));
}

}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_session::vyre_session(runtime::Session opened, std::uint32_t own_tag, vyre_ns timeout)
    : tag(own_tag),
      forks_at_open(runtime::forks()),
      default_timeout(timeout),
      backend(opened.backend_name()),
      why_not_device(opened.caps().reason),
      device_name(device_of(opened)),
      handles(own_tag, opened.number()),
      queues(opened.options().queues),
      engine(std::move(opened)) {}

vyre_session::~vyre_session() {
  give_back_session_tag(tag);
}

Deadline vyre_session::deadline(vyre_ns timeout) const noexcept {
  return deadline_after(timeout, default_timeout);
}

vyre_error* vyre_session_open(const vyre_session_options* options, vyre_session** session) {
  return guarded("vyre_session_open", [&]() -> Status {
    VYRE_TRY(given(session, "session"));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_session_options"));
    if (wanted.default_timeout < 0) {
      return fail(Errc::invalid_argument, "default_timeout is negative; leave it 0 for 30 s");
    }
    VYRE_ASSIGN(const runtime::SessionOptions engine, engine_options(wanted));
    VYRE_ASSIGN(runtime::Session opened, runtime::Session::open(engine));
    VYRE_ASSIGN(const std::uint32_t tag, take_session_tag());
    try {
      *session =
          new vyre_session(std::move(opened), tag,
                           wanted.default_timeout != 0 ? wanted.default_timeout : kDefaultTimeout);
    } catch (...) {
      give_back_session_tag(tag);
      throw;
    }
    return {};
  });
}

vyre_session* vyre_session_retain(vyre_session* session) {
  if (session != nullptr) session->counted.retain();
  return session;
}

void vyre_session_free(vyre_session* session) {
  if (session == nullptr || !session->counted.release()) return;
  // In a forked child its threads are missing, so nothing can be ended: the memory stays.
  if (session->forked()) return;
  quietly([session] { delete session; });
}

uint32_t vyre_session_tag(const vyre_session* session) {
  return session == nullptr ? 0 : session->tag;
}

vyre_error* vyre_session_caps(vyre_session* session, vyre_caps* caps) {
  return guarded("vyre_session_caps", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(caps, "caps"));
    VYRE_TRY(check_output(caps, "vyre_caps"));
    const MegakernelCaps known = session->engine.caps();
    write_output(caps, vyre_caps{0, known.supported ? 1u : 0u, known.max_worker_count,
                                 known.supported ? known.max_worker_count
                                                 : session->engine.options().workers,
                                 session->why_not_device.c_str(), session->backend.c_str(),
                                 session->device_name.c_str()});
    return {};
  });
}
