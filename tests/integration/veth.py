# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of relayed devices share: a daemon whose devices are on the veth link, its relays, frames and packets."""
import os
import pathlib
import struct

import pytest
from worlds import Daemon, wait_until

TYPE = b"\x88\xb5"

# Runs in the namespace, on the kernel's side of a device: sends COUNT numbered frames (of a tun: IPv4 packets of protocol 253), at most WINDOW
# under way, and waits for each one's echo.
ECHO_CHECK = """
import os, socket, struct, sys
count, window = @COUNT@, 32
if "@DEVICE@".startswith("tap"):
    form, protocol, head = socket.SOCK_RAW, 0x88b5, b"\\xff" * 12 + b"\\x88\\xb5"
else:
    form, protocol, head = socket.SOCK_DGRAM, 0x0800, bytes.fromhex("45000054" "00000000" "40fd0000" "c0000201" "c0000202")
s = socket.socket(socket.AF_PACKET, form)  # nothing comes before it is bound to the one interface
s.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
s.bind(("@DEVICE@", protocol))
s.settimeout(20)
sent = got = 0
print("sending", flush=True)
while not os.path.exists("@STOP@") if count == 0 else got < count:
    while sent - got < window and (count == 0 or sent < count):
        s.sendto(head + struct.pack("I", sent) + b"x" * 60, ("@DEVICE@", protocol))
        sent += 1
    frame = s.recv(2000)
    number, = struct.unpack_from("I", frame, len(head))
    assert number == got and len(frame) == len(head) + 64, (number, got, len(frame))
    got += 1
    if got % 1000 == 0:
        print("echoed", got, flush=True)
while got < sent:
    number, = struct.unpack_from("I", s.recv(2000), len(head))
    assert number == got, (number, got)
    got += 1
print("all", got, flush=True)
"""

# A program that sends back whatever comes; says with which error it ended.
ECHO = """
import errno, os
fd = os.open("/dev/@DEVICE@", os.O_RDWR)
print("opened", fd, flush=True)
up = False
while True:
    try:
        frame = os.read(fd, 70000)
        if frame[12:14] == b"\\x88\\xb5" or frame[9] == 253:
            os.write(fd, frame)
        up = True
    except OSError as e:
        if e.errno != errno.EIO or up:
            print("ended by", errno.errorcode[e.errno], flush=True)
            break
"""


def frame(payload_bytes, number=0, tag=b""):
    return b"\xff" * 12 + tag + TYPE + struct.pack("I", number)[:payload_bytes] + b"y" * max(0, payload_bytes - 4)


def veth_daemon(namespace, directory, text="", name="daemon", **more):
    path = os.path.join(directory, "tuntapd.conf")
    pathlib.Path(path).write_text('link = "veth"\n' + text)
    return Daemon(namespace, directory, options=["-c", path], name=name, **more)


@pytest.fixture(name="daemon")
def serve(namespace, directory):
    """A daemon whose devices are all on the veth link."""
    d = veth_daemon(namespace, directory)
    yield d
    end_of(d, namespace)


def end_of(daemon, namespace):
    """The daemon ends, if it has not, and leaves nothing."""
    if daemon.process.alive():
        assert daemon.stop() == 0
    wait_until(lambda: not relays(daemon) and set(namespace.interfaces()) == {"lo"}, what="no relay and no interface is left")


def relays(daemon, role="relay"):
    """The relays of a daemon's RUNDIR, or its processes of another role, whoever started them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"--role={role}".encode() in (entry / "cmdline").read_bytes() and \
                    os.readlink(entry / "root") == str(daemon.rundir / "empty"):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return sorted(found)


def one_relay(daemon):
    return wait_until(lambda: len(found := relays(daemon)) == 1 and found, what="one relay")[0]


def silence_and_up(namespace, device="tap0"):
    namespace.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{device}/disable_ipv6; ip link set {device} up"])


def echo(daemon, device="tap0", name="echo"):
    process = daemon.start(ECHO.replace("@DEVICE@", device), name)
    process.wait_for("opened")
    silence_and_up(daemon.namespace, device)
    return process


def check_echo(namespace, count=0, stop="/nowhere", device="tap0", name="check"):
    code = ECHO_CHECK.replace("@COUNT@", str(count)).replace("@STOP@", stop).replace("@DEVICE@", device)
    process = namespace.start(["/usr/bin/python3", "-u", "-c", code], name)
    process.wait_for("sending")
    return process


# A tun program that is the other end of every address: it sends back what comes with source and destination exchanged, so that who speaks to
# the peer speaks to itself, by way of the program.  Notes what is no IP packet; ends by an error's name.
MIRROR = """
import errno, fcntl, os, struct, sys
fd = os.open("/dev/@DEVICE@", os.O_RDWR)
header = @HEADER@
if header:
    fcntl.ioctl(fd, 0x40047460, struct.pack("i", 1))
print("opened", fd, flush=True)
up = False
while True:
    try:
        packet = bytearray(os.read(fd, 70000))
        up = True
        if header:
            assert packet[:4] == bytes([0, 0, 0, {4: 2, 6: 10}[packet[4] >> 4]]), packet.hex()
        ip = memoryview(packet)[4 if header else 0:]
        if ip[0] >> 4 == 4:
            assert int.from_bytes(ip[2:4], "big") == len(ip), packet.hex()
            if ip[16] < 224:
                ip[12:20] = bytes(ip[16:20]) + bytes(ip[12:16])
                os.write(fd, packet)
        elif ip[0] >> 4 == 6:
            assert int.from_bytes(ip[4:6], "big") + 40 == len(ip), packet.hex()
            if ip[24] != 0xff:
                ip[8:40] = bytes(ip[24:40]) + bytes(ip[8:24])
                os.write(fd, packet)
        else:
            print("no IP", packet.hex(), flush=True)
    except OSError as e:
        if e.errno != errno.EIO or up:
            print("ended by", errno.errorcode[e.errno], flush=True)
            break
"""

PEER4, PEER6 = "10.7.7.2", "fd07::2"


def mirror(daemon, device="tun0", header=False, name="mirror"):
    process = daemon.start(MIRROR.replace("@DEVICE@", device).replace("@HEADER@", str(header)), name)
    process.wait_for("opened")
    return process


def address_tun(namespace, device="tun0"):
    """As tun programs do it: point to point, IPv4 and IPv6.

    The IPv6 address comes last: the kernel makes the route to its peer a moment after it was given, if the interface is up by then, and
    not later (on its own tun too); whether the daemon had brought the interface up by then would be luck.
    """
    namespace.run(["sh", "-e", "-c", f"ip addr add 10.7.7.1 peer {PEER4} dev {device}; ip link set {device} up; "
                                     f"ip -6 addr add fd07::1 peer {PEER6} dev {device}"])
    wait_until(lambda: "tentative" not in namespace.run(["ip", "-6", "addr", "show", "dev", device]).stdout and
               namespace.run(["ip", "-6", "route", "get", PEER6], check=False).returncode == 0, what="the IPv6 address is usable")


def ping(namespace, address, *options):
    return namespace.run(["ping", "-n", "-q", "-c", "3", "-i", "0.1", "-W", "5", *options, address])
