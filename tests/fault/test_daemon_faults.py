# SPDX-License-Identifier: BSD-2-Clause
"""What the daemon and its host can lose: a process, a node, rights, descriptors, news."""
import os
import pathlib
import resource
import signal
import struct
import subprocess

import pytest
from worlds import PYTHON, SHIM, TUNTAPD, Client, Daemon, Namespace, answer, wait_until

OPEN = """
import errno, os
try:
    os.open("/dev/tap0", os.O_RDWR)
    print("opened")
except OSError as e:
    print(errno.errorcode[e.errno])
"""


def open_without_exec(namespace, socket, verbose=False):
    """As a program whose environment has the shim, with or without a daemon."""
    environment = {**os.environ, "TUNTAPD_SOCKET": socket, "LD_PRELOAD": SHIM}
    if verbose:
        environment["TUNTAPD_VERBOSE"] = "1"
    done = namespace.run(["env", *[f"{k}={v}" for k, v in environment.items() if k.startswith(("TUNTAPD", "LD_"))],
                          PYTHON, "-c", OPEN])
    return done.stdout.strip(), done.stderr


def test_no_daemon_is_enoent_and_no_file(namespace, directory):
    out, err = open_without_exec(namespace, os.path.join(directory, "nowhere"))
    assert (out, err) == ("ENOENT", "")
    out, err = open_without_exec(namespace, os.path.join(directory, "nowhere"), verbose=True)
    assert out == "ENOENT" and err.count("\n") == 1 and "tap0" in err
    assert not os.path.exists("/dev/tap0")


def test_killed_daemon_is_enoent_for_new_opens(namespace, daemon):
    daemon.process.kill()
    assert open_without_exec(namespace, daemon.socket)[0] == "ENOENT"


def test_socket_path_too_long(namespace, directory):
    path = os.path.join(directory, "x" * 120)
    done = namespace.run([TUNTAPD, "serve", "-s", path], check=False)
    assert done.returncode == 64 and "too long" in done.stderr
    assert open_without_exec(namespace, path)[0] == "ENOENT"


def test_second_daemon_is_refused_and_the_first_goes_on(namespace, daemon):
    done = namespace.run([TUNTAPD, "serve", "-s", daemon.socket], check=False)
    assert done.returncode == 69
    assert f"pid {daemon.pid}" in done.stderr
    assert daemon.state("tap0") == "closed"


def test_stale_socket_is_replaced(namespace, directory, daemon):
    daemon.process.kill()
    assert os.path.exists(daemon.socket)
    wait_until(lambda: not any_worker_of(daemon.socket))
    second = Daemon(namespace, directory, name="second")
    assert second.state("tap0") == "closed"
    assert second.stop() == 0


def any_worker_of(socket):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "root") == socket + ".d/empty":
                return True
        except OSError:
            continue
    return False


def test_somebody_else_s_socket_is_left_alone(namespace, directory):
    import socket
    path = os.path.join(directory, "socket")
    other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    other.bind(path)
    other.listen(1)
    done = namespace.run([TUNTAPD, "serve", "-s", path], check=False)
    assert done.returncode == 69 and "somebody else listens" in done.stderr
    assert os.path.exists(path)
    other.close()


def test_file_in_the_socket_s_place_is_left_alone(namespace, directory):
    path = pathlib.Path(directory) / "socket"
    path.write_text("mine")
    done = namespace.run([TUNTAPD, "serve", "-s", str(path)], check=False)
    assert done.returncode == 69 and "no socket" in done.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize("how", ["owner", "mode", "symlink"])
def test_directory_that_others_can_write_is_refused(namespace, directory, how):
    rundir = pathlib.Path(directory) / "socket.d"
    if how == "symlink":
        rundir.symlink_to("/tmp")
    else:
        rundir.mkdir()
        if how == "owner":
            os.chown(rundir, 1234, 1234)
        else:
            rundir.chmod(0o777)
    done = namespace.run([TUNTAPD, "serve", "-s", str(pathlib.Path(directory) / "socket")], check=False)
    assert done.returncode == 77 and "only this user can write" in done.stderr


