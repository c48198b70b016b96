# SPDX-License-Identifier: BSD-2-Clause
"""The control socket that a service manager made: served, kept over the daemon's end, and refused where it is not the daemon's."""
import os
import pathlib
import shutil
import signal
import socket
import stat

import pytest
from worlds import TUNTAPD, PYTHON, Daemon, answer, wait_until

# Becomes the daemon as a service manager would: the descriptors from 3 on, and the variables that say so.
BECOME = """
import os, sys
fds, pid, command = [int(fd) for fd in sys.argv[1].split(",")], sys.argv[2], sys.argv[3:]
for place, fd in enumerate([os.dup(fd) if fd < 3 + len(fds) else fd for fd in fds], 3):
    os.dup2(fd, place)
os.environ["LISTEN_FDS"] = str(len(fds))
os.environ["LISTEN_PID"] = pid if pid != "own" else str(os.getpid())
os.execv(command[0], command)
"""

def listening(path, kind=socket.SOCK_SEQPACKET, listen=True):
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(path)
    os.chmod(path, 0o666)
    if listen:
        one.listen(16)
    return one

def start(namespace, directory, sockets, name="daemon", pid="own"):
    fds = [one.fileno() for one in sockets]
    return namespace.start([PYTHON, "-c", BECOME, ",".join(map(str, fds)), pid, TUNTAPD, "serve", "-v", "-s",
                            os.path.join(directory, "socket")], name, pass_fds=fds)

class Handed(Daemon):
    """A daemon that serves a socket of the test's."""

    def __init__(self, namespace, directory, listener, name="daemon"):  # pylint: disable=super-init-not-called
        self.namespace = namespace
        self.socket = str(pathlib.Path(directory) / "socket")
        self.rundir = pathlib.Path(self.socket + ".d")
        self.process = start(namespace, directory, [listener], name)
        self.process.wait_for("serving ")

@pytest.fixture
def listener(directory):
    one = listening(os.path.join(directory, "socket"))
    yield one
    one.close()

OPEN = "import os; os.close(os.open('/dev/tap3', os.O_RDWR)); print('opened it')"

def test_who_opens_between_two_daemons_waits_for_the_second(namespace, directory, listener):
    """Its list stays as well, or the library would not ask at all."""
    inode = os.stat(os.path.join(directory, "socket")).st_ino
    first = Handed(namespace, directory, listener)
    holder = first.hold("tap0")
    assert first.stop() == 0
    assert os.stat(first.socket).st_ino == inode and (first.rundir / "devices").exists()
    opener = first.start(OPEN, "opener")
    wait_until(lambda: is_waiting(opener.pid), what="the opener waits for an answer")
    assert opener.alive() and opener.output == ""
    second = Handed(namespace, directory, listener, "second")
    assert opener.wait() == 0 and "opened it" in opener.output
    assert second.state("tap0") == "open"
    assert answer(holder, "close") == "closed"
    wait_until(lambda: second.state("tap0") == "closed")
    assert second.stop() == 0

def is_waiting(pid):
    """Whether a process sleeps in poll(2)."""
    text = pathlib.Path(f"/proc/{pid}/wchan").read_text()
    return "poll" in text

def test_a_killed_daemon_leaves_its_socket_to_the_next(namespace, directory, listener):
    first = Handed(namespace, directory, listener)
    worker = wait_until(first.worker)
    holder = first.hold("tap0")
    first.process.kill()
    wait_until(lambda: not pathlib.Path(f"/proc/{worker}").exists())
    second = Handed(namespace, directory, listener, "second")
    assert second.state("tap0") == "open"
    holder.end()
    wait_until(lambda: second.state("tap0") == "closed")
    assert second.stop() == 0

def test_stop_request_withdraws_the_list_and_leaves_the_socket(namespace, directory, listener):
    daemon = Handed(namespace, directory, listener)
    namespace.run([TUNTAPD, "serve", "--stop-all", "-s", daemon.socket])
    assert daemon.process.wait() == 0
    assert not (daemon.rundir / "devices").exists()
    assert stat.S_ISSOCK(os.stat(daemon.socket).st_mode)

def test_nothing_of_the_handover_is_handed_on(namespace, directory, listener):
    daemon = Handed(namespace, directory, listener)
    worker = wait_until(daemon.worker)
    assert daemon.state("tap0") == "closed"
    assert b"LISTEN_" not in pathlib.Path(f"/proc/{worker}/environ").read_bytes()
    flags = int(pathlib.Path(f"/proc/{daemon.pid}/fdinfo/3").read_text().split("flags:")[1].split()[0], 8)
    assert flags & os.O_CLOEXEC
    assert daemon.stop() == 0

@pytest.mark.parametrize("kind, listen, where, said", [
    (socket.SOCK_STREAM, True, "socket", "is not for"),
    (socket.SOCK_SEQPACKET, False, "socket", "is not for"),
    (socket.SOCK_SEQPACKET, True, "elsewhere", "No such file"),
])
def test_a_socket_that_is_not_the_daemon_s_is_refused(namespace, directory, kind, listen, where, said):
    one = listening(os.path.join(directory, where), kind, listen)
    process = start(namespace, directory, [one])
    assert process.wait() == 69 and said in process.output
    assert os.path.exists(os.path.join(directory, where))  # not ours to remove
    one.close()

def test_a_socket_at_another_path_is_refused_where_the_own_path_has_one(namespace, directory):
    one, other = listening(os.path.join(directory, "elsewhere")), listening(os.path.join(directory, "socket"))
    process = start(namespace, directory, [one])
    assert process.wait() == 69 and "is not the one at" in process.output
    one.close()
    other.close()

def test_two_sockets_are_refused(namespace, directory, listener):
    process = start(namespace, directory, [listener, listener])
    assert process.wait() == 69 and "more than one socket" in process.output

def test_variables_for_another_process_mean_nothing(namespace, directory):
    """A program that was started with a socket of its own, and starts the daemon."""
    other = listening(os.path.join(directory, "other"))
    process = start(namespace, directory, [other], pid="1")
    process.wait_for("serving ")
    assert stat.S_ISSOCK(os.stat(os.path.join(directory, "socket")).st_mode)
    assert process.kill(signal.SIGTERM) == 0
    assert not os.path.exists(os.path.join(directory, "socket"))
    other.close()

@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="there is no systemd-socket-activate")
def test_systemd_s_own_tool_starts_the_daemon_at_the_first_connection(namespace, directory):
    path = os.path.join(directory, "socket")
    handed_on = [f"--setenv={name}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ]
    process = namespace.start(["systemd-socket-activate", *handed_on, "--seqpacket", "-l", path, TUNTAPD, "serve", "-s", path], "daemon")
    wait_until(lambda: os.path.exists(path), what="the socket")
    assert "serving" not in process.output
    done = namespace.run([TUNTAPD, "status", "-s", path, "tap0"])
    assert "tap0" in done.stdout and "serving" in process.output
    assert process.kill(signal.SIGTERM) == 0
