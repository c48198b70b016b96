# SPDX-License-Identifier: BSD-2-Clause
"""Relayed devices on the veth link: frames whole and complete, counters, rights, idleness."""
import os
import pathlib
import re

import pytest
from veth import check_echo, echo, one_relay, relays, serve, silence_and_up, veth_daemon  # noqa: F401
from worlds import PYTHON, TUNTAPD, answer, links_of, wait_until


def test_status_shows_the_link_and_the_channel(namespace, daemon):
    holder = daemon.hold("tap3")
    device = daemon.status()["tap3"]
    assert device["link"] == "veth" and device["channel"] == "relayed" and device["interface"] == "tap3"
    assert set(namespace.interfaces()) == {"lo", "tap3"}  # nothing else is to be seen
    holder.end()
    wait_until(lambda: not namespace.has("tap3"), 2)
    wait_until(lambda: daemon.state("tap3") == "closed")


def test_status_shows_the_memory_and_its_bound(namespace, daemon):
    """The bound is what the kernel has granted for each queue, and a burst of the longest frames both ways; a table has a column for it."""
    holder = daemon.hold("tap3")
    memory = daemon.status()["tap3"]["memory"]
    channel, ring, long_frames, sending, buffers = 2 << 21, 4 << 20, 8 << 20, 2 << 20, 2 * 64 * 65600
    assert channel + ring + long_frames + sending + buffers < memory["limit"] < 32 << 20
    relay = one_relay(daemon)
    pages = int(pathlib.Path(f"/proc/{relay}/statm").read_text().split()[1])
    assert abs(memory["relay"] - pages * os.sysconf("SC_PAGE_SIZE")) < 1 << 20
    table = namespace.run([TUNTAPD, "status", "-s", daemon.socket]).stdout.splitlines()
    assert table[0].split()[-1] == "MEMORY"
    assert re.fullmatch(rf"\d+/{memory['limit']}", next(line for line in table if line.startswith("tap3 ")).split()[-1])
    holder.end()
    wait_until(lambda: daemon.state("tap3") == "closed")
    assert daemon.status()["tap3"]["memory"] is None
    assert "MEMORY" not in namespace.run([TUNTAPD, "status", "-s", daemon.socket]).stdout


def test_frames_of_every_size_both_ways(namespace, daemon):
    """Up to 200 past the MTU: from the kernel it sends no longer ones; from the program they are EMSGSIZE, and too short ones EINVAL."""
    program = daemon.start("""
import errno, os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
for size in range(0, 1715):
    data = (b"\\xff" * 12 + b"\\x88\\xb5" + bytes([size % 256]) * 2000)[:size]
    try:
        assert os.write(fd, data) == size, size
        assert 14 <= size <= 1514, size
    except OSError as e:
        assert e.errno == (errno.EINVAL if size < 14 else errno.EMSGSIZE) and not 14 <= size <= 1514, (size, e)
for size in range(14, 1515):
    data = os.read(fd, 70000)
    assert data == (b"\\xff" * 12 + b"\\x88\\xb5" + bytes([size % 256]) * 2000)[:size], (size, len(data))
print("done", flush=True)
""")
    program.wait_for("opened")
    silence_and_up(namespace)
    kernel = namespace.start([PYTHON, "-u", "-c", """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.setsockopt(263, 23, 1)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
s.bind(("tap0", 0x88b5))
s.settimeout(20)
print("ready", flush=True)
for size in range(14, 1515):
    assert s.recv(3000) == (b"\\xff" * 12 + b"\\x88\\xb5" + bytes([size % 256]) * 2000)[:size], size
for size in range(14, 1515):
    s.send((b"\\xff" * 12 + b"\\x88\\xb5" + bytes([size % 256]) * 2000)[:size])
print("done", flush=True)
"""], "kernel")
    kernel.wait_for("ready")
    program.say("go")
    kernel.wait_for("done", 30)
    program.wait_for("done", 30)
    program.wait()


