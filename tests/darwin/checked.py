# SPDX-License-Identifier: BSD-2-Clause
"""The macOS files with the sanitizers for memory and undefined behaviour in them, run on the stand-in.

The compiler puts the same calls into a program for macOS as into one for Linux, and the runtime that they want is the loader's: it is
linked with it, malloc is that one's, and the shadow is where the program looks for it.  So what shippable files do with heap and stack is
checked as on Linux; globals are not.  Undefined behaviour ends the program.

The checks are other files', run with these files in place of those that ship, two at a time: they wait more than they work.
"""
import concurrent.futures
import functools
import os
import pathlib
import signal

import cross
import stand

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = {
    "live": ["contract-tap", "contract", "rules", "killed", "paths"],
    "frames": ["tap_rules", "restart", "failures"],
    "pairs": ["made_and_listed"],
    "bridges": ["bridged"],
    "captures": ["tap", "tun"],
    "nat": ["reach"],
    "kextlink": ["rules", "restarts"],
    "nodes": ["rules"],
    "tunnels": ["spawn"],
}

# What is not freed at the end is no leak here: a process of the daemon ends with what it has.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


@functools.cache
def make_files(darwin):
    """A directory as build/darwin is, with checked files and a loader that has their runtime."""
    files = darwin / "checked"
    cross.build_checked(files)
    (files / "stand").mkdir(exist_ok=True)
    stand.make_loader(files / "stand" / "loader", "-fsanitize=address")
    stand.make(files / "stand" / "mistakes", [HERE / "mistakes.c", HERE / "cross.py"],
               [cross.tools("x86_64") / "cc", "-std=c17", "-O1", *cross.CHECKED["sanitize"], *cross.CHECKED["link"],
                "-o", files / "stand" / "mistakes", HERE / "mistakes.c"])
    for path in (darwin / "stand").iterdir():
        link = files / "stand" / path.name
        if path.name != "loader" and not link.is_symlink():
            link.symlink_to(path)
    return files


# What ends a program of each mistake, and what is said of it.
MISTAKES = {"": (0, ""), "heap": (1, "heap-buffer-overflow"), "stack": (1, "stack-buffer-overflow"), "freed": (1, "heap-use-after-free"),
            "overflow": (-signal.SIGILL, "")}


def check_sanitizers(stand_files, root):
    """The sanitizers that macOS' files are checked with find mistakes there."""
    files = make_files(stand_files.parent)
    for word, (status, said) in MISTAKES.items():
        done = stand.run([files / "stand" / "loader", files / "stand" / "mistakes", word], env=ENVIRONMENT)
        if done.returncode != status or said not in done.stderr:
            yield f"{word}: status {done.returncode}: {done.stderr}"


def check_sanitized(stand_files, root):
    """No memory is misused, and nothing undefined is done, by daemon, library and command."""
    files = make_files(stand_files.parent)

    def run(check):
        module, name = check
        return [f"{module}.{name}: {line}" for line in stand.inside(HERE / f"{module}.py", name, files, env=ENVIRONMENT)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for lines in pool.map(run, [(module, name) for module, names in CHECKS.items() for name in names]):
            yield from lines
