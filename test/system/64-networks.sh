#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Virtual networks: units, real dnsmasq, real rules. Guests get leases, names and the way out; others' firewalls; what
# goes wrong leaves nothing behind. Where no guest is needed, network namespaces stand for guests and for the outside.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

# network NAME BRIDGE SUBNET [FORWARD [MORE]]: a definition; SUBNET 192.168.122
network_xml() {
        printf "<network><name>%s</name>%s<bridge name='%s'/>%s<ip address='%s.1' netmask='255.255.255.0'>
                <dhcp><range start='%s.100' end='%s.200'/>%s</dhcp></ip></network>\n" \
                "$1" "${4-}" "$2" "${6-}" "$3" "$3" "$3" "${5-}"
}
define_network() { network_xml "$@" | m_with_input sh -c "cat > /root/$1.xml && virsh -q net-define /root/$1.xml"; }
many() { LIMIT=400 m "$@"; }
is_active() { [ "$(m systemctl is-active "vm-network@$1")" = active ] && m virsh net-list --name | grep -qx "$1"; }
is_gone() { ! m virsh net-list --name | grep -qx "$1" && ! m systemctl -q is-active "vm-network@$1" &&
        ! m systemctl -q is-active "vm-dnsmasq@$1"; }
# nothing of a network with this bridge is left
no_trace() { m sh -c "! ip link show $1 2>/dev/null && ! nft list ruleset | grep -w $1 &&
        ! pgrep -a -x dnsmasq | grep /$2.conf && ! ls /run/libvirt/network | grep '^$2\\.[^e]'"; }
# ns NAME BRIDGE ADDRESS GATEWAY: a namespace on a bridge, in the place of a guest
ns() { m sh -c "ip netns add $1 && ip link add $1-h type veth peer name eth0 netns $1 &&
        ip link set $1-h master $2 up && ip -n $1 link set lo up && ip -n $1 link set eth0 up &&
        ip -n $1 addr add $3/24 dev eth0 && ip -n $1 route add default via $4"; }
firewall_began() { m systemctl show -P ExecMainStartTimestampMonotonic vm-firewall.service; }
firewall_has_begun() { [ "$(firewall_began)" != 0 ]; }
is_listening() { m systemctl -q is-active vm-firewall.socket; }
no_ns() { for n; do m ip netns del "$n"; done; }
# A port of a bridge with spanning tree forwards after twice two seconds, which the kernel makes of a delay of 0.
pings() { eventually 12 m ip netns exec "$1" busybox ping -q -c 1 -W 2 "$2"; }
cannot_ping() { ! m ip netns exec "$1" busybox ping -q -c 1 -W 1 "$2"; }

check "the socket that comes and goes with networks does so as often" m sh -c 'for i in $(seq 12); do
        for verb in start stop; do systemctl $verb vm-firewall.socket || exit 1; done; done'

# --- the outside: a namespace with a web server ---
m sh -c 'ip netns add outside && ip link add out0 type veth peer name eth0 netns outside &&
        ip addr add 198.51.100.1/24 dev out0 && ip link set out0 up &&
        ip -n outside addr add 198.51.100.2/24 dev eth0 && ip -n outside link set eth0 up &&
        ip -n outside link set lo up && ip -n outside route add 192.168.0.0/16 via 198.51.100.1 &&
        mkdir -p /srv/web && echo the outside > /srv/web/index.html'
m systemd-run -q --unit=web ip netns exec outside busybox httpd -f -p 80 -h /srv/web

# --- definition, start, files ---
define_network default virbr0 192.168.122 "<forward mode='nat'/>" \
        "<host mac='52:54:00:00:00:0a' name='alpha' ip='192.168.122.11'/>
        <host mac='52:54:00:00:00:0b' name='beta' ip='192.168.122.12'/>"
check "virsh net-define, net-start" m virsh -q net-start default
check "... systemctl shows it" is_active default
check "... and what it is" contains "nat, virbr0, 192.168.122.1/24" m systemctl status vm-network@default
check "... dnsmasq runs as a user of its own" m pgrep -u libvirt-dnsmasq -x dnsmasq
check "... vm-firewall listens to what others do" is_listening
check "... and is not started for the network's own rules" equals 0 firewall_began
m sh -c 'nft add table ip somebody && nft delete table ip somebody'
check "... but for those of others" eventually 5 firewall_has_begun
check "... no other process lives for it" equals "" m sh -c \
        'cat /sys/fs/cgroup/system.slice/system-vm*network.slice/vm-network@default.service/cgroup.procs 2>/dev/null'
check "virsh net-info" contains "Bridge:         virbr0" m virsh net-info default
# a guest's screen at the host's address there
screen() { guest_xml screen idle "<graphics type='vnc'><listen type='network' network='default'/></graphics>" |
        m_with_input sh -c 'cat > /root/screen.xml && virsh -q define /root/screen.xml'; }
check "graphics that listen on a network" screen
check "... the guest starts" m virsh -q start screen
check "... the live definition says where" \
        contains "<listen type='network' address='192.168.122.1' network='default'/>" m virsh dumpxml screen
check "... virsh too" contains "vnc://192.168.122.1:0" m virsh domdisplay screen
check "... somebody answers there" contains RFB m timeout 5 bash -c 'head -c 3 < /dev/tcp/192.168.122.1/5900'
check "... the definition does not" not contains "address='192" m virsh dumpxml --inactive screen
check "destroy" m sh -c 'virsh -q destroy screen && virsh -q undefine screen'
check "virsh net-autostart is systemctl enable" \
        m sh -c 'virsh -q net-autostart default && systemctl is-enabled vm-network@default &&
                virsh -q net-autostart --disable default && ! systemctl is-enabled vm-network@default'
if m virsh help net-desc > /dev/null 2>&1; then
        check "virsh net-desc" m sh -c 'virsh -q net-desc default --live --title "a title" &&
                virsh -q net-desc default --config --title "a title"'
        check "... is there" contains "a title" m virsh net-desc default --title
        check "... in the list" contains "a title" m virsh net-list --title
        check "... and a longer text" m virsh -q net-desc default --config some words
        check "... in the definition alone" contains "some words" m virsh net-desc default --config
        check "... alone" contains "No description" m virsh net-desc default --live
        check "virsh net-metadata" \
                m virsh -q net-metadata default http://example.org/x --key x --set "<a b='1'/>" --live --config
        check "... is there" contains "<a b='1'/>" m virsh net-metadata default http://example.org/x
        check "... in both" contains "xmlns:x=\"http://example.org/x\"" m virsh net-dumpxml default --inactive
        check "... goes" m virsh -q net-metadata default http://example.org/x --remove --live --config
        check "... is gone" not contains "<a" m virsh net-metadata default http://example.org/x
else
        echo "skip - $area: this virsh has no net-desc (libvirt 9.7)"
fi
# what libvirt leaves behind
adopted() { # UNIT LINK START-COMMAND...
        local unit=$1 link=$2; shift 2
        m sh -c "mkdir -p '${link%/*}' && ln -s '../${link##*/}' '$link' && systemctl stop $unit" && m "$@" &&
                m test ! -L "$link" && m systemctl -q is-enabled "$unit"
}
disabled() { m systemctl -q disable "$1" && m test ! -e "/run/systemd/generator/machines.target.wants/$1"; }
link=/etc/libvirt/qemu/networks/autostart/default.xml
check "libvirt's link for autostart becomes systemd's at a start" adopted vm-network@default.service $link \
        virsh -q net-start default
check "... so that systemctl disable is the last word" disabled vm-network@default.service
check "... for virsh too" contains "Autostart:      no" m virsh net-info default
check "systemctl stop is virsh net-destroy" \
        m sh -c 'systemctl stop vm-network@default && virsh net-list --all | grep -q "default *inactive"'
check "... nothing is left" no_trace virbr0 default
check "systemctl start" m systemctl start vm-network@default
check "... virsh shows it" is_active default

# --- two guests ---
card() { echo "<interface type='network'><mac address='52:54:00:00:00:$1'/>
        <source network='default'/><model type='virtio'/></interface>"; }
define_guest alpha linux "$(card 0a)"
define_guest beta linux "$(card 0b)"
check "a guest requires its network" contains vm-network@default.service m systemctl show -P Requires vm@alpha
check "guests on the network start" m sh -c 'virsh -q start alpha && virsh -q start beta'
check "... live definitions name the bridge" \
        m sh -c "virsh dumpxml alpha | grep -q \"<source network='default' portid='.*' bridge='virbr0'/>\""
check "... virsh net-dumpxml counts them" contains "connections='2'" m virsh net-dumpxml default
check "... virsh net-port-list shows their ports" m sh -c '[ $(virsh net-port-list default | grep -c -- -) -ge 3 ]'
has_lease() { m virsh net-dhcp-leases default | grep -q "52:54:00:00:00:$1 .*ipv4 .*192.168.122.$2/24 .*$3"; }
check "alpha has its lease" eventually 120 has_lease 0a 11 alpha
check "beta has its lease" eventually 60 has_lease 0b 12 beta
check "systemctl counts leases" contains "2 leases in use" m systemctl show -P StatusText vm-dnsmasq@default
has_guests() { [ "$(m systemctl show -P Description vm-network@default)" = "Virtual Network default$1" ]; }
check "... and guests, at the network" eventually 20 has_guests ": 2 guests, 2 leases"
check "... for which nothing stays" eventually 20 not m systemctl -q is-active vm-network-status.service
domain_address() { m virsh domifaddr "$1" --source "$2" | grep -q "vnet.*52:54:00:00:00:$3 *ipv4 *192.168.122.$4/"; }
check "virsh domifaddr, from leases" domain_address alpha lease 0a 11
check "libnss-libvirt finds the guest by name" m sh -c "grep -q libvirt /etc/nsswitch.conf ||
        sed -i 's/^hosts:.*/hosts: files libvirt libvirt_guest dns/' /etc/nsswitch.conf;
        getent hosts alpha | grep -q 192.168.122.11"
check "the host reaches it" m busybox ping -q -c 1 -W 5 192.168.122.11
check "virsh domifaddr, from the host's ARP" domain_address alpha arp 0a 11
check "the guest resolves the other by name" contains 192.168.122.12 console_says alpha 'nslookup beta 192.168.122.1'
check "the guest reaches a web server outside" contains "the outside" \
        console_says alpha 'wget -qO- http://198.51.100.2/'
check "the outside does not reach the guest" cannot_ping outside 192.168.122.11

# --- net-update without restart ---
pid=$(m systemctl show -P MainPID vm-dnsmasq@default)
check "net-update adds a host, live and in the definition" m virsh -q net-update default \
        add ip-dhcp-host "<host mac='52:54:00:00:00:0c' name='gamma' ip='192.168.122.13'/>" --live --config
check "... dnsmasq has read it, and was not restarted" m sh -c "[ \$(journalctl -b -q -o cat -u vm-dnsmasq@default |
        grep -c default.hostsfile) -ge 2 ] && grep -q gamma /var/lib/libvirt/dnsmasq/default.hostsfile &&
        [ $pid = \$(systemctl show -P MainPID vm-dnsmasq@default) ]"
check "net-update adds a name" m virsh -q net-update default \
        add dns-host "<host ip='192.168.122.77'><hostname>printer</hostname></host>" --live
check "... dnsmasq knows it" m sh -c "busybox nslookup printer 192.168.122.1 | grep -q 192.168.122.77"
refused "... twice is refused" "there is an existing dhcp host entry" \
        m virsh net-update default add ip-dhcp-host "<host mac='52:54:00:00:00:0c' ip='192.168.122.14'/>" --live
refused "... of another family is refused" "is not within network" \
        m virsh net-update default add ip-dhcp-host "<host mac='52:54:00:00:00:0d' ip='fd00::14'/>" --live
check "... changed" m virsh -q net-update default modify ip-dhcp-host \
        "<host mac='52:54:00:00:00:0c' name='delta' ip='192.168.122.15'/>" --live
check "... gets another MAC, known by its address" m virsh -q net-update default \
        modify ip-dhcp-host "<host mac='52:54:00:00:00:0e' name='3cx' ip='192.168.122.15'/>" --live
check "... dnsmasq has that" \
        eventually 5 m grep -qx "52:54:00:00:00:0e,192.168.122.15,3cx" /var/lib/libvirt/dnsmasq/default.hostsfile
check "... taken away" m virsh -q net-update default delete ip-dhcp-host "<host mac='52:54:00:00:00:0e'/>" --live
refused "a section that cannot be updated is named" "can't update 'bridge' section" \
        m virsh net-update default modify bridge "<bridge/>" --live

# the rules follow what of the definition they are about
rules_name() { m nft list table ip libvirt_virbr0 | grep -q "oifname \"$1\""; }
check "net-update of the link that traffic leaves by" \
        m virsh -q net-update default add forward-interface "<interface dev='out0'/>" --live
check "... the rules name it" rules_name out0
check "... a guest gets out by it" contains "the outside" console_says alpha 'wget -qO- http://198.51.100.2/'
check "... taken away" m virsh -q net-update default delete forward-interface "<interface dev='out0'/>" --live
check "... the rules name none" not rules_name out0
check "... thirty times in a row, whenever the service manager closes the old rules' socket" \
        m sh -c 'for i in $(seq 30); do
        virsh -q net-update default add forward-interface "<interface dev=\"out0\"/>" --live &&
        virsh -q net-update default delete forward-interface "<interface dev=\"out0\"/>" --live || exit 1; done'
check "... and are there" contains masquerade m nft list table ip libvirt_virbr0
check "... none of it touched dnsmasq" test "$pid" = "$(m systemctl show -P MainPID vm-dnsmasq@default)"

# --- firewalls of others ---
check "nft flush ruleset does not reach our rules" \
        m sh -c 'nft flush ruleset && nft list table ip libvirt_virbr0 | grep -q masquerade'
docker() { m sh -c 'iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN;
        iptables -I FORWARD -j DOCKER-USER; iptables -P FORWARD DROP'; }
no_docker() { m sh -c 'iptables -P FORWARD ACCEPT; iptables -F FORWARD;
        iptables -F DOCKER-USER; iptables -X DOCKER-USER'; }
docker_rules() { [ "$(m iptables -S DOCKER-USER | grep -c virbr0)" = "$1" ]; }
ns client virbr0 192.168.122.50 192.168.122.1
check "a guest reaches the outside" pings client 198.51.100.2
docker
check "Docker's rules after the start: the accept is there within 2 s" eventually 2 docker_rules 2
check "... a guest reaches the outside" pings client 198.51.100.2
check "net-destroy leaves guests running" m sh -c 'virsh -q net-destroy default &&
        virsh domstate alpha | grep -q running'
check "... and nothing in Docker's chain" docker_rules 0
check "Docker's rules before the start" m virsh -q net-start default
check "... the accept is there" docker_rules 2
check "the guests are plugged in again by themselves" eventually 15 m busybox ping -q -c 1 -W 2 192.168.122.11
no_ns client; no_docker
m sh -c 'nft add table inet host; nft add chain inet host input "{ type filter hook input priority 0; policy drop; }";
        virsh -q net-destroy default; virsh -q net-start default'
check "a foreign chain that drops DHCP and DNS is named" \
        contains "port 67 (DHCP) on virbr0 is blocked by the chain 'input' of the table 'inet host'" \
        m systemctl status -n0 -l vm-network@default
m nft delete table inet host

# --- kinds of networks ---
define_network routed virbr2 192.168.132 "<forward mode='route'/>"
define_network isolated virbr3 192.168.133
define_network open virbr4 192.168.134 "<forward mode='open'/>"
check "routed, isolated and open start" m sh -c 'virsh -q net-start routed &&
        virsh -q net-start isolated && virsh -q net-start open'
ns r1 virbr2 192.168.132.5 192.168.132.1; ns i1 virbr3 192.168.133.5 192.168.133.1
ns i2 virbr3 192.168.133.6 192.168.133.1; ns o1 virbr4 192.168.134.5 192.168.134.1
check "routed: out" pings r1 198.51.100.2
check "... and in" pings outside 192.168.132.5
check "isolated: guests reach each other" pings i1 192.168.133.6
check "... and the host" pings i1 192.168.133.1
check "... and nobody else" cannot_ping i1 198.51.100.2
check "... not even a routed network" cannot_ping i1 192.168.132.5
check "... nor anybody them" cannot_ping outside 192.168.133.5
check "open: no rules" m sh -c '! nft list ruleset | grep -w virbr4'
check "... both ways" pings outside 192.168.134.5
no_ns r1 i1 i2 o1
# another hypervisor's guest asks where to plug it in
port=11111111-1111-4111-8111-111111111101
m_with_input sh -c 'cat > /root/port.xml' <<XML
<networkport><uuid>$port</uuid><owner><name>other</name><uuid>33333333-0000-4000-8000-000000000001</uuid></owner>
<mac address='52:54:00:77:00:01'/></networkport>
XML
check "virsh net-port-create" m virsh -q net-port-create isolated /root/port.xml
check "... says where it is plugged in" contains "<plug type='network' bridge='virbr3'/>" \
        m virsh net-port-dumpxml isolated $port
check "... it is counted" contains "connections='1'" m virsh net-dumpxml isolated
refused "... once" "already exists" m virsh net-port-create isolated /root/port.xml
check "... and goes" m virsh -q net-port-delete isolated $port
check "... it is none any more" not contains "connections=" m virsh net-dumpxml isolated
check "all three end" m sh -c 'for n in routed isolated open; do
        virsh -q net-destroy $n && virsh -q net-undefine $n || exit 1; done'

# bandwidth, measured: three MiB at 1 MiB a second, of which a quarter comes at once
m_with_input sh -c 'cat > /root/slow.xml && virsh -q net-create /root/slow.xml' <<'XML'
<network><name>slow</name><bridge name='virbr5' stp='off'/><bandwidth><inbound average='1024' burst='256'/></bandwidth>
<ip address='192.168.135.1' prefix='24'/></network>
XML
ns slow virbr5 192.168.135.5 192.168.135.1
m systemd-run -q --unit=slow ip netns exec slow socat -u TCP4-LISTEN:9,fork,reuseaddr OPEN:/dev/null
milliseconds() { m sh -c 'a=$(date +%s%N); head -c 3145728 /dev/zero | socat -u - TCP4:192.168.135.5:9,sndbuf=65536 &&
        b=$(date +%s%N) && echo $(((b - a) / 1000000))'; }
check "a network with a bandwidth" eventually 5 m ip netns exec slow busybox ping -q -c 1 -W 1 192.168.135.1
took=$(milliseconds)
echo "#   3 MiB took $took ms"
check "... is held to it" test "$took" -gt 2000 -a "$took" -lt 6000
m systemctl stop slow; no_ns slow
check "... ends" m virsh -q net-destroy slow
# the same of a bridge of the host's, which stays
limits() { m sh -c 'tc class show dev hostbr | grep -c htb'; }
m_with_input sh -c 'ip link add hostbr type bridge; cat > /root/limited.xml
        virsh -q net-define /root/limited.xml' <<'XML'
<network><name>limited</name><forward mode='bridge'/><bridge name='hostbr'/>
<bandwidth><inbound average='1024'/></bandwidth></network>
XML
check "a network on a bridge of the host's, with a bandwidth" m virsh -q net-start limited
check "... which the bridge has" equals 1 limits
check "... ends" m virsh -q net-destroy limited
check "... the limit with it" equals 0 limits
check "... the bridge stays" m ip link del hostbr
refused "... without it the network does not start" "cannot set bandwidth limits on hostbr" m virsh net-start limited
m virsh -q net-undefine limited

# IPv6
m_with_input sh -c 'cat > /root/six.xml' <<'XML'
<network><name>six</name><forward mode='nat'><nat ipv6='yes'/></forward><bridge name='virbr6'/>
<ip address='192.168.136.1' prefix='24'/><ip family='ipv6' address='fd00:136::1' prefix='64'>
<dhcp><range start='fd00:136::10' end='fd00:136::99'/></dhcp></ip></network>
XML
check "a network with IPv6" m virsh -q net-create /root/six.xml
m sh -c 'ip addr add 2001:db8:100::1/64 dev out0 nodad; ip -n outside addr add 2001:db8:100::2/64 dev eth0 nodad'
ns six virbr6 192.168.136.5 192.168.136.1
m sh -c 'ip -n six addr add fd00:136::5/64 dev eth0 nodad && ip -n six route add default via fd00:136::1'
check "... masqueraded" eventually 10 pings six 2001:db8:100::2
no_ns six
check "... ends, and with it its definition" m sh -c 'virsh -q net-destroy six && ! virsh net-info six'

# --- what goes wrong ---
define_network bad virbr9 192.168.139
m ip link add virbr9 type bridge
refused "a bridge of somebody else" "already in use" m virsh net-start bad
check "... stays" m ip link show virbr9
m ip link del virbr9
check "... when it has gone, the same command works" m sh -c 'virsh -q net-start bad && virsh -q net-destroy bad'
m systemd-run -q --unit=port53 socat TCP4-LISTEN:53,bind=192.168.139.1,freebind,fork SYSTEM:true
eventually 5 m sh -c "ss -ltn | grep -q '192.168.139.1:53 '"
refused "port 53 is taken: dnsmasq's own line" "Address already in use" m virsh net-start bad
check "... nothing is left" no_trace virbr9 bad
m systemctl stop port53
check "... when it has gone, the same command works" m sh -c 'virsh -q net-start bad && virsh -q net-destroy bad'
m ip addr add 192.168.139.7/24 dev out0
refused "a subnet in use" "Network is already in use by interface out0" m virsh net-start bad
check "... nothing is left" no_trace virbr9 bad
m ip addr del 192.168.139.7/24 dev out0
m mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away
refused "dnsmasq is missing" "/usr/sbin/dnsmasq: No such file or directory" m virsh net-start bad
check "... nothing is left" no_trace virbr9 bad
m mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq
refused "another network's bridge" "bridge name 'virbr9' already in use" define_network other virbr9 192.168.140
refused "systemctl of a broken definition says why" "is not entirely within network" m sh -c \
        "sed 's/192.168.139.100/192.168.1.1/' /etc/libvirt/qemu/networks/bad.xml > /etc/libvirt/qemu/networks/worse.xml;
        sed -i 's/>bad</>worse</; /uuid/d; s/virbr9/virbr10/' /etc/libvirt/qemu/networks/worse.xml;
        systemctl start vm-network@worse || { systemctl status -l vm-network@worse; exit 1; }"
check "... and harms no other" is_active default
m rm /etc/libvirt/qemu/networks/worse.xml

# --- killed at any instant ---
often() { m sh -c "for i in \$(seq 12); do systemctl start $1 || exit 1; done"; }
m virsh -q net-start bad
check "what makes up for killed starts may come as often as these" often vm-network-cleanup@bad
m virsh -q net-destroy bad
killed=0
for ms in 0 4 8 12 16 20 25 30 40 50 60 80 100 150; do
        m sh -c "systemctl start --no-block vm-network@bad; sleep 0.$(printf %03d $ms);
                systemctl kill -s KILL vm-network@bad 2>/dev/null; sleep 0.2
                systemctl stop vm-network@bad; systemctl reset-failed vm-network@bad 2>/dev/null; true"
        # the clean-up that makes up for a killed one is a unit of its own, which nobody waits for
        if eventually 5 no_trace virbr9 bad > "$work/seen" 2>&1; then killed=$((killed + 1))
        else sed "s/^/#   after $ms ms: /" "$work/seen"; fi
done
check "a start that is killed at 14 instants leaves nothing" test $killed = 14
check "... and the network starts afterwards" m sh -c 'virsh -q net-start bad && virsh -q net-destroy bad'

# what is left where the end was killed, too
left_over() { m sh -c 'virsh -q net-start bad && cp /run/libvirt/network/bad.undo /root/undo &&
        mac=$(cat /sys/class/net/virbr9/address) &&
        virsh -q net-destroy bad && ip link add virbr9 address $mac type bridge &&
        cp /root/undo /run/libvirt/network/bad.undo'; }
check "an end that was cut short" left_over
check "... is made up for" m systemctl start vm-network-cleanup@bad
check "... nothing is left" no_trace virbr9 bad
check "one that was cut short when the start had just been done" m sh -c 'virsh -q net-start bad &&
        cp /run/libvirt/network/bad.xml /root/live && virsh -q net-destroy bad'
check "... with its live definition" left_over
m cp /root/live /run/libvirt/network/bad.xml
check "... is made up for" m systemctl start vm-network-cleanup@bad
check "... nothing is left" no_trace virbr9 bad
check "another one" left_over
check "... is made up for by the next start" m virsh -q net-start bad
check "... which ends as ever" m virsh -q net-destroy bad
check "... nothing is left" no_trace virbr9 bad

m systemctl kill -s KILL virtnetworkd
check "virtnetworkd was killed: nothing happened to the network" \
        m sh -c 'virsh net-list | grep -q default && busybox ping -q -c 1 -W 5 192.168.122.11'

# --- without the bus, and before systemd is on it ---
without_bus() { m sh -c "systemctl stop dbus.socket dbus.service;
        $1; r=\$?; systemctl start dbus.socket dbus.service; exit \$r"; }
check "a network starts without a system bus" without_bus \
        "systemctl start vm-network@bad && systemctl is-active vm-dnsmasq@bad"
check "... and stops" without_bus "systemctl stop vm-network@bad && ! systemctl is-active vm-dnsmasq@bad"
check "... nothing is left" no_trace virbr9 bad
m virsh -q net-undefine bad

# --- what dnsmasq reads: its view has what the definition names, all of it where the definition has options of
# dnsmasq's own ---
m sh -c 'mkdir -p /srv/boot /data && echo boots > /srv/boot/pxelinux.0 &&
        echo "192.168.61.9 printer" > /data/hosts && echo secret > /srv/secret && chmod 644 /srv/secret'
network_xml files files0 192.168.61 "<uuid>11111111-2222-4333-8444-555555555561</uuid>" "<bootp file='pxelinux.0'/>" |
        sed "s#<dhcp>#<tftp root='/srv/boot'/><dhcp>#" | m_with_input sh -c 'cat > /root/files.xml'
check "a network with a folder for tftp" m virsh -q net-define /root/files.xml
check "... starts" m virsh -q net-start files
check "... gives its file" m sh -c 'busybox tftp -g -r pxelinux.0 -l /tmp/got 192.168.61.1 && grep -q boots /tmp/got'
dnsmasq_sees() { m sh -c "cat /proc/\$(cat /run/libvirt/dnsmasq/files/pid)/root$1"; }
check "... sees no other folder of the host" not dnsmasq_sees /srv/secret
check "control: it sees that one" contains boots dnsmasq_sees /srv/boot/pxelinux.0
m sh -c 'namespace="xmlns:dnsmasq=\"http://libvirt.org/schemas/network/dnsmasq/1.0\""
        options="<dnsmasq:options><dnsmasq:option value=\"addn-hosts=/data/hosts\"/></dnsmasq:options>"
        sed -i -e "s#<tftp.*/><dhcp>#<dhcp>#" -e "s#<network>#<network $namespace>$options#" /root/files.xml'
check "... with an option of dnsmasq's own instead" \
        m sh -c 'virsh -q net-destroy files && virsh -q net-define /root/files.xml && virsh -q net-start files'
check "... it reads the file that that names" m sh -c 'busybox nslookup printer 192.168.61.1 | grep -q 192.168.61.9'
check "... its drop-in goes when it is plain again" m sh -c '
        test -e /run/systemd/system/vm-dnsmasq@files.service.d \
                -o -e /run/systemd/generator/vm-dnsmasq@files.service.d &&
        sed -i "s#<dnsmasq:options>.*</dnsmasq:options>##" /root/files.xml &&
        virsh -q "net-destroy files; net-define /root/files.xml; net-start files" &&
        ! ls -d /run/systemd/system/vm-dnsmasq@files.service.d \
                /run/systemd/generator/vm-dnsmasq@files.service.d 2>/dev/null'
check "... and goes" m virsh -q 'net-destroy files; net-undefine files'
check "systemd-analyze security rates dnsmasq 3.5 or better" m sh -c 'virsh -q net-start default 2>/dev/null;
        systemd-analyze security --no-pager --threshold=35 vm-dnsmasq@default'

# --- many ---
m sh -c 'for i in $(seq 100); do
        printf "<network><name>many%s</name><bridge name=\"many%s\"/><ip address=\"10.77.%s.1\" prefix=\"24\">
                <dhcp><range start=\"10.77.%s.2\" end=\"10.77.%s.9\"/></dhcp></ip></network>" \
                $i $i $i $i $i > /etc/libvirt/qemu/networks/many$i.xml; done'
check "100 networks start at once" many sh -c 'systemctl start $(seq -f vm-network@many%.0f 100)'
check "... all are there" m sh -c '[ $(virsh net-list --name | grep -c many) = 100 ] &&
        [ $(ip -br link | grep -c ^many) = 100 ]'
cpu() { m systemctl show -P CPUUsageNSec "$1"; }
took=$((($(cpu vm-network@many57) + $(cpu vm-dnsmasq@many57)) / 1000000))
echo "#   a start beside 99 others, with its dnsmasq: $took ms of CPU"
check "... all end" many sh -c 'systemctl stop $(seq -f vm-network@many%.0f 100)'
check "... without a trace" m sh -c '! ip -br link | grep ^many &&
        ! nft list tables | grep many && ! ls /run/libvirt/network | grep many && ! pgrep -x -a dnsmasq | grep many'

m virsh -q destroy alpha; m virsh -q destroy beta
check "its unit's name says when guests have gone" \
        eventually 20 m sh -c 'systemctl show -P Description vm-network@default | grep -q ": 0 guests"'
check "virt-install --network network=default" many virt-install \
        --name made --memory 64 --disk none --virt-type qemu --osinfo detect=on,require=off --noautoconsole --import \
        --boot loader=/var/lib/libvirt/images/idle.rom,loader.readonly=yes,loader.type=rom \
        --network network=default,model=e1000 --graphics none
check "... it is on the network" contains "network   default   e1000" m virsh domiflist made
check "systemctl stop of the network ends the guests that require it" \
        m sh -c 'systemctl stop vm-network@default && virsh domstate made | grep -q "shut off"'
check "... and its unit has its own name again" eventually 10 has_guests ""
check "... nothing is left" no_trace virbr0 default
check "a guest starts its network" m sh -c 'virsh -q start made && virsh net-list | grep -q default'
check "no program of ours crashed on the way" not m sh -c "journalctl -b -q -o cat -u 'vm-*' | grep -E 'status=(6|11)/'"
finish
