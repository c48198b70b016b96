# SPDX-License-Identifier: BSD-2-Clause
"""Persistent devices on the veth link: a pair that is there without a relay, and what becomes of it when one of its parts is taken away."""
import json
import os
import pathlib
import signal

import pytest
from veth import check_echo, echo, mirror, one_relay, ping, relays, veth_daemon
from worlds import PYTHON, TUNTAPD, answer, wait_until

KEPT = 'device tap0 { persistent = true mtu = 1400 mac = "02:00:00:00:00:07" addresses = {"10.9.0.1/24"} }\n'


@pytest.fixture(name="daemon")
def serve(namespace, directory):
    """A daemon that keeps the interface of tap0."""
    d = veth_daemon(namespace, directory, KEPT)
    yield d
    end_of(d, namespace)


def end_of(daemon, namespace):
    """Told to end with all devices, it leaves nothing."""
    if daemon.process.alive():
        namespace.run([TUNTAPD, "serve", "--stop-all", "-s", daemon.socket])
        assert daemon.process.wait() == 0
    wait_until(lambda: not keepers(daemon) and not relays(daemon) and set(namespace.interfaces()) == {"lo"},
               what="no process and no interface is left")


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def keepers(daemon):
    """Without the process that starts one: it is the daemon's child, and ends at once."""
    return [pid for pid in relays(daemon, "keeper") if parent_of(pid) not in (daemon.pid, None)]


def one_keeper(daemon):
    return wait_until(lambda: len(found := keepers(daemon)) == 1 and found, what="one keeper")[0]


def link_of(namespace, name="tap0"):
    return json.loads(namespace.run(["ip", "-j", "-d", "addr", "show", "dev", name]).stdout)[0]


def has_carrier(namespace, name="tap0"):
    return "LOWER_UP" in link_of(namespace, name)["flags"]


def say(daemon, text):
    """The daemon reads another configuration."""
    before = len(daemon.log)
    pathlib.Path(daemon.rundir.parent / "tuntapd.conf").write_text('link = "veth"\n' + text)
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: "read the configuration again" in daemon.log[before:])


def test_carrier_follows_the_open(namespace, daemon):
    before = link_of(namespace)
    assert before["mtu"] == 1400 and before["address"] == "02:00:00:00:00:07" and "UP" in before["flags"]
    assert before["linkinfo"]["info_kind"] == "veth" and not has_carrier(namespace) and daemon.state("tap0") == "closed"
    for _ in range(3):
        holder = daemon.hold("tap0")
        wait_until(lambda: has_carrier(namespace))
        assert daemon.status()["tap0"]["state"] == "up"
        holder.end()
        wait_until(lambda: not has_carrier(namespace))
    after = link_of(namespace)
    assert {k: after[k] for k in ("ifindex", "mtu", "address")} == {k: before[k] for k in ("ifindex", "mtu", "address")}
    assert "10.9.0.1" in [a["local"] for a in after["addr_info"]]


def test_frames_pass_each_time_that_it_is_opened(namespace, daemon):
    for turn in range(3):
        program = echo(daemon, name=f"echo{turn}")
        check_echo(namespace, 1000, name=f"check{turn}").wait_for("all 1000", 30)
        assert daemon.status()["tap0"]["from_program"]["packets"] >= 1000
        program.end()
        wait_until(lambda: daemon.state("tap0") == "closed")


def test_a_tun_is_kept_too(namespace, directory):
    daemon = veth_daemon(namespace, directory, 'device tun0 { persistent = true up = true '
                         'addresses = {"10.7.7.1 peer 10.7.7.2", "fd07::1/64"} }\n')
    assert "NOARP" in link_of(namespace, "tun0")["flags"] and not has_carrier(namespace, "tun0")
    for turn in range(2):
        program = mirror(daemon, name=f"mirror{turn}")
        for address in ("10.7.7.2", "fd07::2"):
            ping(namespace, address)
        program.end()
        wait_until(lambda: daemon.state("tun0") == "closed")
        # Another address, which somebody gives it meanwhile, is the one that the next relay answers to.
        namespace.run(["ip", "link", "set", "tun0", "address", "02:00:00:00:00:08"])
    end_of(daemon, namespace)


