# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures with their goals, as a table for the terminal and for docs/performance.md."""

import datetime
import os
import platform
import re
import statistics
import subprocess

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def middle(samples):
    return statistics.median(samples)


def at_most(limit):
    return lambda key, ours: (f"at most {limit:g}", middle(ours[key]) <= limit)


def to_floor(limit, floor):
    def judge(key, ours):
        ratio = middle(ours[key]) / middle(ours[floor])
        return f"{limit:g} x by hand (is {ratio:.2f} x)", ratio <= limit
    return judge


def of_stub(share, stub, cost=False):
    def judge(key, ours):
        part = middle(ours[stub]) / middle(ours[key]) if cost else middle(ours[key]) / middle(ours[stub])
        return f"{share:.0%} of the stub (is {part:.0%})", part >= share
    return judge


# key, what, unit, goal. Rows with a goal are those of the project's table of goals.
FIGURES = (
    ("client", "`virsh --version`: the client's own time", "ms", None),
    ("cold-first", "`virsh version`, first ever, beyond the client's own time", "ms", at_most(10)),
    ("cold-first-cpu", "the same, CPU, client included", "ms", None),
    ("cold", "`virsh version` by socket activation, beyond the client's own time", "ms", at_most(10)),
    ("cold-cpu", "the same, CPU, client included", "ms", None),
    ("cold-sandboxed", "the same from the stub, activated by its socket in the daemon's sandbox", "ms", None),
    ("cold-bare", "the same from the stub in no sandbox at all", "ms", None),
    ("warm", "`virsh version`, daemon running, beyond the client's own time", "ms", None),
    ("memory-20", "20 guests running, nobody connected: PSS of all management", "MiB", at_most(8)),
    ("processes-20", "processes of it", "", None),
    ("vm-run", "`vm-run`, PSS a guest", "MiB", at_most(0.4)),
    ("daemon-1000", "daemon's PSS, 1,000 guests defined, straight after every procedure was used", "MiB", None),
    ("daemon-1000-quiet", "the same, nobody having called for 21 s", "MiB", at_most(4)),
    ("define", "define, CPU a guest, client included", "ms", at_most(0.3)),
    ("define-wall", "define, a guest", "ms", None),
    ("restart-5000", "restart until 5,000 are listed", "ms", at_most(100)),
    ("restart-5000-cpu", "the same, CPU", "ms", None),
    ("restart-stub", "the same from the stub, in the daemon's sandbox", "ms", None),
    ("restart-stub-cpu", "the same, CPU", "ms", None),
    ("list-1000", "connect, list 1,000 guests", "ms", None),
    ("open", "open and close a connection", "ms", None),
    ("state-1", "getState of a running guest, 1 connection", "calls/s", of_stub(0.85, "stub-state-1")),
    ("state-8", "the same, 8 connections", "calls/s", of_stub(0.85, "stub-state-8")),
    ("state-1-cpu", "CPU a call, client and daemon, 1 connection", "us", of_stub(0.85, "stub-state-1-cpu", cost=True)),
    ("state-8-cpu", "the same, 8 connections", "us", of_stub(0.85, "stub-state-8-cpu", cost=True)),
    ("stub-state-1", "stub: getState, 1 connection", "calls/s", None),
    ("stub-state-8", "stub: the same, 8 connections", "calls/s", None),
    ("stub-state-1-cpu", "stub: CPU a call, 1 connection", "us", None),
    ("stub-state-8-cpu", "stub: the same, 8 connections", "us", None),
    ("off-state-1", "getState of a stopped guest, 1 connection", "calls/s", None),
    ("off-state-8", "the same, 8 connections", "calls/s", None),
    ("version-1", "getVersion, 1 connection", "calls/s", None),
    ("version-8", "the same, 8 connections", "calls/s", None),
    ("xml-1", "getXMLDesc of a running guest, 1 connection", "calls/s", None),
    ("xml-8", "the same, 8 connections", "calls/s", None),
    ("start-cpu", "start by API: CPU until the guest is quiet, client included", "ms", to_floor(1.15, "floor-cpu")),
    ("floor-cpu", "the same QEMU command line by hand, CPU", "ms", None),
    ("unit-cpu", "a unit with the guest's sandbox that runs `true`, CPU", "ms", None),
    ("start", "start by API, until the call returns", "ms", None),
    ("floor-start", "by hand, until the guest runs", "ms", None),
    ("destroy", "destroy by API", "ms", at_most(15)),
    ("floor-destroy", "by hand, SIGTERM until QEMU is gone", "ms", None),
    ("kill", "SIGKILL to QEMU until the client's event", "ms", at_most(5)),
    ("floor-kill", "by hand, SIGKILL until the kernel closes QEMU's monitor", "ms", None),
    ("serial-20", "20 starts, one after another", "ms", None),
    ("boot-20", "boot of the machine until 20 autostart guests run", "ms", to_floor(1.0, "floor-boot-20")),
    ("floor-boot-20", "boot until the same 20 QEMUs, started by hand at once, run", "ms", None),
    ("boot-20-cpu", "boot with 20 guests, CPU", "ms", None),
    ("floor-boot-20-cpu", "boot with 20 QEMUs by hand, CPU", "ms", None),
    ("set-start", "start of all daemons of a machine at once", "ms", None),
    ("set-start-cpu", "the same, CPU", "ms", None),
    ("set-idle", "PSS of all of them, running and idle", "MiB", None),
    ("set-active", "PSS of all of them, after a client used every driver", "MiB", None),
    ("three-start", "start of libvirtd, virtlogd and virtlockd at once", "ms", None),
    ("three-start-cpu", "the same, CPU", "ms", None),
    ("security-daemon", "`systemd-analyze security`: daemon", "", at_most(2.0)),
    ("security-guest", "`systemd-analyze security`: guest", "", at_most(2.0)),
    ("generator-1000", "generator, 1,000 definitions", "ms", at_most(100)),
    ("generator-1000-cpu", "the same, CPU", "ms", None),
    ("generator-10000", "generator, 10,000 definitions", "ms", at_most(1000)),
    ("generator-10000-cpu", "the same, CPU", "ms", None),
    ("generator-10000-peak", "generator, its peak memory (RSS) with 10,000", "MiB", at_most(9.9)),
)


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(samples):
    if not samples:
        return "-"
    if len(samples) == 1:
        return number(samples[0])
    return f"{number(middle(samples))} ({number(min(samples))}..{number(max(samples))})"


