#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Twenty guests at once.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

guests=$(seq -f 'g%02g' 20)
define_all() { for guest in $guests; do guest_xml "$guest"; echo "@@ $guest"; done |
        m_with_input sh -c 'mkdir -p /root/d; cd /root/d
                awk -v f=next "{ if (\$1 == \"@@\") { close(f); system(\"mv next \" \$2 \".xml\") } else print > f }"
                cp ./*.xml /etc/libvirt/qemu/'; }
check "twenty definitions" define_all
check "daemon-reload" m systemctl daemon-reload
all_units() { for guest in $guests; do echo "vm@$guest.service"; done; }
# shellcheck disable=SC2046
start_all() { LIMIT=120 m systemctl start $(all_units); }
check "one systemctl start of all" start_all
count_of() { [ "$("${@:2}" | grep -c .)" = "$1" ] || { "${@:2}"; return 1; }; }
check "twenty in virsh list" count_of 20 m virsh list --name
check "twenty in machinectl" count_of 20 m machinectl list --no-legend --no-pager
check "twenty active units" count_of 20 m systemctl list-units --no-legend --state=active 'vm@*.service'
ids_differ() { [ "$(m virsh list --id | grep -c .)" = "$(m virsh list --id | grep . | sort -u | grep -c .)" ]; }
check "each has an id of its own" ids_differ
users_differ() { [ "$(m sh -c 'for p in $(pgrep qemu-system); do stat -c %u /proc/$p; done' | sort -u | grep -c .)" = \
        20 ]; }
check "each has a user of its own" users_differ
small() {
        m sh -c 'for p in $(pgrep -x vm-run); do awk "/^Pss:/ { print \$2 }" /proc/$p/smaps_rollup; done' |
                awk '{ s += $1; n++ }
                        END { printf "%d KiB each, %d processes\n", s / n, n; exit !(n == 20 && s / n <= 400) }'
}
check "vm-run has at most 0.4 MiB" small
stop_some() { for guest in g01 g02 g03; do m virsh -q shutdown $guest || return 1; done; for guest in g01 g02 g03;
        do shows_off $guest shutdown || return 1; done; }
check "three shut down" stop_some
check "seventeen are left" count_of 17 m virsh list --name
# shellcheck disable=SC2046
stop_all() { LIMIT=120 m systemctl stop $(all_units); }
check "systemctl stop of all" stop_all
check "none is left in virsh list" count_of 0 m virsh list --name
# machined hears of a unit's end from systemd, as we do
check "none in machinectl" eventually 5 count_of 0 m machinectl list --no-legend --no-pager
check "no unit failed" count_of 0 m systemctl list-units --no-legend --plain --failed
nothing_left() { count_of 0 \
        m sh -c 'find /run/libvirt/qemu -name "g[0-9]*.xml" -o -name "g[0-9]*.launch"; pgrep qemu-system'; }
check "nothing of them is left in /run" nothing_left
finish
