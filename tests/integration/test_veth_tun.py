# SPDX-License-Identifier: BSD-2-Clause
"""Tun devices on the veth link: an Ethernet interface that is to its program, and to the kernel's stack, what a tun is."""
import pathlib
import re

import pytest
from veth import PEER4, PEER6, address_tun, mirror, one_relay, ping, relays, serve, silence_and_up, veth_daemon  # noqa: F401
from worlds import PYTHON, TUNTAPD, Client, answer, wait_until


def test_status_shows_what_it_is(namespace, daemon):
    holder = daemon.hold("tun3")
    device = daemon.status()["tun3"]
    assert device["link"] == "veth" and device["channel"] == "relayed" and device["kind"] == "tun" and device["interface"] == "tun3"
    assert set(namespace.interfaces()) == {"lo", "tun3"}
    assert "NOARP" in namespace.interfaces()["tun3"] and "MULTICAST" in namespace.interfaces()["tun3"]
    holder.end()
    wait_until(lambda: not namespace.has("tun3"), 2)


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("arp", ["off", "on"])
def test_the_peer_answers(namespace, daemon, header, arp):
    """Ping, UDP and TCP, IPv4 and IPv6, to the peer and through it; also where somebody has switched ARP on, as "ifr_flags = IFF_UP" does."""
    program = mirror(daemon, header=header)
    namespace.run(["ip", "link", "set", "tun0", "arp", arp])
    address_tun(namespace)
    namespace.run(["sh", "-c", "ip route add 198.51.100.0/24 dev tun0; ip -6 route add 2001:db8::/32 dev tun0"])
    for address in (PEER4, PEER6, "198.51.100.77", "2001:db8::77"):
        ping(namespace, address)
    ping(namespace, PEER4, "-s", "1472")
    ping(namespace, PEER4, "-s", "20000")  # in fragments
    namespace.python(f"""
import threading
data = os.urandom(1 << 20)
for family, own, peer in ((socket.AF_INET, "10.7.7.1", "{PEER4}"), (socket.AF_INET6, "fd07::1", "{PEER6}")):
    listener = socket.create_server((own, 0), family=family)
    client = socket.create_connection((peer, listener.getsockname()[1]), timeout=20)
    server, address = listener.accept()
    assert address[0] == peer, address  # by way of the program
    server.settimeout(20)
    thread = threading.Thread(target=client.sendall, args=(data,))
    thread.start()
    got = b""
    while len(got) < len(data):
        got += server.recv(65536)
    thread.join()
    assert got == data
""")
    assert "no IP" not in program.output and "ended" not in program.output
    neighbours = namespace.run(["ip", "neigh", "show", "dev", "tun0", "nud", "all"]).stdout
    assert ("FAILED" not in neighbours and "REACHABLE" in neighbours) if arp == "on" else "REACHABLE" not in neighbours
    status = daemon.status()["tun0"]
    assert status["to_program"]["dropped"] == 0 and status["from_program"]["dropped"] == 0
    program.end()


def test_nothing_waits_for_a_neighbour(namespace, daemon):
    """The first packet is the first thing that the program reads, and an IPv6 address can be used at once."""
    program = daemon.start("""
import os, sys
fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
for _ in range(2):
    packet = os.read(fd, 2000)
    print("got", packet[0] >> 4, packet[-5:].decode(), flush=True)
""")
    program.wait_for("opened")
    namespace.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/tun0/router_solicitations; "
                               "echo 1 > /proc/sys/net/ipv6/conf/tun0/addr_gen_mode"])
    address_tun(namespace)
    assert "tentative" not in namespace.run(["ip", "-6", "addr", "show", "dev", "tun0"]).stdout
    # What the kernel says by itself, of multicast groups, is not what this is about.
    namespace.run(["sh", "-c", "ip link set tun0 multicast off; ip link set tun0 down; ip link set tun0 up; ip -6 addr replace fd07::1 "
                               "peer fd07::2 dev tun0"])
    namespace.python(f"""
for family, peer in ((socket.AF_INET, "{PEER4}"), (socket.AF_INET6, "{PEER6}")):
    socket.socket(family, socket.SOCK_DGRAM).sendto(b"first", (peer, 9))
print("sent")
""")
    program.say("go")
    program.wait_for("got 4 first")
    program.wait_for("got 6 first")
    program.wait()


