#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# prefix.sh PREFIX [BUILD] - copies what was built natively into a prefix of root's, as the tarball's content lies there.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
begin
build=${2:-$root/build-native}
DESTDIR=$work/destination meson install -C "$build" --no-rebuild --quiet
from=$(find "$work/destination" -type f -name tuntapd -path '*/bin/tuntapd')
[ -n "$from" ] || fail "nothing was installed"
mkdir -p "$1"
cp -R "$(dirname "$(dirname "$from")")/." "$1"
chown -R 0:0 "$1"
chmod -R go-w "$1"
"$1/bin/tuntapd" --version
