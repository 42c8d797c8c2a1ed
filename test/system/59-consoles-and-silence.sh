#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Which terminal is a guest's console; that nobody has to read what it writes; and a QEMU that says nothing for long,
# which nobody ends for that.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# --- the console is a terminal that the guest's own user has made, whatever QEMU says (fake-qemu)
check "a program in QEMU's place" m sh -c 'mkdir -p /usr/local/lib/fq
        cp /run/test/fake-qemu.d/pty.py /usr/local/lib/fq/
        chmod 644 /usr/local/lib/fq/*; for g in pty liar; do cp /run/test/fake-qemu /usr/local/bin/fq-$g; done
        cp /usr/local/lib/fq/pty.py /usr/local/lib/fq/liar.py; chmod 755 /usr/local/bin/fq-*'
evil() {
        m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml" <<XML
<domain type='qemu'><name>$1</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/local/bin/fq-$1</emulator><serial type='pty'/><memballoon model='none'/></devices></domain>
XML
}
console() { # NAME: what is seen within some seconds
        { sleep 3; printf '\035'; } | m_with_input timeout -s KILL 8 script -qec "virsh console --force $1" /dev/null
}
claims() { m sh -c "echo '$1' > /usr/local/lib/fq/terminal && virsh -q start liar"; }
pty_of() { m virsh ttyconsole "$1"; }
not_given() { # TEXT: the console is refused with these words, and nobody was heard
        local seen; seen=$(console liar 2>&1)
        echo "$seen"
        case $seen in *"$1"*) case $seen in *secret* | *"from the guest"*) return 1;; esac;; *) return 1;; esac
}
m systemd-run -q --unit root-shell script -qec \
        'tty > /run/terminal; while :; do echo root types secret; sleep 0.2; done' /dev/null
check "a terminal of root's" eventually 10 m grep -q ^/dev/pts/ /run/terminal
terminal=$(m cat /run/terminal)
check "a guest with a terminal that it has made" evil pty
check "... starts" m sh -c 'echo own > /usr/local/lib/fq/terminal && virsh -q start pty'
check "control: its console is there" eventually 20 contains "from the guest" console pty
check "one that says that root's terminal is its own" evil liar
check "... starts" claims "$terminal"
check "control: the live definition says so" eventually 10 equals "$terminal" pty_of liar
check "... its console is refused" not_given "character device is not a pty of the domain's: $terminal"
check "... destroy" m virsh -q destroy liar
other=$(pty_of pty)
check "one that says that another guest's is its own" claims "$other"
check "control: the live definition says so" eventually 10 equals "$other" pty_of liar
check "... its console is refused" not_given "character device is not a pty of the domain's: $other"
check "... destroy" m virsh -q destroy liar
for path in /dev/pts/../../root/pipe /root/pipe /dev/pts/ptmx; do
        check "one that says $path" m sh -c "mkfifo /root/pipe 2>/dev/null; echo $path > /usr/local/lib/fq/terminal
                virsh -q start liar"
        sleep 1
        check "... is not believed" not contains "$path" m virsh dumpxml liar
        check "... destroy" m virsh -q destroy liar
done
m sh -c 'virsh -q destroy pty; systemctl stop root-shell'

# --- a serial port with a log, which nobody reads
lines=1024 mib=1 patience=120
if only_at_night; then lines=10240 mib=10 patience=500; fi
rom() {
        gcc -m16 -c -DLINES=$lines -o "$work/flood.o" "$here/flood.S" &&
                ld -m elf_i386 -Ttext 0 --oformat binary -o "$work/flood.rom" "$work/flood.o" &&
                m_with_input sh -c 'cat > /var/lib/libvirt/images/flood.rom' < "$work/flood.rom"
}
check "a guest that writes $mib MiB to its serial port" rom
logged() { # APPEND
        local uuid=5a1c0000-0000-4000-8000-000000000002
        guest_xml logged idle | sed "s|idle.rom|flood.rom|; s|</name>|</name><uuid>$uuid</uuid>|
                s|<serial type='pty'/>|<serial type='pty'><log file='/srv/log/port'$1/></serial>|" |
                m_with_input sh -c 'cat > /root/logged.xml && virsh -q define /root/logged.xml'
}
m sh -c 'mkdir -p /etc/libvirt; echo "max_size = 0" > /etc/libvirt/virtlogd.conf'
check "... with a log that begins anew" logged " append='off'"
check "... where there is one" m sh -c 'mkdir -p /srv/log && echo old > /srv/log/port'
check "... starts" m virsh -q start logged
ended() { m sh -c 'tail -c 4 /srv/log/port | grep -q ^END'; }
began=$SECONDS
check "... nobody reads, and it writes to the end" eventually $patience ended
echo "# $mib MiB in $((SECONDS - began)) s"
check "... all of it is in the file, from the beginning" equals "$((lines * 1024 + 4))" m stat -c %s /srv/log/port
whole() { m /usr/bin/python3 -c '
import sys
lines = open(sys.argv[1]).read().splitlines()
n = int(sys.argv[2])
assert lines[-1] == "END" and len(lines) == n + 1, (len(lines), lines[-1][:20])
for i, line in enumerate(lines[:-1]):
    assert line == "%08x" % (n - 1 - i) + "x" * 1015, (i, line[:20], len(line))' "$1" $lines; }
check "... each line" whole /srv/log/port
in_journal() { m sh -c 'journalctl -b -q -o cat -t serial0 _SYSTEMD_UNIT=vm@logged.service > /run/journal
        tail -n 1 /run/journal | grep -qx END'; }
check "... and in the journal" eventually 60 in_journal
# A journal that cannot keep up on a busy machine costs lines, never silently.
told() { m /usr/bin/python3 -c '
import re, sys
lines = open(sys.argv[1]).read().splitlines()
n, wanted, missing = int(sys.argv[2]), int(sys.argv[2]) - 1, 0
for line in lines[:-1]:
    dropped = re.fullmatch("([0-9]+) lines were dropped here", line)
    if dropped:
        missing += int(dropped[1])
        continue
    number = int(line[:8], 16)
    assert line == "%08x" % number + "x" * 1015 and number <= wanted, (wanted, line[:20], len(line))
    wanted = number - 1
whole = [line for line in lines[:-1] if "dropped here" not in line]
assert len(whole) + missing == n, (len(whole), missing)' "$1" $lines; }
check "... each line there, too, or how many are not" told /run/journal
check "... its console can be had" contains "Connected to domain 'logged'" console logged
check "... destroy" m virsh -q destroy logged
m_with_input sh -c 'cat > /var/lib/libvirt/images/flood.rom' < "$images/idle.rom"
said_up() { equals "$1" m sh -c 'cat /srv/log/port | tr -d "\r" | xargs'; }
for case in "off: append='off'" "as libvirt has it:"; do
        check "the log begins anew at a start, ${case%%:*}" logged "${case#*:}"
        check "... where it is old" m sh -c 'echo old > /srv/log/port; virsh -q start logged'
        check "... it has this start's words alone" eventually 20 said_up UP
        check "... destroy" m virsh -q destroy logged
done
check "one that is added to" logged " append='on'"
check "... starts" m virsh -q start logged
check "... has both" eventually 20 said_up "UP UP"
check "... destroy" m virsh -q destroy logged

# --- a QEMU that does not answer
silence=0; only_at_night && silence=600
check "a guest whose QEMU is stopped" define_guest quiet idle
check "... starts" m virsh -q start quiet
qemu=$(qemu_pid quiet)
m kill -STOP "$qemu"
stopped=$SECONDS
status_text() { m systemctl show -P StatusText vm@quiet; }
check "... its unit's status says so" eventually 100 contains "not answering since" status_text
check "... and systemctl status" contains "QEMU is not answering since" m systemctl status vm@quiet
answers_calls() { m sh -c 'virsh list && virsh domstate quiet && virsh dominfo quiet && virsh dumpxml quiet'; }
check "... what needs no QEMU is answered" answers_calls
while [ $((SECONDS - stopped)) -lt $silence ]; do sleep 5; done
echo "# stopped for $((SECONDS - stopped)) s"
check "... it is not ended for that" equals active unit_state quiet
check "... however long it takes: nobody watches it" equals 0 m systemctl show -P WatchdogUSec vm@quiet
check "... it is let go on" m kill -CONT "$qemu"
answers_again() { [ "$(status_text)" = "running, 1 vCPU, 16 MiB" ]; }
check "... once it goes on, that is over" eventually 60 answers_again
check "... it is the same process" equals "$qemu" qemu_pid quiet
check "... of a guest that runs" shows_running quiet
check "... and does what it is told" m sh -c 'virsh -q suspend quiet && virsh -q resume quiet'
check "... destroy" m virsh -q destroy quiet
check "one that the administrator has watched" m sh -c 'mkdir -p /etc/systemd/system/vm@quiet.service.d &&
        printf "[Service]\nWatchdogSec=6\n" > /etc/systemd/system/vm@quiet.service.d/watch.conf
        systemctl daemon-reload'
check "... starts" m virsh -q start quiet
sleep 8
check "... runs for longer than that" equals active unit_state quiet
check "... its QEMU is stopped" m kill -STOP "$(qemu_pid quiet)"
check "... and it is ended for that" eventually 60 equals "watchdog failed" \
        m sh -c 'echo $(systemctl show -P ActiveState -P Result vm@quiet)'
finish
