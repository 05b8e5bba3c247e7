// vyre report: a summary of one report or of many, and what words in front of the files ask for.
#include <algorithm>
#include <initializer_list>
#include <memory>

#include "base/message.hpp"
#include "claims.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "flag_checks.hpp"
#include "json_value.hpp"
#include "library.hpp"
#include "platform/file.hpp"
#include "post.hpp"

namespace vyre::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;  // a word or none, and files
  std::string format;
  std::string out_file;
  std::string baseline;
  std::vector<std::string> rules;
  std::vector<std::string> rule_files;
  PostOptions post;
  double post_timeout_s{30};
};

using Files = std::vector<std::string>;

/// What goes to standard output, or whole into the file that -o names.
Status give(const Options& options, std::string_view text) {
  if (!options.out_file.empty()) return write_output(options.out_file, text);
  Output out;
  VYRE_TRY(out.write(text));
  if (!text.empty() && text.back() != '\n') VYRE_TRY(out.write("\n"));
  return out.flush();
}

/// {"command": "report", NAME: TEXT}
Status give_text(const Shell& shell, const Options& options, std::string_view format,
                 std::string_view name, std::string_view text) {
  if (!shell.json) return give(options, text);
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "report");
  if (!format.empty()) json.member("format", format);
  json.member(name, text).end_object();
  return give(options, json.text() + "\n");
}

/// {"command": "report"} with these members of the library's answer.
Status give_members(const Options& options, std::string_view answer,
                    std::initializer_list<std::string_view> names) {
  VYRE_ASSIGN(const JsonValue document, parse_json(answer));
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "report");
  for (const std::string_view name : names) document[name].write(json.key(name));
  return give(options, json.end_object().text() + "\n");
}

Outcome summarise(Shell& shell, const Options& options, const Files& files) {
  if (!shell.json) {
    VYRE_ASSIGN(const v0::Blob summary, taken(v0::summarise_reports(files)));
    VYRE_TRY(give(options, summary.text()));
    return kExitOk;
  }
  VYRE_ASSIGN(const v0::Reports read, taken(v0::read_reports(files)));
  VYRE_ASSIGN(const JsonValue documents, parse_json(read.json.text()));
  JsonWriter json(kJsonIndent);
  json.begin_object().member("command", "report").member("summary", read.summary.text());
  documents.write(json.key("documents"));
  VYRE_TRY(give(options, json.end_object().text() + "\n"));
  return kExitOk;
}

Outcome lineage(Shell& shell, const Options& options, const Files& files) {
  const bool graph = options.format == "dot";
  VYRE_ASSIGN(const v0::Blob lines, taken(v0::lineage_of_reports(files, graph)));
  VYRE_TRY(give_text(shell, options, graph ? "dot" : "text", "lineage", lines.text()));
  return kExitOk;
}

Outcome merge(Shell& shell, const Options& options, const Files& files) {
  const int indent = options.format == "line" ? -1 : kJsonIndent;
  VYRE_ASSIGN(const v0::Blob merged, taken(v0::merge_reports(files, indent)));
  if (!shell.json) {
    VYRE_TRY(give(options, std::string(merged.text()) + "\n"));
    return kExitOk;
  }
  VYRE_ASSIGN(const JsonValue document, parse_json(merged.text()));
  JsonWriter json(kJsonIndent);
  document.write(json.begin_object().member("command", "report").key("document"));
  VYRE_TRY(give(options, json.end_object().text() + "\n"));
  return kExitOk;
}

Outcome diff(Shell& shell, const Options& options, const Files& files) {
  if (files.size() != 2) {
    return fail(Errc::invalid_argument,
                "'report diff' takes two files: the runs before, and the runs after");
  }
  VYRE_ASSIGN(const v0::ReportAnswer answer, taken(v0::diff_reports(files[0], files[1])));
  VYRE_TRY(shell.json ? give_members(options, answer.json.text(), {"differences"})
                      : give(options, answer.text.text()));
  return kExitOk;
}

Outcome gate(Shell& shell, const Options& options, const Files& files) {
  v0::GateOptions how;
  how.baseline = options.baseline;
  how.rules = options.rules;
  constexpr std::uint64_t kMostRuleBytes{std::uint64_t{1} << 20};
  for (const std::string& file : options.rule_files) {
    VYRE_ASSIGN(const Bytes bytes, platform::read_file(file, kMostRuleBytes));
    how.rules.emplace_back(bytes.begin(), bytes.end());
  }
  VYRE_ASSIGN(const v0::GateAnswer answer, taken(v0::judge_reports(files, how)));
  VYRE_TRY(shell.json ? give_members(options, answer.json.text(), {"passed", "rules"})
                      : give(options, answer.text.text()));
  return answer.passed ? kExitOk : kExitVerdict;
}

Outcome convert(Shell& shell, const Options& options, const Files& files) {
  if (options.format.empty()) {
    return fail(Errc::invalid_argument,
                "'report export' needs --format: openmetrics, csv, otlp-metrics or otlp-traces");
  }
  const bool posts = !options.post.url.empty();
  if (posts && !options.format.starts_with("otlp-")) {
    return fail(Errc::invalid_argument,
                message("--post is of --format otlp-metrics and otlp-traces; a collector reads {} "
                        "from a file: write it with -o",
                        options.format));
  }
  PostOptions post = options.post;
  post.timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(options.post_timeout_s * 1e9));
  if (posts) VYRE_TRY(check_post(post));
  VYRE_ASSIGN(const v0::Blob text, taken(v0::export_reports(files, options.format)));
  if (posts) VYRE_TRY(post_json(post, text.text()));
  // What went to the collector is also written where a file is named.
  if (!posts || !options.out_file.empty() || shell.json)
    VYRE_TRY(give_text(shell, options, options.format, "text", text.text()));
  return kExitOk;
}

