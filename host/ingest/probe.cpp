// Tries each tier on a scratch file, by the calls that the pump makes. See ingest/probe.hpp.
#include "ingest/probe.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/message.hpp"
#include "doors.hpp"
#include "ingest/file.hpp"
#include "platform/stop.hpp"
#include "probe_cufile.hpp"
#include "staging/mapping.hpp"
#include "thread_pool.hpp"
#include "uring.hpp"

namespace vyre::ingest {
namespace {

constexpr std::uint32_t kProbeBytes{65'536};
constexpr std::chrono::seconds kProbePatience{5};  // for one read of a scratch file

std::uint8_t scratch_byte(std::uint32_t at) {
  return static_cast<std::uint8_t>(at * 31 + at / 251);
}

/// A file of known bytes, removed with this.
class Scratch {
 public:
  [[nodiscard]] Status create(const std::string& directory) {
    std::string path = directory + "/vyre-probe-XXXXXX";
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return refused(message("making a scratch file in '{}'", directory), errno);
    path_ = path;
    doomed_.emplace(AT_FDCWD, path_.c_str());
    std::array<std::uint8_t, 4096> block{};
    Status status;
    for (std::uint32_t at = 0; at < kProbeBytes && status; at += block.size()) {
      for (std::uint32_t i = 0; i < block.size(); ++i) block[i] = scratch_byte(at + i);
      if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size()))
        status = refused(message("writing '{}'", path_), errno);
    }
    if (status && ::fsync(fd) != 0) status = refused(message("writing '{}'", path_), errno);
    (void)::close(fd);
    return status;
  }
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (!path_.empty()) (void)::unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  static tl::unexpected<Error> refused(const std::string& what, int error) {
    return fail(Errc::io, message("{}: {}", what, std::strerror(error)));
  }
  std::string path_;
  std::optional<platform::DoomedFile> doomed_;
};

/// Why reading the scratch file so does not work; empty: it does.
std::string try_read(Io& io, const File& file, IoCode code, MutableByteSpan memory) {
  std::memset(memory.data(), 0, kProbeBytes);
  IoOperation read;
  read.code = code;
  read.descriptor = file.descriptor();
  read.to = memory.data();
  read.bytes = kProbeBytes;
  read.user_data = 1;
  if (!io.push(read)) return "the ring takes no operation";
  const auto deadline = std::chrono::steady_clock::now() + kProbePatience;
  std::array<IoCompletion, 1> done{};
  while (io.reap(done) == 0) {
    const auto rest = deadline - std::chrono::steady_clock::now();
    if (rest.count() <= 0) return "a read did not end in time";
    if (const Status entered = io.enter(1, rest); !entered) return entered.error().message;
  }
  const char* const name = code == IoCode::read_fixed ? "READ_FIXED" : "READ";
  if (done[0].result < 0) return message("{}: {}", name, errno_name(-done[0].result));
  if (static_cast<std::uint32_t>(done[0].result) != kProbeBytes)
    return message("{} gave {} bytes", name, done[0].result);
  for (std::uint32_t at = 0; at < kProbeBytes; ++at) {
    if (memory[at] != scratch_byte(at)) return message("{} gave other bytes", name);
  }
  return {};
}

/// What is in a folder already, looked at beside the scratch file.
constexpr std::uint32_t kFilesTried{16};
constexpr std::uint32_t kNamesLookedAt{1024};

/// A scratch file lies in the upper layer of an overlay, other files perhaps in a lower one that
/// cannot do the same. Names the first file of the folder that refuses O_DIRECT; empty: none does.
std::string refused_by_a_file(const std::string& directory, const std::string& scratch) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(directory.c_str()), ::closedir);
  std::uint32_t tried = 0;
  for (std::uint32_t names = 0; folder && names < kNamesLookedAt && tried < kFilesTried; ++names) {
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string path = directory + "/" + entry->d_name;
    struct stat info {};
    if (path == scratch || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size == 0) {
      continue;
    }
    ++tried;
    const auto file = File::open(path, TierChoice::direct);
    if (file || file.error().code != Errc::unsupported) continue;
    const std::string& why = file.error().message;
    const std::size_t at = why.find("): ");
    return message("a new file can be read with O_DIRECT here, '{}' cannot: {}", entry->d_name,
                   at == std::string::npos ? why : why.substr(at + 3, why.find("; use") - at - 3));
  }
  return {};
}

