#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Pools that need a kernel of their own: volume groups with snapshots and thin volumes, partitions that udev names, file
# systems on disks. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
whole_machine_up
by=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_disk
name_of() { m sh -c "basename \$(readlink ${by}$1)"; }
define() { m_with_input sh -c 'cat > /root/pool.xml && virsh -q pool-define /root/pool.xml'; }
make() { m_with_input sh -c "cat > /root/vol.xml && virsh -q vol-create $1 /root/vol.xml"; }
sizes() { m sh -c "virsh vol-info $1 $2 | awk '/Capacity|Allocation/ { print \$2 }' | xargs"; }
on_disk() { # NAME SOURCE KIND: a guest with one more disk
        define_guest "$1" idle "<disk type='$3' device='disk'><driver name='qemu' type='raw'/><source $2/>
                <target dev='vdb' bus='virtio'/></disk>"
}

named() { m systemctl show -P "$2" "vm@$1.service" | tr ' ' '\n' | grep -qxF "$3"; }     # GUEST PROPERTY UNIT

# --- volume groups
group() {
        define <<<"<pool type='logical'><name>vg</name><source><device path='${by}0'/><device path='${by}1'/>
                </source></pool>"
}
check "a volume group of two disks is defined" group
refused "... it is not there yet" "vgchange failed" m virsh pool-start vg
check "... is built" m virsh -q pool-build vg
refused "... not a second time" "has a LVM2_member file system already" m virsh pool-build vg
check "... starts" m virsh -q pool-start vg
check "... snapshots and larger volumes than what they take have their modules" \
        m sh -c 'lsmod | grep -q ^dm_snapshot && lsmod | grep -q ^dm_zero'
check "... is found, with both disks" contains 2 m sh -c "virsh find-storage-pool-sources logical | grep -c '<device'"
check "a volume" m virsh -q vol-create-as vg a 32M
check "... is a device" m test -b /dev/vg/a
check "one of whole extents" m virsh -q vol-create-as vg odd 5000000
check "... says what it has" equals "8.00 8.00" sizes odd vg
refused "one that does not fit" "insufficient free space" m virsh vol-create-as vg big 1G
refused "a name that no volume can have" "cannot be the name of a logical volume" m virsh vol-create-as vg "b d" 1M
check "a volume larger than what it takes" m virsh -q vol-create-as vg sparse 64M --allocation 8M
check "... says so" equals "64.00 8.00" sizes sparse vg
check "one that takes as little as there is" m virsh -q vol-create-as vg least 64M --allocation 0
check "... is one" equals "64.00 4.00" sizes least vg
check "... is removed" m virsh -q vol-delete least vg
check "an upload" \
        m sh -c 'head -c 33554432 /dev/urandom > /root/data && virsh -q vol-upload a /root/data vg &&
                cmp /root/data /dev/vg/a'
