#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the daemon says of guests whose QEMU is somebody else's by now (fake-qemu): the unit is the truth, and one that
# floods, or says nothing, costs nobody else anything.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

check "programs in QEMU's place" m sh -c 'mkdir -p /usr/local/lib/fq
        cp /run/test/fake-qemu.d/*.py /usr/local/lib/fq/ && chmod 644 /usr/local/lib/fq/*
        for mode in /run/test/fake-qemu.d/*.py none; do
                mode=${mode##*/}; cp /run/test/fake-qemu "/usr/local/bin/fq-${mode%.py}"
        done
        chmod 755 /usr/local/bin/fq-*'
evil() {
        m_with_input sh -c "cat > '/root/$1.xml' && virsh -q define '/root/$1.xml'" <<XML
<domain type='qemu'><name>$1</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/local/bin/fq-$1</emulator><serial type='pty'/><memballoon model='none'/></devices></domain>
XML
}
within() { # MILLISECONDS COMMAND...
        local limit=$1 t; shift
        t=$(date +%s%N)
        "$@" >/dev/null || return 1
        t=$((($(date +%s%N) - t) / 1000000))
        echo "$t ms"
        [ $t -lt "$limit" ]
}
for mode in hide flood mute slow none big; do check "define one of the mode $mode" evil $mode; done

# --- the end of a connection is not the end of a guest
check "one that closes its monitor and goes on" m virsh -q start hide
sleep 2
check "... is running for all clients" contains running m virsh domstate hide
refused "... cannot be started once more" "already active" m virsh start hide
check "the daemon is killed" m sh -c 'kill -KILL $(pidof unitvirtd)'
check "... it is running for the next one, too" eventually 10 contains running m virsh domstate hide
check "... and destroyed" m virsh -q destroy hide
check "... for all three" shows_off hide destroyed

# --- floods and silence
# The middle of nine times of dominfo, in milliseconds.
time_of_dominfo() {
        m sh -c 'for i in 1 2 3 4 5 6 7 8 9; do
                a=$(date +%s%N); virsh dominfo none > /dev/null || exit 1; b=$(date +%s%N)
                echo $(((b - a) / 1000000)); done | sort -n | sed -n 5p'
}
# 0.2 seconds on a machine that has nothing else to do; on others what the same took without the flood counts.
costs_little() {
        local without=$1 with
        with=$(time_of_dominfo)
        echo "# dominfo of another guest: $without ms, during a flood $with ms" >&3
        [ "${with:-9999}" -lt $((150 + 2 * without)) ]
}
exec 3>&1
check "an honest one" m virsh -q start none
without=$(time_of_dominfo)
check "one that floods" m virsh -q start flood
floods() { m sh -c 'journalctl -b -q -o cat -u vm@flood | grep -q "^fq: flooding"'; }
check "... does" eventually 10 floods
check "... and costs the honest one's dominfo next to nothing" costs_little "${without:-0}"
check "... until now" not m sh -c 'journalctl -b -q -o cat -u vm@flood | grep "^fq: flooded"'
check "... is destroyed" m virsh -q destroy flood
memory_of_daemon() {
        m sh -c 'awk "/VmHWM/ { print int(\$2 / 1024) }" "/proc/$(systemctl show -P MainPID virtqemud)/status"'
}
takes_little() {
        local mib; mib=$(memory_of_daemon)
        echo "# the daemon has taken $mib MiB at most" >&3
        [ "${mib:-999}" -lt 100 ]
}
check "one that sends a message of 8 MiB of braces" m virsh -q start big
sleep 2
check "... costs the daemon no memory" takes_little
check "... nor the honest one its answers" within 3000 m virsh dominfo none
check "... is destroyed" m virsh -q destroy big
check "one that never greets" m virsh -q start --paused mute
check "one that answers little" m virsh -q start slow
check "domstats of all takes one deadline" within 10000 m virsh domstats
check "... the next less, since they are known to be mute" within 3000 m virsh domstats
check "... and asks nobody with --nowait" within 3000 m virsh domstats --nowait
check "... all are in it" equals 4 m sh -c 'virsh domstats --nowait | grep -c "^Domain: .\(none\|mute\|slow\|hide\)."'
check "dominfo asks no QEMU" within 3000 m virsh dominfo slow
check "destroy needs no QEMU" m sh -c 'virsh -q destroy slow && virsh -q destroy mute'
for n in 1 2 3; do
        check "a paused start waits for nothing ($n)" within 4000 m virsh -q start --paused hide
        check "... and ends" m virsh -q destroy hide
