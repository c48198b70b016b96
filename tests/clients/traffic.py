# SPDX-License-Identifier: BSD-2-Clause
"""Real traffic through a tunnel, between the two sides of conftest.py: echo requests both ways, and a stream with a sum."""
import hashlib

from worlds import PYTHON, wait_until

BULK = 4 * 1024 * 1024

DATA = """
import hashlib
def data(count):
    return b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(count // 32))
"""

# The sum comes back as a line: pasta 2023-03-09 at times repeats what it was sent last before an end, with the library or without.
SEND = DATA + """
import socket
s = socket.create_connection(("{address}", 7777), timeout=60)
s.sendall(data({bytes}))
s.shutdown(socket.SHUT_WR)
print(s.makefile().readline(), end="")
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
s.sendall(f"{{count}} {{digest.hexdigest()}}\\n".encode())
"""

ECHOED = DATA + """
import socket, threading
s = socket.create_connection(("{address}", 7777), timeout=60)
threading.Thread(target=s.sendall, args=(data({bytes}),)).start()
digest, count = hashlib.sha256(), 0
while count < {bytes} and (piece := s.recv(65536)):
    digest.update(piece)
    count += len(piece)
print(count, digest.hexdigest())
"""


def expected(bytes_):
    names = {}
    exec(DATA, names)  # pylint: disable=exec-used
    return f"{bytes_} {hashlib.sha256(names['data'](bytes_)).hexdigest()}"


def ping(side, address):
    """Three echo requests, three answers."""
    done = side.run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", address], check=False)
    assert " 3 received" in done.stdout, done.stdout


def wait_for_tunnel(side, address, bound_s=30):
    wait_until(lambda: side.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False).returncode == 0, bound_s,
               f"the tunnel answers at {address}")


def bulk(sender, receiver, address, bytes_=BULK, listen=None):
    """One stream through the tunnel; the receiver's sum must be the sender's.  listen: where its address is another."""
    listener = receiver.start_plain([PYTHON, "-u", "-c", RECEIVE.format(address=listen or address)], "receiver")
    listener.wait_for("listening")
    done = sender.run([PYTHON, "-c", SEND.format(address=address, bytes=bytes_)])
    assert done.stdout.strip() == expected(bytes_), f"came back: {done.stdout!r}"
    listener.wait()


def echoed(sender, address, bytes_=BULK):
    """One stream to a program that sends it back."""
    done = sender.run([PYTHON, "-c", ECHOED.format(address=address, bytes=bytes_)])
    assert done.stdout.strip() == expected(bytes_), f"came back: {done.stdout!r}"


def traffic(a, b, address_a, address_b, bytes_=BULK):
    """Both ways; what passed, for the table."""
    wait_for_tunnel(a, address_b)
    ping(a, address_b)
    ping(b, address_a)
    bulk(a, b, address_b, bytes_)
    return f"ping both ways, stream of {bytes_} bytes"
