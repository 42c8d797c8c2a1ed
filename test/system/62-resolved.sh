#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# <domain register='yes'/>: systemd-resolved, Debian's own, asks the network's dnsmasq for names of the network's domain
# as long as that runs, and nobody afterwards.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
packages=$("$here/fetch-packages" resolved systemd-resolved) ||
        { echo "not ok - $area: the package is fetched"; exit 1; }
machine_up --bind-ro="$packages:/run/packages"

m_with_input sh -c 'cat > /root/net.xml && virsh -q net-define /root/net.xml' <<'XML'
<network><name>lab</name><forward mode='nat'/><bridge name='virbr62'/>
  <domain name='lab.test' localOnly='yes' register='yes'/>
  <dns><host ip='192.168.162.77'><hostname>printer</hostname></host></dns>
  <ip address='192.168.162.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.162.2' end='192.168.162.99'/></dhcp></ip>
  <ip family='ipv6' address='fd00:162::1' prefix='64'/></network>
XML
refused "without systemd-resolved it does not start" \
        "failed to register name server: systemd-resolved is not available" m virsh net-start lab
check "... nothing is left" m sh -c '! ip link show virbr62 2>/dev/null && ! pgrep -x dnsmasq'

# of this machine's version of systemd, or nearly
check "systemd-resolved is installed" m sh -c 'dpkg -i --force-depends /run/packages/*.deb'
# the bus has to know its policy before it comes
check "... runs" m sh -c 'systemctl reload dbus && systemctl restart systemd-resolved'
knows() { m resolvectl query --cache=no "$1" | grep -q "$2"; }
# it asks nobody on a link without a carrier, which a bridge has from its first port on
port() { m sh -c 'ip link add port62 type veth peer name guest62 && ip link set guest62 up && ip link set port62 up &&
        ip link set port62 master virbr62'; }
check "net-start" m virsh -q net-start lab
check "... a guest's port" port
check "... its server is the network's" contains 192.168.162.1 m resolvectl dns virbr62
check "... for names of the domain" contains "~lab.test" m resolvectl domain virbr62
check "... which are found" eventually 10 knows printer.lab.test 192.168.162.77
check "... and nothing else is asked there" contains "no" m resolvectl default-route virbr62
check "systemd-resolved restarts" m systemctl restart systemd-resolved
check "... and still knows it" eventually 5 knows printer.lab.test 192.168.162.77
check "net-destroy" m virsh -q net-destroy lab
check "... gives it back" not contains lab.test m resolvectl domain
check "... its names are nobody's" not knows printer.lab.test 192.168.162.77
check "systemctl start is the same" m systemctl start vm-network@lab
m ip link set port62 master virbr62
check "... which are found" eventually 10 knows printer.lab.test 192.168.162.77
m systemctl kill -s KILL vm-network@lab
check "systemctl stop as well" m systemctl stop vm-network@lab
check "... gives it back" not contains lab.test m resolvectl domain
finish
