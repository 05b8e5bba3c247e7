// See item_accesses.hpp.
#include "item_accesses.hpp"

#include <string>

#include "base/message.hpp"

namespace vyre::runtime {

struct ItemAccesses::Side {
  std::uint32_t handle;
  const char* name;  // of the item's field
  const std::vector<OpSignature::Buffer>& buffers;
  const std::vector<FileNeed>* needs;  // null: the defaults
  bool all_write;
  bool touches;  // the op looks at its buffers

  [[nodiscard]] FileNeed need(std::size_t index) const {
    return needs != nullptr && index < needs->size() ? (*needs)[index] : FileNeed{};
  }
  [[nodiscard]] bool writes(std::size_t index) const {
    return all_write || (index < buffers.size() && buffers[index].read_write);
  }
};

Status ItemAccesses::check_queue(const HandleRecord& file, std::uint32_t queue) {
  if (file.only_queue == ingest::kAnyQueue || file.only_queue == queue) return {};
  return fail(
      Errc::invalid_argument,
      message("handle {} is a file of queue {} alone (MapOptions::only_queue); submit to that one",
              file.handle, file.only_queue));
}

Status ItemAccesses::add(const OrderLock& lock, std::uint32_t queue, const Side& side) {
  if (side.handle == 0) return {};
  HandleRecord* record = handles_.find(lock, side.handle);
  if (record == nullptr || record->releasing) {
    return fail(Errc::invalid_argument,
                message("{} {} is not a live buffer or binding set of this session", side.name,
                        side.handle));
  }
  if (!side.touches) return {};
  VYRE_TRY(check_queue(*record, queue));
  if (record->kind != HandleRecord::Kind::set) {
    all_.push_back({record, side.writes(0), side.need(0)});
    return {};
  }
  all_.push_back({record, false});  // keeps the set until the item has ended
  for (std::size_t i = 0; i < record->members.size(); ++i) {
    HandleRecord* member = handles_.find(lock, record->members[i]);
    if (member == nullptr) continue;  // cannot be: a buffer in a live set is not released
    VYRE_TRY(check_queue(*member, queue));
    all_.push_back({member, side.writes(i), side.need(i)});
  }
  return {};
}

Status ItemAccesses::find(const OrderLock& lock, std::uint32_t queue,
                          const MegakernelWorkItem& item, const OpRecord& op) {
  all_.clear();
  return find_more(lock, queue, item, op);
}

Status ItemAccesses::find_more(const OrderLock& lock, std::uint32_t queue,
                               const MegakernelWorkItem& item, const OpRecord& op) {
  const OpSignature& signature = op.info.signature;
  const bool touches = item.op_handle != kNop;
  VYRE_TRY(
      add(lock, queue,
          {item.input_handle, "input_handle", signature.inputs, &op.file_needs, false, touches}));
  return add(lock, queue,
             {item.output_handle, "output_handle", signature.outputs, nullptr, true, touches});
}

namespace {

bool host_has(const Access& access) {
  return access.record->host_writers != 0 || (access.writes && access.record->host_readers != 0);
}

}  // namespace

bool ItemAccesses::copy_under_way(const OrderLock&) const noexcept {
  return std::any_of(all_.begin(), all_.end(), host_has);
}

const HandleRecord* ItemAccesses::leased(const OrderLock&) const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(), [](const Access& access) {
    return access.record->leases != 0 && host_has(access);
  });
  return found == all_.end() ? nullptr : found->record;
}

bool ItemAccesses::behind_others(const OrderLock&, std::uint64_t turn) const noexcept {
  return std::any_of(all_.begin(), all_.end(), [turn](const Access& access) {
    return access.record->line.ahead_of(turn, access.writes);
  });
}

void PlaceInLines::join(const OrderLock& lock, const ItemAccesses& accesses) {
  if (turn_ != 0) return;
  turn_ = handles_.draw_turn(lock);
  lines_.reserve(accesses.all(lock).size());
  for (const Access& access : accesses.all(lock)) {
    lines_.push_back(access.record->handle);
    access.record->line.join(turn_, access.writes);
  }
}

bool PlaceInLines::leave(const OrderLock& lock) {
  for (const std::uint32_t handle : lines_) {
    if (HandleRecord* record = handles_.find(lock, handle)) record->line.leave(turn_);
  }
  const bool stood = !lines_.empty();
  lines_.clear();
  turn_ = 0;
  return stood;
}

}  // namespace vyre::runtime
