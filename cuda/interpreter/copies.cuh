// Asynchronous copies of the workgroup that a warp runs: bytes are read when a copy starts and
// written when its lane waits. Records and bytes lie in the warp's scratch; every lane holds the
// same counts and does the same steps, bytes are moved by all of them. Bytes of a file that is not
// on the device are asked for when a copy starts and come into scratch when its lane waits, or when
// another copy needs the credits. Device only. Spec: docs/internals/image.md, "On a device";
// docs/internals/ingest.md.
#pragma once

#include <cstdint>

#include "core/machine.hpp"
#include "io_copy.cuh"
#include "io_lines.cuh"
#include "io_requests.cuh"
#include "io_wait.cuh"
#include "warp.cuh"

namespace vyre::cuda::interpreter {

class Copies {
 public:
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;

  /// `io`: how to ask for bytes of files, by items of queue `queue`; null: no source is a file
  /// without bytes.
  __noinline__ VYRE_HD void open(std::uint8_t* memory, u64 bytes, const IoAccess* io, u32 queue) {
    io_ = io;
    queue_ = queue;
    lines_ = 0;
    dead_ = FaultCode::none;
    if (io != nullptr) {
      pieces_ = reinterpret_cast<Piece*>(memory);
      memory += kPiecesBytes;
      bytes -= kPiecesBytes;
    }
    records_ = reinterpret_cast<Record*>(memory);
    const u64 table = bytes / 4 / sizeof(Record);
    capacity_ = table > kMaxRecords ? kMaxRecords : static_cast<u32>(table);
    const u64 used = (capacity_ * sizeof(Record) + 255) / 256 * 256;
    bytes_ = memory + used;
    room_ = used < bytes ? bytes - used : 0;
    clear();
  }
  [[nodiscard]] VYRE_HD bool is_open() const { return records_ != nullptr; }
  /// No answer is under way: a lane that leaves a copy pending faults, and the run ends.
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
  /// The statement of the oldest pending copy of `lane`, which has one.
  [[nodiscard]] VYRE_HD u32 statement(u32 lane) const {
    for (u32 k = 0; k < used_; ++k) {
      if (records_[k].lane == lane) return records_[k].statement;
    }
    return 0;
  }

  /// After a fault: takes every answer that is under way, so that the lines are free again. Lines
  /// that are not answered in time are lost.
  __noinline__ VYRE_HD void settle() {
    while (lines_ != 0) (void)take_in(io::lowest(lines_));
  }

  /// Runs the statement for each lane below `end`. If a lane faults, returns the code, and `end` is
  /// that lane.
  template <class Machine>
  VYRE_HD FaultCode execute(Machine& m, const core::Instruction& i, u32& end) {
    const u32* const on = m.mask();
    latest_ = nullptr;  // between two statements the source may have been written
    for (u32 l = 0; l < end; ++l) {
      if (on[l] == 0) continue;
      const bool stop = l % kLookEvery == 0 && m.policy.look_at_stop();  // each may move much
      const FaultCode code = stop ? FaultCode::shutdown : step(m, i, l);
      if (code == FaultCode::none) continue;
      end = l;
      return code;
    }
    return FaultCode::none;
  }

