# SPDX-License-Identifier: BSD-2-Clause
"""tuntapd exec: which program it finds, which it refuses and why, which shim it takes, and --private."""
import json
import os
import pathlib
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile

import pytest

from test_cli import BOUND_S, HOLD, TUNTAPD, environment, tuntapd, wait_until, world  # noqa: F401 (world is a fixture)

OK, USAGE, NO_DAEMON, PERMISSION, CANNOT_RUN, NOT_FOUND = 0, 64, 69, 77, 126, 127
SHIM = TUNTAPD.parent.parent / "shim/libtuntapd-shim.so"
SESSION = None  # see session()
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: needs root")


def script(path, text, mode=0o755):
    path.write_text(text)
    path.chmod(mode)
    return path


def elf(path, interpreter=None, machine=None, kind=3, bits=64):
    """A program of this machine, or of another one, that is a header and an interpreter's name."""
    own = pathlib.Path("/proc/self/exe").read_bytes()[:20]
    if machine is None:
        machine = struct.unpack_from("<H", own, 18)[0]
    text = (str(interpreter).encode() + b"\0") if interpreter else b""
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    if bits == 64:
        data = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        data += struct.pack("<IIQQQQQQ", 3 if interpreter else 1, 4, 120, 0, 0, len(text), len(text), 1)
    else:
        data = ident + struct.pack("<HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        data += struct.pack("<IIIIIIII", 3 if interpreter else 1, 84, 0, 0, len(text), len(text), 4, 1)
    path.write_bytes(data + text)
    path.chmod(0o755)
    return path


def open_to_all(path):
    """Lets every user reach a directory of pytest's, whose own are this user's alone."""
    for directory in [path, *path.parents]:
        if directory.owner() == "root" and directory.stat().st_mode & 0o005 != 0o005:
            directory.chmod(directory.stat().st_mode | 0o055)
    return path


# --- becoming the program


def test_becomes_the_program():
    result = tuntapd("exec", "sh", "-c", "echo $$; echo $PPID; exit 5")
    assert result.returncode == 5 and result.stderr == ""
    process = subprocess.Popen([str(TUNTAPD), "exec", "sh", "-c", "echo $$"], stdout=subprocess.PIPE, text=True)
    assert process.communicate()[0] == f"{process.pid}\n"


def test_options_of_the_program_are_left_alone():
    for dashes in ([], ["--"]):
        result = tuntapd("exec", *dashes, "printf", "%s,", "-s", "--private", "--", "-v")
        assert (result.returncode, result.stdout) == (OK, "-s,--private,--,-v,")


def test_environment_of_the_program(tmp_path):
    show = ["sh", "-c", 'echo "$LD_PRELOAD|$TUNTAPD_SOCKET"']
    shim = str(SHIM.resolve())
    assert tuntapd("exec", *show).stdout == f"{shim}|\n"
    assert tuntapd("exec", "-s", "/x/y", *show).stdout == f"{shim}|/x/y\n"
    assert tuntapd("exec", "-s", "y", *show, cwd=tmp_path).stdout == f"{shim}|{tmp_path}/y\n"
    assert tuntapd("exec", "-s", "y", *show, cwd="/").stdout == f"{shim}|/y\n"
    assert tuntapd("exec", *show, env={"TUNTAPD_SOCKET": "/z"}).stdout == f"{shim}|/z\n"
    assert tuntapd("exec", "-s", "/x/y", *show, env={"TUNTAPD_SOCKET": "/z"}).stdout == f"{shim}|/x/y\n"
    # What others preload stays, behind ours; ours is there once.
    libc = next(line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line)
    for old in (libc, f" {libc} ", f"{libc}:{shim}", f"/elsewhere/libtuntapd-shim-musl.so:{libc}", f"{shim}:{libc}"):
        result = tuntapd("exec", "sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": old})
        assert result.stdout == f"{shim}:{libc}\n"


