# SPDX-License-Identifier: BSD-2-Clause
"""`tuntapd capture`: what passes, read by tshark; who may look; and what is said when something is wrong."""
import os
import pathlib
import pty
import signal
import stat
import struct
import subprocess

import pytest
from capture import USER, capture, captures, kernel_sends, none_left, silence, tshark
from veth import veth_daemon
from worlds import PYTHON, TUNTAPD, Daemon, Namespace, answer, links_of, wait_until

LINKS = ["linux", "veth"]

# Header mode on, then writes an IPv4 packet and reads one.
TUN = """
import fcntl, os, sys
fd = os.open("/dev/tun0", os.O_RDWR)
fcntl.ioctl(fd, 0x40047460, (1).to_bytes(4, "little"))
print("opened", flush=True)
for line in sys.stdin:
    if line.startswith("write"):
        os.write(fd, bytes.fromhex("00000002" "45000014000100004001" "0000" "0a000002" "0a000001"))
        print("written", flush=True)
    else:
        print("read", os.read(fd, 2000)[:4].hex(), flush=True)
"""


TAGGED = """
import os, sys
fd = os.open("/dev/tap0", os.O_RDWR)
print("opened", flush=True)
for line in sys.stdin:
    os.write(fd, b"\\xff" * 12 + b"\\x81\\x00\\x00" + bytes([int(line.split()[1])]) + b"\\x88\\xb5" + b"x" * 46)
    print("written", flush=True)
"""


@pytest.fixture(params=LINKS)
def daemon(request, namespace, directory):
    d = veth_daemon(namespace, directory) if request.param == "veth" else Daemon(namespace, directory)
    yield d
    if d.process.alive():
        none_left(d)
        wait_until(lambda: set(namespace.interfaces()) == {"lo"}, what="no interface is left")  # of a relay that still ends
        assert d.stop() == 0


@pytest.fixture
def one(namespace, directory):
    """A daemon on one link, for what no link has to do with."""
    d = Daemon(namespace, directory)
    yield d
    if d.process.alive():
        none_left(d)
        assert d.stop() == 0


def configured(namespace, directory, text, name="configured"):
    path = pathlib.Path(directory) / f"{name}.conf"
    path.write_text(text)
    return Daemon(namespace, directory, ["-c", str(path)], name=name)


def end(process, status=0):
    process.popen.send_signal(signal.SIGINT)
    assert process.wait() == status
    return process.output


def test_both_directions_in_pcapng(namespace, directory, daemon):
    holder = daemon.hold("tap0")
    silence(namespace)
    path = pathlib.Path(directory) / "file"
    process = capture(daemon, "tap0", "-w", str(path), "-c", "4")
    assert answer(holder, "write") == "write 60"
    kernel_sends(namespace, 2, size=1000)
    assert answer(holder, "write") == "write 60"
    assert process.wait() == 0 and "packets written: 4, seen: 4, dropped: 0" in process.output
    rows = tshark(path, "frame.packet_flags", "frame.len", "eth.type", "frame.interface_name", "frame.cap_len")
    inbound, outbound = "0x00000001", "0x00000002"
    assert sorted(rows) == [(inbound, "60", "0x88b5", "tap0", "60")] * 2 + [(outbound, "1018", "0x88b5", "tap0", "1018")] * 2
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    statistics = subprocess.run(["capinfos", str(path)], capture_output=True, text=True, check=True).stdout
    assert "nanoseconds (9)" in statistics and "Number of packets = 4" in statistics and "Ethernet" in statistics
    times = [float(row[0]) for row in tshark(path, "frame.time_epoch")]
    assert times == sorted(times) and abs(times[0] - path.stat().st_mtime) < 60
    holder.end()


def test_statistics_are_in_the_file(namespace, directory, one):
    """By the format's own fields: tshark shows no statistics of a file without asking for each."""
    holder = one.hold("tap0")
    silence(namespace)
    path = pathlib.Path(directory) / "file"
    process = capture(one, "tap0", "-w", str(path), "ether proto 0x1234")
    answer(holder, "write")
    kernel_sends(namespace, 3, head="b'\\xff' * 12 + b'\\x12\\x34'")
    end(process)
    data, found, offset = path.read_bytes(), {}, 0
    while offset < len(data):
        kind, size = struct.unpack_from("=II", data, offset)
        assert size % 4 == 0 and struct.unpack_from("=I", data, offset + size - 4)[0] == size
        found.setdefault(kind, []).append(data[offset + 8:offset + size - 4])
        offset += size
    assert offset == len(data) and set(found) == {0x0A0D0D0A, 1, 5, 6} and len(found[6]) == 3
    statistics, at, options = found[5][0], 12, {}
    while (code := struct.unpack_from("=H", statistics, at)[0]) != 0:
        size, = struct.unpack_from("=H", statistics, at + 2)
        options[code] = struct.unpack("=Q", statistics[at + 4:at + 4 + size])[0]
        at += 4 + size
    assert (options[4], options[6], options[7], options[8]) == (4, 3, 0, 3)  # seen, accepted, dropped, delivered
    assert b"ether proto 0x1234" in found[1][0]
    holder.end()


