// The items of chunks alone: a host whose queue takes what the test allows and ends items when the
// test says so.
#include "runtime/chunk_items.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "builtin/rules.hpp"
#include "fixtures.hpp"

namespace vyre::runtime::test {
namespace {

constexpr std::uint32_t kOp{kFirstUserOp};

class FakeItems final : public ItemHost {
 public:
  Result<Handle> allocate(std::uint64_t bytes, const ByteSpan* contents) override {
    if (allocations_left-- == 0) return fail(Errc::out_of_memory, "no more");
    const Handle made = next();
    buffers[made.id] =
        contents != nullptr ? Bytes(contents->begin(), contents->end()) : Bytes(bytes);
    return made;
  }
  Result<Handle> make_alias() override { return next(); }
  Result<Handle> bind(std::span<const Handle> handles) override {
    const Handle set = next();
    sets[set.id].assign(handles.begin(), handles.end());
    return set;
  }
  Status release(Handle handle) override {
    EXPECT_TRUE(live.erase(handle.id) == 1) << "handle " << handle.id << " is released twice";
    return {};
  }
  struct Placed {
    std::uint32_t buffer{0};
    std::uint64_t offset{0};
    std::uint64_t bytes{0};
  };
  void place_alias(Handle alias, Handle buffer, std::uint64_t offset,
                   std::uint64_t bytes) override {
    aliases[alias.id] = {buffer.id, offset, bytes};
  }
  std::optional<ByteSpan> bytes_of(Handle buffer) override { return buffers.at(buffer.id); }
  Status download(Handle buffer, MutableByteSpan out) override {
    std::memcpy(out.data(), buffers.at(buffer.id).data(), out.size());
    return {};
  }
  void count_streamed(std::uint64_t bytes) override { streamed += bytes; }
  Session::SubmitMany submit(std::span<const MegakernelWorkItem> items) override {
    Session::SubmitMany result;
    result.first.position = submitted.size();
    result.accepted = std::min<std::uint64_t>(items.size(), room);
    room -= result.accepted;
    submitted.insert(submitted.end(), items.begin(),
                     items.begin() + static_cast<std::ptrdiff_t>(result.accepted));
    if (result.accepted < items.size()) result.stopped_by = stops_by;
    return result;
  }
  Found look(std::uint64_t position, ItemResult& out) override {
    if (forgotten) return Found::forgotten;
    const auto found = ended.find(position);
    if (found == ended.end()) return Found::pending;
    out.ticket.position = position;
    out.status = found->second;
    out.fault.code = out.status == CompletionStatus::faulted ? FaultCode::trap : FaultCode::none;
    return Found::ended;
  }
  void asked(const ItemResult&) override { ++asked_for; }
  std::uint32_t history() override { return 64; }
  bool closing() override { return false; }

