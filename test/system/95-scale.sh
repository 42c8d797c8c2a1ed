#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Many clients: a thousand connections at the same time and one after the other, two hundred on TLS at once, and a
# healthy one beside slow and hostile ones. Times and memory are printed; they are no condition.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

scale() { LIMIT=${LIMIT:-240} m /usr/bin/python3 /run/test/scale.py "$@"; }
# figures WHAT KIND...: a check whose output is shown
figures() {
        local what=$1; shift
        check "$what" scale "$@"
        sed 's/^/#   /' "$work/seen"
}
daemon_pid() { m systemctl show -P MainPID "$1.service"; }
pss() { m awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }

m virsh list >/dev/null
pid=$(daemon_pid virtqemud)
before=$(pss "$pid")
figures "1,000 connections at the same time, each used" held qemu:///system 1000 "$pid"
figures "1,000 one after the other" churn qemu:///system 1000
after=$(pss "$pid")
echo "#   virtqemud: $before KiB before, $after KiB after"
memory_came_back() { [ "$after" -lt $((before + 8192)) ]; }
check "the daemon has not kept them" memory_came_back
check "... and is the same process" equals "$pid" daemon_pid virtqemud
figures "300 at the same time through virtproxyd" held 'qemu:///system?mode=legacy' 300

# --- TLS
m_with_input bash -s <<'SETUP' > "$work/setup" 2>&1 || { cat "$work/setup"; echo "not ok - $area: certificates"; \
        failed=1; finish; }
set -e
/run/test/certificates
cp /tmp/c/ca.pem /tmp/c/good.pem
ip link set lo up
systemctl stop virtproxyd.socket virtproxyd.service 2>/dev/null
systemctl start libvirtd-tls.socket
SETUP
tls='qemu+tls://localhost/system?pkipath=/tmp/c/pki'
check "virsh over TLS" m virsh -c "$tls" version
pid=$(daemon_pid libvirtd)
figures "200 clients on TLS that begin at once, all served" rush "$tls" 200
figures "... and 200 that one process holds" held "$tls" 200 "$pid"

# --- a healthy one beside those who mean harm
latency() { scale beside "$1" "$2"; }
figures "a healthy local client alone" beside qemu:///system 4
LIMIT=60 m python3 /run/test/hostile_tls.py half 50 > "$work/half" 2>&1 & a=$!
HOLD=8 LIMIT=60 m env HOLD=8 python3 /run/test/hostile.py /run/libvirt/libvirt-sock never_reads > \
        "$work/never" 2>&1 & b=$!
LIMIT=60 m python3 /run/test/hostile.py /run/libvirt/libvirt-sock slow > "$work/slow" 2>&1 & c=$!
LIMIT=60 m env HOLD=8 python3 /run/test/hostile.py /run/libvirt/libvirt-sock many_idle > "$work/idle" 2>&1 & d=$!
sleep 1
figures "... beside one that never reads, 200 idle, a slow one and 50 half handshakes" beside qemu:///system 8
figures "... and one on TLS among them" beside "$tls" 4
wait $a $b $c $d
cat "$work/half" "$work/never" | sed 's/^/#   /'
check "all by the same process" equals "$pid" daemon_pid libvirtd
finish
