#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host's interfaces are changed by clients: with systemd-networkd, with NetworkManager, with neither.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
uri=interface:///system
machine_up

# Pairs of veth are the hardware here; the far ends get no configuration.
links() { m sh -c 'for i in 1 2 3; do
        ip link show e$i >/dev/null 2>&1 || ip link add e$i address 52:54:00:00:01:0$i type veth peer name far$i
        ip link set far$i up
done'; }
links
vlan='' bond=''
m sh -c 'ip link add link far3 name try.7 type vlan id 7 && ip link delete try.7' 2>/dev/null && vlan=yes
m sh -c 'ip link add try type bond && ip link delete try' 2>/dev/null && bond=yes

xml() { m_with_input sh -c "cat > '/root/$1.xml'"; }
bridge() { # NAME MODE [ADDRESS [MEMBER]]
        xml "$1" <<XML
<interface type='bridge' name='$1'><start mode='$2'/>
${3:+<protocol family='ipv4'><ip address='$3' prefix='24'/></protocol>}
<bridge stp='off' delay='0'>${4:+<interface type='ethernet' name='$4'/>}</bridge></interface>
XML
}
define() { m virsh iface-define "/root/$1.xml"; }
valid() { m sh -c "virsh iface-dumpxml $1 ${2-} > /tmp/x.xml &&
        xmllint --noout --relaxng /usr/share/libvirt/schemas/interface.rng /tmp/x.xml"; }
has_link() { m ip link show "$1"; }
is_up() { m sh -c "ip link show '$1' | grep -q '[<,]UP[,>]'"; }
has_address() { m sh -c "ip address show '$1' | grep -q 'inet $2/'"; }
is_member() { m sh -c "ip link show '$1' | grep -q 'master $2 '"; }
# shellcheck disable=SC2086
listed() { contains " $1 " m virsh iface-list ${2-}; }
# virsh of libvirt 9.0 says 1 for iface-destroy however it went
destroyed() { m sh -c "virsh iface-destroy $1 | grep -q destroyed"; }

# --- neither ---
bridge br7 onboot 192.0.2.7 e1
for command in "iface-define /root/br7.xml" "iface-begin" "iface-destroy lo"; do
        # shellcheck disable=SC2086
        refused "neither: ${command%% *}" "neither systemd-networkd nor NetworkManager" m virsh $command
done
check "... and nothing was written" not m sh -c 'ls /etc/libvirt/interface/* /etc/systemd/network/*unitvirt*'

# A network with a DHCP server, behind e4.
lan() {
        m sh -c 'ip netns add lan; ip link add e4 address 52:54:00:00:01:04 type veth peer name far4
                ip link set far4 netns lan
                ip -n lan link set far4 up; ip -n lan address add 203.0.113.1/24 dev far4'
        m systemd-run -q --unit=dhcp ip netns exec lan dnsmasq -k -C /dev/null --interface=far4 --bind-interfaces \
                --port=0 --dhcp-range=203.0.113.100,203.0.113.199,1h --dhcp-leasefile=/run/dhcp.leases
}
has_lease() { m sh -c "ip -4 -o address show $1 dynamic | grep -q 'inet 203.0.113.1'"; }
# What is asked of others is not written down as if it were the host's own. $1: the manager's name
leases() {
        local of=$1
        check "$of: a link with DHCP" eventually 30 has_lease e4
        check "$of: ... its definition says so" contains "<dhcp/>" m virsh iface-dumpxml e4 --inactive
        check "$of: ... and not what it got" not contains "203.0.113" m virsh iface-dumpxml e4 --inactive
        check "$of: ... which it has" contains "203.0.113" m virsh iface-dumpxml e4
        check "$of: iface-bridge of it" m virsh iface-bridge e4 br4 --no-stp --delay 0
        check "$of: ... the bridge has its address from there" eventually 30 has_lease br4
        check "$of: ... by the MAC address of before" contains 52:54:00:00:01:04 m ip link show br4
        check "$of: ... nowhere is it written" not m grep -r '203.0.113' /etc/libvirt/interface /etc/systemd/network
        check "$of: iface-unbridge" m virsh iface-unbridge br4
        check "$of: ... the link has it again" eventually 30 has_lease e4
        check "$of: ... by its definition here" m virsh iface-dumpxml e4 --inactive
        refused "$of: ... which runs" "already running" m virsh iface-start e4
        check "$of: ... which goes" m virsh iface-undefine e4
}

# What is the same with both managers. $1: its name, $2: the word for files of others that a rollback restores
changes() {
        local of=$1 others=$2
        check "$of: define" define br7
        check "$of: ... is listed as inactive" listed br7 --inactive
        check "$of: ... is no link yet" not has_link br7
        check "$of: ... its definition" contains "address='192.0.2.7'" m virsh iface-dumpxml br7 --inactive
        check "$of: ... is valid" valid br7 --inactive
        check "$of: start" m virsh iface-start br7
        check "$of: ... is listed as active" listed br7
        check "$of: ... with its address" eventually 10 has_address br7 192.0.2.7
        check "$of: ... and member" eventually 10 is_member e1 br7
        check "$of: ... described as it is" contains "name='e1'" m virsh iface-dumpxml br7
        check "$of: ... valid" valid br7
        refused "$of: started twice" "already running" m virsh iface-start br7
        check "$of: stop" destroyed br7
        check "$of: ... the bridge is gone" eventually 5 not has_link br7
        check "$of: ... not forgotten" listed br7 --inactive
        check "$of: ... and comes back" m virsh iface-start br7
        check "$of: ... with its address" eventually 10 has_address br7 192.0.2.7
        refused "$of: stopped twice" "not running" m sh -c 'virsh iface-destroy br7; virsh iface-destroy br7'
        refused "$of: no such interface" "nothing" m virsh iface-start nothing
        refused "$of: what others configure is not undefined" "not defined here" m virsh iface-undefine far1
        check "$of: started for the next part" m virsh iface-start br7

        refused "$of: a commit without a begin" "no changes" m virsh iface-commit
        refused "$of: ... or a rollback" "no changes" m virsh iface-rollback
        check "$of: begin" m virsh iface-begin
        refused "$of: ... twice" "begun already" m virsh iface-begin
        bridge br8 onboot 192.0.2.8 e2
        check "$of: ... a new bridge" define br8
        check "$of: ... runs" m virsh iface-start br8
        check "$of: ... with its address" eventually 10 has_address br8 192.0.2.8
        check "$of: ... the old one goes" m sh -c 'virsh iface-destroy br7; virsh iface-undefine br7'
        check "$of: ... all of it" not m sh -c "virsh iface-list --all | grep -w br7"
        m sh -c "echo '# changed by hand' >> '$others'"
        check "$of: rollback" m virsh iface-rollback
        check "$of: ... the old one is back" eventually 10 has_address br7 192.0.2.7
        check "$of: ... with its member" eventually 10 is_member e1 br7
        check "$of: ... and definition" contains "address='192.0.2.7'" m virsh iface-dumpxml br7 --inactive
        check "$of: ... the new one is not" not has_link br8
        check "$of: ... defined either" not m sh -c "virsh iface-list --all | grep -w br8"
        check "$of: ... what was written by hand" not m grep -q 'by hand' "$others"
        check "$of: ... once" refused "" "no changes" m virsh iface-rollback

        check "$of: begin, and commit" m sh -c \
                'virsh iface-begin && virsh iface-define /root/br8.xml && virsh iface-commit'
        check "$of: ... keeps" listed br8 --inactive
        check "$of: ... without a time-out" not m systemctl is-active vm-interface-expire.timer
        check "$of: undefine" m virsh iface-undefine br8
        check "$of: ... for good" not m sh -c "virsh iface-list --all | grep -w br8"

        m sh -c 'mkdir -p /etc/systemd/system/vm-interface-expire.timer.d
printf "[Timer]\nOnActiveSec=\nOnActiveSec=4s\n" > /etc/systemd/system/vm-interface-expire.timer.d/short.conf
systemctl daemon-reload'
        check "$of: a change that cuts its client off" m sh -c 'virsh iface-begin && { virsh iface-destroy br7; true; }'
        check "$of: ... is in force" not has_link br7
        check "$of: ... is undone when nobody commits" eventually 15 has_address br7 192.0.2.7
        check "$of: ... which the journal says" m sh -c \
                'journalctl -q -t vm-interface | grep -q "not committed in time"'
        m sh -c 'rm -r /etc/systemd/system/vm-interface-expire.timer.d; systemctl daemon-reload'

        check "$of: whoever is killed while it defines loses nothing" m sh -c '
for i in 01 02 03 04 05 07 09 12 15 20; do
        sed "s/192.0.2.8/192.0.2.1$i/" /root/br8.xml > /tmp/br8.xml
        virsh -q iface-define /tmp/br8.xml >/dev/null 2>&1 & sleep 0.$i
        systemctl kill -s KILL "vm-interface@*" 2>/dev/null; wait
        virsh iface-dumpxml br7 --inactive | grep -q 192.0.2.7 || exit 1
        [ ! -e /etc/libvirt/interface/br8.xml ] || xmllint --noout /etc/libvirt/interface/br8.xml || exit 1
done
virsh iface-define /root/br8.xml && virsh iface-start br8'
        check "$of: ... and what it is in the end runs" eventually 10 has_address br8 192.0.2.8
        check "$of: ... and ends" m sh -c 'virsh iface-destroy br8; virsh iface-undefine br8'
}

# --- systemd-networkd ---
m systemctl enable --now systemd-networkd.service
m sh -c 'printf "[Match]\nName=e3\n\n[Network]\nAddress=198.51.100.3/24\nLinkLocalAddressing=no\n" \
        > /etc/systemd/network/20-e3.network; networkctl reload'
check "networkd configures a link by a file of its own" eventually 10 has_address e3 198.51.100.3
changes networkd /etc/systemd/network/20-e3.network
check "networkd: a reload by others starts nothing that was stopped" m sh -c \
        'virsh iface-destroy br7; networkctl reload; sleep 1; ! ip link show br7 2>/dev/null'
check "... and the member is free" not is_member e1 br7
check "... until it is started" m virsh iface-start br7
check "a link of another's file" destroyed e3
check "... is down" not is_up e3
check "... and up again" m virsh iface-start e3
check "... as it was" eventually 10 has_address e3 198.51.100.3
check "... its files are networkd's" m test -e /etc/systemd/network/05-unitvirt-br7.netdev

m sh -c 'printf "[Match]\nName=e4\n\n[Network]\nDHCP=ipv4\n" > /etc/systemd/network/20-e4.network; networkctl reload'
lan
leases networkd

bridge br9 none 192.0.2.9
check "what is not for the boot is defined" define br9
check "... runs when it is started" m virsh iface-start br9
check "... with its address" eventually 10 has_address br9 192.0.2.9
check "... nothing of it is in /etc/systemd" not m sh -c 'ls /etc/systemd/network/*br9*'
if [ "$vlan" ]; then
        xml vlan <<<"<interface type='vlan'><protocol family='ipv4'>
<ip address='203.0.113.7' prefix='24'/></protocol><vlan tag='7'><interface name='e3'/></vlan></interface>"
        check "a vlan" m sh -c 'virsh iface-define /root/vlan.xml && virsh iface-start e3.7'
        check "... has its address" eventually 10 has_address e3.7 203.0.113.7
        check "... and the link below keeps its own" eventually 10 has_address e3 198.51.100.3
        check "... is valid" valid e3.7
        check "... goes" m sh -c 'virsh iface-destroy e3.7; virsh iface-undefine e3.7 && ! ip link show e3.7'
        check "... and leaves nothing" not m sh -c 'ls -d /etc/systemd/network/*.d'
else
        echo "# $area: this kernel has no vlan links: skipped"
fi
if [ "$bond" ]; then
        xml bond <<<"<interface type='bond' name='bond7'><bond mode='active-backup'>
<miimon freq='100'/><interface type='ethernet' name='e2'/></bond></interface>"
        check "a bond" m sh -c 'virsh iface-define /root/bond.xml && virsh iface-start bond7'
        check "... has its member" eventually 10 is_member e2 bond7
        check "... is valid" valid bond7
        check "... goes" m sh -c 'virsh iface-destroy bond7; virsh iface-undefine bond7 && ! ip link show bond7'
else
        echo "# $area: this kernel has no bonds: skipped"
fi
check "virsh iface-bridge" m virsh iface-bridge e2 br5 --no-stp --delay 0
check "... makes a bridge" eventually 10 is_member e2 br5
check "... virsh iface-unbridge" m virsh iface-unbridge br5
check "... takes it away" not has_link br5
check "libvirt-python" m /usr/bin/python3 -c "
import libvirt
c = libvirt.open('$uri')
i = c.interfaceDefineXML(open('/root/br8.xml').read())
assert not i.isActive()
i.create(); assert i.isActive()
i.destroy(); i.undefine()
c.changeBegin(); c.changeRollback()"
check "by virtqemud" m virsh -c qemu:///system iface-dumpxml br9 --inactive
check "by libvirtd" m sh -c 'systemctl start libvirtd.socket && virsh -c qemu:///system iface-define /root/br8.xml &&
        virsh -c qemu:///system iface-start br8 && { virsh -c qemu:///system iface-destroy br8; true; } &&
        virsh -c qemu:///system iface-undefine br8; r=$?; systemctl start virtinterfaced.socket; exit $r'
for unit in vm-interface@1.service vm-interface-expire.service vm-interface-boot.service; do
        check "systemd-analyze security of $unit: 2.0 or better" \
                m systemd-analyze security --no-pager --threshold=20 "$unit"
done
check "before a boot: changes that nobody commits" m sh -c 'virsh iface-begin && virsh iface-undefine br7 &&
        virsh iface-define /root/br8.xml && sync'
machine_reboot
links
check "... are undone" eventually 15 has_address br7 192.0.2.7
check "... what was new is not there" not m sh -c 'virsh iface-list --all | grep -w br8'
check "... which the journal says" m sh -c 'journalctl -q -t vm-interface | grep -q "before the boot"'
check "what is not for the boot is not started" not has_link br9
check "... but known" listed br9 --inactive
m sh -c 'virsh iface-destroy br7; virsh iface-undefine br7; virsh iface-undefine br9
rm /etc/systemd/network/20-e3.network'
m systemctl disable --now systemd-networkd.service systemd-networkd.socket

# --- NetworkManager ---
if m test -x /usr/sbin/NetworkManager; then
        m sh -c 'printf "[main]\nno-auto-default=*\n[device]\nmatch-device=interface-name:far*\nmanaged=0\n" \
                > /etc/NetworkManager/conf.d/test.conf; systemctl start NetworkManager'
        m sh -c "nmcli connection add type ethernet ifname e3 con-name other ipv4.method manual \
                ipv4.addresses 198.51.100.3/24 ipv6.method disabled"
        check "NetworkManager configures a link" eventually 20 has_address e3 198.51.100.3
        lan
        m sh -c "nmcli connection add type ethernet ifname e4 con-name lan ipv4.method auto ipv6.method disabled"
        leases NetworkManager
        changes NetworkManager /etc/NetworkManager/system-connections/other.nmconnection
        check "... and it still does" has_address e3 198.51.100.3
        check "what is defined is its connection" contains br7 m nmcli -t -f NAME connection show
else
        echo "# $area: NetworkManager is not installed: skipped"
fi
finish
