#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Network filters: definitions by Debian's virsh; what the rules let through and stop, frame by frame, between network
# namespaces on a bridge of which one stands for a guest; filters that change while they are in use, addresses that are
# learned, a host whose rules were flushed; and a guest whose rules come and go with it.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

in_file() { m_with_input sh -c "cat > $1"; }
define_filter() { in_file /root/f.xml && m virsh -q nwfilter-define /root/f.xml; }
schemas=/usr/share/libvirt/schemas

m sh -c 'mkdir -p /etc/libvirt/nwfilter; for d in /usr /usr/local; do
        cp $d/share/unitvirt/nwfilter/*.xml /etc/libvirt/nwfilter/ 2>/dev/null; done; true'

# --- definitions
check "the usual filters are listed" contains clean-traffic m virsh nwfilter-list
check "... all of them" equals 24 m sh -c 'virsh -q nwfilter-list | grep -c .'
check "... on the driver's own connection too" contains no-mac-spoofing m virsh -c nwfilter:///system nwfilter-list
check "nwfilter-dumpxml" contains "<filterref filter='no-arp-spoofing'/>" m virsh nwfilter-dumpxml clean-traffic
if m test -e $schemas/nwfilter.rng; then
        check "... each is valid by libvirt's schema" \
                m sh -c "for f in \$(virsh -q nwfilter-list | awk '{ print \$2 }'); do
                virsh nwfilter-dumpxml \$f > /tmp/f.xml &&
                timeout 20 xmllint --noout --relaxng $schemas/nwfilter.rng /tmp/f.xml || exit 1; done"
else echo "#   no schema of libvirt's here: documents are not checked by it"; fi
mine() { echo "<filter name='mine' chain='root'><uuid>11111111-0000-4000-8000-000000000001</uuid>
<rule action='drop' direction='out' priority='$2'><ip protocol='udp' dstportstart='$1'/></rule></filter>"; }
check "nwfilter-define" define_filter < <(mine 9 500)
check "... is there by its uuid" contains mine m virsh nwfilter-dumpxml 11111111-0000-4000-8000-000000000001
check "... and in libvirt's file" m grep -q "virsh nwfilter-edit" /etc/libvirt/nwfilter/mine.xml
check "nwfilter-edit" m env EDITOR="sed -i s/500/400/" virsh nwfilter-edit mine
check "... has changed it" contains "priority='400'" m virsh nwfilter-dumpxml mine
refused "another uuid for the name" "already exists with uuid" \
        define_filter <<< "<filter name='mine'><uuid>22222222-0000-4000-8000-000000000001</uuid></filter>"
refused "a value that is none" "srcipaddr has illegal value 1.2.3" define_filter \
        <<< "<filter name='bad'><rule action='drop' direction='in'><ip srcipaddr='1.2.3'/></rule></filter>"
refused "a filter within itself" "would introduce a loop" \
        define_filter <<< "<filter name='bad'><filterref filter='bad'/></filter>"
refused "one that there is not" "no nwfilter with matching name 'bad'" m virsh nwfilter-dumpxml bad
check "libvirt-python finds them all" m_with_input /usr/bin/python3 - <<'PYTHON'
import libvirt
c = libvirt.open("nwfilter:///system")
filters = {f.name(): f for f in c.listAllNWFilters()}
assert len(filters) == c.numOfNWFilters() == 25 and set(c.listNWFilters()) == set(filters)
assert c.nwfilterLookupByUUIDString(filters["mine"].UUIDString()).name() == "mine"
f = c.nwfilterDefineXMLFlags("<filter name='valid' chain='arp'/>", libvirt.VIR_NWFILTER_DEFINE_VALIDATE)
assert "priority='-500'" in f.XMLDesc()
f.undefine()
try:
        c.nwfilterDefineXMLFlags("<filter name='valid'><what/></filter>", libvirt.VIR_NWFILTER_DEFINE_VALIDATE)
        raise SystemExit("an unknown element, and taken")
except libvirt.libvirtError as e:
        assert e.get_error_code() == 92, e
PYTHON

left_jobs() { m sh -c 'cd /run/libvirt/nwfilter/jobs && ls'; }
m sh -c 'mkdir -p /run/libvirt/nwfilter/jobs && cd /run/libvirt/nwfilter/jobs &&
        touch apply-1.xml apply-1.result check-2.xml
        systemctl stop virtnwfilterd.service 2>/dev/null'
check "what a daemon that was killed had asked for is tidied up" m virsh nwfilter-list
check "... but for what is not done" equals check-2.xml left_jobs
m rm /run/libvirt/nwfilter/jobs/check-2.xml

# --- a bridge with three ports: a guest, a peer, and nobody's
if ! m nft add table bridge probe 2>/dev/null; then
        echo "#   SKIPPED: this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE):" \
                "nothing of rules is tested"
        finish
fi
m nft delete table bridge probe
m sh -c 'ip link add br0 type bridge; ip link set br0 up; for n in guest:tap1:01 peer:peer1:02; do
        IFS=:; set -- $n; ip netns add $1
        ip link add $2 type veth peer name eth0 netns $1; ip link set $2 master br0 up;
        ip -n $1 link set eth0 address 52:54:00:00:00:$3 up; done
        for n in guest peer; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done;
        sysctl -qw net.ipv6.conf.br0.disable_ipv6=1; true'
frame() { LIMIT=40 m /run/test/frames.py "$@"; }
sent() { check "$1" frame guest peer "${@:2}"; }
got() { check "$1" frame peer guest "${@:2}"; }
# bind FILTER [NAME=VALUE...]
bind() {
        local filter=$1 p; shift
        { echo "<filterbinding><owner><name>nobody</name><uuid>33333333-0000-4000-8000-000000000001</uuid></owner>
        <portdev name='tap1'/><mac address='52:54:00:00:00:01'/><filterref filter='$filter'>"
        for p; do echo "<parameter name='${p%%=*}' value='${p#*=}'/>"; done
        echo "</filterref></filterbinding>"; } | in_file /root/b.xml && m virsh -q nwfilter-binding-create /root/b.xml
}
unbind() { m virsh -q nwfilter-binding-delete tap1; }
no_rules() { m sh -c '! nft list tables | grep nwfilter &&
        ! ls /run/libvirt/nwfilter/*.rules /run/libvirt/nwfilter-binding/*.xml'; }

sent "without a filter a false MAC address gets through" passes udp src=52:54:00:00:00:99

check "nwfilter-binding-create: clean-traffic" bind clean-traffic IP=10.77.0.2
check "... nwfilter-binding-list" contains "tap1" m virsh nwfilter-binding-list
check "... nwfilter-binding-dumpxml" contains "<parameter name='IP' value='10.77.0.2'/>" \
        m virsh nwfilter-binding-dumpxml tap1
[ ! -e $schemas/nwfilterbinding.rng ] || check "... is valid by libvirt's schema" m sh -c \
        "virsh nwfilter-binding-dumpxml tap1 > /tmp/b.xml &&
        xmllint --noout --relaxng $schemas/nwfilterbinding.rng /tmp/b.xml"
refused "... a second one" "binding 'tap1' already exists" bind clean-traffic IP=10.77.0.2
refused "... none for another port" "no nwfilter binding for port dev 'tap9'" m virsh nwfilter-binding-dumpxml tap9
refused "a filter that is in use stays" "nwfilter is in use" m virsh nwfilter-undefine clean-traffic
refused "... its parts too" "nwfilter is in use" m virsh nwfilter-undefine no-arp-ip-spoofing
sent "the guest's own address passes" passes udp
sent "a false MAC address is stopped" stopped udp src=52:54:00:00:00:99
sent "a false IP address is stopped" stopped udp from=10.77.0.3
sent "... asking for one passes" passes dhcp type=1 from=0.0.0.0 to=255.255.255.255 dst=ff:ff:ff:ff:ff:ff
sent "ARP of its own passes" passes arp
sent "ARP with a false MAC address is stopped" stopped arp sha=52:54:00:00:00:99
sent "ARP with a false IP address is stopped" stopped arp op=2 from=10.77.0.3
sent "... looking whether somebody has it passes" passes arp from=0.0.0.0 to=10.77.0.2
sent "RARP of QEMU passes" passes rarp op=3 dst=ff:ff:ff:ff:ff:ff tha=52:54:00:00:00:01 from=0.0.0.0 to=0.0.0.0
sent "RARP for another is stopped" stopped rarp op=3 dst=ff:ff:ff:ff:ff:ff \
        sha=52:54:00:00:00:99 tha=52:54:00:00:00:99 from=0.0.0.0 to=0.0.0.0
sent "IPv6 is stopped" stopped ipv6 from=fe80::1 to=fe80::2
sent "a VLAN is stopped" stopped vlan
sent "anything else is stopped" stopped other
got "IPv4 to the guest passes" passes udp
got "ARP to the guest passes" passes arp
got "IPv6 to the guest is stopped" stopped ipv6 from=fe80::2 to=fe80::1
m sh -c 'ip -n guest addr add 10.77.0.2/24 dev eth0; ip -n peer addr add 10.77.0.9/24 dev eth0'
connections() { LIMIT=200 m /run/test/connections.py "$@"; }
check "ten thousand connections of the guest at once" connections guest peer 10000 10.77.0.9
sed 's/^/# /' "$work/seen"
check "... and to it" connections peer guest 10000 10.77.0.2
m sh -c 'ip -n guest addr flush dev eth0; ip -n peer addr flush dev eth0'
check "nwfilter-binding-delete" unbind
check "... leaves nothing" no_rules
sent "... and a false MAC address gets through again" passes udp src=52:54:00:00:00:99
check "a filter that nobody uses goes" m sh -c 'virsh nwfilter-dumpxml allow-ipv6 > /tmp/a.xml &&
        virsh -q nwfilter-undefine allow-ipv6 && ! test -e /etc/libvirt/nwfilter/allow-ipv6.xml &&
        virsh -q nwfilter-define /tmp/a.xml'

# --- the others, one by one: what each says by its name
none="<filterref filter='no-other-l2-traffic'/>"
only() { define_filter <<< "<filter name='only'>$1
        <rule action='accept' direction='inout' priority='900'><arp opcode='Reply'/></rule>$none</filter>" &&
        bind only "${@:2}"; }
ref() { printf "<filterref filter='%s'/>" "$@"; }
check "allow-arp" only "$(ref allow-arp)"
sent "... ARP passes" passes arp from=10.77.0.3
sent "... IPv4 does not" stopped udp
unbind
check "allow-ipv4" only "$(ref allow-ipv4)"
sent "... IPv4 passes" passes udp from=10.77.0.3
sent "... IPv6 does not" stopped ipv6 from=fe80::1 to=fe80::2
got "... inwards too" passes udp
unbind
check "allow-ipv6, no-ipv6-spoofing" only "$(ref no-ipv6-spoofing allow-ipv6)" IPV6=fd00::2
sent "... its own address passes" passes ipv6 from=fd00::2 to=fd00::9
sent "... another one does not" stopped ipv6 from=fd00::3 to=fd00::9
unbind
check "allow-incoming-ipv4, allow-incoming-ipv6" only "$(ref allow-incoming-ipv4 allow-incoming-ipv6)"
got "... inwards passes" passes udp
got "... IPv6 as well" passes ipv6 from=fe80::2 to=fe80::1
sent "... outwards does not" stopped udp
unbind
check "no-mac-broadcast, no-ip-multicast" only "$(ref no-mac-broadcast no-ip-multicast allow-ipv4)"
sent "... to one passes" passes udp
sent "... to all does not" stopped udp dst=ff:ff:ff:ff:ff:ff
sent "... to a group does not" stopped udp to=224.0.0.251 dst=01:00:5e:00:00:fb
unbind
check "no-ipv6-multicast" only "$(ref no-ipv6-multicast allow-ipv6)"
sent "... to one passes" passes ipv6 from=fe80::1 to=fe80::2
sent "... to a group does not" stopped ipv6 from=fe80::1 to=ff02::1 dst=33:33:00:00:00:01
unbind
check "allow-dhcp" only "$(ref allow-dhcp)"
sent "... asking passes" passes dhcp type=1 from=0.0.0.0 to=255.255.255.255
sent "... a server on the guest is stopped" stopped dhcp type=5 yours=10.77.0.66
got "... any server answers" passes dhcp yours=10.77.0.2
unbind
check "allow-dhcp-server" only "$(ref allow-dhcp-server)" DHCPSERVER=10.77.0.1
got "... the server answers" passes dhcp from=10.77.0.1 yours=10.77.0.2
got "... another one does not" stopped dhcp from=10.77.0.8 yours=10.77.0.2
unbind
check "allow-dhcpv6" only "$(ref allow-dhcpv6)"
sent "... asking passes" passes udp6 from=fe80::1 to=ff02::1:2 sport=546 dport=547
sent "... from an address that is not the link's is stopped" stopped udp6 from=fd00::1 to=ff02::1:2 sport=546 dport=547
sent "... a server on the guest is stopped" stopped udp6 from=fe80::1 to=fe80::2 sport=547 dport=546
got "... any server of the link answers" passes udp6 from=fe80::9 to=fe80::1 sport=547 dport=546
got "... one behind it does not" stopped udp6 from=fd00::9 to=fe80::1 sport=547 dport=546
unbind
check "allow-dhcpv6-server" only "$(ref allow-dhcpv6-server)" DHCPSERVER=fe80::9
sent "... asking passes" passes udp6 from=fe80::1 to=ff02::1:2 sport=546 dport=547
got "... the server answers" passes udp6 from=fe80::9 to=fe80::1 sport=547 dport=546
got "... another one does not" stopped udp6 from=fe80::8 to=fe80::1 sport=547 dport=546
unbind
marker=(marker other kind=0x9000)
fall_through() { define_filter <<< "<filter name='only'>$1
        <rule action='accept' direction='inout' priority='900'><mac/></rule></filter>" &&
        bind only "${@:2}"; }
check "no-mac-spoofing alone" fall_through "$(ref no-mac-spoofing)"
sent "... its own address passes" passes other "${marker[@]}"
sent "... another one does not" stopped other src=52:54:00:00:00:99 "${marker[@]}"
unbind
check "no-arp-mac-spoofing alone" fall_through "$(ref no-arp-mac-spoofing)"
sent "... ARP of its own passes" passes arp from=10.77.0.3 "${marker[@]}"
sent "... of others does not" stopped arp sha=52:54:00:00:00:99 "${marker[@]}"
sent "... what is not ARP passes" passes udp src=52:54:00:00:00:99 "${marker[@]}"
unbind
check "no-arp-ip-spoofing alone" fall_through "$(ref no-arp-ip-spoofing)" IP=10.77.0.2
sent "... ARP with its own address passes" passes arp sha=52:54:00:00:00:99 "${marker[@]}"
sent "... with another one does not" stopped arp from=10.77.0.3 "${marker[@]}"
unbind
check "no-arp-spoofing alone" fall_through "$(ref no-arp-spoofing)" IP=10.77.0.2
sent "... ARP of its own passes" passes arp "${marker[@]}"
sent "... with another MAC address does not" stopped arp sha=52:54:00:00:00:99 "${marker[@]}"
sent "... with another IP address does not" stopped arp from=10.77.0.3 "${marker[@]}"
unbind
check "no-ip-spoofing alone" fall_through "$(ref no-ip-spoofing)" IP=10.77.0.2
sent "... its own address passes" passes udp src=52:54:00:00:00:99 "${marker[@]}"
sent "... another one does not" stopped udp from=10.77.0.3 "${marker[@]}"
unbind
check "no-other-rarp-traffic alone" fall_through "$(ref no-other-rarp-traffic)"
sent "... RARP is stopped" stopped rarp op=3 "${marker[@]}"
got "... both ways" stopped rarp op=3 "${marker[@]}"
sent "... ARP passes" passes arp "${marker[@]}"
unbind
announcement=(rarp op=3 dst=ff:ff:ff:ff:ff:ff tha=52:54:00:00:00:01 from=0.0.0.0 to=0.0.0.0)
for filter in qemu-announce-self-rarp qemu-announce-self; do
        check "$filter" only "$(ref $filter)"
        sent "... the announcement passes" passes "${announcement[@]}"
        sent "... that of another does not" stopped "${announcement[@]}" sha=52:54:00:00:00:99
        unbind
done
check "no-other-l2-traffic alone" bind no-other-l2-traffic
check "... nothing passes" m sh -c 'nft list chain bridge unitvirt_nwfilter tap1/out | grep -q drop'
unbind
check "clean-traffic-gateway" bind clean-traffic-gateway IP=10.77.0.2 GATEWAY_MAC=52:54:00:00:00:02
sent "... the gateway is reached" passes udp
sent "... others are not" stopped udp dst=52:54:00:00:00:09
got "... nor do they reach the guest" stopped udp src=52:54:00:00:00:09
unbind
refused "a variable without a value is named" "GATEWAY_MAC" bind clean-traffic-gateway IP=10.77.0.2
check "... and leaves nothing" no_rules

# --- addresses that are learned
check "any: the first address" bind clean-traffic
sent "... is learned" passes udp
sent "... another one is stopped" stopped udp from=10.77.0.3
check "... it is in the set" contains "0xa4d . 0x2" m nft list set bridge unitvirt_nwfilter tap1/learned-any
check "... and nft reads what it lists" m sh -c 'nft list ruleset > /root/saved && nft -c -f /root/saved'
unbind
check "dhcp: from the server alone" bind clean-traffic CTRL_IP_LEARNING=dhcp DHCPSERVER=10.77.0.1
dhcp_marker="marker arp op=2 from=0.0.0.0"
# shellcheck disable=SC2086
{
        sent "... an address of its own choice is stopped" stopped udp $dhcp_marker
        got "... an answer of another server" passes dhcp from=10.77.0.8 yours=10.77.0.2
        sent "... does not count" stopped udp $dhcp_marker
        got "... the server's answer" passes dhcp from=10.77.0.1 yours=10.77.0.2 time=3600
        sent "... does" passes udp $dhcp_marker
        check "... for as long as the lease" \
                contains "timeout 1h" m nft list set bridge unitvirt_nwfilter tap1/learned-dhcp
        sent "... another address is stopped" stopped udp from=10.77.0.3 $dhcp_marker
        sent "... what it gives back" passes dhcp type=7 $dhcp_marker
        sent "... it has no more" stopped udp $dhcp_marker
}
unbind
refused "none: it has to be given" "unresolvable variables" bind clean-traffic CTRL_IP_LEARNING=none

# --- a filter that changes while it is in use
two() { echo "<filter name='mine' chain='root'><uuid>11111111-0000-4000-8000-000000000001</uuid>
<filterref filter='no-ip-spoofing'/>
<rule action='drop' direction='out'><ip protocol='udp' dstportstart='$1'/></rule>${2-}</filter>"; }
check "a filter in use" define_filter < <(two 9)
check "... bound" bind mine
sent "... stops one port" stopped udp dport=9
sent "... and not the other" passes udp dport=10
check "is defined anew" define_filter < <(two 10)
sent "... and stops the other" stopped udp dport=10
sent "... the first one passes" passes udp dport=9
sent "... what was learned stays" stopped udp from=10.77.0.3
refused "what cannot be is refused" "unresolvable variables" \
        define_filter < <(two 11 "<rule action='drop' direction='in'><ip srcipaddr='\$NOBODY'/></rule>")
check "... and the old one stays" contains "dstportstart='10'" m virsh nwfilter-dumpxml mine
sent "... in force" stopped udp dport=10
check "by hand in the file" m sh -c "sed -i \"s/dstportstart='10'/dstportstart='12'/\" /etc/libvirt/nwfilter/mine.xml;
        virsh -q nwfilter-list > /dev/null"
in_force() { m nft list table bridge unitvirt_nwfilter | grep -q "dport $1"; }
check "... soon" eventually 20 in_force 12
check "... while no daemon is there" m sh -c "systemctl stop virtnwfilterd.service libvirtd.service;
        sed -i \"s/dstportstart='12'/dstportstart='13'/\" /etc/libvirt/nwfilter/mine.xml; virsh -q nwfilter-list"
check "... when it comes" eventually 20 in_force 13
unbind
if m sh -c 'printf "table bridge probe { chain c { ct state new accept\n}\n}\n" | nft -c -f -' 2>/dev/null; then
        check "a rule about connections" define_filter <<< "<filter name='state'>
                <rule action='accept' direction='out'><udp/></rule>
                <rule action='drop' direction='inout' priority='900'><all/></rule></filter>"
        check "... bound" bind state
        got "... nobody begins one with the guest" stopped udp sport=7 dport=8
        sent "... the guest begins one" passes udp sport=8 dport=7
        got "... and is answered" passes udp sport=7 dport=8
        unbind
else
        echo "#   SKIPPED: this kernel does not track connections on bridges (CONFIG_NF_CONNTRACK_BRIDGE):" \
                "state, connlimit"
        define_filter <<< "<filter name='state'><rule action='accept' direction='out'><udp/></rule></filter>"
        refused "... which is said" "CONFIG_NF_CONNTRACK_BRIDGE" bind state
        check "... and leaves nothing" no_rules
fi

# --- a guest
card() { echo "<interface type='bridge'><mac address='52:54:00:00:00:05'/><source bridge='br0'/><model type='virtio'/>
        <filterref filter='$1'><parameter name='IP' value='10.77.0.5'/></filterref></interface>"; }
define_guest filtered idle "$(card clean-traffic)"
check "a definition keeps its filterref" contains "<parameter name='IP' value='10.77.0.5'/>" \
        m virsh dumpxml filtered --inactive
check "a guest with clean-traffic starts" m virsh -q start filtered
tap=$(m virsh -q domiflist filtered | awk 'NF { print $1; exit }')
has_rules() { m nft list chain bridge unitvirt_nwfilter "$tap/out" 2>/dev/null | grep -q "jump $tap/out/mac"; }
check "... its tap is bound" contains "$tap" m virsh nwfilter-binding-list
check "... to this guest" contains "<name>filtered</name>" m virsh nwfilter-binding-dumpxml "$tap"
check "... has its rules" has_rules
check "... without any daemon" m sh -c 'systemctl stop virtnwfilterd.service libvirtd.service;
        nft list table bridge unitvirt_nwfilter > /dev/null'
check "... they come back after nft flush ruleset" m nft flush ruleset
check "... soon" eventually 20 has_rules
check "... and again" m sh -c 'sleep 3; nft flush ruleset'
check "... soon" eventually 20 has_rules
is_up() { m sh -c "ip link show '$tap' | grep -q '[<,]UP[,>]'"; }
m sh -c "cp /run/libvirt/nwfilter/$tap.rules /root/tap.rules;
        sed -i 's/^add rule .*/add rule bridge unitvirt_nwfilter nothing/' /run/libvirt/nwfilter/$tap.rules;
        nft flush ruleset"
