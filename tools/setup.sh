#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# setup.sh - installs what is missing to build (and, with "test", to test) tuntapd, and nothing else.
#
# Debian and its kin: apt-get, as root or through sudo, for that one call.  macOS: Homebrew.  Elsewhere, and where there is no right to
# install, it names what is missing and ends with status 77.
#
#	tools/setup.sh [build|demo|test]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
purpose=${1:-build}

packages_of() {
	sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$1"
}

debian_packages() {
	cat <<-'EOF'
		gcc
		libc6-dev
		libconfuse-dev
		libevent-dev
		libjansson-dev
		libnftables-dev
		libpcap-dev
		meson
		ninja-build
		pkg-config
		python3
	EOF
	[ "$purpose" = build ] && return
	printf "%s\n" iproute2 iputils-ping socat util-linux
	[ "$purpose" = demo ] && return
	cat <<-'EOF'
		check
		clang-14
		clang-tidy-14
		cppcheck
		golang-go unless go
		libclang-rt-14-dev
		libplist-utils
		mandoc
		musl-tools
		nftables
		procps
		python3-jsonschema
		python3-pytest
		python3-pytest-xdist
		shellcheck
		strace
		systemd
		tshark
		util-linux
	EOF
	for list in "$here"/../tests/*/packages.txt; do
		packages_of "$list"
	done | sort -u
}

# "PACKAGE" and "PACKAGE unless COMMAND": the packages that are wanted here.
wanted() {
	while read -r package word command; do
		[ "$word" = unless ] && command -v "$command" >/dev/null 2>&1 || echo "$package"
	done
}

say_and_end() {
	echo "setup: $1" >&2
	echo "setup: missing:$missing" >&2
	exit 77
}

setup_debian() {
	missing=
	for package in $(debian_packages | wanted); do
		# "install ok installed": a removed package still has a status.
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null 2>&1 || say_and_end "install these as root: apt-get install$missing"
		as_root=sudo
	fi
	echo "setup: installing:$missing"
	# A machine that has never looked has no package lists.
	# shellcheck disable=SC2086 # a list of words
	if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; then
		$as_root apt-get update -qq || say_and_end "the package lists cannot be read"
		# shellcheck disable=SC2086
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
			say_and_end "apt-get could not install them"
	fi
}

setup_macos() {
	missing=
	command -v brew >/dev/null 2>&1 || { missing=" Homebrew"; say_and_end "install Homebrew first"; }
	for formula in meson ninja pkgconf libevent jansson confuse libpcap check; do
		brew list --formula "$formula" >/dev/null 2>&1 || missing="$missing $formula"
	done
	[ -n "$missing" ] || return 0
	echo "setup: installing:$missing"
	# shellcheck disable=SC2086
	brew install --quiet $missing
}

if [ "$(uname -s)" = Darwin ]; then
	setup_macos
elif command -v apt-get >/dev/null 2>&1; then
	setup_debian
else
	missing=" a C17 compiler, meson, ninja, pkg-config, libevent, jansson, libconfuse, libpcap, check"
	command -v meson >/dev/null 2>&1 || say_and_end "this system is neither Debian nor macOS: install these by hand"
fi
