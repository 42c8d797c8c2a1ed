#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A card on a macvtap with trustGuestRxFilters: the host follows the address and the groups that the guest gives it, and
# does not without.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
says() { local w=$1; shift; "$@" 2>&1 | grep -qF -- "$w"; }
# There is no udev here that would make their nodes: the numbers of those to come follow from the ones of two that go
# again, which had the lowest that are free.
# shellcheck disable=SC2016
if ! m sh -c 'ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up &&
        ip link add link up0 name try0 type macvtap mode bridge &&
        ip link add link up0 name try1 type macvtap mode bridge &&
        next=$(cat /sys/class/net/try1/ifindex) && for n in 0 1; do
                numbers=$(cat /sys/class/net/try$n/tap*/dev)
                next=$((next + 1)); mknod /dev/tap$next c ${numbers%:*} ${numbers#*:} || exit
        done && ip link delete try0 && ip link delete try1' > "$work/nodes" 2>&1; then
        sed 's/^/# /' "$work/nodes"
        echo "ok - $area: cards on macvtaps # SKIPPED: no macvtap here, or no node of one can be made"
        exit 0
fi
card() {
        echo "<interface type='direct'${2-}><mac address='$1'/><source dev='up0' mode='bridge'/><target dev='$3'/>
                <model type='virtio'/></interface>"
}
check "a guest with two cards is defined" define_guest heard linux \
        "$(card 52:54:00:65:00:01 " trustGuestRxFilters='yes'" macvtap0)$(card 52:54:00:65:00:02 '' macvtap1)"
check "... starts" m virsh -q start heard
links=$(m sh -c 'ls /sys/class/net' | grep '^macvtap' | sort)
trusted=$(sed -n 1p <<< "$links") other=$(sed -n 2p <<< "$links")
eventually 90 says 'login:' m journalctl -q -b -u vm@heard --no-pager
address() { m cat "/sys/class/net/$1/address"; }
bit() { m sh -c "test \$((\$(cat /sys/class/net/$1/flags) & $2)) -ne 0"; }
# shellcheck disable=SC2016
console_says heard 'for c in 01:52:54:00:65:aa:01 02:52:54:00:65:aa:02; do
        for n in /sys/class/net/*; do grep -q "52:54:00:65:00:${c%%:*}" $n/address &&
                ip link set ${n##*/} address ${c#*:}; done; done
        for n in /sys/class/net/e*; do ip link set ${n##*/} up; done' > "$work/said"
check "the macvtap has the address that the guest gave its card" eventually 10 \
        equals 52:54:00:65:aa:01 address "$trusted"
check "... and takes groups" eventually 10 bit "$trusted" 0x200
check "that of the card that is not trusted stays as it is" equals 52:54:00:65:00:02 address "$other"
check "... without groups" not bit "$other" 0x200

# --- nobody listens ---
# shellcheck disable=SC2016
console_says heard 'for n in /sys/class/net/e*; do grep -q 65:aa:01 $n/address && { (sleep 20
        ip link set ${n##*/} promisc on; ip link set ${n##*/} address 52:54:00:65:bb:01) & }; done' > "$work/said"
m sh -c 'systemctl stop virtqemud.socket virtqemud-ro.socket virtqemud-admin.socket virtqemud-links.socket virtqemud' \
        > "$work/stopped" 2>&1
sleep 20
check "nobody listens" equals inactive m systemctl show -P ActiveState virtqemud
check "... nothing follows" equals 52:54:00:65:aa:01 address "$trusted"
m systemctl start virtqemud.socket
check "the next one" m virsh -q list
check "... follows what the guest has said meanwhile" eventually 15 equals 52:54:00:65:bb:01 address "$trusted"
check "... and that it hears everything" eventually 10 bit "$trusted" 0x100

# --- vm-plug believes no one ---
m_with_input sh -c 'cat > /root/ask.py' <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/libvirt/plug/socket")
s.send("".join(f"{l}\n" for l in sys.argv[1:]).encode())
print(s.recv(65536).decode())
PY
ask() { m python3 /root/ask.py verb=receive guest=heard "$@"; }
check "a card that is not trusted" contains "not trusted with what it receives" ask device=net1 frames=52:54:00:65:cc:02
check "no address" contains "is no address of a card" ask device=net0 frames=01:00:5e:00:00:01
check "no card" contains "has no card net7" ask device=net7 frames=52:54:00:65:cc:02
check "... nothing changed" equals 52:54:00:65:00:02 address "$other"
finish
