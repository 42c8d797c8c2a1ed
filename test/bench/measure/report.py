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


# A goal is a function of a row's key and both sides' samples: what is asked for, and whether it is met.

def at_most(limit):
    return lambda key, ours, peer: (f"at most {limit:g}", middle(ours[key]) <= limit)


def to_floor(limit, words, *floors):
    """At most so many times what the floors, which no manager can be below, take together."""
    def judge(key, ours, peer):
        part = middle(ours[key]) / sum(middle(ours[floor]) for floor in floors)
        return f"{limit:g} x {words} (is {part:.2f} x)", part <= limit
    return judge


def ahead(key, ours, peer):
    """Less than libvirt takes; more for rates."""
    more = UNITS[key] in RATES
    a, b = middle(ours[key]), middle(peer[key])
    return "ahead of libvirt", a > b if more else a < b


def times_ahead(factor):
    """A fraction of what libvirt takes."""
    return lambda key, ours, peer: (f"{factor} x ahead of libvirt", middle(ours[key]) * factor <= middle(peer[key]))


# key, what, unit, goal. Where a floor is measured the goal is a ratio to it; else it is to be ahead of libvirt, and a
# limit where libvirt has nothing to compare with. Rows without a goal explain others, or compare what is not alike.
FIGURES = (
    ("client", "`virsh --version`: the client's own time", "ms", None),
    ("cold-first", "`virsh version`, first ever, beyond the client's own time", "ms", ahead),
    ("cold-first-cpu", "the same, CPU, client included", "ms", ahead),
    ("cold", "`virsh version` by socket activation, beyond the client's own time", "ms",
     to_floor(1.15, "the stub in the same sandbox", "cold-sandboxed")),
    ("cold-cpu", "the same, CPU, client included", "ms", ahead),
    ("cold-sandboxed", "the same from the stub, activated by its socket in the daemon's sandbox", "ms", None),
    ("cold-bare", "the same from the stub in no sandbox at all", "ms", None),
    ("warm", "`virsh version`, daemon running, beyond the client's own time", "ms", ahead),
    ("memory-20", "20 guests running, nobody connected: PSS of all management", "MiB", ahead),
    ("processes-20", "processes of it", "", None),
    ("vm-run", "`vm-run`, PSS a guest", "MiB", at_most(0.4)),
    ("daemon-1000", "daemon's PSS, 1,000 guests defined, straight after every procedure was used", "MiB", ahead),
    ("daemon-1000-quiet", "the same, nobody having called for 21 s", "MiB", ahead),
    ("define", "define, CPU a guest, client included", "ms", ahead),
    ("define-wall", "define, a guest", "ms", ahead),
    ("restart-5000", "restart until 5,000 are listed", "ms", to_floor(1.5, "the stub", "restart-stub")),
    ("restart-5000-cpu", "the same, CPU", "ms", ahead),
    ("restart-stub", "the same from the stub, in the daemon's sandbox", "ms", None),
    ("restart-stub-cpu", "the same, CPU", "ms", None),
    ("list-1000", "connect, list 1,000 guests", "ms", ahead),
    ("open", "open and close a connection", "ms", ahead),
    ("state-1", "getState of a running guest, 1 connection", "calls/s", ahead),
    ("state-8", "the same, 8 connections", "calls/s", ahead),
    ("state-1-cpu", "CPU a call, client and daemon, 1 connection", "us", ahead),
    ("state-8-cpu", "the same, 8 connections", "us", ahead),
    ("stub-state-1", "stub: getState, 1 connection", "calls/s", None),
    ("stub-state-8", "stub: the same, 8 connections", "calls/s", None),
    ("stub-state-1-cpu", "stub: CPU a call, 1 connection", "us", None),
    ("stub-state-8-cpu", "stub: the same, 8 connections", "us", None),
    ("off-state-1", "getState of a stopped guest, 1 connection", "calls/s", ahead),
    ("off-state-8", "the same, 8 connections", "calls/s", ahead),
    ("version-1", "getVersion, 1 connection", "calls/s", ahead),
    ("version-8", "the same, 8 connections", "calls/s", ahead),
    ("xml-1", "getXMLDesc of a running guest, 1 connection", "calls/s", ahead),
    ("xml-8", "the same, 8 connections", "calls/s", ahead),
    ("start-cpu", "start by API: CPU until the guest is quiet, client included", "ms",
     to_floor(1.15, "QEMU and one sandboxed `true`", "floor-cpu", "unit-cpu")),
    ("floor-cpu", "the same QEMU command line by hand, CPU", "ms", None),
    ("unit-cpu", "a unit with the guest's sandbox that runs `true`, CPU", "ms", None),
    ("start", "start by API, until the call returns", "ms", ahead),
    ("floor-start", "by hand, until the guest runs", "ms", None),
    ("destroy", "destroy by API", "ms", ahead),
    ("floor-destroy", "by hand, SIGTERM until QEMU is gone", "ms", None),
    ("kill", "SIGKILL to QEMU until the client's event", "ms", ahead),
    ("floor-kill", "by hand, SIGKILL until the kernel closes QEMU's monitor", "ms", None),
    ("serial-20", "20 starts, one after another", "ms", ahead),
    ("boot-20", "boot of the machine until 20 autostart guests run", "ms", to_floor(1.5, "by hand", "floor-boot-20")),
    ("floor-boot-20", "boot until the same 20 QEMUs, started by hand at once, run", "ms", None),
    ("boot-20", "the same boot of 20 guests, against a sandbox each", "ms",
     to_floor(1.15, "by hand with 20 sandboxed `true`", "floor-boot-sandboxed")),
    ("floor-boot-sandboxed", "boot until the QEMUs by hand run, and 20 units with the guest's sandbox that run `true`",
     "ms", None),
    ("floor-boot-sandboxed-cpu", "the same, CPU", "ms", None),
    ("boot-20-cpu", "boot with 20 guests, CPU", "ms", ahead),
    ("floor-boot-20-cpu", "boot with 20 QEMUs by hand, CPU", "ms", None),
    ("boot-net-20", "boot until 20 autostart guests on a network run", "ms", ahead),
    ("boot-net-20-cpu", "the same, CPU", "ms", ahead),
    ("domstats-20", "statistics of 20 running guests, by libvirt-python", "ms", ahead),
    ("domstats-100", "statistics of 100 running guests", "ms", ahead),
    ("domstats-100-cpu", "the same, CPU", "ms", ahead),
    ("events-20", "a guest is paused or resumed until 20 clients have the event", "ms", ahead),
    ("net-start", "start of a network (NAT, DHCP), by libvirt-python as all below", "ms", ahead),
    ("net-start-cpu", "the same, CPU", "ms", ahead),
    ("net-destroy", "its end", "ms", ahead),
    ("net-destroy-cpu", "the same, CPU", "ms", ahead),
    ("net-list", "200 networks are listed", "ms", ahead),
    ("net-guest", "start of a guest with a card on it", "ms", ahead),
    ("net-guest-cpu", "the same, CPU", "ms", ahead),
    ("net-memory", "PSS of a running network, dnsmasq apart", "MiB", at_most(0.2)),
    ("pool-start-1000", "start of a pool with 1,000 images, half of them qcow2", "ms", ahead),
    ("pool-start-1000-cpu", "the same, CPU", "ms", ahead),
    ("pool-unit", "a unit with the pool's sandbox that runs `true`, by systemd's clock", "ms", None),
    ("pool-unit-cpu", "the same, CPU, with `systemctl`", "ms", None),
    ("pool-refresh-1000", "refresh of the pool with 1,000", "ms", times_ahead(5)),
    ("pool-refresh-1000-cpu", "the same, CPU", "ms", ahead),
    ("pool-refresh-empty", "refresh of a pool without volumes", "ms", None),
    ("pool-refresh-empty-cpu", "the same, CPU", "ms", None),
    ("pool-start-10000", "start of a pool with 10,000", "ms", ahead),
    ("pool-start-10000-cpu", "the same, CPU", "ms", ahead),
    ("pool-refresh-10000", "its refresh", "ms", times_ahead(5)),
    ("pool-refresh-10000-cpu", "the same, CPU", "ms", ahead),
    ("vol-list-1000", "1,000 volumes are listed", "ms", ahead),
    ("vol-list-10000", "10,000 volumes are listed", "ms", ahead),
    ("pool-memory", "daemon's PSS with 10,000 volumes, straight after they were listed", "MiB", ahead),
    ("pool-memory-quiet", "the same, nobody having called for 21 s (0: it has ended)", "MiB", ahead),
    ("vol-create", "a raw volume of 1 MiB is made", "ms", ahead),
    ("vol-delete", "one is deleted", "ms", ahead),
    ("vol-create-row", "100 are made, one call straight after the other: each", "ms", ahead),
    ("vol-delete-row", "they are deleted: each", "ms", ahead),
    ("vol-clone", "a raw volume of 64 MiB is copied", "ms", ahead),
    ("vol-clone-cpu", "the same, CPU", "ms", ahead),
    ("floor-clone", "the same by `cp`", "ms", None),
    ("vol-upload", "upload of 256 MiB", "MiB/s", ahead),
    ("vol-upload-cpu", "the same, CPU", "ms", ahead),
    ("vol-download", "download of 256 MiB", "MiB/s", ahead),
    ("vol-download-cpu", "the same, CPU", "ms", ahead),
    ("floor-cat", "the same through two `cat`", "MiB/s", None),
    ("large-define", "define of a guest with 20 devices", "ms", ahead),
    ("large-define-cpu", "the same, CPU", "ms", ahead),
    ("large-start", "its start", "ms", ahead),
    ("large-start-cpu", "the same, CPU", "ms", ahead),
    ("large-memory", "PSS of what manages it while it runs, a client being connected", "MiB", ahead),
    ("helped-start", "start of a guest with a TPM (swtpm) and a folder by virtiofs", "ms", ahead),
    ("helped-start-cpu", "the same, CPU", "ms", ahead),
    ("attach-disk", "a disk is attached", "ms", ahead),
    ("attach-disk-cpu", "the same, CPU", "ms", ahead),
    ("detach-disk", "... detached, until it has gone", "ms", ahead),
    ("detach-disk-cpu", "the same, CPU", "ms", ahead),
    ("attach-card", "a network card is attached", "ms", ahead),
    ("attach-card-cpu", "the same, CPU", "ms", ahead),
    ("detach-card", "... detached, until it has gone", "ms", ahead),
    ("detach-card-cpu", "the same, CPU", "ms", ahead),
    ("media", "a medium is changed", "ms", ahead),
    ("nodedev", "all node devices are listed and described", "ms", None),
    ("nodedev-each", "the same, a device", "ms", ahead),
    ("nodedev-1000-list", "1,000 node devices are listed", "ms", ahead),
    ("nodedev-1000-xml", "1,000 node devices are listed and described", "ms", ahead),
    ("nodedev-1000-first", "start of virtnodedevd (libvirtd) with 1,000 until the first list", "ms", ahead),
    ("nodedev-1000-first-cpu", "the same, CPU", "ms", ahead),
    ("filter-guest", "start of a guest with clean-traffic", "ms", ahead),
    ("filter-guest-cpu", "the same, CPU", "ms", ahead),
    ("filter-rebuild-20", "a filter of 20 taps is changed", "ms", ahead),
    ("filter-rebuild-20-cpu", "the same, CPU", "ms", ahead),
    ("filter-rebuild-200", "a filter of 200 taps is changed", "ms", at_most(1000)),
    ("filter-rebuild-200-cpu", "the same, CPU", "ms", None),
    ("set-start", "start of all daemons of a machine at once", "ms", None),
    ("set-start-cpu", "the same, CPU", "ms", None),
    ("set-idle", "PSS of all of them, running and idle", "MiB", ahead),
    ("set-active", "PSS of all of them, after a client used every driver", "MiB", ahead),
    ("three-start", "start of libvirtd, virtlogd and virtlockd at once", "ms", ahead),
    ("three-start-cpu", "the same, CPU", "ms", ahead),
    ("security-daemon", "`systemd-analyze security`: daemon", "", at_most(2.0)),
    ("security-guest", "`systemd-analyze security`: guest", "", at_most(2.0)),
    ("generator-1000", "generator, 1,000 definitions", "ms", at_most(100)),
    ("generator-1000-cpu", "the same, CPU", "ms", None),
    ("generator-10000", "generator, 10,000 definitions", "ms", at_most(1000)),
    ("generator-10000-cpu", "the same, CPU", "ms", None),
    ("generator-10000-peak", "generator, its peak memory (RSS) with 10,000", "MiB", at_most(9.9)),
)