snapshot() { make vg <<<"<volume><name>$1</name><capacity unit='M'>16</capacity><backingStore><path>/dev/vg/a</path>
                </backingStore></volume>"; }
check "a snapshot" snapshot snap
check "... and another" snapshot snap2
check "... takes what its changes may take" equals "32.00 16.00" sizes snap vg
check "... names its origin" contains "<path>/dev/vg/a</path>" m virsh vol-dumpxml snap vg
check "... has what that had" \
        m sh -c 'printf new | dd of=/dev/vg/a conv=notrunc status=none &&
                virsh -q vol-download snap /root/back vg && cmp /root/data /root/back'
check "... no daemon of LVM is a part of the work" not m sh -c 'systemctl --no-legend list-units "vm-volume@*" | grep .'
refused "the origin is not deleted with its snapshots" "'snap', 'snap2'" m virsh vol-delete a vg
check "... snapshots are" m virsh -q "vol-delete snap vg; vol-delete snap2 vg"
check "larger" m virsh -q vol-resize a 48M vg
check "... it is" equals "48.00 48.00" sizes a vg
refused "smaller has to be said" "can't shrink" m virsh vol-resize a 16M vg
check "... and is done then" m virsh -q vol-resize a 32M --shrink vg
check "a clone" m sh -c 'virsh -q vol-clone a b vg && cmp /dev/vg/a /dev/vg/b'
check "... wiped" m sh -c 'virsh -q vol-wipe b vg && cmp -n 33554432 /dev/vg/b /dev/zero'
check "... deleted" m virsh -q vol-delete b vg
check "a clone of what is larger than it takes has all its space" m virsh -q vol-clone sparse whole vg
check "... so that it cannot overflow" equals "64.00 64.00" sizes whole vg
check "... deleted" m virsh -q "vol-delete whole vg; vol-delete sparse vg"
check "a pool of thin volumes, LVM's own" \
        m sh -c 'lvcreate -y -q --type thin-pool -L 64M -n tp vg &&
                lvcreate -y -q -V 200M --thinpool vg/tp -n thin && virsh -q pool-refresh vg'
check "... the thin volume is one" equals "200.00 200.00" sizes thin vg
check "... the pool is none" not m sh -c 'virsh vol-list vg | grep -w tp'
check "... it grows" m virsh -q vol-resize thin 300M vg
check "the pool stops" m virsh -q pool-destroy vg
check "... its devices are gone" not m test -e /dev/vg
check "guests with its volumes" on_disk byvol "pool='vg' volume='a'" volume
check "..." on_disk bydev "dev='/dev/vg/odd'" block
check "... the one by the device's path wants the pool too" named bydev Wants vm-pool@vg.service
check "... and comes after it" named bydev After vm-pool@vg.service
check "... which its start brings" m virsh -q start bydev
check "... and runs" shows_running bydev
check "... so does the other" m virsh -q start byvol
check "...... that runs as well" shows_running byvol
refused "the pool cannot stop now" "'bydev', 'byvol'" \
        m sh -c "virsh pool-destroy vg 2>&1 | sed \"s/'byvol', 'bydev'/'bydev', 'byvol'/\"; false"
refused "... nor a volume be deleted" "in use" m virsh vol-delete a vg
check "... they end" m virsh -q "destroy byvol; destroy bydev"
check "they start at boot" m virsh -q "pool-autostart vg; autostart byvol; autostart bydev"
check "... the machine reboots" machine_reboot
check "... the pool is active, although disks come late" eventually 30 contains active \
        m sh -c 'virsh pool-list | grep -w vg'
check "... the guests run" eventually 30 equals "bydev byvol" m sh -c 'virsh list --name | sort | xargs'
check "... nothing has failed" equals "" m systemctl list-units --failed --no-legend --plain "vm*"
check "... they end" m virsh -q "destroy byvol; destroy bydev; undefine byvol; undefine bydev"
check "the group vanishes" m sh -c 'vgchange -q -an vg && vgexport -q vg'
refused "... a refresh says so" "vg" m virsh pool-refresh vg
check "... other pools and lists go on" \
        m sh -c 'virsh pool-list --all && virsh -q pool-define-as other dir --target /srv/other &&
                virsh -q "pool-build other; pool-start other; vol-create-as other v 1M"'
check "... it can be stopped" m sh -c 'virsh -q pool-destroy vg; ! virsh pool-list --name | grep -w vg'
check "... comes again" m sh -c 'vgimport -q vg && virsh -q pool-start vg && virsh vol-list vg | grep -w a'
check "it is deleted" m virsh -q "pool-destroy vg; pool-delete vg; pool-undefine vg"
check "... nothing is on its disks" equals "" m sh -c "pvs --noheadings"

# --- partitions
d=$(name_of 2)
check "a disk is defined" define <<<"<pool type='disk'><name>d</name><source><device path='${by}2'/>
                <format type='gpt'/></source>
        <target><path>/dev</path></target></pool>"
refused "... has no partition table yet" "has no partition table" m virsh pool-start d
check "... is built" m virsh -q pool-build d --no-overwrite
refused "... not a second time" "has a gpt partition table already" m virsh pool-build d --no-overwrite
check "... starts" m virsh -q pool-start d
refused "a partition by a name that it cannot have" "expected '${d}1'" m virsh vol-create-as d data 32M
check "a partition" m virsh -q vol-create-as d "${d}1" 32M
check "... has a node" m test -b "/dev/${d}1"
check "... says its size" equals "32.00 32.00" sizes "${d}1" d
check "a second one" m virsh -q vol-create-as d "${d}2" 64M
refused "one that does not fit" "No space left" m virsh vol-create-as d "${d}3" 1G
check "... was not made" not m test -e "/dev/${d}3"
check "one of them is in use" m sh -c "mkfs.ext4 -q /dev/${d}1 && mount /dev/${d}1 /mnt"
refused "... it cannot be deleted" "busy" m virsh vol-delete "${d}1" d
check "... a third one can be made" m virsh -q vol-create-as d "${d}3" 16M
check "... and deleted" m virsh -q vol-delete "${d}3" d
check "... the node is gone" not m test -e "/dev/${d}3"
refused "a resize" "does not support" m virsh vol-resize "${d}2" 100M d
check "the pool stops" m virsh -q pool-destroy d
refused "a disk in use is not built anew" "busy" m virsh pool-build d --overwrite
check "... it has its partitions" m test -b "/dev/${d}2"
check "... when it is free it is" m sh -c "umount /mnt && virsh -q pool-build d --overwrite"
check "... and has none" not m test -e "/dev/${d}2"
check "it starts again, and takes content" \
        m sh -c "virsh -q pool-start d && virsh -q vol-create-as d ${d}1 8M &&
                virsh -q vol-upload ${d}1 /etc/os-release d && head -c 50 /dev/${d}1 | grep -q NAME"
check "a guest has a partition" on_disk part "pool='d' volume='${d}1'" volume
check "... starts" m virsh -q start part
check "... and runs" shows_running part
refused "... which cannot be deleted now" "busy" m virsh vol-delete "${d}1" d
check "... ends" m virsh -q "destroy part; undefine part"
check "it stops" m virsh -q pool-destroy d
check "a partition is in use" m sh -c "mkfs.ext4 -q /dev/${d}1 && mount /dev/${d}1 /mnt"
refused "... its disk is not deleted" "busy" m virsh pool-delete d
check "... it has it" m sh -c "umount /mnt && test -b /dev/${d}1"
check "a delete takes the partition table away" m virsh -q pool-delete d
check "... the partitions are gone" not m test -e "/dev/${d}1"
refused "... the pool does not start" "has no partition table" m virsh pool-start d
check "... and nothing is on the disk" equals "" m sh -c "wipefs --noheadings /dev/$d"
check "the disk is given back" m virsh -q pool-undefine d

# --- file systems
for fs in ext4 vfat; do
        check "$fs: a disk is defined" define <<<"<pool type='fs'><name>$fs</name><source><device path='${by}3'/>
                <format type='$fs'/></source>
                <target><path>/srv/$fs</path></target>
                <fs:mount_opts xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><fs:option name='sync'/>
                </fs:mount_opts></pool>"
        check "$fs: it is made" m virsh -q pool-build $fs --overwrite
        check "$fs: it starts, with its option" m sh -c "virsh -q pool-start $fs &&
                findmnt -n -o OPTIONS /srv/$fs | grep sync | grep -q nosuid,nodev,noexec"
        check "$fs: a volume" m sh -c "virsh -q vol-create-as $fs v 4M &&
                virsh -q vol-create-as $fs v.qcow2 4M --format qcow2 && virsh vol-list $fs | grep -q v.qcow2"
        refused "$fs: what is mounted is not made anew" "already active" m virsh pool-build $fs --overwrite
        [ $fs = vfat ] || check "$fs: it stops" m sh -c "virsh -q pool-destroy $fs && ! findmnt /srv/$fs &&
                virsh -q pool-undefine $fs"
done
check "xfs: a disk that is too small for it" define <<<"<pool type='fs'><name>xfs</name>
        <source><device path='${by}4'/><format type='xfs'/></source><target><path>/srv/xfs</path></target></pool>"
refused "... is refused, in the words of mkfs" "larger than 300MB" m virsh pool-build xfs --overwrite
check "... is undefined" m virsh -q pool-undefine xfs
check "its device vanishes" m sh -c "echo 1 > /sys/block/$(name_of 3)/device/delete"
check "... the pool has ended" eventually 20 contains inactive m sh -c 'virsh pool-list --all | grep -w vfat'
check "... nothing is mounted there" eventually 20 not m findmnt /srv/vfat
check "... it comes back" m sh -c 'for h in /sys/class/scsi_host/host*/scan; do echo "- - -" > $h; done; udevadm settle'
check "... the pool starts with what it had" m sh -c 'virsh -q pool-start vfat && virsh vol-list vfat | grep -q v.qcow2'
check "... and stops" m virsh -q "pool-destroy vfat; pool-undefine vfat"

# --- disks of a SCSI host
host=$(m sh -c "basename \$(realpath /sys/block/$(name_of 4)/device/../..)")
parent=$(m sh -c "realpath /sys/class/scsi_host/$host | grep -o '[0-9a-f]*:[0-9a-f]*:[0-9a-f]*\.[0-9a-f]' | tail -1")
echo "#   the host is $host of $parent"
scsi() { define <<<"<pool type='scsi'><name>s</name><source>$1</source><target><path>/dev/disk/by-path</path>
                </target></pool>"; }
list_all() { m sh -c 'virsh vol-list s | grep -c unit:0'; }
check "a SCSI host by name" scsi "<adapter type='scsi_host' name='scsi_$host'/>"
check "... starts" m virsh -q pool-start s
check "... its disks are volumes" equals 6 list_all
check "... by names that stay" contains /dev/disk/by-path/ m virsh vol-path unit:0:4:0 s
check "... one goes" m sh -c "echo 1 > /sys/block/$(name_of 5)/device/delete; virsh -q pool-refresh s"
check "... a refresh finds it again" eventually 3 equals 6 list_all
check "... a guest has one" on_disk scsi "pool='s' volume='unit:0:4:0'" volume
check "... starts" m virsh -q start scsi
check "... and runs" shows_running scsi
check "... its unit may open that disk, and no other" \
        m sh -c 'systemctl show -P DeviceAllow vm@scsi > /root/allowed
                grep -qF "/dev/unitvirt/s/unit:0:4:0 rw" /root/allowed && ! grep -q "block-\|/dev/sd" /root/allowed &&
                [ "$(realpath /dev/unitvirt/s/unit:0:4:0)" = "$(realpath $(virsh vol-path unit:0:4:0 s))" ]'
check "... ends" m virsh -q "destroy scsi; undefine scsi; pool-destroy s; pool-undefine s"
check "... the links to its disks are gone" not m test -e /dev/unitvirt/s
IFS=':.' read -r dom bus slot func <<<"$parent"
at="<address domain='0x$dom' bus='0x$bus' slot='0x$slot' function='0x$func'/>"
check "the same by the device's address" scsi "<adapter type='scsi_host'><parentaddr>$at</parentaddr></adapter>"
check "... starts" m virsh -q pool-start s
check "... has the same disks" equals 6 list_all
check "... stops" m virsh -q "pool-destroy s; pool-undefine s"
check "one that is not there" scsi "<adapter type='scsi_host' name='host77'/>"
refused "... is named" "there is no SCSI host 'host77'" m virsh pool-start s
check "..." m virsh -q pool-undefine s

# --- iSCSI: a target of this kernel's, by its loopback, for one initiator with a password
iqn=iqn.2026-01.org.test:disks who=iqn.2026-01.org.test:initiator
m_with_input sh -c 'cat > /root/target' <<'EOF'
set -e
modprobe target_core_file; modprobe iscsi_target_mod
core=/sys/kernel/config/target/core/fileio_7 t=/sys/kernel/config/target/iscsi/$1/tpgt_1
mkdir -p $core /sys/kernel/config/target/iscsi/$1
mkdir -p $t /srv/lun
mkdir -p $t/np/127.0.0.1:3260 $t/np/127.0.0.2:3260 $t/acls/$2
for n in 0 1; do
        truncate -s 32M /srv/lun/$n; mkdir -p $core/x$n
        echo fd_dev_name=/srv/lun/$n,fd_dev_size=33554432 > $core/x$n/control; echo 1 > $core/x$n/enable
        echo serial$n > $core/x$n/wwn/vpd_unit_serial
        mkdir -p $t/lun/lun_$n; ln -s $core/x$n $t/lun/lun_$n/x
        mkdir -p $t/acls/$2/lun_$n; ln -s $t/lun/lun_$n $t/acls/$2/lun_$n/x
done
printf user > $t/acls/$2/auth/userid; printf secretpassword > $t/acls/$2/auth/password
echo 1 > $t/attrib/authentication; echo 1 > $t/enable
EOF
m_with_input sh -c 'cat > /root/secret' <<'EOF'
echo "<secret ephemeral='no' private='yes'><usage type='iscsi'><target>$1</target></usage></secret>" > /root/secret.xml
virsh -q secret-define /root/secret.xml
printf "$2" > /root/password
virsh -q secret-set-value $(virsh secret-list | awk -v u="$1" '$3 == u { print $1 }') --file /root/password --plain
EOF
iscsi() { # SECRET [INITIATOR]
        define <<<"<pool type='iscsi'><name>i</name><source><host name='127.0.0.1'/><device path='$iqn'/>
                <initiator><iqn name='${2-$who}'/></initiator>
                <auth type='chap' username='user'><secret usage='$1'/></auth>
                </source><target><path>/dev/disk/by-path</path></target></pool>"
}
units() { m sh -c 'virsh vol-list i | grep -c unit:0'; }
sessions() { m sh -c 'ls /sys/class/iscsi_session 2>/dev/null | wc -l'; }
tpg=/sys/kernel/config/target/iscsi/$iqn/tpgt_1
check "a target" m bash /root/target $iqn $who
check "its secret" m bash /root/secret right secretpassword
check "another secret" m bash /root/secret wrong anotherpassword
check "a search finds the target" contains "<device path='$iqn'/>" \
        m virsh find-storage-pool-sources-as iscsi 127.0.0.1
check "a pool with the wrong password" iscsi wrong
refused "... cannot log in, and says why" "authorization failure" m virsh pool-start i
check "... no session is left of it" equals 0 sessions
check "... is undefined" m virsh -q pool-undefine i
check "one of another initiator" iscsi right iqn.2026-01.org.test:other
refused "... neither" "authorization failure" m virsh pool-start i
check "... nothing is left of it" equals 0 sessions
check "... is undefined" m virsh -q pool-undefine i
check "one with all that is right" iscsi right
check "... starts" m virsh -q pool-start i
check "... has a session" equals 1 sessions
check "... its units are volumes" equals 2 units
check "... by names that stay" contains "/dev/disk/by-path/ip-127.0.0.1:3260-iscsi-$iqn-lun-1" \
        m virsh vol-path unit:0:0:1 i
check "... the password is root's alone" \
        m sh -c 'for f in $(grep -rl secretpassword /etc/iscsi/nodes); do [ "$(stat -c %a $f)" = 600 ] || exit 1; done'
check "a guest has a unit" on_disk onunit "pool='i' volume='unit:0:0:1'" volume
check "... content comes to it" \
        m sh -c 'head -c 1000000 /dev/urandom > /root/data; virsh -q vol-upload unit:0:0:1 /root/data i &&
                cmp -n 1000000 /root/data /srv/lun/1'
check "... starts" m virsh -q start onunit
check "... and runs" shows_running onunit
check "... its unit may open that one alone" \
        m sh -c 'systemctl show -P DeviceAllow vm@onunit > /root/allowed
                grep -qF "/dev/unitvirt/i/unit:0:0:1 rw" /root/allowed && ! grep -q "block-\|/dev/sd" /root/allowed'
check "... ends" m virsh -q "destroy onunit; undefine onunit"
check "a guest has it by the device's path" \
        on_disk onpath "dev='/dev/disk/by-path/ip-127.0.0.1:3260-iscsi-$iqn-lun-1'" block
check "... it requires the pool, which makes that" named onpath Requires vm-pool@i.service
check "... whose session is not there" m virsh -q pool-destroy i
check "... it starts, and the pool" m virsh -q start onpath
check "... and runs" shows_running onpath
check "... with a session" equals 1 sessions
check "... stopping the pool's unit stops it first" m systemctl stop vm-pool@i.service
check "...... it has ended" equals "shut off" m virsh domstate onpath
check "... the session has" equals 0 sessions
check "... the pool again" m virsh -q "undefine onpath; pool-start i"
check "a unit that is new" \
        m sh -c "mkdir $tpg/lun/lun_2 && ln -s /sys/kernel/config/target/core/fileio_7/x0 $tpg/lun/lun_2/x &&
        mkdir $tpg/acls/$who/lun_2 && ln -s $tpg/lun/lun_2 $tpg/acls/$who/lun_2/x && virsh -q pool-refresh i"
check "... was found by a refresh" eventually 3 equals 3 units
check "it stops" m virsh -q pool-destroy i
check "... and logs out" equals 0 sessions
check "a target that does not answer" m sh -c "echo 0 > $tpg/enable"
began=$SECONDS
LIMIT=120 refused "... is no pool" "iscsiadm" m virsh pool-start i
echo "#   after $((SECONDS - began)) s"
check "... no session is left of it" equals 0 sessions
check "... lists go on" m virsh pool-list --all
check "... none comes when it is back" m sh -c "echo 1 > $tpg/enable; sleep 30"
check "..." equals 0 sessions
check "... the pool starts then" m virsh -q pool-start i
check "... and stops" m virsh -q pool-destroy i
m_with_input sh -c 'cat > /root/dead' <<'SH'
nft add table inet dead
nft add chain inet dead in '{ type filter hook input priority 0; }'
nft add rule inet dead in tcp dport 3260 drop
SH
check "one whose packets are lost" m sh /root/dead
began=$SECONDS
LIMIT=120 refused "... is no pool" "iscsiadm" m virsh pool-start i
echo "#   after $((SECONDS - began)) s"
check "... none comes when they are not" m sh -c "nft delete table inet dead; sleep 30"
check "..." equals 0 sessions
check "... the pool starts then" m virsh -q pool-start i

# --- multipath: the same units by a second portal
m_with_input sh -c 'cat > /root/second' <<'EOF'
for i in $(ls /etc/iscsi/ifaces); do grep -q "$2" /etc/iscsi/ifaces/$i && break; done
n="iscsiadm -m node -T $1 -p 127.0.0.2:3260 -I $i"
$n -o new && $n -o update -n node.session.auth.authmethod -v CHAP &&
                $n -o update -n node.session.auth.username -v user &&
        $n -o update -n node.session.auth.password -v secretpassword && $n --login && udevadm settle
EOF
m_with_input sh -c 'cat > /etc/multipath.conf' <<'EOF'
defaults {
        user_friendly_names yes
        find_multipaths no
}
blacklist {
        device {
                vendor QEMU
                product .*
        }
        devnode "^(vd|nvme)"
}
EOF
check "a second path" m bash /root/second $iqn $who
check "... is a session" equals 2 sessions
check "multipathd" m sh -c 'modprobe dm_multipath; systemctl start multipathd'
check "... makes one disk of two" eventually 5 contains mpath m multipath -ll
check "a pool of such" define <<<"<pool type='mpath'><name>mp</name><source/><target><path>/dev/mapper</path>
                </target></pool>"
check "... starts" m virsh -q pool-start mp
check "... they are volumes" contains /dev/mapper/mpath m virsh vol-list mp
check "... of their size" contains "32.00 MiB" m virsh vol-list mp --details
check "... stops" m virsh -q "pool-destroy mp; pool-undefine mp"
check "multipathd ends" \
        m sh -c 'systemctl stop multipathd.socket multipathd; multipath -F; ! multipath -ll | grep mpath'
check "the sessions end" m sh -c 'virsh -q pool-destroy i; iscsiadm -m node -u; true'
check "... all of them" equals 0 sessions

check "nothing went wrong in the daemon" equals "" m journalctl -b -p err -o cat -u virtstoraged
finish
