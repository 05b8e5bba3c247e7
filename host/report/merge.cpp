// See merge.hpp.
#include "report/merge.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "base/message.hpp"
#include "fields.hpp"
#include "protocol/limits.hpp"
#include "report/latency.hpp"
#include "report/numbers.hpp"
#include "row_keys.hpp"

namespace vyre::report {
namespace {

constexpr std::string_view kSeveral{"several"};

/// Adds the numbers of one object to those of another of its type.
class Merger {
 public:
  template <class T>
  void merge_object(T& into, const T& from) {
    Other other{*this, reinterpret_cast<const char*>(&into), reinterpret_cast<const char*>(&from)};
    visit_fields(other, into);
  }
  void merge_sections(Document& into, const Document& from) {
    Other other{*this, reinterpret_cast<const char*>(&into), reinterpret_cast<const char*>(&from)};
    visit_sections(other, into);
  }
  template <class T>
  void merge(const char* key, T& into, const T& from) {
    if constexpr (HasFields<T>::value) {
      merge_object(into, from);
    } else if constexpr (std::is_same_v<T, bool>) {
      into = into || from;
    } else if constexpr (std::is_arithmetic_v<T>) {
      merge_number(key, into, from);
    }
  }
  void merge(const char* key, std::chrono::nanoseconds& into,
             const std::chrono::nanoseconds& from) {
    auto sum = into.count();
    merge_number(key, sum, from.count());
    into = std::chrono::nanoseconds(sum);
  }
  void merge(const char*, std::string& into, const std::string& from) {
    if (into != from) into = into.empty() || from.empty() ? "" : kSeveral;
  }
  template <class T>
  void merge(const char* key, std::optional<T>& into, const std::optional<T>& from) {
    if constexpr (HasFields<T>::value) {
      if (into && from) {
        merge(key, *into, *from);
      } else if (from) {
        into = from;
      }
    } else {
      const bool alike = into == from;
      const bool agree = std::is_enum_v<T> || std::is_same_v<T, bool> ||
                         std::is_same_v<T, std::string> || merge_rule(key) == MergeRule::same;
      if (agree ? !alike : !into || !from) {
        into.reset();
      } else if (!agree) {
        merge(key, *into, *from);
      }
    }
  }
  void merge(const char*, std::optional<LatencySummary>& into,
             const std::optional<LatencySummary>& from) {
    if (into && from) {
      into = merged(*into, *from);
    } else if (from) {
      into = from;
    }
  }
  /// Regions are numbered within a run.
  void merge(const char*, std::optional<LineageSection>& into,
             const std::optional<LineageSection>&) {
    into.reset();
  }
  /// Of what documents from before do not have, nothing is known of both.
  void merge(const char* key, std::optional<WorkSection>& into,
             const std::optional<WorkSection>& from) {
    both(key, into, from);
  }
  void merge(const char* key, std::optional<ProcessSection>& into,
             const std::optional<ProcessSection>& from) {
    both(key, into, from);
  }
  template <class T>
  void merge(const char*, std::vector<T>& into, const std::vector<T>& from) {
    if constexpr (HasRowKey<T>::value) {
      std::unordered_map<std::string, std::size_t> known;  // by what a row is of
      for (std::size_t i = 0; i < into.size(); ++i) known.emplace(identity_of(into[i]), i);
      for (const T& row : from) {
        const auto [place, is_new] = known.try_emplace(identity_of(row), into.size());
        if (is_new) {
          into.push_back(row);
        } else {
          merge_object(into[place->second], row);
        }
      }
    }
  }
  [[nodiscard]] Status result() && {
    if (wrong_) return tl::unexpected<Error>(std::move(*wrong_));
    return {};
  }

 private:
  /// A visitor of the fields of one object that knows where another object of the type lies: the
  /// same field of that one is as far behind its beginning.
  struct Other {
    Merger& merger;
    const char* into;
    const char* from;
    template <class T>
    void operator()(const char* key, T& field) {
      const auto offset = reinterpret_cast<const char*>(&field) - into;
      merger.merge(key, field, *reinterpret_cast<const T*>(from + offset));
    }
    template <class T>
    void later(const char* key, T& field) {
      (*this)(key, field);
    }
    // The run is merged by hand, and of all that is listed only rows are.
    void operator()(const char*, RunInfo&) {}
  };

  template <class T>
  void both(const char* key, std::optional<T>& into, const std::optional<T>& from) {
    if (into && from) {
      merge(key, *into, *from);
    } else {
      into.reset();
    }
  }
  template <class T>
  void merge_number(const char* key, T& into, T from) {
    switch (merge_rule(key)) {
      case MergeRule::sum:
        if (from > std::numeric_limits<T>::max() - into) {
          if (!wrong_)
            wrong_ = Error{Errc::limit_exceeded,
                           message("report: the sum of '{}' over the runs is above {}", key,
                                   std::numeric_limits<T>::max()),
                           kNoOffset,
                           0,
                           0,
                           0};
          return;
        }
        into = static_cast<T>(into + from);
        return;
      case MergeRule::maximum:
        into = std::max(into, from);
        return;
      case MergeRule::same:
      case MergeRule::first:
        return;
    }
  }

  std::optional<Error> wrong_;
};

void merge_runs(RunInfo& into, const RunInfo& from) {
  into.started_at = std::min(into.started_at, from.started_at);
  if (into.command != from.command || into.command_rest != from.command_rest) {
    into.command.clear();
    into.command_rest = 0;
  }
  if (into.build != from.build) into.build = kSeveral;
  if (into.host != from.host) into.host = kSeveral;
  if (into.device != from.device) into.device.reset();
  if (into.why_no_device != from.why_no_device) into.why_no_device.clear();
  if (into.executor != from.executor) into.executor.reset();
  std::erase_if(into.labels, [&](const auto& label) {
    const auto other = from.labels.find(label.first);
    return other == from.labels.end() || other->second != label.second;
  });
  into.documents += from.documents;
}

/// The first of them, like those of one run.
template <class T>
void append(std::vector<T>& into, const std::vector<T>& from, std::size_t most) {
  for (const T& row : from) {
    if (into.size() >= most) return;
    into.push_back(row);
  }
}

}  // namespace

Status merge_into(Document& into, const Document& from) {
  into.report.region_lineage.clear();
  Merger merger;
  merger.merge_object(into, from);
  merger.merge_sections(into, from);
  if (into.debug && from.debug) {
    append(into.debug->records, from.debug->records, kMaxReportedRecords);
    into.debug->records_rest = into.debug->written - into.debug->records.size();
  }
  if (into.files && into.files->rows.size() > kMaxReportedFiles) {
    into.files->rows_rest += into.files->rows.size() - kMaxReportedFiles;
    into.files->rows.resize(kMaxReportedFiles);
  }
  merge_runs(into.run, from.run);
  append(into.faults, from.faults, kMaxReportedFaults);
  append(into.input_failures, from.input_failures, std::numeric_limits<std::size_t>::max());
  return std::move(merger).result();
}

}  // namespace vyre::report
