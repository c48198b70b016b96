# SPDX-License-Identifier: BSD-2-Clause
"""The linux dialect: programs that open /dev/net/tun and do TUNSETIFF have their device from the daemon."""
import pathlib

import pytest

from test_netns import USER, all_devices
from worlds import *

# A program that does what it is told, a line at a time, and knows nothing of us.
PROGRAM = r"""
import ctypes, errno, fcntl, os, struct, sys
IFF_TUN, IFF_TAP, NO_PI, MULTI_QUEUE, VNET_HDR, EXCL = 1, 2, 0x1000, 0x100, 0x4000, 0x8000
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454ca, 0x400454cb, 0x400454cc, 0x400454ce
TUNGETIFF, TUNGETFEATURES, TUNSETOFFLOAD = 0x800454d2, 0x800454cf, 0x400454d0
TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, TUNSETSNDBUF, TUNSETQUEUE = 0x400454d8, 0x800454d7, 0x400454d4, 0x400454d9
fd = -1
fds = []
def opened(flags=0):
    global fd
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | flags)
    fds.append(fd)
    return fd
def setiff(name, flags):
    answer = fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return answer[:16].rstrip(b"\0").decode()
def getiff():
    answer = fcntl.ioctl(fd, TUNGETIFF, bytes(40))
    return answer[:16].rstrip(b"\0").decode()
def number(request, value=None):
    if value is None:
        return struct.unpack("I", fcntl.ioctl(fd, request, bytes(4)))[0]
    fcntl.ioctl(fd, request, struct.pack("i", value))
    return 0
def plain(request, value):
    return fcntl.ioctl(fd, request, value)
print("ready")
for line in sys.stdin:
    try:
        print("=", eval(line))
    except OSError as e:
        print("=", errno.errorcode[e.errno])
"""


@pytest.fixture
def anybody(namespace, directory):
    """A daemon that lets every user have every device; the node itself is root's alone."""
    configuration = pathlib.Path(directory) / "anybody.conf"
    configuration.write_text('mode = "0666"\n')
    namespace.run(["sh", "-c", "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 600 /dev/net/tun c 10 200"])
    d = Daemon(namespace, directory, ["-c", str(configuration)])
    yield d
    if d.process.alive():
        assert d.stop() == 0


class Told:
    """A program of the linux dialect."""

    def __init__(self, daemon, prefix=(), name="linux", shim=True, namespace=None):
        through = [TUNTAPD, "exec", "-s", daemon.socket, "--"] if shim else []
        self.process = (namespace or daemon.namespace).start([*prefix, *through, PYTHON, "-u", "-c", PROGRAM], name)
        self.process.wait_for("ready")

    def __call__(self, line):
        return answer(self.process, line).removeprefix("= ")

    def end(self):
        self.process.end()


def names(daemon):
    return {d["device"]: d for d in all_devices(daemon)}


def test_root_gets_its_device_from_the_daemon(namespace, daemon):
    told = Told(daemon)
    told("opened()")
    assert told('setiff("vpn7", IFF_TUN | NO_PI)') == "vpn7"
    assert told("getiff()") == "vpn7"
    device = names(daemon)["vpn7"]
    assert device["kind"] == "tun" and device["unit"] is None and device["interface"] == "vpn7"
    assert device["holder"]["pid"] == told.process.pid and device["holder"]["uid"] == 0
    assert told("os.close(fd)") == "None"
    assert not namespace.has("vpn7")
    wait_until(lambda: not names(daemon))
    told.end()


def test_a_user_without_rights(namespace, anybody):
    told = Told(anybody, USER)
    assert told("os.access('/dev/net/tun', os.R_OK | os.W_OK)") == "True"
    told("opened()")
    assert told('setiff("tap4", IFF_TAP | NO_PI)') == "tap4"
    assert names(anybody)["tap4"]["holder"]["uid"] == 1234 and names(anybody)["tap4"]["unit"] == 4
    # The kernel's own device: no EIO while it is down, and an address alone does not bring it up.
    assert told("os.read(fd, 2000)") == "EAGAIN"
    namespace.run(["ip", "addr", "add", "10.7.7.1/24", "dev", "tap4"])
    assert names(anybody)["tap4"]["addresses"] and not namespace.is_up("tap4")
    namespace.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/tap4/disable_ipv6; ip link set tap4 up; ip neigh add 10.7.7.2"
                               " lladdr 02:00:00:00:00:02 dev tap4; ping -c1 -W1 10.7.7.2 >/dev/null || true"])
    assert told("os.read(fd, 2000)[12:15]") == "b'\\x08\\x00E'"
    assert told("os.write(fd, b'\\xff' * 12 + b'\\x88\\xb5' + b'x' * 46)") == "60"
    wait_until(lambda: names(anybody)["tap4"]["from_program"]["packets"] >= 1)
    told.end()
    wait_until(lambda: not namespace.has("tap4"))


