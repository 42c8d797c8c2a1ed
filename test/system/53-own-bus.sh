#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A screen, its sound and a port on a bus that is the guest's own: dbus-daemon in a unit beside QEMU.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
if ! m sh -c 'command -v dbus-daemon && ls /usr/lib/*/qemu/ui-dbus.so' > /dev/null; then
        echo "ok - $area: a bus of a guest's own # SKIPPED: dbus-daemon or QEMU's module is not installed"
        exit 0
fi

screen="<graphics type='dbus'><audio id='1'/></graphics><audio id='1' type='dbus'/>
        <sound model='ich9'><audio id='1'/></sound><video><model type='vga'/></video>
        <channel type='dbus'><source channel='org.example.port'/><target type='virtio' name='port'/></channel>"
bus_address() { m virsh dumpxml own | sed -n "s/.*<graphics type='dbus'.* address='\([^']*\)'.*/\1/p"; }
at_bus() { m busctl --address="$(bus_address)" "$@"; }
bus_state() { m systemctl show -P ActiveState vm-dbus@own; }

check "domcapabilities offer it" contains "<value>dbus</value>" m virsh domcapabilities
check "a guest with a screen on a bus of its own" define_guest own idle "$screen"
check "... starts" m virsh -q start own
check "its bus is a unit" equals active bus_state
# shellcheck disable=SC2016
check "... of a user that is neither root nor the guest" m sh -c 'u=$(ps -o user= -C dbus-daemon --ppid \
        $(systemctl show -P MainPID vm-dbus@own) | grep -v messagebus | sort -u)
        [ -n "$u" ] && [ "$u" != root ] && [ "$u" != vm-own ]'
check "... in a sandbox" m systemd-analyze security --no-pager --threshold=15 vm-dbus@own
check "the live definition says where it is" contains "unix:path=/run/libvirt/qemu/" bus_address
check "... and the inactive one does not" not contains "address='unix" m virsh dumpxml --inactive own
check "QEMU is on it" contains org.qemu at_bus --no-pager list
check "... with the name of the guest" equals 's "own"' at_bus get-property org.qemu /org/qemu/Display1/VM \
        org.qemu.Display1.VM Name
check "... with the guest's sound" contains /org/qemu/Display1/Audio at_bus --no-pager --list tree org.qemu
check "... and its port" contains org.example.port at_bus get-property org.qemu \
        /org/qemu/Display1/Chardev_charchannel0 org.qemu.Display1.Chardev Name
check "a client sees the screen, and types" sh -c "\"$here/container\" sh \"$dir\" /usr/bin/python3 -W ignore \
        /run/test/bus_screen.py '$(bus_address)' > \"$work/screen\" 2>&1"
check "... of the guest" grep -qx 'name own' "$work/screen"
check "... with a picture" grep -qE 'picture [0-9]+x[0-9]+, with content' "$work/screen"
link=/run/libvirt/qemu/dbus/$(m virsh domid own | head -1)-own-dbus.sock
check "it is also where libvirt has it" contains org.qemu m busctl --no-pager --address="unix:path=$link" list
check "... and nobody else may come" not m runuser -u nobody -- busctl --address="$(bus_address)" list
check "... nor by that" not m runuser -u nobody -- busctl --address="unix:path=$link" list

check "the guest ends" m virsh -q destroy own
check "... its bus with it" eventually 15 equals inactive bus_state
check "... and nothing is left of it" m sh -c '! ls -A /run/libvirt/qemu/dbus | grep . &&
        ! ls -d /run/libvirt/helper/vm-own*'
check "it starts again" m systemctl start vm@own
check "... with QEMU on the bus" contains org.qemu at_bus --no-pager list
check "a bus that is killed" m systemctl kill -s KILL vm-dbus@own
check "... leaves the guest running" shows_running own
check "... and it can be stopped" m virsh -q destroy own

check "without the program" m sh -c 'mount --bind /dev/null /usr/bin/dbus-daemon'
refused "... the start fails and says so" "/usr/bin/dbus-daemon" m virsh start own
check "... with it" m umount /usr/bin/dbus-daemon
check "... it starts" m virsh -q start own
finish
