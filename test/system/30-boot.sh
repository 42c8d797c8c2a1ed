#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The machine's own life: guests that start at boot, in the order they ask for, and a shutdown that asks each guest
# politely and waits for it, but not for ever.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

check "keep the journal over a reboot" keep_journal
for guest in db web app off; do check "definition of $guest" put_guest $guest; done
check "definition of a guest that ignores the power button" put_guest deaf stubborn
after() { m sh -c "mkdir -p /etc/systemd/system/vm@$1.service.d &&
        printf '[Unit]\nAfter=vm@%s.service\n' $2 > /etc/systemd/system/vm@$1.service.d/order.conf"; }
check "web is ordered after db" after web db
check "app is ordered after web" after app web
short_timeout() { m sh -c "mkdir -p /etc/systemd/system/vm@deaf.service.d &&
        printf '[Service]\nTimeoutStopSec=6\n' > /etc/systemd/system/vm@deaf.service.d/stop.conf"; }
check "the deaf one is given 6 s" short_timeout
check "daemon-reload" m systemctl daemon-reload
check "autostart of db by virsh" m virsh -q autostart db
check "autostart of web by systemctl" m systemctl -q enable vm@web.service
check "autostart of app by a link" m ln -s ../app.xml /etc/libvirt/qemu/autostart/app.xml
check "autostart of deaf by systemctl" m systemctl -q enable vm@deaf.service

# networks come while the bus does, too
m sh -c 'mkdir -p /etc/libvirt/qemu/networks; for i in $(seq 10); do
        printf "<network><name>boot%s</name><bridge name=\"boot%s\"/>
                <ip address=\"10.30.%s.1\" prefix=\"24\"/></network>" \
                $i $i $i > /etc/libvirt/qemu/networks/boot$i.xml; done
        systemctl daemon-reload; systemctl -q enable $(seq -f vm-network@boot%.0f 10)'
networks() { [ "$(m sh -c 'systemctl is-active $(seq -f vm-network@boot%.0f 10) $(seq -f vm-dnsmasq@boot%.0f 10) |
        grep -cx active')" = 20 ]; }

dumps=/var/lib/libvirt/qemu/dump
check "a dump, and what is left of another" m touch $dumps/1-off-2026-01-01-00:00:00 \
        $dumps/2-off-2026-01-01-00:00:00.partial

check "reboot" machine_reboot
check "of dumps the whole ones are there" equals 1-off-2026-01-01-00:00:00 m ls $dumps
for guest in db web app deaf; do check "$guest was started at boot" shows_running $guest; done
check "ten networks were started" eventually 20 networks
check "a guest without autostart was not" shows_off off unknown
enabled() { m systemctl is-enabled "vm@$1.service"; }
check "the link has become systemd's" equals enabled enabled app
check "... libvirt's is gone" not m test -L /etc/libvirt/qemu/autostart/app.xml
no_daemon_started() { not m sh -c \
        'journalctl -b -q -o short-monotonic -u virtqemud.service | grep -q "Started.*virtqemud" &&
        [ "$(systemctl show -P ActiveEnterTimestampMonotonic virtqemud.service)" -lt \
                "$(systemctl show -P ActiveEnterTimestampMonotonic vm@app.service)" ]'; }
check "... with no daemon" no_daemon_started
time_of() { m systemctl show -P "$2" "vm@$1.service"; }
in_order() { [ "$(time_of "$1" ActiveEnterTimestampMonotonic)" -le "$(time_of "$2" InactiveExitTimestampMonotonic)" ]; }
check "db was up before web began" in_order db web
check "web was up before app began" in_order web app

check "another reboot, with the guests running" machine_reboot 120
last_boot() { m journalctl -b -1 -q -o cat -u "vm@$1.service"; }
for guest in db web app; do
        check "$guest was asked by its power button" contains BUTTON last_boot $guest
        check "... and ended well" contains "Deactivated successfully" last_boot $guest
done
check "networks ended without a word of complaint" equals "" m sh -c \
        'journalctl -b -1 -q -o cat -p warning -u "vm-network@*"'
check "... and are there again" eventually 20 networks
stopped_at() { m sh -c "journalctl -b -1 -q -o short-monotonic -u vm@$1.service |
        grep -E 'Stopping|BUTTON|Stopped|Deactivated' | grep '$2' | tail -1 | tr -d '[]' | awk '{print \$1}'"; }
reverse_order() { awk -v a="$(stopped_at "$1" Deactivated)" -v b="$(stopped_at "$2" BUTTON)" \
        'BEGIN { print "ended " a ", asked " b; exit !(a != "" && b != "" && a <= b) }'; }
check "app ended before web was asked" reverse_order app web
check "web ended before db was asked" reverse_order web db
check "the deaf one was ended at its limit" contains "vm@deaf.service" last_boot deaf
check "... which did not stop the others from starting again" shows_running db
check "systemctl disable of one that libvirt's link enabled" m systemctl -q disable vm@app.service
check "... is what virsh says" contains "Autostart:      disable" m virsh dominfo app
wanted() { m systemctl show -P Wants machines.target; }
check "... and systemd" not contains "vm@app.service" wanted
finish
