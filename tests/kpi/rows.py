#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares the claims of the device contract with the cases that run on the model of the kernel.

rows.py REASONS ROWS CONTRACT...  REASONS: why a claim has no case here; ROWS: all claims; CONTRACT: the test programs, asked with --rows
"""
import pathlib
import subprocess
import sys


def read(path):
    lines = [line.split("|") for line in pathlib.Path(path).read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {fields[0].strip(): fields[1].strip() for fields in lines}


def main():
    reasons, rows = read(sys.argv[1]), read(sys.argv[2])
    cases = set()
    for contract in sys.argv[3:]:
        output = subprocess.run([contract, "--rows"], capture_output=True, text=True, check=True).stdout
        cases |= {line.split("\t")[0] for line in output.splitlines()}
    number = failed = 0
    for row in sorted(rows.keys() | cases | reasons.keys()):
        number += 1
        good = row in rows and (row in cases) != (row in reasons)
        failed += not good
        where = "a case" if row in cases else f"no case: {reasons.get(row, 'and no reason')}"
        print(f"{'' if good else 'not '}ok {number} {row}: {where if row in rows else 'no claim of the contract'}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
