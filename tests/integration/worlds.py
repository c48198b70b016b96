# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the integration and fault tests: a network namespace, a daemon in it, programs with the shim.

Each test has a namespace of its own, held open by a process that is started for it.  Nothing waits by sleeping: wait_until()
waits for a condition, with a bound.  The output of every process is kept and shown when a test fails; the end of a test asserts that
no interface and no process is left.
"""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess

import tempfile
import time

import pytest

BUILD = pathlib.Path(os.environ.get("TUNTAPD_BUILD", pathlib.Path(__file__).parents[2] / "build"))
TUNTAPD = str(BUILD / "cli" / "tuntapd")
SHIM = str(BUILD / "shim" / "libtuntapd-shim.so")
PYTHON = "/usr/bin/python3"


def with_library(name):
    """An environment in which programs also have one of the libraries of tests/programs."""
    library = str(BUILD / "tests" / "programs" / f"{name}.so")
    return {**os.environ, "LD_PRELOAD": ":".join(filter(None, [library, os.environ.get("LD_PRELOAD")]))}


def pytest_collection_modifyitems(config, items):
    if "asan" in str(BUILD):
        away = [item for item in items if "plain_build" in item.keywords]
        items[:] = [item for item in items if item not in away]
        config.hook.pytest_deselected(items=away)
    if os.geteuid() == 0:
        return
    for item in items:
        if "no_root" not in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs root, for network namespaces"))

def pytest_configure(config):
    config.addinivalue_line("markers", "no_root: runs without root")
    config.addinivalue_line("markers", "plain_build: means nothing in a sanitized build, whose own memory is in the way")

def wait_until(condition, bound_s=10.0, what="condition"):
    """Waits until condition() is true, and returns its value."""
    end = time.monotonic() + bound_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"not within {bound_s} s: {what}")
        time.sleep(0.005)

def links_of(pid):
    """What the descriptors of a process are; those that it closes meanwhile are left out."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return links


class Process:
    """A process of a test, with its output in a file."""

    def __init__(self, command, directory, name, **more):
        self.name = name
        self.output_path = pathlib.Path(directory) / f"{name}.out"
        self.output_file = open(self.output_path, "wb")
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.output_file,
                                      stderr=subprocess.STDOUT, **more)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def wait(self, bound_s=10):
        return self.popen.wait(timeout=bound_s)

    def say(self, line):
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def wait_for(self, text, bound_s=10):
        def seen():
            if text in self.output:
                return True
            if not self.alive() and text not in self.output:
                pytest.fail(f"{self.name} ended with status {self.popen.returncode} before it said {text!r}:\n{self.output}")
            return False
        wait_until(seen, bound_s, f"{self.name} says {text!r}")

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self.popen.send_signal(number)
        return self.wait()

    def end(self):
        if self.alive():
            self.popen.kill()
            self.popen.wait()
        self.popen.stdin.close()
        self.output_file.close()

class Namespace:
    """A network namespace (and a mount namespace), held by a process."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = []
        self.holder = subprocess.Popen(["unshare", "-n", "-m", "sh", "-c", "echo ready; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.run(["ip", "link", "set", "lo", "up"])

    @property
    def pid(self):
        return self.holder.pid

    def enter(self, command):
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "--", *command]

    def run(self, command, check=True, **more):
        done = subprocess.run(self.enter(command), capture_output=True, text=True, timeout=60, check=False, **more)
        if check and done.returncode != 0:
            pytest.fail(f"{command} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def python(self, code, **more):
        """Runs Python code in the namespace, with the names of this module."""
        header = f"import sys; sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\nfrom worlds import *\n"
        return self.run([PYTHON, "-u", "-c", header + code], **more)

    def start(self, command, name, **more):
        process = Process(self.enter(command), self.directory, f"{len(self.processes)}-{name}", **more)
        self.processes.append(process)
        return process

    def interfaces(self):
        lines = self.run(["ip", "-o", "link", "show"]).stdout.splitlines()
        return {line.split(":")[1].strip().split("@")[0]: line for line in lines} | {}

    def has(self, name):
        return name in self.interfaces()

    def ifindex(self, name):
        """An interface's index; None: it is not there, at the moment."""
        line = self.interfaces().get(name)
        return int(line.split(":")[0]) if line else None

    def is_up(self, name):
        line = self.interfaces().get(name, "")
        return "UP" in line.partition("<")[2].partition(">")[0].split(",")

    def inhabitants(self):
        """Processes in the namespace, but for its holder."""
        ours = os.readlink(f"/proc/{self.pid}/ns/net")
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and entry.name != str(self.pid) and os.readlink(entry / "ns/net") == ours:
                    found.append(f"process {entry.name} ({(entry / 'comm').read_text().strip()})")
            except OSError:
                continue  # it has ended
        return found

    def end(self):
        for process in reversed(self.processes):
            process.end()
        left = [name for name in self.interfaces() if name != "lo"]
        # Workers, and what programs started, end by themselves, soon.
        end = time.monotonic() + 5
        while (inside := self.inhabitants()) and time.monotonic() < end:
            time.sleep(0.01)
        left += inside
        self.holder.stdin.close()
        self.holder.wait(timeout=10)
        self.holder.stdout.close()
        return left

