#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host's interfaces as virtinterfaced and libvirtd describe them.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# The machine has a network of its own, so that its links are nobody else's.
m sh -c 'ip link add br0 address 52:54:00:00:00:01 type bridge
ip link add p0 address 52:54:00:00:00:02 type veth peer name p1 address 52:54:00:00:00:03
ip link set p0 master br0
for l in lo br0 p0 p1; do ip link set $l up; done
ip address add 192.0.2.5/24 dev p1
ip address add 2001:db8::5/64 dev p1 nodad
ip route add default via 192.0.2.1 dev p1' || { echo "not ok - $area: links"; failed=1; finish; }
# What this kernel does not have is not tested here; unit tests describe all kinds.
vlan='' bond=''
m ip link add link p1 name p1.7 type vlan id 7 2>/dev/null && vlan=yes
m sh -c 'ip link add bond0 type bond mode active-backup miimon 100 &&
        ip link add e0 type dummy && ip link set e0 master bond0' 2>/dev/null && bond=yes

valid() { m sh -c \
        "virsh -c '$1' iface-dumpxml '$2' > /tmp/x.xml &&
        xmllint --noout --relaxng /usr/share/libvirt/schemas/interface.rng /tmp/x.xml"; }
interfaces() {
        local uri=$1 of=$2 name
        check "$of: the list" contains "br0" m virsh -c "$uri" iface-list --all
        check "$of: ... of those that are up, by libvirt-python" contains "p1" m /usr/bin/python3 -c "
import libvirt
c = libvirt.openReadOnly('$uri')
print(sorted(i.name() for i in c.listAllInterfaces(libvirt.VIR_CONNECT_LIST_INTERFACES_ACTIVE)), c.numOfInterfaces())"
        check "$of: name to MAC" equals 52:54:00:00:00:03 m virsh -c "$uri" iface-mac p1
        check "$of: MAC to name" equals br0 m virsh -c "$uri" iface-name 52:54:00:00:00:01
        refused "$of: a name that there is not" "nothing" m virsh -c "$uri" iface-dumpxml nothing
        for name in lo br0 p0 p1 ${vlan:+p1.7} ${bond:+bond0 e0}; do
                check "$of: $name is valid against libvirt's schema" valid "$uri" "$name"
        done
        check "$of: members of a bridge" contains "<interface type='ethernet' name='p0'>" m virsh -c "$uri" \
                iface-dumpxml br0
        check "$of: addresses" contains "<ip address='192.0.2.5' prefix='24'/>" m virsh -c "$uri" iface-dumpxml p1
        check "$of: ... of IPv6" contains "<ip address='2001:db8::5' prefix='64'/>" m virsh -c "$uri" iface-dumpxml p1
        check "$of: routes" contains "<route gateway='192.0.2.1'/>" m virsh -c "$uri" iface-dumpxml p1
        check "$of: a link that is new is there at once" contains new0 m sh -c \
                "ip link add new0 type bridge; virsh -c '$uri' iface-list --inactive"
        check "$of: ... and gone at once" not m sh -c \
                "ip link delete new0; virsh -c '$uri' iface-list --all | grep new0"
        refused "$of: changes are refused where nobody manages links" "NetworkManager" \
                m virsh -c "$uri" iface-destroy p1
        refused "$of: ... definitions too" "systemd-networkd" m sh -c \
                "virsh -c '$uri' iface-dumpxml p1 > /tmp/p1.xml; virsh -c '$uri' iface-define /tmp/p1.xml"
        refused "$of: ... and transactions" "systemd-networkd" m virsh -c "$uri" iface-begin
        check "$of: the link is as it was" contains "state UP" m ip link show p1
}

check "virtinterfaced listens" m systemctl is-active virtinterfaced.socket
interfaces interface:///system virtinterfaced
check "virtqemud asks it" contains p1 m virsh -c qemu:///system iface-list
check "libvirtd in their place" m systemctl start libvirtd.socket
interfaces qemu:///system libvirtd
finish
