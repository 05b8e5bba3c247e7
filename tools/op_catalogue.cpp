#include "op_catalogue.hpp"

#include <algorithm>
#include <numeric>

namespace vyre::cli {
namespace {

/// How many letters have to be put in, left out or replaced to make one of the other.
std::size_t letters_between(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t before = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < other.size(); ++k) {
      const std::size_t replaced = before + (one[i] == other[k] ? 0 : 1);
      before = row[k + 1];
      row[k + 1] = std::min({replaced, before + 1, row[k] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  const auto catalogue = OpCatalogue::open();
  if (!catalogue) return names;
  for (const BuiltinOp& op : (*catalogue)->ops()) names.push_back(op.info.name);
  return names;
}

Result<std::shared_ptr<const OpCatalogue>> OpCatalogue::open() {
  v0::SessionOptions options;
  options.device = "cpu";
  options.queues = 1;
  options.workers = 1;
  options.more.emplace_back("ingest_bytes", "0");
  VYRE_ASSIGN(v0::Session session, taken(v0::Session::open(options)));
  VYRE_ASSIGN(const std::vector<v0::Op> ops, taken(session.ops()));
  std::vector<BuiltinOp> all;
  for (const v0::Op op : ops) {
    VYRE_ASSIGN(const std::uint32_t number, taken(session.number(op)));
    VYRE_ASSIGN(v0::OpInfo info, taken(session.describe(op)));
    all.push_back({op, number, std::move(info)});
  }
  return std::shared_ptr<const OpCatalogue>(new OpCatalogue(std::move(session), std::move(all)));
}

const BuiltinOp* OpCatalogue::find(std::string_view name) const {
  const auto found = std::find_if(ops_.begin(), ops_.end(),
                                  [name](const BuiltinOp& op) { return op.info.name == name; });
  return found == ops_.end() ? nullptr : &*found;
}

std::string OpCatalogue::names_near(std::string_view name) const {
  constexpr std::size_t kLeastLetters{3};  // of a part of a name
  std::string names;
  for (const BuiltinOp& op : ops_) {
    const std::string_view known = op.info.name;
    const bool part =
        name.size() >= kLeastLetters && (known.find(name) != known.npos || name.starts_with(known));
    if (!part && letters_between(name, known) > known.size() / 3) continue;
    names += (names.empty() ? "" : ", ") + op.info.name;
  }
  return names;
}

Result<std::vector<v0::OutputSize>> OpCatalogue::output_sizes(
    const BuiltinOp& op, std::span<const std::uint64_t> input_bytes, std::uint32_t param) const {
  return taken(session_.output_sizes(op.op, input_bytes, param));
}

std::string_view element_name(std::uint32_t element) {
  switch (element) {
    case VYRE_ELEMENT_U32:
      return "u32";
    case VYRE_ELEMENT_I32:
      return "i32";
    case VYRE_ELEMENT_F32:
      return "f32";
    case VYRE_ELEMENT_U64:
      return "u64";
    default:
      return "bytes";
  }
}

}  // namespace vyre::cli
