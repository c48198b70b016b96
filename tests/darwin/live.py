# SPDX-License-Identifier: BSD-2-Clause
"""The macOS files, run on Linux by the loader and the stand-in: daemon, library, programs.  Each check yields what is wrong.

Each runs in namespaces of its own, with a daemon of its own.
"""
import json
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


def compare_command(there_command, build):
    """What a command of macOS answers otherwise than Linux's."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "tuntapd.conf"
        for arguments, configuration in ASKED:
            if configuration is not None:
                file.write_text(configuration)
                arguments = [*arguments[:2], "-c", str(file), *arguments[2:]]
            there = run([*there_command, *arguments])
            here = run([build / "cli" / "tuntapd", *arguments])
            for what in ("returncode", "stdout", "stderr"):
                one, other = getattr(there, what), getattr(here, what)
                if one != other:
                    yield f"{' '.join(arguments)}: {what}: {one!r}, on Linux {other!r}"


def check_command(stand_files, universal, build):
    """The command of macOS answers as Linux's does: help, configurations good and bad, errors."""
    yield from compare_command([stand_files / "loader", universal / "tuntapd"], build)


def strict(files, directory):
    names = run([files / "stand" / "loader", files / "stand" / "wrongs"]).stdout.split()
    if len(names) < 7:
        yield f"{names}: not what the program can do wrong"
    for name in names:
        done = run([files / "stand" / "loader", files / "stand" / "wrongs", name])
        if done.returncode != 125 or "stand-in: " not in done.stderr:
            yield f"{name}: status {done.returncode}: {done.stderr}"


def facts(files, directory):
    done = run([files / "stand" / "loader", files / "stand" / "socket-rules"])
    if done.returncode != 0 or not re.search(r"^1\.\.\d\d", done.stdout, re.M):
        yield f"status {done.returncode}:\n{done.stdout}{done.stderr}"


def interfaces(world=World):
    return re.findall(r"^\d+: (utun\d+|feth\d+)", run([*world.enter, "ip", "link"]).stdout, re.M)


def nothing_left(world, but="nothing"):
    """A daemon that is told to ends well, and nothing is left of it."""
    wait_until(lambda: not interfaces(world), lambda: f"{interfaces(world)} goes\n{world.said()}")
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    if world.socket.exists():
        yield "the socket is left"
    for complaint in re.findall(r"^.*: (?:warning|error): .*$|^stand-in: .*$", world.said(), re.M):
        if but not in complaint:
            yield complaint


def rules(files, directory, kind=World):
    world = kind(files, directory)
    program = world.piped("tun-rules", "/dev/tun0")
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or not re.search(r"^1\.\.\d+$", text, re.M) or "not ok" in text:
        yield f"status {program.returncode}:\n{text}{world.said()}"
    yield from nothing_left(world)


def contract(files, directory, kind, *options, configuration=""):
    directory.chmod(0o755)  # some cases are of users without rights
    world = World(files, directory, configuration)
    program = world.piped("contract", "--kind", kind, "--kernel-names", *options)
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or not re.search(r"^1\.\.\d" if "--only" in options else r"^1\.\.\d\d\d", text, re.M):
        failed = "\n".join(line for line in text.splitlines() if not line.startswith("ok"))
        yield f"status {program.returncode}:\n{failed}\n{world.said()[-2000:]}"
    yield from nothing_left(world, "more of these lines left out")


def echo(files, directory, *header, kind=World):
    world = kind(files, directory, UP)
    program = world.piped("tun-echo", "/dev/tun0", *header)
    if "ready" not in program.stdout.readline():
        yield f"the program does not open its device:\n{world.said()}"
    # Units are high, in turn; what the daemon says of it is read from the kernel.
    shown = json.loads(world.command("status", "--json", "tun0").stdout)["devices"][0]
    found = [shown["interface"], shown["mtu"], shown["holder"]["program"], *(f"{a['address']}/{a['prefix']}" for a in shown["addresses"])]
    if found != ["utun257", 1500, world.known_as("tun-echo"), "10.77.0.1/32", "fd77::1/64"]:
        yield f"status: {found}"
    ping = run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "10.77.0.2"])
    program.send_signal(signal.SIGTERM)
    text = program.communicate(timeout=SECONDS)[0]
    if program.returncode != 0 or " 3 received" not in ping.stdout or ", 3 echo" not in text:
        yield f"status {program.returncode}:\n{text}{world.said()}{ping.stdout}"
    yield from nothing_left(world)


def hold(world, device="/dev/tun0"):
    """A program that holds a device: it, and what it said first."""
    program = world.piped("hold", device)
    return program, program.stdout.readline()


def end(*programs):
    for program in programs:
        program.kill()
        program.wait(SECONDS)


def pings():
    return " 2 received" in run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", "10.77.0.2"]).stdout


