#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kext.sh [DIRECTORY] - builds the kernel extensions against this Mac's Kernel.framework, and looks at what came of it.  Nothing is loaded.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
directory=${1:-$root/build/kext}
"$root/kext/build.sh" "$directory"
for kind in tun tap; do
	bundle=$directory/$kind.kext
	file=$bundle/Contents/MacOS/$kind
	for architecture in x86_64 arm64e; do
		lipo "$file" -verify_arch "$architecture" || {
			echo "not for $architecture: $file" >&2
			exit 1
		}
	done
	codesign --verify --verbose "$bundle"
	# For who reads the log: which of the kernel's libraries have what it takes.
	kmutil libraries -p "$bundle" --undef-symbols || echo "kmutil did not say which libraries it needs"
done
