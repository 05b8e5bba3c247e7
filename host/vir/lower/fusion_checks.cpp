// See fusion_checks.hpp.
#include "fusion_checks.hpp"

#include <map>
#include <string>
#include <utility>

#include "base/message.hpp"
#include "protocol/limits.hpp"

namespace vyre::vir::lowering {
namespace {

tl::unexpected<Error> refuse(std::string why) {
  return fail(Errc::unsupported, std::move(why));
}

class Checks {
 public:
  Checks(std::span<const core::Image* const> members, std::span<const HandOver> handed,
         std::span<const LaneFacts> facts)
      : members_(members), handed_(handed), facts_(facts) {}

  [[nodiscard]] Status members() const {
    if (members_.empty()) return refuse("no program is given; give at least one");
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (!facts_[m].flat) return refuse("a program is not flat: its lanes depend on each other");
      if (members_[m]->workgroup != members_[0]->workgroup)
        return refuse("the programs have workgroups of different sizes");
    }
    return {};
  }

  [[nodiscard]] Status handed_over() const {
    std::map<std::pair<std::uint32_t, std::uint32_t>, bool> seen;
    for (const HandOver& one : handed_) {
      VYRE_TRY(check_place(one.writer));
      if (!seen.emplace(std::pair{one.writer.member, one.writer.buffer}, true).second)
        return refuse("a buffer is handed over twice");
      const std::uint32_t stride = facts(one.writer).stride;
      const LaneReach writes = reach(one.writer);
      if (writes.loads || writes.elsewhere || stride == 0 || stride > kMaxElementBytes)
        return refuse(
            message("buffer '{}' is handed over, but its writer does more than to store "
                    "the lane's own element",
                    name(one.writer)));
      for (const HandOver::Place& reader : one.readers) {
        VYRE_TRY(check_place(reader));
        if (reader.member <= one.writer.member)
          return refuse(message("buffer '{}' is read before it is written", name(one.writer)));
        if (!seen.emplace(std::pair{reader.member, reader.buffer}, true).second)
          return refuse("a buffer is handed over twice");
        if (facts(reader).stride != stride)
          return refuse(message("buffer '{}' is handed over as elements of {} and of {} bytes",
                                name(one.writer), stride, facts(reader).stride));
        if (reach(reader).stores || reach(reader).elsewhere)
          return refuse(
              message("buffer '{}' is handed over, but its reader does more than to load "
                      "the lane's own element",
                      name(one.writer)));
      }
    }
    return {};
  }

 private:
  [[nodiscard]] Status check_place(const HandOver::Place& place) const {
    if (place.member < members_.size() && place.buffer < members_[place.member]->buffers.size())
      return {};
    return refuse(message("buffer {} of program {} is handed over, and there is none", place.buffer,
                          place.member));
  }

  [[nodiscard]] const core::BufferFacts& facts(const HandOver::Place& place) const {
    return members_[place.member]->buffers[place.buffer];
  }
  [[nodiscard]] LaneReach reach(const HandOver::Place& place) const {
    return facts_[place.member].buffers[place.buffer];
  }
  [[nodiscard]] const std::string& name(const HandOver::Place& place) const {
    return members_[place.member]->buffer_names[place.buffer];
  }

  std::span<const core::Image* const> members_;
  std::span<const HandOver> handed_;
  std::span<const LaneFacts> facts_;
};

}  // namespace

Status check_fusion(std::span<const core::Image* const> members, std::span<const HandOver> handed,
                    std::span<const LaneFacts> facts) {
  const Checks checks(members, handed, facts);
  VYRE_TRY(checks.members());
  return checks.handed_over();
}

Status check_fused_sizes(const core::Image& image) {
  const auto beyond = [](const char* what, std::uint64_t value, std::uint64_t limit) {
    return fail(Errc::unsupported,
                message("together the programs need {} {}; the limit is {}", value, what, limit));
  };
  if (image.vector_registers > kMaxVectorRegisters)
    return beyond("vector registers", image.vector_registers, kMaxVectorRegisters);
  if (image.constants.size() > kMaxImageConstants)
    return beyond("constants", image.constants.size(), kMaxImageConstants);
  if (image.scalar_registers - image.constants.size() > kMaxScalarRegisters)
    return beyond("scalar registers", image.scalar_registers - image.constants.size(),
                  kMaxScalarRegisters);
  if (image.buffers.size() > kMaxBuffers)
    return beyond("buffers", image.buffers.size(), kMaxBuffers);
  return {};
}

}  // namespace vyre::vir::lowering
