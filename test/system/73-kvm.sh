#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests of type kvm: what is said where the host has no KVM, and the life of one where it has.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
# shellcheck source=test/system/setup.sh
log=/dev/null . "$here/setup.sh"
machine_up
# define NAME KIND [ELEMENTS]
kvm_guest() { guest_xml "$1" "$2" | tr '\n' ' ' | sed -e "s/type='qemu'/type='kvm'/" -e "s|</os>|</os>${3-}|"; }
define() { kvm_guest "$@" | m_with_input sh -c "cat > '/root/$1.xml' && virsh -q define '/root/$1.xml'"; }
# A node of the machine's own: the one that it got is the host's.
device() { m sh -c "umount /dev/kvm 2>/dev/null; rm -f /dev/kvm
        [ '$1' = none ] || { mknod -m '$1' /dev/kvm c 10 232 && chgrp '${2-}' /dev/kvm; }"; }
journal() { m journalctl -b -o cat --no-pager -q "$@"; }

check "a group for /dev/kvm is there without udev" m getent group kvm
check "a machine without KVM" device none
check "... does not offer it" not contains "type='kvm'" m virsh capabilities
check "... but takes a definition that wants it" define k idle
needs="type='kvm' needs /dev/kvm, which is not there"
refused "... and says at the start what it needs" \
        "error: unsupported configuration: /etc/libvirt/qemu/k.xml:6: /domain: $needs" m virsh start k
check "... as systemctl status does" contains "needs /dev/kvm, which is not there" m systemctl show -P StatusText vm@k
check "one that is root's alone" device 600 root
# Where the kernel has no KVM nobody can open the node, whatever its mode.
if ! m sh -c ': < /dev/kvm' 2>/dev/null; then
        refused "... with nothing behind it" "cannot open /dev/kvm: No such device" m virsh start k
        echo "SKIPPED: guests with KVM: there is none here"
        finish
fi
refused "... is said to be" "/dev/kvm is root's alone (mode 0600, group 0)" m virsh start k
refused "... to systemctl's users too" "See \"systemctl status vm@k.service\"" m systemctl start vm@k

check "as udev sets it" device 660 kvm
# By trying: the node may be there and the kernel have nothing behind it, no processor of the host's, no interrupts.
# bare WORD OPTION...: whether a QEMU of nobody's, with the ROM that guests have here, gets as far as to say WORD
bare() {
        local word=$1; shift
        m sh -c "rm -f /run/bare.*
                qemu-system-x86_64 -accel kvm $* -machine pc -m 16 -bios /run/guest/idle.rom -nodefaults \
                        -display none -serial file:/run/bare.out -qmp unix:/run/bare.qmp,server=on,wait=off -daemonize \
                        -pidfile /run/bare.pid || exit 1
                sleep 1; echo '{\"execute\":\"qmp_capabilities\"}{\"execute\":\"system_powerdown\"}' |
                        socat -t1 - UNIX:/run/bare.qmp
                sleep 1; kill -KILL \$(cat /run/bare.pid); grep -q $word /run/bare.out" >/dev/null 2>&1
}
if ! bare UP; then
        echo "SKIPPED: guests with KVM: there is none here"
        finish
fi

check "capabilities offer it" contains "<domain type='kvm'/>" m virsh capabilities
check "... and it is what domcapabilities tell unasked" contains "<domain>kvm</domain>" m virsh domcapabilities
check "a guest starts" m virsh -q start k
check "... is seen by all" shows_running k
hmp() { m virsh qemu-monitor-command k --hmp "$1"; }
check "... runs in KVM" contains "kvm support: enabled" hmp "info kvm"
check "... its instructions are executed" eventually 10 contains UP journal VM_NAME=k
check "... in a process of its own user, with the group kvm" \
        m sh -c "id=\$(stat -c %u /proc/$(qemu_pid k))
                [ \$id -gt 1000 ] && grep -qw \$(getent group kvm | cut -d: -f3) <<E
\$(grep Groups: /proc/$(qemu_pid k)/status)
E"
check "its time is counted" m sh -c 'virsh domstats --cpu-total --raw k | grep -q "cpu.time=[1-9]"'
check "... and what KVM has waited for its vCPUs" equals 2 m sh -c \
        'virsh domstats --cpu-total k | grep -c "cpu.haltpoll.*.time=[0-9]"'
check "pause" m virsh -q suspend k
check "... shown" equals "paused (user)" virsh_state k
check "resume" m virsh -q resume k
check "reset" m virsh -q reset k
check "... it comes up again" eventually 10 m sh -c '[ "$(journalctl -b -o cat -q VM_NAME=k | grep -c UP)" -ge 2 ]'
if bare BUTTON; then
        check "the power button" m systemctl stop vm@k
        check "... is answered" shows_off k shutdown
else
        echo "SKIPPED: the power button: KVM gives guests no interrupts here"
        check "destroy" m virsh -q destroy k
        check "... shown" shows_off k destroyed
fi
check "start by systemctl" m systemctl start vm@k
check "... is seen by all" shows_running k
check "killed" m kill -KILL "$(qemu_pid k)"
check "... shown as crashed" shows_off k crashed failed
check "undefine" m virsh -q undefine k

# What only KVM has.
arguments() { m sh -c "tr '\\0' ' ' < /proc/$(qemu_pid "$1")/cmdline"; }
check "settings that only KVM has" define q idle \
        "<clock offset='utc'><timer name='kvmclock' present='no'/></clock>\
        <cpu match='exact' check='none'><model>kvm64</model></cpu>"
check "... start" m virsh -q start q
check "... are QEMU's" contains "-cpu kvm64,kvmclock=off" arguments q
check "destroy" m virsh -q destroy q
if bare UP -cpu host; then
        check "the host's own processor, hidden from the guest" \
                define p idle "<cpu mode='host-passthrough' migratable='off'/>"
        check "... start" m virsh -q start p
        check "... is QEMU's" contains "-cpu host,migratable=off" arguments p
        check "destroy" m virsh -q destroy p
else
        echo "SKIPPED: the host's own processor: QEMU cannot give it to guests here"
fi

if kvm_works "$images" 2>/dev/null; then
        check "a real kernel" define linux linux
        check "... start" m virsh -q start linux
        check "... gets to its login prompt" eventually 60 contains "login:" journal VM_NAME=linux
        check "... and ends in order" m systemctl stop vm@linux
        check "... shown" shows_off linux shutdown
else
        echo "SKIPPED: a real kernel: KVM does not run one here"
fi
finish
