#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Node devices where the kernel has all of them: SCSI hosts, Fibre Channel adapters and their virtual ports, NVMe, PCI
# and USB that come and go, graphics, links. Each is listed, has the right parent, says what is valid by libvirt's own
# schema, and is told of by an event. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
whole_machine_up -device bochs-display
c=nodedev:///system
outside() { "$here/whole-machine" monitor "$dir" "$@"; }
devices() { m /usr/bin/python3 /run/test/whole-devices.py "$@"; }
document() { m virsh -c $c nodedev-dumpxml "$1"; }
names() { m sh -c "virsh -q -c $c nodedev-list --cap $1 | grep . | sort"; }
# told WHAT PATTERN: an event of it has come since the last `forget`
told() { m grep -qxE "$1 ($2)" /root/events; }
forget() { m sh -c ': > /root/events'; }
valid() { # KIND: all that there are now
        local schema=/usr/share/libvirt/schemas/$1.rng folder=$work/documents
        rm -rf "$folder"; mkdir "$folder"
        devices documents "$1" | tar -x -C "$folder" || return 1
        echo "$1: $(find "$folder" -type f | wc -l) documents"
        find "$folder" -type f -print0 | xargs -0 xmllint --noout --relaxng "$schema" 2>&1 | grep -v ' validates$' &&
                return 1
        [ -n "$(ls "$folder")" ]
}
everything() { # WHEN
        check "$1: each list has what the kernel has" devices counts
        sed 's/^/#   /' "$work/seen" | xargs echo "#  "
        check "... parents and the tree are right" devices tree
        check "... every document is valid by libvirt's schema" valid nodedev
        sed 's/^/#   /' "$work/seen"
}
m systemd-run -q --unit=test-watch /usr/bin/python3 /run/test/whole-devices.py watch /root/events
check "events are listened to" eventually 10 m test -e /root/events
everything "as it booted"
check "every interface is valid by libvirt's schema" valid interface
sed 's/^/#   /' "$work/seen"
check "an IOMMU group is said" contains "<iommuGroup number='" document pci_0000_00_00_0
check "graphics have a node" m sh -c "for d in \$(virsh -q -c $c nodedev-list --cap drm); do
        virsh -c $c nodedev-dumpxml \$d | grep -q '/dev/dri/' || exit 1; done"
check "a disk of SCSI has its size" contains "<size>268435456</size>" \
        document "$(names storage | grep disk0 | head -n 1)"
nvme=$(names storage | grep nvme0)
check "an NVMe disk as well" contains "<size>67108864</size>" document "$nvme"
check "... and its serial number" contains nvme0 document "$nvme"
check "... below its PCI device" contains "<parent>pci_" document "$nvme"
controller=$(document "$nvme" | sed -n 's/.*<parent>\(.*\)<.*/\1/p')
check "... which is one of PCI Express" contains "<pci-express>" document "$controller"

