# SPDX-License-Identifier: BSD-2-Clause
"""`tuntapd service` as it is on macOS, on Linux: the very source, against stand-ins of launchctl and dscl on a machine of the test's own.

What it writes, asks, says and takes away is so proven; that launchd behaves as the stand-in does is not (docs/macos.md).  The program that the
job starts is this system's daemon.
"""
import json
import pathlib
import plistlib
import re
import shutil
import subprocess

import pytest
from machine import Machine
from worlds import BUILD, HOLDER, PYTHON, answer, wait_until

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = "/opt/tuntapd/bin/tuntapd"
PLIST = "/Library/LaunchDaemons/org.tuntapd.daemon.plist"
STATE = ("/etc", "/Library", "/run/tuntapd", "/var/log", "/opt")

class Mac(Machine):
    bin_is_a_link = False

@pytest.fixture(name="machine")
def make_machine():
    machine = Mac()
    try:
        machine.copy(BUILD / "tests/integration/tuntapd-launchd", PROGRAM)
        machine.copy(BUILD / "shim/libtuntapd-shim.so", shim_place())
        for name in ("launchctl.py", "dscl.sh"):
            machine.copy(HERE / "launchd" / name, f"/bin/{name.partition('.')[0]}")
            machine.path(f"/bin/{name.partition('.')[0]}").chmod(0o755)
        yield machine
        print("\n".join(f"--- {process.name} ---\n{process.output}" for process in machine.processes))
        if machine.exists("/var/log/tuntapd.log"):
            log = machine.path("/var/log/tuntapd.log").read_text()
            print(log)
            assert "Sanitizer" not in log
    finally:
        machine.end()

def shim_place():
    """Where this build's command looks for its library (SHIM_DIR)."""
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)], check=True, capture_output=True, text=True).stdout)
    libdir = next(option["value"] for option in options if option["name"] == "libdir")
    return f"/opt/tuntapd/{libdir}/tuntapd/libtuntapd-shim.so"

def service(machine, *words, **more):
    done = machine.run([PROGRAM, "service", *words], **more)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done

def calls(machine):
    """The stand-in's calls, but for questions, since the last time."""
    path = machine.path("/var/launchd/calls")
    lines = path.read_text().splitlines() if path.exists() else []
    machine.write("/var/launchd/calls", "")
    return [line for line in lines if not line.startswith("print")]

def tell(machine, name, value):
    machine.write(f"/var/launchd/{name}", json.dumps(value))

def directory(machine):
    """The records of the local directory that are the service's."""
    found = {}
    for record in machine.path("/var/launchd/directory").glob("*/*tuntapd*"):
        found[f"/{record.parent.name}/{record.name}"] = {path.name: path.read_text().strip() for path in record.iterdir()}
    return found

def record(machine, name, attribute, value):
    machine.write(f"/var/launchd/directory/{name}/{attribute}", f"{value}\n")

def hold(machine, device="tap0", name="holder"):
    process = machine.start([PROGRAM, "exec", "--", PYTHON, "-u", "-c", HOLDER.replace("@DEVICE@", device)], name)
    process.wait_for("opened")
    return process

START = ["enable system/org.tuntapd.daemon", f"bootstrap system {PLIST}", "kickstart system/org.tuntapd.daemon"]

def test_install_and_uninstall(machine):
    before = machine.files(*STATE)
    assert service(machine, "status", check=False).returncode == 1
    done = service(machine, "install")
    assert re.search(r"^installed: the daemon runs, process \d+$", done.stdout, re.M)
    assert calls(machine) == START
    assert machine.path(PLIST).stat().st_mode & 0o777 == 0o644
    done = service(machine, "status")
    assert "installed, and starts with the machine" in done.stdout and f"definition: {PLIST}" in done.stdout
    # 400 is a user's, 399 a group's.
    assert directory(machine) == {
        "/Groups/_tuntapd": {"PrimaryGroupID": "398", "RealName": "tuntapd, its processes without rights", "Password": "*"},
        "/Users/_tuntapd": {"UniqueID": "398", "PrimaryGroupID": "398", "UserShell": "/usr/bin/false", "NFSHomeDirectory": "/var/empty",
                            "RealName": "tuntapd, its processes without rights", "IsHidden": "1", "Password": "*"}}
    assert "uninstalled" in service(machine, "uninstall").stdout
    assert calls(machine) == ["bootout system/org.tuntapd.daemon"]
    assert machine.files(*STATE) == before and directory(machine) == {}
    assert "nothing is left" in service(machine, "uninstall").stdout

