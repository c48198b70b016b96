# SPDX-License-Identifier: BSD-2-Clause
"""Devices that are handed on: by shells, by Python, to a process without rights or root directory, into another namespace."""
import os
import pathlib

import pytest

from worlds import *

FRAME = 'b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 46'

# What a program is told to do with a descriptor that it inherits or receives: a line at a time, as worlds.HOLDER.
HEIR = f"""
import errno, fcntl, os, socket, stat, struct, sys

FRAME = {FRAME}
TUNSIFHEAD, TUNGIFHEAD, TUNGETIFF = 0x40047460, 0x80047461, 0x800454d2

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode()) # at once, or half of it may be taken for the whole

def obey(fd):
    say("opened", fd)
    for line in sys.stdin:
        command = line.split()
        try:
            if command[0] == "read":
                say("read", len(os.read(fd, 70000)))
            elif command[0] == "write":
                say("write", os.write(fd, FRAME.ljust(int(command[1]), b"y")))
            elif command[0] == "raw":
                say("raw", os.write(fd, bytes.fromhex(command[1])))
            elif command[0] == "header":
                say("header", struct.unpack("i", fcntl.ioctl(fd, TUNGIFHEAD, bytes(4)))[0])
            elif command[0] == "kernel":
                say("kernel", len(fcntl.ioctl(fd, TUNGETIFF, bytes(40))))
            elif command[0] == "node":
                st = os.fstat(fd)
                say("node", stat.S_ISCHR(st.st_mode), os.stat("/dev/" + command[1]).st_rdev == st.st_rdev)
        except OSError as e:
            say(command[0], errno.errorcode[e.errno])
"""
OF_ARGUMENT = "obey(int(sys.argv[1]))\n"

# Opens a device and becomes an image that inherits it.
TESTATOR = """
import os, sys
fd = os.open("/dev/@DEVICE@", os.O_RDWR | os.O_NONBLOCK)
os.set_inheritable(fd, True)
os.execvp(sys.argv[1], [argument.replace("FD", str(fd)) for argument in sys.argv[1:]])
"""


def heir(daemon, device="tap0", prefix=(), name="heir", **more):
    """A program that has inherited a device; prefix: what it is started by, in between."""
    command = [*prefix, PYTHON, "-u", "-c", HEIR + OF_ARGUMENT, "FD"]
    process = daemon.namespace.start([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-u", "-c",
                                      TESTATOR.replace("@DEVICE@", device), *command], name, **more)
    process.wait_for("opened")
    return process


def has_the_contract(process, daemon):
    """What only the library makes, on a device that is down."""
    assert answer(process, "read") == "read EIO"
    assert answer(process, "write 60") == "write EIO"
    assert answer(process, "kernel") == "kernel ENOTTY"
    daemon.namespace.run(["ip", "link", "set", "tap0", "up"])
    assert answer(process, "write 60") == "write 60"
    assert answer(process, "write 1514") == "write 1514"
    assert answer(process, "write 1515") == "write EMSGSIZE"
    daemon.namespace.run(["ip", "link", "set", "tap0", "down"])
    wait_until(lambda: daemon.state("tap0") == "open")  # until then a packet of the kernel's own may be read, or waited for
    assert answer(process, "read") == "read EIO"


def test_a_shell_opens_it_for_a_program(namespace, daemon):
    process = namespace.start([TUNTAPD, "exec", "-s", daemon.socket, "--", "sh", "-c",
                               'exec 5<>/dev/tap0; "$0" -u -c "$1" 5; true', PYTHON, HEIR + OF_ARGUMENT], "shell")
    process.wait_for("opened")
    has_the_contract(process, daemon)
    assert answer(process, "node tap0") == "node True True"
    process.end()
    wait_until(lambda: not namespace.has("tap0"))


@pytest.mark.parametrize("how", ["pass_fds", "stdin"])
def test_python_hands_it_to_a_child(namespace, daemon, how):
    """As a number of its own, and in the place of standard input (by dup2, in the child)."""
    code = HEIR + "obey(int(sys.argv[1]))" if how == "pass_fds" else (
        HEIR + "device = os.dup(0); os.dup2(int(sys.argv[1]), 0); obey(device)")
    more = "pass_fds=(fd,)" if how == "pass_fds" else "stdin=fd, pass_fds=(words,)"
    process = daemon.start(f"""
import os, subprocess, sys
fd = os.open("/dev/tap0", os.O_RDWR | os.O_NONBLOCK)
words = os.dup(0)
number = fd if {how == "pass_fds"} else words
child = subprocess.Popen([sys.executable, "-u", "-c", {code!r}, str(number)], {more})
os.close(fd)
child.wait()
""")
    process.wait_for("opened")
    has_the_contract(process, daemon)
    process.popen.stdin.close()
    process.wait()
    wait_until(lambda: not namespace.has("tap0"))


