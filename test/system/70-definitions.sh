#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Definitions: from clients and by hand, of guests that run and that do not, whole and broken.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up

file() { m cat "/etc/libvirt/qemu/$1.xml"; }
with_description() { guest_xml "$1" | sed "s|<name>|<description>$2</description><name>|"; }
redefine() { with_description "$1" "$2" | m_with_input sh -c "cat > /root/x.xml && virsh -q define /root/x.xml"; }

check "define" define_guest a
check "start straight after" m systemctl start vm@a
check "... runs" shows_running a
uuid=$(m virsh domuuid a | head -1)
same_uuid() { guest_xml a | sed "s|<name>|<uuid>$uuid</uuid><description>next boot</description><name>|" |
        m_with_input sh -c 'cat > /root/x.xml && virsh -q define /root/x.xml'; }
check "define while it runs" same_uuid
check "the next boot's definition is the new one" contains "next boot" m virsh dumpxml --inactive a
check "the running one is the old one" not contains "next boot" m virsh dumpxml a
check "it runs on" shows_running a
check "restart" m systemctl restart vm@a
check "... with the new definition" contains "next boot" m virsh dumpxml a

check "undefine while it runs" m virsh -q undefine a
check "... runs on, transient" contains "Persistent:     no" m virsh dominfo a
check "... its file is gone" not m test -e /etc/libvirt/qemu/a.xml
check "... destroy" m virsh -q destroy a
check "... and nobody knows it" eventually 10 not m virsh domstate a
check "the unit cannot be started any more" not m systemctl start vm@a

check "create (transient)" sh -c true
create() { guest_xml t | m_with_input sh -c 'cat > /root/t.xml && virsh -q create /root/t.xml'; }
check "virsh create" create
check "... runs" shows_running t
check "... is not persistent" contains "Persistent:     no" m virsh dominfo t
check "... has no file" not m test -e /etc/libvirt/qemu/t.xml
check "shutdown" m virsh -q shutdown t
check "... and nobody knows it" eventually 15 not m virsh domstate t

check "define r1" define_guest r1
check "rename" m virsh -q domrename r1 r2
check "... the new name starts" m systemctl start vm@r2
check "... the old name is gone" not m virsh domstate r1
refused "a running guest is not renamed" "domain" m virsh domrename r2 r3
check "destroy" m virsh -q destroy r2
check "undefine" m virsh -q undefine r2

check "a file written by hand" put_guest h
check "daemon-reload" m systemctl daemon-reload
check "virsh lists it" contains h m virsh list --all --name
check "it starts" m virsh -q start h
before=$(file h)
check "the file is as the user wrote it" equals "$(echo "$before" | sed 's/[[:space:]]*$//' | grep -v '^$')" file h
check "destroy" m virsh -q destroy h

broken() { printf '%s' "$2" | m_with_input sh -c "cat > /etc/libvirt/qemu/$1.xml"; }
check "a file that is not XML" broken bad1 "<domain type='qemu'><name>bad1</name>"
check "a file with a wrong value" broken bad2 \
        "<domain type='qemu'><name>bad2</name><memory>lots</memory><os><type>hvm</type></os></domain>"
check "daemon-reload" m systemctl daemon-reload
for guest in bad1 bad2; do
        check "systemctl start of $guest fails" not m systemctl start vm@$guest
        check "... and its status names the file" contains "/etc/libvirt/qemu/$guest.xml" \
                m systemctl status -l --no-pager vm@$guest
        check "... it is a failed unit" equals failed unit_state $guest
done
check "others start" m systemctl start vm@h
check "... and run" shows_running h

refuse_define() { printf '%s' "$1" | m_with_input sh -c 'cat > /root/x.xml && virsh define /root/x.xml'; }
refused "define of what is not XML" "" refuse_define "<domain"
refused "define of an element that is not supported names it" "nvram" refuse_define \
        "$(guest_xml n idle "<nvram/>")"
check "... and nothing was written" not m test -e /etc/libvirt/qemu/n.xml
refused "define with a name that holds a slash" "" refuse_define "$(guest_xml a/b)"
check "a name that needs escaping" define_guest 'web server-1.2'
check "... starts" m virsh -q start 'web server-1.2'
check "... as a unit" contains active m systemctl show -P ActiveState 'vm@web\x20server\x2d1.2.service'

