# SPDX-License-Identifier: BSD-2-Clause
"""Taps of macOS in a bridge, on the stand-in: what the bridge interface is there, and what `bridge = ...` and `tuntapd bridge` make of it.

The host has an interface, en7, and behind it is another network namespace, the third one beside the host's and the program.  Each check
yields what is wrong, and runs in namespaces of its own.
"""
import ctypes
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

import frames
import stand
from frames import interfaces, report, start, subprocess_ok
from stand import SECONDS, World, run, wait_until

CLONE_NEWNET = 0x40000000
AUXDATA, VLAN_VALID = 8, 0x10
OURS = b"\x02\xec\x40\x00\x00\x01"
NO, USAGE = 1, 64

# By what is sent: where to, and what stands after the addresses.  The last one has a tag.
SENT = [
    ("ARP", b"\xff" * 6, b"\x08\x06"), ("IPv4", OURS, b"\x08\x00"), ("IPv4 of a group", b"\x01\x00\x5e\x01\x02\x03", b"\x08\x00"),
    ("IPv6", OURS, b"\x86\xdd"), ("IPv6 of a group", b"\x33\x33\x00\x00\x00\x01", b"\x86\xdd"),
    ("802.1Q", b"\xff" * 6, b"\x81\x00\x20\x07\x88\xb5"), ("802.1Q to one", OURS, b"\x81\x00\x20\x07\x08\x00"),
]

# The calls by which a tap is bridged: the bridge is made, en7 and the tap are put in; before each, the lists of those that are there.
STEPS = ["ioctl/SIOCIFCREATE2:%s:1", "ioctl/BRDGADD:%s:1", "ioctl/BRDGADD:%s:2"]


def header(kind, to, size):
    """What begins a packet of that many bytes: Linux's bridge lets none pass that is not right."""
    if kind == b"\x08\x00":
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 253, 0, b"\x0a\x4f\x00\x03",
                           b"\xe0" + to[3:] if to[0] & 1 else b"\x0a\x4f\x00\x09")
        total = sum(struct.unpack("!10H", head))
        return head[:10] + struct.pack("!H", 0xffff - (total & 0xffff) - (total >> 16)) + head[12:]
    if kind == b"\x86\xdd":
        return struct.pack("!IHBB", 6 << 28, size - 40, 59, 64) + b"\xfd\x79" + bytes(13) + b"\x03" + \
            (b"\xff\x02" + bytes(13) + b"\x01" if to[0] & 1 else b"\xfd\x79" + bytes(13) + b"\x09")
    return b""


class Third:
    """A network behind an interface of the host's."""

    def __init__(self, ifname="en7", address="10.79.0", mtu=1500):
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.ifname = ifname
        for command in (["link", "add", ifname, "mtu", mtu, "type", "veth", "peer", "name", "wire", "mtu", mtu, "netns", self.process.pid],
                        ["address", "add", f"{address}.1/24", "dev", ifname], ["link", "set", "dev", ifname, "up"]):
            subprocess_ok(["ip", *map(str, command)])
        self.run("ip", "address", "add", f"{address}.3/24", "dev", "wire")
        self.run("ip", "link", "set", "dev", "wire", "up")
        self.socket = self.open_socket()

    def run(self, *command):
        return run(["nsenter", "-t", self.process.pid, "-n", *command])

    def pings(self, address):
        return " 2 received" in self.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", address).stdout

    def open_socket(self):
        """A packet socket on the wire; it stays there when this process has come back."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", encoding="ascii") as here, open(f"/proc/{self.process.pid}/ns/net", encoding="ascii") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ETH_P_ALL))
                wire.setsockopt(263, AUXDATA, 1)
                wire.setsockopt(263, frames.IGNORE_OUTGOING, 1)
                wire.bind(("wire", frames.ETH_P_ALL))
            finally:
                if libc.setns(here.fileno(), CLONE_NEWNET) != 0:
                    os._exit(1)
        return wire

    def receive(self, seconds):
        """The next frame from the program, with its tag where it belongs, or None."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                data, beside, _, _ = self.socket.recvmsg(70000, 100)
                if data[6:12] == OURS:
                    status, _, _, _, _, tag, kind = struct.unpack("=IIIHHHH", beside[0][2])
                    return data[:12] + struct.pack("!HH", kind, tag) + data[12:] if status & VLAN_VALID else data
        return None

    def bounces(self, to, kind, size):
        """Whether a frame comes back from the program, as it is."""
        head = kind + header(kind, to, size - 14)
        rest = head + bytes(i & 0xff for i in range(size - 12 - len(head)))
        self.socket.send(to + frames.SOURCE + rest)
        return self.receive(20) == frames.SOURCE + OURS + rest

    def end(self):
        self.process.kill()
        self.process.wait()
        run(["ip", "link", "delete", "dev", self.ifname])


