#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Pools of file systems that other hosts have: NFS of this kernel's server, one export that trusts root and one that
# does not, and SMB of Samba's; what a server that does not answer holds up; and XFS and btrfs. At night only: it boots
# a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
truncate -s 400M "$work/xfs.raw" "$work/btrfs.raw"
whole_machine_up -drive "if=none,id=xfs,file=$work/xfs.raw,format=raw,cache=unsafe" \
        -device scsi-hd,bus=scsi.0,scsi-id=6,drive=xfs,serial=xfs \
        -drive "if=none,id=btrfs,file=$work/btrfs.raw,format=raw,cache=unsafe" \
        -device scsi-hd,bus=scsi.0,scsi-id=7,drive=btrfs,serial=btrfs
images=/var/lib/libvirt/images
define() { m_with_input sh -c 'cat > /root/pool.xml && virsh -q pool-define /root/pool.xml'; }
netfs() { # NAME FORMAT DIR [OPTION...]
        local name=$1 format=$2 folder=$3 option options=''
        shift 3
        for option; do options+="<fs:option name='$option'/>"; done
        define <<<"<pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'><name>$name</name>
                <source><host name='127.0.0.1'/><dir path='$folder'/><format type='$format'/></source>
                <target><path>/srv/$name</path></target><fs:mount_opts>$options</fs:mount_opts></pool>"
}
on_volume() { # NAME POOL VOLUME: a guest that boots from it
        m_with_input sh -c "cat > /root/$1.xml && virsh -q define /root/$1.xml" <<XML
<domain type='qemu'><name>$1</name><memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>$images/vmlinuz</kernel><initrd>$images/initrd.img</initrd>
<cmdline>console=ttyS0 root=/dev/vda hostname=$1 quiet $kernel_words</cmdline></os><features><acpi/></features>
<devices><disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='$2' volume='$3'/>
<target dev='vda' bus='virtio'/></disk><serial type='pty'/><memballoon model='none'/></devices></domain>
XML
}
at_its_prompt() { eventually 60 m sh -c "journalctl -b -o cat --no-pager VM_NAME=$1 | grep -q '$1 login:'"; }
m sh -c 'head -c 8388608 /dev/urandom > /root/data'
# All that is done with volumes, in a pool that is active.
volumes() { # POOL
        check "... a volume" m virsh -q vol-create-as "$1" a 8M
        check "... an image" m virsh -q vol-create-as "$1" b.qcow2 8M --format qcow2
        check "... both are listed" \
                equals 2 m sh -c "virsh vol-list $1 --details | grep -cE '(a|b.qcow2) +/srv/$1/.* file +8.00 MiB'"
        check "... an upload" m virsh -q vol-upload a /root/data "$1"
        check "... a download, of the same" m sh -c "virsh -q vol-download a /root/back $1 && cmp /root/data /root/back"
        check "... a clone" m sh -c "virsh -q vol-clone a c $1 && virsh -q vol-download c /root/back $1 &&
                cmp /root/data /root/back"
        check "... one of an image" m virsh -q vol-clone b.qcow2 d.qcow2 "$1"
        check "... that grows" m sh -c "virsh -q vol-resize d.qcow2 16M $1 &&
                virsh vol-info d.qcow2 $1 | grep -q 'Capacity: *16.00 MiB'"
        check "... an upload over an image that is there" m sh -c "virsh -q vol-upload b.qcow2 $images/disk.qcow2 $1 &&
                virsh -q vol-download b.qcow2 /root/back $1 && cmp $images/disk.qcow2 /root/back"
        check "... a wipe" m sh -c "virsh -q vol-wipe c $1 && virsh -q vol-download c /root/back $1 &&
                cmp -n 8388608 /root/back /dev/zero"
        check "... a delete" m virsh -q "vol-delete c $1; vol-delete d.qcow2 $1"
        check "... a refresh" m virsh -q pool-refresh "$1"
        check "... what is left is listed" \
                equals "a b.qcow2" m sh -c "virsh -q vol-list $1 | awk '{ print \$1 }' | grep -v ^big | xargs"
        check "... nothing is left of the work" equals "" m sh -c "find $2 -name '.*unitvirt-part'"
}
stops() { # POOL: and leaves nothing
        check "... it stops" m virsh -q pool-destroy "$1"
        check "... nothing is mounted there" eventually 5 not m findmnt "/srv/$1"
        check "... it is undefined" m virsh -q pool-undefine "$1"
        check "... no unit is left of it" eventually 5 \
                equals "" m systemctl list-units --all --plain --no-legend "srv-$1.mount" "vm-pool@$1.service"
        check "... nor a file" \
                equals "" m sh -c "ls -d /run/libvirt/storage/$1.* /run/systemd/generator/srv-$1.mount 2>/dev/null"
}

