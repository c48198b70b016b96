#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build.sh [DIRECTORY] - builds natively, with what tools/setup.sh finds or installs, warnings as errors; the command answers.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
directory=${1:-$root/build-native}
"$root/tools/setup.sh" build
# Keg-only: the system's own comes without a description.
if command -v brew >/dev/null 2>&1; then
	PKG_CONFIG_PATH="$(brew --prefix libpcap)/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
	export PKG_CONFIG_PATH
fi
[ -f "$directory/build.ninja" ] || meson setup "$directory" "$root" -Dwerror=true -Dtests=false
ninja -C "$directory"
"$directory/cli/tuntapd" --version
"$directory/cli/tuntapd" config show >/dev/null
