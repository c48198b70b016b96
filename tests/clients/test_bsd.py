# SPDX-License-Identifier: BSD-2-Clause
"""Real programs that nobody here wrote open /dev/tunN and /dev/tapN, unmodified, and exchange real traffic."""
import os
import pathlib
import re
import signal
import subprocess

import build
import pytest
from conftest import HERE
from traffic import BULK, bulk, echoed, ping, traffic, wait_for_tunnel
from worlds import PYTHON, TUNTAPD, wait_until

def without_shim(command, **more):
    """What the program does where there is no device: it must not find one."""
    done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=openat,open", *map(str, command)], capture_output=True,
                          text=True, timeout=30, check=False, **more)
    opens = re.findall(r'"/dev/(?:tap|tun)\d+".*= (.*)', done.stderr + done.stdout)
    assert opens and all("ENOENT" in result for result in opens), opens


@pytest.mark.client("openvpn-tap", "openvpn-tun", "openvpn-user")
def test_openvpn(sides, client):
    """As openvpn-user it has no rights: the daemon's configuration lets everybody open devices, somebody else sets addresses."""
    kind = client.device
    openvpn = build.build("openvpn") / "openvpn"
    key = sides[0].directory / "key"
    subprocess.run([openvpn, "--genkey", "secret", key], check=True, capture_output=True)
    key.chmod(0o644)
    for side, other in (sides, reversed(sides)):
        if kind == "tap":
            configure = f"ifconfig $dev 10.23.0.{side.number} netmask 255.255.255.0 up"
        else:
            configure = f"ifconfig $dev 10.23.0.{side.number} 10.23.0.{other.number} up"
        up = side.write("up.sh", f"#!/bin/sh\nexec {configure}\n", 0o755)
        side.start([side.built("openvpn") / "openvpn", "--dev", kind, "--local", side.address, "--remote", other.address, "--port", "1195", "--secret",
                    key, "--cipher", "AES-256-CBC", "--ping", "10",
                    *([] if client.as_user else ["--script-security", "2", "--up", up])], "openvpn", as_user=client.as_user)
    for side in sides:
        side.programs[0].wait_for("Initialization Sequence Completed", 30)
        holder = side.daemon.status()[f"{kind}0"]["holder"]
        assert holder["program"] == "openvpn" and holder["uid"] == (65534 if client.as_user else 0)
        if client.as_user:
            side.configure(f"{kind}0", f"10.23.0.{side.number}")
    client.passed = traffic(*sides, "10.23.0.1", "10.23.0.2")


def test_openvpn_restarts_on_the_same_unit(sides):
    """SIGUSR1 closes the device and opens it again in the same process: it must get the same unit."""
    side = sides[0]
    openvpn = build.build("openvpn") / "openvpn"
    key = side.directory / "key"
    subprocess.run([openvpn, "--genkey", "secret", key], check=True, capture_output=True)
    up = side.write("up.sh", "#!/bin/sh\nexec ifconfig $dev 10.23.0.1 netmask 255.255.255.0 up\n", 0o755)
    process = side.start([openvpn, "--dev", "tap", "--local", side.address, "--remote", sides[1].address, "--port", "1195",
                          "--secret", key, "--cipher", "AES-256-CBC", "--script-security", "2", "--up", up,
                          "--up-restart", "--connect-retry", "1"], "openvpn")
    process.wait_for("TUN/TAP device /dev/tap0 opened", 30)
    # Its loop runs, and so its signal handlers are there: nobody answers on the other side.
    process.wait_for("ECONNREFUSED", 30)
    first = side.daemon.status()["tap0"]
    process.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: process.output.count("TUN/TAP device /dev/tap0 opened") == 2, 30, "openvpn opens tap0 again")
    assert "/dev/tap1" not in process.output
    assert side.daemon.status()["tap0"]["open_number"] == first["open_number"] + 1


def test_openvpn_without_the_shim_finds_no_device(directory):
    openvpn = build.build("openvpn") / "openvpn"
    key = pathlib.Path(directory) / "key"
    subprocess.run([openvpn, "--genkey", "secret", key], check=True, capture_output=True)
    without_shim(["unshare", "-n", openvpn, "--dev", "tap", "--secret", key, "--cipher", "AES-256-CBC", "--remote", "192.0.2.9"])