done

m sh -c 'sed "s|<name>hide|<name>passing|" /root/hide.xml > /root/passing.xml'
check "one that is created paused waits for nothing either" within 4000 m virsh -q create --paused /root/passing.xml
check "... is paused" contains paused m virsh domstate passing
check "... and ends" m virsh -q destroy passing
# In another terminal's place: virsh shows the console, and the guest runs once it has it.
console_at_once() {
        sleep 30 | m_with_input timeout -s KILL 25 script -qec "virsh start --console talker" /dev/null \
                > "$work/console" 2>&1 &
        eventually 20 grep -qF "Connected to domain 'talker'" "$work/console"
        kill $! 2>/dev/null
        m pkill -KILL -f '[v]irsh start --console'
        cat "$work/console"
}
check "a guest with a real QEMU" define_guest talker idle
check "start --console has its console" contains "Connected to domain 'talker'" console_at_once
check "... of a guest that runs" eventually 4 contains running m virsh domstate talker
check "... and ends" m virsh -q destroy talker

# --- twenty guests, two of them mute
define_twin() { # MODE NAME
        m sh -c "sed 's|<name>[^<]*|<name>$2|' /root/$1.xml > /root/$2.xml &&
                virsh -q define /root/$2.xml && virsh -q start ${3-} $2"
}
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do
        define_twin none "honest$n" || echo "# honest$n does not start"
done
for n in 1 2; do define_twin mute "mute$n" --paused || echo "# mute$n does not start"; done
check "twenty guests run" equals 20 m sh -c 'virsh list --name | grep -c "^\(honest\|mute\)[0-9]"'
check "domstats of them takes ten seconds at most" within 10000 m sh -c 'virsh domstats > /root/stats'
# How many of the honest ones have their state, and what QEMU alone knows.
whole() {
        m sh -c 'awk "/^Domain: / { name = \$2 }
                /state.state=/ { state[name] = 1 }
                /balloon.current=/ { balloon[name] = 1 }
                END { for (name in state) n += name ~ /honest/ && balloon[name]; print n + 0 }" /root/stats'
}
check "... complete for the eighteen" equals 18 whole
m sh -c 'for n in $(virsh list --name | grep "^\(honest\|mute\)[0-9]"); do virsh -q destroy $n & done
        wait' > /dev/null 2>&1

# --- killed together with its vm-cleanup
while read -r what; do
        check "all of a unit is killed, by $what" m sh -c "$what"
        check "... the guest starts again" eventually 40 m virsh -q start none
done <<'KILLS'
systemctl kill -s KILL vm@none
machinectl kill -s KILL none
echo 1 > "/sys/fs/cgroup$(systemctl show -P ControlGroup vm@none)/cgroup.kill"
KILLS
check "... is masked and stopped" m systemctl mask --now vm@none
m systemctl unmask vm@none
check "... and starts again" eventually 40 m virsh -q start none
check "... destroy" m virsh -q destroy none

# --- conditions
m sh -c 'mkdir -p /etc/systemd/system/vm@none.service.d
        printf "[Unit]\nConditionPathExists=/nope\n" > /etc/systemd/system/vm@none.service.d/nope.conf
        systemctl daemon-reload'
refused "a condition that is not met is named" "ConditionPathExists=/nope is not met" m virsh start none

finish