# A parent that has no descriptor of the node, and a child that finds one at a number of its own.
SPAWNER = r"""
import os, sys
child = "import fcntl, struct; print(fcntl.ioctl(7, 0x400454ca, struct.pack('16sH22x', b'tap4', 0x1002))[:4].decode())"
actions = [(os.POSIX_SPAWN_OPEN, 7, "/dev/net/tun", os.O_RDWR, 0)]
pid = os.posix_spawn(sys.executable, [sys.executable, "-c", child], os.environ, file_actions=actions)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_node_that_posix_spawn_opens(namespace, anybody):
    for through, expected in (([TUNTAPD, "exec", "-s", anybody.socket, "--"], (0, "tap4\n", "")), ([], (1, "", "Permission denied"))):
        done = namespace.run([*USER, *through, PYTHON, "-c", SPAWNER], check=False)
        assert (done.returncode, done.stdout) == expected[:2] and expected[2] in done.stderr
    assert not namespace.has("tap4")


@pytest.mark.parametrize("node_mode, open_errno", [("600", "EACCES"), ("666", None)])
def test_refused_as_by_the_kernel(namespace, daemon, node_mode, open_errno):
    """What the policy refuses is what the kernel refuses: the errno is the one that programs know."""
    namespace.run(["sh", "-c", f"mount -t tmpfs -o mode=755 none /dev/net && mknod -m {node_mode} /dev/net/tun c 10 200"])
    for shim in (True, False):
        told = Told(daemon, USER, f"told-{shim}", shim=shim)
        if open_errno is not None:
            assert told("opened()") == open_errno
            assert told("os.access('/dev/net/tun', os.R_OK | os.W_OK)") == "False"
        else:
            told("opened()")
            assert told('setiff("tap4", IFF_TAP | NO_PI)') == "EPERM"
        told.end()
    assert not names(daemon) and not namespace.has("tap4")


def test_names(namespace, anybody):
    told, bsd = Told(anybody, USER), anybody.hold("tap0")
    for wanted, kind, got in (("tap%d", "IFF_TAP", "tap1"), ("", "IFF_TAP", "tap2"), ("tap%d", "IFF_TAP", "tap3"), ("", "IFF_TUN", "tun0"),
                              ("tun%d", "IFF_TUN", "tun1"), ("tap9", "IFF_TAP", "tap9"), ("tun100", "IFF_TUN", "tun100")):
        told("opened()")
        assert told(f'setiff("{wanted}", {kind} | NO_PI)') == got, wanted
    assert set(names(anybody)) == {"tap0", "tap1", "tap2", "tap3", "tap9", "tun0", "tun1", "tun100"}
    # What one dialect holds is busy for the other.
    assert answer(bsd, "open tap9") == "open EBUSY"
    assert answer(bsd, "open tap8").startswith("opened")
    told("opened()")
    assert told('setiff("tap8", IFF_TAP | NO_PI)') in ("EBUSY", "EPERM")
    for bad in ("a/b", "a:b", "a b", "..", "%d%d", "%s", "x%dy%d"):
        assert told(f'setiff("{bad}", IFF_TAP | NO_PI)') in ("EINVAL", "EPERM"), bad
    assert told('setiff("tap%d", NO_PI)') in ("EINVAL", "EPERM")
    # And the same descriptor is still good.
    assert told('setiff("tap%d", IFF_TAP)') == "tap4"
    assert told('setiff("tap%d", IFF_TAP)') == "EEXIST"
    told.end()
    bsd.end()


@pytest.mark.parametrize("allowed", [False, True])
def test_other_names_are_for_root_and_whom_the_policy_lets(namespace, directory, allowed):
    """Firewalls trust names: a device that anybody may open is not the right to call one eth1."""
    configuration = pathlib.Path(directory) / "names.conf"
    configuration.write_text('mode = "0666"\n' + ('names "eth[0-9]" { mode = "0666" }\n' if allowed else ""))
    namespace.run(["sh", "-c", "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200"])
    daemon = Daemon(namespace, directory, ["-c", str(configuration)])
    told, root = Told(daemon, USER), Told(daemon, (), "root")
    told("opened()")
    assert told('setiff("eth1", IFF_TAP | NO_PI)') == ("eth1" if allowed else "EPERM")
    assert namespace.has("eth1") == allowed
    told("opened()")
    assert told('setiff("eth%d", IFF_TAP | NO_PI)') == ("eth0" if allowed else "EPERM")
    told("opened()")
    assert told('setiff("tap77", IFF_TAP | NO_PI)') == "tap77"
    root("opened()")
    assert root('setiff("wg0", IFF_TUN | NO_PI)') == "wg0"
    told.end()
    root.end()
    wait_until(lambda: not names(daemon))
    assert daemon.stop() == 0


def test_flags_and_requests(namespace, anybody):
    told = Told(anybody, USER)
    told("opened()")
    # As QEMU does, before TUNSETIFF.
    assert int(told("number(TUNGETFEATURES)")) & 0x5103 == 0x5103
    assert told("number(TUNSETVNETHDRSZ, 12)") in ("0", "EBADFD")
    assert told('setiff("tap2", IFF_TAP | NO_PI | VNET_HDR)') == "tap2"
    assert told("number(TUNSETVNETHDRSZ, 12)") == "0"
    assert told("number(TUNGETVNETHDRSZ)") == "12"
    assert told("plain(TUNSETOFFLOAD, 1)") == "0"
    assert told("number(TUNSETSNDBUF, 1048576)") == "0"
    namespace.run(["ip", "link", "set", "tap2", "up"])
    assert told("os.write(fd, bytes(12) + b'\\xff' * 12 + b'\\x88\\xb5' + b'x' * 46)") == "72"
    # Packet information, four bytes in front.
    told("opened()")
    assert told('setiff("tun3", IFF_TUN)') == "tun3"
    namespace.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/tun3/disable_ipv6; ip addr add 10.6.6.1 peer 10.6.6.2 dev tun3;"
                               "ip link set tun3 up; ping -c1 -W1 10.6.6.2 >/dev/null || true"])
    assert told("os.read(fd, 2000)[:5]") == "b'\\x00\\x00\\x08\\x00E'"
    told.end()


def test_queues_are_the_opener_s_alone(namespace, anybody):
    namespace.run(["chmod", "666", "/dev/net/tun"])
    told, other = Told(anybody, USER), Told(anybody, ["setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups"], "other")
    for _ in range(3):
        told("opened()")
        assert told('setiff("tap6", IFF_TAP | NO_PI | MULTI_QUEUE)') == "tap6"
    assert "numqueues 3" in namespace.run(["ip", "-d", "link", "show", "tap6"]).stdout
    other("opened()")
    assert other('setiff("tap6", IFF_TAP | NO_PI | MULTI_QUEUE)') == "EPERM"
    assert told("os.close(fds[0])") == "None"
    assert names(anybody)["tap6"]["state"] == "open"
    told.end()
    wait_until(lambda: not names(anybody))
    other.end()


def test_persistence_by_root(namespace, daemon):
    """As tunctl(8): the interface is the system's from then on."""
    told = Told(daemon)
    told("opened()")
    assert told("plain(TUNSETPERSIST, 1)") == "EBADFD"
    assert told('setiff("tap5", IFF_TAP | NO_PI)') == "tap5"
    assert told("plain(TUNSETOWNER, 1234)") == "0"
    assert told("plain(TUNSETPERSIST, 1)") == "0"
    assert not names(daemon)
    told.end()
    assert namespace.has("tap5")
    # Its owner joins it as if we were not there; the next of the other dialect is told that it is taken.
    namespace.run(["sh", "-c", "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200"])
    owner = Told(daemon, USER, "owner")
    owner("opened()")
    assert owner('setiff("tap5", IFF_TAP | NO_PI)') == "tap5"
    done = daemon.run("import os; os.open('/dev/tap5', os.O_RDWR)", check=False)
    assert "Device or resource busy" in done.stderr
    owner.end()
    again = Told(daemon, (), "again")
    again("opened()")
    assert again('setiff("tap5", IFF_TAP | NO_PI)') == "tap5"
    assert again("plain(TUNSETPERSIST, 0)") == "0"
    again.end()
    wait_until(lambda: not namespace.has("tap5"))


