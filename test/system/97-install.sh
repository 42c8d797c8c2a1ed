#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# ./quickstart --install onto a machine that runs, as its README says it: a guest starts by hand and, with autostart, at
# the next boot; --uninstall leaves the definitions and nothing else. At night only, for it builds everything.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
bare=yes
machine_up --bind-ro="$(realpath "$here/../.."):/run/source"
check "a copy of the sources, unbuilt" \
        m sh -c "mkdir /root/unitvirt && cd /run/source &&
        tar --exclude='./build*' --exclude=./.git -cf - . | tar -C /root/unitvirt -xf -"
# Everything but what the system itself and the tools of the build keep.
files() {
        m sh -c "find /usr /etc /var/lib /run/systemd/generator /run/systemd/system /run/libvirt -xdev 2>/dev/null" |
                grep -vE -e '/__pycache__|^/var/lib/(systemd|dpkg|apt|private|polkit-1|libvirt/images)' \
                        -e '^/etc/(passwd|group|shadow|gshadow|subuid|subgid|.pwd.lock|\.updated)' | sort
}
files > "$work/before"

quickstart() { LIMIT=1800 m /root/unitvirt/quickstart "$@"; }
check "quickstart --install" quickstart --install
check "... the daemons' sockets listen" m systemctl -q is-active virtqemud.socket
check "... machines.target will start guests at boot" m systemctl -q is-enabled machines.target
default() { m virsh net-info default | sed -n 's/^\(Active\|Autostart\): *//p' | xargs; }
check "... the network default is there, as a fresh machine has it" equals "yes yes" default
check "... and the usual filters" contains clean-traffic m virsh nwfilter-list
check "... which come once: without it" m sh -c 'virsh -q net-destroy default && virsh -q net-undefine default'
check "... another set-up" m /usr/lib/unitvirt/set-up
check "... makes none" equals "" m virsh -q net-list --all
check "... unless one asks for it" m /usr/lib/unitvirt/set-up --network
check "... it is there" equals "yes yes" default
check "a definition" put_guest a
check "... is read by daemon-reload" m systemctl daemon-reload
check "... systemctl start" m systemctl start vm@a
check "... runs, for all" shows_running a
check "virsh autostart" m virsh -q autostart a
check "... for systemctl too" m systemctl -q is-enabled vm@a
check "the machine reboots" machine_reboot
check "... the guest is up again" shows_running a

refused "--uninstall while a guest runs" "guests are running" quickstart --uninstall
check "... the guest still runs" shows_running a
check "systemctl stop" m systemctl stop vm@a
check "quickstart --uninstall" quickstart --uninstall
# With definitions their autostart stays; machines.target, which boots them, is systemd's own.
left() { files | comm -13 "$work/before" - |
        grep -vE '^/etc/libvirt(/qemu(/a\.xml|/autostart|/networks(/default\.xml)?)?|/nwfilter(/[a-z0-9-]+\.xml)?)?$' |
        grep -vE '/(multi-user|machines)\.target\.wants(/.*)?$|^/var/lib/libvirt/dnsmasq(/virbr0\.status)?$'; }
check "... nothing of it is left but definitions, and the network's leases" equals "" left
check "... the network has ended" not m ip link show virbr0
check "... which is" m test -e /etc/libvirt/qemu/a.xml
check "... and nothing that was there before is gone" equals "" comm -23 "$work/before" <(files)
units() { m systemctl list-units --all --plain --no-legend 'virt*' 'libvirt*' 'vm@*' 'vm-*' | awk '$2 == "loaded"'; }
check "... no unit of it is known" equals "" units
check "another reboot" machine_reboot
check "... fails no unit" equals "" m systemctl list-units --plain --no-legend --failed
finish