check "... where they cannot come back, its tap is switched off" eventually 20 not is_up
check "... which the journal says" eventually 5 m sh -c "journalctl -q -t vm-filter | grep -q '$tap is switched off'"
m sh -c "cp /root/tap.rules /run/libvirt/nwfilter/$tap.rules; nft flush ruleset"
check "... until they can" eventually 20 has_rules
check "... and on again" eventually 10 is_up
refused "... its filter stays" "nwfilter is in use" m virsh nwfilter-undefine clean-traffic
check "destroy" m virsh -q destroy filtered
check "... leaves nothing" eventually 20 no_rules
check "systemctl starts it too" m systemctl start vm@filtered
check "... with its rules" has_rules
check "a guest that is killed" m sh -c 'systemctl kill -s KILL vm@filtered; true'
check "... leaves nothing" eventually 20 no_rules
define_guest lost idle "$(card nothing)"
refused "a filter that is missing is named at the start" "referenced filter 'nothing' is missing" m virsh start lost
check "... and nothing is left" no_rules
refused "a card without a tap has no filter" "filterref is not supported for network interfaces of type user" \
        define_guest usernet idle "<interface type='user'><filterref filter='clean-traffic'/></interface>"
m virsh -q undefine lost
define_guest lost idle "$(card clean-traffic-gateway)"
refused "a parameter that is missing, too" "GATEWAY_MAC" m virsh start lost
check "... and nothing is left" no_rules

