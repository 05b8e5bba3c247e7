// Watches: how they are written, and what their records say. The program is vir::watched()'s.
#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "blob.hpp"
#include "bound.hpp"
#include "guard.hpp"
#include "program.hpp"
#include "structures.hpp"
#include "vir/program/statements.hpp"

namespace vyre::abi {
namespace {

constexpr std::uint32_t kUsualWatchRecords{1'024};
constexpr std::uint32_t kMaxWatchText{4'096};

/// A watch as it is written, before its place is looked up.
struct WatchText {
  std::string file;  // empty: the text's own
  std::uint32_t line{0};
  std::uint32_t column{0};                 // 0: the first statement of the line
  std::optional<std::uint32_t> statement;  // in place of all these
  vir::Watch watch;
};

std::optional<std::uint32_t> watch_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return number;
}

tl::unexpected<Error> wrong_watch(std::string_view text, const std::string& why) {
  return fail(Errc::invalid_argument, message("watch '{}': {}", text.substr(0, 80), why));
}

/// "@7" or "@0-31" at the end; cuts it off.
Status read_lanes(std::string_view whole, std::string_view& text, vir::Watch& watch) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view lanes = text.substr(at + 1);
  const std::size_t dash = lanes.find('-');
  const auto first = watch_number(lanes.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : watch_number(lanes.substr(dash + 1));
  if (!first || !last || *first > *last)
    return wrong_watch(whole, "behind '@' stands a lane, or the first and last one as 0-31");
  watch.lanes = {*first, *last};
  text = text.substr(0, at);
  return {};
}

/// "=sum,i" at the end; cuts it off.
Status read_values(std::string_view whole, std::string_view& text, vir::Watch& watch) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  std::string_view names = text.substr(equals + 1);
  for (;;) {
    const std::size_t comma = names.find(',');
    watch.values.emplace_back(names.substr(0, comma));
    if (watch.values.back().empty()) return wrong_watch(whole, "a variable has no name");
    if (comma == std::string_view::npos) break;
    names.remove_prefix(comma + 1);
  }
  if (watch.values.size() > vir::kWatchedValues) {
    return wrong_watch(whole, message("it names {} variables; a record holds {}, so write a second "
                                      "watch",
                                      watch.values.size(), vir::kWatchedValues));
  }
  text = text.substr(0, equals);
  return {};
}

Result<WatchText> read_watch(std::string_view whole) {
  if (whole.size() > kMaxWatchText) return wrong_watch(whole, "it is too long");
  WatchText read;
  std::string_view text = whole;
  VYRE_TRY(read_lanes(whole, text, read.watch));
  VYRE_TRY(read_values(whole, text, read.watch));
  constexpr const char* kForms{
      "it begins with a place: LINE, LINE:COLUMN, FILE:LINE:COLUMN, or #STATEMENT"};
  if (text.starts_with('#')) {
    read.statement = watch_number(text.substr(1));
    if (!read.statement) return wrong_watch(whole, kForms);
    return read;
  }
  std::vector<std::uint32_t> numbers;  // from the end
  while (numbers.size() < 2) {
    const std::size_t colon = text.rfind(':');
    const std::size_t begin = colon == std::string_view::npos ? 0 : colon + 1;
    const auto number = watch_number(text.substr(begin));
    if (!number) break;
    numbers.push_back(*number);
    text = text.substr(0, begin == 0 ? 0 : colon);
    if (begin == 0) break;
  }
  if (numbers.empty() || std::count(numbers.begin(), numbers.end(), 0u) != 0)
    return wrong_watch(whole, kForms);
  read.line = numbers.back();
  if (numbers.size() == 2) read.column = numbers.front();
  read.file = text;
  return read;
}

bool is_file(const std::string& known, const std::string& wanted) {
  if (known == wanted) return true;
  return known.size() > wanted.size() && known.ends_with(wanted) &&
         known[known.size() - wanted.size() - 1] == '/';
}

/// The statements that begin at the place: one, or one in each call of the fn that it lies in.
Result<std::vector<std::uint32_t>> statements_at(const StatementPlaces& all, std::string_view whole,
                                                 const WatchText& wanted) {
  const auto in_file = [&](const vir::SourcePlace& place) {
    if (place.line == 0) return false;
    return wanted.file.empty() ? place.file == 0 : is_file(all.map.files[place.file], wanted.file);
  };
  std::uint32_t column = wanted.column;
  for (const vir::SourcePlace& place : all.statements) {
    if (wanted.column != 0 || !in_file(place) || place.line != wanted.line) continue;
    column = column == 0 ? place.column : std::min(column, place.column);
  }
  std::vector<std::uint32_t> found;
  std::set<std::pair<std::uint32_t, std::uint32_t>> calls;  // what a form stands for begins there
  std::optional<vir::SourcePlace> before, behind;           // the nearest ones
  const auto at = [](const vir::SourcePlace& place) { return std::pair(place.line, place.column); };
  const std::pair here(wanted.line, column);
  for (std::uint32_t i = 0; i < all.statements.size(); ++i) {
    const vir::SourcePlace& place = all.statements[i];
    if (!in_file(place)) continue;
    if (at(place) == here) {
      if (calls.emplace(place.file, place.call).second) found.push_back(i);
    } else if (at(place) < here) {
      if (!before || at(*before) < at(place)) before = place;
    } else if (!behind || at(place) < at(*behind)) {
      behind = place;
    }
  }
  if (!found.empty()) return found;
  std::string near;
  for (const auto& place : {before, behind}) {
    if (place) near += message("{}{}:{}", near.empty() ? "" : ", ", place->line, place->column);
  }
  return wrong_watch(whole, near.empty()
                                ? "the program has no text that has this place"
                                : message("no statement begins there; near it: {}", near));
}

std::string place_words(const vyre_program& program, std::uint32_t statement) {
  if (const auto all = program.statements()) {
    if (auto words = all->words_of(statement)) return *std::move(words);
  }
  return message("statement {}", statement);
}

std::string float_text(std::uint64_t bits) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text,
                                          std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  return error == std::errc{} ? std::string(text, end) : std::string("?");
}

std::string watched_text(vir::WatchedKind kind, std::uint64_t bits) {
  switch (kind) {
    case vir::WatchedKind::i32:
      return std::to_string(static_cast<std::int32_t>(bits));
    case vir::WatchedKind::boolean:
      return bits != 0 ? "true" : "false";
    case vir::WatchedKind::f32:
      return float_text(bits);
    case vir::WatchedKind::u32:
    case vir::WatchedKind::u64:
      break;
  }
  return std::to_string(bits);
}

void put_watched(JsonWriter& json, vir::WatchedKind kind, std::uint64_t bits) {
  const auto word = static_cast<std::uint32_t>(bits);
  switch (kind) {
    case vir::WatchedKind::i32:
      json.value(static_cast<std::int32_t>(word));
      return;
    case vir::WatchedKind::boolean:
      json.value(bits != 0);
      return;
    case vir::WatchedKind::f32:
      // JSON has no number for NaN and the infinities: those are words.
      if ((word & 0x7F80'0000u) == 0x7F80'0000u) {
        json.value(float_text(bits));
      } else {
        json.value(static_cast<double>(std::bit_cast<float>(word)));
      }
      return;
    case vir::WatchedKind::u32:
    case vir::WatchedKind::u64:
      break;
  }
  json.value(bits);
}

std::string record_line(const WatchTable& table, const vir::WatchRecord& r) {
  const vir::Watch& watch = table.watches[r.watch];
  std::string line = table.places[r.watch][r.site] + message(": workgroup {}", r.workgroup[0]);
  if (r.workgroup[1] != 0 || r.workgroup[2] != 0)
    line += message(",{},{}", r.workgroup[1], r.workgroup[2]);
  line += message(", lane {}", r.lane);
  const auto& kinds = table.watched.kinds[r.watch][r.site];
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    line += message("{}{} = {}", i == 0 ? ": " : ", ", watch.values[i],
                    watched_text(kinds[i], r.values[i]));
  }
  return line + "\n";
}

std::string records_json(const WatchTable& table, const vir::WatchLog& log) {
  JsonWriter json;
  json.begin_object()
      .member("written", log.records.size())
      .member("dropped", log.dropped)
      .key("records")
      .begin_array();
  for (const vir::WatchRecord& r : log.records) {
    const vir::Watch& watch = table.watches[r.watch];
    json.begin_object()
        .member("watch", table.texts[r.watch])
        .member("statement", watch.statements[r.site])
        .member("place", table.places[r.watch][r.site])
        .key("workgroup")
        .begin_array();
    for (const std::uint32_t axis : r.workgroup) json.value(axis);
    json.end_array().member("lane", r.lane).key("values").begin_object();
    const auto& kinds = table.watched.kinds[r.watch][r.site];
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      json.key(watch.values[i]);
      put_watched(json, kinds[i], r.values[i]);
    }
    json.end_object().end_object();
  }
  return std::move(json.end_array().end_object()).text();
}

}  // namespace
}  // namespace vyre::abi

