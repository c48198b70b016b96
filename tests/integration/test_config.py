# SPDX-License-Identifier: BSD-2-Clause
"""What an administrator configures: checked, shown, done to interfaces, and taken over while programs go on."""
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile

import pytest

from worlds import *

USER = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]
OPEN = "import errno, os\ntry:\n    os.open('/dev/@DEVICE@', os.O_RDWR); print('opened')\nexcept OSError as e:\n    print(errno.errorcode[e.errno])\n"


class Configured:
    """A daemon with a configuration file that a test can change."""

    def __init__(self, namespace, directory, text):
        self.namespace = namespace
        self.path = pathlib.Path(directory) / "tuntapd.conf"
        self.path.write_text(text)
        self.daemon = Daemon(namespace, directory, ["-c", str(self.path)])

    def reload(self, text, says="read the configuration again"):
        before = len(self.daemon.log)
        self.path.write_text(text)
        os.kill(self.daemon.pid, signal.SIGHUP)
        wait_until(lambda: says in self.daemon.log[before:], what=f"the daemon says {says!r}")

    def open(self, device="tap0", prefix=(), program=PYTHON):
        """What a program gets that opens a device: 'opened', or the name of an errno."""
        done = self.namespace.run([*prefix, TUNTAPD, "exec", "-s", self.daemon.socket, "--", program, "-c", OPEN.replace("@DEVICE@", device)])
        return done.stdout.strip()


@pytest.fixture
def configured(namespace, directory):
    made = []

    def make(text):
        made.append(Configured(namespace, directory, text))
        return made[-1]
    yield make
    for c in made:
        if c.daemon.process.alive():
            assert c.daemon.stop() == 0


