// Asynchronous copies of the workgroup that a warp runs: bytes are read when a copy starts and
// written when its lane waits. Records and bytes lie in the warp's scratch; every lane holds the
// same counts and does the same steps, bytes are moved by all of them. Device only.
// Spec: docs/image.md, "On a device".
#pragma once

#include <cstdint>

#include "vyre/core/machine.hpp"
#include "warp.cuh"

namespace vyre::cuda::interpreter {

class Copies {
 public:
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;

  VYRE_HD void open(std::uint8_t* memory, u64 bytes) {
    records_ = reinterpret_cast<Record*>(memory);
    const u64 table = bytes / 4 / sizeof(Record);
    capacity_ = table > kMaxRecords ? kMaxRecords : static_cast<u32>(table);
    const u64 used = (capacity_ * sizeof(Record) + 255) / 256 * 256;
    bytes_ = memory + used;
    room_ = used < bytes ? bytes - used : 0;
    clear();
  }
  [[nodiscard]] VYRE_HD bool is_open() const { return records_ != nullptr; }
  VYRE_HD void clear() {
    used_ = 0;
    live_ = 0;
    at_ = 0;
    pending_bytes_ = 0;
    latest_ = nullptr;
  }

  [[nodiscard]] VYRE_HD bool pending() const { return live_ != 0; }
  [[nodiscard]] VYRE_HD bool pending(u32 lane) const {
    for (u32 k = 0; k < used_; ++k) {
      if (records_[k].lane == lane) return true;
    }
    return false;
  }
  /// Of the oldest copy of a lane that has one.
  [[nodiscard]] VYRE_HD u32 statement(u32 lane) const {
    for (u32 k = 0; k < used_; ++k) {
      if (records_[k].lane == lane) return records_[k].statement;
    }
    return 0;
  }

  template <class Machine>
  VYRE_HD void execute(Machine& m, const core::Instruction& i) {
    const u32* const on = m.mask();
    latest_ = nullptr;  // between two statements the source may have been written
    for (u32 l = 0; l < m.width(); ++l) {
      if (on[l] == 0) continue;
      const FaultCode code = step(m, i, l);
      if (code == FaultCode::none) continue;
      m.raise_where(code, [l](u32 other) { return other == l; });
      return;
    }
  }

