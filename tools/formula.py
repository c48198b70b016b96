#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the Homebrew formula for a source tarball.  Usage: formula.py TARBALL [URL [HOMEPAGE]], the formula on standard output.

Without a URL the formula is for that very file, to try it: `brew install --formula ./tuntapd.rb`.
"""
import hashlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version():
    return re.search(r"^  version: '([^']+)'", (ROOT / "meson.build").read_text(), re.M).group(1)


def fill(tarball, url=None, homepage=None):
    text = (ROOT / "launchd" / "homebrew" / "tuntapd.rb.in").read_text()
    url = url or tarball.resolve().as_uri()
    for mark, value in {"URL": url, "HOMEPAGE": homepage or url, "VERSION": version(),
                        "SHA256": hashlib.sha256(tarball.read_bytes()).hexdigest()}.items():
        text = text.replace(f"@{mark}@", value.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#"))
    return text


if __name__ == "__main__":
    sys.stdout.write(fill(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
