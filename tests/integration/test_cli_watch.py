# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd status --watch: lines where there is no terminal, a screen where there is one, and a terminal that is left as it was."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import jsonschema
import pytest
from test_cli import StandIn, device_reply
from worlds import PYTHON, TUNTAPD, Daemon, wait_until

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs/status-schema.json").read_text())
BOUND_S = 20
TAKE, GIVE_BACK = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"

# 20 datagrams of 1000 bytes each 10 ms, to where the device leads: 1042 bytes with their headers.
TRAFFIC = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(20):
        s.sendto(b"x" * 1000, ("10.9.9.2", 9))
    time.sleep(0.01)
"""


# Processes of a test, until it has seen their end.
running = set()


def end_running():
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    running.clear()


@pytest.fixture(autouse=True)
def none_is_left():
    yield
    end_running()


@pytest.fixture(name="namespace")
def namespace_of_a_watch(namespace):
    """Ends before the outer one looks for what is left in it."""
    yield namespace
    end_running()


@pytest.fixture
def busy(daemon):
    """tap0 is up, a program reads it, and traffic flows to it."""
    namespace = daemon.namespace
    namespace.start([TUNTAPD, "fd", "-q", "-s", daemon.socket, "--fd", "0", "tap0", "cat"], "cat")
    wait_until(lambda: daemon.state("tap0") == "open")
    namespace.run(["sh", "-ec", "sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1; ip address add 10.9.9.1/24 dev tap0; ip link set tap0 up; "
                   "ip neighbour add 10.9.9.2 lladdr 02:00:00:00:00:02 dev tap0"])
    namespace.start([PYTHON, "-c", TRAFFIC], "traffic")
    wait_until(lambda: daemon.status()["tap0"]["to_program"]["packets"] > 0)
    return daemon


class Lines:
    """A watch whose output is a pipe, read as it comes."""

    def __init__(self, command, prefix=(), **env):
        self.popen = subprocess.Popen([*prefix, TUNTAPD, "status", "--watch", *command], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env={**os.environ, **env}, text=True)
        running.add(self.popen.pid)

    def line(self):
        readable, _, _ = select.select([self.popen.stdout], [], [], BOUND_S)
        assert readable, "no line in time"
        return self.popen.stdout.readline()

    def until(self, condition):
        end = time.monotonic() + BOUND_S
        while not condition(line := self.line()):
            assert line and time.monotonic() < end, "not in time"
        return line

    def document(self):
        document = json.loads(self.line())
        jsonschema.Draft7Validator(SCHEMA).validate(document)
        return document

    def end(self):
        self.popen.terminate()
        rest = self.popen.communicate(timeout=BOUND_S)
        running.discard(self.popen.pid)
        assert self.popen.returncode == -signal.SIGTERM
        return rest


class Terminal:
    """A watch on a terminal of its own, which is also its controlling one."""

    def __init__(self, command, prefix=(), columns=80, rows=24, **env):
        env = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                # Whoever runs the tests in the background may ignore some of them, and what is ignored stays so.
                for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_DFL)
                # The parent sets the size and says go, before there is anything to draw.
                os.read(0, 1)
                line = [*prefix, TUNTAPD, "status", "--watch", *command]
                os.execvpe(line[0], line, env)
            finally:
                os._exit(99)
        running.add(self.pid)
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.master)
        os.write(self.master, b"\n")
        self.output = ""

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """More output; False at the end."""
        readable, _, _ = select.select([self.master], [], [], BOUND_S)
        assert readable, f"nothing in time after {self.output[-500:]!r}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # nobody has the other end any more
            return False
        self.output += data.decode()
        return bool(data)

    def frames(self):
        """Whole screens: what comes between two that are drawn from the first cell on."""
        return self.output.split("\x1b[H")[1:]

    def until(self, condition):
        """Reads until a frame that is complete satisfies the condition, and returns it."""
        end = time.monotonic() + BOUND_S
        seen = 0
        while True:
            frames = self.frames()
            for frame in frames[seen:]:
                if "\x1b[J" in frame and frame.endswith(("\x1b[0m", "\x1b[K")) and condition(frame):
                    return frame
            seen = max(0, len(frames) - 1)
            assert time.monotonic() < end, f"not in time: {frames[-1:]}"
            assert self.read(), f"it ended: {self.output!r}"

    def type(self, keys):
        os.write(self.master, keys)

    def wait(self):
        """The end: its status as subprocess has it."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        running.discard(self.pid)
        after = termios.tcgetattr(self.master)
        os.close(self.master)
        assert self.output.endswith(GIVE_BACK)
        assert after == self.before
        return os.waitstatus_to_exitcode(status)