def ratio(unit, peer, ours):
    if not peer or not ours or middle(peer) <= 0 or middle(ours) <= 0:
        return ""
    better = middle(ours) / middle(peer) if unit == "calls/s" else middle(peer) / middle(ours)
    return f"{better:.1f} x" if better < 100 else f"{better:.0f} x"


def rows(results):
    peer, ours = results.get("libvirt", {}), results.get("unitvirt", {})
    for key, what, unit, goal in FIGURES:
        text = met = ""
        if key not in peer and key not in ours:
            if not goal:
                continue
            met = "not measured"
        elif goal and key in ours:
            try:
                text, good = goal(key, ours)
                met = "yes" if good else "**no**"
            except KeyError:
                met = "not measured"
        elif goal:
            met = "not measured"
        yield (what, unit, cell(peer.get(key)), cell(ours.get(key)), ratio(unit, peer.get(key), ours.get(key)), text, met)


HEAD = ("what", "unit", "libvirt", "Unitvirt", "better by", "goal", "met")


def terminal(results):
    table = [HEAD, *rows(results)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in table)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def conditions(results, versions, notes):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
    lines = [
        f"Measured {datetime.datetime.now():%Y-%m-%d %H:%M} on {os.cpu_count()} x {processor()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}; load at the end {load[0]:.1f} (1 min), {load[2]:.1f} (15 min).",
        f"libvirt: {versions.get('libvirt', 'not run')}. Unitvirt: {versions.get('unitvirt', 'not run')}. {qemu}.",
    ]
    by = {side: values["memory-20-by"][0] for side, values in results.items() if "memory-20-by" in values}
    lines += [f"Memory with 20 guests, {side}: {text}." for side, text in by.items()]
    return "\n".join(lines + [f"Not measured: {note}." for note in notes])


def markdown(results, versions, notes):
    lines = [conditions(results, versions, notes), "", "| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows(results)])


def update(path, text):
    old = path.read_text()
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{path}: the marks of the measured part are missing")
    new = re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda m: f"{BEGIN}\n{text}\n{END}", old, flags=re.S)
    scratch = path.with_suffix(".new")
    scratch.write_text(new)
    scratch.rename(path)