@pytest.fixture
def root_place():
    """A directory that is root's alone, as all above it: hooks can be in it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tuntapd-test-", dir="/run"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def link_of(namespace, name):
    return json.loads(namespace.run(["ip", "-j", "-d", "addr", "show", "dev", name]).stdout)[0]


def routes_of(namespace, name, family="-4"):
    done = namespace.run(["ip", "-j", family, "route", "show", "dev", name])
    return {(r["dst"], r.get("gateway")) for r in json.loads(done.stdout or "[]")}


def config(*arguments, **more):
    return subprocess.run([TUNTAPD, "config", *arguments], capture_output=True, text=True, timeout=30, check=False, **more)


@pytest.mark.no_root
def test_check_tells_all_that_is_wrong(directory):
    path = pathlib.Path(directory) / "conf"
    path.write_text('onwer = root\ndevice tap0 {\n\tmtu = 12\n\taddresses = {"10.0.0.1/24", "10.0.0.300/24"}\n}\n')
    done = config("check", "-c", str(path))
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{path}:1:1: there is no key 'onwer'; did you mean 'owner'?",
        f"{path}:3:8: '12' is not a number from 68 to 65521",
        f"{path}:4:30: an address is 10.9.0.1/24, fd00::1/64, or 10.1.0.1 peer 10.1.0.2",
    ]
    path.write_text("owner = root\n")
    done = config("check", "-c", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert config("-c", str(path), "check").returncode == 0
    done = config("check", "-c", str(path) + "-no")
    assert done.returncode == 66 and "No such file" in done.stderr


@pytest.mark.no_root
def test_show_writes_a_file_that_says_the_same(directory):
    path, again = pathlib.Path(directory) / "conf", pathlib.Path(directory) / "again"
    path.write_text('mode = "0666"\ndevice tap0 { addresses = {"10.0.0.1/24"} mac = stable }\nnames "vpn*" { owner = 7 }\n')
    shown = config("show", "-c", str(path))
    assert shown.returncode == 0 and 'mode = "0666"' in shown.stdout and "vpn*" in shown.stdout
    again.write_text(shown.stdout)
    assert config("show", "-c", str(again)).stdout == shown.stdout
    one = config("show", "-c", str(path), "/dev/tap0").stdout
    assert 'addresses = {"10.0.0.1/24"}' in one and 'names "' not in one
    assert config("show", "-c", str(path), "tap16").returncode == 64
    assert config("look").returncode == 64


def test_daemon_does_not_start_with_a_bad_file(namespace, directory):
    path = pathlib.Path(directory) / "conf"
    path.write_text("mtu = 1400\nmtuu = 1\n")
    process = namespace.start([TUNTAPD, "serve", "-s", os.path.join(directory, "socket"), "-c", str(path)], "refused")
    assert process.wait() == 78
    assert f"{path}:2:1: there is no key 'mtuu'; did you mean 'mtu'?" in process.output


ALL = """
mtu = 1400
device tap0 {
	mac = "02:00:5e:10:00:01"
	queue-length = 77
	addresses = {"10.9.0.1/24", "fd00:9::1/64"}
	routes = {"10.20.0.0/16", "10.30.0.0/16 via 10.9.0.2", "fd00:20::/32"}
}
device tun0 {
	addresses = {"10.1.0.1 peer 10.1.0.2", "fd01::1 peer fd01::2"}
	routes = {default}
	mtu = 9000
}
"""


def test_all_that_is_configured_is_done_before_the_program_has_it(namespace, configured):
    daemon = configured(ALL).daemon
    tap, tun = daemon.hold("tap0", "tap"), daemon.hold("tun0", "tun")
    link = link_of(namespace, "tap0")
    assert (link["mtu"], link["address"], link["txqlen"], "UP" in link["flags"]) == (1400, "02:00:5e:10:00:01", 77, True)
    addresses = {(a["local"], a["prefixlen"], a.get("broadcast")) for a in link["addr_info"] if a["scope"] == "global"}
    assert addresses == {("10.9.0.1", 24, "10.9.0.255"), ("fd00:9::1", 64, None)}
    assert {("10.20.0.0/16", None), ("10.30.0.0/16", "10.9.0.2"), ("10.9.0.0/24", None)} <= routes_of(namespace, "tap0")
    assert ("fd00:20::/32", None) in routes_of(namespace, "tap0", "-6")
    link = link_of(namespace, "tun0")
    assert link["mtu"] == 9000 and [(a["local"], a["address"]) for a in link["addr_info"] if a["family"] == "inet"] == [
        ("10.1.0.1", "10.1.0.2")]
    assert routes_of(namespace, "tun0") >= {("default", None), ("10.1.0.2", None)}
    assert ("fd01::2", None) in routes_of(namespace, "tun0", "-6")
    # The program is not told EIO: the page knows that the interface is up.
    assert answer(tap, "write").startswith("write ") and "EIO" not in answer(tap, "read")
    assert daemon.status()["tap0"]["state"] == "up"
    # What is not configured is as ever.
    other = daemon.hold("tap1", "other")
    assert not namespace.is_up("tap1") and answer(other, "read") == "read EIO"
    for holder in (tap, tun, other):
        holder.end()
    wait_until(lambda: not namespace.has("tap0"))


def test_program_writes_up_to_the_configured_mtu(configured):
    daemon = configured("device tap0 { mtu = 2000 up = true }\n").daemon
    done = daemon.run("""
import errno, os
fd = os.open("/dev/tap0", os.O_RDWR)
print(os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + bytes(2000)))
try:
    os.write(fd, b"\\xff" * 12 + b"\\x88\\xb5" + bytes(2005))
except OSError as e:
    print(errno.errorcode[e.errno])
