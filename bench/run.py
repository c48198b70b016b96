#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The direct and the relayed path against the kernel's own, in one run: bench/README.md says how to read it.

run.py [--quick] BUILD-DIR
"""
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = (64, 512, 1514)
NAMES = {"p2k": "program to kernel", "k2p": "kernel to program", "pace": "100000 frames a second", "rtt": "round trip", "tcp-out": "TCP, kernel sends",
         "tcp-in": "TCP, kernel receives", "tun-p2k": "tun, to kernel", "tun-k2p": "tun, to program", "tun-rtt": "tun, round trip"}
TITLES = {"rate": "rate", "cpu_ns": "CPU per frame", "median_us": "median", "p99_us": "p99"}
# Who, to whom ("relay to X"; else to native), in what; of a rate at least, of the rest at most.
RELAY_PROMISES = (
    ("relayed, program to kernel: rate at least 0.27", "relay", "p2k", "rate", 0.27),
    ("relayed, program to kernel: CPU at most 3.7", "relay", "p2k", "cpu_ns", 3.7),
    ("relayed, kernel to program: rate at least 0.40", "relay", "k2p", "rate", 0.40),
    ("relayed, kernel to program: CPU at most 3.6", "relay", "k2p", "cpu_ns", 3.6),
    ("relayed, 100000 frames a second: CPU at most 2.5", "relay", "pace", "cpu_ns", 2.5),
    ("relayed, round trip: at most 3.5", "relay", "rtt", "median_us", 3.5),
    ("relayed, TCP, kernel sends: at least 0.70", "relay", "tcp-out", "rate", 0.70),
    ("relayed, TCP, kernel receives: at least 0.70", "relay", "tcp-in", "rate", 0.70),
    ("relayed to VDE, program to kernel: at least 1.1", "relay to vde", "p2k", "rate", 1.1),
    ("relayed to VDE, kernel to program: at least 2.0", "relay to vde", "k2p", "rate", 2.0),
    ("relayed to VDE, round trip: at most 0.85", "relay to vde", "rtt", "median_us", 0.85),
    ("relayed to socat, program to kernel: at least 1.6", "relay to socat", "p2k", "rate", 1.6),
    ("relayed to socat, kernel to program: at least 3.0", "relay to socat", "k2p", "rate", 3.0),
    ("relayed to socat, round trip: at most 1.1", "relay to socat", "rtt", "median_us", 1.1),
)


class Bench:
    def __init__(self, build, quick):
        self.build = pathlib.Path(build)
        self.tuntapd = self.build / "cli" / "tuntapd"
        self.shim = self.build / "shim" / "libtuntapd-shim.so"
        self.path = self.build / "bench" / "path"
        self.calls = self.build / "bench" / "calls"
        self.rounds = 3 if quick else 11
        self.frames = 4000 if quick else 30000
        self.megabytes = 4 if quick else 64
        self.pairs = 51 if quick else 301
        self.promises = []
        self.directory = tempfile.TemporaryDirectory(prefix="tuntapd-bench-")
        self.socket = os.path.join(self.directory.name, "socket")
        self.veth_socket = os.path.join(self.directory.name, "veth")

    def __enter__(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.log = open(os.path.join(self.directory.name, "log"), "wb")
        configuration = pathlib.Path(self.directory.name) / "veth.conf"
        configuration.write_text('link = "veth"\n')
        self.daemons = [subprocess.Popen([self.tuntapd, "serve", "-s", self.socket], stderr=self.log),
                        subprocess.Popen([self.tuntapd, "serve", "-s", self.veth_socket, "-c", configuration], stderr=self.log)]
        end = time.monotonic() + 10
        for path in (self.socket, self.veth_socket):
            while subprocess.run([self.tuntapd, "status", "-s", path], capture_output=True, check=False).returncode != 0:
                if time.monotonic() > end:
                    raise RuntimeError("the daemon does not serve")
                time.sleep(0.02)
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            daemon.terminate()
            daemon.wait(timeout=10)
        self.log.close()
        self.directory.cleanup()

    def program(self, variant, *arguments):
        command = [self.path, variant, *map(str, arguments)]
        if variant in ("shim", "relay"):
            command = [self.tuntapd, "exec", "-s", self.veth_socket if variant == "relay" else self.socket, "--", *command]
        return list(map(str, command))

    @contextlib.contextmanager
    def peer(self, variant):
        """The other program that a variant needs: what is to be in the environment of ours."""
        if variant not in ("vde", "socat"):
            yield {}
            return
        path = os.path.join(self.directory.name, variant)
        if variant == "vde":
            command = ["vde_switch", "-tap", "tap0", "-sock", path]
        else:
            command = ["socat", "TUN,tun-type=tap,tun-name=tap0,iff-no-pi", f"UNIX-LISTEN:{path},type=5"]
        # Its console is a pipe that says nothing.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 10
        while not (os.path.exists(path if variant == "socat" else os.path.join(path, "ctl")) and self.is_there()):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command} does not serve")
            time.sleep(0.005)
        try:
            yield {"BENCH_PEER": path, "BENCH_PEER_PID": str(process.pid)}
        finally:
            process.terminate()
            process.wait(timeout=10)
            process.stdin.close()
            if variant == "socat" and os.path.exists(path):
                os.unlink(path)

    @staticmethod
    def is_there():
        return re.search(r"^\s*t[au][pn]0:", pathlib.Path("/proc/net/dev").read_text(), re.M) is not None

    @staticmethod
    def wait_free():
        """The kernel takes a relayed device's interface away a moment after its last close."""
        while Bench.is_there():
            time.sleep(0.002)

    def measure(self, variant, *arguments):
        self.wait_free()
        with self.peer(variant) as environment:
            done = subprocess.run(self.program(variant, *arguments), capture_output=True, text=True, timeout=120, check=False,
                                  env={**os.environ, **environment})
        if done.returncode != 0:
            raise RuntimeError(f"{variant} {arguments}: {done.stderr.strip()}")
        words = done.stdout.split()
        return {key: float(value) for key, value in zip(words[::2], words[1::2])}

    def promise(self, text, holds, value):
        self.promises.append((text, "holds" if holds else "DOES NOT HOLD", value))

    def compare(self, *arguments, variants):
        """Each round measures native and the variants, three times in turn, and takes the best of each: what else the machine does
        only adds.  The rounds, each {variant: {key: value}}."""
        rounds = []
        variants = ("native", *variants)
        for round_ in range(self.rounds):
            values = {variant: [] for variant in variants}
            for turn in range(3):
                for variant in variants if (round_ + turn) % 2 == 0 else reversed(variants):
                    values[variant].append(self.measure(variant, *arguments))
            rounds.append({variant: {key: (max if key == "rate" else min)(value[key] for value in taken) for key in taken[0]}
                           for variant, taken in values.items()})
        return rounds

    @staticmethod
    def ratio(rounds, key, variant, to="native"):
        """Sorted; a ratio is of one round."""
        return sorted(round_[variant][key] / round_[to][key] for round_ in rounds)

    def ratios(self, *arguments):
        """Of the shim to native: {key: sorted ratios}."""
        rounds = self.compare(*arguments, variants=("shim",))
        return {key: self.ratio(rounds, key, "shim") for key in rounds[0]["native"]}

    @staticmethod
    def spread(values):
        return f"{statistics.median(values):.3f} (p10 {values[len(values) // 10]:.3f}, p90 {values[len(values) * 9 // 10]:.3f})"

    def single_calls(self):
        print("-- one process, alternating blocks: shim minus C library, CPU ns per call (and A/A, the method's noise)")
        command = [str(self.tuntapd), "exec", "-s", self.socket, "--", str(self.calls), str(self.pairs)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        worst = {True: -1e9, False: -1e9}
        for line in done.stdout.splitlines():
            name, label, median, p10, p90, ratio, _, _ = line.split("\t")
            print(f"calls  {name:32} {label:5} {median:>7} ns (p10 {p10}, p90 {p90})  ratio {ratio}  n {self.pairs}")
            if label == "shim":
                device = name.startswith("device")
                worst[device] = max(worst[device], float(median) / (2 if name.startswith("pipe") else 1))
        self.promise("a device's read or write: at most 10 ns more", worst[True] <= 10, f"{worst[True]:.1f} ns")
        self.promise("another descriptor's: at most 5 ns more", worst[False] <= 5, f"{worst[False]:.1f} ns")

    def whole_path(self):
        print("-- program with the shim against the same program on /dev/net/tun: ratio shim/native")
        cpu = []
        for test, name in (("p2k", "program to kernel"), ("k2p", "kernel to program")):
            for size in SIZES:
                rows = self.ratios(test, size, self.frames)
                print(f"path   {name:20} {size:5} bytes  n {self.rounds}x3x{self.frames}  rate {self.spread(rows['rate'])}"
                      f"  CPU per frame {self.spread(rows['cpu_ns'])}  lost 0")
                if test == "p2k":
                    cpu.append(1 / statistics.median(rows["cpu_ns"]))
        self.promise("0.98 of the kernel's own path by CPU (p2k)", min(cpu) >= 0.98, f"{min(cpu):.3f}")
        rtt = []
        for size in (64, 512, 1514):
            rows = self.ratios("rtt", size, 300)
            rtt.append(statistics.median(rows["median_us"]))
            print(f"path   round trip           {size:5} bytes  n {self.rounds}x3x300  median {self.spread(rows['median_us'])}"
                  f"  p99 {self.spread(rows['p99_us'])}")
        self.promise("round trip: at most 1.05 of native", max(rtt) <= 1.05, f"{max(rtt):.3f}")

    def relayed_path(self):
        print("-- a relayed device (veth), and the peers that there are, against the same program on /dev/net/tun: ratio to native;")
        print("   CPU of the program and of whoever moves its frames")
        peers = [name for name, command in (("vde", "vde_switch"), ("socat", "socat")) if shutil.which(command)]
        found = {}
        tests = [(test, size) for test in ("p2k", "k2p", "rtt") for size in SIZES] + [
            ("pace", 512), ("tcp-out", 1514), ("tcp-in", 1514), ("tun-p2k", 512), ("tun-k2p", 512), ("tun-rtt", 64)]
        for test, size in tests:
            count = {"rtt": 300, "tun-rtt": 300, "tcp-out": self.megabytes, "tcp-in": self.megabytes}.get(test, self.frames)
            # The smoke has each peer once: that it runs.
            variants = ["relay", *(peers if not test.startswith("tun-") and (self.rounds > 3 or size == 512) else [])]
            rounds = self.compare(test, size, count, variants=variants)
            for variant in variants:
                shown = "  ".join(f"{TITLES[key]} {self.spread(self.ratio(rounds, key, variant))}" for key in rounds[0]["native"])
                print(f"relay  {NAMES[test]:20} {size:5} bytes  {variant:6} n {self.rounds}x3x{count}  {shown}")
                for key in rounds[0]["native"]:
                    to_native = statistics.median(self.ratio(rounds, key, variant))
                    found.setdefault((variant, test, key), []).append(to_native)
                    ours = statistics.median(self.ratio(rounds, key, "relay", to=variant))
                    found.setdefault((f"relay to {variant}", test, key), []).append(ours)
        for text, variant, test, key, bound in RELAY_PROMISES:
            values = found.get((variant, test, key))
            if values is None:
                self.promises.append((text, "not measured", "-"))
                continue
            # The worst of the sizes.
            value = min(values) if key == "rate" else max(values)
            self.promise(text, value >= bound if key == "rate" else value <= bound, f"{value:.3f}")

    def attach(self):
        rows = self.ratios("attach", 64, 20)
        print(f"attach median of 20, ratio to the program's own open  n {self.rounds}x3  {self.spread(rows['median_us'])}")
        value = statistics.median(rows["median_us"])
        self.promise("attach: at most twice the program's own open", value <= 2, f"{value:.2f}")

    def start_up(self):
        times = {"plain": [], "shim": []}
        for round_ in range(self.rounds * 20):
            for variant in (("plain", "shim") if round_ % 2 == 0 else ("shim", "plain")):
                environment = dict(os.environ, **({"LD_PRELOAD": str(self.shim)} if variant == "shim" else {}))
                began = time.perf_counter()
                subprocess.run(["/bin/true"], env=environment, check=True)
                times[variant].append(time.perf_counter() - began)
        ratios = sorted(b / a for a, b in zip(times["plain"], times["shim"]))
        print(f"start  /bin/true with the shim preloaded  n {len(ratios)}  ratio {self.spread(ratios)}")
        value = statistics.median(ratios)
        self.promise("start-up with the shim: at most 1.15", value <= 1.15, f"{value:.3f}")

    def system_calls(self):
        print("-- system calls per packet, counted by strace over 2000 frames")
        for test, call in (("p2k", "write"), ("k2p", "read")):
            counts = {}
            for variant in ("native", "shim"):
                report = os.path.join(self.directory.name, "strace")
                # Only the program's own process: the sender of k2p is a child.
                command = ["strace", "-c", "-o", report, *self.program(variant, test, 64, 2000)]
                subprocess.run(command, check=True, capture_output=True, timeout=120)
                table = {}
                for line in pathlib.Path(report).read_text().splitlines():
                    match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                    if match:
                        table[match.group(2)] = int(match.group(1))
                counts[variant] = table
            per_packet = {v: sum(n for c, n in t.items() if c != "total" and n >= 2000) / 2300 for v, t in counts.items()}
            for variant in counts:
                print(f"calls  {test} {variant:7} {call} {counts[variant].get(call, 0)}  per packet {per_packet[variant]:.2f}")
            same = abs(per_packet["shim"] - per_packet["native"]) < 0.02
            self.promise(f"system calls per packet equal ({test})", same, f"{per_packet['shim']:.2f}")

    def run(self):
        self.single_calls()
        self.whole_path()
        self.relayed_path()
        self.attach()
        self.start_up()
        self.system_calls()
        print("-- promises")
        for text, verdict, value in self.promises:
            print(f"{text:50} {verdict:14} measured {value}")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--quick"]
    if os.environ.get("BENCH_INSIDE") != "yes":
        if os.geteuid() != 0:
            print("1..0 # SKIP the benchmark needs root, for a network namespace")
            return 0
        os.environ["BENCH_INSIDE"] = "yes"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    with Bench(arguments[0], "--quick" in sys.argv) as bench:
        bench.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
