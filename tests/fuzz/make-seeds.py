#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the corpus: make-seeds.py CORPUS-DIRECTORY

One file for each kind of input that a target accepts, and a few that it refuses late.  Run again when a layout in protocol/ changes.
Files that a fuzzer found stand beside them, under other names.
"""
import pathlib
import struct
import sys

MAGIC, VERSION, SERIAL, REPLY = 0x64707474, 1, 0xFEEDF00D, 0x8000
ATTACH, HEADER_MODE, STATUS, STOP, NODE, TUN_SET, CAPTURE, PAIR, PAIR_LIST, PAIR_DELETE, BRIDGE = range(1, 12)
TUN, TAP = 1, 2


def message(kind, body, fds, version=VERSION):
    request = (kind & ~REPLY) - 1 if kind & ~REPLY else 0
    prefix = struct.pack("=BBI", fds, request, SERIAL)
    return prefix + struct.pack("=IHHII", MAGIC, version, kind, 16 + len(body), SERIAL) + body


def attached(error):
    if error:
        return struct.pack("=i44x", error)
    return struct.pack("=iIQIBBH16sI4x", 0, 7, 12, 1500, TAP, 1, 3, b"tap3", 259)


def address(family, prefix, peer, text):
    return struct.pack("=BBBx16s", family, prefix, peer, bytes.fromhex(text))


def device(error, addresses=()):
    if error:
        return struct.pack("=i348x", error)
    body = struct.pack("=iIQqQBBHIIiIBBBB6sH16s16s32s", 0, 4, 12, 1600000000, 4026531840, TUN, 2, 3, 7, 1500, 812, 501, 1, 1,
                       1, len(addresses), b"\x02\0\0\0\0\1", len(addresses), b"tun3", b"linux", b"openvpn")
    return body + struct.pack("=8Q", 1, 2, 3, 4, 5, 6, 7, 8) + b"".join(addresses).ljust(160, b"\0")


def pair_end(name, has_netns, addresses=()):
    return struct.pack("=16sBB2x", name, has_netns, len(addresses)) + b"".join(addresses).ljust(80, b"\0")


def pair(next_, held):
    ends = b"".join(struct.pack("=QII16s", 4026531840, 7 + n, 0, b"pair%d" % n) for n in range(2))
    return struct.pack("=iIqIi", 0, next_, 1600000000, 501, 812) + ends + struct.pack("=32sIB3x", b"make", 1400, held)


def messages():
    yield "attach", message(ATTACH, struct.pack("=BBHB27x", TAP, 3, 3, 1), 1)
    yield "attach-by-name", message(ATTACH, struct.pack("=BBHBBH16s8x", TUN, 3, 65535, 1, 1, 0x1001, b"vpn%d"), 1)
    yield "node", message(NODE, struct.pack("=BB14x", 3, 1), 0)
    yield "node-opened", message(NODE | REPLY, struct.pack("=i12x", 0), 1)
    yield "persist", message(TUN_SET, struct.pack("=IB11x", 1, 1), 1)
    yield "capture", message(CAPTURE, struct.pack("=BxH12x", TUN, 3), 0)
    yield "captured", message(CAPTURE | REPLY, struct.pack("=iII16s4x", 0, 101, 7, b"tun3"), 1)
    yield "capture-refused", message(CAPTURE | REPLY, struct.pack("=iII16s4x", 13, 0, 0, b""), 0)
    yield "pair", message(PAIR, struct.pack("=I", 1400) + pair_end(b"left", 0, [address(4, 24, 0, "0a000001"), address(
        6, 64, 0, "fd00" + "00" * 13 + "01")]) + pair_end(b"pair%d", 1) + struct.pack("=B3x", 1), 1)
    yield "pair-here", message(PAIR, struct.pack("=I", 0) + pair_end(b"a", 0) + pair_end(b"b", 0) + bytes(4), 0)
    yield "pair-made", message(PAIR | REPLY, pair(0, 1), 1)
    yield "pair-listed", message(PAIR_LIST | REPLY, pair(3, 0), 0)
    yield "pair-none", message(PAIR_LIST | REPLY, struct.pack("=i124x", 2), 0)
    yield "pair-list", message(PAIR_LIST, struct.pack("=I12x", 3), 0)
    yield "bridge", message(BRIDGE, struct.pack("=BxH16s4x", TAP, 3, b"eth0"), 0)
    yield "bridge-none", message(BRIDGE, struct.pack("=BxH16s4x", TAP, 3, b""), 0)
    yield "pair-delete", message(PAIR_DELETE, struct.pack("=16s", b"left"), 0)
    yield "attach-without-descriptor", message(ATTACH, struct.pack("=BBHB27x", TUN, 1, 256, 0), 0)
    yield "header-mode", message(HEADER_MODE, struct.pack("=QIB3x", 12, 3, 1), 1)
    yield "status", message(STATUS, struct.pack("=I12x", 31), 0)
    yield "stop", message(STOP, bytes(16), 0)
    yield "attached", message(ATTACH | REPLY, attached(0), 2)
    yield "attach-refused", message(ATTACH | REPLY, attached(16), 0)
    yield "header-mode-done", message(HEADER_MODE | REPLY, struct.pack("=i12x", 0), 0)
    yield "device", message(STATUS | REPLY, device(0, [
        address(4, 24, 0, "0a010203"), address(6, 64, 1, "fe80" + "00" * 13 + "01")]), 0)
    yield "device-8-addresses", message(STATUS | REPLY, device(0, [address(4, n, 0, "0a010203") for n in range(8)]), 0)
    yield "device-none", message(STATUS | REPLY, device(2), 0)
    yield "stopped", message(STOP | REPLY, struct.pack("=i12x", 1), 0)
    yield "result", message(REPLY, struct.pack("=i12x", 93), 0)
    yield "other-version", message(ATTACH, bytes(99), 0, VERSION + 1)
    yield "attach-with-pad", message(ATTACH, struct.pack("=BBHB26xB", TAP, 3, 3, 1, 1), 1)
    yield "header-alone", message(STOP, b"", 0)


def device_list(tuns, taps, since=1600000000):
    entries = b"".join(struct.pack("=III", 100 + n, 200 + n, 0o660) for n in range(tuns + taps))
    return struct.pack("=IIHHIq", 0x6C707474, 1, tuns, taps, 0, since) + entries


def device_lists():
    yield "default", device_list(16, 16)
    yield "empty", device_list(0, 0)
    yield "one-tap", device_list(0, 1)
    yield "three-tuns", device_list(3, 0)
    yield "one-byte-short", device_list(1, 1)[:-1]
    yield "large-mode", device_list(0, 0)[:10] + b"\1" + device_list(0, 0)[11:] + struct.pack("=III", 0, 0, 0o140777)


def records():
    send, receive, credentials, proper = 0, 3, 6, 7

    def steps(*items):
        return b"".join(struct.pack("5B", *(item + (0,) * (5 - len(item)))) for item in items)

    yield "record", steps((send, 2, 0, 16), (receive, 8, 3))
    for count in (1, 2, 3, 4, 5, 20):
        yield f"descriptors-{count}", steps((send, 2, count), (receive, 8, 3))
        yield f"descriptors-{count}-no-room", steps((send, 2, count), (receive, 8, 0))
    yield "descriptors-in-4-parts", steps((send, 2, 4, 3), (receive, 8, 3))
    yield "empty-record-with-descriptors", steps((send, 0, 2), (receive, 8, 3))
    yield "long-record-with-descriptors", steps((send, 200, 2), (receive, 8, 3))
    yield "full-table", steps((send, 2, 3), (receive, 8, 3, 2), (send, 2, 1), (receive, 8, 1, 8))
    yield "cut-control", steps((send, 2, 3, 4, 3), (send, 2, 3, 8, 12), (receive, 8, 3), (receive, 8, 3))
    yield "credentials", steps((credentials, 1), (send, 2, 3), (receive, 8, 3), (send, 2, 1, 0, 3), (receive, 8, 3))
    yield "never-received", steps((send, 2, 3), (send, 2, 20), (send, 0, 1))
    yield "proper-then-end", steps((proper, 0, 4, 2), (proper, 7), (receive, 8, 3), (receive, 8, 3))


def elf(bits, order, interpreter):
    """An executable's headers, with a PT_INTERP if there is an interpreter."""
    wide, data = bits == 64, interpreter.encode() + b"\0" if interpreter else b""
    header, segment = (64, 56) if wide else (52, 32)
    identity = struct.pack("4sBBB9x", b"\x7fELF", 2 if wide else 1, 1 if order == "<" else 2, 1)
    fields = struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), 3, 62 if wide else 8, 1, 0, header, 0, 0, header,
                         segment, 1, 0, 0, 0)
    where, size = header + segment, len(data)
    kind = 3 if interpreter else 1
    entry = (struct.pack(order + "IIQQQQQQ", kind, 4, where, 0, 0, size, size, 1) if wide else
             struct.pack(order + "IIIIIIII", kind, where, 0, 0, size, size, 4, 1))
    return identity + fields + entry + data