def test_what_is_in_the_job(machine):
    machine.copy(machine.path(PROGRAM), "/opt/a & <b> \"c\"/bin/tuntapd")
    odd = "/opt/a & <b> \"c\"/etc/tuntapd.conf"
    machine.write(odd, "tap-units = 3\n")
    machine.run(["/opt/a & <b> \"c\"/bin/tuntapd", "service", "install"])
    plist = plistlib.loads(machine.path(PLIST).read_bytes())
    assert plist["ProgramArguments"] == ["/opt/a & <b> \"c\"/bin/tuntapd", "serve", "-c", odd]
    assert plist["Sockets"] == {"control": {"SockFamily": "Unix", "SockType": "stream", "SockPathName": "/var/run/tuntapd.sock",
                                            "SockPathMode": 0o666}}
    assert plist["KeepAlive"] == {"SuccessfulExit": False} and plist["AbandonProcessGroup"] is True
    assert plist["ProcessType"] == "Interactive" and plist["Umask"] == 0o022
    assert not {"UserName", "GroupName", "EnableTransactions"} & plist.keys()
    if shutil.which("plistutil"):
        binary = machine.directory / "binary"
        subprocess.run(["plistutil", "-i", str(machine.path(PLIST)), "-o", str(binary), "-f", "bin"], check=True)
        assert plistlib.loads(binary.read_bytes()) == plist
    assert "and 3 tap devices" in machine.path("/var/log/tuntapd.log").read_text()

def test_install_again_boots_out_waits_and_boots_in(machine):
    """While devices are open, which the programs do not notice."""
    service(machine, "install")
    calls(machine)
    holder = hold(machine)
    before = machine.path(PLIST).stat().st_mtime_ns
    done = service(machine, "install")
    assert re.search(r"process \d+; open as before:\n  tap0: python3\S* \(process \d+, user 0\)$", done.stdout, re.M)
    assert calls(machine) == ["bootout system/org.tuntapd.daemon", *START]
    assert machine.path(PLIST).stat().st_mtime_ns == before
    assert answer(holder, "write") in ("write EIO", "write 60")
    service(machine, "restart")
    assert calls(machine) == ["kickstart -k system/org.tuntapd.daemon"]
    assert answer(holder, "close") == "closed"

def test_stop_and_start(machine):
    service(machine, "install")
    holder = hold(machine)
    calls(machine)
    assert "stopped; it starts again with the machine; open as before:\n  tap0: " in service(machine, "stop").stdout
    assert calls(machine) == ["bootout system/org.tuntapd.daemon"]
    status = service(machine, "status", check=False)
    assert status.returncode == 1 and "installed, and starts" in status.stdout and "does not run" in status.stdout
    assert "open as before" in service(machine, "start").stdout
    assert calls(machine) == START
    service(machine, "start")
    assert calls(machine) == START[2:]
    refused = service(machine, "uninstall", check=False)
    assert refused.returncode == 75 and "  tap0: " in refused.stderr
    holder.end()
    service(machine, "uninstall", "--wait")

def test_a_bootstrap_that_fails_for_a_while_is_tried_again(machine):
    tell(machine, "fail", {"bootstrap": [5, 37]})
    service(machine, "install")
    assert calls(machine) == [START[0], START[1], START[1], START[1], START[2]]

def test_a_bootstrap_that_fails_because_it_is_there_is_good(machine):
    tell(machine, "racing", True)
    service(machine, "install")
    assert calls(machine) == START

