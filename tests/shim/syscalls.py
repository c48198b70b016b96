#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Design rule 5: the packet path makes no system call but the one that the program asked for.

syscalls.py PACKETS TUNTAPD, in a namespace, with a daemon, as a program of "tuntapd exec".  Runs PACKETS under strace for few
and for many turns, with the shim and on Linux's own tap: what one turn more costs must be the same, call by call.
Inherited descriptors cost one question each, at their first use.  Prints TAP.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

FEW, MANY = 50, 450
TURN = {"sendto": 3, "read": 2, "readv": 1, "pread64": 1, "write": 2, "writev": 1, "pwrite64": 1}


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


# Reads one byte of each of three descriptors that it inherits, twice; of a number that the shim has not seen made.
INHERITED = "import os; [os.read(fd, 1) for fd in (20, 21, 22) for _ in range(2)]"


def first_use_costs_one_question():
    """fstat(2) calls for the three numbers, with the shim and without."""
    count = {}
    with open("/dev/zero", "rb") as zero:
        for how in ("native", "device"):
            environment = dict(os.environ)
            if how == "native":
                del environment["LD_PRELOAD"]
            for fd in (20, 21, 22):
                os.dup2(zero.fileno(), fd, inheritable=True)
            with tempfile.NamedTemporaryFile("r") as trace:
                subprocess.run(["strace", "-o", trace.name, "/usr/bin/python3", "-c", INHERITED], env=environment, pass_fds=(20, 21, 22),
                               check=True)
                lines = trace.read().splitlines()
            ours = [line for line in lines if re.match(r"(\w+)\((2[0-2])[,)]", line)]
            count[how] = collections.Counter(line.split("(")[0] for line in ours)
    return count["native"]["read"] == count["device"]["read"] == 6, {
        name: count["device"][name] - count["native"][name] for name in count["device"] | count["native"]
        if count["device"][name] != count["native"][name]}


def main():
    program, tuntapd = sys.argv[1:]
    failed = False
    for number, (how, text) in enumerate((("native", "Linux's own tap"), ("device", "the shim")), 1):
        many, few = calls(program, MANY, how, tuntapd), calls(program, FEW, how, tuntapd)
        turn = {name: (many[name] - few[name]) / (MANY - FEW) for name in many | few if many[name] != few[name]}
        if turn != TURN:
            failed = True
        print(f"{'ok' if turn == TURN else 'not ok'} {number} {text}: system calls of a turn are those asked for: {turn}")
    same, more = first_use_costs_one_question()
    asked = sum(more.values())
    good = same and asked == 3 and all("stat" in name for name in more)
    print(f"{'ok' if good else 'not ok'} 3 an inherited descriptor costs one question, once: {more}")
    print("1..3")
    return failed or not good


if __name__ == "__main__":
    sys.exit(main())
