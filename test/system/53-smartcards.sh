#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Smart cards of the host: made of certificates of NSS, and those in readers, which Debian's pcscd has, with a virtual
# reader.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
# polkit, which guards pcscd on Debian 13, knows users of units by this alone
names=$(dpkg -s libnss-systemd > /dev/null 2>&1 || echo libnss-systemd)
# shellcheck disable=SC2086
packages=$("$here/fetch-packages" cards pcscd libpcsclite1 libccid vsmartcard-vpcd vsmartcard-vpicc libnss3-tools \
        opensc opensc-pkcs11 libeac3 $names) || { echo "not ok - $area: the packages are fetched"; exit 1; }
machine_up --bind-ro="$packages:/run/packages"
check "pcscd is installed" m sh -c 'dpkg -i --force-depends /run/packages/*.deb && systemctl start pcscd.socket'
# shellcheck disable=SC2016
m sh -c 'mkdir -p /srv/cards /etc/pki/nssdb; head -c 64 /dev/urandom > /root/noise
        certutil -N -d sql:/srv/cards --empty-password; serial=1
        for n in sign encrypt login; do
                certutil -S -x -d sql:/srv/cards -n $n -s CN=$n -t u,u,u -z /root/noise -m $serial 2> /dev/null
                serial=$((serial + 1))
        done
        certutil -N -d sql:/etc/pki/nssdb --empty-password
        modutil -add opensc -libfile opensc-pkcs11.so -dbdir sql:/etc/pki/nssdb -force
        chmod 700 /srv/cards'
certificates() { printf '<certificate>%s</certificate>' "$@"; }
card() { echo "<smartcard mode='host-certificates'>$(certificates "$@")<database>/srv/cards</database></smartcard>"; }
usb() { m virsh qemu-monitor-command --hmp "$1" 'info usb'; }

# --- certificates ---
check "a card of certificates is defined" define_guest made idle "$(card sign encrypt login)"
check "... starts" m virsh -q start made
check "... the guest has a reader" contains "QEMU USB CCID" usb made
check "... with the card" contains 'cert3 = "login"' m virsh qemu-monitor-command --hmp made 'info qtree'
copy=/run/libvirt/qemu/vm-made/nssdb-smartcard0
check "... QEMU has a copy of its own" contains "db = \"$copy\"" m virsh qemu-monitor-command --hmp made 'info qtree'
check "... which is nobody else's" equals "400 $(m stat -c '%u' ${copy%/*})" m stat -c '%a %u' $copy/key4.db
check "... nor root's" not equals 0 m stat -c '%u' $copy/key4.db
check "... and the host's is as it was" equals "600 root" m stat -c '%a %U' /srv/cards/key4.db
check "... QEMU has it open" m sh -c "ls -l /proc/$(qemu_pid made)/fd | grep -q $copy/key4.db"
check "it ends" m virsh -q destroy made
check "... and the copy goes" eventually 10 not m test -e $copy
m mv /srv/cards/key4.db /srv/cards/away
refused "without the keys its start says so" "cannot copy '/srv/cards/key4.db' for the guest" m virsh start made
m mv /srv/cards/away /srv/cards/key4.db
check "with them it starts again" m virsh -q start made
m virsh -q destroy made

# --- readers ---
check "a card in a reader of the host is defined" define_guest real idle "<smartcard mode='host'/>"
check "... the unit comes after pcscd" contains pcscd.socket m systemctl show -P After vm@real
refused "... a database that is root's alone is named" "'/etc/pki/nssdb/cert9.db' (owner 0, mode 0600)" \
        m virsh start real
m sh -c 'chmod o+r /etc/pki/nssdb/*'
check "... readable it starts" m virsh -q start real
check "... the guest has a reader" contains "QEMU USB CCID" usb real
check "... QEMU has loaded the module for cards" m grep -q opensc-pkcs11 "/proc/$(qemu_pid real)/maps"
check "... and talks to pcscd" eventually 10 m sh -c "nsenter -n -t $(qemu_pid real) ss -x | grep -q pcscd.comm"
m virsh -q destroy real
check "a guest without such a card" define_guest other idle
check "... starts" m virsh -q start other
check "... and sees neither pcscd nor the database" m sh -c "cd /proc/$(qemu_pid other)/root && test -e usr/lib &&
        ! test -e run/pcscd && ! test -e etc/pki/nssdb/cert9.db"
finish
