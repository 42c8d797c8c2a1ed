# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine's boot with 20 guests that start by themselves, alone and on a network that does as well, and the same
QEMUs started at boot by hand."""

import os
import re
import time

from .machine import Failed, Machine
from .phases import by_hand, sandboxed_true
from .sides import fresh

GUESTS = [f"b{i}" for i in range(20)]
FLOOR_UNIT = """[Unit]
Description=QEMUs by hand

[Service]
ExecStart=/bin/sh -c 'sleep 600 | /mnt/bench/floor /mnt/bench/boot.arguments/*'
StandardOutput=file:/mnt/bench/boot.out
"""

NETWORK = """<network><name>bench</name><forward mode='nat'/><bridge name='virbr9'/>
<ip address='10.66.0.1' prefix='24'><dhcp><range start='10.66.0.2' end='10.66.0.200'/></dhcp></ip></network>
"""
CARD = "<interface type='network'><source network='bench'/><model type='virtio'/></interface></devices>"


def started(pid):
    """When a process began, in microseconds of the monotonic clock (in steps of 10 ms)."""
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19]) * 1e6 / os.sysconf("SC_CLK_TCK")


def wait_for(condition, what, limit=120):
    end = time.monotonic() + limit
    while not (found := condition()):
        if time.monotonic() > end:
            raise Failed(f"{what} did not come about in {limit} s")
        time.sleep(0.25)
    return found


def qemus(side, machine):
    return [p for p in machine.processes() if p[1].startswith("qemu-system")]


def all_running(side, machine):
    """When the last of the guests ran, or None. libvirt: when its last QEMU began, for want of a later mark, which is
    to its advantage. Unitvirt: when its last unit was ready, which is after the guest runs."""
    found = qemus(side, machine)
    if len(found) < len(GUESTS):
        return None
    if side.name == "libvirt":
        return max(started(pid) for pid, _, _ in found)
    return all_active(machine, "vm@*.service")


def all_active(machine, pattern):
    """When the last of the units was ready, or None."""
    text = machine.sh(f"systemctl show -P ActiveEnterTimestampMonotonic '{pattern}'", check=False)
    times = [int(line) for line in text.split() if line.isdigit() and int(line) > 0]
    return max(times) if len(times) >= len(GUESTS) else None


def boot(work, side, add, rounds):
    template = (work.shared / "rom.xml").read_text()
    tree = fresh(work.folder / "tree-boot")
    side.autostart_tree(tree, GUESTS, template)
    folder = fresh(work.shared / "boot.arguments")
    for i in range(rounds):
        with Machine(work.folder / "machine", side.options([work.rom_tree, tree])) as machine:
            end = wait_for(lambda: all_running(side, machine), "20 running guests")
            add("boot-20", [(end - started(machine.leader)) / 1000])
            time.sleep(1)
            add("boot-20-cpu", [machine.cpu() / 1000])
            if i == 0:
                for pid, _, unit in qemus(side, machine):
                    (folder / str(pid)).write_bytes(by_hand(open(f"/proc/{pid}/cmdline", "rb").read()))
    boot_by_hand(work, side, add, rounds)
    boot_on_network(work, side, add, rounds)


def boot_on_network(work, side, add, rounds):
    """The same guests, each with a card on a network with NAT and DHCP."""
    tree = fresh(work.folder / "tree-boot")
    side.autostart_tree(tree, GUESTS, (work.shared / "rom.xml").read_text().replace("</devices>", CARD))
    networks = tree / "etc/libvirt/qemu/networks"
    (networks / "autostart").mkdir(parents=True)
    (networks / "bench.xml").write_text(NETWORK)
    (networks / "autostart/bench.xml").symlink_to("/etc/libvirt/qemu/networks/bench.xml")
    for _ in range(rounds):
        with Machine(work.folder / "machine", side.options([work.rom_tree, tree])) as machine:
            end = wait_for(lambda: all_running(side, machine), "20 running guests on a network")
            add("boot-net-20", [(end - started(machine.leader)) / 1000])
            time.sleep(1)
            add("boot-net-20-cpu", [machine.cpu() / 1000])


def boot_by_hand(work, side, add, rounds):
    tree = fresh(work.folder / "tree-boot")
    units = tree / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "floor.service").write_text(FLOOR_UNIT)
    (units / "multi-user.target.wants/floor.service").symlink_to("../floor.service")
    for arguments in (work.shared / "boot.arguments").iterdir():
        text = arguments.read_bytes().decode(errors="replace")
        paths = re.findall(r'"file":"([^"]+master-key.aes)"', text)
        for path in paths + re.findall(r"path=([^,\0]+)", text):
            # /run is empty at boot
            if not path.startswith("/run/"):
                made = tree / path[1:]
                made.parent.mkdir(parents=True, exist_ok=True)
                made.write_bytes(os.urandom(32))
            else:
                (tree / "etc/tmpfiles.d").mkdir(exist_ok=True)
                with open(tree / "etc/tmpfiles.d/floor.conf", "a") as f:
                    f.write(f"d {os.path.dirname(path)}\n")
    out = work.shared / "boot.out"
    for _ in range(rounds):
        out.write_text("")
        with Machine(work.folder / "machine", side.options([work.rom_tree, tree])) as machine:
            line = wait_for(lambda: re.search(r"at=(\d+)", out.read_text()), "20 QEMUs by hand")
            add("floor-boot-20", [(int(line[1]) - started(machine.leader)) / 1000])
            time.sleep(1)
            add("floor-boot-20-cpu", [machine.cpu() / 1000])
    if side.name == "unitvirt":
        boot_by_hand_with_sandboxes(work, side, add, rounds, tree)


def boot_by_hand_with_sandboxes(work, side, add, rounds, tree):
    """The same, and as many units with the guest's sandbox that run `true`: what is left to a manager whose guests are
    sandboxed units, as for the start of one."""
    units, out = tree / "etc/systemd/system", work.shared / "boot.out"
    (units / "bench-floor@.service").write_text(sandboxed_true(work.build, "RemainAfterExit=yes"))
    for guest in GUESTS:
        (units / f"multi-user.target.wants/bench-floor@{guest}.service").symlink_to("../bench-floor@.service")
    for _ in range(rounds):
        out.write_text("")
        with Machine(work.folder / "machine", side.options([work.rom_tree, tree])) as machine:
            line = wait_for(lambda: re.search(r"at=(\d+)", out.read_text()), "20 QEMUs by hand")
            end = wait_for(lambda: all_active(machine, "bench-floor@*.service"), "20 units with `true`")
            add("floor-boot-sandboxed", [(max(int(line[1]), end) - started(machine.leader)) / 1000])
            time.sleep(1)
            add("floor-boot-sandboxed-cpu", [machine.cpu() / 1000])
