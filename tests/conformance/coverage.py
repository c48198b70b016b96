#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares rows.txt, the claims of the device contract, with the cases of the suite.

coverage.py CONTRACT ROWS TABLE    prints TAP: each claim has a case or a reason, each case a claim, and TABLE is what is true
coverage.py --table CONTRACT ROWS  prints what TABLE (docs/coverage-table.md) has to be
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tables  # noqa: E402

# Where a case runs: meson.build beside this file, by its tests' names.  A case of the kernel's own devices runs there too.
RUNS = "linux link: glibc, glibc non-blocking, glibc kernel names, musl, musl kernel names"
NATIVE = "the kernel's own"


def read_rows(path):
    return {name: (claim, reason[0].removeprefix("later:").strip() if reason else "")
            for name, claim, *reason in tables.read(path)}


def read_cases(contract):
    cases = {}
    output = subprocess.run([contract, "--rows"], capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        row, name, where = line.split("\t")
        cases.setdefault(row, []).append((name, where.split()))
    return cases


def table(rows, cases):
    """The lines of docs/coverage-table.md."""
    yield "# The device contract, claim by claim"
    yield ""
    yield "Made by `tests/conformance/coverage.py --table`; the static suite fails where it is not up to date. Each claim of the contract, the"
    yield f"cases that prove it, on which kinds of device, and where each runs: **L**: {RUNS}; **V**: the same on the veth link, without kernel names, with musl taps alone; **N**: also on {NATIVE} devices, without"
    yield "the library, which shows that the case itself is right."
    yield ""
    yield from tables.head("claim", "case", "kinds", "runs")
    for row, (claim, reason) in rows.items():
        if row not in cases:
            yield f"| {claim} | *elsewhere: {reason}* | | |"
        for name, where in cases.get(row, []):
            kinds = ", ".join(kind for kind in where if kind in ("tun", "tap"))
            runs = [] if "relayed-only" in where else ["L"]
            runs += ["V"] if "direct-only" not in where else []
            runs += ["N"] if "native" in where else []
            yield tables.line(claim, name, kinds, " ".join(runs))


def check(rows, cases, table_file):
    number = failed = 0
    for row, (claim, reason) in rows.items():
        number += 1
        good = bool(row in cases) != bool(reason)
        failed += not good
        print(f"{'' if good else 'not '}ok {number} {row}: {claim}")
    for row in cases:
        if row not in rows:
            number += 1
            failed += 1
            print(f"not ok {number} case of an unknown claim {row}")
    number += 1
    good = pathlib.Path(table_file).read_text().splitlines() == list(table(rows, cases))
    failed += not good
    print(f"{'' if good else 'not '}ok {number} docs/coverage-table.md says so: else write it again with --table")
    print(f"1..{number}")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    as_table = arguments[0] == "--table"
    contract, rows_file = arguments[1:3] if as_table else arguments[:2]
    rows, cases = read_rows(rows_file), read_cases(contract)
    if as_table:
        print("\n".join(table(rows, cases)))
        return 0
    return check(rows, cases, arguments[2])


if __name__ == "__main__":
    sys.exit(main())
