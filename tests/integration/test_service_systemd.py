# SPDX-License-Identifier: BSD-2-Clause
"""`tuntapd service` and its units under a systemd that the tests boot, on a machine of their own: machine.py."""
import re

import pytest
from machine import Machine, SystemdMachine, install_tree
from worlds import HOLDER, PYTHON, answer, wait_until

PROGRAM = "/opt/tuntapd/bin/tuntapd"

@pytest.fixture(scope="module", name="tree")
def make_tree(tmp_path_factory):
    return install_tree(tmp_path_factory.mktemp("tree"))

@pytest.fixture(scope="module", name="booted")
def boot(tree):
    with SystemdMachine.booted() as machine:
        machine.copy(tree, "/opt/tuntapd")
        yield machine

STATE = ("/etc", "/run/tuntapd", "/var/log", "/var/lib/tuntapd", "/usr/local")

@pytest.fixture(name="machine")
def look_after(booted):
    """Each test finds the machine as it was, and so leaves it."""
    before = booted.files(*STATE)
    booted.log()
    booted.mark = len(whole_journal(booted))
    yield booted
    for process in booted.processes:
        process.end()
    print(booted.log())
    service(booted, "uninstall", "--force", check=False)
    assert changes(before, booted.files(*STATE)) == {}
    links = booted.run(["ip", "-o", "link"]).stdout
    assert re.findall(r"^\d+: (\S+?)[@:]", links, re.M) == ["lo"]

# Lock files of the user database, and its backup, are shadow's; the journal's are systemd's.
NOT_OURS = re.compile(r"/etc/(\.pwd\.lock|passwd-|group-|g?shadow-?|sub[ug]id-?|machine-id|ld\.so\.cache)$|/var/log/journal|/run/tuntapd$|/etc/sysusers\.d$")

def changes(before, after):
    return {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
            if before.get(path, 0) != after.get(path, 0) and not NOT_OURS.search(path)}

def service(machine, *words, program=PROGRAM, **more):
    return machine.run([program, "service", *words], **more)

def hold(machine, device="tap0", name="holder", within=()):
    process = machine.start([*within, PROGRAM, "exec", "--", PYTHON, "-u", "-c", HOLDER.replace("@DEVICE@", device)], name)
    process.wait_for("opened")
    return process

def main_pid(machine):
    return int(machine.show("tuntapd.service", "MainPID"))

def state(machine, device):
    done = machine.run([PROGRAM, "status", device])
    return done.stdout.splitlines()[1].split()[1]

def test_install_runs_the_daemon_and_uninstall_leaves_nothing(machine):
    assert service(machine, "status", check=False).returncode == 1
    done = service(machine, "install")
    assert re.search(r"^installed: the daemon runs, process \d+$", done.stdout, re.M)
    assert machine.path("/etc/systemd/system/tuntapd.service").stat().st_mode & 0o777 == 0o644
    done = service(machine, "status")
    assert "installed, and starts with the machine" in done.stdout and f"process {main_pid(machine)}" in done.stdout
    for unit in ("tuntapd.socket", "tuntapd.service"):
        assert machine.run(["systemctl", "is-enabled", unit]).stdout.strip() == "enabled"
    assert "uninstalled" in service(machine, "uninstall").stdout
    # The fixture compares all files, and the users among them.
    assert machine.run(["systemctl", "cat", "tuntapd.service"], check=False).returncode != 0
    assert "nothing is left" in service(machine, "uninstall").stdout

def test_the_worker_is_the_service_s_own_user_with_a_filter_of_its_own(machine):
    service(machine, "install")
    assert re.search(r"^tuntapd:x:\d+:\d+:tuntapd, its processes without rights:/nonexistent:/usr/sbin/nologin$",
                     machine.path("/etc/passwd").read_text(), re.M)
    holder = hold(machine)
    worker = machine.run(["pgrep", "-f", "role=worker"]).stdout.split()
    assert machine.run(["ps", "-o", "user=", "-p", *worker]).stdout.split() == ["tuntapd"]
    # Beside those that systemd gives it.
    filters = [int(re.search(r"^Seccomp_filters:\s+(\d+)$", machine.path(f"/proc/{pid}/status").read_text(), re.M).group(1))
               for pid in (main_pid(machine), int(worker[0]))]
    assert filters[1] == filters[0] + 1
    assert "no filter of system calls" not in journal(machine)
    holder.say("exit")
    assert holder.wait() == 0

