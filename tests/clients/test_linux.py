# SPDX-License-Identifier: BSD-2-Clause
"""Real programs, as the distribution or a registry has them, that ask /dev/net/tun; who may without root has nothing of root."""
import contextlib
import json
import re
import socket
import subprocess

import pytest
from conftest import HERE, STRANGER
from traffic import BULK, bulk, ping, traffic, wait_for_tunnel
from worlds import PYTHON, wait_until


def wait_held(client, side, interface, program):
    """Waits until the daemon names the program as the interface's holder, and the user whose it is."""
    def holder():
        held = [d for d in side.daemon.status().values() if d["interface"] == interface]
        return held and held[0]["holder"]["program"] == program[:15] and held[0]["holder"]["uid"] == (65534 if client.as_user else 0)
    wait_until(holder, 30, f"{program} holds {interface}")


@pytest.mark.client("openvpn-linux")
def test_openvpn(sides, client):
    key = sides[0].directory / "key"
    subprocess.run(["openvpn", "--genkey", "secret", key], check=True, capture_output=True)
    key.chmod(0o644)
    for side, other in (sides, reversed(sides)):
        side.start(["/usr/sbin/openvpn", "--dev", "tun", "--local", side.address, "--remote", other.address, "--port", "1195",
                    "--secret", key, "--cipher", "AES-256-CBC", "--ping", "10",
                    *([] if client.as_user else ["--ifconfig", f"10.3.0.{side.number}", f"10.3.0.{other.number}"])],
                   "openvpn", as_user=client.as_user)
    for side, other in (sides, reversed(sides)):
        side.programs[0].wait_for("Initialization Sequence Completed", 30)
        wait_held(client, side, "tun0", "openvpn")
        if client.as_user:
            side.configure("tun0", f"10.3.0.{side.number}")
    client.passed = traffic(*sides, "10.3.0.1", "10.3.0.2")


@pytest.mark.client("tinc-linux")
def test_tinc(sides, client):
    names = {1: "alpha", 2: "beta"}
    for side in sides:
        side.write("tinc/tinc.conf", f"Name={names[side.number]}\nMode=switch\nDeviceType=tap\nInterface=tap6\n"
                   f"AddressFamily=ipv4\nPort=10655\n" + (f"ConnectTo={names[1]}\n" if side.number == 2 else ""))
        side.write(f"tinc/hosts/{names[side.number]}", f"Address={side.address} 10655\n")
        subprocess.run(["tincd", "-c", side.directory / "tinc", "-K2048"], check=True, capture_output=True,
                       stdin=subprocess.DEVNULL)
        (side.directory / "tinc" / "rsa_key.priv").chmod(0o644)
        if not client.as_user:
            side.write("tinc/tinc-up", f"#!/bin/sh\nexec ip addr add 10.4.0.{side.number}/24 dev $INTERFACE\n", 0o755)
    for side, other in (sides, reversed(sides)):
        name = names[other.number]
        side.write(f"tinc/hosts/{name}", (other.directory / "tinc" / "hosts" / name).read_text())
    for side in sides:
        (side.directory / "run").mkdir()
        (side.directory / "run").chmod(0o777)
        side.start(["/usr/sbin/tincd", "-c", side.directory / "tinc", "-D", "-d3", f"--pidfile={side.directory / 'run' / 'pid'}"],
                   "tincd", as_user=client.as_user)
        wait_held(client, side, "tap6", "tincd")
        if client.as_user:
            side.configure("tap6", f"10.4.0.{side.number}")
        else:
            side.run(["ip", "link", "set", "tap6", "up"])
    client.passed = traffic(*sides, "10.4.0.1", "10.4.0.2")


@pytest.mark.client("iodine-linux")
def test_iodine(sides, client):
    a, b = sides
    server = a.start(["/usr/sbin/iodined", "-f", "-P", "secret", "-c", "-d", "tun4", "-n", "192.0.2.1", "10.5.0.1", "t.example"],
                     "iodined")
    server.wait_for("Listening to dns", 30)
    iodine = b.start(["/usr/sbin/iodine", "-f", "-P", "secret", "-r", "-m", "500", "-d", "tun5", "192.0.2.1", "t.example"],
                     "iodine")
    iodine.wait_for("Connection setup complete", 60)
    wait_held(client, a, "tun4", "iodined")
    wait_held(client, b, "tun5", "iodine")
    client.passed = traffic(a, b, "10.5.0.1", "10.5.0.2", 65536)


