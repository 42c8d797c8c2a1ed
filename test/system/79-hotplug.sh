#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Devices that come to a Linux guest that runs, and go again: what its kernel sees of them, what the definitions and
# the events say, and that nothing is left behind, whoever is killed in between.

# shellcheck source=test/system/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
machine_up
images=/var/lib/libvirt/images
py() { m_with_input /usr/bin/python3 - "$@"; }
m sh -c "cd $images && cp /run/guest/disk.qcow2 plug.qcow2 && for n in one two three; do truncate -s 4M \$n.raw; done
        truncate -s 1M a.iso; truncate -s 2M b.iso; qemu-img create -q -f raw base.raw 6M &&
        qemu-img create -q -f qcow2 -b $images/base.raw -F raw over.qcow2
        ip link add br-plug type bridge && ip link set br-plug up"

# As virt-install makes one: one port of the board is free.
plug() {
        cat <<XML
<domain type='qemu'>
  <name>plug</name>
  <memory unit='MiB'>192</memory>
  <maxMemory slots='4' unit='MiB'>1024</maxMemory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$images/vmlinuz</kernel><initrd>$images/initrd.img</initrd>
    <cmdline>console=ttyS0 root=/dev/vda hostname=plug quiet $kernel_words</cmdline>
  </os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='192' unit='MiB'/></numa></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='$images/plug.qcow2'/><target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><source file='$images/a.iso'/><target dev='sda' bus='sata'/></disk>
    <controller type='usb' model='qemu-xhci'/>
    <controller type='virtio-serial'/>
    <controller type='scsi' model='virtio-scsi'/>
    <serial type='pty'/>
    <graphics type='vnc' passwd='first'/>
    <memballoon model='none'/>
  </devices>
</domain>
XML
}
define_plug() { plug | m_with_input sh -c "cat > /root/plug.xml && virsh -q define /root/plug.xml"; }
journal() { m sh -c "journalctl -b -o cat --no-pager VM_NAME=plug $* | tr -d '\r'"; }
at_prompt() { journal | grep -qa 'plug login:'; }
# The guest says again and again what it has, also when the console's session has ended.
watch='(trap "" HUP; setsid sh -c "while :; do echo now: \$(ls /sys/block) \$(cat /sys/class/net/*/address) >/dev/ttyS0
sleep 1; done" </dev/null >/dev/null 2>&1) &'
is_watched() { journal -n 20 | grep -qa '^now: '; }
begin_watch() { is_watched || console_says plug "$watch" >/dev/null; is_watched; }
now() { journal -n 20 | grep -a '^now: ' | tail -1; }
sees() { now | grep -qE -- "$1"; }
sees_not() { local seen; seen=$(now); [ -n "$seen" ] && ! grep -qE -- "$1" <<<"$seen"; }
live() { m virsh dumpxml plug; }
inactive() { m virsh dumpxml --inactive plug; }
lacks() { local text=$1; shift; ! "$@" | grep -qF -- "$text"; }
qemu_fds() { m sh -c "ls /proc/$(qemu_pid plug)/fd | wc -l"; }
xml() { m_with_input sh -c "cat > /root/$1.xml"; }
# Removal is the guest's: waited for, not asked for twice.
detached() { eventually 60 lacks "$1" live; }

# It maps its memory by what /proc/sys says, at the start and later.
virtio_mem() {
        echo "<memory model='virtio-mem'><target><size unit='MiB'>$1</size><node>0</node><block unit='KiB'>2048</block>"
        echo "<requested unit='MiB'>64</requested></target></memory>"
}
with_virtio_mem() { m_with_input sh -c 'cat > /root/vmem.xml && virsh -q create /root/vmem.xml' <<XML
<domain type='qemu'>
  <name>vmem</name>
  <memory unit='MiB'>192</memory>
  <maxMemory slots='4' unit='MiB'>1024</maxMemory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>
  <devices>$(virtio_mem 128)</devices>
</domain>
XML
}
check "a guest with virtio-mem starts" with_virtio_mem
check "... and runs" contains running m virsh domstate vmem
check "... gets more of it live" m_with_input virsh -q attach-device vmem /dev/stdin --live < <(virtio_mem 256)
check "... has both" equals 2 m sh -c 'virsh dumpxml vmem | grep -c "<memory model=.virtio-mem"'
check "... is destroyed" m virsh -q destroy vmem

