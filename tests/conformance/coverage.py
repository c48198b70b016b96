#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares rows.txt, the claims of the device contract, with the cases of the suite.

coverage.py CONTRACT ROWS          prints TAP: each claim has a case or a reason, each case a claim
coverage.py --table CONTRACT ROWS  prints docs/coverage.md
"""
import pathlib
import subprocess
import sys


def read_rows(path):
    rows = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|")]
        reason = fields[2].removeprefix("later:").strip() if len(fields) > 2 else ""
        rows[fields[0]] = (fields[1], reason)
    return rows


def read_cases(contract):
    cases = {}
    output = subprocess.run([contract, "--rows"], capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        row, name, where = line.split("\t")
        cases.setdefault(row, []).append((name, where.split()))
    return cases


def table(rows, cases):
    print("# Coverage of the device contract\n")
    print("Made by `tests/conformance/coverage.py --table`.  Each claim, the cases that prove it, and where they run: on which kinds")
    print("of device, and also on Linux's own (native), which shows that the case itself is right.\n")
    print("| claim | case | kinds |\n|---|---|---|")
    for row, (claim, reason) in rows.items():
        if row not in cases:
            print(f"| {claim} | *not here: {reason}* | |")
        for name, where in cases.get(row, []):
            print(f"| {claim} | {name} | {', '.join(where)} |")


def check(rows, cases):
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
    print(f"1..{number}")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    as_table = arguments[0] == "--table"
    contract, rows_file = arguments[-2:]
    rows, cases = read_rows(rows_file), read_cases(contract)
    if as_table:
        table(rows, cases)
        return 0
    return check(rows, cases)


if __name__ == "__main__":
    sys.exit(main())
