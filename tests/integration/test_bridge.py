# SPDX-License-Identifier: BSD-2-Clause
"""Taps in a bridge and devices behind address translation: a guest with a stack of its own on the device, a third machine beyond."""
import json
import os
import pathlib
import signal
import struct
import subprocess

import pytest
from worlds import PYTHON, TUNTAPD, Daemon, Namespace, answer, wait_until

# Makes a tap of the kernel's own in the guest's namespace, and becomes a program with the shim that moves frames between the two.
GUEST = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"@INSIDE@", @FLAGS@))
os.set_inheritable(fd, True)
os.execvp("nsenter", ["nsenter", "-t", "@HOST@", "-n", "-m", "--", "@TUNTAPD@", "exec", "-s", "@SOCKET@", "--", sys.executable, "-u",
          "-c", sys.argv[1], str(fd)])
"""
PUMP = """
import errno, os, select, sys
inside, outside = int(sys.argv[1]), os.open("/dev/@DEVICE@", os.O_RDWR)
print("opened", flush=True)
while True:
    for fd, other in ((inside, outside), (outside, inside)):
        if fd in select.select([inside, outside], [], [])[0]:
            try:
                os.write(other, os.read(fd, 70000))
            except OSError as e:
                if e.errno != errno.EIO:
                    raise
"""


class Lan:
    """A host whose eth0 leads to a third machine, and a guest whose only way is a device of the host's daemon."""

    def __init__(self, host, directory):
        self.host, self.directory = host, pathlib.Path(directory)
        self.third, self.guest = Namespace(directory), Namespace(directory)
        self.guests = []
        host.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(self.third.pid)])
        for namespace, number in ((host, 1), (self.third, 2)):
            namespace.run(["sh", "-c", "for of in default eth0; do echo 0 > /proc/sys/net/ipv6/conf/$of/accept_dad; done"])
            namespace.run(["ip", "address", "add", f"10.7.0.{number}/24", "brd", "+", "dev", "eth0"])
            namespace.run(["ip", "address", "add", f"fd07::{number}/64", "dev", "eth0"])
            namespace.run(["ip", "link", "set", "eth0", "up"])
        host.run(["ip", "route", "add", "default", "via", "10.7.0.2"])
        host.run(["ip", "route", "add", "10.98.0.0/16", "dev", "eth0", "metric", "77"])
        host.run(["ip", "route", "add", "fd98::/32", "via", "fd07::2"])
        self.guest.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"])

    def state(self):
        """What the host has of addresses and routes on eth0, without what the kernel makes by itself."""
        wait_until(lambda: "tentative" not in self.host.run(["ip", "address"]).stdout)
        addresses = json.loads(self.host.run(["ip", "-j", "address", "show", "eth0"]).stdout)
        kept = sorted((a["local"], a["prefixlen"], a.get("broadcast"), a["valid_life_time"])
                      for a in addresses[0]["addr_info"] if a["scope"] == "global")
        routes = [sorted(self.host.run(["ip", version, "route", "show", "dev", "eth0"]).stdout.splitlines()) for version in ("-4", "-6")]
        return kept, routes, addresses[0]["mtu"], addresses[0].get("master")

    def enter(self, daemon, device="tap0", inside="in0"):
        """A guest on a device; its stack's interface is called inside."""
        words = {"@INSIDE@": inside, "@FLAGS@": "0x1002" if device.startswith("tap") else "0x1001", "@HOST@": str(self.host.pid),
                 "@TUNTAPD@": TUNTAPD, "@SOCKET@": daemon.socket}
        code = GUEST
        for word, value in words.items():
            code = code.replace(word, value)
        process = self.guest.start([PYTHON, "-u", "-c", code, PUMP.replace("@DEVICE@", device)], f"guest-{device}")
        self.guests.append(process)
        process.wait_for("opened")
        self.guest.run(["ip", "link", "set", inside, "up"])
        return process

    def ping(self, namespace, address):
        return namespace.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", address], check=False).returncode == 0

    def end(self):
        for process in self.guests:
            process.end()
        left = self.guest.end()
        self.host.run(["ip", "link", "delete", "eth0"], check=False)
        return left + self.third.end()


@pytest.fixture
def lan(namespace, directory):
    made = Lan(namespace, directory)
    yield made
    assert not made.end()


