#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What real guests do by themselves, and what of it virsh, systemctl, the journal and events show: kernels that panic,
# are dumped, hang, go to sleep and are woken up.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
define() { m_with_input sh -c "cat > /root/x.xml && virsh -q define /root/x.xml"; }
# life NAME END DEVICES ELEMENTS: a guest with a real kernel that comes to an end of its own choice; mib: its memory
life() { guest_xml "$1" linux "$3" | sed -e "s|>192<|>${mib-192}<|" -e "s|</os>|</os>$4|" -e \
        "s|root=/dev/vda|root=/dev/vda end=$2 panic=0|" | define; }
state_is() { [ "$(m virsh domstate "$1" --reason | head -1)" = "$2" ]; }
shows() { eventually "${3-150}" state_is "$1" "$2" || { virsh_state "$1"; return 1; }; }
journal() { m journalctl -b -o cat --no-pager -q "$@"; }
status_says() { contains "$2" m systemctl show -P StatusText "vm@$1"; }
dumps=/var/lib/libvirt/qemu/dump
dumps_of() { m sh -c "ls $dumps 2>/dev/null |
        grep -E '^[0-9]+-$1-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\$'"; }
n_dumps() { [ "$(dumps_of "$1" | wc -l)" -ge "$2" ]; }
# Every event from now on: one that comes for sure shows that virsh is there.
watch() {
        m sh -c 'systemctl stop watch 2>/dev/null; rm -f /root/events'
        guest_xml probe | m_with_input sh -c 'cat > /root/probe.xml'
        m systemd-run -q --collect --unit=watch sh -c 'exec virsh event --all --loop > /root/events 2>&1'
        eventually 10 watching
}
watching() { m sh -c 'virsh -q define /root/probe.xml && virsh -q undefine probe && sleep 0.2 &&
        grep -q probe /root/events'; }
event() { eventually "${3-10}" m grep -q -- "event '$2' for domain '$1'" /root/events || { m cat /root/events;
        return 1; }; }
lifecycle() { eventually "${3-10}" m grep -q -- "event 'lifecycle' for domain '$1': $2" /root/events ||
        { m cat /root/events; return 1; }; }

check "events are watched" watch

# --- panics ---

panic="<panic model='isa'/>"
check "on_crash=coredump-destroy is taken" life cd panic "$panic" '<on_crash>coredump-destroy</on_crash>'
check "... start" m virsh -q start cd
check "... the socket for dumps is there" equals active m systemctl is-active vm-dump.socket
check "the guest panics: shut off (crashed)" shows cd "shut off (crashed)"
check "... failed for systemd" equals failed unit_state cd
check "... by the status of a panic" equals 84 m systemctl show -P ExecMainStatus vm@cd
check "... events: crashed" lifecycle cd "Crashed Panicked"
check "... and stopped" lifecycle cd "Stopped Crashed"
check "its memory is in a file" n_dumps cd 1
dump=$dumps/$(dumps_of cd | head -1)
check "... of root's alone" equals "600 root root" m stat -c '%a %U %G' "$dump"
check "... an ELF core" equals "7f 45 4c 46 04 00" \
        m sh -c "(head -c 4 '$dump'; tail -c +17 '$dump' | head -c 2) | od -An -tx1 | sed 's/^ //'"
check "... with all of the memory" m sh -c "[ \$(stat -c %s '$dump') -ge \$((192 * 1024 * 1024)) ]"
check "... of this guest" m grep -qa 'hostname=cd' "$dump"
check "the journal tells of it" contains "dumped the guest's memory to $dump" journal VM_NAME=cd
check "nothing runs for it any more" equals "" m sh -c "systemctl list-units --plain --no-legend 'vm-dump@*'"

check "on_crash=coredump-restart" life cr panic "$panic" '<on_crash>coredump-restart</on_crash>'
check "... start" m virsh -q start cr
check "the guest panics: its memory is in a file" eventually 150 n_dumps cr 1
pid=$(qemu_pid cr)
check "... and it runs again" shows cr "running (crashed)" 20
check "... in the same QEMU" equals "$pid" qemu_pid cr
check "... for systemd as well" status_says cr "running"
check "it panics once more: once more a file" eventually 150 n_dumps cr 2
check "destroy" m virsh -q destroy cr
check "... shut off (destroyed)" shows_off cr destroyed

check "on_crash=destroy" life gone panic "$panic" '<on_crash>destroy</on_crash>'
check "... start" m virsh -q start gone
check "... is not given the socket for dumps" not contains dump m systemctl show -p Wants -p BindPaths vm@gone
check "the guest panics: shut off (crashed)" shows gone "shut off (crashed)"
check "... failed for systemd, by the status of a panic" equals "84 failed" \
        m sh -c 'echo $(systemctl show --value -p ActiveState -p ExecMainStatus vm@gone)'
check "... events: crashed" lifecycle gone "Crashed Panicked"
check "... and stopped" lifecycle gone "Stopped Crashed"
check "... the journal says both" contains "the guest's kernel panicked" journal VM_NAME=gone
check "... no dump" not n_dumps gone 1
check "... it starts again" m sh -c 'virsh -q start gone && virsh -q destroy gone'

# Where dumps are not to be had, what on_crash says happens all the same.
m sh -c "printf 'auto_dump_path = \"/proc/none\"\n' > /etc/libvirt/qemu.conf"
check "coredump-destroy to where nothing can be written" m virsh -q start cd
check "... shut off (crashed)" shows cd "shut off (crashed)"
check "... the journal says why" contains "cannot dump the guest's memory: cannot create" journal VM_NAME=cd
# Older ones make room.
m sh -c "mkdir -p /srv/dumps; cp '$dump' '/srv/dumps/1-old-2001-01-01-00:00:00'; touch -d 2001-01-01 /srv/dumps/1-old*
        cp /etc/hostname /srv/dumps/notes
         printf 'auto_dump_path = \"/srv/dumps\"\nauto_dump_max_size = \"250MiB\"\n' > /etc/libvirt/qemu.conf"
check "auto_dump_max_size and auto_dump_path" m virsh -q start cd
check "... shut off (crashed)" shows cd "shut off (crashed)"
check "... the new one is there" m sh -c 'ls /srv/dumps/*-cd-*'
check "... the old one is not, and other files stay" equals "notes" m sh -c 'ls /srv/dumps | grep -v -e -cd-'
# No room for all of it.
m sh -c "mkdir /srv/small && mount -t tmpfs -o size=64m none /srv/small &&
        printf 'auto_dump_path = \"/srv/small\"\n' > /etc/libvirt/qemu.conf"
check "a dump to a full disk" m virsh -q start cd
check "... shut off (crashed)" shows cd "shut off (crashed)"
check "... the journal says why" \
        contains "cannot dump the guest's memory: dump: failed to save memory: No space left on device" journal \
        VM_NAME=cd
check "... nothing is left of it" eventually 5 equals "" m ls /srv/small
m sh -c 'rm /etc/libvirt/qemu.conf; umount /srv/small'

# Whoever ends a guest while it is being dumped. Writing takes a second or two.
# dumping NAME COMMAND...: starts the guest, and runs the command once QEMU writes
dumping() { LIMIT=150 m sh -c \
        "virsh -q start $1; until [ -s $dumps/*-$1-*.partial ]; do sleep 0.02; done; shift; exec \"\$@\"" sh "$@"; }
its_qemu='$(sed -n s/^pid=//p /run/libvirt/qemu/vm-big/run)'
files_of() { m sh -c "ls $dumps | grep -e -$1-"; }
given_up="the dump of the guest's memory is given up"
mib=1536 check "a guest that takes long to be dumped" life big panic "$panic" '<on_crash>coredump-destroy</on_crash>'
check "destroy in the midst of it" dumping big \
        sh -c 'date +%s > /root/began; virsh -q destroy big; date +%s > /root/ended'
check "... does not wait" m sh -c '[ $(($(cat /root/ended) - $(cat /root/began))) -lt 5 ]'
check "... shut off (destroyed)" shows_off big destroyed
check "... nothing is left of the dump" eventually 5 equals "" files_of big
check "... the journal says so" contains "$given_up" journal VM_NAME=big
check "destroy, where QEMU hangs as well" dumping big \
        sh -c "kill -STOP $its_qemu; date +%s > /root/began; virsh -q destroy big; date +%s > /root/ended"
check "... ends within seconds" m sh -c '[ $(($(cat /root/ended) - $(cat /root/began))) -lt 10 ]'
check "... shut off (destroyed)" shows_off big destroyed
check "... nothing is left of the dump" eventually 5 equals "" files_of big
check "a killed QEMU" dumping big sh -c "kill -KILL $its_qemu"
check "... nothing is left of the dump" eventually 5 equals "" files_of big
check "... the journal says so, once for each" equals 3 \
        m sh -c "journalctl -b -o cat -q VM_NAME=big | grep -c \"$given_up\""
check "systemctl stop in the midst of a dump" dumping big systemctl stop vm@big
check "... waits for it: all of it is there" n_dumps big 1
check "... really all" m sh -c "[ \$(stat -c %s $dumps/*-big-*) -ge \$((1536 * 1024 * 1024)) ]"
check "... by its name alone" equals 1 m sh -c "ls $dumps | grep -c -e -big-"
check "... shut off (crashed)" shows_off big crashed failed
check "... the journal says what it waited for" contains "the guest's memory is being dumped; the stop waits for that" \
        journal VM_NAME=big
m sh -c "rm $dumps/*-big-*"

# A watchdog that dumps: 64 KiB of firmware that sets the one of the ib700 to two seconds, and rests.
m sh -c "cd /var/lib/libvirt/images && head -c 65536 /dev/zero > dog.rom &&
         printf '\\272\\103\\004\\260\\016\\356\\364\\353\\375' |
         dd of=dog.rom bs=1 seek=$((0xff00)) conv=notrunc status=none &&
         printf '\\351\\015\\377' | dd of=dog.rom bs=1 seek=$((0xfff0)) conv=notrunc status=none"
dog() { guest_xml dog idle "<watchdog model='ib700' action='dump'/>" |
        sed -e "s|>16<|>${mib-16}<|" -e s/idle.rom/dog.rom/ | define; }
check "a watchdog that dumps" dog
check "... start" m virsh -q start dog
check "... clients get its event" event dog watchdog 20
check "... the memory is in a file" eventually 20 n_dumps dog 1
check "... and the guest goes on" shows dog "running (unpaused)" 20
check "... the journal tells of both" contains "dumped the guest's memory to $dumps" journal VM_NAME=dog
check "... destroy" m virsh -q destroy dog
m virsh -q undefine dog
mib=1536 check "one with much memory" dog
check "systemctl stop in the midst of its dump" dumping dog systemctl stop --no-block vm@dog
check "... the file comes to be whole" eventually 20 n_dumps dog 2
check "... and the guest goes on, to hear it" eventually 20 m sh -c "virsh domstate dog | grep -x running"
check "... which QEMU is asked for when it can be" not contains "cannot continue" journal VM_NAME=dog
check "... destroy" m virsh -q destroy dog

# preserve: a guest that cannot hear is not waited for
check "on_crash=preserve" life keep panic "$panic" '<on_crash>preserve</on_crash>'
check "... start" m virsh -q start keep
check "the guest panics: crashed (panicked)" shows keep "crashed (panicked)"
check "... active for systemd" equals active unit_state keep
check "... which says what it is" status_says keep "crashed, preserved"
m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud)'
check "... crashed for the next supervisor, too" shows keep "crashed (panicked)" 10
began=$SECONDS
check "systemctl stop" m systemctl stop vm@keep
check "... does not wait for its power button" test $((SECONDS - began)) -lt 15
check "... shut off (crashed)" shows keep "shut off (crashed)" 10

# Who is no guest that is to be dumped gets no file.
ask='import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/libvirt/dump/socket")
data, fds, *_ = socket.recv_fds(s, 4096, 1)
assert not data and not fds, (data, fds)'
check "a process that is no guest is given nothing" m /usr/bin/python3 -c "$ask"
check "... and the journal says so" contains "not asked by a guest" journal -t vm-dump
check "... who is not root cannot ask" not m setpriv --reuid 65534 --clear-groups /usr/bin/python3 -c "$ask"

# --- sleep ---

asleep='<pm><suspend-to-mem enabled="yes"/></pm>'
check "a guest that may suspend to memory" life nap sleep "<graphics type='vnc'/>" "$asleep"
check "... start" m virsh -q start nap
check "events are watched" watch
check "it goes to sleep: pmsuspended" shows nap "pmsuspended (unknown)"
check "... events: the life cycle's" lifecycle nap "PMSuspended Memory"
check "... and the one of its own" event nap pm-suspend
check "... active for systemd" equals active unit_state nap
check "... which says what it is" status_says nap "suspended by the guest"
check "... listed as such" contains pmsuspended m virsh list
refused "virsh suspend" "domain is pmsuspended" m virsh suspend nap
refused "virsh resume" "domain is pmsuspended" m virsh resume nap
refused "virsh dompmsuspend, which needs an agent" "domain is not running" m virsh dompmsuspend nap mem
m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud)'
check "still pmsuspended for the next supervisor" state_is nap "pmsuspended (unknown)"
check "events are watched" watch
check "virsh dompmwakeup" m virsh -q dompmwakeup nap
check "... it runs" shows nap "running (event wakeup)" 10
check "... events: the life cycle's" lifecycle nap "Started Event wakeup"
check "... and the one of its own" event nap pm-wakeup
check "... for systemd as well" status_says nap "running"
m sh -c 'kill -9 $(systemctl show -P MainPID virtqemud)'
check "... woken up for the next supervisor, too" state_is nap "running (event wakeup)"
refused "virsh dompmwakeup of one that is awake" "not in suspended state" m virsh dompmwakeup nap

