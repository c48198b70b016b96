#!/usr/bin/python3 -IS
# SPDX-License-Identifier: BSD-2-Clause
"""A stand-in for launchctl(1) and launchd: one job, kept in /var/launchd, whose program is really started.

It takes what the command `tuntapd service` uses, and nothing else, and is as strange as the original is said to be: a job that was booted
out stays for some questions more, and a bootstrap meanwhile fails with 5.  /var/launchd/fail says which of the next calls fail, by
verb, with which statuses.  Calls are noted in /var/launchd/calls.  It is called very often, so it loads what it needs when it needs it.
"""
import json
import os
import sys

STATE = "/var/launchd"
LABEL = "org.tuntapd.daemon"
TARGET = f"system/{LABEL}"
# Questions that a booted-out label survives.
QUESTIONS_UNTIL_FREE = 2


def read(name, otherwise):
    try:
        with open(f"{STATE}/{name}", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return otherwise


def write(name, value):
    with open(f"{STATE}/{name}", "w", encoding="utf-8") as file:
        json.dump(value, file)


def fail(status, text):
    print(text, file=sys.stderr)
    sys.exit(status)


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return pid != 0 and file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second: it goes between the two
        return False


def start(job):
    if runs(job["pid"]):
        return
    import subprocess
    plist = job["plist"]
    with open(plist["StandardErrorPath"], "ab") as log:
        # A sanitized daemon's worker cannot be traced, which LeakSanitizer would want.
        job["pid"] = subprocess.Popen(plist["ProgramArguments"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, umask=plist["Umask"],
                                      env={"ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}).pid


def stop(job):
    if not runs(job["pid"]):
        return
    import time
    os.kill(job["pid"], 15)
    end = time.monotonic() + 10
    while runs(job["pid"]) and time.monotonic() < end:
        time.sleep(0.005)


def check(path):
    """What launchd is said to look at before it believes a file."""
    import plistlib
    import stat
    st = os.lstat(path)
    if not path.startswith("/Library/LaunchDaemons/") or not path.endswith(".plist") or not stat.S_ISREG(st.st_mode) or \
            st.st_uid != 0 or st.st_mode & 0o022:
        fail(122, f"{path}: Path had bad ownership/permissions")
    with open(path, "rb") as file:
        plist = plistlib.load(file)
    known = {"Label": str, "ProgramArguments": list, "Sockets": dict, "RunAtLoad": bool, "KeepAlive": dict, "ThrottleInterval": int,
             "AbandonProcessGroup": bool, "ExitTimeOut": int, "ProcessType": str, "StandardErrorPath": str, "Umask": int}
    for key, value in plist.items():
        if not isinstance(value, known[key]):
            fail(109, f"{path}: Invalid property list")
    if plist["Label"] != LABEL or not os.access(plist["ProgramArguments"][0], os.X_OK):
        fail(5, "Bootstrap failed: 5: Input/output error")
    return plist


def bootstrap(job, domain, path):
    if domain != "system":
        fail(125, "Bootstrap failed: 125: Domain does not support specified action")
    if read("disabled", False):
        fail(119, "Bootstrap failed: 119: Service is disabled")
    if job is not None:
        fail(37 if job["leaving"] % 2 else 5, "Bootstrap failed: 5: Input/output error")
    job = {"pid": 0, "plist": check(path), "leaving": 0}
    if job["plist"].get("RunAtLoad") and not read("lazy", False):
        start(job)
    if read("racing", False):
        write("job", job)
        fail(37, "Bootstrap failed: 37: Operation already in progress")
    return job


def bootout(job, target):
    if target != TARGET or job is None:
        fail(3, "Boot-out failed: 3: No such process")
    stop(job)
    job["leaving"] = QUESTIONS_UNTIL_FREE
    return job


def ask(job, target):
    if job is not None and job["leaving"]:
        job["leaving"] -= 1
        if job["leaving"] == 0:
            job = None
    if target != TARGET or job is None:
        write("job", job)
        fail(113, f"Could not find service \"{LABEL}\" in domain for system")
    running = runs(job["pid"])
    print(f"{TARGET} = {{\n\tactive count = 1\n\tpath = /Library/LaunchDaemons/{LABEL}.plist\n\tstate = "
          f"{'running' if running else 'waiting'}\n")
    print(f"\tprogram = {job['plist']['ProgramArguments'][0]}\n\tminimum runtime = 5")
    if running and not read("silent", False):
        print(f"\tpid = {job['pid']}")
    print("\texit timeout = 20\n}")
    return job


def kickstart(job, *arguments):
    if arguments[-1] != TARGET or job is None or job["leaving"]:
        fail(113, f"Could not find service \"{LABEL}\" in domain for system")
    if arguments[0] == "-k":
        stop(job)
    elif runs(job["pid"]):
        fail(37, "Operation already in progress")
    if not read("stuck", False):
        start(job)
    return job


def enable(job, target):
    if target != TARGET:
        fail(64, "Unrecognized target specifier")
    write("disabled", False)
    return job


def print_disabled(job, domain):
    print(f"disabled services = {{\n\t\t\"com.example.other\" => enabled\n\t\t\"{LABEL}\" => "
          f"{'disabled' if read('disabled', False) else 'enabled'}\n\t}}" if domain == "system" else "")
    return job


def main():
    os.makedirs(STATE, exist_ok=True)
    verb, *arguments = sys.argv[1:]
    with open(f"{STATE}/calls", "a", encoding="utf-8") as calls:
        calls.write(" ".join(sys.argv[1:]) + "\n")
    failures = read("fail", {})
    if failures.get(verb):
        status = failures[verb].pop(0)
        write("fail", failures)
        fail(status, f"{verb} failed: {status}: told to")
    if os.geteuid() != 0 and verb not in ("print", "print-disabled"):
        fail(1, "Operation not permitted")
    verbs = {"bootstrap": bootstrap, "bootout": bootout, "print": ask, "kickstart": kickstart, "enable": enable,
             "print-disabled": print_disabled}
    write("job", verbs[verb](read("job", None), *arguments))


if __name__ == "__main__":
    main()