def test_program_is_searched_as_the_c_library_does(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    script(first / "only-data", "#!/bin/sh\necho first\n", 0o644)
    script(second / "only-data", "#!/bin/sh\necho second\n")
    (first / "folder").mkdir()
    script(second / "folder", "#!/bin/sh\necho file\n")
    script(tmp_path / "here", "#!/bin/sh\necho here\n")
    script(first / "no-rights", "#!/bin/sh\n", 0o644)
    path = f"{tmp_path}/missing:{first}:{second}"
    assert tuntapd("exec", "only-data", env={"PATH": path}).stdout == "second\n"
    assert tuntapd("exec", "folder", env={"PATH": path}).stdout == "file\n"
    for empty in (f":{path}", f"{path}:", f"{first}::{second}"):
        assert tuntapd("exec", "here", env={"PATH": empty}, cwd=tmp_path).stdout == "here\n"
    assert tuntapd("exec", "./here", env={"PATH": "/"}, cwd=tmp_path).stdout == "here\n"
    result = tuntapd("exec", "here", env={"PATH": path}, cwd=tmp_path)
    assert result.returncode == NOT_FOUND and "No such file" in result.stderr
    for name in ("no-rights", str(first), str(first / "no-rights")):
        result = tuntapd("exec", name, env={"PATH": path})
        assert result.returncode == CANNOT_RUN and "Permission denied" in result.stderr, name
    for name in ("", "/no/such/program", str(tmp_path / "here/x")):
        assert tuntapd("exec", name).returncode == NOT_FOUND
    assert tuntapd("exec", "x" * 5000).returncode == NOT_FOUND
    assert tuntapd("exec", "/" * 5000).returncode == CANNOT_RUN


def test_scripts(tmp_path):
    assert tuntapd("exec", script(tmp_path / "plain", "#!/bin/sh\necho $1\n"), "x").stdout == "x\n"
    assert tuntapd("exec", script(tmp_path / "blanks", "#! \t/bin/sh -e\necho $1\n"), "x").stdout == "x\n"
    assert tuntapd("exec", script(tmp_path / "without", "echo $1\n"), "x").stdout == "x\n"
    assert tuntapd("exec", script(tmp_path / "empty", "")).returncode == OK
    assert tuntapd("exec", script(tmp_path / "nested", f"#!{tmp_path}/plain\n")).stdout == f"{tmp_path}/nested\n"
    for name, text in (("missing", "#!/no/such/interpreter\n"), ("nothing", "#!\n"), ("dos", "#!/bin/sh\r\n"),
                       ("binary", "\0\0\0\n"), ("endless", "#!" + "/" * 300)):
        result = tuntapd("exec", script(tmp_path / name, text))
        assert result.returncode == CANNOT_RUN and name in result.stderr
    # The kernel follows five, and so do we.
    previous = tmp_path / "plain"
    for n in range(2, 7):
        previous = script(tmp_path / f"script-{n}", f"#!{previous}\n")
        assert tuntapd("exec", previous).returncode == (OK if n <= 5 else CANNOT_RUN), n
    script(tmp_path / "loop", f"#!{tmp_path}/loop\n")
    assert tuntapd("exec", tmp_path / "loop").returncode == CANNOT_RUN


# --- programs into which the shim cannot go


def refused(path, *words, prefix=(), **how):
    result = tuntapd("exec", path, prefix=prefix, **how)
    assert result.returncode == CANNOT_RUN, (result.returncode, result.stdout, result.stderr)
    assert result.stdout == ""
    for word in (str(path), *words):
        assert word in result.stderr


def test_static_program_is_refused(tmp_path):
    refused(elf(tmp_path / "static", kind=2), "linked statically", "dynamically linked build")
    refused(elf(tmp_path / "static-pie"), "linked statically")
    # Behind a script, too; the message names the program.
    result = tuntapd("exec", script(tmp_path / "script", f"#!{tmp_path}/static\n"))
    assert result.returncode == CANNOT_RUN and f"{tmp_path}/static is linked statically" in result.stderr


def test_program_for_another_machine_is_refused(tmp_path):
    loader = "/lib64/ld-linux-x86-64.so.2"
    other = 183 if os.uname().machine == "x86_64" else 62
    refused(elf(tmp_path / "other", loader, machine=other), "64-bit program for " + ("arm64" if other == 183 else "x86-64"))
    refused(elf(tmp_path / "narrow", loader, machine=3, bits=32, kind=2), "32-bit program for x86")


def test_program_without_its_loader_is_refused(tmp_path):
    refused(elf(tmp_path / "lost", "/no/such/ld-linux.so.2"), "/no/such/ld-linux.so.2", "install its C library")


def test_program_of_a_c_library_without_a_shim_is_refused(tmp_path):
    loader = script(tmp_path / "ld-other.so.1", "")
    refused(elf(tmp_path / "foreign", loader), "C library", "glibc or musl")


def test_damaged_program_is_refused(tmp_path):
    path = elf(tmp_path / "cut", "/lib64/ld-linux-x86-64.so.2")
    os.truncate(path, 100)
    refused(path, "damaged")
    refused(elf(tmp_path / "object", "/lib64/ld-linux-x86-64.so.2", kind=1), "no program")


def test_privileged_program_is_refused(tmp_path):
    open_to_all(tmp_path)
    run = [*NOBODY]
    true = shutil.which("true")

    def copy(name, mode):
        path = tmp_path / name
        shutil.copy(true, path)
        path.chmod(mode)
        return path

    refused(copy("setuid", 0o4755), "set-user-ID", "copy of it without", prefix=run, cwd="/")
    refused(copy("setgid", 0o2755), "set-group-ID", prefix=run, cwd="/")
    capable = copy("capable", 0o755)
    for effective, permitted, heeded in ((1, 1 << 13, True), (0, 1 << 13, True), (0, 0, False)):
        os.setxattr(capable, "security.capability", struct.pack("<IIIII", 0x02000000 | effective, permitted, 0, 0, 0))
        if heeded:
            refused(capable, "file capabilities", prefix=run, cwd="/")
        else:
            assert tuntapd("exec", capable, prefix=run, cwd="/").returncode == OK
    # Where the marks give nothing, they are no reason.
    os.setxattr(capable, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))
    for path in (tmp_path / "setuid", tmp_path / "setgid", capable):
        assert tuntapd("exec", path).returncode == OK
        assert tuntapd("exec", path, prefix=["setpriv", "--no-new-privs", *NOBODY[1:]], cwd="/").returncode == OK
    nosuid = ["unshare", "-m", "sh", "-ec", 'mount --bind "$0" "$0"; mount -o remount,bind,nosuid "$0"; exec "$@"', str(tmp_path)]
    assert tuntapd("exec", tmp_path / "setuid", prefix=[*nosuid, *run], cwd="/").returncode == OK
    assert tuntapd("exec", copy("setgid-unused", 0o2745), prefix=run, cwd="/").returncode == OK
    assert tuntapd("exec", copy("own", 0o6755), prefix=[]).returncode == OK


