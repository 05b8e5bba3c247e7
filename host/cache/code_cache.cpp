// See code_cache.hpp.
#include "cache/code_cache.hpp"

#include <list>
#include <map>
#include <utility>

namespace vyre::cache {

/// Forms by digest, the one used last first.
class MemoryLevel {
 public:
  /// The one that this process's caches hold now, or a new one.
  static std::shared_ptr<MemoryLevel> join() {
    static std::mutex mutex;
    static std::weak_ptr<MemoryLevel> last;
    const std::lock_guard lock(mutex);
    std::shared_ptr<MemoryLevel> now = last.lock();
    if (!now) last = now = std::make_shared<MemoryLevel>();
    return now;
  }

  std::shared_ptr<const Bytes> find(const Digest& key) {
    const std::lock_guard lock(mutex_);
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) return nullptr;
    forms_.splice(forms_.begin(), forms_, at->second);
    return at->second->second;
  }

  void put(const Digest& key, std::shared_ptr<const Bytes> form) {
    const std::lock_guard lock(mutex_);
    if (by_key_.contains(key)) return;
    bytes_ += form->size();
    forms_.emplace_front(key, std::move(form));
    by_key_.emplace(key, forms_.begin());
    while (bytes_ > kMemoryBytes && forms_.size() > 1) {
      bytes_ -= forms_.back().second->size();
      by_key_.erase(forms_.back().first);
      forms_.pop_back();
    }
  }

 private:
  using Forms = std::list<std::pair<Digest, std::shared_ptr<const Bytes>>>;
  std::mutex mutex_;
  Forms forms_;
  std::map<Digest, Forms::iterator> by_key_;
  std::uint64_t bytes_{0};
};

CodeCache::CodeCache(const std::string& folder) : memory_(MemoryLevel::join()) {
  if (folder == "-") {
    why_no_folder_ = "no folder was asked for";
    return;
  }
  const auto named = folder_or_default(folder);
  auto store = named ? Store::open({*named}) : Result<Store>(tl::unexpected<Error>(named.error()));
  if (store) {
    store_ = std::move(*store);
    (void)store_->evict();
  } else {
    why_no_folder_ = store.error().message;
  }
}

std::shared_ptr<const Bytes> CodeCache::find(const Digest& key, Level* level) {
  Level ignored{};
  Level& at = level != nullptr ? *level : ignored;
  at = Level::none;
  if (auto form = memory_->find(key)) {
    at = Level::memory;
    const std::lock_guard lock(mutex_);
    ++counts_.in_memory;
    return form;
  }
  if (!store_) return nullptr;
  Bytes payload;
  const Look look = store_->find(key, payload);
  if (look != Look::found) {
    const std::lock_guard lock(mutex_);
    counts_.damaged += look == Look::damaged ? 1 : 0;
    return nullptr;
  }
  at = Level::folder;
  auto form = std::make_shared<const Bytes>(std::move(payload));
  memory_->put(key, form);
  const std::lock_guard lock(mutex_);
  ++counts_.in_folder;
  return form;
}

std::shared_ptr<const Bytes> CodeCache::put(const Digest& key, Bytes form) {
  auto kept = std::make_shared<const Bytes>(std::move(form));
  memory_->put(key, kept);
  const bool written = !store_ || store_->put(key, *kept);
  const std::lock_guard lock(mutex_);
  ++counts_.made;
  counts_.not_kept += written ? 0 : 1;
  return kept;
}

CacheCounts CodeCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace vyre::cache
