#!/usr/bin/env bash
# The first minutes with vyre, on files of this machine: builds the command, looks for a hundred
# words beside grep (and rg, where it is installed), runs a program of three lines, records a run,
# replays it on two executors, compares their bytes, and prints the reports. Installs missing Debian
# packages. No GPU is needed. After the build it takes less than a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

out=build/quickstart
rm -rf "$out"
mkdir -p "$out/logs"
vyre=$PWD/build/release/tools/vyre

# build LOG COMMAND...: shows how far it is, and the end of the log where it fails.
build() {
  local log=$1 begun=$SECONDS
  shift
  "$@" >"$log" 2>&1 &
  local building=$!
  while kill -0 "$building" 2>/dev/null; do
    if [ -t 1 ]; then
      printf '\r  %s steps, %d s ' \
        "$(grep -o '^\[[0-9]*/[0-9]*\]' "$log" | tail -1 | tr -d '[]')" $((SECONDS - begun))
    fi
    sleep 1
  done
  if ! wait "$building"; then
    printf '\nthe build failed; the end of %s:\n' "$log" >&2
    tail -20 "$log" >&2
    exit 1
  fi
  if [ -t 1 ]; then printf '\r'; fi
  printf '  built in %d s; its log is %s\n' $((SECONDS - begun)) "$log"
}

bash tools/install_dependencies.sh
printf '== build\n'
cmake --preset release -DVYRE_TESTS=OFF -DVYRE_BENCH=OFF >"$out/configure.log" 2>&1 ||
  { tail -20 "$out/configure.log" >&2; exit 1; }
build "$out/build.log" cmake --build --preset release --parallel "$(nproc)" --target vyre

# Texts of this machine, at most 300 MB of them, and its logs as they are now: a log that grows
# while three tools read it has no one answer.
export LC_ALL=C
find /var/log -type f -name '*.log' -readable -size -8M -exec cp --backup=numbered -t "$out/logs" \
  {} + 2>/dev/null || true
find "$PWD/$out/logs" /usr/share/common-licenses /usr/share/doc /usr/share/perl* /usr/lib/python3 \
  /usr/include /etc "$PWD/docs" -type f -readable -size +0 -printf '%s\t%p\n' 2>/dev/null |
  sort -t $'\t' -k 2 -u |
  awk -F '\t' 'NF == 2 && (sum += $1) < 300e6 { printf "%s%c", $2, 0 }' >"$out/files"
# A hundred of the words that licences use, spread over the alphabet.
cat /usr/share/common-licenses/* | tr -cs 'A-Za-z' '\n' | awk 'length >= 9 && length <= 30' |
  sort -u >"$out/all-words"
awk -v all="$(wc -l <"$out/all-words")" 'NR >= next_word && taken < 100 {
  print; ++taken; next_word += all / 100 }' "$out/all-words" >"$out/words"
bytes=$(xargs -0 cat <"$out/files" | wc -c) # now they lie in the page cache, too

printf '\n== scan: %d words in %d files, %d MB\n' "$(wc -l <"$out/words")" \
  "$(tr -cd '\0' <"$out/files" | wc -c)" $((bytes / 1000000))
"$vyre" scan -n -f "$out/words" --files-from "$out/files" -0 2>/dev/null | sed -n '1~9000p' |
  cut -c -100 | head -4 || true
printf '  %-12s %14s %10s %18s\n' '' 'lines matched' 'seconds' 'processor seconds'
expected=
# counted NAME COMMAND...: the command prints FILE:COUNT for each of the files.
counted() {
  local name=$1 times lines
  shift
  TIMEFORMAT='%R %U %S'
  times=$({ time "$@" <"$out/files" >"$out/counts" 2>/dev/null || true; } 2>&1)
  lines=$(awk -F : '{ sum += $NF } END { print sum + 0 }' "$out/counts")
  awk -v name="$name" -v lines="$lines" -v times="$times" 'BEGIN {
    split(times, t, " "); printf "  %-12s %14d %10.2f %18.2f\n", name, lines, t[1], t[2] + t[3] }'
  if [ "$lines" != "${expected:=$lines}" ]; then
    echo "$name counts $lines lines, and the tool before it $expected: please report this" >&2
    exit 1
  fi
}
counted 'vyre scan' "$vyre" scan -a -c -f "$out/words" --files-from - -0 --report "$out/scan.json"
counted 'grep -F' xargs -0 grep -a -H -c -F -f "$out/words"
if command -v rg >/dev/null; then
  counted 'rg -F' xargs -0 rg --no-config -a -H -c --include-zero -F -f "$out/words"
fi

printf '\n== run: a program of three lines, which counts the lines of a text, beside wc -l\n'
cat >"$out/lines.vir" <<'PROGRAM'
workgroup 256, 1, 1; buffer text: u8[] read_only;
buffer lines: u32[1] read_write output live_out;
region "lines" { if u32(text[gid.x]) == 10 { let before = atomic_add(lines[0], 1); } }
PROGRAM
cat "$out/lines.vir"
xargs -0 cat <"$out/files" 2>/dev/null | head -c 16000000 >"$out/text" || true
printf 'vyre run: %s   wc -l: %s\n' "$("$vyre" run "$out/lines.vir" "$out/text" --format u32)" \
  "$(wc -l <"$out/text")"

printf '\n== record byte_histogram over programs of this machine, replay it, compare the bytes\n'
mapfile -t binaries < <(find /usr/bin -maxdepth 1 -type f -readable -size +8k -size -64k \
  2>/dev/null | sort | head -20)
"$vyre" record docs/examples/byte_histogram.vir "${binaries[@]}" --trace "$out/bytes.trace" \
  --report "$out/record.json" --out-dir "$out/bytes"
printf 'on the CPU workers, against what was recorded: '
"$vyre" replay "$out/bytes.trace" --executor cpu --compare expected --report "$out/replay.json"
printf 'on the CPU workers, against the reference executor: '
"$vyre" replay "$out/bytes.trace" --executor cpu --compare reference

printf '\n== the reports of the scan and of the replay\n'
"$vyre" report "$out/scan.json" "$out/replay.json"

printf '\n== on a GPU\n'
if "$vyre" run "$out/lines.vir" "$out/text" --executor cuda >"$out/on-device" 2>&1; then
  printf 'the same program on the device: %s\n' "$(cat "$out/on-device")"
  printf "give --executor cuda to run, scan, record and replay; the bytes stay the same\n"
else
  printf 'not here: %s\n' "$(head -1 "$out/on-device")"
  printf 'with one, run, scan, record and replay take --executor cuda and give the same bytes\n'
fi