# A board of the old kind has slots; its first disk that could boot it was there at the start.
first="<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$images/one.raw'/>
        <target dev='vdb' bus='virtio'/></disk><graphics type='vnc'/>"
check "a guest with free slots" define_guest slots idle "$first"
check "... starts" m virsh -q start slots
check "a disk comes whose name is before the first one's" m virsh -q attach-disk slots $images/two.raw vda --live
xml dog <<<"<watchdog model='i6300esb' action='poweroff'/>"
xml other-dog <<<"<watchdog model='i6300esb' action='reset'/>"
xml old-dog <<<"<watchdog model='ib700' action='poweroff'/>"
check "a watchdog comes" m virsh -q attach-device slots /root/dog.xml --live
check "... QEMU has it" contains '"qdev_id":"watchdog0"' m virsh qemu-monitor-command slots '{"execute":"query-pci"}'
refused "... one that does something else does not" "watchdogs with different actions are not supported" \
        m virsh attach-device slots /root/other-dog.xml --live
refused "... nor one of the board" "hotplug of watchdog model 'ib700' is not supported" \
        m virsh attach-device slots /root/old-dog.xml --live
xml screen <<<"<graphics type='vnc' port='-1' autoport='yes'><listen type='address' address='0.0.0.0'/></graphics>"
refused "a screen stays where it listens" "cannot change listen address setting on 'vnc' graphics" \
        m virsh update-device slots /root/screen.xml --live
check "... is destroyed" m virsh -q destroy slots

check "define" define_plug
check "start" m virsh -q start plug
check "... it runs" shows_running plug
check "... at its login prompt" eventually 150 at_prompt
check "... its devices are watched" eventually 60 begin_watch
check "the socket for devices is there" equals active m systemctl is-active vm-plug.socket
fds=$(qemu_fds)

# --- a disk ---

events() {
        m_with_input sh -c 'cat > /root/events.py
                systemd-run -q --unit=events /usr/bin/python3 -u /root/events.py' <<'PY'
import libvirt, threading
libvirt.virEventRegisterDefaultImpl()
c = libvirt.open('qemu:///system')
def told(word):
    return lambda c, d, alias, *rest: print(word, d.name(), alias, flush=True)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, told('added'), None)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, told('removed'), None)
c.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, told('tray'), None)
print('listening', flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
PY
}
told() { m journalctl -b -o cat --no-pager -u events | grep -qF -- "$1"; }
check "somebody listens" events
check "... to events" eventually 20 told listening

check "attach-disk" m virsh -q attach-disk plug $images/one.raw vdb --live
check "... the guest sees it" eventually 60 sees '\bvdb\b'
check "... the live definition has it" contains "$images/one.raw" live
check "... which says that nothing is below it" \
        contains "<backingStore/>" m sh -c 'virsh dumpxml plug | grep -A1 one.raw'
check "... the other one has not" lacks one.raw inactive
check "... an event says so" eventually 10 told "added plug virtio-disk1"
check "... nothing is pending" not m test -e /run/libvirt/qemu/plug.pending
check "... its image is a descriptor" m sh -c "ls -l /proc/$(qemu_pid plug)/fd | grep -q one.raw"
before=$(live)
refused "another one: there is no slot for it" \
        "No more available PCI slots: add <controller type='pci' model='pcie-root-port'/> to the definition" \
        m virsh attach-disk plug $images/two.raw vdc --live
check "... and the guest is as before" equals "$before" live
refused "the same image twice" "is an image of the guest's disk vdb already" \
        m virsh attach-disk plug $images/one.raw sdb --targetbus scsi --live
