#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""start-after-kill.py NAME ROUNDS: SIGKILL to a guest's QEMU, and a start as soon as the end is known, again and again;
the same with a transient guest that is created again. Each start must give a running guest with a QEMU of its own."""

import os
import signal
import sys
import time

import libvirt

name, rounds = sys.argv[1], int(sys.argv[2])
connection = libvirt.open("qemu:///system")
libvirt.registerErrorHandler(lambda *_: None, None)


def qemu_pid(guest):
    for line in open(f"/run/libvirt/qemu/vm-{guest}/run"):
        if line.startswith("pid="):
            return int(line[4:])
    raise RuntimeError("no pid")


def is_active(guest):
    try:
        return connection.lookupByName(guest).isActive()
    except libvirt.libvirtError as e:
        if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return False
        raise


def kill(guest):
    pid = qemu_pid(guest)
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while is_active(guest):
        if time.monotonic() > end:
            sys.exit(f"{guest} is said to run 10 s after SIGKILL")
    return pid


def check(guest, old):
    state, reason = connection.lookupByName(guest).state()
    if (state, reason) != (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED):
        sys.exit(f"{guest}: state {state}, reason {reason} after its start")
    if qemu_pid(guest) == old:
        sys.exit(f"{guest}: still QEMU {old}")


domain = connection.lookupByName(name)
for _ in range(rounds):
    old = kill(name)
    domain.create()
    check(name, old)
xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
domain.destroy()
transient = xml.replace(f"<name>{name}</name>", f"<name>{name}t</name>").replace(
    domain.UUIDString(), "c0ffee00-0000-4000-8000-000000000001")
connection.createXML(transient)
for _ in range(rounds):
    old = kill(name + "t")
    connection.createXML(transient)
    check(name + "t", old)
connection.lookupByName(name + "t").destroy()
print(2 * rounds, "starts")
