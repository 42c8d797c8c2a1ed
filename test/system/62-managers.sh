#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# systemd-networkd and NetworkManager leave the links of virtual networks alone, also where the host has a file that
# fits any link, and whatever the bridge is called.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

network() { # NAME BRIDGE SUBNET
        m_with_input sh -c "cat > /root/$1.xml; virsh -q net-define /root/$1.xml" <<XML
<network><name>$1</name><forward mode='nat'/><bridge name='$2'/><ip address='$3.1' prefix='24'>
<dhcp><range start='$3.2' end='$3.99'/></dhcp></ip></network>
XML
}
# something on the bridge, so that it has a carrier, which is when a manager begins its work
port() { m sh -c "ip link add $1-h type veth peer name $1-g && ip link set $1-h master $2 up && ip link set $1-g up"; }
setup_of() { m sh -c "networkctl list --no-pager --no-legend $1 | awk '{ print \$5 }'"; }
has_its_address() { equals "$2.1/24" m sh -c "ip -4 -o address show $1 | awk '{ print \$4 }'"; }
network usual virbr62 192.168.162
network named lab62 192.168.163
network late lab63 192.168.164
check "a network, before networkd runs" m virsh -q net-start late
port c lab63

# --- systemd-networkd ---
m sh -c 'printf "[Match]\nName=virbr* lab* vnet*\n\n[Network]\nDHCP=yes\n" > /etc/systemd/network/20-all.network'
check "systemd-networkd has a file that fits all of them" m systemctl start systemd-networkd.service
check "networks start" m sh -c 'virsh -q net-start usual && virsh -q net-start named'
port a virbr62; port b lab62
for pair in virbr62:192.168.162 lab62:192.168.163 lab63:192.168.164; do
        check "... ${pair%:*} is none of its" eventually 10 equals unmanaged setup_of "${pair%:*}"
        check "... and has its address alone" has_its_address "${pair%:*}" "${pair#*:}"
done
check "... and no leases of its own dnsmasq" m sh -c "virsh -q net-dhcp-leases usual | grep -c . | grep -qx 0"
check "a restart of it" m systemctl restart systemd-networkd.service
check "... finds them as they are" eventually 10 equals unmanaged setup_of lab62
check "... with their addresses" has_its_address lab62 192.168.163
check "a network ends" m virsh -q net-destroy named
check "... and leaves no file" equals "" m sh -c 'ls /run/systemd/network | grep lab62'
check "... and starts again" m virsh -q net-start named
check "... killed" m sh -c 'systemctl kill -s KILL vm-network@named; systemctl stop vm-network@named'
check "... it leaves none either" equals "" m sh -c 'ls /run/systemd/network | grep lab62'
m sh -c 'rm /etc/systemd/network/20-all.network; systemctl stop systemd-networkd.socket systemd-networkd.service'

# --- NetworkManager ---
if m test -x /usr/sbin/NetworkManager; then
        check "NetworkManager comes" m systemctl start NetworkManager
        check "... a network starts" m virsh -q net-start named
        m ip link set b-h master lab62
        state() { m nmcli -g GENERAL.STATE device show "$1"; }
        check "... virbr62 is none of its" eventually 10 contains unmanaged state virbr62
        for pair in virbr62:192.168.162 lab62:192.168.163 lab63:192.168.164; do
                check "... ${pair%:*} has its address alone" has_its_address "${pair%:*}" "${pair#*:}"
        done
        check "... it goes" m systemctl stop NetworkManager
        check "... they stay" has_its_address lab62 192.168.163
else echo "# $area: NetworkManager is not installed: skipped"; fi
check "all end" m sh -c 'for n in usual named late; do virsh -q net-destroy $n || exit 1; done'
finish
