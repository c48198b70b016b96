# SPDX-License-Identifier: BSD-2-Clause
"""The daemon and its files: start, stop, status, names, policy."""
import os
import pathlib
import socket
import stat
import threading

import pytest
from worlds import PYTHON, TUNTAPD, Client, Daemon, Process, answer, links_of, wait_until

def test_readiness_is_notified(namespace, directory):
    path = os.path.join(directory, "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(10)
    listener.bind(path)
    daemon = Daemon(namespace, directory, env={**os.environ, "NOTIFY_SOCKET": path})
    assert listener.recv(100) == b"READY=1"
    listener.close()
    assert daemon.stop() == 0

def test_clean_stop_withdraws_socket_and_list(namespace, directory):
    daemon = Daemon(namespace, directory)
    assert (daemon.rundir / "devices").exists()
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o666
    assert daemon.stop() == 0
    assert not os.path.exists(daemon.socket)
    assert not (daemon.rundir / "devices").exists()

def test_two_daemons_in_one_namespace_share_nothing_but_it(namespace, directory, daemon):
    other_directory = os.path.join(directory, "other")
    os.mkdir(other_directory)
    other = Daemon(namespace, other_directory)
    holder = daemon.hold("tap0")
    refused = other.run("import os; os.open('/dev/tap0', os.O_RDWR)", check=False)
    assert "EBUSY" in refused.stderr or "busy" in refused.stderr
    wait_until(lambda: "tap0: refused" in other.log and "not ours" in other.log)
    second = other.hold("tap1", name="second")
    assert daemon.state("tap1") == "closed" and other.state("tap1") == "open"
    holder.end()
    second.end()
    wait_until(lambda: other.state("tap1") == "closed")
    assert other.stop() == 0

def test_worker_has_no_rights(daemon):
    assert daemon.state("tap0") == "closed"  # it has served somebody, so it has given up its rights
    worker = wait_until(daemon.worker)
    status = pathlib.Path(f"/proc/{worker}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() != ["0", "0", "0", "0"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"].strip() == "1"
    assert "asan" in TUNTAPD or fields["Seccomp"].strip() == "2"
    assert fields["Groups"].strip() == ""
    assert os.readlink(f"/proc/{worker}/root") == str(daemon.rundir / "empty")
    assert not os.listdir(daemon.rundir / "empty")

def test_daemon_keeps_no_copy_of_a_channel(daemon):
    holder = daemon.hold("tap0")
    daemon.status()  # answered after the monitor has closed its own
    for pid in (daemon.pid, wait_until(daemon.worker)):
        links = links_of(pid)
        assert not [link for link in links if link == "/dev/net/tun"], links
    holder.end()

def test_status_shows_a_device_through_its_life(namespace, daemon):
    assert daemon.state("tap2") == "closed"
    holder = daemon.hold("tap2")
    device = daemon.status()["tap2"]
    assert device["state"] == "open"
    assert device["interface"] == "tap2" and device["link"] == "linux" and device["channel"] == "direct"
    assert device["holder"]["pid"] == holder.pid and device["holder"]["uid"] == 0
    assert device["holder"]["program"].startswith("python3")
    namespace.run(["ip", "addr", "add", "10.5.5.1/24", "dev", "tap2"])
    wait_until(lambda: daemon.state("tap2") == "up")
    namespace.run(["ip", "link", "set", "tap2", "mtu", "1400"])
    for _ in range(3):
        assert answer(holder, "write") == "write 60"
    device = wait_until(lambda: (d := daemon.status()["tap2"])["mtu"] == 1400 and d)
    assert {"address": "10.5.5.1", "prefix": 24}.items() <= device["addresses"][0].items()
    assert device["from_program"]["packets"] == 3 and device["from_program"]["bytes"] == 3 * 60

    assert device["mac"] in namespace.interfaces()["tap2"]
    holder.end()
    wait_until(lambda: daemon.state("tap2") == "closed")

def test_drops_toward_a_program_that_does_not_read_are_counted(namespace, daemon):
    holder = daemon.hold("tap0")
    namespace.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/tap0/disable_ipv6; ip link set tap0 up"])
    namespace.run([PYTHON, "-c", """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0x88b5))
for _ in range(3000):
    try:
        s.send(b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 50)
    except OSError:
        pass
"""])
    dropped = daemon.status()["tap0"]["to_program"]["dropped"]
    assert 0 < dropped < 3000
    for _ in range(3000 - dropped):
        assert answer(holder, "read") == "read 64"
    assert answer(holder, "read") == "read EAGAIN"
    assert daemon.status()["tap0"]["to_program"]["packets"] == 3000 - dropped
    holder.end()

def test_rename_is_followed(namespace, daemon):
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "set", "tap0", "name", "uplink0"])
    wait_until(lambda: daemon.status()["tap0"]["interface"] == "uplink0")
    assert namespace.run([TUNTAPD, "ifname", "-s", daemon.socket, "tap0"]).stdout.strip() == "uplink0"
    holder.end()
    wait_until(lambda: daemon.state("tap0") == "closed")

