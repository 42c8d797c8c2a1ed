# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two that are compared: how each is installed into a machine, and where its parts are found."""

import shutil
import subprocess

from .machine import SOURCE

# What runs in every machine, managed or not. machined is not among them: it runs for the guests' sake.
BASE = {"systemd", "systemd-journald", "systemd-logind", "dbus-daemon", "systemd-udevd", "agetty", "bash", "sleep",
        "nsenter", "systemd-executor", "polkitd", "systemd-nspawn"}


class Side:
    name = title = ""
    uri = "qemu:///system"
    # the unit and the socket that answer qemu:///system
    daemon = socket = ""
    # the units of a usual machine
    daemons = ()

    def __init__(self, work):
        self.work = work

    def options(self, trees=()):
        """Options of the container."""
        found = ["--keep"]
        for tree in [*self.trees(), *trees]:
            found += ["--tree", str(tree)]
        return found + ["--", f"--bind={self.work.shared}:/mnt/bench", *self.binds()]

    def trees(self):
        return []

    def binds(self):
        return []

    def qemu_of(self, machine, guest):
        """Pid, as seen from this machine, of a guest's QEMU."""
        for pid, exe, unit in machine.processes():
            if exe.startswith("qemu-system") and self.owns(unit, guest):
                return pid
        return None

    def inner_pid(self, pid):
        """The same process as the container numbers it."""
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
        return pid

    def stop_daemon(self, machine):
        # a fast machine would otherwise start it more often than the start limit allows
        machine.sh(f"systemctl stop {self.daemon}; systemctl reset-failed {self.daemon} 2>/dev/null || true")

    def management(self, machine):
        """(pid, name, unit) of what the management of guests keeps running."""
        return [p for p in machine.processes() if p[1] not in BASE and not p[1].startswith("qemu-system")
                and p[1] not in ("rpcbench", "virsh", "python3")]


class Libvirt(Side):
    name = "libvirt"
    title = "libvirt"
    daemon = "libvirtd.service"
    # Debian 12 has no others
    daemons = ("libvirtd.service", "virtlogd.service", "virtlockd.service")
    socket = "/run/libvirt/libvirt-sock"

    def trees(self):
        return [self.work.peer / "tree"]

    def binds(self):
        # Without a controller libvirt leaves machined out; this one is used by nobody.
        return [f"--bind={self.work.controller}:/mnt/net_cls"]

    def owns(self, unit, guest):
        return unit.startswith("machine-qemu") and unit.endswith(f"x2d{guest}.scope")

    def autostart_tree(self, tree, guests, template):
        folder = tree / "etc/libvirt/qemu"
        (folder / "autostart").mkdir(parents=True)
        for guest in guests:
            (folder / f"{guest}.xml").write_text(template.replace("@NAME@", guest))
            (folder / "autostart" / f"{guest}.xml").symlink_to(f"/etc/libvirt/qemu/{guest}.xml")

    def version(self, machine):
        return machine.sh("dpkg-query -Wf '${Version}' libvirt-daemon 2>/dev/null || libvirtd --version").strip()


class Unitvirt(Side):
    name = "unitvirt"
    title = "Unitvirt"
    daemon = "virtqemud.service"
    daemons = tuple(f"virt{name}d.service" for name in ("qemu", "network", "nodedev", "nwfilter", "secret", "storage",
                                                        "interface", "proxy", "log", "lock"))
    socket = "/run/libvirt/virtqemud-sock"

    def options(self, trees=()):
        return ["--install", str(self.work.build), *super().options(trees)]

    def owns(self, unit, guest):
        return unit == f"vm@{guest}.service"

    def autostart_tree(self, tree, guests, template):
        folder = tree / "etc/libvirt/qemu"
        wants = tree / "etc/systemd/system/machines.target.wants"
        folder.mkdir(parents=True)
        wants.mkdir(parents=True)
        for guest in guests:
            (folder / f"{guest}.xml").write_text(template.replace("@NAME@", guest))
            (wants / f"vm@{guest}.service").symlink_to("/usr/lib/systemd/system/vm@.service")
        # machines.target is wanted by multi-user.target where a preset says so
        multi = tree / "etc/systemd/system/multi-user.target.wants"
        multi.mkdir()
        (multi / "machines.target").symlink_to("/usr/lib/systemd/system/machines.target")

    def version(self, machine):
        head = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                              text=True)
        return head.stdout.strip() or "this tree"


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
