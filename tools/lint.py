#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the tree promises about its own text: ./check lint.  Usage: tools/lint.py BUILD; prints TAP.

House rules (docs and CONTRIBUTING.md), clang-tidy, cppcheck, shellcheck, mandoc, and that every command and option of the command line is in
a man page.  BUILD is a configured and built directory: its compile_commands.json and generated headers are read, and its
tuntapd is asked for help.
"""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
CODE = ("protocol", "daemon", "shim", "cli", "kext")
# The aim is 100; what no reader has to scroll for is allowed.
LINE_COLUMNS_MAX = 140

# Folder: the folders of ours that its files may include from.
DIRECTIONS = {
    "protocol": {"protocol"},
    "daemon": {"daemon", "protocol"},
    "shim": {"shim", "protocol"},
    "cli": {"cli", "daemon", "protocol"},
    "kext": {"kext"},
}
# Platform code is in files named for it; these may ask for the platform all the same.
PLATFORM_ALLOWED = {
    "protocol/paths.h": "the one place where both platforms' paths stand side by side",
    "shim/real.h": "the C library's own types of the functions that it stands in for",
}
PLATFORM = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b(__APPLE__|__MACH__|__linux__|__FreeBSD__|__OpenBSD__|__NetBSD__)\b")
PLATFORM_FILE = re.compile(r"-(linux|darwin|elf|macho|utun|feth|kext|veth|packet|ndrv)\.[ch]$")


def files(*patterns):
    """Files of the tree, kept by git or new; of a tree without git, all but build directories."""
    done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        names = [ROOT / line for line in done.stdout.splitlines()]
    else:
        names = [path for path in ROOT.rglob("*") if not path.relative_to(ROOT).parts[0].startswith("build")]
    return sorted(path for path in names if path.is_file() and any(path.match(pattern) for pattern in patterns))


def short(path):
    return str(path.relative_to(ROOT))


def lines(path):
    return path.read_text().splitlines()


def folder(path):
    return path.relative_to(ROOT).parts[0]


def check_headers():
    """Each file names its licence; each C file says what it is."""
    for path in files("*.c", "*.h"):
        text = lines(path)
        if text[:1] != ["/* SPDX-License-Identifier: BSD-2-Clause */"]:
            yield f"{short(path)}:1: the first line is not the licence's"
        elif len(text) < 3 or text[1] != "/*" or not text[2].startswith(f" * {path.name} - "):
            yield f"{short(path)}:2: no comment that begins with '{path.name} - ' and says what the file is for"
    for path in [*files("*.py", "*.sh"), ROOT / "check", ROOT / "demo", ROOT / ".ci/run"]:
        if not any("SPDX-License-Identifier: BSD-2-Clause" in line for line in lines(path)[:2]):
            yield f"{short(path)}:1: no licence line"


def check_whitespace():
    """Tabs of 8, no line past the bound, no space at a line's end, one newline at the end."""
    for path in files("*.c", "*.h", "*.py", "*.sh", "*.md", "meson.build", "*.1", "*.5", "*.7", "*.8"):
        text = path.read_text()
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield f"{short(path)}: does not end with one newline"
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip():
                yield f"{short(path)}:{number}: space at the end"
            if path.suffix in (".c", ".h"):
                if len(line.expandtabs(8)) > LINE_COLUMNS_MAX:
                    yield f"{short(path)}:{number}: {len(line.expandtabs(8))} columns"
                if re.match(r" {8}", line) or re.match(r"\t* +\t", line):
                    yield f"{short(path)}:{number}: indented with spaces"


def check_includes():
    """cli -> daemon -> protocol, shim -> protocol; a .c includes its own header first."""
    generated = {"entries.h", "interpose.h", "definitions.h"}
    for path in files("*.c", "*.h"):
        if folder(path) not in DIRECTIONS:
            continue
        included = []
        for number, line in enumerate(lines(path), 1):
            match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
            if not match:
                continue
            name = match.group(2)
            included.append(pathlib.Path(name).name)
            if match.group(1) == "<" or name in generated:
                continue
            target = name.split("/")[0] if "/" in name else folder(path)
            if target not in DIRECTIONS[folder(path)]:
                yield f"{short(path)}:{number}: {folder(path)} does not include {target}"
            elif not (ROOT / target / pathlib.Path(name).name).exists():
                yield f"{short(path)}:{number}: {name} is not in the tree"
            if folder(path) == "cli" and target == "daemon" and name != "daemon/daemon.h":
                yield f"{short(path)}:{number}: the command line calls daemon/daemon.h and nothing else of the daemon"
        own = path.with_suffix(".h")
        if path.suffix == ".c" and own.exists() and included[:1] != [own.name]:
            yield f"{short(path)}: its own header {own.name} is not its first include"


