#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host's devices where they are real: PCI behind an IOMMU, given to guests and taken back. At night only: it boots
# a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
whole_machine_up
c=nodedev:///system
check "the machine is up, with Debian's kernel" contains "Debian" m uname -v

# --- PCI: a card of its own group, an NVMe disk, two cards behind one bridge
address_of() { m sh -c "cd /sys/bus/pci/devices; for d in *; do
        if [ \"\$(cat \$d/vendor) \$(cat \$d/device)\" = '$1' ]; then echo \$d; fi; done"; }
driver() { m sh -c "basename \"\$(readlink /sys/bus/pci/devices/$1/driver)\""; }
node_of() { tr ':.' _ <<<"pci_$1"; }
card=$(address_of '0x8086 0x10d3') nvme=$(address_of '0x1b36 0x0010')
mapfile -t old < <(address_of '0x8086 0x100e')
echo "#   the card is $card, the NVMe disk $nvme, the old cards ${old[*]}"
check "the card has a group of its own" equals 1 m sh -c "ls /sys/bus/pci/devices/$card/iommu_group/devices | wc -l"
check "... which its document names" contains "<iommuGroup number='" m virsh -c $c nodedev-dumpxml "$(node_of "$card")"
check "... and its driver" contains "<name>e1000e</name>" m virsh -c $c nodedev-dumpxml "$(node_of "$card")"
for device in $card $nvme; do
        before=$(driver "$device")
        check "nodedev-detach ($before)" m virsh -c $c nodedev-detach "$(node_of "$device")"
        check "... to VFIO" equals vfio-pci driver "$device"
        check "... which has a node for its group" \
                m sh -c "test -c /dev/vfio/\$(basename \$(readlink /sys/bus/pci/devices/$device/iommu_group))"
        check "... says so" \
                eventually 5 contains "<name>vfio-pci</name>" m virsh -c $c nodedev-dumpxml "$(node_of "$device")"
        check "nodedev-reset" m virsh -c $c nodedev-reset "$(node_of "$device")"
        check "nodedev-reattach" m virsh -c $c nodedev-reattach "$(node_of "$device")"
        check "... to the driver from before" equals "$before" driver "$device"
        check "... without a preference" equals "(null)" m cat "/sys/bus/pci/devices/$device/driver_override"
done
check "the card is a link again" eventually 5 m sh -c "ls /sys/bus/pci/devices/$card/net"
check "the disk a disk" eventually 5 m test -b /dev/nvme0n1
check "a named driver" m virsh -c $c nodedev-detach "$(node_of "$card")" --driver pci-stub
check "... has it" equals pci-stub driver "$card"
check "... and gives it back" m virsh -c $c nodedev-reattach "$(node_of "$card")"
check "... to the driver from before" equals e1000e driver "$card"

# --- a guest that has the card
hostdev() { # ADDRESS: one that is managed
        local a=${1//[:.]/ }
        # shellcheck disable=SC2086
        set -- $a
        echo "<hostdev mode='subsystem' type='pci' managed='yes'><source>
                <address domain='0x$1' bus='0x$2' slot='0x$3' function='0x$4'/></source></hostdev>"
}
check "a guest with the card" define_guest pci idle "$(hostdev "$card")"
check "... starts" m virsh -q start pci
check "... and runs" shows_running pci
check "... the card is VFIO's" equals vfio-pci driver "$card"
check "... QEMU has it open" m sh -c "ls -l /proc/$(qemu_pid pci)/fd | grep -q vfio"
refused "... detaching it is refused, naming the guest" "domain pci" m virsh -c $c nodedev-detach "$(node_of "$card")"
check "the guest ends" m virsh -q destroy pci
check "... the card is the host's again" eventually 10 equals e1000e driver "$card"
check "... nothing is remembered" equals "" m sh -c 'ls /run/libvirt/nodedev/detached 2>/dev/null'
check "it starts again" m virsh -q start pci
check "... and runs" shows_running pci
check "QEMU is killed" m kill -KILL "$(qemu_pid pci)"
check "... the card is the host's again" eventually 10 equals e1000e driver "$card"
check "it is undefined" m virsh -q undefine pci
check "a guest with one of two cards in a group" define_guest half idle "$(hostdev "${old[0]}")"
refused "... is refused, naming the other" "${old[1]}" m virsh start half
both() { m sh -c "for d in ${old[*]}; do basename \$(readlink /sys/bus/pci/devices/\$d/driver); done | xargs"; }
check "... both are the host's" equals "e1000 e1000" both
check "... with both it starts" m sh -c "virsh -q undefine half"
check "... as it is defined now" define_guest half idle "$(hostdev "${old[0]}")$(hostdev "${old[1]}")"
check "... starts" m virsh -q start half
check "... runs" shows_running half
check "... ends" m sh -c 'virsh -q destroy half && virsh -q undefine half'
check "... both are the host's again" eventually 10 equals "e1000 e1000" both

check "nothing went wrong in the daemon" equals "" m journalctl -b -p err -o cat -u virtnodedevd
finish
