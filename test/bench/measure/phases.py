# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to each side, and the samples that come of it. A phase measures several figures in one machine.

Times are milliseconds, processor time as well, memory is MiB; `add` takes the key of report.FIGURES."""

import os
import re
import statistics
import subprocess
import time

from . import hardware, host, many
from .machine import Failed, Group, Machine, Timed, smaps
from .sides import fresh

RATE_SECONDS = 1.5
# until a daemon has noticed that nobody calls any more
QUIET_SECONDS = 21
# what both sides have
MONOLITHIC = "libvirtd.service virtlogd.service virtlockd.service"
CALLS = (("state", "idle"), ("version", "-"), ("xml", "idle"), ("list", "-"))


def client_and_machine(machine, session, *command):
    """One command of rpcbench, with what client and machine together used of the processor, in ms."""
    before = machine.cpu()
    answer = session.ask(*command)
    answer["total"] = (machine.cpu() - before + answer["cpu"]) / 1000
    return answer


def cold(work, side, machine, add):
    """First reply of virsh version: the first ever, later ones by socket activation, and with the daemon up."""
    own = [machine.timed("virsh", "--version") for _ in range(10)]
    base = statistics.median(t.wall for t in own) / 1000
    add("client", [t.wall / 1000 for t in own])
    machine.settle()
    before = machine.cpu()
    first = machine.timed("virsh", "-c", side.uri, "version")
    if first.status != 0:
        raise Failed(f"virsh version: {first.output.strip()[-300:]}")
    add("cold-first", [first.wall / 1000 - base])
    add("cold-first-cpu", [(machine.cpu() - before + first.cpu) / 1000])
    for _ in range(8):
        side.stop_daemon(machine)
        machine.settle()
        before = machine.cpu()
        later = machine.timed("virsh", "-c", side.uri, "version")
        if later.status != 0:
            raise Failed(f"virsh version: {later.output.strip()[-300:]}")
        add("cold", [later.wall / 1000 - base])
        add("cold-cpu", [(machine.cpu() - before + later.cpu) / 1000])
    # what is looked for is less than what the client's own time changes by in a minute: one beside the other
    for _ in range(20):
        alone = machine.timed("virsh", "--version").wall
        add("warm", [(machine.timed("virsh", "-c", side.uri, "version").wall - alone) / 1000])
    if side.name == "unitvirt":
        cold_floor(side, machine, base, add)


class StubUnit:
    """A stub that answers one recorded client unseen, as a unit activated by its socket."""
    path = "/run/bench-stub.socket"
    uri = f"qemu+unix:///system?socket={path}"
    frames = "/run/bench-stub.frames"

    def __init__(self, side, machine, client):
        """Records what client() does with the side's daemon by way of self.uri."""
        self.machine = machine
        recorder = subprocess.Popen(
            machine.command(["/mnt/bench/replay", "record", self.path, side.socket, self.frames]),
            stdout=subprocess.PIPE)
        recorder.stdout.readline()
        client(self.uri)
        recorder.wait(timeout=10)
        start = f"ExecStart=/mnt/bench/replay serve - {self.frames}"
        machine.sh(f"cd /run/systemd/system; rm -f {self.path}\n"
                   f"printf '[Socket]\\nListenStream={self.path}\\n' > bench-stub.socket\n"
                   f"sed -e '/^ExecStart=/c {start}' -e '/^Exec[^S]/d; /^Type=/c Type=simple'"
                   f" -e '/^Requires=/d; /^Wants=/d; /^After=/d; /^Conflicts=/d'"
                   f" /usr/lib/systemd/system/{side.daemon} > bench-stub.sandboxed\n"
                   f"printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\n{start}\\n' > bench-stub.bare")

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.machine.sh("systemctl stop bench-stub.socket bench-stub.service; rm -f /run/systemd/system/bench-stub.*;"
                        " systemctl daemon-reload")

    def use(self, kind):
        """kind: sandboxed as the daemon is, or bare."""
        self.machine.sh(f"cd /run/systemd/system; cp bench-stub.{kind} bench-stub.service; systemctl daemon-reload;"
                        " systemctl restart bench-stub.socket")

    def stop(self):
        self.machine.sh("systemctl stop bench-stub.service")