@pytest.mark.parametrize("up", [True, False])
def test_persistence_behind_our_back_is_undone(namespace, daemon, up):
    holder = daemon.start(f"""
import ctypes, os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
{up} and os.system("ip link set tap0 up")
libc = ctypes.CDLL(None)
# Past the library, by a raw system call: TUNSETPERSIST.
print("raw", libc.syscall(16 if os.uname().machine == "x86_64" else 29, fd, 0x400454cb, 1))
sys.stdin.read()
""")
    holder.wait_for("raw 0")
    if up:
        wait_until(lambda: not namespace.has("tap0"))
    # While it is down the kernel does not tell of the mark: the next who asks has the interface looked at.
    assert daemon.state("tap0") == "closed"
    assert not namespace.has("tap0")
    assert "made persistent" in daemon.log
    holder.end()

@pytest.mark.parametrize("ids, groups, allowed", [
    ((0, 0), [], True),
    ((1234, 1234), [], False),
    ((1234, 4321), [], True),         # group
    ((1234, 1234), [4321], True),     # supplementary group
    ((5555, 1234), [], True),         # owner
])
def test_policy_is_the_same_for_stat_access_and_open(namespace, directory, ids, groups, allowed):
    configuration = pathlib.Path(directory) / "conf"
    configuration.write_text("owner = 5555\ngroup = 4321\nmode = 0660\n")
    daemon = Daemon(namespace, directory, ["-c", str(configuration)])
    code = f"""
import errno, os
os.setgroups({groups}); os.setresgid({ids[1]}, {ids[1]}, {ids[1]}); os.setresuid({ids[0]}, {ids[0]}, {ids[0]})
st = os.stat("/dev/tap0")
print("owner", st.st_uid, st.st_gid, oct(st.st_mode & 0o777))
print("access", os.access("/dev/tap0", os.R_OK | os.W_OK))
try:
    os.open("/dev/tap0", os.O_RDWR)
    print("open ok")
except OSError as e:
    print("open", errno.errorcode[e.errno])
"""
    done = daemon.run(code)
    assert "owner 5555 4321 0o660" in done.stdout
    assert f"access {allowed}" in done.stdout
    assert ("open ok" if allowed else "open EACCES") in done.stdout
    assert daemon.stop() == 0

def test_denied_is_eacces_also_where_the_unit_is_busy(daemon):
    holder = daemon.hold("tap0")
    done = daemon.run("""
import errno, os
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)
try:
    os.open("/dev/tap0", os.O_RDWR)
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    assert done.stdout.strip() == "EACCES"
    holder.end()

def test_given_descriptor_may_not_exceed_what_was_asked(daemon, namespace):
    """A client that says "read only" and sends a descriptor that can write is refused."""
    code = f"""
import os, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from worlds import Client
for flags, access in ((os.O_RDWR, 1), (os.O_RDWR, 2), (os.O_WRONLY, 1), (os.O_RDONLY, 1)):
    node = os.open("/dev/net/tun", flags)
    client = Client({daemon.socket!r})
    client.send(Client.attach_message(access=access), [node])
    data, fds = client.receive()
    print(flags, access, Client.error(data), len(fds))
"""
    done = namespace.run([PYTHON, "-c", code])
    assert done.stdout.splitlines() == ["2 1 13 0", "2 2 13 0", "1 1 13 0", "0 1 0 2"]

def test_given_descriptor_must_be_an_unattached_tun(daemon, namespace):
    code = f"""
import fcntl, os, struct, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from worlds import Client
attached = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(attached, 0x400454ca, struct.pack("16sH22x", b"foreign0", 0x1002))
for fd in (os.open("/dev/null", os.O_RDWR), os.pipe()[0], attached):
    client = Client({daemon.socket!r})
    client.send(Client.attach_message(), [fd])
    data, fds = client.receive()
    print(Client.error(data), len(fds))
"""
    done = namespace.run([PYTHON, "-c", code])
    assert done.stdout.splitlines() == ["22 0", "22 0", "22 0"]
    assert daemon.state("tap0") == "closed"

def test_header_mode_needs_the_device(daemon, namespace):
    holder = daemon.hold("tun0")
    code = f"""
import os, struct, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from worlds import Client
client = Client({daemon.socket!r})
message = Client.header(Client.HEADER_MODE, 32) + struct.pack("=QIB3x", 1, 0, 1)
client.send(message, [os.open("/dev/net/tun", os.O_RDWR)])
data, fds = client.receive()
print(Client.error(data))
"""
    done = namespace.run([PYTHON, "-c", code])
    assert done.stdout.strip() == "1"  # EPERM
    holder.end()

def test_stop_request_is_root_s_alone(daemon):
    done = daemon.namespace.run(["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", TUNTAPD, "serve",
                                 "--stop-all", "-s", daemon.socket], check=False)
    assert done.returncode == 77
    assert daemon.process.alive()

def test_stop_all_ends_devices(namespace, daemon):
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "set", "tap0", "up"])
    namespace.run([TUNTAPD, "serve", "--stop-all", "-s", daemon.socket])
    assert daemon.process.wait() == 0
    wait_until(lambda: not namespace.has("tap0"))
    assert answer(holder, "read") == "read EIO"
    assert answer(holder, "write") == "write EIO"
    assert answer(holder, "open tap1") == "open ENOENT"

def test_many_threads_open_and_close(daemon):
    done = daemon.run("""
import errno, os, threading
bad = []
def work(unit):
    for _ in range(8):
        fd = os.open(f"/dev/tap{unit}", os.O_RDWR)
        try:
            os.read(fd, 100)
            bad.append("read")
        except OSError as e:
            if e.errno != errno.EIO:
                bad.append(e)
        os.close(fd)
threads = [threading.Thread(target=work, args=(unit,)) for unit in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print("bad", bad)
""")
    assert done.stdout.strip() == "bad []"
