#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# formula.sh - Homebrew builds, installs and tests what is checked out, by the tree's own formula.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
begin
command -v git >/dev/null 2>&1 || skip "there is no git"
git -C "$root" -c safe.directory="$root" archive --prefix=tuntapd/ -o "$work/tuntapd.tar.gz" HEAD
python3 "$root/tools/formula.py" "$work/tuntapd.tar.gz" >"$work/tuntapd.rb"
cat "$work/tuntapd.rb"
command -v brew >/dev/null 2>&1 || skip "there is no Homebrew; the formula was written"
brew tap-new --no-git local/tuntapd
cp "$work/tuntapd.rb" "$(brew --repository local/tuntapd)/Formula/tuntapd.rb"
brew install --build-from-source local/tuntapd/tuntapd
brew test local/tuntapd/tuntapd
brew uninstall tuntapd
brew untap local/tuntapd
