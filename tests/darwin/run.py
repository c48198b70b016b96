#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The suite "darwin": builds the macOS files and checks them.  Usage: run.py BUILD; what ships is left in BUILD/darwin/universal.

Nothing of it runs here: docs/macos.md says what that leaves open.  Prints TAP.
"""
import inspect
import pathlib
import subprocess
import sys
import tempfile

import cross
import files
import macho

HERE = pathlib.Path(__file__).resolve().parent


def read_entries():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, cross.ROOT / "shim/gen-entries.py", "darwin", cross.ROOT / "shim/entries.txt", directory],
                       check=True)
        return [tuple(line.split()) for line in (pathlib.Path(directory) / "entries.list").read_text().splitlines()]


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else cross.ROOT / "build").resolve()
    checks = [check for name, check in inspect.getmembers(files, inspect.isfunction) if name.startswith("check_")]
    print(f"1..{len(checks) + 1}", flush=True)
    try:
        universal = cross.build(build / "darwin")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print("not ok 1 - the macOS files are built")
        for line in str(error).splitlines():
            print(f"# {line}")
        return 1
    print("ok 1 - the macOS files are built, for both architectures, without a warning")
    known = {"files": {path.name: macho.slices(path) for path in sorted(universal.iterdir())}, "entries": read_entries()}
    failed = 0
    for number, check in enumerate(checks, 2):
        wrong = list(check(**{name: known[name] for name in inspect.signature(check).parameters}))
        print(f"{'not ok' if wrong else 'ok'} {number} - {inspect.getdoc(check)}")
        for line in wrong:
            print(f"# {line}")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