refused "a target that is there" "target vdb already exists" m virsh attach-disk plug $images/two.raw vdb --live
refused "an image that is not there" "No such file or directory" \
        m virsh attach-disk plug $images/none.raw sdb --targetbus scsi --live
check "... nothing of it is left" lacks sdb live
check "detach-disk" m virsh -q detach-disk plug vdb --live
check "... it goes" detached one.raw
check "... the guest sees that" eventually 60 sees_not '\bvdb\b'
check "... an event says so" eventually 10 told "removed plug virtio-disk1"
check "... its image is closed" m sh -c "! ls -l /proc/$(qemu_pid plug)/fd | grep -q one.raw"
check "... and no descriptor is left" equals "$fds" qemu_fds

# --- a disk of a guest that cannot answer ---

check "there is room again" m virsh -q attach-disk plug $images/one.raw vdb --live
check "... the guest sees it" eventually 60 sees '\bvdb\b'
check "suspend" m virsh -q suspend plug
LIMIT=20 check "detach-disk of a paused guest returns" m virsh -q detach-disk plug vdb --live
check "... the disk stays" contains one.raw live
LIMIT=20 refused "once more is an error" "error" m virsh -q detach-disk plug vdb --live
check "resume" m virsh -q resume plug
check "... it goes" detached one.raw
check "... the guest sees that" eventually 60 sees_not '\bvdb\b'

# --- with a backing file, on SCSI, by its alias ---

check "a disk on SCSI, with what backs it" m virsh -q attach-disk plug $images/over.qcow2 sdb --targetbus scsi \
        --subdriver qcow2 --live
check "... the guest sees it" eventually 60 sees '\bsd[a-z]\b'
check "... the definition has its chain" contains "$images/base.raw" live
check "... detach by alias" m virsh -q detach-device-alias plug scsi0-0-0-1 --live
check "... it goes" detached over.qcow2
check "... no descriptor is left" equals "$fds" qemu_fds

# --- the persistent definition ---

check "attach-disk --config" m virsh -q attach-disk plug $images/two.raw vdb --config
check "... another one" m virsh -q attach-disk plug $images/three.raw vdc --config
check "... are in that definition" contains three.raw inactive
check "... not in the live one" lacks three.raw live
check "detach-disk --config" m virsh -q detach-disk plug vdc --config
check "... and it has gone from there" lacks three.raw inactive
check "... detach of the other" m virsh -q detach-disk plug vdb --config

# --- a card ---

mac=52:54:00:12:34:56
check "attach-interface, on a bridge" m virsh -q attach-interface plug bridge br-plug --model virtio --mac $mac --live
check "... the guest sees it" eventually 60 sees "$mac"
check "... its tap is in the bridge" m sh -c 'ip link show master br-plug | grep -q vnet'
check "... an event says so" eventually 10 told "added plug net0"
check "domif-setlink down" m virsh -q domif-setlink plug $mac down
check "... domif-getlink" contains down m virsh domif-getlink plug $mac
check "domif-setlink up" m virsh -q domif-setlink plug $mac up
check "... domif-getlink" contains up m virsh domif-getlink plug $mac
xml card <<XML
<interface type='bridge'><mac address='$mac'/><source bridge='br-plug'/><model type='e1000'/></interface>
XML
refused "another model" "cannot modify field 'model' of the network device" \
        m virsh update-device plug /root/card.xml --live
check "detach-interface" m virsh -q detach-interface plug bridge --mac $mac --live
check "... it goes" detached $mac
check "... the guest sees that" eventually 60 sees_not "$mac"
check "... its tap is gone" m sh -c '! ip link show master br-plug | grep -q vnet'
check "... no descriptor is left" equals "$fds" qemu_fds

# --- a medium ---

check "change-media: another one" m virsh -q change-media plug sda $images/b.iso --update --live
check "... the definition has it" contains b.iso live
blocks() { m virsh qemu-monitor-command plug '{"execute":"query-block"}'; }
check "... QEMU has it" contains '"virtual-size":2097152' blocks
check "... events tell of the tray" eventually 10 told "tray plug sata0-0-0"
check "change-media --eject" m virsh -q change-media plug sda --eject --live
check "... it is empty" lacks b.iso live
check "... its image is closed" m sh -c "! ls -l /proc/$(qemu_pid plug)/fd | grep -q iso"
refused "... once more" "doesn't have media" m virsh change-media plug sda --eject --live
check "attach-disk into the drive that is there" \
        m virsh -q attach-disk plug $images/b.iso sda --type cdrom --mode readonly --live
check "... has the medium" contains $images/b.iso m virsh domblklist plug
check "... is of the same bus" contains "<target dev='sda' bus='sata'" live
check "... and takes it out" m virsh -q attach-disk plug '' sda --type cdrom --mode readonly --live
refused "... a disk does not go into it" "target sda already exists" \
        m virsh attach-disk plug $images/b.iso sda --live
check "change-media --insert" m virsh -q change-media plug sda $images/a.iso --insert --live
check "... the definition has it" contains a.iso live
check "... and of both" m virsh -q change-media plug sda $images/b.iso --update --live --config
check "... live" contains b.iso live
check "... for the next start" contains b.iso inactive
refused "the source of a disk stays" "cannot modify field 'source' of the disk" m_with_input \
        sh -c "cat > /root/d.xml; virsh update-device plug /root/d.xml --live" <<XML
<disk type='file' device='disk'>
  <driver name='qemu' type='raw'/><source file='$images/one.raw'/><target dev='vda' bus='virtio'/>
</disk>
XML

# --- a password ---

set_password() {
        xml screen <<<"<graphics type='vnc' passwd='$1'/>"
        m virsh -q update-device plug /root/screen.xml --live
}
check "another password of the screen" set_password second
check "... stands in the definition" contains "passwd='second'" m virsh dumpxml --security-info plug

# --- others ---

one_of() { # WHAT DOCUMENT GONE
        local what=$1 gone=$3
        xml device <<<"$2"
        check "$what: attach-device" m virsh -q attach-device plug /root/device.xml --live
        check "... the definition has it" contains "$gone" live
        check "... detach-device" m virsh -q detach-device plug /root/device.xml --live
        check "... it goes" detached "$gone"
}
one_of "random numbers" "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>" /dev/urandom
one_of "a tablet" "<input type='tablet' bus='usb'/>" "type='tablet'"
one_of "a channel" "<channel type='unix'><source mode='bind' path='/run/libvirt/qemu/plug.chan'/>
        <target type='virtio' name='org.example.plug'/></channel>" org.example.plug
check "... its socket is gone" not m test -e /run/libvirt/qemu/plug.chan
one_of "a channel that is a file, with a log" "<channel type='file'><source path='/srv/late'/>
        <log file='/srv/late.log'/><target type='virtio' name='org.example.file'/></channel>" org.example.file
check "... no descriptor is left with vm-run" eventually 10 m sh -c \
        '! ls -l /proc/$(systemctl show -P MainPID vm@plug)/fd | grep -q late'
one_of "a console of virtio" "<console type='pty'><target type='virtio'/></console>" "<target type='virtio' port="
one_of "a way out of the guest" "<channel type='unix'><source mode='bind' path='/run/libvirt/qemu/plug.out'/>
        <target type='guestfwd' address='10.0.2.1' port='4600'/></channel>" guestfwd
check "... which can come again" m virsh -q attach-device plug /root/device.xml --live
check "... and go" m virsh -q detach-device plug /root/device.xml --live
xml device <<<"<lease><lockspace>here</lockspace><key>plug</key><target path='/srv/lease'/></lease>"
check "a lease, of which there is no manager" m virsh -q attach-device plug /root/device.xml --live --config
check "... both definitions have it" contains "<key>plug</key>" live
check "... the other one" contains "<key>plug</key>" inactive
refused "... once only" "Lease plug in lockspace here already exists" m virsh attach-device plug /root/device.xml --live
check "... it goes" m virsh -q detach-device plug /root/device.xml --live --config
check "... from both" lacks "<key>plug</key>" live
refused "... once only" "Lease plug in lockspace here does not exist" m virsh detach-device plug /root/device.xml --live
one_of "a SCSI controller" "<controller type='scsi' index='3' model='virtio-scsi'/>" "type='scsi' index='3'"
one_of "a USB disk" "<disk type='file'><driver name='qemu' type='raw'/><source file='$images/three.raw'/>
        <target dev='sdu' bus='usb'/></disk>" three.raw
xml dimm <<<"<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
check "memory: attach-device" m virsh -q attach-device plug /root/dimm.xml --live
check "... the definition has it" contains "<memory model='dimm'>" live
modules() { m virsh qemu-monitor-command plug '{"execute":"query-memory-devices"}'; }
check "... QEMU has it" contains '"size":134217728' modules
totals() {
        m sh -c "virsh dumpxml plug $* | sed -n 's/.*<\(memory\|currentMemory\) unit=.KiB.>\(.*\)<.*/\2/p' | xargs"
}
check "... it is counted" equals "327680 327680" totals
check "... not for the next start" equals "196608 196608" totals --inactive
check "... attach-device --config" m virsh -q attach-device plug /root/dimm.xml --config
check "... counts it there" equals "327680 327680" totals --inactive
check "... and it goes from there" m virsh -q detach-device plug /root/dimm.xml --config
check "... with its count" equals "196608 196608" totals --inactive
xml dimm <<<"<memory model='dimm'><target><size unit='MiB'>1024</size><node>0</node></target></memory>"
for how in live config; do
        refused "... more than the guest may have, --$how" "would exceed domain's maxMemory config size '1048576'" \
                m virsh attach-device plug /root/dimm.xml --$how
done
xml other <<<"<input type='mouse' bus='ps2'/>"
refused "a mouse of the board's" "input device on bus 'ps2' cannot be hot plugged." \
        m virsh attach-device plug /root/other.xml --live
refused "... stays" "input device on bus 'ps2' cannot be detached" \
        m virsh detach-device-alias plug "$(m sh -c "virsh dumpxml plug | grep -A1 \"'mouse' bus='ps2'\" |
                sed -n \"s/.*alias name='\\(.*\\)'.*/\\1/p\"")" --live
refused "... and as it is" "unsupported configuration: live update of device 'input' is not supported" \
        m virsh update-device plug /root/other.xml --live
refused "a drive of the board's stays" "disk device type 'cdrom' cannot be detached" \
        m virsh detach-disk plug sda --live
refused "a disk for the board" "disk bus 'sata' cannot be hotplugged." \
        m virsh attach-disk plug $images/two.raw sdc --targetbus sata --live
refused "a floppy" "floppy device hotplug isn't supported" \
        m virsh attach-disk plug $images/two.raw fda --type floppy --live
refused "another size for a medium" "can't resize empty or readonly disk 'sda'" m virsh blockresize plug sda 8M
xml video <<<"<video><model type='cirrus'/></video>"
refused "what is no device for it" "live attach of device 'video' is not supported" \
        m virsh attach-device plug /root/video.xml --live
not_live() { # WHAT TEXT DOCUMENT
        xml other <<<"$3"
        refused "$1" "$2" m virsh attach-device plug /root/other.xml --live
        check "... and is in the definition where that is wanted" m virsh -q attach-device plug /root/other.xml --config
        check "... and out of it" m virsh -q detach-device plug /root/other.xml --config
}
host() { echo "<hostdev mode='subsystem' type='$1' $2><source><address $3/></source></hostdev>"; }
not_live "a PCI device that the host has not" "the host has no PCI device 0000:06:12.5" \
        "$(host pci "managed='yes'" "domain='0x0000' bus='0x06' slot='0x12' function='0x5'")"
not_live "a mediated one" "mediated device 'b0a67f2e-4d0b-4a50-8a57-0d1e2f3a4b5c' not found" \
        "$(host mdev "model='vfio-pci'" "uuid='b0a67f2e-4d0b-4a50-8a57-0d1e2f3a4b5c'")"
