// Nothing here allocates once as many chunks have been in flight as ever will be, unless the stream
// is recorded. See chunk_items.hpp.
#include "chunk_items.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "builtin/literals.hpp"
#include "builtin/literals_layout.hpp"
#include "builtin/rules.hpp"
#include "protocol/fault_names.hpp"

namespace vyre::runtime {
namespace {

constexpr auto kFill = static_cast<std::uint32_t>(builtin::Op::mem_fill);
constexpr auto kCopy = static_cast<std::uint32_t>(builtin::Op::mem_copy);
constexpr auto kMatchLiterals = static_cast<std::uint32_t>(builtin::Op::match_literals);
/// Running items behind the oldest that are looked at before the others are left for later.
constexpr std::size_t kLookAhead{128};

/// Keeps the first error.
void keep(Status& first, Status&& next) {
  if (first && !next) first = std::move(next);
}

}  // namespace

ChunkItems::ChunkItems(ItemHost& host, Listener& listener, const StreamShape& shape,
                       std::uint8_t* ingest)
    : host_(host),
      listener_(listener),
      shape_(shape),
      ingest_(ingest),
      most_(shape.most_in_flight) {}

Result<Handle> ChunkItems::bind_or_single(Chunk& chunk, const std::vector<Handle>& handles) {
  if (handles.empty()) return Handle{};
  if (handles.size() == 1) return handles[0];
  VYRE_ASSIGN(const Handle set, host_.bind(handles));
  chunk.sets.push_back(set);
  return set;
}

Status ChunkItems::add_outputs(Chunk& chunk) {
  chunk.own.clear();
  chunk.results.clear();
  for (const StreamOutput& output : shape_.outputs) {
    if (output.shared.id != 0) continue;
    VYRE_ASSIGN(const Handle own, host_.allocate(output.bytes, nullptr));
    chunk.own.push_back(own);
    if (shape_.device) continue;
    const auto there = host_.bytes_of(own);
    if (!there) return fail(Errc::internal, "the backend shows no bytes of a stream's output");
    chunk.results.push_back(*there);
  }
  return {};
}

Status ChunkItems::add_result_views(Chunk& chunk, std::uint64_t at) {
  for (const StreamOutput& output : shape_.outputs) {
    if (output.shared.id != 0) continue;
    VYRE_ASSIGN(const Handle alias, host_.make_alias());
    chunk.result_aliases.push_back(alias);
    host_.place_alias(alias, Handle{}, at, output.bytes);
    chunk.results.push_back({ingest_ + at, output.bytes});
    at = up_to(at + output.bytes, kResultAlign);
  }
  return {};
}

Status ChunkItems::bind(Chunk& chunk, Handle bytes) {
  std::vector<Handle> inputs = shape_.inputs;
  for (Handle& input : inputs) {
    if (input.id == 0) input = bytes;
  }
  VYRE_ASSIGN(chunk.input, bind_or_single(chunk, inputs));
  std::vector<Handle> outputs;
  auto own = chunk.own.begin();
  for (const StreamOutput& output : shape_.outputs)
    outputs.push_back(output.shared.id != 0 ? output.shared : *own++);
  VYRE_ASSIGN(chunk.output, bind_or_single(chunk, outputs));
  return {};
}

Status ChunkItems::make() {
  const auto id = static_cast<ChunkId>(chunks_.size());
  Chunk& chunk = chunks_.emplace_back();
  if (shape_.recorded) {
    free_.push_back(id);
    return {};
  }
  const auto made = [&]() -> Status {
    VYRE_ASSIGN(chunk.alias, host_.make_alias());
    Handle bytes = chunk.alias;
    if (shape_.copy_chunks) {
      VYRE_ASSIGN(chunk.copied, host_.allocate(shape_.plan.chunk_bytes(), nullptr));
      VYRE_ASSIGN(chunk.copied_alias, host_.make_alias());
      bytes = chunk.copied_alias;
    }
    VYRE_TRY(add_outputs(chunk));
    if (shape_.device)
      VYRE_TRY(add_result_views(chunk, shape_.results.offset + id * shape_.own_bytes));
    return bind(chunk, bytes);
  }();
  if (made) {
    free_.push_back(id);
  } else {
    most_ = 0;  // what there is of it is released at the end; the others go on
  }
  return made;
}

Status ChunkItems::make_first() {
  return shape_.recorded ? Status{} : make();
}

std::optional<ChunkId> ChunkItems::available() {
  if (free_.empty() && (chunks_.size() >= most_ || !make())) return std::nullopt;
  return free_.back();
}

void ChunkItems::begin(ChunkId id) {
  free_.pop_back();
  Chunk& chunk = chunks_[id];
  clear_outputs(chunk);
  chunk.stage = Stage::none;
  chunk.given_back = false;
  chunk.status = CompletionStatus::done;
  chunk.fault = {};
}

void ChunkItems::give_back(ChunkId id) {
  chunks_[id].given_back = true;
  if (chunks_[id].under_way == 0) free_.push_back(id);
}

void ChunkItems::clear_outputs(Chunk& chunk) {
  if (!chunk.dirty || shape_.device || shape_.recorded || !shape_.builtin) return;
  chunk.dirty = false;
  for (const ByteSpan result : chunk.results) {
    std::size_t bytes = result.size();
    if (shape_.op.id == kMatchLiterals && chunk.status == CompletionStatus::done &&
        bytes >= sizeof(builtin::LiteralHits)) {
      bytes = builtin::told_bytes(result);  // no others were written
    }
    if (bytes != 0) std::memset(const_cast<std::uint8_t*>(result.data()), 0, bytes);
  }
}

void ChunkItems::add_item(ChunkId id, const MegakernelWorkItem& item) {
  waiting_.push_back(item);
  items_.push_back({0, id});
  ++chunks_[id].under_way;
}

void ChunkItems::add_op(ChunkId id) {
  Chunk& chunk = chunks_[id];
  chunk.stage = Stage::op;
  chunk.dirty = true;
  add_item(id, {shape_.op.id, chunk.input.id, chunk.output.id, shape_.param});
}

Status ChunkItems::start(ChunkId id, std::uint64_t offset, std::uint64_t bytes) {
  Chunk& chunk = chunks_[id];
  chunk.bytes = bytes;
  if (shape_.recorded) {
    VYRE_TRY(record(chunk, {ingest_ + offset, bytes}));
    listener_.bytes_read(id);
    add_op(id);
    return {};
  }
  host_.count_streamed(bytes);
  host_.place_alias(chunk.alias, Handle{}, offset, bytes);
  if (shape_.copy_chunks && bytes != 0) {
    chunk.stage = Stage::chunk_copy;
    add_item(id, {kCopy, chunk.alias.id, chunk.copied.id, 0});
    return {};
  }
  if (shape_.copy_chunks) host_.place_alias(chunk.copied_alias, chunk.copied, 0, 0);
  add_op(id);
  return {};
}

/// Every chunk and its results are buffers that stay, so that the recording has all of them.
Status ChunkItems::record(Chunk& chunk, ByteSpan bytes) {
  chunk.sets.clear();
  VYRE_ASSIGN(const Handle copy, host_.allocate(bytes.size(), &bytes));
  VYRE_TRY(add_outputs(chunk));
  return bind(chunk, copy);
}

Status ChunkItems::read_recorded(Chunk& chunk) {
  chunk.downloaded.resize(shape_.own_bytes);
  chunk.results.clear();
  std::uint64_t at = 0;
  auto own = chunk.own.begin();
  for (const StreamOutput& output : shape_.outputs) {
    if (output.shared.id != 0) continue;
    const MutableByteSpan out{chunk.downloaded.data() + at, output.bytes};
    VYRE_TRY(host_.download(*own++, out));
    chunk.results.push_back(out);
    at = up_to(at + output.bytes, kResultAlign);
  }
  return {};
}

Status ChunkItems::submit() {
  if (waiting_.empty()) return {};
  const Session::SubmitMany submitted = host_.submit(waiting_);
  for (std::uint64_t i = 0; i < submitted.accepted; ++i)
    items_[submitted_++].position = submitted.first.position + i;
  waiting_.erase(waiting_.begin(),
                 waiting_.begin() + static_cast<std::ptrdiff_t>(submitted.accepted));
  const std::optional<Error>& stopped_by = submitted.stopped_by;
  // No room is no error: what does not fit now is tried again.
  if (!stopped_by || retryable(*stopped_by)) return {};
  return tl::unexpected<Error>(*stopped_by);
}

Status ChunkItems::look() {
  Status all;
  std::size_t kept = 0;
  std::size_t at = 0;
  for (; at < submitted_ && kept < kLookAhead; ++at) {
    const Item item = items_[at];
    ItemResult result;
    switch (host_.look(item.position, result)) {
      case ItemHost::Found::pending:
        items_[kept++] = item;
        continue;
      case ItemHost::Found::forgotten:
        // This stream was not asked for so long that its results were overwritten.
        keep(all,
             fail(Errc::limit_exceeded,
                  message(
                      "a result of the stream was dropped: its queue keeps {} results "
                      "(kDefaultHistory); ask the stream more often, or give it a queue of its own",
                      host_.history())));
        break;
      case ItemHost::Found::ended:
        keep(all, item_ended(item.chunk, result));
        break;
    }
    if (--chunks_[item.chunk].under_way == 0) keep(all, stage_ended(item.chunk));
  }
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(kept),
               items_.begin() + static_cast<std::ptrdiff_t>(at));
  submitted_ -= at - kept;
  return all;
}

