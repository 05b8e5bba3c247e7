// See graph.hpp.
#include "planner/graph.hpp"

namespace vyre::planner {
namespace {

constexpr std::uint32_t kNone{std::numeric_limits<std::uint32_t>::max()};

/// The readers of a buffer since its last writer, as a list through one pool.
struct Reader {
  std::uint32_t item;
  std::uint32_t next;  // in the pool
};

class Builder {
 public:
  Builder(const Work& work, ConflictGraph& graph)
      : work_(work),
        graph_(graph),
        writer_(work.buffers.size(), kNoItem),
        readers_(work.buffers.size(), kNone),
        edge_of_(work.items.size(), kNoEdge) {}

  void item(std::uint32_t item) {
    for (const BufferUse& use : work_.uses_of(item)) {
      if ((use.bits & kReads) != 0) edge(item, writer_[use.buffer], kRaw);
      if ((use.bits & kWrites) == 0) continue;
      edge(item, writer_[use.buffer], kWaw);
      for (std::uint32_t r = readers_[use.buffer]; r != kNone; r = pool_[r].next)
        edge(item, pool_[r].item, kWar);
    }
    // Its own uses count only for later items, so that a buffer named twice does not wait for
    // itself.
    for (const BufferUse& use : work_.uses_of(item)) {
      if ((use.bits & kWrites) == 0) continue;
      writer_[use.buffer] = item;
      readers_[use.buffer] = kNone;
    }
    for (const BufferUse& use : work_.uses_of(item)) {
      if ((use.bits & kReads) == 0) continue;
      const std::uint32_t last = readers_[use.buffer];
      if (last != kNone && pool_[last].item == item) continue;
      pool_.push_back({item, last});
      readers_[use.buffer] = static_cast<std::uint32_t>(pool_.size() - 1);
    }
  }

 private:
  static constexpr std::uint64_t kNoEdge{std::numeric_limits<std::uint64_t>::max()};

  void edge(std::uint32_t item, std::uint32_t earlier, ConflictKind kind) {
    if (earlier == kNoItem || earlier == item) return;
    const std::uint64_t known = edge_of_[earlier];
    if (known != kNoEdge && known >= graph_.first[item]) {
      graph_.edges[known].kinds |= kind;
      return;
    }
    edge_of_[earlier] = graph_.edges.size();
    graph_.edges.push_back({earlier, kind});
  }

  const Work& work_;
  ConflictGraph& graph_;
  std::vector<std::uint32_t> writer_;   // by buffer
  std::vector<std::uint32_t> readers_;  // by buffer, in the pool
  std::vector<Reader> pool_;
  std::vector<std::uint64_t> edge_of_;  // by earlier item: its newest edge
};

}  // namespace

ConflictGraph conflict_graph(const Work& work, std::span<const Runs> runs) {
  ConflictGraph graph;
  graph.first.reserve(work.items.size() + 1);
  graph.edges.reserve(work.uses.size());
  Builder builder(work, graph);
  for (std::uint32_t i = 0; i < work.items.size(); ++i) {
    graph.first.push_back(graph.edges.size());
    if (runs.empty() || runs[i] != Runs::no) builder.item(i);
  }
  graph.first.push_back(graph.edges.size());
  return graph;
}

Deriver::Deriver(const Work& work)
    : work_(work), writer_(work.buffers.size(), kBefore), noted_(work.items.size(), kNoItem) {}

}  // namespace vyre::planner
