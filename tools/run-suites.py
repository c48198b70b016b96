#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds tuntapd and runs its test suites; the second half of ./check.

Each suite is a meson test suite in one or more build directories.  What counts is the single test: a line of TAP, or a test of a
pytest run; an executable without either counts as one.  A suite in which no test ran has failed.  The last line is
"N passed, N failed, N skipped".
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MESON = "meson"

BUILDS = {
    "plain": ("build", ["-Dwerror=true"]),
    # Leaks are looked for in unit tests and on the kernel's model; the daemon's worker cannot be traced, which LeakSanitizer would want.
    "asan": ("build-asan", ["-Dwerror=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "fuzz": ("build-fuzz", ["-Dfuzz=true", "-Db_lundef=false"]),
}

# Suite: the builds that it runs in.
SUITES = {
    "unit": ["plain", "asan"],
    "static": ["plain"],
    "lint": ["plain"],
    "integration": ["plain", "asan"],
    "conformance": ["plain", "asan"],
    "fault": ["plain", "asan"],
    "fuzz": ["plain", "fuzz"],
    "clients": ["plain"],
    "darwin": ["plain"],
    "kpi": ["plain", "asan"],
    "bench": ["plain"],
}
ENVIRONMENTS = {
    "fuzz": {"CC": "clang-14"},
}
# Tests of a suite that run side by side: these wait more than they work, each in a namespace of its own.
AT_ONCE = {"conformance": min(2, os.cpu_count() or 1)}
TAP = re.compile(r"^(not )?ok\b(.*)$", re.M)
PYTEST = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in [0-9.]+s\b.*$", re.M)
# Suites that meson does not know: the command, which prints TAP.
COMMANDS = {
    "lint": [sys.executable, "tools/lint.py"],
    "darwin": [sys.executable, "tests/darwin/run.py"],
}


def run(command, **more):
    return subprocess.run(command, cwd=ROOT, check=False, **more)


def give_up(text):
    """Nothing could be tested: that is a failure, and the last line says so as always."""
    print(f"check: {text}\n0 passed, 1 failed, 0 skipped")
    sys.exit(1)


def place(name):
    """The build's directory."""
    done = run(["tools/build-dir.sh", BUILDS[name][0]], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        give_up("no place to build in")
    return pathlib.Path(done.stdout.strip())


def build(name):
    there, options = place(name), BUILDS[name][1]
    environment = {**os.environ, **ENVIRONMENTS.get(name, {})}
    writable = there if there.exists() else there.parent
    if not os.access(writable, os.W_OK):
        give_up(f"this user cannot write to {writable}: remove what another user built, or run as that user")
    if not (there / "build.ninja").exists():
        done = run([MESON, "setup", str(there), *options], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            give_up(f"meson setup failed for {there}:\n{done.stdout}{done.stderr}")
    done = run(["ninja", "-C", str(there)], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        give_up(f"the build in {there} failed:\n{done.stdout[-20000:]}{done.stderr}")


def count_tap(text):
    passed = failed = skipped = 0
    for match in TAP.finditer(text):
        if re.search(r"#\s*SKIP", match.group(2), re.I):
            skipped += 1
        elif match.group(1):
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_pytest(text):
    counts = {"passed": 0, "failed": 0, "skipped": 0, "error": 0, "errors": 0}
    match = None
    for match in PYTEST.finditer(text):
        pass
    if match is None:
        return None
    for number, word in re.findall(r"(\d+) (\w+)", match.group(1)):
        if word in counts:
            counts[word] += int(number)
    return counts["passed"], counts["failed"] + counts["error"] + counts["errors"], counts["skipped"]


def count(record):
    """Tests of one executable, from its record in meson's log."""
    text = record.get("stdout", "")
    good = record["result"] in ("OK", "EXPECTEDFAIL")
    passed, failed, skipped = count_pytest(text) or count_tap(text)
    if passed + failed + skipped == 0:
        if record["result"] == "SKIP":
            return 0, 0, 1
        return (1, 0, 0) if good else (0, 1, 0)
    if not good and failed == 0:
        failed = 1  # it broke off, ran out of time, or said something else than it counted
    return passed, failed, skipped


def show(record):
    print(f"--- {record['name']}: {record['result']}")
    for stream in ("stdout", "stderr"):
        text = record.get(stream, "").rstrip()
        if text:
            print(text[-20000:])
    print("---", flush=True)


def run_command(suite, name):
    """A suite that is one command: as a record of meson's log would show it."""
    done = run([*COMMANDS[suite], str(place(name))], capture_output=True, text=True)
    record = {"name": suite, "result": "OK" if done.returncode == 0 else "FAIL", "stdout": done.stdout, "stderr": done.stderr}
    return done, [record]


def run_meson(suite, name):
    directory = place(name)
    log = directory / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "TUNTAPD_BUILD": str(directory),
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        # Some tests run our own command in a program that has the library, which then comes before the sanitizer's.
        "ASAN_OPTIONS": "detect_leaks=1" if suite in ("unit", "kpi") else "detect_leaks=0:verify_asan_link_order=0",
    }
    done = run([MESON, "test", "-C", str(directory), "--no-rebuild", "--suite", suite, "--num-processes", str(AT_ONCE.get(suite, 1))],
               env=environment, capture_output=True, text=True)
    records = []
    if log.exists():
        records = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
    return done, records


def run_suite(suite, name):
    started = time.monotonic()
    done, records = (run_command if suite in COMMANDS else run_meson)(suite, name)
    totals = [0, 0, 0]
    for record in records:
        numbers = count(record)
        totals = [a + b for a, b in zip(totals, numbers)]
        if numbers[1]:
            show(record)
            continue
        for line in record.get("stdout", "").splitlines():
            if line.startswith("| "):  # a table of results, which a suite shows for its readers
                print(f"  {line}")
        if numbers[2]:
            for line in record.get("stdout", "").splitlines():
                if re.search(r"#\s*SKIP|SKIPPED", line):
                    print(f"  skipped: {line.strip()}")
    label = suite if name == "plain" else f"{suite} ({name})"
    if sum(totals) == 0:
        print(f"{label}: no test ran\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        totals = [0, 1, 0]
    elif done.returncode != 0 and totals[1] == 0:
        print(f"{label}: meson ended with status {done.returncode}\n{done.stdout[-3000:]}")
        totals[1] = 1
    seconds = time.monotonic() - started
    print(f"{label}: {totals[0]} passed, {totals[1]} failed, {totals[2]} skipped in {seconds:.0f} s", flush=True)
    return totals


def main():
    os.umask(0o022)  # what a group could write to would not be loaded
    suites = sys.argv[1:] or list(SUITES)
    unknown = [suite for suite in suites if suite not in SUITES]
    if unknown:
        sys.exit(f"check: no suite '{unknown[0]}'; there are: {' '.join(SUITES)}")
    builds = [name for name in BUILDS if any(name in SUITES[suite] for suite in suites)]
    for name in builds:
        started = time.monotonic()
        build(name)
        print(f"build ({name}): {time.monotonic() - started:.0f} s", flush=True)
    totals = [0, 0, 0]
    for suite in suites:
        for name in SUITES[suite]:
            totals = [a + b for a, b in zip(totals, run_suite(suite, name))]
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
