#!/usr/bin/env bash
# The proof on a device: everything that test/device/stage.sh laid beside this file, each step under
# a time limit, logs and JSON into one folder, a table last. No build, no network.
#   bash prove.sh OUT_FOLDER [STEP...]
# Steps: caps backend vectors random lanes builtin runtime ingest load failure cli sanitize soak
# bench
# Without steps: all but soak. Exit code: how many steps did not pass.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?prove.sh OUT_FOLDER [STEP...]}
shift
steps=("$@")
[[ ${#steps[@]} -ne 0 ]] ||
  steps=(caps backend vectors random lanes builtin runtime ingest load failure cli sanitize bench)
mkdir -p "$out"
out=$(cd "$out" && pwd)
export VYRE_REQUIRE_GPU=1 VYRE_SOURCE=$here/source VYRE_SHARED_VECTORS=$here/vectors
if [[ -d $here/lib ]]; then
  export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
scale=${VYRE_TEST_SCALE:-1}
failed=0
rows=()
telling='FAILED  \]|tests ran|ERROR SUMMARY|compared|cases,|M/s|items replayed|DIFFERENT|TwoFilters'

# step NAME SECONDS COMMAND...: one row of the table; the log's last telling line is its remark.
step() {
  local name=$1 limit=$2 begin rc verdict remark seconds
  shift 2
  begin=$(date +%s.%N)
  if [[ ! -x $1 && -z $(command -v "$1") ]]; then
    rows+=("$name|absent|0|$1 is not here")
    return
  fi
  timeout -k 5 "$limit" "$@" >"$out/$name.log" 2>&1
  rc=$?
  case $rc in
    0) verdict=passed ;;
    124 | 137) verdict="out of time" ;;
    *) verdict="failed ($rc)" ;;
  esac
  [[ $rc -eq 0 ]] || failed=$((failed + 1))
  remark=$(grep -E "$telling" "$out/$name.log" | tail -1 | cut -c1-90)
  seconds=$(echo "$(date +%s.%N) $begin" | awk '{ printf "%.1f", $1 - $2 }')
  rows+=("$name|$verdict|$seconds|$remark")
  printf '%-28s %-12s %s\n' "$name" "$verdict" "$remark"
}

# tests NAME SECONDS BINARY FILTER: a GoogleTest binary. No test may take longer than the step.
tests() {
  VYRE_DEVICE_TEST_SECONDS=$(($2 - 2)) step "$1" "$2" "$here/$3" --gtest_filter="$4" \
    --gtest_output="json:$out/$1.json"
}