class Daemon:
    """A daemon in a namespace, and programs that use it."""

    def __init__(self, namespace, directory, options=(), name="daemon", **more):
        self.namespace = namespace
        self.socket = str(pathlib.Path(directory) / "socket")
        self.rundir = pathlib.Path(self.socket + ".d")
        self.process = namespace.start([TUNTAPD, "serve", "-v", "-s", self.socket, *options], name, **more)
        self.process.wait_for("serving ")

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.process.output

    def worker(self):
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(self.pid) and b"--role=worker" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return None

    def environment(self, **more):
        return {**os.environ, "TUNTAPD_SOCKET": self.socket, "LD_PRELOAD": SHIM, "TUNTAPD_VERBOSE": "1", **more}

    def start(self, code, name="program", **more):
        """An unmodified Python program with the shim; code is its text."""
        return self.namespace.start([TUNTAPD, "exec", "-s", self.socket, "--", PYTHON, "-u", "-c", code], name, **more)

    def run(self, code, check=True, **more):
        return self.namespace.run([TUNTAPD, "exec", "-s", self.socket, "--", PYTHON, "-u", "-c", code], check=check, **more)

    def hold(self, device="tap0", name="holder"):
        """A program that opens a device and does what it is told, a line at a time; see HOLDER."""
        process = self.start(HOLDER.replace("@DEVICE@", device), name)
        process.wait_for("opened")
        return process

    def status(self):
        import json
        done = self.namespace.run([TUNTAPD, "status", "-s", self.socket, "--json"])
        return {device["device"]: device for device in json.loads(done.stdout)["devices"]}

    def state(self, device):
        return self.status().get(device, {"state": "closed"})["state"]

    def stop(self):
        self.process.kill(signal.SIGTERM)
        return self.process.popen.returncode

HOLDER = """
import errno, os, sys
def print(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode()) # at once, or half of it may be taken for the whole
fd = os.open("/dev/@DEVICE@", os.O_RDWR | os.O_NONBLOCK)
print("opened", fd)
for line in sys.stdin:
    command = line.split()
    try:
        if command[0] == "read":
            print("read", len(os.read(fd, 70000)))
        elif command[0] == "write":
            print("write", os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * 46))
        elif command[0] == "close":
            os.close(fd)
            print("closed")
        elif command[0] == "open":
            fd = os.open("/dev/" + command[1], os.O_RDWR | os.O_NONBLOCK)
            print("opened", fd)
        elif command[0] == "exit":
            sys.exit(0)
    except OSError as e:
        print(command[0], errno.errorcode[e.errno])
"""

def answer(process, line):
    """Tells a holder a line and returns what it says to it."""
    before = process.output
    process.say(line)
    wait_until(lambda: process.output[len(before):].endswith("\n"), 10, f"{process.name} answers {line!r}")
    return process.output[len(before):].strip()

class Client:
    """Speaks protocol/message.h, well or badly."""

    MAGIC = 0x64707474
    VERSION = 1
    ATTACH, HEADER_MODE, STATUS, STOP, RESULT = 1, 2, 3, 4, 0x8000
    TUN, TAP = 1, 2

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path)

    @classmethod
    def header(cls, type_, size, magic=MAGIC, version=VERSION, serial=1):
        return struct.pack("=IHHII", magic, version, type_, size, serial)

    @classmethod
    def attach_message(cls, kind=2, unit=0, access=3, nonblock=0, dialect=0, tun_flags=0, ifname=b"", pad=b"\0" * 8, **header):
        return (cls.header(cls.ATTACH, 48, **header) +
                struct.pack("=BBHBBH16s", kind, access, unit, nonblock, dialect, tun_flags, ifname) + pad)

    @classmethod
    def status_message(cls, cursor=0):
        return cls.header(cls.STATUS, 32) + struct.pack("=I12x", cursor)

    def send(self, data, fds=()):
        socket.send_fds(self.socket, [data], list(fds))

    def receive(self):
        """(data, descriptors); data is empty at the end of the connection."""
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 4096, 8)
        except ConnectionResetError:
            return b"", []
        return data, fds

    @staticmethod
    def error(data):
        return struct.unpack_from("=i", data, 16)[0]

    def close(self):
        self.socket.close()

@pytest.fixture
def directory():
    path = tempfile.mkdtemp(prefix="tuntapd-test-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)

@pytest.fixture
def namespace(directory, request):
    n = Namespace(directory)
    yield n
    report = "\n".join(f"--- {p.name} ---\n{p.output}" for p in n.processes)
    problems = [p.name for p in n.processes if "Sanitizer" in p.output or "runtime error:" in p.output]
    left = n.end()
    print(report)
    assert not problems, f"a sanitizer complained in {problems}"
    assert not left, f"interfaces or processes are left: {left}"

@pytest.fixture
def daemon(namespace, directory):
    d = Daemon(namespace, directory)
    yield d
    if d.process.alive():
        assert d.stop() == 0
