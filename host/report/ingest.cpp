// What follows from the counts of a pump: upstream's counters, whether a claim of zero copy holds,
// and the two lines for people. Any thread. Pages: docs/report.md, docs/internals/ingest.md
// ("Telemetry").
#include "ingest.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "base/message.hpp"
#include "words.hpp"

namespace vyre::report {
namespace {

std::uint64_t sum(const std::vector<IngestTier>& tiers, std::uint64_t IngestTier::*field) {
  std::uint64_t total = 0;
  for (const IngestTier& tier : tiers) total += tier.*field;
  return total;
}

std::uint64_t of_tier(const std::vector<IngestTier>& tiers, const char* name,
                      std::uint64_t IngestTier::*field) {
  std::uint64_t total = 0;
  for (const IngestTier& tier : tiers) {
    if (tier.tier == name) total += tier.*field;
  }
  return total;
}

tl::unexpected<Error> not_zero_copy(const std::string& why) {
  return fail(Errc::mismatch, message("not zero copy: {}", why));
}

}  // namespace

std::uint64_t IngestSection::submitted_bytes() const {
  return sum(tiers, &IngestTier::submitted_bytes);
}
std::uint64_t IngestSection::completed_bytes() const {
  return sum(tiers, &IngestTier::completed_bytes);
}
std::uint64_t IngestSection::submitted_reads() const {
  return sum(tiers, &IngestTier::submitted_operations);
}
std::uint64_t IngestSection::completed_reads() const {
  return sum(tiers, &IngestTier::completed_operations);
}
std::uint64_t IngestSection::registered_mapped_read_submissions() const {
  return sum(tiers, &IngestTier::fixed_operations);
}
std::uint64_t IngestSection::gpudirect_nvme_submissions() const {
  return of_tier(tiers, "D", &IngestTier::submitted_operations);
}
std::uint64_t IngestSection::cpu_bounce_bytes() const {
  return sum(tiers, &IngestTier::kernel_copy_bytes) + sum(tiers, &IngestTier::user_copy_bytes);
}
std::uint64_t IngestSection::failed_completions() const {
  return sum(tiers, &IngestTier::failed_operations);
}

Status IngestSection::validate_completed_zero_copy() const {
  if (completed_bytes() == 0) return not_zero_copy("no byte was read");
  for (const IngestTier& tier : tiers) {
    if (tier.completed_bytes == 0 && tier.user_copy_bytes == 0) continue;
    if (tier.kernel_copy_bytes != 0) {
      return not_zero_copy(message("tier {}: {} bytes came through the page cache", tier.tier,
                                   tier.kernel_copy_bytes));
    }
    if (tier.user_copy_bytes != 0) {
      return not_zero_copy(message("tier {}: {} bytes were copied again in this process", tier.tier,
                                   tier.user_copy_bytes));
    }
    if (tier.direct_bytes != tier.completed_bytes) {
      return not_zero_copy(message("tier {}: {} of {} bytes came on descriptors with O_DIRECT",
                                   tier.tier, tier.direct_bytes, tier.completed_bytes));
    }
    if (tier.plain_operations != 0) {
      return not_zero_copy(message("tier {}: {} reads did not go into registered memory", tier.tier,
                                   tier.plain_operations));
    }
  }
  return {};
}

Status check_ingest(const IngestSection& ingest) {
  for (const IngestTier& tier : ingest.tiers) {
    if (tier.tier.size() != 1 || tier.tier[0] < 'A' || tier.tier[0] > 'E') {
      return fail(Errc::malformed,
                  message("report: an ingest tier is '{}', not A to E", tier.tier.substr(0, 40)));
    }
    if (tier.completed_operations > tier.submitted_operations ||
        tier.failed_operations > tier.submitted_operations - tier.completed_operations) {
      return fail(Errc::mismatch,
                  message("report: tier {} completed {} operations and failed {}, of {} submitted",
                          tier.tier, tier.completed_operations, tier.failed_operations,
                          tier.submitted_operations));
    }
  }
  return {};
}

std::string summarise_ingest(const std::vector<const IngestSection*>& sections,
                             std::chrono::nanoseconds wall_time) {
  if (sections.empty()) return {};
  struct TierSum {
    std::uint64_t files{0}, operations{0}, bytes{0}, failed{0};
  };
  std::map<std::string, TierSum> tiers;
  std::map<std::string, std::string> doors;  // with the reason of the last one
  std::uint64_t retries = 0, short_reads = 0, requests = 0, unanswered = 0, registered = 0;
  std::vector<std::uint64_t> depth_p50, depth_p99, p50, p99;
  std::uint64_t depth_max = 0, max = 0, zero_copy = 0;
  std::string why_not;
  for (const IngestSection* const s : sections) {
    std::string& reason = doors[s->door];
    if (!s->reason.empty()) reason = s->reason;
    for (const IngestTier& tier : s->tiers) {
      TierSum& to = tiers[tier.tier];
      to.files += tier.files;
      to.operations += tier.completed_operations;
      to.bytes += tier.completed_bytes;
      to.failed += tier.failed_operations;
    }
    for (const ErrnoCount& retry : s->retries) retries += retry.count;
    short_reads += s->short_reads;
    requests += s->item_requests;
    unanswered +=
        s->item_requests_end_of_file + s->item_requests_failed + s->item_requests_rejected;
    registered = std::max(registered, s->registered_bytes);
    if (s->depth_max != 0) {
      depth_p50.push_back(s->depth_p50);
      depth_p99.push_back(s->depth_p99);
      depth_max = std::max<std::uint64_t>(depth_max, s->depth_max);
    }
    if (s->latency) {
      p50.push_back(s->latency->p50_ns);
      p99.push_back(s->latency->p99_ns);
      max = std::max(max, s->latency->max_ns);
    }
    if (const Status claimed = s->validate_completed_zero_copy(); claimed) {
      ++zero_copy;
    } else {
      why_not = claimed.error().message;
    }
  }

  std::string text = "ingest by ";
  bool first = true;
  for (const auto& [door, reason] : doors) {
    text +=
        message("{}{}{}", first ? "" : ", ", door, reason.empty() ? "" : message(" ({})", reason));
    first = false;
  }
  first = true;
  std::uint64_t read = 0;
  for (const auto& [name, tier] : tiers) {
    text += message("{}tier {} {} in {} reads", first ? ": " : "; ", name, bytes_text(tier.bytes),
                    tier.operations);
    if (tier.files != 0) text += message(" of {} files", tier.files);
    if (tier.failed != 0) text += message(", {} failed", tier.failed);
    read += tier.bytes;
    first = false;
  }
  if (tiers.empty()) text += ": nothing read";
  if (read != 0 && wall_time.count() > 0) {
    const double seconds = std::chrono::duration<double>(wall_time).count();
    const auto a_second = static_cast<std::uint64_t>(static_cast<double>(read) / seconds);
    text += message(", {}/s", bytes_text(a_second));
  }
  text += "\n  ";
  if (!depth_p50.empty()) {
    text += message("under way p50 {} p99 {} max {}, ", median(depth_p50), median(depth_p99),
                    depth_max);
  }
  if (!p50.empty()) {
    text +=
        message("a read p50 {} p99 {} max {}, ", time_text(static_cast<double>(median(p50))),
                time_text(static_cast<double>(median(p99))), time_text(static_cast<double>(max)));
  }
  if (retries != 0) text += message("{} retries, ", retries);
  if (short_reads != 0) text += message("{} short, ", short_reads);
  if (requests != 0) {
    text += message("{} requests of items ({} not ok), ", requests, unanswered);
  }
  if (registered != 0) text += message("{} registered, ", bytes_text(registered));
  text += zero_copy == sections.size() ? "zero copy" : why_not;
  return text + "\n";
}

}  // namespace vyre::report
