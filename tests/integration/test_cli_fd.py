# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd fd: a program that inherits a device, and what it gets without the library."""
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading

import pytest
from worlds import BUILD, PYTHON, TUNTAPD, Daemon, answer, wait_until

ADOPT = str(BUILD / "tests/programs/adopt")
OK, USAGE, NO_DAEMON, SYSTEM, BUSY, PERMISSION, CANNOT_RUN, NOT_FOUND = 0, 64, 69, 71, 75, 77, 126, 127


def fd(daemon, *args, **how):
    return daemon.namespace.run([TUNTAPD, "fd", "-s", daemon.socket, *args], check=False, **how)


def adopt(daemon, *args, name="adopt"):
    process = daemon.namespace.start([TUNTAPD, "fd", "-q", "-s", daemon.socket, *args, "--", ADOPT], name)
    process.wait_for("adopted")
    return process


def test_the_program_is_static():
    """Or these tests would prove less than they say."""
    done = subprocess.run(["readelf", "-lW", ADOPT], capture_output=True, text=True, check=True)
    assert "INTERP" not in done.stdout


def test_static_program_carries_traffic(namespace, daemon):
    program = adopt(daemon, "tap0")
    # Standard streams and the device, nothing else; the kernel's own node.
    assert "adopted 3 of 4, node 10:200\n" in program.output
    device = daemon.status()["tap0"]
    assert device["state"] == "open" and device["holder"]["pid"] == program.pid and device["holder"]["program"] == "adopt"
    assert answer(program, "write 60") == "errno 5"  # the driver's own EIO, while down
    namespace.run(["sysctl", "-qw", "net.ipv6.conf.tap0.disable_ipv6=1"])
    namespace.run(["ip", "address", "add", "10.9.9.1/24", "dev", "tap0"])
    wait_until(lambda: daemon.state("tap0") == "up", what="the first address brings it up")
    namespace.run(["ping", "-q", "-c", "1", "-W", "1", "10.9.9.2"], check=False)
    assert answer(program, "read") == "42"  # an ARP request
    assert answer(program, "write 60") == "60"
    # Longer than MTU and link header: the kernel takes it, where the library would say EMSGSIZE.
    assert answer(program, "write 3000") == "3000"
    counters = daemon.status()["tap0"]
    assert counters["from_program"]["bytes"] == 3060 and counters["to_program"]["packets"] == 1
    program.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert not namespace.has("tap0")


def test_read_waits_while_the_interface_is_down(daemon):
    program = adopt(daemon, "tun0")
    program.say("read")
    # In the driver's read, where a program with the library would have been told EIO.
    wait_until(lambda: pathlib.Path(f"/proc/{program.pid}/wchan").read_text() != "0" and program.output.count("\n") == 1 and
               pathlib.Path(f"/proc/{program.pid}/syscall").read_text().split()[:2] == ["0", "0x3"], what="it sleeps in read(3)")
    assert "errno" not in program.output
    program.kill()


def test_device_outlives_the_daemon(namespace, directory):
    daemon = Daemon(namespace, directory)
    program = adopt(daemon, "tap1")
    daemon.process.kill()
    again = Daemon(namespace, directory, name="again")
    assert again.status()["tap1"]["holder"]["pid"] == program.pid
    program.kill()
    wait_until(lambda: again.state("tap1") == "closed")
    assert again.stop() == 0


def test_environment_says_number_and_interface(daemon):
    done = fd(daemon, "/dev/tun7", "--", "sh", "-c", 'echo "$TUNTAPD_FD $TUNTAPD_IFNAME ${LD_PRELOAD-none}"; readlink "/proc/self/fd/$TUNTAPD_FD"',
              env={**os.environ, "TUNTAPD_FD": "77"})
    assert (done.returncode, done.stdout) == (OK, "3 tun7 none\n/dev/net/tun\n")


@pytest.mark.parametrize("number", ["0", "1", "3", "4", "5", "6", "100"])
def test_number_can_be_chosen(daemon, number):
    code = """if True:
        import os, sys
        number = int(os.environ["TUNTAPD_FD"])
        inherited = [n for n in range(1000) if os.path.exists(f"/proc/self/fd/{n}") and os.get_inheritable(n)]
        print(number, os.readlink(f"/proc/self/fd/{number}"), *inherited, file=sys.stderr)
    """
    done = fd(daemon, "-q", "--fd", number, "tap0", PYTHON, "-c", code)
    assert done.returncode == OK, done.stderr
    got, node, *inherited = done.stderr.split()
    assert (got, node, set(inherited)) == (number, "/dev/net/tun", {"0", "1", "2", number})


