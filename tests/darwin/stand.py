# SPDX-License-Identifier: BSD-2-Clause
"""The macOS files, run on Linux by the loader and the stand-in.  Each check yields what is wrong.

Programs that open a device have the library in them, and the daemon is played by player.c: so they prove the library's side of it.  Each
runs in a network namespace of its own, which is made by running this file again in one.
"""
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARGUMENTS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-g"]
LIBRARIES = ["libevent_core", "libconfuse", "libpcap"]
PROGRAMS = [HERE / "programs" / "tun-rules.c", ROOT / "tests" / "programs" / "tun-echo.c"]
SECONDS = 120

# What both systems' command must answer alike: arguments, and a configuration.
ASKED = [
    (["--version"], None),
    (["--help"], None),
    (["nonsense"], None),
    (["config", "show"], None),
    (["config", "check"], "tun-units = 3\ndevice tap1 {\n\tmode = 0666\n\taddresses = {\"10.1.0.1/24\", \"fd00::1/64\"}\n\tmtu = 1400\n}\n"),
    (["config", "show"], "tun-units = 3\ndevice tap1 {\n\tmode = 0666\n\taddresses = {\"10.1.0.1/24\", \"fd00::1/64\"}\n\tmtu = 1400\n}\n"),
    (["config", "show", "tap1"], "owner = root\ndevice tap1 {\n\tup = true\n\troutes = {\"10.2.0.0/16 via 10.1.0.2\"}\n}\n"),
    (["config", "check"], "tun-units = 3000\ntup-units = 1\ndevice tap1 {\n\tmode = 0999\n\taddresses = {\"10.1.0.300/24\"}\n"),
    (["config", "check", "-c", "/nonexistent/file"], None),
]


def can_run():
    return platform.machine() == "x86_64" and platform.system() == "Linux"


def make(target, sources, command):
    """Compiles a file, unless it is there and younger than its sources."""
    if not target.exists() or target.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, cwd=target.parent)
        if done.returncode != 0:
            raise RuntimeError(f"{target.name} cannot be built:\n{done.stderr}")
    return target


def make_all(build, compiler):
    """The loader and the player, for this system; the programs, for macOS.  compiler: the one that makes those."""
    directory = build / "darwin" / "stand"
    directory.mkdir(exist_ok=True)
    loader = [HERE / name for name in ("loader.c", "standin.c", "standin-socket.c")]
    make(directory / "loader", [*loader, HERE / "standin.h"], ["cc", *ARGUMENTS, "-o", directory / "loader", *loader])
    archives = [build / "daemon" / "libdaemon.a", build / "protocol" / "libprotocol.a"]
    libraries = subprocess.run(["pkg-config", "--libs", *LIBRARIES], check=True, capture_output=True, text=True).stdout.split()
    make(directory / "player", [HERE / "player.c", *archives],
         ["cc", *ARGUMENTS, "-I", ROOT, "-o", directory / "player", HERE / "player.c", *archives, *libraries])
    for source in PROGRAMS:
        make(directory / source.stem, [source], [compiler, "-std=c17", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter", "-o",
                                                  directory / source.stem, source])
    return directory


def run(command, **more):
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, **more)


def check_command(stand, universal, build):
    """The command of macOS answers as Linux's does: help, configurations good and bad, errors."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "tuntapd.conf"
        for arguments, configuration in ASKED:
            if configuration is not None:
                file.write_text(configuration)
                arguments = [*arguments[:2], "-c", str(file), *arguments[2:]]
            there = run([stand / "loader", universal / "tuntapd", *arguments])
            here = run([build / "cli" / "tuntapd", *arguments])
            for what in ("returncode", "stdout", "stderr"):
                one, other = getattr(there, what), getattr(here, what)
                if what == "stderr":  # err(3) puts the program's name first
                    one, other = one.replace("loader:", "tuntapd:"), other
                if one != other:
                    yield f"{' '.join(arguments)}: {what}: {one!r}, on Linux {other!r}"


def check_strictness(stand, universal):
    """What the stand-in does not have ends the program, by name."""
    with tempfile.TemporaryDirectory() as directory:
        done = run([stand / "loader", universal / "tuntapd", "serve", "-s", f"{directory}/socket"])
    if done.returncode != 125 or "is not there" not in done.stderr:
        yield f"status {done.returncode}: {done.stderr}"


def wait_until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not in {SECONDS} s: {what}")
        time.sleep(0.02)


class World:
    """A player, and one program of macOS with the library in it.  For use inside a namespace."""

    def __init__(self, stand, universal, *program):
        self.directory = tempfile.TemporaryDirectory()
        place = pathlib.Path(self.directory.name)
        self.said, self.heard = place / "program.log", place / "player.log"
        self.player = self.start(self.heard, [stand / "player", place / "socket", "10.77.0.1/24"])
        wait_until(lambda: "serving" in self.heard.read_text(), f"the player serves: {self.heard.read_text()}")
        self.program = self.start(self.said, [stand / "loader", "-i", universal / "libtuntapd-shim.dylib", stand / program[0], *program[1:]],
                                  TUNTAPD_SOCKET=str(place / "socket"))

    @staticmethod
    def start(log, command, **environment):
        with open(log, "wb") as output:
            return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                    env={**os.environ, **environment})

    def end(self):
        for process in (self.program, self.player):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.directory.cleanup()


def rules(stand, universal):
    world = World(stand, universal, "tun-rules")
    try:
        status = world.program.wait(SECONDS)
        text = world.said.read_text()
        if status != 0 or not re.search(r"^1\.\.\d+$", text, re.M) or "not ok" in text:
            yield f"status {status}:\n{text}{world.heard.read_text()}"
    finally:
        world.end()


def echo(stand, universal, *header):
    world = World(stand, universal, "tun-echo", "/dev/tun0", *header)
    try:
        wait_until(lambda: "ready" in world.said.read_text() or world.program.poll() is not None, "the program opens its device")
        ping = run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "10.77.0.2"])
        world.program.send_signal(signal.SIGTERM)
        status = world.program.wait(SECONDS)
        text = world.said.read_text()
        if status != 0 or " 3 received" not in ping.stdout or ", 3 echo" not in text:
            yield f"status {status}:\n{text}{world.heard.read_text()}{ping.stdout}"
        # The program's descriptor was the last.
        if "utun256" in run(["ip", "link"]).stdout:
            yield "the interface is still there"
    finally:
        world.end()


INSIDE = {"rules": rules, "echo": echo, "echo-header": lambda *where: echo(*where, "header")}


def inside(name, stand, universal):
    done = run(["unshare", "-n", sys.executable, __file__, name, stand, universal])
    yield from (done.stdout + done.stderr).splitlines()


def check_tun_rules(stand, universal, root):
    """A program of macOS finds at its tun device what the contract says."""
    yield from inside("rules", stand, universal)


def check_tun_echo(stand, universal, root):
    """A program of macOS answers pings through its tun device."""
    yield from inside("echo", stand, universal)


def check_tun_echo_with_header(stand, universal, root):
    """The same in header mode."""
    yield from inside("echo-header", stand, universal)


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for line in INSIDE[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])):
        print(line)
