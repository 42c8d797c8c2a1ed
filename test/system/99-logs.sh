#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Logs: files that definitions name, beside the journal; virtlogd for other clients, with its limits.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
u=0a1b2c3d-0000-4000-8000-000000000001
logd() { m_with_input python3 /run/test/lockd.py /run/libvirt/virtlogd-sock log; }
at() { sed 's/^ok [0-9][0-9]* /ok INODE /' ; }
folder=/var/log/libvirt/qemu

# --- virtlogd
m mkdir -p $folder
first() { printf '%s\n' "open qemu web $u $folder/web.log 1" \
        'write one\n' 'sleep 1' "position $folder/web.log" close | logd | at; }
check "a pipe, and what is written to it" equals "ok INODE 0
ok
ok
ok INODE 4
ok" first
check "... is in the file" equals one m cat $folder/web.log
check "... of root's alone" equals "600 root" m stat -c '%a %U' $folder/web.log
check "append" equals "ok 0" logd <<EOF
append qemu web $u $folder/web.log two\\n 0
EOF
check "... goes behind" equals "$(printf 'one\ntwo')" m cat $folder/web.log
check "read" equals "ok 'two\\n'" logd <<EOF
read $folder/web.log $(m stat -c %i $folder/web.log) 4 100
EOF
check "what is refused" equals "error 1 internal error: No open log file $folder/web.log
error 38 Unable to open file: /etc/passwd: Read-only file system
error 8 invalid argument: 'relative' is not absolute
error 38 Unable to open file: $folder/none: No such file or directory
error 1 internal error: Requested data len 99999999 is larger than maximum 4194304" logd <<EOF
position $folder/web.log
open qemu web $u /etc/passwd 0
append qemu web $u relative x 0
read $folder/none 1 0 10
read $folder/web.log 1 0 99999999
EOF
check "one writer at a time" contains "busy" logd <<EOF
open qemu web $u $folder/two.log 0
open qemu web $u $folder/two.log 0
EOF
check "a broken call" contains "error 39" logd <<EOF
raw 1 ffffffff
EOF
m sh -c 'printf "max_size = 1000\nmax_backups = 2\n" > /etc/libvirt/virtlogd.conf; systemctl stop virtlogd.service'
rolling() { { echo "open qemu web $u $folder/roll.log 1"; for i in $(seq 1000 1999); do
        printf '%s\n' "write line $i\\n"; done; echo sleep 1; } | logd | sort -u | grep -v '^ok'; }
check "max_size and max_backups" equals "" rolling
check "... roll over" m test -e $folder/roll.log.1
check "... none is larger" m sh -c "[ \$(stat -c %s $folder/roll.log.0) -le 1000 ] &&
        [ \$(stat -c %s $folder/roll.log.1) -le 1000 ]"
check "... nor are there more" not m test -e $folder/roll.log.2
check "... the lines are whole, and the last ones" m sh -c "cat $folder/roll.log.1 $folder/roll.log.0 $folder/roll.log |
        awk '\$1 != \"line\" || (n && \$2 != n + 1) { exit 1 } { n = \$2 } END { exit n != 1999 }'"
check "virtlogd ends with its last writer" \
        eventually 20 m sh -c '! ls -l /proc/$(systemctl show -P MainPID virtlogd)/fd | grep -q roll.log'

# --- those of guests: QEMU's words, <log file=>, and serial ports that are files, with the same limits and without
# virtlogd
lines=320
rom() {
        gcc -m16 -c -DLINES=$lines -DPARALLEL=16000 -o "$work/flood.o" "$here/flood.S" &&
                ld -m elf_i386 -Ttext 0 --oformat binary -o "$work/flood.rom" "$work/flood.o" &&
                m_with_input sh -c 'cat > /var/lib/libvirt/images/flood.rom' < "$work/flood.rom"
}
check "a guest that writes $lines KiB to its serial port, which is a file" rom
talker() {
        guest_xml talker idle | sed "s|idle.rom|flood.rom|
                s|<serial type='pty'/>|<serial type='file'><source path='/srv/log/port'/>\
                        <log file='/srv/log/copy' append='on'/></serial>\
                        <parallel type='file'><source path='/srv/log/printer'/></parallel>|" |
                m_with_input sh -c 'cat > /root/talker.xml && virsh -q define /root/talker.xml'
}
check "... and that has a log too" talker
m sh -c 'mkdir -p /srv/log; echo old > /srv/log/port; echo old > /srv/log/copy; echo old > /srv/log/port.1
        printf "max_size = 100000\nmax_backups = 2\n" > /etc/libvirt/virtlogd.conf;
        systemctl stop virtlogd.service virtlogd.socket'
check "... starts" m virsh -q start talker
ended() { m sh -c "tail -c 4 /srv/log/$1 | grep -q ^END"; }
check "... it writes to the end" eventually 120 ended port
check "... the log too" eventually 20 ended copy
for file in port copy; do
        check "... $file has its limit" m sh -c "cd /srv/log;
                for f in $file $file.0 $file.1; do [ \$(stat -c %s \$f) -le 100000 ] || exit 1; done; ! [ -e $file.2 ]"
        check "... full ones are backups" m sh -c "[ \$(stat -c %s /srv/log/$file.0) -gt 90000 ] &&
                [ \$(stat -c %s /srv/log/$file.1) -gt 90000 ]"
        check "... with the last lines, each whole" m /usr/bin/python3 -c "
text = ''.join(open('/srv/log/' + name).read() for name in ('$file.1', '$file.0', '$file'))
lines = text[text.index('\n') + 1:].splitlines()
assert lines[-1] == 'END' and len(lines) > 180, len(lines)
for i, line in enumerate(reversed(lines[:-1])):
        assert line == '%08x' % i + 'x' * 1015, (i, line)"
