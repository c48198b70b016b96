# SPDX-License-Identifier: BSD-2-Clause
"""The command tuntapd: status, ifname, wait, serve's options, help, and what is said when something is wrong.

A stand-in for the daemon (StandIn) answers what a real one never would: another version, garbage, nothing, hostile names.
"""
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import jsonschema
import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((TREE / "docs/status-schema.json").read_text())
TUNTAPD = pathlib.Path(os.environ.get("TUNTAPD_BUILD", TREE / "build")) / "cli/tuntapd"

OK, NO, USAGE, NO_DAEMON, OUTPUT, PROTOCOL, PERMISSION = 0, 1, 64, 69, 74, 76, 77
BOUND_S = 20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: needs root")

# Each line of input is a frame to write, or empty: read one; the end of input is the end.
HOLD = """
import os, sys
fd = os.open("/dev/" + sys.argv[1], os.O_RDWR)
print("open", flush=True)
for line in sys.stdin:
    frame = bytes.fromhex(line)
    print(os.write(fd, frame) if frame else len(os.read(fd, 2000)), flush=True)
"""


def wait_until(condition, bound_s=BOUND_S):
    end = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < end, f"not within {bound_s} s"
        time.sleep(0.01)


def environment(**more):
    """This one, with nothing that the command listens to but what more says."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TUNTAPD_") and k not in ("LD_PRELOAD", "XDG_RUNTIME_DIR")}
    # Where the command is built with a sanitizer, that must bear a preloaded library before it.
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {**env, **more}


def tuntapd(*args, env=None, prefix=(), **how):
    """Runs the command to its end."""
    return subprocess.run([*prefix, str(TUNTAPD), *map(str, args)], env=environment(**(env or {})), text=True, timeout=60,
                          **{"capture_output": True, **how})


class World:
    """A network namespace and a daemon in it."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "socket"
        self.log = directory / "log"
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.inside = ["nsenter", "-t", str(self.holder.pid), "-n", "--"]
        self.started = []
        self.daemon = None

    def start_daemon(self):
        with open(self.log, "a") as log:
            self.daemon = subprocess.Popen([*self.inside, str(TUNTAPD), "serve", "-s", str(self.socket)], stderr=log,
                                           env=environment())
        wait_until(lambda: self.run("status").returncode == OK)

    def run(self, command, *args, **how):
        return tuntapd(command, "-s", self.socket, *args, prefix=self.inside, **how)

    def shell(self, line):
        subprocess.run([*self.inside, "sh", "-ec", line], check=True)

    def hold(self, device):
        """A program that has the device open until its input ends."""
        program = subprocess.Popen([*self.inside, str(TUNTAPD), "exec", "-s", str(self.socket), sys.executable, "-c", HOLD,
                                    device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        self.started.append(program)
        assert program.stdout.readline() == "open\n", self.log.read_text()
        return program

    def let_go(self, program):
        program.stdin.close()
        assert program.wait(BOUND_S) == 0

    def end(self):
        for program in self.started:
            if program.poll() is None:
                program.kill()
                program.wait()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            assert self.daemon.wait(BOUND_S) == 0, self.log.read_text()
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def world(tmp_path):
    w = World(tmp_path)
    try:
        w.start_daemon()
        yield w
    finally:
        w.end()


# --- what one can ask without a daemon


def test_version_is_the_projects():
    version = re.search(r"version: '([^']+)'", (TREE / "meson.build").read_text()).group(1)
    result = tuntapd("--version")
    assert (result.returncode, result.stdout, result.stderr) == (OK, f"tuntapd {version}\n", "")


def commands():
    return re.findall(r"^  (\w+) ", tuntapd("help").stdout, re.M)


def test_help_lists_the_commands_of_this_version():
    assert commands() == ["serve", "exec", "fd", "status", "ifname", "wait", "capture", "pair", "bridge", "config", "doctor", "service",
                          "migrate", "switch", "help"]
    assert tuntapd("--help").stdout == tuntapd("-h").stdout == tuntapd("help").stdout


def test_help_of_each_command():
    for name in commands():
        result = tuntapd("help", name)
        assert result.returncode == OK and result.stderr == ""
        assert result.stdout.startswith(f"usage: tuntapd {name} ")
        assert tuntapd(name, "--help").stdout == result.stdout


@pytest.mark.parametrize("args", [
    [], ["fd"], ["fd", "tap0"], ["fd", "tap0", "--"], ["fd", "eth0", "true"], ["fd", "--fd", "2", "tap0", "true"],
    ["fd", "--fd", "-1", "tap0", "true"], ["fd", "--fd", "3x", "tap0", "true"], ["fd", "--fd", "", "tap0", "true"],
    ["fd", "--fd", "99999999999999999999", "tap0", "true"], ["-x"], ["help", "pears"], ["help", "serve", "exec"],
    ["status", "--interval", "1"], ["status", "--watch", "--interval", "0"], ["status", "--watch", "-i", "nan"],
    ["status", "--watch", "-i", "1e9"], ["status", "--watch", "eth0"], ["status", "tap0", "tap1"],
    ["status", "eth0"], ["status", "tap"], ["status", "tap01"], ["ifname"], ["ifname", "tap0", "tap1"], ["ifname", ""],
    ["wait"], ["wait", "tap0", "--open", "--up"], ["wait", "tap0", "--timeout", "soon"], ["wait", "tap0", "--timeout", "-1"],
    ["wait", "tap0", "--timeout", "nan"], ["wait", "tap0", "--timeout", ""], ["serve", "now"], ["serve", "-s"], ["exec"],
    ["exec", "--"], ["exec", "-v", "true"], ["exec", "--private", "-s", "x", "true"], ["exec", "--mtu", "1400", "true"],
    ["pair"], ["pair", "a"], ["pair", "a", "b", "c"], ["pair", "--list", "a"], ["pair", "--delete"], ["pair", "--list", "--delete", "a"],
    ["pair", "--list", "--mtu", "1400"], ["capture"], ["capture", "eth0"], ["capture", "tap0", "-c", "-1"],
    ["bridge"], ["bridge", "tap0"], ["bridge", "tun0", "eth0"], ["bridge", "tap0", "x" * 16], ["bridge", "--none", "tap0", "eth0"],
])
def test_usage_errors(args):
    result = tuntapd(*args)
    assert result.returncode == USAGE
    assert result.stdout == "" and result.stderr != ""


@pytest.mark.parametrize("args", [["status"], ["ifname", "tap0"], ["wait", "tap0"], ["serve", "--stop-all"]])
def test_no_daemon_says_how_to_start_one(args, tmp_path):
    path = tmp_path / "socket"
    for _ in range(2):
        result = tuntapd(*args, "-s", path)
        assert result.returncode == NO_DAEMON and result.stdout == ""
        assert f"start one with 'tuntapd serve -s {path}'" in result.stderr
        if not path.exists():  # the second time: a socket that nobody listens on
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(str(path))


def test_tuntapd_socket_counts_where_no_option_does(tmp_path):
    env = {"TUNTAPD_SOCKET": str(tmp_path / "from-environment")}
    assert "from-environment" in tuntapd("status", env=env).stderr
    assert "from-option" in tuntapd("status", "-s", tmp_path / "from-option", env=env).stderr
    assert "/run/tuntapd/socket" in tuntapd("status", "-s", "/run/tuntapd/socket", env=env).stderr
    assert "from-environment" in tuntapd("serve", "--stop-all", env=env).stderr


def test_socket_path_that_cannot_be():
    for path in ("/tmp/" + "x" * 104, ""):
        for args in (["status"], ["serve"], ["serve", "--stop-all"]):
            result = tuntapd(*args, "-s", path)
            assert result.returncode == USAGE and "choose " in result.stderr, args
    assert tuntapd("exec", "-s", "/tmp/" + "x" * 104, "true").returncode == USAGE


def test_no_permission_for_the_sockets_directory(tmp_path):
    os.chmod(tmp_path, 0o700)
    result = tuntapd("status", "-s", tmp_path / "socket", prefix=["setpriv", "--reuid", "65534", "--regid", "65534",
                                                                  "--clear-groups", "--"], cwd="/")
    assert result.returncode == PERMISSION and "permission" in result.stderr


# --- with a daemon


def devices(world, *args):
    result = world.run("status", "--json", *args)
    assert (result.returncode, result.stderr) == (OK, "")
    document = json.loads(result.stdout)
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    assert document["version"] == 1 and document["socket"] == str(world.socket)
    return document["devices"]


def test_status_of_an_idle_daemon(world):
    names = [d["device"] for d in devices(world)]
    assert names == [f"tun{n}" for n in range(16)] + [f"tap{n}" for n in range(16)]
    assert {d["state"] for d in devices(world)} == {"closed"}
    lines = world.run("status").stdout.splitlines()
    assert lines[0].split() == ("DEVICE STATE INTERFACE KIND LINK CHANNEL HOLDER SINCE ADDRESSES MTU MAC IN OUT").split()
    assert [line.split()[:2] for line in lines[1:]] == [[name, "closed"] for name in names]


def test_status_of_an_open_device(world):
    before = int(time.time())
    program = world.hold("tap3")
    (device,) = devices(world, "tap3")
    assert device["state"] == "open" and device["addresses"] == [] and device["kind"] == "tap" and device["unit"] == 3
    world.shell("ip link set tap3 mtu 1400; ip addr add 10.1.2.3/24 dev tap3; ip -6 addr add fd00::1/64 dev tap3 nodad")
    wait_until(lambda: devices(world, "tap3")[0]["state"] == "up")
    (device,) = devices(world, "/dev/tap3")
    assert device["interface"] == "tap3" and device["link"] == "linux" and device["channel"] == "direct"
    assert device["mtu"] == 1400 and device["header_mode"] is False
    assert device["holder"]["pid"] == program.pid and device["holder"]["uid"] == 0
    assert device["holder"]["user"] == "root" and device["holder"]["program"].startswith("python")
    assert {(a["family"], a["address"], a["prefix"]) for a in device["addresses"]} >= {(4, "10.1.2.3", 24),
                                                                                      (6, "fd00::1", 64)}
    inside = subprocess.run([*world.inside, "ip", "-j", "link", "show", "dev", "tap3"], capture_output=True, check=True)
    link = json.loads(inside.stdout)[0]
    assert (device["mac"], device["ifindex"]) == (link["address"], link["ifindex"])
    since = time.strptime(device["since"], "%Y-%m-%dT%H:%M:%SZ")
    assert before <= time.mktime(since) - time.timezone <= time.time() + 1
    assert device["from_program"] == {"packets": 0, "bytes": 0, "dropped": 0}
    assert device["netns"] == os.stat(f"/proc/{world.holder.pid}/ns/net").st_ino

    table = world.run("status").stdout.splitlines()
    row = next(line for line in table if line.startswith("tap3 "))
    for text in ("up", f"{program.pid} {device['holder']['program']} root", "10.1.2.3/24", device["mac"], "0/0/0"):
        assert text in row
    lines = dict(line.split(None, 1) for line in world.run("status", "tap3").stdout.splitlines())
    assert lines["DEVICE"] == "tap3" and lines["MAC"] == device["mac"] and lines["MTU"] == "1400"
    assert [d["device"] for d in devices(world) if d["state"] != "closed"] == ["tap3"]
    world.let_go(program)
    wait_until(lambda: devices(world, "tap3")[0]["state"] == "closed")


def test_counters_are_the_kernels_seen_from_the_program(world):
    program = world.hold("tap2")
    world.shell("sysctl -qw net.ipv6.conf.tap2.disable_ipv6=1; ip addr add 10.1.2.3/24 dev tap2; ip link set tap2 up")
    # Broken IP packets: the stack takes them, and drops them elsewhere than at the interface.
    for size in (60, 100, 1514):
        program.stdin.write("ff" * 12 + "0800" + "00" * (size - 14) + "\n")
        program.stdin.flush()
        assert program.stdout.readline() == f"{size}\n"
    world.shell("ping -q -c 1 -W 1 10.1.2.9 || true")
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "42\n"  # an ARP request; the kernel counts what was read
    (device,) = devices(world, "tap2")
    assert device["from_program"] == {"packets": 3, "bytes": 60 + 100 + 1514, "dropped": 0}
    assert device["to_program"] == {"packets": 1, "bytes": 42, "dropped": 0}
    row = next(line for line in world.run("status").stdout.splitlines() if line.startswith("tap2 "))
    assert row.split()[-2:] == ["1/42/0", "3/1674/0"]
    world.let_go(program)


def test_unit_past_the_count(world):
    for name in ("tap16", "tun255", "tap256", "tap99999999999999999999"):
        for command in ("status", "ifname", "wait"):
            result = world.run(command, name)
            assert result.returncode == USAGE and "'tuntapd status' lists" in result.stderr, (command, name)


def test_ifname(world):
    result = world.run("ifname", "tap0")
    assert (result.returncode, result.stdout) == (NO, "") and "closed" in result.stderr
    world.hold("tap0")
    result = world.run("ifname", "tap0")
    assert (result.returncode, result.stdout, result.stderr) == (OK, "tap0\n", "")
    # The name means nothing where the interface is not.
    result = tuntapd("ifname", "-s", world.socket, "tap0")
    assert (result.returncode, result.stdout) == (NO, "") and "another network namespace" in result.stderr


def test_wait_answers_at_once_where_the_state_is_reached(world):
    assert world.run("wait", "tap0", "--closed").returncode == OK
    program = world.hold("tap0")
    assert world.run("wait", "tap0").returncode == OK
    assert world.run("wait", "tap0", "--open").returncode == OK
    for state in ("--up", "--closed"):
        result = world.run("wait", "tap0", state, "--timeout", "0")
        assert (result.returncode, result.stdout) == (NO, "")
    world.shell("ip link set tap0 up")
    assert world.run("wait", "tap0", "--up", "--timeout", "10").returncode == OK
    assert world.run("wait", "tap0", "--open", "--timeout", "0").returncode == OK
    world.let_go(program)


def start_wait(world, *args):
    """One that has asked, and sleeps until it asks again."""
    waiting = subprocess.Popen([*world.inside, str(TUNTAPD), "wait", "-s", str(world.socket), *args])
    world.started.append(waiting)
    wait_until(lambda: waiting.poll() is not None or pathlib.Path(f"/proc/{waiting.pid}/wchan").read_text() == "hrtimer_nanosleep")
    return waiting


def test_wait_waits(world):
    waiting = {state: start_wait(world, "tap1", state, "--timeout", "30") for state in ("--open", "--up")}
    started = time.monotonic()
    assert world.run("wait", "tap1", "--timeout", "0.3").returncode == NO
    assert 0.3 <= time.monotonic() - started < 10
    assert [w.poll() for w in waiting.values()] == [None, None]
    program = world.hold("tap1")
    assert waiting["--open"].wait(BOUND_S) == OK
    assert waiting["--up"].poll() is None
    closed = start_wait(world, "tap1", "--closed")
    world.shell("ip link set tap1 up")
    assert waiting["--up"].wait(BOUND_S) == OK
    assert closed.poll() is None
    world.let_go(program)
    assert closed.wait(BOUND_S) == OK


def test_wait_ends_with_the_daemon_if_no_other_comes(world):
    waiting = start_wait(world, "tap1")
    limited = start_wait(world, "tap1", "--timeout", "4")
    world.daemon.terminate()
    assert world.daemon.wait(BOUND_S) == 0
    started = time.monotonic()
    assert limited.wait(BOUND_S) == NO_DAEMON
    assert waiting.wait(BOUND_S) == NO_DAEMON
    assert time.monotonic() - started < 15


def test_wait_outlives_a_restart(world):
    program = world.hold("tap1")
    waiting = {state: start_wait(world, device, state, "--timeout", "30")
               for device, state in (("tap1", "--up"), ("tap1", "--closed"), ("tap2", "--open"))}
    for number in (signal.SIGTERM, signal.SIGKILL):
        world.daemon.send_signal(number)
        world.daemon.wait(BOUND_S)
        world.start_daemon()
    assert [w.poll() for w in waiting.values()] == [None, None, None]
    world.shell("ip link set tap1 up")
    assert waiting["--up"].wait(BOUND_S) == OK
    other = world.hold("tap2")
    assert waiting["--open"].wait(BOUND_S) == OK
    assert waiting["--closed"].poll() is None
    world.let_go(program)
    assert waiting["--closed"].wait(BOUND_S) == OK
    world.let_go(other)


def test_daemon_that_hangs_up_each_time_does_not_make_wait_endless(tmp_path):
    started = time.monotonic()
    result = ask(tmp_path, lambda sock, serial, cursor: False, "wait", "tap0")
    assert result.returncode == NO_DAEMON and "hung up" in result.stderr
    assert 4 < time.monotonic() - started < 15


def test_wait_does_not_ask_without_pause(tmp_path):
    """At most each 20 ms in the first second, and each 100 ms after that."""
    asked = []

    def answer(sock, serial, cursor):
        asked.append(time.monotonic())
        sock.send(device_reply(serial, state=0, since=0, open_number=0, ifindex=0, mtu=0, pid=0, channel=0, ifname=b"", link=b"",
                               program=b"", counters=(0,) * 6))

    assert ask(tmp_path, answer, "wait", "tap0", "--timeout", "2").returncode == NO
    assert 10 <= len(asked) <= 50 + 10 + 2
    later = [t for t in asked if t - asked[0] > 1.2]
    assert len(later) <= 10


def test_device_is_the_one_of_the_callers_namespace(world):
    """One daemon, two namespaces, tap0 in either, in both, in none."""
    other = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
    world.started.append(other)
    other.stdout.readline()
    there = ["nsenter", "-t", str(other.pid), "-n", "--"]

    def run_there(command, *args):
        return tuntapd(command, "-s", world.socket, *args, prefix=there)

    def netns(run):
        done = run("status", "--json", "tap0")
        assert done.returncode == OK
        (device,) = json.loads(done.stdout)["devices"]
        return device["netns"]

    here_id, there_id = (os.stat(f"/proc/{p.pid}/ns/net").st_ino for p in (world.holder, other))
    mine = world.hold("tap0")
    assert "NETNS" not in world.run("status").stdout and "NETNS" in run_there("status").stdout
    # Open elsewhere is closed here, and status says where.
    assert run_there("wait", "tap0", "--closed", "--timeout", "0").returncode == OK
    assert run_there("wait", "tap0", "--open", "--timeout", "0").returncode == NO
    result = run_there("ifname", "tap0")
    assert (result.returncode, result.stdout) == (NO, "") and "another network namespace" in result.stderr
    assert netns(run_there) == here_id
    waiting = subprocess.Popen([*there, str(TUNTAPD), "wait", "-s", str(world.socket), "tap0", "--up", "--timeout", "30"])

    theirs = subprocess.Popen([*there, str(TUNTAPD), "fd", "-q", "-s", str(world.socket), "tap0", "--", "cat"],
                              stdin=subprocess.PIPE, env=environment())
    world.started.append(theirs)
    wait_until(lambda: run_there("ifname", "tap0").stdout == "tap0\n")
    assert (netns(world.run), netns(run_there)) == (here_id, there_id)
    assert waiting.poll() is None
    world.shell("ip link set tap0 up")  # the other one
    assert world.run("wait", "tap0", "--up", "--timeout", "10").returncode == OK
    assert run_there("wait", "tap0", "--up", "--timeout", "0").returncode == NO
    subprocess.run([*there, "ip", "link", "set", "tap0", "up"], check=True)
    assert waiting.wait(BOUND_S) == OK
    rows = [line.split() for line in world.run("status").stdout.splitlines() if line.startswith(("DEVICE", "tap0 "))]
    column = rows[0].index("NETNS")
    assert {row[column] for row in rows[1:]} == {str(here_id), str(there_id)}

    world.let_go(mine)
    assert world.run("wait", "tap0", "--closed", "--timeout", "10").returncode == OK
    assert netns(world.run) == there_id and run_there("wait", "tap0", "--open", "--timeout", "0").returncode == OK
    theirs.stdin.close()
    assert theirs.wait(BOUND_S) == 0
    assert run_there("wait", "tap0", "--closed", "--timeout", "10").returncode == OK
    wait_until(lambda: netns(run_there) is None)


def test_stop_all_ends_daemon_and_devices(world):
    program = world.hold("tap0")
    result = world.run("serve", "--stop-all")
    assert (result.returncode, result.stdout, result.stderr) == (OK, "", "")
    # It has waited: the socket is free at once, and the interface gone.
    assert subprocess.run([*world.inside, "ip", "link", "show", "dev", "tap0"], capture_output=True).returncode != 0
    assert world.run("status").returncode == NO_DAEMON
    assert world.daemon.wait(BOUND_S) == 0
    world.start_daemon()
    assert {d["state"] for d in devices(world)} == {"closed"}
    world.let_go(program)


def test_stop_all_is_not_for_everybody(world):
    os.chmod(world.directory, 0o755)
    for parent in world.directory.parents:
        if parent != pathlib.Path("/tmp") and parent.stat().st_mode & 0o001 == 0:
            os.chmod(parent, parent.stat().st_mode | 0o001)
    result = tuntapd(
        "serve", "--stop-all", "-s", world.socket, cwd="/",
        prefix=[*world.inside, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
    assert result.returncode == PERMISSION and "only root" in result.stderr
    assert world.run("status").returncode == OK


def test_second_daemon_is_refused(world):
    result = world.run("serve")
    assert result.returncode == NO_DAEMON and "another daemon" in result.stderr


def test_output_that_cannot_be_written(world):
    for command in (["status"], ["status", "--json"], ["status", "tap0"]):
        with open("/dev/full", "w") as full:
            result = world.run(*command, stdout=full, stderr=subprocess.PIPE, capture_output=False)
        assert result.returncode == OUTPUT and "No space left" in result.stderr


def test_reader_that_has_gone(world):
    read_end, write_end = os.pipe()
    os.close(read_end)
    how = {"stdout": write_end, "stderr": subprocess.PIPE, "capture_output": False}
    # Python ignores SIGPIPE and gives it back to its children; the first run keeps it ignored.
    result = world.run("status", restore_signals=False, **how)
    assert (result.returncode, result.stderr) == (OUTPUT, "")
    prefix = world.inside
    result = tuntapd("status", "-s", world.socket, prefix=prefix, **how)
    assert (result.returncode, result.stderr) == (-signal.SIGPIPE, "")
    os.close(write_end)


# --- answers that no daemon gives

MAGIC, VERSION = 0x64707474, 1
STATUS, STOP, REPLY = 3, 4, 0x8000
HEADER = struct.Struct("=IHHII")
DEVICE = struct.Struct("=iIQqQBBHIIiIBBBB6sH16s16s32s8Q")
ADDRESS = struct.Struct("=BBBB16s")


def device_reply(serial, **values):
    """A message_device as message.h lays it out."""
    v = {"error": 0, "next": 0, "open_number": 1, "since": 1700000000, "netns": 0, "kind": 2, "state": 2, "unit": 0,
         "ifindex": 9, "mtu": 1500, "pid": 42, "uid": 0, "channel": 1, "header_mode": 0, "has_mac": 0, "address_count": 0,
         "mac": b"", "addresses_total": 0, "ifname": b"tap0", "link": b"linux", "program": b"program",
         "counters": (1, 2, 3, 4, 5, 6), "memory": (0, 0), "addresses": [], "version": VERSION, "magic": MAGIC,
         "type": STATUS | REPLY, "cut": 0, **values}
    body = DEVICE.pack(v["error"], v["next"], v["open_number"], v["since"], v["netns"], v["kind"], v["state"], v["unit"],
                       v["ifindex"], v["mtu"], v["pid"], v["uid"], v["channel"], v["header_mode"], v["has_mac"],
                       v["address_count"], v["mac"], v["addresses_total"], v["ifname"], v["link"], v["program"],
                       *v["counters"], *v["memory"])
    # The struct is aligned to 8: what packs to other sizes would be a mistake in this test.
    for n in range(8):
        body += ADDRESS.pack(*v["addresses"][n]) if n < len(v["addresses"]) else bytes(ADDRESS.size)
    size = HEADER.size + len(body)
    return (HEADER.pack(v["magic"], v["version"], v["type"], size, serial) + body)[:size - v["cut"]]


class StandIn:
    """Listens where a daemon would; answer(sock, serial, cursor) does what it wants with each request."""

    def __init__(self, path, answer):
        self.path = path
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen()
        self.stopping, self.stop_end = socket.socketpair()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            readable, _, _ = select.select([self.listener, self.stopping], [], [])
            if self.stopping in readable:
                return
            sock, _ = self.listener.accept()
            with sock:
                while request := sock.recv(4096):
                    _, _, _, _, serial = HEADER.unpack_from(request)
                    (cursor,) = struct.unpack_from("=I", request, HEADER.size)
                    if self.answer(sock, serial, cursor) is False:
                        break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_end.close()
        self.thread.join()
        self.listener.close()


def ask(tmp_path, answer, *args):
    with StandIn(tmp_path / "socket", answer):
        return tuntapd(*args, "-s", tmp_path / "socket")


def test_stand_in_is_believed_when_it_is_right(tmp_path):
    result = ask(tmp_path, lambda sock, serial, cursor: sock.send(device_reply(serial)), "status", "--json")
    assert result.returncode == OK, result.stderr
    (device,) = json.loads(result.stdout)["devices"]
    assert device["device"] == "tap0" and device["holder"]["pid"] == 42 and device["since"] == "2023-11-14T22:13:20Z"
    assert device["to_program"] == {"packets": 1, "bytes": 2, "dropped": 3}
    assert device["from_program"] == {"packets": 4, "bytes": 5, "dropped": 6}


def test_text_of_strangers_cannot_command_a_terminal(tmp_path):
    hostile = b"\x1b[2J\n\x07\x7f\xff\xc2\x9b\xe2\x80\xae\xed\xa0\x80\xc3\xa9\xf0\x9f"
    answer = lambda sock, serial, cursor: sock.send(device_reply(serial, program=hostile))
    with StandIn(tmp_path / "socket", answer):
        for args in (["status"], ["status", "tap0"]):
            text = tuntapd(*args, "-s", tmp_path / "socket").stdout
            assert re.fullmatch(r"[ -~\né]*", text), repr(text)
            assert r"\x1b[2J\x0a\x07\x7f\xff\xc2\x9b\xe2\x80\xae\xed\xa0\x80é\xf0\x9f" in text
        text = tuntapd("status", "--json", "-s", tmp_path / "socket").stdout
    assert text.isascii() and "\x1b" not in text
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    bad = "\ufffd"
    assert document["devices"][0]["holder"]["program"] == f"\x1b[2J\n\x07\x7f{bad}\x9b\u202e{bad * 3}é{bad * 2}"


def test_numbers_and_addresses_at_their_limits(tmp_path):
    largest = 2**64 - 1
    values = {"counters": (largest,) * 6, "netns": largest, "open_number": largest, "uid": 2**32 - 1, "address_count": 8,
              "addresses_total": 65535, "has_mac": 1, "channel": 2, "memory": (largest, largest), "mac": b"\xff" * 6,
              "program": b"x" * 31, "ifname": b"i" * 15, "addresses": [(6, 128, 1, 0, b"\xff" * 16)] * 8}
    with StandIn(tmp_path / "socket", lambda sock, serial, cursor: sock.send(device_reply(serial, **values))):
        table = tuntapd("status", "-s", tmp_path / "socket")
        text = tuntapd("status", "--json", "-s", tmp_path / "socket")
    assert table.returncode == OK and f"{largest}/{largest}/{largest}" in table.stdout and ",+65527" in table.stdout
    document = json.loads(text.stdout)
    jsonschema.validate(document, SCHEMA)
    assert len(document["devices"][0]["addresses"]) == 8
    assert document["devices"][0]["holder"] == {"pid": 42, "uid": 2**32 - 1, "user": None, "program": "x" * 31}


def test_hostile_interface_name_is_no_answer_to_a_script(tmp_path):
    with StandIn(tmp_path / "socket", lambda sock, serial, cursor: sock.send(device_reply(serial, ifname=b"a b;c"))):
        result = tuntapd("ifname", "tap0", "-s", tmp_path / "socket")
        assert result.returncode == PROTOCOL
        assert result.stdout == ""


@pytest.mark.parametrize("values", [
    {"magic": 1}, {"type": STATUS}, {"type": 1 | REPLY}, {"cut": 1}, {"cut": 100}, {"kind": 7}, {"unit": 256}, {"state": 3},
    {"address_count": 9, "addresses_total": 9}, {"address_count": 1}, {"ifname": b"i" * 16}, {"program": b"x" * 32},
    {"error": -1}, {"serial": 77}, {"address_count": 1, "addresses_total": 1, "addresses": [(9, 20, 0, 0, b"")]},
    {"address_count": 1, "addresses_total": 1, "addresses": [(4, 33, 0, 0, b"\1\2\3\4")]},
], ids=str)
def test_garbage_is_recognised(tmp_path, values):
    def answer(sock, serial, cursor):
        sock.send(device_reply(values.get("serial", serial), **{k: v for k, v in values.items() if k != "serial"}))

    for args in (["status"], ["ifname", "tap0"], ["wait", "tap0"]):
        path = tmp_path / args[0]
        path.mkdir()
        result = ask(path, answer, *args)
        assert result.returncode == PROTOCOL and result.stdout == "" and "no tuntapd daemon" in result.stderr


def test_another_version_is_named(tmp_path):
    result = ask(tmp_path, lambda sock, serial, cursor: sock.send(device_reply(serial, version=2)), "status")
    assert result.returncode == PROTOCOL and "another version" in result.stderr and "restart the daemon" in result.stderr


def test_devices_without_end_end(tmp_path):
    for number, following in enumerate((lambda cursor: cursor + 1, lambda cursor: cursor or 1, lambda cursor: 1)):
        path = tmp_path / str(number)
        path.mkdir()
        answer = lambda sock, serial, cursor: sock.send(device_reply(serial, next=following(cursor)))
        result = ask(path, answer, "status")
        assert result.returncode == PROTOCOL and result.stdout == ""


def test_surplus_descriptors_are_refused(tmp_path):
    def answer(sock, serial, cursor):
        socket.send_fds(sock, [device_reply(serial)], [0])

    assert ask(tmp_path, answer, "status").returncode == PROTOCOL


def test_daemon_that_hangs_up(tmp_path):
    result = ask(tmp_path, lambda sock, serial, cursor: False, "status")
    assert result.returncode == NO_DAEMON and "hung up" in result.stderr


def test_daemon_that_is_silent(tmp_path):
    started = time.monotonic()
    result = ask(tmp_path, lambda sock, serial, cursor: None, "status")
    assert result.returncode == NO_DAEMON and "does not answer" in result.stderr
    assert 4.5 <= time.monotonic() - started < 15


def test_error_of_the_daemon_is_handed_on(tmp_path):
    def answer(sock, serial, cursor):
        sock.send(HEADER.pack(MAGIC, VERSION, REPLY, 32, serial) + struct.pack("=i12x", 12))

    result = ask(tmp_path, answer, "status")
    assert result.returncode == 71 and "Cannot allocate memory" in result.stderr


def test_stop_all_waits_for_the_end_of_the_daemon(tmp_path):
    """Which lets its lock go last: until then a next daemon could not start."""
    def answer(sock, serial, cursor):
        sock.send(HEADER.pack(MAGIC, VERSION, STOP | REPLY, 32, serial) + struct.pack("=i12x", 0))
        return False

    (tmp_path / "socket.d").mkdir()
    with open(tmp_path / "socket.d/lock", "w") as lock, StandIn(tmp_path / "socket", answer):
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([str(TUNTAPD), "serve", "--stop-all", "-s", str(tmp_path / "socket")])
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert process.wait(BOUND_S) == OK


def test_socket_of_another_type(tmp_path):
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.bind(str(tmp_path / "socket"))
    stream.listen()
    result = tuntapd("status", "-s", tmp_path / "socket")
    assert result.returncode == PROTOCOL and "no tuntapd daemon" in result.stderr