def test_lowest_number_is_never_a_standard_streams(daemon):
    """Where one is closed, a program that writes to it must not write to the network."""
    done = daemon.namespace.run(["sh", "-c", f'exec <&- ; exec {TUNTAPD} fd -q -s {daemon.socket} tap0 sh -c "echo \\$TUNTAPD_FD"'])
    assert done.stdout == "3\n"


def test_number_past_the_limit(namespace, daemon):
    done = namespace.run(["sh", "-c", f"ulimit -n 64; exec {TUNTAPD} fd -s {daemon.socket} --fd 64 tap0 true"], check=False)
    assert done.returncode == SYSTEM and "ulimit" in done.stderr
    wait_until(lambda: daemon.state("tap0") == "closed")


def test_it_says_what_is_missing(daemon):
    for device, header in (("tun0", True), ("tap0", False)):
        done = fd(daemon, device, "true")
        assert done.returncode == OK and done.stdout == ""
        assert re.fullmatch(r"tuntapd: [^\n]*\n", done.stderr)
        assert "EIO" in done.stderr and ("header mode" in done.stderr) == header and "descriptor 3" in done.stderr
        wait_until(lambda: daemon.state(device) == "closed")
        assert fd(daemon, "--quiet", device, "true").stderr == ""


def test_status_is_the_programs(daemon):
    assert fd(daemon, "-q", "tap0", "--", "sh", "-c", "exit 42").returncode == 42
    assert fd(daemon, "-q", "tap1", "--", "sh", "-c", "kill -TERM $$").returncode in (-15, 143)


def test_arguments_are_the_programs(daemon):
    done = fd(daemon, "-q", "tap0", "--", "echo", "-q", "--fd", "--", "x")
    assert done.stdout == "-q --fd -- x\n"
    done = fd(daemon, "-q", "tap1", "echo", "--", "-n")
    assert done.stdout == "-- -n\n"


def test_busy(daemon):
    program = adopt(daemon, "tap0")
    done = fd(daemon, "tap0", "true")
    assert (done.returncode, done.stderr) == (BUSY, "tuntapd: tap0: in use\n")
    program.kill()


def test_denied(namespace, daemon):
    done = namespace.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", TUNTAPD, "fd", "-s",
                          daemon.socket, "tap0", "true"], check=False)
    assert done.returncode == PERMISSION and "tap0: the policy does not allow it" in done.stderr


def test_no_daemon_and_no_unit(namespace, daemon, directory):
    done = namespace.run([TUNTAPD, "fd", "-s", f"{directory}/none", "tap0", "true"], check=False)
    assert done.returncode == NO_DAEMON and "start one with 'tuntapd serve" in done.stderr
    done = fd(daemon, "tap16", "true")
    assert done.returncode == USAGE and "'tuntapd status' lists" in done.stderr


def test_program_is_looked_for_before_the_device_is_opened(namespace, directory):
    """Without a daemon, even: what is said is what is wrong."""
    for program, status in (("no-such-program", NOT_FOUND), ("/etc/passwd", CANNOT_RUN), ("", NOT_FOUND)):
        done = namespace.run([TUNTAPD, "fd", "-s", f"{directory}/none", "tap0", program], check=False)
        assert done.returncode == status, program


def test_program_that_cannot_be_run_leaves_no_device(namespace, daemon, directory):
    script = pathlib.Path(directory) / "script"
    script.write_text("#!/nonexistent/interpreter\n")
    script.chmod(0o755)
    done = fd(daemon, "-q", "tap0", str(script))
    assert done.returncode == CANNOT_RUN and "script" in done.stderr
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert not namespace.has("tap0")


def test_relayed_device_is_explained_as_a_socket(tmp_path):
    """No link of this version is relayed: a stand-in for the daemon answers so."""
    path = str(tmp_path / "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()

    def serve():
        connection, _ = listener.accept()
        request, fds, _, _ = socket.recv_fds(connection, 4096, 4)
        serial = struct.unpack_from("=I", request, 12)[0]
        for number in fds:
            os.close(number)
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with open("/dev/zero", "rb") as page:
            reply = struct.pack("=IHHII", 0x64707474, 1, 0x8001, 64, serial) + struct.pack(
                "=iIQIBBH16sI4x", 0, 9, 1, 1500, 2, 2, 0, b"feth7", 0)
            socket.send_fds(connection, [reply], [ends[0].fileno(), page.fileno()])
        for end in ends:
            end.close()
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    done = subprocess.run([TUNTAPD, "fd", "-s", path, "tap0", "sh", "-c", 'echo $TUNTAPD_IFNAME; readlink /proc/self/fd/$TUNTAPD_FD'],
                          capture_output=True, text=True, timeout=30, check=False)
    thread.join()
    listener.close()
    assert done.returncode == OK, done.stderr
    assert done.stdout.startswith("feth7\nsocket:[") and "interface feth7" in done.stderr and "a socket" in done.stderr
