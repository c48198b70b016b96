# SPDX-License-Identifier: BSD-2-Clause
"""A tunnel of packets over UDP, as users of Python write one: bridge.py HOW DEVICE LOCAL REMOTE [ADDRESS].

HOW is the way to the device: os.open or open of /dev/DEVICE, or a module, pytun or pytap2, that asks /dev/net/tun.  With
ADDRESS the program configures the interface as it would be written with that way; without, somebody else does.
"""
import os
import select
import socket
import sys

PORT = 5555


class Raw:
    def __init__(self, device):
        self.name, self.fd = device, os.open("/dev/" + device, os.O_RDWR)

    def fileno(self):
        return self.fd

    def read(self):
        return os.read(self.fd, 2048)

    def write(self, packet):
        os.write(self.fd, packet)

    def configure(self, address):
        os.system(f"ifconfig {self.name} {address} netmask 255.255.255.0 up")


class File(Raw):
    def __init__(self, device):  # pylint: disable=super-init-not-called
        self.name, self.file = device, open("/dev/" + device, "r+b", buffering=0)
        self.fd = self.file.fileno()

    def read(self):
        return self.file.read(2048)

    def write(self, packet):
        self.file.write(packet)


class Pytun:
    def __init__(self, device):
        import pytun
        self.device = pytun.TunTapDevice(name=device, flags=pytun.IFF_TUN | pytun.IFF_NO_PI)
        self.name = self.device.name

    def fileno(self):
        return self.device.fileno()

    def read(self):
        return self.device.read(2048)

    def write(self, packet):
        self.device.write(packet)

    def configure(self, address):
        self.device.addr = address
        self.device.netmask = "255.255.255.0"
        self.device.mtu = 1400
        self.device.up()


class Pytap2:
    def __init__(self, device):
        import pytap2
        self.device = pytap2.TapDevice(pytap2.TapMode.Tap, name=device)
        self.name = self.device.name

    def fileno(self):
        return self.device.fileno()

    def read(self):
        # By default it reads as many bytes as the MTU has, which is less than a frame.
        return self.device.read(2048)

    def write(self, packet):
        self.device.write(packet)

    def configure(self, address):
        self.device.ifconfig(address=address, netmask="255.255.255.0")
        self.device.up()


def main():
    how, name, local, remote = sys.argv[1:5]
    device = {"os.open": Raw, "open": File, "pytun": Pytun, "pytap2": Pytap2}[how](name)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((local, PORT))
    peer.connect((remote, PORT))
    if len(sys.argv) > 5:
        device.configure(sys.argv[5])
    print("ready", device.name, flush=True)
    while True:
        for ready in select.select([device, peer], [], [])[0]:
            try:
                if ready is peer:
                    device.write(peer.recv(2048))
                else:
                    peer.send(device.read())
            except ConnectionRefusedError:
                pass  # the other end is not there yet


main()
