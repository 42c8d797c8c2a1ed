#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virsh, systemctl and machinectl see and control the same guest: whichever starts or ends it, the other two show it,
# with the reason, and a client that waits for events gets one.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# event_during EVENT-TEXT COMMAND...: virsh event runs while the command does, and prints the text
event_during() {
        local text=$1; shift
        m timeout 60 virsh event --all --loop > "$work/events" 2>&1 &
        local pid=$!
        virsh_listens
        "$@" || { kill $pid; return 1; }
        eventually 40 grep -qF -- "$text" "$work/events"
        local rc=$?
        kill $pid 2>/dev/null
        cat "$work/events"
        return $rc
}
start() { m virsh -q start g1 && shows_running g1; }

check "define" define_guest g1
check "virsh start: running for all three" start
check "what makes up for a killed end may come as often" m sh -c 'for i in $(seq 12); do
        systemctl start vm-cleanup@g1 || exit 1; done'
check "... and does nothing to one that runs" is_running g1
check "virsh shutdown" event_during "Stopped Shutdown" m virsh -q shutdown g1
check "... shut off, by shutdown" shows_off g1 shutdown
check "systemctl start, with the event" event_during "Started Booted" m systemctl start vm@g1
check "... running for all three" shows_running g1
check "systemctl stop" event_during "Stopped Shutdown" m systemctl stop vm@g1
check "... shut off, by shutdown" shows_off g1 shutdown
check "start" start
check "virsh destroy" event_during "Stopped Destroyed" m virsh -q destroy g1
check "... shut off, destroyed" shows_off g1 destroyed
check "start" start
check "machinectl poweroff" m machinectl poweroff g1
check "... shut off, by shutdown" shows_off g1 shutdown
check "start" start
check "machinectl terminate" m machinectl terminate g1
check "... is stopped" eventually 15 not in_machined g1
check "start after that" eventually 15 start
kill_qemu() { m kill -KILL "$(qemu_pid g1)"; }
check "kill -9 of QEMU, with the event" event_during "Stopped Failed" kill_qemu
check "... shut off, crashed, and a failed unit" shows_off g1 crashed failed
check "a failed guest starts again" start
start_after_kill() { LIMIT=180 m /usr/bin/python3 -B /run/test/start-after-kill.py g1 10; }
check "a start straight after kill -9, ten times, and of a transient guest" contains "20 starts" start_after_kill
check "start" start
why_it_ended() { m virsh -q destroy g1; m systemctl status --no-pager vm@g1; }
check "systemctl status says how it ended" contains "the guest was destroyed" why_it_ended
check "start" start
kill_and_ask() { kill_qemu; eventually 10 is_off g1 crashed failed; m systemctl status --no-pager vm@g1; }
check "... and that QEMU was killed" contains "killed by signal 9" kill_and_ask
check "start" start
check "suspend" m virsh -q suspend g1
check "... paused" equals "paused (user)" virsh_state g1
check "resume" m virsh -q resume g1
check "... running" contains running virsh_state g1
check "destroy" m virsh -q destroy g1
check "virsh autostart is systemctl enable" m virsh -q autostart g1
check "... enabled" equals enabled m systemctl is-enabled vm@g1.service
check "systemctl disable is virsh autostart --disable" m systemctl -q disable vm@g1.service
check "... disabled" contains "Autostart:      disable" m virsh dominfo g1
check "systemctl enable" m systemctl -q enable vm@g1.service
check "... autostart" contains "Autostart:      enable" m virsh dominfo g1

check "a guest with a kernel and a disk" define_guest l1 linux
check "systemctl start" m systemctl start vm@l1
at_prompt() { m journalctl -q -o cat -u vm@l1 | grep -q 'on x86_64, /dev/ttyS0'; }
check "it boots to its login prompt" eventually 60 at_prompt
check "virsh console logs in and runs a command" contains "seven is 7" console_says l1 "echo seven is \$((3+4))"
poweroff_inside() { console_says l1 poweroff >/dev/null; return 0; }
check "poweroff from inside, with the event" event_during "Stopped Shutdown" poweroff_inside
check "... shut off, by shutdown" shows_off l1 shutdown

finish