# --- XFS ---
check "xfs: a disk is defined" define <<<"<pool type='fs'><name>xfs</name>
        <source><device path='/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_xfs'/><format type='xfs'/></source>
        <target><path>/srv/xfs</path></target></pool>"
check "... it is made" m virsh -q pool-build xfs --no-overwrite
refused "... not a second time" "has a xfs file system already" m virsh pool-build xfs --no-overwrite
check "... it starts" m virsh -q pool-start xfs
check "... by a mount unit" contains "xfs" m findmnt -n -o FSTYPE /srv/xfs
volumes xfs /srv/xfs
check "... a clone that shares what both have" m sh -c 'virsh -q vol-create-as xfs big 32M --allocation 32M &&
        echo "<volume><name>linked</name><capacity unit=\"M\">32</capacity></volume>" > /root/v.xml &&
        virsh -q vol-create-from xfs /root/v.xml big --inputpool xfs --reflink'
stops xfs

# --- btrfs ---
btrfs() { # [COW]
        define <<<"<pool type='fs'><name>btrfs</name><uuid>0a1b2c3d-0000-4000-8000-0000000000b1</uuid>${1-}
                <source><device path='/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_btrfs'/><format type='btrfs'/></source>
                <target><path>/srv/btrfs</path></target></pool>"
}
nocow() { # POOL NAME FORMAT: a volume that is not copied on write
        m_with_input sh -c "cat > /root/v.xml && virsh -q vol-create $1 /root/v.xml" <<<"<volume><name>$2</name>
                <capacity unit='M'>8</capacity><target><format type='$3'/><nocow/></target></volume>"
}
flags() { m sh -c "lsattr -d $1 | cut -d' ' -f1 | tr -d -"; }
check "btrfs: a disk is defined" btrfs
check "... it is made" m virsh -q pool-build btrfs --no-overwrite
refused "... not a second time" "has a btrfs file system already" m virsh pool-build btrfs --no-overwrite
check "... but by force" m virsh -q pool-build btrfs --overwrite
check "... it starts" m virsh -q pool-start btrfs
check "... by a mount unit" contains "btrfs" m findmnt -n -o FSTYPE /srv/btrfs
volumes btrfs /srv/btrfs
check "... a volume is copied on write" equals "" flags /srv/btrfs/a
check "... one that is not to be is not" nocow btrfs without raw
check "... by its flag" equals C flags /srv/btrfs/without
check "... nor is such an image" nocow btrfs without.qcow2 qcow2
check "... by its flag" equals C flags /srv/btrfs/without.qcow2
check "... what is written to it is there" m sh -c 'virsh -q vol-upload without /root/data btrfs &&
        virsh -q vol-download without /root/back btrfs && cmp /root/data /root/back'
check "... and it is still not copied" equals C flags /srv/btrfs/without
check "... a clone that shares what both have" m sh -c 'virsh -q vol-create-as btrfs big 32M --allocation 32M &&
        echo "<volume><name>linked</name><capacity unit=\"M\">32</capacity></volume>" > /root/v.xml &&
        virsh -q vol-create-from btrfs /root/v.xml big --inputpool btrfs --reflink'