def restarts(files, directory, how):
    """The daemon ends while a device is open: the device lives on, and the next daemon knows it."""
    world = World(files, directory, UP)
    program = world.piped("tun-echo", "/dev/tun0")
    program.stdout.readline()
    before = interfaces()
    worker = run(["pgrep", "-P", world.daemon.pid]).stdout.split()
    world.stop(how)
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}/fd/0").exists() for pid in worker), "the worker ends, too")
    if not pings() or interfaces() != before:
        yield f"without a daemon the device does not work: {before}, {interfaces()}"
    text = hold(world)[1]
    if "No such file" not in text:
        yield f"an open without a daemon: {text}"
    world.daemon = world.serve()
    if not pings() or interfaces() != before:
        yield f"with the next daemon the device does not work: {before}, {interfaces()}\n{world.said()}"
    status = world.command("status", "--json", "tun0").stdout
    if f'"{before[0]}"' not in status or f"{program.pid}" not in status:
        yield f"the next daemon does not know it: {status}{world.said()}"
    text = hold(world)[1]
    if "Device or resource busy" not in text:
        yield f"a second open: {text}"
    program.send_signal(signal.SIGTERM)
    program.wait(SECONDS)
    wait_until(lambda: "tun0: closed" in world.said(), "the next daemon hears that it is closed")
    again, text = hold(world)
    if text != "3\n":
        yield f"it does not open again: {text}{world.said()}"
    end(again)
    yield from nothing_left(world)


def second(files, directory):
    """Another daemon at the same socket ends; one that finds a socket that nobody serves takes it."""
    world = World(files, directory)
    try:
        world.serve()
        yield "another daemon serves at the same socket"
    except RuntimeError as error:
        if "already" not in str(error) and "serves" not in str(error):
            yield str(error)
    program, text = hold(world)
    if text != "3\n":
        yield f"the first one serves no more: {text}"
    end(program)
    world.stop(signal.SIGKILL)
    if not world.socket.exists():
        yield "the killed daemon's socket is gone"
    world.daemon = world.serve()
    yield from nothing_left(world, "another daemon")


def stopped(files, directory):
    """--stop-all ends the daemon and its devices: a utun that somebody holds goes down, and is gone with him."""
    world = World(files, directory, UP)
    program = world.piped("tun-echo", "/dev/tun0")
    program.stdout.readline()
    done = world.command("serve", "--stop-all")
    if done.returncode != 0 or world.daemon.wait(SECONDS) != 0:
        yield f"status {done.returncode}, {world.daemon.returncode}: {done.stderr}{world.said()}"
    if ",UP" in run(["ip", "link", "show", "type", "tun"]).stdout:
        yield "the interface is still up"
    program.send_signal(signal.SIGTERM)
    program.wait(SECONDS)
    wait_until(lambda: not interfaces(), "the interface goes")
    if world.socket.exists():
        yield "the socket is left"


def routes(files, directory):
    """Routes of the configuration, to the other end and by a gateway, in both families."""
    world = World(files, directory, """
device tun0 {
    addresses = {"10.77.0.1 peer 10.77.0.2", "fd77::1/64"}
    routes = {"10.78.0.0/15", "10.80.0.0/20 via 10.77.0.2", "fd78::/48", "fd79::/40 via fd77::2"}
    up = true
}
""")
    program, text = hold(world)
    shown = run(["ip", "route"]).stdout + run(["ip", "-6", "route"]).stdout
    for wanted in ("10.78.0.0/15 dev utun257", "10.80.0.0/20 via 10.77.0.2 dev utun257", "fd78::/48 dev utun257",
                   "fd79::/40 via fd77::2 dev utun257"):
        if wanted not in shown:
            yield f"no route {wanted}: {text}{shown}{world.said()}"
    end(program)
    yield from nothing_left(world)


def paths(files, directory, kind=World):
    """Other ways to open a device, and to look at it."""
    world = kind(files, directory)
    for name in ("tun12", "tap3"):
        program = world.piped("path-rules", name, directory)
        text = program.communicate(timeout=SECONDS)[0]
        if program.returncode != 0 or not re.search(r"^1\.\.\d\d$", text, re.M) or "not ok" in text:
            yield f"{name}: status {program.returncode}:\n{text}{world.said()}"
    yield from nothing_left(world)


# What goes wrong in the daemon, the first time: what the program hears.  None: nothing, the open works.
WRONG = [
    ("socket/utun:EMFILE:1", "Too many open files"),
    ("ioctl/CTLIOCGINFO:ENOENT:1", "No such device or address"),
    ("connect/utun:EPERM:1", "No such device or address"),
    ("connect/utun:EBUSY:1", None),
    ("connect/utun:EBUSY", "No such device or address"),
    ("getsockopt/UTUN_OPT_IFNAME:EINVAL:1", "Invalid argument"),
    ("if_nametoindex:ENXIO:1", "No such device or address"),
    ("sysctl/interfaces:ENOMEM:1", "Cannot allocate memory"),
    ("sysctl/interfaces:ENOMEM:2", None),
    ("ioctl/SIOCGIFFLAGS:ENXIO:1", "No such device or address"),
    ("ioctl/SIOCSIFFLAGS:EPERM:1", "No such device or address"),
    ("setsockopt/UTUN_OPT_MAX_PENDING_PACKETS:EINVAL:1", "Invalid argument"),
    ("ioctl/SIOCAIFADDR:ENOBUFS:1", "No buffer space available"),
    ("write/RTM_ADD:EEXIST:1", "File exists"),
]


