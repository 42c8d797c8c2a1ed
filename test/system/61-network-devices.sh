#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Networks of devices of the host: each guest's card gets one of the pool, links for macvtaps or functions of a card
# (SR-IOV), and gives it back however it ends. No machine that tests run on has such functions: what of them can be seen
# is the choice, in a folder that looks like /sys, and each refusal.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
mac=52:54:00:00:61:
card() { echo "<interface type='network'><mac address='$mac$2'/><source network='$1'/>${3-}
        <model type='virtio'/></interface>"; }
guest() { m sh -c "virsh -q destroy $1; virsh -q undefine $1" >/dev/null 2>&1; define_guest "$1" idle "$2"; }
start_fails() { guest "$1" "$2" && m virsh start "$1"; }
network() { m_with_input sh -c "cat > /root/net.xml && virsh -q net-define /root/net.xml && virsh -q net-start $1"; }
net() { m virsh net-dumpxml "$@"; }
ports() { m sh -c "virsh -q net-port-list $1 | grep -c ."; }
# udev makes the nodes of macvtaps; here nobody does
LIMIT=300 m sh -c 'for i in $(seq 4000); do for d in /sys/class/macvtap/tap*/dev; do n=/dev/$(basename "${d%/dev}")
        [ -e "$d" ] && [ ! -e "$n" ] && mknod "$n" c $(tr : " " < "$d"); done
        sleep 0.05; done' 2>/dev/null &
nodes=$!

# --- links ---
m sh -c 'for i in 0 1; do ip link add card$i type veth peer name peer$i
        ip link set card$i up; ip link set peer$i up; done'
network alone <<'XML'
<network><name>alone</name>
  <forward mode='passthrough'><interface dev='card0'/><interface dev='card1'/></forward></network>
XML
check "a pool of links" net alone
for n in 1 2 3; do guest "g$n" "$(card alone "0$n")"; done
if m virsh -q start g1; then
        check "the first guest has one" contains "<interface dev='card0' connections='1'/>" net alone
        check "... its macvtap is there" contains "macvtap0@card0" m ip -br link show type macvtap
        check "the second has the other" m virsh -q start g2
        check "... which virsh shows" contains "<interface dev='card1' connections='1'/>" net alone
        check "... as two connections" contains "<network connections='2'>" net alone
        check "... and as ports" contains "<plug type='direct' dev='card1' mode='passthrough'/>" \
                m sh -c 'for p in $(virsh -q net-port-list alone); do virsh net-port-dumpxml alone $p; done'
        refused "the third has none" "requires exclusive access to interfaces, but none are available" m virsh start g3
        check "... and leaves nothing" equals 2 ports alone
        check "--inactive says nothing of it" not contains connections net alone --inactive
        m systemctl kill -s KILL vm@g1
        check "a guest is killed: its link is free" eventually 10 equals 1 ports alone
        check "... for the third" m virsh -q start g3
        check "... and its macvtap is the only one there" equals "macvtap0" m sh -c \
                'ls /sys/class/net/card0 | sed -n s/upper_//p'
        attach() { card "$@" |
                m_with_input sh -c 'cat > /root/card.xml; virsh attach-device g2 /root/card.xml --live'; }
        refused "one that is plugged in has none either" "but none are available" attach alone 04
        m virsh -q destroy g3
        check "... until there is one" eventually 5 attach alone 04
        check "... which is its own" contains "<interface dev='card0' connections='1'/>" net alone
        check "... its tap is a macvtap" contains macvtap m virsh domiflist g2
        refused "... and the third guest has none" "but none are available" m virsh start g3
        check "all end" m sh -c 'virsh -q destroy g2'
        check "... nothing is left" eventually 5 m sh -c \
                '! ls /run/libvirt/network/alone.ports/* && ! ip -br link show type macvtap | grep .'
else
        echo "skip - $area: this kernel makes no macvtaps that a guest can have"
fi
network shared <<'XML'
<network><name>shared</name><forward mode='bridge'><interface dev='card0'/><interface dev='card1'/></forward></network>
XML
for n in 1 2 3; do guest "g$n" "$(card shared "0$n")"; m virsh -q start "g$n"; done
check "links that are shared: the one with the fewest" contains "<interface dev='card0' connections='2'/>" net shared
check "... and the other" contains "<interface dev='card1' connections='1'/>" net shared
m_with_input sh -c 'cat > /root/nat.xml && virsh -q net-create /root/nat.xml' <<'XML'
<network><name>own</name><bridge name='virbr61'/></network>
XML
move() { card "$@" | m_with_input sh -c 'cat > /root/card.xml; virsh update-device g1 /root/card.xml --live'; }
refused "a macvtap keeps its place while its guest runs" "and keeps its place" move own 01
check "... and is there" contains macvtap m virsh domiflist g1
check "... its link as well" m sh -c 'ip -br link show type macvtap | grep -c card0 | grep -qx 2'
m virsh -q net-destroy own
update() { m virsh net-update shared "$1" forward-interface "<interface dev='$2'/>" --live; }
refused "a link that guests have stays" "It is currently being used by 2 domains" update delete card0
m sh -c 'for n in 1 2 3; do virsh -q destroy g$n; done'
check "... and may go afterwards" eventually 5 update delete card0
check "... another one comes" update add card0
check "... the definition has it" contains "<interface dev='card0'/>" net shared
m virsh -q net-destroy shared
{ kill $nodes; wait $nodes; } 2>/dev/null

# --- functions of cards, on a machine that has none ---
hostdev() { printf "<network><name>%s</name><forward mode='hostdev' managed='yes'>%s</forward></network>" "$1" "$2"; }
no_start() { hostdev "$1" "$2" | network "$1"; }
refused "a card without functions" "No Vf's present on SRIOV PF card0" no_start none "<pf dev='card0'/>"
check "... its network is not active" not contains none m virsh net-list --name
m virsh -q net-undefine none
refused "a card that is not there" "Could not get Virtual functions on nobody7" no_start none "<pf dev='nobody7'/>"
check "a list of addresses" no_start listed "<address type='pci' bus='0x7f' slot='0x1f' function='0x7'/>"
refused "a device that is not there" "the host has no PCI device 0000:7f:1f.7" \
        start_fails g1 "$(card listed 01)"
check "... leaves no port" equals 0 ports listed
device=$(m sh -c 'ls /sys/bus/pci/devices 2>/dev/null | tail -1')
if [ "$device" ]; then
        # 0000:00:05.0
        address="<address type='pci' bus='0x${device:5:2}' slot='0x${device:8:2}' function='0x${device:11:1}'/>"
        refused "a device that is no function of a card" "on SR-IOV Virtual Functions only ($device is none)" \
                start_fails g1 "<interface type='hostdev' managed='yes'><mac address='${mac}01'/>
                <source>$address</source></interface>"
fi

# --- in a folder that looks like /sys, for the helper of running guests too, which may be there yet ---
m sh -ec 'mkdir /srv/sys; cd /srv/sys; mkdir -p bus/pci/devices bus/pci/drivers/vfio-pci class/net/card0
        mkdir -p devices/0000:01:00.0/net/card0 kernel/iommu_groups
        ln -s ../../../devices/0000:01:00.0 class/net/card0/device
        for i in 0 1; do v=0000:01:10.$((i * 2)); mkdir -p devices/$v kernel/iommu_groups/$i/devices
                ln -s ../$v devices/0000:01:00.0/virtfn$i; ln -s ../0000:01:00.0 devices/$v/physfn
                ln -s ../../kernel/iommu_groups/$i devices/$v/iommu_group
                ln -s ../../bus/pci/drivers/vfio-pci devices/$v/driver
                echo 0x020000 > devices/$v/class
                ln -s ../../../../devices/$v kernel/iommu_groups/$i/devices/; done
        for d in devices/*; do ln -s ../../../$d bus/pci/devices/; done; chmod -R go+rX /srv/sys
        for u in vm@ vm-network@ vm-plug; do mkdir -p /etc/systemd/system/$u.service.d
                printf "[Service]\nEnvironment=UNITVIRT_SYS=/srv/sys\n" \
                        > /etc/systemd/system/$u.service.d/sys.conf; done
        systemctl daemon-reload; systemctl stop vm-plug.service'
check "a card with two functions" no_start pool "<driver name='vfio'/><pf dev='card0'/>"
check "... the network has both" \
        contains "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>" net pool
check "... its definition the card alone" not contains "<address" net pool --inactive
refused "the card says nothing of the function" "cannot learn what VF 0 of PF 'card0' is set to" \
        start_fails g1 "$(card pool 01 "<vlan><tag id='42'/></vlan>")"
check "... the function is free again" equals 0 ports pool
refused "a trunk" "vlan trunking is not supported by SR-IOV network devices" \
        start_fails g1 "$(card pool 01 "<vlan trunk='yes'><tag id='42'/></vlan>")"
m ip link set card0 down
refused "a card that is down" "because the PF is not online" start_fails g1 "$(card pool 01)"
filter="<filterref filter='clean-traffic'/>"
refused "a filter, which nobody could hold it to" \
        "filterref is not supported for network interfaces of type hostdev" start_fails g1 "$(card pool 01 "$filter")"
taken() { m_with_input sh -c "cat > /run/libvirt/network/pool.ports/$1.xml" <<XML
<networkport><plug type='hostdev-pci'><address domain='0x0000' bus='0x01' slot='0x10' function='$2'/></plug>
</networkport>
XML
}
m mkdir -p /run/libvirt/network/pool.ports
taken 0a1b2c3d-0000-4000-8000-000000000001 0x0
check "one function is taken" contains "function='0x0' connections='1'/>" net pool
refused "... a guest gets the other" "VF 1 of PF 'card0'" start_fails g1 "$(card pool 01)"
taken 0a1b2c3d-0000-4000-8000-000000000002 0x2
refused "both are taken" "requires exclusive access to interfaces, but none are available" \
        start_fails g1 "$(card pool 01)"
guest g1 ''
m virsh -q start g1
attach() { m sh -c "echo \"$(card pool 02)\" > /root/card.xml; virsh attach-device g1 /root/card.xml --live"; }
refused "a guest that runs gets one, too: both are taken" "but none are available" attach
m sh -c 'rm /run/libvirt/network/pool.ports/*.xml'
refused "... they are free, and the card is down" "because the PF is not online" attach
check "... the function is free again" equals 0 ports pool
check "... and the guest has no card" not contains "<interface" m virsh dumpxml g1
m virsh -q destroy g1
check "the network ends" m virsh -q net-destroy pool
finish
