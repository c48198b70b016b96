# SPDX-License-Identifier: BSD-2-Clause
"""Real programs of macOS on the stand-in: two of each, on two machines that a cable joins, and what goes through their tunnel.

Each is the source as its authors wrote it, compiled for macOS by the cross-compiler (builds.py): what it does there with its device is what
it does here, by way of library and daemon.  Its configuration programs are the system's, which have no library in them (darwin.md 7), and
stand-ins of those (../clients/bin): who says "ifconfig tap0" is understood if the library exchanged the name before it started them.

Each check yields what is wrong.
"""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import builds
import stand
from frames import report
from live import interfaces, nothing_left
from stand import SECONDS, World, wait_until

# Of OpenVPN's: 2048 bits that both sides have.
BITS = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(8))
KEY = "\n".join(["-----BEGIN OpenVPN Static key V1-----", *textwrap.wrap(BITS, 32), "-----END OpenVPN Static key V1-----", ""])

sys.path += [str(stand.ROOT / "tests" / "clients"), str(stand.ROOT / "tests" / "integration")]
from traffic import bulk, traffic  # noqa: E402 pylint: disable=wrong-import-position
from worlds import Namespace  # noqa: E402 pylint: disable=wrong-import-position


class Side(World):
    """A machine of address 192.0.2.N: a namespace with a daemon."""

    def __init__(self, files, directory, number):
        place = directory / f"side{number}"
        place.mkdir()
        self.number, self.address = number, f"192.0.2.{number}"
        self.namespace = Namespace(place)
        self.enter = self.namespace.enter([])
        self.started = []
        stand.prepare(self.enter)
        super().__init__(files, place)

    def run(self, command, **more):
        return self.namespace.run([str(word) for word in command], **more)

    def start_plain(self, command, name):
        return self.namespace.start([str(word) for word in command], name)

    def start(self, command):
        """A program of macOS."""
        words = self.words(command)[len(self.enter):]
        self.started.append(self.namespace.start(words, pathlib.Path(command[0]).name, env=self.environment(), cwd=self.directory))
        return self.started[-1]

    def shown(self, device):
        return json.loads(self.command("status", "--json", device).stdout)["devices"][0]

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path


def make_sides(files, directory):
    a, b = (Side(files, directory, number) for number in (1, 2))
    a.run(["ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", b.namespace.pid])
    for side in (a, b):
        side.run(["ip", "addr", "add", f"{side.address}/24", "dev", "cable"])
        side.run(["ip", "link", "set", "cable", "up"])
    return a, b


def passes(sides, addresses, bytes_=1 << 20):
    """Traffic between them, both ways; what the programs said, if it does not pass."""
    try:
        traffic(*sides, *addresses, bytes_)
        bulk(*reversed(sides), addresses[0], bytes_)
    except BaseException as error:  # pylint: disable=broad-exception-caught # a failure of pytest's is none of Exception's
        yield f"{type(error).__name__}: {error}"
        for side in sides:
            yield side.said()
            for program in side.started:
                yield f"side {side.number}, {program.name}:\n{program.output}"


def end_detached(side, path):
    """A program that has left its parent."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(path).encode() in (entry / "cmdline").read_bytes() and \
                    (entry / "ns" / "net").readlink() == pathlib.Path(f"/proc/{side.namespace.pid}/ns/net").readlink():
                os.kill(int(entry.name), signal.SIGTERM)
        except OSError:
            continue


def leave(sides):
    """The programs are told to end; they do, and nothing is left."""
    for side in sides:
        for program in reversed(side.started):
            program.kill(signal.SIGTERM)
            if "stand-in: " in program.output:
                yield program.output
        yield from nothing_left(side)


def n2n(files, directory):
    """Taps, configured by system and popen; one side's tap0 is somebody else's.  The other side's edge leaves its parent."""
    there, sides = builds.build("n2n"), make_sides(files, directory)
    a, b = sides
    a.start([there / "supernode", "-l", "7654"])
    wait_until(lambda: ":7654 " in a.run(["ss", "-Hlun"]).stdout, lambda: f"supernode listens: {a.started[0].output}")
    a.start(["hold", "/dev/tap0"]).wait_for("3\n", SECONDS)
    for side in sides:
        side.start([there / "edge", *(["-f"] if side is b else []), "-a", f"10.88.0.{side.number}", "-c", "community", "-k", "key",
                    "-m", f"02:00:00:00:00:0{side.number}", "-l", "192.0.2.1:7654"])
    yield from passes(sides, ("10.88.0.1", "10.88.0.2"))
    for side, device in ((a, "tap1"), (b, "tap0")):
        found = side.shown(device)
        wanted = {"state": "up", "mtu": 1400, "mac": f"02:00:00:00:00:0{side.number}"}
        if any(found.get(key) != value for key, value in wanted.items()) or found["interface"] not in interfaces(side):
            yield f"{device}: {found}"
    end_detached(b, there / "edge")
    yield from leave(sides)