def wrongs(files, directory):
    """Each step of making a utun fails once: the program hears of it, nothing is left, and the next open works."""
    for number, (what, wanted) in enumerate(WRONG):
        place = directory / str(number)
        place.mkdir()
        world = World(files, place, UP + "device tun1 {\n routes = {\"10.78.0.0/16\"}\n addresses = {\"10.77.1.1 peer 10.77.1.2\"}\n}\n",
                      {"TUNTAPD_STANDIN_FAIL": what})
        program, text = hold(world, "/dev/tun1")
        if (text != "3\n") if wanted is None else (wanted not in text):
            yield f"{what}: {text}{world.said()}"
        end(program)
        wait_until(lambda: not interfaces(), f"{what}: the interface goes")
        program, text = hold(world, "/dev/tun1")
        if (text == "3\n") != what.endswith(("1", "2")):
            yield f"{what}: and then: {text}{world.said()}"
        end(program)
        wait_until(lambda: not interfaces(), "the interface goes")
        if world.stop() or "stand-in: " in world.said():
            yield f"{what}: the daemon ended badly: {world.said()}"


INSIDE = {
    "contract": lambda files, directory, *more: contract(files, directory, "tun", *more),
    "contract-nonblock": lambda *where: contract(*where, "tun", "--nonblock"),
    "contract-tap": lambda files, directory, *more: contract(files, directory, "tap", "--relayed", *more),
    "contract-tun-feth": lambda *where: contract(*where, "tun", "--relayed", "--nonblock", configuration="link = feth\n"),
    "strict": strict, "facts": facts, "rules": rules, "echo": echo, "echo-header": lambda *where: echo(*where, "header"),
    "killed": lambda *where: restarts(*where, signal.SIGKILL), "restarted": lambda *where: restarts(*where, signal.SIGTERM),
    "second": second, "routes": routes, "stopped": stopped, "wrongs": wrongs, "paths": paths,
}


inside = stand.inside_of(__file__)


def check_strictness(stand_files, root):
    """What macOS would not take, or the stand-in does not have, ends a program."""
    yield from inside("strict", stand_files)


def check_facts(stand_files, root):
    """The stand-in's control and its datagrams are as macOS's are said to be."""
    yield from inside("facts", stand_files)


def check_paths(stand_files, root):
    """macOS' other ways to open a device's path, and to look at it, find a device."""
    yield from inside("paths", stand_files)


def check_tun_rules(stand_files, root):
    """A program of macOS finds at its tun device what the contract says."""
    yield from inside("rules", stand_files)


def check_contract(stand_files, root):
    """The contract's cases that are written for both systems hold for tun devices of macOS."""
    yield from inside("contract", stand_files)


def check_contract_tap(stand_files, root):
    """And for taps."""
    yield from inside("contract-tap", stand_files)


def check_contract_tun_feth(stand_files, root):
    """And for tun devices on fake Ethernet interfaces, non-blocking."""
    yield from inside("contract-tun-feth", stand_files)


def check_contract_nonblock(stand_files, root):
    """The same with non-blocking descriptors."""
    yield from inside("contract-nonblock", stand_files)


def check_tun_echo(stand_files, root):
    """A program of macOS answers pings through its tun device."""
    yield from inside("echo", stand_files)


def check_tun_echo_with_header(stand_files, root):
    """The same in header mode."""
    yield from inside("echo-header", stand_files)


def check_killed(stand_files, root):
    """The daemon is killed while a tun device is open: the device works on, and the next daemon finds it."""
    yield from inside("killed", stand_files)


def check_restarted(stand_files, root):
    """The same with a daemon that is told to end."""
    yield from inside("restarted", stand_files)


def check_routes(stand_files, root):
    """Routes of the configuration are there, with and without a gateway."""
    yield from inside("routes", stand_files)


def check_second(stand_files, root):
    """A second daemon at the same socket gives way; the socket of a killed one is taken over."""
    yield from inside("second", stand_files)


def check_stopped(stand_files, root):
    """--stop-all takes down what is open, and ends the daemon."""
    yield from inside("stopped", stand_files)


def check_wrongs(stand_files, root):
    """Each step of making a utun goes wrong once: the program hears it, and nothing is left."""
    yield from inside("wrongs", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