def test_unreadable_program_is_refused(tmp_path):
    open_to_all(tmp_path)
    path = tmp_path / "unreadable"
    shutil.copy(shutil.which("true"), path)
    path.chmod(0o711)
    refused(path, "let this user read it", prefix=NOBODY, cwd="/")


# --- which shim


@pytest.fixture
def tree(tmp_path):
    """A build tree of its own: just the command and the shim."""
    (tmp_path / "tree/cli").mkdir(parents=True)
    (tmp_path / "tree/shim").mkdir()
    shutil.copy(TUNTAPD, tmp_path / "tree/cli")
    shutil.copy(SHIM, tmp_path / "tree/shim")
    return tmp_path / "tree"


def preloaded(executable, prefix=()):
    return subprocess.run([*prefix, str(executable), "exec", "sh", "-c", "echo $LD_PRELOAD"], capture_output=True, text=True,
                          env=environment(), cwd="/", timeout=60)


def test_build_tree_has_its_own_shim(tree):
    result = preloaded(tree / "cli/tuntapd")
    assert (result.returncode, result.stdout) == (OK, f"{tree}/shim/libtuntapd-shim.so\n")


def test_installed_command_has_the_installed_shim(tree, tmp_path):
    # LIBDIR and BINDIR of the build under test.
    options = subprocess.run(["meson", "introspect", "--buildoptions", str(TUNTAPD.parent.parent)], check=True,
                             capture_output=True).stdout
    where = {option["name"]: option["value"] for option in json.loads(options)}
    prefix = tmp_path / "prefix"
    directory = prefix / where["libdir"] / "tuntapd"
    directory.mkdir(parents=True)
    (prefix / where["bindir"]).mkdir()
    executable = shutil.copy(tree / "cli/tuntapd", prefix / where["bindir"])
    shutil.move(tree / "shim/libtuntapd-shim.so", directory)
    result = preloaded(executable)
    assert (result.returncode, result.stdout) == (OK, f"{directory}/libtuntapd-shim.so\n"), result.stderr
    # Called by a link from elsewhere, and with the whole prefix moved.
    link = tmp_path / "link"
    link.symlink_to(executable)
    assert preloaded(link).stdout == f"{directory}/libtuntapd-shim.so\n"
    moved = tmp_path / "moved"
    prefix.rename(moved)
    result = preloaded(moved / where["bindir"] / "tuntapd")
    assert result.stdout == f"{moved}/{where['libdir']}/tuntapd/libtuntapd-shim.so\n"