def check_platforms():
    """Asking for a platform is for the files that are named for one."""
    for path in files("*.c", "*.h"):
        if folder(path) not in DIRECTIONS or PLATFORM_FILE.search(path.name) or short(path) in PLATFORM_ALLOWED:
            continue
        for number, line in enumerate(lines(path), 1):
            if PLATFORM.match(line):
                yield f"{short(path)}:{number}: {line.strip()}"


def check_functions():
    """A function's name begins its line, so that `git grep '^name('` finds it."""
    for path in files("*.c"):
        if folder(path) not in DIRECTIONS:
            continue
        text = lines(path)
        for number, line in enumerate(text, 1):
            following = text[number] if number < len(text) else ""
            if re.match(r"(static |const |struct |unsigned |int |void |bool |size_t |ssize_t )+[\w *]*\b\w+\(", line) and \
                    not line.endswith((",", "=", ";", "};")) and "__attribute__" not in line and not re.match(r"\w+\(", following):
                yield f"{short(path)}:{number}: the type stands on the function's line"


def check_python():
    """Python files compile."""
    for path in files("*.py"):
        try:
            compile(path.read_text(), short(path), "exec")
        except SyntaxError as error:
            yield f"{short(path)}:{error.lineno}: {error.msg}"


def run(command, **more):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **more)


def complaint(done):
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or [f"status {done.returncode}"]


def check_clang_tidy():
    """One file at a time: version 14 sees va_lists that are not there when it has several."""
    import json
    known = {pathlib.Path(entry["directory"], entry["file"]).resolve() for entry in
             json.loads((BUILD / "compile_commands.json").read_text())}
    chosen = [path for path in files("*.c") if folder(path) in CODE and path in known]
    if len(chosen) < 30:
        yield f"only {len(chosen)} files are in {BUILD}/compile_commands.json"

    def tidy(path):
        return run(["clang-tidy-14", "-p", str(BUILD), "--quiet", str(path)])

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done in pool.map(tidy, chosen):
            if done.returncode != 0:
                yield from [line for line in complaint(done) if not re.search(r"warnings? generated|^Error while", line)]


def check_cppcheck():
    """Without system headers, but for the list macros."""
    found = run(["cc", "-E", "-M", "-x", "c", "-"], input="#include <sys/queue.h>\n")
    queue = re.search(r"/\S*/sys/queue\.h", found.stdout)
    done = run(["cppcheck", "--std=c11", "--library=bsd", "--enable=warning,portability,performance", "--inline-suppr", "--quiet",
                "--error-exitcode=1", "-D_GNU_SOURCE", "-D__linux__", "-I.", f"-I{BUILD}/shim",
                "-DKMOD_EXPLICIT_DECL(name,version,start,stop)=", *([f"--include={queue.group()}"] if queue else []), *CODE])
    if done.returncode != 0:
        yield from complaint(done)


def check_shellcheck():
    """All shell scripts, whatever their names."""
    scripts = [path for path in files("*") if path.suffix in ("", ".sh") and path.read_bytes()[:9] == b"#!/bin/sh"]
    if len(scripts) < 4:
        yield "the scripts are not found"
    done = run(["shellcheck", "-x", "-S", "info", *map(str, scripts)])
    if done.returncode != 0:
        yield from complaint(done)


def cache():
    return pathlib.Path(os.environ.get("TUNTAPD_CACHE", pathlib.Path.home() / ".cache" / "tuntapd"))


