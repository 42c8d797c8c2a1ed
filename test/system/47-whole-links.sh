#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Links of the host and cards of guests on Debian's kernel, which has what the kernel of this machine may lack: bonds,
# VLANs, bridges that filter them, dummies, queueing disciplines, policers, macvtaps. The tests of them, as they are, in
# one machine. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
lend xmllint
whole_machine_up
for module in bonding 8021q dummy bridge veth macvtap sch_htb sch_ingress act_police; do
        check "Debian's kernel has $module" m modprobe "$module"
done
# bonding makes one by itself
m sh -c 'ip link delete bond0; ip link delete dummy0' 2>/dev/null
clean() { m sh -c 'for l in br0 p0 p1 bond0 e0 br65 card0 card1 police; do ip link delete $l; done' 2>/dev/null; }
filters() { m sh -c 'ip link add try65 type bridge vlan_filtering 1 && ip link delete try65'; }
check "... its bridges filter VLANs" filters

for part in 84-interfaces 65-cards 61-network-devices; do
        within "$part"
        clean
done
# it reboots the machine
within 85-interface-changes
finish