def cold_floor(side, machine, base, add):
    """The same client and a stub that answers it unseen, activated by its socket: in the daemon's sandbox, and in
    none."""
    with StubUnit(side, machine, lambda uri: machine.timed("virsh", "-c", uri, "version")) as stub:
        for kind in ("bare", "sandboxed"):
            stub.use(kind)
            for i in range(9):
                machine.settle()
                reply = machine.timed("virsh", "-c", stub.uri, "version")
                if reply.status != 0:
                    raise Failed(f"virsh version from the stub: {reply.output.strip()[-300:]}")
                if i > 0:
                    add(f"cold-{kind}", [reply.wall / 1000 - base])
                stub.stop()


def rates(work, side, machine, add):
    """Calls a second with one running guest, then the same against the stub that replays the answers."""
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        session.ask("define", "/mnt/bench/idle.xml", "idle", 1)
        session.ask("start", "idle")
        add("open", [session.ask("open", 50)["wall"] / 50000 for _ in range(3)])
    time.sleep(2)
    idle = idle_load(machine)
    for call, guest in CALLS:
        for connections in (1, 8):
            with machine.session("/mnt/bench/rpcbench", side.uri) as session:
                measure_rate(machine.cpu, session, call, guest, connections, idle, add, "")
    for call, guest in CALLS:
        stub_rate(work, side, machine, call, guest, add)
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        session.ask("destroy", "idle")
        for connections in (1, 8):
            machine.settle()
            answer = client_and_machine(machine, session, "rate", "state", "idle", connections, RATE_SECONDS)
            add(f"off-state-{connections}", [answer["calls"] / answer["wall"] * 1e6])
        session.ask("undefine", "idle", 1)


def idle_load(machine):
    """What the machine uses while nobody asks: the running guest's share, a fraction of a processor."""
    before = machine.cpu()
    time.sleep(1)
    return (machine.cpu() - before) / 1e6


def measure_rate(cpu, session, call, guest, connections, idle, add, prefix):
    before = cpu()
    answer = session.ask("rate", call, guest, connections, RATE_SECONDS)
    used = cpu() - before - idle * answer["wall"] + answer["cpu"]
    add(f"{prefix}{call}-{connections}", [answer["calls"] / answer["wall"] * 1e6])
    add(f"{prefix}{call}-{connections}-cpu", [used / answer["calls"]])