Status ChunkItems::item_ended(ChunkId id, const ItemResult& result) {
  Chunk& chunk = chunks_[id];
  host_.asked(result);
  if (result.status == CompletionStatus::done) return {};
  if (chunk.stage == Stage::clear) {
    // The next chunk would see what this one left.
    if (host_.closing()) return fail(Errc::closed, "the session is closed");
    return fail(
        Errc::cancelled,
        message("the outputs of a chunk could not be cleared ({}), so no other can use them",
                fault_name(result.fault.code)));
  }
  if (chunk.status == CompletionStatus::done) {
    chunk.status = result.status;
    chunk.fault = result.fault;
  }
  return {};
}

Status ChunkItems::stage_ended(ChunkId id) {
  Chunk& chunk = chunks_[id];
  const bool done = chunk.status == CompletionStatus::done;
  switch (chunk.stage) {
    case Stage::chunk_copy:
      listener_.bytes_read(id);
      if (done) {
        host_.place_alias(chunk.copied_alias, chunk.copied, 0, chunk.bytes);
        add_op(id);
        return {};
      }
      break;
    case Stage::op:
      listener_.bytes_read(id);
      if (done && shape_.device && shape_.recorded) {
        VYRE_TRY(read_recorded(chunk));
      } else if (done && shape_.device) {
        add_result_copies(id);
        if (chunk.under_way != 0) return {};
      }
      break;
    case Stage::result_copy:
      break;
    case Stage::clear:
      if (chunk.given_back) free_.push_back(id);
      return {};
    case Stage::none:
      return {};
  }
  finish(id);
  return {};
}