def visible(frame):
    """The lines of a frame without escape sequences."""
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", frame)
    assert "\x1b" not in text
    return re.split(r"\r+\n", text)  # the terminal adds one of its own


def known_escapes_only(output):
    rest = output
    for known in (TAKE, GIVE_BACK, "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[7m"):
        rest = rest.replace(known, "")
    return "\x1b" not in rest


# --- lines


def test_lines_of_a_pipe(busy):
    watch = Lines(["-s", busy.socket, "--interval", "0.2"], busy.namespace.enter([]))
    blocks = []
    for _ in range(4):
        block = []
        while (line := watch.line()) != "\n":
            assert line.endswith("\n")
            block.append(line)
        blocks.append(block)
    rest, _ = watch.end()
    assert "\x1b" not in "".join(line for block in blocks for line in block) + rest
    for number, (title, row) in enumerate(blocks):
        fields = dict(zip(title.split(), row.split()))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", fields["TIME"])
        assert (fields["DEVICE"], fields["STATE"]) == ("tap0", "up") and row.rstrip().endswith(" cat root")
        if number == 0:
            assert fields["IN-PKT/S"] == fields["OUT-B/S"] == "-"
        else:
            packets, octets = int(fields["IN-PKT/S"]), int(fields["IN-B/S"])
            assert packets > 0 and fields["OUT-PKT/S"] == "0"
            assert octets == pytest.approx(packets * 1042, rel=0.05)


def test_rates_are_those_of_the_counters(busy):
    watch = Lines(["-s", busy.socket, "--json", "-i", "0.3", "tap0"], busy.namespace.enter([]))
    documents = [watch.document() for _ in range(4)]
    watch.end()
    for before, after in zip(documents, documents[1:]):
        elapsed = after["time"] - before["time"]
        assert 0.1 < elapsed < 5
        (old,), (new,) = before["devices"], after["devices"]
        for member in ("packets", "bytes"):
            grown = new["to_program"][member] - old["to_program"][member]
            assert new["rates"]["to_program"][member] == pytest.approx(grown / elapsed, rel=0.1)
        assert new["rates"]["from_program"] == {"packets": 0, "bytes": 0, "dropped": 0}
    assert documents[0]["devices"][0]["rates"] is None


def test_json_lines_outlive_a_restart(namespace, directory):
    daemon = Daemon(namespace, directory)
    holder = daemon.hold("tap0")
    watch = Lines(["-s", daemon.socket, "--json", "-i", "0.1"], namespace.enter([]))
    first = watch.document()
    assert len(first["devices"]) == 32
    daemon.stop()
    gone = json.loads(watch.until(lambda line: json.loads(line)["devices"] is None))
    jsonschema.validate(gone, SCHEMA)
    assert gone["time"] > first["time"]
    daemon = Daemon(namespace, directory, name="again")
    back = json.loads(watch.until(lambda line: json.loads(line)["devices"] is not None))
    assert {d["device"]: d["state"] for d in back["devices"]}["tap0"] == "open"
    watch.end()
    holder.end()
    assert daemon.stop() == 0


def test_lines_without_a_daemon(tmp_path):
    watch = Lines(["-s", str(tmp_path / "socket"), "-i", "0.1"])
    for _ in range(2):
        assert watch.line().startswith("TIME ")
        assert re.fullmatch(r"\S+ no daemon\n", watch.line())
        assert watch.line() == "\n"
    rest, errors = watch.end()
    assert errors == "" and "\x1b" not in rest


@pytest.mark.parametrize("args, status, text", [
    (["tap99"], 64, "serves no tap device"), (["-s", "/tmp/" + "x" * 104], 64, "no path for a socket")])
def test_what_waiting_does_not_mend_ends_it(daemon, args, status, text):
    for more in ([], ["--json"]):
        done = daemon.namespace.run([TUNTAPD, "status", "--watch", "-s", daemon.socket, *more, *args], check=False)
        assert (done.returncode, done.stdout) == (status, "") and text in done.stderr


def test_reader_that_has_gone_ends_it(daemon):
    watch = Lines(["-s", daemon.socket, "-i", "0.1"], daemon.namespace.enter([]))
    watch.line()
    watch.popen.stdout.close()
    watch.popen.wait(BOUND_S)
    running.discard(watch.popen.pid)
    assert watch.popen.returncode == -signal.SIGPIPE
    watch.popen.stderr.close()


