#include "run_plan.hpp"

#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/message.hpp"
#include "bind_value.hpp"
#include "shell.hpp"
#include "size_expression.hpp"

namespace vyre::cli {
namespace {

/// Of --bind.
constexpr const char* kSeenValue{"@seen"};

class Planner {
 public:
  Planner(RunTarget target, const RunOptions& options)
      : options_(options), plan_{std::move(target), {}} {
    plan_.buffers = std::move(plan_.target.buffers);
    plan_.param = plan_.target.builtin != nullptr ? options.param : options.invocations;
  }

  Result<RunPlan> run() {
    plan_.sources.resize(plan_.buffers.size());
    for (std::uint32_t i = 0; i < plan_.buffers.size(); ++i) {
      by_name_.try_emplace(name_of(i), i);
      returned_.push_back(plan_.buffers[i].is_result() ? returned_count_++ : kNoBuffer);
    }
    VYRE_TRY(bind());
    VYRE_TRY(count());
    VYRE_TRY(choose_item());
    VYRE_TRY(fill_rest());
    VYRE_TRY(check_counts());
    VYRE_TRY(size_outputs());
    VYRE_TRY(choose_outputs());
    VYRE_TRY(reduce());
    VYRE_TRY(trim());
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const std::string& name_of(std::size_t index) const {
    return plan_.buffers[index].name;
  }

  Result<std::uint32_t> find(const std::string& name, const std::string& flag) const {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    std::string known;
    for (std::size_t i = 0; i < plan_.sources.size(); ++i)
      known += (i != 0 ? ", " : "") + shown(name_of(i));
    return fail(Errc::invalid_argument,
                message("{}: {} has no buffer '{}'; it has {}", flag,
                        (plan_.target.builtin != nullptr ? plan_.target.builtin_name()
                                                         : std::string("the program")),
                        shown(name), (known.empty() ? "none" : known)));
  }

  Result<std::uint32_t> find_input(const std::string& name, const std::string& flag) const {
    VYRE_ASSIGN(const std::uint32_t index, find(name, flag));
    if (!plan_.buffers[index].takes_bytes()) {
      return fail(
          Errc::invalid_argument,
          message("{}: buffer '{}' takes no bytes; the runtime fills it with zeros by itself", flag,
                  shown(name)));
    }
    if (plan_.sources[index].kind != SourceKind::none) {
      return fail(Errc::invalid_argument,
                  message("{}: buffer '{}' already has its bytes", flag, shown(name)));
    }
    return index;
  }

  Status bind() {
    for (const std::string& text : options_.binds) {
      VYRE_ASSIGN(const auto assignment, split_assignment(text, "--bind"));
      VYRE_ASSIGN(const std::uint32_t index, find_input(assignment.first, "--bind"));
      if (assignment.second == kSeenValue) {
        VYRE_TRY(bind_seen(index));
        continue;
      }
      auto bound = bind_value(assignment.second, options_.max_memory_bytes);
      if (!bound) {
        Error error = std::move(bound).error();
        // Only what is written out is malformed: a file's bytes are taken as they are.
        if (error.code == Errc::malformed) error.code = Errc::invalid_argument;
        error.message = message("--bind {}: {}", shown(assignment.first), error.message);
        return tl::unexpected<Error>(std::move(error));
      }
      auto wanted = bytes_for_op(plan_.target, assignment.first, std::move(*bound));
      if (!wanted) {
        return fail(Errc::invalid_argument,
                    message("--bind {}: {}", shown(assignment.first), wanted.error().message));
      }
      plan_.sources[index].bound = std::move(*wanted);
      plan_.sources[index].kind = SourceKind::bound;
      const std::uint64_t have = plan_.sources[index].bound.size();
      const std::uint64_t least = plan_.buffers[index].least_bytes;
      if (have < least) {
        return fail(Errc::invalid_argument,
                    message("--bind {} has {} bytes; the buffer needs at least {}",
                            shown(assignment.first), have, least));
      }
    }
    return {};
  }

  /// A number of the bytes that an earlier chunk had, too.
  Status bind_seen(std::uint32_t index) {
    const v0::ProgramBuffer& buffer = plan_.buffers[index];
    const bool number = buffer.element == VYRE_ELEMENT_U32 || buffer.element == VYRE_ELEMENT_U64;
    if (buffer.role != v0::Role::read || !number || buffer.count > 1) {
      return fail(Errc::invalid_argument,
                  message("--bind {}={}: a buffer gets that number where it is declared read_only "
                          "as u32[1] or u64[1]",
                          shown(name_of(index)), kSeenValue));
    }
    plan_.sources[index].kind = SourceKind::seen;
    return {};
  }

  Status count() {
    for (const std::string& text : options_.counts) {
      VYRE_ASSIGN(auto assignment, split_assignment(text, "--count"));
      VYRE_ASSIGN(const std::uint32_t named, find(assignment.first, "--count"));
      std::uint32_t index = named;
      if (!of_any_size(named)) {
        VYRE_ASSIGN(index, find_input(assignment.first, "--count"));
      }
      plan_.sources[index].kind = SourceKind::zeros;
      plan_.sources[index].count = std::move(assignment.second);
    }
    return {};
  }

  /// An output that a built-in op takes in any size.
  [[nodiscard]] bool of_any_size(std::uint32_t index) const {
    if (plan_.target.builtin == nullptr || !plan_.buffers[index].is_result()) return false;
    const std::size_t inputs = plan_.target.builtin->info.inputs.size();
    const auto sizes = plan_.target.output_sizes(std::vector<std::uint64_t>(inputs), plan_.param);
    return sizes && (*sizes)[index - inputs].kind == v0::OutputSize::Kind::unknown;
  }

  /// Outputs of a built-in op that are as large for every item get that size; an op without inputs
  /// cannot say how large they are.
  Status size_outputs() {
    if (plan_.target.builtin == nullptr) return {};
    const std::size_t inputs = plan_.target.builtin->info.inputs.size();
    std::vector<std::uint64_t> small(plan_.buffers.size()), large(plan_.buffers.size());
    for (std::size_t i = 0; i < inputs; ++i) {
      constexpr std::uint64_t kSomeBytes{4'096};
      const bool of_item = plan_.sources[i].kind == SourceKind::item;
      small[i] = of_item ? 0 : plan_.sources[i].bound.size();
      large[i] = of_item ? kSomeBytes : small[i];
    }
    VYRE_TRY(plan_.size_outputs(small));
    VYRE_TRY(plan_.size_outputs(large));
    for (std::uint32_t i = static_cast<std::uint32_t>(inputs); i < plan_.buffers.size(); ++i) {
      BufferSource& source = plan_.sources[i];
      if (source.kind == SourceKind::zeros) {
        source.sized_by_item = true;
        continue;
      }
      if (inputs == 0 && of_any_size(i)) {
        return fail(Errc::invalid_argument,
                    message("'{}' of {} may have any size: --count {}=N gives it N bytes",
                            name_of(i), plan_.target.builtin_name(), name_of(i)));
      }
      source.sized_by_item = small[i] != large[i] || of_any_size(i);
      if (!source.sized_by_item) plan_.buffers[i].least_bytes = small[i];
    }
    return {};
  }

  Status choose_item() {
    if (!options_.item.empty()) {
      VYRE_ASSIGN(plan_.item_buffer, find_input(options_.item, "--item"));
    } else {
      // Read-only buffers first: those that are written in place are usually results.
      for (const v0::Role wanted : {v0::Role::read, v0::Role::read_write}) {
        for (std::size_t i = 0; i < plan_.sources.size() && plan_.item_buffer == kNoBuffer; ++i) {
          const v0::ProgramBuffer& buffer = plan_.buffers[i];
          const bool has_default = buffer.role == v0::Role::read_write && buffer.least_bytes != 0;
          if (buffer.role == wanted && plan_.sources[i].kind == SourceKind::none && !has_default) {
            plan_.item_buffer = static_cast<std::uint32_t>(i);
          }
        }
      }
    }
    if (plan_.item_buffer == kNoBuffer) {
      if (options_.files.empty()) return {};
      return fail(Errc::invalid_argument,
                  "no buffer of the program is left for the files; --item BUFFER names one, or "
                  "give no files");
    }
    // A list or a folder may be empty.
    if (options_.files.empty() && !options_.recursive && options_.paths_from.empty()) {
      return fail(Errc::invalid_argument,
                  message("buffer '{}' needs bytes: name files, or --bind {}=VALUE",
                          shown(name_of(plan_.item_buffer)), shown(name_of(plan_.item_buffer))));
    }
    plan_.sources[plan_.item_buffer].kind = SourceKind::item;
    return {};
  }

  Status fill_rest() {
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      BufferSource& source = plan_.sources[i];
      const v0::ProgramBuffer& buffer = plan_.buffers[i];
      if (!buffer.takes_bytes() || source.kind != SourceKind::none) continue;
      const bool in_place = buffer.role == v0::Role::read_write;
      if (!in_place || (buffer.least_bytes == 0 && plan_.item_buffer == kNoBuffer)) {
        return fail(Errc::invalid_argument,
                    message("buffer '{}' needs bytes: --bind {}=VALUE gives them{}",
                            shown(name_of(i)), shown(name_of(i)),
                            in_place ? message(", --count {}=N zeros", shown(name_of(i))) : ""));
      }
      source.kind = SourceKind::zeros;
      source.follows_item = buffer.least_bytes == 0;
      source.sized_by_item = source.follows_item;
    }
    return {};
  }

  /// What is wrong for every file is refused before the first; what depends on a file's size fails
  /// that file.
  Status check_counts() {
    for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
      if (plan_.sources[i].count.empty()) continue;
      bool of_item = false;
      const auto size_of = [&](std::string_view name, bool in_elements) -> Result<std::uint64_t> {
        for (std::size_t k = 0; k < plan_.sources.size(); ++k) {
          const BufferSource& source = plan_.sources[k];
          const v0::ProgramBuffer& buffer = plan_.buffers[k];
          if (name_of(k) != name) continue;
          if (source.kind == SourceKind::zeros && buffer.least_bytes == 0) break;
          of_item = of_item || source.kind == SourceKind::item;
          if (source.kind == SourceKind::item) return 1;
          const std::uint64_t bytes =
              source.kind == SourceKind::bound ? source.bound.size() : buffer.least_bytes;
          return in_elements ? buffer.length_of(bytes) : bytes;
        }
        return fail(Errc::invalid_argument,
                    message("'{}' is no buffer with a size of its own", shown(name)));
      };
      auto elements = evaluate_size(plan_.sources[i].count, size_of);
      plan_.sources[i].sized_by_item = of_item;
      std::string why;
      std::uint64_t bytes = 0;
      if (!elements) {
        if (!of_item || elements.error().code == Errc::invalid_argument)
          why = elements.error().message;
      } else if (!of_item &&
                 __builtin_mul_overflow(*elements, plan_.buffers[i].element_bytes, &bytes)) {
        why = message("{} elements are beyond 64 bits of bytes", *elements);
      }
      if (!why.empty())
        return fail(Errc::invalid_argument, message("--count {}: {}", shown(name_of(i)), why));
    }
    return {};
  }

