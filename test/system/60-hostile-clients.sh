#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Truncated, oversized, garbage and slow frames, and a client that never reads, harm nobody else: after each the same
# daemon process serves a healthy client, soon, and the guest runs on.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

hostile() { LIMIT=120 m python3 /run/test/hostile.py "$@"; }
daemon_pid() { m systemctl show -P MainPID virtqemud.service; }
healthy() {
        local begin end
        begin=$(date +%s%N)
        contains g1 m virsh list --name || return 1
        end=$(date +%s%N)
        [ $(((end - begin) / 1000000)) -lt 8000 ] || { echo "took $(((end - begin) / 1000000)) ms"; return 1; }
        equals "$pid" daemon_pid
}
memory() { m awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"; }

check "a guest runs" define_guest g1
check "..." m virsh -q start g1
pid=$(daemon_pid)
before=$(memory)
for kind in oversized garbage wrong_numbers broken_bodies truncated slow never_reads many_idle; do
        check "$kind frames at the main socket" hostile /run/libvirt/virtqemud-sock $kind
        check "... and a healthy client is served by the same process" healthy
done
check "garbage at the read-only socket" hostile /run/libvirt/virtqemud-sock-ro garbage
check "garbage at the administration socket" hostile /run/libvirt/virtqemud-admin-sock garbage
check "... and a healthy client is served" healthy

HOLD=8 hostile /run/libvirt/virtqemud-sock never_reads > "$work/never" 2>&1 &
sleep 2
check "beside a client that never reads, others are served" healthy
wait $!
memory_is_bounded() { echo "before: $before KiB, now: $(memory) KiB"; [ "$(memory)" -lt $((before + 16384)) ]; }
check "the daemon has not kept what they sent" memory_is_bounded
check "the guest runs on" shows_running g1

check "read-only clients may look" m virsh -r list
refused "read-only clients may not start" "read only" m virsh -r destroy g1
refused "... nor define" "read only" m virsh -r define /root/g1.xml
check "the guest runs on" shows_running g1
finish