Outcome page(Shell& shell, const Options& options, const Files& files) {
  VYRE_ASSIGN(const v0::Blob text, taken(v0::export_reports(files, "html")));
  VYRE_TRY(give_text(shell, options, "html", "text", text.text()));
  return kExitOk;
}

/// What stands in front of the files, and the flags that mean something with it.
struct Word {
  std::string_view word;
  Outcome (*run)(Shell&, const Options&, const Files&);
  std::vector<std::string_view> formats;
  bool rules;
};

const std::vector<Word>& words() {
  static const std::vector<Word> all{
      {"lineage", lineage, {"text", "dot"}, false},
      {"merge", merge, {"line"}, false},
      {"diff", diff, {}, false},
      {"gate", gate, {}, true},
      {"export", convert, {"openmetrics", "csv", "otlp-metrics", "otlp-traces"}, false},
      {"html", page, {}, false},
      {"", summarise, {}, false}};
  return all;
}

std::vector<std::string> words_in_front() {
  std::vector<std::string> front;
  for (const Word& one : words()) {
    if (!one.word.empty()) front.emplace_back(one.word);
  }
  return front;
}

Status check_flags(const Options& options, const Word& word) {
  const auto refused = [](std::string text) { return fail(Errc::invalid_argument, text); };
  if (!options.format.empty() &&
      std::find(word.formats.begin(), word.formats.end(), options.format) == word.formats.end()) {
    return refused(
        message("--format {} is none of 'report{}{}'; write 'report lineage FILE --format dot' or "
                "'report export FILE --format openmetrics'",
                options.format, word.word.empty() ? "" : " ", word.word));
  }
  if (!word.rules &&
      !(options.rules.empty() && options.rule_files.empty() && options.baseline.empty()))
    return refused("--rule, --rules and --baseline are of a gate: write 'report gate FILE'");
  if (!options.post.url.empty() && word.word != "export")
    return refused("--post is of an export: write 'report export FILE --format otlp-metrics'");
  return {};
}

Outcome run(Shell& shell, const Options& options) {
  const auto word = std::find_if(words().begin(), words().end() - 1,
                                 [&](const Word& one) { return one.word == options.inputs[0]; });
  const Files files(options.inputs.begin() + (word->word.empty() ? 0 : 1), options.inputs.end());
  VYRE_TRY(check_flags(options, *word));
  if (files.empty()) {
    return fail(Errc::invalid_argument,
                message("'report {}' needs a FILE; give ./{} for a file of that name", word->word,
                        word->word));
  }
  std::vector<std::string> read = files;
  read.insert(read.end(), options.rule_files.begin(), options.rule_files.end());
  if (!options.baseline.empty()) read.push_back(options.baseline);
  VYRE_TRY(check_printing(shell, read));
  if (!options.out_file.empty()) {
    Claims claims;
    for (const std::string& file : read) claims.reads(file, message("the input '{}'", shown(file)));
    VYRE_TRY(claims.writes(options.out_file, "-o"));
  }
  return word->run(shell, options, files);
}

}  // namespace

void add_report(CommandLine& line) {
  auto options = std::make_shared<Options>();
  const Command sub = line.command("report", "summarise, merge, compare, judge or convert reports");
  sub.option(
         "file", options->inputs,
         "reports: JSON documents or JSON Lines; ahead of them a word: lineage (who contributed "
         "to what), merge (one document of all), diff (what changed between two), gate "
         "(whether rules hold), export (for other tools), html (a page)")
      .type_name("FILE")
      .may_be(words_in_front)
      .required();
  sub.option("--format", options->format,
             "of lineage: text (default), or dot for Graphviz; of merge: line, for JSON Lines; of "
             "export: openmetrics, csv, otlp-metrics or otlp-traces")
      .one_of({"text", "dot", "line", "openmetrics", "csv", "otlp-metrics", "otlp-traces"});
  sub.option("-o,--out", options->out_file, "write here instead of to standard output")
      .type_name("FILE")
      .check(not_empty());
  sub.option("--rule", options->rules, "of gate: what every run must keep, as in 'faults == 0'")
      .type_name("RULE")
      .one_value_each();
  sub.option("--rules", options->rule_files, "of gate: a file with a rule on each line")
      .type_name("FILE")
      .one_value_each();
  sub.option("--baseline", options->baseline, "of gate: reports that rules compare with")
      .type_name("FILE")
      .check(not_empty());
  const Option post = sub.option("--post", options->post.url,
                                 "of export: send it to this address of an OpenTelemetry collector")
                          .type_name("URL")
                          .check(not_empty());
  sub.option("--header", options->post.headers, "of --post: a header more, 'NAME: VALUE'")
      .type_name("HEADER")
      .one_value_each()
      .needs(post);
  constexpr std::uint64_t kMostRetries{100};
  sub.option("--retries", options->post.retries,
             "of --post: how often it is tried again where the collector is not ready")
      .type_name("N")
      .shows_default()
      .check(whole_up_to(kMostRetries))
      .needs(post);
  sub.option("--post-timeout", options->post_timeout_s, "of --post: seconds for all tries")
      .type_name("SECONDS")
      .shows_default()
      .check(seconds())
      .needs(post);
  sub.does([options](Shell& shell) { return run(shell, *options); });
}

}  // namespace vyre::cli