# What the CLI gives on the device is what it gives on the CPU and what the recording says.
cli() {
  local work=$out/cli rc=0 program base
  local raw='--output words --format raw'  # for the flags below, which eval expands
  rm -rf "$work"
  mkdir -p "$work/in"
  head -c 300001 "$here/vyre" >"$work/in/binary"
  cat "$here"/source/docs/examples/*.vir "$here"/source/docs/examples/README.md >"$work/in/text"
  base64 -w0 <"$work/in/text" >"$work/in/base64"
  : >"$work/in/empty"
  while read -r program files flags; do
    for executor in cpu cuda; do
      base=$work/$program.$executor
      # shellcheck disable=SC2086
      eval "\"$here/vyre\" run \"$here/source/docs/examples/$program.vir\" \"$work\"/in/$files \
        --executor $executor --out-dir \"$base\" --report \"$base.json\" $flags" \
        >"$base.txt" 2>&1 ||
        {
          echo "$program on $executor: $(cat "$base.txt")"
          rc=1
        }
    done
    diff -r "$work/$program.cpu" "$work/$program.cuda" >/dev/null ||
      {
        echo "DIFFERENT: $program"
        rc=1
      }
  done <<'END'
line_count *
byte_histogram *
crc32 *
prefix_sum binary
polynomial_1 binary --bind c=f32:0.5,1.5
polynomial_5 binary --bind c=f32:0.5,1.5,2.5,0.5,1.5,2.5
polynomial_10 binary --bind c=f32:0.5,1.5,2.5,0.5,1.5,2.5,0.5,1.5,2.5,0.5,1.5
literal_count * --bind pattern=text:buffer --bind seen=@seen
base64_decode base64 --count words='len(text) * 3 / 16 + 1' --trim words=length $raw
END
  "$here/vyre" record "$here/source/docs/examples/byte_histogram.vir" "$work"/in/* --executor cpu \
    --trace "$work/trace" --out-dir "$work/recorded" || rc=1
  "$here/vyre" replay "$work/trace" --executor cuda --compare expected \
    --report "$work/replay.json" || rc=1
  "$here/vyre" replay "$work/trace" --executor cuda --compare reference || rc=1
  "$here/vyre" replay "$work/trace" --executor cuda --compare cpu || rc=1
  "$here/vyre" record "$here/source/docs/examples/line_count.vir" "$work"/in/* --executor cuda \
    --trace "$work/trace.cuda" --out-dir "$work/recorded.cuda" || rc=1
  "$here/vyre" replay "$work/trace.cuda" --executor cpu --compare expected || rc=1
  rm -rf "$work"/trace "$work"/trace.cuda "$work"/in
  return $rc
}

for name in "${steps[@]}"; do
  case $name in
    caps)
      step caps 60 bash -c '"$0" caps && ! "$0" caps | grep -q "backend cuda: not available"' \
        "$here/vyre"
      ;;
    vectors)
      tests vectors 120 equality_device_test 'DeviceEquality.SharedVectors*:DeviceEquality.Cases*'
      tests core 120 device_test '*'
      ;;
    random) tests random $((60 + 30 * scale)) equality_device_test 'DeviceRandom.*' ;;
    lanes) tests lanes $((90 + 60 * scale)) equality_device_test 'PlannedLanes.*' ;;
    builtin)
      tests builtin 90 equality_device_test 'DeviceEquality.BuiltIn*'
      tests builtin_core 90 builtin_device_test '*'
      ;;
    backend)  # each test ends itself
      tests backend 120 backend_device_test '*'
      tests departure 120 departure_device_test '*'
      ;;
    ingest)  # no test of these takes longer than half a minute
      VYRE_DEVICE_TEST_SECONDS=30 step ingest $((150 + 30 * scale)) "$here/ingest_device_test" \
        --gtest_output="json:$out/ingest.json"
      ;;
    runtime) tests runtime $((90 + 30 * scale)) runtime_device_test '*' ;;
    load) tests load $((90 + 60 * scale)) load_device_test '-DeviceSoak.*:DeviceDrain.*' ;;
    failure)  # each in a process of its own: a lost kernel stays until its process ends
      for test in AKernelThatStopsLooking AFullDevice AKilledProcess; do
        tests "failure_$test" 30 failure_device_test "DeviceFailure.$test*"
      done
      ;;
    cli)
      export -f cli
      export here out
      step cli 120 bash -c cli
      ;;
    sanitize)
      sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
      sanitizer=${VYRE_SANITIZER:-$sanitizer}
      for tool in memcheck racecheck synccheck; do
        VYRE_DEVICE_TEST_SECONDS=170 step "sanitize_$tool" 175 "$sanitizer" --tool $tool \
          --error-exitcode 99 "$here/load_device_test" --gtest_filter='DeviceDrain.*'
      done
      ;;
    soak)
      VYRE_SOAK_ITEMS=${VYRE_SOAK_ITEMS:-1000000000} tests soak 240 load_device_test 'DeviceSoak.*'
      ;;
    bench)
      # No row of the first takes longer than half a minute: it gives up.
      step bench_plan 240 "$here/plan_bench" --benchmark_filter=Device --benchmark_repetitions=5 \
        --benchmark_report_aggregates_only=true --benchmark_out="$out/plan.json" \
        --benchmark_out_format=json
      step bench 420 "$here/megakernel_bench" --out="$out/megakernel.json"
      ;;
    *)
      echo "unknown step $name" >&2
      failed=$((failed + 1))
      ;;
  esac
done

printf '\n%-32s %-14s %8s  %s\n' step result seconds remark
for row in "${rows[@]}"; do
  IFS='|' read -r name verdict seconds remark <<<"$row"
  printf '%-32s %-14s %8s  %s\n' "$name" "$verdict" "$seconds" "$remark"
done | tee "$out/table.txt"
exit $((failed > 125 ? 125 : failed))
