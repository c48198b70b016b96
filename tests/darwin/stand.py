# SPDX-License-Identifier: BSD-2-Clause
"""The stand-in for macOS: loader, programs, and a world in which the daemon of macOS serves them.

A world is for use inside a namespace: a file that has tests runs itself again in one (inside()).
"""
import os
import pathlib
import platform
import signal
import stat
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARGUMENTS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-g"]
PROGRAMS = [*sorted((HERE / "programs").glob("*.c")),
            *(ROOT / "tests" / "programs" / f"{name}.c" for name in ("tun-echo", "tap-echo", "hold", "forker", "closer"))]
# Cases that are written for both systems.
CONTRACT = [ROOT / "tests" / "conformance" / f"{name}.c" for name in (
    "contract-before", "contract-clients", "contract-close", "contract-copies", "contract-doors", "contract-inherit",
    "contract-interface", "contract-io", "contract-ioctl", "contract-open", "contract-poll", "contract-rights", "contract-stack",
    "contract-stdio", "contract-threads", "harness", "harness-darwin")]
TOOLS = ROOT / "tests" / "clients" / "bin"
# How long anything that is waited for may take, and a whole check; whoever expects failures waits less.
SECONDS = int(os.environ.get("TUNTAPD_DARWIN_SECONDS", "80"))
WHOLE_SECONDS = 3 * SECONDS
# What is started inside is gone when the first process of it is.
UNSHARE = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def can_run():
    return platform.machine() == "x86_64" and platform.system() == "Linux"


def make(target, sources, command):
    """Compiles a file, unless it is there and younger than its sources."""
    if not target.exists() or target.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, cwd=target.parent)
        if done.returncode != 0:
            target.unlink(missing_ok=True)
            raise RuntimeError(f"{target.name} cannot be built:\n{done.stderr}")
    return target


def make_program(target, source, compiler):
    make(target, [source, *source.parent.glob("*.h")], [compiler, "-std=c17", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter", "-idirafter", HERE / "include",
                            "-o", target, source])


def loader_sources():
    return [HERE / "loader.c", HERE / "machine-x86_64.c", *sorted(HERE.glob("standin*.c"))]


def make_loader(target, *flags):
    make(target, [*loader_sources(), *HERE.glob("*.h")], ["cc", *ARGUMENTS, *flags, "-o", target, *loader_sources()])


def make_all(files, compiler):
    """The loader, for this system; the programs, for macOS.  files: where the macOS files are; compiler: the one that makes those."""
    directory = files / "stand"
    directory.mkdir(exist_ok=True)
    make_loader(directory / "loader")
    make(directory / "kernel-side", [HERE / "kernel-side.c"],
         ["cc", *ARGUMENTS, "-o", directory / "kernel-side", HERE / "kernel-side.c"])
    # The loader knows no variables of threads; there is one thread that uses them.
    make(directory / "contract", [*CONTRACT, CONTRACT[0].parent / "harness.h"],
         [compiler, "-std=c17", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-D_Thread_local=",
          "-idirafter", HERE / "include", "-o", directory / "contract", *CONTRACT])
    for source in PROGRAMS:
        make_program(directory / source.stem, source, compiler)
    return directory


def run(command, **more):
    return subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=WHOLE_SECONDS,
                          stdin=subprocess.DEVNULL, **more)


def prepare(enter=()):
    """What a fresh network namespace needs: itself, and room for as many datagrams as fit (macOS counts bytes alone)."""
    subprocess.run([*enter, "sh", "-c", "ip link set lo up && echo 65536 >/proc/sys/net/unix/max_dgram_qlen"], check=True)


def prepare_system():
    """What a fresh mount namespace needs: configuration programs of the system's that take what macOS' take."""
    os.environ["PATH"] = f"{TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin"
    for tool in TOOLS.iterdir():
        if pathlib.Path("/sbin", tool.name).exists():
            subprocess.run(["mount", "--bind", tool, f"/sbin/{tool.name}"], check=True)


def own_dev():
    """A /dev of this namespace's, in which nothing is that nobody needs."""
    there = pathlib.Path("/dev/shm/tuntapd-dev")
    there.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", there], check=True)
    for name in ("null", "zero", "random", "urandom", "net/tun"):
        (there / name).parent.mkdir(exist_ok=True)
        os.mknod(there / name, stat.S_IFCHR, (pathlib.Path("/dev") / name).stat().st_rdev)
        (there / name).chmod(0o666)
    (there / "fd").symlink_to("/proc/self/fd")
    subprocess.run(["mount", "--move", there, "/dev"], check=True)