using namespace vyre;
using namespace vyre::abi;

vyre_error* vyre_program_watch(const vyre_program* program, const char* const* watches,
                               size_t count, uint32_t records, vyre_ns timeout,
                               vyre_program** watched) {
  return guarded("vyre_program_watch", [&]() -> Status {
    VYRE_TRY(given(program, "program"));
    VYRE_TRY(given(watched, "watched"));
    VYRE_ASSIGN(std::vector<std::string> texts, read_strings(watches, count, "watches"));
    if (count == 0 || count > vir::kMaxWatches) {
      return fail(Errc::invalid_argument,
                  message("a program has from 1 to {} watches, not {}", vir::kMaxWatches, count));
    }
    Bound bound(timeout);
    VYRE_ASSIGN(vir::Program prepared, placed(*program, checked(program->program, bound)));
    const auto places = program->statements();
    auto table = std::make_shared<WatchTable>();
    for (const std::string& text : texts) {
      VYRE_ASSIGN(WatchText read, read_watch(text));
      if (read.statement) {
        read.watch.statements = {*read.statement};
      } else {
        if (places == nullptr) {
          return wrong_watch(text,
                             "the program was read from its wire form and has no text; write "
                             "#STATEMENT, whose numbers results have");
        }
        VYRE_ASSIGN(read.watch.statements, statements_at(*places, text, read));
      }
      auto& words = table->places.emplace_back();
      for (const std::uint32_t statement : read.watch.statements)
        words.push_back(place_words(*program, statement));
      table->watches.push_back(std::move(read.watch));
    }
    table->texts = std::move(texts);
    VYRE_ASSIGN(table->watched,
                bound.checked(vir::watched(prepared, table->watches,
                                           records == 0 ? kUsualWatchRecords : records,
                                           bound.interrupt())));
    vir::Program made = table->watched.program;
    // The validator's types are not the kinds of values where a variable has several.
    if (auto valid = bound.checked(vir::validate(made, bound.interrupt())); !valid) {
      if (valid.error().code != Errc::refused) return valid;
      return fail(
          Errc::invalid_argument,
          message("this cannot be watched; name other variables: {}", valid.error().message));
    }
    *watched = new vyre_program(std::move(made), program->places, std::move(table));
    return {};
  });
}