 private:
  struct Record {
    u32 lane;  // kNobody: over
    u32 tag;
    u32 statement;
    u32 destination;
    u64 write_at;
    u64 count;
    u64 there;  // bytes of the source; the rest is zero
    u64 bytes_at;
  };
  static constexpr u32 kNobody{0xFFFFFFFFu};
  static constexpr u32 kMaxRecords{4'096};
  static_assert(sizeof(Record) == 48);

  template <class Machine>
  VYRE_HD FaultCode step(Machine& m, const core::Instruction& i, u32 l) {
    if (i.op == core::Opcode::async_wait) return wait(m.buffers, l, i.c);
    const u32 offset = m.read((i.form & core::kScalarA) != 0, i.a, l);
    const u32 size = m.read((i.form & core::kScalarB) != 0, i.b, l);
    const u32 destination = i.imm >> 16;
    const bool is_load = i.op == core::Opcode::async_load;
    const u64 write_at = is_load ? 0 : offset;
    const u64 room = m.buffers[destination].bytes;
    u64 count = write_at < room ? room - write_at : 0;
    count = size < count ? size : count;
    return start(m.buffers[i.imm & 0xFFFFu], is_load ? offset : 0,
                 Record{l, i.c, m.statement(), destination, write_at, count, 0, 0});
  }

  [[nodiscard]] VYRE_HD u32 find(u32 lane, u32 tag) const {
    u32 found = kNobody;
    for (u32 k = warp::self(); k < used_; k += 32) {
      if (records_[k].lane == lane && records_[k].tag == tag) found = k;
    }
    return warp::min(found);
  }

  VYRE_HD FaultCode start(const core::BoundBuffer& source, u64 read_at, Record record) {
    if (find(record.lane, record.tag) != kNobody) return FaultCode::async_misuse;
    const u64 cost = record.count + kPendingCopyOverhead;
    if (cost > kMaxPendingCopyBytes - pending_bytes_) return FaultCode::copy_limit;
    const u64 left = read_at < source.bytes ? source.bytes - read_at : 0;
    record.there = left < record.count ? left : record.count;
    const bool same =
        latest_ == source.data && latest_read_at_ == read_at && latest_there_ == record.there;
    const u64 need = same ? 0 : (record.there + 15) / 16 * 16;
    if (latest_ == nullptr || !same || used_ == capacity_) {
      if (need > room_ - at_ || used_ == capacity_) compact();
    }
    // After compaction the latest bytes are where the last live record says, if it still is one.
    const bool shared = same && latest_ != nullptr;
    const u64 take = shared ? 0 : (record.there + 15) / 16 * 16;
    if (used_ == capacity_ || take > room_ - at_) return FaultCode::out_of_memory;
    if (!shared) {
      move(bytes_ + at_, source.data + read_at, record.there);
      latest_ = source.data;
      latest_read_at_ = read_at;
      latest_there_ = record.there;
      latest_at_ = at_;
      at_ += take;
    }
    record.bytes_at = latest_at_;
    if (warp::self() == 0) records_[used_] = record;
    warp::sync();  // publishes the record and the bytes
    ++used_;
    ++live_;
    pending_bytes_ += cost;
    return FaultCode::none;
  }

  VYRE_HD FaultCode wait(const core::BoundBuffer* buffers, u32 lane, u32 tag) {
    const u32 found = find(lane, tag);
    if (found == kNobody) return FaultCode::async_misuse;
    const Record record = records_[found];
    std::uint8_t* const to = buffers[record.destination].data + record.write_at;
    move(to, bytes_ + record.bytes_at, record.there);
    for (u64 k = record.there + warp::self(); k < record.count; k += 32) to[k] = 0;
    warp::sync();  // every lane has read the record; the bytes are there for the next one
    if (warp::self() == 0) records_[found].lane = kNobody;
    warp::sync();  // publishes that the copy is over
    --live_;
    pending_bytes_ -= record.count + kPendingCopyOverhead;
    if (live_ == 0) {
      used_ = 0;
      at_ = 0;
      latest_ = nullptr;
    }
    return FaultCode::none;
  }

  /// Drops records that are over and closes the gaps. Records are in the order of their bytes, and
  /// neighbours may share them, so everything moves down.
  VYRE_HD void compact() {
    u32 kept = 0;
    u64 to = 0;
    u64 last_from = ~u64{0};
    u64 last_to = 0;
    for (u32 k = 0; k < used_; ++k) {
      Record record = records_[k];
      warp::sync();  // every lane has read it
      if (record.lane == kNobody) continue;
      if (record.there == 0) {
        record.bytes_at = to;
      } else if (record.bytes_at == last_from) {
        record.bytes_at = last_to;
      } else {
        last_from = record.bytes_at;
        last_to = to;
        move_down(to, record.bytes_at, record.there);
        record.bytes_at = to;
        to += (record.there + 15) / 16 * 16;
      }
      if (warp::self() == 0) records_[kept] = record;
      warp::sync();  // publishes the record before the next is read
      ++kept;
    }
    used_ = kept;
    at_ = to;
    latest_ = nullptr;
  }

  VYRE_HD void move_down(u64 to, u64 from, u64 count) {
    for (u64 k = 0; k < count; k += 16 * 32) {
      const u64 mine = k + 16 * warp::self();
      Four bytes{};
      if (mine < count) bytes = warp::load4(reinterpret_cast<const u32*>(bytes_ + from + mine));
      warp::sync();  // every lane has read before anyone writes over it
      if (mine < count) warp::store4(reinterpret_cast<u32*>(bytes_ + to + mine), bytes);
      warp::sync();  // publishes the piece
    }
  }

  /// Not overlapping; the caller synchronises.
  VYRE_HD static void move(std::uint8_t* to, const std::uint8_t* from, u64 count) {
    u64 done = 0;
    if ((reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from)) % 16 == 0) {
      done = count / 16 * 16;
      for (u64 k = 16 * warp::self(); k < done; k += 16 * 32) {
        warp::store4(reinterpret_cast<u32*>(to + k),
                     warp::load4(reinterpret_cast<const u32*>(from + k)));
      }
    }
    for (u64 k = done + warp::self(); k < count; k += 32) to[k] = from[k];
  }

  Record* records_{nullptr};
  std::uint8_t* bytes_{nullptr};
  u64 room_{0};
  u64 at_{0};
  u64 pending_bytes_{0};
  u32 capacity_{0};
  u32 used_{0};
  u32 live_{0};
  const std::uint8_t* latest_{nullptr};
  u64 latest_read_at_{0};
  u64 latest_there_{0};
  u64 latest_at_{0};
};

}  // namespace vyre::cuda::interpreter
