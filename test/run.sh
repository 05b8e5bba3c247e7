#!/usr/bin/env bash
# Builds everything and runs every test: the plain build first, then the unit tests under
# AddressSanitizer + UBSan, and those with threads under ThreadSanitizer. Installs missing Debian
# packages. No GPU is needed; CUDA code is built where nvcc is found.
#
# Usage: test/run.sh [--quick] [--fast-build]
#   --quick       the plain build and its tests only
#   --fast-build  for a build that nothing else uses: the test files of a binary are compiled
#                 together, and device code, which runs nowhere here, is hardly optimised
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
fast=()
for argument in "$@"; do
  case "$argument" in
    --quick) quick=yes ;;
    --fast-build) fast=(-DVYRE_TOGETHER=TESTS -DVYRE_CUDA_FAST_COMPILE=ON) ;;
    *) echo "unknown argument '$argument'; use --quick or --fast-build" >&2; exit 2 ;;
  esac
done

# What only tests need: groff reads the manual pages, abidiff compares the ABI, doxygen makes the
# reference of the headers, ripgrep and zstd judge `vyre scan`, prometheus_client and promtool the
# metrics of `vyre report export`, and Chromium the page of `vyre report html`. The command posts
# reports with libcurl where it is.
bash tools/install_dependencies.sh groff-base abigail-tools doxygen ripgrep zstd \
  python3-prometheus-client prometheus chromium libcurl4-openssl-dev

jobs=$(nproc)
# nvcc is often installed but not on PATH.
if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then
  export PATH="$PATH:/usr/local/cuda/bin"
fi

# Each step is announced, and a table of their seconds comes last, also where one of them failed.
started=()
step() {
  started+=("$SECONDS $1")
  printf '\n== %s (%ss)\n' "$1" "$SECONDS"
}
table() {
  local i begun name next
  printf '\nseconds  step\n'
  for i in "${!started[@]}"; do
    read -r begun name <<<"${started[i]}"
    next=${started[i + 1]:-$SECONDS}
    printf '%7d  %s\n' "$((${next%% *} - begun))" "$name"
  done
  printf '%7d  in all\n' "$SECONDS"
}
trap table EXIT

step "build"
cmake --preset dev "${fast[@]}"
cmake --build --preset dev --parallel "$jobs"
step "tests"
ctest --preset dev --parallel "$jobs" --no-tests=error --label-exclude '^package$'

if [ "$quick" = no ]; then
  step "packages"
  ctest --preset dev -L '^package$' --no-tests=error
  for preset in asan-ubsan tsan; do
    step "build with $preset"
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" --parallel "$jobs" --target "${preset}_tests"
    step "tests with $preset"
    ctest --preset "$preset" --parallel "$jobs" --no-tests=error
  done
fi
printf '\n== all done\n'