def test_no_rights(namespace, directory):
    os.chmod(directory, 0o777)
    done = namespace.run(["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", TUNTAPD, "serve", "-s",
                          os.path.join(directory, "socket")], check=False)
    assert done.returncode == 77
    assert "as root" in done.stderr and "--private" in done.stderr


def test_no_node(namespace, directory):
    namespace.run(["mount", "-t", "tmpfs", "none", "/dev/net"])
    done = namespace.run([TUNTAPD, "serve", "-s", os.path.join(directory, "socket")], check=False)
    assert done.returncode == 69
    assert "/dev/net/tun is missing" in done.stderr and "modprobe" in done.stderr


def test_no_node_and_no_need_of_it(namespace, directory):
    """What is made of a pair of interfaces needs no node; the devices that do are said to be missing."""
    configuration = pathlib.Path(directory) / "veth.conf"
    configuration.write_text('device tap { link = "veth" }\n')
    namespace.run(["mount", "-t", "tmpfs", "none", "/dev/net"])
    daemon = Daemon(namespace, directory, ["-c", str(configuration)])
    assert "16 tun devices cannot be opened: /dev/net/tun is missing" in daemon.log and "tap devices cannot" not in daemon.log
    assert daemon.run(OPEN).stdout.strip() == "opened"
    assert daemon.run(OPEN.replace("tap0", "tun0")).stdout.strip() == "ENXIO"
    # A configuration that names what is not there is not taken over.
    configuration.write_text('device tap0 { link = "linux" }\n')
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.process.wait_for("not taken over")
    assert daemon.run(OPEN).stdout.strip() == "opened"
    configuration.write_text('link = "veth"\n')
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: daemon.run(OPEN.replace("tap0", "tun0")).stdout.strip() == "opened", what="tun devices are made of pairs, too")
    wait_until(lambda: daemon.state("tap0") == "closed" and daemon.state("tun0") == "closed")
    assert daemon.stop() == 0


def test_node_that_goes_while_serving(namespace, daemon):
    namespace.run(["mount", "-t", "tmpfs", "none", "/dev/net"])
    done = daemon.run(OPEN)
    # Not ENOENT: programs that scan units would take it for the last.
    assert done.stdout.strip() == "ENXIO"
    assert "/dev/net/tun is missing" in daemon.log
    namespace.run(["umount", "/dev/net"])
    assert daemon.run(OPEN).stdout.strip() == "opened"


def test_program_that_cannot_open_the_node_gets_its_device(namespace, daemon):
    """The program sees no /dev/net/tun; the monitor opens it for it."""
    script = f"mount -t tmpfs none /dev/net && exec {TUNTAPD} exec -s {daemon.socket} -- {PYTHON} -c '{OPEN}'"
    done = namespace.run(["unshare", "-m", "sh", "-c", script])
    assert done.stdout.strip() == "opened"


def test_killed_program_leaves_no_interface(namespace, daemon):
    holder = daemon.hold("tap0")
    assert namespace.has("tap0")
    holder.kill()
    wait_until(lambda: not namespace.has("tap0"), 2.5)
    wait_until(lambda: daemon.state("tap0") == "closed")


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "worker"])
def test_program_does_not_notice_that_the_daemon_goes(namespace, directory, daemon, how):
    holder = daemon.hold("tap3")
    namespace.run(["ip", "addr", "add", "10.7.7.1/24", "dev", "tap3"])
    wait_until(lambda: daemon.state("tap3") == "up")
    assert answer(holder, "write") == "write 60"
    before = daemon.status()["tap3"]
    if how == "worker":
        os.kill(wait_until(daemon.worker), signal.SIGKILL)
        assert daemon.process.wait() == 70
        assert "open devices stay" in daemon.log
    else:
        daemon.process.kill(getattr(signal, how))
    assert namespace.has("tap3")
    assert answer(holder, "write") == "write 60"
    # The next daemon takes it over and shows it as before.
    second = Daemon(namespace, directory, name="second")
    after = second.status()["tap3"]
    for key in ("state", "interface", "holder", "since", "addresses", "mac", "mtu"):
        assert after[key] == before[key], key
    assert answer(holder, "write") == "write 60"
    namespace.run(["ip", "link", "set", "tap3", "down"])
    wait_until(lambda: answer(holder, "read") == "read EIO")
    namespace.run(["ip", "link", "set", "tap3", "up"])
    assert answer(holder, "write") == "write 60"
    # It is exclusive still, and its last close is noticed.
    assert second.run(OPEN.replace("tap0", "tap3")).stdout.strip() == "EBUSY"
    assert answer(holder, "close") == "closed"
    wait_until(lambda: second.state("tap3") == "closed")
    assert answer(holder, "open tap3") == "opened 3"
    holder.end()
    assert second.stop() == 0