def master(ifname):
    return json.loads(run(["ip", "-j", "link", "show", "dev", ifname]).stdout)[0].get("master")


def bridges():
    return re.findall(r"^\d+: (bridge\d+)", run(["ip", "link"]).stdout, re.M)


def near():
    return [name for name in interfaces() if re.fullmatch(r"feth1\d{4}", name)]


def state(*ifnames):
    """What is to be as before, once no tap is there."""
    shown = (run(["ip", "addr", "show", "dev", name]).stdout for name in ifnames)
    return [" ".join(re.sub(r"tentative|valid_lft .*", "", text).split()) for text in shown] + bridges()


def as_before(world, before, *ifnames):
    wait_until(lambda: state(*ifnames) == before and not interfaces(), lambda: f"all is as before: {before}, and not {state(*ifnames)}, "
               f"{interfaces()}\n{world.said()}")


def well(world):
    """The daemon ends well, and had nothing to complain of."""
    if world.stop():
        yield f"the daemon ended with status {world.daemon.returncode}"
    yield from re.findall(r"^.*: (?:warning|error): .*$|^stand-in: .*$", world.said(), re.M)


def bridge_rules(files, directory):
    subprocess_ok(["ip", "link", "add", "en7", "type", "veth", "peer", "name", "en8"])
    subprocess_ok(["ip", "link", "set", "dev", "en8", "alias", "wifi"])
    done = run([files / "stand" / "loader", files / "stand" / "bridge-rules"])
    yield from report("bridge-rules", done.returncode, done.stdout + done.stderr)
    for word, said in (("other-command", "command 4 of a bridge"), ("hardware-address", "0x8020693c"), ("endless-name", "more than 15 bytes")):
        done = run([files / "stand" / "loader", files / "stand" / "bridge-rules", word])
        if done.returncode != 125 or said not in done.stderr:
            yield f"{word}: status {done.returncode}: {done.stdout}{done.stderr}"
        run(["ip", "link", "delete", "dev", "bridge10000"])


def bridged(files, directory):
    """Frames of all kinds pass between the program and the third network; the host's addresses stay, and afterwards all is as before."""
    third = Third()
    before = state("en7")
    world = World(files, directory, 'device tap0 {\n\tbridge = "en7"\n\tup = true\n}\n')
    program = start(world, "tap-bounce", "/dev/tap0", "all")
    if bridges() != ["bridge10000"] or {master("en7"), master(near()[0])} != {"bridge10000"} or state("en7") == before:
        yield f"there is {bridges()}, en7 is in {master('en7')}, {near()} in {master(near()[0])}\n{world.said()}"
    if "10.79.0.1/24" not in run(["ip", "addr", "show", "dev", "en7"]).stdout or "inet" in run(["ip", "addr", "show", "dev", "bridge10000"]).stdout:
        yield "the addresses are not where they were"
    if ",UP" not in run(["ip", "link", "show", "dev", "bridge10000"]).stdout:
        yield "the bridge is not up"
    for what, to, kind in SENT:
        if not all(third.bounces(to, kind, size) for size in ((60, 1514) if kind[0] != 0x81 else (64, 1518))):
            yield f"{what}: a frame does not come back"
            break
    else:
        yield from frames.end(program, 2 * len(SENT))
    program.kill()
    program.wait()
    as_before(world, before, "en7")
    world.daemon.send_signal(signal.SIGHUP)
    program = world.piped("tap-echo", "/dev/tap0", "10.79.0.9")
    if program.stdout.readline() != "ready\n" or not third.pings("10.79.0.9"):
        yield f"no ping from the third network\n{world.said()}"
    program.kill()
    program.wait()
    as_before(world, before, "en7")
    if not third.pings("10.79.0.1"):
        yield "then the host is not reached by its address"
    yield from well(world)
    third.end()


