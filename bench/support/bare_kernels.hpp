// The machine without us: what the link, launches and graphs cost by themselves, measured in the
// same run as the thing compared. Host interface of bare_kernels.cu. Every device loop ends after
// kBareLimitSeconds and says so. Spec: docs/internals/benchmarking.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "queue/reserve.hpp"
#include "support/device.hpp"

namespace vyre::bench {

inline constexpr double kBareLimitSeconds{8};

/// Nanoseconds of each of `rounds` round trips: a host store, one device thread that polls it, a
/// device store that the host polls.
[[nodiscard]] Result<std::vector<double>> ping_pong_ns(std::uint32_t rounds);
/// The same with a second hop: the thread that polls passes the word through L2 to a thread of
/// another block, which answers. The least that an item handed to another block can take.
[[nodiscard]] Result<std::vector<double>> two_hop_ns(std::uint32_t rounds);
/// Launch of an empty kernel and cudaStreamSynchronize.
[[nodiscard]] Result<std::vector<double>> launch_sync_ns(std::uint32_t rounds);

/// Empty kernels a second: back to back on one stream; as a graph of `nodes` chained nodes.
[[nodiscard]] Result<double> empty_launches_per_s(std::uint32_t launches);
[[nodiscard]] Result<double> empty_graph_nodes_per_s(std::uint32_t nodes, std::uint32_t launches);

/// The tiny program of programs.hpp compiled: 64 lanes, one block, distinct buffers.
[[nodiscard]] Result<double> tiny_launches_per_s(std::uint32_t launches, std::uint32_t buffers);
[[nodiscard]] Result<double> tiny_graph_nodes_per_s(std::uint32_t nodes, std::uint32_t launches);
/// Launch of that kernel, cudaStreamSynchronize.
[[nodiscard]] Result<std::vector<double>> tiny_launch_sync_ns(std::uint32_t rounds);

/// One ring pair in pinned memory, as the device sees it.
struct BareRing {
  const RingSlot* submissions;
  RingSlot* completions;
  RingPosition* taken;
  queue::RingGeometry geometry;
  queue::RingGeometry completion_geometry;
};
/// Rings need at least so many slots.
inline constexpr std::uint32_t kBareWindow{4'096};

/// A kernel that answers every slot with a completion and does nothing else: one block a ring. It
/// ends when `count` slots of each ring have been answered.
class EchoKernel {
 public:
  [[nodiscard]] static Result<EchoKernel> start(std::span<const BareRing> rings,
                                                std::uint64_t count);
  /// Waits for the end; an error if it ran into its time limit.
  [[nodiscard]] Status finish();

 private:
  Stream stream_;
  DeviceMemory<BareRing> rings_;
  DeviceMemory<std::uint32_t> expired_;
};

}  // namespace vyre::bench
