// Buffers: made, imported, of files, bound, copied, leased, retired. See buffer.hpp.
#include "buffer.hpp"

#include <string>

#include "base/message.hpp"
#include "blob.hpp"
#include "bound.hpp"
#include "builtin/literals.hpp"
#include "queue.hpp"
#include "runtime/set_size.hpp"
#include "structures.hpp"

namespace vyre::abi {
namespace {

/// The begin of every call that makes a buffer.
Status may_make(const vyre_queue* queue, const vyre_buffer* buffer) {
  VYRE_TRY(usable(queue));
  return given(buffer, "buffer");
}

Result<runtime::LeaseAccess> lease_access(std::uint32_t access) {
  if (access == VYRE_READ) return runtime::LeaseAccess::read;
  if (access == VYRE_WRITE || access == VYRE_READ_WRITE) return runtime::LeaseAccess::read_write;
  return fail(Errc::invalid_argument,
              message("access is {}: use VYRE_READ, VYRE_WRITE or VYRE_READ_WRITE", access));
}

}  // namespace

Result<std::vector<runtime::Handle>> members_of(const vyre_session& session,
                                                const vyre_buffer* buffers, std::size_t count) {
  // Before a list of a wrong length is read.
  VYRE_TRY(runtime::fits_a_set(count));
  return handles_of(session, buffers, count);
}

Result<std::vector<runtime::Handle>> handles_of(const vyre_session& session,
                                                const vyre_buffer* buffers, std::size_t count) {
  std::vector<runtime::Handle> handles;
  handles.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    VYRE_ASSIGN(const runtime::Handle handle, session.handles.find(buffers[i]));
    handles.push_back(handle);
  }
  return handles;
}

Result<vyre_buffer> give_out(vyre_session& session, const runtime::Handle& handle) {
  try {
    auto number = session.handles.add(handle);
    if (!number) (void)session.engine.retire(handle);
    return number;
  } catch (...) {
    (void)session.engine.retire(handle);
    throw;
  }
}

}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_buffer_new(vyre_queue* queue, uint64_t bytes, const vyre_buffer_options* options,
                            vyre_ns timeout, vyre_buffer* buffer) {
  return guarded("vyre_buffer_new", [&]() -> Status {
    VYRE_TRY(may_make(queue, buffer));
    VYRE_ASSIGN(const auto wanted, read_options(options, "vyre_buffer_options"));
    bool cached = false;
    bool hits = false;
    const auto flag = [](const char* key, bool& into) {
      return NamedOption{key, [key, &into](std::string_view value) -> Status {
                           VYRE_ASSIGN(const std::uint64_t on, whole_number(key, value, 1));
                           into = on != 0;
                           return {};
                         }};
    };
    VYRE_TRY(read_named(wanted.options, wanted.option_count,
                        {flag("cache", cached), flag("hits", hits)}, {}));
    if (hits && (bytes != 0 || wanted.init != nullptr || cached)) {
      return fail(Errc::invalid_argument,
                  message("the option \"hits\" says how long the buffer is, and {} bytes{} are "
                          "asked for; give 0 bytes, no init and no other option",
                          bytes, wanted.init == nullptr ? "" : " with init"));
    }
    if (cached && wanted.init == nullptr && bytes != 0) {
      return fail(Errc::invalid_argument,
                  "the option \"cache\" needs init: zeros are not uploaded, so there is nothing to "
                  "send once");
    }
    vyre_session& session = *queue->session;
    const Deadline deadline = session.deadline(timeout);
    const ByteSpan init{static_cast<const std::uint8_t*>(wanted.init),
                        wanted.init == nullptr ? 0 : bytes};
    const vyre_stopped asked = asked_by_this_thread();
    const auto make = [&] {
      if (hits) return session.engine.allocate_hits(deadline, asked);
      if (cached) return session.engine.upload_cached(init, deadline, asked);
      return wanted.init == nullptr ? session.engine.allocate(bytes, deadline, asked)
                                    : session.engine.upload(init, deadline, asked);
    };
    VYRE_ASSIGN(const runtime::Handle made, make());
    VYRE_ASSIGN(*buffer, give_out(session, made));
    return {};
  });
}

