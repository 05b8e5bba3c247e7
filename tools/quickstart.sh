#!/usr/bin/env bash
# The main job, end to end, on files of this machine: build, stream real files through the
# byte-histogram and line-count programs, record such runs, replay the recordings against a second
# executor byte for byte, and print the reports. Installs missing Debian packages. No GPU is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

bash tools/install_dependencies.sh
cmake --preset release -DVYRE_TESTS=OFF -DVYRE_BENCH=OFF >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target vyre

vyre=build/release/tools/vyre
out=build/quickstart
rm -rf "$out"
mkdir -p "$out"

# Real input: texts and binaries that every Debian machine has.
mapfile -t texts < <(find /usr/share/common-licenses /usr/share/perl5 /etc -maxdepth 1 -type f \
  -readable -size +0 2>/dev/null | sort | head -60)
mapfile -t binaries < <(find /usr/bin -maxdepth 1 -type f -readable -size +8k 2>/dev/null |
  sort | head -60)

printf '\n== stream: byte_histogram over %d binaries in chunks of 1 MiB' "${#binaries[@]}"
printf ', line_count over %d texts (the last three shown)\n' "${#texts[@]}"
"$vyre" run docs/examples/byte_histogram.vir "${binaries[@]}" --chunk 1MB \
  --report "$out/bytes-run.json" --out-dir "$out/chunks"
"$vyre" run docs/examples/line_count.vir "${texts[@]}" --report "$out/lines-run.json" | tail -3

printf '\n== record: line_count over %d texts, byte_histogram over %d binaries\n' "${#texts[@]}" \
  "${#binaries[@]}"
"$vyre" record docs/examples/line_count.vir "${texts[@]}" --trace "$out/lines.trace" \
  --report "$out/lines-record.json" --out-dir "$out/lines"
"$vyre" record docs/examples/byte_histogram.vir "${binaries[@]}" --trace "$out/bytes.trace" \
  --report "$out/bytes-record.json" --out-dir "$out/bytes"

printf '\n== replay on the CPU workers, compared with the recorded outputs\n'
"$vyre" replay "$out/lines.trace" --executor cpu --compare expected \
  --report "$out/lines-replay.json"
"$vyre" replay "$out/bytes.trace" --executor cpu --compare expected \
  --report "$out/bytes-replay.json"

printf '\n== replay on the CPU workers and on the reference executor, compared with each other\n'
"$vyre" replay "$out/lines.trace" --executor cpu --compare reference

printf '\n== reports: how the files were read, then the replays\n'
"$vyre" report "$out"/*-run.json
"$vyre" report "$out"/*-replay.json