def commanded(files, directory):
    """tuntapd bridge: into one, into another, into one that is there, out of all; two taps, and the last one that leaves undoes it."""
    thirds = Third(), Third("en8", "10.80.0", 9000)
    before = state("en7", "en8")
    world = World(files, directory)
    programs = [start(world, "tap-bounce", device, "all") for device in ("/dev/tap0", "/dev/tap1")]
    taps = near()
    subprocess_ok(["ip", "link", "set", "dev", taps[0], "up"])
    subprocess_ok(["ip", "link", "set", "dev", taps[1], "up"])

    def told(*words, status=0, said=""):
        done = world.command("bridge", *words)
        if done.returncode != status or said not in done.stderr:
            raise RuntimeError(f"bridge {words}: status {done.returncode}: {done.stderr}\n{world.said()}")

    def are(*wanted):
        found = [master(name) for name in ("en7", "en8", *taps)]
        if found != list(wanted):
            yield f"en7, en8, {taps} are in {found}, not in {wanted}\n{world.said()}"

    told("tap0", "en7")
    told("tap0", "en7")
    yield from are("bridge10000", None, "bridge10000", None)
    if not thirds[0].bounces(b"\xff" * 6, b"\x08\x06", 60):
        yield "a frame does not come back"
    told("tap1", "en7")
    yield from are("bridge10000", None, "bridge10000", "bridge10000")
    told("tap0", "en8")
    yield from are("bridge10000", "bridge10001", "bridge10001", "bridge10000")
    if "mtu 9000" not in run(["ip", "link", "show", "dev", taps[0]]).stdout or not thirds[1].bounces(b"\xff" * 6, b"\x08\x06", 9014):
        yield "a tap in a bridge of long frames has not its MTU"
    told("tap1", "--none")
    yield from are(None, "bridge10001", "bridge10001", None)
    told("tap1", "bridge10001")
    yield from are(None, "bridge10001", "bridge10001", "bridge10001")
    told("tap0", "--none")
    told("tap1", "--none")
    yield from are(None, None, None, None)
    if bridges():
        yield f"left is {bridges()}"
    for name in ("bridge5", "bridge10000"): # the second has a name of ours
        subprocess_ok(["ip", "link", "add", name, "type", "bridge"])
    subprocess_ok(["ip", "link", "set", "dev", "bridge5", "up"])
    subprocess_ok(["ip", "link", "set", "dev", "en7", "master", "bridge5"])
    told("tap0", "en7")
    told("tap1", "en8")
    yield from are("bridge5", "bridge10001", "bridge5", "bridge10001")
    for program in programs:
        program.kill()
        program.wait()
    wait_until(lambda: not interfaces() and sorted(bridges()) == ["bridge10000", "bridge5"], lambda: f"the taps go: {bridges()}")
    if master("en7") != "bridge5":
        yield f"en7 is in {master('en7')}"
    for name in ("bridge5", "bridge10000"):
        subprocess_ok(["ip", "link", "delete", "dev", name])
    as_before(world, before, "en7", "en8")
    yield from well(world)
    for third in thirds:
        third.end()


def refused(files, directory):
    """What cannot be in one bridge is refused, with the reason, and nothing has changed."""
    third = Third()
    subprocess_ok(["ip", "link", "add", "en9", "type", "veth", "peer", "name", "air"])
    subprocess_ok(["ip", "link", "set", "dev", "en9", "alias", "wifi"])
    before = state("en7", "en9")
    world = World(files, directory, 'device tap0 {\n\tmtu = 1400\n}\ndevice tap1 {\n\tbridge = "en9"\n}\n'
                                    'device tap2 {\n\tbridge = "en7"\n\tmtu = 1400\n}\n')
    hold = world.piped("hold", "/dev/tap0")
    tun = world.piped("hold", "/dev/tun0")
    if hold.stdout.readline() != "3\n" or tun.stdout.readline() != "3\n":
        yield f"no devices: {world.said()}"
    for ifname, said in (("en9", "it is a Wi-Fi interface"), ("lo", "carries no Ethernet frames"), ("utun257", "carries no Ethernet frames"),
                         ("en77", "there is no interface"), (near()[0], "cannot be in a bridge")):
        done = world.command("bridge", "tap0", ifname)
        if done.returncode != NO or said not in done.stderr:
            yield f"{ifname}: status {done.returncode}: {done.stderr}"
    for device, said in (("tap1", "Invalid argument"), ("tap2", "Message too long")):
        text = world.piped("hold", f"/dev/{device}").communicate(timeout=SECONDS)[0]
        if said not in text:
            yield f"{device}: {text}"
    if "tap1: refused to uid 0" not in world.said():
        yield f"the log does not say why: {world.said()}"
    if state("en7", "en9") != before:
        yield f"then there is {state('en7', 'en9')}"
    for program in (hold, tun):
        program.kill()
        program.wait()
    as_before(world, before, "en7", "en9")
    if world.stop() or "stand-in: " in world.said():
        yield world.said()
    third.end()


