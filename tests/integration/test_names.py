# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces that the kernel names (interface-names = kernel): holders go on saying tap0, everybody else sees ttd0."""
import json
import os
import pathlib
import signal

import pytest

from worlds import *


@pytest.fixture
def options(directory):
    configuration = pathlib.Path(directory) / "names.conf"
    configuration.write_text("interface-names = kernel\n")
    return ["-c", str(configuration)]


@pytest.fixture
def daemon(namespace, directory, options):
    d = Daemon(namespace, directory, options)
    yield d
    if d.process.alive():
        assert d.stop() == 0


@pytest.fixture
def other(directory):
    """A second namespace, made by root, beside the daemon's."""
    n = Namespace(directory)
    yield n
    print("\n".join(f"--- other, {p.name} ---\n{p.output}" for p in n.processes))
    left = n.end()
    assert not left, f"interfaces or processes are left: {left}"


ASK = """
import socket, sys
try:
    print("index", socket.if_nametoindex("tap0"))
except OSError:
    print("index", 0)
"""


def index_in(namespace, daemon):
    """What a program that holds nothing is told in a namespace."""
    done = namespace.run([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c", ASK])
    return int(done.stdout.split()[1])


def index_of(namespace, ifname):
    return json.loads(namespace.run(["ip", "-j", "link", "show", "dev", ifname]).stdout)[0]["ifindex"]


def mtu_of(namespace, ifname):
    return json.loads(namespace.run(["ip", "-j", "link", "show", "dev", ifname]).stdout)[0]["mtu"]


def test_the_kernel_names_the_interface_and_the_command_tells(namespace, daemon):
    holder, second = daemon.hold("tap3"), daemon.hold("tun0")
    assert namespace.has("ttd0") and namespace.has("ttd1") and not namespace.has("tap3")
    assert [daemon.status()[device]["interface"] for device in ("tap3", "tun0")] == ["ttd0", "ttd1"]
    done = namespace.run([TUNTAPD, "ifname", "-s", daemon.socket, "tun0"])
    assert done.stdout == "ttd1\n"
    for process in (holder, second):
        answer(process, "close")
    wait_until(lambda: not namespace.has("ttd0") and not namespace.has("ttd1"))


CONFIGURE = """
import os, subprocess, sys
fd = os.open("/dev/tap0", os.O_RDWR)
def ok(status):
    assert status == 0, status
ok(os.system("ifconfig tap0 10.1.2.3 netmask 255.255.255.0 up"))
ok(subprocess.run(["/sbin/ifconfig", "tap0", "hw", "ether", "02:00:00:00:00:09"]).returncode)
ok(subprocess.run(["ip", "addr", "add", "10.1.3.3/24", "dev", "tap0"], env={}).returncode)
ok(subprocess.run("route add -net 10.7.0.0/16 dev tap0", shell=True).returncode)
ok(os.system("ip route add 10.8.0.0/16 dev 'tap0' && ifconfig \\"tap0:1\\" 10.1.4.3; ip link set tap0 mtu 1400 # tap0"))
print("mac", os.popen("ifconfig tap0 | grep ether").read().split()[1])
pid = os.posix_spawnp("ip", ["ip", "route", "add", "10.9.0.0/16", "dev", "tap0"], os.environ)
ok(os.waitpid(pid, 0)[1])
with open(sys.argv[1], "w") as script:
    script.write("#!/bin/sh\\nset -e\\nip route add 10.10.0.0/16 dev $1\\nifconfig tap0 txqueuelen 77\\n")
os.chmod(sys.argv[1], 0o755)
ok(subprocess.run([sys.argv[1], "tap0"]).returncode)
print("configured", flush=True)
sys.stdin.read()
"""


def test_real_programs_configure_by_the_devices_name(namespace, daemon, directory):
    script = str(pathlib.Path(directory) / "tap-up")
    program = namespace.start([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c", CONFIGURE, script], "program")
    program.wait_for("configured")
    assert "mac 02:00:00:00:00:09" in program.output
    interface = json.loads(namespace.run(["ip", "-j", "addr", "show", "dev", "ttd0"]).stdout)[0]
    assert {a["local"] for a in interface["addr_info"] if a["family"] == "inet"} == {"10.1.2.3", "10.1.3.3", "10.1.4.3"}
    assert interface["mtu"] == 1400 and interface["txqlen"] == 77 and "UP" in interface["flags"]
    routes = {route["dst"] for route in json.loads(namespace.run(["ip", "-j", "route", "show", "dev", "ttd0"]).stdout)}
    assert {"10.7.0.0/16", "10.8.0.0/16", "10.9.0.0/16", "10.10.0.0/16"} <= routes
    program.popen.stdin.close()
    assert program.wait() == 0


def test_a_program_of_another_namespace_has_its_own_names(namespace, other, daemon):
    ours = daemon.hold("tap0")
    code = HOLDER.replace("@DEVICE@", "tap0")
    assert index_in(other, daemon) == 0
    theirs = other.start([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-u", "-c", code], "holder")
    theirs.wait_for("opened")
    # So that the same number is not by chance the same interface.
    other.run(["ip", "link", "set", "ttd0", "name", "ttd5"])
    assert index_in(namespace, daemon) == index_of(namespace, "ttd0")
    assert index_in(other, daemon) == index_of(other, "ttd5")
    answer(theirs, "close")
    wait_until(lambda: index_in(other, daemon) == 0)
    assert index_in(namespace, daemon) == index_of(namespace, "ttd0")
    answer(ours, "close")


def test_an_interface_that_is_really_called_so_has_the_name(namespace, daemon):
    namespace.run(["ip", "tuntap", "add", "dev", "tap0", "mode", "tap"])
    try:
        holder = daemon.hold("tap0")
        daemon.run("import os\nassert os.system('ip link set dev tap0 mtu 1234') == 0")
        assert mtu_of(namespace, "tap0") == 1234 and mtu_of(namespace, "ttd0") == 1500
        assert index_in(namespace, daemon) == index_of(namespace, "tap0")
        answer(holder, "close")
    finally:
        namespace.run(["ip", "link", "del", "tap0"])


def test_the_name_outlives_the_daemon(namespace, daemon, directory, options):
    holder = daemon.hold("tap0")
    daemon.process.kill(signal.SIGKILL)
    assert index_in(namespace, daemon) == index_of(namespace, "ttd0")
    # Nobody says any more that the device is closed: the kernel does.
    answer(holder, "close")
    wait_until(lambda: index_in(namespace, daemon) == 0)
    again = Daemon(namespace, directory, options, "again")
    second = again.hold("tap0", "second")
    assert index_in(namespace, again) == index_of(namespace, "ttd0")
    answer(second, "close")
    assert again.stop() == 0


def test_a_holder_that_sees_no_files_knows_its_own_devices(namespace, daemon, directory):
    code = """
import os, socket, sys
fd = os.open("/dev/tap0", os.O_RDWR)
os.mkdir(sys.argv[1] + "/empty")
os.chroot(sys.argv[1] + "/empty")
os.chdir("/")
os.setresuid(1234, 1234, 1234)
index = socket.if_nametoindex("tap0")
print(socket.if_indextoname(index), [name for number, name in socket.if_nameindex() if number == index])
"""
    done = namespace.run([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c", code, directory])
    assert done.stdout.split() == ["tap0", "['tap0']"]


def test_without_the_library_nothing_is_mapped(namespace, daemon):
    holder = daemon.hold("tap0")
    done = daemon.run("import os, socket\nprint([n for _, n in socket.if_nameindex()])", check=True)
    assert "'tap0'" in done.stdout
    done = namespace.run([PYTHON, "-c", "import socket; print([n for _, n in socket.if_nameindex()])"])
    assert "'ttd0'" in done.stdout and "tap0" not in done.stdout
    disabled = {**os.environ, "LD_PRELOAD": SHIM, "TUNTAPD_SOCKET": daemon.socket, "TUNTAPD_DISABLE": "1"}
    done = namespace.run([PYTHON, "-c", "import socket; print([n for _, n in socket.if_nameindex()])"], env=disabled)
    assert "'ttd0'" in done.stdout and "tap0" not in done.stdout
    answer(holder, "close")
