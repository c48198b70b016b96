#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# unit.sh [DIRECTORY] - builds with the tests that this system has, and runs those that need no root and no network.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
directory=${1:-$root/build-unit}
"$root/tools/setup.sh" test
if command -v brew >/dev/null 2>&1; then
	PKG_CONFIG_PATH="$(brew --prefix libpcap)/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
	export PKG_CONFIG_PATH
fi
[ -f "$directory/build.ninja" ] || meson setup "$directory" "$root" -Dwerror=true
ninja -C "$directory"
meson test -C "$directory" --suite unit --print-errorlogs --no-rebuild