def stub_rate(work, side, machine, call, guest, add):
    """Records one client's session with the side's server, then measures a server that only replays it."""
    names = "/run/bench-stub"
    uri = f"qemu+unix:///system?socket={names}"
    recorder = subprocess.Popen(machine.command(["/mnt/bench/replay", "record", names, side.socket, "/run/replay"]),
                                stdout=subprocess.PIPE)
    recorder.stdout.readline()
    with machine.session("/mnt/bench/rpcbench", uri) as session:
        session.ask("rate", call, guest, 1, 0.05)
    recorder.wait(timeout=10)
    with Group("unitvirt-bench-stub") as group:
        server = subprocess.Popen(machine.command(["/mnt/bench/replay", "serve", names, "/run/replay"]),
                                  stdout=subprocess.PIPE, preexec_fn=group.enter, start_new_session=True)
        try:
            server.stdout.readline()
            for connections in (1, 8):
                with machine.session("/mnt/bench/rpcbench", uri) as session:
                    measure_rate(group.cpu, session, call, guest, connections, 0, add, "stub-")
        finally:
            for pid in (group.path / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
            server.wait()


def define(work, side, machine, add):
    """Definitions: processor time for each, memory of the daemon with 1,000, a restart with 5,000."""
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        answer = client_and_machine(machine, session, "define", "/mnt/bench/idle.xml", "d", 1000)
        add("define", [answer["total"] / 1000])
        add("define-wall", [answer["wall"] / 1e6])
    machine.sh("/usr/bin/python3 -B /mnt/bench/exercise.py " + side.uri, timeout=180)
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        add("list-1000", [session.ask("listed", 1000, 10000)["wall"] / 1000 for _ in range(3)])
    main = [p for p in machine.processes() if p[2] == side.daemon]
    if not main:
        raise Failed(f"{side.daemon} has no process")
    memory = lambda: sum(smaps(p[0]) for p in main) / 1024
    add("daemon-1000", [memory()])
    time.sleep(QUIET_SECONDS)
    add("daemon-1000-quiet", [memory()])
    restart_with_5000(work, side, machine, add)


def client_lists(machine, uri):
    with machine.session("/mnt/bench/rpcbench", uri) as session:
        return session.ask("listed", 5000, 60000)


def started_and_listed(machine, unit, uri, key, add):
    machine.settle()
    before, begin = machine.cpu(), time.monotonic()
    machine.sh(f"systemctl start {unit}")
    answer = client_lists(machine, uri)
    add(key, [(time.monotonic() - begin) * 1000])
    add(f"{key}-cpu", [(machine.cpu() - before + answer["cpu"]) / 1000])


def restart_with_5000(work, side, machine, add):
    """4,000 more definitions are put into the folder by hand, then the daemon is restarted."""
    template = (work.shared / "idle.xml").read_text()
    folder = fresh(work.shared / "many")
    for i in range(1000, 5000):
        uuid = f"00000000-0000-4000-8000-{i:012x}"
        text = template.replace("@NAME@", f"d{i}").replace("</name>", f"</name><uuid>{uuid}</uuid>")
        (folder / f"d{i}.xml").write_text(text)
    machine.sh("cp /mnt/bench/many/*.xml /etc/libvirt/qemu/; systemctl daemon-reload", timeout=300)
    for _ in range(3):
        side.stop_daemon(machine)
        started_and_listed(machine, side.daemon, side.uri, "restart-5000", add)
    listed = lambda uri: client_lists(machine, uri)
    listed(side.uri)
    if side.name == "unitvirt":
        with StubUnit(side, machine, listed) as stub:
            stub.use("sandboxed")
            for _ in range(3):
                started_and_listed(machine, "bench-stub.service", stub.uri, "restart-stub", add)
                stub.stop()
    side.stop_daemon(machine)
    machine.sh("rm -f /etc/libvirt/qemu/d*.xml; systemctl daemon-reload", timeout=300)


def life(work, side, machine, add):
    """A guest's start, destroy and violent end by the API, and QEMU's own share of the start."""
    arguments = work.shared / f"{side.name}.arguments"
    with machine.session("/mnt/bench/rpcbench", side.uri, "--events") as session:
        session.ask("define", "/mnt/bench/rom.xml", "rom", 1)
        for i in range(8):
            machine.settle()
            answer = start_and_settle(machine, session, "rom")
            if i > 0:       # the first one fills caches
                add("start", [answer["wall"] / 1000])
                add("start-cpu", [answer["total"]])
            if i == 0:
                keep_arguments(side, machine, "rom", arguments)
            add("destroy", [session.ask("destroy", "rom")["wall"] / 1000])
        for _ in range(8):
            machine.settle()
            session.ask("start", "rom")
            time.sleep(0.3)
            pid = side.inner_pid(side.qemu_of(machine, "rom"))
            add("kill", [session.ask("kill", "rom", pid)["wall"] / 1000])
            time.sleep(0.2)
        session.ask("undefine", "rom", 1)
    floor(work, side, machine, arguments, add)


def start_and_settle(machine, session, guest):
    """Starts a guest whose firmware halts at once, and counts until all is quiet."""
    before = machine.cpu()
    answer = session.ask("start", guest)
    time.sleep(0.4)
    answer["total"] = (machine.cpu() - before + answer["cpu"]) / 1000
    return answer


def by_hand(arguments):
    """Sockets go to a folder of their own: the unit's runtime directory goes with the unit."""
    return re.sub(rb"path=/run/libvirt/qemu/([^/,]+)/", rb"path=/run/by-hand/\1-", arguments)


def keep_arguments(side, machine, guest, path):
    pid = side.qemu_of(machine, guest)
    if pid is None:
        raise Failed(f"no QEMU of {guest} is found in its cgroup")
    path.write_bytes(by_hand(open(f"/proc/{pid}/cmdline", "rb").read()))


def prepare_by_hand(machine, arguments):
    """Makes what the command line refers to and its manager had made."""
    text = arguments.read_bytes().decode(errors="replace")
    for key in re.findall(r'"file":"([^"]+master-key.aes)"', text):
        machine.sh(f"mkdir -p $(dirname '{key}'); head -c 32 /dev/urandom > '{key}'")
    machine.sh("mkdir -p /run/by-hand")
    for path in re.findall(r"path=([^,\0]+)", text):
        machine.sh(f"mkdir -p \"$(dirname '{path}')\"")


def run_floor(machine, arguments, *options):
    """One start and end by hand: the two lines of numbers, and the processor time until the guest is quiet."""
    with Group("unitvirt-bench-floor") as group:
        machine.settle()
        process = subprocess.Popen(machine.command(["/mnt/bench/floor", *options, f"/mnt/bench/{arguments.name}"]),
                                   text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=group.enter)
        line = process.stdout.readline()
        time.sleep(0.4)
        used = group.cpu()
        process.stdin.close()
        rest = process.stdout.read()
        process.wait()
    walls = [re.search(r"wall=(\d+)", text) for text in (line, rest)]
    if None in walls:
        raise Failed("QEMU does not run with this command line by hand")
    return [float(wall[1]) / 1000 for wall in walls], used / 1000


def floor(work, side, machine, arguments, add):
    """The same command line, run by hand."""
    prepare_by_hand(machine, arguments)
    for i in range(8):
        (start, end), used = run_floor(machine, arguments)
        if i > 0:
            add("floor-start", [start])
            add("floor-cpu", [used])
        add("floor-destroy", [end])
    add("floor-kill", [run_floor(machine, arguments, "-k")[0][1] for _ in range(8)])
    if side.name == "unitvirt":
        unit_floor(work, machine, add)


def sandboxed_true(build, *settings):
    """The guest's unit with `true` as its program: the sandbox, and nothing else of it."""
    lines = [line for line in (build / "units/vm@.service").read_text().splitlines()
             if not line.startswith(("Exec", "Type=", "NotifyAccess", "Restart", "OnFailure", "Watchdog"))]
    at = lines.index("[Service]") + 1
    lines[at:at] = ["Type=oneshot", "ExecStart=/bin/true", *settings]
    return "\n".join(lines) + "\n"


def unit_floor(work, machine, add):
    """What systemd takes for one process in the guest's sandbox, whatever it does."""
    (work.shared / "floor.service").write_text(sandboxed_true(work.build))
    machine.sh("cp /mnt/bench/floor.service /run/systemd/system/bench-floor@.service; systemctl daemon-reload")
    for i in range(8):
        machine.settle()
        before = machine.cpu()
        machine.sh("systemctl start bench-floor@x")
        time.sleep(0.4)
        if i > 0:
            add("unit-cpu", [(machine.cpu() - before) / 1000])
    machine.sh("rm /run/systemd/system/bench-floor@.service; systemctl daemon-reload")


def twenty(work, side, machine, add):
    """20 running guests, and nobody connected: what of the management stays in memory."""
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        session.ask("define", "/mnt/bench/rom.xml", "g", 20)
        before, begin = machine.cpu(), time.monotonic()
        for i in range(20):
            session.ask("start", f"g{i}")
        add("serial-20", [(time.monotonic() - begin) * 1000])
    with host.session_of(side, machine) as session:
        add("domstats-20", [session.ask("domstats", 20)["wall"] / 1000 for _ in range(5)])
    if side.name == "unitvirt":
        # what each does by itself two minutes later, or seconds, those that virtqemud asked as well
        machine.sh("systemctl stop 'virt*d.service' vm-prepare.service")
    machine.settle()
    processes = side.management(machine)
    sizes = {}
    for pid, exe, _ in processes:
        sizes.setdefault(exe, []).append(smaps(pid))
    add("memory-20", [sum(map(sum, sizes.values())) / 1024])
    add("processes-20", [len(processes)])
    add("memory-20-by", [", ".join(f"{exe} {len(v)} x {sum(v) / len(v):.0f} KiB" for exe, v in sorted(sizes.items()))])
    if "vm-run" in sizes:
        add("vm-run", [size / 1024 for size in sizes["vm-run"]])
    with machine.session("/mnt/bench/rpcbench", side.uri) as session:
        for i in range(20):
            session.ask("destroy", f"g{i}")
        session.ask("undefine", "g", 20)


def security(work, side, machine, add):
    """systemd-analyze's exposure of the daemon, and of a guest's unit."""
    score = lambda unit: float(re.search(r"Overall exposure level for .*: ([\d.]+)",
                                         machine.sh(f"systemd-analyze security --no-pager {unit}", check=False))[1])
    add("security-daemon", [score(side.daemon)])
    if side.name == "unitvirt":
        with machine.session("/mnt/bench/rpcbench", side.uri) as session:
            session.ask("define", "/mnt/bench/rom.xml", "rom", 1)
            add("security-guest", [score("vm@rom.service")])
            session.ask("undefine", "rom", 1)


def started_together(machine, units, key, add):
    machine.sh(f"systemctl stop {units}; systemctl reset-failed {units} 2>/dev/null || true")
    machine.settle()
    before, begin = machine.cpu(), time.monotonic()
    machine.sh(f"systemctl start {units}")
    add(key, [(time.monotonic() - begin) * 1000])
    machine.settle()
    add(f"{key}-cpu", [(machine.cpu() - before) / 1000])


def back_to_modular(machine):
    """libvirtd's start has stopped the other daemons' sockets, and the start of one of them stops libvirtd and its
    sockets: whoever called either would be left without."""
    machine.sh("systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket;"
               " systemctl start sockets.target; systemctl is-active virtqemud.socket virtproxyd.socket")


def daemons(work, side, machine, add):
    """The daemons of a usual machine: started together, while nobody asks, and after a client used all of them."""
    units = " ".join(side.daemons)
    memory = lambda: sum(smaps(pid) for pid, _, unit in machine.processes() if unit in side.daemons) / 1024
    for _ in range(5):
        started_together(machine, units, "set-start", add)
        add("set-idle", [memory()])
    machine.sh("/usr/bin/python3 -B /mnt/bench/exercise.py " + side.uri, timeout=180)
    add("set-active", [memory()])
    machine.sh(f"systemctl stop {units}")
    for _ in range(5):
        started_together(machine, MONOLITHIC, "three-start", add)
    if side.name == "unitvirt":
        back_to_modular(machine)


def generator(work, side, machine, add):
    """Definitions to drop-ins, the time and memory of it."""
    if side.name != "unitvirt":
        return
    template = (work.shared / "idle.xml").read_text()
    program = machine.sh("ls /usr/lib/systemd/system-generators/*unitvirt* /usr/lib/systemd/system-generators/*vm*",
                         check=False).split()
    program = [p for p in program if p.startswith("/usr/lib") and os.access(f"/proc/{machine.leader}/root{p}", os.X_OK)]
    if not program:
        raise Failed("the generator is not installed")
    for n in (1000, 10000):
        folder = fresh(work.shared / "many")
        (folder / "qemu").mkdir()
        for i in range(n):
            uuid = f"00000000-0000-4000-8000-{i:012x}"
            text = template.replace("@NAME@", f"d{i}").replace("</name>", f"</name><uuid>{uuid}</uuid>")
            (folder / "qemu" / f"d{i}.xml").write_text(text)
        machine.sh("rm -rf /run/many; cp -r /mnt/bench/many /run/many")
        for _ in range(3):
            machine.sh("rm -rf /run/generated; mkdir -p /run/generated/{normal,early,late}")
            line = machine.sh(f"UNITVIRT_ETC=/run/many /mnt/bench/peak {program[0]} /run/generated/normal"
                              " /run/generated/early /run/generated/late").splitlines()[-1]
            run = {key: float(value) for key, value in (word.split("=") for word in line.split())}
            made = int(machine.sh("ls -d /run/generated/normal/vm@?*.service.d | wc -l"))
            if run["status"] != 0 or made != n:
                raise Failed(f"the generator made {made} drop-ins of {n} definitions: {line}")
            add(f"generator-{n}", [run["wall"] / 1000])
            add(f"generator-{n}-cpu", [run["cpu"] / 1000])
            add(f"generator-{n}-peak", [run["peak"] / 1024])
        machine.sh("rm -rf /run/many /run/generated")


# In one machine, in this order; the first needs a machine that has never run a daemon.
PHASES = {"cold": cold, "rates": rates, "define": define, "life": life, "twenty": twenty, "security": security,
          "daemons": daemons, "networks": host.networks, "storage": host.storage, "volumes": host.volumes,
          "devices": host.devices,
          "hotplug": host.hotplug, "nodedev": hardware.nodedev, "filters": hardware.filters,
          "hundred": many.hundred,
          "generator": generator}