RATES = ("calls/s", "MiB/s")
UNITS = {key: unit for key, _, unit, _ in FIGURES}


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
    better = middle(ours) / middle(peer) if unit in RATES else middle(peer) / middle(ours)
    return f"{better:.1f} x" if better < 100 else f"{better:.0f} x"


def rows(results, whole):
    """whole: with the goals of what was not measured."""
    peer, ours = results.get("libvirt", {}), results.get("unitvirt", {})
    for key, what, unit, goal in FIGURES:
        text = met = ""
        if key not in peer and key not in ours:
            if not goal or not whole:
                continue
            met = "not measured"
        elif goal and key in ours:
            try:
                text, good = goal(key, ours, peer)
                met = "yes" if good else "**no**"
            except KeyError:
                met = "not measured"
        elif goal:
            met = "not measured"
        yield (what, unit, cell(peer.get(key)), cell(ours.get(key)), ratio(unit, peer.get(key), ours.get(key)), text,
               met)


HEAD = ("what", "unit", "libvirt", "Unitvirt", "better by", "goal", "met")


def terminal(results):
    table = [HEAD, *rows(results, False)]
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
        f"libvirt: {versions.get('libvirt', 'not run')}. Unitvirt: {versions.get('unitvirt', 'not run')}. {qemu}. "
        f"Both: {versions.get('moves', 'cgroups as they are')}.",
    ]
    by = {side: values["memory-20-by"][0] for side, values in results.items() if "memory-20-by" in values}
    lines += [f"Memory with 20 guests, {side}: {text}." for side, text in by.items()]
    return "\n".join(lines + [f"Not measured: {note}." for note in notes])


def markdown(results, versions, notes):
    lines = [conditions(results, versions, notes), "", "| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows(results, True)])


def update(path, text):
    old = path.read_text()
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{path}: the marks of the measured part are missing")
    new = re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda m: f"{BEGIN}\n{text}\n{END}", old, flags=re.S)
    scratch = path.with_suffix(".new")
    scratch.write_text(new)
    scratch.rename(path)
