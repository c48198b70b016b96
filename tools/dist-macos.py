#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Packs what a Mac needs into one file: `meson compile -C build dist-macos`.  Usage: dist-macos.py BUILD VERSION.

What meson installs for macOS, with the universal files (tests/darwin/cross.py builds them) in place of one architecture's; licences, of the
libraries inside, too; an example of a configuration.  Everything is below tuntapd-VERSION, which is to become /opt/tuntapd, and works
elsewhere, but for the property list: `tuntapd service install` writes its own.

The same tree gives the same file, byte by byte: names in order, root's, with the time of the last commit or SOURCE_DATE_EPOCH.
"""
import gzip
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "darwin"))

import cross  # noqa: E402 pylint: disable=wrong-import-position

# The licence's text in each library's source.
LICENCES = {"libevent_core": "LICENSE", "libpcap": "LICENSE", "jansson": "LICENSE", "libconfuse": "LICENSE"}
EXECUTABLES = ("bin/tuntapd", "lib/tuntapd/libtuntapd-shim.dylib")


def time_of_tree():
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"], cwd=ROOT, check=False, capture_output=True,
                          text=True)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 0


def licence_of(name):
    program = cross.LIBRARIES[name]
    with tarfile.open(cross.clients.fetch(program)) as archive:
        return archive.extractfile(f"{program.directory}/{LICENCES[name]}").read()


def lay_out(build, tree):
    """The prefix, as it will be on the Mac."""
    one = build / "darwin" / "x86_64"
    destination = tree / "destination"
    cross.logged("meson", ["meson", "install", "-C", one, "--no-rebuild", "--quiet", "--destdir", destination], build)
    prefix = tree / "prefix"
    shutil.move(destination / cross.PREFIX.lstrip("/"), prefix)
    left = [path for path in destination.rglob("*") if not path.is_dir()]
    if left:
        raise RuntimeError(f"installed outside of {cross.PREFIX}: {left}")
    for name in EXECUTABLES:
        shutil.copy(build / "darwin" / "universal" / pathlib.Path(name).name, prefix / name)
    documents = prefix / "share" / "doc" / "tuntapd"
    documents.mkdir(parents=True, exist_ok=True)
    for name in ("LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, documents / name)
    shutil.copy(ROOT / "docs" / "macos.md", documents / "macos.md")
    for name in LICENCES:
        (documents / f"LICENSE.{name.removesuffix('_core')}").write_bytes(licence_of(name))
    return prefix


def pack(prefix, top, when):
    """The bytes of the tarball."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=when, filename="") as compressed, \
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in [prefix, *sorted(prefix.rglob("*"))]:
            name = str(path.relative_to(prefix))
            entry = archive.gettarinfo(path, top if name == "." else f"{top}/{name}")
            entry.uid = entry.gid = 0
            entry.uname, entry.gname = "root", "wheel"
            entry.mtime = when
            entry.mode = 0o755 if path.is_dir() or name in EXECUTABLES else 0o644
            if path.is_file():
                with open(path, "rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)
    return packed.getvalue()


def make(build, version):
    """The tarball's path."""
    cross.build(build / "darwin")
    target = build / "darwin" / f"tuntapd-{version}-macos.tar.gz"
    with tempfile.TemporaryDirectory() as directory:
        target.write_bytes(pack(lay_out(build, pathlib.Path(directory)), f"tuntapd-{version}", time_of_tree()))
    return target


if __name__ == "__main__":
    print(make(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]))