def killed(files, directory):
    """A daemon that is killed leaves the bridge as it is, with all that passes; the next one undoes it when the last tap has gone."""
    third = Third()
    before = state("en7")
    world = World(files, directory, 'device tap0 {\n\tbridge = "en7"\n\tup = true\n}\n')
    for ends_without_daemon in (False, True):
        program = start(world, "tap-bounce", "/dev/tap0", "all")
        world.stop(signal.SIGKILL)
        if bridges() != ["bridge10000"] or not third.bounces(b"\xff" * 6, b"\x08\x06", 60):
            yield f"without a daemon there is {bridges()}, and no frame comes back"
        if ends_without_daemon:
            yield from frames.end(program, 1)
        world.daemon = world.serve()
        if not ends_without_daemon:
            if bridges() != ["bridge10000"] or not third.bounces(b"\xff" * 6, b"\x08\x06", 60):
                yield f"with the next daemon there is {bridges()}, and no frame comes back"
            yield from frames.end(program, 2)
        as_before(world, before, "en7")
    yield from well(world)
    third.end()


def disturbed(files, directory):
    """Somebody destroys the bridge, or takes the host's interface away: what is left then goes with the tap."""
    third = Third()
    before = state("en7")
    world = World(files, directory, 'device tap0 {\n\tbridge = "en7"\n\tup = true\n}\n')
    for gone in ("bridge10000", "en7"):
        program = start(world, "tap-bounce", "/dev/tap0", "all")
        subprocess_ok(["ip", "link", "delete", "dev", gone])
        yield from frames.end(program, 0)
        wait_until(lambda: not interfaces() and not bridges(), lambda: f"{interfaces()}, {bridges()} go\n{world.said()}")
        if gone != "en7":
            as_before(world, before, "en7")
    yield from well(world)
    third.end()


def steps(files, directory):
    """Each step of bridging that fails fails the open and leaves all as before; and so does one that is the daemon's last."""
    third = Third()
    before = state("en7")
    for number, step in enumerate(STEPS):
        place = directory / str(number)
        place.mkdir()
        world = World(files, place, 'device tap0 {\n\tbridge = "en7"\n}\n', {"TUNTAPD_STANDIN_FAIL": step % "EPERM"})
        text = world.piped("hold", "/dev/tap0").communicate(timeout=SECONDS)[0]
        if "/dev/tap0: " not in text:
            yield f"{step}: {text}{world.said()}"
        as_before(world, before, "en7")
        program = start(world, "tap-bounce", "/dev/tap0")
        if bridges() != ["bridge10000"]:
            yield f"{step}: and then there is {bridges()}"
        yield from frames.end(program, 0)
        as_before(world, before, "en7")
        if world.stop() or "stand-in: " in world.said():
            yield f"{step}: {world.said()}"
        world.daemon = world.serve(TUNTAPD_STANDIN_FAIL=step % "KILL")
        program = world.piped("hold", "/dev/tap0")
        if world.daemon.wait(SECONDS) != -signal.SIGKILL:
            yield f"{step}: the daemon is not killed: {world.said()}"
        program.communicate(timeout=SECONDS)
        world.daemon = world.serve()
        as_before(world, before, "en7")
        if world.stop():
            yield f"{step}: the daemon ends with {world.daemon.returncode}"
    third.end()


INSIDE = {name: check for name, check in globals().copy().items() if callable(check) and getattr(check, "__module__", "") == __name__}


inside = stand.inside_of(__file__)


def check_bridge(stand_files, root):
    """The stand-in's bridge interface is what the kernel's sources say of it."""
    yield from inside("bridge_rules", stand_files)


def check_bridged(stand_files, root):
    """Frames of all kinds pass between a tap of macOS and a network behind an interface of the host's."""
    yield from inside("bridged", stand_files)


def check_commanded(stand_files, root):
    """Taps go into bridges and out of them by command."""
    yield from inside("commanded", stand_files)


def check_refused(stand_files, root):
    """Wi-Fi, unequal MTUs and what carries no Ethernet are refused as members."""
    yield from inside("refused", stand_files)


def check_killed(stand_files, root):
    """A bridge lives through a daemon that is killed, and is undone by the next one."""
    yield from inside("killed", stand_files)


def check_disturbed(stand_files, root):
    """A bridge that somebody destroys, or whose interface goes, leaves nothing."""
    yield from inside("disturbed", stand_files)


def check_steps(stand_files, root):
    """Whatever fails in the making of a bridge, or ends the daemon, all is as before."""
    yield from inside("steps", stand_files)


if __name__ == "__main__":
    stand.main_inside(INSIDE)