vyre_error* vyre_buffer_import(vyre_queue* queue, void* host, uint64_t bytes, uint32_t access,
                               vyre_done done, void* context, vyre_ns timeout,
                               vyre_buffer* buffer) {
  return guarded("vyre_buffer_import", [&]() -> Status {
    VYRE_TRY(may_make(queue, buffer));
    VYRE_TRY(given_array(host, bytes, "host"));
    VYRE_ASSIGN(const runtime::LeaseAccess wanted, lease_access(access));
    vyre_session& session = *queue->session;
    const runtime::ImportOptions options{wanted == runtime::LeaseAccess::read_write, done, context};
    VYRE_ASSIGN(const runtime::Handle made,
                session.engine.import({static_cast<std::uint8_t*>(host), bytes}, options,
                                      session.deadline(timeout)));
    VYRE_ASSIGN(*buffer, give_out(session, made));
    return {};
  });
}

vyre_error* vyre_buffer_map_file(vyre_queue* queue, const char* path, uint32_t flags,
                                 vyre_ns timeout, vyre_buffer* buffer) {
  return guarded("vyre_buffer_map_file", [&]() -> Status {
    VYRE_TRY(may_make(queue, buffer));
    VYRE_TRY(given_path(path, "path"));
    if ((flags & ~static_cast<std::uint32_t>(VYRE_MAP_THIS_QUEUE_ONLY)) != 0) {
      return fail(Errc::unsupported,
                  message("flags {} are not all known: VYRE_MAP_THIS_QUEUE_ONLY is", flags));
    }
    vyre_session& session = *queue->session;
    runtime::MapOptions options;
    if (flags != 0) options.only_queue = queue->number;
    VYRE_ASSIGN(const runtime::Handle made,
                session.engine.map_file(path, options, session.deadline(timeout)));
    VYRE_ASSIGN(*buffer, give_out(session, made));
    return {};
  });
}

namespace {

Status load(vyre_queue* queue, const char* path, vyre_ns timeout, bool cached,
            vyre_buffer* buffer) {
  VYRE_TRY(may_make(queue, buffer));
  VYRE_TRY(given_path(path, "path"));
  vyre_session& session = *queue->session;
  const Deadline deadline = session.deadline(timeout);
  const vyre_stopped asked = asked_by_this_thread();
  VYRE_ASSIGN(const runtime::Handle made,
              cached ? session.engine.load_file_cached(path, deadline, asked)
                     : session.engine.load_file(path, deadline, asked));
  VYRE_ASSIGN(*buffer, give_out(session, made));
  return {};
}

}  // namespace

vyre_error* vyre_buffer_load_file(vyre_queue* queue, const char* path, vyre_ns timeout,
                                  vyre_buffer* buffer) {
  return guarded("vyre_buffer_load_file",
                 [&] { return load(queue, path, timeout, false, buffer); });
}

vyre_error* vyre_buffer_load_cached_file(vyre_queue* queue, const char* path, vyre_ns timeout,
                                         vyre_buffer* buffer) {
  return guarded("vyre_buffer_load_cached_file",
                 [&] { return load(queue, path, timeout, true, buffer); });
}

vyre_error* vyre_buffer_bind(vyre_queue* queue, const vyre_buffer* buffers, size_t count,
                             vyre_ns timeout, vyre_buffer* set) {
  return guarded("vyre_buffer_bind", [&]() -> Status {
    VYRE_TRY(usable(queue));
    VYRE_TRY(given_array(buffers, count, "buffers"));
    VYRE_TRY(given(set, "set"));
    vyre_session& session = *queue->session;
    VYRE_ASSIGN(const auto members, members_of(session, buffers, count));
    VYRE_ASSIGN(const runtime::Handle made,
                session.engine.bind(members, session.deadline(timeout), asked_by_this_thread()));
    VYRE_ASSIGN(*set, give_out(session, made));
    return {};
  });
}

vyre_error* vyre_buffer_size(vyre_session* session, vyre_buffer buffer, uint64_t* bytes) {
  return guarded("vyre_buffer_size", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(bytes, "bytes"));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    VYRE_ASSIGN(*bytes, session->engine.buffer_bytes(handle));
    return {};
  });
}