@pytest.fixture
def configured(namespace, directory):
    daemons = []

    def start(text, name="daemon"):
        path = os.path.join(directory, "tuntapd.conf")
        pathlib.Path(path).write_text(text)
        daemons.append(Daemon(namespace, directory, options=["-c", path], name=f"{name}{len(daemons)}"))
        return daemons[-1]

    yield start
    for daemon in daemons:
        if daemon.process.alive():
            assert daemon.stop() == 0


def bridges(namespace):
    return [name for name in namespace.interfaces() if name.startswith("ttdbr")]


def master(namespace, name):
    return json.loads(namespace.run(["ip", "-j", "link", "show", name]).stdout)[0].get("master")


LISTEN = """
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 8, 1)  # PACKET_AUXDATA
s.bind(("@NAME@", 3))
s.settimeout(20)
print("listening", flush=True)
seen = set()
while len(seen) < 2:
    data, ancillary, _, _ = s.recvmsg(2000, 100)
    status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", ancillary[0][2]) if ancillary else (0,) * 7
    tagged = (tci, tpid) if status & 0x10 else (struct.unpack("!H", data[14:16])[0], 0x8100) if data[12:14] == b"\\x81\\0" else None
    if data.endswith(b"of the VLAN"):
        assert tagged == (0x2007, 0x8100), tagged
        seen.add("tag")
    if data.endswith(b"of the group"):
        assert data[:6] == b"\\x01\\0\\x5e\\1\\2\\3" and tagged is None
        seen.add("group")
print("all", flush=True)
"""
SEND = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("@NAME@", 0))
source = b"\\2\\0\\0\\0\\0\\x42"
s.send(b"\\xff" * 6 + source + b"\\x81\\0\\x20\\x07\\x88\\xb5" + b" " * 60 + b"of the VLAN")
s.send(b"\\x01\\0\\x5e\\1\\2\\3" + source + b"\\x88\\xb5" + b" " * 60 + b"of the group")
"""


def frames_cross(lan, inside="in0"):
    for sender, name, receiver, other in ((lan.guest, inside, lan.third, "eth0"), (lan.third, "eth0", lan.guest, inside)):
        listener = receiver.start([PYTHON, "-u", "-c", LISTEN.replace("@NAME@", other)], "listener")
        listener.wait_for("listening")
        sender.run([PYTHON, "-c", SEND.replace("@NAME@", name)])
        listener.wait_for("all")
        listener.wait()


@pytest.mark.parametrize("link", ["linux", "veth"])
def test_guest_is_on_the_lan_and_all_is_as_before_afterwards(namespace, lan, configured, link):
    before = lan.state()
    assert before[0] and before[1][0] and lan.ping(lan.third, "10.7.0.1")
    daemon = configured(f'link = "{link}"\ndevice tap0 {{ bridge = "eth0" up = true }}\n')
    guest = lan.enter(daemon)
    assert bridges(namespace) == ["ttdbr0"] and master(namespace, "tap0") == master(namespace, "eth0") == "ttdbr0"
    lan.guest.run(["ip", "address", "add", "10.7.0.3/24", "dev", "in0"])
    lan.guest.run(["ip", "address", "add", "fd07::3/64", "dev", "in0"])
    for address in ("10.7.0.2", "10.7.0.1", "fd07::2", "fd07::1"):
        assert lan.ping(lan.guest, address), address
    for address in ("10.7.0.3", "10.7.0.1", "fd07::3", "fd07::1"):
        assert lan.ping(lan.third, address), address
    # The host has its addresses and its ways, on the bridge.
    assert not [a for a in json.loads(namespace.run(["ip", "-j", "address", "show", "eth0"]).stdout)[0]["addr_info"]
                if a["scope"] == "global"]
    assert "via 10.7.0.2 dev ttdbr0" in namespace.run(["ip", "route", "get", "192.0.2.1"]).stdout
    assert "dev ttdbr0" in namespace.run(["ip", "-6", "route", "get", "fd98::1"]).stdout
    frames_cross(lan)
    guest.kill()
    wait_until(lambda: not bridges(namespace), what="the bridge is gone")
    wait_until(lambda: lan.state() == before, what=f"all is as before: {before}, not {lan.state()}")
    assert lan.ping(lan.third, "10.7.0.1") and lan.ping(namespace, "10.7.0.2")


def test_what_came_meanwhile_is_kept(namespace, lan, configured):
    daemon = configured('device tap0 { bridge = "eth0" }\n')
    holder = daemon.hold("tap0")
    namespace.run(["ip", "address", "del", "10.7.0.1/24", "dev", "ttdbr0"])
    namespace.run(["ip", "address", "add", "10.7.0.77/24", "dev", "ttdbr0"])
    namespace.run(["ip", "route", "add", "10.97.0.0/16", "via", "10.7.0.2"])
    holder.kill()
    wait_until(lambda: not bridges(namespace))
    addresses, routes, _, _ = lan.state()
    assert "10.7.0.77" in str(addresses) and "10.7.0.1'" not in str(addresses) and "10.97.0.0/16 via 10.7.0.2" in str(routes)


@pytest.mark.parametrize("named", ["br0", "eth0"])
def test_a_bridge_that_is_there_is_joined_and_left(namespace, lan, configured, named):
    namespace.run(["ip", "link", "add", "br0", "type", "bridge"])
    namespace.run(["ip", "link", "set", "eth0", "master", "br0"])
    namespace.run(["ip", "link", "set", "br0", "up"])
    daemon = configured(f'device tap0 {{ bridge = "{named}" }}\n')
    holder = daemon.hold("tap0")
    assert master(namespace, "tap0") == "br0" and not bridges(namespace)
    holder.kill()
    wait_until(lambda: not namespace.has("tap0"))
    assert namespace.has("br0") and master(namespace, "eth0") == "br0"
    namespace.run(["ip", "link", "delete", "br0"])


def test_last_tap_undoes_the_bridge(namespace, lan, configured):
    daemon = configured('device tap { bridge = "eth0" }\n')
    before = lan.state()
    first, second = daemon.hold("tap0"), daemon.hold("tap1", "second")
    assert bridges(namespace) == ["ttdbr0"] and master(namespace, "tap1") == "ttdbr0"
    first.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert bridges(namespace) == ["ttdbr0"]
    second.kill()
    wait_until(lambda: not bridges(namespace))
    wait_until(lambda: lan.state() == before)


def test_somebody_else_s_member_keeps_it(namespace, lan, configured):
    daemon = configured('device tap0 { bridge = "eth0" }\n')
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "add", "other", "type", "veth", "peer", "name", "rehto"])
    namespace.run(["ip", "link", "set", "other", "master", "ttdbr0"])
    holder.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert bridges(namespace) == ["ttdbr0"]
    namespace.run(["ip", "link", "delete", "other"])
    daemon.hold("tap0", "again").kill()
    wait_until(lambda: not bridges(namespace))


def test_mtu_must_agree(namespace, lan, configured):
    namespace.run(["ip", "link", "set", "eth0", "mtu", "1700"])
    daemon = configured('device tap0 { bridge = "eth0" }\ndevice tap1 { bridge = "eth0" mtu = 1400 }\n')
    holder = daemon.hold("tap0")
    assert "mtu 1700" in namespace.interfaces()["tap0"] and "mtu 1700" in namespace.interfaces()["ttdbr0"]
    assert answer(holder, "write") == "write EIO"
    done = daemon.run("""