def test_multicast_both_ways(namespace, daemon):
    program = daemon.start("""
import os, socket, struct, sys
def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff
fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
wanted = {socket.inet_aton("239.1.2.3"), socket.inet_pton(socket.AF_INET6, "ff05::1234")}
while wanted:
    packet = os.read(fd, 2000)
    wanted.discard(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40])
print("heard both", flush=True)
udp = struct.pack(">HHHH", 7000, 7000, 13, 0) + b"hello"
ip = bytearray(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 9, 17, 0, socket.inet_aton("10.7.7.2"), socket.inet_aton("239.9.9.9")))
ip[10:12] = checksum(ip).to_bytes(2, "big")
os.write(fd, bytes(ip) + udp)
source, group = (socket.inet_pton(socket.AF_INET6, a) for a in ("fd07::2", "ff05::9"))
pseudo = source + group + struct.pack(">II", len(udp), 17) + udp + b"\\0"
udp = udp[:6] + checksum(pseudo).to_bytes(2, "big") + udp[8:]
os.write(fd, struct.pack(">IHBB", 0x60000000, len(udp), 17, 9) + source + group + udp)
sys.stdin.readline()
""")
    program.wait_for("opened")
    address_tun(namespace)
    namespace.run(["sh", "-c", "ip route add 239.0.0.0/8 dev tun0; ip -6 route add ff05::/16 dev tun0 table local"])
    listener = namespace.start([PYTHON, "-u", "-c", """
import socket, struct
index = socket.if_nametoindex("tun0")
four, six = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4si", socket.inet_aton("239.9.9.9"), b"\\0" * 4, index))
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff05::9") + struct.pack("I", index))
four.bind(("", 7000))
six.bind(("::", 7000))
print("joined", flush=True)
for s in (four, six):
    s.settimeout(20)
    data, address = s.recvfrom(100)
    print("heard", data.decode(), address[0], flush=True)
"""], "listener")
    listener.wait_for("joined")
    program.say("go")
    namespace.python("""
index = socket.if_nametoindex("tun0")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"to many", ("239.1.2.3", 9))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
s.sendto(b"to many", ("ff05::1234", 9))
""")
    program.wait_for("heard both")
    listener.wait_for("heard hello 10.7.7.2")
    listener.wait_for("heard hello fd07::2")
    program.end()


def test_what_is_no_ip_is_dropped_and_counted(namespace, daemon):
    holder = daemon.hold("tun0")
    silence_and_up(namespace, "tun0")
    namespace.python("""
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tun0", 0x88b5))
own = s.getsockname()[4]
for start in ("88b5", "81000005", "0026", "888e", "8035"):
    s.send(b"\\xff" * 6 + own + bytes.fromhex(start) + b"x" * 46)
s.send(b"\\xff" * 6 + own + b"\\x08\\x06" + b"no request" * 5)  # what ARP has to say is the link's own
s.send(b"\\xff" * 6 + own + b"\\x08\\x00" + b"\\x45" + b"p" * 59)
""")
    wait_until(lambda: daemon.status()["tun0"]["to_program"] == {"packets": 1, "bytes": 60, "dropped": 5})
    assert answer(holder, "read") == "read 60"
    assert answer(holder, "read") == "read EAGAIN"
    holder.end()