@pytest.mark.parametrize("verb, status, said", [
    ("bootstrap", 119, "launchctl enable"),
    ("bootstrap", 125, "sudo"),
    ("bootstrap", 78, "told to"),
    ("kickstart", 113, "tuntapd service install"),
    ("enable", 1, "told to"),
])
def test_what_launchctl_refuses_is_explained(machine, verb, status, said):
    tell(machine, "fail", {verb: [status] * 20})
    refused = service(machine, "install", check=False)
    assert refused.returncode == 71 and f"launchctl {verb} ended with status {status}: " in refused.stderr and said in refused.stderr
    tell(machine, "fail", {})
    service(machine, "install")
    service(machine, "uninstall")

def test_a_definition_that_launchd_does_not_take_is_explained_at_last(machine):
    tell(machine, "fail", {"bootstrap": [5] * 20})
    refused = service(machine, "install", check=False)
    assert refused.returncode == 71 and "plutil" in refused.stderr
    assert calls(machine) == [START[0]] + [START[1]] * 6

def test_a_job_that_does_not_get_a_process_is_reported(machine):
    """As is said of some."""
    tell(machine, "lazy", True)
    tell(machine, "stuck", True)
    refused = service(machine, "install", check=False)
    assert refused.returncode == 71 and "does not start it" in refused.stderr and "/var/log/tuntapd.log" in refused.stderr
    status = service(machine, "status", check=False)
    assert status.returncode == 1 and "does not run; the next open starts it" in status.stdout

def test_a_job_that_was_disabled_is_shown_and_enabled_again(machine):
    service(machine, "install")
    service(machine, "stop")
    tell(machine, "disabled", True)
    assert "does not start with the machine" in service(machine, "status", check=False).stdout
    service(machine, "start")
    assert "installed, and starts with the machine" in service(machine, "status").stdout

@pytest.mark.parametrize("step", (1, 4, 10))
def test_a_user_that_was_made_in_part_is_taken_away(machine, step):
    machine.write("/var/launchd/fail-dscl", str(step))
    refused = service(machine, "install", check=False)
    assert refused.returncode == 71 and "dscl . ended with status 1" in refused.stderr
    assert directory(machine) == {} and not machine.exists(PLIST) and calls(machine) == []

def test_no_number_for_a_user(machine):
    for n in range(200, 401):
        record(machine, f"Users/_{n}", "UniqueID", n)
    refused = service(machine, "install", check=False)
    assert refused.returncode == 71 and "no user number" in refused.stderr

def test_a_user_that_is_there_is_kept_as_it_is(machine):
    record(machine, "Users/_tuntapd", "UniqueID", 201)
    record(machine, "Groups/_tuntapd", "PrimaryGroupID", 201)
    service(machine, "install")
    assert directory(machine)["/Users/_tuntapd"] == {"UniqueID": "201"}

def test_homebrew_s_job_is_in_the_way(machine):
    machine.write("/Library/LaunchDaemons/homebrew.mxcl.tuntapd.plist", "")
    refused = service(machine, "install", check=False)
    assert refused.returncode == 75 and "brew services stop" in refused.stderr and calls(machine) == []

def test_a_user_s_prefix_is_refused(machine):
    machine.run(["chown", "501", "/opt/tuntapd/bin"])
    refused = service(machine, "install", check=False)
    assert refused.returncode == 77 and "/opt/tuntapd/bin belongs to somebody else" in refused.stderr and calls(machine) == []

def test_a_dry_run_is_a_script_that_does_the_same(machine):
    before = machine.files(*STATE)
    script = service(machine, "install", "--dry-run").stdout
    assert machine.files(*STATE) == before and calls(machine) == []
    machine.run(["sh", "-ec", script])
    assert calls(machine)[:3] == START
    by_script = machine.files("/Library"), directory(machine)
    wait_until(lambda: service(machine, "status", check=False).returncode == 0, what="the daemon serves")
    service(machine, "install")
    assert (machine.files("/Library"), directory(machine)) == by_script
    removal = service(machine, "uninstall", "--dry-run").stdout
    assert "while launchctl print" in removal
    machine.run(["sh", "-ec", f"PATH=$PATH:/opt/tuntapd/bin; sleep() {{ :; }}\n{removal}"])
    assert machine.files(*STATE) == before and directory(machine) == {}

def test_without_launchctl(machine):
    machine.path("/bin/launchctl").unlink()
    assert service(machine, "install", check=False).returncode == 69
    assert service(machine, "status", check=False).returncode == 1
