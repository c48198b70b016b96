# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd migrate and switch: on a tree of files that says it is a Mac, with stand-ins for kmutil, kextstat, kextunload, kextutil and lsof.

The stand-ins keep a list of what is loaded, so that each step can be checked, and be told to fail.
"""
import os
import stat

import pytest
from test_doctor_system import OLD, VERSION, kext, mac  # noqa: F401 (mac is a fixture)
from worlds import TUNTAPD

OK, NO, USAGE, SYSTEM, FILE, BUSY, PERMISSION = 0, 1, 64, 71, 73, 75, 77
KEPT = "/Library/Application Support/tuntapd/migrated"
TUN, TAP = "net.sf.tuntaposx.tun", "net.sf.tuntaposx.tap"
CISCO = "com.cisco.nke.tun"

pytestmark = [pytest.mark.no_root, pytest.mark.skipif(os.geteuid() != 0, reason="what is applied, root alone may")]

# What their statuses say decides nothing: kmutil's is not believed.
STAND_IN = """#!/bin/sh
state={state} root={root}
identifier() {{ sed -n '/CFBundleIdentifier/,$s/.*<string>\\(.*\\)<\\/string>.*/\\1/p' "$root$1/Contents/Info.plist" | tail -n 1; }}
unload() {{ if [ -e "$state/stuck" ]; then echo "cannot: in use"; exit 1; fi; grep -vx "$1" "$state/loaded" > "$state/new"; mv "$state/new" "$state/loaded"; }}
load() {{ if [ -e "$state/blocked" ]; then echo "requires approval"; exit 27; fi; identifier "$1" >> "$state/loaded"; }}
list() {{ n=1; while read -r name; do echo "  $n 0 0xffffff7f8 0x1000 0x1000 $name (1.0) <5 4>"; n=$((n + 1)); done < "$state/loaded"; }}
echo "${{0##*/}} $*" >> "$state/asked"
case "${{0##*/}} $*" in
"kmutil showloaded --list-only" | "kextstat -l") list;;
"kmutil unload -b "*) unload "$3";;
"kmutil load -p "*) load "$3";;
"kextunload -b "*) unload "$2";;
"kextutil "*) load "$1";;
*) exit 64;;
esac
"""


class Machine:
    def __init__(self, tree, loaded=(), modern=True):
        self.tree, self.state = tree, tree.commands.parent / "state"
        self.state.mkdir()
        (self.state / "loaded").write_text("".join(f"{name}\n" for name in loaded))
        (self.state / "asked").write_text("")
        tree.file("/System/Library/CoreServices/SystemVersion.plist", VERSION.format("15.1" if modern else "10.15.7"))
        (tree.commands / "kmutil").unlink()
        for name in ("kmutil",) if modern else ("kextstat", "kextunload", "kextutil"):
            path = tree.commands / name
            path.write_text(STAND_IN.format(state=self.state, root=tree.root))
            path.chmod(0o755)
        self.in_use("")

    def in_use(self, text):
        path = self.tree.commands / "lsof"
        path.write_text(f"#!/bin/sh\necho \"lsof $*\" >> {self.state}/asked\nprintf '%b' '{text}'\n[ -n '{text}' ]\n")
        path.chmod(0o755)

    def loaded(self):
        return (self.state / "loaded").read_text().split()

    def asked(self, word):
        return [line for line in (self.state / "asked").read_text().splitlines() if word in line.split()]

    def run(self, verb, status=OK):
        done = self.tree.run(verb)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done


@pytest.fixture
def old(mac):  # noqa: F811
    """tuntaposx as its installer left it, with a file of somebody's own in it, and loaded."""
    kext(mac, "/Library/Extensions/tap.kext", TAP)
    kext(mac, "/Library/Extensions/tun.kext", TUN)
    mac.file("/Library/StartupItems/tap/tap", "#!/bin/sh\n", 0o755)
    mac.file("/Library/StartupItems/tun/tun", "#!/bin/sh\n", 0o755)
    mac.file("/Library/Extensions/other.kext/Contents/Info.plist", "")
    mac.file("/Library/StartupItems/other/other", "")
    return Machine(mac, [TAP, "com.apple.kpi.bsd", TUN])


