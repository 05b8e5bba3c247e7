#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the examples need, if any is missing.
# Usage: tools/install_dependencies.sh [package ...]   (extra packages to install beside the
# standard list)
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config git python3 gzip
  libexpected-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev liburing-dev zlib1g-dev
  libzstd-dev libgtest-dev libbenchmark-dev libvalijson-dev
  "$@"
)

# Debian has it for x86 only; without it match.literals runs in its plain form.
if [ "$(dpkg --print-architecture)" = amd64 ]; then packages+=(libhyperscan-dev); fi

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
    missing+=("$package")
  fi
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "missing packages: ${missing[*]}" >&2
    echo "install them as root, or install sudo, and run this again" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
