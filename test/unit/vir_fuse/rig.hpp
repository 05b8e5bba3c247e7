// Programs over shared buffers, run one after another and as one fused image.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/image.hpp"
#include "cpu/interpreter/interpreter.hpp"
#include "vir/lower/fuse.hpp"
#include "vir/lower/lower.hpp"
#include "vir/program/dispatch.hpp"
#include "vir/text/text.hpp"
#include "vir/validate/validate.hpp"

namespace vyre::test {

struct FuseMember {
  std::string text;
  std::vector<std::size_t> buffers;  // by declaration: which of the rig's
};

class FuseRig {
 public:
  FuseRig(std::vector<Bytes> memory, const std::vector<FuseMember>& members)
      : memory_(std::move(memory)) {
    for (const FuseMember& member : members) add(member);
  }

  /// What is handed over from a member that writes a buffer to those that read it. `elided`:
  /// buffers that need not be stored.
  /// `lanes`: of the grid; 0: not known.
  [[nodiscard]] std::vector<vir::HandOver> handed(const std::vector<std::size_t>& elided = {},
                                                  std::uint64_t lanes = 0) const {
    std::vector<vir::HandOver> all;
    for (std::uint32_t m = 0; m < members_.size(); ++m) {
      for (std::uint32_t b = 0; b < members_[m].buffers.size(); ++b) {
        const Bound& written = members_[m].buffers[b];
        if (!written.output) continue;
        vir::HandOver one{{m, b}, {}, 0, false, true};
        const std::uint32_t stride = members_[m].image.buffers[b].stride;
        one.elements = stride == 0 ? 0 : written.bytes / stride;
        one.all_inside = lanes != 0 && lanes <= one.elements;
        for (std::uint32_t r = m + 1; r < members_.size(); ++r) {
          for (std::uint32_t c = 0; c < members_[r].buffers.size(); ++c) {
            const Bound& read = members_[r].buffers[c];
            if (read.output || read.memory != written.memory) continue;
            one.readers.push_back({r, c});
            one.longer = stride != 0 && read.bytes / stride > one.elements;
          }
        }
        if (one.readers.empty()) continue;
        one.stored = std::find(elided.begin(), elided.end(), written.memory) == elided.end();
        all.push_back(std::move(one));
      }
    }
    return all;
  }
  [[nodiscard]] Result<core::Image> fused(const std::vector<vir::HandOver>& handed) const {
    std::vector<const core::Image*> images;
    for (const Member& member : members_) images.push_back(&member.image);
    return vir::fuse(images, handed);
  }

  /// Of a grid, in the workgroups of the first member.
  [[nodiscard]] std::uint64_t lanes(std::uint32_t groups) const {
    return std::uint64_t{groups} * members_[0].image.workgroup[0];
  }

  struct Ran {
    std::vector<Fault> faults;  // by member; of a fused run one
    std::vector<Bytes> memory;
  };
  [[nodiscard]] Ran one_by_one(std::uint32_t groups, std::uint64_t fuel = kDefaultFuel) const {
    Ran ran{{}, memory_};
    for (const Member& member : members_) {
      std::vector<core::BufferView> views;
      bind(member, ran.memory, views);
      ran.faults.push_back(run(member.image, views, groups, fuel));
    }
    return ran;
  }
  [[nodiscard]] Ran in_one(const core::Image& image, std::uint32_t groups,
                           std::uint64_t fuel = kDefaultFuel) const {
    Ran ran{{}, memory_};
    std::vector<core::BufferView> views;
    for (const Member& member : members_) bind(member, ran.memory, views);
    ran.faults.push_back(run(image, views, groups, fuel));
    return ran;
  }

 private:
  struct Bound {
    std::size_t memory;
    std::uint64_t bytes;
    bool output;
  };
  struct Member {
    core::Image image;
    std::vector<Bound> buffers;
  };

  void add(const FuseMember& given) {
    auto program = vir::assemble(given.text);
    ASSERT_TRUE(program) << to_string(program.error()) << "\n" << given.text;
    auto prepared = vir::prepare(*program);
    ASSERT_TRUE(prepared) << to_string(prepared.error());
    const Status valid = vir::validate(*prepared);
    ASSERT_TRUE(valid) << to_string(valid.error()) << "\n" << given.text;
    auto image = vir::lower(*prepared);
    ASSERT_TRUE(image) << to_string(image.error());
    Member member{std::move(*image), {}};
    for (std::size_t b = 0; b < given.buffers.size(); ++b) {
      const vir::BufferDecl& declared = prepared->buffers[b];
      const bool output = vir::role_of(declared) == vir::BufferRole::allocated;
      const std::size_t memory = given.buffers[b];
      member.buffers.push_back(
          {memory, output ? *vir::required_bytes(*prepared, declared) : memory_[memory].size(),
           output});
    }
    members_.push_back(std::move(member));
  }

  static void bind(const Member& member, std::vector<Bytes>& memory,
                   std::vector<core::BufferView>& views) {
    for (const Bound& one : member.buffers) {
      Bytes& bytes = memory[one.memory];
      if (one.output)
        std::fill(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(one.bytes),
                  std::uint8_t{0});
      views.push_back({bytes.data(), one.bytes});
    }
  }
  static Fault run(const core::Image& image, const std::vector<core::BufferView>& views,
                   std::uint32_t groups, std::uint64_t fuel) {
    cpu::Interpreter interpreter;
    return interpreter.run(image, views, {groups, 1, 1}, {0, groups}, fuel).fault;
  }

  std::vector<Bytes> memory_;
  std::vector<Member> members_;
};

}  // namespace vyre::test