done
check "a port that is no console has its limit too" m sh -c 'cd /srv/log
        for f in printer printer.0 printer.1; do [ $(stat -c %s $f) -le 100000 ] || exit 1; done; [ ! -e printer.2 ]'
check "... all lines are there, each whole" eventually 20 equals 16000 \
        m sh -c 'cd /srv/log; cat printer.1 printer.0 printer | grep -c "^x\{15\}$"'
check "... the journal has none of them" m sh -c '! journalctl -q -b -o cat -t parallel0 | grep -q xxx'
check "... nobody but root reads them" equals "600 600 600" \
        m sh -c 'stat -c %a /srv/log/port.0 /srv/log/copy.0 /srv/log/copy.1 | xargs'
check "NAME.log has how QEMU was started" contains "-name guest=talker" m cat $folder/talker.log
check "... by whom, and when" m grep -qE '^20[0-9-]+ [0-9:.]+\+0000: starting up Unitvirt version: ' $folder/talker.log
check "... destroy" m virsh -q destroy talker
check "... what QEMU said" eventually 10 contains "terminating on signal 15" m cat $folder/talker.log
check "... and how it ended" contains "shutting down, reason=destroyed" m tail -n 1 $folder/talker.log
no_empty_ones() { m sh -c "! ls $folder/talker.log.*"; }
check "... what is empty is gone" eventually 10 no_empty_ones
check "... what is not stays" m test -s /srv/log/port.1
check "the next start begins a port anew, and its backups with it" \
        m sh -c 'printf "max_size = 0\n" > /etc/libvirt/virtlogd.conf; virsh -q start talker'
check "... without a limit" eventually 120 ended port
check "... all of it is there" equals "$((lines * 1024 + 4))" m stat -c %s /srv/log/port
m virsh -q destroy talker
# --- ports that are plugged in (with a QEMU that has the guest say a thousand lines at each)
m sh -c 'mkdir -p /usr/local/lib/fq; cp /run/test/fake-qemu.d/ports.py /usr/local/lib/fq/
        cp /run/test/fake-qemu /usr/local/bin/fq-ports; chmod -R go+rX /usr/local/lib/fq /usr/local/bin/fq-ports
        printf "max_size = 1000\nmax_backups = 2\n" > /etc/libvirt/virtlogd.conf'
late() {
        guest_xml late idle "<controller type='virtio-serial'/>" |
                sed "s,<devices>,<devices><emulator>/usr/local/bin/fq-ports</emulator>," |
                m_with_input sh -c 'cat > /root/late.xml && virsh -q define /root/late.xml'
}
check "a guest" late
check "... starts" m virsh -q start late
channel() {
        m_with_input sh -c "cat > /root/channel.xml; virsh -q $1-device late /root/channel.xml --live" <<XML
<channel type='file'><source path='/srv/log/channel'/><log file='/srv/log/channel.log'/>
<target type='virtio' name='a.b'/></channel>
XML
}
open_ones() { m sh -c 'ls -l /proc/$(systemctl show -P MainPID vm@late)/fd | grep -c /srv/log'; }
check "a channel is plugged in, which is a file, and has a log" channel attach
whole() { m sh -c "cd /srv/log; [ -s $1.1 ] && [ \"\$(tail -n 1 $1)\" = 'line 0999' ]"; }
for file in channel channel.log; do
        check "... $file is written to its end" eventually 20 whole $file
        check "... within its limit" m sh -c "cd /srv/log; for f in $file $file.0 $file.1; do
                [ \$(stat -c %s \$f) -le 1000 ] || exit 1; done; [ ! -e $file.2 ]"
        check "... with whole lines" m sh -c "cd /srv/log;
                cat $file.1 $file.0 $file | grep -vc '^line [0-9]\{4\}\$' | grep -qx 0"
done
check "... it goes" channel detach
check "... and its files are closed" eventually 10 equals 0 open_ones
check "... it comes again, in place of what was there" channel attach
check "... and is written" eventually 20 whole channel
check "... and goes" channel detach
check "a serial port's words are in the journal, too" \
        m_with_input sh -c 'cat > /root/port.xml; virsh -q attach-device late /root/port.xml --live' <<XML
<serial type='null'><target type='pci-serial' port='1'/></serial>
XML
check "... all of them" eventually 20 contains "line 0999" m journalctl -q -b -o cat -t serial1 -u vm@late
m virsh -q destroy late
m sh -c 'printf "max_size = 0\n" > /etc/libvirt/virtlogd.conf'
check "the log is added to" m grep -q "starting up" $folder/talker.log
check "... the two starts are in it" equals 2 m grep -c "starting up Unitvirt" $folder/talker.log
check "stdio_handler = file: QEMU writes ports' files" m sh -c 'printf "max_size = 1000\n" > /etc/libvirt/virtlogd.conf;
        echo "stdio_handler = \"file\"" > /etc/libvirt/qemu.conf; virsh -q start talker'
check "... all of it" eventually 120 ended port
check "... without a limit" equals "$((lines * 1024 + 4))" m stat -c %s /srv/log/port
m virsh -q destroy talker
check "a limit that is none does not stop a guest" \
        m sh -c 'echo "max_size = x" > /etc/libvirt/virtlogd.conf; rm /etc/libvirt/qemu.conf; virsh -q start talker'
check "... and is told" contains "logs have no limit" m journalctl -b -o cat -u vm@talker
m virsh -q destroy talker

finish
