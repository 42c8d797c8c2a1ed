#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Persistent reservations of SCSI disks that are the host's affair, by qemu-pr-helper in its sandbox, on units of the
# kernel's own target. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
whole_machine_up

# Two units on the loopback of the target, with reservations that the target keeps itself.
target() { m_with_input sh -e <<'SH'
# where the target writes registrations down, or does nothing
mkdir -p /var/target/pr /etc/target/pr
modprobe target_core_file; modprobe tcm_loop
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
t=/sys/kernel/config/target
for n in 0 1; do
        truncate -s 16M /root/unit$n.raw
        mkdir -p $t/core/fileio_$n/unit$n
        echo "fd_dev_name=/root/unit$n.raw,fd_dev_size=16777216" > $t/core/fileio_$n/unit$n/control
        echo reserved$n > $t/core/fileio_$n/unit$n/wwn/vpd_unit_serial
        echo 1 > $t/core/fileio_$n/unit$n/enable
        mkdir -p $t/loopback/naa.500140500000000$n/tpgt_1/lun/lun_0
        echo naa.500140510000000$n > $t/loopback/naa.500140500000000$n/tpgt_1/nexus
        ln -s $t/core/fileio_$n/unit$n $t/loopback/naa.500140500000000$n/tpgt_1/lun/lun_0/unit
done
udevadm settle
SH
}
units() { m sh -c "lsscsi | awk '/LIO-ORG/ { print \$NF }'"; }
both_there() { [ "$(units | wc -l)" = 2 ]; }
check "the kernel's target has two units" target
check "... which are disks" eventually 20 both_there
{ read -r first; read -r second; } < <(units)
echo "#   they are $first and $second"
check "... that know reservations" contains "NO registered reservation keys" m sg_persist --in -k "$first"

lun() { echo "<disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='$1'>
        <reservations managed='yes'/></source><target dev='$2' bus='scsi'/></disk>"; }
scsi="<controller type='scsi' model='virtio-scsi'/>"
managers() { m virsh qemu-monitor-command "$1" '{"execute":"query-pr-managers"}'; }
# What QEMU does for its guest: the command and the disk go to the helper, the answer comes back.
reserve() { m_with_input /usr/bin/python3 - "$@" <<'PY'
import array, os, socket, struct, sys
path, disk, key = sys.argv[1], sys.argv[2], int(sys.argv[3], 0)
s = socket.socket(socket.AF_UNIX)
s.connect(path)
s.recv(4)
s.sendall(struct.pack(">I", 0))
def command(cdb, data=b"", size=0):
    fd = os.open(disk, os.O_RDWR)
    s.sendmsg([cdb.ljust(16, b"\0")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)
    if data:
        s.sendall(data)
    head = b""
    while len(head) < 104:
        piece = s.recv(104 - len(head))
        assert piece, "the helper has gone"
        head += piece
    result, length = struct.unpack(">ii", head[:8])
    body = b""
    while len(body) < length:
        body += s.recv(length - len(body))
    return result, body
def out(action, kind, old, new):
    data = struct.pack(">QQ", old, new) + b"\0" * 8
    return command(struct.pack(">BBBHHH", 0x5f, action, kind, 0, 0, len(data)), data)[0]
assert out(0, 0, 0, key) == 0, "register"
assert out(1, 1, key, 0) == 0, "reserve"
result, keys = command(struct.pack(">BB5xHB", 0x5e, 0, 0x20, 0))
assert result == 0, result
print("%x" % struct.unpack(">Q", keys[8:16]))
PY
}

check "define" define_guest early idle "$scsi$(lun "$first" sda)"
check "a guest with such a disk starts" m virsh -q start early
check "... its helper runs" equals active m systemctl is-active vm-pr-helper@early
check "... and QEMU is connected to it" eventually 20 contains '"connected":true' managers early
early=$(m sh -c "virsh dumpxml early | grep -o \"/run/[^']*/pr-helper0.sock\"")
check "... the helper registers and reserves" equals abc123 reserve "$early" "$first" 0xabc123
check "... for the disk itself" contains "0xabc123" m sg_persist --in -k "$first"
check "... as a write exclusive reservation" contains "Write Exclusive" m sg_persist --in -r "$first"
m sg_persist --out -C -K 0xabc123 "$first" >/dev/null
# --- another one, for a guest that runs: the same helper does it
attach() {
        lun "$2" "$3" | m_with_input sh -c 'cat > /root/lun.xml'
        m virsh -q attach-device "$1" /root/lun.xml --live
}
late_helper() { m systemctl is-active "vm-pr-helper@$1-late"; }
check "another one is attached" attach early "$second" sdb
check "... the same helper reserves it" equals def456 reserve "$early" "$second" 0xdef456
check "... no other one runs" equals inactive late_helper early
check "... and is detached" m virsh -q detach-disk early sdb --live
check "... the guest has the first one still" contains '"connected":true' managers early
m sg_persist --out -C -K 0xdef456 "$second" >/dev/null
check "... the helper is killed" m systemctl kill -s KILL vm-pr-helper@early
check "destroy" m virsh -q destroy early
check "... and the helper has gone" eventually 20 equals inactive m systemctl is-active vm-pr-helper@early

# --- a guest that had none at its start
check "define one without" define_guest late idle "$scsi"
check "... starts" m virsh -q start late
check "... without a helper" equals "inactive inactive" \
        m sh -c 'systemctl is-active vm-pr-helper@late vm-pr-helper@late-late | xargs'
check "the first such disk is attached" attach late "$first" sda
check "... its helper runs" equals active late_helper late
check "... QEMU is connected to it" eventually 20 contains '"connected":true' managers late
late=$(m sh -c "virsh dumpxml late | grep -o \"/run/[^']*/pr-helper0.sock\"")
check "... the helper registers and reserves" equals 789 reserve "$late" "$first" 0x789
check "... for the disk itself" contains "0x789" m sg_persist --in -k "$first"
m sg_persist --out -C -K 0x789 "$first" >/dev/null
check "a second one is attached" attach late "$second" sdb
check "the first one is detached" m virsh -q detach-disk late sda --live
check "... the helper stays for the second one" equals active late_helper late
check "... QEMU is connected to it" contains '"connected":true' managers late
check "the second one is detached" m virsh -q detach-disk late sdb --live
check "... the helper goes" eventually 20 equals inactive late_helper late
check "... and QEMU's connection" contains '"return":[]' managers late
check "the first one comes again" attach late "$first" sda
check "... with a helper" equals active late_helper late
check "... which QEMU is connected to" eventually 20 contains '"connected":true' managers late
check "destroy" m virsh -q destroy late
check "... the helper goes with it" eventually 20 equals inactive late_helper late
check "... with its settings" eventually 20 not m test -e /run/systemd/system/vm-pr-helper@late-late.service.d
finish