check "... takes no space of its own" m sh -c 'sync; btrfs filesystem du --raw /srv/btrfs/linked | tail -1 |
        awk "{ exit !(\$2 == 0) }"'
check "... which it says it shares" contains shared m filefrag -v /srv/btrfs/linked
sub="pool-define-as sub dir --target /srv/btrfs/sub"
refused "a pool is not made in another one's folder" "Storage source conflict with pool: 'btrfs'" m virsh "$sub"
check "... a folder that is there is one" \
        m sh -c "mkdir /srv/btrfs/sub && virsh -q '$sub; pool-build sub; pool-start sub'"
check "... its volumes are not copied on write, as libvirt has it" equals C flags /srv/btrfs/sub
check "... which they have from it" m virsh -q vol-create-as sub v 1M
check "..." equals C flags /srv/btrfs/sub/v
check "... it goes" m virsh -q "vol-delete v sub; pool-destroy sub; pool-delete sub; pool-undefine sub"
stops btrfs
check "one of which no volume is copied on write" btrfs "<features><cow state='no'/></features>"
check "... starts" m virsh -q pool-start btrfs
check "... a volume of it" m virsh -q vol-create-as btrfs never 1M
check "... is not" equals C flags /srv/btrfs/never
check "... and again one of which they are" m virsh -q pool-destroy btrfs
check "..." btrfs "<features><cow state='yes'/></features>"
check "... starts" m virsh -q "pool-start btrfs; vol-create-as btrfs again 1M"
check "... a volume of it is" equals "" flags /srv/btrfs/again
stops btrfs
check "elsewhere that cannot be said" define <<<"<pool type='dir'><name>cow</name><features><cow state='no'/></features>
        <target><path>/srv/cow</path></target></pool>"
refused "... which the build says" "unable to control COW flag on '/srv/cow', not btrfs" m virsh pool-build cow
check "..." m virsh -q pool-undefine cow

# --- NFS ---
m_with_input sh -c 'cat > /root/servers' <<'SH'
set -e
useradd -r -m images
mkdir -p /srv/export/open /srv/export/old /srv/export/squashed /srv/export/guest /srv/export/user
chown images:images /srv/export/squashed /srv/export/guest /srv/export/user
chmod 700 /srv/export/squashed
cat > /etc/exports <<X
/srv/export/open 127.0.0.0/8(rw,sync,no_root_squash,no_subtree_check,fsid=1)
/srv/export/squashed 127.0.0.0/8(rw,sync,root_squash,no_subtree_check,fsid=2)
/srv/export/old 127.0.0.0/8(rw,sync,no_root_squash,no_subtree_check,fsid=3)
X
systemctl start nfs-server
cat > /etc/samba/smb.conf <<X
[global]
interfaces = lo
bind interfaces only = yes
disable netbios = yes
smb ports = 445
map to guest = Bad User
load printers = no
[guest]
path = /srv/export/guest
guest ok = yes
force user = images
writable = yes
[user]
path = /srv/export/user
valid users = images
writable = yes
X
printf 'password\npassword\n' | smbpasswd -s -a images
printf 'username=images\npassword=password\n' > /root/credentials
chmod 600 /root/credentials
systemctl start smbd
SH
check "the servers" m bash /root/servers
check "nfs: a search finds all exports" equals "/srv/export/old /srv/export/open /srv/export/squashed" m sh -c "virsh \
        find-storage-pool-sources-as netfs 127.0.0.1 | sed -n \"s/.*<dir path='\\(.*\\)'.*/\\1/p\" | sort | xargs"
check "... one is defined" netfs open nfs /srv/export/open
check "... its mount point is made" m virsh -q pool-build open
check "... it starts" m virsh -q pool-start open
check "... by a mount unit, with the options of pools" contains rw,nosuid,nodev,noexec m findmnt -n -t nfs4 /srv/open
check "... that systemctl shows" \
        equals "active active" m sh -c "systemctl is-active srv-open.mount vm-pool@open | xargs"