def test_close_on_exec_closes_it(namespace, daemon):
    done = daemon.run("""
import os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
code = "import os, sys\\ntry: os.read(int(sys.argv[1]), 1)\\nexcept OSError as e: print(e.errno, 'tap0' in os.listdir('/sys/class/net'))"
os.execv(sys.executable, [sys.executable, "-c", code, str(fd)])
""")
    assert done.stdout.split()[0] == "9"
    wait_until(lambda: not namespace.has("tap0"))


def test_header_mode_is_the_device_s(namespace, daemon):
    process = heir(daemon, "tun0", prefix=[PYTHON, "-c", """
import fcntl, os, struct, sys
fcntl.ioctl(int(sys.argv[1]), 0x40047460, struct.pack("i", 1))
os.execvp(sys.argv[2], sys.argv[2:])
""", "FD"])
    assert answer(process, "header") == "header 1"
    namespace.run(["ip", "link", "set", "tun0", "up"])
    assert answer(process, "raw 0000000245" + 19 * "00") == "raw 24"
    assert answer(process, "raw 0000000545" + 19 * "00") == "raw EAFNOSUPPORT"
    process.end()


# A program in two parts, as sshd is: one that may open devices, and one that has given everything up.
TWO_PARTS = HEIR + """
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
if os.fork() == 0:
    ours.close()
    @GIVE_UP@
    received = socket.recv_fds(theirs, 1, 1)[1][0]
    obey(received)
    os._exit(0)
theirs.close()
fd = os.open("/dev/@DEVICE@", os.O_RDWR | os.O_NONBLOCK)
@HEADER@
socket.send_fds(ours, [b"x"], [fd])
os.close(fd)
os.wait()
"""


def two_parts(daemon, device, give_up, header="pass"):
    code = TWO_PARTS.replace("@DEVICE@", device).replace("@GIVE_UP@", give_up).replace("@HEADER@", header)
    process = daemon.start(code, "two-parts")
    process.wait_for("opened")
    return process


def test_a_part_without_rights(namespace, daemon):
    process = two_parts(daemon, "tap0", "os.setgroups([]); os.setgid(1234); os.setuid(1234)")
    has_the_contract(process, daemon)
    process.popen.stdin.close()
    process.wait()


def test_a_part_without_rights_sees_header_mode(namespace, daemon):
    process = two_parts(daemon, "tun0", "os.setgroups([]); os.setgid(1234); os.setuid(1234)",
                        "fcntl.ioctl(fd, TUNSIFHEAD, struct.pack('i', 1))")
    assert answer(process, "header") == "header 1"
    process.popen.stdin.close()
    process.wait()


def test_a_part_in_an_empty_root_directory(namespace, daemon, directory):
    """No page there: the kernel is asked each time, and header mode is not to be had."""
    empty = pathlib.Path(directory) / "empty"
    empty.mkdir()
    process = two_parts(daemon, "tap0", f"os.chroot({str(empty)!r}); os.chdir('/'); os.setgid(1234); os.setuid(1234)")
    has_the_contract(process, daemon)
    process.popen.stdin.close()
    process.wait()


@pytest.fixture(params=["of the same number", "of another number"])
def elsewhere(directory, request):
    """Another namespace, with interfaces of its own that have the devices' names: down, and with a large MTU."""
    n = Namespace(directory)
    # Numbers are given in turn, in each namespace.
    made = [("spare0", "tap")] * (request.param == "of another number") + [("tap0", "tap"), ("tun0", "tun")]
    for name, mode in made:
        n.run(["ip", "tuntap", "add", name, "mode", mode])
        n.run(["ip", "link", "set", name, "mtu", "9000"])
    n.same_index = request.param == "of the same number"
    yield n
    for name, _ in made:
        n.run(["ip", "link", "delete", name])
    left = n.end()
    assert not left, f"interfaces or processes are left: {left}"


def index_of(namespace, name):
    return int(namespace.run(["ip", "-o", "link", "show", name]).stdout.split(":")[0])


