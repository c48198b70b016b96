# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: the interface appears in the opener's, where the opener has a right to it, and nowhere else."""
import os
import pathlib
import signal
import subprocess
import time

import pytest

from worlds import *

ANYBODY = 'mode = "0666"\n'
USER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]


@pytest.fixture
def other(directory):
    """A second namespace, made by root, beside the daemon's."""
    n = Namespace(directory)
    yield n
    print("\n".join(f"--- other, {p.name} ---\n{p.output}" for p in n.processes))
    left = n.end()
    assert not left, f"interfaces or processes are left: {left}"


@pytest.fixture
def open_to_all(namespace, directory):
    """A daemon that lets every user have every device."""
    configuration = pathlib.Path(directory) / "open.conf"
    configuration.write_text(ANYBODY)
    d = Daemon(namespace, directory, ["-c", str(configuration)])
    yield d
    if d.process.alive():
        assert d.stop() == 0


def hold_in(namespace, daemon, device="tap0", prefix=(), name="holder", **more):
    """A program in a namespace that need not be the daemon's, with a device; see HOLDER."""
    code = HOLDER.replace("@DEVICE@", device)
    return namespace.start([*prefix, TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-u", "-c", code], name, **more)


def netns_of(pid):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def all_devices(daemon):
    import json
    done = daemon.namespace.run([TUNTAPD, "status", "-s", daemon.socket, "--json"])
    return [d for d in json.loads(done.stdout)["devices"] if d["state"] != "closed"]


def move(namespace, to, ifname="tap0", name=None):
    """Moves an interface from one namespace to another; to: a Namespace, or what ip takes for one."""
    target = str(to.pid) if isinstance(to, Namespace) else to
    namespace.run(["ip", "link", "set", ifname, "netns", target, *(["name", name] if name else [])])


def is_in(daemon, netns, **expected):
    """Whether the one device that is open is known to be in a namespace, with what else is expected of it."""
    devices = all_devices(daemon)
    return len(devices) == 1 and {**devices[0], **expected, "netns": netns_of(netns.pid)} == devices[0]


def held_namespaces(pid):
    """Namespaces that a process has a descriptor or a socket of, but for its own: by what the kernel shows of its descriptors."""
    return [link for link in links_of(pid) if link.startswith("net:")]


def holds_none(daemon):
    """It lets a namespace go a moment after it has told of the close."""
    wait_until(lambda: held_namespaces(daemon.pid) == [], what="no namespace is held")


def test_the_same_unit_in_two_namespaces(namespace, other, daemon):
    ours, theirs = daemon.hold("tap0"), hold_in(other, daemon)
    theirs.wait_for("opened")
    assert namespace.has("tap0") and other.has("tap0")
    devices = all_devices(daemon)
    assert [d["device"] for d in devices] == ["tap0", "tap0"]
    assert {d["netns"] for d in devices} == {netns_of(namespace.pid), netns_of(other.pid)}
    # Each is exclusive where it is.
    again = hold_in(other, daemon, name="again")
    assert again.wait() != 0 and "EBUSY" in again.output.replace("Device or resource busy", "EBUSY")
    # Each has a state of its own.
    assert answer(theirs, "write") == "write EIO"
    other.run(["ip", "link", "set", "tap0", "up"])
    assert answer(theirs, "write") == "write 60"
    assert answer(ours, "write") == "write EIO"
    other.run(["ip", "link", "set", "tap0", "mtu", "1000"])
    wait_until(lambda: {d["mtu"] for d in all_devices(daemon)} == {1500, 1000})
    # And an end of its own; the unit is free at once, and nothing of that namespace is held.
    assert answer(theirs, "close") == "closed"
    assert not other.has("tap0") and namespace.has("tap0")
    assert answer(theirs, "open tap0").startswith("opened")
    theirs.end()
    ours.end()
    wait_until(lambda: not all_devices(daemon))
    holds_none(daemon)


def test_first_address_brings_it_up_there(other, daemon):
    holder = hold_in(other, daemon)
    holder.wait_for("opened")
    other.run(["ip", "addr", "add", "10.8.8.1/24", "dev", "tap0"])
    wait_until(lambda: other.is_up("tap0"))
    holder.end()


def test_ifname_answers_for_the_caller_s_namespace(namespace, other, daemon):
    ours, theirs = daemon.hold("tap0"), hold_in(other, daemon)
    theirs.wait_for("opened")
    other.run(["ip", "link", "set", "tap0", "name", "there0"])
    wait_until(lambda: "there0" in {d["interface"] for d in all_devices(daemon)})
    for where, name in ((namespace, "tap0"), (other, "there0")):
        assert where.run([TUNTAPD, "ifname", "-s", daemon.socket, "tap0"]).stdout.strip() == name
    ours.end()
    theirs.end()


def test_many_units_of_another_namespace(other, daemon):
    opened = other.start([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-u", "-c", """
import os, sys
held = [os.open(f"/dev/{kind}{unit}", os.O_RDWR) for kind in ("tun", "tap") for unit in range(16)]
print("all", len(held))
sys.stdin.read()
"""], "many")
    opened.wait_for("all 32")
    assert len(all_devices(daemon)) == 32
    opened.end()
    wait_until(lambda: not all_devices(daemon))


@pytest.mark.parametrize("node", ["of the program", "of the daemon"])
def test_a_user_in_a_namespace_of_its_own(directory, namespace, open_to_all, node):
    """What rootless containers do; with the node as the program sees it, and where the program may not open it."""
    prefix = [*USER, "unshare", "-U", "-r", "-n"]
    if node == "of the program":
        namespace.run(["sh", "-c", "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200"])
    holder = hold_in(namespace, open_to_all, prefix=prefix)
    holder.wait_for("opened")
    device, = all_devices(open_to_all)
    assert device["netns"] != netns_of(namespace.pid) and device["holder"]["uid"] == 1234
    assert not namespace.has("tap0")
    # From outside, as root, for the program is one process: it has become what unshare ran.
    inside = ["nsenter", "-t", str(device["holder"]["pid"]), "-n"]
    assert "tap0" in subprocess.run([*inside, "ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    subprocess.run([*inside, "ip", "link", "set", "tap0", "up"], check=True)
    assert answer(holder, "write") == "write 60"
    # The namespace goes away with its processes; the daemon keeps nothing of it.
    os.kill(device["holder"]["pid"], signal.SIGKILL)
    holder.end()
    wait_until(lambda: not all_devices(open_to_all))
    holds_none(open_to_all)


STUFFER = """
import errno, os, socket, struct, sys
device = os.open("/dev/tap0", os.O_RDWR)
own = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
own.bind((0, 0))
own.setblocking(False)
junk = struct.pack("=IHHII", 1024, 16, 0, 0, 0) + bytes(1008)
def stuff():
    sent = 0
    for line in open("/proc/net/netlink").readlines()[1:]:
        protocol, port = map(int, line.split()[1:3])
        if protocol == socket.NETLINK_ROUTE and port not in (0, own.getsockname()[0]):
            for group in (0, 1):
                try:
                    for _ in range(3000):
                        own.sendto(junk, (0 if group else port, group))
                        sent += 1
                except OSError as e:
                    print("refused", errno.errorcode[e.errno])
    return sent
print("stuffed", stuff())
for line in sys.stdin:
    if line.strip() == "flood":
        print("flooding")
        while True:
            stuff()
"""


@pytest.mark.parametrize("how", ["once", "for ever"])
def test_a_user_s_own_messages_in_its_namespace_are_none_of_the_kernel_s(namespace, open_to_all, how):
    """Who has a network namespace may send to every netlink socket in it, the daemon's too."""
    prefix = [*USER, "unshare", "-U", "-r", "-n"]
    stuffer = namespace.start([*prefix, TUNTAPD, "exec", "-s", open_to_all.socket, "--", PYTHON, "-u", "-c", STUFFER], "stuffer")
    stuffer.wait_for("stuffed")
    if how == "for ever":
        stuffer.say("flood")
        stuffer.wait_for("flooding")
    begin = time.monotonic()
    device, = all_devices(open_to_all)
    assert time.monotonic() - begin < 1.5
    assert device["interface"] == "tap0" and device["holder"]["uid"] == 1234
    stuffer.end()
    wait_until(lambda: not all_devices(open_to_all))
    assert open_to_all.log.count("news of interfaces was lost") <= 10


def test_a_user_s_interface_with_more_names_than_a_message_has_room(directory, namespace, open_to_all):
    """Alternative names make the kernel's message about an interface as long as its user likes, up to 64 KiB."""
    prefix = [*USER, "unshare", "-U", "-r", "-n"]
    holder = hold_in(namespace, open_to_all, prefix=prefix)
    holder.wait_for("opened")
    device, = all_devices(open_to_all)
    batch = pathlib.Path(directory) / "batch"
    batch.write_text("".join(f"link property add dev tap0 altname {number:0126}\n" for number in range(450)))
    inside = ["nsenter", "-t", str(device["holder"]["pid"]), "-n", "ip"]
    subprocess.run([*inside, "-batch", str(batch)], check=True)
    begin = time.monotonic()
    subprocess.run([*inside, "link", "set", "tap0", "up"], check=True)
    wait_until(lambda: all_devices(open_to_all)[0]["state"] == "up")
    assert time.monotonic() - begin < 1.5
    assert answer(holder, "write") == "write 60"
    holder.end()
    wait_until(lambda: not all_devices(open_to_all))


def test_a_user_in_somebody_else_s_namespace_is_refused(namespace, other, open_to_all):
    holder = hold_in(other, open_to_all, prefix=USER)
    assert holder.wait() != 0 and "Permission denied" in holder.output
    assert not other.has("tap0") and not all_devices(open_to_all)
    assert "network namespace" in open_to_all.log
    # In the daemon's own the same user is welcome.
    welcome = hold_in(namespace, open_to_all, prefix=USER)
    welcome.wait_for("opened")
    welcome.end()


def test_a_descriptor_of_another_namespace_decides_where(namespace, other, open_to_all):
    """Whoever connects from here with a node that was opened there asks for an interface there."""
    script = f"""
import os, socket
ours = os.open("/proc/self/ns/net", os.O_RDONLY)
there = os.open("/proc/{other.pid}/ns/net", os.O_RDONLY)
libc = __import__("ctypes").CDLL(None, use_errno=True)
assert libc.setns(there, 0) == 0
node = os.open("/dev/net/tun", os.O_RDWR)
assert libc.setns(ours, 0) == 0
UID and os.setresgid(UID, UID, UID)
UID and os.setresuid(UID, UID, UID)
client = Client({open_to_all.socket!r})
client.send(Client.attach_message(unit=4), [node])
data, fds = client.receive()
print(Client.error(data), len(fds))
"""
    assert namespace.python(script.replace("UID", "1234")).stdout.split() == ["13", "0"]
    assert namespace.python(script.replace("UID", "0")).stdout.split() == ["0", "2"]
    wait_until(lambda: not other.has("tap4"))
    assert not namespace.has("tap4")


@pytest.mark.parametrize("file", ["/dev/null", "/dev/ptmx", "/etc/passwd", "pipe"])
def test_a_descriptor_that_is_no_node_is_refused(namespace, daemon, file):
    done = namespace.python(f"""
import os
fd = os.pipe()[0] if {file!r} == "pipe" else os.open({file!r}, os.O_RDONLY)
client = Client({daemon.socket!r})
client.send(Client.attach_message(unit=4), [fd])
data, fds = client.receive()
print(Client.error(data), len(fds))
""")
    assert done.stdout.split() == ["22", "0"]


def test_the_next_daemon_finds_it_there(namespace, other, directory, daemon):
    holder = hold_in(other, daemon)
    holder.wait_for("opened")
    before, = all_devices(daemon)
    daemon.process.kill()
    other.run(["ip", "link", "set", "tap0", "up"])
    second = Daemon(namespace, directory, name="second")
    after, = all_devices(second)
    assert after["state"] == "up"
    same = ("device", "netns", "holder", "since", "open_number", "ifindex", "interface", "mac")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert answer(holder, "write") == "write 60"
    other.run(["ip", "link", "set", "tap0", "down"])
    assert answer(holder, "write") == "write EIO"
    holder.end()
    wait_until(lambda: not all_devices(second))
    holds_none(second)
    assert second.stop() == 0


def test_a_namespace_that_nobody_is_in_any_more(namespace, directory, daemon):
    """The descriptor has left its namespace, which lives on through it alone; the next daemon cannot find it, the program goes on."""
    there = Namespace(directory)
    holder = hold_in(there, daemon)
    holder.wait_for("opened")
    there.run(["ip", "link", "set", "tap0", "up"])
    keeper = namespace.start([PYTHON, "-u", "-c", f"""
import ctypes, os, sys
pidfd = os.pidfd_open({holder.pid})
fd = ctypes.CDLL(None).syscall(438, pidfd, {int(holder.output.split()[1])}, 0)
print("copy", fd)
for line in sys.stdin:
    print("write", os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 46))
"""], "keeper")
    keeper.wait_for("copy")
    holder.end()
    there.processes.clear()
    left = there.end()
    assert left == ["tap0"]
    device, = all_devices(daemon)
    assert device["state"] == "up"
    daemon.process.kill()
    second = Daemon(namespace, directory, name="second")
    assert not all_devices(second)
    assert "cannot be found" in second.log
    assert answer(keeper, "write") == "write 60"
    keeper.end()
    assert second.stop() == 0


@pytest.fixture
def third(directory):
    n = Namespace(directory)
    yield n
    left = n.end()
    assert not left, f"interfaces or processes are left: {left}"


@pytest.fixture(params=["linux", "veth"])
def linked(request, namespace, directory):
    """A daemon whose taps are on each link."""
    configuration = pathlib.Path(directory) / "link.conf"
    configuration.write_text(f'link = "{request.param}"\n')
    d = Daemon(namespace, directory, ["-c", str(configuration)])
    yield d
    if d.process.alive():
        assert d.stop() == 0


def test_a_moved_interface_is_followed(namespace, other, linked):
    holder = linked.hold("tap0")
    namespace.run(["ip", "link", "set", "tap0", "up"])
    wait_until(lambda: is_in(linked, namespace, state="up"))
    before, = all_devices(linked)
    move(namespace, other)
    wait_until(lambda: is_in(linked, other, state="open"))  # a move brings it down
    assert answer(holder, "write") == "write EIO"
    assert answer(holder, "read") == "read EIO"
    after, = all_devices(linked)
    same = ("device", "holder", "since", "open_number", "interface", "mac")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    # What happens there is known, and what the program is told.
    other.run(["ip", "link", "set", "tap0", "up", "mtu", "1000"])
    wait_until(lambda: is_in(linked, other, state="up", mtu=1000))
    assert answer(holder, "write") == "write 60"
    assert other.run([TUNTAPD, "ifname", "-s", linked.socket, "tap0"]).stdout.strip() == "tap0"
    assert "another network namespace" in namespace.run([TUNTAPD, "ifname", "-s", linked.socket, "tap0"], check=False).stderr
    other.run(["ip", "link", "set", "tap0", "down"])
    other.run(["ip", "link", "set", "tap0", "name", "there0"])
    wait_until(lambda: is_in(linked, other, state="open", interface="there0"))
    assert answer(holder, "write") == "write EIO"
    # So is the last close, and nothing of that namespace is held.
    assert answer(holder, "close") == "closed"
    wait_until(lambda: not all_devices(linked))
    wait_until(lambda: not other.has("there0"))
    holds_none(linked)
    assert answer(holder, "open tap0").startswith("opened") and namespace.has("tap0")
    holder.end()
    wait_until(lambda: not namespace.has("tap0"))
    assert "no longer watched" not in linked.log


def test_moved_on_and_back(namespace, other, third, linked):
    """With another index and another name on the way."""
    holder = linked.hold("tap0")
    for n in (other, third):
        n.run(["ip", "tuntap", "add", "dev", "taken9", "mode", "tap"])
        assert n.interfaces()["taken9"].startswith(f"{all_devices(linked)[0]['ifindex']}:")
    for start, end, before, after in ((namespace, other, "tap0", "first"), (other, third, "first", "second"),
                                      (third, namespace, "second", "tap0")):
        move(start, end, before, after)
        wait_until(lambda: is_in(linked, end, interface=after, state="open"), what=f"{after} is seen")
        end.run(["ip", "link", "set", after, "up"])
        wait_until(lambda: is_in(linked, end, interface=after, state="up"))
        assert answer(holder, "write") == "write 60"
        wait_until(lambda: len(held_namespaces(linked.pid)) == (0 if end is namespace else 1))
    holder.end()
    wait_until(lambda: not all_devices(linked))
    for n in (other, third):
        n.run(["ip", "link", "del", "taken9"])


def test_the_unit_is_free_where_it_was_and_taken_where_it_is(namespace, other, daemon):
    moved = daemon.hold("tap0")
    move(namespace, other)
    wait_until(lambda: is_in(daemon, other))
    second = daemon.hold("tap0", "second")
    assert {d["netns"] for d in all_devices(daemon)} == {netns_of(namespace.pid), netns_of(other.pid)}
    for where in (namespace, other):
        again = hold_in(where, daemon, name="again")
        assert again.wait() != 0 and "resource busy" in again.output
    # Back, beside the second: both are that unit, and it is free when both are closed.
    move(other, namespace, name="back0")
    wait_until(lambda: {d["interface"] for d in all_devices(daemon)} == {"tap0", "back0"})
    holds_none(daemon)
    second.end()
    again = hold_in(namespace, daemon, name="again")
    assert again.wait() != 0 and "resource busy" in again.output
    moved.end()
    for _ in range(3):
        third = daemon.hold("tap0", "third")
        assert namespace.interfaces().keys() >= {"tap0"}
        third.end()
    wait_until(lambda: not all_devices(daemon))


def test_first_address_where_it_went(namespace, other, daemon):
    holder = daemon.hold("tap0")
    move(namespace, other)
    wait_until(lambda: is_in(daemon, other))
    other.run(["ip", "addr", "add", "10.8.8.1/24", "dev", "tap0"])
    wait_until(lambda: is_in(daemon, other, state="up"))
    # And one that came before the daemon looked.
    move(other, namespace)
    wait_until(lambda: is_in(daemon, namespace))
    holder.end()
    holder = daemon.hold("tap1")
    daemon.process.popen.send_signal(signal.SIGSTOP)
    move(namespace, other, "tap1")
    other.run(["ip", "addr", "add", "10.8.8.1/24", "dev", "tap1"])
    daemon.process.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: is_in(daemon, other, state="up"))
    holder.end()


def test_a_moved_device_is_recognised_where_it_is(namespace, other, daemon):
    """A new program image, here and there, finds the page of its descriptor: header mode is known by it alone."""
    code = """
import fcntl, os, struct, sys
fd = int(os.environ.get("FD", "-1"))
if fd < 0:
    fd = os.open("/dev/tun0", os.O_RDWR | os.O_NONBLOCK)
    os.set_inheritable(fd, True)
    fcntl.ioctl(fd, 0x40047460, struct.pack("i", 1)) # TUNSIFHEAD
    os.environ["FD"] = str(fd)
print("ready", flush=True)
for line in sys.stdin:
    if line.startswith("exec"):
        os.execv("/usr/bin/nsenter", ["nsenter", *line.split()[1:], sys.executable, "-u", "-c", sys.argv[1], sys.argv[1]])
    print("wrote", os.write(fd, bytes(3) + b"\\2\\x45" + bytes(19)), flush=True)
"""
    program = namespace.start([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-u", "-c", code, code], "program")
    program.wait_for("ready")
    move(namespace, other, "tun0")
    wait_until(lambda: is_in(daemon, other))
    other.run(["ip", "link", "set", "tun0", "up"])
    wait_until(lambda: is_in(daemon, other, state="up"))
    for into in (namespace, other, namespace):
        assert answer(program, f"exec -t {into.pid} -n") == "ready"
        assert answer(program, "write") == "wrote 24"
    # Without the header nothing of 20 bytes is left: a program that knew nothing of it would have sent 24.
    assert all_devices(daemon)[0]["from_program"]["bytes"] == 3 * 20
    program.end()


def test_the_next_daemon_finds_what_was_moved(namespace, other, directory, linked):
    holder = linked.hold("tap0")
    move(namespace, other, name="there0")
    wait_until(lambda: is_in(linked, other))
    linked.process.kill()
    second = Daemon(namespace, directory, ["-c", f"{directory}/link.conf"], name="second")
    assert is_in(second, other, interface="there0", state="open")
    other.run(["ip", "link", "set", "there0", "up"])
    wait_until(lambda: is_in(second, other, state="up"))
    # And what is moved while no daemon serves: by who holds the other end.
    second.process.kill()
    move(other, namespace, "there0")
    third = Daemon(namespace, directory, ["-c", f"{directory}/link.conf"], name="third")
    assert is_in(third, namespace, interface="there0", state="open")
    assert answer(holder, "write") == "write EIO"
    namespace.run(["ip", "link", "set", "there0", "up"])
    wait_until(lambda: is_in(third, namespace, state="up"))
    assert answer(holder, "write") == "write 60"
    holder.end()
    wait_until(lambda: not all_devices(third))
    assert third.stop() == 0


def test_moved_twice_before_the_daemon_looks(namespace, other, third, linked):
    holder = linked.hold("tap0")
    os.kill(linked.pid, signal.SIGSTOP)
    move(namespace, other, name="first")
    move(other, third, "first", "second")
    os.kill(linked.pid, signal.SIGCONT)
    wait_until(lambda: is_in(linked, third, interface="second"))
    # And closed right after a move.
    os.kill(linked.pid, signal.SIGSTOP)
    move(third, other, "second", "third")
    holder.end()
    wait_until(lambda: not other.has("third"))
    os.kill(linked.pid, signal.SIGCONT)
    wait_until(lambda: not all_devices(linked))
    holds_none(linked)


def test_moved_to_a_namespace_that_cannot_be_found(namespace, daemon):
    """Nobody is in it and it has no name, and who has a descriptor of it is none that the daemon asks."""
    keeper = namespace.start([PYTHON, "-u", "-c", """
import ctypes, os, sys
own = os.open("/proc/self/ns/net", os.O_RDONLY)
libc = ctypes.CDLL(None)
assert libc.unshare(0x40000000) == 0
there = os.open("/proc/self/ns/net", os.O_RDONLY)
assert libc.setns(own, 0) == 0
print("namespace", there)
sys.stdin.readline()
libc.setns(there, 0)
os.system("ip link set tap0 up")
print("up")
sys.stdin.read()
"""], "keeper")
    keeper.wait_for("namespace")
    # In the linux dialect a descriptor has no mark to be found by.
    holder = daemon.start("""
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tap0", 0x1002))
print("opened", flush=True)
for line in sys.stdin:
    print("write", os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 46), flush=True)
""".replace("\\\\", "\\"))
    holder.wait_for("opened")
    move(namespace, f"/proc/{keeper.pid}/fd/{keeper.output.split()[1]}")
    wait_until(lambda: "no longer watched" in daemon.log)
    assert "cannot be found" in daemon.log and not all_devices(daemon)
    keeper.say("up")
    keeper.wait_for("up\n")
    assert answer(holder, "write") == "write 60"
    holder.end()
    keeper.end()


def test_moved_to_a_namespace_that_only_its_holder_knows(namespace, daemon):
    """The same, but the device tells where it is."""
    keeper = namespace.start([PYTHON, "-u", "-c", """
import ctypes, os, sys
own = os.open("/proc/self/ns/net", os.O_RDONLY)
libc = ctypes.CDLL(None)
assert libc.unshare(0x40000000) == 0
there = os.open("/proc/self/ns/net", os.O_RDONLY)
assert libc.setns(own, 0) == 0
print("namespace", there, os.fstat(there).st_ino)
sys.stdin.read()
"""], "keeper")
    keeper.wait_for("namespace")
    holder = daemon.hold("tap0")
    _, fd, netns = keeper.output.split()
    move(namespace, f"/proc/{keeper.pid}/fd/{fd}")
    wait_until(lambda: [d["netns"] for d in all_devices(daemon)] == [int(netns)])
    holder.end()
    wait_until(lambda: not all_devices(daemon))
    holds_none(daemon)
    keeper.end()


def test_a_persistent_interface_that_is_moved(namespace, other, directory):
    configuration = pathlib.Path(directory) / "kept.conf"
    configuration.write_text("device tap0 { persistent = true }\n")
    daemon = Daemon(namespace, directory, ["-c", str(configuration)])
    # While it is open it is followed, and taken away at the last close; another is made where it belongs.
    holder = daemon.hold("tap0")
    move(namespace, other)
    wait_until(lambda: is_in(daemon, other))
    assert not namespace.has("tap0")
    holder.end()
    wait_until(lambda: not other.has("tap0") and namespace.has("tap0"))
    holds_none(daemon)
    # Who opens the unit meanwhile has an interface of his own, and that which belongs there is made after him.
    holder = daemon.hold("tap0")
    move(namespace, other)
    wait_until(lambda: is_in(daemon, other))
    second = daemon.hold("tap0", "second")
    holder.end()
    wait_until(lambda: is_in(daemon, namespace))
    second.end()
    wait_until(lambda: not all_devices(daemon) and namespace.has("tap0"))
    third = daemon.hold("tap0", "third")
    third.end()
    wait_until(lambda: not all_devices(daemon))
    assert namespace.has("tap0") and "Device or resource busy" not in daemon.log
    # While it is closed it is whose it is there.
    move(namespace, other)
    wait_until(lambda: namespace.has("tap0"))
    assert other.has("tap0") and not all_devices(daemon)
    other.run(["ip", "link", "del", "tap0"])
    holder = daemon.hold("tap0")
    holder.end()
    namespace.run([TUNTAPD, "serve", "-s", daemon.socket, "--stop-all"])
    daemon.process.wait()
    assert not namespace.has("tap0")


def test_stop_all_takes_them_everywhere(namespace, other, daemon):
    ours, theirs = daemon.hold("tap0"), hold_in(other, daemon)
    theirs.wait_for("opened")
    namespace.run([TUNTAPD, "serve", "-s", daemon.socket, "--stop-all"])
    daemon.process.wait()
    assert not namespace.has("tap0") and not other.has("tap0")
    assert answer(theirs, "read") == "read EIO"
    ours.end()
    theirs.end()