def test_a_program_without_the_library(namespace, daemon):
    """Bare packets on a socket; what the library would refuse, the relay drops and counts."""
    program = namespace.start([PYTHON, "-u", "-c", f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from worlds import *
client = Client({daemon.socket!r})
client.send(client.attach_message(kind=Client.TUN))
data, fds = client.receive()
assert Client.error(data) == 0
for packet in (b"\\x45" * 60, b"\\x55" * 60, b"\\x00", b"", b"\\x60" * 60):
    os.write(fds[0], packet)
print("written", flush=True)
sys.stdin.readline()
os.write(fds[0], b"\\x45" * 60)
sys.stdin.readline()
"""], "bare")
    program.wait_for("written")
    wait_until(lambda: daemon.status()["tun0"]["from_program"]["dropped"] == 4)
    silence_and_up(namespace, "tun0")
    program.say("one more")
    wait_until(lambda: daemon.status()["tun0"]["from_program"] == {"packets": 1, "bytes": 60, "dropped": 4})
    program.end()
    wait_until(lambda: daemon.state("tun0") == "closed")


@pytest.mark.parametrize("mtu", [1500, 9000, 65535])
def test_packets_of_every_size_both_ways(namespace, daemon, mtu):
    program = mirror(daemon)
    namespace.run(["ip", "link", "set", "tun0", "mtu", str(mtu)])
    address_tun(namespace)
    sizes = [*range(20, 1501)] if mtu == 1500 else [20, 1501, 4000, mtu - 1, mtu]
    done = namespace.python(f"""
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
s.settimeout(20)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
for size in {sizes}:
    payload = bytes([size % 256]) * (size - 20)
    s.sendto(payload, ("{PEER4}", 0))
    packet = s.recv(70000)
    assert len(packet) == size and packet[20:] == payload and packet[12:16] == socket.inet_aton("{PEER4}"), size
try:
    s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    s.sendto(b"x" * {mtu + 1 - 20}, ("{PEER4}", 0))
except OSError as e:
    print(e.errno)
""")
    assert done.stdout.strip() == "90"  # EMSGSIZE
    status = daemon.status()["tun0"]
    assert status["to_program"]["dropped"] == 0 and status["from_program"]["dropped"] == 0
    program.end()


def test_mode_changes_while_packets_are_under_way(namespace, daemon):
    """A thread changes the header mode as fast as it can while another reads and a third writes: each packet is whole, in one of both forms."""
    program = daemon.start("""
import errno, fcntl, os, struct, sys, threading
fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.readline()
stop = threading.Event()
changes = 0
def change():
    global changes
    while not stop.is_set():
        fcntl.ioctl(fd, 0x40047460, struct.pack("i", changes % 2))
        changes += 1
thread = threading.Thread(target=change)
thread.start()
got = [0, 0]
written = 0
body = b"\\x45\\x00\\x00\\x50" + b"w" * 76
while sum(got) < 3000 or min(got) == 0:
    packet = os.read(fd, 2000)
    header = len(packet) == 4 + 80
    assert header or len(packet) == 80, packet.hex()
    if header:
        assert packet[:4] == b"\\0\\0\\0\\x02", packet.hex()
    assert packet[-80] == 0x45 and packet[-4:] == b"kern", packet.hex()
    got[header] += 1
    # In the wrong mode it is refused: the family is none, or the version.
    for form in (body, b"\\0\\0\\0\\x02" + body):
        try:
            assert os.write(fd, form) == len(form)
            written += 1
        except OSError as e:
            assert e.errno in (errno.EINVAL, errno.EAFNOSUPPORT), e
stop.set()
thread.join()
print("got", *got, "written", written, "changes", changes, flush=True)
sys.stdin.readline()
""")
    program.wait_for("opened")
    silence_and_up(namespace, "tun0")
    kernel = namespace.start([PYTHON, "-u", "-c", """
import os, select, socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
s.setsockopt(263, 23, 1)
s.bind(("tun0", 0x0800))
s.setblocking(False)
print("sending", flush=True)
heard = 0
packet = b"\\x45\\x00\\x00\\x50" + b"x" * 72 + b"kern"
while True:
    readable, _, _ = select.select([s], [], [], 0.0002)
    try:
        s.sendto(packet, ("tun0", 0x0800))
        if readable:
            data = s.recv(2000)
            assert len(data) == 80 and data[:4] == b"\\x45\\x00\\x00\\x50" and data[4:] == b"w" * 76, data.hex()
            heard += 1
            if heard % 1000 == 0:
                print("heard", heard, flush=True)
    except OSError as e:
        assert e.errno in (100, 105), e  # ENETDOWN: the device is closed
        if e.errno == 100:
            break
"""], "kernel")
    kernel.wait_for("sending")
    program.say("go")
    program.wait_for("changes", 60)
    counts = re.search(r"got (\d+) (\d+) written (\d+) changes (\d+)", program.output)
    assert all(int(n) > 0 for n in counts.groups())
    kernel.wait_for("heard 1000", 20)
    assert "Traceback" not in kernel.output
    program.end()


def test_interface_with_another_mac_address(namespace, daemon):
    """Of which the relay hears by the next packet."""
    program = mirror(daemon)
    address_tun(namespace)
    ping(namespace, PEER4)
    namespace.run(["ip", "link", "set", "tun0", "address", "06:11:22:33:44:55"])
    ping(namespace, PEER4)
    ping(namespace, PEER6)
    program.end()


def test_unit_opens_again_at_once(daemon):
    done = daemon.run("""
import os
for i in range(20):
    os.close(os.open("/dev/tun0", os.O_RDWR))
print("all")
""")
    assert done.stdout.strip() == "all"


def test_the_linux_dialect_is_the_kernel_s_own(namespace, daemon):
    """TUNSETIFF makes what the descriptor is already: a tun of the kernel's, with or without packet information, whatever link is configured."""
    program = daemon.start("""
import fcntl, os, struct, sys
for name, flags in ((b"tun5", 0x1001), (b"tun6", 0x0001)):  # IFF_TUN, with IFF_NO_PI and without
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name, flags))
print("opened", flush=True)
sys.stdin.readline()
""")
    program.wait_for("opened")
    status = daemon.status()
    for name in ("tun5", "tun6"):
        assert status[name]["link"] == "linux" and status[name]["channel"] == "direct"
    assert not relays(daemon)
    program.end()
    wait_until(lambda: daemon.state("tun5") == "closed")


def test_relay_knows_its_kind_and_has_no_rights(daemon):
    holder = daemon.hold("tun0")
    relay = one_relay(daemon)
    words = pathlib.Path(f"/proc/{relay}/cmdline").read_bytes().split(b"\0")
    assert re.fullmatch(b"[0-9a-f]{12}", words[4])
    fields = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{relay}/status").read_text().splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0 and fields["NoNewPrivs"].strip() == "1"
    assert "asan" in TUNTAPD or fields["Seccomp"].strip() == "2"
    holder.end()


def test_configured_devices(namespace, directory):
    """What tuntapd.conf says of a tun is so on this link."""
    daemon = veth_daemon(namespace, directory, """device tun1 {
    mtu = 1380
    addresses = { "10.7.7.1 peer 10.7.7.2", "fd07::1/64" }
    routes = { "198.51.100.0/24" }
    up = true
}
""")
    program = mirror(daemon, "tun1")
    device = daemon.status()["tun1"]
    assert device["state"] == "up" and device["mtu"] == 1380 and device["link"] == "veth"
    for address in (PEER4, PEER6, "198.51.100.1"):
        ping(namespace, address)
    program.end()
    wait_until(lambda: daemon.state("tun1") == "closed")
    assert daemon.stop() == 0


def test_fd_gives_it_to_a_program_without_the_library(namespace, daemon):
    program = namespace.start([TUNTAPD, "fd", "-q", "-s", daemon.socket, "tun0", "--", PYTHON, "-u", "-c", """
import os
fd = int(os.environ["TUNTAPD_FD"])
print("opened", flush=True)
for _ in range(2):  # the request, and the answer of who has asked itself
    packet = bytearray(os.read(fd, 70000))
    packet[12:20] = packet[16:20] + packet[12:16]
    os.write(fd, packet)
os.read(0, 1)
"""], "fd")
    program.wait_for("opened")
    silence_and_up(namespace, "tun0")
    namespace.run(["ip", "addr", "add", "10.7.7.1", "peer", PEER4, "dev", "tun0"])
    namespace.run(["ping", "-n", "-q", "-c", "1", "-W", "5", PEER4])
    program.end()