def test_who_keeps_it_has_no_rights(namespace, daemon):
    keeper = one_keeper(daemon)
    status = pathlib.Path(f"/proc/{keeper}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() != ["0", "0", "0", "0"] and int(fields["CapBnd"], 16) == int(fields["CapPrm"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1" and ("asan" in TUNTAPD or fields["Seccomp"].strip() == "2")
    assert os.getsid(keeper) == keeper and int(fields["PPid"]) != daemon.pid
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(keeper, number)
    assert answer(daemon.hold("tap0"), "close") == "closed" and keepers(daemon) == [keeper]


def test_interface_comes_back_when_its_keeper_is_killed(namespace, daemon):
    index = link_of(namespace)["ifindex"]
    os.kill(one_keeper(daemon), signal.SIGKILL)
    wait_until(lambda: namespace.ifindex("tap0") not in (None, index))
    index = link_of(namespace)["ifindex"]
    # While a program holds the device its relay holds the pair, too.
    program = echo(daemon)
    os.kill(one_keeper(daemon), signal.SIGKILL)
    check_echo(namespace, 1000).wait_for("all 1000", 30)
    assert link_of(namespace)["ifindex"] == index
    program.end()
    wait_until(lambda: namespace.ifindex("tap0") not in (None, index))
    assert answer(daemon.hold("tap0"), "close") == "closed"


def test_a_relay_that_is_killed_takes_nothing_with_it(namespace, daemon):
    index = link_of(namespace)["ifindex"]
    holder = daemon.hold("tap0")
    os.kill(one_relay(daemon), signal.SIGKILL)
    wait_until(lambda: daemon.state("tap0") == "closed")
    assert answer(holder, "read") == "read EIO" and answer(holder, "write") == "write EIO"
    assert link_of(namespace)["ifindex"] == index and not has_carrier(namespace)
    assert answer(holder, "close") == "closed" and answer(holder, "open tap0").startswith("opened")
    holder.end()


def test_far_end_that_is_deleted(namespace, daemon):
    """With it goes the near one, as a pair is."""
    index = link_of(namespace)["ifindex"]
    holder = daemon.hold("tap0")
    namespace.run(["nsenter", "--net", "-t", str(one_keeper(daemon)), "ip", "link", "del", "port"])
    wait_until(lambda: namespace.ifindex("tap0") not in (None, index))
    wait_until(lambda: daemon.state("tap0") == "closed" and len(keepers(daemon)) == 1)
    assert answer(holder, "read") == "read EIO"
    assert answer(holder, "close") == "closed" and answer(holder, "open tap0").startswith("opened")
    holder.end()


def test_daemon_is_killed_and_the_next_one_goes_on(namespace, directory, daemon):
    before = link_of(namespace)["ifindex"], one_keeper(daemon)
    daemon.process.kill(signal.SIGKILL)
    second = veth_daemon(namespace, directory, KEPT, "second")
    program = echo(second)
    check_echo(namespace, 1000).wait_for("all 1000", 30)
    second.process.kill(signal.SIGKILL)
    check_echo(namespace, 1000, name="alone").wait_for("all 1000", 30)
    program.end()
    wait_until(lambda: not relays(daemon))
    assert (link_of(namespace)["ifindex"], one_keeper(daemon)) == before
    third = veth_daemon(namespace, directory, KEPT, "third")
    assert third.state("tap0") == "closed" and not has_carrier(namespace)
    assert (link_of(namespace)["ifindex"], one_keeper(daemon)) == before
    end_of(third, namespace)


def test_another_link_is_chosen(namespace, daemon):
    def kind():
        return namespace.has("tap0") and link_of(namespace)["linkinfo"]["info_kind"]
    say(daemon, KEPT.replace("{", "{ link = linux", 1))
    assert kind() == "tun"
    wait_until(lambda: not keepers(daemon))
    assert answer(daemon.hold("tap0"), "close") == "closed"
    say(daemon, KEPT)
    wait_until(lambda: kind() == "veth" and keepers(daemon))
    assert answer(daemon.hold("tap0"), "close") == "closed"


def test_a_program_of_the_linux_dialect_does_not_get_it(namespace, daemon):
    """It would hold the kernel's own device, which this interface is not."""
    code = """
import errno, fcntl, os, struct
fd = os.open("/dev/net/tun", os.O_RDWR)
for name in ("tap0", "tap%d"):
    try:
        print(fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))[:16].rstrip(b"\\0").decode())
    except OSError as e:
        print(errno.errorcode[e.errno])
"""
    done = namespace.run([TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c", code])
    assert done.stdout.split() == ["EINVAL", "tap1"]
    assert "its persistent interface is none of the kernel's tun driver" in daemon.log


def test_nobody_is_woken(namespace, daemon):
    """Neither for a device that is closed nor for one that is open and down: its end is told."""
    found = [daemon.pid, daemon.worker(), one_keeper(daemon)]

    def still():
        def switches():
            return [line for pid in found for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if "ctxt_switches" in line]
        before = switches()
        namespace.run(["sleep", "1.5"])  # a time in which nothing happens is what is looked at
        return switches() == before
    wait_until(still, 15, "a time without a wake-up")
    holder = daemon.hold("tap0")
    namespace.run(["ip", "link", "set", "tap0", "down"])
    wait_until(lambda: daemon.state("tap0") == "open")
    wait_until(still, 15, "a time without a wake-up")
    holder.end()
