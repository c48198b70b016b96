# SPDX-License-Identifier: BSD-2-Clause
"""The macOS files, run on Linux by the loader and the stand-in: daemon, library, programs.  Each check yields what is wrong.

Each runs in namespaces of its own, with a daemon of its own.
"""
import pathlib
import re
import signal
import sys
import tempfile

import stand
from stand import SECONDS, World, run, wait_until

# Addresses on a tun: without another end there would be no route to anybody (XNU bsd/netinet/in.c in_ifinit).
UP = """
device tun0 {
    addresses = {"10.77.0.1 peer 10.77.0.2", "fd77::1/64"}
    up = true
}
"""

# What both systems' command must answer alike: arguments, and a configuration.
GOOD = "tun-units = 3\ndevice tap1 {\n\tmode = 0666\n\taddresses = {\"10.1.0.1/24\", \"fd00::1/64\"}\n\tmtu = 1400\n}\n"
ASKED = [
    (["--version"], None),
    (["--help"], None),
    (["nonsense"], None),
    (["config", "show"], None),
    (["config", "check"], GOOD),
    (["config", "show"], GOOD),
    (["config", "show", "tap1"], "owner = root\ndevice tap1 {\n\tup = true\n\troutes = {\"10.2.0.0/16 via 10.1.0.2\"}\n}\n"),
    (["config", "check"], "tun-units = 3000\ntup-units = 1\ndevice tap1 {\n\tmode = 0999\n\taddresses = {\"10.1.0.300/24\"}\n"),
    (["config", "check", "-c", "/nonexistent/file"], None),
]


def check_command(stand_files, universal, build):
    """The command of macOS answers as Linux's does: help, configurations good and bad, errors."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "tuntapd.conf"
        for arguments, configuration in ASKED:
            if configuration is not None:
                file.write_text(configuration)
                arguments = [*arguments[:2], "-c", str(file), *arguments[2:]]
            there = run([stand_files / "loader", universal / "tuntapd", *arguments])
            here = run([build / "cli" / "tuntapd", *arguments])
            for what in ("returncode", "stdout", "stderr"):
                one, other = getattr(there, what), getattr(here, what)
                if one != other:
                    yield f"{' '.join(arguments)}: {what}: {one!r}, on Linux {other!r}"


def strict(files, directory):
    names = run([files / "stand" / "loader", files / "stand" / "wrongs"]).stdout.split()
    if len(names) < 7:
        yield f"{names}: not what the program can do wrong"
    for name in names:
        done = run([files / "stand" / "loader", files / "stand" / "wrongs", name])
        if done.returncode != 125 or "stand-in: " not in done.stderr:
            yield f"{name}: status {done.returncode}: {done.stderr}"


def interfaces():
    return re.findall(r"^\d+: (utun\d+|feth\d+)", run(["ip", "link"]).stdout, re.M)


def nothing_left(world):
    """A daemon that is told to ends well, and nothing is left of it."""
    wait_until(lambda: not interfaces(), lambda: f"{interfaces()} goes\n{world.said()}")
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    if world.socket.exists():
        yield "the socket is left"
    complaints = re.findall(r"^.*: (?:warning|error): .*$|^stand-in: .*$", world.said(), re.M)
    yield from complaints


def rules(files, directory):
    world = World(files, directory)
    program = world.piped("tun-rules", "/dev/tun0")
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or not re.search(r"^1\.\.\d+$", text, re.M) or "not ok" in text:
        yield f"status {program.returncode}:\n{text}{world.said()}"
    yield from nothing_left(world)


def echo(files, directory, *header):
    world = World(files, directory, UP)
    program = world.piped("tun-echo", "/dev/tun0", *header)
    if "ready" not in program.stdout.readline():
        yield f"the program does not open its device:\n{world.said()}"
    ping = run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "10.77.0.2"])
    program.send_signal(signal.SIGTERM)
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or " 3 received" not in ping.stdout or ", 3 echo" not in text:
        yield f"status {program.returncode}:\n{text}{world.said()}{ping.stdout}"
    yield from nothing_left(world)


INSIDE = {"strict": strict, "rules": rules, "echo": echo, "echo-header": lambda *where: echo(*where, "header")}


def inside(name, stand_files):
    yield from stand.inside(__file__, name, stand_files.parent)


def check_strictness(stand_files, root):
    """What macOS would not take, or the stand-in does not have, ends a program."""
    yield from inside("strict", stand_files)


def check_tun_rules(stand_files, root):
    """A program of macOS finds at its tun device what the contract says."""
    yield from inside("rules", stand_files)


def check_tun_echo(stand_files, root):
    """A program of macOS answers pings through its tun device."""
    yield from inside("echo", stand_files)


def check_tun_echo_with_header(stand_files, root):
    """The same in header mode."""
    yield from inside("echo-header", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
