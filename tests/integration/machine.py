# SPDX-License-Identifier: BSD-2-Clause
"""A machine of a test's own: its own root directory, processes, network and host name, on this kernel.

The system's /usr is shared and cannot be written to; everything else (/etc, /run, /var, /opt, /usr/local) is the machine's and goes with it.
Machine has nothing in it but a process that holds it.  SystemdMachine boots the system's own systemd, with nothing but what the test adds.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from worlds import BUILD, PYTHON, Process, wait_until

# The first process of a machine that has no service manager: it ends what is left to it, and ends when its input does.
HOLDER = """
import os, select, signal, sys
r, w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.set_wakeup_fd(w)
signal.signal(signal.SIGCHLD, lambda *_: None)
print("ready", flush=True)
while 0 not in (ready := select.select([0, r], [], [])[0]):
    os.read(r, 100)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""

MACHINE_ID = "0123456789abcdef0123456789abcdef"

# Arguments: the root directory to be, a cgroup2 file system's mount (or ""), and what to become in there.
BOOT = """
set -e
root=$1 cgroup=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$root"
cd "$root"
mkdir -p usr etc/systemd/system proc sys dev run tmp var/log var/lib var/empty root opt home Library/LaunchDaemons
ln -s ../run var/run
mount --rbind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=755 local usr/local
mount -t proc proc proc
mount -t sysfs sysfs sys
[ -z "$cgroup" ] || mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do : >dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/net dev/shm
: >dev/net/tun
mount --bind /dev/net/tun dev/net/tun
for link in sbin lib lib64; do [ ! -L /$link ] || cp -P /$link .; done
cp -r /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/alternatives etc
echo "passwd: files\\ngroup: files" >etc/nsswitch.conf
echo "root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin" >etc/passwd
echo "root:x:0:\\nnogroup:x:65534:" >etc/group
echo MACHINE_ID >etc/machine-id
ip link set lo up
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test chroot "$root" "$@"
"""


def install_tree(prefix):
    """What meson installs, in a directory: as a package would have it."""
    done = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", str(prefix)], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return prefix / "usr" / "local"


class Machine:
    """With a process that holds it."""

    bin_is_a_link = True

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tuntapd-machine-"))
        self.where = self.directory / "root"
        self.where.mkdir()
        self.processes = []
        self.cgroup = None
        self.popen = None
        self.boot([PYTHON, "-c", HOLDER])
        assert self.popen.stdout.readline() == b"ready\n"

    def boot(self, command, cgroup=""):
        link = "cp -P /bin ." if self.bin_is_a_link else "mkdir bin; ln -s /usr/bin/sh bin"
        script = BOOT.replace("MACHINE_ID", MACHINE_ID).replace("ip link set lo up", f"{link}\nip link set lo up")
        self.popen = subprocess.Popen(["unshare", "-mpnif" + ("C" if cgroup else ""), "--kill-child", "sh", "-c",
                                       script, "sh", str(self.where), cgroup, *command],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      preexec_fn=self.enter_cgroup)

    def enter_cgroup(self):
        if self.cgroup is not None:
            (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def pid(self):
        """Its first process, as this machine counts."""
        children = pathlib.Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
        return int(children[0])

    @property
    def root(self):
        return pathlib.Path(f"/proc/{self.pid}/root")

    def path(self, path):
        """A path of the machine's, from outside."""
        return self.root / path.lstrip("/")

    def enter(self, command):
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-i", *(["-C"] if self.cgroup else []), "-r", "-w", "--",
                "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                *(f"{name}={os.environ[name]}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ), *command]

    def run(self, command, check=True, **more):
        done = subprocess.run(self.enter(command), capture_output=True, text=True, timeout=120, check=False, **more)
        if check and done.returncode != 0:
            pytest.fail(f"{command} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def start(self, command, name):
        process = Process(self.enter(command), self.directory, f"{len(self.processes)}-{name}")
        self.processes.append(process)
        return process

    def copy(self, source, target):
        """A file or directory of this machine's into that one."""
        to = self.path(target)
        to.parent.mkdir(parents=True, exist_ok=True)
        if pathlib.Path(source).is_dir():
            shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, to)

    def write(self, path, text, mode=0o644):
        to = self.path(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
        to.chmod(mode)

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def files(self, *directories):
        """What there is below directories: paths and contents."""
        found = {}
        for directory in directories:
            for path in sorted(self.path(directory).rglob("*")):
                name = str(path).removeprefix(str(self.root))
                found[name] = os.readlink(path) if path.is_symlink() else path.read_text(errors="replace") if path.is_file() else None
        return found

    def end(self):
        """Everything in it, and it."""
        for process in reversed(self.processes):
            process.end()
        self.popen.kill()  # and with it, by --kill-child, its first process, which takes all others along
        self.popen.communicate(timeout=20)
        if self.cgroup is not None:
            remove_cgroup(self.cgroup)
        shutil.rmtree(self.directory)


def remove_cgroup(top):
    """It is empty once its processes have ended, which takes the kernel a moment."""
    end = time.monotonic() + 10
    while top.exists():
        try:
            for path, _, _ in os.walk(top, topdown=False):
                os.rmdir(path)
        except OSError:
            assert time.monotonic() < end, f"{top} cannot be removed"
            time.sleep(0.01)


class SystemdMachine(Machine):
    """With systemd, and no other unit than what is written to its /etc."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tuntapd-machine-"))
        self.where = self.directory / "root"
        self.where.mkdir()
        self.processes = []
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        cgroups = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
        self.cgroup = pathlib.Path(cgroups[0]) / self.directory.name
        self.cgroup.mkdir()
        self.boot(["/lib/systemd/systemd", "--system", "--unit=basic.target", "--show-status=no", "--log-target=console"], "cgroup")
        os.set_blocking(self.popen.stdout.fileno(), False)

    @classmethod
    @contextlib.contextmanager
    def booted(cls):
        """One that has started, for as long as it is wanted."""
        why_not = cls.why_not()
        if why_not:
            pytest.skip(why_not)
        machine = cls()
        try:
            wait_until(lambda: machine.is_booted() and machine.is_ready(), 60, "systemd has started")
            yield machine
        finally:
            machine.end()

    @staticmethod
    def why_not():
        """Why there can be none here; empty: there can."""
        if not os.path.exists("/lib/systemd/systemd"):
            return "there is no systemd"
        if "cgroup2" not in pathlib.Path("/proc/self/mounts").read_text():
            return "there is no cgroup2 file system"
        return ""

    def is_booted(self):
        """Whether it has a first process, and that is in its own root directory."""
        try:
            return (self.root / "etc/machine-id").read_text().strip() == MACHINE_ID
        except (OSError, IndexError):
            return False

    def is_ready(self):
        done = self.run(["systemctl", "is-system-running"], check=False)
        return done.stdout.strip() in ("running", "degraded")

    def log(self):
        """What the manager and its services have said."""
        return (self.popen.stdout.read() or b"").decode(errors="replace")

    def show(self, unit, name):
        return self.run(["systemctl", "show", f"--property={name}", "--value", unit]).stdout.strip()
