#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the mistakes of mutations.txt, one at a time, in a copy of the tree, and runs the check that must find each.

mutate.py [BUILD [TEXT]]: BUILD has been built by ./check darwin; only mutations whose check, file or text has TEXT.  Prints TAP.  As root,
some minutes: it is for whoever changes these checks or what they check.  ./check darwin itself makes a few of them, those with "sample".
"""
import importlib
import os
import pathlib
import select
import shutil
import subprocess
import sys

import cross
import stand

HERE = pathlib.Path(__file__).resolve().parent
# How long a check waits for one thing, and how long it may take: one that does not end has found something.
SECONDS, CHECK_S = 15, 200


def read_mutations():
    """(check, file, old, new, whether it is of the sample)"""
    for block in (HERE / "mutations.txt").read_text().split("\n\n")[1:]:
        head, old, new = block.strip("\n").split("\n")
        check, file, *sample = head.split(" | ")
        yield check, file, old, new, sample == ["sample"]


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
    """True: nothing is wrong.  The first word that something is ends it: what else there is to be waited for is of no interest."""
    name, *more = name.split()
    module, check = name.split(".") if "." in name else ("live", name)
    with subprocess.Popen(["unshare", *stand.UNSHARE, sys.executable, HERE / f"{module}.py", check, files, *more],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "TUNTAPD_DARWIN_SECONDS": str(SECONDS)}) as running:
        ended = bool(select.select([running.stdout], [], [], CHECK_S)[0]) and running.stdout.read(1) == b""
        if not ended:
            running.kill()
        return ended and running.wait() == 0


def prepare(darwin):
    """A copy of the tree, built: where it is, where its files are, and what the compiler said against it."""
    files, there = darwin / "mutant", darwin / "mutant" / "tree"
    copy_tree(there)
    if not (files / "stand").exists():
        (files / "stand").symlink_to(darwin / "stand")
    return there, files, compile_into(there, files, darwin)


def survives(mutation, there, files, darwin):
    """Why a mistake that is made in the copy is not found; it is taken back.  None: it is."""
    name, file, old, new, _ = mutation
    path = there / file
    kept = path.read_text()
    if kept.count(old + "\n") != 1:
        return f"{file}: {old.strip()}: is there {kept.count(old)} times"
    path.write_text(kept.replace(old + "\n", new + "\n"))
    try:
        trouble = compile_into(there, files, darwin)
        if trouble:
            return f"{file}: {new.strip()}: is not compiled: {' '.join(trouble.split())[-400:]}"
        return f"{name} does not find {file}: {new.strip()}" if run_check(name, files) else None
    finally:
        path.write_text(kept)


def check_list():
    """Each mistake of the list is one that can be made in the tree, for a check that there is."""
    for name, file, old, new, _ in read_mutations():
        module, check = name.split()[0].split(".") if "." in name.split()[0] else ("live", name.split()[0])
        if (cross.ROOT / file).read_text().count(old + "\n") != 1 or old == new:
            yield f"{file}: {old.strip()}: is not there once"
        if check not in importlib.import_module(module).INSIDE:
            yield f"{name}: is no check"


def check_sample(stand_files, root):
    """Mistakes of all sorts that are made in a copy of the tree are found."""
    darwin = stand_files.parent
    there, files, trouble = prepare(darwin)
    if trouble:
        yield from trouble.splitlines()
        return
    for mutation in read_mutations():
        if mutation[-1]:
            complaint = survives(mutation, there, files, darwin)
            if complaint:
                yield complaint


def main():
    darwin = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else cross.ROOT / "build").resolve() / "darwin"
    text = sys.argv[2] if len(sys.argv) > 2 else ""
    mutations = [m for m in read_mutations() if text in "".join(m[:4])]
    failed, number = 0, 0

    def tell(right, what):
        nonlocal failed, number
        number += 1
        failed += not right
        print(f"{'ok' if right else 'not ok'} {number} - {what}", flush=True)

    there, files, trouble = prepare(darwin)
    tell(not trouble, f"the copy is built{trouble}")
    for name in sorted({m[0] for m in mutations}):
        tell(run_check(name, files), f"{name}: finds nothing in the tree as it is")
    for mutation in mutations:
        complaint = survives(mutation, there, files, darwin)
        tell(not complaint, complaint or f"{mutation[0]} finds {mutation[1]}: {mutation[3].strip()}")
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