@pytest.mark.parametrize("mtu", [1500, 9000, 65535])
def test_tagged_and_long_frames_both_ways(namespace, daemon, mtu):
    """The kernel keeps a tag beside the frame; the program must find it in the frame, at any length."""
    program = daemon.start("""
import os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
for line in sys.stdin:
    data = os.read(fd, 70000)
    print("got", len(data), data[12:18].hex(), data[18:] == b"t" * (len(data) - 18), flush=True)
    assert os.write(fd, data) == len(data)
""")
    program.wait_for("opened")
    namespace.run(["ip", "link", "set", "tap0", "mtu", str(mtu)])
    silence_and_up(namespace)
    for length in (46, 1400, mtu - 10, mtu):
        program.say("read")
        done = namespace.python(f"""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 23, 1)
s.setsockopt(263, 8, 1)  # PACKET_AUXDATA
s.bind(("tap0", 3))
s.settimeout(10)
s.send(b"\\xff" * 12 + bytes.fromhex("8100a00588b5") + b"t" * ({length} - 2))
data, control, _, _ = s.recvmsg(70000, 100)
status, = struct.unpack_from("I", control[0][2])
tci, = struct.unpack_from("H", control[0][2], 16)
print(len(data), data[12:14].hex(), hex(tci), bool(status & 0x10))
""")
        wait_until(lambda: program.output.count("got") and f"got {length + 16} 8100a00588b5 True" in program.output)
        assert done.stdout.split() == [str(length + 12), "88b5", "0xa005", "True"]
    program.end()


def test_checksums_are_complete(namespace, daemon):
    """What the stack sends has its checksums done, not left to a card."""
    program = daemon.start("""
import os, sys
def checksum(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
seen = 0
while seen < 3:
    f = os.read(fd, 70000)
    if f[12:14] != b"\\x08\\x00" or f[23] not in (6, 17):
        continue
    length = int.from_bytes(f[16:18], "big")
    segment = f[34:14 + length]
    pseudo = f[26:34] + bytes([0, f[23]]) + len(segment).to_bytes(2, "big")
    assert checksum(pseudo + segment) == 0xffff, f.hex()
    assert length <= 1500, length
    seen += 1
print("complete", flush=True)
""")
    program.wait_for("opened")
    namespace.run(["sh", "-c", "ip addr add 10.7.7.1/24 dev tap0; ip neigh add 10.7.7.2 lladdr 02:00:00:00:00:02 dev tap0"])
    wait_until(lambda: namespace.is_up("tap0"))
    program.say("go")
    namespace.python("""
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b"odd", ("10.7.7.2", 9))
u.sendto(b"x" * 1400, ("10.7.7.2", 9))
t = socket.socket()
t.setblocking(False)
t.connect_ex(("10.7.7.2", 9))
""")
    program.wait_for("complete")
    program.wait()


def test_drops_toward_a_stopped_reader_are_counted(namespace, daemon):
    holder = daemon.hold("tap0")
    silence_and_up(namespace)
    sent = 12000
    namespace.run([PYTHON, "-c", f"""
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0x88b5))
for _ in range({sent}):
    s.send(b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 50)
"""])
    def counted():
        to = daemon.status()["tap0"]["to_program"]
        return to["packets"] + to["dropped"] == sent and to
    to = wait_until(counted, what="every frame is counted, as passed on or as lost")
    assert to["dropped"] > 0 and to["packets"] > 500
    for _ in range(to["packets"]):
        assert answer(holder, "read") == "read 64"
    assert answer(holder, "read") == "read EAGAIN"
    holder.end()