# --- the screen


def test_screen_shows_traffic(busy):
    terminal = Terminal(["-s", busy.socket, "-i", "0.2"], busy.namespace.enter([]))
    frame = terminal.until(lambda f: "█" in f)
    lines = visible(frame)
    assert lines[0].startswith("tuntapd  " + busy.socket[:20]) and "every 0.2 s" in lines[0]
    heading = next(i for i, line in enumerate(lines) if line.startswith("tap0 "))
    assert re.match(r"tap0 +up  10\.9\.9\.1/24  \d+ cat root +peak \S+ B/s$", lines[heading])
    assert re.fullmatch(r"  in   [ ·▁▂▃▄▅▆▇█]{35}  [ 0-9.kMG]{5} pkt/s  [ 0-9.kMG]{5} B/s      0 drop/s", lines[heading + 1])
    assert re.fullmatch(r"  out  [ ·]{35}      0 pkt/s      0 B/s      0 drop/s", lines[heading + 2])
    assert lines[-1].startswith("1 open, 31 closed") and lines[-1].endswith("q ends")
    # Written over, never cleared as a whole; no line goes past the margin; nothing scrolls.
    assert "\x1b[2J" not in terminal.output and terminal.output.count("\x1b[J") == len(terminal.frames())
    assert max(len(line) for f in terminal.frames() for line in visible(f)) <= 80
    assert max(len(visible(f)) for f in terminal.frames()) <= 24
    terminal.type(b"q")
    assert terminal.wait() == 0
    assert terminal.output.count(TAKE) == terminal.output.count(GIVE_BACK) == 1
    assert known_escapes_only(terminal.output)


def test_screen_follows_its_size_at_once(daemon):
    """The next look is a minute away: what is drawn is drawn for the signal."""
    holders = [daemon.hold(name, name) for name in ("tun1", "tap0", "tap1", "tap2")]
    terminal = Terminal(["-s", daemon.socket, "-i", "60"], daemon.namespace.enter([]), columns=100, rows=24)
    frame = terminal.until(lambda f: "q ends" in f)
    assert len(visible(frame)[0]) == 100 and len([l for l in visible(frame) if "  in   " in l]) == 4
    assert "" in visible(frame)[3:-2], "there is room for empty lines"
    for columns, rows, shown in ((60, 15, 4), (60, 14, 3), (200, 6, 1), (20, 5, 0), (1, 1, 0), (300, 50, 4)):
        terminal.resize(columns, rows)
        frame = terminal.until(lambda f: max(map(len, visible(f))) == columns and len(visible(f)) <= max(rows, 3))
        lines = visible(frame)
        assert len([l for l in lines if l.startswith("  in   ")]) == shown, (columns, rows)
        if 0 < shown < 4:
            assert f"{4 - shown} more" in lines[-1]
    terminal.type(b"Q")
    assert terminal.wait() == 0
    for holder in holders:
        holder.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_terminal_is_given_back_on_signals(daemon, number):
    terminal = Terminal(["-s", daemon.socket, "-i", "60"], daemon.namespace.enter([]))
    terminal.until(lambda f: True)
    assert termios.tcgetattr(terminal.master)[3] & (termios.ICANON | termios.ECHO) == 0
    if number == signal.SIGINT:
        terminal.type(b"\x03")
    else:
        os.kill(terminal.pid, number)
    assert terminal.wait() == -number


def test_stopped_and_going_on(daemon):
    terminal = Terminal(["-s", daemon.socket, "-i", "60"], daemon.namespace.enter([]))
    terminal.until(lambda f: True)
    os.kill(terminal.pid, signal.SIGSTOP)  # unheard: the terminal stays as it is
    os.waitpid(terminal.pid, os.WUNTRACED)
    drawn = len(terminal.frames())
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(lambda f: len(terminal.frames()) > drawn)
    assert terminal.output.count(TAKE) == 2
    # Ctrl-Z in a session whose leader it is does nothing but give back and take again: nobody could wake it.
    os.kill(terminal.pid, signal.SIGTSTP)
    drawn = len(terminal.frames())
    terminal.until(lambda f: len(terminal.frames()) > drawn and GIVE_BACK + TAKE in terminal.output)
    terminal.type(b"q")
    assert terminal.wait() == 0