""")
    assert done.stdout.split() == ["2014", "EMSGSIZE"]


def test_stable_mac_stays(namespace, configured, directory):
    def macs(daemon):
        found = []
        for device in ("tap0", "tap1"):
            holder = daemon.hold(device, device)
            found.append(link_of(namespace, device)["address"])
            holder.end()
            wait_until(lambda: not namespace.has(device))
        return found
    if not os.path.exists("/etc/machine-id") and not os.path.exists("/var/lib/dbus/machine-id"):
        # The daemon's mount namespace is this test's own.
        identity = pathlib.Path(directory) / "id"
        identity.write_text("0123456789abcdef0123456789abcdef\n")
        namespace.run(["sh", "-c", f"mount -t tmpfs tmpfs /var/lib/dbus && cp {identity} /var/lib/dbus/machine-id"])
    c = configured("mac = stable\n")
    first = macs(c.daemon)
    assert first == macs(c.daemon) and first[0] != first[1]
    assert all(int(mac[:2], 16) & 3 == 2 for mac in first)
    c.reload("mac = random\n")
    assert macs(c.daemon)[0] != macs(c.daemon)[0]


@pytest.mark.parametrize("text, what", [
    ('device tap0 { up = true routes = {"10.30.0.0/16 via 10.9.9.9"} }', "route 10.30.0.0/16 via 10.9.9.9: Network is unreachable"),
    ('device tap0 { addresses = {"10.0.0.1/24", "10.0.0.1/24"} }', "address 10.0.0.1/24: File exists"),
    ('device tap0 { mtu = 1000 addresses = {"fd00::1/64"} }', "with an MTU of less than 1280"),
])
def test_what_cannot_be_done_undoes_the_open(namespace, directory, text, what):
    path = pathlib.Path(directory) / "conf"
    path.write_text(text)
    if "MTU" in what:
        assert what in config("check", "-c", str(path)).stderr
        return
    c = Configured(namespace, directory, text)
    # Once with the program's own descriptor of the node, which would keep the interface, and once without.
    for prefix in ([], [*USER]):
        if prefix:
            c.reload(f'mode = "0666"\n{text}')
        assert c.open("tap0", prefix) not in ("opened", "ENOENT", "EBUSY")
        assert not namespace.has("tap0")
    assert f"tap0: refused to uid 0, pid " in c.daemon.log and f"configuring it: {what}" in c.daemon.log
    assert c.daemon.status().get("tap0", {"state": "closed"})["state"] == "closed"
    c.reload("")
    assert c.open("tap0") == "opened"
    assert c.daemon.stop() == 0


def test_addresses_that_stay_down_and_addresses_that_bring_nothing_up(namespace, configured):
    daemon = configured('device tap0 { addresses = {"10.9.0.1/24", "10.9.1.1/24"} up = false }\ndevice tap1 { up-on-address = false }\n').daemon
    zero, one, two = (daemon.hold(f"tap{n}", f"holder{n}") for n in range(3))
    # Ours bring nothing up; what the administrator adds later does, by the contract.
    assert daemon.state("tap0") == "open" and not namespace.is_up("tap0")
    namespace.run(["ip", "addr", "add", "10.9.2.1/24", "dev", "tap0"])
    wait_until(lambda: namespace.is_up("tap0"))
    namespace.run(["ip", "addr", "add", "10.9.3.1/24", "dev", "tap1"])
    namespace.run(["ip", "addr", "add", "10.9.4.1/24", "dev", "tap2"])
    wait_until(lambda: namespace.is_up("tap2"))  # later than tap1's would have been
    assert not namespace.is_up("tap1")
    for holder in (zero, one, two):
        holder.end()


def test_kernel_s_names(namespace, configured):
    daemon = configured("interface-names = kernel\ndevice tun0 { interface-names = device }\n").daemon
    tap, tun = daemon.hold("tap0", "tap"), daemon.hold("tun0", "tun")
    assert daemon.status()["tap0"]["interface"] == "ttd0" and namespace.has("ttd0") and not namespace.has("tap0")
    assert namespace.has("tun0")
    done = namespace.run([TUNTAPD, "ifname", "-s", daemon.socket, "tap0"])
    assert done.stdout.strip() == "ttd0"
    # A stranger's interface of the device's name is in nobody's way.
    namespace.run(["ip", "tuntap", "add", "mode", "tap", "name", "tap1"])
    other = daemon.hold("tap1", "other")
    assert daemon.status()["tap1"]["interface"] == "ttd1"
    for holder in (tap, tun, other):
        holder.end()
    namespace.run(["ip", "link", "del", "tap1"])
    wait_until(lambda: not namespace.has("ttd0") and not namespace.has("ttd1"))


ENTRIES = 'owner = 5555\ngroup = 4321\nmode = "0640"\ndevice tap1 { owner = 1234 mode = "0600" }\ndevice tun { mode = "0666" }\n'


@pytest.mark.parametrize("ids, groups, reads, writes", [
    ((0, 0), [], "210", "210"),
    ((5555, 1), [], "20", "20"),      # owner
    ((1, 4321), [], "20", "2"),       # group
    ((1, 1), [4321], "20", "2"),      # supplementary group
    ((1234, 1), [], "21", "21"),      # owner of tap1, other of the rest
    ((1, 1), [1, 2, 3], "2", "2"),    # other
])
def test_stat_access_and_open_agree_for_each_device(configured, ids, groups, reads, writes):
    daemon = configured(ENTRIES).daemon
    code = f"""