bool is_overlay(const std::string& directory) {
  struct statfs system {};
  return ::statfs(directory.c_str(), &system) == 0 &&
         static_cast<unsigned long>(system.f_type) == OVERLAYFS_SUPER_MAGIC;
}

TierFacts facts(Tier tier, std::string why_not, std::string what) {
  const bool available = why_not.empty();
  return {tier, available, available ? std::move(what) : std::move(why_not)};
}

}  // namespace

std::vector<TierFacts> probe_tiers(const std::string& directory) {
  Scratch scratch;
  std::string unusable;
  if (const Status made = scratch.create(directory); !made) unusable = made.error().message;
  auto memory = staging::Mapping::create(kProbeBytes, "probe");
  if (unusable.empty() && !memory) unusable = memory.error().message;
  if (unusable.empty()) {
    if (const Status there = memory->populate(0, kProbeBytes); !there)
      unusable = there.error().message;
  }
  if (!unusable.empty()) {
    std::vector<TierFacts> none;
    for (std::uint32_t i = 0; i < kTiers; ++i) {
      const auto tier = static_cast<Tier>(i);
      none.push_back({tier, false, tier == Tier::gpudirect ? why_no_cufile() : unusable});
    }
    return none;
  }

  const MutableByteSpan bytes = memory->bytes();
  const auto buffered = File::open(scratch.path(), TierChoice::buffered);
  const auto direct = File::open(scratch.path(), TierChoice::direct_fixed);
  // Refusals of files name the scratch file, which the caller does not know.
  std::string why_not_direct = direct ? "" : direct.error().message;
  if (const auto at = why_not_direct.find("): "); at != std::string::npos)
    why_not_direct = message("O_DIRECT {}", why_not_direct.substr(at + 3));
  why_not_direct = why_not_direct.substr(0, why_not_direct.find("; use"));

  std::string fixed_reason;
  std::string direct_reason;
  std::string buffered_reason;
  std::string setup;
  auto ring = Uring::create();
  if (!ring) {
    fixed_reason = direct_reason = buffered_reason = ring.error().message;
  } else {
    setup = (*ring)->setup();
    (*ring)->register_memory(bytes);
    buffered_reason =
        buffered ? try_read(**ring, **buffered, IoCode::read, bytes) : buffered.error().message;
    direct_reason = direct ? try_read(**ring, **direct, IoCode::read, bytes) : why_not_direct;
    fixed_reason = !(*ring)->fixed(bytes.data(), kProbeBytes) ? (*ring)->registration().reason
                   : direct ? try_read(**ring, **direct, IoCode::read_fixed, bytes)
                            : why_not_direct;
  }
  std::string blocks =
      direct ? message("O_DIRECT in blocks of {}", (*direct)->offset_alignment()) : "";
  if (direct) {
    const std::string refused = refused_by_a_file(directory, scratch.path());
    if (fixed_reason.empty()) fixed_reason = refused;
    if (direct_reason.empty()) direct_reason = refused;
    if (is_overlay(directory))
      blocks += " (of this overlay's upper layer; files of a lower one may refuse)";
  }
  std::string pool_reason;
  if (auto pool = ThreadPool::create()) {
    pool_reason =
        buffered ? try_read(**pool, **buffered, IoCode::read, bytes) : buffered.error().message;
  } else {
    pool_reason = pool.error().message;
  }

  return {
      facts(Tier::direct_fixed, fixed_reason, message("READ_FIXED, {}; ring: {}", blocks, setup)),
      facts(Tier::direct, direct_reason, message("READ, {}", blocks)),
      facts(Tier::buffered, buffered_reason, "READ through the page cache"),
      {Tier::gpudirect, false, why_no_cufile()},
      facts(Tier::thread_pool, pool_reason, "pread by threads")};
}

}  // namespace vyre::ingest