# --- a card of a guest that runs
define_guest plugged idle
hot() { echo "<interface type='bridge'><mac address='52:54:00:00:00:06'/><source bridge='br0'/><model type='virtio'/>
        <filterref filter='$1'>${2-}</filterref></interface>"; }
attach() { hot "$@" | m_with_input sh -c 'cat > /root/hot.xml; virsh attach-device plugged /root/hot.xml --live'; }
change() { hot "$@" | m_with_input sh -c 'cat > /root/hot.xml; virsh update-device plugged /root/hot.xml --live'; }
no_tap() { m sh -c '! ip -br link show master br0 | grep vnet'; }
tap_of() { m sh -c "virsh -q domiflist plugged | awk '/00:06/ { print \$1 }'"; }
check "a guest without cards" m virsh -q start plugged
refused "a card with a filter that there is not" "referenced filter 'nothing' is missing" attach nothing
check "... is not there" equals "" tap_of
check "... nor its tap" no_tap
refused "one whose filter lacks a value" "GATEWAY_MAC" attach clean-traffic-gateway
check "... leaves no tap" no_tap
check "... and no rules" no_rules
check "one with clean-traffic" attach clean-traffic "<parameter name='IP' value='10.77.0.6'/>"
tap=$(tap_of)
check "... its tap is bound" contains "$tap" m virsh nwfilter-binding-list
check "... has its rules" has_rules
check "... with its address" contains 10.77.0.6 m nft list table bridge unitvirt_nwfilter
check "... is up" is_up
check "... the live definition has the filter" contains "<filterref filter='clean-traffic'>" m virsh dumpxml plugged
check "another filter, while it runs" change no-mac-spoofing
check "... is in force" m sh -c "! nft list table bridge unitvirt_nwfilter | grep -q 10.77.0.6 &&
        nft list table bridge unitvirt_nwfilter | grep -q 52:54:00:00:00:06"
refused "one that cannot be" "GATEWAY_MAC" change clean-traffic-gateway
check "... and the old one stays" contains 52:54:00:00:00:06 m nft list table bridge unitvirt_nwfilter
check "... as the definition says" contains "<filterref filter='no-mac-spoofing'" m virsh dumpxml plugged
m sh -c "cp /run/libvirt/nwfilter/$tap.rules /root/tap.rules;
        sed -i 's/^add rule .*/add rule bridge unitvirt_nwfilter nothing/' /run/libvirt/nwfilter/$tap.rules;
        nft flush ruleset"
check "rules that cannot come back: the card is switched off" eventually 20 not is_up
m sh -c "cp /root/tap.rules /run/libvirt/nwfilter/$tap.rules; nft flush ruleset"
check "... and on again" eventually 20 is_up
# nobody in the guest answers a request to let a card go: it goes with the guest
check "the guest ends" m virsh -q destroy plugged
check "... the rules with it" eventually 20 no_rules
finish
