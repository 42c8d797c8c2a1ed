#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A network's way through the firewalls of others: firewalld, nftables.service, Docker. Whoever of them starts, reloads,
# restarts or flushes, a connection that is there goes on, and new ones are made within 2 s, without anybody's help.
# A namespace is the guest, another the outside.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

m sh -c 'ip netns add outside && ip link add out0 type veth peer name eth0 netns outside &&
                ip addr add 198.51.100.1/24 dev out0 && ip link set out0 up &&
        ip -n outside addr add 198.51.100.2/24 dev eth0 && ip -n outside link set eth0 up && ip -n outside link set \
                lo up'
m systemd-run -q --unit=echo ip netns exec outside socat TCP4-LISTEN:7,fork,reuseaddr EXEC:cat
m_with_input sh -c 'cat > /root/net.xml && virsh -q net-define /root/net.xml && virsh -q net-start nat' <<'XML'
<network><name>nat</name><forward mode='nat'/><bridge name='virbr62'/><ip address='192.168.162.1'
        prefix='24'><dhcp><range start='192.168.162.2' end='192.168.162.99'/></dhcp></ip></network>
XML
m sh -c 'ip netns add guest && ip link add guest-h type veth peer name eth0 netns guest &&
                ip link set guest-h master virbr62 up &&
        ip -n guest link set lo up && ip -n guest link set eth0 up && ip -n guest addr add 192.168.162.50/24 dev eth0 \
                && ip -n guest route add default via 192.168.162.1'
says() { m ip netns exec guest sh -c \
                'echo hello | socat -t1 -T1 - TCP4:198.51.100.2:7,connect-timeout=1 | grep -q hello'; }
asks() { m ip netns exec guest busybox nslookup nat-test 192.168.162.1 2>&1 | grep -q -e NXDOMAIN -e "can't find" -e \
                "can't resolve"; }
rules() { m nft list table ip libvirt_virbr62; }
check "a guest reaches the outside" eventually 12 says

# a connection that is there says a word again and again, and counts what comes back
m systemd-run -q --unit=talk ip netns exec guest python3 -u -c "
import socket, time
s = socket.create_connection(('198.51.100.2', 7)); s.settimeout(20)
n = 0
while True:
    s.sendall(b'x'); assert s.recv(1) == b'x'; n += 1; open('/root/talk', 'w').write(str(n)); time.sleep(0.1)
"
count() { m cat /root/talk 2>/dev/null || echo 0; }
goes_on() { local before; before=$(count); eventually 5 more_than "$before"; }
more_than() { [ "$(count)" -gt "$1" ] && [ "$(m systemctl is-active talk)" = active ]; }
check "a connection is there" goes_on

# after WHAT COMMAND...: it is done, and everything is as before
after() {
        local what=$1; shift
        check "$what" "$@"
        check "... new connections are made within 2 s" eventually 2 says
        check "... the old one goes on" goes_on
        check "... dnsmasq is asked" eventually 2 asks
        check "... our rules are there" contains masquerade rules
}

after "nft flush ruleset" m nft flush ruleset
m sh -c 'printf "#!/usr/sbin/nft -f\nflush ruleset\n" > /etc/nftables.conf
        printf "table inet host {\n chain forward { type filter hook forward priority 0; policy accept; }\n}\n" \
                >> /etc/nftables.conf'
after "nftables.service starts" m systemctl start nftables
after "... reloads" m systemctl reload nftables
after "... restarts" m systemctl restart nftables
after "... stops" m systemctl stop nftables

docker='iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -I FORWARD -j DOCKER-USER;
                iptables -P FORWARD DROP'
after "Docker starts" m sh -c "$docker"
after "... begins anew" m sh -c \
                "iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; iptables -X DOCKER-USER; $docker"
after "... and is flushed" m nft flush ruleset

if m systemctl start firewalld && eventually 20 m firewall-cmd --state; then
        in_zone() { [ "$(m firewall-cmd --get-zone-of-interface=virbr62)" = libvirt ]; }
        check "firewalld has the bridge in its zone within 2 s" eventually 2 in_zone
        after "firewalld runs" m firewall-cmd --state
        after "... reloads" m firewall-cmd --reload
        check "... the bridge is in its zone" eventually 2 in_zone
        after "... reloads all of it" m firewall-cmd --complete-reload
        check "... the bridge is in its zone" eventually 2 in_zone
        after "... restarts" m systemctl restart firewalld
        check "... the bridge is in its zone" eventually 2 in_zone
        check "net-destroy takes it out" m virsh -q net-destroy nat
        check "... it is in no zone" not in_zone
        check "net-start puts it in" m virsh -q net-start nat
        check "... at once" in_zone
        m systemctl stop firewalld
else
        echo "skip - $area: firewalld does not run here: $(m journalctl -b -q -o cat -u firewalld -n 1)"
fi
check "net-destroy" m virsh -q net-destroy nat
check "... leaves nothing" m sh -c '! nft list ruleset | grep -e virbr62 -e 192.168.162'
finish