def test_tun_in_header_mode_is_ip(namespace, directory, daemon):
    """The header is between program and library: it is not on the wire.  Nor is Ethernet, whatever the interface is."""
    program = daemon.start(TUN)
    program.wait_for("opened")
    namespace.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/tun0/disable_ipv6; ip addr add 10.0.0.1 peer 10.0.0.2 dev tun0"])
    wait_until(lambda: daemon.state("tun0") == "up")
    path = pathlib.Path(directory) / "file"
    process = capture(daemon, "/dev/tun0", "-w", str(path), "ip or not ip")
    assert answer(program, "write") == "written"
    namespace.run(["ping", "-c", "1", "-W", "1", "10.0.0.2"], check=False)
    assert answer(program, "read") == "read 00000002"
    kernel_sends(namespace, device="tun0")  # no IP: no tun's
    assert "packets written: 2, seen: 2" in end(process)
    assert sorted(tshark(path, "frame.packet_flags", "ip.src", "ip.dst")) == [("0x00000001", "10.0.0.2", "10.0.0.1"),
                                                                             ("0x00000002", "10.0.0.1", "10.0.0.2")]
    assert "Raw IP" in subprocess.run(["capinfos", str(path)], capture_output=True, text=True, check=True).stdout
    program.end()


def test_tag_is_where_it_was(namespace, directory, daemon):
    program = daemon.start(TAGGED)
    program.wait_for("opened")
    silence(namespace)
    path = pathlib.Path(directory) / "file"
    process = capture(daemon, "tap0", "-w", str(path), "-c", "2", "vlan", "5", "and", "ether", "proto", "0x88b5")
    kernel_sends(namespace, 1)
    kernel_sends(namespace, 1, head="b'\\xff' * 12 + b'\\x81\\x00\\x00\\x05\\x88\\xb5'")
    assert answer(program, "write 5") == "written" and answer(program, "write 6") == "written"
    assert process.wait() == 0
    # The kernel takes the tag out of what it receives, and keeps it beside the packet.
    rows = tshark(path, "frame.packet_flags", "vlan.id", "vlan.etype", "frame.len")
    assert sorted(rows) == [("0x00000001", "5", "0x88b5", "64"), ("0x00000002", "5", "0x88b5", "82")]
    program.end()


def test_lines_show_packets_as_they_pass(namespace, one):
    holder = one.hold("tap0")
    silence(namespace)
    process = capture(one, "tap0")
    answer(holder, "write")
    process.wait_for("from-program")
    namespace.run(["ip", "addr", "add", "10.0.0.1/24", "dev", "tap0"])
    namespace.run(["ping", "-c", "1", "-W", "1", "10.0.0.2"], check=False)
    process.wait_for("ARP who has 10.0.0.2, says 10.0.0.1")
    lines = [line for line in end(process).splitlines() if "-program" in line]
    assert lines[0].split()[1:] == ["from-program", "60", "type", "0x88b5", "ff:ff:ff:ff:ff:ff", ">", "ff:ff:ff:ff:ff:ff"]
    assert any(line.split()[1:4] == ["to-program", "42", "ARP"] for line in lines)
    holder.end()


