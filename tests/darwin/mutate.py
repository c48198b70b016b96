#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the mistakes of mutations.txt, one at a time, in a copy of the tree, and runs the check that must find each.

mutate.py [BUILD [TEXT]]: BUILD has been built by ./check darwin; only mutations whose file or text has TEXT.  Prints TAP.  As root, some
minutes: it is for whoever changes these checks or what they check, not for every run.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import cross
import stand

HERE = pathlib.Path(__file__).resolve().parent


def read_mutations():
    """(check, file, old, new)"""
    for block in (HERE / "mutations.txt").read_text().split("\n\n")[1:]:
        head, old, new = block.strip("\n").split("\n")
        check, file = head.split(" | ")
        yield check, file, old, new


def copy_tree(there):
    names = subprocess.run(["git", "-c", f"safe.directory={cross.ROOT}", "ls-files", "-co", "--exclude-standard"], cwd=cross.ROOT,
                           check=True, capture_output=True, text=True).stdout.splitlines()
    for name in names:
        source, target = cross.ROOT / name, there / name
        if source.is_file() and (not target.exists() or target.read_bytes() != source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def compile_into(there, files, darwin):
    """The files of a tree, for x86_64 alone.  What the compiler said, if it did not like it."""
    build = there / "build-mutant"
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, there, "--cross-file", darwin / "x86_64.cross", "-Dtests=false"], check=True,
                       capture_output=True, env=cross.environment(), cwd=there)
    done = subprocess.run(["ninja", "-C", build], check=False, capture_output=True, text=True, env=cross.environment(), cwd=there)
    if done.returncode != 0:
        return done.stdout
    (files / "universal").mkdir(parents=True, exist_ok=True)
    for made in ("cli/tuntapd", "shim/libtuntapd-shim.dylib"):
        shutil.copy(build / made, files / "universal")
    return ""


def run_check(name, files):
    """True: nothing is wrong."""
    module, _, check = name.rpartition(".")
    done = subprocess.run(["unshare", *stand.UNSHARE, sys.executable, HERE / f"{module or 'live'}.py", check, files], check=False, capture_output=True,
                          env={**os.environ, "TUNTAPD_DARWIN_SECONDS": "15"})
    return done.returncode == 0 and not done.stdout + done.stderr


def main():
    darwin = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else cross.ROOT / "build").resolve() / "darwin"
    text = sys.argv[2] if len(sys.argv) > 2 else ""
    mutations = [m for m in read_mutations() if text in "".join(m)]
    files, there = darwin / "mutant", darwin / "mutant" / "tree"
    copy_tree(there)
    if not (files / "stand").exists():
        (files / "stand").symlink_to(darwin / "stand")
    failed, number = 0, 0

    def tell(right, what):
        nonlocal failed, number
        number += 1
        failed += not right
        print(f"{'ok' if right else 'not ok'} {number} - {what}", flush=True)

    trouble = compile_into(there, files, darwin)
    tell(not trouble, f"the copy is built{trouble}")
    for name in sorted({m[0] for m in mutations}):
        tell(run_check(name, files), f"{name}: finds nothing in the tree as it is")
    for name, file, old, new in mutations:
        path = there / file
        kept = path.read_text()
        if kept.count(old + "\n") != 1:
            tell(False, f"{file}: {old.strip()}: is there {kept.count(old)} times")
            continue
        path.write_text(kept.replace(old + "\n", new + "\n"))
        try:
            trouble = compile_into(there, files, darwin)
            if trouble:
                tell(False, f"{file}: {new.strip()}: is not compiled")
                print("\n".join(f"# {line}" for line in trouble.splitlines()[-12:]))
            else:
                tell(not run_check(name, files), f"{name} finds {file}: {new.strip()}")
        finally:
            path.write_text(kept)
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
