#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A network that libvirt started and left running, with a guest plugged in, is taken over as it is. What libvirt leaves
# is made by hand here: its status file, dnsmasq, rules. 91-from-libvirt.sh exchanges the packages.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# libvirts NAME BRIDGE NET MAC: what it leaves; a namespace is the guest
libvirts() {
        m_with_input sh -c "mkdir -p /run/libvirt/network /var/lib/libvirt/dnsmasq /etc/libvirt/qemu/networks
                cat > /etc/libvirt/qemu/networks/$1.xml" <<XML
<network><name>$1</name><uuid>0a1b2c3d-0000-4000-8000-0000000000${4: -2}</uuid>
  <forward mode='nat'/><bridge name='$2' stp='on' delay='0'/><mac address='$4'/>
  <ip address='$3.1' netmask='255.255.255.0'><dhcp><range start='$3.2' end='$3.99'/></dhcp></ip></network>
XML
        m_with_input sh -c "{ echo \"<networkstatus><class_id bitmap='0-2'/><floor sum='0'/>\"
                cat /etc/libvirt/qemu/networks/$1.xml; echo '</networkstatus>'; } > /run/libvirt/network/$1.xml
                cat > /var/lib/libvirt/dnsmasq/$1.conf" <<CONF
strict-order
pid-file=/run/libvirt/network/$1.pid
except-interface=lo
bind-dynamic
interface=$2
dhcp-range=$3.2,$3.99,255.255.255.0
user=libvirt-dnsmasq
CONF
        m sh -c "ip link add $2 address $4 type bridge && ip addr add $3.1/24 dev $2 && ip link set $2 up &&
                ip netns add $1 && ip link add $1-h type veth peer name eth0 netns $1 &&
                ip link set $1-h master $2 up && ip -n $1 link set eth0 up && ip -n $1 addr add $3.50/24 dev eth0 &&
                ip -n $1 route add default via $3.1 && dnsmasq --conf-file=/var/lib/libvirt/dnsmasq/$1.conf"
        m nft add rule ip libvirt_network guest_output ip saddr "$3.0/24" iif "$2" counter accept
        m nft add rule ip libvirt_network guest_input oif "$2" ip daddr "$3.0/24" counter accept
        m nft add rule ip libvirt_network guest_nat ip saddr "$3.0/24" ip daddr != "$3.0/24" counter masquerade
        m iptables -A LIBVIRT_INP -i "$2" -p udp --dport 53 -j ACCEPT
}
m sh -c 'nft add table ip libvirt_network
        for c in guest_output guest_input; do nft add chain ip libvirt_network $c; done
        nft add chain ip libvirt_network guest_nat "{ type nat hook postrouting priority 100; }"
        iptables -N LIBVIRT_INP; iptables -A INPUT -j LIBVIRT_INP
        ip netns add outside && ip link add out0 type veth peer name eth0 netns outside &&
        ip addr add 198.51.100.1/24 dev out0 && ip link set out0 up && ip -n outside link set eth0 up &&
        ip -n outside addr add 198.51.100.2/24 dev eth0 && sysctl -qw net.ipv4.ip_forward=1'
libvirts left virbr7 192.168.127 52:54:00:00:00:07
libvirts other virbr8 192.168.128 52:54:00:00:00:08
pings() { eventually 12 m ip netns exec "$1" busybox ping -q -c 1 -W 2 "$2"; }
check "libvirt's network works" pings left 198.51.100.2
old=$(m cat /run/libvirt/network/left.pid)
# a ping a fifth of a second goes on all the time
m systemd-run -q --unit=flow ip netns exec left busybox ping -i 0.2 198.51.100.2
index=$(m cat /sys/class/net/virbr7/ifindex)

check "systemctl start takes it over" m systemctl start vm-network@left
check "... the bridge is the same" equals "$index" m cat /sys/class/net/virbr7/ifindex
check "... the guest is plugged in" m sh -c '[ -e /sys/class/net/virbr7/brif/left-h ]'
check "... it reaches the outside" pings left 198.51.100.2
check "... libvirt's dnsmasq has ended" m sh -c "! kill -0 $old 2>/dev/null"
check "... ours serves" m sh -c \
                'busybox nslookup left.example 192.168.127.1; pgrep -x dnsmasq -a | grep -q "/left.conf --leasefile-ro"'
check "... its rules are gone" m sh -c \
                '! nft list ruleset | sed "/table ip libvirt_virbr7/,/^}/d" | grep -e virbr7 -e 192.168.127'
check "... those of the other network are not" m sh -c \
                'nft list table ip libvirt_network | grep -q virbr8 && iptables -S LIBVIRT_INP | grep -q virbr8'
check "... nor its dnsmasq" m sh -c 'kill -0 $(cat /run/libvirt/network/other.pid)'
check "... virsh knows it" contains "Bridge:         virbr7" m virsh net-info left
m systemctl stop flow
lost() { m sh -c \
                "journalctl -b -q -o cat -u flow | awk -F'[ =]' '/seq=/ { if (seen && \$6 > last + 10) bad = 1;
                last = \$6; seen = 1 } END { exit bad || !seen }'"; }
check "... its traffic was cut for less than 2 s" lost
check "net-destroy takes all of it away" m sh -c \
                'virsh -q net-destroy left && ! ip link show virbr7 2>/dev/null && ! nft list ruleset | grep virbr7'
check "the other one is taken over as well" m systemctl start vm-network@other
check "... nothing of libvirt's is left" m sh -c \
                '! nft list tables | grep libvirt_network && ! iptables -S LIBVIRT_INP | grep virbr'
check "... its guest reaches the outside" pings other 198.51.100.2

# what only looks like it
check "an end" m sh -c 'virsh -q net-destroy other'
m sh -c 'ip link add virbr8 address 52:54:00:00:00:99 type bridge && { echo "<networkstatus>";
                cat /etc/libvirt/qemu/networks/other.xml; echo "</networkstatus>"; } > /run/libvirt/network/other.xml'
refused "a bridge of another address is somebody else's" "already in use" m sh -c \
                'systemctl start vm-network@other || { systemctl status -l vm-network@other; exit 1; }'
check "... and stays" m ip link show virbr8
finish