  /// Position among the returned buffers, which is how executors give them back.
  [[nodiscard]] std::optional<std::size_t> returned_index(std::uint32_t index) const {
    if (returned_[index] == kNoBuffer) return std::nullopt;
    return returned_[index];
  }

  /// It is where the program writes what --watch asks for.
  [[nodiscard]] bool is_watch(std::uint32_t index) const {
    return !options_.watches.empty() && name_of(index).starts_with(kWatchBuffers);
  }

  Status choose_outputs() {
    VYRE_ASSIGN(const Format format, parse_format(options_.format));
    const auto want = [&](std::uint32_t index) {
      const v0::ProgramBuffer& buffer = plan_.buffers[index];
      const bool declared = buffer.count != 0 || buffer.has_result;
      const std::uint64_t element = buffer.element_bytes;
      plan_.wanted.push_back({name_of(index), *returned_index(index), resolve(format, buffer),
                              declared || element == 0 ? 1 : element, kNoBuffer, buffer.element});
    };
    for (const std::string& name : options_.outputs) {
      VYRE_ASSIGN(const std::uint32_t index, find(name, "--output"));
      if (!returned_index(index)) {
        return fail(Errc::invalid_argument,
                    message("--output: buffer '{}' is not returned by the program", shown(name)));
      }
      want(index);
    }
    for (std::uint32_t i = 0; options_.outputs.empty() && i < plan_.sources.size(); ++i) {
      if (returned_index(i) && !is_watch(i)) want(i);
    }
    return {};
  }

