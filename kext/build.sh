#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build.sh - builds tun.kext and tap.kext on a Mac with Apple's command line tools: kext/build.sh [DIRECTORY]
#
# Against the public headers of Kernel.framework (what they include of the system's own comes last), for x86_64 and arm64e, as the
# kernel of each wants it.  With an identity in CODESIGN_IDENTITY (a Developer ID whose certificate is for kernel extensions) the bundles
# are signed with it; otherwise for this machine alone, which only a Mac without System Integrity Protection loads.  Installing them is
# the administrator's: kext/README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../build/kext}
version=$(sed -n "s/^  version: '\(.*\)',\$/\1/p" "$here/../meson.build")
if [ "$(uname -s)" != Darwin ]; then
	echo "build.sh: an extension is linked on a Mac; on Linux its sources are tested: ./check kpi darwin" >&2
	exit 77
fi
sdk=$(xcrun --sdk macosx --show-sdk-path)
headers=$sdk/System/Library/Frameworks/Kernel.framework/Headers
[ -d "$headers" ] || {
	echo "build.sh: $headers is not there: install Xcode's command line tools" >&2
	exit 77
}

for kind in tun tap; do
	bundle=$out/$kind.kext
	rm -rf "$bundle"
	mkdir -p "$bundle/Contents/MacOS"
	sed -e "s/@KIND@/$kind/g" -e "s/@VERSION@/$version/g" "$here/Info.plist.in" >"$bundle/Contents/Info.plist"
	plutil -lint -s "$bundle/Contents/Info.plist"
	# The functions of the kernel's networking are all called deprecated since macOS 10.15.4, and there are no others.
	xcrun clang -arch x86_64 -arch arm64e -mmacosx-version-min=11.0 -isysroot "$sdk" -std=c17 -Os -g \
		-mkernel -fno-builtin -fno-common -fvisibility=hidden -Wall -Wextra -Werror -Wno-unused-parameter -Wno-deprecated-declarations \
		-nostdinc -isystem "$headers" -isystem "$(xcrun clang -print-resource-dir)/include" -idirafter "$sdk/usr/include" \
		-DKERNEL -DAPPLE -DNeXT -DKEXT_BUNDLE="org.tuntapd.$kind" -DKEXT_VERSION="\"$version\"" \
		"$here/cdev.c" "$here/device.c" "$here/iface.c" "$here/kmod.c" "$here/module.c" "$here/queue.c" "$here/$kind.c" \
		-Xlinker -kext -nostdlib -lkmod -lcc_kext -o "$bundle/Contents/MacOS/$kind"
	codesign --force --sign "${CODESIGN_IDENTITY:--}" "$bundle"
	echo "$bundle"
done