import errno, os
try:
    os.open("/dev/tap1", os.O_RDWR)
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    assert done.stdout.split() == ["EMSGSIZE"]
    assert "the MTU of eth0 is 1700, and that of the device 1400: what is in one bridge must agree" in daemon.log
    assert not namespace.has("tap1")
    holder.kill()
    wait_until(lambda: not bridges(namespace))


def open_error(daemon, device):
    return daemon.run(f"""
import errno, os
try:
    os.open("/dev/{device}", os.O_RDWR)
    print("opened")
except OSError as e:
    print(errno.errorcode[e.errno])
""").stdout.strip()


@pytest.mark.parametrize("named, error, text", [
    ("nowhere", "ENODEV", "nowhere does not exist: an interface or a bridge is wanted"),
    ("lo", "EINVAL", "lo carries no Ethernet frames, so it cannot be in a bridge: use nat = true in place of bridge"),
    ("point", "EINVAL", "point carries no Ethernet frames, so it cannot be in a bridge: use nat = true in place of bridge"),
    ("tap0", "EINVAL", "tap0 is the device's own interface"),
    # A macvlan on it has the place that a bridge needs; nobody's word but the kernel's.
    ("eth0", "ENXIO", "the kernel does not put into a bridge eth0: Device or resource busy"),
])
def test_refusals_say_why_and_change_nothing(namespace, lan, configured, named, error, text):
    namespace.run(["ip", "tuntap", "add", "dev", "point", "mode", "tun"])
    if named == "eth0":
        namespace.run(["ip", "link", "add", "part", "link", "eth0", "type", "macvlan"])
    daemon = configured(f'device tap0 {{ bridge = "{named}" }}\n')
    before = lan.state()
    assert open_error(daemon, "tap0") == error
    assert f"configuring it: bridge: {text}" in daemon.log
    assert not namespace.has("tap0") and not bridges(namespace) and lan.state() == before
    namespace.run(["ip", "link", "delete", "point"])
    namespace.run(["ip", "link", "delete", "part"], check=False)