@pytest.mark.client("tinc")
def test_tinc(sides, client):
    tincd = build.build("tinc") / "tincd"
    names = {1: "alpha", 2: "beta"}
    for side in sides:
        side.write("tinc/tinc.conf", f"Name={names[side.number]}\nMode=switch\nDeviceType=tap\nDevice=/dev/tap3\n"
                   f"AddressFamily=ipv4\n" + (f"ConnectTo={names[1]}\n" if side.number == 2 else ""))
        side.write("tinc/tinc-up", f"#!/bin/sh\nexec ifconfig $INTERFACE 10.99.0.{side.number} netmask 255.255.255.0 up\n", 0o755)
        side.write(f"tinc/hosts/{names[side.number]}", f"Address={side.address} 655\n")
        subprocess.run([tincd, "-c", side.directory / "tinc", "-K2048"], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    for side, other in (sides, reversed(sides)):
        name = names[other.number]
        side.write(f"tinc/hosts/{name}", (other.directory / "tinc" / "hosts" / name).read_text())
    for side in sides:
        side.start([tincd, "-c", side.directory / "tinc", "-D", "-d3", f"--pidfile={side.directory / 'pid'}"], "tincd")
        side.programs[0].wait_for("/dev/tap3 is a", 30)
    passed = traffic(*sides, "10.99.0.1", "10.99.0.2")
    assert sides[0].daemon.status()["tap3"]["state"] == "up"
    client.passed = passed


@pytest.mark.client("n2n")
def test_n2n(sides, client):
    directory = build.build("n2n")
    a, b = sides
    supernode = a.start_plain([directory / "supernode", "-l", "7654"], "supernode")
    wait_until(lambda: ":7654 " in a.run(["ss", "-Hlun"]).stdout or not supernode.alive(), 10, "supernode listens")
    # Somebody holds tap0 on one side already: edge goes on to tap1.
    holder = a.daemon.hold("tap0")
    for side in sides:
        side.start([directory / "edge", "-f", "-a", f"10.88.0.{side.number}", "-c", "community", "-k", "key", "-m",
                    f"02:00:00:00:00:0{side.number}", "-l", "192.0.2.1:7654"], "edge")
    wait_until(lambda: a.daemon.state("tap1") == "up" and b.daemon.state("tap0") == "up", 30, "both edges are up")
    assert a.daemon.status()["tap1"]["mac"] == "02:00:00:00:00:01"
    client.passed = traffic(a, b, "10.88.0.1", "10.88.0.2")
    holder.end()


@pytest.mark.client("iodine")
def test_iodine(sides, client):
    directory = build.build("iodine")
    a, b = sides
    server = a.start([directory / "iodined", "-f", "-P", "secret", "-c", "-n", "192.0.2.1", "10.55.0.1", "t.example"], "iodined")
    server.wait_for("Listening to dns", 30)
    iodine = b.start([directory / "iodine", "-f", "-P", "secret", "-r", "-m", "500", "192.0.2.1", "t.example"], "iodine")
    iodine.wait_for("Connection setup complete", 60)
    client.passed = traffic(a, b, "10.55.0.1", "10.55.0.2", 65536)


@pytest.mark.client("openssh")
def test_openssh(sides, client):
    directory = build.build("openssh")
    a, b = sides
    for name in ("host", "user"):
        subprocess.run([directory / "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", a.directory / name], check=True)
    keys = b.write("authorized", (a.directory / "user.pub").read_text())
    configuration = b.write("sshd_config", f"""
Port 2222
ListenAddress {b.address}
HostKey {a.directory / 'host'}
AuthorizedKeysFile {keys}
StrictModes no
PermitRootLogin yes
PermitTunnel yes
PidFile none
""")
    # The server wants a user of its own, which a machine without the package does not have.
    passwd = b.write("passwd", pathlib.Path("/etc/passwd").read_text() + "sshd:x:65533:65534::/mnt:/usr/sbin/nologin\n")
    b.run(["mount", "--bind", passwd, "/etc/passwd"])
    server = b.start([directory / "sshd", "-D", "-e", "-f", configuration], "sshd")
    server.wait_for("listening", 30)
    ssh = a.start([directory / "ssh", "-v", "-F", "none", "-i", a.directory / "user", "-o", "StrictHostKeyChecking=no", "-o",
                   "UserKnownHostsFile=/dev/null", "-o", "Tunnel=ethernet", "-o", "ExitOnForwardFailure=yes", "-w", "2:any", "-p",
                   "2222", f"root@{b.address}", "echo tunnel; exec cat"], "ssh")
    ssh.wait_for("tunnel", 30)
    # "any" asks for units from 100 downward: the highest that exists.
    wait_until(lambda: a.daemon.state("tap2") != "closed" and b.daemon.state("tap15") != "closed")
    a.run([HERE / "bin" / "ifconfig", "tap2", "10.77.0.1", "netmask", "255.255.255.0"])
    b.run([HERE / "bin" / "ifconfig", "tap15", "10.77.0.2", "netmask", "255.255.255.0"])
    passed = traffic(a, b, "10.77.0.1", "10.77.0.2")
    ssh.end()
    wait_until(lambda: b.daemon.state("tap15") == "closed")
    client.passed = passed


@pytest.mark.client("lwip")
def test_lwip(sides, client):
    """A stack in user space behind tap0; the other side reaches it, and it the other side, through this one."""
    a, b = sides
    a.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    b.run(["ip", "route", "add", "10.66.0.0/24", "via", a.address])
    host = a.start([build.build("lwip") / "lwip-host", b.address], "lwip-host")
    host.wait_for("ready")
    wait_for_tunnel(a, "10.66.0.2")
    ping(a, "10.66.0.2")
    ping(b, "10.66.0.2")
    host.wait_for("3 answers of 192.0.2.2", 30)
    echoed(b, "10.66.0.2")
    # It is up by its address alone, and goes on when it is taken down and up again: an error on reading would end it.
    before = a.daemon.status()["tap0"]["open_number"]
    a.run(["ip", "link", "set", "tap0", "down"])
    a.run(["ip", "link", "set", "tap0", "up"])
    wait_for_tunnel(b, "10.66.0.2")
    assert a.daemon.status()["tap0"]["open_number"] == before
    client.passed = "ping both ways, stream of 4194304 bytes and back"


@pytest.mark.client("icmptx")
def test_icmptx(sides, client):
    """It tries /dev/tun0 and on only where there is no /dev/net/tun.

    Echo requests through it would be no proof: its own socket sees those inside the tunnel, too, and answers them.
    """
    for side, mode in zip(sides, ("-s", "-c")):
        # The packets that it sends are echo requests.
        side.run(["sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1"])
        command = 'mount -t tmpfs none /dev/net && exec "$@"'
        side.programs.append(side.namespace.start(
            ["unshare", "-m", "sh", "-c", command, "sh", TUNTAPD, "exec", "-s", side.daemon.socket, "--", "/usr/bin/icmptx", mode,
             sides[0].address], "icmptx", env=side.environment()))
    for side, other in (sides, reversed(sides)):
        wait_until(lambda s=side: s.daemon.state("tun0") != "closed", what="icmptx opens tun0")
        assert side.daemon.status()["tun0"]["holder"]["program"] == "icmptx"
        side.run([HERE / "bin" / "ifconfig", "tun0", f"10.44.0.{side.number}", f"10.44.0.{other.number}", "mtu", "1400", "up"])
    for side, other in (sides, reversed(sides)):
        bulk(side, other, f"10.44.0.{other.number}")
    client.passed = f"stream of {BULK} bytes, each way"


@pytest.mark.client("python")
def test_python(sides, client):
    for side, other, how in zip(sides, reversed(sides), ("os.open", "open")):
        process = side.start([PYTHON, HERE / "programs" / "bridge.py", how, "tap0", side.address, other.address,
                              *([] if client.as_user else [f"10.1.0.{side.number}"])], "python", as_user=client.as_user)
        process.wait_for("ready tap0")
        if client.as_user:
            side.configure("tap0", f"10.1.0.{side.number}")
    client.passed = traffic(*sides, "10.1.0.1", "10.1.0.2")


@pytest.mark.client("perl")
def test_perl(sides, client):
    for side, other in (sides, reversed(sides)):
        process = side.start(["/usr/bin/perl", HERE / "programs" / "bridge.pl", "tun2", side.address, other.address,
                              f"10.2.0.{side.number}", f"10.2.0.{other.number}"], "perl")
        process.wait_for("ready tun2")
    client.passed = traffic(*sides, "10.2.0.1", "10.2.0.2")
