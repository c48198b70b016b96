# SPDX-License-Identifier: BSD-2-Clause
"""The real programs of these tests: which, at which version, in which dialect.  docs/clients.md tells the same to users.

A program of the distribution is pinned by its upstream version; the distribution's own revision moves with its point releases and
is taken as it is.
"""
import dataclasses
import subprocess


@dataclasses.dataclass
class Client:
    program: str
    version: str
    language: str
    dialect: str  # bsd: /dev/tunN and /dev/tapN; linux: /dev/net/tun; fd: an inherited number
    device: str
    # The package that it comes from, if it is used as the distribution built it.
    package: str = ""
    # It has nothing of root.
    as_user: bool = False
    # What the run adds: the link of its device (BSD's devices are on each link), and what passed.
    link: str = "linux"
    passed: str = ""

    def check_version(self):
        """What is installed must be what is pinned."""
        if self.package:
            done = subprocess.run(["dpkg-query", "-W", "-f", "${source:Upstream-Version}", self.package], capture_output=True,
                                  text=True, check=False)
            assert done.stdout == self.version, f"{self.package}: {done.stdout or 'not installed'}, pinned is {self.version}"


def bsd(program, version, language, device, package="", **more):
    return Client(program, version, language, "bsd", device, package, **more)


def linux(program, version, language, device, package="", **more):
    return Client(program, version, language, "linux", device, package, **more)


CLIENTS = {
    # Built from the source package with its BSD, Darwin or generic back end: build.py.
    "openvpn-tap": bsd("OpenVPN", "2.6.14", "C", "tap"),
    "openvpn-tun": bsd("OpenVPN", "2.6.14", "C", "tun"),
    "openvpn-user": bsd("OpenVPN, without root", "2.6.14", "C", "tap", as_user=True),
    "tinc": bsd("tinc", "1.0.36", "C", "tap"),
    "n2n": bsd("n2n edge", "1.3.1", "C", "tap"),
    "iodine": bsd("iodine, iodined", "0.7.0", "C", "tun"),
    "openssh": bsd("OpenSSH ssh, sshd", "9.2p1", "C", "tap"),
    "lwip": bsd("lwIP", "2.1.3", "C", "tap"),
    "icmptx": bsd("icmptx", "0.2", "C", "tun", "icmptx"),
    "python": bsd("Python os.open, open", "3.11.2", "Python", "tap", "python3.11-minimal", as_user=True),
    "perl": bsd("Perl sysopen", "5.36.0", "Perl", "tun", "perl-base"),
    # As the distribution built them.
    "openvpn-linux": linux("OpenVPN", "2.6.14", "C", "tun", "openvpn", as_user=True),
    "tinc-linux": linux("tinc", "1.0.36", "C", "tap", "tinc", as_user=True),
    "iodine-linux": linux("iodine, iodined", "0.7.0", "C", "tun", "iodine"),
    "n2n-linux": linux("n2n edge", "1.3.1~svn3789", "C", "tap", "n2n"),
    "socat": linux("socat", "1.7.4.4", "C", "tun", "socat"),
    "qemu": linux("QEMU", "7.2+dfsg", "C", "tap", "qemu-system-x86", as_user=True),
    "slirp4netns": linux("slirp4netns", "1.2.0", "C", "tap", "slirp4netns", as_user=True),
    "pasta": linux("passt pasta", "0.0~git20230309.7c7625d", "C", "tap", "passt", as_user=True),
    "vde": linux("VDE vde_plug2tap", "2.3.2+r586", "C", "tap", "vde2", as_user=True),
    "fastd": linux("fastd", "22", "C", "tap", "fastd"),
    "tun-crate": linux("Rust crate tun", "0.8.14", "Rust", "tun", as_user=True),
    "pytun": linux("python-pytun", "2.4.1", "C, Python", "tun", as_user=True),
    "pytap2": linux("pytap2", "2.3.0", "Python", "tap"),
    # Its system calls are its own, not the C library's: it takes the descriptor that "tuntapd fd" opens.
    "wireguard-go": Client("wireguard-go", "0.0.0-20230325221338", "Go", "fd", "tun"),
}
