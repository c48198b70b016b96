#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The suite "darwin": builds the macOS files, checks them, and runs what of them the stand-in can carry.  Usage: run.py BUILD, which has the
tree built for this system; what ships is left in BUILD/darwin/universal.

What all of it leaves open, docs/macos.md says; what each check is given to work with is how strong a proof it is there, and the last
check is whether that page's table agrees.  Prints TAP.
"""
import importlib.util
import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import arm64
import bridges
import captures
import checked
import cross
import dist
import doctor
import files
import frames
import kext
import kextlink
import launchd
import live
import macho
import mutate
import nat
import nodes
import pairs
import stand
import tunnels

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


TABLE = "the table of docs/macos.md says what these checks prove, and they have proved it"
# What a check runs on, if it is given these; else it reads files.
STAND_IN = {"stand_files", "arm64_files"}


def checks_of(module):
    return [check for name, check in inspect.getmembers(module, inspect.isfunction) if name.startswith("check_")]


def name_of(check):
    """As rows.txt has it."""
    return f"{check.__module__}.{check.__name__.removeprefix('check_')}"


def macos_table():
    spec = importlib.util.spec_from_file_location("macos_table", cross.ROOT / "tools" / "macos-table.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(cross.ROOT / "tools"))
    spec.loader.exec_module(module)
    return module


def tell(number, wrong, what):
    """Whether it failed."""
    print(f"{'not ok' if wrong else 'ok'} {number} - {what}")
    for line in wrong:
        print(f"# {line}")
    return bool(wrong)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else cross.ROOT / "build").resolve()
    modules = (files, dist, doctor, kext, kextlink, live, launchd, frames, nodes, pairs, bridges, captures, nat, tunnels, arm64, checked, mutate)
    checks = [check for module in modules for check in checks_of(module)]
    print(f"1..{len(checks) + 2}", flush=True)
    results = {"build": {"result": "passed", "strength": "linked"}}
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
        given = inspect.signature(check).parameters
        wants = [name for name in given if name not in known]
        results[name_of(check)] = {"result": "skipped", "strength": "stand-in" if STAND_IN & set(given) else "linked"}
        if wants:
            print(f"ok {number} - {inspect.getdoc(check)} # SKIP {MISSING[wants[0]]}")
            continue
        wrong = list(check(**{name: known[name] for name in given}))
        results[name_of(check)]["result"] = "failed" if wrong else "passed"
        failed += tell(number, wrong, inspect.getdoc(check))
    (build / "darwin" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    table, number = macos_table(), len(checks) + 2
    unmade = list(table.unmade(results))
    if unmade:
        print(f"ok {number} - {TABLE} # SKIP {unmade[0]} was not made")
    else:
        failed += tell(number, list(table.wrong(results)), TABLE)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
