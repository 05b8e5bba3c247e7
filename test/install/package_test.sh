#!/usr/bin/env bash
# The Debian packages of a build, from `cpack` to a run in a root that holds nothing but what they
# say they depend on. Of a build with CUDA, too: its packages need neither a driver nor the toolkit,
# and run where there is no device.
#
# Usage: package_test.sh BUILD SOURCE WORK
#
# Ends with 77 where a tool is missing, or where this user may not enter another root.
set -euo pipefail
build=$1 source=$2 work=$3

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "$1" >&2; exit 1; }
for tool in cpack dpkg-deb dpkg-shlibdeps dpkg-query chroot readelf; do
  command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" -eq 0 ] || skip "only root enters another root"

rm -rf "$work"
mkdir -p "$work/root"
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" -D CPACK_DEBIAN_COMPRESSION_TYPE=none \
  >"$work/cpack.txt" 2>&1 ||
  fail "$(cat "$work/cpack.txt")"
debs=("$work"/*.deb)
[ "${#debs[@]}" -eq 3 ] || fail "cpack made ${debs[*]}, not three packages"

# The names of the packages that a list of dependencies names; of alternatives the first.
names() { tr ',' '\n' | sed -E 's/\|.*//; s/[(:].*//; s/ //g' | grep -v '^$'; }
# The package here that has a name, or that provides it.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
  sed -n 's/^installed //p')
provider() {
  awk -v name="$1" '{ line = $0; gsub(/\([^)]*\)|,/, " ", line); count = split(line, words, " ")
    for (i = 1; i <= count; ++i) if (words[i] == name) { print words[1]; exit } }' <<<"$installed"
}
declare -A wanted=()
add() {
  local name next
  name=$(provider "$1")
  [ -n "$name" ] || skip "package $1, on which a package depends, is not installed here"
  [ -z "${wanted[$name]:-}" ] || return 0
  wanted[$name]=yes
  for next in $(dpkg-query -W -f '${Depends}, ${Pre-Depends}\n' "$name" | names); do
    [ -z "$(provider "$next")" ] || add "$next"
  done
}
for deb in "${debs[@]}"; do
  depends=$(dpkg-deb -f "$deb" Depends)
  ! grep -qiE 'cuda|nvidia|cudart' <<<"$depends" || fail "$deb depends on CUDA: $depends"
  echo "$(dpkg-deb -f "$deb" Package): $depends"
  for name in $(names <<<"$depends"); do
    case "$name" in libvyre* | vyre) ;; *) add "$name" ;; esac
  done
done
echo "with what those depend on: ${!wanted[*]}"

# The root: the files of those packages, then ours. /lib is a link where this machine has one.
for folder in bin lib lib64 sbin; do
  mkdir -p "$work/root/usr/$folder"
  if [ -L "/$folder" ]; then ln -s "usr/$folder" "$work/root/$folder"; fi
done
for name in "${!wanted[@]}"; do
  dpkg-query -L "$name" | while read -r path; do
    if [ -f "$path" ] || { [ -L "$path" ] && [ ! -d "$path" ]; }; then echo "$path"; fi
  done
done | sort -u | tar --create --files-from - 2>/dev/null |
  tar --extract --keep-directory-symlink --directory "$work/root"
for deb in "${debs[@]}"; do dpkg-deb -x "$deb" "$work/root"; done

# The library as it is installed: its size, and what it needs.
library=$(find "$work/root/usr" -name 'libvyre.so.?')
library_bytes=$(stat -L -c %s "$library")
kernel=without
! readelf -SW "$library" | grep -q nv_fatbin || kernel=with
echo "libvyre has $library_bytes bytes, $kernel the kernel for CUDA devices"
[ "$library_bytes" -le $((12 << 20)) ] || fail "libvyre has $library_bytes bytes, more than 12 MiB"
! readelf -dW "$library" | grep NEEDED | grep -qiE 'cuda|nvidia' || fail "libvyre needs CUDA"

# The command runs a program over a file; a C program of outside finds the library.
mkdir -p "$work/root/tmp" "$work/root/dev"
cp "$source/docs/examples/line_count.vir" "$source/README.md" "$work/root/tmp/"
lines=$(chroot "$work/root" /usr/bin/vyre run /tmp/line_count.vir /tmp/README.md)
[ "$lines" = "$(wc -l <"$source/README.md")" ] || fail "vyre counts $lines lines of README.md"
chroot "$work/root" /usr/bin/vyre caps >"$work/caps.txt" || fail "vyre caps fails without a device"
sed -n '/^```c$/,/^```$/{//!p}' "$source/docs/abi.md" >"$work/first.c"
cc -std=c99 -I "$work/root/usr/include" "$work/first.c" -o "$work/root/tmp/first" \
  -L "$(dirname "$(find "$work/root/usr" -name libvyre.so)")" -lvyre
printed=$(chroot "$work/root" /tmp/first)
[ "$printed" = e3069283 ] || fail "the C program prints $printed"
du -b "$work"/*.deb