def test_device_closed_while_no_daemon_served(namespace, directory, daemon):
    holder = daemon.hold("tap0")
    daemon.process.kill()
    holder.end()
    wait_until(lambda: not namespace.has("tap0"))
    second = Daemon(namespace, directory, name="second")
    assert "closed while no daemon served" in second.log
    assert second.state("tap0") == "closed"
    assert second.run(OPEN).stdout.strip() == "opened"
    assert second.stop() == 0


def test_daemon_killed_again_and_again_under_traffic(namespace, directory):
    holder = None
    for round_ in range(10):
        daemon = Daemon(namespace, directory, name=f"daemon{round_}")
        if holder is None:
            holder = daemon.hold("tap0")
            namespace.run(["ip", "link", "set", "tap0", "up"])
        wait_until(lambda: daemon.state("tap0") == "up")
        assert answer(holder, "write") == "write 60"
        daemon.process.kill()
        assert answer(holder, "write") == "write 60"
    packets = namespace.run(["ip", "-s", "-j", "link", "show", "tap0"])
    assert '"packets":20' in packets.stdout
    holder.end()


def test_monitor_ends_when_its_worker_lies(namespace, daemon):
    """What only a captured worker can send ends the service, not the devices.  gdb is not needed: the socket is reached
    through the worker's descriptor table, as a captured worker would."""
    holder = daemon.hold("tap0")
    worker = wait_until(daemon.worker)
    script = f"""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
pidfd = libc.syscall(434, {worker}, 0)
fd = libc.syscall(438, pidfd, 3, 0)
assert fd >= 0, os.strerror(ctypes.get_errno())
s = socket.socket(fileno=fd)
s.send(b"not a request")
"""
    namespace.run([PYTHON, "-c", script])
    assert daemon.process.wait() == 76
    assert "no worker sends" in daemon.log
    assert namespace.has("tap0")
    holder.end()


# sizeof(struct priv_request): daemon/privmsg.h.
PRIV_REQUEST_BYTES = 392
FORGED = {
    "its end of the pair": "borrow(3)",
    "the control socket": "borrow(4)",
    "an accomplice's end": "accomplice()",
    "an accomplice's end of the same name": "accomplice(bound=True)",
}


@pytest.mark.parametrize("connection", FORGED)
def test_worker_s_word_about_who_asks_counts_for_nothing(namespace, daemon, connection):
    """Of each of these sockets the kernel says that root is at its other end; none was accepted at the control socket."""
    holder = daemon.hold("tap0")
    worker = wait_until(daemon.worker)
    request = struct.pack("=IIQII", 0x76707474, 1, 99, 32, 0) + Client.header(Client.STOP, 32) + b"\0" * 16
    script = f"""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def borrow(fd):
    return libc.syscall(438, libc.syscall(434, {worker}, 0), fd, 0)
def accomplice(bound=False):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if bound:
        real = os.open({daemon.socket!r}, os.O_PATH)
        subprocess.run(["mount", "-t", "tmpfs", "none", os.path.dirname({daemon.socket!r})], check=True)
        s.bind({daemon.socket!r})
        s.connect(f"/proc/self/fd/{{real}}")
        subprocess.run(["umount", "-l", os.path.dirname({daemon.socket!r})], check=True)
    else:
        s.connect({daemon.socket!r})
    global kept
    kept = s
    return s.fileno()
connection = {FORGED[connection]}
assert struct.unpack("3i", socket.socket(fileno=os.dup(connection)).getsockopt(socket.SOL_SOCKET, 17, 12))[1] == 0
request = {request!r}
socket.send_fds(socket.socket(fileno=borrow(3)), [request + bytes({PRIV_REQUEST_BYTES} - len(request))], [connection])
"""
    namespace.python(script)
    wait_until(lambda: "its connection: Permission denied" in daemon.log or not daemon.process.alive())
    assert "stop request" not in daemon.log
    assert daemon.state("tap0") == "open" and daemon.process.alive()
    holder.end()