def test_pipe_is_live(namespace, one):
    """A reader at the end of a pipe sees a packet before the next one passes."""
    holder = one.hold("tap0")
    silence(namespace)
    read, write = os.pipe()
    process = namespace.start(["sh", "-c", f"exec {TUNTAPD} capture -s {one.socket} tap0 -w - > /dev/fd/{write}"], "capture", pass_fds=(write,))
    os.close(write)
    process.wait_for("interrupt ends it")
    tshark_process = subprocess.Popen(["tshark", "-n", "-l", "-r", "-", "-T", "fields", "-e", "frame.len"], stdin=read,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    os.close(read)
    for _ in range(3):
        answer(holder, "write")
        assert tshark_process.stdout.readline() == "60\n"
    holder.end()  # the device's end is the capture's
    assert process.wait() == 0
    assert tshark_process.wait(timeout=30) == 0
    tshark_process.stdout.close()


def test_pcapng_is_not_for_a_terminal(namespace, one):
    parent, child = pty.openpty()
    done = subprocess.run(namespace.enter([TUNTAPD, "capture", "-s", one.socket, "tap0", "-w", "-"]), stdout=child, stderr=subprocess.PIPE,
                          text=True, timeout=30, check=False)
    os.close(parent)
    os.close(child)
    assert done.returncode == 64 and "wireshark -k -i -" in done.stderr


def test_count_ends_it(namespace, directory, one):
    holder = one.hold("tap0")
    silence(namespace)
    path = pathlib.Path(directory) / "file"
    process = capture(one, "tap0", "-c", "2", "-w", str(path))
    for _ in range(3):
        answer(holder, "write")
    assert process.wait() == 0 and "packets written: 2" in process.output
    assert len(tshark(path, "frame.len")) == 2
    # Closed before that many: the answer is no.
    process = capture(one, "tap0", "-c", "2", name="fewer")
    answer(holder, "write")
    process.wait_for("from-program")
    holder.end()
    assert process.wait() == 1
    assert "tap0 is closed" in process.output and "packets written: 1" in process.output


def test_what_waits_when_the_device_goes_is_shown(namespace, one):
    """The kernel tells of the end first; what it had queued before is not lost for that."""
    holder = one.hold("tap0")
    silence(namespace)
    process = capture(one, "tap0", "ether", "proto", "0x88b5")
    os.kill(pid := wait_until(lambda: captures(one))[0], signal.SIGSTOP)
    kernel_sends(namespace, 20)
    holder.end()
    wait_until(lambda: not namespace.has("tap0"))
    os.kill(pid, signal.SIGCONT)
    assert process.wait() == 0 and "packets written: 20, seen: 20" in process.output and "tap0 is closed" in process.output


def test_filter_that_is_none(namespace, directory, one):
    holder = one.hold("tap0")
    path = pathlib.Path(directory) / "file"
    path.write_text("precious")
    for words in (["tap0", "-w", str(path), "ip", "and"], ["tap0", "-w", str(path), "port", "nonsense-port"]):
        done = namespace.run([TUNTAPD, "capture", "-s", one.socket, *words], check=False)
        assert done.returncode == 64 and "the filter '" in done.stderr and "pcap-filter(7)" in done.stderr
    assert path.read_text() == "precious" and "looks at" not in one.log
    for words in (["tap0", "-c", "0"], ["tap0", "-c", "x"], [], ["tap0", "--such"], ["eth0"], ["tap99"]):
        assert namespace.run([TUNTAPD, "capture", "-s", one.socket, *words], check=False).returncode == 64, words
    holder.end()


def test_closed_and_elsewhere(namespace, directory, one):
    done = namespace.run([TUNTAPD, "capture", "-s", one.socket, "tap0"], check=False)
    assert done.returncode == 1 and "nobody has tap0 open" in done.stderr
    other = Namespace(directory)
    holder = other.start([TUNTAPD, "exec", "-s", one.socket, "--", PYTHON, "-c",
                          "import os, sys; fd = os.open('/dev/tap0', 2); print('opened', flush=True); sys.stdin.read()"], "elsewhere")
    holder.wait_for("opened")
    assert namespace.run([TUNTAPD, "capture", "-s", one.socket, "tap0"], check=False).returncode == 1
    silence(other)
    process = capture(one, "tap0", "-c", "1", namespace=other)
    kernel_sends(other)
    assert process.wait() == 0 and "to-program" in process.output
    holder.end()
    assert not other.end()


def test_begun_while_down(namespace, daemon):
    """What passes after "up" is seen; going down and coming back ends nothing."""
    holder = daemon.hold("tap0")
    process = capture(daemon, "tap0", "ether", "proto", "0x88b5")
    for times in (1, 2):
        silence(namespace)
        wait_until(lambda: answer(holder, "write") == "write 60")
        wait_until(lambda times=times: process.output.count("from-program") >= times)
        namespace.run(["ip", "link", "set", "tap0", "down"])
    holder.end()
    assert process.wait() == 0 and "tap0 is closed" in process.output


def test_process_has_no_rights(namespace, one):
    holder = one.hold("tap0")
    silence(namespace)
    process = capture(one, "tap0")
    pid = wait_until(lambda: captures(one))[0]
    answer(holder, "write")
    process.wait_for("from-program")  # by then all its rights are gone
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"] == "1" and "0" not in status["Uid"].split() and status["Groups"].strip() == ""
    assert "asan" in TUNTAPD or status["Seccomp"].strip() == "2"
    assert os.readlink(f"/proc/{pid}/root") == str(one.rundir / "empty")
    links = links_of(pid)
    assert len([link for link in links if link.startswith("socket:")]) == 2 and len(links) == 5, links
    # What the client has is no packet socket.
    client = [link[8:-1] for link in links_of(process.pid) if link.startswith("socket:")]
    packet_sockets = [line.split()[-1] for line in pathlib.Path(f"/proc/{process.pid}/net/packet").read_text().splitlines()[1:]]
    assert len(client) == 1 and len(packet_sockets) == 1 and client != packet_sockets
    end(process)
    holder.end()


@pytest.mark.parametrize("text, allowed", [("", False), ('mode = "0666"\n', False), ('mode = "0666"\ncapture = permitted\n', True),
                                           ('mode = "0660"\ncapture = permitted\n', False)])
def test_another_user(namespace, directory, text, allowed):
    daemon = configured(namespace, directory, text)
    holder = daemon.hold("tap0")
    silence(namespace)
    if allowed:
        process = capture(daemon, "tap0", "-c", "1", prefix=USER)
        answer(holder, "write")
        assert process.wait() == 0 and "from-program" in process.output
    else:
        done = namespace.run([*USER, TUNTAPD, "capture", "-s", daemon.socket, "tap0"], check=False)
        assert done.returncode == 77 and "only root, or who has it open" in done.stderr
        wait_until(lambda: "tap0: refused to uid 1234" in daemon.log)
        assert not captures(daemon)
    holder.end()
    none_left(daemon)
    assert daemon.stop() == 0


def test_the_opener_s_own(namespace, directory):
    daemon = configured(namespace, directory, 'mode = "0666"\n')
    holder = namespace.start([*USER, TUNTAPD, "exec", "-s", daemon.socket, "--", PYTHON, "-c",
                              "import os, sys; fd = os.open('/dev/tap0', 2); print('opened', flush=True); sys.stdin.read()"], "opener")
    holder.wait_for("opened")
    silence(namespace)
    mine, roots = capture(daemon, "tap0", prefix=USER, name="mine"), capture(daemon, "tap0", name="root")
    kernel_sends(namespace)
    for process in (mine, roots):
        process.wait_for("to-program")
        end(process)
    # So many at a time, and no more; one that ends makes room.
    many = [capture(daemon, "tap0", prefix=USER, name=f"many-{n}") for n in range(8)]
    done = namespace.run([*USER, TUNTAPD, "capture", "-s", daemon.socket, "tap0"], check=False)
    assert done.returncode == 71 and "as many devices as one may" in done.stderr
    end(many.pop())
    wait_until(lambda: len(captures(daemon)) == 7)
    end(capture(daemon, "tap0", prefix=USER, name="one-more"))
    for process in many:
        process.kill()
    holder.end()
    none_left(daemon)
    assert daemon.stop() == 0


def test_table_full(namespace, one):
    holder = one.hold("tap0")
    many = [namespace.start([TUNTAPD, "capture", "-s", one.socket, "tap0"], f"many-{n}") for n in range(64)]
    wait_until(lambda: len(captures(one)) == 64, 30)
    done = namespace.run([TUNTAPD, "capture", "-s", one.socket, "tap0"], check=False)
    assert done.returncode == 71 and "tap0: looking at its packets: " in done.stderr
    holder.end()  # the end of all
    for process in many:
        assert process.wait() == 0


def test_private_world(namespace, directory):
    """Root of a world of its own looks at its devices, without root outside."""
    code = ("import os, subprocess, sys; fd = os.open('/dev/tap0', os.O_RDWR); subprocess.run(['ip', 'link', 'set', 'tap0', 'up'], check=True); "
            f"c = subprocess.Popen([{TUNTAPD!r}, 'capture', 'tap0', '-c', '1', 'ether', 'proto', '0x88b5'], stderr=subprocess.PIPE); "
            "c.stderr.readline(); os.write(fd, b'\\xff' * 12 + b'\\x88\\xb5' + bytes(46)); sys.exit(c.wait())")
    node = pathlib.Path(directory) / "tun"
    os.mknod(node, stat.S_IFCHR, os.makedev(10, 200))
    node.chmod(0o666)
    namespace.run(["mount", "--bind", str(node), "/dev/net/tun"])
    done = namespace.run([*USER, TUNTAPD, "exec", "--private", "--", PYTHON, "-c", code], check=False, cwd="/")
    assert done.returncode == 0 and "from-program" in done.stdout, done.stdout + done.stderr