vyre_error* vyre_program_watched(const vyre_program* watched, const vyre_span* buffers,
                                 size_t count, vyre_blob** text, vyre_blob** json) {
  return guarded("vyre_program_watched", [&]() -> Status {
    VYRE_TRY(given(watched, "watched"));
    VYRE_TRY(given_array(buffers, count, "buffers"));
    if (watched->watches == nullptr) {
      return fail(Errc::invalid_argument,
                  "the program is not watched; vyre_program_watch() makes one that is");
    }
    std::vector<ByteSpan> bytes;
    for (std::size_t i = 0; i < count; ++i) {
      VYRE_TRY(given_array(buffers[i].data, buffers[i].size, "bytes of a buffer"));
      bytes.emplace_back(static_cast<const std::uint8_t*>(buffers[i].data), buffers[i].size);
    }
    VYRE_ASSIGN(const vir::WatchLog log, vir::read_watch_log(watched->watches->watched, bytes));
    std::string lines;
    for (const vir::WatchRecord& record : log.records)
      lines += record_line(*watched->watches, record);
    std::unique_ptr<vyre_blob> given_text;
    if (text != nullptr) given_text.reset(make_blob(std::move(lines)));
    if (json != nullptr) *json = make_blob(records_json(*watched->watches, log));
    if (text != nullptr) *text = given_text.release();
    return {};
  });
}