def test_stranger_s_interface_is_never_joined(namespace, daemon):
    namespace.run(["ip", "tuntap", "add", "dev", "tap0", "mode", "tap"])
    assert daemon.run(OPEN).stdout.strip() == "EBUSY"
    assert "tap0: refused" in daemon.log and "not ours" in daemon.log
    assert namespace.has("tap0")
    namespace.run(["ip", "tuntap", "del", "dev", "tap0", "mode", "tap"])
    assert daemon.run(OPEN).stdout.strip() == "opened"


def test_interface_deleted_by_somebody_else(namespace, daemon):
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "set", "tap0", "up"])
    namespace.run(["ip", "link", "delete", "tap0"])
    assert answer(holder, "read") == "read EIO"
    assert answer(holder, "write") == "write EIO"
    wait_until(lambda: daemon.state("tap0") == "closed")
    second = daemon.hold("tap0", name="second")
    assert answer(holder, "read") == "read EIO"
    assert answer(second, "read") == "read EIO"
    namespace.run(["ip", "link", "set", "tap0", "up"])
    assert answer(second, "write") == "write 60"
    # The first's descriptor stays what it is: over.
    assert answer(holder, "write") == "write EIO"
    holder.end()
    assert namespace.has("tap0")
    second.end()


def test_program_s_descriptor_table_full(daemon):
    done = daemon.run("""
import errno, os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.dup(0))
except OSError:
    pass
for free in range(6):
    try:
        os.close(os.open("/dev/tap0", os.O_RDWR))
        print("opened")
    except OSError as e:
        print(errno.errorcode[e.errno])
    os.close(held.pop())
""")
    lines = done.stdout.split()
    assert lines[0] == "EMFILE" and lines[-1] == "opened" and set(lines) == {"EMFILE", "opened"}
    wait_until(lambda: daemon.state("tap0") == "closed")


def settled(value):
    """A value that has come to rest: a request's connection is closed after it is answered, a moment later."""
    seen = [value()]

    def rests():
        seen.append(value())
        return len(seen) >= 20 and len(set(seen[-20:])) == 1
    wait_until(rests, what="a value at rest")
    return seen[-1]


def test_monitor_s_descriptor_table_full(namespace, daemon):
    """With no room for a descriptor a request is refused; nothing is left, and it works again with room."""
    before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    used = settled(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")))
    seen = set()
    # Room for none, one, two ... descriptors: each step of an attach fails in turn.
    for room in range(7):
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used + room, before[1]))
        seen.add(daemon.run(OPEN).stdout.strip())
        wait_until(lambda: not namespace.has("tap0"))
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
    assert "opened" in seen and seen & {"ENFILE", "EMFILE"} and seen <= {"opened", "ENFILE", "EMFILE"}, seen
    assert daemon.run(OPEN).stdout.strip() == "opened"
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert settled(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd"))) == used


def test_worker_s_descriptor_table_full(namespace, directory):
    """Connections fill the worker's table: it stops accepting for a while, and serves again when there is room."""
    daemon = Daemon(namespace, directory, name="small", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)))
    idle = [Client(daemon.socket) for _ in range(60)]
    wait_until(lambda: "trying again in a second" in daemon.log)
    for client in idle:
        client.close()
    wait_until(lambda: daemon.run(OPEN).stdout.strip() == "opened")
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert daemon.stop() == 0


