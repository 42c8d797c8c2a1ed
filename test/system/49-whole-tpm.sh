#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Values of secrets in a machine with UEFI and a TPM, where systemd-creds would seal with that by itself: whoever has to
# open them can, also after a reboot. At night only: it boots a whole machine.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
for file in /usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_VARS_4M.fd; do
        [ -e $file ] && continue
        echo "# $area: there is no $file (package ovmf): SKIPPED"
        echo "ok - $area: skipped"
        exit 0
done
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
whole_machine_up -drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
        -drive if=pflash,unit=1,format=raw,file="$work/vars.fd"

u=0a1b2c3d-0000-4000-8000-000000000001
sealed=/var/lib/libvirt/secrets/$u.cred
value() { m sh -c "virsh -q secret-get-value $u | base64 -d"; }
check "the machine has UEFI, and systemd a TPM" m sh -c 'test -d /sys/firmware/efi && systemd-creds has-tpm2'
m sh -c "echo \
        '<secret><uuid>$u</uuid><usage type=\"ceph\"><name>client.a</name></usage></secret>' > /root/s.xml"
check "a secret" m virsh -q secret-define /root/s.xml
check "... gets a value" m virsh -q secret-set-value $u --base64 Zmlyc3Q=
check "... and says it" equals first value
# The first bytes are an identifier of the kind of key (systemd-creds(1)).
kind() { m sh -c "base64 -d $sealed | head -c 16 | od -An -tx1 | tr -d ' '"; }
of_key() { m sh -c "printf x | systemd-creds encrypt --with-key=$1 --name=x - - 2>/dev/null |
        base64 -d | head -c 16 | od -An -tx1 | tr -d ' '"; }
check "control: systemd-creds would take both by itself" equals "$(of_key host+tpm2)" of_key auto
check "it is sealed with the host's key alone" equals "$(of_key host)" kind
check "systemd-creds opens it" m sh -c "systemd-creds decrypt --name=$u $sealed - | grep -qx first"
check "a disk that is encrypted with it" m sh -c 'umask 077; printf first > /root/key
        qemu-img create -q --object secret,id=s,file=/root/key -f luks -o key-secret=s \
                /var/lib/libvirt/images/luks.img 1M'
check "... for a guest" define_guest locked idle "<disk type='file' device='disk'><driver name='qemu' type='raw'/>
        <source file='/var/lib/libvirt/images/luks.img'/><target dev='vda' bus='virtio'/>
        <encryption format='luks'><secret type='passphrase' uuid='$u'/></encryption></disk>"
check "... which starts" m virsh -q start locked
check "... and ends" m virsh -q destroy locked
check "the machine reboots" machine_reboot
check "... the value is there" equals first value
check "... and the guest starts" m virsh -q start locked
finish
