# SPDX-License-Identifier: BSD-2-Clause
"""The commands of docs/faq.md do what its answers say.  Each is run here, or stands in a list with the reason why it is not."""
import pathlib
import re
import shlex

from worlds import TUNTAPD, wait_until

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "faq.md").read_text()

ELSEWHERE = {
    "tuntapd service install": "test_service_systemd.py and test_service_launchd.py run it, in a machine of their own",
    "tuntapd service status": "the same",
    "tuntapd service uninstall": "the same",
    "tuntapd migrate --apply": "test_migrate.py runs it, on a tree of files",
    "tuntapd migrate --undo --apply": "the same",
    "tuntapd switch --dry-run cisco": "the same",
    "tuntapd switch cisco": "the same",
    "tuntapd switch tuntapd": "the same",
    "tuntapd serve": "the daemon of each test here",
}

# The questions of the old FAQ, by a word that the new one must have in a heading.
OLD_QUESTIONS = ["Who", "Why", "Which versions of macOS", "source", "licence", "install", "boot", "by hand", "remove", "bridge", "crashed",
                 "AnyConnect", "EIO"]


def commands():
    return [line[6:] for line in PAGE.splitlines() if re.match(r"    [$#] ", line)]


def test_every_old_question_has_its_answer():
    headings = "\n".join(line for line in PAGE.splitlines() if line.startswith("## "))
    for word in OLD_QUESTIONS:
        assert word in headings, word


def test_links_lead_somewhere():
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs"
    for page in ("faq.md", "developers.md", "comparison.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (docs / page).read_text()):
            assert target.startswith("http") or (docs / target).exists(), f"{page}: {target}"


class Runner:
    def __init__(self, namespace, daemon, directory):
        self.namespace, self.daemon, self.directory, self.ran = namespace, daemon, directory, set()

    def __call__(self, command, status=0):
        assert command in commands(), f"not on the page: {command}"
        self.ran.add(command)
        words = [TUNTAPD if word == "tuntapd" else word for word in shlex.split(command)]
        done = self.namespace.run(["env", "-C", self.directory, f"TUNTAPD_SOCKET={self.daemon.socket}", *words], check=False)
        assert done.returncode == status or (isinstance(status, tuple) and done.returncode in status), f"{command}: {done}"
        return done.stdout


def test_commands(namespace, daemon, directory):
    run = Runner(namespace, daemon, directory)
    namespace.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far"])
    namespace.run(["ip", "link", "set", "eth0", "up"])
    holder = daemon.hold("tap0")

    assert re.match(r"tuntapd \d+\.\d+", run("tuntapd --version"))
    assert "tap0 is open" in run("tuntapd doctor", (0, 1))
    assert re.search(r"^tap0 +open", run("tuntapd status"), re.M)
    run("tuntapd config check")
    assert run("tuntapd ifname tap0") == "tap0\n"
    waiting = namespace.start(["env", f"TUNTAPD_SOCKET={daemon.socket}", TUNTAPD, "wait", "--up", "tap0"], "wait")
    run.ran.add("tuntapd wait --up tap0")
    run("ip address add 10.9.9.1/24 dev tap0")
    run("ip link set dev tap0 up")
    assert waiting.wait() == 0
    run("tuntapd bridge tap0 eth0")
    assert "master" in namespace.run(["ip", "-o", "link", "show", "tap0"]).stdout
    run("tuntapd bridge --none tap0")
    assert "master" not in namespace.run(["ip", "-o", "link", "show", "tap0"]).stdout
    assert "can be loaded into it" in run("tuntapd doctor /bin/ls")
    assert re.match(r"c", run("tuntapd exec -- ls -l /dev/tap0"))
    assert '"tap0"' in run("tuntapd status --json")
    capture = namespace.start(["env", f"TUNTAPD_SOCKET={daemon.socket}", *shlex.split(
        f"{TUNTAPD} capture tap0 -c 1 -w {directory}/packets.pcapng")], "capture")
    run.ran.add("tuntapd capture tap0 -c 1 -w packets.pcapng")
    capture.wait_for("an interrupt ends it")
    namespace.run(["ping", "-c", "1", "-W", "1", "10.9.9.2"], check=False)
    assert capture.wait() == 0
    run("tuntapd doctor --report report.txt")
    assert (pathlib.Path(directory) / "report.txt").read_text().startswith("\n== platform ==")
    assert "macOS's" in run("tuntapd migrate")
    assert re.search(r"^\d+: lo", run("tuntapd exec --private -- ip link"), re.M)
    holder.end()
    wait_until(lambda: daemon.state("tap0") == "closed")
    namespace.run(["ip", "link", "del", "eth0"])
    run("tuntapd serve --stop-all")
    assert daemon.process.wait() == 0

    missing = [command for command in commands() if command not in run.ran and command not in ELSEWHERE]
    assert not missing, f"neither run nor in the list: {missing}"
    assert not [command for command in ELSEWHERE if command not in commands()]
