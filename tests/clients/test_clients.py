# SPDX-License-Identifier: BSD-2-Clause
"""Real programs that nobody here wrote open /dev/tunN and /dev/tapN, unmodified, and exchange real traffic."""
import hashlib
import os
import pathlib
import re
import subprocess

import build
import pytest
from conftest import HERE, RESULTS
from worlds import PYTHON, TUNTAPD, wait_until

BULK = 4 * 1024 * 1024

SEND = """
import hashlib, socket, sys
data = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range({bytes} // 32))
s = socket.create_connection(("{address}", 7777), timeout=60)
s.sendall(data)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())
"""

RECEIVE = """
import hashlib, socket
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("{address}", 7777))
l.listen(1)
print("listening", flush=True)
s, _ = l.accept()
digest, count = hashlib.sha256(), 0
while data := s.recv(65536):
    digest.update(data)
    count += len(data)
s.sendall(f"{{count}} {{digest.hexdigest()}}".encode())
"""


def ping(side, address):
    """Three echo requests, three answers."""
    done = side.run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", address], check=False)
    assert " 3 received" in done.stdout, done.stdout


def wait_for_tunnel(side, address, bound_s=30):
    wait_until(lambda: side.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False).returncode == 0, bound_s,
               f"the tunnel answers at {address}")


def bulk(sender, receiver, address, bytes_=BULK):
    """One stream through the tunnel; the receiver's sum must be the sender's."""
    listener = receiver.start_plain([PYTHON, "-u", "-c", RECEIVE.format(address=address)], "receiver")
    listener.wait_for("listening")
    done = sender.run([PYTHON, "-c", SEND.format(address=address, bytes=bytes_)])
    data = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(bytes_ // 32))
    assert done.stdout.strip() == f"{bytes_} {hashlib.sha256(data).hexdigest()}"
    listener.wait()


def traffic(a, b, address_a, address_b, bytes_=BULK):
    wait_for_tunnel(a, address_b)
    ping(a, address_b)
    ping(b, address_a)
    bulk(a, b, address_b, bytes_)


def passed(program, device, what):
    version = build.PROGRAMS[program].version if program in build.PROGRAMS else what[1]
    RESULTS.append((program, version, device, what[0]))


def without_shim(command, **more):
    """What the program does where there is no device: it must not find one."""
    done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=openat,open", *map(str, command)], capture_output=True,
                          text=True, timeout=30, check=False, **more)
    opens = re.findall(r'"/dev/(?:tap|tun)\d+".*= (.*)', done.stderr + done.stdout)
    assert opens and all("ENOENT" in result for result in opens), opens


@pytest.mark.parametrize("kind", ["tap", "tun"])
def test_openvpn(sides, kind):
    openvpn = build.build("openvpn") / "openvpn"
    key = sides[0].directory / "key"
    subprocess.run([openvpn, "--genkey", "secret", key], check=True, capture_output=True)
    for side, other in (sides, reversed(sides)):
        if kind == "tap":
            configure = f"ifconfig $dev 10.23.0.{side.number} netmask 255.255.255.0 up"
        else:
            configure = f"ifconfig $dev 10.23.0.{side.number} 10.23.0.{other.number} up"
        up = side.write("up.sh", f"#!/bin/sh\nexec {configure}\n", 0o755)
        side.start([openvpn, "--dev", kind, "--local", side.address, "--remote", other.address, "--port", "1195", "--secret",
                    key, "--cipher", "AES-256-CBC", "--script-security", "2", "--up", up, "--ping", "10"], "openvpn")
    for side in sides:
        side.programs[0].wait_for("Initialization Sequence Completed", 30)
        assert side.daemon.status()[f"{kind}0"]["holder"]["program"] == "openvpn"
    traffic(*sides, "10.23.0.1", "10.23.0.2")
    passed("openvpn", kind, (f"ping both ways, {BULK} bytes",))


def test_openvpn_restarts_on_the_same_unit(sides):
    """SIGUSR1 closes the device and opens it again in the same process: it must get the same unit."""
    import signal
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


def test_tinc(sides):
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
    traffic(*sides, "10.99.0.1", "10.99.0.2")
    assert sides[0].daemon.status()["tap3"]["state"] == "up"
    passed("tinc", "tap", (f"ping both ways, {BULK} bytes",))


def test_n2n(sides):
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
    traffic(a, b, "10.88.0.1", "10.88.0.2")
    holder.end()
    passed("n2n", "tap", (f"ping both ways, {BULK} bytes",))


