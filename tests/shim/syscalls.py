#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Design rule 5: the packet path makes no system call but the one that the program asked for.

syscalls.py PACKETS TUNTAPD, in a namespace, with a daemon, as a program of "tuntapd exec".  Runs PACKETS under strace for few
and for many turns, with the shim and on Linux's own tap: what one turn more costs must be the same, call by call.
Prints TAP.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

FEW, MANY = 50, 450
TURN = {"sendto": 2, "read": 2, "readv": 1, "write": 2, "writev": 1}


def wait(tuntapd, state):
    """Of the daemon's command, which needs no shim, and may be built with a sanitizer that wants to be first."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run([tuntapd, "wait", "tap0", state, "--timeout", "10"], check=True, env=environment)


def calls(program, count, how, tuntapd):
    environment = dict(os.environ)
    if how == "native":
        del environment["LD_PRELOAD"]
    with tempfile.NamedTemporaryFile("r") as trace:
        command = ["strace", "-o", trace.name, program, str(count), how]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"up\n"
            if how == "device":
                # The daemon has heard that the interface is up, and the page says so.
                wait(tuntapd, "--up")
            process.communicate(b"\n", timeout=60)
            assert process.returncode == 0, f"status {process.returncode}"
        if how == "device":
            wait(tuntapd, "--closed")
        return collections.Counter(re.findall(r"^(\w+)\(", trace.read(), re.MULTILINE))


def main():
    program, tuntapd = sys.argv[1:]
    failed = False
    for number, (how, text) in enumerate((("native", "Linux's own tap"), ("device", "the shim")), 1):
        many, few = calls(program, MANY, how, tuntapd), calls(program, FEW, how, tuntapd)
        turn = {name: (many[name] - few[name]) / (MANY - FEW) for name in many | few if many[name] != few[name]}
        if turn != TURN:
            failed = True
        print(f"{'ok' if turn == TURN else 'not ok'} {number} {text}: system calls of a turn are those asked for: {turn}")
    print("1..2")
    return failed


if __name__ == "__main__":
    sys.exit(main())
