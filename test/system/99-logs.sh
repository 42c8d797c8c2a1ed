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
first() { printf '%s\n' "open qemu web $u $folder/web.log 1" 'write one\n' 'sleep 1' "position $folder/web.log" close | logd | at; }
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
rolling() { { echo "open qemu web $u $folder/roll.log 1"; for i in $(seq 1000 1999); do printf '%s\n' "write line $i\\n"; done; echo sleep 1; } | logd | sort -u | grep -v '^ok'; }
check "max_size and max_backups" equals "" rolling
check "... roll over" m test -e $folder/roll.log.1
check "... none is larger" m sh -c "[ \$(stat -c %s $folder/roll.log.0) -le 1000 ] && [ \$(stat -c %s $folder/roll.log.1) -le 1000 ]"
check "... nor are there more" not m test -e $folder/roll.log.2
check "... the lines are whole, and the last ones" m sh -c "cat $folder/roll.log.1 $folder/roll.log.0 $folder/roll.log | awk '\$1 != \"line\" || (n && \$2 != n + 1) { exit 1 } { n = \$2 } END { exit n != 1999 }'"
check "virtlogd ends with its last writer" eventually 20 m sh -c '! ls -l /proc/$(systemctl show -P MainPID virtlogd)/fd | grep -q roll.log'

finish