def test_screen_outlives_a_restart(namespace, directory):
    daemon = Daemon(namespace, directory)
    holder = daemon.hold("tap0")
    terminal = Terminal(["-s", daemon.socket, "-i", "0.1"], namespace.enter([]))
    terminal.until(lambda f: "no daemon" not in f and "0 pkt/s" in f)
    daemon.stop()
    frame = terminal.until(lambda f: "no daemon" in f)
    # What was open is still shown, with rates that nobody knows.
    assert any(line.startswith("tap0 ") for line in visible(frame)) and "    - pkt/s" in frame
    daemon = Daemon(namespace, directory, name="again")
    terminal.until(lambda f: "no daemon" not in f and "0 pkt/s" in f)
    terminal.type(b"q")
    assert terminal.wait() == 0
    holder.end()
    assert daemon.stop() == 0


def test_screen_of_one_device(daemon):
    terminal = Terminal(["-s", daemon.socket, "-i", "0.1", "tap3"], daemon.namespace.enter([]))
    terminal.until(lambda f: "tap3 is closed" in f)
    holder = daemon.hold("tap3")
    other = daemon.hold("tap4")
    frame = terminal.until(lambda f: "pkt/s" in f)
    assert any(line.startswith("tap3 ") for line in visible(frame)) and "tap4" not in frame
    holder.end()
    terminal.until(lambda f: "tap3 is closed" in f and "pkt/s" not in f)
    terminal.type(b"q")
    assert terminal.wait() == 0
    other.end()


def test_ascii_where_the_locale_has_no_more(busy):
    terminal = Terminal(["-s", busy.socket, "-i", "0.1"], busy.namespace.enter([]), LC_ALL="C")
    frame = terminal.until(lambda f: "#" in f)
    assert re.search(r"^  in   [ ._~=+*%#-]{35}  ", "\n".join(visible(frame)), re.M)
    terminal.type(b"q")
    assert terminal.wait() == 0
    assert terminal.output.isascii()


def test_dumb_terminal_gets_lines(daemon):
    for term in ("dumb", ""):
        master, slave = os.openpty()
        watch = subprocess.Popen(daemon.namespace.enter([TUNTAPD, "status", "--watch", "-s", daemon.socket, "-i", "0.1"]), stdin=slave,
                                 stdout=slave, stderr=slave, env={**os.environ, "TERM": term})
        output = b""
        while output.count(b"TIME ") < 3:
            assert select.select([master], [], [], BOUND_S)[0]
            output += os.read(master, 65536)
        watch.terminate()
        watch.wait(BOUND_S)
        os.close(master)
        os.close(slave)
        assert b"\x1b" not in output


def test_text_of_strangers_cannot_command_the_screen(tmp_path):
    hostile = b"\x1b[2J\x1b]0;x\x07\x9b\xe2\x80\xae\r\n"
    answer = lambda sock, serial, cursor: sock.send(device_reply(serial, program=hostile, ifname=b"\x1b[31m"))
    with StandIn(tmp_path / "socket", answer):
        terminal = Terminal(["-s", str(tmp_path / "socket"), "-i", "0.1"], columns=160)
        frame = terminal.until(lambda f: "pkt/s" in f)
        assert r"\x1b[2J\x1b]0;x\x07\x9b\xe2\x80\xae\x0d\x0a" in frame and r"\x1b[31m" in frame
        terminal.type(b"q")
        assert terminal.wait() == 0
    assert known_escapes_only(terminal.output) and "\x07" not in terminal.output


def test_silent_daemon_counts_as_none_and_keys_are_heard(tmp_path):
    with StandIn(tmp_path / "socket", lambda sock, serial, cursor: None):
        terminal = Terminal(["-s", str(tmp_path / "socket"), "-i", "60"])
        terminal.until(lambda f: "no daemon" in f)
        terminal.type(b"q")
        assert terminal.wait() == 0


def test_slow_looks_are_answered_although_the_daemon_drops_the_silent(tmp_path):
    """A connection on which nothing is asked for some seconds is closed by the daemon; that is no restart."""
    def answer(sock, serial, cursor):
        sock.send(device_reply(serial))
        return False  # closed as soon as it has answered

    with StandIn(tmp_path / "socket", answer):
        watch = Lines(["-s", str(tmp_path / "socket"), "--json", "-i", "0.1"])
        documents = [watch.document() for _ in range(5)]
        watch.end()
    assert all(document["devices"] for document in documents)
