#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a QEMU that was taken over can reach: nothing of another guest, nothing of the machine. Each attempt has a
# control that shows that it fails for the right reason.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

disk() { echo "<disk type='file' device='disk'><driver name='qemu' type='raw'/>
        <source file='/var/lib/libvirt/images/$1.raw'/><target dev='vda' bus='virtio'/></disk>"; }
# a is one that may come to be dumped, and whose screen is seen over the network: it sees more than others
vnc="<graphics type='vnc' port='5907' passwd='secret' listen='127.0.0.1'/>"
definition() { if [ "$1" = a ]; then guest_xml a idle "$(disk a)$vnc" | sed \
        's|</os>|</os><on_crash>coredump-destroy</on_crash>|'; else guest_xml "$1" idle "$(disk "$1")"; fi; }
define() { definition "$1" | m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml"; }
for guest in a b; do
        check "a disk for $guest" m sh -c \
                "echo secret-of-$guest > /var/lib/libvirt/images/$guest.raw
                truncate -s 1M /var/lib/libvirt/images/$guest.raw"
        check "define $guest" define $guest
        check "start $guest" m systemctl start vm@$guest
done
pid_a=$(qemu_pid a) pid_b=$(qemu_pid b)
check "both run" test -n "$pid_a" -a -n "$pid_b"
uid_of() { m stat -c %u "/proc/$1"; }
uid_a=$(uid_of "$pid_a") uid_b=$(uid_of "$pid_b")
check "with users of their own, neither root" test "$uid_a" != "$uid_b" -a "$uid_a" != 0 -a "$uid_b" != 0

# A shell where a's QEMU is: its cgroup (devices), its namespaces, its user and groups, no capabilities.
groups_a=$(m sh -c "awk '/^Groups:/ { \$1 = \"\"; print }' /proc/$pid_a/status" | xargs | tr ' ' ,)
gid_a=$(m stat -c %g "/proc/$pid_a")
as_a() {
        m sh -c "echo \$\$ > /sys/fs/cgroup/machine.slice/vm@a.service/cgroup.procs || exit 99
                exec nsenter -t $pid_a -m -n -i -u -r -w setpriv --reuid $uid_a --regid $gid_a \
                        --groups ${groups_a:-$gid_a} \
                        --no-new-privs --bounding-set=-all --inh-caps=-all \"\$@\"" - "$@"
}
check "control: a shell in a's place runs, as a's user" equals "$uid_a" as_a id -u
open_images() { m sh -c "readlink /proc/$1/fd/* | grep raw | sort -u"; }
check "control: it reads what it may" as_a head -c 4 /usr/bin/qemu-system-x86_64
check "a's QEMU holds a's disk and no other" equals /var/lib/libvirt/images/a.raw open_images "$pid_a"
open_files() { m sh -c "readlink /proc/$1/fd/*" | grep -c "$2"; }
check "control: vm-prepare's launch file is there" m test -e /run/libvirt/qemu/a.launch
check "its QEMU does not hold it" equals 0 open_files "$pid_a" launch
# What vm-run had of the bus as root is closed: no connection of the bus ends in the unit's processes.
on_the_bus() {
        m sh -c "for p in \$(cat /sys/fs/cgroup/machine.slice/vm@a.service/cgroup.procs); do
                        readlink /proc/\$p/fd/*
                done | sed -n 's/^socket:.\([0-9]*\).*/\1/p' | sort > /run/theirs
                ss -xH | awk '/system_bus_socket/ { print \$NF == \"*\" ? \$(NF-1) : \$NF }' | sort > /run/ends
                comm -12 /run/theirs /run/ends | wc -l"
}
check "control: the bus has connections" m sh -c 'ss -xH | grep -c system_bus_socket'
check "neither its QEMU nor its vm-run has one of them" equals 0 on_the_bus
check "it cannot read b's disk" not as_a head -c 11 /var/lib/libvirt/images/b.raw
check "it cannot signal b's QEMU" not as_a kill -0 "$pid_b"
check "control: it may signal its own" as_a kill -0 "$pid_a"
connects() { as_a python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$1"; }
check "it cannot open b's monitor" not connects /run/libvirt/qemu/vm-b/qmp.sock
check "nor its own, which only root does" not connects /run/libvirt/qemu/vm-a/qmp.sock
check "control: it reaches what it listens at itself" as_a python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.bind("/dev/shm/own"); s.listen(1)
socket.socket(socket.AF_UNIX).connect("/dev/shm/own")'
# vm-run's alone, and that one's before it has what it asks for.
ask_to_prepare='
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/libvirt/prepare/socket")
s.settimeout(10)
text, fds, *_ = socket.recv_fds(s, 4096, 1)
print("got", len(text), len(fds))'
check "it reaches who prepares guests, and gets nothing" equals "got 0 0" as_a python3 -c "$ask_to_prepare"
check "... nor does root outside of a unit" equals "got 0 0" m /usr/bin/python3 -c "$ask_to_prepare"
check "... nor in a's unit" equals "got 0 0" m sh -c \
        'echo $$ > "/sys/fs/cgroup$(systemctl show -P ControlGroup vm@a)/cgroup.procs"; exec /usr/bin/python3 -c "$1"' \
        sh "$ask_to_prepare"
check "... nor in a unit of its own, as systemd's child" contains "got 0 0" \
        m systemd-run -q --pipe --wait /usr/bin/python3 -c "$ask_to_prepare"
# As a QEMU that has ended vm-run would be: in the unit, and systemd's child.
orphan() {
        m sh -c 'echo $$ > "/sys/fs/cgroup$(systemctl show -P ControlGroup vm@a)/cgroup.procs"
                /usr/bin/python3 -c "import os, time
while os.getppid() != 1:
    time.sleep(0.1)
$1" > /run/orphan 2>&1 &' orphan "$ask_to_prepare"
        eventually 10 m grep got /run/orphan; m cat /run/orphan
}
check "... nor an orphan of its unit" contains "got 0 0" orphan
check "... as the journal says" contains "guest 'a' asks, which has begun already" \
        m journalctl -q --no-pager _COMM=vm-prepare
found() { as_a find / -path /proc -prune -o -path /sys -prune -o -name "$1" -print 2>/dev/null; }
check "control: it finds its own monitor" contains /run/libvirt/qemu/vm-a/qmp.sock found qmp.sock
check "it does not find b's disk anywhere" equals "" found b.raw
check "nor the daemon's socket" not connects /run/libvirt/virtqemud-sock
check "nor the system bus" not connects /run/dbus/system_bus_socket
check "it cannot read definitions" not as_a cat /etc/libvirt/qemu/b.xml
check "it cannot read live state" not as_a cat /run/libvirt/qemu/b.xml
check "it cannot write its own launch file" not as_a sh -c 'echo x >> /run/libvirt/qemu/a.launch'
check "it cannot write to /etc, /usr or /var" not as_a sh -c 'touch /etc/x || touch /usr/x || touch /var/lib/x'
check "it cannot read /etc/shadow" not as_a cat /etc/shadow
check "it cannot open a loop device" not as_a sh -c 'exec 3< /dev/loop0'
check "it cannot open /dev/fuse" not as_a sh -c 'exec 3<> /dev/fuse'
# The one thing that it may ask root for.
ask() { as_a python3 -c '
import os, socket, sys
def ask():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("/run/libvirt/dump/socket")
    text, fds, *_ = socket.recv_fds(s, 4096, 1)
    return s, text.decode(), fds
first, path, fds = ask()
assert path.startswith("/var/lib/libvirt/qemu/dump/1-a-") and len(fds) == 1, (path, fds)
second, text, none = ask()
assert not text and not none, "two at a time"
os.write(fds[0], b"all there is")
first.send(sys.argv[1].encode())
print(first.recv(4096).decode())
try:
    os.open(path, os.O_RDONLY)
    sys.exit("it can open the file again")
except OSError:
    pass
' "$1"; }
dump=/var/lib/libvirt/qemu/dump
check "it may ask for its own dump, one at a time, and cannot open the file" contains $dump/1-a- ask whole
check "... which is root's" equals "600 0 all there is" \
        m sh -c "stat -c '%a %u' $dump/1-a-* | tr '\n' ' '; cat $dump/1-a-*"
check "... again within a minute it is refused" not ask 'whole'
check "... control: a minute later" m touch -d '2 minutes ago' /run/libvirt/qemu/a.dumped
check "... which somebody of another user in its unit may not" not m sh -c \
        'touch -d "2 minutes ago" /run/libvirt/qemu/a.dumped
        echo $$ > "/sys/fs/cgroup$(systemctl show -P ControlGroup vm@a)/cgroup.procs" && exec /usr/bin/python3 -c "
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(\"/run/libvirt/dump/socket\")
text, fds, *_ = socket.recv_fds(s, 4096, 1)
sys.exit(not fds)"'
check "... a word that was not agreed on leaves none" equals "" ask 'whole, and more'
check "... and nothing half" equals 1 m sh -c "ls $dump | wc -l"
check "a guest that is not to be dumped does not see the socket" not m test -e \
        "/proc/$pid_b/root/run/libvirt/dump/socket"
check "control: the other one does" m test -e "/proc/$pid_a/root/run/libvirt/dump/socket"
check "systemd-analyze security rates what opens the file 2.0 or better" \
        m systemd-analyze security --no-pager --threshold=20 vm-dump@1.service
no_network() { not as_a python3 -c 'import socket; socket.create_connection(("127.0.0.1", 22), 2)' &&
        not as_a sh -c 'ip -o link | grep -v lo:'; }
check "it has no network" no_network
# Clients of its screen are handed to it.
see_screen() { m /usr/bin/python3 -c '
import socket
clients = [socket.create_connection(("127.0.0.1", 5907), 10) for _ in range(5)]
for s in clients:
    s.settimeout(20)
    assert s.recv(12) == b"RFB 003.008\n", "no screen"
    s.sendall(b"RFB 003.008\n")
    assert s.recv(2) == b"\x01\x02", "not asked for the password"'; }
check "... and its screen is seen by TCP all the same, by five at once, who need the password" see_screen
check "virsh says where" equals "127.0.0.1:7" m virsh vncdisplay a
its_sockets() { m sh -c "nsenter -t $pid_a -n ss -tlnH | wc -l"; }
check "... in its own network nobody listens" equals 0 its_sockets
check "its own processes have no capabilities" equals "0000000000000000" \
        m awk '/^CapEff:/ { print $2 }' "/proc/$pid_a/status"
check "... no new privileges, and a system call filter" equals "1 2" m awk \
        '/^NoNewPrivs:/ { n = $2 } /^Seccomp:/ { print n, $2 }' "/proc/$pid_a/status"
check "systemd-analyze security rates the unit 1.3 or better" m systemd-analyze security --no-pager \
        --threshold=13 vm@a.service

# --- the daemons ---

daemons="libvirtd virtproxyd virtqemud virtnetworkd virtnodedevd virtnwfilterd virtsecretd virtstoraged virtinterfaced"
for daemon in $daemons virtlogd virtlockd; do
        check "systemd-analyze security rates $daemon 2.0 or better" m systemd-analyze security --no-pager \
                --threshold=20 "$daemon.service"
done
as_daemon() { m sh -c 'p=$(systemctl show -P MainPID virtqemud) && exec nsenter -t "$p" -m "$@"' as_daemon "$@"; }
check "the daemon sees the control groups" as_daemon test -e /sys/fs/cgroup/cgroup.procs
check "... and may change none of them" not as_daemon mkdir /sys/fs/cgroup/unitvirt-test
check "... nor the kernel's settings" not as_daemon sh -c 'echo 1 > /proc/sys/vm/swappiness'
finish