# Its unit takes a moment to go, and the name is free at once for whoever defines it again.
slow_end() { m sh -c "mkdir -p /etc/systemd/system/vm@s.service.d &&
        printf '[Service]\nExecStopPost=\nExecStopPost=sleep 1\nExecStopPost=+/usr/lib/unitvirt/vm-cleanup s\n' > \
        /etc/systemd/system/vm@s.service.d/slow.conf && systemctl daemon-reload"; }
check "a guest whose unit ends slowly" slow_end
check "... define" define_guest s
check "... start" m virsh -q start s
again() { m sh -c 'virsh -q destroy s && virsh -q undefine s && virsh -q define /root/s.xml && virsh -q domstate s'; }
check "destroyed, undefined and defined again, with another uuid" contains "shut off" again
check "... starts" m virsh -q start s
check "... destroy" m virsh -q destroy s

# What would fail at every start.
with_machine() { guest_xml n | sed "s|machine='pc'|machine='$1'|;s|<vcpu>1|<vcpu>${2-1}|;s|<devices>|<devices>${3-}|"; }
refused "a machine that this QEMU does not have is refused at define" \
        "/domain/os/type: Emulator '/usr/bin/qemu-system-x86_64' does not support machine type 'pc-i440fx-99.0'" \
        refuse_define "$(with_machine pc-i440fx-99.0)"
refused "... more vCPUs than it can have" "/domain/vcpu: 256 vCPUs are more than the 255 that machine" refuse_define \
        "$(with_machine pc 256)"
refused "... an emulator that is not there" \
        "Cannot check QEMU binary '/usr/libexec/qemu-kvm': No such file or directory" refuse_define \
        "$(with_machine pc 1 '<emulator>/usr/libexec/qemu-kvm</emulator>')"
check "... which by hand" broken emu \
        "$(with_machine pc 1 '<emulator>/usr/libexec/qemu-kvm</emulator>' | sed 's|<name>n|<name>emu|')"
check "daemon-reload" m systemctl daemon-reload
refused "... is named, with its line" \
        "/etc/libvirt/qemu/emu.xml:7: /domain/devices/emulator: Cannot check QEMU binary" m virsh start emu

# systemd's own limit: beyond it a unit exists, and fails with "File name too long" when it is started. So the unit's
# name, not the guest's, is shortened there.
long=$(printf 'n%.0s' $(seq 188))
check "the longest name" define_guest "$long"
check "... starts" m virsh -q start "$long"
check "... runs" equals active unit_state "$long"
check "... destroy" m virsh -q destroy "$long"
check "one more" m virsh -q domrename "$long" "${long}n"
check "... has a unit that says so" m sh -c "unitvirt unit ${long}n | grep -qxE 'vm@n+-[0-9a-f]{16}[.]service'"
check "... starts" m virsh -q start "${long}n"
check "... runs under its name" contains "${long}n" m virsh list --name
check "... which its unit describes" equals "Description=Virtual machine ${long}n" \
        m systemctl show -p Description "$(m unitvirt unit "${long}n")"
check "... and the unit leads to" equals "${long}n" m unitvirt unit "$(m unitvirt unit "${long}n")"
check "... destroy" m virsh -q destroy "${long}n"
letters=$(printf 'я%.0s' $(seq 60))
check "characters that units escape count as four" define_guest "$letters"
check "... start by the unit" m sh -c "systemctl start \"\$(unitvirt unit $letters)\""
check "... runs" contains "running" m virsh domstate "$letters"
check "... destroy" m virsh -q destroy "$letters"
check "such a file, by hand" put_guest "${long}nn"
check "... starts after a reload" m sh -c "systemctl daemon-reload && virsh -q start ${long}nn"
check "... a broken one" broken "${long}no" "<domain><name>${long}no</name><memory>x</memory></domain>"
check "... daemon-reload" m systemctl daemon-reload
refused "... says why" "${long}no.xml:1: /domain/memory" m virsh start "${long}no"
finish