import os
os.setgroups({groups}); os.setresgid({ids[1]}, {ids[1]}, {ids[1]}); os.setresuid({ids[0]}, {ids[0]}, {ids[0]})
def can_open(path, flags):
    try:
        os.close(os.open(path, flags))
        return True
    except PermissionError:
        return False
for number, path in (("0", "/dev/tap0"), ("1", "/dev/tap1"), ("2", "/dev/tun0")):
    st = os.stat(path)
    print(number, st.st_uid, st.st_gid, oct(st.st_mode & 0o777), os.access(path, os.R_OK), can_open(path, os.O_RDONLY),
          os.access(path, os.R_OK | os.W_OK), can_open(path, os.O_RDWR))
"""
    lines = [line.split() for line in daemon.run(code).stdout.splitlines()]
    assert [line[1:4] for line in lines] == [["5555", "4321", "0o640"], ["1234", "4321", "0o600"], ["5555", "4321", "0o666"]]
    for number, *_, may_read, read, may_both, both in lines:
        assert may_read == read == str(number in reads), number
        assert may_both == both == str(number in writes), number


def test_only_a_named_program_may(configured):
    c = configured('mode = "0666"\nprograms = {"/usr/bin/env"}\ndevice tap1 { programs = {"/usr/bin/env", "' + PYTHON + '"} }\n')
    for prefix in ([], USER):  # root, too
        assert c.open("tap0", prefix) == "EACCES"
        assert c.open("tap1", prefix) == "opened"
    assert "its program is none of those that may" in c.daemon.log


def test_a_user_has_a_number_of_devices(configured):
    c = configured('mode = "0666"\ndevices-per-user = 2\n')
    code = """
import errno, os
def get(n):
    try:
        return os.open(f"/dev/tap{n}", os.O_RDWR)
    except OSError as e:
        return errno.errorcode[e.errno]