def actionlint():
    """The checker of workflows, built once from pinned sources: tools/actionlint."""
    sums = (ROOT / "tools/actionlint/go.sum").read_bytes()
    target = cache() / "tools" / f"actionlint-{hashlib.sha256(sums).hexdigest()[:12]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        subprocess.run(["go", "build", "-mod=readonly", "-o", partial, "github.com/rhysd/actionlint/cmd/actionlint"],
                       cwd=ROOT / "tools/actionlint", check=True, capture_output=True, text=True)
        partial.rename(target)
    return target


def check_workflows():
    """Workflows are what the checker knows; they run nothing but scripts of the tree, and actions of one version."""
    workflows = files(".github/workflows/*.yml")
    if len(workflows) < 2:
        yield "the workflows are not found"
    try:
        done = run([str(actionlint()), "-no-color", *map(str, workflows)])
    except subprocess.CalledProcessError as error:
        yield f"actionlint cannot be built: {error.stderr[-1000:]}"
        return
    if done.returncode != 0:
        yield from complaint(done)
    for path in workflows:
        for number, line in enumerate(lines(path), 1):
            used = re.match(r"\s*(?:- )?uses: (.*)", line)
            if used and not re.fullmatch(r"[\w./-]+@v\d+\.\d+\.\d+", used.group(1)):
                yield f"{short(path)}:{number}: {used.group(1)} is not one version"
            command = re.match(r"\s*(?:- )?run: (.*)", line)
            for part in command.group(1).split(" && ") if command else []:
                words = shlex.split(part.removeprefix("sudo "))
                scripts = [words[0], *([f"tests/darwin/mac/{words[1]}"] if words[0].endswith("/step.sh") else [])]
                for script in scripts:
                    if not os.access(ROOT / script, os.X_OK):
                        yield f"{short(path)}:{number}: {script} is no script of the tree"


def pages():
    return files("docs/*.[1-8]")


def check_mandoc():
    """Man pages."""
    if not pages():
        yield "no man page"
    done = run(["mandoc", "-T", "lint", "-W", "style", *map(str, pages())])
    # What only a system with all its pages installed can know.
    for line in (done.stdout + done.stderr).splitlines():
        if "mandoc.db" not in line and "referenced manual not found" not in line and "operating system explicitly specified" not in line:
            yield line


def check_options():
    """Every command, and every option of it, is in tuntapd(1) or tuntapd(8)."""
    tuntapd = BUILD / "cli" / "tuntapd"
    listed = run([str(tuntapd), "help"]).stdout
    commands = re.findall(r"^  (\w+) ", listed, re.M)
    if len(commands) < 5:
        yield f"'tuntapd help' lists {len(commands)} commands"
    text = "\n".join(run(["mandoc", "-T", "ascii", "-O", "width=200", str(page)]).stdout for page in pages()
                     if page.name in ("tuntapd.1", "tuntapd.8"))
    text = re.sub(r".\x08", "", text)
    for command in commands:
        if not re.search(rf"\btuntapd {command}\b", text):
            yield f"tuntapd {command}: in no man page"
        for option in set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", run([str(tuntapd), "help", command]).stdout)):
            if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
                yield f"tuntapd {command} {option}: in no man page"
    for name in set(re.findall(r'getenv\("(TUNTAPD_\w+)"\)', "".join(path.read_text() for path in files("*.c")
                                                                    if folder(path) in CODE))):
        if not any(name in page.read_text() for page in pages()):
            yield f"{name}: in no man page"


CHECKS = [
    ("licence and purpose open each file", check_headers),
    ("tabs, columns and line ends", check_whitespace),
    ("include directions", check_includes),
    ("platform names only in files named for them", check_platforms),
    ("a function's name begins its line", check_functions),
    ("Python files compile", check_python),
    ("shellcheck", check_shellcheck),
    ("workflows", check_workflows),
    ("mandoc -T lint", check_mandoc),
    ("every command, option and variable is in a man page", check_options),
    ("cppcheck", check_cppcheck),
    ("clang-tidy", check_clang_tidy),
]


def main():
    failed = 0
    print(f"1..{len(CHECKS)}")
    for number, (name, check) in enumerate(CHECKS, 1):
        try:
            problems = list(check())
        except FileNotFoundError as error:
            problems = [f"{shlex.quote(str(error.filename))} is missing"]
        for problem in problems:
            print(f"# {problem}")
        print(f"{'not ' if problems else ''}ok {number} {name}", flush=True)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