@pytest.mark.parametrize("holder_lives", [True, False])
def test_next_daemon_undoes_what_a_killed_one_left(namespace, lan, configured, holder_lives):
    before = lan.state()
    text = 'device tap0 { bridge = "eth0" }\n'
    daemon = configured(text)
    holder = daemon.hold("tap0")
    daemon.process.kill()
    if not holder_lives:
        holder.kill()
        wait_until(lambda: not namespace.has("tap0"))
    assert bridges(namespace) == ["ttdbr0"]
    daemon = configured(text)
    if holder_lives:
        assert daemon.state("tap0") != "closed" and bridges(namespace) == ["ttdbr0"] and master(namespace, "tap0") == "ttdbr0"
        holder.kill()
    wait_until(lambda: not bridges(namespace))
    wait_until(lambda: lan.state() == before)


def test_end_of_all_undoes_it(namespace, lan, configured, directory):
    before = lan.state()
    daemon = configured('device tap0 { bridge = "eth0" persistent = true }\n')
    wait_until(lambda: bridges(namespace))
    namespace.run([TUNTAPD, "serve", "-s", daemon.socket, "--stop-all"])
    daemon.process.wait()
    assert not bridges(namespace) and not namespace.has("tap0") and lan.state() == before


def test_a_bridge_that_is_taken_away_by_somebody(namespace, lan, configured):
    daemon = configured('device tap0 { bridge = "eth0" }\n')
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "delete", "ttdbr0"])
    assert open_error(daemon, "tap1") == "opened" and daemon.state("tap0") != "closed"
    holder.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")
    again = daemon.hold("tap0", "again")
    assert master(namespace, "tap0") in bridges(namespace)
    again.kill()
    wait_until(lambda: not bridges(namespace))


def bridge(daemon, *arguments, **more):
    return daemon.namespace.run([TUNTAPD, "bridge", "-s", daemon.socket, *arguments], check=False, **more)


def test_command_puts_an_open_device_on_the_lan_and_takes_it_off(namespace, lan, daemon):
    before = lan.state()
    closed = bridge(daemon, "tap0", "eth0")
    assert closed.returncode == 1 and "tap0 is not open" in closed.stderr
    guest = lan.enter(daemon)
    namespace.run(["ip", "link", "set", "tap0", "up"])
    assert bridge(daemon, "tap0", "eth0").returncode == 0
    assert master(namespace, "tap0") == master(namespace, "eth0") == "ttdbr0"
    lan.guest.run(["ip", "address", "add", "10.7.0.3/24", "dev", "in0"])
    assert lan.ping(lan.guest, "10.7.0.2") and lan.ping(lan.third, "10.7.0.1")
    for name, status, text in (("nowhere", 1, "no interface nowhere"), ("lo", 1, "cannot be in a bridge")):
        done = bridge(daemon, "tap0", name)
        assert done.returncode == status and text in done.stderr, done.stderr
    done = namespace.run(["setpriv", "--reuid=65534", "--clear-groups", TUNTAPD, "bridge", "-s", daemon.socket, "--none", "tap0"],
                         check=False)
    assert done.returncode == 77 and "only root" in done.stderr
    assert bridge(daemon, "--none", "tap0").returncode == 0
    assert not bridges(namespace) and lan.state() == before and daemon.state("tap0") == "up"
    # The close undoes it, too.
    assert bridge(daemon, "tap0", "eth0").returncode == 0 and bridges(namespace)
    guest.kill()
    wait_until(lambda: not bridges(namespace))
    wait_until(lambda: lan.state() == before)


