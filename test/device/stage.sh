#!/usr/bin/env bash
# Builds what runs on a machine with a device and lays it into one folder that needs nothing but
# libc, libstdc++ and the driver there: stripped binaries, the data that tests read, the libraries
# that such a machine may lack, prove.sh.
#   bash test/device/stage.sh [BUILD_FOLDER [STAGE_FOLDER [TARGET...]]]      needs nvcc, no GPU
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/gpu/build}
stage=${2:-$root/build/gpu/stage}

if [[ ! -f $build/build.ninja ]]; then
  cmake -S "$root" -B "$build" -G Ninja -DVYRE_CUDA=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
fi
wanted=(vyre equality_device_test load_device_test failure_device_test runtime_device_test
        device_test builtin_device_test backend_device_test departure_device_test ingest_device_test
        megakernel_bench plan_bench)
[[ $# -le 2 ]] || wanted=("${@:3}")
targets=()
for name in "${wanted[@]}"; do
  if ninja -C "$build" -t query "$name" >/dev/null 2>&1; then
    targets+=("$name")
  else
    echo "no target $name" >&2
  fi
done
nice ninja -C "$build" ${JOBS:+-j "$JOBS"} "${targets[@]}"

mkdir -p "$stage/lib" "$stage/vectors" "$stage/source/test" "$stage/source/docs"
for name in "${targets[@]}"; do
  path=$build/tools/$name  # a test may have installed another vyre
  [[ -x $path ]] ||
    path=$(find "$build" -type f -name "$name" -perm -u+x -not -path "$stage/*" | head -1)
  strip -o "$stage/$name.new" "$path"
  mv "$stage/$name.new" "$stage/$name"
  # What Debian's toolchain links shared and a bare machine may not have.
  ldd "$path" | awk '$3 ~ /lib(spdlog|fmt|z|zstd|benchmark|uring)\.so/ { print $3 }' |
    while read -r library; do
      cp -Lu "$library" "$stage/lib/"
    done
done
cp "$root/test/device/prove.sh" "$stage/"
rm -rf "$stage/source/test/cases" "$stage/source/docs/examples"
cp -r "$root/test/cases" "$stage/source/test/"
cp -r "$root/docs/examples" "$stage/source/docs/"
vectors=${VYRE_SHARED_VECTORS:-$root/../shared/vectors}
if [[ -d $vectors ]]; then
  cp -f "$vectors"/*.jsonl.gz "$stage/vectors/"
else
  echo "no vectors in $vectors" >&2
fi
rmdir --ignore-fail-on-non-empty "$stage/lib" "$stage/vectors"
du -sh "$stage"
