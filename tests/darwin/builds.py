#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds real programs for macOS: what they do there with a tun or tap device, compiled from their pinned sources by the cross-compiler.

Sources and cache are those of cross.py and of ../clients/build.py.  A program is built for x86_64, for which there is a stand-in that can
run it, and for no other; what the libraries that it wants are is in the same table.

builds.py [NAME...] builds; builds.build(name) is the directory of a program's files.
"""
import dataclasses
import sys

import cross

ARCHITECTURE = "x86_64"


def source(name, files, recipe, needs=()):
    """A program of ../clients, by another recipe."""
    return dataclasses.replace(cross.clients.PROGRAMS[name], recipe=recipe, files=files), needs


# A recipe sees what one of cross.LIBRARIES sees; the prefix of each thing that it needs, by that name; and $include, headers that Apple
# does not give away.  Each says first that it is for no Linux: what a program does on macOS is what it does here.
PROGRAMS = {
    "zlib": (cross.clients.Program(
        "zlib", "1.2.13", "zlib_1.2.13.dfsg.orig.tar.bz2",
        "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1", "zlib-1.2.13.dfsg",
        # On macOS it takes fdopen for a thing of the time before it.
        """
        for file in adler32 compress crc32 deflate inffast inflate inftrees trees uncompr zutil; do
            $CC $CFLAGS -Dfdopen=fdopen -c $file.c
        done
        $AR rcs $prefix/lib/libz.a *.o
        cp zlib.h zconf.h $prefix/include
        """, ("lib/libz.a",)), ()),
    "mbedtls": (cross.clients.Program(
        "mbedtls", "2.28.3", "mbedtls_2.28.3.orig.tar.gz",
        "3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d", "mbedtls-2.28.3",
        """
        cd library
        ls *.c | xargs -P 2 -n 24 $CC $CFLAGS -I../include -c
        $AR rcs $prefix/lib/libmbedtls.a *.o
        cp -r ../include/mbedtls ../include/psa $prefix/include
        """, ("lib/libmbedtls.a",)), ()),
    "n2n": source("n2n", ("edge", "supernode"), """
        make version.c
        $CC $CFLAGS -D_DARWIN_ -o $prefix/edge edge.c n2n.c minilzo.c twofish.c tuntap_osx.c version.c
        $CC $CFLAGS -D_DARWIN_ -o $prefix/supernode supernode.c n2n.c minilzo.c twofish.c version.c
        """),
    # Of names in packets the compiler has the headers of another BSD, of the same origin; it wants to know the order of bytes.
    "iodine": source("iodine", ("iodine", "iodined"), """
        mkdir -p headers/arpa
        cp $(dirname $ZIG)/lib/libc/include/generic-freebsd/arpa/nameser*.h headers/arpa
        make -C src base64u.h base64u.c
        export CFLAGS="$CFLAGS -I$zlib/include -idirafter ../headers -D_BYTE_ORDER=1234 -D_LITTLE_ENDIAN=1234 -D_BIG_ENDIAN=4321"
        LDFLAGS=-L$zlib/lib make -C src -j2 TARGETOS=Darwin CC=$CC
        cp bin/iodine bin/iodined $prefix
        """, ("zlib",)),
    "openvpn": source("openvpn", ("openvpn",), """
        export CFLAGS="$CFLAGS -idirafter $include"
        ./configure --quiet --host=$host --disable-lzo --disable-lz4 --disable-plugins --disable-plugin-auth-pam --disable-dco \\
            --disable-debug --disable-management --with-crypto-library=mbedtls MBEDTLS_CFLAGS=-I$mbedtls/include \\
            MBEDTLS_LIBS="-L$mbedtls/lib -lmbedtls" IFCONFIG=/sbin/ifconfig ROUTE=/sbin/route
        make -C include
        make -j2 -C src/compat
        make -j2 -C src/openvpn
        cp src/openvpn/openvpn $prefix
        """, ("mbedtls",)),
}


def make(name):
    program, needs = PROGRAMS[name]
    return cross.made(name, program, ARCHITECTURE, ZIG=str(cross.compiler()), include=str(cross.HERE / "include"),
                      **{needed: str(make(needed)) for needed in needs})


def build(name):
    """Builds a program, unless it is there: the directory of its files."""
    with cross.clients.alone():
        return make(name)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PROGRAMS:
        print(wanted, build(wanted))