vyre_error* vyre_buffer_number(vyre_session* session, vyre_buffer buffer, uint32_t* number) {
  return guarded("vyre_buffer_number", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(number, "number"));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    *number = handle.id;
    return {};
  });
}

vyre_error* vyre_buffer_read(vyre_session* session, vyre_buffer buffer, uint64_t at, void* bytes,
                             uint64_t size, vyre_ns timeout) {
  return guarded("vyre_buffer_read", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_array(bytes, size, "bytes"));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    return session->engine.download_into(handle, at, {static_cast<std::uint8_t*>(bytes), size},
                                         session->deadline(timeout), asked_by_this_thread());
  });
}

vyre_error* vyre_buffer_write(vyre_session* session, vyre_buffer buffer, uint64_t at,
                              const void* bytes, uint64_t size, vyre_ns timeout) {
  return guarded("vyre_buffer_write", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given_array(bytes, size, "bytes"));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    return session->engine.write(handle, at, {static_cast<const std::uint8_t*>(bytes), size},
                                 session->deadline(timeout), asked_by_this_thread());
  });
}

vyre_error* vyre_buffer_lease(vyre_session* session, vyre_buffer buffer, uint32_t access,
                              vyre_ns timeout, void** bytes) {
  return guarded("vyre_buffer_lease", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_TRY(given(bytes, "bytes"));
    VYRE_ASSIGN(const runtime::LeaseAccess wanted, lease_access(access));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    session->handles.begin_lease(buffer, handle);
    const auto leased =
        session->engine.lease(handle, wanted, session->deadline(timeout), asked_by_this_thread());
    if (!leased) {
      session->handles.end_lease(buffer);
      return tl::unexpected<Error>(leased.error());
    }
    *bytes = leased->data();
    return {};
  });
}

vyre_error* vyre_buffer_unlease(vyre_session* session, vyre_buffer buffer, vyre_ns timeout) {
  return guarded("vyre_buffer_unlease", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find_leased(buffer));
    VYRE_TRY(session->engine.unlease(handle, session->deadline(timeout)));
    session->handles.end_lease(buffer);
    return {};
  });
}

vyre_error* vyre_buffer_tag(vyre_session* session, vyre_buffer buffer, const char* const* rules,
                            size_t count) {
  return guarded("vyre_buffer_tag", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_ASSIGN(const auto names, read_strings(rules, count, "rules"));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.find(buffer));
    return session->engine.tag(handle, names);
  });
}

vyre_error* vyre_buffer_retire(vyre_session* session, vyre_buffer buffer) {
  return guarded("vyre_buffer_retire", [&]() -> Status {
    VYRE_TRY(usable(session));
    VYRE_ASSIGN(const runtime::Handle handle, session->handles.take(buffer));
    return session->engine.retire(handle);
  });
}

vyre_error* vyre_literals_compile(const vyre_span* patterns, size_t count, uint32_t flags,
                                  vyre_blob** automaton) {
  return guarded("vyre_literals_compile", [&]() -> Status {
    VYRE_TRY(given_array(patterns, count, "patterns"));
    VYRE_TRY(given(automaton, "automaton"));
    VYRE_TRY(builtin::check_literal_count(count));
    if ((flags & ~static_cast<std::uint32_t>(VYRE_IGNORE_ASCII_CASE)) != 0) {
      return fail(Errc::unsupported,
                  message("flags {} are not all known: VYRE_IGNORE_ASCII_CASE is", flags));
    }
    std::vector<ByteSpan> spans;
    spans.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      VYRE_TRY(given_array(patterns[i].data, patterns[i].size, "the data of a pattern"));
      spans.emplace_back(static_cast<const std::uint8_t*>(patterns[i].data), patterns[i].size);
    }
    Bound bound(VYRE_FOREVER);
    VYRE_ASSIGN(const Bytes compiled,
                bound.checked(builtin::compile_literals(
                    spans, {(flags & VYRE_IGNORE_ASCII_CASE) != 0}, bound.interrupt())));
    *automaton = make_blob(compiled);
    return {};
  });
}
