# SPDX-License-Identifier: BSD-2-Clause
"""The examples of the manual pages do what the pages say."""
import os
import pathlib
import re
import shlex
import subprocess

import pytest
from worlds import TUNTAPD, Daemon, wait_until

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def examples(page):
    """The commands of a page's EXAMPLES, without their prompts."""
    text = (DOCS / page).read_text().partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    found = [line[4:] for line in text.splitlines() if line.startswith(".Dl ")]
    return [re.sub(r"^[#$] ", "", line.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"')) for line in found]


def example(page, word):
    found = [line for line in examples(page) if word in line]
    assert len(found) == 1, f"{page}: {found}"
    assert found[0].startswith("tuntapd ") or " tuntapd " in found[0]
    # Words of our own for the machine's: the command of this build.
    return re.sub(r"\btuntapd (?=[a-z])", f"{shlex.quote(TUNTAPD)} ", found[0])


def test_private(namespace):
    done = namespace.run(["sh", "-c", example("tuntapd.1", "exec 3<>")])
    assert re.search(r"^\d+: tap0: <BROADCAST,MULTICAST>", done.stdout, re.M)
    assert not namespace.has("tap0")


def test_pair(namespace):
    done = namespace.run(["sh", "-c", example("tuntapd.1", "--pair")])
    assert re.search(r"^pair0@pair1 +UP +10.0.0.1/24", done.stdout, re.M)
    assert not namespace.has("pair0")


def test_capture(namespace, daemon):
    line = example("tuntapd.1", "icmp or arp")
    holder = daemon.hold("tap0")
    namespace.run(["ip", "addr", "add", "10.0.0.1/24", "dev", "tap0"])
    process = namespace.start(["env", f"TUNTAPD_SOCKET={daemon.socket}", "sh", "-c", "exec " + line], "capture")
    process.wait_for("an interrupt ends it")
    namespace.run(["ping", "-c", "1", "-W", "1", "10.0.0.2"], check=False)
    process.wait_for("ARP who has 10.0.0.2")
    holder.end()
    assert process.wait() == 0


def test_tunnel(namespace, daemon):
    namespace.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"])
    program = namespace.start(["env", f"TUNTAPD_SOCKET={daemon.socket}", "sh", "-c", "exec " + example("tuntapd.1", "socat")], "socat")
    wait_until(lambda: daemon.state("tap0") == "open", what="socat opens tap0")
    assert daemon.status()["tap0"]["holder"]["program"] == "socat"
    assert program.alive()
    program.kill()
    wait_until(lambda: daemon.state("tap0") == "closed")


def test_wait_and_ifname(namespace, daemon):
    waiting = namespace.start(["env", f"TUNTAPD_SOCKET={daemon.socket}", "sh", "-c", example("tuntapd.1", "wait --open")], "wait")
    holder = daemon.hold("tap0")
    assert waiting.wait() == 0
    wait_until(lambda: daemon.state("tap0") == "up", what="the first address brings it up")
    assert daemon.status()["tap0"]["addresses"][0]["address"] == "10.9.9.1"
    holder.end()


def test_config_check_and_reload(namespace, directory):
    path = pathlib.Path(directory) / "tuntapd.conf"
    path.write_text("mtu = 1400\n")
    daemon = Daemon(namespace, directory, ["-c", str(path)])
    line = example("tuntapd.1", "config check").replace("config check", f"config check -c {shlex.quote(str(path))}")
    assert "/run/tuntapd/lock" in line
    namespace.run(["sh", "-c", line.replace("/run/tuntapd", str(daemon.rundir))])
    wait_until(lambda: "read the configuration again" in daemon.log)
    assert daemon.stop() == 0


def test_stop_all(namespace, directory):
    """The two examples of the daemon's page, at a socket of this test's own."""
    serve = [word for word in shlex.split(example("tuntapd.8", "netns exec"))]
    assert serve[:4] == ["ip", "netns", "exec", "blue"] and serve[4:6] == [TUNTAPD, "serve"] and serve[6] == "-s"
    daemon = Daemon(namespace, directory)
    stop = [word if word != serve[7] else daemon.socket for word in shlex.split(example("tuntapd.8", "--stop-all"))]
    assert daemon.socket in stop
    namespace.run(stop)
    assert daemon.process.wait() == 0


def test_configuration(namespace, directory):
    text = (DOCS / "tuntapd.conf.5").read_text().partition(".Bd -literal -offset indent\n")[2].partition(".Ed")[0]
    assert 'group = "netdev"' in text
    path = pathlib.Path(directory) / "tuntapd.conf"
    # The group need not exist on the machine that tests.
    path.write_text(text.replace('"netdev"', '"4321"'))
    daemon = Daemon(namespace, directory, ["-c", str(path)])
    assert "0 tun and 32 tap devices" in daemon.log
    done = daemon.run("import os; st = os.stat('/dev/tap31'); print(st.st_uid, st.st_gid, oct(st.st_mode & 0o777))")
    assert done.stdout.split() == ["0", "4321", "0o660"]
    assert daemon.stop() == 0


@pytest.mark.no_root
def test_configuration_examples_are_good(directory):
    page = (DOCS / "tuntapd.conf.5").read_text().partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    found = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page, re.M | re.S)
    assert len(found) == 5
    path = pathlib.Path(directory) / "tuntapd.conf"
    path.write_text("".join(found).replace('"netdev"', '"4321"').replace('"ci"', '"4322"'))
    done = subprocess.run([TUNTAPD, "config", "check", "-c", str(path)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.no_root
def test_every_key_is_on_the_page():
    source = (DOCS.parent / "daemon" / "config.c").read_text().partition("static const struct key keys[] = {")[2].partition("};")[0]
    keys = set(re.findall(r'\{"([a-z-]+)", AT_', source))
    assert len(keys) > 15
    assert keys == set(re.findall(r"^\.It Ic ([a-z-]+) No =", (DOCS / "tuntapd.conf.5").read_text(), re.M))


@pytest.mark.no_root
def test_pages_agree_with_the_exit_statuses():
    """Every status that the command can end with is on a page."""
    header = (DOCS.parent / "cli" / "exitcode.h").read_text()
    statuses = {int(number) for number in re.findall(r"EXIT_CODE_\w+ = (\d+)", header)}
    assert len(statuses) > 5
    shown = set()
    for page in ("tuntapd.1", "tuntapd.8"):
        text = (DOCS / page).read_text().partition("\n.Sh EXIT STATUS\n")[2].partition("\n.Sh ")[0]
        for line in re.findall(r"^\.It ([\d ,]+)$", text, re.M):
            shown |= {int(number) for number in re.findall(r"\d+", line)}
    assert statuses <= shown, f"on no page: {statuses - shown}"
    assert os.access(TUNTAPD, os.X_OK)
