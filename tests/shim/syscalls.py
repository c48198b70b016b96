#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Design rule 5: the packet path makes no system call but the one that the program asked for.

syscalls.py PACKETS TUNTAPD, in a namespace, with a daemon, as a program of "tuntapd exec".  Runs PACKETS under strace for few
and for many turns, with the shim and on Linux's own tap: what one turn more costs must be the same, call by call.  In header mode each
packet costs one question, whether the number is the device still.  An inherited descriptor costs one question at its first use, and
getpid(2), which tells whether the table is this process's to write to; connections, of which there are many in few numbers, and
copies cost nothing.  Prints TAP.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

FEW, MANY = 50, 450
TURN = {"sendto": 3, "read": 2, "readv": 1, "pread64": 1, "write": 2, "writev": 1, "pwrite64": 1}


TURN_WITH_HEADER = {"sendto": 1, "ioctl": 2, "readv": 1, "writev": 1}
DEVICES = {"native": None, "device": "tap0", "header": "tun0"}
INHERITED_FIRST = 20


def wait(tuntapd, device, state):
    """Of the daemon's command, which needs no shim, and may be built with a sanitizer that wants to be first."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run([tuntapd, "wait", device, state, "--timeout", "10"], check=True, env=environment)


def count_calls(trace):
    return collections.Counter(re.findall(r"^(\w+)\(", trace.read(), re.MULTILINE))


def calls(program, count, how, tuntapd):
    environment = dict(os.environ)
    if how == "native":
        del environment["LD_PRELOAD"]
    with tempfile.NamedTemporaryFile("r") as trace:
        command = ["strace", "-o", trace.name, program, str(count), how]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"up\n"
            if DEVICES[how]:
                # The daemon has heard that the interface is up, and the page says so.
                wait(tuntapd, DEVICES[how], "--up")
            process.communicate(b"\n", timeout=60)
            assert process.returncode == 0, f"status {process.returncode}"
        if DEVICES[how]:
            wait(tuntapd, DEVICES[how], "--closed")
        return count_calls(trace)


def calls_on_others(program, count, how):
    """Of a program that has no device, and inherits descriptors from 20 up."""
    numbers = range(INHERITED_FIRST, INHERITED_FIRST + FEW)
    with open("/dev/zero", "rb") as zero, tempfile.NamedTemporaryFile("r") as trace:
        for fd in numbers:
            os.dup2(zero.fileno(), fd, inheritable=True)
        subprocess.run(["strace", "-o", trace.name, program, str(count), how], pass_fds=numbers, check=True)
        for fd in numbers:
            os.close(fd)
        return count_calls(trace)


def difference(many, few, turns):
    """What one turn more costs."""
    return {name: (many[name] - few[name]) / turns for name in many | few if many[name] != few[name]}


def same_question(turn):
    """fstat(2) has another name on each machine."""
    return {"fstat" if "stat" in name else name: count for name, count in turn.items()}


def main():
    program, tuntapd = sys.argv[1:]
    rows = []
    for how, text, expected in (("native", "Linux's own tap: system calls of a turn are those asked for", TURN),
                                ("device", "the shim: system calls of a turn are those asked for", TURN),
                                ("header", "header mode: one question for each packet", TURN_WITH_HEADER)):
        turn = difference(calls(program, MANY, how, tuntapd), calls(program, FEW, how, tuntapd), MANY - FEW)
        rows.append((turn == expected, text, turn))
    for how, text, expected in (("inherited", "an inherited descriptor costs one question, once", {"read": 2, "fstat": 1, "getpid": 1}),
                                ("connections", "a connection costs none", {"socketpair": 1, "write": 1, "read": 1, "close": 2}),
                                ("copies", "a copy costs none", {"dup": 1, "read": 1, "close": 1})):
        turn = same_question(difference(calls_on_others(program, 6, how), calls_on_others(program, 2, how), 4))
        rows.append((turn == expected, text, turn))
    for number, (good, text, turn) in enumerate(rows, 1):
        print(f"{'ok' if good else 'not ok'} {number} {text}: {turn}")
    print(f"1..{len(rows)}")
    return not all(good for good, _, _ in rows)


if __name__ == "__main__":
    sys.exit(main())
