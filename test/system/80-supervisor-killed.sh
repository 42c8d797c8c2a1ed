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

# What only the supervisor knew must be known to the next one.
kill_supervisor() { m sh -c 'virsh -q uri && kill -KILL "$(systemctl show -P MainPID virtqemud.service)"' &&
        eventually 10 m virsh -q uri; }
python() { m /usr/bin/python3 -B -c "import libvirt, sys, time
libvirt.registerErrorHandler(lambda context, error: None, None)
c = libvirt.open()
$1"; }
is_updated() { python 'print(c.lookupByName("kept").isUpdated())'; }
check "a guest whose state has a reason" define_guest kept
check "... runs" m virsh -q start kept
check "... is paused" m virsh -q suspend kept
check "the supervisor is killed" kill_supervisor
check "... and it is paused, by the user" equals "paused (user)" virsh_state kept
check "... continued" m virsh -q resume kept
check "the supervisor is killed" kill_supervisor
check "... and it runs, unpaused" equals "running (unpaused)" virsh_state kept
check "its definition is not updated" equals 0 is_updated
check "it is updated" m virsh -q desc --config kept changed
check "... is known" equals 1 is_updated
check "the supervisor is killed" kill_supervisor
check "... and still known" equals 1 is_updated
check "it ends" m virsh -q destroy kept
check "... and is no longer updated" equals 0 is_updated
no_state() { m sh -c '! ls /run/libvirt/qemu/*.state'; }
check "nothing kept is left" eventually 10 no_state

# A client that asks for autodestroy, and holds on to its connection for the given time.
start_for() { python "c.lookupByName('kept').createWithFlags(libvirt.VIR_DOMAIN_START_AUTODESTROY); time.sleep($1)"; }
start_for 100 > "$work/client.log" 2>&1 &
client=$!
check "a guest of a client that is there" eventually 20 is_running kept
check "the supervisor is killed" kill_supervisor
check "... and the guest is destroyed" shows_off kept destroyed
check "... as the next one starts it does not come back" not eventually 2 is_running kept
kill $client; wait $client 2>/dev/null
check "a client that ends" start_for 1
check "... has its guest destroyed" shows_off kept destroyed
start_for 100 > "$work/client.log" 2>&1 &
client=$!
check "a guest of a client that is there" eventually 20 is_running kept
check "the supervisor is stopped" m systemctl stop virtqemud.service
check "... and the guest is destroyed" eventually 5 equals inactive unit_state kept
kill $client; wait $client 2>/dev/null
check "a guest that is nobody's" m systemctl start vm@kept
check "the supervisor is killed" kill_supervisor
check "... and it runs on" shows_running kept
check "it ends" m virsh -q destroy kept

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
        for old in $(virsh list --name | grep '^m' | head -n -4); do
                virsh -q destroy $old && echo "destroyed $old" >> /root/done
        done
done
TRAFFIC
m_with_input sh -c 'cat > /root/traffic' < "$work/traffic"
check "the unit's limit on starts is lifted for this test" \
        m sh -c 'mkdir -p /etc/systemd/system/virtqemud.service.d &&
                printf "[Unit]\nStartLimitIntervalSec=0\n" > /etc/systemd/system/virtqemud.service.d/t.conf &&
                mkdir -p /etc/systemd/system/virtqemud.socket.d && printf "[Socket]\nTriggerLimitIntervalSec=0\n" |
                tee /etc/systemd/system/virtqemud.socket.d/t.conf && systemctl daemon-reload'
LIMIT=900 m sh /root/traffic > "$work/traffic.log" 2>&1 &
traffic=$!
killed=0
for _ in $(seq $((kills * 4))); do
        sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
        if m sh -c 'pid=$(systemctl show -P MainPID virtqemud.service); [ "$pid" != 0 ] && kill -KILL $pid' \
                2>/dev/null; then killed=$((killed + 1)); fi
        [ $killed -lt $kills ] || break
done
m touch /root/enough
wait $traffic
check "the supervisor was killed $kills times" test "$killed" -ge "$kills"
check "a client is served after that" m virsh list
answered=$(m grep -c . /root/done)
check "calls were answered in between ($answered)" test "${answered:-0}" -ge 10

nothing_lost() {
        m sh -c 'for g in $(sed -n "s/^defined //p" /root/done); do
                virsh domuuid $g > /dev/null || { echo "lost: $g"; exit 1; }; done'
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
        case "$s/$u" in running/active | "shut off/inactive" | "shut off/failed") ;;
                *) echo "$g: virsh says $s, systemd says $u"; exit 1;; esac
done'; }
check "virsh and systemd agree on every guest" eventually 10 states_agree
check "the steady guest is the same process" equals "$steady_pid" qemu_pid steady
check "... and running for all three" shows_running steady
check "its monitor answers" m virsh -q suspend steady
check "... and resumes" m virsh -q resume steady
# --- what it was writing
m sh -c 'touch /etc/libvirt/qemu/cut.xml.a1B2c3.new /etc/libvirt/qemu/mine.new; systemctl kill -s KILL virtqemud'
check "after a kill the daemon comes back" m virsh -q list
check "... what was being written goes" not m test -e /etc/libvirt/qemu/cut.xml.a1B2c3.new
check "... and nothing else" m test -e /etc/libvirt/qemu/mine.new

finish