@pytest.mark.client("n2n-linux")
def test_n2n(sides, client):
    a, _ = sides
    supernode = a.start_plain(["/usr/bin/supernode", "-l", "7654"], "supernode")
    wait_until(lambda: ":7654 " in a.run(["ss", "-Hlun"]).stdout or not supernode.alive(), 10, "supernode listens")
    for side in sides:
        side.start(["/usr/sbin/edge", "-f", "-d", "tap1", "-a", f"10.6.0.{side.number}", "-c", "community", "-k", "key", "-m",
                    f"02:00:00:00:00:0{side.number}", "-l", "192.0.2.1:7654"], "edge")
        wait_held(client, side, "tap1", "edge")
    client.passed = traffic(*sides, "10.6.0.1", "10.6.0.2")


@pytest.mark.client("socat")
def test_socat(sides, client):
    for side, other in (sides, reversed(sides)):
        side.start(["/usr/bin/socat", f"TUN:10.7.0.{side.number}/24,tun-name=tun7,iff-no-pi,up",
                    f"UDP-DATAGRAM:{other.address}:5555,bind=:5555"], "socat")
        wait_held(client, side, "tun7", "socat")
    client.passed = traffic(*sides, "10.7.0.1", "10.7.0.2")


@pytest.mark.client("qemu")
def test_qemu(sides, client):
    """Without a machine: its network back ends on a hub of its own, tap at one port and a UDP socket at the other."""
    for side, other in (sides, reversed(sides)):
        side.start(["/usr/bin/qemu-system-x86_64", "-machine", "none", "-nographic", "-monitor", "none",
                    "-netdev", "tap,id=tap,ifname=tap3,script=no,downscript=no", "-netdev", "hubport,id=port0,hubid=0,netdev=tap",
                    "-netdev", f"socket,id=cable,udp={other.address}:5555,localaddr={side.address}:5555",
                    "-netdev", "hubport,id=port1,hubid=0,netdev=cable"], "qemu", as_user=client.as_user)
        wait_held(client, side, "tap3", "qemu-system-x86_64")
        side.configure("tap3", f"10.8.0.{side.number}")
    client.passed = traffic(*sides, "10.8.0.1", "10.8.0.2")


class Inner:
    """A user and network namespace inside a side's, which programs of containers enter to make their interface there."""

    def __init__(self, side, as_user):
        self.side = side
        self.user = STRANGER if as_user else []
        self.holder = side.start_plain(["unshare", "-r", "-n", "sh", "-c", "ip link set lo up; echo ready $$; exec cat"], "inner",
                                       as_user)
        self.holder.wait_for("ready")
        self.pid = re.search(r"ready (\d+)", self.holder.output).group(1)

    def enter(self, command):
        return [*self.user, "nsenter", "-t", self.pid, "-U", "-n", "--preserve-credentials", "--", *command]

    def run(self, command, **more):
        return self.side.run(self.enter(command), **more)

    def start_plain(self, command, name):
        return self.side.start_plain(self.enter(command), name)


def wait_held_inside(client, inner, interface, *programs):
    wait_until(lambda: "inet " in inner.run(["ip", "addr", "show", "dev", interface], check=False).stdout, 30,
               f"{programs[0]} has configured {interface}")
    held = [d for d in inner.side.daemon.status().values() if d["interface"] == interface]
    assert held and held[0]["holder"]["program"] in programs
    assert held[0]["holder"]["uid"] == (65534 if client.as_user else 0)


def forward(api, port):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
        s.settimeout(10)
        s.connect(str(api))
        s.sendall(json.dumps({"execute": "add_hostfwd", "arguments": {
            "proto": "tcp", "host_addr": "0.0.0.0", "host_port": port, "guest_addr": "10.0.2.100", "guest_port": port}}).encode())
        s.shutdown(socket.SHUT_WR)
        assert "error" not in s.recv(1000).decode()


@pytest.mark.client("slirp4netns")
def test_slirp4netns(sides, client):
    """It enters the namespace, makes the interface there and sends the descriptor to its parent outside."""
    a, b = sides
    a.run(["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"])
    inner = Inner(a, client.as_user)
    (a.directory / "run").mkdir()
    (a.directory / "run").chmod(0o777)
    api = a.directory / "run" / "api"
    a.start(["/usr/bin/slirp4netns", "--configure", "--mtu=1500", f"--api-socket={api}", inner.pid, "tap0"], "slirp4netns",
            as_user=client.as_user)
    # The process that opened it ends at once, perhaps before the daemon has asked for its name.
    wait_held_inside(client, inner, "tap0", "slirp4netns", "?")
    ping(inner, b.address)
    bulk(inner, b, b.address)
    wait_until(api.exists, 10, "slirp4netns has its socket")
    forward(api, 7777)
    bulk(b, inner, a.address, listen="10.0.2.100")
    client.passed = f"ping, stream of {BULK} bytes, each way"