def test_lost_news_is_made_good(namespace, daemon):
    """While the monitor is stopped more happens than its queue holds; afterwards the state is right."""
    holder = daemon.hold("tap0")
    other = daemon.hold("tap1", name="other")
    namespace.run(["ip", "link", "set", "tap0", "up"])
    wait_until(lambda: daemon.state("tap0") == "up")
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        batch = pathlib.Path(daemon.namespace.directory) / "batch"
        batch.write_text("link set lo mtu 60000\nlink set lo mtu 65536\n" * 1500)
        namespace.run(["ip", "-batch", str(batch)])
        namespace.run(["ip", "link", "set", "tap0", "down"])
        namespace.run(["ip", "link", "delete", "tap1"])
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    wait_until(lambda: daemon.state("tap0") == "open" and daemon.state("tap1") == "closed")
    assert "news of interfaces was lost" in daemon.log
    wait_until(lambda: answer(holder, "read") == "read EIO")
    holder.end()
    other.end()


def test_a_move_of_which_the_news_is_lost(namespace, directory, daemon):
    there = Namespace(directory)
    holder = daemon.hold("tap0")
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        batch = pathlib.Path(directory) / "batch"
        batch.write_text("link set lo mtu 60000\nlink set lo mtu 65536\n" * 1500)
        namespace.run(["ip", "-batch", str(batch)])
        namespace.run(["ip", "link", "set", "tap0", "netns", str(there.pid), "name", "there0"])
        there.run(["ip", "link", "set", "there0", "up"])
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    wait_until(lambda: daemon.status()["tap0"]["interface"] == "there0")
    assert daemon.status()["tap0"]["netns"] == os.stat(f"/proc/{there.pid}/ns/net").st_ino
    assert daemon.state("tap0") == "up" and "news of interfaces was lost" in daemon.log
    assert answer(holder, "write") == "write 60"
    holder.end()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert there.end() == []


def test_sixteen_of_each_kind_and_their_end(namespace, daemon):
    holder = daemon.start("""
import os, sys
fds = [os.open(f"/dev/{kind}{unit}", os.O_RDWR) for kind in ("tun", "tap") for unit in range(16)]
print("opened", len(fds))
sys.stdin.read()
""")
    holder.wait_for("opened 32")
    states = daemon.status()
    assert len(states) == 32 and {d["state"] for d in states.values()} == {"open"}
    assert len([name for name in namespace.interfaces() if name != "lo"]) == 32
    holder.kill()
    wait_until(lambda: len(namespace.interfaces()) == 1)
    wait_until(lambda: {d["state"] for d in daemon.status().values()} == {"closed"})


def test_damaged_files_of_an_earlier_daemon(namespace, directory):
    daemon = Daemon(namespace, directory)
    daemon.run(OPEN)
    assert daemon.stop() == 0
    (daemon.rundir / "journal").write_bytes(os.urandom(4000))
    (daemon.rundir / "state" / "tap0").write_bytes(b"short")
    second = Daemon(namespace, directory, name="second")
    assert second.run(OPEN).stdout.strip() == "opened"
    assert second.stop() == 0


def test_exec_private_needs_neither_daemon_nor_root(namespace, directory):
    """As an ordinary user: the node is readable by all, as udev makes it; here a private one is."""
    node = pathlib.Path(directory) / "tun"
    namespace.run(["mknod", "-m", "666", str(node), "c", "10", "200"])
    namespace.run(["mount", "--bind", str(node), "/dev/net/tun"])
    done = namespace.run(["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "env", "-u", "XDG_RUNTIME_DIR",
                          f"TMPDIR={directory}", TUNTAPD, "exec", "--private", "--", PYTHON, "-c", """
import os
fd = os.open("/dev/tap0", os.O_RDWR)
print("status", os.system("ip link set tap0 up && ip addr add 10.1.1.1/24 dev tap0"))
print("wrote", os.write(fd, b"\\xff" * 14 + b"x" * 50))
raise SystemExit(7)
"""], check=False)
    namespace.run(["umount", "/dev/net/tun"])
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == ["status 0", "wrote 64"]
    assert not namespace.has("tap0")