  /// What the caller says of an output by name, else of all, else what the built-in op says.
  Status reduce() {
    for (WantedOutput& output : plan_.wanted)
      output.reduce = default_reduce(plan_.target.builtin_name(), output.name, plan_.param,
                                     options_.overlap_bytes);
    for (const bool named : {false, true}) {
      for (const std::string& text : options_.reduces) {
        const std::size_t equals = text.find('=');
        if ((equals != std::string::npos) == named) VYRE_TRY(reduce_by(text, equals));
      }
    }
    for (WantedOutput& output : plan_.wanted) {
      VYRE_ASSIGN(output.format, format_of_reduced(output.reduce, output.element, output.format));
    }
    return {};
  }

  Status reduce_by(const std::string& text, std::size_t equals) {
    const bool named = equals != std::string::npos;
    const std::string name = named ? text.substr(0, equals) : std::string();
    const auto rule = reduce_of(named ? text.substr(equals + 1) : text);
    if (!rule) {
      return fail(Errc::invalid_argument,
                  message("--reduce '{}' is unknown; use sum, min, max, or, concat or none",
                          shown(named ? text.substr(equals + 1) : text)));
    }
    if (!reduced_.insert(name).second) {
      return fail(Errc::invalid_argument,
                  named ? message("--reduce names '{}' twice; say one rule for it", shown(name))
                        : "--reduce gives two rules for all outputs; say one");
    }
    bool found = false;
    for (WantedOutput& output : plan_.wanted) {
      if (named && output.name != name) continue;
      found = true;
      VYRE_ASSIGN(output.reduce, checked_reduce(plan_.target, output.name, *rule, plan_.param,
                                                options_.overlap_bytes));
      output.total = output.reduce != Reduce::none;
      const std::string why = why_not_reduced(output.reduce, output.element);
      if (!why.empty()) {
        return fail(Errc::invalid_argument,
                    message("--reduce {}: '{}' cannot be put together so: {}", shown(text),
                            shown(output.name), why));
      }
    }
    if (found) return {};
    return fail(Errc::invalid_argument,
                message("--reduce {}: no output '{}' is given out", shown(text), shown(name)));
  }