@pytest.fixture
def older(mac):  # noqa: F811
    kext(mac, "/Library/Extensions/tap.kext", TAP)
    return Machine(mac, [TAP], modern=False)


def files(tree):
    return sorted((str(path.relative_to(tree.root)), stat.S_IMODE(path.lstat().st_mode), path.read_bytes() if path.is_file() else b"")
                  for path in tree.root.rglob("*"))


def test_shows_and_changes_nothing(old):
    before = files(old.tree)
    done = old.run("migrate")
    assert files(old.tree) == before and old.loaded() == [TAP, "com.apple.kpi.bsd", TUN]
    assert done.stdout.splitlines()[1:] == [
        f"kmutil unload -b {TAP}", f"kmutil unload -b {TUN}", *(f"mv {path} '{KEPT}{path}'" for path in OLD)]


def test_does_it_and_undoes_it(old):
    before = files(old.tree)
    done = old.run("apply")
    assert [line for line in done.stdout.splitlines() if line.startswith("done: ")] == [
        f"done: kmutil unload -b {TAP}", f"done: kmutil unload -b {TUN}", *(f"done: mv {path} '{KEPT}{path}'" for path in OLD)]
    assert old.loaded() == ["com.apple.kpi.bsd"]
    for path in OLD:
        assert not (old.tree.root / path[1:]).exists() and (old.tree.root / (KEPT + path)[1:]).exists()
    for path in ("Library/Extensions/other.kext", "Library/StartupItems/other/other"):
        assert (old.tree.root / path).exists()
    assert "Nothing of tuntaposx is here" in old.run("apply").stdout
    shown = old.run("show-undo")
    assert shown.stdout.splitlines() == [f"mv '{KEPT}{path}' {path}" for path in OLD]
    old.run("undo")
    left = [entry for entry in files(old.tree) if not entry[0].startswith("Library/Application Support")]
    assert left == before and sorted(old.loaded()) == ["com.apple.kpi.bsd", TAP, TUN]
    assert not (old.tree.root / KEPT[1:]).exists()
    assert "Nothing was taken away" in old.run("undo").stdout


def test_older_systems(older):
    assert "kextunload -b" in older.run("migrate").stdout
    older.run("apply")
    assert older.loaded() == []
    older.run("undo")
    assert older.loaded() == [TAP] and older.asked("kextutil") == ["kextutil /Library/Extensions/tap.kext"]