 private:
  struct Record {
    u32 lane;  // kNone: over
    u32 tag;
    u32 statement;
    u32 destination;  // the buffer; above its 16 bits a FaultCode: why the bytes did not come
    u64 write_at;
    u64 count;
    u64 there;  // bytes of the source; the rest is zero
    u64 bytes_at;
  };
  static constexpr u32 kNone{0xFFFFFFFFu};
  static constexpr u32 kMaxRecords{4'096};
  static_assert(sizeof(Record) == 48);
  static constexpr u32 kDestinationBits{16};
  /// Lanes of a statement between two looks at the stop word.
  static constexpr u32 kLookEvery{32};
  /// Bytes of a file that were asked for through one line.
  struct Piece {
    u64 at;  // where they go, as bytes_at
    u32 length;
    u32 lap;
  };
  static constexpr u64 kPiecesBytes{kIoLines * sizeof(Piece)};

  template <class Machine>
  VYRE_HD FaultCode step(Machine& m, const core::Instruction& i, u32 l) {
    if (i.op == core::Opcode::async_wait) return wait(m.buffers, l, i.c);
    const bool is_load = i.op == core::Opcode::async_load;
    const u32 read_at = is_load ? m.read((i.form & core::kScalarA) != 0, i.a, l) : 0;
    const auto to = m.copy_place(i, l);
    return start(m.buffers[i.imm & 0xFFFFu], read_at,
                 Record{l, i.c, m.statement(), i.imm >> 16, to.at, to.count, 0, 0});
  }

  [[nodiscard]] VYRE_HD u32 find(u32 lane, u32 tag) const {
    u32 found = kNone;
    for (u32 k = warp::self(); k < used_; k += 32) {
      if (records_[k].lane == lane && records_[k].tag == tag) found = k;
    }
    return warp::min(found);
  }

  VYRE_HD FaultCode start(const core::BoundBuffer& source, u64 read_at, Record record) {
    if (find(record.lane, record.tag) != kNone) return FaultCode::async_misuse;
    const u64 cost = record.count + kPendingCopyOverhead;
    if (cost > kMaxPendingCopyBytes - pending_bytes_) return FaultCode::copy_limit;
    const u64 left = read_at < source.bytes ? source.bytes - read_at : 0;
    record.there = left < record.count ? left : record.count;
    const bool same =
        latest_ == source.data && latest_read_at_ == read_at && latest_there_ == record.there;
    const u64 need = same ? 0 : (record.there + 15) / 16 * 16;
    if (latest_ == nullptr || !same || used_ == capacity_) {
      if (need > room_ - at_ || used_ == capacity_) {
        if (const FaultCode code = take_in_all(); code == FaultCode::shutdown) return code;
        compact();
      }
    }
    // After compaction the latest bytes are where the last live record says, if it still is one.
    const bool shared = same && latest_ != nullptr;
    const u64 take = shared ? 0 : (record.there + 15) / 16 * 16;
    if (used_ == capacity_ || take > room_ - at_) return FaultCode::out_of_memory;
    const u64 tag = reinterpret_cast<std::uintptr_t>(source.data);
    const bool asks = !shared && (tag & kFileTag) != 0;
    if (!shared) {
      if (!asks) move(bytes_ + at_, source.data + read_at, record.there);
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
    return asks ? ask(static_cast<u32>(tag), read_at, record) : FaultCode::none;
  }

  VYRE_HD FaultCode wait(const core::BoundBuffer* buffers, u32 lane, u32 tag) {
    const u32 found = find(lane, tag);
    if (found == kNone) return FaultCode::async_misuse;
    if (lines_ != 0) {
      if (const FaultCode code = take_in_of(records_[found]); code == FaultCode::shutdown)
        return code;
    }
    const Record record = records_[found];
    if (record.destination >> kDestinationBits != 0)
      return static_cast<FaultCode>(record.destination >> kDestinationBits);
    std::uint8_t* const to = buffers[record.destination].data + record.write_at;
    move(to, bytes_ + record.bytes_at, record.there);
    for (u64 k = record.there + warp::self(); k < record.count; k += 32) to[k] = 0;
    warp::sync();  // every lane has read the record; the bytes are there for the next one
    if (warp::self() == 0) records_[found].lane = kNone;
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

  // ---- files that are not on the device ----

  /// Requests for the bytes of `record`, the last of the table. The only fault is shutdown: what
  /// else goes wrong is told to the lane that waits for the bytes.
  VYRE_HD FaultCode ask(u32 handle, u64 read_at, const Record& record) {
    if (io_ == nullptr) {
      fail_records(record.bytes_at, FaultCode::io_error);
      return FaultCode::none;
    }
    for (u64 done = 0; done < record.there; done += kIoRequestBytes) {
      const u64 left = record.there - done;
      const u32 length = static_cast<u32>(left < kIoRequestBytes ? left : kIoRequestBytes);
      u32 line = io::kNoLine;
      io::Patience patience(*io_);
      while (dead_ == FaultCode::none && (line = io::claim(*io_)) == io::kNoLine) {
        // Out of credit: the warp first takes in its own answers and frees their lines. So no warp
        // waits for a line while it holds one that others need.
        if (lines_ == 0) {
          dead_ = patience.wait();
        } else if (take_in(io::lowest(lines_)) == FaultCode::shutdown) {
          return FaultCode::shutdown;
        }
      }
      if (dead_ == FaultCode::shutdown) return dead_;
      if (dead_ != FaultCode::none) {
        fail_records(record.bytes_at, dead_);
        return FaultCode::none;
      }
      const u32 lap = io::post(*io_, line, handle, queue_, read_at + done, length, record.tag);
      if (warp::self() == 0) pieces_[line] = {record.bytes_at + done, length, lap};
      warp::sync();  // publishes the piece
      lines_ |= u64{1} << line;
    }
    return FaultCode::none;
  }

  /// Waits for the answer in `line`, puts its bytes where they belong and gives the line back.
  /// Anything but none or shutdown is noted in the records whose bytes those are.
  __noinline__ VYRE_HD FaultCode take_in(u32 line) {
    const Piece piece = pieces_[line];
    io::Patience patience(*io_);
    bool there = io::answered(*io_, line, piece.lap);
    while (!there && dead_ == FaultCode::none) {
      dead_ = patience.wait();
      there = io::answered(*io_, line, piece.lap);  // also after the pump's last word
    }
    lines_ &= ~(u64{1} << line);
    io::Outcome outcome{dead_, 0};
    if (there) {
      outcome = io::outcome(*io_, line, piece.length);
      if (outcome.code == FaultCode::none) {
        io::copy_line_data(bytes_ + piece.at,
                           io_->line_data + u64{line} * kIoLineDataBytes + outcome.skip,
                           piece.length);
      }
      io::give_back(*io_, line);
    } else {
      io::lose(*io_, line);
    }
    warp::sync();  // publishes the bytes
    if (outcome.code != FaultCode::none) fail_records(piece.at, outcome.code);
    return outcome.code;
  }

  VYRE_HD FaultCode take_in_all() {
    while (lines_ != 0) {
      if (take_in(io::lowest(lines_)) == FaultCode::shutdown) return FaultCode::shutdown;
    }
    return FaultCode::none;
  }

  VYRE_HD FaultCode take_in_of(const Record& record) {
    const u64 begin = record.bytes_at;
    const u64 count = record.there;
    for (u64 left = lines_; left != 0; left &= left - 1) {
      const u32 line = io::lowest(left);
      const u64 at = pieces_[line].at;
      if (at < begin || at - begin >= count) continue;
      if (take_in(line) == FaultCode::shutdown) return FaultCode::shutdown;
    }
    return FaultCode::none;
  }

  /// The records whose bytes begin at or before `at` and end behind it.
  VYRE_HD void fail_records(u64 at, FaultCode code) {
    for (u32 k = warp::self(); k < used_; k += 32) {
      Record& record = records_[k];
      if (record.lane == kNone || at < record.bytes_at || at - record.bytes_at >= record.there)
        continue;
      record.destination = (record.destination & ((1u << kDestinationBits) - 1)) |
                           static_cast<u32>(code) << kDestinationBits;
    }
    warp::sync();       // publishes what was noted
    latest_ = nullptr;  // no later copy shares bytes that did not come
  }

  /// Drops records that are over and closes the gaps. Records are in the order of their bytes, and
  /// neighbours may share them, so everything moves down. No answer is under way.
  VYRE_HD void compact() {
    u32 kept = 0;
    u64 to = 0;
    u64 last_from = ~u64{0};
    u64 last_to = 0;
    for (u32 k = 0; k < used_; ++k) {
      Record record = records_[k];
      warp::sync();  // every lane has read it
      if (record.lane == kNone) continue;
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
      warp::sync();  // every lane has read before any lane writes over it
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
  // Set by open().
  const IoAccess* io_;
  Piece* pieces_;  // [kIoLines], by line
  u64 lines_;      // a bit for each line that this warp holds
  u32 queue_;
  FaultCode dead_;  // why no answer comes any more
};

}  // namespace vyre::cuda::interpreter