def wait_until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not in {SECONDS} s: {what() if callable(what) else what}")
        time.sleep(0.01)


class Process(subprocess.Popen):
    """A program of macOS in a process of Linux; what it says is in a file."""

    def __init__(self, files, log, command, environment, enter=(), **more):
        self.log = log
        with open(log, "ab") as output:
            super().__init__([*enter, str(files / "stand" / "loader"), *(str(word) for word in command)], stdout=output,
                             stderr=subprocess.STDOUT, env={**os.environ, **environment}, **more)

    def said(self):
        return self.log.read_text(errors="replace")


class World:
    """The daemon, and what is run on its devices."""

    # What is put before a command that is to run where the daemon does.
    enter = ()

    def __init__(self, files, directory, config="", environment=None):
        self.files, self.directory, self.socket = files, directory, directory / "socket"
        (directory / "conf").write_text(config)
        self.daemon = self.serve(**(environment or {}))

    def serve(self, **environment):
        """Starts a daemon; it serves."""
        log = self.directory / "daemon.log"
        before = len(log.read_text(errors="replace")) if log.exists() else 0
        daemon = Process(self.files, log, [self.files / "universal" / "tuntapd", "serve", "-c", self.directory / "conf", "-s", self.socket],
                         environment, self.enter)
        wait_until(lambda: ": serving " in daemon.said()[before:] or daemon.poll() is not None, "the daemon serves")
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with status {daemon.returncode}:\n{daemon.said()}")
        return daemon

    def said(self):
        return self.daemon.said()

    def command(self, *words):
        """The command of macOS, asking this daemon."""
        return run([*self.enter, self.files / "stand" / "loader", self.files / "universal" / "tuntapd", words[0], "-s", self.socket, *words[1:]])

    def loader(self):
        """What runs a program, and is its process."""
        return [str(self.programs() / "loader")]

    def programs(self):
        return self.files / "stand"

    def known_as(self, name):
        """What the daemon says that a program of that name is called."""
        return name

    def program(self, command, **more):
        """A program of macOS with the library in it; what it says goes where this process' does."""
        return subprocess.Popen(self.words(command), **more, env=self.environment())

    def words(self, command):
        path = command[0] if "/" in str(command[0]) else self.programs() / command[0]
        return [*self.enter, *self.loader(), str(path), *(str(word) for word in command[1:])]

    def environment(self):
        return {**os.environ, "TUNTAPD_SOCKET": str(self.socket), "CONTRACT_KERNEL": str(self.files / "stand" / "kernel-side"),
                "DYLD_INSERT_LIBRARIES": str(self.files / "universal" / "libtuntapd-shim.dylib")}

    def piped(self, *command):
        """The same; what it says is read from its stdout."""
        return self.program(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def stop(self, how=signal.SIGTERM):
        """Ends the daemon; true if it ended badly."""
        if self.daemon.poll() is None:
            self.daemon.send_signal(how)
        return self.daemon.wait(SECONDS) != 0


def inside(file, name, *where, **more):
    """Runs a check of a file in a namespace of its own: what is wrong.  One that does not end says where it is."""
    bound = ["timeout", "--foreground", "-s", "ABRT", "-k", "10", WHOLE_SECONDS - SECONDS // 4]
    try:
        done = run(["unshare", *UNSHARE, *bound, sys.executable, "-X", "faulthandler", file, name, *where], **more)
    except subprocess.TimeoutExpired as error:
        yield f"{error}:\n{error.stdout}{error.stderr}"
        return
    yield from (done.stdout + done.stderr).splitlines()
    if done.returncode != 0 and not done.stdout + done.stderr:
        yield f"status {done.returncode}"


def inside_of(file):
    """The same for the checks of one file, which say a name and where the stand-in is."""
    return lambda name, stand_files: inside(file, name, stand_files.parent)


def main_inside(checks):
    """What such a file does when it is run again: NAME FILES, and what the check wants besides."""
    prepare()
    prepare_system()
    with tempfile.TemporaryDirectory() as directory:
        for line in checks[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(directory), *sys.argv[3:]):
            print(line, flush=True)