volumes open /srv/export/open
check "a guest boots from a volume there" on_volume far open b.qcow2
check "..." m virsh -q start far
check "... to its prompt" at_its_prompt far
refused "... the pool cannot stop meanwhile" "in use by running guests: 'far'" m virsh pool-destroy open
check "... it ends" m virsh -q destroy far
check "... and starts the pool by itself" \
        m sh -c 'virsh -q pool-destroy open && virsh -q start far && findmnt /srv/open'
check "... and ends" m virsh -q destroy far

check "nfs that does not trust root: an image of mode 0600 in a folder of mode 0700 of another owner" \
        m sh -c "cp $images/disk.qcow2 /srv/export/squashed/theirs.qcow2; cd /srv/export/squashed &&
                chown images:images theirs.qcow2 && chmod 600 theirs.qcow2"
check "... a pool" netfs squashed nfs /srv/export/squashed
check "... starts" m virsh -q "pool-build squashed; pool-start squashed"
check "... root may not look into it" not m ls /srv/squashed
check "... the image is listed" contains "48.00 MiB" m virsh vol-info theirs.qcow2 squashed
check "... a guest boots from it" on_volume theirs squashed theirs.qcow2
check "..." m virsh -q start theirs
check "... to its prompt" at_its_prompt theirs
check "... and ends" m virsh -q "destroy theirs; undefine theirs; vol-delete theirs.qcow2 squashed"
volumes squashed /srv/export/squashed
check "... what was made is the owner's" equals "images images" \
        m sh -c 'stat -c %U /srv/export/squashed/* | sort | xargs'
stops squashed

check "nfs of version 3" define <<<"<pool type='netfs'><name>old</name><source><host name='127.0.0.1'/>
        <dir path='/srv/export/old'/><format type='nfs'/><protocol ver='3'/></source>
        <target><path>/srv/old</path></target></pool>"
check "... starts" m virsh -q "pool-build old; pool-start old"
check "... as that" contains vers=3, m findmnt -n -t nfs /srv/old
volumes old /srv/export/old
check "... a guest has a disk there" define_guest third idle "<disk type='volume' device='disk'>
        <driver name='qemu' type='qcow2'/><source pool='old' volume='b.qcow2'/><target dev='vda' bus='virtio'/></disk>"
check "... starts" m virsh -q start third
check "... and runs" shows_running third
check "... and ends" m virsh -q "destroy third; undefine third"
stops old

# --- SMB ---
check "cifs: a share for guests" netfs guest cifs guest
check "... starts" m virsh -q "pool-build guest; pool-start guest"
check "... as a guest, without its server's locks" contains nobrl m findmnt -n -t cifs /srv/guest
volumes guest /srv/export/guest
check "... a guest boots from a volume there" on_volume shared guest b.qcow2
check "..." m virsh -q start shared
check "... to its prompt" at_its_prompt shared
check "... and ends" m virsh -q "destroy shared; undefine shared"
stops guest
check "cifs: a share for a user" netfs user cifs /user credentials=/root/credentials vers=3.0
check "... starts" m virsh -q "pool-build user; pool-start user"
check "... as that user" contains username=images m findmnt -n -t cifs /srv/user
volumes user /srv/export/user
stops user
check "a share that is not there" netfs nothing cifs nothing
refused "... is said to be what failed" "cannot mount '/srv/nothing'" m virsh pool-start nothing
check "..." m virsh -q pool-undefine nothing

# --- a server that does not answer ---
# one that does not write: the kernel lets none end that waits for what it has written
check "a guest with a disk there" define_guest quiet idle "<disk type='volume' device='disk'>
        <driver name='qemu' type='qcow2'/><source pool='open' volume='b.qcow2'/><target dev='vda' bus='virtio'/></disk>"
check "... starts" m virsh -q start quiet
check "... another one is defined" define_guest other idle
check "a pool beside it" m virsh -q "pool-define-as near dir --target /srv/near; pool-build near; pool-start near;
        vol-create-as near base 1M"