def whole_journal(machine):
    return machine.run(["journalctl", "-u", "tuntapd.service", "--no-pager", "-o", "cat"], check=False).stdout

def journal(machine):
    """What the daemon, and systemd about it, have said in this test."""
    return whole_journal(machine)[machine.mark:]

def test_a_restart_in_each_way_leaves_devices_and_serves_who_opens_meanwhile(machine):
    service(machine, "install")
    holder = hold(machine)
    for words in (("restart",), ("install",)):
        before = main_pid(machine)
        done = service(machine, *words)
        assert main_pid(machine) != before
        assert re.search(r"; open as before:\n  tap0: python3\S* \(process \d+, user 0\)$", done.stdout, re.M), done.stdout
        assert state(machine, "tap0") == "open"
    before = main_pid(machine)
    machine.run(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", "tuntapd.service"])
    second = hold(machine, "tap1", "second")  # waits in the socket until the next daemon serves
    assert main_pid(machine) not in (0, before)
    assert state(machine, "tap0") == "open"
    holder.end()
    second.end()
    wait_until(lambda: state(machine, "tap0") == "closed" and state(machine, "tap1") == "closed")

def test_uninstall_names_who_holds_a_device_and_waits_if_told(machine):
    service(machine, "install")
    holder = hold(machine)
    refused = service(machine, "uninstall", check=False)
    assert refused.returncode == 75 and re.search(r"^  tap0: python3\S* \(process \d+, user 0\)$", refused.stderr, re.M)
    assert "--wait" in refused.stderr and "--force" in refused.stderr
    assert service(machine, "status").returncode == 0
    assert service(machine, "uninstall", "--wait", "--timeout", "0.1", check=False).returncode == 1
    waiting = machine.start([PROGRAM, "service", "uninstall", "--wait"], "waiting")
    waiting.wait_for("waiting until these are closed:\n  tap0: ")
    assert waiting.alive()
    assert answer(holder, "close") == "closed"
    assert waiting.wait() == 0 and "uninstalled" in waiting.output

def test_uninstall_by_force_ends_devices(machine):
    service(machine, "install")
    holder = hold(machine)
    service(machine, "uninstall", "--force")
    assert answer(holder, "read") == "read EIO"
    assert answer(holder, "open tap1") == "open ENOENT"

def test_uninstall_knows_what_a_stopped_daemon_left_open(machine):
    service(machine, "install")
    holder = hold(machine)
    stopped = service(machine, "stop")
    assert "starts again with the machine; open as before:\n  tap0: " in stopped.stdout
    assert main_pid(machine) == 0 and not machine.exists("/run/tuntapd/socket") and not machine.exists("/run/tuntapd/devices")
    assert answer(holder, "open tap1") == "open ENOENT"
    assert service(machine, "status", check=False).returncode == 1
    refused = service(machine, "uninstall", check=False)
    assert refused.returncode == 75 and "  tap0: " in refused.stderr
    service(machine, "stop")
    assert "the daemon runs" in service(machine, "start").stdout
    assert state(machine, "tap0") == "open"

def test_install_again_changes_no_file(machine):
    service(machine, "install")
    before = {path: machine.path(path).lstat().st_mtime_ns for path in machine.files("/etc")}
    service(machine, "install")
    assert {path: machine.path(path).lstat().st_mtime_ns for path in machine.files("/etc")} == before

def test_a_dry_run_is_a_script_that_does_the_same(machine):
    before = machine.files(*STATE)
    script = service(machine, "install", "--dry-run").stdout
    assert changes(before, machine.files(*STATE)) == {}
    service(machine, "install")
    by_command = machine.files("/etc")
    removal = service(machine, "uninstall", "--dry-run").stdout
    machine.run(["sh", "-ec", f"PATH=$PATH:/opt/tuntapd/bin\n{removal}"])
    assert changes(before, machine.files(*STATE)) == {}
    machine.run(["sh", "-ec", script])
    assert changes(by_command, machine.files("/etc")) == {}
    assert service(machine, "status").returncode == 0

def test_a_package_s_units_are_used_and_left(machine, tree):
    machine.copy(tree, "/usr/local")
    program = "/usr/local/bin/tuntapd"
    try:
        service(machine, "install", program=program)
        assert not machine.exists("/etc/systemd/system/tuntapd.service") and not machine.exists("/etc/sysusers.d/tuntapd.conf")
        assert "/usr/local/lib/systemd/system/tuntapd.service" in service(machine, "status", program=program).stdout
        # Another prefix' program is installed over it, and gives way again.
        service(machine, "install")
        assert f"ExecStart={PROGRAM} serve" in machine.run(["systemctl", "cat", "tuntapd.service"]).stdout
        service(machine, "install", program=program)
        assert f"ExecStart={program} serve" in machine.run(["systemctl", "cat", "tuntapd.service"]).stdout
        assert not machine.exists("/etc/systemd/system/tuntapd.service")
        done = service(machine, "uninstall", program=program)
        assert "is a package's, and stays" in done.stdout
        assert machine.run(["systemctl", "is-enabled", "tuntapd.service"], check=False).stdout.strip() == "disabled"
        assert "tuntapd:x:" in machine.path("/etc/passwd").read_text()  # the package's, too
    finally:
        machine.run(["sh", "-c", "rm -rf /usr/local/*; userdel tuntapd; groupdel tuntapd; systemctl daemon-reload"])

def test_a_configuration_moves_with_its_prefix_or_is_named(machine):
    odd = "/etc/odd 100%/$HOME \"tuntapd\".conf"
    machine.write("/opt/tuntapd/etc/tuntapd.conf", "tap-units = 3\n")
    machine.write(odd, "tap-units = 5\n")
    try:
        service(machine, "install")
        assert "and 3 tap devices" in journal(machine)
        service(machine, "install", "-c", odd)
        assert "and 5 tap devices" in journal(machine)
        machine.write(odd, "tap-units = many\n")
        refused = service(machine, "install", "-c", odd, check=False)
        assert refused.returncode == 78 and ":1:" in refused.stderr
        failed = service(machine, "restart", check=False)
        assert failed.returncode == 71 and "journalctl -u tuntapd" in failed.stderr
        machine.path(odd).chmod(0o666)
        assert service(machine, "install", "-c", odd, check=False).returncode == 77
    finally:
        machine.run(["rm", "-rf", "/opt/tuntapd/etc", "/etc/odd 100%"])

@pytest.mark.parametrize("what", ["/opt/tuntapd/bin/tuntapd", "/opt/tuntapd/bin", "/opt/tuntapd"])
def test_a_prefix_that_others_can_write_is_refused(machine, what):
    path = machine.path(what)
    for spoil, mend in ((lambda: path.chmod(0o775), lambda: path.chmod(0o755)),
                        (lambda: machine.run(["chown", "65534", what]), lambda: machine.run(["chown", "0", what]))):
        spoil()
        try:
            refused = service(machine, "install", check=False)
        finally:
            mend()
        assert refused.returncode == 77 and f"{what} belongs to somebody else than root" in refused.stderr
        assert not machine.exists("/etc/systemd/system/tuntapd.service")

def test_a_daemon_that_is_no_service_is_in_the_way(machine):
    other = machine.start([PROGRAM, "serve"], "other")
    other.wait_for("serving ")
    for words in (("install",), ("uninstall",)):
        refused = service(machine, *words, check=False)
        assert refused.returncode == 75 and "systemd did not start" in refused.stderr
    assert "runs, but not as a service" in service(machine, "status", check=False).stdout
    assert other.alive()
    machine.run([PROGRAM, "serve", "--stop-all"])
    assert other.wait() == 0

def test_only_root_may_and_anybody_may_look(machine):
    service(machine, "install")
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM, "service"]
    for verb in ("install", "uninstall", "start", "stop", "restart"):
        refused = machine.run([*as_nobody, verb], check=False)
        assert refused.returncode == 77 and f"sudo tuntapd service {verb}" in refused.stderr
    assert "daemon: runs" in machine.run([*as_nobody, "status"]).stdout