def test_persistence_is_not_for_users(namespace, anybody):
    told = Told(anybody, USER)
    told("opened()")
    assert told('setiff("tap5", IFF_TAP | NO_PI)') == "tap5"
    assert told("plain(TUNSETPERSIST, 0)") == "0"
    assert told("plain(TUNSETPERSIST, 1)") == "EPERM"
    assert told("plain(TUNSETOWNER, 0)") == "EPERM"
    assert told("plain(TUNSETGROUP, 0)") == "EPERM"
    assert told("plain(TUNSETOWNER, 1234)") == "0"
    assert names(anybody)["tap5"]["state"] == "open"
    # Past the library the kernel lets it; the daemon takes it away.
    assert told("ctypes.CDLL(None).syscall(16, fd, TUNSETPERSIST, 1)") == "0"
    assert not names(anybody)
    assert not namespace.has("tap5")
    told.end()


def test_the_opener_s_helper_does_it(namespace, anybody):
    """As Hercules: the ioctl is sent by a child on the inherited descriptor."""
    told = Told(anybody, USER)
    told("opened()")
    assert told("os.set_inheritable(fd, True)") == "None"
    child = "import fcntl, struct, sys; fcntl.ioctl(int(sys.argv[1]), 0x400454ca, struct.pack(\"16sH22x\", b\"tun11\", 0x1001))"
    assert told(f"__import__('subprocess').run([sys.executable, '-c', {child!r}, str(fd)], close_fds=False).returncode") == "0"
    assert told("getiff()") == "tun11"
    assert "tun11" in names(anybody)
    told.end()


