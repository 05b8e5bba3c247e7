// vyre cache: the folder of compiled programs, listed, checked or emptied.
#include <memory>

#include "base/json_writer.hpp"
#include "base/message.hpp"
#include "cache/store.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"

namespace vyre::cli {
namespace {

struct CacheOptions {
  std::string verb;
  std::string folder;
};

Outcome list(const Shell& shell, const cache::Store& store) {
  std::uint64_t bytes = 0;
  const std::vector<cache::Entry> entries = store.list();
  for (const cache::Entry& entry : entries) bytes += entry.bytes;
  Output out;
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "cache")
        .member("folder", store.folder())
        .member("files", static_cast<std::uint64_t>(entries.size()))
        .member("bytes", bytes);
    json.key("entries").begin_array();
    for (const cache::Entry& entry : entries) {
      json.begin_object()
          .member("key", entry.key.hex())
          .member("bytes", entry.bytes)
          .member("used_s", entry.used_s)
          .end_object();
    }
    json.end_array().end_object();
    VYRE_TRY(out.write(json.text() + "\n"));
  } else {
    for (const cache::Entry& entry : entries)
      VYRE_TRY(out.write(message("{} {} bytes\n", entry.key.hex(), entry.bytes)));
    VYRE_TRY(out.write(
        message("{}: {} files, {} bytes\n", shown(store.folder()), entries.size(), bytes)));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

Outcome say(const Shell& shell, const cache::Store& store, const char* one, std::uint64_t first,
            const char* other, std::uint64_t second, const std::string& text) {
  Output out;
  if (shell.json) {
    JsonWriter json(kJsonIndent);
    json.begin_object()
        .member("command", "cache")
        .member("folder", store.folder())
        .member(one, first)
        .member(other, second)
        .end_object();
    VYRE_TRY(out.write(json.text() + "\n"));
  } else {
    VYRE_TRY(out.write(message("{}: {}\n", shown(store.folder()), text)));
  }
  VYRE_TRY(out.flush());
  return kExitOk;
}

Outcome run(Shell& shell, const CacheOptions& options) {
  VYRE_ASSIGN(const std::string folder, cache::folder_or_default(options.folder));
  VYRE_ASSIGN(const cache::Store store, cache::Store::open({folder}));
  if (options.verb == "list") return list(shell, store);
  if (options.verb == "clear") {
    const cache::Freed freed = store.clear();
    return say(shell, store, "files", freed.files, "bytes", freed.bytes,
               message("{} files removed, {} bytes", freed.files, freed.bytes));
  }
  const cache::Verified found = store.verify();
  VYRE_ASSIGN(const int code,
              say(shell, store, "good", found.good, "removed", found.removed,
                  message("{} files are good, {} were removed", found.good, found.removed)));
  return found.removed == 0 ? code : kExitVerdict;
}

}  // namespace

void add_cache(CommandLine& line) {
  auto options = std::make_shared<CacheOptions>();
  const Command sub = line.command("cache", "the folder of compiled programs");
  sub.option("verb", options->verb, "list, verify (removes what is damaged) or clear")
      .type_name("VERB")
      .required()
      .one_of({"list", "verify", "clear"});
  sub.option("--cache-dir", options->folder,
             "the folder (default: vyre in the user's cache folder)")
      .type_name("DIR");
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli
