#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virt-manager itself, on a screen that nobody sees: a guest by its assistant, its console, hardware for the running
# guest, pause, the end, and its deletion with its storage. At night only, for its packages.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
if ! only_at_night; then echo "ok - $area: left for the night"; exit 0; fi
machine_up
m sh -c '/usr/lib/unitvirt/set-up --network; systemctl daemon-reload; systemctl start vm-network@default
        qemu-img create -q -f qcow2 /var/lib/libvirt/images/a.qcow2 64M'
m_with_input sh -c 'cat > /root/desktop; chmod 755 /root/desktop' <<'SH'
#!/bin/sh
export DISPLAY=:1 XDG_RUNTIME_DIR=/run/desktop
mkdir -m 700 /run/desktop
Xvfb :1 -screen 0 1280x900x24 &
for i in $(seq 100); do [ -e /tmp/.X11-unix/X1 ] && break; sleep 0.1; done
exec dbus-run-session -- sh -c 'echo "$DBUS_SESSION_BUS_ADDRESS" > /run/desktop/address
        /usr/libexec/at-spi-bus-launcher --launch-immediately & openbox &
        sleep 1; exec /usr/bin/python3 /usr/bin/virt-manager --debug --no-fork -c qemu:///system'
SH
m systemd-run -q --unit=desktop /root/desktop
step() { m sh -c 'DISPLAY=:1 XDG_RUNTIME_DIR=/run/desktop DBUS_SESSION_BUS_ADDRESS=$(cat /run/desktop/address) \
        timeout 55 /usr/bin/python3 /run/test/98-virt-manager.py "$@"' step "$@"; }
said() { m sh -c 'journalctl -b -u desktop -o cat' | grep -F -- "$1"; }
g=linux2022
disks() { m virsh -q domblklist $g | awk '{ print $1, $2 }'; }

check "virt-manager is connected" eventually 60 step connected
check "a guest by the assistant, its image chosen in its pool" step create
[ $failed = 0 ] || finish
check "... runs" shows_running $g
check "... on the usual network" contains "<source network='default'" m virsh dumpxml $g
check "... its screen is shown" step console
check "... by SPICE" eventually 20 said "Viewer connected"
check "pause" step pause
check "... it is paused" eventually 10 contains paused m virsh domstate $g
check "... and goes on" step pause
check "... it runs" eventually 10 contains running m virsh domstate $g
# its looks at pools begin after quiet times: they were told that this one does not run
sleep 7
check "a disk is added to the running guest, its volume made in the pool" step add=Storage
check "... the guest has it" eventually 10 contains "vdb /var/lib/libvirt/images/$g.qcow2" disks
check "a card is added" step add=Network
check "... the guest has it" equals 2 m sh -c "virsh -q domiflist $g | grep -c default"
check "the window lists all of it" step details
check "force off" step off
check "... it is off" eventually 20 contains "shut off" m virsh domstate $g
images() { m sh -c 'cd /var/lib/libvirt/images && ls | grep -E "^(a|'$g').qcow2$" | xargs'; }
check "control: its two images are there" equals "a.qcow2 $g.qcow2" images
check "delete, with its storage" step delete
check "... there is no such guest" not m virsh dominfo $g
check "... nor its definition" not m test -e /etc/libvirt/qemu/$g.xml
check "... nor its images" equals "" images
check "... its pool goes on" contains running m virsh pool-list --details
check "virt-manager has met no error" not said "Traceback"
finish
