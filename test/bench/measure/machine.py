# SPDX-License-Identifier: LGPL-2.1-or-later
"""A throw-away machine (test/system/container) and what is measured of it from outside."""

import os
import pathlib
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
CONTAINER = SOURCE / "test/system/container"
CGROUPS = pathlib.Path("/sys/fs/cgroup")


class Failed(Exception):
    """A measurement that could not be made; the row says so, the others go on."""


def cgroup2():
    """Where this machine has its version 2 tree."""
    for line in open("/proc/mounts"):
        words = line.split()
        if words[2] == "cgroup2" and words[1].startswith(str(CGROUPS)):
            return pathlib.Path(words[1])
    raise Failed("this machine has no cgroup v2 tree")


def cpu_usage(group):
    """Microseconds of processor time that a cgroup has used."""
    for line in open(group / "cpu.stat"):
        if line.startswith("usage_usec"):
            return int(line.split()[1])
    raise Failed(f"no usage_usec in {group}")


def smaps(pid):
    """PSS of a process in KiB, of shared and of its own pages."""
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


class Timed:
    """What a finished command took: wall and cpu in microseconds, and its output."""

    def __init__(self, command, **kwargs):
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
        self.output = process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = (time.monotonic() - begin) * 1e6
        self.cpu = (usage.ru_utime + usage.ru_stime) * 1e6
        self.status = process.returncode


class Machine:
    def __init__(self, folder, options):
        self.folder = pathlib.Path(folder)
        self.options = options
        self.leader = None
        self.group = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *args):
        self.down()

    def up(self):
        before = set(cgroup2().iterdir())
        # guests are emulated on both sides, see docs/performance.md
        run = subprocess.run([CONTAINER, "up", self.folder, *self.options], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=180, text=True, env={**os.environ, "HIDE": "/dev/kvm"})
        if run.returncode != 0:
            self.down()
            raise Failed(f"the container did not start: {run.stdout.strip()[-300:]}")
        nspawn = (self.folder / "nspawn").read_text().strip()
        self.leader = int(open(f"/proc/{nspawn}/task/{nspawn}/children").read().split()[0])
        own = [line for line in open(f"/proc/{self.leader}/cgroup") if line.startswith("0::")][0]
        path = own.split("::")[1].strip().split("/")[1]
        self.group = cgroup2() / path
        if path in ("", "init.scope") or (self.group not in before and not self.group.exists()):
            raise Failed("the container has no cgroup of its own")

    def down(self):
        subprocess.run([CONTAINER, "down", self.folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60)
        self.leader = None

    def command(self, words):
        return ["nsenter", "-t", str(self.leader), "-a", "--", *map(str, words)]

    def timed(self, *words):
        return Timed(self.command(words))

    def sh(self, script, check=True, timeout=120):
        """Runs a shell script inside and gives its output."""
        run = subprocess.run(self.command(["bash", "-c", script]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, text=True, timeout=timeout)
        if check and run.returncode != 0:
            raise Failed(f"{script.splitlines()[0][:80]}: {run.stdout.strip()[-300:]}")
        return run.stdout

    def cpu(self):
        return cpu_usage(self.group)

    def settle(self, quiet=0.1, limit=20):
        """Waits until the machine does nothing: under 2 % of a processor in the given time."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(quiet)
            if self.cpu() - before < quiet * 20000:
                return

    def processes(self):
        """(pid as seen from here, name, unit) of all processes of the machine."""
        found = []
        for procs in self.group.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                try:
                    exe = os.readlink(f"/proc/{pid}/exe")
                except OSError:
                    continue
                found.append((int(pid), os.path.basename(exe), procs.parent.name))
        return found

    def session(self, program, uri, *options):
        return Session(self.command([program, uri, *options]))


class Session:
    """A running rpcbench: one line in, one line out."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        if not line or line.startswith("error"):
            raise Failed(f"{' '.join(map(str, words))}: {line or 'the client ended'}")
        return {key: float(value) for key, value in (word.split("=") for word in line.split())}


class Group:
    """A cgroup of this machine, for what is started by hand and has to be counted apart."""

    def __init__(self, name):
        self.path = cgroup2() / name
        self.path.mkdir(exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)

    def enter(self):
        """For a new child, before it executes its program."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def cpu(self):
        return cpu_usage(self.path)