def test_without_a_daemon_the_kernel_answers(namespace, directory, daemon):
    told = Told(daemon)
    told("opened()")
    daemon.stop()
    assert told('setiff("tap3", IFF_TAP | NO_PI)') == "tap3"
    assert told("plain(TUNSETPERSIST, 1)") == "0"
    assert told("plain(TUNSETPERSIST, 0)") == "0"
    told.end()


def test_an_interface_that_root_made_for_a_user(namespace, anybody):
    """ip tuntap add ... user: joined, not refused."""
    namespace.run(["ip", "tuntap", "add", "dev", "tap5", "mode", "tap", "user", "1234"])
    told, other = Told(anybody, USER), Told(anybody, ["setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups"], "other")
    told("opened()")
    assert told('setiff("tap5", IFF_TAP | NO_PI)') == "tap5"
    other("opened()")
    assert other('setiff("tap5", IFF_TAP | NO_PI)') in ("EBUSY", "EPERM")
    assert "tap5" not in names(anybody)
    told.end()
    other.end()
    assert namespace.has("tap5")
    namespace.run(["ip", "link", "del", "tap5"])


def test_the_next_daemon_takes_it_over(namespace, directory, daemon):
    told = Told(daemon)
    told("opened()")
    assert told('setiff("vpn%d", IFF_TUN | NO_PI)') == "vpn0"
    daemon.process.kill()
    second = Daemon(namespace, directory, name="second")
    assert names(second)["vpn0"]["holder"]["pid"] == told.process.pid
    # It is still of this dialect: an address does not bring it up.
    namespace.run(["ip", "addr", "add", "10.5.5.1/24", "dev", "vpn0"])
    assert names(second)["vpn0"]["addresses"] and not namespace.is_up("vpn0")
    told.end()
    wait_until(lambda: not names(second))
    assert second.stop() == 0


def test_where_the_node_was_opened(namespace, directory, anybody):
    """A program that opened the node, and went to another namespace, has its interface where it opened it."""
    there = Namespace(directory)
    told = Told(anybody)
    told("opened()")
    assert told(f"ctypes.CDLL(None).setns(os.open('/proc/{there.pid}/ns/net', 0), 0)") == "0"
    assert told('setiff("tap7", IFF_TAP | NO_PI)') == "tap7"
    assert namespace.has("tap7") and not there.has("tap7")
    told("opened()")
    assert told('setiff("tap7", IFF_TAP | NO_PI)') == "tap7"
    assert there.has("tap7")
    told.end()
    assert there.end() == []