def test_iodine(sides):
    directory = build.build("iodine")
    a, b = sides
    server = a.start([directory / "iodined", "-f", "-P", "secret", "-c", "-n", "192.0.2.1", "10.55.0.1", "t.example"], "iodined")
    server.wait_for("Listening to dns", 30)
    client = b.start([directory / "iodine", "-f", "-P", "secret", "-r", "-m", "500", "192.0.2.1", "t.example"], "iodine")
    client.wait_for("Connection setup complete", 60)
    traffic(a, b, "10.55.0.1", "10.55.0.2", 65536)
    passed("iodine", "tun", ("ping both ways, 65536 bytes",))


def test_openssh(sides):
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
    client = a.start([directory / "ssh", "-v", "-F", "none", "-i", a.directory / "user", "-o", "StrictHostKeyChecking=no", "-o",
                      "UserKnownHostsFile=/dev/null", "-o", "Tunnel=ethernet", "-o", "ExitOnForwardFailure=yes", "-w", "2:any", "-p",
                      "2222", f"root@{b.address}", "echo tunnel; exec cat"], "ssh")
    client.wait_for("tunnel", 30)
    # "any" asks for units from 100 downward: the highest that exists.
    wait_until(lambda: a.daemon.state("tap2") != "closed" and b.daemon.state("tap15") != "closed")
    a.run([HERE / "bin" / "ifconfig", "tap2", "10.77.0.1", "netmask", "255.255.255.0"])
    b.run([HERE / "bin" / "ifconfig", "tap15", "10.77.0.2", "netmask", "255.255.255.0"])
    traffic(a, b, "10.77.0.1", "10.77.0.2")
    client.end()
    wait_until(lambda: b.daemon.state("tap15") == "closed")
    passed("openssh", "tap", (f"ping both ways, {BULK} bytes",))


PYTHON_ROUTER = """
import os, struct, sys
fd = os.open("/dev/tap0", os.O_RDWR)
os.system("ifconfig tap0 10.1.0.1/24 up")
print("ready", flush=True)
mac, ip = b"\\x02\\0\\0\\0\\0\\x02", bytes([10, 1, 0, 2])
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff
while True:
    frame = os.read(fd, 2048)
    if frame[12:14] == b"\\x08\\x06" and frame[20:22] == b"\\0\\1" and frame[38:42] == ip:
        os.write(fd, frame[6:12] + mac + frame[12:20] + b"\\0\\2" + mac + ip + frame[22:32])
    elif frame[12:14] == b"\\x08\\0" and frame[23] == 1 and frame[34] == 8 and frame[30:34] == ip:
        icmp = b"\\0\\0\\0\\0" + frame[38:]
        icmp = b"\\0\\0" + struct.pack("!H", checksum(icmp + b"\\0" * (len(icmp) % 2))) + frame[38:]
        header = bytearray(frame[14:34])
        header[12:16], header[16:20] = header[16:20], header[12:16]
        os.write(fd, frame[6:12] + mac + frame[12:14] + bytes(header) + icmp)
"""


def test_python(sides):
    side = sides[0]
    process = side.start([PYTHON, "-u", "-c", PYTHON_ROUTER], "python")
    process.wait_for("ready")
    ping(side, "10.1.0.2")
    passed("python", "tap", ("ping", ".".join(map(str, __import__("sys").version_info[:3]))))


PERL_ECHO = r"""
use Fcntl;
sysopen(F, "/dev/tun2", O_RDWR) or die "tun2: $!";
system("ifconfig tun2 10.2.0.1 10.2.0.2 up");
$| = 1;
print "ready\n";
while (sysread(F, $p, 2000)) {
	next unless (unpack("C", $p) >> 4) == 4 && ord(substr($p, 9, 1)) == 1 && ord(substr($p, 20, 1)) == 8;
	my ($s, $d) = (substr($p, 12, 4), substr($p, 16, 4));
	substr($p, 12, 8) = $d . $s;
	# Type 8 becomes 0: the sum grows by 0x0800.
	my $sum = unpack("n", substr($p, 22, 2)) + 0x0800;
	$sum = ($sum & 0xffff) + ($sum >> 16);
	substr($p, 20, 4) = pack("CCn", 0, 0, $sum);
	syswrite(F, $p);
}
"""


def test_perl(sides):
    side = sides[0]
    process = side.start(["/usr/bin/perl", "-e", PERL_ECHO], "perl")
    process.wait_for("ready")
    ping(side, "10.2.0.2")
    version = subprocess.run(["/usr/bin/perl", "-e", "printf '%vd', $^V"], capture_output=True, text=True, check=True).stdout
    passed("perl", "tun", ("ping", version))