def test_an_image_in_another_namespace(namespace, daemon, elsewhere):
    """Whose interfaces, of the same name, are not the device's."""
    process = heir(daemon, prefix=["nsenter", f"--net=/proc/{elsewhere.pid}/ns/net"])
    try:
        assert (index_of(namespace, "tap0") == index_of(elsewhere, "tap0")) == elsewhere.same_index
        assert answer(process, "read") == "read EIO"
        assert answer(process, "write 60") == "write EIO"
        namespace.run(["ip", "link", "set", "tap0", "up"])
        wait_until(lambda: daemon.state("tap0") == "up")
        assert answer(process, "write 60") == "write 60"
        assert answer(process, "write 1514") == "write 1514"
        assert answer(process, "write 1515") == "write EMSGSIZE"
        elsewhere.run(["ip", "link", "set", "tap0", "up"])
        namespace.run(["ip", "link", "set", "tap0", "down"])
        assert answer(process, "write 60") == "write EIO"
        assert answer(process, "write 13") == "write EIO"
        wait_until(lambda: daemon.state("tap0") == "open")
        assert answer(process, "read") == "read EIO"
    finally:
        process.end()


def test_without_a_page_in_another_namespace(namespace, daemon, directory, elsewhere):
    """Up and down are the descriptor's own; the MTU would be a stranger's, and the kernel takes what it takes."""
    process = heir(daemon, prefix=["env", f"TUNTAPD_SOCKET={directory}/none", "nsenter", f"--net=/proc/{elsewhere.pid}/ns/net"])
    try:
        assert answer(process, "read") == "read EIO"
        assert answer(process, "write 60") == "write EIO"
        namespace.run(["ip", "link", "set", "tap0", "up"])
        assert answer(process, "write 60") == "write 60"
        assert answer(process, "write 1514") == "write 1514"
    finally:
        process.end()


def test_header_mode_in_another_namespace(namespace, daemon, elsewhere):
    process = heir(daemon, "tun0", prefix=[PYTHON, "-c", """
import fcntl, os, struct, sys
fcntl.ioctl(int(sys.argv[1]), 0x40047460, struct.pack("i", 1))
os.execvp(sys.argv[2], sys.argv[2:])
""", "FD", "nsenter", f"--net=/proc/{elsewhere.pid}/ns/net"])
    try:
        assert answer(process, "header") == "header 1"
    finally:
        process.end()


@pytest.mark.parametrize("what", ["a pipe", "a symbolic link", "a stranger's file", "a file that all may write"])
def test_a_page_that_is_not_the_daemon_s(namespace, daemon, directory, what):
    """TUNTAPD_SOCKET names another directory in the next image.  What lies there is not believed, and cannot make it wait or fail."""
    page = pathlib.Path(directory) / "false.d" / "state" / "tap0"
    page.parent.mkdir(parents=True)
    script = f"""
import os, shutil
path = {str(page)!r}
true = {str(daemon.rundir)!r} + "/state/tap0"
if {what!r} == "a pipe":
    os.mkfifo(path)
else:
    if {what!r} == "a symbolic link":
        os.symlink(path + ".true", path)
        path += ".true"
    shutil.copyfile(true, path)
    data = bytearray(open(path, "rb").read())
    data[24:28] = b"\\0\\0\\1\\0" # header mode, which is not
    open(path, "wb").write(data)
    os.chmod(path, 0o666 if "all" in {what!r} else 0o644)
    os.chown(path, 1234 if "stranger" in {what!r} else 0, 0)
import sys
os.execvp(sys.argv[1], sys.argv[1:])
"""
    process = heir(daemon, prefix=["env", f"TUNTAPD_SOCKET={directory}/false", PYTHON, "-c", script])
    has_the_contract(process, daemon)
    process.end()


def test_a_user_namespace_in_which_root_has_no_number(namespace):
    """The daemon's file seems to be nobody's there; in the system's own directory it is believed all the same."""
    namespace.run(["sh", "-c", "mount -t tmpfs none /run && mkdir /run/tuntapd"])
    daemon = Daemon(namespace, "/run/tuntapd")
    process = heir(daemon, "tun0", prefix=[PYTHON, "-c", """
import fcntl, os, struct, sys
fcntl.ioctl(int(sys.argv[1]), 0x40047460, struct.pack("i", 1))
os.execvp(sys.argv[2], sys.argv[2:])
""", "FD", "setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "unshare", "-U", "-r"])
    assert answer(process, "header") == "header 1"
    process.end()
    wait_until(lambda: not namespace.has("tun0"))
    assert daemon.stop() == 0
