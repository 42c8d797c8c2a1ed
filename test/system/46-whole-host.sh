#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host's devices where they are real: PCI behind an IOMMU, given to guests and taken back; USB that comes and goes.
# At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
whole_machine_up
c=nodedev:///system
outside() { "$here/whole-machine" monitor "$dir" "$@"; }
check "the machine is up, with Debian's kernel" contains "Debian" m uname -v
options() { m awk '$3 == "cgroup2" { print $4 }' /proc/mounts; }
check "moves between cgroups are quick" contains ",favordynmods" options
for option in nsdelegate memory_recursiveprot; do
        check "... $option is as systemd set it" contains ",$option" options
done

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

# --- a guest that runs already, of a machine whose ports let go without the guest's doing
port="<controller type='pci' model='pcie-root-port'/>"
late() {
        guest_xml late idle "$port$port" | sed "s/machine='pc'/machine='pc-q35-6.0'/" |
                m_with_input sh -c "cat > /root/late.xml && virsh -q define /root/late.xml"
}
opens() { m systemctl show -P DeviceAllow vm@late; }
check "a guest without a card" late
check "... starts" m virsh -q start late
check "... may open no VFIO" not contains vfio opens
check "the card comes while it runs" m_with_input virsh -q attach-device late /dev/stdin --live < <(hostdev "$card")
check "... is VFIO's" equals vfio-pci driver "$card"
check "... QEMU has it open" m sh -c "ls -l /proc/$(qemu_pid late)/fd | grep -q vfio"
check "... and may lock all memory" m sh -c "grep -q 'Max locked memory *unlimited' /proc/$(qemu_pid late)/limits"
check "... its group is all that it may open" contains "/dev/vfio/" opens
check "it goes" m_with_input virsh -q detach-device late /dev/stdin --live < <(hostdev "$card")
check "... the card is the host's again" eventually 10 equals e1000e driver "$card"
check "... nothing of VFIO may be opened any more" eventually 10 not contains vfio opens
check "it comes again" m_with_input virsh -q attach-device late /dev/stdin --live < <(hostdev "$card")
check "QEMU is killed" m kill -KILL "$(qemu_pid late)"
check "... the card is the host's again" eventually 10 equals e1000e driver "$card"
check "... it starts" m virsh -q start late
check "... and may open no VFIO" not contains vfio opens
check "... ends" m sh -c 'virsh -q destroy late && virsh -q undefine late'

# --- threads with quotas, which need a control group with the processor's controller
quotas="<cputune><period>100000</period><quota>40000</quota><emulator_quota>20000</emulator_quota></cputune>"
limited() {
        guest_xml limited | sed "s|</vcpu>|</vcpu>$quotas|" |
                m_with_input sh -c 'cat > /root/limited.xml && virsh -q define /root/limited.xml'
}
group() { m cat "/sys/fs/cgroup/machine.slice/vm@limited.service/guest/$1/cpu.max"; }
check "a guest whose threads have quotas" limited
check "... starts" m virsh -q start limited
check "... runs" shows_running limited
check "... its processor has its own" equals "40000 100000" group vcpu0
check "... the emulator too" equals "20000 100000" group emulator
check "another while it runs" m virsh -q schedinfo limited --live vcpu_quota=50000
check "... counts" equals "50000 100000" group vcpu0
check "... ends" m sh -c 'virsh -q destroy limited && virsh -q undefine limited'

# --- USB: a device given by vendor and product
plug() { outside device_add '{"driver":"usb-tablet","id":"tablet","bus":"xhci.0"}'; }
check "a USB device comes" plug
tablet() { m sh -c 'grep -l 0627 /sys/bus/usb/devices/*/idVendor | xargs -r dirname'; }
check "... the host has it" eventually 10 contains /sys tablet
check "... it is listed" eventually 5 contains usb_ m sh -c "virsh -q -c $c nodedev-list --cap usb_device"
usb="<controller type='usb' model='qemu-xhci'/><hostdev mode='subsystem' type='usb'><source startupPolicy='optional'>
        <vendor id='0x0627'/><product id='0x0001'/></source></hostdev>"
check "a guest with it" define_guest usb idle "$usb"
check "... starts" m virsh -q start usb
check "... and runs" shows_running usb
has_tablet() { m sh -c "ls -l /proc/$(qemu_pid usb)/fd | grep /dev/bus/usb"; }
check "... QEMU has it open" has_tablet
for round in 1 2; do
        check "it is unplugged ($round)" outside device_del '{"id":"tablet"}'
        check "... the host has lost it" eventually 10 equals "" tablet
        check "... the guest runs yet" shows_running usb
        check "it is plugged in again" eventually 10 plug
        check "... the guest has it back, by udev alone" eventually 20 has_tablet
done
check "the guest ends" m virsh -q destroy usb
check "... without it, it starts too" outside device_del '{"id":"tablet"}'
check "... which the host has lost" eventually 10 equals "" tablet
check "... as optional as it is" m virsh -q start usb
check "... and runs" shows_running usb
check "... when it comes it is the guest's" eventually 10 plug
check "... by udev alone" eventually 20 has_tablet
check "... ends" m sh -c 'virsh -q destroy usb && virsh -q undefine usb'

check "nothing went wrong in the daemon" equals "" m journalctl -b -p err -o cat -u virtnodedevd
finish