  void end(std::uint64_t position, CompletionStatus status = CompletionStatus::done) {
    ended[position] = status;
  }
  std::map<std::uint32_t, Bytes> buffers;
  std::map<std::uint32_t, Placed> aliases;
  std::map<std::uint32_t, std::vector<Handle>> sets;
  std::set<std::uint32_t> live;
  std::vector<MegakernelWorkItem> submitted;
  std::map<std::uint64_t, CompletionStatus> ended;
  std::uint64_t room{1'000};
  Error stops_by{Errc::queue_full, "full"};
  std::uint64_t allocations_left{1'000};
  std::uint64_t streamed{0};
  int asked_for{0};
  bool forgotten{false};

 private:
  Handle next() {
    live.insert(++last_);
    return {last_};
  }
  std::uint32_t last_{0};
};

class Items : public ::testing::Test, public ChunkItems::Listener {
 protected:
  void bytes_read(ChunkId chunk) override { read_.push_back(chunk); }
  void chunk_ended(ChunkId chunk) override { ended_.push_back(chunk); }

  void make() {
    shape_.op = OpHandle{kOp};
    if (shape_.inputs.empty()) shape_.inputs = {Handle{}};
    shape_.outputs = {{4, {}}};
    shape_.own_bytes = kResultAlign;
    shape_.most_in_flight = 3;
    memory_.resize(4'096);
    items_.emplace(host_, static_cast<ChunkItems::Listener&>(*this), shape_, memory_.data());
    ASSERT_OK(items_->make_first());
  }
  ChunkId begin(std::uint64_t offset = 0, std::uint64_t bytes = 16) {
    const auto id = items_->available();
    EXPECT_TRUE(id);
    if (!id) return 0;
    items_->begin(*id);
    EXPECT_OK(items_->start(*id, offset, bytes));
    EXPECT_OK(items_->submit());
    return *id;
  }

  FakeItems host_;
  StreamShape shape_;
  Bytes memory_;
  std::optional<ChunkItems> items_;
  std::vector<ChunkId> read_;
  std::vector<ChunkId> ended_;
};
using Ids = std::vector<ChunkId>;

TEST_F(Items, AChunkOnTheCpuIsOneItemOverItsView) {
  make();
  const ChunkId id = begin(1'024, 100);
  ASSERT_EQ(host_.submitted.size(), 1u);
  EXPECT_EQ(host_.submitted[0].op_handle, kOp);
  const auto placed = host_.aliases.at(host_.submitted[0].input_handle);
  EXPECT_EQ(placed.offset, 1'024u);
  EXPECT_EQ(placed.bytes, 100u);
  EXPECT_EQ(host_.streamed, 100u);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, Ids{}) << "it has not ended";
  host_.buffers.at(host_.submitted[0].output_handle)[0] = 42;
  host_.end(0);
  ASSERT_OK(items_->look());
  EXPECT_EQ(read_, (Ids{id}));
  EXPECT_EQ(ended_, (Ids{id}));
  EXPECT_EQ(items_->status(id), CompletionStatus::done);
  ASSERT_EQ(items_->results(id).size(), 1u);
  EXPECT_EQ(load_le<std::uint32_t>(items_->results(id)[0], 0), 42u);
  EXPECT_EQ(host_.asked_for, 1);
}

TEST_F(Items, ItemsEndInAnyOrderAndWhatDoesNotFitIsSubmittedLater) {
  make();
  host_.room = 1;
  const ChunkId a = begin();
  const ChunkId b = begin();
  const ChunkId c = begin();
  EXPECT_EQ(host_.submitted.size(), 1u);
  EXPECT_TRUE(items_->waiting());
  EXPECT_FALSE(items_->available()) << "three are in flight";
  host_.end(0);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, (Ids{a}));
  host_.room = 5;
  ASSERT_OK(items_->submit());
  EXPECT_FALSE(items_->waiting());
  host_.end(2);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, (Ids{a, c}));
  host_.end(1);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, (Ids{a, c, b}));
}

TEST_F(Items, ANumberIsUsedAgainOnceItIsGivenBack) {
  make();
  const ChunkId first = begin();
  host_.end(0);
  ASSERT_OK(items_->look());
  const std::size_t handles = host_.live.size();
  items_->give_back(first);
  EXPECT_EQ(begin(), first);
  EXPECT_EQ(host_.live.size(), handles) << "its handles too";
}

TEST_F(Items, ABuiltInOpStartsFromZerosAgain) {
  shape_.builtin = true;
  make();
  const ChunkId id = begin();
  Bytes& output = host_.buffers.at(host_.submitted[0].output_handle);
  output[0] = 9;
  host_.end(0);
  ASSERT_OK(items_->look());
  EXPECT_EQ(items_->results(id)[0][0], 9) << "until the caller has it";
  items_->give_back(id);
  EXPECT_EQ(begin(), id);
  EXPECT_EQ(output[0], 0);
}

TEST_F(Items, AnItemThatFaultsIsAResultOfItsChunk) {
  make();
  const ChunkId id = begin();
  host_.end(0, CompletionStatus::faulted);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, (Ids{id}));
  EXPECT_EQ(items_->status(id), CompletionStatus::faulted);
  EXPECT_EQ(items_->fault(id).code, FaultCode::trap);
  items_->give_back(id);
  EXPECT_EQ(begin(), id);
  EXPECT_EQ(items_->status(id), CompletionStatus::done);
}

TEST_F(Items, OnADeviceCopiesComeBeforeAndBehindTheOpAndClearingBehindTheResult) {
  shape_.device = shape_.copy_chunks = shape_.builtin = true;
  shape_.results = {2'048, 1'024};
  make();
  const ChunkId id = begin(64, 16);
  const auto step = [&](std::uint64_t position, std::uint32_t op) {
    ASSERT_EQ(host_.submitted.size(), position + 1);
    EXPECT_EQ(host_.submitted[position].op_handle, op);
    host_.end(position);
    ASSERT_OK(items_->look());
    ASSERT_OK(items_->submit());
  };
  step(0, kCopy);
  EXPECT_EQ(read_, (Ids{id})) << "the copy is on the device";
  step(1, kOp);
  EXPECT_EQ(ended_, Ids{});
  ASSERT_EQ(host_.submitted.size(), 3u);
  EXPECT_EQ(host_.aliases.at(host_.submitted[2].output_handle).offset, 2'048u);
  step(2, kCopy);
  EXPECT_EQ(ended_, (Ids{id}));
  EXPECT_EQ(items_->results(id)[0].data(), memory_.data() + 2'048);
  items_->give_back(id);
  EXPECT_NE(begin(), id) << "its outputs are not clear yet";
  EXPECT_EQ(host_.submitted[3].op_handle, kFill);
  host_.end(3);
  ASSERT_OK(items_->look());
  EXPECT_EQ(*items_->available(), id);
}

TEST_F(Items, AFaultOnTheWayIsTheChunksAndOutputsThatStayDirtyEndTheStream) {
  shape_.device = shape_.builtin = true;
  make();
  const ChunkId id = begin();
  host_.end(0, CompletionStatus::faulted);
  ASSERT_OK(items_->look());
  EXPECT_EQ(ended_, (Ids{id})) << "no results are copied";
  ASSERT_OK(items_->submit());
  ASSERT_EQ(host_.submitted.size(), 2u);
  EXPECT_EQ(host_.submitted[1].op_handle, kFill);
  host_.end(1, CompletionStatus::cancelled);
  const Status over = items_->look();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::cancelled);
}

TEST_F(Items, ARecordedChunkIsABufferThatStays) {
  shape_.recorded = true;
  make();
  memory_[70] = 5;
  const ChunkId id = begin(64, 16);
  EXPECT_EQ(read_, (Ids{id})) << "its bytes are copied";
  EXPECT_EQ(host_.buffers.at(host_.submitted[0].input_handle)[6], 5);
  const std::size_t handles = host_.live.size();
  host_.end(0);
  ASSERT_OK(items_->look());
  items_->give_back(id);
  EXPECT_EQ(begin(), id);
  EXPECT_EQ(host_.live.size(), 2 * handles);
  host_.end(1);
  EXPECT_TRUE(items_->drained());
  EXPECT_TRUE(items_->release_all());
  EXPECT_EQ(host_.live.size(), 2 * handles);
}

TEST_F(Items, HandlesThatCannotBeMadeLeaveTheStreamWithThoseItHas) {
  host_.allocations_left = 2;
  make();
  begin();
  begin();
  EXPECT_FALSE(items_->available());
  host_.allocations_left = 10;
  EXPECT_FALSE(items_->available()) << "it is not tried again";
  host_.end(0);
  host_.end(1);
  EXPECT_TRUE(items_->drained());
  EXPECT_TRUE(items_->release_all());
  EXPECT_TRUE(host_.live.empty());
}

TEST_F(Items, AResultThatTheQueueDroppedEndsTheStream) {
  make();
  begin();
  host_.forgotten = true;
  const Status over = items_->look();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::limit_exceeded);
  EXPECT_NE(over.error().message.find("keeps 64 results"), std::string::npos);
}

TEST_F(Items, AQueueThatRefusesForGoodEndsTheStream) {
  make();
  host_.room = 0;
  host_.stops_by = {Errc::device_lost, "gone"};
  const auto id = items_->available();
  ASSERT_TRUE(id);
  items_->begin(*id);
  ASSERT_OK(items_->start(*id, 0, 16));
  const Status over = items_->submit();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::device_lost);
  items_->forget_waiting();
  EXPECT_TRUE(items_->drained()) << "what was never submitted is not waited for";
}

}  // namespace
}  // namespace vyre::runtime::test