void ChunkItems::add_result_copies(ChunkId id) {
  Chunk& chunk = chunks_[id];
  chunk.stage = Stage::result_copy;
  for (std::size_t i = 0; i < chunk.own.size(); ++i) {
    if (!chunk.results[i].empty())
      add_item(id, {kCopy, chunk.own[i].id, chunk.result_aliases[i].id, 0});
  }
}

void ChunkItems::finish(ChunkId id) {
  Chunk& chunk = chunks_[id];
  // Before the result is out: clearing does not touch it, and the chunk's handles are ready sooner.
  if (shape_.device && !shape_.recorded && shape_.builtin && chunk.dirty) {
    chunk.dirty = false;
    chunk.stage = Stage::clear;
    for (std::size_t i = 0; i < chunk.own.size(); ++i) {
      if (!chunk.results[i].empty()) add_item(id, {kFill, 0, chunk.own[i].id, 0});
    }
  }
  listener_.chunk_ended(id);
}

void ChunkItems::forget_waiting() noexcept {
  waiting_.clear();
  items_.resize(submitted_);
}

bool ChunkItems::drained() {
  const auto ended = [this](const Item& item) {
    ItemResult result;
    return host_.look(item.position, result) != ItemHost::Found::pending;
  };
  std::erase_if(items_, ended);
  submitted_ = items_.size();
  return items_.empty();
}

bool ChunkItems::release_all() {
  if (shape_.recorded) return true;
  bool all = true;
  const auto release = [&](Handle handle) {
    if (handle.id != 0) all = host_.release(handle).has_value() && all;
  };
  for (const Chunk& chunk : chunks_) {
    for (const Handle set : chunk.sets) release(set);
    release(chunk.alias);
    release(chunk.copied_alias);
    release(chunk.copied);
    for (const Handle alias : chunk.result_aliases) release(alias);
    for (const Handle own : chunk.own) release(own);
  }
  return all;
}

}  // namespace vyre::runtime