  Status trim() {
    for (const std::string& text : options_.trims) {
      VYRE_ASSIGN(const auto assignment, split_assignment(text, "--trim"));
      VYRE_ASSIGN(const std::uint32_t by, find(assignment.second, "--trim"));
      const auto length = returned_index(by);
      bool found = false;
      for (WantedOutput& output : plan_.wanted) {
        if (output.name != assignment.first) continue;
        found = true;
        if (length) output.trim_by = static_cast<std::uint32_t>(*length);
      }
      if (!found || !length) {
        return fail(
            Errc::invalid_argument,
            message("--trim: '{}' is not a returned buffer; write --trim OUTPUT=BUFFER_WITH_LENGTH",
                    shown(found ? assignment.second : assignment.first)));
      }
    }
    return {};
  }

  const RunOptions& options_;
  RunPlan plan_;
  std::set<std::string> reduced_;  // outputs that --reduce has named; "": all
  std::unordered_map<std::string, std::uint32_t> by_name_;  // buffers; the first of equal names
  std::vector<std::uint32_t> returned_;  // by buffer: position among the returned, or kNoBuffer
  std::uint32_t returned_count_{0};
};

}  // namespace

Result<RunPlan> make_plan(RunTarget target, const RunOptions& options) {
  return Planner(std::move(target), options).run();
}

}  // namespace vyre::cli