# --- hardware at hand ---

heard() { eventually "${3-20}" \
        m sh -c "journalctl -b -o cat --no-pager -q VM_NAME=$1 _COMM=vm-run | grep -aqE -- '$2'" ||
        { journal VM_NAME="$1"; return 1; }; }
check "send-key: SysRq and h" m virsh -q send-key nap KEY_LEFTALT KEY_SYSRQ KEY_H
check "... the kernel heard it" heard nap 'sysrq: HELP'
check "... by scan codes" m virsh -q send-key nap --codeset atset1 0x38 0x54 0x23
refused "... by a keyboard that nobody knows here" "keycode set usb is not supported" \
        m virsh send-key nap --codeset usb 4
refused "... a key that there is not" "key 767 of keycode set linux is not known" m virsh send-key nap 767
check "inject-nmi" m virsh -q inject-nmi nap
check "... the kernel got it" heard nap 'NMI received'
screen() { m_with_input /usr/bin/python3 - <<'PY'
import libvirt, os, socket
guest = libvirt.open("qemu:///system").lookupByName("nap")
fd = guest.openGraphicsFD(0, 0)
assert os.read(fd, 12) == b"RFB 003.008\n", "openGraphicsFD"
ours, theirs = socket.socketpair()
guest.openGraphics(0, theirs.fileno(), 0)
theirs.close()
assert ours.recv(12) == b"RFB 003.008\n", "openGraphics"
try:
    guest.openGraphicsFD(1, 0)
    raise SystemExit("a second screen")
except libvirt.libvirtError as e:
    print(e)
PY
}
check "the guest's screen through the connection, both ways" screen
check "send-key: Ctrl-Alt-Del" m virsh -q send-key nap KEY_LEFTCTRL KEY_LEFTALT KEY_DELETE
check "... the guest reboots" heard nap 'Restarting system'
check "... and sleeps again" shows nap "pmsuspended (unknown)"
check "systemctl stop of one that sleeps" m systemctl stop vm@nap
check "... wakes it up, and it shuts down" shows_off nap shutdown
# --- no operating system: nobody hears the power button
noos="<domain type='qemu'><name>noos</name><memory unit='MiB'>64</memory>
        <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
        <devices><memballoon model='none'/></devices></domain>"
check "a guest that has nothing to boot" \
        sh -c "echo \"$noos\" | '$here/container' sh '$dir' sh -c 'cat > /root/noos.xml'"
check "... is defined" m virsh -q define /root/noos.xml
check "... starts" m virsh -q start noos
in_firmware() { contains "0x0000" m virsh qemu-monitor-command noos --hmp 'i /h 0xb002' ||
        contains "0x0000" m virsh qemu-monitor-command noos --hmp 'i /h 0x602'; }
check "... sits in its firmware" eventually 30 in_firmware
m systemctl stop --no-block vm@noos
check "... its status says that it does not hear" eventually 10 contains "does not listen to its power button" \
        m systemctl show -P StatusText vm@noos
check "... it is ended before the time limit" eventually 60 equals inactive unit_state noos
check "... which is no failure" shows_off noos destroyed

finish
