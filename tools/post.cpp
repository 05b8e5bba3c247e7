#include "post.hpp"

#include <algorithm>
#include <string>

#include "base/message.hpp"
#include "platform/stop.hpp"
#include "shell.hpp"

#ifdef VYRE_HAVE_CURL

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <thread>

namespace vyre::cli {
namespace {

using PostClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstWait{500};
/// Between looks for a signal, while nothing is sent.
constexpr std::chrono::milliseconds kWaitStep{50};
/// Of an answer: what a message shows of it.
constexpr std::size_t kShownAnswerBytes{200};

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListFree>;

std::size_t keep_answer(char* bytes, std::size_t, std::size_t count, void* kept) {
  auto& answer = *static_cast<std::string*>(kept);
  answer.append(bytes, std::min(count, kShownAnswerBytes - answer.size()));
  return count;
}

int stop_sending(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return platform::stop_asked() ? 1 : 0;
}

bool add_header(List& list, const std::string& header) {
  curl_slist* const longer = curl_slist_append(list.get(), header.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

/// How one try ended.
struct Answer {
  std::string problem;                // empty: it was taken
  bool again{false};                  // trying again may help
  std::chrono::milliseconds wait{0};  // that the collector asks for
};

Result<Answer> try_once(const PostOptions& options, std::string_view text, curl_slist* headers,
                        std::chrono::milliseconds left) {
  const std::unique_ptr<CURL, EasyFree> easy(curl_easy_init());
  if (easy == nullptr) return fail(Errc::out_of_memory, "no memory for a connection");
  std::string answer;
  char problem[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(easy.get(), option, value) == CURLE_OK;
  };
  const bool ready = set(CURLOPT_URL, options.url.c_str()) &&
                     set(CURLOPT_PROTOCOLS_STR, "http,https") && set(CURLOPT_FOLLOWLOCATION, 0L) &&
                     set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_HTTPHEADER, headers) &&
                     set(CURLOPT_POSTFIELDS, text.data()) &&
                     set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size())) &&
                     set(CURLOPT_TIMEOUT_MS, static_cast<long>(left.count())) &&
                     set(CURLOPT_USERAGENT, "vyre") && set(CURLOPT_ERRORBUFFER, problem) &&
                     set(CURLOPT_WRITEFUNCTION, &keep_answer) && set(CURLOPT_WRITEDATA, &answer) &&
                     set(CURLOPT_NOPROGRESS, 0L) && set(CURLOPT_XFERINFOFUNCTION, &stop_sending);
  if (!ready) return fail(Errc::internal, "libcurl refuses an option of this command");
  const CURLcode sent = curl_easy_perform(easy.get());
  if (platform::stop_asked()) return platform::interrupted();
  if (sent != CURLE_OK) {
    const bool never = sent == CURLE_URL_MALFORMAT || sent == CURLE_UNSUPPORTED_PROTOCOL;
    return Answer{*problem != '\0' ? problem : curl_easy_strerror(sent), !never, {}};
  }
  long status = 0;
  curl_off_t wait_s = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &wait_s);
  if (status >= 200 && status < 300) return Answer{};
  const bool again = status == 429 || status == 502 || status == 503 || status == 504;
  std::string why = message("it answers {}", status);
  if (!answer.empty()) why += message(": {}", shown(answer));
  constexpr curl_off_t kMostWait{3'600};
  return Answer{std::move(why), again,
                std::chrono::seconds{std::clamp<curl_off_t>(wait_s, 0, kMostWait)}};
}

}  // namespace

Status check_post(const PostOptions& options) {
  const bool web = options.url.starts_with("http://") || options.url.starts_with("https://");
  if (!web) {
    return fail(Errc::invalid_argument,
                message("--post '{}' is no address; write http://HOST:PORT/v1/metrics",
                        shown(options.url)));
  }
  for (const std::string& header : options.headers) {
    const std::size_t colon = header.find(':');
    if (colon != std::string::npos && colon != 0 &&
        header.find_first_of("\r\n") == std::string::npos)
      continue;
    return fail(Errc::invalid_argument,
                message("--header '{}' is none; write 'NAME: VALUE'", shown(header)));
  }
  return {};
}

Status post_json(const PostOptions& options, std::string_view text) {
  const auto until = PostClock::now() + options.timeout;
  // The process ends with the command, so nothing is cleaned up behind it.
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return fail(Errc::internal, "libcurl cannot begin");
  List headers;
  bool added = add_header(headers, "Content-Type: application/json");
  for (const std::string& header : options.headers) added = added && add_header(headers, header);
  if (!added) return fail(Errc::out_of_memory, "no memory for the headers of a post");
  std::string problem;
  std::chrono::milliseconds wait = kFirstWait;
  for (std::uint32_t tries = 1;; ++tries) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - PostClock::now());
    if (left.count() <= 0) break;
    VYRE_ASSIGN(const Answer answer, try_once(options, text, headers.get(), left));
    if (answer.problem.empty()) return {};
    problem = message("{} (tried {} times)", answer.problem, tries);
    if (!answer.again || tries > options.retries)
      return fail(Errc::io, message("cannot post to '{}': {}", shown(options.url), problem));
    const auto next = PostClock::now() + std::max(wait, answer.wait);
    if (next >= until) break;
    while (PostClock::now() < next) {
      if (platform::stop_asked()) return platform::interrupted();
      std::this_thread::sleep_for(kWaitStep);
    }
    wait *= 2;
  }
  return fail(Errc::deadline_exceeded,
              message("cannot post to '{}' within --post-timeout: {}", shown(options.url),
                      problem.empty() ? "it was not tried" : problem));
}

}  // namespace vyre::cli

#else

namespace vyre::cli {

Status check_post(const PostOptions&) {
  return fail(Errc::unsupported,
              "--post needs libcurl, which this build has none of: build with its headers "
              "(Debian: libcurl4-openssl-dev), or write a file with -o and post that");
}

Status post_json(const PostOptions& options, std::string_view) {
  return check_post(options);
}

}  // namespace vyre::cli

#endif
