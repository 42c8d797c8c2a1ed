#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The supervisor is killed at random moments during define, start and stop traffic: nothing is lost, no guest is
# touched, every definition file is whole. A hundred times in nightly runs, twenty-five otherwise.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
if only_at_night; then kills=100; else kills=25; fi

check "a guest that must not notice" define_guest steady
check "... runs" m virsh -q start steady
steady_pid=$(qemu_pid steady)

# The traffic runs inside, and leaves a line for each call that was answered: what was acknowledged must hold.
guest_xml moving | m_with_input sh -c 'cat > /root/moving.xml'
cat > "$work/traffic" <<'TRAFFIC'
i=0
while [ ! -e /root/enough ]; do
        i=$((i + 1))
        sed "s/moving/m$i/" /root/moving.xml > /root/m.xml
        virsh -q define /root/m.xml && echo "defined m$i" >> /root/done
        if virsh -q start m$i; then
                echo "started m$i" >> /root/done
                [ $((i % 3)) = 0 ] || { virsh -q destroy m$i && echo "destroyed m$i" >> /root/done; }
        fi
        [ $i -lt 400 ] || break
        for old in $(virsh list --name | grep '^m' | head -n -4); do virsh -q destroy $old && echo "destroyed $old" >> /root/done; done
done
TRAFFIC
m_with_input sh -c 'cat > /root/traffic' < "$work/traffic"
check "the unit's limit on starts is lifted for this test" m sh -c 'mkdir -p /etc/systemd/system/virtqemud.service.d && printf "[Unit]\nStartLimitIntervalSec=0\n" > /etc/systemd/system/virtqemud.service.d/t.conf && mkdir -p /etc/systemd/system/virtqemud.socket.d && printf "[Socket]\nTriggerLimitIntervalSec=0\n" | tee /etc/systemd/system/virtqemud.socket.d/t.conf && systemctl daemon-reload'
LIMIT=900 m sh /root/traffic > "$work/traffic.log" 2>&1 &
traffic=$!
killed=0
for _ in $(seq $((kills * 4))); do
        sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
        if m sh -c 'pid=$(systemctl show -P MainPID virtqemud.service); [ "$pid" != 0 ] && kill -KILL $pid' 2>/dev/null; then killed=$((killed + 1)); fi
        [ $killed -lt $kills ] || break
done
m touch /root/enough
wait $traffic
check "the supervisor was killed $kills times" test "$killed" -ge "$kills"
check "a client is served after that" m virsh list
answered=$(m grep -c . /root/done)
check "calls were answered in between ($answered)" test "${answered:-0}" -ge 10

nothing_lost() {
        m sh -c 'for g in $(sed -n "s/^defined //p" /root/done); do virsh domuuid $g > /dev/null || { echo "lost: $g"; exit 1; }; done'
}
check "every guest whose definition was acknowledged is there" nothing_lost
files_are_whole() { m python3 -c '
import glob, sys, xml.etree.ElementTree as e
files = glob.glob("/etc/libvirt/qemu/*.xml")
for f in files: e.parse(f)
print(len(files)); sys.exit(0 if files else 1)'; }
check "every definition file is whole" files_are_whole
check "no half-written file is left" equals "" m sh -c 'find /etc/libvirt/qemu -type f ! -name "*.xml"'
states_agree() { m sh -c '
for g in $(virsh list --all --name); do
        s=$(virsh domstate $g); u=$(systemctl show -P ActiveState vm@$g.service)
        case "$s/$u" in running/active | "shut off/inactive" | "shut off/failed") ;; *) echo "$g: virsh says $s, systemd says $u"; exit 1;; esac
done'; }
check "virsh and systemd agree on every guest" eventually 10 states_agree
check "the steady guest is the same process" equals "$steady_pid" qemu_pid steady
check "... and running for all three" shows_running steady
check "its monitor answers" m virsh -q suspend steady
check "... and resumes" m virsh -q resume steady
finish
