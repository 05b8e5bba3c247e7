// See code_maker.hpp.
#include "cuda/link/code_maker.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/message.hpp"
#include "jit/jit.hpp"
#include "platform/output.hpp"

namespace vyre::cuda {

CodeMaker::CodeMaker(std::shared_ptr<const Linker> linker, cache::CodeCache& cache,
                     const CodeTarget& target, std::string driver)
    : linker_(std::move(linker)), cache_(cache), target_(target), driver_(std::move(driver)) {}

Digest CodeMaker::key_of(const std::string& text, ByteSpan library) const {
  Blake3 hash;
  // The text stands for the images and for the emitter: what changes either changes it.
  const std::string about =
      message("linked module 1; sm_{}; registers {}; nvJitLink {}; driver {}; library {}; text {};",
              target_.architecture, target_.max_registers, linker_->version(), driver_,
              library.size(), text.size());
  hash.update(as_bytes(about));
  hash.update(library);
  hash.update(as_bytes(text));
  return hash.finish();
}

std::string CodeMaker::keep(const std::string& text, const Digest& key) const {
  if (cache_.folder().empty()) return "its text was not kept, because there is no cache folder";
  const std::string path = message("{}/failed-{}.ptx", cache_.folder(), key.hex().substr(0, 16));
  if (const Status kept = platform::write_file_atomically(path, as_bytes(text)); !kept)
    return message("its text was not kept: {}", kept.error().message);
  return message("its text is in '{}'", path);
}

Result<MadeCode> CodeMaker::make(std::span<const core::Image* const> images) const {
  MadeCode made;
  std::vector<jit::Function> functions;
  for (const core::Image* const image : images) {
    functions.push_back(jit::emit_function(*image, message("vyre_program_{}", functions.size())));
    made.scratch_bytes.push_back(functions.back().scratch_bytes);
  }
  const std::string text = jit::emit_loadable(functions);
  const ByteSpan library = jit::calls_own_functions(text) ? own_functions() : ByteSpan{};
  const Digest key = key_of(text, library);
  made.cubin = cache_.find(key, &made.found);
  if (made.cubin) return made;
  const Deadline begun = Clock::now();
  auto cubin = linker_->link(text, library, target_);
  if (!cubin) {
    Error error = std::move(cubin).error();
    error.message += "; " + keep(text, key);
    return tl::unexpected<Error>(std::move(error));
  }
  made.link_time = Clock::now() - begun;
  made.cubin = cache_.put(key, std::move(*cubin));
  return made;
}

}  // namespace vyre::cuda