def elf_files():
    yield "dynamic-64", elf(64, "<", "/lib64/ld-linux-x86-64.so.2")
    yield "musl-64", elf(64, "<", "/lib/ld-musl-x86_64.so.1")
    yield "static-64", elf(64, "<", "")
    yield "dynamic-32-big", elf(32, ">", "/lib/ld.so.1")
    yield "header-alone", elf(64, "<", "")[:64]


def macho(cpu, flags, entitlements, der=b"", extra=b""):
    """A program: a segment with one section, the loader's name, a platform, and a signature with flags and entitlements."""
    loader = struct.pack("<III", 0xE, 32, 12) + b"/usr/lib/dyld".ljust(20, b"\0")
    segment = struct.pack("<II16s4Q4I", 0x19, 152, b"__RESTRICT", 0, 0, 0, 0, 0, 0, 1, 0)
    segment += struct.pack("<16s16s", b"__other", b"__RESTRICT").ljust(80, b"\0")
    platform = struct.pack("<6I", 0x32, 24, 1, 11 << 16, 11 << 16, 0)
    commands = [segment, loader, platform, *([extra] if extra else [])]
    size = sum(map(len, commands)) + 16
    place = 32 + size
    blobs = [(0, struct.pack(">IIII", 0xFADE0C02, 44, 0x20400, flags).ljust(44, b"\0"))]
    if entitlements:
        blobs.append((5, struct.pack(">II", 0xFADE7171, 8 + len(entitlements)) + entitlements))
    if der:
        blobs.append((7, struct.pack(">II", 0xFADE7172, 8 + len(der)) + der))
    index, body = b"", b""
    for slot, blob in blobs:
        index += struct.pack(">II", slot, 12 + 8 * len(blobs) + len(body))
        body += blob
    signature = struct.pack(">III", 0xFADE0CC0, 12 + len(index) + len(body), len(blobs)) + index + body
    commands.append(struct.pack("<IIII", 0x1D, 16, place, len(signature)))
    return struct.pack("<8I", 0xFEEDFACF, cpu, 3, 2, len(commands), size, 0x200085, 0) + b"".join(commands) + signature