def test_no_frames_and_frames_while_down_are_dropped_and_counted(namespace, daemon):
    """A program without the library, whom nobody tells EIO or EINVAL."""
    program = namespace.start([PYTHON, "-u", "-c", f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from worlds import *
client = Client({daemon.socket!r})
client.send(client.attach_message())
data, fds = client.receive()
assert Client.error(data) == 0
for size in (60, 60, 60, 1, 13, 0, 0):
    os.write(fds[0], b"\\xff" * size)
print("written", flush=True)
sys.stdin.readline()
os.write(fds[0], b"\\xff" * 12 + b"\\x88\\xb5" + b"z" * 46)
sys.stdin.readline()
"""], "bare")
    program.wait_for("written")
    wait_until(lambda: daemon.status()["tap0"]["from_program"]["dropped"] == 5)
    silence_and_up(namespace)
    program.say("one more")
    wait_until(lambda: daemon.status()["tap0"]["from_program"]["packets"] == 1)
    assert daemon.status()["tap0"]["from_program"]["dropped"] == 5
    program.end()
    wait_until(lambda: daemon.state("tap0") == "closed")


def test_relay_has_no_rights_and_a_session_of_its_own(daemon):
    holder = daemon.hold("tap0")
    relay = one_relay(daemon)
    status = pathlib.Path(f"/proc/{relay}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() != ["0", "0", "0", "0"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1" and fields["Groups"].strip() == ""
    assert "asan" in TUNTAPD or fields["Seccomp"].strip() == "2"
    assert os.getsid(relay) == relay
    assert os.readlink(f"/proc/{relay}/ns/net") != os.readlink(f"/proc/{holder.pid}/ns/net")
    holder.end()


def test_daemon_keeps_no_end_of_a_channel(daemon):
    holder = daemon.hold("tap0")
    relay = one_relay(daemon)
    inode = os.readlink(f"/proc/{relay}/fd/3")
    assert inode.startswith("socket:")
    daemon.status()  # answered after the monitor has closed its own
    for pid in (daemon.pid, wait_until(daemon.worker)):
        assert inode not in links_of(pid)
    holder.end()


def test_idle_devices_wake_nobody(namespace, directory):
    daemon = veth_daemon(namespace, directory, "tap-units = 32\n")
    program = daemon.start("""
import os, sys
fds = [os.open(f"/dev/tap{i}", os.O_RDWR) for i in range(32)]
print("opened", flush=True)
sys.stdin.readline()
""")
    program.wait_for("opened", 60)
    for i in range(32):
        silence_and_up(namespace, f"tap{i}")
    found = relays(daemon)
    assert len(found) == 32

    def switches():
        return {pid: [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if "ctxt_switches" in line]
                for pid in (*found, daemon.pid, daemon.worker())}

    def still():
        before = switches()
        namespace.run(["sleep", "1"])  # a second in which nothing happens is what is looked at
        return switches() == before
    wait_until(still, 10, "a second without a wake-up")
    program.end()
    wait_until(lambda: not relays(daemon) and set(namespace.interfaces()) == {"lo"}, 20)
    assert daemon.stop() == 0


def test_echo_through_program_and_relay(namespace, daemon):
    program = echo(daemon)
    check = check_echo(namespace, 5000)
    check.wait_for("all 5000", 60)
    program.end()


def test_unit_opens_again_at_once(namespace, daemon):
    done = daemon.run("""
import os
for i in range(20):
    os.close(os.open("/dev/tap0", os.O_RDWR))
print("all")
""")
    assert done.stdout.strip() == "all"


def test_what_was_written_before_the_close_arrives(namespace, daemon):
    program = daemon.start("""
import os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
for i in range(2000):
    os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + i.to_bytes(4, "big") + b"x" * 60)
os.close(fd)
""")
    program.wait_for("opened")
    silence_and_up(namespace)
    kernel = namespace.start([PYTHON, "-u", "-c", """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)
s.bind(("tap0", 0x88b5))
s.settimeout(10)
print("ready", flush=True)
got = 0
while got < 2000:
    try:
        assert int.from_bytes(s.recv(2000)[14:18], "big") == got, got
        got += 1
    except OSError as e:
        assert e.errno == 100  # ENETDOWN, once, when the interface goes; what came before is still to be read
print("all 2000", flush=True)
"""], "kernel")
    kernel.wait_for("ready")
    program.say("go")
    kernel.wait_for("all 2000")
    program.wait()


def test_storm_on_all_devices_at_once(namespace, daemon):
    """Sixteen relays, each with small frames both ways as fast as they go: every frame of each comes back, once and in order."""
    programs = [echo(daemon, f"tap{unit}", f"echo{unit}") for unit in range(16)]
    checks = [check_echo(namespace, 2000, device=f"tap{unit}", name=f"check{unit}") for unit in range(16)]
    for check in checks:
        check.wait_for("all 2000", 60)
    counters = daemon.status()
    for unit in range(16):
        device = counters[f"tap{unit}"]
        assert device["to_program"]["dropped"] == device["from_program"]["dropped"] == 0
        assert device["from_program"]["packets"] >= 2000
    for program in programs:
        program.kill()
    wait_until(lambda: set(namespace.interfaces()) == {"lo"}, 20, "all pairs are gone")