held = [get(n) for n in range(3)]
print(type(held[0]).__name__, type(held[1]).__name__, held[2])
os.close(held[0])
print(type(get(2)).__name__)
"""
    run = [TUNTAPD, "exec", "-s", c.daemon.socket, "--", PYTHON, "-c", code]
    assert c.namespace.run([*USER, *run]).stdout.splitlines() == ["int int EMFILE", "int"]
    assert c.namespace.run(run).stdout.split()[:2] == ["int", "int"] and "EMFILE" not in c.namespace.run(run).stdout  # root
    assert "devices-per-user" in c.daemon.log


def test_reload_holds_for_the_next_open_and_leaves_open_devices_alone(namespace, configured):
    c = configured("tap-units = 4\n")
    held = c.daemon.hold("tap3")
    before = link_of(namespace, "tap3")
    c.reload('tap-units = 2\nmode = "0666"\nmtu = 1300\ndevice tap1 { up = true }\n')
    assert link_of(namespace, "tap3") == before and c.daemon.state("tap3") == "open"
    assert answer(held, "read") == "read EIO"
    assert c.open("tap2") == "ENOENT" and c.open("tap3") == "ENOENT"
    # The list is the new one: what stat shows.
    done = c.daemon.run("import os; print(oct(os.stat('/dev/tap0').st_mode & 0o777), os.path.exists('/dev/tap2'))")
    assert done.stdout.split() == ["0o666", "False"]
    other = c.daemon.hold("tap1", "other")
    assert link_of(namespace, "tap1")["mtu"] == 1300 and namespace.is_up("tap1")
    # A bad file changes nothing, and says why.
    c.reload("tap-units = 8\nmoed = 1\n", says="all stays as it was")
    assert f"{c.path}:2:1: there is no key 'moed'; did you mean 'mode'?" in c.daemon.log
    assert c.open("tap2") == "ENOENT" and c.open("tap0", USER) == "opened"
    # Past the count, the device goes when it closes.
    assert "tap3" in c.daemon.status()
    held.end()
    wait_until(lambda: not namespace.has("tap3"))
    assert "tap3" not in c.daemon.status()
    c.reload("")
    assert c.open("tap3") == "opened"
    other.end()


def test_worker_outlives_a_hangup(configured):
    c = configured("")
    assert c.open("tap0") == "opened"
    worker = wait_until(c.daemon.worker)
    os.kill(worker, signal.SIGHUP)
    assert c.open("tap0") == "opened" and c.daemon.worker() == worker


HOOK = """#!/bin/sh
echo "$1 $2 $DEVICE $INTERFACE $UID $PID $(ls /sys/class/net 2>/dev/null | wc -l) $(ip -o link show dev "$INTERFACE" 2>&1 | cut -d: -f2)" >>"${0%/*}/log"
"""


def make_hook(place, text=HOOK, name="hook"):
    path = place / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def hook_log(place):
    path = place / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_hooks_run_on_open_and_close(namespace, configured, root_place):
    hook = make_hook(root_place)
    c = configured(f'open-hook = "{hook}"\nclose-hook = "{hook}"\ninterface-names = kernel\ndevice tap1 {{ open-hook = "" close-hook = "" }}\n')
    holder = c.daemon.hold("tap0")
    lines = wait_until(lambda: hook_log(root_place))
    first = lines[0].split()
    assert first[:4] == ["open", "tap0", "tap0", "ttd0"] and first[4] == "0" and first[-1] == "ttd0"
    assert pathlib.Path(f"/proc/{first[5]}/comm").read_text().startswith("python")
    # A reload does not touch it: the hook of this open is run at its close.
    c.reload("")
    holder.end()
    lines = wait_until(lambda: len(hook_log(root_place)) == 2 and hook_log(root_place))
    assert lines[1].split()[:6] == ["close", *first[1:6]]
    assert c.open("tap1") == "opened"
    assert c.daemon.stop() == 0
    assert len(hook_log(root_place)) == 2


def test_program_does_not_wait_for_a_hook(namespace, configured, root_place):
    fifo = root_place / "fifo"
    os.mkfifo(fifo)
    hook = make_hook(root_place, '#!/bin/sh\nread line <"${0%/*}/fifo"\necho "$1 done" >>"${0%/*}/log"\n')
    c = configured(f'open-hook = "{hook}"\n')
    assert c.open("tap0") == "opened"
    assert c.daemon.state("tap0") == "closed" and not hook_log(root_place)
    with open(fifo, "w", encoding="ascii") as f:
        f.write("go\n")
    wait_until(lambda: hook_log(root_place) == ["open done"])
    # The daemon's end waits for a hook that is there.
    assert c.open("tap0") == "opened"
    c.daemon.process.popen.send_signal(signal.SIGTERM)
    with open(fifo, "w", encoding="ascii") as f:
        f.write("go\n")
    assert c.daemon.process.wait() == 0
    assert hook_log(root_place) == ["open done"] * 2


@pytest.mark.parametrize("spoil, why", [
    (lambda hook: os.chown(hook, 1234, 0), "does not belong to root"),
    (lambda hook: hook.chmod(0o775), "can be written by others"),
    (lambda hook: hook.parent.chmod(0o777), "can be written by others"),
    (lambda hook: (hook.rename(hook.parent / "other"), hook.symlink_to("other")), "is a symbolic link"),
    (lambda hook: hook.chmod(0o644), "is not executable"),
    (lambda hook: hook.unlink(), "No such file"),
])
def test_a_hook_that_is_not_root_s_alone_is_not_run(configured, directory, root_place, spoil, why):
    hook = make_hook(root_place)
    c = configured(f'open-hook = "{hook}"\n')
    spoil(hook)
    assert c.open("tap0") == "opened"
    wait_until(lambda: "tap0: the open hook is not run" in c.daemon.log and why in c.daemon.log)
    assert not hook_log(root_place)
    done = config("check", "-c", str(c.path))
    assert done.returncode == 78 and why in done.stderr and f"{c.path}:1:13: " in done.stderr


def test_hook_runs_in_the_interface_s_namespace(configured, directory, root_place):
    hook = make_hook(root_place, '#!/bin/sh\necho "$1 $(readlink /proc/self/ns/net)" >>"${0%/*}/log"\n')
    c = configured(f'open-hook = "{hook}"\nclose-hook = "{hook}"\n')
    other = Namespace(directory)
    identity = os.readlink(f"/proc/{other.pid}/ns/net")
    other.run([TUNTAPD, "exec", "-s", c.daemon.socket, "--", PYTHON, "-c", OPEN.replace("@DEVICE@", "tap0")])
    wait_until(lambda: hook_log(root_place) == [f"open {identity}", f"close {identity}"])
    assert not other.end()


def test_names_have_their_own_policy(configured):
    c = configured('names "vpn[0-9]*" { owner = 1234 mode = "0600" mtu = 1234 }\n')
    code = """