def test_missing_shim_is_named(tree, tmp_path):
    musl = elf(tmp_path / "musl", script(tmp_path / "ld-musl-x.so.1", ""))

    def refuse(program, name, libc):
        result = subprocess.run([tree / "cli/tuntapd", "exec", program], capture_output=True, text=True)
        assert result.returncode == CANNOT_RUN
        assert f"{tree}/shim/{name}" in result.stderr and libc in result.stderr

    refuse(musl, "libtuntapd-shim-musl.so", "musl")
    (tree / "shim/libtuntapd-shim.so").rename(tree / "shim/libtuntapd-shim-musl.so")
    refuse("true", "libtuntapd-shim.so", "glibc")


MUSL_SHIM = SHIM.with_name("libtuntapd-shim-musl.so")


@pytest.mark.skipif(not MUSL_SHIM.exists() or not shutil.which("musl-gcc"), reason="no musl, or no shim for it built")
def test_program_of_musl_has_the_shim_for_musl(tmp_path, world):  # noqa: F811
    source = tmp_path / "opener.c"
    source.write_text("#include <fcntl.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                      'int main(void) { puts(getenv("LD_PRELOAD")); return open("/dev/tap0", O_RDWR) < 0; }\n')
    subprocess.run(["musl-gcc", "-o", tmp_path / "opener", source], check=True)
    # With glibc's shim already there, as in a script that was itself started with exec.
    result = world.run("exec", tmp_path / "opener", env={"LD_PRELOAD": str(SHIM.resolve())})
    assert (result.returncode, result.stdout) == (OK, f"{MUSL_SHIM.resolve()}\n"), result.stderr


@pytest.mark.parametrize("part", ["shim/libtuntapd-shim.so", "shim", ""])
@pytest.mark.parametrize("change", ["group", "others", "owner"])
def test_shim_that_others_can_replace_is_not_loaded(tree, part, change):
    path = tree / part
    mode = stat.S_IMODE(path.stat().st_mode)
    assert preloaded(tree / "cli/tuntapd").returncode == OK
    if change == "owner":
        os.chown(path, 65534, -1)
    else:
        path.chmod(mode | (0o020 if change == "group" else 0o002))
    result = preloaded(tree / "cli/tuntapd")
    assert result.returncode == CANNOT_RUN and result.stdout == ""
    assert f"{path} belongs to somebody else or can be written by others" in result.stderr.replace("//", "/")


def test_sticky_directory_is_fine_above_and_not_around_the_shim(tree):
    tree.chmod(0o1777)
    assert preloaded(tree / "cli/tuntapd").returncode == OK
    (tree / "shim").chmod(0o1777)
    assert preloaded(tree / "cli/tuntapd").returncode == CANNOT_RUN


def test_shim_behind_a_link_is_judged_where_it_is(tree, tmp_path):
    (tmp_path / "loose").mkdir()
    shutil.move(tree / "shim/libtuntapd-shim.so", tmp_path / "loose")
    (tree / "shim/libtuntapd-shim.so").symlink_to(tmp_path / "loose/libtuntapd-shim.so")
    assert preloaded(tree / "cli/tuntapd").stdout == f"{tmp_path}/loose/libtuntapd-shim.so\n"
    (tmp_path / "loose").chmod(0o777)
    assert preloaded(tree / "cli/tuntapd").returncode == CANNOT_RUN


def test_shim_of_another_user_is_not_loaded(tree):
    open_to_all(tree)
    assert preloaded(tree / "cli/tuntapd", NOBODY).returncode == OK  # root's
    os.chown(tree / "shim", 65534, -1)
    assert preloaded(tree / "cli/tuntapd", NOBODY).returncode == OK  # this user's
    os.chown(tree / "shim", 1, -1)
    assert preloaded(tree / "cli/tuntapd", NOBODY).returncode == CANNOT_RUN


def test_place_that_the_loader_cannot_name_is_refused(tree):
    moved = tree.parent / "with blank"
    tree.rename(moved)
    result = preloaded(moved / "cli/tuntapd")
    assert result.returncode == CANNOT_RUN and "blank or colon" in result.stderr


# --- --private


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """A user's directory for the time of a session, in which the directories of --private are made."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="session-"))
    path.chmod(0o1777)
    monkeypatch.setattr(sys.modules[__name__], "SESSION", path)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def nothing_left(session):
    yield
    assert list(session.iterdir()) == []


def private(*args, **how):
    return tuntapd("exec", "--private", *args, env={"XDG_RUNTIME_DIR": str(SESSION)}, **how)


def test_private_program_opens_a_device(nothing_left):
    program = ("import os, subprocess as s; fd = os.open('/dev/tap0', os.O_RDWR); print(os.getuid());"
               "s.run('ip -br addr show lo; ip -o link; " + str(TUNTAPD) + " ifname tap0', shell=True)")
    result = private(sys.executable, "-c", program)
    assert result.returncode == OK and result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "0" and "127.0.0.1" in lines[1] and lines[-1] == "tap0"
    assert [line.split(":")[1].strip() for line in lines[2:-1]] == ["lo", "tap0"]


def test_private_world_leaves_the_machine_alone(nothing_left):
    before = pathlib.Path("/proc/net/dev").read_text().count("\n"), pathlib.Path("/proc/self/mountinfo").read_text()
    inside = private("sh", "-c", "cat /proc/self/mountinfo; echo $TUNTAPD_SOCKET")
    socket_path = inside.stdout.splitlines()[-1]
    directory = os.path.dirname(socket_path)
    assert f" {directory} " in inside.stdout and not os.path.exists(directory)
    assert before == (pathlib.Path("/proc/net/dev").read_text().count("\n"), pathlib.Path("/proc/self/mountinfo").read_text())


@pytest.fixture
def as_nobody(tmp_path):
    """What goes before a command that a user without rights runs, with a node as Debian makes it, for everybody."""
    open_to_all(tmp_path)
    node = tmp_path / "tun"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))
    node.chmod(0o666)
    return ["unshare", "-m", "sh", "-ec", 'mount --bind "$0" /dev/net/tun; exec "$@"', str(node), *NOBODY]


def test_private_needs_no_root(as_nobody, nothing_left):
    program = "import os; fd = os.open('/dev/tun5', os.O_RDWR); print(os.getuid(), os.fstat(fd).st_rdev != 0)"
    result = private(sys.executable, "-c", program, prefix=as_nobody, cwd="/")
    assert (result.returncode, result.stdout, result.stderr) == (OK, "0 True\n", "")


def test_private_ignores_the_machines_configuration(nothing_left):
    options = subprocess.run(["meson", "introspect", "--buildoptions", str(TUNTAPD.parent.parent)], check=True,
                             capture_output=True).stdout
    where = {option["name"]: option["value"] for option in json.loads(options)}
    directory = pathlib.Path(where["prefix"]) / where["sysconfdir"]
    if not directory.is_dir():
        pytest.skip(f"{directory} does not exist")
    broken = ["unshare", "-m", "sh", "-ec", 'mount -t tmpfs none "$0"; echo "no { such" > "$0/tuntapd.conf"; exec "$@"',
              str(directory)]
    assert tuntapd("serve", "-s", "/tmp/never", prefix=broken).returncode == 78  # the mount is where it counts
    result = private("true", prefix=broken)
    assert (result.returncode, result.stderr) == (OK, "")


def test_private_status_is_the_programs(nothing_left):
    assert [private("sh", "-c", f"exit {n}").returncode for n in (0, 1, 255)] == [0, 1, 255]
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE):
        assert private("sh", "-c", f"kill -{int(number)} $$").returncode == -number
    assert private("/no/such/program").returncode == NOT_FOUND
    assert private("sh", "-c", "exec /no/such/program").returncode == 127


running = []


@pytest.fixture(autouse=True)
def end_what_a_failed_test_left():
    yield
    while running:
        process = running.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


def start_private(*args, before=(), **how):
    process = subprocess.Popen([*before, str(TUNTAPD), "exec", "--private", *args], text=True,
                               env=environment(XDG_RUNTIME_DIR=str(SESSION)),
                               **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how})
    running.append(process)
    return process


def children(pid):
    return [int(n) for n in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


TELL = """
import signal, sys
told = {getattr(signal, name) for name in sys.argv[1:]}
signal.pthread_sigmask(signal.SIG_BLOCK, told)  # a handler of Python's, and pause(), miss one that comes between them
print("ready", flush=True)
while True:
    print(signal.Signals(signal.sigwait(told)).name, flush=True)
"""


def test_private_hands_signals_on(nothing_left):
    names = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGCONT", "SIGWINCH", "SIGALRM"]
    process = start_private(sys.executable, "-c", TELL, *names)
    assert process.stdout.readline() == "ready\n"
    for name in names:
        os.kill(process.pid, getattr(signal, name))
        assert process.stdout.readline() == name + "\n"
    (program,) = [pid for pid in children(process.pid) if "-c" in pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                  and "serve" not in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(program, signal.SIGKILL)
    assert process.wait(BOUND_S) == -signal.SIGKILL
    process.communicate()


def test_private_program_has_the_signals_that_we_were_started_with():
    def signals(text):
        return [line for line in text.splitlines() if line.startswith(("SigBlk", "SigIgn"))]

    show = ["cat", "/proc/self/status"]  # not through a shell, which has its own ideas
    for prefix in ([], ["env", "--ignore-signal=HUP,CHLD", "--block-signal=USR1"]):
        plain = signals(subprocess.run([*prefix, *show], capture_output=True, text=True).stdout)
        assert signals(private(*show, prefix=prefix).stdout) == plain and len(plain) == 2
    assert int(plain[0].split()[1], 16) != 0 and int(plain[1].split()[1], 16) & 1 << signal.SIGCHLD - 1 != 0


def test_private_stops_and_goes_on_with_the_program(nothing_left):
    process = start_private("sh", "-c", "kill -STOP $$; echo on")
    pid, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(process.pid, signal.SIGCONT)
    assert process.communicate(timeout=BOUND_S)[0] == "on\n"
    assert process.returncode == OK


@pytest.mark.parametrize("terminal", [False, True])
def test_private_interrupt_comes_once(terminal, nothing_left):
    """From the terminal the kernel sends it to the program itself; from kill(1) it comes through us.  Never to the daemon."""
    main, side = os.openpty()
    code = ("import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
            "os.execvp(sys.argv[1], sys.argv[1:])")
    process = start_private(sys.executable, "-c", TELL, "SIGINT", "SIGCONT", before=[sys.executable, "-c", code], stdin=side)
    os.close(side)
    assert process.stdout.readline() == "ready\n"
    (daemon,) = [pid for pid in children(process.pid) if "serve" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    assert os.getsid(daemon) == daemon != os.getsid(process.pid)
    # Stopped, we cannot hand on while the program still has the first: two that wait would be one.
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
    if terminal:
        os.write(main, b"\x03")
        assert process.stdout.readline() == "SIGINT\n"
        os.kill(process.pid, signal.SIGCONT)
    else:
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.readline() == "SIGINT\n"
    # Handed on in the order of their numbers: a second SIGINT would come before this.
    assert process.stdout.readline() == "SIGCONT\n"
    process.terminate()
    rest, said = process.communicate(timeout=BOUND_S)
    assert (process.returncode, rest, said) == (-signal.SIGTERM, "", "")
    os.close(main)


def test_private_killed_takes_daemon_and_program_along(session):
    process = start_private(sys.executable, "-c", HOLD, "tap0")
    assert process.stdout.readline() == "open\n"
    below = children(process.pid)
    below += [pid for child in below for pid in children(child)]
    assert len(below) == 3  # monitor, worker, program
    process.kill()
    process.wait()
    wait_until(lambda: all(is_gone(pid) for pid in below))
    process.communicate()
    (directory,) = session.iterdir()
    assert list(directory.iterdir()) == []


def test_private_program_killed_leaves_nothing(nothing_left):
    process = start_private(sys.executable, "-c", HOLD, "tap0")
    assert process.stdout.readline() == "open\n"
    below = children(process.pid)
    below += [pid for child in below for pid in children(child)]
    program = next(pid for pid in below if HOLD in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(program, signal.SIGKILL)
    assert process.wait(BOUND_S) == -signal.SIGKILL
    assert all(is_gone(pid) for pid in below)
    process.communicate()


def test_private_terminated_while_it_starts(nothing_left):
    """Wherever the signal falls, nothing is left behind and the status tells of it."""
    for delay_ms in range(0, 40, 2):
        process = start_private("sleep", "100")
        try:
            process.wait(delay_ms / 1000)
        except subprocess.TimeoutExpired:
            pass
        process.terminate()
        assert process.wait(BOUND_S) == -signal.SIGTERM
        process.communicate()


def test_private_daemon_killed_is_said(nothing_left):
    process = start_private(sys.executable, "-c", HOLD, "tap0")
    assert process.stdout.readline() == "open\n"
    daemon = next(pid for pid in children(process.pid) if "serve" in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(daemon, signal.SIGKILL)
    while "the daemon has ended" not in (line := process.stderr.readline()):
        assert line != "", "nothing was said"
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(BOUND_S) == OK


def test_private_verbose_shows_the_daemons_log(nothing_left):
    result = private("-v", "true")
    assert result.returncode == OK and "serving" in result.stderr
    assert private("true").stderr == ""


def test_private_with_user_namespaces_forbidden(nothing_left):
    forbid = ["unshare", "-Ur", "sh", "-ec", 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"', "sh"]
    result = private("true", prefix=forbid)
    assert result.returncode == PERMISSION and "max_user_namespaces" in result.stderr


def test_private_without_the_tun_node(nothing_left):
    hide = ["unshare", "-m", "sh", "-ec", 'mount -t tmpfs none /dev/net; exec "$@"', "sh"]
    result = private("true", prefix=hide)
    assert result.returncode == NO_DAEMON and "/dev/net/tun is missing" in result.stderr and "modprobe tun" in result.stderr


def test_private_with_a_tun_node_that_is_not_ours(tmp_path, nothing_left):
    node = tmp_path / "tun"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(10, 200))
    bind = ["unshare", "-m", "sh", "-ec", 'mount --bind "$0" /dev/net/tun; exec "$@"', str(node), *NOBODY]
    result = private("true", prefix=bind, cwd="/")
    assert result.returncode == PERMISSION and "cannot open /dev/net/tun" in result.stderr


def test_private_inside_private(nothing_left):
    result = private(TUNTAPD, "exec", "--private", "sh", "-c", "id -u; exit 3")
    assert (result.returncode, result.stdout) == (3, "0\n")


def test_private_directory_is_the_sessions(tmp_path):
    """And the usual one where the session's has no room for a socket's name, or is none."""
    show = ["sh", "-c", "echo $TUNTAPD_SOCKET"]
    long = tmp_path / ("x" * 100)
    long.mkdir()
    short = pathlib.Path("/tmp") / f"test-cli-{os.getpid()}"
    short.mkdir()
    try:
        for directory, parent in ((short, short), (long, "/tmp"), ("/no/such", "/tmp"), ("relative", "/tmp"), ("", "/tmp")):
            result = tuntapd("exec", "--private", *show, env={"XDG_RUNTIME_DIR": str(directory)})
            assert result.returncode == OK and result.stdout.startswith(f"{parent}/tuntapd-"), result.stderr
        assert list(short.iterdir()) == []
    finally:
        short.rmdir()


def test_private_runs_a_set_user_id_program(as_nobody, tmp_path):
    """In a namespace with one user the mark gives nothing."""
    path = tmp_path / "marked"
    shutil.copy(shutil.which("true"), path)
    path.chmod(0o4755)
    assert tuntapd("exec", path, prefix=as_nobody, cwd="/").returncode == CANNOT_RUN
    assert private(path, prefix=as_nobody, cwd="/").returncode == OK
    show = private("sh", "-c", f"{path} && id -u", prefix=as_nobody, cwd="/")
    assert show.stdout == "0\n"


def test_program_through_a_daemon(world):  # noqa: F811
    program = world.hold("tun0")
    assert world.run("ifname", "tun0").stdout == "tun0\n"
    second = subprocess.run([*world.inside, str(TUNTAPD), "exec", "-s", str(world.socket), sys.executable, "-c", HOLD, "tun0"],
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert second.returncode == 1 and "busy" in second.stderr
    world.let_go(program)
