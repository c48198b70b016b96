# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces joined by a cable, a daemon in each; see ../integration/worlds.py.  What passed is shown as a table."""
import dataclasses
import os
import pathlib
import shutil
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "integration"))
sys.path.insert(0, str(HERE))

from worlds import *  # noqa: E402,F401,F403 pylint: disable=wildcard-import,unused-wildcard-import,wrong-import-position
import build  # noqa: E402 pylint: disable=wrong-import-position
from table import CLIENTS  # noqa: E402 pylint: disable=wrong-import-position
from worlds import Daemon, Namespace  # noqa: E402 pylint: disable=wrong-import-position

# What the run has shown: rows of the table, each with its link.
PASSED = []

# Nobody in particular: who has no rights but those that the daemon's configuration gives to all.
STRANGER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


class Side:
    """One end: a namespace with address 192.0.2.N, its daemon, what runs there; and BSD's ifconfig and route, for programs of BSD."""

    def __init__(self, directory, number, bsd_tools, link="linux"):
        self.directory = pathlib.Path(directory) / f"side{number}"
        self.directory.mkdir()
        self.number = number
        self.address = f"192.0.2.{number}"
        self.namespace = Namespace(self.directory)
        # For whichever user a program runs as, however the machine's own is.
        self.temporary = self.directory / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)
        self.path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        if bsd_tools:
            self.path = f"{HERE / 'bin'}:{self.path}"
            for tool in ("ifconfig", "route"):
                self.namespace.run(["mount", "--bind", str(HERE / "bin" / tool), f"/sbin/{tool}"])
        # Some programs have no rights of their own.
        configuration = self.write("tuntapd.conf", f'mode = "0666"\nlink = "{link}"\n')
        self.daemon = Daemon(self.namespace, self.directory, ["-c", str(configuration)])
        self.programs = []

    def environment(self):
        return {**os.environ, "PATH": self.path, "TMPDIR": str(self.temporary)}

    def start(self, command, name, verb=("exec",), as_user=False, **environment):
        """An unmodified program, with the shim, or as the verb says: "fd" and a device."""
        process = self.namespace.start([*(STRANGER if as_user else []), TUNTAPD, verb[0], "-s", self.daemon.socket, *verb[1:], "--",
                                        *map(str, command)], name, env={**self.environment(), **environment}, cwd=self.directory)
        self.programs.append(process)
        return process

    def built(self, name):
        """The files of a build, where any user can reach them: the cache is in somebody's home."""
        there = self.directory / f"built-{name}"
        if not there.exists():
            shutil.copytree(build.build(name), there)
        return there

    def configure(self, interface, address, prefix=24):
        """What an administrator does for a program that may not."""
        self.run(["ip", "addr", "add", f"{address}/{prefix}", "dev", interface])
        self.run(["ip", "link", "set", interface, "up"])

    def start_plain(self, command, name, as_user=False):
        return self.namespace.start([*(STRANGER if as_user else []), *map(str, command)], name, env=self.environment(),
                                    cwd=self.directory)

    def run(self, command, **more):
        return self.namespace.run(list(map(str, command)), **more)

    def end_programs(self):
        """What was started here, and what that left behind: programs that detach (edge) are no children of ours."""
        for process in reversed(self.programs):
            process.end()
        ours = os.readlink(f"/proc/{self.namespace.pid}/ns/net")
        spared = {self.namespace.pid, self.daemon.pid, self.daemon.worker()}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) not in spared and os.readlink(entry / "ns" / "net") == ours:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue

    def write(self, name, text, mode=0o644):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path


def pytest_generate_tests(metafunc):
    """A test of a program: once for each link that can make the device that it opens."""
    if "client" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("client")
    metafunc.parametrize("client", [pytest.param((name, link), id=f"{name}-{link}")
                                    for name in marker.args
                                    for link in ("linux", "veth")
                                    if link == "linux" or CLIENTS[name].dialect == "bsd"],
                         indirect=True)


def row_of(request):
    """The row of the table that the test is for, and the link: @pytest.mark.client(NAME...) makes them."""
    callspec = getattr(request.node, "callspec", None)
    name, link = callspec.params.get("client", (None, "linux")) if callspec else (None, "linux")
    return CLIENTS[name] if name else None, link


@pytest.fixture
def sides(directory, request):
    row, link = row_of(request)
    a, b = (Side(directory, number, row is None or row.dialect == "bsd", link) for number in (1, 2))
    a.run(["ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(b.namespace.pid)])
    for side in (a, b):
        side.run(["ip", "addr", "add", f"{side.address}/24", "dev", "cable"])
        side.run(["ip", "link", "set", "cable", "up"])
    yield a, b
    problems = []
    for side in (a, b):
        side.end_programs()
        wait_until(lambda s=side: not [i for i in s.namespace.interfaces() if i not in ("lo", "cable")], 10,
                   f"devices of side {side.number} are gone")
        wait_until(lambda s=side: {d["state"] for d in s.daemon.status().values()} == {"closed"})
        if side.daemon.stop() != 0:
            problems.append(f"daemon {side.number} ended badly")
    a.run(["ip", "link", "delete", "cable"])
    for side in (a, b):
        for process in side.namespace.processes:
            print(f"--- side {side.number}, {process.name} ---\n{process.output}")
        left = side.namespace.end()
        if left:
            problems.append(f"side {side.number} is left with {left}")
    assert not problems, problems


@pytest.fixture
def client(request):
    row, link = row_of(request)
    row.check_version()
    PASSED.append(dataclasses.replace(row, link=link))
    return PASSED[-1]


def pytest_configure(config):
    config.addinivalue_line("markers", "no_root: runs without root")
    config.addinivalue_line("markers", "client(name): the row of the table that the test is for")


def pytest_terminal_summary(terminalreporter):
    """The table, as far as it was run: run-suites.py repeats it."""
    titles = ("program", "version", "language", "dialect", "device", "link", "what passed")
    rows = [(c.program, c.version, c.language, c.dialect, c.device, c.link, c.passed)
            for c in PASSED if c.passed]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, ["-" * width for width in widths], *rows] if rows else []:
        terminalreporter.write_line("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |")