not_live "a card of the host" "the host has no PCI device 0000:06:12.5" \
        "<interface type='hostdev' managed='yes'><mac address='52:54:00:55:55:55'/><source>
        <address type='pci' domain='0x0000' bus='0x06' slot='0x12' function='0x5'/></source></interface>"
xml port <<<"<controller type='pci' model='pcie-root-port'/>"
refused "a bus of the board's" "'pci' controller cannot be hot plugged" \
        m virsh attach-device plug /root/port.xml --live

# --- the supervisor is killed ---

fds=$(qemu_fds)
check "attach, and its daemon is killed before the answer comes" m sh -c "
        systemctl stop vm-plug.socket vm-plug.service; mkdir -p /run/libvirt/plug; rm -f /run/libvirt/plug/socket
        systemd-run -q --unit=mute /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(\"/run/libvirt/plug/socket\"); s.listen(); time.sleep(600)'
        i=0; until [ -S /run/libvirt/plug/socket ] && systemctl -q is-active mute; do sleep 0.2; done
        (virsh -q attach-disk plug $images/one.raw vdb --live >/dev/null 2>&1 &)
        until [ -e /run/libvirt/qemu/plug.pending ]; do sleep 0.1; done
        systemctl kill -s KILL virtqemud.service; sleep 0.5; systemctl reset-failed virtqemud.service
        systemctl stop mute; rm -f /run/libvirt/plug/socket; systemctl start vm-plug.socket"
check "... the next one finds nothing half there" eventually 30 lacks one.raw live
gone() { ! m test -e /run/libvirt/qemu/plug.pending; }
check "... nothing is pending" eventually 30 gone
check "... no descriptor is left" equals "$fds" qemu_fds
check "... and it can be attached" m virsh -q attach-disk plug $images/one.raw vdb --live
check "... the guest sees it" eventually 60 sees '\bvdb\b'
moved=52:54:00:66:66:66
m sh -c 'ip link add br-other type bridge && ip link set br-other up'
check "a card that is about to move" \
        m virsh -q attach-interface plug bridge br-plug --model usb-net --mac $moved --live
xml moved <<<"<interface type='bridge'><mac address='$moved'/><source bridge='br-other'/><model type='usb-net'/>
        </interface>"
check "... the daemon is killed when vm-plug has moved it, and has not said so" m sh -c "
        systemctl start vm-plug.socket; cd /run/libvirt/plug; mv socket real
        systemd-run -q --unit=relay /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(\"/run/libvirt/plug/socket\"); s.listen(); c = s.accept()[0]
r = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
r.connect(\"/run/libvirt/plug/real\"); r.send(c.recv(4096)); r.recv(200000)
open(\"/tmp/relayed\", \"w\"); time.sleep(600)'
        until [ -S socket ]; do sleep 0.1; done
        (virsh -q update-device plug /root/moved.xml --live >/dev/null 2>&1 &)
        until [ -e /tmp/relayed ]; do sleep 0.1; done
        systemctl kill -s KILL virtqemud.service; sleep 0.5; systemctl reset-failed virtqemud.service
        systemctl stop relay; rm -f socket; mv real socket"
check "... the next one's definition says where it is" eventually 30 contains "<source bridge='br-other'/>" live
in_other() { m sh -c 'ip link show master br-other | grep -q vnet && ! ip link show master br-plug | grep -q vnet'; }
check "... and it is there" in_other
check "... nothing is pending" eventually 30 gone
check "... it is up" m sh -c "ip link show master br-other | grep -q '[<,]UP[,>]'"
check "... it goes" m virsh -q detach-interface plug bridge --mac $moved --live
check "... with its tap" eventually 30 m sh -c '! ip link show master br-other | grep -q vnet'
check "detach, and there is no daemon when it goes" m sh -c "
        systemctl reset-failed virtqemud.service; systemctl stop 'virtqemud*.socket' virtqemud.service
        p=\$(echo /run/libvirt/qemu/vm-plug/qmp.sock)
        /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile(\"rw\"); f.readline()
for c in (\"qmp_capabilities\\\"}\", \"device_del\\\", \\\"arguments\\\": {\\\"id\\\": \\\"virtio-disk1\\\"}}\"):
    f.write(\"{\\\"execute\\\": \\\"\" + c + \"\\n\"); f.flush()
    while \"return\" not in f.readline(): pass
while \"DEVICE_DELETED\" not in f.readline(): pass' \$p
        systemctl start virtqemud.socket virtqemud-ro.socket virtqemud.service"
check "... the next daemon sees that" eventually 30 lacks one.raw live
check "... its image is closed" eventually 10 m sh -c "! ls -l /proc/$(qemu_pid plug)/fd | grep -q one.raw"

# --- again and again ---

times=30
only_at_night && times=200
again() {
        LIMIT=1500 py $times $images <<'PY'
import libvirt, sys, threading
libvirt.virEventRegisterDefaultImpl()
c = libvirt.open('qemu:///system')
d = c.lookupByName('plug')
gone = threading.Event()
c.domainEventRegisterAny(d, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, lambda *a: gone.set(), None)
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
documents = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{sys.argv[2]}/one.raw'/>"
             "<target dev='vdb' bus='virtio'/></disk>",
             "<interface type='bridge'><mac address='52:54:00:77:77:77'/><source bridge='br-plug'/>"
             "<model type='virtio'/></interface>")
for i in range(int(sys.argv[1])):
    for document in documents:
        gone.clear()
        d.attachDeviceFlags(document, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        d.detachDeviceFlags(document, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        if not gone.wait(60):
            sys.exit(f'round {i}: it does not go')
print('all went')
PY
}
fds=$(qemu_fds)
check "attach and detach of a disk and a card, $times times" contains "all went" again
check "... no descriptor is left" equals "$fds" qemu_fds
sets() { m virsh qemu-monitor-command plug '{"execute":"query-fdsets"}'; }
check "... no set of descriptors but the medium's" lacks device:virtio-disk sets
check "... no tap" m sh -c '! ip link show master br-plug | grep -q vnet'
five() {
        LIMIT=600 py $((times / 5)) $images <<'PY'
import libvirt, sys, threading
rounds, images, failed = int(sys.argv[1]), sys.argv[2], []
def client(n):
    try:
        domain = libvirt.open('qemu:///system').lookupByName('plug')
        document = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{images}/client{n}.raw'/>"
                    f"<target dev='sd{'bcdef'[n]}' bus='scsi'/></disk>")
        for _ in range(rounds):
            domain.attachDeviceFlags(document, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            if f'client{n}.raw' not in domain.XMLDesc():
                raise RuntimeError('it is not there')
            domain.detachDeviceFlags(document, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except Exception as e:
        failed.append(f'{n}: {e}')
clients = [threading.Thread(target=client, args=(n,)) for n in range(5)]
for c in clients:
    c.start()
for c in clients:
    c.join()
print('\n'.join(failed) or 'all five')
PY
}
m sh -c "cd $images && for n in 0 1 2 3 4; do truncate -s 1M client\$n.raw; done"
check "five clients at once, each with a disk of its own" contains "all five" five
check "... none is left" lacks client live
check "... nor a descriptor of one" m sh -c "! ls -l /proc/$(qemu_pid plug)/fd | grep -q client"
check "... nor a set" lacks device:scsi sets
check "... no unit" equals "" m sh -c "systemctl list-units --plain --no-legend --failed 'vm-plug*'"
check "... the slot is free" m virsh -q attach-disk plug $images/one.raw vdb --live
check "... it runs" contains running m virsh domstate plug
check "vm-plug ends by itself" eventually 60 m sh -c "[ \"\$(systemctl is-active vm-plug.service)\" = inactive ]"
check "... its sandbox" m systemd-analyze security --no-pager --threshold=60 vm-plug.service
check "destroy" m virsh -q destroy plug
finish