def test_a_device_in_use_is_left_alone(old):
    (old.tree.root / "dev").mkdir()
    os.mknod(old.tree.root / "dev/tap0", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    (old.tree.root / "dev/tap1").write_text("")  # no device
    before = files(old.tree)
    old.in_use("p812\\ncopenvpn\\nf5\\nn/dev/tap0\\n")
    for verb in ("migrate", "apply"):
        done = old.run(verb, BUSY)
        assert "/dev/tap0 is in use by openvpn (pid 812)" in done.stderr
    assert old.asked("lsof") == ["lsof -F pcn /dev/tap0"] * 2
    assert files(old.tree) == before and old.loaded() == [TAP, "com.apple.kpi.bsd", TUN]
    old.in_use("")
    old.run("apply")
    assert old.loaded() == ["com.apple.kpi.bsd"]


def test_without_lsof_nothing_is_done(old):
    (old.tree.root / "dev").mkdir()
    os.mknod(old.tree.root / "dev/tap0", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    (old.tree.commands / "lsof").unlink()
    assert "lsof" in old.run("apply", SYSTEM).stderr and TAP in old.loaded()


def test_what_does_not_unload_ends_the_run(old):
    (old.state / "stuck").write_text("")
    before = files(old.tree)
    done = old.run("apply", SYSTEM)
    assert f"{TAP} is loaded all the same" in done.stderr and "cannot: in use" in done.stderr
    assert [entry for entry in files(old.tree) if not entry[0].startswith("Library/Application Support")] == before
    (old.state / "stuck").unlink()
    old.run("apply")
    old.run("undo")
    assert sorted(old.loaded()) == ["com.apple.kpi.bsd", TAP, TUN], "what was loaded before the first run"


def test_nothing_is_overwritten(old):
    old.tree.file(f"{KEPT}/Library/Extensions/tun.kext/mine", "mine")
    done = old.run("apply", FILE)
    assert "is there already" in done.stderr and (old.tree.root / "Library/Extensions/tun.kext").exists()
    old.run("undo", FILE)  # tap.kext comes back, and tun.kext, which is there, is not replaced


def test_nothing_there(mac):  # noqa: F811
    machine = Machine(mac)
    for verb in ("migrate", "apply"):
        assert "Nothing of tuntaposx is here" in machine.run(verb).stdout


def test_tunnelblick_s_is_unloaded_and_its_application_left(mac):  # noqa: F811
    bundle = "/Applications/Tunnelblick.app/Contents/Resources/tun-notarized.kext"
    kext(mac, bundle, "net.tunnelblick.tun", "arm64e")
    machine = Machine(mac, ["net.tunnelblick.tun"])
    machine.run("apply")
    assert machine.loaded() == [] and (mac.root / bundle[1:]).exists()
    machine.run("undo")
    assert machine.loaded() == ["net.tunnelblick.tun"]


# --- switch


@pytest.fixture
def both(mac):  # noqa: F811
    kext(mac, "/Library/Extensions/tun.kext", TUN)
    kext(mac, "/opt/cisco/anyconnect/bin/tun.kext", CISCO)
    return Machine(mac, [TUN])


def test_switch_there_and_back(both):
    before = files(both.tree)
    shown = both.run("dry-cisco")
    assert shown.stdout.splitlines() == [f"kmutil unload -b {TUN}", "kmutil load -p /opt/cisco/anyconnect/bin/tun.kext"]
    assert both.loaded() == [TUN]
    done = both.run("cisco")
    assert done.stdout.splitlines() == [f"done: {line}" for line in shown.stdout.splitlines()] and both.loaded() == [CISCO]
    assert both.run("cisco").stdout == "" and both.loaded() == [CISCO]
    both.run("tuntapd")
    assert both.loaded() == [TUN] and files(both.tree) == before


def test_switch_prefers_ours_and_needs_none(mac):  # noqa: F811
    kext(mac, "/opt/cisco/vpn/bin/tun.kext", CISCO)
    machine = Machine(mac, [CISCO])
    assert "devices need none" in machine.run("tuntapd").stdout and machine.loaded() == []
    kext(mac, "/Library/Extensions/tun.kext", TUN)
    kext(mac, "/Library/Extensions/tuntapd-tun.kext", "org.tuntapd.tun")
    machine.run("cisco")
    machine.run("tuntapd")
    assert machine.loaded() == ["org.tuntapd.tun"]


def test_switch_leaves_all_as_it_was_if_it_fails(both):
    (both.state / "blocked").write_text("")
    done = both.run("cisco", SYSTEM)
    assert f"{CISCO} is not loaded all the same" in done.stderr and "requires approval" in done.stderr
    (both.state / "blocked").unlink()
    assert both.asked("load")[-1] == "kmutil load -p /Library/Extensions/tun.kext", "the other is loaded again"
    (both.state / "loaded").write_text(f"{TUN}\n")
    (both.state / "stuck").write_text("")
    both.run("cisco", SYSTEM)
    assert both.loaded() == [TUN]


def test_switch_without_cisco_s(mac):  # noqa: F811
    machine = Machine(mac, [TUN])
    assert "its client of today needs none" in machine.run("cisco", NO).stderr and machine.loaded() == [TUN]


def test_switch_while_in_use(both):
    (both.tree.root / "dev").mkdir()
    os.mknod(both.tree.root / "dev/tun3", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    both.in_use("p1\\ncvpnagentd\\nn/dev/tun3\\n")
    assert "/dev/tun3 is in use by vpnagentd" in both.run("cisco", BUSY).stderr and both.loaded() == [TUN]


# --- the commands


def test_on_linux_there_is_nothing_to_do_and_usage(namespace):
    for words, status in ((["migrate"], OK), (["switch", "cisco"], OK), (["migrate", "x"], USAGE), (["switch"], USAGE), (["switch", "x"], USAGE),
                          (["switch", "--no"], USAGE), (["migrate", "--no"], USAGE)):
        done = namespace.run([TUNTAPD, *words], check=False)
        assert done.returncode == status
        assert status != OK or "macOS's" in done.stdout
