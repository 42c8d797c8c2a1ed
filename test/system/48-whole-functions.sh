#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Virtual functions (SR-IOV) of a network card, as far as QEMU can show one, igb, from 8.0 on: node devices, networks of
# them, guests that get one by a network or by its address, at start and later, and give it back as it was, however they
# end. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
options=(-device "pcie-root-port,id=port6,chassis=6,slot=6" -device "nvme-subsys,id=shared"
         -device "nvme,serial=parts,subsys=shared,bus=port5,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2")
igb=''
if "${WHOLE_MACHINE_QEMU:-qemu-system-x86_64}" -device help 2>&1 | grep -q '"igb"'; then
        igb=yes
        options+=(-netdev "user,id=outside,restrict=on"
                  -device "igb,id=igb.0,bus=port6,netdev=outside,mac=52:54:00:00:48:01")
fi
whole_machine_up "${options[@]}"
c=nodedev:///system
mac=52:54:00:00:48:
node_of() { tr ':.' _ <<<"pci_$1"; }
document() { m virsh -c $c nodedev-dumpxml "$(node_of "$1")"; }
driver() { m sh -c "basename \"\$(readlink /sys/bus/pci/devices/$1/driver)\""; }
pci_of() { # MAKER DEVICE
        m sh -c "cd /sys/bus/pci/devices; for d in *; do
                [ \"\$(cat \$d/vendor) \$(cat \$d/device)\" != '$1 $2' ] || [ -e \$d/physfn ] || echo \$d; done"; }
valid() { document "$1" | xmllint --noout --relaxng /usr/share/libvirt/schemas/nodedev.rng -; }
functions() { m sh -c "cd /sys/bus/pci/devices/$1; for f in virtfn*; do basename \"\$(readlink \$f)\"; done"; }
make_functions() { m sh -c "echo $2 > /sys/bus/pci/devices/$1/sriov_numvfs; udevadm settle"; }
element() { # ADDRESS: as an element
        echo "<address type='pci' domain='0x${1:0:4}' bus='0x${1:5:2}' slot='0x${1:8:2}' function='0x${1:11:1}'/>"; }
short() { element "$1" | sed "s/ type='pci'//"; }

# --- what a node device says of them
shown() { # CARD MAX: with two functions
        local one
        check "$1 may have $2 functions" contains "<capability type='virt_functions' maxCount='$2'" document "$1"
        check "... two are made" make_functions "$1" 2
        for one in $(functions "$1"); do
                check "... $one is listed" eventually 10 document "$one"
                check "... says whose it is" contains "<capability type='phys_function'>" document "$one"
                check "... by its address" contains "$(short "$1")" document "$one"
                check "... is valid by libvirt's schema" valid "$one"
                check "... its owner names it" contains "$(short "$one")" document "$1"
        done
        check "... the owner is valid by libvirt's schema" valid "$1"
}
for disk in $(pci_of 0x1b36 0x0010); do
        if m test -e "/sys/bus/pci/devices/$disk/sriov_totalvfs"; then shown "$disk" 2; make_functions "$disk" 0; fi
done
gone() { not contains "<capability type='phys_function'>" m sh -c \
        "virsh -q -c $c nodedev-list --cap pci | grep . | while read -r d; do virsh -c $c nodedev-dumpxml \$d; done"; }
check "they go" eventually 10 gone
if [ -z "$igb" ]; then
        echo "# $area: this QEMU has no igb ($(qemu-system-x86_64 --version | head -n 1)): functions of network cards" \
                "are SKIPPED; another one's path may be in WHOLE_MACHINE_QEMU"
        finish
fi
card=$(pci_of 0x8086 0x10c9)
link=$(m ls "/sys/bus/pci/devices/$card/net")
# their drivers ask a card that is up for their addresses
m ip link set "$link" up
shown "$card" 7
m sh -c "echo 0 > /sys/bus/pci/devices/$card/sriov_numvfs"
check "three functions" make_functions "$card" 3
mapfile -t vf < <(functions "$card")
check "... are Linux's" equals igbvf driver "${vf[0]}"
echo "#   the card is $card ($link), its functions ${vf[*]}"

# --- by a network
state() { m sh -c "ip link show $link | grep -w 'vf $1'"; }
settings() { contains "$2" state "$1"; }
# The driver that gets it back gives it an address of its own.
as_before() { # NUMBER: nothing of the guest is left; its driver, and its link
        not contains "$mac" state "$1" && not contains vlan state "$1" && equals igbvf driver "${vf[$1]}" &&
                m ls "/sys/bus/pci/devices/${vf[$1]}/net"
}
network() { m_with_input sh -c "cat > /root/net.xml && virsh -q net-define /root/net.xml && virsh -q net-start $1"; }
ports() { m sh -c "virsh -q net-port-list $1 | grep -c ."; }
by_network() { # NETWORK MAC [MORE]
        echo "<interface type='network'><mac address='$mac$2'/><source network='$1'/>${3-}
                <model type='virtio'/></interface>"; }
by_address() { # FUNCTION MAC [MANAGED [MORE]]
        echo "<interface type='hostdev' managed='${3-yes}'><mac address='$mac$2'/>
                <source>$(element "$1")</source>${4-}</interface>"; }
guest() { m virsh -q undefine "$1" >/dev/null 2>&1; define_guest "$1" idle "$2"; }
start_fails() { guest "$1" "$2" && m virsh start "$1"; }
check "a network of the card's functions" network functions \
        <<<"<network><name>functions</name><forward mode='hostdev' managed='yes'><pf dev='$link'/></forward></network>"
for one in "${vf[@]}"; do check "... has $one" contains "$(element "$one")" m virsh net-dumpxml functions; done
vlan="<vlan><tag id='42'/></vlan>"
for n in 0 1 2 3; do check "a guest on it ($n)" guest "f$n" "$(by_network functions "1$n" "$vlan")"; done
check "... starts" m virsh -q start f0
check "... and runs" shows_running f0
check "... its function is VFIO's" equals vfio-pci driver "${vf[0]}"
check "... has the guest's address" settings 0 "link/ether ${mac}10"
check "... is in its VLAN" settings 0 "vlan 42"
check "... QEMU has it open" m sh -c "ls -l /proc/$(qemu_pid f0)/fd | grep -q vfio"
check "... the network says so" contains "connections='1'" m virsh net-dumpxml functions
check "... in a port" contains "<plug type='hostdev-pci' managed='yes'>" \
        m sh -c 'virsh net-port-dumpxml functions $(virsh -q net-port-list functions | xargs)'
check "... with the address" contains "$(short "${vf[0]}")" \
        m sh -c 'virsh net-port-dumpxml functions $(virsh -q net-port-list functions | xargs)'
refused "... detaching it is refused, naming the guest" "domain f0" \
        m virsh -c $c nodedev-detach "$(node_of "${vf[0]}")"
check "others start, too" m sh -c 'virsh -q start f1 && virsh -q start f2'
check "... each has its own" settings 2 "link/ether ${mac}12"
check "... three ports" equals 3 ports functions
refused "a fourth has none" "requires exclusive access to interfaces, but none are available" m virsh start f3
check "... leaves no port" equals 3 ports functions
check "one ends" m virsh -q destroy f1
check "... its function is as it was" eventually 10 as_before 1
check "... and free" eventually 10 equals 2 ports functions
check "... for the fourth" m virsh -q start f3
check "... which has it" settings 1 "link/ether ${mac}13"
check "QEMU is killed" m kill -KILL "$(qemu_pid f3)"
check "... its function is as it was" eventually 10 as_before 1
check "... and free" eventually 10 equals 2 ports functions
check "all end" m sh -c 'virsh -q destroy f0; virsh -q destroy f2'
for n in 0 1 2; do check "... function $n is as it was" eventually 10 as_before $n; done
check "... no port is left" eventually 10 equals 0 ports functions
check "... nor is anything remembered" equals "" m sh -c 'ls /run/libvirt/nodedev/detached 2>/dev/null'
m ip link set "$link" down
refused "a card that is down" "because the PF is not online" m virsh start f0
check "... its function is as it was" eventually 10 as_before 0
m ip link set "$link" up
m sh -c 'for n in 0 1 2 3; do virsh -q undefine f$n; done; virsh -q net-destroy functions'

# --- by a list of addresses, and one that nobody manages
check "a network of two of them" network listed <<<"<network><name>listed</name>
        <forward mode='hostdev' managed='no'>$(element "${vf[1]}")$(element "${vf[2]}")</forward></network>"
check "a guest on it" guest listed "$(by_network listed 20)"
refused "... whose function nobody gave to VFIO" "${vf[1]}" m virsh start listed
check "... is Linux's yet" as_before 1
check "... leaves no port" equals 0 ports listed
check "it is given to VFIO" m virsh -c $c nodedev-detach "$(node_of "${vf[1]}")"
before=$(state 1)
check "... the guest starts" m virsh -q start listed
check "... its function has its address" settings 1 "link/ether ${mac}20"
check "... it ends" m virsh -q destroy listed
check "... the card is set as before" eventually 10 equals "$before" state 1
check "... its driver stays" equals vfio-pci driver "${vf[1]}"
check "... until it is given back" m virsh -c $c nodedev-reattach "$(node_of "${vf[1]}")"
check "... as it was" eventually 10 as_before 1
m sh -c 'virsh -q undefine listed; virsh -q net-destroy listed'

# --- by its address
check "a guest with a function" guest fixed "$(by_address "${vf[2]}" 30 yes "$vlan")"
check "... starts" m virsh -q start fixed
check "... it has the guest's address" settings 2 "link/ether ${mac}30"
check "... and VLAN" settings 2 "vlan 42"
check "... is listed as a card" contains "${mac}30" m virsh domiflist fixed
check "... ends" m virsh -q destroy fixed
check "... as it was" eventually 10 as_before 2
check "... starts again" m virsh -q start fixed
check "... QEMU is killed" m kill -KILL "$(qemu_pid fixed)"
check "... as it was" eventually 10 as_before 2
refused "the whole card is no function" "on SR-IOV Virtual Functions only ($card is none)" \
        start_fails fixed "$(by_address "$card" 30)"
check "... it is Linux's" equals igb driver "$card"
m virsh -q undefine fixed

# --- while a guest runs
port="<controller type='pci' model='pcie-root-port'/>"
late() {
        guest_xml late idle "$port$port" | sed "s/machine='pc'/machine='pc-q35-6.0'/" |
                m_with_input sh -c "cat > /root/late.xml && virsh -q define /root/late.xml"
}
plug() { m_with_input virsh -q "$1-device" late /dev/stdin --live; }
check "the network is back" m virsh -q net-start functions
check "a guest without a card" late
check "... starts" m virsh -q start late
for kind in network address; do
        xml=$(by_network functions 40 "$vlan")
        [ $kind = network ] || xml=$(by_address "${vf[0]}" 40 yes "$vlan")
        check "by $kind: a function comes while it runs" plug attach <<<"$xml"
        check "... is VFIO's" equals vfio-pci driver "${vf[0]}"
        check "... has the guest's address" settings 0 "link/ether ${mac}40"
        check "... and VLAN" settings 0 "vlan 42"
        check "... QEMU has it open" m sh -c "ls -l /proc/$(qemu_pid late)/fd | grep -q vfio"
        check "... the guest has a card" contains "${mac}40" m virsh domiflist late
        check "it goes" plug detach <<<"$xml"
        check "... is as it was" eventually 10 as_before 0
        check "... the guest has none" eventually 10 not contains "${mac}40" m virsh domiflist late
        check "... nor has the network a port" eventually 10 equals 0 ports functions
done
check "it comes again, by a document that names no model" plug attach \
        <<<"<interface type='network'><mac address='${mac}40'/><source network='functions'/></interface>"
check "QEMU is killed" m kill -KILL "$(qemu_pid late)"
check "... is as it was" eventually 10 as_before 0
check "... no port is left" eventually 10 equals 0 ports functions
m sh -c 'virsh -q undefine late; virsh -q net-destroy functions'

# --- by iommufd, which QEMU has from 9.0 on, and the kernel from 6.6
by_iommufd() { # FUNCTION
        echo "<hostdev mode='subsystem' type='pci' managed='yes'><driver iommufd='yes'/>
                <source>$(element "$1")</source></hostdev>"; }
open_in() { m sh -c "ls -l /proc/$(qemu_pid "$1")/fd" | grep -q -- "-> $2"; }
objects() { m virsh qemu-monitor-command late '{"execute":"qom-list","arguments":{"path":"/objects"}}'; }
check "a guest with a function by iommufd" guest iommufd "$(by_iommufd "${vf[0]}")"
if ! m sh -c 'qemu-system-x86_64 -device vfio-pci,help | grep -q iommufd'; then
        refused "... is refused by name" "iommufd is not supported by this QEMU" m virsh start iommufd
        check "... its function is as it was" as_before 0
elif ! m sh -c 'modprobe -q iommufd; test -c /dev/iommu'; then
        echo "# $area: this kernel has no iommufd (CONFIG_IOMMUFD, which neither Debian 12 nor Debian 13 sets)"
        refused "... is refused by name" "cannot open '/dev/iommu' for iommufd" m virsh start iommufd
        check "... its function is as it was" eventually 10 as_before 0
else
        check "... starts" m virsh -q start iommufd
        check "... its function is VFIO's" equals vfio-pci driver "${vf[0]}"
        check "... QEMU has iommufd open" open_in iommufd /dev/iommu
        check "... and the function's own node" open_in iommufd /dev/vfio/devices/vfio
        check "... and no group" not open_in iommufd '/dev/vfio/[0-9]'
        check "... which it does not see" not m test -e "/proc/$(qemu_pid iommufd)/root/dev/vfio"
        check "... the guest has the card" contains "Ethernet controller" \
                m virsh qemu-monitor-command iommufd --hmp info pci
        check "... it ends" m virsh -q destroy iommufd
        check "... its function is as it was" eventually 10 as_before 0
        check "another guest" late
        check "... starts" m virsh -q start late
        check "a function comes by iommufd while it runs" plug attach <<<"$(by_iommufd "${vf[0]}")"
        check "... QEMU has its own node" open_in late /dev/vfio/devices/vfio
        check "... a second one" plug attach <<<"$(by_iommufd "${vf[1]}")"
        check "... the first one goes" plug detach <<<"$(by_iommufd "${vf[0]}")"
        check "... is as it was" eventually 10 as_before 0
        check "... the second one has iommufd still" contains '"iommufd0"' objects
        check "... it goes" plug detach <<<"$(by_iommufd "${vf[1]}")"
        check "... is as it was" eventually 10 as_before 1
        check "... and so does iommufd" eventually 10 not contains '"iommufd0"' objects
        check "... /dev/iommu is not open" not open_in late /dev/iommu
        m sh -c 'virsh -q destroy late; virsh -q undefine late'
fi
m virsh -q undefine iommufd

# --- their links, for macvtaps
check "a network of their links" network links \
        <<<"<network><name>links</name><forward mode='passthrough'><pf dev='$link'/></forward></network>"
check "... has one" contains "<interface dev='$(m ls "/sys/bus/pci/devices/${vf[0]}/net")'" m virsh net-dumpxml links
check "a guest on it" guest macvtap "<interface type='network'><mac address='${mac}50'/><source network='links'/>
        <model type='virtio'/></interface>"
check "... starts" m virsh -q start macvtap
check "... by macvtap" contains macvtap m virsh domiflist macvtap
check "... ends" m sh -c 'virsh -q destroy macvtap && virsh -q undefine macvtap && virsh -q net-destroy links'
check "... its function is as it was" eventually 10 as_before 0
check "the functions go" make_functions "$card" 0
check "... all of them" eventually 10 gone
check "nothing went wrong in the daemons" equals "" m journalctl -b -p err -o cat -u virtnodedevd -u virtnetworkd
finish
