#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The suite "darwin": builds the macOS files, checks them, and runs what of them the stand-in can carry.  Usage: run.py BUILD, which has the
tree built for this system; what ships is left in BUILD/darwin/universal.

What all of it leaves open, docs/macos.md says.  Prints TAP.
"""
import inspect
import os
import pathlib
import subprocess
import sys
import tempfile

import arm64
import bridges
import cross
import dist
import doctor
import files
import frames
import kext
import launchd
import live
import macho
import mutate
import pairs
import stand

HERE = pathlib.Path(__file__).resolve().parent


def read_entries():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, cross.ROOT / "shim/gen-entries.py", "darwin", cross.ROOT / "shim/entries.txt", directory],
                       check=True)
        return [tuple(line.split()) for line in (pathlib.Path(directory) / "entries.list").read_text().splitlines()]


# Why a check cannot be made here.
MISSING = {
    "stand_files": "the loader is for Linux on x86_64",
    "arm64_files": "it needs qemu-user and gcc-aarch64-linux-gnu",
    "root": "it makes a network namespace: run as root",
}


def checks_of(module):
    return [check for name, check in inspect.getmembers(module, inspect.isfunction) if name.startswith("check_")]


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else cross.ROOT / "build").resolve()
    checks = [check for module in (files, dist, doctor, kext, live, launchd, frames, pairs, bridges, arm64, mutate)
              for check in checks_of(module)]
    print(f"1..{len(checks) + 1}", flush=True)
    try:
        universal = cross.build(build / "darwin")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print("not ok 1 - the macOS files are built")
        for line in str(error).splitlines():
            print(f"# {line}")
        return 1
    print("ok 1 - the macOS files are built, for both architectures, without a warning")
    os.environ.update(cross.environment())
    known = {"files": {path.name: macho.slices(path) for path in sorted(universal.iterdir())}, "entries": read_entries(),
             "universal": universal, "build": build, "kext_directory": build / "darwin" / "kext", "tarball": dist.make_tarball(build)}
    if stand.can_run():
        known["stand_files"] = stand.make_all(build / "darwin", cross.tools("x86_64") / "cc")
        if arm64.can_run():
            known["arm64_files"] = arm64.make_all(build / "darwin")
        if os.geteuid() == 0:
            known["root"] = True
    failed = 0
    for number, check in enumerate(checks, 2):
        wants = [name for name in inspect.signature(check).parameters if name not in known]
        if wants:
            print(f"ok {number} - {inspect.getdoc(check)} # SKIP {MISSING[wants[0]]}")
            continue
        wrong = list(check(**{name: known[name] for name in inspect.signature(check).parameters}))
        print(f"{'not ok' if wrong else 'ok'} {number} - {inspect.getdoc(check)}")
        for line in wrong:
            print(f"# {line}")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