@pytest.mark.client("pasta")
def test_pasta(sides, client):
    """It opens the device in a child that shares its memory and descriptors, and then forbids itself most system calls."""
    a, b = sides
    a.run(["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"])
    a.run(["ip", "route", "add", "default", "via", b.address])
    inner = Inner(a, client.as_user)
    a.start(["/usr/bin/pasta", "-f", "--config-net", "--no-map-gw", "-i", "cable", "-I", "tap0", "-t", "7777",
             "-u", "none", "-T", "none", "-U", "none", inner.pid], "pasta", as_user=client.as_user)
    # On processors that have AVX2 it becomes its build for them; the child may have ended before the daemon has asked for its name.
    wait_held_inside(client, inner, "tap0", "pasta", "passt.avx2", "?")
    wait_for_tunnel(inner, b.address)
    ping(inner, b.address)
    bulk(inner, b, b.address)
    bulk(b, inner, a.address)
    client.passed = f"ping, stream of {BULK} bytes, each way"


@pytest.mark.client("vde")
def test_vde(sides, client):
    """One switch, whose socket both sides reach by its path, and a plug to a tap in each."""
    a, _ = sides
    switch = a.directory / "switch"
    a.start_plain(["/usr/bin/vde_switch", "-s", switch, "-m", "666"], "vde_switch")
    wait_until(lambda: (switch / "ctl").exists(), 10, "vde_switch listens")
    switch.chmod(0o755)
    for side in sides:
        side.start(["/usr/bin/vde_plug2tap", "-s", switch, "tap4"], "vde_plug2tap", as_user=client.as_user)
        wait_held(client, side, "tap4", "vde_plug2tap")
        side.configure("tap4", f"10.9.0.{side.number}")
    client.passed = traffic(*sides, "10.9.0.1", "10.9.0.2")


@pytest.mark.client("fastd")
def test_fastd(sides, client):
    keys = {}
    for side in sides:
        text = subprocess.run(["fastd", "--generate-key"], capture_output=True, text=True, check=True).stdout
        keys[side] = dict(re.findall(r"(Secret|Public): ([0-9a-f]{64})", text))
    for side, other in (sides, reversed(sides)):
        configuration = side.write("fastd.conf", f"""
bind {side.address}:10000;
mode tap;
interface "tap3";
method "null";
mtu 1400;
secret "{keys[side]['Secret']}";
peer "other" {{
	key "{keys[other]['Public']}";
	remote ipv4 {other.address}:10000;
}}
""")
        side.start(["/usr/bin/fastd", "-c", configuration, "--log-level", "verbose"], "fastd")
        wait_held(client, side, "tap3", "fastd")
        side.configure("tap3", f"10.10.0.{side.number}")
    client.passed = traffic(*sides, "10.10.0.1", "10.10.0.2")


@pytest.mark.client("tun-crate")
def test_tun_crate(sides, client):
    for side, other in (sides, reversed(sides)):
        process = side.start([side.built("tun-bridge") / "tun-bridge", "tun5", side.address, other.address,
                              *([] if client.as_user else [f"10.12.0.{side.number}"])], "tun-bridge", as_user=client.as_user)
        process.wait_for("ready tun5", 30)
        wait_held(client, side, "tun5", "tun-bridge")
        if client.as_user:
            side.configure("tun5", f"10.12.0.{side.number}")
    client.passed = traffic(*sides, "10.12.0.1", "10.12.0.2")


@pytest.mark.client("pytun", "pytap2")
def test_python_module(sides, client):
    # pytap2 asks for "tap%d" and takes what it gets; pytun asks for a name.
    package = client.program
    module, interface = {"python-pytun": ("pytun", "tun6"), "pytap2": ("pytap2", "tap0")}[package]
    for side, other in (sides, reversed(sides)):
        process = side.start([PYTHON, HERE / "programs" / "bridge.py", module, "tap" if module == "pytap2" else interface,
                              side.address, other.address, *([] if client.as_user else [f"10.13.0.{side.number}"])], module,
                             as_user=client.as_user, PYTHONPATH=str(side.built(package)))
        process.wait_for(f"ready {interface}", 30)
        wait_held(client, side, interface, "python3")
        if client.as_user:
            side.configure(interface, f"10.13.0.{side.number}")
    client.passed = traffic(*sides, "10.13.0.1", "10.13.0.2")