# --- SCSI: a host with two targets of two units, made by the kernel itself
load() { m modprobe "$@"; }
if load -n scsi_debug 2>/dev/null; then
        forget
        before=$(names scsi_host)
        check "a SCSI host comes" load scsi_debug num_tgts=2 max_luns=2 dev_size_mb=8
        fresh() { comm -13 <(echo "$before") <(names scsi_host) | grep .; }
        check "... is listed" eventually 10 fresh
        host=$(fresh) n=${host#scsi_host}
        complete() { [ "$(devices below "$host" | cut -d' ' -f1 | sort | uniq -c | xargs)" = \
                "4 scsi 4 scsi_generic 2 scsi_target 4 storage" ] || { devices below "$host"; return 1; }; }
        check "... with two targets, four units, their disks and generic devices" eventually 20 complete
        check "... the target's parent is the host" contains "<parent>$host</parent>" document "scsi_target${n}_0_1"
        check "... the unit's the target" contains "<parent>scsi_target${n}_0_1</parent>" document "scsi_${n}_0_1_1"
        check "... a unit is a disk" contains "<type>disk</type>" document "scsi_${n}_0_1_1"
        for event in "$host" "scsi_target${n}_0_0" "scsi_${n}_0_0_0" "scsi_generic_sg[0-9]+" "block_sd.*"; do
                check "... $event was told of" eventually 10 told created "$event"
        done
        everything "with it"
        forget
        check "a unit goes" m sh -c "echo 1 > /sys/bus/scsi/devices/$n:0:1:1/delete"
        check "... which is told of" eventually 10 told deleted "scsi_${n}_0_1_1"
        check "... with its disk" eventually 10 told deleted "block_sd.*"
        check "... and generic device" eventually 10 told deleted "scsi_generic_sg[0-9]+"
        check "... it is listed no more" not contains "scsi_${n}_0_1_1" names scsi
        check "the bus is scanned" m sh -c "echo '- - -' > /sys/class/scsi_host/host$n/scan"
        check "... it is back" eventually 10 complete
        check "a disk gets larger" m sh -c "echo 0 > /sys/bus/pseudo/drivers/scsi_debug/virtual_gb || true
                echo 1 > /sys/bus/pseudo/drivers/scsi_debug/virtual_gb
                for d in /sys/bus/scsi/devices/$n:*/rescan; do echo 1 > \$d; done"
        first() { devices below "$host" | awk '/^storage/ { print $2; exit }'; }
        larger() { contains "<size>1073741824</size>" document "$(first)"; }
        check "... and says so" eventually 10 larger
        forget
        check "the host goes" m modprobe -r scsi_debug
        check "... which is told of" eventually 10 told deleted "$host"
        check "... all is as it was" eventually 10 equals "$before" names scsi_host
        everything "without it"
else echo "# $area: this kernel has no scsi_debug ($(load -n scsi_debug 2>&1 | tail -n 1)): SKIPPED"; fi

# --- Fibre Channel over Ethernet: an adapter without hardware, with virtual ports
# fc0 and fc1 speak with each other, and this kernel is the array of disks, too. Not before both are there: to one
# that is not ready yet, a frame of the other is the end of the kernel.
array() { m_with_input bash -e <<'ARRAY'
modprobe target_core_file; modprobe tcm_fc
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
ip link set fc0 down; ip link set fc1 down; ip link set fc1 address 52:54:00:00:fc:01
for l in fc0 fc1; do echo $l > /sys/module/libfcoe/parameters/create_vn2vn; done
cd /sys/kernel/config/target
mkdir -p core/fileio_0/disk
truncate -s 32M /root/fc.img
echo fd_dev_name=/root/fc.img,fd_dev_size=33554432 > core/fileio_0/disk/control
echo 1 > core/fileio_0/disk/enable
target=fc/20:00:52:54:00:00:fc:01/tpgt_1 initiator=20:00:52:54:00:00:fc:00
mkdir -p $target/lun/lun_0
ln -s $PWD/core/fileio_0/disk $target/lun/lun_0/disk
mkdir -p $target/acls/$initiator/lun_0
ln -s $PWD/$target/lun/lun_0 $target/acls/$initiator/lun_0/disk
ip link set fc0 up; ip link set fc1 up
ARRAY
}
remote() {
        local target unit
        forget
        check "an array of disks on Fibre Channel" array
        check "... is found" eventually 20 told created "block_sd.*"
        target=$(m sh -c "awk '/^created scsi_target/ { print \$2 }' /root/events") unit=$(m sh -c \
                "awk '/^created scsi_[0-9]/ { print \$2 }' /root/events")
        check "... its target says which port it is behind" contains "<capability type='fc_remote_port'>" \
                document "$target"
        check "... by name" contains "<wwpn>0x200052540000fc01</wwpn>" document "$target"
        check "... below the adapter" contains "<parent>scsi_host" document "$target"
        check "... with its unit" contains "<parent>$target</parent>" document "$unit"
        everything "with it"
        forget
        check "the array goes" m sh -c 'for l in fc1 fc0; do echo $l > /sys/module/libfcoe/parameters/destroy; done'
        check "... its disk with it" eventually 20 told deleted "block_sd.*"
        check "... its target too" eventually 10 told deleted "$target"
}
if load fcoe 2>/dev/null; then
        m sh -c 'ip link add fc0 address 52:54:00:00:fc:00 type veth peer name fc1
                ip link set fc0 up; ip link set fc1 up'
        forget
        check "an adapter of Fibre Channel comes" m sh -c 'echo fc0 > /sys/module/libfcoe/parameters/create'
        check "... is listed" eventually 10 contains scsi_host names fc_host
        adapter=$(names fc_host | head -n 1)
        check "... which was told of" eventually 10 told created "$adapter"
        check "... as one with virtual ports" equals "$adapter" names vports
        check "... has its name" contains "<wwpn>2000525400" document "$adapter"
        check "... and room for ports" contains "<vports>0</vports>" document "$adapter"
        check "... below its link" contains "<parent>net_fc0_52_54_00_00_fc_00</parent>" document "$adapter"
        port() { m_with_input sh -c "cat > /root/port.xml; virsh -c $c nodedev-create /root/port.xml" <<<"<device>$1
                <capability type='scsi_host'><capability type='fc_host'>$2</capability></capability></device>"; }
        name="<wwnn>2001001b32a9da4e</wwnn><wwpn>2101001b32a9da4e</wwpn>"
        check "a virtual port" contains "Node device scsi_host" port "<parent>$adapter</parent>" "$name"
        made=$(names fc_host | grep -vx "$adapter" | head -n 1)
        check "... is there" test -n "$made"
        check "... with its name" contains "<wwpn>2101001b32a9da4e</wwpn>" document "$made"
        check "... was told of" eventually 10 told created "$made"
        check "... the adapter has one" contains "<vports>1</vports>" document "$adapter"
        check "... it is found by its name" equals "$made" m /usr/bin/python3 -c "import libvirt
print(libvirt.open('$c').nodeDeviceLookupSCSIHostByWWN('2001001b32a9da4e', '2101001b32a9da4e', 0).name())"
        refused "the same once more" "" port "<parent>$adapter</parent>" "$name"
        refused "a port of a host without them" "vport operation is not supported by" \
                port "<parent>$(names scsi_host | grep -vxE "$adapter|$made" | head -n 1)</parent>" ''
        check "one with a name by chance, on whoever has room" contains "Node device scsi_host" port '' ''
        everything "with ports"
        forget
        for one in $(names fc_host | grep -vx "$adapter"); do
                check "nodedev-destroy $one" m virsh -c $c nodedev-destroy "$one"
                check "... it is gone" eventually 10 told deleted "$one"
        done
        check "... the adapter has none" contains "<vports>0</vports>" document "$adapter"
        refused "the adapter itself is no port" "" m virsh -c $c nodedev-destroy "$adapter"
        forget
        check "the adapter goes" m sh -c 'echo fc0 > /sys/module/libfcoe/parameters/destroy'
        check "... which is told of" eventually 10 told deleted "$adapter"
        remote
        m ip link delete fc0
else echo "# $area: this kernel has no fcoe: virtual ports of Fibre Channel are SKIPPED"; fi

# --- PCI: an NVMe disk and a card go, and others come
forget
check "the NVMe disk is unplugged" outside device_del '{"id":"nvme.0"}'
check "... which is told of" eventually 20 told deleted "$nvme"
check "... its PCI device too" eventually 10 told deleted "$controller"
empty_disk() { outside blockdev-add "{\"driver\":\"null-co\",\"node-name\":\"$1\",\"size\":$2,\"read-zeroes\":true}"; }
check "a new one comes" empty_disk fresh 33554432
check "... is plugged in" \
        outside device_add '{"driver":"nvme","id":"nvme.1","bus":"port4","drive":"fresh","serial":"fresh1"}'
check "... which is told of" eventually 20 told created "block_nvme.*fresh1.*"
check "... its PCI device too" eventually 10 told created "pci_.*"
check "... has its size" contains "<size>33554432</size>" document "$(names storage | grep fresh1)"
check "a card comes" outside device_add '{"driver":"e1000e","id":"card.1","bus":"port5","mac":"52:54:00:00:05:01"}'
check "... its link too" eventually 20 told created "net_.*_52_54_00_00_05_01"
check "a disk of SCSI" empty_disk late 16777216
check "... comes" \
        outside device_add '{"driver":"scsi-hd","id":"late","bus":"scsi.0","scsi-id":9,"drive":"late","serial":"late"}'
check "... which is told of" eventually 20 told created "block_sd.*late"
check "a USB device comes" outside device_add '{"driver":"usb-tablet","id":"tablet","bus":"xhci.0"}'
check "... which is told of" eventually 20 told created "usb_[0-9_]+"
everything "with what came"
for one in nvme.1 card.1 late tablet; do check "$one goes" outside device_del "{\"id\":\"$one\"}"; done
check "... the card's link too" eventually 20 told deleted "net_.*_52_54_00_00_05_01"
check "... the disk too" eventually 20 told deleted "block_sd.*late"
check "... the tablet too" eventually 20 told deleted "usb_[0-9_]+"

# --- links
if load netdevsim 2>/dev/null; then
        check "a device with 64 ports" m sh -c 'echo "1 64" > /sys/bus/netdevsim/new_device'
        many=64
        gone() { m sh -c 'echo 1 > /sys/bus/netdevsim/del_device'; }
else
        echo "# $area: this kernel has no netdevsim ($(load netdevsim 2>&1 | tail -n 1)): dummy links in its place"
        many=200
        check "$many links" m sh -c "seq $many | sed 's/.*/link add many& type dummy/' | ip -batch -"
        gone() { m sh -c "seq $many | sed 's/.*/link delete many&/' | ip -batch -"; }
fi
listed() { [ "$(m sh -c "virsh -q -c $c nodedev-list --cap net | grep -cE '^net_(many|eni|eth[0-9]+np)'")" -ge "$1" ]; }
check "... are listed" eventually 30 listed $many
check "... told of" eventually 30 m sh -c "[ \$(grep -c '^created net_' /root/events) -ge $many ]"
everything "with them"
check "they go" gone
check "... which is told of" eventually 30 m sh -c "[ \$(grep -c '^deleted net_' /root/events) -ge $many ]"

# --- what nothing here has
m sh -c 'ls /sys/class/mdev_bus/* >/dev/null 2>&1' ||
        echo "# $area: nothing here makes mediated devices (Debian's kernel has no mtty): SKIPPED, see 98-nodedev.sh"
m sh -c 'ls /sys/bus/pci/devices/*/vpd >/dev/null 2>&1' ||
        echo "# $area: none of QEMU's devices has vital product data: SKIPPED, see 98-nodedev.sh"
everything "in the end"
check "nothing went wrong in the daemon" equals "" m journalctl -b -p err -o cat -u virtnodedevd
finish