def test_command_that_takes_a_device_to_another_lan_undoes_the_first_bridge(namespace, lan, daemon):
    namespace.run(["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1far"])
    before = lan.state()
    program = lan.enter(daemon)
    assert bridge(daemon, "tap0", "eth0").returncode == 0
    first = master(namespace, "tap0")
    assert first and lan.state() != before
    assert bridge(daemon, "tap0", "eth1").returncode == 0
    assert master(namespace, "tap0") not in (None, first) and lan.state() == before
    program.end()
    wait_until(lambda: not bridges(namespace))
    assert lan.state() == before
    namespace.run(["ip", "link", "del", "eth1"])


def tables(namespace):
    return [line.split()[2] for line in namespace.run(["nft", "list", "tables"]).stdout.splitlines() if "tuntapd_" in line]


def forwarding(namespace):
    return [namespace.run(["cat", f"/proc/sys/net/{path}"]).stdout.strip() for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding")]


WHO = """
import socket
found = {}
sockets = [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
for family, any_address in sockets:
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((any_address, 7777))
    found[family] = s
print("listening", flush=True)
for family, s in found.items():
    s.settimeout(20)
    data, who = s.recvfrom(100)
    print("from", who[0], flush=True)
    s.sendto(data, who)
"""
ASK = """
import socket, sys
for family, address in ((socket.AF_INET, "10.7.0.2"), (socket.AF_INET6, "fd07::2")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.sendto(b"who am I", (address, 7777))
    assert s.recv(100) == b"who am I"
"""
NAT = 'device @ { addresses = {"10.9.0.1/24", "fd09::1/64"} nat = true }\n'


@pytest.mark.parametrize("device", ["tap0", "tun0"])
def test_guest_goes_out_under_the_host_s_addresses(namespace, lan, configured, device):
    assert forwarding(namespace) == ["0", "0"]
    daemon = configured(NAT.replace("@", device))
    guest = lan.enter(daemon, device)
    assert forwarding(namespace) == ["1", "1"] and len(tables(namespace)) == 1
    for command in (["address", "add", "10.9.0.2/24"], ["address", "add", "fd09::2/64"]):
        lan.guest.run(["ip", *command, "dev", "in0"])
    lan.guest.run(["ip", "route", "add", "default", "via", "10.9.0.1"])
    lan.guest.run(["ip", "-6", "route", "add", "default", "via", "fd09::1"])
    who = lan.third.start([PYTHON, "-u", "-c", WHO], "who")
    who.wait_for("listening")
    lan.guest.run([PYTHON, "-c", ASK])
    who.wait()
    assert "from 10.7.0.1\nfrom fd07::1\n" in who.output
    guest.kill()
    wait_until(lambda: not tables(namespace) and forwarding(namespace) == ["0", "0"])


def test_a_host_that_forwards_goes_on_forwarding(namespace, lan, configured):
    namespace.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    daemon = configured(NAT.replace("@", "tap0") + NAT.replace("@", "tun0").replace("9.0.", "8.0.").replace("fd09", "fd08"))
    first, second = daemon.hold("tap0"), daemon.hold("tun0", "second")
    assert len(tables(namespace)) == 2 and forwarding(namespace) == ["1", "1"]
    first.kill()
    wait_until(lambda: len(tables(namespace)) == 1)
    assert forwarding(namespace) == ["1", "1"]
    second.kill()
    wait_until(lambda: not tables(namespace))
    wait_until(lambda: forwarding(namespace) == ["1", "0"])


@pytest.mark.parametrize("holder_lives", [True, False])
def test_next_daemon_ends_translation_that_a_killed_one_left(namespace, lan, configured, holder_lives):
    daemon = configured(NAT.replace("@", "tap0"))
    holder = daemon.hold("tap0")
    daemon.process.kill()
    if not holder_lives:
        holder.kill()
        wait_until(lambda: not namespace.has("tap0"))
    assert len(tables(namespace)) == 1
    configured(NAT.replace("@", "tap0"))
    if holder_lives:
        assert len(tables(namespace)) == 1 and forwarding(namespace) == ["1", "1"]
        holder.kill()
    wait_until(lambda: not tables(namespace) and forwarding(namespace) == ["0", "0"])


def read_only(namespace, path, on):
    namespace.run(["mount", "--bind", "-o", "ro", path, path] if on else ["umount", path])


def test_what_cannot_be_put_back_is_tried_again(namespace, lan, configured):
    daemon = configured(NAT.replace("@", "tap0"))
    holder = daemon.hold("tap0")
    read_only(namespace, "/proc/sys", True)
    holder.kill()
    wait_until(lambda: "switching off /proc/sys/net/ipv6/conf/all/forwarding: Read-only file system" in daemon.process.output)
    assert forwarding(namespace) == ["1", "1"] and not tables(namespace)
    read_only(namespace, "/proc/sys", False)

    def put_back_by_another_close():
        daemon.run("import os; os.close(os.open('/dev/tap1', os.O_RDWR))")
        return forwarding(namespace) == ["0", "0"]
    wait_until(put_back_by_another_close, 50)
    # By the next daemon.
    holder = daemon.hold("tap0", "again")
    assert forwarding(namespace) == ["1", "1"]
    read_only(namespace, "/proc/sys", True)
    holder.kill()
    wait_until(lambda: not tables(namespace))
    assert daemon.stop() == 0
    read_only(namespace, "/proc/sys", False)
    assert forwarding(namespace) == ["1", "1"]
    configured(NAT.replace("@", "tap0"))
    assert forwarding(namespace) == ["0", "0"]


def test_what_could_not_be_switched_on_is_not_switched_off(namespace, lan, configured):
    daemon = configured(NAT.replace("@", "tap0"))
    read_only(namespace, "/proc/sys", True)
    code = "import os; os.open('/dev/tap0', os.O_RDWR)"
    assert "Read-only file system" in daemon.run(code, check=False).stderr + daemon.process.output
    assert not tables(namespace)
    read_only(namespace, "/proc/sys", False)
    # Somebody else does.
    namespace.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"])
    daemon.run(code)
    wait_until(lambda: not tables(namespace) and not namespace.has("tap0"))
    assert forwarding(namespace) == ["1", "1"]
    assert daemon.stop() == 0
    configured(NAT.replace("@", "tap0"))
    assert forwarding(namespace) == ["1", "1"]


def test_rules_of_that_name_are_replaced(namespace, lan, configured):
    daemon = configured(NAT.replace("@", "tap0"))
    holder = daemon.hold("tap0")
    before = namespace.run(["nft", "list", "ruleset"]).stdout
    holder.kill()
    wait_until(lambda: not tables(namespace))
    # As a daemon leaves them that could not take them away, whose record is lost.
    left = "\n".join(before.splitlines()).replace("10.9.0.0/24", "10.66.0.0/24")
    namespace.run(["nft", "-f", "-"], input=left)
    assert "10.66.0.0/24" in namespace.run(["nft", "list", "ruleset"]).stdout
    holder = daemon.hold("tap0", "again")
    assert namespace.run(["nft", "list", "ruleset"]).stdout == before
    holder.kill()
    wait_until(lambda: not tables(namespace) and forwarding(namespace) == ["0", "0"])


def test_other_namespaces_have_neither(namespace, lan, configured):
    daemon = configured('device tap0 { bridge = "eth0" }\n' + NAT.replace("@", "tap1"))
    # The guest's namespace has no eth0, and that is no reason to refuse.
    code = "import os; os.open('/dev/{}', os.O_RDWR); print('opened')"
    for device in ("tap0", "tap1"):
        done = subprocess.run(lan.guest.enter(["nsenter", "-t", str(namespace.pid), "-m", "--", TUNTAPD, "exec", "-s", daemon.socket, "--",
                                               PYTHON, "-c", code.format(device)]), capture_output=True, text=True, timeout=20, check=False)
        assert done.stdout == "opened\n", done.stderr
    assert not bridges(namespace) and not tables(namespace) and forwarding(namespace) == ["0", "0"]