import errno, fcntl, struct, os, sys, socket
fd = os.open("/dev/net/tun", os.O_RDWR)
try:
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("opened", struct.unpack_from("i", fcntl.ioctl(s, 0x8921, struct.pack("16s24x", sys.argv[1].encode())), 16)[0])
except OSError as e:
    print(errno.errorcode[e.errno])
"""

    def set_name(name):
        return c.namespace.run([*USER, TUNTAPD, "exec", "-s", c.daemon.socket, "--", PYTHON, "-c", code, name]).stdout.strip()
    assert set_name("vpn7") == "opened 1234"
    assert set_name("vpn") in ("EPERM", "EACCES")
    assert set_name("other") in ("EPERM", "EACCES")


PERSISTENT = 'device tap0 { persistent = true addresses = {"10.9.0.1/24"} mtu = 1400 }\ndevice tun1 { persistent = true }\n'


@pytest.fixture(params=["linux", "veth"])
def on_link(request):
    """The text of a configuration, with the link that all devices are on."""
    def configuration(text=""):
        return f'link = "{request.param}"\n{text}'
    configuration.link = request.param
    return configuration


def test_persistent_interface_is_there_before_and_after(namespace, configured, on_link):
    c = configured(on_link(PERSISTENT))
    daemon = c.daemon
    before = link_of(namespace, "tap0")
    assert before["mtu"] == 1400 and "UP" in before["flags"] and "LOWER_UP" not in before["flags"]
    assert namespace.has("tun1") and daemon.state("tap0") == "closed"
    holder = daemon.hold("tap0")
    assert daemon.status()["tap0"]["state"] == "up"
    assert answer(holder, "write").startswith("write ") and "EIO" not in answer(holder, "read")
    assert c.open("tap0") == "EBUSY"
    namespace.run(["ip", "addr", "add", "10.9.5.1/24", "dev", "tap0"])
    # Closed and opened at once, many times: never EBUSY, and it is the same interface.
    for _ in range(20):
        assert answer(holder, "close") == "closed"
        assert answer(holder, "open tap0").startswith("opened")
    holder.end()
    wait_until(lambda: daemon.state("tap0") == "closed")
    after = link_of(namespace, "tap0")
    assert after["ifindex"] == before["ifindex"] and "10.9.5.1" in [a["local"] for a in after["addr_info"]]
    assert daemon.process.alive()
    namespace.run([TUNTAPD, "serve", "--stop-all", "-s", daemon.socket])
    assert daemon.process.wait() == 0
    assert not namespace.has("tap0") and not namespace.has("tun1")


def test_persistent_interface_that_is_down_is_seen_to_close(namespace, configured, on_link):
    c = configured(on_link("device tun1 { persistent = true }\n"))
    holder = c.daemon.hold("tun1")
    assert c.daemon.state("tun1") == "open" and answer(holder, "read") == "read EIO"
    holder.end()
    # The kernel has no news of it, and nobody asks.
    wait_until(lambda: "tun1: closed" in c.daemon.log)
    # Who asks is told at once, by the kernel; a relay's end takes as long as its process does.
    for _ in range(3):
        assert c.open("tun1") == "opened"
    if on_link.link == "linux":
        assert c.daemon.state("tun1") == "closed"
    wait_until(lambda: c.daemon.state("tun1") == "closed")
    c.reload(on_link())
    wait_until(lambda: not namespace.has("tun1"))


def test_persistent_interface_outlives_the_daemon(namespace, directory, configured, on_link):
    c = configured(on_link(PERSISTENT))
    index = link_of(namespace, "tap0")["ifindex"]
    holder = c.daemon.hold("tap0")
    c.daemon.process.kill(signal.SIGKILL)
    assert namespace.has("tap0") and namespace.has("tun1")
    # One is held over the restart, and one closed meanwhile.
    second = Configured(namespace, directory, on_link(PERSISTENT))
    assert link_of(namespace, "tap0")["ifindex"] == index
    assert second.daemon.state("tap0") == "up" and second.daemon.state("tun1") == "closed"
    assert "tap0: taken over" in second.daemon.log
    assert second.open("tap0") == "EBUSY"
    assert second.daemon.stop() == 0
    holder.end()
    third = Configured(namespace, directory, on_link(PERSISTENT))
    wait_until(lambda: third.daemon.state("tap0") == "closed")  # a relay's end takes as long as its process does
    assert link_of(namespace, "tap0")["ifindex"] == index
    assert third.open("tap0") == "opened"
    third.daemon.process.kill(signal.SIGKILL)
    # What the policy does not want any more goes with the next start.
    fourth = Configured(namespace, directory, on_link())
    wait_until(lambda: not namespace.has("tap0") and not namespace.has("tun1"))
    assert fourth.open("tap0") == "opened"
    wait_until(lambda: not namespace.has("tap0"))
    assert fourth.daemon.stop() == 0


def test_reload_makes_and_removes_persistent_interfaces(namespace, configured, on_link):
    c = configured(on_link())
    holder = c.daemon.hold("tap0")
    c.reload(on_link(PERSISTENT))
    wait_until(lambda: namespace.has("tun1"))
    index = link_of(namespace, "tap0")["ifindex"]
    # What was open without is made anew when it is closed.
    holder.end()
    wait_until(lambda: namespace.ifindex("tap0") not in (None, index))
    wait_until(lambda: link_of(namespace, "tap0")["mtu"] == 1400, what="it is configured, right after it is made")
    # What is configured otherwise is made anew, where nobody holds it.
    held = c.daemon.hold("tun1")
    tun, tap = link_of(namespace, "tun1")["ifindex"], link_of(namespace, "tap0")["ifindex"]
    c.reload(on_link(PERSISTENT.replace("1400", "1300").replace("tun1 {", "tun1 { mtu = 1200")))
    assert link_of(namespace, "tap0")["mtu"] == 1300 and link_of(namespace, "tap0")["ifindex"] != tap
    assert link_of(namespace, "tun1")["ifindex"] == tun and link_of(namespace, "tun1")["mtu"] == 1500
    # An open one goes on when it is not wanted any more, and goes when it is closed.
    c.reload(on_link())
    assert not namespace.has("tap0") and namespace.has("tun1")
    assert answer(held, "read") == "read EIO"
    held.end()
    wait_until(lambda: c.daemon.state("tun1") == "closed" and not namespace.has("tun1"))


def test_persistent_interface_that_is_deleted_comes_back(namespace, configured, on_link):
    c = configured(on_link(PERSISTENT))
    index = link_of(namespace, "tap0")["ifindex"]
    namespace.run(["ip", "link", "del", "tap0"])
    wait_until(lambda: namespace.ifindex("tap0") not in (None, index))
    holder = c.daemon.hold("tap0")
    namespace.run(["ip", "link", "del", "tap0"])
    wait_until(lambda: c.daemon.state("tap0") == "closed" and namespace.has("tap0"))
    assert answer(holder, "read") == "read EIO"
    assert answer(holder, "close") == "closed" and answer(holder, "open tap0").startswith("opened")
    holder.end()
    c.reload(on_link())
    wait_until(lambda: not namespace.has("tap0") and not namespace.has("tun1"))


def test_foreign_interface_is_never_kept(namespace, configured, on_link):
    namespace.run(["ip", "tuntap", "add", "mode", "tap", "name", "tap0"])
    index = link_of(namespace, "tap0")["ifindex"]
    c = configured(on_link(PERSISTENT))
    assert "tap0: making its persistent interface: Device or resource busy" in c.daemon.log
    assert c.open("tap0") == "EBUSY"
    c.reload(on_link())
    assert link_of(namespace, "tap0")["ifindex"] == index
    namespace.run(["ip", "link", "del", "tap0"])


def test_hook_of_a_persistent_device(namespace, configured, on_link, root_place):
    hook = make_hook(root_place, '#!/bin/sh\necho "$1 $2 $(ip -o link show dev $INTERFACE | wc -l)" >>"${0%/*}/log"\n')
    c = configured(on_link(f'device tap0 {{ persistent = true interface-names = kernel open-hook = "{hook}" close-hook = "{hook}" }}\n'))
    for _ in range(2):
        assert c.open("tap0") == "opened"
        wait_until(lambda: c.daemon.state("tap0") == "closed")
    wait_until(lambda: hook_log(root_place) == ["open tap0 1", "close tap0 1"] * 2)
    c.reload(on_link())
    wait_until(lambda: set(namespace.interfaces()) == {"lo"})
