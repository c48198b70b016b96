#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# openvpn.sh - has Homebrew install OpenVPN, which must not run as root.
set -eu
command -v brew >/dev/null 2>&1 || { echo "SKIP: there is no Homebrew"; exit 77; }
brew list --formula openvpn >/dev/null 2>&1 || brew install --quiet openvpn
