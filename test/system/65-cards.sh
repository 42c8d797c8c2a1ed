#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Cards of guests: ports of Open vSwitch, VLANs, isolation, scripts; limits, and what of a card changes while its guest
# runs.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
mac=52:54:00:00:65:
card() { echo "<interface type='$1'><mac address='$mac$2'/>$3<model type='virtio'/></interface>"; }
live() { m virsh dumpxml "$1"; }
tap() { m sh -c "virsh domiflist $1 | awk '/$mac$2/ { print \$1 }'"; }
# guest NAME CARDS: defined anew
guest() { m sh -c "virsh -q destroy $1; virsh -q undefine $1" >/dev/null 2>&1; define_guest "$1" idle "$2"; }
start_fails() { guest "$1" "$2" && m virsh start "$1"; }
network() { m_with_input sh -c "cat > /root/net.xml && virsh -q net-define /root/net.xml && virsh -q net-start $1"; }
vsctl() { m ovs-vsctl --timeout=10 "$@"; }

# --- scripts ---
m sh -c 'mkdir -p /opt/net &&
        printf "#!/bin/sh\necho up \$# \$1 \$(cat /sys/class/net/\$1/address) >> /opt/net/log\n" > /opt/net/up &&
        printf "#!/bin/sh\necho down \$# \$1 >> /opt/net/log\n" > /opt/net/down && printf "#!/bin/sh\nexit 3\n" > \
                /opt/net/bad && chmod +x /opt/net/*'
scripts() { card ethernet "$1" "<script path='/opt/net/$2'/><downscript path='/opt/net/down'/><target dev='tap65'/>"; }
check "a card with scripts" guest scripted "$(scripts 01 up)"
check "... starts" m virsh -q start scripted
check "... the script had the tap, which has its address" equals "up 1 tap65 fe:54:00:00:65:01" m cat /opt/net/log
check "... ends" m virsh -q destroy scripted
check "... the other script had it" eventually 5 m grep -qx 'down 1 tap65' /opt/net/log
refused "a script that fails is the start's failure" "the script '/opt/net/bad' failed for 'tap65' (exit status 3)" \
        start_fails scripted "$(scripts 01 bad)"
check "... no tap is left" m sh -c '! ip link show tap65'
check "a card whose end at the host has addresses" guest scripted "$(card ethernet 01 "<source><ip address='10.65.0.1' \
        prefix='30' peer='10.65.0.2'/><ip address='fd65::1' prefix='64'/><route address='10.66.0.0' prefix='16' \
        gateway='10.65.0.2'/></source><target dev='tap65'/><coalesce><rx><frames max='7'/></rx></coalesce>")"
check "... starts" m virsh -q start scripted
check "... they are there" contains "inet 10.65.0.1 peer 10.65.0.2/30" m ip addr show dev tap65
check "... of both families" contains "inet6 fd65::1/64" m ip addr show dev tap65
check "... and the way behind them" contains "10.66.0.0/16 via 10.65.0.2" m ip route show dev tap65
frames() { m python3 -c '
import fcntl, socket, struct, array
b = array.array("I", [0xe] + [0] * 22)
s = socket.socket()
fcntl.ioctl(s, 0x8946, struct.pack("16sP", b"tap65", b.buffer_info()[0]))
print({"frames": str(b[2])})'; }
gathers() { m sh -c "virsh dumpxml scripted | sed -n '/<interface/,/<\\/interface/p' > /root/card.xml
        sed -i \"$1\" /root/card.xml
        virsh -q update-device scripted /root/card.xml --live"; }
check "... its frames are gathered" contains "'frames': '7'" frames
check "... others while it runs" gathers "s/max='7'/max='21'/"
check "... which the tap does" contains "'frames': '21'" frames
check "... and the definition says" contains "<frames max='21'/>" m virsh dumpxml scripted
check "... none" gathers "/<coalesce>/,/<\\/coalesce>/d"
check "... is none" contains "'frames': '0'" frames
check "... its addresses stay" contains "inet 10.65.0.1 peer 10.65.0.2/30" m ip addr show dev tap65
check "... ends" m virsh -q destroy scripted
refused "an address that cannot be is the start's failure" "tap65 cannot have this route" start_fails scripted \
        "$(card ethernet 01 "<source><ip address='10.65.0.1' prefix='30'/><route address='10.66.0.0' prefix='16' \
        gateway='192.0.2.1'/></source><target dev='tap65'/>")"
check "... no tap is left" m sh -c '! ip link show tap65'
m ip link add br65 type bridge; m ip link set br65 up
refused "a script of another type is refused" "scripts are not supported on interfaces of type bridge" start_fails \
                scripted \
        "$(card bridge 01 "<source bridge='br65'/><script path='/opt/net/up'/>")"

# --- virtualport types, VLANs of a plain bridge ---
refused "802.1Qbg is refused by name" "virtualport type '802.1Qbg' is not supported" start_fails scripted \
        "$(card direct 01 "<source dev='lo' mode='vepa'/><virtualport type='802.1Qbg'><parameters managerid='1' \
                typeid='2' typeidversion='1'/></virtualport>")"
refused "802.1Qbh as well" "virtualport type '802.1Qbh' is not supported" start_fails scripted \
        "$(card direct 01 "<source dev='lo' mode='private'/><virtualport type='802.1Qbh'><parameters \
                profileid='x'/></virtualport>")"
refused "a VLAN on a bridge that filters none" "'br65' is no bridge that filters VLANs" start_fails scripted \
        "$(card bridge 01 "<source bridge='br65'/><vlan><tag id='42'/></vlan>")"
check "... no tap is left" m sh -c '! ip link show | grep vnet'
tagged() { echo "<network><name>tagged</name><bridge name='virbr66'/><portgroup name='red'><vlan><tag id='44'/></vlan>
        </portgroup><ip address='192.168.166.1' prefix='24'/></network>"; }
if m ip link set br65 type bridge vlan_filtering 1 2>/dev/null; then
        check "a VLAN on a bridge that filters" guest scripted "$(card bridge 01 "<source bridge='br65'/><vlan \
                trunk='yes'><tag id='42'/><tag id='7' nativeMode='untagged'/></vlan>")"
        check "... starts" m virsh -q start scripted
        check "... its tap is in these alone" contains "7 PVID Egress Untagged" m bridge vlan show dev \
                "$(tap scripted 01)"
        m virsh -q destroy scripted
        network tagged < <(tagged)
        check "a network whose portgroup has a VLAN" guest scripted "$(card network 03 "<source network='tagged' \
                portgroup='red'/>")"
        check "... starts" m virsh -q start scripted
        check "... its tap is in that" contains "44 PVID Egress Untagged" m bridge vlan show dev "$(tap scripted 03)"
        m sh -c 'virsh -q destroy scripted; virsh -q net-destroy tagged'
else
        refused "a network with VLANs on a kernel without" "the kernel has no VLAN filtering of bridges" \
                network tagged < <(tagged)
        check "... leaves nothing" m sh -c '! ip link show virbr66 2>/dev/null && ! nft list tables | grep virbr66'
        echo "skip - $area: VLANs of a bridge: this kernel's bridges filter none (CONFIG_BRIDGE_VLAN_FILTERING)"
fi

# --- isolation ---
check "isolated ports" guest scripted "$(card bridge 01 "<source bridge='br65'/><port \
                isolated='yes'/>")$(card bridge 02 "<source bridge='br65'/>")"
check "... start" m virsh -q start scripted
check "... the one is, the other is not" m sh -c \
                "bridge -d link show dev $(tap scripted 01) | grep -q 'isolated on' &&
                bridge -d link show dev $(tap scripted 02) | grep -q 'isolated off'"
m virsh -q destroy scripted

# --- Open vSwitch ---
ovs() { card bridge "$1" \
                "<source bridge='ovs65'/><virtualport type='openvswitch'><parameters
                interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' profileid='gold'/></virtualport>${2-}"; }
open_vswitch() {
        refused "a bridge that is not there" "cannot attach vnet0 to the bridge 'ovs65'" \
                start_fails switched "$(ovs 11)"
        refused "one that is no switch of Open vSwitch, which does not run" "Open vSwitch: " start_fails switched \
                        "$(ovs 11 | sed s/ovs65/br65/)"
        check "Open vSwitch" m sh -c 'systemctl start openvswitch-switch &&
                ovs-vsctl --timeout=10 add-br ovs65 -- set bridge ovs65 datapath_type=netdev && ip link set ovs65 up'
        refused "a bridge that it has not" "no bridge named br65" start_fails switched "$(ovs 11 | sed s/ovs65/br65/)"
        check "a card on it" guest switched "$(ovs 11 "<vlan><tag id='42'/></vlan>")$(ovs 12 "<vlan trunk='yes'><tag \
                        id='42'/><tag id='123' nativeMode='untagged'/></vlan>" | sed s/aaa4f/aaa5f/)"
        check "... starts" m virsh -q start switched
        ids() { vsctl get Interface "$(tap switched "$1")" "external_ids:$2"; }
        check "... the port says whose it is" equals \
                "$(printf '"%s"\n"09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"\n"%s"\ngold' "${mac}11" \
                        "$(m virsh domuuid switched | head -1)")" \
                sh -c \
                        "$(declare -f vsctl tap m ids); here=$here dir=$dir uri=$uri mac=$mac; ids 11 attached-mac;
                        ids 11 iface-id; ids 11 vm-id; ids 11 port-profile"
        check "... and its VLAN" equals 42 vsctl get Port "$(tap switched 11)" tag
        check "... the other is a trunk" equals "$(printf '123\n[42, 123]\nnative-untagged')" vsctl get Port \
                        "$(tap switched 12)" tag trunks vlan_mode
        check "... ends" m virsh -q destroy switched
        check "... no port is left" eventually 5 no_ports

        network ovs <<'XML'
<network><name>ovs</name><forward mode='bridge'/><bridge name='ovs65'/><virtualport type='openvswitch'/>
  <portgroup name='red' default='yes'><vlan><tag id='5'/></vlan></portgroup>
  <portgroup name='blue'><vlan><tag id='6'/></vlan><bandwidth><inbound average='1000'/></bandwidth></portgroup>
</network>
XML
        check "a network of Open vSwitch with portgroups" guest switched "$(card network 13 "<source \
                        network='ovs'/>")$(card network 14 "<source network='ovs' portgroup='blue'/>")"
        check "... a guest on it starts" m virsh -q start switched
        check "... its live definition says what was put together" \
                contains "<virtualport type='openvswitch'>" live switched
        check "... the default group's VLAN" equals 5 vsctl get Port "$(tap switched 13)" tag
        check "... the other group's" equals 6 vsctl get Port "$(tap switched 14)" tag
        check "... and its limit" contains 8192000 vsctl --columns=other_config list Queue
        check "... ends" m virsh -q destroy switched
        check "... no port is left" eventually 5 no_ports
        check "... nor a limit" equals "" vsctl --columns=_uuid list Queue
        m virsh -q net-destroy ovs
}
no_ports() { [ -z "$(vsctl list-ports ovs65)" ]; }
switch=''
if m test -x /usr/bin/ovs-vsctl; then
        switch=yes; open_vswitch
else echo "skip - $area: Open vSwitch is not installed here"; fi

# --- floors ---
network shaped <<'XML'
<network><name>shaped</name><bridge name='shaped'/><bandwidth><inbound average='1000' peak='1500'/></bandwidth><ip
        address='192.168.165.1' prefix='24'/></network>
XML
network plain <<'XML'
<network><name>plain</name><bridge name='plain'/><portgroup name='slow'><bandwidth><inbound
        average='100'/></bandwidth></portgroup></network>
XML
floor() { card network "$1" \
                "<source network='${3-shaped}'/><bandwidth><inbound average='50' floor='$2'/></bandwidth>"; }
classes() { m sh -c "tc class show dev shaped | grep -c 'parent 1:1'"; }
check "a card with a floor" guest scripted "$(floor 21 900)"
check "... starts" m virsh -q start scripted
check "... it has a class of its own" equals 2 classes
check "... what is left is for the others" contains "rate 819200bit" m tc class show dev shaped
refused "more than the network has" "would overcommit 'peak' on network 'shaped'" start_fails switched "$(floor 22 601)"
check "... and what it has left" guest switched "$(floor 22 600)"
check "... starts" m virsh -q start switched
check "... ends" m sh -c 'virsh -q destroy switched && virsh -q destroy scripted'
check "... nothing is promised any more" eventually 5 equals 1 classes
refused "a floor on a network without limits" "has no inbound QoS set" start_fails scripted "$(floor 21 10 plain)"
refused "a floor elsewhere" "floor attribute is supported only for interfaces of type network" guest scripted \
        "$(card bridge 21 "<source bridge='br65'/><bandwidth><inbound floor='1'/></bandwidth>")"

# --- limits of a card ---
rate() { m sh -c "tc class show dev $(tap scripted 21) | grep -o 'rate [0-9A-Za-z]*'"; }
check "a card without limits" guest scripted "$(card network 21 "<source \
                network='shaped'/>")$(card bridge 22 "<source bridge='br65'/>")"
check "... starts" m virsh -q start scripted
check "domiftune, live" m virsh -q domiftune scripted "$(tap scripted 21)" --inbound 100,200,300,400 --live
check "... the tap has it" equals "rate 819200bit" rate
check "... the floor as well" equals 2 classes
check "... and says so" contains "inbound.floor  : 400" m virsh domiftune scripted "${mac}21"
check "... the definition does not" contains "inbound.average: 0" m virsh domiftune scripted "${mac}21" --config
check "domiftune, in the definition" m virsh -q domiftune scripted "${mac}21" --inbound 10 --outbound 20 --config
check "... has it" contains "<outbound average='20'/>" m virsh dumpxml --inactive scripted
refused "too much is refused" "would overcommit" m virsh domiftune scripted "${mac}21" --inbound 100,200,300,4000 --live
check "... and changes nothing" contains "inbound.floor  : 400" m virsh domiftune scripted "${mac}21"
check "domiftune takes limits away" m virsh -q domiftune scripted "${mac}21" --inbound 0 --live
check "... the tap has none" equals "" rate
check "... the floor has gone" equals 1 classes
refused "an unknown card is refused" "'vnet99' is not a known interface" m virsh domiftune scripted vnet99
if m sh -c \
                'ip link add police type veth peer name police-b && tc qdisc add dev police ingress &&
                tc filter add dev police parent ffff: u32 match u32 0 0 police rate 1mbit burst 10k drop; r=$?;
                ip link del police; exit $r' 2>/dev/null; then
        check "outbound, live" m virsh -q domiftune scripted "${mac}21" --outbound 128 --live
        check "... the tap has it" m sh -c "tc filter show dev $(tap scripted 21) ingress | grep -q police"
else
        echo "skip - $area: outbound limits: this kernel has no policers (CONFIG_NET_ACT_POLICE)"
        refused "outbound limits are refused where the kernel has no policers" \
                "the kernel cannot set the outbound bandwidth" \
                m virsh domiftune scripted "${mac}21" --outbound 128 --live
fi

# --- a card changes its place ---
update() { m_with_input sh -c 'cat > /root/card.xml && virsh -q update-device scripted /root/card.xml --live'; }
master() { m sh -c "basename \$(readlink /sys/class/net/$(tap scripted "$1")/master)"; }
ports() { m sh -c "virsh -q net-port-list $1 | grep -c ."; }
before=$(tap scripted 21)
change() { card "$@" | update; }
check "from a network to a bridge" change bridge 21 "<source bridge='br65'/>"
check "... the tap is the same" equals "$before" tap scripted 21
check "... a port of that" equals br65 master 21
check "... and up" contains LOWER_UP m ip link show "$before"
check "... the live definition says so" contains "bridge   br65" m virsh domiflist scripted
check "... the network has no port of it" equals 0 ports shaped
check "from a bridge to a network, with a portgroup" change network 21 "<source network='plain' portgroup='slow'/>"
check "... a port of that" equals plain master 21
check "... with the group's limit" equals "rate 819200bit" rate
check "... the network has its port" equals 1 ports plain
if [ "$switch" ]; then
        m virsh -q net-start ovs
        check "to a network of Open vSwitch" change network 21 "<source network='ovs' portgroup='blue'/>"
        check "... a port of the switch" equals "$before" vsctl list-ports ovs65
        check "... in the group's VLAN" equals 6 vsctl get Port "$before" tag
        check "... and of no other bridge" m sh -c "! [ -e /sys/class/net/plain/brif/$before ]"
fi
where() { if [ "$switch" ]; then vsctl list-ports ovs65; else m sh -c 'ls /sys/class/net/plain/brif'; fi; }
refused "a network that there is not" "Network not found: no network with matching name 'nowhere'" \
        change network 21 "<source network='nowhere'/>"
m_with_input sh -c 'cat > /root/asleep.xml && virsh -q net-define /root/asleep.xml' \
        <<< "<network><name>asleep</name></network>"
refused "... one that is not active" "network 'asleep' is not active" change network 21 "<source network='asleep'/>"
m virsh -q net-undefine asleep
check "... it is where it was" equals "$before" where
check "isolation" change bridge 21 "<source bridge='br65'/><port isolated='yes'/>"
[ -z "$switch" ] || check "... the switch has no port" no_ports
check "... the bridge has" m sh -c "bridge -d link show dev $before | grep -q 'isolated on'"
check "the link goes down" change bridge 21 "<source bridge='br65'/><port isolated='yes'/><link state='down'/>"
check "... as virsh says" contains down m virsh domif-getlink scripted "$before"
check "domif-setlink brings it up" m virsh -q domif-setlink scripted "$before" up
check "... as virsh says" contains up m virsh domif-getlink scripted "$before"
check "... and keeps the place" equals br65 master 21
refused "the model stays" "cannot modify field 'model'" m_with_input sh -c \
                "echo \"<interface type='bridge'><mac address='${mac}21'/><source bridge='br65'/>
                <model type='e1000'/></interface>\" > /root/card.xml
                virsh update-device scripted /root/card.xml --live"
refused "the kind stays" "cannot change config of 'bridge' network interface to 'user'" change user 21 ''
check "the end" m virsh -q destroy scripted
check "... leaves no port" no_ports
check "... nor class" equals 1 classes
finish