def iodine(files, directory):
    """Tun devices, configured by system; all that goes through is in questions and answers of a name service."""
    there, sides = builds.build("iodine"), make_sides(files, directory)
    a, b = sides
    server = a.start([there / "iodined", "-f", "-P", "secret", "-c", "-n", "192.0.2.1", "10.55.0.1", "t.example"])
    server.wait_for("Listening to dns", SECONDS)
    b.start([there / "iodine", "-f", "-P", "secret", "-r", "-m", "500", "192.0.2.1", "t.example"])
    yield from passes(sides, ("10.55.0.1", "10.55.0.2"), 1 << 14)
    for side in sides:
        found = side.shown("tun0")
        address = found["addresses"] and found["addresses"][0]["address"]
        if found["state"] != "up" or found["interface"] not in interfaces(side) or address != f"10.55.0.{side.number}":
            yield f"side {side.number}: {found}"
    yield from leave(sides)


def openvpn(files, directory, kind):
    """A device by its path, configured by programs that are started without a shell; which is closed, and opened again at once."""
    there, sides = builds.build("openvpn"), make_sides(files, directory)
    key = sides[0].write("key", KEY)
    for side, other in (sides, reversed(sides)):
        ifconfig = [f"10.23.0.{side.number}", "255.255.255.0" if kind == "tap" else f"10.23.0.{other.number}"]
        side.start([there / "openvpn", "--dev", f"{kind}2", "--dev-node", f"/dev/{kind}2", "--local", side.address, "--remote",
                    other.address, "--port", "1195", "--secret", key, "--cipher", "AES-256-CBC", "--connect-retry", "1",
                    "--ifconfig", *ifconfig])
    yield from passes(sides, ("10.23.0.1", "10.23.0.2"))
    before = [side.shown(f"{kind}2") for side in sides]
    for side in sides:
        side.started[0].popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: all(side.started[0].output.count(f"/dev/{kind}2 opened") == 2 for side in sides),
               lambda: "".join(side.started[0].output + side.said() for side in sides))
    yield from passes(sides, ("10.23.0.1", "10.23.0.2"), 1 << 16)
    for side, old in zip(sides, before):
        found = side.shown(f"{kind}2")
        if found["state"] != "up" or found["holder"]["program"] != "openvpn" or found["interface"] not in interfaces(side) or \
                found["open_number"] != old["open_number"] + 1:
            yield f"side {side.number}: {old}, then {found}"
    yield from leave(sides)


def spawn(files, directory):
    """Every way of starting a program: what it is, and what it makes of a device's name."""
    side = Side(files, directory, 1)
    for name, other in (("tun0", "tun1"), ("tap0", "tun1")):
        program = side.start(["spawn-rules", name, other])
        program.popen.stdin.close()
        status = program.wait(SECONDS)
        yield from report(f"spawn-rules {name}", status, program.output)
    side.started.clear()
    yield from leave([side])


INSIDE = {
    "spawn": spawn,
    "n2n": n2n,
    "iodine": iodine,
    "openvpn-tap": lambda *where: openvpn(*where, "tap"),
    "openvpn-tun": lambda *where: openvpn(*where, "tun"),
}


inside = stand.inside_of(__file__)


def check_built(stand_files, root):
    """Programs that others wrote are built for macOS."""
    for name in builds.PROGRAMS:
        try:
            builds.build(name)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            yield str(error)


def check_others(stand_files, root):
    """n2n on taps, and iodine on tun devices: pings and streams."""
    for name in ("n2n", "iodine"):
        yield from (f"{name}: {line}" for line in inside(name, stand_files))


def check_spawn(stand_files, root):
    """A program of macOS starts others, in every way: the system's do as Apple's, and a device's name is exchanged."""
    yield from inside("spawn", stand_files)


def check_openvpn(stand_files, root):
    """OpenVPN, twice, on taps and on tun devices: pings and streams."""
    for kind in ("tap", "tun"):
        yield from (f"{kind}: {line}" for line in inside(f"openvpn-{kind}", stand_files))


if __name__ == "__main__":
    stand.main_inside(INSIDE)