def test_without_the_service_there_is_nothing_to_start(machine):
    for verb in ("start", "stop", "restart"):
        refused = service(machine, verb, check=False)
        assert refused.returncode == 69 and "tuntapd service install" in refused.stderr

def test_the_units_are_well_formed_and_well_bounded(machine):
    service(machine, "install")
    done = machine.run(["systemd-analyze", "verify", "--man=no", "/etc/systemd/system/tuntapd.service", "/etc/systemd/system/tuntapd.socket"])
    assert done.stdout + done.stderr == ""
    done = machine.run(["systemd-analyze", "security", "--offline=yes", "--threshold=45", "--no-pager",
                        "/etc/systemd/system/tuntapd.service"], check=False)
    assert done.returncode == 0, done.stdout
    print(done.stdout)

CONFIGURATION = """
device tap5 { link = "veth" addresses = {"10.55.0.1/24"} up = true nat = true }
device tap6 { open-hook = "/opt/hook" close-hook = "/opt/hook" }
device tap7 { bridge = "outside" }
pairs-group = root
"""
HOOK = "#!/bin/sh\necho \"$1 $2\" >>/run/tuntapd/hooked\nip link show \"$INTERFACE\" >>/run/tuntapd/hooked 2>&1\nexit 0\n"

def test_all_that_the_daemon_does_works_within_the_unit_s_bounds(machine):
    machine.write("/opt/hook", HOOK, 0o755)
    machine.write("/opt/tuntapd/etc/tuntapd.conf", CONFIGURATION)
    machine.run(["ip", "link", "add", "outside", "type", "veth", "peer", "name", "other"])
    machine.run(["ip", "link", "set", "outside", "up"])
    try:
        service(machine, "install")
        # A relay, which outlives the daemon, and translation, which writes to /proc/sys.
        relayed = hold(machine, "tap5", "relayed")
        assert machine.path("/proc/sys/net/ipv4/ip_forward").exists()
        assert machine.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).stdout == "1\n"
        assert "masquerade" in machine.run(["nft", "list", "ruleset"]).stdout
        relay = machine.run(["pgrep", "-f", "role=relay"]).stdout
        service(machine, "restart")
        assert machine.run(["pgrep", "-f", "role=relay"]).stdout == relay
        assert answer(relayed, "write") == "write 60"
        # Hooks.
        hooked = hold(machine, "tap6", "hooked")
        wait_until(lambda: machine.exists("/run/tuntapd/hooked") and "state" in machine.path("/run/tuntapd/hooked").read_text(),
                   what="the hook of the open has run")
        hooked.end()
        wait_until(lambda: "close tap6" in machine.path("/run/tuntapd/hooked").read_text(), what="the hook of the close has run")
        # Bridges.
        bridged = hold(machine, "tap7", "bridged")
        assert "master" in machine.run(["ip", "-o", "link", "show", "outside"]).stdout
        bridged.end()
        wait_until(lambda: "master" not in machine.run(["ip", "-o", "link", "show", "outside"]).stdout, what="the bridge is undone")
        # Other network namespaces, made while it runs.
        machine.run(["ip", "netns", "add", "blue"])
        there = hold(machine, "tap0", "there", ["ip", "netns", "exec", "blue"])
        assert "tap0" in machine.run(["ip", "netns", "exec", "blue", "ip", "-o", "link"]).stdout
        there.end()
        wait_until(lambda: "tap0" not in machine.run(["ip", "netns", "exec", "blue", "ip", "-o", "link"]).stdout)
        # One that is moved.
        moved = hold(machine, "tap1", "moved")
        machine.run(["ip", "link", "set", "tap1", "netns", "blue"])
        wait_until(lambda: "moved here" in journal(machine), what="the daemon has followed")
        moved.end()
        machine.run(["ip", "netns", "del", "blue"])
        # Pairs and captures.
        machine.run([PROGRAM, "pair", "left", "right"])
        assert "left" in machine.run([PROGRAM, "pair", "--list"]).stdout
        machine.run([PROGRAM, "pair", "--delete", "left"])
        seen = machine.start([PROGRAM, "capture", "tap5", "-c", "1"], "capture")
        wait_until(lambda: "looks at its packets" in journal(machine), what="somebody looks")
        wait_until(lambda: answer(relayed, "write") == "write 60" and not seen.alive(), what="a packet is seen")
        relayed.end()
        wait_until(lambda: state(machine, "tap5") == "closed")
        assert not re.search(r"^tuntapd .*(warning|error): ", journal(machine), re.M), journal(machine)
    finally:
        machine.run(["sh", "-c", "ip link del outside; rm -rf /opt/hook /opt/tuntapd/etc"])

def test_where_no_systemd_runs_it_says_what_to_do(tree):
    machine = Machine()
    try:
        machine.copy(tree, "/opt/tuntapd")
        for verb in ("install", "uninstall", "start"):
            refused = service(machine, verb, check=False)
            assert refused.returncode == 69 and "systemd does not run here" in refused.stderr
        assert service(machine, "status", check=False).returncode == 1
    finally:
        machine.end()
