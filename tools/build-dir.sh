#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build-dir.sh NAME - prints the build directory of that name: NAME at the root of the tree, or, where somebody else could change what is
# there, one of this user's own in /var/tmp.
#
# tuntapd exec loads no library from below a directory that others own or can write to; root in a user's clone, or in a clone that its
# group can write to, would so have none.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
uid=$(id -u)

trusted() {
	_dir=$1
	while :; do
		_owner=$(stat -c %u "$_dir")
		[ "$_owner" -eq 0 ] || [ "$_owner" -eq "$uid" ] || return 1
		# Writable by group or others; a sticky directory is fine above the tree.
		if [ -n "$(find "$_dir" -maxdepth 0 -perm /022 ! -perm -1000)" ]; then
			return 1
		fi
		[ "$_dir" != / ] || return 0
		_dir=$(dirname "$_dir")
	done
}

if [ "$(uname -s)" != Linux ] || trusted "$root"; then
	echo "$root/$1"
	exit 0
fi
base=/var/tmp/tuntapd-build-$uid
[ -d "$base" ] || mkdir -m 700 "$base"
if [ -L "$base" ] || [ "$(stat -c %u "$base")" -ne "$uid" ]; then
	echo "build-dir: $base is somebody else's: remove it" >&2
	exit 1
fi
echo "$base/$(printf %s "$root" | cksum | cut -d' ' -f1)-$1"
