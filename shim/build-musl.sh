#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build-musl.sh CC GEN-ENTRIES ENTRIES SOURCE-ROOT WORK-DIR OUTPUT SOURCE... - the preload library for programs of musl.  A script, because a
# meson build has one compiler, and this is another.
set -eu
cc=$1 gen=$2 entries=$3 root=$4 work=$5 output=$6
shift 6
mkdir -p "$work"
"$gen" musl "$entries" "$work"
# musl's compiler does not look where the kernel's own headers are; nothing else of that place is wanted.
for headers in /usr/include/linux /usr/include/asm-generic /usr/include/asm "/usr/include/$(uname -m)-linux-gnu/asm"; do
	[ ! -d "$headers" ] || ln -sfn "$headers" "$work/$(basename "$headers")"
done
# It names no C library that it needs: the environment hands it on to children of another one, which must start all the same.
exec "$cc" -std=c17 -D_GNU_SOURCE -O2 -g -fPIC -shared -nostdlib -fvisibility=hidden -fno-builtin -ffunction-sections -fno-common -Wall -Wextra \
	-Wno-unused-parameter -Werror -fstack-protector-strong -fstack-clash-protection -I"$work" -I"$root" -idirafter "$work" \
	-Wl,--version-script,"$work/entries.map" -Wl,@"$work/entries.ld" -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,-z,nodelete -Wl,--gc-sections -o "$output" "$@"