overlay="vol-create-as near o.qcow2 1M --format qcow2 --backing-vol base --backing-vol-format raw"
calls=("list --all" "pool-list --all" "pool-list --details" "pool-info near" "vol-create-as near v 1M" "$overlay"
        "vol-clone o.qcow2 o2.qcow2 near" "vol-list near --details" "pool-refresh near" "vol-delete o.qcow2 near"
        "vol-delete o2.qcow2 near" "vol-delete v near" "start other" "dominfo other" "domstats other" "destroy other"
        "pool-define-as next dir --target /srv/next" "pool-build next" "pool-start next" "pool-destroy next"
        "pool-undefine next" "vol-pool /srv/near/base" "dominfo quiet" "domblklist quiet")
took() { # CALL: milliseconds; 1000000 where it fails
        m sh -c 'a=$(date +%s%N); virsh -q "$1" > /dev/null 2>&1; r=$?; b=$(date +%s%N)
                [ $r = 0 ] && echo $(((b - a) / 1000000)) || echo 1000000' sh "$1"
}
normal=()
for call in "${calls[@]}"; do normal+=("$(took "$call")"); done
m_with_input sh -c 'cat > /root/dead' <<'SH'
nft add table inet dead
nft add chain inet dead in '{ type filter hook input priority 0; }'
nft add rule inet dead in tcp dport 2049 drop
nft add rule inet dead in tcp sport 2049 drop
SH
check "its packets are dropped" m sh /root/dead
sleep 62 # what the kernel remembers of its files is old then
# a virsh of its own for each takes most of the time
for i in "${!calls[@]}"; do
        now=$(took "${calls[i]}")
        check "... ${calls[i]}: $now ms, $((normal[i])) before" [ "$now" -le $((2 * normal[i] + 2000)) ]
done
check "... figures of all guests are there, in the time that such may take" \
        m sh -c 'timeout 30 virsh domstats > /root/stats; grep -q quiet /root/stats && grep -q count=1 /root/stats'
check "... and another client is served meanwhile" \
        m sh -c 'virsh domstats > /dev/null & virsh domblkinfo quiet vda > /dev/null 2>&1 & sleep 1
                a=$(date +%s%N); timeout 20 virsh -q list; b=$(date +%s%N); wait
                [ $(((b - a) / 1000000)) -lt 3000 ]'
check "... the pool is said to be inaccessible" eventually 2 contains inaccessible m virsh pool-info open
check "... its volumes are as they were known" contains "48.00 MiB" m virsh vol-info b.qcow2 open
LIMIT=120 refused "... its refresh ends" "did not answer within 75 seconds" m virsh pool-refresh open
# its processes wait for the server as they end, and no signal reaches them
m virsh destroy quiet > /dev/null 2>&1
check "... its guest ends, when systemd waits for it no longer" eventually 30 contains "shut off" m virsh domstate quiet
LIMIT=200 check "... stopping it ends in its time limit" m virsh -q pool-destroy open
check "... it is inactive" contains inactive m sh -c 'virsh pool-list --all | grep -w open'
check "... nothing is mounted there" eventually 10 not m sh -c 'grep " /srv/open " /proc/mounts'
check "... nothing waits for it" \
        eventually 10 not m sh -c 'ps -eo stat,args | grep "^D.*\(vm-\|unitvirtd\|umount\|qemu\)"'
LIMIT=200 refused "... it does not start" "cannot mount '/srv/open'" m virsh pool-start open
check "its packets go through again" m nft delete table inet dead
check "... it starts, with what it had" \
        m sh -c 'virsh -q pool-start open && virsh vol-list open | grep -q b.qcow2'
check "... its guest boots" m virsh -q start far
check "... and ends" m virsh -q "destroy far; undefine far; undefine other; undefine quiet"
stops open

check "nothing went wrong in the daemons" equals "" m journalctl -b -p err -o cat -u virtstoraged -u virtqemud
finish