def macho_files():
    x86_64, arm64, ad_hoc, runtime = 0x01000007, 0x0100000C, 2, 0x10000
    key = "com.apple.security.cs.allow-dyld-environment-variables"
    text = f"<plist><dict>\n<key>{key}</key>\n<true/>\n</dict></plist>".encode()
    der = b"\x30\x3d\x0c" + bytes([len(key)]) + key.encode() + b"\x01\x01\xff"
    one, other = macho(x86_64, ad_hoc, b""), macho(arm64, runtime, text, der)
    yield "plain", one
    yield "hardened", other
    yield "library", one[:12] + struct.pack("<I", 6) + one[16:]
    yield "two-signatures", macho(arm64, runtime, b"", der, extra=struct.pack("<IIII", 0x1D, 16, 32, 64))
    yield "header-alone", one[:32]
    places = [256, 256 + (len(one) + 15) // 16 * 16]
    slices = one.ljust(places[1] - places[0], b"\0") + other
    yield "universal", (struct.pack(">II", 0xCAFEBABE, 2) + struct.pack(">5I", x86_64, 3, places[0], len(one), 4) + struct.pack(
        ">5I", arm64, 0, places[1], len(other), 4)).ljust(256, b"\0") + slices
    yield "universal-64", (struct.pack(">II", 0xCAFEBABF, 1) + struct.pack(">IIQQII", arm64, 0, 256, len(other), 4, 0)).ljust(256, b"\0") + other


def configurations():
    yield "nothing", b""
    yield "top", b"tun-units = 4\ntap-units = 256\ndevices-per-user = 7\nowner = 100\ngroup = \"1234\"\nmode = \"0666\"\nmtu = 1400\n"
    yield "device", (b"device tap3 {\n mac = \"02:00:5e:10:00:01\"\n programs = {\"/bin/sh\", /bin/true}\n link = linux\n queue-length = 7\n"
                     b" addresses = {\"10.9.0.1/24\", \"10.1.0.1 peer 10.1.0.2\", fd00::1/64}\n"
                     b" routes = {10.20.0.0/16, \"10.30.0.0/16 via 10.9.0.2\", 2001:db8::/32, default}\n"
                     b" up = yes\n up-on-address = off\n persistent = on\n interface-names = kernel\n open-hook = \"\"\n}\n")
    yield "names", b"names \"vpn[0-9]*\" { owner = 5 mac = stable close-hook = /usr/bin/env }\n"
    yield "kinds", b"device tap { mtu = 9000 }\ndevice tun { up = no }\ndevice tap0 { owner = 1 }\n"
    yield "comments", b"# one\nmtu /* two\nlines */ = // three\n 1400\ndevice tap0 { addresses = { # four\n 10.0.0.1/8, } }"
    yield "strings", b"programs = {'/a\\'b', \"/\\x41\\101\\n\\\nz\"}\nprograms += \"/c\""
    yield "unknown", b"mdoe = 1\ndevcie tap0 { a = { b, c } d { e = f } }\nmtu = 3\n"
    yield "not-closed", b"device tap0 {\n mtu = 100\n"
    yield "no-value", b"mtu = }\n"
    yield "no-title", b"device { mtu = 100 }"
    yield "twice", b"device tap0 { mtu = 100 } device tap0 { mtu = 100 }\nmtu = 100 mtu = 200"


def shell_lines():
    yield "plain", b"ifconfig tap0 10.1.2.3 up"
    yield "list", b"ip link set dev tap0 up && ip addr add 10.0.0.1/24 dev 'tap0'; tcpdump -itap1 -w tap1 2>&1 | cat &"
    yield "quotes", b"A=b if\"con\"fig \"tap0\":1 fe80::1%tap0/64 \\\n ta\\p0 'tap0'"
    yield "groups", b"if ! (ifconfig tap0); then { route add x tap0; }; fi; for i in 1; do ip a s tap0; done"
    yield "unknown-words", b"sudo -n ifconfig tap0 $X ${Y} \"$1\" *; ifconfig tap1"
    yield "many-names", b"ifconfig " + b"ta\\p0 tap1 " * 30
    yield "unknown-argument", b"sudo -g $G ifconfig tap0; sudo -u ~u"
    yield "substitution", b"ifconfig tap0; ifconfig $(tap0) `tap0`"
    yield "here-document", b"ifconfig tap0 <<e\ntap0\ne\n"
    yield "comment", b"# tap0\nifconfig tap0 # tap0"


def captures():
    magic = 0x6B707474

    def record(kind, direction, data, original=None, error=0):
        return struct.pack("=IBBHIIiIQQQ", magic, kind, direction, 0, len(data), len(data) if original is None else original, error, 0,
                           1700000000000000000, 5, 2) + data

    frame = bytes.fromhex("ffffffffffff020000000001" "0806" "0001080006040001" "020000000001" "0a000001" "000000000000" "0a000002")
    yield "filter-none", struct.pack("=II", magic, 0)
    yield "filter", struct.pack("=II", magic, 2) + struct.pack("=HBBI", 0x28, 0, 0, 12) + struct.pack("=HBBI", 6, 0, 0, 65535)
    yield "filter-short", struct.pack("=II", magic, 3) + struct.pack("=HBBI", 6, 0, 0, 65535)
    yield "packet", record(1, 1, frame)
    yield "packet-cut", record(1, 2, frame[:20], 1500)
    yield "packet-tagged", record(1, 1, frame[:12] + bytes.fromhex("81000005" "0800" "4500002000010000400100000a0000010a000002" "0800") + b"x" * 6)
    yield "packet-ipv6", record(1, 2, frame[:12] + bytes.fromhex("86dd" "6000000000080001" + "fe80" + "00" * 13 + "01" + "ff02" + "00" * 13 + "02" +
                                                                "1100000000000000" "00350035"))
    yield "packet-ip", record(1, 2, bytes.fromhex("4600001c00010000401100000a0000010a00000201010101" "00350045"))
    yield "end", record(2, 0, b"")
    yield "end-gone", record(2, 0, b"", error=19)
    yield "packet-long", record(1, 1, frame, 20)


def kext_steps():
    """Steps for an open device of the kernel extensions: tests/kpi/fuzz-kext.c."""
    def step(kind, *numbers):
        return bytes([kind, *numbers])

    def write(packet):
        return step(6) + struct.pack(">H", len(packet)) + packet

    ip = b"\x45" + bytes(39)
    frame = b"\xff" * 6 + bytes(6) + b"\x08\x00" + ip
    tagged = b"\xff" * 6 + bytes(6) + b"\x81\x00\x00\x05\x08\x00" + ip
    up, small = step(4, 0), b"\x01"
    yield "ip", b"\0" + up + write(ip) + write(b"\x60" + bytes(39)) + step(4, 1) + write(b"\x60" + bytes(39))
    yield "frame", small + up + write(frame) + write(tagged) + write(frame.ljust(1514, b"\1")) + write(tagged.ljust(1518, b"\1"))
    yield "long", small + up + write(bytes(3000)) + step(5, 0x0b, 0xb8) + write(b"\x45" + bytes(2999)) + write(frame.ljust(3014))
    yield "header", b"\0" + up + step(0, 3) + struct.pack("<i", 1) + write(b"\0\0\0\2" + ip) + write(b"\0\0\0\x1e\x60" + ip) + \
        write(b"\0\0\0\2\x60" + ip) + write(b"\0\0\0\x0a" + ip) + write(b"\0\0\0\2") + step(2, 0, 6, 0, 40) + ip
    yield "down", b"\0" + write(ip) + up + step(3, 0) + write(frame) + step(2, 0, 200, 0, 54) + frame + step(3, 1) + write(ip)
    yield "read", small + up + step(2, 7, 0, 5, 0) + frame.ljust(1281, b"\2") + step(2, 0, 9, 1, 0) + ip + step(2, 0, 0, 0, 9) + ip
    yield "ioctls", b"\0" + up + b"".join(step(0, n) + struct.pack("<i", 1) for n in range(5)) + step(0, 200, 0x40, 0x48, 0x74, 0x13)
    yield "commands", b"\0" + b"".join(step(1, n) + bytes(16) + b"\6\x12\2" + bytes(13) for n in range(8)) + up + write(frame)


def main():
    root = pathlib.Path(sys.argv[1])
    for target, seeds in {"message": messages(), "devlist": device_lists(), "fdpass": records(),
                          "binary-elf": elf_files(), "binary-macho": macho_files(), "config": configurations(), "shell": shell_lines(),
                          "capture": captures(), "kext": kext_steps()}.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds:
            (root / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
