#!/usr/bin/python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""listeners.py URI CLIENTS GUEST ROUNDS: so many connections wait for a guest's events. Each round pauses the guest and
lets it go on by another connection; a line "wall=US" a time, from the call until the last of them has the event."""

import sys
import threading
import time

import libvirt

PAUSED, RESUMED = libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_RESUMED


def main():
    uri, clients, guest, rounds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
    seen, all_have = [], threading.Event()

    def came(connection, domain, event, detail, wanted):
        if event in (PAUSED, RESUMED):
            seen.append(time.monotonic())
            if len(seen) == clients:
                all_have.set()

    connections = [libvirt.open(uri) for _ in range(clients)]
    for connection in connections:
        connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, came, None)
    domain = libvirt.open(uri).lookupByName(guest)
    for i in range(rounds):
        seen.clear()
        all_have.clear()
        begin = time.monotonic()
        domain.resume() if i % 2 else domain.suspend()
        if not all_have.wait(20):
            sys.exit(f"{len(seen)} clients have the event")
        print(f"wall={(seen[-1] - begin) * 1e6:.0f}", flush=True)
        time.sleep(0.05)


main()
